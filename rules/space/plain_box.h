// Boxes as products. A box may hold packets of both families and of protocols with and without ports, so what two
// boxes have in common cannot be told field by field. Its plain parts can: of one family, and of protocols that
// have the same fields. What another box leaves of a plain one is again a few plain ones, so that for the few boxes
// around one line of a list no set has to be made.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "rules/net/address.h"
#include "rules/space/box.h"
#include "rules/space/packet_set.h"

namespace demarc {

/// A box of one family whose protocols have the same fields. It holds at least one packet.
class PlainBox {
 public:
  /// The parts of a box, disjoint, at most eight; none where no packet is as the box says.
  static std::vector<PlainBox> parts_of(const Box& box);

  /// Whether both hold some packet.
  bool meets(const Box& other) const;
  /// Whether the other one holds all packets of this one.
  bool is_within(const Box& other) const;
  /// Appends what the other one leaves of this one, disjoint.
  void take_away(const Box& other, std::vector<PlainBox>& rest) &&;
  /// Its packets of these kinds, if there are any.
  std::optional<PlainBox> only(const FragmentSet& fragments) const;
  /// As of a set of the same packets: one that somebody would really send.
  ConcretePacket sample() const;

  const Box& box() const { return box_; }

 private:
  PlainBox(Box box, bool tcp, bool ports, bool icmp)
      : box_(std::move(box)), tcp_(tcp), ports_(ports), icmp_(icmp) {}
  /// Whether its packets have every field that the other one constrains, and are of its family.
  bool has_fields_of(const Box& other) const;

  Box box_;
  bool tcp_, ports_, icmp_;  // which fields its packets have
};

}  // namespace demarc
