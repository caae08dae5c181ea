// The state of single rules, and rules as boxes. documented.cpp puts them together.
#include "rules/policy/approval.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace demarc {

namespace {

constexpr std::string_view kProblemNames[] = {"role missing", "role twice", "person unknown", "person lacks role",
                                              "person owns",  "in future",  "expiry missing"};
constexpr std::string_view kStatusNames[] = {"in force",         "proposed",         "approval missing",
                                             "approval invalid", "not yet in force", "expired"};

bool holds(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

/// What is wrong with one approval, whether its role is required or not.
std::vector<ApprovalProblem> problems_of(const RuleSet& rules, const Rule& rule, const Approval& approval,
                                         Timestamp at) {
  using Kind = ApprovalProblem::Kind;
  std::vector<ApprovalProblem> out;
  auto add = [&](Kind kind, std::string sentence) {
    out.push_back({kind, approval.role, approval.by, std::move(sentence), approval.where});
  };
  if (!rules.people.empty()) {
    const Person* person = rules.person(approval.by);
    if (person == nullptr) {
      add(Kind::person_unknown, fmt::format("{} approved {} for {}, but is not among the people of the rule set",
                                            approval.by, rule.id, approval.role));
    } else {
      if (!holds(person->roles, approval.role)) {
        add(Kind::person_lacks_role,
            fmt::format("{} may not approve for {} (may for: {})", approval.by, approval.role,
                        person->roles.empty() ? "nothing" : fmt::format("{}", fmt::join(person->roles, ", "))));
      }
      if (rules.review.approver_is_not_owner && !rule.owner.empty() && holds(person->teams, rule.owner)) {
        add(Kind::person_owns, fmt::format("{} belongs to {}, the team that owns {}, and may not approve it",
                                           approval.by, rule.owner, rule.id));
      }
    }
  }
  if (rules.time_zone.start_of(approval.date) > at) {
    add(Kind::in_future, fmt::format("the approval of {} for {} is dated {}, which is yet to come", approval.by,
                                     approval.role, to_string(approval.date)));
  }
  return out;
}

RuleState state_of(const RuleSet& rules, const Rule& rule, Timestamp at, bool must_expire) {
  using Kind = ApprovalProblem::Kind;
  RuleState state;
  std::vector<std::string> missing, invalid;
  bool future = false;
  for (std::size_t i = 0; i < rule.approved.size(); ++i) {
    const Approval& approval = rule.approved[i];
    auto earlier = std::find_if(rule.approved.begin(), rule.approved.begin() + static_cast<std::ptrdiff_t>(i),
                                [&](const Approval& a) { return a.role == approval.role; });
    if (earlier != rule.approved.begin() + static_cast<std::ptrdiff_t>(i)) {
      state.problems.push_back(
          {Kind::role_twice, approval.role, approval.by,
           fmt::format("{} is approved twice for {}; the first counts", rule.id, approval.role), approval.where});
      continue;
    }
    std::vector<ApprovalProblem> problems = problems_of(rules, rule, approval, at);
    bool required = holds(rules.review.approval_roles, approval.role);
    for (const ApprovalProblem& problem : problems) {
      if (!required) continue;
      if (problem.kind == Kind::in_future) {
        future = true;
      } else if (!holds(invalid, approval.role)) {
        invalid.push_back(approval.role);
      }
    }
    std::move(problems.begin(), problems.end(), std::back_inserter(state.problems));
    if (required) {
      Timestamp from = rules.time_zone.start_of(approval.date);
      state.from = state.from ? std::max(*state.from, from) : from;
    }
  }
  for (const std::string& role : rules.review.approval_roles) {
    if (std::any_of(rule.approved.begin(), rule.approved.end(), [&](const Approval& a) { return a.role == role; }))
      continue;
    missing.push_back(role);
    state.problems.push_back(
        {Kind::role_missing, role, "", fmt::format("{} has no approval for {}", rule.id, role), rule.where});
  }
  if (must_expire && !rule.expires) {
    invalid.push_back("no expiry");
    state.problems.push_back(
        {Kind::expiry_missing, "", "", fmt::format("{} is an exception without an end", rule.id), rule.where});
  }
  if (rule.expires) state.until = rules.time_zone.end_of(*rule.expires);

  if (rule.proposed) {
    state.status = RuleStatus::proposed;
    state.words = "proposed";
  } else if (!missing.empty()) {
    state.status = RuleStatus::approval_missing;
    state.words = fmt::format("approval missing: {}", fmt::join(missing, ", "));
  } else if (!invalid.empty()) {
    state.status = RuleStatus::approval_invalid;
    state.words = fmt::format("approval invalid: {}", fmt::join(invalid, ", "));
  } else if (state.until && at >= *state.until) {
    state.status = RuleStatus::expired;
    state.words = "expired " + to_string(*rule.expires);
  } else if (future) {
    state.status = RuleStatus::not_yet;
    state.words = "not in force before " + to_string(rules.time_zone.date(*state.from));
  } else {
    state.status = RuleStatus::in_force;
    state.words = "in force";
  }
  return state;
}

/// The ports of a service that its side answers on, data ports of `related` included.
PortSet all_tcp(const Service& s) { return s.related_tcp.empty() ? s.tcp : s.tcp.unite(s.related_tcp); }
PortSet all_udp(const Service& s) { return s.related_udp.empty() ? s.udp : s.udp.unite(s.related_udp); }

/// Services added up, so that a rule with ten services is a handful of boxes and not thirty.
struct Sum {
  bool all = false, one_way_only = true;
  PortSet tcp, udp, sctp;             // of services that leave the source port open
  std::vector<const Service*> fixed;  // services that do not
  std::vector<IcmpType> icmp, icmpv6;
  ProtocolSet ip;

  Sum(const RuleSet& rules, const std::vector<std::uint32_t>& services) {
    for (std::uint32_t index : services) {
      const Service& s = rules.services.at(index);
      all |= s.all;
      if (s.source_ports) {
        fixed.push_back(&s);
      } else {
        tcp = tcp.unite(all_tcp(s));
        udp = udp.unite(all_udp(s));
        sctp = sctp.unite(s.sctp);
      }
      icmp.insert(icmp.end(), s.icmp.begin(), s.icmp.end());
      icmpv6.insert(icmpv6.end(), s.icmpv6.begin(), s.icmpv6.end());
      for (Protocol protocol : s.ip) ip.insert(protocol);
    }
  }
};

}  // namespace

std::string_view name(ApprovalProblem::Kind kind) { return kProblemNames[static_cast<std::size_t>(kind)]; }
std::string_view name(RuleStatus status) { return kStatusNames[static_cast<std::size_t>(status)]; }

RuleState state_of(const RuleSet& rules, const Rule& rule, Timestamp at) {
  return state_of(rules, rule, at, false);
}
RuleState state_of(const RuleSet& rules, const Exception& exception, Timestamp at) {
  return state_of(rules, exception.rule, at, true);
}

std::vector<Timestamp> epochs(const RuleSet& rules) {
  std::vector<Timestamp> out;
  auto add = [&](const Rule& rule) {
    if (rule.proposed) return;
    for (const Approval& approval : rule.approved) out.push_back(rules.time_zone.start_of(approval.date));
    if (rule.expires) out.push_back(rules.time_zone.end_of(*rule.expires));
  };
  for (const Rule& rule : rules.rules) add(rule);
  for (const Exception& exception : rules.exceptions) add(exception.rule);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

ReviewState review_of(const RuleSet& rules, const Rule& rule) {
  ReviewState state;
  auto seen = [&](const Date& date) { state.last = state.last ? std::max(*state.last, date) : date; };
  for (const Approval& approval : rule.approved) seen(approval.date);
  for (const ReviewEntry& review : rule.reviewed) seen(review.date);
  // A rule may ask to be reviewed earlier than the interval says, never later.
  if (state.last) state.due = *state.last + rules.review.interval;
  // A `review_by` that a later review has already answered says nothing any more.
  bool answered = rule.review_by && !rule.reviewed.empty() &&
                  std::any_of(rule.reviewed.begin(), rule.reviewed.end(),
                              [&](const ReviewEntry& r) { return r.date >= *rule.review_by; });
  if (rule.review_by && !answered) state.due = state.due ? std::min(*state.due, *rule.review_by) : *rule.review_by;
  return state;
}

std::vector<Box> opening_boxes(const RuleSet& rules, const std::vector<std::uint32_t>& services,
                               const AddressSet& from, const AddressSet& to) {
  std::vector<Box> out;
  if (from.empty() || to.empty()) return out;
  Sum sum(rules, services);
  Box ends;
  ends.sources = from;
  ends.destinations = to;
  if (sum.all) return {ends};
  auto add_ports = [&](Protocol protocol, const PortSet& ports, const PortSet& source_ports) {
    if (ports.empty()) return;
    Box box = ends;
    box.protocols = {protocol};
    box.ports = ports;
    box.source_ports = source_ports;
    out.push_back(std::move(box));
  };
  add_ports(Protocol::tcp, sum.tcp, PortSet::all());
  add_ports(Protocol::udp, sum.udp, PortSet::all());
  add_ports(Protocol::sctp, sum.sctp, PortSet::all());
  for (const Service* s : sum.fixed) {
    add_ports(Protocol::tcp, all_tcp(*s), *s->source_ports);
    add_ports(Protocol::udp, all_udp(*s), *s->source_ports);
    add_ports(Protocol::sctp, s->sctp, *s->source_ports);
  }
  auto add_icmp = [&](Family family, Protocol protocol, const std::vector<IcmpType>& types) {
    if (types.empty()) return;
    Box box = ends;
    box.family = family;
    box.protocols = {protocol};
    box.icmp = IcmpSet::of(types);
    out.push_back(std::move(box));
  };
  add_icmp(Family::ipv4, Protocol::icmp, sum.icmp);
  add_icmp(Family::ipv6, Protocol::icmpv6, sum.icmpv6);
  if (!sum.ip.empty()) {
    Box box = ends;
    box.protocols = sum.ip;
    out.push_back(std::move(box));
  }
  return out;
}

std::vector<Box> reply_boxes(const RuleSet& rules, const std::vector<std::uint32_t>& services,
                             const AddressSet& from, const AddressSet& to) {
  std::vector<Box> out;
  if (from.empty() || to.empty()) return out;
  Box ends;
  ends.sources = to;
  ends.destinations = from;
  auto add_ports = [&](Protocol protocol, const PortSet& ports, const PortSet& source_ports) {
    if (ports.empty()) return;
    Box box = ends;
    box.protocols = {protocol};
    box.source_ports = ports;
    box.ports = source_ports;
    if (protocol == Protocol::tcp) box.flags = tcp_flags_established();
    out.push_back(std::move(box));
  };
  for (std::uint32_t index : services) {
    const Service& s = rules.services.at(index);
    const PortSet asker = s.source_ports.value_or(PortSet::all());
    if (s.all) {
      Box tcp = ends;
      tcp.protocols = {Protocol::tcp};
      tcp.flags = tcp_flags_established();
      out.push_back(tcp);
      Box rest = ends;
      rest.protocols = ProtocolSet(ProtocolSet::all().numbers().minus(ByteSet{Protocol::tcp.number()}));
      out.push_back(rest);
      continue;
    }
    add_ports(Protocol::tcp, all_tcp(s), asker);  // also of one-way services: TCP acknowledges
    if (!s.one_way) {
      add_ports(Protocol::udp, all_udp(s), asker);
      if (!s.ip.empty()) {
        Box box = ends;
        box.protocols = ProtocolSet();
        for (Protocol protocol : s.ip) box.protocols.insert(protocol);
        out.push_back(std::move(box));
      }
    }
    add_ports(Protocol::sctp, s.sctp, asker);
    auto add_icmp = [&](Family family, Protocol protocol, const std::vector<IcmpType>& queries) {
      std::vector<IcmpType> answers;
      for (const IcmpType& query : queries)
        if (auto type = icmp_reply_type(family, query.type)) answers.push_back({*type, std::nullopt});
      if (answers.empty()) return;
      Box box = ends;
      box.family = family;
      box.protocols = {protocol};
      box.icmp = IcmpSet::of(answers);
      out.push_back(std::move(box));
    };
    add_icmp(Family::ipv4, Protocol::icmp, s.icmp);
    add_icmp(Family::ipv6, Protocol::icmpv6, s.icmpv6);
  }
  // Errors that quote the conversation come from any router on the way and go to either end (RFC 792, RFC 4443
  // §2.1).
  Box errors;
  errors.destinations = from.unite(to);
  errors.family = Family::ipv4;
  errors.protocols = {Protocol::icmp};
  errors.icmp = IcmpSet{{3, std::nullopt}, {11, std::nullopt}, {12, std::nullopt}};
  out.push_back(errors);
  errors.family = Family::ipv6;
  errors.protocols = {Protocol::icmpv6};
  errors.icmp = IcmpSet{{1, std::nullopt}, {2, std::nullopt}, {3, std::nullopt}, {4, std::nullopt}};
  out.push_back(errors);
  return out;
}

}  // namespace demarc
