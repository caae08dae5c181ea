#include "rules/evidence/readers/record_text.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <utility>

namespace demarc {

namespace {

constexpr std::uint64_t kSecondsMax = 9'000'000'000;  // the year 2255: Timestamp ends in 2262

/// Digits after the point as nanoseconds; further ones are cut off. None if there is anything else or nothing.
std::optional<std::int64_t> fraction_of(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  std::int64_t nanoseconds = 0, unit = 100'000'000;
  for (char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    nanoseconds += unit * (c - '0');
    unit /= 10;
  }
  return nanoseconds;
}

/// Exactly two digits at `at`, or -1.
int two_digits(std::string_view text, std::size_t at) {
  if (at + 2 > text.size()) return -1;
  const char a = text[at], b = text[at + 1];
  return a < '0' || a > '9' || b < '0' || b > '9' ? -1 : (a - '0') * 10 + (b - '0');
}

}  // namespace

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::optional<Nanoseconds> parse_seconds(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::optional<std::uint64_t> seconds = parse_count(text.substr(0, point));
  if (!seconds || *seconds > kSecondsMax) return std::nullopt;
  std::int64_t nanoseconds = 0;
  if (point != std::string_view::npos) {
    const std::optional<std::int64_t> fraction = fraction_of(text.substr(point + 1));
    if (!fraction) return std::nullopt;
    nanoseconds = *fraction;
  }
  return std::chrono::seconds(*seconds) + Nanoseconds(nanoseconds);
}

std::optional<Timestamp> parse_epoch(std::string_view text) {
  const std::optional<Nanoseconds> since = parse_seconds(text);
  if (!since) return std::nullopt;
  return Timestamp(*since);
}

std::optional<Timestamp> parse_sensor_time(std::string_view text) {
  using namespace std::chrono;
  const int century = two_digits(text, 0), year_in_it = two_digits(text, 2), month = two_digits(text, 5),
            day = two_digits(text, 8), hour = two_digits(text, 11), minute = two_digits(text, 14),
            second = two_digits(text, 17);
  if (century < 17 || year_in_it < 0 || month < 1 || day < 1 || hour < 0 || minute < 0 || second < 0)
    return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != ' ') || text[13] != ':' ||
      text[16] != ':')
    return std::nullopt;
  const int year = century * 100 + year_in_it;
  const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year < 1700 || year > 2255 || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  std::size_t at = 19;
  std::int64_t fraction = 0;
  if (at < text.size() && (text[at] == '.' || text[at] == ',')) {
    std::size_t end = ++at;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    const std::optional<std::int64_t> read = fraction_of(text.substr(at, end - at));
    if (!read) return std::nullopt;
    fraction = *read;
    at = end;
  }
  minutes offset{0};
  if (at < text.size() && text[at] == 'Z') {
    ++at;
  } else if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const bool east = text[at++] == '+';
    const int hours_off = two_digits(text, at);
    at += 2;
    if (at < text.size() && text[at] == ':') ++at;
    const int minutes_off = two_digits(text, at);
    at += 2;
    if (hours_off < 0 || hours_off > 23 || minutes_off < 0 || minutes_off > 59) return std::nullopt;
    offset = minutes((hours_off * 60 + minutes_off) * (east ? 1 : -1));
  }
  if (at != text.size()) return std::nullopt;
  const Nanoseconds since = sys_days(date).time_since_epoch() + hours(hour) + minutes(minute) + seconds(second) +
                            nanoseconds(fraction) - offset;
  return Timestamp(since);
}

