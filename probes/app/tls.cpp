// TLS: which version, whose certificate, until when.
//
// These are the first questions, in bytes of our own: whoever answers them speaks TLS, however old or odd. TLS 1.3
// encrypts the certificate (RFC 8446 §4.4.2), so we offer 1.2 at most, where it comes in the clear (RFC 5246
// §7.4.2); a server that wants 1.3 refuses by an alert, and a second question tells the version. The handshake is
// not completed here. What speaks inside is asked on another connection, with a real handshake (conversation.h).
#include <algorithm>

#include <fmt/format.h>

#include "probes/app/codecs.h"
#include "probes/app/der.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

constexpr std::uint8_t kAlert = 21, kHandshake = 22;
constexpr std::uint8_t kServerHello = 2, kCertificate = 11, kServerHelloDone = 14;
constexpr std::uint16_t kSupportedVersions = 43;

// What servers of the last twenty years can choose from: ECDHE with ECDSA and RSA, DHE, RSA; GCM, ChaCha20 and CBC.
constexpr std::uint16_t kCiphers12[] = {0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0x009E, 0x009F, 0xC023,
                                        0xC027, 0xC024, 0xC028, 0xC009, 0xC013, 0xC00A, 0xC014, 0x0067, 0x006B,
                                        0x0033, 0x0039, 0x009C, 0x009D, 0x003C, 0x003D, 0x002F, 0x0035, 0x000A};
constexpr std::uint16_t kCiphers13[] = {0x1301, 0x1302, 0x1303};
constexpr std::uint16_t kGroups[] = {29, 23, 24, 25};  // x25519, secp256r1, secp384r1, secp521r1
constexpr std::uint16_t kSignatures[] = {0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805,
                                         0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201};

void block16(ByteWriter& out, const ByteString& content) {
  out.u16(static_cast<unsigned>(content.size())).bytes(content);
}

ByteString list16(std::span<const std::uint16_t> numbers) {
  ByteString list, out;
  ByteWriter writer(list);
  for (std::uint16_t number : numbers) writer.u16(number);
  ByteWriter framed(out);
  block16(framed, list);
  return out;
}

ByteString client_hello(bool version13) {
  ByteString extensions;
  ByteWriter e(extensions);
  e.u16(10);
  block16(e, list16(kGroups));   // supported_groups
  e.u16(11).u16(2).u8(1).u8(0);  // ec_point_formats: uncompressed
  e.u16(13);
  block16(e, list16(kSignatures));  // signature_algorithms
  if (version13) {
    e.u16(kSupportedVersions).u16(3).u8(2).u16(0x0304);
    // A share for x25519. The key exchange is never finished, so any 32 bytes that are no low-order point will do.
    e.u16(51).u16(38).u16(36).u16(29).u16(32);
    for (unsigned i = 0; i < 32; ++i) e.u8(i == 31 ? 0x40 : 9 + 5 * i);
  }
  ByteString body;
  ByteWriter b(body);
  b.u16(0x0303);
  for (unsigned i = 0; i < 32; ++i)
    b.u8((i * 73 + 41) & 0xFF);  // random: it protects nothing here, and fixed bytes make probes repeatable
  b.u8(0);                       // no session
  b.bytes(
      list16(version13 ? std::span<const std::uint16_t>(kCiphers13) : std::span<const std::uint16_t>(kCiphers12)));
  b.u8(1).u8(0);  // no compression
  block16(b, extensions);

  ByteString record;
  ByteWriter r(record);
  r.u8(kHandshake).u16(0x0301).u16(static_cast<unsigned>(body.size() + 4));
  r.u8(1).u8(0).u16(static_cast<unsigned>(body.size())).bytes(body);
  return record;
}

/// The handshake messages of all records, put together; `alert` if one came.
struct Records {
  ByteString handshake;
  std::optional<std::uint8_t> alert;
  bool valid = false;  // at least the first record is one of TLS
};

