// One service's uses as few rectangles (clients x servers), each use in exactly one: rules that overlapped would
// each be an approval of the same packets. The fewest are hard to find (minimum biclique partition), so each
// connected part is cut in three ways and the best is taken: servers with the same clients together, clients with
// the same servers together, and the largest rectangle first.
#include <algorithm>
#include <numeric>

#include "rules/verdict/learn_parts.h"

namespace demarc::learning {

namespace {

constexpr std::size_t kGreedyEdgesMax = 400;

using Edges = std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t>;  // (client, server) -> use

std::vector<Rectangle> by_same(const Edges& edges, bool servers) {
  std::map<std::uint32_t, std::vector<std::uint32_t>> partners;  // of each server, or client
  for (const auto& [ends, use] : edges)
    partners[servers ? ends.second : ends.first].push_back(servers ? ends.first : ends.second);
  std::map<std::vector<std::uint32_t>, std::vector<std::uint32_t>> alike;
  for (auto& [end, list] : partners) {
    std::sort(list.begin(), list.end());
    alike[list].push_back(end);
  }
  std::vector<Rectangle> out;
  for (auto& [list, ends] : alike) out.push_back(servers ? Rectangle{list, ends, {}} : Rectangle{ends, list, {}});
  return out;
}

std::vector<std::uint32_t> common(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::vector<std::uint32_t> out;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

/// The largest rectangle that all clients of one server, or of what two servers share, or all servers of one client
/// span; again with what is left.
std::vector<Rectangle> largest_first(Edges edges) {
  std::vector<Rectangle> out;
  while (!edges.empty()) {
    std::map<std::uint32_t, std::vector<std::uint32_t>> of_server, of_client;
    for (const auto& [ends, use] : edges) {
      of_server[ends.second].push_back(ends.first);
      of_client[ends.first].push_back(ends.second);
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
  std::map<std::pair<bool, std::uint32_t>, std::uint32_t> nodes;
  std::vector<std::uint32_t> parent;
  const auto node = [&](bool server, std::uint32_t place) {
    const auto [at, fresh] = nodes.try_emplace({server, place}, static_cast<std::uint32_t>(parent.size()));
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
  std::map<std::uint32_t, Edges> parts;
  for (const std::uint32_t u : uses)
    parts[root(node(false, places.uses[u].client))][{places.uses[u].client, places.uses[u].server}] = u;

  std::vector<Rectangle> out;
  for (const auto& [number, edges] : parts) {
    std::vector<Rectangle> best = by_same(edges, true);
    if (std::vector<Rectangle> other = by_same(edges, false); other.size() < best.size()) best = std::move(other);
    if (best.size() > 2 && edges.size() <= kGreedyEdgesMax)
      if (std::vector<Rectangle> other = largest_first(edges); other.size() < best.size()) best = std::move(other);
    for (Rectangle& r : best) {
      for (const std::uint32_t c : r.clients)
        for (const std::uint32_t s : r.servers) r.uses.push_back(edges.at({c, s}));
      out.push_back(std::move(r));
    }
  }
  return out;
}

}  // namespace demarc::learning
