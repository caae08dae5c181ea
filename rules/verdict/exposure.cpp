// What answers and nobody approved, and what is approved and does not answer. One slice at a time: all that one
// standpoint found at one address, brought to the host's real address, against what was approved when it was
// measured.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "rules/net/app_protocol.h"
#include "rules/verdict/judging.h"
#include "rules/verdict/pieces.h"

namespace demarc {

namespace {

/// An address that answers on this many ports and on most of those asked answers for somebody else.
constexpr std::uint32_t kEverythingPortsMin = 1000;

class Exposure {
 public:
  explicit Exposure(Judging& j) : j_(j) { index_expectations(); }

  void run() {
    for (const Slice& slice : j_.reachable.slices)
      for (Piece& piece : pieces_of(j_, slice)) pieces_.push_back(std::move(piece));
    for (const Piece& piece : pieces_) learn(piece);
    for (const Piece& piece : pieces_) judge(piece);
    judge_wide();
  }

 private:
  const ScanRun& run_of(const Segment& s) const { return j_.snapshot.scans[s.run]; }
  const Outcome& outcome_of(const Segment& s) const { return run_of(s).outcomes[s.outcome]; }
  const Standpoint& standpoint(std::uint16_t index) const { return j_.reachable.standpoints[index]; }

  /// The address is the host's: as probed, as it is, or another of its cards.
  bool is_own(const Piece& piece, const Address& address) const {
    if (address == piece.probed || address == piece.real) return true;
    const Host* host = j_.rules.host_of(address);
    return host != nullptr && host == j_.rules.host_of(piece.real);
  }

  /// A UDP port that nobody listens on, by the host's own word. One that answers from another of its cards looked
  /// like a filter to the scanner.
  bool refuses_itself(const Piece& piece, const Outcome& o) const {
    return o.protocol == Protocol::udp && o.answer == Answer::icmp_port_unreachable && o.answered_by &&
           is_own(piece, *o.answered_by) && !is_witnessed_blocked(o);
  }
  static bool is_witnessed_blocked(const Outcome& o) { return o.passage == Passage::blocked && is_witnessed(o); }

  /// Nothing is open, and the probe has passed all the same: the host itself refused, or a witness saw it.
  bool has_passed_unanswered(const Piece& piece, const Outcome& o) const {
    if (o.doubt != Doubt::none && o.doubt != Doubt::no_canary && o.doubt != Doubt::icmp_rate_limited) return false;
    if (refuses_itself(piece, o)) return true;
    if (o.state == PortState::open || o.passage != Passage::passed) return false;
    return is_witnessed(o) || (o.answered_by && is_own(piece, *o.answered_by));
  }

  std::string who_says_so(const Piece& piece, const Outcome& o) const {
    return demarc::who_says_so(o, j_.ttls.of(piece.standpoint, o.target, o.protocol),
                               [this](const Address& a) { return j_.address_name(a); });
  }

  // --- First pass: who is alive, what was asked, what is open from anywhere
  // ------------------------------------------

  void learn(const Piece& piece) {
    Asked& asked = j_.asked[{piece.standpoint, piece.protocol, piece.real}];
    for (const Segment& s : piece.segments) {
      const ScanRun& run = run_of(s);
      const Outcome& o = outcome_of(s);
      const bool opens_unproven = o.state == PortState::open && !is_proven_open(o);
      const bool clear = is_conclusive(run, o) && !opens_unproven && o.answer != Answer::no_neighbour;
      const bool mute =
          is_mute(o) && (o.doubt == Doubt::none || o.doubt == Doubt::no_canary) && o.tries >= run.header.tries_max;
      append(clear ? asked.clear : mute ? asked.mute : asked.unclear, s.ports);
      if (o.passage == Passage::undetermined) append(asked.undetermined, s.ports);
      if (!is_witnessed(o)) append(asked.unwitnessed, s.ports);
      if (o.answer != Answer::silence && o.answer != Answer::no_neighbour && o.answer != Answer::local_refusal)
        asked.answered += s.ports.size();
      const bool from_itself = o.state == PortState::open || o.state == PortState::closed ||
                               o.answer == Answer::reply || (o.answered_by && is_own(piece, *o.answered_by));
      if (from_itself) j_.alive.insert(piece.real);
      j_.ttls.learn(piece.standpoint, o);
      if (is_proven_open(o) && s.ports.size() <= 64)
        for (std::uint32_t p = s.ports.first.number(); p <= s.ports.last.number(); ++p)
          open_anywhere_.insert(open_key(piece.real, piece.protocol, p));
    }
  }

