// VPNs and encrypted transports. Each is asked for the first step of its handshake and never for the second, so no
// tunnel comes to be; what state that leaves at the server, its own timer removes.
#include <algorithm>

#include <fmt/format.h>

#include "probes/app/udp_codecs.h"

namespace demarc::app {

namespace {

// ---- IKE -----------------------------------------------------------------------------------------------------

/// RFC 3948 §2.2: on port 4500 four zeros say that this is no ESP.
ByteString behind_nat(const ByteString& message) {
  ByteString out;
  ByteWriter(out).zeros(4).bytes(message);
  return out;
}
Bytes without_marker(Bytes reply) {
  return reply.size() >= 4 && be32(reply.data()) == 0 ? reply.subspan(4) : reply;
}

/// A payload of both versions: next, flags, length (RFC 2408 §3.2, RFC 7296 §3.2).
void payload(ByteWriter& out, unsigned next, const ByteString& body) {
  out.u8(next).u8(0).u16(static_cast<unsigned>(body.size() + 4)).bytes(body);
}

struct Vendor {
  std::string_view hash;  // the first bytes of its vendor id
  std::string_view name;
};
constexpr Vendor kVendors[] = {{"882fe56d6fd20dbc2251613b2ebe5beb", "strongSwan"},
                               {"4f45", "Libreswan or Openswan"},
                               {"1e2b516905991c7d7c96fcbfb587e461", "Windows"},
                               {"12f5f28c457168a9702d9fe274cc", "Cisco Unity"},
                               {"4048b7d56ebce885", "Cisco IOS"},
                               {"f4ed19e0c114eb516faaac0ee37daf2807b4381f", "Check Point"},
                               {"1d6e178f6c2c0be2", "Fortinet"}};

struct IkeHeader {
  bool ok = false;
  std::uint64_t initiator = 0, responder = 0;
  unsigned next = 0, version = 0, exchange = 0, flags = 0;
};
IkeHeader ike_header(ByteReader& in, std::size_t size) {
  IkeHeader h;
  h.initiator = in.u64();
  h.responder = in.u64();
  h.next = in.u8();
  h.version = in.u8();
  h.exchange = in.u8();
  h.flags = in.u8();
  in.skip(4);
  std::uint32_t length = in.u32();
  h.ok = in.ok() && length >= 28 && length <= size;
  return h;
}

/// Walks the payloads for what they tell: a refusal, a vendor.
void tell_payloads(ByteReader& in, unsigned next, unsigned notify_type, unsigned vendor_type, std::size_t notify_at,
                   ServiceSeen& seen) {
  for (int i = 0; i < 16 && next != 0; ++i) {
    unsigned type = next;
    next = in.u8();
    in.skip(1);
    unsigned length = in.u16();
    if (!in.ok() || length < 4) return;
    Bytes body = in.bytes(length - 4U);
    if (!in.ok()) return;
    if (type == notify_type && body.size() >= notify_at + 2) {
      unsigned notice = be16(&body[notify_at]);
      seen.evidence += notice == 14   ? std::string(", no proposal chosen")
                       : notice == 17 ? std::string(", another key exchange group wanted")
                                      : fmt::format(", notify {}", notice);
    }
    if (type == vendor_type && seen.product.empty())
      for (const Vendor& vendor : kVendors)
        if (hex_of(body.first(std::min<std::size_t>(body.size(), 24))).starts_with(vendor.hash))
          seen.product = vendor.name;
  }
}

// ---- TLS over datagrams --------------------------------------------------------------------------------------

std::uint64_t dtls_sequence(const Token& token) { return token.u64() >> 17; }  // 47 bits: it must not wrap

// ---- L2TP ----------------------------------------------------------------------------------------------------

std::uint16_t tunnel_of(const Token& token) { return token.u16() | 1U; }

}  // namespace

ByteString udp_ike_v1(const Token& token) {  // RFC 2409 §5, RFC 2408 §3: main mode, a few usual proposals
  struct Offer {
    unsigned cipher, key, hash, method, group;
  };
  constexpr Offer kOffers[] = {{7, 256, 4, 1, 14}, {7, 256, 2, 1, 14}, {7, 128, 2, 1, 2}, {5, 0, 2, 1, 2},
                               {7, 256, 4, 3, 14}, {7, 256, 2, 3, 14}, {5, 0, 2, 3, 2},   {5, 0, 1, 1, 2}};
  ByteString transforms;
  ByteWriter t(transforms);
  for (std::size_t i = 0; i < std::size(kOffers); ++i) {
    const Offer& o = kOffers[i];
    ByteString body;
    ByteWriter b(body);
    b.u8(static_cast<unsigned>(i + 1)).u8(1).u16(0);  // KEY_IKE
    b.u16(0x8001).u16(o.cipher).u16(0x8002).u16(o.hash).u16(0x8003).u16(o.method).u16(0x8004).u16(o.group);
    if (o.key != 0) b.u16(0x800E).u16(o.key);
    b.u16(0x800B).u16(1).u16(0x800C).u16(28800);
    payload(t, i + 1 < std::size(kOffers) ? 3 : 0, body);
  }
  ByteString proposal, association, message;
  ByteWriter p(proposal);
  p.u8(1).u8(1).u8(0).u8(std::size(kOffers)).bytes(transforms);
  ByteWriter a(association);
  a.u32(1).u32(1);  // the IPsec DOI, identity only
  payload(a, 0, proposal);
  ByteWriter w(message);
  w.u64(token.u64())
      .u64(0)
      .u8(1)
      .u8(0x10)
      .u8(2)
      .u8(0)
      .u32(0)
      .u32(static_cast<std::uint32_t>(32 + association.size()));
  payload(w, 0, association);
  return message;
}
ByteString udp_ike_v1_nat(const Token& token) { return behind_nat(udp_ike_v1(token)); }

UdpHeard read_udp_ike_v1(Bytes reply, const Token& token) {
  UdpHeard heard;
  Bytes message = without_marker(reply);
  ByteReader in(message);
  IkeHeader h = ike_header(in, message.size());
  // 2: main mode, which a responder answers with a cookie of its own; 5: informational.
  if (!h.ok || h.version >> 4 != 1 || (h.exchange != 2 && h.exchange != 5)) return {};
  if (h.initiator == 0 || (h.exchange == 2 && h.responder == 0) || (h.next != 1 && h.next != 11)) return {};
  if (!must_return(token, h.initiator == token.u64(), 64, heard)) return {};
  is_answer(heard, "ike", h.exchange == 2 ? "IKEv1 main mode" : "IKEv1 informational");
  heard.seen->version = "IKEv1";
  tell_payloads(in, h.next, 11, 13, 6, *heard.seen);
  return heard;
}

ByteString udp_ike_v2(const Token& token) {  // RFC 7296 §1.2, §3: IKE_SA_INIT
  struct Transform {
    unsigned type, id, key;
  };
  constexpr Transform kTransforms[] = {{1, 12, 256}, {1, 12, 128}, {1, 3, 0},  {2, 5, 0}, {2, 2, 0},
                                       {3, 12, 0},   {3, 2, 0},    {4, 14, 0}, {4, 2, 0}};
  ByteString transforms, proposal, association, exchange, nonce, message;
  ByteWriter t(transforms);
  for (std::size_t i = 0; i < std::size(kTransforms); ++i) {
    ByteString body;
    ByteWriter b(body);
    b.u8(kTransforms[i].type).u8(0).u16(kTransforms[i].id);
    if (kTransforms[i].key != 0) b.u16(0x800E).u16(kTransforms[i].key);
    payload(t, i + 1 < std::size(kTransforms) ? 3 : 0, body);
  }
  ByteWriter p(proposal);
  p.u8(1).u8(1).u8(0).u8(std::size(kTransforms)).bytes(transforms);
  ByteWriter a(association);
  payload(a, 0, proposal);
  ByteWriter e(exchange);
  e.u16(14).u16(0);  // MODP 2048: 256 bytes, less than the prime
  for (int i = 0; i < 16; ++i) e.bytes(token.bytes);
  exchange[4] &= 0x7F;
  ByteWriter(nonce).bytes(token.bytes).bytes(token.bytes);
  ByteWriter w(message);
  w.u64(token.u64()).u64(0).u8(33).u8(0x20).u8(34).u8(0x08).u32(0);
  w.u32(static_cast<std::uint32_t>(28 + 12 + association.size() + exchange.size() + nonce.size()));
  payload(w, 34, association);
  payload(w, 40, exchange);
  payload(w, 0, nonce);
  return message;
}
ByteString udp_ike_v2_nat(const Token& token) { return behind_nat(udp_ike_v2(token)); }

UdpHeard read_udp_ike_v2(Bytes reply, const Token& token) {
  UdpHeard heard;
  Bytes message = without_marker(reply);
  ByteReader in(message);
  IkeHeader h = ike_header(in, message.size());
  if (!h.ok || h.version >> 4 != 2 || h.exchange != 34 || (h.flags & 0x20) == 0 || h.initiator == 0) return {};
  if (!must_return(token, h.initiator == token.u64(), 64, heard)) return {};
  is_answer(heard, "ike", "IKEv2 IKE_SA_INIT");
  heard.seen->version = "IKEv2";
  tell_payloads(in, h.next, 41, 43, 2, *heard.seen);
  return heard;
}

ByteString udp_openvpn(const Token& token) {  // OpenVPN, ssl_pkt.h: P_CONTROL_HARD_RESET_CLIENT_V2, key 0
  ByteString out;
  ByteWriter w(out);
  w.u8(7 << 3).u64(token.u64()).u8(0).u32(0);
  return out;
}

UdpHeard read_udp_openvpn(Bytes reply, const Token& token) {  // P_CONTROL_HARD_RESET_SERVER_V2 with our session id
  UdpHeard heard;
  ByteReader in(reply);
  if (in.u8() != 8 << 3) return {};
  in.skip(8);
  unsigned acknowledged = in.u8();
  if (acknowledged < 1 || acknowledged > 8) return {};
  in.skip(4U * acknowledged);
  std::uint64_t session = in.u64();
  std::uint32_t packet = in.u32();
  if (!in.ok() || packet > 16 || reply.size() > 256) return {};
  if (!must_return(token, session == token.u64(), 64, heard)) return {};
  return is_answer(heard, "openvpn", "hard reset, no tls-auth");
}

ByteString udp_wireguard(const Token& token) {  // WireGuard §5.4.2: an initiation of 148 bytes. Who does not know
                                                // the server's public key gets no answer
  ByteString out;
  ByteWriter w(out, true);
  w.u8(1).zeros(3).u32(token.u32());
  while (out.size() < 148) out.push_back(token.bytes[out.size() % 16]);
  return out;
}

UdpHeard read_udp_wireguard(Bytes reply, const Token& token) {  // §5.4.3 response, §5.4.7 cookie reply
  UdpHeard heard;
  if (reply.size() < 8 || le32(reply.data()) > 3) return {};
  bool response = reply[0] == 2 && reply.size() == 92, cookie = reply[0] == 3 && reply.size() == 64;
  if (!response && !cookie) return {};
  if (!must_return(token, le32(&reply[response ? 8 : 4]) == token.u32(), 32, heard)) return {};
  return is_answer(heard, "wireguard", response ? "handshake response" : "cookie reply");
}

ByteString udp_l2tp(const Token& token) {  // RFC 2661 §6.1: start-control-connection-request
  ByteString avps, out;
  ByteWriter a(avps);
  auto avp = [&](unsigned type, const ByteString& value) {
    a.u16(0x8000U | static_cast<unsigned>(value.size() + 6)).u16(0).u16(type).bytes(value);
  };
  avp(0, {0, 1});
  avp(2, {1, 0});
  avp(3, {0, 0, 0, 3});
  avp(7, bytes_of("demarc"));
  avp(9, {static_cast<std::uint8_t>(tunnel_of(token) >> 8), static_cast<std::uint8_t>(tunnel_of(token))});
  avp(10, {0, 4});
  ByteWriter w(out);
  w.u16(0xC802).u16(static_cast<unsigned>(avps.size() + 12)).u16(0).u16(0).u16(0).u16(0).bytes(avps);
  return out;
}

UdpHeard read_udp_l2tp(Bytes reply, const Token& token) {
  UdpHeard heard;
  ByteReader in(reply);
  unsigned flags = in.u16(), length = in.u16(), tunnel = in.u16();
  in.skip(6);
  if (!in.ok() || (flags & 0xCB0F) != 0xC802 || length < 12 || length > reply.size() || tunnel == 0) return {};
  if (!must_return(token, tunnel == tunnel_of(token), 15, heard)) return {};
  std::string said = "acknowledgement";
  std::string vendor, host;
  for (int i = 0; i < 24 && in.left() >= 6; ++i) {
    unsigned head = in.u16(), size = head & 0x3FF, owner = in.u16(), type = in.u16();
    if (size < 6) break;
    Bytes value = in.bytes(size - 6U);
    if (!in.ok()) break;
    if (owner != 0 || (head & 0x4000) != 0) continue;
    if (type == 0 && value.size() == 2) {
      unsigned message = be16(value.data());
      said = message == 2   ? std::string("connection reply")
             : message == 4 ? std::string("stopped")
                            : fmt::format("message {}", message);
    }
    if (type == 7) host = word_of(text_of(value));
    if (type == 8) vendor = word_of(text_of(value));
  }
  if (!host.empty()) said += ", host " + host;
  is_answer(heard, "l2tp", std::move(said));
  heard.seen->product = vendor;
  return heard;
}

ByteString udp_quic(const Token& token) {  // RFC 9000 §6.1, §15: a version that is reserved to be unknown; §14.1: a
                                           // server may leave anything below 1200 bytes unanswered
  ByteString out;
  ByteWriter w(out);
  w.u8(0xC0).u32(0x1A2A3A4A).u8(8).bytes(part(token, 0, 8)).u8(8).bytes(part(token, 8, 8));
  w.zeros(1200 - out.size());
  return out;
}

UdpHeard read_udp_quic(Bytes reply,
                       const Token& token) {  // §17.2.1 Version Negotiation: our ids, the other way round
  UdpHeard heard;
  ByteReader in(reply);
  unsigned first = in.u8();
  if ((first & 0x80) == 0 || in.u32() != 0) return {};
  Bytes to = in.bytes(in.u8());
  Bytes from = in.bytes(in.u8());
  if (!in.ok() || in.left() < 4 || in.left() % 4 != 0 || in.left() > 256) return {};
  if (!must_return(
          token, to.size() == 8 && from.size() == 8 && same(to, part(token, 8, 8)) && same(from, part(token, 0, 8)),
          128, heard))
    return {};
  std::string versions;
  bool known = false;
  while (in.left() >= 4) {
    std::uint32_t version = in.u32();
    if ((version & 0x0F0F0F0F) == 0x0A0A0A0A) continue;  // reserved: greased
    known = known || version == 1 || version == 0x6B3343CF || (version >> 16) == 0xFF00 || (version >> 24) == 'Q';
    if (versions.size() > kEvidenceMax) continue;
    if (!versions.empty()) versions += ", ";
    versions += version == 1 ? "1" : version == 0x6B3343CF ? "2" : fmt::format("0x{:08x}", version);
  }
  if (!was_asked(token) && !known) return {};
  is_answer(heard, "quic", "version negotiation: " + versions);
  heard.seen->version = versions.starts_with("1") || versions.find(", 1") != std::string::npos ? "QUIC 1" : "";
  return heard;
}

ByteString udp_dtls(const Token& token) {  // RFC 6347 §4.2.1, §4.3.2: a ClientHello without a cookie
  ByteString body, out;
  ByteWriter b(body);
  b.u16(0xFEFD).bytes(token.bytes).bytes(token.bytes).u8(0).u8(0);
  constexpr std::uint16_t kSuites[] = {0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC009, 0xC013, 0xC00A,
                                       0xC014, 0x009C, 0x009D, 0x002F, 0x0035, 0x00A8, 0x008C, 0xC0A8, 0x00FF};
  b.u16(2 * std::size(kSuites));
  for (std::uint16_t suite : kSuites) b.u16(suite);
  b.u8(1).u8(0);
  ByteString extensions;
  ByteWriter e(extensions);
  e.u16(10).u16(8).u16(6).u16(29).u16(23).u16(24);  // groups
  e.u16(11).u16(2).u8(1).u8(0);                     // point formats
  e.u16(13).u16(14).u16(12).u16(0x0403).u16(0x0804).u16(0x0401).u16(0x0503).u16(0x0501).u16(0x0201);  // signatures
  b.u16(static_cast<unsigned>(extensions.size())).bytes(extensions);
  unsigned size = static_cast<unsigned>(body.size());
  ByteWriter w(out);
  // The one number of ours that comes back: the record's, in the record of the HelloVerifyRequest (§4.2.1).
  w.u8(22).u16(0xFEFF).u16(0).u16(static_cast<unsigned>(dtls_sequence(token) >> 32));
  w.u32(static_cast<std::uint32_t>(dtls_sequence(token))).u16(size + 12);
  w.u8(1).u8(0).u16(size).u16(0).u8(0).u16(0).u8(0).u16(size).bytes(body);
  return out;
}

UdpHeard read_udp_dtls(Bytes reply, const Token& token) {
  UdpHeard heard;
  ByteReader in(reply);
  unsigned type = in.u8(), version = in.u16(), epoch = in.u16();
  std::uint64_t sequence = std::uint64_t{in.u16()} << 32;
  sequence |= in.u32();
  unsigned length = in.u16();
  Bytes record = in.bytes(length);
  if (!in.ok() || (version != 0xFEFF && version != 0xFEFD) || epoch != 0) return {};
  std::string said;
  std::uint16_t chosen = static_cast<std::uint16_t>(version);
  if (type == 21 && record.size() == 2 && record[0] <= 2) {
    said = fmt::format("alert {}", record[1]);
  } else if (type == 22 && record.size() >= 14 && record[0] == 3) {
    said = "HelloVerifyRequest";
  } else if (type == 22 && record.size() >= 14 && record[0] == 2) {
    said = "ServerHello";
    chosen = be16(&record[12]);
  } else {
    return {};
  }
  may_return(token, sequence == dtls_sequence(token), 47, heard);
  is_answer(heard, "dtls", std::move(said));
  // The version of a HelloVerifyRequest is not the one chosen (RFC 6347 §4.2.1).
  if (record.size() >= 14 && record[0] == 2) heard.seen->version = chosen == 0xFEFD ? "DTLS 1.2" : "DTLS 1.0";
  return heard;
}

}  // namespace demarc::app
