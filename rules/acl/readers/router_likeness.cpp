#include "rules/acl/readers/router_likeness.h"

#include <algorithm>
#include <array>
#include <bitset>

#include "rules/acl/readers/router_ace.h"

namespace demarc::router {

namespace {

/// How much of a text is looked at.
constexpr std::size_t kLookedAtMax = std::size_t{4} << 20;

enum class Where : std::uint8_t { margin, indented, inside };
struct Sign {
  Where where;
  std::string_view text;
  int ios, nxos, xr, eos;
};

constexpr Sign kSigns[] = {
    // Banners and first lines of what the devices print.
    {Where::margin, "!Command: show", 0, 30, 0, 0},
    {Where::margin, "! Command: show", 0, 0, 0, 30},
    {Where::margin, "! device: ", 0, 0, 0, 30},
    {Where::margin, "!! IOS XR", 0, 0, 40, 0},
    {Where::margin, "Current configuration :", 15, 0, 0, 0},
    {Where::margin, "Building configuration", 6, 0, 6, 0},
    {Where::margin, "service timestamps", 12, 0, 6, 0},
    {Where::margin, "boot nxos", 0, 20, 0, 0},
    {Where::margin, "boot-start-marker", 12, 0, 0, 0},
    {Where::margin, "vdc ", 0, 15, 0, 0},
    {Where::margin, "feature ", 0, 12, 0, 0},
    {Where::margin, "vrf context ", 0, 10, 0, 0},
    {Where::margin, "vrf definition ", 8, 0, 0, 0},
    {Where::margin, "vrf instance ", 0, 0, 0, 10},
    {Where::margin, "transceiver qsfp", 0, 0, 0, 8},
    {Where::margin, "service routing protocols model", 0, 0, 0, 15},
    {Where::margin, "daemon ", 0, 0, 0, 8},
    {Where::margin, "management api ", 0, 0, 0, 15},
    {Where::margin, "management ssh", 0, 0, 0, 12},
    {Where::margin, "traffic-policies", 0, 0, 0, 15},
    {Where::margin, "system control-plane", 0, 0, 0, 12},
    {Where::margin, "route-policy ", 0, 0, 12, 0},
    {Where::margin, "prefix-set ", 0, 0, 12, 0},
    {Where::margin, "hostname ", 2, 1, 2, 2},
    {Where::margin, "line con ", 8, 0, 0, 0},
    {Where::margin, "line vty", 4, 3, 0, 0},
    {Where::margin, "line default", 0, 0, 10, 0},
    {Where::margin, "ip nat ", 8, 1, 0, 1},
    {Where::margin, "ip inspect ", 10, 0, 0, 0},
    {Where::margin, "zone-pair security ", 12, 0, 0, 0},
    // Lists.
    {Where::margin, "ip access-list extended ", 25, 0, 0, 0},
    {Where::margin, "ip access-list standard ", 15, 0, 0, 10},
    {Where::margin, "ipv4 access-list ", 0, 0, 25, 0},
    {Where::margin, "ipv6 access-list standard ", 0, 0, 0, 12},
    {Where::margin, "ipv6 access-list ", 10, 8, 8, 8},
    {Where::margin, "Extended IP access list ", 25, 0, 0, 0},
    {Where::margin, "Standard IP access list ", 25, 0, 0, 0},
    {Where::margin, "IPv6 access list ", 25, 0, 0, 0},
    {Where::margin, "IP access list ", 0, 25, 0, 0},
    {Where::margin, "IPV6 access list ", 0, 25, 0, 0},
    {Where::margin, "IP Access List ", 0, 0, 0, 25},
    {Where::margin, "Standard IP Access List ", 0, 0, 0, 25},
    {Where::margin, "IPV6 Access List ", 0, 0, 0, 25},
    {Where::margin, "IPv6 Access List ", 0, 0, 0, 25},
    {Where::indented, "statistics per-entry", 0, 12, 0, 6},
    {Where::indented, "counters per-entry", 0, 0, 0, 15},
    {Where::indented, "fragments permit-all", 0, 12, 0, 0},
    {Where::indented, "fragments deny-all", 0, 12, 0, 0},
    {Where::inside, "[match=", 0, 20, 0, 0},
    {Where::inside, "[match ", 0, 0, 0, 15},
    {Where::inside, " matches)", 4, 0, 4, 0},
    {Where::inside, " hw matches)", 0, 0, 10, 0},
    {Where::inside, " addrgroup ", 0, 20, 0, 0},
    {Where::inside, " portgroup ", 0, 20, 0, 0},
    {Where::inside, " net-group ", 0, 0, 20, 0},
    {Where::inside, " port-group ", 0, 0, 15, 0},
    // Groups.
    {Where::margin, "object-group ip ", 0, 25, 0, 0},
    {Where::margin, "object-group ipv6 ", 0, 25, 0, 0},
    {Where::margin, "object-group network ipv", 0, 0, 25, 0},
    {Where::margin, "object-group port ", 0, 0, 20, 0},
    {Where::margin, "object-group network ", 8, 0, 0, 0},
    {Where::margin, "object-group service ", 8, 0, 0, 0},
    {Where::indented, "field-set ", 0, 0, 0, 12},
    // Interfaces and bindings.
    {Where::margin, "interface mgmt0", 0, 15, 0, 0},
    {Where::margin, "interface Management", 0, 0, 0, 12},
    {Where::margin, "interface MgmtEth", 0, 0, 15, 0},
    {Where::margin, "interface Ethernet", 3, 5, 0, 5},
    {Where::margin, "interface GigabitEthernet", 6, 0, 4, 0},
    {Where::margin, "interface TenGig", 5, 0, 0, 0},
    {Where::margin, "interface TenGigE", 0, 0, 8, 0},
    {Where::margin, "interface HundredGigE", 2, 0, 8, 0},
    {Where::margin, "interface Bundle-Ether", 0, 0, 12, 0},
    {Where::indented, "ip access-group ", 8, 8, 0, 8},
    {Where::indented, "ip port access-group ", 0, 20, 0, 0},
    {Where::indented, "ipv4 access-group ", 0, 0, 25, 0},
    {Where::indented, "ipv6 access-group ", 0, 0, 12, 8},
    {Where::indented, "ipv6 traffic-filter ", 12, 12, 0, 0},
    {Where::indented, "ipv4 address ", 0, 0, 15, 0},
    {Where::indented, "ip address ", 4, 4, 0, 4},
    {Where::indented, "access-class ", 4, 3, 4, 0},
    {Where::indented, "management-plane", 0, 0, 12, 0},
    {Where::margin, "vlan access-map ", 2, 6, 0, 0},
    {Where::margin, "vlan filter ", 2, 6, 0, 0},
};

/// Signs that the text is another dialect's altogether.
constexpr Sign kOthers[] = {
    {Where::margin, "ASA Version", 1, 1, 1, 1},       {Where::margin, "PIX Version", 1, 1, 1, 1},
    {Where::margin, "nameif ", 1, 1, 1, 1},           {Where::indented, "nameif ", 1, 1, 1, 1},
    {Where::indented, "security-level ", 1, 1, 1, 1}, {Where::margin, "same-security-traffic ", 1, 1, 1, 1},
    {Where::margin, "object network ", 1, 1, 1, 1},   {Where::margin, "object service ", 1, 1, 1, 1},
    {Where::indented, "network-object ", 1, 1, 1, 1}, {Where::indented, "service-object ", 1, 1, 1, 1},
    {Where::indented, "port-object ", 1, 1, 1, 1},
};

int of(const Sign& sign, Dialect dialect) {
  switch (dialect) {
    case Dialect::cisco_ios: return sign.ios;
    case Dialect::cisco_nxos: return sign.nxos;
    case Dialect::cisco_xr: return sign.xr;
    default: return sign.eos;
  }
}

bool shows(const Sign& sign, std::string_view line, std::string_view trimmed) {
  switch (sign.where) {
    case Where::margin: return line.starts_with(sign.text);
    case Where::indented: return trimmed.size() < line.size() && trimmed.starts_with(sign.text);
    case Where::inside: return line.find(sign.text) != std::string_view::npos;
  }
  return false;
}

std::string_view word(std::string_view& rest) {
  const std::size_t begin = std::min(rest.find_first_not_of(" \t\r"), rest.size());
  const std::size_t end = std::min(rest.find_first_of(" \t\r", begin), rest.size());
  const std::string_view found = rest.substr(begin, end - begin);
  rest.remove_prefix(end);
  return found;
}

/// What the shape of lists says beside fixed words.
class Shapes {
 public:
  explicit Shapes(Dialect dialect) : dialect_(dialect) {}

