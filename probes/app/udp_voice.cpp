// Telephony and things: SIP, STUN, SSDP, CoAP.
#include <algorithm>

#include <fmt/format.h>

#include "probes/app/udp_codecs.h"

namespace demarc::app {

namespace {

constexpr std::uint32_t kStunCookie = 0x2112A442;

/// The value of a header line, names without case (RFC 3261 §7.3.1, RFC 9110 §5.1); `name` in lower case.
std::string_view header_of(std::string_view text, std::string_view name) {
  for (int lines = 0; lines < 64 && !text.empty(); ++lines) {
    std::string_view line = first_line(text);
    std::size_t end = text.find('\n');
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.empty()) return {};
    if (line.size() <= name.size() || line[name.size()] != ':' ||
        !contains_ignoring_case(line.substr(0, name.size()), name))
      continue;
    line.remove_prefix(name.size() + 1);
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    return line;
  }
  return {};
}

/// "Product/1.2 (more)", "kamailio (5.6.3 (x86_64/linux))": a name, and a version where a digit follows it.
/// Anything else stays whole: "FPBX-16.0.33(18.9.0)".
void name_product(std::string_view text, ServiceSeen& seen) {
  std::size_t end = text.find_first_of("/ (");
  std::size_t digit = text.find_first_not_of("/ (", std::min(end, text.size()));
  if (digit == text.npos || text[digit] < '0' || text[digit] > '9') {
    seen.product = word_of(text.substr(0, 64));
    return;
  }
  seen.product = word_of(text.substr(0, end));
  text.remove_prefix(digit);
  seen.version = word_of(text.substr(0, text.find_first_of(" (),;")));
}

/// "UPnP/1.0" says a protocol, not a product: the last word of a server's line is the product (UPnP 1.1 §1.3.3).
void name_upnp(std::string_view server, ServiceSeen& seen) {
  std::size_t upnp = server.find("UPnP/");
  if (upnp == server.npos) return name_product(server, seen);
  std::size_t blank = server.find(' ', upnp);
  if (blank != server.npos) name_product(server.substr(blank + 1), seen);
}

}  // namespace

ByteString udp_sip_options(const Token& token) {  // RFC 3261 §11; no hops left, so it goes no further (§16.3)
  std::string id = hex_of(token.bytes);
  return bytes_of(
      fmt::format("OPTIONS sip:demarc.invalid SIP/2.0\r\n"
                  "Via: SIP/2.0/UDP demarc.invalid;branch=z9hG4bK{0};rport\r\n"
                  "Max-Forwards: 0\r\n"
                  "To: <sip:demarc.invalid>\r\n"
                  "From: <sip:demarc.invalid>;tag={1}\r\n"
                  "Call-ID: {0}\r\n"
                  "CSeq: 1 OPTIONS\r\n"
                  "Contact: <sip:demarc.invalid>\r\n"
                  "Accept: application/sdp\r\n"
                  "Content-Length: 0\r\n\r\n",
                  id, id.substr(0, 8)));
}

UdpHeard read_udp_sip_options(Bytes reply, const Token& token) {
  UdpHeard heard;
  std::string_view text = text_of(reply);
  if (!text.starts_with("SIP/2.0 ") || text.size() < 12 || text[8] < '1' || text[8] > '6') return {};
  std::string_view id = header_of(text, "call-id");
  if (id.empty()) id = header_of(text, "i");  // the compact form (§7.3.3)
  if (!must_return(token, id == hex_of(token.bytes), 128, heard)) return {};
  std::string_view line = first_line(text);
  is_answer(heard, "sip", evidence_of(reply.first(std::min(line.size(), kEvidenceMax))));
  std::string_view server = header_of(text, "server");
  if (server.empty()) server = header_of(text, "user-agent");
  if (!server.empty()) name_product(server, *heard.seen);
  return heard;
}

ByteString udp_stun(const Token& token) {  // RFC 8489 §5, §6.2.1: Binding, and the transaction id is the token
  ByteString out;
  ByteWriter w(out);
  w.u16(0x0001).u16(0).u32(kStunCookie).bytes(part(token, 0, 12));
  return out;
}

