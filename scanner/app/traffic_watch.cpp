#include "scanner/app/traffic_watch.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <memory>
#include <tuple>

#include "rules/text/escape.h"
#include "scanner/app/console.h"
#include "scanner/app/world.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

constexpr std::string_view kPrefix = "traffic-";
constexpr std::size_t kStampLength = 16;  // 20261128T031500Z

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::string spelled(const std::string& pattern, Timestamp at) {
  const std::time_t seconds = at.seconds();
  std::tm broken{};
  ::gmtime_r(&seconds, &broken);
  std::array<char, 4096> text{};
  // The leading byte tells an empty result from one that found no room.
  const std::size_t length = ::strftime(text.data(), text.size(), ("=" + pattern).c_str(), &broken);
  return length == 0 ? pattern : std::string(text.data() + 1, length - 1);
}

std::string_view ending(std::string_view format) {
  return format == "text" ? "txt" : format == "markdown" ? "md" : format;
}

/// The order of a name that interval_file() gave; nothing for other files.
std::optional<std::pair<std::string, unsigned long>> order_of(std::string_view file, std::string_view end) {
  if (!file.starts_with(kPrefix) || !file.ends_with(fmt::format(".{}", end))) return std::nullopt;
  file.remove_prefix(kPrefix.size());
  file.remove_suffix(end.size() + 1);
  if (file.size() < kStampLength) return std::nullopt;
  for (std::size_t i = 0; i < kStampLength; ++i) {
    const bool fits = i == 8 ? file[i] == 'T' : i == 15 ? file[i] == 'Z' : std::isdigit(file[i]) != 0;
    if (!fits) return std::nullopt;
  }
  const std::string stamp(file.substr(0, kStampLength));
  file.remove_prefix(kStampLength);
  if (file.empty()) return std::pair(stamp, 1UL);
  if (file[0] != '-' || file.size() < 2 || file.size() > 10) return std::nullopt;
  unsigned long number = 0;
  for (const char c : file.substr(1)) {
    if (std::isdigit(c) == 0) return std::nullopt;
    number = number * 10 + static_cast<unsigned long>(c - '0');
  }
  return std::pair(stamp, number);
}

}  // namespace

Result<std::vector<IntervalOutput>> parse_interval_outputs(std::span<const std::string> values,
                                                           std::span<const std::string_view> formats,
                                                           std::string_view (*by_ending)(std::string_view file)) {
  std::vector<IntervalOutput> outputs;
  std::vector<std::string> files;
  for (const std::string& value : values) {
    const std::size_t equals = value.find('=');
    const bool named = equals != std::string::npos && equals > 0 && value.find_first_of("/.") > equals;
    const std::string place = named ? value.substr(equals + 1) : value;
    // "evidence/" says that it is a directory; where there is none yet, it is made.
    if (place.ends_with('/') && !is_directory(place) && ::mkdir(place.c_str(), 0777) != 0)
      return std::unexpected(file_error(place, "cannot be made", errno));
    if (!is_directory(place)) {
      files.push_back(value);
      continue;
    }
    if (::access(place.c_str(), W_OK | X_OK) != 0)
      return std::unexpected(file_error(place, "cannot be written to", errno));
    IntervalOutput output;
    output.format = named ? value.substr(0, equals) : "jsonl";
    DEMARC_TRY(check_format(output.format, formats));
    output.directory = place;
    outputs.push_back(std::move(output));
  }
  const std::vector<Output> plain = DEMARC_TRY(parse_outputs(files, formats, by_ending));
  for (const Output& output : plain) outputs.push_back({output.format, "", output.file});
  return outputs;
}

std::string interval_file(const IntervalOutput& output, Timestamp from) {
  if (output.directory.empty())
    return output.pattern.find('%') == std::string::npos ? output.pattern : spelled(output.pattern, from);
  const std::string stem = fmt::format("{}{}{}{}", output.directory, output.directory.ends_with('/') ? "" : "/",
                                       kPrefix, spelled("%Y%m%dT%H%M%SZ", from));
  for (unsigned long number = 1;; ++number) {
    std::string file = number == 1 ? fmt::format("{}.{}", stem, ending(output.format))
                                   : fmt::format("{}-{}.{}", stem, number, ending(output.format));
    if (::access(file.c_str(), F_OK) != 0 || number == 100'000) return file;
  }
}

Result<void> keep_newest(const IntervalOutput& output, std::size_t keep) {
  if (output.directory.empty() || keep == 0) return {};
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(output.directory.c_str()), ::closedir);
  if (!directory) return std::unexpected(file_error(output.directory, "cannot be listed", errno));
  std::vector<std::tuple<std::string, unsigned long, std::string>> files;
  while (const dirent* entry = ::readdir(directory.get()))
    if (auto order = order_of(entry->d_name, ending(output.format)))
      files.emplace_back(order->first, order->second, entry->d_name);
  if (files.size() <= keep) return {};
  std::sort(files.begin(), files.end());
  files.resize(files.size() - keep);
  Result<void> result;
  for (const auto& [stamp, number, file] : files) {
    const std::string path = output.directory + "/" + file;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT && result)
      result = std::unexpected(file_error(path, "cannot be removed", errno));
  }
  return result;
}

