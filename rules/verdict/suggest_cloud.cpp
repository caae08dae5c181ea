#include "rules/verdict/suggest_cloud.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>
#include <charconv>
#include <set>

#include "rules/acl/writers/cloud.h"
#include "rules/acl/writers/unique_names.h"
#include "rules/verdict/suggest_lines.h"
#include "rules/verdict/suggest_router.h"

namespace demarc {

namespace {

namespace json = boost::json;

constexpr std::uint32_t kAzureLast = 4096, kAzureDefaults = 65000, kGcpLast = 65535;
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

// --- Documents ---

/// All documents of the text; empty: they cannot be taken apart.
std::vector<json::value> documents(std::string_view text) {
  std::vector<json::value> out;
  json::parse_options options;
  options.max_depth = 64;
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n\xEF\xBB\xBF"), text.size()));
  while (!text.empty()) {
    json::stream_parser parser({}, options);
    boost::system::error_code error;
    const std::size_t used = parser.write_some(text.data(), text.size(), error);
    if (error || !parser.done()) return {};
    out.push_back(parser.release());
    text.remove_prefix(used);
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  }
  return out;
}

/// Calls f with every object, those around before those within.
template <typename F>
void each_object(json::value& v, const F& f) {
  if (json::array* array = v.if_array()) {
    for (json::value& e : *array) each_object(e, f);
  } else if (json::object* object = v.if_object()) {
    f(*object);
    for (auto& member : *object) each_object(member.value(), f);
  }
}
template <typename F>
void each_array(json::value& v, const F& f) {
  if (json::array* array = v.if_array()) {
    f(*array);
    for (json::value& e : *array) each_array(e, f);
  } else if (json::object* object = v.if_object()) {
    for (auto& member : *object) each_array(member.value(), f);
  }
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* v = object.if_contains(key);
  return v != nullptr && v->is_string() ? std::string(v->get_string()) : std::string();
}
/// A key of the object or of its `properties`.
json::value* property(json::object& object, std::string_view key) {
  if (json::value* direct = object.if_contains(key)) return direct;
  json::value* inner = object.if_contains("properties");
  return inner != nullptr && inner->is_object() ? inner->get_object().if_contains(key) : nullptr;
}
json::array strings(const std::vector<std::string>& words) {
  json::array out;
  for (const std::string& w : words) out.emplace_back(w);
  return out;
}
bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::string joined(const std::vector<std::string>& words, std::string_view between, std::string_view none) {
  return words.empty() ? std::string(none) : fmt::format("{}", fmt::join(words, between));
}

// The rules of one list in the documents. What is removed and created is so in them, and the command for it is
// given back; `problem`: why it cannot be.

class AzureRules {
 public:
  std::string problem = {};

