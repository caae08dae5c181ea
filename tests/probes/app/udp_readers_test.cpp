#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "probes/app/udp_probe.h"
#include "rules/net/app_protocol.h"
#include "tests/probes/app/udp_replies.h"

using namespace demarc;
using namespace demarc::test;

namespace {

UdpHeard recognised(const UdpReply& reply, const Token& token = udp_token()) {
  return recognise_udp(reply.bytes, *find_udp_probe(reply.asked), token);
}

Token another_token() {
  Token token = udp_token();
  for (std::uint8_t& byte : token.bytes) byte = static_cast<std::uint8_t>(~byte);
  return token;
}

/// What comes back of the token in these protocols is nothing, or not always something.
bool may_bring_nothing(std::string_view row) {
  static const std::set<std::string_view> kRows = {
      "sql-browser", "ssdp-search", "xdmcp-query",     "daytime",          "quote", "chargen", "time",
      "empty",       "tftp-read",   "kerberos-as-req", "dtls-client-hello"};
  return kRows.contains(row);
}

}  // namespace

TEST_CASE("what servers answer over UDP is an answer, with the token that came back and what speaks") {
  for (const UdpReply& reply : udp_replies()) {
    CAPTURE(reply.name);
    REQUIRE(find_udp_probe(reply.asked) != nullptr);
    UdpHeard heard = recognised(reply);
    REQUIRE(heard.is_answer);
    CHECK(heard.token_bits == reply.token_bits);
    REQUIRE(heard.seen.has_value());
    CHECK(heard.seen->name == reply.service);
    CHECK((is_app_protocol(reply.service) || reply.service == kUnknownService));  // a rule set can name it
    CHECK(heard.seen->product == reply.product);
    CHECK(heard.seen->version == reply.version);
    CHECK(heard.seen->evidence.find(reply.evidence) != std::string::npos);
  }
}

TEST_CASE("every row that can be answered has an answer here, and the silent ones say that they are") {
  std::set<std::string_view> answered;
  std::vector<UdpReply> replies = udp_replies();
  for (const UdpReply& reply : replies) answered.insert(reply.asked);
  for (const UdpProbe& probe : udp_probes()) {
    CAPTURE(probe.name);
    if (probe.answers) CHECK(answered.contains(probe.name));
  }
  std::set<std::string_view> silent;
  for (const UdpProbe& probe : udp_probes())
    if (!probe.answers) silent.insert(probe.name);
  CHECK(silent == std::set<std::string_view>{"llmnr-query", "radius-status", "wireguard-initiation", "syslog",
                                             "snmp-trap", "netbios-datagram", "discard", "dhcp", "flow-export",
                                             "fragile", "overlay-tunnel"});
}

TEST_CASE("a stranger's answer with another token is none, wherever the protocol brings it back") {
  for (const UdpReply& reply : udp_replies()) {
    CAPTURE(reply.name);
    UdpHeard heard = recognised(reply, another_token());
    if (may_bring_nothing(reply.asked)) {
      CHECK(heard.is_answer);
    } else {
      CHECK_FALSE(heard.is_answer);
    }
    if (heard.is_answer) CHECK(heard.token_bits == 0);
  }
}

TEST_CASE("each bit of the token that a reader counts is a bit of the question") {
  std::map<std::string_view, unsigned> most;
  std::vector<UdpReply> replies = udp_replies();
  for (const UdpReply& reply : replies) most[reply.asked] = std::max(most[reply.asked], reply.token_bits);
  for (const auto& [row, bits] : most) {
    CAPTURE(row);
    const UdpProbe& probe = *find_udp_probe(row);
    // Flipping a bit of the token changes the question, for at least as many bits as the reader claims.
    unsigned decisive = 0;
    for (unsigned bit = 0; bit < 128; ++bit) {
      Token flipped = udp_token();
      flipped.bytes[bit / 8] = static_cast<std::uint8_t>(flipped.bytes[bit / 8] ^ (1U << bit % 8));
      if (probe.request(flipped) != probe.request(udp_token())) ++decisive;
    }
    CHECK(decisive >= bits);
  }
}

TEST_CASE("no reader takes its own question for an answer, but for the echo service, and an echo is one") {
  for (const UdpProbe& probe : udp_probes()) {
    CAPTURE(probe.name);
    ByteString question = probe.request(udp_token());
    if (question.empty()) continue;
    if (probe.name != "echo") CHECK_FALSE(probe.read(question, udp_token()).is_answer);
    UdpHeard heard = recognise_udp(question, probe, udp_token());
    REQUIRE(heard.is_answer);
    CHECK(heard.seen->name == "echo");
    if (probe.name == "snmp-v3-engine") CHECK(heard.token_bits == 60);
    if (probe.name == "sql-browser") CHECK(heard.token_bits == 0);
  }
}

