#include "rules/evidence/readers/record_flows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "rules/net/hash_index.h"
#include "rules/text/number.h"

namespace demarc {

namespace {

using namespace record_flag;

constexpr std::uint32_t kNone = 0xFFFFFFFF;
constexpr std::size_t kNamedMax = 1'000'000;  // different services, tunnels and translations each; more are counted

using Index = BasicHashIndex<VectorSlots>;

/// A conversation that may still grow. End 0 is the source of its first piece.
struct Talk {
  Address ends[2];
  Port ports[2];
  Protocol protocol;
  FlagKind flags = FlagKind::none;
  IcmpType icmp{};  // the query
  RecordDirection from[2];
  Timestamp began[2];  // when each direction was first seen; only where it has packets
  Timestamp first, last;
  std::uint64_t interface_id = 0;
  std::uint32_t hash = 0;
  std::uint32_t file = 0, record = 0;
  std::uint32_t service = kNone32, tunnel = kNone32, real = kNone32, real_swapped = kNone32;
  std::uint32_t conversations = 1;
  std::int8_t opener = -1;  // 0, 1: the records say so
  bool certain = false, refused = false, in_use = false, over = false;
  std::optional<ConnState> state;
  std::optional<bool> established;
};

bool speaks_to_many(const Address& address) {
  const AddressClass c = classify(address);
  return c == AddressClass::multicast || c == AddressClass::broadcast;
}

/// Acknowledged something, in a segment that is neither SYN nor RST.
bool spoke(const RecordDirection& d, FlagKind kind) {
  const std::uint64_t packets = d.packets - std::min(d.packets, d.refused);
  const std::uint64_t explained = ((d.flags & syn) ? 1U : 0U) + ((d.flags & rst) ? 1U : 0U);
  if (kind == FlagKind::accumulated && !(d.flags & ack)) return false;
  if (kind == FlagKind::accumulated && (d.flags & psh)) return true;
  return packets > explained;
}

/// Only answers without options and payload: resets, where flags do not tell.
bool is_bare(const RecordDirection& d, Family family) {
  return d.bytes <= d.packets * (family == Family::ipv4 ? 40U : 60U);
}

struct Judged {
  ConnState state = ConnState::OTH;
  bool established = false;
};

/// `i`, `r`: the initiator's and the responder's direction.
Judged judge_tcp(const RecordDirection& i, const RecordDirection& r, FlagKind kind, Family family, bool refused) {
  const bool answered = r.packets > r.refused;
  if (i.packets == 0 && r.packets == 0)
    return {refused ? ConnState::REJ : ConnState::S0, false};  // not counted yet
  if (i.packets != 0 && !answered && refused) return {ConnState::REJ, false};
  if (kind == FlagKind::none) {
    if (i.packets == 0) return {ConnState::SHR, false};
    if (!answered) return {ConnState::S0, false};
    // Two packets of the initiator's at least: a SYN and what acknowledges the answer.
    if (is_bare(r, family) || i.packets < 2) return {ConnState::REJ, false};
    return {ConnState::OTH, true};
  }
  const bool i_spoke = spoke(i, kind), r_spoke = spoke(r, kind);
  const bool i_syn = i.flags & syn, r_syn = r.flags & syn;
  const bool i_fin = i.flags & fin, r_fin = r.flags & fin, i_rst = i.flags & rst, r_rst = r.flags & rst;
  if (!answered) {
    // One side of the road. What a SYN's sender acknowledges proves the other side.
    const bool proven = kind == FlagKind::accumulated && i_syn && i_spoke;
    if (i_rst) return {i_syn && !i_spoke ? ConnState::RSTOS0 : ConnState::OTH, proven};
    if (i_fin) return {ConnState::SH, proven};
    return {i_syn ? ConnState::S0 : ConnState::OTH, proven};
  }
  if (i.packets == 0) {
    const bool proven = r_syn && r_spoke && (r_fin || (r.flags & psh));
    if (r_rst) return {ConnState::RSTRH, proven};
    return {r_fin ? ConnState::SHR : ConnState::OTH, proven};
  }
  if (i_syn && r_rst && !r_syn && !i_spoke) return {ConnState::REJ, false};
  if (kind == FlagKind::syn_ack_only && i_syn && r_rst && !r_syn) return {ConnState::REJ, false};
  const bool opened = i_syn || r_syn;
  const bool established = i_spoke && (r_spoke || r_syn);
  if (i_fin && r_fin) return {ConnState::SF, established};
  if (r_rst) return {opened ? ConnState::RSTR : ConnState::RSTRH, established};
  if (i_rst) return {opened ? ConnState::RSTO : ConnState::OTH, established};
  if (i_fin) return {opened ? ConnState::S2 : ConnState::SH, established};
  if (r_fin) return {opened ? ConnState::S3 : ConnState::SHR, established};
  if (!opened) return {ConnState::OTH, established};
  return {r_syn || established ? ConnState::S1 : ConnState::S0, established};
}

}  // namespace

class RecordFlows::Body {
 public:
  explicit Body(const RecordFlowOptions& options) : options_(options), hash_(options.hash_key) {
    options_.conversations_max = std::max(options_.conversations_max, 1U);
  }

