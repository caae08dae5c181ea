#include "rules/evidence/readers/aws_vpc.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "rules/text/number.h"

namespace demarc {

namespace {

enum Field : std::size_t {
  kInterface,
  kSrc,
  kDst,
  kSrcPort,
  kDstPort,
  kProtocol,
  kPackets,
  kBytes,
  kStart,
  kEnd,
  kAction,
  kStatus,
  kFlags,
  kRealSrc,
  kRealDst,
  kIcmpType,
  kIcmpCode,
  kFields
};
constexpr std::array<std::string_view, kFields> kNames{
    "interface-id", "srcaddr",     "dstaddr",     "srcport",   "dstport",  "protocol",
    "packets",      "bytes",       "start",       "end",       "action",   "log-status",
    "tcp-flags",    "pkt-srcaddr", "pkt-dstaddr", "icmp-type", "icmp-code"};
constexpr std::string_view kDefaultFormat =
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status";

constexpr std::size_t kWordsMax = 64;
using Words = std::array<std::string_view, kWordsMax>;

std::size_t split(std::string_view line, Words& words) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < line.size() && count < kWordsMax;) {
    while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
    std::size_t stop = line.find_first_of(" \t", at);
    if (stop == std::string_view::npos) stop = line.size();
    if (stop > at) words[count++] = line.substr(at, stop - at);
    at = stop;
  }
  return count;
}

std::vector<int> columns_of(const Words& words, std::size_t count) {
  std::vector<int> columns;
  for (std::size_t i = 0; i < count; ++i) {
    std::string name(words[i]);
    std::replace(name.begin(), name.end(), '_', '-');  // as Athena and some exports write them
    if (name.starts_with("${") && name.ends_with('}')) name = name.substr(2, name.size() - 3);
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    columns.push_back(found == kNames.end() ? -1 : static_cast<int>(found - kNames.begin()));
  }
  return columns;
}

bool is_header(std::string_view line) {
  return line.find("srcaddr") != std::string_view::npos && line.find("dstaddr") != std::string_view::npos;
}

}  // namespace

bool AwsVpcReader::is_first_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  Words words;
  const std::size_t count = split(line, words);
  if (is_header(line)) return count >= 5;
  const std::size_t first = count == 15 && parse_sensor_time(words[0]) ? 1 : 0;
  if (count - first != 14 || words[first] != "2") return false;
  return words[first + 2].starts_with("eni-") || words[first + 13] == "OK" || words[first + 13] == "NODATA" ||
         words[first + 13] == "SKIPDATA";
}

AwsVpcReader::AwsVpcReader(RecordFlows& flows, std::string file, std::string sensor)
    : LineRecordReader(flows, std::move(file), std::move(sensor), "AWS VPC flow log") {}

