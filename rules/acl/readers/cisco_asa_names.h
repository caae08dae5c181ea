// ASA's own names of protocols, ports and ICMP messages ("Cisco ASA Series General Operations CLI Configuration
// Guide", chapter Addresses, Protocols, and Ports). The same word means another number in other dialects
// (`kerberos`, `rsh`, `sqlnet`), so these tables are ASA's alone.
#pragma once

#include <span>

#include "rules/acl/readers/name_table.h"

namespace demarc::asa {

/// One table for TCP and UDP: no name stands for two numbers.
std::span<const NamedNumber> port_names();
/// Without `ip`, which means every protocol.
std::span<const NamedNumber> protocol_names();
/// Message types; a code is always written as a number.
std::span<const NamedNumber> icmp_names();
std::span<const NamedNumber> icmp6_names();

}  // namespace demarc::asa
