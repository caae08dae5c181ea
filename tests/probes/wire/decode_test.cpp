#include "probes/wire/decode.h"

#include <doctest/doctest.h>

#include <string>

#include "probes/wire/craft.h"

namespace demarc {

namespace {

const Address kClient = *parse_address("198.51.100.7"), kServer = *parse_address("192.0.2.10"),
              kRouter = *parse_address("203.0.113.1");
const Address kClient6 = *parse_address("2001:db8::7"), kServer6 = *parse_address("2001:db8:1::10"),
              kRouter6 = *parse_address("2001:db8:2::1");

constexpr LinkType kLinks[] = {LinkType::null, LinkType::ethernet, LinkType::raw_bsd,      LinkType::raw_openbsd,
                               LinkType::raw,  LinkType::loop,     LinkType::linux_cooked, LinkType::linux_cooked2};

Frame syn(const Address& from = kClient, const Address& to = kServer, const IpCraft& ip = {}) {
  return craft_tcp(
      from, to, {.source_port = 40000, .port = 443, .seq = 1000, .flags = tcp_flag::syn, .payload = "hello"}, ip);
}

DecodeProblem problem_of(LinkType link, Bytes frame, std::uint32_t wire = 0) {
  PacketView view;
  const bool good = decode(link, frame, wire, view);
  CHECK(good == (view.problem == DecodeProblem::none));
  return view.problem;
}

}  // namespace

TEST_CASE("every link type leads to the same packet") {
  for (LinkType link : kLinks)
    for (const bool v6 : {false, true}) {
      CAPTURE(name(link));
      CAPTURE(v6);
      const Frame frame = craft_frame(link, v6 ? syn(kClient6, kServer6) : syn());
      PacketView view;
      REQUIRE(decode(link, frame, 0, view));
      CHECK(view.source == (v6 ? kClient6 : kClient));
      CHECK(view.destination == (v6 ? kServer6 : kServer));
      CHECK(view.protocol == Protocol::tcp);
      CHECK(view.has_ports);
      CHECK(view.source_port == 40000);
      CHECK(view.port == 443);
      CHECK(view.tcp_flags == tcp_flag::syn);
      CHECK(view.tcp_seq == 1000);
      CHECK(view.length == (v6 ? 65 : 45));
      CHECK(view.payload_length == 5);
      REQUIRE(view.payload.size() == 5);
      CHECK(view.payload[0] == 'h');
    }
}

TEST_CASE("raw types of one family refuse the other") {
  CHECK(problem_of(LinkType::ipv4, syn()) == DecodeProblem::none);
  CHECK(problem_of(LinkType::ipv6, syn()) == DecodeProblem::malformed);
  CHECK(problem_of(LinkType::ipv6, syn(kClient6, kServer6)) == DecodeProblem::none);
  CHECK(problem_of(LinkType::ipv4, syn(kClient6, kServer6)) == DecodeProblem::malformed);
}

TEST_CASE("BSD loopback knows every system's number for IPv6, in both byte orders") {
  for (const std::uint32_t family : {10U, 24U, 28U, 30U})
    for (const bool little : {true, false}) {
      Frame frame;
      ByteWriter(frame, little).u32(family).bytes(syn(kClient6, kServer6));
      CHECK(problem_of(LinkType::null, frame) == DecodeProblem::none);
    }
}

TEST_CASE("VLAN tags are opened, stacked too, up to a bound") {
  PacketView view;
  const Frame one = craft_ethernet(syn(), {100});
  REQUIRE(decode(LinkType::ethernet, one, 0, view));
  CHECK(view.vlan == 100);
  const Frame two = craft_ethernet(syn(), {7, 300});
  REQUIRE(decode(LinkType::ethernet, two, 0, view));
  CHECK(view.vlan == 300);
  CHECK(view.length == 45);
  REQUIRE(decode(LinkType::ethernet, craft_ethernet(syn()), 0, view));
  CHECK(view.vlan == 0);  // nothing is left of the packet before
  CHECK(problem_of(LinkType::ethernet, craft_ethernet(syn(), {1, 2, 3, 4, 5, 6, 7, 8, 9})) ==
        DecodeProblem::malformed);
}

TEST_CASE("what is not IP is told from what may carry IP") {
  struct Row {
    unsigned ethertype;
    DecodeProblem problem;
  };
  for (const Row& row : {Row{0x0806, DecodeProblem::not_ip}, Row{0x88CC, DecodeProblem::not_ip},
                         Row{0x22F3, DecodeProblem::encapsulated}, Row{0x0026, DecodeProblem::not_ip}}) {
    CAPTURE(row.ethertype);
    Frame frame;
    ByteWriter(frame).zeros(12).u16(row.ethertype).zeros(46);
    CHECK(problem_of(LinkType::ethernet, frame) == row.problem);
  }
  Frame snap;  // RFC 1042
  const Frame packet = syn();
  ByteWriter(snap)
      .zeros(12)
      .u16(static_cast<unsigned>(8 + packet.size()))
      .u32(0xAAAA0300)
      .u16(0)
      .u16(0x0800)
      .bytes(packet);
  CHECK(problem_of(LinkType::ethernet, snap) == DecodeProblem::none);
  CHECK(problem_of(static_cast<LinkType>(147), packet) == DecodeProblem::link_unknown);
}

TEST_CASE("the length is that of the whole IP packet, whatever was captured") {
  const Frame packet = craft_tcp(
      kClient, kServer, {.source_port = 1, .port = 2, .flags = tcp_flag::ack, .payload = std::string(1000, 'x')});
  const Frame frame = craft_frame(LinkType::ethernet, packet);
  PacketView view;
  REQUIRE(decode(LinkType::ethernet, Bytes(frame).first(68), static_cast<std::uint32_t>(frame.size()), view));
  CHECK(view.length == 1040);
  CHECK(view.payload_length == 1000);
  CHECK(view.payload.size() == 14);

  // Padding of a short Ethernet frame is not part of the packet.
  const Frame bare = craft_tcp(kClient, kServer, {.source_port = 1, .port = 2, .flags = tcp_flag::ack});
  REQUIRE(decode(LinkType::ethernet, craft_frame(LinkType::ethernet, bare), 60, view));
  CHECK(view.length == 40);
  CHECK(view.payload_length == 0);
  CHECK(view.payload.empty());
}

TEST_CASE("segmentation offload leaves length 0, and then the frame tells") {
  for (const bool v6 : {false, true}) {
    IpCraft ip;
    ip.length_claimed = 0;
    const Frame packet = v6 ? syn(kClient6, kServer6, ip) : syn(kClient, kServer, ip);
    PacketView view;
    REQUIRE(decode(LinkType::raw, packet, 60000, view));
    CHECK(view.length == 60000);
    CHECK(view.payload_length == 60000 - (v6 ? 60 : 40));
  }
}

TEST_CASE("lengths that lie are cut to the frame, or refused") {
  struct Row {
    std::uint16_t claimed;
    DecodeProblem problem;
    std::uint32_t length;
  };
  for (const Row& row : {Row{65535, DecodeProblem::none, 45}, Row{45, DecodeProblem::none, 45},
                         Row{44, DecodeProblem::none, 44}, Row{39, DecodeProblem::malformed, 0},
                         Row{20, DecodeProblem::malformed, 0}, Row{19, DecodeProblem::malformed, 0}}) {
    CAPTURE(row.claimed);
    IpCraft ip;
    ip.length_claimed = row.claimed;
    const Frame packet = syn(kClient, kServer, ip);
    PacketView view;
    decode(LinkType::raw, packet, 0, view);
    CHECK(view.problem == row.problem);
    if (row.problem == DecodeProblem::none) CHECK(view.length == row.length);
  }
}

TEST_CASE("IPv4 options are skipped, impossible header lengths refused") {
  IpCraft ip;
  ip.options = {0x94, 4, 0, 0, 1};  // router alert (RFC 2113), no-operation
  PacketView view;
  REQUIRE(decode(LinkType::raw, syn(kClient, kServer, ip), 0, view));
  CHECK(view.port == 443);
  CHECK(view.length == 53);
  for (const unsigned words : {0U, 1U, 4U, 15U}) {
    Frame packet = syn();
    packet[0] = static_cast<std::uint8_t>(0x40 | words);
    CHECK(problem_of(LinkType::raw, packet) == DecodeProblem::malformed);
  }
}

TEST_CASE("IPv6 extension headers lead to the transport header") {
  IpCraft ip;
  ip.extensions = {{0, Frame{5, 2, 0, 0}}, {43, Frame{4, 0, 0, 0, 0, 0}}, {60, Frame(22)}, {51, Frame(10)}};
  PacketView view;
  REQUIRE(decode(LinkType::raw, syn(kClient6, kServer6, ip), 0, view));
  CHECK(view.protocol == Protocol::tcp);
  CHECK(view.port == 443);
  CHECK(view.payload_length == 5);
  CHECK_FALSE(view.fragment);

  ip.extensions.assign(17, {60, Frame{}});
  CHECK(problem_of(LinkType::raw, syn(kClient6, kServer6, ip)) == DecodeProblem::malformed);
  ip.extensions.assign(16, {60, Frame{}});
  CHECK(problem_of(LinkType::raw, syn(kClient6, kServer6, ip)) == DecodeProblem::none);
}

TEST_CASE("headers after which nothing comes are the protocol, as a filter sees it; others are walked") {
  struct Row {
    std::uint8_t header, next, protocol;
  };
  for (const Row& row : {Row{135, 59, 135}, Row{139, 59, 139}, Row{140, 59, 140}, Row{135, 6, 6}, Row{139, 6, 6},
                         Row{140, 6, 6}, Row{60, 59, 59}, Row{253, 6, 253}}) {
    CAPTURE(row.header);
    CAPTURE(row.next);
    Frame packet = syn(kClient6, kServer6, {.extensions = {{row.header, Frame(6)}}});
    packet[40] = row.next;
    PacketView view;
    REQUIRE(decode(LinkType::raw, packet, 0, view));
    CHECK(view.protocol.number() == row.protocol);
    CHECK(view.has_ports == (row.protocol == 6));
  }
}

TEST_CASE("jumbograms tell their length in an option, behind padding too") {
  for (const bool padded : {false, true})
    for (const std::uint32_t claimed : {100000U, 500000U, 70000U}) {
      CAPTURE(padded);
      CAPTURE(claimed);
      Frame body;
      ByteWriter w(body);
      if (padded) w.u32(0x01020000).u16(0);  // PadN of four bytes, twice Pad1
      w.u16(0xC204).u32(claimed);
      if (padded) w.u16(0);
      IpCraft ip{.extensions = {{0, body}}, .length_claimed = 0};
      const Frame packet = syn(kClient6, kServer6, ip);
      const std::uint32_t header = padded ? 16 : 8;
      PacketView view;
      REQUIRE(decode(LinkType::raw, packet, 200000, view));
      CHECK(view.length == std::min(claimed + 40, 200000U));
      CHECK(view.payload_length == view.length - 40 - header - 20);
      CHECK(view.port == 443);
    }
  // An option that lies about its length, and a jumbo length of 0: the frame tells.
  for (const Frame& body : {Frame{0xC2, 200, 0, 1, 0, 0}, Frame{0xC2, 4, 0, 0, 0, 0}, Frame{1, 255, 0, 0, 0, 0}}) {
    IpCraft ip{.extensions = {{0, body}}, .length_claimed = 0};
    PacketView view;
    REQUIRE(decode(LinkType::raw, syn(kClient6, kServer6, ip), 90000, view));
    CHECK(view.length == 90000);
  }
}

TEST_CASE("what stands behind a datagram's own length is no payload") {
  Frame packet = craft_udp(kClient, kServer, 5000, 53, "queryOPTIONS");
  packet[25] = 8 + 5;  // the datagram's length
  PacketView view;
  REQUIRE(decode(LinkType::raw, packet, 0, view));
  CHECK(view.length == 40);
  CHECK(view.payload_length == 5);
  CHECK(view.payload.size() == 5);
  for (const std::uint8_t lie :
       std::initializer_list<std::uint8_t>{0, 7, 21, 255}) {  // no length, too short, longer than the packet
    packet[25] = lie;
    REQUIRE(decode(LinkType::raw, packet, 0, view));
    CHECK(view.payload_length == 12);
  }
}

TEST_CASE("a chain of headers that goes on in a later fragment hides the ports") {
  IpCraft ip;
  ip.more_fragments = true;
  const Frame chain{6, 4, 0, 0, 0, 0, 0, 0};  // 40 bytes of destination options, 8 of them here
  CHECK(problem_of(LinkType::raw, craft_ip(kClient6, kServer6, Protocol(60), chain, ip)) ==
        DecodeProblem::tiny_fragment);
  CHECK(problem_of(LinkType::raw, craft_ip(kClient6, kServer6, Protocol(60), chain)) == DecodeProblem::malformed);
}

TEST_CASE("an extension header longer than the packet is refused") {
  IpCraft ip;
  ip.extensions = {{0, Frame{5, 2, 0, 0}}};
  Frame packet = syn(kClient6, kServer6, ip);
  packet[41] = 255;
  CHECK(problem_of(LinkType::raw, packet) == DecodeProblem::malformed);
}

TEST_CASE("IPv4 authentication headers stay the protocol that a filter sees, IPv6 ones are walked") {
  PacketView view;
  REQUIRE(decode(LinkType::raw, craft_ip(kClient, kServer, Protocol::ah, Frame(24)), 0, view));
  CHECK(view.protocol == Protocol::ah);
  CHECK_FALSE(view.has_ports);
}

TEST_CASE("fragments: the first has ports, later ones do not") {
  for (const bool v6 : {false, true}) {
    CAPTURE(v6);
    const Frame whole = craft_udp(v6 ? kClient6 : kClient, v6 ? kServer6 : kServer, 4000, 53, std::string(64, 'x'));
    const auto pieces = craft_fragments(whole, 32, 0x1234);
    REQUIRE(pieces.size() == 3);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      PacketView view;
      REQUIRE(decode(LinkType::raw, pieces[i], 0, view));
      CHECK(view.protocol == Protocol::udp);
      CHECK(view.fragment);
      CHECK(view.fragment_id == 0x1234);
      CHECK(view.later_fragment == (i != 0));
      CHECK(view.has_ports == (i == 0));
    }
  }
}

