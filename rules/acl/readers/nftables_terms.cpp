// Source: nft(8), and the instructions that `nft --debug=netlink` prints for each spelling: which tests imply a
// family or a protocol, that `tcp flags syn` asks for a bit and `tcp flags == syn` for the byte, that `ct state !=
// a,b` compares with both bits at once (and so is always true).
#include "rules/acl/readers/nftables_terms.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/netfilter_names.h"
#include "rules/acl/readers/nftables_sets.h"
#include "rules/acl/readers/refusal_words.h"
#include "rules/text/suggest.h"

namespace demarc::nft {

namespace {

using netfilter::Branch;
using netfilter::Matches;
using netfilter::Term;

constexpr std::size_t kVerdictsMax = 4096;

}  // namespace

class RuleReader::Impl {
 public:
  explicit Impl(const Surroundings& around) : around_(around) {}

  netfilter::Rule read(const Rule& rule, const std::function<void(std::string, std::string)>& warn) {
    netfilter::Rule r;
    r.line = rule.line, r.line_last = rule.line_last, r.note = rule.note;
    r.text = rule.text, r.remark = rule.comment;
    Branch verdict;
    bool counted = false;
    for (const Statement& s : rule.statements) {
      if (s.kind == Statement::Kind::unread) r.unread = s.text;
      const Result<void> done = add(s, r, verdict, counted);
      if (done) continue;
      r.unread = done.error().what;
      warn(done.error().what, done.error().hint);
    }
    if (!r.unread.empty()) {
      // Nothing of it is sure, not even what was read.
      r.terms = {Term::open(r.unread)};
      r.branches.assign(1, {});
      r.branches[0].action = Action::unknown;
      r.nats.clear();
      return r;
    }
    if (r.branches.empty()) r.branches.push_back(std::move(verdict));
    return r;
  }

 private:
  Result<void> add(const Statement& s, netfilter::Rule& r, Branch& verdict, bool& counted) {
    switch (s.kind) {
      case Statement::Kind::match: {
        Term term = DEMARC_TRY(match(s));
        r.terms.push_back(std::move(term));
        if (counted)
          r.packets.reset();  // the counter stands before a condition: it counts more than the rule decides
        break;
      }
      case Statement::Kind::vmap: DEMARC_TRY(map(s, r)); break;
      case Statement::Kind::verdict: DEMARC_TRY(decide(s.right, verdict)); break;
      case Statement::Kind::counter:
        if (s.text.empty()) r.packets = s.packets, counted = true;
        break;
      case Statement::Kind::reject: {
        Match can;
        if (s.text == "tcp") can.box.protocols = {Protocol::tcp};
        if (s.text == "icmp") can.box.family = Family::ipv4;
        if (s.text == "icmpv6") can.box.family = Family::ipv6;
        if (!(can == Match{})) r.terms.push_back(Term::of(std::move(can)));
        verdict.action = Action::deny;
        verdict.refusal = s.text == "tcp"        ? Refusal::reset
                          : s.right.text.empty() ? Refusal::port_unreachable
                                                 : refusal_by_word(s.right.text);
        break;
      }
      case Statement::Kind::nat: {
        Nat nat;
        nat.kind = s.text == "snat" || s.text == "masquerade" ? Nat::Kind::source : Nat::Kind::destination;
        nat.to = parse_address(s.right.text);
        if (s.to_port != 0) nat.to_ports = PortRange::single(Port(s.to_port));
        nat.line = r.line;
        nat.text = r.text;
        r.nats.push_back(std::move(nat));
        verdict.action = Action::permit;
        break;
      }
      case Statement::Kind::notrack: verdict.notrack = true; break;
      case Statement::Kind::open: r.terms.push_back(Term::open(s.text)); break;
      case Statement::Kind::go_on: break;
      case Statement::Kind::steal:
        verdict.action = Action::unknown;
        r.terms.push_back(Term::open(fmt::format("what becomes of it behind '{}' is not known", s.text)));
        break;
      case Statement::Kind::unread: break;
    }
    return {};
  }

