// The raw engine. One thread: probes are written into a channel's batch, answers are taken from its ring, and
// nothing is remembered of a probe but what cookie.h can compute again.
//
//   work order --> pick --> write --> (wire) --> receive --> cookie --> heard --> held --> confirmed by a canary
//   --> sink
//                   ^                                                    |         |
//                   +------------- the cursor goes back <----------------|---------+  if a canary is lost
//                   +------------- silence: the next pass <--------------+
//
// What has been answered is one byte for each question, and one bit: a pass asks the silent ones again. Results are
// held until a look at the canaries that began after them ended well; then they are told, and the cursor as it
// stood when the look before began is told with them, so that a killed run goes on in the middle of a pass. A lost
// canary takes back what is held and the cursor with it.
//
// A run is: routes and sockets; giving up privilege; neighbours; a look at the canaries; the passes; what silence
// and refusals mean (is it only an ICMP limit? where does the way end?); the silent ones told.
//
// This header is private to its parts:
//   engine.cpp            the run, its loop, its ends
//   engine_open.cpp       routes, sockets, neighbours
//   engine_ask.cpp        what to ask next, and writing it
//   engine_hear.cpp       packets that came in, and what they answer
//   engine_look.cpp       canaries: confirming, taking back, slowing down, how many passes
//   engine_steps.cpp      does everything answer? random ports, and one step beyond the handshake
//   engine_tell.cpp       who answered, conversations, results for the sink
//   engine_after.cpp      rechecks of silence, where the way ends, silence told
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "probes/app/udp_probe.h"
#include "probes/readings/readings.h"
#include "probes/wire/decode.h"
#include "probes/wire/probe_packet.h"
#include "rules/net/flow.h"
#include "scanner/active/bitmap.h"
#include "scanner/active/local.h"
#include "scanner/active/pace.h"
#include "scanner/active/rate_limits.h"
#include "scanner/active/raw/answers.h"
#include "scanner/active/raw/channel.h"
#include "scanner/active/raw/cookie.h"
#include "scanner/active/raw/quiet_ports.h"
#include "scanner/active/raw/routes.h"
#include "scanner/active/raw/senders.h"
#include "scanner/active/raw/state_window.h"
#include "scanner/active/raw_scan.h"
#include "scanner/active/service_conversations.h"

namespace demarc::raw_engine {

using Clock = std::chrono::steady_clock;
inline constexpr std::uint32_t kNobody = 0xFFFFFFFF;
inline constexpr std::uint32_t kCanaryPath = 0xFFFFFFFF;
inline constexpr std::size_t kParkedMax = 16384;  // asks that wait for their target's turn

Timestamp wall_now();

inline Method method_of(Protocol protocol) {
  return protocol == Protocol::udp ? Method::udp : protocol.is_icmp() ? Method::icmp : Method::syn;
}

/// The next hop of some targets: on which channel, under which link address.
struct NextHop {
  std::size_t channel = 0;
  Address address;
  std::optional<LinkAddress> link;
  bool needed = true;  // a link address is
  bool dead = false;   // asked for, and nobody answered
};

/// How a target's random ports and its opens behave after the handshake.
enum class AfterHandshake : std::uint8_t { pending, silence, reset, acknowledged, opened };

/// What is known about one target during this run.
struct TargetState {
  explicit TargetState(const Target& t) : target(t) {}
  Target target;
  Address source;
  std::uint32_t hop = kNobody;  // into hops_; kNobody: no route
  std::string no_route;
  std::uint32_t path = 0;
  Bucket bucket;
  std::deque<std::pair<std::uint64_t, std::uint8_t>> parked;  // index, label
  bool scheduled = false;

  Senders senders;
  bool reference_asked = false;
  std::uint16_t answering_port = 0;  // TCP, that the target itself answered; 0: none
  Instant reference_until{};
  bool told_unknown_resets = false;

  std::vector<std::uint16_t> decoys;
  std::set<std::uint16_t> decoys_answered;
  std::uint32_t decoys_open = 0;
  Instant decoys_until{};
  bool decoys_again = false, decoys_over = false, answers_everything = false;
  std::uint8_t decoy_ttl = 0;
  // Opens are taken one step beyond the handshake: all of the first few, and all where any of those was none.
  std::uint32_t steps_begun = 0, steps_pending = 0;
  std::set<AfterHandshake> decoy_steps;  // what random ports did
  bool steps_failed = false;             // an open was none, or did what random ports do
  bool syn_proxy_seen = false;           // a window opened only when the far end was reached
  std::uint64_t proven = 0, unmasked = 0, unproven = 0;

