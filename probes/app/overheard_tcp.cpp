// What clients ask first over TCP in bytes, and the answers to others' questions that the rows of app_probes.cpp
// take for their own only: ids are anybody's here.
#include <fmt/format.h>

#include <algorithm>

#include "probes/app/ber.h"
#include "probes/app/overheard_codecs.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

bool printable(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t c) { return c >= 0x20 && c < 0x7F; });
}

/// What an LDAP message (RFC 4511 §4.1.1) holds, by the tag of its operation.
std::optional<BerItem> ldap_operation(Bytes message) {
  ByteReader in(message);
  const std::optional<Bytes> content = next_ber(in, 0x30);
  if (!content) return std::nullopt;
  ByteReader fields(*content);
  if (!next_ber_number(fields)) return std::nullopt;
  return next_ber(fields);
}

}  // namespace

Seen hear_tls(Bytes first) {  // RFC 8446 §4.1.2, RFC 5246 §7.4.1.2; names as in RFC 6066 §3 and RFC 7301 §3.1
  ByteReader record(first);
  if (record.u8() != 22 || record.u8() != 3 || record.u8() > 4) return std::nullopt;
  const std::uint16_t length = record.u16();
  if (length < 42 || record.u8() != 1) return std::nullopt;
  const std::uint32_t hello = std::uint32_t{record.u8()} << 16 | record.u16();
  if (!record.ok() || hello < 38 || hello > 65536) return std::nullopt;
  ByteReader in(record.rest().first(std::min<std::size_t>(record.left(), hello)));
  std::uint16_t version = in.u16();
  if (version >> 8 != 3) return std::nullopt;
  std::string name, protocols;
  in.skip(32);
  in.skip(in.u8());
  in.skip(in.u16());
  in.skip(in.u8());
  // A hello may be longer than the segment: what is there of the extensions is read.
  const std::size_t claimed = in.left() >= 2 ? in.u16() : 0;
  ByteReader extensions(in.rest().first(std::min(in.left(), claimed)));
  for (int i = 0; i < 64 && extensions.left() >= 4; ++i) {
    const std::uint16_t type = extensions.u16(), size = extensions.u16();
    ByteReader content(extensions.bytes(size));
    if (!extensions.ok()) break;
    if (type == 0) {  // server_name
      content.skip(2);
      if (content.u8() != 0) continue;
      const Bytes host = content.bytes(content.u16());
      if (content.ok() && !host.empty() && host.size() <= 255) name = bytes_escaped(text_of(host));
    } else if (type == 16) {  // application_layer_protocol_negotiation
      content.skip(2);
      for (int j = 0; j < 8 && content.left() > 0; ++j) {
        const Bytes protocol = content.bytes(content.u8());
        if (content.ok() && protocol.size() < 32)
          protocols += (protocols.empty() ? "" : " ") + word_of(text_of(protocol));
      }
    } else if (type ==
               43) {  // supported_versions; others are there to keep servers used to unknown ones (RFC 8701)
      content.skip(1);
      while (content.left() >= 2)
        if (const std::uint16_t offered = content.u16(); offered <= 0x0304) version = std::max(version, offered);
    }
  }
  ServiceSeen seen = speaks("tls", "client: up to " + tls_version_name(version));
  if (!name.empty()) seen.evidence += ", server name " + name;
  if (!protocols.empty()) seen.evidence += ", for " + protocols;
  return seen;
}

Seen hear_smb(Bytes first) {
  if (first.size() < 9 || first[0] != 0) return std::nullopt;
  const std::string_view mark = text_of(first.subspan(5, 3));
  if (mark != "SMB" || (first[4] != 0xFE && first[4] != 0xFF)) return std::nullopt;
  return speaks("smb", first[4] == 0xFE ? "client: SMB 2" : "client: SMB 1");
}

Seen hear_netbios_session(Bytes first) {  // RFC 1002 §4.3.2: two names in half-ASCII
  if (first.size() < 72 || first[0] != 0x81 || (first[1] & 0xFE) != 0 || be16(&first[2]) < 68) return std::nullopt;
  if (first[4] != 32 || first[37] != 0 || first[38] != 32) return std::nullopt;
  const Bytes name = first.subspan(5, 32);
  if (!std::all_of(name.begin(), name.end(), [](std::uint8_t c) { return c >= 'A' && c <= 'P'; }))
    return std::nullopt;
  return speaks("netbios-session", "client: session request");
}

