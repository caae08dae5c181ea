// What our own decision diagrams make of a list, held against a packaged library of the same kind (BuDDy): random
// lists, and large ones of a DMZ's shape. Both sides are canonical, so "the same set" is one comparison.
#include <bdd.h>
#include <doctest/doctest.h>

#include "rules/acl/meaning.h"
#include "tests/support/large_lists.h"

namespace demarc {
namespace {

// IPv4 only: protocol, destination port, source port, destination, source.
constexpr int kProtocol = 0, kPort = 8, kSourcePort = 24, kDestination = 40, kSource = 72, kVariables = 104;

class Library {
 public:
  Library() {
    bdd_init(1'000'000, 100'000);
    bdd_gbc_hook(nullptr);
    bdd_setmaxincrease(1'000'000);
    bdd_setvarnum(kVariables);
  }
  ~Library() { bdd_done(); }
};

bdd range(int first, int bits, std::uint64_t from, std::uint64_t to) {
  bdd least = bddtrue, most = bddtrue;
  for (int b = 0; b < bits; ++b) {
    const bdd one = bdd_ithvar(first + bits - 1 - b), zero = bdd_nithvar(first + bits - 1 - b);
    least = (from >> b & 1) != 0 ? one & least : one | least;
    most = (to >> b & 1) != 0 ? zero | most : zero & most;
  }
  return least & most;
}
bdd addresses(int first, const AddressSet& set) {
  bdd any = bddfalse;
  for (const AddressRange& r : set.ranges())
    if (r.first.is_ipv4()) any |= range(first, 32, r.first.low(), r.last.low());
  return any;
}
bdd ports(int first, const PortSet& set) {
  bdd any = bddfalse;
  for (const PortRange& r : set.ranges()) any |= range(first, 16, r.first.number(), r.last.number());
  return any;
}
bdd protocols(const ByteSet& set) {
  bdd any = bddfalse;
  for (unsigned n = 0; n < 256; ++n)
    if (set.contains(static_cast<std::uint8_t>(n))) any |= range(kProtocol, 8, n, n);
  return any;
}
bdd of(const Box& box) {
  if (box.family == Family::ipv6) return bddfalse;
  bdd set = protocols(box.protocols.numbers()) & addresses(kDestination, box.destinations) &
            addresses(kSource, box.sources);
  if (box.ports != PortSet::all() || box.source_ports != PortSet::all())
    set &= protocols(ProtocolSet::with_ports().numbers()) & ports(kPort, box.ports) &
           ports(kSourcePort, box.source_ports);
  return set;
}

struct Ruling {
  bdd permitted, matched;
};
Ruling first_match(const std::vector<large_lists::Line>& list, std::size_t first, std::size_t last) {
  if (last - first == 1) {
    const bdd match = of(list[first].box);
    return {list[first].permit ? match : bddfalse, match};
  }
  const std::size_t middle = first + (last - first) / 2;
  const Ruling a = first_match(list, first, middle), b = first_match(list, middle, last);
  return {a.permitted | (b.permitted - a.matched), a.matched | b.matched};
}

void agree(const std::vector<large_lists::Line>& list, Fallthrough at_end) {
  Device device;
  device.lists.resize(1);
  device.lists[0].at_end = at_end;
  std::vector<Box> boxes;
  for (const large_lists::Line& line : list) {
    Entry e;
    e.action = line.permit ? Action::permit : Action::deny;
    e.match.push_back({.box = line.box});
    device.lists[0].entries.push_back(std::move(e));
    boxes.push_back(line.box);
  }
  for (const VariableOrder order : {VariableOrder::ports_first, VariableOrder::addresses_first}) {
    PacketSpace space(order);
    const Bounds ours = Meaning(device, space).permitted_by(0);
    REQUIRE(ours.is_exact());
    const Cover cover = (ours.certain & space.of(Box{.family = Family::ipv4})).cover(2'000'000);
    REQUIRE(cover.complete());
    bdd said = bddfalse;
    for (const Box& box : cover.boxes) said |= of(box);
    const Ruling theirs = first_match(list, 0, list.size());
    REQUIRE(said == (at_end == Fallthrough::permit ? theirs.permitted | !theirs.matched : theirs.permitted));
  }
}

TEST_CASE("random lists mean to the library what they mean to us") {
  const Library library;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::vector<large_lists::Line> list = large_lists::random_ranges(12, seed);
    const std::vector<large_lists::Line> more = large_lists::structured(20, seed);
    list.insert(list.end(), more.begin(), more.end());
    std::shuffle(list.begin(), list.end(), random);
    agree(list, seed % 2 == 0 ? Fallthrough::deny : Fallthrough::permit);
  }
}

TEST_CASE("a list of a DMZ's shape means the same to both") {
  const Library library;
  agree(large_lists::structured(600, 7), Fallthrough::deny);
}

}  // namespace
}  // namespace demarc
