#include "probes/app/service_conversation.h"

#include <doctest/doctest.h>

#include "tests/probes/app/replies.h"

using namespace demarc;
using namespace demarc::test;
using namespace std::chrono_literals;

namespace {
ServiceConversation whole(int port, ServiceConversation::Manner manner = ServiceConversation::Manner::thorough) {
  return ServiceConversation(Port{static_cast<std::uint16_t>(port)}, manner, 2000ms);
}
/// The dialogue that begins at once.
Dialogue talk(int port, ServiceConversation::Manner manner = ServiceConversation::Manner::thorough) {
  return whole(port, manner).openings().front().dialogue;
}
std::string text(const ByteString& bytes) { return {bytes.begin(), bytes.end()}; }
}  // namespace

TEST_CASE("where nobody knows the service, listen, then HTTP, and TLS beside it on a new connection") {
  ServiceConversation c = whole(4711);
  REQUIRE(c.openings().size() == 3);  // 4711 is one of the ports where RPC may live
  Dialogue& first = c.openings()[0].dialogue;
  Dialogue::Step step = first.next();
  CHECK(step.request.empty());
  CHECK(step.wait == 500ms);
  first.on_silence();
  step = first.next();
  CHECK(text(step.request).starts_with("GET / "));
  CHECK_FALSE(step.fresh_connection);
  CHECK(c.openings()[1].after == 1000ms);
  CHECK(c.openings()[1].dialogue.next().request.at(0) == 22);
  CHECK(c.openings()[2].dialogue.next().request.at(0) == 5);
}

TEST_CASE("silence costs no more than the listen time, whatever the port") {
  for (int port : {21, 25, 53, 80, 88, 135, 139, 443, 445, 1433, 3306, 4711, 6000, 8443, 9200, 12345, 49664}) {
    CAPTURE(port);
    ServiceConversation c = whole(port);
    std::size_t connections = 0;
    for (ServiceConversation::Opening& opening : c.openings()) {
      std::chrono::milliseconds total = opening.after;
      ++connections;
      for (int i = 0; i < 20; ++i) {
        Dialogue::Step step = opening.dialogue.next();
        if (step.finished) break;
        connections += step.fresh_connection;
        total += step.wait;
        opening.dialogue.on_silence();
      }
      CHECK(opening.dialogue.next().finished);
      CHECK(total < 2000ms);
    }
    CHECK(connections <= 4);
    CHECK_FALSE(c.seen().has_value());
  }
}

TEST_CASE("on its usual port a client-first service is asked at once") {
  Dialogue::Step step = talk(445).next();
  CHECK_FALSE(step.fresh_connection);
  REQUIRE(step.request.size() > 8);
  CHECK(step.request[4] == 0xFE);
  CHECK(talk(443).next().request.at(0) == 22);
}

TEST_CASE("HTTP/1.1 where the address is known, which every request must name") {
  Dialogue d = talk(80);
  d.set_host("192.0.2.10");
  CHECK(text(d.next().request).starts_with("GET / HTTP/1.1\r\nHost: 192.0.2.10\r\n"));
  CHECK(text(talk(80).next().request).starts_with("GET / HTTP/1.0\r\n"));
}

TEST_CASE("a greeting settles the conversation, also one in a language nobody knows") {
  for (const char* greeting : {"SSH-2.0-OpenSSH_9.2p1\r\n", "* BYE too many connections\r\n"}) {
    Dialogue d = talk(443);
    d.next();
    CHECK(d.on_bytes(raw(greeting)));
    CHECK(d.settled());
    CHECK(d.next().finished);
  }
  ServiceConversation c = whole(4711);
  Dialogue& d = c.openings().front().dialogue;
  d.next();
  CHECK_FALSE(d.on_bytes(raw("who goes there")));
  d.on_silence();
  CHECK(d.settled());
  CHECK(d.next().finished);
  REQUIRE(c.seen().has_value());
  CHECK(c.seen()->name == kUnknownService);
  CHECK(c.seen()->evidence == "who goes there");
}

TEST_CASE("an answer in pieces is put together") {
  Dialogue c = talk(443);
  c.next();
  ByteString flight = tls12_flight();
  for (std::size_t i = 0; i + 1 < flight.size(); ++i) {
    if (c.on_bytes(Bytes(flight).subspan(i, 1))) break;
  }
  REQUIRE(c.seen().has_value());
  CHECK(c.seen()->certificate_names.size() == 3);
}