namespace {

// Keywords by number (IANA, Assigned Internet Protocol Numbers), in lower case. 94 is left out: "IPIP" is 4 to those
// who write it.
constexpr std::string_view kProtocolKeywords[] = {
    "hopopt", "icmp", "igmp", "ggp", "ipv4", "st", "tcp", "cbt", "egp", "igp", "bbn-rcc-mon", "nvp-ii", "pup",
    "argus", "emcon", "xnet", "chaos", "udp", "mux", "dcn-meas", "hmp", "prm", "xns-idp", "trunk-1", "trunk-2",
    "leaf-1", "leaf-2", "rdp", "irtp", "iso-tp4", "netblt", "mfe-nsp", "merit-inp", "dccp", "3pc", "idpr", "xtp",
    "ddp", "idpr-cmtp", "tp++", "il", "ipv6", "sdrp", "ipv6-route", "ipv6-frag", "idrp", "rsvp", "gre", "dsr",
    "bna", "esp", "ah", "i-nlsp", "swipe", "narp", "mobile", "tlsp", "skip", "ipv6-icmp", "ipv6-nonxt",
    "ipv6-opts", "", "cftp", "", "sat-expak", "kryptolan", "rvd", "ippc", "", "sat-mon", "visa", "ipcv", "cpnx",
    "cphb", "wsn", "pvp", "br-sat-mon", "sun-nd", "wb-mon", "wb-expak", "iso-ip", "vmtp", "secure-vmtp", "vines",
    "ttp", "nsfnet-igp", "dgp", "tcf", "eigrp", "ospfigp", "sprite-rpc", "larp", "mtp", "ax.25", "", "micp",
    "scc-sp", "etherip", "encap", "", "gmtp", "ifmp", "pnni", "pim", "aris", "scps", "qnx", "a/n", "ipcomp",
    "snp", "compaq-peer", "ipx-in-ip", "vrrp", "pgm", "", "l2tp", "ddx", "iatp", "stp", "srp", "uti", "smp",
    "sm", "ptp", "isis", "fire", "crtp", "crudp", "sscopmce", "iplt", "sps", "pipe", "sctp", "fc",
    "rsvp-e2e-ignore", "mobility-header", "udplite", "mpls-in-ip", "manet", "shim6", "wesp", "rohc", "ethernet",
    "aggfrag", "nsh",
};
/// What nfdump and others call some of them.
constexpr std::pair<std::string_view, std::uint8_t> kProtocolWords[] = {
    {"icmp6", 58}, {"rte6", 43}, {"frag6", 44}, {"nohe6", 59}, {"opts6", 60}, {"ipcmp", 108},
};

}  // namespace

std::optional<Protocol> parse_sensor_protocol(std::string_view text) {
  if (const std::optional<std::uint64_t> number = parse_count(text))
    return *number < 256 ? std::optional(Protocol(static_cast<std::uint8_t>(*number))) : std::nullopt;
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (const std::optional<Protocol> known = parse_protocol(lower)) return known;
  for (const auto& [word, number] : kProtocolWords)
    if (word == lower) return Protocol(number);
  for (std::size_t number = 0; number < std::size(kProtocolKeywords); ++number)
    if (!lower.empty() && kProtocolKeywords[number] == lower) return Protocol(static_cast<std::uint8_t>(number));
  return std::nullopt;
}

int hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

