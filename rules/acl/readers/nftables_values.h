// The values that nftables' rules compare fields with, and the packets that have them.
#pragma once

#include <cstdint>
#include <vector>

#include "rules/acl/readers/netfilter_match.h"
#include "rules/acl/readers/nftables_fields.h"
#include "rules/acl/readers/nftables_terms.h"

namespace demarc::nft {

/// What one field may be.
struct Values {
  std::vector<AddressRange> addresses = {};
  std::vector<PortRange> numbers = {};
  StateSet states = {};
  bool untracked = false;
  ByteSet interfaces = {};
  bool any = false;  // `*`
};

class ValueReader {
 public:
  explicit ValueReader(const Surroundings& around) : around_(around) {}

  Result<void> collect(const KnownField& k, const Expr& e, Values& out, unsigned depth);
  Result<void> address(const KnownField& k, const Expr& e, Values& out) const;
  Result<std::uint16_t> number(const KnownField& k, const Expr& e) const;
  /// Nothing where there is no value: an empty field would be everything.
  void to_matches(const KnownField& k, const Values& v, netfilter::Matches& out);

 private:
  Result<void> interface(const Expr& e, Values& out);
  static ByteSet bytes(const std::vector<PortRange>& ranges);
  void address_types(const KnownField& k, const Values& v, netfilter::Matches& out) const;

  const Surroundings& around_;
};

}  // namespace demarc::nft
