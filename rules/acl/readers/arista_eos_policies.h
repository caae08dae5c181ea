// EOS traffic policies: rules over field-sets, bound to interfaces with `traffic-policy input NAME`. A rule matches
// what all of its kinds of statements match (one of the prefixes, one of the protocols), passes it unless its
// actions say drop, and a policy ends in rules for each family that pass everything unless they too say drop.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "rules/acl/readers/router_draft.h"

namespace demarc {

class EosPolicies {
 public:
  explicit EosPolicies(router::RouterDraft& draft) : draft_(draft) {}

  /// A line below `traffic-policies`.
  void line(Cursor& in);
  /// "traffic-policy input NAME" below an interface.
  void bind(Cursor& in, std::size_t interface);
  void finish();

 private:
  struct FieldSet {
    std::vector<AddressRange> addresses = {}, except = {};
    std::vector<PortRange> ports = {};
    bool complete = true;
  };
  using FieldSets = std::map<std::string, FieldSet, std::less<>>;
  struct Names {
    std::vector<std::string> sets = {};
    std::vector<Prefix> prefixes = {};
    bool said = false;
  };
  struct Service {
    router::ServiceObject object = {};
    std::vector<std::string> ports = {}, source_ports = {};  // field-sets
    std::optional<ByteSet> flags = {};
  };
  struct Rule {
    std::string name = {};
    Family family = Family::ipv4;
    Names source = {}, destination = {};
    std::vector<Service> services = {};
    bool drops = false, fragments = false;
    std::string undecided = {};
    std::uint32_t line = 0;
  };
  struct Bound {
    std::string policy = {};
    std::size_t interface = 0;
    bool in = false;
    std::uint32_t line = 0;
  };
  enum class Part : std::uint8_t { none, prefixes, ports, policy, actions };

  void field_set_line(Cursor& in);
  void member_line(Cursor& in);
  void rule_line(std::string_view first, Cursor& in);
  void protocol_line(Cursor& in);
  bool ports(Cursor& in, PortSet& set, std::vector<std::string>& sets);
  AddressSet addresses(const Names& names, Rule& rule, bool& complete);
  PortSet ports_of(const std::vector<std::string>& sets, const PortSet& written, Rule& rule, bool& complete);
  Entry entry(Rule& rule);
  ListIndex list(const std::string& policy, std::uint32_t line);
  void undecide(std::string why);

  router::RouterDraft& draft_;
  Part part_ = Part::none;
  FieldSets prefixes_, ports_;
  FieldSet* set_ = nullptr;
  std::map<std::string, std::vector<Rule>, std::less<>> policies_;
  std::vector<Rule>* policy_ = nullptr;
  std::map<std::string, ListIndex> lists_;
  std::vector<Bound> bound_;
  std::size_t ranges_left_ = router::kEntryRangesMax;
};

}  // namespace demarc
