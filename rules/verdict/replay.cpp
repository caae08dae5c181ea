#include "rules/verdict/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "rules/net/address_intervals.h"
#include "rules/verdict/flow_judge.h"
#include "rules/verdict/replay_questions.h"

namespace demarc {

namespace {

/// Datagrams that nobody answers, and that are use all the same (`replies: none`).
class OneWay {
 public:
  explicit OneWay(const RuleSet* rules) {
    if (rules == nullptr) return;
    for (const Rule& rule : rules->rules) {
      PortSet ports;
      for (const std::uint32_t s : rule.services)
        if (const Service& service = rules->services.at(s); service.one_way) ports = ports.unite(service.udp);
      if (!ports.empty()) rows_.push_back({&rule, std::move(ports)});
    }
  }
  bool is_use(const Address& initiator, const Address& responder, Protocol protocol, Port port) const {
    return protocol == Protocol::udp && std::any_of(rows_.begin(), rows_.end(), [&](const Row& r) {
             return r.ports.contains(port) && r.rule->from.addresses.contains(initiator) &&
                    r.rule->to.addresses.contains(responder);
           });
  }

 private:
  struct Row {
    const Rule* rule;
    PortSet ports;
  };
  std::vector<Row> rows_;
};

/// Where records that fare alike are added up.
class Rows {
 public:
  explicit Rows(std::vector<ReplayedFlow>& rows) : rows_(rows) {}

  void add(const ReplayedFlow& flow) {
    const Key key{flow.initiator,
                  flow.responder,
                  flow.protocol,
                  flow.port,
                  flow.icmp,
                  flow.now.by.list,
                  flow.now.by.entry.value_or(kNone32),
                  flow.now.leg};
    const auto [at, is_new] = index_.emplace(key, rows_.size());
    if (is_new) return rows_.push_back(flow);
    ReplayedFlow& row = rows_[at->second];
    row.conversations += flow.conversations;
    row.established += flow.established;
    row.initiator_certain = row.initiator_certain && flow.initiator_certain;
    if (flow.first < row.first) row.first = flow.first, row.file = flow.file, row.record = flow.record;
    row.last = std::max(row.last, flow.last);
  }

 private:
  struct Key {
    Address initiator, responder;
    Protocol protocol;
    Port port;
    IcmpType icmp;
    ListIndex list;
    std::uint32_t entry;
    Leg leg;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& k) const noexcept {
      const std::hash<Address> address;
      std::uint64_t h = address(k.initiator) * 0x9E3779B97F4A7C15ULL ^ address(k.responder);
      h = (h ^ (h >> 31) ^ (std::uint64_t{k.port.number()} << 24 | std::uint64_t{k.protocol.number()} << 8 | k.icmp.type)) *
          0xD6E8FEB86659FD93ULL;
      return static_cast<std::size_t>((h ^ (h >> 32) ^ k.entry ^ (std::uint64_t{k.list} << 5)) * 0x9E3779B97F4A7C15ULL);
    }
  };
  std::vector<ReplayedFlow>& rows_;
  std::unordered_map<Key, std::size_t, Hash> index_;
};

void sort(std::vector<ReplayedFlow>& rows) {
  const auto order = [](const ReplayedFlow& f) {
    return std::tuple(f.now.by.list, f.now.by.entry.value_or(kNone32), f.now.leg, ~f.established, ~f.conversations,
                      f.initiator, f.responder, f.protocol, f.port, f.icmp);
  };
  std::sort(rows.begin(), rows.end(),
            [&](const ReplayedFlow& a, const ReplayedFlow& b) { return order(a) < order(b); });
}

}  // namespace

std::string_view name(Leg leg) {
  switch (leg) {
    case Leg::opening: return "opening";
    case Leg::onward: return "onward";
    case Leg::reply: return "reply";
  }
  return "";
}

Routing routing_by_networks(const Device& device) {
  Routing routing;
  struct Network {
    AddressSet addresses;
    ByteSet behind;
  };
  auto networks = std::make_shared<std::vector<Network>>();
  ByteSet usable;
  const std::size_t count = std::min(device.interfaces.size(), kInterfacesMax);
  std::vector<AddressRange> own;
  for (std::size_t i = 0; i < count; ++i) {
    const Interface& interface = device.interfaces[i];
    if (interface.shut) continue;
    const auto id = static_cast<InterfaceId>(i);
    usable.insert(id);
    for (const Address& a : interface.addresses) own.push_back({a, a});
    if (!interface.networks.empty()) networks->push_back({AddressSet::of(interface.networks), ByteSet{id}});
  }
  // iptables and nftables name only the interfaces that their rules ask for: there may be others.
  if (device.dialect == Dialect::iptables || device.dialect == Dialect::nftables || count == 0)
    usable = ByteSet::all();
  const auto own_set = std::make_shared<const AddressSet>(AddressSet::of_ranges(std::move(own)));
  const auto cut = [&routing](const AddressSet& set) { add_cuts(set, routing.cuts); };
  for (const Network& n : *networks) cut(n.addresses);
  cut(*own_set);
  const auto side = [networks, usable](const Address& a) {
    for (const Network& n : *networks)
      if (n.addresses.contains(a)) return n.behind;
    return usable;
  };
  routing.route = [own_set, side](const Address& source, const Address& destination, bool) {
    ReplayRoute r;
    r.ingress = side(source), r.egress = side(destination);
    if (own_set->contains(destination))
      r.way = Way::to_device, r.egress = ByteSet::all();
    else if (own_set->contains(source))
      r.way = Way::from_device, r.ingress = ByteSet::all();
    else if (r.ingress == r.egress && r.ingress.size() == 1)
      r.meets = false;  // inside one network
    else if (r.ingress.size() == 1)
      r.egress = r.egress.minus(r.ingress);
    else if (r.egress.size() == 1)
      r.ingress = r.ingress.minus(r.egress);
    return r;
  };
  routing.assumed.push_back(
      networks->empty() ? "no interface has a network here: a conversation may enter and leave by any of them"
                        : "an address on an interface's network is behind that interface, any other one behind any "
                          "of the others");
  return routing;
}

