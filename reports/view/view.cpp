#include "reports/view/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace demarc {

namespace {

constexpr std::string_view kGroupByNames[] = {"none", "application", "zone", "owner", "tag"};

/// What a reader should see first when a picture has no room for everything.
int concern(MatrixCell::State state) {
  switch (state) {
    case MatrixCell::State::forbidden: return 6;
    case MatrixCell::State::undocumented: return 5;
    case MatrixCell::State::approved_not_seen: return 4;
    case MatrixCell::State::approved_not_measured: return 3;
    case MatrixCell::State::approved_seen: return 2;
    case MatrixCell::State::not_measured: return 1;
    case MatrixCell::State::unanswered: return 0;
  }
  return 0;
}

/// The `max` keys of most concern, in their own order again.
template <typename Key>
std::set<Key> keep_most_concerning(const std::map<Key, int>& concerns, std::size_t max) {
  std::vector<std::pair<Key, int>> ranked(concerns.begin(), concerns.end());
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  if (ranked.size() > max) ranked.resize(max);
  std::set<Key> kept;
  for (auto& [key, _] : ranked) kept.insert(std::move(key));
  return kept;
}

MatrixView lay_out_matrix(const Verdict& verdict, const ViewOptions& options) {
  using Pair = std::pair<std::string, std::string>;
  std::map<std::string, int> services;
  std::map<Pair, int> rows;
  auto raise = [](auto& concerns, const auto& key, int value) {
    auto [at, fresh] = concerns.try_emplace(key, value);
    if (!fresh) at->second = std::max(at->second, value);
  };
  for (const MatrixCell& cell : verdict.matrix) {
    raise(services, cell.service, concern(cell.state));
    raise(rows, Pair(cell.from_zone, cell.to_zone), concern(cell.state));
  }

  MatrixView view;
  std::set<std::string> kept_services = keep_most_concerning(services, options.matrix_services_max);
  std::set<Pair> kept_rows = keep_most_concerning(rows, options.matrix_rows_max);
  view.services.assign(kept_services.begin(), kept_services.end());
  view.services_left_out = services.size() - kept_services.size();
  view.rows_left_out = rows.size() - kept_rows.size();
  std::map<Pair, std::size_t> row_index;
  for (const Pair& pair : kept_rows) {
    row_index.emplace(pair, view.rows.size());
    view.rows.push_back({pair.first, pair.second, std::vector<const MatrixCell*>(view.services.size(), nullptr)});
  }
  for (const MatrixCell& cell : verdict.matrix) {
    auto row = row_index.find(Pair(cell.from_zone, cell.to_zone));
    auto column = std::lower_bound(view.services.begin(), view.services.end(), cell.service);
    if (row == row_index.end() || column == view.services.end() || *column != cell.service) continue;
    const MatrixCell*& slot =
        view.rows[row->second].cells[static_cast<std::size_t>(column - view.services.begin())];
    if (slot == nullptr || concern(cell.state) > concern(slot->state)) slot = &cell;
  }
  return view;
}

std::vector<std::string> group_names(const Finding& finding, GroupBy by) {
  auto or_else = [](const std::string& value, std::string_view otherwise) {
    return std::vector<std::string>{value.empty() ? std::string(otherwise) : value};
  };
  switch (by) {
    case GroupBy::none: return {""};
    case GroupBy::application: return or_else(finding.application, "no application named");
    case GroupBy::owner: return or_else(finding.owner, "no owner named");
    case GroupBy::zone: return or_else(zone_pair(finding), "no zone pair");
    case GroupBy::tag: {
      std::vector<std::string> tags = finding.tags;
      std::sort(tags.begin(), tags.end());
      tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
      if (tags.empty()) tags.push_back("no tag");
      return tags;
    }
  }
  return {""};
}

std::vector<FindingGroup> group_findings(const std::vector<const Finding*>& findings, GroupBy by) {
  std::map<std::string, FindingGroup> named;
  for (const Finding* finding : findings) {
    for (std::string& group_name : group_names(*finding, by)) {
      FindingGroup& group = named[group_name];
      group.name = std::move(group_name);
      group.findings.push_back(finding);
      group.tally.add(finding->severity);
    }
  }
  std::vector<FindingGroup> groups;
  for (auto& [_, group] : named) groups.push_back(std::move(group));
  std::stable_sort(groups.begin(), groups.end(),
                   [](const FindingGroup& a, const FindingGroup& b) { return a.tally.worst() > b.tally.worst(); });
  return groups;
}

/// Whether the verdict may be called clean. A saved verdict that contradicts itself is read in the way that claims
/// less.
bool evidence_complete(const Verdict& verdict, const View& view) {
  return verdict.complete && verdict.conclusion != Conclusion::inconclusive && view.gaps.empty() &&
         view.unmet.empty();
}

void conclude(const Verdict& verdict, View& view) {
  bool complete = evidence_complete(verdict, view);
  std::uint64_t gaps = std::max(view.gaps.size(), view.unmet.size());
  std::string missing =
      gaps == 0 ? "the evidence is incomplete" : counted(gaps, "gap", "gaps") + " in the evidence";
  if (verdict.conclusion == Conclusion::violates) {
    view.headline = view.open.empty()
                        ? "The boundary does not conform to its rule set."
                        : fmt::format("The boundary does not conform to its rule set: {}.", describe(view.tally));
    if (!complete)
      view.caveat =
          fmt::format("Not everything was measured ({}): there may be more than is listed here.", missing);
  } else if (!complete) {
    view.headline = view.open.empty()
                        ? "No verdict: nothing wrong was found, but not everything that had to be measured was."
                        : fmt::format("No verdict: not everything that had to be measured was; so far {}.",
                                      describe(view.tally));
    view.caveat = fmt::format("This is not a clean answer: {}.", missing);
  } else {
    view.headline = "The boundary conforms to its rule set, and everything that had to be measured was measured.";
    if (!view.open.empty())
      view.caveat = fmt::format("Below the threshold that fails a verdict: {}.", describe(view.tally));
  }
}

void advise(const Verdict& verdict, View& view) {
  if (!view.open.empty()) {
    const Finding& first = *view.open.front();
    view.next_steps.push_back(fmt::format("Start with {} ({}): {}", first.id, name(first.severity),
                                          first.remedy.empty() ? first.title : first.remedy));
  }
  if (!view.gaps.empty()) {
    const Finding& gap = *view.gaps.front();
    view.next_steps.push_back("Measure what is missing: " + (gap.remedy.empty() ? gap.title : gap.remedy));
  } else if (!view.unmet.empty()) {
    view.next_steps.push_back(
        fmt::format("Measure what is missing: {}: {}", view.unmet.front()->what, view.unmet.front()->gap));
  } else if (!evidence_complete(verdict, view)) {
    view.next_steps.push_back("Measure again: the evidence is incomplete.");
  }
  if (!view.next_steps.empty()) {
    view.next_steps.push_back(
        "Then scan again and run demarc verify with --baseline and this verdict: what was repaired is listed as "
        "gone.");
  } else {
    view.next_steps.push_back("Nothing to repair: have the report signed and file it with its evidence.");
  }
}

}  // namespace

