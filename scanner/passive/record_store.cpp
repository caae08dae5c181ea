#include "scanner/passive/record_store.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <new>
#include <thread>
#include <tuple>
#include <utility>

namespace demarc {

namespace {

bool is_icmp(const ObservedFlow& f) { return f.protocol.is_icmp(); }

bool same_ends(const ObservedFlow& a, const ObservedFlow& b) {
  return a.initiator == b.initiator && a.responder == b.responder && a.protocol == b.protocol && a.port == b.port &&
         a.icmp == b.icmp && a.tunnel == b.tunnel && a.parent == b.parent;
}

auto order(const ObservedFlow& f) {
  return std::tie(f.protocol, f.initiator, f.responder, f.port, f.icmp, f.initiator_port, f.first, f.source,
                  f.record, f.tunnel, f.parent, f.service);
}

// The front of that order as a number: nearly always enough, so that sorting does not touch the records. All of
// IPv4 fits, of IPv6 the initiator and most of the responder's upper half do not.
struct [[gnu::packed]] SortKey {
  std::uint64_t front, back;
  std::uint32_t index;
};

SortKey key_of(const ObservedFlow& f, std::uint32_t index) {
  const std::uint64_t head = std::uint64_t{f.protocol.number()} << 56 | std::uint64_t{!f.initiator.is_ipv4()} << 55;
  if (!f.initiator.is_ipv4()) {
    return {head | f.initiator.high() >> 9, f.initiator.high() << 55 | f.initiator.low() >> 9, index};
  }
  const std::uint64_t a = f.initiator.low(), b = f.responder.low();
  return {head | a << 23 | b >> 9,
          b << 55 | std::uint64_t{f.port.number()} << 39 | std::uint64_t{f.icmp.type} << 31 |
              (f.icmp.code ? std::uint64_t{*f.icmp.code} + 1 : 0) << 22 |
              std::uint64_t{f.initiator_port.number()} << 6,
          index};
}

void prefetch(const ObservedFlow& f) {
  const char* lines = reinterpret_cast<const char*>(&f);
  for (std::size_t at = 0; at < sizeof f; at += 64) __builtin_prefetch(lines + at, 1);
}

/// Below that a second thread takes longer to begin than it saves.
constexpr std::uint32_t kTwoThreadsFrom = 32768;

struct Part {
  std::uint32_t begin, end;
};

/// work(0) and work(1), side by side where there are two threads.
template <typename Work>
void each_half(bool two, Work&& work) {
  if (!two) return work(std::size_t{0}), work(std::size_t{1});
  const std::jthread other([&] { work(std::size_t{0}); });
  work(std::size_t{1});
}

/// Every record goes where it belongs along the cycles of the permutation, so that no second copy is needed. All of
/// those in `part` belong there. Some steps ahead goes somebody who only asks for the memory.
void permute(std::span<ObservedFlow> records, std::span<std::uint32_t> from, Part part) {
  constexpr int kAhead = 6;
  for (std::uint32_t i = part.begin; i < part.end; ++i) {
    if (from[i] == i) continue;
    ObservedFlow held = std::move(records[i]);
    std::uint32_t to = i, ahead = i;
    for (int step = 0; step < kAhead; ++step) prefetch(records[ahead = from[ahead]]);
    while (from[to] != i) {
      prefetch(records[ahead = from[ahead]]);
      const std::uint32_t next = from[to];
      records[to] = std::move(records[next]);
      from[to] = to;
      to = next;
    }
    records[to] = std::move(held);
    from[to] = to;
  }
}

/// What stands on the wrong side of `middle` changes places with what does so on the other side: as many do.
void exchange_between(std::span<ObservedFlow> records, std::span<std::uint32_t> from, std::uint32_t middle) {
  constexpr std::size_t kAhead = 4;
  std::vector<Part> pairs;  // who waits below the middle for what stands above it, and the other way round
  std::uint32_t above = middle;
  for (std::uint32_t below = 0; below < middle; ++below) {
    if (from[below] < middle) continue;
    while (from[above] >= middle) ++above;
    pairs.push_back({below, above++});
  }
  each_half(true, [&](std::size_t half) {
    const std::size_t begin = half == 0 ? 0 : pairs.size() / 2, end = half == 0 ? pairs.size() / 2 : pairs.size();
    for (std::size_t i = begin; i < end; ++i) {
      if (i + kAhead < end)
        prefetch(records[from[pairs[i + kAhead].begin]]), prefetch(records[from[pairs[i + kAhead].end]]);
      std::uint32_t &to_below = from[pairs[i].begin], &to_above = from[pairs[i].end];
      std::swap(records[to_below], records[to_above]);
      std::swap(to_below, to_above);
    }
  });
}

}  // namespace

void merge(ObservedFlow& into, const ObservedFlow& more) {
  if (std::tie(more.first, more.source, more.record) < std::tie(into.first, into.source, into.record)) {
    into.first = more.first;
    into.source = more.source;
    into.record = more.record;
  }
  into.last = std::max(into.last, more.last);
  into.initiator_certain = into.initiator_certain || more.initiator_certain;
  if (into.service == kNone32) into.service = more.service;
  into.conversations += more.conversations;
  into.established += more.established;
  into.packets_out += more.packets_out;
  into.packets_in += more.packets_in;
  into.bytes_out += more.bytes_out;
  into.bytes_in += more.bytes_in;
  into.states.add(more.states);
}

std::uint32_t RecordStore::hash_of(const ObservedFlow& one) const {
  if (options_.per_conversation) return 0;
  const std::uint64_t what = is_icmp(one) ? std::uint64_t{one.icmp.type} << 8 | one.icmp.code.value_or(0)
                                          : std::uint64_t{one.port.number()};
  const std::uint64_t rest = what << 40 | std::uint64_t{one.tunnel} << 8 | one.protocol.number();
  return hash_(one.initiator.high(), one.initiator.low(), one.responder.high(), one.responder.low(), rest);
}

void RecordStore::make_room() {
  constexpr std::size_t kFew = 8192;
  if (records_.capacity() < kFew) return records_.reserve(kFew);
  for (std::size_t room = options_.records_max; room > records_.size() * 2; room /= 2) {
    try {
      records_.reserve(room);
    } catch (const std::bad_alloc&) {  // less will do, and at the least it grows step by step
      continue;
    }
    break;
  }
  constexpr std::uintptr_t kHuge = std::uintptr_t{2} << 20;
  const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(records_.data()) + kHuge - 1) / kHuge * kHuge;
  const std::uintptr_t end =
      reinterpret_cast<std::uintptr_t>(records_.data() + records_.capacity()) / kHuge * kHuge;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // only advice
}

