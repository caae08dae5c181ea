// Short lines for sets of packets: what a person would write instead of each address that a zone has.
//
// An exact list is often long where a short one says the same: "any" is the internet where nobody else comes by,
// and a port need not be named where every port is approved. So each condition of a line is dropped as long as
// nothing passes that may not. Where only a few packets are in the way, they are denied first:
//
//   deny   udp 198.51.100.0 0.0.0.15 eq 53 host 192.0.2.5
//   permit udp any                   eq 53 host 192.0.2.5
#pragma once

#include <vector>

#include "rules/acl/writers/writer.h"
#include "rules/space/packet_set.h"

namespace demarc {

/// By what a shorter line is right.
struct ShortTerms {
  PacketSet here = {};  // packets that come by and that nothing before decides; what is outside is nobody's concern
  PacketSet may = {};   // what may pass
  PacketSet must = {};  // what no deny may stop
  /// The line that stood there. New ones take its conditions where that is right, and permit nothing beyond it.
  std::vector<Match> line = {};
  bool denies = true;  // a line may deny (in a security group none does)
};

class ShortLines {
 public:
  ShortLines(PacketSpace& space, ShortTerms terms);

  /// Entries that let these packets pass and stay within the terms. None: not in few.
  std::vector<IntendedEntry> permit(const PacketSet& packets);
  /// The same for boxes that are within the terms, each by itself. Only their addresses are shortened.
  std::vector<IntendedEntry> permit(const std::vector<Box>& boxes);
  /// The box in one entry of few addresses, if that is right. None: it is long.
  std::vector<IntendedEntry> widened(const Box& box) const;
  /// Entries that stop these packets, none of which must pass.
  std::vector<IntendedEntry> deny(const PacketSet& packets);

 private:
  /// Which conditions may be dropped, beside those that the line that stood there did not have.
  struct Drop {
    bool flags = false, ports = false, addresses = false;
  };
  bool may_pass(const PacketSet& packets) const;
  template <typename Fits>
  Box relaxed(Box box, Drop drop, const Fits& fits) const;
  void add(const Box& box, Drop drop, std::vector<IntendedEntry>& out);
  bool add_with_denies(const Box& box, std::vector<IntendedEntry>& out);

  PacketSpace& space_;
  ShortTerms terms_;
  PacketSet within_;  // what the line that stood there matches
  PacketSet permitted_;
};

/// Prefixes that the box's pairs of addresses take: lines, where a line names one of each.
std::size_t address_lines(const Box& box);
/// Conditions that a list's place implies (state, fragments, interfaces) are not written into its entries.
PacketSet plain(const PacketSet& packets);

}  // namespace demarc
