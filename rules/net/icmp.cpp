#include "rules/net/icmp.h"

#include <fmt/format.h>

#include <charconv>
#include <span>

namespace demarc {

namespace {

struct Row {
  std::string_view name;
  std::uint8_t type;
  int code;  // -1: every code
};

constexpr Row kIcmp4[] = {
    // RFC 792, RFC 950, RFC 1256, RFC 1812 §5.2.7.1
    {"echo-reply", 0, -1},           {"destination-unreachable", 3, -1},
    {"network-unreachable", 3, 0},   {"host-unreachable", 3, 1},
    {"protocol-unreachable", 3, 2},  {"port-unreachable", 3, 3},
    {"fragmentation-needed", 3, 4},  {"admin-prohibited", 3, 13},
    {"source-quench", 4, -1},        {"redirect", 5, -1},
    {"echo-request", 8, -1},         {"router-advertisement", 9, -1},
    {"router-solicitation", 10, -1}, {"time-exceeded", 11, -1},
    {"parameter-problem", 12, -1},   {"timestamp-request", 13, -1},
    {"timestamp-reply", 14, -1},     {"information-request", 15, -1},
    {"information-reply", 16, -1},   {"address-mask-request", 17, -1},
    {"address-mask-reply", 18, -1},
};
constexpr Row kIcmp6[] = {
    // RFC 4443, RFC 4861, RFC 2710, RFC 3810
    {"destination-unreachable", 1, -1},
    {"no-route", 1, 0},
    {"admin-prohibited", 1, 1},
    {"address-unreachable", 1, 3},
    {"port-unreachable", 1, 4},
    {"packet-too-big", 2, -1},
    {"time-exceeded", 3, -1},
    {"parameter-problem", 4, -1},
    {"echo-request", 128, -1},
    {"echo-reply", 129, -1},
    {"mld-query", 130, -1},
    {"mld-report", 131, -1},
    {"mld-done", 132, -1},
    {"router-solicitation", 133, -1},
    {"router-advertisement", 134, -1},
    {"neighbour-solicitation", 135, -1},
    {"neighbor-solicitation", 135, -1},
    {"neighbour-advertisement", 136, -1},
    {"neighbor-advertisement", 136, -1},
    {"redirect", 137, -1},
    {"mld2-report", 143, -1},
};

std::span<const Row> rows(Family family) {
  return family == Family::ipv4 ? std::span<const Row>(kIcmp4) : std::span<const Row>(kIcmp6);
}

std::optional<std::uint8_t> parse_byte(std::string_view text) {
  unsigned number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool whole =
      problem == std::errc() && end == text.data() + text.size() && (text.size() == 1 || text.front() != '0');
  if (!whole || number > 255) return std::nullopt;
  return static_cast<std::uint8_t>(number);
}

}  // namespace

std::optional<IcmpType> icmp_type_by_name(Family family, std::string_view name) {
  for (const Row& row : rows(family)) {
    if (row.name != name) continue;
    return row.code < 0 ? IcmpType{row.type, std::nullopt}
                        : IcmpType{row.type, static_cast<std::uint8_t>(row.code)};
  }
  return std::nullopt;
}

const std::vector<std::string_view>& icmp_type_names(Family family) {
  auto collect = [](Family f) {
    std::vector<std::string_view> names;
    for (const Row& row : rows(f)) names.push_back(row.name);
    return names;
  };
  static const std::vector<std::string_view> four = collect(Family::ipv4), six = collect(Family::ipv6);
  return family == Family::ipv4 ? four : six;
}

std::string describe(Family family, IcmpType type) {
  const Row* general = nullptr;
  for (const Row& row : rows(family)) {
    if (row.type != type.type) continue;
    if (type.code && row.code == *type.code) return std::string(row.name);
    if (row.code < 0 && general == nullptr) general = &row;
  }
  if (general == nullptr) return to_string(type);
  bool plain = !type.code || *type.code == 0;
  return plain ? std::string(general->name) : fmt::format("{} code {}", general->name, *type.code);
}

std::string to_string(IcmpType type) {
  return type.code ? fmt::format("{}/{}", type.type, *type.code) : std::to_string(type.type);
}

Result<IcmpType> parse_icmp_type(std::string_view text) {
  std::size_t slash = text.find('/');
  std::optional<std::uint8_t> type = parse_byte(text.substr(0, slash));
  std::optional<std::uint8_t> code =
      slash == std::string_view::npos ? std::nullopt : parse_byte(text.substr(slash + 1));
  if (!type || (slash != std::string_view::npos && !code))
    return failure(fmt::format("'{}' is no ICMP type", text), "write 8 or 3/4: type, or type/code");
  return IcmpType{*type, code};
}

std::optional<std::uint8_t> icmp_reply_type(Family family, std::uint8_t query) {
  if (family == Family::ipv6) return query == 128 ? std::optional<std::uint8_t>(129) : std::nullopt;
  switch (query) {
    case 8: return 0;
    case 13: return 14;
    case 15: return 16;
    case 17: return 18;
    default: return std::nullopt;
  }
}

bool is_icmp_error(Family family, std::uint8_t type) {
  if (family == Family::ipv6) return type >= 1 && type < 128;
  return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

}  // namespace demarc
