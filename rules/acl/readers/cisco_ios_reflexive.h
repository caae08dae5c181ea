// IOS's reflexive lists: `evaluate NAME` lets back in what `reflect NAME` let out of another list. A packet of a
// conversation that is established has been answered by one that went out, and that one left its mirror image here,
// unless an entry before it let it out without.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/readers/router_draft.h"

namespace demarc {

class ReflexiveLists {
 public:
  explicit ReflexiveLists(router::RouterDraft& draft) : draft_(draft) {}

  /// The present line's entry, if it says `reflect NAME`.
  void note(Cursor in);
  /// The present line is `evaluate NAME`.
  void evaluate(std::string_view name) { evaluations_[draft_.line] = std::string(name); }
  /// When all lists are read: fills the entries of `evaluate` and marks their lines.
  void fill();

 private:
  struct Mirror {
    std::vector<Match> certain = {}, perhaps = {};
  };
  void gather();
  void mirror(const Entry& entry, bool lets_out, Mirror& to);
  void fill_entry(Entry& entry, const Mirror& from);

  router::RouterDraft& draft_;
  std::map<std::uint32_t, std::string> evaluations_, reflections_;  // line -> name
  std::map<std::string, Mirror> mirrors_;
  std::size_t left_ = 100'000;  // what mirror images may take up together; 0: there were too many
};

}  // namespace demarc
