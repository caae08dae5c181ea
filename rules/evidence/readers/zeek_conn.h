// Zeek's connection log as evidence, as tab-separated text and as JSON.
//
// Facts: docs.zeek.org, "conn.log" (fields, conn_state, history), "base/protocols/conn/main.zeek" (Conn::Info) and
// "Zeek Log Formats" (header lines, escapes, JSON).
//
//  - Zeek's states are kept; ICMP, for which it says OTH, gets S0, SF or SHR by who sent packets.
//  - Established is not read from the state but from the history: the originator acknowledged, sent data or a FIN
//    (A, D, F), and the responder did so as well or sent its SYN-ACK (h). A half-open scan that was answered is
//    RSTO and no use. Without a history (or without its letters), S1, SF, S2, S3, RSTO and RSTR count.
//  - The originator is certain where the history shows its SYN (S) or the SYN-ACK to it (h), unless Zeek turned the
//    direction round (^) or both ends sent a SYN. UDP and ICMP as for captures.
//  - Bytes are those of whole IP packets (orig_ip_bytes, resp_ip_bytes); a log without them gives payload bytes.
//  - missed_bytes are a flaw of the source. A tab-separated log without #close is incomplete: it was cut, or is
//    still being written.
//  - tunnel_parents says that a tunnel carried it, not of which kind: TunnelKind::other with unknown ends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/evidence/json_lines.h"
#include "rules/evidence/readers/record_reader.h"
#include "rules/evidence/readers/record_text.h"

namespace demarc {

/// What both forms have in common.
class ZeekReader : public LineRecordReader {
 protected:
  struct Row {
    FlowPiece piece;
    std::string_view state, history, service;
    std::uint16_t from_port = 0, to_port = 0;  // of ICMP: type and code
    bool tunnelled = false, has_ip_bytes = true, has_packets = true;
    std::uint64_t missed = 0;
  };
  ZeekReader(RecordFlows& flows, std::string file, std::string sensor, std::string_view kind)
      : LineRecordReader(flows, std::move(file), std::move(sensor), kind) {}
  void take(Row& row, std::uint64_t line);
  void say_flaws();

 private:
  std::uint64_t missed_ = 0, missed_in_ = 0;
};

class ZeekTsvReader final : public ZeekReader {
 public:
  ZeekTsvReader(RecordFlows& flows, std::string file, std::string sensor);

 private:
  Result<void> after_lines() override;
  Result<void> on_line(std::string_view line, std::uint64_t number) override;
  Result<void> on_header(std::string_view line, std::uint64_t number);
  Result<void> on_record(std::string_view line, std::uint64_t number);

  char separator_ = '\t';
  std::string unset_ = "-", empty_ = "(empty)";
  char set_separator_ = ',';
  std::vector<int> columns_;  // which field of Row a column holds; -1: none
  bool has_fields_ = false, closed_ = false;
};

class ZeekJsonReader final : public ZeekReader {
 public:
  ZeekJsonReader(RecordFlows& flows, std::string file, std::string sensor);

 private:
  Result<void> after_lines() override;
  Result<void> on_line(std::string_view line, std::uint64_t number) override;

  JsonRecordParser parser_;
};

}  // namespace demarc
