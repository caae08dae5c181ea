#include "rules/verdict/suggest_cloud.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "rules/acl/writers/cloud.h"
#include "rules/acl/writers/unique_names.h"
#include "rules/text/escape.h"
#include "rules/verdict/cloud_documents.h"
#include "rules/verdict/suggest_aws.h"
#include "rules/verdict/suggest_lines.h"
#include "rules/verdict/suggest_router.h"

namespace demarc {

namespace {

using cloud::each_array;
using cloud::each_object;
using cloud::strings;
using cloud::text_of;
namespace json = boost::json;

constexpr std::uint32_t kAzureDefaults = 65000;
constexpr std::size_t kNameMax = 54, kPlaceMax = 20;  // letters of a name, before its direction and a number

/// A rule as its entry's text begins: "200 https allow ...".
struct Named {
  std::uint32_t priority = 0;
  std::string name = {};
  bool deny = false;
};
std::optional<Named> named(const Entry& e) {
  const std::string_view text = e.text;
  const std::size_t first = text.find(' '), second = text.find(' ', first + 1);
  if (e.line == 0 || first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  Named out;
  const auto [end, error] = std::from_chars(text.data(), text.data() + first, out.priority);
  if (error != std::errc{} || end != text.data() + first) return std::nullopt;
  out.name = text.substr(first + 1, second - first - 1);
  out.deny = e.action == Action::deny;
  return out;
}

/// A key of the object or of its `properties`.
json::value* property(json::object& object, std::string_view key) {
  if (json::value* direct = object.if_contains(key)) return direct;
  json::value* inner = object.if_contains("properties");
  return inner != nullptr && inner->is_object() ? inner->get_object().if_contains(key) : nullptr;
}
bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::string joined(const std::vector<std::string>& words, std::string_view between, std::string_view none) {
  return words.empty() ? std::string(none) : fmt::format("{}", fmt::join(words, between));
}

std::string name_of(const List& list, std::uint32_t entry, std::string& problem) {
  if (const std::optional<Named> rule = named(list.entries[entry])) return rule->name;
  problem = fmt::format("line {} is no rule with a name", list.entries[entry].line);
  return "";
}

// The rules of one list, as those of AWS (suggest_aws.h).

class AzureRules {
 public:
  static constexpr std::optional<RuleNumbers> kNumbers = RuleNumbers{99, 4096, true};
  std::string problem = {};

  AzureRules(std::vector<json::value>& docs, const Device& device, ListIndex index) {
    const List& list = device.lists[index];
    group_ = list.name.substr(0, list.name.rfind(' '));
    inward_ = is_inward(list);
    std::size_t found = 0;
    for (json::value& doc : docs)
      each_object(doc, [&](json::object& object) {
        json::value* rules = property(object, "securityRules");
        if (rules == nullptr || !rules->is_array() || text_of(object, "name") != group_) return;
        ++found;
        rules_ = &rules->get_array();
        const std::string id = text_of(object, "id");
        constexpr std::string_view kGroups = "/resourceGroups/";
        if (const std::size_t at = id.find(kGroups); at != std::string::npos) {
          const std::size_t begin = at + kGroups.size();
          resource_group_ = id.substr(begin, id.find('/', begin) - begin);
        }
      });
    if (found != 1) problem = fmt::format("no one group of the document is {}", group_);
    if (problem.empty() && resource_group_.empty()) problem = "the document does not say the resource group";
  }

  std::string remove(const List& list, std::uint32_t entry) {
    const std::string name = name_of(list, entry, problem);
    for (auto at = rules_->begin(); at != rules_->end(); ++at) {
      json::object* object = at->if_object();
      if (object == nullptr || text_of(*object, "name") != name || !is_here(*object)) continue;
      rules_->erase(at);
      return fmt::format("az network nsg rule delete --resource-group {} --nsg-name {} --name {}",
                         shell_word(resource_group_), shell_word(group_), shell_word(name));
    }
    if (problem.empty()) problem = fmt::format("the rule {} is not in the document", name);
    return "";
  }

  std::string create(const NewRule& one) {
    const auto& [name, priority, rule] = one;
    const std::string_view protocol = rule.protocol == "all"   ? "*"
                                      : rule.protocol == "tcp" ? "Tcp"
                                      : rule.protocol == "udp" ? "Udp"
                                      : rule.protocol == "esp" ? "Esp"
                                                               : "Ah";
    const char* const direction = inward_ ? "Inbound" : "Outbound";
    const char* const access = rule.deny ? "Deny" : "Allow";
    json::object object{{"name", name},
                        {"priority", priority},
                        {"direction", direction},
                        {"access", access},
                        {"protocol", protocol},
                        {"sourceAddressPrefixes", strings(rule.sources)},
                        {"destinationAddressPrefixes", strings(rule.destinations)}};
    for (const auto& [key, ports] :
         {std::pair("source", &rule.source_ports), std::pair("destination", &rule.ports)}) {
      if (ports->empty())
        object[fmt::format("{}PortRange", key)] = "*";
      else
        object[fmt::format("{}PortRanges", key)] = strings(*ports);
    }
    rules_->push_back(std::move(object));
    return fmt::format(
        "az network nsg rule create --resource-group {} --nsg-name {} --name {} --priority {} --direction {} "
        "--access {} --protocol '{}' --source-address-prefixes {} --source-port-ranges {} "
        "--destination-address-prefixes {} --destination-port-ranges {}",
        shell_word(resource_group_), shell_word(group_), shell_word(name), priority, direction, access, protocol,
        joined(rule.sources, " ", ""), joined(rule.source_ports, " ", "'*'"), joined(rule.destinations, " ", ""),
        joined(rule.ports, " ", "'*'"));
  }

 private:
  bool is_here(json::object& object) const {
    const json::value* direction = property(object, "direction");
    return direction != nullptr && direction->is_string() &&
           same_word(direction->get_string(), inward_ ? "inbound" : "outbound");
  }

  std::string group_, resource_group_;
  bool inward_ = true;
  json::array* rules_ = nullptr;
};

class GcpRules {
 public:
  static constexpr std::optional<RuleNumbers> kNumbers = RuleNumbers{0, 65534, false};
  std::string problem = {};

  GcpRules(std::vector<json::value>& docs, const Device& device, ListIndex index) {
    const List& list = device.lists[index];
    network_ = list.name.substr(0, list.name.rfind(' '));
    inward_ = is_inward(list);
    for (json::value& doc : docs)
      each_array(doc, [&](json::array& array) {
        for (json::value& v : array) {
          const json::object* object = v.if_object();
          if (object == nullptr || !is_rule(*object)) continue;
          rules_ = &array;
          path_ = text_of(*object, "network");
          return;
        }
      });
    if (rules_ == nullptr) problem = fmt::format("the document holds no list of rules of the network {}", network_);
  }

  std::string remove(const List& list, std::uint32_t entry) {
    const std::string name = name_of(list, entry, problem);
    for (auto at = rules_->begin(); at != rules_->end(); ++at) {
      const json::object* object = at->if_object();
      if (object == nullptr || !is_rule(*object) || text_of(*object, "name") != name) continue;
      rules_->erase(at);
      return fmt::format("gcloud compute firewall-rules delete {}", shell_word(name));
    }
    if (problem.empty()) problem = fmt::format("the rule {} is not in the document", name);
    return "";
  }

  std::string create(const NewRule& one) {
    const auto& [name, priority, rule] = one;
    json::object what{{"IPProtocol", rule.protocol}};
    if (!rule.ports.empty()) what["ports"] = strings(rule.ports);
    const char* const direction = inward_ ? "INGRESS" : "EGRESS";
    json::object object{{"name", name},
                        {"network", path_},
                        {"direction", direction},
                        {"priority", priority},
                        {"sourceRanges", strings(rule.sources)},
                        {"destinationRanges", strings(rule.destinations)},
                        {rule.deny ? "denied" : "allowed", json::array{std::move(what)}}};
    rules_->push_back(std::move(object));
    std::vector<std::string> services;
    for (const std::string& port : rule.ports) services.push_back(fmt::format("{}:{}", rule.protocol, port));
    return fmt::format(
        "gcloud compute firewall-rules create {} --network={} --direction={} --priority={} --action={} --rules={} "
        "--source-ranges={} --destination-ranges={}",
        shell_word(name), shell_word(network_), direction, priority, rule.deny ? "DENY" : "ALLOW",
        joined(services, ",", rule.protocol), joined(rule.sources, ",", ""), joined(rule.destinations, ",", ""));
  }

 private:
  bool is_rule(const json::object& object) const {
    const std::string path = text_of(object, "network");
    return (object.contains("allowed") || object.contains("denied")) &&
           path.substr(path.rfind('/') + 1) == network_;
  }

  std::string network_, path_;
  bool inward_ = true;
  json::array* rules_ = nullptr;
};

// --- Priorities ---

/// Priorities for new rules between those that stay. Where several may have one (GCP), what denies is asked first.
/// None: there is no room.
std::optional<std::vector<std::uint32_t>> priorities(const RuleNumbers& numbers,
                                                     const std::vector<CloudRule>& rules,
                                                     const std::optional<Named>& before,
                                                     const std::optional<Named>& after) {
  const auto count = static_cast<std::uint32_t>(rules.size());
  const std::uint32_t low = before ? before->priority : numbers.before_first;
  const std::uint32_t high = after ? std::min(after->priority, numbers.last + 1) : 0;
  std::optional<std::vector<std::uint32_t>> between;
  if (!after || high > low) between = numbers_between(low, high, count);
  if (between && between->back() <= numbers.last) return between;
  if (numbers.each_once) return std::nullopt;
  const auto denies = [](const CloudRule& r) { return r.deny; };
  const bool in_order = std::is_partitioned(rules.begin(), rules.end(), denies);
  const bool all_deny = std::all_of(rules.begin(), rules.end(), denies);
  const bool none_denies = std::none_of(rules.begin(), rules.end(), denies);
  if (after && in_order && (!after->deny || all_deny)) return std::vector<std::uint32_t>(count, after->priority);
  if (before && (none_denies || (before->deny && in_order)))
    return std::vector<std::uint32_t>(count, before->priority);
  return std::nullopt;
}

/// Names hold for a group's both directions, in GCP for all networks of a project, and edits of each list are
/// worked out by themselves.
std::string wanted_name(const Device& device, const List& list, const CloudRule& rule) {
  const bool one_network = device.dialect == Dialect::azure || device.lists.size() <= 2;
  const std::string place = one_network ? "" : list.name.substr(0, list.name.find(' ')) + '-';
  std::string name = place.substr(0, kPlaceMax) + rule.wanted;
  name.resize(std::min(name.size(), kNameMax));
  while (name.ends_with('-')) name.pop_back();
  return name + (is_inward(list) ? "-in" : "-out");
}

template <typename Rules>
std::vector<std::string> created(Rules& rules, const std::vector<NewRule>& fresh) {
  if constexpr (requires { rules.create(fresh); }) {
    return rules.create(fresh);
  } else {
    std::vector<std::string> out;
    for (const NewRule& rule : fresh) out.push_back(rules.create(rule));
    return out;
  }
}

/// Each edit: rules that go, rules that come, with a number between those that stay. Where a number is given once,
/// rules that a later edit takes away still have theirs.
template <typename Rules>
SuggestedText edits_of_rules(Rules& rules, const Device& device, const ListSuggestion& s) {
  SuggestedText out;
  const List& list = device.lists[s.list];
  if (!rules.problem.empty()) return out.problem = rules.problem, out;
  const auto goes = [](const ListEdit& e) { return !e.keeps && e.kind != ListEdit::Kind::add; };
  std::set<std::uint32_t> gone;
  UniqueNames names;
  for (const ListEdit& e : s.edits)
    if (goes(e)) gone.insert(e.entry);
  for (const List& l : device.lists)
    for (const Entry& e : l.entries)
      if (const std::optional<Named> rule = named(e)) names.take(rule->name);
  const auto stays = [&](std::uint32_t i) { return gone.contains(i) ? std::nullopt : named(list.entries[i]); };
  std::optional<Named> written;  // the last rule that came
  for (const ListEdit& edit : s.edits) {
    EditText text;
    if (goes(edit)) text.out.push_back(rules.remove(list, edit.entry));
    std::vector<CloudRule> come;
    for (const std::string& line : lines_in_words(device.dialect, edit.instead, s.full, list.family, out.problem))
      come.push_back(read_cloud_rule(line));
    if (out.problem.empty()) out.problem = rules.problem;
    if (!out.problem.empty()) return out;
    std::vector<std::uint32_t> given(come.size());
    if (const std::optional<RuleNumbers>& numbers = Rules::kNumbers; numbers && !come.empty()) {
      std::optional<Named> before, after;
      for (std::uint32_t i = edit.entry; i-- > 0 && !before;) before = stays(i);
      for (std::uint32_t i = edit.entry; i < list.entries.size() && !after; ++i)
        after = numbers->each_once && i > edit.entry ? named(list.entries[i]) : stays(i);
      if (written && (!before || before->priority < written->priority)) before = written;
      const auto found = priorities(*numbers, come, before, after);
      if (!found) return out.problem = "there is no room between the priorities of the rules", out;
      given = *found;
      written = Named{given.back(), "", come.back().deny};
    }
    std::vector<NewRule> fresh;
    for (std::size_t n = 0; n < come.size(); ++n)
      fresh.push_back({names.give(wanted_name(device, list, come[n])), given[n], std::move(come[n])});
    text.in = created(rules, fresh);
    out.edits.push_back(std::move(text));
  }
  return out;
}

template <typename Rules>
SuggestedText words_of(const Device& device, const Source& source, const ListSuggestion& s) {
  std::vector<json::value> documents = cloud::documents(source.text());
  Rules rules(documents, device, s.list);
  SuggestedText out = edits_of_rules(rules, device, s);
  if constexpr (requires { rules.finish(); }) rules.finish();
  out.patched = cloud::to_text(documents);
  return out;
}

}  // namespace

bool is_inward(const List& list) { return list.name.ends_with(" inbound") || list.name.ends_with(" ingress"); }

std::vector<bool> cloud_fixed_entries(const Device& device, const List& list) {
  std::vector<bool> out;
  if (device.dialect != Dialect::azure) return out;
  for (const Entry& e : list.entries) {
    const std::optional<Named> rule = named(e);
    out.push_back(rule && rule->priority >= kAzureDefaults);
  }
  return out;
}

SuggestedText cloud_words(const Device& device, const Source& source, const ListSuggestion& s) {
  if (device.dialect == Dialect::azure) return words_of<AzureRules>(device, source, s);
  if (device.dialect == Dialect::gcp) return words_of<GcpRules>(device, source, s);
  return is_security_group(device, s.list) ? words_of<AwsGroupRules>(device, source, s)
                                           : words_of<AwsAclRules>(device, source, s);
}

std::shared_ptr<const FarEnds> cloud_far_ends(const Device& device, ListIndex list, const Domain& domain,
                                              bool decided_elsewhere) {
  if (device.dialect != Dialect::aws) return nullptr;
  return std::make_shared<FarEnds>(
      FarEnds{is_inward(device.lists[list]), !is_security_group(device, list), decided_elsewhere, domain.seen});
}

}  // namespace demarc
