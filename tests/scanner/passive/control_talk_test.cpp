#include "scanner/passive/control_talk.h"

#include <doctest/doctest.h>

#include "tests/probes/app/announcements.h"

using namespace demarc;
using namespace demarc::test;

namespace {

const Address kClient = *parse_address("198.51.100.7"), kServer = *parse_address("192.0.2.10"),
              kMedia = *parse_address("203.0.113.5"), kMedia2 = *parse_address("203.0.113.6");
const Address kClient6 = *parse_address("2001:db8::7"), kServer6 = *parse_address("2001:db8:1::10");
constexpr bool kFromClient = false, kFromServer = true;
constexpr Protocol tcp = Protocol::tcp, udp = Protocol::udp;

Endpoint at(const Address& address, unsigned port) { return {address, Port{static_cast<std::uint16_t>(port)}}; }

/// One control conversation, and what may follow from it.
struct Control {
  RelatedBy kind;
  FiveTuple conversation;
  Related related{1000, 42};
  ControlTalks talks{related, 100, 42};
  Timestamp now = Timestamp::from_seconds(1'795'000'000);
  std::uint32_t next[2] = {1000, 9000};

  Control(RelatedBy by, Protocol protocol, unsigned port, Address client = kClient, Address server = kServer)
      : kind(by), conversation{protocol, at(client, 40000), at(server, port)} {}

  bool say(bool from_responder, const ByteString& payload) {
    const bool more = talks.listen(kind, conversation, from_responder, now, next[from_responder], payload);
    next[from_responder] += static_cast<std::uint32_t>(payload.size());
    return more;
  }
  bool say(bool from_responder, std::string_view text) { return say(from_responder, bytes(text)); }
  bool opens(const Endpoint& initiator, const Endpoint& responder, Protocol protocol = tcp) {
    const std::uint32_t parent = related.parent_of(protocol, initiator, responder, now);
    if (parent == kNone32) return false;
    const ParentFlow& flow = talks.parents().at(parent);
    CHECK(flow.by == kind);
    CHECK(flow.initiator == conversation.initiator.address);
    CHECK(flow.responder == conversation.responder.address);
    CHECK(flow.port == conversation.responder.port);
    CHECK(flow.protocol == conversation.protocol);
    return true;
  }
};

}  // namespace

TEST_CASE("FTP passive: the client may open one conversation with the port, from anywhere but low ports") {
  Control c(RelatedBy::ftp, tcp, 21);
  c.say(kFromServer, "220 ready\r\n");
  c.say(kFromServer, "227 Entering Passive Mode (192,0,2,10,195,80)\r\n");
  CHECK_FALSE(c.opens(at(kMedia, 40001), at(kServer, 50000)));
  CHECK(c.opens(at(kClient, 40001), at(kServer, 50000)));
  CHECK_FALSE(c.opens(at(kClient, 40002), at(kServer, 50000)));
  c.say(kFromServer, "229 Entering Extended Passive Mode (|||50001|)\r\n");
  CHECK(c.opens(at(kClient, 40003), at(kServer, 50001)));
}

TEST_CASE("FTP active: the server may open one conversation with the client, from 20 or any free port") {
  for (const unsigned source : {20U, 34567U}) {
    Control c(RelatedBy::ftp, tcp, 21);
    c.say(kFromClient, "PORT 198,51,100,7,195,80\r\n");
    CHECK_FALSE(c.opens(at(kServer, 22), at(kClient, 50000)));
    CHECK(c.opens(at(kServer, source), at(kClient, 50000)));
  }
  Control six(RelatedBy::ftp, tcp, 21, kClient6, kServer6);
  six.say(kFromClient, "EPRT |2|2001:db8::7|50000|\r\n");
  CHECK(six.opens(at(kServer6, 20), at(kClient6, 50000)));
}

TEST_CASE("FTP behind a translation, and FTP that wants others talked to: the peer, and nobody else") {
  Control c(RelatedBy::ftp, tcp, 21);
  c.say(kFromServer, "227 Entering Passive Mode (10,0,0,5,195,80)\r\n");
  CHECK_FALSE(c.opens(at(kClient, 40001), at(*parse_address("10.0.0.5"), 50000)));
  CHECK(c.opens(at(kClient, 40001), at(kServer, 50000)));
  c.say(kFromClient, "PORT 203,0,113,5,195,80\r\n");
  CHECK_FALSE(c.opens(at(kServer, 20), at(kMedia, 50000)));
  CHECK(c.opens(at(kServer, 20), at(kClient, 50000)));
  c.say(kFromClient, "PORT 198,51,100,7,0,22\r\n");
  CHECK_FALSE(c.opens(at(kServer, 20), at(kClient, 22)));
  CHECK(c.talks.losses().refused == 1);
}

TEST_CASE("FTP's lines are told from commands that only look like them") {
  Control c(RelatedBy::ftp, tcp, 21);
  c.say(kFromClient, "227 Entering Passive Mode (198,51,100,7,195,80)\r\n");  // a server's word from the client
  c.say(kFromServer, "PORT 192,0,2,10,195,80\r\n");                           // and the other way round
  CHECK(c.related.size() == 0);
}

TEST_CASE("a line in many segments, twice, and with a hole") {
  Control c(RelatedBy::ftp, tcp, 21);
  for (const char byte : std::string("227 Entering Passive Mode (192,0,2,10,195,80)\r\n"))
    CHECK(c.say(kFromServer, std::string(1, byte)));
  CHECK(c.opens(at(kClient, 40001), at(kServer, 50000)));

  // Sent again, with new bytes behind what is known.
  c.say(kFromServer, "227 =192,0,2,10,195");
  c.next[1] -= 8;
  c.say(kFromServer, "0,195,81\r\n");
  CHECK_FALSE(
      c.opens(at(kClient, 40002), at(kServer, 50001)));  // "...,1" + "95" came first: what was sent first counts
  CHECK(c.talks.losses().unread == 0);

  c.say(kFromServer, "227 =192,0,2,10,");
  c.next[1] += 100;  // lost
  c.say(kFromServer, "195,82\r\n227 =192,0,2,10,195,83\r\n");
  CHECK_FALSE(c.opens(at(kClient, 40003), at(kServer, 50002)));
  CHECK(c.opens(at(kClient, 40003), at(kServer, 50003)));
  CHECK(c.talks.losses().unread == 1);
}

TEST_CASE("FTP that goes on inside TLS is not read on") {
  Control c(RelatedBy::ftp, tcp, 21);
  CHECK(c.say(kFromClient, "AUTH TLS\r\n"));
  CHECK_FALSE(c.say(kFromServer, "234 Proceed.\r\n"));
  CHECK(c.talks.losses().encrypted == 1);
}

TEST_CASE("megabytes without a line's end are given up, and held by nobody") {
  for (const RelatedBy kind : {RelatedBy::ftp, RelatedBy::sip, RelatedBy::msrpc, RelatedBy::portmapper}) {
    CAPTURE(name(kind));
    Control c(kind, tcp, 21);
    bool more = true;
    int segments = 0;
    for (; segments < 100'000 && more; ++segments) more = c.say(kFromServer, std::string(1460, 'x'));
    CHECK_FALSE(more);
    CHECK(segments < 3000);
  }
}

TEST_CASE("the endpoint mapper's answer: the client that asked may use the port, as often as it likes") {
  for (const bool little : {true, false}) {
    Control c(RelatedBy::msrpc, tcp, 135);
    c.say(kFromClient, msrpc_pdu(0, 3, 2, ByteString(60, 7), 3, little));
    c.say(kFromServer,
          msrpc_pdu(2, 3, 2, ept_map_stub({tower(49664), tower(49670)}, {.little = little}), 0, little));
    for (unsigned i = 0; i < 3; ++i) CHECK(c.opens(at(kClient, 40001 + i), at(kServer, 49664)));
    CHECK(c.opens(at(kClient, 40001), at(kServer, 49670)));
    CHECK_FALSE(c.opens(at(kMedia, 40001), at(kServer, 49664)));
    c.now = c.now + std::chrono::hours(3);
    CHECK_FALSE(c.opens(at(kClient, 40001), at(kServer, 49664)));
  }
}

TEST_CASE("the endpoint mapper's answer in fragments and segments, and what was not asked") {
  Control c(RelatedBy::msrpc, tcp, 135);
  const ByteString stub = ept_map_stub({tower(49664), tower(49665)});
  const Bytes all(stub);
  ByteString stream;
  for (std::size_t from = 0; from < stub.size(); from += 40) {
    const std::size_t size = std::min<std::size_t>(40, stub.size() - from);
    const auto flags = static_cast<std::uint8_t>((from == 0 ? 1 : 0) | (from + size == stub.size() ? 2 : 0));
    const ByteString pdu = msrpc_pdu(2, flags, 2, all.subspan(from, size));
    stream.insert(stream.end(), pdu.begin(), pdu.end());
  }
  c.say(kFromClient, ept_map_request(2));
  for (std::size_t from = 0; from < stream.size(); from += 7) {
    const auto begin = stream.begin() + static_cast<std::ptrdiff_t>(from);
    c.say(kFromServer,
          ByteString(begin, begin + static_cast<std::ptrdiff_t>(std::min<std::size_t>(7, stream.size() - from))));
  }
  CHECK(c.opens(at(kClient, 40001), at(kServer, 49664)));
  CHECK(c.opens(at(kClient, 40001), at(kServer, 49665)));

  Control other(RelatedBy::msrpc, tcp, 135);
  other.say(kFromClient, msrpc_pdu(0, 3, 2, ByteString(60, 7), 2));  // ept_lookup: a list of all
  other.say(kFromServer, ept_map_response(49664, 2));
  CHECK(other.related.size() == 0);
  other.say(kFromClient, ept_map_response(49664, 2));  // an answer from the wrong side
  CHECK(other.related.size() == 0);

  Control blind(RelatedBy::msrpc, tcp, 135);  // a capture that shows the server only
  blind.say(kFromServer, ept_map_response(49664, 2));
  CHECK(blind.opens(at(kClient, 40001), at(kServer, 49664)));

  Control low(RelatedBy::msrpc, tcp, 135);
  low.say(kFromServer, ept_map_response(445, 2));
  CHECK(low.related.size() == 0);
  CHECK(low.talks.losses().refused == 1);
}

TEST_CASE("TFTP: the server answers once, from any free port") {
  Control c(RelatedBy::tftp, udp, 69);
  c.say(kFromClient, tftp_request());
  CHECK_FALSE(c.opens(at(kMedia, 50000), at(kClient, 40000), udp));
  CHECK_FALSE(c.opens(at(kServer, 161), at(kClient, 40000), udp));
  CHECK(c.opens(at(kServer, 50000), at(kClient, 40000), udp));
  CHECK_FALSE(c.opens(at(kServer, 50001), at(kClient, 40000), udp));
  c.say(kFromClient, tftp_request(2));
  CHECK(c.opens(at(kClient, 40000), at(kServer, 50002), udp));  // the server's packets were not captured
  Control wrong(RelatedBy::tftp, udp, 69);
  wrong.say(kFromServer, tftp_request());
  wrong.say(kFromClient, tftp_data());
  CHECK(wrong.related.size() == 0);
}

TEST_CASE("the port mapper's answers over UDP and TCP, of all versions") {
  Control c(RelatedBy::portmapper, udp, 111);
  c.say(kFromClient, getport_call(7));
  c.say(kFromServer, getport_reply(8, 20048));  // nobody asked that
  CHECK(c.related.size() == 0);
  c.say(kFromServer, getport_reply(7, 20048));
  CHECK(c.opens(at(kClient, 700), at(kServer, 20048), udp));  // NFS clients ask from reserved ports
  CHECK(c.opens(at(kClient, 701), at(kServer, 20048), udp));
  CHECK_FALSE(c.opens(at(kClient, 701), at(kServer, 20048), tcp));
  c.say(kFromServer, getport_reply(7, 20049));  // answered already
  CHECK_FALSE(c.opens(at(kClient, 701), at(kServer, 20049), udp));

  Control stream(RelatedBy::portmapper, tcp, 111);
  const ByteString call = rpc_record(getaddr_call(9, "tcp")),
                   reply = rpc_record(getaddr_reply(9, "192.0.2.10.78.81"));
  stream.say(kFromClient, ByteString(call.begin(), call.begin() + 10));
  stream.say(kFromClient, ByteString(call.begin() + 10, call.end()));
  stream.say(kFromServer, ByteString(reply.begin(), reply.begin() + 3));
  stream.say(kFromServer, ByteString(reply.begin() + 3, reply.end()));
  CHECK(stream.opens(at(kClient, 40001), at(kServer, 20049)));

  Control third(RelatedBy::portmapper, udp, 111);
  third.say(kFromClient, getaddr_call(9, "udp", 3));
  third.say(kFromServer, getaddr_reply(9, "203.0.113.5.78.81"));  // another host is not its to give
  CHECK_FALSE(third.opens(at(kClient, 40001), at(kMedia, 20049), udp));
  CHECK(third.opens(at(kClient, 40001), at(kServer, 20049), udp));
  third.say(kFromClient, getport_call(10));
  third.say(kFromServer, getport_reply(10, 847));
  CHECK(third.talks.losses().refused == 1);
}

TEST_CASE("a call: media and its control in both directions, through media servers") {
  for (const Protocol protocol : {udp, tcp}) {
    Control c(RelatedBy::sip, protocol, 5060);
    c.say(kFromClient,
          sip(kInvite, session("203.0.113.5", "m=audio 49170 RTP/AVP 0\r\nm=video 5004 RTP/AVP 9\r\n")));
    // What the other side announces is not known yet: it may talk itself.
    CHECK(c.opens(at(kServer, 30000), at(kMedia, 49170), udp));
    CHECK_FALSE(c.opens(at(kMedia2, 30000), at(kMedia, 49170), udp));
    c.say(kFromServer, sip("SIP/2.0 183 Session Progress",
                           session("203.0.113.6", "m=audio 6000 RTP/AVP 0\r\nm=video 0 RTP/AVP 9\r\n")));
    CHECK(c.opens(at(kMedia2, 6000), at(kMedia, 49170), udp));
    CHECK(c.opens(at(kMedia2, 6001), at(kMedia, 49171), udp));
    CHECK(c.opens(at(kMedia, 49170), at(kMedia2, 6000), udp));
    CHECK(c.opens(at(kClient, 1234), at(kMedia2, 6000), udp));
    CHECK(c.opens(at(kMedia, 49171), at(kMedia2, 6001), udp));
    CHECK_FALSE(c.opens(at(kMedia2, 6000), at(kMedia, 5004), udp));  // refused
    CHECK_FALSE(c.opens(at(*parse_address("203.0.113.77"), 6000), at(kMedia, 49170), udp));
    CHECK_FALSE(c.opens(at(kMedia2, 6000), at(kMedia, 49170), tcp));
  }
}

TEST_CASE("two calls between the same two are two") {
  Control c(RelatedBy::sip, udp, 5060);
  c.say(kFromClient, sip(kInvite, session("203.0.113.5", "m=audio 49170 RTP/AVP 0\r\n"), "one"));
  c.say(kFromServer, sip(kSipOk, session("203.0.113.6", "m=audio 6000 RTP/AVP 0\r\n"), "two"));
  CHECK_FALSE(c.opens(at(kMedia2, 6000), at(kMedia, 49170), udp));
}

TEST_CASE("SIP over TCP in pieces, with keep-alives between") {
  Control c(RelatedBy::sip, tcp, 5060);
  const std::string two = "\r\n\r\n" + sip(kInvite, session("198.51.100.7", "m=audio 49170 RTP/AVP 0\r\n")) +
                          "\r\n" + sip(kInvite, session("198.51.100.7", "m=audio 49172 RTP/AVP 0\r\n"), "two");
  for (std::size_t from = 0; from < two.size(); from += 11) CHECK(c.say(kFromClient, two.substr(from, 11)));
  CHECK(c.opens(at(kServer, 6000), at(kClient, 49170), udp));
  CHECK(c.opens(at(kServer, 6001), at(kClient, 49173), udp));
  CHECK(c.talks.losses().unread == 0);
}

TEST_CASE("control conversations are bounded in number") {
  Related related(1000, 42);
  ControlTalks talks(related, 8, 42);
  const Timestamp now = Timestamp::from_seconds(1'795'000'000);
  for (unsigned i = 0; i < 1000; ++i) {
    const FiveTuple c{tcp, at(kClient, 2000 + i), at(kServer, 21)};
    CHECK(talks.listen(RelatedBy::ftp, c, kFromServer, now, 1, bytes("220 a line without an end")));
  }
  CHECK(talks.losses().unread == 992);
  const FiveTuple last{tcp, at(kClient, 2999), at(kServer, 21)};
  talks.listen(RelatedBy::ftp, last, kFromServer, now, 26, bytes("\r\n227 (192,0,2,10,195,80)\r\n"));
  CHECK(related.size() == 1);
}
