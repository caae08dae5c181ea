// Sources: Junos CLI User Guide (configuration statements, comments, deactivate, insert, configuration groups).
#include "rules/acl/readers/junos_tree.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/line_ledger.h"

namespace demarc::junos {

namespace {

constexpr std::uint32_t kFewChildren = 12;
constexpr std::size_t kTextMax = 480;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

struct Token {
  std::string_view word;
  bool quoted = false;
  bool is(char c) const { return !quoted && word.size() == 1 && word[0] == c; }
};

/// The next token of a line; false at its end, or where a comment to the end of the line begins.
bool next_token(std::string_view line, std::size_t& at, Token& out) {
  while (at < line.size() && is_blank(line[at])) ++at;
  if (at >= line.size() || line[at] == '#') return false;
  out = {};
  if (line[at] == '"') {
    const std::size_t begin = ++at;
    while (at < line.size() && line[at] != '"') at += line[at] == '\\' ? 2 : 1;
    at = std::min(at, line.size());
    out = {line.substr(begin, at - begin), true};
    at = std::min(at + 1, line.size());
    return true;
  }
  const std::size_t begin = at;
  constexpr std::string_view kSigns = "{};[]";
  if (kSigns.find(line[at]) != std::string_view::npos) {
    out.word = line.substr(at++, 1);
    return true;
  }
  if (line[at] == '<') {  // a group's pattern: "<ge-[01]/*>"
    while (at < line.size() && line[at] != '>' && !is_blank(line[at])) ++at;
    if (at < line.size() && line[at] == '>') ++at;
  }
  while (at < line.size() && !is_blank(line[at]) && kSigns.find(line[at]) == std::string_view::npos) ++at;
  out.word = line.substr(begin, at - begin);
  return true;
}

bool is_marker(std::string_view word) {
  return word == "inactive:" || word == "protect:" || word == "active:" || word == "replace:" || word == "delete:";
}

}  // namespace

/// Reads the notation in braces, line by line. Depth 0 may hold lines of the other notation: pasted files mix them.
class Hierarchy {
 public:
  explicit Hierarchy(Tree& tree) : tree_(tree) {}

  Result<void> read() {
    const std::uint32_t lines = tree_.source_.line_count();
    for (line_ = 1; line_ <= lines; ++line_) {
      read_line(tree_.source_.line(line_));
      if (tree_.nodes_.size() > Tree::kNodesMax)
        return file_failure(tree_.source_.name(), "the configuration has too many statements");
    }
    if (!words_.empty()) unread("the statement does not end");
    for (const Block& block : blocks_)
      if (block.node != kNoNode) tree_.nodes_[block.node].cut = true;
    tree_.cut_ = !blocks_.empty() || in_comment_;
    if (tree_.cut_)
      tree_.device_.diagnostics.warning(
          tree_.source_.at_line(lines, 1),
          in_comment_ ? "the text ends within a comment" : "the text ends within a block: it is cut short",
          "what was behind it is not known");
    return {};
  }

 private:
  struct Block {
    NodeId node = kNoNode;  // none: a statement too deep to be kept
  };
  struct Word {
    std::string_view text;
    std::uint32_t line = 0;
  };

  void kind(Tree::LineKind k) {
    Tree::LineKind& there = tree_.line_kinds_[line_];
    there = std::max(there, k);
  }
  void unread(std::string why) {
    for (const Word& w : words_) {
      tree_.line_kinds_[w.line] = Tree::LineKind::unread;
      if (tree_.unread_.size() < Device::kLineReportsMax) tree_.unread_.emplace(w.line, why);
    }
    if (!words_.empty())
      tree_.device_.diagnostics.warning(tree_.source_.at_line(words_.front().line, 1), std::move(why));
    words_.clear();
    alternatives_ = kNone;
    in_list_ = false;
  }

  void read_line(std::string_view line) {
    std::size_t at = 0;
    if (!in_comment_ && blocks_.empty() && words_.empty()) {
      Token first;
      if (next_token(line, at, first) && !first.quoted && is_command(first.word)) {
        kind(Tree::LineKind::statement);
        return tree_.set_line(line, line_);
      }
      at = 0;
    }
    while (at < line.size()) {
      if (in_comment_) {
        const std::size_t end = line.find("*/", at);
        kind(Tree::LineKind::comment);
        if (end == std::string_view::npos) return;
        in_comment_ = false;
        at = end + 2;
        continue;
      }
      while (at < line.size() && is_blank(line[at])) ++at;
      if (line.substr(at).starts_with("/*")) {
        in_comment_ = true;
        at += 2;
        kind(Tree::LineKind::comment);
        continue;
      }
      const std::size_t before = at;
      Token token;
      if (!next_token(line, at, token)) {
        if (before < line.size()) kind(Tree::LineKind::comment);
        return;
      }
      take(token);
    }
  }

