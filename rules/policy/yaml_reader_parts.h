// What the parts of the rule-set reader share. Private to yaml_reader*.cpp: everybody else includes yaml_reader.h.
//
// Reading goes in two steps. First every file is a tree, and the entries of each section are collected from all
// files. Then the sections are read in the order in which they need each other: places, people and services before
// the rules that name them. Every step reports what is wrong and goes on, so that all errors come out at once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/policy/rule_set.h"
#include "rules/policy/yaml_reader.h"
#include "rules/policy/yaml_tree.h"
#include "rules/text/diagnostics.h"

namespace demarc::policy_reading {

template <typename T>
using ByName = std::map<std::string, T, std::less<>>;

/// A named entry of a mapping section: `web1: { ... }`.
struct Entry {
  const YamlNode* key;
  const YamlNode* value;
};

/// Where the rules' names lead.
struct Names {
  ByName<std::size_t> zones, hosts, services, vantages, devices, people;
  ByName<const YamlNode*> groups;
  ByName<AddressSet> addresses;          // of each zone, host, host.nic; of groups once they are resolved
  ByName<const YamlNode*> ids;           // of rules, exceptions and forbidden entries: where each was given
  ByName<std::size_t> rules, forbidden;  // of those kinds alone
  ByName<std::vector<Address>> nics;     // "web1.front"
};

class Reading {
 public:
  RuleSet rules;
  Names names;

  // --- Complaints ---
  void error(const YamlNode& node, std::string what, std::string hint = {});
  void warning(const YamlNode& node, std::string what, std::string hint = {});
  void note(const YamlNode& node, std::string what, std::string hint = {});
  /// "demarc.yaml:12", for hints that point to another place.
  std::string place(const YamlNode& node) const;
  Location where(const YamlNode& node) const { return trees[node.file].where(node); }
  bool failed() const { return errors.has_errors(); }
  /// More errors than anybody will be shown: suggestions are no longer worth their time.
  bool flooded() const { return errors.error_count() >= kSuggestionsMax; }
  static constexpr std::size_t kSuggestionsMax = 50;  // each may compare with ten thousand names

  // --- The sections of all files ---
  std::vector<YamlTree> trees;  // by YamlNode::file
  std::map<std::string, std::vector<Entry>, std::less<>>
      sections;  // top-level key -> where it is given, in reading order
  /// The entries of a mapping section of all files; a name given twice is reported.
  std::vector<Entry> entries(std::string_view section, std::string_view what);
  /// The items of a list section of all files.
  std::vector<const YamlNode*> items(std::string_view section);
  /// A section that only one file may give. Null if it is absent or says nothing.
  const YamlNode* only(std::string_view section);

  // --- Places by name (yaml_reader_places.cpp) ---
  /// Zone, host, host.nic, group, address or prefix; with `vantages` also "vantage:x". Reports what it does not
  /// know.
  std::optional<AddressSet> resolve(const YamlNode& name, bool vantages = false);
  /// A name or a list of them.
  EndpointSet endpoints(const YamlNode& node, std::string_view what, bool vantages = false);
  std::vector<std::string> place_names() const;

  Diagnostics errors, remarks;  // apart, so that a flood of warnings cannot push errors out of the bound

 private:
  std::map<std::string, AddressSet, std::less<>> unions_;  // lists that were resolved before
  std::size_t ranges_total_ = 0;
  bool ranges_refused_ = false;
  bool spend(const YamlNode& node, std::size_t ranges);
  ByName<int> group_state_;  // 1: being resolved, 2: done
  std::vector<std::string> group_chain_;
  std::optional<AddressSet> resolve_group(const YamlNode& use, std::string_view name);
};

/// The entries of a mapping by key; complains about keys that nobody knows.
class Fields {
 public:
  Fields(Reading& reading, const YamlNode& map, std::string_view what, std::span<const std::string_view> keys);
  bool usable() const { return usable_; }
  /// The value, or null if the key is absent.
  const YamlNode* get(std::string_view key) const;
  /// The same; absence is an error, unless a misspelt key was meant to be this one.
  const YamlNode* need(std::string_view key) const;
  /// A key that nobody knows looks like this one, so that its absence is explained.
  bool misspelt(std::string_view key) const;

