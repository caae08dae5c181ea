#include "rules/evidence/flow_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>
#include <set>
#include <tuple>
#include <type_traits>

#include "rules/evidence/json_lines.h"
#include "rules/evidence/service_json.h"
#include "rules/text/json_writer.h"
#include "rules/text/number.h"

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
  kParentInitiator,
  kParentResponder,
  kParentProtocol,
  kParentPort,
  kParentBy,
  kTunnelKind,
  kTunnelEnds,
  kTunnelId,
  kRealInitiator,
  kRealResponder,
  kRealPort,
  kSeenTwice,
  kNoise,
  kPorts,
  kAttempts,
  kInitiators,
  kResponders,
  kPackets,
  kBytes,
  kStateFirst,                                // and kConnStates rows from here
  kServiceFirst = kStateFirst + kConnStates,  // and those of kServicePaths from here
};
constexpr std::array<std::string_view, kStateFirst> kOwnPaths{"demarc",
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
                                                              "parent.initiator",
                                                              "parent.responder",
                                                              "parent.protocol",
                                                              "parent.port",
                                                              "parent.by",
                                                              "tunnel.kind",
                                                              "tunnel.ends",
                                                              "tunnel.id",
                                                              "real.initiator",
                                                              "real.responder",
                                                              "real.port",
                                                              "seen_twice",
                                                              "noise",
                                                              "ports",
                                                              "attempts",
                                                              "initiators",
                                                              "responders",
                                                              "packets",
                                                              "bytes"};
constexpr std::array<std::string_view, kConnStates> kStatePaths{
    "states.S0",   "states.S1",     "states.SF",    "states.REJ", "states.S2",  "states.S3", "states.RSTO",
    "states.RSTR", "states.RSTOS0", "states.RSTRH", "states.SH",  "states.SHR", "states.OTH"};
constexpr auto kPaths = [] {
  std::array<std::string_view, kServiceFirst + kServicePaths.size()> all;
  auto end = std::copy(kOwnPaths.begin(), kOwnPaths.end(), all.begin());
  end = std::copy(kStatePaths.begin(), kStatePaths.end(), end);
  std::copy(kServicePaths.begin(), kServicePaths.end(), end);
  return all;
}();

// What flows refer to is said again in each record, and told apart again when read. A file that names millions of
// different ones is not a flow file of ours.
constexpr std::size_t kDistinctMax = 1'000'000;
constexpr std::size_t kDistinctBytesMax = 256U << 20;

auto key_of(const ServiceSeen& s) {
  return std::tie(s.name, s.product, s.version, s.evidence, s.tls_inside, s.certificate_names,
                  s.certificate_expires);
}
bool is_before(const ServiceSeen& a, const ServiceSeen& b) { return key_of(a) < key_of(b); }
bool is_before(const ParentFlow& a, const ParentFlow& b) { return a < b; }
bool is_before(const Tunnel& a, const Tunnel& b) { return a < b; }
bool is_before(const RealEnds& a, const RealEnds& b) { return a < b; }

/// What an index refers to; nothing where it refers to nothing.
template <typename T>
const T* at(const std::vector<T>& list, std::uint32_t index) {
  return index < list.size() ? &list[index] : nullptr;
}

/// Three-way, by what the two indices refer to: nothing comes first.
template <typename T>
int compare(const std::vector<T>& list, std::uint32_t a, std::uint32_t b) {
  const T *left = at(list, a), *right = at(list, b);
  if (left == nullptr || right == nullptr) return (left != nullptr) - (right != nullptr);
  return is_before(*left, *right) ? -1 : is_before(*right, *left) ? 1 : 0;
}

/// The order of records in a file. Complete: two flows that it cannot tell apart are written alike.
bool comes_before(const FlowEvidence& e, const ObservedFlow& a, const ObservedFlow& b) {
  auto key = [](const ObservedFlow& f) {
    return std::tie(f.initiator, f.responder, f.protocol, f.port, f.icmp, f.initiator_port, f.first, f.source,
                    f.record);
  };
  if (const auto order = key(a) <=> key(b); order != 0) return order < 0;
  if (const int order = compare(e.tunnels, a.tunnel, b.tunnel); order != 0) return order < 0;
  if (const int order = compare(e.services, a.service, b.service); order != 0) return order < 0;
  if (const int order = compare(e.parents, a.parent, b.parent); order != 0) return order < 0;
  if (const int order = compare(e.real_ends, a.real, b.real); order != 0) return order < 0;
  auto counts = [](const ObservedFlow& f) {
    return std::tie(f.last, f.initiator_certain, f.conversations, f.established, f.packets_out, f.packets_in,
                    f.bytes_out, f.bytes_in);
  };
  if (const auto order = counts(a) <=> counts(b); order != 0) return order < 0;
  for (std::size_t i = 0; i < kConnStates; ++i)
    if (const auto state = static_cast<ConnState>(i); a.states[state] != b.states[state])
      return a.states[state] < b.states[state];
  return false;
}

