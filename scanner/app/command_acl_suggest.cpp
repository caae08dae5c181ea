// demarc acl suggest: the lines that make a device equal to the rule set. Nothing is shown as right that was not
// read back and compared with the rule set; what fails that says so, and the exit code is 3.
#include <fmt/format.h>

#include <algorithm>

#include "reports/view/view.h"
#include "rules/acl/readers/reader.h"
#include "rules/text/escape.h"
#include "rules/text/json_writer.h"
#include "rules/text/suggest.h"
#include "rules/verdict/suggest_lines.h"
#include "rules/verdict/suggest_router.h"
#include "rules/verdict/suggest_text.h"
#include "scanner/app/acl_evidence.h"
#include "scanner/app/acl_files.h"
#include "scanner/app/acl_flows.h"
#include "scanner/app/console.h"
#include "scanner/app/world.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

constexpr std::string_view kFormats[] = {"text", "json"};
constexpr const char* kWrittenDialects = "--dialect cisco-ios, cisco-asa, nftables, iptables or junos";

/// A list with all that is to be said about it.
struct Told {
  std::string name;
  ListIndex list = kNoList;
  const ListSuggestion* suggestion = nullptr;
  SuggestedText edits;
  std::string patched;      // the configuration with them, and with those of lists that are asked with it
  std::string edits_wrong;  // why the edits are not shown; empty: they were read back and are right
  Written full;
  std::string full_wrong;
  std::vector<ReplayedFlow> cut;  // observed use that the edits would stop
  bool show_full = false;
};

std::string wrong_words(const Suggester::Judgement& judged) {
  if (judged.exact) return "";
  const std::string sample = judged.sample ? to_string(judged.sample->packet) : "a packet";
  return judged.blocked ? fmt::format("read back, it blocks {}, which is approved", sample)
                        : fmt::format("read back, it lets {} through, which nothing approves", sample);
}

std::string_view kind_words(ListEdit::Kind kind) {
  switch (kind) {
    case ListEdit::Kind::remove: return "remove";
    case ListEdit::Kind::narrow: return "narrow";
    case ListEdit::Kind::add: return "add";
  }
  return "";
}

std::string_view comment_sign(Dialect dialect) {
  switch (dialect) {
    case Dialect::iptables:
    case Dialect::nftables:
    case Dialect::junos:
    case Dialect::aws:
    case Dialect::azure:
    case Dialect::gcp: return "#";
    default: return "!";
  }
}
/// Whether edits are commands, and not lines that go and come.
bool are_commands(Dialect dialect) {
  return is_router(dialect) || dialect == Dialect::junos || dialect == Dialect::aws || dialect == Dialect::azure ||
         dialect == Dialect::gcp;
}

/// A line of a configuration for a terminal, without its indentation: tabs would be shown as escapes.
std::string safe_line(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return std::string(terminal_safe(text));
}

/// "of MAIN, OTHER": the lists that are asked with it.
std::string chain_words(const Device& device, const ListSuggestion& s) {
  std::string out;
  for (const ListIndex l : s.chain)
    if (l != s.list) out += fmt::format("{}{}", out.empty() ? "" : ", ", device.lists[l].name);
  return out;
}

/// What a list is, once it is right.
std::string meaning_words(const Device& device, const ListSuggestion& s) {
  if (s.shared) return "lets nothing by that nothing approves; other lists are asked with it";
  if (s.decider == kNoList) return "says exactly what is documented";
  return fmt::format("stops nothing that is documented, and {} decides what else may pass",
                     terminal_safe(device.lists[s.decider].name));
}

/// The place that an edit is about: "line 12: permit tcp any any".
std::string about(const Device& device, const Told& t, const ListEdit& e) {
  const List& list = device.lists[t.list];
  if (e.entry >= list.entries.size() || list.entries[e.entry].line == 0) return "at the end";
  const Entry& entry = list.entries[e.entry];
  return fmt::format("{}line {}: {}", e.keeps || e.kind == ListEdit::Kind::add ? "before " : "", entry.line,
                     safe_line(entry.text));
}