 private:
  Reading& reading_;
  const YamlNode& map_;
  std::string what_;
  std::vector<std::string_view> meant_;
  bool usable_ = false;
};

// --- Values. All complain and return nothing (or an empty value) when the node is not what it must be ---
std::optional<std::string> read_text(Reading& reading, const YamlNode& node, std::string_view what);
/// A text into `out`, if the key is there.
void read_text_field(Reading& reading, const Fields& fields, std::string_view key, std::string& out);
std::optional<bool> read_truth(Reading& reading, const YamlNode& node, std::string_view what);
std::optional<std::uint32_t> read_number(Reading& reading, const YamlNode& node, std::string_view what,
                                         std::uint32_t min, std::uint32_t max);
std::optional<Date> read_date(Reading& reading, const YamlNode& node, std::string_view what);
std::optional<Period> read_period(Reading& reading, const YamlNode& node, std::string_view what);
std::optional<Address> read_address(Reading& reading, const YamlNode& node, std::string_view what);
/// Scalars of a list, or one scalar alone. An empty list is an error.
std::vector<const YamlNode*> read_list(Reading& reading, const YamlNode& node, std::string_view what);
std::vector<std::string> read_texts(Reading& reading, const YamlNode& node, std::string_view what);
/// Ports of a service or of coverage: 443, "1024-5000", or a list of them.
std::optional<PortRange> read_port_range(Reading& reading, const YamlNode& node);
PortSet read_ports(Reading& reading, const YamlNode& node, std::string_view what);

/// What is wrong with a number that other YAML readers would take: octal, hexadecimal, 1e3, 1_000, yes. Empty:
/// nothing.
struct NumberTrap {
  std::string what, hint;
};
std::optional<NumberTrap> number_trap(std::string_view text);

/// One of a few words.
template <typename T>
struct Word {
  std::string_view word;
  T meaning;
};
std::optional<std::size_t> read_word_index(Reading& reading, const YamlNode& node, std::string_view what,
                                           std::span<const std::string_view> words);
template <typename T, std::size_t N>
std::optional<T> read_word(Reading& reading, const YamlNode& node, std::string_view what,
                           const Word<T> (&words)[N]) {
  std::string_view names[N];
  for (std::size_t i = 0; i < N; ++i) names[i] = words[i].word;
  std::optional<std::size_t> index = read_word_index(reading, node, what, names);
  if (!index) return std::nullopt;
  return words[*index].meaning;
}
extern const Word<Severity> kSeverityWords[5];

/// The name of a new zone, host, ...: letters, digits, '.', '-', '_', and nothing that is an address or a number.
bool check_new_name(Reading& reading, const YamlNode& key, std::string_view what);
/// "did you mean 'x'?", or the known names if there are few, or `otherwise`.
std::string suggest_name(std::string_view word, std::vector<std::string> known, std::string otherwise);
template <typename T>
std::vector<std::string> keys_of(const ByName<T>& map) {
  std::vector<std::string> out;
  for (const auto& [key, value] : map) out.push_back(key);
  return out;
}
/// A scalar that must be a key of the map: its text, or an error "unknown zone 'x'".
template <typename T>
std::optional<std::string> read_known(Reading& reading, const YamlNode& node, std::string_view kind,
                                      const ByName<T>& known) {
  std::optional<std::string> text = read_text(reading, node, kind);
  if (!text || known.contains(*text)) return text;
  reading.error(node, "unknown " + std::string(kind) + " '" + *text + "'",
                reading.flooded() ? "" : suggest_name(*text, keys_of(known), "none is defined"));
  return std::nullopt;
}

// --- The sections ---
void read_general(Reading& reading, const RuleFiles& files);  // yaml_reader.cpp
void read_places(Reading& reading);                           // zones, hosts, groups
void read_vantages(Reading& reading);                         // before anything may name "vantage:x"
void read_translations(Reading& reading);
void read_services(Reading& reading);
void read_people(Reading& reading);
void read_rules(Reading& reading);  // rules, forbidden, exceptions, retired, accepted
void read_scope(Reading& reading);
void read_sensors(Reading& reading);
void read_coverage(Reading& reading);
void read_enforcement(Reading& reading);
/// Services by name into indices (rules); `only_known` reports the others.
std::vector<std::uint32_t> read_service_names(Reading& reading, const Fields& fields);

/// Every address that an `any` zone may hold: where classify() says unicast.
const AddressSet& global_unicast();

}  // namespace demarc::policy_reading
