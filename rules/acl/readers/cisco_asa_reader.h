// What reads an ASA's configuration (cisco_asa.cpp). Internal to this folder.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/acl/readers/cisco_asa_lists.h"
#include "rules/acl/readers/cisco_asa_nat.h"
#include "rules/acl/readers/cisco_asa_stages.h"
#include "rules/acl/readers/line_ledger.h"

namespace demarc {

class AsaReader {
 public:
  explicit AsaReader(const Source& source)
      : source_(source),
        ledger_(source, device_),
        objects_(device_),
        aces_(objects_, device_, facts_.unified),
        lists_(source, device_, ledger_, aces_),
        nats_(source, device_, ledger_, objects_, aces_),
        done_(source.line_count() + 1) {
    device_.file = source.name();
    device_.name = source.name();
    device_.dialect = Dialect::cisco_asa;
    device_.replies_implied = true;
  }

  Result<Device> read();

 private:
  struct Version {
    unsigned major = 0, minor = 0;
    auto operator<=>(const Version&) const = default;
  };
  enum class Block : std::uint8_t { none, interface, object, class_map, policy, inspect_policy, webvpn, other };

  void mark(Understanding u, std::string why = {});
  Cursor cursor(std::string_view text) const { return Cursor(source_.name(), text, line_); }
  void unread(const Error& error);
  void unread(const Cursor& in, std::string what, std::string hint = {});
  static bool indented(std::string_view text) { return text.starts_with(' ') || text.starts_with('\t'); }

  // --- The first walk: what others name ---

  void definition_line(std::string_view text);
  void version_line(Cursor& in, std::string_view product);
  void name_line(Cursor& in);
  void object_line(Cursor& in);
  void begin_interface(Cursor& in);
  static bool is_interface_word(std::string_view word);
  void interface_line(Cursor& in);
  void address_line(Cursor& in, Interface& interface, bool v6);
  void decide_version();
  /// Those with a name first, where there are more than can be told apart.
  void order_interfaces();

  // --- The second walk ---

  void rest_line(std::string_view text);
  void top_line(Cursor& in);
  void block_line(Cursor& in);
  std::optional<std::size_t> interface_of(Cursor& in);
  std::string hint_of_interface(std::string_view name) const;
  /// What is bound is not known where a binding cannot be read: nothing that passes is certain then.
  void access_group(Cursor& in);
  bool read_access_group(Cursor& in);
  void ipv6_line(Cursor& in);
  void same_security(Cursor& in);
  /// ADDRESS NETMASK or PREFIX, `0 0` for any.
  Result<AddressSet> sources(Cursor& in);
  void management_line(Cursor& in, std::string_view service);
  void icmp_line(Cursor& in, Family family);

  // --- Inspection ---

  void begin_class(Cursor& in);
  void class_line(Cursor& in);
  void begin_policy(Cursor& in);
  void policy_line(Cursor& in);
  void inspect_policy_line(Cursor& in);
  void apply_inspection();

  // --- Tunnels, switches, other uses of lists ---

  void crypto_line(Cursor& in);
  void webvpn_line(Cursor& in);
  void switch_line(Cursor& in, bool no);
  /// "match address VPN", "value SPLIT": lists that select traffic for something else.
  void remember_use(Cursor in);
  void note_uses();

  const Source& source_;
  Device device_;
  asa::Facts facts_;
  LineLedger ledger_;
  asa::Objects objects_;
  asa::AceReader aces_;
  asa::ListBook lists_;
  asa::NatBook nats_;
  std::vector<bool> done_;
  std::uint32_t line_ = 0;

  Block block_ = Block::none;
  std::string block_unread_, class_, policy_;
  std::optional<Version> version_;
  bool old_words_ = false, permit_vpn_ = true, tunnels_said_ = false;
  struct NatLine {
    std::uint32_t line;
    std::string object;
  };
  std::vector<NatLine> nat_lines_;
  std::set<std::string> global_policies_, whole_classes_;
  std::set<std::pair<std::string, std::string>> icmp_, icmp_errors_;  // policy and class that inspect them
  std::vector<std::pair<std::string, std::uint32_t>> uses_;
};

}  // namespace demarc
