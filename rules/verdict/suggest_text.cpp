#include "rules/verdict/suggest_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "rules/acl/readers/reader.h"
#include "rules/acl/writers/cloud.h"
#include "rules/verdict/suggest_cloud.h"
#include "rules/verdict/suggest_junos.h"
#include "rules/verdict/suggest_lines.h"
#include "rules/verdict/suggest_router.h"

namespace demarc {

namespace {

constexpr std::size_t kNumberMax = 2'147'483'647;  // of a router's entry

/// The text without some of its lines and with others before them.
class Patch {
 public:
  void remove(std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t n = first; n <= last; ++n) removed_.insert(n);
  }
  void before(std::uint32_t line, std::vector<std::string> lines) {
    std::vector<std::string>& there = inserted_[line];
    there.insert(there.end(), std::make_move_iterator(lines.begin()), std::make_move_iterator(lines.end()));
  }
  std::string apply(const Source& source) const {
    std::string out;
    for (std::uint32_t n = 1; n <= source.line_count() + 1; ++n) {
      if (const auto at = inserted_.find(n); at != inserted_.end())
        for (const std::string& line : at->second) out += line + '\n';
      if (n <= source.line_count() && !removed_.contains(n)) out += fmt::format("{}\n", source.line(n));
    }
    return out;
  }

