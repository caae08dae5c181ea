// demarc explain: one packet through all views.
#include <fmt/format.h>

#include "rules/text/suggest.h"
#include "rules/verdict/explain.h"
#include "scanner/app/configuration_files.h"
#include "scanner/app/console.h"
#include "scanner/app/evidence_files.h"
#include "scanner/app/outputs.h"
#include "scanner/app/world.h"

namespace demarc {

namespace {

constexpr std::string_view kFormats[] = {"text", "json"};

/// An address, or what the rule set calls one: a host, host.nic, a vantage point, a zone (an address of it).
Result<Address> parse_place(const RuleSet& rules, const std::string& word, std::optional<Family> family) {
  auto pick = [&](const std::vector<Address>& addresses) -> std::optional<Address> {
    for (const Address& a : addresses)
      if (!family || a.family() == *family) return a;
    return std::nullopt;
  };
  if (std::optional<Address> address = parse_address(word)) return *address;
  std::optional<Address> found;
  std::string host_name = word.substr(0, word.find('.'));
  if (const Vantage* vantage = rules.vantage(word)) found = pick({vantage->address});
  if (!found && rules.host(word) != nullptr) found = pick(rules.host(word)->all_addresses());
  if (!found && rules.host(host_name) != nullptr) {
    for (const Nic& nic : rules.host(host_name)->nics)
      if (host_name + "." + nic.name == word) found = pick(nic.addresses);
  }
  if (!found && rules.zone(word) != nullptr) {
    for (const AddressRange& range : rules.zone(word)->addresses.ranges()) {
      if (family && range.first.family() != *family) continue;
      // Not the network address, where there is another one.
      found = range.first == range.last ? range.first : Address::of(range.first.family(), range.first.number() + 1);
      break;
    }
  }
  if (found) return *found;
  std::vector<std::string> names;
  for (const Host& host : rules.hosts) names.push_back(host.name);
  for (const Zone& zone : rules.zones) names.push_back(zone.name);
  for (const Vantage& vantage : rules.vantages) names.push_back(vantage.name);
  std::string hint = suggest(word, names);
  return failure(fmt::format("'{}' is neither an address nor a host, zone or vantage point of the rule set{}", word,
                             family ? fmt::format(" with an {} address", name(*family)) : ""),
                 hint.empty() ? "names are never resolved" : hint);
}

Result<Packet> parse_packet(const RuleSet& rules, const ExplainCommand& command) {
  Packet packet;
  std::optional<Address> literal = parse_address(command.destination);
  packet.source =
      DEMARC_TRY(parse_place(rules, command.source, literal ? std::optional(literal->family()) : std::nullopt));
  packet.destination = DEMARC_TRY(parse_place(rules, command.destination, packet.source.family()));
  if (packet.source.family() != packet.destination.family())
    return failure("source and destination are of different families");
  packet.source_port = Port(40000);
  std::size_t slash = command.service.find('/');
  std::string_view word = std::string_view(command.service).substr(0, slash);
  std::string_view rest =
      slash == std::string::npos ? std::string_view() : std::string_view(command.service).substr(slash + 1);
  auto wrong = [&] {
    return failure(fmt::format("'{}' is no protocol and port", command.service),
                   "write tcp/443, udp/53, icmp/echo-request, icmp/3/4 or esp");
  };
  if (word == "icmp" && packet.destination.family() == Family::ipv6) word = "icmpv6";
  std::optional<Protocol> protocol = parse_protocol(word);
  if (!protocol) return wrong();
  packet.protocol = *protocol;
  if (protocol->has_ports()) {
    Result<PortRange> port = parse_port_range(rest);
    if (!port || port->first != port->last) return wrong();
    packet.port = port->first;
  } else if (protocol->is_icmp()) {
    std::optional<IcmpType> type = icmp_type_by_name(packet.destination.family(), rest);
    if (!type) {
      Result<IcmpType> parsed = parse_icmp_type(rest);
      if (!parsed) return wrong();
      type = *parsed;
    }
    if (!type->code) type->code = 0;
    packet.icmp = *type;
  } else if (slash != std::string::npos) {
    return wrong();
  }
  return packet;
}

}  // namespace

int run_explain(const ExplainCommand& command) {
  std::string format = command.common.format.empty() ? "text" : command.common.format;
  if (Result<void> known = check_format(format, kFormats); !known) return say(known.error()), kCouldNotRun;
  LoadedRules loaded = load_rules(command.common, true);
  if (!loaded.rules) return kCouldNotRun;
  Result<Timestamp> at = as_of(command.common, &*loaded.rules);
  if (!at) return say(at.error()), kCouldNotRun;
  Result<Packet> packet = parse_packet(*loaded.rules, command);
  if (!packet) return say(packet.error()), kCouldNotRun;
  std::vector<GivenConfiguration> configurations;
  EvidenceRequest request{command.evidence, command.vantage, command.sensor, &*loaded.rules};
  request.configurations = &configurations;
  request.dialect = command.dialect;
  Result<Snapshot> snapshot = read_evidence(request, command.common);
  if (!snapshot) return say(snapshot.error()), kCouldNotRun;
  if (Result<void> added = add_declared_configurations(*loaded.rules, configurations); !added)
    return say(added.error()), kCouldNotRun;
  constexpr std::size_t kShown = 10;
  Explanation explanation = explain(*loaded.rules, *snapshot, *packet, *at, kShown, configurations);
  Result<void> shown =
      write_stdout(format == "json" ? explanation_json(explanation) : explanation_text(explanation));
  if (!shown) return say(shown.error()), kCouldNotRun;
  return kConforms;
}

}  // namespace demarc
