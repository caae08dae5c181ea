// Lists as routers hold them: a block under a name, in which each line has a number that gives it its place.
// IOS, IOS-XR, NX-OS and EOS share that, and differ in the words around it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/writers/writer.h"

namespace demarc {

/// Lists of this dialect are blocks of numbered lines.
bool is_router(Dialect dialect);

/// An entry's line: its number where one is written, and its own words.
struct RouterLine {
  std::optional<std::uint32_t> number = {};
  std::string_view words = {};
};
RouterLine take_apart(std::string_view text);

/// The numbers that the device gives the entries: what is written, otherwise ten behind the last one. Of entries
/// that nobody wrote: 0.
std::vector<std::uint32_t> line_numbers(const List& list);

/// A list that names sources alone ("access-list 10 permit host 192.0.2.1").
bool is_standard(const List& list);

/// The command that leads into the list: "ip access-list extended 110".
std::string list_command(Dialect dialect, const List& list);
/// Commands that number the list's entries anew, `step` apart, and lead into it. None: IPv6 lists of IOS.
std::optional<std::string> resequence_command(Dialect dialect, const List& list, std::uint32_t step);
/// A line with its number, as it is entered there.
std::string numbered_line(Dialect dialect, const List& list, std::uint32_t number, std::string_view words);
/// The command that takes a line away.
std::string remove_line(Dialect dialect, const List& list, std::string_view text, std::uint32_t number);

/// The dialects write nearly alike. NX-OS and XR name one port or range in a line.
IntendedEntry as_alike(Dialect dialect, const IntendedEntry& entry);
/// A line as IOS's writer has it, in the words of the dialect. False: it has none.
bool say_alike(Dialect dialect, std::string& line);

/// Numbers for `count` lines between two others (`after` 0: there is none), in tens where there is room for that;
/// none if there is no room.
std::optional<std::vector<std::uint32_t>> numbers_between(std::uint32_t before, std::uint32_t after,
                                                          std::uint32_t count);

}  // namespace demarc
