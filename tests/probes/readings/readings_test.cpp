#include "probes/readings/readings.h"

#include <doctest/doctest.h>

#include <optional>

using namespace demarc;

namespace {
const Address kTarget = *parse_address("192.0.2.10"), kRouter = *parse_address("203.0.113.1"),
              kOwn = *parse_address("198.51.100.7");
const Address kTarget6 = *parse_address("2001:db8:d::12"), kRouter6 = *parse_address("2001:db8::1");
}  // namespace

TEST_CASE("what an answer to a connect says about the port and the filter") {
  struct Row {
    Answer answer;
    PortState state;
    Passage passage;
    bool names_sender;
  };
  for (const Row& row : {
           Row{Answer::syn_ack, PortState::open, Passage::passed, false},
           Row{Answer::rst, PortState::closed, Passage::undetermined, false},
           Row{Answer::silence, PortState::filtered, Passage::undetermined, false},
           Row{Answer::icmp_admin_prohibited, PortState::filtered, Passage::blocked, true},
           Row{Answer::icmp_host_prohibited, PortState::filtered, Passage::blocked, true},
           Row{Answer::icmp_network_prohibited, PortState::filtered, Passage::blocked, true},
           Row{Answer::icmp_port_unreachable, PortState::filtered, Passage::blocked, true},
           Row{Answer::icmp_host_unreachable, PortState::filtered, Passage::undetermined, true},
           Row{Answer::icmp_network_unreachable, PortState::filtered, Passage::undetermined, true},
           Row{Answer::no_neighbour, PortState::filtered, Passage::undetermined, false},
           Row{Answer::local_refusal, PortState::filtered, Passage::undetermined, false},
       }) {
    CAPTURE(name(row.answer));
    Outcome outcome;
    read_into(outcome, Method::connect, {row.answer, kRouter});
    CHECK(outcome.answer == row.answer);
    CHECK(outcome.state == row.state);
    CHECK(outcome.passage == row.passage);
    CHECK(outcome.answered_by.has_value() == row.names_sender);
  }
}

TEST_CASE("a reset passes only where its segment was seen") {
  CHECK(reading(Method::connect, Answer::rst).passage == Passage::undetermined);
  CHECK(reading(Method::syn, Answer::rst).passage == Passage::passed);
  CHECK(reading(Method::syn, Answer::rst).names_sender);
}

TEST_CASE("what an answer to a datagram or an ICMP query says, and who may have sent it") {
  struct Row {
    Method method;
    Answer answer;
    std::optional<Address> sender;
    PortState state;
    Passage passage;
    bool names_sender;
  };
  for (const Row& row : {
           Row{Method::udp, Answer::reply, kTarget, PortState::open, Passage::passed, true},
           Row{Method::udp, Answer::silence, {}, PortState::open_or_filtered, Passage::undetermined, false},
           Row{Method::udp, Answer::icmp_port_unreachable, kTarget, PortState::closed, Passage::passed, true},
           Row{Method::udp, Answer::icmp_port_unreachable, kRouter, PortState::filtered, Passage::blocked, true},
           Row{Method::udp, Answer::icmp_port_unreachable, {}, PortState::filtered, Passage::blocked, false},
           Row{Method::udp, Answer::icmp_protocol_unreachable, kRouter, PortState::filtered, Passage::blocked,
               true},
           Row{Method::udp, Answer::icmp_admin_prohibited, kRouter, PortState::filtered, Passage::blocked, true},
           Row{Method::udp, Answer::icmp_host_prohibited, kTarget, PortState::filtered, Passage::blocked, true},
           Row{Method::udp, Answer::icmp_host_unreachable, kRouter, PortState::filtered, Passage::undetermined,
               true},
           Row{Method::udp, Answer::icmp_time_exceeded, kRouter, PortState::filtered, Passage::undetermined, true},
           Row{Method::udp, Answer::rst, kTarget, PortState::open_or_filtered, Passage::undetermined, false},
           Row{Method::udp, Answer::local_refusal, {}, PortState::filtered, Passage::undetermined, false},
           Row{Method::icmp, Answer::reply, kTarget, PortState::open, Passage::passed, true},
           Row{Method::icmp, Answer::silence, {}, PortState::filtered, Passage::undetermined, false},
           Row{Method::icmp, Answer::icmp_admin_prohibited, kRouter, PortState::filtered, Passage::blocked, true},
           Row{Method::icmp, Answer::icmp_port_unreachable, kTarget, PortState::filtered, Passage::blocked, true},
           Row{Method::icmp, Answer::icmp_host_unreachable, kRouter, PortState::filtered, Passage::undetermined,
               true},
           Row{Method::icmp, Answer::rst, kTarget, PortState::filtered, Passage::undetermined, false},
           Row{Method::icmp, Answer::no_neighbour, {}, PortState::filtered, Passage::undetermined, false},
       }) {
    CAPTURE(name(row.answer));
    CAPTURE(row.sender.has_value());
    Outcome outcome;
    outcome.target = kTarget;
    read_into(outcome, row.method, {row.answer, row.sender});
    CHECK(outcome.answer == row.answer);
    CHECK(name(outcome.state) == name(row.state));
    CHECK(name(outcome.passage) == name(row.passage));
    CHECK(outcome.answered_by == (row.names_sender ? row.sender : std::nullopt));
  }
}

