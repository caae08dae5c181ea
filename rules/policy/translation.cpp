#include "rules/policy/translation.h"

#include <algorithm>

namespace demarc {

Translator::Translator(const RuleSet& rules) : rules_(&rules) {
  for (std::uint32_t t = 0; t < rules.translations.size(); ++t) {
    for (const Address& real : rules.translations[t].real) by_real_[real].push_back(t);
    by_seen_[rules.translations[t].seen_as].push_back(t);
  }
}

std::vector<SeenAs> Translator::as_seen(const Address& real, const Address& source) const {
  std::vector<SeenAs> out;
  if (auto at = by_real_.find(real); at != by_real_.end()) {
    for (std::uint32_t t : at->second) {
      const Translation& translation = rules_->translations[t];
      bool same_family = translation.seen_as.family() == source.family();
      bool already =
          std::any_of(out.begin(), out.end(), [&](const SeenAs& s) { return s.address == translation.seen_as; });
      if (same_family && !already && translation.from.addresses.contains(source))
        out.push_back({translation.seen_as, &translation});
    }
  }
  bool private_target = classify(real) == AddressClass::private_use;
  bool private_source = classify(source) == AddressClass::private_use || classify(source) == AddressClass::loopback;
  if (out.empty() && real.family() == source.family() && (!private_target || private_source))
    out.push_back({real, nullptr});
  return out;
}

std::optional<Endpoint> Translator::real_of(const Address& seen, Port port, const Address& source) const {
  auto at = by_seen_.find(seen);
  if (at == by_seen_.end()) return Endpoint{seen, port};
  bool is_a_face = false;
  for (std::uint32_t t : at->second) {
    const Translation& translation = rules_->translations[t];
    if (!translation.from.addresses.contains(source) || translation.real.empty()) continue;
    is_a_face = true;
    // A host with an address in each family has one of them behind this face.
    auto real = std::find_if(translation.real.begin(), translation.real.end(),
                             [&](const Address& a) { return a.family() == seen.family(); });
    const Address& behind = real == translation.real.end() ? translation.real.front() : *real;
    if (translation.ports.empty()) return Endpoint{behind, port};
    for (const auto& [outside, inside] : translation.ports)
      if (outside == port) return Endpoint{behind, inside};
  }
  if (is_a_face) return std::nullopt;
  return Endpoint{seen, port};
}

bool Translator::is_face(const Address& seen, const Address& source) const {
  auto at = by_seen_.find(seen);
  return at != by_seen_.end() && std::any_of(at->second.begin(), at->second.end(), [&](std::uint32_t t) {
           return rules_->translations[t].from.addresses.contains(source);
         });
}

std::vector<Address> Translator::vip_members(const Address& address) const {
  std::vector<Address> members;
  for (const Vip& vip : rules_->vips) {
    if (vip.address != address) continue;
    for (const AddressRange& range : vip.members.addresses.ranges()) {
      constexpr std::size_t kMembersMax = 4096;  // a pool, not a network
      for (Uint128 n = range.first.number(); members.size() < kMembersMax; ++n) {
        members.push_back(Address::of(range.first.family(), n));
        if (n == range.last.number()) break;
      }
    }
  }
  return members;
}

Address Translator::source_as_seen(const Address& real, const Address& destination) const {
  for (const SourceTranslation& translation : rules_->source_translations) {
    if (translation.seen_as.family() == real.family() && translation.real.addresses.contains(real) &&
        translation.to.addresses.contains(destination)) {
      return translation.seen_as;
    }
  }
  return real;
}

}  // namespace demarc
