// Amazon's VPC flow logs (versions 2 to 5) as evidence: text, in the default format or in any custom one whose
// header line names its fields, as files in S3 have it.
//
// Facts: docs.aws.amazon.com, VPC user guide, "Flow log records" (fields, tcp-flags) and "Flow log record examples"
// (NODATA and SKIPDATA, NAT gateway, pkt-srcaddr); Amazon S3 delivery: space-separated, with a header, gzipped.
//
//  - One record is one direction at one network interface in one aggregation interval. The directions and intervals
//    are put together; what a second interface of the same log saw of the same packets is not counted again.
//  - tcp-flags hold ACK only where it came with SYN: 2 asked, 18 answered. Either makes the initiator certain.
//  Without
//    that field (version 2) nothing is certain, and answers of bare headers are refusals.
//  - REJECT: refused by a security group or a network ACL. It is an attempt, and no use; rejected answers neither.
//  - pkt-srcaddr and pkt-dstaddr, where they differ from srcaddr and dstaddr, are the real ends behind a
//  translation.
//  - NODATA is skipped. SKIPDATA means that records are missing: the source is flawed.
//  - Parquet is not read. Lines that CloudWatch exported begin with a time of their own, which is passed over.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/evidence/readers/record_reader.h"
#include "rules/evidence/readers/record_text.h"

namespace demarc {

class AwsVpcReader final : public LineRecordReader {
 public:
  AwsVpcReader(RecordFlows& flows, std::string file, std::string sensor);
  /// A header of field names, or a record of the default format?
  static bool is_first_line(std::string_view line);

 private:
  Result<void> after_lines() override;
  Result<void> on_line(std::string_view line, std::uint64_t number) override;

  std::vector<int> columns_;
  std::uint64_t skipped_data_ = 0;
  bool has_flags_ = false;
};

}  // namespace demarc
