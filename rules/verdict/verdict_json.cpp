#include "rules/verdict/verdict_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>
#include <map>

#include "rules/text/json_writer.h"
#include "rules/text/source.h"

namespace demarc {

// --- Writing
// --------------------------------------------------------------------------------------------------------

namespace {

void write_list(JsonWriter& w, std::string_view key, const std::vector<std::string>& list) {
  if (list.empty()) return;
  w.key(key).begin_array();
  for (const std::string& s : list) w.value(s);
  w.end_array();
}

void write_packet(JsonWriter& w, const Packet& p) {
  w.key("sample").begin_object();
  w.field("source", to_string(p.source))
      .field("destination", to_string(p.destination))
      .field("protocol", to_string(p.protocol));
  if (p.protocol.has_ports()) {
    if (p.source_port.number() != 0) w.field("source_port", p.source_port.number());
    w.field("port", p.port.number());
  }
  if (p.protocol.is_icmp()) w.field("icmp", to_string(p.icmp));
  w.end_object();
}

void write_finding(JsonWriter& w, const Finding& f) {
  w.begin_object();
  w.field("id", f.id).field("kind", name(f.kind)).field("severity", name(f.severity));
  w.field_unless_empty("rule", f.rule)
      .field_unless_empty("from_zone", f.from_zone)
      .field_unless_empty("to_zone", f.to_zone);
  w.field_unless_empty("source", f.source).field_unless_empty("target", f.target);
  if (f.target_address) w.field("target_address", to_string(*f.target_address));
  if (f.protocol) w.field("protocol", to_string(*f.protocol));
  if (!f.ports.empty()) w.field("ports", to_string(f.ports));
  if (!f.icmp.empty()) {
    w.key("icmp_types").begin_array();
    for (const IcmpType& t : f.icmp) w.value(to_string(t));
    w.end_array();
  }
  w.field_unless_empty("service", f.service)
      .field("title", f.title)
      .field_unless_empty("cause", f.cause)
      .field_unless_empty("remedy", f.remedy);
  write_list(w, "remedy_configuration", f.remedy_configuration);
  if (f.sample) write_packet(w, *f.sample);
  if (!f.evidence.empty()) {
    w.key("evidence").begin_array();
    for (const EvidenceRef& e : f.evidence) {
      w.begin_object()
          .field("file", e.file)
          .field("place", e.place)
          .field_unless_empty("text", e.text)
          .end_object();
    }
    w.end_array();
  }
  write_list(w, "vantages", f.vantages);
  w.field_unless_empty("device", f.device).field_unless_empty("list", f.list).field_unless_empty("entry", f.entry);
  w.field_unless_empty("application", f.application).field_unless_empty("owner", f.owner);
  write_list(w, "tags", f.tags);
  if (f.accepted) w.field("accepted", true).field("accepted_reason", f.accepted_reason);
  w.field_unless_empty("baseline", name(f.baseline));
  w.end_object();
}

void write_line(JsonWriter& w, const LineRow& r) {
  w.begin_object()
      .field("device", r.device)
      .field("file", r.file)
      .field("line", r.line)
      .field_unless_empty("list", r.list)
      .field("action", r.action)
      .field("text", r.text);
  w.field_unless_empty("status", r.status);
  write_list(w, "pairs", r.pairs);
  write_list(w, "rules", r.rules);
  if (r.packets) w.field("packets", *r.packets);
  if (r.conversations) w.field("conversations", *r.conversations);
  w.field_unless_empty("last", r.last).field_unless_empty("use", r.use);
  write_list(w, "findings", r.findings);
  w.end_object();
}

}  // namespace

std::string finding_json(const Finding& finding) {
  JsonWriter w;
  write_finding(w, finding);
  return w.take();
}

std::string verdict_json(const Verdict& v) {
  JsonWriter w(JsonWriter::Style::indented);
  w.begin_object();
  w.field("demarc", "verdict").field("version", 1);
  w.field("conclusion", name(v.conclusion)).field("complete", v.complete).field("as_of", to_string(v.as_of));
  w.field_unless_empty("tool_version", v.tool_version);
  w.key("rules_file").begin_object();
  w.field("name", v.rules_name)
      .field("file", v.rules_file)
      .field("sha256", v.rules_sha256)
      .field_unless_empty("scope_sha256", v.scope_sha256);
  w.field_unless_empty("authorised_by", v.authorised_by)
      .field_unless_empty("authorised_ticket", v.authorised_ticket);
  w.end_object();
  w.key("counts").begin_object();
  for (const auto& [name, n] : v.counts) w.field(name, n);
  w.end_object();
  w.key("coverage").begin_array();
  for (const CoverageRow& c : v.coverage) {
    w.begin_object()
        .field("what", c.what)
        .field("asked", c.asked)
        .field("answered", c.answered)
        .field("required", c.required)
        .field("met", c.met);
    w.field_unless_empty("gap", c.gap).end_object();
  }
  w.end_array();
  w.key("findings").begin_array();
  for (const Finding& f : v.findings) write_finding(w, f);
  w.end_array();
  w.key("matrix").begin_array();
  for (const MatrixCell& c : v.matrix) {
    w.begin_object()
        .field("from_zone", c.from_zone)
        .field("to_zone", c.to_zone)
        .field("service", c.service)
        .field("state", name(c.state));
    w.field("approved", c.approved)
        .field("forbidden", c.forbidden)
        .field("reachable", c.reachable)
        .field("observed", c.observed)
        .field_unless_empty("configured", c.configured);
    write_list(w, "rules", c.rules);
    write_list(w, "findings", c.findings);
    w.end_object();
  }
  w.end_array();
  w.key("rules").begin_array();
  for (const RuleRow& r : v.rules) {
    w.begin_object().field("id", r.id).field("service", r.service).field("from", r.from).field("to", r.to);
    w.field_unless_empty("owner", r.owner)
        .field_unless_empty("application", r.application)
        .field_unless_empty("ticket", r.ticket)
        .field_unless_empty("reason", r.reason);
    write_list(w, "tags", r.tags);
    w.field("in_force", r.in_force).field("state", r.state).field_unless_empty("review_by", r.review_by);
    w.field("reachable", r.reachable).field("observed", r.observed).field("configured", r.configured);
    write_list(w, "lines", r.lines);
    write_list(w, "findings", r.findings);
    if (!r.where.file.empty()) w.field("file", r.where.file).field("line", r.where.line);
    w.end_object();
  }
  w.end_array();
  if (!v.lines.empty()) {
    w.key("lines").begin_array();
    for (const LineRow& r : v.lines) write_line(w, r);
    w.end_array();
  }
  w.key("vantages").begin_array();
  for (const VantageRow& r : v.vantages) {
    w.begin_object()
        .field("name", r.name)
        .field("zone", r.zone)
        .field_unless_empty("source_address", r.source_address)
        .field_unless_empty("method", r.method);
    w.field_unless_empty("started", r.started)
        .field_unless_empty("finished", r.finished)
        .field("end", r.end)
        .field("sent", r.sent);
    if (r.loss_estimate >= 0) w.field("loss_estimate", r.loss_estimate);
    w.end_object();
  }
  w.end_array();
  w.key("evidence").begin_array();
  for (const EvidenceRow& r : v.evidence) {
    w.begin_object()
        .field("file", r.file)
        .field("kind", r.kind)
        .field("sha256", r.sha256)
        .field("size", r.size)
        .field_unless_empty("note", r.note)
        .end_object();
  }
  w.end_array();
  w.key("notes").begin_array();
  for (const std::string& n : v.notes) w.value(n);
  w.end_array();
  w.end_object();
  return w.take() + "\n";
}

// --- Reading
// --------------------------------------------------------------------------------------------------------

namespace {

namespace json = boost::json;

constexpr std::size_t kBytesMax = std::size_t{512} << 20;
constexpr std::size_t kItemsMax = 2'000'000;

/// Reads fields of one object and keeps the first complaint, with the path to it: values have no place of their own
/// once the tree is built, so the path is what helps.
class Fields {
 public:
  Fields(const json::object& object, std::string path, std::string& problem)
      : object_(object), path_(std::move(path)), problem_(problem) {}

