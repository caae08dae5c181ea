// A block is type, total length, body, total length again. Blocks up to the window's size are looked at whole; of
// larger ones only unknown kinds may be, and they are skipped without keeping them.
#include "scanner/files/pcapng_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "rules/net/address.h"

namespace demarc {

namespace {
constexpr std::uint32_t kSection = 0x0A0D0D0A, kByteOrder = 0x1A2B3C4D;
constexpr std::uint32_t kInterface = 1, kPacket = 2, kSimplePacket = 3, kStatistics = 5, kEnhancedPacket = 6;
constexpr std::uint16_t kOptionEnd = 0;
constexpr std::uint16_t kIfTsresol = 9, kIfFcslen = 13, kIfTsoffset = 14;
// isb_usrdeliv is no drop count: what it lacks was in the kernel's buffer when the capture ended, and later than
// it.
constexpr std::uint16_t kIsbIfdrop = 5, kIsbOsdrop = 7;
constexpr std::uint16_t kEpbFlags = 2, kEpbDropcount = 4;  // the obsolete block's pack_flags has the same code

bool holds_packet(std::uint32_t type) {
  return type == kPacket || type == kSimplePacket || type == kEnhancedPacket;
}
bool is_read(std::uint32_t type) { return holds_packet(type) || type == kInterface || type == kStatistics; }
std::uint32_t padded(std::uint32_t length) { return (length + 3) & ~std::uint32_t{3}; }
std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b ? std::numeric_limits<std::uint64_t>::max() : a + b;
}
}  // namespace

Result<std::unique_ptr<CaptureReader>> PcapngReader::open(ByteBuffer buffer) {
  std::unique_ptr<PcapngReader> reader(new PcapngReader(std::move(buffer)));
  const Step step = reader->section(true);
  if (step != Step::other)
    return failure(reader->statistics_.problem,
                   "the section header of a pcapng file cannot be read; is the file whole?");
  return std::unique_ptr<CaptureReader>(std::move(reader));
}

void PcapngReader::stop(std::string problem) {
  done_ = true;
  end_section();
  if (problem.empty()) return;
  statistics_.truncated = true;
  if (statistics_.problem.empty()) {
    statistics_.problem_offset = buffer_.offset();
    statistics_.problem = std::move(problem);
  } else {
    statistics_.problem += "; " + problem;
  }
}

void PcapngReader::cut(std::size_t needed) {
  if (const std::string error = buffer_.problem(); !error.empty())
    return stop(fmt::format("{}, after frame {}", error, records_));
  if (buffer_.ready().empty()) return stop("");
  stop(fmt::format("the file ends in the middle of a block behind frame {}, at byte {}: {} of {} bytes are there",
                   records_, buffer_.offset(), buffer_.ready().size(), needed));
}

void PcapngReader::unreadable(std::string why) {
  ++statistics_.unreadable;
  if (!statistics_.problem.empty()) return;
  statistics_.problem_offset = buffer_.offset();
  statistics_.problem = fmt::format("frame {} cannot be read: {}", records_, why);
}

void PcapngReader::end_section() {
  for (const Interface& interface : interfaces_)
    drops_before_ = saturating_add(drops_before_, std::max(interface.drops_counted, interface.drops_reported));
  interfaces_before_ += static_cast<std::uint32_t>(interfaces_.size());
  interfaces_.clear();
}

PcapngReader::Step PcapngReader::section(bool may_read) {
  if (buffer_.ready().size() < 28 && !may_read) return Step::need_more;
  if (!buffer_.want(28)) {
    cut(28);
    return Step::stopped;
  }
  const std::uint8_t* h = buffer_.ready().data();
  const bool little = le32(h + 8) == kByteOrder;
  if (!little && be32(h + 8) != kByteOrder) {
    stop(fmt::format("damaged at byte {}: a section without a byte-order mark", buffer_.offset()));
    return Step::stopped;
  }
  const std::uint32_t length = little ? le32(h + 4) : be32(h + 4);
  const std::uint16_t major = little ? le16(h + 12) : be16(h + 12);
  if (length < 28 || length % 4 != 0) {
    stop(fmt::format("damaged at byte {}: a section header of {} bytes cannot be", buffer_.offset(), length));
    return Step::stopped;
  }
  if (major != 1) {
    stop(fmt::format("pcapng version {} at byte {} is not known", major, buffer_.offset()));
    return Step::stopped;
  }
  end_section();
  little_ = little;
  if (length > buffer_.ready().size() && !may_read) return Step::need_more;
  if (buffer_.skip(length) != length) {
    cut(length);
    if (!statistics_.truncated)
      stop(fmt::format("the file ends in the middle of a section header, at byte {}", buffer_.offset()));
    return Step::stopped;
  }
  return Step::other;
}

std::optional<Bytes> PcapngReader::option(Bytes options, std::uint16_t code) const {
  while (options.size() >= 4) {
    const std::uint16_t found = u16(options.data()), length = u16(options.data() + 2);
    if (found == kOptionEnd || length > options.size() - 4) break;
    if (found == code) return options.subspan(4, length);
    options = options.subspan(std::min<std::size_t>(options.size(), 4 + padded(length)));
  }
  return std::nullopt;
}

