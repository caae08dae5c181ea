#include "rules/verdict/flow_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "rules/net/app_protocol.h"

namespace demarc {

namespace {

/// Of addresses behind one translation so many are told apart; more are not all approved for all we know.
constexpr std::uint32_t kSourcesMax = 4096;

std::uint16_t number_of(const Packet& p) {
  return p.protocol.is_icmp() ? static_cast<std::uint16_t>((p.icmp.type << 8) | p.icmp.code.value_or(0))
                              : p.port.number();
}

/// Where the kinds of addresses that no zone can claim begin (rules/net/address.cpp, classify).
std::vector<Address> class_boundaries() {
  std::vector<Address> out;
  for (const std::uint32_t n : {0x00000001U, 0x01000000U, 0x0A000000U, 0x0B000000U, 0x64400000U, 0x64800000U,
                                0x7F000000U, 0x80000000U, 0xA9FE0000U, 0xA9FF0000U, 0xAC100000U, 0xAC200000U,
                                0xC0A80000U, 0xC0A90000U, 0xE0000000U, 0xF0000000U, 0xFFFFFFFFU})
    out.push_back(Address::ipv4(n));
  out.push_back(Address::ipv6(0, 1));
  out.push_back(Address::ipv6(0, 2));
  for (const std::uint64_t high : {0x0064FF9B00000000ULL, 0x0064FF9C00000000ULL, 0x2000000000000000ULL,
                                   0x4000000000000000ULL, 0xFC00000000000000ULL, 0xFE00000000000000ULL,
                                   0xFE80000000000000ULL, 0xFEC0000000000000ULL, 0xFF00000000000000ULL})
    out.push_back(Address::ipv6(high, 0));
  return out;
}

/// Everything by which the rule set tells addresses apart.
AddressIntervals intervals_of(const RuleSet& rules) {
  std::vector<Address> firsts = class_boundaries();
  const auto add = [&firsts](const AddressSet& set) {
    for (const AddressRange& r : set.ranges()) {
      firsts.push_back(r.first);
      if (Address end = r.last; next_address(end)) firsts.push_back(end);
    }
  };
  const auto add_one = [&](const Address& a) { add(AddressSet::single(a)); };
  for (const Zone& z : rules.zones) {
    add(z.addresses);
    for (const Prefix& p : z.cidrs) add(AddressSet{p});
  }
  for (const Rule& r : rules.rules) add(r.from.addresses), add(r.to.addresses);
  for (const Exception& x : rules.exceptions) add(x.rule.from.addresses), add(x.rule.to.addresses);
  for (const ForbiddenEntry& f : rules.forbidden) add(f.from.addresses), add(f.to.addresses);
  for (const Translation& t : rules.translations) add_one(t.seen_as), add(t.from.addresses);
  for (const SourceTranslation& t : rules.source_translations) add_one(t.seen_as), add(t.to.addresses);
  for (const Vip& v : rules.vips) add_one(v.address);
  return AddressIntervals(std::move(firsts));
}

std::vector<std::uint32_t> common(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::vector<std::uint32_t> out;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

/// What a service has to speak to announce conversations so.
bool may_announce(const Service& service, RelatedBy by) {
  if (service.all || service.speaks.empty()) return true;
  switch (by) {
    case RelatedBy::ftp: return satisfies("ftp", {}, service.speaks);
    case RelatedBy::msrpc: return satisfies("msrpc", {}, service.speaks);
    case RelatedBy::tftp: return satisfies("tftp", {}, service.speaks);
    case RelatedBy::sip: return satisfies("sip", {}, service.speaks) || satisfies("rtsp", {}, service.speaks);
    case RelatedBy::portmapper:
      return satisfies("rpcbind", {}, service.speaks) || satisfies("onc-rpc", {}, service.speaks);
  }
  return false;
}

/// Between the real ends.
Packet really_of(const Decision& d, Packet p) {
  if (d.initiator_translated) p.source = d.initiator;
  if (d.responder_translated) {
    p.destination = d.responder;
    p.port = d.port;
  }
  return p;
}

void set_ends(const Decision& d, const Packet& p, JudgedFlow& out) {
  out.initiator = d.initiator_translated ? d.initiator : p.source;
  out.responder = d.responder_translated ? d.responder : p.destination;
  out.port = d.responder_translated ? d.port : p.port;
}

}  // namespace

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

std::uint16_t flow_number(const ObservedFlow& f) {
  return f.protocol.is_icmp() ? static_cast<std::uint16_t>((f.icmp.type << 8) | f.icmp.code.value_or(0))
                              : f.port.number();
}

Packet packet_of(const ObservedFlow& f) {
  Packet p;
  p.source = f.initiator;
  p.destination = f.responder;
  p.protocol = f.protocol;
  if (f.protocol.is_icmp()) p.icmp = {f.icmp.type, f.icmp.code.value_or(0)};
  p.source_port = f.initiator_port;
  p.port = f.port;
  return p;
}

std::string spoken_name(const ServiceSeen& seen) {
  if (!is_app_protocol(seen.name)) return {};
  if (!is_app_protocol(seen.tls_inside)) return seen.name;
  return fmt::format("{} over {}", seen.tls_inside, seen.name);
}

std::string mismatch_words(const ServiceSeen& seen, std::string_view expected) {
  std::string what = seen.name;
  if (!seen.tls_inside.empty()) what += " with " + seen.tls_inside + " inside";
  if (!seen.product.empty()) what += " (" + seen.product + ")";
  return fmt::format("{} answers where {} is approved", what, expected);
}

FlowJudge::FlowJudge(const RuleSet& rules, const Trust& trust, const Translator& translator,
                     DocumentedOverTime& documented)
    : rules_(&rules),
      trust_(&trust),
      translator_(&translator),
      documented_(&documented),
      intervals_(intervals_of(rules)),
      face_(intervals_.size()),
      source_(intervals_.size()),
      epochs_(epochs(rules)) {
  zones_.reserve(intervals_.size());
  for (std::uint32_t i = 0; i < intervals_.size(); ++i) zones_.push_back(trust.zone_of(intervals_.first(i)));
  for (const Translation& t : rules.translations) face_[intervals_.find(t.seen_as)] = true;
  for (const Vip& v : rules.vips) face_[intervals_.find(v.address)] = true;
  for (const SourceTranslation& t : rules.source_translations) source_[intervals_.find(t.seen_as)] = true;
}

std::uint32_t FlowJudge::epoch_of(Timestamp at) {
  if (epoch_begin_ <= at && at < epoch_end_) return epoch_;
  const auto after = std::upper_bound(epochs_.begin(), epochs_.end(), at);
  epoch_ = static_cast<std::uint32_t>(after - epochs_.begin());
  epoch_begin_ = after == epochs_.begin() ? Timestamp(Nanoseconds::min()) : *std::prev(after);
  epoch_end_ = after == epochs_.end() ? Timestamp(Nanoseconds::max()) : *after;
  return epoch_;
}

bool FlowJudge::is_face(const Address& address) const {
  const std::uint32_t i = intervals_.find(address);
  return face_[i] || source_[i];
}

void FlowJudge::set_epochs(Timestamp first, Timestamp last) {
  const std::uint32_t a = epoch_of(first), b = epoch_of(last);
  if (a == epoch_first_ && b == epoch_last_ && decisions_.size() < kDecisionsMax) return;
  forget();
  epoch_first_ = a;
  epoch_last_ = b;
  at_first_ = first;
  at_last_ = last;
}

void FlowJudge::forget() {
  if (!decisions_.empty() && before_forgetting) before_forgetting();
  std::fill(slots_.begin(), slots_.end(), Slot{});
  decisions_.clear();
}

void FlowJudge::grow() {
  constexpr std::size_t kSlotsMin = 256;
  std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(std::max(kSlotsMin, slots_.size() * 2)));
  for (const Slot& slot : old)
    if (slot.decision != kNone32) slot_of(slot.key) = slot;
}

FlowJudge::Slot& FlowJudge::slot_of(const Key& key) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash(key) & mask;
  while (slots_[at].decision != kNone32 && slots_[at].key != key) at = (at + 1) & mask;
  return slots_[at];
}

