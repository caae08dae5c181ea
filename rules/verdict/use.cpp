// What is not used. Silence means something only where a sensor declared to see the whole conversation watched for
// the whole window and lost nothing; everywhere else it is a gap in the evidence, and each cause of gaps is named
// once.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "rules/text/number.h"
#include "rules/verdict/configured.h"
#include "rules/verdict/judging.h"

namespace demarc {

namespace {

/// Two captures of a sensor with no more than this between them are one window.
constexpr Nanoseconds kSeam = std::chrono::minutes(10);
/// The window of rules that name none.
constexpr Period kUseWindow{.days = 30};
constexpr Period kRareWindow{.days = 400};

struct Watch {
  Timestamp first, last;
  bool flawed = false;
  bool one_way = false;  // most of what it saw was one half of a conversation
};

struct SensorFacts {
  std::vector<Watch> watches;  // merged, in order
  std::vector<std::string> flaws;
  std::uint64_t packets = 0, dropped = 0;
  bool sampled = false;
  std::optional<Timestamp> last;
};

/// A tap that hears one side of most conversations does not see both directions, whatever is declared.
bool is_one_way(const FlowSource& s) { return s.one_sided > s.two_sided; }

std::string flaws_of(const FlowSource& s) {
  std::vector<std::string> parts;
  const auto count = [&parts](std::uint64_t n, std::string_view what) {
    if (n != 0) parts.push_back(fmt::format("{} {}", n, what));
  };
  count(s.dropped, "packets dropped");
  count(s.undecoded, "packets not decoded");
  count(s.snapped, "packets cut short of their ports");
  count(s.aggregated, "conversations kept without detail");
  if (s.truncated) parts.emplace_back("the file ends in the middle of a packet");
  if (!s.problem.empty()) parts.push_back(s.problem);
  std::string text;
  for (const std::string& p : parts) text += (text.empty() ? "" : ", ") + p;
  return text;
}

class Usage {
 public:
  explicit Usage(Judging& j) : j_(j) {}

  void run() {
    read_sources();
    for (std::uint32_t r = 0; r < j_.rules.rules.size(); ++r) judge_rule(r);
    gaps_of_sensors();
    gaps_of_rules();
  }

