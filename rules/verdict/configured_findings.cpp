// One pair of zones: what its filters let through beyond what is approved, and what they stop of it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "rules/policy/catalogue.h"
#include "rules/text/number.h"
#include "rules/verdict/configured.h"
#include "rules/verdict/judging.h"

namespace demarc {

namespace {

/// Lines of one pair that are told one by one; the rest is one finding.
constexpr std::size_t kLinesMax = 200;
/// A line is broad if of what it permits at most one packet in so many is approved.
constexpr unsigned kBroadBits = 4;  // 16
/// What clients use as their own port.
const PortSet kClientPorts{{Port{1024}, Port{65535}}};

Severity forbidden_or(Severity otherwise, bool forbidden) { return forbidden ? Severity::high : otherwise; }

/// A rule or an exception in force.
struct Approving {
  const Rule* rule = nullptr;
  std::uint32_t index = 0;  // into ConfiguredView::rules
};

class PairJudge {
 public:
  PairJudge(Judging& j, ConfiguredView& view, PairView& pair)
      : j_(j),
        view_(view),
        pair_(pair),
        path_(*pair.sets),
        in_(*pair.in),
        space_(in_.space),
        from_(j.rules.zones[pair.path.from]),
        to_(j.rules.zones[pair.path.to]) {}

  void run() {
    stateless_ = any_stateless(pair_);
    judge_alternatives();
    if (pair_.path.from != pair_.path.to || !from_.intra_allowed) judge_permitted();
    judge_rules();
    judge_undetermined();
    judge_icmpv6();
    fill_cells();
    coverage();
  }

 private:
  std::string pair_words() const { return fmt::format("{} to {}", from_.name, to_.name); }
  std::string pair_name() const { return fmt::format("{} > {}", from_.name, to_.name); }
  const BoundDevice& device(std::uint32_t index) const { return view_.binding.devices[index]; }

  Finding finding(FindingKind kind) const {
    Finding f;
    f.kind = kind;
    f.severity = default_severity(kind);
    f.from_zone = from_.name;
    f.to_zone = to_.name;
    return f;
  }
  void add(Finding f) {
    if (f.remedy.empty()) f.remedy = default_remedy(f.kind);
    j_.verdict.findings.push_back(std::move(f));
  }
  /// With lines of configurations as its remedy.
  void add(Finding f, WantedChange::Kind kind, std::vector<LineKey> lines, PacketSet packets = {},
           const PairView* pair = nullptr) {
    if (!lines.empty())
      view_.changes.push_back({kind, j_.verdict.findings.size(), std::move(lines), pair == nullptr ? &pair_ : pair,
                               std::move(packets)});
    add(std::move(f));
  }
  /// One protocol, its ports and its name, where the packets have one.
  void describe_packets(Finding& f, const PacketSet& packets) const {
    if (const std::optional<ConcretePacket> sample = packets.sample()) f.sample = sample->packet;
    const Cover cover = packets.forget({Field::flags, Field::state, Field::fragment}).cover(16);
    std::optional<Protocol> one;
    std::vector<PortRange> ports;
    for (const Box& box : cover.boxes) {
      for (unsigned n = 0; n < 256; ++n) {
        const Protocol p{static_cast<std::uint8_t>(n)};
        if (!box.protocols.contains(p)) continue;
        if (one && *one != p) return;
        one = p;
      }
      ports.insert(ports.end(), box.ports.ranges().begin(), box.ports.ranges().end());
    }
    if (!one || !cover.complete()) return;
    f.protocol = one;
    if (!one->has_ports()) return;
    f.ports = PortSet::of(std::move(ports));
    if (const std::optional<Port> port = f.ports.only())
      f.service = j_.names.name(j_.names.find(*one, port->number()));
    if (f.ports == PortSet::all()) f.ports = PortSet();
  }

  static bool any_stateless(const Hop& hop, const ConfiguredView& view) {
    return std::any_of(hop.alternatives.begin(), hop.alternatives.end(), [&](const Alternative& a) {
      const BoundDevice& d = view.binding.devices[a.device];
      return d.device != nullptr && !d.stateful;
    });
  }
  bool any_stateless(const PairView& pair) const {
    return std::any_of(pair.path.hops.begin(), pair.path.hops.end(),
                       [&](const Hop& h) { return any_stateless(h, view_); });
  }

