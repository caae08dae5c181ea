// One of the readers of foreign flow records on hostile bytes: in pieces, and what it made of them must be
// evidence that reads back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "rules/evidence/flow_records.h"
#include "rules/evidence/readers/record_reader.h"
#include "tests/fuzz/share.h"

namespace demarc {

inline void read_hostile(RecordFormat format, const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  RecordFlowOptions options;
  options.conversations_max = 64;
  options.records_max = 64;
  RecordFlows flows(options);
  std::unique_ptr<RecordReader> reader = record_reader(format, flows, "fuzz", "");
  const std::size_t piece = one_in(4, data, size) ? 37 : size;
  for (std::size_t at = 0; at < size; at += piece)
    if (!reader->feed(text.substr(at, std::min(piece, size - at)))) return;
  if (!reader->finish()) return;
  const FlowEvidence evidence = flows.finish();
  for (const ObservedFlow& f : evidence.flows)
    if (f.established > f.conversations || f.last < f.first || f.source >= evidence.sources.size()) std::abort();
  if (!one_in(16, data, size)) return;
  const std::string written = flow_records(evidence);
  Result<FlowEvidence> again = read_flow_records("again", written);
  if (!again || again->flows.size() != evidence.flows.size()) std::abort();
}

}  // namespace demarc
