// Lists that one check asks one behind the other, edited as if they were one: Junos's `input-list [ A B ]`, a list
// behind the sessions that inspection lets back, an ASA interface's list before the global one.
//
//   A | B | C      B alone is asked nowhere else and was written by somebody, so edits go there. An entry that is
//   to
//       ^ ^ ^      stand before one of C stands at the end of B. What A or C would have to lose is denied in B, if
//       it
//                  comes by there; else nothing can be done, and the reason says so.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/acl/device.h"
#include "rules/verdict/suggest.h"

namespace demarc {

/// The lists that are asked with this one, in order, itself included. None: in different places different ones.
std::optional<std::vector<ListIndex>> chain_of(const Device& device, ListIndex list);
/// A list of another check, which is asked of every packet that this one is, and denies at its end; kNoList: there
/// is none, or this one denies at its end as well. Base chains of one hook are such. A network ACL of AWS always denies
/// at its end, and cannot say what a security group can: it leaves the decision to the groups of its subnet (the first
/// of them is given), if all interfaces there have one.
ListIndex decider_of(const Device& device, ListIndex list);
/// Somebody wrote it, so that it can be edited.
bool is_written(const List& list);

class ListChain {
 public:
  ListChain(const Device& device, std::vector<ListIndex> lists);

  /// Why the lists are not one; empty: they are.
  const std::string& problem() const { return problem_; }
  /// The device, with all of them as one list more.
  const Device& joined() const { return joined_; }
  ListIndex index() const { return static_cast<ListIndex>(joined_.lists.size() - 1); }
  /// Which entries are not edited, for other places ask their list as well, or nobody wrote it.
  const std::vector<bool>& fixed() const { return fixed_; }

  /// Edits of the one list as edits of its parts, in their order. False: one cannot stand in a list that is edited;
  /// then `why` says which.
  bool split(std::vector<ListEdit> edits, std::vector<std::vector<ListEdit>>& parts, std::string& why) const;

 private:
  Device joined_;
  std::vector<ListIndex> lists_;
  std::vector<std::uint32_t> begins_;  // of each list in the one, and behind the last its end
  std::vector<bool> edited_, fixed_;   // by list; by entry
  std::string problem_;
};

}  // namespace demarc