  bool add(const FlowPiece& p);
  FlowEvidence finish();

  RecordFlowOptions options_;
  FlowEvidence evidence_;
  std::map<std::string, std::uint32_t, std::less<>> services_;
  std::map<Tunnel, std::uint32_t> tunnels_;
  std::map<RealEnds, std::uint32_t> real_ends_;
  std::uint64_t seen_twice_ = 0;
  std::uint64_t unnamed_ = 0;  // what found no place in the three lists

 private:
  Nanoseconds patience(const Talk& t) const;
  void join(Talk& t, const FlowPiece& p, int from);
  void end(std::uint32_t number);
  void make_room();
  void settle(Talk& t);
  void decide(Talk& t);
  void record(const Talk& t, int initiator);
  bool is_server_port(const Talk& t, int end) const {
    return (t.protocol == Protocol::tcp ? options_.server_ports_tcp : options_.server_ports_udp)
        .contains(t.ports[end]);
  }
  int hinted_server(const Talk& t) const {
    if (!t.protocol.has_ports()) return -1;
    const bool zero = is_server_port(t, 0), one = is_server_port(t, 1);
    return zero == one ? -1 : zero ? 0 : 1;
  }
  std::uint32_t& partners(const Talk& t, int end);

  std::uint32_t hash_of(const Address& a, const Address& b, std::uint64_t rest) const {
    return hash_(a.high(), a.low(), b.high(), b.low(), rest);
  }

