// Suricata's EVE log as evidence: the events "flow" (both directions) and "netflow" (one); all others are skipped
// and counted.
//
// Facts: docs.suricata.io, "Eve JSON Format" (common section; event type flow, netflow) and "Eve JSON Output" (flow
// and netflow loggers, timestamps with offset).
//
//  - A flow's direction is Suricata's own: to the server is away from whoever sent the first packet, or the SYN. It
//    is certain where tcp_flags_ts holds SYN without ACK, or tcp_flags_ts and tcp_flags_tc both hold SYN.
//  - States are derived from both directions' flags (record_flows.cpp, judge_tcp): Suricata's own "established"
//  says
//    no more than they do, and "new" with packets of both sides is a mid-stream pick-up. UDP and ICMP by packets.
//  - Bytes are Suricata's, which count whole frames with their link headers: 14 or more a packet above IP. They are
//    not corrected, since the link type is not in the log.
//  - A netflow record is one direction, with its flags in tcp.tcp_flags.
//  - stats.capture.kernel_drops of a "stats" event are the drops of the source (the counter's largest value).
//  - "failed" and "unknown" are no services. A time without an offset is taken as UTC.
#pragma once

#include <cstdint>
#include <string>

#include "rules/evidence/json_lines.h"
#include "rules/evidence/readers/record_reader.h"
#include "rules/evidence/readers/record_text.h"

namespace demarc {

class SuricataEveReader final : public LineRecordReader {
 public:
  SuricataEveReader(RecordFlows& flows, std::string file, std::string sensor);

 private:
  Result<void> on_line(std::string_view line, std::uint64_t number) override;
  Result<void> on_long_line(std::string_view line, std::uint64_t number) override;

  JsonRecordParser parser_;
};

}  // namespace demarc
