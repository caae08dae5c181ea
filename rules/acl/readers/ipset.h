// `ipset save`: the sets that iptables' `--match-set` looks packets up in.
//
// A set has one to three dimensions (address, network, port, interface); the rule says for each whether the
// packet's source or destination is looked up. In a set of networks the longest prefix decides, and one marked
// `nomatch` is an exception.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/readers/netfilter_model.h"
#include "rules/text/source.h"

namespace demarc {

class IpSets {
 public:
  /// "create ..." or "add ...", as ipset saves them. An error is about the word where reading stopped; the set is
  /// then known to be incomplete.
  Result<void> read(const Source& source, std::uint32_t line);
  /// A rule's target adds to it or takes from it.
  void may_change(std::string_view name);

  /// A test of the set, for directions as in "src,dst". An undefined or incomplete set gives a term that is not
  /// decided.
  netfilter::Term term(std::string_view name, std::string_view directions, netfilter::InterfaceNames& interfaces);

  std::vector<NamedObject> objects() const;

 private:
  enum class Dimension : std::uint8_t { address, network, port, interface, other };
  struct Element {
    AddressRange address[2] = {};  // in the order of their dimensions
    std::uint8_t length[2] = {};   // of a network's prefix
    std::uint8_t protocol = 0;
    PortRange ports = {};  // of ICMP: type and code
    InterfaceId interface = 0;
    std::string interface_name = {};
    bool nomatch = false, lasts = true;
  };
  struct Set {
    std::string name = {}, type = {};
    std::uint32_t line = 0, uses = 0;
    std::vector<Dimension> dimensions = {};
    std::optional<Family> family = {};
    std::uint8_t netmask = 255;  // hash:ip with netmask: addresses are looked up by their prefix
    bool expires = false, changes = false;
    std::string incomplete = {};  // why not everything in it is known
    std::vector<Element> elements = {};
    std::vector<std::string> members = {};  // of a list of sets
    std::map<std::string, std::shared_ptr<const netfilter::Matches>, std::less<>> tests = {};
  };

  Result<void> create(const Source& source, std::uint32_t line);
  Result<void> add(const Source& source, std::uint32_t line);
  netfilter::Matches matches(const Set& set, std::span<const bool> source, netfilter::InterfaceNames& interfaces,
                             std::string& open);
  Set* find(std::string_view name);

  std::map<std::string, Set, std::less<>> sets_;
  std::vector<std::string> changing_;
};

}  // namespace demarc
