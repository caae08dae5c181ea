// What one outcome proves, and the words for it: whose answer it was, where the way ends, and whether a witness at
// the far end knows more than the answer says.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rules/evidence/snapshot.h"

namespace demarc {

/// Something answered, and nothing says that it was somebody in the target's place.
bool is_proven_open(const Outcome& o);
/// The passage is a witness's word: its record decided it (apply_witnesses()), or a journal carries a passage that
/// the answer alone could not have given: silence that passed or was blocked, a reset nobody put a name to.
bool is_witnessed(const Outcome& o);
/// Silence over UDP, and no witness: it proves nothing either way.
bool is_mute(const Outcome& o);

/// The TTL that answers of a host itself arrive with, from one place. A reset that arrives with another one was
/// sent from another distance.
class UsualTtls {
 public:
  void learn(std::uint32_t place, const Outcome& o);
  /// The most frequent one, of the same protocol if there is one; ties take the smaller.
  std::optional<std::uint8_t> of(std::uint32_t place, const Address& target, Protocol protocol) const;
  /// Likewise, of other protocols only: what a proxy of the first one cannot have sent.
  std::optional<std::uint8_t> beside(std::uint32_t place, const Address& target, Protocol protocol) const;

 private:
  struct Count {
    Protocol protocol;
    std::uint8_t ttl = 0;
    std::uint32_t times = 0;
  };
  struct Key {
    std::uint32_t place = 0;
    Address target;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const noexcept {
      return std::hash<Address>()(k.target) ^ (std::size_t{k.place} * 0x9E3779B97F4A7C15ULL);
    }
  };
  std::optional<std::uint8_t> most(const Key& key, const std::function<bool(Protocol)>& wanted) const;
  std::unordered_map<Key, std::vector<Count>, KeyHash> counts_;
};

using AddressNamer = std::function<std::string(const Address&)>;

/// "reset by a filter in between: its TTL is 64, the host's answers come with 63", "refused by edge-rtr", "it did
/// not reach the witness at web1"; empty where the state says all. `witness_at`: where it stood, if that is known.
std::string who_says_so(const Outcome& o, std::optional<std::uint8_t> usual_ttl, const AddressNamer& name_of,
                        std::string_view witness_at = {});
/// The witness whose record decided the passage; nullptr if none did.
const WitnessRun* witness_of(const Snapshot& snapshot, const Outcome& o);
/// Where it stood, or "".
std::string_view witness_place(const Snapshot& snapshot, const Outcome& o);
/// "stops at hop 3, after 203.0.113.1"; empty if nobody looked.
std::string where_it_stops(const Outcome& o, const AddressNamer& name_of);

/// The note of a run that names what answers in the target's place, if one does.
std::string note_about_proxy(const ScanRun& run, const Address& target);

}  // namespace demarc
