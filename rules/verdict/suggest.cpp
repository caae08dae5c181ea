#include "rules/verdict/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "rules/verdict/suggest_aws.h"
#include "rules/verdict/suggest_chain.h"
#include "rules/verdict/suggest_cloud.h"
#include "rules/verdict/suggest_edit.h"
#include "rules/verdict/suggest_lines.h"

namespace demarc {

namespace {

constexpr std::uint32_t kEditedMax = 20'000;  // entries of a list whose edits are worked out
constexpr std::size_t kOrderBoxes = 400;      // that choose the order of the fields

VariableOrder order_of(const RuleSet& rules) {
  std::vector<Box> boxes;
  for (const Rule& r : rules.rules) {
    const std::vector<Box> more = opening_boxes(rules, r.services, r.from.addresses, r.to.addresses);
    boxes.insert(boxes.end(), more.begin(), more.end());
    if (boxes.size() > kOrderBoxes) break;
  }
  return choose_order(boxes);
}

/// Why edits of this list are not even looked for; empty: they are.
std::string why_no_edits(const Device& device, ListIndex list, const Domain& domain, const Wish& wish) {
  if (domain.seen.empty() && wish.must.is_empty())
    return "no declared path leads by this list: declare enforcement.paths";
  if (!device.lists[list].defined) return "it is bound and written nowhere";
  if (device.lists[list].entries.size() > kEditedMax) return fmt::format("it has more than {} entries", kEditedMax);
  return "";
}

/// What AWS lets by whatever its rules say: services at link-local addresses, replies of a group.
PacketSet unfiltered(const Device& device, ListIndex list, PacketSpace& space) {
  Meaning meaning(device, space);
  PacketSet out = space.empty();
  for (const Entry& e : device.lists[list].entries)
    if (e.line == 0 && e.action == Action::permit) out |= meaning.match(e).certain;
  return out;
}

}  // namespace

Suggester::Suggester(const RuleSet& rules, Timestamp at)
    : rules_(rules), space_(std::make_unique<PacketSpace>(order_of(rules))), documented_(rules, *space_, at) {}
Suggester::~Suggester() = default;

// --- A list from nothing ---

IntendedList Suggester::full_list(const Wish& wish, const Domain& domain, const DialectWriter& writer,
                                  ReplyHandling replies) {
  IntendedList plainly;
  plainly.family = domain.family;
  PacketSet said_first = space_->empty();
  if (replies == ReplyHandling::by_state) {
    plainly.entries.push_back(entry_of_replies());
    said_first = named_by(plainly.entries, *space_);
  }
  IntendedList fronted = plainly;
  const WishedEntries entries(*space_, wish);
  const auto append = [](IntendedList& list, std::vector<IntendedEntry> more) {
    std::move(more.begin(), more.end(), std::back_inserter(list.entries));
  };
  append(plainly, entries.for_each_rule(wish.must - said_first, space_->all()));
  const Front front(rules_, *space_, wish, plainly.family);
  if (front.strangers().is_empty()) return plainly;

  // Strangers are denied behind neighbour discovery, which comes from everywhere.
  FrontedEntries parts = entries.fronted(wish.must - said_first, ~said_first, front, fronted.family);
  const auto neighbours = std::find_if(parts.early.begin(), parts.early.end(), [](const IntendedEntry& e) {
    return !e.comment.starts_with("neighbour discovery");
  });
  std::move(parts.early.begin(), neighbours, std::back_inserter(fronted.entries));
  append(fronted, front.deny_strangers(~wish.may));
  std::move(neighbours, parts.early.end(), std::back_inserter(fronted.entries));
  if (!parts.late.empty()) append(fronted, std::move(parts.few));
  append(fronted, std::move(parts.late));
  Device as_device;
  as_device.lists.push_back(with_fragments(as_list(fronted), replies));
  const bool shorter = written_size(fronted, writer) < written_size(plainly, writer);
  return shorter && judge(as_device, 0, wish, fronted.family).exact ? fronted : plainly;
}

ListSuggestion Suggester::between(const Zone& from, const Zone& to, const DialectWriter& writer,
                                  std::optional<Family> family) {
  Domain domain;
  domain.family = family;
  domain.judges_all = true;
  domain.seen.push_back({.family = family, .sources = from.addresses, .destinations = to.addresses});
  const ReplyHandling replies = writer.replies_implied ? ReplyHandling::implied
                                : writer.names_states  ? ReplyHandling::by_state
                                                       : ReplyHandling::stateless;
  ListSuggestion out;
  out.wish = wish_for(domain, replies, true, true, writer.names_states);
  out.full = full_list(out.wish, domain, writer, replies);
  out.full.name = fmt::format("{}-TO-{}", from.name, to.name);
  std::transform(out.full.name.begin(), out.full.name.end(), out.full.name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return out;
}

// --- The lists of a device ---

ListSuggestion Suggester::wishes_of(const Binding& binding, std::uint32_t index, const Stage& stage,
                                    ListIndex list) {
  const Device& device = *binding.devices[index].device;
  const DialectWriter* writer = edit_writer(device, list);
  const Domain domain = domain_of(binding, index, list);
  const ReplyHandling replies = reply_handling(device, list);
  ListSuggestion s;
  s.list = list;
  s.wish = wish_for(domain, replies, device.icmp_replies_implied, device.icmp_errors_implied,
                    writer == nullptr || writer->names_states);
  if (device.dialect == Dialect::aws) s.wish.may |= unfiltered(device, list, *space_);
  s.decider = decider_of(device, list);
  if (s.decider != kNoList) s.wish.may = space_->all();
  if (writer != nullptr) {
    s.full = full_list(s.wish, domain, *writer, replies);
    s.full.name = device.lists[list].name;
    s.full.family = device.lists[list].family ? device.lists[list].family : domain.family;
    s.full.way = stage.ways.contains(Way::through)     ? Way::through
                 : stage.ways.contains(Way::to_device) ? Way::to_device
                                                       : Way::from_device;
    for (const Interface& i : device.interfaces) s.full.interfaces.push_back(i.name);
    s.full.far_ends = cloud_far_ends(device, list, domain, s.decider != kNoList);
  }
  s.not_editable = why_no_edits(device, list, domain, s.wish);
  return s;
}

std::vector<ListSuggestion> Suggester::suggest(const Binding& binding, std::uint32_t index) {
  const Device& device = *binding.devices[index].device;
  std::vector<ListSuggestion> out;
  std::set<ListIndex> asked;
  for (const Stage& stage : device.stages)
    for (const ListIndex list : stage.lists) {
      if (!asked.insert(list).second) continue;
      const std::optional<std::vector<ListIndex>> chain = chain_of(device, list);
      if (chain && chain->size() > 1 && !is_written(device.lists[list])) continue;  // sessions and the like
      out.push_back(wishes_of(binding, index, stage, list));
      out.back().shared = !chain;
      if (chain && chain->size() > 1 && out.back().not_editable.empty()) out.back().chain = *chain;
    }
  // What is shared first: the others are worked out beside what becomes of it.
  Device changed = device;
  for (ListSuggestion& s : out)
    if (s.shared && s.not_editable.empty()) edit_shared(binding, index, changed, s);
  std::map<std::vector<ListIndex>, Edited> chains;
  for (ListSuggestion& s : out) {
    if (s.shared || !s.not_editable.empty()) continue;
    const std::vector<ListIndex> chain = s.chain.empty() ? std::vector{s.list} : s.chain;
    const auto [at, fresh] = chains.try_emplace(chain);
    if (fresh) at->second = edit(changed, chain, s, reply_handling(device, s.list));
    const auto place = std::find(chain.begin(), chain.end(), s.list) - chain.begin();
    s.not_editable = at->second.not_editable;
    if (!at->second.parts.empty()) s.edits = at->second.parts[static_cast<std::size_t>(place)];
  }
  return out;
}

/// Edits of lists that are asked one behind the other, which is mostly one. `first`: what is known of the first
/// that was come by.
Suggester::Edited Suggester::edit(const Device& device, const std::vector<ListIndex>& chain,
                                  const ListSuggestion& first, ReplyHandling replies) {
  Edited out;
  const Wish& wish = first.wish;
  std::optional<ListChain> lists;
  if (chain.size() > 1) lists.emplace(device, chain);
  const Device& joined = lists ? lists->joined() : device;
  const ListIndex list = lists ? lists->index() : chain.front();
  if (judge(joined, list, wish, joined.lists[list].family).exact) return out;
  const DialectWriter* writer = nullptr;
  for (const ListIndex l : chain)
    if (writer == nullptr) writer = edit_writer(device, l);
  if (writer == nullptr) {
    out.not_editable = device.dialect == Dialect::junos
                           ? "its lines are no terms of a filter, and others are not written"
                           : fmt::format("changes of {} are not written as commands", name(device.dialect));
    return out;
  }
  if (lists && !lists->problem().empty()) {
    out.not_editable = lists->problem();
    return out;
  }
  Meaning meaning(joined, *space_);
  ListLines lines(joined, meaning);
  const bool denies = first.full.far_ends == nullptr || first.full.far_ends->denies;
  const WishedEntries entries(*space_, wish, denies);
  const Front front(rules_, *space_, wish, joined.lists[list].family);
  EditGrounds grounds{rules_, documented_, joined, list, wish, entries, front, *writer, meaning, lines, replies};
  grounds.far_ends = first.full.far_ends;
  grounds.fixed = lists ? lists->fixed() : cloud_fixed_entries(device, device.lists[list]);
  ListEdits edits = edits_of(grounds);
  out.not_editable = std::move(edits.not_editable);
  if (!out.not_editable.empty()) return out;
  if (!lists)
    out.parts.push_back(std::move(edits.edits));
  else if (!lists->split(std::move(edits.edits), out.parts, out.not_editable))
    out.parts.clear();
  return out;
}

/// A list that different places ask with different others is right if it lets nothing through that may not pass,
/// and stops nothing that must, unless there is another list in that place to permit it. Of a security group, which
/// only permits, what nothing approves is taken away, whatever it is asked with.
void Suggester::edit_shared(const Binding& binding, std::uint32_t index, Device& changed, ListSuggestion& s) {
  const Device& device = *binding.devices[index].device;
  const List& list = device.lists[s.list];
  const auto has_other = [&](const Stage& stage) {
    return std::any_of(stage.lists.begin(), stage.lists.end(), [&](ListIndex other) {
      return other != s.list && chain_of(device, other) && is_written(device.lists[other]) &&
             edit_writer(device, other) != nullptr;
    });
  };
  PacketSet alone = space_->empty();  // what comes by where nothing else can permit it
  for (const Stage& stage : device.stages)
    if (std::find(stage.lists.begin(), stage.lists.end(), s.list) != stage.lists.end() && !has_other(stage))
      alone |= space_->of(domain_of(binding, index, s.list, &stage).seen);
  const PacketSet needed = s.wish.must & alone;
  const Bounds permitted = Meaning(device, *space_).permitted_by(s.list);
  s.wish.must &= permitted.certain;
  if (!permitted.certain.contains(needed)) {
    s.not_editable = "in some place that asks it nothing else can permit what is missing";
  } else if (!s.wish.may.contains(permitted.possible)) {
    s.not_editable = "other lists are asked with it, in each place different ones";
    if (!is_security_group(device, s.list)) return;
    const ReplyHandling replies = reply_handling(device, s.list);
    // Keeping what some places need; if no rule can tell them apart, only what nothing else can permit.
    for (const bool keeps_all : {true, false}) {
      if (!keeps_all) s.wish.must = needed;
      Edited edited = edit(device, {s.list}, s, replies);
      s.not_editable = std::move(edited.not_editable);
      if (!s.not_editable.empty()) return;
      s.edits = std::move(edited.parts.front());
      std::string problem;
      for (const ListEdit& e : s.edits) lines_in_words(device.dialect, e.instead, s.full, list.family, problem);
      if (problem.empty()) break;
    }
    changed.lists[s.list] = with_edits(list, s.edits, replies);
  }
}

// --- What was read back ---

Suggester::Judgement judge_bounds(const Bounds& permitted, const Wish& wish, std::optional<Family> family) {
  const PacketSet within = wish.must.space()->of(Box{.family = family});
  const PacketSet blocked = (wish.must & within) - permitted.certain;
  if (!blocked.is_empty()) return {false, blocked.sample(), true};
  const PacketSet extra = (permitted.possible & within) - wish.may;
  if (!extra.is_empty()) return {false, extra.sample(), false};
  return {true, {}, false};
}

Suggester::Judgement Suggester::judge(const Device& device, ListIndex list, const Wish& wish,
                                      std::optional<Family> family) {
  Meaning meaning(device, *space_);
  return judge_bounds(meaning.permitted_by(list), wish, family);
}

Suggester::Judgement Suggester::judge(const Device& device, const std::vector<ListIndex>& chain, const Wish& wish) {
  const ListChain lists(device, chain);
  return judge(lists.joined(), lists.index(), wish, lists.joined().lists.back().family);
}

Suggester::Judgement Suggester::judge(const Device& device, Way way, const Wish& wish,
                                      std::optional<Family> family) {
  Meaning meaning(device, *space_);
  return judge_bounds(device.stages.empty() ? meaning.permitted_by(0) : meaning.permitted(way), wish, family);
}

}  // namespace demarc
