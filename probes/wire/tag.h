// The mark on a probe by which a witness at the far end knows it for ours: keyed, so that nobody else can make one,
// and in places that survive the way. A firewall may rewrite sequence numbers (sequence randomization) or strip TCP
// options, hardly both; so a SYN carries the mark twice, and the window's share of it in both readings.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "probes/wire/decode.h"
#include "probes/wire/keyed_hash.h"
#include "rules/net/port.h"
#include "rules/text/result.h"

namespace demarc {

/// The secret that scan and witness share.
struct WitnessKey {
  HashKey bytes{};
};
/// 32 hexadecimal digits, blanks around them ignored.
Result<WitnessKey> parse_witness_key(std::string_view text);
/// By which both halves of the evidence name the key without giving it away: 16 hexadecimal digits of its SHA-256.
std::string fingerprint(const WitnessKey& key);

/// Marks hold for a while and are then worth nothing to who recorded them: 1,024 seconds of Unix time. A witness
/// takes the epochs before and after its own as well.
std::uint32_t tag_epoch(std::int64_t unix_seconds);

struct SynTag {
  std::uint32_t seq = 0;        // sequence number
  std::uint32_t timestamp = 0;  // TSval of the timestamps option (RFC 7323)
  std::uint16_t window = 0;     // at least 32768, so that it is a sane window
};
SynTag syn_tag(const WitnessKey& key, std::uint32_t epoch, Port port);
/// The whole payload of a marked datagram.
std::array<std::uint8_t, 24> udp_tag(const WitnessKey& key, std::uint32_t epoch, Port port);

/// Whether a packet carries our mark, and of which epoch. At least 47 bits have to be right. The mark belongs to
/// the port asked: a translation that rewrites the destination port makes it a stranger's. Addresses may be
/// rewritten.
std::optional<std::uint32_t> tagged_epoch(const WitnessKey& key, std::uint32_t epoch_now, const PacketView& packet);

}  // namespace demarc
