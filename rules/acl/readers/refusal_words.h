// The words for what the sender of a denied packet hears: iptables' `--reject-with`, nftables' `reject with`,
// Junos's `reject`. They write the same messages in much the same way, so one table serves all three.
#pragma once

#include <string_view>

#include "rules/acl/device.h"

namespace demarc {

/// "tcp-reset", "icmp-port-unreachable", "no-route"; Refusal::other for a word that is not in the table.
Refusal refusal_by_word(std::string_view word);

}  // namespace demarc
