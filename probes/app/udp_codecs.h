// The requests and readers behind the rows of udp_probes.cpp, one file for each family. A reader may see any bytes
// at all. It says "answer" only to what its protocol must say; where somebody asked and the part of the token that
// every server returns is wrong, the datagram is a stranger's and no answer.
#pragma once

#include <string>
#include <string_view>

#include "probes/app/codecs.h"
#include "probes/app/udp_probe.h"

namespace demarc::app {

// udp_names.cpp: DNS and its relatives
ByteString udp_dns_version_bind(const Token& token);
UdpHeard read_udp_dns_version_bind(Bytes reply, const Token& token);
ByteString udp_dns_query(const Token& token);
UdpHeard read_udp_dns_query(Bytes reply, const Token& token);
ByteString udp_mdns(const Token& token);
UdpHeard read_udp_mdns(Bytes reply, const Token& token);
ByteString udp_llmnr(const Token& token);
UdpHeard read_udp_llmnr(Bytes reply, const Token& token);
ByteString udp_nbstat(const Token& token);
UdpHeard read_udp_nbstat(Bytes reply, const Token& token);

// udp_management.cpp: clocks and management
ByteString udp_ntp(const Token& token);
UdpHeard read_udp_ntp(Bytes reply, const Token& token);
ByteString udp_ntp_control(const Token& token);
UdpHeard read_udp_ntp_control(Bytes reply, const Token& token);
ByteString udp_snmp_v1(const Token& token);
ByteString udp_snmp_v2c(const Token& token);
UdpHeard read_udp_snmp_community(Bytes reply, const Token& token);
ByteString udp_snmp_v3(const Token& token);
UdpHeard read_udp_snmp_v3(Bytes reply, const Token& token);
ByteString udp_ipmi_capabilities(const Token& token);
UdpHeard read_udp_ipmi_capabilities(Bytes reply, const Token& token);
ByteString udp_asf_ping(const Token& token);
UdpHeard read_udp_asf_ping(Bytes reply, const Token& token);
ByteString udp_radius_status(const Token& token);
UdpHeard read_udp_radius_status(Bytes reply, const Token& token);

// udp_windows.cpp: what a Windows host or a domain controller is asked
ByteString udp_endpoint_mapper(const Token& token);
UdpHeard read_udp_endpoint_mapper(Bytes reply, const Token& token);
ByteString udp_sql_browser(const Token& token);
UdpHeard read_udp_sql_browser(Bytes reply, const Token& token);
ByteString udp_cldap(const Token& token);
UdpHeard read_udp_cldap(Bytes reply, const Token& token);
ByteString udp_kerberos(const Token& token);
UdpHeard read_udp_kerberos(Bytes reply, const Token& token);
ByteString udp_rdp(const Token& token);
UdpHeard read_udp_rdp(Bytes reply, const Token& token);

// udp_tunnels.cpp: VPNs and encrypted transports
ByteString udp_ike_v1(const Token& token);
ByteString udp_ike_v1_nat(const Token& token);
UdpHeard read_udp_ike_v1(Bytes reply, const Token& token);
ByteString udp_ike_v2(const Token& token);
ByteString udp_ike_v2_nat(const Token& token);
UdpHeard read_udp_ike_v2(Bytes reply, const Token& token);
ByteString udp_openvpn(const Token& token);
UdpHeard read_udp_openvpn(Bytes reply, const Token& token);
ByteString udp_wireguard(const Token& token);
UdpHeard read_udp_wireguard(Bytes reply, const Token& token);
ByteString udp_l2tp(const Token& token);
UdpHeard read_udp_l2tp(Bytes reply, const Token& token);
ByteString udp_quic(const Token& token);
UdpHeard read_udp_quic(Bytes reply, const Token& token);
ByteString udp_dtls(const Token& token);
UdpHeard read_udp_dtls(Bytes reply, const Token& token);

// udp_rpc.cpp: ONC RPC
ByteString udp_rpcbind_null(const Token& token);
UdpHeard read_udp_rpcbind_null(Bytes reply, const Token& token);
ByteString udp_rpcbind_mountd(const Token& token);
UdpHeard read_udp_rpcbind_mountd(Bytes reply, const Token& token);
ByteString udp_nfs_null(const Token& token);
UdpHeard read_udp_nfs_null(Bytes reply, const Token& token);
ByteString udp_mountd_null(const Token& token);
UdpHeard read_udp_mountd_null(Bytes reply, const Token& token);

// udp_voice.cpp: calls, and the devices of a home
ByteString udp_sip_options(const Token& token);
UdpHeard read_udp_sip_options(Bytes reply, const Token& token);
ByteString udp_stun(const Token& token);
UdpHeard read_udp_stun(Bytes reply, const Token& token);
ByteString udp_ssdp(const Token& token);
UdpHeard read_udp_ssdp(Bytes reply, const Token& token);
ByteString udp_coap(const Token& token);
UdpHeard read_udp_coap(Bytes reply, const Token& token);

// udp_small.cpp: files, caches, displays and the small services of old
ByteString udp_tftp(const Token& token);
UdpHeard read_udp_tftp(Bytes reply, const Token& token);
ByteString udp_memcached(const Token& token);
UdpHeard read_udp_memcached(Bytes reply, const Token& token);
ByteString udp_xdmcp(const Token& token);
UdpHeard read_udp_xdmcp(Bytes reply, const Token& token);
ByteString udp_echo(const Token& token);
UdpHeard read_udp_echo(Bytes reply, const Token& token);
ByteString udp_nothing(const Token& token);
UdpHeard read_udp_daytime(Bytes reply, const Token& token);
UdpHeard read_udp_time(Bytes reply, const Token& token);
UdpHeard read_udp_quote(Bytes reply, const Token& token);
UdpHeard read_udp_chargen(Bytes reply, const Token& token);
UdpHeard read_udp_anything(Bytes reply, const Token& token);
UdpHeard read_udp_silence(Bytes reply, const Token& token);

// Shared by them.

inline bool was_asked(const Token& token) { return token.bytes != kNobodyAsked.bytes; }
/// What every server must return: false, if somebody asked and it is something else.
inline bool must_return(const Token& token, bool equal, unsigned bits, UdpHeard& heard) {
  if (!was_asked(token)) return true;
  if (equal) heard.token_bits += bits;
  return equal;
}
/// What a server may return.
inline void may_return(const Token& token, bool equal, unsigned bits, UdpHeard& heard) {
  if (was_asked(token) && equal) heard.token_bits += bits;
}
inline UdpHeard& is_answer(UdpHeard& heard, std::string_view service, std::string evidence) {
  heard.is_answer = true;
  heard.seen.emplace();
  heard.seen->name = service;
  heard.seen->evidence = std::move(evidence);
  return heard;
}
inline std::string hex_of(Bytes bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}
inline bool same(Bytes a, Bytes b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }
inline Bytes part(const Token& token, std::size_t at, std::size_t size) {
  return Bytes(token.bytes).subspan(at, size);
}

}  // namespace demarc::app
