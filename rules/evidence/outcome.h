// What probes found out: the REACHABLE view. An answer is kept beside its reading, and says which vantage point it
// belongs to; no port is open, it is open *from* somewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/net/address.h"
#include "rules/net/icmp.h"
#include "rules/net/port.h"
#include "rules/net/protocol.h"
#include "rules/net/time.h"

namespace demarc {

/// Nmap's port states.
enum class PortState : std::uint8_t { open, closed, filtered, open_or_filtered, unfiltered };
/// Did the filter let the packet by.
enum class Passage : std::uint8_t { passed, blocked, undetermined };

/// What came back. ICMP by what it says, whatever the family's numbers.
enum class Answer : std::uint8_t {
  syn_ack,
  rst,
  reply,  // a UDP datagram or an ICMP reply
  silence,
  icmp_network_unreachable,
  icmp_host_unreachable,
  icmp_protocol_unreachable,
  icmp_port_unreachable,
  icmp_network_prohibited,  // 3/9
  icmp_host_prohibited,     // 3/10
  icmp_admin_prohibited,    // 3/13, ICMPv6 1/1, 1/5, 1/6
  icmp_time_exceeded,
  icmp_parameter_problem,
  icmp_packet_too_big,
  icmp_other,
  no_neighbour,   // our own link did not resolve the next hop
  local_refusal,  // our own machine would not send it
};

/// Why an outcome is weaker than it looks.
enum class Doubt : std::uint8_t {
  none,
  icmp_rate_limited,   // silence beside ICMP refusals from one router: its limit, not a filter's decision
  self_connect,        // the kernel connected the probe to itself
  answers_disagree,    // two tries, two answers
  answers_everything,  // a canary port that nobody listens on "opened" as well
  canary_lost,         // the way to the target was not proven good around this probe
  no_canary,           // there was no canary on this path: loss is unknown
};

std::string_view name(PortState state);  // "open|filtered"
std::string_view name(Passage passage);
std::string_view name(Answer answer);  // "icmp-admin-prohibited"
std::string_view name(Doubt doubt);    // "" for none
std::optional<PortState> parse_port_state(std::string_view text);
std::optional<Passage> parse_passage(std::string_view text);
std::optional<Answer> parse_answer(std::string_view text);
std::optional<Doubt> parse_doubt(std::string_view text);
/// An ICMP or ICMPv6 error as an answer.
Answer icmp_answer(Family family, std::uint8_t type, std::uint8_t code);

/// What speaks on a port, and how we know.
struct ServiceSeen {
  std::string
      name;  // of the application protocol: "https" is "tls" with an "http" inside; see rules/net/app_protocol.h
  std::string product;  // "nginx", empty if it does not say
  std::string version;
  std::string evidence;                        // what the recogniser saw, by bytes_escaped(), bounded
  std::string tls_inside;                      // what speaks inside TLS, if asked
  std::vector<std::string> certificate_names;  // subject alternative names, or the common name
  std::optional<Timestamp> certificate_expires;
  bool operator==(const ServiceSeen&) const = default;
};

inline constexpr std::uint32_t kNoService = 0xFFFFFFFF;
inline constexpr std::uint32_t kNoWitness = 0xFFFFFFFF;

/// One measurement of one range of ports (or one ICMP type) of one target. A journal record with several ranges
/// makes several outcomes.
struct Outcome {
  Address target;
  Protocol protocol;
  PortState state = PortState::filtered;
  Passage passage = Passage::undetermined;
  Answer answer = Answer::silence;
  Doubt doubt = Doubt::none;
  std::uint8_t tries = 1;
  std::int16_t ttl = -1;               // of the answer; -1: not known
  PortRange ports{};                   // protocols with ports
  IcmpType icmp{};                     // ICMP and ICMPv6
  std::optional<Address> answered_by;  // only where the sender is known
  std::uint32_t rtt_us = 0;            // 0: not known
  std::uint32_t service = kNoService;  // into ScanRun::services
  std::uint32_t record = 0;            // the line of the journal it came from
  std::optional<Timestamp> at;         // when, if it was recorded; otherwise some time during the run
  // Where the way ends, if somebody looked (`scan --locate`): the last router that let the probe by, and how many
  // hops from the vantage point it is not answered any more. 0: nobody looked.
  std::optional<Address> last_hop;
  std::uint8_t stops_at_hop = 0;
  // Whose record decided the passage, into Snapshot::witnesses (rules/evidence/witnessed.h); no part of a journal.
  std::uint32_t witness = kNoWitness;
  // The newest part's time, where parts of several times were merged: `at` is the oldest's.
  std::optional<Timestamp> at_latest;
};

/// The first record of a journal.
struct ScanHeader {
  std::string run;      // an id; shards and resumed runs share it
  std::string vantage;  // "" where a foreign tool did not say
  std::string zone;
  std::optional<Address> source_address;  // really used
  std::string interface_name;
  Timestamp started;
  std::string
      method;  // connect | syn | udp | icmp | nmap: raw runs are named after the first of the three they ask
  std::uint64_t seed = 0;
  std::uint32_t shard = 1, shards = 1;
  std::uint32_t tries_max = 1;
  std::string rules_sha256, scope_sha256;
  std::string plan_sha256;  // what was asked: a journal resumes only the plan it belongs to
  std::string witness_key;  // fingerprint of the key that its probes were marked with; "": none
  // Addresses that it sent from beside source_address: a scan of both families has one of each.
  std::vector<Address> more_source_addresses;
  bool operator==(const ScanHeader&) const = default;
};

/// One look at a canary: a port known to answer, which proves the way good at that moment.
struct CanaryLook {
  Address target;
  Port port;
  Timestamp at;
  bool answered = false;
};

/// An address of the scope that this vantage point had no way to ask as itself.
struct Unasked {
  Address target;
  std::string why;
  auto operator<=>(const Unasked&) const = default;
};

enum class ScanEnd : std::uint8_t {
  complete,
  interrupted,
  window_closed,
  runtime_reached,
  canary_lost,
  vantage_lost
};
std::string_view name(ScanEnd end);  // "complete", "window-closed"
std::optional<ScanEnd> parse_scan_end(std::string_view text);

struct ScanSummary {
  ScanEnd end = ScanEnd::complete;
  std::uint64_t sent = 0, received = 0;
  double loss_estimate = -1;     // a share, of one packet and its answer together; -1: not known
  double miss_probability = -1;  // that a port which answers was taken for silent; -1: not known
  Timestamp finished;
};

/// How far the passes over the work came: in the pass `pass` (from 1), everything before `index` in the order of
/// the plan was asked and had its time to answer. A run that is killed goes on there.
struct AskedSoFar {
  std::uint32_t pass = 1;
  std::uint64_t index = 0;
  auto operator<=>(const AskedSoFar&) const = default;
};

/// One journal: one run (or one shard of it) from one vantage point.
struct ScanRun {
  std::string file;  // where it was read from
  ScanHeader header;
  std::vector<Outcome> outcomes;
  std::vector<ServiceSeen> services;
  std::vector<CanaryLook> canaries;
  std::vector<Unasked> unroutable;
  std::vector<std::string> notes;  // what the run said about itself: hosts not asked and why
  AskedSoFar asked;
  std::optional<Timestamp> asked_at;   // when that was so
  std::optional<ScanSummary> summary;  // none: it was interrupted without a chance to say so
};

}  // namespace demarc
