// A JSON document as a tree whose values know where they stand: cloud filters are JSON, and a finding about a rule
// must name its line. Boost.JSON's events carry no place, and its values none either, so this reads RFC 8259
// itself: strictly, in one pass, without recursion, 32 bytes a value. Several documents in one text are several
// roots, as `cat groups.json acls.json` makes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/text/diagnostics.h"
#include "rules/text/source.h"

namespace demarc {

class JsonTree;

/// A value of a tree, or none: what is asked of none is none, empty or absent, so paths need no checks between.
class JsonValue {
 public:
  enum class Kind : std::uint8_t { none, null, boolean, number, text, array, object };

  JsonValue() = default;
  JsonValue(const JsonTree& tree, std::uint32_t node) : tree_(&tree), node_(node) {}

  Kind kind() const;
  explicit operator bool() const { return kind() != Kind::none; }
  bool is_null() const { return kind() == Kind::none || kind() == Kind::null; }
  bool is_object() const { return kind() == Kind::object; }
  bool is_array() const { return kind() == Kind::array; }
  bool is_text() const { return kind() == Kind::text; }
  /// The member of an object. Of a key that is written twice the last one, as most readers have it.
  JsonValue operator[](std::string_view key) const;
  /// The first member of these that is there.
  JsonValue any_of(std::initializer_list<std::string_view> keys) const;
  /// Of an array or object.
  std::uint32_t size() const;
  /// A string's content; of a number its digits; otherwise empty.
  std::string text() const;
  std::optional<std::int64_t> integer() const;  // a whole number, also where it is written as a string
  std::optional<bool> boolean() const;
  std::string key() const;  // of a member
  std::uint32_t line() const;
  std::uint32_t line_last() const;
  Location where() const;
  /// The value as it stands in the text, on one line; bounded.
  std::string written() const;
  /// A key is written twice in it or in what it holds.
  bool has_duplicate_keys() const;
  std::uint32_t node() const { return node_; }

  class Iterator {
   public:
    Iterator(const JsonTree* tree, std::uint32_t node) : tree_(tree), node_(node) {}
    JsonValue operator*() const { return {*tree_, node_}; }
    Iterator& operator++();
    bool operator!=(const Iterator& o) const { return node_ != o.node_; }

   private:
    const JsonTree* tree_;
    std::uint32_t node_;
  };
  Iterator begin() const;
  Iterator end() const;

 private:
  const JsonTree* tree_ = nullptr;
  std::uint32_t node_ = 0;
};

class JsonTree {
 public:
  static constexpr unsigned kDepthMax = 100;
  static constexpr std::uint32_t kValuesMax = 50'000'000;

  /// The source must outlive it. An error is about the first place that is no JSON, or beyond a bound.
  static Result<JsonTree> parse(const Source& source);

  /// The documents; each root is a value.
  std::vector<JsonValue> roots() const;
  /// Keys that are written twice.
  const Diagnostics& diagnostics() const { return diagnostics_; }
  const Source& source() const { return *source_; }

 private:
  friend class JsonValue;
  friend class JsonParser;
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  struct Node {
    std::uint32_t begin = 0, end = 0;          // of the value in the text
    std::uint32_t key_begin = 0, key_end = 0;  // between the quotes; equal: an element or an empty key
    std::uint32_t first = kNone, next = kNone;
    std::uint32_t size = 0;
    JsonValue::Kind kind = JsonValue::Kind::null;
    bool duplicates = false;
  };

  const Source* source_ = nullptr;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> roots_;
  Diagnostics diagnostics_;
};

}  // namespace demarc
