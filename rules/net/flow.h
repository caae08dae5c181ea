// Who talks to whom. A five-tuple keeps who opened the conversation; a flow key forgets it, for look-ups only.
#pragma once

#include <algorithm>
#include <compare>
#include <string>

#include "rules/net/address.h"
#include "rules/net/icmp.h"
#include "rules/net/port.h"
#include "rules/net/protocol.h"

namespace demarc {

struct Endpoint {
  Address address;
  Port port;
  auto operator<=>(const Endpoint&) const = default;
};
std::string to_string(const Endpoint& endpoint);  // 192.0.2.1:80, [2001:db8::1]:80

/// A conversation with its direction. For ICMP the initiator's port is the identifier and the responder's is type
/// << 8 | code.
struct FiveTuple {
  Protocol protocol;
  Endpoint initiator, responder;
  auto operator<=>(const FiveTuple&) const = default;
};

/// The same two ends whichever spoke.
class FlowKey {
 public:
  explicit FlowKey(const FiveTuple& t) : protocol_(t.protocol), ends_(std::minmax(t.initiator, t.responder)) {}
  auto operator<=>(const FlowKey&) const = default;

 private:
  Protocol protocol_;
  std::pair<Endpoint, Endpoint> ends_;
};

/// One concrete packet that opens a conversation: the proof in a finding, the question of `explain`.
struct Packet {
  Address source, destination;
  Protocol protocol;
  Port source_port{}, port{};  // meaningful where the protocol has ports
  IcmpType icmp{};             // meaningful for ICMP and ICMPv6
  auto operator<=>(const Packet&) const = default;
};
/// "198.51.100.7 > 192.0.2.10 tcp/443", "... icmp echo-request".
std::string to_string(const Packet& packet);

}  // namespace demarc
