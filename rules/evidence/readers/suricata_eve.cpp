#include "rules/evidence/readers/suricata_eve.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace demarc {

namespace {

enum Field : std::size_t {
  kType,
  kTimestamp,
  kSrcIp,
  kSrcPort,
  kDestIp,
  kDestPort,
  kProto,
  kAppProto,
  kIcmpType,
  kIcmpCode,
  kToServerPackets,
  kToClientPackets,
  kToServerBytes,
  kToClientBytes,
  kFlowStart,
  kFlowEnd,
  kNetflowPackets,
  kNetflowBytes,
  kNetflowStart,
  kNetflowEnd,
  kFlags,
  kFlagsToServer,
  kFlagsToClient,
  kDrops,
  kFields
};
constexpr std::array<std::string_view, kFields> kNames{"event_type",
                                                       "timestamp",
                                                       "src_ip",
                                                       "src_port",
                                                       "dest_ip",
                                                       "dest_port",
                                                       "proto",
                                                       "app_proto",
                                                       "icmp_type",
                                                       "icmp_code",
                                                       "flow.pkts_toserver",
                                                       "flow.pkts_toclient",
                                                       "flow.bytes_toserver",
                                                       "flow.bytes_toclient",
                                                       "flow.start",
                                                       "flow.end",
                                                       "netflow.pkts",
                                                       "netflow.bytes",
                                                       "netflow.start",
                                                       "netflow.end",
                                                       "tcp.tcp_flags",
                                                       "tcp.tcp_flags_ts",
                                                       "tcp.tcp_flags_tc",
                                                       "stats.capture.kernel_drops"};

/// "1b": two hexadecimal digits.
std::optional<std::uint8_t> eve_flags(std::string_view text) {
  unsigned value = 0;
  if (text.empty() || text.size() > 2) return std::nullopt;
  for (char c : text) {
    const int digit = hex_digit(c);
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(digit);
  }
  return static_cast<std::uint8_t>(value);
}

/// Most events of a busy log are others, and long. What the line calls itself near its beginning is enough to pass
/// over it; where that is not found, it is read.
bool is_other_event(std::string_view line) {
  constexpr std::string_view kKey = "\"event_type\":\"";
  const std::size_t key = line.substr(0, 512).find(kKey);
  if (key == std::string_view::npos) return false;
  const std::string_view type = line.substr(key + kKey.size());
  return !type.starts_with("flow\"") && !type.starts_with("netflow\"") && !type.starts_with("stats\"");
}

}  // namespace

SuricataEveReader::SuricataEveReader(RecordFlows& flows, std::string file, std::string sensor)
    : LineRecordReader(flows, std::move(file), std::move(sensor), "Suricata EVE log"), parser_(kNames) {}

Result<void> SuricataEveReader::on_line(std::string_view line, std::uint64_t number) {
  if (line.find_first_not_of(" \t") == std::string_view::npos) return {};
  const auto bad = [&](std::string what, std::size_t column = 1) {
    return bad_line(line, number, column, std::move(what));
  };
  if (line.ends_with('}') && is_other_event(line)) {
    skip();
    return {};
  }
  const Result<const JsonFields*> parsed = parser_.parse(line);
  if (!parsed) return bad(parsed.error().what, parsed.error().where.column);
  const JsonFields& f = **parsed;
  const std::string_view type = f.text(kType);
  if (type.empty()) return bad("the record has no event_type");
  if (type == "stats") {
    source().dropped = std::max(source().dropped, f.unsigned_integer(kDrops).value_or(0));
    skip();
    return {};
  }
  const bool is_flow = type == "flow";
  if (!is_flow && type != "netflow") {
    skip();
    return {};
  }
  FlowPiece p;
  if (const auto wrong = take_ends(f.text(kSrcIp), f.text(kDestIp), p))
    return bad(fmt::format("{}: {}", kNames[wrong->destination ? kDestIp : kSrcIp], wrong->what));
  const std::optional<Protocol> protocol = parse_sensor_protocol(f.text(kProto));
  if (!protocol) return bad(fmt::format("proto: '{}' is no protocol", f.text(kProto)));
  p.protocol = *protocol;
  for (auto [row, into] : {std::pair{kSrcPort, &p.source_port}, std::pair{kDestPort, &p.destination_port}}) {
    if (!f.has(row)) continue;
    const std::optional<std::uint64_t> port = f.unsigned_integer(row);
    if (!port || *port > 65535) return bad(fmt::format("'{}' is no port", kNames[row]));
    *into = Port(static_cast<std::uint16_t>(*port));
  }
  if (p.protocol.is_icmp()) {
    const std::optional<std::uint64_t> icmp = f.unsigned_integer(kIcmpType), code = f.unsigned_integer(kIcmpCode);
    if (icmp && (*icmp > 255 || code.value_or(0) > 255)) return bad("icmp_type and icmp_code are below 256");
    if (icmp) p.icmp = IcmpType{static_cast<std::uint8_t>(*icmp), static_cast<std::uint8_t>(code.value_or(0))};
  }
  const std::size_t start = is_flow ? kFlowStart : kNetflowStart, end = is_flow ? kFlowEnd : kNetflowEnd;
  std::optional<Timestamp> first = parse_sensor_time(f.text(start)), last = parse_sensor_time(f.text(end));
  if (!first) first = parse_sensor_time(f.text(kTimestamp));
  if (!first) return bad(fmt::format("{}: '{}' is no time", kNames[start], f.text(start)));
  if (!last) last = first;
  p.first = *first;
  p.last = std::max(*first, *last);
  if (is_flow) {
    p.whole = p.opener_known = true;
    p.out.packets = f.unsigned_integer(kToServerPackets).value_or(0);
    p.in.packets = f.unsigned_integer(kToClientPackets).value_or(0);
    p.out.bytes = f.unsigned_integer(kToServerBytes).value_or(0);
    p.in.bytes = f.unsigned_integer(kToClientBytes).value_or(0);
  } else {
    p.out.packets = f.unsigned_integer(kNetflowPackets).value_or(0);
    p.out.bytes = f.unsigned_integer(kNetflowBytes).value_or(0);
  }
  if (p.out.packets == 0 && p.in.packets == 0) return bad("a flow without packets");
  if (p.protocol == Protocol::tcp) {
    using namespace record_flag;
    const std::size_t ours = is_flow ? kFlagsToServer : kFlags;
    for (auto [row, into] : {std::pair{ours, &p.out.flags}, std::pair{std::size_t{kFlagsToClient}, &p.in.flags}}) {
      if (!f.has(row) || (!is_flow && row == kFlagsToClient)) continue;
      const std::optional<std::uint8_t> flags = eve_flags(f.text(row));
      if (!flags) return bad(fmt::format("{}: '{}' are no TCP flags", kNames[row], f.text(row)));
      *into = *flags;
      p.flags = FlagKind::accumulated;
    }
    p.certain = is_flow && (p.out.flags & syn) != 0 && ((p.out.flags & ack) == 0 || (p.in.flags & syn) != 0) &&
                (p.in.flags & (syn | ack)) != syn;
  }
  const std::string_view service = f.text(kAppProto);
  if (!service.empty() && service != "failed" && service != "unknown")
    p.service = spoken(service, "recognised by Suricata");
  add(p, number);
  return {};
}

Result<void> SuricataEveReader::on_long_line(std::string_view line, std::uint64_t number) {
  if (!is_other_event(line)) return LineRecordReader::on_long_line(line, number);
  skip();
  return {};
}

}  // namespace demarc
