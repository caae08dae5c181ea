// Conversations in named steps, fed to a flow table packet by packet through the real decoder.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "probes/wire/craft.h"
#include "probes/wire/decode.h"
#include "scanner/passive/flow_table.h"

namespace demarc {

inline const Address kClient = *parse_address("198.51.100.7"), kServer = *parse_address("192.0.2.10"),
                     kRouter = *parse_address("203.0.113.1");
inline const Address kClient6 = *parse_address("2001:db8::7"), kServer6 = *parse_address("2001:db8:1::10"),
                     kRouter6 = *parse_address("2001:db8:2::1");

inline FlowOptions options_for_tests() {
  FlowOptions options;
  options.hash_key = 42;
  options.server_ports_tcp = PortSet{{Port{1}, Port{1023}}};
  options.server_ports_udp = PortSet{{Port{1}, Port{1023}}};
  return options;
}

class Talk {
 public:
  explicit Talk(FlowOptions options = options_for_tests()) : table_(options) {}

  Talk& packet(const Frame& ip) {
    PacketView view;
    REQUIRE(decode(LinkType::raw, ip, 0, view));
    table_.on_packet(now_, view, {0, ++frame_});
    now_ = now_ + Nanoseconds(1'000'000);
    return *this;
  }
  Talk& wait(std::chrono::seconds duration) {
    now_ = now_ + duration;
    return *this;
  }
  Timestamp now() const { return now_; }
  FlowTable& table() { return table_; }

  /// TCP steps as Zeek writes its history: S SYN, H SYN-ACK, A pure ACK, D data, F FIN, R RST; capitals from the
  /// client at port 40000, small letters from the server at port 443.
  Talk& tcp(std::string_view history, std::uint32_t client_isn = 1000, std::uint32_t server_isn = 9000) {
    std::uint32_t next[2] = {client_isn, server_isn};
    if (history.find_first_of("Sh") == std::string_view::npos) next[0] += 5000, next[1] += 5000;
    for (const char step : history) {
      const bool server = step >= 'a';
      const char what = server ? static_cast<char>(step - 'a' + 'A') : step;
      TcpCraft segment{.source_port = client_port_, .port = server_port_};
      if (server) std::swap(segment.source_port, segment.port);
      segment.seq = next[server];
      segment.ack = what == 'S' ? 0 : next[!server];
      segment.flags = tcp_flag::ack;
      std::uint32_t used = 0;
      switch (what) {
        case 'S': segment.flags = tcp_flag::syn, segment.seq = server ? server_isn : client_isn; break;
        case 'H':
          segment.flags = tcp_flag::syn | tcp_flag::ack, segment.seq = server ? server_isn : client_isn;
          break;
        case 'D': segment.payload = "0123456789", used = 10; break;
        case 'F': segment.flags |= tcp_flag::fin, used = 1; break;
        case 'R': segment.flags = tcp_flag::rst | tcp_flag::ack; break;
        default: break;
      }
      if (what == 'S' || what == 'H') next[server] = segment.seq + 1;
      next[server] += used;
      packet(craft_tcp(server ? kServer : kClient, server ? kClient : kServer, segment));
    }
    return *this;
  }
  Talk& ports(std::uint16_t client, std::uint16_t server) {
    client_port_ = client;
    server_port_ = server;
    return *this;
  }
  Talk& udp(std::string_view directions) {  // '>' from the client at 5000, '<' from the server at `port`
    for (const char d : directions)
      packet(d == '>' ? craft_udp(kClient, kServer, client_port_, server_port_, "query")
                      : craft_udp(kServer, kClient, server_port_, client_port_, "reply!"));
    return *this;
  }

  FlowEvidence evidence() {
    FlowEvidence evidence;
    table_.finish(evidence);
    return evidence;
  }
  std::vector<ObservedFlow> finish() { return evidence().flows; }
  ObservedFlow only() {
    const auto flows = finish();
    REQUIRE(flows.size() == 1);
    return flows[0];
  }

 private:
  FlowTable table_;
  Timestamp now_ = Timestamp::from_seconds(1'795'000'000);
  std::uint64_t frame_ = 0;
  std::uint16_t client_port_ = 40000, server_port_ = 443;
};

inline std::string states(const ObservedFlow& flow) {
  std::string out;
  for (std::size_t i = 0; i < kConnStates; ++i)
    if (flow.states[static_cast<ConnState>(i)] != 0) {
      if (!out.empty()) out += ' ';
      out += name(static_cast<ConnState>(i));
      if (flow.states[static_cast<ConnState>(i)] != 1)
        out += "*" + std::to_string(flow.states[static_cast<ConnState>(i)]);
    }
  return out;
}

}  // namespace demarc
