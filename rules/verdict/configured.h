// The configured view inside a judgement: what the filters between two zones let through, compared with what is
// approved, with what probes proved and with what conversations show. README.md says by which rules.
//
// Everything is compared as sets of packets that open a conversation: a SYN alone, the first datagram, state new.
// Replies are looked at where a device has no state. Internal to this folder.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "rules/policy/approval.h"
#include "rules/verdict/anomalies.h"
#include "rules/verdict/configured_path.h"
#include "rules/verdict/trust.h"

namespace demarc {

struct Judging;

/// What one space holds. A comparison that grows too large for one is begun again in the next.
struct ConfiguredSpace {
  ConfiguredSpace(const RuleSet& rules, VariableOrder order, Timestamp as_of)
      : space(order), documented(rules, space, as_of) {}
  PacketSpace space;
  Documented documented;
  std::vector<std::unique_ptr<DeviceSets>> devices;
  std::optional<PacketSet> openings_, approved_, risky_;
};

/// One pair of zones whose path is declared.
struct PairView {
  ZonePath path;
  bool decided = true;    // false: too complicated
  bool measured = false;  // some device on the path has a configuration
  std::unique_ptr<PathSets> sets = {};
  ConfiguredSpace* in = nullptr;
  PacketSet scope = {};  // openings between the zones that meet a filter
  Bounds openings = {};  // of these, what the path lets through
};

/// What a line was found to be for.
struct LineFacts {
  std::vector<std::uint32_t> rules;  // into RuleSet::rules; then the exceptions, behind them
  std::vector<std::string> pairs;    // "internet > dmz"
  std::uint64_t conversations = 0;
  std::optional<Timestamp> last;
};
struct LineKey {
  std::uint32_t device = 0;
  ListIndex list = 0;
  std::uint32_t entry = 0;  // kEnd: the list's end
  auto operator<=>(const LineKey&) const = default;
  static constexpr std::uint32_t kEnd = 0xFFFFFFFF;
};

/// A cell of the matrix, and a rule, in this view.
enum class ConfiguredState : std::uint8_t { not_measured, undetermined, denies, partly, permits };
std::string_view name(ConfiguredState state);
std::optional<ConfiguredState> parse_configured_state(std::string_view text);

/// What the configurations say about one rule.
struct RuleConfigured {
  bool measured = false;                    // on some pair of its zones
  bool unmeasured = false;                  // on some pair: no path, or no configuration
  bool undetermined = false;                // in part
  bool blocked = false, permitted = false;  // in part
  std::vector<LineKey> lines;               // that let it through, or stop it
  /// All of it, for certain.
  bool is_permitted() const { return measured && permitted && !blocked && !undetermined && !unmeasured; }
};

/// What a finding asks of lines; configured_remedies.cpp finds the device's words.
struct WantedChange {
  enum class Kind : std::uint8_t {
    remove,  // the line goes: it decides nothing
    narrow,  // the line permits too much
    permit,  // the lines stop `packets`, which are approved
  } kind = Kind::remove;
  std::size_t finding = 0;  // into Verdict::findings
  std::vector<LineKey> lines = {};
  const PairView* pair = nullptr;  // where packets are compared; not of remove
  PacketSet packets = {};
};

class ConfiguredView {
 public:
  explicit ConfiguredView(Binding of) : binding(std::move(of)) {}

  Binding binding;
  std::vector<std::unique_ptr<ConfiguredSpace>> spaces = {};
  std::vector<std::unique_ptr<PairView>> pairs = {};  // in the order of the zones
  std::vector<RuleConfigured> rules = {};             // of RuleSet::rules, then of the exceptions
  std::map<LineKey, LineFacts> lines = {};
  std::map<LineKey, EntryStatus> status = {};  // of lines that are not simply live
  std::map<std::tuple<ZoneIndex, ZoneIndex, std::uint32_t>, ConfiguredState> cells = {};  // service
  std::vector<WantedChange> changes = {};

  PairView* pair(ZoneIndex from, ZoneIndex to) const;
  /// Ports that the path lets through from one address to another; none: it is not measured.
  struct Ports {
    PortSet certain, possible;
  };
  std::optional<Ports> ports(ZoneIndex from, ZoneIndex to, const Address& source, const Address& destination,
                             Protocol protocol) const;
};

/// Packets that open a conversation, of every protocol. ICMP errors and neighbour discovery open none.
PacketSet opening_packets(PacketSpace& space);
/// Openings that are approved, virtual servers included: a member's approval is that of the address in front of it.
const PacketSet& approved_openings(const RuleSet& rules, ConfiguredSpace& in);
/// How many packets, interfaces not counted.
Count weight_of(const PacketSet& packets);
/// A few boxes in words, without what every opening has: "internet > web1 tcp/80". Whole zones and hosts by name.
std::string cover_words(const RuleSet& rules, const ZonePath& path, const PacketSet& packets,
                        std::size_t boxes_max = 4);
/// Its key in LineFacts; none where no filter stands on the way.
std::optional<LineKey> key_of(const LineShare& share);

// The steps; each is a file of its own.
void judge_devices(Judging& j, ConfiguredView& view);  // configured_devices.cpp: each configuration by itself
void judge_configured_pair(Judging& j, ConfiguredView& view, PairView& pair);  // configured_findings.cpp
void judge_disagreement(Judging& j, ConfiguredView& view);  // configured_views.cpp: probes and flows
void write_remedies(Judging& j, ConfiguredView& view);      // configured_remedies.cpp: lines for the findings

/// Says which line the finding is about, and adds it as evidence.
struct Finding;
void set_line(Finding& finding, const BoundDevice& device, const DecidingLine& line);
/// The line as evidence.
struct EvidenceRef;
EvidenceRef line_evidence(const BoundDevice& device, const DecidingLine& line);
/// "OUTSIDE-IN of edge-rtr, line 12", for titles.
std::string line_words(const BoundDevice& device, const DecidingLine& line);

}  // namespace demarc