  Result<void> decide(const Expr& v, Branch& branch) const {
    const bool call = v.text == "jump" || v.text == "goto";
    if (v.text == "accept")
      branch.action = Action::permit;
    else if (v.text == "drop")
      branch.action = Action::deny;
    else if (v.text == "return")
      branch.action = Action::give_back;
    else if (v.text == "continue")
      branch.action = Action::count;
    else if (call && !v.parts.empty())
      branch.action = v.text == "jump" ? Action::jump : Action::go_to, branch.target = v.parts[0].text;
    else
      return wrong(fmt::format("'{}' is no verdict", v.text));
    return {};
  }

  // --- Tests ---

  Result<Term> match(const Statement& s) {
    if (s.left.kind == Expr::Kind::bit_and) return masked(s);
    const std::vector<KnownField> fields = fields_of(s.left);
    Term term;
    std::string open;
    Match domain;
    for (const KnownField& k : fields) {
      const std::optional<Match> both = netfilter::meet(domain, k.domain);
      if (!both) return term;  // two protocols at once: nothing has both
      domain = *both;
      term.reads_transport = term.reads_transport || k.transport;
      term.of_state = term.of_state || k.field == Field::ct_state;
      if (k.field == Field::open) open += (open.empty() ? "" : ", ") + k.text;
    }
    term.limit(std::move(domain));
    term.negated = s.op == "!=";
    if (!open.empty()) {
      term.extra = {Match{}}, term.undecided = open;
      term.negated = false;
      return term;
    }
    if (s.right.kind == Expr::Kind::reference && changes(s.right)) {
      term.extra = {Match{}}, term.undecided = fmt::format("the content of set {} changes", s.right.text);
      term.negated = false;
      return term;
    }
    for (const KnownField& k : fields)
      if ((k.field == Field::source_type || k.field == Field::destination_type) &&
          (fields.size() > 1 || !is_decided_type(s.right))) {
        term.extra = {Match{}}, term.undecided = fmt::format("{} depends on the routing table", k.text);
        term.negated = false;
        return term;
      }
    if (fields.size() == 1 && (fields[0].field == Field::tcp_flags || fields[0].field == Field::ct_state) &&
        s.right.kind != Expr::Kind::set && s.right.kind != Expr::Kind::reference) {
      DEMARC_TRY(bits(s, fields[0], 0xFF, term));
      return term;
    }
    if (fields.size() == 1 && (s.op == "<" || s.op == ">" || s.op == "<=" || s.op == ">=")) {
      const Key key = DEMARC_TRY(sets_.bounded(fields[0], s.op, s.right));
      term.certain = key.matches;
    } else if (s.right.kind == Expr::Kind::reference) {
      const std::shared_ptr<const Key> key = DEMARC_TRY(sets_.named(fields, to_text(s.left), s.right.text));
      term.set = std::shared_ptr<const Matches>(key, &key->matches);
      term.untracked = key->untracked;
      if (key->any) term.certain = {Match{}};
    } else {
      const Key key = DEMARC_TRY(sets_.lookup(fields, {&s.right}));
      term.certain = key.matches;
      term.untracked = key.untracked;
      if (key.any) term.certain = {Match{}};
    }
    leave_other_headers_open(fields, term);
    return term;
  }

  /// `th dport` reads the bytes where a port would stand, whatever the protocol: of one without ports they are
  /// something else.
  static void leave_other_headers_open(const std::vector<KnownField>& fields, Term& term) {
    for (const KnownField& k : fields) {
      if ((k.field != Field::sport && k.field != Field::dport) || !(k.domain == Match{})) continue;
      Match other;
      other.box.protocols = ProtocolSet(ProtocolSet::with_ports().numbers().complement());
      term.extra = {other};
      term.undecided = fmt::format("{} of a protocol without ports", k.text);
    }
  }

