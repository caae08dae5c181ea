#include "rules/evidence/journal.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

#include "rules/text/diagnostics.h"

using namespace demarc;

namespace {

const Timestamp kAt = *parse_timestamp("2026-11-23T10:00:05Z");

ScanHeader header() {
  ScanHeader h;
  h.run = "r1";
  h.vantage = "external";
  h.zone = "internet";
  h.source_address = parse_address("203.0.113.77");
  h.interface_name = "eth0";
  h.started = *parse_timestamp("2026-11-23T10:00:00Z");
  h.method = "connect";
  h.seed = 7;
  h.shard = 2;
  h.shards = 3;
  h.tries_max = 3;
  h.rules_sha256 = "aa";
  h.scope_sha256 = "bb";
  h.plan_sha256 = "cc";
  return h;
}

Outcome outcome(const char* target, std::uint16_t port, PortState state, Answer answer) {
  Outcome o;
  o.target = *parse_address(target);
  o.protocol = Protocol::tcp;
  o.ports = PortRange::single(Port(port));
  o.state = state;
  o.answer = answer;
  return o;
}

std::string whole_journal() {
  std::vector<ServiceSeen> services(1);
  services[0].name = "tls";
  services[0].product = "nginx";
  services[0].evidence = "TLS 1.2 \\x1b[0m";
  services[0].certificate_names = {"shop.example", "www.shop.example"};
  services[0].certificate_expires = *parse_timestamp("2027-01-01T00:00:00Z");
  std::vector<Outcome> outcomes;
  for (std::uint16_t port : {std::uint16_t(81), std::uint16_t(79), std::uint16_t(80)})
    outcomes.push_back(outcome("192.0.2.10", port, PortState::filtered, Answer::silence));
  outcomes.push_back(outcome("192.0.2.10", 443, PortState::open, Answer::syn_ack));
  outcomes.back().passage = Passage::passed;
  outcomes.back().rtt_us = 410;
  outcomes.back().service = 0;
  outcomes.push_back(outcome("2001:db8::1", 25, PortState::filtered, Answer::icmp_admin_prohibited));
  outcomes.back().passage = Passage::blocked;
  outcomes.back().answered_by = parse_address("2001:db8::ffff");
  outcomes.back().doubt = Doubt::icmp_rate_limited;
  ScanSummary summary;
  summary.sent = 6;
  summary.received = 2;
  summary.finished = kAt;
  return journal_header(header()) + journal_records(outcomes, services, kAt) +
         journal_canary({*parse_address("192.0.2.10"), Port(443), kAt, true}) +
         journal_unroutable({*parse_address("10.20.0.90"), "a private address"}) +
         journal_note("ups1 is never asked") + journal_end(summary);
}

}  // namespace

TEST_CASE("a journal reads back as it was written") {
  Result<ScanRun> read = read_journal("j", whole_journal());
  REQUIRE(read);
  const ScanRun& run = *read;
  CHECK(run.header == header());
  REQUIRE(run.outcomes.size() == 3);  // the three silent ports became one range
  CHECK(to_string(run.outcomes[0].ports) == "79-81");
  CHECK(run.outcomes[0].tries == 1);
  CHECK(run.outcomes[1].state == PortState::open);
  CHECK(run.outcomes[1].rtt_us == 410);
  CHECK(run.services.at(run.outcomes[1].service).certificate_names ==
        std::vector<std::string>{"shop.example", "www.shop.example"});
  CHECK(run.services.at(run.outcomes[1].service).evidence == "TLS 1.2 \\x1b[0m");
  CHECK(run.outcomes[2].doubt == Doubt::icmp_rate_limited);
  CHECK(run.outcomes[2].answered_by == parse_address("2001:db8::ffff"));
  CHECK(run.outcomes[0].at == kAt);
  REQUIRE(run.summary);
  CHECK(run.summary->end == ScanEnd::complete);
  CHECK(run.summary->loss_estimate < 0);
  CHECK(run.canaries.size() == 1);
  CHECK(run.unroutable == std::vector<Unasked>{{*parse_address("10.20.0.90"), "a private address"}});
  CHECK(run.notes == std::vector<std::string>{"ups1 is never asked"});
}

TEST_CASE("a journal cut at any byte is an interrupted run, its whole records counted") {
  std::string whole = whole_journal();
  std::size_t header_end = whole.find('\n');
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    Result<ScanRun> read = read_journal("j", std::string_view(whole).substr(0, n));
    if (n < header_end) {
      CHECK_FALSE(read);
      continue;
    }
    REQUIRE(read);
    if (n < whole.size() - 1) CHECK_FALSE(read->summary);  // only the newline may be missing
  }
}

