// The readers of all captures run side by side, the one with the earliest packet next; a reader is opened when its
// first packet is due, so a thousand ring files do not need a thousand buffers.
#include "scanner/passive/listener.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <thread>

#include "probes/wire/decode.h"
#include "probes/wire/digest.h"
#include "scanner/capture/bpf.h"
#include "scanner/passive/nat_join.h"
#include "scanner/passive/pipeline.h"
#include "scanner/passive/speech.h"
#include "scanner/passive/tunnel_table.h"
#include "scanner/passive/watch.h"

namespace demarc {

namespace {

constexpr std::size_t kBatch = 256;
/// Below that a second thread takes longer to begin than it saves.
constexpr std::uint64_t kTwoThreadsFrom = 4 << 20;
constexpr std::uint64_t kProgressEvery = 65536;

/// Decodes packets, sends them on to a flow table and keeps the source's statistics.
class Decoder {
 public:
  /// `tunnels`: tunnels are to be opened, and this numbers them.
  Decoder(FlowTable& table, FlowSource& source, std::uint32_t number, TunnelTable* tunnels)
      : table_(table), source_(source), number_(number), tunnels_(tunnels) {}

  /// `memory`: what keeps the packets as they are (CaptureReader::keep()); without it they are through on return.
  void feed(std::span<const CapturePacket> packets, const std::shared_ptr<const void>& memory, Pipeline& pipeline) {
    source_.packets += packets.size();
    while (!packets.empty()) {
      Pipeline::Batch& batch = filling(memory, pipeline);
      std::size_t count = 0;
      while (count < packets.size() && !batch.full() && add_common(packets[count], batch)) ++count;
      if (count < packets.size() && !batch.full()) odd_frame({packets[count++], memory, pipeline});
      packets = packets.subspan(count);
    }
    if (first_ <= last_) source_.first = first_, source_.last = last_;
    if (memory == nullptr) pipeline.drain();
  }

  /// What could not be opened, by what it was: "12 packets not opened: MACsec, encrypted (the first is frame 7)".
  void add_notes(std::vector<std::string>& notes) const {
    for (const auto& [what, seen] : closed_)
      notes.push_back(fmt::format("{}: {} packet{} not opened: {} (the first is frame {})", source_.file,
                                  seen.count, seen.count == 1 ? "" : "s", what, seen.frame));
  }

 private:
  struct Closed {
    std::uint64_t count = 0, frame = 0;
  };

  struct Place {
    const CapturePacket& packet;
    const std::shared_ptr<const void>& memory;
    Pipeline& pipeline;
  };

  Pipeline::Batch& filling(const std::shared_ptr<const void>& memory, Pipeline& pipeline) {
    Pipeline::Batch& batch = pipeline.filling(table_);
    if (memory != nullptr && (batch.memory.empty() || batch.memory.back() != memory))
      batch.memory.push_back(memory);
    return batch;
  }

  /// The next packet of the batch but for what it says itself.
  FlowPacket& next(const CapturePacket& packet, Pipeline::Batch& batch) {
    FlowPacket& p = batch.packets[batch.count];
    p.at = std::max<std::int64_t>(0, packet.at.since_epoch().count());
    p.frame = packet.frame;
    p.source = number_;
    p.tunnel = kNone32;
    p.odd = nullptr;
    return p;
  }

  /// A frame with one packet in it and nothing inside that. False: it is not one, and odd_frame() must look.
  bool add_common(const CapturePacket& packet, Pipeline::Batch& batch) {
    FlowPacket& p = next(packet, batch);
    if (!digest(packet.link, packet.bytes, packet.wire_length, p.digest) ||
        may_be_tunnel(p.digest.protocol, p.digest.source_port, p.digest.port))
      return false;
    first_ = std::min(first_, packet.at);
    last_ = std::max(last_, packet.at);
    table_.prepare(p);
    ++batch.count;
    return true;
  }

  /// Any frame: it may hold several packets, each of which counts, and tunnels.
  void odd_frame(const Place& place) {
    const CapturePacket& packet = place.packet;
    first_ = std::min(first_, packet.at);
    last_ = std::max(last_, packet.at);
    std::uint32_t more_at = 0, more_wire = 0;
    do {
      Pipeline::Batch& batch = filling(place.memory, place.pipeline);
      PacketView& view = batch.next_odd();
      bool good = false;
      if (more_at == 0) {
        good = decode(packet.link, packet.bytes, packet.wire_length, view);
      } else {
        view.more_at = more_at, view.more_wire = more_wire;
        good = decode_next(packet.bytes, view);
      }
      more_at = view.more_at, more_wire = view.more_wire;
      if (!good) {
        --batch.odd_count;
        uncountable(packet, view);
        continue;
      }
      const bool tunnel = may_be_tunnel(view);
      if (tunnel) levels_[0] = view;
      next(packet, batch).odd = &view;
      ++batch.count;
      if (tunnel) look_inside(place);
    } while (more_at != 0);
  }

