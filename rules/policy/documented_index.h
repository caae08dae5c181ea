// Look-ups of one packet in a rule set (documented.cpp). Internal to this folder.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "rules/policy/documented_tables.h"

namespace demarc {

class Documented::Index {
 public:
  Index(const RuleSet& rules_in, Timestamp at_in);

  const RuleSet* rules;
  Timestamp at;
  std::vector<RuleState> states, exception_states;
  std::vector<std::vector<std::uint32_t>> except_rules, except_exceptions, lifted_by;  // by forbidden entry
  std::vector<std::uint32_t> exception_of;                                             // by exception

  bool excepts_rule(std::uint32_t f, std::uint32_t rule) const;
  bool excepts_exception(std::uint32_t f, std::uint32_t x) const;
  const Judgement& judge(const Packet& packet);

  struct Slice {
    PortSet approved, forbidden;
  };
  const Slice& slice(const Address& source, const Address& destination, Protocol protocol);

  std::optional<NearestRule> nearest(const Packet& packet);

  PortClass port_class(Protocol protocol, std::uint16_t number);

 private:
  static constexpr std::size_t kRememberedMax = 200'000;  // answers kept; beyond that they are found again

  struct JudgementKey {
    std::uint32_t from, to, port_class;
    std::uint8_t protocol;
    std::uint16_t source_port;
    bool same_family;
    bool operator==(const JudgementKey&) const = default;
  };
  struct SliceKey {
    std::uint32_t from, to;
    std::uint8_t protocol;
    bool same_family;
    bool operator==(const SliceKey&) const = default;
  };
  struct Hash {
    std::size_t operator()(const JudgementKey& k) const {
      return documented::mix(
          documented::mix(key(k.from, k.to), k.port_class),
          std::uint64_t{k.protocol} << 32 | std::uint64_t{k.source_port} << 1 | (k.same_family ? 1U : 0U));
    }
    std::size_t operator()(const SliceKey& k) const {
      return documented::mix(key(k.from, k.to), std::uint64_t{k.protocol} << 1 | (k.same_family ? 1U : 0U));
    }
  };

  static std::uint64_t key(std::uint32_t a, std::uint32_t b) { return std::uint64_t{a} << 32 | b; }

  const documented::PortClasses& classes_of(Protocol protocol);

  /// The (to, from) pairs that hold both ends. An address is in a handful of sets, so their product is small.
  template <typename F>
  void each_pair(const Address& source, const Address& destination, F f);
  std::vector<std::uint32_t> matching(const Packet& packet, const std::vector<std::uint32_t>& services);
  Judgement judge_entries(const std::vector<std::uint32_t>& matched) const;
  PortSet entry_ports(const documented::Entry& entry, Protocol protocol) const;
  Slice make_slice(const Address& source, const Address& destination, Protocol protocol);

  documented::SetTable from_, to_;
  std::vector<documented::Entry> entries_;
  std::unordered_map<std::uint64_t, std::uint32_t> pairs_;  // (to, from)
  std::vector<std::vector<std::uint32_t>> pair_entries_;
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> by_service_;  // (pair, service)
  std::array<std::unique_ptr<documented::PortClasses>, 256> classes_;
  std::unordered_map<JudgementKey, Judgement, Hash> judgements_;
  std::unordered_map<SliceKey, Slice, Hash> slices_;
};

}  // namespace demarc
