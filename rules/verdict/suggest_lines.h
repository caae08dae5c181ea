// One change of a list, as commands of the device: the line that goes, the lines that come in its place. For
// remedies, which are worked out where only the device is known and not its text.
//
// Routers number their lines ("no 30"), ASA takes a line away by its own words, iptables by its rule, Junos by the
// name of its term, and moves new terms to their place (suggest_junos.h). nftables asks for handles, which a listing seldom has: there the lines are those of its file,
// marked with '-' and '+'.
//
// Where a place is counted (ASA's `line 4`, iptables' `-I FORWARD 4`), it is that in the configuration as read.
// Remarks are not counted, so that a line stands rather too early than too late; since what comes lets through
// nothing that is not documented and stops nothing that is, earlier is never wrong.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rules/acl/meaning.h"
#include "rules/acl/writers/writer.h"

namespace demarc {

struct LineChange {
  ListIndex list = kNoList;
  std::uint32_t entry = 0;  // into List::entries; their number: the end of the list
  bool goes = false;
  std::vector<IntendedEntry> come = {};  // in front of it
};

struct ChangeCommands {
  std::vector<std::string> lines = {};
  bool counts_places = false;  // they are right for the configuration as read, not after others were entered
  std::string problem = {};    // why there are none
};

class ChangeWriter {
 public:
  /// Both must outlive it. New lines are read back by the dialect's reader and compared in this space.
  ChangeWriter(const Device& device, PacketSpace& space);
  /// May throw SpaceExhausted, if lines come.
  ChangeCommands write(const LineChange& change);
  /// How many lines would come; none: the dialect cannot say it.
  std::optional<std::size_t> count(ListIndex list, const std::vector<IntendedEntry>& come);

 private:
  struct Known {
    std::vector<std::uint32_t> numbers = {};     // of routers
    std::vector<std::uint32_t> places = {};      // how many lines stand before
    std::vector<std::uint32_t> same_words = {};  // how many entries before have the same text
  };
  const Known& known(ListIndex list);
  ChangeCommands in_words(const LineChange& change, const std::vector<std::string>& come);
  std::vector<std::string> lines_of(ListIndex list, const std::vector<IntendedEntry>& come, std::string& problem);
  bool reads_back(const List& list, const std::vector<IntendedEntry>& come, const std::vector<std::string>& lines);

  const Device& device_;
  PacketSpace& space_;
  std::map<std::uint32_t, std::uint32_t> uses_;  // of a line, by entries of any list
  std::map<ListIndex, Known> known_;
};

/// The writer for edits in this dialect: its own, or IOS's where lines are alike (they are read back by the
/// dialect's own reader). nullptr: none.
const DialectWriter* edit_writer(Dialect dialect);
/// The same for one list: of some dialects not every kind of list is written.
const DialectWriter* edit_writer(const Device& device, ListIndex list);

/// Entries as lines without numbers. `problem`: why the dialect cannot say one of them.
std::vector<std::string> lines_in_words(Dialect dialect, std::span<const IntendedEntry> entries,
                                        const IntendedList& as, std::optional<Family> family, std::string& problem);

}  // namespace demarc
