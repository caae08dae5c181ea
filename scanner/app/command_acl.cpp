// demarc acl check, test, search, diff: router ACLs and firewall configurations, by themselves.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reports/view/view.h"
#include "rules/text/escape.h"
#include "rules/text/number.h"
#include "rules/text/suggest.h"
#include "rules/verdict/acl_json.h"
#include "rules/verdict/anomalies.h"
#include "rules/verdict/compare.h"
#include "scanner/app/acl_files.h"
#include "scanner/app/console.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

// --- check ---

struct Line {
  std::uint32_t line;
  Severity severity;
  std::string kind, title, cause, remedy;
};

std::string lines_of(const Device& d, const std::vector<EntryRef>& refs) {
  std::string out;
  for (std::size_t i = 0; i < refs.size(); ++i)
    out += fmt::format("{}{}",
                       i == 0                 ? ""
                       : i + 1 == refs.size() ? " and "
                                              : ", ",
                       d.lists[refs[i].list].entries[refs[i].entry].line);
  return fmt::format("{} {}", refs.size() == 1 ? "line" : "lines", out);
}

void add_entry(const Device& d, const ListReport& list, const EntryReport& r, std::vector<Line>& out) {
  const List& l = d.lists[list.list];
  const Entry& e = l.entries[r.entry.entry];
  Line line{e.line, Severity::low, "", fmt::format("{}: {}", l.name, e.text), "", ""};
  const std::string sample = r.sample ? fmt::format(" For example {}.", to_string(r.sample->packet)) : "";
  const std::string more = r.by_more ? " and others" : "";
  switch (r.status) {
    case EntryStatus::live: return;
    case EntryStatus::shadowed:
      line.kind = "ace-shadowed";
      if (r.matches_nothing) {
        line.cause = "No packet is as it says.";
        line.remedy = "Remove it.";
      } else if (r.by.empty()) {
        line.cause = fmt::format("Never matches: earlier entries take its packets.{}", sample);
        line.remedy = "Remove it, or move it up.";
      } else {
        line.cause = fmt::format(
            "{}: {}{} {}{}.{}",
            r.duplicate             ? "Written before"
            : r.but_later_fragments ? "Never matches but for later fragments, which show no ports"
                                    : "Never matches",
            lines_of(d, r.by), more,
            r.duplicate        ? "says the same"
            : r.by.size() == 1 ? "takes its packets"
                               : "take its packets",
            r.otherwise ? fmt::format(", and what this line would {} is decided the other way", name(e.action))
                        : "",
            sample);
        line.remedy = r.otherwise             ? "Move it up if it was meant, or remove it."
                      : r.but_later_fragments ? "Remove it unless later fragments need it."
                                              : "Remove it.";
      }
      break;
    case EntryStatus::redundant:
      line.kind = "ace-redundant";
      line.cause = r.by.empty() && !r.by_more
                       ? fmt::format("Without it the end of the list decides its packets the same.{}", sample)
                       : fmt::format("Without it {}{} would decide its packets the same.{}",
                                     r.by.empty() ? "later lines" : lines_of(d, r.by), more, sample);
      line.remedy = "Remove it.";
      break;
    case EntryStatus::unread:
      line.kind = "ace-unread";
      line.severity = Severity::none;
      line.cause = fmt::format("Not understood: {}. What it may match is undetermined.", e.undecided);
      line.remedy = "Check the line; whatever it says is taken for possible.";
      break;
    case EntryStatus::partial:
      line.kind = "ace-unread";
      line.severity = Severity::none;
      line.cause = fmt::format("Understood in part: {}. How much it matches the configuration alone does not say.",
                               e.undecided);
      line.remedy = "";
      break;
  }
  out.push_back(std::move(line));
}

