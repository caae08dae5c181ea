// When unanswered packets are called a scan, a flood or backscatter. The flow table applies these to packets, the
// verdict to flow records that others made: one scan, one name, whoever saw it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace demarc::noise_criteria {

// Only unanswered conversations count: silence, refusals (RST, ICMP), and handshakes that the initiator broke off
// as soon as they were answered. There is no time limit but that of the evidence, so that slow scans count as well;
// what else the initiator has established does not excuse it.

/// Port scan: this many distinct ports of one responder, asked by one initiator with one protocol.
inline constexpr std::uint32_t kPortScanPorts = 20;
/// Host scan: this many distinct responders, asked by one initiator for the same port or ICMP type.
inline constexpr std::uint32_t kHostScanResponders = 20;
/// SYN flood: more than this many distinct initiators that one responder's port never heard of again...
inline constexpr std::uint32_t kFloodInitiators = 1024;
/// ... and at least this many unanswered conversations there for each established one.
inline constexpr std::uint64_t kFloodRatio = 4;
/// One initiator's scans are told one by one up to this number, and as one record above it.
inline constexpr std::uint32_t kScansOfOneInitiator = 4;

/// Distinct initiators and responders are counted exactly up to here, and estimated above.
inline constexpr std::uint32_t kDistinctExact = 1024;
/// Ranges that a noise record's port list keeps: the first half and the last half of them.
inline constexpr std::size_t kPortRanges = 64;

}  // namespace demarc::noise_criteria