  /// Multicast addresses are known; local ones where the interfaces' addresses are.
  bool is_decided_type(const Expr& e) const {
    if (e.kind == Expr::Kind::set)
      return std::all_of(e.parts.begin(), e.parts.end(),
                         [this](const Expr& part) { return is_decided_type(part); });
    return e.kind == Expr::Kind::value &&
           (e.text == "multicast" || (e.text == "local" && around_.own_addresses != nullptr));
  }

  bool changes(const Expr& reference) const {
    const Set* set = around_.table.find_set(reference.text);
    return set != nullptr && set->changes;
  }

  /// `tcp flags` and `ct state` are bits: a bare value asks for any of its bits, `==` for all of the byte.
  Result<void> bits(const Statement& s, const KnownField& k, std::uint8_t mask, Term& term) {
    const bool state = k.field == Field::ct_state;
    std::uint8_t within = mask, value = 0;
    const Expr* right = &s.right;
    if (right->kind == Expr::Kind::masked) {
      within = DEMARC_TRY(bits_of(k.field, right->parts[1]));
      right = &right->parts[0];
    }
    value = DEMARC_TRY(bits_of(k.field, *right));
    enum { any_bit, no_bit, equal } how = any_bit;
    if (s.op == "!") how = no_bit;
    if (s.op == "==" || s.op == "!=" || s.right.kind == Expr::Kind::masked || mask != 0xFF) how = equal;
    if (s.op != "" && s.op != "in" && s.op != "!" && s.op != "==" && s.op != "!=")
      return wrong(fmt::format("'{}' is no comparison of bits", s.op));
    // `!= a,b` is "neither" in some versions of nft and "not both at once" in others; 1.0.6 prints the latter `a |
    // b`.
    const bool ambiguous = s.op == "!=" && s.right.kind == Expr::Kind::list && s.right.text == ",";
    if (ambiguous) {
      term.negated = false;
      term.undecided = fmt::format("versions of nft differ in what '{} != {}' says", k.text, to_text(s.right));
      for (const auto choice : {no_bit, equal}) {
        Term one;
        how = choice;
        add_bits(
            state, [&](std::uint8_t bits) { return how == no_bit ? (bits & value) == 0 : bits != value; }, one);
        (choice == no_bit ? term.certain : term.extra) = std::move(one.certain);
        if (choice == no_bit) term.untracked = one.untracked;
      }
      return {};
    }
    const auto holds = [&](std::uint8_t bits) {
      switch (how) {
        case any_bit: return (bits & value) != 0;
        case no_bit: return (bits & value) == 0;
        case equal: return (bits & within) == value;
      }
      return false;
    };
    add_bits(state, holds, term);
    return {};
  }

  /// The states, or the flag bytes, for which the test holds.
  template <typename Holds>
  static void add_bits(bool state, const Holds& holds, Term& term) {
    Match m;
    if (state) {
      m.box.states = {};
      for (unsigned i = 0; i < 4; ++i)
        if (holds(state_bit(state_of(i)))) m.box.states.insert(state_of(i));
      term.untracked = holds(kUntracked);
      if (!m.box.states.empty()) term.certain.push_back(std::move(m));
    } else {
      m.box.flags = {};
      for (unsigned n = 0; n < 256; ++n)
        if (holds(static_cast<std::uint8_t>(n))) m.box.flags.insert(static_cast<std::uint8_t>(n));
      if (!m.box.flags.empty()) term.certain.push_back(std::move(m));
    }
  }

