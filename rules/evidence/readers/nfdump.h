// What nfdump prints of NetFlow, IPFIX and sFlow records as evidence: `-o csv` and `-o json`, one direction a
// record or, after -B and -b, both.
//
// Facts: nfdump(1) (output formats, -B, sampling), the nfdump project's README and release notes of 1.6 and 1.7,
// and what nfdump 1.7.1 of Debian 12 prints.
//
//  - csv of 1.6 and 1.7 up to 1.7.2: a header "ts,te,td,sa,da,sp,dp,pr,flg,...,ipkt,ibyt,opkt,obyt,...", and at the
//    end "Summary" with two lines. With -q neither header nor summary; such lines are known by their 48 columns.
//    Later csv: "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,...", in any order.
//  - ICMP's type and code stand in the destination port, as type * 256 + code; JSON has icmp_type and icmp_code.
//  - json: an array of objects, or one object a line. 1.6 says t_first and t_last, 1.7 first and last.
//  - Flags are accumulated over a direction ("...AP.SF"): after -B both ends of a conversation show SYN and ACK,
//  and
//    nothing is certain. Only a direction with SYN and without ACK asked for certain.
//  - Times are the local times of whoever ran nfdump and name no zone: they are taken as UTC. Run it with TZ=UTC.
//  - "sampled": 1 says that packets were sampled, not how many: the rate must be told (--sampling N).
//  - nfdump -B of 1.7.1 prints the way back in csv but not in JSON: there such a record looks one-sided.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/evidence/json_lines.h"
#include "rules/evidence/readers/record_reader.h"
#include "rules/evidence/readers/record_text.h"

namespace demarc {

class NfdumpCsvReader final : public LineRecordReader {
 public:
  NfdumpCsvReader(RecordFlows& flows, std::string file, std::string sensor);
  /// Is this how nfdump's CSV begins?
  static bool is_first_line(std::string_view line);

 private:
  Result<void> on_line(std::string_view line, std::uint64_t number) override;
  Result<void> on_record(std::string_view line, std::uint64_t number);

  std::vector<int> columns_;
  bool in_summary_ = false;
};

class NfdumpJsonReader final : public RecordReader {
 public:
  NfdumpJsonReader(RecordFlows& flows, std::string file, std::string sensor);
  Result<void> feed(std::string_view bytes) override { return objects_.feed(bytes); }

 private:
  Result<void> at_end() override;
  Result<void> on_object(const JsonObjects::Piece& piece);

  JsonObjects objects_;
  JsonRecordParser parser_;
  bool sampled_ = false;
};

}  // namespace demarc
