#include "probes/wire/bytes.h"

#include <doctest/doctest.h>

namespace demarc {

TEST_CASE("numbers are read in both byte orders") {
  const std::uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
  CHECK(be16(bytes) == 0x0102);
  CHECK(le16(bytes) == 0x0201);
  CHECK(be32(bytes) == 0x01020304U);
  CHECK(le32(bytes) == 0x04030201U);
  CHECK(be64(bytes) == 0x0102030405060708ULL);
  CHECK(le64(bytes) == 0x0807060504030201ULL);
}

TEST_CASE("a reader past its end gives zeros and says so") {
  const std::uint8_t bytes[] = {1, 2, 3};
  ByteReader reader{Bytes(bytes)};
  CHECK(reader.u16() == 0x0102);
  CHECK(reader.ok());
  CHECK(reader.u32() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.u8() == 0);  // what is left does not come back
  CHECK(reader.left() == 0);
}

TEST_CASE("what a writer writes a reader reads") {
  std::vector<std::uint8_t> out;
  ByteWriter(out).u8(7).u16(0xABCD).u32(0x01020304).u64(0x1122334455667788ULL);
  ByteWriter(out, true).u16(0xABCD).u32(0x01020304).u64(0x1122334455667788ULL);
  ByteReader reader{Bytes(out)};
  CHECK(reader.u8() == 7);
  CHECK(reader.u16() == 0xABCD);
  CHECK(reader.u32() == 0x01020304U);
  CHECK(reader.u64() == 0x1122334455667788ULL);
  CHECK(reader.u16_le() == 0xABCD);
  CHECK(reader.u32_le() == 0x01020304U);
  CHECK(reader.u64_le() == 0x1122334455667788ULL);
  CHECK(reader.ok());
  CHECK(reader.left() == 0);
}

}  // namespace demarc
