// What routers' dialects call ports, protocols and ICMP messages. Much is common; a word that is a port in one
// dialect and unknown in the next (`syslog` of TCP) stands with the dialect that has it, and no dialect sees
// another's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "rules/acl/readers/name_table.h"

namespace demarc {

/// The names of one dialect, sorted. The protocols are without the word for all of them (`ip`, `ipv4`, `ipv6`).
struct RouterNames {
  std::vector<NamedNumber> tcp, udp, protocols;
  std::vector<NamedIcmp> icmp, icmpv6;
};
const RouterNames& ios_names();
const RouterNames& nxos_names();
const RouterNames& xr_names();
const RouterNames& eos_names();

/// What a dialect has beside the common names.
struct OwnNames {
  std::span<const NamedNumber> tcp = {}, udp = {}, protocols = {};
  std::span<const NamedIcmp> icmpv6 = {};
  bool terse_icmpv6 = false;  // "nd-na", "hop-limit": the words of IOS and NX-OS
};
RouterNames with_common(const OwnNames& own);

}  // namespace demarc