TrafficWatch::TrafficWatch(TrafficWatchOptions options) : options_(std::move(options)) {}

Result<void> TrafficWatch::begin(const std::string& source, const std::string& sensor) {
  metrics_.version = DEMARC_VERSION;
  metrics_.source = source;
  metrics_.sensor = sensor;
  metrics_.judged = options_.judge != nullptr;
  return write_page();
}

Result<void> TrafficWatch::write_page() {
  if (options_.prometheus_file.empty()) return {};
  metrics_.written = now();
  return write_file_atomically(options_.prometheus_file, prometheus_page(metrics_));
}

void TrafficWatch::write(const LiveInterval& interval, const Verdict* verdict) {
  for (const IntervalOutput& output : options_.outputs) {
    const std::string file = interval_file(output, interval.from);
    Result<void> written = write_file_atomically(file, [&](const TakePiece& take) {
      options_.write(output.format, interval.evidence, verdict, false, take);
    });
    if (written && options_.keep != 0) written = keep_newest(output, options_.keep);
    if (written) continue;
    // The next interval may find room again; this one's exit code does not forget.
    say(written.error());
    failed_ = true;
    ++metrics_.write_errors;
  }
}

std::string TrafficWatch::new_findings(const Verdict& verdict, Timestamp at) {
  std::string lines;
  for (const Finding& finding : verdict.findings) {
    if (finding.kind == FindingKind::not_measured) continue;
    if (told_.contains(finding.id)) continue;
    if (told_.size() < kFindingsMax) told_.insert(finding.id);
    ++metrics_.findings[{finding.kind, finding.severity}];
    lines += fmt::format("{} {:<8} {} {}: {}\n", to_string(at), name(finding.severity), name(finding.kind),
                         finding.id, terminal_safe(finding.title));
  }
  return lines;
}

bool TrafficWatch::show(const LiveInterval& interval, const Verdict* verdict) {
  Result<void> shown;
  std::string text;
  const Timestamp at = Timestamp::from_seconds(interval.until.seconds());
  if (options_.format != "text") {
    if (verdict != nullptr) new_findings(*verdict, at);
    // Where files are written, standard output has to be asked for.
    if (options_.format_given || options_.outputs.empty())
      options_.write(options_.format, interval.evidence, verdict, use_color(), [&](std::string_view piece) {
        if (shown) shown = write_stdout(piece);
        return shown.has_value();
      });
  } else if (verdict != nullptr) {
    text = new_findings(*verdict, at);
  } else if (options_.format_given || options_.outputs.empty()) {
    const FlowSource& source = interval.evidence.sources.front();
    text = fmt::format("{} {} packets, {} bytes, {} conversations begun, {} open, {} services used, {} dropped\n",
                       to_string(at), source.packets, interval.bytes, interval.conversations_begun,
                       interval.conversations_open,
                       std::count_if(interval.evidence.flows.begin(), interval.evidence.flows.end(),
                                     [](const ObservedFlow& flow) { return flow.established != 0; }),
                       source.dropped);
  }
  if (!text.empty()) shown = write_stdout(text);
  if (shown) return true;
  say(shown.error());
  failed_ = true;
  return false;
}

bool TrafficWatch::interval(LiveInterval& interval) {
  std::optional<Verdict> verdict;
  if (options_.judge) {
    verdict = options_.judge(interval.evidence);
    conclude(*verdict, options_.fail_on);
    const int code = demarc::exit_code(*verdict, options_.fail_on).code;
    violated_ = violated_ || code == kFindings;
    inconclusive_ = inconclusive_ || code == kInconclusive;
  }
  metrics_.add(interval.evidence);
  metrics_.bytes += interval.bytes;
  metrics_.conversations += interval.conversations_begun;
  metrics_.open = interval.conversations_open;
  if (const std::string weak = options_.weakness(interval.evidence); !weak.empty()) {
    say_warning(weak);
    inconclusive_ = true;
  }
  write(interval, verdict ? &*verdict : nullptr);
  const bool shown = show(interval, verdict ? &*verdict : nullptr);
  if (const Result<void> page = write_page(); !page) {
    say(page.error());
    failed_ = true;
  }
  return shown;
}

int TrafficWatch::exit_code() const {
  return failed_ ? kCouldNotRun : violated_ ? kFindings : inconclusive_ ? kInconclusive : kConforms;
}

}  // namespace demarc
