#include "scanner/passive/watch.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "scanner/capture/bpf.h"
#include "scanner/files/follow.h"
#include "scanner/files/pcap_writer.h"

namespace demarc {

namespace {

// The kernel's clock as of its last tick (at most 10 ms ago): cheap enough to ask after each batch, so that a
// duration ends on time where packets come one by one and reading never pauses.
struct CoarseClock {
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<CoarseClock, duration>;
  static duration read(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
  }
  static time_point now() { return time_point(read(CLOCK_MONOTONIC_COARSE)); }
  static Timestamp wall() { return Timestamp(read(CLOCK_REALTIME_COARSE)); }
};

constexpr auto kDrainMax = std::chrono::seconds(10);
constexpr unsigned kDrainEmpty = 2;  // a block of the ring that is not full comes after the timeout, as a read ends

/// Where the packets come from: an interface, or growing files. The one waits a moment and gives nothing, the other
/// waits in read() and asks `tick`.
class Input {
 public:
  static Result<Input> open(const LiveRequest& request, std::function<bool()> tick) {
    Input input;
    if (request.follow.empty()) {
      std::unique_ptr<LiveCapture> live = DEMARC_TRY(LiveCapture::open(request.live));
      input.live_ = live.get();
      input.reader_ = std::move(live);
      return input;
    }
    if (!request.live.filter.empty()) input.filter_ = DEMARC_TRY(BpfFilter::compile(request.live.filter));
    input.reader_ = DEMARC_TRY(FollowCapture::open(
        {.words = request.follow, .go_on = std::move(tick), .poll_only = request.follow_poll_only}));
    return input;
  }
  std::span<const CapturePacket> read(std::span<CapturePacket> room) {
    std::size_t count = reader_->read(room);
    if (count == 0) ended_ = live_ == nullptr || live_->finished();
    if (filter_) {
      std::size_t kept = 0;
      for (const CapturePacket& packet : room.first(count))
        if (filter_->matches(packet)) room[kept++] = packet;
      count = kept;
    }
    return room.first(count);
  }
  bool ended() const { return ended_; }
  const CaptureStatistics& statistics() { return reader_->statistics(); }
  std::uint64_t unusable() const { return filter_ ? filter_->unusable() : 0; }
  const LiveCapture* live() const { return live_; }

 private:
  std::unique_ptr<CaptureReader> reader_;
  LiveCapture* live_ = nullptr;
  std::optional<BpfFilter> filter_;
  bool ended_ = false;
};

class Watcher {
 public:
  Watcher(const LiveRequest& request, const std::atomic<bool>& stop, const ObserveCallback& progress,
          WatchTable table)
      : request_(request), stop_(stop), progress_(progress), table_(std::move(table)) {}

  Result<FlowEvidence> run(const std::function<void()>& ready) {
    input_ = DEMARC_TRY(Input::open(request_, [this] { return tick(); }));
    const LiveCapture* live = input_->live();
    if (live != nullptr && !request_.write_only && !is_readable(live->link()))
      return failure(fmt::format("link type {} of {} is not one that is read", static_cast<unsigned>(live->link()),
                                 request_.live.interface));
    if (!request_.write_to.empty()) {
      if (live == nullptr) return failure("-w writes what an interface sees: it goes with -i");
      writer_ = DEMARC_TRY(PcapWriter::create(request_.write_to, live->link(), request_.live.snaplen));
    }
    name_ = !request_.write_to.empty() ? request_.write_to
            : live != nullptr          ? request_.live.interface
                                       : request_.follow.front();
    begin_interval();
    started_ = last_report_ = last_packet_ = CoarseClock::now();
    if (ready) ready();
    std::array<CapturePacket, kPacketBatch> room;
    while (!stop_.load(std::memory_order_relaxed) && !input_->ended() && !enough_ && !disk_full_) {
      std::size_t most = room.size();
      if (request_.packets_max != 0) most = std::min<std::uint64_t>(most, request_.packets_max - so_far_.packets);
      take(input_->read(std::span(room).first(most)));
      if (!tick()) break;
    }
    if (live != nullptr && !input_->ended() && !enough_ && !disk_full_) drain();
    return end();
  }

 private:
  void take(std::span<const CapturePacket> packets) {
    if (packets.empty()) return;
    last_packet_ = CoarseClock::now();
    for (const CapturePacket& packet : packets)
      if (writer_ && !writer_->write(packet.at, packet.bytes, packet.wire_length)) {
        disk_full_ = true;
        return;
      }
    for (const CapturePacket& packet : packets) bytes_ += packet.wire_length;
    if (request_.write_only)
      table_.source->packets += packets.size();
    else
      table_.feed(packets);
    so_far_.packets += packets.size();
    enough_ = request_.packets_max != 0 && so_far_.packets >= request_.packets_max;
  }

