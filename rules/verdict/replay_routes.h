// Routes through a device as the rule set's paths lead them (paths.h). Internal to the programs that rehearse.
#pragma once

#include "rules/verdict/paths.h"
#include "rules/verdict/replay.h"

namespace demarc {

/// The binding must outlive it; `device` is an index into Binding::devices, and has a configuration. Pairs of zones
/// without a declared path, and addresses in no zone, are led as routing_by_networks() says.
Routing routing_by_paths(const Binding& binding, std::uint32_t device);

}  // namespace demarc
