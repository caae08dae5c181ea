// `nft list ruleset`, and files for `nft -f` as far as they hold the same: tables, chains, rules, sets, maps, plain
// definitions, and the commands that add them.
#pragma once

#include "rules/acl/readers/netfilter_model.h"
#include "rules/acl/readers/nftables_syntax.h"

namespace demarc::nft {

/// What cannot be read is a statement of its own in its rule, and is said in the diagnostics and of the line.
Ruleset read_text(const Source& source, Diagnostics& diagnostics, netfilter::LineNotes& notes);

}  // namespace demarc::nft
