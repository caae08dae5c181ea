// What clients say first, and what servers answer to other clients than us.
#pragma once

#include "probes/app/udp_probe.h"
#include "tests/probes/app/announcements.h"
#include "tests/probes/app/replies.h"

namespace demarc::test {

struct NamedWord {
  std::string name;
  Protocol protocol;
  ByteString bytes;
  std::string service;                    // "": nobody's
  std::string evidence;                   // a part of it
  std::vector<std::size_t> changes = {};  // bytes that another conversation has otherwise
};

inline ByteString others_client_hello(std::string_view host) {
  ByteString extensions, body, record;
  ByteWriter e(extensions);
  const auto size = static_cast<unsigned>(host.size());
  e.u16(0x0A0A).u16(0);  // GREASE
  e.u16(0).u16(size + 5).u16(size + 3).u8(0).u16(size).bytes(raw(host));
  e.u16(16).u16(14).u16(12).u8(2).bytes(raw("h2")).u8(8).bytes(raw("http/1.1"));
  e.u16(43).u16(7).u8(6).u16(0x3A3A).u16(0x0304).u16(0x0303);
  ByteWriter b(body);
  b.u16(0x0303);
  for (unsigned i = 0; i < 32; ++i) b.u8(i);
  b.u8(32).zeros(32).u16(4).u16(0x1301).u16(0xC02F).u8(1).u8(0);
  b.u16(static_cast<unsigned>(extensions.size())).bytes(extensions);
  ByteWriter(record)
      .u8(22)
      .u16(0x0301)
      .u16(static_cast<unsigned>(body.size() + 4))
      .u8(1)
      .u8(0)
      .u16(static_cast<unsigned>(body.size()));
  record.insert(record.end(), body.begin(), body.end());
  return record;
}
inline ByteString own_question(std::string_view row) { return find_app_probe(row)->request("192.0.2.10"); }
inline ByteString length32(const ByteString& message) {
  ByteString out;
  ByteWriter(out).u32(static_cast<std::uint32_t>(message.size())).bytes(message);
  return out;
}
inline ByteString dns_message(std::uint16_t id, std::uint16_t flags,
                              std::string_view name_bytes = "\4mail\7example\3net") {
  ByteString out;
  ByteWriter(out).u16(id).u16(flags).u16(1).u16(0).u16(0).u16(0).bytes(raw(name_bytes)).u8(0).u16(1).u16(1);
  return out;
}
inline ByteString length16(const ByteString& message) {
  ByteString out;
  ByteWriter(out).u16(static_cast<unsigned>(message.size())).bytes(message);
  return out;
}
inline ByteString rdp_request(std::string_view cookie) {
  ByteString out;
  const auto size = static_cast<unsigned>(11 + cookie.size() + 8);
  ByteWriter w(out);
  w.u8(3).u8(0).u16(size).u8(size - 5).u8(0xE0).u16(0).u16(0).u8(0).bytes(raw(cookie));
  w.u8(1).u8(0).u8(8).u8(0).u8(3).zeros(3);
  return out;
}
inline ByteString ldap_bind(std::uint8_t id) {
  return der(0x30, joined({der(0x02, {id}),
                           der(0x60, joined({der(0x02, {3}), der(0x04, raw("cn=a")), der(0x80, raw("x"))}))}));
}
inline ByteString as_request() {
  const ByteString own = own_question("kerberos-as-request");
  return ByteString(own.begin() + 4, own.end());
}
inline ByteString snmp_get() {
  const ByteString pdu =
      der(0xA0, joined({der(0x02, {0x12, 0x34}), der(0x02, {0}), der(0x02, {0}), der(0x30, {})}));
  return der(0x30, joined({der(0x02, {1}), der(0x04, raw("SECRET")), pdu}));
}
inline ByteString ike_v2_init(bool nat) {
  ByteString out;
  ByteWriter w(out);
  if (nat) w.u32(0);
  w.u64(0x1122334455667788).u64(0).u8(33).u8(0x20).u8(34).u8(8).u32(0).u32(28 + 12).zeros(12);
  return out;
}
inline ByteString quic_initial() {
  ByteString out;
  ByteWriter(out).u8(0xC3).u32(1).u8(8).u64(0x0102030405060708).u8(0).zeros(1200 - 15);
  return out;
}
inline ByteString radius_request(std::uint8_t code = 1) {
  ByteString out;
  ByteWriter(out).u8(code).u8(9).u16(26).zeros(16).u8(1).u8(6).bytes(raw("anna"));
  return out;
}
inline ByteString rpc_call(std::uint32_t program) {
  ByteString out;
  ByteWriter(out).u32(0xABCD1234).u32(0).u32(2).u32(program).u32(3).u32(0).zeros(16);
  return out;
}
inline ByteString mdns_query() {
  ByteString out;
  ByteWriter(out).u16(0).u16(0).u16(1).u16(0).u16(0).u16(0).bytes(raw("\4_ipp\4_tcp\5local")).u8(0).u16(12).u16(1);
  return out;
}
inline ByteString netbios_query() {
  ByteString out;
  ByteWriter(out)
      .u16(0x4321)
      .u16(0x0110)
      .u16(1)
      .u16(0)
      .u16(0)
      .u16(0)
      .u8(32)
      .bytes(raw(std::string(32, 'C')))
      .u8(0)
      .u16(0x20);
  ByteWriter(out).u16(1);
  return out;
}
inline ByteString postgresql_start() {
  ByteString out, body = raw(std::string_view("user\0anna\0\0", 11));
  ByteWriter(out).u32(static_cast<std::uint32_t>(8 + body.size())).u32(0x00030000).bytes(body);
  return out;
}

inline std::vector<NamedWord> client_words() {
  constexpr Protocol tcp = Protocol::tcp, udp = Protocol::udp;
  return {
      {"ssh", tcp, raw("SSH-2.0-PuTTY_Release_0.81\r\n"), "ssh", "PuTTY"},
      {"tls",
       tcp,
       others_client_hello("shop.example.net"),
       "tls",
       "up to TLS 1.3, server name shop.example.net, for h2 http/1.1",
       {3, 4, 7, 8, 11}},
      {"tls-ours", tcp, own_question("tls-client-hello"), "tls", "up to TLS 1.2"},
      {"http", tcp, raw("GET /a HTTP/1.1\r\nHost: shop.example.net\r\n\r\n"), "http", "GET, host shop.example.net"},
      {"http-long", tcp, raw("GET /" + std::string(1400, 'a')), "http", "client: GET"},
      {"http-connect", tcp, raw("CONNECT db.example.net:443 HTTP/1.1\r\n\r\n"), "http",
       "a tunnel to db.example.net:443"},
      {"http2", tcp, raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "http", "HTTP/2"},
      {"rtsp", tcp, raw("OPTIONS rtsp://192.0.2.10/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"), "rtsp", "OPTIONS"},
      {"sip", tcp, raw(sip(kInvite, "")), "sip", "INVITE"},
      {"smtp", tcp, raw("EHLO mx.example.net\r\n"), "smtp", "EHLO"},
      {"ftp", tcp, raw("AUTH TLS\r\n"), "ftp", "AUTH TLS"},
      {"pop3", tcp, raw("CAPA\r\n"), "pop3", "CAPA"},
      {"imap", tcp, raw("a001 CAPABILITY\r\n"), "imap", "CAPABILITY"},
      {"nntp", tcp, raw("MODE READER\r\n"), "nntp", "MODE READER"},
      {"irc", tcp, raw("NICK anna\r\n"), "irc", "NICK"},
      {"vnc", tcp, raw("RFB 003.008\n"), "vnc", "RFB 003.008"},
      {"rsync", tcp, raw("@RSYNCD: 31.0\n"), "rsync", "31.0"},
      {"telnet", tcp, ByteString{255, 251, 24}, "telnet", "options"},
      {"smb2", tcp, own_question("smb2-negotiate"), "smb", "SMB 2", {2, 3}},
      {"smb1", tcp, own_question("smb1-negotiate"), "smb", "SMB 1", {3}},
      {"netbios-session", tcp, own_question("netbios-session"), "netbios-session", "session request"},
      {"rdp-cookie", tcp, rdp_request("Cookie: mstshash=anna\r\n"), "rdp", "with a cookie", {3, 4}},
      {"rdp", tcp, own_question("rdp-connect"), "rdp", "connection request"},
      {"msrpc", tcp, own_question("msrpc-bind"), "msrpc", "bind"},
      {"postgresql-ssl", tcp, own_question("postgresql-ssl"), "postgresql", "SSLRequest"},
      {"postgresql", tcp, postgresql_start(), "postgresql", "start-up", {3}},
      {"mssql", tcp, own_question("mssql-prelogin"), "mssql", "prelogin", {3}},
      {"mongodb", tcp, own_question("mongodb-hello"), "mongodb", "OP_MSG", {0, 4, 5}},
      {"oracle", tcp, own_question("oracle-version"), "oracle", "TNS connect", {1}},
      {"redis", tcp, raw("*1\r\n$4\r\nPING\r\n"), "redis", "1 words"},
      {"cassandra", tcp, own_question("cassandra-options"), "cassandra", "OPTIONS"},
      {"amqp", tcp, own_question("amqp-header"), "amqp", "AMQP 0.9.1"},
      {"mqtt", tcp, own_question("mqtt-refused"), "mqtt", "CONNECT", {1}},
      {"ajp", tcp, own_question("ajp-cping"), "ajp", "CPing"},
      {"rmi", tcp, own_question("rmi-handshake"), "java-rmi", "handshake"},
      {"x11", tcp, own_question("x11-setup"), "x11", "setup"},
      {"git", tcp, own_question("git-upload-pack"), "git", "git-upload-pack"},
      {"ldap-bind", tcp, ldap_bind(9), "ldap", "bind, version 3", {1, 4}},
      {"ldap-search", tcp, own_question("ldap-root-dse"), "ldap", "search"},
      {"ldap-start-tls", tcp, own_question("ldap-start-tls"), "ldap", "extended request"},
      {"kerberos", tcp, length32(as_request()), "kerberos", "AS-REQ", {3}},
      {"dns", tcp, length16(dns_message(0xBEEF, 0x0100)), "dns", "query", {1, 2, 3}},
      {"nfs", tcp, rpc_record(rpc_call(100003)), "nfs", "program 100003", {4, 5, 6, 7}},
      {"rpcbind", tcp, rpc_record(rpc_call(100000)), "rpcbind", "program 100000"},
      {"kafka", tcp, own_question("kafka-api-versions"), "kafka", "ApiVersions", {3, 8}},
      {"zookeeper", tcp, raw("ruok"), "zookeeper", "ruok"},
      {"memcached", tcp, raw("get session:1\r\n"), "memcached", "get"},
      {"socks5", tcp, own_question("socks5-greeting"), "socks", "SOCKS5"},
      {"socks4", tcp, joined({{4, 1, 0, 80, 192, 0, 2, 1}, raw("anna"), {0}}), "socks", "SOCKS4"},
      {"chat", tcp, raw("hello, is anybody there?\r\n"), "", ""},
      {"zeros", tcp, ByteString(200, 0), "", ""},

      {"udp-dns", udp, dns_message(0xBEEF, 0x0100), "dns", "query", {0, 1}},
      {"udp-mdns", udp, mdns_query(), "mdns", ""},
      {"udp-netbios", udp, netbios_query(), "netbios-ns", "", {0, 1}},
      {"udp-ntp", udp, joined({{0xE3, 0, 6, 0xEC}, ByteString(44, 0)}), "ntp", "version 4"},
      {"udp-snmp", udp, snmp_get(), "snmp", "client", {1}},
      {"udp-tftp", udp, tftp_request(), "tftp", "read", {4}},
      {"udp-ike", udp, ike_v2_init(false), "ike", "IKEv2", {0, 1, 2, 3}},
      {"udp-ike-nat", udp, ike_v2_init(true), "ike", "IKEv2", {4, 5}},
      {"udp-nfs", udp, rpc_call(100003), "nfs", "", {0, 1, 2, 3}},
      {"udp-sip", udp, raw(sip(kInvite, "")), "sip", "INVITE"},
      {"udp-ssdp", udp, raw("M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\n\r\n"), "ssdp", "M-SEARCH"},
      {"udp-quic", udp, quic_initial(), "quic", "", {6}},
      {"udp-dtls", udp, find_udp_probe("dtls-client-hello")->request(Token{}), "dtls", "ClientHello"},
      {"udp-stun", udp, find_udp_probe("stun-binding")->request(Token{}), "stun", "binding"},
      {"udp-cldap", udp, ldap_bind(1), "ldap", ""},
      {"udp-kerberos", udp, as_request(), "kerberos", "AS-REQ"},
      {"udp-wireguard", udp, find_udp_probe("wireguard-initiation")->request(Token{}), "wireguard", ""},
      {"udp-openvpn", udp, find_udp_probe("openvpn-reset")->request(Token{}), "openvpn", "", {2}},
      {"udp-l2tp", udp, find_udp_probe("l2tp-start")->request(Token{}), "l2tp", ""},
      {"udp-ipmi", udp, find_udp_probe("ipmi-auth-capabilities")->request(Token{}), "ipmi", ""},
      {"udp-memcached", udp, find_udp_probe("memcached-udp-version")->request(Token{}), "memcached", "version"},
      {"udp-radius", udp, radius_request(), "radius", "code 1", {1}},
      {"udp-xdmcp", udp, find_udp_probe("xdmcp-query")->request(Token{}), "xdmcp", "query"},
      {"udp-rtp", udp, joined({{0x80, 0, 0x12, 0x34}, ByteString(168, 0x55)}), "", ""},
  };
}

inline std::vector<NamedWord> server_words() {
  constexpr Protocol tcp = Protocol::tcp, udp = Protocol::udp;
  ByteString mongo = mongodb_reply(77, {});
  const ByteString error = kerberos_error();
  return {
      {"ldap-bind", tcp,
       der(0x30, joined({der(0x02, {9}), der(0x61, joined({der(0x0A, {49}), der(0x04, {}), der(0x04, {})}))})),
       "ldap", "bind response, result 49"},
      {"dns", tcp, length16(dns_message(0xBEEF, 0x8183)), "dns", "rcode 3"},
      {"mongodb", tcp, mongo, "mongodb", "OP_MSG"},
      {"postgresql", tcp, ByteString{'R', 0, 0, 0, 12, 0, 0, 0, 5, 1, 2, 3, 4}, "postgresql", "request 5"},
      {"rpc", tcp, rpc_record(rpc_accepted(0xABCD, ByteString(4, 0))), "onc-rpc", "reply"},
      {"kerberos", tcp, error, "kerberos", "KRB-ERROR 68"},
      {"tls12", tcp, tls12_flight(), "tls", "certificate of shop.example.net"},
      {"udp-dns", udp, dns_message(0xBEEF, 0x8180), "dns", ""},
      {"udp-rpc", udp, rpc_accepted(0xABCD, ByteString(4, 0)), "onc-rpc", ""},
      {"udp-quic", udp, quic_initial(), "quic", ""},
      {"udp-radius", udp, radius_request(2), "radius", "code 2"},
      {"udp-nothing", udp, ByteString(100, 0x77), "", ""},
  };
}

}  // namespace demarc::test
