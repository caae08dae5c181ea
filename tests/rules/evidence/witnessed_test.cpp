#include "rules/evidence/witnessed.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "rules/evidence/journal.h"

using namespace demarc;

namespace {

constexpr const char* kKey = "be45cb2605bf36be";
const Address kSource = *parse_address("198.51.100.7"), kHost = *parse_address("192.0.2.10"),
              kOther = *parse_address("192.0.2.11"), kFace = *parse_address("203.0.113.10");

Timestamp at(double second) {
  return *parse_timestamp("2026-11-23T10:00:00Z") + Nanoseconds(static_cast<std::int64_t>(second * 1e9));
}

/// A scan from second 10 to 20: 22 answers, 23 is reset by nobody knows whom, the rest of 1-100 is silent.
struct World {
  Snapshot snapshot;
  WitnessMapping mapping;

  World() {
    ScanRun scan;
    scan.file = "near.jsonl";
    scan.header.run = "r1";
    scan.header.source_address = kSource;
    scan.header.started = at(10);
    scan.header.tries_max = 2;
    scan.header.witness_key = kKey;
    scan.summary = ScanSummary{.finished = at(20)};
    scan.outcomes = {
        outcome(22, 22, PortState::open, Answer::syn_ack, Passage::passed),
        outcome(23, 23, PortState::closed, Answer::rst), outcome(1, 21, PortState::filtered, Answer::silence),
        outcome(24, 100, PortState::filtered, Answer::silence),
        outcome(1, 100, PortState::open_or_filtered, Answer::silence, Passage::undetermined, Protocol::udp)};
    compact(scan.outcomes);
    snapshot.scans.push_back(std::move(scan));
    WitnessRun witness;
    witness.file = "far.jsonl";
    witness.header.run = "w1";
    witness.header.at = "far";
    witness.header.key = kKey;
    witness.header.addresses = {kHost};
    witness.header.started = at(5);
    witness.listening = {at(25), 100, 0, 0};
    witness.end = WitnessEnd::complete;
    witness.arrivals = {arrival("20-30", 10.5, 11.5), arrival("20-30", 18, 19),
                        arrival("50-60", 11, 12, Protocol::udp)};
    snapshot.witnesses.push_back(std::move(witness));
  }

  static Outcome outcome(int first, int last, PortState state, Answer answer,
                         Passage passage = Passage::undetermined, Protocol protocol = Protocol::tcp) {
    Outcome o;
    o.target = kHost;
    o.protocol = protocol;
    o.ports = {Port(static_cast<std::uint16_t>(first)), Port(static_cast<std::uint16_t>(last))};
    o.state = state;
    o.answer = answer;
    o.passage = passage;
    o.tries = answer == Answer::silence ? 2 : 1;
    o.at = at(19.5);
    return o;
  }
  static Arrival arrival(const char* ports, double first, double last, Protocol protocol = Protocol::tcp) {
    Arrival a;
    a.source = kSource;
    a.target = kHost;
    a.protocol = protocol;
    a.ports = *parse_port_set(ports);
    a.first = at(first);
    a.last = at(last);
    a.count = a.ports.size();
    return a;
  }
  ScanRun& scan() { return snapshot.scans[0]; }
  WitnessRun& witness() { return snapshot.witnesses[0]; }
  void apply() { apply_witnesses(snapshot, mapping); }

  std::string ports(Passage passage, Protocol protocol = Protocol::tcp, bool witnessed = true) {
    std::vector<PortRange> ranges;
    for (const Outcome& o : scan().outcomes)
      if (o.passage == passage && o.protocol == protocol && (o.witness != kNoWitness) == witnessed)
        ranges.push_back(o.ports);
    return to_string(PortSet::of(std::move(ranges)));
  }
  bool notes(std::string_view words) {
    return std::any_of(scan().notes.begin(), scan().notes.end(),
                       [&](const std::string& note) { return note.find(words) != std::string::npos; });
  }
  /// Nothing was proven blocked, and why.
  void check_only_passed(std::string_view why) {
    CHECK(ports(Passage::passed) == "20-30");
    CHECK(ports(Passage::blocked) == "");
    CHECK(ports(Passage::undetermined, Protocol::tcp, false) == "1-19,31-100");
    CHECK(ports(Passage::passed, Protocol::udp) == "50-60");
    CHECK(ports(Passage::blocked, Protocol::udp) == "");
    CAPTURE(why);
    CHECK(notes(why));
  }
  void check_untouched() {
    CHECK(ports(Passage::passed) == "");
    CHECK(ports(Passage::passed, Protocol::tcp, false) == "22");
    CHECK(ports(Passage::blocked) == "");
    CHECK(ports(Passage::undetermined, Protocol::tcp, false) == "1-21,23-100");
    CHECK(ports(Passage::undetermined, Protocol::udp, false) == "1-100");
  }
};

}  // namespace

