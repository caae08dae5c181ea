// What is measured: the authorised scope, vantage points, sensors, coverage, and the devices on the paths.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "rules/policy/yaml_reader_parts.h"
#include "rules/text/suggest.h"

namespace demarc::policy_reading {

namespace {

constexpr std::uint32_t kRateMax = 10'000'000;

/// "5000 packets/s", "5000/s" or 5000.
std::optional<std::uint32_t> read_rate(Reading& reading, const YamlNode& node, std::string_view what) {
  if (!node.is_scalar()) return read_number(reading, node, what, 1, kRateMax);
  std::string_view text = node.scalar;
  for (std::string_view unit : {" packets/s", " packets/second", "/s"}) {
    if (!text.ends_with(unit)) continue;
    text.remove_suffix(unit.size());
    break;
  }
  if (text.find_first_not_of("0123456789") != std::string_view::npos || text.empty()) {
    if (std::optional<NumberTrap> trap = number_trap(text))
      reading.error(node, std::move(trap->what), std::move(trap->hint));
    else
      reading.error(node, fmt::format("{}: '{}' is no rate", what, node.scalar), "write 5000 packets/s");
    return std::nullopt;
  }
  YamlNode number = node;
  number.scalar = text;
  number.style = YamlNode::Style::plain;
  return read_number(reading, number, what, 1, kRateMax);
}

// --- Windows ---

constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

std::optional<int> read_day(std::string_view text) {
  for (int i = 0; i < 7; ++i)
    if (text == kDays[i]) return i;
  return std::nullopt;
}

/// "22:00"; 24:00 is the end of a day.
std::optional<std::chrono::minutes> read_clock(std::string_view text) {
  auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4)) return std::nullopt;
  int hours = (text[0] - '0') * 10 + (text[1] - '0'), minutes = (text[3] - '0') * 10 + (text[4] - '0');
  if (minutes > 59 || hours > 24 || (hours == 24 && minutes != 0)) return std::nullopt;
  return std::chrono::minutes(hours * 60 + minutes);
}

/// "Sat 22:00-Sun 04:00"; the second day may be left out: "Sat 22:00-23:30".
std::optional<Window> read_weekly(Reading& reading, const YamlNode& node) {
  std::string_view text = node.scalar;
  Window window;
  window.weekly = true;
  window.text = std::string(text);
  window.where = reading.where(node);
  auto wrong = [&](std::string what, std::string hint) {
    reading.error(node, fmt::format("the window '{}': {}", text, what), std::move(hint));
    return std::nullopt;
  };
  constexpr std::string_view kForm = "write \"Sat 22:00-Sun 04:00\"";
  std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return wrong("it has no end", std::string(kForm));
  std::string_view ends[2] = {text.substr(0, dash), text.substr(dash + 1)};
  int days[2] = {0, 0};
  std::chrono::minutes clocks[2]{};
  for (int i = 0; i < 2; ++i) {
    std::string_view end = ends[i];
    while (end.starts_with(' ')) end.remove_prefix(1);
    while (end.ends_with(' ')) end.remove_suffix(1);
    std::size_t blank = end.find(' ');
    std::string_view day = blank == std::string_view::npos ? std::string_view() : end.substr(0, blank);
    if (day.empty() && i == 0) return wrong("it begins on no day", std::string(kForm));
    if (!day.empty()) {
      std::optional<int> number = read_day(day);
      if (!number) {
        std::string hint = suggest(day, kDays);
        return wrong(fmt::format("'{}' is no day of the week", day),
                     hint.empty() ? "Mon, Tue, Wed, Thu, Fri, Sat or Sun" : hint);
      }
      days[i] = *number;
    } else {
      days[1] = days[0];
    }
    std::string_view clock = blank == std::string_view::npos ? end : end.substr(blank + 1);
    std::optional<std::chrono::minutes> time = read_clock(clock);
    if (!time) return wrong(fmt::format("'{}' is no time of day", clock), "write 04:00 or 22:30");
    clocks[i] = *time;
    bool second_day_left_out = day.empty();
    if (i == 1 && second_day_left_out && clocks[1] < clocks[0]) {
      return wrong("it ends before it begins",
                   fmt::format("name the second day: \"{} {}-{} {}\"", kDays[days[0]],
                               text.substr(text.find(' ') + 1, 5), kDays[(days[0] + 1) % 7], clock));
    }
  }
  if (days[0] == days[1] && clocks[0] == clocks[1])
    return wrong("it is empty", "a window that is always open: leave `windows` out");
  for (int i = 0; i < 2; ++i) {
    if (clocks[i] == std::chrono::hours(24)) {  // the end of a day is the beginning of the next
      clocks[i] = std::chrono::minutes(0);
      days[i] = (days[i] + 1) % 7;
    }
  }
  window.day_from = days[0], window.day_to = days[1];
  window.from = clocks[0], window.to = clocks[1];
  return window;
}

