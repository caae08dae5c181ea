// Complaints about the documentation itself. Overlap is asked of every pair of rules, and ten thousand rules have
// fifty million pairs; so for each distinct `from`, `to` and list of services a sweep over ranges says which others
// it touches, as a row of bits over the rules. The rules that may overlap one rule are three such rows, and-ed;
// only those are compared exactly.
#include "rules/policy/lint.h"
#include "rules/policy/lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "rules/policy/linter.h"

namespace demarc {

namespace {

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 5;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i) out += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kShown) out += fmt::format(" and {} more", names.size() - kShown);
  return out;
}

}  // namespace

std::vector<LintFinding> Linter::run() {
  for (const Rule& rule : rules_.rules) states_.push_back(state_of(rules_, rule, at_));
  for (std::size_t i = 0; i < rules_.rules.size(); ++i) {
    dates_and_approvals(rules_.rules[i], states_[i], "rule");
    breadth(rules_.rules[i]);
    temporary(rules_.rules[i]);
  }
  for (const Exception& x : rules_.exceptions) {
    dates_and_approvals(x.rule, state_of(rules_, x, at_), "exception");
    bounds(x);
  }
  overlaps();
  forbidden();
  accepted();
  retired();
  unused();
  if (rules_.people.empty() && !rules_.review.approval_roles.empty()) {
    add("people-undeclared", Severity::info, "", Location{.file = rules_.file},
        "nobody is declared who may approve",
        "The rule set has no `people`, so names in approvals are taken as they stand.",
        "Declare who may approve for which role under `people`.");
  }
  std::stable_sort(out_.begin(), out_.end(), [](const LintFinding& a, const LintFinding& b) {
    return std::tie(a.where.file, a.where.line, a.where.column, a.kind, a.rule, a.title) <
           std::tie(b.where.file, b.where.line, b.where.column, b.kind, b.rule, b.title);
  });
  return std::move(out_);
}

LintFinding& Linter::add(std::string kind, Severity severity, std::string rule, const Location& where, std::string title,
                 std::string cause, std::string remedy) {
  out_.push_back({std::move(kind),
                  severity,
                  std::move(rule),
                  where,
                  std::move(title),
                  std::move(cause),
                  std::move(remedy),
                  {},
                  std::nullopt});
  return out_.back();
}

void Linter::dates_and_approvals(const Rule& rule, const RuleState& state, std::string_view what) {
  if (rule.from.addresses.empty() || rule.to.addresses.empty()) {
    add("rule-empty", Severity::low, rule.id, rule.where,
        fmt::format("{} approves nothing: its `{}` has no address", rule.id,
                    rule.from.addresses.empty() ? "from" : "to"),
        "A name in it stands for no address.", "Give the host an address, or remove the rule.");
  }
  if (rule.proposed) return;  // nobody has promised anything yet
  std::vector<std::string> missing, invalid;
  Location invalid_at;
  bool harmless = true;
  for (const ApprovalProblem& problem : state.problems) {
    if (problem.is_missing()) {
      missing.push_back(problem.role);
    } else if (problem.kind == ApprovalProblem::Kind::expiry_missing) {
      add("approval-invalid", Severity::medium, rule.id, rule.where, fmt::format("{} has no end", rule.id),
          "An exception always expires.", "Give it `expires`.");
    } else {
      if (invalid.empty()) invalid_at = problem.where;
      invalid.push_back(problem.sentence);
      harmless &= problem.is_harmless();
    }
  }
  if (!missing.empty()) {
    add("approval-missing", Severity::medium, rule.id, rule.where,
        fmt::format("{} lacks the approval of {}", rule.id, listed(missing)),
        fmt::format("The review policy wants one approval for each role; without it the {} is not in force.",
                    what),
        "Have it approved, or withdraw it.");
  }
  if (!invalid.empty()) {
    add("approval-invalid", harmless ? Severity::low : Severity::medium, rule.id,
        invalid_at.line == 0 ? rule.where : invalid_at,
        fmt::format("{} has an approval that does not count", rule.id),
        fmt::format("{}.", fmt::join(invalid, "; ")), "Have it approved by somebody who may.");
  }
  if (rule.expires && at_ >= rules_.time_zone.end_of(*rule.expires)) {
    add("rule-expired", Severity::medium, rule.id, rule.where,
        fmt::format("{} expired on {}", rule.id, to_string(*rule.expires)),
        fmt::format("What it approved is approved no longer ({} days ago).", days_between(*rule.expires, today_)),
        fmt::format("Close the port and remove the {}, or have it approved again with a new date.", what));
    return;
  }
  if (rule.expires && *rule.expires <= today_ + rules_.review.warn_before) {
    add("review-due", Severity::info, rule.id, rule.where,
        fmt::format("{} expires on {}", rule.id, to_string(*rule.expires)),
        fmt::format("{} days are left.", days_between(today_, *rule.expires)),
        "Decide now whether it ends or is approved again.");
  }
  ReviewState review = review_of(rules_, rule);
  if (!review.due) return;
  std::string last = review.last ? fmt::format("It was last looked at on {}.", to_string(*review.last))
                                 : "Nobody has looked at it yet.";
  if (*review.due < today_) {
    add("review-overdue", Severity::low, rule.id, rule.where,
        fmt::format("{} was due for review on {}", rule.id, to_string(*review.due)), last,
        "Review it: keep, narrow or retire, and write the decision under `reviewed`.");
  } else if (*review.due <= today_ + rules_.review.warn_before) {
    add("review-due", Severity::info, rule.id, rule.where,
        fmt::format("{} is due for review on {}", rule.id, to_string(*review.due)), last, "Plan its review.");
  }
}

