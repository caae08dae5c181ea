#include "rules/evidence/flow_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <tuple>

#include "rules/evidence/json_lines.h"
#include "rules/text/json_writer.h"

namespace demarc {

namespace {

enum Field : std::size_t {
  kDemarc,
  kVersion,
  kInitiator,
  kResponder,
  kProtocol,
  kPort,
  kInitiatorPort,
  kType,
  kCertain,
  kConversations,
  kEstablished,
  kPacketsOut,
  kPacketsIn,
  kBytesOut,
  kBytesIn,
  kFirst,
  kLast,
  kSource,
  kEnd,
  kFrame,
  kStateFirst,  // and kConnStates rows from here
};
constexpr std::array<std::string_view, kStateFirst + kConnStates> kPaths{"demarc",
                                                                         "version",
                                                                         "initiator",
                                                                         "responder",
                                                                         "protocol",
                                                                         "port",
                                                                         "initiator_port",
                                                                         "type",
                                                                         "initiator_certain",
                                                                         "conversations",
                                                                         "established",
                                                                         "packets_out",
                                                                         "packets_in",
                                                                         "bytes_out",
                                                                         "bytes_in",
                                                                         "first",
                                                                         "last",
                                                                         "source",
                                                                         "end",
                                                                         "frame",
                                                                         "states.S0",
                                                                         "states.S1",
                                                                         "states.SF",
                                                                         "states.REJ",
                                                                         "states.S2",
                                                                         "states.S3",
                                                                         "states.RSTO",
                                                                         "states.RSTR",
                                                                         "states.RSTOS0",
                                                                         "states.RSTRH",
                                                                         "states.SH",
                                                                         "states.SHR",
                                                                         "states.OTH"};

constexpr std::size_t kHeaderMax = 4U << 20;

bool truth(const JsonFields& f, std::size_t row) {
  return f.at(row).kind == JsonFields::Value::Kind::boolean && f.at(row).boolean;
}

}  // namespace

std::string flow_header(std::span<const FlowSource> sources) {
  JsonWriter json;
  json.begin_object().field("demarc", "flows").field("version", 1).key("sources").begin_array();
  for (const FlowSource& s : sources) {
    json.begin_object().field("file", s.file).field_unless_empty("sensor", s.sensor).field("sampling", s.sampling);
    json.field("packets", s.packets)
        .field("dropped", s.dropped)
        .field("undecoded", s.undecoded)
        .field("snapped", s.snapped);
    json.field("aggregated", s.aggregated).field("truncated", s.truncated).field_unless_empty("problem", s.problem);
    if (s.first) json.field("first", to_string(*s.first));
    if (s.last) json.field("last", to_string(*s.last));
    json.end_object();
  }
  json.end_array().end_object();
  return json.take() + '\n';
}

std::string flow_record(const ObservedFlow& flow) {
  JsonWriter json;
  json.begin_object().field("initiator", to_string(flow.initiator)).field("responder", to_string(flow.responder));
  json.field("protocol", to_string(flow.protocol));
  if (flow.initiator_port.number() != 0) json.field("initiator_port", flow.initiator_port.number());
  if (flow.protocol.is_icmp())
    json.field("type", to_string(flow.icmp));
  else if (flow.protocol.has_ports())
    json.field("port", flow.port.number());
  json.field("initiator_certain", flow.initiator_certain)
      .field("conversations", flow.conversations)
      .field("established", flow.established);
  json.key("states").begin_object();
  for (std::size_t i = 0; i < kConnStates; ++i)
    if (const auto state = static_cast<ConnState>(i); flow.states[state] != 0)
      json.field(name(state), flow.states[state]);
  json.end_object();
  json.field("packets_out", flow.packets_out)
      .field("packets_in", flow.packets_in)
      .field("bytes_out", flow.bytes_out)
      .field("bytes_in", flow.bytes_in);
  json.field("first", to_string(flow.first)).field("last", to_string(flow.last));
  if (flow.source != 0) json.field("source", flow.source);
  if (flow.record != 0) json.field("frame", flow.record);
  json.end_object();
  return json.take() + '\n';
}

std::string flow_end(std::uint64_t records) {
  return fmt::format("{{\"end\":\"complete\",\"records\":{}}}\n", records);
}

std::string flow_records(const FlowEvidence& evidence) {
  std::vector<const ObservedFlow*> order;
  for (const ObservedFlow& flow : evidence.flows) order.push_back(&flow);
  std::sort(order.begin(), order.end(), [](const ObservedFlow* a, const ObservedFlow* b) {
    auto key = [](const ObservedFlow* f) {
      return std::tie(f->initiator, f->responder, f->protocol, f->port, f->icmp, f->initiator_port, f->first,
                      f->source, f->record);
    };
    return key(a) < key(b);
  });
  std::string out = flow_header(evidence.sources);
  for (const ObservedFlow* flow : order) out += flow_record(*flow);
  if (evidence.complete) out += flow_end(order.size());
  return out;
}

struct FlowRecordReader::State {
  explicit State(std::string name)
      : lines(name, kPaths, [this](const JsonFields& f, std::uint32_t line) { return take(f, line); }) {
    evidence.file = std::move(name);
    evidence.complete = false;
  }

