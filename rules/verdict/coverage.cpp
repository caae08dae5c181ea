// What had to be asked, and was not. The rule set's coverage says what a complete verdict needs; every way in which
// the evidence falls short of it is one gap, however many ports it concerns.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "rules/policy/coverage.h"
#include "rules/policy/scope.h"
#include "rules/policy/standing.h"
#include "rules/verdict/configured.h"
#include "rules/verdict/judging.h"

namespace demarc {

namespace {

std::string counted(std::uint64_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

struct Tally {
  std::uint64_t required = 0, asked = 0, answered = 0, missing = 0, mute = 0, unclear = 0, undetermined = 0;
  std::set<std::string> targets_missing, targets_mute, targets_unclear;
  std::size_t targets = 0, targets_without = 0;
};

constexpr std::size_t kNamesKept = 50;
void keep(std::set<std::string>& names, const std::string& name) {
  names.insert(name);
  if (names.size() > kNamesKept) names.erase(std::prev(names.end()));
}

class CoverageCheck {
 public:
  explicit CoverageCheck(Judging& j) : j_(j), required_(j.rules) {}

  void run() {
    runs();
    const std::vector<Address> targets = all_targets();
    std::vector<std::string> vantages = j_.rules.coverage.vantages;
    if (vantages.empty())
      for (const Vantage& v : j_.rules.vantages) vantages.push_back(v.name);
    std::sort(vantages.begin(), vantages.end());
    vantages.erase(std::unique(vantages.begin(), vantages.end()), vantages.end());
    if (!j_.rules.coverage.given)
      j_.note(
          "The rule set has no `coverage`: complete means that every vantage point asked the TCP ports that rules "
          "approve or forbid and those of the catalogue.");
    if (vantages.empty() && !targets.empty())
      j_.add_gap({"the rule set has no vantage point",
                  "Nothing says from where ports have to be asked.",
                  "Declare `vantages`.",
                  {},
                  {},
                  {},
                  std::nullopt,
                  {},
                  {}});
    for (const std::string& v : vantages) judge_vantage(v, targets);
    silent_hosts(vantages, targets);
  }

 private:
  /// Runs that do not count, and how those that do ended.
  void runs() {
    std::set<std::string> said;
    std::map<std::string, std::vector<std::string>> stale;
    for (const UnusedRun& u : j_.reachable.unused) {
      const ScanRun& run = j_.snapshot.scans[u.run];
      if (u.why == UnusedRun::Why::duplicate) continue;
      if (u.why == UnusedRun::Why::stale) {
        stale[run.header.vantage].push_back(u.words);
        continue;
      }
      if (!said.insert(u.words).second) continue;
      j_.add_gap({u.words,
                  "Its outcomes are not judged: no port is open, it is open from somewhere.",
                  "Declare the vantage point in the rule set, or scan with `--vantage`.",
                  {},
                  {},
                  {},
                  std::nullopt,
                  {},
                  run.file});
    }
    for (auto& [vantage, words] : stale) {
      std::sort(words.begin(), words.end());
      const bool renewed = std::any_of(
          j_.reachable.used.begin(), j_.reachable.used.end(),
          [&, v = &vantage](const RunUse& u) { return j_.reachable.standpoints[u.standpoint].name == *v; });
      const std::string title =
          fmt::format("evidence from {} is too old", vantage.empty() ? "an unnamed vantage point" : vantage);
      if (renewed) {
        j_.note(fmt::format("{} and is not used: a later scan from there is.", list_some(words)));
        continue;
      }
      stale_.insert(vantage);
      j_.add_gap({title,
                  fmt::format("{}. The rule set wants evidence no older than {} (`coverage.max_age`).",
                              list_some(words), to_string(*j_.rules.coverage.age_max)),
                  "Scan again.",
                  {},
                  {},
                  {},
                  std::nullopt,
                  {vantage},
                  {}});
    }
    bool without_canary = false;
    for (const RunUse& u : j_.reachable.used) {
      const ScanRun& run = j_.snapshot.scans[u.run];
      const std::string& vantage = j_.reachable.standpoints[u.standpoint].name;
      const ScanEnd* end = run.summary ? &run.summary->end : nullptr;
      if (end == nullptr || *end != ScanEnd::complete)
        ends_[vantage].insert(end == nullptr                     ? "the run was interrupted"
                              : *end == ScanEnd::canary_lost     ? "the canary was lost: the scanner may be blocked"
                              : *end == ScanEnd::vantage_lost    ? "the vantage point was lost"
                              : *end == ScanEnd::window_closed   ? "the window closed"
                              : *end == ScanEnd::runtime_reached ? "its time was up"
                                                                 : "the run was interrupted");
      if (run.canaries.empty() && !run.outcomes.empty()) without_canary = true;
    }
    if (without_canary)
      j_.note(
          "Some scans had no canary on their path: their loss is unknown, and silence counts there only because "
          "every try was made.");
    if (!j_.reachable.used.empty())
      j_.note(
          "Each vantage point is one sample of its zone: another address of the zone may be treated differently.");
  }

  std::vector<Address> all_targets() {
    std::vector<Address> known;
    for (const auto& [key, asked] : j_.asked) known.push_back(key.real);
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    std::vector<Address> out;
    if (j_.rules.scope.given) {
      const Result<Scope> scope = Scope::from_rules(j_.rules);
      if (scope) {
        const Result<Scope::Enumeration> all = scope->enumerate(known);
        if (all) {
          for (const Target& t : all->targets) out.push_back(t.address());
          for (const std::string& n : all->notes) j_.note(n);
          return out;
        }
        j_.add_gap({"the scope cannot be enumerated",
                    all.error().what,
                    "Narrow `scope.targets`.",
                    {},
                    {},
                    {},
                    std::nullopt,
                    {},
                    {}});
        return out;
      }
    }
    for (const Host& h : j_.rules.hosts) {
      if (h.care == Care::never) continue;
      for (const Address& a : h.all_addresses()) out.push_back(a);
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

  /// Of the host's ports, those that the source can reach under any address; nullopt: no way to address it.
  std::optional<PortSet> addressable(const Address& real, const Address& source, Protocol protocol) const {
    const std::vector<SeenAs> faces = j_.translator.as_seen(real, source);
    if (faces.empty()) return std::nullopt;
    PortSet out;
    for (const SeenAs& face : faces) {
      if (face.translation == nullptr || face.translation->ports.empty() || !protocol.has_ports())
        return PortSet::all();
      std::vector<PortRange> ranges;
      for (const auto& [seen, behind] : face.translation->ports) ranges.push_back(PortRange::single(behind));
      out = out.unite(PortSet::of(std::move(ranges)));
    }
    return out;
  }

  /// What the runs from there had no way to ask, said once for each reason.
  std::set<Address> unroutable_from(std::uint16_t standpoint) {
    std::set<Address> out;
    std::map<std::string, std::set<std::string>> reasons;
    for (const RunUse& u : j_.reachable.used) {
      if (u.standpoint != standpoint) continue;
      for (const Unasked& x : j_.snapshot.scans[u.run].unroutable) {
        out.insert(x.target);
        reasons[x.why].insert(j_.address_name(x.target));
      }
    }
    for (const auto& [why, names] : reasons)
      j_.note(fmt::format("From {} these cannot be asked: {} ({}).", j_.reachable.standpoints[standpoint].name,
                          list_some({names.begin(), names.end()}), why));
    return out;
  }

  void judge_vantage(const std::string& name, const std::vector<Address>& targets) {
    std::optional<std::uint16_t> index;
    for (std::size_t i = 0; i < j_.reachable.standpoints.size(); ++i)
      if (j_.reachable.standpoints[i].vantage != nullptr && j_.reachable.standpoints[i].name == name)
        index = static_cast<std::uint16_t>(i);
    if (!index) return;  // the reader of the rule set refuses unknown names
    const Standpoint& s = j_.reachable.standpoints[*index];
    const bool ran = std::any_of(j_.reachable.used.begin(), j_.reachable.used.end(),
                                 [&](const RunUse& u) { return u.standpoint == *index; });

    const Standing standing(j_.rules, *s.vantage);
    const std::set<Address> unroutable = unroutable_from(*index);
    std::array<std::pair<std::string_view, Tally>, 3> tallies{{{"tcp", {}}, {"udp", {}}, {"icmp", {}}}};
    for (const Address& real : targets) {
      if (standing.not_asked(real) != NotAsked::nothing || unroutable.contains(real)) continue;
      const RequiredPorts& required = required_.required(real);
      for (auto& [what, tally] : tallies) {
        const Protocol protocol = what == "tcp"    ? Protocol::tcp
                                  : what == "udp"  ? Protocol::udp
                                  : real.is_ipv4() ? Protocol::icmp
                                                   : Protocol::icmpv6;
        const PortSet wanted = what == "tcp"   ? required.tcp
                               : what == "udp" ? required.udp
                                               : icmp_queries(required.icmp, real.family());
        if (wanted.empty()) continue;
        const std::optional<PortSet> reach = addressable(real, s.source_for(real), protocol);
        if (!reach) continue;
        const PortSet need = *reach == PortSet::all() ? wanted : wanted.intersect(*reach);
        if (need.empty()) continue;
        count(tally, *index, real, protocol, need);
      }
    }
    for (auto& [what, tally] : tallies) {
      if (tally.required == 0) continue;
      CoverageRow row;
      row.what = fmt::format("{} {}", name, what);
      row.required = tally.required;
      row.asked = tally.asked + tally.mute + tally.unclear;
      row.answered = tally.answered;
      row.met = tally.missing == 0 && tally.mute == 0 && tally.unclear == 0 &&
                !(j_.options.require_passage && tally.undetermined != 0);
      if (!row.met) row.gap = gap_words(tally, ran);
      j_.verdict.coverage.push_back(std::move(row));
    }
    if (!ran) {
      std::uint64_t required = 0;
      for (const auto& [what, tally] : tallies) required += tally.required;
      if (required != 0 && !stale_.contains(name))
        j_.add_gap(
            {fmt::format("{} never ran", name),
             fmt::format(
                 "The rule set's coverage wants a scan from vantage point {} (zone {}): {} ports of {} targets.",
                 name, s.zone, tallies[0].second.required, tallies[0].second.targets),
             fmt::format("Run `demarc scan --vantage {}`.", name),
             s.zone,
             {},
             {},
             std::nullopt,
             {name},
             {}});
      return;
    }
    missing_gaps(name, s, tallies);
  }

  /// Of UDP and ICMP, what conversations say: where both sides took part, the filter passed it and somebody
  /// answered. For TCP a probe tells more, and one can always be made.
  PortSet conversed(std::uint16_t standpoint, const Address& real, Protocol protocol) {
    if (protocol == Protocol::tcp) return {};
    if (!conversed_ready_) {
      conversed_ready_ = true;
      for (const std::uint32_t index : j_.flow_order) {
        for (const ObservedFlow& f : j_.snapshot.flows[index].flows) {
          if (f.established == 0 || !f.initiator_certain || (f.protocol != Protocol::udp && !f.protocol.is_icmp()))
            continue;
          if (j_.stale_before && f.last < *j_.stale_before) continue;
          const std::uint16_t number =
              f.protocol.is_icmp() ? static_cast<std::uint16_t>((f.icmp.type << 8) | f.icmp.code.value_or(0))
                                   : f.port.number();
          conversed_[{j_.trust.zone_of(f.initiator), f.responder, f.protocol}].push_back(
              PortRange::single(Port{number}));
        }
      }
    }
    const Zone* zone = j_.rules.zone(j_.reachable.standpoints[standpoint].zone);
    const ZoneIndex from = zone == nullptr ? kNoZone : static_cast<ZoneIndex>(zone - j_.rules.zones.data());
    const auto found = conversed_.find({from, real, protocol});
    return found == conversed_.end() ? PortSet() : PortSet::of(found->second);
  }

  /// Of UDP and ICMP, what the path's configurations say for certain: denied, whether or not it was asked;
  /// permitted, where it was asked and stayed silent.
  PortSet configured(std::uint16_t standpoint, const Address& real, Protocol protocol, const Asked& asked) const {
    if (protocol == Protocol::tcp || j_.configured == nullptr) return {};
    const Standpoint& s = j_.reachable.standpoints[standpoint];
    const Zone* zone = j_.rules.zone(s.zone);
    const ZoneIndex to = j_.trust.zone_of(real);
    if (zone == nullptr || to == kNoZone) return {};
    const auto ports = j_.configured->ports(static_cast<ZoneIndex>(zone - j_.rules.zones.data()), to,
                                            s.source_for(real), real, protocol);
    if (!ports) return {};
    const PortSet silent = PortSet::of(asked.mute).intersect(ports->certain);
    return PortSet::all().minus(ports->possible).unite(silent);
  }

  void count(Tally& tally, std::uint16_t standpoint, const Address& real, Protocol protocol, const PortSet& need) {
    ++tally.targets;
    tally.required += need.size();
    const auto found = j_.asked.find({standpoint, protocol, real});
    static const Asked kNothing;
    const Asked& a = found == j_.asked.end() ? kNothing : found->second;
    const PortSet used =
        conversed(standpoint, real, protocol).unite(configured(standpoint, real, protocol, a)).intersect(need);
    const PortSet clear = PortSet::of(a.clear).unite(used).intersect(need);
    const PortSet mute = PortSet::of(a.mute).intersect(need).minus(clear);
    const PortSet unclear = PortSet::of(a.unclear).intersect(need).minus(clear).minus(mute);
    const std::uint64_t missing = std::uint64_t{need.size()} - clear.size() - mute.size() - unclear.size();
    tally.asked += clear.size();
    tally.mute += mute.size();
    tally.unclear += unclear.size();
    tally.missing += missing;
    tally.answered += std::min<std::uint64_t>(a.answered, need.size());
    // What is mute or in doubt is a gap of its own.
    tally.undetermined += PortSet::of(a.undetermined).intersect(clear).minus(used).size();
    const std::string name = j_.address_name(real);
    if (missing == need.size()) ++tally.targets_without;
    if (missing != 0) keep(tally.targets_missing, name);
    if (!mute.empty()) keep(tally.targets_mute, name);
    if (!unclear.empty()) keep(tally.targets_unclear, name);
  }

  static std::string gap_words(const Tally& t, bool ran) {
    if (!ran) return "never ran";
    if (t.missing == t.required) return "not asked";
    std::string text;
    if (t.missing != 0) text = fmt::format("{} not asked", t.missing);
    if (t.mute != 0) text += fmt::format("{}{} silent", text.empty() ? "" : ", ", t.mute);
    if (t.unclear != 0) text += fmt::format("{}{} in doubt", text.empty() ? "" : ", ", t.unclear);
    return text.empty() ? fmt::format("{} of undetermined passage", t.undetermined) : text;
  }

  void missing_gaps(const std::string& name, const Standpoint& s,
                    const std::array<std::pair<std::string_view, Tally>, 3>& tallies) {
    const Tally &tcp = tallies[0].second, &udp = tallies[1].second, &icmp = tallies[2].second;
    std::string ends;
    if (const auto found = ends_.find(name); found != ends_.end())
      for (const std::string& e : found->second) ends += (ends.empty() ? "" : ", ") + e;
    if (tcp.missing != 0) {
      const std::vector<std::string> where(tcp.targets_missing.begin(), tcp.targets_missing.end());
      j_.add_gap({fmt::format("{} of {} TCP ports not asked from {}", tcp.missing, tcp.required, name),
                  fmt::format("{}Concerned: {}.",
                              ends.empty() ? std::string()
                                           : static_cast<char>(ends.front() - 'a' + 'A') + ends.substr(1) + ". ",
                              list_some(where)),
                  ends.empty()
                      ? fmt::format("Scan again from {} with the coverage of the rule set (leave out -p).", name)
                      : std::string("Find out why the run ended early, then resume it: `--resume`."),
                  s.zone,
                  {},
                  {},
                  Protocol::tcp,
                  {name},
                  {}});
    } else if (!ends.empty()) {
      j_.note(fmt::format("From {}: {}; what coverage requires was asked all the same.", name, ends));
    }
    const auto both = [](std::uint64_t udp_ports, std::uint64_t icmp_queries) {
      std::string what;
      if (udp_ports != 0) what = counted(udp_ports, "UDP port", "UDP ports");
      if (icmp_queries != 0)
        what += (what.empty() ? "" : " and ") + counted(icmp_queries, "ICMP query", "ICMP queries");
      return what;
    };
    const auto protocol_of = [](std::uint64_t udp_ports) {
      return udp_ports == 0 ? std::optional(Protocol::icmp) : std::optional(Protocol::udp);
    };
    const auto concerned = [](std::set<std::string> names, const std::set<std::string>& more) {
      names.insert(more.begin(), more.end());
      return fmt::format("Concerned: {}.", list_some({names.begin(), names.end()}));
    };
    if (udp.missing + icmp.missing != 0) {
      const std::string where = concerned(udp.targets_missing, icmp.targets_missing);
      const bool raw = asks_more_than_tcp(name);
      j_.add_gap(
          {fmt::format("{} not measured from {}", both(udp.missing, icmp.missing), name),
           raw ? "The scans from there left them out. " + where : "A connect scan cannot ask them. " + where,
           raw ? fmt::format("Scan again from {} with the coverage of the rule set (leave out -p).", name)
               : std::string("Scan with raw packets: `demarc doctor` says which privilege that needs. Or set "
                             "`coverage.udp` and `coverage.icmp` to what can be measured."),
           s.zone,
           {},
           {},
           protocol_of(udp.missing),
           {name},
           {}});
    }
    if (udp.mute != 0)
      j_.add_gap(
          {fmt::format("{} silent from {}: open or blocked", counted(udp.mute, "UDP port", "UDP ports"), name),
           fmt::format("Silence over UDP proves nothing either way: a server may dislike the question, or a "
                       "filter drop it. {}",
                       concerned(udp.targets_mute, {})),
           marked_for_nobody(name)
               ? std::string("The probes were marked for a witness: give its record to the verdict as well.")
               : fmt::format("Run `demarc witness` at the far end and ask again with `demarc scan --vantage {} "
                             "--witness`, or bring conversations of a sensor.",
                             name),
           s.zone,
           {},
           {},
           Protocol::udp,
           {name},
           {}});
    const auto in_doubt = [&](const std::string& what, Protocol protocol, const std::string& why,
                              const std::set<std::string>& targets) {
      j_.add_gap({fmt::format("{} from {} in doubt: {}", what, name, why),
                  concerned(targets, {}),
                  "Scan them again, more slowly or with more tries.",
                  s.zone,
                  {},
                  {},
                  protocol,
                  {name},
                  {}});
    };
    if (tcp.unclear != 0)
      in_doubt(counted(tcp.unclear, "TCP port", "TCP ports"), Protocol::tcp,
               doubts(s, [](Protocol p) { return p == Protocol::tcp; }), tcp.targets_unclear);
    if (udp.unclear != 0)
      in_doubt(counted(udp.unclear, "UDP port", "UDP ports"), Protocol::udp,
               doubts(s, [](Protocol p) { return p == Protocol::udp; }), udp.targets_unclear);
    if (icmp.unclear != 0)
      in_doubt(counted(icmp.unclear, "ICMP query", "ICMP queries"), Protocol::icmp,
               doubts(s, [](Protocol p) { return p.is_icmp(); }), icmp.targets_unclear);
    if (!j_.options.require_passage) return;
    const auto passage = [&](std::uint64_t n, const std::string& what, Protocol protocol) {
      if (n == 0) return;
      j_.add_gap({fmt::format("passage of {} from {} undetermined", what, name),
                  "Neither a raw scan nor a witness says whether a filter let the probes by.",
                  "Run `demarc witness` behind the filter, or scan with raw packets.",
                  s.zone,
                  {},
                  {},
                  protocol,
                  {name},
                  {}});
    };
    passage(tcp.undetermined, counted(tcp.undetermined, "TCP port", "TCP ports"), Protocol::tcp);
    passage(udp.undetermined, counted(udp.undetermined, "UDP port", "UDP ports"), Protocol::udp);
    passage(icmp.undetermined, counted(icmp.undetermined, "ICMP query", "ICMP queries"), Protocol::icmp);
  }

  /// A scan from there asked for a witness, and no witness's record was given.
  bool marked_for_nobody(const std::string& vantage) const {
    return j_.snapshot.witnesses.empty() &&
           std::any_of(j_.reachable.used.begin(), j_.reachable.used.end(), [&](const RunUse& u) {
             return j_.reachable.standpoints[u.standpoint].name == vantage &&
                    !j_.snapshot.scans[u.run].header.witness_key.empty();
           });
  }

  /// A scan from there made its own packets, or another tool did: UDP and ICMP could have been asked.
  bool asks_more_than_tcp(const std::string& vantage) const {
    return std::any_of(j_.reachable.used.begin(), j_.reachable.used.end(), [&](const RunUse& u) {
      const std::string& method = j_.snapshot.scans[u.run].header.method;
      return j_.reachable.standpoints[u.standpoint].name == vantage && !method.empty() && method != "connect";
    });
  }

  std::string doubts(const Standpoint& s, bool (*wanted)(Protocol)) const {
    std::set<std::string> names;
    for (const RunUse& u : j_.reachable.used) {
      if (j_.reachable.standpoints[u.standpoint].name != s.name) continue;
      const ScanRun& run = j_.snapshot.scans[u.run];
      for (const Outcome& o : run.outcomes) {
        if (!wanted(o.protocol)) continue;
        if (o.doubt != Doubt::none && o.doubt != Doubt::no_canary)
          names.insert(std::string(name(o.doubt)));
        else if (o.answer == Answer::local_refusal)
          names.insert("refused by the scanner's own machine");
        else if (o.answer == Answer::no_neighbour)
          names.insert("no neighbour answered");
        else if (o.state == PortState::open && o.passage == Passage::blocked)
          names.insert("answered, and no probe reached the witness");
        else if (o.answer == Answer::silence && !is_witnessed(o) && o.tries < run.header.tries_max)
          names.insert("not every try was made");
      }
    }
    std::string text;
    for (const std::string& n : names) text += (text.empty() ? "" : ", ") + n;
    return text.empty() ? "no clear answer" : text;
  }

  /// A documented host that answered nobody: switched off, or everything in front of it is shut. Either way nothing
  /// is known about what it would expose.
  void silent_hosts(const std::vector<std::string>& vantages, const std::vector<Address>& targets) {
    std::map<std::string, std::set<std::string>> silent;  // host -> vantage points
    for (const Address& real : targets) {
      if (j_.alive.contains(real)) continue;
      const std::string name = j_.rules.name_of(real);
      if (name.empty()) continue;
      for (std::uint16_t i = 0; i < j_.reachable.standpoints.size(); ++i) {
        const Standpoint& s = j_.reachable.standpoints[i];
        if (s.vantage == nullptr || std::find(vantages.begin(), vantages.end(), s.name) == vantages.end()) continue;
        if (Standing(j_.rules, *s.vantage).not_asked(real) != NotAsked::nothing) continue;
        // Where a witness says of every port whether the probe arrived, the host itself need not answer.
        for (const Protocol protocol : {Protocol::tcp, Protocol::udp, Protocol::icmp, Protocol::icmpv6})
          if (const auto asked = j_.asked.find({i, protocol, real});
              asked != j_.asked.end() && !asked->second.unwitnessed.empty())
            silent[name].insert(s.name);
      }
    }
    for (const auto& [host, from] : silent) {
      const std::vector<std::string> names(from.begin(), from.end());
      j_.add_gap(
          {fmt::format("{} answered nothing", host),
           fmt::format("Asked from {}. Whether it was switched off or everything to it is blocked cannot be told.",
                       list_some(names)),
           "Scan again while it runs, or ask it from a vantage point beside it.",
           {},
           {},
           host,
           std::nullopt,
           names,
           {}});
    }
  }

  Judging& j_;
  CoverageMap required_;
  std::set<std::string> stale_;
  std::map<std::string, std::set<std::string>> ends_;
  bool conversed_ready_ = false;
  std::map<std::tuple<ZoneIndex, Address, Protocol>, std::vector<PortRange>> conversed_;
};

}  // namespace

void judge_coverage(Judging& j) { CoverageCheck(j).run(); }

}  // namespace demarc
