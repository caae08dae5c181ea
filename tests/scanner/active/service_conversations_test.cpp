#include "scanner/active/service_conversations.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <map>

#include "tests/scanner/active/local_server.h"

using namespace demarc;
using namespace demarc::test;
using namespace std::chrono_literals;

namespace {

/// Takes every connection, says nothing, and counts how many there are at a time.
class PatientServer {
 public:
  explicit PatientServer(const char* address = "127.0.0.1") {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    inet_pton(AF_INET, address, &at.sin_addr);
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(listen(fd_, 128) == 0);
    socklen_t size = sizeof at;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = Port{ntohs(at.sin_port)};
    thread_ = std::thread([this] { run(); });
  }
  ~PatientServer() { stop(); }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  Port port() const { return port_; }
  int most() const { return most_; }
  int now() const { return now_; }
  int all() const { return all_; }

 private:
  void run() {
    std::vector<pollfd> fds{{fd_, POLLIN, 0}};
    while (!stop_) {
      poll(fds.data(), fds.size(), 5);
      for (std::size_t i = fds.size(); i-- > 1;) {
        if (fds[i].revents == 0) continue;
        char buffer[512];
        ssize_t count = 1;
        while (count > 0) count = recv(fds[i].fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN) continue;
        close(fds[i].fd);
        fds.erase(fds.begin() + static_cast<std::ptrdiff_t>(i));
      }
      if (fds[0].revents != 0) {
        const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0) fds.push_back({fd, POLLIN, 0}), ++all_;
      }
      now_ = static_cast<int>(fds.size()) - 1;
      most_ = std::max<int>(most_, now_);
    }
    for (std::size_t i = 1; i < fds.size(); ++i) close(fds[i].fd);
  }
  int fd_ = -1;
  Port port_;
  std::atomic<bool> stop_{false};
  std::atomic<int> most_{0}, now_{0}, all_{0};
  std::thread thread_;
};

ScanWork work(Port port, Speak speak = Speak::freely, const char* address = "127.0.0.1") {
  return {loopback(address), port, Protocol::tcp, {}, speak, 0, 0};
}
bool anybody(const Target&) { return true; }

/// Conversations, and how often each ticket ended.
struct Talk {
  boost::asio::io_context io;
  std::map<std::uint64_t, int> ended;
  std::map<std::uint64_t, std::string> names;
  ServiceConversations all;
  explicit Talk(ServiceConversations::Limits limits, MayConnect may = anybody)
      : all(io, limits, std::move(may), [this](std::uint64_t ticket, std::optional<ServiceSeen> seen) {
          ++ended[ticket];
          if (seen) names[ticket] = seen->name;
        }) {}
  /// Until nothing is left, or the time is over.
  bool run(std::chrono::seconds most = 30s) {
    const auto until = std::chrono::steady_clock::now() + most;
    while (!all.empty() && std::chrono::steady_clock::now() < until) {
      io.restart();
      io.run_for(5ms);
      all.start_waiting();
    }
    return all.empty();
  }
};

}  // namespace

TEST_CASE("all are spoken with, a bounded number at a time with one target and in all") {
  PatientServer first("127.0.0.1"), second("127.0.0.2");
  // Gentle conversations have one connection each, so the server can count them.
  Talk talk({.all = 3, .per_target = 3, .per_gentle_target = 2, .listen_time = 50ms});
  CHECK(talk.all.room(work(first.port())));
  for (std::uint64_t ticket = 0; ticket < 5; ++ticket) talk.all.start(work(first.port(), Speak::gently), ticket);
  CHECK_FALSE(talk.all.room(work(first.port(), Speak::gently)));
  CHECK(talk.all.room(work(first.port())));
  CHECK(talk.all.room(work(second.port(), Speak::gently, "127.0.0.2")));
  talk.all.start(work(second.port(), Speak::gently, "127.0.0.2"), 5);
  CHECK_FALSE(talk.all.room(work(Port{1}, Speak::freely, "127.0.0.3")));  // three in all
  for (std::uint64_t ticket = 6; ticket < 9; ++ticket)
    talk.all.start(work(second.port(), Speak::gently, "127.0.0.2"), ticket);
  CHECK(talk.all.any_active());
  REQUIRE(talk.run());
  CHECK_FALSE(talk.all.any_active());
  for (std::uint64_t ticket = 0; ticket < 9; ++ticket) {
    CAPTURE(ticket);
    CHECK(talk.ended[ticket] == 1);
  }
  first.stop();
  second.stop();
  CHECK(first.all() == 5);
  CHECK(first.most() <= 2);
  CHECK(second.all() == 4);
  CHECK(second.most() <= 2);
}

