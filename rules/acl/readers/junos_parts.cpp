#include "rules/acl/readers/junos_parts.h"

#include "rules/acl/readers/line_ledger.h"

namespace demarc::junos {

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

void SecurityPart::not_understood(NodeId node, std::string why, std::string hint) {
  device_.diagnostics.warning(tree_.where(node), why, std::move(hint));
  tree_.mark(node, Understanding::not_understood, std::move(why));
}

ListIndex SecurityPart::add_list(std::string name, std::uint32_t line, Fallthrough at_end) {
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

}  // namespace demarc::junos
