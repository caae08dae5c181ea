// demarc scan --all: every vantage point at once, each in a process of its own, here or over ssh. Their journals
// come back and are checked line by line; one that is lost leaves a gap, and the others stand.
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <map>
#include <memory>

#include "reports/view/view.h"
#include "rules/text/escape.h"
#include "rules/text/suggest.h"
#include "scanner/active/local.h"
#include "scanner/active/ssh.h"
#include "scanner/app/console.h"
#include "scanner/app/outputs.h"
#include "scanner/app/remote_request.h"
#include "scanner/app/remote_words.h"
#include "scanner/app/selection.h"
#include "scanner/app/vantage_process.h"
#include "scanner/app/world.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

constexpr std::string_view kFormats[] = {"text"};
constexpr const char* kOurselves = "/proc/self/exe";

/// Those of --vantage, else those of the coverage, else all.
Result<std::vector<const Vantage*>> choose(const RuleSet& rules, std::vector<std::string> names) {
  if (names.empty()) names = rules.coverage.vantages;
  std::vector<const Vantage*> chosen;
  if (names.empty())
    for (const Vantage& v : rules.vantages) chosen.push_back(&v);
  for (const std::string& name : names) {
    const Vantage* v = rules.vantage(name);
    if (v == nullptr) {
      std::vector<std::string> known;
      for (const Vantage& other : rules.vantages) known.push_back(other.name);
      return failure(fmt::format("the rule set has no vantage point '{}'", name), suggest(name, known));
    }
    if (std::find(chosen.begin(), chosen.end(), v) == chosen.end()) chosen.push_back(v);
  }
  if (chosen.empty()) return failure("the rule set declares no vantage point", "add some under `vantages`");
  return chosen;
}

/// DIR of -o or --resume; without either a new one, named after the time.
Result<std::string> directory_of(const ScanCommand& command) {
  if (command.common.outputs.size() > 1 || (!command.common.outputs.empty() && !command.resume.empty()))
    return failure("one directory at a time: --all writes all journals into one", "-o DIR/, or --resume DIR/");
  std::string dir = command.resume;
  if (!command.common.outputs.empty()) dir = command.common.outputs.front();
  if (dir.starts_with("jsonl=")) dir.erase(0, 6);
  if (dir.empty()) {
    dir = "scan-" + to_string(Timestamp::from_seconds(now().seconds()));
    std::erase_if(dir, [](char c) { return c == ':'; });
  }
  while (dir.size() > 1 && dir.ends_with('/')) dir.pop_back();
  struct stat info {};
  bool there = stat(dir.c_str(), &info) == 0;
  if (there && !S_ISDIR(info.st_mode))
    return file_failure(dir, "it is no directory", "--all writes one journal for each vantage point: -o DIR/");
  if (!there && !command.resume.empty())
    return file_failure(dir, "there is no such directory to resume", "the one that -o named at the first run");
  return dir;
}

/// A journal's whole records; what a kill left of the last one is cut off the file.
Result<std::string> whole_records(const std::string& path) {
  std::string text = DEMARC_TRY(read_whole_file(path, 1ULL << 30));
  std::size_t end = text.rfind('\n') + 1;  // npos + 1 is 0
  if (end != text.size() && truncate(path.c_str(), static_cast<off_t>(end)) != 0)
    return std::unexpected(file_error(path, "cannot be cut back to its last whole record", errno));
  text.resize(end);
  return text;
}

struct Fleet {
  std::vector<std::unique_ptr<VantageProcess>> processes;
  std::vector<std::string> complete;   // by an earlier run
  std::vector<std::string> not_begun;  // could not even be asked
};

