#include "scanner/files/pcapng_writer.h"

namespace demarc {

namespace {
void pad(std::vector<std::uint8_t>& bytes) { bytes.resize((bytes.size() + 3) / 4 * 4); }
}  // namespace

PcapngBytes& PcapngBytes::block(std::uint32_t type, Bytes body) {
  std::vector<std::uint8_t> padded(body.begin(), body.end());
  pad(padded);
  const auto length = static_cast<std::uint32_t>(padded.size() + 12);
  ByteWriter(out_, little_).u32(type).u32(length).bytes(padded).u32(length);
  return *this;
}

PcapngBytes& PcapngBytes::section() {
  std::vector<std::uint8_t> body;
  ByteWriter(body, little_).u32(0x1A2B3C4D).u16(1).u16(0).u64(~std::uint64_t{0});
  return block(0x0A0D0D0A, body);
}

PcapngBytes& PcapngBytes::section(bool little_endian) {
  little_ = little_endian;
  return section();
}

PcapngBytes& PcapngBytes::interface(const Interface& interface) {
  std::vector<std::uint8_t> body;
  ByteWriter w(body, little_);
  w.u16(static_cast<std::uint16_t>(interface.link)).u16(0).u32(interface.snaplen);
  if (interface.resolution) w.u16(9).u16(1).u8(*interface.resolution).zeros(3);
  if (interface.offset_seconds) w.u16(14).u16(8).u64(static_cast<std::uint64_t>(*interface.offset_seconds));
  if (interface.resolution || interface.offset_seconds) w.u32(0);
  return block(1, body);
}

PcapngBytes& PcapngBytes::enhanced_packet(std::uint32_t interface, std::uint64_t ticks, Bytes bytes,
                                          std::uint32_t wire_length, std::optional<std::uint64_t> drops) {
  std::vector<std::uint8_t> body;
  ByteWriter w(body, little_);
  w.u32(interface).u32(static_cast<std::uint32_t>(ticks >> 32)).u32(static_cast<std::uint32_t>(ticks));
  w.u32(static_cast<std::uint32_t>(bytes.size())).u32(wire_length).bytes(bytes);
  pad(body);
  if (drops) w.u16(4).u16(8).u64(*drops).u32(0);
  return block(6, body);
}

PcapngBytes& PcapngBytes::simple_packet(Bytes bytes, std::uint32_t wire_length) {
  std::vector<std::uint8_t> body;
  ByteWriter(body, little_).u32(wire_length).bytes(bytes);
  return block(3, body);
}

PcapngBytes& PcapngBytes::obsolete_packet(std::uint16_t interface, std::uint16_t drops, std::uint64_t ticks,
                                          Bytes bytes, std::uint32_t wire_length) {
  std::vector<std::uint8_t> body;
  ByteWriter w(body, little_);
  w.u16(interface).u16(drops).u32(static_cast<std::uint32_t>(ticks >> 32)).u32(static_cast<std::uint32_t>(ticks));
  w.u32(static_cast<std::uint32_t>(bytes.size())).u32(wire_length).bytes(bytes);
  return block(2, body);
}

PcapngBytes& PcapngBytes::interface_statistics(std::uint32_t interface, std::uint64_t ticks,
                                               std::optional<std::uint64_t> interface_drops,
                                               std::optional<std::uint64_t> system_drops) {
  std::vector<std::uint8_t> body;
  ByteWriter w(body, little_);
  w.u32(interface).u32(static_cast<std::uint32_t>(ticks >> 32)).u32(static_cast<std::uint32_t>(ticks));
  if (interface_drops) w.u16(5).u16(8).u64(*interface_drops);
  if (system_drops) w.u16(7).u16(8).u64(*system_drops);
  w.u32(0);
  return block(5, body);
}

}  // namespace demarc
