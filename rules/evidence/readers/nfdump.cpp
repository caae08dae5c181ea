#include "rules/evidence/readers/nfdump.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

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

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::vector<int> columns_of(std::string_view header) {
  std::vector<int> columns;
  for (bool more = true; more && columns.size() < 1000;) {
    const std::size_t comma = header.find(',');
    const std::string_view name = trimmed(header.substr(0, comma));
    int field = -1;
    for (const Column& column : kColumns)
      if (column.name == name) field = static_cast<int>(column.field);
    columns.push_back(field);
    more = comma != std::string_view::npos;
    if (more) header.remove_prefix(comma + 1);
  }
  return columns;
}

bool has_all(const std::vector<int>& columns) {
  for (Field needed : {kFirst, kSrc, kDst, kProto, kOutPackets, kOutBytes})
    if (std::find(columns.begin(), columns.end(), static_cast<int>(needed)) == columns.end()) return false;
  return true;
}

/// "TCP", "ICMP6", "6".
std::optional<Protocol> nfdump_protocol(std::string_view text) {
  if (text == "TCP") return Protocol::tcp;
  if (text == "UDP") return Protocol::udp;
  if (text == "ICMP") return Protocol::icmp;
  if (text == "ICMP6") return Protocol::icmpv6;
  if (text == "IPIP") return Protocol::ipip;
  std::string lower;
  for (char c : text) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (const std::optional<std::uint64_t> number = parse_count(text))
    return *number < 256 ? std::optional(Protocol(static_cast<std::uint8_t>(*number))) : std::nullopt;
  return parse_protocol(lower);
}

/// "...AP.SF": a letter for each flag that was seen, in whatever place; or a number.
std::optional<std::uint8_t> nfdump_flags(std::string_view text) {
  if (text.starts_with("0x") && text.size() <= 4) {
    unsigned value = 0;
    for (char c : text.substr(2)) {
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
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
    const std::optional<std::uint64_t> count = parse_count(trimmed(text.substr(0, d)));
    if (!count || *count > 36500) return std::nullopt;
    days = std::chrono::hours(24 * *count);
    text = text.substr(std::min(text.find(' ', d), text.size()));
  }
  text = trimmed(text);
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
  if (has_all(columns_of(line))) return true;
  return static_cast<std::size_t>(std::count(line.begin(), line.end(), ',')) + 1 == kOldColumns &&
         line.size() > 19 && parse_sensor_time(line.substr(0, line.find(','))).has_value();
}

NfdumpCsvReader::NfdumpCsvReader(RecordFlows& flows, std::string file, std::string sensor)
    : RecordReader(flows, std::move(file), std::move(sensor), "nfdump CSV"),
      lines_([this](std::string_view line, std::uint64_t number, bool too_long) {
        return on_line(line, number, too_long);
      }) {}

Result<void> NfdumpCsvReader::on_line(std::string_view line, std::uint64_t number, bool too_long) {
  if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  if (too_long) return unreadable(number, 1, fmt::format("a line of more than {} bytes", kRecordLineMax), {});
  if (trimmed(line).empty()) return {};
  // A header begins a file, and again where outputs were put one behind the other.
  if (line.starts_with("ts,") || line.find("srcAddr") != std::string_view::npos) {
    std::vector<int> columns = columns_of(line);
    if (has_all(columns)) {
      columns_ = std::move(columns);
      in_summary_ = false;
      return {};
    }
  }
  if (trimmed(line) == "Summary") in_summary_ = true;
  if (in_summary_) return {};
  if (line == "No matched flows" || line.starts_with("Summary:") || line.starts_with("Time window:") ||
      line.starts_with("Total flows processed:") || line.starts_with("Sys:"))
    return {};
  if (columns_.empty()) columns_ = columns_of(kOldHeader);  // -q
  return on_record(line, number);
}

Result<void> NfdumpCsvReader::on_record(std::string_view line, std::uint64_t number) {
  std::array<std::string_view, kFields> field{};
  std::size_t column = 0;
  for (const char *at = line.data(), *end = at + line.size();;) {
    const char* stop = static_cast<const char*>(std::memchr(at, ',', static_cast<std::size_t>(end - at)));
    if (stop == nullptr) stop = end;
    if (column < columns_.size() && columns_[column] >= 0)
      field[static_cast<std::size_t>(columns_[column])] =
          trimmed(std::string_view(at, static_cast<std::size_t>(stop - at)));
    ++column;
    if (stop == end) break;
    at = stop + 1;
  }
  const auto bad = [&](std::size_t f, std::string what) -> Result<void> {
    if (at_last_) {
      cut();
      return {};
    }
    const std::size_t where = field[f].empty() ? 1 : static_cast<std::size_t>(field[f].data() - line.data()) + 1;
    return unreadable(number, where, std::move(what), line);
  };
  if (column < columns_.size())
    return bad(kFirst, fmt::format("{} fields where the header names {}", column, columns_.size()));
  FlowPiece p;
  const std::optional<Address> from = parse_address(field[kSrc]), to = parse_address(field[kDst]);
  if (!from) return bad(kSrc, fmt::format("'{}' is no address", field[kSrc]));
  if (!to) return bad(kDst, fmt::format("'{}' is no address", field[kDst]));
  if (from->family() != to->family()) return bad(kDst, "the two ends are of different families");
  p.source = *from;
  p.destination = *to;
  const std::optional<Protocol> protocol = nfdump_protocol(field[kProto]);
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

Result<void> NfdumpCsvReader::at_end() {
  at_last_ = true;
  DEMARC_TRY(lines_.finish());
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
  const std::string_view src = f.text(is_v6 ? kSrc6 : kSrc4), dst = f.text(is_v6 ? kDst6 : kDst4);
  const std::optional<Address> from = parse_address(src), to = parse_address(dst);
  if (!from) return bad(fmt::format("'{}' is no address", src));
  if (!to) return bad(fmt::format("'{}' is no address", dst));
  if (from->family() != to->family()) return bad("the two ends are of different families");
  p.source = *from;
  p.destination = *to;
  std::optional<Protocol> protocol = nfdump_protocol(f.text(kJsonProto));
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
