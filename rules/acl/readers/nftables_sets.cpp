#include "rules/acl/readers/nftables_sets.h"

#include <fmt/format.h>

#include <algorithm>

namespace demarc::nft {

using netfilter::Matches;

Result<std::shared_ptr<const Key>> SetReader::named(const std::vector<KnownField>& fields, const std::string& left,
                                                    const std::string& name) {
  Set* set = around_.table.find_set(name);
  if (set == nullptr) return wrong(fmt::format("set {} is not defined", name));
  ++set->uses;
  std::shared_ptr<const Key>& cached = keys_[name + ' ' + left];
  if (!cached) {
    Key key = DEMARC_TRY(lookup(fields, {&set->content}));
    cached = std::make_shared<const Key>(std::move(key));
  }
  return cached;
}

Result<Key> SetReader::lookup(const std::vector<KnownField>& fields, std::vector<const Expr*> elements) {
  Key key;
  if (fields.size() == 1) {
    Values values;
    for (const Expr* e : elements) DEMARC_TRY(values_.collect(fields[0], *e, values, 0));
    key.untracked = values.untracked, key.any = values.any;
    values_.to_matches(fields[0], values, key.matches);
    return key;
  }
  // Concatenations that agree in all but the first field make one match together.
  std::map<std::string, std::pair<Matches, Values>> groups;
  DEMARC_TRY(concatenated(fields, elements, groups, key, 0));
  for (auto& [text, group] : groups) {
    Matches first;
    values_.to_matches(fields[0], group.second, first);
    std::optional<Matches> both = netfilter::meet(first, group.first);
    if (!both || key.matches.size() + both->size() > netfilter::kBoxesMax)
      return wrong("the set takes more boxes than are kept");
    for (Match& m : *both) key.matches.push_back(std::move(m));
  }
  return key;
}

Result<void> SetReader::concatenated(const std::vector<KnownField>& fields,
                                     const std::vector<const Expr*>& elements,
                                     std::map<std::string, std::pair<Matches, Values>>& groups, Key& key,
                                     unsigned depth) {
  if (depth > kDepthMax) return wrong("sets lie too deep in each other");
  for (const Expr* e : elements) {
    if (e->kind == Expr::Kind::set) {
      std::vector<const Expr*> inner;
      for (const Expr& part : e->parts) inner.push_back(&part);
      DEMARC_TRY(concatenated(fields, inner, groups, key, depth + 1));
      continue;
    }
    const Expr& value = e->kind == Expr::Kind::element ? e->parts[0] : *e;
    if (value.kind == Expr::Kind::value && value.text == "*") {
      key.any = true;
      continue;
    }
    if (value.kind != Expr::Kind::concat || value.parts.size() != fields.size())
      return wrong(fmt::format("'{}' has not {} parts", to_text(value), fields.size()));
    std::string rest;
    for (std::size_t i = 1; i < value.parts.size(); ++i) rest += to_text(value.parts[i]) + " . ";
    auto [at, is_new] = groups.try_emplace(std::move(rest));
    auto& [others, first] = at->second;
    DEMARC_TRY(values_.collect(fields[0], value.parts[0], first, 0));
    if (!is_new) continue;
    others = {Match{}};
    for (std::size_t i = 1; i < fields.size(); ++i) {
      Values values;
      DEMARC_TRY(values_.collect(fields[i], value.parts[i], values, 0));
      if (values.untracked) return wrong("'untracked' in a concatenation is not understood");
      Matches one;
      values_.to_matches(fields[i], values, one);
      std::optional<Matches> both = netfilter::meet(others, one);
      if (!both) return wrong("the set takes more boxes than are kept");
      others = std::move(*both);
    }
    if (first.untracked) return wrong("'untracked' in a concatenation is not understood");
  }
  return {};
}

Result<Key> SetReader::bounded(const KnownField& k, std::string_view op, const Expr& right) {
  Key key;
  Values values;
  if (k.field == Field::saddr || k.field == Field::daddr) {
    DEMARC_TRY(values_.address(k, right, values));
    const Family family = *k.domain.box.family;
    const AddressRange at = values.addresses[0];
    const Address least = Address::of(family, 0);
    const Address most = Address::of(family, family == Family::ipv4 ? Uint128{0xFFFFFFFF} : ~Uint128{0});
    values.addresses.clear();
    if (op == "<" && least < at.first)
      values.addresses.push_back({least, Address::of(family, at.first.number() - 1)});
    if (op == "<=") values.addresses.push_back({least, at.last});
    if (op == ">=") values.addresses.push_back({at.first, most});
    if (op == ">" && at.last < most) values.addresses.push_back({Address::of(family, at.last.number() + 1), most});
    if (!values.addresses.empty()) values_.to_matches(k, values, key.matches);
    return key;
  }
  constexpr Field kNumbers[] = {Field::protocol, Field::sport, Field::dport, Field::icmp_type, Field::icmp_code};
  if (std::find(std::begin(kNumbers), std::end(kNumbers), k.field) == std::end(kNumbers))
    return wrong(fmt::format("'{}' is no comparison for {}", op, k.text));
  const std::uint16_t n = DEMARC_TRY(values_.number(k, right));
  const unsigned most = k.field == Field::sport || k.field == Field::dport ? 65535 : 255;
  unsigned low = 0, high = most;
  if (op == "<") high = n == 0 ? most + 1 : n - 1U;
  if (op == "<=") high = n;
  if (op == ">") low = n + 1U;
  if (op == ">=") low = n;
  if (low > high || high > most) return key;
  values.numbers.push_back({Port(static_cast<std::uint16_t>(low)), Port(static_cast<std::uint16_t>(high))});
  values_.to_matches(k, values, key.matches);
  return key;
}

}  // namespace demarc::nft