  // --- Alternatives ---

  void judge_alternatives() {
    for (std::uint32_t h = 0; h < pair_.path.hops.size(); ++h) {
      const auto count = static_cast<std::uint32_t>(pair_.path.hops[h].alternatives.size());
      for (std::uint32_t a = 0; a < count; ++a) {
        for (std::uint32_t b = 0; b < count; ++b) {
          if (a == b || !path_.is_measured(h, a) || !path_.is_measured(h, b)) continue;
          const PacketSet differ = pair_.scope & (path_.permitted(h, a).certain - path_.permitted(h, b).possible);
          if (differ.is_empty()) continue;
          const BoundDevice &yes = path_.device(h, a), &no = path_.device(h, b);
          Finding f = finding(FindingKind::views_disagree);
          describe_packets(f, differ);
          f.device = yes.name;
          f.entry = "alternative of " + no.name;
          f.title = fmt::format("{} permits from {} what {} denies, and packets may take either", yes.name,
                                pair_words(), no.name);
          f.cause = fmt::format("They stand on the path as alternatives. They differ in: {}.", words(differ));
          f.remedy = approved().contains(differ) ? fmt::format("It is approved: permit it on {} as well.", no.name)
                     : approved().overlaps(differ)
                         ? "Part of it is approved: permit that on both, and nothing else."
                         : fmt::format("Nothing approves it: deny it on {} as well.", yes.name);
          for (const LineShare& s : path_.lines(h, a, sample_of(differ)))
            f.evidence.push_back(line_evidence(yes, s.line));
          for (const LineShare& s : path_.lines(h, b, sample_of(differ)))
            f.evidence.push_back(line_evidence(no, s.line));
          add(std::move(f));
        }
      }
    }
  }

  std::string words(const PacketSet& packets) const { return cover_words(j_.rules, pair_.path, packets); }
  PacketSet sample_of(const PacketSet& packets) const {
    const std::optional<ConcretePacket> sample = packets.sample();
    if (!sample) return space_.empty();
    Box box = PacketQuestion::of(*sample).packets;
    box.ingress = box.egress = ByteSet::all();  // which of them it uses, the path knows
    return space_.of(box);
  }

  // --- What is permitted and not approved ---

  const PacketSet& approved() { return approved_openings(j_.rules, in_); }

  void judge_permitted() {
    const PacketSet replies = in_.documented.replies();
    const PacketSet tcp = space_.of(Box{.protocols = {Protocol::tcp}});
    const PacketSet icmp = space_.of(Box{.protocols = ProtocolSet::icmp()});
    // Without state an answer has to be permitted by itself; what looks like one is not held against the filter.
    const PacketSet answers = replies & (stateless_ ? ~tcp : icmp);
    PacketSet rest = pair_.openings.certain - approved() - answers;
    if (rest.is_empty()) return;
    const PacketSet like_replies =
        stateless_ ? (replies & tcp).forget({Field::flags}) & pair_.openings.certain : space_.empty();
    const PacketSet fine = pair_.openings.certain & approved();
    std::size_t told = 0;
    // Told at the last hop, and there at the first of its alternatives, that has a list which decides.
    for (auto hop = static_cast<std::uint32_t>(pair_.path.hops.size()); hop-- > 0;)
      for (std::uint32_t a = 0; a < pair_.path.hops[hop].alternatives.size() && !rest.is_empty(); ++a) {
        const std::vector<LineShare> shares = path_.lines(hop, a, rest);
        if (std::none_of(shares.begin(), shares.end(), is_by_list)) continue;
        const std::vector<LineShare> approved_shares = path_.lines(hop, a, fine);
        for (const LineShare& share : shares) {
          if (!is_by_list(share) || share.fate == Fate::deny) continue;
          rest -= share.packets;
          if (++told > kLinesMax) continue;
          PacketSet approved_part = space_.empty();
          for (const LineShare& s : approved_shares)
            if (s.line == share.line) approved_part |= s.packets;
          tell_permitted(share, approved_part, like_replies);
        }
      }
    if (told > kLinesMax) {
      Finding f = finding(FindingKind::acl_permits_undocumented);
      f.entry = "more lines";
      f.title = fmt::format("{} more lines permit from {} what no rule approves", told - kLinesMax, pair_words());
      f.cause = "Only the first lines are told one by one.";
      add(std::move(f));
    }
    // Whether anything listens on a filter's own addresses is not known; that nothing protects them is said.
    for (const Hop& hop : pair_.path.hops)
      for (const Alternative& a : hop.alternatives) {
        const PacketSet own = space_.of(Box{.destinations = device(a.device).own});
        if (device(a.device).device == nullptr || !rest.overlaps(own)) continue;
        rest -= own;
        j_.note(fmt::format("No list filters what {} sends to the own addresses of {}.", from_.name,
                            device(a.device).name));
      }
    // Inside a zone there need not be a filter.
    if (!rest.is_empty() && pair_.path.state == ZonePath::State::declared) tell_unfiltered(rest);
  }

