// The records of the result while they come into being: one for each initiator, responder, port and service (or for
// each conversation), found by a keyed hash, bounded in number, and handed over sorted.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "rules/evidence/observed_flow.h"
#include "scanner/passive/hash_index.h"

namespace demarc {

class Speech;

class RecordStore {
 public:
  struct Options {
    std::uint32_t records_max = 0;
    bool per_conversation = false;
    std::uint64_t hash_key = 0;
  };
  explicit RecordStore(const Options& options) : options_(options), hash_(options.hash_key) {}
  ~RecordStore() { clear(); }
  RecordStore(const RecordStore&) = delete;
  RecordStore& operator=(const RecordStore&) = delete;

  std::uint32_t hash_of(const ObservedFlow& one) const;
  void prefetch(std::uint32_t hash) const { index_.prefetch(hash); }
  /// Adds a record to the one with the same ends, or keeps it as a new one. kNone32: there is no room for it; a
  /// quarter of the room is kept for established conversations, so that attempts cannot push use out.
  std::uint32_t add(ObservedFlow&& one, std::uint32_t hash, const Speech* speech);
  std::uint32_t size() const { return size_; }
  ObservedFlow& operator[](std::uint32_t i) {
    return target_ != nullptr ? (*target_)[base_ + i] : blocks_[i >> kBits].data()[i & (kBlock - 1)];
  }

  /// From here on records are made at the end of `flows`, those there were moved first: the result is not copied a
  /// second time. `more`: how many are expected yet, so that the vector does not move while it grows.
  void settle_into(std::vector<ObservedFlow>& flows, std::size_t more);
  /// Sorts what was settled; the store is empty afterwards. `positions`, if given, says for every number where it
  /// went.
  void finish(std::vector<std::uint32_t>* positions = nullptr);

 private:
  static constexpr unsigned kBits = 13;
  static constexpr std::uint32_t kBlock = 1U << kBits;
  struct Raw {  // zeroed memory in which records are made
    alignas(ObservedFlow) unsigned char bytes[sizeof(ObservedFlow)];
  };
  struct Block {
    Pages<Raw> raw;
    ObservedFlow* data() const { return reinterpret_cast<ObservedFlow*>(raw.data()); }
  };
  std::uint32_t keep(ObservedFlow&& one);
  void clear();

  Options options_;
  KeyedHash hash_;
  HashIndex index_;
  std::vector<Block> blocks_;
  std::vector<ObservedFlow>* target_ = nullptr;
  std::size_t base_ = 0;
  std::uint32_t size_ = 0;
};

/// What both records say, in the first.
void merge(ObservedFlow& into, const ObservedFlow& more);

/// Sorts by protocol, ends and time: the order of every result. `positions`, if given, says for every index where
/// it went.
void sort_records(std::span<ObservedFlow> records, std::vector<std::uint32_t>* positions = nullptr);

}  // namespace demarc
