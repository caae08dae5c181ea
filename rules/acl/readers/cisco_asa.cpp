// Cisco ASA: `show running-config`, and `show access-list` for its hit counts. Firepower Threat Defense shows the
// same language for its LINA part, and is read as far as it is alike.
//
// Objects, groups, interfaces and names may stand behind the lists that name them, so the text is walked twice:
// first for these, then for the rest; what is bound to interfaces waits until both are done. What the appliance
// does where nothing is written is in cisco_asa_stages.h.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "rules/acl/readers/cisco_asa_lists.h"
#include "rules/acl/readers/cisco_asa_nat.h"
#include "rules/acl/readers/cisco_asa_not_filtering.h"
#include "rules/acl/readers/cisco_asa_stages.h"
#include "rules/acl/readers/line_ledger.h"
#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/reader.h"
#include "rules/acl/readers/words.h"
#include "rules/text/suggest.h"

namespace demarc {

namespace {

using words::number;

struct Version {
  unsigned major = 0, minor = 0;
  auto operator<=>(const Version&) const = default;
};

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

  Result<Device> read() {
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

 private:
  enum class Block : std::uint8_t { none, interface, object, class_map, policy, inspect_policy, webvpn, other };

  void mark(Understanding u, std::string why = {}) {
    done_[line_] = true;
    ledger_.mark(line_, u, std::move(why));
  }
  Cursor cursor(std::string_view text) const { return Cursor(source_.name(), text, line_); }
  void unread(const Error& error) {
    device_.diagnostics.add(DiagnosticLevel::warning, error);
    mark(Understanding::not_understood, error.what);
  }
  void unread(const Cursor& in, std::string what, std::string hint = {}) {
    unread(Error{in.last(), std::move(what), std::move(hint)});
  }
  static bool indented(std::string_view text) { return text.starts_with(' ') || text.starts_with('\t'); }

  // --- The first walk: what others name ---

  void definition_line(std::string_view text) {
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

  void version_line(Cursor& in, std::string_view product) {
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

  void name_line(Cursor& in) {
    const std::string_view text = in.word(), name = in.word();
    const std::optional<Address> address = parse_address(text);
    if (!address || name.empty()) return unread(in, "a name stands for an address", "name 192.0.2.10 web");
    objects_.name_address(name, *address);
    mark(Understanding::understood);
  }

  void object_line(Cursor& in) {
    const Result<bool> other = objects_.member(in);
    if (!other) return unread(other.error());
    if (*other) return nat_lines_.push_back({line_, objects_.current()}), void(done_[line_] = true);
    mark(Understanding::understood);
  }

  void begin_interface(Cursor& in) {
    block_ = Block::interface;
    Interface i;
    i.name = std::string(in.word());
    if (number(in.peek(), 100'000)) i.name += std::string(in.word());  // "Vlan 1"
    i.line = line_;
    asa::InterfaceFacts facts;
    if (i.name.starts_with("BVI")) {
      facts.is_bvi = true;
      facts.bridge_group = number(std::string_view(i.name).substr(3), 1'000'000);
    }
    device_.interfaces.push_back(std::move(i));
    facts_.interfaces.push_back(std::move(facts));
    mark(Understanding::understood);
  }

  static bool is_interface_word(std::string_view word) {
    constexpr std::string_view kWords[] = {"nameif", "security-level", "shutdown", "management-only",
                                           "bridge-group"};
    return is_one_of(word, kWords);
  }

  void interface_line(Cursor& in) {
    Interface& interface = device_.interfaces.back();
    asa::InterfaceFacts& facts = facts_.interfaces.back();
    const std::string_view first = in.word();
    if (first == "nameif") {
      interface.nameif = std::string(in.word());
    } else if (first == "security-level") {
      const std::optional<unsigned> level = number(in.word(), 100);
      if (!level) return unread(in, "a security level is a number from 0 to 100");
      interface.security_level = static_cast<int>(*level);
    } else if (first == "shutdown") {
      interface.shut = true;
    } else if (first == "management-only") {
      facts.management_only = in.peek() != "individual";
    } else if (first == "bridge-group") {
      facts.bridge_group = number(in.word(), 1'000'000);
      if (!facts.bridge_group) return unread(in, "a bridge group has a number");
    } else if (first == "no" && in.peek() == "forward") {
      in.word(), in.word();
      std::string name(in.word());
      if (!in.at_end()) name += std::string(in.word());
      facts.no_forward.push_back(std::move(name));
    } else if ((first == "ip" || first == "ipv6") && in.peek() == "address") {
      in.word();
      return address_line(in, interface, first == "ipv6");
    } else if (first == "zone-member") {
      return mark(Understanding::in_part, fmt::format("{}: what it admits is not modelled", first));
    } else {
      return mark(Understanding::not_filtering);
    }
    mark(Understanding::understood);
  }

  void address_line(Cursor& in, Interface& interface, bool v6) {
    const auto add = [&interface](const Address& a, unsigned length) {
      interface.addresses.push_back(a);
      const Prefix network = Prefix::containing(a, length);
      if (std::find(interface.networks.begin(), interface.networks.end(), network) == interface.networks.end())
        interface.networks.push_back(network);
    };
    // An address that is learnt (dhcp, pppoe, autoconfig) is not known here.
    const std::string_view word = in.word();
    constexpr std::size_t kAddressesMax = 1000;
    if (interface.addresses.size() > kAddressesMax)
      return mark(Understanding::in_part, "more addresses than an interface has");
    unsigned length = 0;
    if (v6) {
      const std::size_t slash = word.find('/');
      const std::optional<Address> a = parse_address(word.substr(0, slash));
      if (a && slash == std::string_view::npos) add(*a, 128);  // link-local
      const std::optional<unsigned> n =
          slash == std::string_view::npos ? std::nullopt : number(word.substr(slash + 1), 128);
      if (a && n) add(*a, length = *n);
    } else if (const std::optional<Address> a = objects_.address(word)) {
      const std::optional<Address> mask = parse_address(in.word());
      if (!mask || !mask->is_ipv4() || !a->is_ipv4()) return unread(in, "the netmask is missing");
      length = static_cast<unsigned>(std::countl_one(mask->ipv4_number()));
      add(*a, length);
    }
    if (in.peek() == "standby") {
      in.word();
      if (const std::optional<Address> standby = objects_.address(in.word())) add(*standby, length);
    }
    mark(Understanding::understood);
  }

  void decide_version() {
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

  /// Those with a name first, where there are more than can be told apart.
  void order_interfaces() {
    if (device_.interfaces.size() <= kInterfacesMax) return;
    std::vector<std::size_t> order(device_.interfaces.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_partition(order.begin(), order.end(),
                          [this](std::size_t i) { return !device_.interfaces[i].nameif.empty(); });
    std::vector<Interface> interfaces;
    std::vector<asa::InterfaceFacts> facts;
    for (const std::size_t i : order) {
      interfaces.push_back(std::move(device_.interfaces[i]));
      facts.push_back(std::move(facts_.interfaces[i]));
    }
    device_.interfaces = std::move(interfaces);
    facts_.interfaces = std::move(facts);
  }

  // --- The second walk ---

  void rest_line(std::string_view text) {
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

  void top_line(Cursor& in) {
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

  void block_line(Cursor& in) {
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

  std::optional<std::size_t> interface_of(Cursor& in) {
    const std::string_view name = in.word();
    const std::optional<std::size_t> i = aces_.find_interface(name);
    if (!i)
      unread(in,
             name.empty() ? "the interface is missing"
                          : fmt::format("no interface is named {}", LineLedger::bounded(name)),
             hint_of_interface(name));
    return i;
  }
  std::string hint_of_interface(std::string_view name) const {
    std::vector<std::string_view> names;
    for (const Interface& i : device_.interfaces)
      if (!i.nameif.empty() && names.size() < kInterfacesMax) names.push_back(i.nameif);
    return suggest(name, std::span<const std::string_view>(names));
  }

  /// What is bound is not known where a binding cannot be read: nothing that passes is certain then.
  void access_group(Cursor& in) {
    const std::uint32_t known = std::exchange(facts_.unread_binding, line_);
    if (read_access_group(in)) facts_.unread_binding = known;
  }
  bool read_access_group(Cursor& in) {
    asa::Binding b;
    b.list = std::string(in.word());
    b.line = line_;
    const std::string_view where = in.word();
    if (where == "global") {
      b.global = true;
    } else {
      if (where != "in" && where != "out")
        return unread(in, fmt::format("'{}' is no direction: in, out or global", LineLedger::bounded(where))),
               false;
      b.in = where == "in";
      if (in.word() != "interface")
        return unread(in, "'interface' is missing", "access-group LIST in interface outside"), false;
      const std::optional<std::size_t> i = interface_of(in);
      if (!i) return false;
      b.interface = *i;
    }
    std::string in_part;
    for (std::string_view more = in.word(); !more.empty(); more = in.word()) {
      if (more == "control-plane")
        b.control_plane = true;
      else if (more == "per-user-override")
        in_part = "per-user lists may decide before this one";
      else
        return unread(in, fmt::format("'{}' is not understood here", LineLedger::bounded(more))), false;
    }
    facts_.bindings.push_back(std::move(b));
    mark(in_part.empty() ? Understanding::understood : Understanding::in_part, in_part);
    return true;
  }

  void ipv6_line(Cursor& in) {
    const std::string_view what = in.word();
    if (what == "access-list") return lists_.read_line(in, line_, true);
    if (what == "icmp") return icmp_line(in, Family::ipv6);
    mark(Understanding::not_filtering);  // routes, neighbours, pools
  }

  void same_security(Cursor& in) {
    const std::string_view permit = in.word(), which = in.word();
    if (permit != "permit" || (which != "inter-interface" && which != "intra-interface")) {
      facts_.unread_binding = line_;
      return unread(in, "same-security-traffic permits inter-interface or intra-interface");
    }
    (which == "inter-interface" ? facts_.inter_interface : facts_.intra_interface) = true;
    mark(Understanding::understood);
  }

  /// ADDRESS NETMASK or PREFIX, `0 0` for any.
  Result<AddressSet> sources(Cursor& in) {
    const std::string_view word = in.word();
    if (word.find(':') != std::string_view::npos) {
      const Result<Prefix> prefix = parse_prefix(word);
      if (!prefix) return words::wrong(in, prefix.error().what, prefix.error().hint);
      return AddressSet{*prefix};
    }
    const std::optional<Address> base = word == "0" ? Address{} : objects_.address(word);
    const std::string_view mask_word = in.word();
    const std::optional<Address> mask = mask_word == "0" ? Address{} : parse_address(mask_word);
    if (!base || !mask) return words::wrong(in, "an address and a netmask are missing");
    const asa::Network network = DEMARC_TRY(asa::netmasked(*base, *mask, in));
    if (network.bits) return words::wrong(in, "the netmask has holes");
    return network.addresses;
  }

  void management_line(Cursor& in, std::string_view service) {
    const std::string_view word = in.peek();
    const bool address =
        word == "0" || word.find(':') != std::string_view::npos || objects_.address(word).has_value();
    if (!address) {
      if (service == "http" && word == "server") {
        in.word();
        if (in.word() == "enable") {
          facts_.http_server = true;
          if (const std::optional<unsigned> port = number(in.word(), 65535))
            facts_.http_port = static_cast<std::uint16_t>(*port);
        }
        return mark(Understanding::understood);
      }
      return mark(Understanding::not_filtering);  // timeouts, versions, ciphers
    }
    asa::ManagementLine m;
    m.service = service == "ssh"      ? asa::ManagementLine::Service::ssh
                : service == "telnet" ? asa::ManagementLine::Service::telnet
                                      : asa::ManagementLine::Service::http;
    m.line = line_;
    Result<AddressSet> from = sources(in);
    if (!from) {
      facts_.unread_management = line_;
      return unread(from.error());
    }
    const std::optional<std::size_t> i = interface_of(in);
    if (!i) return void(facts_.unread_management = line_);
    m.sources = std::move(*from);
    m.interface = *i;
    facts_.management.push_back(std::move(m));
    mark(Understanding::understood);
  }

  void icmp_line(Cursor& in, Family family) {
    const std::string_view action = in.word();
    if (action != "permit" && action != "deny")
      return mark(Understanding::not_filtering);  // unreachable rate-limit
    asa::IcmpLine rule;
    rule.permit = action == "permit";
    rule.family = family;
    rule.line = line_;
    const auto failed = [this](const Error& error) {
      unread(error);
      facts_.unread_icmp = line_;
    };
    const std::string_view word = in.peek();
    if (word == "any") {
      in.word();
      rule.sources = AddressSet::all();
    } else if (word == "host") {
      in.word();
      const std::optional<Address> host = objects_.address(in.word());
      if (!host) return failed(Error{in.last(), "an address is missing", ""});
      rule.sources = AddressSet::single(*host);
    } else {
      Result<AddressSet> from = sources(in);
      if (!from) return failed(from.error());
      rule.sources = std::move(*from);
    }
    const Result<std::optional<IcmpSet>> messages = asa::read_icmp(in, family == Family::ipv6);
    if (!messages) return failed(messages.error());
    if (*messages) rule.messages = **messages;
    const std::optional<std::size_t> i = interface_of(in);
    if (!i) return void(facts_.unread_icmp = line_);
    rule.interface = *i;
    facts_.icmp.push_back(std::move(rule));
    mark(Understanding::understood);
  }

  // --- Inspection ---

  void begin_class(Cursor& in) {
    block_ = Block::other;
    if (in.peek() == "type") return mark(Understanding::not_filtering);  // what inspections look for in the content
    block_ = Block::class_map;
    class_ = LineLedger::bounded(in.word());
    mark(Understanding::understood);
  }
  void class_line(Cursor& in) {
    Cursor again = in;
    remember_use(again);
    const std::string_view first = in.word(), what = in.word();
    if (first == "match" && (what == "default-inspection-traffic" || what == "any")) whole_classes_.insert(class_);
    mark(Understanding::understood);
  }
  void begin_policy(Cursor& in) {
    class_.clear();
    if (in.peek() == "type") {
      block_ = Block::inspect_policy;
      return mark(Understanding::understood);
    }
    block_ = Block::policy;
    policy_ = LineLedger::bounded(in.word());
    mark(Understanding::understood);
  }
  void policy_line(Cursor& in) {
    const std::string_view first = in.word(), what = in.word();
    if (first == "class") {
      class_ = LineLedger::bounded(what);
      if (class_ == "class-default") whole_classes_.insert(class_);
    } else if (first == "inspect" && what == "icmp") {
      (in.peek() == "error" ? icmp_errors_ : icmp_).insert({policy_, class_});
    } else if (first == "set" && what == "connection") {
      const std::string_view rest = in.rest();
      if (rest.find("tcp-state-bypass") != std::string_view::npos)
        return mark(Understanding::in_part, "replies to what the class matches are not implied");
      if (rest.find("-max") != std::string_view::npos)
        return mark(Understanding::in_part, "it drops what goes beyond a number of connections");
    } else if (first == "drop" || first == "police" || first == "ips" || first == "cxsc" || first == "sfr") {
      return mark(Understanding::in_part, fmt::format("{}: it may drop what the lists permit", first));
    }
    mark(Understanding::understood);  // what inspections open belongs to conversations that are permitted
  }
  void inspect_policy_line(Cursor& in) {
    for (std::string_view word = in.word(); !word.empty(); word = in.word())
      if (word.starts_with("drop") || word == "reset" || word == "mask")
        return mark(Understanding::in_part, "the inspection drops by content");
    mark(Understanding::not_filtering);
  }
  void apply_inspection() {
    const auto everywhere = [this](const std::set<std::pair<std::string, std::string>>& inspected) {
      return std::any_of(inspected.begin(), inspected.end(), [this](const auto& where) {
        return global_policies_.contains(where.first) && whole_classes_.contains(where.second);
      });
    };
    device_.icmp_replies_implied = everywhere(icmp_);
    device_.icmp_errors_implied = everywhere(icmp_errors_);
  }

  // --- Tunnels, switches, other uses of lists ---

  void crypto_line(Cursor& in) {
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

  void webvpn_line(Cursor& in) {
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

  void switch_line(Cursor& in, bool no) {
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

  /// "match address VPN", "value SPLIT": lists that select traffic for something else.
  void remember_use(Cursor in) {
    constexpr std::string_view kBefore[] = {"address",    "access-list",   "value",           "match",        "acl",
                                            "group-list", "redirect-list", "distribute-list", "classify-list"};
    std::string_view before = in.word();
    for (std::string_view word = in.word(); !word.empty(); before = word, word = in.word())
      if (is_one_of(before, kBefore)) uses_.emplace_back(std::string(word), line_);
  }
  void note_uses() {
    std::map<std::string_view, std::uint32_t> lines;
    for (const auto& [name, line] : uses_) lines.try_emplace(name, line);
    for (List& list : device_.lists)
      if (const auto use = lines.find(list.name); use != lines.end())
        list.other_use = LineLedger::bounded(source_.line(use->second));
  }

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

}  // namespace

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
