// Memory that goes back to the system the moment it is let go. A million conversations become a million records in
// finish(): only because each piece is really given back as it empties do the two never stand side by side. Pieces
// of two megabytes ask for huge pages, since a flow table is looked up all over and would miss the TLB at every
// step.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <type_traits>
#include <utility>

namespace demarc {

/// `count` objects of zeroed memory, not constructed. T must be happy with that: plain numbers, zero meaning
/// "none".
template <typename T>
class Pages {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  Pages() = default;
  /// `huge`: worth huge pages. Throws std::bad_alloc.
  explicit Pages(std::size_t count, bool huge = false) : bytes_(count * sizeof(T)) {
    if (bytes_ < kMapped) {
      memory_ = std::calloc(1, bytes_);
    } else {
      // Huge pages need their own alignment, which mmap does not promise: take more, and give the ends back.
      const bool whole = huge && bytes_ >= kHuge;
      const std::size_t extra = whole ? kHuge : 0;
      mapped_ = whole ? (bytes_ + kHuge - 1) / kHuge * kHuge : bytes_;  // a piece of a large page is none
      void* got = ::mmap(nullptr, mapped_ + extra, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (got == MAP_FAILED) throw std::bad_alloc();
      if (extra != 0) {
        auto* start = static_cast<char*>(got);
        const std::size_t before = (kHuge - reinterpret_cast<std::size_t>(start) % kHuge) % kHuge;
        if (before != 0) ::munmap(start, before);
        if (extra - before != 0) ::munmap(start + before + mapped_, extra - before);
        got = start + before;
        ::madvise(got, mapped_, MADV_HUGEPAGE);  // only advice
      }
      memory_ = got;
    }
    if (memory_ == nullptr) throw std::bad_alloc();
  }
  Pages(Pages&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        mapped_(std::exchange(other.mapped_, 0)) {}
  Pages& operator=(Pages&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    std::swap(mapped_, other.mapped_);
    return *this;
  }
  ~Pages() {
    if (memory_ == nullptr) return;
    if (bytes_ < kMapped)
      std::free(memory_);
    else
      ::munmap(memory_, mapped_);
  }

  explicit operator bool() const { return memory_ != nullptr; }
  T* data() const { return static_cast<T*>(memory_); }
  T& operator[](std::size_t i) const { return data()[i]; }
  std::size_t size() const { return bytes_ / sizeof(T); }
  std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kMapped = std::size_t{128} << 10, kHuge = std::size_t{2} << 20;
  void* memory_ = nullptr;
  std::size_t bytes_ = 0, mapped_ = 0;
};

}  // namespace demarc
