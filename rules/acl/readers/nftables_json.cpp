// Source: libnftables-json(5), and what nft 1.0.6 and 1.0.9 print.
#include "rules/acl/readers/nftables_json.h"
#include "rules/acl/readers/name_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/json_tree.h"
#include "rules/acl/readers/netfilter_addresses.h"
#include "rules/acl/readers/nftables.h"

namespace demarc::nft {

namespace {

using Kind = Expr::Kind;

class JsonReader {
 public:
  JsonReader(const JsonTree& tree, const Source& source, Device& device, netfilter::LineNotes& notes,
             const std::vector<std::uint32_t>& lines)
      : tree_(tree), source_(source), device_(device), notes_(notes), lines_(lines) {}

  Ruleset read() {
    for (const JsonValue& root : tree_.roots()) {
      if (root.is_array()) {
        for (const JsonValue object : root) {
          const bool known = netfilter::read_address_object(object, next(), device_.interfaces);
          say(known ? Understanding::understood : Understanding::not_understood);
        }
        continue;
      }
      for (const JsonValue object : root["nftables"]) {
        next();
        for (const JsonValue item : object) {
          item_ = item.key();
          take(item);
        }
      }
    }
    return std::move(ruleset_);
  }

 private:
  std::uint32_t next() { return lines_[number_++]; }
  std::uint32_t line() const { return lines_[number_ - 1]; }
  void say(Understanding understanding, std::string why = {}) {
    notes_.say(number_, understanding, std::move(why));
  }

  Table& table_of(JsonValue item) { return ruleset_.table(item["family"].text(), item["table"].text()); }

  void take(JsonValue item) {
    say(Understanding::understood);
    if (item_ == "table") {
      Table& t = ruleset_.table(item["family"].text(), item["name"].text());
      t.line = line(), t.note = number_;
      const JsonValue flags = item["flags"];
      t.dormant = flags.text() == "dormant";
      for (const JsonValue flag : flags) t.dormant = t.dormant || flag.text() == "dormant";
    } else if (item_ == "chain") {
      chain(item);
    } else if (item_ == "rule") {
      rule(item);
    } else if (item_ == "set" || item_ == "map") {
      set(item);
    } else if (item_ == "element") {
      Set& s = table_of(item).set(item["name"].text());
      for (const JsonValue e : item["elem"]) s.content.parts.push_back(element(e, 0));
    } else if (item_ == "counter") {
      if (const std::optional<std::int64_t> n = item["packets"].integer())
        counters_[item["name"].text()] = static_cast<std::uint64_t>(std::max<std::int64_t>(*n, 0));
    } else if (item_ == "flowtable") {
      say(Understanding::in_part, "a flowtable: what is offloaded passes by the rules");
    } else if (item_ == "metainfo" || item_ == "quota" || item_ == "limit" || item_ == "ct helper" ||
               item_ == "ct timeout" || item_ == "ct expectation" || item_ == "secmark" || item_ == "synproxy") {
      say(Understanding::not_filtering);
    } else {
      fail(item, fmt::format("'{}' is nothing that a rule set holds", item_));
    }
  }

  void fail(JsonValue at, std::string what) {
    say(Understanding::not_understood, what);
    if (failed_.empty()) failed_ = what;
    // The place without its line: nft writes all of them on one, and a copy of it for each warning would be too
    // much.
    device_.diagnostics.warning({.file = source_.name(), .line = line()}, std::move(what), at.written());
  }

  void chain(JsonValue item) {
    Chain& c = table_of(item).chain(item["name"].text());
    c.line = line(), c.note = number_;
    c.type = item["type"].text();
    c.hook = item["hook"].text();
    c.priority = item["prio"].text();
    c.policy = item["policy"].text();
    if (!c.policy.empty()) c.policy_line = c.line;
    const JsonValue device = item["dev"];
    if (device.is_text()) c.devices.push_back(device.text());
    for (const JsonValue d : device) c.devices.push_back(d.text());
  }

