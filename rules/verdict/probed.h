// What the steps about probes share: a piece's outcomes with the host's own addresses known, and drafts about them.
#pragma once

#include <string>

#include "rules/verdict/pieces.h"

namespace demarc {

class Probed {
 public:
  explicit Probed(Judging& j) : j_(j) {}

 protected:
  const ScanRun& run_of(const Segment& s) const { return j_.snapshot.scans[s.run]; }
  const Outcome& outcome_of(const Segment& s) const { return run_of(s).outcomes[s.outcome]; }
  const Standpoint& standpoint(std::uint16_t index) const { return j_.reachable.standpoints[index]; }
  ZoneIndex zone_of_standpoint(std::uint16_t index) const;

  /// The address is the host's: as probed, as it is, or another of its cards.
  bool is_own(const Piece& piece, const Address& address) const;
  /// A UDP port that nobody listens on, by the host's own word. One that answers from another of its cards looked
  /// like a filter to the scanner.
  bool refuses_itself(const Piece& piece, const Outcome& o) const;
  /// Nothing is open, and the probe has passed all the same: the host itself refused, or a witness saw it.
  bool has_passed_unanswered(const Piece& piece, const Outcome& o) const;
  static bool is_witnessed_blocked(const Outcome& o) { return o.passage == Passage::blocked && is_witnessed(o); }
  std::string who_says_so(const Piece& piece, const Outcome& o) const;

  Packet packet(const Piece& piece, std::uint16_t number) const;
  EvidencePlace place(const Segment& s) const;
  DraftKey key(FindingKind kind, const Piece& piece) const;
  void note_draft(const DraftKey& key, const Piece& piece, const Segment& s, PortRange ports,
                  std::string detail = {});

  Judging& j_;
};

}  // namespace demarc