/// What each process is started with. The words are one vector for both kinds: ours is started with it, ssh is
/// given it as one text of plain words.
Result<Fleet> prepare(const ScanCommand& command, const LoadedRules& loaded, const Scope& scope,
                      const std::string& dir) {
  const RuleSet& rules = *loaded.rules;
  std::vector<const Vantage*> chosen = DEMARC_TRY(choose(rules, command.vantages));
  std::vector<std::string> forwarded = DEMARC_TRY(forwarded_words(command.given));
  ShardOption shard = DEMARC_TRY(parse_shard(command.selection.shard));
  OwnAddresses own(DEMARC_TRY(local_addresses()));
  RemoteRequest request{loaded.read, {}, {}};
  if (!command.selection.targets_file.empty())
    request.targets = DEMARC_TRY(read_whole_file(command.selection.targets_file, 64U << 20));

  Fleet fleet;
  std::vector<VantageProcess::Setup> setups;
  for (const Vantage* v : chosen) {
    VantageProcess::Setup setup;
    setup.name = v->name;
    setup.journal = fmt::format("{}/{}{}.jsonl", dir, v->name,
                                shard.count > 1 ? fmt::format(".{}-of-{}", shard.index, shard.count) : "");
    setup.expected = {setup.journal, v->name, rules.sha256, shard.index, shard.count, &scope};
    bool here = own.contains(v->address);
    if (!here && !v->ssh) {
      say(Error{v->where, fmt::format("the vantage point '{}' is not here and has no `ssh`", v->name),
                "add `ssh: { host: user@host }`, or scan there by itself: demarc scan --vantage " + v->name});
      fleet.not_begun.push_back(v->name);
      continue;
    }
    if (!is_plain_word(v->name))
      return std::unexpected(Error{v->where, fmt::format("'{}' cannot be named on another machine", v->name),
                                   "letters, digits, '-', '_' and '.' for vantage points of --all"});
    struct stat info {};
    bool there = stat(setup.journal.c_str(), &info) == 0;
    if (there && command.resume.empty())
      return file_failure(setup.journal, "the journal is there already",
                          fmt::format("--resume {} goes on with it; or give another directory", dir));
    if (there && info.st_size != 0) {
      setup.resumed_text = DEMARC_TRY(whole_records(setup.journal));
      setup.resumed = !setup.resumed_text.empty();
    }
    if (setup.resumed) {
      VantageStream old(setup.expected, [](std::string_view) { return Result<void>(); });
      DEMARC_TRY(old.resume(setup.resumed_text));
      if (old.summary() && old.summary()->end == ScanEnd::complete) {
        fleet.complete.push_back(v->name);
        continue;
      }
    }
    if (there && !setup.resumed && unlink(setup.journal.c_str()) != 0)  // without one whole record
      return std::unexpected(file_error(setup.journal, "cannot be begun again", errno));
    setups.push_back(std::move(setup));
  }
  // The rate is shared by those that work at the same time.
  for (VantageProcess::Setup& setup : setups) {
    const Vantage& v = *rules.vantage(setup.name);
    std::vector<std::string> words = {"demarc",
                                      "scan",
                                      "--remote",
                                      "--rules",
                                      "-",
                                      "--vantage",
                                      setup.name,
                                      "--concurrent",
                                      std::to_string(setups.size())};
    if (shard.count > 1) {
      words.emplace_back("--shard");
      words.push_back(fmt::format("{}/{}", shard.index, shard.count));
    }
    words.insert(words.end(), forwarded.begin(), forwarded.end());
    if (own.contains(v.address)) {
      setup.program = kOurselves;
      setup.arguments = std::move(words);
    } else {
      setup.program = "ssh";
      std::string text = DEMARC_TRY(remote_command(words));
      setup.arguments = ssh_arguments(*v.ssh, text);
    }
    request.journal.reset();
    if (setup.resumed) request.journal = setup.resumed_text;
    setup.request = remote_request_text(request);
    fleet.processes.push_back(std::make_unique<VantageProcess>(std::move(setup)));
  }
  return fleet;
}

/// All of them in one line, or for programs one object each.
class FleetProgress {
 public:
  FleetProgress(const CommonOptions& options, const Fleet& fleet) : together_(options, "scan", "probes/s") {
    if (options.progress == "json")
      for (const auto& p : fleet.processes)
        each_.push_back(std::make_unique<Progress>(options, "scan " + p->name(), "probes/s"));
  }
  void show(const Fleet& fleet) {
    for (std::size_t i = 0; i < each_.size(); ++i)
      if (fleet.processes[i]->state() == VantageProcess::State::running &&
          fleet.processes[i]->progress().total != 0)
        each_[i]->show(fleet.processes[i]->progress());
    if (!each_.empty()) return;
    Progress::State sum;
    for (const auto& p : fleet.processes) {
      const Progress::State& one = p->progress();
      sum.done += one.done;
      sum.total += one.total;
      bool running = p->state() == VantageProcess::State::running;
      if (running) sum.rate += one.rate;
      sum.loss = std::max(sum.loss, one.loss);
      if (running && one.left && (!sum.left || *sum.left < *one.left)) sum.left = one.left;
      std::string share = p->state() == VantageProcess::State::lost    ? "lost"
                          : p->state() == VantageProcess::State::ended ? "done"
                          : one.total == 0
                              ? "starts"
                              : fmt::format("{}%", 100 * one.done / std::max<std::uint64_t>(one.total, 1));
      sum.detail += fmt::format("{}{} {}", sum.detail.empty() ? "" : ", ", terminal_safe(p->name()), share);
    }
    together_.show(sum);
  }
  void clear() { together_.clear(); }

