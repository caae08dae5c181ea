// From addresses to places: how far a list of clients or servers may be written shorter. learn.h states the rules.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <queue>
#include <unordered_map>

#include "rules/policy/yaml_reader.h"
#include "rules/policy/yaml_words.h"
#include "rules/verdict/judging.h"
#include "rules/verdict/learn_parts.h"

namespace demarc::learning {

namespace {

constexpr std::size_t kZonesGuessedMax = 1000;

Prefix wide_network(const Address& a) { return Prefix::containing(a, a.is_ipv4() ? 16 : 32); }

bool is_private(const Address& a) { return classify(a) == AddressClass::private_use; }
bool is_guessable(const Address& a) { return is_private(a) || classify(a) == AddressClass::unicast; }

/// Places by their content, so that the same one has the same number.
class PlaceTable {
 public:
  std::uint32_t host(const Address& a) {
    const auto [at, fresh] = hosts_.try_emplace(a, static_cast<std::uint32_t>(all_.size()));
    if (fresh) all_.emplace_back().prefix = Prefix::host(a);
    return at->second;
  }
  /// Any but a host.
  std::uint32_t add(Place p) {
    const auto [at, fresh] =
        numbers_.try_emplace({p.kind, p.name(), p.prefix}, static_cast<std::uint32_t>(all_.size()));
    if (fresh) all_.push_back(std::move(p));
    return at->second;
  }
  const Place& operator[](std::uint32_t i) const { return all_[i]; }
  std::vector<Place> take() { return std::move(all_); }

 private:
  std::map<std::tuple<Place::Kind, std::string, Prefix>, std::uint32_t> numbers_;
  std::unordered_map<Address, std::uint32_t> hosts_;
  std::vector<Place> all_;
};

class Placing {
 public:
  Placing(const Evidence& evidence, const RuleSet& rules, bool given)
      : evidence_(evidence), rules_(rules), given_(given), trust_(rules) {
    if (!given) return;  // the rest is for names that somebody gave
    std::vector<Address> seen;
    for (const Use& u : evidence.uses) {
      seen.push_back(u.client);
      seen.push_back(u.server);
    }
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    for (const Address& a : seen) ++population_[trust_.zone_of(a)];
    for (const Group& g : rules.groups)
      if (g.members.addresses.size() <= 4096 && g.members.addresses.size() >= 2) groups_.push_back(&g);
    // The largest first: it says most.
    std::stable_sort(groups_.begin(), groups_.end(), [](const Group* a, const Group* b) {
      return a->members.addresses.size() > b->members.addresses.size();
    });
  }

  Places run() {
    place_servers();
    place_clients();
    Places out;
    out.all = table_.take();
    out.uses = std::move(uses_);
    out.members = std::move(members_);
    return out;
  }

 private:
  using Assigned = std::vector<std::pair<Address, std::uint32_t>>;  // sorted by address

  /// Does something that the rule set says already lie in the way of approving all of `wider` there?
  bool in_the_way(const AddressSet& from, const AddressSet& to, const ServiceKey& service) const {
    if (!given_) return false;
    const auto touches = [&](const EndpointSet& f, const EndpointSet& t,
                             const std::vector<std::uint32_t>& services) {
      return std::any_of(services.begin(), services.end(),
                         [&](std::uint32_t s) {
                           return rules_.services[s].all ||
                                  service_ports(rules_.services[s], service.protocol)
                                      .overlaps(PortSet{{Port(service.first), Port(service.last)}}) ||
                                  (service.protocol.is_icmp() &&
                                   service_has(rules_.services[s], service.protocol, service.first));
                         }) &&
             t.addresses.overlaps(to) && f.addresses.overlaps(from);
    };
    for (const Rule& r : rules_.rules)
      if (touches(r.from, r.to, r.services)) return true;
    for (const ForbiddenEntry& f : rules_.forbidden)
      if (touches(f.from, f.to, f.services)) return true;
    for (const Exception& x : rules_.exceptions)
      if (touches(x.rule.from, x.rule.to, x.rule.services)) return true;
    return false;
  }

