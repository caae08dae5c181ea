// From the rule set to a list of addresses and ports, in named steps: which hosts, under which addresses this
// vantage point sees them, what coverage requires there, and what gentleness takes away again. Whatever is taken
// away is said.
#include "rules/plan/work.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "rules/plan/corners.h"
#include "rules/policy/catalogue.h"
#include "rules/policy/coverage.h"
#include "rules/policy/standing.h"
#include "rules/policy/translation.h"
#include "rules/text/sha256.h"

namespace demarc {

namespace {

constexpr std::size_t kDiscoveryPorts = 3;  // of a host that is only to be found, not examined
constexpr double kStateSeconds = 120;       // how long a filter remembers a half-open connection
constexpr double kSilenceSeconds = 2.0;     // how long a try waits for an answer, for estimates
constexpr std::size_t kNamedInNotes = 6;

/// Counts what was left out for one reason and names the first few, so that a /16 does not make 65,536 notes.
class Left {
 public:
  void add(const std::string& name) {
    if (names_.size() < kNamedInNotes) names_.push_back(name);
    ++count_;
  }
  void note(std::vector<std::string>& notes, std::string_view reason) const {
    if (count_ == 0) return;
    std::string more = count_ > names_.size() ? fmt::format(" and {} more", count_ - names_.size()) : "";
    notes.push_back(fmt::format("{}{}: {}", fmt::join(names_, ", "), more, reason));
  }

 private:
  std::vector<std::string> names_;
  std::size_t count_ = 0;
};

std::string place(const RuleSet& rules, const Address& address) {
  std::string known = rules.name_of(address);
  return known.empty() ? to_string(address) : fmt::format("{} ({})", known, to_string(address));
}

bool any_contains(const std::vector<Prefix>& prefixes, const Address& address) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const Prefix& p) { return p.contains(address); });
}

PortSet first_ports(const PortSet& ports, std::size_t count) {
  std::vector<PortRange> out;
  for (const PortRange& r : ports.ranges()) {
    for (std::uint32_t p = r.first.number(); p <= r.last.number() && out.size() < count; ++p)
      out.push_back(PortRange::single(Port{static_cast<std::uint16_t>(p)}));
  }
  return PortSet::of(std::move(out));
}

/// The ports of `ports` that get no application bytes at a target.
PortSet silent_ports(const Scope& scope, const Target& target, const PortSet& ports) {
  if (target.care() == Care::discovery_only) return ports;
  std::vector<PortRange> out;
  const PortSet fragile = ports.intersect(fragile_ports());
  for (const PortRange& r : fragile.ranges()) {
    for (std::uint32_t p = r.first.number(); p <= r.last.number(); ++p) {
      Port port{static_cast<std::uint16_t>(p)};
      if (!scope.speak_allowed(target, port)) out.push_back(PortRange::single(port));
    }
  }
  return PortSet::of(std::move(out));
}

/// Targets named on the command line must be in the scope: a single one that is not is refused with its reason, a
/// prefix that reaches beyond is narrowed and that is said.
Result<AddressSet> wanted(const Scope& scope, const PlanOptions& options, std::vector<std::string>& notes) {
  for (const Prefix& prefix : options.targets) {
    if (prefix.is_host()) {
      if (any_contains(options.exclude, prefix.base())) {
        notes.push_back(fmt::format("{}: excluded on the command line", to_string(prefix)));
        continue;
      }
      DEMARC_TRY(scope.admit(prefix.base()));
      continue;
    }
    AddressSet asked{prefix};
    if (!asked.overlaps(scope.addresses())) {
      return failure(fmt::format("{} is outside the authorised scope", to_string(prefix)),
                     "add it to `scope.targets` if somebody authorised it");
    }
    AddressSet outside = asked.minus(scope.addresses());
    if (!outside.empty())
      notes.push_back(
          fmt::format("{}: of {} outside the scope and not asked", to_string(outside), to_string(prefix)));
  }
  AddressSet set = options.targets.empty() ? AddressSet::all() : AddressSet::of(options.targets);
  return set.minus(AddressSet::of(options.exclude));
}