  AzureRules(std::vector<json::value>& docs, const std::string& list) {
    const std::size_t blank = list.rfind(' ');
    group_ = list.substr(0, blank);
    inward_ = list.substr(blank + 1) == "inbound";
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

  std::string remove(const std::string& name) {
    for (auto at = rules_->begin(); at != rules_->end(); ++at) {
      json::object* object = at->if_object();
      if (object == nullptr || text_of(*object, "name") != name || !is_here(*object)) continue;
      rules_->erase(at);
      return fmt::format("az network nsg rule delete --resource-group {} --nsg-name {} --name {}", resource_group_,
                         group_, name);
    }
    problem = fmt::format("the rule {} is not in the document", name);
    return "";
  }

  std::string create(const std::string& name, std::uint32_t priority, const CloudRule& rule) {
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
        resource_group_, group_, name, priority, direction, access, protocol, joined(rule.sources, " ", ""),
        joined(rule.source_ports, " ", "'*'"), joined(rule.destinations, " ", ""), joined(rule.ports, " ", "'*'"));
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
  std::string problem = {};

  GcpRules(std::vector<json::value>& docs, const std::string& list) {
    const std::size_t blank = list.rfind(' ');
    network_ = list.substr(0, blank);
    inward_ = list.substr(blank + 1) == "ingress";
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

  std::string remove(const std::string& name) {
    for (auto at = rules_->begin(); at != rules_->end(); ++at) {
      const json::object* object = at->if_object();
      if (object == nullptr || !is_rule(*object) || text_of(*object, "name") != name) continue;
      rules_->erase(at);
      return fmt::format("gcloud compute firewall-rules delete {}", name);
    }
    problem = fmt::format("the rule {} is not in the document", name);
    return "";
  }

  std::string create(const std::string& name, std::uint32_t priority, const CloudRule& rule) {
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
        name, network_, direction, priority, rule.deny ? "DENY" : "ALLOW", joined(services, ",", rule.protocol),
        joined(rule.sources, ",", ""), joined(rule.destinations, ",", ""));
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

/// Priorities for new rules between those that stay. Of one priority, GCP asks what denies first; Azure has each
/// priority once. None: there is no room.
std::optional<std::vector<std::uint32_t>> priorities(Dialect dialect, const std::vector<CloudRule>& rules,
                                                     const std::optional<Named>& before,
                                                     const std::optional<Named>& after) {
  const auto count = static_cast<std::uint32_t>(rules.size());
  const bool azure = dialect == Dialect::azure;
  const std::uint32_t low = before ? before->priority : azure ? 99 : 0, last = azure ? kAzureLast : kGcpLast - 1;
  const std::uint32_t high = after ? std::min(after->priority, last + 1) : 0;
  std::optional<std::vector<std::uint32_t>> between;
  if (!after || high > low) between = numbers_between(low, high, count);
  if (between && between->back() <= last) return between;
  if (azure) return std::nullopt;
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
  const bool inward = list.name.ends_with(" inbound") || list.name.ends_with(" ingress");
  const bool one_network = device.dialect == Dialect::azure || device.lists.size() <= 2;
  const std::string place = one_network ? "" : list.name.substr(0, list.name.find(' ')) + '-';
  std::string name = place.substr(0, kPlaceMax) + rule.wanted;
  name.resize(std::min(name.size(), kNameMax));
  while (name.ends_with('-')) name.pop_back();
  return name + (inward ? "-in" : "-out");
}

/// Each edit: rules that go, rules that come, with a priority between those that stay.
template <typename Rules>
SuggestedText edits_of_rules(Rules rules, const Device& device, const ListSuggestion& s) {
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
    if (goes(edit)) {
      const std::optional<Named> old = named(list.entries[edit.entry]);
      if (!old)
        return out.problem = fmt::format("line {} is no rule with a name", list.entries[edit.entry].line), out;
      text.out.push_back(rules.remove(old->name));
    }
    std::vector<CloudRule> come;
    for (const std::string& line : lines_in_words(device.dialect, edit.instead, s.full, list.family, out.problem))
      come.push_back(read_cloud_rule(line));
    if (!out.problem.empty()) return out;
    std::optional<Named> before, after;
    for (std::uint32_t i = edit.entry; i-- > 0 && !before;) before = stays(i);
    for (std::uint32_t i = edit.entry; i < list.entries.size() && !after; ++i) after = stays(i);
    if (written && (!before || before->priority < written->priority)) before = written;
    if (!come.empty()) {
      const auto numbers = priorities(device.dialect, come, before, after);
      if (!numbers) return out.problem = "there is no room between the priorities of the rules", out;
      for (std::size_t n = 0; n < come.size(); ++n) {
        const std::string name = names.give(wanted_name(device, list, come[n]));
        text.in.push_back(rules.create(name, (*numbers)[n], come[n]));
        written = Named{(*numbers)[n], name, come[n].deny};
      }
    }
    if (!rules.problem.empty()) return out.problem = rules.problem, out;
    out.edits.push_back(std::move(text));
  }
  return out;
}

}  // namespace

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
  std::vector<json::value> docs = documents(source.text());
  const std::string& name = device.lists[s.list].name;
  SuggestedText out = device.dialect == Dialect::azure ? edits_of_rules(AzureRules(docs, name), device, s)
                                                       : edits_of_rules(GcpRules(docs, name), device, s);
  for (const json::value& doc : docs) out.patched += json::serialize(doc) + '\n';
  return out;
}

}  // namespace demarc
