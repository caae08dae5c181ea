#include "rules/verdict/expected.h"

#include <fmt/format.h>

#include <algorithm>

namespace demarc {

Expected::Expected(Judging& j) : Probed(j) { index_expectations(); }

void Expected::note_open(const Piece& piece, PortRange ports) {
  if (ports.size() > 64) return;
  for (std::uint32_t p = ports.first.number(); p <= ports.last.number(); ++p)
    open_anywhere_.insert(open_key(piece.real, piece.protocol, p));
}

void Expected::note_answered(std::uint32_t rule) {
  if (wide_[rule].is_wide) wide_[rule].open = true;
}

std::vector<std::uint32_t> Expected::expected_open(const Piece& piece, std::uint16_t number) const {
  std::vector<std::uint32_t> out;
  for (const std::uint32_t r : with_expect_) {
    const Rule& rule = j_.rules.rules[r];
    if (expectation(rule, piece.standpoint) != Expectation::open || !rule.to.addresses.contains(piece.real))
      continue;
    if (std::any_of(rule.services.begin(), rule.services.end(),
                    [&](std::uint32_t i) { return service_has(j_.rules.services[i], piece.protocol, number); }))
      out.push_back(r);
  }
  return out;
}

/// Addresses that a rule names as hosts are expected to answer one by one; of a whole zone or prefix it is enough
/// that somebody does.
void Expected::index_expectations() {
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

bool Expected::names_only_hosts(const EndpointSet& set, int depth) const {
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

std::optional<Expectation> Expected::expectation(const Rule& rule, std::uint16_t standpoint_index) const {
  if (rule.expect.empty()) return std::nullopt;
  const auto found = rule.expect.find(standpoint(standpoint_index).name);
  return found == rule.expect.end() ? std::nullopt : std::optional(found->second);
}

Permission Expected::permission(const Piece& piece, const Documented& doc) const {
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

std::uint64_t Expected::open_key(const Address& a, Protocol protocol, std::uint32_t port) {
  return (static_cast<std::uint64_t>(std::hash<Address>()(a)) & ~0xFFFFFFULL) ^
         (std::uint64_t{protocol.number()} << 16) ^ port;
}

Expected::Answered Expected::read(const Piece& piece, const Segment& s) const {
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
  if (o.passage == Passage::passed)
    return o.protocol == Protocol::udp && o.answer == Answer::silence ? Answered::arrived : Answered::unanswered;
  // Silence is a filter's only if the host was there to answer.
  if (o.answer == Answer::silence && o.state == PortState::filtered && j_.alive.contains(piece.real))
    return Answered::blocked;
  return Answered::unproven;
}

/// Why an approved port does not get through.
std::string Expected::why_blocked(const Piece& piece, const Outcome& o, Answered how) const {
  std::string text = who_says_so(piece, o);
  if (how == Answered::unanswered)
    text += o.answer == Answer::silence
                ? ", and no answer came back: the host drops it, or its answer is blocked"
                : fmt::format(", and it was refused behind that point ({})", name(o.answer));
  if (text.empty()) text = "no answer to any try, while the host answers elsewhere";
  if (const std::string where = where_it_stops(o, [this](const Address& a) { return j_.address_name(a); });
      !where.empty())
    text += "; the way " + where;
  return text;
}

void Expected::answers(const Piece& piece, const Documented& doc, const Permission& allowed) {
  expect_of(piece, piece.real, doc, allowed);
  for (const Address& member : piece.vip_members) expect_of(piece, member, doc, allowed);
  for (const std::uint32_t r : wide_rules_) expect_wide(piece, r, doc, allowed);
}

void Expected::expect_of(const Piece& piece, const Address& host, const Documented& doc,
                         const Permission& allowed) {
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

void Expected::expect_range(const Piece& piece, std::uint32_t r, std::uint32_t service, PortRange range,
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
void Expected::expect_wide(const Piece& piece, std::uint32_t r, const Documented& doc, const Permission& allowed) {
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
        if (wide_[r].closed_piece == nullptr) {
          wide_[r].closed_piece = &piece;
          wide_[r].segment = &s;
          wide_[r].ports = ports.intersect(PortSet{s.ports}).ranges().front();
        }
      } else if (a == Answered::blocked || a == Answered::unanswered) {
        RuleFacts::mark(j_.facts[r].blocked, piece.standpoint);
      } else if (a == Answered::unproven) {
        RuleFacts::mark(j_.facts[r].unproven, piece.standpoint);
        wide_[r].undecided.insert(piece.protocol);
      }
    }
  }
}

void Expected::finish() {
  for (const std::uint32_t r : wide_rules_) {
    const Wide& w = wide_[r];
    if (w.open || w.closed_piece == nullptr || !j_.facts[r].open.empty() || !j_.facts[r].arrived.empty()) continue;
    // Somebody who did not answer clearly may be the one who listens.
    if (w.undecided.contains(w.closed_piece->protocol)) continue;
    DraftKey k = key(FindingKind::approved_not_listening, *w.closed_piece);
    k.from = kNoZone;
    k.has_target = false;
    k.target = Address();
    k.rule = {RuleRef::Kind::rule, r};
    k.service = j_.names.find(w.closed_piece->protocol, w.ports.first.number());
    note_draft(k, *w.closed_piece, *w.segment, w.ports, "no address that the rule names answers");
  }
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

}  // namespace demarc
