// demarc plan: what a scan would send. Sends nothing.
#include <fmt/format.h>

#include "reports/view/view.h"
#include "rules/text/escape.h"
#include "rules/text/json_writer.h"
#include "scanner/active/raw/privilege.h"
#include "scanner/app/console.h"
#include "scanner/app/outputs.h"
#include "scanner/app/selection.h"
#include "scanner/app/world.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

std::string duration(double seconds) {
  return describe_duration(
      std::chrono::duration_cast<Nanoseconds>(std::chrono::duration<double>(seconds < 1 ? 1 : seconds)));
}

/// "4 min", or "2 s to 4 min" where answers decide.
std::string span(double least, double most) {
  std::string from = duration(least), to = duration(most);
  return from == to ? from : fmt::format("{} to {}", from, to);
}

/// What a port costs the filters on the way, by the engine that asks.
constexpr std::string_view kConnectCost =
    "connect opens whole connections: an open port is one until we close it, every further try has a source port "
    "and "
    "so a state of its own";
constexpr std::string_view kRawCost =
    "raw leaves open ports half-open until its RST, at once; UDP and ICMP make states as well, which only time "
    "ends";

std::string asked_of(const PlanTarget& t, const Asks& asks) {
  std::string words;
  auto add = [&](std::string_view letter, const PortSet& ports, const std::vector<PortRange>* pieces) {
    if (ports.empty()) return;
    std::uint64_t represented = 0;
    if (pieces != nullptr)
      for (const PortRange& piece : *pieces) represented += piece.size();
    words += fmt::format("{}{}{}", words.empty() ? "" : " ", letter,
                         represented > ports.size()
                             ? fmt::format("{} for {}", grouped_number(ports.size()), grouped_number(represented))
                             : clipped(to_string(ports), 90));
  };
  if (asks.tcp) add("", t.tcp, t.tcp_pieces.get());
  if (asks.udp) add("U:", t.udp, t.udp_pieces.get());
  if (asks.icmp) {
    for (std::size_t i = 0; i < t.icmp.size(); ++i)
      words += (i != 0 ? "," : words.empty() ? "I:" : " I:") + to_string(t.icmp[i]);
  }
  return words;
}

std::uint64_t count_of(const PlanTarget& t, const Asks& asks) {
  return (asks.tcp ? t.tcp.size() : 0) + (asks.udp ? t.udp.size() : 0) + (asks.icmp ? t.icmp.size() : 0);
}

