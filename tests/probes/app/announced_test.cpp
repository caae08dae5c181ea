#include "probes/app/announced.h"

#include <doctest/doctest.h>

#include "tests/probes/app/announcements.h"

using namespace demarc;
using namespace demarc::test;

namespace {

std::string told(const Announced& announced) {
  const std::string address = announced.address ? to_string(*announced.address) : std::string("own");
  return fmt::format("{} {} {}", to_string(announced.protocol), address, announced.port.number());
}
std::string told(const FtpLine& line) {
  if (line.says == FtpSays::secured) return "secured";
  return line.says == FtpSays::waits ? told(line.announced) : "nothing";
}
std::string told(const std::vector<Announced>& all) {
  std::string out;
  for (const Announced& one : all) out += (out.empty() ? "" : ", ") + told(one);
  return out;
}
std::string media(std::string_view text, bool datagram = true) {
  bool more = false;
  const std::optional<SipMessage> message = read_sip_message(text, datagram, more);
  if (!message) return more ? "more" : "none";
  std::string out = std::string(message->call_id);
  for (const MediaLine& line : message->media)
    out += fmt::format("; {} {} {} {}", to_string(line.protocol), line.address ? to_string(*line.address) : "own",
                       line.port, line.control_port);
  return out;
}

}  // namespace

TEST_CASE("FTP's client says where it waits by PORT and EPRT") {
  struct Row {
    const char *line, *told;
  };
  for (const Row& row : {
           Row{"PORT 198,51,100,7,195,80", "tcp 198.51.100.7 50000"},
           {"port 198,51,100,7,0,21", "tcp 198.51.100.7 21"},
           {"\xFF\xF4\xFF\xF2PORT 1,2,3,4,5,6", "tcp 1.2.3.4 1286"},
           {"PORT 198,51,100,7,195", "nothing"},
           {"PORT 198,51,100,256,195,80", "nothing"},
           {"PORT 198,51,100,-7,195,80", "nothing"},
           {"PORT ", "nothing"},
           {"PORTAL 1,2,3,4,5,6", "nothing"},
           {"EPRT |1|132.235.1.2|6275|", "tcp 132.235.1.2 6275"},
           {"EPRT |2|1080::8:800:200C:417A|5282|", "tcp 1080::8:800:200c:417a 5282"},
           {"EPRT !1!132.235.1.2!6275!", "tcp 132.235.1.2 6275"},
           {"EPRT |1|1080::8|5282|", "nothing"},
           {"EPRT |3|132.235.1.2|6275|", "nothing"},
           {"EPRT |1|132.235.1.2|65536|", "nothing"},
           {"EPRT |1|132.235.1.2|6275", "nothing"},
           {"RETR PORT 1,2,3,4,5,6", "nothing"},
           {"227 Entering (1,2,3,4,5,6)", "nothing"},
       }) {
    CAPTURE(row.line);
    CHECK(told(read_ftp_command(row.line)) == row.told);
  }
}

TEST_CASE("FTP's server says where it waits by 227 and 229, in whatever words") {
  struct Row {
    const char *line, *told;
  };
  for (const Row& row : {
           Row{"227 Entering Passive Mode (192,0,2,10,195,81).", "tcp 192.0.2.10 50001"},
           {"227 =192,0,2,10,195,81", "tcp 192.0.2.10 50001"},
           {"227 24 hours, then 192,0,2,10,195,81", "tcp 192.0.2.10 50001"},
           {"227 Entering Passive Mode (192,0,2,10,195)", "nothing"},
           {"227-Entering Passive Mode (192,0,2,10,195,81)", "nothing"},
           {"229 Entering Extended Passive Mode (|||6446|)", "tcp own 6446"},
           {"229 Entering Extended Passive Mode (!!!6446!)", "tcp own 6446"},
           {"229 Entering Extended Passive Mode (|||6446)", "nothing"},
           {"229 Entering Extended Passive Mode (||6446|)", "nothing"},
           {"229 Entering Extended Passive Mode (|||66446|)", "nothing"},
           {"234 AUTH TLS OK.", "secured"},
           {"230 Login successful.", "nothing"},
           {"PORT 1,2,3,4,5,6", "nothing"},
       }) {
    CAPTURE(row.line);
    CHECK(told(read_ftp_reply(row.line)) == row.told);
  }
}