  Refusals refusals;
  LimitedWhere limited = LimitedWhere::nowhere;
  bool rechecked = false;           // asked again, and so known
  std::uint32_t refused_later = 0;  // ports that were silent at first

  std::uint32_t datagrams_unexplained = 0;  // from a port that was asked, to one of ours that asked nothing
};

/// Measured, and not yet confirmed.
struct Heard {
  std::uint64_t index = 0;
  std::uint32_t rtt_us = 0;
  std::uint32_t sender = kNobody;  // into senders_; kNobody: the target itself
  Answer answer = Answer::silence;
  std::uint8_t ttl = 0, label = 0;
  Doubt doubt = Doubt::none;
};

/// One second step after a handshake.
struct Handshake {
  std::uint32_t state = 0;
  std::uint16_t port = 0;
  std::uint64_t index = 0;  // of the work; decoys: kNoIndex
  AfterHandshake outcome = AfterHandshake::pending;
  bool begun = false, acknowledged = false;
  std::uint8_t label = kHandshake;  // the next one after a first reset
  std::uint16_t window = 0;
  std::uint32_t seq = 0, ack = 0;  // ours next, theirs next
  unsigned tries = 0;              // of the SYN, or since it was answered of what follows
  Instant sent{};
};
inline constexpr std::uint64_t kNoIndex = ~std::uint64_t{0};

struct CanaryState {
  ScanCanary canary;
  std::uint32_t state = 0;
  bool alive = true, answered = false;
  bool ever = false;
};

/// A datagram's answer that proves too little by itself.
struct Unproven {
  unsigned bits = 0;
  std::size_t question = 0;          // which of the port's questions
  std::vector<std::uint8_t> labels;  // that were answered
};

/// How often has something to be asked that answers, so that less than once in a million all tries are lost, where
/// this share of them brings no answer?
unsigned tries_against(double loss);

class Engine {
 public:
  Engine(const ScanRequest& request, const RawOptions& options, ScanSink& sink,
         const std::function<void(const RawFacts&)>& opened);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Result<ScanResult> run();

 private:
  // --- engine.cpp ---
  void passes();
  bool settle();
  void recover();
  bool over();
  void finish(ScanEnd end, std::string why);
  void check(Result<void> written);
  void wind_up();
  ScanResult result() const;
  void report_progress(Instant now, bool last);
  /// Sends what may be sent, takes what came, does what is due, waits if there was nothing to do.
  void turn(bool may_send);
  void wait(Instant now, bool wants_to_send);
  /// Turns until `done` or the time is over.
  void turns_until(Instant until, const std::function<bool()>& done = {});

  // --- engine_open.cpp ---
  Result<void> open();
  Result<void> find_routes(Routes& routes);
  Result<void> open_channels();
  void meet_neighbours();
  void ask_neighbour(const NextHop& hop);
  void on_neighbour(const Address& address, const EthernetAddress& link);
  void on_interface_down();

  // --- engine_ask.cpp ---
  std::uint32_t state_of(const Target& target, std::uint32_t path, std::uint32_t rate_max);
  bool pick(Instant now, std::uint64_t& index, std::uint8_t& label);
  bool in_this_pass(const ScanWork& work) const;
  void park(std::uint64_t index, std::uint8_t label, std::uint32_t state, Instant now);
  void schedule(std::uint32_t state, Instant now);
  bool ready(TargetState& state, Instant now) { return state.bucket.ready(now) && path(state).room(now); }
  StateWindow& path(const TargetState& state) { return paths_.at(state.path); }
  void send(Instant now);
  void send_confirmations(Instant now);
  /// One work item as a packet (or several), under this label.
  void ask(const ScanWork& work, std::uint32_t state, std::uint64_t index, std::uint8_t label, Instant now);
  struct TcpAsk {
    std::uint16_t port = 0;
    std::uint8_t label = 0, flags = tcp_flag::syn, ttl = 0;
    std::uint32_t seq = 0, ack = 0;  // used where flags are not SYN
  };
  void ask_tcp(TargetState& state, const TcpAsk& what, Instant now);
  void ask_udp(TargetState& state, std::uint64_t index, std::uint16_t port, std::uint8_t label, Instant now);
  const UdpProbe* udp_question(std::uint64_t index, std::uint16_t port, std::uint8_t label) const;
  void ask_icmp(TargetState& state, IcmpType type, std::uint8_t label, Instant now);
  void roll_epoch();
  void ask_reference(TargetState& state, Instant now);
  ByteString reference_payload(const Question& question, std::uint8_t label) const;
  void answer_with_reset(TargetState& state, std::uint16_t source_port, std::uint16_t port, std::uint32_t seq);
  /// Writes into the channel, cut up where that was asked for; counts; flushes a full batch.
  template <typename Write>
  void put(TargetState& state, bool is_probe, Instant now, Write&& write);
  void flush();
  void flush(std::size_t channel);
  static void wait_for_kernel();