  bool has(std::string_view key) const { return object_.if_contains(key) != nullptr; }

  std::string text(std::string_view key, bool required = false) const {
    const json::value* v = object_.if_contains(key);
    if (v == nullptr) {
      if (required) complain(key, "is missing");
      return {};
    }
    if (const json::string* s = v->if_string()) return std::string(s->data(), s->size());
    complain(key, "is not a string");
    return {};
  }

  bool truth(std::string_view key) const {
    const json::value* v = object_.if_contains(key);
    if (v == nullptr) return false;
    if (const bool* b = v->if_bool()) return *b;
    complain(key, "is neither true nor false");
    return false;
  }

  std::uint64_t number(std::string_view key, std::uint64_t most = ~std::uint64_t{0}) const {
    const json::value* v = object_.if_contains(key);
    if (v == nullptr) return 0;
    std::uint64_t n = 0;
    if (const std::int64_t* i = v->if_int64(); i != nullptr && *i >= 0)
      n = static_cast<std::uint64_t>(*i);
    else if (const std::uint64_t* u = v->if_uint64())
      n = *u;
    else {
      complain(key, "is not a count");
      return 0;
    }
    if (n > most) complain(key, "is too large");
    return std::min(n, most);
  }

  double real(std::string_view key, double otherwise) const {
    const json::value* v = object_.if_contains(key);
    if (v == nullptr || v->is_null()) return otherwise;
    if (v->is_number()) return v->to_number<double>();
    complain(key, "is not a number");
    return otherwise;
  }

