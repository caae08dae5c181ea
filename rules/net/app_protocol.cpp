#include "rules/net/app_protocol.h"

#include <algorithm>

namespace demarc {

namespace {
constexpr std::string_view kNames[] = {
    "amqp", "dns",       "elasticsearch", "ftp",        "http",  "imap",  "ipp",    "kerberos",
    "ldap", "memcached", "mongodb",       "mqtt",       "msrpc", "mssql", "mysql",  "netbios-session",
    "ntp",  "oracle",    "pop3",          "postgresql", "rdp",   "redis", "rsync",  "rtsp",
    "sip",  "smb",       "smtp",          "snmp",       "socks", "ssh",   "telnet", "tls",
    "vnc",  "winrm",     "x11",
};
}

std::span<const std::string_view> app_protocol_names() { return kNames; }

bool is_app_protocol(std::string_view name) {
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

bool satisfies(std::string_view seen, std::string_view inside_tls, std::string_view expected) {
  if (seen == expected || (!inside_tls.empty() && inside_tls == expected)) return true;
  if (expected == "winrm" || expected == "ipp" || expected == "elasticsearch")
    return seen == "http" || inside_tls == "http";
  if (expected == "netbios-session") return seen == "smb";
  return false;
}

}  // namespace demarc
