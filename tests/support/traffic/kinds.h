// Every kind of conversation that captures hold, one row each, with what is true of it. The states are Zeek's, by
// its documentation of conn_state; "established" is demarc's: both sides took part, as far as the capture can show
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "tests/support/traffic/made_capture.h"
#include "tests/support/traffic/world.h"

namespace demarc::traffic {

struct Kind {
  std::string_view name;
  /// Makes one conversation of the kind, or one family of them.
  std::function<void(MadeCapture&, World&, std::string_view name)> make;
  /// How many of its conversations make one of another kind's: a scan has hundreds.
  std::uint32_t weight = 1;
};

std::span<const Kind> datagram_kinds();  // UDP, ICMP, fragments, other protocols
std::span<const Kind> related_kinds();   // FTP, TFTP, SIP, portmapper, MSRPC
std::span<const Kind> noise_kinds();     // scans, floods, backscatter
bool is_noise(std::string_view kind);

/// One conversation for each TCP kind, `count` times.
void make_tcp_kinds(MadeCapture& capture, World& world, std::uint32_t count);
/// All of the above, `count` conversations of each kind; arranged.
MadeCapture make_kinds(std::uint64_t seed, std::uint32_t count);

}  // namespace demarc::traffic
