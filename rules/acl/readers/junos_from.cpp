#include "rules/acl/readers/junos_from.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/junos_conditions.h"
#include "rules/acl/readers/junos_names.h"
#include "rules/acl/readers/name_table.h"
#include "rules/text/suggest.h"

namespace demarc::junos {

namespace {

FragmentSet common(const FragmentSet& a, const FragmentSet& b) {
  FragmentSet both;
  for (unsigned i = 0; i < 4; ++i)
    if (a.contains(Fragment(i)) && b.contains(Fragment(i))) both.insert(Fragment(i));
  return both;
}

class FromReader {
 public:
  FromReader(Tree& tree, Device& device, const FilterContext& context)
      : tree_(tree), device_(device), context_(context) {}

  void read(NodeId from, Entry& entry) {
    for (const NodeId c : tree_.children(from)) condition(c);
    build(entry);
  }

 private:
  /// The end of a packet that an address or port belongs to.
  enum class End : std::uint8_t { source, destination, either };
  struct Addresses {
    std::vector<ListedPrefix> prefixes = {};
    std::vector<AddressBits> bits = {};
    std::string incomplete = {};
    bool given = false, exception = false;
  };
  struct Ports {
    PortSet set = PortSet::all();
    bool given = false;
  };
  struct Place {
    AddressSet addresses = AddressSet::all();
    std::optional<AddressBits> bits = {};
  };

  void undecided(std::string why) {
    if (!undecided_.empty()) undecided_ += ", ";
    undecided_ += std::move(why);
  }
  void not_decidable(NodeId node) {
    undecided(tree_.text(node));
    tree_.mark(node, Understanding::in_part, "no packet set holds this field: some of the packets match");
  }
  void not_understood(NodeId node, std::string why, std::string hint = {}) {
    undecided(why);
    device_.diagnostics.warning(tree_.where(node), why, std::move(hint));
    tree_.mark(node, Understanding::not_understood, std::move(why));
  }

  void condition(NodeId node) {
    const std::string_view word = tree_[node].word;
    const auto begins = [word](std::string_view text) { return word.starts_with(text); };
    if (word == "apply-groups" || word == "apply-groups-except") return;
    if (word == "address" || word == "prefix-list") return addresses(node, End::either, word == "prefix-list");
    if (word == "source-address" || word == "source-prefix-list")
      return addresses(node, End::source, word == "source-prefix-list");
    if (word == "destination-address" || word == "destination-prefix-list")
      return addresses(node, End::destination, word == "destination-prefix-list");
    if (begins("source-port")) return ports(node, End::source, word.ends_with("-except"));
    if (begins("destination-port")) return ports(node, End::destination, word.ends_with("-except"));
    if (word == "port" || word == "port-except") return ports(node, End::either, word.ends_with("-except"));
    if (begins("protocol") || begins("next-header") || begins("payload-protocol"))
      return protocols(node, word.ends_with("-except"));
    if (begins("icmp-type")) return icmp(node, word.ends_with("-except"), types_, icmp_types(family()));
    if (begins("icmp-code")) return icmp(node, word.ends_with("-except"), codes_, icmp_codes(family()));
    if (word == "tcp-established") return add_flags(tcp_flags_established());
    if (word == "tcp-initial") return add_flags(tcp_flags(tcp_flag::syn | tcp_flag::ack, tcp_flag::syn));
    if (word == "tcp-flags") return flags(node);
    if (word == "is-fragment") return fragments(kLaterFragments);
    if (word == "first-fragment") return fragments({Fragment::first});
    if (begins("fragment-offset")) return offset(node, word.ends_with("-except"));
    if (word == "fragment-flags") return fragment_flags(node);
    if (word == "interface") return interface(node);
    if (word == "interface-set") return interface_set(node);
    if (word == "ip-version") return ip_version(node);
    if (is_one_of(word, kUndecidable)) return not_decidable(node);
    not_understood(node, fmt::format("'{}' is no match condition that is known", word),
                   suggest(word, std::span<const std::string_view>(kConditions)));
  }

  static constexpr std::size_t kCombinationsMax = 4096;

  Family family() const { return context_.family.value_or(Family::ipv4); }

