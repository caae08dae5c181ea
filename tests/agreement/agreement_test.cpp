// Generated captures, read by the flow table and by the naive implementation: the same conversations, openers,
// states, packets and bytes, all of them, whatever the link layer.
#include <map>

#include "tests/agreement/naive_flows.h"
#include "tests/agreement/observed.h"
#include "tests/support/traffic/kinds.h"

namespace demarc {

using namespace traffic;

namespace {

using Row = std::tuple<Protocol, Endpoint, Endpoint, Timestamp, IcmpType, ConnState, bool, std::uint64_t,
                       std::uint64_t, std::uint64_t, std::uint64_t, Timestamp>;

std::vector<Row> rows_of(const FlowEvidence& evidence) {
  std::vector<Row> out;
  for (const ObservedFlow& f : evidence.flows) {
    ConnState state = ConnState::OTH;
    for (std::size_t i = 0; i < kConnStates; ++i)
      if (f.states[static_cast<ConnState>(i)] != 0) state = static_cast<ConnState>(i);
    // ICMP's identifier stands in the naive one for both ports, here for the initiator's.
    const Port port = f.protocol.is_icmp() ? f.initiator_port : f.port;
    out.emplace_back(f.protocol, Endpoint{f.initiator, f.initiator_port}, Endpoint{f.responder, port}, f.first,
                     f.icmp, state, f.established != 0, f.packets_out, f.packets_in, f.bytes_out, f.bytes_in,
                     f.last);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Row> rows_of(const std::vector<naive::Conversation>& all) {
  std::vector<Row> out;
  for (const naive::Conversation& c : all)
    out.emplace_back(c.protocol, c.initiator, c.responder, c.first, c.icmp, c.state, c.established, c.packets_out,
                     c.packets_in, c.bytes_out, c.bytes_in, c.last);
  std::sort(out.begin(), out.end());
  return out;
}

std::string text(const Row& r) {
  return to_string(std::get<1>(r)) + " > " + to_string(std::get<2>(r)) + " " + to_string(std::get<0>(r)) + " " +
         std::string(name(std::get<5>(r))) + (std::get<6>(r) ? " used " : " unused ") +
         std::to_string(std::get<7>(r)) + "/" + std::to_string(std::get<8>(r)) + " packets " +
         std::to_string(std::get<9>(r)) + "/" + std::to_string(std::get<10>(r)) + " bytes, " +
         to_string(std::get<3>(r)) + " to " + to_string(std::get<11>(r));
}

void check_same(const std::vector<Row>& ours, const std::vector<Row>& theirs) {
  CHECK(ours.size() == theirs.size());
  std::vector<Row> missing, extra;
  std::set_difference(theirs.begin(), theirs.end(), ours.begin(), ours.end(), std::back_inserter(missing));
  std::set_difference(ours.begin(), ours.end(), theirs.begin(), theirs.end(), std::back_inserter(extra));
  CHECK(missing.size() == 0);
  CHECK(extra.size() == 0);
  for (std::size_t i = 0; i < std::min<std::size_t>(missing.size(), 10); ++i)
    MESSAGE("only the naive one: " << text(missing[i]));
  for (std::size_t i = 0; i < std::min<std::size_t>(extra.size(), 10); ++i)
    MESSAGE("only the flow table: " << text(extra[i]));
}

}  // namespace

TEST_CASE("both implementations tell the same of every kind of conversation, on every link layer") {
  for (const LinkType link : {LinkType::ethernet, LinkType::null, LinkType::loop, LinkType::raw, LinkType::raw_bsd,
                              LinkType::raw_openbsd, LinkType::linux_cooked, LinkType::linux_cooked2}) {
    CAPTURE(std::string(name(link)));
    const MadeCapture made = make_kinds(static_cast<std::uint64_t>(link) + 10, 30);
    const TemporaryCapture file;
    REQUIRE(made.write(file.path, link, 262144).has_value());
    std::vector<std::pair<Timestamp, naive::Packet>> packets;
    for (const MadePacket& packet : made.packets()) {
      const auto ip = naive::strip_link(static_cast<unsigned>(link), MadeCapture::framed(packet, link));
      const auto read = naive::read_ip(ip);
      REQUIRE(read.has_value());
      packets.emplace_back(packet.at, *read);
    }
    PortSet tcp, udp;
    server_ports(nullptr, tcp, udp);
    check_same(rows_of(observed(file.path, false)), rows_of(naive::conversations(packets, tcp, udp)));
  }
}

TEST_CASE("what the snap length cuts off changes nothing but what was said") {
  const MadeCapture made = make_kinds(99, 30);
  const TemporaryCapture whole, cut;
  REQUIRE(made.write(whole.path, LinkType::ethernet, 262144).has_value());
  REQUIRE(made.write(cut.path, LinkType::ethernet, 128).has_value());
  const auto from_whole = rows_of(observed(whole.path, false)), from_cut = rows_of(observed(cut.path, false));
  check_same(from_cut, from_whole);
}

}  // namespace demarc
