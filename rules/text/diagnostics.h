// Errors and warnings of one input, collected so that an engineer sees all of them in one go.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/text/result.h"

namespace demarc {

enum class DiagnosticLevel { error, warning, note };
std::string_view name(DiagnosticLevel level);

struct Diagnostic {
  DiagnosticLevel level = DiagnosticLevel::error;
  Error error;
};

/// Collects diagnostics up to a bound; what is beyond the bound is counted, never lost in silence.
class Diagnostics {
 public:
  void error(Location where, std::string what, std::string hint = {});
  void warning(Location where, std::string what, std::string hint = {});
  void add(DiagnosticLevel level, Error error);
  bool has_errors() const { return errors_ != 0; }
  std::size_t error_count() const { return errors_; }
  std::size_t suppressed() const { return suppressed_; }
  /// In the order they were found; call sort() first where the finding order is not the reading order.
  const std::vector<Diagnostic>& all() const { return all_; }
  void sort();

 private:
  static constexpr std::size_t kKeptMax = 200;
  std::vector<Diagnostic> all_;
  std::size_t errors_ = 0, suppressed_ = 0;
};

/// `file:line:column: error: what`, then the line and a caret with the hint where they are known. Ends with a
/// newline. Everything that came from the input is made terminal-safe.
std::string render(const Error& error, DiagnosticLevel level = DiagnosticLevel::error);
std::string render(const Diagnostics& diagnostics);

}  // namespace demarc