  static bool is_by_list(const LineShare& share) { return share.line.list != kNoList; }

  struct Reached {
    std::vector<std::string> forbidden, services;
    bool any() const { return !forbidden.empty() || !services.empty(); }
  };
  /// What of the packets the rule set forbids, and which of the catalogue's dangerous services they reach.
  Reached reached(const PacketSet& packets) {
    Reached out;
    if (packets.overlaps(in_.documented.forbidden()))
      for (std::uint32_t f = 0; f < j_.rules.forbidden.size(); ++f)
        if (packets.overlaps(in_.documented.forbidden_in_effect(f)))
          out.forbidden.push_back(j_.rules.forbidden[f].id);
    const auto boxes_of_row = [](const CatalogueEntry& row) {
      std::vector<Box> boxes;
      if (!row.tcp.empty()) boxes.push_back({.protocols = {Protocol::tcp}, .ports = row.tcp_ports()});
      if (!row.udp.empty()) boxes.push_back({.protocols = {Protocol::udp}, .ports = row.udp_ports()});
      return boxes;
    };
    if (!in_.risky_) {
      std::vector<Box> boxes;
      for (const CatalogueEntry& row : catalogue())
        if (row.exposed >= Severity::high)
          for (Box& box : boxes_of_row(row)) boxes.push_back(std::move(box));
      in_.risky_ = space_.of(boxes);
    }
    if (packets.overlaps(*in_.risky_))
      for (const CatalogueEntry& row : catalogue())
        if (row.exposed >= Severity::high && packets.overlaps(space_.of(boxes_of_row(row))))
          out.services.emplace_back(row.name);
    return out;
  }
  /// How many times as much as is approved, by its base-2 logarithm.
  static std::string times_words(double log2) {
    if (log2 > 20) return "more than a million times";
    return fmt::format("about {} times",
                       grouped_number(static_cast<std::uint64_t>(std::lround(std::exp2(log2))) + 1));
  }
  static std::string reached_words(const Reached& r) {
    std::string text;
    if (!r.forbidden.empty())
      text += fmt::format(" {} forbid{} part of it.", list_some(r.forbidden), r.forbidden.size() == 1 ? "s" : "");
    if (!r.services.empty()) text += fmt::format(" It reaches {}.", list_some(r.services));
    return text;
  }