/// UDP ports to ask with an empty datagram.
PortSet silent_udp_ports(const PortSet& udp, const PortSet& approved) {
  return udp.intersect(fragile_udp_ports()).minus(approved);
}

/// What connect, or whatever engine was chosen, leaves unasked.
void note_unasked(ScanPlan& plan, std::string_view who) {
  const std::uint64_t udp = plan.asks.udp ? 0 : plan.udp_required;
  const std::uint64_t icmp = plan.asks.icmp ? 0 : plan.icmp_required;
  if (udp != 0 || icmp != 0) {
    plan.notes.push_back(
        fmt::format("{} {} UDP ports and {} ICMP types here, which connect cannot ask: they stay "
                    "not measured",
                    who, udp, icmp));
  }
  if (!plan.asks.icmp) return;
  std::uint64_t never = 0;
  for (const PlanTarget& t : plan.targets) never += t.icmp_required.size();
  if (never != 0) {
    plan.notes.push_back(fmt::format(
        "{} {} ICMP types here that are no queries: nobody can ask for an error message, they stay not measured",
        who, never));
  }
}

/// What corners cannot see, said once and plainly.
void note_corners(ScanPlan& plan) {
  if (!plan.corners) return;
  plan.notes.push_back(
      "corners: one port is asked for each piece that the documents treat alike; an opening inside a piece whose "
      "ends "
      "no document names is seen only by chance, and each probe proves its own port alone");
  if (plan.unmet != 0) {
    plan.notes.push_back(fmt::format(
        "corners: {} ports that coverage requires are represented by another port and stay not measured",
        plan.unmet));
  }
}

Result<void> estimate(ScanPlan& plan, const Scope& scope, const PlanOptions& options) {
  plan.rate = DEMARC_TRY(scope.rate_share(options.rate, options.processes));
  plan.asks = options.asks;
  plan.corners = options.corners;
  plan.tries = std::max<std::uint32_t>(1, options.tries);
  plan.estimate();
  return {};
}

struct Draft {
  Address real;
  PortSet tcp, udp;
  PortSet named_udp;               // what rules name at it
  PortEdges tcp_edges, udp_edges;  // with corners
  std::vector<IcmpType> icmp;
};

/// The queries of `types` with the one code that they have, and the others.
void sort_out(std::vector<IcmpType> types, PlanTarget& target) {
  for (IcmpType t : types) {
    if (can_be_asked(target.target.address().family(), t))
      target.icmp.push_back({t.type, std::uint8_t{0}});
    else
      target.icmp_required.push_back(t);
  }
  for (std::vector<IcmpType>* list : {&target.icmp, &target.icmp_required}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
  }
}

/// Of what the command line names, the queries of that family.
std::vector<IcmpType> queries(const std::vector<IcmpType>& types, Family family) {
  std::vector<IcmpType> out;
  std::copy_if(types.begin(), types.end(), std::back_inserter(out),
               [&](const IcmpType& t) { return can_be_asked(family, t); });
  return out;
}

/// The ports to ask at the face of a host: what is required of the host, and where the face forwards it.
PortSet at_face(const PortSet& required, const Translation* translation) {
  if (translation == nullptr) return required;
  PortSet out = required;
  for (const auto& [outside, inside] : translation->ports)
    if (required.contains(inside)) out = out.unite(PortSet::single(outside));
  return out;
}

