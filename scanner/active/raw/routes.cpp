#include "scanner/active/raw/routes.h"

#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "rules/text/escape.h"
#include "scanner/active/local.h"
#include "scanner/active/raw/netlink.h"

// <linux/rtnetlink.h> and the C library disagree on nothing we use; these came with later kernels than the oldest
// headers we build with.
#ifndef RTEXT_FILTER_SKIP_STATS
#define RTEXT_FILTER_SKIP_STATS (1 << 3)
#endif

namespace demarc {

namespace {

using netlink::Attribute;
using netlink::Message;
using netlink::Request;

/// The kernel calls what stands in front of the IP header by ARP's hardware types and some of its own.
struct LinkType {
  std::uint16_t type;
  std::optional<LinkHeader> header;  // none: not for IP packets, or in a shape we do not write
  std::string_view name;
};
constexpr LinkType kLinkTypes[] = {
    {ARPHRD_ETHER, LinkHeader::ethernet, "Ethernet"},
    {ARPHRD_LOOPBACK, LinkHeader::ethernet, "loopback"},
    {ARPHRD_NONE, LinkHeader::none, "no link header"},
    {ARPHRD_PPP, LinkHeader::none, "PPP"},
    {ARPHRD_TUNNEL, LinkHeader::none, "IP in IP"},
    {ARPHRD_TUNNEL6, LinkHeader::none, "IPv6 tunnel"},
    {ARPHRD_SIT, LinkHeader::none, "IPv6 in IPv4"},
    {ARPHRD_IPGRE, LinkHeader::none, "GRE"},
    {ARPHRD_IP6GRE, LinkHeader::none, "GRE over IPv6"},
    {519, LinkHeader::none, "raw IP"},  // ARPHRD_RAWIP
    {ARPHRD_CAN, std::nullopt, "CAN"},
    {ARPHRD_INFINIBAND, std::nullopt, "InfiniBand"},
    {ARPHRD_IEEE1394, std::nullopt, "IEEE 1394"},
    {ARPHRD_IEEE80211, std::nullopt, "Wi-Fi in monitor mode"},
    {ARPHRD_IEEE80211_PRISM, std::nullopt, "Wi-Fi in monitor mode"},
    {ARPHRD_IEEE80211_RADIOTAP, std::nullopt, "Wi-Fi in monitor mode"},
    {ARPHRD_IEEE802154, std::nullopt, "IEEE 802.15.4"},
    {ARPHRD_6LOWPAN, std::nullopt, "6LoWPAN"},
    {ARPHRD_NETLINK, std::nullopt, "netlink monitor"},
};

/// What a route that leads nowhere is called, by the error that asking for it gives (the same for both families).
std::string_view dead_end(int error) {
  switch (error) {
    case EHOSTUNREACH: return "the route is 'unreachable'";
    case EACCES: return "the route is 'prohibit'";
    case EINVAL: return "the route is 'blackhole'";
    case EAGAIN: return "the route is 'throw'";
    case ENETUNREACH: return "there is no route";
    default: return {};
  }
}
std::string_view unusable(std::uint8_t route_type) {
  switch (route_type) {
    case RTN_UNREACHABLE: return "the route is 'unreachable'";
    case RTN_PROHIBIT: return "the route is 'prohibit'";
    case RTN_BLACKHOLE: return "the route is 'blackhole'";
    case RTN_THROW: return "the route is 'throw'";
    case RTN_BROADCAST: return "it is a broadcast address here";
    case RTN_MULTICAST: return "it is a multicast address";
    case RTN_ANYCAST: return "it is an anycast address of this machine";
    default: return "the kernel has no usable route";
  }
}

std::string cause(int error) { return std::strerror(error); }

Result<NetworkInterface> read_interface(const Message& message) {
  std::optional<ifinfomsg> info = message.fixed<ifinfomsg>();
  if (!info) return failure("the kernel's answer about an interface is cut short");
  NetworkInterface found;
  found.index = info->ifi_index;
  found.loopback = (info->ifi_flags & IFF_LOOPBACK) != 0;
  found.up = (info->ifi_flags & IFF_UP) != 0;
  Bytes rest = message.attributes<ifinfomsg>();
  LinkAddress address;
  while (std::optional<Attribute> attribute = netlink::next_attribute(rest)) {
    if (attribute->type == IFLA_IFNAME) {
      const char* text = reinterpret_cast<const char*>(attribute->data.data());
      found.name.assign(text, strnlen(text, attribute->data.size()));
    } else if (attribute->type == IFLA_MTU) {
      found.mtu = attribute->number().value_or(found.mtu);
    } else if (attribute->type == IFLA_ADDRESS && attribute->data.size() <= address.bytes.size()) {
      std::copy(attribute->data.begin(), attribute->data.end(), address.bytes.begin());
      address.size = static_cast<std::uint8_t>(attribute->data.size());
    }
  }
  const LinkType* row = std::find_if(std::begin(kLinkTypes), std::end(kLinkTypes),
                                     [&](const LinkType& t) { return t.type == info->ifi_type; });
  if (row == std::end(kLinkTypes) || !row->header)
    return failure(fmt::format("interface '{}' is of link type {}{}: demarc does not write its frames",
                               terminal_safe(found.name), info->ifi_type,
                               row == std::end(kLinkTypes) ? "" : fmt::format(" ({})", row->name)),
                   "scan by connect, which leaves frames to the kernel, or over another interface");
  found.header = *row->header;
  if (found.header == LinkHeader::ethernet) {
    if (address.size != 6)
      return failure(fmt::format("interface '{}' has no Ethernet address", terminal_safe(found.name)));
    found.address = address;
  }
  return found;
}

}  // namespace

struct Routes::State {
  int fd = -1;
  std::uint32_t port = 0, sequence = 0;
  std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(std::size_t{64} << 10);
  std::optional<Address> source_seen;  // was found to be ours

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (fd >= 0) close(fd);
  }

