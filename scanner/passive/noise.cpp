// Two stores and a doorkeeper. *Held* conversations, one for each (initiator, responder, protocol, port, tunnel),
// are chained into up to three groups each: the ports of a pair of hosts, the responders of an initiator's port,
// the initiators of a responder's port. *Sinks* are records that conversations have folded into; a sink that is
// closed takes everything of its group from then on, so that a flood costs three look-ups a conversation and no
// memory.
//
// When the held ones are too many, half of them fold away, in the manner of Misra and Gries' frequent items: each
// is worth the size of its largest group, less what it has aged; what the median is worth is taken from all.
// Whatever makes up more than about one in (places / 2) of the stream therefore stays and grows into a sink. Sinks
// are kept in the same way, worth their attempts; those that go are added up by kind and protocol.
#include "scanner/passive/noise.h"

#include <algorithm>
#include <array>
#include <bit>
#include <deque>
#include <limits>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "scanner/passive/distinct.h"
#include "scanner/passive/hash_index.h"
#include "scanner/passive/pages.h"

namespace demarc {

namespace {

namespace criteria = noise_criteria;
constexpr std::uint32_t kNone = HashIndex::kNone;

// What the conversations of a group have in common.
enum class Level : std::uint8_t {
  pair,       // initiator, responder: its ports
  host_port,  // initiator, port: its responders
  server,     // responder, port: its initiators
  initiator,
  responder,
  sender,  // of backscatter
  rest,    // nothing but kind (in `port`) and protocol
};
constexpr std::size_t kHeldLevels = 3;  // those whose members are chained
constexpr Level kLevels[kHeldLevels] = {Level::pair, Level::host_port, Level::server};

struct Ends {
  std::uint64_t initiator_high = 0, initiator_low = 0, responder_high = 0, responder_low = 0;
  std::uint16_t port = 0;
  std::uint8_t protocol = 0;
  std::uint8_t v6 = 0;  // bit 0: the initiator's address is IPv6, bit 1: the responder's

  bool operator==(const Ends&) const = default;
  auto operator<=>(const Ends&) const = default;

  static Ends of(const Attempt& a) {
    return {a.initiator.high(),
            a.initiator.low(),
            a.responder.high(),
            a.responder.low(),
            a.port,
            a.protocol.number(),
            static_cast<std::uint8_t>((a.initiator.is_ipv4() ? 0 : 1) | (a.responder.is_ipv4() ? 0 : 2))};
  }
  Address initiator() const {
    return v6 & 1 ? Address::ipv6(initiator_high, initiator_low)
                  : Address::ipv4(static_cast<std::uint32_t>(initiator_low));
  }
  Address responder() const {
    return v6 & 2 ? Address::ipv6(responder_high, responder_low)
                  : Address::ipv4(static_cast<std::uint32_t>(responder_low));
  }
  Ends at(Level level) const {  // forgets what differs within the group
    Ends e = *this;
    const bool keeps_initiator =
        level == Level::pair || level == Level::host_port || level == Level::initiator || level == Level::sender;
    const bool keeps_responder = level == Level::pair || level == Level::server || level == Level::responder;
    if (!keeps_initiator) e.initiator_high = e.initiator_low = 0, e.v6 &= 2;
    if (!keeps_responder) e.responder_high = e.responder_low = 0, e.v6 &= 1;
    if (level != Level::host_port && level != Level::server && level != Level::rest) e.port = 0;
    return e;
  }
  bool has_ports() const { return Protocol(protocol).has_ports(); }
};

struct Totals {
  std::uint64_t attempts = 0, packets = 0, bytes = 0;
  std::int64_t first = std::numeric_limits<std::int64_t>::max(), last = std::numeric_limits<std::int64_t>::min();
  std::uint32_t source = 0, record = 0;
  void add(const Totals& o) {
    attempts += o.attempts;
    packets += o.packets;
    bytes += o.bytes;
    if (std::tie(o.first, o.source, o.record) < std::tie(first, source, record) || first > last)
      first = o.first, source = o.source, record = o.record;
    last = std::max(last, o.last);
  }
};

struct Held {
  Ends ends;
  std::uint32_t tunnel = kNone32;
  std::uint32_t source = 0, record = 0;
  std::uint32_t serial = 0;  // order of arrival
  std::uint32_t conversations = 0;
  std::uint32_t born = 0;  // the clock of fold_half() then
  std::uint64_t packets_out = 0, packets_in = 0, bytes_out = 0, bytes_in = 0;
  std::int64_t first = 0, last = 0;
  StateCounts states;
  std::array<std::uint32_t, kHeldLevels> group{kNone, kNone, kNone}, next{kNone, kNone, kNone},
      before{kNone, kNone, kNone};
  bool in_use = false, certain = false;