/// Chooses the ports that stand for pieces. What is the same for many targets is made once: a scope has many hosts
/// and few kinds of them.
class CornerPorts {
 public:
  CornerPorts(const RuleSet& rules, std::string_view vantage, const PlanOptions& options)
      : map_(rules, options.further), seed_(options.corner_seed) {
    // The same rule set asks the same ports, so that `plan` shows what `scan` does; another vantage point asks
    // others.
    for (std::string_view text : {std::string_view(rules.sha256), vantage})
      for (char c : text) seed_ = (seed_ ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;  // FNV-1a
  }
  const CornerMap& map() const { return map_; }

  /// The pieces of the axis, and in `ports` one port of each. Neighbouring hosts ask different ports of a piece: a
  /// hole in a line that is meant for all of them has more chances to be met.
  std::shared_ptr<const std::vector<PortRange>> choose(const PortSet& axis, const PortEdges& edges,
                                                       const Address& address, PortSet& ports) {
    auto [at, fresh] = kinds_.try_emplace(cut_at(axis, edges));
    Kind& kind = at->second;
    if (fresh) kind.pieces = std::make_shared<const std::vector<PortRange>>(at->first);
    const std::size_t choice = std::hash<Address>{}(address) % kChoices;
    if (kind.ports[choice].empty() && !at->first.empty())
      kind.ports[choice] = ports_for(at->first, seed_ * kChoices + choice);
    ports = kind.ports[choice];
    return kind.pieces;
  }

 private:
  static constexpr std::size_t kChoices = 64;
  struct Kind {
    std::shared_ptr<const std::vector<PortRange>> pieces;
    std::array<PortSet, kChoices> ports;
  };
  CornerMap map_;
  std::uint64_t seed_;
  std::map<std::vector<PortRange>, Kind> kinds_;
};

/// Which filters lie between a zone and the others, as `enforcement.paths` tells. Zones whose ways share a device
/// share a number, and so do all to which no way is declared.
class Ways {
 public:
  Ways(const RuleSet& rules, const std::string& from) : rules_(rules), from_(from), paths_(1) {}

  std::uint32_t number(const Address& real) {
    const Zone* zone = rules_.zone_of(real);
    const std::string name = zone == nullptr ? "" : zone->name;
    auto [at, fresh] = numbers_.try_emplace(name, 0);
    if (fresh) at->second = number_of_zone(name);
    return at->second;
  }
  std::vector<PlanPath> take() {
    std::vector<PlanPath> out;
    for (const Way& way : paths_) {
      PlanPath& path = out.emplace_back();
      if (way.devices.empty())
        path.name = "no path declared";
      else
        path.name = fmt::format("{} to {} by {}", from_, fmt::join(way.zones, ", "), fmt::join(way.devices, ", "));
    }
    return out;
  }

 private:
  struct Way {
    std::set<std::string> devices, zones;
  };
  std::uint32_t number_of_zone(const std::string& name) {
    std::set<std::string> devices;
    for (const Path& p : rules_.paths) {
      if (!(p.from == from_ && p.to == name) && !(p.from == name && p.to == from_)) continue;
      for (const std::vector<std::string>& hop : p.via) devices.insert(hop.begin(), hop.end());
    }
    if (devices.empty()) return 0;
    const std::uint32_t number = group_of(devices);
    paths_[number].zones.insert(name);
    return number;
  }
  std::uint32_t group_of(const std::set<std::string>& devices) {
    if (groups_.empty()) join_devices();
    const std::size_t group = groups_.at(*devices.begin());
    auto [at, fresh] = way_of_group_.try_emplace(group, static_cast<std::uint32_t>(paths_.size()));
    if (fresh) paths_.emplace_back();
    paths_[at->second].devices.insert(devices.begin(), devices.end());
    return at->second;
  }
  /// Devices that one way from here passes belong together, and so do all the ways through any of them.
  void join_devices() {
    for (const Path& p : rules_.paths) {
      if (p.from != from_ && p.to != from_) continue;
      std::set<std::size_t> joined;
      for (const std::vector<std::string>& hop : p.via) {
        for (const std::string& device : hop) {
          auto [at, fresh] = groups_.try_emplace(device, next_group_);
          if (!fresh) joined.insert(at->second);
        }
      }
      const std::size_t group = next_group_++;
      for (auto& [device, of] : groups_)
        if (joined.contains(of)) of = group;
    }
  }
  const RuleSet& rules_;
  std::string from_;
  std::vector<Way> paths_;                        // the first: no way declared
  std::map<std::string, std::uint32_t> numbers_;  // by zone
  std::map<std::string, std::size_t> groups_;     // by device
  std::map<std::size_t, std::uint32_t> way_of_group_;
  std::size_t next_group_ = 0;
};

class Planner {
 public:
  Planner(const RuleSet& rules, const Scope& scope, const Vantage& vantage, const PlanOptions& options)
      : rules_(rules),
        scope_(scope),
        vantage_(vantage),
        options_(options),
        standing_(rules, vantage),
        translator_(rules),
        coverage_(rules),
        ways_(rules, vantage.zone) {
    if (options.corners) corners_.emplace(rules, vantage.name, options);
  }

