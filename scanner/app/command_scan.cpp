// demarc scan: measures reachability from one vantage point into a journal.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "reports/view/view.h"
#include "rules/evidence/journal.h"
#include "rules/text/escape.h"
#include "scanner/active/connect_scan.h"
#include "scanner/active/local.h"
#include "scanner/app/console.h"
#include "scanner/app/outputs.h"
#include "scanner/app/progress.h"
#include "scanner/app/selection.h"
#include "scanner/app/world.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

constexpr std::string_view kFormats[] = {"text", "jsonl"};
constexpr std::uint32_t kGentleRate = 10;  // probes a second at most for a host with `care: gentle`

/// Where the journal goes: a file that only ever grows, or standard output, or nowhere (a terminal shows the result
/// instead).
class JournalOutput {
 public:
  static Result<JournalOutput> to_file(const std::string& path, AppendFile::Mode mode) {
    JournalOutput out;
    out.file_.emplace(DEMARC_TRY(AppendFile::open(path, mode)));
    return out;
  }
  static JournalOutput to_stdout() {
    JournalOutput out;
    out.stdout_ = true;
    return out;
  }
  static JournalOutput nowhere() { return {}; }
  Result<void> append(const std::string& lines) {
    if (file_) return file_->append(lines);
    return stdout_ ? write_stdout(lines) : Result<void>{};
  }
  Result<void> close() {
    if (!file_) return {};
    DEMARC_TRY(file_->sync());
    return file_->close();
  }

 private:
  std::optional<AppendFile> file_;
  bool stdout_ = false;
};

/// Numbers services, writes records, and keeps what the closing table shows.
class JournalSink : public ScanSink {
 public:
  JournalSink(JournalOutput& journal, const ScanPlan& plan, const CommonOptions& options)
      : journal_(journal), plan_(plan), progress_(options, "scan", "probes/s") {}

  Result<void> on_found(std::span<const ScanFound> found) override {
    std::vector<Outcome> outcomes;
    std::vector<ServiceSeen> services;
    for (const ScanFound& f : found) {
      Outcome o = f.outcome;
      o.service = kNoService;
      if (f.service) {
        o.service = static_cast<std::uint32_t>(services.size());
        services.push_back(*f.service);
      }
      count(o, f.service);
      outcomes.push_back(std::move(o));
    }
    return journal_.append(journal_records(outcomes, services, now()));
  }
  Result<void> on_canary(const CanaryLook& look) override { return journal_.append(journal_canary(look)); }
  Result<void> on_note(const std::string& note) override {
    progress_.clear();
    say_note(note);
    return journal_.append(journal_note(note));
  }
  void on_progress(const ScanProgress& p) override {
    Progress::State state;
    state.done = p.done;
    state.total = p.total;
    state.rate = p.rate;
    state.loss = p.loss;
    state.left = p.left;
    state.detail = fmt::format("{} open{}", p.open, p.pass > 1 ? fmt::format(", pass {}", p.pass) : "");
    progress_.show(state);
  }
  void clear_progress() { progress_.clear(); }

  /// What an earlier part of the run found, so that the closing table is whole.
  void count(const Outcome& o, const std::optional<ServiceSeen>& service) {
    Tally& tally = tallies_[o.target];
    std::uint32_t ports = o.ports.size();
    if (o.doubt != Doubt::none && o.doubt != Doubt::no_canary) tally.doubtful += ports;
    if (o.state == PortState::open)
      tally.open.push_back({o.ports.first, service, o.doubt});
    else if (o.state == PortState::closed)
      tally.closed += ports;
    else if (o.passage == Passage::blocked)
      tally.refused[o.answered_by.value_or(o.target)] += ports;
    else
      tally.silent += ports;
  }

  std::string table() const {
    std::string out;
    for (const auto& [address, tally] : tallies_) {
      std::string host_name;
      for (const PlanTarget& t : plan_.targets)
        if (t.target.address() == address) host_name = t.name;
      out += fmt::format("{}{}: {} open, {} closed, {} silent", to_string(address),
                         host_name.empty() ? "" : fmt::format(" ({})", terminal_safe(host_name)), tally.open.size(),
                         tally.closed, tally.silent);
      for (const auto& [router, ports] : tally.refused)
        out += fmt::format(", {} refused by {}", ports, to_string(router));
      if (tally.doubtful != 0) out += fmt::format(", {} in doubt", tally.doubtful);
      out += '\n';
      std::vector<OpenPort> open = tally.open;
      std::sort(open.begin(), open.end(), [](const OpenPort& a, const OpenPort& b) { return a.port < b.port; });
      for (const OpenPort& o : open) {
        std::string what = o.service ? o.service->name : "";
        if (o.service && !o.service->product.empty())
          what += ' ' + o.service->product + (o.service->version.empty() ? "" : ' ' + o.service->version);
        if (o.service && !o.service->certificate_names.empty())
          what += " for " + o.service->certificate_names.front();
        if (o.service && what == o.service->name && !o.service->evidence.empty())
          what += "  " + clipped(o.service->evidence, 60);
        if (o.doubt != Doubt::none && o.doubt != Doubt::no_canary) what += fmt::format("  [{}]", name(o.doubt));
        out += fmt::format("  {:>5}/tcp  {}\n", o.port.number(), terminal_safe(what));
      }
    }
    return out;
  }

