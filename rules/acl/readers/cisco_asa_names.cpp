#include "rules/acl/readers/cisco_asa_names.h"

namespace demarc::asa {

namespace {

// Where documentation of several versions differs (kerberos: 88 or 750), the number is the one that `show
// running-config` turns into the name.
constexpr NamedNumber kPorts[] = {
    {"aol", 5190},
    {"bgp", 179},
    {"biff", 512},
    {"bootpc", 68},
    {"bootps", 67},
    {"chargen", 19},
    {"cifs", 3020},
    {"citrix-ica", 1494},
    {"cmd", 514},
    {"ctiqbe", 2748},
    {"daytime", 13},
    {"discard", 9},
    {"dnsix", 195},
    {"domain", 53},
    {"echo", 7},
    {"exec", 512},
    {"finger", 79},
    {"ftp", 21},
    {"ftp-data", 20},
    {"gopher", 70},
    {"h323", 1720},
    {"hostname", 101},
    {"http", 80},
    {"https", 443},
    {"ident", 113},
    {"imap4", 143},
    {"irc", 194},
    {"isakmp", 500},
    {"kerberos", 750},
    {"klogin", 543},
    {"kshell", 544},
    {"ldap", 389},
    {"ldaps", 636},
    {"login", 513},
    {"lotusnotes", 1352},
    {"lpd", 515},
    {"mobile-ip", 434},
    {"nameserver", 42},
    {"netbios-dgm", 138},
    {"netbios-ns", 137},
    {"netbios-ssn", 139},
    {"nfs", 2049},
    {"nntp", 119},
    {"ntp", 123},
    {"pcanywhere-data", 5631},
    {"pcanywhere-status", 5632},
    {"pim-auto-rp", 496},
    {"pop2", 109},
    {"pop3", 110},
    {"pptp", 1723},
    {"radius", 1645},
    {"radius-acct", 1646},
    {"rip", 520},
    {"rpc", 111},
    {"rsh", 514},
    {"rtsp", 554},
    {"secureid-udp", 5510},
    {"sip", 5060},
    {"smtp", 25},
    {"snmp", 161},
    {"snmptrap", 162},
    {"sqlnet", 1521},
    {"ssh", 22},
    {"sunrpc", 111},
    {"syslog", 514},
    {"tacacs", 49},
    {"talk", 517},
    {"telnet", 23},
    {"tftp", 69},
    {"time", 37},
    {"uucp", 540},
    {"vxlan", 4789},
    {"who", 513},
    {"whois", 43},
    {"www", 80},
    {"xdmcp", 177},
};
constexpr NamedNumber kProtocols[] = {
    {"ah", 51},   {"eigrp", 88}, {"esp", 50},   {"gre", 47}, {"icmp", 1},  {"icmp6", 58}, {"igmp", 2},
    {"igrp", 9},  {"ipinip", 4}, {"ipsec", 50}, {"nos", 94}, {"ospf", 89}, {"pcp", 108},  {"pim", 103},
    {"pptp", 47}, {"sctp", 132}, {"snp", 109},  {"tcp", 6},  {"udp", 17},
};
constexpr NamedNumber kIcmp[] = {
    {"alternate-address", 6},    {"conversion-error", 31},    {"echo", 8},           {"echo-reply", 0},
    {"information-reply", 16},   {"information-request", 15}, {"mask-reply", 18},    {"mask-request", 17},
    {"mobile-redirect", 32},     {"parameter-problem", 12},   {"redirect", 5},       {"router-advertisement", 9},
    {"router-solicitation", 10}, {"source-quench", 4},        {"time-exceeded", 11}, {"timestamp-reply", 14},
    {"timestamp-request", 13},   {"traceroute", 30},          {"unreachable", 3},
};
constexpr NamedNumber kIcmp6[] = {
    {"echo", 128},
    {"echo-reply", 129},
    {"membership-query", 130},
    {"membership-reduction", 132},
    {"membership-report", 131},
    {"neighbor-advertisement", 136},
    {"neighbor-redirect", 137},
    {"neighbor-solicitation", 135},
    {"packet-too-big", 2},
    {"parameter-problem", 4},
    {"router-advertisement", 134},
    {"router-renumbering", 138},
    {"router-solicitation", 133},
    {"time-exceeded", 3},
    {"unreachable", 1},
};

}  // namespace

std::span<const NamedNumber> port_names() { return kPorts; }
std::span<const NamedNumber> protocol_names() { return kProtocols; }
std::span<const NamedNumber> icmp_names() { return kIcmp; }
std::span<const NamedNumber> icmp6_names() { return kIcmp6; }

}  // namespace demarc::asa
