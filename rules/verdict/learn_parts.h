// What the steps of learning share. Internal to this folder; learn.cpp runs them in this order: uses of the
// evidence, places they generalise to, rectangles that cover them, the draft.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "rules/policy/catalogue.h"
#include "rules/verdict/learn.h"
#include "rules/verdict/trust.h"

namespace demarc::learning {

inline constexpr std::size_t kManyInternet = 32, kManyNetworks = 8;  // `any` zone: addresses, and networks of them
inline constexpr std::size_t kManyOfZone = 32;
inline constexpr std::size_t kNamedOneByOne = 8;  // above this many, prefixes are looked for
inline constexpr std::size_t kPrefixMembersMin = 4;
inline constexpr std::size_t kRangePortsMin = 8;
inline constexpr std::size_t kPlacesShown = 3;

/// What was seen, of one use or of several together.
struct Facts {
  std::uint64_t conversations = 0, uncertain = 0, bytes_out = 0, bytes_in = 0;
  Timestamp first, last;
  /// The first packet or record. `evidence`: its rank among distinct_flows().
  struct Where {
    Timestamp at;
    std::uint32_t evidence = 0, source = 0, record = 0;
    auto operator<=>(const Where&) const = default;
  };
  Where where;
  void add(const Facts& other);
};

/// What answers, before ports are put together.
struct ServiceKey {
  Protocol protocol;
  bool one_way = false;
  std::uint16_t first = 0, last = 0;  // ports; ICMP: type << 8
  auto operator<=>(const ServiceKey&) const = default;
};

/// One client using one port of one server.
struct Use {
  Address client, server;
  ServiceKey service;
  Facts facts;
  std::uint32_t not_in_force = kNone32;  // a rule of the rule set that names it
};

/// What was said on the ports.
struct Spoken {
  std::map<ServiceKey, std::set<RelatedBy>> announces;  // control sessions whose data connections were seen
  std::map<ServiceKey, std::set<std::string>> names;    // of the recogniser; "?": none of ours
};

struct Evidence {
  std::vector<Use> uses;  // sorted, one for each (service, server, client)
  Spoken spoken;
  std::vector<LearnedForbidden> forbidden;
  LeftOut left_out;
};

/// Zones where nobody has named any: `internet`, and a network (/24, /64) for each private address and for the
/// fewest others such that every conversation has an end in one: a capture shows the traffic of some networks, and
/// those are where all conversations meet.
RuleSet guessed_zones(const Snapshot& snapshot);

/// learn_usage.cpp: what the rules do not approve.
Evidence gather(const Snapshot& snapshot, const RuleSet& rules);

/// A piece of a rule's `from` or `to`.
struct Place {
  enum class Kind : std::uint8_t { zone, group, prefix, host };
  struct Named {
    std::string name;
    AddressSet addresses;
  };
  Kind kind = Kind::host;
  Prefix prefix;                       // of a prefix or host: there may be a million hosts, and they say it all
  std::shared_ptr<const Named> named;  // of a zone or group
  AddressSet addresses() const { return named ? named->addresses : AddressSet{prefix}; }
  std::string name() const { return named ? named->name : to_string(prefix); }
};

/// One rectangle's element: clients and servers as places.
struct PlacedUse {
  std::uint32_t client = 0, server = 0;  // into Places::all
  ServiceKey service;
  bool decide = false;
  std::uint32_t first = 0, count = 0;  // into Places::members
};

struct Places {
  std::vector<Place> all;
  std::vector<PlacedUse> uses;
  std::vector<std::uint32_t> members;  // into Evidence::uses
  std::span<const std::uint32_t> members_of(std::uint32_t use) const {
    return std::span(members).subspan(uses[use].first, uses[use].count);
  }
};
/// learn_places.cpp
Places place(const Evidence& evidence, const RuleSet& rules, bool given);

/// Every client of it uses the service at every server of it.
struct Rectangle {
  std::vector<std::uint32_t> clients, servers;  // sorted
  std::vector<std::uint32_t> uses;              // into Places::uses
};
/// learn_cover.cpp: a partition of one service's uses into few rectangles; never more than there are different
/// client sets of servers, or different server sets of clients.
std::vector<Rectangle> cover(const Places& places, const std::vector<std::uint32_t>& uses);

/// The catalogue's row for a service: by what was recognised there, else by its port.
const CatalogueEntry* known_as(const ServiceKey& service, const std::set<std::string>& recognised);
/// A service that is dangerous where it crosses from one zone to another.
bool is_dangerous(const CatalogueEntry* row);

/// "dmz.pcapng frame 17", "flows.jsonl line 3"
/// `order`: distinct_flows().
std::string place_words(const Snapshot& snapshot, const std::vector<std::uint32_t>& order,
                        const Facts::Where& where);

/// learn_draft.cpp: fills names and services, and the draft. Of the snapshot's flows the sources count, not the
/// conversations. `order`: distinct_flows(), as they were.
void write_draft(Learned& learned, const Snapshot& snapshot, const std::vector<std::uint32_t>& order,
                 const RuleSet& rules, bool given, const LearnOptions& options);

}  // namespace demarc::learning
