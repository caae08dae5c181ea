// Zones, hosts, groups, and what a name stands for in addresses.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "rules/policy/yaml_reader_parts.h"

namespace demarc::policy_reading {

namespace {

constexpr std::size_t kGroupDepthMax = 100;
// Every rule holds its addresses as ranges; a hostile file could ask for a large group in every rule.
constexpr std::size_t kRangesMax = 10'000'000;

struct Special {
  Prefix prefix;
  AddressClass address_class;
};

/// The blocks of rules/net/address.h's classify() that are not unicast, in one list so that they can be taken out.
const std::vector<Special>& special_blocks() {
  static const std::vector<Special> blocks = [] {
    std::vector<Special> out;
    for (const char* text : {"0.0.0.0", "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                             "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4", "255.255.255.255", "240.0.0.0/4",
                             "::", "::1", "fe80::/10", "fc00::/7", "ff00::/8"}) {
      Prefix prefix = *parse_prefix(text);
      out.push_back({prefix, classify(prefix.last())});
    }
    return out;
  }();
  return blocks;
}

}  // namespace

const AddressSet& global_unicast() {
  static const AddressSet set = [] {
    AddressSet ipv4{Prefix::containing(Address::ipv4(0), 0)};
    AddressSet ipv6{Prefix::containing(Address::ipv6(0x2000'0000'0000'0000, 0), 3),
                    Prefix::containing(Address::ipv6(0x0064'FF9B'0000'0000, 0), 32)};
    AddressSet special;
    for (const Special& block : special_blocks()) special = special.unite(AddressSet{block.prefix});
    return ipv4.minus(special).unite(ipv6);
  }();
  return set;
}

namespace {

// --- Zones ---

/// What a zone cannot claim: traffic to these addresses belongs to no place behind a filter.
void check_zone_prefix(Reading& reading, const YamlNode& node, const Prefix& prefix) {
  for (const Special& block : special_blocks()) {
    if (!block.prefix.overlaps(prefix) || block.address_class == AddressClass::private_use) continue;
    bool inside = block.prefix.contains(prefix);
    if (!inside) {
      reading.error(
          node,
          fmt::format("{} holds {} addresses ({}), which no zone can claim", to_string(prefix),
                      name(block.address_class), to_string(block.prefix)),
          prefix.length() == 0 ? "for everything else write `any: true`" : "name the networks one by one");
    } else if (block.address_class == AddressClass::loopback) {
      reading.warning(node, fmt::format("{} is loopback: such traffic never crosses a filter", to_string(prefix)),
                      "fine for trying demarc out on one machine");
    } else if (block.address_class == AddressClass::reserved) {
      reading.warning(node, fmt::format("{} is reserved space that nothing routes", to_string(prefix)),
                      "is it a slip?");
    } else {
      reading.error(node,
                    fmt::format("{} is {}, which no zone can claim", to_string(prefix), name(block.address_class)),
                    "zones hold unicast addresses");
    }
    return;
  }
}

std::optional<Prefix> read_prefix(Reading& reading, const YamlNode& node) {
  std::optional<std::string> text = read_text(reading, node, "a prefix");
  if (!text) return std::nullopt;
  Result<Prefix> prefix = parse_prefix(*text);
  if (prefix) return *prefix;
  reading.error(node, prefix.error().what, prefix.error().hint);
  return std::nullopt;
}

struct ZonePrefix {
  Prefix prefix;
  std::size_t zone;
  const YamlNode* node;
};

/// Longest prefix wins: prefixes nest or are apart, so a stack of the open ones says at every address whose it is.
std::vector<std::vector<AddressRange>> share_out(std::vector<ZonePrefix>& all, std::size_t zones) {
  std::sort(all.begin(), all.end(), [](const ZonePrefix& a, const ZonePrefix& b) {
    return std::tuple(a.prefix.first(), a.prefix.length()) < std::tuple(b.prefix.first(), b.prefix.length());
  });
  std::vector<std::vector<AddressRange>> out(zones);
  struct Open {
    Prefix prefix;
    std::size_t zone;
    Address next;  // the first address not yet given to anybody
    bool used_up = false;
  };
  std::vector<Open> open;
  auto give = [&](Open& to, const Address& last) {
    if (!to.used_up && to.next <= last) out[to.zone].push_back({to.next, last});
  };
  auto advance = [&](Open& past, const Address& last) {
    if (last == past.prefix.last())
      past.used_up = true;
    else
      past.next = Address::of(last.family(), last.number() + 1);
  };
  auto close = [&] {
    Open top = open.back();
    open.pop_back();
    give(top, top.prefix.last());
    if (!open.empty()) advance(open.back(), top.prefix.last());
  };
  for (const ZonePrefix& item : all) {
    while (!open.empty() && !open.back().prefix.contains(item.prefix)) close();
    if (!open.empty() && open.back().next < item.prefix.first())
      give(open.back(), Address::of(item.prefix.family(), item.prefix.first().number() - 1));
    open.push_back({item.prefix, item.zone, item.prefix.first()});
  }
  while (!open.empty()) close();
  return out;
}

void read_zones(Reading& reading) {
  static constexpr std::string_view kKeys[] = {"cidrs", "any", "description", "intra"};
  static constexpr Word<bool> kIntra[] = {{"judged", false}, {"allowed", true}};
  std::vector<ZonePrefix> prefixes;
  const YamlNode* any_given = nullptr;
  std::size_t any_zone = 0;
  for (const Entry& entry : reading.entries("zones", "zone")) {
    std::string what = fmt::format("zone '{}'", entry.key->scalar);
    Zone zone;
    zone.name = std::string(entry.key->scalar);
    zone.where = reading.where(*entry.key);
    Fields fields(reading, *entry.value, what, kKeys);
    std::size_t index = reading.rules.zones.size();
    if (const YamlNode* any = fields.get("any")) zone.any = read_truth(reading, *any, "'any'").value_or(false);
    read_text_field(reading, fields, "description", zone.description);
    if (const YamlNode* intra = fields.get("intra"))
      zone.intra_allowed = read_word(reading, *intra, "'intra'", kIntra).value_or(false);
    const YamlNode* cidrs = fields.get("cidrs");
    if (cidrs != nullptr) {
      for (const YamlNode* item : read_list(reading, *cidrs, "'cidrs'")) {
        std::optional<Prefix> prefix = read_prefix(reading, *item);
        if (!prefix) continue;
        check_zone_prefix(reading, *item, *prefix);
        zone.cidrs.push_back(*prefix);
        prefixes.push_back({*prefix, index, item});
      }
    }
    if (zone.any && cidrs != nullptr) {
      reading.error(*entry.key, fmt::format("{} has both `any` and `cidrs`", what),
                    "`any` is everything that no other zone names");
    } else if (fields.get("any") == nullptr && cidrs == nullptr && fields.usable() && !fields.misspelt("cidrs") &&
               !fields.misspelt("any")) {
      reading.error(*entry.key, fmt::format("{} holds nothing", what),
                    "add `cidrs: [192.0.2.0/24]`, or `any: true` for everything else");
    }
    if (zone.any && any_given != nullptr) {
      reading.error(*entry.key, fmt::format("two zones are `any`: '{}' and '{}'", any_given->scalar, zone.name),
                    fmt::format("first at {}", reading.place(*any_given)));
    } else if (zone.any) {
      any_given = entry.key;
      any_zone = index;
    }
    reading.names.zones.emplace(zone.name, index);
    reading.rules.zones.push_back(std::move(zone));
  }

  std::vector<Zone>& zones = reading.rules.zones;
  std::vector<std::vector<AddressRange>> shares = share_out(prefixes, zones.size());
  for (std::size_t i = 0; i < zones.size(); ++i) zones[i].addresses = AddressSet::of_ranges(std::move(shares[i]));
  // The sorting above has put equal prefixes side by side, and an outer one before those inside it.
  std::vector<bool> noted(zones.size(), false);
  std::vector<const ZonePrefix*> outer;
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    const ZonePrefix& item = prefixes[i];
    if (i > 0 && prefixes[i - 1].prefix == item.prefix) {
      const ZonePrefix* first = &prefixes[i - 1];
      const ZonePrefix* second = &item;
      if (std::tuple(second->node->file, second->node->offset) < std::tuple(first->node->file, first->node->offset))
        std::swap(first, second);
      if (first->zone == second->zone) {
        reading.warning(
            *second->node,
            fmt::format("{} is given twice in zone '{}'", to_string(item.prefix), zones[item.zone].name),
            "once is enough");
      } else {
        reading.error(*second->node,
                      fmt::format("{} is in two zones: '{}' and '{}'", to_string(item.prefix),
                                  zones[first->zone].name, zones[second->zone].name),
                      fmt::format("first at {}", reading.place(*first->node)));
      }
      continue;
    }
    while (!outer.empty() && !outer.back()->prefix.contains(item.prefix)) outer.pop_back();
    if (!outer.empty() && outer.back()->zone != item.zone && !noted[item.zone]) {
      noted[item.zone] = true;  // one note a zone is enough to say that it is cut out of another
      reading.note(
          *item.node,
          fmt::format("{} of zone '{}' lies inside {} of zone '{}'", to_string(item.prefix), zones[item.zone].name,
                      to_string(outer.back()->prefix), zones[outer.back()->zone].name),
          "the longest prefix wins");
    }
    outer.push_back(&item);
  }
  if (any_given != nullptr) {
    std::vector<Prefix> claimed;
    for (const ZonePrefix& item : prefixes) claimed.push_back(item.prefix);
    zones[any_zone].addresses = global_unicast().minus(AddressSet::of(claimed));
  }
  for (const Zone& zone : zones) reading.names.addresses.emplace(zone.name, zone.addresses);
}

// --- Hosts ---

std::vector<Address> read_addresses(Reading& reading, const YamlNode& node, std::string_view what,
                                    std::vector<std::pair<Address, const YamlNode*>>& seen) {
  std::vector<Address> out;
  for (const YamlNode* item : read_list(reading, node, what)) {
    std::optional<Address> address = read_address(reading, *item, what);
    if (!address) continue;
    AddressClass address_class = classify(*address);
    if (address_class == AddressClass::multicast || address_class == AddressClass::broadcast ||
        address_class == AddressClass::unspecified) {
      reading.error(*item, fmt::format("{} is {}: no host has it", to_string(*address), name(address_class)),
                    "hosts have unicast addresses");
      continue;
    }
    out.push_back(*address);
    seen.push_back({*address, item});
  }
  return out;
}

void read_hosts(Reading& reading) {
  static constexpr std::string_view kKeys[] = {"addresses", "nics", "role", "fqdn", "care"};
  static constexpr Word<Care> kCare[] = {{"normal", Care::normal},
                                         {"gentle", Care::gentle},
                                         {"discovery-only", Care::discovery_only},
                                         {"never", Care::never}};
  struct Given {
    Address address;
    const YamlNode* node;
    std::size_t host;
  };
  std::vector<Given> given;
  for (const Entry& entry : reading.entries("hosts", "host")) {
    Host host;
    host.name = std::string(entry.key->scalar);
    host.where = reading.where(*entry.key);
    std::string what = fmt::format("host '{}'", host.name);
    if (auto zone = reading.names.zones.find(host.name); zone != reading.names.zones.end()) {
      reading.error(*entry.key, fmt::format("'{}' is a zone and a host", host.name),
                    "rules could not tell which is meant: rename one");
    }
    Fields fields(reading, *entry.value, what, kKeys);
    std::vector<std::pair<Address, const YamlNode*>> seen;
    if (const YamlNode* addresses = fields.get("addresses"))
      host.addresses = read_addresses(reading, *addresses, "'addresses'", seen);
    const YamlNode* nics = fields.get("nics");
    if (nics != nullptr && !nics->is_mapping()) {
      reading.error(*nics, fmt::format("'nics' is {}, not a mapping", describe(nics->kind)),
                    "write { front: [192.0.2.10], back: [10.20.0.10] }");
    } else if (nics != nullptr) {
      for (const YamlNode* key = nics->first; key != nullptr; key = key->next->next) {
        if (!check_new_name(reading, *key, "network card")) continue;
        Nic nic;
        nic.name = std::string(key->scalar);
        nic.addresses = read_addresses(reading, *key->next, fmt::format("'{}'", nic.name), seen);
        host.nics.push_back(std::move(nic));
      }
    }
    read_text_field(reading, fields, "role", host.role);
    read_text_field(reading, fields, "fqdn", host.fqdn);
    if (const YamlNode* care = fields.get("care"))
      host.care = read_word(reading, *care, "'care'", kCare).value_or(Care::never);
    if (fields.usable() && fields.get("addresses") == nullptr && nics == nullptr && !fields.misspelt("addresses") &&
        !fields.misspelt("nics")) {
      if (host.fqdn.empty())
        reading.error(*entry.key, fmt::format("{} has no address", what),
                      "add `addresses: [192.0.2.10]` or `nics: { front: [192.0.2.10] }`");
      else
        reading.warning(*entry.key,
                        fmt::format("{} has a name but no address: no rule that names it can be judged", what),
                        "names are not resolved while reading: add `addresses`");
    }
    std::size_t index = reading.rules.hosts.size();
    for (const auto& [address, node] : seen) given.push_back({address, node, index});
    reading.names.hosts.emplace(host.name, index);
    reading.rules.hosts.push_back(std::move(host));
  }

  // Names of hosts and cards, then what is odd about the addresses.
  for (const Host& host : reading.rules.hosts) {
    std::vector<AddressRange> all;
    for (const Address& address : host.all_addresses()) all.push_back({address, address});
    reading.names.addresses.emplace(host.name, AddressSet::of_ranges(std::move(all)));
    reading.names.nics.emplace(host.name, host.all_addresses());
  }
  for (const Host& host : reading.rules.hosts) {
    for (const Nic& nic : host.nics) {
      std::vector<AddressRange> some;
      for (const Address& address : nic.addresses) some.push_back({address, address});
      std::string full = host.name + "." + nic.name;
      if (!reading.names.addresses.emplace(full, AddressSet::of_ranges(std::move(some))).second) {
        reading.errors.error(host.where,
                             fmt::format("'{}' is a card of host '{}' and a name of its own", full, host.name),
                             "rules could not tell which is meant: rename one");
      }
      reading.names.nics.emplace(full, nic.addresses);
    }
  }
  std::vector<AddressRange> zoned_ranges;
  for (const Zone& zone : reading.rules.zones)
    zoned_ranges.insert(zoned_ranges.end(), zone.addresses.ranges().begin(), zone.addresses.ranges().end());
  AddressSet zoned = AddressSet::of_ranges(std::move(zoned_ranges));
  std::stable_sort(given.begin(), given.end(),
                   [](const Given& a, const Given& b) { return a.address < b.address; });
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (i > 0 && given[i].address == given[i - 1].address) {
      const std::string& other = reading.rules.hosts[given[i - 1].host].name;
      if (given[i].host == given[i - 1].host)
        reading.warning(*given[i].node,
                        fmt::format("{} is given twice in host '{}'", to_string(given[i].address), other),
                        "once is enough");
      else
        reading.warning(*given[i].node,
                        fmt::format("{} belongs to host '{}' and to host '{}'", to_string(given[i].address), other,
                                    reading.rules.hosts[given[i].host].name),
                        "if they share it, make the shared address a host of its own");
      continue;
    }
    if (!zoned.contains(given[i].address)) {
      reading.warning(*given[i].node,
                      fmt::format("{} of host '{}' lies in no zone", to_string(given[i].address),
                                  reading.rules.hosts[given[i].host].name),
                      "add its network to a zone");
    }
  }
}

void collect_groups(Reading& reading) {
  for (const Entry& entry : reading.entries("groups", "group")) {
    std::string_view name = entry.key->scalar;
    for (auto [table, what] : {std::pair(&reading.names.zones, "zone"), std::pair(&reading.names.hosts, "host")}) {
      if (table->contains(name))
        reading.error(*entry.key, fmt::format("'{}' is a {} and a group", name, what),
                      "rules could not tell which is meant: rename one");
    }
    reading.names.groups.emplace(std::string(name), entry.value);
  }
  for (const Entry& entry : reading.entries("groups", "")) {
    Group group;
    group.name = std::string(entry.key->scalar);
    group.members.names = read_texts(reading, *entry.value, fmt::format("group '{}'", group.name));
    group.members.where = reading.where(*entry.key);
    // Through the group's own name, so that what is wrong in it is said once and not again by every rule that uses
    // it.
    if (!group.members.names.empty()) group.members.addresses = reading.resolve(*entry.key).value_or(AddressSet());
    reading.rules.groups.push_back(std::move(group));
  }
}

}  // namespace

void read_places(Reading& reading) {
  read_zones(reading);
  read_hosts(reading);
  collect_groups(reading);
}

// --- Names ---

std::vector<std::string> Reading::place_names() const {
  std::vector<std::string> out = keys_of(names.addresses);
  for (const auto& [name, node] : names.groups) out.push_back(name);
  return out;
}

std::optional<AddressSet> Reading::resolve_group(const YamlNode& use, std::string_view name) {
  int& state = group_state_[std::string(name)];
  if (state == 1) {
    std::string chain;
    auto begin = std::find(group_chain_.begin(), group_chain_.end(), name);
    for (auto link = begin; link != group_chain_.end(); ++link) chain += *link + " -> ";
    error(use, fmt::format("the groups go in a circle: {}{}", chain, name), "take one of them out");
    return std::nullopt;
  }
  if (group_chain_.size() >= kGroupDepthMax) {
    error(use, fmt::format("groups nested more than {} levels deep", kGroupDepthMax), "name the members directly");
    return std::nullopt;
  }
  if (state == 2) return std::nullopt;  // it failed before and said so
  state = 1;
  group_chain_.push_back(std::string(name));
  const YamlNode* members = names.groups.find(name)->second;
  std::vector<AddressRange> ranges;
  bool whole = members->is_scalar() || members->is_sequence();
  if (whole) {
    const YamlNode* item = members->is_scalar() ? members : members->first;
    for (; item != nullptr; item = members->is_scalar() ? nullptr : item->next) {
      std::optional<AddressSet> part;
      if (item->is_scalar() && names.groups.contains(item->scalar) && !names.addresses.contains(item->scalar))
        part = resolve_group(*item, item->scalar);
      else if (item->is_scalar())
        part = resolve(*item);
      if (!part || !spend(*item, part->ranges().size()))
        whole = false;
      else
        ranges.insert(ranges.end(), part->ranges().begin(), part->ranges().end());
      if (ranges_refused_) break;
    }
  }
  group_chain_.pop_back();
  group_state_[std::string(name)] = 2;
  if (!whole) return std::nullopt;
  AddressSet set = AddressSet::of_ranges(std::move(ranges));
  names.addresses.emplace(std::string(name), set);
  return set;
}

std::optional<AddressSet> Reading::resolve(const YamlNode& node, bool vantages) {
  std::string_view text = node.scalar;
  if (auto known = names.addresses.find(text); known != names.addresses.end()) return known->second;
  if (names.groups.contains(text)) return resolve_group(node, text);
  if (text.starts_with("vantage:")) {
    std::string_view vantage = text.substr(8);
    if (!vantages) {
      error(node, fmt::format("'{}' can only stand in the scope", text), "name the zone or the address instead");
      return std::nullopt;
    }
    if (auto found = names.vantages.find(vantage); found != names.vantages.end())
      return AddressSet::single(rules.vantages[found->second].address);
    error(node, fmt::format("unknown vantage point '{}'", vantage),
          flooded() ? "" : suggest_name(vantage, keys_of(names.vantages), "none is defined"));
    return std::nullopt;
  }
  bool address_like = text.find_first_of("/:") != std::string_view::npos ||
                      text.find_first_not_of("0123456789.") == std::string_view::npos;
  if (address_like) {
    Result<Prefix> prefix = parse_prefix(text);
    if (prefix) return AddressSet{*prefix};
    error(node, prefix.error().what, prefix.error().hint);
    return std::nullopt;
  }
  std::string hint;
  if (!flooded()) {
    std::size_t dot = text.rfind('.');
    auto host = dot == std::string_view::npos ? names.hosts.end() : names.hosts.find(text.substr(0, dot));
    if (host != names.hosts.end()) {
      std::vector<std::string> cards;
      for (const Nic& nic : rules.hosts[host->second].nics) cards.push_back(nic.name);
      hint = suggest_name(text.substr(dot + 1), std::move(cards), "the host has no cards: name it alone");
      error(node, fmt::format("host '{}' has no network card '{}'", text.substr(0, dot), text.substr(dot + 1)),
            std::move(hint));
      return std::nullopt;
    }
    hint = suggest_name(text, place_names(), "no zone, host or group is defined");
  }
  error(node, fmt::format("unknown name '{}': no zone, host, host.card, group or prefix", text), std::move(hint));
  return std::nullopt;
}

bool Reading::spend(const YamlNode& node, std::size_t ranges) {
  ranges_total_ += ranges;
  if (ranges_total_ <= kRangesMax) return true;
  if (!ranges_refused_)
    error(node, fmt::format("the names of this rule set stand for more than {} address ranges", kRangesMax),
          "use prefixes and fewer scattered addresses");
  ranges_refused_ = true;
  return false;
}

EndpointSet Reading::endpoints(const YamlNode& node, std::string_view what, bool vantages) {
  EndpointSet out;
  out.where = where(node);
  std::vector<const YamlNode*> items = read_list(*this, node, what);
  std::string key;
  std::set<std::string_view> seen;
  for (const YamlNode* item : items) {
    std::optional<std::string> text = read_text(*this, *item, what);
    if (!text) continue;
    if (!seen.insert(item->scalar).second) {
      warning(*item, fmt::format("'{}' is named twice in {}", *text, what), "once is enough");
      continue;
    }
    key += *text;
    key += '\n';
    out.names.push_back(std::move(*text));
  }
  if (out.names.empty()) return out;
  auto before = unions_.find(key);
  if (before == unions_.end()) {
    std::vector<AddressRange> ranges;
    bool whole = true;
    for (const YamlNode* item : items) {
      if (!item->is_scalar() || item->scalar.empty()) continue;
      std::optional<AddressSet> part = resolve(*item, vantages);
      if (part && spend(*item, part->ranges().size()))
        ranges.insert(ranges.end(), part->ranges().begin(), part->ranges().end());
      else
        whole = false;
      if (ranges_refused_) break;
    }
    out.addresses = AddressSet::of_ranges(std::move(ranges));
    if (whole && out.addresses.empty()) {
      warning(node, fmt::format("{} holds no address", what),
              "hosts without addresses, or a zone whose networks other zones take");
    }
    if (!whole) return out;  // not remembered, so that every place that names something unknown is told
    before = unions_.emplace(std::move(key), std::move(out.addresses)).first;
  }
  if (spend(node, before->second.ranges().size())) out.addresses = before->second;
  return out;
}

// --- Who is seen as whom ---

namespace {

/// The addresses of a host, host.nic or address.
std::optional<std::vector<Address>> single_place(Reading& reading, const YamlNode& node, std::string_view what) {
  std::optional<std::string> text = read_text(reading, node, what);
  if (!text) return std::nullopt;
  if (auto found = reading.names.nics.find(*text); found != reading.names.nics.end()) return found->second;
  if (std::optional<Address> address = parse_address(*text)) return std::vector<Address>{*address};
  if (reading.names.zones.contains(*text) || reading.names.groups.contains(*text)) {
    reading.error(node, fmt::format("{} must be one host, host.card or address, and '{}' is several", what, *text),
                  "write one entry for each");
    return std::nullopt;
  }
  reading.error(node, fmt::format("unknown host '{}'", *text),
                reading.flooded() ? "" : suggest_name(*text, keys_of(reading.names.nics), "none is defined"));
  return std::nullopt;
}

std::vector<std::pair<Port, Port>> read_port_map(Reading& reading, const YamlNode& node) {
  std::vector<std::pair<Port, Port>> out;
  if (!node.is_mapping()) {
    reading.error(node, fmt::format("'ports' is {}, not a mapping", describe(node.kind)),
                  "write { 443: 8443 }: the port as seen, then the real one");
    return out;
  }
  for (const YamlNode* key = node.first; key != nullptr; key = key->next->next) {
    std::optional<PortRange> seen = read_port_range(reading, *key);
    std::optional<PortRange> real = read_port_range(reading, *key->next);
    if (!seen || !real) continue;
    if (seen->size() != 1 || real->size() != 1)
      reading.error(*key, "a translation maps single ports", "write one pair for each port");
    else
      out.push_back({seen->first, real->first});
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

void read_translations(Reading& reading) {
  static constexpr std::string_view kKeys[] = {"real", "seen_as", "from", "ports"};
  for (const YamlNode* item : reading.items("translations")) {
    Fields fields(reading, *item, "a translation", kKeys);
    const YamlNode *real = fields.need("real"), *seen_as = fields.need("seen_as"), *from = fields.need("from");
    Translation translation;
    translation.where = reading.where(*item);
    std::optional<std::vector<Address>> addresses;
    if (real != nullptr) addresses = single_place(reading, *real, "'real'");
    std::optional<Address> seen;
    if (seen_as != nullptr) seen = read_address(reading, *seen_as, "'seen_as'");
    if (from != nullptr) translation.from = reading.endpoints(*from, "'from'");
    if (const YamlNode* ports = fields.get("ports")) translation.ports = read_port_map(reading, *ports);
    if (!addresses || !seen) continue;
    translation.real_name = std::string(real->scalar);
    translation.seen_as = *seen;
    for (const Address& address : *addresses)
      if (address.family() == seen->family()) translation.real.push_back(address);
    if (translation.real.empty()) {
      reading.error(*seen_as,
                    fmt::format("'{}' has no {} address to be seen as {}", translation.real_name,
                                name(seen->family()), to_string(*seen)),
                    "one entry for each family");
    } else if (translation.real.size() > 1) {
      reading.error(*real,
                    fmt::format("'{}' has {} {} addresses, and one address can only stand for one",
                                translation.real_name, translation.real.size(), name(seen->family())),
                    "name the card or the address; for a farm use `vips`");
    }
    reading.rules.translations.push_back(std::move(translation));
  }

  static constexpr std::string_view kSourceKeys[] = {"real", "seen_as", "to"};
  for (const YamlNode* item : reading.items("source_translations")) {
    Fields fields(reading, *item, "a source translation", kSourceKeys);
    const YamlNode *real = fields.need("real"), *seen_as = fields.need("seen_as"), *to = fields.need("to");
    SourceTranslation translation;
    translation.where = reading.where(*item);
    if (real != nullptr) translation.real = reading.endpoints(*real, "'real'");
    if (to != nullptr) translation.to = reading.endpoints(*to, "'to'");
    std::optional<Address> seen;
    if (seen_as != nullptr) seen = read_address(reading, *seen_as, "'seen_as'");
    if (!seen) continue;
    translation.seen_as = *seen;
    reading.rules.source_translations.push_back(std::move(translation));
  }

  static constexpr std::string_view kVipKeys[] = {"address", "members", "services"};
  for (const YamlNode* item : reading.items("vips")) {
    Fields fields(reading, *item, "a virtual address", kVipKeys);
    const YamlNode *address = fields.need("address"), *members = fields.need("members");
    Vip vip;
    vip.where = reading.where(*item);
    std::optional<Address> own;
    if (address != nullptr) own = read_address(reading, *address, "'address'");
    if (members != nullptr) vip.members = reading.endpoints(*members, "'members'");
    if (const YamlNode* services = fields.get("services")) {
      for (const YamlNode* service : read_list(reading, *services, "'services'"))
        if (std::optional<std::string> known = read_known(reading, *service, "service", reading.names.services))
          vip.services.push_back(std::move(*known));
    }
    if (!own) continue;
    vip.address = *own;
    if (vip.members.addresses.contains(*own))
      reading.error(*address, fmt::format("{} is a member of itself", to_string(*own)),
                    "members have addresses of their own");
    reading.rules.vips.push_back(std::move(vip));
  }
}

}  // namespace demarc::policy_reading
