// One entry of a router's access list, from its action on. IOS, NX-OS, IOS-XR and EOS write entries by one plan
//
//   permit|deny PROTOCOL SOURCE [PORTS] DESTINATION [PORTS | ICMP TYPE] [OPTIONS]
//
// and differ in their words: what they are is a row for each dialect (AceDialect), how they are read is here.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rules/acl/device.h"
#include "rules/acl/readers/router_groups.h"
#include "rules/acl/readers/router_names.h"
#include "rules/text/cursor.h"

namespace demarc::router {

/// A word that may stand behind addresses and ports, or between them.
struct AceOption {
  std::string_view word;
  enum class Does : std::uint8_t {
    nothing,    // logging, counters, where a permitted packet is sent on to
    silences,   // the sender of what it denies hears nothing
    undecides,  // it matches on something that a packet set does not know: some of the packets match
  } does;
  enum class Takes : std::uint8_t {
    none,
    word,
    comparison,  // "eq 5", "range 1 9", or a value alone
    cookie,      // a word that is no option itself, or nothing
    rest,        // all that stands behind it
  } takes;
};

/// A dialect's words.
struct AceDialect {
  std::string_view name;  // in messages
  const RouterNames& names;
  std::string_view network_group = {}, service_group = {}, port_group = {};  // keywords; empty: there are none
  bool prefixes = false;           // IPv4 addresses may be written with a length
  bool source_alone = false;       // an entry may name a source and nothing else
  bool flag_words_differ = false;  // whether several flag words mean any or all of them is not known
  std::span<const AceOption> options;
};
const AceDialect& ios_ace();
const AceDialect& nxos_ace();
const AceDialect& xr_ace();
const AceDialect& eos_ace();

/// The groups that entries may name. A function gives none for a name that is not defined.
struct Groups {
  std::function<const NetworkGroup*(std::string_view)> network;
  std::function<const ServiceGroup*(std::string_view)> service;
  std::function<const PortGroup*(std::string_view)> ports;
  /// Ranges that entries may still write out of groups, in the whole configuration.
  std::size_t* ranges_left = nullptr;
};
/// What Groups::ranges_left starts from: some 200 MiB. A service object of a group counts as a few.
inline constexpr std::size_t kEntryRangesMax = 4'000'000;

struct ListForm {
  Family family = Family::ipv4;
  bool standard = false;  // entries name sources alone
  bool operator==(const ListForm&) const = default;
};

/// Fills action, match, maybe and undecided. An error is about the word where reading stopped.
Result<void> read_ace(Cursor& in, const AceDialect& dialect, ListForm form, const Groups& groups, Entry& entry);

/// What an entry matches that could not be read: anything of its family, and it may do anything.
void make_unknown(Entry& entry, std::optional<Family> family, std::string why);

/// "eq 80", "range 1 9", "gt 1023": as in entries; none where no comparison stands.
Result<std::optional<PortSet>> read_ports(Cursor& in, const AceDialect& dialect,
                                          std::span<const NamedNumber> names);
/// "tcp eq 80", "udp range 1 9", "icmp echo": a member of a service object-group.
Result<ServiceObject> read_service_object(Cursor& in, const AceDialect& dialect);
/// "host 192.0.2.1", "192.0.2.0 255.255.255.0" (a netmask, unlike in entries), "192.0.2.0/24", "range A B", "any".
Result<AddressSet> read_network_object(Cursor& in);
/// "192.0.2.0/24" with host bits set or not, "192.0.2.1"; the family as asked.
Result<Prefix> read_prefix(std::string_view word, Family family, const Cursor& in);

/// A netmask as a prefix length; none if its ones are not in front.
std::optional<unsigned> netmask_length(const Address& mask);
/// A decimal number that is no more than `most`.
std::optional<std::uint64_t> decimal(std::string_view word, std::uint64_t most);
/// "(123 matches)", "[match=12]", "[match 12 packets, 0:01:02 ago]", "(12 hw matches)".
std::optional<std::uint64_t> matches_shown(std::string_view text);

}  // namespace demarc::router