std::string_view without_blanks_around(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::size_t split_fields(std::string_view line, char separator, std::span<const int> columns,
                         std::span<std::string_view> fields) {
  std::size_t column = 0;
  for (std::size_t at = 0;; ++column) {
    const std::size_t stop = std::min(line.find(separator, at), line.size());
    if (column < columns.size() && columns[column] >= 0)
      fields[static_cast<std::size_t>(columns[column])] = line.substr(at, stop - at);
    if (stop == line.size()) return column + 1;
    at = stop + 1;
  }
}

std::vector<int> columns_of(std::string_view header, char separator,
                            const std::function<int(std::string_view)>& field_of) {
  std::vector<int> columns;
  for (std::size_t at = 0; columns.size() < kRecordColumnsMax;) {
    const std::size_t stop = std::min(header.find(separator, at), header.size());
    columns.push_back(field_of(header.substr(at, stop - at)));
    if (stop == header.size()) break;
    at = stop + 1;
  }
  return columns;
}

Result<void> RecordLines::give(std::string_view line) {
  ++number_;
  const bool too_long = std::exchange(overflowing_, false) || line.size() > kRecordLineMax;
  if (line.ends_with('\r')) line.remove_suffix(1);
  return on_line_(line.substr(0, kRecordLineMax), number_, too_long);
}

Result<void> RecordLines::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const void* found = std::memchr(bytes.data(), '\n', bytes.size());
    const std::size_t end =
        found == nullptr ? bytes.size() : static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
    std::string_view piece = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (found != nullptr && pending_.empty() && !overflowing_) {
      DEMARC_TRY(give(piece));
      continue;
    }
    const std::size_t room = kRecordLineMax - std::min(pending_.size(), kRecordLineMax);
    if (piece.size() > room) overflowing_ = true;
    pending_ += piece.substr(0, room);
    if (found == nullptr) break;
    const std::string line = std::exchange(pending_, {});
    DEMARC_TRY(give(line));
  }
  return {};
}

Result<bool> RecordLines::finish() {
  if (pending_.empty() && !overflowing_) return false;
  const std::string line = std::exchange(pending_, {});
  DEMARC_TRY(give(line));
  return true;
}

Result<void> JsonObjects::feed(std::string_view bytes) {
  std::size_t begin = 0;  // of the current object's or garbage's part in `bytes`
  const auto keep = [&](std::size_t end) {
    const std::string_view part = bytes.substr(begin, end - begin);
    const std::size_t room = kRecordLineMax - std::min(pending_.size(), kRecordLineMax);
    if (part.size() > room) overflowing_ = true;
    pending_ += part.substr(0, room);
  };
  const auto give = [&](std::size_t end, bool garbage) -> Result<void> {
    Piece piece{.text = {}, .line = began_, .too_long = false, .garbage = garbage};
    std::string whole;
    if (pending_.empty() && !overflowing_ && end - begin <= kRecordLineMax) {
      piece.text = bytes.substr(begin, end - begin);
    } else {
      keep(end);
      whole = std::exchange(pending_, {});
      piece.text = whole;
      piece.too_long = std::exchange(overflowing_, false);
    }
    return on_object_(piece);
  };
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (depth_ == 0) {
      if (in_garbage_) {
        if (c != '\n') continue;
        in_garbage_ = false;
        DEMARC_TRY(give(i, true));
        ++line_;
        continue;
      }
      switch (c) {
        case '\n': ++line_; break;
        case ' ':
        case '\t':
        case '\r':
        case ',': break;
        case '[': array_seen_ = true; break;
        case ']': array_closed_ = true; break;
        case '{':
          depth_ = 1;
          in_text_ = escaped_ = false;
          begin = i;
          began_ = line_;
          break;
        default:
          in_garbage_ = true;
          begin = i;
          began_ = line_;
      }
      continue;
    }
    if (in_text_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_text_ = false;
      } else if (c == '\n') {  // no JSON text holds one: this line is broken, and the next may be whole
        depth_ = 0;
        in_text_ = false;
        DEMARC_TRY(give(i, true));
        ++line_;
      } else {  // the long stretches between
        const char* from = bytes.data() + i + 1;
        std::size_t n = 0, rest = bytes.size() - i - 1;
        while (n < rest && from[n] != '"' && from[n] != '\\' && from[n] != '\n') ++n;
        i += n;
      }
      continue;
    }
    switch (c) {
      case '"': in_text_ = true; break;
      case '\n': ++line_; break;
      case '{':
      case '[': ++depth_; break;
      case '}':
      case ']':
        if (--depth_ == 0) DEMARC_TRY(give(i + 1, false));
        break;
      default: break;
    }
  }
  if (depth_ != 0 || in_garbage_) keep(bytes.size());
  return {};
}

}  // namespace demarc
