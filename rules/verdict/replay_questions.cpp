#include "rules/verdict/replay_questions.h"

#include <fmt/format.h>

#include <algorithm>

namespace demarc {

namespace {

constexpr std::uint16_t kEphemeralFirst = 1024;  // where initiators' ports lie that nobody wrote down

void refine(std::array<std::uint8_t, 256>& classes, const ByteSet& set) {
  if (set.is_all() || set.empty()) return;
  std::array<int, 512> fresh;
  fresh.fill(-1);
  int next = 0;
  for (unsigned n = 0; n < 256; ++n) {
    const bool in = set.contains(static_cast<std::uint8_t>(n));
    int& c = fresh[std::size_t{classes[n]} * 2 + (in ? 1 : 0)];
    if (c < 0) c = next++;
    classes[n] = static_cast<std::uint8_t>(c);
  }
}
ByteSet set_of(const std::vector<InterfaceId>& ids) {
  ByteSet set;
  for (const InterfaceId id : ids) set.insert(id);
  return ids.empty() ? ByteSet::all() : set;
}

/// The query's answer; none: it has none.
std::optional<IcmpType> reply_to(Family family, IcmpType query) {
  const std::optional<std::uint8_t> type = icmp_reply_type(family, query.type);
  return type ? std::optional(IcmpType{*type, std::uint8_t{0}}) : std::nullopt;
}

}  // namespace

ConversationQuestions::ConversationQuestions(const Device& device, const Routing& routing)
    : device_(device), routing_(routing), decider_(device), translations_(device) {
  read_device();
}

void ConversationQuestions::read_device() {
  std::vector<Address> cuts = routing_.cuts;
  std::vector<bool> begins(65537);
  begins[0] = begins[kEphemeralFirst] = true;
  const auto cut_addresses = [&](const AddressSet& set) {
    if (set != AddressSet::all()) add_cuts(set, cuts);
  };
  const auto cut_ports = [&begins](const PortSet& set) {
    for (const PortRange& r : set.ranges())
      begins[r.first.number()] = true, begins[std::size_t{r.last.number()} + 1] = true;
  };
  const auto cut_match = [&](const Match& m) {
    cut_addresses(m.box.sources), cut_addresses(m.box.destinations);
    cut_ports(m.box.ports), cut_ports(m.box.source_ports);
    refine(ingress_, m.box.ingress), refine(egress_, m.box.egress);
    by_address_ = by_address_ || m.source_bits || m.destination_bits;
  };
  for (const Nat& nat : device_.nats) {
    cut_match(nat.match);
    if (nat.kind == Nat::Kind::destination && !nat.exempt) faces_ = faces_.unite(nat.match.box.destinations);
    // Each host of the network has an address of its own in the other one.
    by_address_ = by_address_ || nat.to_network;
  }
  for (const Stage& stage : device_.stages)
    refine(ingress_, set_of(stage.ingress)), refine(egress_, set_of(stage.egress));
  for (const List& list : device_.lists) {
    for (const Entry& e : list.entries)
      for (const std::vector<Match>* matches : {&e.match, &e.maybe})
        for (const Match& m : *matches) cut_match(m);
  }
  intervals_ = AddressIntervals(std::move(cuts));
  port_class_.resize(65536);
  std::uint32_t number = 0;
  for (std::uint32_t p = 0; p < 65536; ++p) {
    if (begins[p] && p != 0) ++number;
    port_class_[p] = static_cast<std::uint16_t>(number);
    if (begins[p] && p >= kEphemeralFirst) ephemeral_.push_back(Port(static_cast<std::uint16_t>(p)));
  }
}

std::uint32_t ConversationQuestions::place_of(const Address& address) {
  if (!by_address_) return intervals_.find(address);
  return addresses_.emplace(address, static_cast<std::uint32_t>(addresses_.size())).first->second;
}

const ConversationQuestions::Answer& ConversationQuestions::ask(const ObservedFlow& flow, const RealEnds* real,
                                                                bool answered) {
  // What this device translates itself it is asked as it stood on the wire.
  const bool as_seen = real == nullptr || faces_.contains(flow.responder);
  const Address& initiator = as_seen ? flow.initiator : real->initiator;
  const Address& responder = as_seen ? flow.responder : real->responder;
  const Port port = as_seen ? flow.port : real->port;
  const Key key = [&] {
    Key k;
    k.ends = std::uint64_t{place_of(initiator)} << 32 | place_of(responder);
    const std::uint64_t to = flow.protocol.is_icmp()
                                 ? std::uint64_t{flow.icmp.type} << 8 | flow.icmp.code.value_or(0)
                                 : std::uint64_t{port_class_[port.number()]};
    const std::uint64_t from =
        flow.initiator_port.number() == 0 ? 0xFFFFFU : std::uint64_t{port_class_[flow.initiator_port.number()]};
    k.ports = std::uint64_t{flow.protocol.number()} << 56 | std::uint64_t{answered} << 55 |
              std::uint64_t{flow.parent != kNone32} << 54 | from << 16 | to;
    return k;
  }();
  const auto known = answers_.find(key);
  if (known != answers_.end()) return known->second;
  return answers_.emplace(key, decide(initiator, responder, flow, port, answered)).first->second;
}

ConversationQuestions::Answer ConversationQuestions::decide(const Address& initiator, const Address& responder,
                                                            const ObservedFlow& flow, Port port, bool answered) {
  Answer out;
  ReplayRoute there = routing_.route(initiator, responder, false);
  const bool port_open = flow.protocol.has_ports() && flow.initiator_port.number() == 0;
  ConcretePacket packet;
  packet.packet = {initiator, responder, flow.protocol, flow.initiator_port, port, flow.icmp};
  if (flow.protocol.is_icmp() && !packet.packet.icmp.code) packet.packet.icmp.code = std::uint8_t{0};
  packet.context = {};  // SYN, fresh, whole
  const Address end = led_to(packet, there);
  if (end != responder) there = routing_.route(initiator, end, false);
  out.meets = there.meets;
  if (!out.meets) return out;
  out.fate = decide_leg(Leg::opening, packet, there, port_open, flow.parent != kNone32);
  // Where state lets the rest by, and where only one list was named, the opening is all.
  if (device_.replies_implied || routing_.list != kNoList || out.fate.fate == Fate::deny) return out;
  const auto also = [&](ConversationFate next) {
    if (next.fate == Fate::deny || (next.fate == Fate::undetermined && out.fate.fate == Fate::permit))
      out.fate = std::move(next);
  };
  const Box opening = PacketQuestion::of(packet).packets;
  packet.context.state = ConnectionState::established;
  packet.context.flags = tcp_flag::ack;
  if (flow.protocol == Protocol::tcp || answered)
    also(decide_leg(Leg::onward, packet, there, port_open, false, &opening));
  if (!answered || out.fate.fate == Fate::deny) return out;
  ConcretePacket back = packet;
  std::swap(back.packet.source, back.packet.destination);
  std::swap(back.packet.source_port, back.packet.port);
  back.context.flags = tcp_flag::syn | tcp_flag::ack;
  if (flow.protocol.is_icmp()) {
    const std::optional<IcmpType> reply = reply_to(initiator.family(), flow.icmp);
    if (!reply) return out;
    back.packet.icmp = *reply;
  }
  const ReplayRoute home = routing_.route(end, initiator, true);
  if (home.meets) also(decide_leg(Leg::reply, back, home, port_open, false, &opening));
  return out;
}

Address ConversationQuestions::led_to(const ConcretePacket& packet, const ReplayRoute& route) const {
  if (!faces_.contains(packet.packet.destination)) return packet.packet.destination;
  Box box = PacketQuestion::of(packet).packets;
  box.egress = ByteSet::all();
  // By whichever interface it may have come in and be translated: to go on elsewhere it was.
  for (const InterfaceId in : one_of_each(route.ingress, ingress_)) {
    box.ingress = ByteSet{in};
    AddressSet led;
    for (const Course& course : translations_.courses(box, Way::through).courses)
      led = led.unite(course.seen(Stage{}, box).destinations);
    if (const std::optional<Address> to = led.only(); to && to != packet.packet.destination) return *to;
  }
  return packet.packet.destination;
}

std::vector<InterfaceId> ConversationQuestions::one_of_each(const ByteSet& allowed, const Classes& classes) const {
  std::vector<InterfaceId> out;
  std::array<bool, 256> seen{};
  for (unsigned n = 0; n < 256; ++n) {
    const auto id = static_cast<InterfaceId>(n);
    if (!allowed.contains(id) || seen[classes[n]]) continue;
    seen[classes[n]] = true;
    out.push_back(id);
  }
  return out;
}

ConversationFate ConversationQuestions::decide_leg(Leg leg, const ConcretePacket& asked, const ReplayRoute& route,
                                                   bool port_open, bool related, const Box* opening) {
  std::vector<InterfaceId> in = one_of_each(route.ingress, ingress_), out = one_of_each(route.egress, egress_);
  if (in.empty()) in.push_back(0);
  if (out.empty()) out.push_back(0);
  std::vector<Port> ports{leg == Leg::reply ? asked.packet.port : asked.packet.source_port};
  if (port_open) ports = ephemeral_;
  std::optional<FilterDecision> permit, deny, open;
  bool ports_differ = false;
  const auto one_round = [&](ConnectionState state) {
    for (const Port port : ports) {
      bool any_permit = false, any_deny = false;
      for (const InterfaceId i : in)
        for (const InterfaceId o : out) {
          // What enters by an interface does not leave by it again, where it has a choice.
          if (route.way == Way::through && i == o && (in.size() > 1 || out.size() > 1)) continue;
          ConcretePacket packet = asked;
          (leg == Leg::reply ? packet.packet.port : packet.packet.source_port) = port;
          packet.context.ingress = i, packet.context.egress = o;
          packet.context.state = state;
          PacketQuestion question = PacketQuestion::of(packet, route.way);
          question.list = routing_.list;
          if (opening != nullptr) {
            question.opening = *opening;
            question.is_reply = leg == Leg::reply;
            question.opening->ingress = ByteSet{question.is_reply ? o : i};
            question.opening->egress = ByteSet{question.is_reply ? i : o};
            if (port_open) question.opening->source_ports = PortSet::single(port);
          }
          const FilterDecision d = decider_.decide(question);
          any_permit = any_permit || d.fate == Fate::permit;
          any_deny = any_deny || d.fate == Fate::deny;
          std::optional<FilterDecision>& slot = d.fate == Fate::permit ? permit
                                                : d.fate == Fate::deny ? deny
                                                                       : open;
          if (!slot) slot = d;
        }
      ports_differ = ports_differ || !(any_permit && any_deny);
    }
  };
  one_round(asked.context.state);
  ConversationFate fate;
  fate.leg = leg;
  if (related && deny && !permit && !open) {
    // What a helper announced is related; whether the device has that helper, its configuration seldom says.
    const FilterDecision denied = *deny;
    permit.reset(), deny.reset(), open.reset();
    one_round(ConnectionState::related);
    if (permit && !deny && !open) {
      fate.fate = Fate::undetermined;
      fate.by = denied.by;
      fate.why = "it passes only if the device follows the conversation that announced it";
      return fate;
    }
    permit.reset(), open.reset();
    deny = denied;
  }
  const std::optional<FilterDecision>& decides = open ? open : deny ? deny : permit;
  fate.by = decides->by;
  fate.why = decides->why;
  fate.fate = open || (permit && deny) ? Fate::undetermined : deny ? Fate::deny : Fate::permit;
  if (!open && permit && deny)
    fate.why = ports_differ && ports.size() > 1
                   ? fmt::format("the initiator's port was not recorded, and it matters: {}", deny->why)
                   : fmt::format("by which interface it goes is not known, and it matters: {}", deny->why);
  return fate;
}

}  // namespace demarc
