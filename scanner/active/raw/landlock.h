// Landlock: a process gives up the file system except for what it names (landlock(7)). By system calls, as there is
// no library; the numbers of later versions are ours, since the headers we build with may be older than the kernel.
#pragma once

#include <string>
#include <vector>

namespace demarc {

struct LandlockWish {
  std::vector<std::string> writable, readable;
  bool children = false;  // programs may be read and started, and devices that they need be written
};

/// The version the kernel speaks; 0: none, or switched off.
int landlock_abi();

/// Restricts this thread and what it starts; needs no_new_privs. What could not be had goes to `missing`. False
/// with errno where the kernel refused the whole.
bool landlock_restrict(const LandlockWish& wish, int abi, std::vector<std::string>& missing);

}  // namespace demarc
