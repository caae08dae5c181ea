#include "scanner/app/vantage_stream.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

using namespace demarc;

namespace {

const std::string kHeader =
    R"({"demarc":"scan","version":1,"run":"r","vantage":"external","started":"2026-11-23T10:00:00Z","method":"connect","seed":1,"shard":"1/1","tries_max":3,"rules_sha256":"abc"})"
    "\n";
const std::string kOpen =
    R"({"target":"192.0.2.10","protocol":"tcp","ports":"443","state":"open","passage":"passed","answer":"syn-ack","tries":1})"
    "\n";
const std::string kEnd =
    R"({"end":"complete","sent":10,"received":5,"loss_estimate":0.1,"finished":"2026-11-23T10:00:09Z"})"
    "\n";

Scope our_scope() {
  std::vector<Prefix> prefixes = {*parse_prefix("192.0.2.0/26")};
  return *Scope::from_prefixes(prefixes);
}

std::string changed(std::string text, std::string_view from, std::string_view to) {
  std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

struct Stream {
  Scope scope = our_scope();
  std::string kept;
  VantageStream stream{{"x.jsonl", "external", "abc", 1, 1, &scope}, [this](std::string_view lines) {
                         kept += lines;
                         return Result<void>();
                       }};
};

}  // namespace

TEST_CASE("a good journal is kept byte by byte, in pieces of any size") {
  std::string text = kHeader + kOpen + R"({"note":"slow"})" + "\n" + kOpen + kEnd;
  rc::check([&] {
    Stream s;
    for (std::size_t at = 0; at < text.size();) {
      auto size = static_cast<std::size_t>(*rc::gen::inRange(1, 200));
      RC_ASSERT(s.stream.feed(std::string_view(text).substr(at, size)).has_value());
      at += size;
    }
    RC_ASSERT(s.kept == text);
    RC_ASSERT(s.stream.open() == 2U);
    RC_ASSERT(s.stream.summary().has_value());
    RC_ASSERT(s.stream.summary()->sent == 10U);
  });
}

TEST_CASE("half a line is not kept, nor does it end the journal") {
  Stream s;
  REQUIRE(s.stream.feed(kHeader + kOpen + kEnd.substr(0, kEnd.size() - 1)));
  CHECK(s.kept == kHeader + kOpen);
  CHECK_FALSE(s.stream.summary());
}

TEST_CASE("a stream that is not what we asked for is refused, and what came before stays") {
  struct Row {
    const char* name;
    std::string text, kept;
    const char* says;
    std::uint32_t line;
  };
  const Row rows[] = {
      {"another rule set", changed(kHeader, "abc", "abd"), "", "another rule set", 1},
      {"another vantage point", changed(kHeader, "external", "internal"), "", "from 'internal'", 1},
      {"another shard", changed(kHeader, "1/1", "1/2"), "", "shard 1/2", 1},
      {"a later version", changed(kHeader, "\"version\":1", "\"version\":2"), "", "version 2", 1},
      {"no journal", "Last login: yesterday\n" + kHeader, "", "", 1},
      {"outside of our scope", kHeader + kOpen + changed(kOpen, "192.0.2.10", "198.51.100.1") + kEnd,
       kHeader + kOpen, "198.51.100.1, which is outside of our scope", 3},
      {"a canary outside",
       kHeader + R"({"canary":"198.51.100.1","port":443,"answered":true,"at":"2026-11-23T10:00:00Z"})" + "\n",
       kHeader, "outside of our scope", 2},
      {"a bad record", kHeader + kOpen + changed(kOpen, "\"open\"", "\"ajar\"") + kEnd, kHeader + kOpen, "'ajar'",
       3},
      {"a second header", kHeader + kOpen + kHeader, kHeader + kOpen, "second header", 3},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    for (bool at_once : {true, false}) {
      Stream s;
      Result<void> fed;
      if (at_once)
        fed = s.stream.feed(row.text);
      else
        for (std::size_t at = 0; at < row.text.size() && fed; ++at) fed = s.stream.feed(row.text.substr(at, 1));
      REQUIRE_FALSE(fed);
      CHECK(fed.error().what.find(row.says) != std::string::npos);
      CHECK(fed.error().where.file == "x.jsonl");
      CHECK(fed.error().where.line == row.line);
      CHECK(s.kept == row.kept);
    }
  }
}

TEST_CASE("nothing comes after the end, and no line is endless") {
  Stream s;
  REQUIRE(s.stream.feed(kHeader + kEnd));
  CHECK_FALSE(s.stream.feed(kOpen));
  Stream t;
  Result<void> fed;
  for (int i = 0; i < 100 && fed; ++i) fed = t.stream.feed(std::string(64 * 1024, 'x'));
  CHECK_FALSE(fed);
}

TEST_CASE("a resumed journal goes on where its file ends") {
  std::string old = kHeader + kOpen + changed(kEnd, "complete", "vantage-lost");
  Stream s;
  REQUIRE(s.stream.resume(old));
  CHECK(s.stream.begun());
  CHECK(s.kept.empty());
  std::string more = R"({"resumed":"2026-11-23T11:00:00Z"})"
                     "\n" +
                     kOpen + kEnd;
  REQUIRE(s.stream.feed(more));
  CHECK(s.kept == more);
  CHECK(s.stream.summary()->end == ScanEnd::complete);
  Stream again;
  REQUIRE(again.stream.resume(old));
  CHECK_FALSE(again.stream.feed(kHeader));
  Stream other;
  CHECK_FALSE(other.stream.resume(changed(old, "abc", "abd")));
}

TEST_CASE("an error of ours ends the stream") {
  Scope scope = our_scope();
  VantageStream stream({"x.jsonl", "external", "abc", 1, 1, &scope},
                       [](std::string_view) { return Result<void>(failure("the disk is full")); });
  Result<void> fed = stream.feed(kHeader);
  REQUIRE_FALSE(fed);
  CHECK(fed.error().what == "the disk is full");
}
