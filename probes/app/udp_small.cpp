// Files, caches, displays, and the small services of old that answer anything with something.
#include <algorithm>

#include <fmt/format.h>

#include "probes/app/udp_codecs.h"

namespace demarc::app {

namespace {

std::string absent_file(const Token& token) { return "demarc-" + hex_of(part(token, 0, 8)); }

bool printable(Bytes bytes) {
  return !bytes.empty() && std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t c) {
    return (c >= 0x20 && c < 0x7F) || c == '\r' || c == '\n' || c == '\t' || c == '\f';
  });
}

}  // namespace

ByteString udp_tftp(const Token& token) {  // RFC 1350 §5: a file that cannot be there
  ByteString out;
  ByteWriter(out).u16(1).bytes(bytes_of(absent_file(token))).u8(0).bytes(bytes_of("octet")).u8(0);
  return out;
}

UdpHeard read_udp_tftp(Bytes reply, const Token& token) {
  UdpHeard heard;
  if (reply.size() < 4 || reply.size() > 516 || reply[0] != 0) return {};
  unsigned operation = reply[1], number = be16(&reply[2]);
  std::string said;
  if (operation == 5 && number <= 8 && reply.size() >= 5 && reply.back() == 0) {
    std::string_view text = text_of(reply.subspan(4));
    text = text.substr(0, text.find('\0'));
    if (!text.empty() && !printable(reply.subspan(4, text.size()))) return {};
    said = fmt::format("error {}: {}", number, word_of(text));
    may_return(token, text.find(absent_file(token)) != text.npos, 64, heard);
  } else if (operation == 3 && number == 1 && was_asked(token)) {
    said = "data: a file was there";
  } else {
    return {};
  }
  return is_answer(heard, "tftp", std::move(said));
}

ByteString udp_memcached(
    const Token& token) {  // memcached, doc/protocol.txt, "UDP protocol": a frame, then a command
  ByteString out;
  ByteWriter(out).u16(token.u16()).u16(0).u16(1).u16(0).bytes(bytes_of("version\r\n"));
  return out;
}

UdpHeard read_udp_memcached(Bytes reply, const Token& token) {
  UdpHeard heard;
  if (reply.size() < 16 || be16(&reply[2]) != 0 || be16(&reply[4]) != 1) return {};
  std::string_view line = first_line(text_of(reply.subspan(8)));
  if (!line.starts_with("VERSION ") && line != "ERROR" && !line.starts_with("CLIENT_ERROR")) return {};
  if (!must_return(token, be16(reply.data()) == token.u16(), 16, heard)) return {};
  is_answer(heard, "memcached", word_of(line));
  if (line.starts_with("VERSION ")) {
    heard.seen->product = "memcached";
    heard.seen->version = word_of(line.substr(8));
  }
  return heard;
}

ByteString udp_xdmcp(const Token&) {  // XDMCP 1.1 §4, Query without authentication; no room for a token
  ByteString out;
  ByteWriter(out).u16(1).u16(2).u16(1).u8(0);
  return out;
}

UdpHeard read_udp_xdmcp(Bytes reply, const Token&) {  // Willing and Unwilling
  UdpHeard heard;
  ByteReader in(reply);
  unsigned version = in.u16(), operation = in.u16(), length = in.u16();
  if (version != 1 || (operation != 5 && operation != 6) || !in.ok() || length != in.left()) return {};
  if (operation == 5) in.skip(in.u16());  // the authentication's name
  std::string host = word_of(text_of(in.bytes(in.u16())));
  std::string status = word_of(text_of(in.bytes(in.u16())));
  if (!in.ok() || in.left() != 0) return {};
  return is_answer(heard, "xdmcp",
                   fmt::format("{}: host {}, {}", operation == 5 ? "willing" : "unwilling", host, status));
}

ByteString udp_echo(const Token& token) { return ByteString(token.bytes.begin(), token.bytes.end()); }  // RFC 862

UdpHeard read_udp_echo(Bytes reply, const Token& token) {
  UdpHeard heard;
  if (!was_asked(token) || reply.size() != token.bytes.size()) return {};
  if (!must_return(token, same(reply, token.bytes), 128, heard)) return {};
  return is_answer(heard, "echo", "our own bytes");
}

ByteString udp_nothing(const Token&) { return {}; }

UdpHeard read_udp_daytime(Bytes reply, const Token& token) {  // RFC 867: a line with the time, in no fixed form
  UdpHeard heard;
  bool digits = std::any_of(reply.begin(), reply.end(), [](std::uint8_t c) { return c >= '0' && c <= '9'; });
  if (!was_asked(token) || reply.size() > 128 || !printable(reply) || !digits) return {};
  return is_answer(heard, "daytime", evidence_of(reply));
}

UdpHeard read_udp_time(Bytes reply,
                       const Token& token) {  // RFC 868: seconds since 1900, so since 1968 the first bit is set
  UdpHeard heard;
  if (!was_asked(token) || reply.size() != 4 || (reply[0] & 0x80) == 0) return {};
  return is_answer(heard, "time", fmt::format("{} s since 1900", be32(reply.data())));
}

UdpHeard read_udp_quote(Bytes reply, const Token& token) {  // RFC 865: less than 512 characters
  UdpHeard heard;
  if (!was_asked(token) || reply.size() > 512 || !printable(reply)) return {};
  return is_answer(heard, "qotd", evidence_of(reply));
}

UdpHeard read_udp_chargen(Bytes reply, const Token& token) {  // RFC 864: up to 512 characters, whatever they are
  UdpHeard heard;
  if (!was_asked(token) || reply.size() > 1024) return {};
  return is_answer(heard, "chargen", evidence_of(reply.first(std::min<std::size_t>(reply.size(), 72))));
}

UdpHeard read_udp_anything(Bytes reply,
                           const Token& token) {  // who answers to nothing listens; what it is, it may say
  UdpHeard heard;
  if (!was_asked(token) || reply.empty()) return {};
  return is_answer(heard, kUnknownService, evidence_of(reply));
}

UdpHeard read_udp_silence(Bytes, const Token&) { return {}; }

}  // namespace demarc::app
