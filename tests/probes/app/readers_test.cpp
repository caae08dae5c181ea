#include "probes/app/app_probe.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "probes/app/codecs.h"
#include "probes/app/ntlm.h"
#include "rules/net/app_protocol.h"
#include "tests/probes/app/replies.h"

using namespace demarc;
using namespace demarc::test;

TEST_CASE("what servers answer is recognised, with product and version where they say them") {
  for (const NamedReply& reply : named_replies()) {
    CAPTURE(reply.name);
    Heard heard = recognise(reply.bytes, reply.asked.empty() ? nullptr : find_app_probe(reply.asked));
    REQUIRE(heard.seen.has_value());
    CHECK(heard.seen->name == reply.service);
    CHECK(heard.seen->product == reply.product);
    CHECK(heard.seen->version == reply.version);
    CHECK((heard.start_tls || !heard.seen->evidence.empty()));
  }
}

TEST_CASE("recognition does not depend on the question, but for replies that say too little alone") {
  for (const NamedReply& reply : named_replies()) {
    if (const AppProbe* asked = find_app_probe(reply.asked); asked != nullptr && asked->only_asked) continue;
    CAPTURE(reply.name);
    for (const char* other : {"http-get", "tls-client-hello", "msrpc-bind"}) {
      Heard heard = recognise(reply.bytes, find_app_probe(other));
      REQUIRE(heard.seen.has_value());
      CHECK(heard.seen->name == reply.service);
    }
  }
  CHECK(recognise(raw("S"), find_app_probe("http-get")).seen->name == kUnknownService);
}

TEST_CASE("no cut of an answer is taken for another service, and none claims more bytes than it has") {
  for (const NamedReply& reply : named_replies()) {
    CAPTURE(reply.name);
    for (std::size_t cut = 0; cut < reply.bytes.size(); ++cut) {
      CAPTURE(cut);
      Heard heard =
          recognise(Bytes(reply.bytes).first(cut), reply.asked.empty() ? nullptr : find_app_probe(reply.asked));
      if (cut == 0) {
        CHECK_FALSE(heard.seen.has_value());
        continue;
      }
      REQUIRE(heard.seen.has_value());
      bool fits = heard.seen->name == reply.service || heard.seen->name == kUnknownService ||
                  reply.asked == "smtp-ehlo" ||
                  (heard.seen->name == "http" && satisfies("http", "", reply.service)) ||
                  (heard.seen->name == "smtp" && reply.service == "ftp");  // "220 " alone is both
      CHECK(fits);
    }
  }
}

TEST_CASE("the certificate of TLS 1.2 tells names and expiry") {
  Heard heard = recognise(tls12_flight(), find_app_probe("tls-client-hello"));
  REQUIRE(heard.seen.has_value());
  CHECK(heard.complete);
  CHECK(heard.seen->certificate_names ==
        std::vector<std::string>{"shop.example.net", "www.example.net", "192.0.2.10"});
  REQUIRE(heard.seen->certificate_expires.has_value());
  CHECK(to_string(*heard.seen->certificate_expires) == "2027-03-31T23:59:59Z");
}

TEST_CASE("a server that wants TLS 1.3 is asked again for it; the certificate stays unknown") {
  Heard alert = recognise(tls_record(21, {2, 70}), find_app_probe("tls-client-hello"));
  CHECK(alert.follow_up == "tls13-client-hello");
  Heard hello = recognise(tls_record(22, server_hello(0x0304, true)), find_app_probe("tls13-client-hello"));
  CHECK(hello.complete);
  CHECK(hello.seen->version == "TLS 1.3");
  CHECK(hello.seen->certificate_names.empty());
}

TEST_CASE("a web page that says it wanted HTTPS is followed up by TLS") {
  Heard heard = recognise(
      raw("HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\nThe plain HTTP request was sent to HTTPS port"),
      find_app_probe("http-get"));
  CHECK(heard.follow_up == "tls-client-hello");
}

TEST_CASE("what servers tell about themselves is in the evidence") {
  auto evidence = [](const ByteString& reply, std::string_view asked) {
    return recognise(reply, find_app_probe(asked)).seen->evidence;
  };
  CHECK(evidence(endpoints(), "msrpc-endpoints") == "3 endpoints: tcp 49153 (Example agent), 49154 (winreg)");
  CHECK(evidence(smb2_challenge(), "smb2-session-setup") ==
        "host FILES, domain EXAMPLE, DNS name files.example.net, DNS domain example.net, Windows 10.0.20348");
  CHECK(evidence(kerberos_error(), "kerberos-as-request") ==
        "KRB-ERROR 68, realm EXAMPLE.NET, server time 20261123100000Z");
  CHECK(evidence(rpc_mappings(), "rpcbind-dump") == "2 mappings: nfs tcp 2049, rpcbind tcp 111");
  CHECK(evidence(root_dse(true), "ldap-root-dse") == "root DSE, host dc1.example.net, holds DC=example,DC=net");
  CHECK(evidence(x11_refused(), "x11-setup") == "setup refused: No protocol specified");
  CHECK(evidence({2, 1, 2}, "vnc-security") == "security none, VNC password");
  CHECK(evidence({5, 0}, "socks5-greeting") == "SOCKS5, open to everybody");
  CHECK(evidence(joined({{255, 254, 1}, raw("\r\nrouter login: ")}), "telnet-refusals") ==
        "options, then: router login:");
  CHECK(evidence(raw("HTTP/1.1 401 no\r\nWWW-Authenticate: Basic realm=\"staff\"\r\n\r\n"), "http-get") ==
        "HTTP/1.1 401 no; wants Basic realm=\"staff\"");
  CHECK(evidence(tls12_flight(), "tls-client-hello").ends_with("issued by shop.example.net"));
}

