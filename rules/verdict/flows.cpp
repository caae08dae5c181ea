// What is used, and by whom. Every conversation is judged by the rules in force when it happened; what nothing
// approves is grouped by cause, so that a port sweep is one line and not a thousand.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "rules/verdict/judging.h"

namespace demarc {

namespace {

/// This many unanswered questions of one initiator are a scan.
constexpr std::uint32_t kScanQuestionsMin = 20;

/// Routing and first-hop redundancy talk to multicast groups and need a rule all the same (semantics.md section 1).
bool is_routing(const ObservedFlow& f) {
  const std::uint8_t p = f.protocol.number();
  if (p == 88 || p == 89 || p == 103 || p == 112) return true;  // EIGRP, OSPF, PIM, VRRP and CARP
  if (f.protocol != Protocol::udp) return false;
  const std::uint16_t port = f.port.number();
  return port == 520 || port == 521 || port == 1985 || port == 2029 || port == 3222 ||
         port == 3784;  // RIP, RIPng, HSRP, HSRPv6, GLBP, BFD
}

bool is_dhcp(const ObservedFlow& f) {
  if (f.protocol != Protocol::udp) return false;
  const std::uint16_t port = f.port.number();
  return port == 67 || port == 68 || port == 546 || port == 547;
}

bool is_link_address(const Address& a) {
  switch (classify(a)) {
    case AddressClass::multicast:
    case AddressClass::broadcast:
    case AddressClass::link_local:
    case AddressClass::loopback:
    case AddressClass::unspecified: return true;
    default: return false;
  }
}

class Flows {
 public:
  explicit Flows(Judging& j) : j_(j) {}

  void run() {
    collect();
    for (const Item& item : items_) judge(item);
    name_scans();
  }

 private:
  struct Item {
    std::uint32_t evidence = 0, flow = 0;
    std::uint32_t epoch_first = 0, epoch_last = 0;
  };

  const ObservedFlow& flow_of(const Item& i) const { return j_.snapshot.flows[i.evidence].flows[i.flow]; }
  const FlowSource* source_of(const Item& i) const {
    const FlowEvidence& e = j_.snapshot.flows[i.evidence];
    const std::uint32_t s = flow_of(i).source;
    return s < e.sources.size() ? &e.sources[s] : nullptr;
  }

  void collect() {
    std::size_t total = 0;
    for (const FlowEvidence& e : j_.snapshot.flows) total += e.flows.size();
    items_.reserve(total);
    for (const std::uint32_t e : j_.flow_order) {
      const FlowEvidence& evidence = j_.snapshot.flows[e];
      for (std::uint32_t f = 0; f < evidence.flows.size(); ++f) {
        const ObservedFlow& flow = evidence.flows[f];
        items_.push_back({e, f, static_cast<std::uint32_t>(j_.documented.epoch_of(flow.first)),
                          static_cast<std::uint32_t>(j_.documented.epoch_of(flow.last))});
      }
    }
    // Few states of the rule set stay in memory at a time, so conversations come in the order of those states.
    std::stable_sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) {
      return std::tie(a.epoch_first, a.epoch_last) < std::tie(b.epoch_first, b.epoch_last);
    });
  }

  static Packet packet(const ObservedFlow& f) {
    Packet p;
    p.source = f.initiator;
    p.destination = f.responder;
    p.protocol = f.protocol;
    if (f.protocol.is_icmp()) p.icmp = {f.icmp.type, f.icmp.code.value_or(0)};
    p.source_port = f.initiator_port;
    p.port = f.port;
    return p;
  }

  static std::uint16_t number(const ObservedFlow& f) {
    return f.protocol.is_icmp() ? static_cast<std::uint16_t>((f.icmp.type << 8) | f.icmp.code.value_or(0))
                                : f.port.number();
  }

