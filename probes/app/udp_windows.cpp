// What Windows hosts, domain controllers and those that speak like them are asked over UDP. Nobody logs in: the
// Kerberos client and its realm do not exist, and the directory is asked what it tells everybody.
#include <algorithm>

#include <fmt/format.h>

#include "probes/app/ber.h"
#include "probes/app/udp_codecs.h"

namespace demarc::app {

namespace {

constexpr std::size_t kRpcHeader = 80;  // C706 §12.5.1, the connectionless one

std::uint32_t ldap_id(const Token& token) { return (token.u32() & 0x7FFFFFFF) | 1U; }

std::string realm_of(const Token& token) { return "D" + hex_of(part(token, 0, 8)) + ".INVALID"; }

std::string_view kerberos_error(std::uint32_t code) {  // RFC 4120 §7.5.9
  switch (code) {
    case 6: return "KDC_ERR_C_PRINCIPAL_UNKNOWN";
    case 7: return "KDC_ERR_S_PRINCIPAL_UNKNOWN";
    case 12: return "KDC_ERR_POLICY";
    case 14: return "KDC_ERR_ETYPE_NOSUPP";
    case 25: return "KDC_ERR_PREAUTH_REQUIRED";
    case 60: return "KRB_ERR_GENERIC";
    case 68: return "KDC_ERR_WRONG_REALM";
    default: return {};
  }
}

}  // namespace

ByteString udp_endpoint_mapper(const Token& token) {  // C706 §12.5 and appendix O: ept_lookup, one entry. It is
                                                      // idempotent, so the server need not ask back who we are
  constexpr std::uint8_t kEndpointMapper[] = {0x08, 0x83, 0xAF, 0xE1, 0x1F, 0x5D, 0xC9, 0x11,
                                              0x91, 0xA4, 0x08, 0x00, 0x2B, 0x14, 0xA0, 0xFA};
  ByteString body, out;
  ByteWriter b(body, true);
  b.u32(0).u32(0).u32(0).u32(1).zeros(20).u32(1);  // everything, no object, no interface, versions, handle, one
  ByteWriter w(out, true);
  w.u8(4).u8(0).u8(0x28).u8(0).u8(0x10).u8(0).u8(0).u8(0);  // request, idempotent, no fragment acks; little-endian
  w.zeros(16).bytes(kEndpointMapper).bytes(token.bytes);
  w.u32(0).u32(3).u32(0).u16(2).u16(0xFFFF).u16(0xFFFF).u16(static_cast<unsigned>(body.size())).u16(0).u8(0).u8(0);
  w.bytes(body);
  return out;
}

UdpHeard read_udp_endpoint_mapper(Bytes reply, const Token& token) {
  UdpHeard heard;
  if (reply.size() < kRpcHeader || reply[0] != 4 || (reply[4] & 0xEF) != 0) return {};
  constexpr std::string_view kTypes[] = {"request", "ping", "response", "fault", "working",   "no call",
                                         "reject",  "ack",  "cancel",   "fack",  "cancel ack"};
  unsigned type = reply[1], size = (reply[4] & 0x10) != 0 ? le16(&reply[74]) : be16(&reply[74]);
  if (type < 2 || type >= std::size(kTypes) || type == 8 || kRpcHeader + size > reply.size()) return {};
  // The activity is a UUID: its last eight bytes have no order, the others that of who writes.
  if (!must_return(token, same(reply.subspan(48, 8), part(token, 8, 8)), 64, heard)) return {};
  may_return(token, same(reply.subspan(40, 8), part(token, 0, 8)), 64, heard);
  std::string said = fmt::format("connectionless {}", kTypes[type]);
  if ((type == 3 || type == 6) && size >= 4) {
    const std::uint8_t* status = &reply[kRpcHeader];
    said += fmt::format(" 0x{:08x}", (reply[4] & 0x10) != 0 ? le32(status) : be32(status));
  }
  return is_answer(heard, "msrpc", std::move(said));
}

ByteString udp_sql_browser(const Token&) { return {0x03}; }  // MC-SQLR §2.2.2, CLNT_UCAST_EX: one byte, no room

UdpHeard read_udp_sql_browser(Bytes reply, const Token&) {  // §2.2.5 SVR_RESP: pairs of words and values
  UdpHeard heard;
  if (reply.size() < 3 || reply[0] != 5 || le16(&reply[1]) > reply.size() - 3) return {};
  std::string_view text = text_of(reply.subspan(3, le16(&reply[1])));
  if (!text.starts_with("ServerName;")) return {};
  std::string said, version;
  for (int instance = 0; instance < 8 && !text.empty(); ++instance) {
    std::size_t end = text.find(";;");
    std::string_view pairs = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 2);
    while (!pairs.empty()) {
      std::string_view key = pairs.substr(0, pairs.find(';'));
      pairs.remove_prefix(std::min(pairs.size(), key.size() + 1));
      std::string_view value = pairs.substr(0, pairs.find(';'));
      pairs.remove_prefix(std::min(pairs.size(), value.size() + 1));
      bool wanted = key == "ServerName" || key == "InstanceName" || key == "tcp" || key == "np";
      if (key == "Version" && version.empty()) version = word_of(value);
      if (wanted && said.size() < kEvidenceMax)
        said += fmt::format("{}{} {}", said.empty() ? "" : ", ", key, word_of(value));
    }
  }
  is_answer(heard, "mssql-browser", std::move(said));
  heard.seen->product = "Microsoft SQL Server";
  heard.seen->version = version;
  return heard;
}

