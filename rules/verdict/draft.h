// Findings in the making. A million outcomes or conversations become drafts that hold numbers only; names and
// sentences are made once, at the end, for what is left after grouping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "rules/net/flow.h"
#include "rules/verdict/finding.h"
#include "rules/verdict/service_names.h"
#include "rules/verdict/trust.h"

namespace demarc {

/// Why something is undocumented.
enum class Cause : std::uint8_t {
  none,
  no_rule,
  rule_not_in_force,
  exception_not_in_force,
  expected_blocked,
  host_unknown,
  outside_related,  // announced by an approved conversation, on a port that its service does not allow for that
  not_announcing    // announced by a conversation that is approved for a service which announces nothing
};

/// What a finding points to in the rule set.
struct RuleRef {
  enum class Kind : std::uint8_t { none, rule, exception, forbidden } kind = Kind::none;
  std::uint32_t index = 0;
  auto operator<=>(const RuleRef&) const = default;
};

struct DraftKey {
  FindingKind kind = FindingKind::not_measured;
  ZoneIndex from = kNoZone, to = kNoZone;
  RuleRef rule;
  Cause cause = Cause::none;
  Protocol protocol;
  ServiceNameIndex service = kNoServiceName;
  bool has_initiator = false, has_target = false;
  bool scan = false;  // many unanswered questions of one initiator: ports and targets are counted, not listed
  bool many = false;  // towards addresses that no record names
  Address initiator, target;
  auto operator<=>(const DraftKey&) const = default;
};
struct DraftKeyHash {
  std::size_t operator()(const DraftKey& k) const noexcept;
};

/// A place in the evidence; the smallest one of a draft is shown, so that the order of files does not matter.
struct EvidencePlace {
  enum class View : std::uint8_t { probe, flow, noise } view = View::probe;
  std::uint32_t file = 0;  // rank of the file's name, see Judging::file_names
  std::uint32_t record = 0;
  std::uint32_t owner = 0;  // run or flow evidence
  std::uint32_t index = 0;  // outcome, flow or noise in it
  auto operator<=>(const EvidencePlace&) const = default;
};

struct Draft {
  std::vector<PortRange> ports;  // for ICMP: type << 8 | code
  std::vector<std::uint16_t> vantages;
  std::vector<EvidencePlace> places;      // the smallest few of each view
  std::vector<Address> sources, targets;  // the smallest few, for people
  std::size_t sources_more = 0,
              targets_more = 0;  // how many were not kept; an upper bound where the same one came again
  std::optional<Packet> sample;
  std::string detail;  // what else the title needs: what spoke instead, who refused
  std::uint64_t records = 0, conversations = 0, established = 0;
  std::uint64_t announced = 0;      // conversations that those of this draft announced
  std::vector<std::string> spoken;  // what was recognised there, sorted, the first few
  bool uncertain_direction = false, beyond_filter = false;

  static constexpr std::size_t kPlacesMax = 5;
  static constexpr std::size_t kNamesMax = 6;
  void add_port(PortRange range);
  void add_vantage(std::uint16_t vantage);
  void add_place(const EvidencePlace& place);
  static void add_address(std::vector<Address>& kept, std::size_t& more, const Address& address);
  void add_sample(const Packet& packet);
  void add_spoken(const std::string& name);
  void merge(const Draft& other);
  PortSet port_set() const { return PortSet::of(ports); }
};

class Drafts {
 public:
  Draft& at(const DraftKey& key) { return all_[key]; }
  /// Where one target has drafts of that kind for more than `services_max` services (and the same cause), they
  /// become one: a filter that lets everything through is one mistake.
  void join_services(FindingKind kind, std::size_t services_max);
  /// In the order of keys. Where one kind between two zones concerns more than `targets_max` targets, they become
  /// one draft without a target: a list that long is nobody's finding.
  std::vector<std::pair<DraftKey, Draft>> take(std::size_t targets_max);

 private:
  std::unordered_map<DraftKey, Draft, DraftKeyHash> all_;
};

}  // namespace demarc
