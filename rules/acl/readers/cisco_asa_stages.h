// What an ASA does with a packet: which lists it passes where, and what happens where nothing is written.
//
//   through   Whatever lists say: nothing between interfaces of one level or back out of the same interface without
//             `same-security-traffic`, nothing through a management-only one.
//             In at the interface: its list, then the global list, then deny; where neither is bound, by security
//             level: higher to lower passes, lower to higher does not, equal levels by `same-security-traffic`.
//             Out at the interface: its list, if one is bound.
//   to it     Only at the interface it came in by (`management-access` aside); `ssh`, `telnet`, `http` admit before
//             a control-plane list is asked, which has no deny at its end; `icmp` rules, or every message where
//             none is written.
//   from it   No list is asked.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/acl/device.h"
#include "rules/acl/readers/cisco_asa_lists.h"

namespace demarc::asa {

/// Beside what Interface says, of the same index.
struct InterfaceFacts {
  bool management_only = false, is_bvi = false;
  std::optional<unsigned> bridge_group = {};
  std::vector<std::string> no_forward = {};  // interfaces it opens nothing to (5505: no forward interface)
};

struct Binding {
  std::string list = {};
  bool in = true, control_plane = false, global = false;
  std::size_t interface = 0;
  std::uint32_t line = 0;
};

/// `ssh`, `telnet` and `http`: who may manage the appliance.
struct ManagementLine {
  enum class Service : std::uint8_t { ssh, telnet, http } service = Service::ssh;
  AddressSet sources = {};
  std::size_t interface = 0;
  std::uint32_t line = 0;
};

/// `icmp permit|deny` and `ipv6 icmp permit|deny`.
struct IcmpLine {
  bool permit = true;
  Family family = Family::ipv4;
  AddressSet sources = {};
  IcmpSet messages = IcmpSet::all();
  std::size_t interface = 0;
  std::uint32_t line = 0;
};

struct Facts {
  bool inter_interface = false, intra_interface = false;  // same-security-traffic permit ...
  bool real_addresses = true;                             // since 8.3 lists see what hosts really have
  bool unified = true;                                    // since 9.0 a list is about both families
  std::vector<InterfaceFacts> interfaces = {};
  std::vector<Binding> bindings = {};
  std::vector<ManagementLine> management = {};
  std::vector<IcmpLine> icmp = {};
  bool http_server = false;
  std::uint16_t http_port = 443, webvpn_port = 443;
  std::optional<std::size_t> management_access = {};
  /// Lines of their kind that could not be read, 0 if there is none: what they say may be anything.
  std::uint32_t unread_binding = 0, unread_management = 0, unread_icmp = 0;
  std::vector<std::size_t> ike = {}, webvpn = {};  // interfaces where tunnels end
};

/// Appends the lists that nobody wrote and the stages. The written lists are there already.
void add_stages(const Source& source, const Facts& facts, const ListBook& book, Device& device);

}  // namespace demarc::asa