  std::vector<std::string> texts(std::string_view key) const {
    std::vector<std::string> out;
    const json::value* v = object_.if_contains(key);
    if (v == nullptr) return out;
    const json::array* a = v->if_array();
    if (a == nullptr) {
      complain(key, "is not a list");
      return out;
    }
    for (const json::value& item : *a) {
      const json::string* s = item.if_string();
      if (s == nullptr) {
        complain(key, "holds something that is not a string");
        return out;
      }
      out.emplace_back(s->data(), s->size());
    }
    return out;
  }

  template <typename Read>
  void each(std::string_view key, Read read) const {
    const json::value* v = object_.if_contains(key);
    if (v == nullptr) return;
    const json::array* a = v->if_array();
    if (a == nullptr) return complain(key, "is not a list");
    if (a->size() > kItemsMax) return complain(key, "is too long");
    for (std::size_t i = 0; i < a->size() && problem_.empty(); ++i) {
      const json::object* o = (*a)[i].if_object();
      if (o == nullptr) return complain(key, fmt::format("has something that is no object at place {}", i));
      read(Fields(*o, fmt::format("{}{}[{}].", path_, key, i), problem_));
    }
  }

  template <typename Read>
  void inside(std::string_view key, Read read) const {
    const json::value* v = object_.if_contains(key);
    if (v == nullptr) return;
    const json::object* o = v->if_object();
    if (o == nullptr) return complain(key, "is no object");
    read(Fields(*o, fmt::format("{}{}.", path_, key), problem_));
  }

  /// A text that must parse; what it is called goes into the complaint.
  template <typename T, typename Parse>
  std::optional<T> parsed(std::string_view key, std::string_view what, Parse parse) const {
    if (!has(key)) return std::nullopt;
    const std::string s = text(key);
    if (!problem_.empty()) return std::nullopt;
    if (auto value = parse(s)) return T(*value);
    complain(key, fmt::format("is no {}: '{}'", what, s.substr(0, 60)));
    return std::nullopt;
  }

  void complain(std::string_view key, std::string_view what) const {
    if (problem_.empty()) problem_ = fmt::format("{}{} {}", path_, key, what);
  }
  const json::object& object() const { return object_; }

