// What becomes of one conversation that nobody answered, and of many when there are too many of them.
#include "scanner/passive/noise.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "scanner/passive/noise_body.h"

namespace demarc {

using namespace noise_parts;

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