auto key_of(const TrafficNoise& n) {
  return std::tie(n.kind, n.initiator, n.responder, n.protocol, n.ports, n.first, n.last, n.source, n.record,
                  n.attempts, n.initiators, n.responders, n.packets, n.bytes);
}

constexpr std::size_t kHeaderMax = 4U << 20;

/// Frames count from 1; a record without one stands at its line.
std::uint32_t frame_of(const JsonFields& f, std::uint32_t line) {
  const std::uint64_t frame = f.unsigned_integer(kFrame).value_or(0);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(frame != 0 ? frame : line, 0xFFFFFFFF));
}

bool truth(const JsonFields& f, std::size_t row) {
  return f.at(row).kind == JsonFields::Value::Kind::boolean && f.at(row).boolean;
}

}  // namespace

std::string flow_header(std::span<const FlowSource> sources, std::span<const std::string> notes) {
  JsonWriter json;
  json.begin_object().field("demarc", "flows").field("version", 1).key("sources").begin_array();
  for (const FlowSource& s : sources) {
    json.begin_object().field("file", s.file).field_unless_empty("sensor", s.sensor).field("sampling", s.sampling);
    json.field("packets", s.packets)
        .field("dropped", s.dropped)
        .field("undecoded", s.undecoded)
        .field("snapped", s.snapped);
    json.field("aggregated", s.aggregated);
    if (s.one_sided != 0 || s.two_sided != 0) json.field("one_sided", s.one_sided).field("two_sided", s.two_sided);
    if (s.tunneled != 0) json.field("tunneled", s.tunneled);
    json.field("truncated", s.truncated).field_unless_empty("problem", s.problem);
    if (s.first) json.field("first", to_string(*s.first));
    if (s.last) json.field("last", to_string(*s.last));
    json.end_object();
  }
  json.end_array();
  if (!notes.empty()) {
    json.key("notes").begin_array();
    for (const std::string& note : notes) json.value(note);
    json.end_array();
  }
  json.end_object();
  return json.take() + '\n';
}

namespace {

void write_flow(JsonWriter& json, const ObservedFlow& flow, const FlowEvidence& evidence) {
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
  if (const ServiceSeen* service = at(evidence.services, flow.service)) write_service(json, *service);
  if (const ParentFlow* parent = at(evidence.parents, flow.parent)) {
    json.key("parent").begin_object().field("initiator", to_string(parent->initiator));
    json.field("responder", to_string(parent->responder)).field("protocol", to_string(parent->protocol));
    json.field("port", parent->port.number()).field("by", name(parent->by)).end_object();
  }
  if (const Tunnel* tunnel = at(evidence.tunnels, flow.tunnel)) {
    json.key("tunnel").begin_object().field("kind", name(tunnel->kind)).key("ends").begin_array();
    json.value(to_string(tunnel->low)).value(to_string(tunnel->high)).end_array();
    if (tunnel->id != 0) json.field("id", tunnel->id);
    json.end_object();
  }
  if (const RealEnds* real = at(evidence.real_ends, flow.real)) {
    json.key("real").begin_object().field("initiator", to_string(real->initiator));
    json.field("responder", to_string(real->responder)).field("port", real->port.number()).end_object();
    if (real->seen_twice) json.field("seen_twice", true);
  }
  json.end_object();
}

}  // namespace

std::string flow_record(const ObservedFlow& flow, const FlowEvidence& evidence) {
  JsonWriter json;
  write_flow(json, flow, evidence);
  return json.take() + '\n';
}

