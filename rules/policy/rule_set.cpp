// Look-ups by name and by address. A verdict asks for the zone of a million addresses, so names are hashed once and
// the zones are turned into one sorted table of disjoint address intervals, in which the longest prefix has already
// won.
#include "rules/policy/rule_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace demarc {

namespace {

constexpr std::string_view kSeverities[] = {"none", "info", "low", "medium", "high", "critical"};
constexpr std::string_view kCares[] = {"normal", "gentle", "discovery-only", "never"};

Address next(const Address& a) { return Address::of(a.family(), a.number() + 1); }
bool is_last(const Address& a) { return a.is_ipv4() ? a.number() == 0xFFFFFFFF : a.number() == ~Uint128{0}; }

struct Interval {
  Address first, last;
  std::uint32_t zone = 0;
};

/// Disjoint intervals in order. Prefixes are nested or disjoint, so a stack of the open ones is enough: the
/// innermost has the longest prefix and owns the addresses until the next begins or it ends.
std::vector<Interval> resolve(const std::vector<Zone>& zones) {
  struct Owned {
    Prefix prefix;
    std::uint32_t zone;
  };
  std::vector<Owned> all;
  for (std::uint32_t z = 0; z < zones.size(); ++z)
    for (const Prefix& prefix : zones[z].cidrs) all.push_back({prefix, z});
  std::stable_sort(all.begin(), all.end(), [](const Owned& a, const Owned& b) {
    return std::pair(a.prefix.base(), a.prefix.length()) < std::pair(b.prefix.base(), b.prefix.length());
  });
  std::vector<Interval> out;
  std::vector<Owned> open;
  std::optional<Address> from;  // where the innermost open prefix's next piece begins; none: it has no more
  auto emit = [&](const Address& last) {
    if (from && *from <= last) out.push_back({*from, last, open.back().zone});
  };
  auto close_innermost = [&] {
    Address last = open.back().prefix.last();
    emit(last);
    from = is_last(last) ? std::nullopt : std::optional(next(last));
    open.pop_back();
  };
  for (const Owned& owned : all) {
    while (!open.empty() && !open.back().prefix.contains(owned.prefix)) close_innermost();
    if (!open.empty() && from && *from < owned.prefix.first()) {
      emit(Address::of(owned.prefix.family(), owned.prefix.first().number() - 1));
    }
    open.push_back(owned);
    from = owned.prefix.first();
  }
  while (!open.empty()) close_innermost();
  return out;
}

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
using NameMap = std::unordered_map<std::string, std::uint32_t, StringHash, std::equal_to<>>;

template <typename Items, typename Key>
NameMap names_of(const Items& items, Key key) {
  NameMap map;
  map.reserve(items.size());
  for (std::uint32_t i = 0; i < items.size(); ++i) map.emplace(key(items[i]), i);  // the first of a name stays
  return map;
}

constexpr std::uint32_t kNowhere = 0xFFFFFFFF;

}  // namespace

struct RuleSetIndex {
  using Shape = std::array<std::size_t, 9>;
  static Shape shape_of(const RuleSet& r) {
    return {r.zones.size(), r.hosts.size(),      r.vantages.size(), r.sensors.size(), r.services.size(),
            r.rules.size(), r.exceptions.size(), r.people.size(),   r.devices.size()};
  }

  struct Name {
    std::uint32_t host = kNowhere, nic = kNowhere, vantage = kNowhere;
  };

  Shape shape{};
  NameMap zones, hosts, vantages, sensors, services, rules, exceptions, people;
  std::uint32_t any_zone = kNowhere;
  std::vector<Interval> intervals;
  std::unordered_map<Address, Name> addresses;
  std::unordered_map<Address, std::uint32_t> devices;

  explicit RuleSetIndex(const RuleSet& r) : shape(shape_of(r)) {
    auto by_name = [](const auto& item) -> const std::string& { return item.name; };
    zones = names_of(r.zones, by_name);
    hosts = names_of(r.hosts, by_name);
    vantages = names_of(r.vantages, by_name);
    sensors = names_of(r.sensors, by_name);
    services = names_of(r.services, by_name);
    people = names_of(r.people, by_name);
    rules = names_of(r.rules, [](const Rule& rule) -> const std::string& { return rule.id; });
    exceptions = names_of(r.exceptions, [](const Exception& x) -> const std::string& { return x.rule.id; });
    for (std::uint32_t z = 0; z < r.zones.size(); ++z)
      if (r.zones[z].any && any_zone == kNowhere) any_zone = z;
    intervals = resolve(r.zones);
    for (std::uint32_t h = 0; h < r.hosts.size(); ++h) {
      for (const Address& a : r.hosts[h].addresses) addresses.try_emplace(a, Name{h, kNowhere, kNowhere});
      for (std::uint32_t n = 0; n < r.hosts[h].nics.size(); ++n)
        for (const Address& a : r.hosts[h].nics[n].addresses) addresses.try_emplace(a, Name{h, n, kNowhere});
    }
    for (std::uint32_t v = 0; v < r.vantages.size(); ++v)
      addresses.try_emplace(r.vantages[v].address, Name{kNowhere, kNowhere, v});
    for (std::uint32_t d = 0; d < r.devices.size(); ++d) {
      auto host = hosts.find(r.devices[d].name);
      if (host == hosts.end()) continue;
      for (const Address& a : r.hosts[host->second].all_addresses()) devices.try_emplace(a, d);
    }
  }
};

