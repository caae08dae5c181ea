// Rules name real hosts; a filter may see them under other addresses. Which stage sees which, the dialect says
// (Stage::real_source, real_destination) at the device that translates; in front of that device packets carry the
// face, behind it the host's own address. Where nobody on the path states a translation that the rule set declares,
// both are possible.
//
//   client > 203.0.113.10 --- [edge, translates] --- client > 192.0.2.10
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "rules/acl/meaning.h"
#include "rules/acl/rewriting.h"
#include "rules/verdict/paths.h"

namespace demarc {

/// One translation on one path.
struct Face {
  bool of_source = false;  // it hides who asks; otherwise who is asked
  AddressSet real = {};
  std::optional<Address> seen = {};               // none: an address that the configuration does not tell (a pool)
  std::vector<std::pair<Port, Port>> ports = {};  // seen, real; empty: all, unchanged
  AddressSet others = {};                         // the other end's addresses for which it holds
  std::optional<std::uint32_t> hop = {};          // where it is done; none: nobody on the path states it
};

/// The translations that matter on a path: the rule set's and those of its devices.
std::vector<Face> faces_on(const Binding& binding, const ZonePath& path);

/// At one stage: sets of real packets to sets as the stage sees them, and back.
class FaceMap {
 public:
  /// `faces` must outlive it.
  FaceMap(const std::vector<Face>& faces, std::uint32_t hop, const Stage& stage, PacketSpace& space);

  bool is_plain() const { return parts_.empty(); }
  /// Of what the stage permits, in its own terms, what that means for real packets.
  Bounds to_real(const Bounds& seen) const;
  PacketSet to_real(const PacketSet& seen) const;
  /// How real packets look there; where that is not known, as themselves.
  PacketSet to_seen(const PacketSet& real) const;
  /// Both: the packets and how they may look; none where nobody knows how.
  std::optional<PacketSet> either(const PacketSet& real) const;

 private:
  struct Part {
    const Face* face = nullptr;
    bool unknown = false;  // it may see either
    PacketSet affected;    // real packets
  };
  PacketSet real_of(const PacketSet& seen, const Part& part) const;
  PacketSet seen_of(const PacketSet& affected, const Face& face) const;
  template <typename F>
  PacketSet by_port(const Face& face, F&& each) const;

  PacketSpace& space_;
  std::vector<Part> parts_;
};

}  // namespace demarc