std::string noise_record(const TrafficNoise& noise) {
  JsonWriter json;
  json.begin_object().field("noise", name(noise.kind));
  if (noise.initiator) json.field("initiator", to_string(*noise.initiator));
  if (noise.responder) json.field("responder", to_string(*noise.responder));
  json.field("protocol", to_string(noise.protocol)).field_unless_empty("ports", to_string(noise.ports));
  json.field("attempts", noise.attempts)
      .field("initiators", noise.initiators)
      .field("responders", noise.responders);
  json.field("packets", noise.packets).field("bytes", noise.bytes);
  json.field("first", to_string(noise.first)).field("last", to_string(noise.last));
  if (noise.source != 0) json.field("source", noise.source);
  if (noise.record != 0) json.field("frame", noise.record);
  json.end_object();
  return json.take() + '\n';
}

std::string flow_end(std::uint64_t records) {
  return fmt::format("{{\"end\":\"complete\",\"records\":{}}}\n", records);
}

namespace {

/// Places of the flows, in the order of comes_before().
std::vector<std::uint32_t> in_order(const FlowEvidence& evidence) {
  // The front of the order as a number, so that most comparisons do not touch the records.
  struct Key {
    std::uint64_t front;
    std::uint32_t place;
  };
  std::vector<Key> keys;
  keys.reserve(evidence.flows.size());
  for (const ObservedFlow& f : evidence.flows) {
    const bool v4 = f.initiator.is_ipv4() && f.responder.is_ipv4();
    const std::uint64_t front =
        v4                      ? std::uint64_t{f.initiator.ipv4_number()} << 31 | f.responder.ipv4_number() >> 1
        : f.initiator.is_ipv4() ? std::uint64_t{f.initiator.ipv4_number()} << 31 | 0x7FFFFFFF
                                : std::uint64_t{1} << 63 | f.initiator.high() >> 1;
    keys.push_back({front, static_cast<std::uint32_t>(keys.size())});
  }
  std::sort(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
    if (a.front != b.front) return a.front < b.front;
    return comes_before(evidence, evidence.flows[a.place], evidence.flows[b.place]);
  });
  std::vector<std::uint32_t> places;
  places.reserve(keys.size());
  for (const Key& key : keys) places.push_back(key.place);
  return places;
}

}  // namespace

std::string flow_records(const FlowEvidence& evidence) {
  std::string out;
  flow_records(evidence, [&](std::string_view piece) {
    out += piece;
    return true;
  });
  return out;
}

