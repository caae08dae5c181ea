#include "scanner/files/byte_buffer.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <vector>

namespace demarc {

namespace {
constexpr std::size_t kWindowBytes = ByteBuffer::kWindowMax + ByteBuffer::kPiece;
}

/// Whoever lets go of a window last puts it back here, so that a window is not written to while it is read: the
/// lock orders the two.
class ByteBuffer::Windows : public std::enable_shared_from_this<ByteBuffer::Windows> {
 public:
  std::shared_ptr<std::uint8_t[]> take() {
    std::unique_ptr<std::uint8_t[]> window;
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        window = std::move(free_.back());
        free_.pop_back();
      }
    }
    // Left as it is: zeroing two megabytes for each small file is dear.
    if (!window) window = std::make_unique_for_overwrite<std::uint8_t[]>(kWindowBytes);
    return {window.release(), [self = shared_from_this()](std::uint8_t* bytes) { self->put_back(bytes); }};
  }

 private:
  void put_back(std::uint8_t* bytes) {
    std::unique_ptr<std::uint8_t[]> window(bytes);
    const std::lock_guard lock(mutex_);
    if (free_.size() < kSpareMax) free_.push_back(std::move(window));
  }
  static constexpr std::size_t kSpareMax = 8;
  std::mutex mutex_;
  std::vector<std::unique_ptr<std::uint8_t[]>> free_;
};

ByteBuffer::ByteBuffer(std::unique_ptr<ByteSource> source)
    : source_(std::move(source)),
      windows_(std::make_shared<Windows>()),
      window_(std::make_shared_for_overwrite<std::uint8_t[]>(kFirstWindow)),
      bytes_(window_.get()) {}

void ByteBuffer::read_some() {
  const std::size_t count = source_->read({bytes_ + end_, std::min(kPiece, room_ - end_)});
  at_end_ = count == 0;
  end_ += count;
  read_ += count;
}

bool ByteBuffer::want(std::size_t count) {
  if (end_ - begin_ >= count) return true;
  if (count > kWindowMax) return false;
  const bool outgrown = room_ == kFirstWindow && (count > kFirstWindow || read_ >= kFirstWindow);
  if (begin_ != 0 || kept_ || outgrown) {
    std::shared_ptr<std::uint8_t[]> old = window_;
    if (kept_ || outgrown) {
      window_ = windows_->take();
      bytes_ = window_.get();
      room_ = kWindowBytes;
      kept_ = false;
    }
    std::memmove(bytes_, old.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  while (end_ < count && !at_end_) read_some();
  return end_ >= count;
}

std::uint64_t ByteBuffer::skip(std::uint64_t count) {
  std::uint64_t skipped = 0;
  while (skipped < count) {
    if (begin_ == end_ && !want(1)) break;
    const std::uint64_t now = std::min<std::uint64_t>(count - skipped, end_ - begin_);
    take(static_cast<std::size_t>(now));
    skipped += now;
  }
  return skipped;
}

std::shared_ptr<const void> ByteBuffer::keep() {
  kept_ = true;
  return window_;
}

}  // namespace demarc
