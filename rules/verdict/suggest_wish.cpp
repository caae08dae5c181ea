// What a list must and may let through: the rules in force, cut to the packets that come by it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <unordered_map>
#include <utility>

#include "rules/verdict/suggest.h"
#include "rules/verdict/suggest_aws.h"

namespace demarc {

namespace {

constexpr std::size_t kBoxesMax = 2000;  // of one rule, where forbidden entries cut it
constexpr std::size_t kNamesMax = 3;

const FragmentSet kWhole{Fragment::whole}, kUncut{Fragment::whole, Fragment::first};
const Box kNeighbours{
    .family = Family::ipv6, .protocols = {Protocol::icmpv6}, .icmp = IcmpSet{{135, {}}, {136, {}}}};

/// Errors open nothing, and which conversation one quotes no list can see (RFC 792, RFC 4443).
std::vector<Box> error_messages() {
  return {{.family = Family::ipv4, .protocols = {Protocol::icmp}, .icmp = IcmpSet{{3, {}}, {11, {}}, {12, {}}}},
          {.family = Family::ipv6,
           .protocols = {Protocol::icmpv6},
           .icmp = IcmpSet{{1, {}}, {2, {}}, {3, {}}, {4, {}}}}};
}
/// What a device hears of its links (RFC 4890 section 4.4): listeners, routers, neighbours.
Box link_control() {
  return {.family = Family::ipv6,
          .protocols = {Protocol::icmpv6},
          .icmp = IcmpSet::of_numbers(
              PortSet{{Port(130 << 8), Port(136 << 8 | 255)}, {Port(143 << 8), Port(143 << 8 | 255)}})};
}

/// The box's packets between the ends that are seen; empty ends give nothing.
void cut_to(const Box& box, const std::vector<Box>& seen, std::vector<Box>& out) {
  for (const Box& s : seen) {
    Box b = box;
    b.sources = box.sources.intersect(s.sources);
    b.destinations = box.destinations.intersect(s.destinations);
    if (s.family) {
      if (b.family && *b.family != *s.family) continue;
      b.family = s.family;
    }
    b.ingress = box.ingress.intersect(s.ingress);
    b.egress = box.egress.intersect(s.egress);
    if (!b.sources.empty() && !b.destinations.empty() && !b.ingress.empty() && !b.egress.empty())
      out.push_back(std::move(b));
  }
}

std::size_t hash_of(const AddressSet& set) {
  std::size_t hash = 0;
  for (const AddressRange& r : set.ranges())
    for (const Address& a : {r.first, r.last}) {
      const Uint128 number = a.number();
      hash = hash * 0x9E3779B97F4A7C15U + static_cast<std::size_t>(number ^ (number >> 64));
    }
  return hash;
}

/// Boxes that differ in this end alone become one, where the first of them stands. Whether there were any.
bool join_at(std::vector<Box>& boxes, AddressSet Box::*end, AddressSet Box::*other) {
  struct Group {
    Box rest;  // without the end
    std::vector<AddressRange> ranges;
  };
  std::vector<Group> groups;
  std::unordered_map<std::size_t, std::vector<std::size_t>> by_other;
  for (Box& box : boxes) {
    const AddressSet own = std::exchange(box.*end, AddressSet());
    std::vector<std::size_t>& alike = by_other[hash_of(box.*other)];
    const auto found =
        std::find_if(alike.begin(), alike.end(), [&](std::size_t g) { return groups[g].rest == box; });
    if (found == alike.end()) {
      alike.push_back(groups.size());
      groups.push_back({std::move(box), own.ranges()});
    } else {
      std::vector<AddressRange>& ranges = groups[*found].ranges;
      ranges.insert(ranges.end(), own.ranges().begin(), own.ranges().end());
    }
  }
  const bool changed = groups.size() != boxes.size();
  boxes.clear();
  for (Group& g : groups) {
    g.rest.*end = AddressSet::of_ranges(std::move(g.ranges));
    boxes.push_back(std::move(g.rest));
  }
  return changed;
}

/// A rule from two zones is one entry again.
void join(std::vector<Box>& boxes) {
  bool changed = boxes.size() > 1;
  while (changed) {
    changed = join_at(boxes, &Box::destinations, &Box::sources);
    if (join_at(boxes, &Box::sources, &Box::destinations)) changed = true;
  }
}

void without_interfaces(std::vector<Box>& boxes) {
  for (Box& b : boxes) b.ingress = b.egress = ByteSet::all();
}

bool is_error_box(const Box& b) {
  return b.sources == AddressSet::all() &&
         ((b.family == Family::ipv4 && b.protocols == ProtocolSet{Protocol::icmp}) ||
          (b.family == Family::ipv6 && b.protocols == ProtocolSet{Protocol::icmpv6}));
}
bool is_icmp_box(const Box& b) {
  return b.protocols == ProtocolSet{Protocol::icmp} || b.protocols == ProtocolSet{Protocol::icmpv6};
}

std::string first_names(const std::vector<std::string>& names) { return names.size() == 1 ? names[0] : ""; }

std::string comment_of(const RuleSet& rules, const Rule& rule) {
  std::vector<std::string_view> services;
  for (const std::uint32_t s : rule.services) services.push_back(rules.services.at(s).name);
  std::string out = rule.id;
  if (services.size() > kNamesMax)
    out += fmt::format(" {} services", services.size());
  else if (!services.empty())
    out += fmt::format(" {}", fmt::join(services, " "));
  if (!rule.owner.empty()) out += fmt::format(", owner {}", rule.owner);
  if (rule.expires) out += fmt::format(", expires {}", to_string(*rule.expires));
  return out;
}

/// Fragments behind the first one of what is in the set: no filter without state sees their ports. Whoever sends
/// them to or from an address of such a conversation opens nothing: nobody puts them together without the first.
PacketSet with_later_fragments(const PacketSet& set, PacketSpace& space) {
  const PacketSet later = space.of(Box{.fragments = kLaterFragments});
  const PacketSet bare = set.forget({Field::port_or_icmp, Field::source_port, Field::flags, Field::fragment});
  return set | ((bare.forget({Field::source}) | bare.forget({Field::destination})) & later);
}

/// An attachment of AWS holds its own addresses alone: the others of its zone are not behind it.
void keep_attached(const Device& device, bool inward, Box& box) {
  AddressSet own;
  for (std::size_t i = 0; i < device.interfaces.size(); ++i) {
    if (!(inward ? box.egress : box.ingress).contains(static_cast<InterfaceId>(i))) continue;
    if (device.interfaces[i].networks.empty()) return;
    own = own.unite(AddressSet::of(device.interfaces[i].networks));
  }
  AddressSet& near = inward ? box.destinations : box.sources;
  near = near.intersect(own);
}

}  // namespace

ReplyHandling reply_handling(const Device& device, ListIndex list) {
  if (device.replies_implied) return ReplyHandling::implied;
  if (!is_stateful(device)) return ReplyHandling::stateless;
  // iptables and nftables can ask for the state wherever they like; elsewhere a device has lists that keep state
  // beside others that do not (SRX: policies and filters; AWS: groups and network ACLs).
  if (device.dialect == Dialect::iptables || device.dialect == Dialect::nftables) return ReplyHandling::by_state;
  const auto asks = [&](ListIndex l) {
    const std::vector<Entry>& entries = device.lists[l].entries;
    return std::any_of(entries.begin(), entries.end(), [](const Entry& e) {
      return std::any_of(e.match.begin(), e.match.end(),
                         [](const Match& m) { return m.box.states != StateSet::all(); });
    });
  };
  for (const Stage& stage : device.stages)
    if (std::find(stage.lists.begin(), stage.lists.end(), list) != stage.lists.end() &&
        std::any_of(stage.lists.begin(), stage.lists.end(), asks))
      return ReplyHandling::by_state;
  return ReplyHandling::stateless;
}

Domain domain_of(const Binding& binding, std::uint32_t index, ListIndex list, const Stage* only) {
  const Device& device = *binding.devices[index].device;
  Domain out;
  out.own = binding.devices[index].own;
  bool one_family = true;
  const std::vector<ZonePath> declared = all_paths(binding);
  const auto set_of = [](const std::vector<InterfaceId>& ids) {
    ByteSet set;
    for (const InterfaceId id : ids) set.insert(id);
    return ids.empty() ? ByteSet::all() : set;
  };
  // A side that is not known is any interface.
  const auto sides_or_all = [](const std::vector<Side>& sides, const AddressSet& addresses) {
    return sides.empty() ? std::vector<Side>{{addresses, ByteSet::all(), Leads::remaining}} : sides;
  };
  for (const Stage& stage : device.stages) {
    if (std::find(stage.lists.begin(), stage.lists.end(), list) == stage.lists.end()) continue;
    if (only != nullptr && only != &stage) continue;
    if (stage.family) {
      one_family = one_family && (!out.family || out.family == stage.family);
      out.family = stage.family;
    } else {
      one_family = false;
    }
    out.to_device = out.to_device || stage.ways.contains(Way::to_device);
    const ByteSet in = set_of(stage.ingress), leaving = set_of(stage.egress);
    for (const ZonePath& path : declared)
      for (const Hop& hop : path.hops)
        for (const Alternative& alternative : hop.alternatives) {
          if (alternative.device != index) continue;
          for (const Crossing& c : alternative.crossings) {
            if (!stage.ways.contains(c.way)) continue;
            for (const Side& i : sides_or_all(c.ingress, c.sources))
              for (const Side& e : sides_or_all(c.egress, c.destinations)) {
                Box box;
                box.family = stage.family;
                box.sources = i.addresses.intersect(c.sources);
                box.destinations = e.addresses.intersect(c.destinations);
                box.ingress = i.interfaces.intersect(in);
                box.egress = e.interfaces.intersect(leaving);
                if (device.dialect == Dialect::aws) keep_attached(device, is_inward(device.lists[list]), box);
                if (box.sources.empty() || box.destinations.empty() || box.ingress.empty() || box.egress.empty())
                  continue;
                out.seen.push_back(std::move(box));
              }
          }
        }
  }
  if (!one_family) out.family.reset();
  return out;
}

Wish Suggester::wish_for(const Domain& domain, ReplyHandling replies, bool icmp_replies, bool icmp_errors,
                         bool names_states) {
  PacketSpace& s = *space_;
  Wish wish;
  const PacketSet approved = documented_.approved();
  const PacketSet seen = s.of(domain.seen);
  std::vector<WishPart> openings, answers;
  std::vector<Box> errors;
  const auto add = [&](const Rule& rule, const PacketSet& opening, bool in_force) {
    if (!in_force) return;
    WishPart part;
    part.comment = comment_of(rules_, rule);
    part.rule = rule.id;
    part.source_name = first_names(rule.from.names), part.destination_name = first_names(rule.to.names);
    for (const Box& b : opening_boxes(rules_, rule.services, rule.from.addresses, rule.to.addresses))
      cut_to(b, domain.seen, part.boxes);
    join(part.boxes);
    part.set = opening & approved & seen;
    if (s.of(part.boxes) != part.set) {  // a forbidden entry cuts it
      const Cover cover = part.set.cover(kBoxesMax);
      if (cover.complete()) part.boxes = cover.boxes;
    }
    if (!part.set.is_empty()) openings.push_back(std::move(part));
    if (replies == ReplyHandling::by_state && names_states) return;
    WishPart back;
    back.comment = fmt::format("{}: replies", comment_of(rules_, rule));
    back.rule = rule.id;
    back.source_name = first_names(rule.to.names), back.destination_name = first_names(rule.from.names);
    for (const Box& b : reply_boxes(rules_, rule.services, rule.from.addresses, rule.to.addresses)) {
      const bool is_error = is_error_box(b);
      if (replies == ReplyHandling::implied && !(is_error ? !icmp_errors : is_icmp_box(b) && !icmp_replies))
        continue;
      cut_to(b, domain.seen, is_error ? errors : back.boxes);
    }
    join(back.boxes);
    back.set = s.of(back.boxes);
    if (!back.set.is_empty()) answers.push_back(std::move(back));
  };
  for (std::uint32_t r = 0; r < rules_.rules.size(); ++r)
    add(rules_.rules[r], documented_.opening_set(r), documented_.state(r).in_force());
  for (std::uint32_t x = 0; x < rules_.exceptions.size(); ++x)
    add(rules_.exceptions[x].rule, documented_.exception_set(x), documented_.exception_state(x).in_force());
  std::size_t opening_count = openings.size();
  // What rules approve together is said once for each of them; what lies in another rule's part already is not.
  wish.parts = std::move(openings);
  std::move(answers.begin(), answers.end(), std::back_inserter(wish.parts));
  if (!errors.empty()) {
    WishPart part;
    part.comment = "ICMP errors about approved conversations (RFC 792, RFC 4443)";
    join(errors);
    part.boxes = std::move(errors);
    part.set = s.of(part.boxes);
    wish.parts.push_back(std::move(part));
  }
  if (domain.to_device && domain.family.value_or(Family::ipv6) == Family::ipv6) {
    WishPart part;
    part.comment = "neighbour discovery (RFC 4890)";
    part.boxes = {kNeighbours};
    part.set = s.of(part.boxes);
    wish.parts.insert(wish.parts.begin(), std::move(part));
    ++opening_count;
  }
  std::vector<PacketSet> sets;
  for (const WishPart& part : wish.parts) sets.push_back(part.set);
  const PacketSet all = s.unite_all(sets);
  const PacketSet begun = s.unite_all(std::span(sets).first(opening_count));
  wish.must = (replies == ReplyHandling::by_state ? begun : all) &
              s.of(Box{.fragments = replies == ReplyHandling::stateless ? kUncut : kWhole});

  // May: the same over any interface, errors, and what a device hears of its links.
  PacketSet may = all.forget({Field::ingress, Field::egress}) | s.of(kNeighbours);
  if (domain.to_device) {
    Box box = link_control();
    box.destinations = domain.own;
    may |= s.of(box);
  }
  may |= s.of(error_messages()) & seen;
  may = with_later_fragments(may, s);
  if (!domain.judges_all) may |= ~seen;
  if (replies == ReplyHandling::by_state) {
    const PacketSet known = s.of(Box{.states = {ConnectionState::established, ConnectionState::related}});
    const PacketSet fresh = s.of(Box{.states = {ConnectionState::fresh}});
    const PacketSet established = s.of(Box{.states = {ConnectionState::established}});
    const PacketSet whole = s.of(Box{.fragments = kWhole});
    // Replies come by in the other direction; those that come by here belong to conversations seen there.
    const PacketSet answered = documented_.replies() & seen & whole & established;
    wish.must = (wish.must & (fresh | established)) | answered;
    may |= known;
  }
  wish.may = may;
  for (WishPart& part : wish.parts) {
    without_interfaces(part.boxes);
    join(part.boxes);
  }
  return wish;
}

}  // namespace demarc
