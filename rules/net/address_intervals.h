// Which of many intervals an address lies in. Rule sets cut the address space at every end of every range they
// name; between two neighbouring cuts all addresses are treated alike, so a judgement for one of them serves all. A
// million flow records ask this two million times: a directory by the upper half of the address leaves a few steps.
#pragma once

#include <cstdint>
#include <vector>

#include "rules/net/address.h"

namespace demarc {

class AddressIntervals {
 public:
  /// One interval for each family.
  AddressIntervals() : AddressIntervals(std::vector<Address>{}) {}
  /// `firsts`: where intervals begin, in any order and however often. Each family begins one of its own.
  explicit AddressIntervals(std::vector<Address> firsts);

  /// Numbers rise with addresses, IPv6 follows IPv4.
  std::uint32_t find(const Address& address) const;
  std::uint32_t size() const { return static_cast<std::uint32_t>(ipv4_.size() + ipv6_.size()); }
  Address first(std::uint32_t interval) const;

 private:
  std::vector<std::uint32_t> ipv4_;
  std::vector<Uint128> ipv6_;
  std::vector<std::uint32_t> directory_;  // by the upper 16 bits: the interval that its first address lies in
};

class AddressSet;
/// Adds where intervals begin so that each lies in the set or outside of it.
void add_cuts(const AddressSet& set, std::vector<Address>& firsts);

/// The smallest address above, IPv6 following IPv4; false after the last one.
bool next_address(Address& address);

}  // namespace demarc
