// DNS and those who borrowed its messages: multicast DNS, LLMNR, the NetBIOS name service.
#include <algorithm>

#include <fmt/format.h>

#include "probes/app/udp_codecs.h"

namespace demarc::app {

namespace {

constexpr std::size_t kHeader = 12;
constexpr unsigned kA = 1, kPtr = 12, kTxt = 16, kNbStat = 0x21, kInternet = 1, kChaos = 3;

struct DnsHeader {
  std::uint16_t id, flags, questions, answers, authorities, additionals;
};
DnsHeader dns_header(ByteReader& in) {
  DnsHeader h{};
  h.id = in.u16();
  h.flags = in.u16();
  h.questions = in.u16();
  h.answers = in.u16();
  h.authorities = in.u16();
  h.additionals = in.u16();
  return h;
}

/// A name in its labels' own case, dots between them (RFC 1035 §3.1, §4.1.4); pointers only go back, so it ends.
/// nullopt: it does not lie within the message.
std::optional<std::string> take_name(Bytes message, std::size_t& at) {
  std::string name;
  std::size_t here = at, before = message.size();
  bool jumped = false;
  while (true) {
    if (here >= message.size()) return std::nullopt;
    std::size_t size = message[here];
    if (size == 0) {
      if (!jumped) at = here + 1;
      return name;
    }
    if (size >= 0xC0) {
      if (here + 1 >= message.size()) return std::nullopt;
      std::size_t to = be16(&message[here]) & 0x3FFFU;
      if (!jumped) at = here + 2;
      if (to >= std::min(here, before)) return std::nullopt;
      before = to;
      here = to;
      jumped = true;
      continue;
    }
    if (size > 63 || here + 1 + size > message.size() || name.size() + size > 255) return std::nullopt;
    if (!name.empty()) name += '.';
    name += text_of(message.subspan(here + 1, size));
    here += 1 + size;
  }
}

void put_name(ByteWriter& out, std::string_view name) {
  while (!name.empty()) {
    std::string_view label = name.substr(0, name.find('.'));
    out.u8(static_cast<unsigned>(label.size())).bytes(bytes_of(label));
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  out.u8(0);
}

ByteString question(std::uint16_t id, std::uint16_t flags, std::string_view name, unsigned type, unsigned cls) {
  ByteString out;
  ByteWriter w(out);
  w.u16(id).u16(flags).u16(1).u16(0).u16(0).u16(0);
  put_name(w, name);
  w.u16(type).u16(cls);
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string_view rcode_name(unsigned code) {
  constexpr std::string_view kNames[] = {"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
                                         "YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE"};
  return code < std::size(kNames) ? kNames[code] : "an unknown code";
}

/// A response to `name`: its id comes back always; the question as it was written nearly always (RFC 1035 §4.1.1;
/// one that could not be read may be left out), and its case is worth a bit for each letter or more.
UdpHeard dns_answer(Bytes reply, const Token& token, std::string_view name, unsigned name_bits, std::size_t& at) {
  UdpHeard heard;
  if (reply.size() < kHeader) return {};
  ByteReader in(reply);
  DnsHeader h = dns_header(in);
  if ((h.flags & 0x8000) == 0 || (h.flags & 0x7800) != 0 || h.questions > 1) return {};
  if (!must_return(token, h.id == token.u16(), 16, heard)) return {};
  unsigned code = h.flags & 15U;
  at = kHeader;
  if (h.questions == 1) {
    std::optional<std::string> asked = take_name(reply, at);
    if (!asked || at + 4 > reply.size()) return {};
    unsigned type = be16(&reply[at]);
    if (type == 0x20 || type == kNbStat) return {};  // NetBIOS
    at += 4;
    if (!must_return(token, lower(*asked) == lower(name), 0, heard)) return {};
    may_return(token, *asked == name, name_bits, heard);
  } else if (code == 0 || h.answers != 0 || reply.size() != kHeader) {
    return {};
  }
  return is_answer(heard, "dns", fmt::format("response, {}", rcode_name(code)));
}

std::string version_bind(const Token& token) {  // "vErSIon.bINd": one bit of the token in each letter's case
  std::string name = "version.bind";
  unsigned bits = token.u16(2), used = 0;
  for (char& c : name)
    if (c != '.' && ((bits >> used++) & 1U) != 0) c = static_cast<char>(c - 'a' + 'A');
  return name;
}

std::string nowhere(const Token& token) {  // RFC 6761 §6.4: no server owns a name below "invalid"
  return hex_of(part(token, 2, 12)) + ".invalid";
}

/// "dnsmasq-2.90", "unbound 1.17.1"; a bare "9.18.24-1-Debian" is BIND's way.
void name_dns_server(std::string_view text, ServiceSeen& seen) {
  if (text.front() >= '0' && text.front() <= '9') {
    seen.version = text;
    return;
  }
  std::size_t end = text.find_first_of(" -");
  seen.product = text.substr(0, end);
  if (end != text.npos) seen.version = text.substr(end + 1);
}

constexpr std::string_view kServices = "_services._dns-sd._udp.local";

}  // namespace

ByteString udp_dns_version_bind(const Token& token) {  // RFC 4892 §2
  return question(token.u16(), 0, version_bind(token), kTxt, kChaos);
}

UdpHeard read_udp_dns_version_bind(Bytes reply, const Token& token) {
  std::size_t at = 0;
  UdpHeard heard = dns_answer(reply, token, version_bind(token), 11, at);
  if (!heard.is_answer) return heard;
  unsigned answers = be16(&reply[6]);
  for (unsigned i = 0; i < answers && i < 4; ++i) {
    if (!take_name(reply, at) || at + 10 > reply.size()) break;
    unsigned type = be16(&reply[at]), size = be16(&reply[at + 8]);
    at += 10;
    if (at + size > reply.size()) break;
    ByteReader data(reply.subspan(at, size));
    at += size;
    std::string_view text = text_of(data.bytes(data.u8()));
    if (type != kTxt || !data.ok() || text.empty()) continue;
    std::string said = word_of(text);
    if (!said.empty()) name_dns_server(said, *heard.seen);
    break;
  }
  return heard;
}

ByteString udp_dns_query(const Token& token) {  // without recursion: nobody else is asked because of us
  return question(token.u16(), 0, nowhere(token), kA, kInternet);
}

UdpHeard read_udp_dns_query(Bytes reply, const Token& token) {
  std::size_t at = 0;
  return dns_answer(reply, token, nowhere(token), 96, at);
}

ByteString udp_mdns(const Token& token) {  // RFC 6763 §9, asked by unicast (RFC 6762 §6.7: id and question return)
  return question(token.u16(), 0, kServices, kPtr, kInternet);
}

UdpHeard read_udp_mdns(Bytes reply, const Token& token) {
  UdpHeard heard;
  if (reply.size() < kHeader) return {};
  ByteReader in(reply);
  DnsHeader h = dns_header(in);
  if ((h.flags & 0xF800) != 0x8000 || (h.flags & 15) != 0 || h.questions > 1 || h.answers == 0) return {};
  if (!must_return(token, h.id == token.u16(), 16, heard)) return {};
  std::size_t at = kHeader;
  if (h.questions == 1) {
    if (!take_name(reply, at) || at + 4 > reply.size()) return {};
    at += 4;
  }
  std::string types;
  unsigned told = 0;
  for (unsigned i = 0; i < h.answers && i < 16; ++i) {
    std::optional<std::string> owner = take_name(reply, at);
    if (!owner || !lower(*owner).ends_with("local") || at + 10 > reply.size()) break;
    unsigned type = be16(&reply[at]), size = be16(&reply[at + 8]);
    at += 10;
    if (at + size > reply.size()) break;
    std::size_t inside = at;
    std::optional<std::string> value = type == kPtr ? take_name(reply, inside) : std::nullopt;
    at += size;
    ++told;
    if (!value || types.size() > kEvidenceMax) continue;
    if (!types.empty()) types += ", ";
    types += word_of(*value);
  }
  if (told == 0) return {};
  return is_answer(heard, "mdns", types.empty() ? std::string("response") : "services " + types);
}

ByteString udp_llmnr(const Token& token) {  // RFC 4795 §2.1.1; a host answers for its own names only
  return question(token.u16(), 0, hex_of(part(token, 2, 8)), kA, kInternet);
}

UdpHeard read_udp_llmnr(Bytes reply, const Token& token) {  // by form it is DNS, whose rows come first
  std::size_t at = 0;
  UdpHeard heard = dns_answer(reply, token, hex_of(part(token, 2, 8)), 64, at);
  if (heard.is_answer) heard.seen->name = "llmnr";
  return heard;
}

ByteString udp_nbstat(const Token& token) {  // RFC 1002 §4.2.17: the node status of whoever is there
  ByteString out;
  ByteWriter w(out);
  w.u16(token.u16()).u16(0).u16(1).u16(0).u16(0).u16(0);
  w.u8(32).u8('C').u8('K');  // "*" and fifteen zeros in half-ASCII (§4.1)
  for (int i = 0; i < 30; ++i) w.u8('A');
  w.u8(0).u16(kNbStat).u16(kInternet);
  return out;
}

UdpHeard read_udp_nbstat(Bytes reply, const Token& token) {  // RFC 1002 §4.2.18
  UdpHeard heard;
  ByteReader in(reply);
  DnsHeader h = dns_header(in);
  if ((h.flags & 0x8000) == 0 || h.questions != 0 || h.answers != 1) return {};
  if (in.u8() != 32) return {};
  in.skip(32);
  if (in.u8() != 0 || in.u16() != kNbStat || in.u16() != kInternet) return {};
  in.skip(4);
  unsigned size = in.u16(), count = in.u8();
  if (!in.ok() || size < 1 + 18 * count || in.left() < 18 * count) return {};
  if (!must_return(token, h.id == token.u16(), 16, heard)) return {};
  std::string host, domain;
  for (unsigned i = 0; i < count; ++i) {
    std::string name = word_of(text_of(in.bytes(15)));
    std::uint8_t suffix = in.u8();
    bool group = (in.u16() & 0x8000) != 0;
    if (suffix == 0x00 && !group && host.empty()) host = name;
    if (suffix == 0x20 && !group && host.empty()) host = name;
    if (suffix == 0x00 && group && domain.empty()) domain = name;
    if (suffix == 0x1C && group) domain = name + " (domain controller)";
  }
  std::string said = fmt::format("host {}", host.empty() ? "without a name" : host);
  if (!domain.empty()) said += ", domain " + domain;
  Bytes mac = in.bytes(6);
  if (in.ok() && std::any_of(mac.begin(), mac.end(), [](std::uint8_t b) { return b != 0; }))
    said += fmt::format(", MAC {:02x}", fmt::join(mac, ":"));
  return is_answer(heard, "netbios-ns", std::move(said));
}

}  // namespace demarc::app
