// From conversations to uses: what counts, under whose port, and what is said elsewhere.
#include <algorithm>
#include <unordered_set>

#include "rules/net/app_protocol.h"
#include "rules/verdict/flow_judge.h"
#include "rules/verdict/judging.h"
#include "rules/verdict/learn_parts.h"

namespace demarc::learning {

namespace {

/// Datagrams without an answer that make a use of a port that is not known for it.
constexpr std::uint64_t kOneWayDatagramsMin = 10;

/// Syslog, traps, NetFlow and IPFIX, sFlow, statsd, GELF: servers that never answer.
bool is_one_way_port(std::uint16_t port) {
  constexpr std::uint16_t kPorts[] = {162, 514, 2055, 4739, 6343, 8125, 9995, 9996, 12201};
  return std::find(std::begin(kPorts), std::end(kPorts), port) != std::end(kPorts);
}

ServiceKey key_of(Protocol protocol, Port port, IcmpType icmp) {
  ServiceKey k;
  k.protocol = protocol;
  if (protocol.is_icmp())
    k.first = k.last = static_cast<std::uint16_t>(icmp.type << 8);
  else if (protocol.has_ports())
    k.first = k.last = port.number();
  return k;
}

struct ServerPort {
  Address server;
  ServiceKey service;
  bool operator==(const ServerPort&) const = default;
};
struct ServerPortHash {
  std::size_t operator()(const ServerPort& s) const noexcept {
    return std::hash<Address>()(s.server) ^
           (std::size_t{s.service.first} * 0x9E3779B97F4A7C15ULL + s.service.protocol.number());
  }
};

class Gathering {
 public:
  Gathering(const Snapshot& snapshot, const RuleSet& rules)
      : snapshot_(snapshot),
        rules_(rules),
        trust_(rules),
        translator_(rules),
        documented_(rules),
        judge_(rules, trust_, translator_, documented_) {}

  Evidence run() {
    const std::vector<std::uint32_t> order = distinct_flows(snapshot_);
    for (const std::uint32_t e : order) {
      count_noise(snapshot_.flows[e]);
      for (const ObservedFlow& f : snapshot_.flows[e].flows)
        if (f.established != 0 && f.initiator_certain && f.protocol.has_ports())
          servers_.insert({f.responder, key_of(f.protocol, f.port, f.icmp)});
    }
    take_all(order);
    merge_uses();
    settle_one_way();
    settle_related();
    widen_ports();
    names_from_scans();
    sort_forbidden();
    return std::move(out_);
  }

 private:
  struct Related {
    ServiceKey parent;
    Address client, server;
    RelatedBy by;
    Use use;
  };

  void count_noise(const FlowEvidence& evidence) {
    for (const TrafficNoise& n : evidence.noise) {
      switch (n.kind) {
        case NoiseKind::port_scan:
        case NoiseKind::host_scan: out_.left_out.scans += n.attempts; break;
        case NoiseKind::syn_flood: out_.left_out.floods += n.attempts; break;
        case NoiseKind::backscatter: out_.left_out.backscatter += n.attempts; break;
        case NoiseKind::attempts: out_.left_out.noise += n.attempts; break;
      }
    }
  }

  /// What happened under the same state of the rule set comes together: then each kind of packet is judged once.
  void take_all(const std::vector<std::uint32_t>& order) {
    struct Item {
      std::uint32_t epoch_first, epoch_last, rank, flow;
      auto operator<=>(const Item&) const = default;
    };
    std::vector<Item> items;
    for (std::uint32_t rank = 0; rank < order.size(); ++rank) {
      const std::vector<ObservedFlow>& flows = snapshot_.flows[order[rank]].flows;
      for (std::uint32_t f = 0; f < flows.size(); ++f)
        items.push_back({judge_.epoch_of(flows[f].first), judge_.epoch_of(flows[f].last), rank, f});
    }
    std::sort(items.begin(), items.end());
    out_.uses.reserve(items.size());  // what is not filled costs nothing
    for (const Item& i : items) {
      const FlowEvidence& evidence = snapshot_.flows[order[i.rank]];
      const ObservedFlow& flow = evidence.flows[i.flow];
      const Sensor* sensor =
          flow.source < evidence.sources.size() ? rules_.sensor(evidence.sources[flow.source].sensor) : nullptr;
      judge_.judge(evidence, flow, sensor != nullptr && !sensor->beyond_filter, judged_);
      take(evidence, i.rank, flow);
    }
  }

