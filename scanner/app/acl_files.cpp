#include "scanner/app/acl_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "reports/view/view.h"
#include "rules/acl/readers/reader.h"
#include "rules/text/escape.h"
#include "rules/text/number.h"
#include "rules/text/suggest.h"
#include "rules/verdict/readable.h"
#include "scanner/app/console.h"
#include "scanner/files/file.h"

namespace demarc {

Result<std::optional<Dialect>> parse_dialect_word(const std::string& word) {
  if (word.empty()) return std::optional<Dialect>();
  if (const std::optional<Dialect> dialect = parse_dialect(word)) return dialect;
  std::vector<std::string> names;
  for (const DialectReader& reader : dialect_readers()) names.emplace_back(name(reader.dialect));
  const std::string hint = suggest(word, names);
  return failure(fmt::format("--dialect: '{}' is no dialect that is read", word),
                 hint.empty() ? fmt::format("{}", fmt::join(names, ", ")) : hint);
}

Result<Device> load_configuration(const std::string& file, const std::string& dialect_word) {
  const std::optional<Dialect> dialect = DEMARC_TRY(parse_dialect_word(dialect_word));
  std::string text = DEMARC_TRY(read_whole_file(file, kConfigBytesMax));
  return read_configuration(Source(file == "-" ? "standard input" : file, std::move(text)), dialect);
}

Result<PreparedAcl> prepare_acl(const AclCommand& command, std::size_t least, std::size_t most,
                                std::span<const std::string_view> formats) {
  PreparedAcl p;
  p.format = command.common.format.empty() ? "text" : command.common.format;
  DEMARC_TRY(check_format(p.format, formats));
  p.outputs =
      DEMARC_TRY(parse_outputs(command.common.outputs, formats, [](std::string_view file) -> std::string_view {
        return file.ends_with(".json")  ? "json"
               : file.ends_with(".txt") ? "text"
               : file.ends_with(".csv") ? "csv"
                                        : "";
      }));
  if (least == 2 && command.configs.size() != 2)
    return failure("a comparison takes two configurations: before and after", "name the files that hold them");
  if (command.configs.size() < least)
    return failure("no configuration: nothing to read", "name the file that holds it");
  if (command.configs.size() > most)
    return failure(fmt::format("'{}': one configuration is asked at a time, and {} was named before it",
                               command.configs[most], command.configs[most - 1]),
                   "a packet is named by options: --source 198.51.100.7 --destination 192.0.2.10 --service tcp/443");
  for (const std::string& file : command.configs) {
    Device device = DEMARC_TRY(load_configuration(file, command.dialect));
    p.devices.push_back(std::move(device));
  }
  return p;
}

void say_first(const std::vector<Device>& devices) {
  constexpr std::size_t kSaid = 3;
  for (const Device& d : devices) {
    const std::vector<Diagnostic>& all = d.diagnostics.all();
    Diagnostics first;
    for (std::size_t i = 0; i < std::min(all.size(), kSaid); ++i) first.add(all[i].level, all[i].error);
    say(first);
    if (const std::size_t more = all.size() - first.all().size() + d.diagnostics.suppressed(); more != 0)
      say_note(fmt::format("{}: and {} more; 'demarc acl check' says them all", d.file, grouped_number(more)));
  }
}

std::string unread_note(const Device& d) {
  if (d.coverage.not_understood == 0 && d.coverage.in_part == 0) return {};
  return fmt::format("{}: {} not understood, {} in part; 'demarc acl check' lists them\n", terminal_safe(d.file),
                     counted(d.coverage.not_understood, "line", "lines"), grouped_number(d.coverage.in_part));
}

std::string place_words(const Device& d, const DecidingLine& by) {
  if (by.list == kNoList) return "no filter on the way";
  const List& list = d.lists[by.list];
  if (!by.entry)
    return fmt::format("{}:{}: the end of {}", terminal_safe(d.file),
                       list.at_end_line != 0 ? list.at_end_line : list.line, terminal_safe(list.name));
  const Entry& e = list.entries[*by.entry];
  return fmt::format("{}:{}: {}", terminal_safe(d.file), e.line, terminal_safe(e.text));
}

std::string box_lines(const Cover& cover, std::string_view indent, const std::vector<std::string>& interfaces) {
  std::string out;
  for (const std::string& line : readable_lines(cover, interfaces))
    out += fmt::format("{}{}\n", indent, terminal_safe(line));
  return out;
}

std::vector<std::string> interface_names(const Device& device) {
  std::vector<std::string> names;
  for (const Interface& i : device.interfaces) names.push_back(i.name);
  return names;
}

bool detail::write_one(const Output* output, const std::string& text) {
  const Result<void> written = output != nullptr ? write_file_atomically(output->file, text) : write_stdout(text);
  if (!written) say(written.error());
  return written.has_value();
}

}  // namespace demarc