  // --- engine_hear.cpp ---
  std::size_t listen();
  void on_packet(const Received& received);
  void on_tcp(const PacketView& view, std::uint32_t state, Timestamp at);
  void on_udp(const PacketView& view, std::uint32_t state, Timestamp at);
  void on_icmp_reply(const PacketView& view, std::uint32_t state, Timestamp at);
  void on_icmp_error(const PacketView& view, Timestamp at);
  std::optional<std::uint8_t> label_of_quoted_datagram(const Question& question, std::uint16_t source_port,
                                                       const Quoted& quoted);
  void on_answer(std::uint32_t state, const Question& question, Heard heard, Timestamp at);
  void on_work_answer(std::uint32_t state, std::uint64_t index, const Question& question, Heard heard,
                      Timestamp at);
  void on_disagreement(std::uint64_t index);
  std::uint32_t rtt_us(std::uint64_t index, std::uint8_t label, Timestamp at);
  std::uint32_t sender_number(const Address& address);

  // --- engine_look.cpp ---
  bool any_canary() const;
  void opening_look();
  void ask_canaries(Instant now);
  void begin_look(Instant now);
  void look(Instant now);
  void look_ended_well(Instant now);
  void canary_lost(Instant now);
  void withdraw();
  void on_canary_answer(std::size_t canary, std::uint8_t label);
  void judge_loss(Instant now);
  double loss() const;
  /// What the way may lose, as far as the canaries asked so far tell (two standard deviations above what they
  /// lost).
  double loss_at_most() const;
  double miss_probability() const;
  bool another_pass() const;
  bool any_silent() const;
  Span cooldown() const;

  // --- engine_tell.cpp ---
  /// `last`: nothing more will be known of what waits.
  void tell(std::size_t count, bool last);
  /// False: it has to wait.
  bool tell_one(const Heard& heard, bool last, std::vector<ScanFound>& out);
  ScanFound found_of(const Heard& heard, const ScanWork& work, std::uint32_t state);
  void emit(ScanFound found, std::vector<ScanFound>& out);
  /// An outcome that was told before and is known better now: the stronger one counts.
  void emit_again(ScanFound found, std::vector<ScanFound>& out);
  void write(std::vector<ScanFound>& out);
  void tell_resets_again();
  void ask_decoys(std::uint32_t state, Instant now);
  void on_decoy_answer(TargetState& state, std::uint16_t port, bool open, std::uint8_t ttl);
  void judge_decoys(Instant now);
  // --- engine_steps.cpp ---
  /// Whether an open may be told: it proved itself, or its host is above suspicion. Begins what is needed for that.
  bool open_is_settled(const Heard& heard, const ScanWork& work, std::uint32_t state);
  void begin_step(std::uint32_t state, std::uint16_t port, std::uint64_t index);
  void step_handshakes(Instant now);
  void step(Handshake& handshake, Instant now);
  void on_handshake(std::uint32_t state, const PacketView& view);
  void settle_handshake(Handshake& handshake, AfterHandshake outcome);
  void note_proxies();
  /// Forgets steps and random ports that silence on a broken way would have decided.
  void withdraw_steps();
  void on_service(std::uint64_t index, std::optional<ServiceSeen> seen);

  // --- engine_after.cpp ---
  void recheck_silence();
  void on_rechecked(std::uint64_t index, const Heard& heard);
  void infer_limits();
  void locate();
  void on_hop_answer(const Question& question, std::uint8_t ttl, const Address& router);
  void add_walk(Outcome& outcome, std::uint32_t state, std::uint16_t port) const;
  /// What a witness needs to know that it could still hear us when the last port was asked.
  void mark_the_end();
  bool near_a_refusal(const TargetState& state, Port port) const;
  void tell_silence();

  const ScanRequest& request_;
  const RawOptions& options_;
  ScanPace pace_;
  ScanSink& sink_;
  const std::function<void(const RawFacts&)>& opened_;
  RawFacts facts_;
  std::mt19937_64 random_;
  OwnAddresses ours_{{}};

  std::optional<Routes> routes_;
  std::vector<NetworkInterface> interfaces_;  // one for each channel
  std::vector<Channel> channels_;
  std::vector<NextHop> hops_;
  std::optional<QuietPorts> tcp_ports_, udp_ports_;
  std::optional<Cookies> cookies_;
  bool asks_tcp_ = false, asks_udp_ = false, asks_icmp_ = false;
  std::optional<Instant> down_since_;
  Instant next_up_check_{};

