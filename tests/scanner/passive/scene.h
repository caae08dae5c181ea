// Whole conversations with payload, seen by one or several sensors that may have an address translation between
// them, written as captures and read by observe().
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "probes/wire/craft.h"
#include "scanner/files/pcap_writer.h"
#include "scanner/passive/listener.h"
#include "tests/probes/app/announcements.h"

namespace demarc::test {

inline Endpoint at(std::string_view address, unsigned port) {
  return {*parse_address(address), Port{static_cast<std::uint16_t>(port)}};
}

/// What somebody says in a conversation.
struct Line {
  bool from_server = false;
  ByteString bytes;
};
inline Line client(std::string_view text) { return {false, bytes(text)}; }
inline Line server(std::string_view text) { return {true, bytes(text)}; }
inline Line client(const ByteString& b) { return {false, b}; }
inline Line server(const ByteString& b) { return {true, b}; }

/// A place on the way. `translate` turns the ends as the client has them into those that pass here.
struct Sensor {
  std::string name;
  std::function<void(Endpoint& client, Endpoint& server)> translate = [](Endpoint&, Endpoint&) {};
  std::uint8_t hops_from_client = 1, hops_from_server = 3;
  Nanoseconds delay{0};         // after the client sent, before the server got it
  std::uint32_t other_isn = 0;  // added to both sequence numbers: a firewall that chooses its own
  std::function<bool(const Endpoint& client, const Endpoint& server)> sees = [](const Endpoint&, const Endpoint&) {
    return true;
  };
  bool sees_client = true, sees_server = true;
};

class Scene {
 public:
  Scene() : Scene(std::vector<Sensor>(1)) {}
  explicit Scene(std::vector<Sensor> sensors) : sensors_(std::move(sensors)), packets_(sensors_.size()) {
    std::string pattern = (std::filesystem::temp_directory_path() / "demarc-scene-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~Scene() { std::filesystem::remove_all(folder_); }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  /// Handshake, what is said, and an ordered end.
  Scene& tcp(const Endpoint& c, const Endpoint& s, const std::vector<Line>& lines) {
    isn_ += 0x01234567;
    std::uint32_t next[2] = {isn_, isn_ * 7 + 1};
    const auto send = [&](bool from_server, std::uint8_t flags, const ByteString& payload, std::uint32_t takes) {
      segment(c, s, from_server, next[from_server], next[!from_server], flags, payload);
      next[from_server] += takes + static_cast<std::uint32_t>(payload.size());
    };
    send(false, tcp_flag::syn, {}, 1);
    send(true, tcp_flag::syn | tcp_flag::ack, {}, 1);
    send(false, tcp_flag::ack, {}, 0);
    for (const Line& line : lines) send(line.from_server, tcp_flag::ack | tcp_flag::psh, line.bytes, 0);
    send(false, tcp_flag::ack | tcp_flag::fin, {}, 1);
    send(true, tcp_flag::ack | tcp_flag::fin, {}, 1);
    send(false, tcp_flag::ack, {}, 0);
    return *this;
  }
  Scene& udp(const Endpoint& c, const Endpoint& s, const std::vector<Line>& lines) {
    for (const Line& line : lines) {
      each_sensor(c, s, line.from_server,
                  [&](const Sensor&, const Endpoint& from, const Endpoint& to, std::uint8_t ttl) {
                    return craft_udp(from.address, to.address, from.port.number(), to.port.number(),
                                     text_of(line.bytes), {.ttl = ttl});
                  });
    }
    return *this;
  }
  Scene& wait(Nanoseconds duration) {
    now_ = now_ + duration;
    return *this;
  }

  FlowEvidence observe(FlowOptions flow = {}) {
    ObserveRequest request;
    request.flow = flow;
    request.flow.hash_key = 42;
    request.flow.server_ports_tcp = request.flow.server_ports_udp = PortSet{{Port{1}, Port{1023}}};
    for (std::size_t i = 0; i < sensors_.size(); ++i) request.captures.push_back({write(i), sensors_[i].name});
    Result<FlowEvidence> evidence = demarc::observe(request);
    REQUIRE(evidence);
    return std::move(*evidence);
  }

 private:
  static std::string_view text_of(const ByteString& b) {
    return {reinterpret_cast<const char*>(b.data()), b.size()};
  }

  template <typename Craft>
  void each_sensor(const Endpoint& c, const Endpoint& s, bool from_server, Craft&& craft) {
    now_ = now_ + std::chrono::milliseconds(10);
    for (std::size_t i = 0; i < sensors_.size(); ++i) {
      const Sensor& sensor = sensors_[i];
      if (!sensor.sees(c, s) || !(from_server ? sensor.sees_server : sensor.sees_client)) continue;
      Endpoint client_end = c, server_end = s;
      sensor.translate(client_end, server_end);
      const auto ttl =
          static_cast<std::uint8_t>(64 - (from_server ? sensor.hops_from_server : sensor.hops_from_client));
      const Nanoseconds delay = from_server ? std::chrono::milliseconds(5) - sensor.delay : sensor.delay;
      packets_[i].emplace_back(now_ + delay, from_server ? craft(sensor, server_end, client_end, ttl)
                                                         : craft(sensor, client_end, server_end, ttl));
    }
  }
  void segment(const Endpoint& c, const Endpoint& s, bool from_server, std::uint32_t seq, std::uint32_t ack,
               std::uint8_t flags, const ByteString& payload) {
    each_sensor(c, s, from_server,
                [&](const Sensor& sensor, const Endpoint& from, const Endpoint& to, std::uint8_t ttl) {
                  TcpCraft tcp{.source_port = from.port.number(), .port = to.port.number()};
                  tcp.seq = seq + sensor.other_isn;
                  tcp.ack = (flags & tcp_flag::ack) != 0 ? ack + sensor.other_isn : 0;
                  tcp.flags = flags;
                  tcp.payload = text_of(payload);
                  return craft_tcp(from.address, to.address, tcp, {.ttl = ttl});
                });
  }
  std::string write(std::size_t sensor) {
    auto& packets = packets_[sensor];
    std::stable_sort(packets.begin(), packets.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    PcapShape shape;
    shape.link = LinkType::raw;
    shape.nanoseconds = true;
    std::vector<std::uint8_t> file;
    append_pcap_header(shape, file);
    for (const auto& [when, packet] : packets)
      append_pcap_packet(shape, when, packet, static_cast<std::uint32_t>(packet.size()), file);
    const std::filesystem::path path = folder_ / (std::to_string(sensor) + ".pcap");
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
    return path.string();
  }

  std::vector<Sensor> sensors_;
  std::vector<std::vector<std::pair<Timestamp, Frame>>> packets_;
  std::filesystem::path folder_;
  Timestamp now_ = Timestamp::from_seconds(1'795'000'000);
  std::uint32_t isn_ = 1000;
};

/// "198.51.100.7 > 192.0.2.10 tcp/21 ftp", what announced it, who really talks; one line a flow, sorted.
inline std::string told(const FlowEvidence& evidence) {
  std::vector<std::string> lines;
  for (const ObservedFlow& f : evidence.flows) {
    std::string line = fmt::format("{} > {} {}/{}", to_string(f.initiator), to_string(f.responder),
                                   to_string(f.protocol), f.port.number());
    if (f.conversations != 1) line += fmt::format(" x{}", f.conversations);
    if (f.service != kNone32) line += " " + evidence.services.at(f.service).name;
    if (f.parent != kNone32) {
      const ParentFlow& p = evidence.parents.at(f.parent);
      line += fmt::format(" [{} of {} > {} {}/{}]", name(p.by), to_string(p.initiator), to_string(p.responder),
                          to_string(p.protocol), p.port.number());
    }
    if (f.real != kNone32) {
      const RealEnds& r = evidence.real_ends.at(f.real);
      line += fmt::format(" (really {} > {}:{}{})", to_string(r.initiator), to_string(r.responder), r.port.number(),
                          r.seen_twice ? ", seen twice" : "");
    }
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

}  // namespace demarc::test