std::vector<Line> lines_of_report(const Device& d, const DeviceReport& report) {
  std::vector<Line> out;
  for (const ListReport& list : report.lists) {
    const List& l = d.lists[list.list];
    for (const EntryReport& r : list.entries) add_entry(d, list, r, out);
    for (const EntryConflict& c : list.conflicts) {
      const Entry& first = l.entries[c.first.entry];
      const Entry& second = l.entries[c.second.entry];
      out.push_back(
          {second.line, Severity::info, "ace-order", fmt::format("{}: {}", l.name, second.text),
           fmt::format("Overlaps in part with line {}, which decides otherwise ({}): their order matters.{}",
                       first.line, name(first.action),
                       c.sample ? fmt::format(" For example {}.", to_string(c.sample->packet)) : ""),
           ""});
    }
    if (list.conflicts_left_out != 0)
      out.push_back({l.line, Severity::info, "ace-order", l.name,
                     fmt::format("{} more pairs overlap in part.", grouped_number(list.conflicts_left_out)), ""});
    if (!list.decided)
      out.push_back({l.line, Severity::none, "ace-unread", l.name,
                     "The list is too complicated to decide within bounds.", ""});
    if (!list.bound && l.defined)
      out.push_back({l.line, Severity::low, "list-unbound", l.name, "No interface and no other list uses it.",
                     "Bind it or remove it."});
    if (!l.defined)
      out.push_back({l.line, Severity::medium, "list-undefined", l.name,
                     l.at_end == Fallthrough::permit ? "It is used and written nowhere: it permits everything."
                                                     : "It is used and written nowhere.",
                     "Define it, or remove what uses it."});
  }
  for (const std::uint32_t o : report.unused_objects)
    out.push_back({d.objects[o].line, Severity::low, "object-unused",
                   fmt::format("{} {}", d.objects[o].kind, d.objects[o].name), "Nothing names it.", "Remove it."});
  std::stable_sort(out.begin(), out.end(), [](const Line& a, const Line& b) { return a.line < b.line; });
  return out;
}

std::string check_text(const std::vector<Device>& devices, const std::vector<std::vector<Line>>& lines,
                       bool color) {
  std::string out;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const Device& d = devices[i];
    for (const Line& l : lines[i]) {
      const bool gap = l.severity == Severity::none;
      out += fmt::format("{}:{}: {}{}{} [{}] {}\n", terminal_safe(d.file), l.line, color && !gap ? "\x1b[36m" : "",
                         gap ? "not decided" : name(l.severity), color && !gap ? "\x1b[0m" : "", l.kind,
                         terminal_safe(l.title));
      out += fmt::format("    {}\n", terminal_safe(l.cause));
      if (!l.remedy.empty()) out += fmt::format("    remedy: {}\n", terminal_safe(l.remedy));
    }
    // Entries that nobody could read stand above already.
    std::set<std::uint32_t> told;
    for (const Line& l : lines[i])
      if (l.kind == "ace-unread") told.insert(l.line);
    for (const LineReport& line : d.lines)
      if (line.understanding == Understanding::not_understood && !told.contains(line.line))
        out += fmt::format("{}:{}: not understood: {}\n    {}\n", terminal_safe(d.file), line.line,
                           terminal_safe(line.text), terminal_safe(line.why));
    std::size_t entries = 0;
    for (const List& l : d.lists) entries += l.entries.size();
    out += fmt::format(
        "{}{} ({}): {} with {}; of its lines {} understood, {} in part, {} not about filtering, {} not "
        "understood\n",
        out.empty() ? "" : "\n", terminal_safe(d.name), name(d.dialect), counted(d.lists.size(), "list", "lists"),
        counted(entries, "entry", "entries"), grouped_number(d.coverage.understood),
        grouped_number(d.coverage.in_part), grouped_number(d.coverage.not_filtering),
        grouped_number(d.coverage.not_understood));
  }
  return out;
}

// --- test ---

