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

/// To ask whether an address is this machine's. All of 127.0.0.0/8 is.
class OwnAddresses {
 public:
  explicit OwnAddresses(const std::vector<LocalAddress>& list);
  bool contains(const Address& address) const;

 private:
  std::vector<Address> sorted_;
};

/// The source address that the kernel's routes choose for a destination.
Result<Address> source_address_for(const Address& destination);

}  // namespace demarc