  void tell_permitted(const LineShare& share, const PacketSet& approved_part, const PacketSet& like_replies) {
    const BoundDevice& d = device(share.device);
    const Count excess = weight_of(share.packets), serves = weight_of(approved_part);
    const bool by_source_port = !device_stateful(share) && fixes_source_port(d, share.line);
    const bool broad = !serves.is_zero() && excess >= (serves << kBroadBits);
    FindingKind kind = FindingKind::acl_permits_undocumented;
    if (by_source_port && share.packets.overlaps(like_replies))
      kind = FindingKind::ace_reply_open;
    else if (broad)
      kind = FindingKind::ace_broad;
    Finding f = finding(kind);
    describe_packets(f, share.packets);
    const Reached what = reached(share.packets);
    f.severity = forbidden_or(f.severity, what.any());
    set_line(f, d, share.line);
    const std::string line = line_words(d, share.line);
    switch (kind) {
      case FindingKind::ace_reply_open:
        f.title = fmt::format("{} admits from {} whatever comes from a chosen source port", line, pair_words());
        f.cause = fmt::format(
            "Meant for replies, it asks for no established connection, so that packets which open one pass: {}.{}",
            words(share.packets), reached_words(what));
        f.remedy = "Require `established` (or ACK and RST): a source port can be chosen by anybody.";
        break;
      case FindingKind::ace_broad:
        f.title = fmt::format("{} permits from {} far more than is approved", line, pair_words());
        f.cause =
            fmt::format("It permits {} what is approved. Not approved: {}.{}",
                        times_words(excess.log2() - serves.log2()), words(share.packets), reached_words(what));
        f.remedy = fmt::format("Narrow it to what is approved: {}.", words(approved_part));
        break;
      default:
        f.title = fmt::format("{} permits from {} what no rule approves", line, pair_words());
        f.cause = fmt::format("Permitted and not approved: {}.{}", words(share.packets), reached_words(what));
        f.remedy = serves.is_zero()
                       ? "Remove the line, or have it approved: a rule with an owner, a reason and all approvals."
                       : fmt::format("Narrow it to what is approved: {}.", words(approved_part));
        break;
    }
    others_on_path(f, share);
    add(std::move(f), WantedChange::Kind::narrow, {*key_of(share)});
  }

  bool device_stateful(const LineShare& share) const { return device(share.device).stateful; }
  static bool fixes_source_port(const BoundDevice& d, const DecidingLine& line) {
    if (!line.entry) return false;
    const Entry& e = d.device->lists[line.list].entries[*line.entry];
    return std::any_of(e.match.begin(), e.match.end(), [](const Match& m) {
      return m.box.source_ports != PortSet::all() && m.box.source_ports != kClientPorts;
    });
  }
  /// What lets the sample by on the other hops.
  void others_on_path(Finding& f, const LineShare& share) {
    const PacketSet sample = sample_of(share.packets);
    for (std::uint32_t h = 0; h < pair_.path.hops.size(); ++h)
      for (std::uint32_t a = 0; a < pair_.path.hops[h].alternatives.size(); ++a)
        for (const LineShare& other : path_.lines(h, a, sample)) {
          const EvidenceRef ref = line_evidence(device(other.device), other.line);
          if (other.line.list == kNoList || f.evidence.size() >= Draft::kPlacesMax) continue;
          if (std::find(f.evidence.begin(), f.evidence.end(), ref) == f.evidence.end()) f.evidence.push_back(ref);
        }
  }

  void tell_unfiltered(const PacketSet& rest) {
    Finding f = finding(FindingKind::acl_permits_undocumented);
    describe_packets(f, rest);
    const Reached what = reached(rest);
    f.severity = forbidden_or(f.severity, what.any());
    std::vector<std::string> names;
    for (const Hop& hop : pair_.path.hops)
      for (const Alternative& a : hop.alternatives)
        if (!hop.local) names.push_back(device(a.device).name);
    f.device = list_some(names);
    f.entry = "no filter";
    f.title = fmt::format("no filter of {} stands in the way from {}", f.device, pair_words());
    f.cause = fmt::format("What no rule approves passes: {}.{}", words(rest), reached_words(what));
    f.remedy = "Bind a list to the interface that permits what is approved and denies the rest.";
    for (const Hop& hop : pair_.path.hops)
      for (const Alternative& a : hop.alternatives)
        if (device(a.device).device != nullptr)
          f.evidence.push_back({device(a.device).device->file, "", "no list decides these packets"});
    add(std::move(f));
  }

  // --- What is approved and not permitted ---

