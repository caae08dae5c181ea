// connect_probe scan ADDRESS[,ADDRESS...] PORTS [OPTION=VALUE...]: the connect engine from the command line, for
// the laboratory and the benchmark. Prints one line for each range of ports that fared alike, then a summary.
// connect_probe listen PORT[:GREETING]...: listeners, until killed.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "rules/net/flow.h"
#include "scanner/active/connect_scan.h"

using namespace demarc;

namespace {

struct Collector final : ScanSink {
  std::map<std::pair<Address, std::uint16_t>, ScanFound> found;
  std::uint64_t doubled = 0;
  bool quiet = false;
  Result<void> on_found(std::span<const ScanFound> batch) override {
    for (const ScanFound& f : batch)
      if (!found.emplace(std::pair{f.outcome.target, f.outcome.ports.first.number()}, f).second) ++doubled;
    return {};
  }
  Result<void> on_canary(const CanaryLook& look) override {
    if (!quiet) fmt::print("canary {} {}\n", to_string(look.port), look.answered ? "answered" : "silent");
    std::fflush(stdout);
    return {};
  }
  Result<void> on_note(const std::string& note) override {
    fmt::print("note {}\n", note);
    std::fflush(stdout);
    return {};
  }
  void on_progress(const ScanProgress&) override {}
};

bool tell_all = false;  // tell=1: everything known of a service

std::string line_of(const ScanFound& f) {
  const Outcome& o = f.outcome;
  std::string line = fmt::format("{} {} {}", name(o.state), name(o.passage), name(o.answer));
  if (o.answered_by) line += " by " + to_string(*o.answered_by);
  if (o.doubt != Doubt::none) line += fmt::format(" doubt {}", name(o.doubt));
  if (f.service) line += fmt::format(" service {} {} {}", f.service->name, f.service->product, f.service->version);
  if (f.service && tell_all) {
    line += fmt::format(" | inside {} | {} |", f.service->tls_inside, f.service->evidence);
    for (const std::string& name : f.service->certificate_names) line += " " + name;
    if (f.service->certificate_expires) line += " until " + to_string(*f.service->certificate_expires);
  }
  return line;
}

int listen_on(int argc, char** argv) {
  std::vector<pollfd> sockets;
  std::vector<std::string> greetings;
  for (int i = 2; i < argc; ++i) {
    std::string text = argv[i];
    std::size_t colon = text.find(':');
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(static_cast<std::uint16_t>(std::stoi(text.substr(0, colon))));
    if (bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0 || listen(fd, 1024) != 0) return 1;
    sockets.push_back({fd, POLLIN, 0});
    greetings.push_back(colon == text.npos ? "" : text.substr(colon + 1) + "\r\n");
  }
  fmt::print("listening\n");
  std::fflush(stdout);
  for (;;) {
    poll(sockets.data(), sockets.size(), -1);
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      if (!(sockets[i].revents & POLLIN)) continue;
      int fd = accept4(sockets[i].fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      if (!greetings[i].empty() && send(fd, greetings[i].data(), greetings[i].size(), MSG_NOSIGNAL) < 0)
        fmt::print(stderr, "gone\n");
      close(fd);
    }
  }
}

int scan(int argc, char** argv) {
  if (argc < 4) return 2;
  std::vector<Prefix> prefixes;
  std::vector<Address> addresses;
  std::string list = argv[2];
  for (std::size_t at = 0; at <= list.size();) {
    std::size_t end = std::min(list.find(',', at), list.size());
    std::string one = list.substr(at, end - at);
    auto address = parse_address(one);
    if (!address) return 2;
    addresses.push_back(*address);
    prefixes.push_back(*parse_prefix(one + (address->is_ipv4() ? "/32" : "/128")));
    at = end + 1;
  }
  auto ports = parse_port_set(argv[3]);
  if (!ports) return 2;
  std::map<std::string, std::string> options;
  for (int i = 4; i < argc; ++i) {
    std::string text = argv[i];
    std::size_t equals = text.find('=');
    options[text.substr(0, equals)] = equals == text.npos ? "" : text.substr(equals + 1);
  }
  auto number = [&](const char* name, double otherwise) {
    return options.contains(name) ? std::stod(options[name]) : otherwise;
  };

  std::optional<Endpoint> canary;
  if (options.contains("canary")) {
    std::string text = options["canary"];
    std::size_t colon = text.rfind(':');
    canary = Endpoint{*parse_address(text.substr(0, colon)),
                      Port{static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1)))}};
    prefixes.push_back(*parse_prefix(text.substr(0, colon) + "/32"));
  }
  auto scope = Scope::from_prefixes(prefixes);
  if (!scope) return 2;
  std::vector<Target> targets;
  for (const Address& address : addresses) targets.push_back(*scope->admit(address));
  std::vector<Port> flat;
  for (const PortRange& range : ports->ranges())
    for (unsigned p = range.first.number(); p <= range.last.number(); ++p)
      flat.push_back(Port{static_cast<std::uint16_t>(p)});

  ScanRequest request;
  request.work_count = flat.size() * targets.size();
  // A prime step visits every index once in a scattered order.
  std::uint64_t step = 7919 % request.work_count == 0 ? 1 : 7919;
  request.work = [&](std::uint64_t i) {
    std::uint64_t k = request.work_count % 7919 == 0 ? i : (i * step) % request.work_count;
    return ScanWork{targets[k / flat.size()], flat[k % flat.size()], Protocol::tcp, {}, Speak::freely, 0, 0};
  };
  request.services = number("services", 1) != 0;
  request.pace.rate_max = number("rate", 0);
  request.pace.rate_max_per_target = number("rate_target", 0);
  request.pace.states_max_per_path = static_cast<std::uint32_t>(number("states", 0));
  request.pace.tries_max = static_cast<std::uint8_t>(number("tries", 2));
  request.pace.listen_time = std::chrono::milliseconds(static_cast<int>(number("listen_ms", 500)));
  request.pace.canary_interval = std::chrono::seconds(static_cast<int>(number("canary_s", 1)));
  request.pace.canary_patience = std::chrono::seconds(static_cast<int>(number("patience_s", 5)));
  if (canary) request.canaries.push_back({*scope->admit(canary->address), canary->port});

  tell_all = number("tell", 0) != 0;
  Collector sink;
  sink.quiet = options.contains("quiet");
  auto begin = std::chrono::steady_clock::now();
  auto result = run_connect_scan(request, sink);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (!result) {
    fmt::print("error {}\n", result.error().what);
    return 2;
  }
  if (tell_all)
    for (const auto& [key, f] : sink.found) fmt::print("{} {} {}\n", to_string(key.first), key.second, line_of(f));
  std::map<std::pair<Address, std::string>, std::vector<PortRange>> alike;
  for (const auto& [key, f] : sink.found)
    if (!tell_all) alike[{key.first, line_of(f)}].push_back(f.outcome.ports);
  for (const auto& [key, ranges] : alike)
    fmt::print("{} {} {}\n", to_string(key.first), to_string(PortSet::of(ranges)), key.second);
  fmt::print("end {} outcomes {} doubled {} left {}\n", name(result->summary.end), sink.found.size(), sink.doubled,
             result->unanswered_work);
  if (!result->why.empty()) fmt::print("why {}\n", result->why);
  fmt::print(stderr, "seconds {:.3f} sent {} loss {:.4f}\n", seconds, result->summary.sent,
             result->summary.loss_estimate);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string what = argc > 1 ? argv[1] : "";
  if (what == "listen") return listen_on(argc, argv);
  if (what == "scan") return scan(argc, argv);
  return 2;
}