/// A day, or a day and a time: 2026-11-25T00:30. As an end, a day alone is included.
std::optional<LocalTime> read_local(Reading& reading, const YamlNode& node, std::string_view what, bool is_end) {
  std::optional<std::string> text = read_text(reading, node, what);
  if (!text) return std::nullopt;
  std::size_t at = text->find_first_of("T ");
  Result<Date> date = parse_date(std::string_view(*text).substr(0, at));
  if (!date) {
    reading.error(node, fmt::format("{}: {}", what, date.error().what),
                  "write 2026-11-25 or 2026-11-25T00:30, in the rule set's time zone");
    return std::nullopt;
  }
  if (at == std::string::npos)
    return LocalTime{is_end ? Date(std::chrono::sys_days(*date) + std::chrono::days(1)) : *date,
                     std::chrono::seconds(0)};
  std::string clock = text->substr(at + 1);
  if (clock.size() == 8 && clock.ends_with(":00")) clock.resize(5);
  std::optional<std::chrono::minutes> time = read_clock(clock);
  if (!time) {
    bool zone = clock.find_first_of("Zz+") != std::string::npos;
    reading.error(node, fmt::format("{}: '{}' is no time of day", what, clock),
                  zone ? "without an offset: times are in the rule set's time zone" : "write 2026-11-25T00:30");
    return std::nullopt;
  }
  if (*time == std::chrono::hours(24))
    return LocalTime{Date(std::chrono::sys_days(*date) + std::chrono::days(1)), std::chrono::seconds(0)};
  return LocalTime{*date, *time};
}

std::optional<Window> read_span(Reading& reading, const YamlNode& node) {
  static constexpr std::string_view kKeys[] = {"from", "to", "ticket", "reason"};
  Fields fields(reading, node, "a window", kKeys);
  const YamlNode *from = fields.need("from"), *to = fields.need("to");
  if (from == nullptr || to == nullptr) return std::nullopt;
  std::optional<LocalTime> begin = read_local(reading, *from, "'from'", false);
  std::optional<LocalTime> end = read_local(reading, *to, "'to'", true);
  Window window;
  window.where = reading.where(node);
  read_text_field(reading, fields, "ticket", window.ticket);
  read_text_field(reading, fields, "reason", window.reason);
  if (!begin || !end) return std::nullopt;
  window.begin = *begin, window.end = *end;
  window.text = fmt::format("{} to {}", from->scalar, to->scalar);
  if (std::pair(end->date, end->time_of_day) <= std::pair(begin->date, begin->time_of_day)) {
    reading.error(*to, "the window ends before it begins, or when it does", "put the later time under `to`");
    return std::nullopt;
  }
  return window;
}

std::vector<Window> read_windows(Reading& reading, const YamlNode& node, std::string_view what) {
  std::vector<Window> out;
  auto take = [&](const YamlNode& item) {
    std::optional<Window> window;
    if (item.is_scalar())
      window = read_weekly(reading, item);
    else
      window = read_span(reading, item);
    if (window) out.push_back(std::move(*window));
  };
  if (node.is_mapping())
    take(node);
  else
    for (const YamlNode* item : read_list(reading, node, what)) take(*item);
  return out;
}

}  // namespace

