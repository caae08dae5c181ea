// What control conversations say, built by named code: for the tests of the readers and of the passive engine, and
// as seeds of their fuzz targets.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "probes/app/app_probe.h"
#include "rules/net/address.h"

namespace demarc::test {

// ---- MSRPC ----

struct Ndr {
  bool little = true, wide = false;
};

/// A tower of five floors: interface, transfer syntax, RPC, a port of TCP (0x07) or UDP (0x08), an address.
inline ByteString tower(std::uint16_t port, std::uint32_t address = 0xC000020A, std::uint8_t transport = 0x07) {
  ByteString octets;
  ByteWriter t(octets, true);
  t.u16(5);
  t.u16(19).u8(0x0D).u32(0xE3514235).zeros(14).u16(2).u16(0);
  t.u16(19).u8(0x0D).zeros(18).u16(2).u16(0);
  t.u16(1).u8(0x0B).u16(2).u16(0);
  t.u16(1).u8(transport).u16(2);
  ByteWriter(octets).u16(port);
  t.u16(1).u8(0x09).u16(4);
  ByteWriter(octets).u32(address);
  return octets;
}

inline void pad(ByteString& out, std::size_t to) {
  while (out.size() % to != 0) out.push_back(0);
}

/// The stub of ept_map's answer.
inline ByteString ept_map_stub(const std::vector<ByteString>& towers, Ndr ndr = {}) {
  ByteString out;
  ByteWriter w(out, ndr.little);
  const auto wide = [&](std::uint64_t number) {
    pad(out, ndr.wide ? 8 : 4);
    ndr.wide ? w.u64(number) : w.u32(static_cast<std::uint32_t>(number));
  };
  w.zeros(20).u32(static_cast<std::uint32_t>(towers.size()));
  wide(4);
  wide(0);
  wide(towers.size());
  for (std::size_t i = 0; i < towers.size(); ++i) wide(3 + i);
  for (const ByteString& octets : towers) {
    wide(octets.size());
    w.u32(static_cast<std::uint32_t>(octets.size())).bytes(octets);
  }
  pad(out, 4);
  w.u32(0);
  return out;
}

/// One PDU: kind 0 is a request (of `opnum`), 2 a response. `flags`: 1 first fragment, 2 last.
inline ByteString msrpc_pdu(std::uint8_t kind, std::uint8_t flags, std::uint32_t call, Bytes stub,
                            std::uint16_t opnum = 0, bool little = true, std::size_t trailer = 0) {
  ByteString out;
  ByteWriter w(out, little);
  const std::size_t behind = trailer == 0 ? 0 : trailer + 8;
  w.u8(5).u8(0).u8(kind).u8(flags).u8(little ? 0x10 : 0).zeros(3);
  w.u16(static_cast<unsigned>(24 + stub.size() + behind)).u16(static_cast<unsigned>(trailer)).u32(call);
  w.u32(static_cast<std::uint32_t>(stub.size())).u16(0).u16(kind == 0 ? opnum : 0U).bytes(stub);
  if (trailer != 0) w.u8(10).u8(5).u8(0).u8(0).u32(0).zeros(trailer);
  return out;
}
inline ByteString ept_map_request(std::uint32_t call = 2) { return msrpc_pdu(0, 3, call, ByteString(60, 7), 3); }
inline ByteString ept_map_response(std::uint16_t port, std::uint32_t call = 2) {
  return msrpc_pdu(2, 3, call, ept_map_stub({tower(port)}));
}

// ---- ONC RPC ----

inline ByteString rpc_text(std::string_view text) {
  ByteString out;
  ByteWriter(out).u32(static_cast<std::uint32_t>(text.size())).bytes(ByteString(text.begin(), text.end()));
  pad(out, 4);
  return out;
}
inline ByteString portmap_call(std::uint32_t xid, std::uint32_t version, std::uint32_t procedure,
                               const ByteString& arguments) {
  ByteString out;
  ByteWriter w(out);
  w.u32(xid).u32(0).u32(2).u32(100000).u32(version).u32(procedure);
  // AUTH_SYS with a host's name, as clients send it
  const ByteString name = rpc_text("client");
  w.u32(1).u32(static_cast<std::uint32_t>(4 + name.size() + 12)).u32(99).bytes(name).u32(0).u32(0).u32(0);
  w.u32(0).u32(0).bytes(arguments);
  return out;
}
inline ByteString getport_call(std::uint32_t xid, std::uint32_t protocol = 17, std::uint32_t program = 100005) {
  ByteString arguments;
  ByteWriter(arguments).u32(program).u32(3).u32(protocol).u32(0);
  return portmap_call(xid, 2, 3, arguments);
}
inline ByteString getaddr_call(std::uint32_t xid, std::string_view network, std::uint32_t version = 4) {
  ByteString arguments;
  ByteWriter(arguments).u32(100005).u32(3).bytes(rpc_text(network)).bytes(rpc_text("")).bytes(rpc_text("rpcb"));
  return portmap_call(xid, version, 3, arguments);
}
inline ByteString rpc_accepted(std::uint32_t xid, const ByteString& result, std::uint32_t status = 0) {
  ByteString out;
  ByteWriter(out).u32(xid).u32(1).u32(0).u32(0).u32(0).u32(status).bytes(result);
  return out;
}
inline ByteString getport_reply(std::uint32_t xid, std::uint32_t port) {
  ByteString result;
  ByteWriter(result).u32(port);
  return rpc_accepted(xid, result);
}
inline ByteString getaddr_reply(std::uint32_t xid, std::string_view address) {
  return rpc_accepted(xid, rpc_text(address));
}
inline ByteString rpc_record(const ByteString& message) {
  ByteString out;
  ByteWriter(out).u32(0x80000000U | static_cast<std::uint32_t>(message.size())).bytes(message);
  return out;
}

// ---- TFTP ----

inline ByteString tftp_request(std::uint8_t operation = 1, std::string_view mode = "octet") {
  ByteString out = {0, operation};
  for (const std::string_view text : {std::string_view("startup-config"), mode}) {
    out.insert(out.end(), text.begin(), text.end());
    out.push_back(0);
  }
  return out;
}
inline ByteString tftp_data() { return {0, 3, 0, 1, 'x', 'y', 'z'}; }

// ---- SIP ----

inline std::string session(std::string_view address, std::string_view media) {
  const bool v6 = address.find(':') != address.npos;
  return fmt::format("v=0\r\no=alice 1 1 IN {0} {1}\r\ns=-\r\nc=IN {0} {1}\r\nt=0 0\r\n{2}", v6 ? "IP6" : "IP4",
                     address, media);
}
/// INVITE, or an answer where `first_line` is a status.
inline std::string sip(std::string_view first_line, std::string_view body,
                       std::string_view call = "a84b4c76e66710") {
  return fmt::format(
      "{}\r\nVia: SIP/2.0/UDP ua.example.net;branch=z9hG4bK77\r\nFrom: <sip:a@example.net>;tag=1\r\n"
      "To: <sip:b@example.net>\r\nCall-ID: {}\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n"
      "Content-Length: {}\r\n\r\n{}",
      first_line, call, body.size(), body);
}
inline constexpr std::string_view kInvite = "INVITE sip:b@example.net SIP/2.0", kSipOk = "SIP/2.0 200 OK";

inline ByteString bytes(std::string_view text) { return ByteString(text.begin(), text.end()); }

struct NamedSpeech {
  std::string name;
  bool from_server = false;
  ByteString bytes;
};
inline std::vector<NamedSpeech> named_announcements() {
  return {
      {"ftp-port", false, bytes("PORT 198,51,100,7,195,80\r\n")},
      {"ftp-eprt", false, bytes("EPRT |2|2001:db8::7|50000|\r\n")},
      {"ftp-227", true, bytes("227 Entering Passive Mode (192,0,2,10,195,81).\r\n")},
      {"ftp-229", true, bytes("229 Entering Extended Passive Mode (|||50001|)\r\n")},
      {"ept-map", true, ept_map_response(49664)},
      {"ept-map-two", true, msrpc_pdu(2, 3, 2, ept_map_stub({tower(49664), tower(49665)}))},
      {"ept-map-big", true, msrpc_pdu(2, 3, 2, ept_map_stub({tower(49664)}, {.little = false}), 0, false)},
      {"ept-map-64", true, msrpc_pdu(2, 3, 2, ept_map_stub({tower(49664)}, {.wide = true}))},
      {"getport", false, getport_call(7)},
      {"getport-reply", true, getport_reply(7, 20048)},
      {"getaddr", false, getaddr_call(7, "udp6")},
      {"getaddr-reply", true, getaddr_reply(7, "2001:db8:1::10.78.80")},
      {"tftp", false, tftp_request()},
      {"sip-invite", false,
       bytes(sip(kInvite, session("198.51.100.7", "m=audio 49170 RTP/AVP 0\r\na=rtcp:53020\r\n")))},
      {"sip-ok", true,
       bytes(sip(kSipOk, session("2001:db8::9", "m=audio 0 RTP/AVP 0\r\nm=video 3456/2 RTP/AVP 0\r\n")))},
  };
}

}  // namespace demarc::test
