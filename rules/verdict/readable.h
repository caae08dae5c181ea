// Packet sets in the words of people: what boxes say exactly, without what nobody asked about.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/space/packet_set.h"

namespace demarc {

/// A line for each box. Interfaces are named (those beyond the names are "another interface"). Whether a packet is a
/// whole one or a first fragment is not said; where later fragments, which show no ports, share the fate, that is one
/// line at the end. What the cover left out is one more.
std::vector<std::string> readable_lines(const Cover& cover, const std::vector<std::string>& interfaces);

}  // namespace demarc
