#include "rules/acl/device.h"

#include <algorithm>
#include <array>

namespace demarc {

namespace {

constexpr std::array<std::string_view, 11> kDialects{"cisco-ios",  "cisco-xr", "cisco-nxos", "cisco-asa",
                                                     "arista-eos", "junos",    "iptables",   "nftables",
                                                     "aws",        "azure",    "gcp"};
constexpr std::array<std::string_view, 7> kActions{"permit", "deny", "jump", "goto", "return", "count", "unknown"};

}  // namespace

std::string_view name(Dialect dialect) { return kDialects[static_cast<std::size_t>(dialect)]; }

std::optional<Dialect> parse_dialect(std::string_view text) {
  const auto found = std::find(kDialects.begin(), kDialects.end(), text);
  if (found == kDialects.end()) return std::nullopt;
  return static_cast<Dialect>(found - kDialects.begin());
}

std::string_view name(Action action) { return kActions[static_cast<std::size_t>(action)]; }

std::string_view name(Way way) {
  switch (way) {
    case Way::through: return "forward";
    case Way::to_device: return "local-in";
    case Way::from_device: return "local-out";
  }
  return "";
}

ListIndex Device::find_list(std::string_view wanted) const {
  const auto found = std::find_if(lists.begin(), lists.end(), [wanted](const List& l) { return l.name == wanted; });
  return found == lists.end() ? kNoList : static_cast<ListIndex>(found - lists.begin());
}

std::optional<InterfaceId> Device::find_interface(std::string_view wanted) const {
  for (std::size_t i = 0; i < interfaces.size() && i < kInterfacesMax; ++i)
    if (interfaces[i].name == wanted || (!interfaces[i].nameif.empty() && interfaces[i].nameif == wanted))
      return static_cast<InterfaceId>(i);
  // "eth*" stands for those that begin so and have no name of their own; the longest such pattern is meant.
  std::optional<InterfaceId> best;
  for (std::size_t i = 0; i < interfaces.size() && i < kInterfacesMax; ++i) {
    const std::string_view pattern = interfaces[i].name;
    if (pattern.size() < 2 || !pattern.ends_with('*') || !wanted.starts_with(pattern.substr(0, pattern.size() - 1)))
      continue;
    if (!best || pattern.size() > interfaces[*best].name.size()) best = static_cast<InterfaceId>(i);
  }
  return best;
}

}  // namespace demarc