  Totals totals() const {
    return {conversations, packets_out + packets_in, bytes_out + bytes_in, first, last, source, record};
  }
};

// Of the held conversations with the same ends(level), or a sink, or both.
struct Group {
  std::uint32_t head = kNone;  // the newest member
  std::uint32_t count = 0;
  std::uint32_t sink = kNone;
  Level level = Level::pair;
  bool in_use = false;
};

struct Sink {
  Ends ends;  // at its level
  Level level = Level::rest;
  NoiseKind kind = NoiseKind::attempts;
  bool closed = false;  // takes everything of its group
  bool in_use = false;
  std::uint32_t group = kNone;
  std::uint64_t born = 0;  // the clock of drop_sinks() then
  std::array<std::uint32_t, criteria::kScansOfOneInitiator>
      scans;  // Level::initiator, not closed: its scans' sinks
  std::uint32_t scans_count = 0;
  Totals totals;
  DistinctCount initiators, responders;
  PortBits ports;
  std::size_t heap() const { return initiators.heap() + responders.heap() + ports.heap(); }
};

// Whether a hash was seen lately: forgets everything when a sixteenth of its bits are set.
class Doorkeeper {
 public:
  // Memory that is not touched before an attempt is: most tables see few.
  void resize(std::size_t bytes) {
    words_ = Pages<std::uint64_t>(std::bit_floor(std::max<std::size_t>(bytes, 4096)) / 8);
  }
  void prefetch(std::uint32_t hash) const { __builtin_prefetch(&words_[word(hash)], 1); }
  bool seen(std::uint32_t hash) {
    std::uint64_t& word_ = words_[word(hash)];
    const std::uint64_t bit = std::uint64_t{1} << (hash & 63);
    if (word_ & bit) return true;
    word_ |= bit;
    ++set_;
    return false;
  }
  void tidy() {
    if (set_ < words_.size() * 4) return;
    std::fill_n(words_.data(), words_.size(), 0);
    set_ = 0;
  }
  void clear() {
    if (std::exchange(set_, 0) != 0) words_ = Pages<std::uint64_t>(words_.size());
  }
  std::size_t bytes() const { return words_.size() * 8; }

 private:
  std::size_t word(std::uint32_t hash) const { return (hash >> 6) & (words_.size() - 1); }
  Pages<std::uint64_t> words_;
  std::size_t set_ = 0;
};

class HeldStore {  // grows without moving what is there
 public:
  Held& operator[](std::uint32_t i) { return chunks_[i >> kBits][i & (kSize - 1)]; }
  const Held& operator[](std::uint32_t i) const { return chunks_[i >> kBits][i & (kSize - 1)]; }
  std::uint32_t size() const { return size_; }
  std::size_t bytes() const { return chunks_.size() * kSize * sizeof(Held); }
  std::uint32_t add() {
    if ((size_ >> kBits) == chunks_.size()) chunks_.push_back(std::make_unique<Held[]>(kSize));
    return size_++;
  }
  void clear() {
    chunks_.clear();
    size_ = 0;
  }

 private:
  static constexpr unsigned kBits = 9;
  static constexpr std::uint32_t kSize = 1U << kBits;
  std::vector<std::unique_ptr<Held[]>> chunks_;
  std::uint32_t size_ = 0;
};

// A held conversation: itself, its place in the index, three groups with theirs, a state list of its own, and the
// room that fold_half() sorts in.
constexpr std::size_t kBytesHeld = sizeof(Held) + 26 + kHeldLevels * (sizeof(Group) + 26) + 64 + 24;
constexpr std::size_t kBytesSink = sizeof(Sink) + sizeof(Group) + 26;
constexpr std::size_t kMemoryMin = std::size_t{2} << 20;
// For the sinks of Level::rest, which never go: at most five kinds and six protocols, 24 KiB each.
constexpr std::size_t kBytesRest = 30 * (kBytesSink + 24 * 1024);
// So many together that fold away make a record of their own.
constexpr std::uint32_t kTogether = 8;

}  // namespace

class NoiseTable::Body {
 public:
  explicit Body(const NoiseOptions& options) : hash_(options.hash_key) {
    doorkeeper_.resize(std::max(options.memory_max, kMemoryMin) / 64);
    const std::size_t room = std::max(options.memory_max, kMemoryMin) - kBytesRest - doorkeeper_.bytes();
    held_max_ = static_cast<std::uint32_t>(std::min<std::size_t>(room / 5 * 3 / kBytesHeld, 1U << 28));
    sinks_bytes_max_ = room / 5 * 2;
  }

  void attempt(const Attempt& a);
  void backscatter(const Attempt& a);
  void prefetch(const Attempt& a) const {
    const Ends e = Ends::of(a);
    for (const Level level : {Level::initiator, Level::pair, Level::host_port, Level::server})
      groups_index_.prefetch(hash_of(e.at(level), level));
  }
  void absorb(Body& other);
  void finish(std::span<const ObservedFlow> records, std::vector<ObservedFlow>& kept,
              std::vector<TrafficNoise>& noise);
  std::size_t memory() const {
    return held_.bytes() + groups_.capacity() * sizeof(Group) + sinks_bytes_ + groups_index_.size() * 26 +
           held_index_.size() * 26 + doorkeeper_.bytes();
  }

  std::vector<std::uint64_t> given_up;