  void judge(const Item& item) {
    const ObservedFlow& f = flow_of(item);
    // An ICMP error belongs to the conversation it quotes; as a flow of its own it says nothing (semantics.md
    // section 3).
    if (f.protocol.is_icmp() && is_icmp_error(f.initiator.family(), f.icmp.type)) return;
    const ZoneIndex from = j_.trust.zone_of(f.initiator);
    ZoneIndex to = j_.trust.zone_of(f.responder);
    const bool on_the_link = is_link_address(f.responder) || is_link_address(f.initiator) ||
                             j_.trust.is_subnet_broadcast(f.responder, to) || (from == to && is_dhcp(f));
    const bool routing = is_routing(f);
    if (routing && on_the_link && to == kNoZone) to = from;  // a multicast group is heard where it is spoken to

    const Documented& first = j_.documented.at(f.first);
    Judgement verdict = first.judge(packet(f));
    if (verdict.approved && item.epoch_last != item.epoch_first) {
      const Judgement& later = j_.documented.at(f.last).judge(packet(f));
      if (!later.approved) verdict = later;
    }
    if (verdict.approved) return use(f, from, to, verdict);
    if (on_the_link && !routing) return link_control(item, f);
    if (from == to && j_.trust.intra_allowed(to) && j_.trust.same_subnet(f.initiator, f.responder, to)) return;
    if (!f.initiator_certain && reverse_is_approved(f)) return;
    undocumented(item, f, from, to, verdict, routing);
  }

  /// A capture that began in the middle may have taken the answer for the question.
  bool reverse_is_approved(const ObservedFlow& f) {
    if (f.initiator_port.number() == 0 || !f.protocol.has_ports()) return false;
    Packet p = packet(f);
    std::swap(p.source, p.destination);
    std::swap(p.source_port, p.port);
    const Judgement verdict = j_.documented.at(f.first).judge(p);
    if (!verdict.approved) return false;
    ObservedFlow turned = f;
    std::swap(turned.initiator, turned.responder);
    std::swap(turned.initiator_port, turned.port);
    use(turned, j_.trust.zone_of(turned.initiator), j_.trust.zone_of(turned.responder), verdict);
    return true;
  }

  void use(const ObservedFlow& f, ZoneIndex from, ZoneIndex to, const Judgement& verdict) {
    const auto count = [&](const Rule& rule, RuleFacts* facts) {
      for (const std::uint32_t index : rule.services) {
        const Service& service = j_.rules.services[index];
        if (!service.all && !service_has(service, f.protocol, number(f))) continue;
        std::uint64_t used = f.established;
        // One-way services: datagrams that no unreachable answers are use.
        if (service.one_way)
          used = f.conversations - std::min<std::uint64_t>(f.conversations, f.states[ConnState::REJ]);
        if (used == 0) continue;
        j_.cell(from, to, index).observed = true;
        if (facts != nullptr) {
          facts->conversations += used;
          facts->last_use = facts->last_use ? std::max(*facts->last_use, f.last) : f.last;
        }
        return;
      }
    };
    for (const std::uint32_t r : verdict.approved_by) count(j_.rules.rules[r], &j_.facts[r]);
    for (const std::uint32_t x : verdict.approved_by_exception) count(j_.rules.exceptions[x].rule, nullptr);
  }

  EvidencePlace place(const Item& item) const {
    return {EvidencePlace::View::flow, j_.flow_file_rank[item.evidence], flow_of(item).record, item.evidence,
            item.flow};
  }

  Draft& note_draft(const DraftKey& key, const Item& item, const ObservedFlow& f, bool with_ports = true) {
    Draft& d = j_.drafts.at(key);
    if (with_ports && (f.protocol.has_ports() || f.protocol.is_icmp()))
      d.add_port(PortRange::single(Port{number(f)}));
    d.add_place(place(item));
    Draft::add_address(d.sources, d.sources_more, f.initiator);
    Draft::add_address(d.targets, d.targets_more, f.responder);
    d.add_sample(packet(f));
    ++d.records;
    d.conversations += f.conversations;
    d.established += f.established;
    d.uncertain_direction = d.uncertain_direction || !f.initiator_certain;
    return d;
  }

