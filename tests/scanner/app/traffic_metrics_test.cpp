#include "scanner/app/traffic_metrics.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace demarc {

namespace {
std::vector<std::string> lines_of(const std::string& page) {
  std::vector<std::string> lines;
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}
bool has(const std::vector<std::string>& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}
}  // namespace

TEST_CASE("the page says what was counted, line by line") {
  TrafficMetrics m;
  m.version = "0.1.0";
  m.source = "eth0";
  m.sensor = "tap";
  FlowEvidence evidence;
  FlowSource source;
  source.packets = 100;
  source.dropped = 7;
  source.undecoded = 2;
  source.snapped = 1;
  source.aggregated = 3;
  source.last = Timestamp(Nanoseconds(1'795'000'000'123'456'789));
  evidence.sources.push_back(source);
  ObservedFlow used;
  used.conversations = 5;
  used.established = 4;
  used.states.add(ConnState::SF, 4);
  used.states.add(ConnState::S0, 1);
  evidence.flows.push_back(std::move(used));
  TrafficNoise noise;
  noise.kind = NoiseKind::port_scan;
  noise.attempts = 900;
  evidence.noise.push_back(noise);
  m.add(evidence);
  m.add(evidence);
  m.bytes = 12345;
  m.conversations = 10;
  m.open = 3;
  m.judged = true;
  m.findings[{FindingKind::flow_undocumented, Severity::high}] = 2;
  m.findings[{FindingKind::scan_noise, Severity::info}] = 1;

  const std::vector<std::string> lines = lines_of(prometheus_page(m));
  const std::string who = "source=\"eth0\",sensor=\"tap\"";
  for (const std::string& line :
       {"demarc_build_info{" + who + ",version=\"0.1.0\"} 1", "demarc_traffic_packets_total{" + who + "} 200",
        "demarc_traffic_wire_bytes_total{" + who + "} 12345",
        "demarc_traffic_dropped_packets_total{" + who + "} 14",
        "demarc_traffic_undecoded_packets_total{" + who + "} 4",
        "demarc_traffic_snapped_packets_total{" + who + "} 2",
        "demarc_traffic_aggregated_conversations_total{" + who + "} 6",
        "demarc_traffic_conversations_total{" + who + "} 10", "demarc_traffic_conversations_open{" + who + "} 3",
        // Of the last interval, not of both.
        "demarc_traffic_interval_conversations_established{" + who + "} 4",
        "demarc_traffic_interval_conversations_unanswered{" + who + "} 901",
        "demarc_traffic_noise_attempts_total{" + who + ",kind=\"port-scan\"} 1800",
        "demarc_traffic_noise_attempts_total{" + who + ",kind=\"syn-flood\"} 0",
        "demarc_traffic_findings_total{" + who + ",kind=\"flow-undocumented\",severity=\"high\"} 2",
        "demarc_traffic_findings_total{" + who + ",kind=\"outbound-undocumented\",severity=\"high\"} 0",
        "demarc_traffic_findings_total{" + who + ",kind=\"scan-noise\",severity=\"info\"} 1",
        "demarc_traffic_last_packet_timestamp_seconds{" + who + "} 1795000000.123",
        "demarc_traffic_intervals_total{" + who + "} 2", "demarc_traffic_write_errors_total{" + who + "} 0"}) {
    CAPTURE(line);
    CHECK(has(lines, line));
  }

  // Every sample stands behind the HELP and TYPE of its metric, once each, and a counter's name ends in _total.
  std::set<std::string> described;
  std::string current, type;
  for (const std::string& line : lines) {
    CAPTURE(line);
    std::istringstream words(line);
    std::string first, second, metric;
    words >> first;
    if (first == "#") {
      words >> second >> metric;
      if (second == "HELP") {
        CHECK(described.insert(metric).second);
        current = metric;
        type.clear();
      } else {
        REQUIRE(second == "TYPE");
        CHECK(metric == current);
        words >> type;
        CHECK((type == "counter" || type == "gauge"));
        CHECK((type == "counter") == metric.ends_with("_total"));
      }
      continue;
    }
    CHECK(first.substr(0, first.find('{')) == current);
    CHECK_FALSE(type.empty());
  }
}

TEST_CASE("labels cannot end their line, and nothing is said of what never was") {
  TrafficMetrics m;
  m.source = "a\"b\\c\nd\x1B[31m";
  const std::string page = prometheus_page(m);
  CHECK(page.find("source=\"a\\\"b\\\\c\\nd?[31m\"") != std::string::npos);
  CHECK(page.find("last_packet") == std::string::npos);
  CHECK(page.find("findings") == std::string::npos);
  CHECK(page.find('\x1B') == std::string::npos);
  CHECK(page.ends_with("\n"));
}

}  // namespace demarc
