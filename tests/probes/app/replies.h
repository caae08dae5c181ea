// What servers answer, built by named code: for the readers' tests and as seeds of their fuzz target.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "probes/app/app_probe.h"

namespace demarc::test {

struct NamedReply {
  std::string name;   // file name of the seed
  std::string asked;  // the probe it answers, or empty
  ByteString bytes;
  std::string service;  // what it must be recognised as
  std::string product, version;
};

inline ByteString raw(std::string_view text) { return ByteString(text.begin(), text.end()); }

inline ByteString der(std::uint8_t tag, const ByteString& content) {
  ByteString out;
  ByteWriter w(out);
  w.u8(tag);
  if (content.size() < 128)
    w.u8(static_cast<unsigned>(content.size()));
  else
    w.u8(0x82).u16(static_cast<unsigned>(content.size()));
  w.bytes(content);
  return out;
}
inline ByteString joined(std::initializer_list<ByteString> parts) {
  ByteString out;
  for (const ByteString& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

/// A certificate with a common name, two alternative names and an address, valid until `not_after` (UTCTime).
inline ByteString certificate(std::string_view common_name = "shop.example.net",
                              std::string_view not_after = "270331235959Z") {
  ByteString oid_cn = {0x06, 3, 0x55, 0x04, 0x03}, oid_san = {0x06, 3, 0x55, 0x1D, 0x11};
  ByteString name = der(0x30, der(0x31, der(0x30, joined({oid_cn, der(0x0C, raw(common_name))}))));
  ByteString algorithm = der(0x30, {0x06, 3, 0x2A, 0x03, 0x04});
  ByteString names = der(0x30, joined({der(0x82, raw("shop.example.net")), der(0x82, raw("www.example.net")),
                                       der(0x87, {192, 0, 2, 10})}));
  ByteString extensions = der(0xA3, der(0x30, der(0x30, joined({oid_san, der(0x04, names)}))));
  ByteString tbs =
      der(0x30, joined({der(0xA0, der(0x02, {2})), der(0x02, {1, 2, 3}), algorithm, name,
                        der(0x30, joined({der(0x17, raw("260101000000Z")), der(0x17, raw(not_after))})), name,
                        der(0x30, joined({algorithm, der(0x03, {0, 4, 1, 2})})), extensions}));
  return der(0x30, joined({tbs, algorithm, der(0x03, {0, 1, 2, 3})}));
}

inline ByteString tls_record(std::uint8_t type, const ByteString& content) {
  ByteString out;
  ByteWriter w(out);
  w.u8(type).u16(0x0303).u16(static_cast<unsigned>(content.size())).bytes(content);
  return out;
}
inline ByteString handshake(std::uint8_t type, const ByteString& body) {
  ByteString out;
  ByteWriter w(out);
  w.u8(type).u8(0).u16(static_cast<unsigned>(body.size())).bytes(body);
  return out;
}
inline ByteString server_hello(std::uint16_t version, bool selected_by_extension) {
  ByteString body;
  ByteWriter w(body);
  w.u16(selected_by_extension ? 0x0303 : version).zeros(32).u8(0).u16(0xC02F).u8(0);
  if (selected_by_extension) w.u16(6).u16(43).u16(2).u16(version);
  return handshake(2, body);
}
inline ByteString certificate_message(const ByteString& cert) {
  ByteString body;
  ByteWriter w(body);
  w.u8(0).u16(static_cast<unsigned>(cert.size() + 3)).u8(0).u16(static_cast<unsigned>(cert.size())).bytes(cert);
  return handshake(11, body);
}
/// ServerHello, Certificate and ServerHelloDone, with the records cut where no message ends.
inline ByteString tls12_flight() {
  ByteString messages =
      joined({server_hello(0x0303, false), certificate_message(certificate()), handshake(14, {})});
  std::size_t cut = messages.size() / 2;
  return joined({tls_record(22, ByteString(messages.begin(), messages.begin() + static_cast<std::ptrdiff_t>(cut))),
                 tls_record(22, ByteString(messages.begin() + static_cast<std::ptrdiff_t>(cut), messages.end()))});
}

inline ByteString netbios(const ByteString& payload) {
  ByteString out;
  ByteWriter w(out);
  w.u16(0).u16(static_cast<unsigned>(payload.size())).bytes(payload);
  return out;
}
inline ByteString smb2_reply(std::uint16_t dialect, std::uint16_t mode) {
  ByteString m;
  ByteWriter w(m, true);
  w.u8(0xFE).u8('S').u8('M').u8('B').u16(64).u16(0).u32(0).u16(0).u16(1).u32(1).zeros(44);
  w.u16(65).u16(mode).u16(dialect).zeros(60);
  return netbios(m);
}
/// An NTLM challenge of FILES in EXAMPLE, Windows build 20348.
inline ByteString ntlm_challenge() {
  ByteString pairs, m;
  ByteWriter p(pairs, true);
  auto pair = [&](unsigned id, std::string_view name) {
    p.u16(id).u16(static_cast<unsigned>(2 * name.size()));
    for (char c : name) p.u16(static_cast<unsigned char>(c));
  };
  pair(2, "EXAMPLE");
  pair(1, "FILES");
  pair(4, "example.net");
  pair(3, "files.example.net");
  p.u32(0);
  ByteWriter w(m, true);
  w.bytes(raw(std::string_view("NTLMSSP\0", 8))).u32(2).u16(0).u16(0).u32(56).u32(0xA2898205).zeros(16);
  w.u16(static_cast<unsigned>(pairs.size())).u16(static_cast<unsigned>(pairs.size())).u32(56);
  w.u8(10).u8(0).u16(20348).zeros(3).u8(15).bytes(pairs);
  return m;
}
inline ByteString smb2_challenge() {
  ByteString m, token = ntlm_challenge();
  ByteWriter w(m, true);
  w.u8(0xFE).u8('S').u8('M').u8('B').u16(64).u16(0).u32(0xC0000016).u16(1).u16(1).u32(1).zeros(44);
  w.u16(9).u16(0).u16(72).u16(static_cast<unsigned>(token.size())).bytes(token);
  return netbios(m);
}
inline ByteString smb1_reply() {
  ByteString m;
  ByteWriter w(m, true);
  w.u8(0xFF).u8('S').u8('M').u8('B').u8(0x72).zeros(27).u8(17).u16(0).u8(3).zeros(40);
  return netbios(m);
}
inline ByteString bind_ack() {
  ByteString out;
  ByteWriter w(out, true);
  w.u8(5).u8(0).u8(12).u8(3).u32(0x10).u16(60).u16(0).u32(1).u16(4280).u16(4280).u32(7).u16(4).bytes(
      raw(std::string_view("135\0", 4)));
  w.zeros(60 - out.size());
  return out;
}
inline ByteString rdp_confirm(std::uint32_t protocol) {
  ByteString out;
  ByteWriter w(out);
  w.u8(3).u8(0).u16(19).u8(14).u8(0xD0).u16(0).u16(0x1234).u8(0).u8(2).u8(0).u8(8).u8(0).u8(protocol).u8(0).u16(0);
  return out;
}
inline ByteString ldap_entry() {
  ByteString attribute =
      der(0x30, joined({der(0x04, raw("vendorName")), der(0x31, der(0x04, raw("Example Directory")))}));
  ByteString entry = der(0x64, joined({der(0x04, {}), der(0x30, attribute)}));
  return der(0x30, joined({der(0x02, {1}), entry}));
}
inline ByteString dns_answer() {
  ByteString m, out;
  ByteWriter w(m);
  w.u16(0x6465)
      .u16(0x8400)
      .u16(1)
      .u16(1)
      .u32(0)
      .u8(7)
      .bytes(raw("version"))
      .u8(4)
      .bytes(raw("bind"))
      .u8(0)
      .u16(16)
      .u16(3);
  w.u16(0xC00C).u16(16).u16(3).u32(0).u16(14).u8(13).bytes(raw("unbound 1.17."));
  ByteWriter(out).u16(static_cast<unsigned>(m.size())).bytes(m);
  return out;
}
inline ByteString prelogin() {
  ByteString out;
  ByteWriter w(out);
  w.u8(4)
      .u8(1)
      .u16(26)
      .u16(0)
      .u8(1)
      .u8(0)
      .u8(0)
      .u16(11)
      .u16(6)
      .u8(1)
      .u16(17)
      .u16(1)
      .u8(0xFF)
      .u8(15)
      .u8(0)
      .u16(4123)
      .u16(0)
      .u8(1);
  return out;
}
inline ByteString mysql_greeting() {
  ByteString payload = joined({{10}, raw(std::string_view("10.11.6-MariaDB-1\0", 18)), ByteString(30, 7)});
  ByteString out = {static_cast<std::uint8_t>(payload.size()), 0, 0, 0};
  return joined({out, payload});
}

/// Three endpoints: one annotated on a TCP port, one known by its UUID on another, one on a named pipe.
inline ByteString endpoints() {
  ByteString stub, out;
  ByteWriter s(stub, true);
  auto text = [&](std::string_view annotation) {
    s.zeros(16).u32(1).u32(0).u32(static_cast<std::uint32_t>(annotation.size() + 1)).bytes(raw(annotation)).u8(0);
    while (stub.size() % 4 != 0) s.u8(0);
  };
  auto tower = [&](std::uint32_t uuid, unsigned last, const ByteString& where) {
    ByteString octets;
    ByteWriter t(octets, true);
    t.u16(4).u16(19).u8(0x0D).u32(uuid).zeros(14).u16(2).u16(0);
    t.u16(19).u8(0x0D).zeros(18).u16(2).u16(0).u16(1).u8(0x0B).u16(2).u16(0);
    t.u16(1).u8(last).u16(static_cast<unsigned>(where.size())).bytes(where);
    s.u32(static_cast<std::uint32_t>(octets.size())).u32(static_cast<std::uint32_t>(octets.size())).bytes(octets);
    while (stub.size() % 4 != 0) s.u8(0);
  };
  s.zeros(20).u32(3).u32(64).u32(0).u32(3);
  text("Example agent");
  text("");
  text("");
  tower(0x11223344, 0x07, {0xC0, 0x01});
  tower(0x338CD001, 0x07, {0xC0, 0x02});
  tower(0x4B324FC8, 0x0F, raw("\\pipe\\x"));
  s.u32(0);
  ByteWriter w(out, true);
  w.u8(5).u8(0).u8(2).u8(3).u32(0x10).u16(static_cast<unsigned>(24 + stub.size())).u16(0).u32(2);
  w.u32(static_cast<std::uint32_t>(stub.size())).u16(0).u16(0).bytes(stub);
  return out;
}
inline ByteString base64_of(const ByteString& bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  ByteString out;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += 6) {
    unsigned value = 0;
    for (std::size_t i = bit; i < bit + 6; ++i)
      value = 2 * value + (i / 8 < bytes.size() ? (bytes[i / 8] >> (7 - i % 8)) & 1U : 0U);
    out.push_back(static_cast<std::uint8_t>(kDigits[value]));
  }
  while (out.size() % 4 != 0) out.push_back('=');
  return out;
}
inline ByteString kerberos_error() {
  auto text = [](std::string_view word) { return der(0x1B, raw(word)); };
  ByteString name = der(0x30, joined({der(0xA0, der(0x02, {2})), der(0xA1, der(0x30, text("krbtgt")))}));
  ByteString error =
      der(0x7E, der(0x30, joined({der(0xA0, der(0x02, {5})), der(0xA1, der(0x02, {30})),
                                  der(0xA4, der(0x18, raw("20261123100000Z"))), der(0xA5, der(0x02, {1, 2})),
                                  der(0xA6, der(0x02, {68})), der(0xA9, text("EXAMPLE.NET")), der(0xAA, name)})));
  ByteString out;
  ByteWriter(out).u32(static_cast<std::uint32_t>(error.size())).bytes(error);
  return out;
}
inline ByteString rpc_reply(std::uint32_t status, const ByteString& result) {
  ByteString out;
  ByteWriter w(out);
  w.u32(0x80000000U | static_cast<std::uint32_t>(24 + result.size())).u32(0x64656D61).u32(1).u32(0).u32(0).u32(0);
  w.u32(status).bytes(result);
  return out;
}
inline ByteString rpc_mappings() {
  ByteString result;
  ByteWriter w(result);
  w.u32(1).u32(100000).u32(2).u32(6).u32(111).u32(1).u32(100003).u32(4).u32(6).u32(2049).u32(0);
  return rpc_reply(0, result);
}
inline ByteString tns_refuse() {
  ByteString text = raw("(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR=1189)(ERROR_STACK=(ERROR=(CODE=1189))))"), out;
  ByteWriter w(out);
  w.u16(static_cast<unsigned>(12 + text.size())).u16(0).u8(4).u8(0).u16(0).u8(0x22).u8(0);
  w.u16(static_cast<unsigned>(text.size())).bytes(text);
  return out;
}
inline ByteString mongodb_reply(std::uint32_t answers, const ByteString& elements) {
  ByteString out;
  ByteWriter w(out, true);
  w.u32(static_cast<std::uint32_t>(16 + 5 + 5 + elements.size())).u32(7).u32(answers).u32(2013).u32(0).u8(0);
  w.u32(static_cast<std::uint32_t>(5 + elements.size())).bytes(elements).u8(0);
  return out;
}
inline ByteString cassandra_supported() {
  ByteString out;
  ByteWriter w(out);
  w.u8(0x84).u8(0).u16(0).u8(6).u32(24).u16(1).u16(11).bytes(raw("CQL_VERSION")).u16(1).u16(5).bytes(raw("3.4.5"));
  return out;
}
inline ByteString amqp_start() {
  ByteString fields, body, out;
  ByteWriter f(fields);
  auto field = [&](std::string_view name, std::string_view value) {
    f.u8(static_cast<unsigned>(name.size())).bytes(raw(name)).u8('S').u32(static_cast<std::uint32_t>(value.size()));
    f.bytes(raw(value));
  };
  field("product", "RabbitMQ");
  field("version", "3.10.8");
  ByteWriter b(body);
  b.u16(10).u16(10).u8(0).u8(9).u32(static_cast<std::uint32_t>(fields.size())).bytes(fields);
  b.u32(5).bytes(raw("PLAIN")).u32(5).bytes(raw("en_US"));
  ByteWriter(out).u8(1).u16(0).u32(static_cast<std::uint32_t>(body.size())).bytes(body).u8(0xCE);
  return out;
}
inline ByteString kafka_versions() {
  ByteString out;
  ByteWriter w(out);
  w.u32(22).u32(0x64656D61).u16(0).u32(2).u16(0).u16(0).u16(9).u16(18).u16(0).u16(3);
  return out;
}
inline ByteString x11_accepted() {
  ByteString out, vendor = raw("The X.Org Foundation");
  ByteWriter w(out, true);
  w.u8(1).u8(0).u16(11).u16(0).u16(13).u32(12101004).zeros(12).u16(20).zeros(14).bytes(vendor);
  return out;
}
inline ByteString x11_refused() {
  ByteString out;
  ByteWriter w(out, true);
  w.u8(0).u8(22).u16(11).u16(0).u16(6).bytes(raw("No protocol specified\n\0"));
  while (out.size() < 32) w.u8(0);
  return out;
}
inline ByteString root_dse(bool active_directory) {
  auto attribute = [](std::string_view name, std::initializer_list<std::string_view> values) {
    ByteString set;
    for (std::string_view value : values) set = joined({set, der(0x04, raw(value))});
    return der(0x30, joined({der(0x04, raw(name)), der(0x31, set)}));
  };
  ByteString attributes =
      active_directory
          ? joined({attribute("dnsHostName", {"dc1.example.net"}),
                    attribute("namingContexts", {"DC=example,DC=net"}),
                    attribute("supportedCapabilities", {"1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1670"})})
          : joined({attribute("objectClass", {"top", "OpenLDAProotDSE"}),
                    attribute("supportedExtension", {"1.3.6.1.4.1.1466.20037"})});
  ByteString entry = der(0x64, joined({der(0x04, {}), der(0x30, attributes)}));
  ByteString done = der(0x65, joined({der(0x0A, {0}), der(0x04, {}), der(0x04, {})}));
  return joined({der(0x30, joined({der(0x02, {1}), entry})), der(0x30, joined({der(0x02, {1}), done}))});
}

inline std::vector<NamedReply> named_replies() {
  const ByteString wire = joined({{0x10}, raw("maxWireVersion"), {0, 17, 0, 0, 0}});
  const ByteString build = joined({{0x02}, raw("version"), {0, 7, 0, 0, 0}, raw("6.0.14"), {0}});
  return {
      {"ssh", "", raw("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"), "ssh", "OpenSSH", "9.2p1"},
      {"smtp", "", raw("220-mail.example.net ESMTP Postfix (Debian/GNU)\r\n220 ready\r\n"), "smtp", "Postfix", ""},
      {"smtp-iis", "", raw("220 web1 Microsoft ESMTP MAIL Service, Version: 10.0.1 ready\r\n"), "smtp",
       "Microsoft ESMTP MAIL Service", ""},
      {"smtp-bare-ehlo", "smtp-ehlo", raw("250-mail\r\n250 SIZE\r\n"), "smtp", "", ""},
      {"ftp-bare-ehlo", "smtp-ehlo", raw("500 what?\r\n"), "ftp", "", ""},
      {"ftp", "", raw("220 (vsFTPd 3.0.3)\r\n"), "ftp", "vsFTPd", "3.0.3"},
      {"pop3", "", raw("+OK Dovecot ready.\r\n"), "pop3", "Dovecot", ""},
      {"imap", "", raw("* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n"), "imap", "Dovecot", ""},
      {"vnc", "", raw("RFB 003.008\n"), "vnc", "", "RFB 003.008"},
      {"telnet", "", ByteString{255, 253, 24, 255, 251, 1}, "telnet", "", ""},
      {"rsync", "", raw("@RSYNCD: 31.0\n"), "rsync", "", "31.0"},
      {"mysql", "", mysql_greeting(), "mysql", "MariaDB", "10.11.6-MariaDB-1"},
      {"http", "http-get",
       raw("HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\n\r\n<html><title>The "
           "shop</title></html>"),
       "http", "nginx", "1.22.1"},
      {"http-winrm", "http-get", raw("HTTP/1.1 404 Not Found\r\nServer: Microsoft-HTTPAPI/2.0\r\n\r\n"), "http",
       "Microsoft-HTTPAPI", "2.0"},
      {"tls12", "tls-client-hello", tls12_flight(), "tls", "", "TLS 1.2"},
      {"tls13", "tls13-client-hello", tls_record(22, server_hello(0x0304, true)), "tls", "", "TLS 1.3"},
      {"tls-alert", "tls-client-hello", tls_record(21, {2, 70}), "tls", "", ""},
      {"smb2", "smb2-negotiate", smb2_reply(0x0311, 1), "smb", "", "SMB 3.1.1"},
      {"smb1", "smb1-negotiate", smb1_reply(), "smb", "", "SMB 1"},
      {"netbios-positive", "netbios-session", ByteString{0x82, 0, 0, 0}, "netbios-session", "", ""},
      {"netbios-negative", "netbios-session", ByteString{0x83, 0, 0, 1, 0x82}, "netbios-session", "", ""},
      {"msrpc", "msrpc-bind", bind_ack(), "msrpc", "", ""},
      {"msrpc-http", "", raw("ncacn_http/1.0"), "msrpc", "", "ncacn_http/1.0"},
      {"rdp", "rdp-connect", rdp_confirm(2), "rdp", "", ""},
      {"ldap", "ldap-root-dse", ldap_entry(), "ldap", "Example Directory", ""},
      {"dns", "dns-version-bind", dns_answer(), "dns", "unbound", "1.17."},
      {"mssql", "mssql-prelogin", prelogin(), "mssql", "Microsoft SQL Server 2019", "15.0.4123"},
      {"postgresql", "postgresql-ssl", raw("S"), "postgresql", "", ""},
      {"redis", "redis-ping", raw("+PONG\r\n"), "redis", "", ""},
      {"redis-noauth", "redis-ping", raw("-NOAUTH Authentication required.\r\n"), "redis", "", ""},
      {"memcached", "memcached-version", raw("VERSION 1.6.18\r\n"), "memcached", "", "1.6.18"},
      {"smtp-capabilities", "smtp-capabilities", raw("250-mail\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"), "smtp", "",
       ""},
      {"smtp-starttls", "smtp-starttls", raw("220 2.0.0 Ready to start TLS\r\n"), "smtp", "", ""},
      {"ftp-feat", "ftp-feat", raw("211-Features:\r\n AUTH TLS\r\n EPSV\r\n211 End\r\n"), "ftp", "", ""},
      {"ftp-auth-tls", "ftp-auth-tls", raw("530 no\r\n"), "ftp", "", ""},
      {"pop3-capa", "pop3-capa", raw("+OK\r\nTOP\r\nSTLS\r\nIMPLEMENTATION Dovecot\r\n.\r\n"), "pop3", "Dovecot",
       ""},
      {"pop3-stls", "pop3-stls", raw("+OK Begin TLS\r\n"), "pop3", "", ""},
      {"imap-capability", "imap-capability", raw("* CAPABILITY IMAP4rev1 STARTTLS\r\nd1 OK done\r\n"), "imap", "",
       ""},
      {"imap-starttls", "imap-starttls", raw("d2 OK Begin TLS\r\n"), "imap", "", ""},
      {"nntp", "", raw("200 news.example.net InterNetNews NNRP server INN 2.7.0 ready\r\n"), "nntp", "InterNetNews",
       ""},
      {"irc", "", raw(":irc.example.net NOTICE * :*** Looking up your hostname...\r\n"), "irc", "", ""},
      {"telnet-login", "telnet-refusals", joined({{255, 254, 1}, raw("\r\nrouter login: ")}), "telnet", "", ""},
      {"vnc-security", "vnc-security", ByteString{2, 1, 2}, "vnc", "", ""},
      {"x11-open", "x11-setup", x11_accepted(), "x11", "The X.Org Foundation", "1.21.1"},
      {"x11-refused", "x11-setup", x11_refused(), "x11", "", ""},
      {"smb2-challenge", "smb2-session-setup", smb2_challenge(), "smb", "Windows Server 2022", ""},
      {"credssp", "credssp-negotiate", ntlm_challenge(), "rdp", "Windows Server 2022", ""},
      {"winrm", "winrm-negotiate",
       joined({raw("HTTP/1.1 401 \r\nServer: Microsoft-HTTPAPI/2.0\r\nWWW-Authenticate: Negotiate "),
               base64_of(ntlm_challenge()), raw("\r\nContent-Length: 0\r\n\r\n")}),
       "winrm", "Microsoft-HTTPAPI", "2.0"},
      {"elasticsearch", "http-get",
       raw("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"name\":\"n1\",\"cluster_name\":\"c\","
           "\"version\":{\"number\":\"7.17.9\"},\"tagline\":\"You Know\"}"),
       "elasticsearch", "Elasticsearch", "7.17.9"},
      {"sip", "sip-options", raw("SIP/2.0 200 OK\r\nServer: Asterisk PBX 20.6.0\r\nContent-Length: 0\r\n\r\n"),
       "sip", "Asterisk PBX 20.6.0", ""},
      {"rtsp", "rtsp-options", raw("RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: GStreamer RTSP server\r\n\r\n"), "rtsp",
       "GStreamer RTSP server", ""},
      {"msrpc-endpoints", "msrpc-endpoints", endpoints(), "msrpc", "", ""},
      {"ldap-ad", "ldap-root-dse", root_dse(true), "ldap", "Active Directory", ""},
      {"ldap-openldap", "ldap-root-dse", root_dse(false), "ldap", "OpenLDAP", ""},
      {"ldap-start-tls", "ldap-start-tls",
       der(0x30, joined({der(0x02, {2}), der(0x78, joined({der(0x0A, {0}), der(0x04, {}), der(0x04, {})}))})),
       "ldap", "", ""},
      {"kerberos", "kerberos-as-request", kerberos_error(), "kerberos", "", ""},
      {"rpcbind", "rpcbind-dump", rpc_mappings(), "rpcbind", "", ""},
      {"nfs", "nfs-null", rpc_reply(2, {0, 0, 0, 3, 0, 0, 0, 4}), "nfs", "", "NFS 3 to 4"},
      {"oracle", "oracle-version", tns_refuse(), "oracle", "Oracle listener", "19.0"},
      {"postgresql-error", "postgresql-no-protocol",
       joined({{'E', 0, 0, 0, 60},
               raw("SFATAL"),
               {0},
               raw("Munsupported frontend protocol 15.0: 3.0 to 3.0"),
               {0, 0}}),
       "postgresql", "PostgreSQL", ""},
      {"mongodb", "mongodb-hello", mongodb_reply(0x64656D31, wire), "mongodb", "MongoDB", ""},
      {"mongodb-build", "mongodb-build-info", mongodb_reply(0x64656D32, build), "mongodb", "MongoDB", "6.0.14"},
      {"cassandra", "cassandra-options", cassandra_supported(), "cassandra", "", ""},
      {"socks5", "socks5-greeting", ByteString{5, 0}, "socks", "", "5"},
      {"amqp", "amqp-header", amqp_start(), "amqp", "RabbitMQ", "3.10.8"},
      {"mqtt", "mqtt-refused", ByteString{0x20, 2, 0, 1}, "mqtt", "", ""},
      {"kafka", "kafka-api-versions", kafka_versions(), "kafka", "", ""},
      {"zookeeper", "zookeeper-srvr",
       raw("Zookeeper version: 3.8.0-5a02a05, built on 2022-02-25\nMode: standalone\n"), "zookeeper", "ZooKeeper",
       "3.8.0"},
      {"ajp", "ajp-cping", ByteString{'A', 'B', 0, 1, 9}, "ajp", "", ""},
      {"java-rmi", "rmi-handshake", joined({{0x4E, 0, 11}, raw("203.0.113.7"), {0, 0, 0x9C, 0x40}}), "java-rmi", "",
       ""},
      {"git", "git-upload-pack", raw("0041ERR access denied or repository not exported: /demarc.invalid"), "git",
       "", ""},
      {"unknown", "", raw("hello, who is there?\x1b[2J"), "unknown", "", ""},
  };
}

}  // namespace demarc::test
