// Named services, and the people who may approve.
#include <fmt/format.h>

#include <algorithm>

#include "rules/net/app_protocol.h"
#include "rules/policy/yaml_reader_parts.h"
#include "rules/text/suggest.h"

namespace demarc::policy_reading {

namespace {

std::optional<IcmpType> read_icmp_type(Reading& reading, const YamlNode& node, Family family) {
  std::string_view key = family == Family::ipv4 ? "icmp" : "icmpv6";
  if (node.is_mapping()) {
    static constexpr std::string_view kKeys[] = {"type", "code"};
    Fields fields(reading, node, "an ICMP type", kKeys);
    const YamlNode* type_node = fields.need("type");
    if (type_node == nullptr) return std::nullopt;
    std::optional<std::uint32_t> type = read_number(reading, *type_node, "'type'", 0, 255);
    if (!type) return std::nullopt;
    IcmpType out{static_cast<std::uint8_t>(*type), std::nullopt};
    if (const YamlNode* code_node = fields.get("code")) {
      std::optional<std::uint32_t> code = read_number(reading, *code_node, "'code'", 0, 255);
      if (!code) return std::nullopt;
      out.code = static_cast<std::uint8_t>(*code);
    }
    return out;
  }
  std::optional<std::string> text = read_text(reading, node, "an ICMP type");
  if (!text) return std::nullopt;
  if (std::optional<IcmpType> type = icmp_type_by_name(family, *text)) return type;
  if (text->find_first_not_of("0123456789") == std::string::npos) {
    std::optional<std::uint32_t> number = read_number(reading, node, "an ICMP type", 0, 255);
    if (!number) return std::nullopt;
    return IcmpType{static_cast<std::uint8_t>(*number), std::nullopt};
  }
  Family other = family == Family::ipv4 ? Family::ipv6 : Family::ipv4;
  std::string hint;
  if (icmp_type_by_name(other, *text))
    hint = fmt::format("it is a type of the other family: put it under `{}`",
                       other == Family::ipv4 ? "icmp" : "icmpv6");
  if (hint.empty()) hint = suggest(*text, std::span<const std::string_view>(icmp_type_names(family)));
  if (hint.empty()) hint = "a name like echo-request, a number, or { type: 3, code: 4 }";
  reading.error(node, fmt::format("'{}' is no type of {}", *text, key), std::move(hint));
  return std::nullopt;
}

std::vector<IcmpType> read_icmp_types(Reading& reading, const YamlNode& node, Family family) {
  std::vector<IcmpType> out;
  auto take = [&](const YamlNode& item) {
    std::optional<IcmpType> type = read_icmp_type(reading, item, family);
    if (type && std::find(out.begin(), out.end(), *type) == out.end()) out.push_back(*type);
  };
  if (node.is_mapping())
    take(node);
  else
    for (const YamlNode* item : read_list(reading, node, family == Family::ipv4 ? "'icmp'" : "'icmpv6'"))
      take(*item);
  return out;
}

std::vector<Protocol> read_protocols(Reading& reading, const YamlNode& node) {
  std::vector<Protocol> out;
  for (const YamlNode* item : read_list(reading, node, "'ip'")) {
    std::optional<std::string> text = read_text(reading, *item, "an IP protocol");
    if (!text) continue;
    if (std::optional<NumberTrap> trap = number_trap(*text)) {
      reading.error(*item, std::move(trap->what), std::move(trap->hint));
      continue;
    }
    std::optional<Protocol> protocol = parse_protocol(*text);
    if (!protocol) {
      static constexpr std::string_view kNames[] = {"igmp", "ipip", "ipv6", "gre", "esp",
                                                    "ah",   "ospf", "pim",  "vrrp"};
      std::string hint = suggest(*text, kNames);
      reading.error(*item, fmt::format("'{}' is no IP protocol", *text),
                    hint.empty() ? "a name like esp or gre, or a number from 0 to 255" : hint);
    } else if (*protocol == Protocol::tcp || *protocol == Protocol::udp || *protocol == Protocol::sctp ||
               protocol->is_icmp()) {
      std::string key = to_string(*protocol);
      reading.error(*item, fmt::format("'{}' as a whole protocol", *text),
                    fmt::format("use `{}:` with its {}; `all: true` is everything", key,
                                protocol->is_icmp() ? "types" : "ports"));
    } else if (std::find(out.begin(), out.end(), *protocol) == out.end()) {
      out.push_back(*protocol);
    }
  }
  return out;
}

}  // namespace

void read_services(Reading& reading) {
  static constexpr std::string_view kKeys[] = {"tcp", "udp",    "sctp",    "icmp",         "icmpv6", "ip",
                                               "all", "speaks", "replies", "source_ports", "related"};
  static constexpr std::string_view kRelatedKeys[] = {"tcp", "udp"};
  static constexpr Word<bool> kReplies[] = {{"none", true}, {"expected", false}};
  for (const Entry& entry : reading.entries("services", "service")) {
    std::string what = fmt::format("service '{}'", entry.key->scalar);
    Service service;
    service.name = std::string(entry.key->scalar);
    service.where = reading.where(*entry.key);
    Fields fields(reading, *entry.value, what, kKeys);
    bool says_something = false;
    for (auto [key, ports] :
         {std::pair("tcp", &service.tcp), std::pair("udp", &service.udp), std::pair("sctp", &service.sctp)}) {
      if (const YamlNode* node = fields.get(key)) {
        *ports = read_ports(reading, *node, fmt::format("'{}'", key));
        says_something = true;
      }
    }
    if (const YamlNode* node = fields.get("icmp"))
      service.icmp = read_icmp_types(reading, *node, Family::ipv4), says_something = true;
    if (const YamlNode* node = fields.get("icmpv6"))
      service.icmpv6 = read_icmp_types(reading, *node, Family::ipv6), says_something = true;
    if (const YamlNode* node = fields.get("ip")) service.ip = read_protocols(reading, *node), says_something = true;
    if (const YamlNode* node = fields.get("all")) {
      service.all = read_truth(reading, *node, "'all'").value_or(false);
      if (service.all && says_something)
        reading.error(*node, fmt::format("{} is everything and has ports besides", what),
                      "`all: true` stands alone");
      says_something = true;
    }
    bool slip = fields.misspelt("tcp") || fields.misspelt("udp") || fields.misspelt("sctp") ||
                fields.misspelt("icmp") || fields.misspelt("icmpv6") || fields.misspelt("ip") ||
                fields.misspelt("all");
    if (fields.usable() && !says_something && !slip)
      reading.error(*entry.key, fmt::format("{} has no ports, types or protocols", what),
                    "add `tcp: [443]`, `udp: [53]`, `icmp: [echo-request]` or `ip: [esp]`");
    if (const YamlNode* node = fields.get("speaks")) {
      std::optional<std::string> speaks = read_text(reading, *node, "'speaks'");
      if (speaks && is_app_protocol(*speaks))
        service.speaks = std::move(*speaks);
      else if (speaks) {
        std::string hint = suggest(*speaks, app_protocol_names());
        reading.error(
            *node, fmt::format("demarc cannot recognise '{}'", *speaks),
            hint.empty() ? "leave `speaks` out, or see docs/rule-set.md for the protocols it knows" : hint);
      }
    }
    if (const YamlNode* node = fields.get("replies")) {
      service.one_way = read_word(reading, *node, "'replies'", kReplies).value_or(false);
      if (service.one_way && (!service.tcp.empty() || !service.sctp.empty()))
        reading.error(*node, fmt::format("{} has TCP or SCTP ports, which always reply", what),
                      "one service for the datagrams, one for the rest");
    }
    if (const YamlNode* node = fields.get("source_ports")) {
      service.source_ports = read_ports(reading, *node, "'source_ports'");
      if (service.tcp.empty() && service.udp.empty() && service.sctp.empty())
        reading.error(*node, fmt::format("{} has source ports and no ports", what),
                      "source ports belong to tcp, udp or sctp");
    }
    if (const YamlNode* node = fields.get("related")) {
      Fields related(reading, *node, "'related'", kRelatedKeys);
      if (const YamlNode* tcp = related.get("tcp")) service.related_tcp = read_ports(reading, *tcp, "'tcp'");
      if (const YamlNode* udp = related.get("udp")) service.related_udp = read_ports(reading, *udp, "'udp'");
      if (related.usable() && related.get("tcp") == nullptr && related.get("udp") == nullptr)
        reading.error(*node, "'related' has no ports", "write { tcp: [\"50000-51000\"] }");
      if (service.tcp.empty() && service.udp.empty())
        reading.error(*node, fmt::format("{} has data ports and no control port", what), "add `tcp: [21]`");
    }
    reading.names.services.emplace(service.name, reading.rules.services.size());
    reading.rules.services.push_back(std::move(service));
  }
}

std::vector<std::uint32_t> read_service_names(Reading& reading, const Fields& fields) {
  std::vector<std::uint32_t> out;
  const YamlNode* one = fields.get("service");
  const YamlNode* several = fields.get("services");
  if (one != nullptr && several != nullptr)
    reading.error(*several, "'service' and 'services' are both given", "put all of them in one list");
  if (one == nullptr && several == nullptr) {
    if (!fields.misspelt("services")) fields.need("service");
    return out;
  }
  for (const YamlNode* item : read_list(reading, one != nullptr ? *one : *several, "'service'")) {
    std::optional<std::string> name = read_known(reading, *item, "service", reading.names.services);
    if (!name) continue;
    auto index = static_cast<std::uint32_t>(reading.names.services.find(*name)->second);
    if (std::find(out.begin(), out.end(), index) != out.end())
      reading.warning(*item, fmt::format("the service '{}' is named twice", *name), "once is enough");
    else
      out.push_back(index);
  }
  return out;
}

void read_people(Reading& reading) {
  static constexpr std::string_view kKeys[] = {"roles", "teams"};
  const std::vector<std::string>& roles = reading.rules.review.approval_roles;
  for (const Entry& entry : reading.entries("people", "person")) {
    Person person;
    person.name = std::string(entry.key->scalar);
    person.where = reading.where(*entry.key);
    Fields fields(reading, *entry.value, fmt::format("person '{}'", person.name), kKeys);
    if (const YamlNode* node = fields.get("teams")) person.teams = read_texts(reading, *node, "'teams'");
    if (const YamlNode* node = fields.need("roles")) {
      for (const YamlNode* item : read_list(reading, *node, "'roles'")) {
        std::optional<std::string> role = read_text(reading, *item, "a role");
        if (!role) continue;
        if (!roles.empty() && std::find(roles.begin(), roles.end(), *role) == roles.end()) {
          reading.warning(*item, fmt::format("no approval needs the role '{}'", *role),
                          suggest_name(*role, roles, ""));
        }
        person.roles.push_back(std::move(*role));
      }
    }
    reading.names.people.emplace(person.name, reading.rules.people.size());
    reading.rules.people.push_back(std::move(person));
  }
}

}  // namespace demarc::policy_reading
