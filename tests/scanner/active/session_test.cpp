#include "scanner/active/session.h"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>

#include "tests/scanner/active/local_server.h"

using namespace demarc;
using namespace demarc::test;
using namespace std::chrono_literals;

namespace {

/// Speaks with a local port as the engine would, without waiting long for silence.
std::optional<ServiceSeen> speak_with(
    Port port, ServiceConversation conversation, const MayConnect& may = [](const Target&) { return true; }) {
  boost::asio::io_context io;
  std::optional<ServiceSeen> seen;
  bool done = false;
  auto session =
      Session::start(io, -1, loopback(), port, std::move(conversation), may, [&](std::optional<ServiceSeen> found) {
        seen = std::move(found);
        done = true;
      });
  io.run_for(30s);
  CHECK(done);
  return seen;
}
ServiceConversation thorough(Port usual_of = Port{4711}) {
  return ServiceConversation(usual_of, ServiceConversation::Manner::thorough, 200ms);
}

}  // namespace

TEST_CASE("a server that speaks first is heard, whatever its port") {
  LocalServer server([](int fd, int) {
    say(fd, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
    hear(fd);
  });
  auto seen = speak_with(server.port(), thorough());
  REQUIRE(seen.has_value());
  CHECK(seen->name == "ssh");
  CHECK(seen->product == "OpenSSH");
  CHECK(server.connections() == 1);
}

TEST_CASE("SSH on the port of HTTPS is ssh") {
  LocalServer server([](int fd, int) {
    say(fd, "SSH-2.0-dropbear_2022.83\r\n");
    hear(fd);
  });
  auto seen = speak_with(server.port(), thorough(Port{443}));
  REQUIRE(seen.has_value());
  CHECK(seen->name == "ssh");
}

TEST_CASE("a server that waits is asked on the same connection") {
  LocalServer server([](int fd, int) {
    if (hear(fd).starts_with("GET / ")) say(fd, "HTTP/1.0 200 OK\r\nServer: nginx/1.22.1\r\n\r\n");
  });
  auto seen = speak_with(server.port(), thorough());
  REQUIRE(seen.has_value());
  CHECK(seen->name == "http");
  CHECK(seen->product == "nginx");
  CHECK(server.connections() == 1);
}

TEST_CASE("a server that answers nothing gets a bounded number of connections") {
  LocalServer server([](int fd, int) { hear(fd, 2000); });
  auto seen = speak_with(server.port(), thorough(Port{50000}));
  CHECK_FALSE(seen.has_value());
  CHECK(server.connections() >= 2);
  CHECK(server.connections() <= 6);
}

TEST_CASE("gentle hosts get no question that is not their port's") {
  std::string heard;
  LocalServer server([&](int fd, int) { heard += hear(fd, 600); });
  auto seen =
      speak_with(server.port(), ServiceConversation(Port{4711}, ServiceConversation::Manner::gentle, 100ms));
  CHECK_FALSE(seen.has_value());
  server.stop();
  CHECK(server.connections() == 1);
  CHECK(heard.empty());
}

TEST_CASE("a server that never stops talking is cut off") {
  LocalServer server([](int fd, int) {
    std::string noise(4096, '#');
    for (int i = 0; i < 200; ++i) {
      if (::send(fd, noise.data(), noise.size(), MSG_NOSIGNAL) < 0) return;
    }
  });
  auto seen = speak_with(server.port(), thorough());
  REQUIRE(seen.has_value());
  CHECK(seen->name == kUnknownService);
  CHECK(seen->evidence.size() <= 4 * kEvidenceMax);
}

TEST_CASE("a connection that is not allowed yet waits for its turn") {
  LocalServer server([](int fd, int) { say(fd, "220 mail.example.net ESMTP Postfix\r\n"); });
  int asked = 0;
  auto seen = speak_with(server.port(), thorough(), [&](const Target&) { return ++asked > 3; });
  CHECK(asked == 4);
  REQUIRE(seen.has_value());
  CHECK(seen->name == "smtp");
}

TEST_CASE("a refused connection ends the conversation with nothing") {
  auto seen = speak_with(closed_port(), thorough());
  CHECK_FALSE(seen.has_value());
}