const std::vector<std::uint32_t>& FlowJudge::ports_of(Protocol protocol) const {
  std::vector<std::uint32_t>& ports = ports_[protocol.number()];
  if (ports.empty()) {
    const Documented& doc = documented_->at(at_first_);
    ports.resize(65536);
    for (std::uint32_t p = 0; p < ports.size(); ++p) {
      const PortClass c = doc.port_class(protocol, static_cast<std::uint16_t>(p));
      ports[p] = c.number | (c.by_source_port ? 0x80000000U : 0U);
    }
  }
  return ports;
}

FlowJudge::Key FlowJudge::key_of(const Address& source, const Address& destination, Protocol protocol,
                                 std::uint16_t number, Port source_port, bool translate, bool inside) const {
  const std::uint32_t from = intervals_.find(source), to = intervals_.find(destination);
  const bool by_number = translate && face_[to];  // ports of a face may lead to different hosts
  const std::uint32_t ports = ports_of(protocol)[number];
  const bool by_source_port = (ports & 0x80000000U) != 0;
  // A port and its class fit in 17 bits.
  const std::uint64_t what = by_number ? number : ports & 0x7FFFFFFFU;
  return {std::uint64_t{from} << 32 | to,
          std::uint64_t{protocol.number()} << 56 | std::uint64_t{translate} << 55 |
              std::uint64_t{inside && translate && (face_[to] || source_[from])} << 54 |
              std::uint64_t{by_number} << 53 | what << 16 | (by_source_port ? source_port.number() : 0U)};
}

