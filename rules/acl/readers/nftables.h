// nftables: from what its rule set says to a device.
#pragma once

#include "rules/acl/readers/netfilter_model.h"
#include "rules/acl/readers/nftables_syntax.h"

namespace demarc::nft {

/// Adds lists, stages, objects and interfaces to the device. `interfaces` are those whose addresses are known.
void interpret(Ruleset& ruleset, const Source& source, Device& device, netfilter::LineNotes& notes);

}  // namespace demarc::nft
