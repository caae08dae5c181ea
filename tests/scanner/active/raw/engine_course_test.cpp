// How a raw scan goes on: the way is lost and comes back, somebody stops it, it resumes, it keeps its pace.
#include <doctest/doctest.h>

#include "tests/scanner/active/raw/engine_lab.h"

using namespace demarc;
using namespace demarc::test;
using namespace std::chrono_literals;

namespace {

constexpr unsigned kCanaryPort = 9;

/// The canary is the host's other address: its port must not be among those asked.
ScanCanary canary() { return {lab_target(kOtherHost), Port{kCanaryPort}}; }

/// Only the SYNs of the work: neither canaries' nor what proves an open port.
std::map<std::uint16_t, int> syns_by_port(const std::vector<Capture::Packet>& packets) {
  std::map<std::uint16_t, int> count;
  for (const Capture::Packet& p : packets)
    if (p.view.protocol == Protocol::tcp && p.view.tcp_flags == tcp_flag::syn && p.view.destination == kHost)
      ++count[p.view.port];
  return count;
}

}  // namespace

namespace {

/// Runs the scan; `after` it began to send, the way is broken for three seconds.
Result<ScanResult> broken_run(FilteredHost& lab, ScanRequest& request, ToldSink& sink,
                              std::chrono::milliseconds after) {
  std::atomic<bool> begun{false}, over{false};
  std::thread breaker([&] {
    while (!begun && !over) std::this_thread::sleep_for(5ms);
    std::this_thread::sleep_for(after);
    if (over) return;
    lab.at_filter([] { run("nft insert rule inet guard forward drop comment broken"); });
    std::this_thread::sleep_for(3s);
    lab.at_filter([] {
      run("nft delete rule inet guard forward handle $(nft -a list chain inet guard forward | "
          "sed -n 's/.*comment \"broken\" # handle //p')");
    });
  });
  const auto work = request.work;
  ScanRequest watched = request;
  watched.window_open = [&](Timestamp) {
    begun = !sink.looks.empty();  // the opening look is over
    return true;
  };
  auto result = run_raw_scan(watched, raw_options(), sink);
  over = true;
  breaker.join();
  return result;
}

}  // namespace

TEST_CASE("what was measured while the way was broken is withdrawn and asked again") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  lab.open_tcp(kCanaryPort, kOtherHost);
  lab.open_tcp(1000);
  // Every eighth port of the host is closed, the others are dropped: when the way breaks, closed ones look silent.
  // In the second run nothing but resets comes from the host, and they wait longer to be told.
  for (bool only_resets : {false, true}) {
    CAPTURE(only_resets);
    if (only_resets)
      lab.filter({"ip saddr 198.51.100.2 tcp flags & (syn | ack) == syn | ack drop",
                  "ip saddr 198.51.100.2 meta l4proto icmp drop"});
    else
      lab.filter({"ip daddr 198.51.100.2 tcp dport 1000-3999 tcp dport & 7 != 0 drop"});
    LabRequest request(tcp_ports(kHost, 1000, 3999));
    request.canaries = {canary()};
    request.pace.rate_max = request.pace.rate_max_per_target = 800;
    request.pace.tries_max = request.pace.tries_limit = 1;
    request.pace.decoys_per_target = 4;
    ToldSink sink;
    auto result = broken_run(lab, request, sink, only_resets ? 700ms : 1500ms);
    REQUIRE(result.has_value());
    CHECK(result->summary.end == ScanEnd::complete);
    CHECK(result->unanswered_work == 0);
    CHECK(sink.noted("withdrawn and asked again"));
    CHECK(sink.noted("the canaries answer again"));
    CHECK(std::any_of(sink.looks.begin(), sink.looks.end(), [](const CanaryLook& look) { return !look.answered; }));
    REQUIRE(sink.found.size() == 3000);
    int closed = 0, silent = 0, open = 0, doubted = 0;
    for (const auto& [index, found] : sink.found) {
      closed += found.outcome.answer == Answer::rst ? 1 : 0;
      silent += found.outcome.answer == Answer::silence ? 1 : 0;
      open += found.outcome.answer == Answer::syn_ack ? 1 : 0;
      doubted += found.outcome.doubt != Doubt::none ? 1 : 0;
    }
    CHECK(closed == 374);
    CHECK(silent == 2625 + (only_resets ? 1 : 0));
    CHECK(open == (only_resets ? 0 : 1));
    CHECK(doubted == 0);
  }
}

TEST_CASE("a way that does not come back ends the run, and nothing silent is told") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  lab.open_tcp(kCanaryPort, kOtherHost);
  LabRequest request(tcp_ports(kHost, 1000, 5999));
  request.canaries = {canary()};
  request.pace.rate_max = request.pace.rate_max_per_target = 800;
  request.pace.canary_patience = 1s;
  ToldSink sink;
  std::atomic<bool> begun{false}, stop{false};
  std::thread breaker([&] {
    while (!begun && !stop) std::this_thread::sleep_for(10ms);
    lab.at_filter([] { run("nft insert rule inet guard forward drop"); });
  });
  sink.on_batch = [&] { begun = true; };
  auto result = run_raw_scan(request, raw_options(), sink);
  stop = true;
  breaker.join();
  REQUIRE(result.has_value());
  CHECK(result->summary.end == ScanEnd::canary_lost);
  CHECK(result->unanswered_work == 5000 - sink.found.size());
  CHECK(sink.found.size() < 5000);
  for (const auto& [index, found] : sink.found) REQUIRE(found.outcome.state == PortState::closed);
}

