// Reachability by packets of our own making: SYN, UDP and ICMP probes, with every answer seen as it came, its sender
// told by TTL and by what it quotes, and nothing remembered of a probe but a key. Needs CAP_NET_RAW while it opens
// its sockets, and no longer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "probes/wire/tag.h"
#include "rules/net/address.h"
#include "rules/net/port.h"
#include "scanner/active/raw/privilege.h"
#include "scanner/active/raw/routes.h"
#include "scanner/active/scan.h"

namespace demarc {

struct RawOptions {
  RouteWish wish;                         // -e, --source
  std::optional<PortRange> source_ports;  // --source-port: one or a range; empty: quiet ports of our choice
  std::uint8_t ttl = 64;
  std::uint16_t fragment = 0;  // bytes of payload in each piece, a multiple of 8; 0: whole packets
  bool locate = false;         // for ports that stay silent or are refused: where does the way end?
  std::uint32_t locate_per_target = 4;
  std::optional<WitnessKey> witness;  // probes carry the mark that a witness with this key knows
  RawAbility ability;
  /// Called once, when all sockets are open and nothing foreign has been read: gives up privilege.
  std::function<Result<void>()> confine;
};

/// What was really used.
struct RawFacts {
  std::optional<Address> source4, source6;
  std::string interfaces;  // names, with commas
  std::uint64_t ring_dropped = 0, resets_sent = 0, foreign = 0;  // foreign: packets that only looked like answers
};

/// Runs the scan to its end. Work of any protocol; request.index_of must be set. Fails only if it could not ask at
/// all, or the sink failed. `opened`, if given, hears what is used before anything is sent.
Result<ScanResult> run_raw_scan(const ScanRequest& request, const RawOptions& options, ScanSink& sink,
                                const std::function<void(const RawFacts&)>& opened = {});

}  // namespace demarc