  void set(JsonValue item) {
    Set& s = table_of(item).set(item["name"].text());
    s.line = line(), s.note = number_;
    s.map = item_ == "map";
    s.changes = static_cast<bool>(item["timeout"]);
    for (const JsonValue flag : item["flags"])
      s.changes = s.changes || flag.text() == "timeout" || flag.text() == "dynamic";
    for (const JsonValue e : item["elem"]) s.content.parts.push_back(element(e, 0));
  }

  // --- Rules ---

  void rule(JsonValue item) {
    Rule r;
    r.line = r.line_last = line();
    r.note = number_;
    r.comment = item["comment"].text();
    const Table& t = table_of(item);
    failed_.clear();
    const JsonValue statements = item["expr"];
    if (!statements.is_array()) fail(item, "the rule has no 'expr'");
    for (const JsonValue object : statements) {
      if (!object.is_object() || object.size() == 0) {
        fail(object, "a statement is an object");
        continue;
      }
      for (const JsonValue s : object) {
        Statement made = statement(s.key(), s);
        std::string text = words(made);
        if (!text.empty()) r.text += (r.text.empty() ? "" : " ") + std::move(text);
        r.statements.push_back(std::move(made));
      }
    }
    if (t.family == "bridge") say(Understanding::in_part, "the bridge family is not modelled");
    if (!failed_.empty()) r.statements.push_back({.kind = Statement::Kind::unread, .text = failed_});
    r.text = LineLedger::bounded(r.text);
    table_of(item).chain(item["chain"].text()).rules.push_back(std::move(r));
  }

  Statement statement(const std::string& key, JsonValue value) {
    using S = Statement::Kind;
    Statement s;
    if (key == "match") {
      s.kind = S::match;
      s.op = value["op"].text();
      s.left = expression(value["left"], 0);
      s.right = expression(value["right"], 0);
    } else if (key == "vmap") {
      s.kind = S::vmap;
      s.left = expression(value["key"], 0);
      s.right = expression(value["data"], 0);
    } else if (is_verdict(key)) {
      s.kind = S::verdict;
      s.right = verdict(key, value);
    } else if (key == "counter") {
      s.kind = S::counter;
      s.text = "none";
      const JsonValue packets = value["packets"];
      if (const auto named = counters_.find(value.text()); value.is_text() && named != counters_.end())
        s.packets = named->second, s.text.clear();
      else if (const std::optional<std::int64_t> n = packets.integer())
        s.packets = static_cast<std::uint64_t>(std::max<std::int64_t>(*n, 0)), s.text.clear();
    } else if (key == "reject") {
      s.kind = S::reject;
      s.text = value["type"].text();
      if (s.text == "tcp reset") s.text = "tcp";
      s.right = {Kind::value, value["expr"].text()};
    } else if (key == "dnat" || key == "snat" || key == "masquerade" || key == "redirect") {
      s.kind = S::nat;
      s.text = key;
      if (value["addr"].is_text()) s.right = {Kind::value, value["addr"].text()};
      const std::optional<std::int64_t> port = value["port"].integer();
      if (port && *port > 0 && *port <= 65535) s.to_port = static_cast<std::uint16_t>(*port);
    } else if (key == "notrack") {
      s.kind = S::notrack;
    } else if (key == "limit" || key == "quota") {
      s.kind = S::open;
      s.text = key;
    } else if (key == "ct count") {
      s.kind = S::open;
      s.text = key;
    } else if (key == "set") {
      s.kind = value["op"].text() == "delete" ? S::go_on : S::open;
      s.text = "whether an element can be added to the set";
    } else if (key == "meter") {
      s.kind = S::open;
      s.text = "whether an element can be added to the set";
    } else if (key == "queue" || key == "tproxy" || key == "synproxy" || key == "fwd") {
      s.kind = S::steal;
      s.text = key;
    } else if (key == "mangle") {
      s.left = expression(value["key"], 0);  // `ct mark set` tracks connections
    } else if (key == "xt") {
      s.kind = value["type"].text() == "match" ? S::open : S::steal;
      s.text = fmt::format("xt {}", value["name"].text());
      say(Understanding::not_understood, "an extension of iptables that nft cannot print");
    } else if (key == "flow") {
      say(Understanding::in_part, "what is offloaded to a flowtable passes by the rules afterwards");
    } else if (key == "log" || key == "dup" || key == "ct helper" || key == "ct timeout" ||
               key == "ct expectation" || key == "comment" || key == "last" || key == "reset" || key == "secmark") {
      s.kind = S::go_on;
    } else {
      fail(value, fmt::format("'{}' is no statement of a rule that is known", key));
    }
    return s;
  }

