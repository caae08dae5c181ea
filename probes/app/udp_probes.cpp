#include "probes/app/udp_probe.h"

#include <algorithm>
#include <bit>
#include <iterator>

#include "probes/app/udp_codecs.h"

namespace demarc {

namespace {

using namespace app;

constexpr PortRange p(std::uint16_t port) { return PortRange::single(Port{port}); }
constexpr PortRange p(std::uint16_t first, std::uint16_t last) { return {Port{first}, Port{last}}; }

constexpr PortRange kEcho[] = {p(7)}, kDiscard[] = {p(9)}, kDaytime[] = {p(13)}, kQuote[] = {p(17)},
                    kChargen[] = {p(19)}, kTime[] = {p(37)}, kDns[] = {p(53)}, kDhcp[] = {p(67, 68), p(546, 547)},
                    kTftp[] = {p(69)}, kKerberos[] = {p(88)}, kRpcbind[] = {p(111)}, kNtp[] = {p(123)},
                    kMsrpc[] = {p(135)}, kNetbiosNs[] = {p(137)}, kNetbiosDatagram[] = {p(138)}, kSnmp[] = {p(161)},
                    kTrap[] = {p(162)}, kXdmcp[] = {p(177)}, kCldap[] = {p(389)},
                    kQuic[] = {p(80), p(443), p(784), p(853), p(4433), p(8443)}, kIke[] = {p(500)},
                    kSyslog[] = {p(514)}, kIpmi[] = {p(623), p(664)},
                    kDtls[] = {p(443),  p(853),        p(2083), p(2221), p(3391), p(4433),
                               p(5061), p(5246, 5247), p(5349), p(5684), p(10161)},
                    kOpenvpn[] = {p(1194)}, kSqlBrowser[] = {p(1434)}, kL2tp[] = {p(1701)},
                    kRadius[] = {p(1645, 1646), p(1812, 1813)}, kSsdp[] = {p(1900)}, kNfs[] = {p(2049)},
                    kFlows[] = {p(2055), p(4739), p(6343), p(9995, 9996)}, kRdp[] = {p(3389)},
                    kStun[] = {p(3478), p(19302)}, kIkeNat[] = {p(4500)}, kTunnels[] = {p(4789), p(6081)},
                    kSip[] = {p(5060)}, kMdns[] = {p(5353)}, kLlmnr[] = {p(5355)}, kCoap[] = {p(5683)},
                    kMountd[] = {p(20048)}, kMemcached[] = {p(11211)}, kWireguard[] = {p(51820)},
                    kFragile[] = {p(102),   p(502),          p(515),        p(1089, 1091),
                                  p(2222),  p(5094),         p(9100, 9107), p(18245, 18246),
                                  p(20000), p(34962, 34964), p(44818),      p(47808, 47823)};

// For one port the rows are asked in this order: what names the product comes before what only proves. For a reply
// to another question they are read in this order: who has more form comes before whom it resembles.
// The questions without an answer are there to be named: their ports are asked once, and silence proves nothing.
constexpr UdpProbe kProbes[] = {
    {"netbios-nbstat", kNetbiosNs, udp_nbstat, read_udp_nbstat, false, "RFC 1002 §4.2.17"},
    {"mdns-services", kMdns, udp_mdns, read_udp_mdns, false, "RFC 6762 §6.7, RFC 6763 §9"},
    {"dns-version-bind", kDns, udp_dns_version_bind, read_udp_dns_version_bind, false, "RFC 4892 §2"},
    {"dns-query", kDns, udp_dns_query, read_udp_dns_query, false, "RFC 1035 §4.1, RFC 6761 §6.4"},
    {"ntp-client", kNtp, udp_ntp, read_udp_ntp, false, "RFC 5905 §7.3"},
    {"ntp-control", kNtp, udp_ntp_control, read_udp_ntp_control, false, "RFC 9327 §3"},
    {"snmp-v3-engine", kSnmp, udp_snmp_v3, read_udp_snmp_v3, false, "RFC 3414 §4"},
    {"snmp-v2c-public", kSnmp, udp_snmp_v2c, read_udp_snmp_community, false, "RFC 3416 §4.2.1"},
    {"snmp-v1-public", kSnmp, udp_snmp_v1, read_udp_snmp_community, false, "RFC 1157 §4.1.2"},
    {"msrpc-endpoint-mapper", kMsrpc, udp_endpoint_mapper, read_udp_endpoint_mapper, false,
     "C706 §12.5, appendix O"},
    {"sql-browser", kSqlBrowser, udp_sql_browser, read_udp_sql_browser, false, "MC-SQLR §2.2.2"},
    {"cldap-root-dse", kCldap, udp_cldap, read_udp_cldap, false, "RFC 1798, MS-ADTS §3.1.1.3"},
    {"kerberos-as-req", kKerberos, udp_kerberos, read_udp_kerberos, false, "RFC 4120 §5.4.1, §5.9.1"},
    {"tftp-read", kTftp, udp_tftp, read_udp_tftp, true, "RFC 1350 §4, §5"},
    {"ike-v2-init", kIke, udp_ike_v2, read_udp_ike_v2, false, "RFC 7296 §1.2"},
    {"ike-v1-main", kIke, udp_ike_v1, read_udp_ike_v1, false, "RFC 2409 §5"},
    {"ike-v2-init-nat", kIkeNat, udp_ike_v2_nat, read_udp_ike_v2, false, "RFC 7296 §2.23, RFC 3948 §2.2"},
    {"ike-v1-main-nat", kIkeNat, udp_ike_v1_nat, read_udp_ike_v1, false, "RFC 3947, RFC 3948 §2.2"},
    {"rpcbind-mountd", kRpcbind, udp_rpcbind_mountd, read_udp_rpcbind_mountd, false, "RFC 1833 §3.2"},
    {"rpcbind-null", kRpcbind, udp_rpcbind_null, read_udp_rpcbind_null, false, "RFC 5531 §9"},
    {"nfs-null", kNfs, udp_nfs_null, read_udp_nfs_null, false, "RFC 1813 §3.3.0"},
    {"mountd-null", kMountd, udp_mountd_null, read_udp_mountd_null, false, "RFC 1813 §5.2.0"},
    {"sip-options", kSip, udp_sip_options, read_udp_sip_options, false, "RFC 3261 §11"},
    {"ssdp-search", kSsdp, udp_ssdp, read_udp_ssdp, false, "UPnP Device Architecture 1.1 §1.3"},
    {"memcached-udp-version", kMemcached, udp_memcached, read_udp_memcached, false, "memcached, doc/protocol.txt"},
    {"quic-version", kQuic, udp_quic, read_udp_quic, false, "RFC 9000 §6, RFC 8999"},
    {"dtls-client-hello", kDtls, udp_dtls, read_udp_dtls, false, "RFC 6347 §4.2.1"},
    {"stun-binding", kStun, udp_stun, read_udp_stun, false, "RFC 8489 §6"},
    {"ipmi-auth-capabilities", kIpmi, udp_ipmi_capabilities, read_udp_ipmi_capabilities, false, "IPMI 2.0 §22.13"},
    {"asf-presence-ping", kIpmi, udp_asf_ping, read_udp_asf_ping, false, "ASF 2.0 §3.2.4.2"},
    {"openvpn-reset", kOpenvpn, udp_openvpn, read_udp_openvpn, false,
     "OpenVPN wire protocol, HARD_RESET_CLIENT_V2"},
    {"l2tp-start", kL2tp, udp_l2tp, read_udp_l2tp, false, "RFC 2661 §6.1"},
    {"rdp-udp-syn", kRdp, udp_rdp, read_udp_rdp, false, "MS-RDPEUDP §3.1.5.1.1"},
    {"xdmcp-query", kXdmcp, udp_xdmcp, read_udp_xdmcp, false, "XDMCP 1.1 §4"},
    {"coap-well-known", kCoap, udp_coap, read_udp_coap, false, "RFC 7252 §7.2, RFC 6690 §4"},
    {"echo", kEcho, udp_echo, read_udp_echo, false, "RFC 862"},
    {"daytime", kDaytime, udp_nothing, read_udp_daytime, false, "RFC 867"},
    {"quote", kQuote, udp_nothing, read_udp_quote, false, "RFC 865"},
    {"chargen", kChargen, udp_nothing, read_udp_chargen, false, "RFC 864"},
    {"time", kTime, udp_nothing, read_udp_time, false, "RFC 868"},
    {"empty", {}, udp_nothing, read_udp_anything, false, "RFC 768"},
    // From here on: no answer, whatever is asked.
    {"llmnr-query", kLlmnr, udp_llmnr, read_udp_llmnr, false, "RFC 4795 §2.3: for its own names only", false},
    {"radius-status", kRadius, udp_radius_status, read_udp_radius_status, false,
     "RFC 5997 §4.2: with the secret only", false},
    {"wireguard-initiation", kWireguard, udp_wireguard, read_udp_wireguard, false,
     "WireGuard §5.1: to known peers only", false},
    {"syslog", kSyslog, udp_nothing, read_udp_silence, false, "RFC 5426 §3: one way; a line would be a write",
     false},
    {"snmp-trap", kTrap, udp_nothing, read_udp_silence, false, "RFC 3416 §4.2.6: one way", false},
    {"netbios-datagram", kNetbiosDatagram, udp_nothing, read_udp_silence, false, "RFC 1002 §5.3: one way", false},
    {"discard", kDiscard, udp_nothing, read_udp_silence, false, "RFC 863: one way", false},
    {"dhcp", kDhcp, udp_nothing, read_udp_silence, false, "RFC 2131 §4.1: an address would be asked for", false},
    {"flow-export", kFlows, udp_nothing, read_udp_silence, false, "RFC 7011 §10.3: one way", false},
    {"overlay-tunnel", kTunnels, udp_nothing, read_udp_silence, false, "RFC 7348 §4, RFC 8926 §3: one way", false},
    // Control systems and printers print, switch or stop on bytes that they do not know (as rules/policy/scope.h
    // has it for TCP): BACnet, EtherNet/IP, PROFINET, HART-IP, Foundation Fieldbus, GE-SRTP, and the others on
    // both.
    {"fragile", kFragile, udp_nothing, read_udp_anything, false, "no bytes are sent there", false},
};

/// What a port that no row names is asked: many servers answer to anything; DNS and SNMP agents are the ones most
/// often moved; every ONC RPC program, whose ports are chosen at run time, answers a call for another program.
constexpr std::string_view kGeneric[] = {"empty", "dns-version-bind", "snmp-v3-engine", "rpcbind-null"};

/// How many bits of the token a question carries.
unsigned bits_in(const UdpProbe& probe, const Token& token) {
  Token other = token;
  for (std::uint8_t& byte : other.bytes) byte = static_cast<std::uint8_t>(~byte);
  ByteString one = probe.request(token), two = probe.request(other);
  unsigned bits = 0;
  for (std::size_t i = 0; i < std::min(one.size(), two.size()); ++i)
    bits += static_cast<unsigned>(std::popcount(static_cast<std::uint8_t>(one[i] ^ two[i])));
  return std::min(bits, 128U);
}

}  // namespace

std::span<const UdpProbe> udp_probes() { return kProbes; }

const UdpProbe* find_udp_probe(std::string_view name) {
  auto found = std::find_if(std::begin(kProbes), std::end(kProbes),
                            [&](const UdpProbe& probe) { return probe.name == name; });
  return found == std::end(kProbes) ? nullptr : found;
}

std::vector<const UdpProbe*> udp_probes_for(Port port) {
  std::vector<const UdpProbe*> probes;
  for (const UdpProbe& probe : kProbes)
    if (std::any_of(probe.ports.begin(), probe.ports.end(), [&](const PortRange& r) { return r.contains(port); }))
      probes.push_back(&probe);
  if (probes.empty())
    for (std::string_view name : kGeneric) probes.push_back(find_udp_probe(name));
  return probes;
}

UdpHeard recognise_udp(Bytes reply, const UdpProbe& asked, const Token& token) {
  if (reply.empty()) return {};
  reply = reply.first(std::min(reply.size(), kReplyMax));
  UdpHeard heard = asked.read(reply, token);
  if (heard.is_answer && heard.seen && heard.seen->name != kUnknownService) return heard;
  // The right protocol with the wrong token is a stranger's, and nobody else shall take it for his.
  if (!heard.is_answer && asked.read(reply, kNobodyAsked).is_answer) return {};
  // Our own question, sent back, proves that it arrived as well as its answer would.
  ByteString question = asked.request(token);
  if (question.size() == reply.size() && same(question, reply)) {
    UdpHeard echo;
    echo.token_bits = bits_in(asked, token);
    return is_answer(echo, "echo", "our own question");
  }
  for (const UdpProbe& probe : kProbes) {
    if (probe.read == asked.read) continue;  // it has judged already
    UdpHeard other = probe.read(reply, kNobodyAsked);
    if (other.is_answer) return other;
  }
  if (heard.is_answer) return heard;
  heard = UdpHeard{};
  heard.seen.emplace();
  heard.seen->name = kUnknownService;
  heard.seen->evidence = evidence_of(reply);
  return heard;
}

}  // namespace demarc
