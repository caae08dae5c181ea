// The conditions of a rule as boxes, where its chain stands: what a test means depends on the hook (whether there
// is an input or output interface, whether connections are known, whether fragments are put together) and on what
// `notrack` takes out of tracking elsewhere.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "rules/acl/readers/netfilter_model.h"

namespace demarc::netfilter {

enum class Known : std::uint8_t { no, yes, unsure };

/// What a chain's meaning depends on, beside its text.
struct Context {
  Known in = Known::yes, out = Known::yes, tracking = Known::yes;
  bool whole4 = false, whole6 = false;  // fragments are put together before
  std::uint8_t way = 0;                 // whose notrack counts: 0 arriving, 1 made here, 2 either
  bool reads_fragments = false;         // Table::reads_fragments
  auto operator<=>(const Context&) const = default;
};

Context context_of(const Base& base, const Table& table, const Model& model);

/// A fresh test, with the boxes that hold for certain and those that may.
struct Tested {
  Matches certain, extra;
  std::string undecided;
};

/// What is undecided because of a kernel, and no fault of the line.
inline constexpr std::string_view kLaterData = "a later fragment's data may be taken for its header";

class Conditions {
 public:
  explicit Conditions(Model& model) : model_(model) { find_untracked(); }

  /// All of a rule's conditions and the branch's own.
  Tested conjunction(const Table& table, const Rule& rule, const Branch& branch, const Context& context);
  /// What is taken out of tracking is the same for arriving packets and for those made here.
  bool ways_alike() const { return untracked_[0] == untracked_[1]; }

 private:
  /// The packets that `notrack` takes out of tracking, for arriving ones and for those made here. Exact where the
  /// rule stands in the hook's own chain and nothing before it ends the way; otherwise it is not known which of
  /// them get there.
  void find_untracked();
  void add_part(Match m, const Context& context, bool of_state, bool certain, Tested& out);
  const Matches* untracked(const Context& context);
  bool is_exact(const Context& context) const;
  void restrict_to_headers(const Context& context, Matches& matches) const;
  /// The later fragments of which it is not known whether the test is made with their data (Linux 6.18 does, for
  /// loads that nft_payload_fast_eval makes; others skip the rule).
  static Matches later_fragments(const Context& context, const Term& term);
  /// A test of the fragment bits where fragments come whole: they are never set.
  static bool adapt_fragments(const Context& context, Match& m);
  Tested test(const Term& term, const Context& context);

  Model& model_;
  Matches notracked_[2];  // by a rule
  Matches untracked_[2];  // by a rule, or by the kernel itself
  Matches either_;
  bool exact_[2] = {true, true};
};

}  // namespace demarc::netfilter
