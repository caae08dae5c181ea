// Drafts become findings: numbers get names, sentences, a severity and a remedy.
#include <fmt/format.h>

#include <algorithm>

#include "rules/verdict/flow_words.h"

namespace demarc {

namespace {

constexpr std::size_t kTargetsMax = 2000;  // of one kind between two zones; beyond it they are one finding
constexpr std::size_t kPassedServicesMax =
    4;  // that reach one target where nothing listens; beyond it they are one finding

std::string protocol_and_ports(Protocol protocol, const PortSet& ports, const std::vector<IcmpType>& icmp,
                               Family family) {
  if (protocol.is_icmp()) {
    std::string text = to_string(protocol);
    for (std::size_t i = 0; i < icmp.size() && i < 4; ++i)
      text += fmt::format("{}{}", i == 0 ? " " : ", ", describe(family, icmp[i]));
    if (icmp.size() > 4) text += ", ...";
    return text;
  }
  if (ports.empty()) return to_string(protocol);
  if (ports.ranges().size() > 8) {
    std::vector<PortRange> some(ports.ranges().begin(), ports.ranges().begin() + 6);
    return fmt::format("{}/{} and more ({} ports)", to_string(protocol), to_string(PortSet::of(std::move(some))),
                       ports.size());
  }
  return fmt::format("{}/{}", to_string(protocol), to_string(ports));
}

std::vector<IcmpType> icmp_types(const PortSet& numbers) {
  std::vector<IcmpType> out;
  for (const PortRange& r : numbers.ranges()) {
    for (std::uint32_t n = r.first.number(); n <= r.last.number() && out.size() < 256; ++n) {
      const auto type = static_cast<std::uint8_t>(n >> 8);
      if ((n & 0xFF) == 0 && r.last.number() >= (n | 0xFF)) {
        out.push_back({type, std::nullopt});
        n |= 0xFF;
      } else {
        out.push_back({type, static_cast<std::uint8_t>(n & 0xFF)});
      }
    }
  }
  return out;
}

class Writer {
 public:
  explicit Writer(Judging& j) : j_(j) {}

  void run() {
    j_.drafts.join_services(FindingKind::passed_undocumented, kPassedServicesMax);
    for (auto& [key, draft] : j_.drafts.take(kTargetsMax)) j_.verdict.findings.push_back(write(key, draft));
  }

 private:
  std::string count(std::uint64_t n, std::string_view one) const {
    return fmt::format("{} {}{}", n, one, n == 1 ? "" : "s");
  }

  std::string names(const std::vector<Address>& addresses, bool more) const {
    std::string text;
    for (std::size_t i = 0; i < addresses.size(); ++i) text += (i == 0 ? "" : ", ") + j_.address_name(addresses[i]);
    return more ? text + " and others" : text;
  }

  std::string rule_id(const RuleRef& ref) const {
    switch (ref.kind) {
      case RuleRef::Kind::none: return {};
      case RuleRef::Kind::rule: return j_.rules.rules[ref.index].id;
      case RuleRef::Kind::exception: return j_.rules.exceptions[ref.index].rule.id;
      case RuleRef::Kind::forbidden: return j_.rules.forbidden[ref.index].id;
    }
    return {};
  }

