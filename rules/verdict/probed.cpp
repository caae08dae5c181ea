#include "rules/verdict/probed.h"

namespace demarc {

bool Probed::is_own(const Piece& piece, const Address& address) const {
  if (address == piece.probed || address == piece.real) return true;
  const Host* host = j_.rules.host_of(address);
  return host != nullptr && host == j_.rules.host_of(piece.real);
}

bool Probed::refuses_itself(const Piece& piece, const Outcome& o) const {
  return o.protocol == Protocol::udp && o.answer == Answer::icmp_port_unreachable && o.answered_by &&
         is_own(piece, *o.answered_by) && !is_witnessed_blocked(o);
}

bool Probed::has_passed_unanswered(const Piece& piece, const Outcome& o) const {
  if (o.state == PortState::open) return false;
  // Whatever is odd about the answer: the probe has been seen at the far end.
  if (o.passage == Passage::passed && is_witnessed(o)) return true;
  if (o.doubt != Doubt::none && o.doubt != Doubt::no_canary) return false;
  return refuses_itself(piece, o) ||
         (o.passage == Passage::passed && o.answered_by && is_own(piece, *o.answered_by));
}

std::string Probed::who_says_so(const Piece& piece, const Outcome& o) const {
  return demarc::who_says_so(
      o, j_.ttls.of(piece.standpoint, o.target, o.protocol),
      [this](const Address& a) { return j_.address_name(a); }, witness_place(j_.snapshot, o));
}

Packet Probed::packet(const Piece& piece, std::uint16_t number) const {
  Packet p;
  p.source = standpoint(piece.standpoint).source_for(piece.real);
  p.destination = piece.real;
  p.protocol = piece.protocol;
  if (piece.protocol.is_icmp())
    p.icmp = {static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number & 0xFF)};
  else
    p.port = Port{number};
  return p;
}

EvidencePlace Probed::place(const Segment& s) const {
  return {EvidencePlace::View::probe, j_.run_file_rank[s.run], outcome_of(s).record, s.run, s.outcome};
}

void Probed::note_draft(const DraftKey& key, const Piece& piece, const Segment& s, PortRange ports,
                        std::string detail) {
  Draft& d = j_.drafts.at(key);
  d.add_port(ports);
  d.add_vantage(piece.standpoint);
  d.add_place(place(s));
  d.add_sample(packet(piece, ports.first.number()));
  ++d.records;
  if (!detail.empty() && (d.detail.empty() || detail < d.detail)) d.detail = std::move(detail);
}

DraftKey Probed::key(FindingKind kind, const Piece& piece) const {
  DraftKey k;
  k.kind = kind;
  k.from = zone_of_standpoint(piece.standpoint);
  k.to = j_.trust.zone_of(piece.real);
  k.protocol = piece.protocol;
  k.has_target = true;
  k.target = piece.real;
  return k;
}

ZoneIndex Probed::zone_of_standpoint(std::uint16_t index) const {
  const Zone* zone = j_.rules.zone(standpoint(index).zone);
  return zone == nullptr ? j_.trust.zone_of(standpoint(index).address)
                         : static_cast<ZoneIndex>(zone - j_.rules.zones.data());
}

}  // namespace demarc
