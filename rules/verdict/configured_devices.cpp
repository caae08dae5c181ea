// Each configuration by itself: how much of it was understood, which of its lines say nothing, what contradicts the
// rule set; and at the end one row for each line that a path asks.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "rules/text/number.h"
#include "rules/verdict/anomalies.h"
#include "rules/verdict/configured.h"
#include "rules/verdict/judging.h"

namespace demarc {

namespace {

/// Of one list; what is more is one finding.
constexpr std::size_t kAnomaliesMax = 500;
constexpr std::size_t kLineRowsMax = 100'000;

class DeviceJudge {
 public:
  DeviceJudge(Judging& j, ConfiguredView& view, std::uint32_t index)
      : j_(j), view_(view), index_(index), bound_(view.binding.devices[index]), device_(*bound_.device) {}

  void run() {
    coverage();
    const DeviceReport report = find_anomalies(device_);
    for (const ListReport& list : report.lists) {
      if (!list.bound) continue;
      std::size_t told = 0;
      for (const EntryReport& entry : list.entries) judge_entry(list, entry, told);
      if (told > kAnomaliesMax) {
        Finding f = finding(FindingKind::ace_shadowed);
        f.list = device_.lists[list.list].name;
        f.entry = "more lines";
        f.title = fmt::format("{} more lines of {} on {} never decide or change nothing", told - kAnomaliesMax,
                              f.list, bound_.name);
        f.cause = "Only the first ones are told one by one.";
        f.remedy = "`demarc acl check` lists them all.";
        j_.verdict.findings.push_back(std::move(f));
      }
      if (!list.decided)
        j_.note(fmt::format("{} of {} is too complicated to look for lines that never decide.",
                            device_.lists[list.list].name, bound_.name));
      undefined(device_.lists[list.list]);
    }
    neighbour_discovery();
  }

 private:
  Finding finding(FindingKind kind) const {
    Finding f;
    f.kind = kind;
    f.severity = default_severity(kind);
    f.device = bound_.name;
    f.remedy = default_remedy(kind);
    return f;
  }
  Finding about(FindingKind kind, const EntryRef& entry) const {
    Finding f;
    f.kind = kind;
    f.severity = default_severity(kind);
    f.remedy = default_remedy(kind);
    set_line(f, bound_, {entry.list, entry.entry});
    return f;
  }
  std::string words(const EntryRef& entry) const { return line_words(bound_, {entry.list, entry.entry}); }
  std::string lines_of(const std::vector<EntryRef>& refs, bool more) const {
    std::vector<std::string> numbers;
    for (const EntryRef& r : refs) {
      const std::uint32_t line = device_.lists[r.list].entries[r.entry].line;
      numbers.push_back(line == 0 ? std::string("an implied one") : fmt::format("{}", line));
    }
    return fmt::format("{} {}{}", refs.size() == 1 ? "line" : "lines", list_some(numbers),
                       more ? " and others" : "");
  }

  void coverage() {
    const LineCoverage& c = device_.coverage;
    CoverageRow row;
    row.what = fmt::format("configuration {}", bound_.name);
    row.required = c.understood + c.in_part + c.not_filtering + c.not_understood;
    row.asked = row.required;
    row.answered = c.understood + c.not_filtering;
    row.met = c.not_understood == 0 && c.in_part == 0;
    if (!row.met)
      row.gap = fmt::format("{} not understood, {} in part", counted_lines(c.not_understood), c.in_part);
    j_.verdict.coverage.push_back(std::move(row));
    unread_outside_lists();
  }
  static std::string counted_lines(std::uint64_t n) { return fmt::format("{} line{}", n, n == 1 ? "" : "s"); }

  /// Lines that may be about filtering and belong to no list: what they would change is not known.
  void unread_outside_lists() {
    std::set<std::uint32_t> in_lists;
    for (const List& list : device_.lists)
      for (const Entry& e : list.entries)
        if (e.line != 0) in_lists.insert(e.line);
    std::vector<const LineReport*> unread;
    for (const LineReport& l : device_.lines)
      if (l.understanding == Understanding::not_understood && !in_lists.contains(l.line)) unread.push_back(&l);
    if (unread.empty()) return;
    Finding f = finding(FindingKind::ace_unread);
    f.entry = "outside lists";
    f.title = fmt::format("{} of {} {} not understood", counted_lines(unread.size()), bound_.name,
                          unread.size() == 1 ? "was" : "were");
    f.cause = "They may be about filtering, and what they would change is not known.";
    for (const LineReport* l : unread) {
      if (f.evidence.size() == Draft::kPlacesMax) break;
      f.evidence.push_back({device_.file, fmt::format("line {}", l->line),
                            l->why.empty() ? l->text : fmt::format("{} ({})", l->text, l->why)});
    }
    j_.verdict.findings.push_back(std::move(f));
    j_.add_gap(
        {fmt::format("{} of the configuration of {} not understood", counted_lines(unread.size()), bound_.name),
         "They belong to no list that was read, and may be about filtering all the same.",
         "Check these lines by hand.",
         {},
         {},
         bound_.name,
         std::nullopt,
         {},
         device_.file});
  }