  Finding write(const DraftKey& k, const Draft& d) {
    Finding f;
    f.kind = k.kind;
    f.severity = default_severity(k.kind);
    f.rule = rule_id(k.rule);
    if (k.from != kNoZone || shows_source(k.kind)) f.from_zone = j_.trust.name(k.from);
    if (k.to != kNoZone || (shows_source(k.kind) && !k.many)) f.to_zone = j_.trust.name(k.to);
    if (k.has_target) {
      f.target = j_.address_name(k.target);
      f.target_address = k.target;
    }
    const Family family = d.sample                         ? d.sample->destination.family()
                          : k.protocol == Protocol::icmpv6 ? Family::ipv6
                                                           : Family::ipv4;
    const PortSet numbers = d.port_set();
    if (k.protocol != Protocol()) {
      f.protocol = k.protocol;
      if (k.protocol.is_icmp())
        f.icmp = icmp_types(numbers);
      else
        f.ports = numbers;
    }
    f.service = j_.names.name(k.service);
    f.sample = d.sample;
    for (const std::uint16_t v : d.vantages) f.vantages.push_back(j_.reachable.standpoints[v].name);
    std::sort(f.vantages.begin(), f.vantages.end());
    f.source = k.has_initiator       ? j_.address_name(k.initiator)
               : !f.vantages.empty() ? list_some(f.vantages)
                                     : names(d.sources, d.sources_more != 0);
    rule_details(k, f);
    const std::string what =
        (f.service.empty() ? std::string() : f.service + " ") +
        (f.protocol ? "(" + protocol_and_ports(k.protocol, f.ports, f.icmp, family) + ")" : std::string());
    speak(k, d, f, what, numbers);
    if (f.remedy.empty()) f.remedy = remedy(k, numbers);
    for (const EvidencePlace& p : d.places) f.evidence.push_back(evidence(p));
    for (const EvidencePlace& p : d.places)
      if (const std::optional<EvidenceRef> seen = witness_evidence(p);
          seen && std::find(f.evidence.begin(), f.evidence.end(), *seen) == f.evidence.end())
        f.evidence.push_back(*seen);
    return f;
  }

  static bool shows_source(FindingKind kind) {
    switch (kind) {
      case FindingKind::approved_not_listening:
      case FindingKind::host_undocumented:
      case FindingKind::link_control: return false;
      default: return true;
    }
  }

  void rule_details(const DraftKey& k, Finding& f) const {
    const Rule* rule = k.rule.kind == RuleRef::Kind::rule        ? &j_.rules.rules[k.rule.index]
                       : k.rule.kind == RuleRef::Kind::exception ? &j_.rules.exceptions[k.rule.index].rule
                                                                 : nullptr;
    if (rule == nullptr) return;
    f.application = rule->application;
    f.owner = rule->owner;
    f.tags = rule->tags;
  }

  std::string remedy(const DraftKey& k, const PortSet& numbers) const {
    if (k.rule.kind == RuleRef::Kind::forbidden && !j_.rules.forbidden[k.rule.index].remedy.empty())
      return j_.rules.forbidden[k.rule.index].remedy;
    const bool exposure = k.kind == FindingKind::exposed_undocumented || k.kind == FindingKind::exposed_forbidden ||
                          k.kind == FindingKind::flow_undocumented || k.kind == FindingKind::flow_forbidden;
    if (exposure && k.cause != Cause::rule_not_in_force && k.service != kNoServiceName && !numbers.empty())
      if (const CatalogueEntry* row = ServiceNames::risk(k.protocol, numbers.ranges().front().first.number()))
        return std::string(row->remedy);
    return std::string(default_remedy(k.kind));
  }

  std::string cause(const DraftKey& k, const Draft& d) {
    const Timestamp at = j_.options.as_of;
    switch (k.cause) {
      case Cause::no_rule: return "No rule approves it.";
      case Cause::expected_blocked:
        return fmt::format("{} approves it in general and expects it to be blocked from here.", rule_id(k.rule));
      case Cause::outside_related:
      case Cause::not_announcing:
        return fmt::format("{} approves the conversation that announced it, but {}.", rule_id(k.rule), d.detail);
      case Cause::host_unknown:
        return d.detail.empty() ? "No host entry has this address."
                                : fmt::format("No host entry has this address, and {}.", d.detail);
      case Cause::rule_not_in_force: {
        const Rule& rule = j_.rules.rules[k.rule.index];
        j_.cited_rules.insert(rule.id);
        return fmt::format("{}: {} would approve it, but its state is: {}.",
                           state_word(state_of(j_.rules, rule, at).status), rule.id,
                           state_of(j_.rules, rule, at).words);
      }
      case Cause::exception_not_in_force: {
        const Exception& x = j_.rules.exceptions[k.rule.index];
        j_.cited_rules.insert(x.rule.id);
        return fmt::format("{}: exception {} would approve it, but its state is: {}.",
                           state_word(state_of(j_.rules, x, at).status), x.rule.id,
                           state_of(j_.rules, x, at).words);
      }
      case Cause::none: break;
    }
    if (k.rule.kind == RuleRef::Kind::forbidden) {
      const ForbiddenEntry& e = j_.rules.forbidden[k.rule.index];
      return e.reason.empty() ? fmt::format("{} forbids it.", e.id)
                              : fmt::format("{} forbids it: {}.", e.id, e.reason);
    }
    return {};
  }

