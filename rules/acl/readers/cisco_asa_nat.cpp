// Sources: Cisco ASA Series Firewall CLI Configuration Guide, "Network Address Translation" (NAT rule order), and
// Command Reference: nat (object), nat (global); 8.2: static, nat, global.
#include "rules/acl/readers/cisco_asa_nat.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/words.h"

namespace demarc::asa {

using words::number;
using words::wrong;

namespace {

constexpr std::size_t kPairsMax = 64;  // networks of one statement that are translated one to one

std::optional<PortRange> single_range(const PortSet& ports) {
  if (ports.ranges().size() != 1 || ports == PortSet::all()) return std::nullopt;
  return ports.ranges().front();
}

}  // namespace

Result<NatBook::Ends> NatBook::ends(Cursor& in) {
  Ends ends;
  if (!in.peek().starts_with('(')) return ends;  // an object's NAT may leave them out: any interface
  std::string_view word = in.word();
  if (!word.ends_with(')')) return wrong(in, "the interfaces are not closed by ')'", "(inside,outside)");
  word = word.substr(1, word.size() - 2);
  const std::size_t comma = word.find(',');
  const auto interface = [&](std::string_view name, ByteSet& set) -> Result<void> {
    if (name == "any" || name.empty()) return {};
    const std::optional<std::size_t> i = interfaces_.find_interface(name);
    if (!i) return wrong(in, fmt::format("no interface is named {}", name));
    set = ByteSet{static_cast<InterfaceId>(std::min<std::size_t>(*i, kInterfacesMax))};
    return {};
  };
  DEMARC_TRY(interface(word.substr(0, comma), ends.real));
  if (comma != std::string_view::npos) DEMARC_TRY(interface(word.substr(comma + 1), ends.mapped));
  return ends;
}

Result<AddressSet> NatBook::addresses(std::string_view word) {
  if (word == "any") return AddressSet::all();
  if (const std::optional<Address> a = objects_.address(word)) return AddressSet::single(*a);
  Addresses named = objects_.addresses(word);
  if (!named.complete) return failure(named.missing);
  return std::move(named.known);
}

/// `interface`, `pat-pool POOL`, an object, or an address: for a network, its first one.
Result<NatBook::Target> NatBook::target(Cursor& in, const AddressSet* real) {
  std::string_view word = in.word();
  Target t;
  if (word.empty()) return wrong(in, "what it is translated to is missing");
  if (word == "interface") {
    if (in.peek() == "ipv6") in.word();
    t.interface = true;
    return t;
  }
  if (word == "pat-pool") {
    objects_.use(in.word());
    for (std::string_view more = in.peek(); more == "round-robin" || more == "extended" || more == "flat" ||
                                            more == "include-reserve" || more == "block-allocation";
         more = in.peek())
      in.word();
    t.interface = true;
    return t;
  }
  t.addresses = DEMARC_TRY(addresses(word));
  const std::optional<Address> first = objects_.address(word);
  if (first && real != nullptr) {
    const std::vector<Prefix> networks = real->ranges().size() == 1 ? real->prefixes() : std::vector<Prefix>{};
    if (networks.size() == 1 && networks[0].family() == first->family())
      t.addresses = AddressSet{Prefix::containing(*first, networks[0].length())};
  }
  return t;
}

/// Appends one translation, or one for each pair of networks of the same size.
void NatBook::translate(Statement& s, Nat::Kind kind, const Match& match, const AddressSet& from,
                        const AddressSet& to, bool told, std::optional<PortRange> ports) {
  Nat n;
  n.kind = kind;
  n.match = match;
  n.to_ports = ports;
  const auto side = [kind](Box& box) -> AddressSet& {
    return kind == Nat::Kind::source ? box.sources : box.destinations;
  };
  side(n.match.box) = from;
  if (told && from != AddressSet::all()) {
    const std::vector<Prefix> a = from.prefixes(), b = to.prefixes();
    const bool pairs = a.size() == b.size() && a.size() <= kPairsMax &&
                       std::equal(a.begin(), a.end(), b.begin(), [](const Prefix& x, const Prefix& y) {
                         return x.family() == y.family() && x.length() == y.length();
                       });
    if (pairs) {
      for (std::size_t i = 0; i < a.size(); ++i) {
        Nat one = n;
        side(one.match.box) = AddressSet{a[i]};
        if (a[i].is_host())
          one.to = b[i].base();
        else
          one.to_network = b[i];
        s.nats.push_back(std::move(one));
      }
      return;
    }
    // Several to one (a hidden network), or one to several.
    if (b.size() == 1 && b[0].is_host()) n.to = b[0].base();
  }
  s.nats.push_back(std::move(n));
}

Result<void> NatBook::options(Cursor& in, bool& inactive, bool& one_way) {
  while (!in.at_end()) {
    const std::string_view word = in.word();
    if (word == "description") return {};
    if (word == "inactive")
      inactive = true;
    else if (word == "unidirectional")
      one_way = true;
    else if (word == "interface") {
      if (in.peek() == "ipv6") in.word();  // the fallback when a pool is used up
    } else if (word != "dns" && word != "no-proxy-arp" && word != "route-lookup" && word != "net-to-net" &&
               word != "flat" && word != "include-reserve" && word != "extended" && word != "round-robin" &&
               word != "block-allocation")
      return wrong(in, fmt::format("'{}' is not understood here", word));
  }
  return {};
}

Result<void> NatBook::object_nat(Cursor& in, Statement& s, const std::string& object, const Ends& ends) {
  const std::string_view how = in.word();
  if (how != "static" && how != "dynamic") return wrong(in, fmt::format("'{}' is neither static nor dynamic", how));
  const AddressSet real = DEMARC_TRY(addresses(object));
  const bool fixed = how == "static";
  const Target to = DEMARC_TRY(target(in, fixed ? &real : nullptr));
  Match out, back;
  out.box.ingress = back.box.egress = ends.real;
  out.box.egress = back.box.ingress = ends.mapped;
  std::optional<PortRange> mapped_ports, real_ports;
  if (in.peek() == "service") {
    in.word();
    const ProtocolSet protocol = DEMARC_TRY(read_protocol(in.word(), in));
    const Port from = DEMARC_TRY(read_port(in));
    const Port mapped = DEMARC_TRY(read_port(in));
    out.box.protocols = back.box.protocols = protocol;
    out.box.source_ports = PortSet::single(from);
    back.box.ports = PortSet::single(mapped);
    mapped_ports = PortRange::single(mapped);
    real_ports = PortRange::single(from);
  }
  bool inactive = false, one_way = false;
  DEMARC_TRY(options(in, inactive, one_way));
  s.order = {2, fixed ? 0 : 1, real.size(), real.ranges().empty() ? Address{} : real.ranges().front().first,
             object};
  translate(s, Nat::Kind::source, out, real, to.addresses, !to.interface && fixed, mapped_ports);
  if (!fixed) {
    if (!to.interface) s.nats.back().to = to.addresses.only();
    return {};
  }
  AddressSet mapped = to.addresses;
  if (to.interface)  // the mapped interface's own address; where it is not known, any: the ports tell
    for (std::size_t i = 0; i < device_.interfaces.size() && i < kInterfacesMax; ++i)
      if (ends.mapped.contains(static_cast<InterfaceId>(i)) && !ends.mapped.is_all())
        for (const Address& a : device_.interfaces[i].addresses) mapped = mapped.unite(AddressSet::single(a));
  if (mapped.empty()) mapped = AddressSet::all();
  translate(s, Nat::Kind::destination, back, mapped, real, true, real_ports);
  return {};
}

Result<void> NatBook::manual_nat(Cursor& in, Statement& s, const Ends& ends, bool& inactive) {
  int section = 1;
  if (number(in.peek(), 100'000'000)) in.word();
  if (in.peek() == "after-auto") in.word(), section = 3;
  if (number(in.peek(), 100'000'000)) in.word();
  s.order = {section, 0, 0, Address{}, {}};
  if (in.word() != "source")
    return wrong(in, "'source' is missing", "nat (inside,outside) source static REAL MAPPED");
  const std::string_view how = in.word();
  if (how != "static" && how != "dynamic") return wrong(in, fmt::format("'{}' is neither static nor dynamic", how));
  const bool fixed = how == "static";
  const AddressSet real = DEMARC_TRY(addresses(in.word()));
  const Target source = DEMARC_TRY(target(in, fixed ? &real : nullptr));
  if (in.peek() == "interface") in.word();
  Match out, back;
  out.box.ingress = back.box.egress = ends.real;
  out.box.egress = back.box.ingress = ends.mapped;
  AddressSet seen = AddressSet::all(),
             meant = AddressSet::all();  // the far end's addresses, as the real side sees them
  bool far = false, far_told = true;
  if (in.peek() == "destination") {
    in.word();
    if (in.word() != "static") return wrong(in, "a destination is translated statically");
    if (in.peek() == "interface") {
      in.word();
      far_told = false;
    } else {
      seen = DEMARC_TRY(addresses(in.word()));
    }
    meant = DEMARC_TRY(addresses(in.word()));
    far = true;
  }
  std::optional<PortRange> out_source, out_destination, back_source, back_destination;
  if (in.peek() == "service") {
    in.word();
    std::vector<Service> pair;
    for (const std::string_view word : {in.word(), in.peek()}) {
      const Services named = objects_.services(word);
      if (!named.complete || named.known.size() != 1) return failure(fmt::format("{} is no single service", word));
      pair.push_back(named.known.front());
    }
    in.word();
    const auto& [first, second] = std::tie(pair[0], pair[1]);
    out.box.protocols = back.box.protocols = first.protocols;
    out.box.source_ports = first.source_ports;
    out.box.ports = first.ports;
    back.box.ports = second.source_ports;
    back.box.source_ports = second.ports;
    out_source = single_range(second.source_ports), out_destination = single_range(second.ports);
    back_destination = single_range(first.source_ports), back_source = single_range(first.ports);
  }
  bool one_way = false;
  DEMARC_TRY(options(in, inactive, one_way));
  out.box.destinations = seen;
  translate(s, Nat::Kind::source, out, real, source.addresses, !source.interface && fixed, out_source);
  if (!fixed && !source.interface) s.nats.back().to = source.addresses.only();
  if (far || out_destination) {
    Match m = out;
    m.box.sources = real;
    translate(s, Nat::Kind::destination, m, seen, meant, far && far_told, out_destination);
  }
  if (!fixed || one_way) return {};
  back.box.sources = meant;
  translate(s, Nat::Kind::destination, back, source.interface ? AddressSet::all() : source.addresses, real, true,
            back_destination);
  if (far || back_source) {
    Match m = back;
    m.box.destinations = source.interface ? AddressSet::all() : source.addresses;
    translate(s, Nat::Kind::source, m, meant, seen, far && far_told, back_source);
  }
  return {};
}

/// `nat (inside) 1 10.0.0.0 255.0.0.0` with `global (outside) 1 ...`; `nat (inside) 0 ...` exempts.
Result<void> NatBook::old_nat(Cursor& in, Statement& s, const Ends& ends, std::string& in_part) {
  s.order = {1, 0, 0, Address{}, {}};
  const std::optional<unsigned> id = number(in.word(), 65535);
  if (!id) return wrong(in, "a NAT statement of before 8.3 has a number");
  if (in.peek() == "access-list") {
    in.word();
    const std::string_view list = in.word();
    in_part = fmt::format("what access-list {} {} from translation is not applied", list,
                          *id == 0 ? "exempts" : "selects");
    return {};
  }
  if (*id == 0) {
    in_part = "an exemption from translation is not applied";
    return {};
  }
  const std::optional<Address> base = objects_.address(in.word()), mask = parse_address(in.word());
  if (!base || !mask) return wrong(in, "an address and a netmask are missing");
  const Network network = DEMARC_TRY(netmasked(*base, *mask, in));
  Match m;
  m.box.ingress = ends.real;
  m.source_bits = network.bits;
  translate(s, Nat::Kind::source, m, network.addresses, {}, false);
  return {};
}

Result<void> NatBook::read_static(Cursor& in, Statement& s) {
  s.order = {1, 0, 0, Address{}, {}};
  const Ends ends = DEMARC_TRY(this->ends(in));
  Match out, back;
  out.box.ingress = back.box.egress = ends.real;
  out.box.egress = back.box.ingress = ends.mapped;
  const bool ports = in.peek() == "tcp" || in.peek() == "udp";
  if (ports) out.box.protocols = back.box.protocols = DEMARC_TRY(read_protocol(in.word(), in));
  const std::string_view mapped_word = in.word();
  std::optional<Address> mapped = objects_.address(mapped_word);
  if (!mapped && mapped_word != "interface") return wrong(in, fmt::format("'{}' is no address", mapped_word));
  std::optional<PortRange> mapped_port, real_port;
  if (ports) {
    const Port p = DEMARC_TRY(read_port(in));
    mapped_port = PortRange::single(p);
  }
  const std::string_view real_word = in.word();
  const std::optional<Address> real = objects_.address(real_word);
  if (!real) return failure(fmt::format("what '{}' selects for translation is not applied", real_word));
  if (ports) {
    const Port p = DEMARC_TRY(read_port(in));
    real_port = PortRange::single(p);
    out.box.source_ports = PortSet{*real_port};
    back.box.ports = PortSet{*mapped_port};
  }
  unsigned length = bits(real->family());
  if (in.peek() == "netmask") {
    in.word();
    const std::optional<Address> mask = parse_address(in.word());
    if (!mask || !mask->is_ipv4()) return wrong(in, "the netmask is missing");
    length = static_cast<unsigned>(std::countl_one(mask->ipv4_number()));
  }
  const AddressSet from{Prefix::containing(*real, length)};
  const AddressSet to = mapped ? AddressSet{Prefix::containing(*mapped, length)} : AddressSet::all();
  translate(s, Nat::Kind::source, out, from, to, mapped.has_value(), mapped_port);
  translate(s, Nat::Kind::destination, back, to, from, true, real_port);
  return {};
}

void NatBook::keep(Statement s, const Result<void>& read, std::uint32_t line, bool inactive,
                   const std::string& in_part) {
  if (!read) {
    Error error = read.error();
    if (error.where.line == 0)
      error.where = source_.at_line(line, 1, static_cast<std::uint32_t>(source_.line(line).size()));
    device_.diagnostics.add(DiagnosticLevel::warning, error);
    return ledger_.mark(line, Understanding::not_understood,
                        fmt::format("the translation is not known: {}", error.what));
  }
  ledger_.mark(line, in_part.empty() ? Understanding::understood : Understanding::in_part, in_part);
  if (inactive) return;
  for (Nat& n : s.nats) {
    n.line = line;
    n.text = LineLedger::bounded(source_.line(line));
  }
  statements_.push_back(std::move(s));
}

void NatBook::nat(Cursor& in, std::uint32_t line, const std::string& object) {
  Statement s;
  bool inactive = false;
  std::string in_part;
  const Result<Ends> ends = this->ends(in);
  Result<void> read = ends ? Result<void>() : std::unexpected(ends.error());
  if (read) {
    read = !object.empty() ? object_nat(in, s, object, *ends)
           : number(in.peek(), 65535) && in.rest().find("source") == std::string_view::npos
               ? old_nat(in, s, *ends, in_part)
               : manual_nat(in, s, *ends, inactive);
  }
  keep(std::move(s), read, line, inactive, in_part);
}

void NatBook::static_nat(Cursor& in, std::uint32_t line) {
  Statement s;
  const Result<void> read = read_static(in, s);
  keep(std::move(s), read, line, false, {});
}

void NatBook::finish() {
  std::stable_sort(statements_.begin(), statements_.end(),
                   [](const Statement& a, const Statement& b) { return a.order < b.order; });
  for (Statement& s : statements_)
    device_.nats.insert(device_.nats.end(), std::make_move_iterator(s.nats.begin()),
                        std::make_move_iterator(s.nats.end()));
}

}  // namespace demarc::asa
