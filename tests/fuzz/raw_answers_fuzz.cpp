// Hostile packets into what takes a raw scan's answers apart. The first byte says where the packet comes from: as
// it stands, or a good answer to one of our probes (the second byte: its label), cut and changed by what follows
// (three bytes a change), so that changes reach what a random packet never passes for. What is recognised must lie
// within the packet, and be what the probe would have carried.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "probes/app/udp_probe.h"
#include "probes/wire/craft.h"
#include "probes/wire/probe_packet.h"
#include "scanner/active/raw/answers.h"

namespace {

using namespace demarc;
using namespace demarc::raw_engine;

void must(bool holds) {
  if (!holds) std::abort();
}

const Address kOurs = *parse_address("192.0.2.1"), kTarget = *parse_address("198.51.100.2");
const Address kOurs6 = *parse_address("2001:db8::1"), kTarget6 = *parse_address("2001:db8:1::2");

const Cookies& cookies() {
  static const Cookies all = [] {
    std::vector<Port> tcp, udp;
    for (std::uint16_t i = 0; i < 64; ++i) tcp.push_back(Port{static_cast<std::uint16_t>(40000 + i)});
    for (std::uint16_t i = 0; i < 256; ++i) udp.push_back(Port{static_cast<std::uint16_t>(50000 + i)});
    return Cookies(HashKey{1, 2, 3}, tcp, udp);
  }();
  return all;
}

const UdpProbe& udp_question() { return *find_udp_probe("dns-query"); }

Frame as_frame(const std::array<std::uint8_t, 2048>& out, std::size_t size) {
  return Frame(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size));
}

/// A good answer; the kind's lowest bit is the family.
Frame answer(std::uint8_t kind, std::uint8_t label) {
  const bool v4 = (kind & 1) == 0;
  const Address &ours = v4 ? kOurs : kOurs6, &target = v4 ? kTarget : kTarget6;
  std::array<std::uint8_t, 2048> out{};
  ProbeIp ip{ours, target};
  const Question tcp{target, Protocol::tcp, 443}, udp{target, Protocol::udp, 53};
  const Question echo{target, v4 ? Protocol::icmp : Protocol::icmpv6,
                      static_cast<std::uint16_t>((v4 ? 8 : 128) << 8)};
  const Token token = cookies().token(echo, label);
  switch (kind / 2 % 6) {
    case 0: {
      const Cookies::Probe probe = cookies().probe(tcp, label);
      TcpCraft syn_ack;
      syn_ack.source_port = 443;
      syn_ack.port = probe.source_port;
      syn_ack.ack = probe.seq + 1;
      syn_ack.flags = tcp_flag::syn | tcp_flag::ack;
      return craft_tcp(target, ours, syn_ack);
    }
    case 1: {
      const Cookies::Probe probe = cookies().probe(tcp, label);
      ip.id = probe.id;
      ProbeTcp syn;
      syn.source_port = probe.source_port;
      syn.port = 443;
      syn.seq = probe.seq;
      syn.flags = tcp_flag::syn;
      return craft_icmp_error(target, v4 ? 3 : 1, v4 ? 13 : 1, as_frame(out, write_tcp(out, ip, syn)));
    }
    case 2: {
      const Cookies::Probe probe = cookies().probe(udp, label);
      ip.id = probe.id;
      const ByteString payload = udp_question().request(cookies().token(udp, label));
      return craft_icmp_error(target, v4 ? 3 : 1, v4 ? 3 : 4,
                              as_frame(out, write_udp(out, ip, probe.source_port, 53, payload)));
    }
    case 3: return craft_icmp(target, ours, v4 ? 0 : 129, 0, cookies().probe(echo, label).seq, token.bytes);
    case 4: {
      const Cookies::Probe probe = cookies().probe(echo, label);
      return craft_icmp_error(target, v4 ? 11 : 3, 0,
                              as_frame(out, write_icmp(out, ip, v4 ? 8 : 128, 0, probe.seq, token.bytes)));
    }
    default: {
      ByteString reply = udp_question().request(cookies().token(udp, label));
      if (reply.size() > 3) reply[2] |= 0x80;
      const std::string_view text(reinterpret_cast<const char*>(reply.data()), reply.size());
      return craft_udp(target, ours, 53, cookies().probe(udp, label).source_port, text);
    }
  }
}

