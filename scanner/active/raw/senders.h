// Who answered? A filter that resets in the target's name cannot hide how far away it stands: its packets arrive
// with another TTL than the target's own. A reset is the target's if something that only the target can have sent
// (an opened handshake, an echo reply, a port unreachable) came over just as many hops; it is a filter's if it came
// over fewer. Where the target never said anything else, nobody can tell.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "rules/net/address.h"

namespace demarc::raw_engine {

enum class Who : std::uint8_t { target, filter, unknown };

/// How many hops a packet has come: senders begin at 64, 128 or 255 (RFC 9293 leaves it open; these are what
/// systems use), and nobody is more than 60 hops away.
std::uint8_t hops(std::uint8_t ttl);

/// The TTLs of one target's answers.
class Senders {
 public:
  /// Something that the target itself sent.
  void own(std::uint8_t ttl) { own_.set(ttl); }
  /// A handshake's second packet: the target's, unless somebody completes handshakes for it.
  void opened(std::uint8_t ttl) { opened_.set(ttl); }
  void opens_prove_nothing() { opened_ = {}; }
  void reset(std::uint8_t ttl) { reset_.set(ttl); }
  /// Is there anything to compare a reset with?
  bool known() const { return !own_.empty() || !opened_.empty(); }
  Who of_reset(std::uint8_t ttl) const;
  /// A TTL of the target's own answers, for words; none if it gave none.
  std::optional<std::uint8_t> own_ttl() const;

 private:
  struct Ttls {
    std::array<std::uint64_t, 4> bits{};
    void set(std::uint8_t ttl) { bits[ttl / 64] |= std::uint64_t{1} << (ttl % 64); }
    bool has(std::uint8_t ttl) const { return (bits[ttl / 64] >> (ttl % 64) & 1) != 0; }
    bool empty() const { return (bits[0] | bits[1] | bits[2] | bits[3]) == 0; }
  };
  const Ttls& reference() const { return own_.empty() ? opened_ : own_; }
  Ttls own_, opened_, reset_;
};

}  // namespace demarc::raw_engine