// --- Scope ---

void read_scope(Reading& reading) {
  static constexpr std::string_view kKeys[] = {
      "targets", "exclude",   "max_rate",     "max_rate_per_target", "max_states_per_path",
      "windows", "blackouts", "authorised_by"};
  static constexpr std::string_view kAuthorKeys[] = {"by", "date", "ticket", "valid_until"};
  const YamlNode* node = reading.only("scope");
  if (node == nullptr) return;
  ScopePolicy& scope = reading.rules.scope;
  scope.given = true;
  scope.where = reading.where(*node);
  Fields fields(reading, *node, "'scope'", kKeys);
  if (const YamlNode* targets = fields.need("targets")) {
    bool empty_on_purpose = targets->is_sequence() && targets->count == 0;  // a draft: nothing may be scanned yet
    if (!empty_on_purpose) scope.targets = reading.endpoints(*targets, "'targets'", true);
    scope.targets.where = reading.where(*targets);
    const YamlNode* item = targets->is_sequence() ? targets->first : targets;
    for (; item != nullptr && item->is_scalar(); item = targets->is_sequence() ? item->next : nullptr) {
      if (item->scalar.starts_with("vantage:")) scope.vantage_targets.emplace_back(item->scalar.substr(8));
      auto zone = reading.names.zones.find(item->scalar);
      if (zone != reading.names.zones.end() && reading.rules.zones[zone->second].any) {
        reading.error(*item,
                      fmt::format("the scope cannot hold '{}', which is everybody else's network", item->scalar),
                      "name networks and hosts that you are authorised to test");
      }
      Result<Prefix> prefix = parse_prefix(item->scalar);
      if (prefix && (prefix->is_host() ? classify(prefix->base()) == AddressClass::multicast ||
                                             classify(prefix->base()) == AddressClass::broadcast
                                       : prefix->length() < (prefix->family() == Family::ipv4 ? 8U : 16U))) {
        reading.error(*item, fmt::format("the scope cannot hold {}", to_string(*prefix)),
                      "name the networks and hosts that you are authorised to test");
      }
    }
  }
  if (const YamlNode* exclude = fields.get("exclude"))
    scope.exclude = reading.endpoints(*exclude, "'exclude'", true);
  if (const YamlNode* rate = fields.get("max_rate"))
    scope.rate_max = read_rate(reading, *rate, "'max_rate'").value_or(scope.rate_max);
  if (const YamlNode* rate = fields.get("max_rate_per_target")) {
    scope.rate_max_per_target =
        read_rate(reading, *rate, "'max_rate_per_target'").value_or(scope.rate_max_per_target);
    if (scope.rate_max_per_target > scope.rate_max)
      reading.warning(*rate,
                      fmt::format("{} packets/s for one target is more than {} for the whole scan",
                                  scope.rate_max_per_target, scope.rate_max),
                      "`max_rate` wins");
  }
  scope.rate_max_per_target = std::min(scope.rate_max_per_target, scope.rate_max);
  if (const YamlNode* states = fields.get("max_states_per_path"))
    scope.states_max_per_path =
        read_number(reading, *states, "'max_states_per_path'", 1, kRateMax).value_or(scope.states_max_per_path);
  if (const YamlNode* windows = fields.get("windows")) scope.windows = read_windows(reading, *windows, "'windows'");
  if (const YamlNode* blackouts = fields.get("blackouts"))
    scope.blackouts = read_windows(reading, *blackouts, "'blackouts'");
  const YamlNode* authorised = fields.get("authorised_by");
  if (authorised == nullptr) {
    if (fields.usable() && !scope.targets.names.empty())
      reading.warning(
          *node, "nobody has authorised this scope",
          "add `authorised_by: { by: NAME, date: 2026-02-05, ticket: CHG-1, valid_until: 2027-02-05 }`");
    return;
  }
  if (authorised->is_scalar()) {
    scope.authorised_by = std::string(authorised->scalar);
  } else {
    Fields author(reading, *authorised, "'authorised_by'", kAuthorKeys);
    if (const YamlNode* by = author.need("by")) {
      std::optional<std::string> person = reading.names.people.empty()
                                              ? read_text(reading, *by, "'by'")
                                              : read_known(reading, *by, "person", reading.names.people);
      scope.authorised_by = person.value_or("");
    }
    if (const YamlNode* date = author.get("date")) scope.authorised_on = read_date(reading, *date, "'date'");
    read_text_field(reading, author, "ticket", scope.authorised_ticket);
    if (const YamlNode* until = author.get("valid_until")) {
      scope.valid_until = read_date(reading, *until, "'valid_until'");
      if (scope.valid_until && scope.authorised_on && *scope.valid_until < *scope.authorised_on)
        reading.error(*until, "the authorisation ends before it begins",
                      fmt::format("it was given on {}", to_string(*scope.authorised_on)));
    }
  }
}