Records read_records(Bytes reply) {
  Records records;
  while (reply.size() >= 5) {
    std::uint8_t type = reply[0];
    std::size_t length = be16(&reply[3]);
    if (type < 20 || type > 23 || reply[1] != 3 || reply[2] > 4 || length > (1U << 14) + 2048) return records;
    Bytes content = reply.subspan(5, std::min(length, reply.size() - 5));
    if (type == kAlert) {
      if (length != 2) return records;
      if (content.size() == 2) {
        records.valid = true;
        records.alert = content[1];
      }
      return records;
    }
    if (type == kHandshake) {
      if (!records.valid && !content.empty() && content[0] != kServerHello && content[0] != 0) return records;
      records.valid = records.valid || !content.empty();
      records.handshake.insert(records.handshake.end(), content.begin(), content.end());
    } else if (!records.valid) {
      return records;
    }
    if (content.size() < length) return records;
    reply = reply.subspan(5 + length);
  }
  return records;
}

void read_server_hello(Bytes body, ServiceSeen& seen) {
  ByteReader in(body);
  std::uint16_t version = in.u16();
  in.skip(32);
  in.skip(in.u8());
  std::uint16_t cipher = in.u16();
  in.u8();
  ByteReader extensions(in.bytes(in.left() >= 2 ? std::min<std::size_t>(in.u16(), in.left()) : 0));
  while (extensions.left() >= 4) {
    std::uint16_t type = extensions.u16(), length = extensions.u16();
    Bytes content = extensions.bytes(length);
    if (type == kSupportedVersions && content.size() == 2) version = be16(content.data());
  }
  seen.version = tls_version_name(version);
  seen.evidence = fmt::format("{} ServerHello, cipher suite 0x{:04x}", seen.version, cipher);
}

void read_certificate_message(Bytes body, ServiceSeen& seen, bool& found) {
  ByteReader in(body);
  in.skip(3);  // of the whole list
  std::size_t length = (std::size_t{in.u8()} << 16) | in.u16();
  if (!in.ok() || length == 0 || in.left() < length) return;
  found = true;
  std::optional<CertificateFacts> facts = read_certificate(in.bytes(length));
  if (!facts) return;
  seen.certificate_names = names_of(*facts);
  seen.certificate_expires = facts->not_after;
  seen.evidence += "; " + describe(*facts);
}

}  // namespace

std::string tls_version_name(std::uint16_t version) {
  switch (version) {
    case 0x0300: return "SSL 3.0";
    case 0x0301: return "TLS 1.0";
    case 0x0302: return "TLS 1.1";
    case 0x0303: return "TLS 1.2";
    case 0x0304: return "TLS 1.3";
    default: return fmt::format("TLS 0x{:04x}", version);
  }
}

ByteString tls_client_hello(std::string_view) { return client_hello(false); }
ByteString tls13_client_hello(std::string_view) { return client_hello(true); }

Heard read_tls(Bytes reply) {
  Records records = read_records(reply);
  if (!records.valid) return {std::nullopt, true, {}};
  ServiceSeen seen;
  seen.name = "tls";
  Bytes rest(records.handshake);
  bool hello = false, certificate = false, ended = false;
  while (rest.size() >= 4 && !ended) {
    std::uint8_t type = rest[0];
    std::size_t length = (std::size_t{rest[1]} << 16) | be16(&rest[2]);
    std::size_t here = std::min(length, rest.size() - 4);
    Bytes body = rest.subspan(4, here);
    if (type == kServerHello && here == length && length >= 38) {
      read_server_hello(body, seen);
      hello = true;
    } else if (type == kCertificate && hello && !certificate) {
      read_certificate_message(body, seen, certificate);  // the first certificate may be whole before the list is
    } else if (type == kServerHelloDone) {
      ended = true;
    }
    if (here < length) break;
    rest = rest.subspan(4 + length);
  }
  if (hello) return {seen, certificate || ended || seen.version == "TLS 1.3" || records.alert.has_value(), {}};
  if (!records.alert) {
    seen.evidence = evidence_of(reply);
    return {seen, false, {}};
  }
  seen.evidence = fmt::format("TLS alert {}", *records.alert);
  // protocol_version, handshake_failure, insufficient_security: it may want a newer version. unexpected_message and
  // decode_error: it was asked something else than TLS.
  Heard heard{seen, true, {}};
  if (*records.alert == 70 || *records.alert == 40 || *records.alert == 71)
    heard.follow_up = "tls13-client-hello";
  else
    heard.follow_up = "tls-client-hello";
  return heard;
}

}  // namespace demarc::app
