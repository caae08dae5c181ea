// The rule that comes nearest to approving a packet, and what it lacks.
#include <fmt/format.h>

#include <algorithm>

#include "rules/policy/documented_index.h"

namespace demarc {

using namespace documented;

namespace {

std::string shortened(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 4;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i) out += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kShown) out += fmt::format(" and {} more", names.size() - kShown);
  return out;
}

std::string place(const RuleSet& rules, const Address& address) {
  if (std::string known = rules.name_of(address); !known.empty()) return known;
  const Zone* zone = rules.zone_of(address);
  return zone == nullptr ? to_string(address) : fmt::format("{} ({})", zone->name, to_string(address));
}

std::string port_words(const Packet& packet) {
  if (packet.protocol.has_ports()) return fmt::format("{}/{}", to_string(packet.protocol), to_string(packet.port));
  if (packet.protocol.is_icmp()) {
    return fmt::format("{} {}", to_string(packet.protocol),
                       describe(packet.protocol == Protocol::icmp ? Family::ipv4 : Family::ipv6, packet.icmp));
  }
  return to_string(packet.protocol);
}

std::string service_words(const RuleSet& rules, const Rule& rule) {
  std::vector<std::string> parts;
  for (std::uint32_t index : rule.services) {
    const Service& s = rules.services.at(index);
    auto add = [&](std::string_view protocol, const PortSet& ports) {
      if (ports.empty()) return;
      std::string list = to_string(ports);
      parts.push_back(fmt::format("{}/{}", protocol, list.size() > 60 ? s.name : list));
    };
    add("tcp", s.tcp);
    add("udp", s.udp);
    add("sctp", s.sctp);
    for (const IcmpType& type : s.icmp) parts.push_back("icmp " + describe(Family::ipv4, type));
    for (const IcmpType& type : s.icmpv6) parts.push_back("icmpv6 " + describe(Family::ipv6, type));
    for (Protocol protocol : s.ip) parts.push_back(to_string(protocol));
  }
  return shortened(parts);
}

}  // namespace

std::optional<NearestRule> Documented::Index::nearest(const Packet& packet) {
  if (packet.source.family() != packet.destination.family()) return std::nullopt;
  std::vector<bool> from_holds(from_.size()), to_holds(to_.size()), speaks(rules->services.size());
  for (std::uint32_t n : from_.holders(from_.slot(packet.source))) from_holds[n] = true;
  for (std::uint32_t n : to_.holders(to_.slot(packet.destination))) to_holds[n] = true;
  const PortClasses& classes = classes_of(packet.protocol);
  for (std::uint32_t s : classes.services[classes.of_port[port_number(packet)]]) speaks[s] = true;

  // How much of a rule fits. One that fits wholly fails by its state or by a forbidden entry; then rules between
  // these two ends, then to this destination, then from this source. A rule in force is nearer than one that is
  // not.
  constexpr int kWhole = 100, kEnds = 60, kSameProtocol = 10, kToService = 40, kFromService = 20, kInForce = 1;
  int best_score = 0;
  std::uint32_t best = kNone;
  for (const Entry& entry : entries_) {
    if (entry.kind != Entry::Kind::rule) break;  // rules come first
    bool from = from_holds[entry.from], to = to_holds[entry.to];
    if (!from && !to) continue;
    bool service =
        std::any_of(entry.services->begin(), entry.services->end(), [&](std::uint32_t s) { return speaks[s]; });
    int score = 0;
    if (from && to && service) {
      score = kWhole;
    } else if (from && to) {
      bool protocol = std::any_of(entry.services->begin(), entry.services->end(), [&](std::uint32_t s) {
        return !ports_of(rules->services[s], packet.protocol).empty();
      });
      score = kEnds + (protocol ? kSameProtocol : 0);
    } else if (service) {
      score = to ? kToService : kFromService;
    } else {
      continue;
    }
    if (states[entry.number].in_force()) score += kInForce;
    if (score > best_score) {
      best_score = score;
      best = entry.number;
    }
  }
  if (best == kNone) return std::nullopt;
  const Rule& rule = rules->rules[best];
  const RuleState& state = states[best];
  NearestRule out{best, "", false};
  if (best_score >= kWhole) {
    if (!state.in_force()) {
      out.only_state = true;
      out.why = state.status == RuleStatus::proposed ? rule.id + " is only proposed"
                                                     : fmt::format("{} {}", rule.id, state.words);
      if (state.status == RuleStatus::approval_missing || state.status == RuleStatus::approval_invalid)
        out.why = fmt::format("{}: {}", rule.id, state.words);
      if (state.status == RuleStatus::not_yet) out.why = fmt::format("{} is {}", rule.id, state.words);
      return out;
    }
    const Judgement& j = judge(packet);
    if (!j.forbidden_by.empty()) {
      out.why = fmt::format("{} would approve it, but {} forbids it", rule.id,
                            rules->forbidden[j.forbidden_by.front()].id);
    } else if (j.approved) {
      out.why = rule.id + " approves it";
    } else {
      out.why = fmt::format("{} approves it from other source ports only", rule.id);
    }
    return out;
  }
  if (best_score >= kEnds) {
    out.why = fmt::format("{} approves {}, not {}", rule.id, service_words(*rules, rule), port_words(packet));
  } else if (best_score >= kToService) {
    out.why = fmt::format("{} approves {} from {}, not from {}", rule.id, port_words(packet),
                          shortened(rule.from.names), place(*rules, packet.source));
  } else {
    out.why = fmt::format("{} approves {} to {}, not to {}", rule.id, port_words(packet), shortened(rule.to.names),
                          place(*rules, packet.destination));
  }
  if (!state.in_force()) out.why += fmt::format(" ({})", state.words);
  return out;
}

}  // namespace demarc
