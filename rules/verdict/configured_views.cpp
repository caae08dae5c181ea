// What was measured against what is configured. A probe that got through although the path denies it took another
// path, or met another configuration; one that was stopped although the path permits it met another filter.
// Conversations also say which lines are used.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>

#include "rules/net/address_intervals.h"
#include "rules/text/number.h"
#include "rules/verdict/configured.h"
#include "rules/verdict/probed.h"

namespace demarc {

namespace {

constexpr std::size_t kFindingsMax = 2000;
/// Targets and services whose conversations are brought to lines.
constexpr std::size_t kServicesMax = 50'000;
/// Clients of one service that are asked about in one set, and in all.
constexpr std::size_t kClientsAtOnce = 500, kClientsMax = 10'000;

class Disagreement : private Probed {
 public:
  Disagreement(Judging& j, ConfiguredView& view) : Probed(j), view_(view) {}

  void run() {
    probes();
    flows();
    if (left_out_ != 0)
      j_.note(fmt::format("{} more contradictions between configurations and measurements are not told one by one.",
                          grouped_number(left_out_)));
  }

 private:
  // --- Probes ---

  void probes() {
    for (const Slice& slice : j_.reachable.slices)
      for (const Piece& piece : pieces_of(j_, slice))
        if (piece.vip == nullptr && (piece.protocol.has_ports() || piece.protocol.is_icmp())) judge(piece);
  }

  void judge(const Piece& piece) {
    const ZoneIndex from = zone_of_standpoint(piece.standpoint), to = j_.trust.zone_of(piece.real);
    const Address& source = standpoint(piece.standpoint).source_for(piece.real);
    if (from == kNoZone || to == kNoZone || source.family() != piece.real.family()) return;
    const std::optional<ConfiguredView::Ports> ports = view_.ports(from, to, source, piece.real, piece.protocol);
    if (!ports) return;
    std::vector<PortRange> passed, stopped;
    const Segment *passing = nullptr, *stopping = nullptr;
    for (const Segment& s : piece.segments) {
      const Outcome& o = outcome_of(s);
      if (is_proven_open(o) || has_passed_unanswered(piece, o)) {
        passed.push_back(s.ports);
      } else if (o.passage == Passage::blocked && is_conclusive(run_of(s), o) &&
                 (o.doubt == Doubt::none || o.doubt == Doubt::no_canary) &&
                 !(o.answered_by && is_own(piece, *o.answered_by))) {
        stopped.push_back(s.ports);
      }
    }
    const PortSet against = PortSet::of(passed).minus(ports->possible);
    const PortSet beyond = PortSet::of(stopped).intersect(ports->certain);
    const auto first_in = [&](const PortSet& set) -> const Segment* {
      for (const Segment& s : piece.segments)
        if (PortSet{s.ports}.overlaps(set)) return &s;
      return nullptr;
    };
    passing = first_in(against);
    stopping = first_in(beyond);
    if (passing != nullptr)
      tell(piece, *passing, from, to, against, false,
           fmt::format("The probe from {} got through. It took another path, or the device runs another "
                       "configuration.",
                       standpoint(piece.standpoint).name));
    if (stopping != nullptr)
      tell(piece, *stopping, from, to, beyond, true,
           fmt::format("The probe from {} was stopped all the same: another filter stands in the way{}.",
                       standpoint(piece.standpoint).name,
                       outcome_of(*stopping).answered_by
                           ? fmt::format(" ({} answered)", j_.address_name(*outcome_of(*stopping).answered_by))
                           : ""));
  }