  /// Writes a sorted list of addresses shorter. `fits`: may this place stand for some of them?
  template <typename Fits>
  Assigned generalise(std::vector<Address> list, bool clients, bool no_zone, Fits&& fits) {
    Assigned out;
    const auto assign = [&](auto&& belongs, Place place) {
      const std::uint32_t number = table_.add(std::move(place));
      std::erase_if(list, [&](const Address& a) {
        if (!belongs(a)) return false;
        out.emplace_back(a, number);
        return true;
      });
    };
    if (!no_zone) zones(list, clients, fits, assign);
    groups(list, clients, fits, assign);
    if (list.size() > kNamedOneByOne) prefixes(list, clients, fits, assign);
    for (const Address& a : list) out.emplace_back(a, table_.host(a));
    std::sort(out.begin(), out.end());
    return out;
  }

  template <typename Fits, typename Assign>
  void zones(const std::vector<Address>& list, bool clients, Fits& fits, Assign& assign) {
    if (list.size() < std::min(kManyInternet, kManyOfZone)) return;
    std::map<ZoneIndex, std::size_t> members;
    std::set<Prefix> networks;
    for (const Address& a : list) {
      const ZoneIndex zone = trust_.zone_of(a);
      if (zone == kNoZone) continue;
      ++members[zone];
      if (trust_.is_any(zone)) networks.insert(wide_network(a));
    }
    for (const auto& [zone, count] : members) {
      const bool any = trust_.is_any(zone);
      if (any && (count < kManyInternet || networks.size() < kManyNetworks)) continue;
      // A zone that is only our guess carries nothing.
      if (!any && (!given_ || !clients || count < kManyOfZone || count * 2 < population_[zone])) continue;
      Place p;
      p.kind = Place::Kind::zone;
      p.named = std::make_shared<Place::Named>(rules_.zones[zone].name, rules_.zones[zone].addresses);
      if (!fits(p.named->addresses)) continue;
      assign([&, z = zone](const Address& a) { return trust_.zone_of(a) == z; }, std::move(p));
    }
  }

  template <typename Fits, typename Assign>
  void groups(const std::vector<Address>& list, bool clients, Fits& fits, Assign& assign) {
    if (list.size() < 2) return;
    for (const Group* g : groups_) {
      const AddressSet& all = g->members.addresses;
      const auto count = static_cast<std::size_t>(
          std::count_if(list.begin(), list.end(), [&](const Address& a) { return all.contains(a); }));
      const bool whole = count == all.size();
      if (count < 2 || (!whole && (!clients || Uint128{count} * 2 < all.size()))) continue;
      if (!whole && !fits(all)) continue;
      Place p;
      p.kind = Place::Kind::group;
      p.named = std::make_shared<Place::Named>(g->name, all);
      assign([&](const Address& a) { return all.contains(a); }, std::move(p));
    }
  }

  /// The shortest prefixes that are half full.
  template <typename Fits, typename Assign>
  void prefixes(const std::vector<Address>& list, bool clients, Fits& fits, Assign& assign) {
    for (unsigned tail = 8; tail >= 2; --tail) {  // bits that are not part of the prefix
      std::map<Prefix, std::size_t> members;
      for (const Address& a : list) {
        // Servers inside are named one by one: what does not answer there is not theirs to stand for.
        if (!clients && !trust_.is_any(trust_.zone_of(a))) continue;
        ++members[Prefix::containing(a, bits(a.family()) - tail)];
      }
      for (const auto& [prefix, count] : members) {
        if (count < kPrefixMembersMin || count * 2 < (std::size_t{1} << tail)) continue;
        const ZoneIndex zone = trust_.zone_of(prefix.first());
        const AddressSet all{prefix};
        if (zone == kNoZone || !rules_.zones[zone].addresses.contains(all) || !fits(all)) continue;
        Place p;
        p.kind = Place::Kind::prefix;
        p.prefix = prefix;
        assign([&](const Address& a) { return prefix.contains(a); }, std::move(p));
      }
    }
  }