Result<PacketWords> words_of(const AclCommand& c) {
  PacketWords w;
  w.list = c.list, w.hook = c.hook, w.in = c.in, w.out = c.out;
  w.source = c.source, w.destination = c.destination, w.tcp_flags = c.tcp_flags, w.state = c.state;
  if (!c.source_port.empty()) {
    const PortRange range = DEMARC_TRY(parse_port_range(c.source_port));
    if (range.first != range.last) return failure("--source-port is one port");
    w.source_port = range.first.number();
  }
  if (c.service.empty()) return w;
  const std::size_t slash = c.service.find('/');
  w.protocol = c.service.substr(0, slash);
  const bool v6 = w.source.find(':') != std::string::npos || w.destination.find(':') != std::string::npos;
  if (w.protocol == "icmp" && v6) w.protocol = "icmpv6";
  if (slash == std::string::npos) return w;
  const std::string rest = c.service.substr(slash + 1);
  const std::optional<Protocol> protocol = parse_protocol(w.protocol);
  if (protocol && protocol->is_icmp()) {
    std::optional<IcmpType> type =
        icmp_type_by_name(*protocol == Protocol::icmp ? Family::ipv4 : Family::ipv6, rest);
    if (!type) type = DEMARC_TRY(parse_icmp_type(rest));
    w.icmp_type = type->type;
    w.icmp_code = type->code;
    return w;
  }
  const Result<PortRange> range = parse_port_range(rest);
  if (!range || range->first != range->last)
    return failure(fmt::format("'{}' is no protocol and port", c.service),
                   "write tcp/443, udp/53, icmp/echo-request or esp");
  w.port = range->first.number();
  return w;
}

std::string answer_text(const Device& d, const FilterDecision& decision) {
  return fmt::format("{}: {}\n    {}\n", name(decision.fate), place_words(d, decision.by),
                     terminal_safe(decision.why));
}

/// Where lists stand at interfaces, which of them are asked often depends on the way that nobody named.
std::string way_hint(const AclCommand& command, const Device& device, const FilterDecision& decision) {
  constexpr std::size_t kNamed = 8;
  const std::vector<std::string> all = interface_names(device);
  if (decision.fate != Fate::undetermined || !command.list.empty() || all.size() < 2) return {};
  if (!command.in.empty() && !command.out.empty()) return {};
  std::string names;
  for (std::size_t i = 0; i < std::min(all.size(), kNamed); ++i) names += (i == 0 ? "" : ", ") + terminal_safe(all[i]);
  return fmt::format("    the way may decide it: {} ({}{})\n",
                     command.in.empty() && command.out.empty() ? "--in and --out"
                     : command.in.empty()                      ? "--in"
                                                               : "--out",
                     names, all.size() > kNamed ? ", ..." : "");
}

int exit_of(Fate fate, const std::string& expect) {
  if (fate == Fate::undetermined) return kInconclusive;
  return expect.empty() || expect == name(fate) ? kConforms : kFindings;
}

/// Packets as JSON Lines on standard input, each answered on a line of its own.
int test_many(const AclCommand& command, const Device& device) {
  Result<std::string> input = read_whole_file("-", std::uint64_t{1} << 30);
  if (!input) return say(input.error()), kCouldNotRun;
  Decider decider(device);
  std::string out;
  int worst = kConforms;
  std::uint32_t number = 0;
  for (std::string_view rest = *input; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto wrong = [&](Error error) {
      error.where = Location{.file = "standard input", .line = number};
      if (Result<void> shown = write_stdout(out); !shown) say(shown.error());
      say(error);
      return kCouldNotRun;
    };
    Result<PacketWords> words = parse_packet_words(line);
    if (!words) return wrong(words.error());
    Result<PacketQuestion> question = resolve(*words, device);
    if (!question) return wrong(question.error());
    const FilterDecision decision = decider.decide(*question);
    out += acl_answer_json(device, decision);
    const int code = exit_of(decision.fate, command.expect);
    if (code == kFindings || worst == kConforms) worst = code;
    if (out.size() > (1U << 20)) {
      if (Result<void> shown = write_stdout(out); !shown) return say(shown.error()), kCouldNotRun;
      out.clear();
    }
  }
  if (Result<void> shown = write_stdout(out); !shown) return say(shown.error()), kCouldNotRun;
  return worst;
}

int undecided(const SpaceExhausted&) {
  say(Error{{}, "the question needs more memory than it may have", "narrow it: a list, a protocol, a destination"});
  return kInconclusive;
}

std::string_view change_words(const Difference& d) {
  if (d.after == Fate::undetermined) return "no longer decided by the file";
  if (d.before == Fate::undetermined) return d.after == Fate::permit ? "permitted, and was not decided before"
                                                                     : "denied, and was not decided before";
  return d.after == Fate::permit ? "now permitted" : "now denied";
}

}  // namespace

