// Whatever a server answers: every reader on its own, the recogniser, and a conversation in pieces. What they keep
// is bounded and printable.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "probes/app/der.h"
#include "probes/app/service_conversation.h"

namespace {

void check(const std::optional<demarc::ServiceSeen>& seen) {
  if (!seen) return;
  if (seen->name.empty() || seen->certificate_names.size() > 64) std::abort();
  for (const std::string* text : {&seen->product, &seen->version, &seen->evidence, &seen->tls_inside}) {
    if (text->size() > 32 * demarc::kEvidenceMax) std::abort();
    if (!std::all_of(text->begin(), text->end(), [](char c) { return c >= 0x20 && c < 0x7F; })) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace demarc;
  if (size > 2 * kReplyMax) return 0;
  Bytes reply(data, size);
  for (const AppProbe& probe : app_probes()) check(probe.read(reply).seen);
  check(recognise(reply, nullptr).seen);
  read_certificate(reply);
  for (int port : {21, 25, 139, 443, 3389, 4711, 5432}) {
    ServiceConversation talk(Port{static_cast<std::uint16_t>(port)}, ServiceConversation::Manner::thorough,
                             std::chrono::milliseconds(100));
    for (ServiceConversation::Opening& opening : talk.openings()) {
      Dialogue& d = opening.dialogue;
      for (int steps = 0;; ++steps) {
        if (steps > 16) std::abort();  // it must end
        Dialogue::Step step = d.next();
        if (step.finished) break;
        if (step.start_tls) d.on_tls({"TLS 1.3", "cipher", ByteString(data, data + size), true});
        bool done = false;
        for (std::size_t at = 0; at < size && !done; at += 1 + size / 3)
          done = d.on_bytes(reply.subspan(at, std::min(size - at, 1 + size / 3)));
        if (!done) d.on_closed();
      }
      check(d.seen());
    }
    check(talk.seen());
  }
  return 0;
}
