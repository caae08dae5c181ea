// A few packets that every link layer and tunnel must lead to, and what must come out of them.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "probes/wire/craft.h"
#include "probes/wire/decode.h"

namespace demarc {

struct Inner {
  const char* name;
  Frame packet;
  Address source, destination;
  Protocol protocol;
  std::uint16_t source_port, port;
  std::uint32_t payload;
};

inline std::array<Inner, 4> inner_packets() {
  const Address c = *parse_address("198.51.100.7"), s = *parse_address("192.0.2.10");
  const Address c6 = *parse_address("2001:db8::7"), s6 = *parse_address("2001:db8:1::10");
  const TcpCraft tcp{.source_port = 40000, .port = 443, .seq = 1000, .flags = tcp_flag::syn, .payload = "hello"};
  return {{{"IPv4 TCP", craft_tcp(c, s, tcp), c, s, Protocol::tcp, 40000, 443, 5},
           {"IPv6 TCP", craft_tcp(c6, s6, tcp), c6, s6, Protocol::tcp, 40000, 443, 5},
           {"IPv4 UDP", craft_udp(s, c, 53, 5353, "answer"), s, c, Protocol::udp, 53, 5353, 6},
           {"IPv6 UDP with options", craft_udp(s6, c6, 53, 5353, "x", {.extensions = {{0, Frame(6)}}}), s6, c6,
            Protocol::udp, 53, 5353, 1}}};
}

inline void check_is(const PacketView& view, const Inner& inner) {
  CHECK(view.source == inner.source);
  CHECK(view.destination == inner.destination);
  CHECK(view.protocol == inner.protocol);
  CHECK(view.has_ports);
  CHECK(view.source_port == inner.source_port);
  CHECK(view.port == inner.port);
}

inline void check_whole(const PacketView& view, const Inner& inner) {
  check_is(view, inner);
  CHECK(view.length == inner.packet.size());
  CHECK(view.payload_length == inner.payload);
  CHECK(view.payload.size() == inner.payload);
}

/// The payload lies within the frame, and no length contradicts another.
inline bool is_sound(const PacketView& view, Bytes frame) {
  if (view.payload_length > view.length || view.payload.size() > view.payload_length) return false;
  const auto within = [&](Bytes part) {
    return part.empty() ||
           (part.data() >= frame.data() && part.data() + part.size() <= frame.data() + frame.size());
  };
  return within(view.payload) && within(view.tcp_options);
}

}  // namespace demarc
