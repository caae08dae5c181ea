#include "probes/app/app_probe.h"

#include <algorithm>
#include <iterator>

#include "probes/app/codecs.h"
#include "probes/app/ntlm.h"

namespace demarc {

namespace {

using namespace app;

constexpr PortRange p(std::uint16_t port) { return PortRange::single(Port{port}); }
constexpr PortRange p(std::uint16_t first, std::uint16_t last) { return {Port{first}, Port{last}}; }

constexpr PortRange kSmb[] = {p(445)}, kNetbios[] = {p(139)}, kMsrpc[] = {p(135)}, kRpcHttp[] = {p(593)},
                    kRdp[] = {p(3389)}, kSsh[] = {p(22), p(2222)}, kSmtp[] = {p(25), p(587), p(2525)},
                    kSmtpTls[] = {p(465)}, kFtp[] = {p(21), p(2121)}, kFtpTls[] = {p(990)}, kPop3[] = {p(110)},
                    kPop3Tls[] = {p(995)}, kImap[] = {p(143)}, kImapTls[] = {p(993)}, kNntp[] = {p(119)},
                    kNntpTls[] = {p(563)}, kIrc[] = {p(6667, 6669)}, kIrcTls[] = {p(6697)},
                    kTelnet[] = {p(23), p(2323)}, kTelnetTls[] = {p(992)}, kVnc[] = {p(5900, 5910)},
                    kX11[] = {p(6000, 6010)}, kRsync[] = {p(873)}, kMysql[] = {p(3306), p(33060)},
                    kHttp[] = {p(80, 81), p(591),  p(631),        p(2375), p(2379), p(3128),
                               p(8000),   p(8008), p(8080, 8081), p(8888), p(9200)},
                    kHttpTls[] = {p(443), p(2376), p(2379), p(4443), p(6443), p(8443), p(9200), p(9443), p(10250)},
                    kWinrm[] = {p(5985)}, kWinrmTls[] = {p(5986)},
                    kTls[] = {p(443),  p(465),  p(563),  p(636),  p(853),  p(989, 990), p(992, 995),
                              p(2376), p(3269), p(4443), p(5061), p(5671), p(5986),     p(6443),
                              p(6697), p(8443), p(8883), p(9443), p(10250)},
                    kMssql[] = {p(1433)}, kPostgresql[] = {p(5432)}, kRedis[] = {p(6379)}, kRedisTls[] = {p(6380)},
                    kMemcached[] = {p(11211)}, kLdap[] = {p(389), p(3268)}, kLdapTls[] = {p(636), p(3269)},
                    kDns[] = {p(53)}, kDnsTls[] = {p(853)}, kKerberos[] = {p(88)}, kOracle[] = {p(1521)},
                    kMongodb[] = {p(27017, 27019)}, kCassandra[] = {p(9042)}, kRpcbind[] = {p(111)},
                    kNfs[] = {p(2049)}, kSip[] = {p(5060)}, kSipTls[] = {p(5061)}, kRtsp[] = {p(554), p(8554)},
                    kSocks[] = {p(1080)}, kAmqp[] = {p(5672)}, kAmqpTls[] = {p(5671)}, kMqtt[] = {p(1883)},
                    kMqttTls[] = {p(8883)}, kKafka[] = {p(9092)}, kZookeeper[] = {p(2181)}, kAjp[] = {p(8009)},
                    kRmi[] = {p(1099)}, kGit[] = {p(9418)};
constexpr std::span<const PortRange> kNowhere;
constexpr bool kOnlyAsked = true;

// Readers of what servers say by themselves come first, then those of answers; a reader that needs more context
// than the bytes (one letter of PostgreSQL) counts only where its own question was asked. Rows without a port go on
// where another row's answer leads.
constexpr AppProbe kProbes[] = {
    {"ssh-banner", Protocol::tcp, kSsh, nullptr, read_ssh, "RFC 4253 §4.2"},
    {"smtp-greeting", Protocol::tcp, kSmtp, nullptr, read_smtp, "RFC 5321 §3.1", kSmtpTls},
    {"ftp-greeting", Protocol::tcp, kFtp, nullptr, read_ftp, "RFC 959 §5.4", kFtpTls},
    {"pop3-greeting", Protocol::tcp, kPop3, nullptr, read_pop3, "RFC 1939 §4", kPop3Tls},
    {"imap-greeting", Protocol::tcp, kImap, nullptr, read_imap, "RFC 9051 §7.1", kImapTls},
    {"nntp-greeting", Protocol::tcp, kNntp, nullptr, read_nntp, "RFC 3977 §5.1", kNntpTls},
    {"irc-greeting", Protocol::tcp, kIrc, nullptr, read_irc, "RFC 2812 §2.3.1", kIrcTls},
    {"telnet-options", Protocol::tcp, kTelnet, nullptr, read_telnet, "RFC 854", kTelnetTls},
    {"vnc-version", Protocol::tcp, kVnc, nullptr, read_vnc, "RFC 6143 §7.1.1"},
    {"rsync-greeting", Protocol::tcp, kRsync, nullptr, read_rsync, "rsync, csprotocol"},
    {"mysql-handshake", Protocol::tcp, kMysql, nullptr, read_mysql, "MySQL internals, HandshakeV10"},
    {"rpc-http-greeting", Protocol::tcp, kRpcHttp, nullptr, read_msrpc, "MS-RPCH §2.1"},
    {"http-get", Protocol::tcp, kHttp, http_get, read_http, "RFC 9112 §3", kHttpTls},
    {"tls-client-hello", Protocol::tcp, kTls, tls_client_hello, read_tls, "RFC 5246 §7.4.1"},
    {"tls13-client-hello", Protocol::tcp, {}, tls13_client_hello, read_tls, "RFC 8446 §4.1.2"},
    {"winrm-negotiate", Protocol::tcp, kWinrm, winrm_negotiate, read_winrm, "MS-WSMV §2.1", kWinrmTls, kOnlyAsked},
    {"smb2-negotiate", Protocol::tcp, kSmb, smb2_negotiate, read_smb, "MS-SMB2 §2.2.3"},
    {"smb2-session-setup", Protocol::tcp, {}, smb2_session_setup, read_smb, "MS-SMB2 §2.2.5"},
    {"netbios-session", Protocol::tcp, kNetbios, netbios_session_request, read_netbios_session, "RFC 1002 §4.3.2"},
    {"smb1-negotiate", Protocol::tcp, {}, smb1_negotiate, read_smb, "MS-CIFS §2.2.4.52"},
    {"msrpc-bind", Protocol::tcp, kMsrpc, msrpc_bind, read_msrpc, "C706 §12.6.4.3"},
    {"msrpc-endpoints",
     Protocol::tcp,
     {},
     msrpc_endpoints,
     read_msrpc_endpoints,
     "C706 §6.2.3, ept_lookup",
     kNowhere,
     kOnlyAsked},
    {"rdp-connect", Protocol::tcp, kRdp, rdp_connect, read_rdp, "MS-RDPBCGR §2.2.1.1"},
    {"credssp-negotiate",
     Protocol::tcp,
     {},
     credssp_negotiate,
     read_credssp,
     "MS-CSSP §2.2.1",
     kNowhere,
     kOnlyAsked},
    {"ldap-root-dse", Protocol::tcp, kLdap, ldap_root_dse, read_ldap, "RFC 4512 §5.1", kLdapTls},
    {"ldap-start-tls",
     Protocol::tcp,
     {},
     ldap_start_tls,
     read_ldap_start_tls,
     "RFC 4511 §4.14",
     kNowhere,
     kOnlyAsked},
    {"dns-version-bind", Protocol::tcp, kDns, dns_version_bind, read_dns, "RFC 4892 §2", kDnsTls},
    {"kerberos-as-request", Protocol::tcp, kKerberos, kerberos_as_request, read_kerberos, "RFC 4120 §5.4.1"},
    {"mssql-prelogin", Protocol::tcp, kMssql, mssql_prelogin, read_mssql, "MS-TDS §2.2.6.5"},
    {"oracle-version", Protocol::tcp, kOracle, oracle_version, read_oracle, "Oracle Net, TNS connect packet"},
    {"postgresql-ssl", Protocol::tcp, kPostgresql, postgresql_ssl_request, read_postgresql,
     "PostgreSQL protocol 3.0, SSLRequest", kNowhere, kOnlyAsked},
    {"postgresql-no-protocol",
     Protocol::tcp,
     {},
     postgresql_no_protocol,
     read_postgresql,
     "PostgreSQL protocol 3.0, ErrorResponse",
     kNowhere,
     kOnlyAsked},
    {"redis-ping", Protocol::tcp, kRedis, redis_ping, read_redis, "RESP2", kRedisTls},
    {"memcached-version", Protocol::tcp, kMemcached, memcached_version, read_memcached,
     "memcached, doc/protocol.txt"},
    {"mongodb-hello", Protocol::tcp, kMongodb, mongodb_hello, read_mongodb, "MongoDB wire protocol, OP_MSG"},
    {"mongodb-build-info", Protocol::tcp, {}, mongodb_build_info, read_mongodb, "MongoDB wire protocol, OP_MSG"},
    {"cassandra-options", Protocol::tcp, kCassandra, cassandra_options, read_cassandra,
     "Cassandra native protocol v4 §4.1.3"},
    {"rpcbind-dump", Protocol::tcp, kRpcbind, rpcbind_dump, read_rpcbind, "RFC 1833 §3.2", kNowhere, kOnlyAsked},
    {"nfs-null", Protocol::tcp, kNfs, nfs_null, read_nfs, "RFC 5531 §9", kNowhere, kOnlyAsked},
    {"sip-options", Protocol::tcp, kSip, sip_options, read_sip, "RFC 3261 §11", kSipTls},
    {"rtsp-options", Protocol::tcp, kRtsp, rtsp_options, read_rtsp, "RFC 7826 §13.1"},
    {"socks5-greeting", Protocol::tcp, kSocks, socks5_greeting, read_socks5, "RFC 1928 §3", kNowhere, kOnlyAsked},
    {"amqp-header", Protocol::tcp, kAmqp, amqp_header, read_amqp, "AMQP 0-9-1 §4.2.2", kAmqpTls},
    {"mqtt-refused", Protocol::tcp, kMqtt, mqtt_connect_refused, read_mqtt, "MQTT 3.1.1 §3.1.2.2", kMqttTls,
     kOnlyAsked},
    {"kafka-api-versions", Protocol::tcp, kKafka, kafka_api_versions, read_kafka, "Kafka protocol, ApiVersions"},
    {"zookeeper-srvr", Protocol::tcp, kZookeeper, zookeeper_srvr, read_zookeeper, "ZooKeeper, four-letter words"},
    {"ajp-cping", Protocol::tcp, kAjp, ajp_cping, read_ajp, "AJP13, CPing"},
    {"rmi-handshake", Protocol::tcp, kRmi, rmi_handshake, read_rmi, "Java RMI wire protocol", kNowhere, kOnlyAsked},
    {"git-upload-pack", Protocol::tcp, kGit, git_upload_pack, read_git, "Git pack protocol, git-daemon"},
    {"x11-setup", Protocol::tcp, kX11, x11_setup, read_x11, "X Window System Protocol, connection setup", kNowhere,
     kOnlyAsked},
    {"smtp-ehlo", Protocol::tcp, {}, smtp_ehlo, read_smtp_ehlo, "RFC 5321 §4.1.1.1", kNowhere, kOnlyAsked},
    {"smtp-capabilities",
     Protocol::tcp,
     {},
     smtp_ehlo,
     read_smtp_capabilities,
     "RFC 5321 §4.1.1.1",
     kNowhere,
     kOnlyAsked},
    {"smtp-starttls", Protocol::tcp, {}, smtp_starttls, read_smtp_starttls, "RFC 3207 §4", kNowhere, kOnlyAsked},
    {"ftp-feat", Protocol::tcp, {}, ftp_feat, read_ftp_feat, "RFC 2389 §3", kNowhere, kOnlyAsked},
    {"ftp-auth-tls", Protocol::tcp, {}, ftp_auth_tls, read_ftp_auth_tls, "RFC 4217 §4", kNowhere, kOnlyAsked},
    {"pop3-capa", Protocol::tcp, {}, pop3_capa, read_pop3_capa, "RFC 2449 §5", kNowhere, kOnlyAsked},
    {"pop3-stls", Protocol::tcp, {}, pop3_stls, read_pop3_stls, "RFC 2595 §4", kNowhere, kOnlyAsked},
    {"imap-capability",
     Protocol::tcp,
     {},
     imap_capability,
     read_imap_capability,
     "RFC 9051 §6.1.1",
     kNowhere,
     kOnlyAsked},
    {"imap-starttls",
     Protocol::tcp,
     {},
     imap_starttls,
     read_imap_starttls,
     "RFC 9051 §6.2.1",
     kNowhere,
     kOnlyAsked},
    {"telnet-refusals", Protocol::tcp, {}, telnet_refusals, read_telnet, "RFC 854", kNowhere, kOnlyAsked},
    {"vnc-security", Protocol::tcp, {}, vnc_version, read_vnc_security, "RFC 6143 §7.1.2", kNowhere, kOnlyAsked},
};

}  // namespace

std::span<const AppProbe> app_probes() { return kProbes; }

const AppProbe* find_app_probe(std::string_view name) {
  auto found = std::find_if(std::begin(kProbes), std::end(kProbes),
                            [&](const AppProbe& probe) { return probe.name == name; });
  return found == std::end(kProbes) ? nullptr : found;
}

std::vector<const AppProbe*> usual_probes(Protocol protocol, Port port) {
  std::vector<const AppProbe*> usual;
  for (const AppProbe& probe : kProbes) {
    bool here = std::any_of(probe.ports.begin(), probe.ports.end(),
                            [&](const PortRange& range) { return range.contains(port); });
    if (here && probe.protocol == protocol) usual.push_back(&probe);
  }
  return usual;
}

const AppProbe* usual_inside_tls(Port port) {
  for (const AppProbe& probe : kProbes)
    for (const PortRange& range : probe.tls_ports)
      if (range.contains(port)) return &probe;
  return nullptr;
}

Heard recognise(Bytes reply, const AppProbe* asked) {
  if (reply.empty()) return {std::nullopt, false, {}};
  reply = reply.first(std::min(reply.size(), kReplyMax));
  if (asked != nullptr) {
    Heard heard = asked->read(reply);
    if (heard.seen) return heard;
  }
  for (const AppProbe& probe : kProbes) {
    if (&probe == asked || probe.only_asked) continue;
    Heard heard = probe.read(reply);
    if (heard.seen) return heard;
  }
  ServiceSeen seen;
  seen.name = kUnknownService;
  seen.evidence = app::evidence_of(reply);
  return {seen, false, {}};
}

}  // namespace demarc