  void tell(const Piece& piece, const Segment& s, ZoneIndex from, ZoneIndex to, const PortSet& ports, bool permits,
            std::string cause) {
    const auto key = std::tuple(from, to, piece.real, piece.protocol, permits, ports);
    if (auto [at, fresh] = told_.try_emplace(key, j_.verdict.findings.size()); !fresh) {
      // Two vantage points of a zone that see the same are one.
      Finding& f = j_.verdict.findings[at->second];
      f.vantages.push_back(standpoint(piece.standpoint).name);
      std::sort(f.vantages.begin(), f.vantages.end());
      f.vantages.erase(std::unique(f.vantages.begin(), f.vantages.end()), f.vantages.end());
      return;
    }
    if (told_.size() > kFindingsMax) {
      told_.erase(key);
      ++left_out_;
      return;
    }
    Finding f = base(from, to, piece.real, piece.protocol, ports);
    f.vantages = {standpoint(piece.standpoint).name};
    f.source = standpoint(piece.standpoint).name;
    f.sample = packet(piece, ports.ranges().front().first.number());
    const Outcome& o = outcome_of(s);
    f.evidence.push_back({run_of(s).file, fmt::format("record {}", o.record),
                          fmt::format("{} ({}), passage {}", name(o.state), name(o.answer), name(o.passage))});
    finish(std::move(f), from, to, permits, std::move(cause));
  }

  Finding base(ZoneIndex from, ZoneIndex to, const Address& target, Protocol protocol, const PortSet& ports) const {
    Finding f;
    f.kind = FindingKind::views_disagree;
    f.severity = default_severity(f.kind);
    f.remedy = default_remedy(f.kind);
    f.from_zone = j_.trust.name(from);
    f.to_zone = j_.trust.name(to);
    f.target = j_.address_name(target);
    f.target_address = target;
    f.protocol = protocol;
    if (protocol.is_icmp()) {
      for (const PortRange& r : ports.ranges())
        f.icmp.push_back(
            {static_cast<std::uint8_t>(r.first.number() >> 8), static_cast<std::uint8_t>(r.first.number() & 0xFF)});
    } else {
      f.ports = ports;
      if (ports.size() == 1)
        f.service = j_.names.name(j_.names.find(protocol, ports.ranges().front().first.number()));
    }
    return f;
  }

  /// Title, the deciding lines, and into the verdict.
  void finish(Finding f, ZoneIndex from, ZoneIndex to, bool permits, std::string cause) {
    PairView& pair = *view_.pair(from, to);
    std::vector<std::string> lines;
    try {
      const PacketSet sample = packets_of(pair, *f.sample);
      for (std::uint32_t h = 0; h < pair.path.hops.size(); ++h) {
        for (std::uint32_t a = 0; a < pair.path.hops[h].alternatives.size(); ++a) {
          for (const LineShare& s : pair.sets->lines(h, a, sample)) {
            if ((s.fate == Fate::permit) != permits) continue;
            const BoundDevice& d = view_.binding.devices[s.device];
            if (s.line.list == kNoList) continue;
            lines.push_back(line_words(d, s.line));
            f.evidence.push_back(line_evidence(d, s.line));
          }
        }
      }
    } catch (const SpaceExhausted&) {
      lines.clear();  // the finding stands without its line
    }
    const std::string what = f.ports.empty() ? to_string(*f.protocol)
                             : f.ports.ranges().size() > 6
                                 ? fmt::format("{} ports of {}", f.ports.size(), to_string(*f.protocol))
                                 : fmt::format("{}/{}", to_string(*f.protocol), to_string(f.ports));
    f.title = permits ? fmt::format("the configuration permits {} of {} from {}, and it is blocked", what, f.target,
                                    f.from_zone)
                      : fmt::format("the configuration denies {} of {} from {}, and it gets through", what,
                                    f.target, f.from_zone);
    f.cause = std::move(cause);
    if (!lines.empty()) f.cause += fmt::format(" {} by {}.", permits ? "Permitted" : "Denied", list_some(lines, 3));
    f.entry = permits ? "permitted" : "denied";  // both may be true of one port, from two vantage points
    j_.verdict.findings.push_back(std::move(f));
  }

  static PacketSet packets_of(const PairView& pair, const Packet& packet) {
    Box box;
    box.family = packet.source.family();
    box.sources = AddressSet::single(packet.source);
    box.destinations = AddressSet::single(packet.destination);
    box.protocols = {packet.protocol};
    if (packet.protocol.has_ports()) {
      box.ports = PortSet::single(packet.port);
      box.source_ports = PortSet{{Port{1024}, Port{65535}}};
    }
    if (packet.protocol.is_icmp()) box.icmp = IcmpSet{IcmpType{packet.icmp.type, packet.icmp.code.value_or(0)}};
    return pair.in->space.of(box) & pair.scope;
  }

  // --- Conversations ---