Seen hear_rdp(Bytes first) {  // MS-RDPBCGR §2.2.1.1: X.224 in TPKT, a cookie, what security is wanted
  if (first.size() < 11 || first[0] != 3 || first[1] != 0) return std::nullopt;
  const std::size_t length = be16(&first[2]);
  if (length < 11 || length > 1024 || first[4] != length - 5 || first[5] != 0xE0) return std::nullopt;
  const std::string_view rest = text_of(first.subspan(11, std::min(first.size(), length) - 11));
  const bool cookie = rest.starts_with("Cookie: ");
  const bool negotiates = rest.size() >= 8 && rest[rest.size() - 8] == 1 && rest[rest.size() - 6] == 8;
  if (!cookie && !negotiates && length != 11) return std::nullopt;
  return speaks("rdp", cookie ? "client: connection request with a cookie" : "client: connection request");
}

Seen hear_msrpc(Bytes first) {  // C706 §12.6.4.3
  if (first.size() < 28 || first[0] != 5 || first[1] > 1 || first[2] != 11 || (first[4] & 0xEF) != 0)
    return std::nullopt;
  const std::size_t length = (first[4] & 0x10) != 0 ? le16(&first[8]) : be16(&first[8]);
  if (length < 28 || length > 5840 || (first[3] & 1) == 0) return std::nullopt;
  return speaks("msrpc", "client: bind");
}

Seen hear_ldap(Bytes first) {  // RFC 4511 §4.2 bind, §4.5.1 search, §4.12 extended
  const std::optional<BerItem> operation = ldap_operation(first);
  if (!operation) return std::nullopt;
  ByteReader body(operation->content);
  if (operation->tag == 0x60) {
    const std::optional<std::uint32_t> version = next_ber_number(body);
    if (!version || *version < 2 || *version > 3 || !next_ber(body, 0x04)) return std::nullopt;
    return speaks("ldap", fmt::format("client: bind, version {}", *version));
  }
  if (operation->tag == 0x63 && next_ber(body, 0x04) && next_ber(body, 0x0A) && next_ber(body, 0x0A))
    return speaks("ldap", "client: search");
  if (operation->tag == 0x77) {
    const std::optional<Bytes> oid = next_ber(body, 0x80);
    if (oid && printable(*oid) && oid->size() > 4)
      return speaks("ldap", "client: extended request " + word_of(text_of(*oid)));
  }
  return std::nullopt;
}

Seen hear_ldap_answer(Bytes first) {  // BindResponse, SearchResultDone, ExtendedResponse: §4.1.9
  const std::optional<BerItem> operation = ldap_operation(first);
  if (!operation) return std::nullopt;
  ByteReader body(operation->content);
  if (operation->tag == 0x61 || operation->tag == 0x65 || operation->tag == 0x78) {
    const std::optional<std::uint32_t> code = next_ber_number(body, 0x0A);
    if (!code || !next_ber(body, 0x04) || !next_ber(body, 0x04)) return std::nullopt;
    return speaks("ldap", fmt::format("{}, result {}",
                                      operation->tag == 0x61   ? "bind response"
                                      : operation->tag == 0x65 ? "search done"
                                                               : "extended response",
                                      *code));
  }
  if (operation->tag == 0x64 && next_ber(body, 0x04) && next_ber(body, 0x30)) return speaks("ldap", "search entry");
  return std::nullopt;
}

Seen hear_mssql(Bytes first) {  // MS-TDS §2.2.3.1 and §2.2.6.5
  if (first.size() < 14 || first[0] != 0x12 || first[1] > 1) return std::nullopt;
  const std::size_t length = be16(&first[2]);
  if (length < 14 || length > 4096 || first[8] != 0 || be16(&first[9]) >= length) return std::nullopt;
  return speaks("mssql", "client: TDS prelogin");
}

Seen hear_postgresql(Bytes first) {  // PostgreSQL protocol 3.0: SSLRequest, GSSENCRequest, StartupMessage
  if (first.size() < 8) return std::nullopt;
  const std::uint32_t length = be32(first.data()), code = be32(&first[4]);
  if (length == 8 && first.size() == 8 && (code == 80877103 || code == 80877104))
    return speaks("postgresql", code == 80877103 ? "client: SSLRequest" : "client: GSSENCRequest");
  if (length < 9 || length > 10000 || code >> 16 != 3 || length != first.size() || first.back() != 0)
    return std::nullopt;
  if (text_of(first).find("user", 8) == std::string_view::npos) return std::nullopt;
  return speaks("postgresql", "client: start-up message");
}