int run_acl_check(const AclCommand& command) {
  Result<PreparedAcl> prepared = prepare_acl(command, 1, 1000);
  if (!prepared) return say(prepared.error()), kCouldNotRun;
  Severity limit = Severity::low;
  for (const std::string& value : command.fail_on) {
    const std::optional<Severity> severity = parse_severity(value);
    if (!severity)
      return say(Error{
                 {}, fmt::format("--fail-on: '{}' is no severity", value), "info, low, medium, high or critical"}),
             kCouldNotRun;
    limit = *severity;
  }
  std::vector<DeviceReport> reports;
  std::vector<std::vector<Line>> lines;
  std::vector<CheckedDevice> checked;
  for (const Device& d : prepared->devices) {
    say(d.diagnostics);
    reports.push_back(find_anomalies(d));
    lines.push_back(lines_of_report(d, reports.back()));
  }
  for (std::size_t i = 0; i < reports.size(); ++i) checked.push_back({&prepared->devices[i], &reports[i]});
  const bool written = write_acl(*prepared, [&](std::string_view format) {
    return format == "json" ? acl_check_json(checked) : check_text(prepared->devices, lines, use_color());
  });
  if (!written) return kCouldNotRun;
  bool finding = false, gap = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    gap = gap || prepared->devices[i].coverage.not_understood != 0;
    for (const Line& l : lines[i]) {
      finding = finding || (l.severity != Severity::none && l.severity >= limit);
      gap = gap || l.severity == Severity::none;
    }
  }
  return finding ? kFindings : gap ? kInconclusive : kConforms;
}

int run_acl_test(const AclCommand& command) try {
  Result<PreparedAcl> prepared = prepare_acl(command, 1, 1);
  if (!prepared) return say(prepared.error()), kCouldNotRun;
  say_first(prepared->devices);
  if (std::string note = unread_note(prepared->devices[0]); !note.empty()) {
    note.pop_back();
    say_note(note);
  }
  if (!command.expect.empty() && command.expect != "permit" && command.expect != "deny")
    return say(Error{{}, fmt::format("--expect: '{}'", command.expect), "permit or deny"}), kCouldNotRun;
  const Device& device = prepared->devices[0];
  const bool one = !command.source.empty() || !command.destination.empty() || !command.service.empty();
  if (!one) return test_many(command, device);
  Result<PacketWords> words = words_of(command);
  if (!words) return say(words.error()), kCouldNotRun;
  Result<PacketQuestion> question = resolve(*words, device);
  if (!question) return say(question.error()), kCouldNotRun;
  Decider decider(device);
  const FilterDecision decision = decider.decide(*question);
  const bool written = write_acl(*prepared, [&](std::string_view format) {
    if (format == "json") return acl_answer_json(device, decision);
    std::string text = answer_text(device, decision) + way_hint(command, device, decision);
    // Whoever names a service and no state means its opening; by its later packets another line may stand first.
    if (words->state.empty() && words->tcp_flags.empty()) {
      question->packets.states = {ConnectionState::fresh};
      if (question->packets.protocols == ProtocolSet{Protocol::tcp})
        question->packets.flags = ByteSet{tcp_flag::syn};
      const FilterDecision opening = decider.decide(*question);
      if (opening.fate != decision.fate || !(opening.by == decision.by))
        text += "of these the opening (--state new): " + answer_text(device, opening);
    }
    return text;
  });
  return written ? exit_of(decision.fate, command.expect) : kCouldNotRun;
} catch (const SpaceExhausted& e) {
  return undecided(e);
}

