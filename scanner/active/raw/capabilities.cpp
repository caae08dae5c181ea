#include "scanner/active/raw/capabilities.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace demarc {

bool keep_capabilities(std::uint64_t mask) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
  if (syscall(SYS_capget, &header, sets) != 0) return false;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  // With CAP_SETPCAP only; without it no_new_privs is what keeps a program we start from gaining any.
  if ((sets[0].effective >> CAP_SETPCAP & 1U) != 0) {
    for (unsigned long bit = 0; prctl(PR_CAPBSET_READ, bit, 0, 0, 0) >= 0; ++bit)
      if (bit >= 64 || (mask >> bit & 1U) == 0) prctl(PR_CAPBSET_DROP, bit, 0, 0, 0);
    prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0);
  }
  for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i) {
    auto part = static_cast<std::uint32_t>(mask >> (32 * i));
    sets[i].permitted &= part;
    sets[i].effective = sets[i].permitted;
    sets[i].inheritable = 0;
  }
  header.version = _LINUX_CAPABILITY_VERSION_3;
  return syscall(SYS_capset, &header, sets) == 0;
}

std::uint64_t capabilities_left() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
  if (syscall(SYS_capget, &header, sets) != 0) return ~std::uint64_t{0};
  std::uint64_t left = 0;
  for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i)
    left |= std::uint64_t{sets[i].permitted | sets[i].effective | sets[i].inheritable} << (32 * i);
  return left;
}

}  // namespace demarc