TEST_CASE("what arrived has passed, what did not is blocked, and the answers stay what they are") {
  World w;
  w.apply();
  CHECK(w.ports(Passage::passed) == "20-30");
  CHECK(w.ports(Passage::blocked) == "1-19,31-100");
  CHECK(w.ports(Passage::passed, Protocol::udp) == "50-60");
  CHECK(w.ports(Passage::blocked, Protocol::udp) == "1-49,61-100");
  CHECK(w.ports(Passage::undetermined, Protocol::tcp, false) == "");
  for (const Outcome& o : w.scan().outcomes) {
    CHECK(o.witness == 0);
    CHECK(o.at == at(19.5));
    if (o.protocol == Protocol::udp) CHECK(o.state == PortState::open_or_filtered);
    if (o.ports == PortRange::single(Port(22))) CHECK(o.state == PortState::open);
    if (o.ports == PortRange::single(Port(23))) {
      CHECK(o.state == PortState::closed);
      CHECK(o.answer == Answer::rst);
    }
  }
  CHECK(w.scan().notes.empty());
}

TEST_CASE("twice is as good as once, and the order of files is none") {
  World once, twice, turned;
  WitnessRun second = once.witness();
  second.header.run = "w2";
  second.file = "again.jsonl";
  second.arrivals = {World::arrival("70", 12, 12)};
  for (World* w : {&once, &twice}) w->snapshot.witnesses.push_back(second);
  turned.snapshot.witnesses.insert(turned.snapshot.witnesses.begin(), second);
  for (World* w : {&once, &twice, &turned}) w->apply();
  twice.apply();
  for (World* w : {&twice, &turned}) {
    REQUIRE(w->scan().outcomes.size() == once.scan().outcomes.size());
    for (std::size_t i = 0; i < once.scan().outcomes.size(); ++i) {
      const Outcome &a = once.scan().outcomes[i], &b = w->scan().outcomes[i];
      CHECK(a.ports == b.ports);
      CHECK(a.passage == b.passage);
      CHECK(a.witness == b.witness);
    }
    CHECK(w->scan().notes == once.scan().notes);
  }
  CHECK(once.ports(Passage::passed) == "20-30,70");
}

TEST_CASE("a missing arrival proves nothing where the witness could have missed it") {
  World w;
  SUBCASE("it dropped packets") {
    w.witness().listening.dropped = 1;
    w.apply();
    w.check_only_passed("the witness lost packets");
  }
  SUBCASE("it began late") {
    w.witness().header.started = at(10.1);
    w.apply();
    w.check_only_passed("the witness did not listen all the while");
  }
  SUBCASE("it ended early") {
    w.witness().listening.at = at(19.4);
    w.apply();
    w.check_only_passed("the witness did not listen all the while");
  }
  SUBCASE("not every try was made") {
    for (Outcome& o : w.scan().outcomes) o.tries = 1;
    w.apply();
    w.check_only_passed("not every try was made");
  }
  SUBCASE("nothing arrived before") {
    for (Outcome& o : w.scan().outcomes) o.at = at(10.2);
    for (Arrival& a : w.witness().arrivals)
      a.first = std::max(a.first, at(12.5)), a.last = std::max(a.last, a.first);
    w.apply();
    w.check_only_passed("arrived both before and after");
  }
  SUBCASE("nothing arrived after") {
    for (Arrival& a : w.witness().arrivals) a.first = std::min(a.first, at(11)), a.last = std::min(a.last, at(17));
    w.apply();
    w.check_only_passed("arrived both before and after");
  }
  SUBCASE("nothing arrived after the newest part of merged outcomes") {
    for (Outcome& o : w.scan().outcomes) o.at = at(15), o.at_latest = at(21.5);
    w.apply();
    w.check_only_passed("arrived both before and after");
  }
}

TEST_CASE("a canary of that host that answered is as good as an arrival") {
  World w;
  for (Arrival& a : w.witness().arrivals) a.first = std::min(a.first, at(11)), a.last = std::min(a.last, at(15));
  w.scan().canaries = {{kHost, Port(22), at(19.2), false}};
  SUBCASE("unanswered") {
    w.apply();
    w.check_only_passed("arrived both before and after");
  }
  SUBCASE("another host's") {
    w.scan().canaries = {{kOther, Port(22), at(19.2), true}};
    w.apply();
    w.check_only_passed("arrived both before and after");
  }
  SUBCASE("answered") {
    w.scan().canaries[0].answered = true;
    w.apply();
    CHECK(w.ports(Passage::blocked) == "1-19,31-100");
  }
}