bool within(Bytes part, Bytes whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void take(const PacketView& view, Bytes packet) {
  if (auto query = view.protocol.is_icmp() ? query_of(cookies(), view) : std::nullopt)
    must(cookies().probe(query->question, query->label).seq == view.icmp_rest);
  if (view.protocol == Protocol::tcp && view.has_ports) {
    const Question question{view.source, Protocol::tcp, view.source_port};
    if (auto label = cookies().label_of_ack(question, view.port, view.tcp_ack)) {
      const Cookies::Probe probe = cookies().probe(question, *label);
      must(probe.source_port == view.port && (probe.seq + 1 == view.tcp_ack || probe.seq == view.tcp_ack));
    }
  }
  if (view.protocol == Protocol::udp && view.has_ports) {
    const Question question{view.source, Protocol::udp, view.source_port};
    for (std::uint8_t label : cookies().labels_of_port(question, view.port)) {
      must(cookies().probe(question, label).source_port == view.port);
      must(recognise_udp(view.payload, udp_question(), cookies().token(question, label)).token_bits <= 128);
    }
  }
  const std::optional<Quoted> quoted = quoted_of(view);
  if (!quoted) return;
  must(quoted->transport.size() >= 8 && within(quoted->transport, packet));
  if (auto asked = question_of(cookies(), view, *quoted))
    must(cookies().probe(asked->question, asked->label).seq == be32(quoted->transport.data() + 4));
  if (view.quote.protocol != Protocol::udp) return;
  const Question question{view.quote.destination, Protocol::udp, view.quote.port};
  for (std::uint8_t label : cookies().labels_of_port(question, view.quote.source_port)) {
    const Cookies::Probe probe = cookies().probe(question, label);
    ProbeIp ip{view.quote.source, view.quote.destination};
    ip.id = probe.id;
    const ByteString payload = udp_question().request(cookies().token(question, label));
    if (!is_quoted(*quoted, ip, probe.source_port, question.port, payload)) continue;
    must(be16(quoted->transport.data()) == probe.source_port);
    must(be16(quoted->transport.data() + 4) == payload.size() + 8);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::uint8_t kind = data[0];
  const auto label = static_cast<std::uint8_t>(data[1] % (kLabels - 1) + 1);
  Bytes rest(data + 2, size - 2);
  Frame packet(rest.begin(), rest.end());
  if (kind < 24) {
    packet = answer(kind, label);
    if (rest.empty() && kind < 12) {  // unchanged, it is an answer
      PacketView view;
      must(decode_ip(packet, static_cast<std::uint32_t>(packet.size()), view));
      const std::optional<Quoted> quoted = quoted_of(view);
      const int what = kind / 2;
      if (what == 0)
        must(cookies().label_of_ack({view.source, Protocol::tcp, 443}, view.port, view.tcp_ack) == label);
      if (what == 1 || what == 4) must(quoted && question_of(cookies(), view, *quoted)->label == label);
      if (what == 2) must(quoted.has_value());
      if (what == 3) must(query_of(cookies(), view)->label == label);
    }
    for (; rest.size() >= 3 && !packet.empty(); rest = rest.subspan(3)) {
      const std::size_t at = be16(rest.data()) % packet.size();
      if (kind >= 12 && (be16(rest.data()) & 0x8000) != 0)
        packet.resize(at);
      else
        packet[at] = rest[2];
    }
  }
  // Where the packet ends, the memory does: a sanitizer sees every byte beyond.
  const std::vector<std::uint8_t> exact(packet.begin(), packet.end());
  PacketView view;
  if (decode_ip(exact, static_cast<std::uint32_t>(exact.size()), view)) take(view, exact);
  if (auto reply = read_arp_reply(exact)) must(reply->address.is_ipv4() && exact.size() >= 28);
  if (auto reply = read_neighbour_advertisement(exact)) must(!reply->address.is_ipv4() && exact.size() >= 64);
  return 0;
}
