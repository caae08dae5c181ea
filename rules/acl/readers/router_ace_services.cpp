// Sources: Cisco IOS Security Command Reference (access-list (IP extended), permit (IP), permit (IPv6),
// object-group); Cisco Nexus 7000 Series NX-OS Security Command Reference (permit, object-group); Cisco IOS XR IP
// Addresses and Services Command Reference (permit (IPv4)); Arista EOS User Manual (ACLs and Route Maps). For what
// entries with ports do to later fragments: "Access Control Lists and IP Fragments" (Cisco document 8014), which
// IOS-XR's reference repeats and EOS's and NX-OS's do not contradict.
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/router_ace_parts.h"

namespace demarc::router {

namespace {

constexpr std::size_t kPortsMax = 64;  // IOS takes ten after `eq`; whatever a dialect takes, a line ends

Result<Port> port(Cursor& in, const AceDialect& dialect, std::span<const NamedNumber> names) {
  const std::string_view word = in.word();
  if (const std::optional<std::uint64_t> n = decimal(word, 65535)) return Port(static_cast<std::uint16_t>(*n));
  if (const NamedNumber* row = find_named(word, names)) return Port(row->number);
  return wrong(in,
               word.empty() ? "a port is missing"
                            : fmt::format("'{}' is neither a port number nor an {} port name", word, dialect.name),
               suggest_named(word, names));
}

bool is_port_word(std::string_view word, std::span<const NamedNumber> names) {
  return decimal(word, 65535) || find_named(word, names) != nullptr;
}

}  // namespace

std::span<const NamedNumber> port_names(const ProtocolSet& protocols, const RouterNames& names) {
  return protocols.contains(Protocol::udp) && !protocols.contains(Protocol::tcp) ? names.udp : names.tcp;
}

Result<Ports> ports_or_group(Cursor& in, const AceDialect& dialect, const Groups& groups,
                             std::span<const NamedNumber> names) {
  Ports result;
  if (!dialect.port_group.empty() && in.peek() == dialect.port_group) {
    in.word();
    const std::string_view group = in.word();
    if (group.empty()) return wrong(in, "the name of the group of ports is missing");
    const PortGroup* known = groups.ports(group);
    result.set = known != nullptr ? known->ports : PortSet{};
    result.complete = known != nullptr && known->complete;
    result.why = why_incomplete(known, group);
    return result;
  }
  const std::optional<PortSet> set = DEMARC_TRY(read_ports(in, dialect, names));
  if (set) result.set = *set;
  return result;
}

Result<std::optional<IcmpSet>> icmp(Cursor& in, Family family, const RouterNames& all) {
  const std::span<const NamedIcmp> names = family == Family::ipv4 ? all.icmp : all.icmpv6;
  const std::string_view word = in.peek();
  if (const NamedIcmp* row = find_named(word, names)) {
    in.word();
    return IcmpSet{row->type};
  }
  const std::optional<std::uint64_t> type = decimal(word, 255);
  if (!type) return std::optional<IcmpSet>();
  in.word();
  IcmpType t{static_cast<std::uint8_t>(*type), {}};
  if (const std::optional<std::uint64_t> code = decimal(in.peek(), 255)) {
    in.word();
    t.code = static_cast<std::uint8_t>(*code);
  }
  return IcmpSet{t};
}

Result<ProtocolSet> protocol(std::string_view word, Family family, const Cursor& in, const AceDialect& dialect) {
  if (word == "ip" || word == "ipv4" || word == "ipv6") return ProtocolSet::all();
  if (word == "icmp" || (word == "icmpv6" && family == Family::ipv6))
    return ProtocolSet{family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6};
  if (word == "tcp-udp") return ProtocolSet{Protocol::tcp, Protocol::udp};
  if (const NamedNumber* row = find_named(word, dialect.names.protocols))
    return ProtocolSet{Protocol(static_cast<std::uint8_t>(row->number))};
  if (const std::optional<std::uint64_t> n = decimal(word, 255))
    return ProtocolSet{Protocol(static_cast<std::uint8_t>(*n))};
  return wrong(in,
               word.empty() ? "the protocol is missing"
                            : fmt::format("'{}' is no protocol that {} knows", word, dialect.name),
               suggest_named(word, dialect.names.protocols));
}

bool has_ports(const ProtocolSet& p) {
  return p != ProtocolSet::all() &&
         (p.contains(Protocol::tcp) || p.contains(Protocol::udp) || p.contains(Protocol::sctp));
}

Result<std::optional<PortSet>> read_ports(Cursor& in, const AceDialect& dialect,
                                          std::span<const NamedNumber> names) {
  const std::string_view op = in.peek();
  if (op == "eq" || op == "neq") {
    in.word();
    std::vector<PortRange> list;
    do {
      const Port p = DEMARC_TRY(port(in, dialect, names));
      list.push_back(PortRange::single(p));
    } while (list.size() < kPortsMax && is_port_word(in.peek(), names));
    PortSet set = PortSet::of(std::move(list));
    return op == "eq" ? set : PortSet::all().minus(set);
  }
  if (op == "gt" || op == "lt") {
    in.word();
    const Port bound = DEMARC_TRY(port(in, dialect, names));
    const std::uint16_t n = bound.number();
    if (op == "gt") return n == 65535 ? PortSet{} : PortSet{{Port(static_cast<std::uint16_t>(n + 1)), Port(65535)}};
    return n == 0 ? PortSet{} : PortSet{{Port(0), Port(static_cast<std::uint16_t>(n - 1))}};
  }
  if (op == "range") {
    in.word();
    const Port first = DEMARC_TRY(port(in, dialect, names));
    const Port last = DEMARC_TRY(port(in, dialect, names));
    const auto [low, high] = std::minmax(first, last);  // IOS turns a range round that runs backwards
    return PortSet{{low, high}};
  }
  return std::optional<PortSet>();
}

Result<ServiceObject> read_service_object(Cursor& in, const AceDialect& dialect) {
  ServiceObject s;
  const std::string_view word = in.word();
  s.protocols = DEMARC_TRY(protocol(word, Family::ipv4, in, dialect));
  if (s.protocols == ProtocolSet{Protocol::icmp}) {
    const std::optional<IcmpSet> types = DEMARC_TRY(icmp(in, Family::ipv4, dialect.names));
    if (types) s.icmp = *types;
  } else if (has_ports(s.protocols)) {
    const std::span<const NamedNumber> names = port_names(s.protocols, dialect.names);
    if (in.peek() == "source") {
      in.word();
      const std::optional<PortSet> from = DEMARC_TRY(read_ports(in, dialect, names));
      if (!from) return wrong(in, "no port stands behind source");
      s.source_ports = *from;
    }
    const std::optional<PortSet> to = DEMARC_TRY(read_ports(in, dialect, names));
    if (to) {
      s.ports = *to;
    } else if (!in.at_end()) {  // "tcp www": eq is understood
      const Port p = DEMARC_TRY(port(in, dialect, names));
      s.ports = PortSet::single(p);
    }
  }
  if (!in.at_end()) {
    const std::string_view rest = in.word();
    return wrong(in, fmt::format("'{}' is not understood here", rest));
  }
  return s;
}

}  // namespace demarc::router