  std::vector<Approving> approving() const {
    std::vector<Approving> out;
    const auto meets = [&](const Rule& rule) {
      return rule.from.addresses.overlaps(from_.addresses) && rule.to.addresses.overlaps(to_.addresses);
    };
    for (std::uint32_t r = 0; r < j_.rules.rules.size(); ++r)
      if (in_.documented.state(r).in_force() && meets(j_.rules.rules[r])) out.push_back({&j_.rules.rules[r], r});
    for (std::uint32_t x = 0; x < j_.rules.exceptions.size(); ++x)
      if (in_.documented.exception_state(x).in_force() && meets(j_.rules.exceptions[x].rule))
        out.push_back({&j_.rules.exceptions[x].rule, static_cast<std::uint32_t>(j_.rules.rules.size()) + x});
    return out;
  }

  /// What a client of the rule really sends: from ports that clients use, and no data connections that a filter
  /// opens by itself.
  PacketSet needed(const Rule& rule) {
    std::vector<Box> boxes;
    const AddressSet from = rule.from.addresses.intersect(from_.addresses),
                     to = rule.to.addresses.intersect(to_.addresses);
    for (const std::uint32_t s : rule.services) {
      const Service& service = j_.rules.services[s];
      for (Box& box : opening_boxes(j_.rules, {s}, from, to)) {
        if (box.protocols == ProtocolSet{Protocol::tcp} && !service.related_tcp.empty() && !service.all)
          box.ports = box.ports.intersect(service.tcp);
        if (box.protocols == ProtocolSet{Protocol::udp} && !service.related_udp.empty() && !service.all)
          box.ports = box.ports.intersect(service.udp);
        const bool has_ports = box.protocols == ProtocolSet{Protocol::tcp} ||
                               box.protocols == ProtocolSet{Protocol::udp} ||
                               box.protocols == ProtocolSet{Protocol::sctp};
        if (has_ports && !service.source_ports) box.source_ports = kClientPorts;
        boxes.push_back(std::move(box));
      }
    }
    return space_.of(boxes) & approved() & pair_.scope;
  }

  void judge_rules() {
    for (const Approving& a : approving()) judge_rule(a);
  }

  void judge_rule(const Approving& a) {
    const Rule& rule = *a.rule;
    RuleConfigured& facts = view_.rules[a.index];
    const PacketSet need = needed(rule);
    if (need.is_empty()) return;
    facts.measured = true;
    const PacketSet blocked = need - pair_.openings.possible;
    const PacketSet unmeasured = (need & path_.unmeasured()) - blocked;
    const PacketSet open = (need & pair_.openings.possible) - pair_.openings.certain - unmeasured;
    if (!unmeasured.is_empty()) facts.unmeasured = true;
    if (!open.is_empty()) facts.undetermined = true;
    if (need.overlaps(pair_.openings.certain)) facts.permitted = true;
    const PacketSet replies = blocked_replies(rule);
    if (!blocked.is_empty() || !replies.is_empty()) facts.blocked = true;
    const PacketSet passing = need & pair_.openings.possible;
    for (std::uint32_t h = 0; h < pair_.path.hops.size(); ++h)
      for (std::uint32_t i = 0; i < pair_.path.hops[h].alternatives.size(); ++i)
        for (const LineShare& s : path_.lines(h, i, passing))
          if (const std::optional<LineKey> key = key_of(s); key && s.fate != Fate::deny) {
            if (std::find(facts.lines.begin(), facts.lines.end(), *key) == facts.lines.end())
              facts.lines.push_back(*key);
            LineFacts& line = view_.lines[*key];
            if (line.rules.empty() || line.rules.back() != a.index) line.rules.push_back(a.index);
            note_pair(line);
          }
    if (!blocked.is_empty() || !replies.is_empty()) tell_blocked(a, need, blocked, replies);
  }

  void note_pair(LineFacts& line) const {
    if (line.pairs.empty() || line.pairs.back() != pair_name()) line.pairs.push_back(pair_name());
  }

