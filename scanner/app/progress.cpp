#include "scanner/app/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "reports/view/view.h"
#include "rules/net/time.h"
#include "rules/text/json_writer.h"
#include "scanner/app/console.h"

namespace demarc {

namespace {
using namespace std::chrono_literals;

void write_stderr(const std::string& text) {
  // Progress that cannot be shown is no reason to stop.
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}
}  // namespace

Progress::Progress(const CommonOptions& options, std::string label, std::string unit)
    : label_(std::move(label)), unit_(std::move(unit)), started_(std::chrono::steady_clock::now()) {
  if (options.progress == "json")
    mode_ = Mode::json;
  else
    mode_ = options.progress == "auto" && !options.quiet && stderr_is_terminal() ? Mode::line : Mode::none;
}

Progress::~Progress() { clear(); }

void Progress::show(const State& state) {
  auto now = std::chrono::steady_clock::now();
  if (mode_ == Mode::none || now - started_ < 1s || now - shown_ < (mode_ == Mode::json ? 1000ms : 200ms)) return;
  shown_ = now;
  if (mode_ == Mode::json) {
    JsonWriter json;
    json.begin_object()
        .field("progress", label_)
        .field("done", state.done)
        .field("total", state.total)
        .field("rate_per_s", state.rate);
    if (state.loss >= 0) json.field("loss", state.loss);
    if (state.left) json.field("left_s", state.left->count());
    json.field_unless_empty("detail", state.detail).end_object();
    write_stderr(json.take() + '\n');
    return;
  }
  std::string line = label_ + ": ";
  if (state.total != 0)
    line +=
        fmt::format("{:.1f}% of {}, ", 100.0 * static_cast<double>(state.done) / static_cast<double>(state.total),
                    grouped_number(state.total));
  else
    line += grouped_number(state.done) + ", ";
  line += fmt::format("{} {}", grouped_number(static_cast<std::uint64_t>(std::max(state.rate, 0.0))), unit_);
  if (state.left) line += fmt::format(", {} left", describe_duration(*state.left));
  if (state.loss >= 0) line += fmt::format(", loss {:.2g}%", state.loss * 100);
  if (!state.detail.empty()) line += ", " + state.detail;
  line.resize(std::min<std::size_t>(line.size(), terminal_width() - 1));
  write_stderr("\r\x1b[K" + line);
  on_screen_ = true;
}

void Progress::clear() {
  if (on_screen_) write_stderr("\r\x1b[K");
  on_screen_ = false;
}

}  // namespace demarc
