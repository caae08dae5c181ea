#include "scanner/active/raw/cookie.h"

#include <algorithm>
#include <bit>

namespace demarc::raw_engine {

namespace {

std::uint32_t seq_of(std::uint64_t hash, std::uint8_t label) {
  return static_cast<std::uint32_t>(hash) ^ (label * 0x9E3779B9U);
}

}  // namespace

Cookies::Cookies(const HashKey& key, std::span<const Port> tcp_ports, std::span<const Port> udp_ports)
    : key_(key), tcp_(tcp_ports.begin(), tcp_ports.end()), udp_(udp_ports.begin(), udp_ports.end()) {}

void Cookies::mark_for_witness(const WitnessKey& key, std::uint32_t epoch) {
  witness_ = key;
  epoch_ = epoch;
}

// All marks of one port are alike, so the source port alone says which label it was: with fewer ports than labels a
// canary's answer would pass for the work's.
bool Cookies::is_marked(std::uint8_t label) const {
  return witness_ && label >= kFirstTry && label <= (tcp_.size() > kLastCanary ? kLastCanary : kLastTry);
}

std::uint64_t Cookies::hash(const Question& q) const {
  return keyed_hash(key_, q.target.high(), q.target.low(),
                    std::uint64_t{q.port} | std::uint64_t{q.protocol.number()} << 16, q.target.is_ipv4() ? 4 : 6);
}

Cookies::Probe Cookies::probe(const Question& q, std::uint8_t label) const {
  const std::uint64_t h = hash(q);
  Probe probe;
  const std::vector<Port>& ours = ports(q.protocol);
  if (!q.protocol.is_icmp() && !ours.empty())
    probe.source_port = ours[((h >> 32 & 0xFFFF) + label) % ours.size()].number();
  probe.id = static_cast<std::uint16_t>((h >> 48) ^ (label * 0x2545U));
  probe.seq = seq_of(h, label);
  if (q.protocol == Protocol::tcp && is_marked(label)) {
    probe.tag = syn_tag(*witness_, epoch_, Port{q.port});
    probe.seq = probe.tag->seq;
  }
  return probe;
}

Token Cookies::token(const Question& q, std::uint8_t label) const {
  std::array<std::uint8_t, 21> message{};
  const auto address = q.target.bytes();
  std::copy(address.begin(), address.end(), message.begin());
  message[16] = static_cast<std::uint8_t>(q.port >> 8);
  message[17] = static_cast<std::uint8_t>(q.port);
  message[18] = q.protocol.number();
  message[19] = label;
  message[20] = q.target.is_ipv4() ? 4 : 6;
  return {keyed_hash_128(key_, message)};
}

std::optional<std::size_t> Cookies::place(const Question& q, std::uint16_t source_port) const {
  const std::vector<Port>& ours = ports(q.protocol);
  auto at = std::lower_bound(ours.begin(), ours.end(), Port{source_port});
  if (at == ours.end() || at->number() != source_port) return std::nullopt;
  return static_cast<std::size_t>(at - ours.begin());
}

std::optional<std::uint8_t> Cookies::label_of_seq(const Question& q, std::uint16_t source_port,
                                                  std::uint32_t seq) const {
  const std::optional<std::size_t> at = place(q, source_port);
  if (!at) return std::nullopt;
  const std::uint64_t h = hash(q);
  const std::size_t count = tcp_.size();
  const std::size_t first = (*at + count - (h >> 32 & 0xFFFF) % count) % count;
  for (std::size_t label = first; label < kLabels; label += count) {
    if (seq == seq_of(h, static_cast<std::uint8_t>(label))) return static_cast<std::uint8_t>(label);
    if (!is_marked(static_cast<std::uint8_t>(label))) continue;
    if (seq == syn_tag(*witness_, epoch_, Port{q.port}).seq ||
        seq == syn_tag(*witness_, epoch_ - 1, Port{q.port}).seq)
      return static_cast<std::uint8_t>(label);
  }
  return std::nullopt;
}

std::optional<std::uint8_t> Cookies::label_of_ack(const Question& q, std::uint16_t source_port,
                                                  std::uint32_t ack) const {
  if (auto label = label_of_seq(q, source_port, ack - 1)) return label;
  return label_of_seq(q, source_port, ack);
}

std::optional<std::uint8_t> Cookies::label_of_query(const Question& q, std::uint32_t rest) const {
  const std::uint64_t h = hash(q);
  for (std::uint8_t label = 1; label < kLabels; ++label)
    if (seq_of(h, label) == rest) return label;
  return std::nullopt;
}

std::vector<std::uint8_t> Cookies::labels_of_port(const Question& q, std::uint16_t source_port) const {
  std::vector<std::uint8_t> labels;
  const std::optional<std::size_t> at = place(q, source_port);
  if (!at) return labels;
  const std::size_t count = udp_.size();
  const std::size_t first = (*at + count - (hash(q) >> 32 & 0xFFFF) % count) % count;
  for (std::size_t label = first; label < kLabels; label += count)
    if (label != 0) labels.push_back(static_cast<std::uint8_t>(label));
  return labels;
}

unsigned Cookies::udp_port_bits() const {
  return udp_.empty() ? 0 : static_cast<unsigned>(std::bit_width(udp_.size()) - 1);
}

}  // namespace demarc::raw_engine
