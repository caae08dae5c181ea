// A generated capture as the flow table sees it, through a file as a user's.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "scanner/app/evidence_files.h"
#include "scanner/passive/listener.h"
#include "tests/support/traffic/made_capture.h"

namespace demarc {

/// A file that is gone with its end.
class TemporaryCapture {
 public:
  TemporaryCapture() {
    std::string pattern = (std::filesystem::temp_directory_path() / "demarc-agreement.XXXXXX").string();
    const int fd = ::mkstemp(pattern.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    path = pattern;
  }
  TemporaryCapture(const TemporaryCapture&) = delete;
  TemporaryCapture& operator=(const TemporaryCapture&) = delete;
  ~TemporaryCapture() { std::filesystem::remove(path); }
  std::string path;
};

/// `noise`: fold unanswered conversations where they are many; otherwise each is a record.
inline FlowEvidence observed(const std::string& path, bool noise, bool open_tunnels = false) {
  ObserveRequest request;
  request.captures = {{path, ""}};
  request.flow.per_conversation = true;
  request.flow.hash_key = 42;
  request.flow.noise = noise;
  request.open_tunnels = open_tunnels;
  server_ports(nullptr, request.flow.server_ports_tcp, request.flow.server_ports_udp);
  Result<FlowEvidence> evidence = observe(request);
  REQUIRE(evidence.has_value());
  return std::move(*evidence);
}

}  // namespace demarc
