// The writers of configurations, one for each dialect: a row in a table each, beside the readers.
//
// What is to be written is an ordered list of intended entries, which knows no dialect: each is a set of packets
// and what happens to them. A writer says it in its own syntax, in as many lines as that takes (prefixes for a
// range, a line for each port), and what the dialect cannot say it reports and does not write. So a writer has one
// promise: what the dialect's own reader reads back means exactly what was intended, less what is reported as
// unsaid.
//
// One thing no filter without state can say: the ports of a later fragment are not in it. A permit that names ports
// lets later fragments between its addresses by, a deny leaves them to the entries behind (Cisco document 8014).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rules/acl/device.h"

namespace demarc {

/// One thing that a list is to say.
struct IntendedEntry {
  std::string comment = {};        // one line for people: rule, service, owner
  Action action = Action::permit;  // or deny
  std::vector<Match> match = {};   // the union
  std::string source_name = {},
              destination_name = {};  // what the rule set calls these addresses: names for objects
};

/// Of a list whose entries name the far end alone (AWS): a rule holds for whoever has the list at the near one.
struct FarEnds {
  bool inward = true;              // the far end is the source
  bool denies = true;              // a security group only permits
  bool decided_elsewhere = false;  // permits may be wider than intended
  std::vector<Box> seen = {};      // what comes by; of anything else it does not matter what the list says
};

/// A list of them; first match wins.
struct IntendedList {
  std::string name = {};
  std::optional<Family> family = {};  // none: both. Some dialects then write two lists.
  std::vector<IntendedEntry> entries = {};
  Fallthrough at_end = Fallthrough::deny;    // or permit
  Way way = Way::through;                    // the hook, where the dialect binds lists by it
  std::vector<std::string> interfaces = {};  // names of the numbers that boxes have in `ingress` and `egress`
  std::shared_ptr<const FarEnds> far_ends = {};
};

/// What the intended list means, as a list of a device.
List as_list(const IntendedList& intended);

/// An entry (or a part of it) that the dialect has no words for, and that is therefore not written.
struct Unsaid {
  std::uint32_t entry = 0;  // into IntendedList::entries
  std::string why = {};
};

/// A text that one of the dialect's readers reads: iptables has one for each family.
struct WrittenText {
  std::optional<Family> family = {};  // none: both
  std::string text = {};
};

struct Written {
  std::vector<WrittenText> texts = {};
  std::vector<Unsaid> unsaid = {};
  /// Nothing was left out.
  bool complete() const { return unsaid.empty(); }
};

/// One entry in the dialect's words, without what a list puts around it (numbers, names).
struct WrittenEntry {
  std::vector<std::string> lines = {};
  std::vector<std::string> unsaid = {};  // why parts are missing
};

struct DialectWriter {
  Dialect dialect;
  bool names_states;     // entries may name connection states, so one line admits all replies
  bool replies_implied;  // replies to what was permitted pass whatever the lists say
  Written (*write)(const IntendedList& list);
  /// For edits of a list that stands in a device: the entry for one family.
  WrittenEntry (*entry)(const IntendedEntry& entry, const IntendedList& list, Family family);
};

std::span<const DialectWriter> dialect_writers();
/// The writer of that dialect (IOS's for what is written alike), or nullptr.
const DialectWriter* find_writer(Dialect dialect);

// The rows.
Written write_cisco_ios(const IntendedList& list);
WrittenEntry write_cisco_ios_entry(const IntendedEntry& entry, const IntendedList& list, Family family);
Written write_cisco_asa(const IntendedList& list);
WrittenEntry write_cisco_asa_entry(const IntendedEntry& entry, const IntendedList& list, Family family);
Written write_nftables(const IntendedList& list);
WrittenEntry write_nftables_entry(const IntendedEntry& entry, const IntendedList& list, Family family);
Written write_iptables(const IntendedList& list);
WrittenEntry write_iptables_entry(const IntendedEntry& entry, const IntendedList& list, Family family);
Written write_junos(const IntendedList& list);
WrittenEntry write_junos_entry(const IntendedEntry& entry, const IntendedList& list, Family family);

}  // namespace demarc
