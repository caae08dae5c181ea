// The secret that a scan and its witness share, as a file that only its owner can read.
#pragma once

#include <string>

#include "probes/wire/tag.h"
#include "rules/text/result.h"

namespace demarc {

/// Refuses a file that group or others may read or write, that somebody else owns (root's are taken), and what is
/// no regular file.
Result<WitnessKey> read_witness_key_file(const std::string& path);

/// Makes a new key from the kernel's random numbers and writes it with mode 0600. Never overwrites.
Result<WitnessKey> create_witness_key_file(const std::string& path);

}  // namespace demarc