  /// A line without an end (`;` or a brace) is no statement: a prompt, a page break, a cut line.
  void take(const Token& token) {
    if (!words_.empty() && words_.back().line != line_ && !in_list_ && !token.is('{') && !token.is(';'))
      unread("the line is no statement: neither ';' nor '{' ends it");
    if (token.is(';')) {
      kind(Tree::LineKind::brace);
      return end_statement();
    }
    if (token.is('{')) {
      kind(Tree::LineKind::brace);
      return begin_block();
    }
    if (token.is('}')) {
      kind(Tree::LineKind::brace);
      if (!words_.empty()) unread("the statement does not end");
      if (blocks_.empty()) {
        tree_.device_.diagnostics.warning(tree_.source_.at_line(line_, 1), "a brace closes that none opened");
        tree_.line_kinds_[line_] = Tree::LineKind::unread;
        tree_.unread_.emplace(line_, "a brace closes that none opened");
        return;
      }
      if (const NodeId node = blocks_.back().node; node != kNoNode) tree_.touch(node, line_);
      blocks_.pop_back();
      return;
    }
    if (token.is('[') && !in_list_) {
      in_list_ = true;
      alternatives_ = words_.size();
      kind(Tree::LineKind::statement);
      words_.push_back({"[", line_});
      return;
    }
    if (token.is(']')) {
      in_list_ = false;
      kind(Tree::LineKind::statement);
      return;
    }
    kind(Tree::LineKind::statement);
    words_.push_back({token.word, line_});
  }

  /// Where the statement's path begins, its markers read.
  std::size_t markers(bool& inactive, bool& removed) const {
    std::size_t i = 0;
    for (; i < words_.size() && is_marker(words_[i].text); ++i) {
      inactive = inactive || words_[i].text == "inactive:";
      removed = removed || words_[i].text == "delete:";
    }
    return i;
  }

  /// The path of the words so far, from the innermost block.
  NodeId path(std::size_t begin, std::size_t end) {
    NodeId node = blocks_.empty() ? Tree::root() : blocks_.back().node;
    if (node == kNoNode || blocks_.size() + end - begin > Tree::kDepthMax) return kNoNode;
    for (std::size_t i = begin; i < end; ++i) node = tree_.child(node, words_[i].text, words_[i].line, true);
    return node;
  }

  void too_deep() { unread("the statement lies too deep"); }

  void end_statement() {
    bool inactive = false, removed = false;
    const std::size_t begin = markers(inactive, removed);
    if (begin == words_.size()) {
      words_.clear();
      return;
    }
    const std::size_t end = std::min(alternatives_, words_.size());
    const NodeId node = path(begin, end);
    if (node == kNoNode) return too_deep();
    const auto done = [&](NodeId leaf) {
      tree_.statements_.emplace_back(words_.front().line, leaf);
      if (words_.back().line != words_.front().line) tree_.statements_.emplace_back(line_, leaf);
      tree_.touch(leaf, line_);
      if (!inactive && !removed) return;
      tree_.nodes_[leaf].inactive = true;
      NodeId above = tree_.nodes_[leaf].parent;
      for (std::size_t n = end - begin; n > (alternatives_ == kNone ? 1U : 0U); --n) {
        tree_.to_quieten_.push_back(above);
        above = tree_.nodes_[above].parent;
      }
    };
    if (alternatives_ == kNone) {
      done(node);
    } else {
      for (std::size_t i = alternatives_ + 1; i < words_.size(); ++i)
        done(tree_.child(node, words_[i].text, words_[i].line, true));
      if (alternatives_ + 1 == words_.size()) done(node);
    }
    words_.clear();
    alternatives_ = kNone;
    in_list_ = false;
  }

  void begin_block() {
    bool inactive = false, removed = false;
    const std::size_t begin = markers(inactive, removed);
    if (in_list_ || alternatives_ != kNone || begin == words_.size()) {
      if (words_.empty()) words_.push_back({"{", line_});
      unread("a block has no name");
      blocks_.push_back({kNoNode});
      return;
    }
    const NodeId node = path(begin, words_.size());
    if (node == kNoNode) {
      too_deep();
      blocks_.push_back({kNoNode});
      return;
    }
    tree_.statements_.emplace_back(words_.front().line, node);
    if (inactive || removed) tree_.nodes_[node].inactive = true;
    words_.clear();
    blocks_.push_back({node});
  }

  static bool is_command(std::string_view word) {
    return word == "set" || word == "deactivate" || word == "activate" || word == "delete" || word == "insert" ||
           word == "annotate" || word == "protect" || word == "unprotect";
  }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  Tree& tree_;
  std::uint32_t line_ = 0;
  bool in_comment_ = false, in_list_ = false;
  std::vector<Word> words_;
  std::size_t alternatives_ = kNone;  // where in words_ a list in brackets begins
  std::vector<Block> blocks_;
};

Tree::Tree(const Source& source, Device& device) : source_(source), device_(device) { nodes_.emplace_back(); }

Result<void> Tree::read() {
  line_kinds_.assign(source_.line_count() + std::size_t{1}, LineKind::blank);
  DEMARC_TRY(Hierarchy(*this).read());
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

// --- Groups ---

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
