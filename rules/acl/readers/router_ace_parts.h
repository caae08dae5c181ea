// The parts of an entry (router_ace.h): where packets come from and go to, what of them is matched, what stands
// behind. Internal to this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "rules/acl/readers/router_ace.h"

namespace demarc::router {

inline std::unexpected<Error> wrong(const Cursor& in, std::string what, std::string hint = {}) {
  return std::unexpected(Error{in.last(), std::move(what), std::move(hint)});
}

/// Why something is not decided, said once. Bounded: a line may hold a million reasons.
class Reasons {
 public:
  void add(std::string_view why) {
    constexpr std::size_t kTextMax = 400;
    if (why.empty() || text_.size() > kTextMax || text_.find(why) != std::string::npos) return;
    why = why.substr(0, kTextMax);
    if (!text_.empty()) text_ += ", ";
    text_ += why;
  }
  std::string take() { return std::move(text_); }
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
};

/// Where the packets come from or go to.
struct Place {
  AddressSet addresses = AddressSet::all();
  std::optional<AddressBits> bits = {};
  const NetworkGroup* group = nullptr;  // whose addresses are yet to be written out
  bool complete = true;                 // false: a group of which a member is not known
  std::string why = {};

  std::size_t ranges() const { return (group != nullptr ? group->addresses : addresses).ranges().size(); }
  void write_out() {
    if (group != nullptr) addresses = group->addresses;
  }
};
Result<Place> place(Cursor& in, const AceDialect& dialect, ListForm form, const Groups& groups);

/// Ports as they stand in an entry: a comparison or a group of them.
struct Ports {
  PortSet set = PortSet::all();
  bool complete = true;
  std::string why = {};
};
Result<Ports> ports_or_group(Cursor& in, const AceDialect& dialect, const Groups& groups,
                             std::span<const NamedNumber> names);
std::span<const NamedNumber> port_names(const ProtocolSet& protocols, const RouterNames& names);
/// A type by name, or by number with an optional code.
Result<std::optional<IcmpSet>> icmp(Cursor& in, Family family, const RouterNames& all);
Result<ProtocolSet> protocol(std::string_view word, Family family, const Cursor& in, const AceDialect& dialect);
bool has_ports(const ProtocolSet& p);

/// What stands behind the addresses and ports.
struct Options {
  std::optional<ByteSet> flags = {}, flags_possible = {};
  unsigned flag_words = 0;
  bool fragments = false, silent = false;
  Reasons undecided = {};
};
Result<Options> options(Cursor& in, const AceDialect& dialect);

}  // namespace demarc::router
