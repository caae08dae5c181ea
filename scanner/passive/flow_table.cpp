#include "scanner/passive/flow_table.h"

#include <algorithm>
#include <array>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "rules/net/icmp.h"
#include "scanner/passive/flow_body.h"
#include "scanner/passive/fragment_table.h"
#include "scanner/passive/handshake.h"
#include "scanner/passive/hash_index.h"
#include "scanner/passive/noise.h"
#include "scanner/passive/record_store.h"
#include "scanner/passive/speech.h"

namespace demarc {

namespace {

constexpr unsigned kTickPackets = 64, kTickSteps = 32;
/// Packets in which the first payload of a conversation is looked for: retransmissions and reordering delay it.
constexpr unsigned kPayloadTries = 15;

std::int64_t ns(std::chrono::seconds s) { return std::chrono::nanoseconds(s).count(); }

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

// A mark of a payload that no translation changes: its length and first bytes. Never 0.
std::uint32_t payload_mark(const PacketDigest& packet) {
  std::uint64_t h = 0xCBF29CE484222325ULL ^ packet.payload_length;  // FNV-1a
  const std::uint32_t count = std::min<std::uint32_t>(packet.payload_captured, 32);
  for (std::uint32_t i = 0; i < count; ++i) h = (h ^ packet.payload[i]) * 0x100000001B3ULL;
  return static_cast<std::uint32_t>(h ^ (h >> 32)) | 1;
}

}  // namespace

EndedConversations::EndedConversations() : list_(std::make_unique<List>()) {}
EndedConversations::~EndedConversations() = default;
EndedConversations::EndedConversations(EndedConversations&&) noexcept = default;
EndedConversations& EndedConversations::operator=(EndedConversations&&) noexcept = default;

FlowTable::Body::Body(const FlowOptions& options, Speech* speech)
    : options_(options), hash_(options.hash_key), speech_(speech) {
  // What a conversation or a record costs with its share of an index that has just grown, and of the order in which
  // records are sorted.
  constexpr std::uint64_t kConversationBytes = 192, kRecordBytes = 216, kUndecidedBytes = 160;
  const std::uint64_t memory = std::max<std::uint64_t>(options.memory_max, std::uint64_t{16} << 20);
  const auto count = [](std::uint64_t bytes, std::uint64_t each) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes / each, 0x7FFFFFFF));
  };
  if (options_.conversations_max == 0) options_.conversations_max = count(memory * 3 / 8, kConversationBytes);
  if (options_.records_max == 0) options_.records_max = count(memory * 3 / 8, kRecordBytes);
  options_.conversations_max = std::max(16U, options_.conversations_max);
  options_.records_max = std::max(16U, options_.records_max);
  undecided_max_ = std::min(options_.records_max, std::max(16U, count(memory / 8, kUndecidedBytes)));
  established_max_ = options_.conversations_max - options_.conversations_max / 8;
  records_.emplace(RecordStore::Options{options_.records_max, options_.per_conversation, options_.hash_key});
  if (options_.noise)
    noise_.emplace(NoiseOptions{.memory_max = static_cast<std::size_t>(memory / 8), .hash_key = options_.hash_key});
  hooks_ = speech_ != nullptr || options_.traces_max != 0;
  const auto mark = [](const PortSet& ports, std::bitset<65536>& marked) {
    for (const PortRange& range : ports.ranges())
      for (std::size_t port = range.first.number(); port <= range.last.number(); ++port) marked[port] = true;
  };
  mark(options.server_ports_tcp, server_tcp_);
  mark(options.server_ports_udp, server_udp_);
  least_patience_ = ns(std::min({options_.timeout_tcp, options_.timeout_tcp_attempt, options_.timeout_tcp_closed,
                                 options_.timeout_udp, options_.timeout_icmp, options_.timeout_other}));
}

// ---------------------------------------------------------------- packets

void FlowTable::Body::prepare(FlowPacket& packet, const PacketDigest& p) const {
  packet.is_reply = packet.is_query = false;
  if (p.ipv6) {
    order_wide(packet, p);
  } else if (p.protocol == Protocol::icmp.number()) {
    order_query(packet, p);
  } else {
    // Each end is one number, and they change places without a branch, since none could be foretold.
    const std::uint64_t source = p.source_low << 16 | p.source_port, destination = p.destination_low << 16 | p.port;
    packet.from_low = source <= destination;
    const std::uint64_t change = (source ^ destination) & (0 - std::uint64_t{source > destination});
    const std::uint64_t low = source ^ change, high = destination ^ change;
    packet.key.rest = ConversationKey::rest_of(static_cast<std::uint16_t>(low), static_cast<std::uint16_t>(high),
                                               p.protocol, false, packet.tunnel);
    packet.key.addresses = low >> 16 << 32 | high >> 16;
  }
  packet.hash = hash_(packet.key.addresses, packet.key.rest);
}

