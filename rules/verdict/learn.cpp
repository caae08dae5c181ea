#include "rules/verdict/learn.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/policy/catalogue.h"
#include "rules/verdict/judging.h"
#include "rules/verdict/learn_parts.h"

namespace demarc {

namespace learning {

const CatalogueEntry* known_as(const ServiceKey& service, const std::set<std::string>& recognised) {
  const CatalogueEntry* by_port = nullptr;
  if (service.protocol.has_ports() && service.first == service.last)
    by_port = catalogue_find(service.protocol, Port(service.first));
  // TLS hides what is inside it: then the port says more.
  if (recognised.size() == 1 && *recognised.begin() != "tls")
    if (const CatalogueEntry* row = catalogue_by_protocol(*recognised.begin())) {
      if (by_port != nullptr && by_port->speaks == row->speaks) return by_port;
      return row;
    }
  return by_port;
}

bool is_dangerous(const CatalogueEntry* row) { return row != nullptr && row->exposed >= Severity::high; }

namespace {

/// Rectangles of one service become rules; rules of the same clients and servers are one.
class Learning {
 public:
  Learning(Snapshot& snapshot, const RuleSet& rules, bool given, const LearnOptions& options)
      : snapshot_(snapshot), rules_(rules), given_(given), options_(options), order_(distinct_flows(snapshot)) {}

  Learned run() {
    evidence_ = gather(snapshot_, rules_);
    for (FlowEvidence& flows : snapshot_.flows) std::vector<ObservedFlow>().swap(flows.flows);
    places_ = place(evidence_, rules_, given_);
    std::map<std::pair<ServiceKey, bool>, std::vector<std::uint32_t>> by_service;
    for (std::uint32_t i = 0; i < places_.uses.size(); ++i)
      by_service[{places_.uses[i].service, places_.uses[i].decide}].push_back(i);
    struct Ends {
      bool decide;
      std::vector<std::uint32_t> clients, servers;
      auto operator<=>(const Ends&) const = default;
    };
    std::map<Ends, std::map<ServiceKey, std::vector<std::uint32_t>>> rules;
    for (const auto& [key, uses] : by_service)
      for (Rectangle& r : cover(places_, uses))
        rules[{key.second, std::move(r.clients), std::move(r.servers)}][key.first] = std::move(r.uses);
    std::map<ServiceKey, std::uint32_t> numbers;
    for (const auto& [ends, services] : rules) {
      LearnedRule rule;
      rule.decide = ends.decide;
      fill(rule.from, ends.clients);
      fill(rule.to, ends.servers);
      std::vector<std::uint32_t> uses;
      for (const auto& [key, list] : services) {
        const auto [at, fresh] = numbers.try_emplace(key, static_cast<std::uint32_t>(learned_.services.size()));
        if (fresh) learned_.services.push_back(service_of(key));
        rule.services.push_back(at->second);
        uses.insert(uses.end(), list.begin(), list.end());
        if (rule.decide && rule.risk.empty())
          if (const CatalogueEntry* row = known_as(key, names_of(key)))
            rule.risk = std::string(row->title) + ": " + std::string(row->risk);
      }
      stand_on(rule, uses, ends.clients, ends.servers);
      learned_.rules.push_back(std::move(rule));
    }
    learned_.forbidden = std::move(evidence_.forbidden);
    learned_.left_out = evidence_.left_out;
    write_draft(learned_, snapshot_, order_, rules_, given_, options_);
    return std::move(learned_);
  }

 private:
  const std::set<std::string>& names_of(const ServiceKey& key) const {
    static const std::set<std::string> kNobody;
    const auto found = evidence_.spoken.names.find(key);
    return found == evidence_.spoken.names.end() ? kNobody : found->second;
  }

  LearnedService service_of(const ServiceKey& key) const {
    LearnedService s;
    s.protocol = key.protocol;
    s.ports = {Port(key.first), Port(key.last)};
    s.v6 = key.protocol == Protocol::icmpv6;
    s.one_way = key.one_way;
    if (const std::set<std::string>& names = names_of(key); names.size() == 1 && *names.begin() != "?")
      s.speaks = *names.begin();
    if (const auto found = evidence_.spoken.announces.find(key); found != evidence_.spoken.announces.end())
      s.announces.assign(found->second.begin(), found->second.end());
    return s;
  }