/// Follows a dialogue with what the server answers to each step; what was asked, in words.
std::vector<std::string> follow(Dialogue& d, std::vector<ByteString> answers) {
  std::vector<std::string> asked;
  for (ByteString& answer : answers) {
    Dialogue::Step step = d.next();
    if (step.finished) break;
    asked.push_back(std::string(step.fresh_connection ? "fresh " : "") + (step.start_tls ? "tls " : "") +
                    (step.request.empty() ? "listen" : text(step.request).substr(0, 8)));
    if (step.start_tls) d.on_tls({"TLS 1.3", "TLS_AES_256_GCM_SHA384", certificate(), false});
    if (!answer.empty())
      d.on_bytes(answer);
    else
      d.on_silence();
  }
  return asked;
}
using Words = std::vector<std::string>;

TEST_CASE("an SMB server is asked who it is on the same connection, and for SMB 1 on another") {
  Dialogue d = talk(445);
  Words asked = follow(d, {smb2_reply(0x0311, 1), smb2_challenge(), smb1_reply(), {}});
  REQUIRE(asked.size() == 3);
  CHECK_FALSE(asked[1].starts_with("fresh"));
  CHECK(asked[2].starts_with("fresh"));
  CHECK(d.next().finished);
  CHECK(d.seen()->version == "SMB 3.1.1, SMB 1");
  CHECK(d.seen()->product == "Windows Server 2022");
  CHECK(d.seen()->evidence.find("host FILES") != std::string::npos);
}

TEST_CASE("behind a NetBIOS session there is SMB") {
  Dialogue d = talk(139);
  Words asked = follow(d, {{0x82, 0, 0, 0}, smb2_reply(0x0210, 1), smb2_challenge(), smb1_reply()});
  REQUIRE(asked.size() == 4);
  CHECK_FALSE(asked[1].starts_with("fresh"));
  CHECK(d.seen()->name == "smb");
}

TEST_CASE("TLS 1.3 is asked for after a refusal, and never in circles") {
  Dialogue d = talk(443);
  Words asked = follow(d, {tls_record(21, {2, 70}), tls_record(21, {2, 40}), {}, {}, {}});
  REQUIRE(asked.size() == 3);
  CHECK(asked[1].starts_with("fresh \x16"));
  CHECK(asked[2].starts_with("fresh tls GET / "));  // by the library, which knows more ciphers
  CHECK(d.seen()->name == "tls");
}

TEST_CASE("what speaks inside TLS gives the product, the handshake the certificate") {
  Dialogue d = talk(443);
  Words asked = follow(d, {tls12_flight(), raw("HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n\r\n"), {}});
  CHECK(asked.size() == 2);
  CHECK(asked[1] == "fresh tls GET / HT");
  CHECK(d.next().finished);
  auto seen = d.seen();
  REQUIRE(seen.has_value());
  CHECK(seen->name == "tls");
  CHECK(seen->tls_inside == "http");
  CHECK(seen->product == "nginx");
  CHECK(seen->version == "1.22.1");
  CHECK(seen->certificate_names.size() == 3);
  CHECK(seen->evidence.find("TLS 1.2 ServerHello") != std::string::npos);
  CHECK(seen->evidence.find("TLS 1.3 TLS_AES_256") != std::string::npos);
}

TEST_CASE("inside TLS on an unusual port: listen, then HTTP on the same connection") {
  Dialogue d = whole(4711).openings()[1].dialogue;
  Words asked = follow(d, {tls_record(22, server_hello(0x0304, true)), {}, raw("HTTP/1.1 404 no\r\n\r\n")});
  REQUIRE(asked.size() == 3);
  CHECK(asked[1] == "fresh tls listen");
  CHECK(asked[2] == "GET / HT");
  CHECK(d.seen()->tls_inside == "http");
  CHECK(d.seen()->certificate_names.size() == 3);
  Dialogue imaps = talk(993);
  asked = follow(imaps, {tls12_flight(), raw("* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n"), {}});
  CHECK(asked.size() == 2);  // no STARTTLS inside TLS
  CHECK(imaps.seen()->tls_inside == "imap");
  CHECK(imaps.seen()->product == "Dovecot");
}

