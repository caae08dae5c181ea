// Reachability by connect: which TCP ports of the admitted targets answer, and who answers, without any privilege.
#pragma once

#include "scanner/active/scan.h"

namespace demarc {

/// Runs the scan to its end. The work must be TCP. Fails only if it could not ask at all, or the sink failed.
Result<ScanResult> run_connect_scan(const ScanRequest& request, ScanSink& sink);

}  // namespace demarc
