// demarc scan: measures reachability from one vantage point into a journal, by connect or by packets of our own.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "rules/evidence/journal.h"
#include "scanner/active/connect_scan.h"
#include "scanner/active/local.h"
#include "scanner/active/raw_scan.h"
#include "scanner/active/witness_key.h"
#include "scanner/app/console.h"
#include "scanner/app/outputs.h"
#include "scanner/app/scan_journal.h"
#include "scanner/app/selection.h"
#include "scanner/app/world.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

constexpr std::string_view kFormats[] = {"text", "jsonl"};
constexpr std::uint32_t kGentleRate = 10;  // probes a second at most for a host with `care: gentle`
constexpr std::uint8_t kTriesLimit = 8;    // where loss makes them worth it and nobody said how many

/// The interface that has the address; empty if none has.
std::string interface_of(const std::vector<LocalAddress>& local, const Address& address) {
  for (const LocalAddress& l : local)
    if (l.address == address) return l.interface_name;
  return {};
}

/// The address that packets will really leave from, and its interface; refuses to speak for a vantage point it does
/// not stand on.
Result<void> find_source(const Selected& s, ScanHeader& header) {
  std::vector<LocalAddress> local = DEMARC_TRY(local_addresses());
  if (!s.plan.targets.empty()) {
    // A target without a route still gets its answer from the kernel; it only cannot tell our address.
    if (Result<Address> source = source_address_for(s.plan.targets.front().target.address()))
      header.source_address = *source;
  }
  if (s.vantage != nullptr && !s.vantage->behind_nat) {
    header.interface_name = interface_of(local, s.vantage->address);
    if (header.interface_name.empty()) {
      return failure(fmt::format("this machine is not the vantage point '{}': it does not have the address {}",
                                 s.vantage->name, to_string(s.vantage->address)),
                     "run the scan there, or declare behind_nat: true if the address is a translation's");
    }
    if (!header.source_address) header.source_address = s.vantage->address;
  }
  if (header.interface_name.empty() && header.source_address)
    header.interface_name = interface_of(local, *header.source_address);
  return {};
}

Speak speech(const PlanTarget& target, Protocol protocol, Port port) {
  if ((protocol == Protocol::udp ? target.silent_udp : target.silent).contains(port))
    return Speak::nothing;  // of a host with care: discovery-only, every port
  return target.care() == Care::gentle ? Speak::gently : Speak::freely;
}

int end_code(ScanEnd end) { return end == ScanEnd::complete ? kConforms : kInconclusive; }

// --- How to ask --------------------------------------------------------------------------------------------------

constexpr Asks kConnectAsks{.tcp = true, .udp = false, .icmp = false},
    kRawAsks{.tcp = true, .udp = true, .icmp = true};

/// The method that the first record of a journal names; empty if it cannot be told (and read_resumed() says why).
std::string method_of_journal(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line) || line.size() > 64 * 1024) return {};
  Result<ScanRun> run = read_journal(path, line + '\n');
  return run ? run->header.method : std::string();
}

struct Method {
  bool raw = false;
  RawOptions options;
};

/// What only raw probes can do, and was asked for.
std::string raw_only_option(const RawWords& words) {
  if (!words.source_port.empty()) return "--source-port";
  if (words.ttl != 0) return "--ttl";
  if (words.fragment != 0) return "--fragment";
  if (words.locate) return "--locate";
  if (!words.witness_key.empty()) return "--witness";
  if (!words.interface_name.empty()) return "-e";
  if (!words.source.empty()) return "--source";
  return {};
}

Result<Method> choose_method(const ScanCommand& command) {
  const RawWords& words = command.raw;
  Method method;
  const std::string needs_raw = raw_only_option(words);
  std::string wanted = words.method;
  if (!command.resume.empty() && wanted == "auto") {
    const std::string before = method_of_journal(command.resume);
    if (!before.empty()) wanted = before == "connect" ? "connect" : "raw";
  }
  if (wanted == "connect") {
    if (!needs_raw.empty())
      return failure(needs_raw + " needs packets of our own making, which connect cannot send",
                     "leave --method away");
    return method;
  }
  method.options.ability = raw_ability();
  const bool can = method.options.ability.how != RawPrivilege::none;
  if (!can && (wanted == "raw" || !needs_raw.empty())) {
    return failure(fmt::format("{} needs raw sockets: {}", needs_raw.empty() ? "--method raw" : needs_raw,
                               method.options.ability.why),
                   "'demarc doctor' shows what is possible here");
  }
  method.raw = can;
  RawOptions& o = method.options;
  if (!words.interface_name.empty()) o.wish.interface_name = words.interface_name;
  if (!words.source.empty()) {
    o.wish.source = parse_address(words.source);
    if (!o.wish.source) return failure(fmt::format("--source: '{}' is no address", words.source));
  }
  if (!words.source_port.empty()) {
    Result<PortRange> range = parse_port_range(words.source_port);
    if (!range) return failure("--source-port: " + range.error().what, range.error().hint);
    if (range->first.number() == 0 || range->size() > 1024)
      return failure("--source-port: one port, or a range of at most 1024 from 1 on", "53, or 40000-40063");
    o.source_ports = *range;
  }
  if (words.ttl != 0) o.ttl = static_cast<std::uint8_t>(words.ttl);
  if (words.fragment % 8 != 0)
    return failure("--fragment: a multiple of 8 bytes (RFC 791 section 3.1)", "8, 16, 24");
  o.fragment = static_cast<std::uint16_t>(words.fragment);
  o.locate = words.locate;
  if (!words.witness_key.empty()) o.witness = DEMARC_TRY(read_witness_key_file(words.witness_key));
  return method;
}

