// demarc traffic: conversations of captures or an interface, judged by the rules if there are any.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "reports/view/view.h"
#include "rules/evidence/flow_records.h"
#include "rules/text/escape.h"
#include "rules/text/json_writer.h"
#include "rules/text/suggest.h"
#include "rules/verdict/flow_list.h"
#include "rules/verdict/reconcile.h"
#include "scanner/app/console.h"
#include "scanner/app/evidence_files.h"
#include "scanner/app/outputs.h"
#include "scanner/app/progress.h"
#include "scanner/app/traffic_watch.h"
#include "scanner/app/world.h"
#include "scanner/files/file.h"
#include "scanner/passive/listener.h"

namespace demarc {

namespace {

constexpr std::string_view kFlowFormats[] = {"text", "jsonl", "csv"};

std::string service_of(const ObservedFlow& f) {
  if (f.protocol.is_icmp())
    return fmt::format("{} {}", to_string(f.protocol), describe(f.initiator.family(), f.icmp));
  return f.protocol.has_ports() ? fmt::format("{}/{}", to_string(f.protocol), f.port.number())
                                : to_string(f.protocol);
}

std::string states_of(const ObservedFlow& f) {
  std::string out;
  for (std::size_t i = 0; i < kConnStates; ++i)
    if (const auto state = static_cast<ConnState>(i); f.states[state] != 0)
      out += fmt::format("{}{}:{}", out.empty() ? "" : " ", name(state), f.states[state]);
  return out;
}

std::string label(const RuleSet* rules, const Address& address) {
  std::string host = rules == nullptr ? "" : rules->name_of(address);
  return host.empty() ? to_string(address) : fmt::format("{} ({})", to_string(address), terminal_safe(host));
}

std::vector<const ObservedFlow*> by_use(const FlowEvidence& evidence) {
  std::vector<const ObservedFlow*> order;
  for (const ObservedFlow& f : evidence.flows) order.push_back(&f);
  std::sort(order.begin(), order.end(), [](const ObservedFlow* a, const ObservedFlow* b) {
    return std::tuple(b->established, b->conversations, a->initiator, a->responder, a->protocol, a->port, a->icmp,
                      a->first) < std::tuple(a->established, a->conversations, b->initiator, b->responder,
                                             b->protocol, b->port, b->icmp, b->first);
  });
  return order;
}

/// What carried the flow: "vxlan 77"; "" on the outside.
std::string tunnel_of(const FlowEvidence& evidence, const ObservedFlow& flow) {
  if (flow.tunnel >= evidence.tunnels.size()) return "";
  const Tunnel& tunnel = evidence.tunnels[flow.tunnel];
  return fmt::format("{}{}", name(tunnel.kind), tunnel.id != 0 ? fmt::format(" {}", tunnel.id) : "");
}

/// The judged lines of a list: nothing where nobody judged.
using Opinions = std::vector<FlowOpinionRow>;

const FlowOpinionRow* opinion_of(const FlowEvidence& evidence, const Opinions& opinions, const ObservedFlow* f) {
  const auto place = static_cast<std::size_t>(f - evidence.flows.data());
  return place < opinions.size() ? &opinions[place] : nullptr;
}

/// Text on its way out, some lines at a time: a million conversations never stand in memory as one text.
class Lines {
 public:
  explicit Lines(const TakePiece& take) : take_(take) {}
  Lines& operator+=(std::string_view text) {
    out_ += text;
    return *this;
  }
  /// False: nobody wants more.
  bool next() { return out_.size() < kPiece || flush(); }
  bool flush() {
    wanted_ = wanted_ && (out_.empty() || take_(out_));
    out_.clear();
    return wanted_;
  }

