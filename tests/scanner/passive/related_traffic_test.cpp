// From packets in a file to flows that know their parent and their service.
#include <doctest/doctest.h>

#include "tests/probes/app/overheard_words.h"
#include "tests/scanner/passive/scene.h"

using namespace demarc;
using namespace demarc::test;

TEST_CASE("FTP, passive and active: the data conversations belong to the control conversation") {
  Scene scene;
  scene.tcp(at("198.51.100.7", 40000), at("192.0.2.10", 21),
            {server("220 (vsFTPd 3.0.3)\r\n"), client("USER anna\r\n"), server("331 Password?\r\n"),
             client("PASV\r\n"), server("227 Entering Passive Mode (192,0,2,10,195,80)\r\n"),
             client("PORT 198,51,100,7,200,1\r\n"), server("200 OK\r\n")});
  scene.tcp(at("198.51.100.7", 40001), at("192.0.2.10", 50000), {server("the file")});
  scene.tcp(at("192.0.2.10", 20), at("198.51.100.7", 51201), {client("another file")});
  scene.tcp(at("198.51.100.7", 40002), at("192.0.2.10", 50001), {server("nobody announced this")});
  CHECK(told(scene.observe()) ==
        "192.0.2.10 > 198.51.100.7 tcp/51201 [ftp of 198.51.100.7 > 192.0.2.10 tcp/21]\n"
        "198.51.100.7 > 192.0.2.10 tcp/21 ftp\n"
        "198.51.100.7 > 192.0.2.10 tcp/50000 [ftp of 198.51.100.7 > 192.0.2.10 tcp/21]\n"
        "198.51.100.7 > 192.0.2.10 tcp/50001\n");
}

TEST_CASE("what was not read is said") {
  Scene scene;
  scene.tcp(at("198.51.100.7", 40000), at("192.0.2.10", 21),
            {server("220 (vsFTPd 3.0.3)\r\n"), client("PORT 198,51,100,7,0,22\r\n"), client("AUTH TLS\r\n"),
             server("234 go on\r\n"), client(ByteString(100, 23))});
  const FlowEvidence evidence = scene.observe();
  REQUIRE(evidence.notes.size() == 2);
  CHECK(evidence.notes[0] == "1 announcements named ports below 1024, which nobody may announce");
  CHECK(evidence.notes[1] == "1 control conversations went on inside TLS: what they announced is not known");
}

TEST_CASE("FTP over IPv6, on another port, its lines cut by segments") {
  Scene scene;
  std::vector<Line> lines = {server("220 ProFTPD 1.3.8 Server\r\n"), client("EPSV\r\n")};
  for (const char c : std::string("229 Entering Extended Passive Mode (|||50000|)\r\n"))
    lines.push_back(server(std::string(1, c)));
  scene.tcp(at("2001:db8::7", 40000), at("2001:db8:1::10", 2121), lines);
  scene.tcp(at("2001:db8::7", 40001), at("2001:db8:1::10", 50000), {server("the file")});
  CHECK(told(scene.observe()) ==
        "2001:db8::7 > 2001:db8:1::10 tcp/2121 ftp\n"
        "2001:db8::7 > 2001:db8:1::10 tcp/50000 [ftp of 2001:db8::7 > 2001:db8:1::10 tcp/2121]\n");
}

TEST_CASE("the endpoint mapper's high port belongs to port 135") {
  Scene scene;
  scene.tcp(at("198.51.100.7", 40000), at("192.0.2.10", 135),
            {client(own_question("msrpc-bind")), server(bind_ack()), client(ept_map_request()),
             server(ept_map_response(49664))});
  for (unsigned i = 0; i < 3; ++i)
    scene.tcp(at("198.51.100.7", 40001 + i), at("192.0.2.10", 49664),
              {client(own_question("msrpc-bind")), server(bind_ack())});
  scene.tcp(at("198.51.100.8", 40001), at("192.0.2.10", 49664),
            {client(own_question("msrpc-bind")), server(bind_ack())});
  CHECK(told(scene.observe()) ==
        "198.51.100.7 > 192.0.2.10 tcp/135 msrpc\n"
        "198.51.100.7 > 192.0.2.10 tcp/49664 x3 msrpc [msrpc of 198.51.100.7 > 192.0.2.10 tcp/135]\n"
        "198.51.100.8 > 192.0.2.10 tcp/49664 msrpc\n");
}

TEST_CASE("TFTP's answer from another port belongs to the request") {
  Scene scene;
  scene.udp(at("198.51.100.7", 40000), at("192.0.2.10", 69), {client(tftp_request())});
  scene.udp(at("192.0.2.10", 50000), at("198.51.100.7", 40000),
            {client(tftp_data()), server(ByteString{0, 4, 0, 1})});
  const FlowEvidence evidence = scene.observe();
  CHECK(told(evidence) ==
        "192.0.2.10 > 198.51.100.7 udp/40000 [tftp of 198.51.100.7 > 192.0.2.10 udp/69]\n"
        "198.51.100.7 > 192.0.2.10 udp/69\n");
}

