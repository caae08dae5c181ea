#include "rules/evidence/flow_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>

#include "rules/evidence/flow_order.h"
#include "rules/evidence/service_json.h"
#include "rules/text/json_writer.h"

namespace demarc {

namespace {

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