 private:
  std::set<std::uint32_t> removed_;
  std::map<std::uint32_t, std::vector<std::string>> inserted_;
};

// --- Routers ---

/// One line of the new list.
struct Numbered {
  std::uint32_t number = 0;  // 0: to be found
  std::string body;
  std::size_t edit = SIZE_MAX;  // which one brings it
};

/// Gives numbers to new lines between those that stay; false if there is no room.
bool number_lines(std::vector<Numbered>& lines) {
  std::uint32_t before = 0;
  for (std::size_t i = 0; i < lines.size();) {
    if (lines[i].number != 0) {
      if (lines[i].number <= before) return false;
      before = lines[i++].number;
      continue;
    }
    std::size_t end = i;
    while (end < lines.size() && lines[end].number == 0) ++end;
    const std::optional<std::vector<std::uint32_t>> numbers =
        numbers_between(before, end == lines.size() ? 0 : lines[end].number, static_cast<std::uint32_t>(end - i));
    if (!numbers) return false;
    for (const std::uint32_t n : *numbers) lines[i++].number = n;
    before = lines[i - 1].number;
  }
  return true;
}

SuggestedText router_words(const Device& device, const Source& source, const ListSuggestion& s) {
  SuggestedText out;
  const List& list = device.lists[s.list];
  const bool standard = is_standard(list);
  if (list.line == 0) return out.problem = "the list stands nowhere in the text", out;
  std::vector<std::vector<std::string>> brings(s.edits.size());
  std::size_t most = 0;
  for (std::size_t n = 0; n < s.edits.size(); ++n) {
    brings[n] = lines_in_words(device.dialect, s.edits[n].instead, s.full, list.family, out.problem);
    if (!out.problem.empty()) return out;
    most += brings[n].size();  // all of them may stand in one place
    if (standard && !brings[n].empty())
      return out.problem = "a standard list names sources alone and cannot say what is approved", out;
  }
  const std::vector<std::uint32_t> numbers = line_numbers(list);
  std::vector<Numbered> lines;
  std::map<std::uint32_t, std::uint32_t> renumbered;  // where there is no room
  const auto build = [&](std::uint32_t step) {
    lines.clear(), renumbered.clear();
    const auto number_of = [&](std::uint32_t sequence) {
      if (step == 0) return sequence;
      return renumbered.emplace(sequence, static_cast<std::uint32_t>((renumbered.size() + 1) * step)).first->second;
    };
    std::size_t n = 0;
    for (std::uint32_t i = 0; i <= list.entries.size(); ++i) {
      const bool end = i == list.entries.size() || list.entries[i].line == 0;
      const std::uint32_t number = end ? 0 : number_of(numbers[i]);
      bool gone = false;
      for (; n < s.edits.size() && (s.edits[n].entry == i || end); ++n) {
        gone = gone || (!end && !s.edits[n].keeps && s.edits[n].kind != ListEdit::Kind::add);
        for (const std::string& line : brings[n]) lines.push_back({0, line, n});
      }
      if (end) break;
      // The first line that takes an entry's place has its number.
      if (gone && !lines.empty() && lines.back().edit == n - 1 && lines.size() >= brings[n - 1].size() &&
          !brings[n - 1].empty())
        lines[lines.size() - brings[n - 1].size()].number = number;
      if (!gone) lines.push_back({number, std::string(take_apart(list.entries[i].text).words), SIZE_MAX});
    }
    return number_lines(lines);
  };
  std::uint32_t step = 0;
  if (!build(0)) {
    // Room for new lines in tens, where numbers are large enough for that.
    const std::size_t roomy = (10 * (most + 1) + 99) / 100 * 100;
    step = static_cast<std::uint32_t>(roomy * (list.entries.size() + 1) <= kNumberMax ? roomy : most + 1);
    const std::optional<std::string> command = resequence_command(device.dialect, list, step);
    if (!command || !build(step)) return out.problem = "there is no room between the entries' numbers", out;
  }
  out.head = list_command(device.dialect, list);
  if (step != 0) out.head = *resequence_command(device.dialect, list, step);
  for (std::size_t n = 0; n < s.edits.size(); ++n) {
    EditText text;
    const ListEdit& e = s.edits[n];
    if (e.kind != ListEdit::Kind::add && !e.keeps) {
      const Entry& old = list.entries[e.entry];
      text.out.push_back(
          remove_line(device.dialect, list, old.text, step == 0 ? numbers[e.entry] : renumbered[numbers[e.entry]]));
    }
    for (const Numbered& l : lines)
      if (l.edit == n) text.in.push_back(numbered_line(device.dialect, list, l.number, l.body));
    out.edits.push_back(std::move(text));
  }
  // The whole list, numbered, in the place of the old one.
  Patch patch;
  patch.remove(list.line, list.line);
  for (const Entry& e : list.entries)
    if (e.line != 0) patch.remove(e.line, e.line_last);
  std::vector<std::string> block{list_command(device.dialect, list)};
  for (const Numbered& l : lines) block.push_back(numbered_line(device.dialect, list, l.number, l.body));
  patch.before(list.line, std::move(block));
  out.patched = patch.apply(source);
  return out;
}

// --- Lines that stand for themselves ---

/// What stands before an entry's own words in its line: "-A FORWARD ", "access-list outside extended ", blanks.
std::string prefix_of(Dialect dialect, std::string_view line) {
  std::size_t words = dialect == Dialect::iptables ? 2 : dialect == Dialect::cisco_asa ? 3 : 0, at = 0;
  at = std::min(line.find_first_not_of(" \t"), line.size());
  for (; words > 0; --words) {
    at = std::min(line.find_first_of(" \t", at), line.size());
    at = std::min(line.find_first_not_of(" \t", at), line.size());
  }
  return std::string(line.substr(0, at));
}

SuggestedText line_words(const Device& device, const Source& source, const ListSuggestion& s) {
  SuggestedText out;
  const List& list = device.lists[s.list];
  std::map<std::uint32_t, std::size_t> uses;  // of a line, by entries of any list
  for (const List& l : device.lists)
    for (const Entry& e : l.entries)
      if (e.line != 0) ++uses[e.line];
  const Entry* last = nullptr;
  for (const Entry& e : list.entries)
    if (e.line != 0) last = &e;
  if (last == nullptr) return out.problem = "the list has no line to begin from", out;
  Patch patch;
  for (const ListEdit& edit : s.edits) {
    const bool at_end = edit.entry >= list.entries.size() || list.entries[edit.entry].line == 0;
    const Entry& e = at_end ? *last : list.entries[edit.entry];
    const std::string_view line = source.line(e.line);
    EditText text;
    const std::string prefix = prefix_of(device.dialect, line);
    if ((device.dialect == Dialect::iptables && !prefix.starts_with("-A ")) ||
        (device.dialect == Dialect::cisco_asa && !prefix.ends_with("extended ")))
      return out.problem = fmt::format("line {} is written in a form that is not edited", e.line), out;
    for (std::string& words : lines_in_words(device.dialect, edit.instead, s.full, list.family, out.problem))
      text.in.push_back(prefix + words);
    if (!out.problem.empty()) return out;
    const bool goes = !at_end && !edit.keeps && edit.kind != ListEdit::Kind::add;
    if (goes && uses[e.line] > 1)
      return out.problem = fmt::format("line {} is several entries at once", e.line), out;
    for (std::uint32_t n = e.line; goes && n <= e.line_last; ++n) text.out.emplace_back(source.line(n));
    if (goes) patch.remove(e.line, e.line_last);
    patch.before(at_end ? e.line_last + 1 : e.line, text.in);
    out.edits.push_back(std::move(text));
  }
  out.patched = patch.apply(source);
  return out;
}

// --- Commands behind the text, which its reader follows as the device does ---

SuggestedText junos_words(const Device& device, const Source& source, const ListSuggestion& s) {
  SuggestedText out;
  const List& list = device.lists[s.list];
  JunosFilterEdits filter(device, s.list);
  if (!filter.problem().empty()) return out.problem = filter.problem(), out;
  out.patched = source.text();
  if (!out.patched.ends_with('\n')) out.patched += '\n';
  for (const ListEdit& edit : s.edits) {
    EditText text;
    const bool goes = !edit.keeps && edit.kind != ListEdit::Kind::add;
    if (goes) text.out.push_back(filter.remove(edit.entry));
    if (goes && text.out.front().empty())
      return out.problem = fmt::format("line {} is no term of its own", list.entries[edit.entry].line), out;
    const std::vector<std::string> terms =
        lines_in_words(device.dialect, edit.instead, s.full, list.family, out.problem);
    if (!out.problem.empty()) return out;
    text.in = filter.enter(edit.entry, goes, terms);
    for (const std::vector<std::string>* commands : {&text.out, &text.in})
      for (const std::string& command : *commands) out.patched += command + '\n';
    out.edits.push_back(std::move(text));
  }
  return out;
}

}  // namespace

