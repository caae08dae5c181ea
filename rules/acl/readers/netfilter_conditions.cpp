// Sources: the hooks' priorities are those of linux/netfilter_ipv4.h (conntrack -200, its defragmentation -400);
// which interface a hook knows, nf_hook_state.
#include "rules/acl/readers/netfilter_conditions.h"

#include <algorithm>
#include <utility>

namespace demarc::netfilter {

namespace {

constexpr std::int32_t kPriorityTracking = -200, kPriorityDefragmented = -400;

}  // namespace

Context context_of(const Base& base, const Table& table, const Model& model) {
  Context c;
  c.reads_fragments = table.reads_fragments;
  const bool outward = base.hook == Hook::output || base.hook == Hook::postrouting || base.hook == Hook::egress;
  c.in = base.hook == Hook::output        ? Known::no
         : base.hook == Hook::postrouting ? Known::unsure  // since Linux 5.8
         : base.hook == Hook::egress      ? Known::no
                                          : Known::yes;
  c.out = outward || base.hook == Hook::forward ? Known::yes : Known::no;
  const bool early = base.hook == Hook::prerouting || base.hook == Hook::output;
  if (base.hook == Hook::ingress)
    c.tracking = Known::no;
  else if (base.hook == Hook::egress)
    c.tracking = Known::unsure;
  else if (early && base.priority <= kPriorityTracking)
    c.tracking = base.priority == kPriorityTracking ? Known::unsure : Known::no;
  const bool whole =
      base.hook != Hook::ingress && base.hook != Hook::egress && !(early && base.priority <= kPriorityDefragmented);
  c.whole4 = whole && model.tracks4;
  c.whole6 = whole && model.tracks6;
  c.way = base.hook == Hook::output ? 1 : base.hook == Hook::postrouting || base.hook == Hook::egress ? 2 : 0;
  return c;
}

void Conditions::find_untracked() {
  // Neighbour discovery and multicast listeners' messages are never tracked (nf_conntrack_proto_icmpv6.c).
  if (model_.tracks6) {
    Match m;
    m.box.family = Family::ipv6;
    m.box.protocols = {Protocol::icmpv6};
    m.box.icmp = IcmpSet::of_numbers(
        PortSet{{Port(130 << 8), Port(136 << 8 | 0xFF)}, {Port(143 << 8), Port(143 << 8 | 0xFF)}});
    untracked_[0] = untracked_[1] = {m};
  }
  for (std::size_t t = 0; t < model_.tables.size(); ++t) {
    const Table& table = model_.tables[t];
    if (table.other_layer || table.dormant) continue;
    for (const Chain& chain : table.chains) {
      bool reached = chain.base && chain.base->priority < kPriorityTracking &&
                     (chain.base->hook == Hook::prerouting || chain.base->hook == Hook::output);
      const Context context = chain.base ? context_of(*chain.base, table, model_) : Context{};
      for (const Rule& rule : chain.rules) {
        for (const Branch& branch : rule.branches) {
          if (branch.notrack) {
            bool exact = reached && rule.unread.empty();
            const Tested tested = conjunction(table, rule, branch, context);
            exact = exact && tested.extra.empty();
            for (unsigned way = 0; way < 2; ++way) {
              if (chain.base && (way == 0) != (chain.base->hook == Hook::prerouting)) continue;
              exact_[way] = exact_[way] && exact;
              for (const Matches* from : {&tested.certain, &tested.extra})
                notracked_[way].insert(notracked_[way].end(), from->begin(), from->end());
              if (notracked_[way].size() > 256) notracked_[way] = {Match{}}, exact_[way] = false;
            }
          }
          if (branch.action != Action::count && branch.action != Action::deny) reached = false;
        }
        if (!rule.unread.empty()) reached = false;
      }
    }
  }
  for (unsigned way = 0; way < 2; ++way)
    untracked_[way].insert(untracked_[way].end(), notracked_[way].begin(), notracked_[way].end());
}

void Conditions::add_part(Match m, const Context& context, bool of_state, bool certain, Tested& out) {
  if (!m.box.ingress.is_all()) {
    if (context.in == Known::no) return;
    m.box.ingress = model_.interfaces.expand(m.box.ingress);
    if (context.in == Known::unsure) {
      certain = false;
      out.undecided = "older kernels do not know the input interface at postrouting";
    }
  }
  if (!m.box.egress.is_all()) {
    if (context.out == Known::no) return;
    m.box.egress = model_.interfaces.expand(m.box.egress);
  }
  if (of_state) {
    if (context.tracking == Known::no) {
      // Nothing is known of the conversation yet, and that is what `invalid` says; unless notrack came before.
      if (!m.box.states.contains(ConnectionState::invalid)) return;
      m.box.states = StateSet::all();
      const Matches& gone = notracked_[context.way & 1];
      if (!gone.empty()) {
        const std::optional<Matches> sure = subtract({m}, gone);
        if (sure && certain) out.certain.insert(out.certain.end(), sure->begin(), sure->end());
        certain = false;
        out.undecided = "whether notrack comes before this rule";
      }
    } else if (context.tracking == Known::unsure) {
      m.box.states = StateSet::all();
      certain = false;
      out.undecided = "whether the connection is known here depends on the order of hooks of one priority";
    } else if (const Matches* gone = untracked(context); gone != nullptr) {
      std::optional<Matches> tracked = subtract({m}, *gone);
      if (tracked && certain)
        for (Match& part : *tracked) out.certain.push_back(std::move(part));
      if (!tracked || !certain || !is_exact(context)) {
        out.extra.push_back(std::move(m));
        if (out.undecided.empty()) out.undecided = "notrack may have taken the packet out of tracking";
      }
      return;
    }
  }
  (certain ? out.certain : out.extra).push_back(std::move(m));
}

const Matches* Conditions::untracked(const Context& context) {
  if (context.way < 2 || untracked_[0] == untracked_[1])
    return untracked_[context.way & 1].empty() ? nullptr : &untracked_[context.way & 1];
  either_ = untracked_[0];
  either_.insert(either_.end(), untracked_[1].begin(), untracked_[1].end());
  return &either_;
}

bool Conditions::is_exact(const Context& context) const {
  return context.way < 2 ? exact_[context.way] : exact_[0] && exact_[1] && untracked_[0] == untracked_[1];
}

void Conditions::restrict_to_headers(const Context& context, Matches& matches) const {
  if (context.whole4 && context.whole6) return;
  const FragmentSet visible{Fragment::whole, Fragment::first};
  const std::size_t count = matches.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (context.whole4 != context.whole6 && !matches[i].box.family) {
      Match other = matches[i];
      other.box.family = context.whole4 ? Family::ipv4 : Family::ipv6;
      if (meet(other, other)) matches.push_back(std::move(other));
      matches[i].box.family = context.whole4 ? Family::ipv6 : Family::ipv4;
    } else if (matches[i].box.family && (matches[i].box.family == Family::ipv4 ? context.whole4 : context.whole6)) {
      continue;
    }
    matches[i].box.fragments = meet(matches[i].box.fragments, visible);
  }
}

