// In four readings of the same list: what belongs together by its ends; where one conversation stops and another
// with the same ends begins; who opened each; and how each went.
#include "tests/agreement/naive_flows.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "tests/agreement/naive_state.h"

namespace demarc::naive {

namespace {

using std::chrono::seconds;

struct Piece {  // a packet, and the later fragments of the same datagram
  Timestamp at, last;
  Packet packet;
  std::uint64_t packets = 1, bytes = 0;
};
using Pieces = std::vector<Piece>;

struct Key {
  Protocol protocol;
  Endpoint low, high;  // ICMP: low asks
  std::uint8_t query = 0;
  auto operator<=>(const Key&) const = default;
};

bool is_icmp(const Packet& p) { return p.protocol == (p.source.is_ipv4() ? Protocol::icmp : Protocol::icmpv6); }

// The type of the question that a message asks or answers (RFC 792, 950, 4443, 8335).
std::uint8_t question(const Packet& p) {
  static const std::map<int, int> of4{{0, 8}, {14, 13}, {16, 15}, {18, 17}, {43, 42}}, of6{{129, 128}, {161, 160}};
  const auto& table = p.source.is_ipv4() ? of4 : of6;
  const auto found = table.find(p.icmp_type);
  return static_cast<std::uint8_t>(found == table.end() ? p.icmp_type : found->second);
}
bool is_answer(const Packet& p) { return is_icmp(p) && question(p) != p.icmp_type; }

Endpoint source(const Packet& p) { return {p.source, Port(is_icmp(p) ? p.icmp_id : p.source_port.value_or(0))}; }
Endpoint target(const Packet& p) { return {p.destination, Port(is_icmp(p) ? p.icmp_id : p.port.value_or(0))}; }

Key key_of(const Packet& p) {
  if (is_icmp(p)) {
    if (is_answer(p)) return {p.protocol, target(p), source(p), question(p)};
    return {p.protocol, source(p), target(p), question(p)};
  }
  const Endpoint a = source(p), b = target(p);
  return b < a ? Key{p.protocol, b, a} : Key{p.protocol, a, b};
}

bool has(std::uint8_t flags, int bit) { return (flags & bit) != 0; }  // RFC 9293 §3.1: FIN 1, SYN 2, RST 4, ACK 16
bool is_syn(const Packet& p) { return has(p.flags, 2) && !has(p.flags, 4) && !has(p.flags, 16); }
bool is_syn_ack(const Packet& p) { return has(p.flags, 2) && !has(p.flags, 4) && has(p.flags, 16); }

std::vector<Segment> segments(const Pieces& pieces, const Endpoint& initiator) {
  std::vector<Segment> out;
  for (const Piece& piece : pieces) {
    const Packet& p = piece.packet;
    out.push_back({source(p) == initiator, has(p.flags, 2), has(p.flags, 16), has(p.flags, 1), has(p.flags, 4),
                   p.payload != 0});
  }
  return out;
}

// Who opened a TCP conversation, by its handshake.
std::optional<Endpoint> opener(const Pieces& pieces) {
  for (const Piece& piece : pieces) {
    if (is_syn(piece.packet)) return source(piece.packet);
    if (is_syn_ack(piece.packet)) return target(piece.packet);
  }
  return std::nullopt;
}

// How long a conversation that stands like this is waited for (RFC 5382, 4787, 5508).
Nanoseconds patience(const Pieces& pieces) {
  const Packet& p = pieces.front().packet;
  if (p.protocol == Protocol::udp) return seconds(120);
  if (p.protocol.is_icmp()) return seconds(60);
  if (p.protocol != Protocol::tcp) return seconds(120);
  bool reset = false, talked = false;
  std::set<Endpoint> finished;
  for (const Piece& piece : pieces) {
    if (has(piece.packet.flags, 4)) reset = true;
    if (has(piece.packet.flags, 1)) finished.insert(source(piece.packet));
    if (has(piece.packet.flags, 16) && !has(piece.packet.flags, 2) && !has(piece.packet.flags, 4)) talked = true;
  }
  if (reset || finished.size() == 2) return seconds(30);
  return talked ? seconds(7440) : seconds(120);
}

// A SYN that no packet of the conversation so far explains opens another one. It is explained by being a
// retransmission, by the other end's SYN or SYN-ACK that it goes with, or by having been overtaken.
bool opens_another(const Pieces& pieces, const Piece& next) {
  const Packet& p = next.packet;
  if (p.protocol != Protocol::tcp || (!is_syn(p) && !is_syn_ack(p))) return false;
  bool ended = false, same_number = false, own_syn = false, own_fin = false, own_heard = false, peer_syn = false,
       peer_syn_ack = false, peer_answers_it = false, peer_talked = false;
  std::set<Endpoint> finished;
  std::optional<std::uint32_t> own_first;
  for (const Piece& piece : pieces) {
    const Packet& q = piece.packet;
    if (has(q.flags, 4)) ended = true;
    if (has(q.flags, 1)) finished.insert(source(q));
    if (source(q) == source(p)) {
      own_heard = true;
      if (!own_first) own_first = q.seq;
      if (has(q.flags, 2) && !has(q.flags, 4)) own_syn = true, same_number = same_number || q.seq == p.seq;
      if (has(q.flags, 1)) own_fin = true;
    } else {
      peer_syn = peer_syn || is_syn(q);
      peer_syn_ack = peer_syn_ack || is_syn_ack(q);
      peer_answers_it = peer_answers_it || (is_syn_ack(q) && q.ack == p.seq + 1);
      peer_talked = peer_talked || (has(q.flags, 16) && !has(q.flags, 2) && !has(q.flags, 4));
    }
  }
  ended = ended || finished.size() == 2;
  const bool overtaken =
      own_first && *own_first - (p.seq + 1) <= 65536 && next.at - pieces.front().at <= seconds(3);
  if (is_syn_ack(p)) {
    if (!own_heard) return false;
    if (ended || (own_fin && own_syn)) return !same_number;
    return !(own_syn || peer_syn || peer_syn_ack) && !overtaken;
  }
  if (own_syn) return !same_number;
  if (peer_syn) return ended || peer_talked;
  if (peer_syn_ack) return !peer_answers_it;
  return ended || !overtaken;
}

std::vector<Pieces> cut(Pieces all) {
  std::vector<Pieces> out;
  Timestamp last;
  for (Piece& piece : all) {
    if (out.empty() || piece.at - last > patience(out.back()) || opens_another(out.back(), piece)) {
      out.emplace_back();
      last = piece.at;
    }
    last = std::max(last, piece.at);
    out.back().push_back(std::move(piece));
  }
  return out;
}

bool refuses(const Packet& p) {  // RFC 1122 §3.2.2.1; "fragmentation needed" and "packet too big" do not
  if (p.source.is_ipv4()) return (p.icmp_type == 3 && p.icmp_code != 4) || p.icmp_type == 12;
  return p.icmp_type == 1 || p.icmp_type == 4;
}

// RFC 959 and RFC 2428: the ends where data conversations will be asked for.
std::set<Endpoint> announced(const std::map<Key, Pieces>& by_key) {
  std::set<Endpoint> out;
  for (const auto& [key, pieces] : by_key) {
    if (key.protocol != Protocol::tcp) continue;
    for (const Piece& piece : pieces) {
      const Packet& p = piece.packet;
      unsigned n[6];
      const std::size_t open = p.text.find('(');
      if (p.port == 21 &&
          std::sscanf(p.text.c_str(), "PORT %u,%u,%u,%u,%u,%u", n, n + 1, n + 2, n + 3, n + 4, n + 5) == 6)
        out.insert({p.source, Port(static_cast<std::uint16_t>(n[4] * 256 + n[5]))});
      if (p.port == 21 && p.text.starts_with("EPRT |")) {
        const std::size_t last = p.text.rfind('|'), before = p.text.rfind('|', last - 1);
        if (std::sscanf(p.text.c_str() + before, "|%u|", n) == 1)
          out.insert({p.source, Port(static_cast<std::uint16_t>(n[0]))});
      }
      if (p.source_port != 21 || open == std::string::npos) continue;
      const char* inside = p.text.c_str() + open;
      if (p.text.starts_with("227") &&
          std::sscanf(inside, "(%u,%u,%u,%u,%u,%u", n, n + 1, n + 2, n + 3, n + 4, n + 5) == 6)
        out.insert({p.source, Port(static_cast<std::uint16_t>(n[4] * 256 + n[5]))});
      if (p.text.starts_with("229") && std::sscanf(inside, "(|||%u|", n) == 1)
        out.insert({p.source, Port(static_cast<std::uint16_t>(n[0]))});
    }
  }
  return out;
}

// RFC 4566: where media will be expected, announced in session descriptions over SIP.
std::set<Endpoint> media(const std::map<Key, Pieces>& by_key) {
  std::set<Endpoint> out;
  for (const auto& [key, pieces] : by_key) {
    if (key.low.port != Port(5060) && key.high.port != Port(5060)) continue;
    for (const Piece& piece : pieces) {
      const std::string& text = piece.packet.text;
      const std::size_t where = text.find("c=IN IP4 "), what = text.find("m=audio ");
      if (where == std::string::npos || what == std::string::npos) continue;
      const auto address = parse_address(text.substr(where + 9, text.find('\r', where) - where - 9));
      unsigned port = 0;
      if (address && std::sscanf(text.c_str() + what, "m=audio %u", &port) == 1)
        out.insert({*address, Port(static_cast<std::uint16_t>(port))});
    }
  }
  return out;
}

}  // namespace

std::vector<Conversation> conversations(const std::vector<std::pair<Timestamp, Packet>>& packets,
                                        const PortSet& server_ports_tcp, const PortSet& server_ports_udp) {
  // Datagrams first: a later fragment belongs to the first fragment with the same four numbers, wherever it is
  // within a minute (RFC 791 §3.2, RFC 8200 §4.5).
  using Datagram = std::tuple<Address, Address, Protocol, std::uint32_t>;
  std::map<Datagram, std::vector<std::pair<Timestamp, std::size_t>>> later;
  std::map<Key, Pieces> by_key;
  struct Refusal {
    Timestamp at;
    Packet quoted;
  };
  std::map<Key, std::vector<Refusal>> refusals;
  for (const auto& [at, p] : packets)
    if (p.later_fragment) later[{p.source, p.destination, p.protocol, p.fragment_id}].emplace_back(at, p.length);
  for (const auto& [at, p] : packets) {
    if (p.later_fragment) continue;
    if (is_icmp(p) && !p.quote.empty()) {
      const auto quoted = refuses(p) ? read_ip(p.quote, true) : std::nullopt;
      if (quoted && !quoted->later_fragment) refusals[key_of(*quoted)].push_back({at, *quoted});
      continue;
    }
    Piece piece{.at = at, .last = at, .packet = p, .bytes = p.length};
    if (p.fragment)
      if (const auto found = later.find({p.source, p.destination, p.protocol, p.fragment_id}); found != later.end())
        for (const auto& [when, length] : found->second)
          if ((when > at ? when - at : at - when) <= seconds(60))
            ++piece.packets, piece.bytes += length, piece.last = std::max(piece.last, when);
    by_key[key_of(p)].push_back(std::move(piece));
  }
  const std::set<Endpoint> data_ends = announced(by_key), media_ends = media(by_key);

  struct Open {
    Key key;
    Pieces pieces;
    std::optional<Endpoint> told;  // by a handshake, by a question, by the announcement
  };
  std::vector<Open> all;
  for (auto& [key, pieces] : by_key)
    for (Pieces& part : cut(std::move(pieces))) all.push_back({key, std::move(part), std::nullopt});

  // Who has company: an end that many conversations share was asked.
  std::map<std::pair<Protocol, Endpoint>, unsigned> partners;
  for (Open& c : all) {
    const auto is_server = [&](const Endpoint& e) {
      return (c.key.protocol == Protocol::tcp ? server_ports_tcp : server_ports_udp).contains(e.port);
    };
    if (c.key.protocol == Protocol::tcp) {
      c.told = opener(c.pieces);
      // RFC 959 §3.2: data conversations are opened from port 20, or towards the announced end.
      if (!c.told && data_ends.contains(c.key.low)) c.told = c.key.high;
      if (!c.told && data_ends.contains(c.key.high)) c.told = c.key.low;
      if (!c.told && c.key.low.port == Port(20) && c.key.high.port > Port(1023)) c.told = c.key.low;
      if (!c.told && c.key.high.port == Port(20) && c.key.low.port > Port(1023)) c.told = c.key.high;
    } else if (c.key.protocol.is_icmp()) {
      c.told = c.key.low;
    } else if (classify(target(c.pieces[0].packet).address) == AddressClass::multicast) {
      c.told = source(c.pieces[0].packet);
    } else if (const Packet& p = c.pieces[0].packet; c.key.protocol == Protocol::udp) {
      // A request to a server's port; and media go between announced ends, whoever begins.
      if (is_server(target(p)) && !is_server(source(p))) c.told = source(p);
      if (media_ends.contains(c.key.low) || media_ends.contains(c.key.high)) c.told = source(p);
    }
    for (const Endpoint& e : {c.key.low, c.key.high})
      if (!c.told || *c.told != e) ++partners[{c.key.protocol, e}];
  }

  std::vector<Conversation> out;
  for (const Open& c : all) {
    Endpoint initiator = source(c.pieces[0].packet);
    if (c.told) {
      initiator = *c.told;
    } else {
      const unsigned low = partners[{c.key.protocol, c.key.low}], high = partners[{c.key.protocol, c.key.high}];
      const PortSet& servers = c.key.protocol == Protocol::tcp ? server_ports_tcp : server_ports_udp;
      const bool low_serves = servers.contains(c.key.low.port), high_serves = servers.contains(c.key.high.port);
      if (low > high + 1 || high > low + 1)
        initiator = low > high ? c.key.high : c.key.low;
      else if (c.key.protocol.has_ports() && low_serves != high_serves)
        initiator = low_serves ? c.key.high : c.key.low;
      else if (low != high)
        initiator = low > high ? c.key.high : c.key.low;
    }
    Conversation v{.protocol = c.key.protocol,
                   .initiator = initiator,
                   .responder = initiator == c.key.low ? c.key.high : c.key.low,
                   .icmp = {},
                   .first = c.pieces.front().at,
                   .last = c.pieces.back().at};
    if (c.key.protocol.is_icmp()) v.icmp = {c.key.query, std::uint8_t{0}};
    std::map<Endpoint, std::set<std::uint32_t>> acknowledged;
    unsigned askers = 0;
    std::set<Endpoint> who_asked;
    for (const Piece& piece : c.pieces) {
      const Packet& p = piece.packet;
      const bool from_initiator = is_icmp(p) ? !is_answer(p) : source(p) == initiator;
      (from_initiator ? v.packets_out : v.packets_in) += piece.packets;
      (from_initiator ? v.bytes_out : v.bytes_in) += piece.bytes;
      v.last = std::max(v.last, piece.last);
      if (has(p.flags, 16) && !has(p.flags, 4) && !has(p.flags, 2)) acknowledged[source(p)].insert(p.ack);
      if (is_syn(p) && who_asked.insert(source(p)).second) ++askers;
    }
    v.told = c.key.protocol == Protocol::tcp && opener(c.pieces).has_value() && askers < 2;
    bool refused = false;
    if (const auto found = refusals.find(c.key); found != refusals.end())
      for (const Refusal& r : found->second)
        refused =
            refused || (source(r.quoted) == initiator && r.at >= v.first && r.at - v.last <= patience(c.pieces));
    if (c.key.protocol == Protocol::tcp) {
      const std::vector<Segment> s = segments(c.pieces, initiator);
      const bool more =
          std::any_of(acknowledged.begin(), acknowledged.end(), [](const auto& a) { return a.second.size() > 1; });
      v.state = conn_state(s);
      v.established = established(s, more);
    } else {
      v.established = v.packets_out != 0 && v.packets_in != 0;
      v.state = v.established ? ConnState::SF : v.packets_out != 0 ? ConnState::S0 : ConnState::SHR;
    }
    if (refused && v.packets_in == 0) v.state = ConnState::REJ, v.established = false;
    out.push_back(std::move(v));
  }
  return out;
}

}  // namespace demarc::naive