 private:
  void read_sources() {
    std::set<std::string> nameless, unknown;
    std::set<std::pair<std::string, std::string>> flawed, incomplete;
    std::set<std::tuple<std::string, std::string, std::string>> one_way;  // file, sensor, how many
    std::map<std::string, std::vector<Watch>> watches;
    std::set<std::tuple<std::string, std::uint64_t, std::optional<Timestamp>, std::optional<Timestamp>>> seen;
    for (const std::uint32_t index : j_.flow_order) {
      const FlowEvidence& e = j_.snapshot.flows[index];
      if (!e.complete)
        incomplete.insert({e.file, "the flow records end without an end record: their writer was interrupted"});
      for (const FlowSource& s : e.sources) {
        if (!seen.insert({s.sensor, s.packets, s.first, s.last}).second)
          continue;  // the same capture under another name
        const Sensor* sensor = s.sensor.empty() ? nullptr : j_.rules.sensor(s.sensor);
        const std::string flaws = flaws_of(s);
        if (s.sensor.empty())
          nameless.insert(s.file);
        else if (sensor == nullptr)
          unknown.insert(fmt::format("{} (sensor '{}')", s.file, s.sensor));
        if (!flaws.empty()) flawed.insert({s.file, flaws});
        if (sensor == nullptr) continue;
        SensorFacts& facts = sensors_[s.sensor];
        facts.packets += s.packets;
        facts.dropped += s.dropped;
        facts.sampled = facts.sampled || s.sampling > 1 || sensor->sampling > 1;
        if (!flaws.empty()) facts.flaws.push_back(flaws);
        if (s.last) facts.last = facts.last ? std::max(*facts.last, *s.last) : *s.last;
        const bool contradicts = sensor->both_directions && is_one_way(s);
        if (contradicts) {
          one_way.insert(
              {s.file, s.sensor,
               fmt::format("{} of {}", grouped_number(s.one_sided), grouped_number(s.one_sided + s.two_sided))});
          facts.flaws.emplace_back("one side of most conversations only");
        }
        if (s.first && s.last)
          watches[s.sensor].push_back({*s.first, *s.last, !flaws.empty() || !e.complete, contradicts});
      }
    }
    for (auto& [name, list] : watches) {
      std::sort(list.begin(), list.end(), [](const Watch& a, const Watch& b) {
        return std::tie(a.first, a.last) < std::tie(b.first, b.last);
      });
      std::vector<Watch>& merged = sensors_[name].watches;
      for (const Watch& w : list) {
        if (!merged.empty() && w.first <= merged.back().last + kSeam) {
          merged.back().last = std::max(merged.back().last, w.last);
          merged.back().flawed = merged.back().flawed || w.flawed;
          merged.back().one_way = merged.back().one_way || w.one_way;
        } else {
          merged.push_back(w);
        }
      }
    }
    if (!j_.options.judge_observed) return;
    if (!nameless.empty())
      j_.add_gap({fmt::format("{} names no sensor", list_some({nameless.begin(), nameless.end()})),
                  "What is seen counts; what is not seen proves nothing, because nobody knows where the capture "
                  "was taken.",
                  "Say where it was taken: --sensor NAME, with the sensor declared under `sensors`.",
                  {},
                  {},
                  {},
                  std::nullopt,
                  {},
                  *nameless.begin()});
    if (!unknown.empty())
      j_.add_gap({fmt::format("{}: the rule set has no such sensor", list_some({unknown.begin(), unknown.end()})),
                  "What it could see is not declared, so what is not seen proves nothing.",
                  "Declare it under `sensors`, with the zone pairs it sees.",
                  {},
                  {},
                  {},
                  std::nullopt,
                  {},
                  *unknown.begin()});
    for (const auto& [file, what] : flawed)
      j_.add_gap({fmt::format("{} is not whole: {}", file, what),
                  "What was lost may be what matters.",
                  "Capture again with a larger buffer or snap length, or a narrower filter.",
                  {},
                  {},
                  {},
                  std::nullopt,
                  {},
                  file});
    for (const auto& [file, sensor, how_many] : one_way)
      j_.add_gap(
          {fmt::format("{} shows one side of most conversations, though sensor {} is declared to see both", file,
                       sensor),
           fmt::format("Of {} TCP conversations only one direction was seen: asymmetric routing or a one-way "
                       "tap. What is not seen there proves nothing.",
                       how_many),
           "Capture where both directions pass, or give the captures of both ways under one sensor.",
           {},
           {},
           {},
           std::nullopt,
           {},
           file});
    for (const auto& [file, what] : incomplete)
      j_.add_gap({fmt::format("{} is not whole: {}", file, what),
                  "What came after it is not known.",
                  "Give the whole file.",
                  {},
                  {},
                  {},
                  std::nullopt,
                  {},
                  file});
    for (const auto& [name, facts] : sensors_) {
      if (!facts.sampled) continue;
      j_.add_gap({fmt::format("sensor {} samples", name),
                  "Of what it did not show, nothing can be said.",
                  "Take unsampled records for the review.",
                  {},
                  {},
                  {},
                  std::nullopt,
                  {},
                  name});
    }
    for (const auto& [name, facts] : sensors_) {
      const bool stale = j_.stale_before && facts.last && *facts.last < *j_.stale_before;
      if (stale)
        j_.add_gap({fmt::format("evidence of sensor {} is too old: it ends {}", name, to_string(*facts.last)),
                    fmt::format("The rule set wants evidence no older than {} (`coverage.max_age`).",
                                to_string(*j_.rules.coverage.age_max)),
                    "Capture again.",
                    {},
                    {},
                    {},
                    std::nullopt,
                    {},
                    name});
      // Time is what the packets say: without one nothing tells when the sensor listened, or that it did.
      const bool empty = !facts.last;
      if (empty)
        j_.add_gap({fmt::format("what sensor {} recorded holds no packet", name),
                    "Nothing says when it listened, or whether it could hear anything.",
                    "Capture again while the services are in use, and without a filter that leaves nothing.",
                    {},
                    {},
                    {},
                    std::nullopt,
                    {},
                    name});
      CoverageRow row;
      row.what = "sensor " + name;
      row.asked = facts.packets;
      row.answered = facts.dropped;
      row.met = facts.flaws.empty() && !facts.sampled && !stale && !empty;
      if (!row.met)
        row.gap = stale                          ? "too old"
                  : empty && facts.flaws.empty() ? "no packet"
                  : facts.sampled                ? "sampled"
                                                 : facts.flaws.front();
      j_.verdict.coverage.push_back(std::move(row));
    }
  }

