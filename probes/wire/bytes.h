// Foreign bytes as numbers. Everything on the wire is big-endian; capture files may be either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace demarc {

using Bytes = std::span<const std::uint8_t>;

inline std::uint16_t be16(const std::uint8_t* p) { return static_cast<std::uint16_t>((p[0] << 8) | p[1]); }
inline std::uint32_t be32(const std::uint8_t* p) {
  return (std::uint32_t{p[0]} << 24) | (std::uint32_t{p[1]} << 16) | (std::uint32_t{p[2]} << 8) | p[3];
}
inline std::uint64_t be64(const std::uint8_t* p) { return (std::uint64_t{be32(p)} << 32) | be32(p + 4); }
inline std::uint16_t le16(const std::uint8_t* p) { return static_cast<std::uint16_t>((p[1] << 8) | p[0]); }
inline std::uint32_t le32(const std::uint8_t* p) {
  return (std::uint32_t{p[3]} << 24) | (std::uint32_t{p[2]} << 16) | (std::uint32_t{p[1]} << 8) | p[0];
}
inline std::uint64_t le64(const std::uint8_t* p) { return (std::uint64_t{le32(p + 4)} << 32) | le32(p); }

/// Takes numbers from the front of a span. After one read past the end every read gives 0 and ok() is false, so a
/// header is read field by field and judged once.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : rest_(bytes) {}
  std::uint8_t u8() { return have(1) ? take(1)[0] : std::uint8_t{0}; }
  std::uint16_t u16() { return have(2) ? be16(take(2)) : std::uint16_t{0}; }
  std::uint32_t u32() { return have(4) ? be32(take(4)) : 0U; }
  std::uint64_t u64() { return have(8) ? be64(take(8)) : 0U; }
  std::uint16_t u16_le() { return have(2) ? le16(take(2)) : std::uint16_t{0}; }
  std::uint32_t u32_le() { return have(4) ? le32(take(4)) : 0U; }
  std::uint64_t u64_le() { return have(8) ? le64(take(8)) : 0U; }
  Bytes bytes(std::size_t count) { return have(count) ? Bytes(take(count), count) : Bytes{}; }
  void skip(std::size_t count) {
    if (have(count)) take(count);
  }
  bool ok() const { return ok_; }
  std::size_t left() const { return rest_.size(); }
  Bytes rest() const { return rest_; }

 private:
  bool have(std::size_t count) {
    if (ok_ && rest_.size() >= count) return true;
    ok_ = false;
    rest_ = {};
    return false;
  }
  const std::uint8_t* take(std::size_t count) {
    const std::uint8_t* p = rest_.data();
    rest_ = rest_.subspan(count);
    return p;
  }
  Bytes rest_;
  bool ok_ = true;
};

/// Appends numbers to a buffer in the byte order asked for.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::uint8_t>& out, bool little_endian = false)
      : out_(out), little_(little_endian) {}
  ByteWriter& u8(unsigned v) { return number(v, 1); }
  ByteWriter& u16(unsigned v) { return number(v, 2); }
  ByteWriter& u32(std::uint32_t v) { return number(v, 4); }
  ByteWriter& u64(std::uint64_t v) { return number(v, 8); }
  ByteWriter& bytes(Bytes more) {
    out_.insert(out_.end(), more.begin(), more.end());
    return *this;
  }
  ByteWriter& zeros(std::size_t count) {
    out_.resize(out_.size() + count);
    return *this;
  }

 private:
  ByteWriter& number(std::uint64_t v, unsigned size) {
    for (unsigned i = 0; i < size; ++i)
      out_.push_back(static_cast<std::uint8_t>(v >> (8 * (little_ ? i : size - 1 - i))));
    return *this;
  }
  std::vector<std::uint8_t>& out_;
  bool little_;
};

}  // namespace demarc
