// demarc witness: records at the far end which marked probes arrived.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "reports/view/view.h"
#include "rules/evidence/witness.h"
#include "rules/text/escape.h"
#include "rules/text/suggest.h"
#include "scanner/active/local.h"
#include "scanner/active/raw/privilege.h"
#include "scanner/active/witness.h"
#include "scanner/active/witness_key.h"
#include "scanner/app/console.h"
#include "scanner/app/outputs.h"
#include "scanner/app/progress.h"
#include "scanner/app/world.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

constexpr std::string_view kFormats[] = {"text", "jsonl"};

int make_key(const std::string& path) {
  Result<WitnessKey> key = create_witness_key_file(path);
  if (!key) return say(key.error()), kCouldNotRun;
  say_note(
      fmt::format("{} holds a new key, fingerprint {}: the scan and its witness need the same file, nobody else",
                  path, fingerprint(*key)));
  return kConforms;
}

std::string host_name() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "witness";
  return name;
}

/// Where it stands, by the rule set or by a name of its own.
Result<void> say_where(const WitnessCommand& command, const RuleSet* rules, WitnessHeader& header) {
  if (command.vantage.empty()) {
    header.at = command.name.empty() ? host_name() : command.name;
    return {};
  }
  if (rules == nullptr)
    return failure("--vantage names a vantage point of a rule set, and there is none", "give --rules, or --name");
  const Vantage* vantage = rules->vantage(command.vantage);
  if (vantage == nullptr) {
    std::vector<std::string> names;
    for (const Vantage& known : rules->vantages) names.push_back(known.name);
    return failure(fmt::format("the rule set has no vantage point '{}'", command.vantage),
                   suggest(command.vantage, names));
  }
  header.at = vantage->name;
  header.zone = vantage->zone;
  header.rules_sha256 = rules->sha256;
  return {};
}

/// The addresses at which packets end that come in there.
Result<void> find_addresses(const std::string& interface_name, WitnessHeader& header) {
  const std::vector<LocalAddress> local = DEMARC_TRY(local_addresses());
  const bool any = interface_name == "any";
  for (const LocalAddress& l : local) {
    if (any ? classify(l.address) != AddressClass::loopback : l.interface_name == interface_name)
      header.addresses.push_back(l.address);
  }
  std::sort(header.addresses.begin(), header.addresses.end());
  header.addresses.erase(std::unique(header.addresses.begin(), header.addresses.end()), header.addresses.end());
  return {};
}

/// From here on foreign bytes are read: what was needed to listen is given up, and nothing can be opened any more
/// but the files named and the interface's counters of losses.
Result<void> give_up_privilege(const std::string& text_file) {
  ConfineOptions options;
  if (!text_file.empty()) {
    const std::filesystem::path directory = std::filesystem::path(text_file).parent_path();
    options.writable.push_back(directory.empty() ? "." : directory.string());
  }
  options.readable = {"/sys/class/net", "/sys/devices", "/proc/net", "/etc/localtime", "/usr/share/zoneinfo"};
  const Confinement reached = DEMARC_TRY(confine(options));
  say_detail("privilege given up: " + reached.text());
  return {};
}

}  // namespace

