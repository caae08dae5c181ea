// The capabilities of this process (capabilities(7)), by the system calls themselves.
#pragma once

#include <cstdint>

namespace demarc {

/// Keeps these (a mask of CAP_* bits) in the permitted and effective sets and nothing in the inheritable, ambient
/// and, where it is allowed to, bounding sets. Can only take away. False with errno.
bool keep_capabilities(std::uint64_t mask);

/// Everything in the permitted, effective and inheritable sets; ~0 where they cannot be read.
std::uint64_t capabilities_left();

}  // namespace demarc