// Two machines may ask each other with the same identifier: here the order is who asked.
void FlowTable::Body::order_query(FlowPacket& packet, const PacketDigest& p) const {
  const auto type = static_cast<std::uint8_t>(p.icmp >> 8);
  const std::uint8_t query = query_of_reply(!p.ipv6, type);
  packet.is_reply = query != type;
  packet.is_query = packet.from_low = !packet.is_reply;
  const auto high_port = static_cast<std::uint16_t>((query << 8) | (packet.is_reply ? 0 : p.icmp & 0xFF));
  packet.key.rest = ConversationKey::rest_of(p.source_port, high_port, p.protocol, p.ipv6, packet.tunnel);
  const std::uint64_t low = packet.from_low ? p.source_low : p.destination_low,
                      high = packet.from_low ? p.destination_low : p.source_low;
  packet.key.addresses = low << 32 | high;  // IPv6: order_wide() writes another
}

void FlowTable::Body::order_wide(FlowPacket& packet, const PacketDigest& p) const {
  if (p.protocol == Protocol::icmpv6.number()) {
    order_query(packet, p);
  } else {
    packet.from_low = std::tie(p.source_high, p.source_low, p.source_port) <=
                      std::tie(p.destination_high, p.destination_low, p.port);
    packet.key.rest =
        packet.from_low ? ConversationKey::rest_of(p.source_port, p.port, p.protocol, true, packet.tunnel)
                        : ConversationKey::rest_of(p.port, p.source_port, p.protocol, true, packet.tunnel);
  }
  packet.key.addresses = packet.from_low
                             ? hash_.wide(p.source_high, p.source_low, p.destination_high, p.destination_low)
                             : hash_.wide(p.destination_high, p.destination_low, p.source_high, p.source_low);
}

// Some packets apart, so that every line of memory is on its way to the cache while others are dealt with: the slot
// of the index, the conversation it names, its detail where this packet will need it, what is known of the server.
void FlowTable::Body::on_packets(std::span<const FlowPacket> packets) {
  constexpr std::size_t kSome = 256, kApart = 8;
  constexpr std::uint64_t kNoTicket = ~std::uint64_t{0};
  std::array<std::uint32_t, kSome> numbers;
  std::array<std::uint64_t, kSome> tickets;
  for (; !packets.empty(); packets = packets.subspan(std::min(kSome, packets.size()))) {
    const std::size_t count = std::min(kSome, packets.size());
    for (std::size_t step = 0; step < count + 4 * kApart; ++step) {
      if (step < count && packets[step].odd == nullptr) index_.prefetch(packets[step].hash);
      if (const std::size_t i = step - kApart; i < count) {  // a step before 0 is a very large number
        const FlowPacket& p = packets[i];
        numbers[i] = p.odd == nullptr ? index_.likely(p.hash) : HashIndex::kNone;
        if (numbers[i] != HashIndex::kNone) {
          __builtin_prefetch(&open_[numbers[i]], 1);
          if (p.digest.ipv6) __builtin_prefetch(open_.wide_if_any(numbers[i]));
        }
      }
      if (const std::size_t i = step - 2 * kApart; i < count) {
        const PacketDigest& p = packets[i].digest;
        tickets[i] = kNoTicket;
        if (numbers[i] != HashIndex::kNone) {
          const Conversation& c = open_[numbers[i]];
          const int from = packets[i].from_low == c.initiator_is_low ? 0 : 1;
          const bool first_words = !c.asked(from) & (p.payload_captured != 0) & hooks_;
          if (first_words | !c.spoke(from) | ((p.tcp_flags & tcp_flag::syn) != 0))
            __builtin_prefetch(&open_.detail(numbers[i]), 1);
          if (first_words && speech_ != nullptr)
            tickets[i] = speech_->expect(from == 0 ? p.destination() : p.source(), Protocol(p.protocol),
                                         Port(from == 0 ? p.port : p.source_port), from == 1);
        }
      }
      if (const std::size_t i = step - 3 * kApart; i < count && tickets[i] != kNoTicket)
        speech_->expect(static_cast<std::uint32_t>(tickets[i]));
      if (const std::size_t i = step - 4 * kApart; i < count) {
        if (packets[i].odd == nullptr) {
          follow(packets[i], packets[i].digest, numbers[i]);
        } else {
          FlowPacket odd = packets[i];
          on_view(odd);
        }
      }
    }
  }
}

