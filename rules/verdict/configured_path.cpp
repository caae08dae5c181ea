#include "rules/verdict/configured_path.h"

#include <fmt/format.h>

#include <algorithm>

namespace demarc {

namespace {

/// Where the configuration shows no addresses at all, nobody knows.
bool speaks(const BoundDevice& device, Family family) {
  bool other = false;
  for (const AddressSet& network : device.networks)
    for (const AddressRange& r : network.ranges()) {
      if (r.first.family() == family) return true;
      other = true;
    }
  return !other;
}

}  // namespace

const Bounds& DeviceSets::permitted(std::size_t stage) {
  if (!stages[stage]) stages[stage] = meaning.permitted(device.stages[stage]);
  return *stages[stage];
}

PathSets::PathSets(const Binding& binding, const ZonePath& path, PacketSpace& space,
                   std::vector<std::unique_ptr<DeviceSets>>& devices)
    : binding_(binding),
      path_(path),
      space_(space),
      devices_(devices),
      faces_(faces_on(binding, path)),
      scope_(space.empty()),
      unmeasured_(space.empty()) {
  devices_.resize(binding.devices.size());
  for (const Hop& hop : path.hops) {
    known_.emplace_back(hop.alternatives.size());
    for (const Alternative& a : hop.alternatives) {
      PacketSet met = space_.empty();
      for (const Crossing& c : a.crossings) met |= crossing_scope(c);
      scope_ |= met;
      if (binding.devices[a.device].device != nullptr) continue;
      unmeasured_ |= met;
      if (std::find(missing_.begin(), missing_.end(), a.device) == missing_.end()) missing_.push_back(a.device);
    }
  }
  // A device that shows addresses of one family only does not forward the other one.
  for (const Hop& hop : path.hops)
    for (const Alternative& a : hop.alternatives)
      for (const Family family : {Family::ipv4, Family::ipv6})
        if (!speaks(binding.devices[a.device], family)) scope_ -= space_.of(Box{.family = family});
  // A face is no host: what is sent there is sent to the host behind it. Ports that nothing forwards cannot be
  // asked of that host at all.
  for (const Face& f : faces_) {
    if (f.of_source || !f.seen) continue;
    Box face, host;
    face.sources = host.sources = f.others;
    face.destinations = AddressSet::single(*f.seen);
    host.destinations = f.real;
    scope_ -= space_.of(face);
    if (f.ports.empty()) continue;
    PacketSet others = space_.of(host);
    for (const auto& [outside, inside] : f.ports) {
      host.ports = PortSet::single(inside);
      others -= space_.of(host);
    }
    scope_ -= others;
  }
}

DeviceSets& PathSets::sets(std::uint32_t device) {
  if (devices_[device] == nullptr)
    devices_[device] = std::make_unique<DeviceSets>(*binding_.devices[device].device, space_);
  return *devices_[device];
}

bool PathSets::is_measured(std::uint32_t hop, std::uint32_t index) const {
  return device(hop, index).device != nullptr;
}

const BoundDevice& PathSets::device(std::uint32_t hop, std::uint32_t index) const {
  return binding_.devices[alternative(hop, index).device];
}

PacketSet PathSets::crossing_scope(const Crossing& crossing) const {
  return space_.of(Box{.sources = crossing.sources, .destinations = crossing.destinations});
}

/// The crossing's packets on the interfaces that they may use.
PacketSet PathSets::located(const BoundDevice& device, const Crossing& crossing) const {
  PacketSet all = crossing_scope(crossing);
  if (!device.minds_interfaces) return all;
  const auto sides = [&](const std::vector<Side>& list, bool ingress) {
    if (list.empty()) return;
    PacketSet on = space_.empty();
    for (const Side& side : list) {
      Box box;
      (ingress ? box.sources : box.destinations) = side.addresses;
      (ingress ? box.ingress : box.egress) = side.interfaces;
      on |= space_.of(box);
    }
    all &= on;
  };
  sides(crossing.ingress, true);
  sides(crossing.egress, false);
  return all;
}

Bounds PathSets::permitted(std::uint32_t hop, std::uint32_t index) {
  std::optional<Bounds>& known = known_[hop][index];
  if (known) return *known;
  Bounds all{space_.all(), space_.all()};
  const BoundDevice& bound = device(hop, index);
  for (const Crossing& c : alternative(hop, index).crossings) {
    const PacketSet met = crossing_scope(c);
    if (bound.device == nullptr) {
      all.certain -= met;
      continue;
    }
    DeviceSets& d = sets(alternative(hop, index).device);
    Bounds here{space_.all(), space_.all()};
    for (std::size_t s = 0; s < d.device.stages.size(); ++s) {
      const Stage& stage = d.device.stages[s];
      if (!stage.ways.contains(c.way)) continue;
      const FaceMap faces(faces_, hop, stage, space_);
      const Bounds real = faces.is_plain() ? d.permitted(s) : faces.to_real(d.permitted(s));
      here.certain &= real.certain;
      here.possible &= real.possible;
    }
    if (bound.minds_interfaces) {
      const PacketSet on = located(bound, c);
      here.certain = ~(on - here.certain).forget({Field::ingress, Field::egress});
      here.possible = (on & here.possible).forget({Field::ingress, Field::egress});
    }
    all.certain = (all.certain - met) | (here.certain & met & all.certain);
    all.possible = (all.possible - met) | (here.possible & met & all.possible);
  }
  return known.emplace(std::move(all));
}

Bounds PathSets::combined(bool replies) {
  Bounds all{scope_, scope_};
  for (std::uint32_t h = 0; h < path_.hops.size(); ++h) {
    PacketSet possible = space_.empty();
    for (std::uint32_t a = 0; a < path_.hops[h].alternatives.size(); ++a) {
      if (replies && is_measured(h, a) && device(h, a).stateful) {
        possible = space_.all();
        continue;
      }
      const Bounds one = permitted(h, a);
      all.certain &= one.certain;
      possible |= one.possible;
    }
    all.possible &= possible;
  }
  return all;
}

Bounds PathSets::permitted() { return combined(false); }
Bounds PathSets::permitted_replies() { return combined(true); }

std::vector<LineShare> PathSets::lines(std::uint32_t hop, std::uint32_t index, const PacketSet& packets) {
  std::vector<LineShare> out;
  const BoundDevice& bound = device(hop, index);
  if (bound.device == nullptr) return out;
  const std::uint32_t number = alternative(hop, index).device;
  const auto keep = [&](const DecidingLine& line, Fate fate, bool open, const PacketSet& share) {
    PacketSet bare = bound.minds_interfaces ? share.forget({Field::ingress, Field::egress}) & packets : share;
    if (bare.is_empty()) return;
    for (LineShare& s : out) {
      if (!(s.line == line) || s.fate != fate) continue;
      s.packets |= bare;
      s.open = s.open || open;
      return;
    }
    out.push_back({number, line, fate, open, std::move(bare)});
  };
  for (const Crossing& c : alternative(hop, index).crossings) {
    DeviceSets& d = sets(number);
    PacketSet rest = packets & located(bound, c);
    if (rest.is_empty()) continue;
    std::vector<LineShare> permits;
    PacketSet unseen = rest;
    for (std::size_t s = 0; s < d.device.stages.size() && !rest.is_empty(); ++s) {
      const Stage& stage = d.device.stages[s];
      if (!stage.ways.contains(c.way)) continue;
      const FaceMap faces(faces_, hop, stage, space_);
      PacketSet on = (faces.is_plain() ? rest : faces.to_seen(rest)) & space_.of(seen_by(stage));
      if (on.is_empty() || stage.lists.empty()) continue;
      std::vector<Taken> taken;
      for (const ListIndex list : stage.lists) on = d.lines.distribute(list, on, taken);
      d.lines.end(stage.lists.back(), on, taken);
      PacketSet decided = space_.empty();
      std::vector<LineShare> here;
      for (const Taken& t : taken) {
        PacketSet real = (faces.is_plain() ? t.packets : faces.to_real(t.packets)) & rest;
        if (real.is_empty()) continue;
        decided |= real;
        if (t.fate == Fate::deny)
          keep(t.line, t.fate, t.open, real);
        else
          here.push_back({number, t.line, t.fate, t.open, std::move(real)});
      }
      for (LineShare& earlier : permits) earlier.packets -= decided;
      permits.insert(permits.end(), here.begin(), here.end());
      unseen -= decided;
      rest &= faces.is_plain() ? d.permitted(s).possible : faces.to_real(d.permitted(s)).possible;
    }
    for (const LineShare& p : permits) keep(p.line, p.fate, p.open, p.packets & rest);
    keep(DecidingLine{}, Fate::permit, false, unseen & rest);
  }
  return out;
}

LineText text_of(const Device& device, const DecidingLine& by) {
  LineText out;
  out.file = device.file;
  if (by.list == kNoList) {
    out.text = "no filter stands on the way";
    return out;
  }
  const List& list = device.lists[by.list];
  out.list = list.name;
  if (by.entry) {
    const Entry& e = list.entries[*by.entry];
    out.line = e.line;
    out.text = e.line == 0 ? e.text + " (implied)" : e.text;
    if (e.line == 0) out.line = list.line;
    return out;
  }
  out.line = list.at_end_line != 0 ? list.at_end_line : list.line;
  const std::string_view does = list.at_end == Fallthrough::permit ? "permit" : "deny";
  out.text = list.defined ? fmt::format("the end of {}: {}", list.name, does)
                          : fmt::format("{} is not defined: {}", list.name, does);
  return out;
}

}  // namespace demarc
