// iptables' own names: ICMP messages, matches, targets (iptables-extensions(8)).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"

namespace demarc {

/// "echo-request", "any", "3", "3/4".
std::optional<IcmpSet> iptables_icmp(Family family, std::string_view text);
std::vector<std::string_view> iptables_icmp_words(Family family);

/// What a target that is no chain does.
struct IptablesTarget {
  enum class Effect : std::uint8_t { permit, deny, give_back, go_on, unknown, source_nat, destination_nat };
  std::string_view name;
  Effect effect;
  Refusal refusal = Refusal::plain;  // of deny, unless an option of the target says another one
};
const IptablesTarget* find_iptables_target(std::string_view name);
std::span<const std::string_view> iptables_target_words();

/// What kind of test `-m NAME` is.
enum class IptablesMatch : std::uint8_t {
  decided,    // its options are read
  undecided,  // it is known that no rule set decides it: a rate, a mark, the clock, a packet's content
};
std::optional<IptablesMatch> find_iptables_match(std::string_view name);
std::span<const std::string_view> iptables_match_words();
/// It makes the kernel track connections.
bool iptables_tracks(std::string_view match_or_target);

}  // namespace demarc