void Linter::breadth(const Rule& rule) {
  std::vector<std::string> why;
  bool icmp_only = true;
  for (std::uint32_t index : rule.services) {
    const Service& s = rules_.services.at(index);
    icmp_only &= !s.all && s.tcp.empty() && s.udp.empty() && s.sctp.empty() && s.ip.empty();
    if (s.all) why.push_back(fmt::format("service {} is every protocol and port", s.name));
    for (Protocol protocol : s.ip)
      if (protocol.has_ports() || protocol.is_icmp())
        why.push_back(fmt::format("service {} is all of {}", s.name, to_string(protocol)));
    auto wide = [&](std::string_view protocol, const PortSet& ports) {
      if (ports.size() > limits_.ports_max)
        why.push_back(fmt::format("service {} has {} {} ports", s.name, ports.size(), protocol));
    };
    wide("TCP", s.tcp);
    wide("UDP", s.udp);
  }
  bool from_any = false, to_any = false;
  for (const std::string& name : rule.from.names)
    if (const Zone* zone = rules_.zone(name)) from_any |= zone->any;
  for (const std::string& name : rule.to.names) {
    if (const Zone* zone = rules_.zone(name)) {
      to_any |= zone->any;
      // A whole zone may well be pinged; it seldom is one server.
      if (!zone->any && !icmp_only) why.push_back(fmt::format("`to` is the whole zone {}", name));
    } else if (Result<Prefix> prefix = parse_prefix(name)) {
      unsigned length_min = prefix->family() == Family::ipv4
                                ? 32U - static_cast<unsigned>(std::bit_width(limits_.addresses_max_ipv4) - 1)
                                : 112U;
      if (prefix->length() < length_min) why.push_back(fmt::format("`to` is {}", name));
    }
  }
  if (from_any && to_any) why.push_back("it goes from anywhere to anywhere");
  if (why.empty()) return;
  add("rule-broad", Severity::low, rule.id, rule.where,
      fmt::format("{} is broader than a service needs", rule.id), fmt::format("{}.", fmt::join(why, "; ")),
      "Name the hosts that answer and the ports they answer on.");
}

void Linter::temporary(const Rule& rule) {
  bool tagged = std::any_of(rule.tags.begin(), rule.tags.end(),
                            [](const std::string& tag) { return tag == "temporary" || tag == "temp"; });
  if (rule.temporary_until) {
    if (*rule.temporary_until < today_) {
      add("rule-temporary", Severity::low, rule.id, rule.where,
          fmt::format("{} was to be temporary until {}", rule.id, to_string(*rule.temporary_until)),
          fmt::format("That was {} days ago, and it is still there.",
                      days_between(*rule.temporary_until, today_)),
          "Remove it, or have it approved as a lasting rule.");
    }
  } else if ((rule.temporary || tagged) && !rule.expires) {
    add("rule-temporary", Severity::low, rule.id, rule.where,
        fmt::format("{} is temporary and has no end", rule.id),
        "A temporary rule without a date stays until somebody stumbles over it.", "Give it `expires`.");
  }
}

void Linter::accepted() {
  for (const AcceptedFinding& a : rules_.accepted) {
    std::string what = fmt::format("the accepted finding {}",
                                   !a.id.empty() ? a.id : listed(non_empty({a.kind, a.rule, a.target})));
    if (at_ >= rules_.time_zone.end_of(a.expires)) {
      add("accepted-expired", Severity::low, a.rule, a.where,
          fmt::format("{} was accepted until {}", what, to_string(a.expires)), "It fails verdicts again.",
          "Repair it, or have it accepted again.");
    }
    if (a.approved.empty()) {
      add("approval-missing", Severity::medium, a.rule, a.where, fmt::format("nobody approved {}", what),
          "An accepted finding needs somebody who answers for it.", "Have it approved.");
    }
    for (const Approval& approval : a.approved) {
      const Person* person = rules_.person(approval.by);
      if (rules_.people.empty()) continue;
      if (person == nullptr ||
          std::find(person->roles.begin(), person->roles.end(), approval.role) == person->roles.end()) {
        add("approval-invalid", Severity::medium, a.rule, a.where,
            fmt::format("{} has an approval that does not count", what),
            fmt::format("{} may not approve for {}.", approval.by, approval.role),
            "Have it approved by somebody who may.");
      }
    }
    if (!a.rule.empty() && rules_.rule(a.rule) == nullptr && !is_forbidden_id(a.rule)) {
      add("name-unused", Severity::info, a.rule, a.where,
          fmt::format("{} names a rule that does not exist", what), "It can never match a finding of that rule.",
          "Remove it.");
    }
  }
}

std::vector<std::string> Linter::non_empty(std::vector<std::string> list) {
  std::erase(list, "");
  return list;
}

bool Linter::is_forbidden_id(std::string_view id) const {
  return std::any_of(rules_.forbidden.begin(), rules_.forbidden.end(),
                     [&](const ForbiddenEntry& f) { return f.id == id; });
}

void Linter::retired() {
  for (const RetiredId& r : rules_.retired) {
    const Rule* rule = rules_.rule(r.id);
    if (rule == nullptr) continue;
    LintFinding& finding = add("id-retired", Severity::medium, r.id, rule->where,
                               fmt::format("{} was retired on {} and is used again", r.id, to_string(r.removed)),
                               "Old reports and tickets mean another rule by it.", "Give the new rule a new id.");
    finding.related_rules = {r.id};
  }
}

std::vector<LintFinding> lint(const RuleSet& rules, Timestamp at, const BreadthLimits& limits) {
  return Linter(rules, at, limits).run();
}

}  // namespace demarc
