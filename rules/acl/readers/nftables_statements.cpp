#include "rules/acl/readers/nftables_statements.h"

#include <fmt/format.h>

#include <charconv>

#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/nftables_names.h"
#include "rules/text/suggest.h"

namespace demarc::nft {

Statement StatementReader::statement(Rule& r) {
  using Kind = Statement::Kind;
  const Token first = peek();
  if (first.kind != Token::Kind::word)
    return fail(first, fmt::format("'{}' begins no statement", first.text)), Statement{};
  const std::string_view word = first.text;
  Statement s;
  if (is_one_of(word, kVerdicts)) {
    s.kind = Kind::verdict;
    s.right = verdict();
  } else if (word == "comment") {
    take();
    r.comment = take().text;
  } else if (word == "counter") {
    counter(s);
  } else if (word == "log") {
    log();
  } else if (word == "limit" || word == "quota") {
    take();
    s.kind = Kind::open;
    s.text = word;
    rate();
  } else if (word == "reject") {
    take();
    s.kind = Kind::reject;
    if (take_if("with")) {
      s.text = take().text;
      take_if("type");
      s.right = {Expr::Kind::value, std::string(take().text)};
    }
  } else if (word == "dnat" || word == "snat" || word == "masquerade" || word == "redirect") {
    nat(s);
  } else if (word == "queue" || word == "tproxy" || word == "synproxy" || word == "fwd") {
    s.kind = Kind::steal;
    s.text = word;
    tail();
  } else if (word == "dup") {
    tail();
  } else if (word == "notrack") {
    take();
    s.kind = Kind::notrack;
  } else if ((word == "add" || word == "update" || word == "delete" || word == "set") || word == "meter") {
    fill_set(s);
  } else if (word == "flow") {
    notes_.say(first.line, Understanding::in_part,
               "what is offloaded to a flowtable passes by the rules afterwards");
    take(), take(), take();
  } else if (word == "reset") {
    for (int i = 0; i < 4 && !peek().ends_statement(); ++i) take();
  } else if (word == "last") {
    take();
    if (take_if("used")) take();
  } else if (word == "xt") {
    take();
    s.kind = peek().is("match") ? Kind::open : Kind::steal;
    take();
    s.text = fmt::format("xt {}", take().text);
    notes_.say(first.line, Understanding::not_understood, "an extension of iptables that nft cannot print");
  } else if (word == "ct" && peek(1).is("count")) {
    take(), take();
    take_if("over");
    take();
    s.kind = Kind::open;
    s.text = "ct count";
  } else if (begins_field(word) || word.starts_with('@')) {
    match(s);
  } else {
    fail(first, fmt::format("'{}' begins no statement of a rule", word), suggest(word, statement_words()));
  }
  return s;
}

void StatementReader::counter(Statement& s) {
  take();
  s.kind = Statement::Kind::counter;
  s.text = "none";
  if (take_if("name")) {
    const auto found = counters_.find(std::string(take().text));
    if (found != counters_.end()) s.packets = found->second, s.text.clear();
  } else if (take_if("packets")) {
    s.packets = number(take().text);
    s.text.clear();
    if (take_if("bytes")) take();
  }
}

void StatementReader::log() {
  take();
  constexpr std::string_view kOptions[] = {"prefix", "group", "snaplen", "queue-threshold", "level", "flags"};
  while (peek().kind == Token::Kind::word && is_one_of(peek().text, kOptions)) {
    const Token option = take();
    const Token value = take();
    if (option.is("flags")) {
      if (value.is("tcp") || value.is("ip")) take();
      while (take_if(",")) {
        const Token more = take();
        if (more.is("tcp") || more.is("ip")) take();
      }
    }
  }
}

void StatementReader::rate() {
  constexpr std::string_view kWords[] = {"rate", "over", "until", "burst", "used", "name"};
  constexpr std::string_view kUnits[] = {"bytes", "kbytes", "mbytes", "packets"};
  while (peek().kind == Token::Kind::word || peek().kind == Token::Kind::quoted) {
    const std::string_view word = peek().text;
    const bool unit = is_one_of(word, kUnits) || word.find("bytes/") != std::string_view::npos;
    const bool number = !word.empty() && word[0] >= '0' && word[0] <= '9';
    if (peek().kind == Token::Kind::word && !number && !unit && !is_one_of(word, kWords)) return;
    if (take().is("name")) take();
  }
}

std::vector<Token> StatementReader::tail() {
  std::vector<Token> tokens;
  unsigned depth = 0;
  while (peek().kind != Token::Kind::end && (depth != 0 || (!peek().ends_statement() && !peek().is("comment")))) {
    if (peek().is("{")) ++depth;
    if (peek().is("}")) --depth;
    const Token t = take();
    if (tokens.size() < 64) tokens.push_back(t);
  }
  return tokens;
}

void StatementReader::nat(Statement& s) {
  s.kind = Statement::Kind::nat;
  s.text = peek().text;
  const std::vector<Token> tokens = tail();
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (!tokens[i].is("to")) continue;
    std::size_t at = i + 1;
    if (tokens[at].is("ip") || tokens[at].is("ip6")) break;  // a map of addresses
    const bool plain = at + 1 == tokens.size() || is_flag(tokens[at + 1].text);
    if (plain) to(tokens[at].text, s);
    break;
  }
}

