// One conversation against the rule set: who really talks, what approves it, and through which other conversation.
//
// A million records ask few questions: all that matters of an address is the interval of the rule set it lies in,
// and of a port the services that have it. Each combination is judged once and remembered, whether ten rules stand
// behind it or ten thousand. Internal to this folder.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/net/address_intervals.h"
#include "rules/verdict/flow_list.h"
#include "rules/verdict/judging.h"

namespace demarc {

/// A rule or an exception and the service of it that a packet uses.
struct UseOf {
  std::uint32_t rule = 0;     // into RuleSet::rules or exceptions
  std::uint32_t service = 0;  // into RuleSet::services
  bool is_exception = false;
  bool one_way = false;       // datagrams alone are use
  CellFacts* cell = nullptr;  // the matrix cell, once somebody looked it up
};

/// What the rule set says of one kind of packet.
struct Decision {
  Judgement judgement;
  std::vector<UseOf> uses;
  ZoneIndex from = kNoZone, to = kNoZone;
  bool initiator_translated = false, responder_translated = false;  // by the rule set: they are, really,
  bool source_unknown = false;  // several addresses stand behind the initiator's, and not all of them are approved
  bool many_sources = false;    // several do, and it makes no difference
  Address initiator, responder;
  Port port;
  std::vector<std::pair<std::uint32_t, bool>> fits;  // kinds of recognised services, and whether they may speak
};

enum class Carried : std::uint8_t {
  no,               // no other conversation announced it
  by_parent,        // and so the parent's rule approves it
  outside_related,  // the parent is approved, but the port is not among those its service declares
  not_announcing,   // the parent is approved for a service that announces nothing
  by_unapproved,    // the parent is not approved
};

struct JudgedFlow {
  FlowState state = FlowState::no_conversation;
  Decision* decision = nullptr;  // about its own packet; valid until the next judge()
  Decision* parent = nullptr;    // about the conversation that announced it
  const ParentFlow* announced = nullptr;
  Packet parent_packet;  // that conversation's, between its real ends
  Carried carried = Carried::no;
  std::vector<std::uint32_t> forbidden_by;  // entries in effect for it
  bool turned = false;  // opened the other way round, as only that is approved and nobody saw the beginning
  bool routing = false, on_the_link = false;
  bool seen_twice = false;
  ZoneIndex from = kNoZone, to = kNoZone;
  Address initiator, responder;  // who really talks
  Port port;
};

class FlowJudge {
 public:
  FlowJudge(const RuleSet& rules, const Trust& trust, const Translator& translator, DocumentedOverTime& documented);

  /// Flows that come in the order of these instants are judged fastest.
  std::uint32_t epoch_of(Timestamp at);
  /// `inside`: the sensor is declared to stand inside of the filter, where translated addresses are real again.
  void judge(const FlowEvidence& evidence, const ObservedFlow& flow, bool inside, JudgedFlow& out);
  /// A packet by itself, at the instants of the flow judged last; valid until the next judge(). `translate`: its
  /// addresses are as seen, and the rule set's translations apply.
  Decision& decide(const Packet& packet, bool translate, bool inside);
  /// Is the address one that a translation shows instead of a host's own?
  bool is_face(const Address& address) const;

  // --- The short way, for what is plainly approved
  // A conversation that nothing announced, nothing translates and that is approved by rules without one-way
  // services needs no more than its slot: one cache line, in which what was used adds up.

