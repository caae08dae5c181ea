#include "rules/evidence/json_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>

namespace demarc {

std::span<const std::string> JsonFields::texts(std::size_t row) const {
  for (const auto& [index, texts] : arrays_)
    if (index == row) return texts;
  return {};
}

std::string_view JsonFields::text(std::size_t row, std::string_view otherwise) const {
  const Value& value = values_[row];
  return value.kind == Value::Kind::text ? std::string_view(value.text) : otherwise;
}

std::optional<std::uint64_t> JsonFields::unsigned_integer(std::size_t row) const {
  const Value& value = values_[row];
  if (value.kind != Value::Kind::integer || value.integer < 0) return std::nullopt;
  return static_cast<std::uint64_t>(value.integer);
}

/// The SAX handler. Paths are found level by level: a level that leads nowhere is skipped with all below it.
class JsonLineParser {
 public:
  using Value = JsonFields::Value;
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = 1U << 12;
  static constexpr std::size_t max_string_size = kJsonLineMax;

  explicit JsonLineParser(std::span<const std::string_view> paths) : count_(paths.size()) {
    for (std::size_t i = 0; i < paths.size(); ++i) sorted_.emplace_back(paths[i], i);
    std::sort(sorted_.begin(), sorted_.end());
    fields.values_.resize(count_);
  }

  void clear() {
    for (std::size_t row : touched_) {
      fields.values_[row].kind = Value::Kind::absent;
      fields.values_[row].text.clear();
    }
    touched_.clear();
    fields.arrays_.clear();
    path_.clear();
    path_lengths_.clear();
    text_.clear();
    row_.reset();
    depth_ = array_depth_ = 0;
    top_is_object = false;
  }

