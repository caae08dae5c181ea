#include "scanner/files/byte_buffer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/scanner/files/captures.h"

namespace demarc {

namespace {
std::vector<std::uint8_t> numbered_packets(std::uint32_t count) {
  std::vector<std::uint8_t> file;
  append_pcap_header({}, file);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::vector<std::uint8_t> body(600, static_cast<std::uint8_t>(i * 7));
    append_pcap_packet({}, kStart + Nanoseconds(i), body, 600, file);
  }
  return file;
}
bool sound(const CapturePacket& packet) {
  const auto expected = static_cast<std::uint8_t>((packet.frame - 1) * 7);
  return packet.bytes.size() == 600 &&
         std::all_of(packet.bytes.begin(), packet.bytes.end(), [&](std::uint8_t b) { return b == expected; });
}
struct Block {
  std::array<CapturePacket, kPacketBatch> packets;
  std::size_t count = 0;
  std::shared_ptr<const void> kept;
};
}  // namespace

TEST_CASE("bytes that are kept stay, however far the reader goes, and after it has gone") {
  const auto file = numbered_packets(20'000);  // twelve windows
  std::vector<Block> blocks;
  {
    auto reader = read_capture(std::make_unique<MemorySource>(file), "dmz.pcap");
    REQUIRE(reader.has_value());
    for (;;) {
      Block block;
      block.count = (*reader)->read(block.packets);
      if (block.count == 0) break;
      block.kept = (*reader)->keep();
      REQUIRE(block.kept != nullptr);
      blocks.push_back(std::move(block));
    }
  }
  std::uint64_t packets = 0;
  for (const Block& block : blocks)
    for (std::size_t i = 0; i < block.count; ++i, ++packets) REQUIRE(sound(block.packets[i]));
  CHECK(packets == 20'000);
}

TEST_CASE("another thread works on blocks while this one reads on, and windows are used again") {
  const auto file = numbered_packets(40'000);
  auto reader = read_capture(std::make_unique<MemorySource>(file), "dmz.pcap");
  REQUIRE(reader.has_value());
  std::mutex mutex;
  std::deque<Block> queue;
  std::atomic<bool> done{false};
  std::uint64_t seen = 0, wrong = 0;
  std::thread worker([&] {
    for (;;) {
      const bool last = done;
      Block block;
      {
        const std::lock_guard lock(mutex);
        if (!queue.empty()) {
          block = std::move(queue.front());
          queue.pop_front();
        }
      }
      if (block.count == 0 && last) return;
      if (block.count == 0) std::this_thread::yield();
      for (std::size_t i = 0; i < block.count; ++i, ++seen) wrong += sound(block.packets[i]) ? 0 : 1;
    }
  });
  for (;;) {
    Block block;
    block.count = (*reader)->read(block.packets);
    if (block.count == 0) break;
    block.kept = (*reader)->keep();
    for (bool given = false; !given;) {
      {
        const std::lock_guard lock(mutex);
        if (queue.size() < 8) {
          queue.push_back(std::move(block));
          given = true;
        }
      }
      if (!given) std::this_thread::yield();
    }
  }
  done = true;
  worker.join();
  CHECK(seen == 40'000);
  CHECK(wrong == 0);
}

TEST_CASE("a window gives what was asked for, up to its size, and skips what is longer") {
  std::vector<std::uint8_t> bytes(5'000'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i % 251);
  ByteBuffer buffer(std::make_unique<MemorySource>(bytes, 1000));
  REQUIRE(buffer.want(10));
  const auto kept = buffer.keep();
  const Bytes before = buffer.ready().first(10);
  buffer.take(3);
  REQUIRE(buffer.want(ByteBuffer::kWindowMax));
  CHECK(buffer.offset() == 3);
  CHECK(buffer.ready()[0] == 3);
  CHECK(before[9] == 9);
  CHECK_FALSE(buffer.want(3 * ByteBuffer::kWindowMax));
  CHECK(buffer.skip(4'000'000) == 4'000'000);
  REQUIRE(buffer.want(1));
  CHECK(buffer.ready()[0] == 4'000'003 % 251);
  CHECK(buffer.skip(10'000'000) == 999'997);
  CHECK(buffer.at_end());
}

}  // namespace demarc
