#include "rules/verdict/configured.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "rules/verdict/judging.h"

namespace demarc {

namespace {

constexpr std::array<std::string_view, 5> kStates{"not measured", "undetermined", "denies", "partly", "permits"};
/// A pair that does not fit into an empty space does not fit into the next one either.
constexpr std::size_t kSpacesMax = 4;

VariableOrder order_for(const RuleSet& rules, const Binding& binding) {
  constexpr std::size_t kBoxesMax = 400;  // of each
  std::vector<Box> boxes;
  for (const BoundDevice& d : binding.devices) {
    if (d.device == nullptr) continue;
    const std::vector<Box> more = boxes_of(*d.device, kBoxesMax);
    boxes.insert(boxes.end(), more.begin(), more.end());
  }
  std::size_t documented = 0;
  for (const Rule& rule : rules.rules) {
    if (documented >= kBoxesMax) break;
    const std::vector<Box> more = opening_boxes(rules, rule.services, rule.from.addresses, rule.to.addresses);
    documented += more.size();
    boxes.insert(boxes.end(), more.begin(), more.end());
  }
  return choose_order(boxes);
}

class Comparing {
 public:
  Comparing(Judging& j, ConfiguredView& view) : j_(j), view_(view), order_(order_for(j.rules, view.binding)) {}

  void run() {
    for (ZonePath& path : all_paths(view_.binding)) {
      auto pair = std::make_unique<PairView>();
      pair->path = std::move(path);
      for (const Hop& hop : pair->path.hops)
        for (const Alternative& a : hop.alternatives)
          pair->measured = pair->measured || view_.binding.devices[a.device].device != nullptr;
      view_.pairs.push_back(std::move(pair));
    }
    for (const auto& pair : view_.pairs)
      if (pair->measured) work_out(*pair);
    for (const auto& pair : view_.pairs) {
      if (pair->path.state == ZonePath::State::isolated) continue;
      if (pair->measured && pair->decided) {
        try {
          judge_configured_pair(j_, view_, *pair);
          continue;
        } catch (const SpaceExhausted&) {
          pair->decided = false;
        }
      }
      cannot_say(*pair);
    }
  }

 private:
  std::string pair_words(const PairView& pair) const {
    return fmt::format("{} to {}", j_.rules.zones[pair.path.from].name, j_.rules.zones[pair.path.to].name);
  }

  /// The sets of one pair; in a new space where the old one is full.
  void work_out(PairView& pair) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      const bool fresh = view_.spaces.empty() || attempt == 1;
      if (fresh && view_.spaces.size() == kSpacesMax) break;
      try {
        if (fresh) view_.spaces.push_back(std::make_unique<ConfiguredSpace>(j_.rules, order_, j_.options.as_of));
        ConfiguredSpace& in = *view_.spaces.back();
        pair.in = &in;
        pair.sets = std::make_unique<PathSets>(view_.binding, pair.path, in.space, in.devices);
        if (!in.openings_) in.openings_ = opening_packets(in.space);
        pair.scope = pair.sets->scope() & *in.openings_;
        // What the filters on the path send themselves is no traffic between the zones, unless they filter it.
        for (const Hop& hop : pair.path.hops) {
          for (const Alternative& a : hop.alternatives) {
            const BoundDevice& d = view_.binding.devices[a.device];
            const bool filters = d.device != nullptr &&
                                 std::any_of(d.device->stages.begin(), d.device->stages.end(),
                                             [](const Stage& s) { return s.ways.contains(Way::from_device); });
            if (!hop.local && !filters) pair.scope -= in.space.of(Box{.sources = d.own});
          }
        }
        const Bounds path = pair.sets->permitted();
        pair.openings = {path.certain & pair.scope, path.possible & pair.scope};
        return;
      } catch (const SpaceExhausted&) {
        pair.sets.reset();
      }
    }
    pair.decided = false;
  }

