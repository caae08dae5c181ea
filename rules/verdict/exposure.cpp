// What answers, or could be reached, and nobody approved. One slice at a time: all that one standpoint found at one
// address, brought to the host's real address, against what was approved when it was measured. What is approved and
// does not answer is expected.cpp's.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "rules/net/app_protocol.h"
#include "rules/verdict/expected.h"
#include "rules/verdict/flow_judge.h"

namespace demarc {

namespace {

/// An address that answers on this many ports and on most of those asked answers for somebody else.
constexpr std::uint32_t kEverythingPortsMin = 1000;

class Exposure : private Probed {
 public:
  explicit Exposure(Judging& j) : Probed(j), expected_(j) {}

  void run() {
    for (const Slice& slice : j_.reachable.slices)
      for (Piece& piece : pieces_of(j_, slice)) pieces_.push_back(std::move(piece));
    for (const Piece& piece : pieces_) learn(piece);
    for (const Piece& piece : pieces_) judge(piece);
    expected_.finish();
    name_everything();
  }

 private:
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
      if (from_itself && !is_witnessed_blocked(o)) j_.alive.insert(piece.real);
      j_.ttls.learn(piece.standpoint, o);
      if (is_proven_open(o)) expected_.note_open(piece, s.ports);
    }
  }

  static void append(std::vector<PortRange>& list, PortRange ports) {
    if (!list.empty() && std::uint32_t{list.back().last.number()} + 1 == ports.first.number())
      list.back().last = ports.last;
    else
      list.push_back(ports);
  }

  // --- Second pass
  // ----------------------------------------------------------------------------------------------------

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
      const Permission allowed = expected_.permission(piece, doc);
      if (everything) {
        for (const Segment* s : segments)
          if (outcome_of(*s).state == PortState::open)
            note_draft(key(FindingKind::answers_everything, piece), piece, *s, s->ports,
                       who_answers_everything(piece, *s));
      } else if (!crosses_nothing) {
        for (const Segment* s : segments) judge_answer(piece, *s, doc, allowed);
      }
      if (!everything) expected_.answers(piece, doc, allowed);
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
    const std::string proof = !open && is_witnessed(o) ? who_says_so(piece, o) : "";
    const PortSet here{s.ports};
    if (open) {
      for (const PortSet fine = here.intersect(allowed.approved); const PortRange& range : fine.ranges())
        for (std::uint32_t p = range.first.number(); p <= range.last.number(); ++p)
          approved_open(piece, s, doc, static_cast<std::uint16_t>(p));
    }
    // A witness knows that the probe arrived, not that somebody was there.
    if (open || !is_witnessed(o)) note_unknown_host(piece, s);
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
      expected_.note_answered(r);
      consider(j_.rules.rules[r], {RuleRef::Kind::rule, r});
    }
    for (const std::uint32_t x : verdict.approved_by_exception)
      consider(j_.rules.exceptions[x].rule, {RuleRef::Kind::exception, x});
    for (const std::uint32_t r : expected_.expected_open(piece, number)) {
      RuleFacts::mark(j_.facts[r].open, piece.standpoint);
      consider(j_.rules.rules[r], {RuleRef::Kind::rule, r});
    }
    if (seen == nullptr || any_may || !rule_ref) return;
    DraftKey k = key(FindingKind::service_mismatch, piece);
    k.rule = *rule_ref;
    k.service = j_.names.find(piece.protocol, number);
    note_draft(k, piece, s, PortRange::single(Port{number}), mismatch_words(*seen, expected));
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

  void name_everything() {
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
  }

  std::vector<Piece> pieces_;
  std::vector<const Piece*> everything_;
  Expected expected_;
};

}  // namespace

void judge_exposure(Judging& j) { Exposure(j).run(); }

}  // namespace demarc