ByteString udp_cldap(const Token& token) {  // RFC 1798 §4 with LDAPv3's messages (MS-ADTS §3.1.1.3): the root DSE
  ByteString attributes;
  for (std::string_view name : {"dnsHostName", "defaultNamingContext", "vendorName", "supportedLDAPVersion"})
    attributes = joined({attributes, ber(0x04, name)});
  ByteString search =
      ber(0x63, joined({ber(0x04, ""), ber_number(0, 0x0A), ber_number(0, 0x0A), ber_number(1), ber_number(2),
                        ByteString{0x01, 1, 0}, ber(0x87, "objectClass"), ber(0x30, attributes)}));
  return ber(0x30, joined({ber_number(ldap_id(token)), search}));
}

UdpHeard read_udp_cldap(Bytes reply, const Token& token) {
  UdpHeard heard;
  ByteReader datagram(reply);
  std::optional<Bytes> message = next_ber(datagram, 0x30);
  if (!message) return {};
  ByteReader in(*message);
  std::optional<std::uint32_t> id = next_ber_number(in);
  // RFC 1798 §4 lets a client put a name between the two; servers that keep to it return one.
  std::optional<BerItem> operation = next_ber(in);
  if (operation && operation->tag == 0x04) operation = next_ber(in);
  if (!id || !operation || (operation->tag != 0x64 && operation->tag != 0x65)) return {};
  if (!must_return(token, *id == ldap_id(token), 30, heard)) return {};
  ByteReader fields(operation->content);
  std::string said = operation->tag == 0x64 ? "CLDAP root DSE" : "CLDAP search done", vendor;
  if (operation->tag == 0x64) {
    if (!next_ber(fields, 0x04)) return {};
    ByteReader attributes(next_ber(fields, 0x30).value_or(Bytes{}));
    for (int i = 0; i < 16 && attributes.left() > 0; ++i) {
      std::optional<Bytes> attribute = next_ber(attributes, 0x30);
      if (!attribute) break;
      ByteReader pair(*attribute);
      std::optional<Bytes> type = next_ber(pair, 0x04), values = next_ber(pair, 0x31);
      if (!type || !values) break;
      ByteReader set(*values);
      std::optional<Bytes> value = next_ber(set, 0x04);
      if (!value) continue;
      if (contains_ignoring_case("vendorName", text_of(*type)) && type->size() == 10)
        vendor = word_of(text_of(*value));
      else if (said.size() < 3 * kEvidenceMax)
        said += fmt::format(", {} {}", word_of(text_of(*type)), word_of(text_of(*value)));
    }
  } else if (!next_ber_number(fields, 0x0A)) {
    return {};
  }
  is_answer(heard, "ldap", std::move(said));
  heard.seen->product = vendor;
  return heard;
}

