// Listeners on loopback for tests, on ports that the kernel chooses.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <poll.h>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "rules/net/port.h"
#include "rules/policy/scope.h"

namespace demarc::test {

inline Scope loopback_scope() {
  const Prefix prefixes[] = {*parse_prefix("127.0.0.0/8"), *parse_prefix("::1/128")};
  return *Scope::from_prefixes(prefixes);
}
inline Target loopback(std::string_view address = "127.0.0.1") {
  return *loopback_scope().admit(*parse_address(address));
}

/// A listening TCP socket; every connection is served by `serve` (fd, number of the connection), one after another.
class LocalServer {
 public:
  using Serve = std::function<void(int fd, int number)>;
  explicit LocalServer(Serve serve = nullptr, bool ipv6 = false) : serve_(std::move(serve)) {
    fd_ = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in six_or_four{};
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_addr = in6addr_loopback;
    six_or_four.sin_family = AF_INET;
    six_or_four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const sockaddr* where =
        ipv6 ? reinterpret_cast<const sockaddr*>(&six) : reinterpret_cast<const sockaddr*>(&six_or_four);
    socklen_t size = ipv6 ? sizeof six : sizeof six_or_four;
    if (bind(fd_, where, size) != 0 || listen(fd_, 128) != 0) {
      close(fd_);
      fd_ = -1;
      return;
    }
    sockaddr_storage own{};
    size = sizeof own;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &size);
    port_ = Port{ntohs(ipv6 ? reinterpret_cast<sockaddr_in6*>(&own)->sin6_port
                            : reinterpret_cast<sockaddr_in*>(&own)->sin_port)};
    thread_ = std::thread([this] { run(); });
  }
  ~LocalServer() { stop(); }
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  bool listens() const { return fd_ >= 0; }
  Port port() const { return port_; }
  int connections() const { return connections_; }

 private:
  void run() {
    while (!stop_) {
      pollfd wait{fd_, POLLIN, 0};
      if (poll(&wait, 1, 20) <= 0) continue;
      int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      int number = connections_++;
      if (serve_) serve_(fd, number);
      close(fd);
    }
  }
  Serve serve_;
  int fd_ = -1;
  Port port_;
  std::atomic<bool> stop_{false};
  std::atomic<int> connections_{0};
  std::thread thread_;
};

inline void say(int fd, std::string_view text) {
  if (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) return;
}
/// What the client says first, for up to a second.
inline std::string hear(int fd, int milliseconds = 1000) {
  char buffer[4096];
  pollfd wait{fd, POLLIN, 0};
  if (poll(&wait, 1, milliseconds) <= 0) return {};
  ssize_t count = recv(fd, buffer, sizeof buffer, 0);
  return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : std::string();
}

/// A loopback port on which nothing listens (it was free a moment ago).
inline Port closed_port() {
  LocalServer server;
  return server.port();
}

}  // namespace demarc::test
