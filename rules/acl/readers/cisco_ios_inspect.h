// Inspection on IOS: `ip inspect` (CBAC), which opens lists for replies, and the zone-based policy firewall, which
// decides between zones of interfaces.
//
// Zone-based policies, as far as they are plain: between two zones only what a zone pair's policy passes or
// inspects goes through, and nothing where there is no pair; within a zone everything does, and to and from the
// router itself unless a pair with `self` says otherwise. What is inspected lets its replies back. (Cisco document
// 98628, "Zone-Based Policy Firewall Design and Application Guide".)
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rules/acl/readers/router_draft.h"

namespace demarc {

class IosInspect {
 public:
  explicit IosInspect(router::RouterDraft& draft) : draft_(draft) {}

  /// A line at the margin whose first word is class-map, policy-map, zone, zone-pair or parameter-map; in is behind
  /// that word.
  void top_line(std::string_view first, Cursor& in);
  /// A line below one of those.
  void inner_line(Cursor& in);
  /// "ip inspect ..." at the margin.
  void inspect_line(Cursor& in);
  /// "ip inspect NAME in|out" and "zone-member security ZONE" below an interface.
  void interface_inspect(Cursor& in, std::size_t interface);
  void zone_member(Cursor& in, std::size_t interface);
  /// "ip port-map ...": names of protocols mean other ports than usual.
  void port_map() { ports_mapped_ = true; }
  /// A policy that drops or polices by class.
  bool policy_may_drop(std::string_view policy) const;

  /// When lists are in order and bindings are stages.
  void finish();

 private:
  struct Statement {
    enum class Kind : std::uint8_t { protocol, list, class_map, unknown } kind = Kind::unknown;
    std::string name = {};
    std::uint32_t line = 0;
  };
  struct ClassMap {
    bool any = false;
    std::vector<Statement> statements = {};
    std::uint32_t line = 0;
  };
  enum class Verb : std::uint8_t { none, inspect, pass, drop };
  struct PolicyClass {
    std::string name = {};
    Verb verb = Verb::none;
    std::uint32_t line = 0;
  };
  struct Policy {
    std::vector<PolicyClass> classes = {};
    std::uint32_t line = 0;
    bool inspects = false;  // type inspect
  };
  struct Pair {
    std::string name = {}, from = {}, to = {}, policy = {};
    std::uint32_t line = 0;
  };
  struct Rule {
    std::string protocol = {};
    std::uint32_t line = 0;
  };
  struct Applied {
    std::string rule = {};
    std::size_t interface = 0;
    bool in = false;
    std::uint32_t line = 0;
  };
  enum class Block : std::uint8_t { none, class_map, policy_map, pair, other };

  void match_line();
  void policy_line(std::string_view first, Cursor& in);

  std::vector<Box> boxes_of(std::string_view protocol, bool replies, bool& certain) const;
  ListIndex class_list(const std::string& name, Action action, std::uint32_t line);
  void add_any(List& list, const ClassMap& map, Action action);
  void add_all(List& list, const ClassMap& map, Action action);
  ListIndex policy_list(const std::string& name, const std::string& pair, std::uint32_t line);
  std::pair<bool, bool> inspects_and_passes(const Pair* pair) const;
  std::optional<ListIndex> replies(const Pair* forth, const Pair* back, const std::string& name);
  void zone_stages();
  void inspection_stages();

  router::RouterDraft& draft_;
  Block block_ = Block::none;
  ClassMap* class_map_ = nullptr;
  Policy* policy_ = nullptr;
  std::map<std::string, ClassMap, std::less<>> class_maps_;
  std::map<std::string, Policy, std::less<>> policies_;
  std::map<std::string, std::uint32_t, std::less<>> zones_;  // name -> line
  std::vector<Pair> pairs_;
  std::map<std::size_t, std::string> members_;                   // interface -> zone
  std::map<std::string, std::vector<Rule>, std::less<>> rules_;  // ip inspect name
  std::vector<Applied> applied_;
  std::map<std::pair<std::string, Action>, ListIndex> class_lists_;
  bool ports_mapped_ = false;
  unsigned depth_ = 0;  // of class-maps in class-maps
};

}  // namespace demarc
