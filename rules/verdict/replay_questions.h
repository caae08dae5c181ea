// Conversations as questions to one device, each kind of question decided once. Internal to this folder.
#pragma once

#include <array>
#include <optional>
#include <unordered_map>

#include "rules/acl/translated_view.h"
#include "rules/net/address_intervals.h"
#include "rules/verdict/replay.h"

namespace demarc {

class ConversationQuestions {
 public:
  /// Both must outlive it.
  ConversationQuestions(const Device& device, const Routing& routing);

  struct Answer {
    bool meets = true;
    ConversationFate fate = {};
  };
  /// References stay valid. `real`: its ends behind other translations than this device's, where they are known.
  /// `answered`: something came back.
  const Answer& ask(const ObservedFlow& flow, const RealEnds* real, bool answered);

 private:
  struct Key {
    std::uint64_t ends = 0, ports = 0;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const noexcept {
      std::uint64_t h = (k.ends ^ (k.ports * 0xD6E8FEB86659FD93ULL)) * 0x9E3779B97F4A7C15ULL;
      return static_cast<std::size_t>(h ^ (h >> 32));
    }
  };
  using Classes = std::array<std::uint8_t, 256>;

  void read_device();
  std::uint32_t place_of(const Address& address);
  Answer decide(const Address& initiator, const Address& responder, const ObservedFlow& flow, Port port,
                bool answered);
  /// `opening`: of what is not the opening itself, what began the conversation.
  ConversationFate decide_leg(Leg leg, const ConcretePacket& packet, const ReplayRoute& route, bool port_open,
                              bool related, const Box* opening = nullptr);
  /// Whom the device sends the packet to: the destination, or what it is translated to where that is known.
  Address led_to(const ConcretePacket& packet, const ReplayRoute& route) const;
  std::vector<InterfaceId> one_of_each(const ByteSet& allowed, const Classes& classes) const;

  const Device& device_;
  const Routing& routing_;
  Decider decider_;
  Translations translations_;
  AddressIntervals intervals_;
  bool by_address_ = false;  // wildcards with holes: no two addresses are alike
  AddressSet faces_;         // what it translates as a destination
  std::unordered_map<Address, std::uint32_t> addresses_;
  std::vector<std::uint16_t> port_class_;
  std::vector<Port> ephemeral_;  // one of each class above 1023
  Classes ingress_{}, egress_{};
  std::unordered_map<Key, Answer, KeyHash> answers_;
};

}  // namespace demarc