std::uint32_t RecordStore::add(ObservedFlow&& one, std::uint32_t hash, std::uint32_t language) {
  if (one.service != kNone32) {
    if (languages_.size() <= one.service) languages_.resize(std::size_t{one.service} + 1, kNone32);
    languages_[one.service] = language;
  }
  if (!options_.per_conversation) {
    // Of several records that it could join, which differ in their service, the first: the order of the hash table
    // must not show in the result.
    std::uint32_t found = kNone32;
    index_.find(hash, [&](std::uint32_t i) {
      const ObservedFlow& f = records_[i];
      const bool fits = i < found && same_ends(f, one) &&
                        (f.service == one.service || f.service == kNone32 || one.service == kNone32 ||
                         languages_[f.service] == language);
      if (fits) found = i;
      return false;
    });
    if (found != kNone32) {
      merge(records_[found], one);
      return found;
    }
  }
  const std::uint32_t room = one.established != 0 ? options_.records_max : options_.records_max / 4 * 3;
  if (records_.size() >= room) return kNone32;
  if (records_.size() == records_.capacity()) make_room();
  const auto number = static_cast<std::uint32_t>(records_.size());
  records_.push_back(std::move(one));
  if (!options_.per_conversation) index_.insert(hash, number);
  return number;
}

void RecordStore::finish(std::vector<ObservedFlow>& flows, std::vector<std::uint32_t>* positions,
                         unsigned threads) {
  index_.clear();
  sort_records(records_, positions, threads);
  const auto base = static_cast<std::uint32_t>(flows.size());
  if (base == 0) {
    flows = std::exchange(records_, {});
    return;
  }
  flows.insert(flows.end(), std::make_move_iterator(records_.begin()), std::make_move_iterator(records_.end()));
  records_ = std::vector<ObservedFlow>();
  if (positions != nullptr)
    for (std::uint32_t& position : *positions) position += base;
}

void sort_records(std::span<ObservedFlow> records, std::vector<std::uint32_t>* positions, unsigned threads) {
  const auto count = static_cast<std::uint32_t>(records.size());
  const bool two = threads > 1 && count >= kTwoThreadsFrom;
  const std::array<Part, 2> halves{Part{0, count / 2}, Part{count / 2, count}};
  std::vector<std::uint32_t> from(count);  // whose record belongs here
  {
    const std::unique_ptr<SortKey[]> keys = std::make_unique_for_overwrite<SortKey[]>(count);
    const auto before = [&](const SortKey& a, const SortKey& b) {
      if (a.front != b.front) return a.front < b.front;
      if (a.back != b.back) return a.back < b.back;
      return order(records[a.index]) < order(records[b.index]);
    };
    each_half(two, [&](std::size_t half) {
      for (std::uint32_t i = halves[half].begin; i < halves[half].end; ++i) keys[i] = key_of(records[i], i);
      std::sort(&keys[halves[half].begin], &keys[halves[half].end], before);
    });
    std::uint32_t low = halves[0].begin, high = halves[1].begin;
    for (std::uint32_t& source : from) {
      const bool take_high = low == halves[0].end || (high != halves[1].end && before(keys[high], keys[low]));
      source = keys[take_high ? high++ : low++].index;
    }
  }
  if (positions != nullptr) {
    positions->resize(count);
    for (std::uint32_t i = 0; i < count; ++i) (*positions)[from[i]] = i;
  }
  if (!two) return permute(records, from, {0, count});
  exchange_between(records, from, halves[1].begin);
  each_half(true, [&](std::size_t half) { permute(records, from, halves[half]); });
}

}  // namespace demarc
