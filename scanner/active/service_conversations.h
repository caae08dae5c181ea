// Speaks with many open ports side by side: a bounded number at a time, fewer with one target.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "scanner/active/scan.h"
#include "scanner/active/session.h"

namespace demarc {

class ServiceConversations {
 public:
  struct Limits {
    std::uint32_t all = 64, per_target = 16, per_gentle_target = 2;
    std::chrono::milliseconds listen_time{2000};
  };
  /// `may_connect`: leave to open one more connection to a target now. `done` gets the ticket of start() and what
  /// was seen; it comes from poll().
  using Done = std::function<void(std::uint64_t ticket, std::optional<ServiceSeen> seen)>;
  ServiceConversations(boost::asio::io_context& io, Limits limits, MayConnect may_connect, Done done);
  ~ServiceConversations();

  /// Whether start() with a connected socket would use it at once.
  bool room(const ScanWork& work) const;
  /// Takes over the connected socket (fd), or opens a connection when it is its turn (fd < 0).
  void start(const ScanWork& work, std::uint64_t ticket, int fd = -1);
  /// Begins what waits and has room now. What is not `worth` a word any more ends with nothing said.
  void start_waiting(const std::function<bool(const ScanWork&)>& worth = {});
  /// Ends all of them at once; the tickets of those that never came to their end.
  std::vector<std::uint64_t> abandon();
  bool empty() const { return active_.empty() && waiting_.empty(); }
  bool any_active() const { return !active_.empty(); }

 private:
  struct Open {
    ScanWork work;
    std::uint64_t ticket;
  };
  struct Active {
    std::shared_ptr<Session> session;
    Open open;
  };
  void begin(Open open, int fd);

  boost::asio::io_context& io_;
  Limits limits_;
  MayConnect may_connect_;
  Done done_;
  std::unordered_map<std::uint64_t, Active> active_;
  std::unordered_map<Address, std::uint32_t> per_target_;
  std::deque<Open> waiting_;
  std::uint64_t next_ = 0;
};

}  // namespace demarc
