// Configuration groups: what `groups` says stands in the tree as if it had been written where `apply-groups` names
// it. Sources: Junos CLI User Guide (configuration groups).
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "rules/acl/readers/junos_tree.h"

namespace demarc::junos {

bool glob_matches(std::string_view pattern, std::string_view word) {
  if (!pattern.starts_with('<') || !pattern.ends_with('>')) return pattern == word;
  if (word.size() > 255 || pattern.size() > 257) return false;  // Junos's names are no longer
  pattern = pattern.substr(1, pattern.size() - 2);
  std::size_t p = 0, w = 0, star = std::string_view::npos, resume = 0;
  while (w < word.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] != '*' && pattern[p] == word[w]))) {
      ++p, ++w;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = w;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      w = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

void Tree::miss_group(NodeId apply, NodeId group, std::string why) {
  device_.diagnostics.warning(where(apply), why, "what it says about filtering is taken for possible");
  mark(apply, Understanding::not_understood, std::move(why));
  static constexpr std::string_view kTops[] = {"firewall", "security", "interfaces"};
  for (const std::string_view top : kTops)
    if (group == kNoNode || find(group, top) != kNoNode) missed_.push_back(top);
}

bool Tree::groups_missed(std::string_view top) const {
  return std::find(missed_.begin(), missed_.end(), top) != missed_.end();
}

/// Groups nearer to a statement come first, so the deepest are applied first; a node's number is larger than those
/// around it.
void Tree::apply_groups() {
  const NodeId groups = find(root(), "groups");
  std::vector<NodeId> applies;
  std::map<std::string_view, std::uint32_t> uses;
  for (NodeId id = static_cast<NodeId>(nodes_.size()); id-- > 1;) {
    if (nodes_[id].word != "apply-groups" || nodes_[id].inactive || nodes_[id].first == kNoNode) continue;
    bool counts = true;
    for (NodeId up = id; up != root(); up = nodes_[up].parent)
      counts = counts && !nodes_[up].inactive && up != groups;
    if (counts) applies.push_back(id);
  }
  for (const NodeId apply : applies) {
    mark(apply, Understanding::understood);
    std::vector<NodeId> names;
    for (const NodeId c : children(apply)) names.push_back(c);
    for (const NodeId n : names) {
      const std::string_view name = nodes_[n].word;
      ++uses[name];
      const NodeId group = find(groups, name);
      if (group != kNoNode) {
        apply_group(nodes_[apply].parent, group, name);
      } else if (name == "${node}") {  // the node of a cluster: node0 or node1, whichever reads it
        bool filters = false;
        for (const std::string_view node : {"node0", "node1"})
          for (const std::string_view top : {"firewall", "security", "interfaces"})
            filters = filters || find(groups, {node, top}) != kNoNode;
        if (filters) miss_group(n, kNoNode, "which of the groups node0 and node1 applies is not known");
      } else {
        miss_group(n, kNoNode, fmt::format("the group '{}' is not defined", name));
      }
    }
  }
  if (groups == kNoNode) return;
  mark(groups, Understanding::not_filtering);
  for (const NodeId g : children(groups)) {
    NamedObject object;
    object.name = std::string(nodes_[g].word);
    object.kind = "group";
    object.line = nodes_[g].line;
    object.uses = uses[nodes_[g].word];
    if (object.uses != 0) mark(g, Understanding::understood);
    device_.objects.push_back(std::move(object));
  }
}

void Tree::apply_group(NodeId target, NodeId group, std::string_view group_name) {
  std::vector<std::string_view> path;
  for (NodeId up = target; up != root(); up = nodes_[up].parent) path.push_back(nodes_[up].word);
  std::vector<NodeId> here{group};
  for (auto word = path.rbegin(); word != path.rend(); ++word) {
    std::vector<NodeId> next;
    for (const NodeId h : here)
      for (const NodeId c : children(h)) {
        ++steps_;
        if (glob_matches(nodes_[c].word, *word)) next.push_back(c);
      }
    here = std::move(next);
  }
  for (const NodeId h : here) merge(target, h, group_name, 0);
}

void Tree::merge(NodeId target, NodeId from, std::string_view group_name, std::size_t depth) {
  if (depth > kDepthMax) return;
  if (steps_ > kStepsMax || inherited_ > kInheritedMax) {
    if (!group_bound_reached_)
      miss_group(from, kNoNode, "groups say more than is worked out here: the rest is not applied");
    group_bound_reached_ = true;
    return;
  }
  if (find(find(target, "apply-groups-except"), group_name) != kNoNode) return;
  for (NodeId c = nodes_[from].first; c != kNoNode; c = nodes_[c].next) {
    ++steps_;
    if (nodes_[c].inactive) continue;
    const std::string_view word = nodes_[c].word;
    if (word == "apply-groups" || word == "when") {
      miss_group(c, kNoNode, fmt::format("'{}' within a group is not applied", word));
      continue;
    }
    if (word.starts_with('<') && word.ends_with('>')) {
      if (word.find('[') != std::string_view::npos) {
        miss_group(c, kNoNode, fmt::format("the pattern '{}' is not applied", word));
        continue;
      }
      for (NodeId t = nodes_[target].first; t != kNoNode; t = nodes_[t].next, ++steps_)
        if (!nodes_[t].word.starts_with("apply-groups") && glob_matches(word, nodes_[t].word))
          merge(t, c, group_name, depth + 1);
      continue;
    }
    NodeId t = child(target, word, nodes_[c].line, false);
    if (t == kNoNode) {
      ++inherited_;
      t = child(target, word, nodes_[c].line, true);
      nodes_[t].inherited = true;
      nodes_[t].line_last = nodes_[c].line_last;
    }
    if (!nodes_[t].inactive || nodes_[t].inherited) merge(t, c, group_name, depth + 1);
  }
}

}  // namespace demarc::junos
