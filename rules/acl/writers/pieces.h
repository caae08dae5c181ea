// What the writers share: a match taken apart into pieces of one family and one kind of protocol, so that a writer
// only finds words for each field; and the forms that several dialects have for a field.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/writers/writer.h"

namespace demarc::writing {

/// A match within one family. If it looks at ports, messages or flags it is of one protocol, which has them.
struct Piece {
  Family family = Family::ipv4;
  std::vector<AddressRange> sources = {}, destinations = {};  // empty: any
  std::optional<AddressBits> source_bits = {}, destination_bits = {};
  bool every_protocol = false;
  ByteSet protocols = {};                 // where not every one
  std::optional<Protocol> protocol = {};  // the one, where it is one
  PortSet ports = PortSet::all(), source_ports = PortSet::all();
  std::optional<IcmpSet> icmp = {};
  std::optional<ByteSet> flags = {};
  StateSet states = StateSet::all();
  FragmentSet fragments = FragmentSet::all();
  ByteSet ingress = ByteSet::all(), egress = ByteSet::all();

  bool looks_deeper() const { return ports != PortSet::all() || source_ports != PortSet::all() || icmp || flags; }
};

/// The match's packets of that family. Empty parts are left out.
std::vector<Piece> pieces_of(const Match& match, Family family);

/// The prefixes of these ranges; none of `any`.
std::vector<Prefix> prefixes_of(const std::vector<AddressRange>& ranges);

/// Packets whose flags under the mask have the value.
struct FlagTest {
  std::uint8_t mask = 0, value = 0;
};
/// Disjoint tests that together are the set.
std::vector<FlagTest> flag_tests(const ByteSet& flags);
/// The names of the bits, joined: "syn,ack".
std::string flag_names(std::uint8_t bits, std::string_view separator, bool capital);

/// Whole types where every code is in it, single messages otherwise.
std::vector<IcmpType> icmp_types(const IcmpSet& set);

/// A comment that no dialect trips over: printable ASCII without quotes and backslashes, nor what a shell reads
/// within quotes; at most that long.
std::string plain_comment(std::string_view comment, std::size_t most);
/// A name of letters, digits and '-' or '_', beginning with a letter.
std::string plain_name(std::string_view wanted, std::string_view otherwise, std::size_t most);

/// Names for things that are written once and used often: the same content has the same name, another content of
/// the same name a number behind it.
class NameBook {
 public:
  NameBook(std::string_view otherwise, std::size_t longest) : otherwise_(otherwise), longest_(longest) {}
  /// The name of this content, and whether it is new.
  std::pair<std::string, bool> name(const std::string& content, std::string_view wanted);

 private:
  std::string otherwise_;
  std::size_t longest_;
  std::map<std::string, std::string> names_;
  std::set<std::string> used_;
};

/// Lines beyond which an entry is not written out: nobody could read them, and no device would take them.
inline constexpr std::size_t kLinesMax = 20'000;

}  // namespace demarc::writing