  struct Service {
    ZoneIndex from, to;
    Address responder;
    Protocol protocol;
    std::uint16_t number;
    auto operator<=>(const Service&) const = default;
  };
  struct Clients {
    std::map<Address, std::uint64_t> conversations;
    std::uint64_t all = 0;
    std::optional<Timestamp> last;
    std::string file;
    std::uint32_t record = 0;
  };

  void flows() {
    std::map<Service, Clients> services;
    std::uint64_t unattributed = 0;
    for (const std::uint32_t index : j_.flow_order) {
      const FlowEvidence& e = j_.snapshot.flows[index];
      for (const ObservedFlow& f : e.flows) {
        if (f.established == 0 || !f.initiator_certain) continue;
        if (j_.stale_before && f.last < *j_.stale_before) continue;
        if (!f.protocol.has_ports() && !f.protocol.is_icmp()) continue;
        const ZoneIndex from = j_.trust.zone_of(f.initiator), to = j_.trust.zone_of(f.responder);
        if (from == kNoZone || to == kNoZone) continue;
        const PairView* pair = view_.pair(from, to);
        if (pair == nullptr || !pair->decided || !pair->measured) continue;
        const std::uint16_t number = f.protocol.is_icmp()
                                         ? static_cast<std::uint16_t>(f.icmp.type << 8 | f.icmp.code.value_or(0))
                                         : f.port.number();
        const Service key{from, to, f.responder, f.protocol, number};
        auto at = services.find(key);
        if (at == services.end()) {
          if (services.size() == kServicesMax) {
            ++unattributed;
            continue;
          }
          at = services.emplace(key, Clients{}).first;
        }
        Clients& c = at->second;
        c.all += f.established;
        c.last = c.last ? std::max(*c.last, f.last) : f.last;
        if (c.file.empty() || std::tie(e.file, f.record) < std::tie(c.file, c.record))
          c.file = e.file, c.record = f.record;
        if (const auto known = c.conversations.find(f.initiator); known != c.conversations.end())
          known->second += f.established;
        else
          c.conversations.emplace(f.initiator, f.established);
      }
    }
    for (const auto& [service, clients] : services) {
      try {
        if (!attribute(service, clients)) ++unattributed;
      } catch (const SpaceExhausted&) {
        ++unattributed;
      }
    }
    if (unattributed != 0)
      j_.note(fmt::format("Not all conversations of {} services were brought to the lines that let them through.",
                          grouped_number(unattributed)));
  }

  /// A client, and the conversations of all that no line on the way tells from it.
  using Groups = std::vector<std::pair<Address, std::uint64_t>>;

  Groups groups_of(const PairView& pair, const Clients& clients) {
    auto at = intervals_.find(&pair);
    if (at == intervals_.end()) at = intervals_.emplace(&pair, told_apart(pair)).first;
    if (!at->second) return {clients.conversations.begin(), clients.conversations.end()};
    Groups groups;
    std::optional<std::uint32_t> last;
    for (const auto& [client, count] : clients.conversations) {  // in their order, so intervals come in theirs
      const std::uint32_t interval = at->second->find(client);
      if (last == interval)
        groups.back().second += count;
      else
        groups.emplace_back(client, count);
      last = interval;
    }
    return groups;
  }

  /// Intervals in which all addresses fare alike; none: a line asks for single bits.
  std::optional<AddressIntervals> told_apart(const PairView& pair) const {
    std::vector<Address> cuts;
    bool by_bits = false;
    const auto cut = [&cuts](const AddressSet& set) { add_cuts(set, cuts); };
    const auto cut_match = [&](const Match& m) {
      cut(m.box.sources), cut(m.box.destinations);
      by_bits = by_bits || m.source_bits || m.destination_bits;
    };
    for (const Hop& hop : pair.path.hops) {
      for (const Alternative& alternative : hop.alternatives) {
        const BoundDevice& bound = view_.binding.devices[alternative.device];
        cut(bound.own);
        for (const AddressSet& network : bound.networks) cut(network);
        if (bound.device == nullptr) continue;
        for (const List& list : bound.device->lists)
          for (const Entry& e : list.entries)
            for (const std::vector<Match>* matches : {&e.match, &e.maybe})
              for (const Match& m : *matches) cut_match(m);
      }
    }
    for (const Face& face : faces_on(view_.binding, pair.path)) cut(face.real), cut(face.others);
    if (by_bits) return std::nullopt;
    return AddressIntervals(std::move(cuts));
  }

