#include "rules/verdict/flow_noise.h"

#include <algorithm>
#include <iterator>

#include "rules/evidence/noise_criteria.h"
#include "rules/verdict/noise_naming.h"

namespace demarc {

void NoiseTally::Scan::add_ports(Protocol protocol, PortRange range) {
  std::vector<PortRange>& list = ports[protocol];
  if (!list.empty() && list.back().first <= range.first && range.last <= list.back().last) return;
  list.push_back(range);
  if (list.size() > 70000) list = PortSet::of(std::move(list)).ranges();  // 32,768 at most
}

FlowNoise::FlowNoise(Judging& j, FlowJudge& judge) : j_(j), judge_(judge) {
  for (ZoneIndex z = 0; z < j_.rules.zones.size() && any_ == kNoZone; ++z)
    if (j_.rules.zones[z].any) any_ = z;
}

FlowNoise::Place FlowNoise::place(ZoneIndex from, ZoneIndex to) const {
  if (from == kNoZone || j_.trust.is_any(from)) return Place::noise;
  const bool outward = !j_.trust.is_dmz(to) && from != to;  // or to many, in no zone that is known
  return j_.trust.is_dmz(from) && outward ? Place::outbound : Place::attempt;
}

DraftKey FlowNoise::noise_key(ZoneIndex from, ZoneIndex to, bool many) {
  DraftKey k;
  k.kind = FindingKind::scan_noise;
  k.from = from;
  k.to = to;
  k.many = many;
  return k;
}

void FlowNoise::count(const DraftKey& key, const JudgedFlow& judged, const ObservedFlow& flow,
                      const std::optional<NoiseKind>& named) {
  NoiseTally& tally = tally_of(key);
  if (named == NoiseKind::backscatter) {
    tally.backscatter += flow.conversations;
    return;
  }
  tally.attempts += flow.conversations;
  tally.by_initiator[judged.initiator] += flow.conversations;
  if (named == NoiseKind::syn_flood) {
    NoiseTally::Flood& flood = tally.floods[{flow.protocol, Endpoint{}, Endpoint{judged.responder, judged.port}}];
    flood.attempts += flow.conversations;
    ++flood.initiators;
  } else if (named) {
    NoiseTally::Scan& scan = tally.scans.try_emplace(judged.initiator, hash_).first->second;
    scan.attempts += flow.conversations;
    scan.responders.insert(judged.responder);
    if (flow.protocol.has_ports()) scan.add_ports(flow.protocol, PortRange::single(judged.port));
  }
}

void FlowNoise::count(NoiseTally& tally, const TrafficNoise& n, const Address& responder, Port port) const {
  if (n.kind == NoiseKind::backscatter) {
    tally.backscatter += n.attempts;
    return;
  }
  tally.attempts += n.attempts;
  if (n.initiator)
    tally.by_initiator[*n.initiator] += n.attempts;
  else
    tally.initiators_more += n.initiators;
  if (n.kind == NoiseKind::syn_flood) {
    NoiseTally::Flood& flood =
        tally.floods[{n.protocol, Endpoint{}, Endpoint{n.responder ? responder : Address(), port}}];
    flood.attempts += n.attempts;
    flood.initiators += n.initiators;
  } else if (n.kind != NoiseKind::attempts && n.initiator) {
    NoiseTally::Scan& scan = tally.scans.try_emplace(*n.initiator, hash_).first->second;
    scan.attempts += n.attempts;
    if (n.responder)
      scan.responders.insert(responder);
    else
      scan.responders_more += n.responders;
    for (const PortRange& range : n.ports.ranges()) scan.add_ports(n.protocol, range);
    scan.ports_cut = scan.ports_cut || n.ports.ranges().size() >= noise_criteria::kPortRanges;
  }
}

/// Everything that was asked is approved: nobody's finding, and nobody's use either.
bool FlowNoise::is_approved(const TrafficNoise& n, const Address& initiator,
                            const std::optional<Address>& responder) {
  if (!n.protocol.has_ports() || n.ports.empty()) return false;
  const Documented& doc = j_.documented.at(n.first);
  const auto covers = [&](const Address& destination) {
    return n.ports.minus(doc.approved_ports(initiator, destination, n.protocol)).empty();
  };
  if (responder) return covers(*responder);
  // Towards many: only a rule that names everybody outside says yes to all of them.
  if (any_ == kNoZone) return false;
  const auto& ranges = j_.rules.zones[any_].addresses.ranges();
  std::size_t asked = 0;
  for (const AddressRange& range : ranges)
    if (range.first.family() == initiator.family() && classify(range.first) == AddressClass::unicast &&
        ++asked <= 64 && !covers(range.first))
      return false;
  return asked != 0;
}

void FlowNoise::take(std::uint32_t evidence, std::uint32_t index, const TrafficNoise& n, const FlowSource* source) {
  const Sensor* sensor = source == nullptr ? nullptr : j_.rules.sensor(source->sensor);
  if (j_.stale_before && n.last < *j_.stale_before) return;  // said by the coverage of its source
  std::optional<Address> initiator = n.initiator, responder = n.responder;
  Port port = n.ports.empty() ? Port{} : n.ports.ranges().front().first;
  ZoneIndex from = initiator ? j_.trust.zone_of(*initiator) : any_, to = kNoZone;
  if (responder) {
    Packet p;
    p.source = initiator.value_or(*responder);
    p.destination = *responder;
    p.protocol = n.protocol;
    p.port = port;
    to = j_.trust.zone_of(*responder);
    if (initiator && judge_.is_face(*responder)) {
      if (const auto real = j_.translator.real_of(*responder, port, *initiator)) {
        responder = real->address;
        port = real->port;
        to = j_.trust.zone_of(*responder);
      }
    }
  }
  const bool many = !responder, is_scan = n.kind == NoiseKind::port_scan || n.kind == NoiseKind::host_scan;
  DraftKey k = noise_key(from, to, many);
  const Place where = n.kind == NoiseKind::backscatter || !initiator ? Place::noise : place(from, to);
  // Whom an attempt from inside went to is not known; nobody approves it towards everybody.
  const bool may_be_approved = responder || where == Place::outbound;
  if (initiator && may_be_approved && n.kind != NoiseKind::backscatter && is_approved(n, *initiator, responder))
    return;
  if (where != Place::noise) {
    k.kind = where == Place::outbound ? FindingKind::outbound_undocumented : FindingKind::attempt_undocumented;
    k.cause = Cause::no_rule;
    k.protocol = n.protocol;
    k.has_initiator = true;
    k.initiator = *initiator;
    k.scan = is_scan;
    if (where == Place::outbound && !is_scan && !many && !j_.trust.is_any(to) && to != kNoZone) {
      k.has_target = true;
      k.target = *responder;
    }
  }
  Draft& d = j_.drafts.at(k);
  d.add_place({EvidencePlace::View::noise, j_.flow_file_rank[evidence], n.record, evidence, index});
  if (initiator) Draft::add_address(d.sources, d.sources_more, *initiator);
  if (responder) Draft::add_address(d.targets, d.targets_more, *responder);
  if (initiator && responder && where != Place::noise) {
    Packet p;
    p.source = *initiator;
    p.destination = *responder;
    p.protocol = n.protocol;
    p.port = port;
    d.add_sample(p);
  }
  if (where != Place::noise && !is_scan)
    for (const PortRange& range : n.ports.ranges()) d.add_port(range);
  ++d.records;
  d.conversations += n.attempts;
  d.beyond_filter = d.beyond_filter || (sensor != nullptr && sensor->beyond_filter);
  count(tally_of(k), n, responder.value_or(Address()), port);
}

void FlowNoise::take_records() {
  for (const std::uint32_t e : j_.flow_order) {
    const FlowEvidence& evidence = j_.snapshot.flows[e];
    for (std::uint32_t i = 0; i < evidence.noise.size(); ++i) {
      const TrafficNoise& n = evidence.noise[i];
      take(e, i, n, n.source < evidence.sources.size() ? &evidence.sources[n.source] : nullptr);
    }
  }
}

}  // namespace demarc
