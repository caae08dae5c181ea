// What an nftables rule set says, before anybody asks what it means: the same tree from `nft list ruleset` and from
// `nft -j list ruleset`.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace demarc::nft {

struct Expr {
  enum class Kind : std::uint8_t {
    value,      // text: 22, tcp, 192.0.2.0/24, established
    quoted,     // text: an interface name, mostly
    range,      // parts: first, last
    set,        // parts: its elements
    list,       // parts: a,b,c and a | b | c: bits, any of them; text: "," or "|"
    concat,     // parts
    reference,  // text: the name of a set or map
    field,      // text: "ip saddr", "meta iifname", "ct state"
    bit_and,    // parts: what, mask
    masked,     // parts: value, mask (syn / fin,syn,rst,ack)
    element,    // parts: key, and what a map has for it; text: "timeout" if it ends by itself
    verdict,    // text: accept, drop, continue, return, jump, goto; parts: the chain
    other,      // text: something that is not read
  };
  Kind kind = Kind::value;
  std::string text = {};
  std::vector<Expr> parts = {};
};

struct Statement {
  enum class Kind : std::uint8_t {
    match,    // left op right
    vmap,     // left: key, right: map
    verdict,  // right
    counter,
    reject,  // text: icmp, icmpv6, icmpx, tcp, or nothing; right: the message, if it is named
    nat,     // text: dnat, snat, masquerade, redirect; right: where to, if it is plain
    notrack,
    open,    // a limit, a quota, a set that fills: whether the rule goes on is not known. text: why
    go_on,   // log, marks, ...
    steal,   // queue, tproxy, synproxy, dup, fwd: what becomes of the packet is not known. text: what
    unread,  // text: why
  };
  Kind kind = Kind::go_on;
  std::string op = {};  // "" and "in": by the kind of the field; "==", "!=", "!", "<", ...
  Expr left = {}, right = {};
  std::string text = {};
  std::uint64_t packets = 0;
  std::uint16_t to_port = 0;  // of nat; 0: none
};

struct Rule {
  std::uint32_t line = 0, line_last = 0, note = 0;
  std::string text = {}, comment = {};
  std::vector<Statement> statements = {};
};

struct Chain {
  std::string name = {};
  std::uint32_t line = 0, note = 0;
  std::string type = {}, hook = {}, priority = {};  // "filter", "forward", "-150" or "mangle + 5"
  std::string policy = {};
  std::uint32_t policy_line = 0;
  std::vector<std::string> devices = {};
  std::vector<Rule> rules = {};
};

struct Set {
  std::string name = {};
  std::uint32_t line = 0, note = 0;
  bool map = false;
  bool changes = false;  // timeout, dynamic: its content is what it was when it was listed
  std::uint32_t uses = 0;
  Expr content = {Expr::Kind::set};
};

struct Table {
  std::string family = {}, name = {};
  std::uint32_t line = 0, note = 0;
  bool dormant = false;
  std::deque<Chain> chains = {};
  std::deque<Set> sets = {};
  std::map<std::string, std::size_t, std::less<>> chain_index = {}, set_index = {};

  Chain& chain(std::string_view wanted);  // adds it if it is not there
  Set& set(std::string_view wanted);
  Set* find_set(std::string_view wanted);
};

struct Ruleset {
  std::deque<Table> tables = {};
  Table& table(std::string_view family, std::string_view name);
};

/// How deep expressions may lie in each other.
inline constexpr unsigned kDepthMax = 32;

/// As nft would write it.
std::string to_text(const Expr& expr);

}  // namespace demarc::nft
