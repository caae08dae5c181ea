// Rules, forbidden entries, their exceptions, retired ids and accepted findings.
#include <fmt/format.h>

#include <algorithm>

#include "rules/policy/yaml_reader_parts.h"
#include "rules/text/suggest.h"

namespace demarc::policy_reading {

namespace {

/// The kinds of findings that a verdict knows. The verdict stands above this layer, so the names are repeated here;
/// tests/rules/verdict/policy_words_test.cpp holds the two lists together.
constexpr std::string_view kFindingKindNames[] = {
    "exposed-forbidden",
    "exposed-undocumented",
    "passed-undocumented",
    "outbound-undocumented",
    "host-undocumented",
    "approved-unreachable",
    "approved-not-listening",
    "service-mismatch",
    "flow-forbidden",
    "flow-undocumented",
    "attempt-undocumented",
    "approved-unused",
    "acl-permits-undocumented",
    "acl-blocks-approved",
    "ace-reply-open",
    "ace-shadowed",
    "ace-redundant",
    "ace-unread",
    "ace-broad",
    "views-disagree",
    "rule-expired",
    "review-overdue",
    "approval-missing",
    "approval-invalid",
    "rule-overlap",
    "rule-broad",
    "rule-temporary",
    "answers-everything",
    "link-control",
    "scan-noise",
    "not-measured",
};

std::optional<std::string> read_person(Reading& reading, const YamlNode& node) {
  if (reading.names.people.empty()) return read_text(reading, node, "'by'");
  return read_known(reading, node, "person", reading.names.people);
}

std::vector<Approval> read_approvals(Reading& reading, const YamlNode& node) {
  static constexpr std::string_view kKeys[] = {"by", "date"};
  const std::vector<std::string>& roles = reading.rules.review.approval_roles;
  std::vector<Approval> out;
  if (node.kind == YamlNode::Kind::null || (node.is_mapping() && node.count == 0))
    return out;  // nobody yet: `check` says so
  if (!node.is_mapping()) {
    reading.error(node, fmt::format("'approved' is {}, not a mapping", describe(node.kind)),
                  "write { network: { by: a.ito, date: 2026-02-03 } }");
    return out;
  }
  for (const YamlNode* key = node.first; key != nullptr; key = key->next->next) {
    if (!key->is_scalar()) continue;
    Approval approval;
    approval.role = std::string(key->scalar);
    approval.where = reading.where(*key);
    if (!roles.empty() && std::find(roles.begin(), roles.end(), approval.role) == roles.end()) {
      reading.error(*key, fmt::format("no approval is asked of '{}'", approval.role),
                    suggest_name(approval.role, roles, ""));
    }
    Fields fields(reading, *key->next, fmt::format("the approval by '{}'", approval.role), kKeys);
    const YamlNode *by = fields.need("by"), *date = fields.need("date");
    if (by == nullptr || date == nullptr) continue;
    std::optional<std::string> person = read_person(reading, *by);
    std::optional<Date> day = read_date(reading, *date, "'date'");
    if (!person || !day) continue;
    approval.by = std::move(*person);
    approval.date = *day;
    out.push_back(std::move(approval));
  }
  return out;
}

std::vector<ReviewEntry> read_reviews(Reading& reading, const YamlNode& node) {
  static constexpr std::string_view kKeys[] = {"by", "date", "decision"};
  static constexpr Word<const char*> kDecisions[] = {{"keep", "keep"}, {"narrow", "narrow"}, {"retire", "retire"}};
  std::vector<ReviewEntry> out;
  if (!node.is_sequence()) {
    reading.error(node, fmt::format("'reviewed' is {}, not a list", describe(node.kind)),
                  "write [{ by: r.lind, date: 2026-02-05, decision: keep }]");
    return out;
  }
  for (const YamlNode* item = node.first; item != nullptr; item = item->next) {
    Fields fields(reading, *item, "a review", kKeys);
    const YamlNode *by = fields.need("by"), *date = fields.need("date"), *decision = fields.need("decision");
    if (by == nullptr || date == nullptr || decision == nullptr) continue;
    std::optional<std::string> person = read_person(reading, *by);
    std::optional<Date> day = read_date(reading, *date, "'date'");
    std::optional<const char*> word = read_word(reading, *decision, "'decision'", kDecisions);
    if (person && day && word) out.push_back({std::move(*person), *day, *word});
  }
  return out;
}

std::map<std::string, Expectation> read_expectations(Reading& reading, const YamlNode& node) {
  static constexpr Word<Expectation> kWords[] = {{"open", Expectation::open}, {"blocked", Expectation::blocked}};
  std::map<std::string, Expectation> out;
  if (!node.is_mapping()) {
    reading.error(node, fmt::format("'expect' is {}, not a mapping", describe(node.kind)),
                  "write { external: open, office: blocked }");
    return out;
  }
  for (const YamlNode* key = node.first; key != nullptr; key = key->next->next) {
    if (!key->is_scalar()) continue;
    std::optional<std::string> vantage = read_known(reading, *key, "vantage point", reading.names.vantages);
    std::optional<Expectation> word = read_word(reading, *key->next, "an expectation", kWords);
    if (vantage && word) out.emplace(std::move(*vantage), *word);
  }
  return out;
}

/// One namespace for the ids of rules, exceptions, forbidden entries and what was retired, so that a ticket that
/// says "WEB-003" means one thing for ever.
std::string read_id(Reading& reading, const Fields& fields) {
  const YamlNode* node = fields.need("id");
  if (node == nullptr) return {};
  std::optional<std::string> id = read_text(reading, *node, "'id'");
  if (!id) return {};
  bool plain = id->size() <= 128 && std::none_of(id->begin(), id->end(), [](char c) {
                 return static_cast<unsigned char>(c) <= 0x20 || c == ',';
               });
  if (!plain)
    reading.error(*node, fmt::format("'{}' cannot be an id", id->substr(0, 128)),
                  "no blanks, no commas, up to 128 characters");
  auto [first, fresh] = reading.names.ids.emplace(*id, node);
  if (!fresh) {
    const YamlNode *earlier = first->second, *later = node;
    if (std::pair(later->file, later->offset) < std::pair(earlier->file, earlier->offset))
      std::swap(earlier, later);
    reading.error(*later, fmt::format("the id '{}' is used twice", *id),
                  fmt::format("first at {}", reading.place(*earlier)));
  }
  return std::move(*id);
}

/// What rules and exceptions have in common, and rules alone.
constexpr std::string_view kRuleKeys[] = {"id",       "service",    "services",  "from",   "to",     "application",
                                          "owner",    "references", "tags",      "reason", "ticket", "status",
                                          "approved", "review_by",  "expires",   "expect", "use",    "use_window",
                                          "reviewed", "verify_by",  "temporary", "until"};
constexpr std::string_view kExceptionKeys[] = {
    "id",   "of",     "service", "services", "from",     "to",        "application", "owner", "references",
    "tags", "reason", "ticket",  "status",   "approved", "review_by", "expires",     "expect"};

Rule read_rule(Reading& reading, const YamlNode& node, const Fields& fields, std::string_view kind) {
  static constexpr Word<bool> kStatus[] = {{"proposed", true}, {"active", false}};
  static constexpr Word<Use> kUse[] = {
      {"required", Use::required}, {"optional", Use::optional}, {"rare", Use::rare}};
  static constexpr Word<VerifyBy> kVerifyBy[] = {{"any", VerifyBy::any},
                                                 {"probe", VerifyBy::probe},
                                                 {"witness", VerifyBy::witness},
                                                 {"configuration", VerifyBy::configuration},
                                                 {"flows", VerifyBy::flows}};
  Rule rule;
  rule.id = read_id(reading, fields);
  const YamlNode* id = fields.get("id");
  rule.where = reading.where(id != nullptr ? *id : node);
  rule.services = read_service_names(reading, fields);
  if (const YamlNode* from = fields.need("from")) rule.from = reading.endpoints(*from, "'from'");
  if (const YamlNode* to = fields.need("to")) rule.to = reading.endpoints(*to, "'to'");
  read_text_field(reading, fields, "application", rule.application);
  read_text_field(reading, fields, "owner", rule.owner);
  read_text_field(reading, fields, "reason", rule.reason);
  read_text_field(reading, fields, "ticket", rule.ticket);
  if (const YamlNode* references = fields.get("references"))
    rule.references = read_texts(reading, *references, "'references'");
  if (const YamlNode* tags = fields.get("tags")) rule.tags = read_texts(reading, *tags, "'tags'");
  if (const YamlNode* status = fields.get("status"))
    rule.proposed = read_word(reading, *status, "'status'", kStatus).value_or(true);
  if (const YamlNode* approved = fields.get("approved")) rule.approved = read_approvals(reading, *approved);
  if (const YamlNode* date = fields.get("review_by")) rule.review_by = read_date(reading, *date, "'review_by'");
  if (const YamlNode* date = fields.get("expires")) rule.expires = read_date(reading, *date, "'expires'");
  if (const YamlNode* expect = fields.get("expect")) rule.expect = read_expectations(reading, *expect);
  if (const YamlNode* use = fields.get("use"))
    rule.use = read_word(reading, *use, "'use'", kUse).value_or(Use::unspecified);
  if (const YamlNode* window = fields.get("use_window"))
    rule.use_window = read_period(reading, *window, "'use_window'");
  if (const YamlNode* reviewed = fields.get("reviewed")) rule.reviewed = read_reviews(reading, *reviewed);
  if (const YamlNode* verify = fields.get("verify_by"))
    rule.verify_by = read_word(reading, *verify, "'verify_by'", kVerifyBy).value_or(VerifyBy::any);
  if (const YamlNode* temporary = fields.get("temporary"))
    rule.temporary = read_truth(reading, *temporary, "'temporary'").value_or(true);
  if (const YamlNode* until = fields.get("until")) {
    rule.temporary_until = read_date(reading, *until, "'until'");
    rule.temporary = true;
  }
  if (!fields.usable() || id == nullptr) return rule;
  if (fields.get("owner") == nullptr)
    reading.warning(*id, fmt::format("{} '{}' has no owner", kind, rule.id),
                    "nobody answers for it: add `owner: TEAM`");
  if (fields.get("reason") == nullptr)
    reading.warning(*id, fmt::format("{} '{}' gives no reason", kind, rule.id),
                    "an approval needs a justification: add `reason: ...`");
  return rule;
}

// --- Does an exception lie inside its entry ---

bool icmp_inside(const std::vector<IcmpType>& inner, const std::vector<IcmpType>& outer) {
  return std::all_of(inner.begin(), inner.end(), [&](const IcmpType& type) {
    return std::any_of(outer.begin(), outer.end(), [&](const IcmpType& wide) {
      return wide.type == type.type && (!wide.code || wide.code == type.code);
    });
  });
}

/// All that the forbidden entry names, in one service.
Service sum_of(const RuleSet& rules, const std::vector<std::uint32_t>& services) {
  Service sum;
  for (std::uint32_t index : services) {
    const Service& one = rules.services[index];
    sum.all |= one.all;
    sum.tcp = sum.tcp.unite(one.tcp);
    sum.udp = sum.udp.unite(one.udp);
    sum.sctp = sum.sctp.unite(one.sctp);
    sum.icmp.insert(sum.icmp.end(), one.icmp.begin(), one.icmp.end());
    sum.icmpv6.insert(sum.icmpv6.end(), one.icmpv6.begin(), one.icmpv6.end());
    sum.ip.insert(sum.ip.end(), one.ip.begin(), one.ip.end());
  }
  return sum;
}

bool service_inside(const Service& inner, const Service& outer) {
  if (outer.all) return true;
  if (inner.all) return false;
  auto named = [&](const Protocol& protocol) {
    return std::find(outer.ip.begin(), outer.ip.end(), protocol) != outer.ip.end();
  };
  return outer.tcp.contains(inner.tcp) && outer.udp.contains(inner.udp) && outer.sctp.contains(inner.sctp) &&
         icmp_inside(inner.icmp, outer.icmp) && icmp_inside(inner.icmpv6, outer.icmpv6) &&
         std::all_of(inner.ip.begin(), inner.ip.end(), named);
}

void check_inside(Reading& reading, const Fields& fields, const Rule& rule, const ForbiddenEntry& entry) {
  Service outer = sum_of(reading.rules, entry.services);
  if (!entry.services.empty()) {
    for (std::uint32_t index : rule.services) {
      const Service& inner = reading.rules.services[index];
      const YamlNode* node = fields.get("service") != nullptr ? fields.get("service") : fields.get("services");
      if (!service_inside(inner, outer))
        reading.error(*node, fmt::format("'{}' is not what '{}' forbids", inner.name, entry.id),
                      "an exception lies within its entry; more needs a rule of its own");
    }
  }
  for (auto [key, inner, wide] :
       {std::tuple("from", &rule.from, &entry.from), std::tuple("to", &rule.to, &entry.to)}) {
    AddressSet beyond = inner->addresses.minus(wide->addresses);
    if (beyond.empty() || wide->addresses.empty()) continue;
    reading.error(*fields.get(key), fmt::format("'{}' goes beyond '{}': {}", key, entry.id, to_string(beyond, 3)),
                  "an exception lies within its entry; more needs a rule of its own");
  }
}

void read_forbidden(Reading& reading) {
  static constexpr std::string_view kKeys[] = {"id",       "service",      "services", "from",  "to",
                                               "severity", "except_rules", "remedy",   "reason"};
  for (const YamlNode* item : reading.items("forbidden")) {
    Fields fields(reading, *item, "a forbidden entry", kKeys);
    if (!fields.usable()) continue;
    ForbiddenEntry entry;
    entry.id = read_id(reading, fields);
    const YamlNode* id = fields.get("id");
    entry.where = reading.where(id != nullptr ? *id : *item);
    entry.services = read_service_names(reading, fields);
    if (const YamlNode* from = fields.need("from")) entry.from = reading.endpoints(*from, "'from'");
    if (const YamlNode* to = fields.need("to")) entry.to = reading.endpoints(*to, "'to'");
    if (const YamlNode* severity = fields.get("severity"))
      entry.severity = read_word(reading, *severity, "'severity'", kSeverityWords).value_or(Severity::critical);
    if (const YamlNode* rules = fields.get("except_rules")) {
      for (const YamlNode* rule : read_list(reading, *rules, "'except_rules'")) {
        std::optional<std::string> name = read_text(reading, *rule, "a rule");
        if (!name) continue;
        if (!reading.names.rules.contains(*name)) {
          reading.error(
              *rule, fmt::format("unknown rule '{}'", *name),
              reading.flooded() ? "" : suggest_name(*name, keys_of(reading.names.rules), "there are no rules"));
        } else {
          entry.except_rules.push_back(std::move(*name));
        }
      }
    }
    read_text_field(reading, fields, "remedy", entry.remedy);
    read_text_field(reading, fields, "reason", entry.reason);
    reading.names.forbidden.emplace(entry.id, reading.rules.forbidden.size());
    reading.rules.forbidden.push_back(std::move(entry));
  }
}

void read_exceptions(Reading& reading) {
  for (const YamlNode* item : reading.items("exceptions")) {
    Fields fields(reading, *item, "an exception", kExceptionKeys);
    if (!fields.usable()) continue;
    Exception exception;
    exception.rule = read_rule(reading, *item, fields, "exception");
    fields.need("expires");
    if (const YamlNode* of = fields.need("of")) {
      exception.of = read_text(reading, *of, "'of'").value_or("");
      auto entry = reading.names.forbidden.find(exception.of);
      if (entry != reading.names.forbidden.end()) {
        check_inside(reading, fields, exception.rule, reading.rules.forbidden[entry->second]);
      } else if (!exception.of.empty()) {
        reading.error(*of, fmt::format("unknown forbidden entry '{}'", exception.of),
                      reading.flooded()
                          ? ""
                          : suggest_name(exception.of, keys_of(reading.names.forbidden), "nothing is forbidden"));
      }
    }
    reading.rules.exceptions.push_back(std::move(exception));
  }
}

void read_retired(Reading& reading) {
  static constexpr std::string_view kKeys[] = {"id", "removed", "reason", "ticket"};
  ByName<const YamlNode*> retired;
  for (const YamlNode* item : reading.items("retired")) {
    Fields fields(reading, *item, "a retired id", kKeys);
    RetiredId entry;
    entry.where = reading.where(*item);
    const YamlNode *id = fields.need("id"), *removed = fields.need("removed");
    if (id != nullptr) entry.id = read_text(reading, *id, "'id'").value_or("");
    if (removed != nullptr) entry.removed = read_date(reading, *removed, "'removed'").value_or(Date());
    read_text_field(reading, fields, "reason", entry.reason);
    read_text_field(reading, fields, "ticket", entry.ticket);
    if (entry.id.empty()) continue;
    if (auto used = reading.names.ids.find(entry.id); used != reading.names.ids.end()) {
      reading.error(*used->second, fmt::format("the id '{}' was retired and is never used again", entry.id),
                    fmt::format("retired at {}: take a new id", reading.place(*id)));
    }
    auto [first, fresh] = retired.emplace(entry.id, id);
    if (!fresh)
      reading.error(*id, fmt::format("the id '{}' is retired twice", entry.id),
                    fmt::format("first at {}", reading.place(*first->second)));
    reading.rules.retired.push_back(std::move(entry));
  }
}

void read_accepted(Reading& reading) {
  static constexpr std::string_view kKeys[] = {"finding", "kind",         "rule",     "target",
                                               "reason",  "compensating", "approved", "expires"};
  for (const YamlNode* item : reading.items("accepted")) {
    Fields fields(reading, *item, "an accepted finding", kKeys);
    if (!fields.usable()) continue;
    AcceptedFinding accepted;
    accepted.where = reading.where(*item);
    if (const YamlNode* finding = fields.get("finding")) {
      accepted.id = read_text(reading, *finding, "'finding'").value_or("");
      bool hex = accepted.id.size() == 12 && accepted.id.find_first_not_of("0123456789abcdef") == std::string::npos;
      if (!accepted.id.empty() && !hex)
        reading.error(*finding, fmt::format("'{}' is no id of a finding", accepted.id),
                      "12 hex digits, as reports print them");
    }
    if (const YamlNode* kind = fields.get("kind")) {
      if (std::optional<std::size_t> index = read_word_index(reading, *kind, "'kind'", kFindingKindNames))
        accepted.kind = std::string(kFindingKindNames[*index]);
    }
    if (const YamlNode* rule = fields.get("rule"))
      accepted.rule = read_known(reading, *rule, "rule", reading.names.ids).value_or("");
    if (const YamlNode* target = fields.get("target")) {
      std::optional<std::string> text = read_text(reading, *target, "'target'");
      if (text) {
        accepted.target = *text;
        if (std::optional<AddressSet> addresses = reading.resolve(*target))
          accepted.target_addresses = std::move(*addresses);
      }
    }
    if (fields.get("finding") == nullptr && fields.get("kind") == nullptr)
      reading.error(*item, "an accepted finding names neither 'finding' nor 'kind'",
                    "it would accept everything: say what is accepted");
    if (fields.need("reason") != nullptr) read_text_field(reading, fields, "reason", accepted.reason);
    read_text_field(reading, fields, "compensating", accepted.compensating);
    if (const YamlNode* approved = fields.get("approved")) accepted.approved = read_approvals(reading, *approved);
    if (const YamlNode* expires = fields.need("expires"))
      accepted.expires = read_date(reading, *expires, "'expires'").value_or(Date());
    reading.rules.accepted.push_back(std::move(accepted));
  }
}

}  // namespace

void read_rules(Reading& reading) {
  std::vector<const YamlNode*> items = reading.items("rules");
  reading.rules.rules.reserve(items.size());
  for (const YamlNode* item : items) {
    Fields fields(reading, *item, "a rule", kRuleKeys);
    if (!fields.usable()) continue;
    reading.rules.rules.push_back(read_rule(reading, *item, fields, "rule"));
    reading.names.rules.emplace(reading.rules.rules.back().id, reading.rules.rules.size() - 1);
  }
  read_forbidden(reading);
  read_exceptions(reading);
  read_retired(reading);
  read_accepted(reading);
}

}  // namespace demarc::policy_reading
