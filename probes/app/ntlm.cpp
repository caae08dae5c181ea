#include "probes/app/ntlm.h"

#include <fmt/format.h>

#include <algorithm>

#include "probes/app/ber.h"
#include "probes/app/codecs.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

constexpr std::string_view kSignature("NTLMSSP\0", 8);
constexpr std::size_t kNameMax = 255;

/// UTF-16 as far as names of hosts need it.
std::string narrow(Bytes utf16) {
  std::string text;
  for (std::size_t i = 0; i + 1 < utf16.size() && text.size() < kNameMax; i += 2) {
    std::uint16_t unit = le16(&utf16[i]);
    text += unit < 0x80 ? static_cast<char>(unit) : '?';
  }
  return bytes_escaped(text);
}

struct Release {
  std::uint16_t build;
  std::string_view name;
};
// The builds that servers had when they were released; a client Windows may share one.
constexpr Release kReleases[] = {
    {3790, "Windows Server 2003"},    {6002, "Windows Server 2008"},    {6003, "Windows Server 2008"},
    {7600, "Windows Server 2008 R2"}, {7601, "Windows Server 2008 R2"}, {9200, "Windows Server 2012"},
    {9600, "Windows Server 2012 R2"}, {14393, "Windows Server 2016"},   {17763, "Windows Server 2019"},
    {20348, "Windows Server 2022"},   {26100, "Windows Server 2025"},
};

}  // namespace

ByteString ntlm_negotiate() {
  ByteString out;
  ByteWriter w(out, true);
  // Unicode, request target, NTLM, always sign, extended session security, target info, version, 128 and 56 bits.
  w.bytes(bytes_of(kSignature)).u32(1).u32(0xA2888205).zeros(16);
  w.u8(10).u8(0).u16(0).zeros(3).u8(15);
  return out;
}

ByteString spnego_ntlm_negotiate() {
  const ByteString spnego = {0x2B, 6, 1, 5, 5, 2}, ntlm = {0x2B, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0A};
  const ByteString mechanisms = ber(0xA0, ber(0x30, ber(0x06, ntlm)));
  const ByteString token = ber(0xA2, ber(0x04, ntlm_negotiate()));
  return ber(0x60, ber(0x06, spnego) + ber(0xA0, ber(0x30, mechanisms + token)));
}

std::optional<NtlmChallenge> find_ntlm_challenge(Bytes bytes) {
  auto at = std::search(bytes.begin(), bytes.end(), kSignature.begin(), kSignature.end());
  if (at == bytes.end()) return std::nullopt;
  Bytes message = bytes.subspan(static_cast<std::size_t>(at - bytes.begin()));
  if (message.size() < 48 || le32(&message[8]) != 2) return std::nullopt;
  NtlmChallenge challenge;
  const std::uint32_t flags = le32(&message[20]);
  const std::size_t size = le16(&message[40]), offset = le32(&message[44]);
  if ((flags & 0x02000000U) != 0 && message.size() >= 56) {
    challenge.major = message[48];
    challenge.minor = message[49];
    challenge.build = le16(&message[50]);
  }
  if (offset > message.size() || size > message.size() - offset) return std::nullopt;  // half of it, or nonsense
  ByteReader pairs(message.subspan(offset, size));
  for (int i = 0; i < 16; ++i) {  // AV_PAIR, §2.2.2.1
    std::uint16_t id = pairs.u16_le(), length = pairs.u16_le();
    Bytes value = pairs.bytes(length);
    if (!pairs.ok() || id == 0) break;
    if (id == 1) challenge.host = narrow(value);
    if (id == 2) challenge.domain = narrow(value);
    if (id == 3) challenge.dns_host = narrow(value);
    if (id == 4) challenge.dns_domain = narrow(value);
  }
  return challenge;
}

std::string product_of(const NtlmChallenge& challenge) {
  if (challenge.major == 0) return {};
  // Windows 7 was never build 0: it is what Samba has said for many years.
  if (challenge.major == 6 && challenge.minor == 1 && challenge.build == 0) return "Samba";
  for (const Release& release : kReleases)
    if (release.build == challenge.build) return std::string(release.name);
  return fmt::format("Windows {}.{}.{}", challenge.major, challenge.minor, challenge.build);
}

std::string describe(const NtlmChallenge& challenge) {
  std::string text;
  auto add = [&](std::string_view what, const std::string& value) {
    if (!value.empty()) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", what, value);
  };
  add("host", challenge.host);
  if (challenge.domain != challenge.host) add("domain", challenge.domain);
  add("DNS name", challenge.dns_host);
  if (challenge.dns_domain != challenge.dns_host) add("DNS domain", challenge.dns_domain);
  if (challenge.major != 0 && product_of(challenge) != "Samba")
    add("Windows", fmt::format("{}.{}.{}", challenge.major, challenge.minor, challenge.build));
  return text;
}

ByteString credssp_negotiate(std::string_view) {
  const ByteString token = ber(0x30, ber(0xA0, ber(0x04, ntlm_negotiate())));
  return ber(0x30, ber(0xA0, ber(0x02, {6})) + ber(0xA1, ber(0x30, token)));
}

Heard read_credssp(Bytes reply) {
  std::optional<NtlmChallenge> challenge = find_ntlm_challenge(reply);
  if (!challenge) return {};
  ServiceSeen seen;
  seen.name = "rdp";
  seen.product = product_of(*challenge);
  seen.evidence = describe(*challenge);
  return {seen, true};
}

}  // namespace demarc::app