 private:
  struct OpenPort {
    Port port;
    std::optional<ServiceSeen> service;
    Doubt doubt;
  };
  struct Tally {
    std::vector<OpenPort> open;
    std::uint64_t closed = 0, silent = 0, doubtful = 0;
    std::map<Address, std::uint64_t> refused;
  };
  JournalOutput& journal_;
  const ScanPlan& plan_;
  Progress progress_;
  std::map<Address, Tally> tallies_;
};

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

/// Cuts a half-written last line off a journal that a kill ended, so that what is appended stands on its own line.
Result<void> cut_half_line(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return std::unexpected(file_error(path, "cannot be resumed", errno));
  struct stat info{};
  off_t size = fstat(fd, &info) == 0 ? info.st_size : 0;
  off_t end = size;
  std::vector<char> piece(64 * 1024);
  bool found = size == 0;
  while (end > 0 && !found) {
    auto want = static_cast<std::size_t>(std::min<off_t>(end, static_cast<off_t>(piece.size())));
    ssize_t n = pread(fd, piece.data(), want, end - static_cast<off_t>(want));
    if (n != static_cast<ssize_t>(want)) break;
    std::string_view text(piece.data(), want);
    std::size_t newline = text.rfind('\n');
    found = newline != std::string_view::npos;
    end = found ? end - static_cast<off_t>(want) + static_cast<off_t>(newline) + 1 : end - static_cast<off_t>(want);
  }
  bool good = found && (end == size || ftruncate(fd, end) == 0);
  int problem = errno;
  ::close(fd);
  if (!good) return std::unexpected(file_error(path, "cannot be cut back to its last whole record", problem));
  return {};
}

struct Resumed {
  ScanRun run;
  std::vector<bool> answered;  // by number in the plan
};

Result<Resumed> read_resumed(const std::string& path, const Selected& s) {
  Resumed r;
  std::string text = DEMARC_TRY(read_whole_file(path, 4ULL << 30));
  r.run = DEMARC_TRY(read_journal(path, text));
  const ScanHeader& h = r.run.header;
  if (h.plan_sha256 != s.plan.sha256()) {
    std::string why = h.vantage != s.plan.vantage
                          ? fmt::format("it was made from '{}', not from '{}'", h.vantage, s.plan.vantage)
                      : h.rules_sha256 != s.plan.rules_sha256 ? "the rule set has changed since"
                                                              : "its ports or targets are others";
    return file_failure(path, "this journal belongs to another plan: " + why,
                        "give the same rule set and options as for the first run, or begin a new journal");
  }
  if (h.shard != s.shard || h.shards != s.shards) {
    return file_failure(
        path, fmt::format("this journal is of shard {}/{}, not {}/{}", h.shard, h.shards, s.shard, s.shards),
        fmt::format("add --shard {}/{}", h.shard, h.shards));
  }
  WorkOrder order(s.plan, h.seed, s.shard, s.shards);
  r.answered.resize(order.total());
  for (const Outcome& o : r.run.outcomes) {
    std::optional<std::uint32_t> target = order.find(o.target);
    if (!target) continue;
    if (o.protocol.is_icmp()) {
      if (std::optional<std::uint64_t> n = order.number(*target, o.icmp)) r.answered[*n] = true;
      continue;
    }
    for (std::uint32_t port = o.ports.first.number(); port <= o.ports.last.number(); ++port)
      if (std::optional<std::uint64_t> n =
              order.number(*target, o.protocol, Port(static_cast<std::uint16_t>(port))))
        r.answered[*n] = true;
  }
  return r;
}

Speak speech(const PlanTarget& target, Port port) {
  if (target.silent.contains(port)) return Speak::nothing;  // of a host with care: discovery-only, every port
  return target.care() == Care::gentle ? Speak::gently : Speak::freely;
}

int end_code(ScanEnd end) { return end == ScanEnd::complete ? kConforms : kInconclusive; }

}  // namespace