int run_witness_command(const WitnessCommand& command) {
  if (!command.new_key_file.empty()) return make_key(command.new_key_file);
  const std::atomic<bool>& stop = stop_on_signals();
  if (command.key_file.empty())
    return say(Error{{},
                     "a witness needs the key that the scan marks its probes with",
                     "--key FILE; 'demarc witness --new-key FILE' makes one"}),
           kCouldNotRun;
  Result<WitnessKey> key = read_witness_key_file(command.key_file);
  if (!key) return say(key.error()), kCouldNotRun;
  std::string format = command.common.format;
  if (!format.empty())
    if (Result<void> known = check_format(format, kFormats); !known) return say(known.error()), kCouldNotRun;
  Result<std::vector<Output>> outputs =
      parse_outputs(command.common.outputs, kFormats, [](std::string_view) -> std::string_view { return "jsonl"; });
  if (!outputs) return say(outputs.error()), kCouldNotRun;
  std::string record_file, text_file;
  for (const Output& output : *outputs) {
    std::string& file = output.format == "jsonl" ? record_file : text_file;
    if (!file.empty()) return say(Error{{}, "one record at a time: -o is given twice", ""}), kCouldNotRun;
    file = output.file;
  }
  WitnessRequest request;
  if (!command.runtime_max.empty()) {
    Result<std::chrono::seconds> parsed = parse_duration(command.runtime_max);
    if (!parsed) return say(Error{{}, "--max-runtime: " + parsed.error().what, parsed.error().hint}), kCouldNotRun;
    request.runtime_max = *parsed;
  }
  if (command.span && command.interface_name.empty())
    return say(Error{{}, "--span needs the interface that the mirror port feeds", "-i IFACE"}), kCouldNotRun;
  LoadedRules loaded = load_rules(command.common, false);
  if (!loaded.rules && !loaded.absent) return kCouldNotRun;

  WitnessHeader header;
  header.run = new_run_id();
  header.interface_name = command.interface_name.empty() ? "any" : command.interface_name;
  header.span = command.span;
  header.key = fingerprint(*key);
  if (Result<void> known = say_where(command, loaded.rules ? &*loaded.rules : nullptr, header); !known)
    return say(known.error()), kCouldNotRun;
  if (Result<void> found = find_addresses(header.interface_name, header); !found)
    return say(found.error()), kCouldNotRun;
  if (header.addresses.empty() && !header.span)
    say_warning(
        fmt::format("{} has no address: packets that arrive there are nobody's, and prove nothing. A mirror "
                    "port is said with --span",
                    header.interface_name));

  std::optional<AppendFile> file;
  const bool to_stdout =
      record_file == "-" || (record_file.empty() && (format == "jsonl" || !stdout_is_terminal()));
  const auto write = [&](const std::string& lines) -> Result<void> {
    if (file) DEMARC_TRY(file->append(lines));
    if (to_stdout) return write_stdout(lines);
    return {};
  };
  request.interface_name = header.interface_name;
  request.span = command.span;
  request.key = *key;
  request.buffer_bytes = command.buffer_mib << 20;
  request.stop = &stop;
  request.on_ready = [&](Timestamp started) -> Result<void> {
    // Only now: a witness that cannot listen leaves no file behind.
    if (!record_file.empty() && record_file != "-")
      file.emplace(DEMARC_TRY(AppendFile::open(record_file, AppendFile::Mode::create_new)));
    DEMARC_TRY(give_up_privilege(text_file));
    header.started = started;
    DEMARC_TRY(write(witness_header(header)));
    say_note(fmt::format("listening at '{}' on {} with key {}; Ctrl-C ends it", terminal_safe(header.at),
                         header.interface_name, header.key));
    return {};
  };
  request.on_lines = write;
  Progress progress(command.common, "witness", "probes/s");
  std::uint64_t arrived_before = 0;
  std::chrono::nanoseconds elapsed_before{0};
  double rate = 0;
  request.on_progress = [&](const WitnessProgress& p) {
    const double seconds = std::chrono::duration<double>(p.elapsed - elapsed_before).count();
    if (seconds >= 1) {
      rate = static_cast<double>(p.arrived - arrived_before) / seconds;
      arrived_before = p.arrived;
      elapsed_before = p.elapsed;
    }
    Progress::State state;
    state.done = p.arrived;
    state.rate = rate;
    state.detail = fmt::format("{} of strangers{}", grouped_number(p.strangers),
                               p.dropped != 0 ? fmt::format(", {} dropped", grouped_number(p.dropped)) : "");
    progress.show(state);
  };
  Result<WitnessResult> result = run_witness(request);
  progress.clear();
  if (!result) return say(result.error()), kCouldNotRun;
  if (file) {
    Result<void> kept = file->sync();
    if (kept) kept = file->close();
    if (!kept) return say(kept.error()), kCouldNotRun;
  }
  const Listening& l = result->listening;
  const std::string text = fmt::format(
      "{} marked probes arrived at '{}' from {} to {}; {} packets of strangers were not kept, {} dropped\n",
      grouped_number(result->arrived), terminal_safe(header.at), to_string(header.started), to_string(l.at),
      grouped_number(l.strangers), grouped_number(l.dropped));
  if (!text_file.empty())
    if (Result<void> written = write_file_atomically(text_file, text); !written)
      return say(written.error()), kCouldNotRun;
  if (!to_stdout) {
    if (Result<void> shown = write_stdout(text); !shown) return say(shown.error()), kCouldNotRun;
  } else {
    say_note(std::string_view(text).substr(0, text.size() - 1));
  }
  if (!result->problem.empty()) say_warning(result->problem);
  if (l.dropped != 0)
    say_warning("packets were dropped, so that what did not arrive proves nothing: give a larger ring with -B");
  return result->problem.empty() && l.dropped == 0 ? kConforms : kInconclusive;
}

}  // namespace demarc
