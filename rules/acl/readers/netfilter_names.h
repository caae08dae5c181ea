// What Debian's /etc/protocols and /etc/services call protocols and ports: the names that iptables and nft print
// and take. The files of other systems hold more; iptables-save and nft print ports as numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace demarc::netfilter {

std::optional<std::uint8_t> protocol_number(std::string_view name_or_number);
std::optional<std::uint16_t> port_number(std::string_view name_or_number);
/// A whole decimal or 0x number not above `most`.
std::optional<std::uint64_t> whole_number(std::string_view text, std::uint64_t most);

/// For suggestions.
std::span<const std::string_view> protocol_words();
std::span<const std::string_view> port_words();

}  // namespace demarc::netfilter
