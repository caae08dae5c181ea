// Where lists are applied, and who may reach the appliance itself.
#include <fmt/format.h>

#include "rules/acl/readers/cisco_asa_reader.h"
#include "rules/acl/readers/words.h"
#include "rules/text/suggest.h"

namespace demarc {

using words::number;

void AsaReader::access_group(Cursor& in) {
  const std::uint32_t known = std::exchange(facts_.unread_binding, line_);
  if (read_access_group(in)) facts_.unread_binding = known;
}

bool AsaReader::read_access_group(Cursor& in) {
  asa::Binding b;
  b.list = std::string(in.word());
  b.line = line_;
  const std::string_view where = in.word();
  if (where == "global") {
    b.global = true;
  } else {
    if (where != "in" && where != "out")
      return unread(in, fmt::format("'{}' is no direction: in, out or global", LineLedger::bounded(where))), false;
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

void AsaReader::ipv6_line(Cursor& in) {
  const std::string_view what = in.word();
  if (what == "access-list") return lists_.read_line(in, line_, true);
  if (what == "icmp") return icmp_line(in, Family::ipv6);
  mark(Understanding::not_filtering);  // routes, neighbours, pools
}

void AsaReader::same_security(Cursor& in) {
  const std::string_view permit = in.word(), which = in.word();
  if (permit != "permit" || (which != "inter-interface" && which != "intra-interface")) {
    facts_.unread_binding = line_;
    return unread(in, "same-security-traffic permits inter-interface or intra-interface");
  }
  (which == "inter-interface" ? facts_.inter_interface : facts_.intra_interface) = true;
  mark(Understanding::understood);
}

Result<AddressSet> AsaReader::sources(Cursor& in) {
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

void AsaReader::management_line(Cursor& in, std::string_view service) {
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

void AsaReader::icmp_line(Cursor& in, Family family) {
  const std::string_view action = in.word();
  if (action != "permit" && action != "deny") return mark(Understanding::not_filtering);  // unreachable rate-limit
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

}  // namespace demarc
