// Stateless probing: nothing is remembered of a probe but the key. Everything in it that an answer must bring back
// (sequence number, source port, identification, payload) is a keyed hash of who was asked what; so an answer
// proves by itself that it is one, and to which question.
//
// A target and port are asked for several reasons and several times. The label of a question says which; it is in
// the sequence number and in the source port, and comes back with the answer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "probes/app/udp_probe.h"
#include "probes/wire/keyed_hash.h"
#include "probes/wire/tag.h"
#include "rules/net/address.h"
#include "rules/net/port.h"
#include "rules/net/protocol.h"

namespace demarc::raw_engine {

/// Why something was asked, in one byte.
enum Label : std::uint8_t {
  kFirstTry = 1,  // to kLastTry: the passes over the work
  kLastTry = 15,
  kRecheck = 16,
  kFirstCanary = 17,  // to kLastCanary, in turn
  kLastCanary = 31,
  kDecoy = 32,  // to kDecoy + 1: two tries
  kHandshake = 34,
  kReference = 40,  // to kReference + 1
  kConfirm = 48,    // to 62: once more, because a datagram alone proves too little
  kFirstHop = 64,   // + TTL, to 127
  kLabels = 128,
};
inline constexpr std::uint8_t kHopsMax = kLabels - 1 - kFirstHop;

/// One question, before it has a label.
struct Question {
  Address target;
  Protocol protocol;
  std::uint16_t port = 0;  // ICMP: type << 8 | code
};

class Cookies {
 public:
  /// The ports are the quiet ones; each list may be empty if its protocol is not asked.
  Cookies(const HashKey& key, std::span<const Port> tcp_ports, std::span<const Port> udp_ports);
  /// From here on the SYNs of passes and canaries carry the witness's mark of this epoch. The one before stays
  /// valid for answers.
  void mark_for_witness(const WitnessKey& key, std::uint32_t epoch);

  struct Probe {
    std::uint16_t source_port = 0, id = 0;
    std::uint32_t seq = 0;  // ICMP: identifier and sequence number
    std::optional<SynTag> tag;
  };
  Probe probe(const Question& question, std::uint8_t label) const;
  Token token(const Question& question, std::uint8_t label) const;

  /// The label of the SYN that a segment to `source_port` acknowledges with `ack`. Some stacks answer with our own
  /// sequence number instead of the next one.
  std::optional<std::uint8_t> label_of_ack(const Question& question, std::uint16_t source_port,
                                           std::uint32_t ack) const;
  /// The label of the SYN with that sequence number: what ICMP errors quote.
  std::optional<std::uint8_t> label_of_seq(const Question& question, std::uint16_t source_port,
                                           std::uint32_t seq) const;
  /// Of an ICMP query, by the word that replies bring back.
  std::optional<std::uint8_t> label_of_query(const Question& question, std::uint32_t rest) const;
  /// The labels a datagram from that source port may have had: one of 128 for each port of ours.
  std::vector<std::uint8_t> labels_of_port(const Question& question, std::uint16_t source_port) const;
  bool is_ours(Protocol protocol, std::uint16_t source_port) const {
    return std::binary_search(ports(protocol).begin(), ports(protocol).end(), Port{source_port});
  }
  /// What a stranger has to guess to name the right source port of a datagram.
  unsigned udp_port_bits() const;

 private:
  bool is_marked(std::uint8_t label) const;
  std::uint64_t hash(const Question& question) const;
  std::optional<std::size_t> place(const Question& question, std::uint16_t source_port) const;
  const std::vector<Port>& ports(Protocol protocol) const { return protocol == Protocol::udp ? udp_ : tcp_; }

  HashKey key_;
  std::vector<Port> tcp_, udp_;
  std::optional<WitnessKey> witness_;
  std::uint32_t epoch_ = 0;
};

}  // namespace demarc::raw_engine
