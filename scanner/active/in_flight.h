// The questions on their way: which socket carries which, and when each is given up.
//
// epoll and the deadlines name a question by a key: its slot, and how often that slot was used before. News of a
// socket that was closed meanwhile, or a deadline that outlived its question, so never hits the slot's next user.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include "rules/net/port.h"
#include "rules/policy/scope.h"
#include "scanner/active/connect_scan.h"
#include "scanner/active/pace.h"

namespace demarc::connect_engine {

/// Why something is asked, which is who gets the answer.
enum class Kind : std::uint8_t { work, canary, decoy, recheck, neighbour };

/// One question.
struct Ask {
  Kind kind;
  Speak speak;
  std::uint8_t self_connects;  // so often the kernel answered it itself
  Port port;
  std::uint32_t state;  // which target, by number
  std::uint64_t index;  // of the work; of the canary; of the recheck
  Target target;
};

class InFlight {
 public:
  using Key = std::uint64_t;
  struct Question {
    Ask ask;
    int fd;  // ours to close
    Instant sent;
  };

  InFlight() = default;
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;
  ~InFlight() { close_all(); }

  std::uint32_t count() const { return count_; }

  Key add(const Question& question) {
    std::uint32_t slot = static_cast<std::uint32_t>(slots_.size());
    if (free_.empty()) {
      slots_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    slots_[slot].question = question;
    ++count_;
    return Key{slots_[slot].uses} << 32 | slot;
  }
  /// nullptr: it is no more.
  const Question* find(Key key) const {
    const Slot& slot = slots_[static_cast<std::uint32_t>(key)];
    return slot.question && slot.uses == static_cast<std::uint32_t>(key >> 32) ? &*slot.question : nullptr;
  }
  /// Of a key that find() knows. The descriptor is the caller's from here on.
  Question take(Key key) {
    Slot& slot = slots_[static_cast<std::uint32_t>(key)];
    Question question = *slot.question;
    slot.question.reset();
    ++slot.uses;
    free_.push_back(static_cast<std::uint32_t>(key));
    --count_;
    return question;
  }

  void give_up_at(Key key, Instant at) { deadlines_.push({at, key}); }
  /// One whose time is over, each once.
  std::optional<Key> overdue(Instant now) {
    while (!deadlines_.empty() && deadlines_.top().first <= now) {
      Key key = deadlines_.top().second;
      deadlines_.pop();
      if (find(key) != nullptr) return key;
    }
    return std::nullopt;
  }
  /// When to ask for overdue() again; it may be in vain.
  std::optional<Instant> next_deadline() const {
    if (deadlines_.empty()) return std::nullopt;
    return deadlines_.top().first;
  }

  void close_all() {
    for (Slot& slot : slots_)
      if (slot.question) close(slot.question->fd);
    slots_.clear();
    free_.clear();
    deadlines_ = {};
    count_ = 0;
  }

 private:
  struct Slot {
    std::optional<Question> question;
    std::uint32_t uses = 0;
  };
  using Deadline = std::pair<Instant, Key>;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
  std::uint32_t count_ = 0;
};

}  // namespace demarc::connect_engine
