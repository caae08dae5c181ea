// Databases and caches: what they say before anybody logs in.
#include <algorithm>

#include <fmt/format.h>

#include "probes/app/codecs.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

struct Release {
  std::uint8_t major, minor;
  std::string_view name;
};
constexpr Release kReleases[] = {
    // of SQL Server, the higher minor version first
    {17, 0, "2025"}, {16, 0, "2022"},     {15, 0, "2019"}, {14, 0, "2017"}, {13, 0, "2016"}, {12, 0, "2014"},
    {11, 0, "2012"}, {10, 50, "2008 R2"}, {10, 0, "2008"}, {9, 0, "2005"},  {8, 0, "2000"},
};

}  // namespace

ByteString mssql_prelogin(std::string_view) {  // MS-TDS §2.2.6.5
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
      for (const Release& release : kReleases)
        if (release.major == value[0] && release.minor <= value[1]) {
          seen.product += fmt::format(" {}", release.name);
          break;
        }
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
  // MariaDB pretends to be 5.5.5 for clients that take a first digit above 9 for something else.
  if (maria && version.starts_with("5.5.5-")) version.remove_prefix(6);
  seen.version = word_of(version);
  seen.evidence = "handshake, protocol 10, version " + seen.version;
  // Behind the version: thread id, 8 bytes, a zero, the lower half of what it can do; bit 11 is CLIENT_SSL. TLS
  // would begin here, but a server counts those who go away then, and shuts them out after a hundred.
  const std::size_t flags = static_cast<std::size_t>(end - payload.begin()) + 1 + 4 + 8 + 1;
  if (payload.size() >= flags + 2)
    seen.evidence += (le16(&payload[flags]) & 0x0800) != 0 ? ", offers TLS" : ", offers no TLS";
  return {seen, payload.size() == length, {}};
}

ByteString postgresql_ssl_request(std::string_view) {
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
    return {seen, true, "postgresql-no-protocol", {}, reply[0] == 'S'};
  }
  if (reply.size() < 9 || reply[0] != 'E') return {};
  std::uint32_t length = be32(&reply[1]);
  if (length < 8 || length > 4096 || reply[5] != 'S') return {};  // ErrorResponse, severity first
  // Fields of a letter and a text that ends with zero: M is what it has to say.
  std::string_view fields = text_of(reply.subspan(5, std::min<std::size_t>(length - 4, reply.size() - 5)));
  for (int i = 0; i < 16 && !fields.empty() && fields[0] != 0; ++i) {
    std::string_view field = fields.substr(1, fields.find('\0') - 1);
    if (fields[0] == 'M') seen.evidence = "error: " + word_of(field);
    fields.remove_prefix(std::min(fields.size(), field.size() + 2));
  }
  if (contains_ignoring_case(seen.evidence, "frontend protocol")) seen.product = "PostgreSQL";
  if (seen.evidence.empty()) seen.evidence = evidence_of(reply.subspan(5));
  return {seen, reply.size() >= length + 1, {}};
}

ByteString postgresql_no_protocol(std::string_view) {
  // A start-up message of a protocol that no server speaks: it says so, in words that only PostgreSQL uses.
  ByteString out;
  ByteWriter(out).u32(9).u32(0x000F0000).u8(0);
  return out;
}

ByteString redis_ping(std::string_view) { return bytes_of("PING\r\n"); }

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

ByteString memcached_version(std::string_view) { return bytes_of("version\r\n"); }

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

ByteString oracle_version(std::string_view) {  // TNS connect, with the question of every client's `tnsping`
  constexpr std::string_view kData = "(CONNECT_DATA=(COMMAND=version))";
  ByteString out;
  ByteWriter w(out);
  w.u16(static_cast<unsigned>(58 + kData.size())).u16(0).u8(1).u8(0).u16(0);
  w.u16(0x0138).u16(0x012C).u16(0).u16(0x0800).u16(0x7FFF).u16(0x7F08).u16(0).u16(1);
  w.u16(static_cast<unsigned>(kData.size())).u16(58).u32(0).u8(0).u8(0).zeros(24);
  w.bytes(bytes_of(kData));
  return out;
}

Heard read_oracle(Bytes reply) {  // accept, refuse, redirect, data, resend
  if (reply.size() < 8 || reply[2] != 0 || reply[3] != 0 || reply[6] != 0 || reply[7] != 0) return {};
  const std::size_t length = be16(reply.data());
  const std::uint8_t type = reply[4];
  if (length < 8 || length > 8192 || (type != 2 && type != 4 && type != 5 && type != 11)) return {};
  if (type == 11 && length != 8) return {};
  ServiceSeen seen;
  seen.name = "oracle";
  seen.product = "Oracle listener";
  seen.evidence = type == 2 ? "TNS accept" : type == 4 ? "TNS refuse" : type == 5 ? "TNS redirect" : "TNS resend";
  std::string_view text = text_of(reply);
  const bool says = text.find("(DESCRIPTION=") != text.npos || text.find("VSNNUM=") != text.npos ||
                    text.find("TNSLSNR") != text.npos;
  if (type != 11 && reply.size() >= length && !says && type != 2) return {};
  if (std::size_t at = text.find("VSNNUM="); at != text.npos) {
    std::uint32_t number = 0;
    for (char c : text.substr(at + 7, 10)) {
      if (c < '0' || c > '9') break;
      number = number * 10 + static_cast<std::uint32_t>(c - '0');
    }
    // 8 bits, 4, 8, 4, 8 up to release 12; from 18 on the second number has 8 bits as well.
    seen.version = (number >> 24) < 18
                       ? fmt::format("{}.{}.{}", number >> 24, (number >> 20) & 15, (number >> 12) & 255)
                       : fmt::format("{}.{}", number >> 24, (number >> 16) & 255);
  }
  if (std::size_t at = text.find("Version "); at != text.npos && text.find("TNSLSNR") != text.npos)
    seen.version = word_of(
        text.substr(at + 8, std::min<std::size_t>(text.find_first_of(" -\r\n", at + 8), text.size()) - at - 8));
  return {seen, reply.size() >= length && (type != 2 || !seen.version.empty())};
}