  /// `ip saddr & 255.255.0.255 == 192.0.0.1`, `tcp flags & (syn | ack) == syn`, `ip frag-off & 0x1fff != 0`.
  Result<Term> masked(const Statement& s) {
    const Expr& field = s.left.parts[0];
    const KnownField k = known(field.text);
    Term term;
    term.limit(k.domain);
    term.reads_transport = k.transport;
    term.negated = s.op == "!=";
    const Expr& mask = s.left.parts[1];
    if (k.field == Field::open) {
      term.extra = {Match{}}, term.undecided = k.text;
      term.negated = false;
      return term;
    }
    const bool equality = s.op.empty() || s.op == "==" || s.op == "!=";
    if (k.field == Field::tcp_flags) {
      const std::uint8_t bits = DEMARC_TRY(bits_of(k.field, mask));
      if (s.right.kind == Expr::Kind::set) {
        for (const Expr& e : s.right.parts) {
          const std::uint8_t value = DEMARC_TRY(bits_of(k.field, e));
          add_flags(bits, value, term.certain);
        }
        return term;
      }
      if (equality && s.right.kind != Expr::Kind::reference) {
        const std::uint8_t value = DEMARC_TRY(bits_of(k.field, s.right));
        add_flags(bits, value, term.certain);
        return term;
      }
    }
    if ((k.field == Field::saddr || k.field == Field::daddr) && equality) {
      const std::optional<Address> bits = parse_address(mask.text), value = parse_address(s.right.text);
      if (bits && value && bits->family() == *k.domain.box.family && value->family() == bits->family()) {
        Match m;
        if ((value->number() & ~bits->number()) == 0)
          (k.field == Field::saddr ? m.source_bits : m.destination_bits) =
              AddressBits{bits->family(), value->number(), bits->number()};
        else
          return term;  // a bit outside of the mask: never
        m.box.family = bits->family();
        term.certain.push_back(std::move(m));
        return term;
      }
    }
    if (k.field == Field::frag_off && equality) {
      const std::optional<std::uint64_t> bits = netfilter::whole_number(mask.text, 0xFFFF);
      const std::optional<std::uint64_t> value = netfilter::whole_number(s.right.text, 0xFFFF);
      if (bits && value == 0 && (*bits & 0xC000) == 0 && ((*bits & 0x1FFF) == 0x1FFF || (*bits & 0x1FFF) == 0)) {
        Match m;
        m.box.family = Family::ipv4;
        const bool more = (*bits & 0x2000) != 0, offset = (*bits & 0x1FFF) != 0;
        m.box.fragments = {Fragment::whole};
        if (!more) m.box.fragments.insert(Fragment::first);
        if (!offset) m.box.fragments.insert(Fragment::last);
        term.certain.push_back(std::move(m));
        return term;
      }
      term.extra = {Match{}}, term.undecided = to_text(s.left);
      term.negated = false;
      return term;
    }
    return wrong(fmt::format("'{}' is not understood", to_text(s.left)));
  }

  static void add_flags(std::uint8_t mask, std::uint8_t value, Matches& out) {
    if ((value & ~mask) != 0) return;
    Match m;
    m.box.flags = demarc::tcp_flags(mask, value);
    out.push_back(std::move(m));
  }

