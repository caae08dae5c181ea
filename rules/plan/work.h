// What to ask from one vantage point: the rule set's coverage, cut down to the authorised scope, turned into the
// addresses that the vantage point really sees, as a list of targets with ports and as a random order over all of
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rules/net/icmp.h"
#include "rules/net/port.h"
#include "rules/net/protocol.h"
#include "rules/plan/order.h"
#include "rules/policy/rule_set.h"
#include "rules/policy/scope.h"
#include "rules/text/result.h"

namespace demarc {

/// What an engine can ask at all: `connect` asks TCP, the raw engine whatever it is told to.
struct Asks {
  bool tcp = true, udp = false, icmp = false;
  auto operator<=>(const Asks&) const = default;
};

/// One address to ask, and what. What is listed is what the plan wants; ScanPlan::asks says what of it is asked.
struct PlanTarget {
  PlanTarget(const Target& probed, const Address& real_host, std::string host_name)
      : target(probed), real(real_host), name(std::move(host_name)) {}
  Target target;     // the address probed: as seen from the vantage point
  Address real;      // the host's own address; the same unless a translation stands between. Where one address is
                     // the face of several hosts, the first of them: Translator::real_of() knows each port's
  std::string name;  // "web1.front", or empty
  PortSet tcp, udp;
  std::vector<IcmpType> icmp;           // queries, sorted, each with code 0
  std::vector<IcmpType> icmp_required;  // required by coverage, and no query: errors, replies, announcements
  PortSet silent;                       // of `tcp`: no application bytes there (printers, OT, care)
  PortSet silent_udp;                   // of `udp`: asked with an empty datagram, for the same reason
  std::uint32_t path = 0;               // into ScanPlan::paths
  /// With corners, the pieces of the port axis: one port of `tcp` (or `udp`) lies in each and stands for it.
  /// Targets of the same kind share them; null without corners.
  std::shared_ptr<const std::vector<PortRange>> tcp_pieces, udp_pieces;
  /// What the probe of a port stands for: the port alone, or its piece. Not what it proves: that is the port alone.
  PortRange stands_for(Protocol protocol, Port port) const;
  Care care() const { return target.care(); }
  bool empty() const { return tcp.empty() && udp.empty() && icmp.empty() && icmp_required.empty(); }
};

/// A host of the scope that this vantage point has no way to address.
struct Unroutable {
  Address real;
  std::string name, why;
};

/// A canary that may be asked: inside the scope.
struct PlanCanary {
  Target target;
  Port port;
  std::string name;
};

/// What the command line changes. What is empty or absent is as the rule set says.
struct PlanOptions {
  std::optional<PortSet> tcp, udp;            // -p: instead of the coverage
  std::optional<std::vector<IcmpType>> icmp;  // of both families; each target is asked those of its own
  std::vector<Prefix> targets;  // only these of the scope; addresses named here are asked even where unroutable
  std::vector<Prefix> exclude;  // --exclude, beside the scope's own
  std::vector<Address> known;   // addresses known from evidence: they stand for IPv6 prefixes nobody can enumerate
  std::uint32_t rate = 0;       // --rate
  std::uint32_t processes = 1;  // vantage points at work together x shards: they divide the rate
  std::uint32_t tries = 2;
  Asks asks;
  bool corners = false;           // one port of each piece (corners.h) instead of all that coverage requires
  std::vector<PortSet> further;   // with corners: further documents, each a set of ports that it treats alike
  std::uint64_t corner_seed = 0;  // another one asks other ports of the same pieces
};

/// Targets behind the same filters, as the rule set's paths tell: the states that a scan makes in them, and the cap
/// on these, are theirs together. Where no path is declared, one filter is assumed for all.
struct PlanPath {
  std::string name;  // "internet to dmz, database by fw1"
  std::uint64_t targets = 0, probes = 0;
  /// New states, at most: every probe is let by and answered; the same where all of them stay silent and every try
  /// makes a state of its own.
  std::uint64_t states = 0, states_silent = 0;
  std::uint64_t states_peak = 0;  // at a time, at most
  std::uint64_t sweep_probes = 0;
};

struct ScanPlan {
  std::string vantage, zone;
  std::optional<Address> vantage_address;
  std::vector<PlanTarget> targets;  // sorted by probed address, each once
  std::vector<PlanCanary> canaries;
  std::vector<Unroutable> unroutable;  // sorted
  std::vector<std::string> notes;      // what was left out and why, in sentences
  Asks asks;
  std::uint32_t tries = 1;
  RateShare rate;
  // Target x port (or ICMP query), each counted once; 0 of what is not asked.
  std::uint64_t tcp_probes = 0, udp_probes = 0, icmp_probes = 0;
  std::uint64_t udp_required = 0;   // UDP ports required, whether they are asked or not
  std::uint64_t icmp_required = 0;  // ICMP types required, likewise, those that nobody can ask among them
  std::vector<PlanPath> paths;
  std::uint64_t states_max = 0;  // in one filter at a time, at most
  double seconds_min = 0;        // if everything answers at once
  double seconds_max = 0;        // if everything is silent and every try is made
  // With corners.
  bool corners = false;
  std::uint64_t sweep_probes = 0;  // for every port of every piece
  double sweep_seconds_min = 0, sweep_seconds_max = 0;
  std::uint64_t unmet = 0;  // ports that coverage requires and for which another one stands: not measured
  std::string rules_sha256, scope_sha256;

