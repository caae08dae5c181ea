#include "rules/verdict/binding.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "rules/text/suggest.h"

namespace demarc {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}
bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }

/// The path without "./" and without what leads out of the directory it is written in.
std::string_view without_dots(std::string_view path) {
  while (path.starts_with("./") || path.starts_with("../")) path.remove_prefix(path.find('/') + 1);
  return path;
}

/// How many bytes of the declared file's path the given one ends with; 0: it is another file.
std::size_t same_file(std::string_view given, std::string_view declared) {
  declared = without_dots(declared);
  given = without_dots(given);
  if (declared.empty() || !given.ends_with(declared)) return 0;
  const bool whole = given.size() == declared.size() || given[given.size() - declared.size() - 1] == '/';
  return whole ? declared.size() : 0;
}

/// "edge-rtr.example.net" is edge-rtr's name too.
bool same_host(std::string_view hostname, std::string_view declared) {
  return same_word(hostname, declared) || same_word(hostname.substr(0, hostname.find('.')), declared);
}

class Binder {
 public:
  Binder(const RuleSet& rules, std::span<const GivenConfiguration> given)
      : rules_(rules), given_(given.begin(), given.end()), of_device_(rules.devices.size()) {
    std::erase_if(given_, [](const GivenConfiguration& g) { return g.device == nullptr; });
    std::stable_sort(given_.begin(), given_.end(), [](const GivenConfiguration& a, const GivenConfiguration& b) {
      return std::tie(a.said, a.device->file, a.sha256, a.device->name) <
             std::tie(b.said, b.device->file, b.sha256, b.device->name);
    });
  }

  Binding run() {
    out_.rules = &rules_;
    for (const GivenConfiguration& g : given_) assign(g);
    for (std::uint32_t d = 0; d < rules_.devices.size(); ++d) out_.devices.push_back(bound(d));
    return std::move(out_);
  }

 private:
  using Kind = BindingProblem::Kind;
  void problem(Kind kind, std::string device, std::string what, std::string hint, Location where) {
    out_.problems.push_back({kind, std::move(device), std::move(what), std::move(hint), std::move(where)});
  }
  static Location file_of(const GivenConfiguration& g) { return Location{.file = g.device->file}; }

  std::vector<std::string> device_names() const {
    std::vector<std::string> names;
    for (const DeclaredDevice& d : rules_.devices) names.push_back(d.name);
    return names;
  }

  void assign(const GivenConfiguration& g) {
    if (!g.said.empty()) {
      for (std::uint32_t d = 0; d < rules_.devices.size(); ++d)
        if (rules_.devices[d].name == g.said) return give(d, g, BoundBy::said);
      if (!leave(g)) return;
      problem(Kind::unknown_device, g.said,
              fmt::format("{} is said to be the device '{}', which the rule set does not declare", g.device->file,
                          g.said),
              suggest(g.said, device_names()), file_of(g));
      return;
    }
    std::size_t longest = 0;
    std::vector<std::uint32_t> fitting;
    for (std::uint32_t d = 0; d < rules_.devices.size(); ++d) {
      const std::size_t length = same_file(g.device->file, rules_.devices[d].config);
      if (length == 0 || length < longest) continue;
      if (length > longest) fitting.clear();
      longest = length;
      fitting.push_back(d);
    }
    for (const std::uint32_t d : fitting) give(d, g, BoundBy::config_file);  // a pair may share its file
    if (!fitting.empty()) return;
    for (std::uint32_t d = 0; d < rules_.devices.size(); ++d)
      if (same_host(g.device->name, rules_.devices[d].name)) return give(d, g, BoundBy::hostname);
    if (!leave(g)) return;  // the same one again
    problem(Kind::not_declared, g.device->name,
            fmt::format("{} ({}) is the configuration of no device that the rule set declares, and is not used",
                        g.device->file, g.device->name),
            "declare the device under enforcement.devices, or say which one it is: DEVICE=FILE", file_of(g));
  }
  /// False: the same one was left already.
  bool leave(const GivenConfiguration& g) {
    for (const GivenConfiguration& other : out_.unused)
      if (other.device == g.device || (!g.sha256.empty() && other.sha256 == g.sha256)) return false;
    out_.unused.push_back(g);
    return true;
  }

  struct Claim {
    const GivenConfiguration* given = nullptr;
    BoundBy by = BoundBy::nothing;
  };
  void give(std::uint32_t device, const GivenConfiguration& g, BoundBy by) {
    std::vector<Claim>& claims = of_device_[device];
    // What is said beats what was found out.
    if (!claims.empty() && claims.front().by == BoundBy::said && by != BoundBy::said) return;
    if (by == BoundBy::said) std::erase_if(claims, [](const Claim& c) { return c.by != BoundBy::said; });
    const bool known = std::any_of(claims.begin(), claims.end(), [&](const Claim& c) {
      return c.given->device == g.device || (!g.sha256.empty() && c.given->sha256 == g.sha256);
    });
    if (!known) claims.push_back({&g, by});
  }