  Result<ScanPlan> make() {
    plan_.vantage = vantage_.name;
    plan_.zone = vantage_.zone;
    plan_.vantage_address = vantage_.address;
    plan_.rules_sha256 = rules_.sha256;
    plan_.scope_sha256 = scope_.sha256();
    const AddressSet within = DEMARC_TRY(wanted(scope_, options_, plan_.notes));
    Scope::Enumeration all = DEMARC_TRY(scope_.enumerate(options_.known, Scope::kTargetsMax, &within));
    plan_.notes.insert(plan_.notes.end(), all.notes.begin(), all.notes.end());
    for (const Target& target : all.targets) consider(target.address());
    finish_targets();
    own_.note(plan_.notes, "the vantage point itself, or a card of the same host: no filter lies between");
    subnet_.note(plan_.notes, "in the vantage point's own subnet, where the zone says `intra: allowed`");
    refused_.note(plan_.notes, "seen from here under an address that may not be asked");
    discovery_.note(plan_.notes,
                    fmt::format("`care: discovery-only`: at most {} ports that rules name, no application bytes",
                                kDiscoveryPorts));
    add_canaries();
    std::sort(plan_.unroutable.begin(), plan_.unroutable.end(),
              [](const Unroutable& a, const Unroutable& b) { return a.real < b.real; });
    plan_.paths = ways_.take();
    DEMARC_TRY(estimate(plan_, scope_, options_));
    note_corners(plan_);
    note_unasked(plan_,
                 options_.tcp || options_.udp || options_.icmp ? "the command line asks" : "coverage requires");
    return std::move(plan_);
  }

 private:
  /// One enumerated address: a host's own, or the face of one.
  void consider(const Address& address) {
    switch (standing_.not_asked(address)) {
      case NotAsked::own_host: return own_.add(place(rules_, address));
      case NotAsked::own_subnet: return subnet_.add(place(rules_, address));
      case NotAsked::no_address:
        return unroutable(address, fmt::format("the vantage point has no {} address", name(address.family())));
      case NotAsked::nothing: break;
    }
    std::optional<Address> source = standing_.source_for(address.family());
    if (translator_.is_face(address, *source)) {
      for (const Translation& t : rules_.translations) {
        if (t.seen_as != address || !t.from.addresses.contains(*source)) continue;
        for (const Address& real : t.real)
          if (real != address && real.family() == address.family() && !excluded(real))
            return probe(address, real, &t);
      }
      return;
    }
    std::vector<SeenAs> seen = translator_.as_seen(address, *source);
    if (seen.empty()) {
      // Somebody who names the address itself wants it asked; the routing decides.
      bool named = std::any_of(options_.targets.begin(), options_.targets.end(),
                               [&](const Prefix& p) { return p.is_host() && p.base() == address; });
      if (named) return probe(address, address, nullptr);
      return unroutable(address, "a private address, and no translation says how it is seen from here");
    }
    for (const SeenAs& as : seen) probe(as.address, address, as.translation);
  }

  bool excluded(const Address& real) const { return any_contains(options_.exclude, real) || !scope_.admits(real); }

  void unroutable(const Address& real, std::string why) {
    plan_.unroutable.push_back({real, rules_.name_of(real), std::move(why)});
  }

  void probe(const Address& probed, const Address& real, const Translation* translation) {
    if (!scope_.admits(probed) || any_contains(options_.exclude, probed)) return refused_.add(place(rules_, real));
    const RequiredPorts& required = coverage_.required(real);
    auto [at, fresh] = drafts_.try_emplace(probed);
    Draft& draft = at->second;
    if (fresh || real < draft.real) draft.real = real;
    draft.tcp = draft.tcp.unite(options_.tcp ? *options_.tcp : at_face(required.tcp, translation));
    draft.udp = draft.udp.unite(options_.udp ? *options_.udp : at_face(required.udp, translation));
    draft.named_udp = draft.named_udp.unite(at_face(coverage_.named_udp(real), translation));
    if (corners_) {
      for (auto [edges, protocol] :
           {std::pair(&draft.tcp_edges, Protocol::tcp), std::pair(&draft.udp_edges, Protocol::udp)}) {
        const PortEdges& of_host = corners_->map().edges(real, protocol);
        edges->insert(edges->end(), of_host.begin(), of_host.end());
        PortSet forwarded;
        if (translation != nullptr)
          for (const auto& [outside, inside] : translation->ports)
            forwarded = forwarded.unite(PortSet::single(outside));
        add_edges(*edges, forwarded, true);
      }
    }
    // -p asks what it names and nothing else.
    if (options_.icmp || (!options_.tcp && !options_.udp)) {
      const std::vector<IcmpType> icmp = options_.icmp ? queries(*options_.icmp, probed.family()) : required.icmp;
      draft.icmp.insert(draft.icmp.end(), icmp.begin(), icmp.end());
    }
  }

