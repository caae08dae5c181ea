// What a translation puts in the place of one end of packets, said once for a box of them and for a set: the
// device's own statements (translated_view.h) and those that the rule set declares for a path are both made of it.
#pragma once

#include <optional>

#include "rules/acl/device.h"
#include "rules/space/packet_set.h"

namespace demarc {

struct Rewriting {
  enum class End : std::uint8_t { source, destination } end = End::destination;
  AddressSet addresses = {};           // every packet gets one of its family
  std::optional<Prefix> network = {};  // instead, for that family: each host keeps its bits behind this prefix
  std::optional<PortSet> ports = {};   // and one of these, where it has ports; none: it keeps its own

  /// What packets become.
  Box image(const Box& packets) const;
  PacketSet image(const PacketSet& packets) const;
  /// All packets that may become one of these.
  PacketSet origin(const PacketSet& packets) const;

 private:
  AddressSet places() const;
  template <typename F>
  PacketSet by_ports(const PacketSet& packets, F&& rewrite) const;
};

}  // namespace demarc
