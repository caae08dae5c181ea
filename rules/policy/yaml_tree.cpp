// The one file that knows yaml-cpp. Its node interface forgets places and lets the last of two equal keys win, so
// we take its events and build our own tree. yaml-cpp recurses for each level of nesting; our depth limit stops it
// long before its own limit (500) or the stack do, because the handler is called before the descent.
#include "rules/policy/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "rules/text/escape.h"

namespace demarc {

namespace {

/// Thrown through yaml-cpp to stop it; the error has been reported.
struct Stop {};

constexpr std::size_t kRepeatedErrorsMax = 20;

std::string_view line_end_trimmed(std::string_view text, std::size_t offset) {
  std::size_t end = std::min(text.find('\n', offset), text.size());
  std::string_view line = text.substr(offset, end - offset);
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == '\t')) line.remove_suffix(1);
  return line;
}

/// Two colons in a word that is not quoted: `2001:db8::` is a mapping's key to YAML.
bool has_unquoted_ipv6(std::string_view line) {
  char quote = 0;
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    char c = line[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#') {
      return false;
    } else if (c == ':' && line[i + 1] == ':') {
      return true;
    }
  }
  return false;
}

std::string hint_for(std::string_view problem, std::string_view line) {
  if (has_unquoted_ipv6(line)) return "quote IPv6 addresses: \"2001:db8::1\"";
  auto says = [&](std::string_view part) { return problem.find(part) != std::string_view::npos; };
  if (says("illegal map value"))
    return "a text with a colon and a blank needs quotes; or this line is indented wrongly";
  if (says("illegal flow end")) return "a bracket is closed that was not opened, or by the wrong kind";
  if (says("end of sequence flow")) return "a '[' is not closed before here";
  if (says("end of map flow")) return "a '{' is not closed before here";
  if (says("end of map") || says("end of sequence")) return "this line is indented differently from its neighbours";
  if (says("illegal block entry")) return "a list begins on a line of its own";
  if (says("EOF in scalar")) return "a quote is not closed";
  return {};
}

}  // namespace

std::string_view describe(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::null: return "nothing";
    case YamlNode::Kind::scalar: return "a single value";
    case YamlNode::Kind::sequence: return "a list";
    case YamlNode::Kind::mapping: return "a mapping";
  }
  return "nothing";
}

class YamlTreeBuilder : public YAML::EventHandler {
 public:
  YamlTreeBuilder(YamlTree& tree, std::uint16_t file_number, Diagnostics& diagnostics, const YamlLimits& limits)
      : tree_(tree), text_(tree.source_->text()), file_(file_number), diagnostics_(diagnostics), limits_(limits) {}

