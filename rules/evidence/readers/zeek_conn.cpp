#include "rules/evidence/readers/zeek_conn.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "rules/text/number.h"

namespace demarc {

namespace {

/// The fields we read, by the names of both forms. JSON has "id.orig_h" as one key, or "orig_h" inside "id": the
/// path is the same.
enum Field : std::size_t {
  kTs,
  kOrigH,
  kOrigP,
  kRespH,
  kRespP,
  kProto,
  kService,
  kDuration,
  kOrigBytes,
  kRespBytes,
  kState,
  kMissed,
  kHistory,
  kOrigPkts,
  kOrigIpBytes,
  kRespPkts,
  kRespIpBytes,
  kTunnelParents,
  kIpProto,
  kFields
};
constexpr std::array<std::string_view, kFields> kNames{
    "ts",         "id.orig_h",     "id.orig_p",      "id.resp_h",  "id.resp_p",
    "proto",      "service",       "duration",       "orig_bytes", "resp_bytes",
    "conn_state", "missed_bytes",  "history",        "orig_pkts",  "orig_ip_bytes",
    "resp_pkts",  "resp_ip_bytes", "tunnel_parents", "ip_proto"};

bool any_of(std::string_view text, std::string_view letters) {
  return text.find_first_of(letters) != std::string_view::npos;
}

/// "\x2c" and "\\" as Zeek's ASCII writer escapes them.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x' && hex_digit(text[i + 2]) >= 0 &&
        hex_digit(text[i + 3]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 2]) * 16 + hex_digit(text[i + 3]));
      i += 3;
    } else if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '\\') {
      out += '\\';
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::optional<Protocol> zeek_protocol(std::string_view text) {
  if (text == "tcp") return Protocol::tcp;
  if (text == "udp") return Protocol::udp;
  if (text == "icmp") return Protocol::icmp;
  return std::nullopt;
}

}  // namespace

void ZeekReader::take(Row& row, std::uint64_t line) {
  FlowPiece& p = row.piece;
  p.whole = p.opener_known = true;
  const std::string_view h = row.history;
  const bool flipped = any_of(h, "^");
  p.state = parse_conn_state(row.state);
  if (p.protocol == Protocol::tcp) {
    p.certain = !flipped && any_of(h, "Sh") && !any_of(h, "sH");
    if (any_of(h, "SsHhAaDdFfRr")) {
      const bool originator = any_of(h, "ADF"), responder = any_of(h, "adf");
      p.established = (originator && (responder || any_of(h, "h"))) ||
                      (originator && any_of(h, "S") && p.in.packets == 0 && row.has_packets);
    } else {
      const std::optional<ConnState> s = p.state;
      p.established = s == ConnState::S1 || s == ConnState::SF || s == ConnState::S2 || s == ConnState::S3 ||
                      s == ConnState::RSTO || s == ConnState::RSTR;
    }
  } else {
    if (row.has_packets) {
      p.established = p.out.packets != 0 && p.in.packets != 0;
      p.state = p.out.packets == 0 ? ConnState::SHR : p.in.packets == 0 ? ConnState::S0 : ConnState::SF;
    } else {
      p.established = p.state == ConnState::SF;
    }
    if (p.protocol.is_icmp()) {
      p.icmp = IcmpType{static_cast<std::uint8_t>(row.from_port), static_cast<std::uint8_t>(row.to_port)};
      row.from_port = row.to_port = 0;
    }
  }
  p.source_port = Port(row.from_port);
  p.destination_port = Port(row.to_port);
  if (!row.service.empty()) p.service = spoken(row.service, "recognised by Zeek");
  if (row.tunnelled) p.tunnel = flows().tunnel(Tunnel{.kind = TunnelKind::other, .low = {}, .high = {}, .id = 0});
  if (row.missed != 0) {
    missed_ += row.missed;
    ++missed_in_;
  }
  add(p, line);
}

void ZeekReader::say_flaws() {
  if (missed_ != 0)
    flaw(fmt::format("Zeek missed {} bytes of payload in {} connection{}", grouped_number(missed_),
                     grouped_number(missed_in_), missed_in_ == 1 ? "" : "s"));
}

// ---------------------------------------------------------------- tab-separated

ZeekTsvReader::ZeekTsvReader(RecordFlows& flows, std::string file, std::string sensor)
    : ZeekReader(flows, std::move(file), std::move(sensor), "Zeek conn.log") {}

Result<void> ZeekTsvReader::on_line(std::string_view line, std::uint64_t number) {
  if (line.empty()) return {};
  if (line[0] == '#') return on_header(line, number);
  if (!has_fields_)
    return refuse(number, 1, "records before the line '#fields': which column is which is not known",
                  "give the log with its header, as Zeek wrote it");
  return on_record(line, number);
}