  std::unexpected<Error> wrong(std::uint32_t line, std::string what, std::string hint = {}) {
    return std::unexpected(lines.error(line, std::move(what), std::move(hint)));
  }

  /// The first line is small and nested, so it is read as a value tree.
  Result<void> header(std::string_view line) {
    auto bad = [&](std::string what, std::string hint = {}) {
      return std::unexpected(
          Error{Location{.file = evidence.file, .line = 1, .column = 1}, std::move(what), std::move(hint)});
    };
    boost::system::error_code problem;
    boost::json::value document = boost::json::parse(boost::json::string_view(line.data(), line.size()), problem);
    if (problem || !document.is_object())
      return bad("the first line is no flow record header",
                 "a flow file begins with {\"demarc\":\"flows\",\"version\":1,...}");
    const boost::json::object& object = document.as_object();
    auto text = [](const boost::json::object& o, const char* key) {
      const boost::json::value* v = o.if_contains(key);
      return v != nullptr && v->is_string() ? std::string(v->as_string().data(), v->as_string().size())
                                            : std::string();
    };
    auto number = [](const boost::json::object& o, const char* key, std::uint64_t otherwise) {
      const boost::json::value* v = o.if_contains(key);
      if (v == nullptr || !v->is_int64() || v->as_int64() < 0)
        return v != nullptr && v->is_uint64() ? v->as_uint64() : otherwise;
      return static_cast<std::uint64_t>(v->as_int64());
    };
    if (text(object, "demarc") != "flows")
      return bad("no flow records: the first line is no header",
                 "a flow file begins with {\"demarc\":\"flows\",\"version\":1,...}");
    if (number(object, "version", 0) != 1)
      return bad(fmt::format("flow record version {} is unknown", number(object, "version", 0)),
                 "this demarc reads version 1");
    const boost::json::value* sources = object.if_contains("sources");
    if (sources != nullptr && sources->is_array()) {
      for (const boost::json::value& item : sources->as_array()) {
        if (!item.is_object()) return bad("a source is an object");
        const boost::json::object& o = item.as_object();
        FlowSource s;
        s.file = text(o, "file");
        s.sensor = text(o, "sensor");
        s.sampling = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(number(o, "sampling", 1), 1, 0xFFFFFFFF));
        s.packets = number(o, "packets", 0);
        s.dropped = number(o, "dropped", 0);
        s.undecoded = number(o, "undecoded", 0);
        s.snapped = number(o, "snapped", 0);
        s.aggregated = number(o, "aggregated", 0);
        const boost::json::value* truncated = o.if_contains("truncated");
        s.truncated = truncated != nullptr && truncated->is_bool() && truncated->as_bool();
        s.problem = text(o, "problem");
        for (auto [key, field] : {std::pair{"first", &s.first}, std::pair{"last", &s.last}}) {
          std::string value = text(o, key);
          if (value.empty()) continue;
          Result<Timestamp> time = parse_timestamp(value);
          if (!time) return bad(time.error().what);
          *field = *time;
        }
        evidence.sources.push_back(std::move(s));
      }
    }
    if (evidence.sources.empty()) evidence.sources.emplace_back().file = evidence.file;
    has_header = true;
    return {};
  }

