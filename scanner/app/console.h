// Standard output and standard error. Results go to the first, everything else to the second; every error of a
// write counts, so that a full disk behind a redirection is not taken for success.
#pragma once

#include <string>
#include <string_view>

#include "rules/text/diagnostics.h"
#include "rules/text/result.h"
#include "scanner/app/commands.h"

namespace demarc {

/// Sets colours, log level and format for the rest of the process.
void configure_console(const CommonOptions& options);

bool stdout_is_terminal();
bool stderr_is_terminal();
bool use_color();  // on standard output
unsigned terminal_width();

/// Writes results. The error says what could not be written.
Result<void> write_stdout(std::string_view text);

/// To standard error; foreign text in it is made safe. Notes are silent under -q, details speak under -v only.
void say_error(std::string_view text);
void say_warning(std::string_view text);
void say_note(std::string_view text);
void say_detail(std::string_view text);
/// With place, line and caret. Under --log-format json one object a diagnostic.
void say(const Error& error);
void say(const Diagnostics& diagnostics);

}  // namespace demarc