  /// The statement as nft's text has it, for people.
  static std::string words(const Statement& s) {
    using S = Statement::Kind;
    switch (s.kind) {
      case S::match: {
        const bool plain = s.op == "==" || s.op == "in";
        return fmt::format("{} {}{}", to_text(s.left), plain ? "" : s.op + " ", to_text(s.right));
      }
      case S::vmap: return fmt::format("{} vmap {}", to_text(s.left), to_text(s.right));
      case S::verdict: return to_text(s.right);
      case S::counter: return s.text.empty() ? fmt::format("counter packets {}", s.packets) : "counter";
      case S::reject: return s.text.empty() ? "reject" : fmt::format("reject with {}", s.text);
      case S::nat: return s.right.text.empty() ? s.text : fmt::format("{} to {}", s.text, s.right.text);
      case S::notrack: return "notrack";
      case S::open:
      case S::steal: return s.text;
      case S::go_on:
      case S::unread: return {};
    }
    return {};
  }

  static bool is_verdict(std::string_view key) {
    constexpr std::string_view kVerdicts[] = {"accept", "drop", "continue", "return", "jump", "goto"};
    return is_one_of(key, kVerdicts);
  }
  static Expr verdict(const std::string& key, JsonValue value) {
    Expr v{Kind::verdict, key};
    if (key == "jump" || key == "goto") v.parts.push_back({Kind::value, value["target"].text()});
    return v;
  }

  // --- Expressions ---

  Expr other(JsonValue v) {
    std::string what = fmt::format("'{}' is no expression that is known", v.written());
    fail(v, what);
    return {Kind::other, std::move(what)};
  }

  Expr parts(Kind kind, JsonValue v, unsigned depth, std::string text = {}) {
    Expr e{kind, std::move(text)};
    for (const JsonValue part : v) e.parts.push_back(expression(part, depth));
    return e;
  }

