#include "probes/app/overheard.h"

#include <doctest/doctest.h>

#include <set>

#include "rules/net/app_protocol.h"
#include "tests/probes/app/announcements.h"
#include "tests/probes/app/overheard_words.h"

using namespace demarc;
using namespace demarc::test;

namespace {
std::string service(const Overheard& heard) { return heard.seen ? heard.seen->name : std::string(); }
}  // namespace

TEST_CASE("what clients say first tells the service") {
  std::set<std::string_view> rows;
  for (const NamedWord& word : client_words()) {
    CAPTURE(word.name);
    const Overheard heard = overhear(word.protocol, false, word.bytes);
    CHECK(service(heard) == word.service);
    if (!heard.seen) continue;
    CHECK(is_app_protocol(heard.seen->name));
    CHECK(heard.seen->evidence.find(word.evidence) != std::string::npos);
    for (const OverheardForm& form : overheard_forms())
      if (form.protocol == word.protocol && !form.from_server && form.read(word.bytes)) rows.insert(form.name);
  }
  for (const OverheardForm& form : overheard_forms())
    if (!form.from_server && rows.count(form.name) == 0) FAIL_CHECK("nobody says " << form.name);
}

TEST_CASE("nobody is taken for two: each form reads its own words only") {
  for (const NamedWord& word : client_words()) {
    CAPTURE(word.name);
    for (const OverheardForm& form : overheard_forms()) {
      if (form.protocol != word.protocol || form.from_server) continue;
      const std::optional<ServiceSeen> seen = form.read(word.bytes);
      CAPTURE(form.name);
      // Multicast DNS, the NetBIOS name service and SSDP are DNS and HTTP by form, and come first in the table.
      const bool relatives =
          (word.service == "mdns" || word.service == "netbios-ns") && seen && seen->name == "dns";
      if (seen && !relatives) CHECK(seen->name == word.service);
    }
  }
}

TEST_CASE("every answer that the active engine knows is known here as well") {
  // Where its own question decides, the question overheard before has to stand in.
  const std::set<std::string> own = {"smtp-bare-ehlo", "ftp-bare-ehlo"};
  std::size_t known = 0;
  for (const NamedReply& reply : named_replies()) {
    const AppProbe* asked = reply.asked.empty() ? nullptr : find_app_probe(reply.asked);
    if (asked != nullptr && asked->only_asked) continue;
    CAPTURE(reply.name);
    const Overheard heard = overhear(Protocol::tcp, true, reply.bytes);
    CHECK(service(heard) == (reply.service == "unknown" ? "" : reply.service));
    ++known;
  }
  CHECK(known > 40);
  CHECK(service(overhear(Protocol::tcp, true, bytes("S"))).empty());
  CHECK(service(overhear(Protocol::tcp, true, bytes("S"), {.answered_by = "postgresql-ssl"})) == "postgresql");
}

TEST_CASE("answers to others' questions carry others' ids") {
  for (const NamedWord& word : server_words()) {
    CAPTURE(word.name);
    const Overheard heard = overhear(word.protocol, true, word.bytes);
    CHECK(service(heard) == word.service);
    if (heard.seen) CHECK(heard.seen->evidence.find(word.evidence) != std::string::npos);
  }
}

TEST_CASE("a greeting that SMTP and FTP share waits for the client's word") {
  const Overheard greeting = overhear(Protocol::tcp, true, bytes("220 Welcome.\r\n"));
  CHECK_FALSE(greeting.seen);
  CHECK(greeting.greets);
  CHECK(service(overhear(Protocol::tcp, false, bytes("USER anna\r\n"))).empty());
  CHECK(service(overhear(Protocol::tcp, false, bytes("USER anna\r\n"), {.greets = true})) == "ftp");
  CHECK(service(overhear(Protocol::tcp, false, bytes("EHLO mx.example.net\r\n"), {.greets = true})) == "smtp");
  CHECK(service(overhear(Protocol::tcp, true, bytes("+OK\r\n"))).empty());
  CHECK(service(overhear(Protocol::tcp, true, bytes("+OK\r\n"), {.answered_by = "redis-ping"})) == "redis");
}

TEST_CASE("no name, password or path of a client is kept") {
  for (const std::string_view text :
       {"GET /reset?token=SECRET HTTP/1.1\r\nHost: h\r\nAuthorization: SECRET\r\n\r\n", "USER SECRET\r\n",
        "AUTH TLS SECRET\r\n", "a1 LOGIN SECRET SECRET\r\n", "INVITE sip:SECRET@example.net SIP/2.0\r\n\r\n",
        "APOP SECRET c4c9334bac560\r\n"}) {
    const Overheard heard = overhear(Protocol::tcp, false, bytes(text), {.greets = true});
    CAPTURE(text);
    REQUIRE(heard.seen);
    CHECK(heard.seen->evidence.find("SECRET") == std::string::npos);
  }
}

TEST_CASE("a beginning keeps the same under another id and length") {
  for (const NamedWord& word : client_words()) {
    const Overheard heard = overhear(word.protocol, false, word.bytes);
    if (!heard.seen) continue;
    CAPTURE(word.name);
    const std::uint8_t number = steady_beginning_of(heard.seen->name, word.protocol, word.bytes);
    REQUIRE(number < std::size(kSteadyBeginnings));
    const Steady& steady = kSteadyBeginnings[number];
    for (const std::size_t at : word.changes) {
      ByteString other = word.bytes;
      other[at] ^= 0x11;
      CAPTURE(at);
      CHECK(steady_bytes(steady, other) == steady_bytes(steady, word.bytes));
    }
  }
}

TEST_CASE("what cannot be mistaken is told by its first bytes") {
  for (const std::string_view text : {"SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\n", "220 x\r\n", "EHLO x\r\n"})
    CHECK(is_telling(Protocol::tcp, bytes(text)));
  for (const NamedWord& word : client_words())
    for (const std::string_view name : {"tls", "smb", "msrpc", "rdp", "quic", "stun", "dtls"})
      if (word.service == name) {
        CAPTURE(word.name);
        CHECK(is_telling(word.protocol, word.bytes));
      }
  CHECK_FALSE(is_telling(Protocol::tcp, bytes("hello world")));
  CHECK_FALSE(is_telling(Protocol::tcp, ByteString(64, 0)));
  CHECK_FALSE(is_telling(Protocol::udp, ByteString(64, 0x80)));
  CHECK_FALSE(is_telling(Protocol::tcp, {}));
}

TEST_CASE("cut at any byte nothing is misread") {
  for (const NamedWord& word : client_words())
    for (std::size_t cut = 0; cut <= word.bytes.size(); ++cut) {
      const Overheard heard = overhear(word.protocol, false, Bytes(word.bytes).first(cut));
      CAPTURE(word.name);
      CAPTURE(cut);
      if (heard.seen && word.service != "mdns" && word.service != "netbios-ns")
        CHECK(heard.seen->name == word.service);
    }
}
