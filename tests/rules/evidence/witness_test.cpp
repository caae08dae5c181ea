#include "rules/evidence/witness.h"

#include <doctest/doctest.h>

#include <string>

#include "rules/text/diagnostics.h"

using namespace demarc;

namespace {

Timestamp at(int second) { return *parse_timestamp("2026-11-23T10:00:00Z") + std::chrono::seconds(second); }

WitnessHeader header() {
  WitnessHeader h;
  h.run = "w1";
  h.at = "dmz-probe";
  h.zone = "dmz";
  h.addresses = {*parse_address("192.0.2.10"), *parse_address("2001:db8:1::10")};
  h.interface_name = "eth0";
  h.started = at(0);
  h.key = "be45cb2605bf36be";
  h.rules_sha256 = "aa";
  return h;
}

Arrival arrival(const char* ports, int second, Protocol protocol = Protocol::tcp) {
  Arrival a;
  a.source = *parse_address("198.51.100.7");
  a.target = *parse_address("192.0.2.10");
  a.protocol = protocol;
  a.ports = *parse_port_set(ports);
  a.first = at(second);
  a.last = at(second) + std::chrono::milliseconds(250);
  a.count = a.ports.size();
  return a;
}

std::string whole() {
  return witness_header(header()) + witness_arrival(arrival("22,80-90", 2)) + witness_listening({at(3), 20, 8, 0}) +
         witness_arrival(arrival("53", 1, Protocol::udp)) + witness_note("a note") +
         witness_end(WitnessEnd::complete, {at(9), 21, 8, 1});
}

std::string complaint(const std::string& text) {
  Result<WitnessRun> run = read_witness("far.jsonl", text);
  if (run) return "";
  return run.error().what;
}

}  // namespace

TEST_CASE("a witness's record comes back as it was written") {
  Result<WitnessRun> run = read_witness("far.jsonl", whole());
  REQUIRE(run);
  CHECK(run->file == "far.jsonl");
  CHECK(run->header == header());
  REQUIRE(run->arrivals.size() == 2);
  Arrival first = arrival("22,80-90", 2), second = arrival("53", 1, Protocol::udp);
  first.record = 2;
  second.record = 4;
  CHECK(run->arrivals[0] == first);
  CHECK(run->arrivals[1] == second);
  CHECK(run->listening == Listening{at(9), 21, 8, 1});
  CHECK(run->end == WitnessEnd::complete);
  CHECK(run->notes == std::vector<std::string>{"a note"});
}

TEST_CASE("in any pieces") {
  const std::string text = whole();
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{100}}) {
    WitnessReader reader("far.jsonl");
    for (std::size_t i = 0; i < text.size(); i += size)
      REQUIRE(reader.feed(std::string_view(text).substr(i, size)));
    Result<WitnessRun> run = reader.finish();
    REQUIRE(run);
    CHECK(run->arrivals.size() == 2);
  }
}

TEST_CASE("interrupted anywhere behind the header, it is valid up to its last sign of life") {
  const std::string text = whole();
  const std::size_t header_end = text.find('\n') + 1;
  for (std::size_t size = header_end; size < text.size() - 1; ++size) {
    CAPTURE(size);
    Result<WitnessRun> run = read_witness("far.jsonl", text.substr(0, size));
    REQUIRE(run);
    // The last line may be whole without its newline.
    if (size < text.size() - 2) CHECK_FALSE(run->end);
    const std::size_t sign = text.find("{\"listening\"");
    const std::size_t sign_end = text.find('\n', sign);
    if (size < sign_end) CHECK(run->listening.at == at(0));
    if (size > sign_end && size < text.size() - 2) CHECK(run->listening == Listening{at(3), 20, 8, 0});
  }
  CHECK_FALSE(read_witness("far.jsonl", text.substr(0, header_end / 2)));
}

TEST_CASE("what no witness wrote is an error with its place") {
  const std::string head = witness_header(header());
  const auto with = [&](std::string_view line) { return complaint(head + std::string(line) + "\n"); };
  const auto header_with = [&](std::string_view from, std::string_view to) {
    std::string text = head;
    const std::size_t found = text.find(from);
    REQUIRE(found != std::string::npos);
    return complaint(text.replace(found, from.size(), to));
  };
  const std::string good =
      R"({"source":"198.51.100.7","target":"192.0.2.10","protocol":"tcp","ports":"22","first":"2026-11-23T10:00:01Z","last":"2026-11-23T10:00:01Z","count":1})";
  const auto record_with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    const std::size_t found = text.find(from);
    REQUIRE(found != std::string::npos);
    return with(text.replace(found, from.size(), to));
  };
  CHECK(with(good).empty());
  CHECK(complaint("") == "the file holds no whole record");
  CHECK(complaint("{\"demarc\":\"scan\",\"version\":1}\n") == "no witness's file: the first record is no header");
  CHECK(header_with("\"version\":1", "\"version\":2") == "witness version 2 is unknown");
  CHECK(header_with("be45cb2605bf36be", "be45") == "the header's 'key' is no fingerprint of 16 hexadecimal digits");
  CHECK(header_with("be45cb2605bf36be", "BE45CB2605BF36BE") ==
        "the header's 'key' is no fingerprint of 16 hexadecimal digits");
  CHECK(header_with("192.0.2.10", "192.0.2.256") == "'192.0.2.256' is no address");
  CHECK(header_with("2026-11-23T10:00:00Z", "soon").starts_with("the header's 'started' is no time"));
  CHECK(record_with("198.51.100.7", "2001:db8::7") == "source and target are of different families");
  CHECK(record_with("\"tcp\"", "\"icmp\"") == "'icmp' carries no marks");
  CHECK(record_with("\"tcp\"", "\"gre8\"") == "'gre8' is no protocol");
  CHECK(record_with("192.0.2.10", "host") == "'host' is no address");
  CHECK(record_with("\"22\"", "\"\"") != "");
  CHECK(record_with("\"22\"", "\"70000\"") != "");
  CHECK(record_with("\"count\":1", "\"count\":0") == "fewer packets than ports");
  CHECK(record_with("\"last\":\"2026-11-23T10:00:01Z\"", "\"last\":\"2026-11-23T10:00:00Z\"") ==
        "the last packet came before the first");
  CHECK(with(head.substr(0, head.size() - 1)) == "a second header");
  CHECK(complaint(head + witness_end(WitnessEnd::complete, {at(5), 1, 0, 0}) + good + "\n") ==
        "a record after the end record");
  CHECK(complaint(head + witness_listening({at(3), 20, 8, 2}) + witness_listening({at(4), 20, 8, 1})) ==
        "a counter runs backwards");
  CHECK(with("{\"end\":\"whenever\",\"finished\":\"2026-11-23T10:00:01Z\"}") ==
        "'whenever' is no end of a witness's run");
  CHECK(with("{\"wisdom\":1}").empty());  // a later version's
  Result<WitnessRun> run = read_witness("far.jsonl", head + "{\"source\":\"x\"}\n");
  REQUIRE_FALSE(run);
  CHECK(run.error().where.file == "far.jsonl");
  CHECK(run.error().where.line == 2);
}

TEST_CASE("an end has a name, and a name an end") {
  for (WitnessEnd end : {WitnessEnd::complete, WitnessEnd::runtime_reached, WitnessEnd::interface_lost})
    CHECK(parse_witness_end(name(end)) == end);
  CHECK_FALSE(parse_witness_end("interrupted"));
}