  /// False: not all of the clients were asked about.
  bool attribute(const Service& service, const Clients& clients) {
    const Groups groups = groups_of(*view_.pair(service.from, service.to), clients);
    const std::size_t count = std::min(groups.size(), kClientsMax);
    for (std::size_t i = 0; i < count; i += kClientsAtOnce)
      attribute(service, clients, std::span(groups).subspan(i, std::min(kClientsAtOnce, count - i)));
    return count == groups.size();
  }

  void attribute(const Service& service, const Clients& clients, std::span<const Groups::value_type> groups) {
    PairView& pair = *view_.pair(service.from, service.to);
    std::vector<AddressRange> sources;
    for (const auto& [client, count] : groups) sources.push_back({client, client});
    Box box;
    box.family = service.responder.family();
    box.sources = AddressSet::of_ranges(std::move(sources));
    box.destinations = AddressSet::single(service.responder);
    box.protocols = {service.protocol};
    if (service.protocol.has_ports()) {
      box.ports = PortSet::single(Port{service.number});
      box.source_ports = PortSet{{Port{1024}, Port{65535}}};
    } else {
      box.icmp = IcmpSet::of_numbers(PortSet::single(Port{service.number}));
    }
    const PacketSet used = pair.in->space.of(box) & pair.scope;
    if (used.is_empty()) return;
    const PacketSet denied = used - pair.openings.possible;
    if (!denied.is_empty()) tell(service, clients, denied);
    for (std::uint32_t h = 0; h < pair.path.hops.size(); ++h) {
      for (std::uint32_t a = 0; a < pair.path.hops[h].alternatives.size(); ++a) {
        for (const LineShare& s : pair.sets->lines(h, a, used & pair.openings.possible)) {
          const std::optional<LineKey> key = key_of(s);
          if (!key || s.fate == Fate::deny) continue;
          LineFacts& line = view_.lines[*key];
          const AddressSet here = s.packets.sources();
          for (const auto& [client, count] : groups)
            if (here.contains(client)) line.conversations += count;
          line.last = line.last ? std::max(line.last, clients.last) : clients.last;
          const std::string words = fmt::format("{} > {}", j_.trust.name(service.from), j_.trust.name(service.to));
          if (line.pairs.empty() || line.pairs.back() != words) line.pairs.push_back(words);
        }
      }
    }
  }

  void tell(const Service& service, const Clients& clients, const PacketSet& denied) {
    const PortSet ports = PortSet::single(Port{service.number});
    const auto key = std::tuple(service.from, service.to, service.responder, service.protocol, false, ports);
    const EvidenceRef ref{clients.file, fmt::format("record {}", clients.record),
                          fmt::format("{} conversations established", grouped_number(clients.all))};
    if (const auto known = told_.find(key); known != told_.end()) {
      j_.verdict.findings[known->second].evidence.push_back(ref);
      return;
    }
    if (told_.size() >= kFindingsMax) {
      ++left_out_;
      return;
    }
    told_.emplace(key, j_.verdict.findings.size());
    Finding f = base(service.from, service.to, service.responder, service.protocol, ports);
    if (const std::optional<ConcretePacket> sample = denied.sample()) f.sample = sample->packet;
    f.source = j_.address_name(f.sample ? f.sample->source : clients.conversations.begin()->first);
    f.evidence.push_back(ref);
    finish(std::move(f), service.from, service.to, false,
           fmt::format("{} conversations were established. They took another path, or the device runs another "
                       "configuration.",
                       grouped_number(clients.all)));
  }

  ConfiguredView& view_;
  std::map<const PairView*, std::optional<AddressIntervals>> intervals_;
  std::map<std::tuple<ZoneIndex, ZoneIndex, Address, Protocol, bool, PortSet>, std::size_t> told_;
  std::size_t left_out_ = 0;
};

}  // namespace

void judge_disagreement(Judging& j, ConfiguredView& view) { Disagreement(j, view).run(); }

}  // namespace demarc