// Whatever decode() reads: pieces of datagrams, errors, and all the rest.
void FlowTable::Body::on_view(FlowPacket& packet) {
  const PacketView& view = *packet.odd;
  if (view.later_fragment) return later_fragment(packet);
  if (view.protocol.is_icmp() && is_icmp_error(view.source.family(), view.icmp_type) &&
      (view.protocol == Protocol::icmp) == view.source.is_ipv4())
    return icmp_error(packet);
  const PacketDigest digest = digest_of(view);
  prepare(packet, digest);
  const std::uint32_t number = follow(packet, digest, HashIndex::kNone);
  if (!view.fragment) return;
  Conversation& c = open_[number];
  const int from = packet.from_low == c.initiator_is_low ? 0 : 1;
  fragments_.first_seen(
      {view.source, view.destination, view.protocol, view.fragment_id, packet.tunnel}, number,
      open_.detail(number).serial, packet.from_low, packet.at,
      [&](const FragmentTable::Waiting& waiting) {
        c.packets[from] += waiting.packets;
        c.bytes[from] += waiting.bytes;
      },
      [&](std::uint32_t source, std::uint64_t count) { losses_of(source).orphans += count; });
}

std::uint32_t FlowTable::Body::find(const FlowPacket& packet, const PacketDigest& p) const {
  if (!p.ipv6) return index_.find(packet.hash, [&](std::uint32_t i) { return open_[i].key == packet.key; });
  WideAddresses wide{p.source_high, p.source_low, p.destination_high, p.destination_low};
  if (!packet.from_low) std::swap(wide.low_high, wide.high_high), std::swap(wide.low_low, wide.high_low);
  return index_.find(packet.hash,
                     [&](std::uint32_t i) { return open_[i].key == packet.key && open_.wide(i) == wide; });
}

std::uint32_t FlowTable::Body::follow(const FlowPacket& packet, const PacketDigest& p, std::uint32_t guess) {
  const std::int64_t at = packet.at;
  if (started_ < 0) started_ = at;
  if (++packets_to_tick_ == kTickPackets) tick(at);
  // No two open conversations have the same key, so one that has it is the right one, whatever happened since.
  const bool guessed =
      guess != HashIndex::kNone && !p.ipv6 && open_[guess].in_use && open_[guess].key == packet.key;
  std::uint32_t number = guessed ? guess : find(packet, p);
  const bool tcp = p.protocol == kTcp;
  const std::uint8_t flags = p.tcp_flags;
  if (number != HashIndex::kNone) {
    const Conversation& known = open_[number];
    const int sender = packet.from_low == known.initiator_is_low ? 0 : 1;
    const std::int64_t silent = at - known.last;
    if ((silent > least_patience_ && silent > patience(known)) || known.packets[sender] == 0xFFFFFFFF ||
        (tcp && (flags & tcp_flag::syn) && begins_anew(known, open_.detail(number), at, sender, p))) {
      end(number);
      number = HashIndex::kNone;
    }
  }
  if (number == HashIndex::kNone) number = begin(packet, p);

  Conversation& c = open_[number];
  int from = packet.from_low == c.initiator_is_low ? 0 : 1;
  if ((c.packets[0] | c.packets[1]) == 0) {  // the first in this interval
    ConversationDetail& d = open_.detail(number);
    d.first = at;
    d.source = packet.source;
    d.record = static_cast<std::uint32_t>(std::min<std::uint64_t>(packet.frame, 0xFFFFFFFF));
  }
  if (tcp) {
    // Of all this no part could be foretold, so it is worked out without a branch.
    constexpr std::uint8_t kKind = tcp_flag::syn | tcp_flag::ack | tcp_flag::rst;
    const bool more = ((flags & kKind) == tcp_flag::ack) & c.spoke(from) & (p.tcp_ack != c.first_ack[from]) &
                      c.tcp.end[from].spoke;
    c.acknowledged_more = c.acknowledged_more | more;
    if ((flags & (tcp_flag::syn | tcp_flag::fin | tcp_flag::rst)) || c.tcp.end[from].now == TcpEnd::inactive ||
        !c.spoke(from))
      from = segment(number, from, p);
    else
      c.tcp.on_more(from, flags & tcp_flag::ack, p.payload_length != 0);
  }
  if (!c.spoke(from)) {
    c.set_spoke(from);
    open_.detail(number).ttl[from] = p.ttl;
  }
  if (!c.established && took_part(c)) became_established(number);
  ++c.packets[from];
  c.bytes[from] += p.length;
  c.last = std::max(c.last, at);
  // Rarely, in this order: whether there is payload could not be foretold.
  if ((c.listening || !c.asked(from)) && p.payload_captured != 0 && hooks_) hear(number, from, packet, p);
  return number;
}

