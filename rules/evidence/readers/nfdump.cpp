#include "rules/evidence/readers/nfdump.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace demarc {

namespace {

enum Field : std::size_t {
  kFirst,
  kLast,
  kDuration,
  kSrc,
  kDst,
  kSrcPort,
  kDstPort,
  kProto,
  kFlags,
  kOutPackets,  // from source to destination: nfdump's "in"
  kOutBytes,
  kInPackets,
  kInBytes,
  kIcmpType,
  kIcmpCode,
  kFlows,
  kFields
};

struct Column {
  std::string_view name;
  Field field;
};
/// Both generations' names.
constexpr Column kColumns[] = {
    {"ts", kFirst},
    {"te", kLast},
    {"td", kDuration},
    {"sa", kSrc},
    {"da", kDst},
    {"sp", kSrcPort},
    {"dp", kDstPort},
    {"pr", kProto},
    {"flg", kFlags},
    {"ipkt", kOutPackets},
    {"ibyt", kOutBytes},
    {"opkt", kInPackets},
    {"obyt", kInBytes},
    {"firstSeen", kFirst},
    {"lastSeen", kLast},
    {"duration", kDuration},
    {"srcAddr", kSrc},
    {"dstAddr", kDst},
    {"srcPort", kSrcPort},
    {"dstPort", kDstPort},
    {"proto", kProto},
    {"flags", kFlags},
    {"packets", kOutPackets},
    {"bytes", kOutBytes},
    {"inPackets", kOutPackets},
    {"inBytes", kOutBytes},
    {"outPackets", kInPackets},
    {"outBytes", kInBytes},
    {"icmpTYpe", kIcmpType},
    {"icmpType", kIcmpType},
    {"icmpCode", kIcmpCode},
    {"flows", kFlows},
    {"fl", kFlows},
};
constexpr std::string_view kOldHeader = "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt";
constexpr std::size_t kOldColumns = 48;

std::vector<int> nfdump_columns(std::string_view header) {
  return columns_of(header, ',', [](std::string_view name) {
    for (const Column& column : kColumns)
      if (column.name == without_blanks_around(name)) return static_cast<int>(column.field);
    return -1;
  });
}

bool has_all(const std::vector<int>& columns) {
  for (Field needed : {kFirst, kSrc, kDst, kProto, kOutPackets, kOutBytes})
    if (std::find(columns.begin(), columns.end(), static_cast<int>(needed)) == columns.end()) return false;
  return true;
}

/// "...AP.SF": a letter for each flag that was seen, in whatever place; or a number.
std::optional<std::uint8_t> nfdump_flags(std::string_view text) {
  if (text.starts_with("0x") && text.size() <= 4) {
    unsigned value = 0;
    for (char c : text.substr(2)) {
      const int digit = hex_digit(c);
      if (digit < 0) return std::nullopt;
      value = value * 16 + static_cast<unsigned>(digit);
    }
    return static_cast<std::uint8_t>(value);
  }
  std::uint8_t flags = 0;
  for (char c : text) {
    using namespace record_flag;
    switch (c) {
      case 'F': flags |= fin; break;
      case 'S': flags |= syn; break;
      case 'R': flags |= rst; break;
      case 'P': flags |= psh; break;
      case 'A': flags |= ack; break;
      case 'U':
      case 'E':
      case 'C':
      case '.': break;
      default: return std::nullopt;
    }
  }
  return flags;
}

/// "2026-11-18 11:06:40.119", or seconds since 1970 with a fraction or none.
std::optional<Timestamp> nfdump_time(std::string_view text) {
  if (const std::optional<Timestamp> time = parse_sensor_time(text)) return time;
  return parse_epoch(text);
}

/// "12.050", or "0 days 00:00:12.050", or "00:00:12.050".
std::optional<Nanoseconds> nfdump_duration(std::string_view text) {
  if (const std::optional<Nanoseconds> seconds = parse_seconds(text)) return seconds;
  std::chrono::hours days{0};
  if (const std::size_t d = text.find('d'); d != std::string_view::npos) {
    const std::optional<std::uint64_t> count = parse_count(without_blanks_around(text.substr(0, d)));
    if (!count || *count > 36500) return std::nullopt;
    days = std::chrono::hours(24 * *count);
    text = text.substr(std::min(text.find(' ', d), text.size()));
  }
  text = without_blanks_around(text);
  if (text.size() < 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
  const std::optional<std::uint64_t> hours = parse_count(text.substr(0, 2)),
                                     minutes = parse_count(text.substr(3, 2));
  const std::optional<Nanoseconds> seconds = parse_seconds(text.substr(6));
  if (!hours || !minutes || !seconds) return std::nullopt;
  return days + std::chrono::hours(*hours) + std::chrono::minutes(*minutes) + *seconds;
}

/// After -B a record has both directions' counts and one direction's flags (or, of older releases, the OR of both):
/// what the other end did is read from its sizes.
void finish_piece(FlowPiece& p) {
  if (p.protocol != Protocol::tcp || p.flags != FlagKind::accumulated || !p.whole) return;
  using namespace record_flag;
  const std::uint8_t f = p.out.flags;
  const bool only_resets = p.in.bytes <= p.in.packets * (p.source.family() == Family::ipv4 ? 40U : 60U);
  if ((f & ack) == 0 || (only_resets && (f & (psh | fin)) == 0)) {
    p.established = false;
    p.state = only_resets ? ConnState::REJ : (f & rst) != 0 ? ConnState::RSTO : ConnState::S1;
    return;
  }
  p.established = p.out.packets >= 2;
  p.state = (f & fin) != 0   ? ConnState::SF
            : (f & rst) != 0 ? ConnState::RSTO
            : (f & syn) != 0 ? ConnState::S1
                             : ConnState::OTH;
}

}  // namespace

bool NfdumpCsvReader::is_first_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (has_all(nfdump_columns(line))) return true;
  return static_cast<std::size_t>(std::count(line.begin(), line.end(), ',')) + 1 == kOldColumns &&
         line.size() > 19 && parse_sensor_time(line.substr(0, line.find(','))).has_value();
}