Matches Conditions::later_fragments(const Context& context, const Term& term) {
  if (!context.reads_fragments || (context.whole4 && context.whole6)) return {};
  Match later = term.domain.empty() ? Match{} : term.domain[0];
  later.box.fragments = kLaterFragments;
  if (context.whole4 != context.whole6) {
    const Family seen = context.whole4 ? Family::ipv6 : Family::ipv4;
    if (later.box.family.value_or(seen) != seen) return {};
    later.box.family = seen;
  }
  return {later};
}

bool Conditions::adapt_fragments(const Context& context, Match& m) {
  if (m.box.fragments == FragmentSet::all()) return true;
  const bool v4 = m.box.family != Family::ipv6;
  if (!(v4 ? context.whole4 : context.whole6)) return true;
  if (!m.box.fragments.contains(Fragment::whole)) return false;
  m.box.fragments = FragmentSet::all();
  return true;
}

Tested Conditions::test(const Term& term, const Context& context) {
  Tested out;
  const auto add = [&](const Matches& matches, bool certain) {
    for (Match m : matches)
      if (adapt_fragments(context, m)) add_part(std::move(m), context, term.of_state, certain, out);
  };
  add(term.certain, true);
  if (term.set) add(*term.set, true);
  add(term.extra, false);
  if (term.untracked && context.tracking == Known::no && !notracked_[context.way & 1].empty()) {
    const Matches& gone = notracked_[context.way & 1];
    out.extra.insert(out.extra.end(), gone.begin(), gone.end());
    out.undecided = "whether notrack comes before this rule";
  }
  if (term.untracked)
    if (const Matches* gone = untracked(context); gone != nullptr && context.tracking == Known::yes) {
      Matches& to = is_exact(context) ? out.certain : out.extra;
      to.insert(to.end(), gone->begin(), gone->end());
      if (!is_exact(context)) out.undecided = "which packets notrack takes out of tracking is not known";
    }
  static const Matches kAnything(1);
  const Matches& domain = term.domain.empty() ? kAnything : term.domain;
  std::optional<Matches> extra, certain;
  if (term.negated) {
    Matches all = out.certain;
    all.insert(all.end(), out.extra.begin(), out.extra.end());
    certain = subtract(domain, all);
    if (!out.extra.empty() || !certain)
      extra = subtract(domain, out.certain);
    else
      extra = Matches{};
  } else if (term.domain.empty()) {
    certain = std::move(out.certain), extra = std::move(out.extra);
  } else {
    certain = meet(out.certain, domain), extra = meet(out.extra, domain);
  }
  if (!certain || !extra) {
    certain.emplace();
    extra = domain;
    out.undecided = "the condition takes more boxes than are kept";
  } else if (!term.undecided.empty()) {
    out.undecided = term.undecided;
  }
  out.certain = std::move(*certain), out.extra = std::move(*extra);
  if (term.reads_transport) {
    restrict_to_headers(context, out.certain), restrict_to_headers(context, out.extra);
    for (Match& later : later_fragments(context, term)) {
      out.extra.push_back(std::move(later));
      if (out.undecided.empty()) out.undecided = kLaterData;
    }
  }
  return out;
}