TEST_CASE("fed in pieces of any size it is the same") {
  std::string whole = whole_journal();
  for (std::size_t size = 1; size < 40; ++size) {
    JournalReader reader("j");
    for (std::size_t at = 0; at < whole.size(); at += size)
      REQUIRE(reader.feed(std::string_view(whole).substr(at, size)));
    Result<ScanRun> run = reader.finish();
    REQUIRE(run);
    CHECK(run->outcomes.size() == 3);
  }
}

TEST_CASE("a resumed journal is one run, and its last end counts") {
  ScanSummary interrupted;
  interrupted.end = ScanEnd::interrupted;
  interrupted.finished = kAt;
  std::string text = journal_header(header()) + journal_end(interrupted) + journal_resumed(kAt);
  CHECK_FALSE(read_journal("j", text)->summary);
  ScanSummary done;
  done.finished = kAt;
  CHECK(read_journal("j", text + journal_end(done))->summary->end == ScanEnd::complete);
}

TEST_CASE("what is no journal is refused with its place") {
  struct Row {
    std::string text, message;
  };
  std::string head = journal_header(header());
  for (const Row& row :
       {Row{"",
            "j: error: the file holds no whole record\n  a journal begins with "
            "{\"demarc\":\"scan\",\"version\":1,...}\n"},
        Row{"{\"demarc\":\"flows\",\"version\":1}\n",
            "j:1:1: error: no scan journal: the first record is no "
            "header\n{\"demarc\":\"flows\",\"version\":1}\n^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ a journal begins with "
            "{\"demarc\":\"scan\",\"version\":1,...}\n"},
        Row{"{\"demarc\":\"scan\",\"version\":2}\n",
            "j:1:1: error: journal version 2 is "
            "unknown\n{\"demarc\":\"scan\",\"version\":2}\n^~~~~~~~~~~~~~~~~~~~~~~~~~~~~ this demarc reads version "
            "1\n"},
        Row{head + "{\"target\":\"192.0.2.300\",\"protocol\":\"tcp\"}\n",
            "j:2:1: error: '192.0.2.300' is no "
            "address\n{\"target\":\"192.0.2.300\",\"protocol\":\"tcp\"}\n^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~"
            "\n"},
        Row{head + "{\"target\":\n", "j:2:11: error: no JSON record: incomplete JSON\n{\"target\":\n          ^\n"},
        Row{head + "[1]\n", "j:2:1: error: a record is a JSON object\n[1]\n^\n"},
        Row{head + "{} {}\n", "j:2:4: error: text after the end of the record\n{} {}\n   ^\n"},
        Row{head + head,
            "j:2:1: error: a second header\n  one journal holds one run; give the files one by one\n"}}) {
    Result<ScanRun> read = read_journal("j", row.text);
    REQUIRE_FALSE(read);
    std::string message = render(read.error());
    // The header line is longer than what is quoted of it here.
    if (row.message.find("second header") != std::string::npos)
      CHECK(message.starts_with("j:2:1: error: a second header\n"));
    else
      CHECK(message == row.message);
  }
}

TEST_CASE("unknown fields and records of a later version are ignored, deep nesting is refused") {
  std::string head = journal_header(header());
  CHECK(read_journal("j", head + "{\"future\":{\"target\":\"x\"}}\n{\"target\":\"192.0.2.1\",\"protocol\":\"tcp\","
                                 "\"ports\":\"1\",\"state\":\"closed\",\"new\":[{\"a\":[1,2]}]}\n")
            ->outcomes.size() == 1);
  CHECK_FALSE(read_journal("j", head + "{\"a\":" + std::string(1000, '[') + "\n"));
  CHECK_FALSE(read_journal("j", head + "{\"a\":\"" + std::string(5U << 20, 'x') + "\"}\n"));
}

TEST_CASE("a journal of any port outcomes keeps every port's state") {
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    std::vector<PortState> truth(300);
    std::vector<Outcome> outcomes;
    for (std::uint16_t port = 1; port < truth.size(); ++port) {
      truth[port] = static_cast<PortState>(random() % 3);
      outcomes.push_back(outcome("192.0.2.1", port, truth[port],
                                 truth[port] == PortState::closed ? Answer::rst : Answer::silence));
    }
    std::shuffle(outcomes.begin(), outcomes.end(), random);
    std::string text = journal_header(header());
    for (std::size_t i = 0; i < outcomes.size(); i += 37)
      text +=
          journal_records(std::span(outcomes).subspan(i, std::min<std::size_t>(37, outcomes.size() - i)), {}, kAt);
    ScanRun run = read_journal("j", text).value();
    std::vector<int> seen(truth.size());
    for (const Outcome& o : run.outcomes) {
      for (unsigned p = o.ports.first.number(); p <= o.ports.last.number(); ++p) {
        REQUIRE(o.state == truth[p]);
        ++seen[p];
      }
    }
    for (std::uint16_t port = 1; port < truth.size(); ++port) REQUIRE(seen[port] == 1);
  }
}

