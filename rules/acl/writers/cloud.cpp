// Sources: Azure documentation, "Network security groups" (protocols are TCP, UDP, ICMP, ESP, AH or any; one
// address family a rule); Google Cloud documentation, "VPC firewall rules" (no source ports, no ICMP types; one
// address family a rule; ranges of both ends).
#include "rules/acl/writers/cloud.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/writers/pieces.h"

namespace demarc {

namespace {

using writing::Piece;

constexpr std::size_t kNameMax = 50;  // of 63 (GCP) and 80 (Azure): room for a number

/// What the dialects cannot say.
struct CloudWords {
  bool source_ports, any_protocol, capitals;
};
constexpr CloudWords kAzureWords{true, false, true}, kGcpWords{false, true, false};

std::string_view protocol_name(unsigned number) {
  switch (number) {
    case 1: return "icmp";
    case 6: return "tcp";
    case 17: return "udp";
    case 50: return "esp";
    case 51: return "ah";
    default: return "";
  }
}

std::string wanted_name(const IntendedEntry& entry, const CloudWords& words) {
  const std::string_view comment = entry.comment;
  std::string name = writing::plain_name(comment.substr(0, comment.find(',')),
                                         entry.action == Action::permit ? "allow" : "deny", kNameMax);
  std::replace(name.begin(), name.end(), '_', '-');
  while (name.ends_with('-')) name.pop_back();
  if (!words.capitals)
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return name;
}

void add_ranges(std::string_view field, const std::vector<AddressRange>& ranges, Family family, std::string& out) {
  if (ranges.empty())
    out += fmt::format("\n{} {}", field, family == Family::ipv4 ? "0.0.0.0/0" : "::/0");
  else
    for (const Prefix& p : writing::prefixes_of(ranges))
      out += fmt::format("\n{} {}/{}", field, to_string(p.base()), p.length());
}

void add_ports(std::string_view field, const PortSet& set, std::string& out) {
  if (set == PortSet::all()) return;
  for (const PortRange& r : set.ranges()) out += fmt::format("\n{} {}", field, to_string(r));
}

void write_piece(const Piece& p, const IntendedEntry& entry, const CloudWords& words, WrittenEntry& out) {
  std::string unsaid;
  if (p.states != StateSet::all()) unsaid = "a rule does not match on connection state";
  if (p.source_bits || p.destination_bits) unsaid = "a rule has no masks with holes";
  if (!p.ingress.is_all() || !p.egress.is_all()) unsaid = "a rule for single machines is not written";
  if (p.fragments != FragmentSet::all()) unsaid = "a rule does not match on fragments";
  if (p.flags) unsaid = "a rule does not match on TCP flags";
  if (p.icmp) unsaid = "a rule does not tell ICMP messages apart";
  if (!words.source_ports && p.source_ports != PortSet::all()) unsaid = "a rule does not match on source ports";
  std::vector<std::string> protocols;
  if (p.every_protocol) protocols.emplace_back("all");
  for (unsigned n = 0; n < 256 && !p.every_protocol; ++n) {
    if (!p.protocols.contains(static_cast<std::uint8_t>(n))) continue;
    const std::string_view name = protocol_name(n);
    if (!words.any_protocol && (name.empty() || n == 1))
      unsaid = fmt::format("a rule cannot name protocol {} alone", n);
    protocols.push_back(name.empty() ? std::to_string(n) : std::string(name));
  }
  if (!unsaid.empty()) return out.unsaid.push_back(std::move(unsaid));
  for (const std::string& protocol : protocols) {
    std::string rule = wanted_name(entry, words);
    rule += entry.action == Action::permit ? "\nallow" : "\ndeny";
    rule += fmt::format("\nprotocol {}", protocol);
    add_ranges("source", p.sources, p.family, rule);
    add_ranges("destination", p.destinations, p.family, rule);
    add_ports("port", p.ports, rule);
    add_ports("source-port", p.source_ports, rule);
    out.lines.push_back(std::move(rule));
  }
}

WrittenEntry write_entry(const IntendedEntry& entry, Family family, const CloudWords& words) {
  WrittenEntry out;
  for (const Match& match : entry.match)
    for (const Piece& piece : writing::pieces_of(match, family)) write_piece(piece, entry, words, out);
  return out;
}
WrittenEntry write_azure_entry(const IntendedEntry& entry, const IntendedList&, Family family) {
  return write_entry(entry, family, kAzureWords);
}
WrittenEntry write_gcp_entry(const IntendedEntry& entry, const IntendedList&, Family family) {
  return write_entry(entry, family, kGcpWords);
}

Written write_nothing(const IntendedList&) { return {{}, {{0, "whole lists of this dialect are not written"}}}; }

constexpr DialectWriter kCloudWriters[] = {{Dialect::azure, false, true, true, write_nothing, write_azure_entry},
                                           {Dialect::gcp, false, true, true, write_nothing, write_gcp_entry}};

}  // namespace

CloudRule read_cloud_rule(std::string_view written) {
  CloudRule rule;
  std::size_t number = 0;
  for (std::size_t at = 0; at < written.size(); ++number) {
    const std::size_t end = std::min(written.find('\n', at), written.size());
    const std::string_view line = written.substr(at, end - at), word = line.substr(0, line.find(' '));
    std::string value(word.size() < line.size() ? line.substr(word.size() + 1) : std::string_view());
    at = end + 1;
    if (number == 0) rule.wanted = line;
    if (number == 1) rule.deny = line == "deny";
    if (word == "protocol")
      rule.protocol = std::move(value);
    else if (word == "source")
      rule.sources.push_back(std::move(value));
    else if (word == "destination")
      rule.destinations.push_back(std::move(value));
    else if (word == "port")
      rule.ports.push_back(std::move(value));
    else if (word == "source-port")
      rule.source_ports.push_back(std::move(value));
  }
  return rule;
}

const DialectWriter* find_cloud_writer(Dialect dialect) {
  const auto* const found = std::find_if(std::begin(kCloudWriters), std::end(kCloudWriters),
                                         [dialect](const DialectWriter& w) { return w.dialect == dialect; });
  return found == std::end(kCloudWriters) ? nullptr : found;
}

}  // namespace demarc