  void link_control(const Item& item, const ObservedFlow& f) {
    // Who answers DHCP or announces itself as a router steers everybody else's traffic.
    if (is_dhcp(f)) {
      const bool server_started = f.port.number() == 68 || f.port.number() == 546;
      const Address& server = server_started ? f.initiator : f.responder;
      if ((server_started || f.established != 0) && classify(server) != AddressClass::broadcast &&
          classify(server) != AddressClass::multicast)
        unknown_host(item, f, server, "it answers as a DHCP server");
    }
    if (f.protocol == Protocol::icmpv6 && f.icmp.type == 134)
      unknown_host(item, f, f.initiator, "it sends router advertisements");  // RFC 4861 section 4.2
    DraftKey k;
    k.kind = FindingKind::link_control;
    note_draft(k, item, f, false);  // one line for all of it: link-local addresses belong to no zone
  }

  void unknown_host(const Item& item, const ObservedFlow& f, const Address& host, std::string_view why) {
    if (!j_.rules.name_of(host).empty()) return;
    DraftKey k;
    k.kind = FindingKind::host_undocumented;
    k.to = j_.trust.zone_of(host);
    k.cause = Cause::host_unknown;
    k.has_target = true;
    k.target = host;
    Draft& d = note_draft(k, item, f, false);
    if (d.detail.empty() || why < d.detail) d.detail = std::string(why);
  }

  void undocumented(const Item& item, const ObservedFlow& f, ZoneIndex from, ZoneIndex to, const Judgement& verdict,
                    bool routing) {
    if (j_.stale_before && f.last < *j_.stale_before) return;  // said by the coverage of its source
    const bool established = f.established != 0 || (routing && f.conversations != 0);
    DraftKey k;
    k.from = from;
    k.to = to;
    k.protocol = f.protocol;
    k.service = j_.names.find(f.protocol, number(f));
    k.cause = Cause::no_rule;
    if (!verdict.forbidden_by.empty()) {
      if (const auto worst = worst_forbidden(j_.rules, verdict.forbidden_by))
        k.rule = {RuleRef::Kind::forbidden, *worst};
      k.cause = Cause::none;
    } else if (!verdict.not_in_force.empty()) {
      k.rule = {RuleRef::Kind::rule, verdict.not_in_force.front()};
      k.cause = Cause::rule_not_in_force;
    } else if (!verdict.exceptions_not_in_force.empty()) {
      k.rule = {RuleRef::Kind::exception, verdict.exceptions_not_in_force.front()};
      k.cause = Cause::exception_not_in_force;
    }
    const FlowSource* source = source_of(item);
    const Sensor* sensor = source == nullptr ? nullptr : j_.rules.sensor(source->sensor);
    const bool outbound = j_.trust.is_dmz(from) && !j_.trust.is_dmz(to) && from != to;

    if (established && !verdict.forbidden_by.empty()) {
      k.kind = FindingKind::flow_forbidden;
      k.has_target = true;
      k.target = f.responder;
      note_draft(k, item, f);
    } else if (outbound) {
      k.kind = FindingKind::outbound_undocumented;
      k.has_initiator = true;
      k.initiator = f.initiator;
      if (!established && ++questions_[f.initiator] >= kScanQuestionsMin) scanners_.insert(f.initiator);
      // Into the internet the destinations are many and nobody's; inside, each one matters.
      if (!j_.trust.is_any(to) && to != kNoZone) {
        k.has_target = true;
        k.target = f.responder;
      }
      Draft& d = note_draft(k, item, f);
      d.beyond_filter = d.beyond_filter || (sensor != nullptr && sensor->beyond_filter);
    } else if (!established && (j_.trust.is_any(from) || from == kNoZone)) {
      if (++questions_[f.initiator] >= kScanQuestionsMin) scanners_.insert(f.initiator);
      k = DraftKey{};
      k.kind = FindingKind::scan_noise;
      k.from = from;
      k.to = to;
      Draft& d = note_draft(k, item, f, false);
      noise_sources_[to].insert(f.initiator);
      d.sample.reset();
      return;
    } else if (!established) {
      if (++questions_[f.initiator] >= kScanQuestionsMin) scanners_.insert(f.initiator);
      k.kind = FindingKind::attempt_undocumented;
      k.has_initiator = true;
      k.initiator = f.initiator;
      k.service = kNoServiceName;
      note_draft(k, item, f);
    } else {
      k.kind = FindingKind::flow_undocumented;
      k.has_target = true;
      k.target = f.responder;
      note_draft(k, item, f);
    }
    if (established && !on_link(f) && j_.trust.is_dmz(from))
      unknown_if_silent(item, f, f.initiator, "it opens conversations");
    if (established && !on_link(f) && j_.trust.is_dmz(to))
      unknown_if_silent(item, f, f.responder, "it takes part in conversations");
  }