TEST_CASE("a service on another's port is known by its form, without a bit of the token") {
  struct Row {
    const char* reply;
    const char* asked;
    const char* service;
  };
  std::vector<UdpReply> replies = udp_replies();
  for (const Row& row :
       {Row{"udp_dns_version", "snmp-v3-engine", "dns"}, Row{"udp_snmp_v3", "dns-version-bind", "snmp"},
        Row{"udp_ntp", "empty", "ntp"}, Row{"udp_sip", "ssdp-search", "sip"},
        Row{"udp_nbstat", "dns-query", "netbios-ns"}, Row{"udp_mdns", "netbios-nbstat", "mdns"},
        Row{"udp_kerberos", "cldap-root-dse", "kerberos"}, Row{"udp_dtls_verify", "quic-version", "dtls"},
        Row{"udp_quic", "dtls-client-hello", "quic"}, Row{"udp_rpcbind", "dns-query", "onc-rpc"},
        Row{"udp_stun", "sip-options", "stun"}}) {
    CAPTURE(row.reply);
    auto reply =
        std::find_if(replies.begin(), replies.end(), [&](const UdpReply& r) { return r.name == row.reply; });
    REQUIRE(reply != replies.end());
    UdpHeard heard = recognise_udp(reply->bytes, *find_udp_probe(row.asked), another_token());
    CHECK(heard.is_answer);
    CHECK(heard.token_bits == 0);
    CHECK(heard.seen->name == row.service);
  }
}

TEST_CASE("bytes that nobody knows are no answer, but where nothing was asked; they are shown") {
  ByteString noise = app::bytes_of("\x01\x02 what is this");
  UdpHeard heard = recognise_udp(noise, *find_udp_probe("snmp-v3-engine"), udp_token());
  CHECK_FALSE(heard.is_answer);
  REQUIRE(heard.seen.has_value());
  CHECK(heard.seen->name == kUnknownService);
  CHECK(heard.seen->evidence == "\\x01\\x02 what is this");
  CHECK(recognise_udp(noise, *find_udp_probe("empty"), udp_token()).is_answer);
  CHECK_FALSE(recognise_udp({}, *find_udp_probe("empty"), udp_token()).is_answer);
}

TEST_CASE("no cut of an answer has more of the token than the whole, and none is another's") {
  for (const UdpReply& reply : udp_replies()) {
    CAPTURE(reply.name);
    for (std::size_t cut = 0; cut < reply.bytes.size(); ++cut) {
      CAPTURE(cut);
      UdpHeard heard = recognise_udp(Bytes(reply.bytes).first(cut), *find_udp_probe(reply.asked), udp_token());
      CHECK(heard.token_bits <= reply.token_bits);
      bool dns_so_far = reply.service == "mdns";  // the same message as long as no answer is read
      if (heard.is_answer) CHECK((heard.seen->name == reply.service || (dns_so_far && heard.seen->name == "dns")));
    }
  }
}

TEST_CASE("names in hostile messages end: a pointer to itself, forward, or out of the message") {
  for (unsigned target : {0xC00CU, 0xC0FFU, 0xFFFFU}) {
    ByteString message;
    ByteWriter(message).u16(udp_token().u16()).u16(0x8400).u16(1).u16(1).u16(0).u16(0).u16(target).u16(12).u16(1);
    CHECK_FALSE(find_udp_probe("mdns-services")->read(message, udp_token()).is_answer);
    CHECK_FALSE(find_udp_probe("dns-query")->read(message, udp_token()).is_answer);
  }
}

TEST_CASE("which engine an SNMP agent is, is said by its id or not at all") {
  struct Row {
    ByteString engine;
    const char* product;
  };
  for (const Row& row :
       {Row{{0x80, 0, 0, 9, 3, 1, 2, 3, 4, 5, 6}, "Cisco"}, Row{{0x80, 0, 0x0A, 0x4C, 1, 1, 1, 1, 1}, "Juniper"},
        Row{{0x80, 0, 0xFF, 0xFF, 1}, ""}, Row{{}, ""}}) {
    UdpHeard heard = recognise_udp(udp::snmp_report(row.engine), *find_udp_probe("snmp-v3-engine"), udp_token());
    REQUIRE(heard.is_answer);
    CHECK(heard.seen->product == row.product);
  }
}
