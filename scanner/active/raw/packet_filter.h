// The kernel's classic packet filter (the BSD one), written for what answers to our probes look like.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "scanner/active/raw/channel.h"

namespace demarc {

/// For a socket whose packets begin with the IP (or ARP) header. On an interface without link addresses there is no
/// ARP. Fails where there are more addresses than a filter has room for.
Result<std::vector<sock_filter>> packet_filter(const ChannelFilter& wanted, bool link_addresses);

/// Lets nothing in.
std::vector<sock_filter> deaf_filter();

/// Attaches a filter and locks it, so that not even we can take it off again. False with errno.
bool attach_filter(int fd, const std::vector<sock_filter>& program);

}  // namespace demarc
