#include "scanner/active/raw/answers.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "rules/net/icmp.h"

namespace demarc::raw_engine {

std::optional<Quoted> quoted_of(const PacketView& error) {
  if (!error.has_quote) return std::nullopt;
  const Bytes q = error.payload;
  Quoted out;
  if (error.quote.source.is_ipv4()) {
    if (q.size() < 20) return std::nullopt;
    const std::size_t header = (q[0] & 0x0FU) * 4U;
    if (header < 20 || q.size() < header) return std::nullopt;
    out.id = be16(q.data() + 4);
    out.transport = q.subspan(header);
  } else {
    if (q.size() < 40 || Protocol(q[6]) != error.quote.protocol)
      return std::nullopt;  // extension headers: not ours
    out.transport = q.subspan(40);
  }
  if (out.transport.size() < 8) return std::nullopt;
  return out;
}

std::optional<QuotedQuestion> question_of(const Cookies& cookies, const PacketView& error, const Quoted& quoted) {
  Question question{error.quote.destination, error.quote.protocol, error.quote.port};
  std::optional<std::uint8_t> label;
  const std::uint32_t second = be32(quoted.transport.data() + 4);
  if (question.protocol == Protocol::tcp) {
    label = cookies.label_of_seq(question, error.quote.source_port, second);
  } else if (question.protocol.is_icmp()) {
    question.port = be16(quoted.transport.data());
    label = cookies.label_of_query(question, second);
  }
  if (!label) return std::nullopt;
  return QuotedQuestion{question, *label};
}

bool is_quoted(const Quoted& quoted, const ProbeIp& ip, std::uint16_t source_port, std::uint16_t port,
               Bytes payload) {
  std::array<std::uint8_t, 2048> scratch{};
  const std::size_t size = write_udp(scratch, ip, source_port, port, payload);
  if (size == 0) return false;
  const std::size_t header = ip.source.is_ipv4() ? 20 : 40;
  const Bytes sent = Bytes(scratch).subspan(header, size - header);
  const Bytes there = quoted.transport;
  const std::size_t common = std::min(sent.size(), there.size());
  const bool id_right = quoted.id && *quoted.id == ip.id;
  const bool sum_right = std::memcmp(sent.data() + 6, there.data() + 6, 2) == 0;
  return std::memcmp(sent.data(), there.data(), 6) == 0 && (id_right || sum_right) &&
         (common >= 12 || (id_right && sum_right) || (!quoted.id && sum_right)) &&
         std::memcmp(sent.data() + 8, there.data() + 8, common - 8) == 0;
}

std::optional<QuotedQuestion> query_of(const Cookies& cookies, const PacketView& reply) {
  std::uint8_t asked = 0;
  for (std::uint8_t query : {std::uint8_t{8}, std::uint8_t{13}, std::uint8_t{17}, std::uint8_t{128}})
    if (icmp_reply_type(reply.source.family(), query) == reply.icmp_type) asked = query;
  if (asked == 0 || reply.icmp_code != 0) return std::nullopt;
  const Question question{reply.source, reply.source.is_ipv4() ? Protocol::icmp : Protocol::icmpv6,
                          static_cast<std::uint16_t>(asked << 8)};
  const std::optional<std::uint8_t> label = cookies.label_of_query(question, reply.icmp_rest);
  if (!label) return std::nullopt;
  const Token token = cookies.token(question, *label);
  const bool echo = asked == 8 || asked == 128;
  if (echo && !std::equal(reply.payload.begin(), reply.payload.end(), token.bytes.begin(), token.bytes.end()))
    return std::nullopt;
  return QuotedQuestion{question, *label};
}

}  // namespace demarc::raw_engine
