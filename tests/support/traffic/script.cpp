#include "tests/support/traffic/script.h"

#include <functional>
#include <utility>

#include "probes/wire/decode.h"

namespace demarc::traffic {

namespace {

const std::string& filler() {
  static const std::string text(1400, 'x');
  return text;
}

// What all scripts have in common: time, what is hidden, repetition and reordering. `make` gives the packet of one
// letter, and whether the initiator sent it.
Timestamp play(MadeCapture& capture, World& world, const Cast& cast, std::string_view script, Timestamp at,
               const std::function<std::pair<Frame, bool>(char)>& make) {
  struct Step {
    Timestamp at;
    bool from_initiator, hidden;
    Frame packet;
  };
  std::vector<Step> steps;
  bool hidden = false;
  for (const char letter : script) {
    switch (letter) {
      case '(': hidden = true; break;
      case ')': hidden = false; break;
      case '.': at = at + std::chrono::seconds(1); break;
      case ':': at = at + std::chrono::seconds(75); break;
      case '!': at = at + std::chrono::minutes(40); break;
      case '~': std::swap(steps[steps.size() - 1].at, steps[steps.size() - 2].at); break;
      case '*': {
        Step again = steps.back();
        again.at = at;
        steps.push_back(std::move(again));
        at = at + world.soon();
        break;
      }
      default: {
        auto [packet, from_initiator] = make(letter);
        steps.push_back({at, from_initiator, hidden, std::move(packet)});
        at = at + world.soon();
      }
    }
  }
  Timestamp last = at;
  for (Step& step : steps) {
    last = step.at;
    if (step.hidden || (cast.seen == Seen::initiator && !step.from_initiator) ||
        (cast.seen == Seen::responder && step.from_initiator))
      continue;
    capture.add_packet(step.at, cast.flow, step.from_initiator, std::move(step.packet), cast.vlan);
  }
  return last;
}

// The data of one side: the lines it was given, its first words, then filler.
class Speaker {
 public:
  Speaker(std::string_view first, const std::vector<std::string>& lines) : first_(first), lines_(lines) {}
  std::string_view next(World& world, std::uint64_t longest) {
    const std::size_t n = said_++;
    if (n < lines_.size()) return lines_[n];
    if (n == 0 && !first_.empty()) return first_;
    return std::string_view(filler()).substr(0, 1 + world.below(longest));
  }

 private:
  std::string_view first_;
  const std::vector<std::string>& lines_;
  std::size_t said_ = 0;
};

}  // namespace

Timestamp play_tcp(MadeCapture& capture, World& world, const Cast& cast, std::string_view script, Timestamp at) {
  std::uint32_t next[2] = {world.isn(), world.isn()};
  const std::uint32_t isn[2] = {next[0], next[1]};
  Speaker speakers[2] = {{cast.client_says, cast.client_lines}, {cast.server_says, cast.server_lines}};
  std::uint32_t id = world.isn();
  return play(capture, world, cast, script, at, [&](char letter) {
    const int from = letter >= 'a' ? 1 : 0, to = 1 - from;
    const Endpoint &source = from ? cast.responder : cast.initiator,
                   &target = from ? cast.initiator : cast.responder;
    TcpCraft t{.source_port = source.port.number(), .port = target.port.number()};
    t.seq = next[from];
    t.ack = next[to];
    t.flags = tcp_flag::ack;
    std::uint32_t used = 0;
    switch (from ? letter - 'a' + 'A' : letter) {
      case 'S': t.flags = tcp_flag::syn, t.seq = isn[from], t.ack = 0, next[from] = isn[from], used = 1; break;
      case 'H': t.flags = tcp_flag::syn | tcp_flag::ack, t.seq = isn[from], next[from] = isn[from], used = 1; break;
      case 'D':
        t.flags |= tcp_flag::psh, t.payload = speakers[from].next(world, from ? 1400 : 300);
        used = static_cast<std::uint32_t>(t.payload.size());
        break;
      case 'F': t.flags |= tcp_flag::fin, used = 1; break;
      case 'R': t.flags |= tcp_flag::rst; break;
      case 'K': t.flags = tcp_flag::rst, t.ack = 0; break;
      case 'P': t.seq = next[from] - 1; break;
      default: break;
    }
    next[from] += used;
    IpCraft ip = cast.ip;
    ip.id = ++id & 0xFFFF;
    return std::pair(craft_tcp(source.address, target.address, t, ip), from == 0);
  });
}

Timestamp play_udp(MadeCapture& capture, World& world, const Cast& cast, std::string_view script, Timestamp at) {
  Speaker speakers[2] = {{cast.client_says, cast.client_lines}, {cast.server_says, cast.server_lines}};
  return play(capture, world, cast, script, at, [&](char letter) {
    const int from = letter == '<' ? 1 : 0;
    const Endpoint &source = from ? cast.responder : cast.initiator,
                   &target = from ? cast.initiator : cast.responder;
    return std::pair(craft_udp(source.address, target.address, source.port.number(), target.port.number(),
                               speakers[from].next(world, 400), cast.ip),
                     from == 0);
  });
}

Timestamp play_icmp(MadeCapture& capture, World& world, const Cast& cast, std::string_view script,
                    std::uint8_t query, std::uint8_t reply, Timestamp at) {
  std::uint32_t number = 0;
  const std::string_view text = std::string_view(filler()).substr(0, 56);
  const Bytes payload(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  return play(capture, world, cast, script, at, [&](char letter) {
    const bool back = letter == '<';
    if (!back) ++number;
    const std::uint32_t rest = (std::uint32_t{cast.initiator.port.number()} << 16) | (number & 0xFFFF);
    return std::pair(craft_icmp(back ? cast.responder.address : cast.initiator.address,
                                back ? cast.initiator.address : cast.responder.address, back ? reply : query, 0,
                                rest, payload, cast.ip),
                     !back);
  });
}

Timestamp play_raw(MadeCapture& capture, World& world, const Cast& cast, Protocol protocol, std::string_view script,
                   Timestamp at) {
  return play(capture, world, cast, script, at, [&](char letter) {
    const bool back = letter == '<';
    const std::string_view text = std::string_view(filler()).substr(0, 20 + world.below(400));
    const Bytes payload(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    return std::pair(craft_ip(back ? cast.responder.address : cast.initiator.address,
                              back ? cast.initiator.address : cast.responder.address, protocol, payload, cast.ip),
                     !back);
  });
}

}  // namespace demarc::traffic