  /// False: ASA's, whose lists have names and kinds where IOS's have numbers.
  bool see(std::string_view line) {
    std::string_view rest = line;
    const std::string_view first = word(rest), second = word(rest), third = word(rest);
    const bool margin = !line.empty() && line[0] != ' ' && line[0] != '\t';
    if (margin) {
      family_ = first == "ipv6" ? 6 : first == "ip" ? 4 : 0;
      if (second != "access-list") family_ = 0;
    }
    if (margin && first == "access-list") {
      std::string_view kind = third;
      if (kind == "line") word(rest), kind = word(rest);
      if (kind == "extended" || kind == "ethertype" || kind == "webtype" || (kind == "standard")) return false;
      if (decimal(second, 2699))
        numbered_ = true;
      else if (kind == "permit" || kind == "deny")
        return false;
    }
    if (margin && first == "access-group" && !line.empty()) return false;
    if (margin && first == "ip" && second == "access-list" && third != "standard" && third != "extended" &&
        word(rest).empty())
      named_ = true;
    if (margin && first == "version") {
      // "15.7"; Junos writes "21.4R3;".
      old_version_ = old_version_ || (!second.empty() && second.find_first_not_of("0123456789.") == second.npos);
      nexus_version_ = nexus_version_ || second.find('(') != std::string_view::npos;
    }
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    if (!margin && family_ != 0 && decimal(first, 0xFFFFFFFF) &&
        (second == "permit" || second == "deny" || second == "remark")) {
      if (indent == 1) (family_ == 6 ? one6_ : one_) = true;
      if (indent == 2) two_ = true;
      if (indent == 3) three_ = true;
    }
    return true;
  }

