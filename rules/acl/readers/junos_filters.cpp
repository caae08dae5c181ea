#include "rules/acl/readers/junos_filters.h"

#include <fmt/format.h>

#include "rules/acl/readers/line_ledger.h"
#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/refusal_words.h"
#include "rules/text/suggest.h"

namespace demarc::junos {

namespace {

constexpr std::string_view kAccepting[] = {"accept",  "routing-instance", "logical-system", "topology",
                                           "next-ip", "next-ip6",         "next-interface"};
constexpr std::string_view kGoingOn[] = {"count",
                                         "log",
                                         "syslog",
                                         "sample",
                                         "port-mirror",
                                         "port-mirror-instance",
                                         "forwarding-class",
                                         "loss-priority",
                                         "dscp",
                                         "traffic-class",
                                         "service-accounting",
                                         "service-accounting-deferred",
                                         "service-filter-hit",
                                         "packet-mode",
                                         "load-balance",
                                         "next-hop-group",
                                         "analyzer",
                                         "dont-fragment",
                                         "exclude-accounting",
                                         "interface-group",
                                         "set",
                                         "bgp-output-queue-priority",
                                         "virtual-channel",
                                         "clear-policy-map",
                                         "policy-map",
                                         "de-encapsulate-keep",
                                         "no-decrement-ttl",
                                         "sflow",
                                         "l2-mirror",
                                         "trace",
                                         "ipsec-sa-hint"};
constexpr std::string_view kPolicing[] = {"policer",       "three-color-policer",           "hierarchical-policer",
                                          "prefix-action", "enhanced-hierarchical-policer", "two-color-policer"};
constexpr std::string_view kFirewall[] = {
    "family",      "filter", "interface-set", "apply-groups", "apply-groups-except", "load-balance-group",
    "traceoptions"};
constexpr std::string_view kFilterOptions[] = {"interface-specific",
                                               "accounting-profile",
                                               "physical-interface-filter",
                                               "enhanced-mode",
                                               "instance-shared",
                                               "fast-lookup-filter",
                                               "interface-shared",
                                               "promote",
                                               "apply-groups",
                                               "apply-groups-except",
                                               "apply-flags",
                                               "scale-optimized",
                                               "profile"};

}  // namespace

void Filters::read_policers() {
  const NodeId firewall = tree_.find(root(), "firewall");
  for (const std::string_view kind : kPolicing)
    for (const NodeId p : tree_.children(tree_.find(firewall, kind))) {
      tree_.mark(p, Understanding::understood);
      bool discards = kind != "policer";
      for (const NodeId t : tree_.children(tree_.find(p, "then"))) discards = discards || word(t) == "discard";
      if (tree_.find(p, {"action", "loss-priority", "high", "then", "discard"}) == kNoNode &&
          kind == "three-color-policer")
        discards = false;
      if (!discards) gentle_policers_.insert(word(p));
    }
}

void Filters::find_bound_names() {
  for (NodeId id = 1; id < tree_.size(); ++id) {
    if (word(id) != "filter") continue;
    for (const NodeId c : tree_.children(id)) {
      if (!word(c).starts_with("input") && !word(c).starts_with("output")) continue;
      for (const NodeId n : tree_.children(c)) {
        bound_.insert(word(n));
        for (const NodeId named : tree_.children(n)) bound_.insert(word(named));
      }
    }
  }
}

void Filters::read() {
  read_policers();
  find_bound_names();
  const NodeId firewall = tree_.find(root(), "firewall");
  if (firewall == kNoNode) return;
  tree_.mark(firewall, Understanding::understood);
  for (const NodeId c : tree_.children(firewall))
    if (!is_one_of(word(c), kFirewall) && !is_one_of(word(c), kPolicing))
      not_understood(c, fmt::format("'{}' is not known in firewall", word(c)));
  const NodeId families = tree_.find(firewall, "family");
  // All lists first, for filters may name filters that are written behind them.
  declare_filters(tree_.find(firewall, "filter"), "inet");
  for (const NodeId f : tree_.children(families)) {
    if (filter_family(word(f)) == nullptr) {
      not_understood(f, fmt::format("filters of family {} are not read: what they drop is not known", word(f)));
      for (const NodeId filter : tree_.children(tree_.find(f, "filter")))
        lists_.emplace(std::pair(std::string(word(f)), std::string(word(filter))),
                       unknown_list(fmt::format("{} {}", word(f), word(filter)), tree_[filter].line, std::nullopt));
      continue;
    }
    declare_filters(tree_.find(f, "filter"), word(f));
    for (const NodeId c : tree_.children(f))
      if (word(c) != "filter" && !word(c).starts_with("apply-"))
        not_understood(c, fmt::format("'{}' is not read: what it drops is not known", word(c)));
  }
  for (std::size_t i = 0; i < declared_.size(); ++i) read_filter(i, false);
  // Those that others name come at the end, without an end of their own.
  for (std::size_t i = 0; i < nested_.size(); ++i) read_filter(nested_[i], true);
}

void Filters::declare_filters(NodeId filters, std::string_view family) {
  for (const NodeId f : tree_.children(filters)) {
    List list;
    list.name = std::string(word(f));
    list.line = tree_[f].line;
    list.family = filter_family(family)->family;
    const auto index = static_cast<ListIndex>(device_.lists.size());
    const bool fresh = lists_.emplace(std::pair(std::string(family), list.name), index).second;
    if (!fresh) {  // `firewall filter F` and `firewall family inet filter F`
      not_understood(f, fmt::format("the filter {} is written twice", word(f)));
      continue;
    }
    declared_.push_back({f, family, index});
    declared_by_list_.emplace(index, declared_.size() - 1);
    device_.lists.push_back(std::move(list));
  }
}

FilterContext Filters::context(std::optional<Family> family) {
  return {family, [this](std::string_view name) { return prefix_lists_.find(name); },
          [this](std::string_view name) { return interfaces_.like(name); },
          [this](std::string_view name) {
            return tree_.find(root(), {"firewall", "interface-set", name});
          },
          &ranges_left_};
}

void Filters::read_filter(std::size_t which, bool nested) {
  const Declared filter = declared_[which];
  const ListIndex index = nested ? filter.nested : filter.list;
  const FilterContext with = context(filter_family(filter.family)->family);
  if (!nested) tree_.mark(filter.node, Understanding::understood);
  for (const NodeId c : tree_.children(filter.node)) {
    if (word(c) == "term") {
      for (const NodeId t : tree_.all_children(c)) read_term(t, filter, index, with);
    } else if (!is_one_of(word(c), kFilterOptions) && word(c) != "from" && word(c) != "then") {
      not_understood(c, fmt::format("'{}' is not known in a filter", word(c)));
      add_unknown(index, c, with.family);
    }
  }
  // Old configurations have filters without terms.
  if (tree_.has(filter.node, "from") || tree_.has(filter.node, "then")) read_term(filter.node, filter, index, with);
  if (tree_[filter.node].cut) add_unknown(index, filter.node, with.family);
}

void Filters::add_unknown(ListIndex index, NodeId node, std::optional<Family> family) {
  Entry e = anything(family);
  e.line = e.line_last = tree_[node].line;
  e.text = LineLedger::bounded(tree_.text(node));
  e.undecided = tree_[node].cut ? "the text ends within the filter" : "the statement is not known";
  device_.lists[index].entries.push_back(std::move(e));
}

void Filters::read_term(NodeId term, const Declared& filter, ListIndex index, const FilterContext& with) {
  Entry entry;
  entry.line = tree_[term].line;
  entry.line_last = tree_[term].line_last;
  entry.text = LineLedger::bounded(fmt::format("{}{}{}", tree_[term].inactive ? "inactive: " : "",
                                               term == filter.node ? "" : "term ", tree_.text(term)));
  entry.inactive = tree_[term].inactive;
  tree_.mark(term, entry.inactive ? Understanding::not_filtering : Understanding::understood);
  if (entry.inactive) {
    device_.lists[index].entries.push_back(std::move(entry));
    return;
  }
  read_from(tree_, device_, tree_.find(term, "from"), with, entry);
  if (tree_.find(term, "from") == kNoNode) {
    entry.match.assign(1, Match{});
    entry.match[0].box.family = with.family;
  }
  if (const NodeId named = tree_.find(term, "filter"); named != kNoNode && term != filter.node) {
    std::string_view name;
    for (const NodeId c : tree_.children(named)) name = word(c);
    nest(entry, name, filter, named);
  } else {
    read_actions(term, index, entry);
  }
  for (const NodeId c : tree_.children(term)) {
    const std::string_view w = word(c);
    if (w == "from" || w == "then" || w == "filter" || w.starts_with("apply-groups") || term == filter.node)
      continue;
    not_understood(c, fmt::format("'{}' is not known in a term", w));
    entry.maybe.insert(entry.maybe.end(), entry.match.begin(), entry.match.end());
    entry.match.clear();
    entry.undecided = fmt::format("'{}' is not known in a term", w);
  }
  if (tree_[term].cut) {
    entry.action = Action::unknown;
    entry.maybe.assign(1, Match{});
    entry.maybe[0].box.family = with.family;
    entry.match.clear();
    entry.undecided = "the text ends within the term";
  }
  device_.lists[index].entries.push_back(std::move(entry));
}

void Filters::nest(Entry& entry, std::string_view name, const Declared& filter, NodeId node) {
  const auto found = lists_.find(std::pair(std::string(filter.family), std::string(name)));
  if (found == lists_.end()) {
    entry.action = Action::unknown;
    entry.undecided = fmt::format("filter {} is not defined", name);
    return not_understood(node, entry.undecided);
  }
  Declared& called = declared_[declared_by_list_.at(found->second)];
  if (called.nested == kNoList && !bound_.contains(name)) {
    called.nested = called.list;
    device_.lists[called.list].at_end = Fallthrough::give_back;
  }
  if (called.nested == kNoList) {
    List list;
    list.name = fmt::format("{} (within another)", name);
    list.line = device_.lists[called.list].line;
    list.family = device_.lists[called.list].family;
    list.at_end = Fallthrough::give_back;
    called.nested = static_cast<ListIndex>(device_.lists.size());
    nested_.push_back(declared_by_list_.at(found->second));
    device_.lists.push_back(std::move(list));
  }
  entry.action = Action::jump;
  entry.target = called.nested;
}

void Filters::read_actions(NodeId term, ListIndex index, Entry& entry) {
  entry.action = Action::permit;  // without a terminating action
  bool terminated = false;
  std::string unknown;
  for (const NodeId a : tree_.children(tree_.find(term, "then"))) {
    const std::string_view w = word(a);
    const auto ends = [&](Action action, Refusal refusal = Refusal::plain) {
      if (!terminated) entry.action = action, entry.refusal = refusal;  // an inherited one comes behind
      terminated = true;
    };
    if (is_one_of(w, kAccepting)) {
      ends(Action::permit);
    } else if (w == "discard") {
      ends(Action::deny);
    } else if (w == "reject") {
      ends(Action::deny, refusal_of(a));
    } else if (w == "next" && tree_.has(a, "term")) {
      ends(Action::count);
    } else if (is_one_of(w, kPolicing)) {
      for (const NodeId p : tree_.children(a)) add_policer(p, index, entry);
    } else if (!is_one_of(w, kGoingOn) && !w.starts_with("apply-groups")) {
      unknown = fmt::format("'{}' is no action that is known", w);
      constexpr std::string_view kKnown[] = {"accept",       "discard", "reject",  "next",   "count",
                                             "log",          "syslog",  "policer", "sample", "forwarding-class",
                                             "loss-priority"};
      not_understood(a, unknown, suggest(w, std::span(kKnown)));
    }
  }
  if (unknown.empty() || terminated) return;
  entry.action = Action::unknown;
  entry.undecided += fmt::format("{}{}", entry.undecided.empty() ? "" : ", ", unknown);
}

Refusal Filters::refusal_of(NodeId reject) const {
  for (const NodeId message : tree_.children(reject)) return refusal_by_word(word(message));
  return Refusal::prohibited;
}

void Filters::add_policer(NodeId policer, ListIndex index, const Entry& term) {
  if (!may_discard(word(policer))) return;
  Entry e;
  e.line = e.line_last = tree_[policer].line;
  e.text = LineLedger::bounded(fmt::format("policer {}", word(policer)));
  e.action = Action::deny;
  e.maybe = term.match;
  e.maybe.insert(e.maybe.end(), term.maybe.begin(), term.maybe.end());
  e.undecided = fmt::format("policer {} may discard what exceeds its rate", word(policer));
  tree_.mark(policer, Understanding::in_part, e.undecided);
  device_.lists[index].entries.push_back(std::move(e));
}

ListIndex Filters::applied(NodeId name, std::string_view family, std::optional<Family> packets) {
  const auto key = std::pair(std::string(family), std::string(word(name)));
  if (const auto found = lists_.find(key); found != lists_.end()) return found->second;
  not_understood(name, fmt::format("the filter {} of family {} is applied and not defined", word(name), family),
                 "what it does is taken for anything");
  const ListIndex unknown = unknown_list(std::string(word(name)), tree_[name].line, packets);
  device_.lists[unknown].entries[0].undecided = "the filter is not defined";
  lists_.emplace(key, unknown);
  return unknown;
}

}  // namespace demarc::junos