Seen hear_postgresql_answer(Bytes first) {  // AuthenticationRequest: 'R', its length, which
  if (first.size() < 9 || first[0] != 'R') return std::nullopt;
  const std::uint32_t length = be32(&first[1]), kind = be32(&first[5]);
  if (length < 8 || length > 512 || kind > 12) return std::nullopt;
  return speaks("postgresql", fmt::format("authentication request {}", kind));
}

namespace {
Seen mongodb(Bytes first, bool answer) {  // OP_MSG, OP_QUERY, OP_REPLY, OP_COMPRESSED
  if (first.size() < 21) return std::nullopt;
  const std::uint32_t length = le32(first.data()), answers = le32(&first[8]), code = le32(&first[12]);
  if (length < 21 || length > 48U * 1024 * 1024 || (answers != 0) != answer) return std::nullopt;
  if (code == 2013) {  // flags, of which few are used, then a section of kind 0 or 1
    if ((le32(&first[16]) & 0xFFFEFFFC) != 0 || first[20] > 1) return std::nullopt;
    return speaks("mongodb", answer ? "OP_MSG" : "client: OP_MSG");
  }
  if (!answer && code == 2004 && first.size() > 32 &&
      text_of(first.subspan(20)).find(".$cmd") != std::string_view::npos)
    return speaks("mongodb", "client: OP_QUERY");
  if (answer && code == 1 && first.size() >= 36 && le32(&first[32]) <= 1000) return speaks("mongodb", "OP_REPLY");
  return std::nullopt;
}
}  // namespace
Seen hear_mongodb(Bytes first) { return mongodb(first, false); }
Seen hear_mongodb_answer(Bytes first) { return mongodb(first, true); }

Seen hear_cassandra(Bytes first) {  // native protocol §2: OPTIONS or STARTUP
  if (first.size() < 9 || first[0] < 3 || first[0] > 5 || (first[1] & 0xE0) != 0) return std::nullopt;
  const std::uint32_t length = be32(&first[5]);
  const bool options = first[4] == 5 && length == 0 && first.size() == 9;
  const bool startup =
      first[4] == 1 && length == first.size() - 9 && text_of(first).find("CQL_VERSION") != std::string_view::npos;
  if (!options && !startup) return std::nullopt;
  return speaks("cassandra", options ? "client: OPTIONS" : "client: STARTUP");
}

Seen hear_oracle(Bytes first) {  // TNS connect
  if (first.size() < 34 || first[4] != 1 || first[2] != 0 || first[3] != 0) return std::nullopt;
  if (text_of(first).find("(DESCRIPTION=") == std::string_view::npos &&
      text_of(first).find("(CONNECT_DATA=") == std::string_view::npos)
    return std::nullopt;
  return speaks("oracle", "client: TNS connect");
}

Seen hear_socks(Bytes first) {  // RFC 1928 §3; SOCKS 4: a command, port and address, a user that ends with zero
  if (first.size() >= 3 && first[0] == 5 && first[1] >= 1 && first[1] <= 16 && first.size() == 2U + first[1] &&
      std::all_of(first.begin() + 2, first.end(), [](std::uint8_t m) { return m <= 9 || m >= 0x80; }))
    return speaks("socks", "client: SOCKS5 greeting");
  if (first.size() >= 9 && first.size() <= 512 && first[0] == 4 && (first[1] == 1 || first[1] == 2) &&
      first.back() == 0 && be16(&first[2]) != 0)
    return speaks("socks", "client: SOCKS4 request");
  return std::nullopt;
}

Seen hear_amqp(Bytes first) {
  if (first.size() < 8 || !text_of(first).starts_with("AMQP") || first[4] > 3) return std::nullopt;
  return speaks("amqp", fmt::format("client: AMQP {}.{}.{}", first[5], first[6], first[7]));
}

Seen hear_mqtt(Bytes first) {  // MQTT 3.1.1 §3.1, and 3.1's older name; 5.0 has the same form
  if (first.size() < 12 || first[0] != 0x10) return std::nullopt;
  const std::size_t at = (first[1] & 0x80) != 0 ? 3 : 2;
  const std::string_view rest = text_of(first.subspan(at));
  const bool named =
      rest.starts_with(std::string_view("\0\4MQTT", 6)) || rest.starts_with(std::string_view("\0\6MQIsdp", 8));
  if (!named) return std::nullopt;
  return speaks("mqtt", "client: CONNECT");
}

