// Sources: Junos CLI User Guide (configuration statements, comments, deactivate, insert, configuration groups).
#include "rules/acl/readers/junos_tree.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/junos_tokens.h"
#include "rules/acl/readers/line_ledger.h"

namespace demarc::junos {

namespace {

constexpr std::uint32_t kFewChildren = 12;
constexpr std::size_t kTextMax = 480;

}  // namespace

Tree::Tree(const Source& source, Device& device) : source_(source), device_(device) { nodes_.emplace_back(); }

Result<void> Tree::read() {
  line_kinds_.assign(source_.line_count() + std::size_t{1}, LineKind::blank);
  DEMARC_TRY(read_hierarchy());
  // `inactive: protocol tcp;` switches the whole condition off where tcp is its only value.
  for (const NodeId id : to_quieten_) {
    bool active = false;
    for ([[maybe_unused]] const NodeId c : children(id)) {
      active = true;
      break;
    }
    if (!active) nodes_[id].inactive = true;
  }
  apply_groups();
  return {};
}

void Tree::touch(NodeId id, std::uint32_t line) {
  for (; id != kNoNode; id = nodes_[id].parent) nodes_[id].line_last = std::max(nodes_[id].line_last, line);
}

void Tree::index_children(NodeId parent) {
  for (NodeId c = nodes_[parent].first; c != kNoNode; c = nodes_[c].next)
    by_word_.emplace(std::pair(parent, nodes_[c].word), c);
}

NodeId Tree::child(NodeId parent, std::string_view word, std::uint32_t line, bool create) {
  if (nodes_[parent].children <= kFewChildren) {
    for (NodeId c = nodes_[parent].first; c != kNoNode; c = nodes_[c].next)
      if (nodes_[c].word == word) return c;
  } else if (const auto found = by_word_.find({parent, word}); found != by_word_.end()) {
    return found->second;
  }
  if (!create) return kNoNode;
  const auto id = static_cast<NodeId>(nodes_.size());
  Node node;
  node.word = word;
  node.parent = parent;
  node.line = node.line_last = line;
  nodes_.push_back(node);
  Node& above = nodes_[parent];
  if (above.first == kNoNode)
    above.first = id;
  else
    nodes_[above.last].next = id;
  above.last = id;
  ++above.children;
  if (above.children == kFewChildren + 1)
    index_children(parent);
  else if (above.children > kFewChildren)
    by_word_.emplace(std::pair(parent, word), id);
  return id;
}

NodeId Tree::find(NodeId parent, std::string_view word) const {
  if (parent == kNoNode) return kNoNode;
  NodeId found = kNoNode;
  if (nodes_[parent].children <= kFewChildren) {
    for (NodeId c = nodes_[parent].first; c != kNoNode; c = nodes_[c].next)
      if (nodes_[c].word == word) found = c;
  } else if (const auto it = by_word_.find({parent, word}); it != by_word_.end()) {
    found = it->second;
  }
  return found == kNoNode || nodes_[found].inactive ? kNoNode : found;
}

NodeId Tree::find(NodeId parent, std::initializer_list<std::string_view> path) const {
  for (const std::string_view word : path) parent = find(parent, word);
  return parent;
}

std::string_view Tree::value(NodeId parent, std::string_view keyword) const {
  for (const NodeId c : children(find(parent, keyword))) return nodes_[c].word;
  return {};
}

bool Tree::move(NodeId node, NodeId beside, bool before) {
  if (node == beside) return true;
  moves_ += nodes_[nodes_[node].parent].children;
  if (moves_ > kStepsMax) return false;
  Node& above = nodes_[nodes_[node].parent];
  // Out of its place, then into the new one.
  NodeId previous = kNoNode;
  for (NodeId c = above.first; c != node; c = nodes_[c].next) previous = c;
  (previous == kNoNode ? above.first : nodes_[previous].next) = nodes_[node].next;
  if (above.last == node) above.last = previous;
  previous = kNoNode;
  if (before) {
    for (NodeId c = above.first; c != beside; c = nodes_[c].next) previous = c;
  } else {
    previous = beside;
  }
  nodes_[node].next = previous == kNoNode ? above.first : nodes_[previous].next;
  (previous == kNoNode ? above.first : nodes_[previous].next) = node;
  if (above.last == previous || above.last == kNoNode) above.last = node;
  return true;
}

void Tree::set_line(std::string_view line, std::uint32_t number) {
  std::size_t at = 0;
  Token token;
  next_token(line, at, token);
  const std::string_view command = token.word;
  const bool create = command == "set";
  const auto unread = [&](std::string why) {
    line_kinds_[number] = LineKind::unread;
    device_.diagnostics.warning(source_.at_line(number, 1, static_cast<std::uint32_t>(line.size())), why);
    if (unread_.size() < Device::kLineReportsMax) unread_.emplace(number, std::move(why));
  };
  NodeId node = root();
  std::size_t depth = 0;
  std::string_view before;  // of insert: "before" or "after"
  std::string_view beside;
  std::vector<NodeId> list;
  bool in_list = false;
  while (next_token(line, at, token)) {
    if (token.is(';')) continue;
    if (token.is('[')) {
      in_list = true;
      continue;
    }
    if (token.is(']')) break;
    if (command == "insert" && (token.word == "before" || token.word == "after") && !token.quoted) {
      before = token.word;
      Token word;
      while (next_token(line, at, word)) beside = word.word;
      break;
    }
    if (command == "annotate" && token.quoted) break;
    if (++depth > kDepthMax && !in_list) return unread("the statement lies too deep");
    const NodeId next = child(node, token.word, number, create);
    if (next == kNoNode) return unread(fmt::format("'{}' is not there", token.word));
    if (in_list)
      list.push_back(next);
    else
      node = next;
  }
  if (node == root()) return unread(fmt::format("nothing stands behind '{}'", command));
  if (list.empty()) list.push_back(node);
  for (const NodeId leaf : list) {
    statements_.emplace_back(number, leaf);
    if (create) touch(leaf, number);
    if (command == "deactivate") nodes_[leaf].inactive = true;
    if (command == "activate") nodes_[leaf].inactive = false;
    if (command == "delete") {  // without its name: what is set again is a new statement
      by_word_.erase({nodes_[leaf].parent, nodes_[leaf].word});
      nodes_[leaf].inactive = true;
      nodes_[leaf].word = {};
    }
  }
  if (command == "insert") {
    const NodeId other = before.empty() ? kNoNode : child(nodes_[node].parent, beside, number, false);
    if (other == kNoNode) return unread("what it is to be inserted beside is not there");
    if (!move(node, other, before == "before"))
      return unread("too many statements are inserted: their order is not followed");
  }
}

// --- Text, places, accounts ---

std::string Tree::text(NodeId id) const {
  std::string out;
  // Without recursion: the nodes still to come, with what has to be written before them.
  struct Step {
    NodeId node;
    const char* sign;
  };
  std::vector<Step> steps{{id, ""}};
  while (!steps.empty() && out.size() < kTextMax) {
    const Step step = steps.back();
    steps.pop_back();
    if (step.node == kNoNode) {
      out += step.sign;
      continue;
    }
    out += step.sign;
    const Node& n = nodes_[step.node];
    if (n.word.find(' ') != std::string_view::npos || n.word.empty())
      out += fmt::format("\"{}\"", n.word.substr(0, kTextMax));
    else
      out += n.word.substr(0, kTextMax);
    if (n.children == 0) continue;
    if (n.children == 1) {
      steps.push_back({n.first, nodes_[n.first].inactive ? " inactive: " : " "});
      continue;
    }
    out += " {";
    steps.push_back({kNoNode, "; }"});
    const std::size_t begin = steps.size();
    std::size_t room = kTextMax;
    for (NodeId c = n.first; c != kNoNode && room > 0; c = nodes_[c].next, --room)
      steps.push_back({c, c == n.first ? (nodes_[c].inactive ? " inactive: " : " ")
                                       : (nodes_[c].inactive ? "; inactive: " : "; ")});
    std::reverse(steps.begin() + static_cast<std::ptrdiff_t>(begin), steps.end());
  }
  if (!steps.empty()) out += " ...";
  return out;
}

Location Tree::where(NodeId id) const {
  const std::string_view line = source_.line(nodes_[id].line);
  const std::string_view word = nodes_[id].word;
  std::uint32_t column = 1;
  if (word.data() >= line.data() && word.data() <= line.data() + line.size())
    column = static_cast<std::uint32_t>(word.data() - line.data()) + 1;
  return source_.at_line(nodes_[id].line, column, static_cast<std::uint32_t>(word.size()));
}

void Tree::mark(NodeId id, Understanding understanding, std::string why) {
  marks_[id] = {understanding, std::move(why)};
}

void Tree::account() {
  LineLedger ledger(source_, device_);
  // A node's number is larger than its parent's, so one pass hands the marks down.
  std::vector<NodeId> marked(nodes_.size(), kNoNode);
  auto next = marks_.begin();
  for (NodeId id = 0; id < nodes_.size(); ++id) {
    if (next != marks_.end() && next->first == id)
      marked[id] = id, ++next;
    else if (id != 0)
      marked[id] = marked[nodes_[id].parent];
  }
  std::stable_sort(statements_.begin(), statements_.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto severity = [](Understanding u) {
    switch (u) {
      case Understanding::not_filtering: return 0;
      case Understanding::understood: return 1;
      case Understanding::in_part: return 2;
      case Understanding::not_understood: return 3;
    }
    return 3;
  };
  auto statement = statements_.begin();
  for (std::uint32_t line = 1; line <= source_.line_count(); ++line) {
    const std::string_view text = source_.line(line);
    Understanding worst = Understanding::not_filtering;
    std::string why;
    if (line_kinds_[line] == LineKind::unread) {
      worst = Understanding::not_understood;
      why = unread_.contains(line) ? unread_.at(line) : "it is no statement";
    } else if (line_kinds_[line] == LineKind::brace) {
      worst = Understanding::understood;
    }
    bool first = line_kinds_[line] != LineKind::unread;
    for (; statement != statements_.end() && statement->first <= line; ++statement) {
      if (statement->first != line) continue;
      const NodeId by = marked[statement->second];
      const Understanding u = by == kNoNode ? Understanding::not_understood : marks_.at(by).understanding;
      if (!first && severity(u) <= severity(worst)) continue;
      first = false;
      worst = u;
      why = by == kNoNode ? "the statement is not known" : marks_.at(by).why;
    }
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    ledger.mark(line, worst, std::move(why));
  }
}

}  // namespace demarc::junos
