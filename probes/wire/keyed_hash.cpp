#include "probes/wire/keyed_hash.h"

#include <bit>

namespace demarc {

namespace {

/// The four words of state; 2 rounds a word of the message, 4 at the end.
struct Sip {
  std::uint64_t v0, v1, v2, v3;

  explicit Sip(const HashKey& key) {
    const std::uint64_t k0 = le64(key.data()), k1 = le64(key.data() + 8);
    v0 = 0x736f6d6570736575ULL ^ k0;
    v1 = 0x646f72616e646f6dULL ^ k1;
    v2 = 0x6c7967656e657261ULL ^ k0;
    v3 = 0x7465646279746573ULL ^ k1;
  }
  void round() {
    v0 += v1, v1 = std::rotl(v1, 13), v1 ^= v0, v0 = std::rotl(v0, 32);
    v2 += v3, v3 = std::rotl(v3, 16), v3 ^= v2;
    v0 += v3, v3 = std::rotl(v3, 21), v3 ^= v0;
    v2 += v1, v1 = std::rotl(v1, 17), v1 ^= v2, v2 = std::rotl(v2, 32);
  }
  void word(std::uint64_t m) {
    v3 ^= m;
    round(), round();
    v0 ^= m;
  }
  std::uint64_t last(std::uint8_t mark) {
    v2 ^= mark;
    return four();
  }
  std::uint64_t four() {
    round(), round(), round(), round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
  void message(Bytes bytes) {
    std::size_t whole = bytes.size() / 8 * 8;
    for (std::size_t i = 0; i < whole; i += 8) word(le64(bytes.data() + i));
    std::uint64_t rest = std::uint64_t{bytes.size() & 0xFF} << 56;
    for (std::size_t i = whole; i < bytes.size(); ++i) rest |= std::uint64_t{bytes[i]} << (8 * (i - whole));
    word(rest);
  }
};

}  // namespace

std::uint64_t keyed_hash(const HashKey& key, Bytes message) {
  Sip sip(key);
  sip.message(message);
  return sip.last(0xff);
}

std::array<std::uint8_t, 16> keyed_hash_128(const HashKey& key, Bytes message) {
  Sip sip(key);
  sip.v1 ^= 0xee;
  sip.message(message);
  const std::uint64_t first = sip.last(0xee);
  sip.v1 ^= 0xdd;
  const std::uint64_t second = sip.four();
  std::array<std::uint8_t, 16> out{};
  for (unsigned i = 0; i < 8; ++i) {
    out[i] = static_cast<std::uint8_t>(first >> (8 * i));
    out[i + 8] = static_cast<std::uint8_t>(second >> (8 * i));
  }
  return out;
}

std::uint64_t keyed_hash(const HashKey& key, std::uint64_t a, std::uint64_t b) {
  Sip sip(key);
  sip.word(a), sip.word(b), sip.word(std::uint64_t{16} << 56);
  return sip.last(0xff);
}

std::uint64_t keyed_hash(const HashKey& key, std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
  Sip sip(key);
  sip.word(a), sip.word(b), sip.word(c), sip.word(d), sip.word(std::uint64_t{32} << 56);
  return sip.last(0xff);
}

}  // namespace demarc
