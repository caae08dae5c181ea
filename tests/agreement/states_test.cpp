// Every history of a TCP conversation of up to six segments, in the flow table and in the naive one: the same
// state, the same opener, established or not. A small universe, all of it.
#include <doctest/doctest.h>

#include <map>

#include "probes/wire/craft.h"
#include "probes/wire/decode.h"
#include "scanner/passive/flow_table.h"
#include "tests/agreement/naive_flows.h"

namespace demarc {

namespace {

// Letters as in tests/support/traffic/script.h.
Frame segment(char letter, const Endpoint& client, const Endpoint& server, std::uint32_t (&next)[2]) {
  static constexpr std::uint32_t kIsn[2] = {1000, 9000};
  const int from = letter >= 'a' ? 1 : 0;
  TcpCraft t{.source_port = (from ? server : client).port.number(), .port = (from ? client : server).port.number()};
  t.seq = next[from], t.ack = next[1 - from], t.flags = tcp_flag::ack;
  std::uint32_t used = 0;
  switch (from ? letter - 'a' + 'A' : letter) {
    case 'S': t.flags = tcp_flag::syn, t.seq = kIsn[from], t.ack = 0; break;
    case 'H': t.flags = tcp_flag::syn | tcp_flag::ack, t.seq = kIsn[from], t.ack = kIsn[1 - from] + 1; break;
    case 'D': t.payload = "x", used = 1; break;
    case 'F': t.flags |= tcp_flag::fin, used = 1; break;
    case 'R': t.flags |= tcp_flag::rst; break;
    default: break;
  }
  next[from] += used;
  return craft_tcp((from ? server : client).address, (from ? client : server).address, t);
}

// No machine asks behind its own answer, or opens behind its own end with the same number; and no network delivers
// a question behind both its answer and the other's end.
bool is_possible(std::string_view history) {
  for (const std::string_view end : {"SHFR", "shfr"}) {
    const auto last = [&](char what) { return static_cast<long>(history.rfind(what)); };  // -1: never
    const auto first = [&](char what) {
      const std::size_t at = history.find(what);
      return at == std::string_view::npos ? long{1000} : static_cast<long>(at);
    };
    const long over = std::min(first(end[2]), first(end[3]));
    const char peer_answer = end == "SHFR" ? 'h' : 'H', peer_fin = end == "SHFR" ? 'f' : 'F',
               peer_rst = end == "SHFR" ? 'r' : 'R';
    const long peer_over = std::min(first(peer_fin), first(peer_rst));
    if (first(end[0]) < 1000 && first(end[0]) > first(peer_answer) && first(end[0]) > peer_over) return false;
    if (last(end[0]) > std::min(first(end[1]), over) || last(end[1]) > over) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("every short history has the same state and opener in both implementations") {
  static constexpr std::string_view kLetters = "SADFRshadfr";
  std::vector<std::string> histories{""};
  for (std::size_t begin = 0, length = 0; length < 5; ++length) {
    const std::size_t end = histories.size();
    for (std::size_t i = begin; i < end; ++i)
      for (const char letter : kLetters) histories.push_back(histories[i] + letter);
    begin = end;
  }
  histories.erase(histories.begin());
  std::erase_if(histories, [](const std::string& history) { return !is_possible(history); });
  REQUIRE(histories.size() > 80'000);
  FlowOptions options;
  options.per_conversation = true;
  options.noise = false;
  options.hash_key = 42;
  options.server_ports_tcp = PortSet{{Port{443}, Port{443}}};
  FlowTable table(options);
  std::vector<std::pair<Timestamp, naive::Packet>> packets;
  std::map<std::pair<Address, Port>, std::string> history_of;
  Timestamp now = Timestamp::from_seconds(1'795'000'000);
  std::uint64_t frame = 0;
  const Endpoint server{*parse_address("192.0.2.10"), Port(443)};
  for (std::size_t i = 0; i < histories.size(); ++i) {
    const Endpoint client{Address::ipv4(0xC6120000U + static_cast<std::uint32_t>(i)), Port(40000)};
    history_of[{client.address, client.port}] = histories[i];
    std::uint32_t next[2] = {1001, 9001};
    for (const char letter : histories[i]) {
      const Frame packet = segment(letter, client, server, next);
      now = now + std::chrono::microseconds(10);
      PacketView view;
      REQUIRE(decode_ip(packet, 0, view));
      table.on_packet(now, view, {0, ++frame});
      packets.emplace_back(now, *naive::read_ip(packet));
    }
  }
  FlowEvidence evidence;
  evidence.sources.resize(1);
  table.finish(evidence);
  const auto expected = naive::conversations(packets, options.server_ports_tcp, {});
  using Row = std::tuple<Timestamp, bool, ConnState, bool, std::uint64_t, std::uint64_t>;
  std::map<std::string, std::vector<Row>> ours, theirs;
  const auto history = [&](const Endpoint& a, const Endpoint& b) {
    return history_of[{a == server ? b.address : a.address, Port(40000)}];
  };
  for (const ObservedFlow& f : evidence.flows) {
    const Endpoint initiator{f.initiator, f.initiator_port}, responder{f.responder, f.port};
    for (std::size_t s = 0; s < kConnStates; ++s)
      if (f.states[static_cast<ConnState>(s)] != 0)
        ours[history(initiator, responder)].emplace_back(f.first, initiator == server, static_cast<ConnState>(s),
                                                         f.established != 0, f.packets_out, f.packets_in);
  }
  for (const naive::Conversation& c : expected)
    theirs[history(c.initiator, c.responder)].emplace_back(c.first, c.initiator == server, c.state, c.established,
                                                           c.packets_out, c.packets_in);
  int shown = 0;
  std::size_t different = 0;
  for (auto& [text, rows] : ours) {
    std::sort(rows.begin(), rows.end());
    auto& other = theirs[text];
    std::sort(other.begin(), other.end());
    if (rows == other) continue;
    ++different;
    if (++shown > 40) continue;
    const auto describe = [](const std::vector<Row>& all) {
      std::string out;
      for (const auto& [first, by_server, state, used, packets_out, packets_in] : all)
        out += std::string(by_server ? "s:" : "c:") + std::string(name(state)) + (used ? "+" : "-") +
               std::to_string(packets_out) + "/" + std::to_string(packets_in) + " ";
      return out;
    };
    MESSAGE(text << ": table " << describe(rows) << " naive " << describe(other));
  }
  CHECK(ours.size() == histories.size());
  CHECK(different == 0);
}

}  // namespace demarc
