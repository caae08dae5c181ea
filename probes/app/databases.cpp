// Databases and caches: what they say before anybody logs in.
#include <algorithm>

#include <fmt/format.h>

#include "probes/app/codecs.h"
#include "rules/text/escape.h"

namespace demarc::app {

ByteString mssql_prelogin() {  // MS-TDS §2.2.6.5
  ByteString out;
  ByteWriter w(out);
  w.u8(0x12).u8(1).u16(26).u16(0).u8(0).u8(0);
  w.u8(0).u16(11).u16(6);  // VERSION
  w.u8(1).u16(17).u16(1);  // ENCRYPTION
  w.u8(0xFF);
  w.u32(0).u16(0);  // no version of ours
  w.u8(2);          // encryption not supported: nothing will follow anyway
  return out;
}

Heard read_mssql(Bytes reply) {
  if (reply.size() < 8 || reply[0] != 4 || reply[1] > 1) return {};
  std::size_t length = be16(&reply[2]);
  if (length < 14 || length > 4096) return {};
  if (reply.size() > 8 && reply[8] != 0) return {};  // VERSION comes first
  ServiceSeen seen;
  seen.name = "mssql";
  if (reply.size() < length) return {seen, false, {}};
  Bytes payload = reply.subspan(8, length - 8);
  seen.evidence = "TDS prelogin response";
  bool ended = false;
  for (std::size_t at = 0; at + 5 <= payload.size() && !ended; at += 5) {
    if (payload[at] == 0xFF) break;
    std::size_t offset = be16(&payload[at + 1]), size = be16(&payload[at + 3]);
    if (offset > payload.size() || size > payload.size() - offset) return {};
    Bytes value = payload.subspan(offset, size);
    if (payload[at] == 0 && size >= 4) {
      seen.product = "Microsoft SQL Server";
      seen.version = fmt::format("{}.{}.{}", value[0], value[1], be16(&value[2]));
    }
    if (payload[at] == 1 && size >= 1)
      seen.evidence += value[0] == 2   ? ", no encryption"
                       : value[0] == 3 ? ", encryption required"
                                       : ", encryption possible";
    ended = at + 5 < payload.size() && payload[at + 5] == 0xFF;
  }
  if (!ended) return {};
  return {seen, true, {}};
}

Heard read_mysql(Bytes reply) {  // HandshakeV10, or an error packet: "Host '...' is not allowed to connect"
  if (reply.size() < 7) return {};
  std::size_t length = reply[0] | (std::size_t{reply[1]} << 8) | (std::size_t{reply[2]} << 16);
  if (reply[3] != 0 || length < 3 || length > 1024) return {};
  ServiceSeen seen;
  seen.name = "mysql";
  Bytes payload = reply.subspan(4, std::min(length, reply.size() - 4));
  if (payload[0] == 0xFF) {
    std::uint16_t code = le16(&payload[1]);
    if (code < 1000 || code > 4999) return {};
    seen.evidence = evidence_of(payload.subspan(1));
    return {seen, payload.size() == length, {}};
  }
  if (payload[0] != 10) return {};
  auto end = std::find(payload.begin() + 1, payload.end(), std::uint8_t{0});
  std::string_view version = text_of(payload.subspan(1, static_cast<std::size_t>(end - payload.begin()) - 1));
  if (version.empty() || version[0] < '0' || version[0] > '9') return {};
  bool maria = contains_ignoring_case(version, "mariadb");
  seen.product = maria ? "MariaDB" : "MySQL";
  seen.version = word_of(version);
  seen.evidence = "handshake, protocol 10, version " + seen.version;
  return {seen, payload.size() == length, {}};
}

ByteString postgresql_ssl_request() {
  ByteString out;
  ByteWriter w(out);
  w.u32(8).u32(80877103);  // SSLRequest: 1234, 5679
  return out;
}

Heard read_postgresql(Bytes reply) {
  ServiceSeen seen;
  seen.name = "postgresql";
  // One letter is little to go by; only in answer to our own question, which nobody else would answer so.
  if (reply.size() == 1 && (reply[0] == 'S' || reply[0] == 'N')) {
    seen.evidence = reply[0] == 'S' ? "SSLRequest: willing" : "SSLRequest: not willing";
    return {seen, true, {}};
  }
  if (reply.size() < 9 || reply[0] != 'E') return {};
  std::uint32_t length = be32(&reply[1]);
  if (length < 8 || length > 4096 || reply[5] != 'S') return {};  // ErrorResponse, severity first
  seen.evidence = evidence_of(reply.subspan(5));
  return {seen, reply.size() >= length + 1, {}};
}

ByteString redis_ping() { return bytes_of("PING\r\n"); }

Heard read_redis(Bytes reply) {
  std::string_view text = text_of(reply);
  if (!text.starts_with("+PONG\r") && !text.starts_with("-NOAUTH") && !text.starts_with("-DENIED Redis") &&
      !text.starts_with("-NOPERM"))
    return {};
  ServiceSeen seen;
  seen.name = "redis";
  seen.evidence = bytes_escaped(first_line(text).substr(0, kEvidenceMax));
  return {seen, true, {}};
}

ByteString memcached_version() { return bytes_of("version\r\n"); }

Heard read_memcached(Bytes reply) {
  std::string_view text = text_of(reply);
  bool whole = false;
  std::string_view line = first_line(text, &whole);
  if (!line.starts_with("VERSION ")) return {};
  ServiceSeen seen;
  seen.name = "memcached";
  seen.version = word_of(line.substr(8));
  seen.evidence = bytes_escaped(line.substr(0, kEvidenceMax));
  return {seen, whole, {}};
}

}  // namespace demarc::app
