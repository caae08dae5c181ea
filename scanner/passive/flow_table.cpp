// Three stores, each bounded:
//  - open conversations, 128 bytes each, found by a keyed hash of both ends. A clock hand walks over them, a few
//  steps
//    a packet, and ends the ones that have been silent too long; when there is no room it picks one to end early;
//  - ended conversations whose initiator no handshake told. They wait for finish(), when it is known which ends
//    had the most partners: those are the servers;
//  - the records of the result, one for each initiator and service.
#include "scanner/passive/flow_table.h"

#include <algorithm>
#include <bitset>
#include <chrono>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "rules/net/icmp.h"
#include "scanner/passive/fragment_table.h"
#include "scanner/passive/hash_index.h"
#include "scanner/passive/tcp_state.h"

namespace demarc {

namespace {

// Both ends in a fixed order. ICMP: who asks is the low end, both ports hold the identifier, `icmp` type and code
// of the query.
struct Key {
  std::uint64_t low_high = 0, low_low = 0, high_high = 0, high_low = 0;
  std::uint16_t low_port = 0, high_port = 0;
  std::uint16_t icmp = 0;
  std::uint8_t protocol = 0, v6 = 0;

  bool operator==(const Key&) const = default;
  Address low() const {
    return v6 ? Address::ipv6(low_high, low_low) : Address::ipv4(static_cast<std::uint32_t>(low_low));
  }
  Address high() const {
    return v6 ? Address::ipv6(high_high, high_low) : Address::ipv4(static_cast<std::uint32_t>(high_low));
  }
  std::uint32_t hash(const KeyedHash& keyed) const {
    const std::uint64_t rest = (std::uint64_t{low_port} << 48) | (std::uint64_t{high_port} << 32) |
                               (std::uint64_t{icmp} << 16) | (std::uint64_t{protocol} << 8) | v6;
    return keyed(low_high, low_low, high_high, high_low, rest);
  }
};

struct Conversation {
  Key key;
  std::int64_t first = 0, last = 0;  // nanoseconds
  std::uint64_t bytes[2] = {0, 0};   // by end; end 0 is whom we take for the initiator
  std::uint32_t packets[2] = {0, 0};
  std::uint32_t first_seq[2] = {0, 0};  // the SYN's number where it was seen, otherwise that of the first segment
  std::uint32_t first_ack[2] = {0, 0};
  std::uint32_t source = 0, record = 0;
  std::uint32_t serial = 0;  // tells a new tenant of this place from an old one
  TcpState tcp;
  bool initiator_is_low : 1 = false;
  bool in_use : 1 = false;
  bool certain : 1 = false;            // the packets themselves prove who opened it
  bool refused : 1 = false;            // an ICMP error said so
  bool acknowledged_more : 1 = false;  // one end acknowledged new data of the other
  bool has_ports : 1 = false;
};
static_assert(sizeof(Conversation) <= 128, "two cache lines");

// One end of a conversation, for counting its partners.
struct End {
  Address address;
  std::uint16_t port = 0;
  std::uint8_t protocol = 0;
  bool operator==(const End&) const = default;
};
struct Partners {
  End end;
  std::uint32_t count = 0;
};

constexpr std::int64_t kReordering =
    3'000'000'000;  // nanoseconds: how late a packet may be and still belong in front

bool speaks_to_many(const Address& address) {
  const AddressClass c = classify(address);
  return c == AddressClass::multicast || c == AddressClass::broadcast;
}

std::uint8_t query_of_reply(bool v4, std::uint8_t reply) {
  if (!v4) return reply == 129 ? 128 : reply == 161 ? 160 : reply;
  switch (reply) {
    case 0: return 8;
    case 14:
    case 16:
    case 18: return static_cast<std::uint8_t>(reply - 1);
    case 43: return 42;  // RFC 8335
    default: return reply;
  }
}

// An unreachable of any kind says that nobody takes part; "fragmentation needed" only asks for smaller packets.
bool refuses(bool v4, std::uint8_t type, std::uint8_t code) {
  if (v4) return (type == 3 && code != 4) || type == 12;
  return type == 1 || type == 4;
}

template <typename T>
class Chunked {  // grows without moving what is there
 public:
  T& operator[](std::uint32_t i) { return chunks_[i >> kBits][i & (kSize - 1)].value; }
  const T& operator[](std::uint32_t i) const { return chunks_[i >> kBits][i & (kSize - 1)].value; }
  std::uint32_t size() const { return size_; }
  std::uint32_t add() {
    if ((size_ >> kBits) == chunks_.size()) chunks_.push_back(std::make_unique_for_overwrite<Slot[]>(kSize));
    std::construct_at(&(*this)[size_]);
    return size_++;
  }
  void clear() {
    chunks_.clear();
    size_ = 0;
  }

