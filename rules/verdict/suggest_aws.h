// Rules of AWS: security groups, which only permit and have no order, and network ACLs, which are asked in the
// order of their numbers.
#pragma once

#include <boost/json/array.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rules/acl/device.h"
#include "rules/verdict/suggest_cloud.h"

namespace demarc {

/// A list of a security group, and no network ACL.
bool is_security_group(const Device& device, ListIndex list);
// The rules of one list in the documents of the provider's tool. What is removed and created is so in them, and the
// commands for it are given back; `problem`: why it cannot be. The documents must outlive it.

class AwsGroupRules {
 public:
  static constexpr std::optional<RuleNumbers> kNumbers = {};
  std::string problem = {};

  AwsGroupRules(std::vector<boost::json::value>& documents, const Device& device, ListIndex list);

  std::string remove(const List& list, std::uint32_t entry);
  /// One command for all ends of the same ports.
  std::vector<std::string> create(const std::vector<NewRule>& rules);
  /// The changes come into the documents here, once: until then their arrays stand where they stood.
  void finish();

 private:
  /// What one entry was read from.
  struct Place {
    boost::json::array* in;
    std::size_t at;
    boost::json::object permission;  // it alone, as the command takes it
    std::string id = {};             // of describe-security-group-rules
  };
  void find_group(boost::json::object& group);
  void find_rules(boost::json::array& rules);

  std::string group_;
  bool inward_ = true;
  std::size_t found_ = 0;
  boost::json::array *permissions_ = nullptr, *rules_ = nullptr;  // where a new rule goes: the first that is there
  std::vector<Place> places_;                                     // by written entry
  std::map<boost::json::array*, std::vector<std::size_t>> gone_;
  boost::json::array come_;
};

class AwsAclRules {
 public:
  static constexpr std::optional<RuleNumbers> kNumbers = RuleNumbers{0, 32766, true};
  std::string problem = {};

  AwsAclRules(std::vector<boost::json::value>& documents, const Device& device, ListIndex list);

  std::string remove(const List& list, std::uint32_t entry);
  std::string create(const NewRule& rule);

 private:
  std::string command(const char* verb, std::uint64_t number) const;

  std::string acl_;
  bool inward_ = true;
  boost::json::array* entries_ = nullptr;
};

}  // namespace demarc