Result<void> ZeekTsvReader::on_header(std::string_view line, std::uint64_t number) {
  // "#separator \x09" alone has a blank; all others use the separator itself.
  constexpr std::string_view kSeparator = "#separator ";
  if (line.starts_with(kSeparator)) {
    const std::string text = unescaped(line.substr(kSeparator.size()));
    if (text.size() != 1)
      return refuse(number, kSeparator.size() + 1, "a separator of more than one byte", "Zeek's default is \\x09");
    separator_ = text[0];
    closed_ = false;
    return {};
  }
  const std::size_t end = line.find(separator_);
  const std::string_view key = line.substr(0, end),
                         value = end == std::string_view::npos ? std::string_view() : line.substr(end + 1);
  if (key == "#set_separator" && value.size() == 1) set_separator_ = value[0];
  if (key == "#empty_field") empty_ = value;
  if (key == "#unset_field") unset_ = value;
  if (key == "#close") closed_ = true;
  if (key == "#open") closed_ = false;
  if (key == "#path" && value != "conn" && !value.starts_with("conn")) {
    return refuse(number, end + 2, fmt::format("this is Zeek's {}.log, which holds no connections", value),
                  "give conn.log");
  }
  if (key != "#fields") return {};
  closed_ = false;
  has_fields_ = true;
  columns_ = columns_of(value, separator_, [](std::string_view name) {
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    return found == kNames.end() ? -1 : static_cast<int>(found - kNames.begin());
  });
  for (std::size_t needed : {kTs, kOrigH, kOrigP, kRespH, kRespP, kProto})
    if (std::find(columns_.begin(), columns_.end(), static_cast<int>(needed)) == columns_.end())
      return refuse(number, 1, fmt::format("the log has no field '{}'", kNames[needed]),
                    "a connection log needs ts, id.orig_h, id.orig_p, id.resp_h, id.resp_p and proto");
  return {};
}

Result<void> ZeekTsvReader::on_record(std::string_view line, std::uint64_t number) {
  std::array<std::string_view, kFields> field{};
  const std::size_t column = split_fields(line, separator_, columns_, field);
  for (std::string_view& text : field)
    if (text == unset_) text = {};
  const auto bad = [&](std::size_t f, std::string what) {
    return bad_word(line, number, field[f], std::move(what));
  };
  if (column != columns_.size())
    return bad(kTs, fmt::format("{} fields where the header names {}", column, columns_.size()));
  Row row;
  FlowPiece& p = row.piece;
  if (const auto wrong = take_ends(field[kOrigH], field[kRespH], p))
    return bad(wrong->destination ? kRespH : kOrigH, wrong->what);
  for (auto [f, into] : {std::pair{kOrigP, &row.from_port}, std::pair{kRespP, &row.to_port}}) {
    const std::optional<std::uint64_t> port = parse_count(field[f]);
    if (!port || *port > 65535) return bad(f, fmt::format("'{}' is no port", field[f]));
    *into = static_cast<std::uint16_t>(*port);
  }
  std::optional<Protocol> protocol = zeek_protocol(field[kProto]);
  if (!protocol) {
    const std::optional<std::uint64_t> known = parse_count(field[kIpProto]);
    if (known && *known < 256) protocol = Protocol(static_cast<std::uint8_t>(*known));
  }
  if (!protocol) return bad(kProto, fmt::format("'{}' is no protocol that Zeek follows", field[kProto]));
  p.protocol = *protocol;
  std::optional<Timestamp> first = parse_epoch(field[kTs]);
  if (!first) first = parse_sensor_time(field[kTs]);  // LogAscii::use_json aside, ISO times can be asked for
  if (!first) return bad(kTs, fmt::format("'{}' is no time", field[kTs]));
  p.first = p.last = *first;
  if (!field[kDuration].empty()) {
    const std::optional<Nanoseconds> duration = parse_seconds(field[kDuration]);
    if (!duration) return bad(kDuration, fmt::format("'{}' is no duration", field[kDuration]));
    p.last = *first + *duration;
  }
  row.has_packets = !field[kOrigPkts].empty() || !field[kRespPkts].empty();
  row.has_ip_bytes = !field[kOrigIpBytes].empty() || !field[kRespIpBytes].empty();
  const Field bytes_out = row.has_ip_bytes ? kOrigIpBytes : kOrigBytes,
              bytes_in = row.has_ip_bytes ? kRespIpBytes : kRespBytes;
  for (auto [f, into] :
       {std::pair{kOrigPkts, &p.out.packets}, std::pair{kRespPkts, &p.in.packets},
        std::pair{bytes_out, &p.out.bytes}, std::pair{bytes_in, &p.in.bytes}, std::pair{kMissed, &row.missed}}) {
    if (field[f].empty()) continue;
    const std::optional<std::uint64_t> count = parse_count(field[f]);
    if (!count) return bad(f, fmt::format("'{}' is no number", field[f]));
    *into = *count;
  }
  if (!field[kState].empty() && !parse_conn_state(field[kState]))
    return bad(kState, fmt::format("'{}' is no state of a connection", field[kState]));
  row.state = field[kState];
  row.history = field[kHistory];
  std::string service;
  if (field[kService] != empty_) row.service = field[kService];
  if (row.service.find('\\') != std::string_view::npos) row.service = service = unescaped(row.service);
  if (set_separator_ != ',' && row.service.find(set_separator_) != std::string_view::npos) {
    service = row.service;
    std::replace(service.begin(), service.end(), set_separator_, ',');
    row.service = service;
  }
  row.tunnelled = !field[kTunnelParents].empty() && field[kTunnelParents] != empty_;
  take(row, number);
  return {};
}