TEST_CASE("the endpoint mapper's towers tell ports, in both orders and both representations") {
  for (const Ndr& ndr : {Ndr{}, Ndr{.little = false}, Ndr{.wide = true}, Ndr{.little = false, .wide = true}}) {
    CAPTURE(ndr.little);
    CAPTURE(ndr.wide);
    CHECK(told(read_ept_map(ept_map_stub({tower(49664)}, ndr), ndr.little)) == "tcp 192.0.2.10 49664");
    CHECK(told(read_ept_map(ept_map_stub({tower(49664), tower(49665, 0), tower(1025, 0, 0x08)}, ndr),
                            ndr.little)) == "tcp 192.0.2.10 49664, tcp own 49665, udp own 1025");
    CHECK(told(read_ept_map(ept_map_stub({}, ndr), ndr.little)).empty());
  }
  // The same tower twice is one endpoint.
  CHECK(read_ept_map(ept_map_stub({tower(49664), tower(49664)}), true).size() == 1);
}

TEST_CASE("an endpoint mapper's answer that contradicts itself tells nothing") {
  const ByteString good = ept_map_stub({tower(49664), tower(49665)});
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    CAPTURE(cut);
    CHECK(read_ept_map(Bytes(good).first(cut), true).empty());
  }
  ByteString more = good;
  more.resize(more.size() + 16);  // more than padding
  CHECK(read_ept_map(more, true).empty());
  CHECK(read_ept_map(good, false).empty());  // the other order
  ByteString many = good;
  many[20] = 200;
  CHECK(read_ept_map(many, true).empty());
}

TEST_CASE("an MSRPC fragment gives its stub without the authentication trailer") {
  const ByteString stub = ept_map_stub({tower(49664)});
  const ByteString plain = ept_map_response(49664, 9);
  std::optional<MsrpcPdu> pdu = read_msrpc_pdu(plain);
  REQUIRE(pdu);
  CHECK(pdu->type == 2);
  CHECK(pdu->call == 9);
  CHECK((pdu->first && pdu->last));
  CHECK(pdu->length == plain.size());
  CHECK(ByteString(pdu->stub.begin(), pdu->stub.end()) == stub);
  const ByteString with_trailer = msrpc_pdu(2, 3, 9, stub, 0, true, 16);
  pdu = read_msrpc_pdu(with_trailer);
  REQUIRE(pdu);
  CHECK(ByteString(pdu->stub.begin(), pdu->stub.end()) == stub);
  pdu = read_msrpc_pdu(ept_map_request(4));
  REQUIRE(pdu);
  CHECK(pdu->opnum == kEptMap);
  for (std::size_t cut = 0; cut < plain.size(); ++cut) {
    pdu = read_msrpc_pdu(Bytes(plain).first(cut));
    CHECK((!pdu || pdu->stub.empty()));
  }
  ByteString lies = plain;
  lies[10] = 0xFF;  // a trailer longer than the fragment
  CHECK_FALSE(read_msrpc_pdu(lies));
  lies = plain;
  lies[8] = 8;
  lies[9] = 0;
  CHECK_FALSE(read_msrpc_pdu(lies));
}

TEST_CASE("a port mapper's answer means what was asked") {
  const std::optional<PortQuestion> udp = read_port_question(getport_call(7)),
                                    tcp = read_port_question(getport_call(8, 6));
  REQUIRE((udp && tcp));
  CHECK(told(read_port_answer(getport_reply(7, 20048), *udp).value()) == "udp own 20048");
  CHECK(told(read_port_answer(getport_reply(8, 2049), *tcp).value()) == "tcp own 2049");
  CHECK_FALSE(read_port_answer(getport_reply(8, 20048), *udp));  // another question's
  CHECK_FALSE(read_port_answer(getport_reply(7, 0), *udp));      // no such program
  CHECK_FALSE(read_port_answer(getport_reply(7, 70000), *udp));
  CHECK_FALSE(read_port_answer(rpc_accepted(7, ByteString(4, 1), 1), *udp));
  CHECK_FALSE(read_port_question(getport_call(7, 132)));

  struct Row {
    const char *network, *address, *told;
  };
  for (const Row& row : {
           Row{"tcp", "192.0.2.10.78.80", "tcp 192.0.2.10 20048"},
           {"udp6", "2001:db8:1::10.78.80", "udp 2001:db8:1::10 20048"},
           {"udp", "0.0.0.0.0.111", "udp own 111"},
           {"tcp6", "::.78.80", "tcp own 20048"},
           {"tcp", "192.0.2.10", "none"},
           {"tcp", "", "none"},
           {"tcp", "192.0.2.10.256.1", "none"},
           {"tcp", "here.1.1", "none"},
           {"tcp", "192.0.2.10.0.0", "none"},
       }) {
    CAPTURE(row.address);
    for (const std::uint32_t version : {3U, 4U}) {
      const std::optional<PortQuestion> question = read_port_question(getaddr_call(9, row.network, version));
      REQUIRE(question);
      const std::optional<Announced> answer = read_port_answer(getaddr_reply(9, row.address), *question);
      CHECK((answer ? told(*answer) : "none") == row.told);
    }
  }
  CHECK_FALSE(read_port_question(getaddr_call(9, "local")));
  const ByteString call = getaddr_call(9, "tcp"), reply = getaddr_reply(9, "192.0.2.10.78.80");
  for (std::size_t cut = 0; cut < call.size() - 16; ++cut) read_port_question(Bytes(call).first(cut));
  for (std::size_t cut = 0; cut < reply.size(); ++cut)
    CHECK_FALSE(read_port_answer(Bytes(reply).first(cut), *read_port_question(call)));
}