  bool on_document_begin(boost::system::error_code&) { return true; }
  bool on_document_end(boost::system::error_code&) { return true; }
  bool on_object_begin(boost::system::error_code&) {
    if (depth_++ == 0) top_is_object = true;
    path_lengths_.push_back(path_.size());
    return true;
  }
  bool on_object_end(std::size_t, boost::system::error_code&) {
    --depth_;
    path_.resize(path_lengths_.back());
    path_lengths_.pop_back();
    row_.reset();
    return true;
  }
  bool on_array_begin(boost::system::error_code&) {
    ++array_depth_;
    return true;
  }
  bool on_array_end(std::size_t, boost::system::error_code&) {
    --array_depth_;
    return true;
  }
  bool on_key_part(boost::json::string_view part, std::size_t, boost::system::error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_key(boost::json::string_view part, std::size_t, boost::system::error_code&) {
    path_.resize(path_lengths_.back());
    if (!path_.empty()) path_ += '.';
    path_ += text_;
    path_.append(part.data(), part.size());
    text_.clear();
    auto found = std::lower_bound(sorted_.begin(), sorted_.end(), std::string_view(path_),
                                  [](const auto& row, std::string_view p) { return row.first < p; });
    row_.reset();
    if (found != sorted_.end() && found->first == path_) row_ = found->second;
    return true;
  }
  bool on_string_part(boost::json::string_view part, std::size_t, boost::system::error_code&) {
    if (row_) text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(boost::json::string_view part, std::size_t, boost::system::error_code&) {
    if (!row_) return true;
    if (array_depth_ > 0) {
      std::string whole = std::move(text_);
      whole.append(part.data(), part.size());
      text_.clear();
      array_of(*row_).push_back(whole);
      set(Value::Kind::text, [&](Value& v) { v.text = std::move(whole); });
      return true;
    }
    set(Value::Kind::text, [&](Value& v) {
      v.text.assign(text_);
      v.text.append(part.data(), part.size());
    });
    text_.clear();
    return true;
  }
  bool on_number_part(boost::json::string_view, boost::system::error_code&) { return true; }
  bool on_int64(std::int64_t n, boost::json::string_view, boost::system::error_code&) { return number(n); }
  bool on_uint64(std::uint64_t n, boost::json::string_view, boost::system::error_code&) {
    if (n > static_cast<std::uint64_t>(INT64_MAX)) return on_real(static_cast<double>(n));
    return number(static_cast<std::int64_t>(n));
  }
  bool on_double(double d, boost::json::string_view, boost::system::error_code&) { return on_real(d); }
  bool on_bool(bool b, boost::system::error_code&) {
    if (row_) set(Value::Kind::boolean, [&](Value& v) { v.boolean = b; });
    return true;
  }
  bool on_null(boost::system::error_code&) {
    if (row_) set(Value::Kind::null, [](Value&) {});
    return true;
  }
  bool on_comment_part(boost::json::string_view, boost::system::error_code&) { return true; }
  bool on_comment(boost::json::string_view, boost::system::error_code&) { return true; }

  JsonFields fields;
  bool top_is_object = false;

 private:
  template <typename Fill>
  void set(Value::Kind kind, Fill fill) {
    Value& value = fields.values_[*row_];
    if (value.kind != Value::Kind::absent) return;  // the first counts
    value.kind = kind;
    fill(value);
    touched_.push_back(*row_);
  }
  bool number(std::int64_t n) {
    if (row_) {
      set(Value::Kind::integer, [&](Value& v) {
        v.integer = n;
        v.real = static_cast<double>(n);
      });
    }
    return true;
  }
  bool on_real(double d) {
    if (row_) set(Value::Kind::real, [&](Value& v) { v.real = d; });
    return true;
  }
  std::vector<std::string>& array_of(std::size_t row) {
    for (auto& [index, texts] : fields.arrays_)
      if (index == row) return texts;
    return fields.arrays_.emplace_back(row, std::vector<std::string>()).second;
  }

  std::size_t count_;
  std::vector<std::pair<std::string_view, std::size_t>> sorted_;
  std::vector<std::size_t> touched_;
  std::string path_, text_;
  std::vector<std::size_t> path_lengths_;
  std::optional<std::size_t> row_;
  int depth_ = 0, array_depth_ = 0;
};

struct JsonRecordParser::State {
  explicit State(std::span<const std::string_view> paths) : parser(options(), paths) {}
  static boost::json::parse_options options() {
    boost::json::parse_options o;
    o.max_depth = 16;
    return o;
  }
  boost::json::basic_parser<JsonLineParser> parser;
};

JsonRecordParser::JsonRecordParser(std::span<const std::string_view> paths)
    : state_(std::make_unique<State>(paths)) {}
JsonRecordParser::~JsonRecordParser() = default;
JsonRecordParser::JsonRecordParser(JsonRecordParser&&) noexcept = default;

Result<const JsonFields*> JsonRecordParser::parse(std::string_view text) {
  boost::json::basic_parser<JsonLineParser>& parser = state_->parser;
  parser.reset();
  parser.handler().clear();
  boost::system::error_code problem;
  std::size_t read = parser.write_some(false, text.data(), text.size(), problem);
  const std::size_t rest = problem ? std::string_view::npos : text.find_first_not_of(" \t\r\n", read);
  std::string what;
  if (problem) {
    what = fmt::format("no JSON record: {}", problem.message());
  } else if (rest != std::string_view::npos) {
    what = "text after the end of the record";
    read = rest;
  } else if (!parser.handler().top_is_object) {
    what = "a record is a JSON object";
    read = 0;
  } else {
    return &parser.handler().fields;
  }
  Error e;
  e.what = std::move(what);
  e.where.column = static_cast<std::uint32_t>(std::min<std::size_t>(read + 1, 0xFFFFFFFF));
  return std::unexpected(std::move(e));
}

struct JsonLineReader::State {
  State(std::string name, std::span<const std::string_view> paths, OnLine callback)
      : file(std::move(name)), on_line(std::move(callback)), parser(options(), paths) {}
  static boost::json::parse_options options() {
    boost::json::parse_options o;
    o.max_depth = 16;
    return o;
  }

  /// One line, or why it is no record. `partial`: the input ended without a newline after it.
  Result<bool> parse(std::string_view line, bool partial) {
    current = line;
    std::size_t content = line.find_first_not_of(" \t\r");
    if (content == std::string_view::npos) return false;
    parser.reset();
    parser.handler().clear();
    boost::system::error_code problem;
    std::size_t read = parser.write_some(false, line.data(), line.size(), problem);
    std::size_t rest = problem ? std::string_view::npos : line.find_first_not_of(" \t\r", read);
    if (problem || rest != std::string_view::npos) {
      if (partial) return true;
      if (!problem) read = rest;
      Error e =
          place(problem ? fmt::format("no JSON record: {}", problem.message()) : "text after the end of the record",
                read + 1);
      return std::unexpected(std::move(e));
    }
    if (!parser.handler().top_is_object) return std::unexpected(place("a record is a JSON object", content + 1));
    Result<void> taken = on_line(parser.handler().fields, number);
    if (!taken) return std::unexpected(std::move(taken).error());
    return false;
  }

  Error place(std::string what, std::size_t column) const {
    constexpr std::size_t kQuotedMax = 400;
    Error e;
    e.what = std::move(what);
    e.where.file = file;
    e.where.line = number;
    e.where.column = static_cast<std::uint32_t>(column);
    e.where.length = 1;
    if (current.size() <= kQuotedMax) e.where.line_text = current;
    return e;
  }

  std::string file;
  OnLine on_line;
  boost::json::basic_parser<JsonLineParser> parser;
  std::string pending;  // the beginning of a line whose end has not come yet
  std::string_view current;
  std::uint32_t number = 0;
};

JsonLineReader::JsonLineReader(std::string file, std::span<const std::string_view> paths, OnLine on_line)
    : state_(std::make_unique<State>(std::move(file), paths, std::move(on_line))) {}
JsonLineReader::~JsonLineReader() = default;

Result<void> JsonLineReader::feed(std::string_view bytes) {
  State& s = *state_;
  while (!bytes.empty()) {
    std::size_t end = bytes.find('\n');
    std::string_view piece = bytes.substr(0, end);
    if (s.pending.size() + piece.size() > kJsonLineMax) {
      ++s.number;
      s.current = {};
      return std::unexpected(s.place(fmt::format("a line of more than {} bytes", kJsonLineMax), 1));
    }
    if (end == std::string_view::npos) {
      s.pending += piece;
      return {};
    }
    std::string joined;
    if (!s.pending.empty()) {
      joined = std::move(s.pending);
      s.pending.clear();
      joined += piece;
      piece = joined;
    }
    ++s.number;
    Result<bool> parsed = s.parse(piece, false);
    if (!parsed) return std::unexpected(std::move(parsed).error());
    bytes.remove_prefix(end + 1);
  }
  return {};
}

Result<bool> JsonLineReader::finish() {
  if (state_->pending.empty()) return false;
  std::string last = std::move(state_->pending);
  state_->pending.clear();
  ++state_->number;
  return state_->parse(last, true);
}

Error JsonLineReader::error(std::uint32_t line, std::string what, std::string hint) const {
  Error e = state_->place(std::move(what), 1);
  e.where.line = line;
  e.where.length = static_cast<std::uint32_t>(std::max<std::size_t>(e.where.line_text.size(), 1));
  e.hint = std::move(hint);
  return e;
}

std::uint32_t JsonLineReader::line() const { return state_->number; }

}  // namespace demarc
