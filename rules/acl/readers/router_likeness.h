// Which router a text comes from. IOS, NX-OS, IOS-XR and EOS share most of their words, so each sign counts for all
// that write it, and only the sum tells them apart.
#pragma once

#include <string_view>

#include "rules/acl/device.h"

namespace demarc::router {

/// How much the text looks like the dialect, one of those four; 0 where it looks like something else.
unsigned likeness(std::string_view text, Dialect dialect);

}  // namespace demarc::router
