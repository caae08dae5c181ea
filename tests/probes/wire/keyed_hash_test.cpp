#include "probes/wire/keyed_hash.h"

#include <doctest/doctest.h>

#include <vector>

using namespace demarc;

namespace {

HashKey counting_key() {
  HashKey key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  return key;
}

std::vector<std::uint8_t> counting(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return bytes;
}

}  // namespace

TEST_CASE("the hash of the SipHash paper's example") {
  // Appendix A: key 00..0f, message 00..0e
  CHECK(keyed_hash(counting_key(), counting(15)) == 0xa129ca6149be45e5ULL);
}

TEST_CASE("words and bytes hash alike") {
  std::vector<std::uint8_t> bytes = counting(32);
  const std::uint8_t* p = bytes.data();
  CHECK(keyed_hash(counting_key(), le64(p), le64(p + 8)) == keyed_hash(counting_key(), Bytes(p, 16)));
  CHECK(keyed_hash(counting_key(), le64(p), le64(p + 8), le64(p + 16), le64(p + 24)) ==
        keyed_hash(counting_key(), Bytes(p, 32)));
}

TEST_CASE("128 bits: the first vector of the reference, and no half is the other's or the short hash") {
  // SipHash-2-4-128 of the empty message under the same key
  const std::array<std::uint8_t, 16> expected{0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6,
                                              0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93};
  CHECK(keyed_hash_128(counting_key(), {}) == expected);
}