  std::vector<std::pair<ZoneIndex, ZoneIndex>> zone_pairs(const Rule& rule) const {
    std::vector<ZoneIndex> from, to;
    for (ZoneIndex z = 0; z < j_.rules.zones.size(); ++z) {
      if (j_.rules.zones[z].addresses.overlaps(rule.from.addresses)) from.push_back(z);
      if (j_.rules.zones[z].addresses.overlaps(rule.to.addresses)) to.push_back(z);
    }
    std::vector<std::pair<ZoneIndex, ZoneIndex>> pairs;
    for (const ZoneIndex f : from)
      for (const ZoneIndex t : to) pairs.emplace_back(f, t);
    return pairs;
  }

  /// The sensors that watched a rule's zone pairs, and the time that all of them did.
  struct Watched {
    std::set<std::string> sensors;
    Timestamp first, last;
  };

  /// Empty if a sensor watched the pair for the whole window, which is then added to `watched`; otherwise what was
  /// missing.
  std::string missing_for(ZoneIndex from, ZoneIndex to, Nanoseconds window, Watched& watched) const {
    const std::string_view a = j_.trust.name(from), b = j_.trust.name(to);
    std::string missing;
    for (const Sensor& sensor : j_.rules.sensors) {
      const bool sees = std::any_of(sensor.sees.begin(), sensor.sees.end(), [&](const auto& p) {
        return (p.first == a && p.second == b) || (p.first == b && p.second == a);
      });
      if (!sees) continue;
      std::string problem;
      const auto found = sensors_.find(sensor.name);
      if (!sensor.both_directions) {
        problem = fmt::format("sensor {} sees one direction only", sensor.name);
      } else if (found == sensors_.end() || found->second.watches.empty()) {
        problem = fmt::format("sensor {} gave nothing", sensor.name);
      } else if (found->second.sampled) {
        problem = fmt::format("sensor {} samples", sensor.name);
      } else {
        const Watch& w = found->second.watches.back();
        if (w.one_way)
          problem = fmt::format("sensor {} saw one side of most conversations", sensor.name);
        else if (w.flawed)
          problem = fmt::format("sensor {} lost packets", sensor.name);
        else if (j_.stale_before && w.last < *j_.stale_before)
          problem = fmt::format("the evidence of sensor {} is too old", sensor.name);
        else if (w.last - w.first < window)
          problem = fmt::format("sensor {} watched for {} only", sensor.name, describe_duration(w.last - w.first));
        else {
          watched.first = watched.sensors.empty() ? w.first : std::max(watched.first, w.first);
          watched.last = watched.sensors.empty() ? w.last : std::min(watched.last, w.last);
          watched.sensors.insert(sensor.name);
          return {};
        }
      }
      if (missing.empty()) missing = std::move(problem);
    }
    return missing.empty() ? fmt::format("no sensor sees {} to {}", a, b) : missing;
  }

