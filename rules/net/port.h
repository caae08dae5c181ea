// Ports, ranges of them, and sets of ranges as engineers write them: "1-79,81-442".
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/text/result.h"

namespace demarc {

/// A TCP or UDP port. Port 0 may stand in an ACE but is never probed (RFC 6335 §6).
class Port {
 public:
  constexpr Port() = default;
  explicit constexpr Port(std::uint16_t number) : number_(number) {}
  constexpr std::uint16_t number() const { return number_; }
  auto operator<=>(const Port&) const = default;

 private:
  std::uint16_t number_ = 0;
};

/// Both ends belong to it; first <= last.
struct PortRange {
  Port first, last;
  static constexpr PortRange single(Port port) { return {port, port}; }
  static constexpr PortRange all() { return {Port{0}, Port{65535}}; }
  constexpr bool contains(Port port) const { return first <= port && port <= last; }
  constexpr std::uint32_t size() const { return std::uint32_t{last.number()} - first.number() + 1U; }
  auto operator<=>(const PortRange&) const = default;
};

/// Sorted, disjoint, never two ranges that touch: equal sets compare equal.
class PortSet {
 public:
  PortSet() = default;
  PortSet(std::initializer_list<PortRange> ranges);
  static PortSet of(std::vector<PortRange> ranges);
  static PortSet single(Port port) { return PortSet{PortRange::single(port)}; }
  static PortSet all() { return PortSet{PortRange::all()}; }              // 0-65535: what a filter can name
  static PortSet probeable() { return PortSet{{Port{1}, Port{65535}}}; }  // 1-65535: what a scan can ask

  bool empty() const { return ranges_.empty(); }
  bool contains(Port port) const;
  bool contains(const PortSet& other) const { return other.minus(*this).empty(); }
  bool overlaps(const PortSet& other) const { return !intersect(other).empty(); }
  PortSet unite(const PortSet& other) const;
  PortSet intersect(const PortSet& other) const;
  PortSet minus(const PortSet& other) const;
  /// The port, if it holds one alone.
  std::optional<Port> only() const;
  std::uint32_t size() const;
  const std::vector<PortRange>& ranges() const { return ranges_; }

  auto operator<=>(const PortSet&) const = default;

 private:
  std::vector<PortRange> ranges_;
};

std::string to_string(Port port);
std::string to_string(const PortRange& range);  // "80" or "80-90"
std::string to_string(const PortSet& set);      // "22,80-90"; "" when empty

/// "22,80-90": decimal, no leading zeros, no blanks, no empty parts, no range that runs backwards. The error has no
/// place.
Result<PortRange> parse_port_range(std::string_view text);
Result<PortSet> parse_port_set(std::string_view text);

}  // namespace demarc
