// The guard between demarc and everybody else's network. An address can only be sent to as a `Target`, and a Target
// only comes out of Scope::admit(); so what nobody authorised cannot reach a socket, whatever the code above it
// thinks.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "rules/net/address_set.h"
#include "rules/net/port.h"
#include "rules/policy/rule_set.h"
#include "rules/policy/window.h"
#include "rules/text/result.h"

namespace demarc {

class Scope;

/// An address that may be sent to, and how carefully. Nobody but Scope can make one.
class Target {
 public:
  const Address& address() const { return address_; }
  Care care() const { return care_; }
  auto operator<=>(const Target&) const = default;

 private:
  friend class Scope;
  Target(const Address& address, Care care) : address_(address), care_(care) {}
  Address address_;
  Care care_;
};

/// How fast one process may send: its static share of what the whole scan may.
struct RateShare {
  std::uint32_t packets_per_second = 0;
  std::uint32_t packets_per_second_per_target = 0;
  std::uint32_t states_per_path = 0;  // half-open connections outstanding
};

class Scope {
 public:
  /// The rule set's `scope`. An error if it has none, or one without targets. The prefixes of `--exclude` are taken
  /// out as well.
  static Result<Scope> from_rules(const RuleSet& rules, std::span<const Prefix> exclude = {});
  /// `--scope` without a rule set. Loopback is allowed here: it is the user's own machine.
  static Result<Scope> from_prefixes(std::span<const Prefix> targets, std::span<const Prefix> exclude = {});

  /// A target, or why this address may not be asked, in words.
  Result<Target> admit(const Address& address) const;
  /// The same without building a sentence.
  bool admits(const Address& address) const { return refusal(address) == Refusal::none; }

  struct Enumeration {
    std::vector<Target> targets;     // sorted by address
    std::vector<std::string> notes;  // what was not enumerated and why; hosts left out by care
  };
  /// All targets: IPv4, and IPv6 prefixes of /112 and longer, address by address; of shorter IPv6 prefixes the
  /// hosts that the rule set names and the `known` addresses (from evidence). An error if there are more than
  /// `targets_max`. `within` narrows the question, never the other way.
  Result<Enumeration> enumerate(std::span<const Address> known = {}, std::size_t targets_max = kTargetsMax,
                                const AddressSet* within = nullptr) const;
  static constexpr std::size_t kTargetsMax = 1U << 20;

  /// Everything inside that is not excluded, before the rules about single addresses (care, devices, broadcast).
  const AddressSet& addresses() const { return addresses_; }

  /// Whether application bytes may be sent to that port: printers (9100-9107, 515) and OT ports (102, 502, 20000,
  /// 44818) get none unless a rule approves the port on that host, nor do hosts with `care: discovery-only`.
  bool speak_allowed(const Target& target, Port port) const;

  /// May packets be sent at that instant.
  WindowDecision allowed_at(Timestamp at) const { return window_at(policy_, time_zone_, at); }

  static constexpr std::uint32_t kRateDefault = 1000;  // packets/s of a scan that asks for no rate
  /// The share of one of `processes` = vantage points at work together x shards. `rate` is the user's wish (0:
  /// none) for the whole scan; above the scope's maximum it is refused. Without a rule set the user's wish is the
  /// authorisation, and the machine itself (loopback) needs no gentleness.
  Result<RateShare> rate_share(std::uint32_t rate, std::uint32_t processes) const;

  const ScopePolicy& policy() const { return policy_; }
  const TimeZone& time_zone() const { return time_zone_; }
  /// The scope as canonical text, and its hash: `scope_sha256` in journals and verdicts.
  std::string text() const;
  std::string sha256() const;

 private:
  enum class Refusal : std::uint8_t {
    none,
    unspecified,
    multicast,
    broadcast,
    link_local,
    loopback,
    reserved,
    excluded,
    outside,
    care_never,
    device,
    network_address,
    broadcast_address
  };
  Scope() = default;
  Refusal refusal(const Address& address) const;
  void learn_prefixes(std::span<const Prefix> prefixes);

  ScopePolicy policy_;
  TimeZone time_zone_;
  AddressSet targets_, excluded_, addresses_;
  AddressSet named_;                            // named as hosts, cards or single addresses in `targets` themselves
  AddressSet edges_network_, edges_broadcast_;  // first and last addresses of known IPv4 prefixes up to /30
  bool loopback_allowed_ = false, from_rules_ = false;
  std::unordered_map<Address, Care> care_;
  std::unordered_map<Address, std::string> devices_, names_;
  std::unordered_map<Address, PortSet> spoken_;  // TCP ports that rules name on a host, among the fragile ones
  std::vector<std::pair<AddressSet, PortSet>> spoken_wide_;
};

/// TCP ports that get no application bytes unasked: printers print them, controllers may stop.
const PortSet& fragile_ports();
/// UDP ports of controllers and building automation: a datagram with bytes in it may be a command to them.
const PortSet& fragile_udp_ports();

}  // namespace demarc
