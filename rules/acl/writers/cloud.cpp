// Sources: Azure documentation, "Network security groups" (protocols are TCP, UDP, ICMP, ESP, AH or any; one
// address family a rule); Google Cloud documentation, "VPC firewall rules" (no source ports, no ICMP types; one
// address family a rule; ranges of both ends); Amazon EC2 API Reference, IpPermission and NetworkAclEntry (the far
// end alone, any protocol, types and codes of ICMP).
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
constexpr CloudWords kAzureWords{true, false, true}, kGcpWords{false, true, false}, kAwsWords{false, true, true};

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
// --- AWS ---

struct Ends {
  AddressSet near, far;
};
Ends ends_of(const Piece& p, const FarEnds& ends) {
  const auto set = [&p](const std::vector<AddressRange>& ranges) {
    return ranges.empty() ? AddressSet::all(p.family) : AddressSet::of_ranges(ranges);
  };
  return ends.inward ? Ends{set(p.destinations), set(p.sources)} : Ends{set(p.sources), set(p.destinations)};
}
/// What comes by between ends of the piece's family.
Ends ends_of(const Box& seen, Family family, const FarEnds& ends) {
  if (seen.family.value_or(family) != family) return {};
  const AddressSet here = AddressSet::all(family);
  return {(ends.inward ? seen.destinations : seen.sources).intersect(here),
          (ends.inward ? seen.sources : seen.destinations).intersect(here)};
}

/// Whether any such packet comes by.
bool comes_by(const Piece& p, const FarEnds& ends) {
  const Ends meant = ends_of(p, ends);
  return std::any_of(ends.seen.begin(), ends.seen.end(), [&](const Box& box) {
    const Ends seen = ends_of(box, p.family, ends);
    return seen.near.overlaps(meant.near) && seen.far.overlaps(meant.far);
  });
}

/// An address at the near end that a rule for these packets would be for as well.
std::optional<Address> also_for(const Piece& p, const FarEnds& ends) {
  const Ends meant = ends_of(p, ends);
  for (const Box& box : ends.seen) {
    const Ends seen = ends_of(box, p.family, ends);
    if (!seen.far.overlaps(meant.far)) continue;
    if (const AddressSet more = seen.near.minus(meant.near); !more.empty()) return more.ranges().front().first;
  }
  return std::nullopt;
}

std::string why_unsaid_in_aws(const Piece& p, const FarEnds& ends) {
  if (p.source_bits || p.destination_bits) return "a rule has no masks with holes";
  if (ends.decided_elsewhere) return "";
  if (p.states != StateSet::all()) return "a rule does not match on connection state";
  if (!p.ingress.is_all() || !p.egress.is_all()) return "a rule for single interfaces is not written";
  if (p.fragments != FragmentSet::all()) return "a rule does not match on fragments";
  if (p.flags) return "a rule does not match on TCP flags";
  if (p.source_ports != PortSet::all()) return "a rule does not match on source ports";
  if (const std::optional<Address> other = also_for(p, ends))
    return fmt::format("a rule holds for all that have its list, {} too: give those apart a list of their own",
                       to_string(*other));
  return "";
}

void write_aws_piece(const Piece& p, const IntendedEntry& entry, const FarEnds& ends, WrittenEntry& out) {
  if (!comes_by(p, ends)) return;
  if (std::string why = why_unsaid_in_aws(p, ends); !why.empty()) return out.unsaid.push_back(std::move(why));
  std::string head = wanted_name(entry, kAwsWords);
  head += entry.action == Action::permit ? "\nallow" : "\ndeny";
  const auto with_ports = [&](const std::string& rule) {
    if (p.icmp) {
      for (const IcmpType& type : writing::icmp_types(*p.icmp))
        out.lines.push_back(fmt::format("{}\nmessage {}", rule, to_string(type)));
    } else if (p.ports == PortSet::all()) {
      out.lines.push_back(rule);
    } else {
      for (const PortRange& r : p.ports.ranges())
        out.lines.push_back(fmt::format("{}\nport {}", rule, to_string(r)));
    }
  };
  const std::vector<AddressRange>& far = ends.inward ? p.sources : p.destinations;
  const std::vector<Prefix> prefixes = writing::prefixes_of(far.empty() ? AddressSet::all(p.family).ranges() : far);
  const auto with_far_end = [&](std::string_view protocol) {
    for (const Prefix& prefix : prefixes)
      with_ports(fmt::format("{}\nprotocol {}\n{} {}/{}", head, protocol, ends.inward ? "source" : "destination",
                             to_string(prefix.base()), prefix.length()));
  };
  if (p.every_protocol) return with_far_end("all");
  for (unsigned n = 0; n < 256; ++n)
    if (p.protocols.contains(static_cast<std::uint8_t>(n))) with_far_end(std::to_string(n));
}

WrittenEntry write_aws_entry(const IntendedEntry& entry, const IntendedList& list, Family family) {
  WrittenEntry out;
  if (list.far_ends == nullptr) {
    out.unsaid.emplace_back("what comes by the list is not known");
  } else if (entry.action == Action::deny && !list.far_ends->denies) {
    out.unsaid.emplace_back("a security group only permits");
  } else {
    for (const Match& match : entry.match)
      for (const Piece& piece : writing::pieces_of(match, family))
        write_aws_piece(piece, entry, *list.far_ends, out);
  }
  return out;
}

WrittenEntry write_azure_entry(const IntendedEntry& entry, const IntendedList&, Family family) {
  return write_entry(entry, family, kAzureWords);
}
WrittenEntry write_gcp_entry(const IntendedEntry& entry, const IntendedList&, Family family) {
  return write_entry(entry, family, kGcpWords);
}

Written write_nothing(const IntendedList&) { return {{}, {{0, "whole lists of this dialect are not written"}}}; }

constexpr DialectWriter kCloudWriters[] = {{Dialect::aws, true, true, write_nothing, write_aws_entry},
                                           {Dialect::azure, false, true, write_nothing, write_azure_entry},
                                           {Dialect::gcp, false, true, write_nothing, write_gcp_entry}};

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
    else if (word == "message")
      rule.message = std::move(value);
  }
  return rule;
}

const DialectWriter* find_cloud_writer(Dialect dialect) {
  const auto* const found = std::find_if(std::begin(kCloudWriters), std::end(kCloudWriters),
                                         [dialect](const DialectWriter& w) { return w.dialect == dialect; });
  return found == std::end(kCloudWriters) ? nullptr : found;
}

}  // namespace demarc