  int points() const {
    switch (dialect_) {
      case Dialect::cisco_ios: return 20 * numbered_ + 8 * old_version_ + 2 * one_;
      case Dialect::cisco_nxos: return 15 * named_ + 10 * nexus_version_ + 6 * two_;
      case Dialect::cisco_xr: return 6 * one6_;  // IOS numbers IPv6 entries by `sequence`
      default: return 15 * named_ + 6 * three_;
    }
  }

 private:
  Dialect dialect_;
  int family_ = 0;  // of the list whose lines these are
  bool numbered_ = false, named_ = false, old_version_ = false, nexus_version_ = false;
  bool one_ = false, one6_ = false, two_ = false, three_ = false;
};

}  // namespace

unsigned likeness(std::string_view text, Dialect dialect) {
  text = text.substr(0, kLookedAtMax);
  std::bitset<std::size(kSigns)> seen;
  Shapes shapes(dialect);
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.size() > 1000) line = line.substr(0, 1000);
    const std::string_view trimmed = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
    for (const Sign& other : kOthers)
      if (shows(other, line, trimmed)) return 0;
    if (!shapes.see(line)) return 0;
    for (std::size_t i = 0; i < std::size(kSigns); ++i)
      if (!seen[i] && shows(kSigns[i], line, trimmed)) seen.set(i);
  }
  int points = shapes.points();
  for (std::size_t i = 0; i < std::size(kSigns); ++i)
    if (seen[i]) points += of(kSigns[i], dialect);
  return static_cast<unsigned>(std::max(points, 0));
}

}  // namespace demarc::router
