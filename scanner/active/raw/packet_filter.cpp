// A filter is a list of instructions over one accumulator and one index register; jumps only go forward, and a
// conditional jump reaches 255 instructions. The assembler below knows labels and spends one instruction more on
// each jump, so that distance never matters.
//
// The program, where "ours" are the addresses asked for:
//
//   not outgoing, not of a VLAN on top of this interface
//     ARP                                     in
//     IPv4 to ours:  a fragment of TCP, UDP or ICMP; ICMP; TCP or UDP to our ports
//     IPv6:          neighbour discovery, whoever it is for
//     IPv6 to ours:  ICMPv6; TCP or UDP to our ports; anything behind an extension header, for its reader to judge
//
// A load past the end of a packet drops it, so cut headers need no test.
#include "scanner/active/raw/packet_filter.h"

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cassert>
#include <cerrno>

namespace demarc {

namespace {

constexpr std::size_t kAddressesMax = 256;  // 256 of IPv6 are 2,304 instructions; the kernel takes 4,096
constexpr std::uint32_t kWhole = 0x40000;   // more than any packet has

class Assembler {
 public:
  enum class Label : std::size_t {};

  Label label() {
    places_.push_back(kNowhere);
    return Label{places_.size() - 1};
  }
  void here(Label label) { places_[static_cast<std::size_t>(label)] = program_.size(); }

  void load8(std::uint32_t offset) { add(BPF_LD | BPF_B | BPF_ABS, offset); }
  void load16(std::uint32_t offset) { add(BPF_LD | BPF_H | BPF_ABS, offset); }
  void load32(std::uint32_t offset) { add(BPF_LD | BPF_W | BPF_ABS, offset); }
  void load16_behind_ipv4_header(std::uint32_t offset) {
    add(BPF_LDX | BPF_B | BPF_MSH, 0);  // X = 4 * (first byte & 15)
    add(BPF_LD | BPF_H | BPF_IND, offset);
  }
  void load_metadata(int which) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + which)); }
  void and_with(std::uint32_t mask) { add(BPF_ALU | BPF_AND | BPF_K, mask); }
  void if_equal(std::uint32_t value, Label to) { add_if(BPF_JEQ, value, false, to); }
  void if_not_equal(std::uint32_t value, Label to) { add_if(BPF_JEQ, value, true, to); }
  void if_less(std::uint32_t value, Label to) { add_if(BPF_JGE, value, true, to); }
  void if_greater(std::uint32_t value, Label to) { add_if(BPF_JGT, value, false, to); }
  void if_any_bit(std::uint32_t mask, Label to) { add_if(BPF_JSET, mask, false, to); }
  void go(Label to) {
    jumps_.push_back({program_.size(), to});
    add(BPF_JMP | BPF_JA, 0);
  }
  void end(std::uint32_t bytes_kept) { add(BPF_RET | BPF_K, bytes_kept); }

  std::vector<sock_filter> finish() {
    for (const Jump& jump : jumps_) {
      std::size_t place = places_[static_cast<std::size_t>(jump.to)];
      assert(place != kNowhere && place > jump.at);
      program_[jump.at].k = static_cast<std::uint32_t>(place - jump.at - 1);
    }
    return std::move(program_);
  }

 private:
  static constexpr std::size_t kNowhere = ~std::size_t{0};
  struct Jump {
    std::size_t at;
    Label to;
  };
  void add(int code, std::uint32_t k, std::uint8_t if_true = 0, std::uint8_t if_false = 0) {
    program_.push_back({static_cast<std::uint16_t>(code), if_true, if_false, k});
  }
  void add_if(int condition, std::uint32_t value, bool negated, Label to) {
    // Over the next instruction, which is the far jump, or into it.
    add(BPF_JMP | BPF_K | condition, value, negated ? 1 : 0, negated ? 0 : 1);
    go(to);
  }
  std::vector<sock_filter> program_;
  std::vector<std::size_t> places_;
  std::vector<Jump> jumps_;
};

}  // namespace

