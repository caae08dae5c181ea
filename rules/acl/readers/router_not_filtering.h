// First words of lines that are certainly not about filtering packets, of each router dialect. What is not here and
// not read is said to be not understood, which costs a line in a report and never a wrong answer.
#pragma once

#include <span>
#include <string_view>

namespace demarc::router {

std::span<const std::string_view> ios_not_filtering();
std::span<const std::string_view> nxos_not_filtering();
std::span<const std::string_view> xr_not_filtering();
std::span<const std::string_view> eos_not_filtering();

}  // namespace demarc::router
