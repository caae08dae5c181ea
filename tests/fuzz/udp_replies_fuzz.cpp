// Whatever comes back from a UDP port: every reader with a token and without, and the recogniser. What they keep is
// bounded and printable, and nobody finds bits of a token where nobody asked.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "probes/app/udp_probe.h"

namespace {

void check(const demarc::UdpHeard& heard, bool asked) {
  if (heard.token_bits > 128 || (!asked && heard.token_bits != 0)) std::abort();
  if (heard.is_answer && !heard.seen) std::abort();
  if (!heard.seen) return;
  if (heard.seen->name.empty()) std::abort();
  for (const std::string* text : {&heard.seen->product, &heard.seen->version, &heard.seen->evidence}) {
    if (text->size() > 32 * demarc::kEvidenceMax) std::abort();
    if (!std::all_of(text->begin(), text->end(), [](char c) { return c >= 0x20 && c < 0x7F; })) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace demarc;
  if (size > 2 * kReplyMax) return 0;
  Bytes reply(data, size);
  Token token;  // the one that the seeds were built with
  for (std::size_t i = 0; i < 16; ++i) token.bytes[i] = static_cast<std::uint8_t>(0x91 + 13 * i);
  for (const UdpProbe& probe : udp_probes()) {
    check(probe.read(reply, token), true);
    check(probe.read(reply, kNobodyAsked), false);
  }
  // Which row was asked decides who reads first, and is taken from the bytes themselves.
  std::size_t sum = size;
  for (std::uint8_t byte : reply) sum += byte;
  check(recognise_udp(reply, udp_probes()[sum % udp_probes().size()], token), true);
  return 0;
}
