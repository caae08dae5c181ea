// The well-known services and what each of them means at the boundary of a DMZ: why it is dangerous there and what
// to do.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "rules/net/port.h"
#include "rules/net/protocol.h"
#include "rules/policy/rule_set.h"

namespace demarc {

/// One row. Texts are sentences for people who decide.
struct CatalogueEntry {
  std::string_view name;      // "smb", unique
  std::string_view title;     // "SMB file sharing"
  std::string_view tcp, udp;  // port lists, may be empty
  std::string_view speaks;    // an application protocol's name (rules/net/app_protocol.h), or empty
  Severity exposed;           // reachable from a less trusted zone and approved by nothing
  std::string_view risk;
  std::string_view remedy;
  std::string_view source;  // RFC or vendor document

  PortSet tcp_ports() const;
  PortSet udp_ports() const;
};

/// Every row, sorted by name.
std::span<const CatalogueEntry> catalogue();
/// The row that claims the port, the most specific one where several do; none for ports that mean nothing by
/// themselves.
const CatalogueEntry* catalogue_find(Protocol protocol, Port port);
const CatalogueEntry* catalogue_find(std::string_view name);
/// The row for what was recognised ("smb" on port 4450 is still SMB).
const CatalogueEntry* catalogue_by_protocol(std::string_view app_protocol);
/// All ports of the catalogue: `coverage: catalogue`. Empty for protocols other than TCP and UDP.
const PortSet& catalogue_ports(Protocol protocol);

}  // namespace demarc
