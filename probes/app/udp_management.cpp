// Clocks and management: NTP, SNMP, IPMI, RADIUS. The questions are those of a client that only looks.
#include <algorithm>

#include <fmt/format.h>

#include "probes/app/ber.h"
#include "probes/app/udp_codecs.h"

namespace demarc::app {

namespace {

// SNMP's numbers are signed, and zero is a poor token.
std::uint32_t snmp_id(const Token& token, unsigned at) { return (token.u32(at) & 0x7FFFFFFF) | 1U; }

constexpr std::uint8_t kGetRequest = 0xA0, kResponse = 0xA2, kReport = 0xA8;

struct Enterprise {
  std::uint32_t number;
  std::string_view name;
};
// IANA private enterprise numbers of those who stand at a boundary.
constexpr Enterprise kEnterprises[] = {
    {2, "IBM"},         {9, "Cisco"},          {11, "HP"},          {42, "Sun"},          {311, "Microsoft"},
    {318, "APC"},       {674, "Dell"},         {789, "NetApp"},     {1588, "Brocade"},    {1916, "Extreme"},
    {2021, "UCD-SNMP"}, {2620, "Check Point"}, {2636, "Juniper"},   {3375, "F5"},         {6876, "VMware"},
    {8072, "Net-SNMP"}, {12356, "Fortinet"},   {14988, "MikroTik"}, {25461, "Palo Alto"}, {41112, "Ubiquiti"}};
std::string_view enterprise_name(std::uint32_t number) {
  for (const Enterprise& enterprise : kEnterprises)
    if (enterprise.number == number) return enterprise.name;
  return {};
}

ByteString null_binding(const ByteString& oid) {
  return ber(0x30, joined({ber(0x06, oid), ber(0x05, ByteString{})}));
}

/// 1.3.6.1.2.1.1.1.0 and 1.3.6.1.2.1.1.2.0: what the system says it is, and whose it is (RFC 3418 §2).
const ByteString kSysDescr = {0x2B, 6, 1, 2, 1, 1, 1, 0}, kSysObjectId = {0x2B, 6, 1, 2, 1, 1, 2, 0};

ByteString community_get(const Token& token, unsigned version) {  // RFC 1157 §4.1.2, RFC 3416 §4.2.1
  ByteString bindings = ber(0x30, joined({null_binding(kSysDescr), null_binding(kSysObjectId)}));
  ByteString pdu =
      ber(kGetRequest, joined({ber_number(snmp_id(token, 0)), ber_number(0), ber_number(0), bindings}));
  return ber(0x30, joined({ber_number(version), ber(0x04, "public"), pdu}));
}

/// The enterprise of 1.3.6.1.4.1.N…
std::uint32_t enterprise_of(Bytes oid) {
  constexpr std::uint8_t kPrivate[] = {0x2B, 6, 1, 4, 1};
  if (oid.size() < 6 || !same(oid.first(5), kPrivate)) return 0;
  std::uint32_t number = 0;
  for (std::size_t i = 5; i < oid.size() && i < 10; ++i) {
    number = (number << 7) | (oid[i] & 0x7FU);
    if ((oid[i] & 0x80) == 0) return number;
  }
  return 0;
}

std::string_view snmp_error(std::uint32_t status) {
  constexpr std::string_view kNames[] = {"noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr"};
  return status < std::size(kNames) ? kNames[status] : "an error";
}

}  // namespace

ByteString udp_ntp(const Token& token) {  // RFC 5905 §7.3; the client's own time is nobody's business: a token
  ByteString out;
  ByteWriter w(out);
  w.u8(4 << 3 | 3).zeros(39).u64(token.u64());
  return out;
}

UdpHeard read_udp_ntp(Bytes reply, const Token& token) {
  UdpHeard heard;
  if (reply.size() < 48 || reply.size() > 1024) return {};
  unsigned mode = reply[0] & 7U, version = (reply[0] >> 3) & 7U, stratum = reply[1];
  if (mode != 4 || version < 1 || version > 4 || stratum > 16) return {};
  if (!was_asked(token) && (be64(&reply[40]) >> 63) == 0) return {};  // a server's clock shows 1968 to 2036
  if (!must_return(token, be64(&reply[24]) == token.u64(), 64, heard)) return {};
  std::string said = fmt::format("NTP version {}, stratum {}", version, stratum);
  if (stratum <= 1) {  // §7.3: the reference id is text, a kiss code or a clock's name
    std::string id(text_of(reply.subspan(12, 4)));
    id.resize(std::min(id.size(), id.find('\0')));
    if (!id.empty()) said += ", " + word_of(id);
  }
  if ((reply[0] >> 6) == 3) said += ", not synchronised";
  return is_answer(heard, "ntp", std::move(said));
}

ByteString udp_ntp_control(const Token& token) {  // RFC 9327 §3: read the variable "version"
  constexpr std::string_view kVariable = "version";
  ByteString out;
  ByteWriter w(out);
  w.u8(2 << 3 | 6).u8(2).u16(token.u16()).u16(0).u16(0).u16(0).u16(kVariable.size());
  w.bytes(bytes_of(kVariable)).zeros(1);
  return out;
}

UdpHeard read_udp_ntp_control(Bytes reply, const Token& token) {
  UdpHeard heard;
  ByteReader in(reply);
  unsigned first = in.u8(), second = in.u8(), sequence = in.u16();
  in.skip(6);
  unsigned count = in.u16();
  std::string_view text = text_of(in.bytes(count));
  if (!in.ok() || (first & 7U) != 6 || (second & 0x80) == 0 || (second & 0x1F) != 2) return {};
  if (!was_asked(token) && !text.starts_with("version=")) return {};
  if (!must_return(token, sequence == token.u16(), 16, heard)) return {};
  is_answer(heard, "ntp", (second & 0x40) != 0 ? std::string("control: refused") : "control: " + word_of(text));
  std::size_t quote = text.find("version=\"");
  if ((second & 0x40) == 0 && quote != text.npos) {  // "ntpd 4.2.8p15@1.3728-o Wed…"
    text.remove_prefix(quote + 9);
    text = text.substr(0, text.find('"'));
    std::size_t blank = text.find(' ');
    heard.seen->product = word_of(text.substr(0, blank));
    if (blank != text.npos) {
      text.remove_prefix(blank + 1);
      heard.seen->version = word_of(text.substr(0, text.find_first_of("@ ")));
    }
  }
  return heard;
}

ByteString udp_snmp_v1(const Token& token) { return community_get(token, 0); }
ByteString udp_snmp_v2c(const Token& token) { return community_get(token, 1); }

UdpHeard read_udp_snmp_community(Bytes reply, const Token& token) {
  UdpHeard heard;
  ByteReader datagram(reply);
  std::optional<Bytes> message = next_ber(datagram, 0x30);
  if (!message) return {};
  ByteReader in(*message);
  std::optional<std::uint32_t> version = next_ber_number(in);
  if (!version || *version > 1 || !next_ber(in, 0x04)) return {};
  std::optional<Bytes> pdu = next_ber(in, kResponse);
  if (!pdu) return {};
  ByteReader fields(*pdu);
  std::optional<std::uint32_t> id = next_ber_number(fields), status = next_ber_number(fields);
  if (!id || !status || !next_ber_number(fields)) return {};
  if (!must_return(token, *id == snmp_id(token, 0), 30, heard)) return {};
  std::string said;
  std::uint32_t enterprise = 0;
  ByteReader bindings(next_ber(fields, 0x30).value_or(Bytes{}));
  for (int i = 0; i < 4 && bindings.left() > 0; ++i) {
    std::optional<Bytes> binding = next_ber(bindings, 0x30);
    if (!binding) break;
    ByteReader pair(*binding);
    std::optional<Bytes> oid = next_ber(pair, 0x06);
    std::optional<BerItem> value = next_ber(pair);
    if (!oid || !value) break;
    if (value->tag == 0x04 && said.empty()) said = word_of(text_of(value->content));
    if (value->tag == 0x06) enterprise = enterprise_of(value->content);
  }
  // In answer to others it is their community, and stays theirs.
  const std::string who = was_asked(token) ? "community public: " : "response: ";
  is_answer(heard, "snmp", who + (*status != 0 ? std::string(snmp_error(*status)) : said));
  heard.seen->product = enterprise_name(enterprise);
  heard.seen->version = *version == 0 ? "SNMPv1" : "SNMPv2c";
  return heard;
}

ByteString udp_snmp_v3(const Token& token) {  // RFC 3414 §4: whose engine is it? Every one must tell strangers.
  ByteString header =
      ber(0x30, joined({ber_number(snmp_id(token, 0)), ber_number(1472), ber(0x04, ByteString{4}), ber_number(3)}));
  ByteString user =
      ber(0x30, joined({ber(0x04, ""), ber_number(0), ber_number(0), ber(0x04, ""), ber(0x04, ""), ber(0x04, "")}));
  ByteString pdu =
      ber(kGetRequest, joined({ber_number(snmp_id(token, 4)), ber_number(0), ber_number(0), ber(0x30, "")}));
  ByteString scoped = ber(0x30, joined({ber(0x04, ""), ber(0x04, ""), pdu}));
  return ber(0x30, joined({ber_number(3), header, ber(0x04, user), scoped}));
}

UdpHeard read_udp_snmp_v3(Bytes reply, const Token& token) {
  UdpHeard heard;
  ByteReader datagram(reply);
  std::optional<Bytes> message = next_ber(datagram, 0x30);
  if (!message) return {};
  ByteReader in(*message);
  std::optional<std::uint32_t> version = next_ber_number(in);
  std::optional<Bytes> header = next_ber(in, 0x30), security = next_ber(in, 0x04), scoped = next_ber(in, 0x30);
  if (version != 3U || !header || !security || !scoped) return {};
  ByteReader h(*header), s(*security), p(*scoped);
  std::optional<std::uint32_t> id = next_ber_number(h);
  if (!id || !must_return(token, *id == snmp_id(token, 0), 30, heard)) return {};
  ByteReader user(next_ber(s, 0x30).value_or(Bytes{}));
  std::optional<Bytes> engine = next_ber(user, 0x04);
  std::optional<std::uint32_t> boots = next_ber_number(user), time = next_ber_number(user);
  if (!engine || !boots || !time || engine->size() > 32 || !next_ber(p, 0x04) || !next_ber(p, 0x04)) return {};
  std::optional<BerItem> pdu = next_ber(p);
  if (!pdu || (pdu->tag != kReport && pdu->tag != kResponse)) return {};
  ByteReader fields(pdu->content);
  may_return(token, next_ber_number(fields) == snmp_id(token, 4), 30, heard);
  is_answer(heard, "snmp",
            fmt::format("{}, engine {}, boots {}, up {} s", pdu->tag == kReport ? "report" : "response",
                        hex_of(*engine), *boots, *time));
  heard.seen->version = "SNMPv3";
  if (engine->size() >= 5)  // RFC 3411 §5, SnmpEngineID: the enterprise, marked by the first bit or not
    heard.seen->product = enterprise_name(be32(engine->data()) & 0x7FFFFFFF);
  return heard;
}

ByteString udp_asf_ping(const Token& token) {  // ASF 2.0 §3.2.4.2: presence ping
  ByteString out;
  ByteWriter w(out);
  w.u8(6).u8(0).u8(0xFF).u8(6).u32(4542).u8(0x80).u8(token.bytes[0] & 0x7FU).u8(0).u8(0);
  return out;
}

UdpHeard read_udp_asf_ping(Bytes reply, const Token& token) {
  UdpHeard heard;
  ByteReader in(reply);
  bool rmcp = in.u8() == 6;
  in.skip(2);
  bool asf = (in.u8() & 0x1F) == 6 && in.u32() == 4542, pong = in.u8() == 0x40;
  unsigned tag = in.u8();
  in.skip(1);
  if (in.u8() != 16 || !rmcp || !asf || !pong) return {};
  std::uint32_t maker = in.u32();
  in.skip(4);
  unsigned entities = in.u8();
  if (!in.ok() || !must_return(token, tag == (token.bytes[0] & 0x7FU), 7, heard)) return {};
  is_answer(heard, "ipmi", fmt::format("presence pong, {}", (entities & 0x80) != 0 ? "IPMI" : "no IPMI"));
  heard.seen->product = enterprise_name(maker);
  return heard;
}

namespace {
unsigned checksum_of(Bytes bytes) {  // IPMI 2.0 §13.8: the sum with it is zero
  unsigned sum = 0;
  for (std::uint8_t byte : bytes) sum += byte;
  return (256 - (sum & 255)) & 255;
}
}  // namespace

ByteString udp_ipmi_capabilities(const Token& token) {  // IPMI 2.0 §22.13: asked before anybody logs in
  ByteString target = {0x20, 0x06 << 2}, request;
  ByteWriter r(request);
  r.u8(0x81).u8(token.bytes[0] & 0xFCU).u8(0x38).u8(0x8E).u8(4);
  ByteString out;
  ByteWriter w(out);
  w.u8(6).u8(0).u8(0xFF).u8(7).u8(0).u32(0).u32(0).u8(static_cast<unsigned>(target.size() + request.size() + 2));
  w.bytes(target).u8(checksum_of(target)).bytes(request).u8(checksum_of(request));
  return out;
}

UdpHeard read_udp_ipmi_capabilities(Bytes reply, const Token& token) {
  UdpHeard heard;
  ByteReader in(reply);
  bool rmcp = in.u8() == 6;
  in.skip(2);
  if ((in.u8() & 0x1F) != 7 || !rmcp || in.u8() != 0) return {};
  in.skip(8);
  unsigned size = in.u8();
  Bytes message = in.bytes(size);
  if (!in.ok() || size < 16 || message[1] >> 2 != 0x07 || message[5] != 0x38) return {};
  if (!must_return(token, (message[4] & 0xFC) == (token.bytes[0] & 0xFC), 6, heard)) return {};
  unsigned code = message[6], types = message[8], more = message[9], versions = message[10];
  if (code != 0) return is_answer(heard, "ipmi", fmt::format("completion code 0x{:02x}", code));
  bool two = (types & 0x80) != 0 && (versions & 2) != 0;
  std::string said = "authentication:";
  if ((types & 0x01) != 0) said += " none";
  if ((types & 0x04) != 0) said += " MD5";
  if ((types & 0x02) != 0) said += " MD2";
  if ((types & 0x10) != 0) said += " password";
  if ((more & 0x01) != 0) said += ", anonymous login";
  is_answer(heard, "ipmi", std::move(said));
  heard.seen->version = two ? "IPMI 2.0" : "IPMI 1.5";
  return heard;
}

ByteString udp_radius_status(const Token& token) {  // RFC 5997 §3. Without the secret the signature is wrong, and a
                                                    // right server says nothing; logging in is not for us
  ByteString out;
  ByteWriter w(out);
  w.u8(12).u8(token.bytes[0]).u16(38).bytes(token.bytes).u8(80).u8(18).zeros(16);
  return out;
}

UdpHeard read_udp_radius_status(Bytes reply, const Token& token) {
  UdpHeard heard;
  if (!was_asked(token) || reply.size() < 20) return {};
  unsigned code = reply[0];
  if ((code != 2 && code != 3 && code != 5 && code != 11) || be16(&reply[2]) < 20 || be16(&reply[2]) > reply.size())
    return {};
  if (!must_return(token, reply[1] == token.bytes[0], 8, heard)) return {};
  return is_answer(heard, "radius", fmt::format("code {}", code));
}

}  // namespace demarc::app