  void judge_entry(const ListReport& list, const EntryReport& r, std::size_t& told) {
    const Entry& e = device_.lists[list.list].entries[r.entry.entry];
    if (e.line == 0) return;  // implied by the dialect: nobody wrote it
    if (r.status != EntryStatus::live) view_.status[{index_, r.entry.list, r.entry.entry}] = r.status;
    const std::string sample = r.sample ? fmt::format(" For example {}.", to_string(r.sample->packet)) : "";
    switch (r.status) {
      case EntryStatus::live: return;
      case EntryStatus::shadowed: {
        if (++told > kAnomaliesMax) return;
        Finding f = about(FindingKind::ace_shadowed, r.entry);
        f.title = fmt::format("{} never decides a packet", words(r.entry));
        f.cause =
            r.matches_nothing ? "No packet is as it says."
            : r.by.empty()
                ? fmt::format("Earlier entries take its packets.{}", sample)
                : fmt::format("{} {} its packets{}.{}", capital(lines_of(r.by, r.by_more)),
                              r.by.size() == 1 && !r.by_more ? "takes" : "take",
                              r.otherwise ? fmt::format(", and not all to {} them", name(e.action)) : "", sample);
        f.remedy = r.otherwise ? "Move it up if it was meant, or remove it." : "Remove it.";
        return add(std::move(f), r);
      }
      case EntryStatus::redundant: {
        if (++told > kAnomaliesMax) return;
        Finding f = about(FindingKind::ace_redundant, r.entry);
        f.title = fmt::format("{} could be removed without changing anything", words(r.entry));
        f.cause = fmt::format("Without it {} would decide its packets the same.{}",
                              !r.by.empty() ? lines_of(r.by, r.by_more)
                              : r.by_more   ? std::string("later lines")
                                            : std::string("the end of the list"),
                              sample);
        return add(std::move(f), r);
      }
      case EntryStatus::unread: {
        Finding f = about(FindingKind::ace_unread, r.entry);
        f.title = fmt::format("{} was not understood", words(r.entry));
        f.cause = fmt::format("{}. What it may match is undetermined.",
                              capital(e.undecided.empty() ? "what it says is not known" : e.undecided));
        return add(std::move(f), r);
      }
      case EntryStatus::partial: {
        Finding f = about(FindingKind::ace_unread, r.entry);
        f.severity = Severity::info;
        f.title = fmt::format("what {} matches is not decided by the configuration", words(r.entry));
        f.cause = fmt::format("{}.", capital(e.undecided.empty() ? "it depends on something else" : e.undecided));
        f.remedy = "Nothing, if it is meant so; the verdict is undetermined where it may match.";
        return add(std::move(f), r);
      }
    }
  }
  void add(Finding f, const EntryReport& r) {
    if (r.sample) f.sample = r.sample->packet;
    for (const EntryRef& by : r.by) {
      if (f.evidence.size() == Draft::kPlacesMax) break;
      f.evidence.push_back(line_evidence(bound_, {by.list, by.entry}));
    }
    if (f.kind == FindingKind::ace_shadowed || f.kind == FindingKind::ace_redundant)
      view_.changes.push_back({WantedChange::Kind::remove,
                               j_.verdict.findings.size(),
                               {{index_, r.entry.list, r.entry.entry}},
                               nullptr,
                               {}});
    j_.verdict.findings.push_back(std::move(f));
  }
  static std::string capital(std::string text) {
    if (!text.empty() && text.front() >= 'a' && text.front() <= 'z')
      text.front() = static_cast<char>(text.front() - 'a' + 'A');
    return text;
  }

  /// Bound, and written nowhere: on most dialects that lets everything through.
  void undefined(const List& list) {
    if (list.defined) return;
    Finding f = finding(FindingKind::views_disagree);
    f.list = list.name;
    f.entry = fmt::format("undefined {}", list.family ? name(*list.family) : std::string_view());
    f.title = fmt::format("{} is bound on {} and written nowhere", list.name, bound_.name);
    f.cause =
        list.at_end == Fallthrough::permit ? "Such a list permits everything." : "What it should say is lost.";
    f.remedy = "Define it, or remove what binds it.";
    f.evidence.push_back({device_.file, list.line == 0 ? "" : fmt::format("line {}", list.line), list.name});
    j_.verdict.findings.push_back(std::move(f));
  }