  KeyedHash hash_;
  Index open_index_, flow_index_, partner_index_;
  std::vector<Talk> open_;
  std::vector<std::uint32_t> free_;
  std::uint32_t hand_ = 0;
  std::size_t open_count_ = 0;
  Timestamp newest_;
  std::vector<Talk> undecided_;
  struct Partners {
    Address address;
    Port port;
    Protocol protocol;
    std::uint32_t count = 0;
  };
  std::vector<Partners> partners_;
  std::uint32_t nobody_ = 0;
};

Nanoseconds RecordFlows::Body::patience(const Talk& t) const {
  if (t.protocol == Protocol::tcp) {
    if (t.over) return options_.timeout_tcp_closed;
    const bool answered = t.from[0].packets != 0 && t.from[1].packets != 0;
    return answered || t.flags == FlagKind::none ? options_.timeout_tcp : options_.timeout_tcp_attempt;
  }
  if (t.protocol == Protocol::udp) return options_.timeout_udp;
  return t.protocol.is_icmp() ? options_.timeout_icmp : options_.timeout_other;
}

bool RecordFlows::Body::add(const FlowPiece& given) {
  FlowPiece p = given;
  bool certain = p.certain;
  if (p.protocol.is_icmp()) {
    // Sensors name ICMPv6 "ICMP" at times; the family tells.
    const Family family = p.source.family();
    p.protocol = family == Family::ipv6 ? Protocol::icmpv6 : Protocol::icmp;
    p.source_port = p.destination_port = Port(0);
    if (!p.icmp || is_icmp_error(family, p.icmp->type)) return false;
    IcmpType type = *p.icmp;
    p.opener_known = true;
    certain = icmp_reply_type(family, type.type).has_value();
    bool is_answer = false;
    for (unsigned query = 0; query < 256 && !certain && !is_answer; ++query) {
      const auto q = static_cast<std::uint8_t>(query);
      if (icmp_reply_type(family, q) != type.type) continue;
      // An answer: the conversation is its query's.
      std::swap(p.source, p.destination);
      std::swap(p.out, p.in);
      type = {q, type.code};
      is_answer = true;
      if (p.state == ConnState::S0 || p.state == ConnState::SHR)
        p.state = p.state == ConnState::S0 ? ConnState::SHR : ConnState::S0;
    }
    p.icmp = type;
  }
  FlowSource& source = evidence_.sources[p.file];
  source.packets += p.out.packets + p.in.packets;
  if (!source.first || p.first < *source.first) source.first = p.first;
  if (!source.last || p.last > *source.last) source.last = p.last;
  newest_ = std::max(newest_, p.last);

  if (p.whole) {
    Talk t;
    t.ends[0] = p.source;
    t.ends[1] = p.destination;
    t.ports[0] = p.source_port;
    t.ports[1] = p.destination_port;
    t.protocol = p.protocol;
    t.icmp = p.icmp.value_or(IcmpType{});
    t.first = p.first;
    t.last = p.last;
    t.file = p.file;
    t.record = p.record;
    join(t, p, 0);
    t.conversations = p.conversations;
    t.certain = certain;
    t.opener = p.opener_known ? 0 : -1;
    settle(t);
    return true;
  }

  const bool low_first = std::tie(p.source, p.source_port) <= std::tie(p.destination, p.destination_port);
  const Address &low = low_first ? p.source : p.destination, &high = low_first ? p.destination : p.source;
  const Port low_port = low_first ? p.source_port : p.destination_port,
             high_port = low_first ? p.destination_port : p.source_port;
  const IcmpType icmp = p.icmp.value_or(IcmpType{});
  const std::uint64_t rest = (std::uint64_t{low_port.number()} << 48) | (std::uint64_t{high_port.number()} << 32) |
                             (std::uint64_t{p.protocol.number()} << 16) | (std::uint64_t{icmp.type} << 8) |
                             icmp.code.value_or(0);
  const std::uint32_t hash = hash_of(low, high, rest);
  std::uint32_t found = open_index_.find(hash, [&](std::uint32_t i) {
    const Talk& t = open_[i];
    if (t.protocol != p.protocol || t.icmp != icmp) return false;
    return (t.ends[0] == p.source && t.ends[1] == p.destination && t.ports[0] == p.source_port &&
            t.ports[1] == p.destination_port) ||
           (t.ends[1] == p.source && t.ends[0] == p.destination && t.ports[1] == p.source_port &&
            t.ports[0] == p.destination_port);
  });
  if (found != kNone) {
    const Talk& t = open_[found];
    const Nanoseconds wait = p.continues ? Nanoseconds(options_.timeout_tcp) : patience(t);
    const bool apart = p.first > t.last + wait || p.last + wait < t.first;
    const bool again = p.begins && t.over;
    if (apart || again) {
      end(found);
      found = kNone;
    }
  }
  if (found == kNone) {
    if (open_count_ >= options_.conversations_max) make_room();
    if (free_.empty()) {
      found = static_cast<std::uint32_t>(open_.size());
      open_.emplace_back();
    } else {
      found = free_.back();
      free_.pop_back();
    }
    Talk& t = open_[found];
    t = Talk{};
    t.in_use = true;
    t.ends[0] = p.source;
    t.ends[1] = p.destination;
    t.ports[0] = p.source_port;
    t.ports[1] = p.destination_port;
    t.protocol = p.protocol;
    t.icmp = icmp;
    t.first = p.first;
    t.last = p.last;
    t.file = p.file;
    t.record = p.record;
    t.interface_id = p.interface_id;
    t.hash = hash;
    open_index_.insert(hash, found);
    ++open_count_;
  }
  Talk& t = open_[found];
  const bool same_way = t.ends[0] == p.source && t.ports[0] == p.source_port;
  join(t, p, same_way ? 0 : 1);
  if (p.opener_known) {
    t.opener = same_way ? 0 : 1;
    t.certain = t.certain || certain;
  }
  return true;
}

void RecordFlows::Body::join(Talk& t, const FlowPiece& p, int from) {
  t.first = std::min(t.first, p.first);
  t.last = std::max(t.last, p.last);
  if (t.service == kNone32) t.service = p.service;
  if (t.tunnel == kNone32) t.tunnel = p.tunnel;
  if (p.real != kNone32) (from == 0 ? t.real : t.real_swapped) = p.real;
  t.refused = t.refused || p.refused;
  if (t.flags == FlagKind::none) t.flags = p.flags;
  if (p.state) t.state = p.state;
  if (p.established) t.established = p.established;
  const bool elsewhere = t.interface_id != 0 && p.interface_id != 0 && p.interface_id != t.interface_id;
  for (int way : {0, 1}) {
    const RecordDirection& d = way == 0 ? p.out : p.in;
    if (d.packets == 0) continue;
    const int end = way == 0 ? from : 1 - from;
    RecordDirection& sum = t.from[end];
    if (sum.packets == 0 || p.first < t.began[end]) t.began[end] = p.first;
    sum.flags = static_cast<std::uint8_t>(sum.flags | d.flags);
    if (elsewhere) {
      seen_twice_ += d.packets;
      if (sum.packets != 0) continue;
    }
    sum.packets += d.packets;
    sum.bytes += d.bytes;
    sum.refused += d.refused;
  }
  const std::uint8_t both = t.from[0].flags & t.from[1].flags, either = t.from[0].flags | t.from[1].flags;
  t.over = t.over || p.ends || (both & fin) != 0 || (either & rst) != 0;
}

void RecordFlows::Body::end(std::uint32_t number) {
  Talk& t = open_[number];
  open_index_.erase(t.hash, number);
  t.in_use = false;
  --open_count_;
  free_.push_back(number);
  settle(t);
}

// A hand goes round: whoever has been silent for too long ends; when nobody near has, the next in turn ends early.
void RecordFlows::Body::make_room() {
  constexpr int kLookedAt = 64;
  for (int n = 0; n < kLookedAt; ++n) {
    hand_ = hand_ + 1 < open_.size() ? hand_ + 1 : 0;
    const Talk& t = open_[hand_];
    if (t.in_use && t.last + patience(t) < newest_) return end(hand_);
  }
  while (!open_[hand_].in_use) hand_ = hand_ + 1 < open_.size() ? hand_ + 1 : 0;
  ++evidence_.sources[open_[hand_].file].aggregated;
  end(hand_);
}

/// Says who opened it, or keeps it until all are known.
void RecordFlows::Body::settle(Talk& t) {
  if (t.opener < 0 && t.protocol == Protocol::tcp && t.flags != FlagKind::none) {
    const auto asks = [&](int end) { return (t.from[end].flags & (syn | ack)) == syn; };
    const auto answers = [&](int end) {
      return t.flags == FlagKind::syn_ack_only && (t.from[end].flags & (syn | ack)) == (syn | ack);
    };
    if (asks(0) != asks(1)) {
      t.opener = asks(0) ? 0 : 1;
      t.certain = true;
    } else if (answers(0) != answers(1)) {
      t.opener = answers(0) ? 1 : 0;
      t.certain = true;
    }
  }
  const int later = t.from[1].packets != 0 && (t.from[0].packets == 0 || t.began[1] < t.began[0]) ? 0 : 1;
  if (t.protocol != Protocol::tcp && !t.protocol.is_icmp() && !t.certain) {
    // As for captures: what goes to many was not asked for, and a request to a server's port is one.
    const int server = t.opener >= 0 ? 1 - t.opener : later;
    if (speaks_to_many(t.ends[server]) || hinted_server(t) == server) {
      t.opener = static_cast<std::int8_t>(1 - server);
      t.certain = true;
    }
  }
  if (t.opener < 0 && t.protocol.is_icmp()) t.opener = static_cast<std::int8_t>(1 - later);
  if (t.opener >= 0) {
    if (t.from[1 - t.opener].packets != 0) ++partners(t, 1 - t.opener);
    return record(t, t.opener);
  }
  ++partners(t, 0);
  ++partners(t, 1);
  if (undecided_.size() < options_.conversations_max)
    undecided_.push_back(t);
  else
    decide(t);
}

std::uint32_t& RecordFlows::Body::partners(const Talk& t, int end) {
  const std::uint32_t hash =
      hash_of(t.ends[end], Address{}, (std::uint64_t{t.ports[end].number()} << 8) | t.protocol.number());
  const std::uint32_t found = partner_index_.find(hash, [&](std::uint32_t i) {
    const Partners& p = partners_[i];
    return p.address == t.ends[end] && p.port == t.ports[end] && p.protocol == t.protocol;
  });
  if (found != kNone) return partners_[found].count;
  if (partners_.size() >= 2 * std::size_t{options_.conversations_max}) {
    nobody_ = 0;
    return nobody_;
  }
  partner_index_.insert(hash, static_cast<std::uint32_t>(partners_.size()));
  partners_.push_back({t.ends[end], t.ports[end], t.protocol, 0});
  return partners_.back().count;
}

void RecordFlows::Body::decide(Talk& t) {
  const std::uint32_t zero = partners(t, 0), one = partners(t, 1);
  const int hint = hinted_server(t);
  const int later = t.from[1].packets != 0 && (t.from[0].packets == 0 || t.began[1] < t.began[0]) ? 0 : 1;
  int server = later;
  if (zero > one + 1 || one > zero + 1)
    server = zero > one ? 0 : 1;
  else if (hint >= 0)
    server = hint;
  else if (t.from[0].packets != 0 && t.from[1].packets != 0 && t.began[0] == t.began[1]) {
    // Times do not tell either. Lower ports serve; the file's order is all that is left where they are equal.
    if (t.ports[0] != t.ports[1]) server = t.ports[0] < t.ports[1] ? 0 : 1;
  }
  record(t, 1 - server);
}

void RecordFlows::Body::record(const Talk& t, int initiator) {
  const int responder = 1 - initiator;
  const RecordDirection &out = t.from[initiator], &in = t.from[responder];
  Judged judged;
  if (t.protocol == Protocol::tcp) {
    judged = judge_tcp(out, in, t.flags, t.ends[0].family(), t.refused);
  } else {
    const bool answered = in.packets > in.refused;
    judged.state = out.packets == 0 && in.packets != 0 ? ConnState::SHR : answered ? ConnState::SF : ConnState::S0;
    if (t.refused && !answered) judged.state = ConnState::REJ;
    judged.established = out.packets > out.refused && answered;
  }
  if (t.state) judged.state = *t.state;
  if (t.established) judged.established = *t.established;

  FlowSource& source = evidence_.sources[t.file];
  if (t.protocol == Protocol::tcp && judged.established)
    (out.packets == 0 || in.packets == 0 ? source.one_sided : source.two_sided) += t.conversations;

  std::uint32_t real = t.real;
  if (real == kNone32 || initiator != 0 || t.real_swapped != kNone32) {
    // Each piece names the ends from its own side; all of them mean the same two.
    std::optional<RealEnds> ends;
    if (t.real != kNone32) ends = evidence_.real_ends[t.real];
    if (!ends && t.real_swapped != kNone32) {
      const RealEnds& r = evidence_.real_ends[t.real_swapped];
      ends = RealEnds{.initiator = r.responder, .responder = r.initiator, .port = t.ports[1], .seen_twice = false};
    }
    if (ends && initiator != 0)
      ends = RealEnds{
          .initiator = ends->responder, .responder = ends->initiator, .port = t.ports[0], .seen_twice = false};
    real = kNone32;
    if (ends) {
      const auto [where, is_new] =
          real_ends_.try_emplace(*ends, static_cast<std::uint32_t>(evidence_.real_ends.size()));
      if (is_new) evidence_.real_ends.push_back(*ends);
      real = where->second;
    }
  }
  const Port port = t.protocol.is_icmp() ? Port(0) : t.ports[responder];
  std::uint32_t hash = 0, found = kNone;
  if (!options_.per_conversation) {
    const std::uint64_t rest = (std::uint64_t{port.number()} << 48) | (std::uint64_t{t.icmp.type} << 40) |
                               (std::uint64_t{t.icmp.code.value_or(0)} << 32) |
                               (std::uint64_t{t.protocol.number()} << 24) | (t.service & 0xFFFFFF);
    hash = hash_of(t.ends[initiator], t.ends[responder], rest);
    found = flow_index_.find(hash, [&](std::uint32_t i) {
      const ObservedFlow& f = evidence_.flows[i];
      return f.initiator == t.ends[initiator] && f.responder == t.ends[responder] && f.protocol == t.protocol &&
             f.port == port && f.icmp == t.icmp && f.service == t.service && f.tunnel == t.tunnel && f.real == real;
    });
  }
  if (found == kNone) {
    const std::size_t room = judged.established ? options_.records_max : options_.records_max / 4 * 3;
    if (evidence_.flows.size() >= room) {
      source.aggregated += t.conversations;
      return;
    }
    found = static_cast<std::uint32_t>(evidence_.flows.size());
    ObservedFlow& f = evidence_.flows.emplace_back();
    f.initiator = t.ends[initiator];
    f.responder = t.ends[responder];
    f.protocol = t.protocol;
    f.port = port;
    f.icmp = t.icmp;
    if (options_.per_conversation) f.initiator_port = t.ports[initiator];
    f.service = t.service;
    f.tunnel = t.tunnel;
    f.real = real;
    f.source = t.file;
    f.record = t.record;
    f.first = t.first;
    f.last = t.last;
    if (!options_.per_conversation) flow_index_.insert(hash, found);
  }
  ObservedFlow& f = evidence_.flows[found];
  if (std::tie(t.first, t.file, t.record) < std::tie(f.first, f.source, f.record)) {
    f.first = t.first;
    f.source = t.file;
    f.record = t.record;
  }
  f.last = std::max(f.last, t.last);
  f.initiator_certain = f.initiator_certain || t.certain;
  const auto sum = [](std::uint32_t a, std::uint32_t b) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{a} + b, 0xFFFFFFFF));
  };
  f.conversations = sum(f.conversations, t.conversations);
  if (judged.established) f.established = sum(f.established, t.conversations);
  f.states.add(judged.state, t.conversations);
  f.packets_out += out.packets;
  f.packets_in += in.packets;
  f.bytes_out += out.bytes;
  f.bytes_in += in.bytes;
}