  static void append(std::vector<PortRange>& list, PortRange ports) {
    if (!list.empty() && std::uint32_t{list.back().last.number()} + 1 == ports.first.number())
      list.back().last = ports.last;
    else
      list.push_back(ports);
  }

  static std::uint64_t open_key(const Address& a, Protocol protocol, std::uint32_t port) {
    return (static_cast<std::uint64_t>(std::hash<Address>()(a)) & ~0xFFFFFFULL) ^
           (std::uint64_t{protocol.number()} << 16) ^ port;
  }

  // --- What is expected where
  // -----------------------------------------------------------------------------------------

  /// Addresses that a rule names as hosts are expected to answer one by one; of a whole zone or prefix it is enough
  /// that somebody does.
  void index_expectations() {
    const RuleSet& rules = j_.rules;
    AddressSet zones;
    wide_.resize(rules.rules.size());
    for (std::uint32_t r = 0; r < rules.rules.size(); ++r) {
      const Rule& rule = rules.rules[r];
      if (rule.proposed) continue;
      if (!rule.expect.empty()) with_expect_.push_back(r);
      for (const AddressRange& range : rule.to.addresses.ranges()) {
        const bool single = range.first == range.last;
        // Neighbouring hosts become one range of the set: single addresses are looked up in the hosts, too.
        const Uint128 size = range.last.number() - range.first.number();
        if (single) {
          expected_[range.first].push_back(r);
        } else if (size < 64 && names_only_hosts(rule.to)) {
          for (Uint128 n = 0; n <= size; ++n)
            expected_[Address::of(range.first.family(), range.first.number() + n)].push_back(r);
        } else {
          wide_[r].is_wide = true;
        }
      }
    }
    for (std::uint32_t r = 0; r < rules.rules.size(); ++r)
      if (wide_[r].is_wide) wide_rules_.push_back(r);
  }

  bool names_only_hosts(const EndpointSet& set, int depth = 0) const {
    if (depth > 16) return false;
    for (const std::string& n : set.names) {
      if (j_.rules.zone(n) != nullptr || n.find('/') != std::string::npos) return false;
      if (j_.rules.host(n) != nullptr || n.find('.') != std::string::npos || n.find(':') != std::string::npos)
        continue;
      for (const Group& g : j_.rules.groups)
        if (g.name == n && !names_only_hosts(g.members, depth + 1)) return false;
    }
    return true;
  }

  std::optional<Expectation> expectation(const Rule& rule, std::uint16_t standpoint_index) const {
    if (rule.expect.empty()) return std::nullopt;
    const auto found = rule.expect.find(standpoint(standpoint_index).name);
    return found == rule.expect.end() ? std::nullopt : std::optional(found->second);
  }

  // --- Second pass
  // ----------------------------------------------------------------------------------------------------

  struct Permission {
    PortSet approved, forbidden;
  };