  void finish_targets() {
    for (auto& [probed, draft] : drafts_) {
      Result<Target> target = scope_.admit(probed);
      if (!target) continue;
      PlanTarget out(*target, draft.real, rules_.name_of(draft.real));
      out.tcp = draft.tcp.intersect(PortSet::probeable());
      out.udp = draft.udp.intersect(PortSet::probeable());
      sort_out(std::move(draft.icmp), out);
      out.path = ways_.number(draft.real);
      if (corners_ && out.care() != Care::discovery_only) {
        if (options_.asks.tcp) out.tcp_pieces = corner(draft.tcp_edges, options_.tcp, probed, out.tcp);
        if (options_.asks.udp) out.udp_pieces = corner(draft.udp_edges, options_.udp, probed, out.udp);
      }
      if (out.care() == Care::discovery_only) {
        discovery_.add(place(rules_, draft.real));
        out.tcp = first_ports(out.tcp.intersect(coverage_.approved_tcp(draft.real)), kDiscoveryPorts);
        out.udp = PortSet();
        out.icmp.clear();
        out.icmp_required.clear();
      }
      out.silent = silent_ports(scope_, *target, out.tcp);
      out.silent_udp = silent_udp_ports(out.udp, draft.named_udp);
      if (!out.empty()) plan_.targets.push_back(std::move(out));
    }
  }

  /// Puts in the place of `ports` one port of each piece. Where coverage asks nothing of a protocol, nothing is
  /// asked; otherwise the whole axis is looked at, or what -p names of it.
  std::shared_ptr<const std::vector<PortRange>> corner(const PortEdges& edges, const std::optional<PortSet>& named,
                                                       const Address& probed, PortSet& ports) {
    PortSet axis;
    if (!ports.empty()) axis = named ? ports : PortSet::probeable();
    PortSet required = std::move(ports);
    auto pieces = corners_->choose(axis, edges, probed, ports);
    if (!named) plan_.unmet += required.minus(ports).size();
    return pieces;
  }

  void add_canaries() {
    for (const CanaryTarget& canary : vantage_.canaries) {
      std::optional<Address> source = standing_.source_for(canary.address.family());
      std::vector<SeenAs> seen = source ? translator_.as_seen(canary.address, *source) : std::vector<SeenAs>{};
      if (seen.empty()) {
        // A host of both families is one canary; where we have one family alone, its other address is no loss.
        const bool by_another =
            std::any_of(vantage_.canaries.begin(), vantage_.canaries.end(), [&](const CanaryTarget& other) {
              return other.name == canary.name && standing_.source_for(other.address.family()).has_value();
            });
        if (source || !by_another)
          plan_.notes.push_back(fmt::format("canary {}: not asked, it cannot be addressed from here", canary.name));
        continue;
      }
      Port port = canary.port;
      if (const Translation* t = seen.front().translation) {
        for (const auto& [outside, inside] : t->ports)
          if (inside == canary.port) port = outside;
      }
      Result<Target> target = scope_.admit(seen.front().address);
      if (target) {
        plan_.canaries.push_back({*target, port, canary.name});
      } else {
        plan_.notes.push_back(fmt::format("canary {}: not asked, {}", canary.name, target.error().what));
      }
    }
    if (plan_.canaries.empty())
      plan_.notes.push_back("no canary: loss on the path is unknown, and silence proves less");
  }

