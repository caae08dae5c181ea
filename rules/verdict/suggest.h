// What a device's lists must say to be equal to the rule set.
//
// For every list that a device binds, the rule set's paths tell which packets come by it. Of these it must let
// through what is documented (approved and not forbidden; without state the replies too) and may let through
// nothing else. From that follow two things:
//  - edits of the list as it stands: entries to remove, to narrow, to add, each with its reason and a packet;
//  - the list as it would be written from nothing.
// Both are intentions (rules/acl/writers/writer.h). suggest_text.h finds the device's words, applies them and reads
// them back; permits_exactly() is the judge of what was read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rules/acl/meaning.h"
#include "rules/acl/writers/writer.h"
#include "rules/policy/approval.h"
#include "rules/verdict/paths.h"

namespace demarc {

/// How a filter treats what belongs to a permitted conversation.
enum class ReplyHandling : std::uint8_t {
  stateless,  // every packet is decided by itself: replies are written
  by_state,   // lists match on connection state: one entry admits them
  implied,    // they pass whatever the lists say
};

/// A part of what a list is to let through, with whom it is for.
struct WishPart {
  std::string comment = {};  // "WEB-001 https, owner web-team"
  std::string rule = {};     // its id; empty: of several
  std::string source_name = {}, destination_name = {};
  std::vector<Box> boxes = {};
  PacketSet set = {};
};

/// What a list must let through, and what it may.
struct Wish {
  PacketSet must = {}, may = {};
  std::vector<WishPart> parts = {};  // their union holds `must` and lies within `may`
};

/// Packets that come by a list: boxes of addresses.
struct Domain {
  std::vector<Box> seen = {};  // on declared paths
  std::optional<Family> family = {};
  bool to_device = false;  // packets for the device itself are among them: neighbour discovery must pass
  AddressSet own = {};     // the device's addresses
  /// What comes by on no declared path (a forged source, zones between which nobody declared one) is judged as
  /// well. Otherwise it may pass: no verdict is about it (semantics.md section 4).
  bool judges_all = false;
};

struct ListEdit {
  enum class Kind : std::uint8_t {
    remove,  // the entry goes
    narrow,  // other entries take its place (`keeps`: stand before it)
    add,     // entries are written before it, or at the end
  } kind = Kind::remove;
  std::uint32_t entry = 0;  // into List::entries; their number: the end of the list
  bool keeps = false;
  std::vector<IntendedEntry> instead = {};
  std::string reason = {};  // a sentence
  std::optional<ConcretePacket> sample = {};
};

struct ListSuggestion {
  ListIndex list = kNoList;
  Wish wish = {};
  std::vector<ListEdit> edits = {};  // in the order of the entries
  IntendedList full = {};            // the list from nothing
  /// The lists that are asked with it, itself included: only their edits together make them right. Empty: none are.
  std::vector<ListIndex> chain = {};
  /// Different places ask it with different others, which give what it lacks: `wish.must` is what it permits of what
  /// must pass. It may stay as it is, or loses what nothing approves (security groups), or nothing can be done.
  bool shared = false;
  /// Another list, asked of the same packets, that denies what it does not permit: it decides what may pass, and
  /// this one must only stop nothing that is documented.
  ListIndex decider = kNoList;
  /// Why edits cannot make it right, in words: an entry that nobody understands, ...; empty: they can.
  std::string not_editable = {};
  bool conforms() const { return edits.empty() && not_editable.empty(); }
};

/// One device (or one dialect) against the rule set at one instant. Everything may throw SpaceExhausted.
class Suggester {
 public:
  /// The rule set must outlive it.
  Suggester(const RuleSet& rules, Timestamp at);
  ~Suggester();

  /// For every list that a stage of the device asks. The binding must outlive the suggestions.
  std::vector<ListSuggestion> suggest(const Binding& binding, std::uint32_t device);
  /// The list for packets from one zone to another, from nothing.
  ListSuggestion between(const Zone& from, const Zone& to, const DialectWriter& writer,
                         std::optional<Family> family = {});

  /// Does a list that was read mean what is wished: `must` for certain, nothing possible outside of `may`? On a
  /// failure a packet that shows it.
  struct Judgement {
    bool exact = false;
    std::optional<ConcretePacket> sample = {};
    bool blocked = false;  // the sample must pass and does not; otherwise it passes and may not
  };
  Judgement judge(const Device& device, ListIndex list, const Wish& wish, std::optional<Family> family = {});
  /// The same for lists that are asked one behind the other.
  Judgement judge(const Device& device, const std::vector<ListIndex>& chain, const Wish& wish);
  /// The same for a whole text: what its stages let through on this way, or its only list.
  Judgement judge(const Device& device, Way way, const Wish& wish, std::optional<Family> family = {});

  const Documented& documented() const { return documented_; }
  PacketSpace& space() { return *space_; }

 private:
  /// `names_states`: where state is kept, one entry of the list can say so. Otherwise replies are parts of the
  /// wish.
  Wish wish_for(const Domain& domain, ReplyHandling replies, bool icmp_replies, bool icmp_errors,
                bool names_states);
  IntendedList full_list(const Wish& wish, const Domain& domain, const DialectWriter& writer,
                         ReplyHandling replies);
  struct Edited {
    std::vector<std::vector<ListEdit>> parts = {};  // by list of the chain
    std::string not_editable = {};
  };
  Edited edit(const Device& device, const std::vector<ListIndex>& chain, const ListSuggestion& first,
              ReplyHandling replies);
  /// The beginning of a suggestion: what the list must and may let through.
  ListSuggestion wishes_of(const Binding& binding, std::uint32_t device, const Stage& stage, ListIndex list);
  void edit_shared(const Binding& binding, std::uint32_t index, Device& changed, ListSuggestion& suggestion);

  const RuleSet& rules_;
  std::unique_ptr<PacketSpace> space_;
  Documented documented_;
};

/// What the list sees, by the rule set's paths: in all stages that ask it, or in one of them.
Domain domain_of(const Binding& binding, std::uint32_t device, ListIndex list, const Stage* only = nullptr);
ReplyHandling reply_handling(const Device& device, ListIndex list);

}  // namespace demarc
