#include "scanner/app/scope_limit.h"

#include <fmt/format.h>

#include "rules/text/source.h"
#include "scanner/files/file.h"

namespace demarc {

Result<ScopeLimit> ScopeLimit::read(const std::string& file) {
  Source source(file, DEMARC_TRY(read_whole_file(file, 1U << 20)));
  std::vector<Prefix> prefixes;
  for (std::uint32_t n = 1; n <= source.line_count(); ++n) {
    std::string_view line = source.line(n);
    line = line.substr(0, line.find('#'));
    auto strip = [&](std::string_view what) {
      while (!line.empty() && what.find(line.front()) != std::string_view::npos) line.remove_prefix(1);
      while (!line.empty() && what.find(line.back()) != std::string_view::npos) line.remove_suffix(1);
    };
    strip(" \t\r");
    if (line.starts_with("- ")) line.remove_prefix(2);
    strip(" \t\"'");
    if (line.empty()) continue;
    Result<Prefix> prefix = parse_prefix(line);
    if (!prefix) {  // a limit that is read in part would be no limit
      auto column = static_cast<std::uint32_t>(line.data() - source.line(n).data() + 1);
      return std::unexpected(Error{source.at_line(n, column, static_cast<std::uint32_t>(line.size())),
                                   prefix.error().what, "one address or prefix a line"});
    }
    prefixes.push_back(*prefix);
  }
  if (prefixes.empty()) return file_failure(file, "the limit allows nothing", "one address or prefix a line");
  ScopeLimit limit;
  limit.file_ = file;
  limit.allowed_ = AddressSet::of(prefixes);
  return limit;
}

Result<std::string> ScopeLimit::left_out(const Scope& wanted, std::span<const Prefix> named) const {
  AddressSet asked = named.empty() ? wanted.addresses() : AddressSet::of(named);
  AddressSet outside = asked.minus(allowed_);
  if (outside.empty()) return std::string();
  if (!named.empty() || !wanted.addresses().overlaps(allowed_)) {
    return file_failure(file_, fmt::format("this machine's limit does not hold {}", to_string(outside, 4)),
                        "its owner decides what it may be asked to scan; name other targets");
  }
  return fmt::format("{}: this machine's limit leaves out {}", file_, to_string(outside, 4));
}

}  // namespace demarc