Result<std::vector<sock_filter>> packet_filter(const ChannelFilter& wanted, bool link_addresses) {
  if (wanted.addresses.size() > kAddressesMax)
    return failure(fmt::format("{} source addresses are too many for the kernel's packet filter (at most {})",
                               wanted.addresses.size(), kAddressesMax));
  Assembler a;
  Assembler::Label in = a.label(), out = a.label();
  Assembler::Label untagged = a.label(), ipv4 = a.label(), ipv6 = a.label();
  Assembler::Label ipv4_ours = a.label(), ipv6_ours = a.label(), fragment = a.label();
  Assembler::Label ipv4_tcp = a.label(), ipv4_udp = a.label(), tcp_port = a.label(), udp_port = a.label();

  // Where the kernel cannot keep outgoing packets from us by itself (before 4.20).
  a.load_metadata(SKF_AD_PKTTYPE);
  a.if_equal(PACKET_OUTGOING, out);
  // The tag was taken off: what is left looks like a packet of this interface, and is one of another network. Tag 0
  // is a priority only.
  a.load_metadata(SKF_AD_VLAN_TAG_PRESENT);
  a.if_equal(0, untagged);
  a.load_metadata(SKF_AD_VLAN_TAG);
  a.and_with(0x0FFF);
  a.if_not_equal(0, out);
  a.here(untagged);
  a.load_metadata(SKF_AD_PROTOCOL);
  a.if_equal(ETH_P_IP, ipv4);
  a.if_equal(ETH_P_IPV6, ipv6);
  if (link_addresses) a.if_equal(ETH_P_ARP, in);
  a.go(out);

  a.here(ipv4);
  if (!wanted.addresses.empty()) {
    a.load32(16);  // destination
    for (const Address& address : wanted.addresses)
      if (address.is_ipv4()) a.if_equal(address.ipv4_number(), ipv4_ours);
    a.go(out);
  }
  a.here(ipv4_ours);
  a.load16(6);
  a.if_any_bit(0x3FFF, fragment);  // more fragments, or an offset
  a.load8(9);
  a.if_equal(1, in);
  a.if_equal(6, ipv4_tcp);
  a.if_equal(17, ipv4_udp);
  a.go(out);
  a.here(fragment);
  a.load8(9);
  for (std::uint32_t protocol : {1U, 6U, 17U}) a.if_equal(protocol, in);
  a.go(out);
  a.here(ipv4_tcp);
  a.load16_behind_ipv4_header(2);
  a.go(tcp_port);
  a.here(ipv4_udp);
  a.load16_behind_ipv4_header(2);
  a.go(udp_port);

  a.here(ipv6);
  Assembler::Label judge_destination = a.label();
  if (link_addresses) {
    a.load8(6);
    a.if_not_equal(58, judge_destination);
    a.load8(40);
    a.if_less(133, judge_destination);  // router and neighbour solicitations and advertisements, redirects
    a.if_greater(137, judge_destination);
    a.go(in);
  }
  a.here(judge_destination);
  for (const Address& address : wanted.addresses) {
    if (address.is_ipv4()) continue;
    Assembler::Label other = a.label();
    for (unsigned word = 0; word < 4; ++word) {
      a.load32(24 + 4 * word);
      a.if_not_equal(static_cast<std::uint32_t>(address.number() >> (96 - 32 * word)), other);
    }
    a.go(ipv6_ours);
    a.here(other);
  }
  if (!wanted.addresses.empty()) a.go(out);
  a.here(ipv6_ours);
  a.load8(6);
  a.if_equal(58, in);
  for (std::uint32_t extension : {0U, 43U, 44U, 51U, 60U, 135U, 139U, 140U}) a.if_equal(extension, in);
  Assembler::Label ipv6_udp = a.label();
  a.if_equal(17, ipv6_udp);
  a.if_not_equal(6, out);
  a.load16(42);
  a.go(tcp_port);
  a.here(ipv6_udp);
  a.load16(42);
  a.go(udp_port);

  a.here(tcp_port);
  a.if_less(wanted.tcp_ports.first.number(), out);
  a.if_greater(wanted.tcp_ports.last.number(), out);
  a.go(in);
  a.here(udp_port);
  a.if_less(wanted.udp_ports.first.number(), out);
  a.if_greater(wanted.udp_ports.last.number(), out);
  a.here(in);
  a.end(kWhole);
  a.here(out);
  a.end(0);
  return a.finish();
}

std::vector<sock_filter> deaf_filter() { return {{BPF_RET | BPF_K, 0, 0, 0}}; }

bool attach_filter(int fd, const std::vector<sock_filter>& program) {
  sock_fprog attached{};
  attached.len = static_cast<unsigned short>(program.size());
  attached.filter = const_cast<sock_filter*>(program.data());  // the kernel only reads
  int lock = 1;
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached) == 0 &&
         setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &lock, sizeof lock) == 0;
}

}  // namespace demarc
