// Azure's flow logs as evidence: network security groups' (versions 1 and 2) and virtual networks'. One JSON
// document of any size is streamed; several, one after the other or one a line, as well.
//
// Facts: learn.microsoft.com, Azure Network Watcher, "Flow logging for network security groups" (tuples of version
// 1 and 2) and "Virtual network flow logs" (flowRecords, flowGroups, flow state B, C, E, D, encryption).
//
//  - Only the strings of "flowTuples" are read, wherever they stand; a tuple's form tells its kind:
//      v1    seconds,source,destination,sport,dport,T|U,I|O,A|D
//      v2    ...,B|C|E,packets sent,bytes sent,packets received,bytes received
//      VNet  milliseconds,source,destination,sport,dport,protocol number,I|O,B|C|E|D,encryption,and the same four
//  - B, C and E of one five-tuple are one conversation, and their counts are summed: each tells what came since the
//    last. Many C without a B began before the log.
//  - The source is whom the filter saw send first: it opened the conversation, probably. Certain is it nowhere,
//  since
//    a packet in the middle of a forgotten conversation looks alike.
//  - D (deny) is an attempt that the filter refused. There are no TCP flags: established means packets of both, and
//    more than bare answers. Version 1 counts nothing: an allowed tuple is one packet out, and never use.
//  - The same packets at a second network interface (another "mac" or "macAddress") are not counted again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "rules/evidence/readers/record_reader.h"

namespace demarc {

class AzureFlowReader final : public RecordReader {
 public:
  AzureFlowReader(RecordFlows& flows, std::string file, std::string sensor);
  ~AzureFlowReader() override;
  Result<void> feed(std::string_view bytes) override;

 private:
  class Document;
  struct State;
  Result<void> at_end() override;
  Result<void> on_tuple(std::string_view tuple);

  std::unique_ptr<State> state_;
};

}  // namespace demarc