Tested Conditions::conjunction(const Table& table, const Rule& rule, const Branch& branch, const Context& context) {
  Tested all;
  Match start;
  start.box.family = table.family;
  all.certain = {start};
  std::string undecided;
  const auto take = [&](const Term& term) {
    const Tested one = test(term, context);
    if (!one.extra.empty() && !one.undecided.empty() && undecided.find(one.undecided) == std::string::npos)
      undecided += (undecided.empty() ? "" : ", ") + one.undecided;
    // What may match so far and may match this one, or matches so far for certain and this one maybe.
    std::optional<Matches> extra = Matches{};
    if (!all.extra.empty() || !one.extra.empty()) {
      Matches either = one.certain;
      either.insert(either.end(), one.extra.begin(), one.extra.end());
      extra = meet(all.extra, either);
      const std::optional<Matches> more = meet(all.certain, one.extra);
      if (extra && more) extra->insert(extra->end(), more->begin(), more->end());
      if (!more || (extra && extra->size() > kBoxesMax)) extra.reset();
    }
    std::optional<Matches> certain = meet(all.certain, one.certain);
    if (!certain || !extra) {
      // Without this condition it may match more than it does, never less.
      all.extra.insert(all.extra.end(), all.certain.begin(), all.certain.end());
      all.certain.clear();
      undecided = "the conditions take more boxes than are kept";
      return;
    }
    all.certain = std::move(*certain);
    all.extra = std::move(*extra);
  };
  for (const Term& term : rule.terms) take(term);
  if (branch.key) take(*branch.key);
  if (!all.extra.empty()) all.undecided = std::move(undecided);
  return all;
}

void compact(Rule& rule) {
  const auto is_plain = [](const Term& t) {
    if (t.negated || t.of_state || t.set || !t.extra.empty() || !t.undecided.empty() || t.certain.size() != 1 ||
        t.domain.size() > 1)
      return false;
    const Box& box = t.certain[0].box;
    return box.fragments == FragmentSet::all() && box.ingress.is_all() && box.egress.is_all();
  };
  // Tests of the transport header stay apart from the others: fragments pass by them.
  std::optional<Term> together[2];
  std::vector<Term> rest;
  for (Term& t : rule.terms) {
    if (!is_plain(t)) {
      rest.push_back(std::move(t));
      continue;
    }
    std::optional<Term>& into = together[t.reads_transport ? 1 : 0];
    if (!into) {
      into = std::move(t);
      continue;
    }
    std::optional<Match> certain = meet(into->certain[0], t.certain[0]);
    std::optional<Match> domain = into->domain.empty() ? t.domain.empty() ? Match{} : t.domain[0]
                                  : t.domain.empty() ? into->domain[0]
                                                       : meet(into->domain[0], t.domain[0]);
    if (!certain || !domain) {  // nothing is both: kept as they are
      rest.push_back(std::move(t));
      continue;
    }
    into->certain[0] = std::move(*certain);
    into->limit(std::move(*domain));
  }
  for (std::optional<Term>& t : together)
    if (t) rest.push_back(std::move(*t));
  rest.shrink_to_fit();
  rule.terms = std::move(rest);
}

}  // namespace demarc::netfilter
