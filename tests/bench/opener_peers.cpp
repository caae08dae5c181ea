// argus with racluster, nfpcapd with nfdump -B, and tshark's conversations: run as their users run them, and read
// from the tables they print.
#include "tests/bench/opener_peers.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <functional>

namespace demarc::traffic {

namespace {

using Columns = std::vector<std::string_view>;

Columns split(std::string_view line, char by) {
  Columns out;
  for (;;) {
    const std::size_t end = line.find(by);
    std::string_view word = line.substr(0, end);
    while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
    while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
    out.push_back(word);
    if (end == std::string_view::npos) return out;
    line.remove_prefix(end + 1);
  }
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

bool here(std::string_view program) {
  return std::system(fmt::format("command -v {} >/dev/null 2>&1", program).c_str()) == 0;
}

/// Every line that a shell command prints. False: it could not be run.
bool each_line(const std::string& command, const std::function<void(std::string_view)>& use) {
  std::FILE* pipe = ::popen(command.c_str(), "re");
  if (pipe == nullptr) return false;
  char* line = nullptr;
  std::size_t room = 0;
  for (ssize_t length; (length = ::getline(&line, &room, pipe)) > 0;) {
    std::string_view text(line, static_cast<std::size_t>(length));
    if (text.ends_with('\n')) text.remove_suffix(1);
    use(text);
  }
  std::free(line);
  return ::pclose(pipe) == 0;
}

/// One row: protocol, source, source port, destination, destination port, packets from it, packets to it, start.
std::optional<SaidFlow> flow_of(const Columns& c) {
  if (c.size() < 8) return std::nullopt;
  const auto protocol = parse_protocol(c[0] == "ipv6-icmp" || c[0] == "icmp6" || c[0] == "58" ? "icmpv6" : c[0]);
  const auto source = parse_address(c[1]), destination = parse_address(c[3]);
  if (!protocol || !source || !destination) return std::nullopt;
  SaidFlow s{.protocol = *protocol, .initiator = {*source, Port(0)}, .responder = {*destination, Port(0)}};
  if (protocol->has_ports()) {
    s.initiator.port = Port(static_cast<std::uint16_t>(number(c[2]).value_or(0)));
    s.responder.port = Port(static_cast<std::uint16_t>(number(c[4]).value_or(0)));
  }
  s.packets_out = number(c[5]).value_or(0), s.packets_in = number(c[6]).value_or(0);
  const std::size_t point = c[7].find('.');
  const auto whole = number(c[7].substr(0, point)).value_or(0);
  std::string fraction(point == std::string_view::npos ? "" : c[7].substr(point + 1));
  fraction.resize(9, '0');
  s.first = Timestamp(Nanoseconds(static_cast<std::int64_t>(whole * 1'000'000'000 + number(fraction).value_or(0))));
  return s;
}

std::optional<std::vector<SaidFlow>> table(const std::string& command, char by) {
  std::vector<SaidFlow> out;
  each_line(command, [&](std::string_view line) {
    if (auto flow = flow_of(split(line, by))) out.push_back(std::move(*flow));
  });
  return out;
}

std::optional<std::vector<SaidFlow>> by_argus(const std::string& capture, const std::string& folder) {
  if (!here("argus") || !here("racluster")) return std::nullopt;
  return table(
      fmt::format(
          "cd {1} && argus -X -S 86400 -r {0} -w argus.out >/dev/null 2>&1; racluster -n -u -c , -p 9 -L -1 "
          "-s proto saddr sport daddr dport spkts dpkts stime -r argus.out 2>/dev/null",
          capture, folder),
      ',');
}

std::optional<std::vector<SaidFlow>> by_nfdump(const std::string& capture, const std::string& folder) {
  if (!here("nfpcapd") || !here("nfdump")) return std::nullopt;
  return table(
      fmt::format(
          "cd {1} && mkdir -p nf && nfpcapd -r {0} -w nf -e 3600,120 >/dev/null 2>&1; nfdump -R nf -B -N -q "
          "-o 'fmt:%pr,%sa,%sp,%da,%dp,%opkt,%ipkt,%tsr' 2>/dev/null",
          capture, folder),
      ',');
}

// tshark has no table with one form for all protocols: its own conversation tables, whose first address is whom it
// takes for the opener ("A"), are printed with blanks between.
std::optional<std::vector<SaidFlow>> by_tshark(const std::string& capture, const std::string&) {
  if (!here("tshark")) return std::nullopt;
  std::vector<SaidFlow> out;
  for (const std::string_view protocol : {"tcp", "udp"}) {
    each_line(
        fmt::format("tshark -n -q -r {} -z conv,{} 2>/dev/null", capture, protocol), [&](std::string_view line) {
          const std::size_t arrow = line.find("<->");
          if (arrow == std::string_view::npos) return;
          Columns words;
          for (const std::string_view word : split(line, ' '))
            if (!word.empty()) words.push_back(word);
          // A <-> B, then frames and bytes: to A, from A, both; bytes have a unit of their own column.
          if (words.size() < 10 || words[1] != "<->") return;
          const auto end = [](std::string_view text) -> std::optional<Endpoint> {
            const std::size_t colon = text.rfind(':');
            if (colon == std::string_view::npos) return std::nullopt;
            const auto address = parse_address(text.substr(0, colon));
            if (!address) return std::nullopt;
            return Endpoint{*address, Port(static_cast<std::uint16_t>(number(text.substr(colon + 1)).value_or(0)))};
          };
          const auto a = end(words[0]), b = end(words[2]);
          if (!a || !b) return;
          out.push_back({.protocol = protocol == "tcp" ? Protocol::tcp : Protocol::udp,
                         .initiator = *a,
                         .responder = *b,
                         .packets_out = number(words[6]).value_or(0),
                         .packets_in = number(words[3]).value_or(0)});
        });
  }
  return out;
}

}  // namespace

const std::vector<Peer>& opener_peers() {
  static const std::vector<Peer> peers{{"argus", by_argus}, {"nfdump -B", by_nfdump}, {"tshark", by_tshark}};
  return peers;
}

}  // namespace demarc::traffic