void write_edits(std::string& out, const Device& device, const Told& t) {
  const std::string_view sign = comment_sign(device.dialect);
  const bool commands = are_commands(device.dialect);
  if (!t.edits.head.empty()) out += t.edits.head + '\n';
  for (std::size_t n = 0; n < t.suggestion->edits.size(); ++n) {
    const ListEdit& e = t.suggestion->edits[n];
    out += fmt::format("{} {} {}\n{}   {}", sign, kind_words(e.kind), about(device, t, e), sign,
                       terminal_safe(e.reason));
    if (e.sample) out += fmt::format("; for example {}", to_string(e.sample->packet));
    out += '\n';
    for (const std::string& line : t.edits.edits[n].out)
      out += fmt::format("{}{}\n", commands ? "" : "- ", safe_line(line));
    for (const std::string& line : t.edits.edits[n].in)
      out += fmt::format("{}{}\n", commands ? "" : "+ ", safe_line(line));
  }
}

std::string suggest_text(const Device* device, const std::vector<Told>& told, const RuleSet& rules,
                         const std::vector<std::string>& notes, std::size_t most) {
  std::string out = device != nullptr ? unread_note(*device) : "";
  for (const std::string& note : notes) out += fmt::format("{}\n", terminal_safe(note));
  for (const Told& t : told) {
    const ListSuggestion& s = *t.suggestion;
    if (!out.empty()) out += '\n';
    if (device != nullptr) {
      const std::string_view sign = comment_sign(device->dialect);
      const std::string others = s.chain.empty() ? "" : fmt::format(" with {}", chain_words(*device, s));
      if (s.conforms()) {
        const bool stays = std::any_of(told.begin(), told.end(), [&](const Told& o) {
          return !s.chain.empty() && o.suggestion->chain == s.chain && !o.suggestion->conforms();
        });
        out += fmt::format("{} {}: it {}{}\n", sign, terminal_safe(t.name),
                           stays ? "stays as it is" : meaning_words(*device, s), terminal_safe(others));
        if (!t.show_full) continue;
      } else if (!s.not_editable.empty()) {
        out += fmt::format("{} {}: no edits: {}\n", sign, terminal_safe(t.name), terminal_safe(s.not_editable));
      } else if (!t.edits_wrong.empty()) {
        out += fmt::format("{} {}: no edits that could be shown to be right: {}\n", sign, terminal_safe(t.name),
                           terminal_safe(t.edits_wrong));
      } else {
        out += fmt::format("{} {}: {}; with {} it {}{} (read back)\n", sign, terminal_safe(t.name),
                           counted(s.edits.size(), "edit", "edits"), s.edits.size() == 1 ? "this" : "these",
                           meaning_words(*device, s), terminal_safe(others));
        write_edits(out, *device, t);
      }
      if (!t.cut.empty()) {
        out += fmt::format("{} observed, and cut by these edits:\n", sign);
        for (std::size_t i = 0; i < t.cut.size() && i < most; ++i) {
          const ReplayedFlow& f = t.cut[i];
          out += fmt::format("{}   {}\n", sign, replayed_flow_words(f, &rules));
          if (f.before.by.list != kNoList)
            out += fmt::format("{}     now permitted by {}\n", sign, place_words(*device, f.before.by));
        }
        if (t.cut.size() > most)
          out += fmt::format("{}   and {} more\n", sign, counted(t.cut.size() - most, "kind", "kinds"));
      }
    }
    if (!t.show_full) continue;
    if (!t.full_wrong.empty()) {
      out += fmt::format("! {}: a whole list cannot be shown: {}\n", terminal_safe(t.name),
                         terminal_safe(t.full_wrong));
      continue;
    }
    for (const WrittenText& text : t.full.texts) out += text.text;
  }
  return out;
}

