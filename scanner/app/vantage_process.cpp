#include "scanner/app/vantage_process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>

#include "rules/evidence/journal.h"
#include "rules/evidence/json_lines.h"
#include "rules/text/escape.h"
#include "scanner/app/console.h"
#include "scanner/app/remote_request.h"
#include "scanner/app/world.h"

namespace demarc {

namespace {
using namespace std::chrono_literals;

constexpr std::size_t kErrorLineMax = 4096, kErrorLinesMax = 200;
constexpr auto kBeginPatience = 90s;     // to log in, read the rules and write the first record
constexpr auto kSilencePatience = 120s;  // a scan says something every second
constexpr auto kEndPatience = 10s;       // from the end of the journal to the end of the process
constexpr auto kStopPatience = 30s;      // from "stop" to the end

enum Field : std::size_t { kProgress, kDone, kTotal, kRate, kLoss, kLeft, kDetail, kLevel, kMessage };
constexpr std::string_view kPaths[] = {"progress", "done",   "total", "rate_per_s", "loss",
                                       "left_s",   "detail", "level", "message"};

/// A number that a display can stand.
double sane(const JsonFields& f, Field field, double most, double otherwise) {
  const JsonFields::Value& v = f.at(field);
  bool number = v.kind == JsonFields::Value::Kind::integer || v.kind == JsonFields::Value::Kind::real;
  double value = v.kind == JsonFields::Value::Kind::integer ? static_cast<double>(v.integer) : v.real;
  return number && std::isfinite(value) ? std::clamp(value, 0.0, most) : otherwise;
}

}  // namespace

VantageProcess::VantageProcess(Setup setup)
    : setup_(std::move(setup)), stream_(setup_.expected, [this](std::string_view lines) { return keep(lines); }) {}

Result<void> VantageProcess::start() {
  if (setup_.resumed) {
    DEMARC_TRY(stream_.resume(setup_.resumed_text));
    setup_.resumed_text.clear();
  }
  child_.emplace(DEMARC_TRY(Child::start(setup_.program, setup_.arguments)));
  to_send_ = std::move(setup_.request);
  heard_ = Clock::now();
  state_ = State::running;
  return {};
}

Result<void> VantageProcess::keep(std::string_view lines) {
  if (!file_) {
    Result<AppendFile> opened = AppendFile::open(
        setup_.journal, setup_.resumed ? AppendFile::Mode::append_or_create : AppendFile::Mode::create_new);
    if (!opened) disk_ = opened.error();
    if (opened) file_ = std::move(*opened);
  }
  if (file_)
    if (Result<void> written = file_->append(lines); !written) disk_ = written.error();
  return disk_ ? Result<void>(std::unexpected(*disk_)) : Result<void>();
}

void VantageProcess::add_to(std::vector<pollfd>& waiting) const {
  if (!child_) return;
  if (child_->input() >= 0 && sent_ < to_send_.size()) waiting.push_back({child_->input(), POLLOUT, 0});
  if (child_->output() >= 0) waiting.push_back({child_->output(), POLLIN, 0});
  if (child_->errors() >= 0) waiting.push_back({child_->errors(), POLLIN, 0});
}

void VantageProcess::write_input() {
  while (child_->input() >= 0 && sent_ < to_send_.size()) {
    ssize_t n = write(child_->input(), to_send_.data() + sent_, to_send_.size() - sent_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) return child_->close_input();  // it is gone; its end says why
    sent_ += static_cast<std::size_t>(n);
  }
  if (sent_ == to_send_.size()) {
    to_send_.clear();
    sent_ = 0;
  }
}

void VantageProcess::ask_to_stop() {
  if (state_ != State::running || stop_asked_ != Clock::time_point{}) return;
  stop_asked_ = Clock::now();
  to_send_ += kStopLine;
  write_input();
}

Result<void> VantageProcess::read_output() {
  char buffer[64 * 1024];
  // A few pieces at a time: the others are to be heard as well.
  for (int i = 0; i < 16 && child_->output() >= 0; ++i) {
    ssize_t n = read(child_->output(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return {};
    if (n <= 0) {
      output_ended_ = Clock::now();
      child_->close_output();
      return {};
    }
    heard_ = Clock::now();
    Result<void> good = stream_.feed(std::string_view(buffer, static_cast<std::size_t>(n)));
    if (disk_) return std::unexpected(*disk_);
    if (!good) {
      Error error = good.error();
      error.what = fmt::format("the stream from '{}' is refused: {}", name(), error.what);
      say(error);
      return give_up("its stream was refused: " + good.error().what);
    }
  }
  return {};
}

void VantageProcess::read_errors() {
  char buffer[16 * 1024];
  while (child_ && child_->errors() >= 0) {
    ssize_t n = read(child_->errors(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return child_->close_errors();
    // Progress a second at a time is a few hundred bytes: a flood is no sign of life.
    if ((errors_bytes_ += static_cast<std::size_t>(n)) < (256U << 20)) heard_ = Clock::now();
    for (std::string_view rest(buffer, static_cast<std::size_t>(n)); !rest.empty();) {
      std::size_t end = std::min(rest.find('\n'), rest.size());
      errors_pending_ +=
          rest.substr(0, std::min(end, kErrorLineMax - std::min(kErrorLineMax, errors_pending_.size())));
      if (end == rest.size()) break;
      take_error_line(errors_pending_);
      errors_pending_.clear();
      rest.remove_prefix(end + 1);
    }
    if (static_cast<std::size_t>(n) == sizeof buffer) return;
  }
}

/// Progress and messages come as JSON; what ssh says comes as it is.
void VantageProcess::take_error_line(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.empty()) return;
  std::string level, message;
  if (line.front() == '{') {
    JsonLineReader reader(name(), kPaths, [&](const JsonFields& f, std::uint32_t) -> Result<void> {
      if (f.has(kProgress)) {
        progress_.done = static_cast<std::uint64_t>(sane(f, kDone, 1e15, 0));
        progress_.total = static_cast<std::uint64_t>(sane(f, kTotal, 1e15, 0));
        progress_.rate = sane(f, kRate, 1e9, 0);
        progress_.loss = f.has(kLoss) ? sane(f, kLoss, 1, -1) : -1;
        progress_.left.reset();
        if (f.has(kLeft)) progress_.left = std::chrono::seconds(static_cast<std::int64_t>(sane(f, kLeft, 1e8, 0)));
        progress_.detail = std::string(f.text(kDetail).substr(0, 60));
      }
      level = f.text(kLevel);
      message = f.text(kMessage);
      return {};
    });
    if (reader.feed(std::string(line) + '\n') && message.empty()) return;
  }
  if (message.empty()) level = "warning", message = line;
  if (++said_ > kErrorLinesMax) {
    if (said_ == kErrorLinesMax + 1) say_warning(name() + ": ... and more, which is left out");
    return;
  }
  if (level == "error") {
    why_ = message.substr(0, message.find('\n'));
    if (why_.starts_with("error: ")) why_.erase(0, 7);
  }
  // A diagnostic has its line and caret below it.
  for (std::string_view rest = message; !rest.empty();) {
    std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string text = name() + ": " + std::string(rest.substr(0, end));
    if (level == "warning" || level == "error")
      say_warning(text);
    else
      say_detail(text);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

Result<void> VantageProcess::give_up(const std::string& why) {
  if (state_ != State::running) return {};
  if (child_) {
    child_->signal(SIGTERM);
    child_.reset();  // and SIGKILL
  }
  why_ = why;
  if (!stream_.begun()) {
    state_ = State::not_begun;
    return {};
  }
  state_ = State::lost;
  ScanSummary summary;
  summary.end = ScanEnd::vantage_lost;
  summary.finished = now();
  DEMARC_TRY(keep(journal_note("the vantage point was lost: " + terminal_safe(why)) + journal_end(summary)));
  DEMARC_TRY(file_->sync());
  return file_->close();
}

Result<void> VantageProcess::finish(std::optional<int> code) {
  if (!errors_pending_.empty()) take_error_line(errors_pending_);
  bool good_code = code == kConforms || code == kInconclusive;
  if (stream_.begun() && stream_.summary() && good_code && file_) {
    child_.reset();
    state_ = State::ended;
    DEMARC_TRY(file_->sync());
    return file_->close();
  }
  std::string how = !code          ? "it does not end"
                    : *code >= 128 ? fmt::format("it was ended by signal {}", *code - 128)
                    : *code == 255 && setup_.program == "ssh" ? "the connection failed"
                    : good_code                               ? "its journal has no end"
                                                              : fmt::format("it ended with exit code {}", *code);
  return give_up(why_.empty() ? how : fmt::format("{} ({})", how, why_));
}

Result<void> VantageProcess::work() {
  if (state_ != State::running) return {};
  write_input();
  read_errors();
  DEMARC_TRY(read_output());
  if (state_ != State::running) return {};
  auto now = Clock::now();
  if (child_->output() < 0) {
    std::optional<int> code = child_->ended();
    if (code || now - output_ended_ > kEndPatience) {
      read_errors();
      return finish(code);
    }
    return {};
  }
  if (stop_asked_ != Clock::time_point{} && now - stop_asked_ > kStopPatience)
    return give_up("it was asked to stop and does not");
  if (now - heard_ > (stream_.begun() ? kSilencePatience : kBeginPatience))
    return give_up(fmt::format("nothing was heard of it for {} s",
                               std::chrono::duration_cast<std::chrono::seconds>(now - heard_).count()));
  return {};
}

}  // namespace demarc