  /// Servers of the `any` zone first: a client that asks many of them asks the internet.
  void place_servers() {
    server_place_.resize(evidence_.uses.size(), kNone32);
    std::vector<std::uint32_t> outward;
    for (std::uint32_t i = 0; i < evidence_.uses.size(); ++i) {
      const Use& u = evidence_.uses[i];
      if (trust_.is_any(trust_.zone_of(u.server)) && !trust_.is_any(trust_.zone_of(u.client)))
        outward.push_back(i);
      else
        server_place_[i] = table_.host(u.server);
    }
    const auto key = [&](std::uint32_t i) { return std::tie(evidence_.uses[i].service, evidence_.uses[i].client); };
    each_group(outward, key, [&](std::span<const std::uint32_t> uses) {
      const Use& one = evidence_.uses[uses.front()];
      std::vector<Address> list;
      for (const std::uint32_t i : uses) list.push_back(evidence_.uses[i].server);
      const AddressSet from = AddressSet::single(one.client);
      const Assigned assigned =
          generalise(list, false, false, [&](const AddressSet& to) { return !in_the_way(from, to, one.service); });
      for (const std::uint32_t i : uses)
        server_place_[i] =
            std::lower_bound(assigned.begin(), assigned.end(), std::pair(evidence_.uses[i].server, 0U))->second;
    });
  }

  /// Calls `each` with those of the same key, in the order of the keys.
  template <typename Key, typename Each>
  static void each_group(std::vector<std::uint32_t>& uses, Key&& key, Each&& each) {
    std::sort(uses.begin(), uses.end(), [&](std::uint32_t a, std::uint32_t b) {
      if (const auto order = key(a) <=> key(b); order != 0) return order < 0;
      return a < b;
    });
    for (std::size_t begin = 0, end; begin < uses.size(); begin = end) {
      for (end = begin + 1; end < uses.size() && key(uses[begin]) == key(uses[end]);) ++end;
      each(std::span(uses).subspan(begin, end - begin));
    }
  }

  void place_clients() {
    struct Placed {
      std::uint32_t client;
      bool decide;
      std::uint32_t use;
      auto operator<=>(const Placed&) const = default;
    };
    std::vector<Placed> placed;
    uses_.reserve(evidence_.uses.size());
    members_.reserve(evidence_.uses.size());
    std::vector<std::uint32_t> all(evidence_.uses.size());
    std::iota(all.begin(), all.end(), 0U);
    const auto key = [&](std::uint32_t i) { return std::tie(evidence_.uses[i].service, server_place_[i]); };
    each_group(all, key, [&](std::span<const std::uint32_t> uses) {
      const ServiceKey service = evidence_.uses[uses.front()].service;
      const std::uint32_t server_place = server_place_[uses.front()];
      std::vector<Address> list;
      for (const std::uint32_t i : uses) list.push_back(evidence_.uses[i].client);
      std::sort(list.begin(), list.end());
      list.erase(std::unique(list.begin(), list.end()), list.end());
      const Place server = table_[server_place];
      const AddressSet to = server.addresses();
      // From anywhere to anywhere is no rule.
      const bool to_any =
          server.kind == Place::Kind::zone || trust_.is_any(trust_.zone_of(to.ranges().front().first));
      const Assigned assigned =
          generalise(std::move(list), true, to_any && server.kind == Place::Kind::zone,
                     [&](const AddressSet& from) { return !in_the_way(from, to, service); });
      placed.clear();
      for (const std::uint32_t i : uses) {
        const Use& u = evidence_.uses[i];
        const std::uint32_t client =
            std::lower_bound(assigned.begin(), assigned.end(), std::pair(u.client, 0U))->second;
        const bool crosses = trust_.zone_of(u.client) != trust_.zone_of(u.server);
        placed.push_back({client, crosses && dangerous(service), i});
      }
      std::sort(placed.begin(), placed.end());
      for (std::size_t i = 0; i < placed.size(); ++i) {
        if (i == 0 || placed[i].client != placed[i - 1].client || placed[i].decide != placed[i - 1].decide)
          uses_.push_back({placed[i].client, server_place, service, placed[i].decide,
                           static_cast<std::uint32_t>(members_.size()), 0});
        ++uses_.back().count;
        members_.push_back(placed[i].use);
      }
    });
  }

  bool dangerous(const ServiceKey& service) {
    const auto [at, fresh] = dangerous_.try_emplace(service, false);
    if (fresh) {
      const auto names = evidence_.spoken.names.find(service);
      at->second = is_dangerous(
          known_as(service, names == evidence_.spoken.names.end() ? std::set<std::string>() : names->second));
    }
    return at->second;
  }

