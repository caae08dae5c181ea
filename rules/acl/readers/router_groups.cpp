#include "rules/acl/readers/router_groups.h"

#include <algorithm>

namespace demarc::router {

namespace {

/// Ranges that all groups of one kind hold together, written out; service objects are bigger, and so are fewer.
constexpr std::size_t kRangesMax = 4'000'000, kServicesMax = 400'000;

/// The groups in an order in which members come before what names them; groups in a circle are not in it.
/// (Kahn's algorithm: as deep as a text can nest them, without recursion.)
std::vector<std::uint32_t> members_first(const std::vector<std::vector<std::uint32_t>>& members) {
  std::vector<std::uint32_t> waits(members.size()), order;
  std::vector<std::vector<std::uint32_t>> named_by(members.size());
  for (std::uint32_t i = 0; i < members.size(); ++i) {
    waits[i] = static_cast<std::uint32_t>(members[i].size());
    for (const std::uint32_t member : members[i]) named_by[member].push_back(i);
    if (waits[i] == 0) order.push_back(i);
  }
  for (std::size_t next = 0; next < order.size(); ++next)
    for (const std::uint32_t group : named_by[order[next]])
      if (--waits[group] == 0) order.push_back(group);
  return order;
}

template <typename Groups>
auto find(const Groups& groups, std::string_view name) -> const typename Groups::mapped_type* {
  const auto found = groups.find(name);
  return found == groups.end() ? nullptr : &found->second;
}

}  // namespace

void GroupTable::add(std::string_view network, const AddressSet& addresses) {
  std::vector<AddressRange>& own = draft(networks_, network).own;
  own.insert(own.end(), addresses.ranges().begin(), addresses.ranges().end());
}
void GroupTable::add(std::string_view service, ServiceObject object) {
  draft(services_, service).own.push_back(std::move(object));
}
void GroupTable::add(std::string_view ports, const PortSet& set) {
  std::vector<PortRange>& own = draft(ports_, ports).own;
  own.insert(own.end(), set.ranges().begin(), set.ranges().end());
}
void GroupTable::nest_network(std::string_view group, std::string_view member) {
  draft(networks_, group).members.emplace_back(member);
}
void GroupTable::nest_service(std::string_view group, std::string_view member) {
  draft(services_, group).members.emplace_back(member);
}
void GroupTable::nest_ports(std::string_view group, std::string_view member) {
  draft(ports_, group).members.emplace_back(member);
}

/// `build` makes a group of all that it holds, `flatten` gives back what a group holds.
template <typename Own, typename Group, typename Build, typename Flatten>
void GroupTable::resolve(Drafts<Own>& drafts, std::map<std::string, Group, std::less<>>& groups,
                         std::size_t written_out_max, Build build, Flatten flatten) {
  std::vector<Draft<Own>*> all;
  std::vector<Group*> done;
  std::map<std::string_view, std::uint32_t> numbers;
  for (auto& [name, draft] : drafts) {
    numbers.emplace(name, static_cast<std::uint32_t>(all.size()));
    all.push_back(&draft);
    done.push_back(&groups[name]);
  }
  std::vector<std::vector<std::uint32_t>> members(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const std::string& name : all[i]->members) {
      const auto number = numbers.find(name);
      if (number == numbers.end())
        all[i]->spoilt = true;
      else
        members[i].push_back(number->second);
    }
    std::sort(members[i].begin(), members[i].end());
    members[i].erase(std::unique(members[i].begin(), members[i].end()), members[i].end());
  }
  std::vector<bool> reached(all.size());
  std::size_t written_out = 0;
  for (const std::uint32_t i : members_first(members)) {
    reached[i] = true;
    std::vector<Own> holds = std::move(all[i]->own);
    bool complete = !all[i]->spoilt;
    for (const std::uint32_t member : members[i]) {
      const auto& more = flatten(*done[member]);
      complete = complete && done[member]->complete;
      if (written_out + holds.size() + more.size() > written_out_max) {
        complete = false;
        break;
      }
      holds.insert(holds.end(), more.begin(), more.end());
    }
    written_out += holds.size();
    build(*done[i], std::move(holds));
    done[i]->complete = complete;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (reached[i]) continue;  // in a circle, or naming one: no device loads it
    build(*done[i], std::move(all[i]->own));
    done[i]->complete = false;
  }
  drafts.clear();
}

void GroupTable::resolve() {
  resolve(
      networks_, network_groups_, kRangesMax,
      [](NetworkGroup& group, std::vector<AddressRange> holds) {
        group.addresses = AddressSet::of_ranges(std::move(holds));
      },
      [](const NetworkGroup& group) -> const auto& { return group.addresses.ranges(); });
  resolve(
      services_, service_groups_, kServicesMax,
      [](ServiceGroup& group, std::vector<ServiceObject> holds) { group.members = std::move(holds); },
      [](const ServiceGroup& group) -> const auto& { return group.members; });
  resolve(
      ports_, port_groups_, kRangesMax,
      [](PortGroup& group, std::vector<PortRange> holds) { group.ports = PortSet::of(std::move(holds)); },
      [](const PortGroup& group) -> const auto& { return group.ports.ranges(); });
}

const NetworkGroup* GroupTable::network(std::string_view group) const { return find(network_groups_, group); }
const ServiceGroup* GroupTable::service(std::string_view group) const { return find(service_groups_, group); }
const PortGroup* GroupTable::ports(std::string_view group) const { return find(port_groups_, group); }

}  // namespace demarc::router
