#include "rules/acl/hit_counts.h"

#include <doctest/doctest.h>

#include "rules/acl/readers/reader.h"

namespace demarc {
namespace {

Device read(const char* file, std::string text, Dialect dialect = Dialect::cisco_ios) {
  return read_configuration(Source(file, std::move(text)), dialect).value();
}

TEST_CASE("counters are laid over entries by what they say, whatever their numbers") {
  Device d =
      read("edge.cfg",
           "ip access-list extended L\n permit tcp any host 192.0.2.10 eq 443\n deny tcp any any eq 25\n"
           " permit tcp any any established\n deny ip any any log\naccess-list 10 permit 192.0.2.0 0.0.0.63\n"
           "access-list 10 permit 198.51.100.1\n");
  const Device shown =
      read("show.txt",
           "Standard IP access list 10\n    20 permit 198.51.100.1 (4 matches)\n"
           "    10 permit 192.0.2.0, wildcard bits 0.0.0.63 (3 matches)\n"
           "Extended IP access list L\n    10 permit tcp any host 192.0.2.10 eq 443 (1204 matches)\n"
           "    20 deny tcp any any eq smtp\n    30 permit tcp any any established (17 matches)\n"
           "    40 deny ip any any log (9 matches)\n");
  const HitCounts counts = apply_hit_counts(d, shown);
  CHECK(counts.entries_counted == 6);
  CHECK(counts.complete());
  CHECK(d.diagnostics.all().empty());
  const List& l = d.lists[d.find_list("L")];
  CHECK(l.entries[0].packets == 1204);
  CHECK(l.entries[1].packets == 0);  // `smtp` is 25; no counter: nothing matched
  CHECK(l.entries[2].packets == 17);
  CHECK(l.entries[3].packets == 9);
  CHECK(d.lists[d.find_list("10")].entries[0].packets == 3);
  CHECK(d.lists[d.find_list("10")].entries[1].packets == 4);
}

TEST_CASE("what does not fit is said, and costs only itself") {
  Device d = read("edge.cfg",
                  "ip access-list extended L\n 10 permit tcp any any eq 443\n 20 permit tcp any any eq 22\n"
                  " 30 deny ip any any\nip access-list extended NEW\n permit ip any any\n");
  const Device shown = read("show.txt",
                            "Extended IP access list L\n    10 permit tcp any any eq 443 (5 matches)\n"
                            "    20 permit tcp any any eq 8443 (6 matches)\n    30 deny ip any any (7 matches)\n"
                            "Extended IP access list OLD\n    10 deny ip any any (1 match)\n");
  const HitCounts counts = apply_hit_counts(d, shown);
  CHECK(counts.entries_counted == 2);
  CHECK(counts.entries_missing == 1);
  CHECK(counts.entries_unknown == 1);
  CHECK(counts.lists_missing == 1);
  CHECK(counts.lists_unknown == 1);
  CHECK(d.lists[0].entries[0].packets == 5);
  CHECK(!d.lists[0].entries[1].packets);  // the same number, and another entry
  CHECK(d.lists[0].entries[2].packets == 7);
  REQUIRE(d.diagnostics.all().size() == 4);
  CHECK(d.diagnostics.all()[0].error.what == "show.txt does not have this entry of L: it gets no counter");
  CHECK(d.diagnostics.all()[0].error.where.line == 3);
  CHECK(d.diagnostics.all()[1].error.what == "the configuration does not have this entry of L");
  CHECK(d.diagnostics.all()[1].error.where.file == "show.txt");
  CHECK(d.diagnostics.all()[2].error.what == "show.txt has no list NEW: its entries get no counters");
  CHECK(d.diagnostics.all()[3].error.what == "the configuration does not have a list OLD");
}

TEST_CASE("groups are names in the output, and entries that name them are told apart by their words") {
  Device d = read("edge.cfg",
                  "object-group network A\n host 192.0.2.1\nobject-group network B\n host 192.0.2.2\n"
                  "ip access-list extended L\n permit ip object-group B any\n permit ip object-group A any\n");
  const Device shown = read("show.txt",
                            "Extended IP access list L\n    10 permit ip object-group B any (2 matches)\n"
                            "    20 permit ip object-group A any (1 match)\n");
  CHECK(apply_hit_counts(d, shown).complete());
  CHECK(d.lists[0].entries[0].packets == 2);
  CHECK(d.lists[0].entries[1].packets == 1);
}

TEST_CASE("a list that keeps no counters has not matched nothing") {
  Device d = read("n9k.cfg",
                  "ip access-list L\n  10 permit tcp any any eq 443\nip access-list M\n  10 permit ip any any\n",
                  Dialect::cisco_nxos);
  const Device shown = read("show.txt",
                            "IP access list L\n        10 permit tcp any any eq 443 \nIP access list M\n"
                            "        statistics per-entry\n        10 permit ip any any [match=3]\n",
                            Dialect::cisco_nxos);
  const HitCounts counts = apply_hit_counts(d, shown);
  CHECK(counts.entries_uncounted == 1);
  CHECK(counts.entries_counted == 1);
  CHECK(!d.lists[0].entries[0].packets);
  CHECK(d.lists[1].entries[0].packets == 3);
  REQUIRE(d.diagnostics.all().size() == 1);
  CHECK(d.diagnostics.all()[0].error.what == "no counters are kept for L");
}

TEST_CASE("what readers add to the written lists is not looked for in the output") {
  Device xr = read("xr.cfg",
                   "ipv4 access-list L\n 10 permit ipv4 any any\n!\ncontrol-plane\n management-plane\n  inband\n"
                   "   interface all\n    allow SSH\n",
                   Dialect::cisco_xr);
  CHECK(apply_hit_counts(
            xr, read("show.txt", "ipv4 access-list L\n 10 permit ipv4 any any (8 matches)\n", Dialect::cisco_xr))
            .complete());
  CHECK(xr.lists[0].entries[0].packets == 8);
  Device eos =
      read("leaf.cfg", "ip access-list L\n   10 permit ip any any\ninterface Ethernet1\n   no switchport\n",
           Dialect::arista_eos);
  const HitCounts counts = apply_hit_counts(
      eos, read("show.txt",
                "IP Access List default-control-plane-acl [readonly]\n        10 permit icmp any any\n"
                "IP Access List L\n        counters per-entry\n        10 permit ip any any [match 3 packets, "
                "0:00:01 ago]\n",
                Dialect::arista_eos));
  CHECK(counts.complete());
  CHECK(counts.entries_counted == 1);
}

TEST_CASE("counters that shrink were reset in between") {
  Device d = read("edge.cfg", "access-list 110 permit ip any any\n");
  const auto shown = [](int n) {
    return read("show.txt",
                "Extended IP access list 110\n    10 permit ip any any (" + std::to_string(n) + " matches)\n");
  };
  CHECK(apply_hit_counts(d, shown(50)).lists_reset == 0);
  CHECK(apply_hit_counts(d, shown(60)).lists_reset == 0);
  CHECK(apply_hit_counts(d, shown(7)).lists_reset == 1);
  CHECK(d.lists[0].entries[0].packets == 7);
  CHECK(d.diagnostics.all().back().error.what ==
        "counters of 110 are smaller than before: they were reset in between");
}

}  // namespace
}  // namespace demarc