  const Evidence& evidence_;
  const RuleSet& rules_;
  bool given_;
  Trust trust_;
  std::map<ZoneIndex, std::size_t> population_;
  std::vector<const Group*> groups_;
  PlaceTable table_;
  std::vector<std::uint32_t> server_place_;  // by use
  std::vector<PlacedUse> uses_;
  std::vector<std::uint32_t> members_;
  std::map<ServiceKey, bool> dangerous_;
};

}  // namespace

Places place(const Evidence& evidence, const RuleSet& rules, bool given) {
  return Placing(evidence, rules, given).run();
}

RuleSet guessed_zones(const Snapshot& snapshot) {
  // Networks by number, and which public ones talk to each other; each pair in both directions, once.
  std::vector<Prefix> networks;
  std::unordered_map<Address, std::uint32_t> numbers;
  const auto number_of = [&](const Address& a) {
    const Prefix p = guessed_network(a);
    const auto [at, fresh] = numbers.try_emplace(p.base(), static_cast<std::uint32_t>(networks.size()));
    if (fresh) networks.push_back(p);
    return at->second;
  };
  std::vector<std::pair<std::uint32_t, std::uint32_t>> talks;
  std::set<Prefix> inside;
  for (const FlowEvidence& evidence : snapshot.flows)
    for (const ObservedFlow& f : evidence.flows) {
      if (f.established == 0) continue;
      Address a = f.initiator, b = f.responder;
      if (f.real < evidence.real_ends.size()) {
        a = evidence.real_ends[f.real].initiator;
        b = evidence.real_ends[f.real].responder;
      }
      if (!is_guessable(a) || !is_guessable(b)) continue;
      if (is_private(a)) inside.insert(guessed_network(a));
      if (is_private(b)) inside.insert(guessed_network(b));
      if (is_private(a) || is_private(b)) continue;
      const std::uint32_t x = number_of(a), y = number_of(b);
      talks.emplace_back(x, y);
      talks.emplace_back(y, x);
    }
  std::sort(talks.begin(), talks.end());
  talks.erase(std::unique(talks.begin(), talks.end()), talks.end());
  std::vector<std::size_t> begin(networks.size() + 1);  // of each network's talks
  for (const auto& [x, y] : talks) ++begin[x + 1];
  for (std::size_t i = 0; i < networks.size(); ++i) begin[i + 1] += begin[i];
  // The one with the most neighbours that are still alone comes in first; of equals the first by number.
  using Candidate = std::pair<std::size_t, std::uint32_t>;
  const auto later = [&](const Candidate& a, const Candidate& b) {
    return a.first != b.first ? a.first < b.first : networks[b.second] < networks[a.second];
  };
  std::priority_queue<Candidate, std::vector<Candidate>, decltype(later)> queue(later);
  std::vector<std::size_t> alone(networks.size());
  std::vector<bool> in(networks.size());
  for (std::uint32_t n = 0; n < networks.size(); ++n) queue.emplace(alone[n] = begin[n + 1] - begin[n], n);
  while (!queue.empty()) {
    const auto [count, n] = queue.top();
    queue.pop();
    if (count == 0 || in[n] || count != alone[n]) continue;
    in[n] = true;
    inside.insert(networks[n]);
    for (std::size_t t = begin[n]; t < begin[n + 1]; ++t) {
      const std::uint32_t other = talks[t].second;
      if (other != n && !in[other]) queue.emplace(--alone[other], other);
    }
  }
  // A list of zones that nobody could read helps nobody: larger ones, then.
  for (unsigned shorter = 4; inside.size() > kZonesGuessedMax && shorter <= 16; shorter += 4) {
    std::set<Prefix> wider;
    for (const Prefix& p : inside)
      wider.insert(Prefix::containing(p.base(), p.family() == Family::ipv4 ? 24 - shorter : 64 - 2 * shorter));
    inside = std::move(wider);
  }
  std::string text = "demarc: 1\nzones:\n  internet: { any: true }\n";
  std::size_t number = 0;
  for (const Prefix& prefix : inside)
    text += fmt::format("  net-{}: {{ cidrs: [{}] }}\n", ++number, yaml_prefix(prefix));
  // The reader knows what is left for `internet`.
  ReadRuleSet read = read_rule_set_text("guessed", text);
  return read.rules ? std::move(*read.rules) : RuleSet{};
}

}  // namespace demarc::learning