  /// `judged_` says what the rule set thinks of it.
  void take(const FlowEvidence& evidence, std::uint32_t rank, const ObservedFlow& flow) {
    LeftOut& left_out = out_.left_out;
    if (judged_.state == FlowState::no_conversation) return;
    if (judged_.seen_twice) {
      left_out.twice += flow.conversations;
      return;
    }
    switch (judged_.state) {
      case FlowState::no_conversation: return;
      case FlowState::approved:
        (judged_.carried == Carried::by_parent ? left_out.related : left_out.approved) += flow.conversations;
        return;
      case FlowState::link_control: left_out.link_control += flow.conversations; return;
      case FlowState::same_subnet: left_out.intra += flow.conversations; return;
      case FlowState::forbidden:
      case FlowState::undocumented: break;
    }
    Use u;
    u.client = judged_.initiator;
    u.server = judged_.responder;
    u.service = key_of(flow.protocol, judged_.port, flow.icmp);
    bool turned = false;
    if (!flow.initiator_certain && flow.initiator_port.number() != 0 && !servers_.contains({u.server, u.service})) {
      // In mid-stream the answer came first: what others certainly asked is the server's port.
      const ServiceKey other = key_of(flow.protocol, flow.initiator_port, flow.icmp);
      if (servers_.contains({u.client, other})) {
        std::swap(u.client, u.server);
        u.service = other;
        turned = true;
      }
    }
    u.facts.conversations = flow.established;
    if (flow.established == 0) {
      // Routing protocols speak to groups that do not answer.
      const bool told = judged_.routing || is_one_way(flow, judged_.from);
      if (!told) {
        left_out.attempts += flow.conversations;
        return;
      }
      u.service.one_way = flow.protocol == Protocol::udp;
      u.facts.conversations = flow.conversations - std::min(flow.conversations, flow.states[ConnState::REJ]);
      if (u.facts.conversations == 0) return;
    }
    u.facts.uncertain = flow.initiator_certain ? 0 : u.facts.conversations;
    u.facts.bytes_out = turned ? flow.bytes_in : flow.bytes_out;
    u.facts.bytes_in = turned ? flow.bytes_out : flow.bytes_in;
    u.facts.first = flow.first;
    u.facts.last = flow.last;
    u.facts.where = {flow.first, rank, flow.source, flow.record};
    if (judged_.state == FlowState::forbidden) return forbid(u);
    if (judged_.decision != nullptr && !judged_.decision->judgement.not_in_force.empty())
      u.not_in_force = judged_.decision->judgement.not_in_force.front();
    if (flow.service < evidence.services.size()) note_name(u.service, evidence.services[flow.service]);
    if (judged_.announced != nullptr && judged_.carried != Carried::outside_related) {
      const ParentFlow& p = *judged_.announced;
      related_.push_back({key_of(p.protocol, judged_.parent_packet.port, {}), judged_.parent_packet.source,
                          judged_.parent_packet.destination, p.by, std::move(u)});
      return;
    }
    out_.uses.push_back(std::move(u));
  }

  void forbid(const Use& u) {
    const auto worst = worst_forbidden(rules_, judged_.forbidden_by);
    if (!worst) return;
    forbidden_[{*worst, u.service, u.server}].conversations += u.facts.conversations;
    forbidden_clients_[{*worst, u.service, u.server}].insert(u.client);
  }

