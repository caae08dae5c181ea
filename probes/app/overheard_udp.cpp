// What clients ask first over UDP.
#include <fmt/format.h>

#include <algorithm>

#include "probes/app/announced.h"
#include "probes/app/ber.h"
#include "probes/app/overheard_codecs.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

constexpr std::uint32_t kStunCookie = 0x2112A442;

std::string_view program_name(std::uint32_t program) {
  switch (program) {
    case 100000: return "rpcbind";
    case 100003: return "nfs";
    case 100005: return "mountd";
    default: return "onc-rpc";
  }
}

}  // namespace

bool is_dns_query(Bytes message) {  // RFC 1035 §4.1: one question, and nothing answered yet
  if (message.size() < 17) return false;
  const unsigned flags = be16(&message[2]);
  if ((flags & 0xF800) != 0 || (flags & 15) != 0 || be16(&message[4]) != 1 || be16(&message[6]) != 0) return false;
  ByteReader in(message.subspan(12));
  for (int labels = 0; labels < 128; ++labels) {
    const std::uint8_t size = in.u8();
    if (size > 63 || !in.ok()) return false;
    if (size == 0) break;
    in.skip(size);
  }
  const std::uint16_t type = in.u16(), cls = in.u16() & 0x7FFF;
  return in.ok() && type != 0 && (cls == 1 || cls == 3 || cls == 255);
}

Seen hear_rpc_call(Bytes message) {
  ByteReader in(message);
  in.skip(4);
  const std::uint32_t type = in.u32(), rpc = in.u32(), program = in.u32(), version = in.u32(), procedure = in.u32();
  const std::uint32_t flavour = in.u32(), size = in.u32();
  if (!in.ok() || type != 0 || rpc != 2 || version > 256 || procedure > 1024 || flavour > 400000 || size > 400)
    return std::nullopt;
  return speaks(program_name(program), fmt::format("client: calls program {} version {}", program, version));
}

Seen hear_kerberos_message(Bytes message, bool answer) {
  if (message.size() < 8) return std::nullopt;
  const std::uint8_t tag = message[0];
  const std::string_view name = tag == 0x6A   ? "AS-REQ"
                                : tag == 0x6B ? "AS-REP"
                                : tag == 0x6C ? "TGS-REQ"
                                : tag == 0x6D ? "TGS-REP"
                                : tag == 0x7E ? "KRB-ERROR"
                                              : "";
  if (name.empty() || (tag != 0x6A && tag != 0x6C) != answer) return std::nullopt;
  ByteReader in(message);
  in.skip(1);
  const std::uint8_t length = in.u8();
  if (length > 0x84) return std::nullopt;
  if (length > 0x80) in.skip(length & 0x7F);
  // SEQUENCE, then the version 5 in its first field, which is [1] in requests and [0] in the others.
  if (in.u8() != 0x30) return std::nullopt;
  const std::uint8_t inner = in.u8();
  if (inner > 0x84) return std::nullopt;
  if (inner > 0x80) in.skip(inner & 0x7F);
  const std::uint8_t field = answer ? 0xA0 : 0xA1;
  if (in.u8() != field || in.u8() != 3 || in.u8() != 2 || in.u8() != 1 || in.u8() != 5 || !in.ok())
    return std::nullopt;
  return speaks("kerberos", answer ? std::string(name) : fmt::format("client: {}", name));
}

Seen hear_netbios_ns(Bytes first) {  // RFC 1002 §4.2: a name in half-ASCII, type NB or NBSTAT
  if (first.size() < 50 || (first[2] & 0x80) != 0 || be16(&first[4]) != 1 || first[12] != 32 || first[45] != 0)
    return std::nullopt;
  const Bytes name = first.subspan(13, 32);
  const std::uint16_t type = be16(&first[46]);
  if ((type != 0x20 && type != 0x21) || be16(&first[48]) != 1 ||
      !std::all_of(name.begin(), name.end(), [](std::uint8_t c) { return c >= 'A' && c <= 'P'; }))
    return std::nullopt;
  return speaks("netbios-ns", "client: name query");
}

