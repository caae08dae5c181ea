// What the owner of a machine lets it be asked to scan (--scope-limit FILE), whatever rule set is brought to it:
// one address or prefix a line, '#' before remarks; a YAML list of them reads the same.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "rules/net/address_set.h"
#include "rules/policy/scope.h"
#include "rules/text/result.h"

namespace demarc {

class ScopeLimit {
 public:
  static Result<ScopeLimit> read(const std::string& file);

  /// Everything but the limit: to exclude from a scope.
  std::vector<Prefix> outside() const { return AddressSet::all().minus(allowed_).prefixes(); }
  /// What of the wanted scope is left out, as a sentence, or nothing. An error if nothing remains, or if an address
  /// was named (`named`) that lies outside: who names it would take silence for an answer.
  Result<std::string> left_out(const Scope& wanted, std::span<const Prefix> named) const;

 private:
  std::string file_;
  AddressSet allowed_;
};

}  // namespace demarc
