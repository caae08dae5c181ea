// iptables-save and ip6tables-save, one behind the other or alone, with `ipset save` and `ip -o addr` in the same
// file; `iptables -S` and `-L -v -n`; and scripts of iptables commands as far as they append, insert and set
// policies.
//
// What the kernel does where nothing is written: a hook without a chain accepts, a built-in chain without a policy
// accepts, a user chain gives back. The tables are asked in the order raw, mangle, nat, filter, security (at INPUT
// and POSTROUTING nat comes last), and a packet that one table accepts goes on to the next.
//
// The text does not say which family it is about except in a comment, so the family is taken from that, from the
// command's name, or from the addresses in the table. Of a family that is not in the file nothing is known.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>

#include "rules/acl/readers/iptables_listing.h"
#include "rules/acl/readers/iptables_names.h"
#include "rules/acl/readers/iptables_rule.h"
#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/netfilter_addresses.h"
#include "rules/acl/readers/netfilter_names.h"
#include "rules/acl/readers/reader.h"
#include "rules/text/cursor.h"
#include "rules/text/suggest.h"

namespace demarc {

namespace {

using netfilter::Base;
using netfilter::Hook;

struct BuiltIn {
  std::string_view table, chain;
  Hook hook;
  std::int32_t priority;
};
// linux/netfilter_ipv4.h
constexpr BuiltIn kBuiltIns[] = {
    {"raw", "PREROUTING", Hook::prerouting, -300},
    {"raw", "OUTPUT", Hook::output, -300},
    {"mangle", "PREROUTING", Hook::prerouting, -150},
    {"mangle", "INPUT", Hook::input, -150},
    {"mangle", "FORWARD", Hook::forward, -150},
    {"mangle", "OUTPUT", Hook::output, -150},
    {"mangle", "POSTROUTING", Hook::postrouting, -150},
    {"nat", "PREROUTING", Hook::prerouting, -100},
    {"nat", "INPUT", Hook::input, 100},
    {"nat", "OUTPUT", Hook::output, -100},
    {"nat", "POSTROUTING", Hook::postrouting, 100},
    {"filter", "INPUT", Hook::input, 0},
    {"filter", "FORWARD", Hook::forward, 0},
    {"filter", "OUTPUT", Hook::output, 0},
    {"security", "INPUT", Hook::input, 50},
    {"security", "FORWARD", Hook::forward, 50},
    {"security", "OUTPUT", Hook::output, 50},
};
constexpr std::string_view kTables[] = {"raw", "mangle", "nat", "filter", "security"};

const BuiltIn* built_in(std::string_view table, std::string_view chain) {
  for (const BuiltIn& b : kBuiltIns)
    if (b.table == table && b.chain == chain) return &b;
  return nullptr;
}

struct Draft {
  netfilter::Chain chain = {};
  std::deque<IptablesRule> rules = {};
};
struct Table {
  std::string name = {}, variant = {};
  Family family = Family::ipv4;
  std::map<std::string, std::size_t, std::less<>> index = {};
  std::deque<Draft> chains = {};

  Draft& chain(std::string_view wanted, std::uint32_t line) {
    const auto [at, is_new] = index.try_emplace(std::string(wanted), chains.size());
    if (!is_new) return chains[at->second];
    Draft& d = chains.emplace_back();
    d.chain.name = wanted;
    d.chain.line = d.chain.note = line;
    if (const BuiltIn* b = built_in(name, wanted))
      d.chain.base = Base{.hook = b->hook, .priority = b->priority, .nat = name == "nat"};
    return d;
  }
};

/// What of its family a line gives away.
std::optional<Family> family_shown(std::string_view line) {
  Cursor in("", line);
  while (!in.at_end()) {
    std::string_view word = in.word();
    if (word.starts_with("icmp6-") || word == "ipv6-icmp" || word == "icmpv6" || word == "icmp6" ||
        word == "--icmpv6-type")
      return Family::ipv6;
    if (word == "icmp" || word == "--icmp-type" || word.starts_with("icmp-")) return Family::ipv4;
    word = word.substr(0, word.find_first_of("/,-"));
    if (word.starts_with('!')) word.remove_prefix(1);
    if (const std::optional<Address> a = parse_address(word)) return a->family();
  }
  return std::nullopt;
}

class IptablesReader {
 public:
  explicit IptablesReader(const Source& source)
      : source_(source), ledger_(source, device_), notes_(source.line_count()) {
    device_.file = device_.name = source.name();
    device_.dialect = Dialect::iptables;
  }

