// What control conversations announce: endpoints on which another conversation will follow. An FTP server says on
// which port it waits for the data, the endpoint mapper where an interface lives, a call where its media shall go.
// Pure readers: bytes in, announced endpoints out. Whether the announcing side had the right to name them is
// decided by whoever asks (scanner/passive/related.h).
//
//   ftp          RFC 959 §4.1.2 PORT, §5.4 227; RFC 2428 §2 EPRT, §3 EPSV
//   msrpc        C706 §12.6 (connection-oriented PDUs), appendix L (towers), appendix O (ept_map); MS-RPCE §2.2.5
//   portmapper   RFC 1833 §2 and §3, over RFC 5531
//   sip          RFC 3261 §7, RFC 4566 §5 (c= and m=), RFC 3605 (a=rtcp), RFC 3264 §5.1 (port 0)
//   tftp         RFC 1350 §4 and §5: nothing is announced, the request itself says where the answer will come
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "probes/wire/bytes.h"
#include "rules/net/address.h"
#include "rules/net/port.h"
#include "rules/net/protocol.h"

namespace demarc {

/// An endpoint that others will talk to.
struct Announced {
  Protocol protocol;
  std::optional<Address> address;  // none: the announcing side did not say, it is its own
  Port port;
  bool operator==(const Announced&) const = default;
};

// ---- FTP ----

enum class FtpSays : std::uint8_t {
  nothing,  // that matters here
  waits,    // the speaker waits for the data conversation at `announced`
  secured,  // from here on the conversation is encrypted (RFC 4217 §4)
};
struct FtpLine {
  FtpSays says = FtpSays::nothing;
  Announced announced{Protocol::tcp, std::nullopt, Port{}};
};
/// A line without its end. Of the client: PORT, EPRT.
FtpLine read_ftp_command(std::string_view line);
/// Of the server: 227, 229, 234.
FtpLine read_ftp_reply(std::string_view line);

// ---- MSRPC ----

/// The common header of a connection-oriented PDU, and what its kind says next.
struct MsrpcPdu {
  std::uint8_t type = 0;  // 0 request, 2 response
  bool first = false, last = false, little_endian = true;
  std::size_t length = 0;  // of the whole fragment
  std::uint32_t call = 0;
  std::uint16_t opnum = 0;  // of a request
  Bytes stub;  // of a request or response, without its authentication trailer; if the fragment is whole
};
inline constexpr std::size_t kMsrpcHeader = 16;
inline constexpr std::size_t kMsrpcFragmentMax = 16 * 1024;
/// nullopt: these bytes begin no PDU. Needs kMsrpcHeader bytes; `stub` is filled where all of the fragment is
/// there.
std::optional<MsrpcPdu> read_msrpc_pdu(Bytes bytes);

inline constexpr std::uint16_t kEptMap = 3;
/// The stub of an answer to ept_map, put together from all its fragments, in NDR or NDR64: the TCP and UDP
/// endpoints of its towers. Empty for everything else, an ept_lookup's answer included.
std::vector<Announced> read_ept_map(Bytes stub, bool little_endian);

// ---- ONC RPC's port mapper ----

/// A call that asks for a port: GETPORT of version 2, GETADDR of 3 and 4, GETVERSADDR of 4.
struct PortQuestion {
  std::uint32_t xid = 0;
  std::uint32_t version = 0;
  Protocol protocol;  // tcp or udp: how the program will be asked
};
/// A datagram, or a record of a stream without its mark.
std::optional<PortQuestion> read_port_question(Bytes message);
/// The xid of a reply, to find the question by.
std::optional<std::uint32_t> read_rpc_reply_id(Bytes message);
/// nullopt: refused, no such program, or no answer to that question.
std::optional<Announced> read_port_answer(Bytes message, const PortQuestion& question);

// ---- TFTP ----

/// A read or write request: a file name and a mode.
bool is_tftp_request(Bytes datagram);

// ---- SIP ----

/// One media line: where its sender wants to receive.
struct MediaLine {
  Protocol protocol;
  std::optional<Address> address;  // none: unspecified (on hold) or a name
  std::uint16_t port = 0;          // 0: refused
  std::uint16_t control_port = 0;  // RTCP; 0: none
  bool operator==(const MediaLine&) const = default;
};
inline constexpr std::size_t kMediaLinesMax = 8;

struct SipMessage {
  std::size_t length = 0;    // of the whole message; larger than what is there: not whole yet
  std::string_view call_id;  // points into the text
  std::vector<MediaLine> media;
};
/// Reads the message at the front. nullopt: this is none, or its headers do not end yet (`more` tells which).
std::optional<SipMessage> read_sip_message(std::string_view text, bool datagram, bool& more);

}  // namespace demarc
