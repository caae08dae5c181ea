#include "scanner/active/tls_client.h"

#include <doctest/doctest.h>

#include "tests/probes/app/replies.h"

using namespace demarc;
using namespace demarc::test;

TEST_CASE("the handshake begins with a ClientHello for the oldest record layer") {
  auto tls = TlsClient::create();
  REQUIRE(tls);
  ByteString plain;
  CHECK(tls->receive({}, plain) == TlsClient::State::shaking_hands);
  ByteString hello = tls->take_output();
  REQUIRE(hello.size() > 64);
  CHECK(hello[0] == 22);
  CHECK(hello[1] == 3);
  CHECK(hello[5] == 1);
  CHECK(tls->take_output().empty());
  CHECK_FALSE(tls->send(hello));  // nothing is said before the handshake is through
}

TEST_CASE("whatever a peer sends instead of TLS ends the handshake, and it stays ended") {
  for (const NamedReply& reply : named_replies()) {
    if (reply.service == "tls") continue;
    CAPTURE(reply.name);
    auto tls = TlsClient::create();
    REQUIRE(tls);
    ByteString plain;
    tls->receive({}, plain);
    TlsClient::State state = TlsClient::State::shaking_hands;
    for (int i = 0; i < 64 && state == TlsClient::State::shaking_hands; ++i)
      state = tls->receive(reply.bytes, plain);
    CHECK(state == TlsClient::State::failed);
    CHECK(tls->receive(tls12_flight(), plain) == TlsClient::State::failed);
    CHECK(plain.empty());
  }
}

TEST_CASE("a certificate that is none and an endless handshake fail in bounds") {
  auto tls = TlsClient::create();
  REQUIRE(tls);
  ByteString plain;
  tls->receive({}, plain);
  CHECK(tls->receive(tls12_flight(), plain) == TlsClient::State::failed);

  auto endless = TlsClient::create();
  endless->receive({}, plain);
  ByteString record = tls_record(22, server_hello(0x0303, false));  // a hello, and then a message that never ends
  ByteString more = tls_record(22, joined({{11, 0xFF, 0xFF, 0xFF}, ByteString(16000, 7)}));
  TlsClient::State state = endless->receive(record, plain);
  int rounds = 0;
  while (state == TlsClient::State::shaking_hands) {
    REQUIRE(++rounds < 64);
    state = endless->receive(more, plain);
  }
  CHECK(state == TlsClient::State::failed);
}