// --- Vantage points ---

namespace {

/// "proxy1.front:443", "192.0.2.10:443" or "[2001:db8::10]:443"; a name with several addresses is several canaries.
void read_canary(Reading& reading, const YamlNode& node, std::vector<CanaryTarget>& out) {
  std::optional<std::string> text = read_text(reading, node, "a canary");
  if (!text) return;
  std::size_t colon = text->rfind(':');
  constexpr std::string_view kForm = "write \"proxy1.front:443\" or \"[2001:db8::10]:443\"";
  if (colon == std::string::npos || colon == 0) {
    reading.error(node, fmt::format("the canary '{}' has no port", *text), std::string(kForm));
    return;
  }
  YamlNode port_node = node;
  port_node.scalar = std::string_view(*text).substr(colon + 1);
  std::optional<PortRange> port = read_port_range(reading, port_node);
  if (!port) return;
  std::string host = text->substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::vector<Address> addresses;
  if (auto known = reading.names.nics.find(host); known != reading.names.nics.end())
    addresses = known->second;
  else if (std::optional<Address> address = parse_address(host))
    addresses.push_back(*address);
  else
    reading.error(node, fmt::format("unknown host '{}' in a canary", host),
                  reading.flooded() ? "" : suggest_name(host, keys_of(reading.names.nics), std::string(kForm)));
  if (port->size() != 1) {
    reading.error(node, "a canary is one port", std::string(kForm));
    return;
  }
  for (const Address& address : addresses) out.push_back({*text, address, port->first});
}

/// "user@host", and for a jump several with commas between. OpenSSH makes a command line for a shell out of the jump
/// hosts, and expands '%': so a list of what may be, not of what may not.
bool good_ssh_destination(std::string_view text, bool several) {
  if (text.empty() || text.size() > 512) return false;
  bool part_begins = true;
  for (char c : text) {
    bool separator = c == '@' || (several && c == ',');
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                  c == '_' || c == ':' || c == '[' || c == ']' || c == '-';
    if ((!separator && !letter) || (part_begins && (separator || c == '-'))) return false;
    part_begins = separator;
  }
  return !part_begins;
}

/// ssh reads several files out of one with blanks, and quotes and '%' have a meaning of their own.
bool good_ssh_file(std::string_view path) {
  constexpr std::string_view kBad = " \t\"'\\%$`";
  return !path.empty() && path.front() != '-' && path.size() <= 4096 &&
         std::none_of(path.begin(), path.end(), [&](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || kBad.find(c) != std::string_view::npos;
         });
}

std::optional<Vantage::Ssh> read_ssh(Reading& reading, const YamlNode& node) {
  static constexpr std::string_view kKeys[] = {"host", "port", "identity", "jump", "known_hosts"};
  Fields fields(reading, node, "'ssh'", kKeys);
  const YamlNode* host = fields.need("host");
  if (host == nullptr) return std::nullopt;
  Vantage::Ssh ssh;
  ssh.host = read_text(reading, *host, "'host'").value_or("");
  read_text_field(reading, fields, "identity", ssh.identity);
  read_text_field(reading, fields, "jump", ssh.jump);
  read_text_field(reading, fields, "known_hosts", ssh.known_hosts);
  if (const YamlNode* port = fields.get("port"))
    ssh.port = static_cast<std::uint16_t>(read_number(reading, *port, "'port'", 1, 65535).value_or(22));
  // These become arguments of ssh: one that begins with '-' would be an option, and -oProxyCommand runs anything.
  for (auto [key, value, files] :
       {std::tuple("host", &ssh.host, false), std::tuple("identity", &ssh.identity, true),
        std::tuple("jump", &ssh.jump, false), std::tuple("known_hosts", &ssh.known_hosts, true)}) {
    if (fields.get(key) == nullptr || (files ? good_ssh_file(*value) : good_ssh_destination(*value, *key == 'j')))
      continue;
    reading.error(*fields.get(key), fmt::format("'{}' cannot be an argument of ssh", *value),
                  files ? "the path of a file, without blanks and not beginning with '-'"
                        : "write user@host, of letters, digits and . _ : -; no part may begin with '-'");
  }
  return ssh;
}

}  // namespace