  Result<Device> read() {
    read_beside();
    if (!device_.interfaces.empty()) own_ = netfilter::own_addresses(device_.interfaces);
    for (const Interface& i : device_.interfaces) model_.interfaces.id(i.name);
    for (line_ = 1; line_ <= source_.line_count(); ++line_) read_line();
    if (tables_.empty() && looks_like_iptables(source_.text()) == 0 &&
        source_.text().find_first_not_of(" \t\r\n") != std::string_view::npos)
      return file_failure(source_.name(), "this is no output of iptables-save", "iptables-save prints all tables");
    finish();
    notes_.write(source_, ledger_);
    return std::move(device_);
  }

 private:
  void say(Understanding u, std::string why = {}) { notes_.say(line_, u, std::move(why)); }
  Location at(std::uint32_t column, std::uint32_t length) const { return source_.at_line(line_, column, length); }
  void unread(const IptablesWord& word, std::string what, std::string hint = {}) {
    say(Understanding::not_understood, what);
    device_.diagnostics.warning(at(word.column, std::max(word.length, 1U)), std::move(what), std::move(hint));
  }

  // --- What rules refer to, wherever it stands ---

  void read_beside() {
    for (line_ = 1; line_ <= source_.line_count(); ++line_) {
      const std::string_view line = source_.line(line_);
      for (const std::string_view option : {"--add-set ", "--del-set ", "--map-set "})
        if (const std::size_t found = line.find(option); found != std::string_view::npos) {
          Cursor in("", line.substr(found + option.size()));
          sets_.may_change(in.word());
        }
      Cursor in("", line);
      const std::string_view first = in.word();
      if (is_set_line(first)) {
        const Result<void> read = sets_.read(source_, line_);
        if (read) {
          say(Understanding::understood);
        } else {
          device_.diagnostics.warning(read.error().where, read.error().what, read.error().hint);
          say(Understanding::not_understood, read.error().what);
        }
      } else if (netfilter::read_address_line(line, line_, device_.interfaces)) {
        say(Understanding::understood);
      } else if (netfilter::is_link_line(line)) {
        say(Understanding::not_filtering);
      }
    }
  }
  static bool is_set_line(std::string_view first) { return first == "create" || first == "add"; }

  // --- Lines ---

  void read_line() {
    const std::string_view line = source_.line(line_);
    Cursor in("", line);
    const std::string_view first = in.peek();
    if (first.empty() || is_set_line(first)) return;
    if (first[0] == '#') return comment(in);
    if (first[0] == '*') return begin_table(std::string(first.substr(1)));
    if (first[0] == ':') return declare(in);
    if (first == "COMMIT") {
      table_ = nullptr;
      return say(Understanding::understood);
    }
    if (first[0] >= '0' && first[0] <= '9' && first.ends_with(':')) return;  // ip addr
    if (first == "Chain" || !listed_.empty()) return listing(line);
    command(iptables_words(line));
  }

  /// "# Generated by ip6tables-save v1.8.9 (nf_tables) on ...": the family, and which of two rule sets of one
  /// kernel.
  void comment(Cursor in) {
    const std::string_view text = in.rest();
    if (text.find("Generated by ") != std::string_view::npos) {
      header_ = text.find("ip6tables") != std::string_view::npos ? Family::ipv6 : Family::ipv4;
      variant_ = text.find("nf_tables") != std::string_view::npos ? "nf_tables" : "legacy";
    }
    say(Understanding::not_filtering);
  }