  // --- Addresses ---

  Addresses& of(End end) {
    return end == End::source ? sources_ : end == End::destination ? destinations_ : eithers_;
  }

  void addresses(NodeId node, End end, bool lists) {
    Addresses& into = of(end);
    into.given = true;
    for (const NodeId c : tree_.children(node)) {
      const std::string_view word = tree_[c].word;
      const bool except = tree_.has(c, "except");
      into.exception = into.exception || except;
      if (lists) {
        prefix_list(c, except, into);
        continue;
      }
      const std::optional<WrittenAddress> written = parse_junos_address(word);
      if (!written || (context_.family && written->prefix.family() != *context_.family)) {
        into.incomplete =
            fmt::format("'{}' is no {} address", word, context_.family ? name(*context_.family) : "IP");
        not_understood(c, into.incomplete);
      } else if (!written->bits) {
        into.prefixes.push_back({written->prefix, except});
      } else if (except) {
        into.incomplete = fmt::format("{} except: which mask with holes is the longer one is not worked out", word);
        not_understood(c, into.incomplete);
      } else {
        into.bits.push_back(*written->bits);
      }
    }
  }

  void prefix_list(NodeId node, bool except, Addresses& into) {
    PrefixList* list = context_.prefix_list(tree_[node].word);
    if (list == nullptr) {
      into.incomplete = fmt::format("prefix-list {} is not defined", tree_[node].word);
      return not_understood(node, into.incomplete);
    }
    ++list->uses;
    for (const Prefix& p : list->prefixes)
      if (!context_.family || p.family() == *context_.family) into.prefixes.push_back({p, except});
    if (!list->incomplete.empty()) {
      into.incomplete = fmt::format("prefix-list {}: {}", tree_[node].word, list->incomplete);
      tree_.mark(node, Understanding::in_part, into.incomplete);
    }
  }

  /// The alternatives that a list of addresses makes; an incomplete one is made undecided.
  std::vector<Place> places(Addresses& list) {
    std::vector<Place> out;
    if (!list.given) return {Place{}};
    const bool none_included =
        std::all_of(list.prefixes.begin(), list.prefixes.end(), [](const ListedPrefix& p) { return p.except; });
    if (!list.incomplete.empty()) {
      if (undecided_.find(list.incomplete) == std::string::npos) undecided(list.incomplete);
      return {Place{}};
    }
    if (list.exception && none_included && list.bits.empty()) {
      undecided("a list of exceptions alone matches nothing, or everything else");
      for (ListedPrefix& p : list.prefixes) p.except = false;
      return {Place{AddressSet::all().minus(longest_match(std::move(list.prefixes)))}};
    }
    if (list.prefixes.empty() && list.bits.empty()) {
      undecided("the list of addresses is empty");
      return {Place{}};
    }
    if (!list.bits.empty() && list.exception) undecided("exceptions beside masks with holes");
    if (!list.prefixes.empty()) {
      out.push_back({longest_match(std::move(list.prefixes))});
      const std::uint64_t ranges = out.back().addresses.ranges().size();
      if (ranges > *context_.ranges_left) {
        undecided("the lists of all terms hold more addresses than are kept");
        return {Place{}};
      }
      *context_.ranges_left -= ranges;
    }
    for (const AddressBits& bits : list.bits) out.push_back({AddressSet{Prefix::containing(Address{}, 0)}, bits});
    return out;
  }

  // --- Numbers ---

  void ports(NodeId node, End end, bool except) {
    std::vector<PortRange> ranges;
    for (const NodeId c : tree_.children(node)) {
      const std::optional<PortRange> range = parse_junos_ports(tree_[c].word);
      if (range) {
        ranges.push_back(*range);
        continue;
      }
      not_understood(c, fmt::format("'{}' is neither a port number nor a Junos port name", tree_[c].word),
                     suggest_named(tree_[c].word, junos::ports()));
      unread_ports_ = true;
    }
    PortSet set = PortSet::of(std::move(ranges));
    if (except) set = PortSet::all().minus(set);
    Ports& into = end == End::source ? source_ports_ : end == End::destination ? destination_ports_ : either_ports_;
    into.set = into.set.intersect(set);
    into.given = true;
  }