TEST_CASE("silence was asked for the last time before it was confirmed, if the journal says when") {
  World w;
  for (Arrival& a : w.witness().arrivals) a.first = std::min(a.first, at(11)), a.last = std::min(a.last, at(15));
  w.scan().asked = {2, 100};
  w.scan().asked_at = at(15.5);
  SUBCASE("it does") {
    w.apply();
    // The filter's reset of 23 was heard at its own time; here it arrived.
    CHECK(w.ports(Passage::blocked) == "1-19,31-100");
    CHECK(w.ports(Passage::blocked, Protocol::udp) == "1-49,61-100");
  }
  SUBCASE("much later") {
    w.scan().asked_at = at(17.5);
    w.apply();
    w.check_only_passed("arrived both before and after");
  }
  SUBCASE("of an earlier pass") {
    w.scan().asked.pass = 1;
    w.apply();
    w.check_only_passed("arrived both before and after");
  }
  SUBCASE("and was interrupted") {
    w.scan().summary->end = ScanEnd::interrupted;
    w.apply();
    w.check_only_passed("arrived both before and after");
  }
}

TEST_CASE("another key, another time, another source: nothing is touched") {
  World w;
  SUBCASE("a scan without a key") {
    w.scan().header.witness_key.clear();
    w.apply();
    w.check_untouched();
    CHECK(w.scan().notes.empty());
  }
  SUBCASE("another key") {
    w.witness().header.key = "00000000000000aa";
    w.apply();
    w.check_untouched();
    CHECK(w.notes("no witness with the key of this scan listened meanwhile"));
  }
  SUBCASE("another day") {
    w.witness().header.started = at(5 - 86400);
    w.witness().listening.at = at(25 - 86400);
    w.apply();
    w.check_untouched();
    CHECK(w.notes("no witness with the key of this scan listened meanwhile"));
  }
  SUBCASE("arrivals of an earlier scan with the same key") {
    for (Arrival& a : w.witness().arrivals) a.first = at(6), a.last = at(7);
    w.apply();
    w.check_untouched();
    CHECK(w.notes("no probe of this scan reached the witness"));
  }
  SUBCASE("another source") {
    for (Arrival& a : w.witness().arrivals) a.source = kOther;
    w.apply();
    w.check_untouched();
    CHECK(w.notes("marked probes reached the witness from 192.0.2.11, an address this scan does not name"));
  }
}

TEST_CASE("sources: those of the journal, and those that the rule set knows of") {
  World w;
  for (Arrival& a : w.witness().arrivals) a.source = kFace;
  SUBCASE("the journal's second address") { w.scan().header.more_source_addresses = {kFace}; }
  SUBCASE("a translated source") {
    w.mapping.sources = [](const ScanRun&) { return std::vector<Address>{kFace}; };
  }
  w.apply();
  CHECK(w.ports(Passage::passed) == "20-30");
  CHECK(w.ports(Passage::blocked) == "1-19,31-100");
}

TEST_CASE("two vantage points behind one translated address cannot be told apart") {
  World w;
  for (Arrival& a : w.witness().arrivals) a.source = kFace;
  w.mapping.sources = [](const ScanRun&) { return std::vector<Address>{kFace}; };
  ScanRun other = w.scan();
  other.header.source_address = kOther;
  other.header.run = "r2";
  SUBCASE("at one time") {
    w.snapshot.scans.push_back(other);
    w.apply();
    w.check_untouched();
  }
  SUBCASE("one after the other") {
    other.header.started = at(100);
    other.summary->finished = at(110);
    w.snapshot.scans.push_back(other);
    w.apply();
    CHECK(w.ports(Passage::passed) == "20-30");
  }
}

TEST_CASE("a witness vouches for the addresses that are its own") {
  World w;
  SUBCASE("another host's address: it saw nothing arrive, and would not have") {
    w.witness().header.addresses = {kOther};
    w.apply();
    w.check_untouched();
    CHECK(w.notes("no probe of this scan reached the witness"));
    CHECK(w.notes("no witness stood there"));
  }
  SUBCASE("a mirror port sees what passes by, and vouches for whom it sees") {
    w.witness().header.addresses = {};
    w.witness().header.span = true;
    Outcome beside = World::outcome(1, 5, PortState::filtered, Answer::silence);
    beside.target = kOther;
    w.scan().outcomes.push_back(beside);
    w.apply();
    CHECK(w.ports(Passage::passed) == "20-30");
    CHECK(w.ports(Passage::blocked) == "1-19,31-100");
    CHECK(w.ports(Passage::undetermined, Protocol::tcp, false) == "1-5");
  }
}

