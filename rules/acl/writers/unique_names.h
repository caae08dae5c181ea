// Names for terms and rules: each is given once.
#pragma once

#include <fmt/format.h>

#include <set>
#include <string>
#include <string_view>

namespace demarc {

class UniqueNames {
 public:
  void take(std::string_view name) { used_.emplace(name); }
  /// The name, or with a number behind it.
  std::string give(std::string_view wanted) {
    std::string name(wanted);
    for (std::size_t n = 2; !used_.insert(name).second; ++n) name = fmt::format("{}-{}", wanted, n);
    return name;
  }

 private:
  std::set<std::string, std::less<>> used_;
};

}  // namespace demarc
