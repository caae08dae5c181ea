#include "probes/wire/tag.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>

#include "probes/wire/craft.h"
#include "probes/wire/probe_packet.h"

namespace demarc {

namespace {

const Address kSource = *parse_address("198.51.100.7"), kTarget = *parse_address("192.0.2.10");
const Address kSource6 = *parse_address("2001:db8::7"), kTarget6 = *parse_address("2001:db8:1::10");
const WitnessKey kKey = *parse_witness_key("000102030405060708090a0b0c0d0e0f");
const WitnessKey kOtherKey = *parse_witness_key("100102030405060708090a0b0c0d0e0f");
constexpr std::uint32_t kEpoch = 1'753'000;

/// A marked SYN as an engine would send it, with whatever a firewall on the way did to it.
struct Syn {
  std::uint16_t port = 443;
  bool six = false, stripped = false, randomized = false, reset_window = false;
  std::uint8_t flags = tcp_flag::syn;
  std::uint32_t epoch = kEpoch;
  std::uint16_t port_of_tag = 0;  // 0: its own

  std::vector<std::uint8_t> bytes() const {
    const SynTag tag = syn_tag(kKey, epoch, Port(port_of_tag != 0 ? port_of_tag : port));
    ProbeIp ip;
    ip.source = six ? kSource6 : kSource;
    ip.destination = six ? kTarget6 : kTarget;
    ProbeTcp tcp;
    tcp.source_port = 40000;
    tcp.port = port;
    tcp.flags = flags;
    tcp.seq = randomized ? tag.seq + 77 : tag.seq;
    tcp.window = reset_window ? static_cast<std::uint16_t>(tag.window ^ 1U) : tag.window;
    tcp.segment_max = std::uint16_t{1460};
    if (!stripped) tcp.timestamp = tag.timestamp;
    std::vector<std::uint8_t> out(256);
    out.resize(write_tcp(out, ip, tcp));
    return out;
  }
  std::optional<std::uint32_t> seen(std::uint32_t epoch_now = kEpoch, const WitnessKey& key = kKey) const {
    const std::vector<std::uint8_t> packet = bytes();
    PacketView view;
    REQUIRE(decode_ip(packet, 0, view));
    return tagged_epoch(key, epoch_now, view);
  }
};

std::optional<std::uint32_t> seen(const Frame& packet, std::uint32_t epoch_now = kEpoch) {
  PacketView view;
  REQUIRE(decode_ip(packet, 0, view));
  return tagged_epoch(kKey, epoch_now, view);
}

std::string text_of(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

TEST_CASE("a key is 32 hexadecimal digits, and its fingerprint does not give it away") {
  CHECK(parse_witness_key(" \n000102030405060708090A0B0C0D0E0F\r\n").value().bytes == kKey.bytes);
  // sha256 of the bytes 00..0f, as any tool gives it.
  CHECK(fingerprint(kKey) == "be45cb2605bf36be");
  CHECK(fingerprint(kOtherKey) != fingerprint(kKey));
  for (const char* bad : {"", "00", "000102030405060708090a0b0c0d0e0", "000102030405060708090a0b0c0d0e0f0",
                          "000102030405060708090a0b0c0d0e0g", "0001 2030405060708090a0b0c0d0e0f"}) {
    CAPTURE(bad);
    Result<WitnessKey> key = parse_witness_key(bad);
    REQUIRE_FALSE(key);
    CHECK(key.error().what == "this is no witness key");  // and not a word of what may be a secret
  }
  CHECK(parse_witness_key(std::string(32, '0')).error().what == "a witness key of zeros is no secret");
}

TEST_CASE("an epoch is 1,024 seconds") {
  CHECK(tag_epoch(0) == 0);
  CHECK(tag_epoch(1023) == 0);
  CHECK(tag_epoch(1024) == 1);
  CHECK(tag_epoch(-5) == 0);
}

TEST_CASE("a marked SYN is known again, over IPv4 and IPv6") {
  for (const bool six : {false, true})
    for (const int port : {1, 22, 443, 65535}) {
      Syn syn;
      syn.six = six;
      syn.port = static_cast<std::uint16_t>(port);
      CHECK(syn.seen() == kEpoch);
    }
}

TEST_CASE("half of a SYN's mark may be lost on the way, never both, and never the window") {
  Syn syn;
  SUBCASE("sequence numbers randomized") {
    syn.randomized = true;
    CHECK(syn.seen() == kEpoch);
  }
  SUBCASE("options stripped") {
    syn.stripped = true;
    CHECK(syn.seen() == kEpoch);
  }
  SUBCASE("both") {
    syn.randomized = syn.stripped = true;
    CHECK_FALSE(syn.seen());
  }
  SUBCASE("the window rewritten") {
    syn.reset_window = true;
    CHECK_FALSE(syn.seen());
  }
}

TEST_CASE("a mark holds for its port, its key and its epoch with the neighbours") {
  Syn syn;
  CHECK(syn.seen(kEpoch - 1) == kEpoch);
  CHECK(syn.seen(kEpoch + 1) == kEpoch);
  CHECK_FALSE(syn.seen(kEpoch + 2));  // a replay
  CHECK_FALSE(syn.seen(kEpoch - 2));
  CHECK_FALSE(syn.seen(kEpoch, kOtherKey));
  syn.port_of_tag = 444;
  CHECK_FALSE(syn.seen());
  syn.port_of_tag = 0;
  for (const int flags : {0x00, 0x10, 0x12, 0x04, 0x03, 0x06, 0x01}) {
    CAPTURE(flags);
    syn.flags = static_cast<std::uint8_t>(flags);
    CHECK_FALSE(syn.seen());
  }
}

TEST_CASE("a marked datagram is its mark and nothing else") {
  for (const bool six : {false, true}) {
    const Address &from = six ? kSource6 : kSource, &to = six ? kTarget6 : kTarget;
    const std::string tag = text_of(udp_tag(kKey, kEpoch, Port(53)));
    CHECK(seen(craft_udp(from, to, 40000, 53, tag)) == kEpoch);
    CHECK(seen(craft_udp(from, to, 40000, 53, tag), kEpoch + 1) == kEpoch);
    CHECK_FALSE(seen(craft_udp(from, to, 40000, 53, tag), kEpoch + 2));
    CHECK_FALSE(seen(craft_udp(from, to, 40000, 54, tag)));
    CHECK_FALSE(seen(craft_udp(from, to, 40000, 53, tag + "x")));
    CHECK_FALSE(seen(craft_udp(from, to, 40000, 53, tag.substr(0, 23))));
    for (std::size_t i = 0; i < tag.size(); ++i) {
      std::string flipped = tag;
      flipped[i] = static_cast<char>(flipped[i] ^ 1);
      CHECK_FALSE(seen(craft_udp(from, to, 40000, 53, flipped)));
    }
  }
}

TEST_CASE("the marks of TCP and UDP, of ports and of epochs have nothing in common") {
  std::set<std::string> seen_marks;
  for (std::uint32_t epoch = kEpoch; epoch < kEpoch + 3; ++epoch)
    for (const int number : {0, 1, 255, 256, 443, 65535}) {
      const Port port(static_cast<std::uint16_t>(number));
      const SynTag syn = syn_tag(kKey, epoch, port);
      CHECK(syn.window >= 32768);
      const std::string datagram = text_of(udp_tag(kKey, epoch, port));
      CHECK(seen_marks.insert(datagram.substr(0, 8)).second);
      CHECK(seen_marks.insert(datagram.substr(8, 8)).second);
      CHECK(seen_marks.insert(datagram.substr(16, 8)).second);
      std::string numbers(8, '\0');
      for (unsigned i = 0; i < 4; ++i) {
        numbers[i] = static_cast<char>(syn.seq >> (24 - 8 * i));
        numbers[4 + i] = static_cast<char>(syn.timestamp >> (24 - 8 * i));
      }
      CHECK(seen_marks.insert(numbers).second);
    }
}

TEST_CASE("none of 1,000,000 forged packets is taken for ours") {
  // A forger knows the shape of a probe, has recorded marks of an older epoch, and does not know the key.
  std::mt19937_64 random(20261123);
  std::uint64_t accepted = 0;
  std::vector<std::uint8_t> out(256);
  PacketView view;
  for (int i = 0; i < 1'000'000; ++i) {
    const std::uint64_t a = random(), b = random();
    ProbeIp ip{.source = kSource, .destination = kTarget};
    const auto port = static_cast<std::uint16_t>(a >> 48);
    std::size_t size = 0;
    if ((a & 1) != 0) {
      ProbeTcp tcp;
      tcp.port = port;
      tcp.flags = tcp_flag::syn;
      tcp.window = static_cast<std::uint16_t>(0x8000U | (a >> 32));
      tcp.seq = static_cast<std::uint32_t>(b);
      tcp.timestamp = static_cast<std::uint32_t>(b >> 32);
      if ((a & 6) == 0) {
        const SynTag old = syn_tag(kKey, kEpoch - 2, Port(port));
        tcp.seq = old.seq, tcp.timestamp = old.timestamp, tcp.window = old.window;
      }
      size = write_tcp(out, ip, tcp);
    } else {
      std::array<std::uint8_t, 24> payload = udp_tag(kOtherKey, kEpoch, Port(port));
      for (unsigned n = 0; n < 8; ++n) payload[n] = static_cast<std::uint8_t>(b >> (8 * n));
      size = write_udp(out, ip, 40000, port, payload);
    }
    REQUIRE(size != 0);
    REQUIRE(decode_ip(Bytes(out).first(size), 0, view));
    accepted += tagged_epoch(kKey, kEpoch, view).has_value() ? 1 : 0;
  }
  CHECK(accepted == 0);
}

TEST_CASE("the timestamps option is found among others, and a broken list has none") {
  const auto value = [](std::initializer_list<std::uint8_t> options) { return tcp_timestamp(Frame(options)); };
  CHECK(value({8, 10, 1, 2, 3, 4, 0, 0, 0, 0}) == 0x01020304U);
  CHECK(value({2, 4, 5, 0xB4, 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0}) == 9U);
  CHECK_FALSE(value({}));
  CHECK_FALSE(value({8}));
  CHECK_FALSE(value({8, 10, 1, 2, 3, 4, 0, 0, 0}));           // cut
  CHECK_FALSE(value({8, 8, 1, 2, 3, 4, 0, 0}));               // a length it never has
  CHECK_FALSE(value({0, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0}));     // behind the end of the list
  CHECK_FALSE(value({3, 0, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0}));  // a length of nothing
  CHECK_FALSE(value({3, 1, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0}));
  CHECK_FALSE(value({3, 255, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0}));
}

TEST_CASE("decode keeps window and options of whole and of cut packets") {
  const Frame options = {2, 4, 5, 0xB4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7};
  const Frame packet = craft_tcp(kSource, kTarget,
                                 {.source_port = 1,
                                  .port = 2,
                                  .seq = 3,
                                  .ack = 0,
                                  .flags = tcp_flag::syn,
                                  .payload = "data",
                                  .options = options,
                                  .window = 40000});
  PacketView view;
  REQUIRE(decode_ip(packet, 0, view));
  CHECK(view.tcp_window == 40000);
  CHECK(Frame(view.tcp_options.begin(), view.tcp_options.end()) == options);
  CHECK(tcp_timestamp(view.tcp_options) == 9U);
  for (std::size_t kept = 20 + 14; kept < packet.size(); ++kept) {
    CAPTURE(kept);
    REQUIRE(decode_ip(Bytes(packet).first(kept), static_cast<std::uint32_t>(packet.size()), view));
    CHECK(view.tcp_window == (kept >= 36 ? 40000 : 0));
    CHECK(view.tcp_options.size() == std::min<std::size_t>(kept > 40 ? kept - 40 : 0, options.size()));
    CHECK(tcp_timestamp(view.tcp_options).has_value() == (kept >= 40 + 16));
  }
  REQUIRE(decode_ip(craft_udp(kSource, kTarget, 1, 2), 0, view));
  CHECK(view.tcp_options.empty());
  CHECK(view.tcp_window == 0);
}

}  // namespace demarc