UdpHeard read_udp_stun(Bytes reply, const Token& token) {
  UdpHeard heard;
  ByteReader in(reply);
  unsigned type = in.u16(), length = in.u16();
  std::uint32_t cookie = in.u32();
  Bytes id = in.bytes(12);
  if (!in.ok() || (type != 0x0101 && type != 0x0111) || cookie != kStunCookie || length % 4 != 0 ||
      length > in.left())
    return {};
  if (!must_return(token, same(id, part(token, 0, 12)), 96, heard)) return {};
  is_answer(heard, "stun", type == 0x0101 ? "binding response" : "binding error");
  for (int i = 0; i < 16 && in.left() >= 4; ++i) {
    unsigned attribute = in.u16(), size = in.u16();
    Bytes value = in.bytes(size);
    if (!in.ok()) break;
    in.skip((4 - size % 4) % 4);
    if (attribute == 0x8022) {  // SOFTWARE: "Coturn-4.6.1 'Gorst'"
      std::string_view text = text_of(value);
      std::size_t dash = text.find_first_of("-/ ");
      heard.seen->product = word_of(text.substr(0, dash));
      if (dash != text.npos) {
        text.remove_prefix(dash + 1);
        heard.seen->version = word_of(text.substr(0, text.find(' ')));
      }
    }
  }
  return heard;
}

ByteString udp_ssdp(const Token&) {  // UPnP 1.1 §1.3.2: one root device answers once; no room for a token
  return bytes_of(
      "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n"
      "ST: upnp:rootdevice\r\n\r\n");
}

UdpHeard read_udp_ssdp(Bytes reply, const Token&) {
  UdpHeard heard;
  std::string_view text = text_of(reply);
  if (!text.starts_with("HTTP/1.1 200")) return {};
  std::string_view what = header_of(text, "st"), name = header_of(text, "usn"), where = header_of(text, "location");
  if (what.empty() || name.empty()) return {};
  is_answer(heard, "ssdp", word_of(name) + (where.empty() ? std::string() : " at " + word_of(where)));
  name_upnp(header_of(text, "server"), *heard.seen);
  return heard;
}

ByteString udp_coap(
    const Token& token) {  // RFC 7252 §3, RFC 6690 §4, RFC 7959 §2.2: the first 64 bytes of what is there
  ByteString out;
  ByteWriter w(out);
  w.u8(0x48).u8(0x01).u16(token.u16(8)).bytes(part(token, 0, 8));  // confirmable GET, eight bytes of token
  w.u8(0xBB).bytes(bytes_of(".well-known")).u8(0x04).bytes(bytes_of("core"));
  w.u8(0xC1).u8(0x02);  // Block2: number 0, 64 bytes
  return out;
}

UdpHeard read_udp_coap(Bytes reply, const Token& token) {
  UdpHeard heard;
  if (!was_asked(token) || reply.size() < 4 || reply.size() > 1500 || (reply[0] >> 6) != 1) return {};
  unsigned type = (reply[0] >> 4) & 3U, size = reply[0] & 15U, code = reply[1];
  bool same_id = be16(&reply[2]) == token.u16(8);
  if (code == 0) {  // an empty acknowledgement or a reset: the message id is all it has (§4.2)
    if (type < 2 || size != 0 || reply.size() != 4 || !must_return(token, same_id, 16, heard)) return {};
    return is_answer(heard, "coap", type == 2 ? "acknowledgement" : "reset");
  }
  if (code >> 5 < 2 || code >> 5 > 5 || size != 8 || reply.size() < 12) return {};
  if (!must_return(token, same(reply.subspan(4, 8), part(token, 0, 8)), 64, heard)) return {};
  may_return(token, same_id, 16, heard);
  std::string said = fmt::format("{}.{:02}", code >> 5, code & 31U);
  auto body = std::find(reply.begin() + 12, reply.end(), std::uint8_t{0xFF});
  if (body != reply.end())
    said += " " + word_of(text_of(reply.subspan(static_cast<std::size_t>(body - reply.begin()) + 1)));
  return is_answer(heard, "coap", std::move(said));
}

}  // namespace demarc::app