NfdumpCsvReader::NfdumpCsvReader(RecordFlows& flows, std::string file, std::string sensor)
    : LineRecordReader(flows, std::move(file), std::move(sensor), "nfdump CSV") {}

Result<void> NfdumpCsvReader::on_line(std::string_view line, std::uint64_t number) {
  if (without_blanks_around(line).empty()) return {};
  // A header begins a file, and again where outputs were put one behind the other.
  if (line.starts_with("ts,") || line.find("srcAddr") != std::string_view::npos) {
    std::vector<int> columns = nfdump_columns(line);
    if (has_all(columns)) {
      columns_ = std::move(columns);
      in_summary_ = false;
      return {};
    }
  }
  if (without_blanks_around(line) == "Summary") in_summary_ = true;
  if (in_summary_) return {};
  if (line == "No matched flows" || line.starts_with("Summary:") || line.starts_with("Time window:") ||
      line.starts_with("Total flows processed:") || line.starts_with("Sys:"))
    return {};
  if (columns_.empty()) columns_ = nfdump_columns(kOldHeader);  // -q
  return on_record(line, number);
}

Result<void> NfdumpCsvReader::on_record(std::string_view line, std::uint64_t number) {
  std::array<std::string_view, kFields> field{};
  const std::size_t column = split_fields(line, ',', columns_, field);
  for (std::string_view& text : field) text = without_blanks_around(text);
  const auto bad = [&](std::size_t f, std::string what) {
    return bad_word(line, number, field[f], std::move(what));
  };
  if (column < columns_.size())
    return bad(kFirst, fmt::format("{} fields where the header names {}", column, columns_.size()));
  FlowPiece p;
  if (const auto wrong = take_ends(field[kSrc], field[kDst], p))
    return bad(wrong->destination ? kDst : kSrc, wrong->what);
  const std::optional<Protocol> protocol = parse_sensor_protocol(field[kProto]);
  if (!protocol) return bad(kProto, fmt::format("'{}' is no protocol", field[kProto]));
  p.protocol = *protocol;
  if (p.protocol.is_icmp()) {
    unsigned type = 0, code = 0;
    if (!field[kIcmpType].empty()) {
      type = static_cast<unsigned>(std::min<std::uint64_t>(parse_count(field[kIcmpType]).value_or(256), 256));
      code = static_cast<unsigned>(std::min<std::uint64_t>(parse_count(field[kIcmpCode]).value_or(0), 256));
    } else if (const std::size_t point = field[kDstPort].find('.'); point != std::string_view::npos) {
      type = static_cast<unsigned>(
          std::min<std::uint64_t>(parse_count(field[kDstPort].substr(0, point)).value_or(256), 256));
      code = static_cast<unsigned>(
          std::min<std::uint64_t>(parse_count(field[kDstPort].substr(point + 1)).value_or(256), 256));
    } else {
      const std::uint64_t both = parse_count(field[kDstPort]).value_or(65536);
      type = static_cast<unsigned>(std::min<std::uint64_t>(both >> 8, 256));
      code = static_cast<unsigned>(both & 255);
    }
    if (type > 255 || code > 255)
      return bad(kDstPort, fmt::format("'{}' is no ICMP type and code", field[kDstPort]));
    p.icmp = IcmpType{static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code)};
  } else if (p.protocol.has_ports()) {
    for (auto [f, into] : {std::pair{kSrcPort, &p.source_port}, std::pair{kDstPort, &p.destination_port}}) {
      const std::optional<std::uint64_t> port = parse_count(field[f]);
      if (!port || *port > 65535) return bad(f, fmt::format("'{}' is no port", field[f]));
      *into = Port(static_cast<std::uint16_t>(*port));
    }
  }
  for (auto [f, into] : {std::pair{kOutPackets, &p.out.packets}, std::pair{kOutBytes, &p.out.bytes},
                         std::pair{kInPackets, &p.in.packets}, std::pair{kInBytes, &p.in.bytes}}) {
    if (field[f].empty()) continue;
    const std::optional<std::uint64_t> count = parse_count(field[f]);
    if (!count)
      return bad(f, fmt::format("'{}' is no number", field[f]));  // "1.2 M" is for people: nfdump -N gives numbers
    *into = *count;
  }
  const std::optional<Timestamp> first = nfdump_time(field[kFirst]);
  if (!first) return bad(kFirst, fmt::format("'{}' is no time", field[kFirst]));
  p.first = p.last = *first;
  if (!field[kDuration].empty()) {
    const std::optional<Nanoseconds> duration = nfdump_duration(field[kDuration]);
    if (!duration) return bad(kDuration, fmt::format("'{}' is no duration", field[kDuration]));
    p.last = *first + *duration;
  }
  if (!field[kLast].empty()) {
    const std::optional<Timestamp> last = nfdump_time(field[kLast]);
    if (!last) return bad(kLast, fmt::format("'{}' is no time", field[kLast]));
    p.last = std::max(p.last, *last);
  }
  if (p.protocol == Protocol::tcp && !field[kFlags].empty()) {
    const std::optional<std::uint8_t> flags = nfdump_flags(field[kFlags]);
    if (!flags) return bad(kFlags, fmt::format("'{}' are no TCP flags", field[kFlags]));
    p.out.flags = *flags;
    p.flags = FlagKind::accumulated;
  }
  if (p.out.packets == 0 && p.in.packets == 0) {
    skip();  // NSEL events count none
    return {};
  }
  p.whole = p.in.packets != 0 && p.out.packets != 0;
  finish_piece(p);
  add(p, number);
  return {};
}

