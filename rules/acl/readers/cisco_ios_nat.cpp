#include "rules/acl/readers/cisco_ios_nat.h"

#include <fmt/format.h>

#include <algorithm>

namespace demarc {

namespace {

/// Translations that networks and lists may be written out to.
constexpr std::size_t kWrittenOutMax = 10'000;

ByteSet set_of(const std::vector<InterfaceId>& ids) {
  ByteSet set;
  for (const InterfaceId id : ids) set.insert(id);
  return ids.empty() ? ByteSet::all() : set;
}

}  // namespace

void IosNat::line(Cursor& in) {
  const std::string_view side = in.word();
  if (side == "pool") {
    const std::string_view name = in.word();
    const std::optional<Address> first = parse_address(in.word()), last = parse_address(in.word());
    Pool& pool = pools_[std::string(name)];
    if (first && last && *first == *last) pool.only = first;
    return draft_.mark(Understanding::understood);
  }
  if (side == "translation" || side == "log" || side == "service" || side == "settings" || side == "create" ||
      side == "switchover" || side == "stateful")
    return draft_.mark(Understanding::not_filtering);
  if (side != "inside" && side != "outside")
    return draft_.in_part("this kind of address translation is not read: which addresses lists see is not known");
  const bool outside = side == "outside";
  const std::string_view what = in.word();
  if (what != "source" && what != "destination")
    return draft_.unread(fmt::format("'{}' is neither source nor destination", what));
  const std::string_view how = in.word();
  if (how == "static" && what == "source") return static_line(in, outside);
  dynamic_line(in, how, what == "source" ? Nat::Kind::source : Nat::Kind::destination, outside);
}

void IosNat::static_line(Cursor& in, bool outside) {
  Static one;
  one.line = draft_.line;
  one.outside = outside;
  std::string_view word = in.word();
  const bool network = word == "network";
  if (word == "tcp" || word == "udp") one.protocol = word == "tcp" ? Protocol::tcp : Protocol::udp;
  if (network || one.protocol) word = in.word();
  // The address as it is inside comes first; of outside sources, the global one.
  const std::optional<Address> first = parse_address(word);
  if (!first) return draft_.unread(fmt::format("'{}' is no address", word));
  const auto port = [&in]() -> std::optional<Port> {
    const std::optional<std::uint64_t> n = router::decimal(in.word(), 65535);
    return n ? std::optional(Port(static_cast<std::uint16_t>(*n))) : std::nullopt;
  };
  std::optional<Port> first_port, second_port;
  if (one.protocol && !(first_port = port())) return draft_.unread("the port is missing");
  word = in.word();
  std::optional<Address> second;
  if (word == "interface") {
    one.interface = router::interface_name(in);
  } else if (second = parse_address(word); !second) {
    return draft_.unread(fmt::format("'{}' is no address", word));
  }
  if (one.protocol && !(second_port = port())) return draft_.unread("the port is missing");
  if (network) {
    std::string_view mask = in.word();
    if (mask.starts_with('/')) mask.remove_prefix(1);
    const std::optional<std::uint64_t> length = router::decimal(mask, 32);
    const std::optional<Address> written = parse_address(mask);
    one.network = length                          ? std::optional(static_cast<unsigned>(*length))
                  : written && written->is_ipv4() ? router::netmask_length(*written)
                                                  : std::nullopt;
    if (!one.network) return draft_.unread("the mask of the network is missing");
  }
  one.local = outside ? second.value_or(Address{}) : *first;
  one.global = outside ? *first : second.value_or(Address{});
  one.local_port = outside ? second_port : first_port;
  one.global_port = outside ? first_port : second_port;
  bool conditional = false;
  while (!in.at_end()) conditional = in.word() == "route-map" || conditional;
  statics_.push_back(std::move(one));
  if (conditional) return draft_.in_part("which packets are translated, a route-map says that is not read");
  draft_.mark(Understanding::understood);
}

void IosNat::dynamic_line(Cursor& in, std::string_view how, Nat::Kind kind, bool outside) {
  Dynamic one;
  one.kind = kind;
  one.line = draft_.line;
  one.outside = outside;
  if (how == "list")
    one.list = in.word();
  else
    in.word();
  while (!in.at_end()) {
    const std::string_view word = in.word();
    if (word == "pool") one.pool = in.word();
    if (word == "interface") one.interface = router::interface_name(in);
  }
  const bool plain = how == "list" && kind == Nat::Kind::source && !outside;
  dynamics_.push_back(std::move(one));
  if (plain) return draft_.mark(Understanding::understood);
  draft_.in_part(how == "list" ? "which address it is translated to is decided as packets come"
                               : "which packets are translated, a route-map says that is not read");
}

void IosNat::interface_line(Cursor& in, std::size_t interface) {
  const std::string_view side = in.word();
  if (side == "inside" || side == "outside") {
    const std::vector<InterfaceId> ids = draft_.ids(interface);
    std::vector<InterfaceId>& of = side == "inside" ? inside_ : outside_;
    if (!ids.empty() && std::find(of.begin(), of.end(), ids[0]) == of.end()) of.push_back(ids[0]);
    return draft_.mark(Understanding::understood);
  }
  draft_.in_part("this kind of address translation is not read: which addresses lists see is not known");
}

Nat IosNat::nat(Nat::Kind kind, std::uint32_t line) const {
  Nat n;
  n.kind = kind;
  n.line = line;
  n.text = LineLedger::bounded(draft_.source().line(line));
  n.match.box.family = Family::ipv4;
  return n;
}

void IosNat::add_pair(const Static& one, const Address& local, const std::optional<Address>& global) {
  if (draft_.device().nats.size() >= kWrittenOutMax * 2) return;
  // Inside sources are seen as the global address outside; outside sources as the local one inside.
  Nat out = nat(Nat::Kind::source, one.line), back = nat(Nat::Kind::destination, one.line);
  const Address& real = one.outside ? *global : local;
  out.match.box.sources = AddressSet::single(real);
  out.match.box.ingress = set_of(one.outside ? outside_ : inside_);
  out.match.box.egress = set_of(one.outside ? inside_ : outside_);
  out.to = one.outside ? std::optional(local) : global;
  back.match.box.ingress = set_of(one.outside ? inside_ : outside_);
  back.to = real;
  const std::optional<Port> real_port = one.outside ? one.global_port : one.local_port;
  const std::optional<Port> seen_port = one.outside ? one.local_port : one.global_port;
  if (one.protocol) {
    out.match.box.protocols = back.match.box.protocols = {*one.protocol};
    out.match.box.source_ports = PortSet::single(*real_port);
    out.to_ports = PortRange::single(*seen_port);
    back.match.box.ports = PortSet::single(*seen_port);
    back.to_ports = PortRange::single(*real_port);
  }
  if (out.to) back.match.box.destinations = AddressSet::single(*out.to);
  const bool known = out.to.has_value();
  draft_.device().nats.push_back(std::move(out));
  if (known) draft_.device().nats.push_back(std::move(back));
}

void IosNat::add(const Static& one) {
  if (!one.interface.empty()) {
    const std::optional<std::size_t> i = draft_.find_interface(one.interface);
    std::optional<Address> global;
    if (i)
      for (const Address& a : draft_.interface(*i).addresses)
        if (a.is_ipv4() && !global) global = a;
    if (!global)
      draft_.warn(one.line,
                  fmt::format("the address of {} is not known here: what is translated to it is not either",
                              one.interface));
    return add_pair(one, one.local, global);
  }
  const std::uint32_t count =
      one.network ? static_cast<std::uint32_t>(std::uint64_t{1} << std::min(31U, 32 - *one.network)) : 1;
  if (count > kWrittenOutMax || written_out_ + count > kWrittenOutMax) {
    draft_.warn(one.line, "the translation of this network is too large to be written out: it is not applied");
    return;
  }
  written_out_ += count;
  const std::uint32_t keep = one.network ? count - 1 : 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto at = [&](const Address& base) { return Address::ipv4((base.ipv4_number() & ~keep) | i); };
    add_pair(one, one.network ? at(one.local) : one.local, one.network ? at(one.global) : one.global);
  }
}

