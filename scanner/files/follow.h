// Captures that somebody is still writing: tcpdump -w (best with -U), its rings (-C, -W, -G, also with -z gzip),
// dumpcap -b.
//
// A packet that is half there is waited for: the writer's buffer ends where it likes. A file is done with when its
// successor holds a packet, and not before, because a writer finishes the old file first. The successor is the one
// of the named files that begins next after this one, by the time of its first packet: names say too little (file0
// comes again after file9, and -z renames). A file is known by its first packet, so that b.pcap.gz is not read
// after b.pcap.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "scanner/files/capture_reader.h"

namespace demarc {

struct FollowOptions {
  /// Files, directories, patterns; "-" alone: standard input, which ends when its writer does.
  std::vector<std::string> words = {};
  /// Asked while nothing comes, at least four times a second; false: enough, end in order.
  std::function<bool()> go_on = {};
  /// Waits by poll(2) alone, as where inotify(7) has no watch to give.
  bool poll_only = false;
};

/// One capture out of all the files, in their order. read() waits; 0 is the end, because go_on said so or standard
/// input has ended. statistics().problem is about files that are complete, never about the end of the last one.
class FollowCapture : public CaptureReader {
 public:
  /// Fails where a file that was named (not a pattern's, not a directory's) cannot be opened or is no capture.
  static Result<std::unique_ptr<FollowCapture>> open(FollowOptions options);
  ~FollowCapture() override;

  std::size_t read(std::span<CapturePacket> out) override;
  const CaptureStatistics& statistics() override;
  std::uint64_t files() const { return files_; }

 private:
  class Source;
  class Watch;
  struct Candidate {
    std::uint64_t inode = 0, size = 0;
    std::int64_t changed = 0;  // nanoseconds
    bool usable = false;       // it holds a packet
    std::string identity;
    Timestamp first;
  };
  explicit FollowCapture(FollowOptions options);
  const std::string* next_file();
  bool look_at(const std::string& path, Candidate& candidate);
  Result<void> begin(const std::string& path);
  bool has_successor();
  bool wait();
  void end_file();

  FollowOptions options_;
  std::unique_ptr<Watch> watch_;
  std::map<std::string, Candidate> candidates_;  // by path
  std::set<std::string> read_;                   // identities of those that still lie there
  std::string path_;                             // of the file being read
  Timestamp begun_;                              // its first packet
  std::unique_ptr<CaptureReader> reader_;
  Source* source_ = nullptr;  // reader_'s
  bool ended_ = false;
  std::chrono::steady_clock::time_point last_look_{};
  std::uint64_t files_ = 0, older_ = 0;
  CaptureStatistics before_, statistics_;
};

}  // namespace demarc