bool StatementReader::is_flag(std::string_view word) {
  return word == "random" || word == "fully-random" || word == "persistent";
}

void StatementReader::to(std::string_view text, Statement& s) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return;
    port = text.substr(close + 1);
    text = text.substr(1, close - 1);
  } else if (const std::size_t colon = text.find(':');
             colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
    port = text.substr(colon);
    text = text.substr(0, colon);
  }
  s.right = {Expr::Kind::value, std::string(text)};
  if (port.starts_with(':')) {
    unsigned n = 0;
    const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), n);
    if (error == std::errc{} && end == port.data() + port.size() && n <= 65535)
      s.to_port = static_cast<std::uint16_t>(n);
  }
}

void StatementReader::fill_set(Statement& s) {
  const Token first = take();
  s.kind = first.is("delete") ? Statement::Kind::go_on : Statement::Kind::open;
  s.text = "whether an element can be added to the set";
  unsigned depth = 0;
  while (peek().kind != Token::Kind::end && !peek().ends_statement()) {
    const Token t = take();
    if (t.is("{")) {
      depth = 1;
      while (depth != 0 && peek().kind != Token::Kind::end) {
        const Token inner = take();
        if (inner.is("{")) ++depth;
        if (inner.is("}")) --depth;
      }
      return;
    }
    if (first.is("set") && t.kind == Token::Kind::word && t.text.starts_with('@')) return;
  }
}

void StatementReader::match(Statement& s) {
  s.left = fields();
  if (bad()) return;
  if (take_if("set")) {
    set_value();
    return;
  }
  s.kind = Statement::Kind::match;
  constexpr std::pair<std::string_view, std::string_view> kOps[] = {
      {"==", "=="}, {"!=", "!="}, {"<", "<"},  {">", ">"},  {"<=", "<="}, {">=", ">="}, {"!", "!"},
      {"eq", "=="}, {"ne", "!="}, {"lt", "<"}, {"gt", ">"}, {"le", "<="}, {"ge", ">="}};
  for (const auto& [written, op] : kOps)
    if (peek().is(written)) {
      take();
      s.op = op;
      break;
    }
  if (s.op.empty() && take_if("vmap")) s.kind = Statement::Kind::vmap;
  s.right = values(0, true);
}

void StatementReader::set_value() {
  for (;;) {
    if (begins_field(peek().text) && peek().kind == Token::Kind::word)
      fields();
    else
      primary(0, false);
    if (bad() || peek().ends_statement()) return;
    constexpr std::string_view kBetween[] = {"&", "|", "^", "<<", ">>", ",", "map", "and", "or", "xor", "."};
    if ((peek().kind != Token::Kind::sign && peek().kind != Token::Kind::word) || !is_one_of(peek().text, kBetween))
      return;
    take();
  }
}

std::uint64_t StatementReader::number(std::string_view text) {
  std::uint64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

}  // namespace demarc::nft