  static std::string_view state_word(RuleStatus status) {
    switch (status) {
      case RuleStatus::expired: return "rule-expired";
      case RuleStatus::approval_missing: return "approval-missing";
      case RuleStatus::approval_invalid: return "approval-invalid";
      case RuleStatus::proposed: return "rule-proposed";
      case RuleStatus::not_yet: return "rule-not-yet-in-force";
      case RuleStatus::in_force: return "rule-not-in-force-then";
    }
    return "rule-not-in-force";
  }

  void speak(const DraftKey& k, const Draft& d, Finding& f, const std::string& what, const PortSet& numbers) {
    const std::string target = f.target.empty() ? names(d.targets, d.targets_more != 0) : f.target;
    const std::string from = f.from_zone, vantages = list_some(f.vantages);
    const auto sentence = [&f](std::string text) { f.cause += (f.cause.empty() ? "" : " ") + std::move(text); };
    f.cause = cause(k, d);
    switch (k.kind) {
      case FindingKind::exposed_forbidden:
        f.severity =
            k.rule.kind == RuleRef::Kind::forbidden ? j_.rules.forbidden[k.rule.index].severity : f.severity;
        f.title = fmt::format("{} of {} answers from {}{}", what, target, from,
                              f.rule.empty() ? "" : fmt::format(", where {} forbids it", f.rule));
        if (!d.detail.empty()) sentence(capital(d.detail));
        break;
      case FindingKind::exposed_undocumented:
        f.severity = j_.undocumented_severity(k.from, k.to, k.protocol, numbers);
        f.title = fmt::format("{} of {} answers from {} and no rule in force approves it", what, target, from);
        break;
      case FindingKind::passed_undocumented:
        f.title =
            d.detail.empty()
                ? fmt::format("{} reaches {} from {}: nothing listens, and nothing blocks it", what, target, from)
                : fmt::format("{} reaches {} from {}: nothing on the way blocks it", what, target, from);
        sentence(d.detail.empty() ? "The target itself refused, so the path let the probe through."
                                  : capital(d.detail));
        break;
      case FindingKind::outbound_undocumented: {
        if (k.rule.kind == RuleRef::Kind::forbidden && j_.rules.forbidden[k.rule.index].severity > f.severity)
          f.severity = j_.rules.forbidden[k.rule.index].severity;
        if (d.beyond_filter) f.severity = Severity::critical;
        if (const NoiseTally::Scan* scan = scan_of(k)) {
          f.title = fmt::format("{} scans {}", f.source, scan_words(j_, *scan, f.to_zone));
          sentence(fmt::format("{}, none of them established.", count(d.conversations, "attempt")));
        } else {
          f.title = fmt::format("{} {} {} {}{}", f.source, d.established != 0 ? "opens" : "tries to open",
                                what.empty() ? to_string(k.protocol) : what,
                                d.targets_more != 0 || k.many ? "at many addresses" : "at " + target,
                                f.to_zone.empty() ? "" : " in " + f.to_zone);
          sentence(
              fmt::format("{}, {} of them established.", count(d.conversations, "conversation"), d.established));
        }
        say_announced(d, sentence);
        say_spoken(d, f, sentence);
        if (d.beyond_filter) sentence("It was seen beyond the filter: the filter let it out.");
        break;
      }
      case FindingKind::host_undocumented:
        f.title = fmt::format("{} answers and is no documented host", target);
        f.source.clear();
        break;
      case FindingKind::approved_unreachable:
        f.title =
            fmt::format("{} of {} is approved by {} and does not get through from {}", what, target, f.rule, from);
        f.cause = capital(d.detail);
        break;
      case FindingKind::approved_not_listening:
        f.title = k.has_target
                      ? fmt::format("{} of {} is approved by {} and nothing listens there", what, target, f.rule)
                      : fmt::format("{} is approved by {} and nobody listens", what, f.rule);
        f.cause = d.detail.empty() ? "The host itself refused the connection." : capital(d.detail);
        break;
      case FindingKind::service_mismatch:
        f.title = fmt::format("{} of {}: {}", what, target, d.detail);
        f.cause = fmt::format("{} approves one service and another one speaks.", f.rule);
        break;
      case FindingKind::flow_forbidden:
        f.severity =
            k.rule.kind == RuleRef::Kind::forbidden ? j_.rules.forbidden[k.rule.index].severity : f.severity;
        f.title = fmt::format("{} of {} is used from {}{}", what, target, from,
                              f.rule.empty() ? "" : fmt::format(", where {} forbids it", f.rule));
        say_established(d, sentence);
        say_spoken(d, f, sentence);
        break;
      case FindingKind::flow_undocumented:
        f.severity = j_.undocumented_severity(k.from, k.to, k.protocol, numbers);
        // What was recognised is what it is, whatever its port.
        for (const std::string& spoken : d.spoken)
          if (const CatalogueEntry* row = catalogue_by_protocol(spoken);
              row != nullptr && j_.trust.less_trusted(k.from, k.to))
            f.severity = std::max(f.severity, row->exposed);
        f.title = fmt::format("{} of {} is used from {} and no rule in force approves it", what, target, from);
        say_established(d, sentence);
        say_spoken(d, f, sentence);
        if (k.from == kNoZone) sentence("The source is an address that no zone claims.");
        break;
      case FindingKind::attempt_undocumented: {
        if (const NoiseTally::Scan* scan = scan_of(k)) {
          f.title = fmt::format("{} scans {}", f.source, scan_words(j_, *scan, f.to_zone));
          sentence(fmt::format("{}, none of them established.", count(d.conversations, "attempt")));
          break;
        }
        f.title =
            fmt::format("{} tries {}{} without an answer", f.source, what.empty() ? to_string(k.protocol) : what,
                        f.to_zone.empty() ? " at many addresses" : " in " + f.to_zone);
        sentence(fmt::format("{}, none established{}.", count(d.conversations, "attempt"),
                             d.targets.empty() ? "" : ", towards " + names(d.targets, d.targets_more != 0)));
        break;
      }
      case FindingKind::link_control:
        f.title = "Traffic that runs the links: neighbour discovery, DHCP, multicast";
        f.cause = count(d.conversations, "conversation") + ".";
        break;
      case FindingKind::scan_noise: {
        f.title = fmt::format("unanswered noise from {} to {}", from,
                              f.to_zone.empty() ? std::string("many addresses") : f.to_zone);
        const auto tally = j_.noise.find(k);
        f.cause =
            tally == j_.noise.end() ? count(d.conversations, "attempt") + "." : noise_words(j_, tally->second);
        f.source.clear();
        f.sample.reset();
        break;
      }
      case FindingKind::answers_everything:
        f.title = fmt::format("{} answers on every port from {}: its opens prove nothing", target, from);
        f.cause = "A proxy or tarpit in front of it completes every handshake.";
        if (!d.detail.empty()) sentence(capital(d.detail));
        f.ports = PortSet();
        break;
      default: break;
    }
    if (d.uncertain_direction && k.kind != FindingKind::scan_noise && k.kind != FindingKind::service_mismatch)
      sentence("The capture did not see who opened it.");
  }