 private:
  std::uint32_t hash_of(const Ends& e, Level level) const {
    const std::uint64_t rest = (std::uint64_t{e.port} << 32) | (std::uint64_t{e.protocol} << 16) |
                               (std::uint64_t{e.v6} << 8) | static_cast<std::uint64_t>(level);
    return hash_(e.initiator_high, e.initiator_low, e.responder_high, e.responder_low, rest);
  }
  std::uint32_t held_hash(const Ends& e, std::uint32_t tunnel) const {
    const std::uint64_t rest = (std::uint64_t{e.port} << 48) | (std::uint64_t{e.protocol} << 40) |
                               (std::uint64_t{e.v6} << 36) | (std::uint64_t{1} << 35) | tunnel;
    return hash_(e.initiator_high, e.initiator_low, e.responder_high, e.responder_low, rest);
  }
  std::uint64_t fingerprint(std::uint64_t high, std::uint64_t low, bool v6) const {
    return (std::uint64_t{hash_(high, low, v6, 1, 0x6669)} << 32) | hash_(low, high, 2, v6, 0x6E67);
  }

  // Groups.
  std::uint32_t find_group(const Ends& e, Level level, std::uint32_t hash) const {
    return groups_index_.find(hash, [&](std::uint32_t i) {
      const Group& g = groups_[i];
      if (g.level != level) return false;
      return (g.sink != kNone ? sinks_[g.sink].ends : held_[g.head].ends.at(level)) == e;
    });
  }
  std::uint32_t add_group(Level level, std::uint32_t hash) {
    std::uint32_t number;
    if (free_groups_.empty()) {
      number = static_cast<std::uint32_t>(groups_.size());
      groups_.emplace_back();
    } else {
      number = free_groups_.back();
      free_groups_.pop_back();
      groups_[number] = Group{};
    }
    groups_[number].level = level;
    groups_[number].in_use = true;
    groups_index_.insert(hash, number);
    return number;
  }
  void drop_group(std::uint32_t number, const Ends& ends) {
    groups_index_.erase(hash_of(ends, groups_[number].level), number);
    groups_[number].in_use = false;
    free_groups_.push_back(number);
  }

  // Held conversations.
  void hold(const Attempt& a, const Ends& e, const StateCounts* states);
  void add_to(Held& h, const Attempt& a, const StateCounts* states);
  void release(std::uint32_t number);
  void fold_members(std::uint32_t group);
  void fold_half();

  void give_up(std::uint32_t source, std::uint64_t conversations) {
    if (given_up.size() <= source) given_up.resize(std::size_t{source} + 1);
    given_up[source] += conversations;
  }

  // Sinks.
  std::uint32_t sink_of(const Ends& e, Level level, NoiseKind kind);
  void drop_sink(std::uint32_t number);
  void take(std::uint32_t sink, const Ends& e, const Totals& totals);
  void take(std::uint32_t sink, const Sink& other);
  void close(std::uint32_t group, const Ends& e, Level level);
  void add_scan(const Ends& e, std::uint32_t scan);
  void close_initiator(std::uint32_t initiator);
  void drop_sinks();
  std::uint32_t rest_of(NoiseKind kind, std::uint8_t protocol);
  std::uint32_t closed_sink_of(const Ends& e) const;
  std::uint32_t sink_at_once(const Ends& e);
  NoiseKind kind_of(const Sink& s) const;
  TrafficNoise noise_of(const Sink& s) const;
  void clear();

  KeyedHash hash_;
  std::uint32_t held_max_ = 0;
  std::size_t sinks_bytes_max_ = 0;

  Doorkeeper doorkeeper_;
  HeldStore held_;
  std::vector<std::uint32_t> free_held_;
  HashIndex held_index_;
  std::uint32_t serial_ = 0, clock_ = 0;

  std::vector<Group> groups_;
  std::vector<std::uint32_t> free_groups_;
  HashIndex groups_index_;

