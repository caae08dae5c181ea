// Which configuration is which device of the rule set, and which of its interfaces lead where.
//
// A configuration knows interfaces and addresses, the rule set zones and paths. What joins them is either written
// down (the rule set's `filters` and `interfaces`) or follows from the networks on the interfaces; where neither
// tells, every interface that may be meant is kept, and the judgement says "undetermined" where they differ.
// Nothing is guessed from names. paths.h asks the binding for the hops of a pair of zones.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"
#include "rules/policy/rule_set.h"
#include "rules/verdict/given_configuration.h"

namespace demarc {

/// How a configuration was found to be that of a declared device.
enum class BoundBy : std::uint8_t { nothing, said, config_file, hostname };

/// Something that does not fit between the rule set and a configuration.
struct BindingProblem {
  enum class Kind : std::uint8_t {
    unknown_device,       // said to be a device that the rule set does not declare
    not_declared,         // a configuration that belongs to no declared device: it is not used
    given_twice,          // two different configurations of one device: neither is used
    no_configuration,     // a declared device without one
    dialect_contradicts,  // error: declared as one dialect, written in another
    state_contradicts,    // error: declared stateful, and is not, or the reverse
    filter_contradicts,   // error: a declared filter stands elsewhere, or the list does not exist
    interface_unknown,    // error: the rule set names an interface that the configuration does not have
    binding_unknown,      // lists, and nothing that says where they stand
  };
  Kind kind = Kind::not_declared;
  std::string device = {};
  std::string what = {}, hint = {};  // sentences
  Location where = {};               // in the rule set, or of the configuration's file
  /// The declaration is wrong, not merely incomplete.
  bool contradicts() const;
};
std::string_view name(BindingProblem::Kind kind);

/// A declared device with what is known of it.
struct BoundDevice {
  std::string name = {};
  const DeclaredDevice* declared = nullptr;  // into the rule set
  /// Its configuration, with the declared filters in place; null: none, or none that can be used.
  std::shared_ptr<const Device> device = {};
  BoundBy by = BoundBy::nothing;
  std::string not_usable = {};    // why there is no device though a configuration was given
  AddressSet own = {};            // its own addresses: those of its interfaces, and of the host of its name
  bool stateful = false;          // replies pass by state
  bool minds_interfaces = false;  // some stage or entry asks where a packet enters or leaves
  /// Any interface that a packet may use, also one that the configuration does not name (iptables, nftables).
  ByteSet usable = ByteSet::all();
  /// By InterfaceId: the networks on it, for interfaces that a packet may use.
  std::vector<AddressSet> networks = {};
  /// By InterfaceId: the zones declared to lie behind it (indices into RuleSet::zones); none: nothing is declared.
  std::vector<std::optional<std::vector<std::uint32_t>>> declared_zones = {};
};

/// The rule set must outlive it.
struct Binding {
  const RuleSet* rules = nullptr;
  std::vector<BoundDevice> devices = {};        // those of RuleSet::devices, at the same indices
  std::vector<BindingProblem> problems = {};    // in a fixed order, whatever the order of the configurations
  std::vector<GivenConfiguration> unused = {};  // that belong to no declared device

  const BoundDevice* device(std::string_view name) const;
  /// Any configuration was given for a declared device.
  bool has_configurations() const;
};

Binding bind_devices(const RuleSet& rules, std::span<const GivenConfiguration> given);

/// "Gi0/0" is "GigabitEthernet0/0": the same number, and one's letters begin the other's. Without regard to case.
bool same_interface(std::string_view a, std::string_view b);
/// The interface of that name, ASA's second names included; none if several fit equally well.
std::optional<InterfaceId> find_interface(const Device& device, std::string_view name);

/// Replies to what was permitted pass by state: implied by the device, or its entries match on connection state.
bool is_stateful(const Device& device);

}  // namespace demarc
