// What to ask from one vantage point: the rule set's coverage, cut down to the authorised scope, turned into the
// addresses that the vantage point really sees, as a list of targets with ports and as a random order over all of
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "rules/net/icmp.h"
#include "rules/net/port.h"
#include "rules/net/protocol.h"
#include "rules/plan/order.h"
#include "rules/policy/rule_set.h"
#include "rules/policy/scope.h"
#include "rules/text/result.h"

namespace demarc {

/// One address to ask, and what.
struct PlanTarget {
  Target target;     // the address probed: as seen from the vantage point
  Address real;      // the host's own address; the same unless a translation stands between. Where one address is
                     // the face of several hosts, the first of them: Translator::real_of() knows each port's
  std::string name;  // "web1.front", or empty
  PortSet tcp;       // asked by connect
  PortSet udp;       // required by coverage, not measurable by connect
  std::vector<IcmpType> icmp;  // likewise
  PortSet silent;              // of `tcp`: no application bytes there (printers, OT, care)
  Care care() const { return target.care(); }
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
  std::optional<PortSet> tcp, udp;  // -p: instead of the coverage
  std::vector<Prefix> targets;      // only these of the scope; addresses named here are asked even where unroutable
  std::vector<Prefix> exclude;      // --exclude, beside the scope's own
  std::vector<Address> known;   // addresses known from evidence: they stand for IPv6 prefixes nobody can enumerate
  std::uint32_t rate = 0;       // --rate
  std::uint32_t processes = 1;  // vantage points at work together x shards: they divide the rate
  std::uint32_t tries = 2;
};

struct ScanPlan {
  std::string vantage, zone;
  std::optional<Address> vantage_address;
  std::vector<PlanTarget> targets;  // sorted by probed address, each once
  std::vector<PlanCanary> canaries;
  std::vector<Unroutable> unroutable;  // sorted
  std::vector<std::string> notes;      // what was left out and why, in sentences
  RateShare rate;
  std::uint64_t tcp_probes = 0;    // target x port, each counted once
  std::uint64_t udp_required = 0;  // what coverage requires and connect cannot ask
  std::uint64_t icmp_required = 0;
  std::uint64_t states_max = 0;  // half-open connections at a time, at most
  double seconds_min = 0;        // if everything answers at once
  double seconds_max = 0;        // if everything is silent and every try is made
  std::string rules_sha256, scope_sha256;
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

/// One probe.
struct WorkItem {
  std::uint32_t target = 0;  // into ScanPlan::targets
  Protocol protocol = Protocol::tcp;
  Port port{};
  auto operator<=>(const WorkItem&) const = default;
};

/// All TCP probes of a plan in a random order that the seed alone decides; shard i of n takes every n-th. The plan
/// must outlive it. A few bytes a range, whatever the number of probes.
class WorkOrder {
 public:
  /// `shard` counts from 1.
  WorkOrder(const ScanPlan& plan, std::uint64_t seed, std::uint32_t shard = 1, std::uint32_t shards = 1);

  /// Probes of this shard, and of all.
  std::uint64_t size() const { return size_; }
  std::uint64_t total() const { return order_.size(); }
  /// The probe at a position of this shard's order; position < size().
  WorkItem at(std::uint64_t position) const { return item(order_.at(position * shards_ + shard_ - 1)); }

  /// Every probe of the plan has a number below total(), in the order of targets and ports: the index of bitmaps
  /// for resuming. number() of a port that is not in the plan is nullopt.
  std::optional<std::uint64_t> number(std::uint32_t target, Port port) const;
  WorkItem item(std::uint64_t number) const;
  /// Whether the probe with that number is this shard's, and where in its order it comes.
  std::optional<std::uint64_t> position_of(std::uint64_t number) const;
  /// The target that probes this address.
  std::optional<std::uint32_t> find(const Address& probed) const;

 private:
  const ScanPlan* plan_;
  std::uint32_t shard_, shards_;
  std::vector<std::uint64_t> target_starts_;  // the number of the first probe of each target, and the total
  Permutation order_;
  std::uint64_t size_ = 0;
  std::unordered_map<Address, std::uint32_t> by_address_;
};

}  // namespace demarc
