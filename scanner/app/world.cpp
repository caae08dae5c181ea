#include "scanner/app/world.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <random>

#include "rules/policy/yaml_reader.h"
#include "rules/text/sha256.h"
#include "scanner/app/console.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

constexpr std::uint64_t kRuleFileMax = 64ULL << 20;
constexpr std::uint64_t kTimeZoneFileMax = 1U << 20;
constexpr const char* kDefaultRules = "demarc.yaml";

Result<std::string> time_zone_bytes(std::string_view name) {
  // A name, not a path: "Europe/Berlin".
  bool plausible =
      !name.empty() && name.front() != '/' && name.find("..") == std::string_view::npos && name.size() < 100;
  if (!plausible)
    return failure(fmt::format("'{}' is no time zone", name),
                   "write a name of the tz database: UTC, Europe/Berlin");
  std::string path = "/usr/share/zoneinfo/" + std::string(name);
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    bool installed = stat("/usr/share/zoneinfo", &info) == 0;
    return failure(
        fmt::format("the time zone '{}' is not known here", name),
        installed ? "write a name of the tz database: UTC, Europe/Berlin" : "install the package tzdata");
  }
  return read_whole_file(path, kTimeZoneFileMax);
}

std::atomic<bool> stop_requested{false};

void on_signal(int) {
  if (stop_requested.exchange(true)) _exit(kKilled);
}

}  // namespace

Timestamp now() {
  return Timestamp(std::chrono::duration_cast<Nanoseconds>(std::chrono::system_clock::now().time_since_epoch()));
}

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32 | device()) >>
         11;  // 53 bits: a JSON number every reader keeps exact
}

std::uint64_t common_seed(std::string_view plan_sha256) {
  std::string digest = sha256_hex("seed of the shards of " + std::string(plan_sha256));
  std::uint64_t seed = 0;
  std::from_chars(digest.data(), digest.data() + 16, seed, 16);
  return seed >> 11;
}

std::string new_run_id() { return fmt::format("{:x}-{:08x}", now().seconds(), random_seed() & 0xFFFFFFFF); }

LoadedRules load_rules(const CommonOptions& options, bool required) {
  LoadedRules loaded;
  std::string path = options.rules_file;
  const RuleBundle* bundle = options.rule_bundle.get();
  if (bundle != nullptr) {
    path = bundle->files.front().first;
  } else if (path.empty()) {
    struct stat info {};
    if (stat(kDefaultRules, &info) != 0) {
      loaded.absent = true;
      if (required)
        say(Error{{},
                  "no rule set: there is no demarc.yaml here",
                  "give --rules FILE, or begin with 'demarc init -o demarc.yaml'"});
      return loaded;
    }
    path = kDefaultRules;
  }
  RuleFiles files;
  files.read = [&, next = std::size_t{0}](const std::string& p) mutable -> Result<std::string> {
    Result<std::string> text = failure("the file did not come with the rule set");
    if (bundle == nullptr)
      text = read_whole_file(p, kRuleFileMax);
    else if (next < bundle->files.size())  // in reading order, and by name only: nothing is opened
      if (const auto& [name, bytes] = bundle->files[next++]; name == p) text = bytes;
    if (text) loaded.read.files.emplace_back(p, *text);
    return text;
  };
  files.environment = [&](std::string_view name) -> std::optional<std::string> {
    std::optional<std::string> value;
    if (bundle == nullptr) {
      if (const char* set = std::getenv(std::string(name).c_str())) value = set;
    } else {
      for (const auto& [known, text] : bundle->variables)
        if (known == name) value = text;
    }
    if (value) loaded.read.variables.emplace_back(name, *value);
    return value;
  };
  files.time_zone_bytes = time_zone_bytes;
  ReadRuleSet read = read_rule_set(path, files);
  if (bundle == nullptr || !read.rules) say(read.diagnostics);  // who sent it has seen the warnings
  loaded.rules = std::move(read.rules);
  return loaded;
}

Result<Timestamp> as_of(const CommonOptions& options, const RuleSet* rules) {
  if (options.as_of.empty())
    return Timestamp::from_seconds(now().seconds() + 1);  // whole seconds, and not before what was just measured
  if (Result<Date> date = parse_date(options.as_of)) {
    TimeZone utc;
    const TimeZone& zone = rules != nullptr ? rules->time_zone : utc;
    return zone.end_of(*date) - std::chrono::seconds(1);
  }
  Result<Timestamp> time = parse_timestamp(options.as_of);
  if (!time)
    return failure("--as-of: " + time.error().what, "write a day as 2026-11-23, or a time as 2026-11-23T10:00:00Z");
  return time;
}

void request_stop() { stop_requested.store(true); }

const std::atomic<bool>& stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return stop_requested;
}

std::uint64_t memory_for_flows() {
  constexpr std::uint64_t kMost = std::uint64_t{2} << 30, kLeast = std::uint64_t{32} << 20;
  std::uint64_t bytes = kMost;
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    bytes = std::min<std::uint64_t>(bytes, limit.rlim_cur / 2);
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0)
    bytes = std::min(bytes, static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) / 4);
  // Control groups, version 2: this process's and those around it (systemd's MemoryMax, a container's limit).
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with("0::/")) continue;
    for (std::string path = line.substr(3);; path.resize(path.rfind('/'))) {
      std::ifstream file("/sys/fs/cgroup" + path + "/memory.max");
      std::uint64_t most = 0;
      if (file >> most) bytes = std::min(bytes, most / 2);  // "max" is no number
      if (path.empty() || path.rfind('/') == std::string::npos) break;
    }
  }
  return std::max(bytes, kLeast);
}

Result<std::chrono::seconds> parse_duration(std::string_view text) {
  auto wrong = [&] { return failure(fmt::format("'{}' is no duration", text), "write 90s, 15m, 2h or 1d"); };
  std::int64_t number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || number <= 0 || number > 10'000'000) return wrong();
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.empty() || unit == "s") return std::chrono::seconds(number);
  if (unit == "m" || unit == "min") return std::chrono::minutes(number);
  if (unit == "h") return std::chrono::hours(number);
  if (unit == "d") return std::chrono::days(number);
  return wrong();
}

}  // namespace demarc