  struct Key {
    std::uint64_t ends = 0, ports = 0;
    bool operator==(const Key&) const = default;
  };
  struct alignas(64) Slot {
    Key key;
    std::uint32_t decision = kNone32;  // kNone32: empty
    std::uint32_t fit_kind = kNone32;  // the kind of service that was recognised last, and may speak there
    std::uint64_t established = 0;     // conversations not yet added to anybody's facts
    Timestamp last;                    // of these
    std::string_view rule;             // the id of the rule that approves it
    bool plain = false;
  };
  /// What the flow is remembered by; its slot is on its way into the cache. Only for flows of the epochs at hand,
  /// and without parent, real ends and ICMP errors.
  Key key_of(const ObservedFlow& flow, bool inside) const;
  /// nullptr: not judged yet, or not as simple as that.
  Slot* plainly_approved(const Key& key);
  bool at_epochs(std::uint32_t first, std::uint32_t last) const {
    return first == epoch_first_ && last == epoch_last_;
  }
  Decision& decision(const Slot& slot) { return decisions_[slot.decision]; }
  /// Calls `f(slot)` for every slot with something in `established`, which the callee takes out.
  template <typename F>
  void drain(F f) {
    for (Slot& slot : slots_)
      if (slot.decision != kNone32 && slot.established != 0) f(slot);
  }
  /// Called before decisions are forgotten.
  std::function<void()> before_forgetting;

 private:
  static constexpr std::size_t kDecisionsMax = 200'000;  // remembered; beyond that they are made again

  static std::size_t hash(const Key& k) {
    std::uint64_t h = k.ends * 0x9E3779B97F4A7C15ULL;
    h ^= h >> 32;
    h = (h ^ k.ports) * 0xD6E8FEB86659FD93ULL;
    return static_cast<std::size_t>(h ^ (h >> 32));
  }

  void set_epochs(Timestamp first, Timestamp last);
  void forget();
  void grow();
  /// The slot of the key, or the empty one where it belongs.
  Slot& slot_of(const Key& key);
  Key key_of(const Address& source, const Address& destination, Protocol protocol, std::uint16_t number,
             Port source_port, bool translate, bool inside) const;
  const std::vector<std::uint32_t>& ports_of(Protocol protocol) const;
  Decision make(const Packet& packet, bool translate, bool inside);
  Judgement judged(const Packet& packet);
  void judge_through_vip(const Packet& packet, Judgement& judgement);
  void judge_sources(const AddressSet& sources, const Packet& packet, Decision& d);
  void judge_parent(const FlowEvidence& evidence, const ObservedFlow& flow, bool inside, JudgedFlow& out);
  bool reverse_is_approved(const ObservedFlow& flow, bool inside, JudgedFlow& out);

  const RuleSet* rules_;
  const Trust* trust_;
  const Translator* translator_;
  DocumentedOverTime* documented_;
  AddressIntervals intervals_;
  std::vector<ZoneIndex> zones_;     // by interval
  std::vector<bool> face_, source_;  // by interval: seen as a responder, as an initiator, instead of somebody
  std::vector<Timestamp> epochs_;
  std::uint32_t epoch_first_ = kNone32, epoch_last_ = kNone32;
  Timestamp at_first_, at_last_;
  std::uint32_t epoch_ = 0;                                    // the one asked for last,
  Timestamp epoch_begin_, epoch_end_;                          // and its instants: empty at first
  mutable std::array<std::vector<std::uint32_t>, 256> ports_;  // by protocol: class of each port, the top bit if
                                                               // its services fix the source port
  std::vector<Slot> slots_;  // a power of two of them, half empty
  std::deque<Decision> decisions_;
};

/// "ssh", "http over tls"; empty if it is no application protocol we know.
std::string spoken_name(const ServiceSeen& seen);
/// "ssh answers where tls is approved".
std::string mismatch_words(const ServiceSeen& seen, std::string_view expected);
/// Routing and first-hop redundancy talk to multicast groups and need a rule all the same (semantics.md section 1).
bool is_routing(const ObservedFlow& flow);
bool is_dhcp(const ObservedFlow& flow);
/// Multicast, broadcast, link-local, loopback or unspecified: no zone claims it.
bool is_link_address(const Address& address);
/// The packet that opens it.
Packet packet_of(const ObservedFlow& flow);
/// The port; for ICMP type << 8 | code.
std::uint16_t flow_number(const ObservedFlow& flow);

}  // namespace demarc