int FlowTable::Body::segment(std::uint32_t number, int from, const PacketDigest& p) {
  Conversation& c = open_[number];
  learn_from_handshake(c, open_.detail(number), from, p);
  c.tcp.on_segment(from, p.tcp_flags, p.payload_length != 0);
  return from;
}

// The first payload of each direction says what speaks there. In TCP it is known by its sequence number, so it can
// only be told where the handshake was seen.
void FlowTable::Body::hear(std::uint32_t number, int from, const FlowPacket& packet, const PacketDigest& p) {
  Conversation& c = open_[number];
  ConversationDetail& d = open_.detail(number);
  const bool tcp = c.key.protocol() == kTcp;
  if (!c.asked(from)) {
    bool first = true;
    if (tcp) {
      const TcpState::End &sender = c.tcp.end[from], &peer = c.tcp.end[1 - from];
      if (sender.syn || sender.syn_ack)
        first = p.tcp_seq == d.first_seq[from] + 1;
      else
        first = peer.syn_ack && p.tcp_seq == c.first_ack[1 - from];
    } else {
      d.payload_mark[from] = payload_mark(p);
    }
    if (!first && ++c.tries == kPayloadTries) c.asked_ends = Conversation::kBoth;
    if (first) {
      c.set_asked(from);
      if (speech_ != nullptr && c.has_ports) {
        const Ref r = ref(open_, number);
        const Speech::Recognised heard =
            speech_->recognise(address_of(r, 1), Protocol(c.key.protocol()), Port(port_of(c, 1)), from == 1,
                               Bytes(p.payload, p.payload_captured));
        if (heard.service != kNone32) d.service = speech_->better(d.service, heard.service);
        c.listening = c.listening || heard.listen;
      }
    }
  }
  if (!c.listening) return;
  const Ref r = ref(open_, number);
  const FiveTuple tuple{
      Protocol(c.key.protocol()), {address_of(r, 0), Port(port_of(c, 0))}, {address_of(r, 1), Port(port_of(c, 1))}};
  c.listening = speech_->listen(tuple, from == 1, Timestamp(Nanoseconds(packet.at)), tcp ? p.tcp_seq : 0,
                                Bytes(p.payload, p.payload_captured));
}

void FlowTable::Body::later_fragment(const FlowPacket& packet) {
  const PacketView& view = *packet.odd;
  const auto lost = [&](std::uint32_t source, std::uint64_t count) { losses_of(source).orphans += count; };
  const FragmentTable::Owner owner =
      fragments_.later({view.source, view.destination, view.protocol, view.fragment_id, packet.tunnel}, view.length,
                       packet.source, packet.at, lost);
  if (owner.conversation == FragmentTable::kUnknown) return;  // it waits for its first fragment
  Conversation& c = open_[owner.conversation];
  ConversationDetail& d = open_.detail(owner.conversation);
  if (!c.in_use || d.serial != owner.serial) return lost(packet.source, 1);
  const int from = owner.from_low == c.initiator_is_low ? 0 : 1;
  if ((c.packets[0] | c.packets[1]) == 0) {
    d.first = packet.at;
    d.source = packet.source;
    d.record = static_cast<std::uint32_t>(std::min<std::uint64_t>(packet.frame, 0xFFFFFFFF));
  }
  ++c.packets[from];
  c.bytes[from] += view.length;
  c.last = std::max(c.last, packet.at);
}