std::string suggest_json(const Device* device, Dialect dialect, const std::vector<Told>& told,
                         const std::vector<std::string>& notes) {
  JsonWriter json(JsonWriter::Style::indented);
  json.begin_object().field("demarc", "acl-suggest").field("version", 1).field("dialect", name(dialect));
  if (device != nullptr) json.field("device", device->name).field("file", device->file);
  json.key("notes").begin_array();
  for (const std::string& note : notes) json.value(note);
  json.end_array().key("lists").begin_array();
  for (const Told& t : told) {
    const ListSuggestion& s = *t.suggestion;
    json.begin_object().field("name", t.name);
    if (device != nullptr) {
      json.field("conforms", s.conforms());
      if (!s.chain.empty()) {
        json.key("with").begin_array();
        for (const ListIndex l : s.chain)
          if (l != s.list) json.value(device->lists[l].name);
        json.end_array();
      }
      if (s.shared) json.field("shared", true);
      if (s.decider != kNoList) json.field("decided_by", device->lists[s.decider].name);
      const std::string& why = s.not_editable.empty() ? t.edits_wrong : s.not_editable;
      json.field_unless_empty("no_edits", why);
      json.field_unless_empty("head", why.empty() ? t.edits.head : "").key("edits").begin_array();
      for (std::size_t n = 0; n < s.edits.size() && why.empty(); ++n) {
        const ListEdit& e = s.edits[n];
        json.begin_object().field("kind", kind_words(e.kind)).field("reason", e.reason);
        const List& list = device->lists[t.list];
        if (e.entry < list.entries.size() && list.entries[e.entry].line != 0) {
          json.field("line", list.entries[e.entry].line).field("text", list.entries[e.entry].text);
          json.field("stays", e.keeps || e.kind == ListEdit::Kind::add);
        }
        if (e.sample) json.field("sample", to_string(e.sample->packet));
        for (const auto& [key, lines] :
             {std::pair("out", &t.edits.edits[n].out), std::pair("in", &t.edits.edits[n].in)}) {
          json.key(key).begin_array();
          for (const std::string& line : *lines) json.value(line);
          json.end_array();
        }
        json.end_object();
      }
      json.end_array().key("cuts").begin_array();
      for (const ReplayedFlow& f : t.cut) {
        json.begin_object()
            .field("initiator", to_string(f.initiator))
            .field("responder", to_string(f.responder))
            .field("protocol", to_string(f.protocol));
        if (f.protocol.has_ports()) json.field("port", f.port.number());
        json.field("conversations", f.conversations)
            .field("established", f.established)
            .field("last", to_string(f.last));
        if (f.before.by.list != kNoList && f.before.by.entry)
          json.field("line", device->lists[f.before.by.list].entries[*f.before.by.entry].line);
        json.end_object();
      }
      json.end_array();
    }
    if (t.show_full) {
      json.field_unless_empty("no_list", t.full_wrong).key("list").begin_array();
      if (t.full_wrong.empty())
        for (const WrittenText& text : t.full.texts) {
          json.begin_object();
          if (text.family) json.field("family", name(*text.family));
          json.field("text", text.text).end_object();
        }
      json.end_array();
    }
    json.end_object();
  }
  json.end_array().end_object();
  return json.take() + '\n';
}

void write_full(Suggester& suggester, Dialect dialect, Told& t) {
  t.full = find_writer(dialect)->write(t.suggestion->full);
  const std::string unsaid = t.full.unsaid.empty() ? "" : t.full.unsaid.front().why;
  const Result<Suggester::Judgement> judged =
      judge_written(suggester, t.suggestion->wish, dialect, t.suggestion->full.way, t.full);
  t.full_wrong = judged ? wrong_words(*judged) : judged.error().what;
  if (!t.full_wrong.empty() && !unsaid.empty()) t.full_wrong = unsaid;
}

