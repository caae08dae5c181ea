// Source: nft(8), and the instructions that `nft --debug=netlink` prints for each spelling: which tests imply a
// family or a protocol, that `tcp flags syn` asks for a bit and `tcp flags == syn` for the byte, that `ct state !=
// a,b` compares with both bits at once (and so is always true).
#include "rules/acl/readers/nftables_terms.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/netfilter_names.h"
#include "rules/acl/readers/nftables_names.h"
#include "rules/acl/readers/refusal_words.h"
#include "rules/text/suggest.h"

namespace demarc::nft {

namespace {

using netfilter::Branch;
using netfilter::Matches;
using netfilter::Term;

enum class Field : std::uint8_t {
  saddr,
  daddr,
  protocol,
  nexthdr,
  sport,
  dport,
  icmp_type,
  icmp_code,
  tcp_flags,
  ct_state,
  iif,
  oif,
  nfproto,
  ethertype,
  frag_off,
  fragment,  // IPv6: is there a fragment header
  source_type,
  destination_type,  // fib ... type
  open,              // it is known what it is, and not which packets have it
};

struct Known {
  Field field = Field::open;
  Match domain = {};
  bool transport = false;
  std::string text = {};
};

/// What one field may be.
struct Values {
  std::vector<AddressRange> addresses = {};
  std::vector<PortRange> numbers = {};
  StateSet states = {};
  bool untracked = false;
  ByteSet interfaces = {};
  bool any = false;  // `*`
};

/// A key of a map, or all of a set.
struct Key {
  Matches matches = {};
  bool untracked = false, any = false;
};
struct Verdict {
  std::string text = {}, target = {};
  Key key = {};
};

constexpr std::size_t kVerdictsMax = 4096;

Known known(std::string_view text) {
  Known k;
  k.text = text;
  const std::size_t blank = text.find(' ');
  const std::string_view header = text.substr(0, blank);
  const std::string_view name = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
  const auto of_protocol = [&](Protocol p) { k.domain.box.protocols = {p}, k.transport = true; };
  if (header == "ip") k.domain.box.family = Family::ipv4;
  if (header == "ip6" || header == "exthdr" || header == "hbh" || header == "frag" || header == "mh" ||
      header == "dst" || header == "srh")
    k.domain.box.family = Family::ipv6;
  if (header == "tcp") of_protocol(Protocol::tcp);
  if (header == "udp") of_protocol(Protocol::udp);
  if (header == "udplite") of_protocol(Protocol(136));
  if (header == "sctp") of_protocol(Protocol::sctp);
  if (header == "dccp") of_protocol(Protocol(33));
  if (header == "ah") of_protocol(Protocol::ah);
  if (header == "esp") of_protocol(Protocol::esp);
  if (header == "comp") of_protocol(Protocol(108));
  if (header == "igmp") of_protocol(Protocol::igmp);
  if (header == "gre") of_protocol(Protocol::gre);
  if (header == "icmp") of_protocol(Protocol::icmp), k.domain.box.family = Family::ipv4;
  if (header == "icmpv6") of_protocol(Protocol::icmpv6), k.domain.box.family = Family::ipv6;
  if (header == "th") k.transport = true;

  const bool has_ports = header == "tcp" || header == "udp" || header == "udplite" || header == "sctp" ||
                         header == "dccp" || header == "th";
  const auto is = [&](std::string_view a) { return text == a; };
  if (is("ip saddr") || is("ip6 saddr")) k.field = Field::saddr;
  if (is("ip daddr") || is("ip6 daddr")) k.field = Field::daddr;
  if (is("ip protocol") || is("meta l4proto")) k.field = Field::protocol;
  if (is("ip6 nexthdr")) k.field = Field::nexthdr;
  if (has_ports && name == "sport") k.field = Field::sport;
  if (has_ports && name == "dport") k.field = Field::dport;
  if (is("@th,0,16")) k.field = Field::sport, k.transport = true;
  if (is("@th,16,16")) k.field = Field::dport, k.transport = true;
  if ((header == "icmp" || header == "icmpv6") && name == "type") k.field = Field::icmp_type;
  if ((header == "icmp" || header == "icmpv6") && name == "code") k.field = Field::icmp_code;
  if (is("tcp flags")) k.field = Field::tcp_flags;
  if (is("ct state")) k.field = Field::ct_state;
  if (is("meta iif") || is("meta iifname")) k.field = Field::iif;
  if (is("meta oif") || is("meta oifname")) k.field = Field::oif;
  if (is("meta nfproto")) k.field = Field::nfproto;
  if (is("meta protocol")) k.field = Field::ethertype;
  if (is("ip frag-off")) k.field = Field::frag_off;
  if (is("exthdr frag")) k.field = Field::fragment;
  if (is("fib saddr type")) k.field = Field::source_type;
  if (is("fib daddr type")) k.field = Field::destination_type;
  return k;
}

std::unexpected<Error> wrong(std::string what, std::string hint = {}) {
  return std::unexpected(Error{{}, std::move(what), std::move(hint)});
}

ConnectionState state_of(std::size_t i) { return static_cast<ConnectionState>(i); }

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
    const std::vector<Known> fields = fields_of(s.left);
    Term term;
    std::string open;
    Match domain;
    for (const Known& k : fields) {
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
    for (const Known& k : fields)
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
      const Key key = DEMARC_TRY(bounded(fields[0], s.op, s.right));
      term.certain = key.matches;
    } else if (s.right.kind == Expr::Kind::reference) {
      const std::shared_ptr<const Key> key = DEMARC_TRY(named(fields, to_text(s.left), s.right.text));
      term.set = std::shared_ptr<const Matches>(key, &key->matches);
      term.untracked = key->untracked;
      if (key->any) term.certain = {Match{}};
    } else {
      const Key key = DEMARC_TRY(lookup(fields, {&s.right}));
      term.certain = key.matches;
      term.untracked = key.untracked;
      if (key.any) term.certain = {Match{}};
    }
    leave_other_headers_open(fields, term);
    return term;
  }

