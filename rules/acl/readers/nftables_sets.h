// Sets of nftables, with names and without: what is in them, for the fields that are looked up.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/acl/readers/nftables_values.h"

namespace demarc::nft {

/// A key of a map, or all of a set.
struct Key {
  netfilter::Matches matches = {};
  bool untracked = false, any = false;
};
/// Keeps what named sets mean, so that a set is worked out once for each field that is looked up in it.
class SetReader {
 public:
  explicit SetReader(const Surroundings& around) : around_(around), values_(around) {}

  Result<std::shared_ptr<const Key>> named(const std::vector<KnownField>& fields, const std::string& left,
                                           const std::string& name);
  /// What is in a set, for these fields. Elements of one field make one match.
  Result<Key> lookup(const std::vector<KnownField>& fields, std::vector<const Expr*> elements);
  Result<Key> bounded(const KnownField& k, std::string_view op, const Expr& right);

 private:
  Result<void> concatenated(const std::vector<KnownField>& fields, const std::vector<const Expr*>& elements,
                            std::map<std::string, std::pair<netfilter::Matches, Values>>& groups, Key& key,
                            unsigned depth);

  const Surroundings& around_;
  ValueReader values_;
  std::map<std::string, std::shared_ptr<const Key>> keys_;
};

}  // namespace demarc::nft
