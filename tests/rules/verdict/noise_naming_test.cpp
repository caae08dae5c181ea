#include "rules/verdict/noise_naming.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "rules/evidence/noise_criteria.h"

namespace demarc {
namespace {

using namespace noise_criteria;

ObservedFlow question(std::uint32_t initiator, std::uint32_t responder, std::uint16_t port,
                      Protocol protocol = Protocol::tcp) {
  ObservedFlow f;
  f.initiator = Address::ipv4(0xC6336400U + initiator);
  f.responder = Address::ipv4(0xC0000200U + responder);
  f.protocol = protocol;
  f.port = Port{port};
  f.initiator_certain = true;
  f.conversations = 1;
  f.packets_out = 1;
  f.bytes_out = 40;
  f.states.add(ConnState::S0);
  return f;
}

ObservedFlow answered(ObservedFlow f) {
  f.established = f.conversations = 1;
  f.packets_in = 1;
  f.states = {};
  f.states.add(ConnState::SF);
  return f;
}

std::vector<std::optional<NoiseKind>> names_of(const std::vector<ObservedFlow>& flows) {
  std::vector<const ObservedFlow*> records;
  for (const ObservedFlow& f : flows) records.push_back(&f);
  return name_noise(records);
}

std::size_t count(const std::vector<std::optional<NoiseKind>>& names, std::optional<NoiseKind> kind) {
  return static_cast<std::size_t>(std::count(names.begin(), names.end(), kind));
}

TEST_CASE("a port scan is many ports of one responder, counted once each") {
  std::vector<ObservedFlow> flows;
  for (std::uint16_t p = 1; p < kPortScanPorts; ++p) flows.push_back(question(7, 11, p));
  for (int again = 0; again < 30; ++again) flows.push_back(question(7, 11, 1));
  CHECK(count(names_of(flows), std::nullopt) == flows.size());
  flows.push_back(question(7, 11, 1000));
  CHECK(count(names_of(flows), NoiseKind::port_scan) == flows.size());
  // Another responder's port, another protocol and another initiator are no part of it.
  flows.push_back(question(7, 12, 1));
  flows.push_back(question(7, 11, 1, Protocol::udp));
  flows.push_back(question(8, 11, 1));
  CHECK(count(names_of(flows), NoiseKind::port_scan) == flows.size() - 3);
}

TEST_CASE("a host scan is one port of many responders") {
  std::vector<ObservedFlow> flows;
  for (std::uint32_t r = 1; r < kHostScanResponders; ++r) flows.push_back(question(7, r, 445));
  CHECK(count(names_of(flows), std::nullopt) == flows.size());
  flows.push_back(question(7, 100, 445));
  CHECK(count(names_of(flows), NoiseKind::host_scan) == flows.size());
  flows.push_back(question(7, 100, 446));
  CHECK(count(names_of(flows), NoiseKind::host_scan) == flows.size() - 1);
}

TEST_CASE("what was answered is no part of a scan, and does not excuse the rest") {
  std::vector<ObservedFlow> flows;
  for (std::uint16_t p = 1; p <= kPortScanPorts; ++p) flows.push_back(question(7, 11, p));
  flows.push_back(answered(question(7, 11, 443)));
  const auto names = names_of(flows);
  CHECK(count(names, NoiseKind::port_scan) == kPortScanPorts);
  CHECK(!names.back());
}

TEST_CASE("a flood has many initiators, and is none while others are answered there") {
  std::vector<ObservedFlow> flows;
  for (std::uint32_t i = 0; i < kFloodInitiators; ++i) flows.push_back(question(i, 11, 443));
  CHECK(count(names_of(flows), std::nullopt) == flows.size());
  flows.push_back(question(kFloodInitiators, 11, 443));
  CHECK(count(names_of(flows), NoiseKind::syn_flood) == flows.size());
  // A server that answers more than a fourth of them is a server.
  std::vector<ObservedFlow> busy = flows;
  for (std::uint32_t i = 0; i < 300; ++i) busy.push_back(answered(question(5000 + i, 11, 443)));
  CHECK(count(names_of(busy), NoiseKind::syn_flood) == 0);
  std::vector<ObservedFlow> elsewhere = flows;
  for (std::uint32_t i = 0; i < 300; ++i) elsewhere.push_back(answered(question(5000 + i, 12, 443)));
  CHECK(count(names_of(elsewhere), NoiseKind::syn_flood) == flows.size());
  // The same initiator again and again is not many.
  std::vector<ObservedFlow> one(2000, question(7, 11, 443));
  CHECK(count(names_of(one), NoiseKind::syn_flood) == 0);
}

TEST_CASE("backscatter is an answer alone") {
  ObservedFlow syn_ack = question(7, 11, 80);
  syn_ack.states = {};
  syn_ack.states.add(ConnState::SHR);
  syn_ack.packets_out = syn_ack.bytes_out = 0;
  syn_ack.packets_in = 2;
  CHECK(is_backscatter(syn_ack));
  CHECK(backscatter_sender(syn_ack) == syn_ack.responder);

  ObservedFlow reset = question(7, 11, 40000);
  reset.states = {};
  reset.states.add(ConnState::OTH);
  reset.initiator_certain = false;
  CHECK(is_backscatter(reset));
  CHECK(backscatter_sender(reset) == reset.initiator);

  ObservedFlow data = reset;  // carries something: the middle of a conversation
  data.bytes_out = 1400;
  CHECK(!is_backscatter(data));
  ObservedFlow both = reset;
  both.packets_in = 1;
  CHECK(!is_backscatter(both));
  CHECK(!is_backscatter(question(7, 11, 80)));
  CHECK(!is_backscatter(answered(question(7, 11, 80))));
  CHECK(names_of({reset, question(7, 11, 80)}) ==
        std::vector<std::optional<NoiseKind>>{NoiseKind::backscatter, std::nullopt});
}

TEST_CASE("ICMP errors are nobody's question") {
  std::vector<ObservedFlow> flows;
  for (std::uint32_t r = 0; r < 40; ++r) {
    flows.push_back(question(7, r, 0, Protocol::icmp));
    flows.back().icmp = {3, 1};
  }
  CHECK(count(names_of(flows), std::nullopt) == flows.size());
  for (ObservedFlow& f : flows) f.icmp = {8, 0};
  CHECK(count(names_of(flows), NoiseKind::host_scan) == flows.size());
}

}  // namespace
}  // namespace demarc
