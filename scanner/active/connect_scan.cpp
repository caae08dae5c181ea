#include "scanner/active/connect_scan.h"

#include "scanner/active/engine.h"

namespace demarc {

Result<ConnectScanResult> run_connect_scan(const ConnectScanRequest& request, ConnectScanSink& sink) {
  return connect_engine::Engine(request, sink).run();
}

}  // namespace demarc
