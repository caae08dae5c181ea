#include "rules/evidence/flow_records.h"

#include <doctest/doctest.h>

#include <algorithm>

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

TEST_CASE("a file in pieces is the same file, and ends where nobody wants more") {
  FlowEvidence e = evidence();
  for (int i = 0; i < 1000; ++i) {
    e.flows.push_back(e.flows[0]);
    e.flows.back().port = Port(static_cast<std::uint16_t>(2000 + i));
  }
  const std::string whole = flow_records(e);
  std::string together;
  std::size_t pieces = 0, longest = 0;
  flow_records(e, [&](std::string_view piece) {
    together += piece;
    longest = std::max(longest, piece.size());
    return ++pieces != 0;
  });
  CHECK(together == whole);
  CHECK(pieces > 3);
  CHECK(longest < (68U << 10));
  std::size_t taken = 0;
  flow_records(e, [&](std::string_view) { return ++taken < 2; });
  CHECK(taken == 2);
}

TEST_CASE("further members stand in the record of their own flow") {
  const FlowEvidence e = evidence();
  std::string text;
  flow_records(
      e,
      [&](std::string_view piece) {
        text += piece;
        return true;
      },
      [&](std::size_t place, std::string& out) {
        out += ",\"verdict\":\"" + to_string(e.flows[place].initiator) + "\"";
      });
  Result<FlowEvidence> read = read_flow_records("f", text);
  REQUIRE(read);
  CHECK(read->flows.size() == e.flows.size());
  for (const ObservedFlow& f : e.flows) {
    const std::size_t at = text.find("\"verdict\":\"" + to_string(f.initiator) + "\"}\n");
    REQUIRE(at != std::string::npos);
    CHECK(text.substr(0, at).rfind("\"initiator\":\"" + to_string(f.initiator)) >
          text.substr(0, at).rfind('\n'));
  }
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

TEST_CASE("a frame of 0 is none: the record stands at its line, and comes back so") {
  const std::string times = "\"first\":\"2026-11-23T09:00:00Z\",\"last\":\"2026-11-23T10:00:00Z\",\"frame\":0}\n";
  const std::string text =
      flow_header(std::vector<FlowSource>(1)) +
      "{\"initiator\":\"198.51.100.7\",\"responder\":\"192.0.2.1\",\"protocol\":\"tcp\",\"port\":443," + times +
      "{\"noise\":\"syn-flood\",\"responder\":\"192.0.2.1\",\"protocol\":\"tcp\",\"ports\":\"443\"," + times;
  const Result<FlowEvidence> read = read_flow_records("f", text);
  REQUIRE(read);
  CHECK(read->flows.at(0).record == 2);
  CHECK(read->noise.at(0).record == 3);
  CHECK(flow_records(read_flow_records("f", flow_records(*read)).value()) == flow_records(*read));
}

TEST_CASE("services, parents, tunnels, translations and noise come back, in whatever order they were") {
  FlowEvidence e = evidence();
  e.sources[0].one_sided = 5;
  e.sources[0].two_sided = 7;
  ServiceSeen tls;
  tls.name = "tls";
  tls.tls_inside = "http";
  tls.certificate_names = {"a.example", "b.example"};
  tls.certificate_expires = *parse_timestamp("2027-01-01T00:00:00Z");
  e.services.push_back(tls);
  e.services.emplace_back().name = "ftp";
  const Address client = e.flows[0].initiator, server = e.flows[0].responder;
  e.parents.push_back({client, server, Protocol::tcp, Port(21), RelatedBy::ftp});
  e.tunnels.push_back({TunnelKind::vxlan, *parse_address("192.0.2.1"), *parse_address("192.0.2.2"), 0xFFFFFFFF});
  e.real_ends.push_back({*parse_address("203.0.113.9"), server, Port(1433), true});
  e.real_ends.push_back({*parse_address("203.0.113.9"), server, Port(1433), false});
  e.flows[0].service = e.flows[0].parent = e.flows[0].tunnel = e.flows[0].real = 0;
  ObservedFlow twin = e.flows[0];  // differs in what it refers to only
  twin.service = twin.real = 1;
  twin.parent = twin.tunnel = kNone32;
  e.flows.push_back(twin);
  TrafficNoise& flood = e.noise.emplace_back();
  flood.kind = NoiseKind::syn_flood;
  flood.responder = server;
  flood.protocol = Protocol::tcp;
  flood.ports = PortSet::single(Port(443));
  flood.attempts = 50'000'000;
  flood.initiators = 49'000'000;
  flood.packets = 50'000'001;
  flood.bytes = 2'000'000'040;
  flood.first = *parse_timestamp("2026-11-23T09:00:00Z");
  flood.last = *parse_timestamp("2026-11-23T09:10:00Z");
  flood.source = 1;
  flood.record = 9;
  TrafficNoise scan = flood;
  scan.kind = NoiseKind::port_scan;
  scan.initiator = client;
  scan.ports = PortSet::of({{Port(1), Port(100)}, {Port(65000), Port(65535)}});
  e.noise.push_back(scan);

  const std::string text = flow_records(e);
  Result<FlowEvidence> read = read_flow_records("f", text);
  REQUIRE(read);
  CHECK(flow_records(*read) == flow_records(*read_flow_records("g", flow_records(*read))));
  CHECK(read->sources[0].one_sided == 5);
  CHECK(read->sources[0].two_sided == 7);
  REQUIRE(read->services.size() == 2);
  REQUIRE(read->flows.size() == 3);
  std::size_t with_parent = 0;
  for (const ObservedFlow& f : read->flows) {
    if (f.parent == kNone32) continue;
    ++with_parent;
    CHECK(read->services.at(f.service) == tls);
    CHECK(read->parents.at(f.parent) == e.parents[0]);
    CHECK(read->tunnels.at(f.tunnel) == e.tunnels[0]);
    CHECK(read->real_ends.at(f.real) == e.real_ends[0]);
  }
  CHECK(with_parent == 1);
  REQUIRE(read->noise.size() == 2);
  CHECK(read->noise[0].kind == NoiseKind::port_scan);
  CHECK(read->noise[0].initiator == client);
  CHECK(to_string(read->noise[0].ports) == "1-100,65000-65535");
  CHECK(read->noise[1].attempts == 50'000'000);
  CHECK_FALSE(read->noise[1].initiator);
  CHECK(read->noise[1].record == 9);

  // The lists in another order are the same evidence, and the same bytes.
  FlowEvidence other = e;
  std::swap(other.services[0], other.services[1]);
  std::swap(other.real_ends[0], other.real_ends[1]);
  for (ObservedFlow& f : other.flows) {
    if (f.service != kNone32) f.service = 1 - f.service;
    if (f.real != kNone32) f.real = 1 - f.real;
  }
  std::reverse(other.flows.begin(), other.flows.end());
  std::reverse(other.noise.begin(), other.noise.end());
  CHECK(flow_records(other) == text);
}

TEST_CASE("what a record refers to is read strictly, and appended evidence keeps its references") {
  const std::string head = flow_header(std::vector<FlowSource>(1));
  const std::string flow =
      "{\"initiator\":\"198.51.100.7\",\"responder\":\"192.0.2.1\",\"protocol\":\"tcp\",\"first\":"
      "\"2026-11-23T09:00:00Z\",\"last\":\"2026-11-23T09:00:00Z\",";
  for (const char* wrong :
       {"\"tunnel\":{\"kind\":\"hole\",\"ends\":[\"192.0.2.1\",\"192.0.2.2\"]}}",
        "\"tunnel\":{\"kind\":\"gre\",\"ends\":[\"192.0.2.1\"]}}",
        "\"parent\":{\"initiator\":\"192.0.2.1\",\"responder\":\"x\",\"protocol\":\"tcp\",\"by\":\"ftp\"}}",
        "\"parent\":{\"initiator\":\"192.0.2.1\",\"responder\":\"192.0.2.2\",\"protocol\":\"tcp\",\"by\":\"me\"}}",
        "\"real\":{\"initiator\":\"192.0.2.1\",\"responder\":\"192.0.2.2\",\"port\":70000}}",
        "\"service\":{\"name\":\"tls\",\"certificate_expires\":\"soon\"}}"}) {
    CAPTURE(wrong);
    CHECK_FALSE(read_flow_records("f", head + flow + wrong + "\n"));
  }
  CHECK(read_flow_records("f", head + flow + "\"new\":{\"kind\":1}}\n"));
  CHECK_FALSE(read_flow_records("f", head + "{\"noise\":\"music\",\"protocol\":\"tcp\"}\n"));

  FlowEvidence both = evidence();
  both.services.emplace_back().name = "ssh";
  FlowEvidence more = evidence();
  more.services.emplace_back().name = "tls";
  more.flows[0].service = 0;
  append_flows(both, std::move(more));
  REQUIRE(both.flows.size() == 4);
  CHECK(both.services.at(both.flows[2].service).name == "tls");
  CHECK(both.flows[3].source == 3);
  CHECK(both.sources.size() == 4);
}