  std::deque<Sink> sinks_;
  std::vector<std::uint32_t> free_sinks_;
  std::size_t sinks_bytes_ = 0;
  std::uint64_t sinks_clock_ = 0;
};

// ---------------------------------------------------------------- one conversation

std::uint32_t NoiseTable::Body::closed_sink_of(const Ends& e) const {
  for (const Level level : {Level::initiator, Level::pair, Level::host_port, Level::server}) {
    const Ends at = e.at(level);
    const std::uint32_t group = find_group(at, level, hash_of(at, level));
    if (group == kNone || groups_[group].sink == kNone) continue;
    if (sinks_[groups_[group].sink].closed) return groups_[group].sink;
  }
  return kNone;
}

// Where a conversation goes that is worth no place of its own; kNone: it is worth one, or there is room.
std::uint32_t NoiseTable::Body::sink_at_once(const Ends& e) {
  if (clock_ == 0 || held_index_.size() * 2 < held_max_) return kNone;
  bool known = false;
  std::uint32_t sink = kNone;
  for (const Level level : {Level::pair, Level::host_port, Level::server, Level::initiator, Level::responder}) {
    if (level == Level::pair && !e.has_ports()) continue;
    const Ends at = e.at(level);
    const std::uint32_t hash = hash_of(at, level);
    const std::uint32_t group = find_group(at, level, hash);
    if (group != kNone) {
      // A record that already takes what nobody has room for; one of an initiator's scans alone takes nothing.
      const std::uint32_t open = groups_[group].sink;
      if (open == kNone) {
        known = true;
        continue;
      }
      if (sinks_[open].totals.attempts != 0) {
        if (sink == kNone) sink = open;
        continue;
      }
    }
    known = doorkeeper_.seen(hash) || known;
  }
  doorkeeper_.tidy();
  if (known) return kNone;
  return sink != kNone ? sink : rest_of(NoiseKind::attempts, e.protocol);
}

void NoiseTable::Body::attempt(const Attempt& a) {
  const Ends e = Ends::of(a);
  std::uint32_t sink = closed_sink_of(e);
  if (sink == kNone) {
    sink = sink_at_once(e);
    if (sink != kNone) give_up(a.source, a.conversations);
  }
  if (sink != kNone)
    take(sink, e,
         {a.conversations, a.packets_out + a.packets_in, a.bytes_out + a.bytes_in, a.first.since_epoch().count(),
          a.last.since_epoch().count(), a.source, a.record});
  else
    hold(a, e, nullptr);
  if (sinks_bytes_ > sinks_bytes_max_) drop_sinks();
}

void NoiseTable::Body::backscatter(const Attempt& a) {
  const Ends e = Ends::of(a);
  take(sink_of(e.at(Level::sender), Level::sender, NoiseKind::backscatter), e,
       {a.conversations, a.packets_out + a.packets_in, a.bytes_out + a.bytes_in, a.first.since_epoch().count(),
        a.last.since_epoch().count(), a.source, a.record});
  if (sinks_bytes_ > sinks_bytes_max_) drop_sinks();
}

void NoiseTable::Body::add_to(Held& h, const Attempt& a, const StateCounts* states) {
  const std::int64_t first = a.first.since_epoch().count(), last = a.last.since_epoch().count();
  if (h.conversations == 0 || std::tie(first, a.source, a.record) < std::tie(h.first, h.source, h.record))
    h.first = first, h.source = a.source, h.record = a.record;
  h.last = h.conversations == 0 ? last : std::max(h.last, last);
  h.certain = h.certain || a.initiator_certain;
  h.conversations += a.conversations;
  h.packets_out += a.packets_out;
  h.packets_in += a.packets_in;
  h.bytes_out += a.bytes_out;
  h.bytes_in += a.bytes_in;
  if (states != nullptr)
    h.states.add(*states);
  else
    h.states.add(a.state, a.conversations);
}

void NoiseTable::Body::hold(const Attempt& a, const Ends& e, const StateCounts* states) {
  const std::uint32_t hash = held_hash(e, a.tunnel);
  const std::uint32_t found =
      held_index_.find(hash, [&](std::uint32_t i) { return held_[i].ends == e && held_[i].tunnel == a.tunnel; });
  if (found != kNone) return add_to(held_[found], a, states);

  if (held_index_.size() >= held_max_) fold_half();
  std::uint32_t number;
  if (free_held_.empty()) {
    number = held_.add();
  } else {
    number = free_held_.back();
    free_held_.pop_back();
  }
  Held& h = held_[number];
  h = Held{};
  h.ends = e;
  h.tunnel = a.tunnel;
  h.serial = serial_++;
  h.born = clock_;
  h.in_use = true;
  add_to(h, a, states);
  held_index_.insert(hash, number);
  for (std::size_t i = 0; i < kHeldLevels; ++i) {
    if (kLevels[i] == Level::pair && !e.has_ports()) continue;
    const Ends at = e.at(kLevels[i]);
    const std::uint32_t group_hash = hash_of(at, kLevels[i]);
    std::uint32_t group = find_group(at, kLevels[i], group_hash);
    if (group == kNone) group = add_group(kLevels[i], group_hash);
    Group& g = groups_[group];
    h.group[i] = group;
    h.next[i] = g.head;
    if (g.head != kNone) held_[g.head].before[i] = number;
    g.head = number;
    ++g.count;
  }
  constexpr std::uint32_t kEnough[kHeldLevels] = {criteria::kPortScanPorts, criteria::kHostScanResponders,
                                                  criteria::kFloodInitiators + 1};
  for (std::size_t i = 0; i < kHeldLevels; ++i)
    if (h.group[i] != kNone && groups_[h.group[i]].count >= kEnough[i])
      return close(h.group[i], e.at(kLevels[i]), kLevels[i]);
}

void NoiseTable::Body::release(std::uint32_t number) {
  Held& h = held_[number];
  for (std::size_t i = 0; i < kHeldLevels; ++i) {
    if (h.group[i] == kNone) continue;
    Group& g = groups_[h.group[i]];
    if (h.next[i] != kNone) held_[h.next[i]].before[i] = h.before[i];
    if (h.before[i] != kNone)
      held_[h.before[i]].next[i] = h.next[i];
    else
      g.head = h.next[i];
    if (--g.count == 0 && g.sink == kNone) drop_group(h.group[i], h.ends.at(kLevels[i]));
  }
  held_index_.erase(held_hash(h.ends, h.tunnel), number);
  h = Held{};
  free_held_.push_back(number);
}

void NoiseTable::Body::fold_members(std::uint32_t group) {
  while (groups_[group].head != kNone) {
    const std::uint32_t member = groups_[group].head;
    const Held& h = held_[member];
    take(groups_[group].sink, h.ends, h.totals());
    release(member);
  }
}

// Half of them go. Tunnels are not part of any group: two tunnels' same ends count twice towards a scan only in a
// table where they are held apart, which makes a scan out of ten ports seen inside and outside; that much we
// accept.
void NoiseTable::Body::fold_half() {
  struct Worth {
    std::int64_t worth;
    std::uint32_t serial, number;
    auto operator<=>(const Worth&) const = default;
  };
  std::vector<Worth> all;
  all.reserve(held_index_.size());
  for (std::uint32_t i = 0; i < held_.size(); ++i) {
    const Held& h = held_[i];
    if (!h.in_use) continue;
    std::uint32_t size = h.conversations;
    for (const std::uint32_t group : h.group)
      if (group != kNone) size = std::max(size, groups_[group].count);
    all.push_back({std::int64_t{size} - static_cast<std::int64_t>(clock_ - h.born), h.serial, i});
  }
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end());
  clock_ += static_cast<std::uint32_t>(std::max<std::int64_t>(1, middle->worth));
  all.erase(middle + 1, all.end());
  std::vector<std::uint32_t> going;
  going.reserve(all.size());
  std::sort(all.begin(), all.end(), [](const Worth& a, const Worth& b) { return a.serial < b.serial; });