  /// Asks and gives every message of the answer to `take`, until it returns true or the answer ends. An error of
  /// the kernel's is its errno; 0 otherwise.
  template <typename Take>
  Result<int> ask(Request& request, Take take) {
    Bytes bytes = request.bytes();
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    if (sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0)
      return failure("cannot ask the kernel for routes: " + cause(errno));
    bool satisfied = false;
    for (;;) {
      sockaddr_nl from{};
      socklen_t from_size = sizeof from;
      // MSG_TRUNC tells the real length, so a message that did not fit is noticed.
      ssize_t size =
          recvfrom(fd, buffer.data(), buffer.size(), MSG_TRUNC, reinterpret_cast<sockaddr*>(&from), &from_size);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return failure("the kernel did not say how it routes: " + cause(errno));
      // Only the kernel itself has port 0; another process could write to this socket.
      if (from_size != sizeof from || from.nl_pid != 0) continue;
      if (static_cast<std::size_t>(size) > buffer.size())
        return failure("the kernel's answer about routes is too long");
      Bytes rest(buffer.data(), static_cast<std::size_t>(size));
      while (std::optional<Message> message = netlink::next_message(rest)) {
        if (message->sequence != sequence || message->port != port) continue;  // of an earlier question
        if (message->type == NLMSG_ERROR) {
          std::optional<std::int32_t> error = message->fixed<std::int32_t>();
          return error ? -*error : EPROTO;
        }
        if (message->type == NLMSG_DONE) return 0;
        if (!satisfied) satisfied = take(*message);
        if ((message->flags & NLM_F_MULTI) == 0) return 0;
      }
    }
  }

  Result<NetworkInterface> link(int index, const std::string& link_name) {
    ifinfomsg info{};
    info.ifi_index = index;
    Request request(RTM_GETLINK, 0, ++sequence, info);
    if (index == 0) request.attribute(IFLA_IFNAME, link_name.c_str(), link_name.size() + 1);
    request.attribute(IFLA_EXT_MASK, std::uint32_t{RTEXT_FILTER_SKIP_STATS});
    std::optional<Result<NetworkInterface>> found;
    int error = DEMARC_TRY(ask(request, [&](const Message& message) {
      if (message.type == RTM_NEWLINK) found = read_interface(message);
      return found.has_value();
    }));
    std::string what = index == 0 ? fmt::format("'{}'", terminal_safe(link_name)) : fmt::format("number {}", index);
    if (error == ENODEV) return failure(fmt::format("there is no interface {}", what));
    if (error != 0) return failure(fmt::format("cannot ask about interface {}: {}", what, cause(error)));
    if (!found) return failure(fmt::format("the kernel said nothing about interface {}", what));
    return std::move(*found);
  }

