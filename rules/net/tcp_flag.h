// The bits of TCP's flag byte (RFC 9293 §3.1; ECE and CWR: RFC 3168 §6.1).
#pragma once

#include <cstdint>

namespace demarc::tcp_flag {

inline constexpr std::uint8_t fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10, urg = 0x20, ece = 0x40,
                              cwr = 0x80;

}  // namespace demarc::tcp_flag