std::string_view name(GroupBy by) { return kGroupByNames[static_cast<std::size_t>(by)]; }

std::optional<GroupBy> parse_group_by(std::string_view text) {
  for (std::size_t i = 0; i < std::size(kGroupByNames); ++i) {
    if (kGroupByNames[i] == text) return static_cast<GroupBy>(i);
  }
  return std::nullopt;
}

std::uint64_t SeverityTally::total() const {
  std::uint64_t sum = 0;
  for (std::uint64_t count : by_severity) sum += count;
  return sum;
}

Severity SeverityTally::worst() const {
  for (Severity severity : kSeveritiesFalling) {
    if ((*this)[severity] != 0) return severity;
  }
  return Severity::none;
}

std::string describe(const SeverityTally& tally) {
  std::string out;
  for (Severity severity : kSeveritiesFalling) {
    if (tally[severity] == 0) continue;
    if (!out.empty()) out += ", ";
    out += fmt::format("{} {}", grouped_number(tally[severity]), name(severity));
  }
  return out.empty() ? "no findings" : out;
}

View make_view(const Verdict& verdict, const ViewOptions& options) {
  View view;
  for (const Finding& finding : verdict.findings) {
    if (finding.baseline != BaselineStatus::none) view.has_baseline = true;
    if (finding.baseline == BaselineStatus::gone) {
      view.gone.push_back(&finding);
    } else if (finding.accepted) {
      view.accepted.push_back(&finding);
    } else if (finding.kind == FindingKind::not_measured) {
      view.gaps.push_back(&finding);
    } else {
      view.open.push_back(&finding);
      view.tally.add(finding.severity);
      if (finding.baseline == BaselineStatus::fresh) ++view.fresh;
    }
  }
  // The verdict is sorted already; a saved one from elsewhere may not be, and a report still starts with the worst.
  std::stable_sort(view.open.begin(), view.open.end(),
                   [](const Finding* a, const Finding* b) { return a->severity > b->severity; });
  for (const Finding* finding : view.open) {
    if (view.worst.size() == options.worst_max || finding->severity <= Severity::info) break;
    view.worst.push_back(finding);
  }
  for (const CoverageRow& row : verdict.coverage) {
    if (!row.met) view.unmet.push_back(&row);
  }
  view.groups = group_findings(view.open, options.by);
  view.matrix = lay_out_matrix(verdict, options);
  conclude(verdict, view);
  advise(verdict, view);
  return view;
}

