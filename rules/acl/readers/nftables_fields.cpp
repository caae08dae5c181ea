// Source: nft(8), and the instructions that `nft --debug=netlink` prints for each spelling: which tests imply a
// family or a protocol.
#include "rules/acl/readers/nftables_fields.h"

#include <fmt/format.h>

#include "rules/acl/readers/netfilter_names.h"
#include "rules/acl/readers/nftables_names.h"
#include "rules/text/suggest.h"

namespace demarc::nft {

KnownField known(std::string_view text) {
  KnownField k;
  k.text = text;
  const std::size_t blank = text.find(' ');
  const std::string_view header = text.substr(0, blank);
  const std::string_view name = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
  const auto of_protocol = [&](Protocol p) { k.domain.box.protocols = {p}, k.transport = true; };
  if (header == "ip") k.domain.box.family = Family::ipv4;
  if (header == "ip6" || header == "exthdr" || header == "hbh" || header == "frag" || header == "mh" ||
      header == "dst" || header == "srh")
    k.domain.box.family = Family::ipv6;
  if (header == "tcp") of_protocol(Protocol::tcp);
  if (header == "udp") of_protocol(Protocol::udp);
  if (header == "udplite") of_protocol(Protocol(136));
  if (header == "sctp") of_protocol(Protocol::sctp);
  if (header == "dccp") of_protocol(Protocol(33));
  if (header == "ah") of_protocol(Protocol::ah);
  if (header == "esp") of_protocol(Protocol::esp);
  if (header == "comp") of_protocol(Protocol(108));
  if (header == "igmp") of_protocol(Protocol::igmp);
  if (header == "gre") of_protocol(Protocol::gre);
  if (header == "icmp") of_protocol(Protocol::icmp), k.domain.box.family = Family::ipv4;
  if (header == "icmpv6") of_protocol(Protocol::icmpv6), k.domain.box.family = Family::ipv6;
  if (header == "th") k.transport = true;

  const bool has_ports = header == "tcp" || header == "udp" || header == "udplite" || header == "sctp" ||
                         header == "dccp" || header == "th";
  const auto is = [&](std::string_view a) { return text == a; };
  if (is("ip saddr") || is("ip6 saddr")) k.field = Field::saddr;
  if (is("ip daddr") || is("ip6 daddr")) k.field = Field::daddr;
  if (is("ip protocol") || is("meta l4proto")) k.field = Field::protocol;
  if (is("ip6 nexthdr")) k.field = Field::nexthdr;
  if (has_ports && name == "sport") k.field = Field::sport;
  if (has_ports && name == "dport") k.field = Field::dport;
  if (is("@th,0,16")) k.field = Field::sport, k.transport = true;
  if (is("@th,16,16")) k.field = Field::dport, k.transport = true;
  if ((header == "icmp" || header == "icmpv6") && name == "type") k.field = Field::icmp_type;
  if ((header == "icmp" || header == "icmpv6") && name == "code") k.field = Field::icmp_code;
  if (is("tcp flags")) k.field = Field::tcp_flags;
  if (is("ct state")) k.field = Field::ct_state;
  if (is("meta iif") || is("meta iifname")) k.field = Field::iif;
  if (is("meta oif") || is("meta oifname")) k.field = Field::oif;
  if (is("meta nfproto")) k.field = Field::nfproto;
  if (is("meta protocol")) k.field = Field::ethertype;
  if (is("ip frag-off")) k.field = Field::frag_off;
  if (is("exthdr frag")) k.field = Field::fragment;
  if (is("fib saddr type")) k.field = Field::source_type;
  if (is("fib daddr type")) k.field = Field::destination_type;
  return k;
}

std::vector<KnownField> fields_of(const Expr& left) {
  std::vector<KnownField> fields;
  if (left.kind == Expr::Kind::concat)
    for (const Expr& part : left.parts)
      fields.push_back(part.kind == Expr::Kind::field ? known(part.text) : KnownField{.text = to_text(part)});
  else
    fields.push_back(left.kind == Expr::Kind::field ? known(left.text) : KnownField{.text = to_text(left)});
  return fields;
}

std::uint8_t state_bit(ConnectionState s) {
  switch (s) {
    case ConnectionState::invalid: return 1;
    case ConnectionState::established: return 2;
    case ConnectionState::related: return 4;
    case ConnectionState::fresh: return 8;
  }
  return 0;
}

Result<std::uint8_t> bits_of(Field field, const Expr& e) {
  if (e.kind == Expr::Kind::list || e.kind == Expr::Kind::set) {
    std::uint8_t all = 0;
    for (const Expr& part : e.parts) {
      const std::uint8_t one = DEMARC_TRY(bits_of(field, part));
      all = static_cast<std::uint8_t>(all | one);
    }
    return all;
  }
  if (e.kind != Expr::Kind::value) return wrong(fmt::format("'{}' are no bits", to_text(e)));
  if (const std::optional<std::uint64_t> n = netfilter::whole_number(e.text, 255))
    return static_cast<std::uint8_t>(*n);
  if (field == Field::ct_state) {
    constexpr std::pair<std::string_view, std::uint8_t> kStates[] = {
        {"invalid", 1}, {"established", 2}, {"related", 4}, {"new", 8}, {"untracked", kUntracked}};
    for (const auto& [name, bit] : kStates)
      if (e.text == name) return bit;
    constexpr std::string_view kNames[] = {"invalid", "established", "related", "new", "untracked"};
    return wrong(fmt::format("'{}' is no connection state", e.text), suggest(e.text, std::span(kNames)));
  }
  if (const std::optional<std::uint8_t> bit = tcp_flag_bit(e.text)) return *bit;
  constexpr std::string_view kNames[] = {"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"};
  return wrong(fmt::format("'{}' is no TCP flag", e.text), suggest(e.text, std::span(kNames)));
}

std::unexpected<Error> wrong(std::string what, std::string hint) {
  return std::unexpected(Error{{}, std::move(what), std::move(hint)});
}

}  // namespace demarc::nft