  /// What is due by the clock. False: time to end.
  bool tick() {
    const CoarseClock::time_point now = CoarseClock::now();
    if (stop_.load(std::memory_order_relaxed)) return false;
    if (request_.duration_max.count() != 0 && now - started_ >= request_.duration_max) return false;
    if (request_.idle_max.count() != 0 && now - last_packet_ >= request_.idle_max) return false;
    if (now - last_report_ >= std::chrono::milliseconds(250)) {
      last_report_ = now;
      if (writer_ && !writer_->flush()) {
        disk_full_ = true;
        return false;
      }
      if (progress_) {
        so_far_.conversations = table_.conversations();
        so_far_.dropped = input_->statistics().dropped;
        progress_(so_far_);
      }
    }
    // By the clock on the wall, so that an interval of five minutes begins at five past; by the other one where
    // somebody has set the first one back.
    if (request_.every.count() != 0 &&
        (CoarseClock::wall() >= next_ || now - interval_begun_ >= request_.every + std::chrono::seconds(1)))
      return tell(false);
    return true;
  }

  /// What came in before the end and still stands in the ring: a listener that was slow has seen it, not lost it.
  void drain() {
    const Timestamp end(CoarseClock::read(CLOCK_REALTIME));  // to the nanosecond, as packets are
    const CoarseClock::time_point begun = CoarseClock::now();
    std::array<CapturePacket, kPacketBatch> room;
    for (unsigned empty = 0; empty < kDrainEmpty && !input_->ended() && !disk_full_;) {
      const std::span<const CapturePacket> packets = input_->read(room);
      const auto later = std::find_if(packets.begin(), packets.end(),
                                      [&](const CapturePacket& packet) { return packet.at > end; });
      take(packets.first(static_cast<std::size_t>(later - packets.begin())));
      if (later != packets.end()) return;
      empty = packets.empty() ? empty + 1 : 0;
      if (CoarseClock::now() - begun < kDrainMax) continue;
      unread_ = true;
      return;
    }
  }

  void begin_interval() {
    from_ = CoarseClock::wall();
    interval_begun_ = CoarseClock::now();
    if (request_.every.count() != 0)
      next_ = Timestamp::from_seconds((from_.seconds() / request_.every.count() + 1) * request_.every.count());
    *table_.source = FlowSource{};
    table_.source->file = name_;
    table_.source->sensor = request_.sensor;
    bytes_ = 0;
  }

  FlowEvidence collect(bool last) {
    FlowEvidence evidence;
    evidence.file = name_;
    const CaptureStatistics& s = input_->statistics();
    FlowSource source = *table_.source;
    source.dropped += s.dropped - dropped_told_;
    dropped_told_ = s.dropped;
    const std::uint64_t unreadable = s.unreadable + input_->unusable();
    source.undecoded += unreadable - unreadable_told_;
    source.packets += unreadable - unreadable_told_;
    unreadable_told_ = unreadable;
    if (!s.problem.empty() && s.problem != problem_told_) {
      source.problem = problem_told_ = s.problem;
      source.truncated = s.truncated;
    }
    if (unread_ && source.problem.empty()) source.problem = "it was stopped before all that had come in was read";
    evidence.sources.push_back(std::move(source));
    if (last)
      table_.finish(evidence);
    else
      table_.rotate(evidence);
    return evidence;
  }

  /// False: whoever was told wants no more.
  bool tell(bool last) {
    LiveInterval interval;
    interval.from = from_;
    interval.until = CoarseClock::wall();
    interval.last = last;
    interval.evidence = collect(last);
    interval.bytes = bytes_;
    interval.conversations_begun = table_.conversations() - conversations_told_;
    interval.conversations_open = last ? 0 : table_.open_conversations();
    conversations_told_ = table_.conversations();
    begin_interval();
    return request_.on_interval(interval);
  }

  Result<FlowEvidence> end() {
    const std::string problem = input_->statistics().problem;
    FlowEvidence evidence;
    if (request_.every.count() != 0) {
      tell(true);
      evidence.file = name_;
    } else {
      evidence = collect(true);
    }
    if (writer_) DEMARC_TRY(writer_->close());
    evidence.complete = !disk_full_ && !unread_ && (problem.empty() || input_->live() == nullptr);
    return evidence;
  }

  const LiveRequest& request_;
  const std::atomic<bool>& stop_;
  const ObserveCallback& progress_;
  WatchTable table_;
  std::optional<Input> input_;
  std::optional<PcapWriter> writer_;
  std::string name_, problem_told_;
  ObserveProgress so_far_;
  CoarseClock::time_point started_, last_report_, last_packet_, interval_begun_;
  Timestamp from_, next_;
  std::uint64_t bytes_ = 0, dropped_told_ = 0, unreadable_told_ = 0, conversations_told_ = 0;
  bool disk_full_ = false, enough_ = false, unread_ = false;
};

}  // namespace

Result<FlowEvidence> watch(const LiveRequest& request, const std::atomic<bool>& stop,
                           const ObserveCallback& progress, const std::function<void()>& ready, WatchTable table) {
  return Watcher(request, stop, progress, std::move(table)).run(ready);
}

}  // namespace demarc