  const auto fold_into = [&](std::uint32_t sink, std::uint32_t number) {
    const Held& h = held_[number];
    take(sink, h.ends, h.totals());
    give_up(h.source, h.conversations);
    release(number);
  };
  for (const Worth& w : all) {
    const Held& h = held_[w.number];
    const Group& g = groups_[h.group[2]];
    if (g.sink != kNone || g.count >= kTogether)
      fold_into(sink_of(h.ends.at(Level::server), Level::server, NoiseKind::attempts), w.number);
    else
      going.push_back(w.number);
  }
  all = std::vector<Worth>();
  for (const Level level : {Level::initiator, Level::responder}) {
    std::sort(going.begin(), going.end(), [&](std::uint32_t a, std::uint32_t b) {
      const Ends ends_a = held_[a].ends.at(level), ends_b = held_[b].ends.at(level);
      return std::tie(ends_a, held_[a].serial) < std::tie(ends_b, held_[b].serial);
    });
    std::vector<std::uint32_t> left;
    for (std::size_t i = 0, end; i < going.size(); i = end) {
      const Ends at = held_[going[i]].ends.at(level);
      for (end = i + 1; end < going.size() && held_[going[end]].ends.at(level) == at;) ++end;
      const std::uint32_t group = find_group(at, level, hash_of(at, level));
      if (end - i >= kTogether || (group != kNone && groups_[group].sink != kNone)) {
        const std::uint32_t sink = sink_of(at, level, NoiseKind::attempts);
        for (std::size_t k = i; k < end; ++k) fold_into(sink, going[k]);
      } else {
        left.insert(left.end(), going.begin() + static_cast<std::ptrdiff_t>(i),
                    going.begin() + static_cast<std::ptrdiff_t>(end));
      }
    }
    going = std::move(left);
  }
  for (const std::uint32_t number : going)
    fold_into(rest_of(NoiseKind::attempts, held_[number].ends.protocol), number);
}

// ---------------------------------------------------------------- sinks

std::uint32_t NoiseTable::Body::sink_of(const Ends& e, Level level, NoiseKind kind) {
  const std::uint32_t hash = hash_of(e, level);
  std::uint32_t group = find_group(e, level, hash);
  if (group == kNone) group = add_group(level, hash);
  if (groups_[group].sink != kNone) return groups_[group].sink;
  std::uint32_t number;
  if (free_sinks_.empty()) {
    number = static_cast<std::uint32_t>(sinks_.size());
    sinks_.emplace_back();
  } else {
    number = free_sinks_.back();
    free_sinks_.pop_back();
  }
  Sink& s = sinks_[number];
  s.ends = e;
  s.level = level;
  s.kind = kind;
  s.group = group;
  s.born = sinks_clock_;
  s.in_use = true;
  groups_[group].sink = number;
  sinks_bytes_ += kBytesSink;
  return number;
}

void NoiseTable::Body::drop_sink(std::uint32_t number) {
  Sink& s = sinks_[number];
  Group& g = groups_[s.group];
  g.sink = kNone;
  if (g.count == 0) drop_group(s.group, s.ends);
  sinks_bytes_ -= kBytesSink + s.heap();
  s = Sink{};
  free_sinks_.push_back(number);
}

