#include "scanner/active/connect_scan.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "tests/scanner/active/local_server.h"
#include "tests/support/own_network.h"

using namespace demarc;
using namespace demarc::test;
using namespace std::chrono_literals;

namespace {

struct Sink final : ScanSink {
  std::map<std::uint64_t, ScanFound> found;
  std::vector<CanaryLook> looks;
  std::vector<std::string> notes;
  int doubled = 0, fail_after = -1, calls = 0;
  std::function<void()> on_batch, on_look;
  ScanProgress last;
  Result<void> on_found(std::span<const ScanFound> batch) override {
    if (fail_after >= 0 && calls++ >= fail_after) return failure("No space left on device");
    for (const ScanFound& f : batch) doubled += found.emplace(f.index, f).second ? 0 : 1;
    if (on_batch) on_batch();
    return {};
  }
  Result<void> on_canary(const CanaryLook& look) override {
    looks.push_back(look);
    if (on_look) on_look();
    return {};
  }
  Result<void> on_note(const std::string& note) override {
    notes.push_back(note);
    return {};
  }
  void on_progress(const ScanProgress& progress) override { last = progress; }
};

/// A scan of these ports of one local address, fast and without decoys.
ScanRequest scan_of(const std::vector<Port>& ports, Target target = loopback()) {
  ScanRequest request;
  request.work_count = ports.size();
  request.work = [ports, target](std::uint64_t i) {
    return ScanWork{target, ports[i], Protocol::tcp, {}, Speak::freely, 0, 0};
  };
  request.pace.rate_max = request.pace.rate_max_per_target = 0;
  request.pace.states_max_per_path = 0;
  request.pace.decoys_per_target = 0;
  request.pace.tries_max = 1;
  request.pace.listen_time = 150ms;
  return request;
}

std::vector<Port> range(unsigned first, unsigned last) {
  std::vector<Port> ports;
  for (unsigned p = first; p <= last; ++p) ports.push_back(Port{static_cast<std::uint16_t>(p)});
  return ports;
}

// Before main(): the whole program runs in a network of its own, where every listener is a test's own. Where the
// machine allows none, the tests run on its loopback.
const bool kAlone = enter_own_network();

}  // namespace

TEST_CASE("open and closed ports, with what speaks on them") {
  for (const char* address : {"127.0.0.1", "::1"}) {
    CAPTURE(address);
    LocalServer server(
        [](int fd, int) {
          say(fd, "220 mail.example.net ESMTP Postfix\r\n");
          hear(fd, 100);
        },
        std::string_view(address) == "::1");
    if (!server.listens()) continue;
    Port closed = closed_port();
    ScanRequest request = scan_of({server.port(), closed}, loopback(address));
    Sink sink;
    auto result = run_connect_scan(request, sink);
    REQUIRE(result.has_value());
    CHECK(result->summary.end == ScanEnd::complete);
    CHECK(result->unanswered_work == 0);
    REQUIRE(sink.found.size() == 2);
    CHECK(sink.doubled == 0);
    const ScanFound& open = sink.found.at(0);
    CHECK(open.outcome.state == PortState::open);
    CHECK(open.outcome.passage == Passage::passed);
    CHECK(open.outcome.rtt_us > 0);
    REQUIRE(open.service.has_value());
    CHECK(open.service->name == "smtp");
    CHECK(open.service->product == "Postfix");
    CHECK(sink.found.at(1).outcome.state == PortState::closed);
    CHECK(sink.found.at(1).outcome.passage == Passage::undetermined);
    CHECK_FALSE(sink.found.at(1).outcome.answered_by.has_value());
    CHECK(sink.last.done == 2);
    CHECK(sink.last.open == 1);
  }
}

TEST_CASE("a port that must not be spoken to gets a connection and nothing else") {
  std::string heard;
  LocalServer server([&](int fd, int) { heard += hear(fd, 300); });
  ScanRequest request = scan_of({server.port()});
  request.work = [&, target = loopback()](std::uint64_t) {
    return ScanWork{target, server.port(), Protocol::tcp, {}, Speak::nothing, 0, 0};
  };
  Sink sink;
  REQUIRE(run_connect_scan(request, sink).has_value());
  server.stop();
  CHECK(sink.found.at(0).outcome.state == PortState::open);
  CHECK_FALSE(sink.found.at(0).service.has_value());
  CHECK(heard.empty());
  CHECK(server.connections() <= 1);  // a reset may take it back before the server accepts it
}

