// The records of the result while they come into being: one for each initiator, responder, port and service (or for
// each conversation), found by a keyed hash, bounded in number, and handed over sorted.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "rules/evidence/observed_flow.h"
#include "scanner/passive/hash_index.h"

namespace demarc {

class RecordStore {
 public:
  struct Options {
    std::uint32_t records_max = 0;
    bool per_conversation = false;
    std::uint64_t hash_key = 0;
  };
  explicit RecordStore(const Options& options) : options_(options), hash_(options.hash_key) {}

  std::uint32_t hash_of(const ObservedFlow& one) const;
  void prefetch(std::uint32_t hash) const { index_.prefetch(hash); }
  /// Adds a record to the one with the same ends, or keeps it as a new one. kNone32: there is no room for it; a
  /// quarter of the room is kept for established conversations, so that attempts cannot push use out. `language`:
  /// Speech::language_of() its service; records of different ones are not put together.
  std::uint32_t add(ObservedFlow&& one, std::uint32_t hash, std::uint32_t language);
  /// Those that are kept, in the order they came.
  std::span<ObservedFlow> records() { return records_; }
  /// Hands them over at the end of `flows`, sorted; the store is empty afterwards. `positions`, if given, says for
  /// every number where it went. `threads`: 1 or 2; the result is the same.
  void finish(std::vector<ObservedFlow>& flows, std::vector<std::uint32_t>* positions = nullptr,
              unsigned threads = 1);

 private:
  /// Room for all that may come, at once: memory that is not touched costs nothing, and records that never move
  /// need not be copied into the result.
  void make_room();

  Options options_;
  KeyedHash hash_;
  HashIndex index_;
  std::vector<ObservedFlow> records_;
  std::vector<std::uint32_t> languages_;  // by service
};

/// What both records say, in the first.
void merge(ObservedFlow& into, const ObservedFlow& more);

/// Sorts by protocol, ends and time: the order of every result. `positions`, if given, says for every index where
/// it went. `threads`: 1 or 2; the result is the same.
void sort_records(std::span<ObservedFlow> records, std::vector<std::uint32_t>* positions = nullptr,
                  unsigned threads = 1);

}  // namespace demarc