 private:
  static constexpr std::size_t kPiece = 64 << 10;
  const TakePiece& take_;
  std::string out_;
  bool wanted_ = true;
};

void write_text(const FlowEvidence& evidence, const RuleSet* rules, const Opinions& opinions,
                const TakePiece& take) {
  Lines out(take);
  for (const FlowSource& s : evidence.sources) {
    out += fmt::format("{}{}: {} packets", terminal_safe(s.file),
                       s.sensor.empty() ? "" : fmt::format(" (sensor {})", terminal_safe(s.sensor)),
                       grouped_number(s.packets));
    if (s.first && s.last) out += fmt::format(", {} to {}", to_string(*s.first), to_string(*s.last));
    if (s.dropped != 0) out += fmt::format(", {} dropped", grouped_number(s.dropped));
    if (s.undecoded != 0) out += fmt::format(", {} not decoded", grouped_number(s.undecoded));
    if (s.snapped != 0) out += fmt::format(", {} cut too short", grouped_number(s.snapped));
    if (s.aggregated != 0) out += fmt::format(", {} conversations without detail", grouped_number(s.aggregated));
    if (s.tunneled != 0) out += fmt::format(", {} of tunnels not opened (--tunnels)", grouped_number(s.tunneled));
    out += "\n";
    if (!s.problem.empty()) out += fmt::format("  {}\n", terminal_safe(s.problem));
  }
  out += fmt::format("\n{:<40} {:<40} {:<22} {:>7} {:>7}  {:<24} {:>10} {:>10}{}\n", "INITIATOR", "RESPONDER",
                     "SERVICE", "CONV", "USED", "STATES", "BYTES OUT", "BYTES IN",
                     opinions.empty() ? "" : fmt::format("  {:<15} {:<12} {}", "VERDICT", "RULE", "NOTE"));
  for (const ObservedFlow* f : by_use(evidence)) {
    std::string judged, service = service_of(*f);
    if (f->service < evidence.services.size())
      service += fmt::format(" {}", terminal_safe(evidence.services[f->service].name));
    if (const std::string tunnel = tunnel_of(evidence, *f); !tunnel.empty()) service += " in " + tunnel;
    if (const FlowOpinionRow* o = opinion_of(evidence, opinions, f))
      judged = fmt::format("  {:<15} {:<12} {}", name(o->state), o->rule.empty() ? "-" : terminal_safe(o->rule),
                           terminal_safe(o->note));
    judged.erase(judged.find_last_not_of(' ') + 1);
    out += fmt::format("{:<40} {:<40} {:<22} {:>7} {:>7}  {:<24} {:>10} {:>10}{}\n",
                       label(rules, f->initiator) + (f->initiator_certain ? "" : " ?"), label(rules, f->responder),
                       service, f->conversations, f->established, states_of(*f), f->bytes_out, f->bytes_in, judged);
    if (!out.next()) return;
  }
  if (!evidence.noise.empty())
    out += fmt::format("\n{:<14} {:<40} {:<40} {:<22} {:>10} {:>10}\n", "UNANSWERED", "FROM", "TO", "ASKED",
                       "ATTEMPTS", "PACKETS");
  for (const TrafficNoise& n : evidence.noise) {
    const auto end = [&](const std::optional<Address>& one, std::uint64_t count) {
      return one ? label(rules, *one) : fmt::format("{} addresses", grouped_number(count));
    };
    std::string ports = to_string(n.ports);
    constexpr std::size_t kPortsShown = 16;
    if (ports.size() > kPortsShown) ports = fmt::format("{} ports", grouped_number(n.ports.size()));
    out += fmt::format("{:<14} {:<40} {:<40} {:<22} {:>10} {:>10}\n", name(n.kind), end(n.initiator, n.initiators),
                       end(n.responder, n.responders),
                       ports.empty() ? to_string(n.protocol) : fmt::format("{}/{}", to_string(n.protocol), ports),
                       n.attempts, n.packets);
    if (!out.next()) return;
  }
  bool unsure = std::any_of(evidence.flows.begin(), evidence.flows.end(),
                            [](const ObservedFlow& f) { return !f.initiator_certain; });
  if (unsure) out += "\n? who opened the conversation is likely, not certain: its beginning was not captured\n";
  if (!evidence.notes.empty()) out += "\n";
  for (const std::string& note : evidence.notes) out += fmt::format("note: {}\n", terminal_safe(note));
  out.flush();
}

void write_csv(const FlowEvidence& evidence, const Opinions& opinions, const TakePiece& take) {
  Lines out(take);
  out +=
      "initiator,responder,protocol,port,initiator_port,icmp_type,initiator_certain,conversations,established,"
      "states,packets_out,packets_in,bytes_out,bytes_in,first,last,file,service,announced_by,tunnel";
  out += opinions.empty() ? "\r\n" : ",verdict,rule,note\r\n";
  for (const ObservedFlow* f : by_use(evidence)) {
    std::string port = f->protocol.has_ports() ? to_string(f->port) : "",
                initiator_port = f->initiator_port.number() != 0 ? to_string(f->initiator_port) : "";
    std::string judged;
    if (const FlowOpinionRow* o = opinion_of(evidence, opinions, f))
      judged = fmt::format(",{},{},{}", name(o->state), csv_field(o->rule), csv_field(o->note));
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}{}\r\n", to_string(f->initiator),
                       to_string(f->responder), to_string(f->protocol), port, initiator_port,
                       f->protocol.is_icmp() ? to_string(f->icmp) : "", f->initiator_certain, f->conversations,
                       f->established, states_of(*f), f->packets_out, f->packets_in, f->bytes_out, f->bytes_in,
                       to_string(f->first), to_string(f->last), csv_field(evidence.sources.at(f->source).file),
                       f->service < evidence.services.size() ? csv_field(evidence.services[f->service].name) : "",
                       f->parent < evidence.parents.size() ? name(evidence.parents[f->parent].by) : "",
                       tunnel_of(evidence, *f), judged);
    if (!out.next()) return;
  }
  out.flush();
}

