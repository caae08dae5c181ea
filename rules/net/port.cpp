#include "rules/net/port.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace demarc {

PortSet::PortSet(std::initializer_list<PortRange> ranges) : PortSet(of(std::vector(ranges))) {}

PortSet PortSet::of(std::vector<PortRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  PortSet set;
  for (const PortRange& range : ranges) {
    if (!set.ranges_.empty() && range.first.number() <= set.ranges_.back().last.number() + 1) {
      set.ranges_.back().last = std::max(set.ranges_.back().last, range.last);
    } else {
      set.ranges_.push_back(range);
    }
  }
  return set;
}

bool PortSet::contains(Port port) const {
  auto after = std::upper_bound(ranges_.begin(), ranges_.end(), port,
                                [](Port p, const PortRange& r) { return p < r.first; });
  return after != ranges_.begin() && std::prev(after)->contains(port);
}

PortSet PortSet::unite(const PortSet& other) const {
  std::vector<PortRange> both = ranges_;
  both.insert(both.end(), other.ranges_.begin(), other.ranges_.end());
  return of(std::move(both));
}

PortSet PortSet::intersect(const PortSet& other) const {
  PortSet out;
  for (auto a = ranges_.begin(), b = other.ranges_.begin(); a != ranges_.end() && b != other.ranges_.end();) {
    Port first = std::max(a->first, b->first), last = std::min(a->last, b->last);
    if (first <= last) out.ranges_.push_back({first, last});
    (a->last < b->last ? a : b)++;
  }
  return out;
}

PortSet PortSet::minus(const PortSet& other) const {
  PortSet out;
  for (PortRange rest : ranges_) {
    bool used_up = false;
    for (const PortRange& cut : other.ranges_) {
      if (cut.last < rest.first) continue;
      if (cut.first > rest.last) break;
      if (cut.first > rest.first)
        out.ranges_.push_back({rest.first, Port(static_cast<std::uint16_t>(cut.first.number() - 1))});
      if (cut.last >= rest.last) {
        used_up = true;
        break;
      }
      rest.first = Port(static_cast<std::uint16_t>(cut.last.number() + 1));
    }
    if (!used_up) out.ranges_.push_back(rest);
  }
  return out;
}

std::optional<Port> PortSet::only() const {
  if (ranges_.size() != 1 || ranges_[0].first != ranges_[0].last) return std::nullopt;
  return ranges_[0].first;
}

std::uint32_t PortSet::size() const {
  std::uint32_t total = 0;
  for (const PortRange& range : ranges_) total += range.size();
  return total;
}

std::string to_string(Port port) { return std::to_string(port.number()); }

std::string to_string(const PortRange& range) {
  return range.first == range.last ? to_string(range.first)
                                   : fmt::format("{}-{}", range.first.number(), range.last.number());
}

std::string to_string(const PortSet& set) {
  std::string out;
  for (const PortRange& range : set.ranges()) out += (out.empty() ? "" : ",") + to_string(range);
  return out;
}

namespace {
std::optional<Port> parse_port(std::string_view text) {
  std::uint32_t number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool whole =
      problem == std::errc() && end == text.data() + text.size() && (text.size() == 1 || text.front() != '0');
  if (!whole || number > 65535) return std::nullopt;
  return Port(static_cast<std::uint16_t>(number));
}
}  // namespace

Result<PortRange> parse_port_range(std::string_view text) {
  std::size_t dash = text.find('-');
  std::optional<Port> first = parse_port(text.substr(0, dash));
  std::optional<Port> last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
  if (!first || !last)
    return failure(fmt::format("'{}' is neither a port nor a range of ports", text),
                   "decimal numbers from 0 to 65535: 443 or 1024-5000");
  if (*last < *first)
    return failure(fmt::format("the range '{}' runs backwards", text),
                   fmt::format("write {}-{}", last->number(), first->number()));
  return PortRange{*first, *last};
}

Result<PortSet> parse_port_set(std::string_view text) {
  std::vector<PortRange> ranges;
  for (std::size_t begin = 0;;) {
    std::size_t comma = text.find(',', begin);
    ranges.push_back(DEMARC_TRY(parse_port_range(text.substr(begin, comma - begin))));
    if (comma == std::string_view::npos) break;
    begin = comma + 1;
  }
  return PortSet::of(std::move(ranges));
}

}  // namespace demarc
