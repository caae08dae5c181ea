// nftables' own names (nft(8); `nft describe icmp type` and its like).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "rules/space/box.h"

namespace demarc::nft {

std::optional<std::uint8_t> icmp_type(Family family, std::string_view name);
std::optional<std::uint8_t> icmp_code(Family family, std::string_view name);
std::optional<std::uint8_t> tcp_flag_bit(std::string_view name);
/// "filter", "raw", "dstnat"; `hook` because of bridges, where the same names are other numbers (not read here).
std::optional<std::int32_t> priority(std::string_view name);

/// For suggestions.
std::span<const std::string_view> statement_words();
std::vector<std::string_view> icmp_type_words(Family family);

}  // namespace demarc::nft