FlowJudge::Key FlowJudge::key_of(const ObservedFlow& flow, bool inside) const {
  const Key key =
      key_of(flow.initiator, flow.responder, flow.protocol, flow_number(flow), flow.initiator_port, true, inside);
  if (!slots_.empty()) __builtin_prefetch(&slots_[hash(key) & (slots_.size() - 1)]);
  return key;
}

FlowJudge::Slot* FlowJudge::plainly_approved(const Key& key) {
  if (slots_.empty()) return nullptr;
  Slot& slot = slot_of(key);
  return slot.decision != kNone32 && slot.plain ? &slot : nullptr;
}

Decision& FlowJudge::decide(const Packet& packet, bool translate, bool inside) {
  if (decisions_.size() * 2 >= slots_.size()) grow();
  const Key key = key_of(packet.source, packet.destination, packet.protocol, number_of(packet), packet.source_port,
                         translate, inside);
  Slot& slot = slot_of(key);
  if (slot.decision != kNone32) return decisions_[slot.decision];
  slot.key = key;
  slot.decision = static_cast<std::uint32_t>(decisions_.size());
  decisions_.push_back(make(packet, translate, inside));
  const Decision& d = decisions_.back();
  if (!d.judgement.approved_by.empty())
    slot.rule = rules_->rules[d.judgement.approved_by.front()].id;
  else if (!d.judgement.approved_by_exception.empty())
    slot.rule = rules_->exceptions[d.judgement.approved_by_exception.front()].rule.id;
  slot.plain = d.judgement.approved && d.to != kNoZone && !d.initiator_translated && !d.responder_translated &&
               !d.many_sources &&
               std::none_of(d.uses.begin(), d.uses.end(), [](const UseOf& u) { return u.one_way; });
  return decisions_.back();
}

/// Approved only if it is so at its first and at its last packet.
Judgement FlowJudge::judged(const Packet& packet) {
  Judgement verdict = documented_->at(at_first_).judge(packet);
  if (verdict.approved && epoch_last_ != epoch_first_) {
    const Judgement& later = documented_->at(at_last_).judge(packet);
    if (!later.approved) verdict = later;
  }
  return verdict;
}

/// A virtual address stands for its members: what is approved to one of them is approved to it.
void FlowJudge::judge_through_vip(const Packet& packet, Judgement& judgement) {
  if (judgement.approved) return;
  for (const Vip& vip : rules_->vips) {
    if (vip.address != packet.destination) continue;
    const bool served =
        vip.services.empty() || std::any_of(vip.services.begin(), vip.services.end(), [&](const std::string& n) {
          const Service* s = rules_->service(n);
          return s != nullptr && service_has(*s, packet.protocol, number_of(packet));
        });
    for (const Address& member : translator_->vip_members(packet.destination)) {
      Packet p = packet;
      p.destination = member;
      Judgement other = judged(p);
      if (!served) other.approved = false;
      const bool better = other.approved || (judgement.forbidden_by.empty() && !other.forbidden_by.empty()) ||
                          (judgement.forbidden_by.empty() && judgement.not_in_force.empty());
      if (better) judgement = std::move(other);
      if (judgement.approved) return;
    }
  }
}

