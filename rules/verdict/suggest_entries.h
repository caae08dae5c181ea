// Entries that say what a list must let through: rule by rule, or behind denies that let most lines say "any".
//
// A rule from an internet that is all but forty networks is hundreds of lines, written out. Where everybody who has
// no business here is denied first, it is one, and most lines that a device has are right as they are:
//
//   deny   ip 198.51.100.0 0.0.0.255 any     strangers
//   permit tcp any host 192.0.2.11 eq 443
//
// Of those who are left, few may have other business than the many (a partner's network beside the internet). Their
// entries come first, and a deny of the few behind them.
#pragma once

#include <string>
#include <vector>

#include "rules/acl/writers/writer.h"
#include "rules/verdict/suggest.h"

namespace demarc {

/// Denies that stand at the front of a list.
class Front {
 public:
  Front(const RuleSet& rules, PacketSpace& space, const Wish& wish, std::optional<Family> family);

  const PacketSet& strangers() const { return strangers_; }
  const PacketSet& few() const { return few_; }
  /// The box's packets of the few to the few.
  std::vector<Box> few_of(const Box& box) const;
  /// Denies of those strangers that are among `left`, each only where it is.
  std::vector<IntendedEntry> deny_strangers(const PacketSet& left) const;
  /// One deny for the few, which may say "any" where it stops nothing of the rest, which must pass behind it.
  std::vector<IntendedEntry> deny_few(const PacketSet& rest) const;

 private:
  PacketSpace& space_;
  PacketSet strangers_, few_;
  std::vector<IntendedEntry> stranger_entries_;
  std::vector<Box> few_boxes_;
};

/// What is said in front, the deny of the few behind it, and the rest.
struct FrontedEntries {
  std::vector<IntendedEntry> early = {}, few = {}, late = {};
};

/// Entries for what is wished, with the rules that they are for. Everything may throw SpaceExhausted.
class WishedEntries {
 public:
  /// Both must outlive it. `denies`: an entry may be short behind denies.
  WishedEntries(PacketSpace& space, const Wish& wish, bool denies = true);

  /// Entries for what is wanted, rule by rule. What a rule approves may be written whole: all of it may pass.
  /// `here`: what nothing before them decides.
  std::vector<IntendedEntry> for_each_rule(const PacketSet& wanted, const PacketSet& here) const;
  FrontedEntries fronted(const PacketSet& wanted, const PacketSet& left, const Front& front,
                         std::optional<Family> family) const;
  /// The rules that approve some of these packets, with a verb: "WEB-1 approves", "WEB-1, WEB-2 and 3 more
  /// approve".
  std::string who(std::string_view approve, const PacketSet& packets) const;

 private:
  void tell(std::vector<IntendedEntry> entries, const WishPart& part, PacketSet& said,
            std::vector<IntendedEntry>& to) const;
  /// The parts that hold some of these packets, in order.
  std::vector<const WishPart*> parts_of(const PacketSet& packets) const;
  void find(std::size_t at, std::size_t first, std::size_t last, const PacketSet& packets,
            std::vector<const WishPart*>& out) const;

  PacketSpace& space_;
  const Wish& wish_;
  bool denies_;
  /// A tree of halves: what the parts of each hold. An edit needs few of ten thousand rules. The halves of node n
  /// are 2n and 2n + 1.
  std::vector<PacketSet> tree_;
};

/// One entry of one box, and how many lines boxes and entries take where a line names a pair of prefixes.
IntendedEntry one_entry(Action action, Box box, std::string comment = {});
/// Where lists match on state, one entry admits what belongs to conversations that were let through.
IntendedEntry entry_of_replies();
std::size_t address_lines(const std::vector<Box>& boxes);
std::size_t address_lines(const std::vector<IntendedEntry>& entries);
/// How long the entries are in the dialect's words, in letters; what it cannot say weighs more than anything else.
inline constexpr std::size_t kUnsaidWeight = 1'000'000;
std::size_t written_size(const IntendedList& list, const DialectWriter& writer);
/// The packets that entries name, whatever they do with them.
PacketSet named_by(const std::vector<IntendedEntry>& entries, PacketSpace& space);
/// A filter without state asks later fragments by addresses and protocol alone: a permit lets them by whatever else
/// it names, a deny that names more leaves them alone.
List with_fragments(List list, ReplyHandling replies);

}  // namespace demarc