  void protocols(NodeId node, bool except) {
    ProtocolSet set;
    for (const NodeId c : tree_.children(node)) {
      const std::optional<PortRange> range = parse_junos_range(tree_[c].word, junos::protocols(), 255);
      if (!range) {
        not_understood(c, fmt::format("'{}' is no protocol that Junos knows", tree_[c].word),
                       suggest_named(tree_[c].word, junos::protocols()));
        unread_protocols_ = true;
        continue;
      }
      for (unsigned n = range->first.number(); n <= range->last.number(); ++n)
        set.insert(Protocol(static_cast<std::uint8_t>(n)));
      const unsigned n = range->first.number();
      if (family() == Family::ipv6 && (n == 0 || n == 43 || n == 44 || n == 60) && n == range->last.number())
        extension_header_ = true;
    }
    if (except) set = ProtocolSet(set.numbers().complement());
    protocols_ = protocols_ ? ProtocolSet(protocols_->numbers().intersect(set.numbers())) : set;
  }

  void icmp(NodeId node, bool except, std::optional<ByteSet>& into, std::span<const NamedNumber> names) {
    ByteSet set;
    for (const NodeId c : tree_.children(node)) {
      std::string lower(tree_[c].word.substr(0, 64));  // "network-unreachable-for-TOS" in older releases
      std::transform(lower.begin(), lower.end(), lower.begin(),
                     [](char ch) { return ch >= 'A' && ch <= 'Z' ? static_cast<char>(ch - 'A' + 'a') : ch; });
      const NamedNumber* row = find_named(lower, names);
      const std::optional<PortRange> range =
          row != nullptr ? PortRange::single(Port(row->number & 0xFF)) : parse_junos_range(tree_[c].word, {}, 255);
      if (!range) {
        not_understood(c, fmt::format("'{}' is no ICMP message that Junos knows", tree_[c].word),
                       suggest_named(tree_[c].word, names));
        unread_icmp_ = true;
        continue;
      }
      for (unsigned n = range->first.number(); n <= range->last.number(); ++n)
        set.insert(static_cast<std::uint8_t>(n));
    }
    if (except) set = set.complement();
    into = into ? into->intersect(set) : set;
  }

  void add_flags(const ByteSet& set) { flags_ = flags_ ? flags_->intersect(set) : set; }

  void flags(NodeId node) {
    std::string text;
    for (const NodeId c : tree_.children(node)) {
      text += fmt::format("{}{}", text.empty() ? "" : " | ", tree_[c].word);
      for (NodeId w = tree_[c].first; w != kNoNode; w = tree_[w].first) text += fmt::format(" {}", tree_[w].word);
    }
    if (const std::optional<ByteSet> set = parse_junos_flags(text)) return add_flags(*set);
    not_understood(node, fmt::format("'{}' is no expression of TCP flags", text),
                   "for example \"(syn & !ack) | rst\"");
  }

  // --- Fragments, interfaces ---

  void fragments(const FragmentSet& set) { fragments_ = common(fragments_, set); }

  void offset(NodeId node, bool except) {
    PortSet set;
    for (const NodeId c : tree_.children(node)) {
      const std::optional<PortRange> range = parse_junos_range(tree_[c].word, {}, 8191);
      if (!range) return not_understood(c, fmt::format("'{}' is no fragment offset", tree_[c].word));
      set = set.unite(PortSet{*range});
    }
    const PortSet later{{Port(1), Port(8191)}};
    const PortSet all{{Port(0), Port(8191)}};
    if (except) set = all.minus(set);
    FragmentSet matched;
    if (set.contains(Port(0))) matched.insert(Fragment::whole).insert(Fragment::first);
    if (set.overlaps(later)) matched.insert(Fragment::middle).insert(Fragment::last);
    fragments(matched);
    if (set.overlaps(later) && !set.contains(later)) not_decidable(node);
  }

  void fragment_flags(NodeId node) {
    std::string_view only;
    for (const NodeId c : tree_.children(node)) only = only.empty() ? tree_[c].word : "several";
    if (only == "more-fragments" || only == "0x2") return fragments({Fragment::first, Fragment::middle});
    if (only == "!more-fragments") return fragments({Fragment::whole, Fragment::last});
    not_decidable(node);
  }

