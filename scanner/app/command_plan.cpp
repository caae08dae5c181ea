// demarc plan: what a scan would send. Sends nothing.
#include <fmt/format.h>

#include "reports/view/view.h"
#include "rules/text/escape.h"
#include "rules/text/json_writer.h"
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
  line("TCP probes",
       grouped_number(p.tcp_probes) + (s.shards > 1 ? fmt::format(", {} of them in shard {}/{}",
                                                                  grouped_number(order.size()), s.shard, s.shards)
                                                    : ""));
  line("tries", fmt::format("{}, only where nothing answers", s.tries));
  line("rate",
       fmt::format("at most {} probes/s, {}/s a target, {} half-open states a path",
                   grouped_number(p.rate.packets_per_second), grouped_number(p.rate.packets_per_second_per_target),
                   grouped_number(p.rate.states_per_path)));
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
  if (p.udp_required != 0)
    line("UDP",
         fmt::format("{} ports required by coverage, not measurable by connect", grouped_number(p.udp_required)));
  if (p.icmp_required != 0)
    line("ICMP",
         fmt::format("{} types required by coverage, not measurable by connect", grouped_number(p.icmp_required)));
  out += '\n';
  constexpr std::size_t kShown = 40;
  for (std::size_t i = 0; i < p.targets.size() && i < kShown; ++i) {
    const PlanTarget& t = p.targets[i];
    std::string ports = clipped(to_string(t.tcp), 90);
    std::string seen = t.real == t.target.address() ? "" : fmt::format(" (really {})", to_string(t.real));
    out += fmt::format("  {:<22} {:<16} {:>6} ports: {}{}\n", to_string(t.target.address()) + seen,
                       terminal_safe(t.name), t.tcp.size(), ports,
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

std::string plan_json(const Selected& s, const WindowDecision& window) {
  const ScanPlan& p = s.plan;
  JsonWriter json(JsonWriter::Style::indented);
  json.begin_object().field("demarc", "plan").field("version", 1);
  json.field_unless_empty("vantage", p.vantage).field_unless_empty("zone", p.zone);
  if (p.vantage_address) json.field("source_address", to_string(*p.vantage_address));
  json.field("tcp_probes", p.tcp_probes)
      .field("shard", fmt::format("{}/{}", s.shard, s.shards))
      .field("tries_max", s.tries);
  json.field("rate_per_s", p.rate.packets_per_second)
      .field("rate_per_s_per_target", p.rate.packets_per_second_per_target)
      .field("states_max_per_path", p.rate.states_per_path);
  json.field("seconds_min", p.seconds_min).field("seconds_max", p.seconds_max);
  json.field("udp_ports_not_measurable", p.udp_required).field("icmp_types_not_measurable", p.icmp_required);
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
    json.field("tcp", to_string(t.tcp)).field("care", name(t.care())).end_object();
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
  std::optional<Selected> selected = select(command.selection, command.common);
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