SuggestedText edits_in_words(const Device& device, const Source& source, const ListSuggestion& suggestion) {
  SuggestedText out;
  if (edit_writer(device.dialect) == nullptr)
    return out.problem = fmt::format("lines of {} are not written", name(device.dialect)), out;
  if (is_router(device.dialect))
    out = router_words(device, source, suggestion);
  else if (device.dialect == Dialect::junos)
    out = junos_words(device, source, suggestion);
  else if (find_cloud_writer(device.dialect) != nullptr)
    out = cloud_words(device, source, suggestion);
  else
    out = line_words(device, source, suggestion);
  if (!out.problem.empty()) out.edits.clear(), out.patched.clear();
  return out;
}

namespace {

/// The same list in a configuration that was changed.
Result<ListIndex> same_list(const Device& after, const List& before) {
  for (ListIndex i = 0; i < after.lists.size(); ++i)
    if (after.lists[i].name == before.name && after.lists[i].family == before.family && after.lists[i].defined)
      return i;
  return failure(fmt::format("the list {} is gone from what was changed", before.name));
}

/// The lists that are asked together there, in the stage that stands where it stood.
Result<std::vector<ListIndex>> same_chain(const Device& after, const Device& before,
                                          const std::vector<ListIndex>& chain) {
  for (std::size_t n = 0; n < before.stages.size() && n < after.stages.size(); ++n)
    if (before.stages[n].lists == chain && after.stages[n].name == before.stages[n].name &&
        after.stages[n].lists.size() == chain.size())
      return after.stages[n].lists;
  return failure("the lists that are asked together are others in what was changed");
}

}  // namespace

Result<PatchedBack> patch_and_judge(Suggester& suggester, const Device& device, const Source& source,
                                    std::span<const ListSuggestion> all, const ListSuggestion& suggestion) {
  PatchedBack out{std::string(source.text()), {}};
  Device after = device;
  for (const ListSuggestion& s : all) {
    const bool together =
        std::find(suggestion.chain.begin(), suggestion.chain.end(), s.list) != suggestion.chain.end();
    if (s.edits.empty() || (s.list != suggestion.list && !together)) continue;
    ListSuggestion there = s;
    there.list = DEMARC_TRY(same_list(after, device.lists[s.list]));
    SuggestedText text = edits_in_words(after, Source(device.file, out.text), there);
    if (!text.problem.empty()) return failure(text.problem);
    out.text = std::move(text.patched);
    after = DEMARC_TRY(read_configuration(Source(device.file, out.text), device.dialect));
  }
  if (suggestion.chain.empty()) {
    const ListIndex list = DEMARC_TRY(same_list(after, device.lists[suggestion.list]));
    out.judgement = suggester.judge(after, list, suggestion.wish, device.lists[suggestion.list].family);
  } else {
    const std::vector<ListIndex> chain = DEMARC_TRY(same_chain(after, device, suggestion.chain));
    out.judgement = suggester.judge(after, chain, suggestion.wish);
  }
  return out;
}

Result<Suggester::Judgement> judge_written(Suggester& suggester, const Wish& wish, Dialect dialect, Way way,
                                           const Written& written) {
  Suggester::Judgement all{true, {}, false};
  for (const WrittenText& text : written.texts) {
    const Device device = DEMARC_TRY(read_configuration(Source("the written list", text.text), dialect));
    const Suggester::Judgement one = suggester.judge(device, way, wish, text.family);
    if (!one.exact) return one;
  }
  return all;
}

}  // namespace demarc
