#include "scanner/active/connect_scan.h"

#include "scanner/active/engine.h"

namespace demarc {

Result<ScanResult> run_connect_scan(const ScanRequest& request, ScanSink& sink) {
  return connect_engine::Engine(request, sink).run();
}

}  // namespace demarc
