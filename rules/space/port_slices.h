// A set prepared for a million questions "which ports of B may A open?": what a verdict asks for each scanned host.
#pragma once

#include <memory>

#include "rules/space/packet_set.h"

namespace demarc {

/// Answers as PacketSet::ports_between does, with the context fixed once. The first call for a kind of pair does the
/// work, later ones look it up. Lives as long as the set's space; not for several threads at once.
class PortSlices {
 public:
  explicit PortSlices(const PacketSet& set, const SliceContext& fixed = SliceContext::opening());
  ~PortSlices();
  PortSlices(const PortSlices&) = delete;
  PortSlices& operator=(const PortSlices&) = delete;

  /// Valid until the next call. For ICMP the numbers are type << 8 | code; a protocol without either has all or none.
  const PortSet& between(const Address& source, const Address& destination, Protocol protocol);

 private:
  struct Prepared;
  std::unique_ptr<Prepared> prepared_;
};

}  // namespace demarc
