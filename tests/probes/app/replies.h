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

inline std::vector<NamedReply> named_replies() {
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
      {"unknown", "", raw("hello, who is there?\x1b[2J"), "unknown", "", ""},
  };
}

}  // namespace demarc::test
