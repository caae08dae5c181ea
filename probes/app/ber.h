// BER (X.690 §8) as SNMP, LDAP and Kerberos need it: definite lengths, low tags, nothing recursive.
#pragma once

#include <optional>
#include <string_view>

#include "probes/app/app_probe.h"

namespace demarc::app {

inline ByteString ber(std::uint8_t tag, const ByteString& content) {  // content below 64 KiB
  ByteString out;
  ByteWriter w(out);
  w.u8(tag);
  if (content.size() < 0x80)
    w.u8(static_cast<unsigned>(content.size()));
  else
    w.u8(0x82).u16(static_cast<unsigned>(content.size()));
  w.bytes(content);
  return out;
}
inline ByteString ber(std::uint8_t tag, std::string_view text) {
  return ber(tag, ByteString(text.begin(), text.end()));
}
/// A number below 2^31 in the fewest bytes (§8.3.2).
inline ByteString ber_number(std::uint32_t number, std::uint8_t tag = 0x02) {
  ByteString content;
  int shift = 24;
  while (shift > 0 && (number >> shift) == 0) shift -= 8;
  if (((number >> shift) & 0x80) != 0) content.push_back(0);
  for (; shift >= 0; shift -= 8) content.push_back(static_cast<std::uint8_t>(number >> shift));
  return ber(tag, content);
}
inline ByteString joined(std::initializer_list<ByteString> parts) {
  ByteString out;
  for (const ByteString& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

struct BerItem {
  std::uint8_t tag = 0;
  Bytes content;
};
/// The next item, which must lie within `in`.
inline std::optional<BerItem> next_ber(ByteReader& in) {
  BerItem item;
  item.tag = in.u8();
  std::size_t length = in.u8();
  if (length >= 0x80) {
    std::size_t count = length & 0x7F;
    if (count == 0 || count > 4) return std::nullopt;
    length = 0;
    for (std::size_t i = 0; i < count; ++i) length = (length << 8) | in.u8();
  }
  item.content = in.bytes(length);
  if (!in.ok() || (item.tag & 0x1F) == 0x1F) return std::nullopt;
  return item;
}
/// The next item, if it has that tag.
inline std::optional<Bytes> next_ber(ByteReader& in, std::uint8_t tag) {
  std::optional<BerItem> item = next_ber(in);
  if (!item || item->tag != tag) return std::nullopt;
  return item->content;
}
/// Up to 32 bits of an INTEGER, as they are.
inline std::optional<std::uint32_t> ber_value(Bytes content) {
  if (content.empty() || content.size() > 5) return std::nullopt;
  std::uint64_t value = (content[0] & 0x80) != 0 ? ~std::uint64_t{0} : 0;
  for (std::uint8_t byte : content) value = (value << 8) | byte;
  return static_cast<std::uint32_t>(value);
}
inline std::optional<std::uint32_t> next_ber_number(ByteReader& in, std::uint8_t tag = 0x02) {
  std::optional<Bytes> content = next_ber(in, tag);
  if (!content) return std::nullopt;
  return ber_value(*content);
}

}  // namespace demarc::app