TEST_CASE("STARTTLS: offered, begun, and the certificate read; nothing after it") {
  Dialogue smtp = talk(25);
  CHECK(follow(smtp, {raw("220 mail ESMTP Postfix\r\n"),
                      raw("250-mail\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"),
                      raw("220 go ahead\r\n"),
                      {}}) == Words{"listen", "EHLO dem", "STARTTLS", "tls listen"});
  CHECK(smtp.next().finished);
  CHECK(smtp.seen()->name == "smtp");
  CHECK(smtp.seen()->product == "Postfix");
  CHECK(smtp.seen()->tls_inside.empty());
  CHECK(smtp.seen()->certificate_names.size() == 3);
  CHECK(smtp.seen()->evidence.find("offers STARTTLS, logins without it (PLAIN)") != std::string::npos);

  Dialogue plain = talk(25);
  CHECK(follow(plain, {raw("220 mail ESMTP\r\n"), raw("250 mail\r\n"), {}}).size() == 2);
  CHECK(plain.seen()->evidence.find("offers no STARTTLS") != std::string::npos);

  Dialogue ftp = talk(21);
  CHECK(follow(ftp, {raw("220 (vsFTPd 3.0.3)\r\n"),
                     raw("211-Features:\r\n AUTH TLS\r\n211 End\r\n"),
                     raw("234 Proceed\r\n"),
                     {}}) == Words{"listen", "FEAT\r\n", "AUTH TLS", "tls listen"});
  Dialogue pop = talk(110);
  CHECK(follow(pop, {raw("+OK ready\r\n"),
                     raw("+OK\r\nSTLS\r\nIMPLEMENTATION Dovecot\r\n.\r\n"),
                     raw("-ERR no\r\n"),
                     {}}) == Words{"listen", "CAPA\r\n", "STLS\r\n"});
  CHECK(pop.seen()->evidence.find("refuses to begin TLS") != std::string::npos);
  CHECK(pop.seen()->product == "Dovecot");
  Dialogue imap = talk(143);
  CHECK(follow(imap, {raw("* OK [CAPABILITY IMAP4 STARTTLS] hi\r\n"), raw("d2 OK begin\r\n"), {}}) ==
        Words{"listen", "d2 START", "tls listen"});
  Dialogue postgres = talk(5432);
  CHECK(follow(postgres, {raw("S"), {}, {}}).at(1) == "tls listen");
  Dialogue rdp = talk(3389);
  CHECK(follow(rdp, {rdp_confirm(2), ntlm_challenge(), {}}).at(1).starts_with("tls 0"));
  CHECK(rdp.seen()->product == "Windows Server 2022");
}

TEST_CASE("a bare 220 is mail or files: EHLO tells, on the same connection") {
  Dialogue d = talk(25);
  CHECK(follow(d, {raw("220 ready\r\n"), raw("500 what?\r\n"), raw("211-F\r\n211 End\r\n")}) ==
        Words{"listen", "EHLO dem", "FEAT\r\n"});
  CHECK(d.seen()->name == "ftp");
}

TEST_CASE("a gentle host hears only its port's own question") {
  ServiceConversation c = whole(4711, ServiceConversation::Manner::gentle);
  REQUIRE(c.openings().size() == 1);
  Dialogue& listening = c.openings()[0].dialogue;
  CHECK(listening.next().request.empty());
  listening.on_silence();
  CHECK(listening.next().finished);
  for (int port : {25, 443, 445}) {
    CAPTURE(port);
    ServiceConversation usual = whole(port, ServiceConversation::Manner::gentle);
    REQUIRE(usual.openings().size() == 1);
    Dialogue& d = usual.openings()[0].dialogue;
    ByteString answer = port == 25    ? raw("220 mail ESMTP\r\n")
                        : port == 443 ? tls12_flight()
                                      : smb2_reply(0x0311, 1);
    CHECK(follow(d, {answer, {}, {}}).size() == 1);
    CHECK(d.seen().has_value());
  }
}

TEST_CASE("a server cannot lead us on for ever") {
  Dialogue d = talk(21);
  int steps = 0;
  while (!d.next().finished) {
    REQUIRE(++steps < 20);
    d.on_bytes(raw(steps % 2 == 0 ? "220 mail ESMTP\r\n" : "220 ftp FTP\r\n"));
  }
}

TEST_CASE("no more than the bound is kept of an endless answer") {
  Dialogue c = talk(4711);
  c.next();
  ByteString noise(4096, '#');
  int chunks = 0;
  while (!c.on_bytes(noise)) REQUIRE(++chunks < 10);
  CHECK(chunks == 3);
}
