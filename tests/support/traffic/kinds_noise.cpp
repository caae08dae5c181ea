// Packets that are not use: scans, floods, and answers to questions that nobody here asked.
#include <algorithm>
#include <iterator>
#include <string>

#include "tests/support/traffic/kinds.h"
#include "tests/support/traffic/script.h"

namespace demarc::traffic {

namespace {

using enum ConnState;

void attempt(MadeCapture& capture, World& world, std::string_view name, const Endpoint& initiator,
             const Endpoint& responder, std::string_view script, ConnState state, Timestamp at) {
  Cast cast{.initiator = initiator, .responder = responder};
  cast.flow = capture.add_flow({.kind = std::string(name),
                                .protocol = Protocol::tcp,
                                .initiator = initiator,
                                .responder = responder,
                                .state = state});
  play_tcp(capture, world, cast, script, at);
}

constexpr std::uint32_t kScan = 200, kFlood = 500, kBackscatter = 50;

void port_scan(MadeCapture& capture, World& world, std::string_view name) {
  const Address source = world.stranger(), target = world.server();
  Timestamp at = world.sometime();
  for (std::uint32_t i = 0; i < kScan; ++i, at = at + Nanoseconds(1'000'000)) {
    const bool refused = i % 4 == 0;
    attempt(capture, world, name, {source, Port(static_cast<std::uint16_t>(40000 + i))},
            {target, Port(static_cast<std::uint16_t>(1 + i * 17))}, refused ? "Sr" : "S", refused ? REJ : S0, at);
  }
}

void host_scan(MadeCapture& capture, World& world, std::string_view name) {
  const Address source = world.stranger();
  Timestamp at = world.sometime();
  for (std::uint32_t i = 0; i < kScan; ++i, at = at + Nanoseconds(1'000'000))
    attempt(capture, world, name, {source, Port(static_cast<std::uint16_t>(40000 + i))},
            {Address::ipv4(0xCB007100U + i), Port(445)}, "S", S0, at);
}

void syn_flood(MadeCapture& capture, World& world, std::string_view name) {
  const Endpoint target{world.server(), Port(8443)};
  Timestamp at = world.sometime();
  for (std::uint32_t i = 0; i < kFlood; ++i, at = at + Nanoseconds(200'000))
    attempt(capture, world, name,
            {Address::ipv4(0xC6138000U + static_cast<std::uint32_t>(world.below(16384))),
             Port(static_cast<std::uint16_t>(1024 + i))},
            target, i % 2 ? "S" : "Sh", i % 2 ? S0 : S1, at);
}

// A host that is flooded in forged names answers those it believes: SYN-ACKs and resets to many addresses here.
void backscatter(MadeCapture& capture, World& world, std::string_view name) {
  const Endpoint victim{world.stranger(), Port(80)};
  Timestamp at = world.sometime();
  const bool resets = world.chance(50);
  for (std::uint32_t i = 0; i < kBackscatter; ++i, at = at + Nanoseconds(3'000'000))
    attempt(capture, world, name,
            {Address::ipv4(0xC0000200U + i), Port(static_cast<std::uint16_t>(1024 + world.below(60000)))}, victim,
            resets ? "(S)r" : "(S)h", resets ? RSTRH : OTH, at);
}

const Kind kNoise[] = {
    {"port scan", port_scan, kScan},
    {"host scan", host_scan, kScan},
    {"SYN flood", syn_flood, kFlood},
    {"backscatter", backscatter, kBackscatter},
};

}  // namespace

std::span<const Kind> noise_kinds() { return kNoise; }

bool is_noise(std::string_view kind) { return std::ranges::find(kNoise, kind, &Kind::name) != std::end(kNoise); }

}  // namespace demarc::traffic
