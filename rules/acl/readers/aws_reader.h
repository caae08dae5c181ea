// What reads AWS's documents (aws.cpp). Internal to this folder.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rules/acl/readers/cloud.h"

namespace demarc {

class AwsReader {
 public:
  AwsReader(const Source& source, const JsonTree& tree) : builder_(source, Dialect::aws), tree_(tree) {}

  Result<Device> read();

 private:
  struct Group {
    JsonValue value = {};
    std::string name, vpc;
    std::vector<JsonValue> rules = {};  // of describe-security-group-rules
    ListIndex inward = kNoList, outward = kNoList;
    std::vector<std::size_t> members = {};  // of attachments_
    std::uint32_t uses = 0;
    bool defined = false;
  };
  struct Attachment {
    std::string name, owner, subnet, vpc;
    std::vector<std::string> groups = {};
    std::vector<Address> addresses = {};
    std::vector<std::pair<Address, Address>> translated = {};  // private, public
    std::uint32_t line = 0;
    std::optional<InterfaceId> id = {};
  };
  struct Acl {
    JsonValue value;
    std::string name, vpc;
    ListIndex inward = kNoList, outward = kNoList;
    std::vector<std::string> subnets = {};
  };
  struct PrefixList {
    JsonValue value = {};
    std::vector<Prefix> prefixes = {};
    bool complete = false;
    std::uint32_t uses = 0;
  };

  // --- Documents ---

  void document(JsonValue root);
  void document_part(JsonValue v, const std::string& key);
  void add_group(JsonValue v);
  void add_rule(JsonValue v);
  void add_acl(JsonValue v);
  void add_prefix_list(JsonValue v);
  void add_instance(JsonValue v);
  void add_network_interface(JsonValue v, const std::string& instance, JsonValue around);

  // --- Attachments become interfaces ---

  void attach();
  void attach_alone(const std::string& name, const std::string& nameif, std::uint32_t line, std::string subnet,
                    std::vector<std::string> groups, std::string vpc, std::vector<Prefix> networks = {});
  /// One interface for each; where there are more than can be told apart, one for all that are filtered alike.
  void attach_interfaces();

  // --- Security groups ---

  void read_groups();
  void services_entry(ListIndex list, bool inward);

  /// Protocol and ports of a permission; an error in words where they are not understood.
  struct What {
    Box box = {};
    std::string text = {}, wrong = {};
  };
  static std::optional<Protocol> protocol_of(const std::string& text);
  What what(JsonValue protocol, JsonValue from, JsonValue to) const;
  static void icmp(What& w, std::optional<std::int64_t> type, std::optional<std::int64_t> code);
  void permissions(JsonValue list, ListIndex index, bool inward);
  /// A rule of describe-security-group-rules.
  void single_rule(JsonValue r, const Group& g);
  void unread(JsonValue at, const std::string& why, ListIndex index);
  /// The entry of a rule: who is known for certain, and who perhaps beside that.
  void add(const What& w, JsonValue at, const std::string& who, const AddressSet& certain, const std::string& open,
           ListIndex index, bool inward);
  void range(const What& w, JsonValue at, JsonValue cidr, ListIndex index, bool inward);
  void prefix_list(const What& w, JsonValue at, const std::string& id, ListIndex index, bool inward);
  void pair(const What& w, JsonValue at, ListIndex index, bool inward);
  const AddressSet& members_of(const std::string& id, const Group& g);
  void bind_groups();
  static void unique(std::vector<InterfaceId>& ids);

  // --- Network ACLs ---

  void read_acls();
  void acl_entry(JsonValue v, std::int64_t number, ListIndex index);
  void bind_acls();
  /// The subnet, or its ACL, is not in the document: it is one of the VPC's, or one that is not there.
  void one_of_acls(const std::string& where, std::vector<InterfaceId>& ids, const std::string& vpc);
  void acl_stages(const std::string& name, const std::vector<InterfaceId>& ids,
                  const std::vector<ListIndex>& inward, const std::vector<ListIndex>& outward, std::uint32_t line);
  /// Public addresses, which the filters do not see.
  void translations();

  static AddressSet link_local_services();

  static constexpr std::int64_t kLastRule = 32767;  // and 32768 for IPv6
  cloud::Builder builder_;
  const JsonTree& tree_;
  std::map<std::string, Group> groups_;
  std::map<std::string, AddressSet> members_;
  std::map<std::string, PrefixList> prefix_lists_;
  std::map<std::string, JsonValue> subnets_;
  std::vector<Acl> acls_;
  std::vector<Attachment> attachments_;
  std::set<std::string> seen_;
  AddressSet link_local_ = link_local_services();
  bool found_ = false, interfaces_given_ = false, incomplete_ = false;
};

}  // namespace demarc