  /// Of the answers to what the rule approves, those that a device without state stops.
  PacketSet blocked_replies(const Rule& rule) {
    const PairView* back = view_.pair(pair_.path.to, pair_.path.from);
    if (back == nullptr || !back->decided || !back->measured || back->in != pair_.in || !any_stateless(*back))
      return space_.empty();
    const AddressSet from = rule.from.addresses.intersect(from_.addresses),
                     to = rule.to.addresses.intersect(to_.addresses);
    std::vector<Box> boxes;
    for (Box& box : reply_boxes(j_.rules, rule.services, from, to)) {
      if (box.protocols == ProtocolSet{Protocol::tcp})
        box.flags = ByteSet{tcp_flag::syn | tcp_flag::ack, tcp_flag::ack};
      // Errors about a conversation come from anywhere; whether they may is not this rule's question.
      if (box.sources != to) continue;
      box.fragments = {Fragment::whole};
      box.states = {ConnectionState::established};
      const bool has_ports = box.protocols == ProtocolSet{Protocol::tcp} ||
                             box.protocols == ProtocolSet{Protocol::udp} ||
                             box.protocols == ProtocolSet{Protocol::sctp};
      if (has_ports && box.ports == PortSet::all()) box.ports = kClientPorts;
      boxes.push_back(std::move(box));
    }
    if (boxes.empty()) return space_.empty();
    return (space_.of(boxes) & back->sets->scope()) - back->sets->permitted_replies().possible;
  }

  void tell_blocked(const Approving& a, const PacketSet& need, const PacketSet& blocked, const PacketSet& replies) {
    const Rule& rule = *a.rule;
    Finding f = finding(FindingKind::acl_blocks_approved);
    f.rule = rule.id;
    f.application = rule.application;
    f.owner = rule.owner;
    f.tags = rule.tags;
    std::vector<std::string> services;
    for (const std::uint32_t s : rule.services) services.push_back(j_.rules.services[s].name);
    if (services.size() == 1) f.service = services.front();
    const PacketSet& part = blocked.is_empty() ? replies : blocked;
    if (const std::optional<ConcretePacket> sample = part.sample()) f.sample = sample->packet;
    std::vector<LineKey> stopping, stopping_replies;
    const bool wholly = !blocked.is_empty() && !need.overlaps(pair_.openings.possible);
    f.title = fmt::format("{} approves {} from {}, and {}", rule.id, list_some(services), pair_words(),
                          wholly               ? "all of it is blocked"
                          : blocked.is_empty() ? "its answers are blocked"
                                               : "part of it is blocked");
    if (!blocked.is_empty()) {
      f.cause = fmt::format("Approved and blocked: {}.", words(blocked));
      const std::vector<std::string> by = deciding(f, pair_, blocked, view_.rules[a.index], stopping);
      if (!by.empty()) f.cause += fmt::format(" Denied by {}.", list_some(by, 3));
    }
    if (!replies.is_empty()) {
      const PairView& back = *view_.pair(pair_.path.to, pair_.path.from);
      f.cause += fmt::format("{}Its answers are not permitted on the way back: {}.", f.cause.empty() ? "" : " ",
                             cover_words(j_.rules, back.path, replies));
      const std::vector<std::string> by = deciding(f, back, replies, view_.rules[a.index], stopping_replies);
      if (!by.empty()) f.cause += fmt::format(" Denied by {}.", list_some(by, 3));
    }
    f.remedy = blocked.is_empty() ? "Permit established connections back, or answers from the service's port."
                                  : "Permit it, or retire the rule.";
    if (blocked.is_empty())
      return add(std::move(f), WantedChange::Kind::permit, std::move(stopping_replies), replies,
                 view_.pair(pair_.path.to, pair_.path.from));
    add(std::move(f), WantedChange::Kind::permit, std::move(stopping), blocked);
  }

  /// The lines that stop these packets: as evidence, and in words.
  std::vector<std::string> deciding(Finding& f, const PairView& pair, const PacketSet& packets,
                                    RuleConfigured& facts, std::vector<LineKey>& stopping) {
    std::vector<std::string> names;
    for (std::uint32_t h = 0; h < pair.path.hops.size(); ++h) {
      for (std::uint32_t i = 0; i < pair.path.hops[h].alternatives.size(); ++i) {
        for (const LineShare& s : pair.sets->lines(h, i, packets)) {
          if (s.fate != Fate::deny) continue;
          const EvidenceRef ref = line_evidence(device(s.device), s.line);
          if (f.evidence.size() < Draft::kPlacesMax) f.evidence.push_back(ref);
          const std::string words = line_words(device(s.device), s.line);
          if (std::find(names.begin(), names.end(), words) == names.end()) names.push_back(words);
          const std::optional<LineKey> key = key_of(s);
          if (key && std::find(stopping.begin(), stopping.end(), *key) == stopping.end()) stopping.push_back(*key);
          if (key && std::find(facts.lines.begin(), facts.lines.end(), *key) == facts.lines.end())
            facts.lines.push_back(*key);
        }
      }
    }
    return names;
  }

