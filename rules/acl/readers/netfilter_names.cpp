#include "rules/acl/readers/netfilter_names.h"

#include <charconv>

#include "rules/acl/readers/name_table.h"

namespace demarc::netfilter {

namespace {

constexpr NamedNumber kProtocols[] = {
    {"hopopt", 0},
    {"icmp", 1},
    {"igmp", 2},
    {"ggp", 3},
    {"ipencap", 4},
    {"st", 5},
    {"tcp", 6},
    {"egp", 8},
    {"igp", 9},
    {"pup", 12},
    {"udp", 17},
    {"hmp", 20},
    {"xns-idp", 22},
    {"rdp", 27},
    {"iso-tp4", 29},
    {"dccp", 33},
    {"xtp", 36},
    {"ddp", 37},
    {"idpr-cmtp", 38},
    {"ipv6", 41},
    {"ipv6-route", 43},
    {"ipv6-frag", 44},
    {"idrp", 45},
    {"rsvp", 46},
    {"gre", 47},
    {"esp", 50},
    {"ah", 51},
    {"skip", 57},
    {"ipv6-icmp", 58},
    {"ipv6-nonxt", 59},
    {"ipv6-opts", 60},
    {"rspf", 73},
    {"vmtp", 81},
    {"eigrp", 88},
    {"ospf", 89},
    {"ax.25", 93},
    {"ipip", 94},
    {"etherip", 97},
    {"encap", 98},
    {"pim", 103},
    {"ipcomp", 108},
    {"vrrp", 112},
    {"l2tp", 115},
    {"isis", 124},
    {"sctp", 132},
    {"fc", 133},
    {"mobility-header", 135},
    {"udplite", 136},
    {"mpls-in-ip", 137},
    {"manet", 138},
    {"hip", 139},
    {"shim6", 140},
    {"wesp", 141},
    {"rohc", 142},
    {"ethernet", 143},
    {"icmpv6", 58},
    {"mh", 135},
    {"comp", 108},
    {"ipv6-mh", 135},
};
constexpr NamedNumber kPorts[] = {
    {"ftp-data", 20},
    {"ftp", 21},
    {"ssh", 22},
    {"telnet", 23},
    {"smtp", 25},
    {"time", 37},
    {"whois", 43},
    {"tacacs", 49},
    {"domain", 53},
    {"bootps", 67},
    {"bootpc", 68},
    {"tftp", 69},
    {"gopher", 70},
    {"finger", 79},
    {"http", 80},
    {"www", 80},
    {"kerberos", 88},
    {"iso-tsap", 102},
    {"pop3", 110},
    {"sunrpc", 111},
    {"auth", 113},
    {"ident", 113},
    {"nntp", 119},
    {"ntp", 123},
    {"epmap", 135},
    {"loc-srv", 135},
    {"netbios-ns", 137},
    {"netbios-dgm", 138},
    {"netbios-ssn", 139},
    {"imap2", 143},
    {"imap", 143},
    {"snmp", 161},
    {"snmp-trap", 162},
    {"snmptrap", 162},
    {"xdmcp", 177},
    {"bgp", 179},
    {"irc", 194},
    {"ldap", 389},
    {"https", 443},
    {"microsoft-ds", 445},
    {"kpasswd", 464},
    {"submissions", 465},
    {"urd", 465},
    {"ssmtp", 465},
    {"smtps", 465},
    {"isakmp", 500},
    {"exec", 512},
    {"biff", 512},
    {"login", 513},
    {"who", 513},
    {"shell", 514},
    {"syslog", 514},
    {"printer", 515},
    {"talk", 517},
    {"route", 520},
    {"klogin", 543},
    {"kshell", 544},
    {"dhcpv6-client", 546},
    {"dhcpv6-server", 547},
    {"rtsp", 554},
    {"nntps", 563},
    {"submission", 587},
    {"ipp", 631},
    {"ldaps", 636},
    {"domain-s", 853},
    {"rsync", 873},
    {"ftps-data", 989},
    {"ftps", 990},
    {"telnets", 992},
    {"imaps", 993},
    {"pop3s", 995},
    {"socks", 1080},
    {"openvpn", 1194},
    {"ms-sql-s", 1433},
    {"ms-sql-m", 1434},
    {"l2f", 1701},
    {"l2tp", 1701},
    {"radius", 1812},
    {"radius-acct", 1813},
    {"cisco-sccp", 2000},
    {"nfs", 2049},
    {"icpv2", 3130},
    {"mysql", 3306},
    {"ms-wbt-server", 3389},
    {"nut", 3493},
    {"svn", 3690},
    {"ipsec-nat-t", 4500},
    {"rfb", 5900},
    {"sip", 5060},
    {"sip-tls", 5061},
    {"xmpp-client", 5222},
    {"xmpp-server", 5269},
    {"mdns", 5353},
    {"postgresql", 5432},
    {"amqps", 5671},
    {"amqp", 5672},
    {"x11", 6000},
    {"redis", 6379},
    {"ircd", 6667},
    {"http-alt", 8080},
    {"webcache", 8080},
    {"bacula-dir", 9101},
    {"git", 9418},
};

constexpr auto kProtocolWords = names_of(kProtocols);
constexpr auto kPortWords = names_of(kPorts);

std::optional<std::uint16_t> find(std::string_view name, std::span<const NamedNumber> rows) {
  const NamedNumber* row = find_named(name, rows);
  return row == nullptr ? std::nullopt : std::optional(row->number);
}

}  // namespace

std::optional<std::uint64_t> whole_number(std::string_view text, std::uint64_t most) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  const std::string_view digits = hex ? text.substr(2) : text;
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n, hex ? 16 : 10);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || n > most)
    return std::nullopt;
  return n;
}

std::optional<std::uint8_t> protocol_number(std::string_view text) {
  if (const std::optional<std::uint64_t> n = whole_number(text, 255)) return static_cast<std::uint8_t>(*n);
  if (const std::optional<std::uint16_t> n = find(text, kProtocols)) return static_cast<std::uint8_t>(*n);
  return std::nullopt;
}

std::optional<std::uint16_t> port_number(std::string_view text) {
  if (const std::optional<std::uint64_t> n = whole_number(text, 65535)) return static_cast<std::uint16_t>(*n);
  return find(text, kPorts);
}

std::span<const std::string_view> protocol_words() { return kProtocolWords; }
std::span<const std::string_view> port_words() { return kPortWords; }

}  // namespace demarc::netfilter
