#include "rules/verdict/suggest_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "rules/acl/readers/reader.h"
#include "rules/acl/writers/cloud.h"
#include "rules/text/escape.h"
#include "rules/verdict/suggest_junos.h"
#include "rules/verdict/suggest_router.h"

namespace demarc {

namespace {

/// Readers keep no more of a line than so much (and say "..."); a command needs all of it.
constexpr std::size_t kWordsMax = 500;

ChangeCommands none(std::string problem) { return {{}, false, std::move(problem)}; }

/// "filter/FORWARD" as "filter" and "FORWARD"; "inet edge forward" as it is.
std::pair<std::string_view, std::string_view> table_and_chain(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos) return {{}, name};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

/// A configuration that holds these lines and nothing else.
std::string alone(Dialect dialect, const List& list, const std::vector<std::string>& lines) {
  std::string out;
  switch (dialect) {
    case Dialect::cisco_asa:
      for (const std::string& line : lines) out += fmt::format("access-list X extended {}\n", line);
      return out;
    case Dialect::iptables:
      out = fmt::format("# Generated for {}tables-restore\n*filter\n:FORWARD DROP [0:0]\n",
                        list.family == Family::ipv6 ? "ip6" : "ip");
      for (const std::string& line : lines) out += fmt::format("-A FORWARD {}\n", line);
      return out + "COMMIT\n";
    case Dialect::nftables:
      out = fmt::format("table {} x {{\nchain x {{\ntype filter hook forward priority filter; policy drop;\n",
                        !list.family                  ? "inet"
                        : list.family == Family::ipv4 ? "ip"
                                                      : "ip6");
      for (const std::string& line : lines) out += fmt::format("{}\n", line);
      return out + "}\n}\n";
    case Dialect::junos: {
      const std::string filter = junos_filter(list.family.value_or(Family::ipv4), "X");
      UniqueNames names;
      std::string name;
      for (const std::string& line : lines)
        for (const std::string& command : junos_commands(line, filter, names, name)) out += command + '\n';
      return out;
    }
    default: break;
  }
  List named;
  named.name = "X";
  named.family = list.family;
  out = list_command(dialect, named) + '\n';
  std::uint32_t number = 0;
  for (const std::string& line : lines) out += numbered_line(dialect, named, number += 10, line) + '\n';
  return out;
}

}  // namespace

const DialectWriter* edit_writer(Dialect dialect) {
  if (const DialectWriter* cloud = find_cloud_writer(dialect)) return cloud;
  return find_writer(is_router(dialect) ? Dialect::cisco_ios : dialect);
}

const DialectWriter* edit_writer(const Device& device, ListIndex list) {
  if (device.dialect == Dialect::junos && !is_junos_filter(device.lists[list])) return nullptr;
  return edit_writer(device.dialect);
}

std::vector<std::string> lines_in_words(Dialect dialect, std::span<const IntendedEntry> entries,
                                        const IntendedList& as, std::optional<Family> family,
                                        std::string& problem) {
  std::vector<std::string> out;
  if (entries.empty()) return out;
  const DialectWriter* writer = edit_writer(dialect);
  if (writer == nullptr) return problem = fmt::format("lines of {} are not written", name(dialect)), out;
  for (const IntendedEntry& one : entries) {
    const IntendedEntry e = as_alike(dialect, one);
    for (const Family f : {Family::ipv4, Family::ipv6}) {
      if (family.value_or(f) != f) continue;
      WrittenEntry written = writer->entry(e, as, f);
      if (!written.unsaid.empty()) problem = written.unsaid.front();
      for (std::string& line : written.lines) {
        if (!say_alike(dialect, line)) problem = fmt::format("{} has no words for it", name(dialect));
        if (std::find(out.begin(), out.end(), line) == out.end()) out.push_back(std::move(line));
      }
    }
  }
  return out;
}

ChangeWriter::ChangeWriter(const Device& device, PacketSpace& space) : device_(device), space_(space) {
  for (const List& list : device.lists)
    for (const Entry& e : list.entries)
      if (e.line != 0) ++uses_[e.line];
}

const ChangeWriter::Known& ChangeWriter::known(ListIndex index) {
  const auto [at, fresh] = known_.try_emplace(index);
  Known& k = at->second;
  if (!fresh) return k;
  const List& list = device_.lists[index];
  if (is_router(device_.dialect)) k.numbers = line_numbers(list);
  std::unordered_map<std::string_view, std::uint32_t> seen;
  std::uint32_t place = 0, line = 0;
  for (const Entry& e : list.entries) {
    if (e.line != 0 && e.line != line) ++place, line = e.line;
    k.places.push_back(place);
    k.same_words.push_back(seen[e.text]++);
  }
  k.places.push_back(place + 1);
  return k;
}

std::vector<std::string> ChangeWriter::lines_of(ListIndex index, const std::vector<IntendedEntry>& come,
                                                std::string& problem) {
  const List& list = device_.lists[index];
  IntendedList as;
  as.family = list.family;
  for (const Interface& i : device_.interfaces) as.interfaces.push_back(i.name);
  return lines_in_words(device_.dialect, come, as, list.family, problem);
}

std::optional<std::size_t> ChangeWriter::count(ListIndex list, const std::vector<IntendedEntry>& come) {
  std::string problem;
  const std::size_t lines = lines_of(list, come, problem).size();
  return problem.empty() ? std::optional(lines) : std::nullopt;
}

bool ChangeWriter::reads_back(const List& list, const std::vector<IntendedEntry>& come,
                              const std::vector<std::string>& lines) {
  const Result<Device> read =
      read_configuration(Source("lines", alone(device_.dialect, list, lines)), device_.dialect);
  if (!read || read->lists.empty()) return false;
  Device intended;
  intended.lists.push_back(as_list({.family = list.family, .entries = come}));
  // Where they stand alone, interfaces have other numbers.
  const auto there = [&](ByteSet& set) {
    if (set.is_all()) return true;
    ByteSet numbers;
    for (unsigned n = 0; n < device_.interfaces.size(); ++n) {
      if (!set.contains(static_cast<std::uint8_t>(n))) continue;
      const std::optional<InterfaceId> id = read->find_interface(device_.interfaces[n].name);
      if (!id) return false;
      numbers.insert(*id);
    }
    set = numbers;
    return true;
  };
  for (Entry& e : intended.lists[0].entries)
    for (Match& m : e.match)
      if (!there(m.box.ingress) || !there(m.box.egress)) return false;
  // What a list does with fragments, nobody says in a line.
  const PacketSet here = space_.of(Box{.family = list.family, .fragments = {Fragment::whole}});
  const auto decided = [&](const Device& device) {
    Meaning meaning(device, space_);
    PacketSet left = here, permitted = space_.empty(), denied = space_.empty();
    bool exact = true;
    for (const Entry& e : device.lists[0].entries) {
      if (&device == &*read && e.line == 0) continue;  // implied by the dialect
      const Bounds match = meaning.match(e);
      exact = exact && (match.certain & here) == (match.possible & here) &&
              (e.action == Action::permit || e.action == Action::deny);
      (e.action == Action::permit ? permitted : denied) |= left & match.certain;
      left -= match.certain;
    }
    return std::tuple(permitted, denied, exact);
  };
  return decided(*read) == decided(intended) && std::get<2>(decided(intended));
}

ChangeCommands ChangeWriter::write(const LineChange& change) {
  // Their commands name the group's surroundings, which only the document knows.
  if (find_cloud_writer(device_.dialect) != nullptr)
    return none("rules of clouds are written by `acl suggest` alone");
  const List& list = device_.lists[change.list];
  const bool end = change.entry >= list.entries.size() || list.entries[change.entry].line == 0;
  if (change.goes) {
    if (end) return none("nobody wrote the line");
    const Entry& e = list.entries[change.entry];
    if (e.source_list != kNoList) return none("the line stands in another list");
    // A term of Junos has a name, and stands in several lists where other filters name its own.
    if (uses_.at(e.line) > 1 && device_.dialect != Dialect::junos)
      return none("the line is several entries at once");
    if (e.text.size() > kWordsMax) return none("the line is too long");
  }
  if (list.name.find('#') != std::string::npos) return none("the list is seen in several ways");
  std::string problem;
  const std::vector<std::string> come = lines_of(change.list, change.come, problem);
  if (!problem.empty()) return none(std::move(problem));
  if (!change.come.empty()) {
    if (come.empty()) return none("nothing of it can be said here");
    if (is_router(device_.dialect) && is_standard(list)) return none("a standard list names sources alone");
    if (!reads_back(list, change.come, come)) return none("read back, the lines mean something else");
  }
  return in_words(change, come);
}

ChangeCommands ChangeWriter::in_words(const LineChange& change, const std::vector<std::string>& come) {
  const List& list = device_.lists[change.list];
  const Known& k = known(change.list);
  const auto written = [&](std::uint32_t i) { return i < list.entries.size() && list.entries[i].line != 0; };
  const bool at_end = !written(change.entry);
  const std::string_view text = at_end ? std::string_view() : std::string_view(list.entries[change.entry].text);
  ChangeCommands out;
  if (is_router(device_.dialect)) {
    if (list.line == 0) return none("the list stands nowhere in the text");
    std::uint32_t before = 0, at = at_end ? 0 : k.numbers[change.entry];
    for (const std::uint32_t n : k.numbers)
      if ((at_end || n < at) && n > before) before = n;
    // Where IOS shows no numbers, words take a line away whatever its number is.
    const bool by_words = device_.dialect == Dialect::cisco_ios && change.goes && !take_apart(text).number &&
                          k.same_words[change.entry] == 0;
    out.lines.push_back(list_command(device_.dialect, list));
    if (change.goes)
      out.lines.push_back(by_words ? fmt::format(" no {}", take_apart(text).words)
                                   : remove_line(device_.dialect, list, text, at));
    // What takes a line's place may have its number.
    std::vector<std::uint32_t> given;
    const auto count = static_cast<std::uint32_t>(come.size());
    if (change.goes && count != 0) {
      std::uint32_t next = 0;
      for (const std::uint32_t n : k.numbers)
        if (n > at && (next == 0 || n < next)) next = n;
      given.push_back(at);
      const auto more = numbers_between(at, next, count - 1);
      if (!more) return none("there is no room between the lines' numbers");
      given.insert(given.end(), more->begin(), more->end());
    } else if (count != 0) {
      const auto more = numbers_between(before, at, count);
      if (!more) return none("there is no room between the lines' numbers");
      given = *more;
    }
    for (std::size_t n = 0; n < come.size(); ++n)
      out.lines.push_back(numbered_line(device_.dialect, list, given[n], come[n]));
    return out;
  }
  const std::uint32_t place = at_end ? k.places.back() : k.places[change.entry];
  switch (device_.dialect) {
    case Dialect::cisco_asa: {
      std::uint32_t n = place;
      for (const std::string& line : come) {
        out.lines.push_back(at_end ? fmt::format("access-list {} extended {}", list.name, line)
                                   : fmt::format("access-list {} line {} extended {}", list.name, n++, line));
        out.counts_places = out.counts_places || !at_end;
      }
      if (!change.goes) return out;
      if (!text.starts_with(fmt::format("access-list {} ", list.name)) ||
          text.starts_with(fmt::format("access-list {} line ", list.name)))
        return none("the line is not as it was entered");
      out.lines.push_back(fmt::format("no {}", text));
      return out;
    }
    case Dialect::iptables: {
      const auto [table, chain] = table_and_chain(list.name);
      const std::string_view append = "-A ";
      for (const Entry& e : list.entries)
        if (e.line != 0 && !e.text.starts_with(append)) return none("the rules are not as they were entered");
      if (!is_plain_in_shell(list.name)) return none("the name of the chain is no plain word");
      const std::string command = fmt::format("{}tables{}", list.family == Family::ipv6 ? "ip6" : "ip",
                                              table == "filter" ? "" : fmt::format(" -t {}", table));
      std::uint32_t n = place;
      for (const std::string& line : come) {
        out.lines.push_back(at_end ? fmt::format("{} -A {} {}", command, chain, line)
                                   : fmt::format("{} -I {} {} {}", command, chain, n++, line));
        out.counts_places = out.counts_places || !at_end;
      }
      if (!change.goes) return out;
      // -D takes the first rule that reads so.
      if (k.same_words[change.entry] != 0 || !is_plain_in_shell(text)) {
        out.lines.push_back(fmt::format("{} -D {} {}", command, chain, n));
        out.counts_places = true;
      } else {
        out.lines.push_back(fmt::format("{} -D {}", command, text.substr(append.size())));
      }
      return out;
    }
    case Dialect::nftables:
      if (!at_end && list.entries[change.entry].line != list.entries[change.entry].line_last)
        return none("the rule is written on several lines");
      out.lines.push_back(at_end ? fmt::format("# {}, at the end", list.name)
                                 : fmt::format("# {}, {}line {}", list.name, change.goes ? "" : "before ",
                                               list.entries[change.entry].line));
      if (change.goes) out.lines.push_back(fmt::format("- {}", text));
      for (const std::string& line : come) out.lines.push_back(fmt::format("+ {}", line));
      return out;
    case Dialect::junos: {
      JunosFilterEdits filter(device_, change.list);
      if (!filter.problem().empty()) return none(filter.problem());
      if (change.goes) out.lines.push_back(filter.remove(change.entry));
      if (change.goes && out.lines.front().empty()) return none("the line is no term of its own");
      for (std::string& command : filter.enter(change.entry, change.goes, come))
        out.lines.push_back(std::move(command));
      return out;
    }
    default: return none(fmt::format("lines of {} are not written", name(device_.dialect)));
  }
}

}  // namespace demarc
