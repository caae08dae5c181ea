#include "probes/app/app_probe.h"

#include <algorithm>
#include <iterator>

#include "probes/app/codecs.h"

namespace demarc {

namespace {

using namespace app;

constexpr PortRange p(std::uint16_t port) { return PortRange::single(Port{port}); }
constexpr PortRange p(std::uint16_t first, std::uint16_t last) { return {Port{first}, Port{last}}; }

constexpr PortRange kSmb[] = {p(445)}, kSmb1[] = {p(139)}, kNetbios[] = {p(139)}, kMsrpc[] = {p(135)},
                    kRpcHttp[] = {p(593)}, kRdp[] = {p(3389)}, kSsh[] = {p(22), p(2222)},
                    kSmtp[] = {p(25), p(587), p(2525)}, kFtp[] = {p(21), p(2121)}, kPop3[] = {p(110)},
                    kImap[] = {p(143)}, kTelnet[] = {p(23), p(2323)}, kVnc[] = {p(5900, 5910)}, kRsync[] = {p(873)},
                    kMysql[] = {p(3306), p(33060)},
                    kHttp[] = {p(80, 81), p(591),        p(631),  p(3128), p(5985), p(8000),
                               p(8008),   p(8080, 8081), p(8888), p(9200), p(2375)},
                    kTls[] = {p(443),  p(465),  p(636),  p(853),  p(989, 990), p(992, 995), p(2376),
                              p(3269), p(5061), p(5986), p(6443), p(8443),     p(9443),     p(10250)},
                    kMssql[] = {p(1433)}, kPostgresql[] = {p(5432)}, kRedis[] = {p(6379)},
                    kMemcached[] = {p(11211)}, kLdap[] = {p(389), p(3268)}, kDns[] = {p(53)};

// Readers of what servers say by themselves come first, then those of answers; a reader that needs more context
// than the bytes (one letter of PostgreSQL) counts only where its own question was asked.
constexpr AppProbe kProbes[] = {
    {"ssh-banner", Protocol::tcp, kSsh, nullptr, read_ssh, "RFC 4253 §4.2"},
    {"smtp-greeting", Protocol::tcp, kSmtp, nullptr, read_smtp, "RFC 5321 §3.1"},
    {"ftp-greeting", Protocol::tcp, kFtp, nullptr, read_ftp, "RFC 959 §5.4"},
    {"pop3-greeting", Protocol::tcp, kPop3, nullptr, read_pop3, "RFC 1939 §4"},
    {"imap-greeting", Protocol::tcp, kImap, nullptr, read_imap, "RFC 9051 §7.1"},
    {"telnet-options", Protocol::tcp, kTelnet, nullptr, read_telnet, "RFC 854"},
    {"vnc-version", Protocol::tcp, kVnc, nullptr, read_vnc, "RFC 6143 §7.1.1"},
    {"rsync-greeting", Protocol::tcp, kRsync, nullptr, read_rsync, "rsync, csprotocol"},
    {"mysql-handshake", Protocol::tcp, kMysql, nullptr, read_mysql, "MySQL internals, HandshakeV10"},
    {"rpc-http-greeting", Protocol::tcp, kRpcHttp, nullptr, read_msrpc, "MS-RPCH §2.1"},
    {"http-get", Protocol::tcp, kHttp, http_get, read_http, "RFC 9112 §3"},
    {"tls-client-hello", Protocol::tcp, kTls, tls_client_hello, read_tls, "RFC 5246 §7.4.1"},
    {"tls13-client-hello", Protocol::tcp, {}, tls13_client_hello, read_tls, "RFC 8446 §4.1.2"},
    {"smb2-negotiate", Protocol::tcp, kSmb, smb2_negotiate, read_smb, "MS-SMB2 §2.2.3"},
    {"netbios-session", Protocol::tcp, kNetbios, netbios_session_request, read_netbios_session, "RFC 1002 §4.3.2"},
    {"smb1-negotiate", Protocol::tcp, kSmb1, smb1_negotiate, read_smb, "MS-CIFS §2.2.4.52"},
    {"msrpc-bind", Protocol::tcp, kMsrpc, msrpc_bind, read_msrpc, "C706 §12.6.4.3"},
    {"rdp-connect", Protocol::tcp, kRdp, rdp_connect, read_rdp, "MS-RDPBCGR §2.2.1.1"},
    {"ldap-root-dse", Protocol::tcp, kLdap, ldap_root_dse, read_ldap, "RFC 4512 §5.1"},
    {"dns-version-bind", Protocol::tcp, kDns, dns_version_bind, read_dns, "RFC 4892 §2"},
    {"mssql-prelogin", Protocol::tcp, kMssql, mssql_prelogin, read_mssql, "MS-TDS §2.2.6.5"},
    {"postgresql-ssl", Protocol::tcp, kPostgresql, postgresql_ssl_request, read_postgresql,
     "PostgreSQL protocol 3.0, SSLRequest"},
    {"redis-ping", Protocol::tcp, kRedis, redis_ping, read_redis, "RESP2"},
    {"memcached-version", Protocol::tcp, kMemcached, memcached_version, read_memcached,
     "memcached, doc/protocol.txt"},
    {"smtp-ehlo", Protocol::tcp, {}, smtp_ehlo, read_smtp_ehlo, "RFC 5321 §4.1.1.1"},
};

/// Readers that may judge bytes nobody asked for in their language.
bool reads_unasked(const AppProbe& probe) { return probe.read != read_postgresql && probe.read != read_smtp_ehlo; }

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

Heard recognise(Bytes reply, const AppProbe* asked) {
  if (reply.empty()) return {std::nullopt, false, {}};
  reply = reply.first(std::min(reply.size(), kReplyMax));
  if (asked != nullptr) {
    Heard heard = asked->read(reply);
    if (heard.seen) return heard;
  }
  for (const AppProbe& probe : kProbes) {
    if (&probe == asked || !reads_unasked(probe)) continue;
    Heard heard = probe.read(reply);
    if (heard.seen) return heard;
  }
  ServiceSeen seen;
  seen.name = kUnknownService;
  seen.evidence = app::evidence_of(reply);
  return {seen, false, {}};
}

}  // namespace demarc
