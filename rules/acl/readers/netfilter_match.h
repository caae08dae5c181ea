// Matches as unions of boxes: what iptables' and nftables' conditions come down to, with the operations that turn
// several conditions of a rule, a `!` and an exception inside a set into boxes again. Each is exact, or says that
// it would need too many boxes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "rules/acl/device.h"

namespace demarc::netfilter {

/// The union of its members; an empty one matches nothing.
using Matches = std::vector<Match>;

/// A condition that needs more boxes than this is not decided; nor is a `!` that cuts into more pieces.
inline constexpr std::size_t kBoxesMax = 1U << 18, kPiecesMax = 1U << 14;

StateSet meet(const StateSet& a, const StateSet& b);
FragmentSet meet(const FragmentSet& a, const FragmentSet& b);

/// What matches both; none if nothing does.
std::optional<Match> meet(const Match& a, const Match& b);
/// None: more than kBoxesMax.
std::optional<Matches> meet(std::span<const Match> a, std::span<const Match> b);
/// What matches `from` and no member of `without`, in disjoint pieces as far as they come from one member of
/// `from`. None: more than kPiecesMax.
std::optional<Matches> subtract(Matches from, std::span<const Match> without);

/// How much memory a match takes, in ranges.
std::uint64_t weight(const Match& match);

}  // namespace demarc::netfilter