 private:
  Progress together_;
  std::vector<std::unique_ptr<Progress>> each_;
};

std::string table(const Fleet& fleet) {
  std::string out;
  for (const std::string& name : fleet.complete) out += fmt::format("{}: complete already\n", name);
  for (const auto& p : fleet.processes) {
    out += terminal_safe(p->name()) + ": ";
    if (p->state() == VantageProcess::State::not_begun) {
      out += "not measured: " + terminal_safe(p->why()) + '\n';
      continue;
    }
    const std::optional<ScanSummary>& end = p->stream().summary();
    if (p->state() == VantageProcess::State::lost || !end)
      out += "lost: " + terminal_safe(p->why());
    else
      out += fmt::format("{}, {} probes sent, {}", name(end->end), grouped_number(end->sent),
                         end->loss_estimate >= 0 ? fmt::format("loss {:.2g}%", end->loss_estimate * 100)
                                                 : "loss unknown (no canary)");
    out += fmt::format(", {} open; {}\n", grouped_number(p->stream().open()), terminal_safe(p->journal()));
  }
  for (const std::string& name : fleet.not_begun) out += fmt::format("{}: not measured\n", terminal_safe(name));
  return out;
}

/// 2 only if nothing was measured at all; a gap is 3.
int exit_code(const Fleet& fleet) {
  bool any = !fleet.complete.empty(), whole = fleet.not_begun.empty();
  for (const auto& p : fleet.processes) {
    any |= p->state() != VantageProcess::State::not_begun;
    whole &= p->state() == VantageProcess::State::ended && p->stream().summary()->end == ScanEnd::complete;
  }
  return !any ? kCouldNotRun : whole ? kConforms : kInconclusive;
}

/// Until the last has ended. The error is ours.
Result<void> run(Fleet& fleet, const CommonOptions& options, const std::atomic<bool>& stop) {
  for (auto& p : fleet.processes) {
    if (Result<void> started = p->start(); !started) say(started.error());
  }
  FleetProgress progress(options, fleet);
  auto running = [](const auto& p) { return p->state() == VantageProcess::State::running; };
  while (std::any_of(fleet.processes.begin(), fleet.processes.end(), running)) {
    std::vector<pollfd> waiting;
    for (const auto& p : fleet.processes)
      if (running(p)) p->add_to(waiting);
    poll(waiting.data(), waiting.size(), 100);
    for (auto& p : fleet.processes) {
      if (!running(p)) continue;
      if (stop) p->ask_to_stop();
      DEMARC_TRY(p->work());
    }
    progress.show(fleet);
  }
  progress.clear();
  return {};
}

}  // namespace

int run_scan_all(const ScanCommand& command) {
  const std::atomic<bool>& stop = stop_on_signals();
  std::signal(SIGPIPE, SIG_IGN);  // a child that is gone is no reason to end
  if (!command.common.format.empty()) {
    if (Result<void> known = check_format(command.common.format, kFormats); !known)
      return say(known.error()), kCouldNotRun;
  }
  if (!command.selection.scope.empty())
    return say(Error{{}, "--all needs a rule set: it declares the vantage points", "give --rules FILE"}),
           kCouldNotRun;
  LoadedRules loaded = load_rules(command.common, true);
  if (!loaded.rules) return kCouldNotRun;
  Result<std::vector<Prefix>> excluded = parse_prefixes(command.selection.exclude, "--exclude", &*loaded.rules);
  if (!excluded) return say(excluded.error()), kCouldNotRun;
  Result<Scope> scope = Scope::from_rules(*loaded.rules, *excluded);
  if (!scope) return say(scope.error()), kCouldNotRun;
  Result<std::string> dir = directory_of(command);
  if (!dir) return say(dir.error()), kCouldNotRun;
  Result<Fleet> fleet = prepare(command, loaded, *scope, *dir);
  if (!fleet) return say(fleet.error()), kCouldNotRun;

  bool not_made = !fleet->processes.empty() && mkdir(dir->c_str(), 0777) != 0 && errno != EEXIST;
  if (not_made) return say(file_error(*dir, "cannot be made", errno)), kCouldNotRun;

  if (Result<void> ran = run(*fleet, command.common, stop); !ran) {
    say(ran.error());
    say_note(fmt::format("what was found so far is whole: go on with --resume {}", *dir));
    return kCouldNotRun;
  }
  if (Result<void> shown = write_stdout(table(*fleet)); !shown) return say(shown.error()), kCouldNotRun;
  int code = exit_code(*fleet);
  if (code == kInconclusive)
    say_note(fmt::format("not everything was measured: go on with 'demarc scan --all --resume {}'", *dir));
  return code;
}

}  // namespace demarc