  // --- What nobody can say ---

  std::vector<std::string> missing_names() const {
    std::vector<std::string> names;
    for (const std::uint32_t d : path_.missing()) names.push_back(device(d).name);
    return names;
  }

  void judge_undetermined() {
    if (!path_.missing().empty()) {
      Gap gap;
      gap.title =
          fmt::format("what is configured from {} is not measured at {}", pair_words(), list_some(missing_names()));
      gap.cause = fmt::format("{}.", capital(device(path_.missing().front()).not_usable));
      gap.remedy = "Give the configurations of all devices on the path.";
      gap.from_zone = from_.name;
      gap.to_zone = to_.name;
      j_.add_gap(std::move(gap));
    }
    const PacketSet gap = pair_.openings.possible - pair_.openings.certain - path_.unmeasured();
    if (gap.is_empty()) return;
    std::vector<std::string> lines;
    std::vector<EvidenceRef> evidence;
    std::string why;
    for (std::uint32_t h = 0; h < pair_.path.hops.size(); ++h) {
      for (std::uint32_t i = 0; i < pair_.path.hops[h].alternatives.size(); ++i) {
        for (const LineShare& s : path_.lines(h, i, gap)) {
          if (!s.open && s.fate != Fate::undetermined) continue;
          const EvidenceRef ref = line_evidence(device(s.device), s.line);
          if (std::find(evidence.begin(), evidence.end(), ref) != evidence.end()) continue;
          evidence.push_back(ref);
          lines.push_back(line_words(device(s.device), s.line));
          if (why.empty() && s.line.entry)
            why = device(s.device).device->lists[s.line.list].entries[*s.line.entry].undecided;
        }
      }
    }
    Gap g;
    g.from_zone = from_.name;
    g.to_zone = to_.name;
    g.title = fmt::format("what is configured from {} is undetermined in part", pair_words());
    if (!lines.empty()) {
      g.cause = fmt::format("{} may match or not{}. Concerned: {}.", list_some(lines),
                            why.empty() ? "" : ": " + why, words(gap));
      g.remedy = "Check these lines by hand, and write them so that they can be decided.";
    } else {
      g.cause = fmt::format(
          "Which interface these packets use, which alternative they take, or under which address a filter sees "
          "them is not known, and it matters. Concerned: {}.",
          words(gap));
      g.remedy = path_.missing().empty()
                     ? "Declare `interfaces` of the device, or give the configuration that states the translation."
                     : fmt::format("Give the configuration of {}.", list_some(missing_names()));
    }
    j_.add_gap(std::move(g));
    j_.verdict.findings.back().evidence.assign(
        evidence.begin(),
        evidence.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(evidence.size(), 5)));
  }

  static std::string capital(std::string text) {
    if (!text.empty() && text.front() >= 'a' && text.front() <= 'z')
      text.front() = static_cast<char>(text.front() - 'a' + 'A');
    return text;
  }

  // --- RFC 4890 §4.3.1: without packet-too-big, large packets vanish ---

