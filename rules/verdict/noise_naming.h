// What many unanswered flow records amount to: scans, floods, backscatter. Sensors of other makes write one record
// a probe; by the criteria of rules/evidence/noise_criteria.h they get the name that our own capture engine would
// have given them.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "rules/evidence/observed_flow.h"

namespace demarc {

/// For each record what it is a part of; none: it stands for itself. A record that somebody answered is never
/// noise. Records may repeat and come in any order: ports, hosts and initiators are counted once.
std::vector<std::optional<NoiseKind>> name_noise(std::span<const ObservedFlow* const> records);
/// The same where the established ones stand elsewhere: `each` calls its argument for every record there is. It is
/// asked only if there may be a flood.
using EachRecord = std::function<void(const std::function<void(const ObservedFlow&)>&)>;
std::vector<std::optional<NoiseKind>> name_noise(std::span<const ObservedFlow* const> records,
                                                 const EachRecord& each);

/// Only the side that should have answered was seen, it said nothing of substance, and no question came before: a
/// SYN-ACK or RST to a forged address. It opens nothing.
bool is_backscatter(const ObservedFlow& record);
/// Who sent the answer that nobody asked for.
const Address& backscatter_sender(const ObservedFlow& record);

}  // namespace demarc