Seen hear_mdns(Bytes first) {  // RFC 6762 §18.1: id 0; §3: names end in local
  if (first.size() < 17 || be16(first.data()) != 0 || (first[2] & 0x78) != 0) return std::nullopt;
  if (text_of(first).find(std::string_view("\5local\0", 7)) == std::string_view::npos) return std::nullopt;
  return speaks("mdns", "multicast DNS");
}

Seen hear_dns(Bytes first) {
  if (!is_dns_query(first)) return std::nullopt;
  return speaks("dns", "client: query");
}

Seen hear_ntp(Bytes first) {  // RFC 5905 §7.3: modes 1 (peer) and 3 (client); 48 bytes, and keys behind
  if (first.size() < 48 || first.size() > 512 || first.size() % 4 != 0) return std::nullopt;
  const unsigned mode = first[0] & 7U, version = (first[0] >> 3) & 7U;
  if ((mode != 3 && mode != 1) || version < 1 || version > 4 || first[1] > 16) return std::nullopt;
  // Poll and precision are powers of two; clients may leave all of this zero.
  const auto poll = static_cast<std::int8_t>(first[2]), precision = static_cast<std::int8_t>(first[3]);
  if (poll > 17 || poll < -7 || precision > 0 || precision < -63) return std::nullopt;
  return speaks("ntp", fmt::format("client: NTP version {}", version));
}

Seen hear_snmp(Bytes first) {  // RFC 1157 §4.1, RFC 3416 §3, RFC 3412 §6; the community is nobody's business
  ByteReader datagram(first);
  const std::optional<Bytes> message = next_ber(datagram, 0x30);
  if (!message) return std::nullopt;
  ByteReader in(*message);
  const std::optional<std::uint32_t> version = next_ber_number(in);
  if (!version || *version > 3 || *version == 2) return std::nullopt;
  ServiceSeen seen = speaks("snmp", "client");
  if (*version == 3) {
    if (!next_ber(in, 0x30) || !next_ber(in, 0x04)) return std::nullopt;
  } else {
    if (!next_ber(in, 0x04)) return std::nullopt;
    const std::optional<BerItem> pdu = next_ber(in);
    if (!pdu || (pdu->tag & 0xF0) != 0xA0 || pdu->tag > 0xA8) return std::nullopt;
    if (pdu->tag == 0xA4 || pdu->tag == 0xA7) seen.evidence = "a trap";
    if (pdu->tag == 0xA3) seen.evidence = "client: set";
  }
  seen.version = *version == 0 ? "SNMPv1" : *version == 1 ? "SNMPv2c" : "SNMPv3";
  return seen;
}

Seen hear_tftp(Bytes first) {
  if (!is_tftp_request(first)) return std::nullopt;
  return speaks("tftp", first[1] == 1 ? "client: read request" : "client: write request");
}

Seen hear_ike(Bytes first) {  // RFC 7296 §3.1, RFC 2408 §3.1; behind four zeros on port 4500 (RFC 3948 §2.2)
  if (first.size() >= 32 && be32(first.data()) == 0) first = first.subspan(4);
  if (first.size() < 28 || be64(first.data()) == 0 || be32(&first[24]) != first.size()) return std::nullopt;
  const unsigned version = first[17], exchange = first[18];
  if (version == 0x20 && exchange == 34 && (first[19] & 0x28) == 0x08)
    return speaks("ike", "client: IKEv2 IKE_SA_INIT");
  if (version == 0x10 && (exchange == 2 || exchange == 4) && be64(&first[8]) == 0)
    return speaks("ike", "client: IKEv1");
  return std::nullopt;
}

Seen hear_rpc(Bytes first) { return hear_rpc_call(first); }

Seen hear_quic(Bytes first) {  // RFC 9000 §17.2, RFC 9369 §3.1: a long header of a version in use
  if (first.size() < 21 || (first[0] & 0xC0) != 0xC0) return std::nullopt;
  const std::uint32_t version = be32(&first[1]);
  if (version != 1 && version != 0x6B3343CF && version >> 8 != 0xFF0000) return std::nullopt;
  const std::size_t to = first[5];
  if (to > 20 || first.size() < 7 + to || first[6 + to] > 20) return std::nullopt;
  ServiceSeen seen = speaks("quic", "long header");
  seen.version = version == 1            ? "QUIC 1"
                 : version == 0x6B3343CF ? "QUIC 2"
                                         : fmt::format("QUIC draft {}", version & 255);
  return seen;
}