  /// `th dport` reads the bytes where a port would stand, whatever the protocol: of one without ports they are
  /// something else.
  static void leave_other_headers_open(const std::vector<Known>& fields, Term& term) {
    for (const Known& k : fields) {
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

  static std::vector<Known> fields_of(const Expr& left) {
    std::vector<Known> fields;
    if (left.kind == Expr::Kind::concat)
      for (const Expr& part : left.parts)
        fields.push_back(part.kind == Expr::Kind::field ? known(part.text) : Known{.text = to_text(part)});
    else
      fields.push_back(left.kind == Expr::Kind::field ? known(left.text) : Known{.text = to_text(left)});
    return fields;
  }

  /// `tcp flags` and `ct state` are bits: a bare value asks for any of its bits, `==` for all of the byte.
  Result<void> bits(const Statement& s, const Known& k, std::uint8_t mask, Term& term) {
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

  static constexpr std::uint8_t kUntracked = 64;
  static std::uint8_t state_bit(ConnectionState s) {
    switch (s) {
      case ConnectionState::invalid: return 1;
      case ConnectionState::established: return 2;
      case ConnectionState::related: return 4;
      case ConnectionState::fresh: return 8;
    }
    return 0;
  }

  Result<std::uint8_t> bits_of(Field field, const Expr& e) const {
    if (e.kind == Expr::Kind::list || e.kind == Expr::Kind::set) {
      std::uint8_t all = 0;
      for (const Expr& part : e.parts) {
        const std::uint8_t one = DEMARC_TRY(bits_of(field, part));
        all = static_cast<std::uint8_t>(all | one);
      }
      return all;
    }
    if (e.kind != Expr::Kind::value) return wrong(fmt::format("'{}' are no bits", to_text(e)));
    if (const std::optional<std::uint64_t> n = netfilter::whole_number(e.text, 255))
      return static_cast<std::uint8_t>(*n);
    if (field == Field::ct_state) {
      constexpr std::pair<std::string_view, std::uint8_t> kStates[] = {
          {"invalid", 1}, {"established", 2}, {"related", 4}, {"new", 8}, {"untracked", kUntracked}};
      for (const auto& [name, bit] : kStates)
        if (e.text == name) return bit;
      constexpr std::string_view kNames[] = {"invalid", "established", "related", "new", "untracked"};
      return wrong(fmt::format("'{}' is no connection state", e.text), suggest(e.text, std::span(kNames)));
    }
    if (const std::optional<std::uint8_t> bit = tcp_flag_bit(e.text)) return *bit;
    constexpr std::string_view kNames[] = {"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"};
    return wrong(fmt::format("'{}' is no TCP flag", e.text), suggest(e.text, std::span(kNames)));
  }

  /// `ip saddr & 255.255.0.255 == 192.0.0.1`, `tcp flags & (syn | ack) == syn`, `ip frag-off & 0x1fff != 0`.
  Result<Term> masked(const Statement& s) {
    const Expr& field = s.left.parts[0];
    const Known k = known(field.text);
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

  // --- Sets ---

  Result<std::shared_ptr<const Key>> named(const std::vector<Known>& fields, const std::string& left,
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

  /// What is in a set, for these fields. Elements of one field make one match.
  Result<Key> lookup(const std::vector<Known>& fields, std::vector<const Expr*> elements) {
    Key key;
    if (fields.size() == 1) {
      Values values;
      for (const Expr* e : elements) DEMARC_TRY(collect(fields[0], *e, values, 0));
      key.untracked = values.untracked, key.any = values.any;
      to_matches(fields[0], values, key.matches);
      return key;
    }
    // Concatenations that agree in all but the first field make one match together.
    std::map<std::string, std::pair<Matches, Values>> groups;
    DEMARC_TRY(concatenated(fields, elements, groups, key, 0));
    for (auto& [text, group] : groups) {
      Matches first;
      to_matches(fields[0], group.second, first);
      std::optional<Matches> both = netfilter::meet(first, group.first);
      if (!both || key.matches.size() + both->size() > netfilter::kBoxesMax)
        return wrong("the set takes more boxes than are kept");
      for (Match& m : *both) key.matches.push_back(std::move(m));
    }
    return key;
  }

  Result<void> concatenated(const std::vector<Known>& fields, const std::vector<const Expr*>& elements,
                            std::map<std::string, std::pair<Matches, Values>>& groups, Key& key, unsigned depth) {
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
      DEMARC_TRY(collect(fields[0], value.parts[0], first, 0));
      if (!is_new) continue;
      others = {Match{}};
      for (std::size_t i = 1; i < fields.size(); ++i) {
        Values values;
        DEMARC_TRY(collect(fields[i], value.parts[i], values, 0));
        if (values.untracked) return wrong("'untracked' in a concatenation is not understood");
        Matches one;
        to_matches(fields[i], values, one);
        std::optional<Matches> both = netfilter::meet(others, one);
        if (!both) return wrong("the set takes more boxes than are kept");
        others = std::move(*both);
      }
      if (first.untracked) return wrong("'untracked' in a concatenation is not understood");
    }
    return {};
  }

  Result<void> map(const Statement& s, netfilter::Rule& r) {
    const bool flags_masked = s.left.kind == Expr::Kind::bit_and;
    std::uint8_t mask = 0xFF;
    std::vector<Known> fields;
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
    for (const Known& k : fields) {
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
        const Key key = DEMARC_TRY(lookup(fields, keys[i]));
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

  // --- Values ---

  Result<void> collect(const Known& k, const Expr& e, Values& out, unsigned depth) {
    if (depth > kDepthMax) return wrong("sets lie too deep in each other");
    switch (e.kind) {
      case Expr::Kind::set:
      case Expr::Kind::list:
        if (e.kind == Expr::Kind::list && e.text == "|") break;
        for (const Expr& part : e.parts) DEMARC_TRY(collect(k, part, out, depth + 1));
        return {};
      case Expr::Kind::element:
        if (!e.text.empty()) return wrong(fmt::format("'{}' may end or be limited", to_text(e.parts[0])));
        return collect(k, e.parts[0], out, depth + 1);
      case Expr::Kind::reference: {
        const Set* set = around_.table.find_set(e.text);
        if (set == nullptr || set->changes) return wrong(fmt::format("what is in set {} is not known", e.text));
        return collect(k, set->content, out, depth + 1);
      }
      case Expr::Kind::other: return wrong(e.text);
      default: break;
    }
    if (e.kind == Expr::Kind::value && e.text == "*" && k.field != Field::iif && k.field != Field::oif) {
      out.any = true;
      return {};
    }
    switch (k.field) {
      case Field::saddr:
      case Field::daddr: return address(k, e, out);
      case Field::iif:
      case Field::oif: return interface(e, out);
      case Field::tcp_flags:
      case Field::ct_state: {
        const std::uint8_t bits = DEMARC_TRY(bits_of(k.field, e));
        if (k.field == Field::tcp_flags) {
          out.numbers.push_back(PortRange::single(Port(bits)));
        } else {
          for (unsigned i = 0; i < 4; ++i)
            if (bits == state_bit(state_of(i))) out.states.insert(state_of(i));
          if (bits == kUntracked) out.untracked = true;
        }
        return {};
      }
      default: break;
    }
    const Expr& first = e.kind == Expr::Kind::range ? e.parts[0] : e;
    const Expr& last = e.kind == Expr::Kind::range ? e.parts[1] : e;
    const std::uint16_t low = DEMARC_TRY(number(k, first));
    const std::uint16_t high = DEMARC_TRY(number(k, last));
    if (high < low) return wrong(fmt::format("'{}' runs backwards", to_text(e)));
    out.numbers.push_back({Port(low), Port(high)});
    return {};
  }

  Result<void> address(const Known& k, const Expr& e, Values& out) const {
    const auto one = [&](const Expr& part) -> Result<Prefix> {
      const std::size_t slash = part.text.find('/');
      const std::optional<Address> a = parse_address(std::string_view(part.text).substr(0, slash));
      std::optional<std::uint64_t> length;
      if (a && slash != std::string::npos)
        length = netfilter::whole_number(std::string_view(part.text).substr(slash + 1), demarc::bits(a->family()));
      if (!a || part.kind != Expr::Kind::value || (slash != std::string::npos && !length) ||
          (k.domain.box.family && a->family() != *k.domain.box.family))
        return wrong(fmt::format("'{}' is no address for {}", to_text(part), k.text),
                     a ? "" : "names are not resolved");
      return Prefix::containing(*a, length ? static_cast<unsigned>(*length) : demarc::bits(a->family()));
    };
    if (e.kind == Expr::Kind::range) {
      const Prefix first = DEMARC_TRY(one(e.parts[0]));
      const Prefix last = DEMARC_TRY(one(e.parts[1]));
      if (last.last() < first.first()) return wrong(fmt::format("'{}' runs backwards", to_text(e)));
      out.addresses.push_back({first.first(), last.last()});
      return {};
    }
    const Prefix p = DEMARC_TRY(one(e));
    out.addresses.push_back({p.first(), p.last()});
    return {};
  }

  Result<void> interface(const Expr& e, Values& out) {
    if (e.kind != Expr::Kind::value && e.kind != Expr::Kind::quoted)
      return wrong(fmt::format("'{}' is no interface", to_text(e)));
    const std::optional<InterfaceId> id = around_.interfaces.id(e.text);
    if (!id) return wrong("more interfaces are named than can be told apart");
    out.interfaces.insert(*id);
    return {};
  }

  Result<std::uint16_t> number(const Known& k, const Expr& e) const {
    const std::string& word = e.text;
    const auto is_word = e.kind == Expr::Kind::value || e.kind == Expr::Kind::quoted;
    const auto not_a = [&](std::string_view kind, std::span<const std::string_view> names) {
      return wrong(fmt::format("'{}' is no {}", to_text(e), kind), suggest(word, names));
    };
    if (!is_word) return not_a("value", {});
    switch (k.field) {
      case Field::protocol:
      case Field::nexthdr:
        if (const std::optional<std::uint8_t> p = netfilter::protocol_number(word)) return *p;
        return not_a("protocol", netfilter::protocol_words());
      case Field::sport:
      case Field::dport:
        if (const std::optional<std::uint16_t> p = netfilter::port_number(word)) return *p;
        return not_a("port", netfilter::port_words());
      case Field::icmp_type:
      case Field::icmp_code: {
        if (const std::optional<std::uint64_t> n = netfilter::whole_number(word, 255))
          return static_cast<std::uint16_t>(*n);
        const Family family = *k.domain.box.family;
        const bool type = k.field == Field::icmp_type;
        if (const std::optional<std::uint8_t> n =
                type ? nft::icmp_type(family, word) : nft::icmp_code(family, word))
          return *n;
        return not_a(type ? "ICMP type" : "ICMP code", icmp_type_words(family));
      }
      case Field::nfproto:
        if (word == "ipv4" || word == "2") return std::uint16_t{4};
        if (word == "ipv6" || word == "10") return std::uint16_t{6};
        return not_a("family: ipv4 or ipv6", {});
      case Field::ethertype:
        if (word == "ip" || word == "2048" || word == "0x0800" || word == "8") return std::uint16_t{4};
        if (word == "ip6" || word == "34525" || word == "0x86dd") return std::uint16_t{6};
        return std::uint16_t{0};  // ARP, VLAN, ...: no IP packet
      case Field::fragment:
        if (word == "exists" || word == "true" || word == "1") return std::uint16_t{1};
        if (word == "missing" || word == "false" || word == "0") return std::uint16_t{0};
        return not_a("existence: exists or missing", {});
      case Field::source_type:
      case Field::destination_type: {
        constexpr std::string_view kTypes[] = {"unspec",    "unicast",   "local",       "broadcast", "anycast",
                                               "multicast", "blackhole", "unreachable", "prohibit"};
        for (std::uint16_t i = 0; i < std::size(kTypes); ++i)
          if (word == kTypes[i]) return i;
        return not_a("type of address", kTypes);
      }
      default: return not_a("value", {});
    }
  }

  Result<Key> bounded(const Known& k, std::string_view op, const Expr& right) {
    Key key;
    Values values;
    if (k.field == Field::saddr || k.field == Field::daddr) {
      DEMARC_TRY(address(k, right, values));
      const Family family = *k.domain.box.family;
      const AddressRange at = values.addresses[0];
      const Address least = Address::of(family, 0);
      const Address most = Address::of(family, family == Family::ipv4 ? Uint128{0xFFFFFFFF} : ~Uint128{0});
      values.addresses.clear();
      if (op == "<" && least < at.first)
        values.addresses.push_back({least, Address::of(family, at.first.number() - 1)});
      if (op == "<=") values.addresses.push_back({least, at.last});
      if (op == ">=") values.addresses.push_back({at.first, most});
      if (op == ">" && at.last < most)
        values.addresses.push_back({Address::of(family, at.last.number() + 1), most});
      if (!values.addresses.empty()) to_matches(k, values, key.matches);
      return key;
    }
    constexpr Field kNumbers[] = {Field::protocol, Field::sport, Field::dport, Field::icmp_type, Field::icmp_code};
    if (std::find(std::begin(kNumbers), std::end(kNumbers), k.field) == std::end(kNumbers))
      return wrong(fmt::format("'{}' is no comparison for {}", op, k.text));
    const std::uint16_t n = DEMARC_TRY(number(k, right));
    const unsigned most = k.field == Field::sport || k.field == Field::dport ? 65535 : 255;
    unsigned low = 0, high = most;
    if (op == "<") high = n == 0 ? most + 1 : n - 1U;
    if (op == "<=") high = n;
    if (op == ">") low = n + 1U;
    if (op == ">=") low = n;
    if (low > high || high > most) return key;
    values.numbers.push_back({Port(static_cast<std::uint16_t>(low)), Port(static_cast<std::uint16_t>(high))});
    to_matches(k, values, key.matches);
    return key;
  }

  static ByteSet bytes(const std::vector<PortRange>& ranges) {
    ByteSet set;
    for (const PortRange& r : ranges)
      for (unsigned n = r.first.number(); n <= r.last.number() && n < 256; ++n)
        set.insert(static_cast<std::uint8_t>(n));
    return set;
  }

  /// Nothing where there is no value: an empty field would be everything.
  void to_matches(const Known& k, const Values& v, Matches& out) {
    Match m;
    switch (k.field) {
      case Field::saddr:
      case Field::daddr:
        if (v.addresses.empty()) return;
        (k.field == Field::saddr ? m.box.sources : m.box.destinations) = AddressSet::of_ranges(v.addresses);
        break;
      case Field::protocol: m.box.protocols = ProtocolSet(bytes(v.numbers)); break;
      case Field::nexthdr: {
        // The header behind IPv6's own. Of a fragment, where it is not put together, that is the fragment header.
        const ByteSet numbers = bytes(v.numbers);
        if (numbers.contains(44)) {
          Match fragment;
          fragment.box.family = Family::ipv6;
          fragment.box.fragments = {Fragment::first, Fragment::middle, Fragment::last};
          out.push_back(std::move(fragment));
        }
        m.box.family = Family::ipv6;
        m.box.fragments = {Fragment::whole};
        m.box.protocols = ProtocolSet(numbers);
        break;
      }
      case Field::sport: m.box.source_ports = PortSet::of(v.numbers); break;
      case Field::dport: m.box.ports = PortSet::of(v.numbers); break;
      case Field::icmp_type: {
        std::vector<PortRange> ranges;
        for (const PortRange& r : v.numbers)
          ranges.push_back(
              {Port(static_cast<std::uint16_t>(r.first.number() << 8)),
               Port(static_cast<std::uint16_t>(std::min<unsigned>(r.last.number(), 255) << 8 | 0xFF))});
        m.box.icmp = IcmpSet::of_numbers(PortSet::of(std::move(ranges)));
        break;
      }
      case Field::icmp_code: {
        std::vector<PortRange> ranges;
        const ByteSet codes = bytes(v.numbers);
        for (unsigned n = 0; n < 65536; ++n)
          if (codes.contains(static_cast<std::uint8_t>(n & 0xFF)))
            ranges.push_back(PortRange::single(Port(static_cast<std::uint16_t>(n))));
        m.box.icmp = IcmpSet::of_numbers(PortSet::of(std::move(ranges)));
        break;
      }
      case Field::tcp_flags: m.box.flags = bytes(v.numbers); break;
      case Field::ct_state:
        if (v.states.empty()) return;
        m.box.states = v.states;
        break;
      case Field::iif: m.box.ingress = v.interfaces; break;
      case Field::oif: m.box.egress = v.interfaces; break;
      case Field::nfproto:
      case Field::ethertype:
        for (const auto& [number, family] : {std::pair{4, Family::ipv4}, std::pair{6, Family::ipv6}}) {
          if (!bytes(v.numbers).contains(static_cast<std::uint8_t>(number))) continue;
          Match one;
          one.box.family = family;
          out.push_back(std::move(one));
        }
        return;
      case Field::fragment: {
        const ByteSet wanted = bytes(v.numbers);
        m.box.family = Family::ipv6;
        m.box.fragments = {};
        if (wanted.contains(0)) m.box.fragments.insert(Fragment::whole);
        if (wanted.contains(1))
          for (const Fragment f : {Fragment::first, Fragment::middle, Fragment::last}) m.box.fragments.insert(f);
        break;
      }
      case Field::source_type:
      case Field::destination_type: return address_types(k, v, out);
      case Field::frag_off:
      case Field::open: return;
    }
    if (std::optional<Match> some = netfilter::meet(m, m)) out.push_back(std::move(*some));
  }

  void address_types(const Known& k, const Values& v, Matches& out) const {
    constexpr std::uint8_t kLocal = 2, kMulticast = 5;
    const ByteSet wanted = bytes(v.numbers);
    std::vector<AddressRange> ranges;
    const auto add = [&ranges](const Prefix& p) { ranges.push_back({p.first(), p.last()}); };
    if (wanted.contains(kMulticast)) {
      add(Prefix::containing(Address::ipv4(0xE0000000), 4));
      add(Prefix::containing(Address::ipv6(0xFF00000000000000, 0), 8));
    }
    if (wanted.contains(kLocal) && around_.own_addresses != nullptr) {
      add(Prefix::containing(Address::ipv4(0x7F000000), 8));
      add(Prefix::host(Address::ipv6(0, 1)));
      for (const Address& a : *around_.own_addresses) add(Prefix::host(a));
    }
    Match m;
    if (ranges.empty()) return;
    (k.field == Field::source_type ? m.box.sources : m.box.destinations) = AddressSet::of_ranges(std::move(ranges));
    out.push_back(std::move(m));
  }

  Surroundings around_;
  std::map<std::string, std::shared_ptr<const Key>> keys_;
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
