// Packets from an interface, by libpcap.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "scanner/files/capture_reader.h"

namespace demarc {

struct LiveOptions {
  std::string interface;  // "eth0", "any"
  std::string filter;     // BPF; empty: all
  std::uint32_t snaplen = 262144;
  bool promiscuous = false;
  bool inbound_only = false;  // not what this machine sends itself
  std::uint32_t buffer_bytes = 64U << 20;
  int timeout_ms = 250;  // how long read() waits before it looks whether it is to stop
};

class LiveCapture : public CaptureReader {
 public:
  /// The error says what was missing: no such interface, no privilege, a filter that does not parse.
  static Result<std::unique_ptr<LiveCapture>> open(const LiveOptions& options);
  virtual LinkType link() const = 0;
  /// 0 also when nothing came for a while: finished() tells the difference.
  virtual bool finished() const = 0;
};

}  // namespace demarc
