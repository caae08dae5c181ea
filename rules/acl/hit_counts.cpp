#include "rules/acl/hit_counts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace demarc {

namespace {

int compare(const ByteSet& a, const ByteSet& b) {
  if (a == b) return 0;
  for (unsigned n = 0; n < 256; ++n) {
    const bool in_a = a.contains(static_cast<std::uint8_t>(n)), in_b = b.contains(static_cast<std::uint8_t>(n));
    if (in_a != in_b) return in_a ? -1 : 1;
  }
  return 0;
}

template <typename T>
int compare_values(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}
int compare(const std::optional<AddressBits>& a, const std::optional<AddressBits>& b) {
  if (a.has_value() != b.has_value()) return a ? 1 : -1;
  if (!a) return 0;
  return compare_values(std::tie(a->family, a->value, a->mask), std::tie(b->family, b->value, b->mask));
}
template <typename E>
int compare(const FourSet<E>& a, const FourSet<E>& b) {
  for (unsigned n = 0; n < 4; ++n)
    if (a.contains(E(n)) != b.contains(E(n))) return a.contains(E(n)) ? -1 : 1;
  return 0;
}

int compare(const Match& a, const Match& b) {
  for (const int order :
       {compare_values(a.box.family, b.box.family), compare_values(a.box.ports, b.box.ports),
        compare_values(a.box.destinations, b.box.destinations), compare_values(a.box.sources, b.box.sources),
        compare_values(a.box.source_ports, b.box.source_ports),
        compare_values(a.box.icmp.numbers(), b.box.icmp.numbers()),
        compare(a.box.protocols.numbers(), b.box.protocols.numbers()), compare(a.box.flags, b.box.flags),
        compare(a.box.fragments, b.box.fragments), compare(a.box.states, b.box.states),
        compare(a.source_bits, b.source_bits), compare(a.destination_bits, b.destination_bits)})
    if (order != 0) return order;
  return 0;
}

int compare(const std::vector<Match>& a, const std::vector<Match>& b) {
  if (a.size() != b.size()) return compare_values(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    if (const int order = compare(a[i], b[i]); order != 0) return order;
  return 0;
}

/// What an entry says, for finding it again.
struct ByMeaning {
  bool operator()(const Entry* a, const Entry* b) const {
    if (a->action != b->action) return a->action < b->action;
    if (const int order = compare(a->match, b->match); order != 0) return order < 0;
    return compare(a->maybe, b->maybe) < 0;
  }
};
bool same_meaning(const Entry& a, const Entry& b) { return !ByMeaning{}(&a, &b) && !ByMeaning{}(&b, &a); }

/// What it matches is known, and so tells it from others; two entries with groups that nobody knows look alike.
bool is_known(const Entry& e) { return e.action != Action::unknown && e.maybe.empty(); }

std::optional<std::uint64_t> leading_number(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || (end != text.data() + text.size() && *end != ' ')) return std::nullopt;
  return n;
}

/// The number that stands before the entry, or behind `sequence`.
std::optional<std::uint64_t> sequence_of(const Entry& e) {
  if (const auto n = leading_number(e.text)) return n;
  const std::size_t at = e.text.find("sequence ");
  return at == std::string::npos ? std::nullopt : leading_number(std::string_view(e.text).substr(at + 9));
}

/// The words of an entry without its number, its counter and what only logs: groups are names in both texts.
std::string words_of(const Entry& e) {
  std::string_view text = e.text;
  if (const std::size_t begin = std::min(text.find("permit"), text.find("deny")); begin != std::string_view::npos)
    text.remove_prefix(begin);
  std::string words;
  bool skip = false;
  while (!text.empty()) {
    const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
    const std::string_view word = text.substr(begin, text.find(' ', begin) - begin);
    text.remove_prefix(std::min(text.size(), begin + word.size()));
    if (word.starts_with('(') || word.starts_with('[')) break;
    if (std::exchange(skip, false) || word == "log" || word == "log-input" || word.empty()) continue;
    if (word == "sequence")
      skip = true;
    else
      words.append(word).push_back(' ');
  }
  return words;
}

Location place(const Device& device, std::uint32_t line) { return {.file = device.file, .line = line}; }

/// Pairs the entries of one list with those of the output.
class Pairing {
 public:
  Pairing(List& configured, const List& shown) : configured_(configured), shown_(shown) {
    partner_.resize(configured.entries.size(), nullptr);
    taken_.resize(shown.entries.size());
  }

  void run() {
    by_number();
    by_key<const Entry*, ByMeaning>([](const Entry& e) { return &e; }, is_known);
    by_key<std::string, std::less<>>(words_of, [](const Entry&) { return true; });
  }

  const Entry* partner(std::size_t i) const { return partner_[i]; }
  bool taken(std::size_t i) const { return taken_[i]; }

 private:
  void pair(std::size_t i, std::size_t shown) {
    partner_[i] = &shown_.entries[shown];
    taken_[shown] = true;
  }

  /// The same number, and the same said: in sets, or in words where names stand for groups.
  void by_number() {
    std::map<std::uint64_t, std::size_t> numbers;
    for (std::size_t i = 0; i < shown_.entries.size(); ++i)
      if (const auto n = sequence_of(shown_.entries[i])) numbers.emplace(*n, i);
    for (std::size_t i = 0; i < configured_.entries.size(); ++i) {
      const Entry& e = configured_.entries[i];
      const auto n = sequence_of(e);
      const auto found = n && e.line != 0 ? numbers.find(*n) : numbers.end();
      if (found == numbers.end() || taken_[found->second]) continue;
      const Entry& there = shown_.entries[found->second];
      if ((is_known(e) && is_known(there) && same_meaning(e, there)) || words_of(e) == words_of(there))
        pair(i, found->second);
    }
  }

