#include "rules/acl/readers/nftables_syntax.h"

namespace demarc::nft {

namespace {

template <typename Item>
Item& find_or_add(std::deque<Item>& items, std::map<std::string, std::size_t, std::less<>>& index,
                  std::string_view wanted) {
  const auto [at, is_new] = index.try_emplace(std::string(wanted), items.size());
  if (is_new) items.emplace_back().name = wanted;
  return items[at->second];
}

std::string joined(const std::vector<Expr>& parts, std::string_view between) {
  std::string out;
  for (const Expr& part : parts) {
    if (!out.empty()) out += between;
    out += to_text(part);
    if (out.size() > 500) return out + " ...";
  }
  return out;
}

}  // namespace

Chain& Table::chain(std::string_view wanted) { return find_or_add(chains, chain_index, wanted); }
Set& Table::set(std::string_view wanted) { return find_or_add(sets, set_index, wanted); }
Set* Table::find_set(std::string_view wanted) {
  const auto found = set_index.find(wanted);
  return found == set_index.end() ? nullptr : &sets[found->second];
}

Table& Ruleset::table(std::string_view family, std::string_view name) {
  for (Table& t : tables)
    if (t.family == family && t.name == name) return t;
  Table& t = tables.emplace_back();
  t.family = family, t.name = name;
  return t;
}

std::string to_text(const Expr& e) {
  switch (e.kind) {
    case Expr::Kind::value:
    case Expr::Kind::field:
    case Expr::Kind::other: return e.text;
    case Expr::Kind::quoted: return '"' + e.text + '"';
    case Expr::Kind::range: return joined(e.parts, "-");
    case Expr::Kind::set: return "{ " + joined(e.parts, ", ") + " }";
    case Expr::Kind::list: return e.text == "|" ? "(" + joined(e.parts, " | ") + ")" : joined(e.parts, ",");
    case Expr::Kind::concat: return joined(e.parts, " . ");
    case Expr::Kind::reference: return "@" + e.text;
    case Expr::Kind::bit_and: return joined(e.parts, " & ");
    case Expr::Kind::masked: return joined(e.parts, " / ");
    case Expr::Kind::element: return joined(e.parts, " : ");
    case Expr::Kind::verdict: return e.parts.empty() ? e.text : e.text + " " + to_text(e.parts[0]);
  }
  return {};
}

}  // namespace demarc::nft