  /// What the packet in levels_[0] carries, and what that carries: each level is a packet of its own.
  void look_inside(const Place& place) {
    std::uint32_t level = kNone32;
    for (unsigned depth = 0;; ++depth) {
      const PacketView& outer = levels_[depth & 1U];
      PacketView& inner = levels_[(depth + 1) & 1U];
      TunnelView tunnel;
      const bool good = decode_inner(outer, inner, tunnel);
      if (!tunnel.found || inner.problem == DecodeProblem::not_ip) return;
      if (tunnels_ == nullptr) {
        ++source_.tunneled;
        return;
      }
      if (!good) return uncountable(place.packet, inner);
      const std::optional<std::uint32_t> number =
          depth < kTunnelDepthMax ? tunnels_->number_of(outer, tunnel, level) : std::nullopt;
      if (!number) {  // too deep, or too many to tell them apart
        ++source_.undecoded;
        return;
      }
      level = *number;
      Pipeline::Batch& batch = filling(place.memory, place.pipeline);
      PacketView& view = batch.next_odd();
      view = inner;
      FlowPacket& p = next(place.packet, batch);
      p.odd = &view;
      p.tunnel = level;
      ++batch.count;
    }
  }

  void uncountable(const CapturePacket& packet, const PacketView& view) {
    switch (view.problem) {
      case DecodeProblem::none:
      case DecodeProblem::not_ip: break;
      case DecodeProblem::snapped: ++source_.snapped; break;
      case DecodeProblem::link_unknown:
        unknown_link(packet);
        ++source_.undecoded;
        break;
      case DecodeProblem::encapsulated: {
        Closed& closed = closed_[view.closed];
        if (closed.count++ == 0) closed.frame = packet.frame;
        ++source_.undecoded;
        break;
      }
      case DecodeProblem::malformed:
      case DecodeProblem::tiny_fragment: ++source_.undecoded; break;
    }
  }
  void unknown_link(const CapturePacket& packet) {
    if (!source_.problem.empty()) return;
    source_.problem = fmt::format("link type {} at frame {} is not one that is read",
                                  static_cast<unsigned>(packet.link), packet.frame);
  }
  FlowTable& table_;
  FlowSource& source_;
  std::uint32_t number_;
  TunnelTable* tunnels_;
  std::array<PacketView, 2> levels_;
  std::map<std::string_view, Closed> closed_;  // few: the decoder's own words
  Timestamp first_{Nanoseconds::max()}, last_{Nanoseconds::min()};
};

/// One capture on its way through.
class Stream {
 public:
  Stream(const CaptureInput& input, std::uint32_t number) : path_(input.path), number_(number) {}

