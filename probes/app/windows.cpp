// What Windows hosts speak, and those that speak like them: SMB, NetBIOS sessions, RDP. Every question stops at the
// negotiation, or at the server's challenge: nobody logs in.
#include <algorithm>

#include <fmt/format.h>

#include "probes/app/codecs.h"
#include "probes/app/ntlm.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

/// RFC 1002 §4.3.1, and MS-SMB2 §2.1 for the same four bytes on port 445.
ByteString session_message(const ByteString& payload) {
  ByteString out;
  ByteWriter w(out);
  w.u8(0).u8(0).u16(static_cast<unsigned>(payload.size())).bytes(payload);
  return out;
}

/// A NetBIOS name as half-ASCII (RFC 1002 §4.1 and RFC 1001 §14.1), with its length and the final zero.
void netbios_name(ByteWriter& out, std::string_view name, std::uint8_t suffix) {
  out.u8(32);
  for (std::size_t i = 0; i < 16; ++i) {
    std::uint8_t c = i == 15 ? suffix : i < name.size() ? static_cast<std::uint8_t>(name[i]) : std::uint8_t{' '};
    out.u8('A' + (c >> 4)).u8('A' + (c & 15));
  }
  out.u8(0);
}

std::string_view dialect_name(std::uint16_t dialect) {
  switch (dialect) {
    case 0x0202: return "SMB 2.0.2";
    case 0x0210: return "SMB 2.1";
    case 0x02FF: return "SMB 2";
    case 0x0300: return "SMB 3.0";
    case 0x0302: return "SMB 3.0.2";
    case 0x0311: return "SMB 3.1.1";
    default: return "SMB";
  }
}

constexpr std::uint16_t kSmb2SessionSetup = 1;
constexpr std::uint32_t kMoreProcessingRequired = 0xC0000016;

Heard read_smb2(Bytes message) {
  ServiceSeen seen;
  seen.name = "smb";
  if (message.size() < 64) return {seen, false, {}};
  std::uint32_t status = le32(&message[8]);
  std::uint16_t command = le16(&message[12]);
  if (le16(&message[4]) != 64) return {};
  if (command == kSmb2SessionSetup) {  // STATUS_MORE_PROCESSING_REQUIRED, with the challenge
    if (std::optional<NtlmChallenge> challenge = find_ntlm_challenge(message)) {
      seen.product = product_of(*challenge);
      seen.evidence = describe(*challenge);
    } else if (status != kMoreProcessingRequired) {
      seen.evidence = fmt::format("no challenge, status 0x{:08x}", status);
    }
    return {seen, true};
  }
  if (command != 0 || status != 0 || message.size() < 70) {
    seen.version = "SMB 2";
    seen.evidence = fmt::format("SMB2 status 0x{:08x}", status);
    return {seen, command != 0 || status != 0, {}};
  }
  std::uint16_t mode = le16(&message[66]), dialect = le16(&message[68]);
  seen.version = dialect_name(dialect);
  seen.evidence = fmt::format("SMB2 negotiate: dialect 0x{:04x}, signing {}", dialect,
                              mode & 2   ? "required"
                              : mode & 1 ? "enabled"
                                         : "off");
  // Who it is comes next. Whether it would speak SMB 1 as well is another question, and matters at a boundary.
  return {seen, true, "smb1-negotiate", "smb2-session-setup"};
}

Heard read_smb1(Bytes message) {
  ServiceSeen seen;
  seen.name = "smb";
  if (message.size() < 37) return {seen, false, {}};
  std::uint32_t status = le32(&message[5]);
  std::uint8_t words = message[32];
  std::uint16_t index = le16(&message[33]);
  if (message[4] != 0x72 || status != 0 || words == 0 || index == 0xFFFF) {
    seen.evidence = "SMB 1 refused the dialect";
    return {seen, true, {}};
  }
  seen.version = "SMB 1";
  seen.evidence = "SMB 1 negotiate: accepted";
  if (words >= 17 && message.size() > 35) {
    std::uint8_t mode = message[35];
    seen.evidence += fmt::format(", signing {}", mode & 8 ? "required" : mode & 4 ? "enabled" : "off");
  }
  return {seen, true, {}};
}

}  // namespace

ByteString smb2_negotiate(std::string_view) {  // MS-SMB2 §2.2.3
  ByteString message;
  ByteWriter m(message, true);
  m.u8(0xFE)
      .u8('S')
      .u8('M')
      .u8('B')
      .u16(64)
      .u16(0)
      .u32(0)
      .u16(0)
      .u16(31)
      .u32(0)
      .u32(0)
      .u64(0)
      .u32(0)
      .u32(0)
      .u64(0)
      .zeros(16);
  constexpr std::uint16_t kDialects[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};
  m.u16(36).u16(std::size(kDialects)).u16(1).u16(0).u32(0x7F);
  m.bytes(Bytes(reinterpret_cast<const std::uint8_t*>("demarc-client-id"), 16));  // ClientGuid
  m.u32(112).u16(2).u16(0);  // NegotiateContextOffset (8-byte aligned), count
  for (std::uint16_t dialect : kDialects) m.u16(dialect);
  m.zeros(112 - message.size());
  m.u16(1).u16(38).u32(0).u16(1).u16(32).u16(1).zeros(32);  // preauthentication integrity: SHA-512, a salt
  m.zeros(2);
  m.u16(2).u16(6).u32(0).u16(2).u16(2).u16(1);  // encryption: AES-128-GCM, AES-128-CCM
  return session_message(message);
}

