// What servers answer to our questions over UDP, built by named code: for the readers' tests and as seeds of their
// fuzz target. Each reply is built from the token, as its server would build it from the question.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "probes/app/ber.h"
#include "probes/app/udp_codecs.h"

namespace demarc::test {

struct UdpReply {
  std::string name;   // file name of the seed
  std::string asked;  // the row it answers
  ByteString bytes;
  unsigned token_bits;  // that come back in it
  std::string service, product, version;
  std::string evidence;  // a part of it
};

inline Token udp_token() {
  Token token;
  for (std::size_t i = 0; i < 16; ++i) token.bytes[i] = static_cast<std::uint8_t>(0x91 + 13 * i);
  return token;
}

namespace udp {

using app::ber;
using app::ber_number;
using app::bytes_of;
using app::joined;

inline ByteString asked(std::string_view row) { return find_udp_probe(row)->request(udp_token()); }

// ---- names ----
/// The question with QR set, `flags` besides, and answers behind it.
inline ByteString dns_reply(std::string_view row, unsigned flags, unsigned answers = 0,
                            const ByteString& more = {}) {
  ByteString out = asked(row);
  out[2] = static_cast<std::uint8_t>(0x80 | flags >> 8);
  out[3] = static_cast<std::uint8_t>(flags);
  out[7] = static_cast<std::uint8_t>(answers);
  return joined({out, more});
}
inline ByteString record(unsigned type, unsigned cls, const ByteString& data) {  // its owner is the question's name
  ByteString out;
  ByteWriter(out).u16(0xC00C).u16(type).u16(cls).u32(0).u16(static_cast<unsigned>(data.size())).bytes(data);
  return out;
}
inline ByteString dns_text(std::string_view text) {
  return joined({{static_cast<std::uint8_t>(text.size())}, bytes_of(text)});
}
inline ByteString dns_format_error() {
  ByteString out;
  ByteWriter(out).u16(udp_token().u16()).u16(0x8001).u64(0);
  return out;
}
inline ByteString mdns_reply() {
  ByteString data;
  ByteWriter(data).u8(5).bytes(bytes_of("_http")).u8(4).bytes(bytes_of("_tcp")).u16(0xC023);  // "local" of the
                                                                                              // question
  return dns_reply("mdns-services", 0x0400, 1, record(12, 1, data));
}
struct NetbiosName {
  std::string_view name;
  std::uint8_t suffix;
  bool group;
};
inline ByteString nbstat_reply(std::initializer_list<NetbiosName> names) {
  ByteString out, data;
  ByteWriter d(data);
  d.u8(static_cast<unsigned>(names.size()));
  for (const NetbiosName& n : names) {
    std::string padded(n.name);
    padded.resize(15, ' ');
    d.bytes(bytes_of(padded)).u8(n.suffix).u16(n.group ? 0x8400 : 0x0400);
  }
  d.u8(0x02).u8(0).u8(0x5E).u8(0x10).u8(0).u8(0x0B).zeros(40);
  ByteWriter w(out);
  w.u16(udp_token().u16()).u16(0x8400).u16(0).u16(1).u16(0).u16(0);
  w.u8(32).u8('C').u8('K');
  for (int i = 0; i < 30; ++i) w.u8('A');
  w.u8(0).u16(0x21).u16(1).u32(0).u16(static_cast<unsigned>(data.size())).bytes(data);
  return out;
}

// ---- clocks and management ----
inline ByteString ntp_reply(unsigned stratum, std::string_view reference) {
  ByteString out;
  ByteWriter w(out);
  w.u8(4 << 3 | 4).u8(stratum).u8(6).u8(0xE9).u32(0).u32(0).bytes(bytes_of(reference)).u64(0xEC3B000000000000);
  w.u64(udp_token().u64()).u64(0xEC3B000100000000).u64(0xEC3B000100000001);
  return out;
}
inline ByteString ntp_control_reply(std::string_view text, bool error = false) {
  ByteString out;
  ByteWriter(out)
      .u8(2 << 3 | 6)
      .u8(error ? 0xC2 : 0x82)
      .u16(udp_token().u16())
      .u16(0)
      .u16(0)
      .u16(0)
      .u16(static_cast<unsigned>(text.size()))
      .bytes(bytes_of(text));
  return out;
}
inline std::uint32_t snmp_id(unsigned at) { return (udp_token().u32(at) & 0x7FFFFFFF) | 1U; }
inline ByteString snmp_reply(unsigned version, unsigned error, std::string_view says, const ByteString& whose) {
  ByteString describe = {0x2B, 6, 1, 2, 1, 1, 1, 0}, object = {0x2B, 6, 1, 2, 1, 1, 2, 0};
  ByteString bindings = ber(0x30, joined({ber(0x30, joined({ber(0x06, describe), ber(0x04, says)})),
                                          ber(0x30, joined({ber(0x06, object), ber(0x06, whose)}))}));
  ByteString pdu = ber(0xA2, joined({ber_number(snmp_id(0)), ber_number(error), ber_number(0), bindings}));
  return ber(0x30, joined({ber_number(version), ber(0x04, "public"), pdu}));
}
inline ByteString snmp_report(const ByteString& engine) {
  ByteString header =
      ber(0x30, joined({ber_number(snmp_id(0)), ber_number(65507), ber(0x04, ByteString{0}), ber_number(3)}));
  ByteString user = ber(0x30, joined({ber(0x04, engine), ber_number(7), ber_number(3600), ber(0x04, ""),
                                      ber(0x04, ""), ber(0x04, "")}));
  ByteString counter =
      ber(0x30, joined({ber(0x06, ByteString{0x2B, 6, 1, 6, 3, 15, 1, 1, 4, 0}), ber(0x41, ByteString{1})}));
  ByteString pdu = ber(0xA8, joined({ber_number(snmp_id(4)), ber_number(0), ber_number(0), ber(0x30, counter)}));
  return ber(0x30, joined({ber_number(3), header, ber(0x04, user),
                           ber(0x30, joined({ber(0x04, engine), ber(0x04, ""), pdu}))}));
}
inline ByteString ipmi_reply() {
  ByteString out, message;
  ByteWriter m(message);
  m.u8(0x81).u8(0x1C).u8(0x63).u8(0x20).u8(udp_token().bytes[0] & 0xFCU).u8(0x38).u8(0).u8(1);
  m.u8(0x80 | 0x04 | 0x10).u8(0x01).u8(2).zeros(4).u8(0);  // MD5, password; an anonymous login; 2.0
  ByteWriter(out).u8(6).u8(0).u8(0xFF).u8(7).u8(0).u64(0).u8(static_cast<unsigned>(message.size())).bytes(message);
  return out;
}
inline ByteString asf_pong() {
  ByteString out;
  ByteWriter(out)
      .u8(6)
      .u8(0)
      .u8(0xFF)
      .u8(6)
      .u32(4542)
      .u8(0x40)
      .u8(udp_token().bytes[0] & 0x7FU)
      .u8(0)
      .u8(16)
      .u32(674)
      .u32(0)
      .u8(0x81)
      .u8(0)
      .zeros(6);
  return out;
}
inline ByteString radius_reject() {
  ByteString out;
  ByteWriter(out).u8(3).u8(udp_token().bytes[0]).u16(20).zeros(16);
  return out;
}

// ---- Windows ----
inline ByteString rpc_datagram(unsigned type, const ByteString& body) {
  ByteString out;
  ByteWriter w(out, true);
  w.u8(4).u8(type).u8(8).u8(0).u8(0x10).u8(0).u8(0).u8(0).zeros(32).bytes(udp_token().bytes);
  w.u32(1)
      .u32(3)
      .u32(0)
      .u16(2)
      .u16(0xFFFF)
      .u16(0xFFFF)
      .u16(static_cast<unsigned>(body.size()))
      .u16(0)
      .u8(0)
      .u8(0)
      .bytes(body);
  return out;
}
inline ByteString sql_browser_reply() {
  constexpr std::string_view kText =
      "ServerName;EDGE7;InstanceName;PLANT;IsClustered;No;Version;15.0.2000.5;tcp;49172;;"
      "ServerName;EDGE7;InstanceName;TEST;IsClustered;No;Version;16.0.1000.6;np;\\\\EDGE7\\pipe\\sql;;";
  ByteString out;
  ByteWriter(out, true).u8(5).u16(kText.size()).bytes(bytes_of(kText));
  return out;
}
inline ByteString cldap_entry() {
  auto attribute = [](std::string_view type, std::string_view value) {
    return ber(0x30, joined({ber(0x04, type), ber(0x31, ber(0x04, value))}));
  };
  ByteString entry =
      ber(0x64, joined({ber(0x04, ""), ber(0x30, joined({attribute("dnsHostName", "dc1.plant.example"),
                                                         attribute("vendorName", "Samba Team")}))}));
  return ber(0x30, joined({ber_number((udp_token().u32() & 0x7FFFFFFF) | 1U), entry}));
}
inline ByteString kerberos_error(std::uint32_t code, bool echoes) {
  std::string realm = echoes ? "D" + app::hex_of(app::part(udp_token(), 0, 8)) + ".INVALID" : "PLANT.EXAMPLE";
  ByteString sname = ber(0x30, joined({ber(0xA0, ber_number(2)), ber(0xA1, ber(0x30, ber(0x1B, "krbtgt")))}));
  return ber(0x7E, ber(0x30, joined({ber(0xA0, ber_number(5)), ber(0xA1, ber_number(30)),
                                     ber(0xA4, ber(0x18, "20261123101500Z")), ber(0xA5, ber_number(12)),
                                     ber(0xA6, ber_number(code)), ber(0xA9, ber(0x1B, realm)), ber(0xAA, sname)})));
}
inline ByteString rdp_syn_ack() {
  ByteString out;
  ByteWriter(out).u32(udp_token().u32()).u16(64).u16(0x0005).u32(77).u16(1232).u16(1232).zeros(1216);
  return out;
}

// ---- tunnels ----
inline ByteString ike_reply(unsigned version, unsigned exchange, unsigned flags, unsigned next,
                            const ByteString& payloads, bool marker = false) {
  ByteString out;
  ByteWriter w(out);
  if (marker) w.u32(0);
  w.u64(udp_token().u64()).u64(0x1122334455667788).u8(next).u8(version << 4).u8(exchange).u8(flags).u32(0);
  w.u32(static_cast<std::uint32_t>(28 + payloads.size())).bytes(payloads);
  return out;
}
inline ByteString ike_payload(unsigned next, const ByteString& body) {
  ByteString out;
  ByteWriter(out).u8(next).u8(0).u16(static_cast<unsigned>(body.size() + 4)).bytes(body);
  return out;
}
inline ByteString openvpn_reset() {
  ByteString out;
  ByteWriter(out).u8(8 << 3).u64(0xA1A2A3A4A5A6A7A8).u8(1).u32(0).u64(udp_token().u64()).u32(0);
  return out;
}
inline ByteString wireguard_response() {
  ByteString out;
  ByteWriter(out, true).u8(2).zeros(3).u32(99).u32(udp_token().u32()).zeros(80);
  return out;
}
inline ByteString l2tp_reply() {
  ByteString avps, out;
  ByteWriter a(avps);
  auto avp = [&](unsigned type, const ByteString& value) {
    a.u16(0x8000U | static_cast<unsigned>(value.size() + 6)).u16(0).u16(type).bytes(value);
  };
  avp(0, {0, 2});
  avp(7, bytes_of("edge7"));
  avp(8, bytes_of("Example Networks"));
  avp(9, {0, 9});
  ByteWriter w(out);
  w.u16(0xC802)
      .u16(static_cast<unsigned>(avps.size() + 12))
      .u16(udp_token().u16() | 1U)
      .u16(0)
      .u16(0)
      .u16(1)
      .bytes(avps);
  return out;
}
inline ByteString quic_versions() {
  ByteString out;
  ByteWriter(out)
      .u8(0xCA)
      .u32(0)
      .u8(8)
      .bytes(app::part(udp_token(), 8, 8))
      .u8(8)
      .bytes(app::part(udp_token(), 0, 8))
      .u32(0x0A1A2A3A)
      .u32(1)
      .u32(0x6B3343CF);
  return out;
}
inline ByteString dtls_record(unsigned type, std::uint64_t sequence, const ByteString& content) {
  ByteString out;
  ByteWriter(out)
      .u8(type)
      .u16(0xFEFF)
      .u16(0)
      .u16(static_cast<unsigned>(sequence >> 32))
      .u32(static_cast<std::uint32_t>(sequence))
      .u16(static_cast<unsigned>(content.size()))
      .bytes(content);
  return out;
}
inline ByteString dtls_handshake(unsigned type, unsigned version, std::size_t more) {
  ByteString out;
  unsigned size = static_cast<unsigned>(more + 2);
  ByteWriter(out).u8(type).u8(0).u16(size).u16(0).u8(0).u16(0).u8(0).u16(size).u16(version).zeros(more);
  return out;
}

// ---- RPC ----
inline ByteString rpc_accepted(std::uint32_t status, const ByteString& results = {}) {
  ByteString out;
  ByteWriter(out).u32(udp_token().u32()).u32(1).u32(0).u32(0).u32(0).u32(status).bytes(results);
  return out;
}
inline ByteString rpc_denied(std::uint32_t why, std::uint32_t first) {
  ByteString out;
  ByteWriter(out).u32(udp_token().u32()).u32(1).u32(1).u32(why).u32(first).u32(2);
  return out;
}
inline ByteString number(std::uint32_t value) {
  ByteString out;
  ByteWriter(out).u32(value);
  return out;
}

// ---- voice, things, small ones ----
inline ByteString sip_reply(std::string_view status, std::string_view server) {
  return bytes_of(fmt::format(
      "SIP/2.0 {}\r\nVia: SIP/2.0/UDP demarc.invalid;rport=5\r\nCall-Id: {}\r\n{}Content-Length: 0\r\n\r\n", status,
      app::hex_of(udp_token().bytes), server));
}
inline ByteString stun_reply(unsigned type) {
  ByteString attributes, out;
  constexpr std::string_view kSoftware = "Coturn-4.6.1 'Gorst'";
  ByteWriter(attributes).u16(0x0020).u16(8).u64(0).u16(0x8022).u16(kSoftware.size()).bytes(bytes_of(kSoftware));
  ByteWriter(out)
      .u16(type)
      .u16(static_cast<unsigned>(attributes.size()))
      .u32(0x2112A442)
      .bytes(app::part(udp_token(), 0, 12))
      .bytes(attributes);
  return out;
}
inline ByteString coap_reply() {
  ByteString out;
  ByteWriter(out)
      .u8(0x68)
      .u8(0x45)
      .u16(udp_token().u16(8))
      .bytes(app::part(udp_token(), 0, 8))
      .u8(0xC1)
      .u8(0x28)
      .u8(0xFF)
      .bytes(bytes_of("</>;title=\"plant\""));
  return out;
}
inline ByteString coap_reset() {
  ByteString out;
  ByteWriter(out).u8(0x70).u8(0).u16(udp_token().u16(8));
  return out;
}
inline ByteString tftp_error(unsigned code, std::string_view text) {
  ByteString out;
  ByteWriter(out).u16(5).u16(code).bytes(bytes_of(text)).u8(0);
  return out;
}
inline ByteString tftp_data() {
  ByteString out;
  ByteWriter(out).u16(3).u16(1).bytes(bytes_of("a file"));
  return out;
}
inline ByteString memcached_reply(std::string_view text) {
  ByteString out;
  ByteWriter(out).u16(udp_token().u16()).u16(0).u16(1).u16(0).bytes(bytes_of(text));
  return out;
}
inline ByteString xdmcp_willing() {
  ByteString out;
  constexpr std::string_view kHost = "edge7", kStatus = "0 users";
  ByteWriter(out)
      .u16(1)
      .u16(5)
      .u16(2 + 2 + kHost.size() + 2 + kStatus.size())
      .u16(0)
      .u16(kHost.size())
      .bytes(bytes_of(kHost))
      .u16(kStatus.size())
      .bytes(bytes_of(kStatus));
  return out;
}

}  // namespace udp

inline std::vector<UdpReply> udp_replies() {
  using namespace udp;
  const ByteString net_snmp = {0x80, 0, 0x1F, 0x88, 0x80, 1, 2, 3, 4};
  const ByteString net_snmp_linux = {0x2B, 6, 1, 4, 1, 0xBF, 8, 3, 2, 10};
  const ByteString cisco = {0x2B, 6, 1, 4, 1, 9, 1, 1};
  const ByteString no_proposal_v2 = ike_payload(0, {0, 0, 0, 14}),
                   no_proposal_v1 = ike_payload(0, {0, 0, 0, 1, 1, 0, 0, 14});
  const std::string absent = "demarc-" + app::hex_of(app::part(udp_token(), 0, 8));
  std::uint64_t sequence = udp_token().u64() >> 17;
  return {
      {"udp_dns_version", "dns-version-bind",
       dns_reply("dns-version-bind", 0x0400, 1, record(16, 3, dns_text("dnsmasq-2.90"))), 27, "dns", "dnsmasq",
       "2.90", "NOERROR"},
      {"udp_dns_bind", "dns-version-bind",
       dns_reply("dns-version-bind", 0x0400, 1, record(16, 3, dns_text("9.18.24-1-Debian"))), 27, "dns", "",
       "9.18.24-1-Debian", "NOERROR"},
      {"udp_dns_notimp", "dns-version-bind", dns_reply("dns-version-bind", 4), 27, "dns", "", "", "NOTIMP"},
      {"udp_dns_formerr", "dns-version-bind", dns_format_error(), 16, "dns", "", "", "FORMERR"},
      {"udp_dns_refused", "dns-query", dns_reply("dns-query", 5), 112, "dns", "", "", "REFUSED"},
      {"udp_mdns", "mdns-services", mdns_reply(), 16, "mdns", "", "", "services _http._tcp.local"},
      {"udp_llmnr", "llmnr-query", dns_reply("llmnr-query", 0), 80, "llmnr", "", "", "NOERROR"},
      {"udp_nbstat", "netbios-nbstat",
       nbstat_reply({{"EDGE7", 0, false}, {"PLANT", 0, true}, {"EDGE7", 0x20, false}}), 16, "netbios-ns", "", "",
       "host EDGE7, domain PLANT, MAC 02:00:5e:10:00:0b"},
      {"udp_nbstat_dc", "netbios-nbstat", nbstat_reply({{"DC1", 0x20, false}, {"PLANT", 0x1C, true}}), 16,
       "netbios-ns", "", "", "host DC1, domain PLANT (domain controller)"},
      {"udp_ntp", "ntp-client", ntp_reply(3, "\x0A\x01\x01\x01"), 64, "ntp", "", "", "NTP version 4, stratum 3"},
      {"udp_ntp_kiss", "ntp-client", ntp_reply(0, "RATE"), 64, "ntp", "", "", "stratum 0, RATE"},
      {"udp_ntp_control", "ntp-control", ntp_control_reply("version=\"ntpd 4.2.8p15@1.3728-o\""), 16, "ntp", "ntpd",
       "4.2.8p15", "control"},
      {"udp_ntp_control_error", "ntp-control", ntp_control_reply("", true), 16, "ntp", "", "", "refused"},
      {"udp_snmp_v3", "snmp-v3-engine", snmp_report(net_snmp), 60, "snmp", "Net-SNMP", "SNMPv3",
       "report, engine 80001f888001020304, boots 7, up 3600 s"},
      {"udp_snmp_v2c", "snmp-v2c-public", snmp_reply(1, 0, "a router", net_snmp_linux), 30, "snmp", "Net-SNMP",
       "SNMPv2c", "community public: a router"},
      {"udp_snmp_v1", "snmp-v1-public", snmp_reply(0, 2, "", cisco), 30, "snmp", "Cisco", "SNMPv1", "noSuchName"},
      {"udp_ipmi", "ipmi-auth-capabilities", ipmi_reply(), 6, "ipmi", "", "IPMI 2.0",
       "MD5 password, anonymous login"},
      {"udp_asf", "asf-presence-ping", asf_pong(), 7, "ipmi", "Dell", "", "presence pong, IPMI"},
      {"udp_radius", "radius-status", radius_reject(), 8, "radius", "", "", "code 3"},
      {"udp_msrpc", "msrpc-endpoint-mapper", rpc_datagram(2, ByteString(40, 0)), 128, "msrpc", "", "",
       "connectionless response"},
      {"udp_msrpc_reject", "msrpc-endpoint-mapper", rpc_datagram(6, {0x03, 0, 0x01, 0x1C}), 128, "msrpc", "", "",
       "connectionless reject 0x1c010003"},
      {"udp_sql_browser", "sql-browser", sql_browser_reply(), 0, "mssql-browser", "Microsoft SQL Server",
       "15.0.2000.5", "InstanceName PLANT, tcp 49172, ServerName EDGE7, InstanceName TEST"},
      {"udp_cldap", "cldap-root-dse", cldap_entry(), 30, "ldap", "Samba Team", "", "dnsHostName dc1.plant.example"},
      {"udp_kerberos", "kerberos-as-req", kerberos_error(68, true), 64, "kerberos", "", "",
       "KDC_ERR_WRONG_REALM, server time 20261123101500Z"},
      {"udp_kerberos_own", "kerberos-as-req", kerberos_error(6, false), 0, "kerberos", "", "",
       "realm PLANT.EXAMPLE"},
      {"udp_rdp", "rdp-udp-syn", rdp_syn_ack(), 32, "rdp", "", "", "SYN+ACK"},
      {"udp_ike_v2", "ike-v2-init", ike_reply(2, 34, 0x20, 41, no_proposal_v2), 64, "ike", "", "IKEv2",
       "no proposal chosen"},
      {"udp_ike_v2_nat", "ike-v2-init-nat", ike_reply(2, 34, 0x20, 41, ike_payload(0, {0, 0, 0, 17, 0, 2}), true),
       64, "ike", "", "IKEv2", "another key exchange group wanted"},
      {"udp_ike_v1", "ike-v1-main", ike_reply(1, 5, 0, 11, no_proposal_v1), 64, "ike", "", "IKEv1",
       "informational, no proposal chosen"},
      {"udp_ike_v1_vendor", "ike-v1-main",
       ike_reply(1, 2, 0, 1,
                 joined({ike_payload(13, ByteString(48, 1)),
                         ike_payload(0, {0x40, 0x48, 0xB7, 0xD5, 0x6E, 0xBC, 0xE8, 0x85, 1})})),
       64, "ike", "Cisco IOS", "IKEv1", "main mode"},
      {"udp_ike_v1_nat", "ike-v1-main-nat", ike_reply(1, 5, 0, 11, no_proposal_v1, true), 64, "ike", "", "IKEv1",
       "no proposal chosen"},
      {"udp_openvpn", "openvpn-reset", openvpn_reset(), 64, "openvpn", "", "", "hard reset"},
      {"udp_wireguard", "wireguard-initiation", wireguard_response(), 32, "wireguard", "", "",
       "handshake response"},
      {"udp_l2tp", "l2tp-start", l2tp_reply(), 15, "l2tp", "Example Networks", "", "connection reply, host edge7"},
      {"udp_quic", "quic-version", quic_versions(), 128, "quic", "", "QUIC 1", "version negotiation: 1, 2"},
      {"udp_dtls_verify", "dtls-client-hello", dtls_record(22, sequence, dtls_handshake(3, 0xFEFF, 21)), 47, "dtls",
       "", "", "HelloVerifyRequest"},
      {"udp_dtls_hello", "dtls-client-hello", dtls_record(22, 0, dtls_handshake(2, 0xFEFD, 40)), 0, "dtls", "",
       "DTLS 1.2", "ServerHello"},
      {"udp_dtls_alert", "dtls-client-hello", dtls_record(21, 1, {2, 40}), 0, "dtls", "", "", "alert 40"},
      {"udp_rpcbind", "rpcbind-null", rpc_accepted(0), 32, "rpcbind", "", "", "success"},
      {"udp_rpcbind_mountd", "rpcbind-mountd", rpc_accepted(0, number(20048)), 32, "rpcbind", "", "",
       "mountd on UDP 20048"},
      {"udp_rpcbind_none", "rpcbind-mountd", rpc_accepted(0, number(0)), 32, "rpcbind", "", "", "no mountd"},
      {"udp_nfs", "nfs-null", rpc_accepted(2, joined({number(4), number(4)})), 32, "nfs", "", "",
       "another version, 4 to 4"},
      {"udp_mountd", "mountd-null", rpc_accepted(0), 32, "mountd", "", "", "success"},
      {"udp_rpc_other", "rpcbind-null", rpc_accepted(1), 32, "onc-rpc", "", "", "no such program"},
      {"udp_rpc_denied", "nfs-null", rpc_denied(1, 5), 32, "onc-rpc", "", "", "denied: authentication 5"},
      {"udp_sip", "sip-options", sip_reply("483 Too Many Hops", "Server: Example-PBX/13.0.1 (linux)\r\n"), 128,
       "sip", "Example-PBX", "13.0.1", "SIP/2.0 483 Too Many Hops"},
      {"udp_sip_words", "sip-options", sip_reply("200 OK", "User-Agent: kamailio (5.6.3 (x86_64/linux))\r\n"), 128,
       "sip", "kamailio", "5.6.3", "SIP/2.0 200 OK"},
      {"udp_stun", "stun-binding", stun_reply(0x0101), 96, "stun", "Coturn", "4.6.1", "binding response"},
      {"udp_ssdp", "ssdp-search",
       bytes_of("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: uuid:1::upnp:rootdevice\r\nLocation: "
                "http://192.0.2.1:5000/x\r\nServer: Debian/12 UPnP/1.1 MiniUPnPd/2.3.1\r\n\r\n"),
       0, "ssdp", "MiniUPnPd", "2.3.1", "uuid:1::upnp:rootdevice at http://192.0.2.1:5000/x"},
      {"udp_coap", "coap-well-known", coap_reply(), 80, "coap", "", "", "2.05 </>;title"},
      {"udp_coap_reset", "coap-well-known", coap_reset(), 16, "coap", "", "", "reset"},
      {"udp_tftp", "tftp-read", tftp_error(1, "File not found"), 0, "tftp", "", "", "error 1: File not found"},
      {"udp_tftp_name", "tftp-read", tftp_error(1, "no " + absent), 64, "tftp", "", "", absent},
      {"udp_tftp_data", "tftp-read", tftp_data(), 0, "tftp", "", "", "data"},
      {"udp_memcached", "memcached-udp-version", memcached_reply("VERSION 1.6.18\r\n"), 16, "memcached",
       "memcached", "1.6.18", "VERSION 1.6.18"},
      {"udp_xdmcp", "xdmcp-query", xdmcp_willing(), 0, "xdmcp", "", "", "willing: host edge7, 0 users"},
      {"udp_echo", "echo", asked("echo"), 128, "echo", "", "", "our own bytes"},
      {"udp_daytime", "daytime", bytes_of("Monday, November 23, 2026 10:15:00-UTC\r\n"), 0, "daytime", "", "",
       "November 23"},
      {"udp_quote", "quote", bytes_of("Trust, but verify.\r\n"), 0, "qotd", "", "", "Trust"},
      {"udp_chargen", "chargen", bytes_of(" !\"#$%&'()*+,-./0123456789\r\n"), 0, "chargen", "", "", "0123456789"},
      {"udp_time", "time", number(0xEC3B0001), 0, "time", "", "", "3963289601 s since 1900"},
      {"udp_anything", "empty", {1, 2, 3}, 0, "unknown", "", "", "\\x01\\x02\\x03"},
  };
}

}  // namespace demarc::test
