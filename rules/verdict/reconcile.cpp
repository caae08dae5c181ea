#include "rules/verdict/reconcile.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "rules/acl/device.h"
#include "rules/policy/scope.h"
#include "rules/verdict/judging.h"

namespace demarc {

// --- Shared parts
// ---------------------------------------------------------------------------------------------------

DocumentedOverTime::DocumentedOverTime(const RuleSet& rules) : rules_(&rules), epochs_(epochs(rules)) {}

std::size_t DocumentedOverTime::epoch_of(Timestamp time) const {
  return static_cast<std::size_t>(std::upper_bound(epochs_.begin(), epochs_.end(), time) - epochs_.begin());
}

const Documented& DocumentedOverTime::at(Timestamp time) {
  const std::size_t epoch = epoch_of(time);
  ++clock_;
  for (Prepared& p : prepared_) {
    if (p.epoch != epoch) continue;
    p.used = clock_;
    return *p.documented;
  }
  if (prepared_.size() >= kKeptMax) {
    const auto oldest = std::min_element(prepared_.begin(), prepared_.end(),
                                         [](const Prepared& a, const Prepared& b) { return a.used < b.used; });
    prepared_.erase(oldest);
  }
  Prepared p;
  p.epoch = epoch;
  p.used = clock_;
  p.space = std::make_unique<PacketSpace>();
  p.documented = std::make_unique<Documented>(*rules_, *p.space, time);
  prepared_.push_back(std::move(p));
  return *prepared_.back().documented;
}

void RuleFacts::mark(std::vector<std::uint16_t>& list, std::uint16_t standpoint) {
  const auto at = std::lower_bound(list.begin(), list.end(), standpoint);
  if (at == list.end() || *at != standpoint) list.insert(at, standpoint);
}

std::string list_some(const std::vector<std::string>& names, std::size_t shown) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < shown; ++i) {
    if (i != 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

std::optional<std::uint32_t> worst_forbidden(const RuleSet& rules, const std::vector<std::uint32_t>& entries) {
  std::optional<std::uint32_t> worst;
  for (const std::uint32_t e : entries)
    if (!worst || rules.forbidden[e].severity > rules.forbidden[*worst].severity) worst = e;
  return worst;
}

bool service_has(const Service& service, Protocol protocol, std::uint16_t number) {
  if (service.all) return true;
  const auto has_type = [number](const std::vector<IcmpType>& types) {
    return std::any_of(types.begin(), types.end(), [number](const IcmpType& t) {
      return t.type == number >> 8 && (!t.code || *t.code == (number & 0xFF));
    });
  };
  const Port port{number};
  if (protocol == Protocol::tcp) return service.tcp.contains(port) || service.related_tcp.contains(port);
  if (protocol == Protocol::udp) return service.udp.contains(port) || service.related_udp.contains(port);
  if (protocol == Protocol::sctp) return service.sctp.contains(port);
  if (protocol == Protocol::icmp && has_type(service.icmp)) return true;
  if (protocol == Protocol::icmpv6 && has_type(service.icmpv6)) return true;
  return std::find(service.ip.begin(), service.ip.end(), protocol) != service.ip.end();
}

PortSet service_ports(const Service& service, Protocol protocol) {
  if (service.all) return PortSet::all();
  if (protocol == Protocol::tcp) return service.tcp;
  if (protocol == Protocol::udp) return service.udp;
  if (protocol == Protocol::sctp) return service.sctp;
  if (!protocol.is_icmp()) return {};
  std::vector<PortRange> ranges;
  for (const IcmpType& t : protocol == Protocol::icmp ? service.icmp : service.icmpv6) {
    const auto base = static_cast<std::uint16_t>(t.type << 8);
    ranges.push_back({Port{static_cast<std::uint16_t>(base | t.code.value_or(0))},
                      Port{static_cast<std::uint16_t>(base | (t.code ? *t.code : 0xFF))}});
  }
  return PortSet::of(std::move(ranges));
}

PortSet icmp_queries(const std::vector<IcmpType>& types, Family family) {
  std::vector<PortRange> ranges;
  for (const IcmpType& t : types) {
    if (!icmp_reply_type(family, t.type)) continue;
    const auto base = static_cast<std::uint16_t>(t.type << 8);
    ranges.push_back(PortRange::single(Port{static_cast<std::uint16_t>(base | t.code.value_or(0))}));
  }
  return PortSet::of(std::move(ranges));
}

Judging::Judging(const RuleSet& rule_set, const Snapshot& evidence, const JudgeOptions& judge_options)
    : rules(rule_set),
      snapshot(evidence),
      options(judge_options),
      trust(rule_set),
      names(rule_set),
      translator(rule_set),
      documented(rule_set),
      facts(rule_set.rules.size()) {
  if (rules.coverage.given && rules.coverage.age_max)
    stale_before = options.as_of - nominal(*rules.coverage.age_max);
}

void Judging::add_gap(Gap gap) {
  Finding f;
  f.kind = FindingKind::not_measured;
  f.title = std::move(gap.title);
  f.cause = std::move(gap.cause);
  f.remedy = gap.remedy.empty() ? std::string(default_remedy(FindingKind::not_measured)) : std::move(gap.remedy);
  f.from_zone = std::move(gap.from_zone);
  f.to_zone = std::move(gap.to_zone);
  f.target = std::move(gap.target);
  f.protocol = gap.protocol;
  f.vantages = std::move(gap.vantages);
  f.source = std::move(gap.source);
  verdict.findings.push_back(std::move(f));
}

void Judging::note(std::string text) { verdict.notes.push_back(std::move(text)); }

CellFacts& Judging::cell(ZoneIndex from, ZoneIndex to, std::uint32_t service) {
  const std::uint64_t zones = rules.zones.size() + 1;
  const auto place = [&](ZoneIndex z) { return z == kNoZone ? zones - 1 : std::uint64_t{z}; };
  return cells[(place(from) * zones + place(to)) * (rules.services.size() + 1) + service];
}

Severity Judging::undocumented_severity(ZoneIndex from, ZoneIndex to, Protocol protocol,
                                        const PortSet& ports) const {
  if (!trust.less_trusted(from, to)) return Severity::medium;
  Severity worst = Severity::high;
  for (const PortRange& range : ports.ranges()) {
    for (std::uint32_t p = range.first.number(); p <= range.last.number() && worst != Severity::critical; ++p)
      if (const CatalogueEntry* row = ServiceNames::risk(protocol, static_cast<std::uint16_t>(p));
          row != nullptr && row->exposed > worst)
        worst = row->exposed;
  }
  return worst;
}

std::string Judging::address_name(const Address& address) const {
  std::string text = rules.name_of(address);
  return text.empty() ? to_string(address) : text;
}

// --- The judgement
// --------------------------------------------------------------------------------------------------

void name_evidence(Verdict& verdict, const Snapshot& snapshot, std::span<const GivenConfiguration> configurations) {
  verdict.evidence.clear();
  std::vector<const EvidenceFile*> files;
  for (const EvidenceFile& f : snapshot.files) files.push_back(&f);
  std::sort(files.begin(), files.end(), [](const EvidenceFile* a, const EvidenceFile* b) {
    return std::tie(a->name, a->sha256) < std::tie(b->name, b->sha256);
  });
  std::set<std::string> seen;
  for (const EvidenceFile* f : files) {
    if (!seen.insert(f->sha256.empty() ? f->name : f->sha256).second) continue;
    EvidenceRow row;
    row.file = f->name;
    row.kind = name(f->kind);
    row.sha256 = f->sha256;
    row.note = f->note;
    row.size = f->size;
    verdict.evidence.push_back(std::move(row));
  }
  std::vector<EvidenceRow> read;
  for (const GivenConfiguration& g : configurations) {
    if (g.device == nullptr) continue;
    EvidenceRow row;
    row.file = g.device->file;
    row.kind = fmt::format("configuration ({})", name(g.device->dialect));
    row.sha256 = g.sha256;
    row.size = g.size;
    read.push_back(std::move(row));
  }
  std::sort(read.begin(), read.end(), [](const EvidenceRow& a, const EvidenceRow& b) {
    return std::tie(a.file, a.sha256) < std::tie(b.file, b.sha256);
  });
  for (EvidenceRow& row : read)
    if (seen.insert(row.sha256.empty() ? row.file : row.sha256).second) verdict.evidence.push_back(std::move(row));
}

namespace {

/// Who is judged, when, on what evidence.
void introduce(Judging& j, std::span<const GivenConfiguration> configurations) {
  Verdict& v = j.verdict;
  v.tool_version = j.options.tool_version;
  v.rules_name = j.rules.name;
  v.rules_file = j.rules.file;
  v.rules_sha256 = j.rules.sha256;
  v.as_of = j.options.as_of;
  v.authorised_by = j.rules.scope.authorised_by;
  v.authorised_ticket = j.rules.scope.authorised_ticket;
  if (j.rules.scope.given)
    if (const Result<Scope> scope = Scope::from_rules(j.rules)) v.scope_sha256 = scope->sha256();
  name_evidence(v, j.snapshot, configurations);
}

/// File names get ranks, so that drafts can compare places without comparing names.
void rank_files(Judging& j) {
  std::set<std::string> names;
  for (const ScanRun& s : j.snapshot.scans) names.insert(s.file);
  for (const FlowEvidence& e : j.snapshot.flows) names.insert(e.file);
  const auto rank = [&](const std::string& file) {
    return static_cast<std::uint32_t>(std::distance(names.begin(), names.find(file)));
  };
  for (const ScanRun& s : j.snapshot.scans) j.run_file_rank.push_back(rank(s.file));
  for (const FlowEvidence& e : j.snapshot.flows) j.flow_file_rank.push_back(rank(e.file));
}

void describe_runs(Judging& j) {
  std::set<std::uint16_t> ran;
  for (const RunUse& use : j.reachable.used) {
    const ScanRun& run = j.snapshot.scans[use.run];
    const Standpoint& s = j.reachable.standpoints[use.standpoint];
    ran.insert(use.standpoint);
    VantageRow row;
    row.name = s.name;
    row.zone = s.zone;
    row.source_address = to_string(run.header.source_address.value_or(s.address));
    row.method = run.header.method;
    if (run.header.shards > 1) row.method += fmt::format(", shard {}/{}", run.header.shard, run.header.shards);
    row.started = to_string(run.header.started);
    if (run.summary) {
      row.finished = to_string(run.summary->finished);
      row.sent = run.summary->sent;
      row.loss_estimate = run.summary->loss_estimate;
    }
    row.end = run.summary ? std::string(name(run.summary->end)) : "interrupted";
    j.verdict.vantages.push_back(std::move(row));
    if (!run.header.rules_sha256.empty() && !j.rules.sha256.empty() && run.header.rules_sha256 != j.rules.sha256)
      j.note(fmt::format("{} was measured under another version of the rule set; it is judged by this one.",
                         run.file));
    if (run.header.started > j.options.as_of)
      j.note(fmt::format("{} was measured after the time of this verdict.", run.file));
    for (const std::string& n : run.notes) j.note(fmt::format("{}: {}", s.name, n));
  }
  for (std::uint16_t i = 0; i < j.reachable.standpoints.size(); ++i) {
    const Standpoint& s = j.reachable.standpoints[i];
    if (ran.contains(i) || s.vantage == nullptr) continue;
    VantageRow row;
    row.name = s.name;
    row.zone = s.zone;
    row.source_address = to_string(s.address);
    row.end = "never ran";
    j.verdict.vantages.push_back(std::move(row));
  }
  std::sort(j.verdict.vantages.begin(), j.verdict.vantages.end(), [](const VantageRow& a, const VantageRow& b) {
    return std::tie(a.name, a.started, a.method, a.finished, a.sent) <
           std::tie(b.name, b.started, b.method, b.finished, b.sent);
  });
}

void sort_all(Judging& j) {
  Verdict& v = j.verdict;
  std::sort(v.findings.begin(), v.findings.end(), finding_before);
  std::sort(v.notes.begin(), v.notes.end());
  v.notes.erase(std::unique(v.notes.begin(), v.notes.end()), v.notes.end());
  std::sort(v.coverage.begin(), v.coverage.end(),
            [](const CoverageRow& a, const CoverageRow& b) { return a.what < b.what; });
}

}  // namespace

Verdict judge(const RuleSet& rules, const Snapshot& snapshot, const JudgeOptions& options,
              std::span<const GivenConfiguration> configurations) {
  Judging j(rules, snapshot, options);
  introduce(j, configurations);
  rank_files(j);
  j.reachable = arrange(rules, snapshot, j.stale_before);
  j.flow_order = distinct_flows(snapshot);
  for (const std::string& n : j.reachable.notes) j.note(n);
  for (const std::uint32_t e : j.flow_order)
    for (const std::string& n : j.snapshot.flows[e].notes) j.note(n);
  // From here on outcomes stand in one order, each port with one of them, whatever files they came in.
  judge_exposure(j);
  judge_flows(j);
  judge_configured(j, configurations);
  // Every rule now knows what probes, captures and configurations said about it.
  judge_use(j);
  if (options.judge_reachable) judge_coverage(j);
  describe_runs(j);
  write_drafts(j);
  // Findings have their words; ids follow from them, and acceptances from ids.
  judge_documentation(j);
  sort_all(j);
  draw_matrix(j);
  list_lines(j);
  list_rules(j);
  conclude(j.verdict);
  return std::move(j.verdict);
}

}  // namespace demarc