void read_vantages(Reading& reading) {
  static constexpr std::string_view kKeys[] = {"zone", "address", "behind_nat", "canaries", "ssh"};
  for (const Entry& entry : reading.entries("vantages", "vantage point")) {
    std::string what = fmt::format("vantage point '{}'", entry.key->scalar);
    Vantage vantage;
    vantage.name = std::string(entry.key->scalar);
    vantage.where = reading.where(*entry.key);
    Fields fields(reading, *entry.value, what, kKeys);
    const YamlNode* zone_node = fields.get("zone");
    std::optional<std::string> zone;
    if (zone_node != nullptr) zone = read_known(reading, *zone_node, "zone", reading.names.zones);
    std::optional<Address> address;
    if (const YamlNode* node = fields.need("address")) address = read_address(reading, *node, "'address'");
    if (address) {
      vantage.address = *address;
      const Zone* real = reading.rules.zone_of(*address);
      if (zone && (real == nullptr || real->name != *zone)) {
        reading.error(*fields.get("address"),
                      fmt::format("{} says it stands in '{}', and {} {}", what, *zone, to_string(*address),
                                  real == nullptr ? "lies in no zone" : fmt::format("lies in '{}'", real->name)),
                      "what is open from one zone says nothing about another");
      } else if (zone_node == nullptr && real == nullptr) {
        reading.error(*fields.get("address"), fmt::format("{} lies in no zone", to_string(*address)),
                      "add its network to a zone");
      } else if (real != nullptr) {
        vantage.zone = real->name;
      }
    }
    if (const YamlNode* nat = fields.get("behind_nat"))
      vantage.behind_nat = read_truth(reading, *nat, "'behind_nat'").value_or(false);
    if (const YamlNode* canaries = fields.get("canaries")) {
      for (const YamlNode* item : read_list(reading, *canaries, "'canaries'"))
        read_canary(reading, *item, vantage.canaries);
    }
    if (const YamlNode* ssh = fields.get("ssh")) vantage.ssh = read_ssh(reading, *ssh);
    reading.names.vantages.emplace(vantage.name, reading.rules.vantages.size());
    reading.rules.vantages.push_back(std::move(vantage));
  }
}

// --- Sensors ---

namespace {
std::optional<std::pair<std::string, std::string>> read_zone_pair(Reading& reading, const YamlNode& node,
                                                                  std::string_view what) {
  if (!node.is_sequence() || node.count != 2) {
    reading.error(node, fmt::format("{} is no pair of zones", what), "write [internet, dmz]");
    return std::nullopt;
  }
  std::optional<std::string> from = read_known(reading, *node.first, "zone", reading.names.zones);
  std::optional<std::string> to = read_known(reading, *node.first->next, "zone", reading.names.zones);
  if (!from || !to) return std::nullopt;
  return std::pair(std::move(*from), std::move(*to));
}
}  // namespace