namespace {

ByteString mongodb_command(std::string_view command, std::uint32_t id) {  // OP_MSG, MongoDB wire protocol
  ByteString body, out;
  ByteWriter b(body, true);
  b.u8(0x10).bytes(bytes_of(command)).u8(0).u32(1);
  b.u8(0x02).bytes(bytes_of("$db")).u8(0).u32(6).bytes(bytes_of("admin")).u8(0);
  ByteWriter w(out, true);
  w.u32(static_cast<std::uint32_t>(16 + 5 + 4 + body.size() + 1)).u32(id).u32(0).u32(2013).u32(0).u8(0);
  w.u32(static_cast<std::uint32_t>(4 + body.size() + 1)).bytes(body).u8(0);
  return out;
}

/// An element of BSON by its type and name, wherever it stands: what follows the name.
Bytes bson_value(Bytes document, std::uint8_t type, std::string_view name) {
  ByteString key = {type};
  key = key + bytes_of(name);
  key.push_back(0);
  auto at = std::search(document.begin(), document.end(), key.begin(), key.end());
  if (at == document.end()) return {};
  return document.subspan(static_cast<std::size_t>(at - document.begin()) + key.size());
}

}  // namespace

ByteString mongodb_hello(std::string_view) { return mongodb_command("isMaster", 0x64656D31); }
ByteString mongodb_build_info(std::string_view) { return mongodb_command("buildInfo", 0x64656D32); }

Heard read_mongodb(Bytes reply) {
  if (reply.size() < 16) return {};
  const std::uint32_t length = le32(reply.data()), answers = le32(&reply[8]), code = le32(&reply[12]);
  if (length < 21 || length > 1024 * 1024 || (code != 2013 && code != 1) ||
      (answers != 0x64656D31 && answers != 0x64656D32))
    return {};
  ServiceSeen seen;
  seen.name = "mongodb";
  seen.product = "MongoDB";
  if (reply.size() < length && reply.size() < kReplyMax) return {seen, false};
  if (answers == 0x64656D31) {
    seen.evidence = "hello";
    if (Bytes wire = bson_value(reply, 0x10, "maxWireVersion"); wire.size() >= 4)
      seen.evidence += fmt::format(", wire version {}", le32(wire.data()));
    if (Bytes set = bson_value(reply, 0x02, "setName"); set.size() > 4)
      seen.evidence +=
          ", replica set " +
          word_of(text_of(set.subspan(4, std::min<std::size_t>(le32(set.data()), set.size() - 4))).substr(0, 64));
    return {seen, true, {}, "mongodb-build-info"};
  }
  if (Bytes version = bson_value(reply, 0x02, "version"); version.size() > 4 && le32(version.data()) < 64) {
    std::string_view text = text_of(version.subspan(4));
    seen.version = word_of(text.substr(0, std::min<std::size_t>(text.find('\0'), le32(version.data()))));
  }
  seen.evidence = seen.version.empty() ? "build information refused" : "build information";
  return {seen, true};
}

ByteString cassandra_options(std::string_view) {  // native protocol v4 §4.1.3: before any STARTUP
  ByteString out;
  ByteWriter(out).u8(4).u8(0).u16(0).u8(5).u32(0);
  return out;
}

Heard read_cassandra(Bytes reply) {
  if (reply.size() < 9 || (reply[0] & 0x80) == 0 || (reply[0] & 0x7F) < 1 || (reply[0] & 0x7F) > 6) return {};
  const std::uint32_t length = be32(&reply[5]);
  if (be16(&reply[2]) != 0 || length < 4 || length > 64 * 1024 || (reply[4] != 6 && reply[4] != 0)) return {};
  std::string_view text = text_of(reply);
  ServiceSeen seen;
  seen.name = "cassandra";
  seen.evidence = fmt::format("{}, protocol {}", reply[4] == 6 ? "SUPPORTED" : "ERROR", reply[0] & 0x7F);
  if (reply.size() < length + 9) return {seen, false};
  std::size_t at = text.find("CQL_VERSION");
  if (reply[4] == 6 && at == text.npos) return {};
  if (at != text.npos && text.size() >= at + 15) {
    std::size_t size = be16(&reply[at + 13]);
    seen.evidence += ", CQL " + word_of(text.substr(at + 15, std::min<std::size_t>(size, 20)));
  }
  return {seen, true};
}

}  // namespace demarc::app
