// The readers behind the rows of overheard.cpp. Each may see any bytes at all.
#pragma once

#include <optional>

#include "probes/app/codecs.h"

namespace demarc::app {

using Seen = std::optional<ServiceSeen>;

// overheard_text.cpp: questions in lines
Seen hear_ssh(Bytes first);
Seen hear_http(Bytes first);
Seen hear_rtsp(Bytes first);
Seen hear_sip(Bytes first);
Seen hear_smtp(Bytes first);
Seen hear_ftp(Bytes first);
Seen hear_ftp_after_greeting(Bytes first);
Seen hear_pop3(Bytes first);
Seen hear_imap(Bytes first);
Seen hear_nntp(Bytes first);
Seen hear_irc(Bytes first);
Seen hear_redis(Bytes first);
Seen hear_memcached(Bytes first);
Seen hear_zookeeper(Bytes first);
Seen hear_git(Bytes first);
Seen hear_rsync(Bytes first);
Seen hear_vnc(Bytes first);
Seen hear_telnet(Bytes first);
Seen hear_ssdp(Bytes first);

// overheard_tcp.cpp: questions in bytes, and answers to others' questions
Seen hear_tls(Bytes first);
Seen hear_smb(Bytes first);
Seen hear_netbios_session(Bytes first);
Seen hear_rdp(Bytes first);
Seen hear_msrpc(Bytes first);
Seen hear_ldap(Bytes first);
Seen hear_ldap_answer(Bytes first);
Seen hear_mssql(Bytes first);
Seen hear_postgresql(Bytes first);
Seen hear_postgresql_answer(Bytes first);
Seen hear_mongodb(Bytes first);
Seen hear_mongodb_answer(Bytes first);
Seen hear_cassandra(Bytes first);
Seen hear_oracle(Bytes first);
Seen hear_socks(Bytes first);
Seen hear_amqp(Bytes first);
Seen hear_mqtt(Bytes first);
Seen hear_kafka(Bytes first);
Seen hear_ajp(Bytes first);
Seen hear_rmi(Bytes first);
Seen hear_x11(Bytes first);
Seen hear_dns_stream(Bytes first);
Seen hear_dns_stream_answer(Bytes first);
Seen hear_kerberos_stream(Bytes first);
Seen hear_kerberos_stream_answer(Bytes first);
Seen hear_rpc_stream(Bytes first);
Seen hear_rpc_stream_answer(Bytes first);

// overheard_udp.cpp
Seen hear_netbios_ns(Bytes first);
Seen hear_mdns(Bytes first);
Seen hear_dns(Bytes first);
Seen hear_ntp(Bytes first);
Seen hear_snmp(Bytes first);
Seen hear_tftp(Bytes first);
Seen hear_ike(Bytes first);
Seen hear_rpc(Bytes first);
Seen hear_quic(Bytes first);
Seen hear_dtls(Bytes first);
Seen hear_stun(Bytes first);
Seen hear_ipmi(Bytes first);
Seen hear_openvpn(Bytes first);
Seen hear_l2tp(Bytes first);
Seen hear_xdmcp(Bytes first);
Seen hear_cldap(Bytes first);
Seen hear_kerberos(Bytes first);
Seen hear_memcached_datagram(Bytes first);
Seen hear_wireguard(Bytes first);
Seen hear_radius(Bytes first);

// Shared by them.
inline ServiceSeen speaks(std::string_view name, std::string evidence) {
  ServiceSeen seen;
  seen.name = name;
  seen.evidence = std::move(evidence);
  return seen;
}
/// A question of one DNS message, without its length.
bool is_dns_query(Bytes message);
/// The program of an ONC RPC call (RFC 5531 §9) by the name that rule sets use.
Seen hear_rpc_call(Bytes message);
/// A Kerberos message (RFC 4120 §5.10) by its application tag.
Seen hear_kerberos_message(Bytes message, bool answer);

}  // namespace demarc::app
