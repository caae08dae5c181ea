// What the readers of cloud filters share. A cloud has no box with interfaces: its filters stand around each
// attachment (a network interface of a machine, a subnet). The Device says it so:
//
//            ingress                                  egress
//   web ------[what web may send]---> fabric ---[what db may receive]------> db
//
// Each attachment is an Interface of the device, and so is `outside`, everything that lies beyond the document. A
// packet enters the fabric by its sender's attachment, where the lists for sending stand (ingress), and leaves it
// by the receiver's (egress). Where a document names no attachments, filters are attached to one of their own name.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"
#include "rules/acl/readers/json_tree.h"

namespace demarc::cloud {

/// The name of everything that the document does not hold.
inline constexpr std::string_view kOutside = "outside";

/// What is made of an address range in JSON: "192.0.2.0/24", host bits allowed.
std::optional<Prefix> parse_cidr(std::string_view text);
/// The name at the end of a path: "web" of ".../tags/web".
std::string_view last_segment(std::string_view path);
/// RFC 1918, RFC 6598, unique local and link local: what a virtual network is taken to use.
const AddressSet& private_space();

/// Collects a device, and keeps account of each rule and object: what a line is elsewhere.
class Builder {
 public:
  Builder(const Source& source, Dialect dialect);

  Device device;

  void account(JsonValue what, Understanding understanding, std::string why = {});
  /// As not understood, with a warning at its place.
  void not_understood(JsonValue what, std::string why, std::string hint = {});
  void note(std::string what, std::string hint = {});

  /// Adds an interface; beyond what can be told apart, none.
  std::optional<InterfaceId> add_interface(Interface interface);
  /// All but these, `outside` included.
  std::vector<InterfaceId> all_but(const std::vector<InterfaceId>& these) const;

  ListIndex add_list(std::string name, std::uint32_t line, Fallthrough at_end);
  List& list(ListIndex index) { return device.lists[index]; }
  /// A list that does what one of these does; which one, is not known. Each ends in a decision.
  ListIndex one_of(std::string name, const std::vector<ListIndex>& lists, const std::string& why);
  /// A list of which nothing is known.
  ListIndex unknown(std::string name, std::uint32_t line, const std::string& why);
  /// The stage stands on interfaces that cannot be told apart: it may or may not see a packet.
  void add_perhaps(Stage stage, const std::string& why);
  /// "The conversation was permitted", as the first entry of a list: for devices where other lists are stateless.
  void add_replies(ListIndex index, std::string_view text);

  /// Whether so many more ranges of addresses may be kept. Rules name whole groups and lists: without a bound a
  /// small document could fill the memory.
  bool afford(std::size_t ranges);
  static constexpr const char* kTooMany = "the rules together hold more addresses than are kept";

  Result<Device> finish(const JsonTree& tree);

 private:
  static constexpr std::size_t kRangesMax = 10'000'000;
  const Source& source_;
  std::size_t ranges_ = 0;
};

/// An entry with its place and text.
Entry entry(JsonValue at, Action action, std::string text, std::string remark = {});
/// An entry that nobody wrote.
Entry implied(Action action, std::string text, Box box);
/// Whether a document's first bytes are those of JSON.
bool is_json(std::string_view text);
/// Whether one of the keys is written in the text.
bool has_key(std::string_view text, std::string_view key);

}  // namespace demarc::cloud