TEST_CASE("how far the run came reads back, and the last word of it counts") {
  const std::string start = journal_header(header());
  CHECK(read_journal("j", start).value().asked == AskedSoFar{});
  CHECK_FALSE(read_journal("j", start).value().asked_at.has_value());
  const std::string text =
      start + journal_asked({1, 4096}, kAt) + journal_asked({2, 0xFFFFFFFFFFULL}, kAt + std::chrono::seconds(1));
  const ScanRun run = read_journal("j", text).value();
  CHECK(run.asked == AskedSoFar{2, 0xFFFFFFFFFFULL});
  CHECK(run.asked_at == kAt + std::chrono::seconds(1));
  // A record that does not say when is of no known time, not of the one before.
  const ScanRun undated = read_journal("j", text + "{\"asked\":7,\"pass\":3}\n").value();
  CHECK(undated.asked == AskedSoFar{3, 7});
  CHECK_FALSE(undated.asked_at.has_value());
  // Cut off in the middle of the line: the one before counts.
  const std::string whole = start + journal_asked({1, 4096}, kAt);
  const std::string cut = whole + journal_asked({2, 8192}, kAt);
  CHECK(read_journal("j", cut.substr(0, cut.size() - 5)).value().asked == AskedSoFar{1, 4096});
}

TEST_CASE("where the way ends reads back, and makes an outcome of its own") {
  std::vector<Outcome> outcomes;
  for (std::uint16_t port : {std::uint16_t(79), std::uint16_t(80), std::uint16_t(81)})
    outcomes.push_back(outcome("192.0.2.10", port, PortState::filtered, Answer::silence));
  outcomes[1].last_hop = parse_address("203.0.113.1");
  outcomes[1].stops_at_hop = 3;
  const ScanRun run = read_journal("j", journal_header(header()) + journal_records(outcomes, {}, kAt)).value();
  REQUIRE(run.outcomes.size() == 3);  // 79 and 81 are one record, of two ranges
  int located = 0;
  for (const Outcome& o : run.outcomes) {
    CAPTURE(to_string(o.ports));
    const bool is_80 = o.ports == PortRange::single(Port(80));
    located += is_80 ? 1 : 0;
    CHECK(o.last_hop == (is_80 ? parse_address("203.0.113.1") : std::nullopt));
    CHECK(o.stops_at_hop == (is_80 ? 3 : 0));
  }
  CHECK(located == 1);
}

TEST_CASE("loss and the chance of a miss read back, unknown as unknown") {
  ScanSummary summary;
  summary.finished = kAt;
  ScanRun run = read_journal("j", journal_header(header()) + journal_end(summary)).value();
  CHECK(run.summary.value().loss_estimate == -1);
  CHECK(run.summary.value().miss_probability == -1);
  summary.loss_estimate = 0.25;
  summary.miss_probability = 0.015625;
  run = read_journal("j", journal_header(header()) + journal_end(summary)).value();
  CHECK(run.summary.value().loss_estimate == 0.25);
  CHECK(run.summary.value().miss_probability == 0.015625);
}

TEST_CASE("numbers that cannot be are refused, with the line") {
  const std::string outcome_start =
      R"({"target":"192.0.2.10","protocol":"tcp","ports":"80","state":"filtered","passage":"undetermined","answer":"silence",)";
  for (const std::string& line : {
           std::string(R"({"asked":"far","pass":1})"),
           std::string(R"({"asked":10})"),
           std::string(R"({"asked":10,"pass":0})"),
           std::string(R"({"asked":10,"pass":256})"),
           std::string(R"({"asked":-1,"pass":1})"),
           std::string(R"({"asked":10,"pass":1,"at":"yesterday"})"),
           outcome_start + R"("last_hop":"router1","stops_at_hop":3})",
           std::string(R"({"end":"complete","loss_estimate":1.5,"finished":"2026-11-23T10:00:00Z"})"),
           std::string(R"({"end":"complete","miss_probability":-0.5,"finished":"2026-11-23T10:00:00Z"})"),
           std::string(R"({"end":"complete","miss_probability":1e300,"finished":"2026-11-23T10:00:00Z"})"),
       }) {
    CAPTURE(line);
    Result<ScanRun> run = read_journal("j", journal_header(header()) + line + "\n");
    REQUIRE_FALSE(run);
    CHECK(run.error().where.line == 2);
  }
}