  void add_interfaces(NodeId node, std::string_view word, ByteSet& set) {
    const auto ids = context_.interfaces(word);
    if (!ids) {
      not_understood(node, fmt::format("interface {} cannot be told apart here", word));
      interfaces_known_ = false;
      return;
    }
    for (const InterfaceId id : *ids) set.insert(id);
  }
  void interface(NodeId node) {
    ByteSet set;
    for (const NodeId c : tree_.children(node)) add_interfaces(c, tree_[c].word, set);
    ingress_ = ingress_.intersect(set);
  }
  void interface_set(NodeId node) {
    ByteSet set;
    for (const NodeId c : tree_.children(node)) {
      const NodeId members = context_.interface_set(tree_[c].word);
      if (members == kNoNode) {
        not_understood(c, fmt::format("interface-set {} is not defined", tree_[c].word));
        interfaces_known_ = false;
      }
      for (const NodeId m : tree_.children(members)) add_interfaces(c, tree_[m].word, set);
    }
    ingress_ = ingress_.intersect(set);
  }
  void ip_version(NodeId node) {
    for (const NodeId c : tree_.children(node)) {
      if (tree_[c].word == "ipv4" || tree_[c].word == "ipv6") {
        version_ = tree_[c].word == "ipv4" ? Family::ipv4 : Family::ipv6;
        for (const NodeId below : tree_.children(c)) condition(below);
      }
    }
  }

  // --- All together ---

  void build(Entry& entry) {
    Box base;
    base.family = context_.family ? context_.family : version_;
    base.fragments = fragments_;
    if (interfaces_known_) base.ingress = ingress_;
    const bool ports = source_ports_.given || destination_ports_.given || either_ports_.given;
    const bool messages = types_ || codes_;
    ProtocolSet written = protocols_ && !unread_protocols_ ? *protocols_ : ProtocolSet::all();
    if (extension_header_) {
      // The next header is an extension; what comes behind it, the file does not say.
      undecided("a next header that is an extension header");
      written = ProtocolSet::all();
    }
    if (unread_ports_) source_ports_ = destination_ports_ = either_ports_ = Ports{};
    if (unread_icmp_) types_ = codes_ = std::nullopt;
    // The protocols whose headers have all the fields that are compared.
    ByteSet natural = ByteSet::all();
    if (ports) natural = natural.intersect(ProtocolSet::with_ports().numbers());
    if (messages)
      natural = natural.intersect(
          ByteSet{family() == Family::ipv6 ? Protocol::icmpv6.number() : Protocol::icmp.number()});
    if (flags_) natural = natural.intersect(ByteSet{Protocol::tcp.number()});
    const bool deep = ports || messages || flags_;
    std::vector<Place> sources = places(sources_), destinations = places(destinations_), eithers = places(eithers_);
    if (sources.size() * destinations.size() * eithers.size() > kCombinationsMax) {
      undecided("too many masks with holes");
      sources = destinations = eithers = {Place{}};
    }
    // Two masks with holes at one end are not one match. Junos takes no such term.
    if (!eithers_.bits.empty() && !(sources_.bits.empty() && destinations_.bits.empty()))
      undecided("masks with holes at either end and at one");
    // A list that decides everything comes into `match`; anything undecided makes it all possible only.
    std::vector<Match> natural_matches, other_matches;
    Box box = base;
    box.protocols = ProtocolSet(written.numbers().intersect(natural));
    if (deep) box.fragments = common(base.fragments, {Fragment::whole, Fragment::first});
    if (flags_) box.flags = *flags_;
    if (messages) box.icmp = messages_set();
    box.source_ports = source_ports_.set;
    box.ports = destination_ports_.set;
    if (!box.protocols.empty() && !box.fragments.empty()) {
      if (either_ports_.given) {
        Box other = box;
        box.ports = box.ports.intersect(either_ports_.set);
        other.source_ports = other.source_ports.intersect(either_ports_.set);
        cross(other, sources, destinations, eithers, natural_matches);
      }
      cross(box, sources, destinations, eithers, natural_matches);
    }
    const ByteSet others = written.numbers().minus(natural);
    const bool sure = undecided_.empty();
    if (deep && !others.empty() && sure) {
      Box other = base;
      other.protocols = ProtocolSet(others);
      cross(other, sources, destinations, eithers, other_matches);
      undecided(protocols_ ? "its protocols include some that lack the fields it compares"
                           : "no protocol is named: the bytes are compared in every protocol's packets");
      entry.match = std::move(natural_matches);
      entry.maybe = std::move(other_matches);
    } else if (sure) {
      entry.match = std::move(natural_matches);
    } else {
      // Undecided altogether; other protocols' packets as well.
      if (deep && !others.empty()) {
        Box other = base;
        other.protocols = ProtocolSet(others);
        cross(other, sources, destinations, eithers, natural_matches);
      }
      entry.maybe = std::move(natural_matches);
    }
    const FragmentSet later = common(base.fragments, kLaterFragments);
    if (sure && flags_ && base.family != Family::ipv6 && !box.protocols.empty() && !later.empty()) {
      Box data = base;
      data.protocols = box.protocols;
      data.fragments = later;
      cross(data, sources, destinations, eithers, entry.maybe);
      undecided("the data of a later fragment may pass for the TCP flags it compares");
    }
    entry.undecided = undecided_;
  }