  void begin_table(std::string name) {
    if (!is_one_of(name, kTables)) {
      unread({.text = name, .column = 1, .length = static_cast<std::uint32_t>(name.size() + 1)},
             fmt::format("'{}' is no table", name), suggest(name, std::span<const std::string_view>(kTables)));
      table_ = nullptr;
      return;
    }
    std::optional<Family> family = header_;
    for (std::uint32_t i = line_ + 1; !family && i <= source_.line_count(); ++i) {
      const std::string_view line = source_.line(i);
      if (line.starts_with("COMMIT") || line.starts_with('*')) break;
      family = family_shown(line);
    }
    // Nothing shows it: what is not there yet, IPv4 first.
    if (!family)
      family =
          find(Family::ipv4, name) != nullptr && find(Family::ipv6, name) == nullptr ? Family::ipv6 : Family::ipv4;
    Table* known = find(*family, name);
    if (known != nullptr) *known = Table{.name = known->name, .variant = known->variant, .family = *family};
    table_ = known != nullptr ? known : &add(*family, std::move(name));
    say(Understanding::understood);
  }

  Table* find(Family family, std::string_view name) {
    for (Table& t : tables_)
      if (t.family == family && t.name == name && t.variant == variant_) return &t;
    return nullptr;
  }
  Table& add(Family family, std::string name) {
    Table& t = tables_.emplace_back();
    t.name = std::move(name), t.family = family, t.variant = variant_;
    return t;
  }
  Table& table_for(Family family, const std::string& name) {
    Table* known = find(family, name);
    return known != nullptr ? *known : add(family, name);
  }

  /// ":FORWARD DROP [12:3456]", ":web - [0:0]".
  void declare(Cursor in) {
    if (table_ == nullptr) return outside();
    const std::string_view name = in.word().substr(1), policy = in.word();
    Draft& d = table_->chain(name, line_);
    d.chain.line = d.chain.note = line_;
    set_policy(d, policy);
    say(Understanding::understood);
  }
  void set_policy(Draft& d, std::string_view policy) {
    if (!d.chain.base) return;
    d.chain.base->policy = policy == "DROP" ? Fallthrough::deny : Fallthrough::permit;
    d.chain.base->policy_line = line_;
  }
  void outside() {
    const std::string_view line = source_.line(line_);
    const std::size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
    unread({.column = static_cast<std::uint32_t>(begin + 1),
            .length = static_cast<std::uint32_t>(std::clamp<std::size_t>(line.size() - begin, 1, 200))},
           "a line outside of a table", "'*filter' begins one, and COMMIT ends it");
  }

  // --- iptables -L ---

  void listing(std::string_view line) {
    const std::optional<ListedChain> chain = listed_chain(line);
    if (!loose_) loose_ = header_ ? *header_ : shown_by_rest();
    Table& t = table_for(*loose_, "filter");
    if (chain) {
      listed_ = chain->name;
      Draft& d = t.chain(listed_, line_);
      d.chain.line = d.chain.note = line_;
      if (!chain->policy.empty()) set_policy(d, chain->policy);
      return say(Understanding::understood);
    }
    if (is_listing_header(line)) return say(Understanding::not_filtering);
    std::optional<ListedRule> rule = listed_.empty() ? std::nullopt : listed_rule(line);
    if (!rule) return outside();
    this->rule(t, listed_, rule->words, rule->packets, std::nullopt);
    std::string why;
    if (rule->hides_interfaces) why = "a listing without -v hides the interfaces";
    if (!rule->unread.empty()) why = fmt::format("'{}' is not understood in a listing", rule->unread);
    if (why.empty()) return;
    IptablesRule& made = t.chain(listed_, line_).rules.back();
    made.rule.terms.push_back(netfilter::Term::open(std::move(why)));
  }

  // --- Commands ---

