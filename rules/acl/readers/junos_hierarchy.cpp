// Sources: Junos CLI User Guide (configuration statements, comments, deactivate, insert, configuration groups).
#include <algorithm>

#include "rules/acl/readers/junos_tokens.h"
#include "rules/acl/readers/junos_tree.h"

namespace demarc::junos {

namespace {

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

Result<void> Tree::read_hierarchy() { return Hierarchy(*this).read(); }

}  // namespace demarc::junos
