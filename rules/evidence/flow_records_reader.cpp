#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <tuple>
#include <type_traits>

#include "rules/evidence/flow_fields.h"
#include "rules/evidence/flow_order.h"
#include "rules/evidence/flow_records.h"
#include "rules/evidence/json_lines.h"
#include "rules/evidence/service_json.h"
#include "rules/text/number.h"

namespace demarc {

using namespace flow_fields;

namespace {

// What flows refer to is said again in each record, and told apart again when read. A file that names millions of
// different ones is not a flow file of ours.
constexpr std::size_t kDistinctMax = 1'000'000;
constexpr std::size_t kDistinctBytesMax = 256U << 20;

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

}  // namespace demarc
