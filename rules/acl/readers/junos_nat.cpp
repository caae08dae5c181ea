#include "rules/acl/readers/junos_nat.h"

#include <fmt/format.h>

#include "rules/acl/readers/junos_values.h"
#include "rules/acl/readers/line_ledger.h"

namespace demarc::junos {

void Translations::read(NodeId nat) {
  if (nat == kNoNode) return;
  tree_.mark(nat, Understanding::understood);
  for (const std::string_view kind : {"source", "destination", "static"}) {
    const NodeId of_kind = tree_.find(nat, kind);
    for (const NodeId set : tree_.children(tree_.find(of_kind, "rule-set"))) {
      Box around;
      if (!ends(tree_.find(set, "from"), around.ingress) || !ends(tree_.find(set, "to"), around.egress))
        tree_.mark(set, Understanding::in_part, "between which interfaces it translates is not known");
      for (const NodeId rule : tree_.children(tree_.find(set, "rule"))) nat_rule(rule, kind, of_kind, around);
    }
  }
}

bool Translations::ends(NodeId node, ByteSet& ids) {
  if (node == kNoNode) return true;
  ByteSet set;
  for (const NodeId z : tree_.children(tree_.find(node, "zone"))) {
    const Zone* named = zones_.find(word(z));
    if (named == nullptr || !named->told_apart) return false;
    for (const InterfaceId id : named->interfaces) set.insert(id);
  }
  for (const NodeId i : tree_.children(tree_.find(node, "interface"))) {
    const std::optional<InterfaceId> id = context_.interface(unit_name(word(i)));
    if (!id) return false;
    set.insert(*id);
  }
  if (tree_.has(node, "routing-instance")) return false;
  ids = set;
  return true;
}

void Translations::nat_rule(NodeId rule, std::string_view kind, NodeId of_kind, const Box& around) {
  Nat nat;
  nat.kind = kind == "source" ? Nat::Kind::source : Nat::Kind::destination;
  nat.line = tree_[rule].line;
  nat.text = LineLedger::bounded(fmt::format("{} rule {}", kind, tree_.text(rule)));
  nat.match.box = around;
  const NodeId match = tree_.find(rule, "match");
  bool plain = true;
  for (const NodeId c : tree_.children(match)) {
    const std::string_view w = word(c);
    if (w == "source-address" || w == "destination-address") {
      std::vector<Prefix> prefixes;
      for (const NodeId a : tree_.children(c)) {
        const auto written = parse_junos_address(word(a));
        if (written && !written->bits)
          prefixes.push_back(written->prefix);
        else
          plain = false;
      }
      (w == "source-address" ? nat.match.box.sources : nat.match.box.destinations) = AddressSet::of(prefixes);
    } else if (w == "destination-port" || w == "source-port") {
      std::vector<PortRange> ranges;
      for (const NodeId p : tree_.children(c)) {
        std::optional<PortRange> r = parse_junos_ports(word(p));
        if (const std::string_view last = tree_.value(p, "to"); r && !last.empty())
          if (const std::optional<PortRange> end = parse_junos_ports(last); end && r->first <= end->last)
            r->last = end->last;
        if (r)
          ranges.push_back(*r);
        else
          plain = false;
      }
      (w == "source-port" ? nat.match.box.source_ports : nat.match.box.ports) = PortSet::of(std::move(ranges));
    } else if (w == "source-address-name" || w == "destination-address-name") {
      AddressSet all;
      for (const NodeId a : tree_.children(c)) {
        const NamedAddresses named = books_.addresses({}, word(a));
        plain = plain && named.incomplete.empty();
        all = all.unite(named.known);
      }
      (w == "source-address-name" ? nat.match.box.sources : nat.match.box.destinations) = std::move(all);
    } else if (w == "protocol") {
      ProtocolSet set;
      for (const NodeId p : tree_.children(c)) {
        const std::optional<Protocol> protocol = parse_junos_protocol(word(p));
        if (protocol)
          set.insert(*protocol);
        else
          plain = false;
      }
      nat.match.box.protocols = set;
    } else {
      plain = false;
    }
  }
  const NodeId then = tree_.find(rule, {"then", fmt::format("{}-nat", kind)});
  if (tree_.has(then, "off")) {
    tree_.mark(rule, Understanding::in_part, "what it keeps from translation is not kept from the rules behind it");
    return;
  }
  translate(then, of_kind, kind, nat);
  if (!plain) tree_.mark(match, Understanding::in_part, "a condition of the translation is not understood");
  if (kind == "static" && nat.to) {
    // It holds both ways: what the inside sends bears the outside address.
    Nat back = nat;
    back.kind = Nat::Kind::source;
    back.match.box = {};
    back.match.box.egress = around.ingress;
    back.match.box.sources = AddressSet::single(*nat.to);
    back.to = nat.match.box.destinations.only();
    back.to_ports.reset();
    if (nat.to_ports) {
      back.match.box.source_ports = PortSet{*nat.to_ports};
      if (const std::optional<Port> port = nat.match.box.ports.only()) back.to_ports = PortRange::single(*port);
    }
    device_.nats.push_back(std::move(back));
  }
  device_.nats.push_back(std::move(nat));
}

void Translations::translate(NodeId then, NodeId of_kind, std::string_view kind, Nat& nat) {
  std::string_view address;
  if (kind == "static") {
    const NodeId prefix = tree_.find(then, "prefix");
    for (const NodeId p : tree_.children(prefix)) {
      const bool port = word(p) == "mapped-port";
      if (address.empty() && !port) address = word(p);
      // "mapped-port 8080", "mapped-port 8000 to 8010"; beside the prefix or below it.
      for (const NodeId first : tree_.children(port ? p : tree_.find(p, "mapped-port"))) {
        const std::optional<PortRange> low = parse_junos_ports(word(first));
        const std::optional<PortRange> high = parse_junos_ports(tree_.value(first, "to"));
        if (low) nat.to_ports = PortRange{low->first, high && low->first <= high->last ? high->last : low->last};
      }
    }
  } else {
    const NodeId pool = tree_.find(of_kind, {"pool", tree_.value(then, "pool")});
    std::size_t addresses = 0;
    for (const NodeId a : tree_.children(tree_.find(pool, "address"))) {
      if (word(a) == "to" || word(a) == "port" || ++addresses > 1) continue;
      address = word(a);
      if (tree_.has(a, "to")) ++addresses;
      if (const std::string_view port = tree_.value(a, "port"); !port.empty())
        nat.to_ports = parse_junos_ports(port);
    }
    if (const std::string_view port = tree_.value(tree_.find(pool, "address"), "port"); !port.empty())
      nat.to_ports = parse_junos_ports(port);
    if (addresses != 1) return;
  }
  const auto written = parse_junos_address(address);
  if (written && !written->bits && written->prefix.is_host()) nat.to = written->prefix.base();
}

}  // namespace demarc::junos