TEST_CASE("what is heard belongs to its ticket") {
  LocalServer ssh([](int fd, int) {
    say(fd, "SSH-2.0-OpenSSH_9.2p1\r\n");
    hear(fd);
  });
  LocalServer smtp([](int fd, int) {
    say(fd, "220 mail.example.net ESMTP Postfix\r\n");
    hear(fd, 100);
  });
  Talk talk({.listen_time = 200ms});
  talk.all.start(work(ssh.port()), 700);
  talk.all.start(work(smtp.port()), 3);
  talk.all.start(work(closed_port()), 5);
  REQUIRE(talk.run());
  CHECK(talk.names == std::map<std::uint64_t, std::string>{{3, "smtp"}, {700, "ssh"}});
  CHECK(talk.ended[5] == 1);
}

TEST_CASE("leave to connect is asked for each connection, and waited for") {
  LocalServer server([](int fd, int) { say(fd, "220 mail.example.net ESMTP Postfix\r\n"); });
  int asked = 0;
  Talk talk({}, [&](const Target& target) {
    CHECK(target.address() == *parse_address("127.0.0.1"));
    return ++asked > 3;
  });
  talk.all.start(work(server.port()), 1);
  REQUIRE(talk.run());
  CHECK(asked == 4);
  CHECK(talk.names[1] == "smtp");
}

TEST_CASE("abandoning gives back every ticket once, closes the connections, and nobody is called afterwards") {
  PatientServer server;
  Talk talk({.all = 2, .per_target = 2, .per_gentle_target = 1, .listen_time = 10'000ms});
  for (std::uint64_t ticket = 10; ticket < 15; ++ticket) talk.all.start(work(server.port()), ticket);
  for (int i = 0; i < 200 && server.now() < 2; ++i) talk.io.run_for(10ms);
  REQUIRE(server.now() == 2);
  std::vector<std::uint64_t> left = talk.all.abandon();
  std::sort(left.begin(), left.end());
  CHECK(left == std::vector<std::uint64_t>{10, 11, 12, 13, 14});
  CHECK(talk.all.empty());
  CHECK(talk.all.room(work(server.port())));
  CHECK(talk.all.abandon().empty());
  for (int i = 0; i < 500 && server.now() > 0; ++i) {
    talk.io.restart();
    talk.io.poll();
    std::this_thread::sleep_for(10ms);
  }
  CHECK(server.now() == 0);
  CHECK(talk.ended.empty());
  // And it can go on.
  LocalServer ssh([](int fd, int) { say(fd, "SSH-2.0-OpenSSH_9.2p1\r\n"); });
  talk.all.start(work(ssh.port()), 20);
  REQUIRE(talk.run());
  CHECK(talk.ended == std::map<std::uint64_t, int>{{20, 1}});
}

TEST_CASE("a connected socket is used where there is room, and closed where there is none") {
  LocalServer server([](int fd, int) {
    say(fd, "SSH-2.0-OpenSSH_9.2p1\r\n");
    hear(fd, 100);
  });
  auto connected = [&] {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(server.port().number());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
    pollfd wait{fd, POLLOUT, 0};
    poll(&wait, 1, 1000);
    return fd;
  };
  int leave = 0;
  Talk talk({.all = 1, .per_target = 1, .per_gentle_target = 1, .listen_time = 200ms}, [&](const Target&) {
    ++leave;
    return true;
  });
  const int used = connected(), too_many = connected();
  talk.all.start(work(server.port()), 1, used);
  CHECK(leave == 0);
  talk.all.start(work(server.port()), 2, too_many);
  CHECK(fcntl(too_many, F_GETFD) == -1);
  REQUIRE(talk.run());
  CHECK(talk.names == std::map<std::uint64_t, std::string>{{1, "ssh"}, {2, "ssh"}});
  CHECK(leave >= 1);
}

TEST_CASE("what is not worth a word any more ends with nothing said") {
  PatientServer server;
  Talk talk({.all = 1, .per_target = 1, .per_gentle_target = 1, .listen_time = 50ms});
  talk.all.start(work(server.port(), Speak::gently), 1);
  talk.all.start(work(server.port(), Speak::gently), 2);
  talk.all.start(work(server.port(), Speak::gently), 3);
  for (int i = 0; i < 400 && talk.ended.empty(); ++i) talk.io.run_for(10ms);
  CHECK(talk.ended == std::map<std::uint64_t, int>{{1, 1}});
  talk.all.start_waiting([](const ScanWork&) { return false; });
  CHECK(talk.ended == std::map<std::uint64_t, int>{{1, 1}, {2, 1}, {3, 1}});
  CHECK(talk.all.empty());
  server.stop();
  CHECK(server.all() == 1);
}
