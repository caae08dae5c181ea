#include "rules/text/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "rules/text/escape.h"

namespace demarc {

std::string_view name(DiagnosticLevel level) {
  switch (level) {
    case DiagnosticLevel::error: return "error";
    case DiagnosticLevel::warning: return "warning";
    case DiagnosticLevel::note: return "note";
  }
  return "error";
}

void Diagnostics::error(Location where, std::string what, std::string hint) {
  add(DiagnosticLevel::error, Error{std::move(where), std::move(what), std::move(hint)});
}

void Diagnostics::warning(Location where, std::string what, std::string hint) {
  add(DiagnosticLevel::warning, Error{std::move(where), std::move(what), std::move(hint)});
}

void Diagnostics::add(DiagnosticLevel level, Error error) {
  if (level == DiagnosticLevel::error) ++errors_;
  if (all_.size() >= kKeptMax) {
    ++suppressed_;
    return;
  }
  all_.push_back({level, std::move(error)});
}

void Diagnostics::sort() {
  std::stable_sort(all_.begin(), all_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    const Location& x = a.error.where;
    const Location& y = b.error.where;
    return std::tie(x.file, x.line, x.column) < std::tie(y.file, y.line, y.column);
  });
}

std::string render(const Error& error, DiagnosticLevel level) {
  const Location& where = error.where;
  std::string out;
  if (!where.file.empty()) {
    out += terminal_safe(where.file);
    if (where.line != 0) out += fmt::format(":{}", where.line);
    if (where.line != 0 && where.column != 0) out += fmt::format(":{}", where.column);
    out += ": ";
  }
  out += fmt::format("{}: {}\n", name(level), terminal_safe(error.what));
  bool drawn = where.line != 0 && where.column != 0 && !where.line_text.empty() &&
               where.column <= where.line_text.size() + 1;
  if (drawn) {
    // The caret stands under the escaped text, so what precedes it is escaped alone to find its width.
    std::string_view line = where.line_text;
    std::size_t column = where.column - 1;
    std::size_t length =
        std::min<std::size_t>(std::max<std::uint32_t>(where.length, 1),
                              std::max<std::size_t>(line.size() - std::min(column, line.size()), 1));
    std::size_t indent = terminal_safe(line.substr(0, column)).size();
    std::size_t width = std::max<std::size_t>(terminal_safe(line.substr(column, length)).size(), 1);
    out += terminal_safe(line) + '\n';
    out += std::string(indent, ' ') + '^' + std::string(width - 1, '~');
    if (!error.hint.empty()) out += ' ' + terminal_safe(error.hint);
    out += '\n';
  } else if (!error.hint.empty()) {
    out += fmt::format("  {}\n", terminal_safe(error.hint));
  }
  return out;
}

std::string render(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics.all()) out += render(diagnostic.error, diagnostic.level);
  if (diagnostics.suppressed() != 0) out += fmt::format("... and {} more\n", diagnostics.suppressed());
  return out;
}

}  // namespace demarc
