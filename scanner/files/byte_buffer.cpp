#include "scanner/files/byte_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace demarc {

void ByteBuffer::read_some() {
  const std::size_t room = std::min(kPiece, kSize - end_);
  const std::size_t count = source_->read({bytes_.get() + end_, room});
  at_end_ = count == 0;
  end_ += count;
  read_ += count;
}

void ByteBuffer::to_the_front() {
  const std::uint8_t* rest = bytes_.get() + begin_;
  if (bytes_.use_count() != 1) {
    const auto free = std::find_if(kept_.begin(), kept_.end(), [](const Memory& m) { return m.use_count() == 1; });
    if (free != kept_.end()) {
      std::swap(*free, bytes_);
      std::memcpy(bytes_.get(), rest, end_ - begin_);
    } else {
      kept_.push_back(std::exchange(bytes_, fresh()));
      std::memcpy(bytes_.get(), rest, end_ - begin_);
    }
  } else {
    std::memmove(bytes_.get(), rest, end_ - begin_);
  }
  end_ -= begin_;
  begin_ = 0;
}

bool ByteBuffer::want(std::size_t count) {
  if (end_ - begin_ >= count) return true;
  if (count > kWindowMax) return false;
  if (begin_ != 0) to_the_front();
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

}  // namespace demarc