  /// "[12:3456] -A FORWARD ...", "-P INPUT DROP", "iptables -t nat -I PREROUTING 2 ...".
  void command(std::vector<IptablesWord> words) {
    std::span<const IptablesWord> rest(words);
    std::optional<std::uint64_t> packets;
    if (rest[0].text.starts_with('[')) {
      const std::string& counter = rest[0].text;
      packets = netfilter::whole_number(
          std::string_view(counter).substr(1, std::min(counter.find(':'), counter.size()) - 1), UINT64_MAX);
      rest = rest.subspan(1);
    }
    std::optional<Family> family;
    bool script = false;
    while (!rest.empty() && !rest[0].text.starts_with('-')) {
      std::string_view word = rest[0].text;
      word = word.substr(word.rfind('/') == std::string_view::npos ? 0 : word.rfind('/') + 1);
      if (word.starts_with("ip6tables"))
        family = Family::ipv6, script = true;
      else if (word.starts_with("iptables"))
        family = Family::ipv4, script = true;
      else if (word != "sudo")
        break;
      rest = rest.subspan(1);
    }
    std::string table = table_ != nullptr ? table_->name : "filter";
    if (rest.size() >= 2 && (rest[0].text == "-t" || rest[0].text == "--table")) {
      table = rest[1].text;
      rest = rest.subspan(2);
    }
    while (!rest.empty() && (rest[0].text == "-w" || rest[0].text == "--wait")) {
      rest = rest.subspan(1);
      if (!rest.empty() && netfilter::whole_number(rest[0].text, 100000)) rest = rest.subspan(1);
    }
    if (rest.empty() || !rest[0].text.starts_with('-')) {
      if (script) return say(Understanding::not_filtering);
      return unread(rest.empty() ? words.back() : rest[0],
                    fmt::format("'{}' is no line of iptables-save", words[0].text));
    }
    if (!is_one_of(table, kTables))
      return unread(rest[0], fmt::format("'{}' is no table", table),
                    suggest(table, std::span<const std::string_view>(kTables)));
    if (table_ == nullptr && !family) {
      if (!loose_) loose_ = header_ ? *header_ : shown_by_rest();
      family = loose_;
    }
    Table& t = table_ != nullptr && !script && table == table_->name
                   ? *table_
                   : table_for(family.value_or(Family::ipv4), table);
    const std::string& verb = rest[0].text;
    const auto is = [&verb](std::string_view a, std::string_view b) { return verb == a || verb == b; };
    if (rest.size() < 2) {
      if (is("-F", "--flush")) return flush(t, {});
      if (is("-X", "--delete-chain") || is("-Z", "--zero") || is("-L", "--list") || is("-S", "--list-rules"))
        return say(Understanding::not_filtering);
      return unread(rest[0], "the chain's name is missing");
    }
    const std::string& chain = rest[1].text;
    if (is("-P", "--policy")) {
      set_policy(t.chain(chain, line_), rest.size() > 2 ? rest[2].text : "");
      return say(Understanding::understood);
    }
    if (is("-N", "--new-chain")) {
      t.chain(chain, line_);
      return say(Understanding::understood);
    }
    if (is("-F", "--flush")) return flush(t, chain);
    if (is("-X", "--delete-chain") || is("-Z", "--zero") || is("-L", "--list") || is("-S", "--list-rules"))
      return say(Understanding::not_filtering);
    if (is("-A", "--append") || is("-I", "--insert")) {
      std::span<const IptablesWord> body = rest.subspan(2);
      std::optional<std::uint64_t> place;
      if (is("-I", "--insert")) {
        place = 1;
        if (!body.empty())
          if (const std::optional<std::uint64_t> n = netfilter::whole_number(body[0].text, UINT32_MAX))
            place = n, body = body.subspan(1);
      }
      return rule(t, chain, body, packets, place);
    }
    // It changes rules, and which ones is not worked out: whatever the chain says is in doubt from here on.
    unread(rest[0], fmt::format("'{}' is not followed", verb), "iptables-save prints what came of it");
    doubt(t, chain);
  }

  std::optional<Family> shown_by_rest() const {
    for (std::uint32_t i = line_; i <= source_.line_count(); ++i)
      if (const std::optional<Family> f = family_shown(source_.line(i))) return f;
    return Family::ipv4;
  }

  void flush(Table& t, const std::string& chain) {
    for (Draft& d : t.chains)
      if (chain.empty() || d.chain.name == chain) d.rules.clear();
    say(Understanding::understood);
  }

