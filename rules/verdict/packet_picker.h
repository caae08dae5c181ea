// Packets out of boxes, for whoever tries a few before sets are made. Private to this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <random>

#include "rules/space/packet_set.h"

namespace demarc {

/// Packets of a box: ordinary ones first, then any.
class PacketPicker {
 public:
  explicit PacketPicker(std::uint64_t seed) : random_(seed) {}

  /// None where the box seems to have none of the kind; what is picked may still lie outside of a box that names
  /// fields which its protocols lack.
  std::optional<ConcretePacket> pick(const Box& box, unsigned attempt);

 private:
  std::optional<Address> address(const AddressSet& set, std::optional<Family> family, bool front, bool ordinary);
  bool protocol(const Box& box, bool ordinary, Protocol& out);
  Port port(const PortSet& set, bool front, bool ordinary, std::uint16_t usual);

  std::mt19937_64 random_;
  const AddressSet all_ = AddressSet::all();
};

}  // namespace demarc
