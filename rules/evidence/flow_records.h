// Flow records: JSON Lines of conversations, as `demarc traffic --format jsonl` writes them (design.md section 6).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "rules/evidence/observed_flow.h"
#include "rules/text/result.h"

namespace demarc {

std::string flow_header(std::span<const FlowSource> sources, std::span<const std::string> notes = {});
/// `evidence`: what the flow's indices refer to.
std::string flow_record(const ObservedFlow& flow, const FlowEvidence& evidence);
std::string noise_record(const TrafficNoise& noise);
std::string flow_end(std::uint64_t records);
/// The whole file; flows sorted by initiator, responder, protocol and port, then noise. The same evidence gives the
/// same bytes, in whatever order its lists are.
std::string flow_records(const FlowEvidence& evidence);
/// The same in pieces of some 64 KiB, so that the file never stands in memory; `take` says whether it wants more.
/// `more`, if given, appends further members to the record of the flow at that place in the evidence
/// (",\"verdict\":\"approved\"").
void flow_records(const FlowEvidence& evidence, const std::function<bool(std::string_view piece)>& take,
                  const std::function<void(std::size_t place, std::string& out)>& more = {});

/// Fed with a file's bytes in any pieces; the same tolerance and strictness as JournalReader.
class FlowRecordReader {
 public:
  explicit FlowRecordReader(std::string file);
  ~FlowRecordReader();
  FlowRecordReader(FlowRecordReader&&) noexcept;
  FlowRecordReader& operator=(FlowRecordReader&&) noexcept;
  Result<void> feed(std::string_view bytes);
  Result<FlowEvidence> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Result<FlowEvidence> read_flow_records(std::string file, std::string_view text);

/// Puts the records of `from` behind those of `to`: one evidence of all their sources.
void append_flows(FlowEvidence& to, FlowEvidence from);

/// draft-07 JSON Schema of one line of a flow file.
std::string flows_json_schema();

}  // namespace demarc
