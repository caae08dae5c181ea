// The appliance's interfaces, and which of them a line names.
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/cisco_asa_reader.h"
#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/words.h"
#include "rules/text/suggest.h"

namespace demarc {

using words::number;

void AsaReader::begin_interface(Cursor& in) {
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

bool AsaReader::is_interface_word(std::string_view word) {
  constexpr std::string_view kWords[] = {"nameif", "security-level", "shutdown", "management-only", "bridge-group"};
  return is_one_of(word, kWords);
}

void AsaReader::interface_line(Cursor& in) {
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

void AsaReader::address_line(Cursor& in, Interface& interface, bool v6) {
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

void AsaReader::order_interfaces() {
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

std::optional<std::size_t> AsaReader::interface_of(Cursor& in) {
  const std::string_view name = in.word();
  const std::optional<std::size_t> i = aces_.find_interface(name);
  if (!i)
    unread(in,
           name.empty() ? "the interface is missing"
                        : fmt::format("no interface is named {}", LineLedger::bounded(name)),
           hint_of_interface(name));
  return i;
}

std::string AsaReader::hint_of_interface(std::string_view name) const {
  std::vector<std::string_view> names;
  for (const Interface& i : device_.interfaces)
    if (!i.nameif.empty() && names.size() < kInterfacesMax) names.push_back(i.nameif);
  return suggest(name, std::span<const std::string_view>(names));
}

}  // namespace demarc