void write_jsonl(const FlowEvidence& evidence, const Opinions& opinions, const TakePiece& take) {
  JsonWriter json;
  flow_records(evidence, take, [&](std::size_t place, std::string& out) {
    if (place >= opinions.size()) return;
    const FlowOpinionRow& o = opinions[place];
    json.begin_object().field("verdict", name(o.state)).field_unless_empty("rule", o.rule);
    json.field_unless_empty("note", o.note).end_object();
    const std::size_t brace = out.size();
    json.take_to(out);
    out[brace] = ',';
    out.pop_back();
  });
}

void write_flows(std::string_view format, const FlowEvidence& evidence, const RuleSet* rules,
                 const Opinions& opinions, const TakePiece& take) {
  if (format == "jsonl") return write_jsonl(evidence, opinions, take);
  if (format == "csv") return write_csv(evidence, opinions, take);
  write_text(evidence, rules, opinions, take);
}

/// Drops, gaps and damage: what makes a capture less than the truth.
std::string weakness(const FlowEvidence& evidence) {
  for (const FlowSource& s : evidence.sources) {
    if (s.dropped != 0) return fmt::format("{}: {} packets were dropped", s.file, grouped_number(s.dropped));
    if (s.truncated)
      return fmt::format("{}: {}", s.file, s.problem.empty() ? "the file ends in the middle" : s.problem);
    if (!s.problem.empty()) return fmt::format("{}: {}", s.file, s.problem);
    if (s.aggregated != 0)
      return fmt::format("{}: the detail of {} conversations was given up", s.file, grouped_number(s.aggregated));
  }
  return evidence.complete ? "" : "the capture was interrupted";
}

/// What is to be said of a file of flow records besides its flaw, which is a warning of its own.
std::string_view note_without_flaw(const EvidenceFile& file, const FlowEvidence& evidence) {
  std::string_view note = file.note;
  for (const FlowSource& s : evidence.sources)
    if (s.file == file.name && !s.problem.empty() && note.ends_with(s.problem)) {
      note.remove_suffix(s.problem.size());
      if (note.ends_with("; ")) note.remove_suffix(2);
      break;
    }
  return note;
}

struct Times {
  std::chrono::seconds duration{0}, idle{0}, every{0};
};

Result<Times> parse_times(const TrafficCommand& command) {
  Times times;
  const std::tuple<const char*, const std::string*, std::chrono::seconds*> rows[] = {
      {"--duration", &command.duration, &times.duration},
      {"--idle", &command.idle, &times.idle},
      {"--every", &command.every, &times.every}};
  for (const auto& [option, text, value] : rows) {
    if (text->empty()) continue;
    Result<std::chrono::seconds> parsed = parse_duration(*text);
    if (!parsed) return failure(fmt::format("{}: {}", option, parsed.error().what), parsed.error().hint);
    *value = *parsed;
  }
  return times;
}

