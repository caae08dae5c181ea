// A Junos configuration as a tree of words. Both notations come to the same tree, so everything behind it is
// written once: `firewall { family inet { filter F { term T { then accept; } } } }` and `set firewall family inet
// filter F term T then accept` are one path of eight words. Statements that repeat a path are merged, as Junos
// does.
//
// What the notation itself says is done here: `inactive:` and `deactivate`, `delete` and `insert`, comments, lists
// in brackets, and configuration groups (`groups`, `apply-groups`), whose statements stand in the tree as if they
// had been written where they apply.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"
#include "rules/text/source.h"

namespace demarc::junos {

using NodeId = std::uint32_t;
inline constexpr NodeId kNoNode = 0xFFFFFFFF;

struct Node {
  std::string_view word;  // without quotes; points into the source
  NodeId parent = kNoNode, first = kNoNode, last = kNoNode, next = kNoNode;
  std::uint32_t line = 0, line_last = 0;
  std::uint32_t children = 0;
  bool inactive = false;   // switched off, or deleted
  bool inherited = false;  // from a group
  bool cut = false;        // the text ends within it
};

class Tree {
 public:
  /// A statement deeper than this is not read.
  static constexpr std::size_t kDepthMax = 64;
  static constexpr std::size_t kNodesMax = 40'000'000, kInheritedMax = 2'000'000;
  static constexpr std::uint64_t kStepsMax = 50'000'000;  // of insert and of groups: they may be quadratic

  /// The source must outlive it. Warnings go to the device.
  Tree(const Source& source, Device& device);
  Result<void> read();

  static constexpr NodeId root() { return 0; }
  const Node& operator[](NodeId id) const { return nodes_[id]; }
  std::size_t size() const { return nodes_.size(); }

  /// The child of that name; none if there is none, or it is inactive.
  NodeId find(NodeId parent, std::string_view word) const;
  NodeId find(NodeId parent, std::initializer_list<std::string_view> path) const;
  /// The first word behind a keyword: "edge" of `host-name edge`. Empty if it is not there.
  std::string_view value(NodeId parent, std::string_view keyword) const;
  bool has(NodeId parent, std::string_view word) const { return find(parent, word) != kNoNode; }

  /// The active children, or all of them.
  class Children {
   public:
    Children(const Tree& tree, NodeId first, bool all) : tree_(tree), first_(first), all_(all) {}
    class Iterator {
     public:
      Iterator(const Tree& tree, NodeId at, bool all) : tree_(tree), at_(at), all_(all) { skip(); }
      NodeId operator*() const { return at_; }
      Iterator& operator++() {
        at_ = tree_[at_].next;
        skip();
        return *this;
      }
      bool operator!=(const Iterator& o) const { return at_ != o.at_; }

     private:
      void skip() {
        while (!all_ && at_ != kNoNode && tree_[at_].inactive) at_ = tree_[at_].next;
      }
      const Tree& tree_;
      NodeId at_;
      bool all_;
    };
    Iterator begin() const { return {tree_, first_, all_}; }
    Iterator end() const { return {tree_, kNoNode, all_}; }

   private:
    const Tree& tree_;
    NodeId first_;
    bool all_;
  };
  Children children(NodeId id) const { return {*this, id == kNoNode ? kNoNode : nodes_[id].first, false}; }
  Children all_children(NodeId id) const { return {*this, id == kNoNode ? kNoNode : nodes_[id].first, true}; }

  /// The subtree on one line, the same for both notations: "term T { from protocol tcp; then accept; }".
  std::string text(NodeId id) const;
  Location where(NodeId id) const;

  /// What became of a statement, and of everything below it that is not marked itself.
  void mark(NodeId id, Understanding understanding, std::string why = {});
  /// Accounts for every line of the text; once, at the end.
  void account();

  /// The text ends within a block: more may have stood behind it.
  bool is_cut() const { return cut_; }
  /// Top-level words ("firewall", "security") for which a group says something that was not applied.
  bool groups_missed(std::string_view top) const;

 private:
  struct Mark {
    Understanding understanding;
    std::string why;
  };
  enum class LineKind : std::uint8_t { blank, comment, brace, statement, unread };

  NodeId child(NodeId parent, std::string_view word, std::uint32_t line, bool create);
  void index_children(NodeId parent);
  Result<void> read_hierarchy();
  void set_line(std::string_view line, std::uint32_t number);
  bool move(NodeId node, NodeId beside, bool before);
  void touch(NodeId id, std::uint32_t line);
  void apply_groups();
  void apply_group(NodeId target, NodeId group, std::string_view group_name);
  void merge(NodeId target, NodeId from, std::string_view group_name, std::size_t depth);
  void miss_group(NodeId apply, NodeId group, std::string why);
  friend class Hierarchy;

  const Source& source_;
  Device& device_;
  std::vector<Node> nodes_;
  std::map<std::pair<NodeId, std::string_view>, NodeId> by_word_;  // of parents with many children
  std::vector<std::pair<std::uint32_t, NodeId>> statements_;       // line, and what it says
  std::vector<LineKind> line_kinds_;                               // by line
  std::map<std::uint32_t, std::string> unread_;                    // why a line was not read; bounded
  std::map<NodeId, Mark> marks_;
  std::vector<NodeId> to_quieten_;  // inactive statements whose keyword may have no other value
  std::vector<std::string_view> missed_;
  std::size_t inherited_ = 0;
  std::uint64_t steps_ = 0, moves_ = 0;
  bool group_bound_reached_ = false, cut_ = false;
};

/// Whether a word is one that a group's pattern means: "<*>", "<ge-*>".
bool glob_matches(std::string_view pattern, std::string_view word);

}  // namespace demarc::junos