  void cannot_say(const PairView& pair) {
    std::vector<std::string> devices;
    for (const Hop& hop : pair.path.hops)
      for (const Alternative& a : hop.alternatives) devices.push_back(view_.binding.devices[a.device].name);
    if (devices.empty()) return;
    Gap gap;
    gap.from_zone = j_.rules.zones[pair.path.from].name;
    gap.to_zone = j_.rules.zones[pair.path.to].name;
    CoverageRow row;
    row.what = fmt::format("path {}", pair_words(pair));
    row.required = pair.path.hops.size();
    if (pair.measured) {
      gap.title = fmt::format("what is configured from {} is too complicated to compare", pair_words(pair));
      gap.cause = "The sets of packets need more memory or time than a comparison may take.";
      gap.remedy = "Check the devices one by one with `demarc acl check`, and simplify the lists.";
      row.gap = "too complicated to compare";
    } else if (pair.path.state == ZonePath::State::declared) {
      gap.title = fmt::format("what is configured from {} is not measured", pair_words(pair));
      gap.cause = fmt::format("The path crosses {}, of which no configuration can be used.", list_some(devices));
      gap.remedy = "Give the configurations of the devices on the path.";
      row.gap = "no configuration";
    } else {
      return;
    }
    j_.verdict.coverage.push_back(std::move(row));
    j_.add_gap(std::move(gap));
  }

  Judging& j_;
  ConfiguredView& view_;
  VariableOrder order_;
};

}  // namespace

std::string_view name(ConfiguredState state) { return kStates[static_cast<std::size_t>(state)]; }

std::optional<ConfiguredState> parse_configured_state(std::string_view text) {
  const auto found = std::find(kStates.begin(), kStates.end(), text);
  if (found == kStates.end()) return std::nullopt;
  return static_cast<ConfiguredState>(found - kStates.begin());
}

PairView* ConfiguredView::pair(ZoneIndex from, ZoneIndex to) const {
  const auto found = std::lower_bound(pairs.begin(), pairs.end(), std::pair(from, to),
                                      [](const auto& p, const std::pair<ZoneIndex, ZoneIndex>& wanted) {
                                        return std::pair(p->path.from, p->path.to) < wanted;
                                      });
  if (found == pairs.end() || (*found)->path.from != from || (*found)->path.to != to) return nullptr;
  return found->get();
}

std::optional<ConfiguredView::Ports> ConfiguredView::ports(ZoneIndex from, ZoneIndex to, const Address& source,
                                                           const Address& destination, Protocol protocol) const {
  const PairView* p = pair(from, to);
  if (p == nullptr || !p->decided || !p->measured) return std::nullopt;
  Ports out;
  out.certain = p->openings.certain.ports_between(source, destination, protocol, SliceContext::opening());
  out.possible = p->openings.possible.ports_between(source, destination, protocol, SliceContext::opening());
  // What meets no filter, or an unmeasured one, is decided by nobody.
  const PortSet met = p->scope.ports_between(source, destination, protocol, SliceContext::opening());
  if (met.empty()) return std::nullopt;
  return out;
}

PacketSet opening_packets(PacketSpace& space) {
  const StateSet fresh{ConnectionState::fresh};
  const FragmentSet whole{Fragment::whole};
  Box others{.states = fresh, .fragments = whole};
  others.protocols = ProtocolSet(ProtocolSet::all().numbers().minus(ByteSet{Protocol::tcp.number()}));
  Box tcp{.protocols = {Protocol::tcp}, .flags = ByteSet{tcp_flag::syn}, .states = fresh, .fragments = whole};
  Box errors4{.family = Family::ipv4, .protocols = {Protocol::icmp}}, errors6{.family = Family::ipv6};
  errors4.icmp = IcmpSet{{3, std::nullopt}, {11, std::nullopt}, {12, std::nullopt}};
  errors6.protocols = {Protocol::icmpv6};
  // Errors, and what runs the link: multicast listeners (RFC 3810), neighbour discovery (RFC 4861).
  errors6.icmp = IcmpSet{{1, std::nullopt},   {2, std::nullopt},   {3, std::nullopt},   {4, std::nullopt},
                         {130, std::nullopt}, {131, std::nullopt}, {132, std::nullopt}, {133, std::nullopt},
                         {134, std::nullopt}, {135, std::nullopt}, {136, std::nullopt}, {137, std::nullopt},
                         {143, std::nullopt}};
  // ICMP belongs to IPv4 and ICMPv6 to IPv6; the other one is no packet that anybody sends.
  const PacketSet strange = space.of(Box{.family = Family::ipv4, .protocols = {Protocol::icmpv6}}) |
                            space.of(Box{.family = Family::ipv6, .protocols = {Protocol::icmp}});
  return (space.of(tcp) | space.of(others)) - space.of(errors4) - space.of(errors6) - strange;
}