TEST_CASE("a translated target: the witness knows the host by its own address") {
  World w;
  for (Outcome& o : w.scan().outcomes) o.target = kFace;
  bool kept = true;
  w.mapping.behind = [&](const ScanRun&, const Address& asked, PortRange ports) {
    CHECK(asked == kFace);
    return std::vector<BehindPorts>{{PortSet{ports}, {kHost}, kept}};
  };
  SUBCASE("as it is") {
    w.apply();
    CHECK(w.ports(Passage::passed) == "20-30");
    CHECK(w.ports(Passage::blocked) == "1-19,31-100");
  }
  SUBCASE("with its ports rewritten") {
    kept = false;
    w.apply();
    w.check_only_passed("its port may be rewritten on the way");
  }
  SUBCASE("ports that no part names stay as asked") {
    w.mapping.behind = [&](const ScanRun&, const Address&, PortRange) {
      return std::vector<BehindPorts>{{*parse_port_set("1-25"), {kHost}, true}};
    };
    w.apply();
    CHECK(w.ports(Passage::passed) == "20-25");
    CHECK(w.ports(Passage::blocked) == "1-19");
    CHECK(w.ports(Passage::undetermined, Protocol::tcp, false) == "26-100");
  }
  for (const Outcome& o : w.scan().outcomes) CHECK(o.target == kFace);
}

TEST_CASE("somebody who answers in the target's stead is found out") {
  World w;
  // A proxy answers 40, a filter resets 41, and neither lets the probe by.
  w.scan().outcomes = {World::outcome(40, 40, PortState::open, Answer::syn_ack, Passage::passed),
                       World::outcome(41, 41, PortState::closed, Answer::rst)};
  w.apply();
  CHECK(w.ports(Passage::blocked) == "40-41");
  CHECK(w.notes("192.0.2.10 answered 1 probe, and the witness there saw no such probe"));
  CHECK(w.scan().outcomes.size() == 2);
}

TEST_CASE("what never left this machine, and what carries no mark, is not the witness's matter") {
  World w;
  Outcome echo = World::outcome(0, 0, PortState::open, Answer::reply, Passage::passed, Protocol::icmp);
  w.scan().outcomes = {World::outcome(40, 40, PortState::filtered, Answer::no_neighbour),
                       World::outcome(41, 41, PortState::filtered, Answer::local_refusal), echo};
  w.apply();
  for (const Outcome& o : w.scan().outcomes) CHECK(o.witness == kNoWitness);
  CHECK(w.ports(Passage::undetermined, Protocol::tcp, false) == "40-41");
}

TEST_CASE("an interrupted scan counts as far as its records go") {
  World w;
  w.scan().summary.reset();
  w.witness().end.reset();
  w.witness().listening.at = at(19.5);
  w.apply();
  CHECK(w.ports(Passage::passed) == "20-30");
  CHECK(w.ports(Passage::blocked) == "1-19,31-100");
}

TEST_CASE("journals carry what the witness's half needs") {
  ScanHeader h;
  h.run = "r";
  h.started = at(0);
  h.method = "syn";
  h.source_address = kSource;
  h.more_source_addresses = {*parse_address("2001:db8::7")};
  h.witness_key = kKey;
  std::vector<Outcome> outcomes = {World::outcome(1, 1, PortState::filtered, Answer::silence),
                                   World::outcome(2, 2, PortState::filtered, Answer::silence),
                                   World::outcome(9, 9, PortState::filtered, Answer::silence)};
  outcomes[0].at = at(5);
  outcomes[1].at = at(30);
  Result<ScanRun> run = read_journal("j", journal_header(h) + journal_records(outcomes, {}, at(40)));
  REQUIRE(run);
  CHECK(run->header == h);
  CHECK_FALSE(run->asked_at);
  run = read_journal("j", journal_header(h) + journal_asked({1, 7}, at(3)) + journal_asked({2, 5}, at(4)) +
                              journal_records(outcomes, {}, at(40)));
  REQUIRE(run);
  CHECK(run->asked == AskedSoFar{2, 5});
  CHECK(run->asked_at == at(4));
  REQUIRE(run->outcomes.size() == 2);
  CHECK(run->outcomes[0].at == at(5));
  CHECK(run->outcomes[0].at_latest == at(30));
}