// ---------------------------------------------------------------- JSON

namespace {

enum JsonField : std::size_t {
  kType,
  kSampled,
  kJsonFirst,
  kJsonLast,
  kOldFirst,
  kOldLast,
  kJsonProto,
  kJsonFlags,
  kJsonSrcPort,
  kJsonDstPort,
  kJsonIcmpType,
  kJsonIcmpCode,
  kSrc4,
  kDst4,
  kSrc6,
  kDst6,
  kPacketsIn,
  kBytesIn,
  kPacketsOut,
  kBytesOut,
  kJsonFields
};
constexpr std::array<std::string_view, kJsonFields> kJsonNames{
    "type",      "sampled",   "first",      "last",      "t_first",     "t_last",    "proto",
    "tcp_flags", "src_port",  "dst_port",   "icmp_type", "icmp_code",   "src4_addr", "dst4_addr",
    "src6_addr", "dst6_addr", "in_packets", "in_bytes",  "out_packets", "out_bytes"};

}  // namespace

NfdumpJsonReader::NfdumpJsonReader(RecordFlows& flows, std::string file, std::string sensor)
    : RecordReader(flows, std::move(file), std::move(sensor), "nfdump JSON"),
      objects_([this](const JsonObjects::Piece& piece) { return on_object(piece); }),
      parser_(kJsonNames) {}

