#include "rules/verdict/suggest_junos.h"

#include <fmt/format.h>

#include <algorithm>

namespace demarc {

namespace {

/// The name of the entry's term, with its quotes; empty: it is none (a policer's discard).
std::string_view term_of(const Entry& e) {
  std::string_view text = e.text;
  if (text.starts_with("inactive: ")) text.remove_prefix(std::string_view("inactive: ").size());
  if (e.line == 0 || !text.starts_with("term ")) return {};
  text.remove_prefix(std::string_view("term ").size());
  const std::size_t end = text.starts_with('"') ? text.find('"', 1) + 1 : text.find(' ');
  return text.substr(0, std::min(end, text.size()));
}

bool is_policer(const Entry& e) { return e.text.starts_with("policer "); }

}  // namespace

bool is_junos_filter(const List& list) {
  return list.line != 0 && std::all_of(list.entries.begin(), list.entries.end(), [](const Entry& e) {
           return e.line == 0 || is_policer(e) || !term_of(e).empty();
         });
}

JunosFilterEdits::JunosFilterEdits(const Device& device, ListIndex list) : list_(device.lists[list]) {
  if (!list_.family) {
    problem_ = "it is no filter of one family";
  } else if (!is_junos_filter(list_)) {
    problem_ = "it is no filter of named terms";
  } else if (device.find_list(fmt::format("{} (within another)", list_.name)) != kNoList) {
    problem_ = "another filter is made of its terms as well";
  }
  if (!problem_.empty()) return;
  filter_ = junos_filter(*list_.family, list_.name);
  for (const Entry& e : list_.entries) names_.take(term_of(e));
}

std::string JunosFilterEdits::remove(std::uint32_t entry) const {
  const std::string_view term = term_of(list_.entries[entry]);
  return term.empty() ? "" : fmt::format("delete {} term {}", filter_, term);
}

std::vector<std::string> JunosFilterEdits::enter(std::uint32_t entry, bool behind,
                                                 const std::vector<std::string>& written) {
  std::string_view next;
  for (std::size_t i = entry + (behind ? 1U : 0U); i < list_.entries.size() && next.empty(); ++i)
    next = term_of(list_.entries[i]);
  std::vector<std::string> out;
  for (const std::string& term : written) {
    std::string name;
    for (std::string& command : junos_commands(term, filter_, names_, name)) out.push_back(std::move(command));
    if (!next.empty()) out.push_back(fmt::format("insert {} term {} before term {}", filter_, name, next));
  }
  return out;
}

}  // namespace demarc
