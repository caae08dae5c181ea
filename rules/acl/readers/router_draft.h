// A router's configuration while it is read: what the readers of IOS, NX-OS, IOS-XR and EOS have in common. They
// walk their own lines and know their own words; lists with numbered entries, groups, interfaces, bindings and what
// is implied at the end of it all are kept here.
//
// Everything is found by name in maps and put in order once, at the end: lists of a hundred thousand lines, in
// whatever order they are numbered, and as many lists, groups and interfaces are ordinary.
#pragma once

#include <bitset>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"
#include "rules/acl/readers/line_ledger.h"
#include "rules/acl/readers/router_ace.h"
#include "rules/acl/readers/router_groups.h"
#include "rules/text/cursor.h"
#include "rules/text/source.h"

namespace demarc::router {

/// What a dialect does where a list has no entries or is not written at all.
enum class Missing : std::uint8_t { permits, unknown };

/// A list where it is bound to an interface.
struct Binding {
  std::vector<std::string> lists = {};  // in order; IOS-XR's common list comes first
  Family family = Family::ipv4;
  std::size_t interface = 0;  // of Device::interfaces
  bool in = false;
  std::uint32_t line = 0;
  bool at_port = false;  // a port's: it sees what crosses that port, and of a VLAN's traffic so much
};

/// A list that says who may reach a service of the device itself.
struct ServiceBinding {
  std::string list = {}, name = {};  // name: of the stage
  Family family = Family::ipv4;
  std::uint32_t line = 0;
  std::optional<PortSet> tcp = {}, udp = {};  // none of both: everything to the device
  std::vector<InterfaceId> ingress = {};      // empty: all
};

/// Where a route leads, for `verify unicast`: what comes from there may come in there.
struct Route {
  Prefix prefix = {};
  std::string interface = {};  // empty: by the next hop's network
  std::optional<Address> next_hop = {};
};
/// `ip verify unicast source reachable-via`.
struct ReversePathCheck {
  std::size_t interface = 0;
  Family family = Family::ipv4;
  bool strict = false;         // rx: by this interface; otherwise by any
  bool allow_default = false;  // the default route counts
  std::string list = {};       // what fails the check and this list permits, passes
  std::uint32_t line = 0;
};

class RouterDraft {
 public:
  RouterDraft(const Source& source, Dialect dialect, const AceDialect& words);

  // --- The line that is being read ---
  std::uint32_t line = 0;
  std::string_view text() const { return source_.line(line); }
  Cursor cursor() const { return Cursor(source_.name(), text(), line); }
  Cursor cursor_at(std::uint32_t number) const { return Cursor(source_.name(), source_.line(number), number); }
  void mark(Understanding u, std::string why = {}) { ledger_.mark(line, u, std::move(why)); }
  /// For lines that are understood only when all are read.
  void mark_at(std::uint32_t number, Understanding u, std::string why = {}) {
    ledger_.mark(number, u, std::move(why));
  }
  /// The line may be about filtering, and we do not know what it says.
  void unread(std::string why, std::string hint = {});
  void unread(const Error& error);
  /// The line is read and something about it cannot be decided.
  void in_part(std::string why);
  void warn(std::uint32_t number, std::string what, std::string hint = {});

  // --- Groups ---
  GroupTable groups;
  void define_object(std::string_view name, std::string kind);
  void use_object(std::string_view name);

  // --- Lists ---
  /// The list of that name and family, written here: made where it is not there yet.
  ListIndex open_list(std::string_view name, Family family);
  std::optional<ListIndex> find_list(std::string_view name, Family family) const;
  /// Reads the rest of the line, which begins at the entry's action, into the list.
  void read_entry(Cursor& in, ListIndex list, ListForm form, std::optional<std::uint64_t> sequence,
                  bool shown = false);
  /// Entries stand in the order of their numbers; without one, at the end, ten behind the last. `shown`: where the
  /// number is taken, this is the same entry with its counter.
  void place(ListIndex list, Entry entry, std::optional<std::uint64_t> sequence, bool shown = false);
  /// An entry with the text and the remark of the present line.
  Entry entry_here();
  std::string remark;  // of the lines before

  // --- Interfaces ---
  /// Made where it is not there yet.
  std::size_t open_interface(std::string_view name);
  std::optional<std::size_t> find_interface(std::string_view name) const;
  Interface& interface(std::size_t index) { return device_.interfaces[index]; }
  void add_address(std::size_t interface, const Address& address, unsigned length);
  /// "192.0.2.1 255.255.255.0", "192.0.2.1/24", "2001:db8::1/64", "dhcp".
  void read_address(Cursor& in, std::size_t interface);
  /// The port carries these VLANs ("10,20-30"; empty: all).
  void carries(std::size_t interface, std::string_view vlans);

