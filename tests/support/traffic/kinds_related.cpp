// Conversations that announce others, and the ones that they announce.
#include <fmt/format.h>

#include <string>

#include "tests/support/traffic/kinds.h"
#include "tests/support/traffic/script.h"

namespace demarc::traffic {

namespace {

using enum ConnState;
using Maker = std::function<void(MadeCapture&, World&, std::string_view)>;

std::string ftp_numbers(const Endpoint& e) {  // RFC 959: h1,h2,h3,h4,p1,p2
  const std::uint32_t a = e.address.ipv4_number();
  return fmt::format("{},{},{},{},{},{}", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255, e.port.number() >> 8,
                     e.port.number() & 255);
}

std::uint32_t add_child(MadeCapture& capture, std::string_view name, Protocol protocol, const Endpoint& initiator,
                        const Endpoint& responder, ConnState state, std::uint32_t parent, RelatedBy by,
                        Opener opener = Opener::known) {
  TrueFlow flow{.kind = std::string(name) + ": data",
                .protocol = protocol,
                .initiator = initiator,
                .responder = responder,
                .state = state,
                .established = true,
                .opener = opener,
                .parent = parent};
  if (parent != kNone) flow.by = by;
  return capture.add_flow(std::move(flow));
}

struct Ftp {
  bool active = false;
  bool from_20 = true;    // the server's data port, where it opens
  bool extended = false;  // RFC 2428
  bool control_seen = true;
  std::string_view data = "ShADDDFaf";
  ConnState state = SF;
  Seen seen = Seen::both;
};

Maker ftp_session(const Ftp& ftp) {
  return [ftp](MadeCapture& capture, World& world, std::string_view name) {
    const Family family = ftp.extended ? Family::ipv6 : Family::ipv4;
    Cast control{.initiator = world.client(family), .responder = {world.server(family), Port(21)}};
    Endpoint data_client = world.another_port(control.initiator.address);
    Endpoint data_server{control.responder.address, Port(static_cast<std::uint16_t>(20000 + world.below(45000)))};
    if (ftp.active && ftp.from_20) data_server.port = Port(20);
    std::string ask, answer = "200 PORT command successful.\r\n";
    if (ftp.active)
      ask = ftp.extended
                ? fmt::format("EPRT |2|{}|{}|\r\n", to_string(data_client.address), data_client.port.number())
                : fmt::format("PORT {}\r\n", ftp_numbers(data_client));
    else if (ftp.extended)
      ask = "EPSV\r\n",
      answer = fmt::format("229 Entering Extended Passive Mode (|||{}|)\r\n", data_server.port.number());
    else
      ask = "PASV\r\n", answer = fmt::format("227 Entering Passive Mode ({}).\r\n", ftp_numbers(data_server));
    const Timestamp at = world.sometime();
    std::uint32_t parent = kNone;
    if (ftp.control_seen) {
      parent = control.flow = capture.add_flow({.kind = std::string(name) + ": control",
                                                .protocol = Protocol::tcp,
                                                .initiator = control.initiator,
                                                .responder = control.responder,
                                                .state = SF,
                                                .established = true,
                                                .service = "ftp"});
      control.server_lines = {"220 files.example.org FTP server ready\r\n",
                              "331 Password required\r\n",
                              "230 Logged in\r\n",
                              answer,
                              "150 Opening\r\n",
                              "226 Transfer complete\r\n"};
      control.client_lines = {"USER somebody\r\n", "PASS word\r\n", ask, "RETR file\r\n"};
      play_tcp(capture, world, control, "ShAdADdDdDdDd.......dAFfA", at);
    }
    // A second later than the commands, which take less than 100 ms.
    Cast data{.initiator = ftp.active ? data_server : data_client,
              .responder = ftp.active ? data_client : data_server,
              .seen = ftp.seen};
    data.flow =
        add_child(capture, name, Protocol::tcp, data.initiator, data.responder, ftp.state, parent, RelatedBy::ftp);
    play_tcp(capture, world, data, ftp.data, at + std::chrono::seconds(1));
  };
}

// RFC 1350 section 4: the request goes to port 69, the answer comes from a port of the server's choice.
void tftp(MadeCapture& capture, World& world, std::string_view name) {
  Cast ask{.initiator = world.client(), .responder = {world.server(), Port(69)}};
  ask.client_lines = {std::string("\0\1boot.img\0octet\0", 17)};
  ask.flow = capture.add_flow({.kind = std::string(name) + ": request",
                               .protocol = Protocol::udp,
                               .initiator = ask.initiator,
                               .responder = ask.responder,
                               .state = S0});
  const Timestamp at = play_udp(capture, world, ask, ">", world.sometime()) + world.soon();
  Cast data{.initiator = {ask.responder.address, Port(static_cast<std::uint16_t>(33000 + world.below(30000)))},
            .responder = ask.initiator};
  data.client_lines = {std::string("\0\3\0\1", 4) + std::string(512, 'b'), std::string("\0\3\0\2", 4) + "end"};
  data.server_lines = {std::string("\0\4\0\1", 4), std::string("\0\4\0\2", 4)};
  data.flow =
      add_child(capture, name, Protocol::udp, data.initiator, data.responder, SF, ask.flow, RelatedBy::tftp);
  play_udp(capture, world, data, "><><", at);
}

std::string session_description(const Endpoint& media) {  // RFC 4566
  return fmt::format("v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP 0\r\n",
                     to_string(media.address), media.port.number());
}

// RFC 3261 with RFC 4566 bodies; the voice flows from the first answered ring on, in both directions.
void sip(MadeCapture& capture, World& world, std::string_view name) {
  Cast call{.initiator = world.client(), .responder = {world.server(), Port(5060)}};
  Endpoint near = world.another_port(call.initiator.address);
  near.port = Port(static_cast<std::uint16_t>(near.port.number() & ~1));
  const Endpoint far{call.responder.address,
                     Port(static_cast<std::uint16_t>((20000 + world.below(20000)) & ~1ULL))};
  const auto message = [&](std::string_view start, const std::string& body) {
    const std::string type = body.empty() ? "" : "Content-Type: application/sdp\r\n";
    return fmt::format(
        "{}\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{}\r\nFrom: <sip:a@example.org>;tag=1\r\nTo: "
        "<sip:b@example.org>\r\n"
        "Call-ID: {}@{}\r\nCSeq: 1 INVITE\r\n{}Content-Length: {}\r\n\r\n{}",
        start, to_string(call.initiator), near.port.number(), near.port.number(), to_string(near.address), type,
        body.size(), body);
  };
  call.client_lines = {message("INVITE sip:b@example.org SIP/2.0", session_description(near)),
                       message("ACK sip:b@example.org SIP/2.0", "")};
  call.server_lines = {message("SIP/2.0 180 Ringing", ""), message("SIP/2.0 200 OK", session_description(far))};
  call.flow = capture.add_flow({.kind = std::string(name) + ": signalling",
                                .protocol = Protocol::udp,
                                .initiator = call.initiator,
                                .responder = call.responder,
                                .state = SF,
                                .established = true,
                                .service = "sip"});
  const Timestamp at = play_udp(capture, world, call, "><.<>", world.sometime()) + world.soon();
  Cast voice{.initiator = near, .responder = far};
  voice.client_lines = voice.server_lines =
      std::vector<std::string>(8, std::string("\x80\0\0\1", 4) + std::string(168, 'v'));
  voice.flow = add_child(capture, name, Protocol::udp, near, far, SF, call.flow, RelatedBy::sip);
  play_udp(capture, world, voice, "><><><", at);
}

void put32(std::string& out, std::uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(v >> shift);
}

// RFC 1833: GETPORT for the mount service (100005 version 3) over UDP, then a call to the port it names.
void portmapper(MadeCapture& capture, World& world, std::string_view name) {
  const auto port = static_cast<std::uint16_t>(30000 + world.below(2000));
  Cast ask{.initiator = world.client(), .responder = {world.server(), Port(111)}};
  const std::uint32_t xid = world.isn();
  std::string question, answer;
  for (const std::uint32_t word : {xid, 0U, 2U, 100000U, 2U, 3U, 0U, 0U, 0U, 0U, 100005U, 3U, 17U, 0U})
    put32(question, word);
  for (const std::uint32_t word : {xid, 1U, 0U, 0U, 0U, 0U, std::uint32_t{port}}) put32(answer, word);
  ask.client_lines = {question};
  ask.server_lines = {answer};
  ask.flow = capture.add_flow({.kind = std::string(name) + ": question",
                               .protocol = Protocol::udp,
                               .initiator = ask.initiator,
                               .responder = ask.responder,
                               .state = SF,
                               .established = true});
  const Timestamp at = play_udp(capture, world, ask, "><", world.sometime()) + world.soon();
  Cast call{.initiator = world.another_port(ask.initiator.address),
            .responder = {ask.responder.address, Port(port)}};
  call.flow =
      add_child(capture, name, Protocol::udp, call.initiator, call.responder, SF, ask.flow, RelatedBy::portmapper);
  play_udp(capture, world, call, "><", at);
}

const Kind kRelated[] = {
    {"FTP passive", ftp_session({}), 2},
    {"FTP passive, extended", ftp_session({.extended = true}), 2},
    {"FTP active", ftp_session({.active = true}), 2},
    {"FTP active, extended", ftp_session({.active = true, .extended = true}), 2},
    {"FTP active, data from a high port", ftp_session({.active = true, .from_20 = false}), 2},
    {"FTP active, mid-stream", ftp_session({.active = true, .data = "(ShADD)DaDa", .state = OTH}), 2},
    {"FTP active, mid-stream, from a high port",
     ftp_session({.active = true, .from_20 = false, .data = "(ShADD)DaDa", .state = OTH}), 2},
    {"FTP active, mid-stream, receiver first", ftp_session({.active = true, .data = "(ShADD)aDaDa", .state = OTH}),
     2},
    {"FTP active, control not seen", ftp_session({.active = true, .control_seen = false})},
    {"FTP active, control not seen, mid-stream",
     ftp_session({.active = true, .control_seen = false, .data = "(ShADD)DaDa", .state = OTH})},
    {"FTP active, client side of the way only",
     ftp_session({.active = true, .state = SHR, .seen = Seen::responder}), 2},
    {"FTP passive, mid-stream, server first", ftp_session({.data = "(ShAD)aDaDa", .state = OTH}), 2},
    {"TFTP", tftp, 2},
    {"SIP and RTP", sip, 2},
    {"portmapper", portmapper, 2},
};

}  // namespace

std::span<const Kind> related_kinds() { return kRelated; }

}  // namespace demarc::traffic