  Permission permission(const Piece& piece, const Documented& doc) const {
    const Address& source = standpoint(piece.standpoint).source_for(piece.real);
    Permission p;
    p.approved = doc.approved_ports(source, piece.real, piece.protocol);
    p.forbidden = doc.forbidden_ports(source, piece.real, piece.protocol);
    if (!piece.vip_members.empty()) {
      PortSet served;
      if (piece.vip != nullptr && !piece.vip->services.empty()) {
        for (const std::string& s : piece.vip->services)
          if (const Service* service = j_.rules.service(s))
            served = served.unite(service_ports(*service, piece.protocol));
      } else {
        served = PortSet::all();
      }
      for (const Address& member : piece.vip_members) {
        p.approved = p.approved.unite(doc.approved_ports(source, member, piece.protocol).intersect(served));
        p.forbidden = p.forbidden.unite(doc.forbidden_ports(source, member, piece.protocol));
      }
      p.approved = p.approved.minus(p.forbidden);
    }
    for (const std::uint32_t r : with_expect_) {
      const Rule& rule = j_.rules.rules[r];
      const std::optional<Expectation> e = expectation(rule, piece.standpoint);
      if (!e || !rule.to.addresses.contains(piece.real)) continue;
      const bool inside = rule.from.addresses.contains(source);
      if (*e == Expectation::open && !inside && doc.state(r).in_force()) {
        for (const std::uint32_t s : rule.services)
          p.approved = p.approved.unite(service_ports(j_.rules.services[s], piece.protocol).minus(p.forbidden));
      } else if (*e == Expectation::blocked && inside) {
        for (const std::uint32_t s : rule.services) {
          for (const PortSet ports = service_ports(j_.rules.services[s], piece.protocol);
               const PortRange& range : ports.ranges()) {
            const Judgement& verdict = doc.judge(packet(piece, range.first.number()));
            if (verdict.approved_by.size() == 1 && verdict.approved_by.front() == r &&
                verdict.approved_by_exception.empty())
              p.approved = p.approved.minus(PortSet{range});
          }
        }
      }
    }
    return p;
  }

  Packet packet(const Piece& piece, std::uint16_t number) const {
    Packet p;
    p.source = standpoint(piece.standpoint).source_for(piece.real);
    p.destination = piece.real;
    p.protocol = piece.protocol;
    if (piece.protocol.is_icmp())
      p.icmp = {static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number & 0xFF)};
    else
      p.port = Port{number};
    return p;
  }

  EvidencePlace place(const Segment& s) const {
    return {EvidencePlace::View::probe, j_.run_file_rank[s.run], outcome_of(s).record, s.run, s.outcome};
  }

  void note_draft(const DraftKey& key, const Piece& piece, const Segment& s, PortRange ports,
                  std::string detail = {}) {
    Draft& d = j_.drafts.at(key);
    d.add_port(ports);
    d.add_vantage(piece.standpoint);
    d.add_place(place(s));
    d.add_sample(packet(piece, ports.first.number()));
    ++d.records;
    if (!detail.empty() && (d.detail.empty() || detail < d.detail)) d.detail = std::move(detail);
  }

  DraftKey key(FindingKind kind, const Piece& piece) const {
    DraftKey k;
    k.kind = kind;
    k.from = zone_of_standpoint(piece.standpoint);
    k.to = j_.trust.zone_of(piece.real);
    k.protocol = piece.protocol;
    k.has_target = true;
    k.target = piece.real;
    return k;
  }

  ZoneIndex zone_of_standpoint(std::uint16_t index) const {
    const Zone* zone = j_.rules.zone(standpoint(index).zone);
    return zone == nullptr ? j_.trust.zone_of(standpoint(index).address)
                           : static_cast<ZoneIndex>(zone - j_.rules.zones.data());
  }

  void judge(const Piece& piece) {
    const ZoneIndex from = zone_of_standpoint(piece.standpoint), to = j_.trust.zone_of(piece.real);
    const bool crosses_nothing =
        from == to && j_.trust.intra_allowed(to) &&
        j_.trust.same_subnet(standpoint(piece.standpoint).source_for(piece.real), piece.real, to);

    // What was measured under one state of the rule set is judged together.
    std::vector<std::pair<std::size_t, std::vector<const Segment*>>> by_epoch;
    for (const Segment& s : piece.segments) {
      const std::size_t epoch = j_.documented.epoch_of(measured_at(run_of(s), outcome_of(s)));
      auto it = std::find_if(by_epoch.begin(), by_epoch.end(), [&](const auto& e) { return e.first == epoch; });
      if (it == by_epoch.end()) it = by_epoch.insert(by_epoch.end(), {epoch, {}});
      it->second.push_back(&s);
    }
    std::uint32_t opens = 0, asked = 0;
    bool doubtful_opens = false;
    for (const Segment& s : piece.segments) {
      const Outcome& o = outcome_of(s);
      asked += s.ports.size();
      if (o.state == PortState::open && o.doubt == Doubt::answers_everything) doubtful_opens = true;
      if (is_proven_open(o)) opens += s.ports.size();
    }
    const bool everything = doubtful_opens || (opens >= kEverythingPortsMin && opens * 2 >= asked);
    for (const auto& [epoch, segments] : by_epoch) {
      const Documented& doc =
          j_.documented.at(measured_at(run_of(*segments.front()), outcome_of(*segments.front())));
      const Permission allowed = permission(piece, doc);
      if (everything) {
        for (const Segment* s : segments)
          if (outcome_of(*s).state == PortState::open)
            note_draft(key(FindingKind::answers_everything, piece), piece, *s, s->ports,
                       who_answers_everything(piece, *s));
      } else if (!crosses_nothing) {
        for (const Segment* s : segments) judge_answer(piece, *s, doc, allowed);
      }
      if (!everything) expect_answers(piece, doc, allowed);
    }
    if (everything) everything_.push_back(&piece);
  }

