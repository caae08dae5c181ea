// What an NTLM challenge tells before anybody has logged in: the names of the host and its domain, and which
// Windows it is. SMB, CredSSP (RDP) and HTTP (WinRM, IIS) all carry the same message, so all ask and read it here.
// The third message, the one with a proof of a password, is never sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "probes/app/app_probe.h"

namespace demarc::app {

struct NtlmChallenge {
  std::string host, domain;          // NetBIOS names
  std::string dns_host, dns_domain;  // as DNS knows them
  std::uint8_t major = 0, minor = 0;
  std::uint16_t build = 0;  // 0.0.0: not told
};

/// NEGOTIATE_MESSAGE (MS-NLMP §2.2.1.1), anonymous.
ByteString ntlm_negotiate();
/// The same as SPNEGO's first token (RFC 4178 §4.2.1).
ByteString spnego_ntlm_negotiate();
/// Finds a CHALLENGE_MESSAGE (§2.2.1.2) anywhere in the bytes.
std::optional<NtlmChallenge> find_ntlm_challenge(Bytes bytes);
/// "host WEB1, domain EXAMPLE, DNS name web1.example.net, Windows 10.0.20348"
std::string describe(const NtlmChallenge& challenge);
/// "Windows Server 2022", "Windows 10.0.12345", "Samba"; empty if not told.
std::string product_of(const NtlmChallenge& challenge);

/// CredSSP's first message (MS-CSSP §2.2.1), for RDP inside TLS.
ByteString credssp_negotiate(std::string_view host);
Heard read_credssp(Bytes reply);

}  // namespace demarc::app
