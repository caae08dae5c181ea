// How many sockets we may have at a time.
#pragma once

#include <cstdint>

#include "rules/text/result.h"

namespace demarc {

struct SocketRoom {
  std::uint32_t probes = 1, conversations = 1;
};

/// Raises the soft limit of open files as far as it is needed and allowed, and divides what this process has left
/// of it. Fails if that is too little to probe anything.
Result<SocketRoom> room_for_sockets(std::uint32_t probes_max, std::uint32_t conversations_max);

}  // namespace demarc
