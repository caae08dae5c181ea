// What this machine knows about itself: its addresses, and how it would reach a target. Sends nothing.
#pragma once

#include <string>
#include <vector>

#include "rules/net/address.h"
#include "rules/text/result.h"

namespace demarc {

/// An address of one of our interfaces.
struct LocalAddress {
  Address address;
  std::string interface_name;
};

Result<std::vector<LocalAddress>> local_addresses();
/// Is it ours? All of 127.0.0.0/8 is.
bool is_local(const std::vector<LocalAddress>& ours, const Address& address);
/// The source address that the kernel's routes choose for a destination.
Result<Address> source_address_for(const Address& destination);

}  // namespace demarc
