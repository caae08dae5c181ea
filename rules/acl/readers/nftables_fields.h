// The fields that nftables' rules test: which are known, of which packets a test of them is made, and the bits of
// those that are bits.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"
#include "rules/acl/readers/nftables_syntax.h"
#include "rules/text/result.h"

namespace demarc::nft {

enum class Field : std::uint8_t {
  saddr,
  daddr,
  protocol,
  nexthdr,
  sport,
  dport,
  icmp_type,
  icmp_code,
  tcp_flags,
  ct_state,
  iif,
  oif,
  nfproto,
  ethertype,
  frag_off,
  fragment,  // IPv6: is there a fragment header
  source_type,
  destination_type,  // fib ... type
  open,              // it is known what it is, and not which packets have it
};

/// A field as a rule names it.
struct KnownField {
  Field field = Field::open;
  Match domain = {};
  bool transport = false;
  std::string text = {};
};

KnownField known(std::string_view text);
/// Of the left side of a test: one, or those of a concatenation.
std::vector<KnownField> fields_of(const Expr& left);

/// `ct state` as bits, as the kernel has them.
inline constexpr std::uint8_t kUntracked = 64;
std::uint8_t state_bit(ConnectionState state);
inline ConnectionState state_of(std::size_t i) { return static_cast<ConnectionState>(i); }
/// The bits that a value or a list of them names, of `tcp flags` or `ct state`.
Result<std::uint8_t> bits_of(Field field, const Expr& e);

/// What is not understood in a rule, without a place.
std::unexpected<Error> wrong(std::string what, std::string hint = {});

}  // namespace demarc::nft
