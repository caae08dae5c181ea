#include "scanner/app/configuration_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "reports/view/view.h"
#include "rules/acl/readers/reader.h"
#include "rules/text/number.h"
#include "rules/text/sha256.h"
#include "rules/text/suggest.h"
#include "rules/verdict/binding.h"
#include "scanner/app/acl_files.h"
#include "scanner/app/console.h"
#include "scanner/files/file.h"

namespace demarc {

bool is_configuration(const std::string& file) {
  const Result<std::string> text = read_whole_file(file, kConfigBytesMax);
  return text && recognise_dialect(*text).has_value();
}

Result<std::optional<Dialect>> parse_dialect_option(const std::string& word) {
  if (word.empty()) return std::optional<Dialect>();
  if (const std::optional<Dialect> dialect = parse_dialect(word)) return dialect;
  std::vector<std::string> names;
  for (const DialectReader& reader : dialect_readers()) names.emplace_back(name(reader.dialect));
  std::string hint = suggest(word, names);
  return failure(fmt::format("--dialect: '{}' is no dialect that is read", word),
                 hint.empty() ? fmt::format("{}", fmt::join(names, ", ")) : hint);
}

Result<GivenConfiguration> read_configuration_file(const std::string& file, const std::string& said,
                                                   std::optional<Dialect> dialect) {
  std::string text = DEMARC_TRY(read_whole_file(file, kConfigBytesMax));
  GivenConfiguration given;
  given.said = said;
  given.sha256 = sha256_hex(text);
  given.size = text.size();
  Device device =
      DEMARC_TRY(read_configuration(Source(file == "-" ? "standard input" : file, std::move(text)), dialect));
  const LineCoverage& c = device.coverage;
  if (c.not_understood != 0 || c.in_part != 0)
    say_note(fmt::format("{}: {} not understood, {} in part; 'demarc acl check' lists them", device.file,
                         counted(c.not_understood, "line", "lines"), grouped_number(c.in_part)));
  given.device = std::make_shared<const Device>(std::move(device));
  return given;
}

Result<void> add_declared_configurations(const RuleSet& rules, std::vector<GivenConfiguration>& given) {
  const Binding bound = bind_devices(rules, given);
  const std::filesystem::path folder = std::filesystem::path(rules.file).parent_path();
  for (std::size_t d = 0; d < rules.devices.size(); ++d) {
    const DeclaredDevice& device = rules.devices[d];
    if (device.config.empty() || bound.devices[d].by != BoundBy::nothing) continue;
    const bool twice = std::any_of(bound.problems.begin(), bound.problems.end(), [&](const BindingProblem& p) {
      return p.kind == BindingProblem::Kind::given_twice && p.device == device.name;
    });
    const std::filesystem::path file = folder / device.config;
    std::error_code error;
    if (twice || !std::filesystem::is_regular_file(file, error)) continue;
    GivenConfiguration read =
        DEMARC_TRY(read_configuration_file(file.string(), device.name, parse_dialect(device.dialect)));
    given.push_back(std::move(read));
  }
  return {};
}

}  // namespace demarc
