#include "rules/acl/readers/netfilter_interfaces.h"

namespace demarc::netfilter {

std::optional<InterfaceId> InterfaceNames::id(std::string_view name) {
  if (const auto known = ids_.find(name); known != ids_.end()) return known->second;
  if (names_.size() >= kInterfacesMax) return std::nullopt;
  const InterfaceId id = static_cast<InterfaceId>(names_.size());
  names_.emplace_back(name);
  ids_.emplace(std::string(name), id);
  return id;
}

ByteSet InterfaceNames::expand(const ByteSet& named) const {
  ByteSet all = named;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (!named.contains(static_cast<InterfaceId>(i)) || !names_[i].ends_with('*')) continue;
    const std::string_view prefix = std::string_view(names_[i]).substr(0, names_[i].size() - 1);
    for (std::size_t j = 0; j < names_.size(); ++j)
      if (names_[j].starts_with(prefix)) all.insert(static_cast<InterfaceId>(j));
  }
  return all;
}

}  // namespace demarc::netfilter