  IcmpSet messages_set() const {
    const ByteSet types = types_.value_or(ByteSet::all()), codes = codes_.value_or(ByteSet::all());
    std::vector<PortRange> ranges;
    for (unsigned t = 0; t < 256; ++t) {
      if (!types.contains(static_cast<std::uint8_t>(t))) continue;
      for (unsigned c = 0; c < 256; ++c) {
        if (!codes.contains(static_cast<std::uint8_t>(c))) continue;
        const unsigned begin = c;
        while (c < 255 && codes.contains(static_cast<std::uint8_t>(c + 1))) ++c;
        ranges.push_back(
            {Port(static_cast<std::uint16_t>(t << 8 | begin)), Port(static_cast<std::uint16_t>(t << 8 | c))});
      }
    }
    return IcmpSet::of_numbers(PortSet::of(std::move(ranges)));
  }

  void cross(const Box& box, const std::vector<Place>& sources, const std::vector<Place>& destinations,
             const std::vector<Place>& eithers, std::vector<Match>& out) const {
    const auto narrow = [](AddressSet& set, std::optional<AddressBits>& bits, const Place& place) {
      set = set == AddressSet::all() ? place.addresses : set.intersect(place.addresses);
      if (place.bits && !bits) bits = place.bits;
    };
    for (const Place& s : sources)
      for (const Place& d : destinations)
        for (const Place& e : eithers)
          for (const bool at_source : {true, false}) {
            if (!at_source && !eithers_.given) continue;
            Match m;
            m.box = box;
            m.box.sources = s.addresses;
            m.box.destinations = d.addresses;
            m.source_bits = s.bits;
            m.destination_bits = d.bits;
            if (eithers_.given && at_source) narrow(m.box.sources, m.source_bits, e);
            if (eithers_.given && !at_source) narrow(m.box.destinations, m.destination_bits, e);
            if (m.box.sources.empty() || m.box.destinations.empty()) continue;
            out.push_back(std::move(m));
          }
  }

  Tree& tree_;
  Device& device_;
  const FilterContext& context_;
  Addresses sources_, destinations_, eithers_;
  Ports source_ports_, destination_ports_, either_ports_;
  std::optional<ProtocolSet> protocols_;
  std::optional<ByteSet> types_, codes_, flags_;
  FragmentSet fragments_ = FragmentSet::all();
  ByteSet ingress_ = ByteSet::all();
  std::optional<Family> version_;
  bool unread_ports_ = false, unread_protocols_ = false, unread_icmp_ = false, extension_header_ = false;
  bool interfaces_known_ = true;
  std::string undecided_;
};

}  // namespace

void read_from(Tree& tree, Device& device, NodeId from, const FilterContext& context, Entry& entry) {
  FromReader(tree, device, context).read(from, entry);
}

}  // namespace demarc::junos
