// Lists of an ASA: entries, objects, groups, counters.
#include <set>

#include "rules/acl/readers/cisco_asa_names.h"
#include "tests/rules/acl/readers/asa_support.h"

namespace demarc {
namespace {

using namespace asa_support;

const char *const kOut = "198.51.100.7", *const kWeb = "192.0.2.10";
const char *const kOut6 = "2001:db8:1::7", *const kWeb6 = "2001:db8:d::10";

TEST_CASE("an extended entry matches what ASA says it matches") {
  struct Row {
    const char* entry;
    ConcretePacket packet;
    bool matches;
  };
  ConcretePacket later = tcp(kOut, kWeb, 80);
  later.context.fragment = Fragment::middle;
  const Row rows[] = {
      {"permit tcp any host 192.0.2.10 eq 80", tcp(kOut, kWeb, 80), true},
      {"permit tcp any host 192.0.2.10 eq www", tcp(kOut, kWeb, 80), true},
      {"permit tcp any host 192.0.2.10 eq 80", packet(kOut, kWeb, Protocol::udp, 80), false},
      {"permit tcp any host 192.0.2.11 eq 80", tcp(kOut, kWeb, 80), false},
      {"permit tcp any 192.0.2.0 255.255.255.0", tcp(kOut, kWeb, 80), true},  // a netmask, not a wildcard
      {"permit tcp any 192.0.2.0 255.255.255.248", tcp(kOut, kWeb, 80), false},
      {"permit tcp any 0.0.0.10 0.0.0.255", tcp(kOut, kWeb, 80), true},  // with holes: the last byte counts
      {"permit tcp any 0.0.0.11 0.0.0.255", tcp(kOut, kWeb, 80), false},
      {"permit tcp any any neq 80", tcp(kOut, kWeb, 80), false},
      {"permit tcp any any neq 80", tcp(kOut, kWeb, 81), true},
      {"permit tcp any gt 1023 any eq 80", tcp(kOut, kWeb, 80, 1023), false},
      {"permit tcp any gt 1023 any eq 80", tcp(kOut, kWeb, 80, 1024), true},
      {"permit tcp any any lt 80", tcp(kOut, kWeb, 80), false},
      {"permit tcp any any lt 80", tcp(kOut, kWeb, 79), true},
      {"permit tcp any any range ftp-data ftp", tcp(kOut, kWeb, 21), true},
      {"permit tcp any eq 80 any", tcp(kOut, kWeb, 1, 80), true},
      {"permit udp any any eq syslog", packet(kOut, kWeb, Protocol::udp, 514), true},
      {"permit tcp any any eq sqlnet", tcp(kOut, kWeb, 1521), true},
      {"permit tcp any any eq citrix-ica", tcp(kOut, kWeb, 1494), true},
      {"permit tcp any any eq pcanywhere-data", tcp(kOut, kWeb, 5631), true},
      {"permit sctp any any eq 2905", packet(kOut, kWeb, Protocol::sctp, 2905), true},
      {"permit ip any any", packet(kOut, kWeb, Protocol::esp), true},
      {"permit ip any any", tcp(kOut6, kWeb6, 80), true},  // since 9.0
      {"permit ip any4 any4", tcp(kOut6, kWeb6, 80), false},
      {"permit ip any6 any6", tcp(kOut6, kWeb6, 80), true},
      {"permit tcp any6 host 2001:db8:d::10 eq https", tcp(kOut6, kWeb6, 443), true},
      {"permit tcp any 2001:db8:d::/48 eq https", tcp(kOut6, kWeb6, 443), true},
      {"permit 50 any any", packet(kOut, kWeb, Protocol::esp), true},
      {"permit esp any any", packet(kOut, kWeb, Protocol::esp), true},
      {"permit ipsec any any", packet(kOut, kWeb, Protocol::esp), true},
      {"permit pptp any any", packet(kOut, kWeb, Protocol::gre), true},
      {"permit icmp any any echo", icmp(kOut, kWeb, 8), true},
      {"permit icmp any any echo", icmp(kOut, kWeb, 0), false},
      {"permit icmp any any unreachable 4", icmp(kOut, kWeb, 3, 4), true},
      {"permit icmp any any unreachable 4", icmp(kOut, kWeb, 3, 1), false},
      {"permit icmp any any 3", icmp(kOut, kWeb, 3, 1), true},
      {"permit icmp any any", icmp(kOut6, kWeb6, 128), false},  // icmp6 is another protocol
      {"permit icmp6 any any echo", icmp(kOut6, kWeb6, 128), true},
      {"permit icmp6 any any packet-too-big", icmp(kOut6, kWeb6, 2), true},
      {"permit icmp6 any any echo", icmp(kOut, kWeb, 8), false},
      {"permit tcp any any eq 80", later, true},  // put together before the list sees them
      {"deny tcp any any eq 80", later, true},
      {"permit tcp any any eq 80 log", tcp(kOut, kWeb, 80), true},
      {"permit tcp any any eq 80 log disable", tcp(kOut, kWeb, 80), true},
      {"permit tcp any any eq 80 log informational interval 600", tcp(kOut, kWeb, 80), true},
      {"permit tcp any any eq 80 inactive", tcp(kOut, kWeb, 80), false},
      {"deny tcp any any eq 80 log 5 inactive", tcp(kOut, kWeb, 80), false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.entry);
    const bool permit = std::string_view(row.entry).starts_with("permit");
    const Device d = read9(fmt::format("access-list L extended {}\naccess-list L extended {} ip any any\n",
                                       row.entry, permit ? "deny" : "permit"));
    CAPTURE(open_lines(d));
    CHECK(d.coverage.not_understood == 0);
    CHECK(d.coverage.in_part == 0);
    const bool matched = decide(d, "L", row.packet).ends_with(" 2");
    CHECK(matched == row.matches);
  }
}

TEST_CASE("names stand once in each table, and a name known to ASA is known to the reader") {
  for (const auto& table : {asa::port_names(), asa::protocol_names(), asa::icmp_names(), asa::icmp6_names()}) {
    std::set<std::string_view> seen;
    for (const NamedNumber& row : table) CHECK_MESSAGE(seen.insert(row.name).second, row.name);
  }
  for (const NamedNumber& row : asa::port_names()) {
    CAPTURE(row.name);
    const Device d = read9(fmt::format("access-list L extended permit tcp any any eq {}\n", row.name));
    CHECK(decide(d, "L", tcp(kOut, kWeb, row.number)) == "permit 2");
    CHECK(decide(d, "L", tcp(kOut, kWeb, static_cast<std::uint16_t>(row.number + 1))) == "deny end");
  }
}

TEST_CASE("an entry that cannot be read may do anything, and says where and why") {
  struct Row {
    const char* entry;
    const char* what;
    const char* hint;
  };
  for (const Row& row : {
           Row{"deny tcp any host 192.0.2.25 eq smpt", "'smpt' is neither a port number nor an ASA port name",
               "did you mean 'smtp'?"},
           Row{"deny tpc any any", "'tpc' is no protocol that ASA knows", "did you mean 'tcp'?"},
           Row{"deny tcp any 192.0.2.0 0.0.0.255", "192.0.2.0 has bits outside the netmask 0.0.0.255",
               "ASA writes netmasks, not wildcard masks"},
           Row{"deny tcp any any range 90 80", "the range runs backwards", "put the smaller port first"},
           Row{"deny tcp any any established", "'established' is not understood here", ""},
           Row{"deny tcp any any eq 25 inactiv", "'inactiv' is not understood here", "did you mean 'inactive'?"},
           Row{"deny tcp any 192.0.2.300 255.255.255.255", "'192.0.2.300' is no address",
               "any, host ADDRESS, ADDRESS NETMASK, interface NAME, object NAME or object-group NAME"},
           Row{"deny tcp any host", "an address is missing", ""},
           Row{"drop tcp any any", "'drop' is neither permit nor deny", ""},
       }) {
    CAPTURE(row.entry);
    const Device d = read9(
        fmt::format("access-list L extended {}\naccess-list L extended permit tcp any any eq 25\n", row.entry));
    CHECK(d.coverage.not_understood == 1);
    REQUIRE(d.diagnostics.all().size() == 1);
    CHECK(d.diagnostics.all()[0].error.what == row.what);
    CHECK(d.diagnostics.all()[0].error.hint == row.hint);
    CHECK(d.diagnostics.all()[0].error.where.line == 2);
    CHECK(decide(d, "L", tcp(kOut, "192.0.2.25", 25)) == "undetermined 2");
    CHECK(decide(d, "L", tcp(kOut, "192.0.2.25", 26)) == "undetermined 2");
  }
}

TEST_CASE("objects and groups stand for what they hold, wherever they are written") {
  const Device d = read9(
      "access-list L extended permit object-group SERVICES object-group CLIENTS object-group SERVERS\n"
      "access-list L extended permit object SYSLOG any object LOGGER\n"
      "access-list L extended permit object-group PROTOCOLS any object LOGGER\n"
      "access-list L extended permit tcp any object-group PORTS object LOGGER\n"
      "access-list L extended permit tcp any object LOGGER object-group PORTS\n"
      "access-list L extended permit icmp any object LOGGER object-group PINGS\n"
      "access-list L extended permit icmp6 any any object-group PINGS\n"
      "object-group service SERVICES\n service-object tcp destination eq https\n"
      " service-object tcp source gt 1023 destination range 8000 8010\n service-object icmp echo\n"
      " service-object object SYSLOG\n"
      "object-group network SERVERS\n network-object host 192.0.2.10\n group-object MORE\n"
      "object-group network MORE\n network-object 192.0.2.64 255.255.255.192\n network-object object SPAN\n"
      " network-object 2001:db8:d::/64\n"
      "object network SPAN\n range 192.0.2.20 192.0.2.22\n"
      "object-group network CLIENTS\n network-object host 198.51.100.7\n network-object 2001:db8:1::/48\n"
      "object service SYSLOG\n service udp source gt 1023 destination eq syslog\n"
      "object network LOGGER\n host 192.0.2.40\n"
      "object-group protocol PROTOCOLS\n protocol-object gre\n protocol-object 50\n"
      "object-group service PORTS tcp-udp\n port-object eq domain\n port-object range 60 62\n"
      "object-group icmp-type PINGS\n icmp-object echo\n icmp-object echo-reply\n");
  CAPTURE(open_lines(d));
  CHECK(d.coverage.not_understood == 0);
  CHECK(d.coverage.in_part == 0);
  const char* const kLogger = "192.0.2.40";
  CHECK(decide(d, "L", tcp(kOut, kWeb, 443)) == "permit 2");
  CHECK(decide(d, "L", tcp("198.51.100.8", kWeb, 443)) == "deny end");
  CHECK(decide(d, "L", tcp(kOut6, kWeb6, 443)) == "permit 2");
  CHECK(decide(d, "L", tcp(kOut, "192.0.2.127", 443)) == "permit 2");
  CHECK(decide(d, "L", tcp(kOut, "192.0.2.22", 8005)) == "permit 2");
  CHECK(decide(d, "L", tcp(kOut, "192.0.2.22", 8005, 80)) == "deny end");
  CHECK(decide(d, "L", tcp(kOut, "192.0.2.23", 443)) == "deny end");
  CHECK(decide(d, "L", icmp(kOut, kWeb, 8)) == "permit 2");
  CHECK(decide(d, "L", packet(kOut, kWeb, Protocol::udp, 514)) == "permit 2");
  CHECK(decide(d, "L", packet(kOut, kLogger, Protocol::udp, 514)) == "permit 3");
  CHECK(decide(d, "L", packet(kOut, kLogger, Protocol::gre)) == "permit 4");
  CHECK(decide(d, "L", packet(kOut, kLogger, Protocol::esp)) == "permit 4");
  CHECK(decide(d, "L", tcp(kOut, kLogger, 9, 53)) == "permit 5");
  CHECK(decide(d, "L", tcp(kOut, kLogger, 61)) == "permit 6");
  CHECK(decide(d, "L", tcp(kOut, kLogger, 63)) == "deny end");
  CHECK(decide(d, "L", icmp(kOut, kLogger, 0)) == "permit 7");
  CHECK(decide(d, "L", icmp(kOut, kLogger, 3)) == "deny end");
  CHECK(decide(d, "L", icmp(kOut6, "2001:db8:2::1", 129)) == "permit 8");
  for (const NamedObject& object : d.objects) CHECK_MESSAGE(object.uses >= 1, object.name);
}

TEST_CASE("what a group does not tell is not decided") {
  const Device d = read9(
      "object network UPDATES\n fqdn v4 updates.example.com\n"
      "object-group network A\n network-object host 192.0.2.1\n group-object B\n"
      "object-group network B\n network-object host 192.0.2.2\n group-object A\n"
      "object-group user PEOPLE\n user LAB\\alice\n"
      "access-list L extended deny tcp any object UPDATES eq 80\n"
      "access-list L extended deny tcp any object-group A eq 81\n"
      "access-list L extended deny tcp any object-group NOBODY eq 82\n"
      "access-list L extended deny object-group NOTHING any host 192.0.2.9\n"
      "access-list L extended deny tcp any object-group NOPORTS host 192.0.2.8\n"
      "access-list L extended deny tcp user LAB\\alice any host 192.0.2.7 eq 83\n"
      "access-list L extended deny tcp security-group tag 12 any security-group name web host 192.0.2.6 eq 84\n"
      "access-list L extended deny tcp object-group-user PEOPLE any host 192.0.2.5 eq 85\n"
      "access-list L extended permit tcp any any\n");
  CAPTURE(open_lines(d));
  CHECK(d.coverage.in_part == 8);
  CHECK(d.coverage.not_understood == 0);
  CHECK(decide(d, "L", tcp(kOut, "203.0.113.80", 80)) == "undetermined 12");
  CHECK(decide(d, "L", tcp(kOut, "192.0.2.2", 81)) == "deny 13");
  CHECK(decide(d, "L", tcp(kOut, "203.0.113.80", 81)) == "undetermined 13");  // the circle leaves it open
  CHECK(decide(d, "L", tcp(kOut, "203.0.113.80", 82)) == "undetermined 14");
  CHECK(decide(d, "L", tcp(kOut, "192.0.2.9", 90)) == "undetermined 15");
  CHECK(decide(d, "L", tcp(kOut, "192.0.2.8", 90)) == "undetermined 16");
  CHECK(decide(d, "L", tcp(kOut, "192.0.2.7", 83)) == "undetermined 17");
  CHECK(decide(d, "L", tcp(kOut, "192.0.2.6", 84)) == "undetermined 18");
  CHECK(decide(d, "L", tcp(kOut, "192.0.2.5", 85)) == "undetermined 19");
  CHECK(decide(d, "L", tcp(kOut, "192.0.2.5", 86)) == "permit 20");
  CHECK(d.lists[0].entries[5].undecided == "user LAB\\alice");
}

TEST_CASE("a member that cannot be read leaves its group open, never smaller") {
  const Device d = read9(
      "object-group network G\n network-object host 192.0.2.1\n network-object host 192.0.2.\n"
      "object-group service S tcp\n port-object eq 80\n port-object eq htttp\n"
      "access-list L extended deny tcp any object-group G\naccess-list L extended permit tcp any any object-group "
      "S\n");
  CHECK(d.coverage.not_understood == 2);
  CHECK(decide(d, "L", tcp(kOut, "192.0.2.1", 22)) == "deny 8");
  CHECK(decide(d, "L", tcp(kOut, "192.0.2.2", 80)) == "undetermined 8");
  CHECK(decide(d, "L", tcp(kOut, "192.0.2.2", 81)) == "undetermined 8");
}

TEST_CASE("blocks are told by their words where the indentation is gone") {
  const Device d = read9(
      "interface Gi0/0\nnameif outside\nsecurity-level 0\nobject network WEB\nhost 192.0.2.10\n"
      "object-group service S tcp\nport-object eq 80\nservice resetoutside\n"
      "access-list L extended permit tcp any object WEB object-group S\n");
  CHECK(d.coverage.not_understood == 0);
  CHECK(decide(d, "L", tcp(kOut, kWeb, 80)) == "permit 10");
  CHECK(decide(d, "L", tcp(kOut, kWeb, 81)) == "deny end");
  CHECK(d.interfaces.at(0).nameif == "outside");
  CHECK(d.interfaces.at(0).security_level == 0);
}

TEST_CASE("the keyword interface is the interface's own address") {
  const Device d = read9(
      "access-list L extended permit tcp any interface outside eq 443\n"
      "access-list L extended permit tcp any interface dmz eq 444\n"
      "interface Gi0/0\n nameif outside\n ip address 203.0.113.2 255.255.255.248 standby 203.0.113.3\n"
      "interface Gi0/1\n nameif dmz\n ip address dhcp setroute\n");
  CHECK(decide(d, "L", tcp(kOut, "203.0.113.2", 443)) == "permit 2");
  CHECK(decide(d, "L", tcp(kOut, "203.0.113.3", 443)) == "deny end");
  CHECK(decide(d, "L", tcp(kOut, "203.0.113.3", 444)) == "undetermined 3");
}

TEST_CASE("lines are inserted where they say, and remarks go with the next entry") {
  const Device d = read9(
      "access-list L extended permit tcp any any eq 1\naccess-list L extended permit tcp any any eq 2\n"
      "access-list L line 1 extended deny tcp any any eq 3\naccess-list L line 3 remark between\n"
      "access-list L line 9 extended deny ip any any\n");
  REQUIRE(d.lists.size() >= 1);
  std::vector<std::uint32_t> order;
  for (const Entry& e : d.lists[0].entries) order.push_back(e.line);
  CHECK(order == std::vector<std::uint32_t>{4, 2, 3, 6});
  CHECK(d.lists[0].entries[2].remark == "between");
}

TEST_CASE("many insertions in front keep their order") {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += fmt::format("access-list L line 1 extended permit tcp any any eq {}\n", i);
  const Device d = read9(text);
  REQUIRE(d.lists[0].entries.size() == 5000);
  for (std::size_t i = 0; i < 5000; ++i) REQUIRE(d.lists[0].entries[i].line == 5001 - i);
}

TEST_CASE("before 9.0 a list is of one family, and IPv6 has its own") {
  const Device d = read(
      "ASA Version 8.4(7)\naccess-list L extended permit ip any any\nipv6 access-list L permit tcp any any eq "
      "https\n"
      "ipv6 access-list L permit icmp6 any any echo\n");
  CHECK(d.coverage.not_understood == 0);
  REQUIRE(d.lists.size() == 2);
  CHECK(decide(d, "L", tcp(kOut, kWeb, 80)) == "permit 2");
  CHECK(decide(d, "L", tcp(kOut6, kWeb6, 443)) == "deny end");
  CHECK(d.lists[1].family == Family::ipv6);
  CHECK(d.lists[1].entries.size() == 2);
}

TEST_CASE("counters of show access-list: entries taken apart, and groups that are defined nowhere") {
  const std::string text = sample("asa_show_access_list.txt");
  const Device d = read(text);
  CAPTURE(open_lines(d));
  CHECK(lines_counted(d) == lines_not_blank(text));
  CHECK(d.coverage.not_understood == 0);
  CHECK(d.coverage.in_part == 0);
  const ListIndex list = d.find_list("OUTSIDE-IN");
  REQUIRE(list != kNoList);
  const std::vector<Entry>& entries = d.lists[list].entries;
  REQUIRE(entries.size() == 4);
  CHECK(entries[0].packets == 57);
  CHECK(entries[0].remark == "the public web server");
  CHECK(entries[0].line == 6);
  CHECK(entries[0].line_last == 8);
  CHECK(entries[1].packets == 1207);  // the sum of its parts
  CHECK(entries[2].packets == 90210);
  CHECK(entries[3].packets == 0);
  CHECK(entries[3].inactive);
  CHECK(decide(d, "OUTSIDE-IN", tcp(kOut, kWeb, 443)) == "permit 6");
  CHECK(decide(d, "OUTSIDE-IN", tcp(kOut, kWeb, 444)) == "deny 12");
  CHECK(decide(d, "OUTSIDE-IN", tcp(kOut, "192.0.2.25", 587)) == "permit 9");
  CHECK(decide(d, "OUTSIDE-IN", tcp(kOut, "192.0.2.25", 22)) == "deny 12");
}

TEST_CASE("counters beside the configuration belong to its entries") {
  const std::string text =
      "ASA Version 9.8(2)\nobject-group network WEB\n network-object host 192.0.2.10\n network-object host "
      "192.0.2.11\n"
      "access-list L remark web\naccess-list L extended permit tcp any object-group WEB eq https\n"
      "access-list L extended deny ip any any\n"
      "access-list L; 3 elements; name hash: 0x1\naccess-list L line 1 remark web\n"
      "access-list L line 2 extended permit tcp any object-group WEB eq https 0xaa\n"
      "  access-list L line 2 extended permit tcp any host 192.0.2.10 eq https (hitcnt=4) 0xab\n"
      "  access-list L line 2 extended permit tcp any host 192.0.2.11 eq https (hitcnt=5) 0xac\n"
      "access-list L line 3 extended deny ip any any (hitcnt=6) 0xad\n"
      "access-list L line 4 extended deny ip any any (hitcnt=7) 0xae\n";
  const Device d = read(text);
  CHECK(lines_counted(d) == lines_not_blank(text));
  REQUIRE(d.lists[0].entries.size() == 2);
  CHECK(d.lists[0].entries[0].packets == 9);
  CHECK(d.lists[0].entries[0].line == 6);
  CHECK(d.lists[0].entries[1].packets == 6);
  CHECK(d.coverage.in_part == 1);
  REQUIRE(d.diagnostics.all().size() == 1);
  CHECK(d.diagnostics.all()[0].error.what == "line 4 of L in show access-list is no entry of the configuration");
}

TEST_CASE("webtype and ethertype lists are about something else") {
  const Device d = read9(
      "access-list W webtype permit url http://*.example.com/*\naccess-list E ethertype permit bpdu\n"
      "access-list E ethertype deny any\naccess-list S standard permit 192.0.2.0 255.255.255.0\n");
  CHECK(d.coverage.not_filtering == 2);
  CHECK(d.coverage.in_part == 1);
  CHECK(d.find_list("W") == kNoList);
  CHECK(d.find_list("E") == kNoList);
  CHECK(decide(d, "S", tcp(kOut, kWeb, 80)) == "permit 5");  // destinations of routes
}

}  // namespace
}  // namespace demarc
