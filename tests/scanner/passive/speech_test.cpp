#include "scanner/passive/speech.h"

#include <doctest/doctest.h>

#include "probes/app/udp_probe.h"
#include "tests/probes/app/overheard_words.h"

using namespace demarc;
using namespace demarc::test;

namespace {

const Address kClient = *parse_address("198.51.100.7"), kServer = *parse_address("192.0.2.10");
constexpr bool kFromClient = false, kFromServer = true;

struct Listener {
  Speech speech{SpeechOptions{.hash_key = 42}};
  Timestamp now = Timestamp::from_seconds(1'795'000'000);

  std::string recognise(std::uint16_t port, bool from_responder, const ByteString& payload,
                        Protocol protocol = Protocol::tcp, Address server = kServer) {
    const std::uint32_t service = speech.recognise(server, protocol, Port{port}, from_responder, payload).service;
    return service == kNone32 ? "" : speech.services().at(service).name;
  }
  bool listens(std::uint16_t port, bool from_responder, const ByteString& payload) {
    return speech.recognise(kServer, Protocol::tcp, Port{port}, from_responder, payload).listen;
  }
};

}  // namespace

TEST_CASE("the same beginning at the same server port is the same service, seen once") {
  Listener l;
  CHECK(l.recognise(443, kFromClient, others_client_hello("a.example.net")) == "tls");
  CHECK(l.recognise(443, kFromClient, others_client_hello("bb.example.net")) == "tls");
  CHECK(l.speech.services().size() == 1);
  CHECK(l.recognise(8443, kFromClient, others_client_hello("bb.example.net")) == "tls");
  CHECK(l.speech.services().size() == 2);  // another server name at another port
  CHECK(l.recognise(443, kFromServer, raw("HTTP/1.1 400 Bad Request\r\nServer: nginx/1.22.1\r\n\r\n")) == "http");
  CHECK(l.speech.services().back().product == "nginx");
  CHECK(l.recognise(443, kFromClient, {}).empty());
  CHECK(l.recognise(443, kFromClient, raw("SSH-2.0-x_1\r\n"), Protocol::icmp).empty());
}

TEST_CASE("SSH behind a multiplexer on 443 is found, however much TLS went before and whatever else") {
  Listener l;
  for (int i = 0; i < 1000; ++i)
    CHECK(l.recognise(443, kFromClient, others_client_hello("shop.example.net")) == "tls");
  CHECK(l.recognise(443, kFromClient, raw("SSH-2.0-OpenSSH_9.2\r\n")) == "ssh");
  // An unknown language with a beginning of its own each time uses up the looks, and hides nobody.
  for (std::uint32_t i = 0; i < 5000; ++i) {
    ByteString noise;
    ByteWriter(noise).u32(0xA0000000U + i * 7919U).u64(i);
    CHECK(l.recognise(443, kFromServer, noise).empty());
  }
  CHECK(l.recognise(443, kFromServer, raw("SSH-2.0-OpenSSH_9.2p1\r\n")) == "ssh");
  CHECK(l.recognise(443, kFromServer, tls12_flight()) == "tls");
  CHECK(l.recognise(443, kFromServer, smb2_reply(0x0311, 1)) == "smb");
}

TEST_CASE("ids and lengths that change make no new beginning") {
  Listener l;
  for (const NamedWord& word : client_words()) {
    if (word.service.empty()) continue;
    CAPTURE(word.name);
    const std::uint32_t first =
        l.speech.recognise(kServer, word.protocol, Port{9}, kFromClient, word.bytes).service;
    for (const std::size_t at : word.changes) {
      ByteString other = word.bytes;
      other[at] ^= 0x11;
      CHECK(l.speech.recognise(kServer, word.protocol, Port{9}, kFromClient, other).service == first);
    }
    l = Listener{};
  }
  for (std::uint32_t id = 0; id < 3000; ++id)
    CHECK(l.recognise(53, kFromClient, dns_message(static_cast<std::uint16_t>(id), 0x0100), Protocol::udp) ==
          "dns");
  CHECK(l.speech.services().size() == 1);
}

TEST_CASE("a server's word is better than a client's, and names are compared") {
  Listener l;
  const std::uint32_t client =
      l.speech.recognise(kServer, Protocol::tcp, Port{22}, kFromClient, raw("SSH-2.0-x_1\r\n")).service;
  const std::uint32_t server =
      l.speech.recognise(kServer, Protocol::tcp, Port{22}, kFromServer, raw("SSH-2.0-y_2\r\n")).service;
  const std::uint32_t other =
      l.speech.recognise(kServer, Protocol::tcp, Port{22}, kFromServer, raw("RFB 003.008\n")).service;
  CHECK(l.speech.better(kNone32, client) == client);
  CHECK(l.speech.better(client, kNone32) == client);
  CHECK(l.speech.better(client, server) == server);
  CHECK(l.speech.better(server, client) == server);
  CHECK(l.speech.better(server, other) == server);
  CHECK(l.speech.same_service(client, server));
  CHECK_FALSE(l.speech.same_service(server, other));
  CHECK_FALSE(l.speech.same_service(server, kNone32));
  CHECK(l.speech.same_service(kNone32, kNone32));
}

TEST_CASE("a greeting that says nothing is decided by the client's word, at that server port") {
  Listener l;
  CHECK(l.recognise(21, kFromServer, raw("220 Welcome.\r\n")).empty());
  CHECK(l.recognise(21, kFromClient, raw("USER anna\r\n")) == "ftp");
  CHECK(l.recognise(25, kFromClient, raw("USER anna\r\n")).empty());
  CHECK(l.recognise(5432, kFromClient, own_question("postgresql-ssl")) == "postgresql");
  CHECK(l.recognise(5432, kFromServer, raw("S")) == "postgresql");
  CHECK(l.recognise(5433, kFromServer, raw("S")).empty());
}

TEST_CASE("FTP and SIP on other ports are control conversations, one by one") {
  Listener l;
  CHECK(Speech::is_control(Protocol::tcp, Port{21}));
  CHECK(Speech::is_control(Protocol::udp, Port{69}));
  CHECK_FALSE(Speech::is_control(Protocol::udp, Port{21}));
  CHECK_FALSE(Speech::is_control(Protocol::tcp, Port{2121}));
  CHECK(l.listens(2121, kFromServer, raw("220 (vsFTPd 3.0.3)\r\n")));
  CHECK(l.listens(2121, kFromServer, raw("220 (vsFTPd 3.0.3)\r\n")));  // from the memo
  CHECK(l.listens(5080, kFromClient, raw(sip(kInvite, ""))));
  CHECK_FALSE(l.listens(2121, kFromServer, raw("SSH-2.0-x_1\r\n")));

  const FiveTuple control{Protocol::tcp, {kClient, Port{40000}}, {kServer, Port{2121}}};
  CHECK(l.speech.listen(control, kFromServer, l.now, 100, raw("227 Entering (192,0,2,10,195,80)\r\n")));
  const std::uint32_t parent =
      l.speech.parent_of(Protocol::tcp, {kClient, Port{40001}}, {kServer, Port{50000}}, l.now);
  REQUIRE(parent != kNone32);
  const ParentFlow expected{kClient, kServer, Protocol::tcp, Port{2121}, RelatedBy::ftp};
  CHECK(l.speech.take_parents().at(parent) == expected);
}

TEST_CASE("a conversation seen the wrong way round is read as it is") {
  Listener l;
  const FiveTuple turned{Protocol::tcp, {kServer, Port{21}}, {kClient, Port{40000}}};
  CHECK(l.speech.listen(turned, kFromClient, l.now, 100, raw("227 Entering (192,0,2,10,195,80)\r\n")));
  CHECK(l.speech.parent_of(Protocol::tcp, {kClient, Port{40001}}, {kServer, Port{50000}}, l.now) != kNone32);
}

TEST_CASE("a certificate in several segments is put together, once") {
  Listener l;
  const ByteString flight = tls12_flight();
  const auto part = [&](std::size_t from, std::size_t to) {
    return ByteString(flight.begin() + static_cast<std::ptrdiff_t>(from),
                      flight.begin() + static_cast<std::ptrdiff_t>(to));
  };
  const FiveTuple talk{Protocol::tcp, {kClient, Port{40000}}, {kServer, Port{443}}};
  const Speech::Recognised first = l.speech.recognise(kServer, Protocol::tcp, Port{443}, kFromServer, part(0, 120));
  REQUIRE(first.service != kNone32);
  REQUIRE(first.listen);
  CHECK(l.speech.services()[first.service].certificate_names.empty());
  CHECK(l.speech.listen(talk, kFromServer, l.now, 5000, part(0, 120)));
  CHECK(l.speech.listen(talk, kFromClient, l.now, 77, raw("x")));
  CHECK(l.speech.listen(talk, kFromServer, l.now, 5000, part(0, 120)));  // sent again
  CHECK(l.speech.listen(talk, kFromServer, l.now, 5120, part(120, 200)));
  CHECK_FALSE(l.speech.listen(talk, kFromServer, l.now, 5200, part(200, flight.size())));
  CHECK(l.speech.services()[first.service].certificate_names.size() == 3);
  CHECK(l.speech.services()[first.service].certificate_names[0] == "shop.example.net");
  CHECK_FALSE(l.listens(443, kFromServer, part(0, 120)));  // known now

  // Another server with the same beginning has a certificate of its own.
  const Address other = *parse_address("192.0.2.11");
  const Speech::Recognised second = l.speech.recognise(other, Protocol::tcp, Port{443}, kFromServer, part(0, 120));
  CHECK(second.service != first.service);
  CHECK(l.speech.services()[second.service].certificate_names.empty());
  // A gap ends it; a few more conversations may try.
  const FiveTuple gap{Protocol::tcp, {kClient, Port{40001}}, {other, Port{443}}};
  CHECK(l.speech.listen(gap, kFromServer, l.now, 5000, part(0, 120)));
  CHECK_FALSE(l.speech.listen(gap, kFromServer, l.now, 6000, part(200, flight.size())));
  int tries = 0;
  while (l.speech.recognise(other, Protocol::tcp, Port{443}, kFromServer, part(0, 120)).listen && tries < 100)
    ++tries;
  CHECK(tries == 4);
}

TEST_CASE("unknown languages at ever new servers tire it, and what cannot be mistaken is still found") {
  Listener l;
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    ByteString noise;
    ByteWriter(noise).u32(0xA0000000U + i * 7919U).u64(i);
    l.speech.recognise(Address::ipv4(i), Protocol::udp, Port{9999}, kFromServer, noise);
  }
  CHECK(l.speech.losses().beginnings_unlooked > 100'000);
  CHECK(l.speech.losses().beginnings_unlooked < 135'000);
  CHECK(l.recognise(22, kFromServer, raw("SSH-2.0-OpenSSH_9.2p1\r\n")) == "ssh");
  CHECK(l.recognise(443, kFromClient, quic_initial(), Protocol::udp) == "quic");
}

TEST_CASE("the memo and the list of services are bounded, and forget in order") {
  Speech speech({.servers_max = 16, .services_max = 8, .hash_key = 42});
  std::uint32_t highest = 0;
  for (std::uint32_t i = 0; i < 500; ++i) {
    const Address server = Address::ipv4(0xC0000200U + i);
    const std::string banner = "SSH-2.0-OpenSSH_" + std::to_string(i) + "\r\n";
    for (int again = 0; again < 2; ++again) {
      const std::uint32_t service =
          speech.recognise(server, Protocol::tcp, Port{22}, kFromServer, raw(banner)).service;
      REQUIRE(service != kNone32);
      CHECK(speech.services().at(service).name == "ssh");
      highest = std::max(highest, service);
    }
  }
  CHECK(highest == 8);  // the ninth stands for all others by its name
  CHECK(speech.services().at(8).version.empty());
  CHECK(speech.losses().services_unnamed == 492);
}