  const RuleSet& rules_;
  const Scope& scope_;
  const Vantage& vantage_;
  const PlanOptions& options_;
  Standing standing_;
  Translator translator_;
  CoverageMap coverage_;
  Ways ways_;
  std::optional<CornerPorts> corners_;
  std::map<Address, Draft> drafts_;  // by probed address
  Left own_, subnet_, refused_, discovery_;
  ScanPlan plan_;
};

}  // namespace

bool can_be_asked(Family family, IcmpType type) {
  if (type.code.value_or(0) != 0) return false;
  // Information request (15) has a reply too, but RFC 6918 took it out of use.
  return family == Family::ipv4 ? type.type == 8 || type.type == 13 || type.type == 17 : type.type == 128;
}

PortRange PlanTarget::stands_for(Protocol protocol, Port port) const {
  const auto& pieces = protocol == Protocol::udp ? udp_pieces : tcp_pieces;
  if (!pieces) return PortRange::single(port);
  auto after = std::upper_bound(pieces->begin(), pieces->end(), port,
                                [](Port wanted, const PortRange& piece) { return wanted < piece.first; });
  if (after == pieces->begin() || !(after - 1)->contains(port)) return PortRange::single(port);
  return *(after - 1);
}

namespace {

std::uint64_t size_of(const std::vector<PortRange>& pieces) {
  std::uint64_t size = 0;
  for (const PortRange& piece : pieces) size += piece.size();
  return size;
}

/// How long so many probes take.
struct Load {
  std::uint64_t all = 0, largest_target = 0, largest_path = 0;

  double seconds(const RateShare& rate, std::uint32_t tries) const {
    if (all == 0) return 0;
    auto sent = [&](std::uint64_t probes, std::uint32_t per_second) {
      return static_cast<double>(probes) * tries / std::max<std::uint32_t>(1, per_second);
    };
    return std::max(sent(all, rate.packets_per_second), sent(largest_target, rate.packets_per_second_per_target));
  }
  /// A filter remembers an unanswered attempt for kStateSeconds; beyond the states it may hold, each waits for an
  /// older one.
  double seconds_silent(const RateShare& rate, std::uint32_t tries) const {
    if (all == 0) return 0;
    double silent = static_cast<double>(largest_path) * tries,
           states = std::max<std::uint32_t>(1, rate.states_per_path);
    double held = silent <= states ? 0 : (silent - states) * kStateSeconds / states;
    return std::max(seconds(rate, tries), held) + kSilenceSeconds;
  }
};

}  // namespace

void ScanPlan::estimate() {
  tcp_probes = udp_probes = icmp_probes = udp_required = icmp_required = sweep_probes = states_max = 0;
  if (paths.empty()) paths.emplace_back();
  for (PlanPath& path : paths) path = PlanPath{std::move(path.name)};
  Load asked, sweep;
  for (const PlanTarget& t : targets) {
    const std::uint64_t tcp = asks.tcp ? t.tcp.size() : 0, udp = asks.udp ? t.udp.size() : 0,
                        icmp = asks.icmp ? t.icmp.size() : 0;
    tcp_probes += tcp;
    udp_probes += udp;
    icmp_probes += icmp;
    udp_required += t.udp.size();
    icmp_required += t.icmp.size() + t.icmp_required.size();
    const std::uint64_t one = tcp + udp + icmp, swept = (asks.tcp && t.tcp_pieces ? size_of(*t.tcp_pieces) : tcp) +
                                                        (asks.udp && t.udp_pieces ? size_of(*t.udp_pieces) : udp) +
                                                        icmp;
    sweep_probes += swept;
    asked.largest_target = std::max(asked.largest_target, one);
    sweep.largest_target = std::max(sweep.largest_target, swept);
    PlanPath& path = paths.at(t.path);
    ++path.targets;
    path.probes += one;
    path.sweep_probes += swept;
  }
  asked.all = probes();
  sweep.all = sweep_probes;
  for (PlanPath& path : paths) {
    path.states = path.probes;
    path.states_silent = path.probes * tries;
    path.states_peak = std::min<std::uint64_t>(
        {path.states_silent, std::uint64_t{rate.packets_per_second} * static_cast<std::uint64_t>(kStateSeconds),
         rate.states_per_path});
    states_max = std::max(states_max, path.states_peak);
    asked.largest_path = std::max(asked.largest_path, path.probes);
    sweep.largest_path = std::max(sweep.largest_path, path.sweep_probes);
  }
  seconds_min = asked.seconds(rate, 1);
  seconds_max = asked.seconds_silent(rate, tries);
  sweep_seconds_min = sweep.seconds(rate, 1);
  sweep_seconds_max = sweep.seconds_silent(rate, tries);
}