  /// Of all interfaces, the one that loops back.
  Result<NetworkInterface> loopback() {
    ifinfomsg info{};
    Request request(RTM_GETLINK, NLM_F_DUMP, ++sequence, info);
    request.attribute(IFLA_EXT_MASK, std::uint32_t{RTEXT_FILTER_SKIP_STATS});
    std::optional<NetworkInterface> found;
    int error = DEMARC_TRY(ask(request, [&](const Message& message) {
      Result<NetworkInterface> one = read_interface(message);
      if (message.type == RTM_NEWLINK && one && one->loopback) found = std::move(*one);
      return found.has_value();
    }));
    if (error != 0) return failure("cannot list the interfaces: " + cause(error));
    if (!found) return failure("this machine has no loopback interface");
    return std::move(*found);
  }

  Result<void> check_source(const Address& source) {
    if (source_seen == source) return {};
    std::vector<LocalAddress> local = DEMARC_TRY(local_addresses());
    if (!OwnAddresses(local).contains(source))
      return failure(
          fmt::format("{} is not an address of this machine: no answer would come back to it", to_string(source)),
          "give one that 'ip address' shows");
    source_seen = source;
    return {};
  }
};

Routes::Routes(std::unique_ptr<State> state) : state_(std::move(state)) {}
Routes::~Routes() = default;
Routes::Routes(Routes&&) noexcept = default;
Routes& Routes::operator=(Routes&&) noexcept = default;

