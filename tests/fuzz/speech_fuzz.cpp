// Whatever payload says: each form by itself, then a listener that hears it from both sides of several ports, whole
// and in pieces. What it keeps is bounded and printable.
#include <algorithm>
#include <cstdlib>

#include "probes/app/overheard.h"
#include "rules/net/app_protocol.h"
#include "scanner/passive/speech.h"
#include "tests/fuzz/share.h"

namespace {

void check(const demarc::ServiceSeen& seen) {
  if (!demarc::is_app_protocol(seen.name) || seen.certificate_names.size() > 64) std::abort();
  for (const std::string* text : {&seen.product, &seen.version, &seen.evidence, &seen.tls_inside}) {
    if (text->size() > 32 * demarc::kEvidenceMax) std::abort();
    if (!std::all_of(text->begin(), text->end(), [](char c) { return c >= 0x20 && c < 0x7F; })) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace demarc;
  if (size > 2 * kReplyMax) return 0;
  const Bytes bytes(data, size);
  const bool one_by_one = one_in(4, data, size);
  if (one_by_one)
    for (const OverheardForm& form : overheard_forms())
      if (const std::optional<ServiceSeen> seen = form.read(bytes)) {
        check(*seen);
        if (steady_beginning_of(seen->name, form.protocol, bytes) >= std::size(kSteadyBeginnings)) std::abort();
      }
  if (one_by_one && !kFuzzReplay) return 0;
  Speech speech({.servers_max = 8, .services_max = 16, .announced_max = 16, .control_max = 4, .hash_key = 42});
  const Address client = Address::ipv4(0xC6336407), server = Address::ipv4(0xC000020A);
  const Timestamp now = Timestamp::from_seconds(1'795'000'000);
  std::size_t turn = 0;
  for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
    for (const Port port : {Port{21}, Port{69}, Port{111}, Port{135}, Port{443}, Port{5060}}) {
      if (!has_turn(turn++, 12, size)) continue;
      for (const bool from_responder : {false, true}) {
        const FiveTuple c{protocol, {client, Port{40000}}, {server, port}};
        const std::size_t step = 1 + size / 3;
        const Bytes first = bytes.first(std::min(step, size));
        const Speech::Recognised once = speech.recognise(server, protocol, port, from_responder, first);
        const Speech::Recognised again = speech.recognise(server, protocol, port, from_responder, first);
        // The memo says what the readers said.
        if (once.service != kNone32 && again.service != once.service &&
            !speech.same_service(once.service, again.service))
          std::abort();
        if (!once.listen && !Speech::is_control(protocol, port)) continue;
        for (std::size_t at = 0; at < size; at += step)
          if (!speech.listen(c, from_responder, now, static_cast<std::uint32_t>(at),
                             bytes.subspan(at, std::min(step, size - at))))
            break;
      }
    }
  for (const ServiceSeen& seen : speech.services()) check(seen);
  if (speech.services().size() > 16 + app_protocol_names().size() * 2) std::abort();
  return 0;
}