/// Options that make sense together only.
Result<void> check_live_options(const TrafficCommand& command, const Times& times) {
  const bool interface = !command.interface_name.empty();
  if (interface && command.follow)
    return failure("-f follows files and -i listens on an interface: one of them", "run demarc twice for both");
  if (command.follow && command.words.empty() && command.captures.empty())
    return failure("-f: no file to follow",
                   "name a file, a directory or a quoted pattern that somebody writes captures to, or '-'");
  const bool live = interface || command.follow;
  if (!live) {
    for (const auto& [option, given] :
         {std::pair("--every", times.every.count() != 0), std::pair("--duration", times.duration.count() != 0),
          std::pair("--idle", times.idle.count() != 0)})
      if (given)
        return failure(fmt::format("{} is for captures that go on", option),
                       "it goes with -i INTERFACE, or with -f FILE for a file that is still being written");
  }
  if (!command.write_file.empty() && !interface)
    return failure("-w writes what an interface sees: it goes with -i");
  if (times.every.count() == 0) {
    if (!command.prometheus.empty())
      return failure("--prometheus writes a page in intervals, and no interval was given", "add --every 1m");
    if (command.keep != 0)
      return failure("--keep counts the files of --every, which was not given", "add --every 5m");
    return {};
  }
  if (command.keep != 0 && command.common.outputs.empty())
    return failure("--keep: no files are written that could be kept", "add -o DIRECTORY");
  return {};
}

}  // namespace