// An error is about the conversation it quotes. Only an answer to the initiator refuses, and only while nobody else
// answered.
void FlowTable::Body::icmp_error(const FlowPacket& packet) {
  const PacketView& view = *packet.odd;
  if (!view.has_quote || view.quote.later_fragment) return;
  if (!refuses(view.source.is_ipv4(), view.icmp_type, view.icmp_code)) return;
  const PacketDigest quote = digest_of(view.quote);
  FlowPacket quoted;
  quoted.tunnel = packet.tunnel;
  prepare(quoted, quote);
  const std::uint32_t number = find(quoted, quote);
  if (number == HashIndex::kNone) return;
  Conversation& c = open_[number];
  const bool from_initiator = quoted.from_low == c.initiator_is_low;
  if (from_initiator && !c.spoke(1)) c.refused = true;
}

// ---------------------------------------------------------------- birth and end of a conversation

std::int64_t FlowTable::Body::patience(const Conversation& c) const {
  switch (c.key.protocol()) {
    case kTcp:
      if (c.tcp.over()) return ns(options_.timeout_tcp_closed);
      return ns(c.tcp.end[0].spoke || c.tcp.end[1].spoke ? options_.timeout_tcp : options_.timeout_tcp_attempt);
    case kUdp: return ns(options_.timeout_udp);
    case 1:
    case 58: return ns(options_.timeout_icmp);
    default: return ns(options_.timeout_other);
  }
}