Result<Routes> Routes::open() {
  auto state = std::make_unique<State>();
  state->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (state->fd < 0) return failure("cannot open a netlink socket: " + cause(errno));
  // The kernel answers at once; this only keeps a bug of anyone's from hanging us.
  timeval patience{2, 0};
  setsockopt(state->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  socklen_t size = sizeof own;
  if (bind(state->fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
      getsockname(state->fd, reinterpret_cast<sockaddr*>(&own), &size) != 0)
    return failure("cannot bind a netlink socket: " + cause(errno));
  state->port = own.nl_pid;
  return Routes(std::move(state));
}

Result<NetworkInterface> Routes::interface(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ)
    return failure(fmt::format("'{}' cannot be the name of an interface", terminal_safe(name)));
  return state_->link(0, name);
}

Result<NetworkInterface> Routes::interface(int index) {
  if (index <= 0) return failure(fmt::format("{} cannot be the number of an interface", index));
  return state_->link(index, {});
}

Result<Route> Routes::to(const Address& destination, const RouteWish& wish) {
  std::string target = to_string(destination);
  std::optional<NetworkInterface> wished;
  if (wish.interface_name) wished = DEMARC_TRY(interface(*wish.interface_name));
  if (wish.source) {
    if (wish.source->family() != destination.family())
      return failure(fmt::format("{} cannot be reached from {}: one is IPv4, the other IPv6", target,
                                 to_string(*wish.source)));
    DEMARC_TRY(state_->check_source(*wish.source));
  }

  rtmsg question{};
  question.rtm_family = destination.is_ipv4() ? AF_INET : AF_INET6;
  question.rtm_dst_len = static_cast<std::uint8_t>(bits(destination.family()));
  if (wish.source) question.rtm_src_len = question.rtm_dst_len;
  Request request(RTM_GETROUTE, 0, ++state_->sequence, question);
  request.attribute(RTA_DST, destination);
  if (wish.source) request.attribute(RTA_SRC, *wish.source);
  // Routes to our own addresses are told by their type: asked with loopback as the wish, some kernels find none.
  if (wished && !wished->loopback) request.attribute(RTA_OIF, static_cast<std::uint32_t>(wished->index));

  Route route;
  std::optional<Address> source;
  std::optional<std::uint8_t> type;
  int index = 0;
  bool encapsulated = false;
  int error = DEMARC_TRY(state_->ask(request, [&](const Message& message) {
    std::optional<rtmsg> answer = message.fixed<rtmsg>();
    if (message.type != RTM_NEWROUTE || !answer) return false;
    type = answer->rtm_type;
    Bytes rest = message.attributes<rtmsg>();
    while (std::optional<Attribute> attribute = netlink::next_attribute(rest)) {
      switch (attribute->type) {
        case RTA_OIF: index = static_cast<int>(attribute->number().value_or(0)); break;
        case RTA_PREFSRC: source = attribute->address(); break;
        case RTA_GATEWAY: route.gateway = attribute->address(); break;
        case RTA_VIA:  // a gateway of the other family (RFC 8950): two bytes of family before it
          if (attribute->data.size() > 2) route.gateway = Attribute{0, attribute->data.subspan(2)}.address();
          break;
        case RTA_ENCAP_TYPE: encapsulated = true; break;
        default: break;
      }
    }
    return true;
  }));
  std::string over = wished ? fmt::format(" over {}", wished->name) : "";
  if (error != 0) {
    std::string_view named = dead_end(error);
    return failure(fmt::format("cannot reach {}{}: {}", target, over, named.empty() ? cause(error) : named));
  }
  if (!type) return failure(fmt::format("the kernel did not say how it reaches {}", target));
  if (*type == RTN_LOCAL) {
    route.interface = DEMARC_TRY(state_->loopback());
    route.gateway.reset();
    if (wished && !wished->loopback)
      return failure(fmt::format("{} is an address of this machine: it is reached over {}, not {}", target,
                                 route.interface.name, wished->name));
  } else {
    if (wished && wished->loopback)
      return failure(fmt::format("cannot reach {}{}: it is no address of this machine", target, over));
    if (*type != RTN_UNICAST) return failure(fmt::format("cannot reach {}{}: {}", target, over, unusable(*type)));
    if (encapsulated)
      return failure(fmt::format("the route to {} encapsulates (MPLS or segment routing), which frames of our own "
                                 "would pass by",
                                 target),
                     "scan by connect");
    route.interface = DEMARC_TRY(state_->link(index, {}));
  }
  if (!route.interface.up)
    return failure(fmt::format("cannot reach {}: interface {} is down", target, route.interface.name));
  if (wish.source) source = wish.source;
  if (!source || source->family() != destination.family() || source->number() == 0)
    return failure(fmt::format("cannot reach {}: interface {} has no {} address to send from", target,
                               route.interface.name, name(destination.family())));
  route.source = *source;
  return route;
}

std::optional<LinkAddress> Routes::neighbour(int interface_index, const Address& next_hop) {
  // An entry the kernel has not confirmed for longer may name a machine that is gone.
  constexpr std::uint32_t kStaleSecondsMax = 60;
  ndmsg question{};
  question.ndm_family = next_hop.is_ipv4() ? AF_INET : AF_INET6;
  question.ndm_ifindex = interface_index;
  std::optional<LinkAddress> found;
  auto read = [&](const Message& message) {
    std::optional<ndmsg> entry = message.fixed<ndmsg>();
    if (message.type != RTM_NEWNEIGH || !entry || entry->ndm_ifindex != interface_index) return false;
    std::optional<Address> address;
    LinkAddress link;
    std::optional<nda_cacheinfo> ages;
    Bytes rest = message.attributes<ndmsg>();
    while (std::optional<Attribute> attribute = netlink::next_attribute(rest)) {
      if (attribute->type == NDA_DST) address = attribute->address();
      if (attribute->type == NDA_LLADDR && attribute->data.size() <= link.bytes.size()) {
        std::copy(attribute->data.begin(), attribute->data.end(), link.bytes.begin());
        link.size = static_cast<std::uint8_t>(attribute->data.size());
      }
      if (attribute->type == NDA_CACHEINFO && attribute->data.size() >= sizeof(nda_cacheinfo)) {
        ages.emplace();
        std::memcpy(&*ages, attribute->data.data(), sizeof *ages);
      }
    }
    if (address != next_hop) return false;
    constexpr unsigned kKnown = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_DELAY | NUD_PROBE;
    bool fresh = ages && ages->ndm_confirmed / static_cast<std::uint32_t>(std::max(1L, sysconf(_SC_CLK_TCK))) <
                             kStaleSecondsMax;
    bool usable = (entry->ndm_state & kKnown) != 0 || ((entry->ndm_state & NUD_STALE) != 0 && fresh);
    if (usable && link.size != 0) found = link;
    return true;
  };
  Request one(RTM_GETNEIGH, 0, ++state_->sequence, question);
  one.attribute(NDA_DST, next_hop);
  Result<int> error = state_->ask(one, read);
  if (error && *error == EOPNOTSUPP) {  // before Linux 5.0: look through all of them
    Request all(RTM_GETNEIGH, NLM_F_DUMP, ++state_->sequence, question);
    error = state_->ask(all, read);
  }
  return found;
}

}  // namespace demarc