Timestamp PcapngReader::time(const Interface& interface, std::uint64_t ticks) const {
  // In 128 bits nothing overflows on the way; what 64 bits of nanoseconds cannot hold (before 1970, after 2262) is
  // moved to the edge.
  Uint128 nanoseconds = ticks;
  const unsigned power = interface.resolution & 0x7FU;
  if (interface.resolution & 0x80U) {
    nanoseconds = power >= 100 ? 0 : (nanoseconds * 1'000'000'000U) >> power;
  } else if (power <= 9) {
    for (unsigned i = power; i < 9; ++i) nanoseconds *= 10;
  } else if (power > 9 + 20) {
    nanoseconds = 0;
  } else {
    for (unsigned i = 9; i < power; ++i) nanoseconds /= 10;
  }
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  __extension__ using Int128 = __int128;
  constexpr Int128 kCap = static_cast<Int128>(kMax) * 4;  // so that the sum below stays far from 128 bits
  Int128 sum = nanoseconds > static_cast<Uint128>(kCap) ? kCap : static_cast<Int128>(nanoseconds);
  sum += static_cast<Int128>(interface.offset_seconds) * 1'000'000'000;
  return Timestamp(Nanoseconds(sum < 0 ? 0 : sum > kMax ? kMax : static_cast<std::int64_t>(sum)));
}

void PcapngReader::describe_interface(Bytes body) {
  if (body.size() < 8)
    return stop(
        fmt::format("damaged at byte {}: an interface description of {} bytes", buffer_.offset(), body.size()));
  if (interfaces_.size() == kInterfacesMax)
    return stop(fmt::format("more than {} interfaces in a section, at byte {}", kInterfacesMax, buffer_.offset()));
  Interface interface;
  interface.link = static_cast<LinkType>(u16(body.data()));
  interface.snaplen = u32(body.data() + 4);
  const Bytes options = body.subspan(8);
  if (const auto value = option(options, kIfTsresol); value && !value->empty()) interface.resolution = (*value)[0];
  if (const auto value = option(options, kIfTsoffset); value && value->size() >= 8)
    interface.offset_seconds = static_cast<std::int64_t>(u64(value->data()));
  if (const auto value = option(options, kIfFcslen); value && !value->empty()) interface.fcs_bytes = (*value)[0];
  interfaces_.push_back(interface);
}

void PcapngReader::interface_statistics(Bytes body) {
  if (body.size() < 12) return;
  const std::uint32_t id = u32(body.data());
  if (id >= interfaces_.size()) return;
  std::uint64_t drops = 0;
  for (std::uint16_t code : {kIsbIfdrop, kIsbOsdrop})
    if (const auto value = option(body.subspan(12), code); value && value->size() >= 8)
      drops = saturating_add(drops, u64(value->data()));
  interfaces_[id].drops_reported = std::max(interfaces_[id].drops_reported, drops);
}

// How many bytes of a frame check sequence this packet has, and how many were lost before it. In one pass over
// options that may say anything.
std::uint32_t PcapngReader::read_packet_options(Bytes options, std::uint32_t type, Interface& interface) const {
  std::uint32_t fcs = interface.fcs_bytes;
  while (options.size() >= 4) {
    const std::uint16_t code = u16(options.data()), length = u16(options.data() + 2);
    if (code == kOptionEnd || length > options.size() - 4) break;
    const std::uint8_t* value = options.data() + 4;
    // Bits 5 to 8 of the flags: the length for this one packet, 0: see the interface (§4.3.1).
    if (code == kEpbFlags && length >= 4 && ((u32(value) >> 5) & 0xF) != 0) fcs = (u32(value) >> 5) & 0xF;
    if (code == kEpbDropcount && length >= 8 && type == kEnhancedPacket)
      interface.drops_counted = saturating_add(interface.drops_counted, u64(value));
    options = options.subspan(std::min<std::size_t>(options.size(), 4 + padded(length)));
  }
  return fcs;
}

// Enhanced packets (§4.3) and the obsolete packet block, which differs in its first word alone.
bool PcapngReader::enhanced(std::uint32_t type, Bytes body, CapturePacket& out) {
  if (body.size() < 20) return unreadable(fmt::format("its block has {} bytes", body.size())), false;
  const std::uint8_t* b = body.data();
  const std::uint32_t id = type == kPacket ? u16(b) : u32(b);
  const std::uint32_t captured = u32(b + 12), wire = u32(b + 16);
  if (id >= interfaces_.size()) return unreadable(fmt::format("interface {} was never described", id)), false;
  if (captured > kPacketBytesMax || captured > body.size() - 20)
    return unreadable(fmt::format("it claims {} bytes, its block has room for {}", captured, body.size() - 20)),
           false;
  Interface& interface = interfaces_[id];
  const std::size_t behind = 20 + std::size_t{padded(captured)};
  if (type == kPacket) {
    if (const std::uint16_t drops = u16(b + 2); drops != 0xFFFF)
      interface.drops_counted = saturating_add(interface.drops_counted, drops);
  }
  std::uint32_t fcs = interface.fcs_bytes;
  if (body.size() > behind) fcs = read_packet_options(body.subspan(behind), type, interface);
  out.at = last_time_ = time(interface, (std::uint64_t{u32(b + 4)} << 32) | u32(b + 8));
  out.link = interface.link;
  out.interface = interfaces_before_ + id;
  out.wire_length = std::max(wire, captured);
  out.bytes = body.subspan(20, captured);
  if (fcs != 0) out.trim(fcs);
  return true;
}

// Simple packets (§4.4) carry no time: they get that of the packet before.
bool PcapngReader::simple(Bytes body, CapturePacket& out) {
  if (body.size() < 4) return unreadable("its block is empty"), false;
  if (interfaces_.empty()) return unreadable("no interface was described"), false;
  const Interface& interface = interfaces_[0];
  const std::uint32_t wire = u32(body.data());
  const auto room = static_cast<std::uint32_t>(body.size() - 4);
  const std::uint32_t captured = std::min(interface.snaplen == 0 ? wire : std::min(wire, interface.snaplen), room);
  if (captured > kPacketBytesMax) return unreadable(fmt::format("it claims {} bytes", captured)), false;
  out.at = last_time_;
  out.link = interface.link;
  out.interface = interfaces_before_;
  out.wire_length = wire;
  out.bytes = body.subspan(4, captured);
  if (interface.fcs_bytes != 0) out.trim(interface.fcs_bytes);
  return true;
}

PcapngReader::Step PcapngReader::packet_block(std::uint32_t type, Bytes body, CapturePacket& out) {
  ++records_;
  if (!(type == kSimplePacket ? simple(body, out) : enhanced(type, body, out))) return Step::other;
  out.frame = records_;
  ++statistics_.packets;
  return Step::packet;
}

PcapngReader::Step PcapngReader::step(CapturePacket& out, bool may_read) {
  if (buffer_.ready().size() < 12) {
    if (!may_read) return Step::need_more;
    if (!buffer_.want(12)) {
      cut(12);
      return Step::stopped;
    }
  }
  // The section header's type reads the same in both byte orders, its length does not.
  const std::uint32_t type = u32(buffer_.ready().data());
  if (type == kSection) return section(may_read);
  const std::uint32_t length = u32(buffer_.ready().data() + 4);
  if (length < 12 || length % 4 != 0) {
    stop(fmt::format(
        "damaged behind frame {}, at byte {}: a block of {} bytes cannot be; nothing behind it can be read",
        records_, buffer_.offset(), length));
    return Step::stopped;
  }
  if (length > ByteBuffer::kWindowMax) {
    if (is_read(type)) {
      stop(fmt::format("damaged behind frame {}, at byte {}: a packet or interface block of {} bytes cannot be",
                       records_, buffer_.offset(), length));
      return Step::stopped;
    }
    if (!may_read) return Step::need_more;
    if (const std::uint64_t skipped = buffer_.skip(length); skipped != length) {
      stop(fmt::format("the file ends in the middle of a block behind frame {}: {} of {} bytes are there", records_,
                       skipped, length));
      return Step::stopped;
    }
    return Step::other;
  }
  if (buffer_.ready().size() < length) {
    if (!may_read) return Step::need_more;
    if (!buffer_.want(length)) {
      cut(length);
      return Step::stopped;
    }
  }
  const std::uint8_t* block = buffer_.ready().data();
  if (u32(block + length - 4) != length) {
    stop(fmt::format(
        "damaged behind frame {}, at byte {}: a block that says {} bytes at its start and {} at its end", records_,
        buffer_.offset(), length, u32(block + length - 4)));
    return Step::stopped;
  }
  const Bytes body(block + 8, length - 12);
  Step result = Step::other;
  if (holds_packet(type))
    result = packet_block(type, body, out);
  else if (type == kInterface)
    describe_interface(body);
  else if (type == kStatistics)
    interface_statistics(body);
  if (!done_) buffer_.take(length);
  return done_ ? Step::stopped : result;
}

std::size_t PcapngReader::read(std::span<CapturePacket> out) {
  std::size_t count = 0;
  while (count < out.size() && !done_) {
    // Reading on would move the packets that the batch already points to: those go out first.
    const Step result = step(out[count], count == 0);
    if (result == Step::packet) ++count;
    if (result == Step::need_more) break;
  }
  return count;
}

const CaptureStatistics& PcapngReader::statistics() {
  statistics_.bytes_read = buffer_.bytes_read();
  statistics_.dropped = drops_before_;
  for (const Interface& interface : interfaces_)
    statistics_.dropped =
        saturating_add(statistics_.dropped, std::max(interface.drops_counted, interface.drops_reported));
  return statistics_;
}

}  // namespace demarc