  Result<void> take(const JsonFields& f, std::uint32_t line_after_header) {
    std::uint32_t line = line_after_header + 1;
    if (f.has(kEnd)) {
      evidence.complete = f.text(kEnd) == "complete";
      return {};
    }
    if (!f.has(kInitiator)) return {};
    ObservedFlow flow;
    std::optional<Address> initiator = parse_address(f.text(kInitiator)),
                           responder = parse_address(f.text(kResponder));
    std::optional<Protocol> protocol = parse_protocol(f.text(kProtocol));
    if (!initiator) return wrong(line, fmt::format("'{}' is no address", f.text(kInitiator)));
    if (!responder) return wrong(line, fmt::format("'{}' is no address", f.text(kResponder)));
    if (initiator->family() != responder->family())
      return wrong(line, "initiator and responder are of different families");
    if (!protocol) return wrong(line, fmt::format("'{}' is no protocol", f.text(kProtocol)));
    flow.initiator = *initiator;
    flow.responder = *responder;
    flow.protocol = *protocol;
    for (auto [row, field] : {std::pair{kPort, &flow.port}, std::pair{kInitiatorPort, &flow.initiator_port}}) {
      if (!f.has(row)) continue;
      std::optional<std::uint64_t> number = f.unsigned_integer(row);
      if (!number || *number > 65535) return wrong(line, fmt::format("'{}' is no port", kPaths[row]));
      *field = Port(static_cast<std::uint16_t>(*number));
    }
    if (f.has(kType)) {
      Result<IcmpType> icmp = parse_icmp_type(f.text(kType));
      if (!icmp) return wrong(line, icmp.error().what, icmp.error().hint);
      flow.icmp = *icmp;
    }
    flow.initiator_certain = truth(f, kCertain);
    auto count = [&](std::size_t row, std::uint64_t otherwise) {
      return f.unsigned_integer(row).value_or(otherwise);
    };
    auto count32 = [&](std::size_t row, std::uint64_t otherwise) {
      return static_cast<std::uint32_t>(std::min<std::uint64_t>(count(row, otherwise), 0xFFFFFFFF));
    };
    flow.conversations = count32(kConversations, 1);
    flow.packets_out = count(kPacketsOut, 0);
    flow.packets_in = count(kPacketsIn, 0);
    flow.bytes_out = count(kBytesOut, 0);
    flow.bytes_in = count(kBytesIn, 0);
    flow.record = static_cast<std::uint32_t>(std::min<std::uint64_t>(count(kFrame, line), 0xFFFFFFFF));
    std::uint64_t source = count(kSource, 0);
    if (source >= evidence.sources.size())
      return wrong(line, fmt::format("source {} is not in the header", source));
    flow.source = static_cast<std::uint32_t>(source);
    std::uint64_t established = 0;
    for (std::size_t i = 0; i < kConnStates; ++i) {
      auto state = static_cast<ConnState>(i);
      flow.states.add(state, count(kStateFirst + i, 0));
      bool both = state == ConnState::S1 || state == ConnState::SF || state == ConnState::S2 ||
                  state == ConnState::S3 || state == ConnState::RSTO || state == ConnState::RSTR;
      if (both) established += flow.states[state];
    }
    flow.established = count32(kEstablished, established);
    for (auto [row, field] : {std::pair{kFirst, &flow.first}, std::pair{kLast, &flow.last}}) {
      Result<Timestamp> time = parse_timestamp(f.text(row));
      if (!time) return wrong(line, time.error().what);
      *field = *time;
    }
    if (flow.last < flow.first) return wrong(line, "the conversation ends before it begins");
    evidence.flows.push_back(flow);
    return {};
  }

  JsonLineReader lines;
  FlowEvidence evidence;
  std::string first_line;
  bool has_header = false;
};

FlowRecordReader::FlowRecordReader(std::string file) : state_(std::make_unique<State>(std::move(file))) {}
FlowRecordReader::~FlowRecordReader() = default;
FlowRecordReader::FlowRecordReader(FlowRecordReader&&) noexcept = default;
FlowRecordReader& FlowRecordReader::operator=(FlowRecordReader&&) noexcept = default;

Result<void> FlowRecordReader::feed(std::string_view bytes) {
  State& s = *state_;
  if (!s.has_header) {
    std::size_t end = bytes.find('\n');
    s.first_line += bytes.substr(0, end);
    if (s.first_line.size() > kHeaderMax)
      return file_failure(s.evidence.file, "the first line is too long to be a header");
    if (end == std::string_view::npos) return {};
    DEMARC_TRY(s.header(s.first_line));
    bytes.remove_prefix(end + 1);
  }
  return s.lines.feed(bytes);
}

Result<FlowEvidence> FlowRecordReader::finish() {
  State& s = *state_;
  if (!s.has_header) DEMARC_TRY(s.header(s.first_line));
  bool cut = DEMARC_TRY(s.lines.finish());
  if (cut) s.evidence.complete = false;
  return std::move(s.evidence);
}

Result<FlowEvidence> read_flow_records(std::string file, std::string_view text) {
  FlowRecordReader reader(std::move(file));
  DEMARC_TRY(reader.feed(text));
  return reader.finish();
}

}  // namespace demarc
