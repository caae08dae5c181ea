#include "scanner/app/console.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "rules/text/escape.h"

namespace demarc {

namespace {

struct Console {
  bool json = false;
  bool color = false;
  std::shared_ptr<spdlog::logger> log;
};

Console& console() {
  static Console the_console = [] {
    Console c;
    c.log = std::make_shared<spdlog::logger>("demarc", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    c.log->set_pattern("%v");
    return c;
  }();
  return the_console;
}

void log(spdlog::level::level_enum level, std::string_view prefix, std::string_view text) {
  Console& c = console();
  if (c.json)
    c.log->log(level, "{}", json_quoted(text));
  else
    c.log->log(level, "demarc: {}{}", prefix, terminal_safe(text));
}

}  // namespace

void configure_console(const CommonOptions& options) {
  Console& c = console();
  c.json = options.log_format == "json";
  if (c.json)
    c.log->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%v})",
                       spdlog::pattern_time_type::utc);
  c.log->set_level(options.quiet         ? spdlog::level::warn
                   : options.verbose > 0 ? spdlog::level::debug
                                         : spdlog::level::info);
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org: any value but the empty one
  bool wanted = options.color == "always" || (options.color == "auto" && stdout_is_terminal());
  c.color = wanted && (options.color == "always" || no_color == nullptr || *no_color == '\0');
}

bool stdout_is_terminal() { return isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return isatty(STDERR_FILENO) == 1; }
bool use_color() { return console().color; }

unsigned terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) return size.ws_col;
  return 100;
}

Result<void> write_stdout(std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      usleep(1000);
      continue;
    }
    if (written < 0)
      return failure(fmt::format("cannot write to standard output: {}", std::strerror(errno)),
                     "give -o FILE, or free space where the output is redirected to");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

void say_error(std::string_view text) { log(spdlog::level::err, "error: ", text); }
void say_warning(std::string_view text) { log(spdlog::level::warn, "warning: ", text); }
void say_note(std::string_view text) { log(spdlog::level::info, "", text); }
void say_detail(std::string_view text) { log(spdlog::level::debug, "", text); }

void say(const Error& error) {
  Diagnostics one;
  one.add(DiagnosticLevel::error, error);
  say(one);
}

void say(const Diagnostics& diagnostics) {
  Console& c = console();
  for (const Diagnostic& d : diagnostics.all()) {
    auto level = d.level == DiagnosticLevel::error     ? spdlog::level::err
                 : d.level == DiagnosticLevel::warning ? spdlog::level::warn
                                                       : spdlog::level::info;
    std::string text = render(d.error, d.level);
    if (text.ends_with('\n')) text.pop_back();
    // render() has made it safe already, and its line ends belong to it.
    if (c.json)
      c.log->log(level, "{}", json_quoted(text));
    else if (d.error.where.file.empty())
      c.log->log(level, "demarc: {}", text);
    else
      c.log->log(level, "{}", text);
  }
  if (diagnostics.suppressed() != 0) say_note(fmt::format("... and {} more", diagnostics.suppressed()));
}

}  // namespace demarc
