// Rules name real hosts; other zones may see them under other addresses. This brings the two together in both
// directions.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "rules/net/flow.h"
#include "rules/policy/rule_set.h"

namespace demarc {

/// How a source sees a host.
struct SeenAs {
  Address address;
  const Translation* translation = nullptr;  // none: under its real address
};

/// The rule set must outlive it.
class Translator {
 public:
  explicit Translator(const RuleSet& rules);

  /// The addresses under which `source` sees `real`: those of the translations whose `from` holds the source,
  /// otherwise the real one. Empty if the pair is unroutable: the real address is private (RFC 1918, RFC 6598, RFC
  /// 4193), the source is not, and no translation covers it.
  std::vector<SeenAs> as_seen(const Address& real, const Address& source) const;
  /// Does any source see the real address otherwise?
  bool is_translated(const Address& real) const { return by_real_.contains(real); }
  /// Which real host and port stand behind an address that `source` asked; the same endpoint where nothing
  /// translates it. nullopt: the address is the face of a host for this source, but this port is forwarded nowhere
  /// that the rule set knows, so whoever answers is not known.
  std::optional<Endpoint> real_of(const Address& seen, Port port, const Address& source) const;
  /// Is the address the face that `source` sees of another host?
  bool is_face(const Address& seen, const Address& source) const;
  /// Members of the virtual server at that address; empty: it is none.
  std::vector<Address> vip_members(const Address& address) const;
  /// The addresses that `real` may have as a source when it talks to `destination`; itself without a translation.
  Address source_as_seen(const Address& real, const Address& destination) const;

 private:
  const RuleSet* rules_;
  std::unordered_map<Address, std::vector<std::uint32_t>> by_real_, by_seen_;
};

}  // namespace demarc
