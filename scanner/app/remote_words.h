// Which words of a scan's command line another machine gets, and which it takes. One table for both: an option that
// is in neither column cannot leave this machine.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/text/result.h"
#include "scanner/app/commands.h"

namespace demarc {

/// Of what was given to `scan --all`, the words that each vantage point is to get as well. An error names an option
/// that has no meaning for several vantage points.
Result<std::vector<std::string>> forwarded_words(std::span<const GivenOption> given);

/// On the far side, behind a forced command of authorized_keys: `own` are the arguments in that line ("scan",
/// "--remote",
/// "--scope-limit", ...), `original` what the client asked for (SSH_ORIGINAL_COMMAND). The arguments to run with,
/// or an error if the client asked for anything but a remote scan, or for something that the line decides.
Result<std::vector<std::string>> forced_words(std::vector<std::string> own, std::string_view original);

}  // namespace demarc