TEST_CASE("the machine's own ephemeral ports are not opened by asking them") {
  // Every port of the range from which the kernel takes source ports, asked on the machine itself: without care
  // some attempts meet themselves or each other and look open.
  LocalServer server;
  ScanRequest request = scan_of(range(32768, 60999));
  request.services = false;
  Sink sink;
  auto result = run_connect_scan(request, sink);
  REQUIRE(result.has_value());
  CHECK(sink.found.size() == request.work_count);
  if (!kAlone) MESSAGE("SKIPPED: other programs' listeners come and go on this loopback");
  for (const auto& [index, found] : sink.found) {
    if (!kAlone || found.outcome.state != PortState::open) continue;
    // Real listeners of the machine are a few; every one must accept an ordinary connection.
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(found.outcome.ports.first.number());
    CAPTURE(found.outcome.ports.first.number());
    CHECK(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    close(fd);
  }
  CHECK(sink.found.at(server.port().number() >= 32768 ? server.port().number() - 32768U : 0U).outcome.state ==
        (server.port().number() >= 32768 ? PortState::open : PortState::closed));
}

TEST_CASE("what a resumed journal has is not asked again") {
  LocalServer first, second;
  ScanRequest request = scan_of({first.port(), second.port()});
  request.services = false;
  request.already_answered = [](std::uint64_t i) { return i == 0; };
  Sink sink;
  auto result = run_connect_scan(request, sink);
  REQUIRE(result.has_value());
  CHECK(sink.found.size() == 1);
  CHECK(sink.found.contains(1));
  CHECK(result->unanswered_work == 0);
  CHECK(first.connections() == 0);
}

TEST_CASE("the rate is kept, whatever the number of ports") {
  ScanRequest request = scan_of(range(20000, 20149));
  request.pace.rate_max = 300;
  Sink sink;
  auto begin = std::chrono::steady_clock::now();
  REQUIRE(run_connect_scan(request, sink).has_value());
  // 150 attempts at 300/s cannot take less than half a second, less one burst.
  CHECK(std::chrono::steady_clock::now() - begin > 480ms);
  CHECK(sink.found.size() == 150);
}

TEST_CASE("one target's cap does not starve another") {
  ScanRequest request = scan_of(range(20000, 20099));
  Target slow = loopback("127.0.0.1"), fast = loopback("127.0.0.2");
  request.work_count = 200;
  request.work = [&](std::uint64_t i) {
    return ScanWork{
        i % 2 ? slow : fast, Port{static_cast<std::uint16_t>(20000 + i / 2)}, Protocol::tcp, {}, Speak::nothing, 0,
        i % 2 ? 200U : 0U};
  };
  std::set<std::uint64_t> early;
  Sink sink;
  sink.on_batch = [&] {
    if (early.empty())
      for (const auto& [index, found] : sink.found) early.insert(index);
  };
  auto begin = std::chrono::steady_clock::now();
  REQUIRE(run_connect_scan(request, sink).has_value());
  CHECK(std::chrono::steady_clock::now() - begin > 470ms);
  CHECK(sink.found.size() == 200);
  CHECK(sink.doubled == 0);
}

TEST_CASE("a stop ends the run in order, and what is left is asked by a resumed one") {
  ScanRequest request = scan_of(range(20000, 24999));
  request.pace.rate_max = 2000;
  std::atomic<bool> stop{false};
  request.stop = &stop;
  Sink sink;
  sink.on_batch = [&] { stop = true; };
  auto result = run_connect_scan(request, sink);
  REQUIRE(result.has_value());
  CHECK(result->summary.end == ScanEnd::interrupted);
  CHECK(result->unanswered_work == 5000 - sink.found.size());
  CHECK(result->unanswered_work > 0);
  CHECK_FALSE(sink.found.empty());

  stop = false;
  request.pace.rate_max = 0;
  request.already_answered = [done = sink.found](std::uint64_t i) { return done.contains(i); };
  sink.on_batch = nullptr;
  result = run_connect_scan(request, sink);
  REQUIRE(result.has_value());
  CHECK(result->summary.end == ScanEnd::complete);
  CHECK(sink.found.size() == 5000);
  CHECK(sink.doubled == 0);
}

TEST_CASE("a window that closes and a runtime that is over end the run under their names") {
  ScanRequest request = scan_of(range(20000, 24999));
  request.pace.rate_max = 1000;
  int asked = 0;
  request.window_open = [&](Timestamp) { return ++asked < 3; };
  Sink sink;
  auto result = run_connect_scan(request, sink);
  REQUIRE(result.has_value());
  CHECK(result->summary.end == ScanEnd::window_closed);
  CHECK(result->unanswered_work > 0);

  request.window_open = nullptr;
  request.runtime_max = 100ms;
  Sink other;
  result = run_connect_scan(request, other);
  REQUIRE(result.has_value());
  CHECK(result->summary.end == ScanEnd::runtime_reached);
}

TEST_CASE("a sink that cannot write ends the run with its error") {
  ScanRequest request = scan_of(range(20000, 20999));
  Sink sink;
  sink.fail_after = 0;
  auto result = run_connect_scan(request, sink);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().what == "No space left on device");
}

