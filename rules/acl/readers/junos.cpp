// Juniper Junos: `show configuration`, and the same with `| display set`.
//
// junos_tree.h makes one tree of both notations; here it is read. What Junos does where nothing is written, and the
// reader therefore adds:
//   - a filter ends in discard; behind a chain (input-list) or a filter that another one names, only the last end
//   does;
//   - a term without `from` matches everything; one without a terminating action accepts, unless it says `next
//   term`
//     (Firewall Filters User Guide, "Firewall Filter Nonterminating Actions", "How Standard Firewall Filters
//     Evaluate Packets");
//   - a filter on lo0 sees what is for the device, whatever interface it came in by;
//   - nothing is implied for IPv6: neighbour discovery is filtered like everything else.
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/junos_bindings.h"
#include "rules/acl/readers/junos_security.h"
#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/reader.h"

namespace demarc {

namespace junos {

namespace {

/// Sections that say nothing about which packets pass.
constexpr std::string_view kNotFiltering[] = {"version",
                                              "system",
                                              "snmp",
                                              "routing-options",
                                              "protocols",
                                              "chassis",
                                              "class-of-service",
                                              "event-options",
                                              "access",
                                              "access-profile",
                                              "accounting-options",
                                              "applications",
                                              "bridge-domains",
                                              "diameter",
                                              "dynamic-profiles",
                                              "ethernet-switching-options",
                                              "fabric",
                                              "forwarding-options",
                                              "jsrc",
                                              "logical-systems",
                                              "multi-chassis",
                                              "multicast-snooping-options",
                                              "poe",
                                              "policy-options",
                                              "routing-instances",
                                              "services",
                                              "session-limit-group",
                                              "smtp",
                                              "switch-options",
                                              "tenants",
                                              "unified-edge",
                                              "virtual-chassis",
                                              "vlans",
                                              "vmhost",
                                              "wlan",
                                              "apply-groups",
                                              "apply-macro",
                                              "groups",
                                              "interfaces",
                                              "firewall",
                                              "security",
                                              "schedulers",
                                              "rcsid",
                                              "host-name"};

class JunosReader : JunosPart {
 public:
  JunosReader(const Source& source, Tree& tree, Device& device) : JunosPart(tree, device) {
    device_.file = source.name();
    device_.name = source.name();
    device_.dialect = Dialect::junos;
  }

  Result<void> read() {
    DEMARC_TRY(tree_.read());
    if (tree_[root()].first == kNoNode) return file_failure(device_.file, "no Junos statement stands here");
    mark_sections();
    prefix_lists_.read();
    interfaces_.read();
    filters_.read();
    bindings_.read();
    if (has_security(tree_))
      read_security_policies();
    else if (const NodeId policies = tree_.find(root(), {"security", "policies"}); policies != kNoNode)
      not_understood(policies, "the device is in packet mode: security policies do not apply");
    prefix_lists_.give_to_device();
    widen_by_groups();
    if (tree_.is_cut()) add_unknown_stage("what is behind the end of the text");
    std::stable_sort(device_.stages.begin(), device_.stages.end(),
                     [](const Stage& a, const Stage& b) { return a.priority < b.priority; });
    tree_.account();
    return {};
  }

 private:
  void mark_sections() {
    for (const NodeId top : tree_.all_children(root())) {
      if (tree_[top].inactive || is_one_of(word(top), kNotFiltering))
        tree_.mark(top, Understanding::not_filtering);
      else
        tree_.mark(top, Understanding::not_understood, fmt::format("'{}' is not known", word(top)));
    }
    if (const NodeId logical = tree_.find(root(), "logical-systems"); logical != kNoNode)
      not_understood(logical, "logical systems are devices of their own: their filters are not read");
    if (const NodeId tenants = tree_.find(root(), "tenants"); tenants != kNoNode)
      not_understood(tenants, "tenants are devices of their own: their policies are not read");
    if (const std::string_view name = tree_.value(tree_.find(root(), "system"), "host-name"); !name.empty())
      device_.name = std::string(name);
  }

  /// A group that was not applied may hold terms of any filter, or put filters on any interface.
  void widen_by_groups() {
    const bool filters = tree_.groups_missed("firewall"), security = tree_.groups_missed("security");
    if (filters || security)
      for (List& list : device_.lists) list.entries.insert(list.entries.begin(), anything(list.family));
    if (filters || security || tree_.groups_missed("interfaces")) add_unknown_stage("groups that are not applied");
  }
  /// Something may stand on every way that is not known.
  void add_unknown_stage(std::string name) {
    Stage stage;
    stage.ways = {Way::through, Way::to_device, Way::from_device};
    stage.lists = {unknown_list(name, 0, std::nullopt)};
    device_.lists.back().entries[0].undecided = fmt::format("{}: it is not known", name);
    stage.name = std::move(name);
    device_.stages.push_back(std::move(stage));
  }
  void read_security_policies() {
    bool beside = false;
    for (const Stage& s : device_.stages) beside = beside || !s.lists.empty();
    read_security(tree_, device_,
                  {[this](std::string_view name) { return interfaces_.id(name); },
                   [this](Stage stage, bool seen) { bindings_.place(std::move(stage), seen); }, beside});
  }

  PrefixLists prefix_lists_{tree_, device_};
  Interfaces interfaces_{tree_, device_};
  Filters filters_{tree_, device_, prefix_lists_, interfaces_};
  FilterBindings bindings_{tree_, device_, interfaces_, filters_};
};

}  // namespace

}  // namespace junos

unsigned looks_like_junos(std::string_view text) {
  unsigned points = 0;
  std::size_t lines = 0, sets = 0;
  for (std::size_t begin = 0; begin < text.size() && lines < 2000; ++lines) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, std::min<std::size_t>(end - begin, 200));
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    for (const std::string_view top : {"firewall", "interfaces", "security", "policy-options", "groups", "system",
                                       "routing-options", "protocols", "applications", "routing-instances"}) {
      if (line.starts_with("set ") && line.substr(4).starts_with(top) &&
          line.substr(4 + top.size()).starts_with(' '))
        ++sets;
      if (line.ends_with('{') && line.starts_with(top) &&
          (line.size() == top.size() + 1 || line[top.size()] == ' '))
        points += 10;
    }
    if (line.starts_with("family inet") && line.ends_with('{')) points += 10;
    if (line.starts_with("from-zone ") && line.ends_with('{')) points += 10;
    if (line.starts_with("## Last c")) points += 20;
    begin = end + 1;
  }
  return std::min<unsigned>(points, 60) + static_cast<unsigned>(std::min<std::size_t>(sets * 10, 60));
}

Result<Device> read_junos(const Source& source) {
  Device device;
  junos::Tree tree(source, device);
  DEMARC_TRY(junos::JunosReader(source, tree, device).read());
  return device;
}

}  // namespace demarc