  /// RFC 4890 §4.4.1: a device that stops neighbour discovery takes itself off its own links.
  void neighbour_discovery() {
    const bool has_v6 = std::any_of(device_.interfaces.begin(), device_.interfaces.end(), [](const Interface& i) {
      return !i.shut && std::any_of(i.networks.begin(), i.networks.end(),
                                    [](const Prefix& p) { return p.family() == Family::ipv6; });
    });
    if (!has_v6) return;
    try {
      PacketSpace space;
      DeviceSets sets(device_, space);
      Box box{.family = Family::ipv6, .protocols = {Protocol::icmpv6}};
      box.icmp = IcmpSet{{135, std::nullopt}, {136, std::nullopt}};
      box.states = {ConnectionState::fresh, ConnectionState::established, ConnectionState::related,
                    ConnectionState::invalid};
      box.fragments = {Fragment::whole};
      const PacketSet all = space.of(box);
      for (std::size_t s = 0; s < device_.stages.size(); ++s) {
        const Stage& stage = device_.stages[s];
        if (!stage.ways.contains(Way::to_device) || stage.family == Family::ipv4 || stage.lists.empty()) continue;
        Box seen;
        for (const InterfaceId i : stage.ingress) {
          if (seen.ingress.is_all()) seen.ingress = ByteSet();
          seen.ingress.insert(i);
        }
        const PacketSet asked = all & space.of(seen);
        const PacketSet blocked = asked - sets.permitted(s).possible;
        if (blocked.is_empty() || asked.overlaps(sets.permitted(s).possible)) continue;
        std::vector<Taken> taken;
        PacketSet on = blocked;
        for (const ListIndex list : stage.lists) on = sets.lines.distribute(list, on, taken);
        sets.lines.end(stage.lists.back(), on, taken);
        Finding f = finding(FindingKind::acl_blocks_approved);
        if (!taken.empty()) set_line(f, bound_, taken.front().line);
        f.entry = "neighbour discovery at " + stage.name;
        f.list = device_.lists[stage.lists.front()].name;
        f.protocol = Protocol::icmpv6;
        f.icmp = {{135, std::nullopt}, {136, std::nullopt}};
        if (const std::optional<ConcretePacket> sample = blocked.sample()) f.sample = sample->packet;
        f.title = fmt::format("{} stops neighbour discovery at {}", stage.name, bound_.name);
        f.cause = "Without it no host on the link finds the device over IPv6 (RFC 4890 section 4.4.1).";
        f.remedy = "Permit ICMPv6 types 135 and 136 before the denying line.";
        j_.verdict.findings.push_back(std::move(f));
      }
    } catch (const SpaceExhausted&) {
      j_.note(fmt::format("Whether {} lets neighbour discovery through is too complicated to say.", bound_.name));
    }
  }

  Judging& j_;
  ConfiguredView& view_;
  std::uint32_t index_;
  const BoundDevice& bound_;
  const Device& device_;
};

/// Entries as set_line() names them, for whole lists.
class EntryNames {
 public:
  std::string of(std::uint32_t device, ListIndex index, const List& list, const DecidingLine& line) {
    if (!line.entry) return "end";
    auto [at, fresh] = known_.try_emplace({device, index});
    std::vector<std::string>& names = at->second;
    if (fresh) {
      std::unordered_map<std::string_view, std::size_t> seen;
      for (const Entry& e : list.entries) {
        const std::size_t before = seen[e.text]++;
        names.push_back(before == 0 ? e.text : fmt::format("{} #{}", e.text, before + 1));
      }
    }
    return names[*line.entry];
  }