TEST_CASE("an IPv6 atomic fragment is whole") {
  IpCraft ip;
  ip.extensions = {{44, Frame{}}};
  PacketView view;
  REQUIRE(decode(LinkType::raw, syn(kClient6, kServer6, ip), 0, view));
  CHECK_FALSE(view.fragment);
  CHECK(view.port == 443);
}

TEST_CASE("a first fragment too short for the ports hides them") {
  const Frame eight(8, 0);
  IpCraft ip;
  ip.more_fragments = true;
  CHECK(problem_of(LinkType::raw, craft_ip(kClient, kServer, Protocol::tcp, eight, ip)) ==
        DecodeProblem::tiny_fragment);
  CHECK(problem_of(LinkType::raw, craft_ip(kClient, kServer, Protocol::tcp, eight)) == DecodeProblem::malformed);
}

TEST_CASE("transport headers: what each protocol tells") {
  PacketView view;
  REQUIRE(decode(LinkType::raw, craft_udp(kClient, kServer, 5000, 53, "query"), 0, view));
  CHECK(view.protocol == Protocol::udp);
  CHECK(view.source_port == 5000);
  CHECK(view.port == 53);
  CHECK(view.payload_length == 5);

  REQUIRE(decode(LinkType::raw, craft_icmp(kClient, kServer, 8, 0, 0xBEEF0001), 0, view));
  CHECK(view.icmp_type == 8);
  CHECK(view.icmp_id == 0xBEEF);
  CHECK_FALSE(view.has_ports);
  REQUIRE(decode(LinkType::raw, craft_icmp(kClient6, kServer6, 129, 0, 0xBEEF0001), 0, view));
  CHECK(view.icmp_type == 129);
  CHECK(view.icmp_id == 0xBEEF);
  REQUIRE(decode(LinkType::raw, craft_icmp(kClient6, kServer6, 135, 0, 0xBEEF0001), 0, view));
  CHECK(view.icmp_id == 0);

  const Frame sctp{0x13, 0x88, 0x00, 0x50, 0, 0, 0, 0, 0, 0, 0, 0};
  REQUIRE(decode(LinkType::raw, craft_ip(kClient, kServer, Protocol::sctp, sctp), 0, view));
  CHECK(view.source_port == 5000);
  CHECK(view.port == 80);
  REQUIRE(decode(LinkType::raw, craft_ip(kClient, kServer, Protocol::esp, Frame(16)), 0, view));
  CHECK(view.protocol == Protocol::esp);
  CHECK_FALSE(view.has_ports);
  CHECK(view.payload_length == 16);
}