TEST_CASE("an NTLM challenge that points outside of itself tells nothing") {
  ByteString m = ntlm_challenge();
  REQUIRE(app::find_ntlm_challenge(m).has_value());
  for (std::size_t at : {40U, 41U, 44U, 45U, 46U, 47U}) {
    ByteString broken = m;
    broken[at] = 0xFF;
    CHECK_FALSE(app::find_ntlm_challenge(broken).has_value());
  }
  CHECK_FALSE(app::find_ntlm_challenge(app::ntlm_negotiate()).has_value());  // our own is no challenge
}

TEST_CASE("SMB says its dialect and whether it signs") {
  Heard heard = recognise(smb2_reply(0x0302, 3), find_app_probe("smb2-negotiate"));
  CHECK(heard.seen->version == "SMB 3.0.2");
  CHECK(heard.seen->evidence.find("signing required") != std::string::npos);
  CHECK(heard.follow_up == "smb1-negotiate");
}

TEST_CASE("hostile words stay printable and bounded") {
  std::string banner = "SSH-2.0-\x1b[31mevil\x07 " + std::string(5000, 'A') + "\r\n";
  Heard heard = recognise(raw(banner), nullptr);
  REQUIRE(heard.seen.has_value());
  for (const std::string& text : {heard.seen->product, heard.seen->version, heard.seen->evidence}) {
    CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; }));
    CHECK(text.size() <= 4 * kEvidenceMax);
  }
  Heard page = recognise(
      raw("HTTP/1.0 200 OK\r\nServer: <script>\x1b]0;x\x07/1\r\nContent-Type: text/html\r\n\r\n<title>\x9b" +
          std::string(3000, 'x') + "</title>"),
      nullptr);
  REQUIRE(page.seen.has_value());
  for (const std::string& text : {page.seen->product, page.seen->version, page.seen->evidence})
    CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; }));
}

TEST_CASE("every row of the table is whole, and speaks names that rule sets know") {
  std::set<std::string_view> names;
  for (const AppProbe& probe : app_probes()) {
    CAPTURE(probe.name);
    CHECK(names.insert(probe.name).second);
    bool has_reader = probe.read != nullptr;
    CHECK(has_reader);
    CHECK_FALSE(probe.reference.empty());
    if (probe.request != nullptr) {
      ByteString request = probe.request("192.0.2.10");
      CHECK_FALSE(request.empty());
      CHECK(request.size() < 1024);
      CHECK(request == probe.request("192.0.2.10"));  // the same question every time
    }
  }
  for (const NamedReply& reply : named_replies())
    if (reply.service != kUnknownService) CHECK(is_app_protocol(reply.service));
}

TEST_CASE("lengths inside requests agree with their bytes") {
  ByteString hello = app::tls_client_hello("");
  CHECK(be16(&hello[3]) == hello.size() - 5);
  ByteString hello13 = app::tls13_client_hello("");
  CHECK(be16(&hello13[3]) == hello13.size() - 5);
  ByteString smb = app::smb2_negotiate("");
  CHECK(be16(&smb[2]) == smb.size() - 4);
  ByteString smb1 = app::smb1_negotiate("");
  CHECK(be16(&smb1[2]) == smb1.size() - 4);
  ByteString bind = app::msrpc_bind("");
  CHECK(le16(&bind[8]) == bind.size());
  ByteString rdp = app::rdp_connect("");
  CHECK(be16(&rdp[2]) == rdp.size());
  ByteString ldap = app::ldap_root_dse("");
  CHECK(be16(&ldap[2]) == ldap.size() - 4);
  ByteString dns = app::dns_version_bind("");
  CHECK(be16(dns.data()) == dns.size() - 2);
  ByteString tds = app::mssql_prelogin("");
  CHECK(be16(&tds[2]) == tds.size());
  ByteString setup = app::smb2_session_setup("");
  CHECK(be16(&setup[2]) == setup.size() - 4);
  ByteString lookup = app::msrpc_endpoints("");
  CHECK(le16(&lookup[8]) == lookup.size());
  ByteString tns = app::oracle_version("");
  CHECK(be16(tns.data()) == tns.size());
  CHECK(std::size_t{be16(&tns[26])} + be16(&tns[24]) == tns.size());
  ByteString hello_mongo = app::mongodb_hello("");
  CHECK(le32(hello_mongo.data()) == hello_mongo.size());
  CHECK(le32(&hello_mongo[21]) == hello_mongo.size() - 21);
  ByteString kafka = app::kafka_api_versions("");
  CHECK(be32(kafka.data()) == kafka.size() - 4);
  ByteString as_request = app::kerberos_as_request("");
  CHECK(be32(as_request.data()) == as_request.size() - 4);
  ByteString dump = app::rpcbind_dump("");
  CHECK((be32(dump.data()) & 0x7FFFFFFF) == dump.size() - 4);
  ByteString mqtt = app::mqtt_connect_refused("");
  CHECK(mqtt[1] == mqtt.size() - 2);
  ByteString session = app::netbios_session_request("");
  CHECK(be16(&session[2]) == session.size() - 4);
}
