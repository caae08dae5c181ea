#include "rules/acl/readers/nftables_expressions.h"

#include <fmt/format.h>

#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/nftables_names.h"
#include "rules/net/address.h"
#include "rules/text/suggest.h"

namespace demarc::nft {

namespace {

constexpr std::size_t kExpansionMax = 2'000'000;  // what definitions may grow to, in values

constexpr std::string_view kHeaders[] = {"ip",   "ip6", "tcp",  "udp",  "udplite", "sctp",  "dccp",
                                         "ah",   "esp", "comp", "icmp", "icmpv6",  "igmp",  "ether",
                                         "vlan", "arp", "th",   "gre",  "geneve",  "vxlan", "gretap",
                                         "hbh",  "srh", "dst",  "mh",   "frag",    "exthdr"};
constexpr std::string_view kBareMeta[] = {
    "iif",     "iifname", "oif",     "oifname", "iifgroup",    "oifgroup",    "iiftype",
    "oiftype", "mark",    "skuid",   "skgid",   "rtclassid",   "nftrace",     "pkttype",
    "cpu",     "cgroup",  "ibrname", "obrname", "priority",    "protocol",    "length",
    "time",    "hour",    "day",     "secmark", "ibridgename", "obridgename", "random"};
}  // namespace

Expr ExpressionReader::fields() {
  Expr first = field();
  if (!peek().is(".") || bad()) return first;
  Expr all{Expr::Kind::concat};
  all.parts.push_back(std::move(first));
  while (!bad() && take_if(".")) {
    skip_line_ends();
    all.parts.push_back(field());
  }
  return all;
}

Expr ExpressionReader::field() {
  const Token first = take();
  Expr f{Expr::Kind::field, std::string(first.text)};
  const auto more = [&] {
    if (peek().kind != Token::Kind::word)
      return fail(peek(), fmt::format("a field is missing behind '{}'", f.text));
    f.text += ' ';
    f.text += take().text;
  };
  const auto unless_existence = [&] {
    if (peek().kind == Token::Kind::word && !peek().is("exists") && !peek().is("missing")) more();
  };
  if (first.kind != Token::Kind::word) {
    fail(first, fmt::format("'{}' is no field of a packet", first.text));
  } else if (first.text.starts_with('@')) {  // @th,16,16
    for (int i = 0; i < 2; ++i) {
      if (!take_if(",")) return fail(peek(), "a raw payload is written @BASE,OFFSET,LENGTH"), f;
      f.text += ',';
      f.text += take().text;
    }
  } else if (first.is("ct")) {
    const bool direction = peek().is("original") || peek().is("reply");
    more();
    if (direction) {
      const bool of_family = peek().is("ip") || peek().is("ip6");
      more();
      if (of_family) more();
    }
  } else if (first.is("fib")) {
    more();
    while (!bad() && take_if(".")) {
      f.text += " .";
      more();
    }
    more();
  } else if (first.is("rt")) {
    const bool of_family = peek().is("ip") || peek().is("ip6");
    more();
    if (of_family) more();
  } else if (first.is("ipsec")) {
    more();
    if (peek().is("spnum")) more(), more();
    const bool of_family = peek().is("ip") || peek().is("ip6");
    more();
    if (of_family) more();
  } else if (first.is("socket") || first.is("osf")) {
    const bool deep = peek().is("cgroupv2") || peek().is("ttl");
    more();
    if (deep) more(), more();
  } else if (is_one_of(first.text, kBareMeta)) {
    f.text = "meta " + f.text;
  } else if (begins_field(first.text)) {
    const bool deep = peek().is("option") || peek().is("chunk");
    more();
    if (deep && !bad()) {
      more();
      unless_existence();
    }
  } else {
    fail(first, fmt::format("'{}' begins no field of a packet", first.text),
         suggest(first.text, statement_words()));
  }
  if (!bad() && (peek().is("&") || peek().is("and"))) {
    take();
    Expr masked{Expr::Kind::bit_and};
    masked.parts.push_back(std::move(f));
    masked.parts.push_back(primary(0, false));
    return masked;
  }
  if (!bad() && (peek().is("<<") || peek().is(">>") || peek().is("^") || peek().is("|")))
    fail(peek(), "arithmetic on a field is not understood");
  return f;
}

Expr ExpressionReader::values(unsigned depth, bool commas) {
  Expr left = primary(depth, !commas);
  while (!bad()) {
    if (peek().is("|")) {
      left = listed(std::move(left), "|", depth, !commas);
    } else if (peek().is(",") && commas) {
      left = listed(std::move(left), ",", depth, false);
    } else if (peek().is(".")) {
      Expr all{Expr::Kind::concat};
      all.parts.push_back(std::move(left));
      while (!bad() && take_if(".")) {
        skip_line_ends();
        all.parts.push_back(primary(depth, !commas));
      }
      left = std::move(all);
    } else if (peek().is("/")) {
      take();
      Expr masked{Expr::Kind::masked};
      masked.parts.push_back(std::move(left));
      masked.parts.push_back(values(depth + 1, commas));
      return masked;
    } else {
      return left;
    }
  }
  return left;
}

Expr ExpressionReader::listed(Expr first, std::string_view sign, unsigned depth, bool in_set) {
  Expr all{Expr::Kind::list, std::string(sign)};
  all.parts.push_back(std::move(first));
  while (!bad() && take_if(sign)) {
    skip_line_ends();
    all.parts.push_back(primary(depth, in_set));
  }
  return all;
}

Expr ExpressionReader::primary(unsigned depth, bool in_set) {
  if (depth > kDepthMax) return fail(peek(), "the expression lies too deep"), Expr{};
  if (peek().is("{")) return set_literal(depth + 1);
  if (peek().is("(")) {
    take();
    Expr inner = values(depth + 1, true);
    if (!bad() && !take_if(")")) fail(peek(), "')' is missing");
    return inner;
  }
  const Token t = peek();
  if (t.kind == Token::Kind::quoted) {
    take();
    return {Expr::Kind::quoted, std::string(t.text)};
  }
  if (t.kind != Token::Kind::word) return fail(t, "a value is missing"), Expr{};
  take();
  std::string_view word = t.text;
  if (word.starts_with('$')) return defined(t);
  if (word.starts_with('@')) return {Expr::Kind::reference, std::string(word.substr(1))};
  if (in_set && word.find(':') != std::string_view::npos && word != ":" && !is_address_like(word)) {
    // "22:accept" and "22 :accept" are written as well.
    const std::size_t colon = word.find(':');
    if (colon + 1 < word.size()) put_back(part(t, colon + 1, word.size()));
    put_back(part(t, colon, colon + 1));
    word = word.substr(0, colon);
  }
  if (peek().is("-") && peek(1).kind == Token::Kind::word) {
    take();
    return range(word, take().text);
  }
  for (std::size_t dash = word.find('-'); dash != std::string_view::npos; dash = word.find('-', dash + 1))
    if (is_numeric(word.substr(0, dash)) && is_numeric(word.substr(dash + 1)))
      return range(word.substr(0, dash), word.substr(dash + 1));
  return {Expr::Kind::value, std::string(word)};
}

Token ExpressionReader::part(Token t, std::size_t begin, std::size_t end) {
  t.text = t.text.substr(begin, end - begin);
  t.end = t.begin + end;
  t.begin += begin;
  return t;
}

Expr ExpressionReader::range(std::string_view first, std::string_view last) {
  Expr r{Expr::Kind::range};
  r.parts.push_back({Expr::Kind::value, std::string(first)});
  r.parts.push_back({Expr::Kind::value, std::string(last)});
  return r;
}

bool ExpressionReader::is_numeric(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdefABCDEFx.:/") == std::string_view::npos &&
         ((text[0] >= '0' && text[0] <= '9') || text.find(':') != std::string_view::npos);
}

bool ExpressionReader::is_address_like(std::string_view word) {
  const std::string_view first = word.substr(0, word.find_first_of("/-"));
  if (parse_address(first)) return true;
  return first.size() == 17 && first.find_first_not_of("0123456789abcdefABCDEF:") == std::string_view::npos;
}

std::size_t ExpressionReader::size_of(const Expr& e) {
  std::size_t n = 1;
  for (const Expr& part : e.parts) n += size_of(part);
  return n;
}

Expr ExpressionReader::defined(const Token& t) {
  const auto found = definitions_.find(std::string(t.text.substr(1)));
  if (found == definitions_.end()) return fail(t, fmt::format("{} is not defined", t.text)), Expr{};
  expanded_ += size_of(found->second);
  if (expanded_ > kExpansionMax) return fail(t, "the definitions grow beyond bounds"), Expr{};
  return found->second;
}

Expr ExpressionReader::set_literal(unsigned depth) {
  Expr set{Expr::Kind::set};
  if (depth > kDepthMax) return fail(peek(), "the expression lies too deep"), set;
  take();
  while (!bad()) {
    if (peek().kind == Token::Kind::line_end || peek().is(",")) {
      take();
      continue;
    }
    if (peek().kind == Token::Kind::end) return fail(peek(), "the set does not end"), set;
    if (take_if("}")) return set;
    set.parts.push_back(element(depth));
  }
  return set;
}

Expr ExpressionReader::element(unsigned depth) {
  Expr key = values(depth, false);
  bool ends = false;
  Expr e{Expr::Kind::element};
  // "timeout 1h expires 59m", "counter packets 0 bytes 0", "comment "x"", "limit rate 5/second"
  while (!bad() && peek().kind != Token::Kind::end && !peek().is(",") && !peek().is("}") && !peek().is(":")) {
    const Token attribute = take();
    ends = ends || attribute.is("timeout") || attribute.is("expires");
    if (attribute.is("limit") || attribute.is("quota")) e.text = "limit";
  }
  if (!bad() && take_if(":")) {
    skip_line_ends();
    Expr data =
        peek().kind == Token::Kind::word && is_one_of(peek().text, kVerdicts) ? verdict() : values(depth, false);
    e.parts.push_back(std::move(key));
    e.parts.push_back(std::move(data));
    while (!bad() && peek().kind != Token::Kind::end && !peek().is(",") && !peek().is("}")) take();  // a comment
  } else if (ends || !e.text.empty()) {
    e.parts.push_back(std::move(key));
  } else {
    return key;
  }
  if (ends) e.text = "timeout";
  return e;
}

Expr ExpressionReader::verdict() {
  Expr v{Expr::Kind::verdict, std::string(take().text)};
  if (v.text == "jump" || v.text == "goto") {
    if (peek().kind != Token::Kind::word) return fail(peek(), "the chain's name is missing"), v;
    v.parts.push_back({Expr::Kind::value, std::string(take().text)});
  }
  return v;
}

bool begins_field(std::string_view word) {
  constexpr std::string_view kOthers[] = {"meta", "ct", "fib", "rt", "socket", "osf", "ipsec"};
  return is_one_of(word, kHeaders) || is_one_of(word, kBareMeta) || is_one_of(word, kOthers);
}

}  // namespace demarc::nft
