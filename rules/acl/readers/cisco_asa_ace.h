// One entry of an ASA access list, from its action on.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"
#include "rules/acl/readers/cisco_asa_objects.h"

namespace demarc::asa {

enum class ListKind : std::uint8_t {
  extended,
  advanced,  // Firepower Threat Defense: what LINA permits, Snort may still stop
  standard,  // names destinations of routes, and is bound to no interface
  ipv6,      // `ipv6 access-list`, before 9.0
};

class AceReader {
 public:
  /// All must outlive it. `any_is_both`: `any` stands for both families (since 9.0).
  AceReader(Objects& objects, const Device& device, const bool& any_is_both)
      : objects_(objects), device_(device), any_is_both_(any_is_both) {}

  /// Fills action, match, maybe, undecided, inactive and packets. An error is about the word where reading stopped.
  Result<void> read(Cursor& in, ListKind kind, Entry& entry);
  /// To be called when the device has all its interfaces, before anything names one.
  void know_interfaces();
  /// The interface of that name (nameif), or none.
  std::optional<std::size_t> find_interface(std::string_view name) const;

 private:
  struct Place {
    AddressSet addresses = AddressSet::all();
    std::optional<AddressBits> bits = {};
    bool complete = true;
    std::string missing = {};
  };
  Result<Place> place(Cursor& in, ListKind kind);
  Place of(Addresses addresses) const;
  Result<Place> of_interface(Cursor& in) const;
  Result<Ports> ports(Cursor& in, bool source);
  Result<void> identity(Cursor& in, bool source, Entry& entry, ByteSet& interfaces);
  Result<void> messages(Cursor& in, Services& services);
  Result<void> options(Cursor& in, Entry& entry);
  bool begins_place(std::string_view word) const;
  bool afford(const Place& source, const Place& destination, std::size_t matches);

  Objects& objects_;
  const Device& device_;
  const bool& any_is_both_;
  std::map<std::string, std::size_t, std::less<>> interfaces_;
  std::size_t ranges_left_ = 8'000'000;  // address ranges that all entries together may hold
};

/// Puts another reason to the ones that are there.
void add_reason(std::string& reasons, std::string_view reason);

}  // namespace demarc::asa