int run_acl_search(const AclCommand& command) try {
  Result<PreparedAcl> prepared = prepare_acl(command, 1, 1);
  if (!prepared) return say(prepared.error()), kCouldNotRun;
  say_first(prepared->devices);
  const Device& device = prepared->devices[0];
  Fate fate = Fate::permit;
  if (command.action == "deny")
    fate = Fate::deny;
  else if (command.action == "undetermined")
    fate = Fate::undetermined;
  else if (!command.action.empty() && command.action != "permit")
    return say(Error{{}, fmt::format("--action: '{}'", command.action), "permit, deny or undetermined"}),
           kCouldNotRun;
  Result<PacketWords> words = words_of(command);
  if (!words) return say(words.error()), kCouldNotRun;
  Result<PacketQuestion> question = resolve(*words, device);
  if (!question) return say(question.error()), kCouldNotRun;
  const SearchResult result = search(device, fate,
                                     {.way = question->way,
                                      .before_list = question->list,
                                      .within = question->packets,
                                      .pairs_max = command.most});
  const bool written = write_acl(*prepared, [&](std::string_view format) {
    if (format == "json") return acl_search_json(device, fate, result);
    std::string out = unread_note(device);
    for (const Found& f : result.found)
      out += fmt::format("{}: {}\n{}    for example {}\n", name(fate), place_words(device, f.by),
                         box_lines(f.cover, "    ", interface_names(device)), to_string(f.sample.packet));
    if (!result.left_out.is_zero()) out += "and others, by other lines: --most shows more\n";
    if (!result.undetermined.is_zero() && fate != Fate::undetermined)
      out += "of some packets the file does not decide it: --action undetermined shows them\n";
    if (result.found.empty() && result.decided) out += fmt::format("none of these packets: {}\n", name(fate));
    return out;
  });
  if (!written) return kCouldNotRun;
  return !result.decided || (!result.undetermined.is_zero() && fate != Fate::undetermined) ? kInconclusive
                                                                                           : kConforms;
} catch (const SpaceExhausted& e) {
  return undecided(e);
}

int run_acl_diff(const AclCommand& command) try {
  Result<PreparedAcl> prepared = prepare_acl(command, 2, 2);
  if (!prepared) return say(prepared.error()), kCouldNotRun;
  say_first(prepared->devices);
  const Device &before = prepared->devices[0], &after = prepared->devices[1];
  Result<PacketWords> words = words_of(command);
  if (!words) return say(words.error()), kCouldNotRun;
  CompareOptions options;
  options.pairs_max = command.most;
  std::string names = std::exchange(words->list, {});
  if (!names.empty()) {
    const std::size_t equals = names.find('=');
    Result<ListIndex> a = list_named(before, names.substr(0, equals));
    if (!a) return say(a.error()), kCouldNotRun;
    Result<ListIndex> b = list_named(after, equals == std::string::npos ? names : names.substr(equals + 1));
    if (!b) return say(b.error()), kCouldNotRun;
    options.before_list = *a, options.after_list = *b;
  }
  Result<PacketQuestion> question = resolve(*words, before);
  if (!question) return say(question.error()), kCouldNotRun;
  options.way = question->way;
  options.within = question->packets;
  if (names.empty() && before.stages.empty() && after.stages.empty())
    return say(Error{{},
                     "neither configuration binds a list to anything: there is nothing to compare as a whole",
                     "--list NAME compares two lists"}),
           kCouldNotRun;
  const Comparison comparison = compare(before, after, options);
  const bool written = write_acl(*prepared, [&](std::string_view format) {
    if (format == "json") return acl_diff_json(before, after, comparison);
    std::string out = unread_note(before) + unread_note(after);
    std::size_t opened = 0, closed = 0;
    for (const Difference& d : comparison.differences) {
      opened += d.after == Fate::permit ? 1 : 0;
      closed += d.after == Fate::deny ? 1 : 0;
      out += fmt::format("{}:\n{}    before  {}\n    after   {}\n    for example {}\n", change_words(d),
                         box_lines(d.cover, "    ", comparison.interfaces), place_words(before, d.before_by),
                         place_words(after, d.after_by), to_string(d.sample.packet));
    }
    if (!comparison.left_out.is_zero()) out += "and more, by other pairs of lines: --most shows them\n";
    if (!comparison.differences.empty())
      out += fmt::format("\n{}: {} opened, {} closed\n",
                         counted(comparison.differences.size(), "difference", "differences"), opened, closed);
    if (!comparison.decided) out += "not comparable within the bounds of memory\n";
    if (comparison.same()) out += "the same: no packet is treated differently\n";
    return out;
  });
  if (!written) return kCouldNotRun;
  const bool open = std::any_of(
      comparison.differences.begin(), comparison.differences.end(),
      [](const Difference& d) { return d.before != Fate::undetermined && d.after != Fate::undetermined; });
  if (!comparison.decided) return kInconclusive;
  if (comparison.same()) return kConforms;
  return open || !comparison.left_out.is_zero() ? kFindings : kInconclusive;
} catch (const SpaceExhausted& e) {
  return undecided(e);
}

}  // namespace demarc
