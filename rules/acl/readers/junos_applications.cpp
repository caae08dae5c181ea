#include "rules/acl/readers/junos_applications.h"

#include <fmt/format.h>

#include "rules/acl/readers/junos_values.h"
#include "rules/acl/readers/words.h"

namespace demarc::junos {

ServiceWay way_of(const Service& s) {
  ServiceWay way;
  if (s.protocol != 0) way.protocols = {Protocol(s.protocol)};
  if (s.port != 0 || s.port_last != 65535) way.ports = PortSet{{Port(s.port), Port(s.port_last)}};
  if (s.icmp_type >= 0) way.icmp = {IcmpType{static_cast<std::uint8_t>(s.icmp_type), {}}};
  return way;
}

Match match_of(const AddressSet& sources, const AddressSet& destinations, const ServiceWay& way) {
  Match m;
  m.box.sources = sources;
  m.box.destinations = destinations;
  m.box.protocols = way.protocols;
  m.box.ports = way.ports;
  m.box.source_ports = way.source_ports;
  m.box.icmp = way.icmp;
  return m;
}

void Applications::read() {
  const NodeId node = tree_.find(Tree::root(), "applications");
  if (node == kNoNode) return;
  tree_.mark(node, Understanding::understood);
  for (const std::string_view kind : {"application", "application-set"}) uses_.define(tree_, node, kind);
  applications_ = node;
}

const NamedServices& Applications::services(std::string_view name, unsigned depth) {
  const auto known = services_.find(name);
  if (known != services_.end()) {
    uses_.use(applications_, "application", name), uses_.use(applications_, "application-set", name);
    return known->second;
  }
  NamedServices result;
  services_[name].incomplete = fmt::format("application-set {} holds itself", name);
  const NodeId one = tree_.find(applications_, {"application", name}),
               set = tree_.find(applications_, {"application-set", name});
  if (name == "any") {
    result.ways.push_back({});
  } else if (one != kNoNode) {
    uses_.use(applications_, "application", name);
    result = custom(one);
  } else if (set != kNoNode && depth < kSetDepthMax) {
    uses_.use(applications_, "application-set", name);
    for (const std::string_view kind : {"application", "application-set"})
      for (const NodeId m : tree_.children(tree_.find(set, kind))) {
        const NamedServices& member = services(word(m), depth + 1);
        result.ways.insert(result.ways.end(), member.ways.begin(), member.ways.end());
        if (!member.incomplete.empty()) result.incomplete = member.incomplete;
        if (result.ways.size() > kWaysMax) {
          result.ways.resize(kWaysMax);
          result.incomplete = fmt::format("application-set {} has too many members", name);
          break;
        }
      }
  } else {
    for (const Service& s : applications())
      if (s.name == name) result.ways.push_back(way_of(s));
    for (const ApplicationSet& s : application_sets())
      if (s.name == name)
        for (const Service& member : applications())
          if (member.name == s.member) result.ways.push_back(way_of(member));
    if (result.ways.empty()) result.incomplete = fmt::format("application {} is not known", name);
  }
  return services_[name] = std::move(result);
}

NamedServices Applications::custom(NodeId node) {
  NamedServices result;
  const NodeId terms = tree_.find(node, "term");
  if (terms == kNoNode) {
    service_words(node, result);
  } else {
    for (const NodeId t : tree_.children(terms)) service_words(t, result);
  }
  return result;
}

void Applications::service_words(NodeId node, NamedServices& out) {
  ServiceWay way;
  std::optional<unsigned> type, code;
  std::vector<NodeId> at{node};
  while (!at.empty()) {
    const NodeId n = at.back();
    at.pop_back();
    for (const NodeId key : tree_.children(n)) {
      const std::string_view k = word(key);
      for (const NodeId value : tree_.children(key)) {
        const std::string_view v = word(value);
        at.push_back(value);  // "protocol tcp destination-port 80": the next keyword lies below
        const auto wrong = [&] {
          out.incomplete = fmt::format("{} {} is not understood", k, v);
          not_understood(value, out.incomplete);
        };
        if (k == "protocol") {
          const std::optional<Protocol> p = parse_junos_protocol(v);
          if (p)
            way.protocols = {*p};
          else
            wrong();
        } else if (k == "destination-port" || k == "source-port") {
          const std::optional<PortRange> r = parse_junos_ports(v);
          if (r)
            (k == "source-port" ? way.source_ports : way.ports) = PortSet{*r};
          else
            wrong();
        } else if (k == "icmp-type" || k == "icmp6-type") {
          type = icmp_number(v, k == "icmp-type" ? Family::ipv4 : Family::ipv6);
          if (!type) wrong();
        } else if (k == "icmp-code" || k == "icmp6-code") {
          code = icmp_number(v, k == "icmp-code" ? Family::ipv4 : Family::ipv6);
          if (!code) wrong();
        } else if (k == "rpc-program-number" || k == "uuid") {
          out.incomplete = fmt::format("the ports of {} {} are given out by its port mapper", k, v);
          tree_.mark(value, Understanding::in_part, out.incomplete);
        } else if (k != "application-protocol" && k != "inactivity-timeout" && k != "description" && k != "alg" &&
                   !k.starts_with("apply-") && k != "ether-type") {
          out.incomplete = fmt::format("'{}' is not known in an application", k);
          not_understood(key, out.incomplete);
        }
      }
    }
  }
  if (type && way.protocols != ProtocolSet::all())
    way.icmp = {IcmpType{static_cast<std::uint8_t>(*type),
                         code ? std::optional(static_cast<std::uint8_t>(*code)) : std::nullopt}};
  out.ways.push_back(std::move(way));
}

std::optional<unsigned> Applications::icmp_number(std::string_view v, Family family) {
  if (const NamedNumber* row = find_named(v, icmp_types(family))) return row->number;
  return words::number(v, 255);
}

}  // namespace demarc::junos
