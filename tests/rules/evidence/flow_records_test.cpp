#include "rules/evidence/flow_records.h"

#include <doctest/doctest.h>

#include "rules/text/diagnostics.h"

using namespace demarc;

namespace {

FlowEvidence evidence() {
  FlowEvidence e;
  e.file = "f";
  FlowSource& tap = e.sources.emplace_back();
  tap.file = "dmz.pcapng";
  tap.sensor = "tap-back";
  tap.packets = 184467;
  tap.dropped = 3;
  tap.truncated = true;
  tap.problem = "ends inside packet 184468";
  tap.first = *parse_timestamp("2026-11-23T09:00:00.000001Z");
  tap.last = *parse_timestamp("2026-11-23T10:00:00Z");
  e.sources.emplace_back().file = "second.pcap";
  ObservedFlow& flow = e.flows.emplace_back();
  flow.initiator = *parse_address("198.51.100.7");
  flow.responder = *parse_address("192.0.2.20");
  flow.protocol = Protocol::tcp;
  flow.port = Port(1433);
  flow.initiator_certain = true;
  flow.conversations = 12;
  flow.states.add(ConnState::SF, 11);
  flow.states.add(ConnState::S0);
  flow.established = 11;
  flow.packets_out = 310;
  flow.bytes_in = 90110;
  flow.first = *parse_timestamp("2026-11-23T09:00:01Z");
  flow.last = *parse_timestamp("2026-11-23T09:59:00Z");
  ObservedFlow& ping = e.flows.emplace_back();
  ping.initiator = *parse_address("2001:db8::1");
  ping.responder = *parse_address("2001:db8::2");
  ping.protocol = Protocol::icmpv6;
  ping.icmp = {128, 0};
  ping.conversations = 1;
  ping.source = 1;
  ping.record = 77;
  return e;
}

}  // namespace

TEST_CASE("flow records read back as they were written") {
  Result<FlowEvidence> read = read_flow_records("f", flow_records(evidence()));
  REQUIRE(read);
  CHECK(read->complete);
  REQUIRE(read->sources.size() == 2);
  CHECK(read->sources[0].sensor == "tap-back");
  CHECK(read->sources[0].truncated);
  CHECK(read->sources[0].dropped == 3);
  CHECK(to_string(*read->sources[0].first) == "2026-11-23T09:00:00.000001Z");
  REQUIRE(read->flows.size() == 2);
  const ObservedFlow& flow = read->flows[0];
  CHECK(flow.established == 11);
  CHECK(flow.states[ConnState::S0] == 1);
  CHECK(flow.port == Port(1433));
  CHECK(flow.bytes_in == 90110);
  CHECK(read->flows[1].icmp == IcmpType{128, 0});
  CHECK(read->flows[1].source == 1);
  CHECK(read->flows[1].record == 77);
}

TEST_CASE("the order of flows does not change the file") {
  FlowEvidence e = evidence();
  std::string text = flow_records(e);
  std::swap(e.flows[0], e.flows[1]);
  CHECK(flow_records(e) == text);
}

TEST_CASE("a file of design.md's shape, by somebody else") {
  Result<FlowEvidence> read =
      read_flow_records("f",
                        "{\"demarc\":\"flows\",\"version\":1,\"sources\":[{\"file\":\"dmz.pcapng\",\"sensor\":"
                        "\"tap-back\",\"sampling\":1,\"packets\":184467,\"dropped\":0,\"truncated\":false,"
                        "\"first\":\"2026-11-23T09:00:00Z\",\"last\":\"2026-11-23T10:00:00Z\"}]}\n"
                        "{\"initiator\":\"198.51.100.7\",\"responder\":\"192.0.2.20\",\"protocol\":\"tcp\","
                        "\"port\":1433,\"initiator_certain\":true,\"conversations\":12,\"states\":{\"SF\":11,"
                        "\"S0\":1},\"packets_out\":310,\"packets_in\":288,\"bytes_out\":41002,\"bytes_in\":90110,"
                        "\"first\":\"2026-11-23T09:00:00Z\",\"last\":\"2026-11-23T10:00:00Z\"}\n");
  REQUIRE(read);
  CHECK_FALSE(read->complete);                 // no end record
  CHECK(read->flows.at(0).established == 11);  // from the states
}

TEST_CASE("cut at any byte: an error only while the header is not whole") {
  std::string whole = flow_records(evidence());
  std::size_t header_end = whole.find('\n');
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    Result<FlowEvidence> read = read_flow_records("f", std::string_view(whole).substr(0, n));
    CHECK(read.has_value() == (n >= header_end));
    if (read && n + 1 < whole.size()) CHECK_FALSE(read->complete);
  }
}

TEST_CASE("wrong records are errors with their line") {
  std::string head = flow_header(std::vector<FlowSource>(1));
  Result<FlowEvidence> read = read_flow_records(
      "f", head + "{\"initiator\":\"198.51.100.7\",\"responder\":\"2001:db8::1\",\"protocol\":\"tcp\"}\n");
  REQUIRE_FALSE(read);
  CHECK(render(read.error()) ==
        "f:2:1: error: initiator and responder are of different "
        "families\n{\"initiator\":\"198.51.100.7\",\"responder\":\"2001:db8::1\",\"protocol\":\"tcp\"}\n^~~~~~~~~~~"
        "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n");
  CHECK_FALSE(read_flow_records(
      "f",
      head + "{\"initiator\":\"198.51.100.7\",\"responder\":\"192.0.2.1\",\"protocol\":\"tcp\",\"port\":70000}\n"));
  CHECK_FALSE(read_flow_records(
      "f",
      head + "{\"initiator\":\"198.51.100.7\",\"responder\":\"192.0.2.1\",\"protocol\":\"tcp\",\"source\":5}\n"));
  CHECK_FALSE(read_flow_records("f", "{\"demarc\":\"flows\",\"version\":9}\n"));
  CHECK_FALSE(read_flow_records("f", ""));
}