void NoiseTable::Body::take(std::uint32_t sink, const Ends& e, const Totals& totals) {
  Sink& s = sinks_[sink];
  s.totals.add(totals);
  const std::size_t before = s.heap();
  switch (s.level) {
    case Level::pair: break;
    case Level::server: s.initiators.add(fingerprint(e.initiator_high, e.initiator_low, e.v6 & 1)); break;
    case Level::responder: s.initiators.add(fingerprint(e.initiator_high, e.initiator_low, e.v6 & 1)); break;
    case Level::host_port:
    case Level::initiator:
    case Level::sender: s.responders.add(fingerprint(e.responder_high, e.responder_low, e.v6 & 2)); break;
    case Level::rest:
      s.initiators.add(fingerprint(e.initiator_high, e.initiator_low, e.v6 & 1));
      s.responders.add(fingerprint(e.responder_high, e.responder_low, e.v6 & 2));
      break;
  }
  if (e.has_ports()) s.ports.add(e.port);
  sinks_bytes_ += s.heap() - before;
}

// `other` is of the same level or of a narrower one.
void NoiseTable::Body::take(std::uint32_t sink, const Sink& other) {
  Sink& s = sinks_[sink];
  const std::size_t before = s.heap();
  s.totals.add(other.totals);
  const Ends& e = other.ends;
  const auto has = [](Level level, std::initializer_list<Level> levels) {
    return std::find(levels.begin(), levels.end(), level) != levels.end();
  };
  // What the wider one counts, the narrower one either counted as well or has as its key.
  if (has(s.level, {Level::server, Level::responder, Level::rest})) {
    if (has(other.level, {Level::pair, Level::host_port, Level::initiator, Level::sender}))
      s.initiators.add(fingerprint(e.initiator_high, e.initiator_low, e.v6 & 1));
    else
      s.initiators.add(other.initiators);
  }
  if (has(s.level, {Level::host_port, Level::initiator, Level::sender, Level::rest})) {
    if (has(other.level, {Level::pair, Level::server, Level::responder}))
      s.responders.add(fingerprint(e.responder_high, e.responder_low, e.v6 & 2));
    else
      s.responders.add(other.responders);
  }
  s.ports.add(other.ports);
  sinks_bytes_ += s.heap() - before;
}

void NoiseTable::Body::close(std::uint32_t group, const Ends& e, Level level) {
  const NoiseKind kind = level == Level::pair        ? NoiseKind::port_scan
                         : level == Level::host_port ? NoiseKind::host_scan
                                                     : NoiseKind::syn_flood;
  const std::uint32_t sink = sink_of(e, level, kind);
  sinks_[sink].kind = kind;
  sinks_[sink].closed = true;
  fold_members(group);
  if (level != Level::server) add_scan(e, sink);
}

// One more scan of that initiator. Too many become one.
void NoiseTable::Body::add_scan(const Ends& e, std::uint32_t scan) {
  const std::uint32_t number = sink_of(e.at(Level::initiator), Level::initiator, NoiseKind::attempts);
  Sink& initiator = sinks_[number];
  if (!initiator.closed && initiator.scans_count < initiator.scans.size()) {
    initiator.scans[initiator.scans_count++] = scan;
    return;
  }
  take(number, sinks_[scan]);
  drop_sink(scan);
  close_initiator(number);
}

void NoiseTable::Body::close_initiator(std::uint32_t number) {
  Sink& initiator = sinks_[number];
  initiator.closed = true;
  for (std::uint32_t i = 0; i < initiator.scans_count; ++i) {
    take(number, sinks_[initiator.scans[i]]);
    drop_sink(initiator.scans[i]);
  }
  initiator.scans_count = 0;
}

std::uint32_t NoiseTable::Body::rest_of(NoiseKind kind, std::uint8_t protocol) {
  constexpr std::uint8_t kKnown[] = {1, 6, 17, 58, 132};
  Ends e;
  e.port = static_cast<std::uint16_t>(kind);
  e.protocol = std::find(std::begin(kKnown), std::end(kKnown), protocol) != std::end(kKnown) ? protocol : 255;
  return sink_of(e, Level::rest, kind);
}

// The less frequent half goes to the rest.
void NoiseTable::Body::drop_sinks() {
  struct Worth {
    std::int64_t worth;
    std::uint32_t number;
    auto operator<=>(const Worth&) const = default;
  };
  while (sinks_bytes_ > sinks_bytes_max_ / 4 * 3) {
    std::vector<Worth> all;
    for (std::uint32_t i = 0; i < sinks_.size(); ++i) {
      const Sink& s = sinks_[i];
      if (!s.in_use || s.level == Level::rest || (s.level == Level::initiator && s.totals.attempts == 0)) continue;
      all.push_back(
          {static_cast<std::int64_t>(s.totals.attempts) - static_cast<std::int64_t>(sinks_clock_ - s.born), i});
    }
    if (all.empty()) return;
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::nth_element(all.begin(), middle, all.end());
    sinks_clock_ += static_cast<std::uint64_t>(std::max<std::int64_t>(1, middle->worth));
    all.erase(middle + 1, all.end());
    std::sort(all.begin(), all.end(), [](const Worth& a, const Worth& b) { return a.number < b.number; });
    for (const Worth& w : all) {
      const Sink& s = sinks_[w.number];
      if (s.level == Level::initiator && s.scans_count != 0) {
        // It stays for its scans' sake; what it has counted goes.
        take(rest_of(kind_of(s), s.ends.protocol), s);
        Sink& initiator = sinks_[w.number];
        sinks_bytes_ -= initiator.heap();
        initiator.totals = {};
        initiator.responders = DistinctCount();
        initiator.ports = PortBits();
        continue;
      }
      if (s.level == Level::pair || s.level == Level::host_port) {
        const Ends at = s.ends.at(Level::initiator);
        const std::uint32_t group = find_group(at, Level::initiator, hash_of(at, Level::initiator));
        if (group != kNone && groups_[group].sink != kNone) {
          const std::uint32_t number = groups_[group].sink;
          Sink& initiator = sinks_[number];
          const auto end = initiator.scans.begin() + initiator.scans_count;
          const auto gone = std::remove(initiator.scans.begin(), end, w.number);
          initiator.scans_count -= static_cast<std::uint32_t>(end - gone);
          if (initiator.scans_count == 0 && initiator.totals.attempts == 0) drop_sink(number);
        }
      }
      take(rest_of(kind_of(sinks_[w.number]), sinks_[w.number].ends.protocol), sinks_[w.number]);
      if (s.level == Level::pair || s.level == Level::host_port || s.level == Level::sender)
        give_up(s.totals.source, s.totals.attempts);
      drop_sink(w.number);
    }
  }
}

