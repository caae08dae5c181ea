#include "rules/net/address_intervals.h"

#include <algorithm>

#include "rules/net/address_set.h"

namespace demarc {

namespace {
constexpr std::size_t kBlocks = 65536;
constexpr std::size_t kDirectoryMin = 64;  // fewer intervals are found as fast without one
}  // namespace

AddressIntervals::AddressIntervals(std::vector<Address> firsts) : ipv4_{0}, ipv6_{0} {
  for (const Address& a : firsts) {
    if (a.is_ipv4())
      ipv4_.push_back(a.ipv4_number());
    else
      ipv6_.push_back(a.number());
  }
  const auto tidy = [](auto& list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    list.shrink_to_fit();
  };
  tidy(ipv4_);
  tidy(ipv6_);
  if (ipv4_.size() < kDirectoryMin) return;
  directory_.resize(kBlocks + 1);
  std::uint32_t at = 0;
  for (std::size_t block = 0; block < kBlocks; ++block) {
    const auto begin = static_cast<std::uint32_t>(block << 16);
    while (at + 1 < ipv4_.size() && ipv4_[at + 1] <= begin) ++at;
    directory_[block] = at;
  }
  directory_[kBlocks] = static_cast<std::uint32_t>(ipv4_.size() - 1);
}

std::uint32_t AddressIntervals::find(const Address& address) const {
  if (!address.is_ipv4()) {
    const auto above = std::upper_bound(ipv6_.begin(), ipv6_.end(), address.number());
    return static_cast<std::uint32_t>(ipv4_.size() + static_cast<std::size_t>(above - ipv6_.begin()) - 1);
  }
  const std::uint32_t number = address.ipv4_number();
  std::size_t low = 0, high = ipv4_.size() - 1;  // both can be the answer
  if (!directory_.empty()) {
    low = directory_[number >> 16];
    high = directory_[(number >> 16) + 1];
    if (low == high) return static_cast<std::uint32_t>(low);
  }
  // The last one that begins at or below. No branch to mispredict: in a dense block every step is a coin toss.
  const std::uint32_t* base = ipv4_.data() + low;
  for (std::size_t length = high - low + 1; length > 1;) {
    const std::size_t half = length / 2;
    base = base[half] <= number ? base + half : base;
    length -= half;
  }
  return static_cast<std::uint32_t>(base - ipv4_.data());
}

Address AddressIntervals::first(std::uint32_t interval) const {
  if (interval < ipv4_.size()) return Address::ipv4(ipv4_[interval]);
  return Address::of(Family::ipv6, ipv6_[interval - ipv4_.size()]);
}

void add_cuts(const AddressSet& set, std::vector<Address>& firsts) {
  for (const AddressRange& r : set.ranges()) {
    firsts.push_back(r.first);
    if (Address behind = r.last; next_address(behind)) firsts.push_back(behind);
  }
}

bool next_address(Address& address) {
  if (address.is_ipv4()) {
    address = address.ipv4_number() == 0xFFFFFFFF ? Address::ipv6(0, 0) : Address::ipv4(address.ipv4_number() + 1);
    return true;
  }
  if (address.number() == ~Uint128{0}) return false;
  address = Address::of(Family::ipv6, address.number() + 1);
  return true;
}

}  // namespace demarc
