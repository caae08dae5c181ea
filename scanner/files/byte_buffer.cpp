#include "scanner/files/byte_buffer.h"

#include <algorithm>
#include <cstring>

namespace demarc {

void ByteBuffer::read_some() {
  const std::size_t room = std::min(kPiece, kSize - end_);
  const std::size_t count = source_->read({bytes_.get() + end_, room});
  at_end_ = count == 0;
  end_ += count;
  read_ += count;
}

bool ByteBuffer::want(std::size_t count) {
  if (end_ - begin_ >= count) return true;
  if (count > kWindowMax) return false;
  if (begin_ != 0) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
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

}  // namespace demarc
