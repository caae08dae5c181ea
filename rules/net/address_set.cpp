#include "rules/net/address_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace demarc {

namespace {

Address next(const Address& a) { return Address::of(a.family(), a.number() + 1); }
Address before(const Address& a) { return Address::of(a.family(), a.number() - 1); }
Uint128 largest(Family family) { return family == Family::ipv4 ? Uint128{0xFFFFFFFF} : ~Uint128{0}; }

bool touches(const AddressRange& a, const AddressRange& b) {  // a.first <= b.first
  if (a.last.family() != b.first.family()) return false;
  return b.first <= a.last || (a.last.number() != largest(a.last.family()) && next(a.last) == b.first);
}

}  // namespace

AddressSet::AddressSet(std::initializer_list<Prefix> prefixes)
    : AddressSet(of(std::span(prefixes.begin(), prefixes.size()))) {}

AddressSet AddressSet::of(std::span<const Prefix> prefixes) {
  std::vector<AddressRange> ranges;
  ranges.reserve(prefixes.size());
  for (const Prefix& prefix : prefixes) ranges.push_back({prefix.first(), prefix.last()});
  return of_ranges(std::move(ranges));
}

AddressSet AddressSet::of_ranges(std::vector<AddressRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  AddressSet set;
  for (const AddressRange& range : ranges) {
    if (!set.ranges_.empty() && touches(set.ranges_.back(), range)) {
      set.ranges_.back().last = std::max(set.ranges_.back().last, range.last);
    } else {
      set.ranges_.push_back(range);
    }
  }
  return set;
}

AddressSet AddressSet::all() {
  return AddressSet{Prefix::containing(Address::ipv4(0), 0), Prefix::containing(Address::ipv6(0, 0), 0)};
}

AddressSet AddressSet::all(Family family) {
  return AddressSet{Prefix::containing(Address::of(family, 0), 0)};
}

bool AddressSet::contains(const Address& address) const {
  auto after = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                [](const Address& a, const AddressRange& r) { return a < r.first; });
  return after != ranges_.begin() && address <= std::prev(after)->last;
}

AddressSet AddressSet::unite(const AddressSet& other) const {
  std::vector<AddressRange> both = ranges_;
  both.insert(both.end(), other.ranges_.begin(), other.ranges_.end());
  return of_ranges(std::move(both));
}

AddressSet AddressSet::intersect(const AddressSet& other) const {
  AddressSet out;
  for (auto a = ranges_.begin(), b = other.ranges_.begin(); a != ranges_.end() && b != other.ranges_.end();) {
    Address first = std::max(a->first, b->first), last = std::min(a->last, b->last);
    if (first <= last) out.ranges_.push_back({first, last});
    (a->last < b->last ? a : b)++;
  }
  return out;
}

AddressSet AddressSet::minus(const AddressSet& other) const {
  AddressSet out;
  auto b = other.ranges_.begin();
  for (AddressRange rest : ranges_) {
    bool used_up = false;
    while (b != other.ranges_.end() && b->last < rest.first) ++b;
    for (auto cut = b; cut != other.ranges_.end() && cut->first <= rest.last; ++cut) {
      if (cut->first > rest.first) out.ranges_.push_back({rest.first, before(cut->first)});
      if (cut->last >= rest.last) {
        used_up = true;
        break;
      }
      rest.first = next(cut->last);
    }
    if (!used_up) out.ranges_.push_back(rest);
  }
  return out;
}

std::optional<Address> AddressSet::only() const {
  if (ranges_.size() != 1 || ranges_[0].first != ranges_[0].last) return std::nullopt;
  return ranges_[0].first;
}

Uint128 AddressSet::size() const {
  Uint128 total = 0;
  for (const AddressRange& range : ranges_) {
    Uint128 steps = range.last.number() - range.first.number();
    if (steps == ~Uint128{0} || total + steps < total || total + steps + 1 == 0) return ~Uint128{0};
    total += steps + 1;
  }
  return total;
}

std::vector<Prefix> AddressSet::prefixes() const {
  std::vector<Prefix> out;
  for (const AddressRange& range : ranges_) {
    Family family = range.first.family();
    Uint128 first = range.first.number(), last = range.last.number();
    while (true) {
      unsigned free_bits = 0;  // the largest aligned block that begins at `first` and ends by `last`
      while (free_bits < bits(family)) {
        Uint128 block = free_bits + 1 >= 128 ? ~Uint128{0} : (Uint128{1} << (free_bits + 1)) - 1;
        if ((first & block) != 0 || block > last - first) break;
        ++free_bits;
      }
      Uint128 block = free_bits >= 128 ? ~Uint128{0} : (Uint128{1} << free_bits) - 1;
      out.push_back(Prefix::containing(Address::of(family, first), bits(family) - free_bits));
      if (block >= last - first) break;
      first += block + 1;
    }
  }
  return out;
}

std::string to_string(const AddressSet& set, std::size_t shown) {
  std::vector<Prefix> prefixes = set.prefixes();
  std::string out;
  for (std::size_t i = 0; i < prefixes.size() && i < shown; ++i)
    out += (i == 0 ? "" : ", ") + to_string(prefixes[i]);
  if (prefixes.size() > shown) out += fmt::format(" and {} more", prefixes.size() - shown);
  return out.empty() ? "none" : out;
}

}  // namespace demarc