Seen hear_dtls(Bytes first) {  // RFC 6347 §4.1 and §4.2: a handshake record of epoch 0 with a ClientHello
  if (first.size() < 27 || first[0] != 22 || first[1] != 0xFE || (first[2] != 0xFF && first[2] != 0xFD) ||
      be16(&first[3]) != 0 || first[13] != 1)
    return std::nullopt;
  if (std::size_t{be16(&first[11])} + 13 > first.size()) return std::nullopt;
  return speaks("dtls", "client: ClientHello");
}

Seen hear_stun(Bytes first) {  // RFC 8489 §5: binding, or TURN's allocate (RFC 8656)
  if (first.size() < 20 || be32(&first[4]) != kStunCookie || be16(&first[2]) % 4 != 0 ||
      std::size_t{be16(&first[2])} + 20 > first.size())
    return std::nullopt;
  const std::uint16_t type = be16(first.data());
  if (type != 0x0001 && type != 0x0003 && type != 0x0011) return std::nullopt;
  return speaks("stun", type == 0x0003 ? "client: allocate" : "client: binding");
}

Seen hear_ipmi(Bytes first) {  // ASF 2.0 §3.2.2.2: RMCP, class ASF or IPMI
  if (first.size() < 12 || first[0] != 6 || first[1] != 0 || (first[3] != 6 && first[3] != 7)) return std::nullopt;
  return speaks("ipmi", "client: RMCP");
}

Seen hear_openvpn(Bytes first) {  // P_CONTROL_HARD_RESET_CLIENT_V2 without tls-auth: its packet number is 0
  if (first.size() != 14 || first[0] != 7 << 3 || first[9] != 0 || be32(&first[10]) != 0) return std::nullopt;
  return speaks("openvpn", "client: hard reset");
}

Seen hear_l2tp(Bytes first) {  // RFC 2661 §6.1: SCCRQ to tunnel 0
  if (first.size() < 20 || be16(first.data()) != 0xC802 || be16(&first[2]) != first.size() || be32(&first[4]) != 0)
    return std::nullopt;
  if (be16(&first[14]) != 0 || be16(&first[16]) != 0 || be16(&first[18]) != 1) return std::nullopt;
  return speaks("l2tp", "client: start of a control connection");
}

Seen hear_xdmcp(Bytes first) {
  if (first.size() < 7 || be16(first.data()) != 1 || be16(&first[4]) != first.size() - 6) return std::nullopt;
  const std::uint16_t operation = be16(&first[2]);
  if (operation < 1 || operation > 3) return std::nullopt;
  return speaks("xdmcp", "client: query");
}

Seen hear_cldap(Bytes first) { return hear_ldap(first); }
Seen hear_kerberos(Bytes first) { return hear_kerberos_message(first, false); }

Seen hear_memcached_datagram(Bytes first) {
  if (first.size() < 12 || be16(&first[2]) != 0 || be16(&first[4]) != 1 || be16(&first[6]) != 0)
    return std::nullopt;
  return hear_memcached(first.subspan(8));
}

Seen hear_wireguard(Bytes first) {  // §5.4.2: the initiation has 148 bytes
  if (first.size() != 148 || le32(first.data()) != 1) return std::nullopt;
  return speaks("wireguard", "client: handshake initiation");
}

Seen hear_radius(Bytes first) {  // RFC 2865 §3, RFC 2866 §3, RFC 5997: attributes that fill the length exactly
  if (first.size() < 22 || be16(&first[2]) != first.size()) return std::nullopt;
  const unsigned code = first[0];
  if ((code < 1 || code > 5) && code != 11 && code != 12) return std::nullopt;
  ByteReader in(first.subspan(20));
  for (int i = 0; i < 256 && in.left() > 0; ++i) {
    const unsigned type = in.u8(), size = in.u8();
    if (type == 0 || size < 2) return std::nullopt;
    in.skip(size - 2);
    if (!in.ok()) return std::nullopt;
  }
  return speaks("radius", fmt::format("code {}", code));
}

}  // namespace demarc::app