  bool usable() const { return usable_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ == 0) return;
    diagnostics_.error(tree_.source_->at(offset_of(mark)), "a second document begins here",
                       "one file is one rule set; `include` names others");
    usable_ = false;
    throw Stop{};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode& node = append(mark, YamlNode::Kind::null);
    node.length = 1;
    refuse_properties(mark, "?", anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    append(mark, YamlNode::Kind::null);
    std::string_view word = line_end_trimmed(text_, offset_of(mark));
    word = word.substr(0, word.find_first_of(" ,]}:", 1));
    complain(offset_of(mark), word.size(), fmt::format("'{}' is an alias", word),
             "rule sets have none: repeat the value, or name a group");
    usable_ = false;
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode& node = append(mark, YamlNode::Kind::scalar);
    refuse_properties(mark, tag, anchor);
    std::size_t at = node.offset;
    char begin = at < text_.size() ? text_[at] : '\0';
    bool quoted = tag == "!" && (begin == '"' || begin == '\'');
    node.style = quoted ? YamlNode::Style::quoted : tag == "!" ? YamlNode::Style::block : YamlNode::Style::plain;
    std::size_t inside = quoted ? at + 1 : at;
    bool as_written = inside + value.size() <= text_.size() && text_.compare(inside, value.size(), value) == 0 &&
                      node.style != YamlNode::Style::block;
    if (as_written && quoted)
      as_written = inside + value.size() < text_.size() && text_[inside + value.size()] == begin;
    if (quoted && !as_written && !is_closed(at)) {  // yaml-cpp takes the end of the file for the closing quote
      complain(at, 1, "a quote is not closed", "close it before the end of the file");
      usable_ = false;
    }
    if (as_written) {
      node.scalar = text_.substr(inside, value.size());
      node.length = static_cast<std::uint32_t>(value.size() + (quoted ? 2 : 0));
    } else {
      node.scalar = tree_.folded_.emplace_back(value);
      node.length =
          static_cast<std::uint32_t>(node.style == YamlNode::Style::block ? 1 : line_end_trimmed(text_, at).size());
    }
    node.length = std::min(node.length, static_cast<std::uint32_t>(line_end_trimmed(text_, at).size()));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::sequence);
  }
  void OnSequenceEnd() override { open_.pop_back(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::mapping);
  }
  void OnMapEnd() override {
    open_.back().node->count /= 2;
    check_keys(*open_.back().node);
    open_.pop_back();
  }

 private:
  struct Open {
    YamlNode* node;
    YamlNode* last;
  };

  std::size_t offset_of(const YAML::Mark& mark) const {
    return mark.pos < 0 ? 0 : std::min(static_cast<std::size_t>(mark.pos), text_.size());
  }

  bool is_closed(std::size_t quote) const {
    char mark = text_[quote];
    for (std::size_t i = quote + 1; i < text_.size(); ++i) {
      if (mark == '"' && text_[i] == '\\')
        ++i;
      else if (text_[i] == mark && mark == '\'' && i + 1 < text_.size() && text_[i + 1] == mark)
        ++i;
      else if (text_[i] == mark)
        return true;
    }
    return false;
  }

  void complain(std::size_t offset, std::size_t length, std::string what, std::string hint) {
    diagnostics_.error(tree_.source_->at(offset, length), std::move(what), std::move(hint));
  }

  YamlNode& append(const YAML::Mark& mark, YamlNode::Kind kind) {
    std::size_t offset = offset_of(mark);
    if (tree_.nodes_.size() >= limits_.nodes_max) {
      complain(offset, 1, fmt::format("more than {} values in one file", limits_.nodes_max),
               "split the rule set into files and include them");
      usable_ = false;
      throw Stop{};
    }
    YamlNode& node = tree_.nodes_.emplace_back();
    node.kind = kind;
    node.file = file_;
    node.offset = static_cast<std::uint32_t>(offset);
    node.length = 1;
    if (open_.empty()) {
      tree_.root_ = &node;
    } else {
      Open& parent = open_.back();
      (parent.last == nullptr ? parent.node->first : parent.last->next) = &node;
      parent.last = &node;
      ++parent.node->count;
    }
    return node;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    if (open_.size() >= limits_.depth_max) {
      complain(offset_of(mark), 1, fmt::format("nested more than {} levels deep", limits_.depth_max),
               "no rule set needs that; is a bracket never closed?");
      usable_ = false;
      throw Stop{};
    }
    YamlNode& node = append(mark, kind);
    refuse_properties(mark, tag, anchor);
    open_.push_back({&node, nullptr});
  }

  /// yaml-cpp invents the tags "?" and "!" for what has none, so the text decides whether one was written.
  void refuse_properties(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    std::size_t offset = offset_of(mark);
    std::string_view rest = line_end_trimmed(text_, offset);
    std::string_view word = rest.substr(0, rest.find(' '));
    if (anchor != 0) {
      complain(offset, word.size(), fmt::format("'{}' is an anchor", word),
               "rule sets have none: repeat the value, or name a group");
    } else if (word.starts_with('!') || (!tag.empty() && tag != "?" && tag != "!")) {
      complain(offset, word.size(), fmt::format("'{}' is a tag", word),
               "leave it out: every key knows the type of its value");
      usable_ = false;
    }
  }

  /// Two entries with one key: YAML libraries let the last win, or the first. A rule set must not mean two things.
  void check_keys(const YamlNode& map) {
    std::vector<const YamlNode*> keys;
    for (const YamlNode* key = map.first; key != nullptr; key = key->next != nullptr ? key->next->next : nullptr) {
      if (!key->is_scalar()) {
        tell_bad_key(*key, fmt::format("a key must be a name, not {}", describe(key->kind)),
                     has_unquoted_ipv6(line_end_trimmed(text_, key->offset)) ? "quote IPv6 addresses" : "");
      } else if (key->scalar == "<<" && key->is_plain()) {
        tell_bad_key(*key, "'<<' is a merge key", "rule sets have none: write the entries out");
      } else {
        keys.push_back(key);
      }
    }
    auto by_name = [](const YamlNode* a, const YamlNode* b) {
      return a->scalar != b->scalar ? a->scalar < b->scalar : a->offset < b->offset;
    };
    std::sort(keys.begin(), keys.end(), by_name);
    const YamlNode* first = nullptr;
    for (const YamlNode* key : keys) {
      if (first == nullptr || key->scalar != first->scalar) {
        first = key;
      } else {
        tell_bad_key(*key, fmt::format("the key '{}' is given twice", key->scalar),
                     fmt::format("first on line {}", tree_.where(*first).line));
      }
    }
  }

  void tell_bad_key(const YamlNode& key, std::string what, std::string hint) {
    complain(key.offset, key.length, std::move(what), std::move(hint));
    if (key.kind != YamlNode::Kind::scalar || key.scalar == "<<") usable_ = false;
  }

  YamlTree& tree_;
  std::string_view text_;
  std::uint16_t file_;
  Diagnostics& diagnostics_;
  const YamlLimits& limits_;
  std::vector<Open> open_;
  std::size_t documents_ = 0;
  bool usable_ = true;
};

