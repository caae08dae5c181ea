// `nft -j list ruleset`: the same tree as the text. What is counted are its objects, which mostly stand on one
// line.
#pragma once

#include "rules/acl/readers/netfilter_model.h"
#include "rules/acl/readers/nftables_syntax.h"

namespace demarc::nft {

/// Fills the device. An error is about a text that is no JSON, or JSON of something else.
Result<void> read_json(const Source& source, Device& device, LineLedger& ledger);

}  // namespace demarc::nft