  /// What the scan found in the host's place: by name, or by the distance of its answers.
  std::string who_answers_everything(const Piece& piece, const Segment& s) const {
    const Outcome& o = outcome_of(s);
    if (std::string note = note_about_proxy(run_of(s), piece.probed); !note.empty())
      return fmt::format("the scan from {} says: {}", standpoint(piece.standpoint).name, note);
    const auto beside = j_.ttls.beside(piece.standpoint, o.target, o.protocol);
    if (o.ttl < 0 || !beside || o.ttl == *beside) return {};
    return fmt::format("its handshakes come with TTL {}, the host's other answers with {}", o.ttl, *beside);
  }

  void judge_answer(const Piece& piece, const Segment& s, const Documented& doc, const Permission& allowed) {
    const Outcome& o = outcome_of(s);
    const bool open = is_proven_open(o);
    if (!open && !has_passed_unanswered(piece, o)) return;
    // How a passage without an answer was proven.
    const std::string proof = !open && is_witnessed(o) ? "a witness saw the probe arrive" : "";
    const PortSet here{s.ports};
    if (open) {
      for (const PortSet fine = here.intersect(allowed.approved); const PortRange& range : fine.ranges())
        for (std::uint32_t p = range.first.number(); p <= range.last.number(); ++p)
          approved_open(piece, s, doc, static_cast<std::uint16_t>(p));
      note_unknown_host(piece, s);
    }
    for (const PortSet left = here.minus(allowed.approved); const PortRange& range : left.ranges()) {
      for (std::uint32_t p = range.first.number(); p <= range.last.number(); ++p) {
        const auto number = static_cast<std::uint16_t>(p);
        const PortRange one = PortRange::single(Port{number});
        DraftKey k = key(open ? FindingKind::exposed_undocumented : FindingKind::passed_undocumented, piece);
        k.service = j_.names.find(piece.protocol, number);
        k.cause = Cause::no_rule;
        const Judgement verdict = judge_through(piece, doc, number);
        if (!verdict.forbidden_by.empty() || allowed.forbidden.contains(Port{number})) {
          if (open) k.kind = FindingKind::exposed_forbidden;
          if (const auto worst = worst_forbidden(j_.rules, verdict.forbidden_by))
            k.rule = {RuleRef::Kind::forbidden, *worst};
          k.cause = Cause::none;
          std::string lapsed;
          for (const std::uint32_t x : verdict.exceptions_not_in_force) {
            const Exception& exception = j_.rules.exceptions[x];
            j_.cited_rules.insert(exception.rule.id);
            lapsed += fmt::format("{}exception {} would lift it, but its state is: {}", lapsed.empty() ? "" : "; ",
                                  exception.rule.id, doc.exception_state(x).words);
          }
          note_draft(k, piece, s, one, open ? std::move(lapsed) : proof);
          continue;
        } else if (verdict.approved) {
          k.cause = Cause::expected_blocked;  // approved from here in general, and `expect` says otherwise for this
                                              // vantage point
          if (!verdict.approved_by.empty()) k.rule = {RuleRef::Kind::rule, verdict.approved_by.front()};
        } else if (!verdict.not_in_force.empty()) {
          k.cause = Cause::rule_not_in_force;
          k.rule = {RuleRef::Kind::rule, verdict.not_in_force.front()};
        } else if (!verdict.exceptions_not_in_force.empty()) {
          k.cause = Cause::exception_not_in_force;
          k.rule = {RuleRef::Kind::exception, verdict.exceptions_not_in_force.front()};
        }
        note_draft(k, piece, s, one, proof);
      }
    }
  }

