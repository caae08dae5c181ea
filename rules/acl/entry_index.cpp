#include "rules/acl/entry_index.h"

#include <algorithm>
#include <numeric>

namespace demarc {

namespace {

/// An entry with more ranges than this (a set of a whole country's prefixes) is held by its outer bounds.
constexpr std::size_t kRangesMax = 4096;

/// Of shorter lists an index costs more than it saves.
constexpr std::size_t kIndexedFrom = 32;

template <typename F>
void each_box(const List& list, F&& f) {
  for (std::uint32_t i = 0; i < list.entries.size(); ++i)
    for (const std::vector<Match>* matches : {&list.entries[i].match, &list.entries[i].maybe})
      for (const Match& m : *matches) f(i, m.box);
}

template <typename Range, typename F>
void each_range(const std::vector<Range>& ranges, F&& f) {
  if (ranges.size() > kRangesMax) return f(Range{ranges.front().first, ranges.back().last});
  for (const Range& r : ranges) f(r);
}

AddressIntervals cut(const List& list, AddressSet Box::*ends) {
  std::vector<Address> firsts;
  each_box(list, [&](std::uint32_t, const Box& box) {
    each_range((box.*ends).ranges(), [&](const AddressRange& r) {
      firsts.push_back(r.first);
      if (Address behind = r.last; next_address(behind)) firsts.push_back(behind);
    });
  });
  return AddressIntervals(std::move(firsts));
}

}  // namespace

template <typename F>
void EntryIndex::Tree::each_node(const Span& span, F&& f) const {
  Position left = span.first + leaves_, right = span.last + leaves_ + 1;
  for (; left < right; left /= 2, right /= 2) {
    if (left % 2 != 0) f(left++);
    if (right % 2 != 0) f(--right);
  }
}

void EntryIndex::Tree::build(Position size, std::span<const Span> spans) {
  while (leaves_ < size) leaves_ *= 2;
  begin_.assign(2 * std::size_t{leaves_} + 1, 0);
  for (const Span& span : spans) each_node(span, [&](Position node) { ++begin_[node + 1]; });
  for (std::size_t n = 1; n < begin_.size(); ++n) begin_[n] += begin_[n - 1];
  entries_.resize(begin_.back());
  std::vector<std::uint32_t> next = begin_;
  for (const Span& span : spans) each_node(span, [&](Position node) { entries_[next[node]++] = span.entry; });
}

std::size_t EntryIndex::Tree::path_length(Position at) const {
  std::size_t length = 0;
  for (Position node = at + leaves_; node != 0; node /= 2) length += begin_[node + 1] - begin_[node];
  return length;
}

void EntryIndex::Tree::path(Position at, std::vector<std::uint32_t>& out) const {
  for (Position node = at + leaves_; node != 0; node /= 2)
    out.insert(out.end(), entries_.begin() + begin_[node], entries_.begin() + begin_[node + 1]);
}

EntryIndex::EntryIndex(const List& list)
    : sources_(cut(list, &Box::sources)), destinations_(cut(list, &Box::destinations)), port_cuts_{0} {
  each_box(list, [&](std::uint32_t, const Box& box) {
    each_range(box.ports.ranges(), [&](const PortRange& r) {
      port_cuts_.push_back(r.first.number());
      if (r.last.number() != 65535) port_cuts_.push_back(static_cast<std::uint16_t>(r.last.number() + 1));
    });
  });
  std::sort(port_cuts_.begin(), port_cuts_.end());
  port_cuts_.erase(std::unique(port_cuts_.begin(), port_cuts_.end()), port_cuts_.end());

  std::vector<Span> spans;
  const auto by_address = [&](Tree& tree, const AddressIntervals& intervals, AddressSet Box::*ends) {
    spans.clear();
    each_box(list, [&](std::uint32_t i, const Box& box) {
      each_range((box.*ends).ranges(), [&](const AddressRange& r) {
        spans.push_back({intervals.find(r.first), intervals.find(r.last), i});
      });
    });
    tree.build(intervals.size(), spans);
  };
  by_address(by_source_, sources_, &Box::sources);
  by_address(by_destination_, destinations_, &Box::destinations);
  spans.clear();
  each_box(list, [&](std::uint32_t i, const Box& box) {
    each_range(box.ports.ranges(), [&](const PortRange& r) {
      spans.push_back({port_position(r.first), port_position(r.last), i});
    });
  });
  by_port_.build(static_cast<Position>(port_cuts_.size()), spans);
}

EntryIndex::Position EntryIndex::port_position(Port port) const {
  return static_cast<Position>(std::upper_bound(port_cuts_.begin(), port_cuts_.end(), port.number()) -
                               port_cuts_.begin() - 1);
}

void EntryIndex::candidates(const Address& source, const Address& destination, std::optional<Port> port,
                            std::vector<std::uint32_t>& out) const {
  out.clear();
  const Tree* best = &by_destination_;
  Position at = destinations_.find(destination);
  std::size_t length = by_destination_.path_length(at);
  const auto better = [&](const Tree& tree, Position position) {
    const std::size_t other = tree.path_length(position);
    if (other < length) best = &tree, at = position, length = other;
  };
  better(by_source_, sources_.find(source));
  if (port) better(by_port_, port_position(*port));
  best->path(at, out);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
}

ListIndices::ListIndices(const Device& device, unsigned asked_before)
    : device_(device), asked_before_(asked_before), asked_(device.lists.size()), indices_(device.lists.size()) {}

void ListIndices::candidates(ListIndex list, const Address& source, const Address& destination,
                             std::optional<Port> port, std::vector<std::uint32_t>& out) {
  if (!indices_[list]) {
    const List& asked = device_.lists.at(list);
    if (asked.entries.size() < kIndexedFrom || asked_[list]++ < asked_before_) return all(list, out);
    indices_[list] = std::make_unique<EntryIndex>(asked);
  }
  indices_[list]->candidates(source, destination, port, out);
}

void ListIndices::all(ListIndex list, std::vector<std::uint32_t>& out) const {
  out.resize(device_.lists.at(list).entries.size());
  std::iota(out.begin(), out.end(), 0U);
}

}  // namespace demarc
