#include "rules/acl/readers/junos_books.h"

#include <fmt/format.h>

#include "rules/acl/readers/junos_values.h"

namespace demarc::junos {

namespace {

}  // namespace

void AddressBooks::read(NodeId books, const Zones& zones) {
  if (books != kNoNode) tree_.mark(books, Understanding::understood);
  for (const NodeId book : tree_.children(books)) {
    define(book);
    for (const NodeId z : tree_.children(tree_.find(book, {"attach", "zone"}))) attached_.emplace(word(z), book);
  }
  global_ = tree_.find(books, "global");
  for (const Zone& z : zones.all())
    if (const NodeId book = tree_.find(z.node, "address-book"); book != kNoNode) {
      attached_.emplace(z.name, book);
      define(book);
    }
}

void AddressBooks::define(NodeId book) {
  for (const std::string_view kind : {"address", "address-set"}) uses_.define(tree_, book, kind);
}

NamedAddresses AddressBooks::addresses(std::string_view zone, std::string_view name) {
  if (name == "any") return {AddressSet::all()};
  if (name == "any-ipv4") return {AddressSet::all(Family::ipv4)};
  if (name == "any-ipv6") return {AddressSet::all(Family::ipv6)};
  if (const auto attached = attached_.find(zone); attached != attached_.end())
    if (is_in(attached->second, name)) return in_book(attached->second, name, 0);
  if (is_in(global_, name)) return in_book(global_, name, 0);
  if (const auto written = parse_junos_address(name); written && !written->bits)
    return {AddressSet{written->prefix}};
  return {{}, fmt::format("address {} is not defined", name)};
}

bool AddressBooks::is_in(NodeId book, std::string_view name) const {
  return tree_.find(book, {"address", name}) != kNoNode || tree_.find(book, {"address-set", name}) != kNoNode;
}

NamedAddresses AddressBooks::in_book(NodeId book, std::string_view name, unsigned depth) {
  const auto key = std::pair(book, name);
  if (const auto known = resolved_.find(key); known != resolved_.end()) {
    if (depth == 0) uses_.use(book, "address", name), uses_.use(book, "address-set", name);
    return known->second;
  }
  NamedAddresses result;
  if (depth > kSetDepthMax) {
    result.incomplete = fmt::format("address-set {} lies in a circle or too deep", name);
    return result;
  }
  // While it is worked out it is empty: a circle of sets adds nothing.
  resolved_[key].incomplete = fmt::format("address-set {} holds itself", name);
  std::vector<AddressRange> ranges;
  const auto add = [&](const NamedAddresses& more) {
    ranges.insert(ranges.end(), more.known.ranges().begin(), more.known.ranges().end());
    if (!more.incomplete.empty()) result.incomplete = more.incomplete;
  };
  uses_.use(book, "address", name);
  if (const NodeId a = tree_.find(book, {"address", name}); a != kNoNode) add(one_address(a));
  if (const NodeId set = tree_.find(book, {"address-set", name}); set != kNoNode) {
    uses_.use(book, "address-set", name);
    for (const std::string_view kind : {"address", "address-set"})
      for (const NodeId m : tree_.children(tree_.find(set, kind))) {
        if (tree_.find(book, {kind, word(m)}) != kNoNode)
          add(in_book(book, word(m), depth + 1));
        else
          result.incomplete = fmt::format("{} {} is not defined", kind, word(m)),
          not_understood(m, result.incomplete);
      }
  }
  result.known = AddressSet::of_ranges(std::move(ranges));
  return resolved_[key] = result;
}

NamedAddresses AddressBooks::one_address(NodeId node) {
  NamedAddresses result;
  for (const NodeId c : tree_.children(node)) {
    const std::string_view w = word(c);
    if (w == "description" || w.starts_with("apply-")) continue;
    if (w == "range-address") {
      for (const NodeId first : tree_.children(c)) {
        const std::optional<Address> low = parse_address(word(first));
        const std::optional<Address> high = parse_address(tree_.value(first, "to"));
        if (low && high && low->family() == high->family() && *low <= *high)
          result.known = result.known.unite(AddressSet::of_ranges({{*low, *high}}));
        else
          result.incomplete = "a range of addresses is not understood", not_understood(c, result.incomplete);
      }
    } else if (w == "dns-name" || w == "wildcard-address") {
      result.incomplete = w == "dns-name" ? fmt::format("names are not resolved: {}", tree_.value(node, w))
                                          : fmt::format("the mask of {} has holes", tree_.value(node, w));
      tree_.mark(c, Understanding::in_part, result.incomplete);
    } else if (w == "ip-prefix") {
      for (const NodeId p : tree_.children(c))
        if (const auto written = parse_junos_address(word(p)); written && !written->bits)
          result.known = result.known.unite(AddressSet{written->prefix});
    } else if (const auto written = parse_junos_address(w); written && !written->bits) {
      result.known = result.known.unite(AddressSet{written->prefix});
    } else {
      result.incomplete = fmt::format("'{}' is no address", w);
      not_understood(c, result.incomplete);
    }
  }
  return result;
}

}  // namespace demarc::junos