struct Suggested {
  std::vector<ListSuggestion> suggestions;
  std::vector<Told> told;
  std::vector<std::string> notes;
  const Device* device = nullptr;
  Dialect dialect = Dialect::cisco_ios;
};

int exit_code(const Suggested& a) {
  bool differs = false, doubt = false;
  for (const Told& t : a.told) {
    differs = differs || !t.suggestion->conforms();
    doubt = doubt ||
            (!t.suggestion->conforms() && (!t.suggestion->not_editable.empty() || !t.edits_wrong.empty())) ||
            (t.show_full && !t.full_wrong.empty());
  }
  if (a.device == nullptr) return doubt ? kInconclusive : kConforms;
  return doubt ? kInconclusive : differs ? kFindings : kConforms;
}

/// Lists from nothing, for pairs of zones.
Result<void> generate(const AclSuggestCommand& command, const RuleSet& rules, Suggester& suggester,
                      Suggested& all) {
  const std::optional<Dialect> dialect = DEMARC_TRY(parse_dialect_word(command.dialect));
  if (!dialect)
    return failure("no configuration and no --dialect: nothing says what to write in", kWrittenDialects);
  const DialectWriter* writer = find_writer(*dialect);
  if (writer == nullptr)
    return failure(fmt::format("lists of {} are not written", name(*dialect)), kWrittenDialects);
  all.dialect = *dialect;
  std::vector<std::string> zones;
  for (const Zone& z : rules.zones) zones.push_back(z.name);
  const auto pair = [&](const std::string& from, const std::string& to) -> Result<void> {
    for (const std::string& zone : {from, to})
      if (rules.zone(zone) == nullptr)
        return failure(fmt::format("--between: the rule set has no zone '{}'", zone), suggest(zone, zones));
    all.suggestions.push_back(suggester.between(*rules.zone(from), *rules.zone(to), *writer));
    return {};
  };
  for (const std::string& words : command.between) {
    const std::size_t colon = words.find(':');
    if (colon == std::string::npos)
      return failure(fmt::format("--between: '{}' are no two zones", words), "write FROM:TO");
    DEMARC_TRY(pair(words.substr(0, colon), words.substr(colon + 1)));
  }
  if (command.between.empty())
    for (const std::string& from : zones)
      for (const std::string& to : zones) {
        if (from == to) continue;
        DEMARC_TRY(pair(from, to));
        if (all.suggestions.back().wish.must.is_empty()) all.suggestions.pop_back();
      }
  for (const ListSuggestion& s : all.suggestions) {
    Told t;
    t.name = s.full.name;
    t.suggestion = &s;
    t.show_full = true;
    write_full(suggester, *dialect, t);
    all.told.push_back(std::move(t));
  }
  return {};
}

}  // namespace