std::string plan_text(const Selected& s, const WindowDecision& window) {
  const ScanPlan& p = s.plan;
  WorkOrder order(p, 0, s.shard, s.shards);
  std::string out;
  auto line = [&](std::string_view label, std::string_view text) {
    out += fmt::format("{:<16}{}\n", label, terminal_safe(text));
  };
  if (!p.vantage.empty())
    line("vantage point", fmt::format("{} in zone {}, {}", p.vantage, p.zone,
                                      p.vantage_address ? to_string(*p.vantage_address) : "address unknown"));
  line("targets", counted(p.targets.size(), "address", "addresses"));
  line("TCP probes", grouped_number(p.tcp_probes));
  if (p.asks.udp) line("UDP probes", grouped_number(p.udp_probes));
  if (p.asks.icmp) line("ICMP probes", grouped_number(p.icmp_probes));
  if (s.shards > 1)
    line("shard", fmt::format("{}/{}: {} of {} probes", s.shard, s.shards, grouped_number(order.size()),
                              grouped_number(order.total())));
  line("tries", fmt::format("{}, only where nothing answers", s.tries));
  line("rate",
       fmt::format("at most {} probes/s, {}/s a target, {} half-open states a path",
                   grouped_number(p.rate.packets_per_second), grouped_number(p.rate.packets_per_second_per_target),
                   grouped_number(p.rate.states_per_path)));
  if (p.corners) {
    line("corners",
         fmt::format("{} probes stand for {}: {} instead of {} for the full sweep", grouped_number(p.probes()),
                     grouped_number(p.sweep_probes), span(p.seconds_min, p.seconds_max),
                     span(p.sweep_seconds_min, p.sweep_seconds_max)));
    line("", "not seen, unless by chance: an opening inside a range, with ends that no document names");
  }
  for (const PlanPath& path : p.paths) {
    if (path.probes == 0) continue;
    line("filter states",
         fmt::format("{}{} new at most if all is let by{}, {} at a time at most",
                     path.name.empty() || p.paths.size() == 1 ? "" : path.name + ": ", grouped_number(path.states),
                     path.states_silent == path.states
                         ? ""
                         : fmt::format(" ({} if all stays silent)", grouped_number(path.states_silent)),
                     grouped_number(path.states_peak)));
  }
  line("", p.asks.udp || p.asks.icmp ? kRawCost : kConnectCost);
  line("duration", fmt::format("{} if everything answers, {} if everything is silent", duration(p.seconds_min),
                               duration(p.seconds_max)));
  if (p.canaries.empty()) {
    line("canaries", "none: loss cannot be told from filtering");
  } else {
    std::string names;
    for (const PlanCanary& canary : p.canaries) names += (names.empty() ? "" : ", ") + canary.name;
    line("canaries", names);
  }
  line("window", (window.allowed ? "open: " : "closed: ") + window.why +
                     (window.until ? ", until " + to_string(*window.until) : "") +
                     (!window.allowed && window.next ? ", next at " + to_string(*window.next) : ""));
  line("scope",
       p.scope_sha256.substr(0, 16) + (s.scope->policy().authorised_by.empty()
                                           ? ""
                                           : fmt::format(", authorised by {} ({})", s.scope->policy().authorised_by,
                                                         s.scope->policy().authorised_ticket)));
  if (p.udp_required != 0 && !p.asks.udp)
    line("UDP",
         fmt::format("{} ports required by coverage, not measurable by connect", grouped_number(p.udp_required)));
  if (p.icmp_required != 0 && !p.asks.icmp)
    line("ICMP",
         fmt::format("{} types required by coverage, not measurable by connect", grouped_number(p.icmp_required)));
  out += '\n';
  constexpr std::size_t kShown = 40;
  for (std::size_t i = 0; i < p.targets.size() && i < kShown; ++i) {
    const PlanTarget& t = p.targets[i];
    std::string seen = t.real == t.target.address() ? "" : fmt::format(" (really {})", to_string(t.real));
    out += fmt::format("  {:<22} {:<16} {:>6} probes: {}{}\n", to_string(t.target.address()) + seen,
                       terminal_safe(t.name), count_of(t, p.asks), asked_of(t, p.asks),
                       t.care() == Care::normal ? "" : fmt::format("  care: {}", name(t.care())));
  }
  if (p.targets.size() > kShown) out += fmt::format("  ... and {} more\n", p.targets.size() - kShown);
  for (const Unroutable& u : p.unroutable)
    out += fmt::format("  {:<22} {:<16} unroutable: {}\n", to_string(u.real), terminal_safe(u.name),
                       terminal_safe(u.why));
  if (!p.notes.empty()) out += '\n';
  for (const std::string& note : p.notes) out += fmt::format("note: {}\n", terminal_safe(note));
  return out;
}

/// Each stands behind the one asked port that lies in it.
void json_pieces(JsonWriter& json, std::string_view key, const std::vector<PortRange>* pieces) {
  if (pieces == nullptr || pieces->empty()) return;
  std::string text;
  for (const PortRange& piece : *pieces) text += (text.empty() ? "" : ",") + to_string(piece);
  json.field(key, text);
}

