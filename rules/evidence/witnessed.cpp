#include "rules/evidence/witnessed.h"

namespace demarc {

void apply_witnesses(Snapshot&, const WitnessMapping&) {}

}  // namespace demarc
