// demarc learn: what was seen, as a draft of rules.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "rules/verdict/learn.h"
#include "scanner/app/console.h"
#include "scanner/app/evidence_files.h"
#include "scanner/app/outputs.h"
#include "scanner/app/world.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

/// The rule set as the draft names it: includes are relative to the file that has them. Empty if that cannot be
/// said.
std::string include_of(const std::string& rules, const std::string& draft) {
  std::error_code failed;
  const auto canonical = [&](const std::string& path) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path, failed), failed);
  };
  const std::filesystem::path rules_at = canonical(rules);
  const std::filesystem::path folder =
      draft.empty() || draft == "-" ? canonical(".") : canonical(draft).parent_path();
  if (failed) return {};
  return rules_at.lexically_relative(folder).generic_string();
}

}  // namespace

int run_learn(const LearnCommand& command) {
  std::string file;
  for (const std::string& value : command.common.outputs) {
    if (!file.empty()) return say(Error{{}, "learn writes one draft", ""}), kCouldNotRun;
    file = value.starts_with("yaml=") ? value.substr(5) : value;
  }
  constexpr std::string_view kFormats[] = {"yaml"};
  if (!command.common.format.empty())
    if (Result<void> known = check_format(command.common.format, kFormats); !known)
      return say(known.error()), kCouldNotRun;
  if (!file.empty() && file != "-" && access(file.c_str(), F_OK) == 0) {
    return say(Error{Location{.file = file}, "the file exists already",
                     "learn never overwrites what somebody may have edited: give another name"}),
           kCouldNotRun;
  }
  LoadedRules loaded = load_rules(command.common, false);
  if (!loaded.rules && !loaded.absent) return kCouldNotRun;
  const RuleSet* rules = loaded.rules ? &*loaded.rules : nullptr;
  Result<Snapshot> snapshot =
      read_evidence({command.evidence, command.vantage, command.sensor, rules}, command.common);
  if (!snapshot) return say(snapshot.error()), kCouldNotRun;
  if (stop_on_signals())
    return say_warning("interrupted while reading the evidence: there is no draft"), kInconclusive;
  if (snapshot->flows.empty())
    return say(Error{{},
                     "no capture and no flow records among the evidence: nothing says who uses what",
                     "'demarc init' drafts from scans, which say what answers"}),
           kCouldNotRun;
  LearnOptions options;
  options.name = command.name;
  if (rules != nullptr) options.include = include_of(rules->file, file);
  const Learned learned = learn(std::move(*snapshot), rules, options);
  Result<void> written =
      file.empty() || file == "-" ? write_stdout(learned.draft) : write_file_atomically(file, learned.draft);
  if (!written) return say(written.error()), kCouldNotRun;
  std::size_t decide = 0;
  for (const LearnedRule& rule : learned.rules) decide += rule.decide ? 1 : 0;
  say_note(fmt::format("{} proposed, {} of them to decide one by one{}",
                       learned.rules.size() == 1 ? "1 rule" : fmt::format("{} rules", learned.rules.size()), decide,
                       file.empty() || file == "-"
                           ? ""
                           : fmt::format("; {} written; next: edit it, then 'demarc check {}'", file, file)));
  return kConforms;
}

}  // namespace demarc
