// A world for edits of clouds: the small DMZ behind one, and a way from a suggestion's commands to rules that are
// read and judged again.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rules/acl/readers/reader.h"
#include "rules/verdict/suggest_text.h"
#include "tests/rules/policy/world.h"

namespace demarc::cloud_commands {

/// The internet and the dmz with a cloud between them, in which the dmz has these interfaces.
inline RuleSet rules_with(const std::vector<std::string>& interfaces, std::vector<Rule> rules) {
  RuleSet r = world::small_dmz();
  r.devices[0].dialect = "";
  r.devices[0].name = "cloud";
  r.devices[0].interfaces = {{"outside", {"internet"}, {}}};
  for (const std::string& own : interfaces) r.devices[0].interfaces.push_back({own, {"dmz"}, {}});
  Path path;
  path.from = "internet", path.to = "dmz", path.via = {{"cloud"}};
  r.paths = {path};
  r.rules = std::move(rules);
  r.reindex();
  return r;
}
inline Rule rule(std::string id, std::vector<std::string> services, std::vector<std::string> from,
                 std::vector<std::string> to) {
  return world::rule(world::small_dmz(), std::move(id), std::move(services), std::move(from), std::move(to));
}

/// What a provider keeps: its document as it is now, and a command that is entered.
struct Provider {
  std::function<std::string()> document;
  std::function<void(const std::string& command)> enter;
  /// Whether the document shows this list at all.
  std::function<bool(const std::string& list)> shows = [](const std::string&) { return true; };
};

/// The commands for every list, after they were entered and what came of it was found right; or the first list for
/// which there are none, and why.
inline std::string commands(const RuleSet& rules, Dialect dialect, const Provider& provider) {
  const Source source("cloud.json", provider.document());
  const auto device = std::make_shared<const Device>(read_configuration(source, dialect).value());
  const GivenConfiguration given{device, "cloud", ""};
  const Binding binding = bind_devices(rules, std::span(&given, 1));
  Suggester suggester(rules, world::noon("2026-11-23"));
  const std::vector<ListSuggestion> all = suggester.suggest(binding, 0);
  std::string out;
  for (const ListSuggestion& s : all) {
    const std::string& name = device->lists[s.list].name;
    if (!s.not_editable.empty()) return fmt::format("{}: {}", name, s.not_editable);
    const SuggestedText text = edits_in_words(*device, source, s);
    if (!text.problem.empty()) return fmt::format("{}: {}", name, text.problem);
    const Result<PatchedBack> back = patch_and_judge(suggester, *device, source, all, s);
    REQUIRE_MESSAGE(back.has_value(), (back ? std::string() : back.error().what));
    if (!back->judgement.exact)
      return fmt::format("{}: {} {}", name, back->judgement.blocked ? "blocked" : "passes",
                         to_string(back->judgement.sample->packet));
    for (const EditText& e : text.edits)
      for (const auto* lines : {&e.out, &e.in})
        for (const std::string& line : *lines) {
          provider.enter(line);
          out += line + '\n';
        }
  }
  const std::string entered = provider.document();
  CAPTURE(out);
  CAPTURE(entered);
  const Device after = read_configuration(Source("cloud.json", entered), dialect).value();
  for (const ListSuggestion& s : all) {
    if (!provider.shows(device->lists[s.list].name)) continue;
    std::vector<ListIndex> lists = s.chain.empty() ? std::vector{s.list} : s.chain;
    for (ListIndex& l : lists) {
      l = after.find_list(device->lists[l].name);
      REQUIRE(l != kNoList);
    }
    const Suggester::Judgement judged = suggester.judge(after, lists, s.wish);
    if (judged.sample) INFO(to_string(judged.sample->packet), " blocked ", judged.blocked);
    CHECK(judged.exact);
  }
  return out;
}

}  // namespace demarc::cloud_commands