bool all_ours(const ScanPlan& plan) {
  Result<std::vector<LocalAddress>> local = local_addresses();
  if (!local) return false;
  const OwnAddresses ours(*local);
  return !plan.targets.empty() && std::all_of(plan.targets.begin(), plan.targets.end(), [&](const PlanTarget& t) {
    return ours.contains(t.target.address());
  });
}

/// Gives up what was only needed to open sockets, and says so in the journal.
Result<void> give_up_privilege(const std::string& journal_file, const std::vector<Output>& outputs,
                               std::string& said) {
  ConfineOptions options;
  auto keep = [&](const std::string& file) {
    std::filesystem::path directory = std::filesystem::path(file).parent_path();
    options.writable.push_back(directory.empty() ? "." : directory.string());
  };
  if (!journal_file.empty() && journal_file != "-") keep(journal_file);
  for (const Output& output : outputs)
    if (output.format != "jsonl") keep(output.file);
  options.readable = {"/etc/ssl", "/usr/lib/ssl", "/etc/localtime", "/usr/share/zoneinfo"};
  Confinement reached = DEMARC_TRY(confine(options));
  said = reached.text();
  return {};
}

struct Files {
  std::vector<Output> outputs;
  std::string journal;  // "-": standard output; empty: nowhere yet
};

Result<Files> find_files(const ScanCommand& command) {
  Files files;
  files.outputs = DEMARC_TRY(parse_outputs(command.common.outputs, kFormats,
                                           [](std::string_view) -> std::string_view { return "jsonl"; }));
  files.journal = command.resume;
  for (const Output& output : files.outputs) {
    if (output.format != "jsonl") continue;
    if (!files.journal.empty() && files.journal != output.file)
      return failure("one journal at a time: --resume names another file than -o",
                     "--resume FILE goes on in that file; leave -o away");
    files.journal = output.file;
  }
  return files;
}

ScanHeader header_of(const ScanCommand& command, const Selected& s, const Method& method) {
  ScanHeader header;
  header.run = new_run_id();
  header.vantage = s.plan.vantage;
  header.zone = s.plan.zone;
  header.started = now();
  header.method = !method.raw              ? "connect"
                  : s.plan.tcp_probes != 0 ? "syn"
                  : s.plan.udp_probes != 0 ? "udp"
                                           : "icmp";
  header.seed = command.seed_given ? command.seed : s.shards > 1 ? common_seed(s.plan.sha256()) : random_seed();
  header.shard = s.shard;
  header.shards = s.shards;
  header.tries_max = s.tries;
  header.rules_sha256 = s.plan.rules_sha256;
  header.scope_sha256 = s.plan.scope_sha256;
  header.plan_sha256 = s.plan.sha256();
  if (method.options.witness) header.witness_key = fingerprint(*method.options.witness);
  return header;
}

