#include "probes/app/overheard.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "probes/app/overheard_codecs.h"
#include "probes/app/udp_probe.h"

namespace demarc {

namespace {

using namespace app;

constexpr bool kClient = false, kServer = true;

// Who has more form comes before whom it resembles.
constexpr OverheardForm kForms[] = {
    {"ssh-version", Protocol::tcp, kClient, hear_ssh, "RFC 4253 §4.2"},
    {"tls-client-hello", Protocol::tcp, kClient, hear_tls, "RFC 8446 §4.1.2"},
    {"http-request", Protocol::tcp, kClient, hear_http, "RFC 9112 §3"},
    {"rtsp-request", Protocol::tcp, kClient, hear_rtsp, "RFC 7826 §7.1"},
    {"sip-request", Protocol::tcp, kClient, hear_sip, "RFC 3261 §7.1"},
    {"smb-negotiate", Protocol::tcp, kClient, hear_smb, "MS-SMB2 §2.2.3"},
    {"netbios-session-request", Protocol::tcp, kClient, hear_netbios_session, "RFC 1002 §4.3.2", "netbios-session"},
    {"rdp-request", Protocol::tcp, kClient, hear_rdp, "MS-RDPBCGR §2.2.1.1"},
    {"msrpc-bind", Protocol::tcp, kClient, hear_msrpc, "C706 §12.6.4.3"},
    {"smtp-hello", Protocol::tcp, kClient, hear_smtp, "RFC 5321 §4.1.1.1"},
    {"ftp-command", Protocol::tcp, kClient, hear_ftp, "RFC 959 §4.1, RFC 2389, RFC 4217"},
    {"pop3-command", Protocol::tcp, kClient, hear_pop3, "RFC 1939 §5, RFC 2449"},
    {"imap-command", Protocol::tcp, kClient, hear_imap, "RFC 9051 §6.1"},
    {"nntp-command", Protocol::tcp, kClient, hear_nntp, "RFC 3977 §5"},
    {"irc-registration", Protocol::tcp, kClient, hear_irc, "RFC 2812 §3.1"},
    {"vnc-version", Protocol::tcp, kClient, hear_vnc, "RFC 6143 §7.1.1"},
    {"rsync-version", Protocol::tcp, kClient, hear_rsync, "rsync, csprotocol"},
    {"telnet-options", Protocol::tcp, kClient, hear_telnet, "RFC 854"},
    {"postgresql-start", Protocol::tcp, kClient, hear_postgresql, "PostgreSQL protocol 3.0", "postgresql-ssl"},
    {"mssql-prelogin", Protocol::tcp, kClient, hear_mssql, "MS-TDS §2.2.6.5"},
    {"mongodb-message", Protocol::tcp, kClient, hear_mongodb, "MongoDB wire protocol"},
    {"oracle-connect", Protocol::tcp, kClient, hear_oracle, "Oracle Net, TNS connect packet"},
    {"redis-command", Protocol::tcp, kClient, hear_redis, "RESP2", "redis-ping"},
    {"cassandra-start", Protocol::tcp, kClient, hear_cassandra, "Cassandra native protocol v4 §4.1"},
    {"amqp-header", Protocol::tcp, kClient, hear_amqp, "AMQP 0-9-1 §4.2.2"},
    {"mqtt-connect", Protocol::tcp, kClient, hear_mqtt, "MQTT 3.1.1 §3.1", "mqtt-refused"},
    {"ajp-request", Protocol::tcp, kClient, hear_ajp, "AJP13"},
    {"rmi-handshake", Protocol::tcp, kClient, hear_rmi, "Java RMI wire protocol", "rmi-handshake"},
    {"x11-setup", Protocol::tcp, kClient, hear_x11, "X Window System Protocol", "x11-setup"},
    {"git-request", Protocol::tcp, kClient, hear_git, "Git pack protocol"},
    {"ldap-request", Protocol::tcp, kClient, hear_ldap, "RFC 4511 §4.2, §4.5, §4.12"},
    {"kerberos-request", Protocol::tcp, kClient, hear_kerberos_stream, "RFC 4120 §7.2.2"},
    {"dns-query", Protocol::tcp, kClient, hear_dns_stream, "RFC 1035 §4.2.2"},
    {"rpc-call", Protocol::tcp, kClient, hear_rpc_stream, "RFC 5531 §9, §11"},
    {"kafka-request", Protocol::tcp, kClient, hear_kafka, "Kafka protocol, request header v1"},
    {"zookeeper-word", Protocol::tcp, kClient, hear_zookeeper, "ZooKeeper, four-letter words"},
    {"memcached-command", Protocol::tcp, kClient, hear_memcached, "memcached, doc/protocol.txt"},
    {"socks-greeting", Protocol::tcp, kClient, hear_socks, "RFC 1928 §3", "socks5-greeting"},

    {"ldap-response", Protocol::tcp, kServer, hear_ldap_answer, "RFC 4511 §4.1.9"},
    {"kerberos-response", Protocol::tcp, kServer, hear_kerberos_stream_answer, "RFC 4120 §7.2.2"},
    {"dns-response", Protocol::tcp, kServer, hear_dns_stream_answer, "RFC 1035 §4.2.2"},
    {"mongodb-response", Protocol::tcp, kServer, hear_mongodb_answer, "MongoDB wire protocol"},
    {"postgresql-authentication", Protocol::tcp, kServer, hear_postgresql_answer, "PostgreSQL protocol 3.0"},
    {"rpc-reply", Protocol::tcp, kServer, hear_rpc_stream_answer, "RFC 5531 §9, §11"},

    {"netbios-name-query", Protocol::udp, kClient, hear_netbios_ns, "RFC 1002 §4.2"},
    {"mdns-message", Protocol::udp, kClient, hear_mdns, "RFC 6762 §18"},
    {"dns-query-datagram", Protocol::udp, kClient, hear_dns, "RFC 1035 §4.1"},
    {"ntp-request", Protocol::udp, kClient, hear_ntp, "RFC 5905 §7.3"},
    {"snmp-request", Protocol::udp, kClient, hear_snmp, "RFC 3416 §3, RFC 3412 §6"},
    {"tftp-request", Protocol::udp, kClient, hear_tftp, "RFC 1350 §5"},
    {"ike-request", Protocol::udp, kClient, hear_ike, "RFC 7296 §3.1, RFC 2408 §3.1"},
    {"rpc-call-datagram", Protocol::udp, kClient, hear_rpc, "RFC 5531 §9"},
    {"sip-request-datagram", Protocol::udp, kClient, hear_sip, "RFC 3261 §7.1"},
    {"ssdp-message", Protocol::udp, kClient, hear_ssdp, "UPnP Device Architecture 1.1 §1"},
    {"quic-initial", Protocol::udp, kClient, hear_quic, "RFC 9000 §17.2"},
    {"dtls-hello", Protocol::udp, kClient, hear_dtls, "RFC 6347 §4.2"},
    {"stun-request", Protocol::udp, kClient, hear_stun, "RFC 8489 §5"},
    {"cldap-request", Protocol::udp, kClient, hear_cldap, "RFC 1798"},
    {"kerberos-request-datagram", Protocol::udp, kClient, hear_kerberos, "RFC 4120 §7.2.1"},
    {"wireguard-start", Protocol::udp, kClient, hear_wireguard, "WireGuard §5.4.2"},
    {"openvpn-start", Protocol::udp, kClient, hear_openvpn, "OpenVPN wire protocol"},
    {"l2tp-begin", Protocol::udp, kClient, hear_l2tp, "RFC 2661 §6.1"},
    {"ipmi-request", Protocol::udp, kClient, hear_ipmi, "ASF 2.0 §3.2.2.2"},
    {"memcached-datagram", Protocol::udp, kClient, hear_memcached_datagram, "memcached, doc/protocol.txt"},
    {"radius-request", Protocol::udp, kClient, hear_radius, "RFC 2865 §3"},
    {"xdmcp-request", Protocol::udp, kClient, hear_xdmcp, "XDMCP 1.1 §4"},

    {"quic-handshake", Protocol::udp, kServer, hear_quic, "RFC 9000 §17.2"},
    {"mdns-response", Protocol::udp, kServer, hear_mdns, "RFC 6762 §18"},
    {"radius-response", Protocol::udp, kServer, hear_radius, "RFC 2865 §3"},
};

Overheard read_forms(Protocol protocol, bool from_server, Bytes first) {
  for (const OverheardForm& form : kForms) {
    if (form.protocol != protocol || form.from_server != from_server) continue;
    if (std::optional<ServiceSeen> seen = form.read(first)) return {std::move(seen), true, form.answered_by};
  }
  return {};
}

Overheard server_stream(Bytes first, const OverheardBefore& before) {
  const AppProbe* asked = before.answered_by.empty() ? nullptr : find_app_probe(before.answered_by);
  Heard heard = recognise(first, asked);
  if (heard.seen && heard.seen->name == kUnknownService) heard.seen.reset();
  if (!heard.seen) return read_forms(Protocol::tcp, true, first);
  // "220 mail ready" greets for SMTP or FTP, and the active engine would ask; here the client's first word tells.
  if (heard.then == "smtp-ehlo") {
    Overheard greeting;
    greeting.greets = true;
    return greeting;
  }
  // "+OK" and nothing else answers a Redis command as well as it greets for POP3.
  if (heard.seen->name == "pop3" && text_of(first).starts_with("+OK\r\n")) {
    if (before.answered_by != "redis-ping") return {};
    return {speaks("redis", "+OK"), true};
  }
  return {std::move(heard.seen), heard.complete};
}

Overheard server_datagram(Bytes first) {
  for (const UdpProbe& probe : udp_probes()) {
    UdpHeard heard = probe.read(first, kNobodyAsked);
    if (heard.is_answer && heard.seen && heard.seen->name != kUnknownService) return {std::move(heard.seen), true};
  }
  return read_forms(Protocol::udp, true, first);
}

enum : std::uint8_t {
  kFirstFour,
  kTlsRecord,
  kDns,
  kDnsStream,
  kRpc,
  kRpcStream,
  kIke,
  kIkeNat,
  kQuic,
  kStreamTag,
  kOneByte,
  kTwoBytes,
  kBerShort,
  kBerOne,
  kBerTwo,
  kSmb,
  kTpkt,
  kPostgresStart,
  kMongodb,
  kTns,
  kMysql,
  kKafka,
  kStun,
  kClockMode,
  kSecondWord,
  kCassandra,
  kSteadyCount
};
static_assert(std::size(kSteadyBeginnings) == kSteadyCount);

struct SteadyRow {
  std::string_view service;
  Protocol protocol;
  std::uint8_t steady;
};
constexpr SteadyRow kSteadyRows[] = {{"tls", Protocol::tcp, kTlsRecord},
                                     {"smb", Protocol::tcp, kSmb},
                                     {"rdp", Protocol::tcp, kTpkt},
                                     {"dns", Protocol::tcp, kDnsStream},
                                     {"rpcbind", Protocol::tcp, kRpcStream},
                                     {"nfs", Protocol::tcp, kRpcStream},
                                     {"mountd", Protocol::tcp, kRpcStream},
                                     {"onc-rpc", Protocol::tcp, kRpcStream},
                                     {"kerberos", Protocol::tcp, kStreamTag},
                                     {"mssql", Protocol::tcp, kTwoBytes},
                                     {"mongodb", Protocol::tcp, kMongodb},
                                     {"oracle", Protocol::tcp, kTns},
                                     {"mysql", Protocol::tcp, kMysql},
                                     {"kafka", Protocol::tcp, kKafka},
                                     {"cassandra", Protocol::tcp, kCassandra},
                                     {"mqtt", Protocol::tcp, kOneByte},
                                     {"dns", Protocol::udp, kDns},
                                     {"llmnr", Protocol::udp, kDns},
                                     {"mdns", Protocol::udp, kDns},
                                     {"netbios-ns", Protocol::udp, kDns},
                                     {"rpcbind", Protocol::udp, kRpc},
                                     {"nfs", Protocol::udp, kRpc},
                                     {"mountd", Protocol::udp, kRpc},
                                     {"onc-rpc", Protocol::udp, kRpc},
                                     {"quic", Protocol::udp, kQuic},
                                     {"kerberos", Protocol::udp, kOneByte},
                                     {"stun", Protocol::udp, kStun},
                                     {"ntp", Protocol::udp, kClockMode},
                                     {"radius", Protocol::udp, kOneByte},
                                     {"openvpn", Protocol::udp, kOneByte},
                                     {"l2tp", Protocol::udp, kTwoBytes},
                                     {"tftp", Protocol::udp, kTwoBytes},
                                     {"memcached", Protocol::udp, kSecondWord}};

// Beginnings that nobody has by chance: texts, and bytes under a mask.
constexpr std::string_view kTellingTexts[] = {
    "SSH-",    "HTTP/1.",   "GET ", "POST ", "HEAD ",     "PUT ",  "OPTIONS ", "CONNECT ",   "PRI * HTTP",
    "220 ",    "220-",      "+OK ", "* OK",  "RFB 00",    "EHLO ", "HELO ",    "AUTH TLS",   "SIP/2.0 ",
    "INVITE ", "REGISTER ", "AMQP", "JRMI",  "@RSYNCD: ", "+PONG", "-NOAUTH",  "ncacn_http", "USER "};

}  // namespace

std::span<const OverheardForm> overheard_forms() { return kForms; }

Overheard overhear(Protocol protocol, bool from_server, Bytes first, const OverheardBefore& before) {
  if (first.empty()) return {};
  first = first.first(std::min(first.size(), kReplyMax));
  if (protocol == Protocol::tcp && from_server) return server_stream(first, before);
  if (protocol == Protocol::udp && from_server) return server_datagram(first);
  if (protocol == Protocol::tcp && before.greets)
    if (std::optional<ServiceSeen> ftp = hear_ftp_after_greeting(first)) return {std::move(ftp), true};
  return read_forms(protocol, false, first);
}

std::uint8_t steady_beginning_of(std::string_view service, Protocol protocol, Bytes first) {
  if (service == "ike" && protocol == Protocol::udp)
    return first.size() >= 4 && be32(first.data()) == 0 ? kIkeNat : kIke;
  if (service == "snmp" || service == "ldap") {
    if (first.size() < 2 || first[0] != 0x30) return kFirstFour;
    return first[1] < 0x80 ? kBerShort : first[1] == 0x81 ? kBerOne : first[1] == 0x82 ? kBerTwo : kFirstFour;
  }
  if (service == "postgresql" && first.size() >= 8 && be16(&first[4]) == 3) return kPostgresStart;
  for (const SteadyRow& row : kSteadyRows)
    if (row.service == service && row.protocol == protocol) return row.steady;
  return kFirstFour;
}

bool is_telling(Protocol protocol, Bytes first) {
  const std::string_view text = text_of(first);
  if (std::any_of(std::begin(kTellingTexts), std::end(kTellingTexts),
                  [&](std::string_view begin) { return text.starts_with(begin); }))
    return true;
  if (first.size() < 8) return false;
  const std::uint64_t head = be64(first.data());
  if (protocol == Protocol::udp)  // a QUIC long header, STUN's cookie, a DTLS handshake
    return (head & 0xC0FFFFFFFF000000) == 0xC000000001000000 || (head & 0xFFFFFFFF) == 0x2112A442 ||
           (head >> 40) == 0x16FEFD || (head >> 40) == 0x16FEFF;
  return (head >> 48) == 0x1603 ||                                // a TLS handshake record
         (head & 0xFF000000FEFFFFFF) == 0xFE534D42 ||             // SMB
         (head >> 40) == 0x05000B || (head >> 40) == 0x05000C ||  // MSRPC bind, bind_ack
         ((head >> 48) == 0x0300 && (((head >> 16) & 0xFF) == 0xE0 || ((head >> 16) & 0xFF) == 0xD0));  // RDP
}

}  // namespace demarc