  bool is_one_way(const ObservedFlow& flow, ZoneIndex from) const {
    if (flow.protocol != Protocol::udp || flow.packets_in != 0) return false;
    if (flow.states[ConnState::REJ] != 0 || flow.states[ConnState::S0] == 0) return false;
    for (const Service& s : rules_.services)
      if (s.one_way && s.udp.contains(flow.port)) return true;
    if (is_one_way_port(flow.port.number())) return true;
    // A name server that never answers is not told things, it is down.
    if (catalogue_find(Protocol::udp, flow.port) != nullptr) return false;
    return !trust_.is_any(from) && from != kNoZone && flow.packets_out >= kOneWayDatagramsMin;
  }

  void note_name(const ServiceKey& key, const ServiceSeen& seen) {
    // Foreign text: a name that we did not give says only that it is none of ours.
    std::set<std::string>& names = out_.spoken.names[key];
    if (names.size() < 4) names.insert(is_app_protocol(seen.name) ? seen.name : "?");
  }

  void merge_uses() {
    const auto key = [](const Use& u) { return std::tie(u.service, u.server, u.client); };
    // What is the same is added up, whatever its order.
    std::sort(out_.uses.begin(), out_.uses.end(), [&](const Use& a, const Use& b) { return key(a) < key(b); });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < out_.uses.size(); ++i) {
      if (kept != 0 && key(out_.uses[kept - 1]) == key(out_.uses[i])) {
        Use& into = out_.uses[kept - 1];
        into.facts.add(out_.uses[i].facts);
        into.not_in_force = std::min(into.not_in_force, out_.uses[i].not_in_force);
      } else {
        if (kept != i) out_.uses[kept] = std::move(out_.uses[i]);
        ++kept;
      }
    }
    out_.uses.resize(kept);
  }

  /// A server that answers somebody is asked, not told: its silence towards others was an attempt.
  void settle_one_way() {
    std::unordered_set<ServerPort, ServerPortHash> answers;
    for (const Use& u : out_.uses)
      if (!u.service.one_way && u.service.protocol == Protocol::udp) answers.insert({u.server, u.service});
    std::erase_if(out_.uses, [&](const Use& u) {
      if (!u.service.one_way) return false;
      ServiceKey two_way = u.service;
      two_way.one_way = false;
      if (!answers.contains({u.server, two_way})) return false;
      out_.left_out.attempts += u.facts.conversations;
      return true;
    });
  }

  /// Data connections belong to the rule of their control session, if there is one; otherwise they are uses as any.
  void settle_related() {
    bool more = false;
    for (Related& r : related_) {
      const auto at = std::lower_bound(out_.uses.begin(), out_.uses.end(), r, [](const Use& u, const Related& x) {
        return std::tie(u.service, u.server, u.client) < std::tie(x.parent, x.server, x.client);
      });
      if (at != out_.uses.end() && at->service == r.parent && at->server == r.server && at->client == r.client) {
        out_.left_out.related += r.use.facts.conversations;
        out_.spoken.announces[r.parent].insert(r.by);
      } else {
        left_over_.push_back(std::move(r.use));
        more = true;
      }
    }
    if (!more) return;
    out_.uses.insert(out_.uses.end(), std::make_move_iterator(left_over_.begin()),
                     std::make_move_iterator(left_over_.end()));
    merge_uses();
  }