  BoundDevice bound(std::uint32_t index) {
    const DeclaredDevice& declared = rules_.devices[index];
    BoundDevice out;
    out.name = declared.name;
    out.declared = &declared;
    const std::vector<Claim>& claims = of_device_[index];
    if (claims.empty()) {
      out.not_usable = fmt::format("no configuration of {} was given", declared.name);
      problem(
          Kind::no_configuration, declared.name, out.not_usable,
          declared.config.empty()
              ? fmt::format("give it: {}=FILE, or name it as `config` of the device", declared.name)
              : fmt::format("{} is not there; give the configuration as {}=FILE", declared.config, declared.name),
          declared.where);
    } else if (claims.size() > 1) {
      std::vector<std::string_view> files;
      for (const Claim& c : claims) files.push_back(c.given->device->file);
      out.not_usable = fmt::format("{} has several configurations: {}", declared.name, fmt::join(files, ", "));
      problem(Kind::given_twice, declared.name, out.not_usable,
              fmt::format("give the one that is in force, as {}=FILE", declared.name), declared.where);
    } else {
      out.by = claims.front().by;
      out.device = with_filters(claims.front().given->device, declared, out);
    }
    if (out.device != nullptr) describe_device(out);
    own_addresses(out);
    return out;
  }

  /// Checks the declared filters against the stages; a configuration that does not say where its lists stand
  /// (a listing of the lists alone) gets them from the declaration.
  std::shared_ptr<const Device> with_filters(std::shared_ptr<const Device> device, const DeclaredDevice& declared,
                                             BoundDevice& out) {
    const bool says_nothing = device->interfaces.empty() && device->stages.empty();
    std::shared_ptr<Device> placed;
    for (const Filter& filter : declared.filters) {
      const Device& read = placed != nullptr ? *placed : *device;
      const ListIndex list = read.find_list(filter.name);
      if (list == kNoList) {
        std::vector<std::string> lists;
        for (const List& l : read.lists) lists.push_back(l.name);
        problem(Kind::filter_contradicts, declared.name,
                fmt::format("{} has no list '{}', which the rule set declares", read.file, filter.name),
                suggest(filter.name, lists), declared.where);
        continue;
      }
      if (filter.interface_name.empty()) continue;
      if (says_nothing) {
        if (placed == nullptr) placed = std::make_shared<Device>(*device);
        place(*placed, filter, list);
        continue;
      }
      check_filter(read, declared, filter, list);
    }
    if (placed != nullptr) return placed;
    if (says_nothing && !device->lists.empty()) {
      out.not_usable = fmt::format("{} does not say where its lists stand", device->file);
      problem(Kind::binding_unknown, declared.name, out.not_usable,
              "give the whole configuration, or declare "
              "`filters: [{ name, interface, direction }]` for the device",
              Location{.file = device->file});
      return nullptr;
    }
    return device;
  }

  static void place(Device& device, const Filter& filter, ListIndex list) {
    std::optional<InterfaceId> interface = find_interface(device, filter.interface_name);
    if (!interface && device.interfaces.size() < kInterfacesMax) {
      interface = static_cast<InterfaceId>(device.interfaces.size());
      Interface added;
      added.name = filter.interface_name;
      device.interfaces.push_back(std::move(added));
    }
    if (!interface) return;
    const bool out = filter.direction == "out";
    Stage stage;
    stage.name = fmt::format("{} {} on {}", filter.name, out ? "out" : "in", filter.interface_name);
    // A list inward also sees what is meant for the device; what the device sends itself passes no list outward.
    stage.ways = out ? Ways{Way::through} : Ways{Way::through, Way::to_device};
    stage.family = device.lists[list].family;
    stage.lists = {list};
    (out ? stage.egress : stage.ingress) = {*interface};
    stage.priority = out ? 1 : 0;
    const auto behind = std::upper_bound(device.stages.begin(), device.stages.end(), stage,
                                         [](const Stage& a, const Stage& b) { return a.priority < b.priority; });
    device.stages.insert(behind, std::move(stage));
  }

