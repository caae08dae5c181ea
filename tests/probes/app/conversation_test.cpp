#include "probes/app/conversation.h"

#include <doctest/doctest.h>

#include "tests/probes/app/replies.h"

using namespace demarc;
using namespace demarc::test;
using namespace std::chrono_literals;

namespace {
Conversation talk(int port, Conversation::Manner manner = Conversation::Manner::thorough) {
  return Conversation(Port{static_cast<std::uint16_t>(port)}, manner, 2000ms);
}
std::string text(const ByteString& bytes) { return {bytes.begin(), bytes.end()}; }
}  // namespace

TEST_CASE("where nobody knows the service, listen first, then HTTP, then TLS on a new connection") {
  Conversation c = talk(4711);
  Conversation::Step step = c.next();
  CHECK(step.request.empty());
  CHECK(step.wait == 1000ms);
  c.on_silence();
  step = c.next();
  CHECK(text(step.request).starts_with("GET / "));
  CHECK_FALSE(step.fresh_connection);
  c.on_silence();
  step = c.next();
  CHECK(step.fresh_connection);
  CHECK(step.request.at(0) == 22);
}

TEST_CASE("on its usual port a client-first service is asked at once") {
  Conversation::Step step = talk(445).next();
  CHECK_FALSE(step.fresh_connection);
  REQUIRE(step.request.size() > 8);
  CHECK(step.request[4] == 0xFE);
  CHECK(talk(443).next().request.at(0) == 22);
}

TEST_CASE("dynamic RPC ports are asked for RPC as well, within four connections") {
  Conversation c = talk(49664);
  int connections = 1;
  bool rpc = false;
  for (int i = 0; i < 20; ++i) {
    Conversation::Step step = c.next();
    if (step.finished) break;
    connections += step.fresh_connection ? 1 : 0;
    rpc = rpc || (step.request.size() == 72 && step.request[0] == 5);
    c.on_closed();
  }
  CHECK(rpc);
  CHECK(connections <= 4);
  CHECK(c.next().finished);
}

TEST_CASE("a greeting ends the conversation, also one in a language nobody knows") {
  for (const char* greeting : {"SSH-2.0-OpenSSH_9.2p1\r\n", "220 mail ESMTP Postfix\r\n"}) {
    Conversation c = talk(443);
    c.next();
    CHECK(c.on_bytes(raw(greeting)));
    CHECK(c.next().finished);
  }
  Conversation c = talk(4711);
  c.next();
  CHECK_FALSE(c.on_bytes(raw("who goes there")));
  c.on_silence();
  CHECK(c.next().finished);
  REQUIRE(c.seen().has_value());
  CHECK(c.seen()->name == kUnknownService);
  CHECK(c.seen()->evidence == "who goes there");
}

TEST_CASE("an answer in pieces is put together") {
  Conversation c = talk(443);
  c.next();
  ByteString flight = tls12_flight();
  for (std::size_t i = 0; i + 1 < flight.size(); ++i) {
    if (c.on_bytes(Bytes(flight).subspan(i, 1))) break;
  }
  REQUIRE(c.seen().has_value());
  CHECK(c.seen()->certificate_names.size() == 3);
}

TEST_CASE("two questions to one SMB server make one service") {
  Conversation c = talk(445);
  c.next();
  CHECK(c.on_bytes(smb2_reply(0x0311, 1)));
  Conversation::Step step = c.next();
  CHECK(step.fresh_connection);
  CHECK(step.request.at(4) == 0xFF);
  CHECK(c.on_bytes(smb1_reply()));
  CHECK(c.next().finished);
  CHECK(c.seen()->version == "SMB 3.1.1, SMB 1");
}

TEST_CASE("TLS 1.3 is asked for after a refusal, and never in circles") {
  Conversation c = talk(443);
  c.next();
  CHECK(c.on_bytes(tls_record(21, {2, 70})));
  int steps = 0;
  for (; steps < 10; ++steps) {
    Conversation::Step step = c.next();
    if (step.finished) break;
    c.on_bytes(tls_record(21, {2, 40}));
  }
  CHECK(steps == 1);
  CHECK(c.seen()->name == "tls");
}

TEST_CASE("a gentle host hears only its port's own question") {
  Conversation c = talk(4711, Conversation::Manner::gentle);
  CHECK(c.next().request.empty());
  c.on_silence();
  CHECK(c.next().finished);
}

TEST_CASE("no more than the bound is kept of an endless answer") {
  Conversation c = talk(4711);
  c.next();
  ByteString noise(4096, '#');
  int chunks = 0;
  while (!c.on_bytes(noise)) REQUIRE(++chunks < 10);
  CHECK(chunks == 3);
}
