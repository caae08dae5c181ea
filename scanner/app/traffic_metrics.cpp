#include "scanner/app/traffic_metrics.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <vector>

namespace demarc {

namespace {

// Backslash, quote and line feed are escaped, by the format; other control characters would only hurt whoever
// looks.
std::string label_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"')
      out += {'\\', c};
    else if (c == '\n')
      out += "\\n";
    else
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  }
  return out;
}

class Page {
 public:
  explicit Page(const TrafficMetrics& m)
      : common_(fmt::format("source=\"{}\",sensor=\"{}\"", label_value(m.source), label_value(m.sensor))) {}

  void metric(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  void value(std::string_view number, std::string_view labels = "") {
    out_ += fmt::format("{}{{{}{}{}}} {}\n", name_, common_, labels.empty() ? "" : ",", labels, number);
  }
  void value(std::uint64_t number, std::string_view labels = "") { value(fmt::format("{}", number), labels); }
  void counter(std::string_view name, std::string_view help, std::uint64_t number) {
    metric(name, "counter", help);
    value(number);
  }
  void gauge(std::string_view name, std::string_view help, std::uint64_t number) {
    metric(name, "gauge", help);
    value(number);
  }
  void time(std::string_view name, std::string_view help, const std::optional<Timestamp>& at) {
    if (!at) return;
    metric(name, "gauge", help);
    const std::int64_t ns = at->since_epoch().count();
    value(fmt::format("{}.{:03}", ns / 1'000'000'000, ns % 1'000'000'000 / 1'000'000));
  }
  std::string take() { return std::move(out_); }

 private:
  std::string common_, out_;
  std::string_view name_;
};

// Those that have a line from the first page on, so that an alert has something to compare with.
constexpr std::pair<FindingKind, Severity> kAlways[] = {
    {FindingKind::outbound_undocumented, Severity::high},
    {FindingKind::flow_forbidden, Severity::critical},
    {FindingKind::flow_undocumented, Severity::high},
    {FindingKind::service_mismatch, Severity::medium},
};
constexpr NoiseKind kNoise[] = {NoiseKind::port_scan, NoiseKind::host_scan, NoiseKind::syn_flood,
                                NoiseKind::backscatter, NoiseKind::attempts};

}  // namespace

void TrafficMetrics::add(const FlowEvidence& evidence) {
  ++intervals;
  established = unanswered = 0;
  for (const FlowSource& s : evidence.sources) {
    packets += s.packets;
    dropped += s.dropped;
    undecoded += s.undecoded;
    snapped += s.snapped;
    aggregated += s.aggregated;
    if (s.last && (!last_packet || *s.last > *last_packet)) last_packet = s.last;
  }
  for (const ObservedFlow& flow : evidence.flows) {
    established += flow.established;
    unanswered += flow.states[ConnState::S0];
  }
  for (const TrafficNoise& n : evidence.noise) {
    noise[n.kind] += n.attempts;
    unanswered += n.attempts;
  }
}

std::string prometheus_page(const TrafficMetrics& m) {
  Page page(m);
  page.metric("demarc_build_info", "gauge", "Which demarc writes this page.");
  page.value(1, fmt::format("version=\"{}\"", label_value(m.version)));
  page.counter("demarc_traffic_packets_total", "Packets seen, read or not.", m.packets);
  page.counter("demarc_traffic_wire_bytes_total", "Bytes of these packets on the wire.", m.bytes);
  page.counter("demarc_traffic_dropped_packets_total", "Packets that the kernel or the interface lost before us.",
               m.dropped);
  page.counter("demarc_traffic_undecoded_packets_total", "Packets that could not be read.", m.undecoded);
  page.counter("demarc_traffic_snapped_packets_total", "Packets cut too short to tell their ports.", m.snapped);
  page.counter("demarc_traffic_aggregated_conversations_total",
               "Conversations whose detail was given up to bound memory.", m.aggregated);
  page.counter("demarc_traffic_conversations_total", "Conversations begun.", m.conversations);
  page.gauge("demarc_traffic_conversations_open", "Conversations that are being followed.", m.open);
  page.gauge("demarc_traffic_interval_conversations_established",
             "Conversations of the last interval in which both sides took part.", m.established);
  page.gauge("demarc_traffic_interval_conversations_unanswered",
             "Conversations of the last interval that nobody answered, scans and floods included.", m.unanswered);
  page.metric("demarc_traffic_noise_attempts_total", "counter",
              "Unanswered conversations, by what they amount to.");
  for (const NoiseKind kind : kNoise) {
    const auto found = m.noise.find(kind);
    page.value(found == m.noise.end() ? 0 : found->second, fmt::format("kind=\"{}\"", name(kind)));
  }
  if (m.judged) {
    std::map<std::pair<FindingKind, Severity>, std::uint64_t> rows(m.findings);
    for (const auto& row : kAlways) rows.try_emplace(row, 0);
    page.metric("demarc_traffic_findings_total", "counter",
                "Different findings of the rule set's judgement so far.");
    for (const auto& [key, count] : rows)
      page.value(count, fmt::format("kind=\"{}\",severity=\"{}\"", name(key.first), name(key.second)));
  }
  page.time("demarc_traffic_last_packet_timestamp_seconds", "When the last packet was captured.", m.last_packet);
  page.time("demarc_traffic_page_timestamp_seconds", "When this page was written.", m.written);
  page.counter("demarc_traffic_intervals_total", "Intervals that were told.", m.intervals);
  page.counter("demarc_traffic_write_errors_total", "Evidence files that could not be written.", m.write_errors);
  return page.take();
}

}  // namespace demarc
