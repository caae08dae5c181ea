// What the steps of a judgement share: the evidence in order, what is documented when, and the findings in the
// making. Internal to this folder; reconcile.cpp runs the steps.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "rules/policy/approval.h"
#include "rules/policy/translation.h"
#include "rules/verdict/address_hash.h"
#include "rules/verdict/answers.h"
#include "rules/verdict/draft.h"
#include "rules/verdict/given_configuration.h"
#include "rules/verdict/reconcile.h"
#include "rules/verdict/service_names.h"
#include "rules/verdict/slices.h"
#include "rules/verdict/trust.h"

namespace demarc {

/// The documented view at any instant. Between two epochs nothing changes, so each epoch is prepared once; only the
/// last few stay in memory.
class DocumentedOverTime {
 public:
  explicit DocumentedOverTime(const RuleSet& rules);
  const Documented& at(Timestamp time);
  std::size_t epoch_of(Timestamp time) const;
  static constexpr std::size_t kKeptMax = 6;

 private:
  struct Prepared {
    std::size_t epoch = 0;
    std::uint64_t used = 0;
    std::unique_ptr<PacketSpace> space;
    std::unique_ptr<Documented> documented;
  };
  const RuleSet* rules_;
  std::vector<Timestamp> epochs_;
  std::vector<Prepared> prepared_;
  std::uint64_t clock_ = 0;
};

/// What the views say about one rule, filled as they are read.
struct RuleFacts {
  std::vector<std::uint16_t> open, closed, blocked, unproven;  // standpoints, sorted
  std::vector<std::uint16_t> arrived;    // a witness saw the probe arrive; nothing answered, and nothing has to
  std::vector<std::uint16_t> witnessed;  // a witness said something, whatever it was
  std::uint64_t conversations = 0;       // established, or datagrams of a one-way service
  std::uint64_t announced = 0;           // of these, those that a conversation of the rule announced
  std::vector<RelatedBy> announced_by;   // sorted
  std::optional<Timestamp> last_use;
  std::vector<std::string> findings;  // ids
  static void mark(std::vector<std::uint16_t>& list, std::uint16_t standpoint);
  bool probed() const { return !open.empty() || !closed.empty() || !blocked.empty() || !arrived.empty(); }
};

/// One (zone, zone, service of the rule set) of the matrix.
struct CellFacts {
  bool reachable = false, observed = false, asked = false;
};

/// What was asked of one address from one standpoint, clearly answered or proven silent.
struct AskKey {
  std::uint16_t standpoint = 0;
  Protocol protocol;
  Address real;
  auto operator<=>(const AskKey&) const = default;
};
struct AskKeyHash {
  std::size_t operator()(const AskKey& k) const noexcept {
    return std::hash<Address>()(k.real) ^ (std::size_t{k.standpoint} * 0x9E3779B97F4A7C15ULL) ^
           (std::size_t{k.protocol.number()} << 20);
  }
};
struct Asked {
  std::vector<PortRange> clear;         // decided
  std::vector<PortRange> mute;          // asked over UDP and silent: nothing is decided
  std::vector<PortRange> unclear;       // asked, and in doubt
  std::vector<PortRange> undetermined;  // whose passage is not known
  std::vector<PortRange> unwitnessed;   // no witness says whether the probes arrived
  std::uint64_t answered = 0;
};

/// What the unanswered packets of one finding add up to.
struct NoiseTally {
  explicit NoiseTally(const AddressHash& hash) : by_initiator(0, hash) {}
  struct Scan {
    explicit Scan(const AddressHash& hash) : responders(0, hash) {}
    std::uint64_t attempts = 0;
    std::map<Protocol, std::vector<PortRange>> ports;  // in any order, repeated
    boost::unordered_flat_set<Address, AddressHash> responders;
    std::uint64_t responders_more = 0;  // that no record names
    bool ports_cut = false;             // there were more than are kept
    void add_ports(Protocol protocol, PortRange range);
  };
  struct Flood {
    std::uint64_t attempts = 0, initiators = 0;
  };
  std::uint64_t attempts = 0, backscatter = 0;
  boost::unordered_flat_map<Address, std::uint64_t, AddressHash> by_initiator;
  std::uint64_t initiators_more = 0;  // that no record names
  std::map<Address, Scan> scans;      // by initiator
  std::map<FiveTuple, Flood> floods;  // by what was flooded; the initiator is empty
};

/// A gap in the evidence on its way to a finding.
struct Gap {
  std::string title, cause, remedy;
  std::string from_zone, to_zone, target;
  std::optional<Protocol> protocol;
  std::vector<std::string> vantages;
  std::string source;  // sensor or file
};

class ConfiguredView;

struct Judging {
  Judging(const RuleSet& rule_set, const Snapshot& evidence, const JudgeOptions& judge_options);

