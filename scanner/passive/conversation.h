// One conversation in two cache lines: the hot one is touched by every packet, the cold one at its birth and during
// a handshake. Together they stand in blocks that never move and are given back one by one.
#pragma once

#include <cstdint>
#include <vector>

#include "probes/wire/digest.h"
#include "rules/evidence/observed_flow.h"
#include "rules/net/address.h"
#include "scanner/passive/hash_index.h"
#include "scanner/passive/pages.h"
#include "scanner/passive/tcp_state.h"

namespace demarc {

/// Both ends in a fixed order and what tells this pair from others, in 16 bytes. IPv4 addresses stand in it; of
/// IPv6 addresses a keyed hash, and the Wide beside the conversation decides. ICMP: who asks is the low end, the
/// low port is the identifier and the high one type << 8 | code of the query.
struct ConversationKey {
  std::uint64_t addresses = 0;
  std::uint64_t rest = 0;  // low port 16, high port 16, protocol 8, IPv6 1, tunnel + 1 (0: outside) 23

  static constexpr std::uint32_t kTunnels = 0x7FFFFE;  // indices above this are all the last one
  static std::uint64_t rest_of(std::uint16_t low_port, std::uint16_t high_port, std::uint8_t protocol, bool ipv6,
                               std::uint32_t tunnel) {
    const std::uint64_t level =
        tunnel == kNone32 ? 0 : std::uint64_t{tunnel < kTunnels ? tunnel : kTunnels - 1} + 1;
    return low_port | std::uint64_t{high_port} << 16 | std::uint64_t{protocol} << 32 | std::uint64_t{ipv6} << 40 |
           level << 41;
  }
  std::uint16_t low_port() const { return static_cast<std::uint16_t>(rest); }
  std::uint16_t high_port() const { return static_cast<std::uint16_t>(rest >> 16); }
  std::uint8_t protocol() const { return static_cast<std::uint8_t>(rest >> 32); }
  bool ipv6() const { return rest >> 40 & 1; }
  std::uint32_t tunnel() const { return static_cast<std::uint32_t>(rest >> 41) - 1; }
  bool is_icmp() const { return protocol() == (ipv6() ? 58 : 1); }
  bool operator==(const ConversationKey&) const = default;
};

/// A packet on its way into a flow table. The first part is the caller's, the second FlowTable::prepare()'s.
struct FlowPacket {
  PacketDigest digest;
  std::int64_t at = 0;  // nanoseconds since the epoch, not negative
  std::uint64_t frame = 0;
  std::uint32_t source = 0;
  std::uint32_t tunnel = kNone32;
  const PacketView* odd = nullptr;  // set: not a common frame; the view counts, and the digest is not filled

  ConversationKey key;
  std::uint32_t hash = 0;
  bool from_low = false;
  bool is_reply = false;  // of an ICMP query: its sender was asked
  bool is_query = false;
};

struct Conversation {
  ConversationKey key;
  std::int64_t last = 0;            // nanoseconds
  std::uint64_t bytes[2] = {0, 0};  // by end, in this interval; end 0 is whom we take for the initiator
  std::uint32_t packets[2] = {0, 0};
  TcpState tcp;  // of datagrams only end[].data: there was payload
  bool in_use : 1 = false;
  bool initiator_is_low : 1 = false;
  bool certain : 1 = false;            // the packets themselves prove who opened it
  bool decided : 1 = false;            // an earlier interval decided who opened it
  bool refused : 1 = false;            // an ICMP error said so
  bool acknowledged_more : 1 = false;  // one end acknowledged new data of the other
  bool has_ports : 1 = false;
  bool established : 1 = false;                   // both sides took part
  // By end, bit 0 and 1: which end a packet is from is a coin's toss, and no branch should depend on it.
  std::uint8_t spoke_ends : 2 = 0;  // packets of that end were seen
  std::uint8_t asked_ends : 2 = 0;  // what its first payload says was asked, or cannot be
  bool listening : 1 = false;                     // its payload may announce other conversations
  std::uint8_t tries : 4 = 0;                     // packets in which the first payload was looked for
  std::uint32_t first_ack[2] = {0, 0};

  static constexpr std::uint8_t kBoth = 3;
  bool spoke(int end) const { return spoke_ends >> end & 1; }
  bool both_spoke() const { return spoke_ends == kBoth; }
  void set_spoke(int end) { spoke_ends = (spoke_ends | 1 << end) & kBoth; }
  bool asked(int end) const { return asked_ends >> end & 1; }
  void set_asked(int end) { asked_ends = (asked_ends | 1 << end) & kBoth; }
};
static_assert(sizeof(Conversation) == 64, "one cache line");

struct ConversationDetail {
  std::int64_t began = 0;                // nanoseconds
  std::int64_t first = -1;               // in this interval; -1: nothing yet
  std::uint32_t first_seq[2] = {0, 0};   // the SYN's number where it was seen, otherwise that of the first segment
  std::uint32_t source = 0, record = 0;  // of the first packet in this interval
  std::uint32_t serial = 0;              // tells a new tenant of this place from an old one
  std::uint32_t service = kNone32, parent = kNone32;
  std::uint32_t payload_mark[2] = {0, 0};  // of the first payload each way, for traces; 0: none
  std::uint8_t ttl[2] = {0, 0};            // of the first packet each way
};
static_assert(sizeof(ConversationDetail) <= 64, "one cache line");

struct WideAddresses {
  std::uint64_t low_high = 0, low_low = 0, high_high = 0, high_low = 0;
  bool operator==(const WideAddresses&) const = default;
};

/// Conversations by number. Numbers stay, memory is taken and given back in blocks of 32,768.
class Conversations {
 public:
  static constexpr unsigned kBits = 15;
  static constexpr std::uint32_t kBlock = 1U << kBits;

  Conversation& operator[](std::uint32_t i) const { return hot_.data()[i >> kBits][i & (kBlock - 1)]; }
  ConversationDetail& detail(std::uint32_t i) const { return blocks_.data()[i >> kBits].detail[i & (kBlock - 1)]; }
  /// Of IPv6 conversations only.
  WideAddresses& wide(std::uint32_t i) const { return blocks_.data()[i >> kBits].wide[i & (kBlock - 1)]; }
  const WideAddresses* wide_if_any(std::uint32_t i) const {
    const Pages<WideAddresses>& wide = blocks_.data()[i >> kBits].wide;
    return wide ? &wide[i & (kBlock - 1)] : nullptr;
  }
  void need_wide(std::uint32_t i) {
    Block& block = blocks_[i >> kBits];
    if (!block.wide) block.wide = Pages<WideAddresses>(kBlock);
  }
  std::uint32_t size() const { return size_; }
  std::uint32_t add() {
    if ((size_ >> kBits) == blocks_.size()) {
      // The first block grows page by page: a small capture costs little.
      const bool huge = !blocks_.empty();
      blocks_.push_back({Pages<Conversation>(kBlock, huge), Pages<ConversationDetail>(kBlock, huge), {}});
      hot_.push_back(blocks_.back().hot.data());
    }
    return size_++;
  }
  /// Nobody needs a conversation of this block any more.
  void give_back(std::uint32_t block) { blocks_[block] = {}; }
  void clear() {
    blocks_.clear();
    hot_.clear();
    size_ = 0;
  }

 private:
  struct Block {
    Pages<Conversation> hot;
    Pages<ConversationDetail> detail;
    Pages<WideAddresses> wide;
  };
  std::vector<Block> blocks_;
  std::vector<Conversation*> hot_;
  std::uint32_t size_ = 0;
};

}  // namespace demarc
