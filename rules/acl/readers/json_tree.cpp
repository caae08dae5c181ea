#include "rules/acl/readers/json_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace demarc {

namespace {

constexpr std::size_t kTextBytesMax = 0xFFFFFFF0;
constexpr std::size_t kWrittenMax = 300;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<unsigned> hex4(std::string_view text) {
  unsigned n = 0;
  if (text.size() < 4) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 4, n, 16);
  if (error != std::errc{} || end != text.data() + 4) return std::nullopt;
  return n;
}

void append_utf8(std::string& out, unsigned code) {
  const auto byte = [&out](unsigned b) { out += static_cast<char>(static_cast<unsigned char>(b)); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | code >> 6), byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | code >> 12), byte(0x80 | (code >> 6 & 0x3F)), byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | code >> 18), byte(0x80 | (code >> 12 & 0x3F));
    byte(0x80 | (code >> 6 & 0x3F)), byte(0x80 | (code & 0x3F));
  }
}

/// What stands between the quotes, escapes resolved. The parser has checked them.
std::string unescaped(std::string_view raw) {
  if (raw.find('\\') == std::string_view::npos) return std::string(raw);
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\' || i + 1 >= raw.size()) {
      out += raw[i];
      continue;
    }
    switch (const char c = raw[++i]) {
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'u': {
        unsigned code = hex4(raw.substr(i + 1)).value_or(0xFFFD);
        i += 4;
        if (code >= 0xD800 && code < 0xDC00 && raw.substr(i + 1).starts_with("\\u")) {
          const unsigned low = hex4(raw.substr(i + 3)).value_or(0);
          if (low >= 0xDC00 && low < 0xE000) code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), i += 6;
        }
        if (code >= 0xD800 && code < 0xE000) code = 0xFFFD;
        append_utf8(out, code);
        break;
      }
      default: out += c; break;
    }
  }
  return out;
}

}  // namespace

class JsonParser {
 public:
  explicit JsonParser(const Source& source) : source_(source), text_(source.text()) { tree_.source_ = &source; }

  Result<JsonTree> parse() {
    if (text_.size() > kTextBytesMax) return wrong("the text is too long for JSON");
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    for (skip_blanks(); at_ < text_.size(); skip_blanks()) DEMARC_TRY(document());
    if (tree_.roots_.empty()) return wrong("no JSON value stands here");
    return std::move(tree_);
  }

 private:
  using Kind = JsonValue::Kind;
  using Node = JsonTree::Node;
  struct Open {
    std::uint32_t node;
    std::uint32_t last = JsonTree::kNone;  // its last child so far
  };

  std::unexpected<Error> wrong(std::string what, std::string hint = {}) const {
    return std::unexpected(Error{source_.at(std::min(at_, text_.size())), std::move(what), std::move(hint)});
  }
  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  static std::uint32_t narrow(std::size_t offset) { return static_cast<std::uint32_t>(offset); }

  /// One document, without recursion: `open_` holds the arrays and objects around the place.
  Result<void> document() {
    open_.clear();
    do {
      skip_blanks();
      Node node;
      if (!open_.empty()) {
        Node& around = tree_.nodes_[open_.back().node];
        const char bracket = around.kind == Kind::array ? ']' : '}';
        if (around.size == 0 && peek() == bracket) {
          close();
          DEMARC_TRY(behind_value());
          continue;
        }
        if (around.kind == Kind::object) DEMARC_TRY(key(node));
      }
      DEMARC_TRY(value(node));
      if (open_.empty()) break;
      if (tree_.nodes_[open_.back().node].size == 0 && opened_) continue;
      DEMARC_TRY(behind_value());
    } while (!open_.empty());
    return {};
  }

  /// What may stand behind a value: a comma, or the ends of what it lies in.
  Result<void> behind_value() {
    while (!open_.empty()) {
      skip_blanks();
      const bool array = tree_.nodes_[open_.back().node].kind == Kind::array;
      const char c = peek();
      if (c == ',') {
        ++at_;
        skip_blanks();
        if (peek() == ']' || peek() == '}') return wrong("a comma stands before the end", "remove it");
        return {};
      }
      if (c != (array ? ']' : '}')) {
        if (at_ >= text_.size())
          return wrong(array ? "the text ends within an array" : "the text ends within an object",
                       "the document is cut short");
        return wrong(array ? "neither ',' nor ']' stands behind the element"
                           : "neither ',' nor '}' stands behind the member");
      }
      close();
    }
    return {};
  }

  void close() {
    ++at_;
    const std::uint32_t index = open_.back().node;
    open_.pop_back();
    Node& node = tree_.nodes_[index];
    node.end = narrow(at_);
    if (node.kind == Kind::object && node.size > 1) note_duplicates(index);
    if (tree_.nodes_[index].duplicates && !open_.empty()) tree_.nodes_[open_.back().node].duplicates = true;
  }

