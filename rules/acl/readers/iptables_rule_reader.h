// Reads one rule's options (iptables_rule.h). Internal to this folder.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "rules/acl/readers/iptables_rule.h"

namespace demarc {

class IptablesRuleReader {
 public:
  IptablesRuleReader(std::span<const IptablesWord> words, const IptablesAround& around,
                     const std::function<void(const IptablesWord&, std::string, std::string)>& warn)
      : words_(words), around_(around), warn_(warn) {}

  IptablesRule read();

 private:
  bool is(std::string_view text) const;
  /// The option's value; an old `-s ! ADDRESS` turns the option round.
  Result<std::string> value();
  void add(netfilter::Term term);
  void open(std::string why) { out_.rule.terms.push_back(netfilter::Term::open(std::move(why))); }
  void open_unread(const IptablesWord& word, std::string what, std::string hint);
  /// What belongs to an option that is not read: everything up to the next option.
  void skip_values();
  static bool is_option(std::string_view word);
  Result<void> take(std::string_view option);
  /// Options of matches and targets.
  Result<void> extension(std::string_view option);
  Result<void> target_option(std::string_view option);
  /// "192.0.2.9", "192.0.2.9:8080", "192.0.2.9:80-90", "[2001:db8::9]:80"; a range of addresses is a pool.
  void translation(std::string_view text);
  Result<void> address(bool source);
  Result<void> interface(bool in);
  Result<void> protocol();
  Result<void> module();
  /// A test of ports, of packets that have them.
  Result<netfilter::Term> transport_term();
  Result<void> port(bool destination);
  Result<void> multiport(bool source, bool destination);
  Result<void> tcp_flags(bool syn);
  Result<void> icmp(Family family);
  Result<void> state();
  Result<void> range(bool source);
  Result<void> set();
  Result<void> address_type(bool source);
  void finish();

  std::span<const IptablesWord> words_;
  const IptablesAround& around_;
  const std::function<void(const IptablesWord&, std::string, std::string)>& warn_;
  IptablesRule out_;
  std::size_t at_ = 0;
  bool negated_ = false, in_undecided_ = false, in_target_ = false, bare_header_ = false;
  std::optional<Protocol> protocol_;
};

}  // namespace demarc
