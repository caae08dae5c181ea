#include "scanner/active/pace.h"

#include <doctest/doctest.h>

#include <vector>

using namespace demarc;
using namespace std::chrono_literals;

namespace {
const Instant kStart = Instant{} + 1000s;
}

TEST_CASE("no tenth of a second exceeds the rate by more than a tenth, however eager the sender") {
  for (double rate : {50.0, 1000.0, 20000.0}) {
    CAPTURE(rate);
    Bucket bucket(rate);
    std::vector<Instant> sent;
    // The sender looks every 50 us, but sleeps for 30 ms now and then: what it missed must not come in one burst.
    for (Instant now = kStart; now < kStart + 3s; now += 50us) {
      if ((now - kStart) % 400ms < 30ms) continue;
      while (bucket.ready(now)) {
        bucket.take(now);
        sent.push_back(now);
      }
    }
    std::size_t worst = 0, from = 0;
    for (std::size_t i = 0; i < sent.size(); ++i) {
      while (sent[i] - sent[from] >= 100ms) ++from;
      worst = std::max(worst, i - from + 1);
    }
    CHECK(static_cast<double>(worst) <= rate * 0.1 * 1.06 + 1);
    CHECK(static_cast<double>(sent.size()) > rate * 3 * 0.85);
  }
}

TEST_CASE("no rate is no limit") {
  Bucket bucket(0);
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(bucket.ready(kStart));
    bucket.take(kStart);
  }
}

TEST_CASE("a timeout follows the round-trip time between its floor and its ceiling") {
  RoundTrip trip;
  CHECK(trip.timeout(250ms, 900ms) == 900ms);  // nothing known: patience
  for (int i = 0; i < 50; ++i) trip.sample(2ms);
  CHECK(trip.timeout(250ms, 900ms) == 250ms);
  for (int i = 0; i < 50; ++i) trip.sample(400ms);
  CHECK(trip.timeout(250ms, 900ms) > 390ms);
  CHECK(trip.timeout(250ms, 900ms) <= 900ms);
  CHECK(trip.least() == 2ms);
}

TEST_CASE("an unanswered attempt stays a state of the filter until the filter forgets it") {
  StateCount states(2, 120s);
  CHECK(states.room(kStart));
  states.opened();
  states.opened();
  CHECK_FALSE(states.room(kStart));
  states.answered();  // a reset or a connection that we close: forgotten at once
  CHECK(states.room(kStart));
  states.unanswered(kStart);
  CHECK(states.room(kStart + 1s));
  states.opened();
  CHECK_FALSE(states.room(kStart + 119s));
  CHECK(states.next() == kStart + 120s);
  CHECK(states.room(kStart + 120s));
}

TEST_CASE("no cap on states keeps no list of them") {
  StateCount states(0, 120s);
  for (int i = 0; i < 1000; ++i) {
    states.opened();
    states.unanswered(kStart);
  }
  CHECK(states.room(kStart));
  CHECK(states.count() == 0);
}

TEST_CASE("trouble halves the rate once a second, calm gives it back slowly") {
  Backoff backoff;
  CHECK(backoff.trouble(kStart));
  CHECK_FALSE(backoff.trouble(kStart + 500ms));
  CHECK(backoff.factor() == doctest::Approx(0.5));
  CHECK(backoff.trouble(kStart + 2s));
  CHECK(backoff.factor() == doctest::Approx(0.25));
  backoff.calm(kStart + 2500ms);
  CHECK(backoff.factor() == doctest::Approx(0.25));
  for (int i = 3; i < 40; ++i) backoff.calm(kStart + std::chrono::seconds(i));
  CHECK(backoff.factor() == doctest::Approx(1.0));
  for (int i = 0; i < 100; ++i) backoff.trouble(kStart + 100s + std::chrono::seconds(2 * i));
  CHECK(backoff.factor() == doctest::Approx(Backoff::kLeast));
}
