// What an nftables rule means: its statements as conditions on packets and as what becomes of them.
#pragma once

#include <functional>
#include <memory>

#include "rules/acl/readers/netfilter_model.h"
#include "rules/acl/readers/nftables_syntax.h"

namespace demarc::nft {

/// What the rules of one table need to know beside themselves.
struct Surroundings {
  Table& table;
  netfilter::InterfaceNames& interfaces;
  const std::vector<Address>* own_addresses = nullptr;  // none: not known
};

/// Reads the rules of one table. Keeps what its sets mean, so that a set is worked out once for each field that is
/// looked up in it.
class RuleReader {
 public:
  explicit RuleReader(const Surroundings& around);
  ~RuleReader();
  /// `warn` is told what is not understood.
  netfilter::Rule read(const Rule& rule, const std::function<void(std::string what, std::string hint)>& warn);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// The rule makes the kernel track connections.
bool tracks(const Rule& rule);

}  // namespace demarc::nft