  /// What a draft of a scan asked for; none: it is no scan.
  const NoiseTally::Scan* scan_of(const DraftKey& k) const {
    if (!k.scan) return nullptr;
    const auto tally = j_.noise.find(k);
    if (tally == j_.noise.end()) return nullptr;
    const auto scan = tally->second.scans.find(k.initiator);
    return scan == tally->second.scans.end() ? nullptr : &scan->second;
  }

  template <typename Sentence>
  void say_established(const Draft& d, Sentence sentence) const {
    const std::string by = names(d.sources, d.sources_more != 0);
    if (d.conversations != 0)
      sentence(fmt::format("{} established, opened by {}.", count(d.established, "conversation"), by));
    else
      sentence(fmt::format("Opened by {}, as what it announced shows.", by));
    say_announced(d, sentence);
  }

  template <typename Sentence>
  void say_announced(const Draft& d, Sentence sentence) const {
    if (d.announced != 0)
      sentence(fmt::format("{} that it announced belong{} to it.", count(d.announced, "more conversation"),
                           d.announced == 1 ? "s" : ""));
  }

  /// Where the port's name says something else.
  template <typename Sentence>
  void say_spoken(const Draft& d, const Finding& f, Sentence sentence) const {
    std::vector<std::string> others;
    for (const std::string& spoken : d.spoken)
      if (spoken != f.service) others.push_back(spoken);
    if (!others.empty())
      sentence(fmt::format("{} speak{} there.", list_some(others), others.size() == 1 ? "s" : ""));
  }

