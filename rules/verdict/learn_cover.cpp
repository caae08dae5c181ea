// One service's uses as few rectangles (clients x servers), each use in exactly one: rules that overlapped would
// each be an approval of the same packets. The fewest are hard to find (minimum biclique partition), so each
// connected part is cut in three ways and the best is taken: servers with the same clients together, clients with
// the same servers together, and the largest rectangle first.
#include <algorithm>
#include <set>
#include <span>
#include <unordered_map>

#include "rules/verdict/learn_parts.h"

namespace demarc::learning {

namespace {

constexpr std::size_t kGreedyEdgesMax = 400;

/// A use, by its ends: servers and clients by place.
struct Edge {
  std::uint32_t client = 0, server = 0, use = 0;
  auto ends() const { return std::pair(client, server); }
};
using Edges = std::span<Edge>;  // sorted by ends

std::vector<Rectangle> by_same(Edges edges, bool servers) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> partners;  // of each server, or client
  partners.reserve(edges.size());
  for (const Edge& e : edges)
    partners.emplace_back(servers ? e.server : e.client, servers ? e.client : e.server);
  if (servers) std::sort(partners.begin(), partners.end());
  std::map<std::vector<std::uint32_t>, std::vector<std::uint32_t>> alike;
  std::vector<std::uint32_t> list;
  for (std::size_t i = 0; i < partners.size();) {
    const std::uint32_t end = partners[i].first;
    for (list.clear(); i < partners.size() && partners[i].first == end; ++i) list.push_back(partners[i].second);
    alike[list].push_back(end);
  }
  std::vector<Rectangle> out;
  for (auto& [others, ends] : alike)
    out.push_back(servers ? Rectangle{others, ends, {}} : Rectangle{ends, others, {}});
  return out;
}

std::vector<std::uint32_t> common(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::vector<std::uint32_t> out;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

/// The largest rectangle that all clients of one server, or of what two servers share, or all servers of one client
/// span; again with what is left.
std::vector<Rectangle> largest_first(Edges all) {
  std::set<std::pair<std::uint32_t, std::uint32_t>> edges;
  for (const Edge& e : all) edges.insert(e.ends());
  std::vector<Rectangle> out;
  while (!edges.empty()) {
    std::map<std::uint32_t, std::vector<std::uint32_t>> of_server, of_client;
    for (const auto& [client, server] : edges) {
      of_server[server].push_back(client);
      of_client[client].push_back(server);
    }
    Rectangle best;
    const auto try_clients = [&](const std::vector<std::uint32_t>& clients) {
      if (clients.empty()) return;
      std::vector<std::uint32_t> servers = of_client[clients.front()];
      for (const std::uint32_t c : clients) servers = common(servers, of_client[c]);
      if (clients.size() * servers.size() > best.clients.size() * best.servers.size())
        best = {clients, servers, {}};
    };
    for (const auto& [server, clients] : of_server) try_clients(clients);
    for (auto a = of_server.begin(); a != of_server.end(); ++a)
      for (auto b = std::next(a); b != of_server.end() && of_server.size() <= 40; ++b)
        try_clients(common(a->second, b->second));
    for (const auto& [client, servers] : of_client) {
      std::vector<std::uint32_t> clients = of_server[servers.front()];
      for (const std::uint32_t s : servers) clients = common(clients, of_server[s]);
      if (clients.size() * servers.size() > best.clients.size() * best.servers.size())
        best = {clients, servers, {}};
    }
    for (const std::uint32_t c : best.clients)
      for (const std::uint32_t s : best.servers) edges.erase({c, s});
    out.push_back(std::move(best));
  }
  return out;
}

}  // namespace

std::vector<Rectangle> cover(const Places& places, const std::vector<std::uint32_t>& uses) {
  // Connected parts: what shares no client and no server is covered by itself.
  std::unordered_map<std::uint64_t, std::uint32_t> nodes;
  std::vector<std::uint32_t> parent;
  const auto node = [&](bool server, std::uint32_t place) {
    const auto [at, fresh] =
        nodes.try_emplace(std::uint64_t{place} << 1 | (server ? 1U : 0U), static_cast<std::uint32_t>(parent.size()));
    if (fresh) parent.push_back(at->second);
    return at->second;
  };
  const auto root = [&](std::uint32_t n) {
    while (parent[n] != n) n = parent[n] = parent[parent[n]];
    return n;
  };
  for (const std::uint32_t u : uses) {
    const std::uint32_t a = root(node(false, places.uses[u].client)), b = root(node(true, places.uses[u].server));
    parent[std::max(a, b)] = std::min(a, b);
  }
  std::vector<std::pair<std::uint32_t, Edge>> by_part;
  by_part.reserve(uses.size());
  for (const std::uint32_t u : uses)
    by_part.push_back({root(node(false, places.uses[u].client)), {places.uses[u].client, places.uses[u].server, u}});
  nodes = {};
  std::sort(by_part.begin(), by_part.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first, a.second.ends()) < std::pair(b.first, b.second.ends());
  });
  std::vector<Edge> all;
  all.reserve(by_part.size());
  for (const auto& [part, edge] : by_part) all.push_back(edge);

  std::vector<Rectangle> out;
  for (std::size_t begin = 0, end; begin < all.size(); begin = end) {
    for (end = begin + 1; end < all.size() && by_part[end].first == by_part[begin].first;) ++end;
    const Edges edges = Edges(all).subspan(begin, end - begin);
    std::vector<Rectangle> best = by_same(edges, true);
    if (std::vector<Rectangle> other = by_same(edges, false); other.size() < best.size()) best = std::move(other);
    if (best.size() > 2 && edges.size() <= kGreedyEdgesMax)
      if (std::vector<Rectangle> other = largest_first(edges); other.size() < best.size()) best = std::move(other);
    for (Rectangle& r : best) {
      for (const std::uint32_t c : r.clients)
        for (const std::uint32_t s : r.servers)
          r.uses.push_back(std::lower_bound(edges.begin(), edges.end(), std::pair(c, s), [](const Edge& e, auto ends) {
                             return e.ends() < ends;
                           })->use);
      out.push_back(std::move(r));
    }
  }
  return out;
}

}  // namespace demarc::learning