TEST_CASE("a TFTP request has a name and a mode") {
  CHECK(is_tftp_request(tftp_request(1)));
  CHECK(is_tftp_request(tftp_request(2, "NetASCII")));
  CHECK_FALSE(is_tftp_request(tftp_request(3)));
  CHECK_FALSE(is_tftp_request(tftp_request(1, "other")));
  CHECK_FALSE(is_tftp_request(tftp_data()));
  const ByteString whole = tftp_request();
  for (std::size_t cut = 0; cut < whole.size(); ++cut) CHECK_FALSE(is_tftp_request(Bytes(whole).first(cut)));
}

TEST_CASE("a session description tells where each medium shall go") {
  struct Row {
    std::string body, told;
  };
  for (const Row& row : {
           Row{session("192.0.2.1", "m=audio 49170 RTP/AVP 0\r\n"), "; udp 192.0.2.1 49170 49171"},
           {session("2001:db8::1", "m=audio 49170 RTP/SAVPF 0\r\n"), "; udp 2001:db8::1 49170 49171"},
           {session("192.0.2.1", "m=audio 49170 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\nm=video 5004 RTP/AVP 9\r\n"),
            "; udp 192.0.2.2 49170 49171; udp 192.0.2.1 5004 5005"},
           {session("192.0.2.1", "m=audio 49170 RTP/AVP 0\r\na=rtcp:53020 IN IP4 192.0.2.9\r\n"),
            "; udp 192.0.2.1 49170 53020"},
           {session("192.0.2.1", "m=audio 0 RTP/AVP 0\r\nm=video 5004/2 RTP/AVP 9\r\n"),
            "; udp 192.0.2.1 0 0; udp 192.0.2.1 5004 5005"},
           {session("192.0.2.1", "m=message 7000 TCP/MSRP *\r\n"), "; tcp 192.0.2.1 7000 0"},
           {session("192.0.2.1", "m=image 4000 udptl t38\r\n"), "; udp 192.0.2.1 4000 0"},
           {session("0.0.0.0", "m=audio 49170 RTP/AVP 0\r\n"), "; udp own 49170 49171"},
           {session("media.example.net", "m=audio 49170 RTP/AVP 0"), "; udp own 49170 49171"},
           {session("192.0.2.1", "m=audio many RTP/AVP 0\r\nm=video 5004 RTP/AVP 9\r\n"),
            "; udp 192.0.2.1 0 0; udp 192.0.2.1 5004 5005"},
           {"m=audio 49170 RTP/AVP 0\r\n", ""},  // no description
           {"", ""},
       }) {
    CAPTURE(row.body);
    CHECK(media(sip(kInvite, row.body)) == "a84b4c76e66710" + row.told);
    CHECK(media(sip(kSipOk, row.body), false) == "a84b4c76e66710" + row.told);
  }
}

TEST_CASE("a SIP message is as long as it says, and no longer") {
  const std::string body = session("192.0.2.1", "m=audio 49170 RTP/AVP 0\r\n"), whole = sip(kInvite, body);
  bool more = false;
  const std::optional<SipMessage> message = read_sip_message(whole + "INVITE next", false, more);
  REQUIRE(message);
  CHECK(message->length == whole.size());
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    const std::optional<SipMessage> part = read_sip_message(std::string_view(whole).substr(0, cut), false, more);
    if (part) CHECK(part->length == whole.size());
    CHECK((part.has_value() || more));
  }
  CHECK(media("GET / HTTP/1.1\r\n\r\n") == "none");
  CHECK(media("SIP/2.0 700 Odd\r\n\r\n") == "none");
  CHECK(media("INVITE sip:b SIP/2.0\r\nContent-Length: 70000\r\nCall-ID: x\r\n\r\n") == "none");
  CHECK(media("INVITE sip:b SIP/2.0\r\ni: x\r\nl: 0\r\n\r\n") == "x");
  CHECK(media("INVITE sip:b SIP/2.0\r\nl: 0\r\n\r\n") == "none");  // nobody's call
  CHECK(media(std::string(1 << 20, 'x')) == "more");
  std::string headers = "INVITE sip:b SIP/2.0\r\n";
  for (int i = 0; i < 1000; ++i) headers += "X: y\r\n";
  CHECK(media(headers + "Call-ID: x\r\n\r\n") == "none");
}