  const RuleSet& rules;
  const Snapshot& snapshot;
  const JudgeOptions& options;
  Trust trust;
  ServiceNames names;
  Translator translator;
  DocumentedOverTime documented;
  Verdict verdict;

  std::optional<Timestamp> stale_before;
  Reachable reachable;
  std::unordered_set<Address> alive;  // real addresses that answered something, from anywhere
  std::unordered_map<AskKey, Asked, AskKeyHash> asked;
  UsualTtls ttls;                                            // by standpoint
  std::vector<std::uint32_t> run_file_rank, flow_file_rank;  // places of files in the sorted list of names
  std::vector<std::uint32_t> flow_order;                     // flow evidence by file name, each content once
  std::vector<RuleFacts> facts;                              // by rule
  std::unordered_map<std::uint64_t, CellFacts> cells;
  std::unordered_set<std::string> cited_rules;  // not in force, and named as the cause of another finding
  std::shared_ptr<ConfiguredView> configured;   // none: no configuration was given
  Drafts drafts;
  std::unordered_map<DraftKey, NoiseTally, DraftKeyHash> noise;  // of the drafts that are noise

  void add_gap(Gap gap);
  void note(std::string text);
  CellFacts& cell(ZoneIndex from, ZoneIndex to, std::uint32_t service);
  Severity undocumented_severity(ZoneIndex from, ZoneIndex to, Protocol protocol, const PortSet& ports) const;
  std::string address_name(const Address& address) const;  // the rule set's name, or the address
};

/// "web1, web2 and 14 more".
std::string list_some(const std::vector<std::string>& names, std::size_t shown = 6);

/// The most severe entry that forbids, the first of equals.
std::optional<std::uint32_t> worst_forbidden(const RuleSet& rules, const std::vector<std::uint32_t>& entries);
bool service_has(const Service& service, Protocol protocol, std::uint16_t number);
PortSet service_ports(const Service& service, Protocol protocol);
/// Of ICMP types those that can be asked, as type << 8 | code: an error message answers something else.
PortSet icmp_queries(const std::vector<IcmpType>& types, Family family);

/// Indices of the flow evidence, sorted by file name; what was given twice stands once.
std::vector<std::uint32_t> distinct_flows(const Snapshot& snapshot);

// The steps, in their order. Each reads what the earlier ones left.
void judge_exposure(Judging& j);   // exposure.cpp: what answers, and what should and does not
void judge_flows(Judging& j);      // flows.cpp: what is used
void judge_configured(Judging& j,  // configured.cpp: what filters let through
                      std::span<const GivenConfiguration> configurations);
void judge_use(Judging& j);            // use.cpp: what is not used, and what sensors did not see
void judge_coverage(Judging& j);       // coverage.cpp: what was not asked
void write_drafts(Judging& j);         // words.cpp: drafts become findings
void judge_documentation(Judging& j);  // documentation.cpp: lint, and accepted findings
void draw_matrix(Judging& j);          // matrix.cpp
void list_rules(Judging& j);           // matrix.cpp: one row a rule
void list_lines(Judging& j);           // configured_devices.cpp: one row a line of a configuration

}  // namespace demarc
