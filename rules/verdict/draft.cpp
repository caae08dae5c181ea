#include "rules/verdict/draft.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace demarc {

std::size_t DraftKeyHash::operator()(const DraftKey& k) const noexcept {
  std::uint64_t h =
      static_cast<std::uint64_t>(k.kind) | (static_cast<std::uint64_t>(k.cause) << 8) |
      (static_cast<std::uint64_t>(k.protocol.number()) << 16) | (static_cast<std::uint64_t>(k.service) << 24) |
      (static_cast<std::uint64_t>(k.rule.kind) << 40) | (static_cast<std::uint64_t>(k.has_initiator) << 48) |
      (static_cast<std::uint64_t>(k.has_target) << 49) | (static_cast<std::uint64_t>(k.scan) << 50) |
      (static_cast<std::uint64_t>(k.many) << 51);
  const auto mix = [&h](std::uint64_t v) {
    h = (h ^ v) * 0x9E3779B97F4A7C15ULL;
    h ^= h >> 29;
  };
  mix((static_cast<std::uint64_t>(k.from) << 32) | k.to);
  mix(k.rule.index);
  mix(std::hash<Address>()(k.initiator));
  mix(std::hash<Address>()(k.target));
  return static_cast<std::size_t>(h);
}

void Draft::add_port(PortRange range) {
  if (!ports.empty()) {
    PortRange& last = ports.back();
    if (last.first <= range.first && range.last <= last.last) return;
    if (std::uint32_t{last.last.number()} + 1 == range.first.number()) {
      last.last = range.last;
      return;
    }
  }
  ports.push_back(range);
  // A set of ports has at most 32,768 ranges; more than this many entries are repetitions.
  if (ports.size() > 70000) ports = PortSet::of(std::move(ports)).ranges();
}

void Draft::add_vantage(std::uint16_t vantage) {
  const auto place = std::lower_bound(vantages.begin(), vantages.end(), vantage);
  if (place == vantages.end() || *place != vantage) vantages.insert(place, vantage);
}

void Draft::add_place(const EvidencePlace& place) {
  // Views stand one after the other, and one of them does not crowd out another.
  const auto first =
      std::find_if(places.begin(), places.end(), [&](const EvidencePlace& p) { return p.view >= place.view; });
  const auto last = std::find_if(first, places.end(), [&](const EvidencePlace& p) { return p.view > place.view; });
  const auto at = std::lower_bound(first, last, place);
  if (at != last && *at == place) return;
  const bool full = static_cast<std::size_t>(last - first) >= kPlacesMax;
  if (full && at == last) return;
  if (full) {
    std::move_backward(at, last - 1, last);
    *at = place;
  } else {
    places.insert(at, place);
  }
}

void Draft::add_address(std::vector<Address>& kept, std::size_t& more, const Address& address) {
  const auto at = std::lower_bound(kept.begin(), kept.end(), address);
  if (at != kept.end() && *at == address) return;
  if (kept.size() == kNamesMax) {
    more = 1;  // only that there are others: how many is not counted, because repetitions could not be told
    if (at == kept.end()) return;
    kept.insert(at, address);
    kept.pop_back();
    return;
  }
  kept.insert(at, address);
}

void Draft::add_sample(const Packet& packet) {
  if (!sample || packet < *sample) sample = packet;
}

void Draft::add_spoken(const std::string& name) {
  constexpr std::size_t kSpokenMax = 4;
  const auto at = std::lower_bound(spoken.begin(), spoken.end(), name);
  if (at != spoken.end() && *at == name) return;
  spoken.insert(at, name);
  if (spoken.size() > kSpokenMax) spoken.pop_back();
}

void Draft::merge(const Draft& other) {
  for (const PortRange& range : other.ports) add_port(range);
  for (const std::uint16_t v : other.vantages) add_vantage(v);
  for (const EvidencePlace& p : other.places) add_place(p);
  sources_more |= other.sources_more;
  targets_more |= other.targets_more;
  for (const Address& a : other.sources) add_address(sources, sources_more, a);
  for (const Address& a : other.targets) add_address(targets, targets_more, a);
  if (other.sample) add_sample(*other.sample);
  if (detail.empty() || (!other.detail.empty() && other.detail < detail)) detail = other.detail;
  records += other.records;
  conversations += other.conversations;
  established += other.established;
  uncertain_direction = uncertain_direction || other.uncertain_direction;
  beyond_filter = beyond_filter || other.beyond_filter;
  announced += other.announced;
  for (const std::string& name : other.spoken) add_spoken(name);
}

void Drafts::join_services(FindingKind kind, std::size_t services_max) {
  const auto without_service = [](DraftKey key) {
    key.service = kNoServiceName;
    return key;
  };
  std::unordered_map<DraftKey, std::size_t, DraftKeyHash> services;
  for (const auto& [key, draft] : all_)
    if (key.kind == kind) ++services[without_service(key)];
  std::vector<std::pair<DraftKey, Draft>> joined;
  for (auto at = all_.begin(); at != all_.end();) {
    const DraftKey& key = at->first;
    if (key.kind != kind || key.service == kNoServiceName || services[without_service(key)] <= services_max) {
      ++at;
      continue;
    }
    joined.emplace_back(without_service(key), std::move(at->second));
    at = all_.erase(at);
  }
  for (const auto& [key, draft] : joined) all_[key].merge(draft);
}

std::vector<std::pair<DraftKey, Draft>> Drafts::take(std::size_t targets_max) {
  const auto coarse = [](DraftKey key) {
    key.has_initiator = key.has_target = false;
    key.initiator = key.target = Address();
    return key;
  };
  std::unordered_map<DraftKey, std::size_t, DraftKeyHash> sizes;
  for (const auto& [key, draft] : all_) ++sizes[coarse(key)];
  std::unordered_map<DraftKey, Draft, DraftKeyHash> merged;
  std::vector<std::pair<DraftKey, Draft>> out;
  for (auto& [key, draft] : all_) {
    if (sizes[coarse(key)] <= targets_max) {
      out.emplace_back(key, std::move(draft));
      continue;
    }
    Draft& one = merged[coarse(key)];
    if (key.has_target) Draft::add_address(draft.targets, draft.targets_more, key.target);
    if (key.has_initiator) Draft::add_address(draft.sources, draft.sources_more, key.initiator);
    one.merge(draft);
  }
  for (auto& [key, draft] : merged) out.emplace_back(key, std::move(draft));
  all_.clear();
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return out;
}

}  // namespace demarc