int run_acl_suggest(const AclSuggestCommand& command) try {
  AclCommand files;
  files.common = command.common;
  files.dialect = command.dialect;
  Result<PreparedAcl> prepared = prepare_acl(files, 0, 0, kFormats);
  if (!prepared) return say(prepared.error()), kCouldNotRun;
  LoadedRules loaded = load_rules(command.common, true);
  if (!loaded.rules) return kCouldNotRun;
  const RuleSet& rules = *loaded.rules;
  Result<Timestamp> at = as_of(command.common, &rules);
  if (!at) return say(at.error()), kCouldNotRun;
  Suggester suggester(rules, *at);
  Suggested all;
  std::optional<RoutedDevice> routed;
  std::optional<Snapshot> snapshot;
  if (command.words.empty()) {
    if (Result<void> done = generate(command, rules, suggester, all); !done) return say(done.error()), kCouldNotRun;
  } else {
    const Result<std::optional<Dialect>> dialect = parse_dialect_word(command.dialect);
    if (!dialect) return say(dialect.error()), kCouldNotRun;
    Result<std::string> text = read_whole_file(command.words.front(), kConfigBytesMax);
    if (!text) return say(text.error()), kCouldNotRun;
    const Source source(command.words.front() == "-" ? "standard input" : command.words.front(), std::move(*text));
    Result<Device> device = read_configuration(source, *dialect);
    if (!device) return say(device.error()), kCouldNotRun;
    say(device->diagnostics);
    AclRoutes routes = command.routes;
    const std::string wanted = std::exchange(routes.list, "");
    Result<RoutedDevice> led = route_device(std::move(*device), &rules, routes);
    if (!led) return say(led.error()), kCouldNotRun;
    routed = std::move(*led);
    if (routed->binding == nullptr)
      return say(Error{{},
                       fmt::format("the rule set declares no device whose configuration {} is", source.name()),
                       "declare it under enforcement.devices, or say which one it is: --device NAME"}),
             kCouldNotRun;
    const Device& d = *routed->device;
    all.device = &d, all.dialect = d.dialect;
    all.suggestions = suggester.suggest(*routed->binding, routed->bound);
    if (!wanted.empty() && d.find_list(wanted) == kNoList)
      return say(Error{{}, fmt::format("{} has no list '{}'", source.name(), wanted), ""}), kCouldNotRun;
    if (command.words.size() > 1) {
      Result<Snapshot> read = read_flows({{command.words.begin() + 1, command.words.end()},
                                          command.sensor,
                                          &rules,
                                          command.tunnels,
                                          command.sampling,
                                          command.memory_mib},
                                         command.common);
      if (!read) return say(read.error()), kCouldNotRun;
      snapshot = std::move(*read);
    }
    for (const ListSuggestion& s : all.suggestions) {
      const List& list = d.lists[s.list];
      if (!wanted.empty() && list.name != wanted) continue;
      Told t;
      t.name = list.name, t.list = s.list;
      t.suggestion = &s;
      if (!s.conforms() && s.not_editable.empty()) {
        t.edits = edits_in_words(d, source, s);
        t.edits_wrong = t.edits.problem;
        if (t.edits_wrong.empty()) {
          Result<PatchedBack> back = patch_and_judge(suggester, d, source, all.suggestions, s);
          t.edits_wrong = back ? wrong_words(back->judgement) : back.error().what;
          if (back) t.patched = std::move(back->text);
        }
      }
      const bool has_edits = t.edits_wrong.empty() && s.not_editable.empty();
      t.show_full = find_writer(d.dialect) != nullptr && edit_writer(d, s.list) != nullptr &&
                    s.decider == kNoList && (command.full || !has_edits) && !s.wish.must.is_empty();
      if (t.show_full) write_full(suggester, d.dialect, t);
      if (snapshot && has_edits && !s.edits.empty()) {
        const Result<Device> after = read_configuration(Source(d.file, t.patched), d.dialect);
        if (after) {
          const Routing routing = routed->routing;
          ReplayOptions options{.rules = &rules, .present = &d, .present_routing = routing};
          t.cut = replay(*after, routing, snapshot->flows, options).breaks;
        }
      }
      all.told.push_back(std::move(t));
    }
    if (std::any_of(d.nats.begin(), d.nats.end(), [](const Nat& nat) { return !nat.exempt; }))
      all.notes.push_back(fmt::format("{} translates addresses: lists are compared by the hosts' real ones",
                                      terminal_safe(d.file)));
  }
  const bool written = write_acl(*prepared, [&](std::string_view format) {
    return format == "json" ? suggest_json(all.device, all.dialect, all.told, all.notes)
                            : suggest_text(all.device, all.told, rules, all.notes, command.most);
  });
  return written ? exit_code(all) : kCouldNotRun;
} catch (const SpaceExhausted&) {
  say(Error{{}, "the lists need more memory to be compared than they may have", "name one: --list"});
  return kInconclusive;
}

}  // namespace demarc