Result<void> NfdumpJsonReader::on_object(const JsonObjects::Piece& piece) {
  const std::uint64_t number = piece.line;
  if (piece.garbage && piece.text == "\xEF\xBB\xBF[") return {};
  const auto bad = [&](std::string what, std::size_t column = 1) -> Result<void> {
    return unreadable(number, column, std::move(what), piece.text.substr(0, piece.text.find('\n')));
  };
  if (piece.too_long) return bad(fmt::format("a record of more than {} bytes", kRecordLineMax));
  if (piece.garbage) return bad("text where a record should begin");
  const Result<const JsonFields*> parsed = parser_.parse(piece.text);
  if (!parsed) return bad(parsed.error().what);
  const JsonFields& f = **parsed;
  if (f.has(kType) && f.text(kType) != "FLOW") {
    skip();
    return {};
  }
  FlowPiece p;
  const bool is_v6 = f.has(kSrc6);
  if (const auto wrong = take_ends(f.text(is_v6 ? kSrc6 : kSrc4), f.text(is_v6 ? kDst6 : kDst4), p))
    return bad(wrong->what);
  std::optional<Protocol> protocol = parse_sensor_protocol(f.text(kJsonProto));
  if (const std::optional<std::uint64_t> n = f.unsigned_integer(kJsonProto); n && *n < 256)
    protocol = Protocol(static_cast<std::uint8_t>(*n));
  if (!protocol) return bad("'proto' is no protocol");
  p.protocol = *protocol;
  if (p.protocol.is_icmp()) {
    const std::uint64_t type = f.unsigned_integer(kJsonIcmpType).value_or(0),
                        code = f.unsigned_integer(kJsonIcmpCode).value_or(0);
    if (type > 255 || code > 255) return bad("icmp_type and icmp_code are below 256");
    p.icmp = IcmpType{static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code)};
  } else if (p.protocol.has_ports()) {
    for (auto [row, into] :
         {std::pair{kJsonSrcPort, &p.source_port}, std::pair{kJsonDstPort, &p.destination_port}}) {
      const std::optional<std::uint64_t> port = f.unsigned_integer(row);
      if (!port || *port > 65535) return bad(fmt::format("'{}' is no port", kJsonNames[row]));
      *into = Port(static_cast<std::uint16_t>(*port));
    }
  }
  p.out.packets = f.unsigned_integer(kPacketsIn).value_or(0);
  p.out.bytes = f.unsigned_integer(kBytesIn).value_or(0);
  p.in.packets = f.unsigned_integer(kPacketsOut).value_or(0);
  p.in.bytes = f.unsigned_integer(kBytesOut).value_or(0);
  const auto time = [&](std::size_t now, std::size_t old) {
    return nfdump_time(f.has(now) ? f.text(now) : f.text(old));
  };
  const std::optional<Timestamp> first = time(kJsonFirst, kOldFirst), last = time(kJsonLast, kOldLast);
  if (!first) return bad("'first' is no time");
  p.first = *first;
  p.last = last ? std::max(*first, *last) : *first;
  if (p.protocol == Protocol::tcp && f.has(kJsonFlags)) {
    std::optional<std::uint8_t> flags = nfdump_flags(f.text(kJsonFlags));
    if (const std::optional<std::uint64_t> n = f.unsigned_integer(kJsonFlags); n && *n < 256)
      flags = static_cast<std::uint8_t>(*n);
    if (!flags) return bad(fmt::format("'{}' are no TCP flags", f.text(kJsonFlags)));
    p.out.flags = *flags;
    p.flags = FlagKind::accumulated;
  }
  sampled_ = sampled_ || f.unsigned_integer(kSampled).value_or(0) != 0;
  if (p.out.packets == 0 && p.in.packets == 0) {
    skip();
    return {};
  }
  p.whole = p.in.packets != 0 && p.out.packets != 0;
  finish_piece(p);
  add(p, number);
  return {};
}

Result<void> NfdumpJsonReader::at_end() {
  if (objects_.finish()) cut();
  if (sampled_ && flows().options().sampling == 0)
    flaw("nfdump says that packets were sampled, and not how many: give --sampling N");
  return {};
}

}  // namespace demarc