  static bool on_link(const ObservedFlow& f) {
    return is_link_address(f.initiator) || is_link_address(f.responder);
  }

  void unknown_if_silent(const Item& item, const ObservedFlow& f, const Address& host, std::string_view why) {
    const bool is_face =
        std::any_of(j_.rules.translations.begin(), j_.rules.translations.end(),
                    [&](const Translation& t) { return t.seen_as == host; }) ||
        std::any_of(j_.rules.vips.begin(), j_.rules.vips.end(), [&](const Vip& v) { return v.address == host; }) ||
        std::any_of(j_.rules.source_translations.begin(), j_.rules.source_translations.end(),
                    [&](const SourceTranslation& t) { return t.seen_as == host; });
    if (!is_face) unknown_host(item, f, host, why);
  }

  void name_scans() {
    j_.scanners.insert(scanners_.begin(), scanners_.end());
    for (const auto& [zone, sources] : noise_sources_) j_.noise_sources[zone] = sources.size();
  }

  Judging& j_;
  std::vector<Item> items_;
  std::unordered_map<Address, std::uint32_t> questions_;
  std::unordered_set<Address> scanners_;
  std::unordered_map<ZoneIndex, std::unordered_set<Address>> noise_sources_;
};

auto flow_fields(const ObservedFlow& f) {
  return std::tie(f.initiator, f.responder, f.protocol, f.initiator_port, f.port, f.icmp, f.conversations,
                  f.established, f.packets_out, f.packets_in, f.bytes_out, f.bytes_in, f.first, f.last);
}

/// The same capture or flow file under another name, or given twice.
bool same_evidence(const FlowEvidence& a, const FlowEvidence& b) {
  if (a.flows.size() != b.flows.size() || a.complete != b.complete) return false;
  const auto source_fields = [](const FlowSource& s) {
    return std::tie(s.sensor, s.sampling, s.packets, s.dropped, s.first, s.last);
  };
  if (!std::ranges::equal(a.sources, b.sources, [&](const FlowSource& x, const FlowSource& y) {
        return source_fields(x) == source_fields(y);
      }))
    return false;
  const auto sorted = [](const FlowEvidence& e) {
    std::vector<const ObservedFlow*> list;
    list.reserve(e.flows.size());
    for (const ObservedFlow& f : e.flows) list.push_back(&f);
    std::sort(list.begin(), list.end(),
              [](const ObservedFlow* x, const ObservedFlow* y) { return flow_fields(*x) < flow_fields(*y); });
    return list;
  };
  return std::ranges::equal(sorted(a), sorted(b), [](const ObservedFlow* x, const ObservedFlow* y) {
    return flow_fields(*x) == flow_fields(*y);
  });
}

}  // namespace

std::vector<std::uint32_t> distinct_flows(const Snapshot& snapshot) {
  std::vector<std::uint32_t> order(snapshot.flows.size()), kept;
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return snapshot.flows[a].file < snapshot.flows[b].file; });
  for (const std::uint32_t e : order)
    if (std::none_of(kept.begin(), kept.end(),
                     [&](std::uint32_t k) { return same_evidence(snapshot.flows[k], snapshot.flows[e]); }))
      kept.push_back(e);
  return kept;
}

void judge_flows(Judging& j) { Flows(j).run(); }

}  // namespace demarc