  /// Equal keys are paired in their order.
  template <typename Key, typename Less, typename KeyOf, typename Takes>
  void by_key(KeyOf key_of, Takes takes) {
    struct Queue {
      std::vector<std::size_t> waiting = {};
      std::size_t next = 0;
    };
    std::map<Key, Queue, Less> queues;
    for (std::size_t i = 0; i < shown_.entries.size(); ++i)
      if (!taken_[i] && shown_.entries[i].line != 0 && takes(shown_.entries[i]))
        queues[key_of(shown_.entries[i])].waiting.push_back(i);
    for (std::size_t i = 0; i < configured_.entries.size() && !queues.empty(); ++i) {
      const Entry& e = configured_.entries[i];
      if (partner_[i] != nullptr || e.line == 0 || !takes(e)) continue;
      const auto found = queues.find(key_of(e));
      if (found == queues.end() || found->second.next == found->second.waiting.size()) continue;
      pair(i, found->second.waiting[found->second.next++]);
    }
  }

  List& configured_;
  const List& shown_;
  std::vector<const Entry*> partner_;
  std::vector<bool> taken_;
};

bool counts(const List& list) {
  return std::any_of(list.entries.begin(), list.entries.end(),
                     [](const Entry& e) { return e.packets.has_value(); });
}

/// What readers put together beside the written lists (zone pairs, terminal lines) has a name of several words, and
/// no place in the output.
bool is_written(const List& list) {
  return list.defined && list.name.find(' ') == std::string::npos &&
         std::any_of(list.entries.begin(), list.entries.end(), [](const Entry& e) {
           return e.line != 0 && e.source_list == kNoList && e.action != Action::jump && e.action != Action::go_to;
         });
}

}  // namespace

HitCounts apply_hit_counts(Device& configured, const Device& shown) {
  HitCounts result;
  std::map<std::pair<std::string_view, std::optional<Family>>, std::size_t> lists;
  for (std::size_t i = 0; i < shown.lists.size(); ++i)
    if (is_written(shown.lists[i]))
      lists.emplace(std::pair(std::string_view(shown.lists[i].name), shown.lists[i].family), i);
  std::vector<bool> used(shown.lists.size());
  // IOS and IOS-XR print no counter where nothing matched; NX-OS and EOS where the list does not count.
  const bool silent_zero = (configured.dialect == Dialect::cisco_ios || configured.dialect == Dialect::cisco_xr) &&
                           std::any_of(shown.lists.begin(), shown.lists.end(), counts);
  for (List& list : configured.lists) {
    if (!is_written(list)) continue;
    const auto found = lists.find(std::pair(std::string_view(list.name), list.family));
    if (found == lists.end()) {
      ++result.lists_missing;
      configured.diagnostics.warning(
          place(configured, list.line),
          fmt::format("{} has no list {}: its entries get no counters", shown.file, list.name));
      continue;
    }
    used[found->second] = true;
    const List& there = shown.lists[found->second];
    Pairing pairing(list, there);
    pairing.run();
    const bool counted = silent_zero || counts(there);
    bool reset = false;
    for (std::size_t i = 0; i < list.entries.size(); ++i) {
      Entry& e = list.entries[i];
      if (e.line == 0) continue;
      const Entry* partner = pairing.partner(i);
      if (partner == nullptr) {
        ++result.entries_missing;
        configured.diagnostics.warning(
            place(configured, e.line),
            fmt::format("{} does not have this entry of {}: it gets no counter", shown.file, list.name));
        continue;
      }
      if (!counted) {
        ++result.entries_uncounted;
        continue;
      }
      const std::uint64_t packets = partner->packets.value_or(0);
      reset = reset || e.packets.value_or(0) > packets;
      e.packets = packets;
      ++result.entries_counted;
    }
    if (!counted && !list.entries.empty())
      configured.diagnostics.warning(
          place(shown, there.line), fmt::format("no counters are kept for {}", list.name),
          configured.dialect == Dialect::arista_eos ? "counters per-entry turns them on"
                                                    : "statistics per-entry turns them on");
    if (reset) {
      ++result.lists_reset;
      configured.diagnostics.warning(
          place(shown, there.line),
          fmt::format("counters of {} are smaller than before: they were reset in between", list.name));
    }
    for (std::size_t i = 0; i < there.entries.size(); ++i) {
      if (there.entries[i].line == 0 || pairing.taken(i)) continue;
      ++result.entries_unknown;
      configured.diagnostics.warning(place(shown, there.entries[i].line),
                                     fmt::format("the configuration does not have this entry of {}", list.name));
    }
  }
  std::set<std::string_view> implied;  // the control plane's list on EOS is there without being written
  for (const List& list : configured.lists)
    if (!is_written(list)) implied.insert(list.name);
  for (std::size_t i = 0; i < shown.lists.size(); ++i) {
    if (!is_written(shown.lists[i]) || used[i] || implied.contains(shown.lists[i].name)) continue;
    ++result.lists_unknown;
    configured.diagnostics.warning(place(shown, shown.lists[i].line),
                                   fmt::format("the configuration does not have a list {}", shown.lists[i].name));
  }
  return result;
}

}  // namespace demarc
