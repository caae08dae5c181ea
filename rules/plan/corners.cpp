#include "rules/plan/corners.h"

#include <algorithm>
#include <map>

#include "rules/policy/catalogue.h"
#include "rules/policy/scope.h"

namespace demarc {

namespace {

constexpr std::array<Protocol, 2> kProtocols{Protocol::tcp, Protocol::udp};

void tidy(PortEdges& edges) {
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
}

/// SplitMix64's finaliser, as in order.cpp: neighbouring pieces must not get neighbouring choices.
constexpr std::uint64_t scrambled(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

struct ByValue {
  bool operator()(const AddressSet* a, const AddressSet* b) const { return *a < *b; }
};

/// The address after the last of a range, where there is one.
std::optional<Address> after(const Address& last) {
  if (last.is_ipv4())
    return last.number() == 0xFFFFFFFF ? Address::ipv6(0, 0) : Address::of(Family::ipv4, last.number() + 1);
  if (last.number() == ~Uint128{0}) return std::nullopt;
  return Address::of(Family::ipv6, last.number() + 1);
}

}  // namespace

void add_edges(PortEdges& edges, const PortSet& ports, bool singles) {
  for (const PortRange& r : ports.ranges()) {
    const std::uint32_t end = std::uint32_t{r.last.number()} + 1;
    for (std::uint32_t p = r.first.number(); singles && p < end; ++p) edges.push_back(p);
    edges.push_back(r.first.number());
    edges.push_back(end);
  }
  tidy(edges);
}

std::vector<PortRange> cut_at(const PortSet& axis, const PortEdges& edges) {
  std::vector<PortRange> pieces;
  auto edge = edges.begin();
  for (const PortRange& r : axis.ranges()) {
    std::uint32_t begin = r.first.number();
    const std::uint32_t end = std::uint32_t{r.last.number()} + 1;
    while (begin < end) {
      edge = std::upper_bound(edge, edges.end(), begin);
      std::uint32_t next = edge == edges.end() ? end : std::min(end, *edge);
      pieces.push_back({Port{static_cast<std::uint16_t>(begin)}, Port{static_cast<std::uint16_t>(next - 1)}});
      begin = next;
    }
  }
  return pieces;
}

Port port_for(const PortRange& piece, std::uint64_t seed) {
  const std::uint32_t size = piece.size();
  if (size == 1) return piece.first;
  const std::uint64_t chance =
      scrambled(seed + 0x9E3779B97F4A7C15ULL * (std::uint64_t{piece.first.number()} << 16 | piece.last.number()));
  const std::uint64_t inside = size == 2 ? chance % 2 : 1 + chance % (size - 2);
  return Port{static_cast<std::uint16_t>(piece.first.number() + inside)};
}

PortSet ports_for(std::span<const PortRange> pieces, std::uint64_t seed) {
  std::vector<PortRange> ports;
  ports.reserve(pieces.size());
  for (const PortRange& piece : pieces) ports.push_back(PortRange::single(port_for(piece, seed)));
  return PortSet::of(std::move(ports));
}

CornerMap::CornerMap(const RuleSet& rules, std::span<const PortSet> further) : rules_(&rules) {
  for (std::size_t p = 0; p < kProtocols.size(); ++p) {
    PortEdges& edges = everywhere_[p];
    add_edges(edges, catalogue_ports(kProtocols[p]), true);
    add_edges(edges, p == 0 ? fragile_ports() : fragile_udp_ports(), true);
    if (rules.coverage.given) add_edges(edges, p == 0 ? rules.coverage.tcp.ports : rules.coverage.udp.ports);
    for (const PortSet& ports : further) add_edges(edges, ports);
  }
  std::map<const AddressSet*, std::size_t, ByValue> known;
  auto add = [&](const std::vector<std::uint32_t>& services, const AddressSet& to) {
    PortSet tcp, udp;  // of the whole rule: what touches within it is no edge
    for (std::uint32_t index : services) {
      const Service& s = rules.services.at(index);
      tcp = s.all ? PortSet::all() : tcp.unite(s.tcp).unite(s.related_tcp);
      udp = s.all ? PortSet::all() : udp.unite(s.udp).unite(s.related_udp);
    }
    if (tcp.empty() && udp.empty()) return;
    auto [at, fresh] = known.emplace(&to, documents_.size());
    if (fresh) documents_.push_back({&to, {}});
    add_edges(documents_[at->second].edges[0], tcp);
    add_edges(documents_[at->second].edges[1], udp);
  };
  for (const Rule& rule : rules.rules) add(rule.services, rule.to.addresses);
  for (const Exception& x : rules.exceptions) add(x.rule.services, x.rule.to.addresses);
  for (const ForbiddenEntry& f : rules.forbidden) add(f.services, f.to.addresses);

  auto cut = [&](const Address& first, const Address& last) {
    cuts_.push_back(first);
    if (std::optional<Address> next = after(last)) cuts_.push_back(*next);
  };
  cut(Address::ipv4(0), Address::ipv4(0xFFFFFFFF));
  for (const Document& d : documents_)
    for (const AddressRange& r : d.to->ranges()) cut(r.first, r.last);
  for (const Vip& vip : rules.vips) cut(vip.address, vip.address);
  for (const Vantage& vantage : rules.vantages)
    for (const CanaryTarget& canary : vantage.canaries) cut(canary.address, canary.address);
  std::sort(cuts_.begin(), cuts_.end());
  cuts_.erase(std::unique(cuts_.begin(), cuts_.end()), cuts_.end());
  at_.resize(cuts_.size());
  slots_.resize(cuts_.size());
  for (std::uint32_t i = 0; i < documents_.size(); ++i)
    for (const AddressRange& r : documents_[i].to->ranges())
      for (std::size_t slot = slot_of(r.first), last = slot_of(r.last); slot <= last; ++slot)
        at_[slot].push_back(i);
}

std::size_t CornerMap::slot_of(const Address& real) const {
  return static_cast<std::size_t>(std::upper_bound(cuts_.begin(), cuts_.end(), real) - cuts_.begin()) - 1;
}

const PortEdges& CornerMap::edges(const Address& real, Protocol protocol) const {
  const std::size_t number = slot_of(real);
  Slot& slot = slots_[number];
  if (!slot.known) {
    slot.edges = make(real, number);
    slot.known = true;
  }
  return slot.edges[protocol == Protocol::udp ? 1 : 0];
}

std::array<PortEdges, 2> CornerMap::make(const Address& real, std::size_t slot) const {
  std::array<PortEdges, 2> out = everywhere_;
  auto add = [&](const Document& d) {
    for (std::size_t p = 0; p < out.size(); ++p) out[p].insert(out[p].end(), d.edges[p].begin(), d.edges[p].end());
  };
  for (std::uint32_t i : at_[slot]) add(documents_[i]);
  // What is sent to a virtual server reaches its members.
  for (const Vip& vip : rules_->vips) {
    if (vip.address != real) continue;
    for (const std::string& name : vip.services) {
      if (const Service* s = rules_->service(name)) {
        add_edges(out[0], s->tcp);
        add_edges(out[1], s->udp);
      }
    }
    for (const Document& d : documents_)
      if (vip.members.addresses.overlaps(*d.to)) add(d);
  }
  for (const Vantage& vantage : rules_->vantages)
    for (const CanaryTarget& canary : vantage.canaries)
      if (canary.address == real) add_edges(out[0], PortSet::single(canary.port));
  for (PortEdges& edges : out) tidy(edges);
  return out;
}

}  // namespace demarc
