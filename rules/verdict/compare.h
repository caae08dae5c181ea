// Two configurations, or two lists, and exactly the packets that they treat differently.
//
// Packets are told as they come in: where a device translates them, each of its stages is asked about what it sees.
//
// A difference may have more paths than anybody can print, so it is told as pairs of deciding lines: what the line
// here permits and the line there denies, how many packets that are, one of them, and a few readable boxes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rules/acl/decide.h"
#include "rules/acl/device.h"
#include "rules/space/packet_set.h"

namespace demarc {

/// Packets that one pair of lines treats differently.
struct Difference {
  Fate before = Fate::undetermined, after = Fate::undetermined;  // permit and deny, or one of them undetermined
  DecidingLine before_by = {}, after_by = {};
  Count weight = {};
  ConcretePacket sample = {};
  Cover cover = {};
};

struct Comparison {
  std::vector<Difference> differences = {};  // the heaviest first
  std::vector<std::string> interfaces = {};  // what the numbers in covers and samples stand for
  Count left_out = {};                       // packets of more pairs than are told
  bool decided = true;                       // false: the comparison was too complicated (SpaceExhausted)
  bool same() const { return decided && differences.empty() && left_out.is_zero(); }
};

struct CompareOptions {
  Way way = Way::through;
  ListIndex before_list = kNoList, after_list = kNoList;  // both set: these lists alone, their ends included
  Box within = {};                                        // look at these packets only
  std::size_t pairs_max = 200;
  std::size_t boxes_max = 8;  // of each pair's cover
  std::size_t nodes_max = 8'000'000;  // of one space; beyond it the question is halved
};

/// Interfaces are matched by name; one that only one of them has has no filter on the other.
Comparison compare(const Device& before, const Device& after, const CompareOptions& options = {});

/// The packets of `within` that a device permits (or denies) on a way, for `acl search`.
struct Found {
  DecidingLine by = {};
  Count weight = {};
  ConcretePacket sample = {};
  Cover cover = {};
};
struct SearchResult {
  std::vector<Found> found = {};  // by deciding line, the heaviest first
  Count left_out = {};
  Count undetermined = {};  // packets of which the file does not say
  bool decided = true;
};
SearchResult search(const Device& device, Fate fate, const CompareOptions& options = {});

}  // namespace demarc
