#include "rules/verdict/suggest_chain.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/verdict/suggest_aws.h"
#include "rules/verdict/suggest_lines.h"

namespace demarc {

std::optional<std::vector<ListIndex>> chain_of(const Device& device, ListIndex list) {
  std::optional<std::vector<ListIndex>> chain;
  for (const Stage& stage : device.stages) {
    if (std::find(stage.lists.begin(), stage.lists.end(), list) == stage.lists.end()) continue;
    if (chain && *chain != stage.lists) return std::nullopt;
    chain = stage.lists;
  }
  return chain;
}

namespace {

/// The groups that decide beside a network ACL: those of every interface for which it stands.
ListIndex deciding_group(const Device& device, ListIndex list) {
  const bool inward = is_inward(device.lists[list]);
  std::vector<bool> decides;
  for (ListIndex l = 0; l < device.lists.size(); ++l)
    decides.push_back(is_inward(device.lists[l]) == inward && is_written(device.lists[l]) &&
                      is_security_group(device, l));
  const auto near = inward ? &Stage::egress : &Stage::ingress;
  ByteSet decided;  // interfaces
  ListIndex first = kNoList;
  for (const Stage& stage : device.stages) {
    if (!std::all_of(stage.lists.begin(), stage.lists.end(), [&](ListIndex l) { return decides[l]; })) continue;
    for (const InterfaceId id : stage.*near) decided.insert(id);
  }
  for (const Stage& stage : device.stages) {
    if (std::find(stage.lists.begin(), stage.lists.end(), list) == stage.lists.end()) continue;
    if (stage.lists.size() != 1) return kNoList;
    for (const InterfaceId id : stage.*near)
      if (!decided.contains(id)) return kNoList;
    for (const Stage& other : device.stages)
      if (first == kNoList && !other.lists.empty() && decides[other.lists.front()] &&
          std::find_first_of((other.*near).begin(), (other.*near).end(), (stage.*near).begin(),
                             (stage.*near).end()) != (other.*near).end())
        first = other.lists.front();
  }
  return first;
}

}  // namespace

ListIndex decider_of(const Device& device, ListIndex list) {
  if (device.dialect == Dialect::aws)
    return is_security_group(device, list) ? kNoList : deciding_group(device, list);
  if (device.lists[list].at_end != Fallthrough::permit) return kNoList;
  // The other sees all that this one sees, and the same addresses.
  const auto sees_all = [](const Stage& other, const Stage& stage) {
    for (const Way way : {Way::through, Way::to_device, Way::from_device})
      if (stage.ways.contains(way) && !other.ways.contains(way)) return false;
    return other.ingress.empty() && other.egress.empty() && (!other.family || other.family == stage.family) &&
           other.real_source == stage.real_source && other.real_destination == stage.real_destination;
  };
  for (const Stage& other : device.stages) {
    if (other.lists.size() != 1 || other.lists.front() == list) continue;
    const List& decider = device.lists[other.lists.front()];
    if (decider.at_end != Fallthrough::deny || !decider.defined || !is_written(decider)) continue;
    const bool all = std::all_of(device.stages.begin(), device.stages.end(), [&](const Stage& stage) {
      return std::find(stage.lists.begin(), stage.lists.end(), list) == stage.lists.end() || sees_all(other, stage);
    });
    if (all) return other.lists.front();
  }
  return kNoList;
}

bool is_written(const List& list) {
  return list.line != 0 ||
         std::any_of(list.entries.begin(), list.entries.end(), [](const Entry& e) { return e.line != 0; });
}

ListChain::ListChain(const Device& device, std::vector<ListIndex> lists)
    : joined_(device), lists_(std::move(lists)) {
  List all;
  const List& first = device.lists[lists_.front()];
  all.name = first.name;
  all.family = first.family;
  for (const ListIndex index : lists_) {
    const List& list = device.lists[index];
    const bool alone = chain_of(device, index).has_value();
    edited_.push_back(alone && list.defined && is_written(list) && edit_writer(device, index) != nullptr);
    begins_.push_back(static_cast<std::uint32_t>(all.entries.size()));
    if (list.family != all.family) all.family.reset();
    for (const Entry& e : list.entries) {
      if (e.action == Action::give_back || e.action == Action::go_to)
        problem_ = fmt::format("line {} leaves {} before its end", e.line, list.name);
      all.entries.push_back(e);
      fixed_.push_back(!edited_.back());
    }
  }
  begins_.push_back(static_cast<std::uint32_t>(all.entries.size()));
  all.at_end = device.lists[lists_.back()].at_end;
  joined_.lists.push_back(std::move(all));
  if (std::none_of(edited_.begin(), edited_.end(), [](bool edited) { return edited; }))
    problem_ = "it is asked with others, and none of them can be edited";
}

bool ListChain::split(std::vector<ListEdit> edits, std::vector<std::vector<ListEdit>>& parts,
                      std::string& why) const {
  parts.assign(lists_.size(), {});
  for (ListEdit& edit : edits) {
    std::size_t at = 0;
    while (at + 1 < lists_.size() && edit.entry >= begins_[at + 1]) ++at;
    const Entry* const entry = edit.entry < begins_.back() ? &joined_.lists.back().entries[edit.entry] : nullptr;
    if (edited_[at]) {
      edit.entry -= begins_[at];
    } else {
      // Before the first entry of a list is at the end of the one before it.
      while (at > 0 && !edited_[at]) --at;
      if (!edited_[at] || (entry != nullptr && !edit.keeps && edit.kind != ListEdit::Kind::add)) {
        why = fmt::format("line {} is of a list that cannot be edited, and nothing that can be is asked before it",
                          entry != nullptr ? entry->line : 0);
        return false;
      }
      edit.entry = begins_[at + 1] - begins_[at];
    }
    parts[at].push_back(std::move(edit));
  }
  return true;
}

}  // namespace demarc
