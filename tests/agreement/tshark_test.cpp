// The flow table beside tshark, on a capture of every kind of conversation. tshark decodes each frame; which
// packets belong together and how many bytes they are is summed up here from its columns, by the two ends alone.
// What each pair of ends carried must be the same to the packet and to the byte, but for the differences that
// tests/agreement/differences.md explains one by one; every one of them is told apart here, and counted.
#include <cstdio>
#include <cstdlib>
#include <map>

#include "tests/agreement/observed.h"
#include "tests/support/traffic/kinds.h"

namespace demarc {

using namespace traffic;

namespace {

using Ends = std::tuple<Protocol, Endpoint, Endpoint>;
Ends ends_of(Protocol protocol, Endpoint a, Endpoint b) {
  return b < a ? Ends{protocol, b, a} : Ends{protocol, a, b};
}

struct Carried {
  std::uint64_t packets[2] = {0, 0}, bytes[2] = {0, 0};  // from the smaller end, from the greater one
  bool operator==(const Carried&) const = default;
};

bool is_here(const char* program) {
  return std::system((std::string("command -v ") + program + " >/dev/null 2>&1").c_str()) == 0;
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> out{""};
  for (const char c : line) {
    if (c == '\n') break;
    if (c == '\t')
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

unsigned long number(const std::string& text) { return std::strtoul(text.c_str(), nullptr, 0); }

struct FromTshark {
  std::map<Ends, Carried> carried;
  std::map<Ends, std::map<std::string, int>> streams;  // tcp.stream numbers
  std::uint64_t frames = 0, icmp_errors = 0, orphans = 0;
};

// ip.len, or ipv6.plen and the 40 bytes of its header; the outermost of each (-E occurrence=f), since ICMP errors
// quote a second one. Fragments are not put together (ip.defragment:FALSE), so that each counts itself.
FromTshark ask_tshark(const std::string& path) {
  const std::string command = "tshark -n -r " + path +
                              " -o ip.defragment:FALSE -o ipv6.defragment:FALSE -T fields -E occurrence=f -e "
                              "ip.src -e ip.dst -e ip.len -e ipv6.src "
                              "-e ipv6.dst -e ipv6.plen -e tcp.srcport -e tcp.dstport -e udp.srcport -e "
                              "udp.dstport -e ip.id -e ip.frag_offset "
                              "-e ipv6.fraghdr.ident -e ipv6.fraghdr.offset -e icmp.type -e icmpv6.type -e "
                              "icmp.ident -e icmpv6.echo.identifier "
                              "-e ip.proto -e tcp.stream 2>/dev/null";
  std::FILE* pipe = ::popen(command.c_str(), "re");
  REQUIRE(pipe != nullptr);
  FromTshark out;
  struct Packet {
    Address source, destination;
    Protocol protocol;
    std::uint64_t length;
  };
  using Datagram = std::tuple<Address, Address, std::string>;
  std::vector<std::pair<Datagram, Packet>> later;
  std::map<Datagram, std::tuple<Ends, bool>> owners;
  char* line = nullptr;
  std::size_t room = 0;
  while (::getline(&line, &room, pipe) > 0) {
    const std::vector<std::string> f = split(line);
    REQUIRE(f.size() == 20);
    ++out.frames;
    const bool v6 = f[0].empty();
    Packet p{*parse_address(v6 ? f[3] : f[0]),
             *parse_address(v6 ? f[4] : f[1]),
             {},
             v6 ? number(f[5]) + 40 : number(f[2])};
    Endpoint from{p.source, Port(0)}, to{p.destination, Port(0)};
    const std::string id = v6 ? f[12] : f[10];
    if (number(f[11]) != 0 || number(f[13]) != 0) {
      later.push_back({{p.source, p.destination, id}, p});
      continue;
    }
    const auto ports = [&](const std::string& source, const std::string& destination) {
      from.port = Port(static_cast<std::uint16_t>(number(source))),
      to.port = Port(static_cast<std::uint16_t>(number(destination)));
    };
    if (!f[14].empty() || !f[15].empty()) {
      const unsigned long type = number(v6 ? f[15] : f[14]);
      const bool error = v6 ? type < 128 : type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
      if (error) {
        ++out.icmp_errors;
        continue;
      }
      p.protocol = v6 ? Protocol::icmpv6 : Protocol::icmp;
      ports(v6 ? f[17] : f[16], v6 ? f[17] : f[16]);
    } else if (!f[6].empty()) {
      p.protocol = Protocol::tcp;
      ports(f[6], f[7]);
    } else if (!f[8].empty()) {
      p.protocol = Protocol::udp;
      ports(f[8], f[9]);
    } else {
      p.protocol = Protocol(static_cast<std::uint8_t>(number(f[18])));
    }
    const Ends ends = ends_of(p.protocol, from, to);
    const bool reversed = to < from;
    Carried& c = out.carried[ends];
    ++c.packets[reversed], c.bytes[reversed] += p.length;
    owners[{p.source, p.destination, id}] = {ends, reversed};
    if (p.protocol == Protocol::tcp) ++out.streams[ends][f[19]];
  }
  std::free(line);
  REQUIRE(::pclose(pipe) == 0);
  for (const auto& [datagram, p] : later) {
    const auto owner = owners.find(datagram);
    if (owner == owners.end()) {
      ++out.orphans;
      continue;
    }
    const auto& [ends, reversed] = owner->second;
    ++out.carried[ends].packets[reversed], out.carried[ends].bytes[reversed] += p.length;
  }
  return out;
}

}  // namespace

TEST_CASE("every pair of ends carried what tshark says, to the byte") {
  if (!is_here("tshark")) {
    MESSAGE("SKIPPED: tshark is not installed (packaging/install-packages test)");
    return;
  }
  const MadeCapture made = make_kinds(3, 30);
  const TemporaryCapture file;
  REQUIRE(made.write(file.path, LinkType::ethernet, 262144).has_value());
  const FlowEvidence evidence = observed(file.path, false);
  const FromTshark tshark = ask_tshark(file.path);
  CHECK(tshark.frames == made.packets().size());

  std::map<Ends, Carried> ours;
  std::map<Ends, int> conversations;
  for (const ObservedFlow& flow : evidence.flows) {
    const Endpoint initiator{flow.initiator, flow.initiator_port},
        responder{flow.responder, flow.protocol.is_icmp() ? flow.initiator_port : flow.port};
    const Ends ends = ends_of(flow.protocol, initiator, responder);
    const bool reversed = responder < initiator;
    Carried& c = ours[ends];
    c.packets[reversed] += flow.packets_out, c.bytes[reversed] += flow.bytes_out;
    c.packets[!reversed] += flow.packets_in, c.bytes[!reversed] += flow.bytes_in;
    ++conversations[ends];
  }
  CHECK(ours.size() == tshark.carried.size());
  std::size_t different = 0;
  for (const auto& [ends, carried] : tshark.carried) {
    const auto found = ours.find(ends);
    if (found != ours.end() && found->second == carried) continue;
    if (++different <= 10)
      MESSAGE(to_string(std::get<1>(ends))
              << " and " << to_string(std::get<2>(ends)) << " " << to_string(std::get<0>(ends)) << ": tshark "
              << carried.packets[0] << "+" << carried.packets[1] << " packets " << carried.bytes[0] << "+"
              << carried.bytes[1] << " bytes, demarc " << (found == ours.end() ? 0 : found->second.packets[0])
              << "+" << (found == ours.end() ? 0 : found->second.packets[1]));
  }
  CHECK(different == 0);

  // Differences 1 and 2: neither is part of a conversation here, and both are counted.
  std::uint64_t refusals = 0;
  for (const MadePacket& packet : made.packets()) refusals += packet.flow == traffic::kNone ? 1 : 0;
  CHECK(tshark.icmp_errors + tshark.orphans == refusals);
  CHECK(evidence.sources.at(0).undecoded == tshark.orphans);

  // Difference 3: how many conversations of TCP the packets of one pair of ends are. tshark begins a new stream
  // with a SYN of another number behind an end that it saw, we where something can only be new or the old one was
  // given up.
  std::map<Ends, std::string> kind_of;
  std::map<Ends, int> truth;
  for (const TrueFlow& flow : made.flows()) {
    const Ends ends = ends_of(flow.protocol, flow.initiator, flow.responder);
    kind_of[ends] = flow.kind;
    ++truth[ends];
  }
  for (const auto& [ends, streams] : tshark.streams) {
    const std::string& kind = kind_of.at(ends);
    CAPTURE(kind);
    CHECK(conversations[ends] == truth[ends]);
    if (static_cast<int>(streams.size()) == conversations[ends]) continue;
    const bool explained = kind.find("ports reused") != std::string::npos ||
                           kind.find("refused three times") != std::string::npos ||
                           kind.find("SYN-ACK before the SYN") != std::string::npos;
    CAPTURE(streams.size());
    CHECK(explained);
  }
}

}  // namespace demarc