  Expr expression(JsonValue v, unsigned depth) {
    if (depth > kDepthMax) return other(v);
    ++depth;
    switch (v.kind()) {
      case JsonValue::Kind::text: {
        std::string text = v.text();
        if (text.starts_with('@')) return {Kind::reference, text.substr(1)};
        return {Kind::value, std::move(text)};
      }
      case JsonValue::Kind::number: return {Kind::value, v.text()};
      case JsonValue::Kind::boolean: return {Kind::value, *v.boolean() ? "exists" : "missing"};
      case JsonValue::Kind::array: return parts(Kind::list, v, depth, ",");
      case JsonValue::Kind::object: break;
      default: return other(v);
    }
    if (v.size() == 0) return other(v);
    const JsonValue inner = *v.begin();
    const std::string key = inner.key();
    if (is_verdict(key)) return verdict(key, inner);
    if (key == "payload") {
      if (inner["base"])
        return {Kind::field,
                fmt::format("@{},{},{}", inner["base"].text(), inner["offset"].text(), inner["len"].text())};
      return {Kind::field, fmt::format("{} {}", inner["protocol"].text(), inner["field"].text())};
    }
    if (key == "meta") return {Kind::field, "meta " + inner["key"].text()};
    if (key == "ct") {
      std::string text = "ct ";
      if (inner["dir"]) text += inner["dir"].text() + " ";
      if (inner["family"]) text += inner["family"].text() + " ";
      return {Kind::field, text + inner["key"].text()};
    }
    if (key == "fib") {
      std::string text = "fib";
      for (const JsonValue flag : inner["flags"]) text += (text == "fib" ? " " : " . ") + flag.text();
      if (inner["flags"].is_text()) text += ' ' + inner["flags"].text();
      return {Kind::field, text + ' ' + inner["result"].text()};
    }
    if (key == "exthdr") {
      if (inner["field"]) return {Kind::field, fmt::format("{} {}", inner["name"].text(), inner["field"].text())};
      return {Kind::field, "exthdr " + inner["name"].text()};
    }
    if (key == "tcp option" || key == "ip option" || key == "sctp chunk" || key == "dccp option")
      return {Kind::field, fmt::format("{} {} {}", key, inner["name"].text(), inner["field"].text())};
    if (key == "rt" || key == "socket" || key == "osf" || key == "ipsec")
      return {Kind::field, fmt::format("{} {}", key, inner["key"].text())};
    if (key == "numgen" || key == "jhash" || key == "symhash") return {Kind::field, key};
    if (key == "concat") return parts(Kind::concat, inner, depth);
    if (key == "set") {
      Expr set{Kind::set};
      if (!inner.is_array()) set.parts.push_back(element(inner, depth));
      for (const JsonValue part : inner) set.parts.push_back(element(part, depth));
      return set;
    }
    if (key == "range") return inner.size() == 2 ? parts(Kind::range, inner, depth) : other(v);
    if (key == "prefix") return {Kind::value, fmt::format("{}/{}", inner["addr"].text(), inner["len"].text())};
    if (key == "&") return inner.size() == 2 ? parts(Kind::bit_and, inner, depth) : other(v);
    if (key == "|") return parts(Kind::list, inner, depth, "|");
    if (key == "elem") return element(v, depth);
    return other(v);
  }

  /// An element of a set, a pair of a map, either with what it carries beside.
  Expr element(JsonValue v, unsigned depth) {
    if (depth > kDepthMax) return other(v);
    if (v.is_array()) {
      if (v.size() != 2) return other(v);
      Expr e{Kind::element};
      auto at = v.begin();
      Expr key = element(*at, depth + 1);
      ++at;
      if (key.kind == Kind::element && !key.parts.empty()) {  // {"elem": {"val": key, "timeout": ...}}
        e.text = key.text;
        key = Expr(key.parts[0]);
      }
      e.parts.push_back(std::move(key));
      e.parts.push_back(expression(*at, depth + 1));
      return e;
    }
    const JsonValue carried = v["elem"];
    if (!carried) return expression(v, depth + 1);
    Expr inner = expression(carried["val"], depth + 1);
    const bool ends = carried["timeout"] || carried["expires"];
    if (!ends && !carried["limit"] && !carried["quota"]) return inner;
    Expr e{Kind::element, ends ? "timeout" : "limit"};
    e.parts.push_back(std::move(inner));
    return e;
  }

  const JsonTree& tree_;
  const Source& source_;
  Device& device_;
  netfilter::LineNotes& notes_;
  const std::vector<std::uint32_t>& lines_;
  Ruleset ruleset_;
  std::map<std::string, std::uint64_t> counters_;
  std::string item_, failed_;
  std::uint32_t number_ = 0;
};

}  // namespace

Result<void> read_json(const Source& source, Device& device, LineLedger& ledger) {
  const JsonTree tree = DEMARC_TRY(JsonTree::parse(source));
  std::vector<std::uint32_t> lines;  // of each object
  bool any = false;
  const bool one_line = source.line_count() <= 1;
  for (const JsonValue& root : tree.roots()) {
    any = any || root["nftables"].is_array();
    const JsonValue objects = root.is_array() ? root : root["nftables"];
    for (const JsonValue object : objects) lines.push_back(one_line ? 1 : object.line());
  }
  if (!any) return file_failure(source.name(), "this JSON holds no 'nftables'", "'nft -j list ruleset' prints it");
  netfilter::LineNotes notes(lines.size());
  Ruleset ruleset = JsonReader(tree, source, device, notes, lines).read();
  interpret(ruleset, source, device, notes);
  notes.write(lines, ledger);
  return {};
}

}  // namespace demarc::nft
