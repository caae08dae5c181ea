// What came in, compared with what only our probes carried. No sockets, no state: bytes that anybody may have sent,
// and the key.
#pragma once

#include <cstdint>
#include <optional>

#include "probes/wire/decode.h"
#include "probes/wire/probe_packet.h"
#include "scanner/active/raw/cookie.h"

namespace demarc::raw_engine {

/// The packet that an ICMP error quotes: transport bytes as far as they are there, at least eight.
struct Quoted {
  Bytes transport;
  std::optional<std::uint16_t> id;  // IPv4
};
std::optional<Quoted> quoted_of(const PacketView& error);

/// The question that a quoted TCP segment or ICMP query was, and its label. Datagrams carry no label: nullopt.
struct QuotedQuestion {
  Question question;
  std::uint8_t label = 0;
};
std::optional<QuotedQuestion> question_of(const Cookies& cookies, const PacketView& error, const Quoted& quoted);

/// Whether the quoted datagram is the one that we would have sent with that payload. As far as it is quoted every
/// byte must be right: ports and length always. A translation on the way may have changed the checksum, if it left
/// the identification as it was.
bool is_quoted(const Quoted& quoted, const ProbeIp& ip, std::uint16_t source_port, std::uint16_t port,
               Bytes payload);

/// The query that an ICMP reply answers, and its label.
std::optional<QuotedQuestion> query_of(const Cookies& cookies, const PacketView& reply);

}  // namespace demarc::raw_engine