  /// Many ports of one server that nobody has a name for are one range of ports, if enough of it was used.
  void widen_ports() {
    struct Span {
      std::uint16_t first, last;
    };
    std::map<std::tuple<Address, Protocol, bool>, std::vector<std::uint16_t>> ports;
    for (const Use& u : out_.uses) {
      if (u.service.protocol != Protocol::tcp && u.service.protocol != Protocol::udp) continue;
      if (u.service.first < 1024 || catalogue_find(u.service.protocol, Port(u.service.first)) != nullptr) continue;
      std::vector<std::uint16_t>& list = ports[{u.server, u.service.protocol, u.service.one_way}];
      if (list.empty() || list.back() != u.service.first) list.push_back(u.service.first);
    }
    std::map<std::tuple<Address, Protocol, bool>, std::vector<Span>> spans;
    for (auto& [key, list] : ports) {
      if (list.size() < kRangePortsMin) continue;
      std::sort(list.begin(), list.end());
      for (std::size_t i = 0, end; i < list.size(); i = end) {
        for (end = i + 1; end < list.size() && list[end] - list[end - 1] <= 4;) ++end;
        const std::size_t width = std::size_t{list[end - 1]} - list[i] + 1;
        if (end - i < kRangePortsMin || (end - i) * 2 < width) continue;
        // A port in between that has a name of its own is not part of it.
        bool named = false;
        for (std::uint32_t p = list[i]; p <= list[end - 1] && !named; ++p)
          named = catalogue_find(std::get<1>(key), Port(static_cast<std::uint16_t>(p))) != nullptr;
        if (!named) spans[key].push_back({list[i], list[end - 1]});
      }
    }
    if (spans.empty()) return;
    for (Use& u : out_.uses) {
      const auto found = spans.find({u.server, u.service.protocol, u.service.one_way});
      if (found == spans.end()) continue;
      for (const Span& s : found->second) {
        if (u.service.first < s.first || u.service.first > s.last) continue;
        ServiceKey wide = u.service;
        wide.first = s.first, wide.last = s.last;
        if (const auto names = out_.spoken.names.find(u.service); names != out_.spoken.names.end())
          out_.spoken.names[wide].insert(names->second.begin(), names->second.end());
        u.service = wide;
        break;
      }
    }
    merge_uses();
  }

  /// A scan that looked says what speaks on a port that is used.
  void names_from_scans() {
    std::unordered_set<ServerPort, ServerPortHash> used;
    for (const Use& u : out_.uses)
      if (u.service.first == u.service.last) used.insert({u.server, u.service});
    for (const ScanRun& run : snapshot_.scans)
      for (const Outcome& o : run.outcomes) {
        if (o.state != PortState::open || o.service >= run.services.size() || !o.protocol.has_ports()) continue;
        if (o.ports.first != o.ports.last) continue;
        const ServiceKey key = key_of(o.protocol, o.ports.first, {});
        if (used.contains({o.target, key})) note_name(key, run.services[o.service]);
      }
  }

  void sort_forbidden() {
    for (auto& [key, f] : forbidden_) {
      const auto& [entry, service, server] = key;
      f.entry = rules_.forbidden[entry].id;
      f.service = service.protocol.has_ports() ? to_string(service.protocol) + "/" + std::to_string(service.first)
                                               : to_string(service.protocol);
      f.server = rules_.name_of(server).empty() ? to_string(server) : rules_.name_of(server);
      f.clients = forbidden_clients_[key].size();
      out_.forbidden.push_back(std::move(f));
    }
  }

  const Snapshot& snapshot_;
  const RuleSet& rules_;
  Trust trust_;
  Translator translator_;
  DocumentedOverTime documented_;
  FlowJudge judge_;
  JudgedFlow judged_;
  std::unordered_set<ServerPort, ServerPortHash> servers_;  // certainly asked
  std::vector<Related> related_;
  std::vector<Use> left_over_;
  std::map<std::tuple<std::uint32_t, ServiceKey, Address>, LearnedForbidden> forbidden_;
  std::map<std::tuple<std::uint32_t, ServiceKey, Address>, std::unordered_set<Address>> forbidden_clients_;
  Evidence out_;
};

}  // namespace

void Facts::add(const Facts& other) {
  if (conversations == 0) {
    *this = other;
    return;
  }
  conversations += other.conversations;
  uncertain += other.uncertain;
  bytes_out += other.bytes_out;
  bytes_in += other.bytes_in;
  first = std::min(first, other.first);
  last = std::max(last, other.last);
  where = std::min(where, other.where);
}

Evidence gather(const Snapshot& snapshot, const RuleSet& rules) { return Gathering(snapshot, rules).run(); }

}  // namespace demarc::learning
