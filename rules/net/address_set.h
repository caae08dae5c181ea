// Sets of addresses as sorted ranges: what zones, groups and scopes are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rules/net/address.h"
#include "rules/net/prefix.h"

namespace demarc {

/// Both ends belong to it and are of one family; first <= last.
struct AddressRange {
  Address first, last;
  auto operator<=>(const AddressRange&) const = default;
};

/// Sorted, disjoint, and never two ranges that touch: equal sets compare equal.
class AddressSet {
 public:
  AddressSet() = default;
  AddressSet(std::initializer_list<Prefix> prefixes);
  static AddressSet of(std::span<const Prefix> prefixes);
  static AddressSet of_ranges(std::vector<AddressRange> ranges);
  static AddressSet single(const Address& address) { return of_ranges({{address, address}}); }
  static AddressSet all();  // both families
  static AddressSet all(Family family);

  bool empty() const { return ranges_.empty(); }
  bool contains(const Address& address) const;
  bool contains(const AddressSet& other) const { return other.minus(*this).empty(); }
  bool overlaps(const AddressSet& other) const { return !intersect(other).empty(); }
  AddressSet unite(const AddressSet& other) const;
  AddressSet intersect(const AddressSet& other) const;
  AddressSet minus(const AddressSet& other) const;
  /// The address, if it holds one alone.
  std::optional<Address> only() const;
  /// How many addresses; saturates at the largest number.
  Uint128 size() const;
  const std::vector<AddressRange>& ranges() const { return ranges_; }
  /// The fewest prefixes that make up the set, in order.
  std::vector<Prefix> prefixes() const;

  auto operator<=>(const AddressSet&) const = default;

 private:
  std::vector<AddressRange> ranges_;
};

/// "192.0.2.0/26, 198.51.100.4"; at most `shown` prefixes, then "and N more".
std::string to_string(const AddressSet& set, std::size_t shown = 8);

}  // namespace demarc