void read_sensors(Reading& reading) {
  static constexpr std::string_view kKeys[] = {"sees", "both_directions", "sampling", "beyond_filter"};
  for (const Entry& entry : reading.entries("sensors", "sensor")) {
    Sensor sensor;
    sensor.name = std::string(entry.key->scalar);
    sensor.where = reading.where(*entry.key);
    Fields fields(reading, *entry.value, fmt::format("sensor '{}'", sensor.name), kKeys);
    if (const YamlNode* sees = fields.need("sees")) {
      if (!sees->is_sequence() || sees->count == 0) {
        reading.error(*sees, "'sees' must be a list of zone pairs", "write [[internet, dmz], [dmz, database]]");
      } else {
        std::set<std::pair<std::string, std::string>> seen;
        for (const YamlNode* item = sees->first; item != nullptr; item = item->next) {
          std::optional<std::pair<std::string, std::string>> pair =
              read_zone_pair(reading, *item, "an entry of 'sees'");
          if (!pair) continue;
          if (!seen.insert(*pair).second)
            reading.warning(*item, fmt::format("[{}, {}] is given twice", pair->first, pair->second),
                            "once is enough");
          else
            sensor.sees.push_back(std::move(*pair));
        }
      }
    }
    if (const YamlNode* both = fields.get("both_directions"))
      sensor.both_directions = read_truth(reading, *both, "'both_directions'").value_or(false);
    if (const YamlNode* sampling = fields.get("sampling"))
      sensor.sampling = read_number(reading, *sampling, "'sampling'", 1, 1'000'000).value_or(1);
    if (const YamlNode* beyond = fields.get("beyond_filter"))
      sensor.beyond_filter = read_truth(reading, *beyond, "'beyond_filter'").value_or(false);
    reading.rules.sensors.push_back(std::move(sensor));
  }
}

// --- Coverage ---

namespace {

/// `all`, `none`, `approved+forbidden+catalogue`, ports, or a list of these.
PortCoverage read_port_coverage(Reading& reading, const YamlNode& node, std::string_view what, bool has_ports) {
  static constexpr std::string_view kWords[] = {"all", "none", "approved", "forbidden", "catalogue"};
  PortCoverage out;
  std::vector<PortRange> ranges;
  bool something = false;
  for (const YamlNode* item : read_list(reading, node, what)) {
    std::optional<std::string> text = read_text(reading, *item, what);
    if (!text) continue;
    bool number = (*text)[0] >= '0' && (*text)[0] <= '9';
    if (number && !has_ports) {
      reading.error(*item, fmt::format("{} has no ports", what),
                    "all, none, approved, forbidden, catalogue, or a sum of these");
      continue;
    }
    if (number) {
      if (std::optional<PortRange> range = read_port_range(reading, *item)) ranges.push_back(*range);
      something = true;
      continue;
    }
    for (std::size_t begin = 0; begin <= text->size();) {
      std::size_t end = std::min(text->find('+', begin), text->size());
      std::string word = text->substr(begin, end - begin);
      begin = end + 1;
      bool* flags[] = {&out.all, &out.none, &out.approved, &out.forbidden, &out.catalogue};
      auto found = std::find(std::begin(kWords), std::end(kWords), word);
      if (found != std::end(kWords)) {
        *flags[found - std::begin(kWords)] = true;
        something |= word != "none";
      } else {
        std::string hint = suggest(word, kWords);
        reading.error(*item, fmt::format("{}: '{}' is nothing that can be covered", what, word),
                      hint.empty() ? "all, none, approved+forbidden+catalogue, or a list of ports" : hint);
      }
    }
  }
  out.ports = PortSet::of(std::move(ranges));
  if (out.none && something)
    reading.error(node, fmt::format("{} is `none` and something besides", what), "`none` stands alone");
  return out;
}

}  // namespace

