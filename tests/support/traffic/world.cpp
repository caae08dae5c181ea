#include "tests/support/traffic/world.h"

#include <iterator>

namespace demarc::traffic {

namespace {

constexpr std::uint32_t kClients = 3000;

constexpr Service kWellKnown[] = {
    {443, "", "", ""},
    {80, "http", "GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
     "HTTP/1.1 200 OK\r\nServer: example\r\nContent-Length: 0\r\n\r\n"},
    {22, "ssh", "SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2p1\r\n"},
    {25, "", "", ""},
    {3389, "", "", ""},
    {1433, "", "", ""},
};
constexpr Service kHigh[] = {
    {50000, "", "", ""}, {50443, "", "", ""}, {49800, "", "", ""}, {61616, "", "", ""}, {34567, "", "", ""}};

}  // namespace

Address World::server(Family family) {
  // A tenth as many of IPv6, of which kinds_tcp.cpp makes a tenth.
  const std::uint64_t host = below(family == Family::ipv4 ? servers_ : (servers_ + 9) / 10);
  return family == Family::ipv4 ? Address::ipv4(0xC000020AU + static_cast<std::uint32_t>(host))  // 192.0.2.10 ...
                                : Address::ipv6(0x20010DB800010000U, 0x10 + host);
}

Service World::tcp_service(Ports ports) {
  if (ports == Ports::unheard_of) return {static_cast<std::uint16_t>(52000 + lonely_ports_++ % 9000), "", "", ""};
  return ports == Ports::well_known ? kWellKnown[below(std::size(kWellKnown))] : kHigh[below(std::size(kHigh))];
}

// Clients take turns, and their ports count on with each turn: no five-tuple comes twice by chance.
Endpoint World::client(Family family) {
  const std::uint32_t turn = clients_++;
  const std::uint32_t host = turn % kClients;
  const auto port = static_cast<std::uint16_t>(32768 + (host * 7 + turn / kClients) % 28000);
  return {family == Family::ipv4 ? Address::ipv4(0xC6120000U + host)  // 198.18.0.0/15, RFC 2544
                                 : Address::ipv6(0x20010DB8000C0000U, host + 1),
          Port(port)};
}

Endpoint World::another_port(const Address& client) {
  return {client, Port(static_cast<std::uint16_t>(10'000 + clients_++ % 22'000))};
}

Address World::stranger(Family family) {
  const std::uint32_t host = strangers_++;
  return family == Family::ipv4 ? Address::ipv4(0xC6130000U + host % 65536)  // 198.19.0.0/16
                                : Address::ipv6(0x20010DB8000F0000U, host + 1);
}

}  // namespace demarc::traffic