std::string zone_pair(const Finding& finding) {
  if (finding.from_zone.empty() && finding.to_zone.empty()) return {};
  if (finding.to_zone.empty()) return "from " + finding.from_zone;
  if (finding.from_zone.empty()) return "to " + finding.to_zone;
  return finding.from_zone + " to " + finding.to_zone;
}

std::string ports_text(const Finding& finding) {
  if (!finding.protocol) return {};
  std::string out = to_string(*finding.protocol);
  if (finding.protocol->is_icmp()) {
    Family family = *finding.protocol == Protocol::icmpv6 ? Family::ipv6 : Family::ipv4;
    for (std::size_t i = 0; i < finding.icmp.size(); ++i)
      out += (i == 0 ? " " : ", ") + describe(family, finding.icmp[i]);
  } else if (!finding.ports.empty()) {
    out += "/" + to_string(finding.ports);
  }
  return out;
}

std::string subject_text(const Finding& finding) {
  std::string out = finding.target.empty() ? finding.device : finding.target;
  std::string ports = ports_text(finding);
  if (!out.empty() && !ports.empty()) out += ' ';
  return out + ports;
}

std::string place_text(const EvidenceRef& evidence) {
  if (evidence.file.empty() || evidence.place.empty()) return evidence.file + evidence.place;
  return evidence.file + ", " + evidence.place;
}

std::string amounts_text(const CoverageRow& row) {
  if (row.what.starts_with("sensor ")) {
    return fmt::format("{} seen, {} dropped", counted(row.asked, "packet", "packets"),
                       row.answered == 0 ? "none" : grouped_number(row.answered));
  }
  if (row.what.starts_with("configuration ")) {
    return row.required == 0 ? std::string("nothing read")
                             : fmt::format("{}, {} understood", counted(row.required, "line", "lines"),
                                           row.answered == row.required ? "all" : grouped_number(row.answered));
  }
  if (row.what.starts_with("path "))
    return fmt::format("{} of {} read", grouped_number(row.asked), counted(row.required, "device", "devices"));
  std::string asked = row.required == 0
                          ? grouped_number(row.asked)
                          : fmt::format("{} of {}", grouped_number(row.asked), grouped_number(row.required));
  return fmt::format("{} asked, {} answered", asked, grouped_number(row.answered));
}

std::string_view meaning(MatrixCell::State state) {
  switch (state) {
    case MatrixCell::State::approved_seen: return "approved, and seen to work";
    case MatrixCell::State::approved_not_seen: return "approved, but not seen to work";
    case MatrixCell::State::approved_not_measured: return "approved, not measured";
    case MatrixCell::State::undocumented: return "gets through, and nothing approves it";
    case MatrixCell::State::forbidden: return "gets through, and is forbidden";
    case MatrixCell::State::unanswered: return "not approved, and nothing answered";
    case MatrixCell::State::not_measured: return "not approved, not measured";
  }
  return "";
}

std::string counted(std::uint64_t number, std::string_view singular, std::string_view plural) {
  return fmt::format("{} {}", grouped_number(number), number == 1 ? singular : plural);
}

std::string clipped(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  std::size_t cut = bytes_max;
  for (int back = 0; back < 3 && cut > 0 && (static_cast<std::uint8_t>(text[cut]) & 0xC0) == 0x80; ++back) --cut;
  return fmt::format("{}... [shortened: {} bytes in all]", text.substr(0, cut), grouped_number(text.size()));
}

}  // namespace demarc