FlowEvidence RecordFlows::Body::finish() {
  for (std::uint32_t i = 0; i < open_.size(); ++i)
    if (open_[i].in_use) end(i);
  for (Talk& t : undecided_) decide(t);
  if (unnamed_ != 0 && !evidence_.sources.empty()) {
    std::string& problem = evidence_.sources.front().problem;
    problem +=
        fmt::format("{}the service or translation of {} records was given up: there are too many different ones",
                    problem.empty() ? "" : "; ", grouped_number(unnamed_));
  }
  for (FlowSource& source : evidence_.sources) source.sampling = std::max(source.sampling, options_.sampling);
  std::sort(evidence_.flows.begin(), evidence_.flows.end(), [](const ObservedFlow& a, const ObservedFlow& b) {
    const auto key = [](const ObservedFlow& f) {
      return std::tie(f.protocol, f.initiator, f.responder, f.port, f.icmp, f.initiator_port, f.first, f.source,
                      f.record, f.service, f.tunnel, f.real);
    };
    return key(a) < key(b);
  });
  return std::move(evidence_);
}

RecordFlows::RecordFlows(const RecordFlowOptions& options) : body_(std::make_unique<Body>(options)) {}
RecordFlows::~RecordFlows() = default;
RecordFlows::RecordFlows(RecordFlows&&) noexcept = default;
RecordFlows& RecordFlows::operator=(RecordFlows&&) noexcept = default;