/// Many addresses may stand behind one: what holds for all of them holds for whoever it was.
void FlowJudge::judge_sources(const AddressSet& sources, const Packet& packet, Decision& d) {
  std::uint32_t asked = 0, approved = 0;
  for (const AddressRange& range : sources.ranges()) {
    if (range.first.family() != packet.destination.family()) continue;
    const std::uint32_t last = intervals_.find(range.last);
    for (std::uint32_t i = intervals_.find(range.first); i <= last && asked <= kSourcesMax; ++i) {
      Packet p = packet;
      p.source = std::max(range.first, intervals_.first(i));
      Judgement one = judged(p);
      judge_through_vip(p, one);
      if (++asked == 1) {
        d.from = zones_[i];
        d.judgement = one;
      } else {
        d.many_sources = true;
        if (d.from != zones_[i]) d.from = kNoZone;
        d.judgement.approved_by = common(d.judgement.approved_by, one.approved_by);
        d.judgement.approved_by_exception = common(d.judgement.approved_by_exception, one.approved_by_exception);
        if (!one.approved && d.judgement.forbidden_by.empty()) d.judgement.forbidden_by = one.forbidden_by;
      }
      approved += one.approved ? 1U : 0U;
    }
    d.many_sources = d.many_sources || range.first != range.last;
  }
  d.many_sources = d.many_sources || sources.ranges().size() > 1;
  d.source_unknown = approved != 0 && (approved != asked || asked > kSourcesMax);
  d.judgement.approved = asked != 0 && approved == asked && asked <= kSourcesMax;
}

Decision FlowJudge::make(const Packet& packet, bool translate, bool inside) {
  Decision d;
  Packet p = packet;
  // Inside of the filter translated addresses are real again; one that a host there has is that host's.
  const auto shows_another = [&](const Address& a) {
    return translate && !(inside && rules_->host_of(a) != nullptr);
  };
  if (face_[intervals_.find(p.destination)] && shows_another(p.destination)) {
    if (const auto real = translator_->real_of(p.destination, p.port, p.source)) {
      d.responder_translated = real->address != p.destination || real->port != p.port;
      p.destination = real->address;
      p.port = real->port;
    }
  }
  d.to = zones_[intervals_.find(p.destination)];
  d.from = zones_[intervals_.find(p.source)];
  const AddressSet* sources = nullptr;
  if (source_[intervals_.find(p.source)] && shows_another(p.source)) {
    for (const SourceTranslation& t : rules_->source_translations) {
      if (t.seen_as != p.source || t.real.addresses.empty()) continue;
      if (!t.to.addresses.contains(p.destination) && !t.to.addresses.contains(packet.destination)) continue;
      sources = &t.real.addresses;
      break;
    }
  }
  if (sources != nullptr) {
    judge_sources(*sources, p, d);
    d.initiator_translated = !d.many_sources;
    if (d.initiator_translated) p.source = sources->ranges().front().first;
  } else {
    d.judgement = judged(p);
    if (translate) judge_through_vip(p, d.judgement);
  }
  d.initiator = p.source;
  d.responder = p.destination;
  d.port = p.port;
  const auto note_uses = [&](std::uint32_t index, const Rule& rule, bool is_exception) {
    for (const std::uint32_t s : rule.services) {
      const Service& service = rules_->services[s];
      if (service.all || service_has(service, p.protocol, number_of(p)))
        d.uses.push_back({index, s, is_exception, service.one_way && p.protocol != Protocol::tcp, nullptr});
    }
  };
  if (d.judgement.approved) {
    for (const std::uint32_t r : d.judgement.approved_by) note_uses(r, rules_->rules[r], false);
    for (const std::uint32_t x : d.judgement.approved_by_exception) note_uses(x, rules_->exceptions[x].rule, true);
  }
  return d;
}

void FlowJudge::judge_parent(const FlowEvidence& evidence, const ObservedFlow& flow, bool inside, JudgedFlow& out) {
  const ParentFlow& parent = evidence.parents[flow.parent];
  const RealEnds* real = flow.real < evidence.real_ends.size() ? &evidence.real_ends[flow.real] : nullptr;
  // What is known of the child's ends is known of its parent's.
  const auto really = [&](const Address& a) {
    if (real == nullptr) return a;
    return a == flow.initiator ? real->initiator : a == flow.responder ? real->responder : a;
  };
  Packet p;
  p.source = really(parent.initiator);
  p.destination = really(parent.responder);
  p.protocol = parent.protocol;
  p.port = parent.port;
  out.announced = &parent;
  Decision& d = decide(p, true, inside);
  out.parent = &d;
  out.parent_packet = really_of(d, p);
  if (!d.judgement.approved) {
    if (d.from == d.to && trust_->intra_allowed(d.to) &&
        trust_->same_subnet(out.parent_packet.source, out.parent_packet.destination, d.to))
      return;
    out.carried = Carried::by_unapproved;
    return;
  }
  out.carried = Carried::not_announcing;
  for (const UseOf& use : d.uses) {
    const Service& s = rules_->services[use.service];
    if (!s.related_tcp.empty() || !s.related_udp.empty()) {
      const PortSet& ports = flow.protocol == Protocol::tcp ? s.related_tcp : s.related_udp;
      const bool lies_inside = flow.protocol.has_ports() && ports.contains(flow.port);
      out.carried = lies_inside ? Carried::by_parent : Carried::outside_related;
    } else if (may_announce(s, parent.by)) {
      out.carried = Carried::by_parent;
    }
    if (out.carried == Carried::by_parent) return;
  }
}

