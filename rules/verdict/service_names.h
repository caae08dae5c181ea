// What a port is called: the narrowest service of the rule set or row of the catalogue that has it. Findings are
// grouped by these names, so that "smb" and "rdp" of one host are two findings and a thousand nameless ports are
// one.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/policy/catalogue.h"
#include "rules/policy/rule_set.h"

namespace demarc {

using ServiceNameIndex = std::uint16_t;
inline constexpr ServiceNameIndex kNoServiceName = 0;

class ServiceNames {
 public:
  explicit ServiceNames(const RuleSet& rules);
  /// For ICMP the number is type << 8 | code.
  ServiceNameIndex find(Protocol protocol, std::uint16_t number) const;
  /// Of what was recognised on a port without a name.
  ServiceNameIndex recognised(std::string_view name) { return intern(name); }
  std::string_view name(ServiceNameIndex index) const { return names_[index]; }
  /// The catalogue's row of that name's port, if one claims it.
  static const CatalogueEntry* risk(Protocol protocol, std::uint16_t number);

 private:
  struct Table {
    std::array<ServiceNameIndex, 65536> index{};
    std::array<std::uint32_t, 65536> width{};
  };
  ServiceNameIndex intern(std::string_view name);
  static void claim(Table& table, const PortSet& ports, ServiceNameIndex name, std::uint32_t width);

  std::vector<std::string> names_;
  std::vector<Table> tables_;  // tcp, udp, sctp, icmp, icmpv6
};

}  // namespace demarc
