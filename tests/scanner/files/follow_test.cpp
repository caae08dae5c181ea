#include "scanner/files/follow.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "tests/scanner/files/captures.h"
#include "tests/scanner/files/packed.h"

namespace demarc {

namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path;
  Folder() {
    static int number = 0;
    path = fs::temp_directory_path() / fmt::format("demarc-follow-{}-{}", ::getpid(), ++number);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  void append(const std::string& name, Bytes bytes) const {
    std::ofstream(path / name, std::ios::binary | std::ios::app)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
};

std::vector<std::uint8_t> packets(int from, int to, bool header) {
  std::vector<std::uint8_t> file;
  if (header) append_pcap_header({}, file);
  for (int i = from; i < to; ++i)
    append_pcap_packet({}, kStart + Nanoseconds(i * 1'000'000), bytes_of(fmt::format("packet {:04}", i)), 60, file);
  return file;
}

/// Follows in a thread of its own and gathers what comes.
class Follower {
 public:
  explicit Follower(std::vector<std::string> words, bool poll_only = false) {
    auto opened = FollowCapture::open(
        {.words = std::move(words), .go_on = [this] { return !stop_; }, .poll_only = poll_only});
    REQUIRE(opened.has_value());
    capture_ = std::move(*opened);
    thread_ = std::thread([this] {
      std::array<CapturePacket, 8> batch;
      while (const std::size_t count = capture_->read(batch)) {
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < count; ++i) {
          seen_.emplace_back(batch[i].bytes.begin(), batch[i].bytes.end());
          in_order_ = in_order_ && batch[i].frame == seen_.size();
        }
      }
    });
  }
  ~Follower() {
    if (thread_.joinable()) stop();
  }
  /// Waits until so many packets are there, or too long.
  bool has(std::size_t count) {
    for (int i = 0; i < 2000; ++i) {
      {
        const std::lock_guard lock(mutex_);
        if (seen_.size() >= count) return seen_.size() == count;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  CaptureStatistics stop() {
    stop_ = true;
    thread_.join();
    return capture_->statistics();
  }
  bool are_numbered_to(int count) {
    const std::lock_guard lock(mutex_);
    if (seen_.size() != static_cast<std::size_t>(count) || !in_order_) return false;
    for (int i = 0; i < count; ++i)
      if (seen_[static_cast<std::size_t>(i)] != fmt::format("packet {:04}", i)) return false;
    return true;
  }
  std::uint64_t files() const { return capture_->files(); }

 private:
  std::atomic<bool> stop_{false};
  std::unique_ptr<FollowCapture> capture_;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<std::string> seen_;
  bool in_order_ = true;
};

}  // namespace

TEST_CASE(
    "a file that grows in pieces, cut anywhere, gives every packet once; the half one at the end is no damage") {
  for (const bool poll_only : {false, true}) {
    const Folder folder;
    const auto file = packets(0, 12, true);
    folder.append("a.pcap", {});
    Follower follower({folder / "a.pcap"}, poll_only);
    for (std::size_t at = 0; at < file.size(); at += 37)
      folder.append("a.pcap", Bytes(file).subspan(at, std::min<std::size_t>(37, file.size() - at)));
    CHECK(follower.has(12));
    folder.append("a.pcap", Bytes(packets(12, 13, false)).first(20));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const CaptureStatistics statistics = follower.stop();
    CHECK(follower.are_numbered_to(12));
    CHECK(statistics.problem.empty());
    CHECK_FALSE(statistics.truncated);
  }
}

TEST_CASE("a ring is read in the order of its packets, the next file when it begins, packed ones once") {
  const Folder folder;
  folder.append("ring1", packets(5, 10, true));  // the names say nothing
  folder.append("ring2", packets(0, 5, true));
  Follower follower({folder.path.string()});
  CHECK(follower.has(10));
  folder.append("ring1", packets(10, 12, false));  // it goes on, although another one is there
  CHECK(follower.has(12));
  folder.append("ring0", packets(12, 12, true));  // begun, and no packet yet
  folder.append("ring1", packets(12, 14, false));
  CHECK(follower.has(14));
  folder.append("ring0", packets(14, 16, false));
  CHECK(follower.has(16));
  // The first two are packed, as -z gzip does, and the oldest name is used again.
  folder.append("ring2.gz", gzipped(packets(0, 5, true)));
  fs::remove(folder / "ring2");
  folder.append("ring2", packets(16, 20, true));
  CHECK(follower.has(20));
  const CaptureStatistics statistics = follower.stop();
  CHECK(follower.are_numbered_to(20));
  CHECK(statistics.problem.empty());
  CHECK(follower.files() == 4);
}

TEST_CASE("a complete file that is cut is damage, and the ring goes on behind it") {
  const Folder folder;
  const auto whole = packets(0, 3, true);
  folder.append("a1", Bytes(whole).first(whole.size() - 4));
  folder.append("a2", packets(2, 5, true));
  Follower follower({folder / "a*"});
  CHECK(follower.has(5));
  const CaptureStatistics statistics = follower.stop();
  CHECK(statistics.truncated);
  CHECK(statistics.problem.find("a1: the file ends in the middle of frame 3") != std::string::npos);
}

TEST_CASE("a file that is begun anew under the same name is read again") {
  const Folder folder;
  folder.append("a.pcap", packets(0, 6, true));
  Follower follower({folder / "a.pcap"});
  CHECK(follower.has(6));
  const auto next = packets(6, 9, true);
  std::ofstream(folder / "a.pcap", std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(next.data()), static_cast<std::streamsize>(next.size()));
  CHECK(follower.has(9));
  follower.stop();
  CHECK(follower.are_numbered_to(9));
}

TEST_CASE("what cannot be followed is refused at once") {
  const Folder folder;
  auto missing = FollowCapture::open({.words = {folder / "none.pcap"}});
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().what == "cannot be opened: No such file or directory");
  folder.append("text", bytes_of("this is no capture but a text"));
  auto text = FollowCapture::open({.words = {folder / "text"}});
  REQUIRE_FALSE(text.has_value());
  CHECK(text.error().what == "this is neither a pcap nor a pcapng file");
  auto both = FollowCapture::open({.words = {"-", folder / "text"}});
  REQUIRE_FALSE(both.has_value());
  CHECK(both.error().what == "standard input cannot be followed together with files");
  REQUIRE_FALSE(FollowCapture::open({}).has_value());
  CHECK(FollowCapture::open({.words = {folder / "*.pcap"}}).has_value());  // it may come
}

}  // namespace demarc