  /// What the rule set says of the host, or of the members behind a virtual address.
  Judgement judge_through(const Piece& piece, const Documented& doc, std::uint16_t number) const {
    Judgement verdict = doc.judge(packet(piece, number));
    for (const Address& member : piece.vip_members) {
      Packet p = packet(piece, number);
      p.destination = member;
      const Judgement& other = doc.judge(p);
      const auto join = [](std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
        a.insert(a.end(), b.begin(), b.end());
        std::sort(a.begin(), a.end());
        a.erase(std::unique(a.begin(), a.end()), a.end());
      };
      join(verdict.forbidden_by, other.forbidden_by);
      join(verdict.approved_by, other.approved_by);
      join(verdict.approved_by_exception, other.approved_by_exception);
      join(verdict.not_in_force, other.not_in_force);
      join(verdict.exceptions_not_in_force, other.exceptions_not_in_force);
      verdict.approved = verdict.approved || other.approved;
    }
    return verdict;
  }

  void approved_open(const Piece& piece, const Segment& s, const Documented& doc, std::uint16_t number) {
    const Judgement verdict = judge_through(piece, doc, number);
    const ZoneIndex from = zone_of_standpoint(piece.standpoint), to = j_.trust.zone_of(piece.real);
    const ServiceSeen* seen =
        outcome_of(s).service == kNoService ? nullptr : &run_of(s).services[outcome_of(s).service];
    bool any_may = false;
    std::string expected;
    std::optional<RuleRef> rule_ref;
    const auto consider = [&](const Rule& rule, RuleRef ref) {
      for (const std::uint32_t index : rule.services) {
        const Service& service = j_.rules.services[index];
        if (!service_has(service, piece.protocol, number)) continue;
        CellFacts& cell = j_.cell(from, to, index);
        cell.reachable = cell.asked = true;
        if (service.speaks.empty() || seen == nullptr || seen->name.empty() ||
            satisfies(seen->name, seen->tls_inside, service.speaks)) {
          any_may = true;
        } else if (!rule_ref) {
          rule_ref = ref;
          expected = service.speaks;
        }
      }
    };
    for (const std::uint32_t r : verdict.approved_by) {
      RuleFacts::mark(j_.facts[r].open, piece.standpoint);
      if (wide_[r].is_wide) wide_[r].open = true;
      consider(j_.rules.rules[r], {RuleRef::Kind::rule, r});
    }
    for (const std::uint32_t x : verdict.approved_by_exception)
      consider(j_.rules.exceptions[x].rule, {RuleRef::Kind::exception, x});
    for (const std::uint32_t r : with_expect_) {
      const Rule& rule = j_.rules.rules[r];
      if (expectation(rule, piece.standpoint) == Expectation::open && rule.to.addresses.contains(piece.real)) {
        const bool has = std::any_of(rule.services.begin(), rule.services.end(), [&](std::uint32_t i) {
          return service_has(j_.rules.services[i], piece.protocol, number);
        });
        if (!has) continue;
        RuleFacts::mark(j_.facts[r].open, piece.standpoint);
        consider(rule, {RuleRef::Kind::rule, r});
      }
    }
    if (seen == nullptr || any_may || !rule_ref) return;
    DraftKey k = key(FindingKind::service_mismatch, piece);
    k.rule = *rule_ref;
    k.service = j_.names.find(piece.protocol, number);
    std::string what = seen->name;
    if (!seen->tls_inside.empty()) what += " with " + seen->tls_inside + " inside";
    if (!seen->product.empty()) what += " (" + seen->product + ")";
    note_draft(k, piece, s, PortRange::single(Port{number}),
               fmt::format("{} answers where {} is approved", what, expected));
  }