TEST_CASE("without a canary that answers nothing is asked") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  std::unique_ptr<Capture> arrived;
  lab.at_filter([&] { arrived = std::make_unique<Capture>("far"); });
  LabRequest request(tcp_ports(kHost, 1000, 1099));
  request.canaries = {canary()};
  ToldSink sink;
  auto result = run_raw_scan(request, raw_options(), sink);
  REQUIRE(result.has_value());
  CHECK(result->summary.end == ScanEnd::canary_lost);
  CHECK(result->unanswered_work == 100);
  CHECK(sink.found.empty());
  CHECK(syns_by_port(arrived->stop()).empty());
}

TEST_CASE("stopped in the middle and resumed: every port is told, those that answered are not asked again") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  lab.open_tcp(kCanaryPort, kOtherHost);
  lab.filter({"ip daddr 198.51.100.2 tcp dport 1000-3999 tcp dport & 3 == 0 drop"});
  LabRequest request(tcp_ports(kHost, 1000, 3999));
  request.canaries = {canary()};
  request.pace.rate_max = request.pace.rate_max_per_target = 1000;
  request.pace.tries_max = request.pace.tries_limit = 1;
  std::atomic<bool> stop{false};
  request.stop = &stop;
  ToldSink first;
  first.on_batch = [&] {
    if (first.found.size() > 800) stop = true;
  };
  auto result = run_raw_scan(request, raw_options(), first);
  REQUIRE(result.has_value());
  CHECK(result->summary.end == ScanEnd::interrupted);
  CHECK(result->why == "interrupted");
  CHECK(first.found.size() > 800);
  CHECK(first.found.size() < 3000);
  CHECK(result->unanswered_work == 3000 - first.found.size());
  REQUIRE_FALSE(first.asked.empty());
  const AskedSoFar asked = first.asked.back();
  CHECK(asked.pass == 1);
  CHECK(asked.index > 0);
  // What is behind the mark and answers has been told.
  for (std::uint64_t i = 0; i < asked.index; ++i)
    if ((1000 + i) % 4 != 0) REQUIRE(first.found.contains(i));

  std::unique_ptr<Capture> arrived;
  lab.at_filter([&] { arrived = std::make_unique<Capture>("far"); });
  stop = false;
  request.asked = asked;
  request.already_answered = [&](std::uint64_t index) { return first.found.contains(index); };
  ToldSink second;
  result = run_raw_scan(request, raw_options(), second);
  REQUIRE(result.has_value());
  CHECK(result->summary.end == ScanEnd::complete);
  CHECK(result->unanswered_work == 0);
  int missing = 0, wrong = 0, both = 0;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const bool in_first = first.found.contains(i), in_second = second.found.contains(i);
    both += in_first && in_second ? 1 : 0;
    missing += in_first || in_second ? 0 : 1;
    if (!in_first && !in_second) continue;
    const ScanFound& found = in_first ? first.found.at(i) : second.found.at(i);
    wrong += found.outcome.state == ((1000 + i) % 4 == 0 ? PortState::filtered : PortState::closed) ? 0 : 1;
  }
  CHECK(missing == 0);
  CHECK(wrong == 0);
  CHECK(both == 0);
  int asked_again = 0;
  for (const auto& [port, count] : syns_by_port(arrived->stop())) {
    const std::uint64_t index = port - 1000U;
    asked_again += index < asked.index || first.found.contains(index) ? count : 0;
  }
  CHECK(asked_again == 0);
}

TEST_CASE("the mark of how far the run came moves on while answers keep coming") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  lab.open_tcp(kCanaryPort, kOtherHost);
  LabRequest request(tcp_ports(kHost, 1000, 7999));
  request.canaries = {canary()};
  request.pace.rate_max = request.pace.rate_max_per_target = 1500;
  ToldSink sink;
  REQUIRE(run_raw_scan(request, raw_options(), sink).has_value());
  CHECK(sink.asked.size() >= 2);
  CHECK(std::is_sorted(sink.asked.begin(), sink.asked.end()));
}

TEST_CASE("a run that resumes in a later pass does not take what it did not ask for lost") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  // In the pass before, half of these were lost; the run was killed, and the way is good now.
  LabRequest request(tcp_ports(kHost, 1000, 1099));
  request.asked = {2, 0};
  request.pace.tries_max = 2;
  request.pace.tries_limit = 10;
  request.already_answered = [](std::uint64_t index) { return index >= 50; };
  ToldSink sink;
  auto result = run_raw_scan(request, raw_options(), sink);
  REQUIRE(result.has_value());
  CHECK(sink.found.size() == 50);
  CHECK(result->summary.loss_estimate < 0.5);
  CHECK(result->summary.miss_probability < 0.5);
}