 private:
  // Memory that is not touched before it is needed: a small capture costs no megabyte of zeros.
  union Slot {
    Slot() {}
    T value;
  };
  static_assert(std::is_trivially_destructible_v<T>);
  static constexpr unsigned kBits = 13;
  static constexpr std::uint32_t kSize = 1U << kBits;
  std::vector<std::unique_ptr<Slot[]>> chunks_;
  std::uint32_t size_ = 0;
};

}  // namespace

class FlowTable::Body {
  static void mark(const PortSet& ports, std::bitset<65536>& marked) {
    for (const PortRange& range : ports.ranges())
      for (std::size_t port = range.first.number(); port <= range.last.number(); ++port) marked[port] = true;
  }

 public:
  explicit Body(const FlowOptions& options) : options_(options), hash_(options.hash_key) {
    options_.conversations_max = std::max(16U, options.conversations_max);
    options_.records_max = std::max(16U, options.records_max);
    mark(options.server_ports_tcp, server_tcp_);
    mark(options.server_ports_udp, server_udp_);
  }

  void on_packet(std::int64_t at, const PacketView& packet, PacketPlace place);
  std::uint32_t prefetch(const PacketView& packet) const;
  void prefetch_conversation(std::uint32_t hash) const;
  void finish(std::vector<ObservedFlow>& flows);

  std::vector<FlowLosses> losses;
  std::uint64_t begun = 0;
  std::size_t open() const { return index_.size(); }

 private:
  // Which way a packet goes within its key, and whether the protocol itself tells the direction.
  struct Bearing {
    Key key;
    bool from_low = false;
    bool is_reply = false;  // an ICMP reply: its sender was asked
    bool is_query = false;
  };
  static Bearing bearing_of(const IpView& packet);

  std::uint32_t find(const Key& key, std::uint32_t hash) const {
    return index_.find(hash, [&](std::uint32_t i) { return open_[i].key == key; });
  }
  std::uint32_t begin(std::int64_t at, const Bearing& bearing, std::uint32_t hash, const IpView& packet,
                      PacketPlace place);
  std::uint32_t place_for_one(std::int64_t at);
  void end(std::uint32_t number);
  void tick(std::int64_t now, int steps);
  std::int64_t patience(const Conversation& c) const;
  bool begins_anew(const Conversation& c, std::int64_t at, int from, const IpView& packet) const;
  void learn_from_handshake(Conversation& c, int& from, const IpView& packet);
  void swap_ends(Conversation& c);
  void icmp_error(const PacketView& packet);
  void later_fragment(std::int64_t at, const PacketView& packet, PacketPlace place);
  void count_partner(const Conversation& c, int end);
  std::uint32_t partners(const Conversation& c, int end) const;
  std::uint32_t end_hash(const End& e) const {
    return hash_(e.address.high(), e.address.low(), e.port, e.protocol, 0x656E64);
  }
  End end_of(const Conversation& c, int end) const;
  bool is_server_port(const Conversation& c, std::uint16_t port) const {
    if (c.key.protocol == 6) return server_tcp_[port];
    return c.key.protocol == 17 && server_udp_[port];
  }
  int hinted_server(const Conversation& c) const;
  void settle_without_handshake(Conversation& c);
  void decide_by_partners(Conversation& c);
  void record(const Conversation& c);
  FlowLosses& losses_of(std::uint32_t source) {
    if (losses.size() <= source) losses.resize(std::size_t{source} + 1);
    return losses[source];
  }

  FlowOptions options_;
  KeyedHash hash_;
  std::bitset<65536> server_tcp_, server_udp_;

  Chunked<Conversation> open_;
  std::vector<std::uint32_t> free_;
  HashIndex index_;
  std::uint32_t hand_ = 0, serial_ = 0;
  unsigned packets_to_tick_ = 0;
  std::int64_t started_ = -1;

  FragmentTable fragments_;