  void note_unknown_host(const Piece& piece, const Segment& s) {
    if (!j_.trust.is_watched(j_.trust.zone_of(piece.real)) || !piece.vip_members.empty() ||
        piece.real != piece.probed)
      return;
    if (!j_.rules.name_of(piece.real).empty() || is_face(piece.real)) return;
    DraftKey k = key(FindingKind::host_undocumented, piece);
    k.from = kNoZone;
    k.protocol = Protocol();
    k.cause = Cause::host_unknown;
    Draft& d = j_.drafts.at(k);  // the ports are other findings' business
    d.add_vantage(piece.standpoint);
    d.add_place(place(s));
    d.add_sample(packet(piece, s.ports.first.number()));
    ++d.records;
    constexpr std::string_view kWhy = "it answers probes";
    if (d.detail.empty() || kWhy < d.detail) d.detail = std::string(kWhy);
  }

  bool is_face(const Address& address) const {
    return std::any_of(j_.rules.translations.begin(), j_.rules.translations.end(),
                       [&](const Translation& t) { return t.seen_as == address; }) ||
           std::any_of(j_.rules.source_translations.begin(), j_.rules.source_translations.end(),
                       [&](const SourceTranslation& t) { return t.seen_as == address; });
  }

  // --- Approved, and how it answers
  // -----------------------------------------------------------------------------------

  /// The order is that of a choice: the best answer of a range of ports speaks for all of it.
  enum class Answered : std::uint8_t {
    not_asked,
    blocked,
    unanswered,  // it arrived, by a witness, and what has to answer did not
    closed,
    unproven,
    arrived,  // likewise, and nothing has to answer: UDP
    open
  };

  Answered read(const Piece& piece, const Segment& s) const {
    const ScanRun& run = run_of(s);
    const Outcome& o = outcome_of(s);
    if (is_proven_open(o)) return Answered::open;
    if (!is_conclusive(run, o) || o.answer == Answer::no_neighbour || o.state == PortState::open)
      return Answered::unproven;
    if (refuses_itself(piece, o)) return Answered::closed;
    // A refusal that names who refuses, a reset that came from another distance than the host, a witness that saw
    // nothing.
    if (o.passage == Passage::blocked) return Answered::blocked;
    if (o.state == PortState::closed) return Answered::closed;
    if (o.passage == Passage::passed) return o.protocol == Protocol::udp ? Answered::arrived : Answered::unanswered;
    // Silence is a filter's only if the host was there to answer.
    if (o.answer == Answer::silence && o.state == PortState::filtered && j_.alive.contains(piece.real))
      return Answered::blocked;
    return Answered::unproven;
  }

  /// Why an approved port does not get through.
  std::string why_blocked(const Piece& piece, const Outcome& o, Answered how) const {
    std::string text = how == Answered::unanswered
                           ? "a witness saw the probe arrive, and no answer came back: the host drops it, or its "
                             "answer is blocked"
                           : who_says_so(piece, o);
    if (text.empty()) text = "no answer to any try, while the host answers elsewhere";
    if (const std::string where = where_it_stops(o, [this](const Address& a) { return j_.address_name(a); });
        !where.empty())
      text += "; the way " + where;
    return text;
  }

  void expect_answers(const Piece& piece, const Documented& doc, const Permission& allowed) {
    expect_of(piece, piece.real, doc, allowed);
    for (const Address& member : piece.vip_members) expect_of(piece, member, doc, allowed);
    for (const std::uint32_t r : wide_rules_) expect_wide(piece, r, doc, allowed);
  }

  void expect_of(const Piece& piece, const Address& host, const Documented& doc, const Permission& allowed) {
    const auto found = expected_.find(host);
    if (found == expected_.end()) return;
    const Address& source = standpoint(piece.standpoint).source_for(piece.real);
    for (const std::uint32_t r : found->second) {
      const Rule& rule = j_.rules.rules[r];
      const std::optional<Expectation> e = expectation(rule, piece.standpoint);
      if (e ? *e == Expectation::blocked : !rule.from.addresses.contains(source)) continue;
      if (!doc.state(r).in_force()) continue;
      for (const std::uint32_t index : rule.services) {
        const Service& service = j_.rules.services[index];
        if (service.all) continue;
        for (const PortSet ports = service_ports(service, piece.protocol); const PortRange& range : ports.ranges())
          expect_range(piece, r, index, range, allowed);
      }
    }
  }

