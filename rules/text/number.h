// Numbers for people.
#pragma once

#include <cstdint>
#include <string>

namespace demarc {

/// 1204 as "1,204".
std::string grouped_number(std::uint64_t number);

}  // namespace demarc
