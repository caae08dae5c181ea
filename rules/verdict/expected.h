// What is approved, and how it answers: open, refused by the host itself, blocked on the way, or nobody can tell. A
// rule that names hosts expects each of them to answer; of a whole zone or prefix it is enough that somebody does.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "rules/verdict/probed.h"

namespace demarc {

/// What a standpoint may reach of one address.
struct Permission {
  PortSet approved, forbidden;
};

class Expected : private Probed {
 public:
  explicit Expected(Judging& j);

  /// What the rules, virtual servers and `expect` leave to this piece.
  Permission permission(const Piece& piece, const Documented& doc) const;
  /// Rules that expect the port to be open from there, whether or not their source set has the standpoint.
  std::vector<std::uint32_t> expected_open(const Piece& piece, std::uint16_t number) const;

  /// First pass: open there, from wherever.
  void note_open(const Piece& piece, PortRange ports);
  /// Second pass: somebody answered for the rule.
  void note_answered(std::uint32_t rule);
  /// Second pass: drafts for what is approved and did not answer.
  void answers(const Piece& piece, const Documented& doc, const Permission& allowed);
  /// When every piece has been seen: rules that nobody answered for.
  void finish();

 private:
  /// The order is that of a choice: the best answer of a range of ports speaks for all of it.
  enum class Answered : std::uint8_t {
    not_asked,
    blocked,
    unanswered,  // it arrived, by a witness, and what has to answer did not
    closed,
    unproven,
    arrived,  // likewise, and nothing has to answer: UDP
    open
  };
  /// A rule to a whole zone or prefix.
  struct Wide {
    bool is_wide = false, open = false;
    const Piece* closed_piece = nullptr;
    const Segment* segment = nullptr;
    PortRange ports{};
    std::set<Protocol> undecided;  // some address of it did not say
  };

  void index_expectations();
  bool names_only_hosts(const EndpointSet& set, int depth = 0) const;
  std::optional<Expectation> expectation(const Rule& rule, std::uint16_t standpoint_index) const;
  static std::uint64_t open_key(const Address& a, Protocol protocol, std::uint32_t port);
  Answered read(const Piece& piece, const Segment& s) const;
  std::string why_blocked(const Piece& piece, const Outcome& o, Answered how) const;
  void expect_of(const Piece& piece, const Address& host, const Documented& doc, const Permission& allowed);
  void expect_range(const Piece& piece, std::uint32_t r, std::uint32_t service, PortRange range,
                    const Permission& allowed);
  void expect_wide(const Piece& piece, std::uint32_t r, const Documented& doc, const Permission& allowed);

  std::unordered_map<Address, std::vector<std::uint32_t>> expected_;  // rules that name the address
  std::vector<Wide> wide_;                                            // by rule
  std::vector<std::uint32_t> wide_rules_, with_expect_;
  std::unordered_set<std::uint64_t> open_anywhere_;
  std::unordered_set<Address> vip_closed_;
};

}  // namespace demarc
