// The rehearsal of a change: observed conversations through a candidate configuration, and which of them it would
// break. A conversation breaks if its opening does not pass, or on a filter without state what follows it, or what
// comes back.
//
// A million records ask few questions. All that matters of an address is the interval between the addresses that
// the configuration names, of a port the ranges it lies in; each combination is decided once.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/decide.h"
#include "rules/evidence/observed_flow.h"
#include "rules/policy/rule_set.h"

namespace demarc {

/// Where a packet between two addresses meets a device.
struct ReplayRoute {
  bool meets = true;  // false: it does not come here
  Way way = Way::through;
  ByteSet ingress = ByteSet::all(), egress = ByteSet::all();  // by one of these
  bool operator==(const ReplayRoute&) const = default;
};

/// How packets are led through a device.
struct Routing {
  std::vector<Address> cuts = {};  // from one of these to the next, addresses are led alike
  /// `reply`: of a conversation that the destination opened.
  std::function<ReplayRoute(const Address& source, const Address& destination, bool reply)> route = {};
  ListIndex list = kNoList;               // openings are asked of this list alone
  std::vector<std::string> assumed = {};  // sentences for people
};

/// By interfaces that somebody says for openings (replies the other way round), or by one list; what is none is as
/// routing_by_networks() sees it.
Routing routing_said(const Device& device, std::optional<InterfaceId> in, std::optional<InterfaceId> out,
                     ListIndex list);
/// By the networks on the interfaces: an address that lies in one is behind that interface, any other one behind
/// any interface. What belongs to the device goes to or comes from the device itself.
Routing routing_by_networks(const Device& device);

/// What of a conversation is asked.
enum class Leg : std::uint8_t {
  opening,  // the first packet
  onward,   // what its initiator sends later
  reply,
};
std::string_view name(Leg leg);  // "opening", "onward", "reply"

/// What becomes of a conversation, and where that is decided.
struct ConversationFate {
  Fate fate = Fate::permit;
  Leg leg = Leg::opening;
  DecidingLine by = {};
  std::string why = {};
};

/// Conversations of one initiator with one service, that fare alike.
struct ReplayedFlow {
  Address initiator = {}, responder = {};
  Protocol protocol = {};
  Port port = {};  // the responder's
  IcmpType icmp = {};
  bool initiator_certain = true;
  std::uint64_t conversations = 0, established = 0;
  Timestamp first = {}, last = {};
  std::string_view file = {};  // where the first of them stands, and its record or frame there
  std::uint32_t record = 0;
  ConversationFate now = {};     // in the candidate
  ConversationFate before = {};  // in the present configuration, where there is one
};

struct ReplayOptions {
  const RuleSet* rules = nullptr;  // whose one-way services are use without an answer
  const Device* present = nullptr;
  Routing present_routing = {};
};

/// Each list is sorted: by deciding line, then the most used first.
struct Replay {
  std::vector<ReplayedFlow> breaks = {};        // they are use, and would be stopped
  std::vector<ReplayedFlow> undetermined = {};  // of use it is not known
  std::vector<ReplayedFlow> attempts = {};      // never answered, and would be stopped
  std::vector<ReplayedFlow> admits = {};        // against a present one: stopped there, and would pass
  std::uint64_t conversations = 0;              // asked about: use and attempts
  std::uint64_t passing = 0;                    // of these, or as before
  std::uint64_t elsewhere = 0;                  // that do not come by this device
  std::uint64_t no_conversation = 0;            // records that are none (ICMP errors, seen twice)
};

/// The devices, the evidence and the rule set must outlive the result. May throw SpaceExhausted.
Replay replay(const Device& candidate, const Routing& routing, std::span<const FlowEvidence> flows,
              const ReplayOptions& options = {});

}  // namespace demarc