void read_coverage(Reading& reading) {
  static constexpr std::string_view kKeys[] = {"tcp", "udp", "icmp", "vantages", "max_age"};
  const YamlNode* node = reading.only("coverage");
  if (node == nullptr) return;
  Coverage& coverage = reading.rules.coverage;
  coverage.given = true;
  coverage.where = reading.where(*node);
  Fields fields(reading, *node, "'coverage'", kKeys);
  if (const YamlNode* tcp = fields.get("tcp")) coverage.tcp = read_port_coverage(reading, *tcp, "'tcp'", true);
  if (const YamlNode* udp = fields.get("udp")) coverage.udp = read_port_coverage(reading, *udp, "'udp'", true);
  if (const YamlNode* icmp = fields.get("icmp"))
    coverage.icmp = read_port_coverage(reading, *icmp, "'icmp'", false);
  if (const YamlNode* vantages = fields.get("vantages")) {
    for (const YamlNode* item : read_list(reading, *vantages, "'vantages'")) {
      std::optional<std::string> name = read_known(reading, *item, "vantage point", reading.names.vantages);
      if (!name) continue;
      if (std::find(coverage.vantages.begin(), coverage.vantages.end(), *name) != coverage.vantages.end())
        reading.warning(*item, fmt::format("'{}' is named twice", *name), "once is enough");
      else
        coverage.vantages.push_back(std::move(*name));
    }
  }
  if (const YamlNode* age = fields.get("max_age")) coverage.age_max = read_period(reading, *age, "'max_age'");
}

// --- Devices and paths ---

namespace {

std::vector<Filter> read_filters(Reading& reading, const YamlNode& node) {
  static constexpr std::string_view kKeys[] = {"name", "interface", "direction"};
  static constexpr Word<const char*> kDirections[] = {{"in", "in"}, {"out", "out"}};
  std::vector<Filter> out;
  if (!node.is_sequence()) {
    reading.error(node, fmt::format("'filters' is {}, not a list", describe(node.kind)),
                  "write [{ name: OUTSIDE-IN, interface: Gi0/0, direction: in }]");
    return out;
  }
  for (const YamlNode* item = node.first; item != nullptr; item = item->next) {
    Fields fields(reading, *item, "a filter", kKeys);
    Filter filter;
    if (const YamlNode* name = fields.need("name")) filter.name = read_text(reading, *name, "'name'").value_or("");
    read_text_field(reading, fields, "interface", filter.interface_name);
    if (const YamlNode* direction = fields.get("direction"))
      filter.direction = read_word(reading, *direction, "'direction'", kDirections).value_or("");
    out.push_back(std::move(filter));
  }
  return out;
}

/// `interfaces: { Gi0/0: [internet, partner], Gi0/1: dmz }`
std::vector<DeclaredInterface> read_interfaces(Reading& reading, const YamlNode& node) {
  std::vector<DeclaredInterface> out;
  if (!node.is_mapping()) {
    reading.error(node, fmt::format("'interfaces' is {}, not a mapping", describe(node.kind)),
                  "write { Gi0/0: [internet, partner], Gi0/1: dmz }");
    return out;
  }
  for (const YamlNode* key = node.first; key != nullptr; key = key->next->next) {
    DeclaredInterface interface;
    interface.name = std::string(key->scalar);
    interface.where = reading.where(*key);
    for (const YamlNode* item : read_list(reading, *key->next, "the zones behind an interface"))
      if (std::optional<std::string> zone = read_known(reading, *item, "zone", reading.names.zones))
        interface.zones.push_back(std::move(*zone));
    out.push_back(std::move(interface));
  }
  return out;
}

void read_hops(Reading& reading, const YamlNode& node, Path& path) {
  auto device = [&](const YamlNode& item) { return read_known(reading, item, "device", reading.names.devices); };
  if (node.is_scalar() && node.scalar == "none") {
    path.none = true;
    return;
  }
  for (const YamlNode* hop = node.is_sequence() ? node.first : &node; hop != nullptr;
       hop = node.is_sequence() ? hop->next : nullptr) {
    std::vector<std::string> alternatives;
    if (hop->is_scalar() && hop->scalar == "none") {
      reading.error(*hop, "'none' is no device", "write `via: none` for a pair that no path joins");
    } else {
      for (const YamlNode* item : read_list(reading, *hop, "a hop"))
        if (std::optional<std::string> name = device(*item)) alternatives.push_back(std::move(*name));
    }
    if (!alternatives.empty()) path.via.push_back(std::move(alternatives));
  }
  if (node.is_sequence() && node.count == 0)
    reading.error(node, "'via' is an empty list", "name the devices in order, or write `via: none` for isolation");
}

}  // namespace

