#include "rules/policy/scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "rules/policy/translation.h"
#include "rules/text/sha256.h"

namespace demarc {

namespace {

constexpr unsigned kEnumeratedLengthMin6 = 112;  // a shorter IPv6 prefix has too many addresses to ask one by one
constexpr std::size_t kNotesMax = 200;

AddressSet with(const AddressSet& set, const Address& address) { return set.unite(AddressSet::single(address)); }

/// Is the name one of a host, a card or a single address, rather than of many?
bool names_single(const RuleSet& rules, std::string_view written) {
  if (rules.host(written.substr(0, written.find('.'))) != nullptr && !parse_address(written)) return true;
  Result<Prefix> prefix = parse_prefix(written);
  return prefix && prefix->is_host();
}

std::vector<Address> addresses_of_name(const RuleSet& rules, std::string_view written) {
  if (Result<Prefix> prefix = parse_prefix(written))
    return prefix->is_host() ? std::vector<Address>{prefix->base()} : std::vector<Address>{};
  std::size_t dot = written.find('.');
  const Host* host = rules.host(written.substr(0, dot));
  if (host == nullptr) host = rules.host(written);
  if (host == nullptr) return {};
  if (dot == std::string_view::npos) return host->all_addresses();
  for (const Nic& nic : host->nics)
    if (nic.name == written.substr(dot + 1)) return nic.addresses;
  return {};
}

}  // namespace

const PortSet& fragile_ports() {
  // JetDirect and LPD print what they get (9100-9107, 515); S7, Modbus, DNP3 and EtherNet/IP drive machines.
  auto one = [](std::uint16_t n) { return PortRange::single(Port{n}); };
  static const PortSet kFragile{one(102), one(502), one(515), {Port{9100}, Port{9107}}, one(20000), one(44818)};
  return kFragile;
}

const PortSet& fragile_udp_ports() {
  // S7 (102), Modbus (502), FOUNDATION Fieldbus (1089-1091), CODESYS (1740-1743), EtherNet/IP (2222, 44818),
  // HART-IP (5094), FINS (9600), SRTP (18245-18246), DNP3 (20000), PROFINET (34962-34964), EtherCAT (34980), BACnet
  // (47808-47823), ADS (48899); printers (515, 9100-9107).
  auto one = [](std::uint16_t n) { return PortRange::single(Port{n}); };
  static const PortSet kFragile{one(102),
                                one(502),
                                one(515),
                                {Port{1089}, Port{1091}},
                                {Port{1740}, Port{1743}},
                                one(2222),
                                one(5094),
                                {Port{9100}, Port{9107}},
                                one(9600),
                                {Port{18245}, Port{18246}},
                                one(20000),
                                {Port{34962}, Port{34964}},
                                one(34980),
                                one(44818),
                                {Port{47808}, Port{47823}},
                                one(48899)};
  return kFragile;
}

void Scope::learn_prefixes(std::span<const Prefix> prefixes) {
  // The last address of an IPv4 prefix is its broadcast, the first its network (RFC 919, RFC 922); a /31 has
  // neither (RFC 3021). IPv6 has no broadcast; its first address is the routers' anycast and harmless.
  std::vector<AddressRange> first, last;
  for (const Prefix& prefix : prefixes) {
    if (prefix.family() != Family::ipv4 || prefix.length() > 30) continue;
    first.push_back({prefix.first(), prefix.first()});
    last.push_back({prefix.last(), prefix.last()});
  }
  edges_network_ = edges_network_.unite(AddressSet::of_ranges(std::move(first)));
  edges_broadcast_ = edges_broadcast_.unite(AddressSet::of_ranges(std::move(last)));
}

Result<Scope> Scope::from_rules(const RuleSet& rules, std::span<const Prefix> exclude) {
  const ScopePolicy& policy = rules.scope;
  if (!policy.given) {
    return std::unexpected(Error{Location{.file = rules.file}, "the rule set has no scope, so nothing may be asked",
                                 "add `scope:` with the targets that somebody authorised, or give --scope"});
  }
  Scope scope;
  scope.policy_ = policy;
  scope.time_zone_ = rules.time_zone;
  scope.from_rules_ = true;
  scope.targets_ = policy.targets.addresses;
  std::vector<AddressRange> named;
  for (const std::string& written : policy.targets.names) {
    if (!names_single(rules, written)) continue;
    for (const Address& a : addresses_of_name(rules, written)) named.push_back({a, a});
  }
  scope.named_ = AddressSet::of_ranges(std::move(named));
  for (const std::string& written : policy.vantage_targets) {
    std::string_view text = written;
    if (text.starts_with("vantage:")) text.remove_prefix(8);
    const Vantage* vantage = rules.vantage(text);
    if (vantage == nullptr) continue;  // the reader has refused the name
    scope.targets_ = with(scope.targets_, vantage->address);
    scope.named_ = with(scope.named_, vantage->address);
  }
  scope.excluded_ = policy.exclude.addresses.unite(AddressSet::of(exclude));

  for (const Host& host : rules.hosts) {
    for (const Address& a : host.all_addresses()) {
      // An address that two entries claim gets the more careful of the two.
      auto [care, fresh] = scope.care_.emplace(a, host.care);
      if (!fresh) care->second = std::max(care->second, host.care);
      if (const DeclaredDevice* device = rules.device_of(a)) scope.devices_.emplace(a, device->name);
      scope.names_.try_emplace(a, rules.name_of(a));
    }
  }
  // Whoever may ask a host may ask the address under which he sees it: the packets go to the host. Its care goes
  // along. An address that is a device's own stays a device's.
  for (const Translation& translation : rules.translations) {
    for (const Address& real : translation.real) {
      if (!scope.targets_.contains(real)) continue;
      scope.targets_ = with(scope.targets_, translation.seen_as);
      if (scope.excluded_.contains(real)) scope.excluded_ = with(scope.excluded_, translation.seen_as);
      Care care = scope.care_.contains(real) ? scope.care_.at(real) : Care::normal;
      auto [known, fresh] = scope.care_.emplace(translation.seen_as, care);
      if (!fresh) known->second = std::max(known->second, care);
      scope.names_.try_emplace(translation.seen_as, translation.real_name + " as seen from outside");
    }
  }
  if (scope.targets_.empty()) {
    return std::unexpected(Error{policy.where, "the scope has no targets, so nothing may be asked",
                                 "name zones, hosts or prefixes under `targets`"});
  }
  for (const Zone& zone : rules.zones) scope.learn_prefixes(zone.cidrs);
  std::vector<Prefix> written;
  for (const std::string& name : policy.targets.names)
    if (Result<Prefix> prefix = parse_prefix(name)) written.push_back(*prefix);
  scope.learn_prefixes(written);
  scope.addresses_ = scope.targets_.minus(scope.excluded_);

  // Rules that name a fragile port on a host say that somebody wants it spoken to.
  for (const Rule& rule : rules.rules) {
    PortSet ports;
    for (std::uint32_t s : rule.services)
      if (!rules.services.at(s).all) ports = ports.unite(rules.services.at(s).tcp.intersect(fragile_ports()));
    if (ports.empty()) continue;
    scope.spoken_wide_.emplace_back(rule.to.addresses, ports);
    for (const Translation& translation : rules.translations) {
      for (const Address& real : translation.real) {
        if (!rule.to.addresses.contains(real)) continue;
        PortSet seen = translation.ports.empty() ? ports : PortSet();
        for (const auto& [outside, inside] : translation.ports)
          if (ports.contains(inside)) seen = seen.unite(PortSet::single(outside));
        scope.spoken_[translation.seen_as] = scope.spoken_[translation.seen_as].unite(seen);
      }
    }
  }
  return scope;
}

Result<Scope> Scope::from_prefixes(std::span<const Prefix> targets, std::span<const Prefix> exclude) {
  if (targets.empty()) return failure("the scope is empty, so nothing may be asked", "give --scope PREFIX");
  Scope scope;
  scope.policy_.given = true;
  scope.targets_ = AddressSet::of(targets);
  scope.excluded_ = AddressSet::of(exclude);
  scope.learn_prefixes(targets);
  scope.addresses_ = scope.targets_.minus(scope.excluded_);
  scope.loopback_allowed_ = true;
  return scope;
}

Scope::Refusal Scope::refusal(const Address& address) const {
  // ::ffff:192.0.2.1 would leave the machine as IPv4: judge what would be sent.
  if (const Address plain = address.unmapped(); plain != address)
    return refusal(plain) == Refusal::none ? Refusal::reserved : refusal(plain);
  switch (classify(address)) {
    case AddressClass::unspecified: return Refusal::unspecified;
    case AddressClass::multicast: return Refusal::multicast;
    case AddressClass::broadcast: return Refusal::broadcast;
    case AddressClass::link_local: return Refusal::link_local;
    case AddressClass::reserved: return Refusal::reserved;
    case AddressClass::loopback:
      if (!loopback_allowed_) return Refusal::loopback;
      break;
    case AddressClass::unicast:
    case AddressClass::private_use: break;
  }
  if (excluded_.contains(address)) return Refusal::excluded;
  if (!targets_.contains(address)) return Refusal::outside;
  if (auto care = care_.find(address); care != care_.end() && care->second == Care::never)
    return Refusal::care_never;
  if (edges_network_.contains(address)) return Refusal::network_address;
  if (edges_broadcast_.contains(address)) return Refusal::broadcast_address;
  if (devices_.contains(address) && !named_.contains(address)) return Refusal::device;
  return Refusal::none;
}

Result<Target> Scope::admit(const Address& address) const {
  std::string who = to_string(address);
  if (auto name = names_.find(address); name != names_.end() && !name->second.empty())
    who = fmt::format("{} ({})", name->second, who);
  switch (refusal(address)) {
    case Refusal::none: break;
    case Refusal::unspecified: return failure(who + " is the unspecified address and never a target");
    case Refusal::multicast: return failure(who + " is a multicast address and never a target");
    case Refusal::broadcast: return failure(who + " is the broadcast address and never a target");
    case Refusal::link_local: return failure(who + " is link-local and never a target");
    case Refusal::loopback:
      return failure(who + " is this machine itself", "loopback may be asked with --scope 127.0.0.1 only");
    case Refusal::reserved: return failure(who + " is reserved and never a target");
    case Refusal::excluded:
      return failure(who + " is excluded from the scope", "see `scope.exclude` and --exclude");
    case Refusal::outside:
      return failure(who + " is outside the authorised scope",
                     "add it to `scope.targets` if somebody authorised it");
    case Refusal::care_never: return failure(who + " has `care: never` and is never asked");
    case Refusal::device:
      return failure(fmt::format("{} is an address of the filtering device {}", who, devices_.at(address)),
                     "name the device in `scope.targets` itself if it may be asked");
    case Refusal::network_address:
      return failure(who + " is the network address of a known prefix and never a target");
    case Refusal::broadcast_address:
      return failure(who + " is the broadcast address of a known prefix and never a target");
  }
  auto care = care_.find(address);
  return Target(address, care == care_.end() ? Care::normal : care->second);
}

Result<Scope::Enumeration> Scope::enumerate(std::span<const Address> known, std::size_t targets_max,
                                            const AddressSet* within) const {
  Enumeration out;
  std::set<Address> chosen;
  std::vector<std::string> notes;
  auto note = [&](std::string text) {
    if (notes.size() < kNotesMax) notes.push_back(std::move(text));
  };
  auto too_many = [&] {
    return failure(fmt::format("the scope has more than {} targets", targets_max),
                   "narrow `scope.targets` or give fewer targets");
  };
  // Bounds are checked before anything is laid out: a /0 must not cost what it contains.
  Uint128 enumerable = 0;
  std::vector<Prefix> short_prefixes;
  const std::vector<Prefix> prefixes = (within == nullptr ? addresses_ : addresses_.intersect(*within)).prefixes();
  for (const Prefix& prefix : prefixes) {
    if (prefix.family() == Family::ipv6 && prefix.length() < kEnumeratedLengthMin6) {
      short_prefixes.push_back(prefix);
    } else {
      enumerable += prefix.last().number() - prefix.first().number() + 1;
      if (enumerable > targets_max) return too_many();
    }
  }
  std::vector<std::string> withheld;
  for (const Prefix& prefix : prefixes) {
    if (prefix.family() == Family::ipv6 && prefix.length() < kEnumeratedLengthMin6) continue;
    for (Uint128 n = prefix.first().number();; ++n) {
      Address address = Address::of(prefix.family(), n);
      Refusal why = refusal(address);
      if (why == Refusal::none) chosen.insert(address);
      if (why == Refusal::care_never || why == Refusal::device) withheld.push_back(admit(address).error().what);
      if (n == prefix.last().number()) break;
    }
  }
  if (!short_prefixes.empty()) {
    std::vector<AddressRange> ranges;
    for (const Prefix& prefix : short_prefixes) ranges.push_back({prefix.first(), prefix.last()});
    const AddressSet wide = AddressSet::of_ranges(std::move(ranges));
    std::size_t from_names = 0, from_evidence = 0;
    std::vector<Address> candidates;
    for (const auto& [address, name] : names_) candidates.push_back(address);
    std::sort(candidates.begin(), candidates.end());
    for (const Address& a : candidates) {
      if (!wide.contains(a)) continue;
      Refusal why = refusal(a);
      if (why == Refusal::none && chosen.insert(a).second) ++from_names;
      if (why == Refusal::care_never || why == Refusal::device) withheld.push_back(admit(a).error().what);
    }
    for (const AddressRange& r : named_.ranges()) {  // vantage points named as targets
      for (Uint128 n = r.first.number();; ++n) {
        Address a = Address::of(r.first.family(), n);
        if (wide.contains(a) && refusal(a) == Refusal::none && chosen.insert(a).second) ++from_names;
        if (n == r.last.number()) break;
      }
    }
    for (const Address& a : known)
      if (wide.contains(a) && refusal(a) == Refusal::none && chosen.insert(a).second) ++from_evidence;
    if (chosen.size() > targets_max) return too_many();
    note(fmt::format(
        "{} {} too large to ask address by address: {} named {} and {} known from evidence stand for {}",
        to_string(wide), short_prefixes.size() == 1 ? "is" : "are", from_names, from_names == 1 ? "host" : "hosts",
        from_evidence, short_prefixes.size() == 1 ? "it" : "them"));
  }
  for (std::string& text : withheld) note(std::move(text));
  out.targets.reserve(chosen.size());
  for (const Address& a : chosen) {
    Result<Target> target = admit(a);
    if (target) out.targets.push_back(*target);
  }
  out.notes = std::move(notes);
  return out;
}

bool Scope::speak_allowed(const Target& target, Port port) const {
  if (target.care() == Care::discovery_only || target.care() == Care::never) return false;
  if (!fragile_ports().contains(port)) return true;
  if (auto spoken = spoken_.find(target.address()); spoken != spoken_.end() && spoken->second.contains(port))
    return true;
  return std::any_of(spoken_wide_.begin(), spoken_wide_.end(), [&](const auto& wide) {
    return wide.second.contains(port) && wide.first.contains(target.address());
  });
}

Result<RateShare> Scope::rate_share(std::uint32_t rate, std::uint32_t processes) const {
  processes = std::max<std::uint32_t>(1, processes);
  if (from_rules_ && rate > policy_.rate_max) {
    return failure(fmt::format("--rate {} is above the scope's max_rate of {} packets/s", rate, policy_.rate_max),
                   "the scope is what somebody authorised: ask less, or have it raised there");
  }
  // Without a rule set a rate that was asked for is meant; what was not asked for is gentle, except towards
  // oneself.
  bool own_machine =
      loopback_allowed_ &&
      std::all_of(addresses_.ranges().begin(), addresses_.ranges().end(), [](const AddressRange& r) {
        return classify(r.first) == AddressClass::loopback && classify(r.last) == AddressClass::loopback;
      });
  constexpr std::uint32_t kOwnMachineRate = 1'000'000, kOwnMachineStates = 60'000, kStateSeconds = 120;
  std::uint32_t whole = rate;
  std::uint32_t per_target = policy_.rate_max_per_target;
  if (from_rules_) {
    if (whole == 0) whole = std::min(policy_.rate_max, kRateDefault);
  } else {
    if (whole != 0) per_target = whole;
    if (whole == 0) whole = own_machine ? kOwnMachineRate : kRateDefault;
    if (own_machine) per_target = whole;
  }
  if (whole < processes) {
    return failure(fmt::format("{} packets/s cannot be divided among {} processes", whole, processes),
                   "use fewer shards or a higher --rate");
  }
  RateShare share;
  share.packets_per_second = whole / processes;
  // The limits of a target and of a path hold for all processes together as well.
  share.packets_per_second_per_target =
      std::max<std::uint32_t>(1, std::min(per_target / processes, share.packets_per_second));
  std::uint64_t states = own_machine ? kOwnMachineStates : policy_.states_max_per_path;
  // Nobody set a limit here but the user with the rate; it makes so many states as a filter forgets none of.
  if (!from_rules_ && rate != 0) states = std::max(states, std::uint64_t{rate} * kStateSeconds);
  share.states_per_path = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(states / processes, 1, 1'000'000'000));
  return share;
}

std::string Scope::text() const {
  std::string out = "demarc scope 1\n";
  auto add = [&](std::string_view name, const AddressSet& set) {
    for (const AddressRange& r : set.ranges())
      out += fmt::format("{} {}-{}\n", name, to_string(r.first), to_string(r.last));
  };
  add("target", targets_);
  add("exclude", excluded_);
  add("named", named_);
  std::vector<std::pair<Address, Care>> cares;
  for (const auto& [address, care] : care_)
    if (care != Care::normal && targets_.contains(address)) cares.emplace_back(address, care);
  std::sort(cares.begin(), cares.end());
  for (const auto& [address, care] : cares) out += fmt::format("care {} {}\n", to_string(address), name(care));
  std::vector<Address> devices;
  for (const auto& [address, device] : devices_)
    if (targets_.contains(address)) devices.push_back(address);
  std::sort(devices.begin(), devices.end());
  for (const Address& a : devices) out += fmt::format("device {}\n", to_string(a));
  out += fmt::format("rate {} {} {}\n", policy_.rate_max, policy_.rate_max_per_target, policy_.states_max_per_path);
  auto windows = [&](std::string_view what, const std::vector<Window>& list) {
    for (const Window& w : list) {
      if (w.weekly) {
        out += fmt::format("{} weekly {} {} {} {}\n", what, w.day_from, w.from.count(), w.day_to, w.to.count());
      } else {
        out += fmt::format("{} {} {} {} {}\n", what, to_string(w.begin.date), w.begin.time_of_day.count(),
                           to_string(w.end.date), w.end.time_of_day.count());
      }
    }
  };
  windows("window", policy_.windows);
  windows("blackout", policy_.blackouts);
  if (!policy_.authorised_by.empty())
    out += fmt::format("authorised {} {}\n", policy_.authorised_by, policy_.authorised_ticket);
  if (policy_.valid_until) out += fmt::format("valid-until {}\n", to_string(*policy_.valid_until));
  out += fmt::format("time-zone {}\n", time_zone_.name());
  return out;
}

std::string Scope::sha256() const { return sha256_hex(text()); }

}  // namespace demarc