  void doubt(Table& t, const std::string& chain) {
    IptablesRule r;
    r.rule.line = r.rule.line_last = r.rule.note = line_;
    r.rule.text = LineLedger::bounded(source_.line(line_));
    r.rule.unread = "a change to the chain that is not followed";
    r.rule.terms = {netfilter::Term::open(r.rule.unread)};
    r.target = "?";
    t.chain(chain, line_).rules.push_front(std::move(r));
  }

  void rule(Table& t, const std::string& chain, std::span<const IptablesWord> words,
            std::optional<std::uint64_t> packets, std::optional<std::uint64_t> place) {
    const IptablesAround around{t.family, sets_, model_.interfaces, own_.empty() ? nullptr : &own_};
    say(Understanding::understood);
    IptablesRule r =
        read_iptables_rule(words, around, [this](const IptablesWord& w, std::string what, std::string hint) {
          unread(w, std::move(what), std::move(hint));
        });
    netfilter::compact(r.rule);
    if (r.only && *r.only != t.family) return;
    r.rule.line = r.rule.line_last = r.rule.note = line_;
    r.rule.text = LineLedger::bounded(source_.line(line_));
    if (packets) r.rule.packets = packets;
    if (r.tracks || r.notrack || r.target == "NOTRACK")
      (t.family == Family::ipv4 ? model_.tracks4 : model_.tracks6) = true;
    std::deque<IptablesRule>& rules = t.chain(chain, line_).rules;
    if (!place || *place > rules.size())
      rules.push_back(std::move(r));
    else if (*place <= 1)
      rules.push_front(std::move(r));
    else
      rules.insert(rules.begin() + static_cast<std::ptrdiff_t>(*place - 1), std::move(r));
  }

  // --- The end ---

  void finish() {
    bool v4 = false, v6 = false;
    for (Table& t : tables_) (t.family == Family::ipv4 ? v4 : v6) = true;
    for (Table& t : tables_) {
      netfilter::Table out;
      out.family = t.family;
      const bool twice = std::any_of(tables_.begin(), tables_.end(), [&t](const Table& o) {
        return &o != &t && o.name == t.name && o.family == t.family && t.variant == "legacy" &&
               o.variant != "legacy";
      });
      out.reads_fragments = t.variant != "legacy";  // iptables-nft writes port tests as nftables
      out.name =
          fmt::format("{}{}{}/", t.family == Family::ipv6 && v4 ? "ip6 " : "", twice ? "legacy " : "", t.name);
      for (Draft& d : t.chains) {
        netfilter::Chain chain = std::move(d.chain);
        for (IptablesRule& r : d.rules) chain.rules.push_back(finished(t, std::move(r)));
        d.rules.clear();
        out.chains.push_back(std::move(chain));
      }
      model_.tables.push_back(std::move(out));
    }
    netfilter::build(model_, source_, device_, notes_);
    model_ = {};
    for (NamedObject& o : sets_.objects()) device_.objects.push_back(std::move(o));
    if (v4 != v6) add_missing(v4 ? Family::ipv6 : Family::ipv4);
  }

