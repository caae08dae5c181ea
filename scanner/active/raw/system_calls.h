// Which system calls are left (seccomp, by libseccomp). A call that is not allowed fails with EPERM, as if
// privilege were missing.
#pragma once

namespace demarc {

/// For all threads. 0, or the errno of what failed. With `children` the filter is inherited by programs we do not
/// know (ssh and what it starts), so only calls that none of them needs are taken away; otherwise everything is
/// that is not on the list of what a scan calls.
int restrict_system_calls(bool children);

}  // namespace demarc