std::uint32_t FlowTable::Body::begin(const FlowPacket& packet, const PacketDigest& p) {
  const std::uint32_t number = place_for_one();
  Conversation& c = open_[number];
  c = Conversation{};
  c.key = packet.key;
  c.in_use = true;
  c.has_ports = p.has_ports;
  c.last = packet.at;
  // The first to speak, until we learn better: a reply was asked for.
  c.initiator_is_low = packet.is_reply ? !packet.from_low : packet.from_low;
  c.certain = packet.is_query;
  ConversationDetail& d = open_.detail(number);
  d = ConversationDetail{};
  d.began = packet.at;
  d.serial = ++serial_;
  if (p.ipv6) {
    open_.need_wide(number);
    WideAddresses& wide = open_.wide(number);
    wide = {p.source_high, p.source_low, p.destination_high, p.destination_low};
    if (!packet.from_low) std::swap(wide.low_high, wide.high_high), std::swap(wide.low_low, wide.high_low);
  }
  index_.insert(packet.hash, number);
  begun.store(begun.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (speech_ != nullptr && p.has_ports) {
    const Protocol protocol(p.protocol);
    const bool tcp = p.protocol == kTcp;
    const bool syn = tcp && (p.tcp_flags & tcp_flag::syn), answer = syn && (p.tcp_flags & tcp_flag::ack);
    Endpoint asks{p.source(), Port(p.source_port)}, asked{p.destination(), Port(p.port)};
    if (answer) std::swap(asks, asked);
    d.parent = speech_->parent_of(protocol, asks, asked, Timestamp(Nanoseconds(packet.at)));
    bool turned = false;
    if (d.parent == kNone32 && tcp && !syn) {  // from the middle on, the end that was asked may be heard first
      d.parent = speech_->parent_of(protocol, asked, asks, Timestamp(Nanoseconds(packet.at)));
      turned = d.parent != kNone32;
    }
    // Announced conversations are opened by who was told: no port or number of partners knows better.
    if (d.parent != kNone32 && !syn) {
      c.decided = true;
      c.certain = !tcp;
      if (turned) c.initiator_is_low = !c.initiator_is_low;
    }
    c.listening = Speech::is_control(protocol, Port(p.port)) || Speech::is_control(protocol, Port(p.source_port));
  }
  return number;
}

std::uint32_t FlowTable::Body::place_for_one() {
  if (free_.empty() && open_.size() < options_.conversations_max) return open_.add();
  if (free_.empty()) {
    // All places are taken. Established conversations never hold more than seven eighths of them, so an attempt (or
    // something that is over) is a few steps away on average. Places are taken again in the order of the hand, so
    // it is among the oldest.
    for (;;) {
      hand_ = hand_ + 1 < open_.size() ? hand_ + 1 : 0;
      const Conversation& c = open_[hand_];
      if (!c.established || (c.key.protocol() == kTcp && c.tcp.over())) break;
    }
    end(hand_);
  }
  const std::uint32_t number = free_.back();
  free_.pop_back();
  return number;
}

// Of the next few established ones under the hand, the one whose loss costs least ends: what is over, then whoever
// has been silent longest.
void FlowTable::Body::make_room_for_established(std::uint32_t except) {
  std::uint32_t victim = HashIndex::kNone;
  std::tuple<int, std::int64_t> least{2, 0};
  for (std::uint32_t looked = 0, seen = 0; looked < open_.size() && seen < 16; ++looked) {
    hand_ = hand_ + 1 < open_.size() ? hand_ + 1 : 0;
    const Conversation& c = open_[hand_];
    if (!c.in_use || !c.established || hand_ == except) continue;
    ++seen;
    const std::tuple<int, std::int64_t> cost{c.key.protocol() == kTcp && c.tcp.over() ? 0 : 1, c.last};
    if (cost < least) victim = hand_, least = cost;
  }
  if (victim == HashIndex::kNone) return;
  const Conversation& c = open_[victim];
  if (std::get<0>(least) == 1 && open_[except].last - c.last <= patience(c))
    ++losses_of(open_.detail(victim).source).split;
  end(victim);
}

void FlowTable::Body::became_established(std::uint32_t number) {
  open_[number].established = true;
  if (++established_ > established_max_) make_room_for_established(number);
}

// First the places are looked at and what will be over is asked for, then it ends: erasing from the index touches a
// line that nobody has touched for a long time.
void FlowTable::Body::tick(std::int64_t now) {
  packets_to_tick_ = 0;
  if (now - started_ <= least_patience_ || open_.size() == 0) return;  // nobody can have been silent that long
  std::array<std::uint32_t, kTickSteps> over;
  std::size_t count = 0;
  for (unsigned i = 0; i < kTickSteps && i < open_.size(); ++i) {
    hand_ = hand_ + 1 < open_.size() ? hand_ + 1 : 0;
    const Conversation& c = open_[hand_];
    if (!c.in_use || now - c.last <= least_patience_ || now - c.last <= patience(c)) continue;
    over[count++] = hand_;
    index_.prefetch(hash_(c.key.addresses, c.key.rest));
    __builtin_prefetch(&open_.detail(hand_));
  }
  for (std::size_t i = 0; i < count; ++i) end(over[i]);
}

void FlowTable::Body::end(std::uint32_t number) {
  Conversation& c = open_[number];
  index_.erase(hash_(c.key.addresses, c.key.rest), number);
  if (c.established) --established_;
  const Ref r = ref(open_, number);
  if (c.packets[0] != 0 || c.packets[1] != 0) {
    if (knows_initiator(r) || undecided_.size() >= undecided_max_)
      hand_over(r);
    else
      keep_undecided(r);
  }
  c.in_use = false;
  c.established = false;
  free_.push_back(number);
}

void FlowTable::Body::keep_undecided(const Ref& r) {
  const std::uint32_t kept = undecided_.add();
  undecided_[kept] = r.c;
  undecided_.detail(kept) = r.d;
  if (r.wide == nullptr) return;
  undecided_.need_wide(kept);
  undecided_.wide(kept) = *r.wide;
}

// ---------------------------------------------------------------- the outside

FlowTable::FlowTable(const FlowOptions& options, Speech* speech) : body_(std::make_unique<Body>(options, speech)) {}
FlowTable::~FlowTable() = default;
FlowTable::FlowTable(FlowTable&&) noexcept = default;

void FlowTable::on_packet(Timestamp at, const PacketView& packet, PacketPlace place, std::uint32_t tunnel) {
  FlowPacket p;
  p.at = std::max<std::int64_t>(0, at.since_epoch().count());
  p.frame = place.frame;
  p.source = place.source;
  p.tunnel = tunnel;
  p.odd = &packet;
  body_->on_view(p);
}
void FlowTable::prepare(FlowPacket& packet) const { body_->prepare(packet); }
void FlowTable::on_packets(std::span<const FlowPacket> packets) { body_->on_packets(packets); }
void FlowTable::on_packets(std::span<const FlowPacket> packets, EndedConversations& ended) {
  body_->on_packets(packets, *ended.list_);
}
void FlowTable::keep(EndedConversations& ended) { body_->keep(*ended.list_); }
void FlowTable::finish(FlowEvidence& evidence, unsigned threads) { body_->close(evidence, true, threads); }
void FlowTable::rotate(FlowEvidence& evidence) { body_->close(evidence, false, 1); }
const std::vector<FlowLosses>& FlowTable::losses() const { return body_->losses; }
std::vector<ConversationTrace> FlowTable::take_traces() { return std::exchange(body_->traces, {}); }
std::size_t FlowTable::open_conversations() const { return body_->open(); }
std::uint64_t FlowTable::conversations() const { return body_->begun.load(std::memory_order_relaxed); }

}  // namespace demarc
