// A set prepared for a million questions "which ports of B may A open?": what a verdict asks for each scanned host.
#pragma once

#include <memory>

#include "rules/space/packet_set.h"

namespace demarc {

/// Answers as PacketSet::ports_between does, with the context fixed once. The first call for a kind of pair does
/// the work, later ones look it up. Lives as long as the set's space; not for several threads at once.
class PortSlices {
 public:
  /// `copy_limits` bound the prepared copy. A set that needs more is still answered, slowly.
  explicit PortSlices(const PacketSet& set, const SliceContext& fixed = SliceContext::opening(),
                      SpaceLimits copy_limits = {.nodes_max = 8'000'000, .steps_max = 200'000'000});
  ~PortSlices();
  PortSlices(const PortSlices&) = delete;
  PortSlices& operator=(const PortSlices&) = delete;

  /// Valid until the next call. For ICMP the numbers are type << 8 | code; a protocol without either has all or
  /// none.
  const PortSet& between(const Address& source, const Address& destination, Protocol protocol);
  bool is_prepared() const;  // or does every answer walk the set

 private:
  struct Prepared;
  std::unique_ptr<Prepared> prepared_;
};

}  // namespace demarc
