#include "rules/acl/readers/junos_prefix_lists.h"

#include <fmt/format.h>

#include <vector>

#include "rules/text/cursor.h"

namespace demarc::junos {

void PrefixLists::read() {
  const NodeId options = tree_.find(root(), "policy-options");
  for (const NodeId node : tree_.children(tree_.find(options, "prefix-list"))) {
    PrefixList& list = lists_[word(node)];
    list.node = node;
    tree_.mark(node, Understanding::understood);
    for (const NodeId c : tree_.children(node)) {
      if (word(c) == "apply-path") {
        apply_path(c, list);
      } else if (word(c).starts_with("apply-groups")) {
        continue;
      } else if (const auto written = parse_junos_address(word(c)); written && !written->bits) {
        list.prefixes.push_back(written->prefix);
      } else {
        list.incomplete = fmt::format("'{}' is no prefix", word(c));
        not_understood(c, list.incomplete);
      }
    }
  }
  count_routing_uses(tree_.find(options, "policy-statement"));
}

void PrefixLists::count_routing_uses(NodeId statements) {
  if (statements == kNoNode) return;
  for (NodeId id = statements + 1; id < tree_.size(); ++id) {
    const std::string_view w = word(id);
    if (w != "prefix-list" && w != "prefix-list-filter" && w != "source-prefix-list" &&
        w != "destination-prefix-list")
      continue;
    bool within = false;
    for (NodeId up = tree_[id].parent; up != kNoNode && !within; up = tree_[up].parent) within = up == statements;
    if (!within) continue;
    for (const NodeId c : tree_.children(id)) ++routing_uses_[word(c)];
  }
}

void PrefixLists::apply_path(NodeId node, PrefixList& list) {
  std::string_view path;
  for (const NodeId c : tree_.children(node)) path = word(c);
  std::vector<NodeId> here{root()};
  std::size_t steps = 0;
  for (Cursor in(std::string_view{}, path); !in.at_end();) {
    const std::string_view pattern = in.word();
    std::vector<NodeId> next;
    for (const NodeId h : here)
      for (const NodeId c : tree_.children(h))
        if (++steps < kApplyPathStepsMax && glob_matches(pattern, word(c))) next.push_back(c);
    here = std::move(next);
  }
  apply_path_steps_ += steps;
  if (path.empty() || steps >= kApplyPathStepsMax || apply_path_steps_ >= kApplyPathStepsMax) {
    list.incomplete = "its apply-path is not worked out";
    return not_understood(node, list.incomplete);
  }
  for (const NodeId h : here) {
    // "192.0.2.1/24" of an interface stands for its network.
    const auto written = parse_junos_address(word(h));
    if (written && !written->bits) {
      list.prefixes.push_back(written->prefix);
    } else {
      list.incomplete = fmt::format("its apply-path finds '{}', which is no prefix", word(h).substr(0, 60));
      not_understood(node, list.incomplete);
    }
  }
}

void PrefixLists::give_to_device() {
  for (auto& [name, list] : lists_) {
    NamedObject object;
    object.name = std::string(name);
    object.kind = "prefix-list";
    object.line = tree_[list.node].line;
    object.uses = list.uses + routing_uses_[name];
    device_.objects.push_back(std::move(object));
  }
}

}  // namespace demarc::junos
