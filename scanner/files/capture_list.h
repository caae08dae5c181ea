// From words on a command line to capture files: a file, a directory (a ring that tcpdump -C, -G or dumpcap -b
// fills), or a glob that the shell was kept from expanding because there are too many.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "rules/text/result.h"

namespace demarc {

/// No command line names more files than this; each takes a descriptor only while it is read.
inline constexpr std::size_t kCaptureFilesMax = 100'000;

/// True for '*', '?' and '[' in a name that is not itself a file.
bool is_pattern(const std::string& word);
/// The files of one word, unopened, by name: itself, a directory's files (not hidden ones, not of directories in
/// it), or what a pattern matches. There may be none.
Result<std::vector<std::string>> files_of(const std::string& word);

}  // namespace demarc