TEST_CASE("a resumed run knows the filter's resets by what the run before heard of the target") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  // The open port answered before the kill; neither echoes nor errors come from this host.
  lab.open_tcp(1000);
  lab.filter({"ip saddr 198.51.100.2 meta l4proto icmp drop", "tcp dport 1010-1019 reject with tcp reset"});
  LabRequest request(tcp_ports(kHost, 1000, 1039));
  request.already_answered = [](std::uint64_t index) { return index < 5; };
  Outcome before;
  before.target = kHost;
  before.protocol = Protocol::tcp;
  before.state = PortState::open;
  before.answer = Answer::syn_ack;
  before.answered_by = kHost;
  before.ttl = 63;
  const std::vector<Outcome> earlier{before};
  request.earlier = earlier;
  ToldSink sink;
  REQUIRE(run_raw_scan(request, raw_options(), sink).has_value());
  for (std::uint64_t i = 5; i < 40; ++i) {
    CAPTURE(i);
    CHECK(sink.found.at(i).outcome.passage == (i / 10 == 1 ? Passage::blocked : Passage::passed));
  }
}

TEST_CASE("the longest runtime and a closed window end the run in order") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  LabRequest request(tcp_ports(kHost, 1000, 9999));
  request.pace.rate_max = request.pace.rate_max_per_target = 500;
  request.runtime_max = 2s;
  {
    ToldSink sink;
    auto result = run_raw_scan(request, raw_options(), sink);
    REQUIRE(result.has_value());
    CHECK(result->summary.end == ScanEnd::runtime_reached);
    CHECK(sink.found.size() < 9000);
    CHECK(result->unanswered_work == 9000 - sink.found.size());
    for (const auto& [index, found] : sink.found) REQUIRE(found.outcome.state == PortState::closed);
  }
  request.runtime_max.reset();
  int asked = 0;
  request.window_open = [&](Timestamp) { return ++asked < 4; };
  ToldSink sink;
  auto result = run_raw_scan(request, raw_options(), sink);
  REQUIRE(result.has_value());
  CHECK(result->summary.end == ScanEnd::window_closed);
  CHECK(result->unanswered_work > 0);
}

TEST_CASE("a sink that fails ends the run with its error") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  LabRequest request(tcp_ports(kHost, 1000, 1009));
  ToldSink sink;
  sink.refuse = []() -> Result<void> { return failure("No space left on device"); };
  auto result = run_raw_scan(request, raw_options(), sink);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().what == "No space left on device");
}

TEST_CASE("no tenth of a second has more than the rate allows, for all targets and for each") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  lab.filter({"tcp dport 1000-5999 drop"});
  std::vector<Item> items;
  for (unsigned port = 1000; port < 4000; ++port)
    for (const Address& host : {kHost, kOtherHost})
      items.push_back({host, Protocol::tcp, static_cast<std::uint16_t>(port)});
  LabRequest request(items);
  request.pace.rate_max = 2000;
  request.pace.rate_max_per_target = 1200;
  request.pace.tries_max = request.pace.tries_limit = 1;
  std::unique_ptr<Capture> arrived;
  lab.at_filter([&] { arrived = std::make_unique<Capture>("far"); });
  ToldSink sink;
  REQUIRE(run_raw_scan(request, raw_options(), sink).has_value());
  std::vector<Timestamp> all, one;
  for (const Capture::Packet& p : arrived->stop()) {
    if (p.view.protocol != Protocol::tcp) continue;
    all.push_back(p.at);
    if (p.view.destination == kHost) one.push_back(p.at);
  }
  REQUIRE(all.size() == 6000);
  auto most_in_a_tenth = [](std::vector<Timestamp> times) {
    std::sort(times.begin(), times.end());
    std::size_t most = 0, first = 0;
    for (std::size_t i = 0; i < times.size(); ++i) {
      while (times[i] - times[first] >= 100ms) ++first;
      most = std::max(most, i - first + 1);
    }
    return most;
  };
  CHECK(most_in_a_tenth(all) < 220);
  CHECK(most_in_a_tenth(one) < 132);
}

TEST_CASE("a filter's states are not exceeded by what it may still remember") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  lab.filter({"tcp dport 1000-1999 drop"});
  LabRequest request(tcp_ports(kHost, 1000, 1299));
  request.pace.states_max_per_path = 100;
  request.pace.state_lifetime = 3s;
  request.pace.tries_max = request.pace.tries_limit = 1;
  std::unique_ptr<Capture> arrived;
  lab.at_filter([&] { arrived = std::make_unique<Capture>("far"); });
  ToldSink sink;
  REQUIRE(run_raw_scan(request, raw_options(), sink).has_value());
  std::vector<Timestamp> at;
  for (const Capture::Packet& p : arrived->stop())
    if (p.view.protocol == Protocol::tcp) at.push_back(p.at);
  REQUIRE(at.size() == 300);
  // A hundred, and the next one not before the first of them is forgotten. (Sent and seen differ by moments.)
  for (std::size_t i = 100; i < at.size(); ++i) CHECK(at[i] - at[i - 100] > 2900ms);
}
