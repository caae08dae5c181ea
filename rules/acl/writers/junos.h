// What a written term of Junos is beside its statements: named. An entry's text is one term, its first line the
// name that it would like to have, the others its statements:
//
//   WEB-001-https
//   from destination-address 192.0.2.11/32
//   from protocol tcp
//   then accept
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/writers/unique_names.h"
#include "rules/net/address.h"

namespace demarc {

/// "firewall family inet filter IN", as commands name a filter.
std::string junos_filter(Family family, std::string_view name);
/// The commands that enter a written term at the end of a filter. `name`: the one it was given.
std::vector<std::string> junos_commands(std::string_view written, std::string_view filter, UniqueNames& names,
                                        std::string& name);

}  // namespace demarc