// ---------------------------------------------------------------- two tables, and the end

void NoiseTable::Body::absorb(Body& other) {
  for (const Sink& s : other.sinks_) {
    if (!s.in_use || (s.level == Level::initiator && s.totals.attempts == 0)) continue;
    const Ends e = s.ends;
    const std::uint32_t number = sink_of(e, s.level, s.kind);
    take(number, s);
    if (!s.closed) continue;
    const bool was_closed = sinks_[number].closed;
    if (s.level == Level::initiator) {
      close_initiator(number);
    } else if (!was_closed) {
      close(sinks_[number].group, e, s.level);
    }
  }
  for (std::uint32_t i = 0; i < other.held_.size(); ++i) {
    const Held& h = other.held_[i];
    if (!h.in_use) continue;
    const std::uint32_t sink = closed_sink_of(h.ends);
    if (sink != kNone) {
      take(sink, h.ends, h.totals());
      continue;
    }
    Attempt a;
    a.initiator = h.ends.initiator();
    a.responder = h.ends.responder();
    a.protocol = Protocol(h.ends.protocol);
    a.initiator_certain = h.certain;
    a.port = h.ends.port;
    a.source = h.source, a.record = h.record, a.tunnel = h.tunnel;
    a.conversations = h.conversations;
    a.packets_out = h.packets_out, a.packets_in = h.packets_in;
    a.bytes_out = h.bytes_out, a.bytes_in = h.bytes_in;
    a.first = Timestamp(Nanoseconds(h.first)), a.last = Timestamp(Nanoseconds(h.last));
    hold(a, h.ends, &h.states);
  }
  if (given_up.size() < other.given_up.size()) given_up.resize(other.given_up.size());
  for (std::size_t i = 0; i < other.given_up.size(); ++i) given_up[i] += other.given_up[i];
  other.clear();
  if (sinks_bytes_ > sinks_bytes_max_) drop_sinks();
}

NoiseKind NoiseTable::Body::kind_of(const Sink& s) const {
  if (s.level == Level::initiator && s.closed)
    return s.ports.count() > s.responders.count() ? NoiseKind::port_scan : NoiseKind::host_scan;
  if (s.level == Level::server) {
    // Only handshakes can be left incomplete; many unanswered datagrams are just that.
    const bool many =
        s.ends.protocol == Protocol::tcp.number() && s.initiators.count() > criteria::kFloodInitiators;
    return many ? NoiseKind::syn_flood : NoiseKind::attempts;
  }
  return s.kind;
}

TrafficNoise NoiseTable::Body::noise_of(const Sink& s) const {
  TrafficNoise n;
  n.kind = kind_of(s);
  n.protocol = Protocol(s.ends.protocol);
  n.ports = s.ports.ports(criteria::kPortRanges);
  n.attempts = s.totals.attempts;
  n.packets = s.totals.packets;
  n.bytes = s.totals.bytes;
  n.source = s.totals.source;
  n.record = s.totals.record;
  n.first = Timestamp(Nanoseconds(s.totals.first));
  n.last = Timestamp(Nanoseconds(s.totals.last));
  switch (s.level) {
    case Level::pair:
      n.initiator = s.ends.initiator();
      n.responder = s.ends.responder();
      break;
    case Level::host_port:
    case Level::initiator:
    case Level::sender:
      n.initiator = s.ends.initiator();
      n.responders = s.responders.count();
      break;
    case Level::server:
    case Level::responder:
      n.responder = s.ends.responder();
      n.initiators = s.initiators.count();
      break;
    case Level::rest:
      n.initiators = s.initiators.count();
      n.responders = s.responders.count();
      break;
  }
  return n;
}