/// What is asked and how fast, for either engine. Everything it refers to must outlive it.
ScanRequest request_of(const ScanCommand& command, const Selected& s, const WorkOrder& order, bool raw) {
  ScanRequest request;
  request.work_count = order.size();
  request.work = [&s, &order](std::uint64_t index) {
    WorkItem item = order.at(index);
    const PlanTarget& target = s.plan.targets[item.target];
    ScanWork work{target.target, item.port, item.protocol, item.icmp};
    work.speak = speech(target, item.protocol, item.port);
    work.path = target.path;
    if (target.care() == Care::gentle) work.rate_max = kGentleRate;
    return work;
  };
  request.index_of = [&order](const Address& target, Protocol protocol, Port port,
                              IcmpType icmp) -> std::optional<std::uint64_t> {
    std::optional<std::uint32_t> number = order.find(target);
    if (!number) return std::nullopt;
    std::optional<std::uint64_t> n =
        protocol.is_icmp() ? order.number(*number, icmp) : order.number(*number, protocol, port);
    return n ? order.position_of(*n) : std::nullopt;
  };
  for (const PlanCanary& canary : s.plan.canaries) request.canaries.push_back({canary.target, canary.port});
  request.pace.rate_max = s.plan.rate.packets_per_second;
  request.pace.rate_max_per_target = s.plan.rate.packets_per_second_per_target;
  request.pace.states_max_per_path = s.plan.rate.states_per_path;
  request.pace.tries_max = static_cast<std::uint8_t>(s.tries);
  request.pace.tries_limit = command.selection.tries == 0 && raw ? kTriesLimit : request.pace.tries_max;
  if (command.raw.rechecks >= 0) {
    request.pace.rechecks_max = static_cast<std::uint32_t>(command.raw.rechecks);
    request.pace.rechecks_per_target = std::min(request.pace.rechecks_per_target, request.pace.rechecks_max);
  }
  request.services = command.services;
  request.window_open = [&s](Timestamp at) { return s.scope->allowed_at(at).allowed; };
  return request;
}

std::string describe_loss(const ScanSummary& summary) {
  if (summary.loss_estimate < 0) return "loss unknown (no canary)";
  std::string text = fmt::format("loss {:.2g}%", summary.loss_estimate * 100);
  if (summary.miss_probability > 0)
    text += fmt::format(", an answering port missed with probability {:.1g}", summary.miss_probability);
  return text;
}

}  // namespace

