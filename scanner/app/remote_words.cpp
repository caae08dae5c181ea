#include "scanner/app/remote_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/text/escape.h"
#include "scanner/active/ssh.h"

namespace demarc {

namespace {

enum class Fate : std::uint8_t {
  sent,  // to every vantage point, as it is
  ours,  // --all has dealt with it, or writes it itself; from a client it is taken
  kept,  // about this machine's own files and terminal: neither sent nor taken
};
struct Row {
  std::string_view option;
  bool takes_value;
  Fate fate;
};
constexpr Row kOptions[] = {
    {"--rate", true, Fate::sent},        {"--tries", true, Fate::sent},        {"--ports", true, Fate::sent},
    {"--exclude", true, Fate::sent},     {"--corners", false, Fate::sent},     {"--seed", true, Fate::sent},
    {"--max-runtime", true, Fate::sent}, {"--no-services", false, Fate::sent}, {"--method", true, Fate::sent},
    {"--source-port", true, Fate::sent}, {"--ttl", true, Fate::sent},          {"--fragment", true, Fate::sent},
    {"--locate", false, Fate::sent},     {"--rechecks", true, Fate::sent},     {"--vantage", true, Fate::ours},
    {"--rules", true, Fate::ours},       {"--remote", false, Fate::ours},      {"--concurrent", true, Fate::ours},
    {"--shard", true, Fate::ours},       {"--all", false, Fate::kept},         {"--output", true, Fate::kept},
    {"--resume", true, Fate::kept},      {"--format", true, Fate::kept},       {"--color", true, Fate::kept},
    {"--progress", true, Fate::kept},    {"--log-format", true, Fate::kept},   {"--quiet", false, Fate::kept},
    {"--verbose", false, Fate::kept},    {"--target-list", true, Fate::kept},
};

const Row* row_of(std::string_view option) {
  const Row* row =
      std::find_if(std::begin(kOptions), std::end(kOptions), [&](const Row& r) { return r.option == option; });
  return row == std::end(kOptions) ? nullptr : row;
}

}  // namespace

Result<std::vector<std::string>> forwarded_words(std::span<const GivenOption> given) {
  std::vector<std::string> words, targets;
  for (const GivenOption& option : given) {
    if (option.name.empty()) {
      targets.insert(targets.end(), option.values.begin(), option.values.end());
      continue;
    }
    const Row* row = row_of(option.name);
    if (row == nullptr) {
      return failure(fmt::format("{} cannot be given to all vantage points at once", option.name),
                     "scan that vantage point by itself: 'demarc scan --vantage NAME ...'");
    }
    if (row->fate != Fate::sent) continue;
    if (!row->takes_value) words.push_back(option.name);
    for (const std::string& value : option.values) {
      if (!row->takes_value) break;
      words.push_back(option.name);
      words.push_back(value);
    }
  }
  words.insert(words.end(), targets.begin(), targets.end());
  for (const std::string& word : words)
    if (!is_plain_word(word))
      return failure(fmt::format("'{}' cannot be given to another machine", bytes_escaped(word)),
                     "letters, digits and . _ : / = , @ % + - only");
  return words;
}

Result<std::vector<std::string>> forced_words(std::vector<std::string> own, std::string_view original) {
  auto refuse = [](std::string what) {
    return failure("refused: " + std::move(what), "this key is for 'demarc scan --remote' and nothing else");
  };
  Result<std::vector<std::string>> asked = words_of_command(original);
  if (!asked) return refuse(asked.error().what);
  const std::vector<std::string>& words = *asked;
  if (words.size() < 3 || words[0] != "demarc" || words[1] != "scan" || words[2] != "--remote")
    return refuse("the command is another one");
  for (std::size_t i = 3; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (!word.starts_with('-')) {
      own.push_back(word);  // a target: the scope decides
      continue;
    }
    const Row* row = row_of(word);
    if (row == nullptr || row->fate == Fate::kept) return refuse(fmt::format("the option {}", word));
    if (row->takes_value && i + 1 == words.size()) return refuse(fmt::format("{} without a value", word));
    std::string value = row->takes_value ? words[++i] : "";
    if (word == "--rules" && value != "-") return refuse("a rule set of this machine");
    if (row->takes_value && value.starts_with('-') && value != "-")
      return refuse(fmt::format("{} with an option for a value", word));
    auto decided = std::find(own.begin(), own.end(), word);
    if (decided != own.end()) {
      bool same = !row->takes_value || (decided + 1 != own.end() && *(decided + 1) == value);
      if (!same) return refuse(fmt::format("another {} than the one of this key", word));
      continue;
    }
    own.push_back(word);
    if (row->takes_value) own.push_back(value);
  }
  return own;
}

}  // namespace demarc
