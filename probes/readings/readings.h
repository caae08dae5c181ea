// What an answer says about the port, and about the filter in front of it. An answer is kept as it came and its
// reading stands beside it: the same answer means different things to a tool that saw the packet (SYN, UDP, ICMP)
// and to one that only saw what its kernel made of it (connect).
#pragma once

#include <optional>
#include <span>

#include "rules/evidence/outcome.h"

namespace demarc {

/// One row: this answer, read this way.
struct Reading {
  Answer answer;
  PortState state;
  Passage passage;
  bool names_sender;  // answered_by may be filled from the packet's source
};

/// How the question was put.
enum class Method : std::uint8_t { connect, syn, udp, icmp };

/// Who an ICMP error about a probe came from. The host that was asked may refuse for itself; anybody else on the
/// way refuses for a filter.
enum class ErrorSender : std::uint8_t { target, other };
ErrorSender error_sender(const Address& sender, const Address& target);

/// Every answer has a row. Those of ICMP errors are of the target's own; reading() knows where it matters who sent
/// it.
std::span<const Reading> readings(Method method);
const Reading& reading(Method method, Answer answer, ErrorSender sender = ErrorSender::target);

/// What came back to one probe, before it is read.
struct Reply {
  Answer answer = Answer::silence;
  std::optional<Address> sender;  // of the ICMP error; of the segment by SYN
};

/// An ICMP error as the answer to a probe of `target`. An offender that is one of our own addresses never left this
/// machine: its own filter refused (`local_refusal`), or it found no neighbour (`no_neighbour`: the kernel tells
/// its own sockets so by a host-unreachable of its own). Only where the target is this machine, an error from the
/// target counts as the target's.
Reply reply_of_icmp(Family family, std::uint8_t type, std::uint8_t code, const Address& offender,
                    bool offender_is_ours, const Address& target);

/// Writes answer, state, passage and sender into an outcome whose target is set: a port-unreachable is `closed`
/// from the target and a filter's refusal from anybody else. A reset is read as the target's own; whoever finds by
/// its TTL that it is not, says so afterwards.
void read_into(Outcome& outcome, Method method, const Reply& reply);

}  // namespace demarc