  std::vector<Conversation> undecided_;
  std::vector<Partners> partners_;
  HashIndex partners_index_;
  static constexpr std::size_t kPartnersMax = 2'000'000;

  std::vector<ObservedFlow> records_;
  HashIndex records_index_;
};

// ---------------------------------------------------------------- packets

FlowTable::Body::Bearing FlowTable::Body::bearing_of(const IpView& p) {
  Bearing b;
  const bool v4 = p.source.is_ipv4();
  std::uint16_t source_port = p.source_port, port = p.port;
  b.key.protocol = p.protocol.number();
  b.key.v6 = v4 ? 0 : 1;
  if (p.protocol == (v4 ? Protocol::icmp : Protocol::icmpv6)) {
    const std::uint8_t query = query_of_reply(v4, p.icmp_type);
    b.is_reply = query != p.icmp_type;
    b.is_query = !b.is_reply;
    b.key.icmp = static_cast<std::uint16_t>((query << 8) | (b.is_reply ? 0 : p.icmp_code));
    source_port = port = p.icmp_id;
    // Two machines may ask each other with the same identifier: here the order is who asked.
    b.from_low = b.is_query;
  } else {
    b.from_low = std::tie(p.source, source_port) <= std::tie(p.destination, port);
  }
  const Address& low = b.from_low ? p.source : p.destination;
  const Address& high = b.from_low ? p.destination : p.source;
  b.key.low_high = low.high(), b.key.low_low = low.low();
  b.key.high_high = high.high(), b.key.high_low = high.low();
  b.key.low_port = b.from_low ? source_port : port;
  b.key.high_port = b.from_low ? port : source_port;
  return b;
}

std::uint32_t FlowTable::Body::prefetch(const PacketView& packet) const {
  const std::uint32_t hash = bearing_of(packet).key.hash(hash_);
  index_.prefetch(hash);
  return hash;
}

void FlowTable::Body::prefetch_conversation(std::uint32_t hash) const {
  const std::uint32_t number = index_.likely(hash);
  if (number == HashIndex::kNone) return;
  const char* lines = reinterpret_cast<const char*>(&open_[number]);
  __builtin_prefetch(lines, 1);
  __builtin_prefetch(lines + 64, 1);
}

void FlowTable::Body::on_packet(std::int64_t at, const PacketView& packet, PacketPlace place) {
  if (started_ < 0) started_ = at;
  if ((++packets_to_tick_ & 3) == 0) tick(at, 1);
  if (packet.later_fragment) return later_fragment(at, packet, place);
  if (packet.protocol.is_icmp() && is_icmp_error(packet.source.family(), packet.icmp_type) &&
      (packet.protocol == Protocol::icmp) == packet.source.is_ipv4())
    return icmp_error(packet);

  const Bearing bearing = bearing_of(packet);
  const std::uint32_t hash = bearing.key.hash(hash_);
  std::uint32_t number = find(bearing.key, hash);
  const auto from_of = [&](const Conversation& c) { return bearing.from_low == c.initiator_is_low ? 0 : 1; };
  if (number != HashIndex::kNone) {
    const Conversation& c = open_[number];
    if (at - c.last > patience(c) || begins_anew(c, at, from_of(c), packet)) {
      end(number);
      number = HashIndex::kNone;
    }
  }
  if (number == HashIndex::kNone) number = begin(at, bearing, hash, packet, place);

  Conversation& c = open_[number];
  int from = from_of(c);
  if (c.key.protocol == 6) {
    learn_from_handshake(c, from, packet);
    c.tcp.on_segment(from, packet.tcp_flags, packet.payload_length != 0);
  }
  ++c.packets[from];
  c.bytes[from] += packet.length;
  c.last = std::max(c.last, at);
  if (packet.fragment)
    fragments_.first_seen(
        {packet.source, packet.destination, packet.protocol, packet.fragment_id}, number, c.serial,
        bearing.from_low, at,
        [&](const FragmentTable::Waiting& waiting) {
          c.packets[from] += waiting.packets;
          c.bytes[from] += waiting.bytes;
        },
        [&](std::uint32_t source, std::uint64_t count) { losses_of(source).orphans += count; });
}

void FlowTable::Body::later_fragment(std::int64_t at, const PacketView& packet, PacketPlace place) {
  const auto lost = [&](std::uint32_t source, std::uint64_t count) { losses_of(source).orphans += count; };
  const FragmentTable::Owner owner =
      fragments_.later({packet.source, packet.destination, packet.protocol, packet.fragment_id}, packet.length,
                       place.source, at, lost);
  if (owner.conversation == FragmentTable::kUnknown) return;  // it waits for its first fragment
  Conversation& c = open_[owner.conversation];
  if (!c.in_use || c.serial != owner.serial) return lost(place.source, 1);
  const int from = owner.from_low == c.initiator_is_low ? 0 : 1;
  ++c.packets[from];
  c.bytes[from] += packet.length;
  c.last = std::max(c.last, at);
}

// An error is about the conversation it quotes. Only an answer to the initiator refuses, and only while nobody else
// answered.
void FlowTable::Body::icmp_error(const PacketView& packet) {
  if (!packet.has_quote || packet.quote.later_fragment) return;
  if (!refuses(packet.source.is_ipv4(), packet.icmp_type, packet.icmp_code)) return;
  const Bearing bearing = bearing_of(packet.quote);
  const std::uint32_t number = find(bearing.key, bearing.key.hash(hash_));
  if (number == HashIndex::kNone) return;
  Conversation& c = open_[number];
  const bool from_initiator = bearing.from_low == c.initiator_is_low;
  if (from_initiator && c.packets[1] == 0) c.refused = true;
}

// ---------------------------------------------------------------- TCP

bool FlowTable::Body::begins_anew(const Conversation& c, std::int64_t at, int from, const IpView& packet) const {
  if (c.packets[from] == 0xFFFFFFFF) return true;
  if (c.key.protocol != 6 || (packet.tcp_flags & tcp_flag::rst) || !(packet.tcp_flags & tcp_flag::syn))
    return false;
  const int to = 1 - from;
  // Where we came in at the middle, perhaps only by a reordering: the handshake then lies just before what we saw
  // first.
  const bool fits_in_front =
      c.packets[from] != 0 && c.first_seq[from] - (packet.tcp_seq + 1) <= 65536 && at - c.first <= kReordering;
  if (packet.tcp_flags & tcp_flag::ack) {
    if (c.packets[from] == 0) return false;
    if (c.tcp.over()) return c.first_seq[from] != packet.tcp_seq;
    // Beside a handshake it is a retransmission, whatever its number (SYN cookies).
    const bool handshake = c.tcp.syn[0] || c.tcp.syn[1] || c.tcp.syn_ack[0] || c.tcp.syn_ack[1];
    return !handshake && !fits_in_front;
  }
  if (c.tcp.syn[from] || c.tcp.syn_ack[from])
    return c.first_seq[from] != packet.tcp_seq;                         // another number, another conversation
  if (c.tcp.syn[to]) return c.tcp.over() || c.tcp.spoke[to];            // simultaneous open, unless it is long open
  if (c.tcp.syn_ack[to]) return c.first_ack[to] != packet.tcp_seq + 1;  // the SYN behind its own answer
  return c.tcp.over() || !fits_in_front;
}

void FlowTable::Body::swap_ends(Conversation& c) {
  c.initiator_is_low = !c.initiator_is_low;
  c.tcp.swap_ends();
  std::swap(c.bytes[0], c.bytes[1]);
  std::swap(c.packets[0], c.packets[1]);
  std::swap(c.first_seq[0], c.first_seq[1]);
  std::swap(c.first_ack[0], c.first_ack[1]);
}

// SYN: its sender opened. SYN-ACK: its receiver did. Two SYNs: both, so that neither is certain.
void FlowTable::Body::learn_from_handshake(Conversation& c, int& from, const IpView& packet) {
  const bool syn = packet.tcp_flags & tcp_flag::syn, ack = packet.tcp_flags & tcp_flag::ack,
             rst = packet.tcp_flags & tcp_flag::rst;
  const bool knew = c.tcp.syn[0] || c.tcp.syn[1] || c.tcp.syn_ack[0] || c.tcp.syn_ack[1];
  if (syn && !rst) {
    if (!knew) {
      if ((ack && from == 0) || (!ack && from == 1)) {
        swap_ends(c);
        from = 1 - from;
      }
      c.certain = true;
    } else if (!ack && from == 1 && c.tcp.syn[0]) {
      c.certain = false;
    }
    if (!c.tcp.syn[from] && !c.tcp.syn_ack[from]) c.first_seq[from] = packet.tcp_seq;
    if (ack && !c.tcp.syn_ack[from]) c.first_ack[from] = packet.tcp_ack;
  } else if (c.packets[from] == 0) {
    c.first_seq[from] = packet.tcp_seq;
    c.first_ack[from] = packet.tcp_ack;
  } else if (ack && !rst && packet.tcp_ack != c.first_ack[from]) {
    if (c.tcp.spoke[from]) c.acknowledged_more = true;
  }
}

// ---------------------------------------------------------------- birth and end of a conversation

std::int64_t FlowTable::Body::patience(const Conversation& c) const {
  const auto ns = [](std::chrono::seconds s) { return std::chrono::nanoseconds(s).count(); };
  switch (c.key.protocol) {
    case 6:
      if (c.tcp.over()) return ns(options_.timeout_tcp_closed);
      return ns(c.tcp.spoke[0] || c.tcp.spoke[1] ? options_.timeout_tcp : options_.timeout_tcp_attempt);
    case 17: return ns(options_.timeout_udp);
    case 1:
    case 58: return ns(options_.timeout_icmp);
    default: return ns(options_.timeout_other);
  }
}

std::uint32_t FlowTable::Body::begin(std::int64_t at, const Bearing& bearing, std::uint32_t hash,
                                     const IpView& packet, PacketPlace place) {
  tick(at, 2);
  const std::uint32_t number = place_for_one(at);
  Conversation& c = open_[number];
  c = Conversation{};
  c.key = bearing.key;
  c.in_use = true;
  c.has_ports = packet.has_ports;
  c.first = c.last = at;
  c.source = place.source;
  c.record = static_cast<std::uint32_t>(std::min<std::uint64_t>(place.frame, 0xFFFFFFFF));
  c.serial = ++serial_;
  // The first to speak, until we learn better: a reply was asked for.
  c.initiator_is_low = bearing.is_reply ? !bearing.from_low : bearing.from_low;
  c.certain = bearing.is_query;
  index_.insert(hash, number);
  ++begun;
  return number;
}

std::uint32_t FlowTable::Body::place_for_one(std::int64_t at) {
  if (free_.empty() && open_.size() < options_.conversations_max) return open_.add();
  if (free_.empty()) {
    // All places are taken by living conversations. Of the next few under the hand, the one whose loss costs least
    // ends: what is over, then attempts, then whoever has been silent longest.
    std::uint32_t victim = HashIndex::kNone;
    std::tuple<int, std::int64_t> least{3, 0};
    for (int looked = 0; looked < 64; ++looked) {
      hand_ = hand_ + 1 < open_.size() ? hand_ + 1 : 0;
      const Conversation& c = open_[hand_];
      const bool attempt = c.packets[1] == 0;
      const std::tuple<int, std::int64_t> cost{c.key.protocol == 6 && c.tcp.over() ? 0 : attempt ? 1 : 2, c.last};
      if (victim == HashIndex::kNone || cost < least) victim = hand_, least = cost;
    }
    if (std::get<0>(least) == 2 && at - open_[victim].last <= patience(open_[victim]))
      ++losses_of(open_[victim].source).split;
    end(victim);
  }
  const std::uint32_t number = free_.back();
  free_.pop_back();
  return number;
}

void FlowTable::Body::tick(std::int64_t now, int steps) {
  if (open_.size() == 0) return;
  for (int i = 0; i < steps; ++i) {
    hand_ = hand_ + 1 < open_.size() ? hand_ + 1 : 0;
    const Conversation& c = open_[hand_];
    if (c.in_use && now - c.last > patience(c)) end(hand_);
  }
}

void FlowTable::Body::end(std::uint32_t number) {
  Conversation& c = open_[number];
  index_.erase(c.key.hash(hash_), number);
  c.in_use = false;
  free_.push_back(number);
  if (c.certain) {
    if (c.packets[1] != 0) count_partner(c, 1);
    return record(c);
  }
  settle_without_handshake(c);
  if (c.certain) return record(c);
  count_partner(c, 0);
  count_partner(c, 1);
  if (undecided_.size() < options_.records_max) {
    undecided_.push_back(c);
    return;
  }
  decide_by_partners(c);
  record(c);
}

// ---------------------------------------------------------------- who opened it, without a handshake

End FlowTable::Body::end_of(const Conversation& c, int end) const {
  const bool low = (end == 0) == c.initiator_is_low;
  return {low ? c.key.low() : c.key.high(), low ? c.key.low_port : c.key.high_port, c.key.protocol};
}

// 0 or 1: the end whose port, alone of the two, is one that servers use; -1: the ports do not tell.
int FlowTable::Body::hinted_server(const Conversation& c) const {
  if (!c.has_ports) return -1;
  const bool first = is_server_port(c, end_of(c, 0).port), second = is_server_port(c, end_of(c, 1).port);
  return first == second ? -1 : first ? 0 : 1;
}

// Datagrams have no handshake, but some conversations leave no doubt: what goes to many was not asked for; and a
// request to a server's port is one. For the rest we must have listened long enough that no earlier part can have
// been missed, and both must have spoken.
void FlowTable::Body::settle_without_handshake(Conversation& c) {
  if (c.key.protocol == 6 || c.key.protocol == 1 || c.key.protocol == 58 || c.tcp.syn[0]) return;
  if (speaks_to_many(end_of(c, 1).address)) {
    c.certain = true;
    return;
  }
  const int server = hinted_server(c);
  if (server == 1) c.certain = true;
  if (server == -1) c.certain = c.packets[1] != 0 && c.first - started_ > patience(c);
}

void FlowTable::Body::count_partner(const Conversation& c, int end) {
  const End e = end_of(c, end);
  const std::uint32_t hash = end_hash(e);
  const std::uint32_t found = partners_index_.find(hash, [&](std::uint32_t i) { return partners_[i].end == e; });
  if (found != HashIndex::kNone) {
    ++partners_[found].count;
  } else if (partners_.size() < kPartnersMax) {
    partners_index_.insert(hash, static_cast<std::uint32_t>(partners_.size()));
    partners_.push_back({e, 1});
  }
}

std::uint32_t FlowTable::Body::partners(const Conversation& c, int end) const {
  const End e = end_of(c, end);
  const std::uint32_t found =
      partners_index_.find(end_hash(e), [&](std::uint32_t i) { return partners_[i].end == e; });
  return found == HashIndex::kNone ? 0 : partners_[found].count;
}

// The end with more partners was asked; where they hardly differ, the one on a server's port; else who spoke
// second.
void FlowTable::Body::decide_by_partners(Conversation& c) {
  if (c.key.protocol == 1 || c.key.protocol == 58) return;
  const std::uint32_t first = partners(c, 0), second = partners(c, 1);
  const int hint = hinted_server(c);
  int server = 1;
  if (first > second + 1 || second > first + 1)
    server = first > second ? 0 : 1;
  else if (hint >= 0)
    server = hint;
  else if (first != second)
    server = first > second ? 0 : 1;
  if (server == 0) swap_ends(c);
}

// ---------------------------------------------------------------- results

namespace {

ConnState state_of(const Conversation& c) {
  if (c.refused && c.packets[1] == 0) return ConnState::REJ;
  if (c.key.protocol == 6) return conn_state(c.tcp);
  if (c.packets[0] == 0) return ConnState::SHR;
  return c.packets[1] == 0 ? ConnState::S0 : ConnState::SF;
}

// Both sides took part. Where only one side of the road was in view, what it acknowledges proves the other.
bool is_established(const Conversation& c, ConnState state) {
  if (state == ConnState::REJ) return false;
  if (c.key.protocol != 6) return c.packets[0] != 0 && c.packets[1] != 0;
  if (c.tcp.shook_hands_or_both_talked()) return true;
  for (int end : {0, 1})
    if (c.packets[1 - end] == 0 && c.tcp.spoke[end] &&
        (c.tcp.syn[end] || c.tcp.syn_ack[end] || (c.tcp.data[end] && c.acknowledged_more)))
      return true;
  return false;
}

auto order(const ObservedFlow& f) {
  return std::tie(f.protocol, f.initiator, f.responder, f.port, f.icmp, f.initiator_port, f.first, f.source,
                  f.record);
}

}  // namespace

void FlowTable::Body::record(const Conversation& c) {
  const End initiator = end_of(c, 0), responder = end_of(c, 1);
  const ConnState state = state_of(c);
  const bool established = is_established(c, state), icmp = c.key.protocol == 1 || c.key.protocol == 58;

  std::uint32_t hash = 0, found = HashIndex::kNone;
  if (!options_.per_conversation) {
    const std::uint64_t rest = (std::uint64_t{icmp ? std::uint16_t{0} : responder.port} << 32) |
                               (std::uint64_t{c.key.icmp} << 16) | (std::uint64_t{c.key.protocol} << 8) | c.key.v6;
    hash = hash_(initiator.address.high(), initiator.address.low(), responder.address.high(),
                 responder.address.low(), rest);
    found = records_index_.find(hash, [&](std::uint32_t i) {
      const ObservedFlow& f = records_[i];
      return f.initiator == initiator.address && f.responder == responder.address &&
             f.protocol.number() == c.key.protocol &&
             (icmp ? f.icmp ==
                         IcmpType{static_cast<std::uint8_t>(c.key.icmp >> 8), static_cast<std::uint8_t>(c.key.icmp)}
                   : f.port.number() == responder.port);
    });
  }
  if (found == HashIndex::kNone) {
    const std::size_t room = established ? options_.records_max : options_.records_max / 4 * 3;
    if (records_.size() >= room) {
      ++losses_of(c.source).aggregated;
      return;
    }
    found = static_cast<std::uint32_t>(records_.size());
    ObservedFlow& f = records_.emplace_back();
    f.initiator = initiator.address;
    f.responder = responder.address;
    f.protocol = Protocol(c.key.protocol);
    if (options_.per_conversation) f.initiator_port = Port(initiator.port);
    if (icmp)
      f.icmp = {static_cast<std::uint8_t>(c.key.icmp >> 8), static_cast<std::uint8_t>(c.key.icmp)};
    else
      f.port = Port(responder.port);
    f.source = c.source;
    f.record = c.record;
    f.first = f.last = Timestamp(Nanoseconds(c.first));
    if (!options_.per_conversation) records_index_.insert(hash, found);
  }
  ObservedFlow& f = records_[found];
  const Timestamp first{Nanoseconds(c.first)}, last{Nanoseconds(c.last)};
  if (first < f.first || (first == f.first && std::tie(c.source, c.record) < std::tie(f.source, f.record))) {
    f.first = first;
    f.source = c.source;
    f.record = c.record;
  }
  f.last = std::max(f.last, last);
  f.initiator_certain = f.initiator_certain || c.certain;
  ++f.conversations;
  f.established += established ? 1 : 0;
  f.states.add(state);
  f.packets_out += c.packets[0];
  f.packets_in += c.packets[1];
  f.bytes_out += c.bytes[0];
  f.bytes_in += c.bytes[1];
}

void FlowTable::Body::finish(std::vector<ObservedFlow>& flows) {
  for (std::uint32_t i = 0; i < open_.size(); ++i)
    if (open_[i].in_use) end(i);
  open_.clear();
  free_ = {};
  index_.clear();
  hand_ = 0;
  for (Conversation& c : undecided_) {
    decide_by_partners(c);
    record(c);
  }
  undecided_ = {};
  partners_ = {};
  partners_index_.clear();
  records_index_.clear();
  fragments_.finish([&](std::uint32_t source, std::uint64_t count) { losses_of(source).orphans += count; });
  started_ = -1;
  std::sort(records_.begin(), records_.end(),
            [](const ObservedFlow& a, const ObservedFlow& b) { return order(a) < order(b); });
  if (flows.empty())
    flows = std::exchange(records_, {});
  else
    flows.insert(flows.end(), records_.begin(), records_.end());
  records_ = {};
}

// ---------------------------------------------------------------- the outside

FlowTable::FlowTable(const FlowOptions& options) : body_(std::make_unique<Body>(options)) {}
FlowTable::~FlowTable() = default;
FlowTable::FlowTable(FlowTable&&) noexcept = default;

void FlowTable::on_packet(Timestamp at, const PacketView& packet, PacketPlace place) {
  body_->on_packet(std::max<std::int64_t>(0, at.since_epoch().count()), packet, place);
}
std::uint32_t FlowTable::prefetch(const PacketView& packet) const { return body_->prefetch(packet); }
void FlowTable::prefetch_conversation(std::uint32_t ticket) const { body_->prefetch_conversation(ticket); }
void FlowTable::finish(std::vector<ObservedFlow>& flows) { body_->finish(flows); }
const std::vector<FlowLosses>& FlowTable::losses() const { return body_->losses; }
std::size_t FlowTable::open_conversations() const { return body_->open(); }
std::uint64_t FlowTable::conversations() const { return body_->begun; }

}  // namespace demarc