int run_scan(const ScanCommand& command) {
  const std::atomic<bool>& stop = stop_on_signals();
  std::string format = command.common.format;
  if (!format.empty()) {
    if (Result<void> known = check_format(format, kFormats); !known) return say(known.error()), kCouldNotRun;
  }
  Result<std::vector<Output>> outputs =
      parse_outputs(command.common.outputs, kFormats, [](std::string_view) -> std::string_view { return "jsonl"; });
  if (!outputs) return say(outputs.error()), kCouldNotRun;
  std::string journal_file = command.resume;
  for (const Output& output : *outputs) {
    if (output.format != "jsonl") continue;
    if (!journal_file.empty() && journal_file != output.file)
      return say(Error{{},
                       "one journal at a time: --resume names another file than -o",
                       "--resume FILE goes on in that file; leave -o away"}),
             kCouldNotRun;
    journal_file = output.file;
  }
  std::optional<std::chrono::seconds> runtime_max;
  if (!command.runtime_max.empty()) {
    Result<std::chrono::seconds> parsed = parse_duration(command.runtime_max);
    if (!parsed) return say(Error{{}, "--max-runtime: " + parsed.error().what, parsed.error().hint}), kCouldNotRun;
    runtime_max = *parsed;
  }

  std::optional<Selected> selected = select(command.selection, command.common);
  if (!selected) return kCouldNotRun;
  leave_out_foreign_sources(*selected);
  const Selected& s = *selected;
  for (const std::string& note : s.plan.notes) say_detail(note);
  if (s.plan.tcp_probes == 0) {
    for (const std::string& note : s.plan.notes) say_note(note);
    return say(Error{{},
                     "nothing to ask: no target of the scope has a TCP port to ask from here",
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

  ScanHeader header;
  header.run = new_run_id();
  header.vantage = s.plan.vantage;
  header.zone = s.plan.zone;
  header.started = now();
  header.method = "connect";
  header.seed = command.seed_given ? command.seed : random_seed();
  header.shard = s.shard;
  header.shards = s.shards;
  header.tries_max = s.tries;
  header.rules_sha256 = s.plan.rules_sha256;
  header.scope_sha256 = s.plan.scope_sha256;
  header.plan_sha256 = s.plan.sha256();
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
  if (!journal_file.empty() && journal_file != "-") {
    Result<JournalOutput> opened = JournalOutput::to_file(
        journal_file, resumed ? AppendFile::Mode::append_or_create : AppendFile::Mode::create_new);
    if (!opened) return say(opened.error()), kCouldNotRun;
    journal = std::move(*opened);
  } else if (journal_file == "-" || format == "jsonl" || (format.empty() && !stdout_is_terminal())) {
    journal = JournalOutput::to_stdout();
    format = "jsonl";
  } else {
    say_note("nothing is kept: give -o FILE to have a journal that can be resumed and verified");
  }

  WorkOrder order(s.plan, header.seed, s.shard, s.shards);
  ScanRequest request;
  request.work_count = order.size();
  request.work = [&](std::uint64_t index) {
    WorkItem item = order.at(index);
    const PlanTarget& target = s.plan.targets[item.target];
    ScanWork work{target.target, item.port, item.protocol, item.icmp};
    work.speak = speech(target, item.port);
    if (target.care() == Care::gentle) work.rate_max = kGentleRate;
    return work;
  };
  if (resumed) {
    request.already_answered = [&](std::uint64_t index) { return resumed->answered[order.number_at(index)]; };
  }
  for (const PlanCanary& canary : s.plan.canaries) request.canaries.push_back({canary.target, canary.port});
  request.pace.rate_max = s.plan.rate.packets_per_second;
  request.pace.rate_max_per_target = s.plan.rate.packets_per_second_per_target;
  request.pace.states_max_per_path = s.plan.rate.states_per_path;
  request.pace.tries_max = static_cast<std::uint8_t>(s.tries);
  request.services = command.services;
  request.seed = header.seed;
  request.stop = &stop;
  if (runtime_max) request.runtime_max = *runtime_max;
  request.window_open = [&](Timestamp at) { return s.scope->allowed_at(at).allowed; };

  JournalSink sink(journal, s.plan, command.common);
  std::string head = resumed ? journal_resumed(now()) : journal_header(header);
  if (!resumed)
    for (const Unroutable& u : s.plan.unroutable) head += journal_unroutable({u.real, u.why});
  if (Result<void> written = journal.append(head); !written) return say(written.error()), kCouldNotRun;
  if (resumed) {
    for (const Outcome& o : resumed->run.outcomes)
      sink.count(o, o.service == kNoService ? std::optional<ServiceSeen>() : resumed->run.services[o.service]);
  }
  Result<ScanResult> result = run_connect_scan(request, sink);
  sink.clear_progress();
  if (!result) {
    say(result.error());
    if (!journal_file.empty())
      say_note(
          fmt::format("what was found so far is whole in {}: go on with --resume {}", journal_file, journal_file));
    return kCouldNotRun;
  }
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
  for (const Output& output : *outputs) {
    if (output.format != "text") continue;
    if (Result<void> written = write_file_atomically(output.file, sink.table()); !written)
      return say(written.error()), kCouldNotRun;
  }
  std::string loss = result->summary.loss_estimate >= 0
                         ? fmt::format("loss {:.2g}%", result->summary.loss_estimate * 100)
                         : "loss unknown (no canary)";
  say_note(fmt::format("scan {}: {} probes sent, {} answered, {}, {}", name(result->summary.end),
                       grouped_number(result->summary.sent), grouped_number(result->summary.received), loss,
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