  std::uint64_t probes() const { return tcp_probes + udp_probes + icmp_probes; }
  /// Makes the counts and estimates again, after targets, rate, tries or `asks` were changed in place.
  void estimate();
  /// The plan as canonical text, and its hash: `plan_sha256` of a journal. The seed, the rate and the shard are no
  /// part of it.
  std::string text() const;
  std::string sha256() const;
};

/// The plan of one vantage point of the rule set.
Result<ScanPlan> plan_scan(const RuleSet& rules, const Scope& scope, const Vantage& vantage,
                           const PlanOptions& options = {});
/// Without a rule set: the scope's targets and the given ports (default: the catalogue's TCP ports).
Result<ScanPlan> plan_scan(const Scope& scope, const PlanOptions& options);

/// The ICMP types that can be asked: echo, timestamp and address mask (RFC 792, RFC 950), ICMPv6 echo (RFC 4443).
/// Everything else is an error, an answer or an announcement, and a probe of it would be a forgery.
bool can_be_asked(Family family, IcmpType type);

/// One probe: a port, or an ICMP query (then `port` is 0).
struct WorkItem {
  std::uint32_t target = 0;  // into ScanPlan::targets
  Protocol protocol = Protocol::tcp;
  Port port{};
  IcmpType icmp{};
  auto operator<=>(const WorkItem&) const = default;
};

/// All probes of a plan in a random order that the seed alone decides; shard i of n takes every n-th. The plan must
/// outlive it. A few bytes a target, whatever the number of probes: targets with the same ports share their table.
class WorkOrder {
 public:
  /// `shard` counts from 1. What `asks` leaves out has no number: the numbers of the others stay dense.
  WorkOrder(const ScanPlan& plan, std::uint64_t seed, std::uint32_t shard, std::uint32_t shards, Asks asks);
  /// What the plan asks.
  explicit WorkOrder(const ScanPlan& plan, std::uint64_t seed, std::uint32_t shard = 1, std::uint32_t shards = 1)
      : WorkOrder(plan, seed, shard, shards, plan.asks) {}

  /// Probes of this shard, and of all.
  std::uint64_t size() const { return size_; }
  std::uint64_t total() const { return order_.size(); }
  /// The probe at a position of this shard's order; position < size().
  WorkItem at(std::uint64_t position) const { return item(number_at(position)); }
  /// Its number: the index of bitmaps.
  std::uint64_t number_at(std::uint64_t position) const { return order_.at(position * shards_ + shard_ - 1); }

  /// Every probe of the plan has a number below total(), in the order of targets, and at each TCP ports, UDP ports,
  /// ICMP queries: the index of bitmaps for resuming. What is not in the plan, or not asked, has none. ICMP queries
  /// are asked with code 0, so "every code" means that one.
  std::optional<std::uint64_t> number(std::uint32_t target, Protocol protocol, Port port) const;
  std::optional<std::uint64_t> number(std::uint32_t target, IcmpType icmp) const;
  std::optional<std::uint64_t> number(const WorkItem& item) const {
    return item.protocol.is_icmp() ? number(item.target, item.icmp) : number(item.target, item.protocol, item.port);
  }
  WorkItem item(std::uint64_t number) const;
  /// Whether the probe with that number is this shard's, and where in its order it comes.
  std::optional<std::uint64_t> position_of(std::uint64_t number) const;
  /// The target that probes this address.
  std::optional<std::uint32_t> find(const Address& probed) const;

 private:
  /// Consecutive ports, or one ICMP type.
  struct Run {
    std::uint32_t start = 0;  // of its first probe, within the target
    std::uint16_t first = 0;
    Protocol protocol;
    auto key() const { return std::pair(protocol_rank(protocol), first); }
  };
  using Shape = std::vector<Run>;  // sorted by start and by key
  static int protocol_rank(Protocol p) { return p == Protocol::tcp ? 0 : p == Protocol::udp ? 1 : 2; }
  static std::uint32_t shape_of(const PlanTarget& target, Asks asks, Shape& shape);
  std::uint64_t lay_out(Asks asks);
  std::optional<std::uint64_t> number(std::uint32_t target, int rank, std::uint16_t value) const;

  const ScanPlan* plan_;
  std::uint32_t shard_, shards_;
  std::vector<std::uint64_t> target_starts_;  // the number of the first probe of each target, and the total
  std::vector<std::uint32_t> target_shapes_;
  std::vector<Shape> shapes_;
  std::vector<std::uint32_t> hints_;  // the target of number i << hint_shift_
  unsigned hint_shift_ = 0;
  Permutation order_;
  std::uint64_t size_ = 0;
  std::unordered_map<Address, std::uint32_t> by_address_;
};

}  // namespace demarc