ByteString smb2_session_setup(std::string_view) {  // MS-SMB2 §2.2.5: NTLM's first message, anonymous
  const ByteString token = spnego_ntlm_negotiate();
  ByteString message;
  ByteWriter m(message, true);
  m.bytes(bytes_of("\xFESMB")).u16(64).u16(1).u32(0).u16(kSmb2SessionSetup).u16(31).u32(0).u32(0).u64(1);
  m.zeros(8 + 8 + 16);
  m.u16(25).u8(0).u8(1).u32(0).u32(0).u16(88).u16(static_cast<unsigned>(token.size())).u64(0).bytes(token);
  return session_message(message);
}

ByteString smb1_negotiate(std::string_view) {  // MS-CIFS §2.2.4.52.1, with the last dialect of SMB 1 alone
  ByteString message;
  ByteWriter m(message, true);
  m.u8(0xFF)
      .u8('S')
      .u8('M')
      .u8('B')
      .u8(0x72)
      .u32(0)
      .u8(0x18)
      .u16(0xC801)
      .u16(0)
      .zeros(8)
      .u16(0)
      .u16(0xFFFF)
      .u16(0)
      .u16(0)
      .u16(0);
  constexpr std::string_view kDialect = "NT LM 0.12";
  m.u8(0).u16(static_cast<unsigned>(kDialect.size() + 2)).u8(2).bytes(bytes_of(kDialect)).u8(0);
  return session_message(message);
}

Heard read_smb(Bytes reply) {
  if (reply.size() < 9 || reply[0] != 0) return {};
  std::size_t length = (std::size_t{reply[1]} << 16) | be16(&reply[2]);
  Bytes message = reply.subspan(4, std::min(length, reply.size() - 4));
  if (message.size() < 4 || message[1] != 'S' || message[2] != 'M' || message[3] != 'B') return {};
  if (message[0] == 0xFE) return read_smb2(message);
  if (message[0] == 0xFF) return read_smb1(message);
  return {};
}

ByteString netbios_session_request(std::string_view) {
  ByteString out, names;
  ByteWriter n(names);
  netbios_name(n, "*SMBSERVER", 0x20);
  netbios_name(n, "DEMARC", 0x00);
  ByteWriter w(out);
  w.u8(0x81).u8(0).u16(static_cast<unsigned>(names.size())).bytes(names);
  return out;
}

Heard read_netbios_session(Bytes reply) {  // RFC 1002 §4.3.3 to §4.3.5
  ServiceSeen seen;
  seen.name = "netbios-session";
  if (reply.size() == 4 && reply[0] == 0x82 && reply[1] == 0 && be16(&reply[2]) == 0) {
    seen.evidence = "positive session response";
    return {seen, true, {}, "smb2-negotiate"};
  }
  if (reply.size() == 5 && reply[0] == 0x83 && reply[1] == 0 && be16(&reply[2]) == 1) {
    seen.evidence = fmt::format("negative session response 0x{:02x}", reply[4]);
    return {seen, true, "smb1-negotiate"};
  }
  if (reply.size() == 10 && reply[0] == 0x84 && reply[1] == 0 && be16(&reply[2]) == 6) {
    seen.evidence = "retarget session response";
    return {seen, true, {}};
  }
  return {};
}

ByteString rdp_connect(
    std::string_view) {  // MS-RDPBCGR §2.2.1.1: X.224 connection request; we could speak TLS, CredSSP and RDSTLS
  ByteString out;
  ByteWriter w(out);
  w.u8(3).u8(0).u16(19).u8(14).u8(0xE0).u16(0).u16(0).u8(0);
  w.u8(1).u8(0).u8(8).u8(0).u8(0x0B).u8(0).u8(0).u8(0);
  return out;
}

Heard read_rdp(Bytes reply) {  // §2.2.1.2
  if (reply.size() < 11 || reply[0] != 3 || reply[1] != 0) return {};
  std::size_t length = be16(&reply[2]);
  if (length < 11 || length > 64 || reply[5] != 0xD0 || reply[4] != length - 5) return {};
  ServiceSeen seen;
  seen.name = "rdp";
  if (reply.size() < length) return {seen, false, {}};
  seen.evidence = "X.224 connection confirm";
  Heard heard{std::nullopt, true};
  if (length >= 19 && reply[11] == 2) {
    const std::uint32_t protocol = le32(&reply[15]);
    const bool credssp = protocol == 2 || protocol == 8;
    seen.evidence += protocol == 0   ? ", standard RDP security"
                     : protocol == 1 ? ", TLS"
                     : credssp       ? ", CredSSP"
                                     : fmt::format(", protocol 0x{:x}", protocol);
    heard.start_tls = protocol == 1 || credssp;
    if (credssp) heard.then = "credssp-negotiate";
  } else if (length >= 19 && reply[11] == 3) {
    seen.evidence += fmt::format(", negotiation failure {}", le32(&reply[15]));
  }
  heard.seen = std::move(seen);
  return heard;
}

}  // namespace demarc::app
