// Names that nothing refers to.
#include <fmt/format.h>

#include <algorithm>

#include "rules/policy/linter.h"

namespace demarc {

void Linter::refer(const EndpointSet& ends) {
  for (const std::string& name : ends.names) refer(name);
  used_addresses_.push_back(&ends.addresses);
}

void Linter::refer(std::string_view name) {
  used_.emplace(name);
  if (name.starts_with("vantage:")) used_.emplace(name.substr(8));
  if (std::size_t dot = name.find('.'); dot != std::string_view::npos) used_.emplace(name.substr(0, dot));
}

void Linter::unused() {
  std::vector<bool> services(rules_.services.size());
  auto refer_rule = [&](const std::vector<std::uint32_t>& list, const EndpointSet& from, const EndpointSet& to) {
    for (std::uint32_t s : list) services.at(s) = true;
    refer(from);
    refer(to);
  };
  std::unordered_set<std::string> people;
  auto refer_people = [&](const Rule& rule) {
    for (const Approval& a : rule.approved) people.insert(a.by);
    for (const ReviewEntry& r : rule.reviewed) people.insert(r.by);
    for (const auto& [vantage, expectation] : rule.expect) refer(vantage);
  };
  for (const Rule& rule : rules_.rules) {
    refer_rule(rule.services, rule.from, rule.to);
    refer_people(rule);
  }
  for (const Exception& x : rules_.exceptions) {
    refer_rule(x.rule.services, x.rule.from, x.rule.to);
    refer_people(x.rule);
  }
  for (const ForbiddenEntry& f : rules_.forbidden) refer_rule(f.services, f.from, f.to);
  for (const AcceptedFinding& a : rules_.accepted)
    for (const Approval& approval : a.approved) people.insert(approval.by);
  people.insert(rules_.scope.authorised_by);
  for (const Group& g : rules_.groups) refer(g.members);
  refer(rules_.scope.targets);
  refer(rules_.scope.exclude);
  for (const std::string& v : rules_.scope.vantage_targets) refer(v.starts_with("vantage:") ? v : "vantage:" + v);
  for (const std::string& v : rules_.coverage.vantages) refer(v);
  for (const Vantage& v : rules_.vantages) refer(v.zone);
  for (const Sensor& s : rules_.sensors) {
    for (const auto& [a, b] : s.sees) {
      refer(a);
      refer(b);
    }
  }
  for (const Path& p : rules_.paths) {
    refer(p.from);
    refer(p.to);
  }
  for (const DeclaredDevice& d : rules_.devices) refer(d.name);
  for (const Translation& t : rules_.translations) {
    refer(t.real_name);
    refer(t.from);
  }
  for (const SourceTranslation& t : rules_.source_translations) {
    refer(t.real);
    refer(t.to);
  }
  for (const Vip& v : rules_.vips) {
    refer(v.members);
    for (const std::string& name : v.services)
      if (const Service* s = rules_.service(name))
        services[static_cast<std::size_t>(s - rules_.services.data())] = true;
  }
  auto report = [&](std::string_view what, const std::string& name, const Location& where) {
    add("name-unused", Severity::info, name, where, fmt::format("{} {} is never used", what, name),
        "Nothing in the rule set refers to it.", "Remove it, or use it.");
  };
  for (const Zone& z : rules_.zones)
    if (!used_.contains(z.name) && !z.any) report("zone", z.name, z.where);
  for (const Group& g : rules_.groups)
    if (!used_.contains(g.name)) report("group", g.name, g.members.where);
  for (const Vantage& v : rules_.vantages)
    if (!used_.contains(v.name)) report("vantage point", v.name, v.where);
  for (std::size_t s = 0; s < services.size(); ++s)
    if (!services[s]) report("service", rules_.services[s].name, rules_.services[s].where);
  for (const Person& p : rules_.people)
    if (!people.contains(p.name)) report("person", p.name, p.where);
  // A host is an entry of the inventory: it is of use if any rule, entry or the scope speaks of its addresses.
  std::vector<AddressRange> all;
  for (const AddressSet* set : used_addresses_) all.insert(all.end(), set->ranges().begin(), set->ranges().end());
  const AddressSet spoken_of = AddressSet::of_ranges(std::move(all));
  for (const Host& h : rules_.hosts) {
    if (used_.contains(h.name) || h.care != Care::normal) continue;
    std::vector<Address> addresses = h.all_addresses();
    if (std::none_of(addresses.begin(), addresses.end(), [&](const Address& a) { return spoken_of.contains(a); }))
      report("host", h.name, h.where);
  }
}

}  // namespace demarc