 private:
  std::map<std::pair<std::uint32_t, ListIndex>, std::vector<std::string>> known_;
};

void tell_problem(Judging& j, const BindingProblem& p) {
  using Kind = BindingProblem::Kind;
  if (p.contradicts()) {
    Finding f;
    f.kind = FindingKind::views_disagree;
    f.severity = default_severity(f.kind);
    f.device = p.device;
    f.entry = fmt::format("{} {}", name(p.kind), p.what);
    f.title = p.what;
    f.cause = "The rule set and the configuration contradict each other.";
    f.remedy = p.hint.empty() ? std::string("Correct the declaration, or the device.") : p.hint;
    f.remedy.front() = static_cast<char>(
        f.remedy.front() >= 'a' && f.remedy.front() <= 'z' ? f.remedy.front() - 'a' + 'A' : f.remedy.front());
    if (!p.where.file.empty())
      f.evidence.push_back({p.where.file, p.where.line == 0 ? "" : fmt::format("line {}", p.where.line), ""});
    j.verdict.findings.push_back(std::move(f));
    return;
  }
  if (p.kind == Kind::no_configuration) return;  // the paths that cross it say so
  j.add_gap({p.what,
             p.kind == Kind::binding_unknown ? "Which packets its lists decide is not known."
                                             : "What it says is not judged.",
             p.hint,
             {},
             {},
             p.device,
             std::nullopt,
             {},
             p.where.file});
}

}  // namespace

void judge_devices(Judging& j, ConfiguredView& view) {
  for (const BindingProblem& p : view.binding.problems) tell_problem(j, p);
  for (std::uint32_t i = 0; i < view.binding.devices.size(); ++i) {
    const BoundDevice& d = view.binding.devices[i];
    if (d.device != nullptr) {
      DeviceJudge(j, view, i).run();
      continue;
    }
    CoverageRow row;
    row.what = fmt::format("configuration {}", d.name);
    row.gap = d.not_usable;
    j.verdict.coverage.push_back(std::move(row));
  }
}

void list_lines(Judging& j) {
  if (j.configured == nullptr) return;
  const ConfiguredView& view = *j.configured;
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<std::string>> by_line;
  for (const Finding& f : j.verdict.findings)
    if (!f.device.empty()) by_line[{f.device, f.list, f.entry}].push_back(f.id);
  const bool flows = !j.snapshot.flows.empty();
  EntryNames entry_names;
  std::size_t left_out = 0;
  for (const auto& [key, facts] : view.lines) {
    if (j.verdict.lines.size() == kLineRowsMax) {
      ++left_out;
      continue;
    }
    const BoundDevice& d = view.binding.devices[key.device];
    const DecidingLine line{key.list, key.entry == LineKey::kEnd ? std::nullopt : std::optional(key.entry)};
    const LineText text = text_of(*d.device, line);
    const List& list = d.device->lists[key.list];
    LineRow row;
    row.device = d.name;
    row.file = text.file;
    row.list = text.list;
    row.text = text.text;
    row.line = text.line;
    row.action = line.entry ? std::string(name(list.entries[*line.entry].action))
                            : std::string(list.at_end == Fallthrough::permit ? "permit" : "deny");
    if (line.entry) {
      const auto status = view.status.find(key);
      row.status = name(status == view.status.end() ? EntryStatus::live : status->second);
    }
    row.pairs = facts.pairs;
    std::sort(row.pairs.begin(), row.pairs.end());
    row.pairs.erase(std::unique(row.pairs.begin(), row.pairs.end()), row.pairs.end());
    for (const std::uint32_t r : facts.rules)
      row.rules.push_back(r < j.rules.rules.size() ? j.rules.rules[r].id
                                                   : j.rules.exceptions[r - j.rules.rules.size()].rule.id);
    std::sort(row.rules.begin(), row.rules.end());
    row.rules.erase(std::unique(row.rules.begin(), row.rules.end()), row.rules.end());
    if (line.entry) row.packets = list.entries[*line.entry].packets;
    if (flows) row.conversations = facts.conversations;
    if (facts.last) row.last = to_string(*facts.last);
    const std::string entry = entry_names.of(key.device, key.list, list, line);
    if (const auto found = by_line.find({d.name, list.name, entry}); found != by_line.end())
      row.findings = found->second;
    if (row.packets && *row.packets != 0)
      row.use = fmt::format("its counter shows {} packets", grouped_number(*row.packets));
    else if (facts.conversations != 0)
      row.use = fmt::format("{} conversations seen", grouped_number(facts.conversations));
    else if (row.action == "permit" && !row.rules.empty() && (row.packets || flows))
      // A counter begins with the last reload, and a sensor sees what passes it: neither proves that nobody needs
      // it.
      row.use =
          fmt::format("permits approved packets only, and nobody used it: {}{}{}",
                      row.packets ? "its counter is 0 since it was last cleared" : "",
                      row.packets && flows ? ", and " : "", flows ? "no conversation in the captures given" : "");
    if (!row.use.empty() && row.use.starts_with("permits approved") && !row.findings.empty())
      row.use = row.use.substr(row.use.find("nobody"));
    j.verdict.lines.push_back(std::move(row));
  }
  if (left_out != 0)
    j.note(fmt::format("{} more lines of configurations are not listed.", grouped_number(left_out)));
  std::stable_sort(j.verdict.lines.begin(), j.verdict.lines.end(), [](const LineRow& a, const LineRow& b) {
    return std::tie(a.device, a.file, a.line, a.list, a.text) < std::tie(b.device, b.file, b.line, b.list, b.text);
  });
}

}  // namespace demarc