  void note_duplicates(std::uint32_t index) {
    keys_.clear();
    for (std::uint32_t i = tree_.nodes_[index].first; i != JsonTree::kNone; i = tree_.nodes_[i].next) {
      const Node& n = tree_.nodes_[i];
      const std::string_view raw = text_.substr(n.key_begin, n.key_end - n.key_begin);
      if (raw.find('\\') == std::string_view::npos)
        keys_.emplace_back(raw, i);
      else
        keys_.emplace_back(unescaped(raw), i);
    }
    std::sort(keys_.begin(), keys_.end());
    for (std::size_t i = 1; i < keys_.size(); ++i) {
      if (keys_[i].first != keys_[i - 1].first) continue;
      tree_.nodes_[index].duplicates = true;
      const Node& second = tree_.nodes_[keys_[i].second];
      const Node& first = tree_.nodes_[keys_[i - 1].second];
      tree_.diagnostics_.warning(source_.at(second.key_begin - 1, second.key_end - second.key_begin + 2),
                                 fmt::format("the key '{}' is written twice in one object", keys_[i].first),
                                 fmt::format("the first is on line {}", source_.at(first.key_begin).line));
    }
  }

  Result<void> key(Node& node) {
    if (peek() != '"') {
      if (at_ >= text_.size()) return wrong("the text ends within an object", "the document is cut short");
      return wrong("a key in quotes is missing");
    }
    node.key_begin = narrow(at_ + 1);
    DEMARC_TRY(quoted());
    node.key_end = narrow(at_ - 1);
    skip_blanks();
    if (peek() != ':') return wrong("':' is missing behind the key");
    ++at_;
    skip_blanks();
    return {};
  }

  /// Moves behind the closing quote.
  Result<void> quoted() {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return wrong("a control character stands in a string");
      if (text_[at_] == '\\') {
        ++at_;
        const char c = peek();
        if (c == 'u' && !hex4(text_.substr(std::min(at_ + 1, text_.size()))))
          return wrong("four hexadecimal digits stand behind \\u");
        if (std::string_view("\"\\/bfnrtu").find(c) == std::string_view::npos || c == '\0')
          return wrong("this escape does not exist in JSON");
      }
      ++at_;
    }
    if (at_ >= text_.size()) {
      at_ = begin;
      return wrong("the string does not end", "the document is cut short");
    }
    ++at_;
    return {};
  }

  Result<void> value(Node& node) {
    if (tree_.nodes_.size() >= JsonTree::kValuesMax) return wrong("the document holds too many values");
    opened_ = false;
    node.begin = narrow(at_);
    const char c = peek();
    if (c == '{' || c == '[') {
      if (open_.size() >= JsonTree::kDepthMax)
        return wrong(fmt::format("arrays and objects lie more than {} deep", JsonTree::kDepthMax));
      node.kind = c == '{' ? Kind::object : Kind::array;
      ++at_;
      opened_ = true;
    } else if (c == '"') {
      node.kind = Kind::text;
      DEMARC_TRY(quoted());
    } else if (c == '-' || is_digit(c)) {
      node.kind = Kind::number;
      DEMARC_TRY(number());
    } else {
      DEMARC_TRY(word(node));
    }
    node.end = narrow(at_);
    const std::uint32_t index = narrow(tree_.nodes_.size());
    tree_.nodes_.push_back(node);
    if (open_.empty()) {
      tree_.roots_.push_back(index);
    } else {
      Open& around = open_.back();
      if (around.last == JsonTree::kNone)
        tree_.nodes_[around.node].first = index;
      else
        tree_.nodes_[around.last].next = index;
      around.last = index;
      ++tree_.nodes_[around.node].size;
    }
    if (opened_) open_.push_back({index});
    return {};
  }

  Result<void> word(Node& node) {
    constexpr std::pair<std::string_view, Kind> kWords[] = {
        {"true", Kind::boolean}, {"false", Kind::boolean}, {"null", Kind::null}};
    for (const auto& [name, kind] : kWords)
      if (text_.substr(at_).starts_with(name)) {
        at_ += name.size();
        node.kind = kind;
        return {};
      }
    if (at_ >= text_.size()) return wrong("the text ends where a value is due", "the document is cut short");
    return wrong("no JSON value stands here");
  }

  Result<void> number() {
    const auto digits = [this] {
      const std::size_t begin = at_;
      while (is_digit(peek())) ++at_;
      return at_ - begin;
    };
    if (peek() == '-') ++at_;
    const std::size_t first = at_;
    const std::size_t whole = digits();
    if (whole == 0) return wrong("no digit stands behind the sign");
    if (whole > 1 && text_[first] == '0') return wrong("a number begins with 0");
    if (peek() == '.') {
      ++at_;
      if (digits() == 0) return wrong("no digit stands behind the point");
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (digits() == 0) return wrong("the exponent has no digit");
    }
    return {};
  }

  const Source& source_;
  std::string_view text_;
  std::size_t at_ = 0;
  JsonTree tree_;
  std::vector<Open> open_;
  bool opened_ = false;
  std::vector<std::pair<std::string, std::uint32_t>> keys_;
};

