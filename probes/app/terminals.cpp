// Screens and keyboards over the network: Telnet, VNC, X11. Each is asked how one would log in, and no further.
#include <algorithm>

#include <fmt/format.h>

#include "probes/app/codecs.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

constexpr std::uint8_t kIac = 255, kWill = 251, kWont = 252, kDont = 254, kSubnegotiation = 250,
                       kSubnegotiationEnd = 240;

/// What is left of Telnet bytes without their commands: a banner or a prompt.
std::string telnet_text(Bytes reply) {
  std::string text;
  for (std::size_t i = 0; i < reply.size(); ++i) {
    if (reply[i] != kIac) {
      if (text.size() < kEvidenceMax)
        text += reply[i] < 0x20 || reply[i] == 0x7F ? ' ' : static_cast<char>(reply[i]);
      continue;
    }
    if (++i >= reply.size()) break;
    if (reply[i] >= kWill && reply[i] <= kDont) {
      ++i;
    } else if (reply[i] == kSubnegotiation) {
      while (++i < reply.size() && reply[i] != kSubnegotiationEnd) {}
    }
  }
  std::string squeezed;
  for (char c : text)
    if (c != ' ' || (!squeezed.empty() && squeezed.back() != ' ')) squeezed += c;
  return word_of(squeezed);
}

}  // namespace

Heard read_telnet(Bytes reply) {  // RFC 854: IAC, then WILL, WONT, DO or DONT, then an option
  if (reply.size() < 3 || reply[0] != kIac || reply[1] < kWill || reply[1] > kDont) return {};
  ServiceSeen seen;
  seen.name = "telnet";
  const std::string text = telnet_text(reply);
  seen.evidence = text.empty() ? "options" : "options, then: " + text;
  // Most wait for an answer to their options before they show a prompt.
  return {seen, true, {}, text.empty() ? "telnet-refusals" : ""};
}

ByteString telnet_refusals(std::string_view) {
  ByteString out;
  ByteWriter w(out);
  // Terminal type, speed, X display, environment (old and new), window size, flow control, echo: none of them here.
  for (unsigned option : {24U, 32U, 35U, 36U, 39U, 31U, 33U, 1U}) w.u8(kIac).u8(kWont).u8(option);
  for (unsigned option : {5U, 38U, 37U}) w.u8(kIac).u8(kDont).u8(option);
  return out;
}

Heard read_vnc(Bytes reply) {  // RFC 6143 §7.1.1: "RFB 003.008\n"
  std::string_view text = text_of(reply);
  auto digits = [&](std::size_t at) {
    return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(at),
                       text.begin() + static_cast<std::ptrdiff_t>(at) + 3,
                       [](char c) { return c >= '0' && c <= '9'; });
  };
  if (text.size() < 12 || !text.starts_with("RFB ") || text[7] != '.' || text[11] != '\n' || !digits(4) ||
      !digits(8))
    return {};
  ServiceSeen seen = service_of("vnc", reply);
  seen.version = "RFB " + std::string(text.substr(4, 7));
  return {seen, true, {}, text.substr(4, 7) >= "003.007" ? "vnc-security" : ""};
}

ByteString vnc_version(std::string_view) { return bytes_of("RFB 003.008\n"); }

Heard read_vnc_security(Bytes reply) {  // RFC 6143 §7.1.2, and the list of types in its §8.1.2
  if (reply.empty()) return {};
  ServiceSeen seen;
  seen.name = "vnc";
  const std::size_t count = reply[0];
  if (count == 0) {
    seen.evidence = "no security type for us";
    return {seen, true};
  }
  if (count > 32) return {};
  if (reply.size() < count + 1) return {seen, false};
  if (reply.size() > count + 1) return {};
  seen.evidence = "security";
  for (std::size_t i = 1; i <= count; ++i) {
    std::string_view name = reply[i] == 1    ? "none"
                            : reply[i] == 2  ? "VNC password"
                            : reply[i] == 16 ? "Tight"
                            : reply[i] == 18 ? "TLS"
                            : reply[i] == 19 ? "VeNCrypt"
                            : reply[i] == 30 ? "Apple"
                                             : "";
    seen.evidence += (i == 1 ? " " : ", ") + (name.empty() ? fmt::format("type {}", reply[i]) : std::string(name));
  }
  return {seen, true};
}

ByteString x11_setup(
    std::string_view) {  // X Window System Protocol, connection setup: little-endian, 11.0, no proof
  ByteString out;
  ByteWriter w(out, true);
  w.u8('l').u8(0).u16(11).u16(0).u16(0).u16(0).u16(0);
  return out;
}

Heard read_x11(Bytes reply) {
  if (reply.size() < 8 || reply[0] > 2 || le16(&reply[2]) != 11 || le16(&reply[4]) > 2) return {};
  const std::size_t length = 4 * std::size_t{le16(&reply[6])};
  ServiceSeen seen;
  seen.name = "x11";
  seen.evidence = reply[0] == 1 ? "setup accepted without a proof" : "setup refused";
  if (length == 0 || length > 256 * 1024) return {};
  if (reply[0] == 0 && reply.size() >= 8 + length) {
    seen.evidence += ": " + word_of(first_line(text_of(reply.subspan(8, std::min<std::size_t>(reply[1], length)))));
    return {seen, true};
  }
  if (reply[0] != 1) return {seen, reply.size() >= 8 + length};
  if (reply.size() < 40) return {seen, false};
  const std::uint32_t release = le32(&reply[8]);
  const std::size_t vendor = le16(&reply[24]);
  if (reply.size() < 40 + vendor) return {seen, false};
  seen.product = word_of(text_of(reply.subspan(40, vendor)));
  seen.version = fmt::format("{}.{}.{}", release / 10000000, release / 100000 % 100, release / 1000 % 100);
  return {seen, true};
}

}  // namespace demarc::app
