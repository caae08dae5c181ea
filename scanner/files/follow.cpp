#include "scanner/files/follow.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "scanner/files/capture_list.h"
#include "scanner/files/file.h"
#include "scanner/files/open_source.h"

namespace demarc {

namespace {

constexpr int kWaitMs = 250;

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

/// Waits until something changes in the directories of the files, or a quarter of a second: file systems of other
/// machines change without a word.
class FollowCapture::Watch {
 public:
  Watch(const std::vector<std::string>& words, bool poll_only) {
    if (poll_only) return;
    fd_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd_ < 0) return;
    for (const std::string& word : words) {
      struct stat status {};
      const bool directory = ::stat(word.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
      ::inotify_add_watch(fd_, (directory ? word : directory_of(word)).c_str(),
                          IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE);
    }
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    if (fd_ >= 0) ::close(fd_);
  }
  void wait() const {
    pollfd wanted{fd_, POLLIN, 0};
    if (::poll(&wanted, fd_ >= 0 ? 1 : 0, kWaitMs) <= 0) return;
    std::array<char, 16384> events;
    while (::read(fd_, events.data(), events.size()) > 0) {}
  }

 private:
  int fd_ = -1;
};

/// The bytes of one file, with the patience of its reader.
class FollowCapture::Source : public ByteSource {
 public:
  Source(int fd, FollowCapture& owner) : fd_(fd), owner_(owner) {
    struct stat status {};
    regular_ = ::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode);
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() override {
    if (fd_ != STDIN_FILENO) ::close(fd_);
  }
  std::size_t read(std::span<std::uint8_t> into) override {
    bool last_look = false;
    for (;;) {
      if (!regular_ && !readable()) {
        if (owner_.options_.go_on && owner_.options_.go_on()) continue;
        given_up_ = true;
        return 0;
      }
      const ssize_t count = ::read(fd_, into.data(), into.size());
      if (count > 0) {
        offset_ += static_cast<std::uint64_t>(count);
        return static_cast<std::size_t>(count);
      }
      if (count < 0) {
        if (errno == EINTR) continue;
        problem_ = fmt::format("reading failed: {}", std::strerror(errno));
        return 0;
      }
      if (!regular_) return 0;  // the writer has closed its end
      struct stat status {};
      if (::fstat(fd_, &status) == 0 && static_cast<std::uint64_t>(status.st_size) < offset_)
        return 0;  // begun anew
      if (last_look) return 0;
      if (owner_.has_successor()) {
        last_look = true;  // what was written before the successor was begun
      } else if (!owner_.wait()) {
        given_up_ = true;
        return 0;
      }
    }
  }
  std::string problem() const override { return problem_; }
  std::uint64_t offset() const { return offset_; }
  bool given_up() const { return given_up_; }
  int fd() const { return fd_; }

 private:
  bool readable() const {
    pollfd wanted{fd_, POLLIN, 0};
    return ::poll(&wanted, 1, kWaitMs) > 0;
  }
  int fd_;
  FollowCapture& owner_;
  bool regular_ = false, given_up_ = false;
  std::uint64_t offset_ = 0;
  std::string problem_;
};

FollowCapture::FollowCapture(FollowOptions options)
    : options_(std::move(options)), watch_(std::make_unique<Watch>(options_.words, options_.poll_only)) {}
FollowCapture::~FollowCapture() = default;

Result<std::unique_ptr<FollowCapture>> FollowCapture::open(FollowOptions options) {
  if (options.words.empty()) return failure("no capture was given", "name a file, a directory or a pattern");
  const bool from_pipe = std::find(options.words.begin(), options.words.end(), "-") != options.words.end();
  if (from_pipe && options.words.size() != 1)
    return failure("standard input cannot be followed together with files", "name one or the other");
  std::unique_ptr<FollowCapture> capture(new FollowCapture(std::move(options)));
  if (from_pipe) {
    DEMARC_TRY(capture->begin("-"));
    return capture;
  }
  for (const std::string& word : capture->options_.words) {
    DEMARC_TRY(files_of(word));
    struct stat status {};
    if (is_pattern(word) || (::stat(word.c_str(), &status) == 0 && S_ISDIR(status.st_mode))) continue;
    // An empty file is one whose writer has just begun.
    const FileSource there = DEMARC_TRY(FileSource::open(word));
    if (status.st_size >= 24) DEMARC_TRY(open_capture(word));
  }
  return capture;
}

// Its first packet, if there is one yet.
bool FollowCapture::look_at(const std::string& path, Candidate& candidate) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  const std::int64_t changed = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (candidate.inode == status.st_ino && candidate.size == size && candidate.changed == changed)
    return candidate.usable;
  // A file that has only grown begins as it did.
  const bool grown = candidate.usable && candidate.inode == status.st_ino && size > candidate.size;
  candidate.inode = status.st_ino;
  candidate.size = size;
  candidate.changed = changed;
  if (grown && path == path_) return true;
  candidate.usable = false;
  Result<FileSource> file = FileSource::open(path);
  if (!file) return false;
  Result<std::unique_ptr<ByteSource>> source = unpack(std::make_unique<FileSource>(std::move(*file)), path, false);
  if (!source) return false;
  Result<std::unique_ptr<CaptureReader>> reader = read_capture(std::move(*source), path);
  if (!reader) return false;
  std::array<CapturePacket, 1> packet;
  if ((*reader)->read(packet) == 0) return false;
  candidate.usable = true;
  candidate.first = packet[0].at;
  candidate.identity = fmt::format("{}/{}/{}/", packet[0].at.since_epoch().count(),
                                   static_cast<unsigned>(packet[0].link), packet[0].wire_length);
  candidate.identity.append(
      packet[0].bytes.begin(),
      packet[0].bytes.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(packet[0].bytes.size(), 128)));
  return true;
}

