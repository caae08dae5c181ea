#include "scanner/passive/related.h"

#include <doctest/doctest.h>

using namespace demarc;

namespace {

const Address kClient = *parse_address("198.51.100.7"), kServer = *parse_address("192.0.2.10"),
              kOther = *parse_address("203.0.113.5");
const Timestamp kNow = Timestamp::from_seconds(1'795'000'000);
constexpr Protocol tcp = Protocol::tcp, udp = Protocol::udp;

Endpoint at(const Address& address, unsigned port) { return {address, Port{static_cast<std::uint16_t>(port)}}; }

ExpectedConversation one(unsigned port) {
  return {.protocol = tcp, .at = at(kServer, port), .peer = kClient, .parent = 5, .life = std::chrono::seconds(60)};
}

}  // namespace

TEST_CASE("only the peer, only with the announced endpoint, only in time") {
  Related related(100, 42);
  CHECK(related.parent_of(tcp, at(kClient, 40000), at(kServer, 50000), kNow) == kNone32);
  REQUIRE(related.expect(one(50000), kNow) == Related::Taken::yes);
  CHECK(related.parent_of(tcp, at(kOther, 40000), at(kServer, 50000), kNow) == kNone32);
  CHECK(related.parent_of(tcp, at(kClient, 40000), at(kServer, 50001), kNow) == kNone32);
  CHECK(related.parent_of(tcp, at(kClient, 40000), at(kOther, 50000), kNow) == kNone32);
  CHECK(related.parent_of(udp, at(kClient, 40000), at(kServer, 50000), kNow) == kNone32);
  CHECK(related.parent_of(tcp, at(kServer, 50000), at(kClient, 40000), kNow) == kNone32);  // the other way round
  CHECK(related.parent_of(tcp, at(kClient, 40000), at(kServer, 50000), kNow + std::chrono::seconds(60)) == 5);
  // It was renewed by that conversation.
  CHECK(related.parent_of(tcp, at(kClient, 40001), at(kServer, 50000), kNow + std::chrono::seconds(119)) == 5);
  CHECK(related.parent_of(tcp, at(kClient, 40002), at(kServer, 50000), kNow + std::chrono::seconds(1000)) ==
        kNone32);
  CHECK(related.size() == 0);
}

TEST_CASE("well-known ports are never announced, and never talk but from 20") {
  Related related(100, 42);
  for (const unsigned port : {0U, 1U, 20U, 22U, 443U, 1023U})
    CHECK(related.expect(one(port), kNow) == Related::Taken::refused);
  CHECK(related.size() == 0);
  related.expect(one(1024), kNow);
  CHECK(related.parent_of(tcp, at(kClient, 443), at(kServer, 1024), kNow) == kNone32);
  CHECK(related.parent_of(tcp, at(kClient, 20), at(kServer, 1024), kNow) == 5);
  ExpectedConversation low = one(2049);
  low.low_source = true;
  related.expect(low, kNow);
  CHECK(related.parent_of(tcp, at(kClient, 700), at(kServer, 2049), kNow) == 5);
}

TEST_CASE("once is once") {
  Related related(100, 42);
  ExpectedConversation expected = one(50000);
  expected.once = true;
  related.expect(expected, kNow);
  related.expect(expected, kNow);  // said again is not said twice
  CHECK(related.parent_of(tcp, at(kClient, 40000), at(kServer, 50000), kNow) == 5);
  CHECK(related.parent_of(tcp, at(kClient, 40001), at(kServer, 50000), kNow) == kNone32);
  CHECK(related.parent_of(tcp, at(kClient, 40000), at(kServer, 50000), kNow) == 5);  // another sensor's view of it
  related.expect(expected, kNow);
  CHECK(related.parent_of(tcp, at(kClient, 40001), at(kServer, 50000), kNow) == 5);
}

TEST_CASE("either end may open where the protocol has it so") {
  Related related(100, 42);
  ExpectedConversation expected = one(50000);
  expected.either_opens = true;
  related.expect(expected, kNow);
  CHECK(related.parent_of(tcp, at(kServer, 50000), at(kClient, 40000), kNow) == 5);
  CHECK(related.parent_of(tcp, at(kServer, 50000), at(kOther, 40000), kNow) == kNone32);
  CHECK(related.parent_of(tcp, at(kClient, 40000), at(kServer, 50000), kNow) == 5);
}

TEST_CASE("the table is bounded: what has ended goes first") {
  Related related(64, 42);
  for (unsigned port = 2000; port < 2064; ++port) related.expect(one(port), kNow);
  CHECK(related.size() == 64);
  for (unsigned port = 3000; port < 3200; ++port) related.expect(one(port), kNow + std::chrono::seconds(61));
  CHECK(related.size() <= 64);
  CHECK(related.parent_of(tcp, at(kClient, 40000), at(kServer, 3199), kNow + std::chrono::seconds(61)) == 5);
  CHECK(related.dropped() > 100);
  Related sweeping(1000, 42);
  for (unsigned i = 0; i < 10'000; ++i) sweeping.expect(one(2000 + i % 60'000), kNow + std::chrono::seconds(i));
  CHECK(sweeping.dropped() == 0);  // 60 live at a time
  CHECK(sweeping.size() < 100);
}

TEST_CASE("times at the end of all times do not overflow") {
  Related related(10, 42);
  const Timestamp last(Nanoseconds::max()), first(Nanoseconds::min());
  related.expect(one(50000), last);
  CHECK(related.parent_of(tcp, at(kClient, 40000), at(kServer, 50000), last) == 5);
  related.expect(one(50001), first);
  CHECK(related.parent_of(tcp, at(kClient, 40000), at(kServer, 50001), last) == kNone32);
}
