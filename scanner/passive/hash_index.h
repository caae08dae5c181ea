// The index of rules/net/hash_index.h in large pages: a flow table is looked up all over.
#pragma once

#include "rules/net/hash_index.h"
#include "scanner/passive/pages.h"

namespace demarc {

using HashIndex = BasicHashIndex<Pages<IndexSlot>>;

}  // namespace demarc
