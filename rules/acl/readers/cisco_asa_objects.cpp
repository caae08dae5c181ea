// Sources: Cisco ASA Series Command Reference (object network, object service, object-group, network-object,
// service-object, port-object, protocol-object, icmp-object, name).
#include "rules/acl/readers/cisco_asa_objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "rules/acl/readers/cisco_asa_names.h"
#include "rules/acl/readers/words.h"

namespace demarc::asa {

using words::number;
using words::wrong;

namespace {

constexpr unsigned kNestingMax = 64;

bool is_ports_operator(std::string_view word) {
  return word == "eq" || word == "neq" || word == "lt" || word == "gt" || word == "range";
}

struct KindWord {
  std::string_view word;
  bool group;
  ObjectKind kind;
};
constexpr KindWord kKinds[] = {
    {"network", false, ObjectKind::network},
    {"service", false, ObjectKind::service},
    {"network", true, ObjectKind::network_group},
    {"service", true, ObjectKind::service_group},
    {"protocol", true, ObjectKind::protocol_group},
    {"icmp-type", true, ObjectKind::icmp_group},
    {"user", true, ObjectKind::undecided_group},
    {"security", true, ObjectKind::undecided_group},
    {"network-service", true, ObjectKind::undecided_group},
    {"network-service", false, ObjectKind::undecided_group},
};

bool may_hold(ObjectKind group, ObjectKind member) {
  return group == member || (group == ObjectKind::network_group && member == ObjectKind::network) ||
         (group == ObjectKind::service_group && member == ObjectKind::service);
}

Result<AddressRange> range(Objects& objects, Cursor& in) {
  const std::optional<Address> first = objects.address(in.word());
  const std::optional<Address> last = objects.address(in.word());
  if (!first || !last || first->family() != last->family() || *last < *first)
    return wrong(in, "two addresses stand behind range, the smaller one first");
  return AddressRange{*first, *last};
}

}  // namespace

Result<Port> read_port(Cursor& in) {
  const std::string_view word = in.word();
  if (word.empty()) return wrong(in, "a port is missing");
  if (const std::optional<unsigned> n = number(word, 65535)) return Port(static_cast<std::uint16_t>(*n));
  if (const NamedNumber* row = find_named(word, port_names())) return Port(row->number);
  return wrong(in, fmt::format("'{}' is neither a port number nor an ASA port name", word),
               suggest_named(word, port_names()));
}

Result<std::optional<PortSet>> read_ports(Cursor& in) {
  const std::string_view op = in.peek();
  if (!is_ports_operator(op)) return std::optional<PortSet>();
  in.word();
  const Port first = DEMARC_TRY(read_port(in));
  const std::uint16_t n = first.number();
  if (op == "eq") return PortSet::single(first);
  if (op == "neq") return PortSet::all().minus(PortSet::single(first));
  if (op == "gt") return n == 65535 ? PortSet{} : PortSet{{Port(static_cast<std::uint16_t>(n + 1)), Port(65535)}};
  if (op == "lt") return n == 0 ? PortSet{} : PortSet{{Port(0), Port(static_cast<std::uint16_t>(n - 1))}};
  const Port last = DEMARC_TRY(read_port(in));
  if (last < first) return wrong(in, "the range runs backwards", "put the smaller port first");
  return PortSet{{first, last}};
}

Result<ProtocolSet> read_protocol(std::string_view word, const Cursor& in) {
  if (word == "ip") return ProtocolSet::all();
  if (word == "tcp-udp") return ProtocolSet{Protocol::tcp, Protocol::udp};
  if (const NamedNumber* row = find_named(word, protocol_names()))
    return ProtocolSet{Protocol(static_cast<std::uint8_t>(row->number))};
  if (const std::optional<unsigned> n = number(word, 255)) {
    if (*n == 0) return ProtocolSet::all();  // 0 is how the appliance writes ip in numbers
    return ProtocolSet{Protocol(static_cast<std::uint8_t>(*n))};
  }
  return wrong(in,
               word.empty() ? "the protocol is missing" : fmt::format("'{}' is no protocol that ASA knows", word),
               suggest_named(word, protocol_names()));
}

Result<std::optional<IcmpSet>> read_icmp(Cursor& in, bool six) {
  const std::span<const NamedNumber> names = six ? icmp6_names() : icmp_names();
  const std::string_view word = in.peek();
  std::optional<unsigned> type = number(word, 255);
  if (const NamedNumber* row = find_named(word, names)) type = row->number;
  if (!type) return std::optional<IcmpSet>();
  in.word();
  IcmpType t{static_cast<std::uint8_t>(*type), {}};
  if (const std::optional<unsigned> code = number(in.peek(), 255)) {
    in.word();
    t.code = static_cast<std::uint8_t>(*code);
  }
  return IcmpSet{t};
}

Result<Network> netmasked(const Address& base, const Address& mask, const Cursor& in) {
  if (!base.is_ipv4() || !mask.is_ipv4()) return wrong(in, "a netmask belongs to an IPv4 address");
  const std::uint32_t value = base.ipv4_number(), bits = mask.ipv4_number(), free = ~bits;
  if ((value & free) != 0)
    return wrong(in, fmt::format("{} has bits outside the netmask {}", to_string(base), to_string(mask)),
                 "ASA writes netmasks, not wildcard masks");
  Network network;
  if ((free & (free + 1)) == 0) {
    network.addresses = AddressSet::of_ranges({{base, Address::ipv4(value | free)}});
  } else {
    network.addresses = AddressSet{Prefix::containing(Address{}, 0)};
    network.bits = AddressBits{Family::ipv4, value, bits};
  }
  return network;
}

Result<Service> read_service(Cursor& in, bool destination_is_plain) {
  Service s;
  const std::string_view word = in.word();
  s.protocols = DEMARC_TRY(read_protocol(word, in));
  const bool six = s.protocols == ProtocolSet{Protocol::icmpv6};
  if (six || s.protocols == ProtocolSet{Protocol::icmp}) {
    const std::optional<IcmpSet> messages = DEMARC_TRY(read_icmp(in, six));
    if (messages) s.icmp = *messages;
  } else if (s.protocols != ProtocolSet::all()) {
    bool any = false;
    for (std::string_view end = in.peek(); end == "source" || end == "destination"; end = in.peek()) {
      in.word();
      const std::optional<PortSet> ports = DEMARC_TRY(read_ports(in));
      if (!ports) return wrong(in, fmt::format("no ports stand behind {}", end), "eq, neq, lt, gt or range");
      (end == "source" ? s.source_ports : s.ports) = *ports;
      any = true;
    }
    if (destination_is_plain && !any) {  // until 8.2: service-object tcp eq www
      const std::optional<PortSet> ports = DEMARC_TRY(read_ports(in));
      if (ports) s.ports = *ports;
    }
    if ((s.ports != PortSet::all() || s.source_ports != PortSet::all()) &&
        s.protocols.numbers().minus(ByteSet{6, 17, 132}) != ByteSet{})
      return wrong(in, fmt::format("{} has no ports", word));
  }
  if (!in.at_end()) {
    const std::string_view rest = in.word();
    return wrong(in, fmt::format("'{}' is not understood here", rest));
  }
  return s;
}

void merge_services(std::vector<Service>& services) {
  if (services.size() < 2) return;
  const auto icmp = [](const Service& s) -> const std::vector<PortRange>& { return s.icmp.numbers().ranges(); };
  const auto numbers = [](const Service& s) {
    std::array<std::uint64_t, 4> words{};
    for (unsigned n = 0; n < 256; ++n)
      if (s.protocols.numbers().contains(static_cast<std::uint8_t>(n)))
        words[n / 64] |= std::uint64_t{1} << (n % 64);
    return words;
  };
  // Once over what differs in ports alone, once over what differs in protocols alone.
  struct Key {
    std::array<std::uint64_t, 4> protocols;
    std::vector<PortRange> source_ports, icmp, ports;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, std::vector<PortRange>> by_protocol;
  for (const Service& s : services) {
    std::vector<PortRange>& ports = by_protocol[Key{numbers(s), s.source_ports.ranges(), icmp(s), {}}];
    ports.insert(ports.end(), s.ports.ranges().begin(), s.ports.ranges().end());
  }
  std::map<Key, ByteSet> by_ports;
  for (auto& [key, ports] : by_protocol) {
    ByteSet protocols;
    for (unsigned n = 0; n < 256; ++n)
      if ((key.protocols[n / 64] >> (n % 64) & 1) != 0) protocols.insert(static_cast<std::uint8_t>(n));
    ByteSet& all = by_ports[Key{{}, key.source_ports, key.icmp, PortSet::of(std::move(ports)).ranges()}];
    all = all.unite(protocols);
  }
  services.clear();
  for (const auto& [key, protocols] : by_ports) {
    Service s;
    s.protocols = ProtocolSet(protocols);
    s.ports = PortSet::of(key.ports);
    s.source_ports = PortSet::of(key.source_ports);
    s.icmp = IcmpSet::of_numbers(PortSet::of(key.icmp));
    services.push_back(std::move(s));
  }
}

void Objects::name_address(std::string_view name, const Address& address) {
  names_.insert_or_assign(std::string(name), address);
}

std::optional<Address> Objects::address(std::string_view word) const {
  if (const std::optional<Address> a = parse_address(word)) return a;
  const auto named = names_.find(word);
  return named == names_.end() ? std::nullopt : std::optional<Address>(named->second);
}

Result<void> Objects::begin(Cursor& in, bool group, std::uint32_t line) {
  open_ = nullptr;
  current_.clear();
  const std::string_view word = in.word();
  const auto row = std::find_if(std::begin(kKinds), std::end(kKinds),
                                [&](const KindWord& k) { return k.word == word && k.group == group; });
  if (row == std::end(kKinds)) return wrong(in, fmt::format("'{}' is no kind of object that is known", word));
  const std::string_view name = in.word();
  if (name.empty()) return wrong(in, "the object's name is missing");
  ObjectKind kind = row->kind;
  if (kind == ObjectKind::service_group && !in.at_end()) kind = ObjectKind::port_group;
  current_ = std::string(name);
  const auto [place, fresh] = definitions_.try_emplace(current_);
  open_ = &place->second;
  // An object is shown twice: with what it is, and again with its translation.
  if (!fresh && open_->kind == kind) return {};
  *open_ = Definition{};
  open_->kind = kind;
  open_->object = device_.objects.size();
  NamedObject object;
  object.name = current_;
  object.kind = fmt::format("{} {}", group ? "object-group" : "object", word);
  object.line = line;
  device_.objects.push_back(std::move(object));
  return {};
}

bool Objects::has_word(std::string_view word) const {
  if (open_ == nullptr) return false;
  constexpr std::string_view kMembers[] = {"network-object",  "service-object", "port-object",
                                           "protocol-object", "icmp-object",    "group-object"};
  constexpr std::string_view kAddresses[] = {"host", "subnet", "range", "fqdn"};
  const auto among = [word](std::span<const std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  return among(kMembers) || (open_->kind == ObjectKind::network && among(kAddresses)) ||
         (open_->kind == ObjectKind::service && word == "service");
}

Result<bool> Objects::member(Cursor& in) {
  if (open_ == nullptr) return true;
  const std::string_view word = in.word();
  if (word == "description") return false;
  Definition& d = *open_;
  const auto failed = [&d](const Error& error) -> Result<bool> {
    d.complete = false;
    d.missing = "a member could not be read";
    return std::unexpected(error);
  };
  switch (d.kind) {
    case ObjectKind::network:
    case ObjectKind::network_group:
      if (word == "nat" && d.kind == ObjectKind::network) return true;
      if (const Result<void> read = network_member(d, in, word); !read) return failed(read.error());
      return false;
    case ObjectKind::undecided_group:
      d.complete = false;
      d.missing = "who is in it, the file does not say";
      return false;
    default:
      if (const Result<void> read = group_member(d, in, word); !read) return failed(read.error());
      return false;
  }
}

Result<void> Objects::network_member(Definition& d, Cursor& in, std::string_view word) {
  if (word == "group-object") {
    d.members.emplace_back(in.word());
    return {};
  }
  const bool group = d.kind == ObjectKind::network_group;
  if (group && word != "network-object")
    return wrong(in, fmt::format("'{}' is no member of a network group", word));
  if (group) word = in.word();
  if (group && word == "object") {
    d.members.emplace_back(in.word());
    return {};
  }
  if (word == "host") {
    const std::string_view text = in.word();
    const std::optional<Address> host = address(text);
    if (!host) return wrong(in, fmt::format("'{}' is no address", text));
    d.ranges.push_back({*host, *host});
  } else if (word == "range") {
    const AddressRange r = DEMARC_TRY(range(*this, in));
    d.ranges.push_back(r);
  } else if (word == "fqdn") {
    d.complete = false;
    d.missing = "it is a name that the appliance looks up";
    return {};
  } else if (group || word == "subnet") {
    const std::string_view text = group ? word : in.word();
    if (text.find(':') != std::string_view::npos) {
      const Result<Prefix> prefix = parse_prefix(text);
      if (!prefix) return wrong(in, prefix.error().what, prefix.error().hint);
      d.ranges.push_back({prefix->first(), prefix->last()});
    } else {
      const std::optional<Address> base = address(text);
      if (!base) return wrong(in, fmt::format("'{}' is no address", text));
      const std::string_view mask_text = in.word();
      const std::optional<Address> mask = parse_address(mask_text);
      if (!mask) return wrong(in, "the netmask is missing");
      const Network network = DEMARC_TRY(netmasked(*base, *mask, in));
      if (network.bits) return wrong(in, fmt::format("{} is no netmask", mask_text));
      d.ranges.insert(d.ranges.end(), network.addresses.ranges().begin(), network.addresses.ranges().end());
    }
  } else {
    return wrong(in, fmt::format("'{}' is not understood here", word), "host, subnet, range or fqdn");
  }
  if (!in.at_end()) {
    const std::string_view rest = in.word();
    return wrong(in, fmt::format("'{}' is not understood here", rest));
  }
  return {};
}

Result<void> Objects::group_member(Definition& d, Cursor& in, std::string_view word) {
  if (word == "group-object") {
    d.members.emplace_back(in.word());
    return {};
  }
  if (d.kind == ObjectKind::service && word == "service") {
    const Service s = DEMARC_TRY(read_service(in, false));
    d.services.push_back(s);
  } else if (d.kind == ObjectKind::service_group && word == "service-object") {
    if (in.peek() == "object") {
      in.word();
      d.members.emplace_back(in.word());
      return {};
    }
    const Service s = DEMARC_TRY(read_service(in, true));
    d.services.push_back(s);
  } else if (d.kind == ObjectKind::port_group && word == "port-object") {
    const std::optional<PortSet> ports = DEMARC_TRY(read_ports(in));
    if (!ports) return wrong(in, "no ports stand here", "eq or range");
    d.ports.insert(d.ports.end(), ports->ranges().begin(), ports->ranges().end());
  } else if (d.kind == ObjectKind::protocol_group && word == "protocol-object") {
    Service s;
    s.protocols = DEMARC_TRY(read_protocol(in.word(), in));
    d.services.push_back(s);
  } else if (d.kind == ObjectKind::icmp_group && word == "icmp-object") {
    const std::string_view type = in.word();
    const std::optional<unsigned> n = number(type, 255);
    const NamedNumber* four = find_named(type, icmp_names());
    const NamedNumber* six = find_named(type, icmp6_names());
    if (!n && !four && !six)
      return wrong(in, fmt::format("'{}' is no ICMP message that ASA knows", type),
                   suggest_named(type, icmp_names()));
    if (n || four) d.icmp.push_back({static_cast<std::uint8_t>(n ? *n : four->number), {}});
    if (n || six) d.icmp6.push_back({static_cast<std::uint8_t>(n ? *n : six->number), {}});
  } else {
    return wrong(in, fmt::format("'{}' is not understood here", word));
  }
  return {};
}

Objects::Definition* Objects::find(std::string_view name) {
  const auto found = definitions_.find(name);
  return found == definitions_.end() ? nullptr : &found->second;
}

const ObjectKind* Objects::kind(std::string_view name) const {
  const auto found = definitions_.find(name);
  return found == definitions_.end() ? nullptr : &found->second.kind;
}

void Objects::use(std::string_view name) {
  if (const Definition* d = find(name)) ++device_.objects[d->object].uses;
}

void Objects::add_member(Definition& into, const std::string& member, unsigned depth) {
  const auto incomplete = [&into](std::string why) {
    into.complete = false;
    if (into.missing.empty()) into.missing = std::move(why);
  };
  Definition* from = find(member);
  if (from == nullptr) return incomplete(fmt::format("its member {} is not defined", member));
  ++device_.objects[from->object].uses;
  if (depth >= kNestingMax) return incomplete("groups are nested too deep");
  if (from->state == Definition::State::being_resolved) return incomplete("groups hold each other in a circle");
  if (!may_hold(into.kind, from->kind)) return incomplete(fmt::format("its member {} is of another kind", member));
  resolved(*from, depth + 1);
  if (!from->complete) incomplete(fmt::format("its member {} is not known whole: {}", member, from->missing));
  const std::size_t parts = from->addresses.ranges().size() + from->services.size() + from->ports.size() +
                            from->icmp.size() + from->icmp6.size();
  if (parts > parts_left_) return incomplete("groups are too large to be put together");
  parts_left_ -= parts;
  into.ranges.insert(into.ranges.end(), from->addresses.ranges().begin(), from->addresses.ranges().end());
  into.services.insert(into.services.end(), from->services.begin(), from->services.end());
  into.ports.insert(into.ports.end(), from->ports.begin(), from->ports.end());
  into.icmp.insert(into.icmp.end(), from->icmp.begin(), from->icmp.end());
  into.icmp6.insert(into.icmp6.end(), from->icmp6.begin(), from->icmp6.end());
}

bool Objects::afford(std::size_t parts) {
  constexpr std::size_t kFew = 8;
  if (parts <= kFew) return true;
  if (parts > copies_left_) return false;
  copies_left_ -= parts;
  return true;
}

Objects::Definition& Objects::resolved(Definition& d, unsigned depth) {
  if (d.state != Definition::State::raw) return d;
  d.state = Definition::State::being_resolved;
  const std::vector<std::string> members = std::exchange(d.members, {});
  for (const std::string& member : members) add_member(d, member, depth);
  d.addresses = AddressSet::of_ranges(std::exchange(d.ranges, {}));
  merge_services(d.services);
  d.ports = PortSet::of(std::move(d.ports)).ranges();
  if (d.missing.size() > 300) d.missing.resize(300);
  d.state = Definition::State::resolved;
  return d;
}

namespace {
template <typename T>
T unknown(std::string why) {
  T t;
  t.complete = false;
  t.missing = std::move(why);
  return t;
}
constexpr std::string_view kTooLarge = "the groups of this configuration are too large to be put together";
std::string why_missing(std::string_view name, const std::string& why) { return fmt::format("{}: {}", name, why); }
}  // namespace

Addresses Objects::addresses(std::string_view name) {
  use(name);
  Definition* d = find(name);
  if (d == nullptr) return unknown<Addresses>(fmt::format("{} is not defined", name));
  if (d->kind != ObjectKind::network && d->kind != ObjectKind::network_group)
    return unknown<Addresses>(d->kind == ObjectKind::undecided_group
                                  ? why_missing(name, "traffic decides who is in it")
                                  : fmt::format("{} holds no addresses", name));
  resolved(*d);
  if (d->complete && d->addresses.empty())
    return unknown<Addresses>(fmt::format("{} is empty", name));  // the appliance takes no empty group in a list
  if (!afford(d->addresses.ranges().size())) return unknown<Addresses>(std::string(kTooLarge));
  return {d->addresses, d->complete, d->complete ? "" : why_missing(name, d->missing)};
}

Services Objects::services(std::string_view name) {
  use(name);
  Definition* d = find(name);
  if (d == nullptr) return unknown<Services>(fmt::format("{} is not defined", name));
  if (d->kind != ObjectKind::service && d->kind != ObjectKind::service_group &&
      d->kind != ObjectKind::protocol_group)
    return unknown<Services>(fmt::format("{} holds no services", name));
  resolved(*d);
  if (d->complete && d->services.empty()) return unknown<Services>(fmt::format("{} is empty", name));
  constexpr std::size_t kServiceWeight = 4;  // in ranges
  if (!afford(d->services.size() * kServiceWeight)) return unknown<Services>(std::string(kTooLarge));
  return {d->services, d->complete, d->complete ? "" : why_missing(name, d->missing)};
}

Ports Objects::ports(std::string_view name) {
  use(name);
  Definition* d = find(name);
  if (d == nullptr) return unknown<Ports>(fmt::format("{} is not defined", name));
  if (d->kind != ObjectKind::port_group) return unknown<Ports>(fmt::format("{} holds no ports", name));
  resolved(*d);
  if (d->complete && d->ports.empty()) return unknown<Ports>(fmt::format("{} is empty", name));
  if (!afford(d->ports.size())) return unknown<Ports>(std::string(kTooLarge));
  return {PortSet::of(d->ports), d->complete, d->complete ? "" : why_missing(name, d->missing)};
}

Messages Objects::messages(std::string_view name) {
  use(name);
  Definition* d = find(name);
  if (d == nullptr) return unknown<Messages>(fmt::format("{} is not defined", name));
  if (d->kind != ObjectKind::icmp_group) return unknown<Messages>(fmt::format("{} holds no ICMP messages", name));
  resolved(*d);
  if (d->complete && d->icmp.empty() && d->icmp6.empty())
    return unknown<Messages>(fmt::format("{} is empty", name));
  if (!afford(d->icmp.size() + d->icmp6.size())) return unknown<Messages>(std::string(kTooLarge));
  return {IcmpSet::of(d->icmp), IcmpSet::of(d->icmp6), d->complete,
          d->complete ? "" : why_missing(name, d->missing)};
}

}  // namespace demarc::asa
