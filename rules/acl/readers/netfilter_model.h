// Linux's packet filter, whichever program wrote it down: chains of rules at hooks, in the order of their
// priorities. iptables and nftables differ in how a rule is written; what a rule, a chain and a hook do to a packet
// is the same code in the kernel, and the same here.
//
// Conditions are kept as they are written until every line is read, because what they match depends on the rest:
//  - an interface `eth*` covers the interfaces that other rules name by themselves;
//  - at some hooks there is no input or no output interface, and every test of it fails;
//  - where connections are tracked, fragments are put together before the rules see them; where not, a later
//    fragment shows no port;
//  - what `notrack` takes out of tracking is in no state but `untracked`.
// So a chain that is called from several hooks may mean several things; then it becomes several lists.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"
#include "rules/acl/readers/netfilter_interfaces.h"
#include "rules/acl/readers/netfilter_match.h"
#include "rules/acl/readers/netfilter_notes.h"

namespace demarc::netfilter {

/// One condition of a rule.
struct Term {
  Matches domain =
      {};  // what a packet must be for the test to be made at all; a `!` does not turn it round. Empty: anything
  Matches certain = {};                     // the test holds
  Matches extra = {};                       // it may hold beside that
  std::shared_ptr<const Matches> set = {};  // more of `certain`: a set's, which many rules share
  bool negated = false;
  bool reads_transport = false;  // ports, flags, types: not there in later fragments
  bool of_state = false;         // a test of the connection's state, which untracked packets do not have
  bool untracked = false;        // ... and it names `untracked`
  std::string undecided = {};    // why there is an `extra`

  void limit(Match to) {
    if (!(to == Match{})) domain = {std::move(to)};
  }
  static Term of(Match match) { return {.certain = {std::move(match)}}; }
  /// Some of the packets of the domain.
  static Term open(std::string why) { return {.extra = {Match{}}, .undecided = std::move(why)}; }
};

/// What a rule does to a packet that has passed its conditions, and this one's own.
struct Branch {
  std::optional<Term> key = {};
  Action action = Action::count;
  Refusal refusal = Refusal::plain;
  std::string target = {};  // of jump and go_to: a chain of the same table
  bool notrack = false;
};

struct Rule {
  std::uint32_t line = 0, line_last = 0;
  std::uint32_t note = 0;  // its number in LineNotes
  std::string text = {}, remark = {};
  std::vector<Term> terms = {};
  std::vector<Branch> branches = {};  // disjoint keys
  std::optional<std::uint64_t> packets = {};
  std::string unread = {};     // not empty: something in it is not understood, and this is what
  std::vector<Nat> nats = {};  // their match is put in from the terms
};

/// Puts together what can be put together before every line is read: a hundred thousand rules take memory.
void compact(Rule& rule);

enum class Hook : std::uint8_t { ingress, prerouting, input, forward, output, postrouting, egress };
std::string_view name(Hook hook);

/// A chain that the kernel calls by itself.
struct Base {
  Hook hook = Hook::forward;
  std::int32_t priority = 0;
  Fallthrough policy = Fallthrough::permit;
  std::uint32_t policy_line = 0;
  bool nat = false;                       // sees the first packet of each conversation
  std::vector<std::string> devices = {};  // of ingress and egress
};

struct Chain {
  std::string name = {};
  std::uint32_t line = 0, note = 0;
  std::optional<Base> base = {};
  std::vector<Rule> rules = {};
};

struct Table {
  std::string name = {};              // in front of the chains' names: "filter/", "inet fw "
  std::optional<Family> family = {};  // none: both
  bool other_layer = false;           // bridge, arp: not about routed packets
  bool dormant = false;               // switched off
  bool reads_fragments = false;       // a test of the transport header may read a later fragment's data instead
  std::vector<Chain> chains = {};
};

struct Model {
  std::vector<Table> tables = {};
  InterfaceNames interfaces = {};
  bool tracks4 = false, tracks6 = false;  // some rule needs connection tracking, so fragments are put together
};

/// Adds lists, stages and interfaces to the device. Says of lines what is not decided in them.
void build(Model& model, const Source& source, Device& device, LineNotes& notes);

}  // namespace demarc::netfilter