Result<void> AwsVpcReader::on_line(std::string_view line, std::uint64_t number) {
  Words words;
  std::size_t count = split(line, words);
  if (count == 0) return {};
  if (is_header(line)) {
    columns_ = columns_of(words, count);
    const auto has = [&](Field f) {
      return std::find(columns_.begin(), columns_.end(), static_cast<int>(f)) != columns_.end();
    };
    has_flags_ = has(kFlags);
    for (Field needed : {kSrc, kDst, kSrcPort, kDstPort, kProtocol, kPackets, kBytes, kStart, kEnd})
      if (!has(needed))
        return refuse(number, 1, fmt::format("the flow log has no field '{}'", kNames[needed]),
                      "it needs srcaddr, dstaddr, srcport, dstport, protocol, packets, bytes, start and end");
    return {};
  }
  if (columns_.empty()) {
    Words names;
    const std::size_t n = split(kDefaultFormat, names);
    columns_ = columns_of(names, n);
  }
  std::size_t skip_words = 0;
  if (count == columns_.size() + 1 && parse_sensor_time(words[0])) skip_words = 1;  // CloudWatch's own time
  if (count - skip_words != columns_.size())
    return bad_line(line, number, 1,
                    fmt::format("{} fields where the format names {}", count - skip_words, columns_.size()));
  std::array<std::string_view, kFields> field{};
  for (std::size_t i = 0; i < columns_.size(); ++i)
    if (columns_[i] >= 0 && words[i + skip_words] != "-")
      field[static_cast<std::size_t>(columns_[i])] = words[i + skip_words];
  const auto bad = [&](std::size_t f, std::string what) {
    return bad_word(line, number, field[f], std::move(what));
  };
  if (field[kStatus] == "NODATA") {
    skip();
    return {};
  }
  if (field[kStatus] == "SKIPDATA") {
    ++skipped_data_;
    skip();
    return {};
  }
  FlowPiece p;
  if (const auto wrong = take_ends(field[kSrc], field[kDst], p))
    return bad(wrong->destination ? kDst : kSrc, wrong->what);
  std::array<std::uint64_t, kFields> number_of{};
  for (Field f : {kSrcPort, kDstPort, kProtocol, kPackets, kBytes, kStart, kEnd, kFlags, kIcmpType, kIcmpCode}) {
    if (field[f].empty() && (f == kFlags || f == kIcmpType || f == kIcmpCode)) continue;
    const std::optional<std::uint64_t> value = parse_count(field[f]);
    if (!value) return bad(f, fmt::format("{}: '{}' is no number", kNames[f], field[f]));
    number_of[f] = *value;
  }
  if (number_of[kProtocol] > 255) return bad(kProtocol, fmt::format("'{}' is no protocol", field[kProtocol]));
  p.protocol = Protocol(static_cast<std::uint8_t>(number_of[kProtocol]));
  for (auto [f, into] : {std::pair{kSrcPort, &p.source_port}, std::pair{kDstPort, &p.destination_port}}) {
    if (number_of[f] > 65535) return bad(f, fmt::format("'{}' is no port", field[f]));
    if (p.protocol.has_ports()) *into = Port(static_cast<std::uint16_t>(number_of[f]));
  }
  if (p.protocol.is_icmp() && !field[kIcmpType].empty()) {
    if (number_of[kIcmpType] > 255 || number_of[kIcmpCode] > 255) return bad(kIcmpType, "no ICMP type and code");
    p.icmp =
        IcmpType{static_cast<std::uint8_t>(number_of[kIcmpType]), static_cast<std::uint8_t>(number_of[kIcmpCode])};
  }
  constexpr std::uint64_t kSecondsMax = 9'000'000'000;
  if (number_of[kStart] > kSecondsMax || number_of[kEnd] > kSecondsMax)
    return bad(kStart, "times in seconds since 1970");
  p.first = Timestamp::from_seconds(static_cast<std::int64_t>(number_of[kStart]));
  p.last = std::max(p.first, Timestamp::from_seconds(static_cast<std::int64_t>(number_of[kEnd])));
  p.out.packets = number_of[kPackets];
  p.out.bytes = number_of[kBytes];
  if (p.out.packets == 0) return bad(kPackets, "a record of no packets");
  if (field[kAction] == "REJECT") {
    p.refused = true;
    p.out.refused = p.out.packets;
  } else if (!field[kAction].empty() && field[kAction] != "ACCEPT") {
    return bad(kAction, fmt::format("'{}' is neither ACCEPT nor REJECT", field[kAction]));
  }
  if (p.protocol == Protocol::tcp && !field[kFlags].empty()) {
    p.out.flags = static_cast<std::uint8_t>(number_of[kFlags] & 0xFF);
    p.flags = FlagKind::syn_ack_only;
  }
  p.interface_id = field[kInterface].empty() ? 0 : std::hash<std::string_view>()(field[kInterface]) | 1;
  if (!field[kRealSrc].empty() || !field[kRealDst].empty()) {
    const std::optional<Address> real_from = field[kRealSrc].empty() ? p.source : parse_address(field[kRealSrc]),
                                 real_to = field[kRealDst].empty() ? p.destination : parse_address(field[kRealDst]);
    if (!real_from) return bad(kRealSrc, fmt::format("'{}' is no address", field[kRealSrc]));
    if (!real_to) return bad(kRealDst, fmt::format("'{}' is no address", field[kRealDst]));
    if (*real_from != p.source || *real_to != p.destination)
      p.real = flows().real(
          {.initiator = *real_from, .responder = *real_to, .port = p.destination_port, .seen_twice = false});
  }
  add(p, number);
  return {};
}

Result<void> AwsVpcReader::after_lines() {
  if (skipped_data_ != 0)
    flaw(fmt::format("{} record{} SKIPDATA: flows are missing from the log", grouped_number(skipped_data_),
                     skipped_data_ == 1 ? " says" : "s say"));
  return {};
}

}  // namespace demarc
