// Whatever a control conversation says: every reader of announcements by itself, then whole conversations in
// segments. Nothing that comes of it lies below port 1024 or with a stranger.
#include <cstdlib>

#include "probes/app/announced.h"
#include "scanner/passive/control_talk.h"
#include "tests/fuzz/share.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace demarc;
  if (size > 64 * 1024) return 0;
  const Bytes bytes(data, size);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_ftp_command(text);
  read_ftp_reply(text);
  is_tftp_request(bytes);
  for (const bool little : {true, false})
    if (read_ept_map(bytes, little).size() > 64) std::abort();
  if (const std::optional<MsrpcPdu> pdu = read_msrpc_pdu(bytes)) {
    if (pdu->length < kMsrpcHeader || pdu->stub.size() > pdu->length) std::abort();
    if (read_ept_map(pdu->stub, pdu->little_endian).size() > 64) std::abort();
  }
  const PortQuestion question = read_port_question(bytes).value_or(PortQuestion{7, 4, Protocol::udp});
  if (const std::optional<Announced> answer = read_port_answer(bytes, question))
    if (answer->port.number() == 0) std::abort();
  for (const bool datagram : {true, false}) {
    bool more = false;
    const std::optional<SipMessage> message = read_sip_message(text, datagram, more);
    if (message && (message->length == 0 || message->media.size() > kMediaLinesMax || more)) std::abort();
  }

  const Address client = Address::ipv4(0xC6336407), server = Address::ipv4(0xC000020A), stranger = Address::ipv4(1);
  Related related(64, 42);
  ControlTalks talks(related, 4, 42);
  const Timestamp now = Timestamp::from_seconds(1'795'000'000);
  constexpr RelatedBy kinds[] = {RelatedBy::ftp, RelatedBy::msrpc, RelatedBy::tftp, RelatedBy::sip,
                                 RelatedBy::portmapper};
  std::size_t turn = 0;
  for (const RelatedBy kind : kinds) {
    if (!has_turn(turn++, std::size(kinds), size)) continue;
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
      for (const bool from_responder : {false, true}) {
        const FiveTuple c{protocol, {client, Port{40000}}, {server, Port{21}}};
        const std::size_t step = 1 + size / 3;
        for (std::size_t at = 0; at < size; at += step)
          talks.listen(kind, c, from_responder, now, static_cast<std::uint32_t>(at),
                       bytes.subspan(at, std::min(step, size - at)));
      }
  }
  if (related.size() > 64) std::abort();
  if (!one_in(16, data, size)) return 0;
  // Two strangers have no parent, whatever was said between two others.
  for (unsigned port = 0; port < 65536; port += 97)
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
      if (related.parent_of(protocol, {stranger, Port{40000}}, {stranger, Port{static_cast<std::uint16_t>(port)}},
                            now) != kNone32)
        std::abort();
  for (unsigned port = 0; port < 1024; ++port)
    if (related.parent_of(Protocol::tcp, {client, Port{40000}}, {server, Port{static_cast<std::uint16_t>(port)}},
                          now) != kNone32)
      std::abort();
  return 0;
}