int run_traffic(const TrafficCommand& command) {
  const std::atomic<bool>& stop = stop_on_signals();
  // An interface, or files that are still being written.
  bool live = !command.interface_name.empty() || command.follow;
  LoadedRules loaded = load_rules(command.common, false);
  if (!loaded.rules && !loaded.absent) return kCouldNotRun;
  const RuleSet* rules = loaded.rules ? &*loaded.rules : nullptr;
  if (rules != nullptr && !command.sensor.empty() && rules->sensor(command.sensor) == nullptr) {
    std::vector<std::string> names;
    for (const Sensor& sensor : rules->sensors) names.push_back(sensor.name);
    std::string hint = suggest(command.sensor, names);
    return say(Error{{},
                     fmt::format("the rule set has no sensor '{}'", command.sensor),
                     hint.empty() ? fmt::format("it has {}",
                                                names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")))
                                  : hint}),
           kCouldNotRun;
  }
  // Formats of conversations, and with a rule set those of a verdict as well.
  std::vector<std::string_view> formats(std::begin(kFlowFormats), std::end(kFlowFormats));
  if (rules != nullptr)
    for (std::string_view report : report_format_names())
      if (std::find(formats.begin(), formats.end(), report) == formats.end()) formats.push_back(report);
  std::string format = command.common.format.empty() ? "text" : command.common.format;
  if (Result<void> known = check_format(format, formats); !known) return say(known.error()), kCouldNotRun;
  FailOn fail_on;
  for (const std::string& value : command.fail_on)
    if (Result<void> added = add_fail_on(fail_on, value); !added) return say(added.error()), kCouldNotRun;
  Result<Timestamp> at = as_of(command.common, rules);
  if (!at) return say(at.error()), kCouldNotRun;

  const auto by_ending = [](std::string_view file) -> std::string_view {
    if (file.ends_with(".jsonl")) return "jsonl";
    if (file.ends_with(".csv")) return "csv";
    if (file.ends_with(".txt")) return "text";
    const ReportFormat* report = report_format_for_file(file);
    return report == nullptr ? "" : report->name;
  };
  Result<Times> times = parse_times(command);
  if (!times) return say(times.error()), kCouldNotRun;
  if (Result<void> fits = check_live_options(command, *times); !fits) return say(fits.error()), kCouldNotRun;
  const bool in_intervals = times->every.count() != 0;
  Result<std::vector<Output>> outputs = std::vector<Output>{};
  Result<std::vector<IntervalOutput>> interval_outputs = std::vector<IntervalOutput>{};
  if (in_intervals) {
    interval_outputs = parse_interval_outputs(command.common.outputs, formats, by_ending);
    if (!interval_outputs) return say(interval_outputs.error()), kCouldNotRun;
  } else {
    outputs = parse_outputs(command.common.outputs, formats, by_ending);
    if (!outputs) return say(outputs.error()), kCouldNotRun;
  }

  FlowOptions flow = flow_options(rules, command.memory_mib);
  flow.per_conversation = command.conversations;
  Progress progress(command.common, live ? "listening" : "reading captures", "packets/s");
  auto started = std::chrono::steady_clock::now();
  ObserveCallback show = [&](const ObserveProgress& p) {
    double seconds =
        std::max(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count(), 0.001);
    Progress::State state;
    state.done = live ? p.packets : p.bytes;
    state.total = p.bytes_total;
    state.rate = static_cast<double>(p.packets) / seconds;
    state.detail = fmt::format("{} conversations{}", grouped_number(p.conversations),
                               p.dropped != 0 ? fmt::format(", {} dropped", grouped_number(p.dropped)) : "");
    progress.show(state);
  };
  Snapshot snapshot;
  const bool flows_only = rules == nullptr || !command.write_file.empty();
  if (flows_only && rules != nullptr &&
      std::find(std::begin(kFlowFormats), std::end(kFlowFormats), format) == std::end(kFlowFormats))
    return say(Error{
               {}, fmt::format("-w keeps packets and judges nothing: '{}' is a format of verdicts", format), ""}),
           kCouldNotRun;
  // A million conversations are not copied for their judgement.
  const auto judge_flows_alone = [&](FlowEvidence& flows) {
    snapshot.flows.clear();
    snapshot.flows.push_back(std::move(flows));
    Verdict verdict = judge(*rules, snapshot,
                            {.as_of = *at,
                             .require_passage = false,
                             .tool_version = DEMARC_VERSION,
                             .judge_rule_set = false,
                             .judge_reachable = false});
    flows = std::move(snapshot.flows.back());
    return verdict;
  };
  const auto write_any = [&](std::string_view name, const FlowEvidence& flows, const Verdict* judged, bool color,
                             const TakePiece& take) {
    const bool of_flows =
        std::find(std::begin(kFlowFormats), std::end(kFlowFormats), name) != std::end(kFlowFormats);
    ReportOptions report_options;
    report_options.color = color;
    report_options.width = terminal_width();
    if (!of_flows) {
      take(find_report_format(name)->render(*judged, report_options));
      return;
    }
    write_flows(name, flows, rules, flows_only ? Opinions{} : judge_flow_list(*rules, flows), take);
    if (name == "text" && judged != nullptr)
      take("\n" + find_report_format("text")->render(*judged, report_options));
  };
  Result<FlowEvidence> evidence = failure("nothing to read");
  if (live) {
    LiveRequest request;
    request.live.interface = command.interface_name;
    request.live.filter = command.filter;
    if (command.follow) {
      request.follow = command.captures;
      request.follow.insert(request.follow.end(), command.words.begin(), command.words.end());
    } else {
      for (const std::string& word : command.words)
        request.live.filter += (request.live.filter.empty() ? "" : " ") + word;
    }
    request.live.snaplen = command.snaplen;
    request.live.promiscuous = command.promiscuous;
    request.live.buffer_bytes = command.buffer_mib << 20;
    request.sensor = command.sensor;
    request.write_to = command.write_file;
    request.packets_max = command.count;
    request.open_tunnels = command.tunnels;
    request.duration_max = times->duration;
    request.idle_max = times->idle;
    request.flow = flow;
    const std::string what =
        command.follow ? request.follow.empty() ? "" : request.follow.front() : command.interface_name;
    std::optional<TrafficWatch> watch;
    if (in_intervals) {
      request.every = times->every;
      TrafficWatchOptions options;
      options.outputs = *interval_outputs;
      options.keep = command.keep;
      options.prometheus_file = command.prometheus;
      options.format = format;
      options.format_given = !command.common.format.empty();
      options.fail_on = fail_on;
      if (!flows_only)
        options.judge = [&](FlowEvidence& flows) {
          // Each interval by the rules that are in force at its end, unless a time was named.
          if (Result<Timestamp> then = as_of(command.common, rules)) at = then;
          return judge_flows_alone(flows);
        };
      options.write = write_any;
      options.weakness = weakness;
      watch.emplace(std::move(options));
      if (Result<void> begun = watch->begin(what, command.sensor); !begun) return say(begun.error()), kCouldNotRun;
      request.on_interval = [&](LiveInterval& interval) {
        progress.clear();
        return watch->interval(interval);
      };
    }
    evidence = observe_live(request, stop, show, [&] {
      say_note(fmt::format("{} {}; Ctrl-C ends it", command.follow ? "following" : "listening on", what));
    });
    // Ctrl-C is how a listener is meant to end.
    if (evidence) evidence->complete = true;
    if (watch && evidence) {
      progress.clear();
      return watch->exit_code();
    }
  } else {
    if (!command.write_file.empty())
      return say(Error{{}, "-w writes what an interface sees: it goes with -i", ""}), kCouldNotRun;
    std::vector<std::string> words = command.captures;
    words.insert(words.end(), command.words.begin(), command.words.end());
    if (words.empty())
      return say(Error{{},
                       "no capture: nothing to read",
                       "give captures or flow records, '-' for a capture on standard input, or -i INTERFACE"}),
             kCouldNotRun;
    const Result<EvidenceList> list = list_evidence(words, rules);
    if (!list) return say(list.error()), kCouldNotRun;
    ObserveRequest request;
    request.filter = command.filter;
    request.packets_max = command.count;
    request.open_tunnels = command.tunnels;
    request.flow = flow;
    std::vector<std::pair<NamedFile, std::size_t>> flow_files;  // and their rows
    CaptureDigests digests;
    for (NamedFile named : list->files) {
      if (named.place.empty()) named.place = command.sensor;
      EvidenceFile row;
      row.name = named.file;
      row.kind = EvidenceKind::capture;
      const Result<EvidenceKind> kind = evidence_kind(named.file);
      if (!kind) return say(kind.error()), kCouldNotRun;
      if (*kind == EvidenceKind::flow_records) row.kind = *kind;
      if (row.kind == EvidenceKind::flow_records) {
        flow_files.emplace_back(named, snapshot.files.size());
      } else {
        request.captures.push_back({named.file, named.place});
        if (named.file == "-" || flows_only) continue;  // only a verdict names its evidence
        digests.add(named.file, snapshot.files.size());
      }
      snapshot.files.push_back(std::move(row));
    }
    if (!flow_files.empty() && (!command.filter.empty() || command.count != 0))
      return say(Error{{}, "a filter and -c count packets, and flow records have none", ""}), kCouldNotRun;
    evidence = FlowEvidence{};
    if (!request.captures.empty()) {
      digests.begin();
      evidence = observe(request, show, &stop);
      if (!stop)  // whoever interrupts does not wait for the rest to be read
        if (Result<void> digested = digests.fill(snapshot.files); !digested)
          return say(digested.error()), kCouldNotRun;
    }
    if (evidence && !flow_files.empty()) {
      RecordFlowOptions record_options;
      record_options.per_conversation = command.conversations;
      record_options.server_ports_tcp = flow.server_ports_tcp;
      record_options.server_ports_udp = flow.server_ports_udp;
      record_options.sampling = command.sampling;
      std::vector<FlowFile> files;
      for (const auto& [named, row] : flow_files) files.push_back({named, &snapshot.files[row]});
      std::vector<FlowEvidence> records;
      if (Result<void> read = read_flow_files(files, record_options, records); !read)
        return say(read.error()), kCouldNotRun;
      for (FlowEvidence& r : records) append_flows(*evidence, std::move(r));
      for (const FlowFile& file : files)
        if (const std::string_view note = note_without_flaw(*file.row, *evidence); !note.empty())
          say_note(fmt::format("{}: {}", file.row->name, note));
    }
  }
  progress.clear();
  if (!evidence) return say(evidence.error()), kCouldNotRun;
  for (const FlowSource& s : evidence->sources)
    if (!s.problem.empty()) say_warning(fmt::format("{}: {}", s.file, s.problem));

  std::optional<Verdict> verdict;
  if (!flows_only) {
    verdict = judge_flows_alone(*evidence);
    conclude(*verdict, fail_on);
  }
  const Verdict* judged = verdict ? &*verdict : nullptr;
  for (const Output& output : *outputs)
    if (Result<void> written = write_file_atomically(
            output.file,
            [&](const TakePiece& take) { write_any(output.format, *evidence, judged, false, take); });
        !written)
      return say(written.error()), kCouldNotRun;
  bool silent = live && !command.write_file.empty() && command.common.format.empty();
  if (silent) {
    for (const FlowSource& s : evidence->sources)
      say_note(fmt::format("{} packets kept in {}, {} dropped", grouped_number(s.packets), command.write_file,
                           s.dropped));
  } else {
    Result<void> shown;
    write_any(format, *evidence, judged, use_color(), [&](std::string_view piece) {
      if (shown) shown = write_stdout(piece);
      return shown.has_value();
    });
    if (!shown) return say(shown.error()), kCouldNotRun;
  }
  std::string weak = weakness(*evidence);
  if (verdict) {
    ExitDecision decision = exit_code(*verdict, fail_on);
    say_note(decision.why);
    return decision.code == kConforms && !weak.empty() ? kInconclusive : decision.code;
  }
  const bool told = std::any_of(evidence->sources.begin(), evidence->sources.end(), [&](const FlowSource& s) {
    return !s.problem.empty() && weak == fmt::format("{}: {}", s.file, s.problem);
  });
  if (!weak.empty() && !told) say_warning(weak);
  return weak.empty() ? kConforms : kInconclusive;
}

}  // namespace demarc
