// Source: the grammar in nft(8), and what nft 1.0.6 and 1.0.9 print.
#include "rules/acl/readers/nftables_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "rules/acl/readers/nftables_lexer.h"
#include "rules/acl/readers/nftables_names.h"
#include "rules/text/suggest.h"

namespace demarc::nft {

namespace {

constexpr std::size_t kExpansionMax = 2'000'000;  // what definitions may grow to, in values

template <std::size_t N>
bool is_one_of(std::string_view word, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

constexpr std::string_view kFamilies[] = {"ip", "ip6", "inet", "arp", "bridge", "netdev"};
constexpr std::string_view kHeaders[] = {"ip",   "ip6", "tcp",  "udp",  "udplite", "sctp",  "dccp",
                                         "ah",   "esp", "comp", "icmp", "icmpv6",  "igmp",  "ether",
                                         "vlan", "arp", "th",   "gre",  "geneve",  "vxlan", "gretap",
                                         "hbh",  "srh", "dst",  "mh",   "frag",    "exthdr"};
constexpr std::string_view kBareMeta[] = {
    "iif",     "iifname", "oif",     "oifname", "iifgroup",    "oifgroup",    "iiftype",
    "oiftype", "mark",    "skuid",   "skgid",   "rtclassid",   "nftrace",     "pkttype",
    "cpu",     "cgroup",  "ibrname", "obrname", "priority",    "protocol",    "length",
    "time",    "hour",    "day",     "secmark", "ibridgename", "obridgename", "random"};
constexpr std::string_view kVerdicts[] = {"accept", "drop", "continue", "return", "jump", "goto"};

class TextReader {
 public:
  TextReader(const Source& source, Diagnostics& diagnostics, netfilter::LineNotes& notes)
      : source_(source), diagnostics_(diagnostics), notes_(notes), lexer_(source.text()) {}

  Ruleset read() {
    while (peek().kind != Token::Kind::end) command();
    return std::move(ruleset_);
  }

 private:
  // --- Tokens ---

  Token fetch() {
    for (;;) {
      const Token t = lexer_.next();
      if (t.kind != Token::Kind::comment) {
        line_begins_ = t.kind == Token::Kind::line_end;
        return t;
      }
      notes_.say(t.line, Understanding::not_filtering);
      // A match that this nft could not print stands behind a `#` in what it lists.
      if (!line_begins_ && source_.text().substr(t.begin, 5) == "# xt_") hidden_ = true;
    }
  }
  const Token& peek(std::size_t ahead = 0) {
    while (ahead_.size() <= ahead) ahead_.push_back(fetch());
    return ahead_[ahead];
  }
  Token take() {
    const Token t = peek();
    ahead_.pop_front();
    if (t.kind == Token::Kind::word || t.kind == Token::Kind::quoted || t.kind == Token::Kind::sign) {
      notes_.say(t.line, reading_ ? Understanding::understood : Understanding::not_understood);
      last_end_ = t.end;
      last_line_ = t.line;
    }
    return t;
  }
  bool take_if(std::string_view what) {
    if (!peek().is(what)) return false;
    take();
    return true;
  }
  void skip_line_ends() {
    while (peek().kind == Token::Kind::line_end) take();
  }

  // --- What cannot be read ---

  void fail(const Token& at, std::string what, std::string hint = {}) {
    if (!failed_.empty()) return;
    failed_ = what;
    notes_.say(at.line, Understanding::not_understood, what);
    diagnostics_.warning(
        source_.at(std::min(at.begin, source_.text().size()), std::max<std::size_t>(at.end - at.begin, 1)),
        std::move(what), std::move(hint));
  }
  bool bad() const { return !failed_.empty(); }
  /// To the end of the statement, blocks included.
  void skip_statement(bool understood = false) {
    reading_ = understood;
    unsigned depth = 0;
    while (peek().kind != Token::Kind::end) {
      if (depth == 0 && peek().ends_statement()) break;
      if (peek().is("{")) ++depth;
      if (peek().is("}")) --depth;
      take();
    }
    reading_ = true;
  }
  /// A block in braces of which nothing is wanted. Its opening brace is next.
  void skip_block() {
    if (!peek().is("{")) return skip_statement(true);
    skip_statement(true);
  }

  // --- Commands ---

  void command() {
    failed_.clear();
    if (peek().kind == Token::Kind::line_end || peek().is(";")) {
      take();
      return;
    }
    const Token first = peek();
    if (first.is("table")) {
      take();
      table_block();
    } else if (first.is("define") || first.is("redefine")) {
      take();
      definition();
    } else if (first.is("flush") || first.is("delete") || first.is("destroy")) {
      take();
      remove(first.text == "flush");
    } else if (first.is("add") || first.is("create") || first.is("insert")) {
      take();
      add(first.text == "insert");
    } else if (first.is("include")) {
      take();
      fail(peek(), "an included file is not read", "let 'nft list ruleset' print what is loaded");
      skip_statement();
    } else {
      fail(first, fmt::format("'{}' begins nothing that an nftables rule set holds", first.text),
           suggest(first.text, std::span<const std::string_view>(kCommands)));
      if (first.is("}")) take();
      skip_statement();
    }
  }

  static constexpr std::string_view kCommands[] = {"table",  "define",  "flush", "add",
                                                   "insert", "include", "delete"};

  std::string_view family() {
    if (peek().kind == Token::Kind::word && is_one_of(peek().text, kFamilies)) return take().text;
    return "ip";
  }

  void remove(bool flush) {
    if (take_if("ruleset")) {
      ruleset_ = {};
    } else if (take_if("table")) {
      const std::string_view of = family();
      if (peek().kind == Token::Kind::word) {
        Table& t = ruleset_.table(of, take().text);
        if (flush)
          for (Chain& c : t.chains) c.rules.clear();
        else
          t = Table{.family = t.family, .name = t.name};
      }
    }
    skip_statement();
  }

  void add(bool in_front) {
    const Token what = peek();
    if (what.is("table")) {
      take();
      return table_block();
    }
    if (what.is("chain") || what.is("set") || what.is("map") || what.is("rule") || what.is("element")) {
      take();
      const std::string_view of = family();
      Table& t = ruleset_.table(of, take().text);
      const Token name = take();
      if (what.is("chain")) return chain_block(t, name);
      if (what.is("set") || what.is("map")) return set_block(t, name, what.is("map"));
      if (what.is("element")) {
        if (!peek().is("{")) return fail(peek(), "the elements are missing"), skip_statement();
        Expr elements = set_literal(0);
        Set& set = t.set(name.text);
        for (Expr& e : elements.parts) set.content.parts.push_back(std::move(e));
        if (bad()) skip_statement();
        return;
      }
      std::vector<Rule>& rules = t.chain(name.text).rules;
      if (peek().is("position") || peek().is("handle") || peek().is("index")) {
        fail(peek(), "where the rule is put is not known");
      }
      rule(t, rules);
      if (in_front && rules.size() > 1) std::rotate(rules.begin(), rules.end() - 1, rules.end());
      return;
    }
    skip_statement(true);  // counters, quotas, helpers: nothing that decides
  }

  void definition() {
    const Token name = take();
    if (!take_if("=")) {
      fail(peek(), "'=' is missing behind the name");
      return skip_statement();
    }
    skip_line_ends();
    Expr value = values(0, true);
    if (bad()) return skip_statement();
    definitions_[std::string(name.text)] = std::move(value);
  }

  // --- Tables ---

  void table_block() {
    const Token at = peek();
    const std::string_view of = family();
    if (peek().kind != Token::Kind::word) {
      fail(peek(), "the table's name is missing");
      return skip_statement();
    }
    Table& t = ruleset_.table(of, take().text);
    t.line = t.note = at.line;
    if (!take_if("{")) return;
    while (peek().kind != Token::Kind::end && !peek().is("}")) {
      failed_.clear();
      table_item(t);
    }
    take_if("}");
  }

  void table_item(Table& t) {
    if (peek().kind == Token::Kind::line_end || peek().is(";")) {
      take();
      return;
    }
    const Token first = take();
    if (first.is("chain")) {
      chain_block(t, take());
    } else if (first.is("set") || first.is("map")) {
      set_block(t, take(), first.text == "map");
    } else if (first.is("flags")) {
      while (!peek().ends_statement())
        if (take().is("dormant")) t.dormant = true;
    } else if (first.is("counter") && peek(1).is("{")) {
      const std::string counter(take().text);
      take();
      for (unsigned n = 0; n < 64 && peek().kind != Token::Kind::end && !peek().is("}"); ++n)
        if (take().is("packets")) counters_[counter] = number(peek().text);
      if (!take_if("}")) skip_statement();
    } else if (first.is("flowtable")) {
      notes_.say(first.line, Understanding::in_part, "a flowtable: what is offloaded passes by the rules");
      skip_named_block();
    } else if (first.is("comment") || first.is("quota") || first.is("limit") || first.is("secmark") ||
               first.is("synproxy") || first.is("ct") || first.is("counter")) {
      skip_named_block();
    } else {
      fail(first, fmt::format("'{}' is nothing that stands in a table", first.text),
           suggest(first.text, std::span<const std::string_view>(kTableItems)));
      skip_statement();
    }
  }
  static constexpr std::string_view kTableItems[] = {"chain", "set",   "map",   "flowtable", "counter",
                                                     "quota", "limit", "flags", "comment",   "ct"};

  void skip_named_block() { skip_statement(true); }

  std::uint64_t number(std::string_view text) const {
    std::uint64_t n = 0;
    std::from_chars(text.data(), text.data() + text.size(), n);
    return n;
  }

  // --- Sets ---

  void set_block(Table& t, const Token& name, bool map) {
    Set& set = t.set(name.text);
    set.line = set.note = name.line;
    set.map = set.map || map;
    if (!take_if("{")) return;
    while (peek().kind != Token::Kind::end && !peek().is("}")) {
      if (peek().kind == Token::Kind::line_end || peek().is(";")) {
        take();
        continue;
      }
      failed_.clear();
      const Token first = take();
      if (first.is("elements")) {
        if (!take_if("=") || !peek().is("{")) fail(peek(), "the elements are missing");
        if (!bad()) {
          Expr elements = set_literal(0);
          for (Expr& e : elements.parts) set.content.parts.push_back(std::move(e));
        }
        if (bad()) {
          set.content.parts.push_back({Expr::Kind::other, "an element that is not understood"});
          skip_statement();
        }
      } else if (first.is("flags")) {
        while (!peek().ends_statement()) {
          const Token flag = take();
          set.changes = set.changes || flag.is("timeout") || flag.is("dynamic");
        }
      } else if (first.is("type") || first.is("typeof") || first.is("timeout") || first.is("gc-interval") ||
                 first.is("size") || first.is("policy") || first.is("auto-merge") || first.is("comment") ||
                 first.is("counter") || first.is("quota") || first.is("limit") || first.is("last")) {
        if (first.is("timeout")) set.changes = true;
        skip_statement(true);
      } else {
        fail(first, fmt::format("'{}' is nothing that stands in a set", first.text));
        set.content.parts.push_back({Expr::Kind::other, failed_});
        skip_statement();
      }
    }
    take_if("}");
  }

  // --- Chains ---

  void chain_block(Table& t, const Token& name) {
    Chain& chain = t.chain(name.text);
    chain.line = chain.note = name.line;
    if (!take_if("{")) return;
    while (peek().kind != Token::Kind::end && !peek().is("}")) {
      failed_.clear();
      if (peek().kind == Token::Kind::line_end || peek().is(";")) {
        take();
      } else if (peek().is("type")) {
        base(chain);
      } else if (peek().is("policy")) {
        chain.policy_line = take().line;
        chain.policy = take().text;
      } else if (peek().is("comment") || peek().is("flags")) {
        skip_statement(true);
      } else {
        rule(t, chain.rules);
      }
    }
    take_if("}");
  }

  void base(Chain& chain) {
    take();
    chain.type = take().text;
    while (!peek().ends_statement()) {
      const Token word = take();
      if (word.is("hook")) {
        chain.hook = take().text;
      } else if (word.is("device")) {
        chain.devices.emplace_back(take().text);
      } else if (word.is("devices")) {
        take_if("=");
        if (peek().is("{"))
          for (const Expr& e : set_literal(0).parts) chain.devices.push_back(e.text);
      } else if (word.is("priority")) {
        while (!peek().ends_statement()) {
          if (!chain.priority.empty()) chain.priority += ' ';
          chain.priority += take().text;
        }
      } else {
        fail(word, fmt::format("'{}' is not understood here", word.text));
        return skip_statement();
      }
    }
  }

  // --- Rules ---

  void rule(Table& t, std::vector<Rule>& rules) {
    Rule r;
    skip_line_ends();
    const Token first = peek();
    r.line = r.note = first.line;
    hidden_ = false;
    if (t.family == "arp" || t.family == "bridge") {
      foreign_rule(t, r);
    } else {
      while (!bad() && !peek().ends_statement()) {
        Statement s = statement(r);
        if (!bad()) r.statements.push_back(std::move(s));
      }
      // The comment behind the rule is read only when the token behind it is.
      if (hidden_ && !bad()) fail(first, "a match or target stands in a comment, because nft could not print it");
      if (bad()) {
        r.statements.push_back({.kind = Statement::Kind::unread, .text = failed_});
        skip_statement();
      }
    }
    r.line_last = std::max(last_line_, r.line);
    std::string_view text = source_.text().substr(first.begin, std::max(last_end_, first.begin) - first.begin);
    r.text = LineLedger::bounded(text.substr(0, 2000));
    std::replace(r.text.begin(), r.text.end(), '\n', ' ');
    if (r.statements.empty()) take();  // always forward
    rules.push_back(std::move(r));
  }

  /// Frames of a bridge, or ARP: only whether something stops is wanted.
  void foreign_rule(const Table& t, Rule& r) {
    bool stops = false;
    if (t.family == "bridge") notes_.say(r.line, Understanding::in_part, "the bridge family is not modelled");
    unsigned depth = 0;
    while (peek().kind != Token::Kind::end && (depth != 0 || !peek().ends_statement())) {
      const Token word = take();
      if (word.is("{")) ++depth;
      if (word.is("}")) --depth;
      stops =
          stops || word.is("drop") || word.is("reject") || word.is("queue") || word.is("jump") || word.is("goto");
    }
    r.statements.push_back({.kind = stops ? Statement::Kind::reject : Statement::Kind::go_on});
  }

  Statement statement(Rule& r) {
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

  Expr verdict() {
    Expr v{Expr::Kind::verdict, std::string(take().text)};
    if (v.text == "jump" || v.text == "goto") {
      if (peek().kind != Token::Kind::word) return fail(peek(), "the chain's name is missing"), v;
      v.parts.push_back({Expr::Kind::value, std::string(take().text)});
    }
    return v;
  }

  void counter(Statement& s) {
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

  void log() {
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

  /// "rate over 5/second burst 10 packets", "over 25 mbytes used 3 mbytes", "name "x"".
  void rate() {
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

  /// All that is left but a comment.
  std::vector<Token> tail() {
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

  void nat(Statement& s) {
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
  static bool is_flag(std::string_view word) {
    return word == "random" || word == "fully-random" || word == "persistent";
  }
  /// "192.0.2.9", "192.0.2.9:8080", "[2001:db8::9]:80", ":8080".
  static void to(std::string_view text, Statement& s) {
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

  /// "add @s { ip saddr limit rate 5/second }", "set update ip saddr @s", "meter m { ... }".
  void fill_set(Statement& s) {
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

  void match(Statement& s) {
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

  /// What a field is set to decides nothing.
  void set_value() {
    for (;;) {
      if (begins_field(peek().text) && peek().kind == Token::Kind::word)
        fields();
      else
        primary(0, false);
      if (bad() || peek().ends_statement()) return;
      constexpr std::string_view kBetween[] = {"&", "|", "^", "<<", ">>", ",", "map", "and", "or", "xor", "."};
      if ((peek().kind != Token::Kind::sign && peek().kind != Token::Kind::word) ||
          !is_one_of(peek().text, kBetween))
        return;
      take();
    }
  }

  // --- Expressions ---

  Expr fields() {
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

  Expr field() {
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

  /// What stands on the right: a value with what is joined to it. Commas make a list outside of braces.
  Expr values(unsigned depth, bool commas) {
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

  Expr listed(Expr first, std::string_view sign, unsigned depth, bool in_set) {
    Expr all{Expr::Kind::list, std::string(sign)};
    all.parts.push_back(std::move(first));
    while (!bad() && take_if(sign)) {
      skip_line_ends();
      all.parts.push_back(primary(depth, in_set));
    }
    return all;
  }

  Expr primary(unsigned depth, bool in_set) {
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
      if (colon + 1 < word.size()) ahead_.push_front(part(t, colon + 1, word.size()));
      ahead_.push_front(part(t, colon, colon + 1));
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

  static Token part(Token t, std::size_t begin, std::size_t end) {
    t.text = t.text.substr(begin, end - begin);
    t.end = t.begin + end;
    t.begin += begin;
    return t;
  }
  static Expr range(std::string_view first, std::string_view last) {
    Expr r{Expr::Kind::range};
    r.parts.push_back({Expr::Kind::value, std::string(first)});
    r.parts.push_back({Expr::Kind::value, std::string(last)});
    return r;
  }
  static bool is_numeric(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789abcdefABCDEFx.:/") == std::string_view::npos &&
           ((text[0] >= '0' && text[0] <= '9') || text.find(':') != std::string_view::npos);
  }
  /// An IPv6 address, prefix or range of them, or a MAC address: their colons separate nothing.
  static bool is_address_like(std::string_view word) {
    const std::string_view first = word.substr(0, word.find_first_of("/-"));
    if (parse_address(first)) return true;
    return first.size() == 17 && first.find_first_not_of("0123456789abcdefABCDEF:") == std::string_view::npos;
  }

  static std::size_t size_of(const Expr& e) {
    std::size_t n = 1;
    for (const Expr& part : e.parts) n += size_of(part);
    return n;
  }
  Expr defined(const Token& t) {
    const auto found = definitions_.find(std::string(t.text.substr(1)));
    if (found == definitions_.end()) return fail(t, fmt::format("{} is not defined", t.text)), Expr{};
    expanded_ += size_of(found->second);
    if (expanded_ > kExpansionMax) return fail(t, "the definitions grow beyond bounds"), Expr{};
    return found->second;
  }

  Expr set_literal(unsigned depth) {
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

  Expr element(unsigned depth) {
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

  const Source& source_;
  Diagnostics& diagnostics_;
  netfilter::LineNotes& notes_;
  Lexer lexer_;
  std::deque<Token> ahead_;
  Ruleset ruleset_;
  std::map<std::string, Expr> definitions_;
  std::map<std::string, std::uint64_t> counters_;
  std::string failed_;  // what is wrong with the statement that is being read
  std::size_t last_end_ = 0, expanded_ = 0;
  std::uint32_t last_line_ = 0;
  bool reading_ = true, line_begins_ = true, hidden_ = false;
};

}  // namespace

bool begins_field(std::string_view word) {
  constexpr std::string_view kOthers[] = {"meta", "ct", "fib", "rt", "socket", "osf", "ipsec"};
  return is_one_of(word, kHeaders) || is_one_of(word, kBareMeta) || is_one_of(word, kOthers);
}

Ruleset read_text(const Source& source, Diagnostics& diagnostics, netfilter::LineNotes& notes) {
  return TextReader(source, diagnostics, notes).read();
}

}  // namespace demarc::nft
