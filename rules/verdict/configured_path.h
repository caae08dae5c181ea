// What the filters on one path let through, as sets of real packets, and which line of which device decides. The
// sets have no interfaces: where a packet may use several, it is permitted for certain if all of them permit it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "rules/verdict/configured_lines.h"
#include "rules/verdict/configured_nat.h"
#include "rules/verdict/paths.h"

namespace demarc {

/// One device's lists in one space: worked out once, whatever number of paths cross it.
struct DeviceSets {
  DeviceSets(const Device& of, PacketSpace& space)
      : device(of), meaning(of, space), lines(of, meaning), stages(of.stages.size()) {}
  const Device& device;
  Meaning meaning;
  ListLines lines;
  std::vector<std::optional<Bounds>> stages;  // what each lets through, in its own terms
  const Bounds& permitted(std::size_t stage);
};

/// A line and the packets of a question that it decides.
struct LineShare {
  std::uint32_t device = 0;  // into Binding::devices
  DecidingLine line = {};    // no list: no filter stands on the way
  Fate fate = Fate::undetermined;
  bool open = false;  // perhaps not for all of them
  PacketSet packets = {};
};

class PathSets {
 public:
  /// All must outlive it. `devices`: by index of Binding::devices, made when they are first needed.
  PathSets(const Binding& binding, const ZonePath& path, PacketSpace& space,
           std::vector<std::unique_ptr<DeviceSets>>& devices);

  /// Packets between the two zones that meet a filter, less what is addressed to a mere face of a host.
  const PacketSet& scope() const { return scope_; }
  /// Of the scope, what meets devices whose configuration is not there.
  const PacketSet& unmeasured() const { return unmeasured_; }
  /// Devices that were not measured.
  const std::vector<std::uint32_t>& missing() const { return missing_; }

  /// What one alternative lets by; packets that do not meet it are permitted. Not measured: nothing for certain.
  Bounds permitted(std::uint32_t hop, std::uint32_t alternative);
  /// All alternatives of all hops permit for certain; some combination of them possibly permits.
  Bounds permitted();
  /// The same, and devices that let replies through by state let everything.
  Bounds permitted_replies();

  /// Which lines of the alternative decide these packets. Of a permit the last stage's line, of a deny the line
  /// that stops them. Packets that do not meet the device are in no share.
  std::vector<LineShare> lines(std::uint32_t hop, std::uint32_t alternative, const PacketSet& packets);
  bool is_measured(std::uint32_t hop, std::uint32_t alternative) const;
  const BoundDevice& device(std::uint32_t hop, std::uint32_t alternative) const;

  const ZonePath& path() const { return path_; }
  PacketSpace& space() const { return space_; }

 private:
  const Alternative& alternative(std::uint32_t hop, std::uint32_t index) const {
    return path_.hops[hop].alternatives[index];
  }
  DeviceSets& sets(std::uint32_t device);
  PacketSet crossing_scope(const Crossing& crossing) const;
  PacketSet located(const BoundDevice& device, const Crossing& crossing) const;
  Bounds combined(bool replies);

  const Binding& binding_;
  const ZonePath& path_;
  PacketSpace& space_;
  std::vector<std::unique_ptr<DeviceSets>>& devices_;
  std::vector<Face> faces_;
  PacketSet scope_, unmeasured_;
  std::vector<std::uint32_t> missing_;
  std::vector<std::vector<std::optional<Bounds>>> known_;
};

/// "edge.cfg:12", and what stands there.
struct LineText {
  std::string file;
  std::uint32_t line = 0;
  std::string list, text;
};
LineText text_of(const Device& device, const DecidingLine& line);

}  // namespace demarc