namespace {

const RuleSetIndex& index_of(const RuleSet& rules) {
  if (!rules.index || rules.index->shape != RuleSetIndex::shape_of(rules))
    rules.index = std::make_shared<const RuleSetIndex>(rules);
  return *rules.index;
}

template <typename T>
const T* find(const std::vector<T>& items, const NameMap& names, std::string_view name) {
  auto at = names.find(name);
  return at == names.end() ? nullptr : &items[at->second];
}

template <typename E, std::size_t N>
std::optional<E> parse_name(const std::string_view (&names)[N], std::string_view text) {
  auto at = std::find(std::begin(names), std::end(names), text);
  if (at == std::end(names)) return std::nullopt;
  return static_cast<E>(at - std::begin(names));
}

}  // namespace

std::string_view name(Severity severity) { return kSeverities[static_cast<std::size_t>(severity)]; }
std::optional<Severity> parse_severity(std::string_view text) { return parse_name<Severity>(kSeverities, text); }
std::string_view name(Care care) { return kCares[static_cast<std::size_t>(care)]; }

std::vector<Address> Host::all_addresses() const {
  std::vector<Address> all = addresses;
  for (const Nic& nic : nics) all.insert(all.end(), nic.addresses.begin(), nic.addresses.end());
  return all;
}

const Zone* RuleSet::zone(std::string_view n) const { return find(zones, index_of(*this).zones, n); }
const Host* RuleSet::host(std::string_view n) const { return find(hosts, index_of(*this).hosts, n); }
const Vantage* RuleSet::vantage(std::string_view n) const { return find(vantages, index_of(*this).vantages, n); }
const Sensor* RuleSet::sensor(std::string_view n) const { return find(sensors, index_of(*this).sensors, n); }
const Service* RuleSet::service(std::string_view n) const { return find(services, index_of(*this).services, n); }
const Person* RuleSet::person(std::string_view n) const { return find(people, index_of(*this).people, n); }

const Rule* RuleSet::rule(std::string_view id) const {
  const RuleSetIndex& i = index_of(*this);
  if (const Rule* found = find(rules, i.rules, id)) return found;
  const Exception* exception = find(exceptions, i.exceptions, id);
  return exception == nullptr ? nullptr : &exception->rule;
}

const Zone* RuleSet::zone_of(const Address& address) const {
  const RuleSetIndex& i = index_of(*this);
  auto after = std::upper_bound(i.intervals.begin(), i.intervals.end(), address,
                                [](const Address& a, const Interval& interval) { return a < interval.first; });
  if (after != i.intervals.begin() && address <= std::prev(after)->last) return &zones[std::prev(after)->zone];
  if (i.any_zone != kNowhere && classify(address) == AddressClass::unicast) return &zones[i.any_zone];
  return nullptr;
}

std::string RuleSet::name_of(const Address& address) const {
  const RuleSetIndex& i = index_of(*this);
  auto at = i.addresses.find(address);
  if (at == i.addresses.end()) return {};
  const RuleSetIndex::Name& found = at->second;
  if (found.vantage != kNowhere) return "vantage:" + vantages[found.vantage].name;
  const Host& host = hosts[found.host];
  return found.nic == kNowhere ? host.name : host.name + "." + host.nics[found.nic].name;
}

const Host* RuleSet::host_of(const Address& address) const {
  const RuleSetIndex& i = index_of(*this);
  auto at = i.addresses.find(address);
  return at == i.addresses.end() || at->second.host == kNowhere ? nullptr : &hosts[at->second.host];
}

const DeclaredDevice* RuleSet::device_of(const Address& address) const {
  const RuleSetIndex& i = index_of(*this);
  auto at = i.devices.find(address);
  return at == i.devices.end() ? nullptr : &devices[at->second];
}

}  // namespace demarc
