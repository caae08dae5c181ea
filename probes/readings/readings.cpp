#include "probes/readings/readings.h"

#include <array>
#include <cassert>

namespace demarc {

namespace {

constexpr std::size_t kAnswers = static_cast<std::size_t>(Answer::local_refusal) + 1;

// By connect we never see the packet. The rows stand in the order of Answer.
constexpr std::array<Reading, kAnswers> kConnectReadings{{
    // A filter that completes handshakes in the target's name (SYN proxy) is found by other means:
    // answers_everything.
    {Answer::syn_ack, PortState::open, Passage::passed, false},  // RFC 9293 §3.5
    // §3.10.7.1 says the target refused, but a filter may forge exactly this and the kernel does not say who sent
    // it.
    {Answer::rst, PortState::closed, Passage::undetermined, false},
    {Answer::reply, PortState::open, Passage::passed, true},
    {Answer::silence, PortState::filtered, Passage::undetermined, false},  // loss looks like a drop
    // "No route" and "host is down" are a router's trouble, not a filter's decision (RFC 1812 §5.2.7.1).
    {Answer::icmp_network_unreachable, PortState::filtered, Passage::undetermined, true},
    {Answer::icmp_host_unreachable, PortState::filtered, Passage::undetermined, true},
    // A TCP stack answers a TCP segment with TCP. Protocol and port unreachable for one come from filters:
    // iptables -j REJECT without a type sends the latter.
    {Answer::icmp_protocol_unreachable, PortState::filtered, Passage::blocked, true},
    {Answer::icmp_port_unreachable, PortState::filtered, Passage::blocked, true},
    {Answer::icmp_network_prohibited, PortState::filtered, Passage::blocked, true},
    {Answer::icmp_host_prohibited, PortState::filtered, Passage::blocked, true},
    {Answer::icmp_admin_prohibited, PortState::filtered, Passage::blocked, true},
    {Answer::icmp_time_exceeded, PortState::filtered, Passage::undetermined, true},  // a loop, or a TTL too small
    {Answer::icmp_parameter_problem, PortState::filtered, Passage::undetermined, true},
    {Answer::icmp_packet_too_big, PortState::filtered, Passage::undetermined, true},
    {Answer::icmp_other, PortState::filtered, Passage::undetermined, true},
    // Nothing left this machine, or nothing reached the next one: no word about the filter.
    {Answer::no_neighbour, PortState::filtered, Passage::undetermined, false},
    {Answer::local_refusal, PortState::filtered, Passage::undetermined, false},
}};

// A SYN probe sees the segment with its source, TTL and timing. The reset still has to be told from a forged one by
// those; the reading is what it says if it is genuine.
constexpr std::array<Reading, kAnswers> kSynReadings = [] {
  std::array<Reading, kAnswers> rows = kConnectReadings;
  rows[static_cast<std::size_t>(Answer::syn_ack)].names_sender = true;
  Reading& rst = rows[static_cast<std::size_t>(Answer::rst)];
  rst.passage = Passage::passed;
  rst.names_sender = true;
  return rows;
}();

// Of a datagram we see everything that comes back, and mostly nothing does.
constexpr std::array<Reading, kAnswers> kUdpReadings = [] {
  std::array<Reading, kAnswers> rows = kConnectReadings;
  const auto set = [&rows](Reading row) { rows[static_cast<std::size_t>(row.answer)] = row; };
  // A segment is no answer to a datagram; whatever brought it says nothing about this port.
  set({Answer::syn_ack, PortState::open_or_filtered, Passage::undetermined, false});
  set({Answer::rst, PortState::open_or_filtered, Passage::undetermined, false});
  set({Answer::reply, PortState::open, Passage::passed, true});
  // A server that dislikes the payload is as silent as a filter (RFC 768 asks for no answer).
  set({Answer::silence, PortState::open_or_filtered, Passage::undetermined, false});
  // RFC 1122 §3.2.2.1: a host SHOULD say that nobody listens, and for that the datagram has to reach it. From
  // anybody else it is a filter's (kUdpRefusedForTarget).
  set({Answer::icmp_port_unreachable, PortState::closed, Passage::passed, true});
  return rows;
}();
constexpr Reading kUdpRefusedForTarget{Answer::icmp_port_unreachable, PortState::filtered, Passage::blocked, true};

// A query has no port: open means that it is answered. What refuses it is a filter, the host's own among them,
// because a host answers echo or keeps silent (RFC 1122 §3.2.2.6).
constexpr std::array<Reading, kAnswers> kIcmpReadings = [] {
  std::array<Reading, kAnswers> rows = kConnectReadings;
  const auto set = [&rows](Reading row) { rows[static_cast<std::size_t>(row.answer)] = row; };
  set({Answer::syn_ack, PortState::filtered, Passage::undetermined, false});
  set({Answer::rst, PortState::filtered, Passage::undetermined, false});
  return rows;
}();

constexpr bool in_order(const std::array<Reading, kAnswers>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (static_cast<std::size_t>(rows[i].answer) != i) return false;
  return true;
}
static_assert(in_order(kConnectReadings) && in_order(kSynReadings) && in_order(kUdpReadings) &&
              in_order(kIcmpReadings));

}  // namespace

std::span<const Reading> readings(Method method) {
  switch (method) {
    case Method::connect: return kConnectReadings;
    case Method::syn: return kSynReadings;
    case Method::udp: return kUdpReadings;
    case Method::icmp: return kIcmpReadings;
  }
  return kConnectReadings;
}

ErrorSender error_sender(const Address& sender, const Address& target) {
  return sender == target ? ErrorSender::target : ErrorSender::other;
}

const Reading& reading(Method method, Answer answer, ErrorSender sender) {
  std::size_t row = static_cast<std::size_t>(answer);
  assert(row < kAnswers);
  if (method == Method::udp && answer == Answer::icmp_port_unreachable && sender == ErrorSender::other)
    return kUdpRefusedForTarget;
  return readings(method)[row];
}

Reply reply_of_icmp(Family family, std::uint8_t type, std::uint8_t code, const Address& offender,
                    bool offender_is_ours, const Address& target) {
  Answer answer = icmp_answer(family, type, code);
  if (offender_is_ours && offender != target)
    return {answer == Answer::icmp_host_unreachable ? Answer::no_neighbour : Answer::local_refusal, std::nullopt};
  return {answer, offender};
}

void read_into(Outcome& outcome, Method method, const Reply& reply) {
  // An error without a sender cannot be pinned on the target.
  const ErrorSender sender = reply.sender ? error_sender(*reply.sender, outcome.target) : ErrorSender::other;
  const Reading& row = reading(method, reply.answer, sender);
  outcome.answer = row.answer;
  outcome.state = row.state;
  outcome.passage = row.passage;
  outcome.answered_by = row.names_sender ? reply.sender : std::nullopt;
}

}  // namespace demarc