const PacketSet& approved_openings(const RuleSet& rules, ConfiguredSpace& in) {
  if (in.approved_) return *in.approved_;
  PacketSet all = in.documented.approved();
  for (const Vip& vip : rules.vips) {
    const PacketSet members = in.documented.approved() & in.space.of(Box{.destinations = vip.members.addresses});
    all |= members.forget({Field::destination}) & in.space.of(Box{.destinations = AddressSet::single(vip.address)});
  }
  if (!in.openings_) in.openings_ = opening_packets(in.space);
  return in.approved_.emplace(all & *in.openings_);
}

Count weight_of(const PacketSet& packets) {
  if (packets.space() == nullptr) return Count();
  return (packets & packets.space()->of(Box{.ingress = ByteSet{0}, .egress = ByteSet{0}})).count();
}

std::string cover_words(const RuleSet& rules, const ZonePath& path, const PacketSet& packets,
                        std::size_t boxes_max) {
  const Cover cover = packets.forget({Field::flags, Field::state, Field::fragment}).cover(boxes_max);
  std::vector<std::string> words;
  for (const Box& box : cover.boxes) {
    const auto end = [&](const AddressSet& set, const Zone& zone) {
      AddressSet kept = set;
      if (box.family) {
        const AddressSet family = AddressSet::all(*box.family);
        kept = set.intersect(family);
        if (kept == zone.addresses.intersect(family)) return zone.name;
      }
      if (kept == zone.addresses) return zone.name;
      // All of the zone but a few: a filter's own addresses, mostly.
      AddressSet zone_here = zone.addresses;
      if (box.family && !kept.empty())
        zone_here = zone_here.intersect(AddressSet::all(*box.family));
      const AddressSet missing = zone_here.minus(kept);
      if (zone.addresses.contains(kept) && missing.size() <= 8)
        return fmt::format("{} but {}", zone.name, to_string(missing, 2));
      if (const std::optional<Address> one = kept.only())
        if (const std::string known = rules.name_of(*one); !known.empty()) return known;
      return to_string(kept, 3);
    };
    Box rest = box;
    rest.sources = rest.destinations = AddressSet::all();
    rest.family.reset();
    constexpr std::string_view kAnywhere = "any > any ";
    words.push_back(fmt::format("{} > {} {}", end(box.sources, rules.zones[path.from]),
                                end(box.destinations, rules.zones[path.to]),
                                to_string(rest).substr(kAnywhere.size())));
  }
  return fmt::format("{}{}", fmt::join(words, "; "), cover.complete() ? "" : "; and more");
}

std::optional<LineKey> key_of(const LineShare& share) {
  if (share.line.list == kNoList) return std::nullopt;
  return LineKey{share.device, share.line.list, share.line.entry.value_or(LineKey::kEnd)};
}

EvidenceRef line_evidence(const BoundDevice& device, const DecidingLine& line) {
  const LineText text = text_of(*device.device, line);
  return {text.file, text.line == 0 ? std::string() : fmt::format("line {}", text.line), text.text};
}

void set_line(Finding& finding, const BoundDevice& device, const DecidingLine& line) {
  finding.device = device.name;
  finding.evidence.push_back(line_evidence(device, line));
  if (line.list == kNoList) return;
  const List& list = device.device->lists[line.list];
  finding.list = list.name;
  finding.entry = "end";
  if (!line.entry) return;
  // The same words may stand in a list twice.
  finding.entry = list.entries[*line.entry].text;
  const auto before = std::count_if(list.entries.begin(), list.entries.begin() + *line.entry,
                                    [&](const Entry& e) { return e.text == finding.entry; });
  if (before != 0) finding.entry += fmt::format(" #{}", before + 1);
}

std::string line_words(const BoundDevice& device, const DecidingLine& line) {
  const LineText text = text_of(*device.device, line);
  if (line.list == kNoList) return device.name;
  if (text.line == 0) return fmt::format("{} of {}", text.list, device.name);
  return fmt::format("{} of {}, line {}", text.list, device.name, text.line);
}

void judge_configured(Judging& j, std::span<const GivenConfiguration> configurations) {
  if (configurations.empty()) return;
  j.configured = std::make_shared<ConfiguredView>(bind_devices(j.rules, configurations));
  ConfiguredView& view = *j.configured;
  view.rules.resize(j.rules.rules.size() + j.rules.exceptions.size());
  judge_devices(j, view);
  if (view.binding.has_configurations()) {
    Comparing(j, view).run();
    judge_disagreement(j, view);
  }
  write_remedies(j, view);
}

}  // namespace demarc