ByteString udp_kerberos(const Token& token) {  // RFC 4120 §5.4.1: AS-REQ of nobody in a realm that cannot exist
  auto principal = [](std::uint32_t type, std::initializer_list<ByteString> names) {
    ByteString list;
    for (const ByteString& name : names) list = joined({list, ber(0x1B, name)});
    return ber(0x30, joined({ber(0xA0, ber_number(type)), ber(0xA1, ber(0x30, list))}));
  };
  std::string realm = realm_of(token);
  ByteString body = ber(
      0x30, joined({ber(0xA0, ByteString{0x03, 5, 0, 0, 0, 0, 0}), ber(0xA1, principal(1, {bytes_of("demarc")})),
                    ber(0xA2, ber(0x1B, realm)), ber(0xA3, principal(2, {bytes_of("krbtgt"), bytes_of(realm)})),
                    ber(0xA5, ber(0x18, "20370913024805Z")), ber(0xA7, ber_number(token.u32(8) & 0x7FFFFFFF)),
                    ber(0xA8, ber(0x30, joined({ber_number(18), ber_number(17), ber_number(23)})))}));
  return ber(0x6A, ber(0x30, joined({ber(0xA1, ber_number(5)), ber(0xA2, ber_number(10)), ber(0xA4, body)})));
}

UdpHeard read_udp_kerberos(Bytes reply, const Token& token) {  // §5.9.1
  UdpHeard heard;
  ByteReader datagram(reply);
  std::optional<Bytes> application = next_ber(datagram, 0x7E);
  if (!application) return {};
  ByteReader outer(*application);
  ByteReader in(next_ber(outer, 0x30).value_or(Bytes{}));
  std::optional<std::uint32_t> version, type, code;
  std::string realm, when;
  for (int i = 0; i < 16 && in.left() > 0; ++i) {
    std::optional<BerItem> field = next_ber(in);
    if (!field) return {};
    ByteReader content(field->content);
    if (field->tag == 0xA0) version = next_ber_number(content);
    if (field->tag == 0xA1) type = next_ber_number(content);
    if (field->tag == 0xA4) when = word_of(text_of(next_ber(content, 0x18).value_or(Bytes{})));
    if (field->tag == 0xA6) code = next_ber_number(content);
    if (field->tag == 0xA9) realm = word_of(text_of(next_ber(content, 0x1B).value_or(Bytes{})));
  }
  if (version != 5U || type != 30U || !code) return {};
  // The realm asked for comes back in most errors, if not in all.
  may_return(token, text_of(reply).find(realm_of(token)) != std::string_view::npos, 64, heard);
  std::string said = kerberos_error(*code).empty() ? fmt::format("KRB-ERROR {}", *code)
                                                   : fmt::format("KRB-ERROR {}", kerberos_error(*code));
  if (!realm.empty() && (!was_asked(token) || realm != realm_of(token))) said += ", realm " + realm;
  if (!when.empty()) said += ", server time " + when;
  return is_answer(heard, "kerberos", std::move(said));
}

ByteString udp_rdp(const Token& token) {  // MS-RDPEUDP §2.2.2.1, §3.1.5.1.1: SYN, padded to the size of its MTU
  ByteString out;
  ByteWriter w(out);
  w.u32(0xFFFFFFFF).u16(64).u16(0x0001).u32(token.u32()).u16(1232).u16(1232);
  w.zeros(1232 - out.size());
  return out;
}

UdpHeard read_udp_rdp(Bytes reply, const Token& token) {  // §3.1.5.1.3: SYN and ACK of our number
  UdpHeard heard;
  ByteReader in(reply);
  std::uint32_t acknowledged = in.u32();
  in.skip(2);
  unsigned flags = in.u16();
  in.skip(8);
  if (!was_asked(token) || !in.ok() || (flags & 0x0005) != 0x0005) return {};
  if (!must_return(token, acknowledged == token.u32(), 32, heard)) return {};
  return is_answer(heard, "rdp", fmt::format("RDP-UDP SYN+ACK, flags 0x{:04x}", flags));
}

}  // namespace demarc::app
