#include "rules/acl/readers/cisco_ios_protocols.h"

#include <algorithm>

namespace demarc {

namespace {

constexpr Inspected kInspected[] = {
    {"tcp", true, false, 0},           {"udp", false, true, 0},
    {"bgp", true, false, 179},         {"bootps", false, true, 67},
    {"dns", true, true, 53},           {"finger", true, false, 79},
    {"ftp", true, false, 21, true},    {"gopher", true, false, 70},
    {"h323", true, false, 1720, true}, {"http", true, false, 80},
    {"https", true, false, 443},       {"ident", true, false, 113},
    {"imap", true, false, 143},        {"imaps", true, false, 993},
    {"isakmp", false, true, 500},      {"kerberos", true, true, 88},
    {"ldap", true, false, 389},        {"ldaps", true, false, 636},
    {"netbios-dgm", false, true, 138}, {"netbios-ns", false, true, 137},
    {"netbios-ssn", true, false, 139}, {"ntp", false, true, 123},
    {"pop3", true, false, 110},        {"pop3s", true, false, 995},
    {"pptp", true, false, 1723, true}, {"rtsp", true, false, 554, true},
    {"sip", true, true, 5060, true},   {"skinny", true, false, 2000, true},
    {"smtp", true, false, 25},         {"snmp", false, true, 161},
    {"snmptrap", false, true, 162},    {"sqlnet", true, false, 1521, true},
    {"ssh", true, false, 22},          {"syslog", false, true, 514},
    {"telnet", true, false, 23},       {"tftp", false, true, 69, true},
};

}  // namespace

const Inspected* find_inspected(std::string_view name) {
  const auto found = std::find_if(std::begin(kInspected), std::end(kInspected),
                                  [name](const Inspected& i) { return i.name == name; });
  return found == std::end(kInspected) ? nullptr : found;
}

bool opens_more(std::string_view protocol) {
  const Inspected* row = find_inspected(protocol);
  return row == nullptr ? protocol != "icmp" : row->opens;
}

}  // namespace demarc