  void check_filter(const Device& device, const DeclaredDevice& declared, const Filter& filter, ListIndex list) {
    const std::optional<InterfaceId> interface = find_interface(device, filter.interface_name);
    if (!interface) return unknown_interface(device, declared, filter.interface_name, declared.where);
    const bool out = filter.direction == "out";
    const auto stands_there = [&](const Stage& stage) {
      const std::vector<InterfaceId>& at = out ? stage.egress : stage.ingress;
      return std::find(at.begin(), at.end(), *interface) != at.end();
    };
    const auto uses = [&](const Stage& stage) {
      return std::find(stage.lists.begin(), stage.lists.end(), list) != stage.lists.end();
    };
    std::vector<std::string> there, elsewhere;
    for (const Stage& stage : device.stages) {
      if (stands_there(stage) && uses(stage)) return;
      if (stands_there(stage)) there.push_back(stage.name);
      if (uses(stage)) elsewhere.push_back(stage.name);
    }
    std::string instead = "binds it nowhere";
    if (!elsewhere.empty())
      instead = fmt::format("has {}", fmt::join(elsewhere, ", "));
    else if (!there.empty())
      instead = fmt::format("has {} there", fmt::join(there, ", "));
    problem(Kind::filter_contradicts, declared.name,
            fmt::format("the rule set says that {} stands on {} ({}); {} {}", filter.name, filter.interface_name,
                        out ? "outward" : "inward", device.file, instead),
            "correct the declaration, or the device", declared.where);
  }

  void unknown_interface(const Device& device, const DeclaredDevice& declared, const std::string& wanted,
                         const Location& where) {
    std::vector<std::string> names;
    for (const Interface& i : device.interfaces) names.push_back(i.name);
    problem(Kind::interface_unknown, declared.name,
            fmt::format("{} has no interface '{}', which the rule set names", device.file, wanted),
            suggest(wanted, names), where);
  }

  void describe_device(BoundDevice& out) {
    const Device& device = *out.device;
    const DeclaredDevice& declared = *out.declared;
    check_dialect(device, declared);
    out.stateful = is_stateful(device);
    if (declared.stateful && *declared.stateful != out.stateful)
      problem(Kind::state_contradicts, declared.name,
              fmt::format("{} is declared {}, and {} {}", declared.name,
                          *declared.stateful ? "stateful" : "stateless", device.file,
                          out.stateful ? "lets replies through by state"
                                       : "decides every packet by itself, replies as well"),
              "correct `stateful`, or the device", declared.where);
    const auto by_interface = [](const std::vector<Match>& matches) {
      return std::any_of(matches.begin(), matches.end(),
                         [](const Match& m) { return !m.box.ingress.is_all() || !m.box.egress.is_all(); });
    };
    for (const Stage& s : device.stages)
      out.minds_interfaces = out.minds_interfaces || !s.ingress.empty() || !s.egress.empty();
    for (const List& l : device.lists)
      for (const Entry& e : l.entries)
        out.minds_interfaces = out.minds_interfaces || by_interface(e.match) || by_interface(e.maybe);
    interfaces(out);
  }

  void check_dialect(const Device& device, const DeclaredDevice& declared) {
    const std::optional<Dialect> dialect = parse_dialect(declared.dialect);
    if (declared.dialect.empty() || dialect == device.dialect) return;
    std::vector<std::string> names;
    for (unsigned d = 0; d <= static_cast<unsigned>(Dialect::gcp); ++d)
      names.emplace_back(name(static_cast<Dialect>(d)));
    problem(Kind::dialect_contradicts, declared.name,
            dialect ? fmt::format("{} is declared as {}, and {} is written in {}", declared.name, declared.dialect,
                                  device.file, name(device.dialect))
                    : fmt::format("{} is declared as '{}', which is no dialect that is read", declared.name,
                                  declared.dialect),
            dialect ? "correct `dialect`, or give the right file" : suggest(declared.dialect, names),
            declared.where);
  }

  void interfaces(BoundDevice& out) {
    const Device& device = *out.device;
    const std::size_t count = std::min(device.interfaces.size(), kInterfacesMax);
    // Rules of the kernel's filters name only those interfaces that they care about.
    const bool names_all = device.dialect != Dialect::iptables && device.dialect != Dialect::nftables && count > 0;
    out.usable = names_all ? ByteSet() : ByteSet::all();
    out.networks.resize(count);
    out.declared_zones.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const Interface& interface = device.interfaces[i];
      const auto id = static_cast<InterfaceId>(i);
      if (interface.shut) {
        out.usable = out.usable.minus(ByteSet{id});
        continue;
      }
      out.usable.insert(id);
      out.networks[i] = AddressSet::of(interface.networks);
    }
    if (device.interfaces.size() > kInterfacesMax) out.usable.insert(static_cast<InterfaceId>(kInterfacesMax));
    for (const DeclaredInterface& said : out.declared->interfaces) {
      const std::optional<InterfaceId> id = find_interface(device, said.name);
      if (!id) {
        unknown_interface(device, *out.declared, said.name, said.where);
        continue;
      }
      std::vector<std::uint32_t> zones;
      for (std::uint32_t z = 0; z < rules_.zones.size(); ++z)
        if (std::find(said.zones.begin(), said.zones.end(), rules_.zones[z].name) != said.zones.end())
          zones.push_back(z);
      out.declared_zones[*id] = std::move(zones);
    }
  }

  void own_addresses(BoundDevice& out) const {
    std::vector<AddressRange> own;
    // In clouds an interface is a machine behind the filter, which has no address itself.
    const auto is_cloud = [](Dialect d) { return d == Dialect::aws || d == Dialect::azure || d == Dialect::gcp; };
    if (out.device != nullptr && !is_cloud(out.device->dialect))
      for (const Interface& i : out.device->interfaces)
        if (!i.shut)
          for (const Address& a : i.addresses) own.push_back({a, a});
    if (const Host* host = rules_.host(out.name))
      for (const Address& a : host->all_addresses()) own.push_back({a, a});
    out.own = AddressSet::of_ranges(std::move(own));
  }

  const RuleSet& rules_;
  std::vector<GivenConfiguration> given_;
  std::vector<std::vector<Claim>> of_device_;
  Binding out_;
};

}  // namespace

