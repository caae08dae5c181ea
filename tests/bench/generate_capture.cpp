// Writes a capture of a given number of packets and conversations, the same for the same seed:
//   generate_capture OUT.pcap PACKETS CONVERSATIONS [SNAPLEN [SEED]]
// Nine of ten conversations are TCP with a handshake and an end, the rest DNS over UDP; clients of 198.18.0.0/15
// (RFC 2544) talk to a few hundred servers in 192.0.2.0/24 and 203.0.113.0/24. What it is said to hold is printed.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <random>
#include <vector>

#include "probes/wire/craft.h"
#include "probes/wire/decode.h"
#include "scanner/files/pcap_writer.h"

namespace {

using namespace demarc;

struct Conversation {
  Address client, server;
  std::uint16_t client_port = 0, port = 0;
  bool udp = false;
  std::uint32_t sent = 0, planned = 0;
  std::uint32_t seq[2] = {0, 0};
};

bool number(const char* text, std::uint64_t& out) {
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, out);
  return error == std::errc{} && stop == end;
}

Frame next_packet(Conversation& c, std::mt19937_64& random) {
  static const std::string kData(1400, 'x');
  const std::uint32_t step = c.sent++;
  const bool last = c.sent == c.planned;
  if (c.udp) {
    const std::string_view payload(kData.data(), 40 + random() % 80);
    return step % 2 == 0 ? craft_udp(c.client, c.server, c.client_port, c.port, payload)
                         : craft_udp(c.server, c.client, c.port, c.client_port, payload);
  }
  const int from = step == 1 ? 1 : step < 3 ? 0 : static_cast<int>(step % 2);
  TcpCraft t{.source_port = from ? c.port : c.client_port, .port = from ? c.client_port : c.port};
  t.seq = c.seq[from];
  t.ack = step == 0 ? 0 : c.seq[1 - from];
  t.flags = step == 0 ? tcp_flag::syn : step == 1 ? tcp_flag::syn | tcp_flag::ack : tcp_flag::ack;
  if (step > 2 && last)
    t.flags = tcp_flag::rst | tcp_flag::ack;
  else if (step > 2)
    t.payload = std::string_view(kData.data(), from ? 200 + random() % 1200 : 20 + random() % 300);
  c.seq[from] += static_cast<std::uint32_t>(t.payload.size()) + (step < 2 ? 1 : 0);
  return craft_tcp(from ? c.server : c.client, from ? c.client : c.server, t);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t packets = 0, conversations = 0, snaplen = 128, seed = 1;
  if (argc < 4 || argc > 6 || !number(argv[2], packets) || !number(argv[3], conversations) ||
      (argc > 4 && !number(argv[4], snaplen)) || (argc > 5 && !number(argv[5], seed)) || conversations == 0 ||
      packets < conversations) {
    fmt::print(stderr, "usage: {} OUT.pcap PACKETS CONVERSATIONS [SNAPLEN [SEED]]\n", argv[0]);
    return 2;
  }
  auto writer = PcapWriter::create(argv[1], LinkType::ethernet, static_cast<std::uint32_t>(snaplen));
  if (!writer) {
    fmt::print(stderr, "{}: {}\n", argv[1], writer.error().what);
    return 2;
  }
  std::mt19937_64 random(seed);
  static constexpr std::uint16_t kPorts[] = {443, 443, 443, 80, 80, 25, 22, 445, 1433, 3389, 8443, 50000};
  std::vector<Conversation> going;
  std::uint64_t begun = 0, written = 0;
  Timestamp now = Timestamp::from_seconds(1'795'000'000);
  const std::size_t together = std::min<std::uint64_t>(conversations, 200'000);
  while (written < packets) {
    while (going.size() < together && begun < conversations) {
      Conversation c;
      c.udp = random() % 10 == 0;
      c.client = Address::ipv4(0xC6120000U + static_cast<std::uint32_t>(begun % 131072));
      c.server =
          Address::ipv4((random() % 2 ? 0xC0000200U : 0xCB007100U) + static_cast<std::uint32_t>(random() % 200));
      c.client_port = static_cast<std::uint16_t>(32768 + begun / 131072 * 7 + random() % 7);
      c.port = c.udp ? std::uint16_t{53} : kPorts[random() % std::size(kPorts)];
      c.seq[0] = static_cast<std::uint32_t>(random()), c.seq[1] = static_cast<std::uint32_t>(random());
      // What is left is shared out evenly, with a spread.
      const std::uint64_t mean = packets / conversations;
      c.planned = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, mean / 2 + random() % (mean + 1)));
      going.push_back(c);
      ++begun;
    }
    if (going.empty()) break;
    const std::size_t i = random() % going.size();
    Conversation& c = going[i];
    const bool nothing_left = begun == conversations && going.size() == 1;
    const Frame frame = craft_frame(LinkType::ethernet, next_packet(c, random));
    now = now + Nanoseconds(500 + static_cast<std::int64_t>(random() % 1000));
    if (!writer->write(now, Bytes(frame).first(std::min<std::size_t>(frame.size(), snaplen)),
                       static_cast<std::uint32_t>(frame.size())))
      break;
    ++written;
    if (c.sent >= c.planned && !nothing_left) {
      going[i] = going.back();
      going.pop_back();
    }
  }
  if (const auto closed = writer->close(); !closed) {
    fmt::print(stderr, "{}: {}\n", closed.error().where.file, closed.error().what);
    return 2;
  }
  fmt::print("{} packets, {} conversations begun\n", written, begun);
  return 0;
}