Seen hear_kafka(Bytes first) {  // request header v1: api, version, correlation, client id
  if (first.size() < 14) return std::nullopt;
  const std::uint32_t length = be32(first.data());
  const unsigned api = be16(&first[4]), version = be16(&first[6]);
  const std::size_t id = be16(&first[12]);
  if (length != first.size() - 4 || (api != 18 && api != 3) || version > 16 || id == 0 || id > 128 ||
      first.size() < 14 + id || !printable(first.subspan(14, id)))
    return std::nullopt;
  return speaks("kafka", api == 18 ? "client: ApiVersions" : "client: Metadata");
}

Seen hear_ajp(Bytes first) {
  if (first.size() < 5 || first[0] != 0x12 || first[1] != 0x34) return std::nullopt;
  const std::size_t length = be16(&first[2]);
  if (length == 0 || length > 8192 || (first[4] != 2 && first[4] != 10)) return std::nullopt;
  return speaks("ajp", first[4] == 10 ? "client: CPing" : "client: a forwarded request");
}

Seen hear_rmi(Bytes first) {
  if (first.size() < 7 || !text_of(first).starts_with("JRMI") || be16(&first[4]) > 2 || first[6] < 0x4B ||
      first[6] > 0x4D)
    return std::nullopt;
  return speaks("java-rmi", "client: handshake");
}

Seen hear_x11(Bytes first) {
  if (first.size() < 12 || (first[0] != 'l' && first[0] != 'B') || first[1] != 0) return std::nullopt;
  const auto u16 = [&](std::size_t at) { return first[0] == 'l' ? le16(&first[at]) : be16(&first[at]); };
  if (u16(2) != 11 || u16(4) > 2 || u16(6) > 64 || u16(8) > 256 || u16(10) != 0) return std::nullopt;
  return speaks("x11", "client: connection setup");
}

Seen hear_dns_stream(Bytes first) {
  if (first.size() < 19 || be16(first.data()) < 17 || be16(first.data()) > first.size() - 2) return std::nullopt;
  if (!is_dns_query(first.subspan(2, be16(first.data())))) return std::nullopt;
  return speaks("dns", "client: query");
}

Seen hear_dns_stream_answer(Bytes first) {  // RFC 1035 §4.1.1 and §4.2.2
  if (first.size() < 19) return std::nullopt;
  const std::size_t length = be16(first.data());
  const unsigned flags = be16(&first[4]);
  if (length < 12 || (flags & 0xF870) != 0x8000 || (flags & 15) > 11 || be16(&first[6]) != 1) return std::nullopt;
  if (first[14] == 0 ? length < 17 : first[14] > 63) return std::nullopt;
  return speaks("dns", fmt::format("response, rcode {}", flags & 15));
}

Seen hear_kerberos_stream(Bytes first) {  // RFC 4120 §7.2.2
  if (first.size() < 12 || be32(first.data()) != first.size() - 4) return std::nullopt;
  return hear_kerberos_message(first.subspan(4), false);
}
Seen hear_kerberos_stream_answer(Bytes first) {
  if (first.size() < 12 || be32(first.data()) < first.size() - 4 || be32(first.data()) > 128 * 1024)
    return std::nullopt;
  return hear_kerberos_message(first.subspan(4), true);
}

Seen hear_rpc_stream(Bytes first) {  // RFC 5531 §11
  if (first.size() < 44) return std::nullopt;
  const std::uint32_t mark = be32(first.data());
  if ((mark & 0x7FFFFFFF) < 40 || (mark & 0x7FFFFFFF) > 4U * 1024 * 1024) return std::nullopt;
  return hear_rpc_call(first.subspan(4));
}
Seen hear_rpc_stream_answer(Bytes first) {
  if (first.size() < 28) return std::nullopt;
  ByteReader in(first);
  const std::uint32_t length = in.u32() & 0x7FFFFFFF;
  in.skip(4);
  const std::uint32_t type = in.u32(), state = in.u32(), flavour = in.u32(), verifier = in.u32();
  if (length < 24 || length > 4U * 1024 * 1024 || type != 1 || state != 0 || flavour > 6 || verifier > 400)
    return std::nullopt;
  in.skip((verifier + 3) & ~3U);
  if (in.u32() > 5 || !in.ok()) return std::nullopt;
  return speaks("onc-rpc", "RPC reply");
}

}  // namespace demarc::app
