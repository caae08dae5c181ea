#include "rules/net/app_protocol.h"

#include <algorithm>

namespace demarc {

namespace {
constexpr std::string_view kNames[] = {
    "ajp",           "amqp",
    "cassandra",     "dns",
    "elasticsearch", "ftp",
    "git",           "http",
    "imap",          "ipp",
    "irc",           "java-rmi",
    "kafka",         "kerberos",
    "ldap",          "memcached",
    "mongodb",       "mqtt",
    "msrpc",         "mssql",
    "mysql",         "netbios-session",
    "nfs",           "nntp",
    "ntp",           "oracle",
    "pop3",          "postgresql",
    "rdp",           "redis",
    "rpcbind",       "rsync",
    "rtsp",          "sip",
    "smb",           "smtp",
    "snmp",          "socks",
    "ssh",           "telnet",
    "tls",           "vnc",
    "winrm",         "x11",
    "zookeeper",
};

/// Those that are HTTP, whatever else they are.
constexpr std::string_view kOverHttp[] = {"elasticsearch", "ipp", "winrm"};
/// Those that nobody speaks inside TLS.
constexpr std::string_view kNeverInTls[] = {"ajp", "kerberos", "msrpc", "netbios-session",
                                            "ntp", "rpcbind",  "smb",   "ssh"};

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
