// Nine of ten conversations are TCP with a handshake and an end, the rest DNS over UDP. Each packet is a template
// with its fields put in: the payload is one letter, so that its share of the checksum is a multiplication.
#include "tests/support/traffic/bulk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "probes/wire/decode.h"

namespace demarc::traffic {

namespace {

constexpr BulkShape kShapes[] = {
    {.name = "a", .packets = 2'700'000, .conversations = 200'000, .together = 20'000},
    {.name = "b",
     .packets = 9'800'000,
     .conversations = 1'000'000,
     .snaplen = 128,
     .mean_packet = 300,
     .together = 100'000},
    {.name = "c",
     .packets = 9'800'000,
     .conversations = 1'000'000,
     .snaplen = 128,
     .mean_packet = 300,
     .together = 1'000'000,
     .seconds = 10},
    {.name = "flood",
     .packets = 50'000'000,
     .conversations = 50'000'000,
     .snaplen = 64,
     .mean_packet = 40,
     .together = 1,
     .seconds = 100,
     .flood = true},
};

// Small and fast enough for a packet each 50 ns (Vigna's splitmix64).
struct Random {
  std::uint64_t state;
  std::uint64_t operator()() {
    std::uint64_t z = (state += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>((*this)() % bound); }
};

struct Going {
  std::uint32_t client = 0, server = 0;
  std::uint32_t seq[2] = {0, 0};
  std::uint16_t client_port = 0, port = 0;
  std::uint16_t sent = 0, planned = 0;
  bool udp = false;
};

constexpr std::size_t kEthernet = 14, kIp = 20, kRecord = 16;
constexpr char kLetter = 'x';

class Writer {
 public:
  Writer(int fd, std::uint32_t snaplen) : fd_(fd), snaplen_(snaplen), buffer_(kBuffer + 2048) {
    const std::uint32_t head[] = {0xA1B23C4DU, 4U << 16 | 2U, 0, 0, snaplen, 1};  // little-endian machines only
    std::memcpy(buffer_.data(), head, sizeof head);
    used_ = sizeof head;
  }
  bool packet(std::int64_t at, std::uint32_t source, std::uint32_t target, std::uint16_t source_port,
              std::uint16_t port, bool udp, std::uint8_t flags, std::uint32_t seq, std::uint32_t ack,
              std::uint32_t payload) {
    const std::uint32_t transport = udp ? 8 : 20;
    const auto ip_length = static_cast<std::uint32_t>(kIp + transport + payload);
    const auto wire = static_cast<std::uint32_t>(kEthernet + ip_length);
    const std::uint32_t kept = std::min(wire, snaplen_);
    std::uint8_t* out = buffer_.data() + used_;
    const std::uint32_t record[] = {static_cast<std::uint32_t>(at / 1'000'000'000),
                                    static_cast<std::uint32_t>(at % 1'000'000'000), kept, wire};
    std::memcpy(out, record, sizeof record);
    std::uint8_t* p = out + kRecord;
    static constexpr std::uint8_t kLinks[kEthernet] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
    std::memcpy(p, kLinks, kEthernet);
    std::uint8_t* ip = p + kEthernet;
    put16(ip, 0x4500), put16(ip + 2, ip_length), put16(ip + 4, id_++), put16(ip + 6, 0x4000);
    ip[8] = 64, ip[9] = udp ? 17 : 6;
    put16(ip + 10, 0), put32(ip + 12, source), put32(ip + 16, target);
    put16(ip + 10, folded(sum(ip, kIp)));
    std::uint8_t* t = ip + kIp;
    put16(t, source_port), put16(t + 2, port);
    if (udp) {
      put16(t + 4, transport + payload), put16(t + 6, 0);
    } else {
      put32(t + 4, seq), put32(t + 8, ack), put16(t + 12, 0x5000U | flags), put16(t + 14, 65535), put32(t + 16, 0);
    }
    const std::uint64_t text =
        std::uint64_t{payload / 2} * (kLetter << 8 | kLetter) + (payload % 2) * (kLetter << 8);
    put16(t + (udp ? 6 : 16), folded(sum(ip + 12, 8) + ip[9] + transport + payload + sum(t, transport) + text));
    const std::size_t head = kEthernet + kIp + transport;
    if (kept > head) std::memset(p + head, kLetter, kept - head);
    used_ += kRecord + kept;
    wire_bytes += ip_length;
    return used_ < kBuffer || flush();
  }
  bool flush() {
    for (std::size_t done = 0; done < used_;) {
      const ssize_t n = ::write(fd_, buffer_.data() + done, used_ - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      done += static_cast<std::size_t>(n);
    }
    file_bytes += used_;
    used_ = 0;
    return true;
  }
  std::uint64_t wire_bytes = 0, file_bytes = 0;

 private:
  static constexpr std::size_t kBuffer = 1 << 20;
  static void put16(std::uint8_t* at, std::uint32_t v) {
    at[0] = static_cast<std::uint8_t>(v >> 8), at[1] = static_cast<std::uint8_t>(v);
  }
  static void put32(std::uint8_t* at, std::uint32_t v) { put16(at, v >> 16), put16(at + 2, v & 0xFFFF); }
  static std::uint64_t sum(const std::uint8_t* bytes, std::size_t count) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i + 1 < count; i += 2)
      total += static_cast<std::uint64_t>(bytes[i] << 8 | bytes[i + 1]);
    return total;
  }
  static std::uint32_t folded(std::uint64_t total) {  // RFC 1071
    while (total > 0xFFFF) total = (total >> 16) + (total & 0xFFFF);
    return static_cast<std::uint32_t>(~total & 0xFFFF);
  }
  int fd_;
  std::uint32_t snaplen_;
  std::vector<std::uint8_t> buffer_;
  std::size_t used_ = 0;
  std::uint16_t id_ = 0;
};

Going begin(const BulkShape& shape, std::uint64_t number, Random& random) {
  static constexpr std::uint16_t kPorts[] = {443, 443, 443, 80, 80, 25, 22, 445, 1433, 3389, 8443, 50000};
  Going g;
  g.udp = random.below(10) == 0;
  // 198.18.0.0/15 (RFC 2544), 192.0.2.0/24 and 203.0.113.0/24 (RFC 5737). A client's ports count on.
  g.client = 0xC6120000U + static_cast<std::uint32_t>(number % 131072);
  g.server = (random.below(2) != 0 ? 0xC0000200U : 0xCB007100U) + random.below(200);
  g.client_port = static_cast<std::uint16_t>(32768 + number / 131072 * 7 + random.below(7));
  g.port = g.udp ? std::uint16_t{53} : kPorts[random.below(std::size(kPorts))];
  g.seq[0] = static_cast<std::uint32_t>(random()), g.seq[1] = static_cast<std::uint32_t>(random());
  const auto mean = static_cast<std::uint32_t>(shape.packets / shape.conversations);
  g.planned = static_cast<std::uint16_t>(std::max(2U, mean / 2 + random.below(mean + 2)));
  return g;
}

bool next_packet(const BulkShape& shape, Going& g, std::int64_t at, Random& random, Writer& writer) {
  const std::uint32_t step = g.sent++;
  const bool last = g.sent >= g.planned;
  const bool from_server = step == 1 || (step >= 3 && step % 2 == 1);
  std::uint32_t payload = 0;
  std::uint8_t flags = tcp_flag::ack;
  if (g.udp) {
    payload = 30 + random.below(100);
  } else if (step == 0) {
    flags = tcp_flag::syn;
  } else if (step == 1) {
    flags = tcp_flag::syn | tcp_flag::ack;
  } else if (step > 2 && last) {
    flags = tcp_flag::rst | tcp_flag::ack;
  } else if (step > 2) {
    // Servers send full packets so often that the mean comes out, clients short ones.
    const std::uint32_t room = shape.mean_packet > 400 ? 1460 : 760;
    payload =
        from_server ? (random.below(8) == 0 ? random.below(room) : room) : 20 + random.below(shape.mean_packet);
    flags |= tcp_flag::psh;
  }
  const std::uint32_t seq = g.seq[from_server], ack = step == 0 ? 0 : g.seq[!from_server];
  g.seq[from_server] += payload + (step < 2 ? 1 : 0);
  return writer.packet(at, from_server ? g.server : g.client, from_server ? g.client : g.server,
                       from_server ? g.port : g.client_port, from_server ? g.client_port : g.port, g.udp, flags,
                       seq, ack, payload);
}

}  // namespace

const BulkShape* bulk_shape(std::string_view name) {
  const auto found = std::ranges::find(kShapes, name, &BulkShape::name);
  return found == std::end(kShapes) ? nullptr : found;
}

Result<BulkWritten> write_bulk(const BulkShape& shape, const std::string& path, std::uint64_t seed) {
  const int fd = path == "-" ? STDOUT_FILENO : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return file_failure(path, std::strerror(errno));
  Writer writer(fd, shape.snaplen);
  Random random{seed};
  BulkWritten done;
  std::vector<Going> going;
  const std::int64_t start = 1'795'000'000'000'000'000,
                     step = std::max<std::int64_t>(
                         2, std::int64_t{shape.seconds} * 1'000'000'000 / static_cast<std::int64_t>(shape.packets));
  std::int64_t at = start;
  bool good = true;
  while (good && done.packets < shape.packets) {
    at += step / 2 + static_cast<std::int64_t>(random.below(static_cast<std::uint32_t>(step)));
    ++done.packets;
    if (shape.flood) {
      // Every source address and port once: the number itself, stirred.
      const auto n = static_cast<std::uint32_t>(done.packets);
      good = writer.packet(at, 0x0B000000U + (n * 2654435761U >> 8), 0xC000020AU,
                           static_cast<std::uint16_t>(1024 + n % 60000), 443, false, tcp_flag::syn, n, 0, 0);
      ++done.conversations;
      continue;
    }
    while (going.size() < shape.together && done.conversations < shape.conversations)
      going.push_back(begin(shape, done.conversations++, random));
    if (going.empty()) break;
    const std::size_t i = random.below(static_cast<std::uint32_t>(going.size()));
    good = next_packet(shape, going[i], at, random, writer);
    if (going[i].sent >= going[i].planned && !(done.conversations == shape.conversations && going.size() == 1)) {
      going[i] = going.back();
      going.pop_back();
    }
  }
  good = good && writer.flush();
  const int problem = errno;
  if (path != "-" && ::close(fd) != 0) good = false;
  if (!good) return file_failure(path, fmt::format("could not be written whole: {}", std::strerror(problem)));
  done.bytes = writer.file_bytes;
  done.wire_bytes = writer.wire_bytes;
  return done;
}

}  // namespace demarc::traffic