Result<ScanPlan> plan_scan(const RuleSet& rules, const Scope& scope, const Vantage& vantage,
                           const PlanOptions& options) {
  return Planner(rules, scope, vantage, options).make();
}

Result<ScanPlan> plan_scan(const Scope& scope, const PlanOptions& options) {
  ScanPlan plan;
  plan.scope_sha256 = scope.sha256();
  const AddressSet within = DEMARC_TRY(wanted(scope, options, plan.notes));
  Scope::Enumeration all = DEMARC_TRY(scope.enumerate(options.known, Scope::kTargetsMax, &within));
  plan.notes.insert(plan.notes.end(), all.notes.begin(), all.notes.end());
  // Without rules the catalogue alone cuts, and the axis is what -p names or all of it.
  const RuleSet no_rules;
  std::optional<CornerPorts> corners;
  if (options.corners) corners.emplace(no_rules, "", options);
  const PortSet tcp = (options.tcp                   ? *options.tcp
                       : options.udp || options.icmp ? PortSet()
                       : options.corners             ? PortSet::probeable()
                                                     : catalogue_ports(Protocol::tcp))
                          .intersect(PortSet::probeable());
  for (const Target& target : all.targets) {
    PlanTarget out(target, target.address(), "");
    out.tcp = tcp;
    out.udp = options.udp.value_or(PortSet()).intersect(PortSet::probeable());
    if (options.icmp) sort_out(queries(*options.icmp, target.address().family()), out);
    if (out.care() == Care::discovery_only) out.udp = PortSet();
    if (corners) {
      const Address& address = target.address();
      auto cut = [&](Protocol protocol, PortSet& ports) {
        const PortSet axis = std::move(ports);
        return corners->choose(axis, corners->map().edges(address, protocol), address, ports);
      };
      if (options.asks.tcp) out.tcp_pieces = cut(Protocol::tcp, out.tcp);
      if (options.asks.udp) out.udp_pieces = cut(Protocol::udp, out.udp);
    }
    out.silent = silent_ports(scope, target, out.tcp);
    out.silent_udp = silent_udp_ports(out.udp, {});
    if (!out.empty()) plan.targets.push_back(std::move(out));
  }
  DEMARC_TRY(estimate(plan, scope, options));
  note_corners(plan);
  note_unasked(plan, "the command line asks");
  return plan;
}

std::string ScanPlan::text() const {
  std::string out = fmt::format("demarc plan 2\nvantage {} {} {}\nscope {}\n", vantage, zone,
                                vantage_address ? to_string(*vantage_address) : "-", scope_sha256);
  out += fmt::format("asks{}{}{}\n", asks.tcp ? " tcp" : "", asks.udp ? " udp" : "", asks.icmp ? " icmp" : "");
  auto types = [](const std::vector<IcmpType>& list) {
    std::string words;
    for (const IcmpType& t : list) words += (words.empty() ? "" : ",") + to_string(t);
    return words;
  };
  for (const PlanTarget& t : targets) {
    out += fmt::format("target {} {} {} tcp {} silent {} udp {} silent {} icmp {} required {}\n",
                       to_string(t.target.address()), to_string(t.real), demarc::name(t.care()), to_string(t.tcp),
                       to_string(t.silent), to_string(t.udp), to_string(t.silent_udp), types(t.icmp),
                       types(t.icmp_required));
  }
  for (const Unroutable& u : unroutable) out += fmt::format("unroutable {}\n", to_string(u.real));
  for (const PlanCanary& c : canaries)
    out += fmt::format("canary {} {}\n", to_string(c.target.address()), to_string(c.port));
  return out;
}

std::string ScanPlan::sha256() const { return sha256_hex(text()); }

}  // namespace demarc
