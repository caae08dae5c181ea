// What IOS inspects by name. Internal to this folder.
#pragma once

#include <cstdint>
#include <string_view>

namespace demarc {

/// What inspection knows by name, at its usual ports (Cisco IOS Security Command Reference, ip port-map). `opens`:
/// it opens further conversations that belong to it.
struct Inspected {
  std::string_view name;
  bool tcp, udp;
  std::uint16_t port;  // 0: every port
  bool opens = false;
};

/// nullptr: no such name.
const Inspected* find_inspected(std::string_view name);
bool opens_more(std::string_view protocol);

}  // namespace demarc