void NoiseTable::Body::finish(std::span<const ObservedFlow> records, std::vector<ObservedFlow>& kept,
                              std::vector<TrafficNoise>& noise) {
  // What else the initiators of many scans asked belongs to their scanning.
  for (std::uint32_t i = 0; i < held_.size(); ++i) {
    if (!held_[i].in_use) continue;
    const std::uint32_t sink = closed_sink_of(held_[i].ends);
    if (sink == kNone) continue;
    take(sink, held_[i].ends, held_[i].totals());
    release(i);
  }
  std::unordered_map<std::uint32_t, std::uint64_t> established;  // by sink
  const bool floods =
      std::any_of(sinks_.begin(), sinks_.end(), [](const Sink& s) { return s.level == Level::server; });
  if (floods) {
    for (const ObservedFlow& f : records) {
      if (f.established == 0) continue;
      Attempt a;
      a.responder = f.responder;
      a.protocol = f.protocol;
      a.port = f.port.number();
      const Ends at = Ends::of(a).at(Level::server);
      const std::uint32_t group = find_group(at, Level::server, hash_of(at, Level::server));
      if (group != kNone && groups_[group].sink != kNone) established[groups_[group].sink] += f.established;
    }
  }
  const std::size_t noise_before = noise.size(), kept_before = kept.size();
  for (std::uint32_t i = 0; i < sinks_.size(); ++i) {
    const Sink& s = sinks_[i];
    if (!s.in_use || s.totals.attempts == 0) continue;
    TrafficNoise n = noise_of(s);
    if (n.kind == NoiseKind::syn_flood && s.level == Level::server)
      if (const auto found = established.find(i);
          found != established.end() && n.attempts / criteria::kFloodRatio < found->second)
        n.kind = NoiseKind::attempts;
    noise.push_back(std::move(n));
  }
  for (std::uint32_t i = 0; i < held_.size(); ++i) {
    const Held& h = held_[i];
    if (!h.in_use) continue;
    ObservedFlow& f = kept.emplace_back();
    f.initiator = h.ends.initiator();
    f.responder = h.ends.responder();
    f.protocol = Protocol(h.ends.protocol);
    f.initiator_certain = h.certain;
    if (f.protocol.is_icmp())
      f.icmp = {static_cast<std::uint8_t>(h.ends.port >> 8), static_cast<std::uint8_t>(h.ends.port)};
    else
      f.port = Port(h.ends.port);
    f.source = h.source;
    f.record = h.record;
    f.tunnel = h.tunnel;
    f.conversations = h.conversations;
    f.packets_out = h.packets_out, f.packets_in = h.packets_in;
    f.bytes_out = h.bytes_out, f.bytes_in = h.bytes_in;
    f.first = Timestamp(Nanoseconds(h.first)), f.last = Timestamp(Nanoseconds(h.last));
    f.states = h.states;
  }
  std::sort(noise.begin() + static_cast<std::ptrdiff_t>(noise_before), noise.end(),
            [](const TrafficNoise& a, const TrafficNoise& b) {
              return std::tie(a.kind, a.initiator, a.responder, a.protocol, a.ports, a.attempts, a.first, a.source,
                              a.record) < std::tie(b.kind, b.initiator, b.responder, b.protocol, b.ports,
                                                   b.attempts, b.first, b.source, b.record);
            });
  std::sort(kept.begin() + static_cast<std::ptrdiff_t>(kept_before), kept.end(),
            [](const ObservedFlow& a, const ObservedFlow& b) {
              return std::tie(a.protocol, a.initiator, a.responder, a.port, a.icmp, a.tunnel) <
                     std::tie(b.protocol, b.initiator, b.responder, b.port, b.icmp, b.tunnel);
            });
  clear();
}

void NoiseTable::Body::clear() {
  held_.clear();
  free_held_ = std::vector<std::uint32_t>();  // `= {}` would keep the memory
  held_index_.clear();
  groups_ = std::vector<Group>();
  free_groups_ = std::vector<std::uint32_t>();
  groups_index_.clear();
  sinks_.clear();
  free_sinks_ = std::vector<std::uint32_t>();
  sinks_bytes_ = 0;
  sinks_clock_ = 0;
  doorkeeper_.clear();
  serial_ = clock_ = 0;
  given_up.clear();
}

// ---------------------------------------------------------------- the outside

NoiseTable::NoiseTable(const NoiseOptions& options) : body_(std::make_unique<Body>(options)) {}
NoiseTable::~NoiseTable() = default;
NoiseTable::NoiseTable(NoiseTable&&) noexcept = default;

void NoiseTable::attempt(const Attempt& attempt) { body_->attempt(attempt); }
void NoiseTable::backscatter(const Attempt& answer) { body_->backscatter(answer); }
void NoiseTable::prefetch(const Attempt& attempt) const { body_->prefetch(attempt); }
void NoiseTable::absorb(NoiseTable& other) { body_->absorb(*other.body_); }
void NoiseTable::finish(std::span<const ObservedFlow> records, std::vector<ObservedFlow>& kept,
                        std::vector<TrafficNoise>& noise) {
  body_->finish(records, kept, noise);
}
const std::vector<std::uint64_t>& NoiseTable::given_up() const { return body_->given_up; }
std::size_t NoiseTable::memory() const { return body_->memory(); }

}  // namespace demarc
