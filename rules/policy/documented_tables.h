// What an address or a port stands for in a rule set (documented.cpp). Internal to this folder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "rules/net/address_intervals.h"
#include "rules/policy/approval.h"

namespace demarc::documented {

inline constexpr std::uint32_t kNone = 0xFFFFFFFF;

inline std::size_t mix(std::size_t h, std::uint64_t value) {
  h ^= value + 0x9E3779B97F4A7C15ULL + (h << 6) + (h >> 2);
  return h * 0xD6E8FEB86659FD93ULL;
}

/// Address sets by number, and which of them hold an address: a segment tree over the elementary intervals.
class SetTable {
 public:
  std::uint32_t add(const AddressSet& set) {
    std::size_t h = set.ranges().size();
    for (const AddressRange& r : set.ranges())
      h = mix(mix(mix(h, r.first.low()), r.first.high() ^ r.last.high()), r.last.low());
    auto [begin, end] = by_hash_.equal_range(h);
    for (auto it = begin; it != end; ++it)
      if (*sets_[it->second] == set) return it->second;
    auto number = static_cast<std::uint32_t>(sets_.size());
    sets_.push_back(&set);
    by_hash_.emplace(h, number);
    return number;
  }

  void build() {
    std::vector<Address> cuts;
    for (const AddressSet* set : sets_) {
      for (const AddressRange& r : set->ranges()) {
        cuts.push_back(r.first);
        if (Address end = r.last; next_address(end)) cuts.push_back(end);
      }
    }
    intervals_ = AddressIntervals(std::move(cuts));
    std::size_t n = intervals_.size();
    tree_.resize(2 * n);
    holders_.resize(n);
    known_.resize(n, false);
    for (std::uint32_t number = 0; number < sets_.size(); ++number) {
      for (const AddressRange& r : sets_[number]->ranges()) {
        std::size_t left = slot(r.first) + n, right = slot(r.last) + 1 + n;
        for (; left < right; left >>= 1, right >>= 1) {
          if (left & 1) tree_[left++].push_back(number);
          if (right & 1) tree_[--right].push_back(number);
        }
      }
    }
  }

  /// The elementary interval: addresses of one slot are in the same sets.
  std::uint32_t slot(const Address& a) const { return intervals_.find(a); }
  const std::vector<std::uint32_t>& holders(std::uint32_t slot) {
    if (!known_[slot]) {
      known_[slot] = true;
      for (std::size_t node = slot + std::size_t{intervals_.size()}; node >= 1; node >>= 1)
        holders_[slot].insert(holders_[slot].end(), tree_[node].begin(), tree_[node].end());
    }
    return holders_[slot];
  }
  std::size_t size() const { return sets_.size(); }

 private:
  std::vector<const AddressSet*> sets_;
  std::unordered_multimap<std::size_t, std::uint32_t> by_hash_;
  AddressIntervals intervals_;
  std::vector<std::vector<std::uint32_t>> tree_, holders_;
  std::vector<bool> known_;
};

/// The ports a service answers on (ICMP: type << 8 | code); `all` and whole protocols are every number.
inline PortSet ports_of(const Service& s, Protocol protocol) {
  if (s.all || std::find(s.ip.begin(), s.ip.end(), protocol) != s.ip.end()) return PortSet::all();
  if (protocol == Protocol::tcp) return s.tcp.unite(s.related_tcp);
  if (protocol == Protocol::udp) return s.udp.unite(s.related_udp);
  if (protocol == Protocol::sctp) return s.sctp;
  if (protocol == Protocol::icmp) return IcmpSet::of(s.icmp).numbers();
  if (protocol == Protocol::icmpv6) return IcmpSet::of(s.icmpv6).numbers();
  return {};
}

/// Which services speak a port of one protocol: every port has a class, every class a list of services.
struct PortClasses {
  std::vector<std::uint32_t> of_port;                // 65,536
  std::vector<std::vector<std::uint32_t>> services;  // by class
  std::vector<bool> by_source_port;                  // by class: some service of it fixes the source port

  PortClasses(const RuleSet& rules, Protocol protocol) : of_port(65536) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> begins, ends;  // port, service
    std::vector<std::uint32_t> cuts{0};
    for (std::uint32_t s = 0; s < rules.services.size(); ++s) {
      const PortSet ports = ports_of(rules.services[s], protocol);
      for (const PortRange& r : ports.ranges()) {
        begins.emplace_back(r.first.number(), s);
        ends.emplace_back(r.last.number() + 1U, s);
        cuts.push_back(r.first.number());
        cuts.push_back(r.last.number() + 1U);
      }
    }
    std::sort(begins.begin(), begins.end());
    std::sort(ends.begin(), ends.end());
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    std::map<std::vector<std::uint32_t>, std::uint32_t> classes;
    std::vector<std::uint32_t> now;  // sorted
    auto begin = begins.begin();
    auto end = ends.begin();
    for (std::size_t i = 0; i < cuts.size() && cuts[i] < 65536; ++i) {
      for (; end != ends.end() && end->first <= cuts[i]; ++end)
        now.erase(std::lower_bound(now.begin(), now.end(), end->second));
      for (; begin != begins.end() && begin->first <= cuts[i]; ++begin)
        now.insert(std::lower_bound(now.begin(), now.end(), begin->second), begin->second);
      auto [found, fresh] = classes.emplace(now, static_cast<std::uint32_t>(services.size()));
      if (fresh) {
        services.push_back(now);
        by_source_port.push_back(std::any_of(
            now.begin(), now.end(), [&](std::uint32_t s) { return rules.services[s].source_ports.has_value(); }));
      }
      std::uint32_t last = i + 1 < cuts.size() ? std::min<std::uint32_t>(cuts[i + 1], 65536) : 65536;
      std::fill(of_port.begin() + cuts[i], of_port.begin() + last, found->second);
    }
  }
};

/// A rule, an exception or a forbidden entry.
struct Entry {
  enum class Kind : std::uint8_t { rule, exception, forbidden } kind;
  std::uint32_t number;
  const std::vector<std::uint32_t>* services;
  std::uint32_t from, to;  // into the set tables
};

inline std::uint16_t port_number(const Packet& packet) {
  if (packet.protocol.is_icmp())
    return static_cast<std::uint16_t>(packet.icmp.type << 8 | packet.icmp.code.value_or(0));
  return packet.protocol.has_ports() ? packet.port.number() : std::uint16_t{0};
}

}  // namespace demarc::documented
