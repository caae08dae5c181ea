#include "rules/evidence/readers/azure_flows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <functional>
#include <vector>

#include "rules/evidence/readers/record_text.h"
#include "rules/text/number.h"

namespace demarc {

namespace {
constexpr std::size_t kKeyMax = 64;      // longer keys are none of ours
constexpr std::size_t kTupleMax = 1024;  // longer strings are no tuples
}  // namespace

/// The SAX handler: the strings of "flowTuples", and the interface they belong to.
class AzureFlowReader::Document {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);
  using Code = boost::system::error_code;
  using View = boost::json::string_view;

  explicit Document(AzureFlowReader* reader) : reader_(reader) {}
  void clear() {
    key_.clear();
    text_.clear();
    tuples_depth_ = depth_ = 0;
  }

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return ++depth_, key_.clear(), true; }
  bool on_object_end(std::size_t, Code&) { return --depth_, true; }
  bool on_array_begin(Code&) {
    ++depth_;
    if (key_ == "flowTuples" && tuples_depth_ == 0) tuples_depth_ = depth_;
    return true;
  }
  bool on_array_end(std::size_t, Code&) {
    if (tuples_depth_ == depth_) tuples_depth_ = 0;
    --depth_;
    return true;
  }
  bool on_key_part(View part, std::size_t, Code&) { return collect(key_part_, part, kKeyMax), true; }
  bool on_key(View part, std::size_t, Code&) {
    collect(key_part_, part, kKeyMax);
    key_ = std::move(key_part_);
    key_part_.clear();
    return true;
  }
  bool on_string_part(View part, std::size_t, Code&) { return collect(text_, part, kTupleMax), true; }
  bool on_string(View part, std::size_t, Code& problem) {
    collect(text_, part, kTupleMax);
    const std::string text = std::move(text_);
    text_.clear();
    if (tuples_depth_ != 0 && depth_ == tuples_depth_) {
      failed = reader_->on_tuple(text);
      if (!failed) problem = boost::json::make_error_code(boost::json::error::incomplete);
      return failed.has_value();
    }
    if (key_ == "mac" || key_ == "macAddress") interface_id = std::hash<std::string>()(text) | 1;
    return true;
  }
  bool on_number_part(View, Code&) { return true; }
  bool on_int64(std::int64_t, View, Code&) { return true; }
  bool on_uint64(std::uint64_t, View, Code&) { return true; }
  bool on_double(double, View, Code&) { return true; }
  bool on_bool(bool, Code&) { return true; }
  bool on_null(Code&) { return true; }
  bool on_comment_part(View, Code&) { return true; }
  bool on_comment(View, Code&) { return true; }

  Result<void> failed;
  std::uint64_t interface_id = 0;

 private:
  static void collect(std::string& into, View part, std::size_t most) {
    into.append(part.data(), std::min(part.size(), most - std::min(most, into.size())));
  }
  AzureFlowReader* reader_;
  std::string key_, key_part_, text_;
  std::size_t depth_ = 0, tuples_depth_ = 0;
};

struct AzureFlowReader::State {
  explicit State(AzureFlowReader* reader) : parser(options(), reader) {}
  static boost::json::parse_options options() {
    boost::json::parse_options o;
    o.max_depth = 32;
    return o;
  }
  boost::json::basic_parser<Document> parser;
  bool in_document = false;
  std::uint64_t line = 1;       // of the beginning of the piece that is being parsed
  std::uint64_t tuples = 0;     // number of the tuple: documents are one line, or thousands
  std::uint64_t version_1 = 0;  // tuples without counts
};

AzureFlowReader::AzureFlowReader(RecordFlows& flows, std::string file, std::string sensor)
    : RecordReader(flows, std::move(file), std::move(sensor), "Azure flow log"),
      state_(std::make_unique<State>(this)) {}
AzureFlowReader::~AzureFlowReader() = default;

Result<void> AzureFlowReader::feed(std::string_view bytes) {
  State& s = *state_;
  // In lines or bounded parts of them, so that an error can say where it is.
  constexpr std::size_t kPiece = 1U << 16;
  std::size_t column = 1;
  while (!bytes.empty()) {
    if (!s.in_document) {
      const std::size_t begin = bytes.find_first_not_of(" \t\r\n,\xEF\xBB\xBF");
      s.line += static_cast<std::uint64_t>(std::count(
          bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(std::min(begin, bytes.size())), '\n'));
      if (begin == std::string_view::npos) return {};
      bytes.remove_prefix(begin);
      s.parser.reset();
      s.parser.handler().clear();
      s.in_document = true;
    }
    const std::size_t end = bytes.find('\n');
    const std::size_t size =
        std::min({end == std::string_view::npos ? bytes.size() : end + 1, kPiece, bytes.size()});
    boost::system::error_code problem;
    const std::size_t read = s.parser.write_some(true, bytes.data(), size, problem);
    if (problem) {
      if (!s.parser.handler().failed) return s.parser.handler().failed;
      return refuse(s.line, column + read, fmt::format("no JSON: {}", problem.message()),
                    "the log is broken from here on");
    }
    if (s.parser.done()) s.in_document = false;
    s.line += static_cast<std::uint64_t>(
        std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(read), '\n'));
    column = read != 0 && bytes[read - 1] == '\n' ? 1 : column + read;
    bytes.remove_prefix(read);
  }
  return {};
}

