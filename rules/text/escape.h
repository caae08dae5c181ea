// Foreign text on its way out. Banners, file names and rule texts may hold escape sequences, markup or formulas;
// each output has exactly one function here that makes them harmless, and nothing prints foreign text without it.
#pragma once

#include <string>
#include <string_view>

namespace demarc {

/// Printable UTF-8 stays; control characters (C0, DEL, C1), bidirectional overrides and bytes that are not UTF-8
/// become \xNN. Newlines and tabs too, so a banner stays on its line.
std::string terminal_safe(std::string_view text);

/// A JSON string with its quotes (RFC 8259 §7). Bytes that are not UTF-8 become U+FFFD; control characters, DEL,
/// C1 controls, U+2028 and U+2029 are escaped, so the JSON is also safe to print.
std::string json_quoted(std::string_view text);
/// The same at the end of `out`, where many are written.
void append_json_quoted(std::string& out, std::string_view text);

/// Any bytes as a printable text that tells every byte: printable ASCII stays, the rest and '\' become \xNN or \n,
/// \r, \t, \\.
std::string bytes_escaped(std::string_view bytes);
/// The reverse of bytes_escaped; what is no escape stays as it is.
std::string bytes_unescaped(std::string_view text);

/// Text for HTML or XML content and for double- or single-quoted attributes. Control characters that XML 1.0 §2.2
/// forbids become U+FFFD.
std::string html_escaped(std::string_view text);

/// One CSV field (RFC 4180), quoted where needed; a leading = + - @ tab or CR, which spreadsheets would run, gets a
/// leading apostrophe.
std::string csv_field(std::string_view text);

/// Text for a Markdown table cell or paragraph: markup and pipes escaped, newlines become spaces.
std::string markdown_escaped(std::string_view text);

/// One word of a command that somebody may paste into a shell, in single quotes where it must be (POSIX.1-2024, Shell
/// Command Language, 2.2).
std::string shell_word(std::string_view text);
/// Whether a shell takes several words as they stand, within double quotes as well: nothing is expanded or run.
bool is_plain_in_shell(std::string_view text);

/// Valid UTF-8 again: what is not becomes U+FFFD.
std::string utf8_repaired(std::string_view text);

}  // namespace demarc
