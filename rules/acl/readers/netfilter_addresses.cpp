#include "rules/acl/readers/netfilter_addresses.h"

#include <algorithm>

#include "rules/acl/readers/netfilter_names.h"
#include "rules/text/cursor.h"

namespace demarc::netfilter {

namespace {

Interface* interface_of(std::string_view name, std::uint32_t line, std::vector<Interface>& interfaces) {
  const auto found =
      std::find_if(interfaces.begin(), interfaces.end(), [name](const Interface& i) { return i.name == name; });
  if (found != interfaces.end()) return &*found;
  if (interfaces.size() >= kInterfacesMax) return nullptr;
  Interface& i = interfaces.emplace_back();
  i.name = name;
  i.line = line;
  return &i;
}

bool add(std::string_view name, std::string_view address, std::string_view length_text, std::uint32_t line,
         std::vector<Interface>& interfaces) {
  const std::optional<Address> a = parse_address(address);
  if (!a || name.empty()) return false;
  const std::uint64_t length = whole_number(length_text, bits(a->family())).value_or(1000);
  if (length > bits(a->family())) return false;
  if (Interface* i = interface_of(name, line, interfaces)) {
    i->addresses.push_back(*a);
    i->networks.push_back(Prefix::containing(*a, static_cast<unsigned>(length)));
  }
  return true;
}

/// "2:" and "eth0" or "eth0@if3:", which begin every line; the interface's name.
std::string_view beginning(Cursor& in) {
  std::string_view index = in.word();
  if (!index.ends_with(':')) return {};
  index.remove_suffix(1);
  if (!whole_number(index, 0xFFFFFFFF)) return {};
  std::string_view name = in.word();
  if (name.ends_with(':')) name.remove_suffix(1);
  return name.substr(0, name.find('@'));
}

}  // namespace

bool read_address_line(std::string_view line, std::uint32_t number, std::vector<Interface>& interfaces) {
  Cursor in("", line, number);
  const std::string_view name = beginning(in);
  const std::string_view family = in.word();
  if (name.empty() || (family != "inet" && family != "inet6")) return false;
  std::string_view address = in.word();
  if (in.peek() == "peer") {  // "inet 192.0.2.1 peer 192.0.2.2/32": the network is the peer's
    in.word();
    const std::string_view peer = in.word();
    const std::size_t slash = peer.find('/');
    const std::optional<Address> far = parse_address(peer.substr(0, slash)), own = parse_address(address);
    if (!far || !own || slash == std::string_view::npos) return false;
    const std::uint64_t length =
        whole_number(peer.substr(slash + 1), bits(far->family())).value_or(bits(far->family()));
    if (Interface* i = interface_of(name, number, interfaces)) {
      i->addresses.push_back(*own);
      i->networks.push_back(Prefix::containing(*far, static_cast<unsigned>(length)));
    }
    return true;
  }
  const std::size_t slash = address.find('/');
  return slash != std::string_view::npos &&
         add(name, address.substr(0, slash), address.substr(slash + 1), number, interfaces);
}

bool is_link_line(std::string_view line) {
  Cursor in("", line);
  const std::string_view name = beginning(in);
  return !name.empty() && in.peek().starts_with('<');
}

bool read_address_object(JsonValue object, std::uint32_t line, std::vector<Interface>& interfaces) {
  const std::string name = object["ifname"].text();
  if (name.empty()) return false;
  for (const JsonValue a : object["addr_info"])
    add(name, a["local"].text(), a["prefixlen"].text(), line, interfaces);
  return true;
}

std::vector<Address> own_addresses(const std::vector<Interface>& interfaces) {
  std::vector<Address> all;
  for (const Interface& i : interfaces) all.insert(all.end(), i.addresses.begin(), i.addresses.end());
  return all;
}

}  // namespace demarc::netfilter