namespace {

/// What must not stand in a rule set whatever YAML thinks of it: bytes that are no text, and text that shows
/// something else than it says.
bool is_honest_text(const Source& source, Diagnostics& diagnostics) {
  std::string_view text = source.text();
  std::size_t errors_before = diagnostics.error_count();
  std::string repaired = utf8_repaired(text);
  if (repaired != text) {
    std::size_t at = static_cast<std::size_t>(
        std::mismatch(text.begin(), text.end(), repaired.begin(), repaired.end()).first - text.begin());
    bool utf16 = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
    diagnostics.error(Location{.file = source.name(), .line = source.at(at).line}, "this is not UTF-8 text",
                      utf16 ? "it looks like UTF-16: save it as UTF-8" : "a rule set is a YAML file in UTF-8");
    return false;
  }
  for (std::size_t i = 0; i < text.size() && diagnostics.error_count() < errors_before + kRepeatedErrorsMax; ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c == 0) {
      diagnostics.error(Location{.file = source.name(), .line = source.at(i).line},
                        "a NUL byte: this is a binary file, not a rule set", "a rule set is a YAML file in UTF-8");
      return false;
    }
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F ||
        (c == '\r' && (i + 1 >= text.size() || text[i + 1] != '\n'))) {
      diagnostics.error(source.at(i), fmt::format("a control character (0x{:02X})", c), "remove it");
    } else if (c == 0xE2 && i + 2 < text.size()) {
      unsigned char middle = static_cast<unsigned char>(text[i + 1]), low = static_cast<unsigned char>(text[i + 2]);
      bool turns = (middle == 0x80 && low >= 0xAA && low <= 0xAE) || (middle == 0x81 && low >= 0xA6 && low <= 0xA9);
      if (turns)
        diagnostics.error(source.at(i, 3), "a character that turns the direction of the text around",
                          "remove it: what is shown would not be what is read");
    }
  }
  for (std::uint32_t number = 1;
       number <= source.line_count() && diagnostics.error_count() < errors_before + kRepeatedErrorsMax; ++number) {
    std::string_view line = source.line(number);
    std::size_t content = line.find_first_not_of(" \t");
    std::size_t tab = line.find('\t');
    if (content != std::string_view::npos && tab < content && line[content] != '#') {
      diagnostics.error(source.at_line(number, static_cast<std::uint32_t>(tab + 1)), "a tab in the indentation",
                        "YAML is indented by blanks");
    }
  }
  return diagnostics.error_count() == errors_before;
}

}  // namespace

YamlTree YamlTree::read(std::string file_name, std::string text, std::uint16_t file_number,
                        Diagnostics& diagnostics, const YamlLimits& limits) {
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  if (text.size() > limits.bytes_max) {
    diagnostics.error(Location{.file = file_name}, fmt::format("larger than {} MiB", limits.bytes_max >> 20),
                      "split the rule set into files and include them");
    return YamlTree(std::make_unique<Source>(std::move(file_name), std::string()));
  }
  YamlTree tree(std::make_unique<Source>(std::move(file_name), std::move(text)));
  const Source& source = *tree.source_;
  if (!is_honest_text(source, diagnostics)) return tree;

  YamlTreeBuilder builder(tree, file_number, diagnostics, limits);
  bool whole = false;
  try {
    std::istringstream in{std::string(source.text())};
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {}
    whole = true;
  } catch (const Stop&) {
    // Said already.
  } catch (const YAML::Exception& problem) {
    std::size_t at =
        problem.mark.pos < 0 ? 0 : std::min(static_cast<std::size_t>(problem.mark.pos), source.text().size());
    Location where = source.at(at);
    diagnostics.error(where, fmt::format("this is not YAML: {}", problem.msg),
                      hint_for(problem.msg, source.line(where.line)));
  } catch (const std::exception& problem) {
    diagnostics.error(Location{.file = source.name()}, fmt::format("this is not YAML: {}", problem.what()));
  }
  if (!whole || !builder.usable()) {
    tree.root_ = nullptr;
  } else if (tree.root_ == nullptr) {
    tree.root_ = &tree.nodes_.emplace_back();
  }
  return tree;
}

}  // namespace demarc
