#include "scanner/active/probe_socket.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <set>

#include "scanner/active/socket_address.h"
#include "tests/scanner/active/local_server.h"

using namespace demarc;
using namespace demarc::test;

namespace {

const OwnAddresses kOurs{{}};

Look wait_for(const ConnectAttempt& attempt, const Target& target) {
  for (int i = 0; i < 200; ++i) {
    Look look = look_at(attempt.fd, target, kOurs);
    if (look.stage != AttemptStage::pending) return look;
    pollfd wait{attempt.fd, POLLOUT, 0};
    poll(&wait, 1, 10);
  }
  return {};
}

}  // namespace

TEST_CASE("a listener connects, a closed port refuses") {
  for (const char* address : {"127.0.0.1", "::1"}) {
    CAPTURE(address);
    LocalServer server(nullptr, std::string_view(address) == "::1");
    if (!server.listens()) continue;  // a machine without IPv6
    Target target = loopback(address);
    ConnectAttempt open = start_connect(target, server.port(), std::nullopt, true);
    REQUIRE(open.started == Started::pending);
    CHECK(wait_for(open, target).stage == AttemptStage::connected);
    CHECK_FALSE(is_self_connect(open.fd));
    close_by_reset(open.fd);

    Port port = server.port();
    server.stop();
    ConnectAttempt closed = start_connect(target, port, std::nullopt, true);
    Look look = closed.started == Started::replied ? Look{AttemptStage::replied, closed.reply, false, 0}
                                                   : wait_for(closed, target);
    CHECK(look.stage == AttemptStage::replied);
    CHECK(name(look.reply.answer) == "rst");
    CHECK_FALSE(look.reply.sender.has_value());
    if (closed.fd >= 0) close(closed.fd);
  }
}

TEST_CASE("a look at a refused socket does not turn into an open port when it is repeated") {
  Target target = loopback();
  ConnectAttempt attempt = start_connect(target, closed_port(), std::nullopt, true);
  REQUIRE(attempt.started == Started::pending);
  CHECK(wait_for(attempt, target).reply.answer == Answer::rst);
  // The error is taken now; the socket has none any more, and is still not connected.
  Look again = look_at(attempt.fd, target, kOurs);
  CHECK(again.stage != AttemptStage::connected);
  close(attempt.fd);
}

TEST_CASE("a socket that the kernel connected to itself is seen as such") {
  // The trap: bind to a port nobody listens on and connect to it. TCP's simultaneous open makes both ends one.
  Target target = loopback();
  Port port = closed_port();
  ConnectAttempt attempt = start_connect(target, port, port, true);
  REQUIRE(attempt.started == Started::pending);
  Look look = wait_for(attempt, target);
  REQUIRE(look.stage == AttemptStage::connected);  // this is what makes it a trap
  CHECK(is_self_connect(attempt.fd));
  close_by_reset(attempt.fd);
}

TEST_CASE("sources for our own addresses never meet the ports asked") {
  // Two attempts connect to each other if each asks the other's source.
  OwnSources sources;
  std::set<std::uint16_t> asked_samples;
  for (unsigned asked = 1; asked <= 65535; asked += 7) asked_samples.insert(static_cast<std::uint16_t>(asked));
  for (unsigned i = 0; i < 3U * OwnSources::kBlock; i += 100)
    asked_samples.insert(static_cast<std::uint16_t>(OwnSources::kFirst + i));
  auto block_of = [](Port port) {
    return port.number() < OwnSources::kFirst ? -1 : (port.number() - OwnSources::kFirst) / OwnSources::kBlock;
  };
  for (std::uint16_t a : asked_samples) {
    Port source = sources.next(Port{a});
    CHECK(source.number() != a);
    // Whoever asks this source as a port leaves from a block that `a` is not in.
    Port source_of_other = sources.next(source);
    CHECK(block_of(source_of_other) != block_of(Port{a}));
    CHECK(block_of(source_of_other) != block_of(source));
  }
}

TEST_CASE("our own addresses are known by interface, and all of 127/8") {
  auto local = local_addresses();
  REQUIRE(local.has_value());
  OwnAddresses ours(*local);
  CHECK(ours.contains(*parse_address("127.0.0.1")));
  CHECK(ours.contains(*parse_address("127.200.1.1")));
  CHECK_FALSE(ours.contains(*parse_address("192.0.2.99")));
  auto source = source_address_for(*parse_address("127.0.0.1"));
  REQUIRE(source.has_value());
  CHECK(to_string(*source) == "127.0.0.1");
}
