// Cisco ASA: `show running-config`, and `show access-list` for its hit counts. Firepower Threat Defense shows the
// same language for its LINA part, and is read as far as it is alike.
//
// Objects, groups, interfaces and names may stand behind the lists that name them, so the text is walked twice:
// first for these, then for the rest; what is bound to interfaces waits until both are done. What the appliance
// does where nothing is written is in cisco_asa_stages.h.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "rules/acl/readers/cisco_asa_not_filtering.h"
#include "rules/acl/readers/cisco_asa_reader.h"
#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/reader.h"
#include "rules/acl/readers/words.h"

namespace demarc {

using words::number;

Result<Device> AsaReader::read() {
  for (line_ = 1; line_ <= source_.line_count(); ++line_) definition_line(source_.line(line_));
  decide_version();
  order_interfaces();
  aces_.know_interfaces();
  for (const NatLine& nat : nat_lines_) {
    Cursor in(source_.name(), source_.line(nat.line), nat.line);
    in.word();
    nats_.nat(in, nat.line, nat.object);
  }
  block_ = Block::none;
  for (line_ = 1; line_ <= source_.line_count(); ++line_)
    if (!done_[line_]) rest_line(source_.line(line_));
  lists_.finish();
  nats_.finish();
  apply_inspection();
  note_uses();
  asa::add_stages(source_, facts_, lists_, device_);
  std::stable_sort(device_.lines.begin(), device_.lines.end(),
                   [](const LineReport& a, const LineReport& b) { return a.line < b.line; });
  device_.diagnostics.sort();
  return std::move(device_);
}

void AsaReader::mark(Understanding u, std::string why) {
  done_[line_] = true;
  ledger_.mark(line_, u, std::move(why));
}

void AsaReader::unread(const Error& error) {
  device_.diagnostics.add(DiagnosticLevel::warning, error);
  mark(Understanding::not_understood, error.what);
}

void AsaReader::unread(const Cursor& in, std::string what, std::string hint) {
  unread(Error{in.last(), std::move(what), std::move(hint)});
}

void AsaReader::definition_line(std::string_view text) {
  Cursor in = cursor(text);
  const std::string_view first = in.peek();
  if (first.empty() || first.starts_with('!') || first.starts_with(':')) return;
  // Pasted configurations lose their indentation; within a block its own words are unmistakable.
  const bool inside = indented(text) || (block_ == Block::object && objects_.has_word(first)) ||
                      (block_ == Block::interface && is_interface_word(first));
  if (inside) {
    if (block_ == Block::interface) return interface_line(in);
    if (block_ == Block::object) return object_line(in);
    return;
  }
  block_ = Block::none;
  in.word();
  if (first == "interface") return begin_interface(in);
  if (first == "object" || first == "object-group") {
    block_ = Block::object;
    if (const Result<void> begun = objects_.begin(in, first == "object-group", line_); !begun)
      return unread(begun.error());
    return mark(Understanding::understood);
  }
  if (first == "name") return name_line(in);
  if ((first == "ASA" || first == "PIX" || first == "NGFW") && in.peek() == "Version")
    return version_line(in, first);
  if (first == "static" || first == "global") old_words_ = old_words_ || in.peek().starts_with('(');
}

void AsaReader::version_line(Cursor& in, std::string_view product) {
  in.word();
  const std::string_view word = in.word();
  const std::size_t dot = word.find('.');
  const std::size_t end =
      std::min(word.find_first_not_of("0123456789", dot == std::string_view::npos ? 0 : dot + 1), word.size());
  const std::optional<unsigned> major = number(word.substr(0, dot), 100);
  const std::optional<unsigned> minor =
      dot == std::string_view::npos ? std::nullopt : number(word.substr(dot + 1, end - dot - 1), 1000);
  if (!major || !minor) return unread(in, fmt::format("'{}' is no version", LineLedger::bounded(word)));
  version_ = Version{*major, *minor};
  if (product == "NGFW") version_ = std::max(*version_, Version{9, 6});  // its LINA is of ASA 9.6 or later
  mark(Understanding::understood);
}

void AsaReader::name_line(Cursor& in) {
  const std::string_view text = in.word(), name = in.word();
  const std::optional<Address> address = parse_address(text);
  if (!address || name.empty()) return unread(in, "a name stands for an address", "name 192.0.2.10 web");
  objects_.name_address(name, *address);
  mark(Understanding::understood);
}

void AsaReader::object_line(Cursor& in) {
  const Result<bool> other = objects_.member(in);
  if (!other) return unread(other.error());
  if (*other) return nat_lines_.push_back({line_, objects_.current()}), void(done_[line_] = true);
  mark(Understanding::understood);
}

void AsaReader::decide_version() {
  if (!version_ && old_words_) version_ = Version{8, 2};
  facts_.real_addresses = !version_ || *version_ >= Version{8, 3};
  facts_.unified = !version_ || *version_ >= Version{9, 0};
  const Location file{.file = source_.name()};
  if (!version_)
    device_.diagnostics.add(DiagnosticLevel::note,
                            {file, "no 'ASA Version' is written: it is read as of 9.0 and later",
                             "there 'any' is IPv4 and IPv6, and lists see real addresses"});
  else if (!facts_.real_addresses)
    device_.diagnostics.warning(file,
                                "this is of before 8.3: lists see addresses as they are translated on the wire",
                                "addresses in lists at the outside are the translated ones");
}

void AsaReader::rest_line(std::string_view text) {
  Cursor in = cursor(text);
  const std::string_view first = in.peek();
  if (first.empty()) return;
  if (first.starts_with('!') || first.starts_with(':')) return mark(Understanding::not_filtering);
  // `show access-list` indents the parts of an entry; whatever stands before them, they are lists.
  if (indented(text) && first != "access-list") return block_line(in);
  block_ = Block::none;
  block_unread_.clear();
  top_line(in);
}

void AsaReader::top_line(Cursor& in) {
  const std::string_view first = in.word();
  if (first == "access-list") return lists_.read_line(in, line_, false);
  if (first == "access-group") return access_group(in);
  if (first == "ipv6") return ipv6_line(in);
  if (first == "nat" || first == "static") remember_use(in);
  if (first == "nat")
    return in.peek().starts_with('(') ? nats_.nat(in, line_, {}) : unread(in, "NAT names two interfaces");
  if (first == "static" && in.peek().starts_with('(')) return nats_.static_nat(in, line_);
  if (first == "global" && in.peek().starts_with('(')) return mark(Understanding::understood);
  if (first == "same-security-traffic") return same_security(in);
  if (first == "ssh" || first == "telnet" || first == "http") return management_line(in, first);
  if (first == "icmp") return icmp_line(in, Family::ipv4);
  if (first == "management-access") {
    facts_.management_access = aces_.find_interface(in.word());
    return mark(Understanding::understood);
  }
  if (first == "class-map") return begin_class(in);
  if (first == "policy-map") return begin_policy(in);
  if (first == "service-policy") {
    const std::string policy(in.word());
    if (in.peek() == "global") global_policies_.insert(policy);
    return mark(Understanding::understood);
  }
  if (first == "sysopt" || first == "no") return switch_line(in, first == "no");
  if (first == "hostname") {
    device_.name = LineLedger::bounded(in.word());
    return mark(Understanding::not_filtering);
  }
  if (first == "webvpn") {
    block_ = Block::webvpn;
    return mark(Understanding::not_filtering);
  }
  if (first == "crypto") return crypto_line(in);
  remember_use(in);
  if (const asa::FilterPhrase* phrase = asa::find_filter_phrase(source_.line(line_)))
    return mark(Understanding::in_part, std::string(phrase->why));
  block_ = Block::other;
  if (asa::is_not_filtering(first)) return mark(Understanding::not_filtering);
  block_unread_ = fmt::format("'{}' is not known", LineLedger::bounded(first));
  mark(Understanding::not_understood, block_unread_);
}

void AsaReader::block_line(Cursor& in) {
  switch (block_) {
    case Block::class_map: return class_line(in);
    case Block::policy: return policy_line(in);
    case Block::inspect_policy: return inspect_policy_line(in);
    case Block::webvpn: return webvpn_line(in);
    default: break;
  }
  remember_use(in);
  if (block_unread_.empty()) return mark(Understanding::not_filtering);
  mark(Understanding::not_understood, block_unread_);
}

void AsaReader::crypto_line(Cursor& in) {
  Cursor again = in;
  remember_use(again);
  block_ = Block::other;
  const std::string_view what = in.word(), name = in.word();
  if ((what == "ikev1" || what == "ikev2" || what == "isakmp") && name == "enable") {
    if (const std::optional<std::size_t> i = aces_.find_interface(in.word())) facts_.ike.push_back(*i);
    return mark(Understanding::understood);
  }
  if (what == "map" && in.peek() == "interface" && !std::exchange(tunnels_said_, true) && permit_vpn_)
    device_.diagnostics.add(DiagnosticLevel::note,
                            {source_.at_line(line_, 1, static_cast<std::uint32_t>(source_.line(line_).size())),
                             "what comes out of tunnels passes by the lists of interfaces (sysopt connection "
                             "permit-vpn, the default)",
                             "tunnels are not part of what is judged here"});
  mark(Understanding::not_filtering);
}

void AsaReader::webvpn_line(Cursor& in) {
  const std::string_view what = in.word();
  if (what == "enable") {
    if (const std::optional<std::size_t> i = aces_.find_interface(in.word())) facts_.webvpn.push_back(*i);
    return mark(Understanding::understood);
  }
  if (const std::optional<unsigned> port = what == "port" ? number(in.word(), 65535) : std::nullopt) {
    facts_.webvpn_port = static_cast<std::uint16_t>(*port);
    return mark(Understanding::understood);
  }
  mark(Understanding::not_filtering);
}

void AsaReader::switch_line(Cursor& in, bool no) {
  const std::string_view what = no ? in.word() : std::string_view("sysopt");
  if (what == "sysopt") {
    const bool vpn = in.word() == "connection" && in.peek() == "permit-vpn";
    if (vpn) permit_vpn_ = !no;
    return mark(vpn ? Understanding::understood : Understanding::not_filtering);
  }
  constexpr std::string_view kAboutFilters[] = {"access-list",  "access-group", "object",
                                                "object-group", "nat",          "static"};
  if (is_one_of(what, kAboutFilters)) {
    facts_.unread_binding = line_;
    return unread(in, "a line that takes something away is not followed", "give the configuration as it stands");
  }
  mark(Understanding::not_filtering);
}

void AsaReader::remember_use(Cursor in) {
  constexpr std::string_view kBefore[] = {"address",    "access-list",   "value",           "match",        "acl",
                                          "group-list", "redirect-list", "distribute-list", "classify-list"};
  std::string_view before = in.word();
  for (std::string_view word = in.word(); !word.empty(); before = word, word = in.word())
    if (is_one_of(before, kBefore)) uses_.emplace_back(std::string(word), line_);
}

void AsaReader::note_uses() {
  std::map<std::string_view, std::uint32_t> lines;
  for (const auto& [name, line] : uses_) lines.try_emplace(name, line);
  for (List& list : device_.lists)
    if (const auto use = lines.find(list.name); use != lines.end())
      list.other_use = LineLedger::bounded(source_.line(use->second));
}

unsigned looks_like_cisco_asa(std::string_view text) {
  unsigned points = 0;
  const auto has = [text](std::string_view what) {
    return text.starts_with(what) || text.find("\n" + std::string(what)) != std::string_view::npos;
  };
  if (has("ASA Version ") || has("PIX Version ") || has("NGFW Version ")) points += 60;
  if (has(" nameif ")) points += 30;
  if (has(" security-level ")) points += 20;
  if (has("access-group ")) points += 30;
  if (has(" network-object ") || has(" service-object ") || has(" port-object ")) points += 20;
  if (has("object network ") || has("object service ")) points += 20;
  if (has("same-security-traffic ")) points += 20;
  // "access-list NAME extended permit" on one line: IOS has no such word there.
  for (std::size_t at = 0, lines = 0; at != std::string_view::npos && lines < 200; ++lines) {
    const std::string_view rest = text.substr(at);
    const std::string_view line = rest.substr(0, rest.find('\n'));
    const std::size_t list = line.find("access-list ");
    if (list != std::string_view::npos && list <= 2 &&
        (line.find(" extended permit ") != std::string_view::npos ||
         line.find(" extended deny ") != std::string_view::npos ||
         line.find(" advanced permit ") != std::string_view::npos ||
         line.find("(hitcnt=") != std::string_view::npos)) {
      points += 30;
      break;
    }
    at = text.find("access-list ", at + line.size());
    if (at == std::string_view::npos) break;
    const std::size_t begin = text.rfind('\n', at);
    at = begin == std::string_view::npos ? 0 : begin + 1;
  }
  return points;
}

Result<Device> read_cisco_asa(const Source& source) { return AsaReader(source).read(); }

}  // namespace demarc
