#include "rules/acl/readers/junos_parts.h"

#include "rules/acl/readers/line_ledger.h"
#include "rules/acl/readers/name_table.h"

namespace demarc::junos {

namespace {

constexpr FilterFamily kFamilies[] = {{"inet", Family::ipv4}, {"inet6", Family::ipv6}, {"any", std::nullopt}};

}  // namespace

std::span<const FilterFamily> filter_families() { return kFamilies; }
const FilterFamily* filter_family(std::string_view name) { return find_named(name, kFamilies); }

void ObjectUses::define(const Tree& tree, NodeId of, std::string_view kind) {
  for (const NodeId a : tree.children(tree.find(of, kind))) {
    NamedObject object;
    object.name = std::string(tree[a].word);
    object.kind = std::string(kind);
    object.line = tree[a].line;
    objects_.emplace(std::tuple(of, kind, tree[a].word), std::move(object));
  }
}

void ObjectUses::use(NodeId of, std::string_view kind, std::string_view name) {
  const auto found = objects_.find(std::tuple(of, kind, name));
  if (found != objects_.end()) ++found->second.uses;
}

void ObjectUses::give_to(Device& device) {
  for (auto& [key, object] : objects_) device.objects.push_back(std::move(object));
}

void JunosPart::not_understood(NodeId node, std::string why, std::string hint) {
  device_.diagnostics.warning(tree_.where(node), why, std::move(hint));
  tree_.mark(node, Understanding::not_understood, std::move(why));
}

ListIndex JunosPart::add_list(std::string name, std::uint32_t line, Fallthrough at_end) {
  List list;
  list.name = std::move(name);
  list.line = line;
  list.at_end = at_end;
  device_.lists.push_back(std::move(list));
  return static_cast<ListIndex>(device_.lists.size() - 1);
}

void SecurityPart::add_unknown(ListIndex index, NodeId node) {
  Entry e;
  e.line = e.line_last = tree_[node].line;
  e.text = LineLedger::bounded(tree_.text(node));
  e.action = Action::unknown;
  e.maybe.push_back({});
  e.undecided = tree_[node].cut ? "the text ends here" : "the statement is not known";
  device_.lists[index].entries.push_back(std::move(e));
}

Entry JunosPart::anything(std::optional<Family> family) {
  Entry e;
  e.text = "what a group says that is not applied";
  e.action = Action::unknown;
  e.undecided = "a configuration group is not applied";
  e.maybe.push_back({});
  e.maybe.back().box.family = family;
  return e;
}

ListIndex JunosPart::unknown_list(std::string name, std::uint32_t line, std::optional<Family> family) {
  List list;
  list.name = std::move(name);
  list.line = line;
  list.family = family;
  list.at_end = Fallthrough::permit;
  Entry e = anything(family);
  e.line = e.line_last = line;
  e.text = list.name;
  e.undecided = "the filter is not read";
  list.entries.push_back(std::move(e));
  device_.lists.push_back(std::move(list));
  return static_cast<ListIndex>(device_.lists.size() - 1);
}

}  // namespace demarc::junos
