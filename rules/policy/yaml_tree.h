// A YAML text as a tree that remembers where everything stood. The part of YAML that a rule set needs: mappings,
// sequences and scalars in one document. What makes a rule set mean something else than it seems to (duplicate
// keys, anchors, aliases, merge keys, tags) is refused here, with its place.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rules/text/diagnostics.h"
#include "rules/text/source.h"

namespace demarc {

struct YamlNode {
  enum class Kind : std::uint8_t { null, scalar, sequence, mapping };
  enum class Style : std::uint8_t { plain, quoted, block };

  Kind kind = Kind::null;
  Style style = Style::plain;  // of a scalar
  std::uint16_t file = 0;      // the number the tree was given
  std::uint32_t offset = 0;    // where it begins in the text, in bytes
  std::uint32_t length = 0;    // what a caret underlines: a scalar as far as it goes on its first line
  std::uint32_t count = 0;     // items of a sequence, entries of a mapping
  std::string_view scalar;     // lives as long as the tree
  const YamlNode* first =
      nullptr;  // the first item; in a mapping a key, whose `next` is its value, whose `next` is the next key
  const YamlNode* next = nullptr;

  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_mapping() const { return kind == Kind::mapping; }
  bool is_sequence() const { return kind == Kind::sequence; }
  /// A scalar without quotes, which YAML might take for a number or a truth value.
  bool is_plain() const { return kind == Kind::scalar && style == Style::plain; }
};

struct YamlLimits {
  std::size_t bytes_max = std::size_t{64} << 20;
  std::size_t depth_max = 40;
  std::size_t nodes_max = 5'000'000;
};

class YamlTree {
 public:
  /// Reads the text. Without a root, the diagnostics say why; duplicate keys and the like are reported all at once.
  static YamlTree read(std::string file_name, std::string text, std::uint16_t file_number, Diagnostics& diagnostics,
                       const YamlLimits& limits = {});

  YamlTree(YamlTree&&) = default;
  YamlTree& operator=(YamlTree&&) = default;

  /// None if the text could not be read; a null node if it says nothing.
  const YamlNode* root() const { return root_; }
  const Source& source() const { return *source_; }
  Location where(const YamlNode& node) const { return source_->at(node.offset, node.length); }

 private:
  friend class YamlTreeBuilder;
  explicit YamlTree(std::unique_ptr<Source> source) : source_(std::move(source)) {}

  std::unique_ptr<Source> source_;  // at a fixed place: the nodes' scalars point into its text
  std::deque<YamlNode> nodes_;
  std::deque<std::string> folded_;  // scalars whose value is not what the text shows (escapes, folded lines)
  const YamlNode* root_ = nullptr;
};

/// The kind in words for messages: "a mapping", "a list", "a text", "nothing".
std::string_view describe(YamlNode::Kind kind);

}  // namespace demarc