TEST_CASE("a port-unreachable is the target's own only from its own address") {
  CHECK(error_sender(kTarget, kTarget) == ErrorSender::target);
  CHECK(error_sender(kRouter, kTarget) == ErrorSender::other);
  // By TCP no host sends one for itself: there it does not matter who did.
  for (const ErrorSender sender : {ErrorSender::target, ErrorSender::other})
    CHECK(reading(Method::syn, Answer::icmp_port_unreachable, sender).passage == Passage::blocked);
}

TEST_CASE("every answer has a row, and nothing that is not open or closed claims to have passed") {
  for (Method method : {Method::connect, Method::syn, Method::udp, Method::icmp}) {
    CHECK(readings(method).size() == static_cast<std::size_t>(Answer::local_refusal) + 1);
    for (const Reading& row : readings(method))
      if (row.state == PortState::filtered) CHECK(row.passage != Passage::passed);
  }
}

TEST_CASE("an ICMP error counts for whom it comes from") {
  struct Row {
    const char* what;
    Family family;
    std::uint8_t type, code;
    Address offender;
    bool ours;
    Address target;
    Answer answer;
    bool sender;
  };
  for (const Row& row : {
           Row{"a router prohibits", Family::ipv4, 3, 13, kRouter, false, kTarget, Answer::icmp_admin_prohibited,
               true},
           Row{"the target rejects as iptables does", Family::ipv4, 3, 3, kTarget, false, kTarget,
               Answer::icmp_port_unreachable, true},
           Row{"our own filter rejects", Family::ipv4, 3, 3, kOwn, true, kTarget, Answer::local_refusal, false},
           Row{"our own filter prohibits", Family::ipv4, 3, 13, kOwn, true, kTarget, Answer::local_refusal, false},
           Row{"our own kernel found no neighbour", Family::ipv4, 3, 1, kOwn, true, kTarget, Answer::no_neighbour,
               false},
           Row{"we scan ourselves and are refused", Family::ipv4, 3, 3, kOwn, true, kOwn,
               Answer::icmp_port_unreachable, true},
           Row{"a router knows no host", Family::ipv4, 3, 1, kRouter, false, kTarget, Answer::icmp_host_unreachable,
               true},
           Row{"an IPv6 router prohibits", Family::ipv6, 1, 1, kRouter6, false, kTarget6,
               Answer::icmp_admin_prohibited, true},
           Row{"an IPv6 neighbour is missing", Family::ipv6, 1, 3, *parse_address("2001:db8::99"), true, kTarget6,
               Answer::no_neighbour, false},
       }) {
    CAPTURE(row.what);
    Reply reply = reply_of_icmp(row.family, row.type, row.code, row.offender, row.ours, row.target);
    CHECK(name(reply.answer) == name(row.answer));
    CHECK(reply.sender.has_value() == row.sender);
  }
}
