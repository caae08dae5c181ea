// Source: the grammar in nft(8), and what nft 1.0.6 and 1.0.9 print.
#include "rules/acl/readers/nftables_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/nftables_statements.h"
#include "rules/text/suggest.h"

namespace demarc::nft {

namespace {

constexpr std::string_view kFamilies[] = {"ip", "ip6", "inet", "arp", "bridge", "netdev"};

class TextReader : StatementReader {
 public:
  TextReader(const Source& source, Diagnostics& diagnostics, netfilter::LineNotes& notes)
      : StatementReader(source, diagnostics, notes) {}

  Ruleset read() {
    while (peek().kind != Token::Kind::end) command();
    return std::move(ruleset_);
  }

 private:
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

  Ruleset ruleset_;
};

}  // namespace

Ruleset read_text(const Source& source, Diagnostics& diagnostics, netfilter::LineNotes& notes) {
  return TextReader(source, diagnostics, notes).read();
}

}  // namespace demarc::nft
