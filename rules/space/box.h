// A box: the readable shape of a set of packets, one constraint for each field, all of which must hold. An ACL
// line, an approved service between two zones and a forbidden entry are each one box or a few.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rules/net/address_set.h"
#include "rules/net/icmp.h"
#include "rules/net/port.h"
#include "rules/net/protocol.h"
#include "rules/net/tcp_flag.h"

namespace demarc {

/// A set of the numbers 0-255: protocols, TCP flag bytes, interfaces.
class ByteSet {
 public:
  constexpr ByteSet() = default;
  constexpr ByteSet(std::initializer_list<std::uint8_t> numbers) {
    for (std::uint8_t n : numbers) insert(n);
  }
  static constexpr ByteSet all() { return ByteSet().complement(); }

  constexpr ByteSet& insert(std::uint8_t n) {
    words_[n / 64] |= std::uint64_t{1} << (n % 64);
    return *this;
  }
  constexpr bool contains(std::uint8_t n) const { return (words_[n / 64] >> (n % 64) & 1) != 0; }
  constexpr bool empty() const { return *this == ByteSet(); }
  constexpr bool is_all() const { return *this == all(); }
  constexpr unsigned size() const {
    unsigned n = 0;
    for (std::uint64_t w : words_) n += static_cast<unsigned>(std::popcount(w));
    return n;
  }
  /// Bit n stands for n, n + 64, n + 128 and n + 192: sets without a common bit have nothing in common.
  constexpr std::uint64_t folded() const { return words_[0] | words_[1] | words_[2] | words_[3]; }
  constexpr ByteSet unite(const ByteSet& o) const {
    return combine(o, [](auto a, auto b) { return a | b; });
  }
  constexpr ByteSet intersect(const ByteSet& o) const {
    return combine(o, [](auto a, auto b) { return a & b; });
  }
  constexpr ByteSet minus(const ByteSet& o) const {
    return combine(o, [](auto a, auto b) { return a & ~b; });
  }
  constexpr ByteSet complement() const {
    return combine(*this, [](auto a, auto) { return ~a; });
  }
  constexpr bool operator==(const ByteSet&) const = default;

 private:
  template <typename F>
  constexpr ByteSet combine(const ByteSet& o, F f) const {
    ByteSet result;
    for (std::size_t i = 0; i < 4; ++i) result.words_[i] = f(words_[i], o.words_[i]);
    return result;
  }
  std::array<std::uint64_t, 4> words_{};
};

/// IP protocols.
class ProtocolSet {
 public:
  ProtocolSet() = default;
  ProtocolSet(std::initializer_list<Protocol> protocols) {
    for (Protocol p : protocols) insert(p);
  }
  explicit ProtocolSet(const ByteSet& numbers) : numbers_(numbers) {}
  static ProtocolSet all() { return ProtocolSet(ByteSet::all()); }
  static ProtocolSet with_ports();  // TCP, UDP, SCTP, DCCP, UDP-Lite
  static ProtocolSet icmp();        // ICMP and ICMPv6

  ProtocolSet& insert(Protocol p) { return numbers_.insert(p.number()), *this; }
  bool contains(Protocol p) const { return numbers_.contains(p.number()); }
  bool empty() const { return numbers_.empty(); }
  const ByteSet& numbers() const { return numbers_; }
  bool operator==(const ProtocolSet&) const = default;

 private:
  ByteSet numbers_;
};

/// All flag bytes where the bits of `mask` have the values they have in `value`: iptables' --tcp-flags mask value.
ByteSet tcp_flags(std::uint8_t mask, std::uint8_t value);
/// "established" of a router without state: ACK or RST.
ByteSet tcp_flags_established();

/// What a stateful filter thinks of a packet's conversation (the names are conntrack's).
enum class ConnectionState : std::uint8_t { fresh, established, related, invalid };  // fresh: NEW
/// Where in its datagram a packet lies: offset and more-fragments bit (RFC 791 §3.1).
enum class Fragment : std::uint8_t { whole, first, last, middle };

/// A set of up to four values of an enumeration.
template <typename E>
class FourSet {
 public:
  constexpr FourSet() = default;
  constexpr FourSet(std::initializer_list<E> values) {
    for (E v : values) insert(v);
  }
  static constexpr FourSet all() { return {E(0), E(1), E(2), E(3)}; }
  constexpr FourSet& insert(E v) {
    bits_ = static_cast<std::uint8_t>(bits_ | 1U << static_cast<unsigned>(v));
    return *this;
  }
  constexpr bool contains(E v) const { return (bits_ >> static_cast<unsigned>(v) & 1) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr FourSet unite(FourSet o) const { return FourSet(static_cast<std::uint8_t>(bits_ | o.bits_)); }
  constexpr FourSet intersect(FourSet o) const { return FourSet(static_cast<std::uint8_t>(bits_ & o.bits_)); }
  constexpr FourSet minus(FourSet o) const { return FourSet(static_cast<std::uint8_t>(bits_ & ~o.bits_)); }
  constexpr bool operator==(const FourSet&) const = default;

 private:
  explicit constexpr FourSet(std::uint8_t bits) : bits_(bits) {}
  std::uint8_t bits_ = 0;
};
using StateSet = FourSet<ConnectionState>;
using FragmentSet = FourSet<Fragment>;
/// Fragments without the transport header: what `fragments` means in an ACL.
inline constexpr FragmentSet kLaterFragments{Fragment::last, Fragment::middle};

/// ICMP messages as numbers type << 8 | code (the same number that FiveTuple keeps as the responder's port).
class IcmpSet {
 public:
  IcmpSet() = default;
  IcmpSet(std::initializer_list<IcmpType> types) : IcmpSet(of(std::span(types.begin(), types.size()))) {}
  static IcmpSet of(std::span<const IcmpType> types);
  static IcmpSet of_numbers(PortSet numbers);
  static IcmpSet all() { return of_numbers(PortSet::all()); }
  bool contains(IcmpType type) const;  // a type without code: every code of it
  bool empty() const { return numbers_.empty(); }
  const PortSet& numbers() const { return numbers_; }
  bool operator==(const IcmpSet&) const = default;

 private:
  PortSet numbers_;
};

/// Zones or interfaces by a number below 256 that the user of the space gives them; 0 is an ordinary number.
using InterfaceId = std::uint8_t;

/// The packets that meet every constraint. Default: all packets.
///
/// A constraint on a field that a packet does not have is not met: a box that names ports holds TCP, UDP, SCTP,
/// DCCP and UDP-Lite only, one that names ICMP messages ICMP only, one that names flags TCP only; one that names
/// ports and ICMP messages is empty. (The ports of a later fragment are those of its datagram. That a filter cannot
/// see them is for the reader of that filter to say, by `fragments`.)
struct Box {
  std::optional<Family> family = {};  // none: both
  AddressSet sources = AddressSet::all();
  AddressSet destinations = AddressSet::all();
  ProtocolSet protocols = ProtocolSet::all();
  PortSet ports = PortSet::all();  // of the destination
  PortSet source_ports = PortSet::all();
  IcmpSet icmp = IcmpSet::all();
  ByteSet flags = ByteSet::all();  // flag bytes, see tcp_flags()
  StateSet states = StateSet::all();
  FragmentSet fragments = FragmentSet::all();
  ByteSet ingress = ByteSet::all();
  ByteSet egress = ByteSet::all();

  bool operator==(const Box&) const = default;
};
/// "192.0.2.0/24 > 198.51.100.10 tcp/80,443"; what is not constrained is not printed, sources and destinations are
/// "any".
std::string to_string(const Box& box);

}  // namespace demarc
