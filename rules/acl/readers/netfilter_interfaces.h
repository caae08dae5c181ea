// Interfaces as rules of iptables and nftables name them: by name, or by how the name begins.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"

namespace demarc::netfilter {

/// The interfaces that rules name, with a number each. A name may end in `*`: then it stands for all other
/// interfaces that begin so.
class InterfaceNames {
 public:
  /// None: there are more than can be told apart.
  std::optional<InterfaceId> id(std::string_view name);
  /// With what the patterns among them cover.
  ByteSet expand(const ByteSet& named) const;
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
  std::map<std::string, InterfaceId, std::less<>> ids_;
};

}  // namespace demarc::netfilter