// The path of the file that begins next; null: there is none yet.
const std::string* FollowCapture::next_file() {
  std::set<std::string> there, known;
  const std::string* next = nullptr;
  std::uint64_t older = 0;
  for (const std::string& word : options_.words) {
    const Result<std::vector<std::string>> files = files_of(word);
    if (!files) continue;
    for (const std::string& path : *files) {
      const auto at = candidates_.try_emplace(path).first;
      there.insert(path);
      if (!look_at(path, at->second)) continue;
      const Candidate& candidate = at->second;
      if (read_.contains(candidate.identity)) {
        known.insert(candidate.identity);
        continue;
      }
      if (files_ != 0 && candidate.first < begun_) {
        ++older;
        continue;
      }
      if (next == nullptr || candidate.first < candidates_.at(*next).first) next = &at->first;
    }
  }
  older_ = std::max(older_, older);
  read_ = std::move(known);
  std::erase_if(candidates_, [&](const auto& row) { return !there.contains(row.first); });
  return next;
}

// Not with every byte of a busy writer: a look costs a stat of every file.
bool FollowCapture::has_successor() {
  const auto now = std::chrono::steady_clock::now();
  if (path_ == "-" || now - last_look_ < std::chrono::milliseconds(100)) return false;
  last_look_ = now;
  return next_file() != nullptr;
}

bool FollowCapture::wait() {
  if (!options_.go_on || !options_.go_on()) return false;
  watch_->wait();
  return options_.go_on();
}

Result<void> FollowCapture::begin(const std::string& path) {
  int fd = STDIN_FILENO;
  if (path != "-") {
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return std::unexpected(file_error(path, "cannot be opened", errno));
  }
  path_ = path;
  auto source = std::make_unique<Source>(fd, *this);
  source_ = source.get();
  if (const auto at = candidates_.find(path); at != candidates_.end()) {
    begun_ = at->second.first;
    read_.insert(at->second.identity);
  }
  ++files_;
  std::unique_ptr<ByteSource> plain = DEMARC_TRY(unpack(std::move(source), path, false));
  reader_ = DEMARC_TRY(read_capture(std::move(plain), path == "-" ? "standard input" : path));
  return {};
}

void FollowCapture::end_file() {
  const CaptureStatistics& s = reader_->statistics();
  before_.bytes_read += s.bytes_read;
  before_.dropped += s.dropped;
  before_.unreadable += s.unreadable;
  // Where we left off, the file went on: its last packet was half there.
  if (!s.problem.empty() && !(source_->given_up() && s.truncated)) {
    before_.truncated = before_.truncated || s.truncated;
    if (before_.problem.empty())
      before_.problem = path_ == "-" ? s.problem : fmt::format("{}: {}", path_, s.problem);
  }
  ended_ = source_->given_up() || path_ == "-";
  reader_.reset();
  source_ = nullptr;
}

std::size_t FollowCapture::read(std::span<CapturePacket> out) {
  while (!ended_ && !out.empty()) {
    if (!reader_) {
      const std::string* next = next_file();
      if (next == nullptr) {
        if (!wait()) ended_ = true;
        continue;
      }
      const std::string path = *next;
      if (const Result<void> begun = begin(path); !begun) {
        if (before_.problem.empty()) before_.problem = fmt::format("{}: {}", path, begun.error().what);
        before_.truncated = true;
        reader_.reset();
        source_ = nullptr;
      }
      continue;
    }
    const std::size_t count = reader_->read(out);
    if (count == 0) {
      end_file();
      continue;
    }
    for (CapturePacket& packet : out.first(count)) packet.frame = ++before_.packets;
    return count;
  }
  return 0;
}

const CaptureStatistics& FollowCapture::statistics() {
  statistics_ = before_;
  if (reader_) {
    const CaptureStatistics& s = reader_->statistics();
    statistics_.bytes_read += s.bytes_read;
    statistics_.dropped += s.dropped;
    statistics_.unreadable += s.unreadable;
  }
  if (older_ != 0 && statistics_.problem.empty())
    statistics_.problem = fmt::format("{} files begin before what was read already and were left out", older_);
  return statistics_;
}

}  // namespace demarc
