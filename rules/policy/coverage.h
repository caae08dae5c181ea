// What had to be asked: the rule set's `coverage`, brought down to a single address. The plan asks it, the verdict
// checks that it was asked.
#pragma once

#include <vector>

#include "rules/net/icmp.h"
#include "rules/net/port.h"
#include "rules/policy/rule_set.h"

namespace demarc {

/// Required of one address, whoever asks.
struct RequiredPorts {
  PortSet tcp, udp;            // never port 0
  std::vector<IcmpType> icmp;  // of the address's family, sorted
  bool operator==(const RequiredPorts&) const = default;
};

/// `approved` are the ports that any rule names for the address, in force or not and from wherever: a port approved
/// for management only must be asked from the office too. A service `all: true` counts as echo request where ICMP
/// types are asked for. Without `coverage` the TCP ports of approved+forbidden+catalogue are required, and nothing
/// else. The rule set must outlive it.
class CoverageMap {
 public:
  explicit CoverageMap(const RuleSet& rules);
  /// By the address of the real host (or of a virtual server: then what its members need).
  const RequiredPorts& required(const Address& real) const;
  /// The TCP ports that rules name for the address.
  PortSet approved_tcp(const Address& real) const;
  /// The UDP ports that rules name for the address; a service `all: true` names none.
  PortSet named_udp(const Address& real) const;

 private:
  struct Named {
    const AddressSet* to = nullptr;
    PortSet tcp, udp;
    PortSet named_udp;  // without those of `all: true`
    std::vector<IcmpType> icmp, icmpv6;
  };
  RequiredPorts make(const Address& real, std::size_t slot) const;
  std::size_t slot_of(const Address& real) const;
  const RuleSet* rules_;
  Coverage coverage_;
  std::vector<Named> approved_, forbidden_;
  std::vector<Address> cuts_;  // between two neighbouring cuts every address needs the same
  std::vector<std::vector<std::uint32_t>> approved_at_,
      forbidden_at_;                                           // by interval: those of the lists that hold it
  mutable std::vector<std::pair<bool, RequiredPorts>> known_;  // by interval
};

}  // namespace demarc
