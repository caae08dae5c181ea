// Firewall filters of Junos: their terms as entries, filters within filters, and policers, which may discard.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/acl/readers/junos_interfaces.h"
#include "rules/acl/readers/junos_prefix_lists.h"

namespace demarc::junos {

class Filters : JunosPart {
 public:
  Filters(Tree& tree, Device& device, PrefixLists& prefix_lists, Interfaces& interfaces)
      : JunosPart(tree, device), prefix_lists_(prefix_lists), interfaces_(interfaces) {}

  void read();
  /// The list of a filter that is applied; one that may do anything where it is not defined.
  ListIndex applied(NodeId name, std::string_view family, std::optional<Family> packets);
  bool may_discard(std::string_view policer) const { return !gentle_policers_.contains(policer); }
  /// What a policer discards depends on the rate: before the term's own action some packets may be dropped.
  void add_policer(NodeId policer, ListIndex index, const Entry& term);

 private:
  struct Declared {
    NodeId node;
    std::string_view family;
    ListIndex list, nested = kNoList;
  };

  void read_policers();
  /// Names of filters that stand anywhere: `filter { input F; }`, `filter { input-list [ F G ]; }`.
  void find_bound_names();
  void declare_filters(NodeId filters, std::string_view family);
  FilterContext context(std::optional<Family> family);
  void read_filter(std::size_t which, bool nested);
  void add_unknown(ListIndex index, NodeId node, std::optional<Family> family);
  void read_term(NodeId term, const Declared& filter, ListIndex index, const FilterContext& with);
  /// `term T { filter OTHER; }`: the other filter's terms stand here; its implicit discard does not. A filter that
  /// is bound as well has a second list, which ends in it.
  void nest(Entry& entry, std::string_view name, const Declared& filter, NodeId node);
  void read_actions(NodeId term, ListIndex index, Entry& entry);
  /// `reject` alone says that communication is administratively prohibited.
  Refusal refusal_of(NodeId reject) const;

  PrefixLists& prefix_lists_;
  Interfaces& interfaces_;
  std::set<std::string_view> gentle_policers_, bound_;
  std::map<std::pair<std::string, std::string>, ListIndex> lists_;  // by family and name
  std::vector<Declared> declared_;
  std::map<ListIndex, std::size_t> declared_by_list_;
  std::vector<std::size_t> nested_;
  std::uint64_t ranges_left_ = kAddressRangesMax;
};

}  // namespace demarc::junos
