#include "rules/verdict/service_names.h"

#include <algorithm>

namespace demarc {

namespace {

enum TableIndex : std::size_t { kTcp, kUdp, kSctp, kIcmp, kIcmpv6, kTables };

PortSet icmp_numbers(const std::vector<IcmpType>& types) {
  std::vector<PortRange> ranges;
  for (const IcmpType& t : types) {
    const auto base = static_cast<std::uint16_t>(t.type << 8);
    ranges.push_back({Port{static_cast<std::uint16_t>(base | t.code.value_or(0))},
                      Port{static_cast<std::uint16_t>(base | t.code.value_or(255))}});
  }
  return PortSet::of(std::move(ranges));
}

// Services wider than this are ranges somebody gave a name, not what a port in them is.
constexpr std::uint32_t kWidthMax = 20000;

}  // namespace

ServiceNames::ServiceNames(const RuleSet& rules) : names_{""}, tables_(kTables) {
  const auto add = [this](std::size_t table, const PortSet& ports, ServiceNameIndex name) {
    if (!ports.empty() && ports.size() <= kWidthMax) claim(tables_[table], ports, name, ports.size());
  };
  for (const Service& s : rules.services) {
    if (s.all) continue;
    const ServiceNameIndex name = intern(s.name);
    add(kTcp, s.tcp, name);
    add(kUdp, s.udp, name);
    add(kSctp, s.sctp, name);
    add(kIcmp, icmp_numbers(s.icmp), name);
    add(kIcmpv6, icmp_numbers(s.icmpv6), name);
  }
  // The catalogue after the rule set, and only where it is narrower: people know their own names.
  for (const CatalogueEntry& row : catalogue()) {
    const ServiceNameIndex name = intern(row.name);
    add(kTcp, row.tcp_ports(), name);
    add(kUdp, row.udp_ports(), name);
  }
}

ServiceNameIndex ServiceNames::intern(std::string_view name) {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found != names_.end()) return static_cast<ServiceNameIndex>(found - names_.begin());
  if (names_.size() == 65535) return kNoServiceName;
  names_.emplace_back(name);
  return static_cast<ServiceNameIndex>(names_.size() - 1);
}

void ServiceNames::claim(Table& table, const PortSet& ports, ServiceNameIndex name, std::uint32_t width) {
  for (const PortRange& range : ports.ranges()) {
    for (std::uint32_t p = range.first.number(); p <= range.last.number(); ++p) {
      if (table.index[p] != kNoServiceName && table.width[p] <= width) continue;
      table.index[p] = name;
      table.width[p] = width;
    }
  }
}

ServiceNameIndex ServiceNames::find(Protocol protocol, std::uint16_t number) const {
  if (protocol == Protocol::tcp) return tables_[kTcp].index[number];
  if (protocol == Protocol::udp) return tables_[kUdp].index[number];
  if (protocol == Protocol::sctp) return tables_[kSctp].index[number];
  if (protocol == Protocol::icmp) return tables_[kIcmp].index[number];
  if (protocol == Protocol::icmpv6) return tables_[kIcmpv6].index[number];
  return kNoServiceName;
}

const CatalogueEntry* ServiceNames::risk(Protocol protocol, std::uint16_t number) {
  if (protocol != Protocol::tcp && protocol != Protocol::udp) return nullptr;
  return catalogue_find(protocol, Port{number});
}

}  // namespace demarc