Result<JsonTree> JsonTree::parse(const Source& source) { return JsonParser(source).parse(); }

std::vector<JsonValue> JsonTree::roots() const {
  std::vector<JsonValue> out;
  out.reserve(roots_.size());
  for (const std::uint32_t root : roots_) out.emplace_back(*this, root);
  return out;
}

JsonValue::Kind JsonValue::kind() const { return tree_ == nullptr ? Kind::none : tree_->nodes_[node_].kind; }

JsonValue::Iterator JsonValue::begin() const {
  return {tree_, is_object() || is_array() ? tree_->nodes_[node_].first : JsonTree::kNone};
}
JsonValue::Iterator JsonValue::end() const { return {tree_, JsonTree::kNone}; }
JsonValue::Iterator& JsonValue::Iterator::operator++() {
  node_ = tree_->nodes_[node_].next;
  return *this;
}

JsonValue JsonValue::operator[](std::string_view wanted) const {
  JsonValue found;
  if (!is_object()) return found;
  for (const JsonValue member : *this) {
    const JsonTree::Node& n = tree_->nodes_[member.node_];
    const std::string_view raw = tree_->source_->text().substr(n.key_begin, n.key_end - n.key_begin);
    if (raw == wanted || (raw.find('\\') != std::string_view::npos && unescaped(raw) == wanted)) found = member;
  }
  return found;
}

JsonValue JsonValue::any_of(std::initializer_list<std::string_view> keys) const {
  for (const std::string_view key : keys)
    if (const JsonValue v = (*this)[key]) return v;
  return {};
}

std::uint32_t JsonValue::size() const { return tree_ == nullptr ? 0 : tree_->nodes_[node_].size; }

std::string JsonValue::text() const {
  if (tree_ == nullptr) return {};
  const JsonTree::Node& n = tree_->nodes_[node_];
  const std::string_view raw = tree_->source_->text().substr(n.begin, n.end - n.begin);
  if (n.kind == Kind::number) return std::string(raw);
  if (n.kind != Kind::text) return {};
  return unescaped(raw.substr(1, raw.size() - 2));
}

std::optional<std::int64_t> JsonValue::integer() const {
  if (kind() != Kind::number && kind() != Kind::text) return std::nullopt;
  const std::string digits = text();
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return n;
}

std::optional<bool> JsonValue::boolean() const {
  if (kind() != Kind::boolean) return std::nullopt;
  return tree_->source_->text()[tree_->nodes_[node_].begin] == 't';
}

std::string JsonValue::key() const {
  if (tree_ == nullptr) return {};
  const JsonTree::Node& n = tree_->nodes_[node_];
  return unescaped(tree_->source_->text().substr(n.key_begin, n.key_end - n.key_begin));
}

std::uint32_t JsonValue::line() const { return where().line; }
std::uint32_t JsonValue::line_last() const {
  if (tree_ == nullptr) return 0;
  const JsonTree::Node& n = tree_->nodes_[node_];
  return tree_->source_->at(n.end == 0 ? 0 : n.end - 1).line;
}
Location JsonValue::where() const {
  if (tree_ == nullptr) return {};
  const JsonTree::Node& n = tree_->nodes_[node_];
  const std::size_t length =
      n.kind == Kind::object || n.kind == Kind::array ? 1 : std::max<std::size_t>(n.end - n.begin, 1);
  return tree_->source_->at(n.begin, length);
}

std::string JsonValue::written() const {
  std::string out;
  if (tree_ == nullptr) return out;
  const JsonTree::Node& n = tree_->nodes_[node_];
  bool in_string = false;
  const std::string_view raw = tree_->source_->text().substr(n.begin, n.end - n.begin);
  for (std::size_t i = 0; i < raw.size() && out.size() < kWrittenMax; ++i) {
    const char c = raw[i];
    if (!in_string && is_blank(c)) {
      if (!out.empty() && (out.back() == ',' || out.back() == ':')) out += ' ';
      continue;
    }
    if (c == '"' && (i == 0 || raw[i - 1] != '\\')) in_string = !in_string;
    out += c;
  }
  if (out.size() >= kWrittenMax) out += "...";
  return out;
}

bool JsonValue::has_duplicate_keys() const { return tree_ != nullptr && tree_->nodes_[node_].duplicates; }

}  // namespace demarc
