// Every way for an IP packet to lie in a frame, and every tunnel: what the frames hold is known, since it was put
// there, and the naive implementation is given the packets themselves. The flow table must tell the same of them.
#include <algorithm>
#include <map>

#include "probes/wire/craft_layers.h"
#include "probes/wire/craft_tunnels.h"
#include "scanner/files/pcap_writer.h"
#include "tests/agreement/naive_flows.h"
#include "tests/agreement/observed.h"
#include "tests/support/traffic/kinds.h"

namespace demarc {

using namespace traffic;

namespace {

using Row = std::tuple<Protocol, Endpoint, Endpoint, Timestamp, ConnState, bool, std::uint64_t, std::uint64_t,
                       std::uint64_t, std::uint64_t>;

std::vector<Row> rows_of(const FlowEvidence& evidence, bool inside) {
  std::vector<Row> out;
  for (const ObservedFlow& f : evidence.flows) {
    if ((f.tunnel != kNone32) != inside) continue;
    ConnState state = ConnState::OTH;
    for (std::size_t i = 0; i < kConnStates; ++i)
      if (f.states[static_cast<ConnState>(i)] != 0) state = static_cast<ConnState>(i);
    const Port port = f.protocol.is_icmp() ? f.initiator_port : f.port;
    out.emplace_back(f.protocol, Endpoint{f.initiator, f.initiator_port}, Endpoint{f.responder, port}, f.first,
                     state, f.established != 0, f.packets_out, f.packets_in, f.bytes_out, f.bytes_in);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Row> naive_rows(const std::vector<std::pair<Timestamp, naive::Packet>>& packets) {
  PortSet tcp, udp;
  server_ports(nullptr, tcp, udp);
  std::vector<Row> out;
  for (const naive::Conversation& c : naive::conversations(packets, tcp, udp))
    out.emplace_back(c.protocol, c.initiator, c.responder, c.first, c.state, c.established, c.packets_out,
                     c.packets_in, c.bytes_out, c.bytes_in);
  std::sort(out.begin(), out.end());
  return out;
}

void write(const std::string& path, LinkType link, const std::vector<std::pair<Timestamp, Frame>>& frames) {
  auto writer = PcapWriter::create(path, link);
  REQUIRE(writer.has_value());
  for (const auto& [at, frame] : frames)
    REQUIRE(writer->write(at, frame, static_cast<std::uint32_t>(frame.size())));
  REQUIRE(writer->close().has_value());
}

void check_same(const std::vector<Row>& ours, const std::vector<Row>& theirs) {
  std::vector<Row> missing, extra;
  std::set_difference(theirs.begin(), theirs.end(), ours.begin(), ours.end(), std::back_inserter(missing));
  std::set_difference(ours.begin(), ours.end(), theirs.begin(), theirs.end(), std::back_inserter(extra));
  const auto show = [](const char* who, const std::vector<Row>& rows) {
    for (std::size_t i = 0; i < std::min<std::size_t>(rows.size(), 5); ++i)
      MESSAGE(who << to_string(std::get<1>(rows[i])) << " > " << to_string(std::get<2>(rows[i])) << " "
                  << to_string(std::get<0>(rows[i])) << " " << std::string(name(std::get<4>(rows[i]))) << " "
                  << std::get<6>(rows[i]) << "/" << std::get<7>(rows[i]) << " packets " << std::get<8>(rows[i])
                  << "/" << std::get<9>(rows[i]) << " bytes");
  };
  show("only the naive one: ", missing);
  show("only the flow table: ", extra);
  CHECK(missing.empty());
  CHECK(extra.empty());
}

}  // namespace

TEST_CASE("every link layer holds the same conversations") {
  const MadeCapture made = make_kinds(5, 4);
  std::vector<std::pair<Timestamp, naive::Packet>> packets;
  for (const MadePacket& packet : made.packets()) packets.emplace_back(packet.at, *naive::read_ip(packet.ip));
  const std::vector<Row> expected = naive_rows(packets);
  REQUIRE(expected.size() > 500);
  for (const LayerCraft& layer : layer_crafts()) {
    CAPTURE(std::string(layer.name));
    std::vector<std::pair<Timestamp, Frame>> frames;
    for (const MadePacket& packet : made.packets()) frames.emplace_back(packet.at, layer.frame(packet.ip));
    const TemporaryCapture file;
    write(file.path, layer.link, frames);
    check_same(rows_of(observed(file.path, false), false), expected);
  }
}

TEST_CASE("every tunnel carries the same conversations, and is one itself") {
  const MadeCapture made = make_kinds(6, 2);
  for (const TunnelCraft& tunnel : tunnel_crafts()) {
    for (const bool outer_v4 : {true, false}) {
      CAPTURE(std::string(tunnel.name));
      CAPTURE(outer_v4);
      const Address near = *parse_address(outer_v4 ? "203.0.113.200" : "2001:db8:ff::1"),
                    far = *parse_address(outer_v4 ? "203.0.113.201" : "2001:db8:ff::2");
      std::vector<std::pair<Timestamp, naive::Packet>> inner, outer;
      std::vector<std::pair<Timestamp, Frame>> frames;
      for (const MadePacket& packet : made.packets()) {
        if (!can_carry(tunnel, outer_v4, packet.ip)) continue;
        const Frame around = tunnel.packet(near, far, packet.ip, 7);
        frames.emplace_back(packet.at, craft_ethernet(around));
        inner.emplace_back(packet.at, *naive::read_ip(packet.ip));
        const auto read = naive::read_ip(around);
        REQUIRE(read.has_value());
        outer.emplace_back(packet.at, *read);
      }
      if (frames.empty()) continue;
      const TemporaryCapture file;
      write(file.path, LinkType::ethernet, frames);
      const FlowEvidence evidence = observed(file.path, false, true);
      REQUIRE(inner.size() > 100);
      check_same(rows_of(evidence, true), naive_rows(inner));
      check_same(rows_of(evidence, false), naive_rows(outer));
      for (const Tunnel& found : evidence.tunnels) CHECK(found.kind == tunnel.kind);
      // Unasked, they stay closed, and the outside is the same.
      check_same(rows_of(observed(file.path, false), false), naive_rows(outer));
    }
  }
}

}  // namespace demarc