TEST_CASE("a call's media belong to the call, though a media server takes them") {
  Scene scene;
  scene.udp(at("198.51.100.7", 5060), at("192.0.2.10", 5060),
            {client(sip(kInvite, session("198.51.100.7", "m=audio 49170 RTP/AVP 0\r\n"))),
             server(sip(kSipOk, session("192.0.2.20", "m=audio 6000 RTP/AVP 0\r\n")))});
  const ByteString rtp = joined({{0x80, 0, 0x12, 0x34}, ByteString(168, 0x55)});
  scene.udp(at("198.51.100.7", 49170), at("192.0.2.20", 6000), {client(rtp), server(rtp), client(rtp)});
  scene.udp(at("192.0.2.20", 6001), at("198.51.100.7", 49171), {client(rtp)});
  scene.udp(at("192.0.2.99", 6000), at("198.51.100.7", 49170), {client(rtp)});
  CHECK(told(scene.observe()) ==
        "192.0.2.20 > 198.51.100.7 udp/49171 [sip of 198.51.100.7 > 192.0.2.10 udp/5060]\n"
        "192.0.2.99 > 198.51.100.7 udp/49170\n"
        "198.51.100.7 > 192.0.2.10 udp/5060 sip\n"
        "198.51.100.7 > 192.0.2.20 udp/6000 [sip of 198.51.100.7 > 192.0.2.10 udp/5060]\n");
}

TEST_CASE("the port that the port mapper names belongs to port 111") {
  Scene scene;
  scene.udp(at("198.51.100.7", 40000), at("192.0.2.10", 111),
            {client(getport_call(7)), server(getport_reply(7, 20048))});
  scene.udp(at("198.51.100.7", 700), at("192.0.2.10", 20048),
            {client(rpc_call(100005)), server(rpc_accepted(1, {}))});
  scene.tcp(at("198.51.100.7", 40001), at("192.0.2.10", 111),
            {client(rpc_record(getaddr_call(9, "tcp"))), server(rpc_record(getaddr_reply(9, "192.0.2.10.78.81")))});
  scene.tcp(at("198.51.100.7", 40002), at("192.0.2.10", 20049), {client("x"), server("y")});
  CHECK(told(scene.observe()) ==
        "198.51.100.7 > 192.0.2.10 tcp/111 onc-rpc\n"
        "198.51.100.7 > 192.0.2.10 tcp/20049 [portmapper of 198.51.100.7 > 192.0.2.10 tcp/111]\n"
        "198.51.100.7 > 192.0.2.10 udp/111 onc-rpc\n"
        "198.51.100.7 > 192.0.2.10 udp/20048 onc-rpc [portmapper of 198.51.100.7 > 192.0.2.10 udp/111]\n");
}

TEST_CASE("SSH on 443 stands beside the TLS there, each in its own record") {
  Scene scene;
  for (unsigned i = 0; i < 5; ++i)
    scene.tcp(at("198.51.100.7", 40000 + i), at("192.0.2.10", 443),
              {client(others_client_hello("shop.example.net")), server(tls12_flight())});
  scene.tcp(at("198.51.100.7", 41000), at("192.0.2.10", 443),
            {server("SSH-2.0-OpenSSH_9.2p1\r\n"), client("SSH-2.0-PuTTY_1\r\n")});
  const FlowEvidence evidence = scene.observe();
  CHECK(told(evidence) == "198.51.100.7 > 192.0.2.10 tcp/443 ssh\n198.51.100.7 > 192.0.2.10 tcp/443 x5 tls\n");
  for (const ObservedFlow& f : evidence.flows) {
    const ServiceSeen& seen = evidence.services.at(f.service);
    if (seen.name == "ssh") CHECK(seen.product == "OpenSSH");
    if (seen.name == "tls") CHECK(seen.certificate_names.at(0) == "shop.example.net");
  }
}

TEST_CASE("a certificate in three segments is known in the end; a client alone is enough for a name") {
  Scene scene;
  const ByteString flight = tls12_flight();
  const auto part = [&](std::size_t from, std::size_t to) {
    return ByteString(flight.begin() + static_cast<std::ptrdiff_t>(from),
                      flight.begin() + static_cast<std::ptrdiff_t>(to));
  };
  scene.tcp(at("198.51.100.7", 40000), at("192.0.2.10", 443),
            {client(others_client_hello("shop.example.net")), server(part(0, 100)), server(part(100, 200)),
             server(part(200, flight.size()))});
  const FlowEvidence evidence = scene.observe();
  REQUIRE(evidence.flows.size() == 1);
  REQUIRE(evidence.flows[0].service != kNone32);
  CHECK(evidence.services.at(evidence.flows[0].service).certificate_names.size() == 3);

  Sensor one_way;
  one_way.sees_server = false;
  Scene half({one_way});
  half.tcp(at("198.51.100.7", 40000), at("192.0.2.10", 8443), {client(others_client_hello("shop.example.net"))});
  const FlowEvidence client_only = half.observe();
  REQUIRE(client_only.flows.size() == 1);
  REQUIRE(client_only.flows[0].service != kNone32);
  CHECK(client_only.services.at(client_only.flows[0].service).evidence.find("shop.example.net") !=
        std::string::npos);
}