  void expect_range(const Piece& piece, std::uint32_t r, std::uint32_t service, PortRange range,
                    const Permission& allowed) {
    if (!allowed.approved.contains(range.first)) return;  // a forbidden entry has it
    // A range is a choice of ports: one of them that answers is enough, and the best answer speaks for all.
    Answered best = Answered::not_asked;
    const Segment* shown = nullptr;
    auto it = std::upper_bound(piece.segments.begin(), piece.segments.end(), range.first,
                               [](Port p, const Segment& s) { return p < s.ports.first; });
    if (it != piece.segments.begin()) --it;
    for (; it != piece.segments.end() && it->ports.first <= range.last; ++it) {
      if (it->ports.last < range.first) continue;
      const Answered a = read(piece, *it);
      if (a > best) {
        best = a;
        shown = &*it;
      }
    }
    if (shown == nullptr) return;
    RuleFacts& facts = j_.facts[r];
    CellFacts& cell = j_.cell(zone_of_standpoint(piece.standpoint), j_.trust.zone_of(piece.real), service);
    cell.asked = cell.asked || best != Answered::unproven;
    if (is_witnessed(outcome_of(*shown))) RuleFacts::mark(facts.witnessed, piece.standpoint);
    switch (best) {
      case Answered::open: return;  // marked where it was judged
      case Answered::not_asked: return;
      case Answered::unproven: RuleFacts::mark(facts.unproven, piece.standpoint); return;
      case Answered::arrived:
        RuleFacts::mark(facts.arrived, piece.standpoint);
        cell.reachable = true;
        return;
      case Answered::unanswered:
      case Answered::blocked: {
        RuleFacts::mark(facts.blocked, piece.standpoint);
        DraftKey k = key(FindingKind::approved_unreachable, piece);
        k.rule = {RuleRef::Kind::rule, r};
        k.service = j_.names.find(piece.protocol, range.first.number());
        note_draft(k, piece, *shown, range, why_blocked(piece, outcome_of(*shown), best));
        return;
      }
      case Answered::closed: {
        if (!piece.vip_members.empty()) {
          RuleFacts::mark(facts.unproven, piece.standpoint);
          vip_closed_.insert(piece.real);
          return;
        }
        const bool open_elsewhere =
            open_anywhere_.contains(open_key(piece.real, piece.protocol, range.first.number()));
        RuleFacts::mark(open_elsewhere ? facts.blocked : facts.closed, piece.standpoint);
        DraftKey k =
            key(open_elsewhere ? FindingKind::approved_unreachable : FindingKind::approved_not_listening, piece);
        if (!open_elsewhere) k.from = kNoZone;  // nothing listens for anybody: one cause
        k.rule = {RuleRef::Kind::rule, r};
        k.service = j_.names.find(piece.protocol, range.first.number());
        const Outcome& o = outcome_of(*shown);
        const bool own_word = has_passed_unanswered(piece, o);
        std::string detail;
        if (open_elsewhere && own_word)
          detail = "the host itself refuses here what it answers elsewhere: its own filter";
        else if (open_elsewhere)
          detail = "reset on the way: the port is open from elsewhere";
        else if (o.protocol == Protocol::udp)
          detail = "the host itself says that nobody listens (port unreachable)";
        else if (!own_word)
          detail = "a reset, whose sender a connect scan cannot know";
        note_draft(k, piece, *shown, range, std::move(detail));
        return;
      }
    }
  }

