#include "scanner/active/raw/state_window.h"

#include <doctest/doctest.h>

#include <deque>
#include <random>

using namespace demarc;
using namespace demarc::raw_engine;
using namespace std::chrono_literals;

namespace {
const Instant kStart = Instant{} + 1000h;
}

TEST_CASE("there is room for so many, and for one more when one was answered") {
  StateWindow window(3, 120s);
  for (int i = 0; i < 3; ++i) {
    CHECK(window.room(kStart));
    window.opened(kStart);
  }
  CHECK_FALSE(window.room(kStart));
  CHECK(window.count() == 3);
  window.answered(kStart + 1s);
  CHECK(window.room(kStart + 1s));
  CHECK(window.count() == 2);
}

TEST_CASE("a filter's memory is never thought shorter than it is, and not much longer") {
  // A second is the least that a filter's timeout is given in; odd ones are no multiple of anything.
  for (auto lifetime : {1s, 7s, 30s, 59s, 61s, 90s, 120s, 3600s}) {
    for (auto offset : {0ms, 1ms, 499ms, 1999ms, 59990ms}) {
      CAPTURE(lifetime.count());
      CAPTURE(offset.count());
      StateWindow window(1, lifetime);
      CHECK(window.room(kStart));
      const Instant opened = kStart + offset;
      window.opened(opened);
      CHECK_FALSE(window.room(opened + lifetime - 1ms));
      CHECK(window.room(opened + lifetime + lifetime / 20 + 1s));
    }
  }
}

TEST_CASE("next() is when room may come, and it comes if one waits often enough") {
  StateWindow window(1, 60s);
  window.opened(kStart);
  Instant now = kStart;
  int waits = 0;
  while (!window.room(now) && waits < 200) {
    CHECK(window.next() > now);
    now = window.next();
    ++waits;
  }
  CHECK(waits < 100);
  CHECK(now - kStart >= 60s);
}

TEST_CASE("an answer to what is forgotten already leaves no room that is not there") {
  StateWindow window(2, 60s);
  window.opened(kStart);
  CHECK(window.room(kStart + 100s));
  window.answered(kStart + 100s);  // hours late
  CHECK(window.count() == 0);
  CHECK(window.room(kStart + 300s));
  for (int i = 0; i < 2; ++i) window.opened(kStart + 300s);
  CHECK_FALSE(window.room(kStart + 300s));
}

TEST_CASE("after a long pause everything is forgotten, at once") {
  StateWindow window(1000, 120s);
  for (int i = 0; i < 1000; ++i) window.opened(kStart + i * 50ms);
  CHECK_FALSE(window.room(kStart + 50s));
  CHECK(window.room(kStart + 24h * 365));
  CHECK(window.count() == 0);
  window.opened(kStart + 24h * 365);
  CHECK(window.count() == 1);
}

TEST_CASE("no limit is always room") {
  StateWindow window(0, 120s);
  for (int i = 0; i < 100000; ++i) window.opened(kStart);
  CHECK(window.room(kStart));
}

TEST_CASE("beside a list of every state: never fewer than the filter may hold") {
  std::mt19937 random(7);
  StateWindow window(1'000'000, 30s);
  std::deque<Instant> held;
  Instant now = kStart;
  for (int i = 0; i < 20000; ++i) {
    now += std::chrono::milliseconds(random() % 20);
    window.opened(now);
    held.push_back(now);
    while (!held.empty() && held.front() + 30s <= now) held.pop_front();
    CHECK(window.room(now));
    REQUIRE(window.count() >= static_cast<std::int64_t>(held.size()));
  }
}