void read_enforcement(Reading& reading) {
  static constexpr std::string_view kKeys[] = {"devices", "paths"};
  static constexpr std::string_view kDeviceKeys[] = {"dialect", "config", "filters", "interfaces", "stateful"};
  static constexpr std::string_view kPathKeys[] = {"between", "via"};
  const YamlNode* node = reading.only("enforcement");
  if (node == nullptr) return;
  Fields fields(reading, *node, "'enforcement'", kKeys);
  if (const YamlNode* devices = fields.get("devices");
      devices != nullptr && devices->kind != YamlNode::Kind::null) {
    if (!devices->is_mapping())
      reading.error(*devices, fmt::format("'devices' is {}, not a mapping", describe(devices->kind)),
                    "write `edge-rtr: { dialect: cisco-ios, config: edge.cfg }`");
    for (const YamlNode* key = devices->is_mapping() ? devices->first : nullptr; key != nullptr;
         key = key->next->next) {
      if (!check_new_name(reading, *key, "device")) continue;
      DeclaredDevice device;
      device.name = std::string(key->scalar);
      device.where = reading.where(*key);
      Fields entry(reading, *key->next, fmt::format("device '{}'", device.name), kDeviceKeys);
      if (const YamlNode* dialect = entry.need("dialect"))
        device.dialect = read_text(reading, *dialect, "'dialect'").value_or("");
      read_text_field(reading, entry, "config", device.config);
      if (const YamlNode* filters = entry.get("filters")) device.filters = read_filters(reading, *filters);
      if (const YamlNode* interfaces = entry.get("interfaces"))
        device.interfaces = read_interfaces(reading, *interfaces);
      if (const YamlNode* stateful = entry.get("stateful"))
        device.stateful = read_truth(reading, *stateful, "'stateful'");
      if (reading.names.devices.emplace(device.name, reading.rules.devices.size()).second)
        reading.rules.devices.push_back(std::move(device));
    }
  }
  const YamlNode* paths = fields.get("paths");
  if (paths == nullptr || paths->kind == YamlNode::Kind::null) return;
  if (!paths->is_sequence()) {
    reading.error(*paths, fmt::format("'paths' is {}, not a list", describe(paths->kind)),
                  "write `- { between: [internet, dmz], via: [edge-rtr] }`");
    return;
  }
  std::map<std::pair<std::string, std::string>, const YamlNode*> seen;
  for (const YamlNode* item = paths->first; item != nullptr; item = item->next) {
    Fields entry(reading, *item, "a path", kPathKeys);
    const YamlNode *between = entry.need("between"), *via = entry.need("via");
    Path path;
    path.where = reading.where(*item);
    std::optional<std::pair<std::string, std::string>> pair;
    if (between != nullptr) pair = read_zone_pair(reading, *between, "'between'");
    if (via != nullptr) read_hops(reading, *via, path);
    if (!pair) continue;
    path.from = pair->first, path.to = pair->second;
    auto [first, fresh] = seen.emplace(*pair, item);
    if (!fresh)
      reading.error(
          *between, fmt::format("the path between '{}' and '{}' is given twice", path.from, path.to),
          fmt::format("first at {}; alternatives are one hop: via: [[a, b]]", reading.place(*first->second)));
    reading.rules.paths.push_back(std::move(path));
  }
}

}  // namespace demarc::policy_reading