Result<void> ZeekTsvReader::after_lines() {
  if (!has_fields_) return refuse(1, 1, "the log has no line '#fields'", "give the log as Zeek wrote it");
  say_flaws();
  if (!closed_) {
    flows().interrupted();
    flaw("no #close at its end: the log was cut, or is still being written");
  }
  return {};
}

// ---------------------------------------------------------------- JSON

ZeekJsonReader::ZeekJsonReader(RecordFlows& flows, std::string file, std::string sensor)
    : ZeekReader(flows, std::move(file), std::move(sensor), "Zeek conn.log (JSON)"), parser_(kNames) {}

Result<void> ZeekJsonReader::on_line(std::string_view line, std::uint64_t number) {
  if (line.find_first_not_of(" \t") == std::string_view::npos) return {};
  const auto bad = [&](std::string what, std::size_t column = 1) {
    return bad_line(line, number, column, std::move(what));
  };
  const Result<const JsonFields*> parsed = parser_.parse(line);
  if (!parsed) return bad(parsed.error().what, parsed.error().where.column);
  const JsonFields& f = **parsed;
  if (!f.has(kOrigH) || !f.has(kProto)) {  // other logs in the same stream (json-streaming-logs)
    skip();
    return {};
  }
  Row row;
  FlowPiece& p = row.piece;
  if (const auto wrong = take_ends(f.text(kOrigH), f.text(kRespH), p)) return bad(wrong->what);
  for (auto [i, into] : {std::pair{kOrigP, &row.from_port}, std::pair{kRespP, &row.to_port}}) {
    const std::optional<std::uint64_t> port = f.unsigned_integer(i);
    if (!port || *port > 65535) return bad(fmt::format("'{}' is no port", kNames[i]));
    *into = static_cast<std::uint16_t>(*port);
  }
  std::optional<Protocol> protocol = zeek_protocol(f.text(kProto));
  if (const std::optional<std::uint64_t> known = f.unsigned_integer(kIpProto); !protocol && known && *known < 256)
    protocol = Protocol(static_cast<std::uint8_t>(*known));
  if (!protocol) return bad(fmt::format("'{}' is no protocol that Zeek follows", f.text(kProto)));
  p.protocol = *protocol;
  const auto seconds = [&](std::size_t i) -> std::optional<Nanoseconds> {
    const JsonFields::Value& v = f.at(i);
    using Kind = JsonFields::Value::Kind;
    if (v.kind != Kind::integer && v.kind != Kind::real) return std::nullopt;
    if (!(v.real >= 0 && v.real < 9e9)) return std::nullopt;
    // A double holds microseconds of our century exactly, and no more.
    return std::chrono::microseconds(std::llround(v.real * 1e6));
  };
  std::optional<Timestamp> first;
  if (const std::optional<Nanoseconds> since = seconds(kTs)) first = Timestamp(*since);
  if (!first) first = parse_sensor_time(f.text(kTs));
  if (!first) return bad("'ts' is no time");
  p.first = p.last = *first;
  if (f.has(kDuration) && f.at(kDuration).kind != JsonFields::Value::Kind::null) {
    const std::optional<Nanoseconds> duration = seconds(kDuration);
    if (!duration) return bad("'duration' is no number of seconds");
    p.last = *first + *duration;
  }
  row.has_packets = f.has(kOrigPkts) || f.has(kRespPkts);
  row.has_ip_bytes = f.has(kOrigIpBytes) || f.has(kRespIpBytes);
  p.out.packets = f.unsigned_integer(kOrigPkts).value_or(0);
  p.in.packets = f.unsigned_integer(kRespPkts).value_or(0);
  p.out.bytes = f.unsigned_integer(row.has_ip_bytes ? kOrigIpBytes : kOrigBytes).value_or(0);
  p.in.bytes = f.unsigned_integer(row.has_ip_bytes ? kRespIpBytes : kRespBytes).value_or(0);
  row.missed = f.unsigned_integer(kMissed).value_or(0);
  row.state = f.text(kState);
  if (!row.state.empty() && !parse_conn_state(row.state))
    return bad(fmt::format("'{}' is no state of a connection", row.state));
  row.history = f.text(kHistory);
  row.service = f.text(kService);
  row.tunnelled = !f.texts(kTunnelParents).empty();
  take(row, number);
  return {};
}

Result<void> ZeekJsonReader::after_lines() {
  say_flaws();
  return {};
}

}  // namespace demarc
