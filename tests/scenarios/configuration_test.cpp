// clang-format off
// Titled text files: a configuration, and what is wrong with it, how packets fare, or what another one changes. Anyone
// who knows firewalls can write one.
//
//   =TITLE= a broad deny above a narrow permit shadows it
//   =CONFIG= cisco-ios                     the dialect; "auto": it must be seen by content
//   ...
//   =FINDINGS=                             (optional) all of them; nothing if there is nothing to say
//   2: shadowed by 1, which decides otherwise (deny)
//   3: redundant by 4                      (by nothing: the end of the list says the same)
//   2 and 5 overlap and differ             (their order decides)
//   list OLD is bound nowhere
//   list IN is not defined
//   object-group network OLD is unused
//   7: not understood                      (also: in part)
//   =PACKETS=                              (optional) a question a line, and which line answers it
//   198.51.100.7 > 192.0.2.25 tcp/25: deny by 2
//   198.51.100.7 > 192.0.2.25 tcp/25 in=Gi0/0 out=Gi0/1 list=IN way=local-in flags=A state=established from=53: permit by 3
//   198.51.100.7 > 192.0.2.25 icmp/8/0: deny by the end of IN        (or: permit by nothing; by an implied line of IN)
//   198.51.100.7 > 192.0.2.25 tcp/25: undetermined by 4
//   =CONFIG= cisco-ios                     (optional) a second one, and
//   =DIFF=                                 what it changes; nothing if nothing
//   now permitted: any > 192.0.2.10 tcp/80: deny by the end of IN -> permit by 3
// clang-format on
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "rules/acl/decide.h"
#include "rules/acl/readers/reader.h"
#include "rules/text/number.h"
#include "rules/verdict/acl_json.h"
#include "rules/verdict/anomalies.h"
#include "rules/verdict/compare.h"
#include "rules/verdict/readable.h"