  netfilter::Rule finished(const Table& t, IptablesRule r) {
    line_ = r.rule.line;
    netfilter::Branch branch;
    branch.notrack = r.notrack || r.target == "NOTRACK";
    if (t.index.contains(r.target)) {
      branch.action = r.goes ? Action::go_to : Action::jump;
      branch.target = r.target;
    } else if (const IptablesTarget* target = find_iptables_target(r.target)) {
      using Effect = IptablesTarget::Effect;
      switch (target->effect) {
        case Effect::permit: branch.action = Action::permit; break;
        case Effect::deny:
          branch.action = Action::deny;
          branch.refusal = r.refusal.value_or(target->refusal);
          break;
        case Effect::give_back: branch.action = Action::give_back; break;
        case Effect::go_on: branch.action = Action::count; break;
        case Effect::unknown:
          branch.action = Action::unknown;
          r.rule.terms.push_back(
              netfilter::Term::open(fmt::format("what becomes of it behind {} is not known", r.target)));
          break;
        case Effect::source_nat:
        case Effect::destination_nat: {
          branch.action = Action::permit;
          Nat nat = std::move(r.nat);
          nat.kind = target->effect == Effect::source_nat ? Nat::Kind::source : Nat::Kind::destination;
          nat.line = r.rule.line;
          nat.text = r.rule.text;
          r.rule.nats.push_back(std::move(nat));
          break;
        }
      }
    } else if (!r.target.empty()) {
      branch.action = Action::unknown;
      if (r.target != "?") {
        const std::string what =
            fmt::format("'{}' is neither a chain of the table nor a target that is known", r.target);
        std::vector<std::string_view> names(iptables_target_words().begin(), iptables_target_words().end());
        for (const auto& [name, place] : t.index)
          if (names.size() < 500) names.push_back(name);
        const std::string_view line = source_.line(line_);
        const std::size_t column = std::min(line.rfind(r.target), line.size());
        unread({.column = static_cast<std::uint32_t>(column + 1),
                .length = static_cast<std::uint32_t>(r.target.size())},
               what, suggest(r.target, std::span<const std::string_view>(names)));
        r.rule.terms.push_back(netfilter::Term::open(what));
      }
    }
    r.rule.branches.push_back(std::move(branch));
    return std::move(r.rule);
  }

  /// Nothing is known of the other family: neither that it passes nor that it does not.
  void add_missing(Family family) {
    const std::string_view program = family == Family::ipv6 ? "ip6tables" : "iptables";
    List list;
    list.name = fmt::format("{} (not in the file)", program);
    list.family = family;
    list.at_end = Fallthrough::permit;
    Entry e;
    e.text = list.name;
    e.action = Action::unknown;
    Match m;
    m.box.family = family;
    e.maybe = {std::move(m)};
    e.undecided = fmt::format("the file does not hold what {}-save prints", program);
    list.entries.push_back(std::move(e));
    Stage stage;
    stage.name = list.name;
    stage.ways = {Way::through, Way::to_device, Way::from_device};
    stage.family = family;
    stage.lists = {static_cast<ListIndex>(device_.lists.size())};
    stage.priority = static_cast<std::int32_t>(device_.stages.size());
    device_.lists.push_back(std::move(list));
    device_.stages.push_back(std::move(stage));
  }

  const Source& source_;
  Device device_;
  LineLedger ledger_;
  netfilter::LineNotes notes_;
  netfilter::Model model_;
  IpSets sets_;
  std::vector<Address> own_;
  std::deque<Table> tables_;
  Table* table_ = nullptr;
  std::optional<Family> header_, loose_;
  std::string variant_, listed_;  // listed_: the chain of a listing that is being read
  std::uint32_t line_ = 0;
};

}  // namespace

unsigned looks_like_iptables(std::string_view text) {
  text = text.substr(0, 1U << 20);
  unsigned points = 0;
  for (std::size_t at = 0; at < text.size() && points < 200;) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    Cursor in("", text.substr(at, end - at));
    at = end + 1;
    std::string_view word = in.word();
    if (word.starts_with('[') && word.ends_with(']')) word = in.word();
    if (word.starts_with('*') && is_one_of(word.substr(1), kTables))
      points += 30;
    else if (word == "#" && (in.rest().starts_with("Generated by iptables-save") ||
                             in.rest().starts_with("Generated by ip6tables-save")))
      points += 30;
    else if (word == "Chain" &&
             (in.rest().find("(policy ") != std::string_view::npos || in.rest().ends_with(" references)")))
      points += 10;
    else if ((word == "-A" || word == "-P") && !in.at_end())
      points += 10;
    else if (word == ":INPUT" || word == ":FORWARD" || word == ":OUTPUT")
      points += 10;
    else if ((word.ends_with("iptables") || word.ends_with("ip6tables")) && in.peek().starts_with('-'))
      points += 10;
    else if (word == "create" && !in.word().empty() &&
             (in.peek().starts_with("hash:") || in.peek().starts_with("bitmap:") || in.peek() == "list:set"))
      points += 10;
  }
  return points;
}

Result<Device> read_iptables(const Source& source) { return IptablesReader(source).read(); }

}  // namespace demarc