  Result<void> map(const Statement& s, netfilter::Rule& r) {
    const bool flags_masked = s.left.kind == Expr::Kind::bit_and;
    std::uint8_t mask = 0xFF;
    std::vector<KnownField> fields;
    if (flags_masked) {
      fields.push_back(known(s.left.parts[0].text));
      if (fields[0].field == Field::tcp_flags)
        mask = DEMARC_TRY(bits_of(Field::tcp_flags, s.left.parts[1]));
      else
        fields[0].field = Field::open;
    } else {
      fields = fields_of(s.left);
    }
    Term all;
    Match domain;
    std::string open;
    for (const KnownField& k : fields) {
      const std::optional<Match> both = netfilter::meet(domain, k.domain);
      if (!both) return wrong("no packet has both fields");
      domain = *both;
      all.reads_transport = all.reads_transport || k.transport;
      all.of_state = all.of_state || k.field == Field::ct_state;
      if (k.field == Field::open) open += (open.empty() ? "" : ", ") + k.text;
    }
    all.limit(std::move(domain));
    const Expr* content = &s.right;
    if (s.right.kind == Expr::Kind::reference) {
      Set* set = around_.table.find_set(s.right.text);
      if (set == nullptr) return wrong(fmt::format("map {} is not defined", s.right.text));
      ++set->uses;
      content = &set->content;
      if (set->changes) open = fmt::format("the content of map {} changes", s.right.text);
    }
    if (content->kind != Expr::Kind::set) return wrong("a map of verdicts is missing");
    // Verdicts in order of their first key; keys are disjoint, so the order decides nothing.
    std::map<std::string, std::size_t> index;
    std::vector<std::vector<const Expr*>> keys;
    std::vector<const Expr*> verdicts;
    const Expr* otherwise = nullptr;
    Matches named;
    bool named_untracked = false;
    for (const Expr& e : content->parts) {
      if (e.kind != Expr::Kind::element || e.parts.size() != 2 || e.parts[1].kind != Expr::Kind::verdict)
        return wrong(fmt::format("'{}' is no key with a verdict", to_text(e)));
      if (e.parts[0].kind == Expr::Kind::value && e.parts[0].text == "*") {
        otherwise = &e.parts[1];
        continue;
      }
      const auto [at, is_new] = index.try_emplace(to_text(e.parts[1]), keys.size());
      if (is_new) keys.emplace_back(), verdicts.push_back(&e.parts[1]);
      keys[at->second].push_back(&e.parts[0]);
      if (keys.size() > kVerdictsMax) return wrong("the map holds more verdicts than are kept");
    }
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
      Branch branch;
      DEMARC_TRY(decide(*verdicts[i], branch));
      branch.key = all;
      if (!open.empty()) {
        branch.key->extra = {Match{}}, branch.key->undecided = open;
      } else if (flags_masked) {
        for (const Expr* e : keys[i]) {
          const std::uint8_t value = DEMARC_TRY(bits_of(Field::tcp_flags, *e));
          add_flags(mask, value, branch.key->certain);
        }
      } else {
        const Key key = DEMARC_TRY(sets_.lookup(fields, keys[i]));
        branch.key->certain = key.matches;
        branch.key->untracked = key.untracked;
        named_untracked = named_untracked || key.untracked;
        leave_other_headers_open(fields, *branch.key);
      }
      named.insert(named.end(), branch.key->certain.begin(), branch.key->certain.end());
      r.branches.push_back(std::move(branch));
    }
    if (otherwise != nullptr) {
      Branch branch;
      DEMARC_TRY(decide(*otherwise, branch));
      branch.key = all;
      branch.key->untracked = named_untracked;
      branch.key->negated = true;
      branch.key->certain = std::move(named);
      if (!open.empty()) branch.key->negated = false, branch.key->extra = {Match{}}, branch.key->undecided = open;
      leave_other_headers_open(fields, *branch.key);
      r.branches.push_back(std::move(branch));
    }
    if (r.branches.empty()) r.branches.push_back({});  // an empty map
    return {};
  }

  Surroundings around_;
  SetReader sets_{around_};
};

RuleReader::RuleReader(const Surroundings& around) : impl_(std::make_unique<Impl>(around)) {}
RuleReader::~RuleReader() = default;
netfilter::Rule RuleReader::read(const Rule& rule, const std::function<void(std::string, std::string)>& warn) {
  return impl_->read(rule, warn);
}

bool tracks(const Rule& rule) {
  const auto asks = [](const Expr& e) {
    const auto one = [](const Expr& x) { return x.kind == Expr::Kind::field && x.text.starts_with("ct "); };
    return one(e) || std::any_of(e.parts.begin(), e.parts.end(), one);
  };
  return std::any_of(rule.statements.begin(), rule.statements.end(), [&](const Statement& s) {
    return s.kind == Statement::Kind::nat || s.kind == Statement::Kind::notrack || s.text == "ct count" ||
           s.text == "synproxy" || s.text == "tproxy" || asks(s.left);
  });
}

}  // namespace demarc::nft