  void judge_icmpv6() {
    const PacketSet v6 = space_.of(Box{.family = Family::ipv6});
    // Only where some conversation of these two zones is approved over IPv6, in either direction.
    const auto between = [&](const Zone& a, const Zone& b) {
      return approved().overlaps(
          space_.of(Box{.family = Family::ipv6, .sources = a.addresses, .destinations = b.addresses}));
    };
    if (!pair_.scope.overlaps(v6) || (!between(from_, to_) && !between(to_, from_))) return;
    Box box{.family = Family::ipv6, .sources = from_.addresses, .destinations = to_.addresses};
    box.protocols = {Protocol::icmpv6};
    box.icmp = IcmpSet{{2, std::nullopt}};
    box.states = {ConnectionState::related};
    box.fragments = {Fragment::whole};
    const PacketSet need = space_.of(box) & path_.scope();
    const PacketSet blocked = need - path_.permitted_replies().possible;
    if (need.is_empty() || blocked.is_empty()) return;
    Finding f = finding(FindingKind::acl_blocks_approved);
    f.protocol = Protocol::icmpv6;
    f.icmp = {{2, std::nullopt}};
    f.service = "packet-too-big";
    if (const std::optional<ConcretePacket> sample = blocked.sample()) f.sample = sample->packet;
    f.title = fmt::format("ICMPv6 packet-too-big is blocked from {}", pair_words());
    f.cause = "Routers do not fragment IPv6; without this message large packets vanish (RFC 4890 section 4.3.1).";
    RuleConfigured nobody;
    std::vector<LineKey> stopping;
    const std::vector<std::string> by = deciding(f, pair_, blocked, nobody, stopping);
    if (!by.empty()) f.cause += fmt::format(" Denied by {}.", list_some(by, 3));
    f.remedy = "Permit ICMPv6 type 2 before the denying line.";
    add(std::move(f), WantedChange::Kind::permit, std::move(stopping), blocked);
  }

  // --- The picture ---

  void fill_cells() {
    std::set<std::uint32_t> services;
    for (const Approving& a : approving()) services.insert(a.rule->services.begin(), a.rule->services.end());
    for (const ForbiddenEntry& e : j_.rules.forbidden)
      if (e.from.addresses.overlaps(from_.addresses) && e.to.addresses.overlaps(to_.addresses))
        services.insert(e.services.begin(), e.services.end());
    for (const std::uint32_t s : services) {
      PacketSet all = space_.of(opening_boxes(j_.rules, {s}, from_.addresses, to_.addresses)) & pair_.scope;
      // Of what is approved by this service: a cell is one question, not the whole zone.
      if (const PacketSet fine = all & approved(); !fine.is_empty()) all = fine;
      if (all.is_empty()) continue;
      all -= space_.of(Box{.protocols = ProtocolSet::with_ports(), .source_ports = {{Port{0}, Port{1023}}}});
      ConfiguredState state = ConfiguredState::partly;
      if (all.is_empty()) continue;
      if (pair_.openings.certain.contains(all))
        state = ConfiguredState::permits;
      else if (!all.overlaps(pair_.openings.possible))
        state = ConfiguredState::denies;
      else if (!all.overlaps(pair_.openings.certain))
        state = all.overlaps(path_.unmeasured()) ? ConfiguredState::not_measured : ConfiguredState::undetermined;
      view_.cells[{pair_.path.from, pair_.path.to, s}] = state;
    }
  }

  void coverage() {
    CoverageRow row;
    row.what = fmt::format("path {}", pair_words());
    std::set<std::uint32_t> devices;
    for (const Hop& hop : pair_.path.hops)
      for (const Alternative& a : hop.alternatives) devices.insert(a.device);
    row.required = devices.size();
    row.asked = row.answered = devices.size() - path_.missing().size();
    const bool open = !(pair_.openings.possible - pair_.openings.certain - path_.unmeasured()).is_empty();
    row.met = path_.missing().empty() && !open;
    if (!path_.missing().empty())
      row.gap = fmt::format("no configuration of {}", device(path_.missing().front()).name);
    else if (open)
      row.gap = "undetermined in part";
    j_.verdict.coverage.push_back(std::move(row));
  }

  Judging& j_;
  ConfiguredView& view_;
  PairView& pair_;
  PathSets& path_;
  ConfiguredSpace& in_;
  PacketSpace& space_;
  const Zone &from_, &to_;
  bool stateless_ = false;
};

}  // namespace

void judge_configured_pair(Judging& j, ConfiguredView& view, PairView& pair) { PairJudge(j, view, pair).run(); }

}  // namespace demarc
