#include "scanner/active/raw/senders.h"

#include <doctest/doctest.h>

using namespace demarc::raw_engine;

TEST_CASE("hops are counted from the start value that systems use") {
  struct Row {
    int ttl, hops;
  };
  for (const Row& row : {Row{64, 0}, Row{63, 1}, Row{1, 63}, Row{128, 0}, Row{65, 63}, Row{120, 8}, Row{255, 0},
                         Row{129, 126}, Row{0, 64}}) {
    CAPTURE(row.ttl);
    CHECK(hops(static_cast<std::uint8_t>(row.ttl)) == row.hops);
  }
}

TEST_CASE("who sent a reset") {
  struct Row {
    const char* title;
    std::vector<std::uint8_t> own, opened, resets;
    std::uint8_t ttl;
    Who who;
  };
  for (const Row& row : std::vector<Row>{
           {"the host, which also answered an echo", {63}, {}, {63}, 63, Who::target},
           {"a filter one hop nearer", {63}, {}, {64}, 64, Who::filter},
           {"the host, known by its open port alone", {}, {63}, {63}, 63, Who::target},
           {"a filter, before a host known by its open port", {}, {63}, {64}, 64, Who::filter},
           {"a filter that starts at 255, before a host that starts at 64", {61}, {}, {254}, 254, Who::filter},
           {"a filter that starts at 64, before a host that starts at 128", {125}, {}, {63}, 63, Who::filter},
           {"as far away, another start: the host's other stack, or its neighbour",
            {63},
            {},
            {127},
            127,
            Who::unknown},
           {"farther than the host: no filter stands behind it", {63}, {}, {62}, 62, Who::unknown},
           {"a load balancer: two machines answer, a reset of either", {63, 62}, {}, {62}, 62, Who::target},
           {"a load balancer: nearer than both of its machines", {62, 61}, {}, {63}, 63, Who::filter},
           {"a load balancer: between its two machines", {63, 61}, {}, {62}, 62, Who::unknown},
           {"what the host itself says counts more than a handshake of a device in front",
            {62},
            {64},
            {64},
            64,
            Who::filter},
           {"nothing else was heard of the target", {}, {}, {63}, 63, Who::unknown},
           {"two distances and no reference: the near one is no host's", {}, {}, {63, 64}, 64, Who::filter},
           {"two distances and no reference: the far one may be a farther filter's",
            {},
            {},
            {63, 64},
            63,
            Who::unknown},
           {"the same distance from two start values and no reference", {}, {}, {63, 127}, 127, Who::unknown}}) {
    CAPTURE(row.title);
    Senders senders;
    for (std::uint8_t ttl : row.own) senders.own(ttl);
    for (std::uint8_t ttl : row.opened) senders.opened(ttl);
    for (std::uint8_t ttl : row.resets) senders.reset(ttl);
    CHECK(senders.of_reset(row.ttl) == row.who);
    CHECK(senders.known() == (!row.own.empty() || !row.opened.empty()));
  }
}

TEST_CASE("handshakes of a proxy are forgotten as a reference") {
  Senders senders;
  senders.opened(64);
  CHECK(senders.own_ttl() == 64);
  CHECK(senders.of_reset(64) == Who::target);
  senders.opens_prove_nothing();
  CHECK_FALSE(senders.known());
  CHECK_FALSE(senders.own_ttl().has_value());
  CHECK(senders.of_reset(64) == Who::unknown);
  senders.own(62);
  CHECK(senders.of_reset(64) == Who::filter);
}

TEST_CASE("every TTL is remembered apart, the extremes too") {
  for (int ttl : {0, 1, 63, 64, 127, 128, 191, 192, 255}) {
    CAPTURE(ttl);
    Senders senders;
    senders.own(static_cast<std::uint8_t>(ttl));
    CHECK(senders.own_ttl() == static_cast<std::uint8_t>(ttl));
    CHECK(senders.of_reset(static_cast<std::uint8_t>(ttl)) == Who::target);
  }
}