void flow_records(const FlowEvidence& evidence, const std::function<bool(std::string_view piece)>& take,
                  const std::function<void(std::size_t place, std::string& out)>& more) {
  constexpr std::size_t kPiece = 64 << 10;
  std::vector<const TrafficNoise*> noise;
  for (const TrafficNoise& n : evidence.noise) noise.push_back(&n);
  std::sort(noise.begin(), noise.end(),
            [](const TrafficNoise* a, const TrafficNoise* b) { return key_of(*a) < key_of(*b); });
  std::string out = flow_header(evidence.sources, evidence.notes);
  const auto wanted = [&] {
    if (out.size() < kPiece) return true;
    const bool on = take(out);
    out.clear();
    return on;
  };
  JsonWriter json;
  for (const std::uint32_t place : in_order(evidence)) {
    write_flow(json, evidence.flows[place], evidence);
    json.take_to(out);
    if (more) {  // before the closing brace
      out.pop_back();
      more(place, out);
      out += '}';
    }
    out += '\n';
    if (!wanted()) return;
  }
  for (const TrafficNoise* n : noise) {
    out += noise_record(*n);
    if (!wanted()) return;
  }
  if (evidence.complete) out += flow_end(evidence.flows.size() + noise.size());
  take(out);
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
        s.one_sided = number(o, "one_sided", 0);
        s.two_sided = number(o, "two_sided", 0);
        s.tunneled = number(o, "tunneled", 0);
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
    const boost::json::value* notes = object.if_contains("notes");
    if (notes != nullptr && notes->is_array())
      for (const boost::json::value& note : notes->as_array())
        if (note.is_string()) evidence.notes.emplace_back(note.as_string().data(), note.as_string().size());
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
    if (f.has(kNoise)) return take_noise(f, line);
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
    flow.record = frame_of(f, line);
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
    if (f.has(kServiceFirst)) {
      Result<ServiceSeen> service = read_service(f, kServiceFirst);
      if (!service) return wrong(line, service.error().what);
      flow.service = DEMARC_TRY(services.index_of(evidence.services, std::move(*service), *this, line));
    }
    if (f.has(kParentInitiator)) {
      ParentFlow parent = DEMARC_TRY(read_parent(f, line));
      flow.parent = DEMARC_TRY(parents.index_of(evidence.parents, parent, *this, line));
    }
    if (f.has(kTunnelKind)) {
      Tunnel tunnel = DEMARC_TRY(read_tunnel(f, line));
      flow.tunnel = DEMARC_TRY(tunnels.index_of(evidence.tunnels, tunnel, *this, line));
    }
    if (f.has(kRealInitiator)) {
      RealEnds real;
      real.initiator = DEMARC_TRY(read_address(f, kRealInitiator, line));
      real.responder = DEMARC_TRY(read_address(f, kRealResponder, line));
      real.port = DEMARC_TRY(read_port(f, kRealPort, line));
      real.seen_twice = truth(f, kSeenTwice);
      flow.real = DEMARC_TRY(real_ends.index_of(evidence.real_ends, real, *this, line));
    }
    evidence.flows.push_back(flow);
    return {};
  }

  Result<Address> read_address(const JsonFields& f, std::size_t row, std::uint32_t line) {
    std::optional<Address> address = parse_address(f.text(row));
    if (!address) return wrong(line, fmt::format("{}: '{}' is no address", kPaths[row], f.text(row)));
    return *address;
  }
  Result<Port> read_port(const JsonFields& f, std::size_t row, std::uint32_t line) {
    if (!f.has(row)) return Port(0);
    std::optional<std::uint64_t> number = f.unsigned_integer(row);
    if (!number || *number > 65535) return wrong(line, fmt::format("'{}' is no port", kPaths[row]));
    return Port(static_cast<std::uint16_t>(*number));
  }
  Result<ParentFlow> read_parent(const JsonFields& f, std::uint32_t line) {
    ParentFlow parent;
    parent.initiator = DEMARC_TRY(read_address(f, kParentInitiator, line));
    parent.responder = DEMARC_TRY(read_address(f, kParentResponder, line));
    std::optional<Protocol> protocol = parse_protocol(f.text(kParentProtocol));
    if (!protocol) return wrong(line, fmt::format("'{}' is no protocol", f.text(kParentProtocol)));
    parent.protocol = *protocol;
    parent.port = DEMARC_TRY(read_port(f, kParentPort, line));
    std::optional<RelatedBy> by = parse_related_by(f.text(kParentBy));
    if (!by) return wrong(line, fmt::format("'{}' announces no other conversations", f.text(kParentBy)));
    parent.by = *by;
    return parent;
  }
  Result<Tunnel> read_tunnel(const JsonFields& f, std::uint32_t line) {
    Tunnel tunnel;
    std::optional<TunnelKind> kind = parse_tunnel_kind(f.text(kTunnelKind));
    if (!kind) return wrong(line, fmt::format("'{}' is no tunnel", f.text(kTunnelKind)));
    tunnel.kind = *kind;
    std::span<const std::string> ends = f.texts(kTunnelEnds);
    std::optional<Address> low, high;
    if (ends.size() == 2) {
      low = parse_address(ends[0]);
      high = parse_address(ends[1]);
    }
    if (!low || !high) return wrong(line, "tunnel.ends are two addresses");
    tunnel.low = std::min(*low, *high);
    tunnel.high = std::max(*low, *high);
    if (f.has(kTunnelId)) {
      std::optional<std::uint64_t> id = f.unsigned_integer(kTunnelId);
      if (!id || *id > 0xFFFFFFFF) return wrong(line, "tunnel.id is a number below 2^32");
      tunnel.id = static_cast<std::uint32_t>(*id);
    }
    return tunnel;
  }

  Result<void> take_noise(const JsonFields& f, std::uint32_t line) {
    TrafficNoise noise;
    std::optional<NoiseKind> kind = parse_noise_kind(f.text(kNoise));
    if (!kind) return wrong(line, fmt::format("'{}' is no kind of noise", f.text(kNoise)));
    noise.kind = *kind;
    if (f.has(kInitiator)) noise.initiator = DEMARC_TRY(read_address(f, kInitiator, line));
    if (f.has(kResponder)) noise.responder = DEMARC_TRY(read_address(f, kResponder, line));
    std::optional<Protocol> protocol = parse_protocol(f.text(kProtocol));
    if (!protocol) return wrong(line, fmt::format("'{}' is no protocol", f.text(kProtocol)));
    noise.protocol = *protocol;
    if (f.has(kPorts)) {
      Result<PortSet> ports = parse_port_set(f.text(kPorts));
      if (!ports) return wrong(line, ports.error().what, ports.error().hint);
      noise.ports = std::move(*ports);
    }
    noise.attempts = f.unsigned_integer(kAttempts).value_or(0);
    noise.initiators = f.unsigned_integer(kInitiators).value_or(1);
    noise.responders = f.unsigned_integer(kResponders).value_or(1);
    noise.packets = f.unsigned_integer(kPackets).value_or(0);
    noise.bytes = f.unsigned_integer(kBytes).value_or(0);
    noise.record = frame_of(f, line);
    const std::uint64_t source = f.unsigned_integer(kSource).value_or(0);
    if (source >= evidence.sources.size())
      return wrong(line, fmt::format("source {} is not in the header", source));
    noise.source = static_cast<std::uint32_t>(source);
    for (auto [row, field] : {std::pair{kFirst, &noise.first}, std::pair{kLast, &noise.last}}) {
      Result<Timestamp> time = parse_timestamp(f.text(row));
      if (!time) return wrong(line, time.error().what);
      *field = *time;
    }
    if (noise.last < noise.first) return wrong(line, "the noise ends before it begins");
    evidence.noise.push_back(std::move(noise));
    return {};
  }

  /// Tells the things of one kind apart that flows refer to.
  template <typename T>
  struct Distinct {
    struct Less {
      const std::vector<T>* list;
      bool operator()(std::uint32_t a, std::uint32_t b) const { return is_before((*list)[a], (*list)[b]); }
    };
    /// Where `value` stands in `list`; appended if it is new.
    Result<std::uint32_t> index_of(std::vector<T>& list, T value, State& state, std::uint32_t line) {
      if (list.empty()) known = std::set<std::uint32_t, Less>(Less{&list});
      const auto next = static_cast<std::uint32_t>(list.size());
      list.push_back(std::move(value));
      const auto [where, is_new] = known.insert(next);
      if (!is_new) {
        list.pop_back();
        return *where;
      }
      if constexpr (std::is_same_v<T, ServiceSeen>) state.distinct_bytes += size_of(list.back());
      if (list.size() > kDistinctMax || state.distinct_bytes > kDistinctBytesMax)
        return state.wrong(line, fmt::format("more than {} different services, parents, tunnels or translations",
                                             grouped_number(next)));
      return next;
    }
    std::set<std::uint32_t, Less> known{Less{nullptr}};
  };
  static std::size_t size_of(const ServiceSeen& s) {
    std::size_t size = sizeof s + s.name.size() + s.product.size() + s.version.size() + s.evidence.size();
    for (const std::string& n : s.certificate_names) size += sizeof n + n.size();
    return size + s.tls_inside.size();
  }

  JsonLineReader lines;
  FlowEvidence evidence;
  Distinct<ServiceSeen> services;
  Distinct<ParentFlow> parents;
  Distinct<Tunnel> tunnels;
  Distinct<RealEnds> real_ends;
  std::size_t distinct_bytes = 0;
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

void append_flows(FlowEvidence& to, FlowEvidence from) {
  if (to.sources.empty() && to.flows.empty() && to.noise.empty()) {
    to = std::move(from);
    return;
  }
  const auto shift = [](std::uint32_t& index, std::size_t by) {
    if (index != kNone32) index += static_cast<std::uint32_t>(by);
  };
  for (ObservedFlow& f : from.flows) {
    shift(f.source, to.sources.size());
    shift(f.service, to.services.size());
    shift(f.parent, to.parents.size());
    shift(f.tunnel, to.tunnels.size());
    shift(f.real, to.real_ends.size());
  }
  for (TrafficNoise& n : from.noise) shift(n.source, to.sources.size());
  const auto move_all = [](auto& into, auto& list) {
    into.insert(into.end(), std::make_move_iterator(list.begin()), std::make_move_iterator(list.end()));
  };
  move_all(to.sources, from.sources);
  move_all(to.flows, from.flows);
  move_all(to.noise, from.noise);
  move_all(to.notes, from.notes);
  move_all(to.services, from.services);
  move_all(to.parents, from.parents);
  move_all(to.tunnels, from.tunnels);
  move_all(to.real_ends, from.real_ends);
  to.complete = to.complete && from.complete;
}

}  // namespace demarc