  void judge_rule(std::uint32_t r) {
    const Rule& rule = j_.rules.rules[r];
    const Documented& doc = j_.documented.at(j_.options.as_of);
    if (!doc.state(r).in_force()) return;
    const RuleFacts& facts = j_.facts[r];
    judge_verification(r, facts);
    if (rule.use == Use::optional || !j_.options.judge_observed) return;
    const bool must = rule.use == Use::required || rule.use == Use::rare || rule.use_window.has_value();
    const Period period = rule.use_window ? *rule.use_window : rule.use == Use::rare ? kRareWindow : kUseWindow;
    const Nanoseconds window = nominal(period);
    if (facts.last_use && *facts.last_use + window >= j_.options.as_of) return;
    if (only_icmp_errors(rule)) return;
    const auto pairs = zone_pairs(rule);
    if (pairs.empty()) return;
    if (!must && sensors_.empty()) return;
    Watched watched;
    for (const auto& [from, to] : pairs) {
      std::string missing = missing_for(from, to, window, watched);
      if (missing.empty()) continue;
      if (must) unmeasured_[missing].push_back(rule.id);
      return;
    }
    // Windows of different sensors may hardly overlap: only what all of them watched counts.
    if (watched.last - watched.first < window) {
      if (must)
        unmeasured_[fmt::format("sensors {} did not watch at the same time",
                                list_some({watched.sensors.begin(), watched.sensors.end()}))]
            .push_back(rule.id);
      return;
    }
    // Used in the window that was watched, though that ended a while ago.
    if (facts.last_use && *facts.last_use + window >= watched.last) return;
    Finding f;
    f.kind = FindingKind::approved_unused;
    f.severity = default_severity(f.kind);
    f.rule = rule.id;
    if (pairs.size() == 1) {
      f.from_zone = j_.trust.name(pairs.front().first);
      f.to_zone = j_.trust.name(pairs.front().second);
    }
    if (!rule.services.empty()) f.service = j_.rules.services[rule.services.front()].name;
    const std::vector<std::string> sensors(watched.sensors.begin(), watched.sensors.end());
    const bool one = sensors.size() == 1;
    f.source = fmt::format("sensor{} {}", one ? "" : "s", list_some(sensors));
    const Timestamp since = facts.last_use ? std::max(*facts.last_use, watched.first) : watched.first;
    f.title =
        fmt::format("{} ({}) was not used in {}", rule.id, f.service, describe_duration(watched.last - since));
    f.cause = fmt::format(
        "Sensor{} {} watched both directions from {} to {} and dropped nothing; the rule's window is "
        "{}.",
        one ? "" : "s", list_some(sensors), to_string(watched.first), to_string(watched.last), to_string(period));
    if (facts.last_use) f.cause += fmt::format(" The last use that was seen ended {}.", to_string(*facts.last_use));
    if (rule.use == Use::required) f.cause += " The rule says that its use is required.";
    f.remedy = default_remedy(f.kind);
    f.application = rule.application;
    f.owner = rule.owner;
    f.tags = rule.tags;
    j_.verdict.findings.push_back(std::move(f));
  }

  bool only_icmp_errors(const Rule& rule) const {
    for (const std::uint32_t index : rule.services) {
      const Service& s = j_.rules.services[index];
      if (s.all || !s.tcp.empty() || !s.udp.empty() || !s.sctp.empty() || !s.ip.empty()) return false;
      for (const IcmpType& t : s.icmp)
        if (!is_icmp_error(Family::ipv4, t.type)) return false;
      for (const IcmpType& t : s.icmpv6)
        if (!is_icmp_error(Family::ipv6, t.type)) return false;
    }
    return true;
  }

  /// Did any of the views that may satisfy the rule say anything about it.
  /// Configurations permit it, or deny some of it for certain, on every pair of its zones.
  bool decided_by_configuration(std::uint32_t r) const {
    if (j_.configured == nullptr) return false;
    const RuleConfigured& c = j_.configured->rules[r];
    return c.is_permitted() || (c.measured && c.blocked);
  }