  static std::string capital(std::string text) {
    if (text.empty()) return text;
    if (text.front() >= 'a' && text.front() <= 'z') text.front() = static_cast<char>(text.front() - 'a' + 'A');
    return text.back() == '.' ? text : text + ".";
  }

  std::optional<std::uint8_t> usual_ttl(std::uint32_t run, const Outcome& o) const {
    for (const RunUse& use : j_.reachable.used)
      if (use.run == run) return j_.ttls.of(use.standpoint, o.target, o.protocol);
    return std::nullopt;
  }

  /// The other half of a witnessed measurement.
  std::optional<EvidenceRef> witness_evidence(const EvidencePlace& p) const {
    if (p.view != EvidencePlace::View::probe) return std::nullopt;
    const Outcome& o = j_.snapshot.scans[p.owner].outcomes[p.index];
    const WitnessRun* witness = witness_of(j_.snapshot, o);
    if (witness == nullptr || o.passage == Passage::undetermined) return std::nullopt;
    return EvidenceRef{witness->file, fmt::format("witness at {}", witness->header.at),
                       o.passage == Passage::passed ? "the probe arrived" : "no such probe arrived"};
  }

  EvidenceRef evidence(const EvidencePlace& p) const {
    if (p.view == EvidencePlace::View::probe) {
      const ScanRun& run = j_.snapshot.scans[p.owner];
      const Outcome& o = run.outcomes[p.index];
      std::string text = fmt::format("{} ({}", name(o.state), name(o.answer));
      if (o.answered_by) text += " from " + to_string(*o.answered_by);
      if (o.ttl >= 0) text += fmt::format(", TTL {}", o.ttl);
      text += ")";
      const auto name_of = [this](const Address& a) { return j_.address_name(a); };
      for (const std::string& more : {who_says_so(o, usual_ttl(p.owner, o), name_of, witness_place(j_.snapshot, o)),
                                      where_it_stops(o, name_of)})
        if (!more.empty()) text += ", " + more;
      if (o.doubt != Doubt::none) text += fmt::format(", {}", name(o.doubt));
      if (o.service != kNoService && o.service < run.services.size()) {
        const ServiceSeen& s = run.services[o.service];
        text += fmt::format(": {}{}{}", s.name, s.product.empty() ? "" : " " + s.product,
                            s.version.empty() ? "" : " " + s.version);
        if (!s.evidence.empty()) text += fmt::format(" [{}]", s.evidence);
      }
      return {run.file, fmt::format("record {}", o.record), std::move(text)};
    }
    return p.view == EvidencePlace::View::flow ? flow_evidence(j_, p) : noise_evidence(j_, p);
  }

  Judging& j_;
};

}  // namespace

void write_drafts(Judging& j) { Writer(j).run(); }

}  // namespace demarc
