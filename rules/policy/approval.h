// What the rule set approves, and when. A rule is in force from its last required approval to the end of the day it
// expires; what is approved at an instant is a set of packets: the rules in force and the exceptions in force, less
// what is forbidden and not lifted. (docs/semantics, section 1.)
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/net/flow.h"
#include "rules/policy/rule_set.h"
#include "rules/space/packet_set.h"

namespace demarc {

// --- A single rule
// ------------------------------------------------------------------------------------------------

struct ApprovalProblem {
  enum class Kind : std::uint8_t {
    role_missing,    // no approval for a required role
    role_twice,      // two approvals for one role: only the first counts
    person_unknown,  // not among `people`
    person_lacks_role,
    person_owns,     // belongs to the owning team, and the review policy forbids that
    in_future,       // dated after the instant we judge
    expiry_missing,  // an exception without `expires`
  };
  Kind kind = Kind::role_missing;
  std::string role, by;
  std::string sentence;
  Location where;
  bool is_missing() const { return kind == Kind::role_missing; }
  /// A second approval for a role is untidy, but takes nothing from the first.
  bool is_harmless() const { return kind == Kind::role_twice; }
};
std::string_view name(ApprovalProblem::Kind kind);

enum class RuleStatus : std::uint8_t { in_force, proposed, approval_missing, approval_invalid, not_yet, expired };
std::string_view name(RuleStatus status);  // "in force", "approval missing"

/// The state of a rule or an exception at an instant.
struct RuleState {
  RuleStatus status = RuleStatus::in_force;
  std::optional<Timestamp> from;   // the start of the day of the last required approval; none: always
  std::optional<Timestamp> until;  // the end of the day it expires; none: never
  std::vector<ApprovalProblem> problems;
  std::string words;  // "in force", "expired 2026-03-31", "approval missing: security", "proposed"
  bool in_force() const { return status == RuleStatus::in_force; }
};

/// Where the rule set names no people, nobody is unknown: roles and dates are still required.
RuleState state_of(const RuleSet& rules, const Rule& rule, Timestamp at);
RuleState state_of(const RuleSet& rules, const Exception& exception, Timestamp at);
/// The instants at which the set of what is in force changes, sorted. Between two of them every rule's status is
/// the same.
std::vector<Timestamp> epochs(const RuleSet& rules);
/// The last and the next day of review: the later of approvals and reviews, and what `review_by` or the interval
/// makes of it.
struct ReviewState {
  std::optional<Date> last;  // none: never
  std::optional<Date> due;   // none: cannot be said (no approval, no review, no review_by)
};
ReviewState review_of(const RuleSet& rules, const Rule& rule);

// --- As boxes
// -----------------------------------------------------------------------------------------------------

/// What initiators may send: the service's ports and types between `from` and `to`, ports of `related` included.
std::vector<Box> opening_boxes(const RuleSet& rules, const std::vector<std::uint32_t>& services,
                               const AddressSet& from, const AddressSet& to);
/// What responders may send back: ends swapped; TCP with ACK or RST; UDP and SCTP from the service's ports; ICMP
/// replies to queries; and, in either direction, the ICMP errors that may quote the conversation.
std::vector<Box> reply_boxes(const RuleSet& rules, const std::vector<std::uint32_t>& services,
                             const AddressSet& from, const AddressSet& to);

// --- The documented view at one instant
// ---------------------------------------------------------------------------

/// What the rule set says about one packet.
struct Judgement {
  bool approved = false;
  bool forbidden = false;  // an entry names it that neither an exception nor an excepted rule takes out
  std::vector<std::uint32_t> approved_by;  // rules in force that match it and that no forbidden entry cuts
  std::vector<std::uint32_t> approved_by_exception;
  std::vector<std::uint32_t> overruled;     // rules in force that match it, cut by a forbidden entry
  std::vector<std::uint32_t> not_in_force;  // rules that match it but are not in force
  std::vector<std::uint32_t> exceptions_not_in_force;
  std::vector<std::uint32_t> forbidden_by;      // entries in effect for it
  std::vector<std::uint32_t> forbidden_lifted;  // entries that name it and are lifted or except its rule
};

/// The rule that nearly approves a packet, and what stands between.
struct NearestRule {
  std::uint32_t rule = 0;   // into RuleSet::rules
  std::string why;          // "WEB-001 approves tcp/443, not tcp/8443", "WEB-001 expired 2026-03-31"
  bool only_state = false;  // it matches in everything and is only not in force
};

/// Ports that the same services answer on: they are judged alike, at every instant.
struct PortClass {
  std::uint32_t number = 0;
  bool by_source_port = false;  // some of these services fix the source port: then it counts as well
};

/// Built for one instant. The rule set and the space must outlive it. Look-ups by packet go through an index and do
/// not touch the diagrams; sets are made when first asked for. Not for several threads at once. A source port 0 in
/// a question means that it is not known: it is not held against a rule. An ICMP type without a code means code 0.
class Documented {
 public:
  Documented(const RuleSet& rules, PacketSpace& space, Timestamp at);
  ~Documented();
  Documented(Documented&&) noexcept;
  Documented& operator=(Documented&&) noexcept;

  const RuleSet& rules() const;
  Timestamp at() const;
  PacketSpace& space() const;

  const RuleState& state(std::uint32_t rule) const;
  const RuleState& exception_state(std::uint32_t exception) const;

  // Sets.
  const PacketSet& approved() const;
  const PacketSet& forbidden() const;  // union of the entries in effect; disjoint from approved()
  const PacketSet& replies() const;    // reply sets of everything in force
  const PacketSet& opening_set(std::uint32_t rule) const;  // whatever its state
  const PacketSet& reply_set(std::uint32_t rule) const;
  const PacketSet& exception_set(std::uint32_t exception) const;
  const PacketSet& forbidden_set(std::uint32_t entry) const;        // as written
  const PacketSet& forbidden_in_effect(std::uint32_t entry) const;  // less what is lifted or excepted

  // Packets. References stay valid until the next call.
  const Judgement& judge(const Packet& packet) const;
  bool approves(const Packet& packet) const { return judge(packet).approved; }
  std::optional<NearestRule> nearest(const Packet& packet) const;
  /// For ICMP the number is type << 8 | code. The same at every instant.
  PortClass port_class(Protocol protocol, std::uint16_t number) const;

  /// Ports (for ICMP: type << 8 | code) that are approved from one address to another; of `from any source port`.
  const PortSet& approved_ports(const Address& source, const Address& destination, Protocol protocol) const;
  const PortSet& forbidden_ports(const Address& source, const Address& destination, Protocol protocol) const;

 private:
  class Index;
  struct Sets;
  std::unique_ptr<Index> index_;
  std::unique_ptr<Sets> sets_;
};

}  // namespace demarc
