// Before the first probe: how each target is reached, from which address of ours, over which sockets, and who the
// next hops are on the link.
#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <map>
#include <set>

#include "scanner/active/raw/engine.h"

namespace demarc::raw_engine {

using namespace std::chrono_literals;

namespace {

constexpr unsigned kNeighbourTries = 3;
constexpr Span kNeighbourTime = 1s;  // between tries, as the kernel does
constexpr std::uint32_t kTcpPorts = 64, kUdpPorts = 1024;

Result<HashKey> random_key() {
  HashKey key{};
  std::size_t have = 0;
  while (have < key.size()) {
    const ssize_t n = getrandom(key.data() + have, key.size() - have, 0);
    if (n <= 0) return failure("the kernel gives no random numbers, and answers could be forged without them");
    have += static_cast<std::size_t>(n);
  }
  return key;
}

}  // namespace

Result<void> Engine::open() {
  std::vector<LocalAddress> local = DEMARC_TRY(local_addresses());
  ours_ = OwnAddresses(local);
  ServiceConversations::Limits limits;
  limits.all = std::max(1U, pace_.conversations_max);
  limits.listen_time = pace_.listen_time;
  conversations_ = std::make_unique<ServiceConversations>(
      io_, limits,
      [this](const Target& target) {
        auto found = by_address_.find(target.address());
        const Instant now = Clock::now();
        if (found == by_address_.end() || !bucket_.ready(now) || !states_[found->second].bucket.ready(now))
          return false;
        bucket_.take(now);
        states_[found->second].bucket.take(now);
        ++sent_;
        return true;
      },
      [this](std::uint64_t index, std::optional<ServiceSeen> seen) { on_service(index, std::move(seen)); });

  // One look at all the work: who is asked, by which protocols, and what an earlier run already knows.
  silent_.resize(request_.work_count);
  answer_.assign(request_.work_count, 0);
  ttl_.assign(request_.work_count, 0);
  for (std::uint64_t i = 0; i < request_.work_count; ++i) {
    const ScanWork work = request_.work(i);
    state_of(work.target, work.path, work.rate_max);
    asks_tcp_ = asks_tcp_ || work.protocol == Protocol::tcp;
    if (work.protocol == Protocol::udp) {
      asks_udp_ = true;
      const std::size_t questions = udp_probes_for(work.port).size();
      udp_passes_ = std::max(udp_passes_, static_cast<std::uint8_t>(std::min<std::size_t>(questions, 4)));
    }
    asks_icmp_ = asks_icmp_ || work.protocol.is_icmp();
    if (request_.already_answered && request_.already_answered(i)) {
      answer_[i] = 0xFF;
      ++done_;
    } else {
      silent_.set(i);
    }
  }
  // Who resets is told by how far away the target's own answers came from, and an earlier part of the run saw
  // those.
  for (const Outcome& o : request_.earlier) {
    const auto found = by_address_.find(o.target);
    if (found == by_address_.end() || o.ttl < 0 || o.doubt != Doubt::none || o.answered_by != o.target) continue;
    Senders& senders = states_[found->second].senders;
    if (o.answer == Answer::syn_ack)
      senders.opened(static_cast<std::uint8_t>(o.ttl));
    else
      senders.own(static_cast<std::uint8_t>(o.ttl));
  }
  for (const ScanCanary& canary : request_.canaries) {
    const std::uint32_t state = state_of(canary.target, kCanaryPath, 0);
    canaries_.push_back({canary, state, true, false});
  }
  routes_.emplace(DEMARC_TRY(Routes::open()));
  DEMARC_TRY(find_routes(*routes_));
  DEMARC_TRY(open_channels());
  next_look_ = Clock::now() + 1s;
  if (opened_) opened_(facts_);
  return {};
}

Result<void> Engine::find_routes(Routes& routes) {
  std::map<std::pair<int, Address>, std::uint32_t> known;  // interface and next hop
  std::map<int, std::size_t> channel_of;
  std::size_t unreachable = 0;
  std::string first_reason;
  for (TargetState& state : states_) {
    RouteWish wish = options_.wish;
    if (wish.source && wish.source->family() != state.target.address().family()) wish.source.reset();
    Result<Route> route = routes.to(state.target.address(), wish);
    if (!route) {
      state.no_route = route.error().what;
      if (unreachable++ == 0) first_reason = route.error().what;
      continue;
    }
    state.source = wish.source.value_or(route->source);
    (state.source.is_ipv4() ? facts_.source4 : facts_.source6) = state.source;
    auto [channel, fresh] = channel_of.try_emplace(route->interface.index, interfaces_.size());
    if (fresh) interfaces_.push_back(route->interface);
    const Address next = route->next_hop(state.target.address());
    auto [hop, is_new] =
        known.try_emplace({route->interface.index, next}, static_cast<std::uint32_t>(hops_.size()));
    if (is_new) {
      NextHop h;
      h.channel = channel->second;
      h.address = next;
      h.needed = route->interface.header == LinkHeader::ethernet && !route->interface.loopback;
      if (!h.needed) h.link = LinkAddress{{}, 6};
      if (h.needed) h.link = routes.neighbour(route->interface.index, next);
      hops_.push_back(h);
    }
    state.hop = hop->second;
  }
  if (unreachable == states_.size() && !states_.empty()) return failure(first_reason);
  if (unreachable != 0)
    check(sink_.on_note(fmt::format("{} addresses are not asked: {}", unreachable, first_reason)));
  return {};
}

Result<void> Engine::open_channels() {
  std::vector<Address> sources;
  if (facts_.source4) sources.push_back(*facts_.source4);
  if (facts_.source6) sources.push_back(*facts_.source6);
  std::set<Address> all;
  for (const TargetState& state : states_)
    if (state.hop != kNobody) all.insert(state.source);
  sources.assign(all.begin(), all.end());
  const HashKey key = DEMARC_TRY(random_key());

  QuietPorts::Wish wish;
  wish.addresses = sources;
  wish.exactly = options_.source_ports;
  wish.seed = le64(key.data());  // not the run's: what an earlier one left open at a target must not be met again
  wish.count = kTcpPorts;
  tcp_ports_.emplace(DEMARC_TRY(QuietPorts::hold(wish)));  // canaries and decoys are TCP, whatever the work
  // Probes that find out who answers are datagrams, so there are always some ports for them.
  wish.protocol = Protocol::udp;
  wish.count = asks_udp_ ? kUdpPorts : 16;
  wish.seed = le64(key.data() + 8);
  udp_ports_.emplace(DEMARC_TRY(QuietPorts::hold(wish)));
  cookies_.emplace(key, tcp_ports_->ports(), udp_ports_->ports());
  roll_epoch();

  for (const NetworkInterface& interface : interfaces_) {
    ChannelOptions options;
    options.interface = interface;
    options.filter.addresses = sources;
    options.filter.tcp_ports = tcp_ports_->range();
    options.filter.udp_ports = udp_ports_->range();
    channels_.push_back(DEMARC_TRY(open_channel(options, options_.ability)));
    facts_.interfaces += (facts_.interfaces.empty() ? "" : ",") + interface.name;
  }
  return {};
}

// --- Neighbours --------------------------------------------------------------------------------------------------

void Engine::meet_neighbours() {
  auto missing = [this] {
    return std::any_of(hops_.begin(), hops_.end(), [](const NextHop& h) { return h.needed && !h.link; });
  };
  for (unsigned i = 0; i < kNeighbourTries && missing() && !over(); ++i) {
    for (const NextHop& hop : hops_) {
      if (hop.link || !hop.needed) continue;
      while (!bucket_.ready(Clock::now()) && !over()) turn(false);
      bucket_.take(Clock::now());
      ask_neighbour(hop);
    }
    turns_until(Clock::now() + kNeighbourTime, [&] { return !missing(); });
  }
  for (NextHop& hop : hops_) hop.dead = hop.needed && !hop.link;
}

void Engine::ask_neighbour(const NextHop& hop) {
  Channel& channel = channels_[hop.channel];
  const NetworkInterface& interface = interfaces_[hop.channel];
  EthernetAddress own{};
  std::copy_n(interface.address.bytes.begin(), 6, own.begin());
  // Any of our addresses of that family will do as the one who asks.
  std::optional<Address> source;
  for (const TargetState& state : states_)
    if (state.hop != kNobody && hops_[state.hop].channel == hop.channel &&
        state.source.family() == hop.address.family())
      source = state.source;
  if (!source) return;
  if (channel.full()) flush(hop.channel);
  const auto room = channel.room();
  if (hop.address.is_ipv4()) {
    LinkAddress everybody{{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, 6};
    channel.commit(write_arp_request(room, own, *source, hop.address), everybody, false);
  } else {
    LinkAddress group{{}, 6};
    const EthernetAddress link = solicited_node_link(hop.address);
    std::copy(link.begin(), link.end(), group.bytes.begin());
    channel.commit(write_neighbour_solicitation(room, own, *source, hop.address), group);
  }
  flush(hop.channel);
}

void Engine::on_neighbour(const Address& address, const EthernetAddress& link) {
  for (NextHop& hop : hops_) {
    if (hop.address != address || hop.link || !hop.needed) continue;
    hop.link.emplace();
    hop.link->size = 6;
    std::copy(link.begin(), link.end(), hop.link->bytes.begin());
    hop.dead = false;
  }
}

// --- The interface goes away -------------------------------------------------------------------------------------

// Called when a send said so, and then at every turn until it is back: what was measured since the last
// confirmation is taken back, because answers may have been lost with it.
void Engine::on_interface_down() {
  const Instant now = Clock::now();
  if (!down_since_) {
    down_since_ = next_up_check_ = now;
    for (Channel& channel : channels_) channel.discard();
    withdraw();
    check(sink_.on_note("an interface is down; the scan waits for it"));
  }
  if (now < next_up_check_) return;
  next_up_check_ = now + 200ms;
  for (const NetworkInterface& interface : interfaces_) {
    Result<NetworkInterface> current = routes_->interface(interface.index);
    if (current && current->up) continue;
    if (now - *down_since_ > pace_.canary_patience)
      finish(ScanEnd::vantage_lost, fmt::format("the interface {} is down and did not come back", interface.name));
    return;
  }
  down_since_.reset();
  next_look_ = now;
  check(sink_.on_note("the interface is up again"));
  for (const NextHop& hop : hops_)
    if (hop.needed) ask_neighbour(hop);  // the other side may have forgotten us
}

}  // namespace demarc::raw_engine