Result<void> AzureFlowReader::on_tuple(std::string_view tuple) {
  State& s = *state_;
  ++s.tuples;
  std::array<std::string_view, 13> field{};
  std::size_t count = 0;
  for (std::string_view rest = tuple;;) {
    const std::size_t comma = rest.find(',');
    if (count < field.size()) field[count] = rest.substr(0, comma);
    ++count;
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  const auto bad = [&](std::string what) -> Result<void> {
    return unreadable(s.line, 1, fmt::format("flow tuple {}: {}", grouped_number(s.tuples), what), tuple);
  };
  if (count != 8 && count != 13) return bad(fmt::format("{} fields, where 8 or 13 are known", count));
  FlowPiece p;
  if (const auto wrong = take_ends(field[1], field[2], p)) return bad(wrong->what);
  for (auto [i, into] :
       {std::pair{std::size_t{3}, &p.source_port}, std::pair{std::size_t{4}, &p.destination_port}}) {
    const std::optional<std::uint64_t> port = parse_count(field[i]);
    if (!port || *port > 65535) return bad(fmt::format("'{}' is no port", field[i]));
    *into = Port(static_cast<std::uint16_t>(*port));
  }
  const bool by_letter = field[5] == "T" || field[5] == "U";
  if (by_letter) {
    p.protocol = field[5] == "T" ? Protocol::tcp : Protocol::udp;
  } else {
    const std::optional<std::uint64_t> protocol = parse_count(field[5]);
    if (!protocol || *protocol > 255) return bad(fmt::format("'{}' is no protocol", field[5]));
    p.protocol = Protocol(static_cast<std::uint8_t>(*protocol));
  }
  const std::optional<std::uint64_t> at = parse_count(field[0]);
  if (!at || *at > 9'000'000'000'000) return bad(fmt::format("'{}' is no time", field[0]));
  // Seconds until the year 2255; more digits are milliseconds.
  p.first = *at > 9'000'000'000 ? Timestamp(std::chrono::milliseconds(*at))
                                : Timestamp::from_seconds(static_cast<std::int64_t>(*at));
  p.last = p.first;
  if (!by_letter && count == 8) return bad("a tuple of 8 fields names its protocol T or U");
  std::string_view state = by_letter ? (count == 13 ? field[8] : std::string_view("")) : field[7];
  const bool denied = by_letter ? field[7] == "D" : state == "D";
  if (by_letter && field[7] != "A" && field[7] != "D") return bad(fmt::format("'{}' is neither A nor D", field[7]));
  if (count == 13 && state != "B" && state != "C" && state != "E" && state != "D")
    return bad(fmt::format("'{}' is no state of a flow", state));
  if (count == 13) {
    std::array<std::uint64_t, 4> counts{};
    for (std::size_t i = 0; i < 4; ++i) {
      if (field[9 + i].empty()) continue;
      const std::optional<std::uint64_t> value = parse_count(field[9 + i]);
      if (!value) return bad(fmt::format("'{}' is no number", field[9 + i]));
      counts[i] = *value;
    }
    p.out.packets = counts[0];
    p.out.bytes = counts[1];
    p.in.packets = counts[2];
    p.in.bytes = counts[3];
  } else {
    p.out.packets = 1;  // of which nothing is known but that it was sent
    ++s.version_1;
  }
  p.opener_known = true;
  p.begins = state == "B";
  p.ends = state == "E" || denied;
  p.continues = state == "C" || state == "E";
  p.interface_id = s.parser.handler().interface_id;
  if (denied) {
    p.refused = true;
    if (p.out.packets == 0) p.out.packets = 1;
    p.out.refused = p.out.packets;
  }
  add(p, s.line);
  return {};
}

Result<void> AzureFlowReader::at_end() {
  if (state_->in_document) cut();
  if (state_->version_1 != 0)
    flaw("flow tuples of version 1 count no packets: which conversations were answered is not known");
  return {};
}

}  // namespace demarc
