// Writes captures for benchmarks and tests, the same for the same seed:
//   generate_traffic a|b|c|flood OUT.pcap [--packets N] [--conversations N] [--snaplen N] [--seed N]
//   generate_traffic kinds OUT.pcap [--count N] [--snaplen N] [--link TYPE] [--seed N]
// a: 2.7 million whole packets of 200,000 conversations, 1.6 GB. b: 9.8 million packets cut at 128 bytes, a million
// conversations over five minutes. c: as b, all of them within ten seconds. flood: 50 million SYNs, each from an
// end of its own. kinds: N conversations of every kind there is, and what is true of each in OUT.pcap.truth.jsonl
// (link types by number: 1 Ethernet, 101 raw IP, 113 Linux cooked, ...). OUT "-" is standard output, but for kinds.
#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "tests/support/traffic/bulk.h"
#include "tests/support/traffic/kinds.h"

namespace {

using namespace demarc;
using namespace demarc::traffic;

int refuse(const char* program) {
  fmt::print(stderr,
             "usage: {0} a|b|c|flood OUT.pcap [--packets N] [--conversations N] [--snaplen N] [--seed N]\n"
             "       {0} kinds OUT.pcap [--count N] [--snaplen N] [--link TYPE] [--seed N]\n",
             program);
  return 2;
}

int say(const Error& error) {
  fmt::print(stderr, "{}: {}\n", error.where.file, error.what);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc % 2 == 0) return refuse(argv[0]);
  const std::string shape_name = argv[1], path = argv[2];
  const BulkShape* known = bulk_shape(shape_name);
  if (known == nullptr && shape_name != "kinds") return refuse(argv[0]);
  BulkShape shape = known != nullptr ? *known : BulkShape{};
  std::uint64_t seed = 1, count = 1000, link = 1, snaplen = shape.snaplen;
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string_view word = argv[i];
    std::uint64_t value = 0;
    const char* end = argv[i + 1] + std::strlen(argv[i + 1]);
    const auto [stop, error] = std::from_chars(argv[i + 1], end, value);
    if (error != std::errc{} || stop != end) return refuse(argv[0]);
    if (word == "--seed")
      seed = value;
    else if (word == "--snaplen" && value >= 64 && value <= 262144)
      snaplen = value;
    else if (word == "--packets" && known != nullptr && value != 0)
      shape.packets = value;
    else if (word == "--conversations" && known != nullptr && value != 0)
      shape.conversations = value;
    else if (word == "--count" && known == nullptr && value != 0)
      count = value;
    else if (word == "--link" && known == nullptr && value < 65536)
      link = value;
    else
      return refuse(argv[0]);
  }
  if (known == nullptr) {
    const MadeCapture made = make_kinds(seed, static_cast<std::uint32_t>(count));
    const auto type = LinkType{static_cast<std::uint16_t>(link)};
    if (!is_readable(type)) return refuse(argv[0]);
    if (auto r = made.write(path, type, static_cast<std::uint32_t>(snaplen)); !r) return say(r.error());
    if (auto r = write_truth(path + ".truth.jsonl", made.flows()); !r) return say(r.error());
    fmt::print("{} packets, {} conversations\n", made.packets().size(), made.flows().size());
    return 0;
  }
  shape.snaplen = static_cast<std::uint32_t>(snaplen);
  if (shape.packets < shape.conversations) return refuse(argv[0]);
  const Result<BulkWritten> done = write_bulk(shape, path, seed);
  if (!done) return say(done.error());
  fmt::print(stderr, "{} packets of {:.0f} bytes, {} conversations, {} bytes of file\n", done->packets,
             static_cast<double>(done->wire_bytes) / static_cast<double>(done->packets), done->conversations,
             done->bytes);
  return 0;
}