namespace demarc {
namespace {

struct Scenario {
  std::string file, title;
  std::vector<std::pair<std::string, std::string>> configurations;  // dialect, text
  std::optional<std::string> findings, packets, diff;
};

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

std::vector<Scenario> read_scenarios(const std::filesystem::path& path) {
  std::vector<Scenario> all;
  std::string* body = nullptr;
  std::istringstream in(slurp(path));
  for (std::string line; std::getline(in, line);) {
    const std::size_t end = line.starts_with('=') ? line.find('=', 1) : std::string::npos;
    if (end == std::string::npos) {
      if (body != nullptr) *body += line + "\n";
      continue;
    }
    const std::string part = line.substr(1, end - 1);
    const std::string words = end + 2 < line.size() ? line.substr(end + 2) : "";
    if (part == "TITLE") {
      all.push_back({path.filename().string(), words, {}, {}, {}, {}});
      body = nullptr;
      continue;
    }
    REQUIRE_MESSAGE(!all.empty(), "a scenario begins with =TITLE=");
    Scenario& s = all.back();
    if (part == "CONFIG")
      body = &s.configurations.emplace_back(words, "").second;
    else if (part == "FINDINGS")
      body = &s.findings.emplace();
    else if (part == "PACKETS")
      body = &s.packets.emplace();
    else if (part == "DIFF")
      body = &s.diff.emplace();
    else
      FAIL("unknown part =" << part << "= in " << path.filename().string());
  }
  return all;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

Device read(const Scenario& s, std::size_t which) {
  const auto& [dialect, text] = s.configurations[which];
  std::optional<Dialect> wanted;
  if (dialect != "auto") {
    wanted = parse_dialect(dialect);
    REQUIRE_MESSAGE(wanted, "no dialect: " << dialect);
  }
  Result<Device> device = read_configuration(Source("the configuration", text), wanted);
  REQUIRE_MESSAGE(device, (device ? "" : device.error().what));
  return std::move(*device);
}

std::string by_words(const Device& device, const DecidingLine& by) {
  if (by.list == kNoList) return "nothing";
  const List& list = device.lists[by.list];
  if (!by.entry) return fmt::format("the end of {}", list.name);
  const Entry& e = list.entries[*by.entry];
  return e.line == 0 ? fmt::format("an implied line of {}", list.name) : fmt::format("{}", e.line);
}

std::vector<std::string> findings(const Device& device) {
  std::vector<std::string> out;
  const DeviceReport report = find_anomalies(device);
  for (const ListReport& list : report.lists) {
    const List& l = device.lists[list.list];
    const auto line = [&](const EntryRef& e) { return device.lists[e.list].entries[e.entry].line; };
    if (!list.decided) out.push_back(fmt::format("list {} is not decided", l.name));
    if (!l.defined)
      out.push_back(fmt::format("list {} is not defined", l.name));
    else if (!list.bound)
      out.push_back(fmt::format("list {} is bound nowhere", l.name));
    for (const EntryReport& r : list.entries) {
      if (r.status != EntryStatus::shadowed && r.status != EntryStatus::redundant) continue;
      std::string by;
      for (const EntryRef& b : r.by) by += fmt::format("{}{}", by.empty() ? " by " : ", ", line(b));
      if (r.by_more) by += " and more";
      if (r.by.empty() && r.status == EntryStatus::redundant) by = " by nothing";
      std::string text = fmt::format("{}: {}{}", line(r.entry), name(r.status), by);
      if (r.otherwise)
        text += fmt::format(", which decides otherwise ({})",
                            l.entries[r.entry.entry].action == Action::permit ? "deny" : "permit");
      if (r.duplicate) text += ", which says the same";
      if (r.matches_nothing) text += ": matches nothing";
      if (r.but_later_fragments) text += ", but for later fragments";
      out.push_back(std::move(text));
    }
    for (const EntryConflict& c : list.conflicts)
      out.push_back(fmt::format("{} and {} overlap and differ", line(c.first), line(c.second)));
  }
  for (const std::uint32_t o : report.unused_objects)
    out.push_back(fmt::format("{} {} is unused", device.objects[o].kind, device.objects[o].name));
  for (const LineReport& line : device.lines) {
    if (line.understanding == Understanding::not_understood) out.push_back(fmt::format("{}: not understood", line.line));
    if (line.understanding == Understanding::in_part) out.push_back(fmt::format("{}: in part", line.line));
  }
  return out;
}

/// "198.51.100.7 > 192.0.2.25 tcp/25 in=Gi0/0" as a question.
PacketQuestion question(const Device& device, const std::string& text) {
  std::istringstream in(text);
  PacketWords w;
  std::string arrow, service;
  in >> w.source >> arrow >> w.destination >> service;
  REQUIRE_MESSAGE(arrow == ">", "a packet is SOURCE > DESTINATION SERVICE: " << text);
  const std::size_t slash = service.find('/');
  w.protocol = service.substr(0, slash);
  if (slash != std::string::npos) {
    const std::string rest = service.substr(slash + 1);
    if (w.protocol.starts_with("icmp")) {
      const std::size_t code = rest.find('/');
      w.icmp_type = static_cast<std::uint8_t>(std::stoi(rest.substr(0, code)));
      if (code != std::string::npos) w.icmp_code = static_cast<std::uint8_t>(std::stoi(rest.substr(code + 1)));
    } else {
      w.port = static_cast<std::uint16_t>(std::stoi(rest));
    }
  }
  for (std::string word; in >> word;) {
    const std::size_t equals = word.find('=');
    REQUIRE_MESSAGE(equals != std::string::npos, "what is '" << word << "' in " << text);
    const std::string key = word.substr(0, equals), value = word.substr(equals + 1);
    if (key == "in")
      w.in = value;
    else if (key == "out")
      w.out = value;
    else if (key == "list")
      w.list = value;
    else if (key == "way")
      w.hook = value;
    else if (key == "flags")
      w.tcp_flags = value;
    else if (key == "state")
      w.state = value;
    else if (key == "from")
      w.source_port = static_cast<std::uint16_t>(std::stoi(value));
    else
      FAIL("what is '" << key << "' in " << text);
  }
  Result<PacketQuestion> q = resolve(w, device);
  REQUIRE_MESSAGE(q, (q ? "" : q.error().what));
  return *q;
}

std::vector<std::string> differences(const Device& before, const Device& after) {
  std::vector<std::string> out;
  const Comparison c = compare(before, after);
  if (!c.decided) return {"not comparable"};
  for (const Difference& d : c.differences) {
    const std::string_view what = d.after == Fate::permit ? "now permitted"
                                  : d.after == Fate::deny ? "now denied"
                                                          : "no longer decided";
    for (const std::string& box : readable_lines(d.cover, c.interfaces))
      if (!box.starts_with("and later fragments"))
        out.push_back(fmt::format("{}: {}: {} by {} -> {} by {}", what, box, name(d.before),
                                  by_words(before, d.before_by), name(d.after), by_words(after, d.after_by)));
  }
  return out;
}

void compare_lines(std::vector<std::string> expected, std::vector<std::string> found) {
  std::sort(expected.begin(), expected.end());
  std::sort(found.begin(), found.end());
  std::vector<std::string> missing, invented;
  std::set_difference(expected.begin(), expected.end(), found.begin(), found.end(), std::back_inserter(missing));
  std::set_difference(found.begin(), found.end(), expected.begin(), expected.end(), std::back_inserter(invented));
  for (const std::string& line : missing) FAIL_CHECK("missing: " << line);
  for (const std::string& line : invented) FAIL_CHECK("not expected: " << line);
}

TEST_CASE("scenarios of configurations") {
  int count = 0;
  std::vector<std::filesystem::path> files;
  for (const auto& file :
       std::filesystem::directory_iterator(std::filesystem::path(DEMARC_SOURCE_DIR) / "tests/scenarios/configurations"))
    files.push_back(file.path());
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& file : files) {
    for (const Scenario& s : read_scenarios(file)) {
      ++count;
      INFO(s.file << ": " << s.title);
      REQUIRE_MESSAGE(!s.configurations.empty(), "no =CONFIG=");
      REQUIRE_MESSAGE((s.findings || s.packets || s.diff), "nothing is asked");
      const Device device = read(s, 0);
      if (s.findings) compare_lines(lines_of(*s.findings), findings(device));
      if (s.packets) {
        Decider decider(device);
        for (const std::string& line : lines_of(*s.packets)) {
          const std::size_t colon = line.rfind(": ");
          REQUIRE_MESSAGE(colon != std::string::npos, "no answer: " << line);
          const FilterDecision d = decider.decide(question(device, line.substr(0, colon)));
          CHECK(fmt::format("{}: {} by {}", line.substr(0, colon), name(d.fate), by_words(device, d.by)) == line);
        }
      }
      if (s.diff) {
        REQUIRE_MESSAGE(s.configurations.size() == 2, "a difference has two sides");
        compare_lines(lines_of(*s.diff), differences(device, read(s, 1)));
      }
    }
  }
  CHECK(count >= 12);
}

}  // namespace
}  // namespace demarc