void IosNat::add(const Dynamic& one) {
  Nat n = nat(one.kind, one.line);
  const bool inward = one.outside != (one.kind == Nat::Kind::destination);
  n.match.box.ingress = set_of(inward ? outside_ : inside_);
  if (one.kind == Nat::Kind::source) n.match.box.egress = set_of(inward ? inside_ : outside_);
  if (const auto pool = pools_.find(one.pool); pool != pools_.end()) n.to = pool->second.only;
  if (const std::optional<std::size_t> i = draft_.find_interface(one.interface))
    for (const Address& a : draft_.interface(*i).addresses)
      if (a.is_ipv4() && !n.to) n.to = a;
  const std::optional<ListIndex> list = draft_.find_list(one.list, Family::ipv4);
  if (!list) {
    draft_.device().nats.push_back(std::move(n));  // some of what goes that way
    return;
  }
  bool denies = false;
  for (const Entry& e : draft_.list(*list).entries) {
    denies = denies || e.action != Action::permit;
    if (e.action != Action::permit) continue;
    for (const Match& m : e.match) {
      written_out_ += router::weight(m);
      if (written_out_ > kWrittenOutMax) {
        draft_.warn(one.line, "there are too many translations to be written out: some of these are not applied");
        return;
      }
      Nat each = n;
      each.match.source_bits = m.source_bits;
      each.match.destination_bits = m.destination_bits;
      const ByteSet ingress = each.match.box.ingress, egress = each.match.box.egress;
      each.match.box = m.box;
      each.match.box.ingress = ingress, each.match.box.egress = egress;
      draft_.device().nats.push_back(std::move(each));
    }
  }
  if (denies)
    draft_.warn(one.line, fmt::format("what {} denies is not translated: that is not taken from the translation",
                                      draft_.list(*list).name));
}

void IosNat::finish() {
  for (const Static& one : statics_) add(one);
  for (const Dynamic& one : dynamics_) add(one);
  bool inside_sources = false, outside_sources = false;
  for (const Static& s : statics_) (s.outside ? outside_sources : inside_sources) = true;
  for (const Dynamic& d : dynamics_) (d.outside ? outside_sources : inside_sources) = true;
  const auto on = [](const std::vector<InterfaceId>& stage, const std::vector<InterfaceId>& side) {
    return std::any_of(stage.begin(), stage.end(),
                       [&side](InterfaceId id) { return std::find(side.begin(), side.end(), id) != side.end(); });
  };
  for (Stage& stage : draft_.device().stages) {
    if (stage.family == Family::ipv6) continue;
    if (inside_sources && on(stage.ingress, outside_)) stage.real_destination = false;
    if (inside_sources && on(stage.egress, outside_)) stage.real_source = false;
    if (outside_sources && on(stage.ingress, inside_)) stage.real_destination = false;
    if (outside_sources && on(stage.egress, inside_)) stage.real_source = false;
  }
}

}  // namespace demarc