bool BindingProblem::contradicts() const {
  switch (kind) {
    case Kind::dialect_contradicts:
    case Kind::state_contradicts:
    case Kind::filter_contradicts:
    case Kind::interface_unknown: return true;
    case Kind::unknown_device:
    case Kind::not_declared:
    case Kind::given_twice:
    case Kind::no_configuration:
    case Kind::binding_unknown: return false;
  }
  return false;
}

std::string_view name(BindingProblem::Kind kind) {
  switch (kind) {
    case BindingProblem::Kind::unknown_device: return "unknown-device";
    case BindingProblem::Kind::not_declared: return "not-declared";
    case BindingProblem::Kind::given_twice: return "given-twice";
    case BindingProblem::Kind::no_configuration: return "no-configuration";
    case BindingProblem::Kind::dialect_contradicts: return "dialect-contradicts";
    case BindingProblem::Kind::state_contradicts: return "state-contradicts";
    case BindingProblem::Kind::filter_contradicts: return "filter-contradicts";
    case BindingProblem::Kind::interface_unknown: return "interface-unknown";
    case BindingProblem::Kind::binding_unknown: return "binding-unknown";
  }
  return "";
}

const BoundDevice* Binding::device(std::string_view wanted) const {
  const auto found =
      std::find_if(devices.begin(), devices.end(), [wanted](const BoundDevice& d) { return d.name == wanted; });
  return found == devices.end() ? nullptr : &*found;
}

bool Binding::has_configurations() const {
  return std::any_of(devices.begin(), devices.end(), [](const BoundDevice& d) { return d.by != BoundBy::nothing; });
}

Binding bind_devices(const RuleSet& rules, std::span<const GivenConfiguration> given) {
  return Binder(rules, given).run();
}

bool same_interface(std::string_view a, std::string_view b) {
  const auto split = [](std::string_view text) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_letter);
    return std::pair(text.substr(0, static_cast<std::size_t>(end - text.begin())),
                     text.substr(static_cast<std::size_t>(end - text.begin())));
  };
  auto [word_a, rest_a] = split(a);
  auto [word_b, rest_b] = split(b);
  while (rest_a.starts_with(' ')) rest_a.remove_prefix(1);
  while (rest_b.starts_with(' ')) rest_b.remove_prefix(1);
  if (!same_word(rest_a, rest_b)) return false;
  if (rest_a.empty()) return same_word(word_a, word_b);  // "eth" is no short name of "ethernet"
  const std::size_t common = std::min(word_a.size(), word_b.size());
  return (common >= 2 || word_a.size() == word_b.size()) &&
         same_word(word_a.substr(0, common), word_b.substr(0, common));
}

std::optional<InterfaceId> find_interface(const Device& device, std::string_view wanted) {
  if (const std::optional<InterfaceId> exact = device.find_interface(wanted)) return exact;
  std::optional<InterfaceId> found;
  for (std::size_t i = 0; i < device.interfaces.size() && i < kInterfacesMax; ++i) {
    if (!same_interface(device.interfaces[i].name, wanted) && !same_word(device.interfaces[i].nameif, wanted))
      continue;
    if (found) return std::nullopt;
    found = static_cast<InterfaceId>(i);
  }
  return found;
}

bool is_stateful(const Device& device) {
  if (device.replies_implied) return true;
  const auto by_state = [](const Match& m) { return m.box.states != StateSet::all(); };
  for (const List& list : device.lists)
    for (const Entry& e : list.entries)
      if (!e.inactive && e.action != Action::deny && std::any_of(e.match.begin(), e.match.end(), by_state))
        return true;
  return false;
}

}  // namespace demarc