 private:
  const json::object& object_;
  std::string path_;
  std::string& problem_;
};

template <typename Enum>
std::optional<Enum> by_name(std::string_view text, Enum last) {
  for (int i = 0; i <= static_cast<int>(last); ++i)
    if (name(static_cast<Enum>(i)) == text) return static_cast<Enum>(i);
  return std::nullopt;
}

Finding read_finding(const Fields& in) {
  Finding f;
  f.id = in.text("id", true);
  if (!in.has("kind")) in.complain("kind", "is missing");
  f.kind =
      in.parsed<FindingKind>("kind", "kind of finding", parse_finding_kind).value_or(FindingKind::not_measured);
  f.severity = in.parsed<Severity>("severity", "severity", parse_severity).value_or(Severity::none);
  f.rule = in.text("rule");
  f.from_zone = in.text("from_zone");
  f.to_zone = in.text("to_zone");
  f.source = in.text("source");
  f.target = in.text("target");
  f.target_address = in.parsed<Address>("target_address", "address", parse_address);
  f.protocol = in.parsed<Protocol>("protocol", "protocol", parse_protocol);
  f.ports = in.parsed<PortSet>("ports", "list of ports", parse_port_set).value_or(PortSet());
  for (const std::string& t : in.texts("icmp_types")) {
    const Result<IcmpType> type = parse_icmp_type(t);
    if (type)
      f.icmp.push_back(*type);
    else
      in.complain("icmp_types", "holds something that is no ICMP type");
  }
  f.service = in.text("service");
  f.title = in.text("title");
  f.cause = in.text("cause");
  f.remedy = in.text("remedy");
  f.remedy_configuration = in.texts("remedy_configuration");
  in.inside("sample", [&](const Fields& s) {
    Packet p;
    const auto source = s.parsed<Address>("source", "address", parse_address),
               destination = s.parsed<Address>("destination", "address", parse_address);
    const auto protocol = s.parsed<Protocol>("protocol", "protocol", parse_protocol);
    if (!source || !destination || !protocol)
      return s.complain("source", "and destination and protocol are needed");
    p.source = *source;
    p.destination = *destination;
    p.protocol = *protocol;
    p.source_port = Port{static_cast<std::uint16_t>(s.number("source_port", 65535))};
    p.port = Port{static_cast<std::uint16_t>(s.number("port", 65535))};
    p.icmp = s.parsed<IcmpType>("icmp", "ICMP type", parse_icmp_type).value_or(IcmpType());
    f.sample = p;
  });
  in.each("evidence", [&](const Fields& e) {
    f.evidence.push_back({e.text("file"), e.text("place"), e.text("text")});
  });
  f.vantages = in.texts("vantages");
  f.device = in.text("device");
  f.list = in.text("list");
  f.entry = in.text("entry");
  f.application = in.text("application");
  f.owner = in.text("owner");
  f.tags = in.texts("tags");
  f.accepted = in.truth("accepted");
  f.accepted_reason = in.text("accepted_reason");
  f.baseline = in.parsed<BaselineStatus>("baseline", "baseline status", [](std::string_view t) {
                   return by_name(t, BaselineStatus::gone);
                 }).value_or(BaselineStatus::none);
  return f;
}

}  // namespace

Result<Verdict> read_verdict(std::string_view text, std::string_view file) {
  if (text.size() > kBytesMax)
    return file_failure(file, fmt::format("the verdict is larger than {} MiB", kBytesMax >> 20));
  json::parse_options options;
  options.max_depth = 16;
  json::value root;
  {
    json::stream_parser parser({}, options);
    boost::system::error_code error;
    const std::size_t used = parser.write_some(text.data(), text.size(), error);
    if (!error && !parser.done()) {
      if (text.empty())
        return file_failure(file, "the file is empty", "a verdict is what `demarc verify --format json` writes");
      return file_failure(file, "the JSON ends in the middle: the file is cut short");
    }
    if (error) {
      const Source source{std::string(file), std::string(text)};
      return std::unexpected(Error{source.at(std::min(used, text.size())),
                                   fmt::format("this is not JSON: {}", error.message()),
                                   "a verdict is what `demarc verify --format json` writes"});
    }
    if (text.find_first_not_of(" \t\r\n", used) != std::string_view::npos) {
      const Source source{std::string(file), std::string(text)};
      return std::unexpected(Error{source.at(text.find_first_not_of(" \t\r\n", used)),
                                   "there is something after the end of the document",
                                   {}});
    }
    root = parser.release();
  }
  const json::object* object = root.if_object();
  const json::value* what = object == nullptr ? nullptr : object->if_contains("demarc");
  if (what == nullptr || !what->is_string() || what->get_string() != "verdict")
    return file_failure(file, "this is not a verdict", "a verdict is what `demarc verify --format json` writes");
  std::string problem;
  const Fields in(*object, "", problem);
  if (const std::uint64_t version = in.number("version"); problem.empty() && version != 1)
    return file_failure(file, fmt::format("this verdict has version {}, and this demarc reads version 1", version),
                        "read it with the demarc that wrote it");

  Verdict v;
  v.conclusion = in.parsed<Conclusion>("conclusion", "conclusion", [](std::string_view t) {
                     return by_name(t, Conclusion::inconclusive);
                   }).value_or(Conclusion::inconclusive);
  v.complete = in.truth("complete");
  if (!in.has("as_of")) in.complain("as_of", "is missing");
  v.as_of = in.parsed<Timestamp>("as_of", "time", parse_timestamp).value_or(Timestamp());
  v.tool_version = in.text("tool_version");
  in.inside("rules_file", [&](const Fields& r) {
    v.rules_name = r.text("name");
    v.rules_file = r.text("file");
    v.rules_sha256 = r.text("sha256");
    v.scope_sha256 = r.text("scope_sha256");
    v.authorised_by = r.text("authorised_by");
    v.authorised_ticket = r.text("authorised_ticket");
  });
  in.inside("counts", [&](const Fields& c) {
    for (const auto& item : c.object()) v.counts[std::string(item.key())] = c.number(item.key());
  });
  in.each("coverage", [&](const Fields& c) {
    CoverageRow row;
    row.what = c.text("what", true);
    row.asked = c.number("asked");
    row.answered = c.number("answered");
    row.required = c.number("required");
    row.met = c.truth("met");
    row.gap = c.text("gap");
    v.coverage.push_back(std::move(row));
  });
  in.each("findings", [&](const Fields& f) { v.findings.push_back(read_finding(f)); });
  in.each("matrix", [&](const Fields& c) {
    MatrixCell cell;
    cell.from_zone = c.text("from_zone");
    cell.to_zone = c.text("to_zone");
    cell.service = c.text("service");
    cell.state = c.parsed<MatrixCell::State>("state", "state", [](std::string_view t) {
                    return by_name(t, MatrixCell::State::not_measured);
                  }).value_or(MatrixCell::State::not_measured);
    cell.approved = c.truth("approved");
    cell.forbidden = c.truth("forbidden");
    cell.reachable = c.truth("reachable");
    cell.observed = c.truth("observed");
    cell.configured = c.text("configured");
    cell.rules = c.texts("rules");
    cell.findings = c.texts("findings");
    v.matrix.push_back(std::move(cell));
  });
  in.each("rules", [&](const Fields& r) {
    RuleRow row;
    row.id = r.text("id", true);
    row.service = r.text("service");
    row.from = r.text("from");
    row.to = r.text("to");
    row.owner = r.text("owner");
    row.application = r.text("application");
    row.ticket = r.text("ticket");
    row.reason = r.text("reason");
    row.tags = r.texts("tags");
    row.in_force = r.truth("in_force");
    row.state = r.text("state");
    row.review_by = r.text("review_by");
    row.reachable = r.text("reachable");
    row.observed = r.text("observed");
    row.configured = r.text("configured");
    row.lines = r.texts("lines");
    row.findings = r.texts("findings");
    row.where.file = r.text("file");
    row.where.line = static_cast<std::uint32_t>(r.number("line", 0xFFFFFFFF));
    v.rules.push_back(std::move(row));
  });
  in.each("lines", [&](const Fields& r) {
    LineRow row;
    row.device = r.text("device");
    row.file = r.text("file");
    row.line = static_cast<std::uint32_t>(r.number("line", 0xFFFFFFFF));
    row.list = r.text("list");
    row.action = r.text("action");
    row.text = r.text("text");
    row.status = r.text("status");
    row.pairs = r.texts("pairs");
    row.rules = r.texts("rules");
    if (r.has("packets")) row.packets = r.number("packets");
    if (r.has("conversations")) row.conversations = r.number("conversations");
    row.last = r.text("last");
    row.use = r.text("use");
    row.findings = r.texts("findings");
    v.lines.push_back(std::move(row));
  });
  in.each("vantages", [&](const Fields& r) {
    VantageRow row;
    row.name = r.text("name");
    row.zone = r.text("zone");
    row.source_address = r.text("source_address");
    row.method = r.text("method");
    row.started = r.text("started");
    row.finished = r.text("finished");
    row.end = r.text("end");
    row.sent = r.number("sent");
    row.loss_estimate = r.real("loss_estimate", -1);
    v.vantages.push_back(std::move(row));
  });
  in.each("evidence", [&](const Fields& r) {
    EvidenceRow row;
    row.file = r.text("file");
    row.kind = r.text("kind");
    row.sha256 = r.text("sha256");
    row.size = r.number("size");
    row.note = r.text("note");
    v.evidence.push_back(std::move(row));
  });
  v.notes = in.texts("notes");
  if (!problem.empty())
    return file_failure(file, "this verdict cannot be used: " + problem,
                        "a verdict is what `demarc verify --format json` writes");
  return v;
}

}  // namespace demarc
