#include "rules/net/app_protocol.h"

#include <algorithm>

namespace demarc {

namespace {
constexpr std::string_view kNames[] = {
    "ajp",        "amqp",  "cassandra",     "chargen",       "coap",      "daytime",    "dns",
    "dtls",       "echo",  "elasticsearch", "ftp",           "git",       "http",       "ike",
    "imap",       "ipmi",  "ipp",           "irc",           "java-rmi",  "kafka",      "kerberos",
    "l2tp",       "ldap",  "llmnr",         "mdns",          "memcached", "mongodb",    "mountd",
    "mqtt",       "msrpc", "mssql",         "mssql-browser", "mysql",     "netbios-ns", "netbios-session",
    "nfs",        "nntp",  "ntp",           "onc-rpc",       "openvpn",   "oracle",     "pop3",
    "postgresql", "qotd",  "quic",          "radius",        "rdp",       "redis",      "rpcbind",
    "rsync",      "rtsp",  "sip",           "smb",           "smtp",      "snmp",       "socks",
    "ssdp",       "ssh",   "stun",          "telnet",        "tftp",      "time",       "tls",
    "vnc",        "winrm", "wireguard",     "x11",           "xdmcp",     "zookeeper",
};

/// Those that are HTTP, whatever else they are.
constexpr std::string_view kOverHttp[] = {"elasticsearch", "ipp", "winrm"};
/// Those that nobody speaks inside TLS.
constexpr std::string_view kNeverInTls[] = {"ajp", "kerberos", "msrpc", "netbios-session",
                                            "ntp", "rpcbind",  "smb",   "ssh"};
/// Those that are spoken inside DTLS (RFC 7252 §9, RFC 7350, RFC 7360, RFC 6353, RFC 8094, RFC 3261 §26.2.1).
constexpr std::string_view kInDtls[] = {"coap", "dns", "radius", "sip", "snmp", "stun"};

bool any_of(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}
}  // namespace

std::span<const std::string_view> app_protocol_names() { return kNames; }

bool is_app_protocol(std::string_view name) {
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

bool satisfies(std::string_view seen, std::string_view inside_tls, std::string_view expected) {
  if (seen == expected || (!inside_tls.empty() && inside_tls == expected)) return true;
  // Nobody looks inside these two: what may be in there is not contradicted.
  if (seen == "dtls" && inside_tls.empty()) return any_of(kInDtls, expected);
  if (seen == "quic")
    return expected == "http" || expected == "dns" || expected == "smb";  // RFC 9114, RFC 9250, MS-SMB2 §2.1
  // One that is HTTP answers as such where it was not asked closely enough to tell.
  const std::string_view speaks = inside_tls.empty() ? seen : inside_tls;
  if (any_of(kOverHttp, expected)) return speaks == "http";
  if (expected == "http") return any_of(kOverHttp, speaks);
  if (expected == "netbios-session") return seen == "smb";
  // Nobody looked inside (a gentle host), or nothing was understood there: that contradicts nothing but those who
  // would never be in there.
  if (seen == "tls" && inside_tls.empty()) return !any_of(kNeverInTls, expected);
  return false;
}

}  // namespace demarc
