// demarc acl replay: what a candidate configuration would do to the conversations that were observed.
#include <fmt/format.h>

#include <algorithm>

#include "reports/view/view.h"
#include "rules/text/escape.h"
#include "rules/text/number.h"
#include "rules/verdict/replay_formats.h"
#include "scanner/app/acl_evidence.h"
#include "scanner/app/acl_files.h"
#include "scanner/app/acl_flows.h"
#include "scanner/app/console.h"
#include "scanner/app/world.h"

namespace demarc {

namespace {

constexpr std::string_view kFormats[] = {"text", "json", "csv"};

std::string service_words(const ReplayedFlow& f) {
  if (f.protocol.is_icmp())
    return fmt::format("{} {}", to_string(f.protocol), describe(f.initiator.family(), f.icmp));
  return f.protocol.has_ports() ? fmt::format("{}/{}", to_string(f.protocol), f.port.number())
                                : to_string(f.protocol);
}

std::string_view leg_words(Leg leg) {
  switch (leg) {
    case Leg::opening: return "";
    case Leg::onward: return ", what follows the opening";
    case Leg::reply: return ", the replies";
  }
  return "";
}

struct Section {
  std::string_view title;
  const std::vector<ReplayedFlow>* rows;
};

}  // namespace

std::string replayed_flow_words(const ReplayedFlow& f, const RuleSet* rules) {
  const auto who = [rules](const Address& a) {
    const std::string host = rules == nullptr ? "" : rules->name_of(a);
    return host.empty() ? to_string(a) : fmt::format("{} ({})", to_string(a), terminal_safe(host));
  };
  return fmt::format("{}{} > {} {}: {}, {} used, last seen {} ({} {})", who(f.initiator),
                     f.initiator_certain ? "" : " ?", who(f.responder), service_words(f),
                     counted(f.conversations, "conversation", "conversations"), grouped_number(f.established),
                     to_string(f.last), terminal_safe(f.file), f.record);
}

namespace {

void write_section(std::string& out, const Section& s, const ReplayDocument& d, const RuleSet* rules,
                   std::size_t most) {
  if (s.rows->empty()) return;
  out += fmt::format("\n{}:\n", s.title);
  std::size_t shown = 0;
  for (std::size_t i = 0; i < s.rows->size();) {
    const ConversationFate& fate = (*s.rows)[i].now;
    std::size_t end = i;
    std::uint64_t conversations = 0;
    Timestamp last = (*s.rows)[i].last;
    for (; end < s.rows->size() && (*s.rows)[end].now.by == fate.by && (*s.rows)[end].now.leg == fate.leg; ++end) {
      conversations += (*s.rows)[end].conversations;
      last = std::max(last, (*s.rows)[end].last);
    }
    out += fmt::format("{}{}\n    {} of {}, last seen {}\n", place_words(*d.candidate, fate.by),
                       leg_words(fate.leg), counted(conversations, "conversation", "conversations"),
                       counted(end - i, "kind", "kinds"), to_string(last));
    for (; i < end; ++i) {
      if (shown == most) break;
      ++shown;
      const ReplayedFlow& f = (*s.rows)[i];
      out += fmt::format("    {}\n", replayed_flow_words(f, rules));
      if (f.now.fate == Fate::undetermined) out += fmt::format("        {}\n", terminal_safe(f.now.why));
      if (d.present != nullptr && f.before.by.list != kNoList)
        out += fmt::format("        now {} by {}\n",
                           f.before.fate == Fate::permit ? "permitted"
                           : f.before.fate == Fate::deny ? "denied"
                                                         : "undetermined",
                           place_words(*d.present, f.before.by));
    }
    if (i < end) out += fmt::format("    and {} more: --most shows them\n", counted(end - i, "kind", "kinds"));
    i = end;
  }
}

std::string replay_text(const ReplayDocument& d, const RuleSet* rules, const AclReplayCommand& command) {
  const Replay& r = *d.replay;
  std::string out = unread_note(*d.candidate);
  if (d.present != nullptr) out += unread_note(*d.present);
  for (const std::string& a : d.assumed) out += fmt::format("assumed: {}\n", terminal_safe(a));
  write_section(out, {"would break", &r.breaks}, d, rules, command.most);
  write_section(out, {"undetermined", &r.undetermined}, d, rules, command.most);
  if (d.present != nullptr) write_section(out, {"would pass, and does not now", &r.admits}, d, rules, command.most);
  if (command.attempts) write_section(out, {"attempts that would be stopped", &r.attempts}, d, rules, command.most);
  const auto sum = [](const std::vector<ReplayedFlow>& rows) {
    std::uint64_t n = 0;
    for (const ReplayedFlow& f : rows) n += f.conversations;
    return n;
  };
  out += fmt::format("{}{}: of {} {} would break, {} undetermined, {} {}", out.empty() ? "" : "\n",
                     terminal_safe(d.candidate->file), counted(r.conversations, "conversation", "conversations"),
                     grouped_number(sum(r.breaks)), grouped_number(sum(r.undetermined)), grouped_number(r.passing),
                     d.present != nullptr ? "fare as before" : "pass");
  if (!r.admits.empty()) out += fmt::format(", {} would pass that do not now", grouped_number(sum(r.admits)));
  if (!r.attempts.empty())
    out += fmt::format("; {} would be stopped that nobody answered{}",
                       counted(sum(r.attempts), "attempt", "attempts"), command.attempts ? "" : " (--attempts)");
  if (r.elsewhere != 0) out += fmt::format("; {} do not come by this device", grouped_number(r.elsewhere));
  return out + '\n';
}

}  // namespace

int run_acl_replay(const AclReplayCommand& command) try {
  AclCommand files;
  files.common = command.common;
  files.dialect = command.dialect;
  if (!command.words.empty()) files.configs.push_back(command.words.front());
  if (!command.against.empty()) files.configs.push_back(command.against);
  Result<PreparedAcl> prepared = prepare_acl(files, 1, 2, kFormats);
  if (!prepared) return say(prepared.error()), kCouldNotRun;
  say_first(prepared->devices);
  const std::vector<std::string> evidence(command.words.begin() + 1, command.words.end());
  if (evidence.empty())
    return say(Error{{}, "no flows: nothing to replay", "name captures or flow records behind the configuration"}),
           kCouldNotRun;
  LoadedRules loaded = load_rules(command.common, false);
  if (!loaded.rules && !loaded.absent) return kCouldNotRun;
  const RuleSet* rules = loaded.rules ? &*loaded.rules : nullptr;

  Result<Snapshot> snapshot = read_flows(
      {evidence, command.sensor, rules, command.tunnels, command.sampling, command.memory_mib}, command.common);
  if (!snapshot) return say(snapshot.error()), kCouldNotRun;
  AclRoutes routes = command.routes;
  std::optional<RoutedDevice> present;
  if (!command.against.empty()) {
    Result<RoutedDevice> routed = route_device(std::move(prepared->devices[1]), rules, routes);
    if (!routed) return say(routed.error()), kCouldNotRun;
    present = std::move(*routed);
    // A candidate for the present one's place stands where that stands.
    if (routes.device.empty() && present->binding != nullptr)
      routes.device = present->binding->devices[present->bound].name;
  }
  Result<RoutedDevice> candidate = route_device(std::move(prepared->devices[0]), rules, routes);
  if (!candidate) return say(candidate.error()), kCouldNotRun;
  for (const FlowEvidence& e : snapshot->flows)
    for (const std::string& note : e.notes) say_note(note);

  ReplayOptions options;
  options.rules = rules;
  if (present) options.present = present->device.get(), options.present_routing = present->routing;
  const Replay result = replay(*candidate->device, candidate->routing, snapshot->flows, options);
  const ReplayDocument document{candidate->device.get(), options.present, &result, candidate->routing.assumed};
  const bool written = write_acl(*prepared, [&](std::string_view format) {
    return format == "json"  ? replay_json(document)
           : format == "csv" ? replay_csv(document)
                             : replay_text(document, rules, command);
  });
  if (!written) return kCouldNotRun;
  return !result.breaks.empty() ? kFindings : !result.undetermined.empty() ? kInconclusive : kConforms;
} catch (const SpaceExhausted&) {
  say(Error{{}, "the configuration needs more memory than it may have", "name a list: --list"});
  return kInconclusive;
}

}  // namespace demarc