  /// "access vlan 10", "mode trunk", "trunk allowed vlan 10,20-30", behind `switchport`.
  void read_switchport(Cursor& in, std::size_t interface);

  // --- What binds lists ---
  /// "[common C] [NAME] in" behind `access-group`, at `to`'s interface; the dialect's words for the directions.
  /// Marks the line.
  void read_binding(Cursor& in, Binding to, bool may_be_common, std::string_view inward, std::string_view outward);
  void bind(Binding binding) { bindings_.push_back(std::move(binding)); }
  void bind(ServiceBinding binding) { services_.push_back(std::move(binding)); }
  /// "reachable-via rx|any [allow-default] [LIST]", behind `verify unicast source`; "reverse-path [LIST]".
  void read_reverse_path(Cursor& in, std::size_t interface, Family family);
  /// Where it leads: an address or an interface.
  void read_route(Cursor& in, const Prefix& prefix);
  /// What is routed where cannot be told from the text: a routing protocol runs, or there are several tables.
  void routes_by_protocol() { dynamic_routes_ = true; }
  void several_tables() { dynamic_routes_ = true; }

  // --- At the end ---
  /// Groups are resolved and lists put in order, with what is implied at their ends. After this, no more entries.
  void order_lists(std::span<const std::uint8_t> neighbour_discovery, Missing empty_ipv4, Missing empty_ipv6);
  /// Bindings become stages.
  void bind_all(Missing undefined);
  /// The list, or a missing one that does what the dialect does there.
  ListIndex bound(std::string_view name, Family family, std::uint32_t number, Missing undefined);
  /// One of several lists guards a service, and which one is not known for a packet (terminal lines, communities):
  /// what all of them permit is permitted, what none does is not. `unguarded`: it may also be none of them.
  void guard(const std::map<std::string, std::uint32_t>& lists, bool unguarded, Family family,
             std::string_view what, Protocol protocol, const PortSet& ports, std::string_view why,
             Missing undefined);
  /// A list that sends what `classified` permits to `action` and gives the rest back. Bounded: past that, it may do
  /// anything.
  ListIndex classifier(ListIndex classified, Action action, std::string name, std::uint32_t number);
  ListIndex add_list(List list);
  void add_stage(Stage stage) { device_.stages.push_back(std::move(stage)); }
  /// At one interface; one that a set cannot tell apart makes a stage that some packets meet.
  void add_stage_at(Stage stage, std::size_t interface, bool in);
  const List& list(ListIndex index) const { return device_.lists[index]; }
  List& list(ListIndex index) { return device_.lists[index]; }
  std::vector<InterfaceId> ids(std::size_t interface) const;
  Device finish();

  Device& device() { return device_; }
  const Source& source() const { return source_; }

 private:
  void add_route(Route route);
  struct ListDraft {
    std::vector<std::uint64_t> order;              // of the entries, as they were read
    std::map<std::uint64_t, std::uint32_t> taken;  // sequence number -> entry
    std::uint64_t last = 0;
  };
  using Vlans = std::bitset<4096>;

  Groups named_groups();
  void add_service(const ServiceBinding& binding, Missing undefined);
  void add_reverse_path(const ReversePathCheck& check, Missing undefined);
  void bind_port_to_vlans(const Binding& binding, const Stage& at_port);
  /// The lists, which only some of the packets meet.
  ListIndex perhaps(const Stage& stage, std::string why);
  bool routes_known() const;
  AddressSet expected_by_routes(std::size_t interface, Family family, bool allow_default, bool any) const;

  const Source& source_;
  const AceDialect& words_;
  Device device_;
  LineLedger ledger_;
  std::map<std::pair<Family, std::string>, ListIndex, std::less<>> lists_;
  std::vector<ListDraft> drafts_;
  std::map<std::string, std::vector<std::size_t>, std::less<>> objects_;
  std::map<std::string, std::size_t, std::less<>> interfaces_;
  std::map<std::size_t, Vlans> vlans_;  // what a port carries
  std::vector<Binding> bindings_;
  std::vector<ServiceBinding> services_;
  std::map<std::pair<std::size_t, Family>, ReversePathCheck> reverse_paths_;
  std::vector<Route> routes_;
  bool dynamic_routes_ = false, too_many_routes_ = false;
  std::size_t ranges_left_ = kEntryRangesMax;
  std::size_t classified_left_ = 200'000;  // entries that classifiers may copy
};

/// How much a match takes up, next to one without groups.
std::size_t weight(const Match& match);

/// Short names of interface kinds as shown ("Gi0/1") are not resolved; a blank in the name is dropped ("Serial 0").
std::string interface_name(Cursor& in);

}  // namespace demarc::router