TEST_CASE("TCP options are skipped, impossible data offsets refused") {
  PacketView view;
  REQUIRE(decode(LinkType::raw,
                 craft_tcp(kClient, kServer,
                           {.source_port = 1,
                            .port = 2,
                            .flags = tcp_flag::syn,
                            .payload = "abc",
                            .options = {2, 4, 5, 0xB4, 1, 3, 3, 7}}),
                 0, view));
  CHECK(view.payload_length == 3);
  for (const unsigned words : {0U, 4U, 15U}) {
    Frame packet = syn();
    packet[32] = static_cast<std::uint8_t>(words << 4);
    CHECK(problem_of(LinkType::raw, packet) == DecodeProblem::malformed);
  }
}

TEST_CASE("an ICMP error tells the packet it quotes") {
  for (const bool v6 : {false, true})
    for (const std::size_t transport : {4U, 8U, 14U, 25U}) {
      CAPTURE(v6);
      CAPTURE(transport);
      const Frame offending = v6 ? syn(kClient6, kServer6) : syn();
      const Frame error =
          craft_icmp_error(v6 ? kRouter6 : kRouter, v6 ? 1 : 3, v6 ? 1 : 13, offending, (v6 ? 40 : 20) + transport);
      PacketView view;
      REQUIRE(decode(LinkType::raw, error, 0, view));
      CHECK(view.source == (v6 ? kRouter6 : kRouter));
      CHECK(view.destination == (v6 ? kClient6 : kClient));
      REQUIRE(view.has_quote);
      CHECK(view.quote.source == (v6 ? kClient6 : kClient));
      CHECK(view.quote.destination == (v6 ? kServer6 : kServer));
      CHECK(view.quote.source_port == 40000);
      CHECK(view.quote.port == 443);
    }
}

