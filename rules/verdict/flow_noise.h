// Unanswered packets on their way to findings: noise from outside is one line for each destination zone, a scan
// from inside is an attempt, and one from the DMZ outward is an opening, answered or not. Internal to this folder.
#pragma once

#include <cstdint>

#include "rules/verdict/flow_judge.h"

namespace demarc {

class FlowNoise {
 public:
  FlowNoise(Judging& j, FlowJudge& judge);

  /// Before anything is counted: by what addresses are told apart.
  void set_hash(const AddressHash& hash) { hash_ = hash; }
  /// What a sensor's own noise records say.
  void take_records();

  /// Where unanswered packets between two zones belong.
  enum class Place : std::uint8_t { noise, attempt, outbound };
  Place place(ZoneIndex from, ZoneIndex to) const;
  /// The line for all noise between two zones.
  static DraftKey noise_key(ZoneIndex from, ZoneIndex to, bool many = false);
  /// Counts a record that stands for itself or is named so into what the draft adds up to.
  void count(const DraftKey& key, const JudgedFlow& judged, const ObservedFlow& flow,
             const std::optional<NoiseKind>& named);

 private:
  void take(std::uint32_t evidence, std::uint32_t index, const TrafficNoise& noise, const FlowSource* source);
  bool is_approved(const TrafficNoise& noise, const Address& initiator, const std::optional<Address>& responder);
  void count(NoiseTally& tally, const TrafficNoise& noise, const Address& responder, Port port) const;

  NoiseTally& tally_of(const DraftKey& key) { return j_.noise.try_emplace(key, hash_).first->second; }

  AddressHash hash_;
  Judging& j_;
  FlowJudge& judge_;
  ZoneIndex any_ = kNoZone;
};

}  // namespace demarc