  void judge_verification(std::uint32_t r, const RuleFacts& facts) {
    if (!j_.options.judge_reachable || !j_.options.judge_observed) return;
    const Rule& rule = j_.rules.rules[r];
    const bool probed = facts.probed(), used = facts.conversations != 0;
    switch (rule.verify_by) {
      case VerifyBy::configuration:
        if (j_.configured == nullptr)
          unverified_["their `verify_by` wants the configuration, which is not read"].push_back(rule.id);
        else if (!decided_by_configuration(r))
          unverified_["their `verify_by` wants the configuration, and none decides it"].push_back(rule.id);
        return;
      case VerifyBy::witness:
        if (facts.open.empty() && facts.witnessed.empty())
          unverified_["their `verify_by` wants a witness, and none was heard"].push_back(rule.id);
        return;
      case VerifyBy::flows:
        if (!used) unverified_["their `verify_by` wants conversations, and none was seen"].push_back(rule.id);
        return;
      case VerifyBy::probe:
        if (!probed) unverified_["their `verify_by` wants a probe, and none was decided"].push_back(rule.id);
        return;
      case VerifyBy::any: break;
    }
    if (probed || used || !facts.unproven.empty() || decided_by_configuration(r)) return;
    bool tcp = false, udp = false, other = false;
    for (const std::uint32_t index : rule.services) {
      const Service& s = j_.rules.services[index];
      tcp = tcp || s.all || !s.tcp.empty();
      udp = udp || s.all || !s.udp.empty();
      other = other || !s.icmp.empty() || !s.icmpv6.empty() || !s.ip.empty() || !s.sctp.empty();
    }
    // What coverage does not want measured is nobody's gap.
    const Coverage& c = j_.rules.coverage;
    if (c.given && !tcp && (!udp || c.udp.none) && (!other || c.icmp.none)) return;
    const bool stands = std::any_of(j_.rules.vantages.begin(), j_.rules.vantages.end(),
                                    [&](const Vantage& v) { return rule.from.addresses.contains(v.address); });
    if (!stands)
      unverified_
          ["no vantage point stands for their source, no conversation of theirs was seen, and no configuration was "
           "read"]
              .push_back(rule.id);
    else if (!tcp)
      unverified_["only a raw probe, a witness, a conversation or a configuration could tell"].push_back(rule.id);
    // Otherwise a probe could tell and did not: coverage says what was not asked.
  }

  void gaps_of_sensors() {
    for (auto& [missing, rules] : unmeasured_) {
      std::sort(rules.begin(), rules.end());
      j_.add_gap(
          {fmt::format("use of {} not measured: {}",
                       rules.size() == 1 ? "1 rule" : fmt::format("{} rules", rules.size()), missing),
           fmt::format("Whether {} {} used cannot be said.", list_some(rules), rules.size() == 1 ? "is" : "are"),
           "Capture with a declared sensor for the whole window, or set the rules' `use` and `use_window` to what "
           "can be watched.",
           {},
           {},
           {},
           std::nullopt,
           {},
           {}});
    }
  }

  void gaps_of_rules() {
    for (auto& [why, rules] : unverified_) {
      std::sort(rules.begin(), rules.end());
      j_.add_gap(
          {fmt::format("{} not verified by any view: {}",
                       rules.size() == 1 ? "1 rule" : fmt::format("{} rules", rules.size()), list_some(rules)),
           fmt::format("{}{}.", static_cast<char>(why.front() - 'a' + 'A'), why.substr(1)),
           "Add a vantage point in the source's zone, or a sensor on the path.",
           {},
           {},
           {},
           std::nullopt,
           {},
           {}});
    }
  }

  Judging& j_;
  std::map<std::string, SensorFacts> sensors_;
  std::map<std::string, std::vector<std::string>> unmeasured_, unverified_;
};

}  // namespace

void judge_use(Judging& j) { Usage(j).run(); }

}  // namespace demarc