  /// Opens, looks at the first packet, and closes again what can be reopened.
  Result<void> look() {
    Result<void> opened = open();
    if (!opened) return opened;
    fill();
    first_ = count_ == 0 ? Timestamp{} : batch_[0].at;
    struct stat status {};
    if (path_ != "-" && ::stat(path_.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      bytes_total_ = static_cast<std::uint64_t>(status.st_size);
      reader_.reset();
      batch_ = {};
      count_ = 0;
    }
    return {};
  }
  Result<void> open() {
    if (reader_) return {};
    reader_ = DEMARC_TRY(open_capture(path_));
    batch_.resize(kBatch);
    return {};
  }
  /// The next packets, if the last ones are used up.
  void fill() {
    if (next_ < count_) return;
    next_ = 0;
    memory_ = nullptr;  // else the reader could not use it again
    count_ = reader_->read(batch_);
    memory_ = reader_->keep();
  }
  /// Of the waiting packets.
  const std::shared_ptr<const void>& memory() const { return memory_; }
  bool has_packet() const { return next_ < count_; }
  Timestamp at() const { return batch_[next_].at; }
  std::span<const CapturePacket> waiting() const { return std::span(batch_).subspan(next_, count_ - next_); }
  void take(std::size_t count) { next_ += count; }
  Timestamp first() const { return first_; }
  std::uint64_t bytes_total() const { return bytes_total_; }
  std::uint32_t number() const { return number_; }
  const CaptureStatistics& statistics() { return reader_->statistics(); }
  void close(FlowSource& source) {
    const CaptureStatistics& s = reader_->statistics();
    source.dropped += s.dropped;
    source.undecoded += s.unreadable;
    source.packets += s.unreadable;
    source.truncated = s.truncated;
    if (!s.problem.empty()) source.problem = s.problem;
    bytes_read_ = s.bytes_read;
    reader_.reset();
    batch_ = {};
    memory_ = nullptr;
  }
  std::uint64_t bytes_read() { return reader_ ? reader_->statistics().bytes_read : bytes_read_; }

 private:
  std::string path_;
  std::uint32_t number_;
  std::unique_ptr<CaptureReader> reader_;
  std::vector<CapturePacket> batch_;
  std::shared_ptr<const void> memory_;
  std::size_t next_ = 0, count_ = 0;
  Timestamp first_;
  std::uint64_t bytes_total_ = 0, bytes_read_ = 0;
};

FlowOptions with_key(FlowOptions options) {
  if (options.hash_key == 0) {
    std::random_device random;
    options.hash_key = (std::uint64_t{random()} << 32) | random() | 1;
  }
  return options;
}

}  // namespace

Result<FlowEvidence> observe(const ObserveRequest& request, const ObserveCallback& progress,
                             const std::atomic<bool>* stop) {
  if (request.captures.empty())
    return failure("no capture was given", "name pcap or pcapng files, or - for standard input");
  std::optional<BpfFilter> filter;
  if (!request.filter.empty()) filter = DEMARC_TRY(BpfFilter::compile(request.filter));

  FlowEvidence evidence;
  evidence.file = request.captures[0].path;
  FlowOptions options = with_key(request.flow);
  const auto another = [&](const CaptureInput& input) { return input.sensor != request.captures[0].sensor; };
  if (options.traces_max == 0 && std::any_of(request.captures.begin(), request.captures.end(), another))
    options.traces_max = static_cast<std::uint32_t>(options.memory_max / 16 / sizeof(ConversationTrace));
  Speech speech({.hash_key = options.hash_key});
  std::map<std::string, FlowTable> tables;  // by sensor
  std::vector<Stream> later;
  std::uint64_t bytes_total = 0;
  bool total_known = true;
  for (const CaptureInput& input : request.captures) {
    const auto number = static_cast<std::uint32_t>(evidence.sources.size());
    FlowSource source;
    source.file = input.path == "-" ? "standard input" : input.path;
    source.sensor = input.sensor;
    evidence.sources.push_back(std::move(source));
    tables.try_emplace(input.sensor, options, &speech);
    Stream stream(input, number);
    DEMARC_TRY(stream.look());
    total_known = total_known && stream.bytes_total() != 0;
    bytes_total += stream.bytes_total();
    later.push_back(std::move(stream));
  }
  TunnelTable tunnels;
  std::vector<Decoder> decoders;
  for (std::size_t i = 0; i < evidence.sources.size(); ++i)
    decoders.emplace_back(tables.at(evidence.sources[i].sensor), evidence.sources[i], static_cast<std::uint32_t>(i),
                          request.open_tunnels ? &tunnels : nullptr);
  // The latest first packet stands first, so that the next file to open is at the back.
  std::sort(later.begin(), later.end(), [](const Stream& a, const Stream& b) {
    return std::pair(a.first(), a.number()) > std::pair(b.first(), b.number());
  });

  const bool two_threads =
      request.threads == 2 || (request.threads == 0 && std::thread::hardware_concurrency() > 1 &&
                               (!total_known || bytes_total >= kTwoThreadsFrom));
  Pipeline pipeline(two_threads);
  std::vector<Stream> active;
  ObserveProgress so_far;
  so_far.bytes_total = total_known ? bytes_total : 0;
  std::uint64_t bytes_done = 0, next_progress = kProgressEvery, kept = 0;
  const auto report = [&] {
    so_far.bytes = bytes_done;
    for (Stream& stream : active) so_far.bytes += stream.bytes_read();
    so_far.conversations = 0;
    for (const auto& [sensor, table] : tables) so_far.conversations += table.conversations();
    progress(so_far);
  };
  bool stopped = false, enough = false;
  std::array<CapturePacket, kBatch> passing;
  while (!(active.empty() && later.empty()) && !enough) {
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) {
      stopped = true;
      break;
    }
    // The stream whose packet is the earliest, after every stream that has begun by then was opened.
    std::size_t earliest = 0;
    for (std::size_t i = 1; i < active.size(); ++i)
      if (active[i].at() < active[earliest].at()) earliest = i;
    if (!later.empty() && (active.empty() || later.back().first() <= active[earliest].at())) {
      Stream stream = std::move(later.back());
      later.pop_back();
      DEMARC_TRY(stream.open());
      stream.fill();
      if (stream.has_packet())
        active.push_back(std::move(stream));
      else
        stream.close(evidence.sources[stream.number()]);
      continue;
    }
    // Its packets up to the first one that another stream precedes.
    Stream& stream = active[earliest];
    Timestamp horizon = later.empty() ? Timestamp(Nanoseconds::max()) : later.back().first();
    for (std::size_t i = 0; i < active.size(); ++i)
      if (i != earliest) horizon = std::min(horizon, active[i].at());
    std::span<const CapturePacket> run = stream.waiting();
    std::size_t length = 1;
    while (length < run.size() && run[length].at <= horizon) ++length;
    run = run.first(length);
    if (filter || request.packets_max != 0) {
      std::size_t count = 0;
      for (const CapturePacket& packet : run) {
        if (filter && !filter->matches(packet)) continue;
        if (request.packets_max != 0 && kept + count == request.packets_max) break;
        passing[count++] = packet;
      }
      kept += count;
      enough = request.packets_max != 0 && kept == request.packets_max;
      run = std::span(passing).first(count);
    }
    decoders[stream.number()].feed(run, stream.memory(), pipeline);
    if (!two_threads) pipeline.pass();
    so_far.packets += length;
    stream.take(length);
    stream.fill();
    if (!stream.has_packet()) {
      stream.close(evidence.sources[stream.number()]);
      bytes_done += stream.bytes_read();
      active.erase(active.begin() + static_cast<std::ptrdiff_t>(earliest));
    }
    if (progress && so_far.packets >= next_progress) {
      next_progress = so_far.packets + kProgressEvery;
      report();
    }
  }
  for (Stream& stream : active) stream.close(evidence.sources[stream.number()]);
  pipeline.drain();
  std::vector<std::vector<ConversationTrace>> traces;
  for (auto& [sensor, table] : tables) {
    table.finish(evidence, two_threads ? 2 : 1);
    traces.push_back(table.take_traces());
  }
  evidence.notes = notes_of(join_sensors(traces, evidence));
  for (std::string& note : notes_of(speech.losses())) evidence.notes.push_back(std::move(note));
  for (const Decoder& decoder : decoders) decoder.add_notes(evidence.notes);
  evidence.tunnels = tunnels.tunnels();
  evidence.services = speech.take_services();
  evidence.parents = speech.take_parents();
  if (filter && filter->unusable() != 0) {
    FlowSource& source = evidence.sources[0];
    source.undecoded += filter->unusable();
    if (source.problem.empty())
      source.problem = fmt::format("the filter fits the link type of {} packets not at all", filter->unusable());
  }
  if (progress) report();
  evidence.complete = !stopped;
  return evidence;
}

Result<FlowEvidence> observe_live(const LiveRequest& request, const std::atomic<bool>& stop,
                                  const ObserveCallback& progress, const std::function<void()>& ready) {
  FlowSource source;
  const FlowOptions options = with_key(request.flow);
  Speech speech({.hash_key = options.hash_key});
  FlowTable flows(options, &speech);
  TunnelTable tunnels;
  std::optional<Decoder> decoder;
  Pipeline pipeline(false);
  WatchTable table;
  table.source = &source;
  table.feed = [&](std::span<const CapturePacket> packets) {
    if (!decoder) decoder.emplace(flows, source, 0, request.open_tunnels ? &tunnels : nullptr);
    decoder->feed(packets, nullptr, pipeline);
  };
  table.rotate = [&](FlowEvidence& evidence) {
    flows.rotate(evidence);
    evidence.notes = notes_of(speech.losses());
    if (decoder) decoder->add_notes(evidence.notes);
    evidence.services = speech.services();
    evidence.parents = speech.parents();
    evidence.tunnels = tunnels.tunnels();
    decoder.reset();
  };
  table.finish = [&](FlowEvidence& evidence) {
    flows.finish(evidence);
    evidence.tunnels = tunnels.tunnels();
    evidence.notes = notes_of(speech.losses());
    if (decoder) decoder->add_notes(evidence.notes);
    evidence.services = speech.take_services();
    evidence.parents = speech.take_parents();
  };
  table.conversations = [&] { return flows.conversations(); };
  table.open_conversations = [&] { return flows.open_conversations(); };
  return watch(request, stop, progress, ready, std::move(table));
}

}  // namespace demarc
