#include "scanner/active/raw/cookie.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

using namespace demarc;
using namespace demarc::raw_engine;

namespace {

constexpr HashKey kKey{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
const Address kTarget = *parse_address("192.0.2.10"), kTarget6 = *parse_address("2001:db8::10");

std::vector<Port> ports(std::uint16_t first, std::size_t count) {
  std::vector<Port> list;
  for (std::size_t i = 0; i < count; ++i) list.push_back(Port{static_cast<std::uint16_t>(first + i)});
  return list;
}
Cookies cookies(std::size_t tcp = 64, std::size_t udp = 1024, const HashKey& key = kKey) {
  return Cookies(key, ports(40000, tcp), ports(50000, udp));
}
Question tcp(std::uint16_t port, const Address& target = kTarget) { return {target, Protocol::tcp, port}; }
bool has(const std::vector<std::uint8_t>& labels, std::uint8_t label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

}  // namespace

TEST_CASE("every label comes back with what its probe's answer brings") {
  for (std::size_t count : {std::size_t{1}, std::size_t{3}, std::size_t{64}}) {
    const Cookies ours = cookies(count, count);
    for (const Address& target : {kTarget, kTarget6}) {
      for (unsigned i = 1; i < kLabels; ++i) {
        CAPTURE(count);
        CAPTURE(i);
        const auto label = static_cast<std::uint8_t>(i);
        const Question question = tcp(443, target);
        const Cookies::Probe probe = ours.probe(question, label);
        CHECK(ours.label_of_ack(question, probe.source_port, probe.seq + 1) == label);
        CHECK(ours.label_of_ack(question, probe.source_port, probe.seq) == label);  // stacks that do not add one
        CHECK(ours.label_of_seq(question, probe.source_port, probe.seq) == label);
        const Question echo{target, target.is_ipv4() ? Protocol::icmp : Protocol::icmpv6, 8 << 8};
        CHECK(ours.label_of_query(echo, ours.probe(echo, label).seq) == label);
        const Question datagram{target, Protocol::udp, 53};
        CHECK(has(ours.labels_of_port(datagram, ours.probe(datagram, label).source_port), label));
      }
    }
  }
}

TEST_CASE("an answer for another question, by another key or to another port is nobody's") {
  const Cookies ours = cookies();
  HashKey other_key = kKey;
  other_key[15] ^= 1;
  const Cookies strangers = cookies(64, 1024, other_key);
  const Question asked = tcp(443);
  const Cookies::Probe probe = ours.probe(asked, kFirstTry);
  CHECK_FALSE(strangers.label_of_ack(asked, probe.source_port, probe.seq + 1).has_value());
  CHECK_FALSE(ours.label_of_ack(tcp(444), probe.source_port, probe.seq + 1).has_value());
  CHECK_FALSE(ours.label_of_ack(tcp(443, kTarget6), probe.source_port, probe.seq + 1).has_value());
  CHECK_FALSE(ours.label_of_ack(tcp(443, *parse_address("192.0.2.11")), probe.source_port, probe.seq + 1));
  // The bytes of ::192.0.2.10 are those of no IPv4 address.
  CHECK_FALSE(ours.label_of_ack(tcp(443, *parse_address("::192.0.2.10")), probe.source_port, probe.seq + 1));
  CHECK_FALSE(ours.label_of_ack({kTarget, Protocol::udp, 443}, probe.source_port, probe.seq + 1).has_value());
  CHECK_FALSE(ours.label_of_ack(asked, static_cast<std::uint16_t>(probe.source_port ^ 1), probe.seq + 1));
  for (std::uint16_t foreign : {std::uint16_t{0}, std::uint16_t{39999}, std::uint16_t{40064}, std::uint16_t{65535}})
    CHECK_FALSE(ours.label_of_ack(asked, foreign, probe.seq + 1).has_value());
  CHECK(ours.labels_of_port({kTarget, Protocol::udp, 53}, 49999).empty());
  const Question echo{kTarget, Protocol::icmp, 8 << 8}, stamp{kTarget, Protocol::icmp, 13 << 8};
  CHECK_FALSE(ours.label_of_query(stamp, ours.probe(echo, kFirstTry).seq).has_value());
}

TEST_CASE("without ports of a protocol nothing is recognised, and nothing is divided by zero") {
  const Cookies none(kKey, {}, {});
  CHECK_FALSE(none.label_of_ack(tcp(443), 40000, 1).has_value());
  CHECK(none.labels_of_port({kTarget, Protocol::udp, 53}, 50000).empty());
  CHECK(none.probe(tcp(443), kFirstTry).source_port == 0);
  CHECK(none.udp_port_bits() == 0);
}

TEST_CASE("one source port: it is always that one, and the labels are still told apart") {
  const Cookies ours = cookies(1, 1);
  std::set<std::uint32_t> seqs;
  for (unsigned label = 1; label < kLabels; ++label) {
    const Cookies::Probe probe = ours.probe(tcp(443), static_cast<std::uint8_t>(label));
    CHECK(probe.source_port == 40000);
    seqs.insert(probe.seq);
  }
  CHECK(seqs.size() == kLabels - 1);
  CHECK(ours.labels_of_port({kTarget, Protocol::udp, 53}, 50000).size() == kLabels - 1);
  CHECK(ours.udp_port_bits() == 0);
}

TEST_CASE("64 and 1,024 source ports are all used") {
  const Cookies ours = cookies();
  std::set<std::uint16_t> used_tcp, used_udp;
  for (unsigned port = 1; port < 20000; ++port) {
    const auto number = static_cast<std::uint16_t>(port);
    used_tcp.insert(ours.probe(tcp(number), kFirstTry).source_port);
    used_udp.insert(ours.probe({kTarget, Protocol::udp, number}, kFirstTry).source_port);
  }
  CHECK(used_tcp.size() == 64);
  CHECK(*used_tcp.begin() == 40000);
  CHECK(*used_tcp.rbegin() == 40063);
  CHECK(used_udp.size() == 1024);
  CHECK(ours.udp_port_bits() == 10);
  // No port of ours can have asked more than the share of the labels that it has.
  for (unsigned port = 50000; port < 51024; ++port)
    CHECK(ours.labels_of_port({kTarget, Protocol::udp, 53}, static_cast<std::uint16_t>(port)).size() <= 1);
}

TEST_CASE("a token is one question's under one label") {
  const Cookies ours = cookies();
  std::set<std::array<std::uint8_t, 16>> tokens;
  for (const Address& target : {kTarget, kTarget6})
    for (Protocol protocol : {Protocol(Protocol::udp), Protocol(Protocol::icmp)})
      for (std::uint16_t port : {std::uint16_t{53}, std::uint16_t{54}})
        for (std::uint8_t label : {kFirstTry, kConfirm})
          tokens.insert(ours.token({target, protocol, port}, label).bytes);
  CHECK(tokens.size() == 16);
}

TEST_CASE(
    "the witness's marks are in the SYNs of passes and canaries alone, and this epoch's and the last one's come "
    "back") {
  const WitnessKey key = parse_witness_key("000102030405060708090a0b0c0d0e0f").value();
  Cookies ours = cookies();
  ours.mark_for_witness(key, 1000);
  const Question asked = tcp(443);
  for (unsigned i = 1; i < kLabels; ++i) {
    CAPTURE(i);
    const auto label = static_cast<std::uint8_t>(i);
    const Cookies::Probe probe = ours.probe(asked, label);
    CHECK(probe.tag.has_value() == (label <= kLastCanary));
    if (probe.tag) CHECK(probe.seq == syn_tag(key, 1000, Port{443}).seq);
    const std::optional<std::uint8_t> back = ours.label_of_ack(asked, probe.source_port, probe.seq + 1);
    CHECK(back == label);
  }
  const Cookies::Probe marked = ours.probe(asked, kFirstTry);
  ours.mark_for_witness(key, 1001);
  CHECK(ours.label_of_ack(asked, marked.source_port, marked.seq + 1) == kFirstTry);
  ours.mark_for_witness(key, 1002);
  CHECK_FALSE(ours.label_of_ack(asked, marked.source_port, marked.seq + 1).has_value());
  CHECK_FALSE(ours.probe({kTarget, Protocol::udp, 443}, kFirstTry).tag.has_value());
}

TEST_CASE("with few source ports a canary's answer is never taken for the work's, marks or not") {
  const WitnessKey key = parse_witness_key("000102030405060708090a0b0c0d0e0f").value();
  for (std::size_t count : {std::size_t{1}, std::size_t{2}, std::size_t{31}, std::size_t{32}, std::size_t{64}}) {
    CAPTURE(count);
    Cookies ours = cookies(count);
    ours.mark_for_witness(key, 1000);
    const Question asked = tcp(443);
    for (unsigned i = 1; i < kLabels; ++i) {
      CAPTURE(i);
      const auto label = static_cast<std::uint8_t>(i);
      const Cookies::Probe probe = ours.probe(asked, label);
      const std::optional<std::uint8_t> back = ours.label_of_ack(asked, probe.source_port, probe.seq + 1);
      REQUIRE(back.has_value());
      // Which try of the work it was may be lost, no more.
      CHECK((*back == label || (*back <= kLastTry && label <= kLastTry)));
    }
  }
}

TEST_CASE("a million forged acknowledgements name no question") {
  const Cookies ours = cookies();
  std::mt19937_64 random(20261123);
  int accepted = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const std::uint64_t r = random();
    const Question question = tcp(static_cast<std::uint16_t>(r >> 48), (r & 1) != 0 ? kTarget : kTarget6);
    // The forger even knows which ports are ours.
    const auto to = static_cast<std::uint16_t>(40000 + (r >> 32) % 64);
    accepted += ours.label_of_ack(question, to, static_cast<std::uint32_t>(r)).has_value() ? 1 : 0;
  }
  CHECK(accepted == 0);
}

TEST_CASE("whatever is asked, over whatever ports: its own answer is known, one that differs in a bit is not") {
  CHECK(rc::check([] {
    HashKey key;
    for (std::uint8_t& byte : key) byte = *rc::gen::arbitrary<std::uint8_t>();
    const auto count = *rc::gen::inRange<std::size_t>(1, 200);
    const Cookies ours = cookies(count, count, key);
    const Address target = *rc::gen::arbitrary<bool>() ? Address::ipv4(*rc::gen::arbitrary<std::uint32_t>())
                                                       : Address::ipv6(*rc::gen::arbitrary<std::uint64_t>(),
                                                                       *rc::gen::arbitrary<std::uint64_t>());
    const Question question = tcp(*rc::gen::arbitrary<std::uint16_t>(), target);
    const auto label = *rc::gen::inRange<std::uint8_t>(1, kLabels);
    const Cookies::Probe probe = ours.probe(question, label);
    RC_ASSERT(ours.label_of_ack(question, probe.source_port, probe.seq + 1) == std::optional(label));
    const std::uint32_t flipped = probe.seq ^ (std::uint32_t{1} << *rc::gen::inRange(0, 32));
    RC_ASSERT(ours.label_of_seq(question, probe.source_port, flipped) != std::optional(label));
    for (std::uint8_t one :
         ours.labels_of_port({target, Protocol::udp, 53}, static_cast<std::uint16_t>(50000 + count / 2)))
      RC_ASSERT(ours.probe({target, Protocol::udp, 53}, one).source_port == 50000 + count / 2);
  }));
}
