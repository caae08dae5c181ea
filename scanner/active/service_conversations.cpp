#include "scanner/active/service_conversations.h"

#include <unistd.h>

namespace demarc {

ServiceConversations::ServiceConversations(boost::asio::io_context& io, Limits limits, MayConnect may_connect,
                                           Done done)
    : io_(io), limits_(limits), may_connect_(std::move(may_connect)), done_(std::move(done)) {}

ServiceConversations::~ServiceConversations() { abandon(); }

bool ServiceConversations::room(const ScanWork& work) const {
  const std::uint32_t most = work.speak == Speak::gently ? limits_.per_gentle_target : limits_.per_target;
  auto with_target = per_target_.find(work.target.address());
  return active_.size() < limits_.all && (with_target == per_target_.end() || with_target->second < most);
}

void ServiceConversations::start(const ScanWork& work, std::uint64_t ticket, int fd) {
  if (room(work)) return begin({work, ticket}, fd);
  if (fd >= 0) close(fd);
  waiting_.push_back({work, ticket});
}

void ServiceConversations::begin(Open open, int fd) {
  const auto manner = open.work.speak == Speak::gently ? ServiceConversation::Manner::gentle
                                                       : ServiceConversation::Manner::thorough;
  const std::uint64_t id = next_++;
  const ScanWork work = open.work;
  ++per_target_[work.target.address()];
  auto done = [this, id](std::optional<ServiceSeen> seen) {
    auto active = active_.find(id);
    if (active == active_.end()) return;
    const Open ended = active->second.open;
    active_.erase(active);
    auto with_target = per_target_.find(ended.work.target.address());
    if (--with_target->second == 0) per_target_.erase(with_target);
    done_(ended.ticket, std::move(seen));
  };
  auto session = Session::start(io_, fd, work.target, work.port,
                                ServiceConversation(work.port, manner, limits_.listen_time), may_connect_, done);
  active_.emplace(id, Active{std::move(session), std::move(open)});
}

void ServiceConversations::start_waiting(const std::function<bool(const ScanWork&)>& worth) {
  for (std::size_t i = waiting_.size(); i > 0 && active_.size() < limits_.all; --i) {
    Open open = std::move(waiting_.front());
    waiting_.pop_front();
    if (worth && !worth(open.work))
      done_(open.ticket, std::nullopt);
    else if (room(open.work))
      begin(std::move(open), -1);
    else
      waiting_.push_back(std::move(open));
  }
}

std::vector<std::uint64_t> ServiceConversations::abandon() {
  std::vector<std::uint64_t> tickets;
  for (auto& [id, active] : active_) {
    active.session->cancel();
    tickets.push_back(active.open.ticket);
  }
  for (const Open& open : waiting_) tickets.push_back(open.ticket);
  active_.clear();
  waiting_.clear();
  per_target_.clear();
  return tickets;
}

}  // namespace demarc
