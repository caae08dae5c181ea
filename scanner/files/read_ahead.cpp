#include "scanner/files/read_ahead.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <cstring>

namespace demarc {

ReadAhead::~ReadAhead() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::size_t ReadAhead::read(std::span<std::uint8_t> into) {
  if (ended_ || into.empty()) return 0;
  if (first_) {
    first_ = false;
    const std::size_t count = source_->read(into);
    bytes_of_file_ = source_->bytes_of_file();
    if (count == 0) {
      ended_ = true;
      problem_ = source_->problem();
    }
    return count;
  }
  if (!thread_.joinable()) {
    // Signals are for the threads that wait for them.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { work(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return made_ != used_; });
  Piece& piece = pieces_[used_ % kPieces];
  lock.unlock();  // the thread leaves a piece alone until it is used up
  bytes_of_file_ = piece.bytes_of_file;
  if (piece.size == 0) {
    ended_ = true;
    problem_ = piece.problem;
    return 0;
  }
  const std::size_t count = std::min(into.size(), piece.size - given_);
  std::memcpy(into.data(), piece.bytes.data() + given_, count);
  given_ += count;
  if (given_ == piece.size) {
    given_ = 0;
    lock.lock();
    ++used_;
    lock.unlock();
    changed_.notify_all();
  }
  return count;
}

void ReadAhead::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stop_ || made_ - used_ < kPieces; });
    if (stop_) return;
    Piece& piece = pieces_[made_ % kPieces];
    lock.unlock();
    piece.bytes.resize(kPieceBytes);
    piece.size = source_->read(piece.bytes);
    piece.bytes_of_file = source_->bytes_of_file();
    if (piece.size == 0) piece.problem = source_->problem();
    const bool last = piece.size == 0;
    lock.lock();
    ++made_;
    lock.unlock();
    changed_.notify_all();
    if (last) return;
  }
}

}  // namespace demarc
