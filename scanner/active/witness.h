// The far end of a measurement: listens, and writes down which marked probes arrived. It opens one capture and
// nothing that could send.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "probes/wire/decode.h"
#include "probes/wire/tag.h"
#include "rules/evidence/witness.h"
#include "rules/text/result.h"

namespace demarc {

/// Turns packets into arrivals. No clock: time is what the packets say it is.
class WitnessLog {
 public:
  explicit WitnessLog(const WitnessKey& key) : key_(key) {}

  /// Counts the packet; if it carries our mark, it is kept until take().
  void on_packet(Timestamp at, const PacketView& packet);
  /// A packet that could not be decoded.
  void on_unreadable() { ++packets_, ++strangers_; }
  /// What arrived since the last time: one arrival for each source, target and protocol (more where their port
  /// lists grow long), sorted.
  std::vector<Arrival> take();

  bool is_empty() const { return hits_.empty(); }
  bool is_full() const { return hits_.size() >= kHitsMax; }
  std::uint64_t packets() const { return packets_; }
  std::uint64_t strangers() const { return strangers_; }
  std::uint64_t arrived() const { return packets_ - strangers_; }

 private:
  static constexpr std::size_t kHitsMax = 1U << 19;  // some 40 MiB, however fast probes come
  struct Hit {
    Address source, target;
    Protocol protocol;
    Port port;
    Timestamp at;
  };
  WitnessKey key_;
  std::vector<Hit> hits_;
  std::uint64_t packets_ = 0, strangers_ = 0;
};

struct WitnessProgress {
  std::uint64_t arrived = 0, strangers = 0, dropped = 0;
  std::chrono::nanoseconds elapsed{0};
};

struct WitnessRequest {
  std::string interface_name;  // "any": all of them
  bool span = false;           // a mirror port: also packets for other machines
  WitnessKey key;
  std::uint32_t buffer_bytes = 64U << 20;
  std::optional<std::chrono::nanoseconds> runtime_max;
  const std::atomic<bool>* stop = nullptr;  // set by a signal handler: the run ends in order
  /// Called once, when nothing can be missed any more: what is written first (the header).
  std::function<Result<void>(Timestamp started)> on_ready;
  /// Lines for the file, about once a second. An error (the disk is full) ends the run and is what comes back.
  std::function<Result<void>(const std::string& lines)> on_lines;
  std::function<void(const WitnessProgress& progress)> on_progress;  // about four times a second
};

struct WitnessResult {
  WitnessEnd end = WitnessEnd::complete;
  Listening listening;
  std::uint64_t arrived = 0;
  std::string problem;  // why the interface was lost
};

/// Until it is stopped. All lines, the end record among them, went to on_lines.
Result<WitnessResult> run_witness(const WitnessRequest& request);

/// What the kernel lets through to us: nothing but what could be a marked probe.
std::string witness_filter(bool with_vlan_tags);

}  // namespace demarc