TEST_CASE("a quote that is cut before the ports, or of the other family, is no quote") {
  PacketView view;
  REQUIRE(decode(LinkType::raw, craft_icmp_error(kRouter, 3, 1, syn(), 22), 0, view));
  CHECK_FALSE(view.has_quote);
  REQUIRE(decode(LinkType::raw, craft_icmp(kRouter, kClient, 3, 1, 0, syn(kClient6, kServer6)), 0, view));
  CHECK_FALSE(view.has_quote);
  REQUIRE(decode(LinkType::raw, craft_icmp(kRouter, kClient, 8, 0, 0, syn()), 0, view));
  CHECK_FALSE(view.has_quote);
}

TEST_CASE("a quoted ICMP error quotes nothing further") {
  const Frame inner = craft_icmp_error(kRouter, 3, 1, syn());
  PacketView view;
  REQUIRE(decode(LinkType::raw, craft_icmp(kServer, kRouter, 3, 1, 0, inner), 0, view));
  REQUIRE(view.has_quote);
  CHECK(view.quote.protocol == Protocol::icmp);
  CHECK(view.quote.icmp_type == 3);
}

TEST_CASE("cut by the snap length is not malformed: the wire length tells") {
  for (LinkType link : kLinks) {
    CAPTURE(name(link));
    const Frame frame = craft_frame(link, syn());
    const std::size_t link_header = link == LinkType::ethernet ? 14 : frame.size() - syn().size();
    const std::size_t headers = link_header + 20 + 14;  // up to the TCP flags
    for (std::size_t cut = 0; cut < frame.size(); ++cut) {
      CAPTURE(cut);
      const DecodeProblem problem =
          problem_of(link, Bytes(frame).first(cut), static_cast<std::uint32_t>(frame.size()));
      CHECK(problem == (cut < headers ? DecodeProblem::snapped : DecodeProblem::none));
    }
  }
}

TEST_CASE("the same cuts with nothing more on the wire are malformed or shorter packets, never snapped") {
  for (LinkType link : kLinks) {
    const Frame frame = craft_frame(link, syn());
    for (std::size_t cut = 0; cut < frame.size(); ++cut)
      CHECK(problem_of(link, Bytes(frame).first(cut)) != DecodeProblem::snapped);
  }
}

}  // namespace demarc