Routing routing_said(const Device& device, std::optional<InterfaceId> in, std::optional<InterfaceId> out,
                     ListIndex list) {
  Routing routing = routing_by_networks(device);
  routing.list = list;
  routing.assumed.clear();
  if (list != kNoList) {
    routing.assumed.push_back(
        fmt::format("openings are asked of {} alone; what else they meet, and what comes back, is not asked",
                    device.lists[list].name));
    routing.route = [](const Address&, const Address&, bool) { return ReplayRoute{}; };
    return routing;
  }
  routing.assumed.push_back(fmt::format("openings enter by {} and leave by {}, and replies the other way round",
                                        in ? device.interfaces[*in].name : "any interface",
                                        out ? device.interfaces[*out].name : "any interface"));
  const auto networks = routing.route;
  const ByteSet entering = in ? ByteSet{*in} : ByteSet::all(), leaving = out ? ByteSet{*out} : ByteSet::all();
  routing.route = [entering, leaving, networks](const Address& source, const Address& destination, bool reply) {
    ReplayRoute r = networks(source, destination, reply);
    r.meets = true;
    r.ingress = reply ? leaving : entering, r.egress = reply ? entering : leaving;
    return r;
  };
  return routing;
}

Replay replay(const Device& candidate, const Routing& routing, std::span<const FlowEvidence> flows,
              const ReplayOptions& options) {
  Replay out;
  ConversationQuestions now(candidate, routing);
  std::optional<ConversationQuestions> present;
  if (options.present != nullptr) present.emplace(*options.present, options.present_routing);
  const OneWay one_way(options.rules);
  Rows breaks(out.breaks), undetermined(out.undetermined), attempts(out.attempts), admits(out.admits);
  for (const FlowEvidence& evidence : flows) {
    for (const ObservedFlow& flow : evidence.flows) {
      const bool has_real = flow.real < evidence.real_ends.size();
      const RealEnds* real = has_real ? &evidence.real_ends[flow.real] : nullptr;
      if ((real != nullptr && real->seen_twice) ||
          (flow.protocol.is_icmp() && is_icmp_error(flow.initiator.family(), flow.icmp.type)) ||
          is_link_address(flow.initiator) || is_link_address(flow.responder)) {
        ++out.no_conversation;
        continue;
      }
      const Address initiator = real != nullptr ? real->initiator : flow.initiator;
      const Address responder = real != nullptr ? real->responder : flow.responder;
      const Port port = real != nullptr ? real->port : flow.port;
      const bool is_use = flow.established != 0 || one_way.is_use(initiator, responder, flow.protocol, port);
      const bool answered = flow.established != 0 || flow.packets_in != 0;
      const ConversationQuestions::Answer& answer = now.ask(flow, real, answered);
      const std::uint64_t conversations = std::max<std::uint64_t>(flow.conversations, 1);
      if (!answer.meets) {
        out.elsewhere += conversations;
        continue;
      }
      out.conversations += conversations;
      const Fate fate = answer.fate.fate;
      const ConversationQuestions::Answer* before = present ? &present->ask(flow, real, answered) : nullptr;
      const bool changes = before == nullptr ? fate != Fate::permit : before->meets && before->fate.fate != fate;
      if (!changes || (before == nullptr && !is_use && fate == Fate::undetermined)) {
        out.passing += conversations;
        continue;
      }
      ReplayedFlow row;
      row.initiator = initiator, row.responder = responder;
      row.protocol = flow.protocol, row.port = port, row.icmp = flow.icmp;
      row.initiator_certain = flow.initiator_certain;
      row.conversations = conversations, row.established = flow.established;
      row.first = flow.first, row.last = flow.last;
      row.file = flow.source < evidence.sources.size() ? std::string_view(evidence.sources[flow.source].file)
                                                       : std::string_view(evidence.file);
      row.record = flow.record;
      row.now = answer.fate;
      if (before != nullptr) row.before = before->fate;
      if (fate == Fate::permit && before != nullptr && before->fate.fate == Fate::deny) {
        admits.add(row);
      } else if (!is_use) {
        if (fate == Fate::deny)
          attempts.add(row);
        else
          out.passing += conversations;
      } else if (fate == Fate::deny && (before == nullptr || before->fate.fate == Fate::permit)) {
        breaks.add(row);
      } else {
        undetermined.add(row);
      }
    }
  }
  for (std::vector<ReplayedFlow>* rows : {&out.breaks, &out.undetermined, &out.attempts, &out.admits}) sort(*rows);
  return out;
}

}  // namespace demarc
