// The fields of a flow record by number, as its reader asks for them. Internal to this folder.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "rules/evidence/observed_flow.h"
#include "rules/evidence/service_json.h"

namespace demarc::flow_fields {

enum Field : std::size_t {
  kDemarc,
  kVersion,
  kInitiator,
  kResponder,
  kProtocol,
  kPort,
  kInitiatorPort,
  kType,
  kCertain,
  kConversations,
  kEstablished,
  kPacketsOut,
  kPacketsIn,
  kBytesOut,
  kBytesIn,
  kFirst,
  kLast,
  kSource,
  kEnd,
  kFrame,
  kParentInitiator,
  kParentResponder,
  kParentProtocol,
  kParentPort,
  kParentBy,
  kTunnelKind,
  kTunnelEnds,
  kTunnelId,
  kRealInitiator,
  kRealResponder,
  kRealPort,
  kSeenTwice,
  kNoise,
  kPorts,
  kAttempts,
  kInitiators,
  kResponders,
  kPackets,
  kBytes,
  kStateFirst,                                // and kConnStates rows from here
  kServiceFirst = kStateFirst + kConnStates,  // and those of kServicePaths from here
};
inline constexpr std::array<std::string_view, kStateFirst> kOwnPaths{"demarc",
                                                              "version",
                                                              "initiator",
                                                              "responder",
                                                              "protocol",
                                                              "port",
                                                              "initiator_port",
                                                              "type",
                                                              "initiator_certain",
                                                              "conversations",
                                                              "established",
                                                              "packets_out",
                                                              "packets_in",
                                                              "bytes_out",
                                                              "bytes_in",
                                                              "first",
                                                              "last",
                                                              "source",
                                                              "end",
                                                              "frame",
                                                              "parent.initiator",
                                                              "parent.responder",
                                                              "parent.protocol",
                                                              "parent.port",
                                                              "parent.by",
                                                              "tunnel.kind",
                                                              "tunnel.ends",
                                                              "tunnel.id",
                                                              "real.initiator",
                                                              "real.responder",
                                                              "real.port",
                                                              "seen_twice",
                                                              "noise",
                                                              "ports",
                                                              "attempts",
                                                              "initiators",
                                                              "responders",
                                                              "packets",
                                                              "bytes"};
inline constexpr std::array<std::string_view, kConnStates> kStatePaths{
    "states.S0",   "states.S1",     "states.SF",    "states.REJ", "states.S2",  "states.S3", "states.RSTO",
    "states.RSTR", "states.RSTOS0", "states.RSTRH", "states.SH",  "states.SHR", "states.OTH"};
inline constexpr auto kPaths = [] {
  std::array<std::string_view, kServiceFirst + kServicePaths.size()> all;
  auto end = std::copy(kOwnPaths.begin(), kOwnPaths.end(), all.begin());
  end = std::copy(kStatePaths.begin(), kStatePaths.end(), end);
  std::copy(kServicePaths.begin(), kServicePaths.end(), end);
  return all;
}();

}  // namespace demarc::flow_fields
