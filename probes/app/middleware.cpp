// Queues, brokers, proxies and what else stands between others. Each has a question that is answered before anybody
// logs in, and most of them by a version.
#include <fmt/format.h>

#include <algorithm>

#include "probes/app/codecs.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

constexpr std::uint32_t kKafkaId = 0x64656D61;

ServiceSeen named(std::string_view name, std::string evidence) {
  ServiceSeen seen;
  seen.name = name;
  seen.evidence = std::move(evidence);
  return seen;
}

/// A long string of an AMQP field table by its name: 'S', four bytes of length, text.
std::string amqp_field(std::string_view text, std::string_view name) {
  std::string key(1, static_cast<char>(name.size()));
  key += name;
  key += 'S';
  std::size_t at = text.find(key);
  if (at == text.npos || text.size() < at + key.size() + 4) return {};
  at += key.size();
  const std::uint32_t size = be32(reinterpret_cast<const std::uint8_t*>(text.data()) + at);
  return word_of(text.substr(at + 4, std::min<std::size_t>(size, 80)));
}

}  // namespace

ByteString socks5_greeting(std::string_view) {  // RFC 1928 §3: no authentication, or user and password
  ByteString out;
  ByteWriter(out).u8(5).u8(2).u8(0).u8(2);
  return out;
}

Heard read_socks5(Bytes reply) {
  if (reply.size() == 1 && reply[0] == 5) return {named("socks", ""), false};
  if (reply.size() != 2 || reply[0] != 5 || (reply[1] != 0 && reply[1] != 2 && reply[1] != 0xFF)) return {};
  ServiceSeen seen = named("socks", reply[1] == 0   ? "SOCKS5, open to everybody"
                                    : reply[1] == 2 ? "SOCKS5, wants a user and a password"
                                                    : "SOCKS5, accepts no method of ours");
  seen.version = "5";
  return {seen, true};
}

ByteString amqp_header(std::string_view) {  // AMQP 0-9-1 §4.2.2
  ByteString out = bytes_of("AMQP");
  ByteWriter(out).u8(0).u8(0).u8(9).u8(1);
  return out;
}

Heard read_amqp(Bytes reply) {
  std::string_view text = text_of(reply);
  if (text.starts_with("AMQP") && reply.size() >= 8 && reply[4] <= 3) {  // "not that one, but this"
    ServiceSeen seen = named("amqp", "protocol header");
    seen.version = fmt::format("AMQP {}.{}.{}", reply[5], reply[6], reply[7]);
    return {seen, true};
  }
  if (reply.size() < 13 || reply[0] != 1 || be16(&reply[1]) != 0) return {};
  const std::uint32_t length = be32(&reply[3]);
  if (length < 12 || length > 65536 || be32(&reply[7]) != 0x000A000A) return {};  // Connection.Start
  ServiceSeen seen = named("amqp", fmt::format("Connection.Start {}.{}", reply[11], reply[12]));
  if (reply.size() < length + 8) return {seen, false};
  seen.product = amqp_field(text, "product");
  seen.version = amqp_field(text, "version");
  return {seen, true};
}

// A CONNECT of a protocol level that does not exist: the broker must refuse it (MQTT 3.1.1 §3.1.2.2), so no session
// begins and nobody is logged in.
ByteString mqtt_connect_refused(std::string_view) {
  ByteString out;
  ByteWriter(out).u8(0x10).u8(12).u16(4).bytes(bytes_of("MQTT")).u8(0x7F).u8(2).u16(10).u16(0);
  return out;
}

Heard read_mqtt(Bytes reply) {
  if (reply.size() < 4 || reply[0] != 0x20 || reply[1] < 2 || reply[1] > 3 || reply[2] > 1) return {};
  if (reply.size() > std::size_t{reply[1]} + 2) return {};
  return {named("mqtt", fmt::format("CONNACK, reason {}", reply[3])), reply.size() == std::size_t{reply[1]} + 2};
}

ByteString kafka_api_versions(std::string_view) {  // ApiVersions version 0, which every broker answers
  ByteString out;
  ByteWriter(out).u32(16).u16(18).u16(0).u32(kKafkaId).u16(6).bytes(bytes_of("demarc"));
  return out;
}

Heard read_kafka(Bytes reply) {
  if (reply.size() < 14) return {};
  const std::uint32_t length = be32(reply.data()), count = be32(&reply[10]);
  if (be32(&reply[4]) != kKafkaId || count > 200 || length != 10 + 6 * count) return {};
  ServiceSeen seen = named("kafka", fmt::format("{} kinds of requests", count));
  return {seen, reply.size() >= length + 4};
}

ByteString zookeeper_srvr(std::string_view) { return bytes_of("srvr"); }

Heard read_zookeeper(Bytes reply) {
  std::string_view text = text_of(reply);
  constexpr std::string_view kVersion = "Zookeeper version: ";
  if (text.starts_with("srvr is not executed because")) return {named("zookeeper", "srvr is not allowed"), true};
  if (!text.starts_with(kVersion)) return {};
  ServiceSeen seen = named("zookeeper", bytes_escaped(first_line(text).substr(0, kEvidenceMax)));
  text.remove_prefix(kVersion.size());
  seen.product = "ZooKeeper";
  seen.version = word_of(text.substr(0, std::min<std::size_t>(text.find_first_of("-, \r\n"), 40)));
  return {seen, text.find('\n') != text.npos};
}

ByteString ajp_cping(std::string_view) { return {0x12, 0x34, 0, 1, 10}; }  // AJP13, CPing

Heard read_ajp(Bytes reply) {
  constexpr std::uint8_t kCpong[] = {'A', 'B', 0, 1, 9};
  if (reply.size() != std::size(kCpong) || !std::equal(reply.begin(), reply.end(), kCpong)) return {};
  return {named("ajp", "CPong"), true};
}

ByteString rmi_handshake(std::string_view) {  // Java RMI wire protocol: stream protocol, version 2
  ByteString out = bytes_of("JRMI");
  ByteWriter(out).u16(2).u8(0x4B);
  return out;
}

Heard read_rmi(Bytes reply) {  // ProtocolAck, and how the server sees us
  if (reply.size() < 3 || reply[0] != 0x4E) return {};
  const std::size_t length = be16(&reply[1]);
  if (length < 2 || length > 64 || reply.size() > length + 7) return {};
  Bytes host = reply.subspan(3, std::min(length, reply.size() - 3));
  if (!std::all_of(host.begin(), host.end(), [](std::uint8_t c) { return c > 0x20 && c < 0x7F; })) return {};
  return {named("java-rmi", "ProtocolAck"), reply.size() == length + 7};
}

ByteString git_upload_pack(std::string_view) {  // pkt-line, with a repository that nobody has
  std::string request = "git-upload-pack /demarc.invalid";
  request += '\0';
  request += "host=demarc.invalid";
  request += '\0';
  return bytes_of(fmt::format("{:04x}", request.size() + 4) + request);
}

Heard read_git(Bytes reply) {
  std::string_view text = text_of(reply);
  if (text.size() < 8 || !text.substr(4).starts_with("ERR ")) return {};
  if (!std::all_of(text.begin(), text.begin() + 4,
                   [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }))
    return {};
  return {named("git", bytes_escaped(first_line(text.substr(4)).substr(0, kEvidenceMax))), true};
}

}  // namespace demarc::app
