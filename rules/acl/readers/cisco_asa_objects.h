// Objects and object-groups of an ASA configuration, and what they stand for.
//
// They may name each other in any order and to any depth; what they stand for is worked out when a line first asks,
// within bounds: a chain of groups that each repeat the one before would otherwise grow with its square.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"
#include "rules/text/cursor.h"

namespace demarc::asa {

/// Addresses, as far as they are known.
struct Addresses {
  AddressSet known = {};
  bool complete = true;
  std::string missing = {};  // why it is not complete, in words
};

/// A protocol with its ports or messages.
struct Service {
  ProtocolSet protocols = ProtocolSet::all();
  PortSet ports = PortSet::all(), source_ports = PortSet::all();
  IcmpSet icmp = IcmpSet::all();
  bool operator==(const Service&) const = default;
};
struct Services {
  std::vector<Service> known = {};
  bool complete = true;
  std::string missing = {};
};

/// Ports, or ICMP messages of both families, as a group holds them.
struct Ports {
  PortSet known = {};
  bool complete = true;
  std::string missing = {};
};
struct Messages {
  IcmpSet icmp = {}, icmp6 = {};
  bool complete = true;
  std::string missing = {};
};

enum class ObjectKind : std::uint8_t {
  network,          // object network
  service,          // object service
  network_group,    // object-group network
  service_group,    // object-group service NAME, of service-objects
  port_group,       // object-group service NAME tcp|udp|tcp-udp
  protocol_group,   // object-group protocol
  icmp_group,       // object-group icmp-type
  undecided_group,  // of users, of security tags, of network-services: who is behind them, traffic decides
};

class Objects {
 public:
  explicit Objects(Device& device) : device_(device) {}

  /// `name 192.0.2.10 web`
  void name_address(std::string_view name, const Address& address);
  /// A number or a name that `name` gave to one.
  std::optional<Address> address(std::string_view word) const;

  /// Begins or goes on with a definition; none if the words behind `object` or `object-group` say nothing known.
  Result<void> begin(Cursor& in, bool group, std::uint32_t line);
  /// One line of the definition begun last. True if it is about something else (`nat`, kept by the caller).
  Result<bool> member(Cursor& in);
  const std::string& current() const { return current_; }
  bool has_word(std::string_view word) const;  // a first word of a line within the definition begun last

  const ObjectKind* kind(std::string_view name) const;
  /// What the name stands for, whatever kind it is of; a wrong kind or no definition stands for nothing that is
  /// known. Each call counts as a use.
  Addresses addresses(std::string_view name);
  Services services(std::string_view name);
  Ports ports(std::string_view name);
  Messages messages(std::string_view name);
  void use(std::string_view name);

 private:
  struct Definition {
    ObjectKind kind = ObjectKind::network;
    std::size_t object = 0;  // into Device::objects
    std::vector<AddressRange> ranges = {};
    std::vector<Service> services = {};
    std::vector<PortRange> ports = {};
    std::vector<IcmpType> icmp = {}, icmp6 = {};
    std::vector<std::string> members = {};
    bool complete = true;
    std::string missing = {};
    enum class State : std::uint8_t { raw, being_resolved, resolved } state = State::raw;
    AddressSet addresses = {};  // resolved
  };
  Definition* find(std::string_view name);
  Definition& resolved(Definition& d, unsigned depth = 0);
  void add_member(Definition& into, const std::string& member, unsigned depth);
  /// Whether so many parts may still be copied to a line; few always may, as the text bounds them.
  bool afford(std::size_t parts);
  Result<void> network_member(Definition& d, Cursor& in, std::string_view word);
  Result<void> group_member(Definition& d, Cursor& in, std::string_view word);

  Device& device_;
  std::map<std::string, Address, std::less<>> names_;
  std::map<std::string, Definition, std::less<>> definitions_;
  std::string current_;
  Definition* open_ = nullptr;
  std::size_t parts_left_ = 4'000'000;   // ranges and services that resolving may still make
  std::size_t copies_left_ = 8'000'000;  // and that lines may still take
};

/// `eq www`, `neq 80`, `lt`, `gt`, `range A B`; none if no operator stands here.
Result<std::optional<PortSet>> read_ports(Cursor& in);
Result<Port> read_port(Cursor& in);
/// A protocol by name or number; `ip` is every protocol.
Result<ProtocolSet> read_protocol(std::string_view word, const Cursor& in);
/// A message type by name or number, with a code behind it; none if neither stands here.
Result<std::optional<IcmpSet>> read_icmp(Cursor& in, bool six);
/// Everything behind `service` of an object: protocol, source and destination ports, messages.
Result<Service> read_service(Cursor& in, bool destination_is_plain);
/// An address with a netmask, which is how ASA writes networks everywhere; with holes in it, bits that count.
struct Network {
  AddressSet addresses = {};
  std::optional<AddressBits> bits = {};
};
Result<Network> netmasked(const Address& base, const Address& mask, const Cursor& in);
/// Makes as few services as say the same: equal but for their ports, or but for their protocols.
void merge_services(std::vector<Service>& services);

}  // namespace demarc::asa