  void fill(LearnedPlace& side, const std::vector<std::uint32_t>& numbers) const {
    std::vector<AddressRange> ranges;
    for (const std::uint32_t n : numbers) {
      const Place& p = places_.all[n];
      if (p.named)
        ranges.insert(ranges.end(), p.named->addresses.ranges().begin(), p.named->addresses.ranges().end());
      else
        ranges.push_back({p.prefix.first(), p.prefix.last()});
      side.names.push_back(p.name());
    }
    side.addresses = AddressSet::of_ranges(std::move(ranges));
  }

  /// How many of a place's addresses the rule really saw.
  void say_generalised(LearnedRule& rule, const std::vector<std::uint32_t>& numbers,
                       const std::vector<Address>& seen) const {
    for (const std::uint32_t n : numbers) {
      const Place& p = places_.all[n];
      if (p.kind == Place::Kind::host) continue;
      const AddressSet addresses = p.addresses();
      std::set<Prefix> networks;
      std::size_t count = 0;
      for (const Address& a : seen) {
        if (!addresses.contains(a)) continue;
        ++count;
        networks.insert(Prefix::containing(a, a.is_ipv4() ? 16 : 32));
      }
      if (p.kind == Place::Kind::zone)
        rule.generalisations.push_back(
            fmt::format("{} for {} addresses in {} networks", p.name(), count, networks.size()));
      else if (addresses.size() != count)
        rule.generalisations.push_back(fmt::format("{} for {} of its {} addresses",
                                                   p.name(), count,
                                                   static_cast<std::uint64_t>(addresses.size())));
    }
  }

  void stand_on(LearnedRule& rule, const std::vector<std::uint32_t>& placed,
                const std::vector<std::uint32_t>& client_places,
                const std::vector<std::uint32_t>& server_places) const {
    Facts all;
    std::vector<Address> clients, servers;
    std::vector<Facts::Where> where;
    std::set<std::uint32_t> not_in_force;
    for (const std::uint32_t p : placed) {
      for (const std::uint32_t u : places_.members_of(p)) {
        const Use& use = evidence_.uses[u];
        all.add(use.facts);
        clients.push_back(use.client);
        servers.push_back(use.server);
        where.push_back(use.facts.where);
        if (use.not_in_force != kNone32) not_in_force.insert(use.not_in_force);
      }
    }
    const auto distinct = [](std::vector<Address>& list) {
      std::sort(list.begin(), list.end());
      list.erase(std::unique(list.begin(), list.end()), list.end());
      return list.size();
    };
    rule.clients = distinct(clients);
    rule.servers = distinct(servers);
    say_generalised(rule, client_places, clients);
    say_generalised(rule, server_places, servers);
    rule.conversations = all.conversations;
    rule.uncertain = all.uncertain;
    rule.bytes_out = all.bytes_out;
    rule.bytes_in = all.bytes_in;
    rule.first = all.first;
    rule.last = all.last;
    const std::size_t shown = std::min(where.size(), kPlacesShown);
    std::partial_sort(where.begin(), where.begin() + static_cast<std::ptrdiff_t>(shown), where.end());
    where.resize(shown);
    for (const Facts::Where& w : where) rule.places.push_back(place_words(snapshot_, order_, w));
    for (const std::uint32_t r : not_in_force) rule.not_in_force.push_back(rules_.rules[r].id);
    std::sort(rule.generalisations.begin(), rule.generalisations.end());
  }

  Snapshot& snapshot_;
  const RuleSet& rules_;
  bool given_;
  const LearnOptions& options_;
  std::vector<std::uint32_t> order_;
  Evidence evidence_;
  Places places_;
  Learned learned_;
};

}  // namespace

}  // namespace learning

Learned learn(Snapshot snapshot, const RuleSet* rules, const LearnOptions& options) {
  if (rules != nullptr) return learning::Learning(snapshot, *rules, true, options).run();
  const RuleSet guessed = learning::guessed_zones(snapshot);
  return learning::Learning(snapshot, guessed, false, options).run();
}

}  // namespace demarc