std::uint32_t RecordFlows::add_source(std::string file, std::string sensor) {
  if (body_->evidence_.sources.empty()) body_->evidence_.file = file;
  FlowSource& source = body_->evidence_.sources.emplace_back();
  source.file = std::move(file);
  source.sensor = std::move(sensor);
  return static_cast<std::uint32_t>(body_->evidence_.sources.size() - 1);
}
FlowSource& RecordFlows::source(std::uint32_t index) { return body_->evidence_.sources.at(index); }

std::uint32_t RecordFlows::service(std::string_view name, std::string_view evidence) {
  const auto found = body_->services_.find(name);
  if (found != body_->services_.end()) return found->second;
  if (body_->services_.size() >= kNamedMax) return ++body_->unnamed_, kNone32;
  const auto index = static_cast<std::uint32_t>(body_->evidence_.services.size());
  ServiceSeen& seen = body_->evidence_.services.emplace_back();
  seen.name = name;
  seen.evidence = evidence;
  body_->services_.emplace(name, index);
  return index;
}

namespace {
template <typename T>
std::uint32_t index_of(std::map<T, std::uint32_t>& known, std::vector<T>& list, const T& value,
                       std::uint64_t& unnamed) {
  const auto found = known.find(value);
  if (found != known.end()) return found->second;
  if (known.size() >= kNamedMax) return ++unnamed, kNone32;
  const auto index = static_cast<std::uint32_t>(list.size());
  list.push_back(value);
  known.emplace(value, index);
  return index;
}
}  // namespace

std::uint32_t RecordFlows::tunnel(const Tunnel& tunnel) {
  return index_of(body_->tunnels_, body_->evidence_.tunnels, tunnel, body_->unnamed_);
}
std::uint32_t RecordFlows::real(const RealEnds& ends) {
  return index_of(body_->real_ends_, body_->evidence_.real_ends, ends, body_->unnamed_);
}
bool RecordFlows::add(const FlowPiece& piece) { return body_->add(piece); }
void RecordFlows::interrupted() { body_->evidence_.complete = false; }
const RecordFlowOptions& RecordFlows::options() const { return body_->options_; }
std::uint64_t RecordFlows::seen_twice() const { return body_->seen_twice_; }
FlowEvidence RecordFlows::finish() { return body_->finish(); }

}  // namespace demarc