std::string plan_json(const Selected& s, const WindowDecision& window) {
  const ScanPlan& p = s.plan;
  JsonWriter json(JsonWriter::Style::indented);
  json.begin_object().field("demarc", "plan").field("version", 1);
  json.field_unless_empty("vantage", p.vantage).field_unless_empty("zone", p.zone);
  if (p.vantage_address) json.field("source_address", to_string(*p.vantage_address));
  json.field("tcp_probes", p.tcp_probes)
      .field("udp_probes", p.udp_probes)
      .field("icmp_probes", p.icmp_probes)
      .field("shard", fmt::format("{}/{}", s.shard, s.shards))
      .field("tries_max", s.tries);
  json.field("rate_per_s", p.rate.packets_per_second)
      .field("rate_per_s_per_target", p.rate.packets_per_second_per_target)
      .field("states_max_per_path", p.rate.states_per_path);
  json.field("seconds_min", p.seconds_min).field("seconds_max", p.seconds_max);
  std::uint64_t never = 0;  // ICMP types that are no queries
  for (const PlanTarget& t : p.targets) never += t.icmp_required.size();
  json.field("udp_ports_not_measurable", p.asks.udp ? 0 : p.udp_required)
      .field("icmp_types_not_measurable", p.asks.icmp ? never : p.icmp_required);
  if (p.corners) {
    json.key("corners").begin_object();
    json.field("sweep_probes", p.sweep_probes)
        .field("sweep_seconds_min", p.sweep_seconds_min)
        .field("sweep_seconds_max", p.sweep_seconds_max)
        .field("required_not_measured", p.unmet)
        .end_object();
  }
  json.key("paths").begin_array();
  for (const PlanPath& path : p.paths) {
    json.begin_object().field_unless_empty("name", path.name).field("targets", path.targets);
    json.field("probes", path.probes)
        .field("states_max", path.states)
        .field("states_max_silent", path.states_silent)
        .field("states_at_a_time_max", path.states_peak)
        .end_object();
  }
  json.end_array();
  json.field("window_open", window.allowed).field("window", window.why);
  json.field_unless_empty("rules_sha256", p.rules_sha256)
      .field("scope_sha256", p.scope_sha256)
      .field("plan_sha256", p.sha256());
  json.key("targets").begin_array();
  for (const PlanTarget& t : p.targets) {
    json.begin_object()
        .field("target", to_string(t.target.address()))
        .field("real", to_string(t.real))
        .field_unless_empty("name", t.name);
    json.field("tcp", to_string(t.tcp));
    if (p.asks.udp) json.field("udp", to_string(t.udp));
    if (p.asks.icmp) {
      json.key("icmp").begin_array();
      for (const IcmpType& type : t.icmp) json.value(to_string(type));
      json.end_array();
    }
    json_pieces(json, "tcp_pieces", t.tcp_pieces.get());
    json_pieces(json, "udp_pieces", t.udp_pieces.get());
    json.field("care", name(t.care())).end_object();
  }
  json.end_array().key("unroutable").begin_array();
  for (const Unroutable& u : p.unroutable)
    json.begin_object()
        .field("real", to_string(u.real))
        .field_unless_empty("name", u.name)
        .field("why", u.why)
        .end_object();
  json.end_array().key("notes").begin_array();
  for (const std::string& note : p.notes) json.value(note);
  json.end_array().end_object();
  return json.take() + '\n';
}

}  // namespace

int run_plan(const PlanCommand& command) {
  constexpr std::string_view kFormats[] = {"text", "json"};
  std::string format = command.common.format.empty() ? "text" : command.common.format;
  if (Result<void> known = check_format(format, kFormats); !known) return say(known.error()), kCouldNotRun;
  Result<std::vector<Output>> outputs =
      parse_outputs(command.common.outputs, kFormats, [](std::string_view file) -> std::string_view {
        return file.ends_with(".json") ? "json" : file.ends_with(".txt") ? "text" : "";
      });
  if (!outputs) return say(outputs.error()), kCouldNotRun;
  Selection selection = command.selection;
  const bool raw = command.method == "raw" || (command.method == "auto" && raw_ability().how != RawPrivilege::none);
  if (raw) selection.asks = {.tcp = true, .udp = true, .icmp = true};
  std::optional<Selected> selected = select(selection, command.common);
  if (!selected) return kCouldNotRun;
  leave_out_foreign_sources(*selected);
  Result<Timestamp> at = as_of(command.common, selected->rules ? &*selected->rules : nullptr);
  if (!at) return say(at.error()), kCouldNotRun;
  WindowDecision window = selected->scope->allowed_at(*at);
  auto render = [&](std::string_view name) {
    return name == "json" ? plan_json(*selected, window) : plan_text(*selected, window);
  };
  for (const Output& output : *outputs)
    if (Result<void> written = write_file_atomically(output.file, render(output.format)); !written)
      return say(written.error()), kCouldNotRun;
  if (Result<void> written = write_stdout(render(format)); !written) return say(written.error()), kCouldNotRun;
  return kConforms;
}

}  // namespace demarc