/// A capture that began in the middle may have taken the answer for the question.
bool FlowJudge::reverse_is_approved(const ObservedFlow& flow, bool inside, JudgedFlow& out) {
  if (flow.initiator_certain || flow.initiator_port.number() == 0 || !flow.protocol.has_ports()) return false;
  Packet p = packet_of(flow);
  std::swap(p.source, p.destination);
  std::swap(p.source_port, p.port);
  Decision& d = decide(p, true, inside);
  if (!d.judgement.approved) return false;
  out.turned = true;
  out.decision = &d;
  out.from = d.from;
  out.to = d.to;
  set_ends(d, p, out);
  return true;
}

void FlowJudge::judge(const FlowEvidence& evidence, const ObservedFlow& flow, bool inside, JudgedFlow& out) {
  out.state = FlowState::no_conversation;
  out.parent = nullptr;
  out.announced = nullptr;
  out.carried = Carried::no;
  out.forbidden_by.clear();
  out.turned = out.routing = out.on_the_link = out.seen_twice = false;
  // An ICMP error belongs to the conversation it quotes; as a flow of its own it says nothing (semantics.md
  // section 3).
  if (flow.protocol.is_icmp() && is_icmp_error(flow.initiator.family(), flow.icmp.type)) return;
  set_epochs(flow.first, flow.last);
  const RealEnds* real = flow.real < evidence.real_ends.size() ? &evidence.real_ends[flow.real] : nullptr;
  Packet p = packet_of(flow);
  if (real != nullptr) {
    p.source = real->initiator;
    p.destination = real->responder;
    if (flow.protocol.has_ports()) p.port = real->port;
    out.seen_twice = real->seen_twice;
  }
  Decision& d = decide(p, real == nullptr, inside);
  out.decision = &d;
  out.from = d.from;
  out.to = d.to;
  set_ends(d, p, out);
  if (flow.parent < evidence.parents.size()) judge_parent(evidence, flow, inside, out);
  if (d.judgement.approved && out.carried != Carried::by_parent && out.to != kNoZone) {
    out.carried = Carried::no;
    out.state = FlowState::approved;
    return;
  }
  out.on_the_link = is_link_address(out.responder) || is_link_address(out.initiator) ||
                    trust_->is_subnet_broadcast(out.responder, out.to) || (out.from == out.to && is_dhcp(flow));
  out.routing = is_routing(flow);
  if (out.routing && out.on_the_link && out.to == kNoZone)
    out.to = out.from;  // a multicast group is heard where it is spoken to
  out.forbidden_by = d.judgement.forbidden_by;
  if (out.carried == Carried::by_parent) {
    // An entry that leaves the parent's rule alone leaves alone what it announces.
    const Judgement& by = out.parent->judgement;
    std::erase_if(out.forbidden_by, [&](std::uint32_t f) {
      const std::vector<std::string>& except = rules_->forbidden[f].except_rules;
      const auto excepted = [&](const std::string& id) {
        return std::find(except.begin(), except.end(), id) != except.end();
      };
      return std::any_of(by.approved_by.begin(), by.approved_by.end(),
                         [&](std::uint32_t r) { return excepted(rules_->rules[r].id); }) ||
             std::any_of(by.approved_by_exception.begin(), by.approved_by_exception.end(),
                         [&](std::uint32_t x) { return excepted(rules_->exceptions[x].rule.id); });
    });
    if (out.forbidden_by.empty()) {
      out.state = FlowState::approved;
      return;
    }
  }
  if (d.judgement.approved) {
    out.carried = Carried::no;
    out.state = FlowState::approved;
  } else if (out.on_the_link && !out.routing) {
    out.state = FlowState::link_control;
  } else if (out.from == out.to && trust_->intra_allowed(out.to) &&
             trust_->same_subnet(out.initiator, out.responder, out.to)) {
    out.state = FlowState::same_subnet;
  } else if (reverse_is_approved(flow, inside, out)) {
    out.state = FlowState::approved;
  } else {
    out.state = out.forbidden_by.empty() ? FlowState::undocumented : FlowState::forbidden;
  }
}

}  // namespace demarc