  std::deque<TargetState> states_;
  std::unordered_map<Address, std::uint32_t> by_address_;
  std::unordered_map<std::uint32_t, StateWindow> paths_;
  std::unordered_map<std::uint64_t, std::uint16_t>
      other_ports_;  // TFTP: state and our port -> the port that was asked

  // The work.
  AskedSoFar cursor_;              // the next to look at
  AskedSoFar confirmed_, marked_;  // everything before it is told; and what the look that goes on will confirm
  AskedSoFar previous_mark_, told_mark_;
  std::uint8_t passes_ = 1;
  std::uint8_t udp_passes_ = 1;
  Bitmap silent_;
  std::vector<std::uint8_t> answer_;  // Answer + 1; 0: none
  std::vector<std::uint8_t> ttl_;
  std::vector<Heard> held_;
  std::unordered_map<std::uint64_t, ServiceSeen> services_;  // of datagrams, and of conversations
  std::unordered_map<std::uint64_t, Unproven> unproven_;
  std::unordered_map<std::uint64_t, Heard> spoken_with_;  // opens that a conversation is under way with
  std::vector<std::pair<std::uint64_t, std::uint8_t>>
      confirmations_;  // index, label: datagrams to ask again at once
  std::vector<Address> senders_;
  std::unordered_map<Address, std::uint32_t> sender_numbers_;
  std::unordered_map<Address, std::uint8_t> router_hops_;
  std::map<Address, Refusals> refused_by_;         // of all hosts together, by router; after the passes
  std::unordered_set<std::uint64_t> disagreeing_;  // found out after they were told
  std::uint32_t tag_epoch_ = 0;

  // Pace.
  Bucket bucket_;
  Backoff backoff_;
  RoundTrip round_trip_;
  using Turn = std::pair<Instant, std::uint32_t>;
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> parked_heap_;
  std::size_t parked_ = 0;
  bool work_done_ = false;  // of this pass: everything is sent

  // Looks at the canaries.
  std::vector<CanaryState> canaries_;
  bool looking_ = false, look_opening_ = false;
  std::uint8_t look_tries_ = 0, canary_label_ = kFirstCanary;
  unsigned look_tries_max_ = 0;
  Instant look_sent_{}, next_look_{};
  Timestamp canary_sent_{};
  Instant last_canary_told_{};
  std::size_t held_mark_ = 0;
  std::size_t held_left_ = 0;  // of what was confirmed: what waits to be told all the same
  bool look_failed_ = false;
  std::uint64_t canary_asked_ = 0, canary_silent_ = 0;
  std::uint32_t window_asked_ = 0, window_lost_ = 0;
  double loss_base_ = -1;
  std::array<std::uint64_t, kLastTry + 1> answered_in_pass_{};  // by the try that was answered; TCP alone

  // After the handshake.
  std::map<std::pair<std::uint32_t, std::uint16_t>, Handshake> handshakes_;
  std::deque<std::pair<std::uint32_t, std::uint16_t>> handshakes_waiting_;
  std::uint32_t handshakes_begun_ = 0;
  std::unordered_map<std::uint64_t, AfterHandshake> after_;  // of opens of the work
  std::vector<std::uint32_t> decoys_pending_;
  std::unordered_set<std::uint32_t> unreachables_;  // targets that say of UDP ports that nobody is there
  std::optional<Heard> recheck_answer_;
  std::uint64_t recheck_index_ = kNoIndex;
  struct Walk {
    std::array<std::optional<Address>, kHopsMax + 1> routers{};
    std::uint8_t answered_at = 0;  // the least TTL that reached somebody who answers for the port
  };
  std::map<std::pair<std::uint32_t, std::uint16_t>, Walk> walks_;

  boost::asio::io_context io_{1};
  std::unique_ptr<ServiceConversations> conversations_;

  struct Sample {
    std::uint64_t index = kNoIndex;
    std::uint8_t label = 0;
    Timestamp sent{};
  };
  std::vector<Sample> samples_;
  Timestamp wall_{};  // of this turn

  Instant started_{}, passes_ended_{}, last_progress_{}, rate_since_{}, next_window_check_{}, last_sent_{};
  std::uint64_t sent_ = 0, received_ = 0, done_ = 0, open_ = 0, rate_count_ = 0;
  double rate_ = 0;
  std::optional<ScanEnd> end_;
  std::optional<Error> failure_;
  std::string why_;
};

}  // namespace demarc::raw_engine