  /// A rule to a whole zone or prefix: not every address has to answer, but somebody should.
  void expect_wide(const Piece& piece, std::uint32_t r, const Documented& doc, const Permission& allowed) {
    const Rule& rule = j_.rules.rules[r];
    if (wide_[r].open || !rule.to.addresses.contains(piece.real) || !j_.alive.contains(piece.real)) return;
    const std::optional<Expectation> e = expectation(rule, piece.standpoint);
    if (e ? *e == Expectation::blocked
          : !rule.from.addresses.contains(standpoint(piece.standpoint).source_for(piece.real)))
      return;
    if (!doc.state(r).in_force()) return;
    for (const std::uint32_t index : rule.services) {
      const PortSet ports = service_ports(j_.rules.services[index], piece.protocol).intersect(allowed.approved);
      if (ports.empty() || j_.rules.services[index].all) continue;
      for (const Segment& s : piece.segments) {
        if (!ports.overlaps(PortSet{s.ports})) continue;
        const Answered a = read(piece, s);
        if (is_witnessed(outcome_of(s))) RuleFacts::mark(j_.facts[r].witnessed, piece.standpoint);
        if (a == Answered::arrived) {
          RuleFacts::mark(j_.facts[r].arrived, piece.standpoint);
          CellFacts& cell = j_.cell(zone_of_standpoint(piece.standpoint), j_.trust.zone_of(piece.real), index);
          cell.asked = cell.reachable = true;
        } else if (a == Answered::closed) {
          RuleFacts::mark(j_.facts[r].closed, piece.standpoint);
          if (wide_[r].closed_piece == nullptr)
            wide_[r] = {true, wide_[r].open, &piece, &s, ports.intersect(PortSet{s.ports}).ranges().front()};
        } else if (a == Answered::blocked || a == Answered::unanswered) {
          RuleFacts::mark(j_.facts[r].blocked, piece.standpoint);
        } else if (a == Answered::unproven) {
          RuleFacts::mark(j_.facts[r].unproven, piece.standpoint);
        }
      }
    }
  }

  void judge_wide() {
    for (const std::uint32_t r : wide_rules_) {
      const Wide& w = wide_[r];
      if (w.open || w.closed_piece == nullptr || !j_.facts[r].open.empty() || !j_.facts[r].arrived.empty())
        continue;
      DraftKey k = key(FindingKind::approved_not_listening, *w.closed_piece);
      k.from = kNoZone;
      k.has_target = false;
      k.target = Address();
      k.rule = {RuleRef::Kind::rule, r};
      k.service = j_.names.find(w.closed_piece->protocol, w.ports.first.number());
      note_draft(k, *w.closed_piece, *w.segment, w.ports, "no address that the rule names answers");
    }
    std::set<std::string> everything;
    for (const Piece* piece : everything_)
      if (std::none_of(piece->segments.begin(), piece->segments.end(),
                       [&](const Segment& s) { return outcome_of(s).doubt == Doubt::answers_everything; }))
        everything.insert(fmt::format("what {} offers to {} cannot be told: it answers on every port",
                                      j_.address_name(piece->real), standpoint(piece->standpoint).name));
    for (const std::string& title : everything)
      j_.add_gap({title,
                  "Something in front of it completes every handshake.",
                  "Scan from behind the device that answers, or take the configuration as evidence.",
                  {},
                  {},
                  {},
                  std::nullopt,
                  {},
                  {}});
    std::vector<std::string> vips;
    for (const Address& a : vip_closed_) vips.push_back(j_.address_name(a));
    std::sort(vips.begin(), vips.end());
    for (const std::string& vip : vips)
      j_.add_gap({fmt::format("{} resets an approved service, and a virtual address does not say why", vip),
                  "Whether the pool is down or nothing listens cannot be told from outside.",
                  "Ask the members themselves, from a vantage point behind the load balancer.",
                  {},
                  {},
                  vip,
                  std::nullopt,
                  {},
                  {}});
  }

  struct Wide {
    bool is_wide = false, open = false;
    const Piece* closed_piece = nullptr;
    const Segment* segment = nullptr;
    PortRange ports{};
  };

  Judging& j_;
  std::vector<Piece> pieces_;
  std::vector<const Piece*> everything_;
  std::unordered_map<Address, std::vector<std::uint32_t>> expected_;
  std::vector<Wide> wide_;
  std::vector<std::uint32_t> wide_rules_, with_expect_;
  std::unordered_set<std::uint64_t> open_anywhere_;
  std::unordered_set<Address> vip_closed_;
};

}  // namespace

void judge_exposure(Judging& j) { Exposure(j).run(); }

}  // namespace demarc
