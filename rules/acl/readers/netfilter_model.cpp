// Source: that an established packet of a NAT chain is not seen, nf_nat_inet_fn().
#include "rules/acl/readers/netfilter_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "rules/acl/readers/netfilter_conditions.h"

namespace demarc::netfilter {

namespace {

constexpr std::int32_t kPriorityDestinationNat = -100, kPrioritySourceNat = 100;
constexpr unsigned kCallDepthMax = 64;           // the kernel allows 16 in nftables
constexpr std::uint64_t kWeightMax = 8'000'000;  // ranges and boxes of all entries together

/// Which of it matters.
struct Depends {
  bool in = false, out = false, tracking = false, whole = false;
  Depends& operator|=(const Depends& o) {
    in |= o.in, out |= o.out, tracking |= o.tracking, whole |= o.whole;
    return *this;
  }
  bool operator==(const Depends&) const = default;
};

class Builder {
 public:
  Builder(Model& model, const Source& source, Device& device, LineNotes& notes)
      : model_(model), source_(source), device_(device), notes_(notes), conditions_(model) {}

  void build() {
    for (std::size_t t = 0; t < model_.tables.size(); ++t) {
      const Table& table = model_.tables[t];
      auto& names = chains_.emplace_back();
      for (std::size_t c = 0; c < table.chains.size(); ++c) names.emplace(table.chains[c].name, c);
    }
    find_dependences();
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
    if (!d.tracking || conditions_.ways_alike()) context.way = plain.way;
    if (!d.tracking) context.tracking = plain.tracking;
    if (!d.whole || (context.whole4 && context.whole6)) context.reads_fragments = plain.reads_fragments;
    if (!d.whole) context.whole4 = plain.whole4, context.whole6 = plain.whole6;
    return context;
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
      for (const Branch& branch : rule.branches) {
        list.entries.push_back(entry(t, rule, branch, context, depth, height));
        note_translations(chain, rule, list.entries.back(), depth);
      }
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
    if (weight_ <= kWeightMax) tested = conditions_.conjunction(table, rule, branch, context);
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
    return e;
  }

  /// What the rule translates, and what a rule in front of others keeps from being translated.
  void note_translations(const Chain& chain, const Rule& rule, const Entry& e, unsigned depth) {
    if (nats_done_.contains(&rule)) return;
    std::vector<Nat> nats = rule.nats;
    for (Nat& nat : nats) nat.certain = depth == 0 && !e.match.empty();
    if (nats.empty() && chain.base && chain.base->nat && e.action != Action::count) {
      Nat nat;
      const bool early = chain.base->hook == Hook::prerouting || chain.base->hook == Hook::output;
      nat.kind = early ? Nat::Kind::destination : Nat::Kind::source;
      nat.exempt = true;
      nat.certain = e.action != Action::jump && e.action != Action::unknown && !e.match.empty();
      nat.line = rule.line, nat.text = rule.text;
      nats.push_back(std::move(nat));
    }
    for (Nat& nat : nats)
      for (const Match& m : e.match.empty() ? e.maybe : e.match) {
        if (device_.nats.size() >= kBoxesMax) return translate_anything(rule);
        nat.match = m;
        device_.nats.push_back(nat);
      }
    if (!nats.empty()) nats_done_[&rule] = true;
  }

  /// There are too many translations: any packet may meet another one.
  void translate_anything(const Rule& rule) {
    if (std::exchange(translates_anything_, true)) return;
    device_.diagnostics.warning(source_.at_line(rule.line, 1, 1),
                                "from here on translations are too many to be written out",
                                "what becomes of packets where these may apply is undetermined");
    for (const Nat::Kind kind : {Nat::Kind::destination, Nat::Kind::source}) {
      Nat nat;
      nat.kind = kind;
      nat.certain = false;
      nat.line = rule.line, nat.text = rule.text;
      device_.nats.push_back(std::move(nat));
    }
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
    return std::any_of(device_.nats.begin(), device_.nats.end(),
                       [kind](const Nat& n) { return n.kind == kind && !n.exempt; });
  }

  void add_stage(const Table& table, const Place& p, const Base& base) {
    const Chain& chain = table.chains[p.chain];
    Stage stage;
    stage.lists = {compile(p.table, p.chain, context_of(base, table, model_), 0)};
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
  Conditions conditions_;
  std::vector<std::map<std::string, std::size_t, std::less<>>> chains_;  // of each table
  std::vector<std::vector<Depends>> depends_;
  std::map<std::tuple<std::size_t, std::size_t, Context>, Compiled> compiled_;
  std::map<std::pair<std::size_t, std::size_t>, unsigned> compiled_any_;
  std::vector<unsigned> heights_;
  std::map<const Rule*, bool> nats_done_;
  bool translates_anything_ = false;
  std::vector<Base> bases_;  // of the stages
  std::uint64_t weight_ = 0;
};

}  // namespace

std::string_view name(Hook hook) {
  constexpr std::string_view kNames[] = {"ingress", "prerouting",  "input", "forward",
                                         "output",  "postrouting", "egress"};
  return kNames[static_cast<std::size_t>(hook)];
}

void build(Model& model, const Source& source, Device& device, LineNotes& notes) {
  Builder(model, source, device, notes).build();
}

}  // namespace demarc::netfilter