TEST_CASE("a canary is looked at before and after, and loss is known") {
  LocalServer canary;
  ScanRequest request = scan_of(range(20000, 20099));
  request.canaries.push_back({loopback(), canary.port()});
  Sink sink;
  auto result = run_connect_scan(request, sink);
  REQUIRE(result.has_value());
  CHECK(result->summary.end == ScanEnd::complete);
  REQUIRE(sink.looks.size() >= 2);
  CHECK(sink.looks.front().answered);
  CHECK(sink.looks.back().answered);
  CHECK(result->summary.loss_estimate == 0);
  CHECK(sink.found.size() == 100);
}

TEST_CASE("no canary at all means that loss is not known") {
  Sink sink;
  auto result = run_connect_scan(scan_of(range(20000, 20009)), sink);
  REQUIRE(result.has_value());
  CHECK(result->summary.loss_estimate == -1);
}

TEST_CASE("a canary that is down at the start stops everything before anything is asked") {
  LocalServer target;
  ScanRequest request = scan_of({target.port()});
  request.canaries.push_back({loopback(), closed_port()});
  Sink sink;
  auto result = run_connect_scan(request, sink);
  REQUIRE(result.has_value());
  CHECK(result->summary.end == ScanEnd::canary_lost);
  CHECK(sink.found.empty());
  CHECK(target.connections() == 0);
}

TEST_CASE(
    "a canary lost in mid-run takes back what was measured since it was good, and ends the run if it stays lost") {
  auto canary = std::make_unique<LocalServer>();
  ScanRequest request = scan_of(range(20000, 29999));
  request.canaries.push_back({loopback(), canary->port()});
  request.pace.canary_probes = 1000;
  request.pace.canary_patience = 0s;
  std::size_t confirmed = 0;
  Sink sink;
  sink.on_look = [&] {
    if (sink.looks.size() != 3) return;
    canary.reset();  // after the opening look and two confirmed batches
  };
  sink.on_batch = [&] { confirmed = sink.found.size(); };
  auto result = run_connect_scan(request, sink);
  REQUIRE(result.has_value());
  CHECK(result->summary.end == ScanEnd::canary_lost);
  CHECK(result->why.find("may be blocked") != std::string::npos);
  CHECK(confirmed == sink.found.size());
  CHECK(sink.found.size() < 5000);
  CHECK(result->unanswered_work == 10000 - sink.found.size());
  CHECK(result->summary.loss_estimate > 0);
}

TEST_CASE("where everything answers, opens prove nothing") {
  LocalServer server;
  ScanRequest request = scan_of({server.port()});
  request.services = false;
  request.pace.decoys_per_target = 4;
  Sink sink;
  REQUIRE(run_connect_scan(request, sink).has_value());
  CHECK(sink.found.at(0).outcome.doubt ==
        Doubt::none);  // loopback refuses its decoys; lab.sh has the host that does not
}