int run_scan(const ScanCommand& command) {
  if (command.all) return run_scan_all(command);
  if (command.remote) return run_scan_remote(command);
  const std::atomic<bool>& stop = stop_on_signals();
  std::string format = command.common.format;
  if (!format.empty()) {
    if (Result<void> known = check_format(format, kFormats); !known) return say(known.error()), kCouldNotRun;
  }
  Result<Files> files = find_files(command);
  if (!files) return say(files.error()), kCouldNotRun;
  std::optional<std::chrono::seconds> runtime_max;
  if (!command.runtime_max.empty()) {
    Result<std::chrono::seconds> parsed = parse_duration(command.runtime_max);
    if (!parsed) return say(Error{{}, "--max-runtime: " + parsed.error().what, parsed.error().hint}), kCouldNotRun;
    runtime_max = *parsed;
  }
  Result<Method> method = choose_method(command);
  if (!method) return say(method.error()), kCouldNotRun;

  // What to ask: the rule set's coverage from here, inside the scope, now.
  Selection selection = command.selection;
  selection.asks = method->raw ? kRawAsks : kConnectAsks;
  std::optional<Selected> selected = select(selection, command.common);
  if (!selected) return kCouldNotRun;
  if (method->raw && command.raw.method == "auto" && raw_only_option(command.raw).empty() &&
      all_ours(selected->plan)) {
    // Our own kernel answers for itself; there is no wire in between.
    method->raw = false;
    selection.asks = kConnectAsks;
    selected = select(selection, command.common);
    if (!selected) return kCouldNotRun;
  }
  leave_out_foreign_sources(*selected);
  const Selected& s = *selected;
  for (const std::string& note : s.plan.notes) say_detail(note);
  if (s.plan.probes() == 0) {
    for (const std::string& note : s.plan.notes) say_note(note);
    return say(Error{{},
                     "nothing to ask: no target of the scope has a port to ask from here",
                     "'demarc plan' shows why"}),
           kCouldNotRun;
  }
  WindowDecision window = s.scope->allowed_at(now());
  if (!window.allowed) {
    return say(Error{{},
                     "outside the authorised time: " + window.why,
                     window.next ? "the next window opens at " + to_string(*window.next)
                                 : "no window opens within a year"}),
           kCouldNotRun;
  }

  // Where the results go: a journal that begins, or that goes on.
  ScanHeader header = header_of(command, s, *method);
  if (Result<void> found = find_source(s, header); !found) return say(found.error()), kCouldNotRun;
  JournalOutput journal = JournalOutput::nowhere();
  std::optional<Resumed> resumed;
  if (!command.resume.empty()) {
    Result<Resumed> read = read_resumed(command.resume, s);
    if (!read) return say(read.error()), kCouldNotRun;
    resumed = std::move(*read);
    header = resumed->run.header;
    if (Result<void> cut = cut_half_line(command.resume); !cut) return say(cut.error()), kCouldNotRun;
  }
  const std::string& journal_file = files->journal;
  if (!journal_file.empty() && journal_file != "-" && !command.journal_to_stdout) {
    Result<JournalOutput> opened = JournalOutput::to_file(
        journal_file, resumed ? AppendFile::Mode::append_or_create : AppendFile::Mode::create_new);
    if (!opened) return say(opened.error()), kCouldNotRun;
    journal = std::move(*opened);
  } else if (command.journal_to_stdout || journal_file == "-" || format == "jsonl" ||
             (format.empty() && !stdout_is_terminal())) {
    journal = JournalOutput::to_stdout();
    format = "jsonl";
  } else {
    say_note("nothing is kept: give -o FILE to have a journal that can be resumed and verified");
  }

  WorkOrder order(s.plan, header.seed, s.shard, s.shards);
  ScanRequest request = request_of(command, s, order, method->raw);
  if (resumed) {
    request.already_answered = [&](std::uint64_t index) { return resumed->answered[order.number_at(index)]; };
    request.asked = resumed->run.asked;
    request.earlier = resumed->run.outcomes;
  }
  request.seed = header.seed;
  request.stop = &stop;
  if (runtime_max) request.runtime_max = *runtime_max;

  JournalSink sink(journal, s.plan, command.common);
  auto begin_journal = [&] {
    std::string head = resumed ? journal_resumed(now()) : journal_header(header);
    if (!resumed)
      for (const Unroutable& u : s.plan.unroutable) head += journal_unroutable({u.real, u.why});
    // Who reads the journal is to know that silence about a port may mean that another one was asked for it.
    if (!resumed && s.plan.corners)
      for (const std::string& note : s.plan.notes)
        if (note.starts_with("corners: ")) head += journal_note(note);
    return journal.append(head);
  };
  if (resumed) {
    for (const Outcome& o : resumed->run.outcomes)
      sink.count(o, o.service == kNoService ? std::optional<ServiceSeen>() : resumed->run.services[o.service]);
  }
  Result<ScanResult> result = ScanResult{};
  if (method->raw) {
    std::string confinement;
    Result<void> begun;
    method->options.confine = [&]() -> Result<void> {
      DEMARC_TRY(begun);
      return give_up_privilege(journal_file, files->outputs, confinement);
    };
    result = run_raw_scan(request, method->options, sink, [&](const RawFacts& facts) {
      if (facts.source4) header.source_address = facts.source4;
      if (facts.source4 && facts.source6) header.more_source_addresses = {*facts.source6};
      if (!facts.source4 && facts.source6) header.source_address = facts.source6;
      header.interface_name = facts.interfaces;
      begun = begin_journal();
    });
    if (!confinement.empty()) say_detail("while answers were read: " + confinement);
  } else {
    if (Result<void> begun = begin_journal(); !begun) return say(begun.error()), kCouldNotRun;
    result = run_connect_scan(request, sink);
  }
  sink.clear_progress();
  if (!result) {
    say(result.error());
    if (!journal_file.empty())
      say_note(
          fmt::format("what was found so far is whole in {}: go on with --resume {}", journal_file, journal_file));
    return kCouldNotRun;
  }

  // The end, in the journal and on the screen.
  if (resumed && resumed->run.summary) {
    result->summary.sent += resumed->run.summary->sent;
    result->summary.received += resumed->run.summary->received;
  }
  Result<void> ended = journal.append(journal_end(result->summary));
  if (ended) ended = journal.close();
  if (!ended) return say(ended.error()), kCouldNotRun;
  if (format != "jsonl") {
    if (Result<void> shown = write_stdout(sink.table()); !shown) return say(shown.error()), kCouldNotRun;
  }
  for (const Output& output : files->outputs) {
    if (output.format != "text") continue;
    if (Result<void> written = write_file_atomically(output.file, sink.table()); !written)
      return say(written.error()), kCouldNotRun;
  }
  say_note(fmt::format("scan {}: {} probes sent, {} answered, {}, {}", name(result->summary.end),
                       grouped_number(result->summary.sent), grouped_number(result->summary.received),
                       describe_loss(result->summary),
                       describe_duration(result->summary.finished - header.started)));
  if (result->summary.end != ScanEnd::complete) {
    say_warning(fmt::format("{} of {} ports were not measured: {}", grouped_number(result->unanswered_work),
                            grouped_number(order.size()),
                            result->why.empty() ? std::string(name(result->summary.end)) : result->why));
    if (!journal_file.empty() && journal_file != "-") say_note(fmt::format("go on with --resume {}", journal_file));
  }
  return end_code(result->summary.end);
}

}  // namespace demarc
