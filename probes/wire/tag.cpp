#include "probes/wire/tag.h"

#include <algorithm>

#include "rules/text/sha256.h"

namespace demarc {

namespace {

constexpr std::int64_t kEpochSeconds = 1024;

/// The message behind a mark. What it is for, the epoch and the port each have bytes of their own, so that no two
/// marks hash the same message.
enum class Part : std::uint8_t { syn = 1, datagram_front = 2, datagram_back = 3 };

std::array<std::uint8_t, 16> message(Part part, std::uint32_t epoch, Port port) {
  std::array<std::uint8_t, 16> m{'d', 'e', 'm', 'a', 'r', 'c', ' ', 't', 'a', static_cast<std::uint8_t>(part)};
  for (unsigned i = 0; i < 4; ++i) m[10 + i] = static_cast<std::uint8_t>(epoch >> (24 - 8 * i));
  m[14] = static_cast<std::uint8_t>(port.number() >> 8);
  m[15] = static_cast<std::uint8_t>(port.number());
  return m;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Half of a mark may be gone, never both: sequence number or timestamp, and the window with either.
bool carries(const SynTag& tag, const PacketView& packet, std::optional<std::uint32_t> timestamp) {
  return packet.tcp_window == tag.window && (packet.tcp_seq == tag.seq || timestamp == tag.timestamp);
}

}  // namespace

Result<WitnessKey> parse_witness_key(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  text = first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
  WitnessKey key;
  bool good = text.size() == 2 * key.bytes.size();
  for (std::size_t i = 0; good && i < key.bytes.size(); ++i) {
    const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
    good = high >= 0 && low >= 0;
    if (good) key.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  // The text is a secret, or was meant to be one: it is not repeated here.
  if (!good) return failure("this is no witness key", "a key is 32 hexadecimal digits; --new-key FILE makes one");
  if (std::all_of(key.bytes.begin(), key.bytes.end(), [](std::uint8_t byte) { return byte == 0; }))
    return failure("a witness key of zeros is no secret", "--new-key FILE makes one");
  return key;
}

std::string fingerprint(const WitnessKey& key) {
  Sha256 hash;
  hash.update(std::string_view(reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size()));
  return hash.finish_hex().substr(0, 16);
}

std::uint32_t tag_epoch(std::int64_t unix_seconds) {
  return static_cast<std::uint32_t>(std::max<std::int64_t>(unix_seconds, 0) / kEpochSeconds);
}

SynTag syn_tag(const WitnessKey& key, std::uint32_t epoch, Port port) {
  const std::array<std::uint8_t, 16> hash = keyed_hash_128(key.bytes, message(Part::syn, epoch, port));
  SynTag tag;
  tag.seq = be32(hash.data());
  tag.timestamp = be32(hash.data() + 4);
  tag.window = static_cast<std::uint16_t>(be16(hash.data() + 8) | 0x8000U);
  return tag;
}

std::array<std::uint8_t, 24> udp_tag(const WitnessKey& key, std::uint32_t epoch, Port port) {
  std::array<std::uint8_t, 24> tag{};
  const auto front = keyed_hash_128(key.bytes, message(Part::datagram_front, epoch, port));
  const std::uint64_t back = keyed_hash(key.bytes, message(Part::datagram_back, epoch, port));
  std::copy(front.begin(), front.end(), tag.begin());
  for (unsigned i = 0; i < 8; ++i) tag[16 + i] = static_cast<std::uint8_t>(back >> (56 - 8 * i));
  return tag;
}

std::optional<std::uint32_t> tagged_epoch(const WitnessKey& key, std::uint32_t epoch_now,
                                          const PacketView& packet) {
  if (!packet.has_ports || packet.later_fragment) return std::nullopt;
  const bool syn = packet.protocol == Protocol::tcp;
  // What costs nothing goes first: a stranger's packet is rarely worth a hash.
  std::optional<std::uint32_t> timestamp;
  if (syn) {
    constexpr std::uint8_t kControl = tcp_flag::syn | tcp_flag::ack | tcp_flag::rst | tcp_flag::fin;
    if ((packet.tcp_flags & kControl) != tcp_flag::syn || (packet.tcp_window & 0x8000U) == 0) return std::nullopt;
    timestamp = tcp_timestamp(packet.tcp_options);
  } else if (packet.protocol != Protocol::udp || packet.payload.size() != 24 || packet.payload_length != 24) {
    return std::nullopt;
  }
  for (const std::uint32_t epoch : {epoch_now, epoch_now - 1, epoch_now + 1}) {
    if (syn ? carries(syn_tag(key, epoch, Port(packet.port)), packet, timestamp)
            : std::ranges::equal(udp_tag(key, epoch, Port(packet.port)), packet.payload))
      return epoch;
  }
  return std::nullopt;
}

}  // namespace demarc
