// Sources: the hooks' priorities are those of linux/netfilter_ipv4.h (conntrack -200, its defragmentation -400);
// that an established packet of a NAT chain is not seen, nf_nat_inet_fn(); which interface a hook knows,
// nf_hook_state.
#include "rules/acl/readers/netfilter_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace demarc::netfilter {

namespace {

constexpr std::int32_t kPriorityTracking = -200, kPriorityDefragmented = -400;
constexpr std::int32_t kPriorityDestinationNat = -100, kPrioritySourceNat = 100;
constexpr unsigned kCallDepthMax = 64;           // the kernel allows 16 in nftables
constexpr std::uint64_t kWeightMax = 8'000'000;  // ranges and boxes of all entries together

constexpr std::string_view kLaterData = "a later fragment's data may be taken for its header";

enum class Known : std::uint8_t { no, yes, unsure };

/// What a chain's meaning depends on, beside its text.
struct Context {
  Known in = Known::yes, out = Known::yes, tracking = Known::yes;
  bool whole4 = false, whole6 = false;  // fragments are put together before
  std::uint8_t way = 0;                 // whose notrack counts: 0 arriving, 1 made here, 2 either
  bool reads_fragments = false;         // Table::reads_fragments
  auto operator<=>(const Context&) const = default;
};

/// Which of it matters.
struct Depends {
  bool in = false, out = false, tracking = false, whole = false;
  Depends& operator|=(const Depends& o) {
    in |= o.in, out |= o.out, tracking |= o.tracking, whole |= o.whole;
    return *this;
  }
  bool operator==(const Depends&) const = default;
};

Context of(const Base& base, const Table& table, const Model& model) {
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

/// A fresh test, with the boxes that hold for certain and those that may.
struct Tested {
  Matches certain, extra;
  std::string undecided;
};

class Builder {
 public:
  Builder(Model& model, const Source& source, Device& device, LineNotes& notes)
      : model_(model), source_(source), device_(device), notes_(notes) {}

  void build() {
    for (std::size_t t = 0; t < model_.tables.size(); ++t) {
      const Table& table = model_.tables[t];
      auto& names = chains_.emplace_back();
      for (std::size_t c = 0; c < table.chains.size(); ++c) names.emplace(table.chains[c].name, c);
    }
    find_dependences();
    find_untracked();
    make_stages();
    for (std::size_t t = 0; t < model_.tables.size(); ++t)  // chains that nothing calls are lists all the same
      for (std::size_t c = 0; c < model_.tables[t].chains.size(); ++c)
        if (!compiled_any_.contains({t, c}))
          compile(t, c,
                  Context{.whole4 = model_.tracks4,
                          .whole6 = model_.tracks6,
                          .reads_fragments = model_.tables[t].reads_fragments},
                  0);
    add_interfaces();
  }

 private:
  // --- What chains depend on ---

  static Depends depends(const Term& term) {
    Depends d;
    d.whole = term.reads_transport;
    const auto look = [&d](const Matches& matches) {
      for (const Match& m : matches) {
        d.in |= !m.box.ingress.is_all();
        d.out |= !m.box.egress.is_all();
        d.whole |= m.box.fragments != FragmentSet::all();
      }
    };
    look(term.certain), look(term.extra);
    if (term.set) look(*term.set);
    d.tracking |= term.of_state;
    return d;
  }

  void find_dependences() {
    for (std::size_t t = 0; t < model_.tables.size(); ++t) {
      const Table& table = model_.tables[t];
      std::vector<Depends> own(table.chains.size());
      std::vector<std::vector<std::size_t>> callers(table.chains.size());
      for (std::size_t c = 0; c < table.chains.size(); ++c)
        for (const Rule& rule : table.chains[c].rules) {
          for (const Term& term : rule.terms) own[c] |= depends(term);
          for (const Branch& branch : rule.branches) {
            if (branch.key) own[c] |= depends(*branch.key);
            if (const auto called = chains_[t].find(branch.target); called != chains_[t].end())
              callers[called->second].push_back(c);
          }
        }
      // What a chain depends on, those that call it depend on: each chain changes at most four times.
      std::vector<std::size_t> changed(table.chains.size());
      for (std::size_t c = 0; c < changed.size(); ++c) changed[c] = c;
      while (!changed.empty()) {
        const std::size_t c = changed.back();
        changed.pop_back();
        for (const std::size_t caller : callers[c]) {
          const Depends before = own[caller];
          own[caller] |= own[c];
          if (!(own[caller] == before)) changed.push_back(caller);
        }
      }
      depends_.push_back(std::move(own));
    }
  }

  Context narrowed(std::size_t t, std::size_t c, Context context) const {
    const Depends& d = depends_[t][c];
    const Context plain;
    if (!d.in) context.in = plain.in;
    if (!d.out) context.out = plain.out;
    if (!d.tracking || untracked_[0] == untracked_[1]) context.way = plain.way;
    if (!d.tracking) context.tracking = plain.tracking;
    if (!d.whole || (context.whole4 && context.whole6)) context.reads_fragments = plain.reads_fragments;
    if (!d.whole) context.whole4 = plain.whole4, context.whole6 = plain.whole6;
    return context;
  }

  // --- What is not tracked ---

  /// The packets that `notrack` takes out of tracking, for arriving ones and for those made here. Exact where the
  /// rule stands in the hook's own chain and nothing before it ends the way; otherwise it is not known which of
  /// them get there.
  void find_untracked() {
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
        const Context context = chain.base ? of(*chain.base, table, model_) : Context{};
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

  // --- Conditions ---

  void add_part(Match m, const Context& context, bool of_state, bool certain, Tested& out) {
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

  const Matches* untracked(const Context& context) {
    if (context.way < 2 || untracked_[0] == untracked_[1])
      return untracked_[context.way & 1].empty() ? nullptr : &untracked_[context.way & 1];
    either_ = untracked_[0];
    either_.insert(either_.end(), untracked_[1].begin(), untracked_[1].end());
    return &either_;
  }
  bool is_exact(const Context& context) const {
    return context.way < 2 ? exact_[context.way] : exact_[0] && exact_[1] && untracked_[0] == untracked_[1];
  }

  void restrict_to_headers(const Context& context, Matches& matches) const {
    if (context.whole4 && context.whole6) return;
    const FragmentSet visible{Fragment::whole, Fragment::first};
    const std::size_t count = matches.size();
    for (std::size_t i = 0; i < count; ++i) {
      if (context.whole4 != context.whole6 && !matches[i].box.family) {
        Match other = matches[i];
        other.box.family = context.whole4 ? Family::ipv4 : Family::ipv6;
        if (meet(other, other)) matches.push_back(std::move(other));
        matches[i].box.family = context.whole4 ? Family::ipv6 : Family::ipv4;
      } else if (matches[i].box.family &&
                 (matches[i].box.family == Family::ipv4 ? context.whole4 : context.whole6)) {
        continue;
      }
      matches[i].box.fragments = meet(matches[i].box.fragments, visible);
    }
  }

  /// The later fragments of which it is not known whether the test is made with their data (Linux 6.18 does, for
  /// loads that nft_payload_fast_eval makes; others skip the rule).
  static Matches later_fragments(const Context& context, const Term& term) {
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

  /// A test of the fragment bits where fragments come whole: they are never set.
  static bool adapt_fragments(const Context& context, Match& m) {
    if (m.box.fragments == FragmentSet::all()) return true;
    const bool v4 = m.box.family != Family::ipv6;
    if (!(v4 ? context.whole4 : context.whole6)) return true;
    if (!m.box.fragments.contains(Fragment::whole)) return false;
    m.box.fragments = FragmentSet::all();
    return true;
  }

  Tested test(const Term& term, const Context& context) {
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

  Tested conjunction(const Table& table, const Rule& rule, const Branch& branch, const Context& context) {
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

  // --- Lists ---

  struct Compiled {
    ListIndex list = kNoList;
    unsigned height = 0;
    bool done = false;
  };

  ListIndex compile(std::size_t t, std::size_t c, const Context& wide, unsigned depth) {
    const Context context = narrowed(t, c, wide);
    const auto key = std::tuple(t, c, context);
    if (const auto known = compiled_.find(key); known != compiled_.end())
      return known->second.done ? known->second.list : kNoList;  // a circle
    if (depth > kCallDepthMax) return kNoList;
    compiled_[key] = {};
    const Table& table = model_.tables[t];
    const Chain& chain = table.chains[c];
    List list;
    list.name = table.name + chain.name;
    if (const unsigned before = compiled_any_[{t, c}]++; before != 0) list.name += fmt::format(" #{}", before + 1);
    list.line = chain.line;
    list.family = table.family;
    list.at_end = chain.base ? chain.base->policy : Fallthrough::give_back;
    if (chain.base) list.at_end_line = chain.base->policy_line;
    unsigned height = 0;
    std::string remark;
    for (const Rule& rule : chain.rules)
      for (const Branch& branch : rule.branches)
        list.entries.push_back(entry(t, rule, branch, context, depth, height));
    const ListIndex index = static_cast<ListIndex>(device_.lists.size());
    device_.lists.push_back(std::move(list));
    compiled_[key] = {index, height, true};
    heights_.resize(device_.lists.size());
    heights_[index] = height;
    return index;
  }

  Entry entry(std::size_t t, const Rule& rule, const Branch& branch, const Context& context, unsigned depth,
              unsigned& height) {
    const Table& table = model_.tables[t];
    Entry e;
    e.line = rule.line, e.line_last = rule.line_last;
    e.text = rule.text, e.remark = rule.remark;
    e.action = branch.action;
    e.refusal = branch.refusal;
    e.packets = rule.packets;
    Tested tested;
    if (weight_ <= kWeightMax) tested = conjunction(table, rule, branch, context);
    for (const Matches* matches : {&tested.certain, &tested.extra})
      for (const Match& m : *matches) weight_ += weight(m);
    if (weight_ > kWeightMax) {
      Match any;
      any.box.family = table.family;
      tested = {{}, {any}, "the rule set's sets, as often as rules use them, take more memory than they may"};
    }
    e.match = std::move(tested.certain), e.maybe = std::move(tested.extra),
    e.undecided = std::move(tested.undecided);
    if (!rule.unread.empty() && e.undecided.empty()) e.undecided = rule.unread;
    if (branch.action == Action::jump || branch.action == Action::go_to) {
      const auto called = chains_[t].find(branch.target);
      const bool known = called != chains_[t].end();
      if (known) e.target = compile(t, called->second, context, depth + 1);
      if (e.target != kNoList && heights_[e.target] + 1 > kCallDepthMax) e.target = kNoList;
      if (e.target == kNoList) {
        e.action = Action::unknown;
        e.undecided = known ? fmt::format("chain {} is called in a circle, or too deep", branch.target)
                            : fmt::format("chain {} is not defined", branch.target);
        notes_.say(rule.note, Understanding::not_understood, e.undecided);
        device_.diagnostics.warning(source_.at_line(rule.line, 1, 1), e.undecided,
                                    "the kernel would not load it so");
      } else {
        height = std::max(height, heights_[e.target] + 1);
      }
    }
    // What a kernel makes of fragments is no fault of the line.
    if (!e.undecided.empty() && e.undecided != kLaterData)
      notes_.say(rule.note, Understanding::in_part, e.undecided);
    for (Nat nat : rule.nats) {
      if (nats_done_.contains(&rule)) break;
      for (const Match& m : e.match.empty() ? e.maybe : e.match) {
        if (device_.nats.size() >= kBoxesMax) break;
        nat.match = m;
        device_.nats.push_back(nat);
      }
    }
    if (!rule.nats.empty()) nats_done_[&rule] = true;
    return e;
  }

  // --- Stages ---

  struct Place {
    std::size_t table, chain;
  };

  static std::array<std::int64_t, 2> order(const Base& base) {
    return {static_cast<int>(base.hook), base.priority};
  }

  void make_stages() {
    std::vector<Place> places;
    for (std::size_t t = 0; t < model_.tables.size(); ++t)
      for (std::size_t c = 0; c < model_.tables[t].chains.size(); ++c)
        if (model_.tables[t].chains[c].base && !model_.tables[t].dormant) places.push_back({t, c});
    const auto base = [this](const Place& p) -> const Base& {
      return *model_.tables[p.table].chains[p.chain].base;
    };
    std::stable_sort(places.begin(), places.end(),
                     [&](const Place& a, const Place& b) { return order(base(a)) < order(base(b)); });
    for (const Place& p : places) {
      const Table& table = model_.tables[p.table];
      if (table.other_layer)
        add_other_layer(table, table.chains[p.chain]);
      else
        add_stage(table, p, base(p));
    }
    const bool source = has_nat(Nat::Kind::source), destination = has_nat(Nat::Kind::destination);
    for (std::size_t i = 0; i < device_.stages.size() && i < bases_.size(); ++i) {
      const Base& b = bases_[i];
      const bool before = b.hook == Hook::ingress ||
                          (b.hook == Hook::prerouting && b.priority <= kPriorityDestinationNat) ||
                          (b.hook == Hook::output && b.priority <= kPriorityDestinationNat);
      const bool behind =
          b.hook == Hook::egress || (b.hook == Hook::postrouting && b.priority > kPrioritySourceNat);
      if (destination && before) device_.stages[i].real_destination = false;
      if (source && behind) device_.stages[i].real_source = false;
    }
  }

  bool has_nat(Nat::Kind kind) const {
    return std::any_of(device_.nats.begin(), device_.nats.end(), [kind](const Nat& n) { return n.kind == kind; });
  }

  void add_stage(const Table& table, const Place& p, const Base& base) {
    const Chain& chain = table.chains[p.chain];
    Stage stage;
    stage.lists = {compile(p.table, p.chain, of(base, table, model_), 0)};
    stage.name = fmt::format("{} at {}", device_.lists[stage.lists[0]].name, name(base.hook));
    switch (base.hook) {
      case Hook::ingress:
      case Hook::prerouting: stage.ways = {Way::through, Way::to_device}; break;
      case Hook::input: stage.ways = {Way::to_device}; break;
      case Hook::forward: stage.ways = {Way::through}; break;
      case Hook::output: stage.ways = {Way::from_device}; break;
      case Hook::postrouting:
      case Hook::egress: stage.ways = {Way::through, Way::from_device}; break;
    }
    stage.family = table.family;
    stage.line = chain.line;
    stage.priority = static_cast<std::int32_t>(device_.stages.size());
    for (const std::string& device : base.devices) {
      const std::optional<InterfaceId> id = model_.interfaces.id(device);
      if (id) (base.hook == Hook::egress ? stage.egress : stage.ingress).push_back(*id);
    }
    if (base.nat) spare_known(device_.lists[stage.lists[0]]);
    device_.stages.push_back(std::move(stage));
    bases_.push_back(base);
  }

  /// A NAT chain sees the first packet of each conversation alone: the others pass by it. Most such chains stop
  /// nothing.
  static void spare_known(List& list) {
    const bool stops = list.at_end == Fallthrough::deny ||
                       std::any_of(list.entries.begin(), list.entries.end(), [](const Entry& e) {
                         return e.action == Action::deny || e.action == Action::unknown ||
                                e.action == Action::jump || e.action == Action::go_to;
                       });
    if (!stops) {
      // Nothing is decided in it: its entries say what is translated, or not.
      for (Entry& e : list.entries)
        if (e.action == Action::permit || e.action == Action::give_back) e.action = Action::count;
      return;
    }
    Entry e;
    e.text = "packets of a conversation that is known pass by NAT chains";
    e.action = Action::permit;
    Match known, related;
    known.box.family = related.box.family = list.family;
    known.box.states = {ConnectionState::established, ConnectionState::invalid};
    related.box.states = {ConnectionState::related};
    e.match = {known};
    e.maybe = {related};
    e.undecided = "a related packet may be the first one of its own conversation";
    list.entries.insert(list.entries.begin(), std::move(e));
  }

  /// A bridge's or ARP's table sees frames of which we do not know whether routed packets are among them.
  void add_other_layer(const Table& table, const Chain& chain) {
    if (table.name.starts_with("arp")) return;
    bool stops = chain.base->policy == Fallthrough::deny;
    for (const Rule& rule : chain.rules)
      for (const Branch& branch : rule.branches) stops = stops || branch.action != Action::count;
    if (!stops) return;
    List list;
    list.name = fmt::format("{}{} (not modelled)", table.name, chain.name);
    list.line = chain.line;
    list.at_end = Fallthrough::permit;
    Entry e;
    e.line = e.line_last = chain.line;
    e.text = fmt::format("chain {}", chain.name);
    e.action = Action::unknown;
    e.maybe = {Match{}};
    e.undecided = "the bridge family is not modelled: which of its frames are routed packets is not known";
    list.entries.push_back(std::move(e));
    Stage stage;
    stage.name = list.name;
    stage.ways = {Way::through, Way::to_device, Way::from_device};
    stage.line = chain.line;
    stage.priority = static_cast<std::int32_t>(device_.stages.size());
    stage.lists = {static_cast<ListIndex>(device_.lists.size())};
    device_.lists.push_back(std::move(list));
    heights_.resize(device_.lists.size());
    device_.stages.push_back(std::move(stage));
    bases_.push_back(*chain.base);
    notes_.say(chain.note, Understanding::not_understood, "the bridge family is not modelled");
    device_.diagnostics.warning(source_.at_line(chain.line, 1, 1),
                                "the bridge family is not modelled: what this chain drops is not known", "");
  }

  // --- Interfaces ---

  void add_interfaces() {
    const std::vector<std::string>& names = model_.interfaces.names();
    std::vector<Interface> known = std::move(device_.interfaces);
    device_.interfaces.clear();
    for (const std::string& name : names) {
      Interface i;
      const auto found =
          std::find_if(known.begin(), known.end(), [&](const Interface& k) { return k.name == name; });
      if (found != known.end()) i = *found;
      i.name = name;
      device_.interfaces.push_back(std::move(i));
    }
    if (!names.empty() && names.size() < kInterfacesMax) {
      Interface other;
      other.name = "*";  // any that nobody names
      device_.interfaces.push_back(std::move(other));
    }
  }

  Model& model_;
  const Source& source_;
  Device& device_;
  LineNotes& notes_;
  std::vector<std::map<std::string, std::size_t, std::less<>>> chains_;  // of each table
  std::vector<std::vector<Depends>> depends_;
  Matches notracked_[2];  // by a rule
  Matches untracked_[2];  // by a rule, or by the kernel itself
  Matches either_;
  bool exact_[2] = {true, true};
  std::map<std::tuple<std::size_t, std::size_t, Context>, Compiled> compiled_;
  std::map<std::pair<std::size_t, std::size_t>, unsigned> compiled_any_;
  std::vector<unsigned> heights_;
  std::map<const Rule*, bool> nats_done_;
  std::vector<Base> bases_;  // of the stages
  std::uint64_t weight_ = 0;
};

}  // namespace

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

std::string_view name(Hook hook) {
  constexpr std::string_view kNames[] = {"ingress", "prerouting",  "input", "forward",
                                         "output",  "postrouting", "egress"};
  return kNames[static_cast<std::size_t>(hook)];
}

void LineNotes::say(std::uint32_t line, Understanding understanding, std::string why) {
  constexpr std::uint8_t kWeight[] = {2, 3, 1, 4};  // understood, in part, not about filtering, not understood
  if (line == 0 || line >= states_.size()) return;
  const std::uint8_t weight = kWeight[static_cast<std::size_t>(understanding)];
  if (weight <= states_[line]) return;
  states_[line] = weight;
  if (!why.empty() && whys_.size() < kWhysMax) whys_[line] = std::move(why);
}

void LineNotes::write(const Source& source, LineLedger& ledger) const {
  for (std::uint32_t line = 1; line < states_.size(); ++line)
    if (source.line(line).find_first_not_of(" \t\r") != std::string_view::npos) write_one(line, line, ledger);
}

void LineNotes::write(const std::vector<std::uint32_t>& lines, LineLedger& ledger) const {
  for (std::uint32_t i = 0; i < lines.size(); ++i) write_one(i + 1, lines[i], ledger);
}

void LineNotes::write_one(std::uint32_t number, std::uint32_t line, LineLedger& ledger) const {
  constexpr Understanding kStates[] = {Understanding::not_understood, Understanding::not_filtering,
                                       Understanding::understood, Understanding::in_part,
                                       Understanding::not_understood};
  const auto why = whys_.find(number);
  ledger.mark(line, kStates[states_[number]],
              why != whys_.end()     ? why->second
              : states_[number] == 0 ? "it belongs to nothing that was read"
                                     : "");
}

std::optional<InterfaceId> InterfaceNames::id(std::string_view name) {
  if (const auto known = ids_.find(name); known != ids_.end()) return known->second;
  if (names_.size() >= kInterfacesMax) return std::nullopt;
  const InterfaceId id = static_cast<InterfaceId>(names_.size());
  names_.emplace_back(name);
  ids_.emplace(std::string(name), id);
  return id;
}

ByteSet InterfaceNames::expand(const ByteSet& named) const {
  ByteSet all = named;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (!named.contains(static_cast<InterfaceId>(i)) || !names_[i].ends_with('*')) continue;
    const std::string_view prefix = std::string_view(names_[i]).substr(0, names_[i].size() - 1);
    for (std::size_t j = 0; j < names_.size(); ++j)
      if (names_[j].starts_with(prefix)) all.insert(static_cast<InterfaceId>(j));
  }
  return all;
}

void build(Model& model, const Source& source, Device& device, LineNotes& notes) {
  Builder(model, source, device, notes).build();
}

}  // namespace demarc::netfilter
