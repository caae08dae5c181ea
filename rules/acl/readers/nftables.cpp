// nftables: `nft list ruleset` or `nft -j list ruleset`, with `ip -o addr` or `ip -j addr` before or behind it.
//
// What the kernel does where nothing is written: a hook without a chain accepts; a base chain without a policy
// accepts; `accept` ends its base chain alone, and the next one at the hook is asked; `drop` ends all.
#include "rules/acl/readers/nftables.h"
#include "rules/acl/readers/name_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/netfilter_addresses.h"
#include "rules/acl/readers/netfilter_names.h"
#include "rules/acl/readers/nftables_json.h"
#include "rules/acl/readers/nftables_names.h"
#include "rules/acl/readers/nftables_terms.h"
#include "rules/acl/readers/nftables_text.h"
#include "rules/acl/readers/reader.h"
#include "rules/text/cursor.h"
#include "rules/text/suggest.h"

namespace demarc {

namespace nft {

namespace {

using netfilter::Base;
using netfilter::Hook;

constexpr std::string_view kHooks[] = {"ingress", "prerouting",  "input", "forward",
                                       "output",  "postrouting", "egress"};

/// "-150", "filter", "dstnat + 5", "mangle - 5".
std::optional<std::int32_t> priority_of(std::string_view text) {
  Cursor in("", text);
  std::int64_t sum = 0;
  int sign = 1;
  bool any = false;
  while (!in.at_end()) {
    std::string_view word = in.word();
    if (word == "+" || word == "-") {
      sign = word == "+" ? 1 : -1;
      continue;
    }
    if (word.size() > 1 && (word[0] == '-' || word[0] == '+')) {
      sign = word[0] == '+' ? 1 : -1;
      word.remove_prefix(1);
    }
    std::int64_t n = 0;
    if (const std::optional<std::uint64_t> number = netfilter::whole_number(word, 0x7FFFFFFF))
      n = static_cast<std::int64_t>(*number);
    else if (const std::optional<std::int32_t> named = priority(word))
      n = *named;
    else
      return std::nullopt;
    sum += sign * n;
    sign = 1;
    any = true;
  }
  if (!any || sum < INT32_MIN || sum > INT32_MAX) return std::nullopt;
  return static_cast<std::int32_t>(sum);
}

class Interpreter {
 public:
  Interpreter(Ruleset& ruleset, const Source& source, Device& device, netfilter::LineNotes& notes)
      : ruleset_(ruleset),
        source_(source),
        device_(device),
        notes_(notes),
        own_(netfilter::own_addresses(device.interfaces)) {}

  void run() {
    for (const Interface& i : device_.interfaces) model_.interfaces.id(i.name);
    for (Table& t : ruleset_.tables) table(t);
    build(model_, source_, device_, notes_);
  }

 private:
  void warn(std::uint32_t line, std::string what, std::string hint = {}) {
    const std::string_view text = source_.line(line);
    const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
    device_.diagnostics.warning(
        source_.at_line(line, static_cast<std::uint32_t>(begin + 1),
                        static_cast<std::uint32_t>(std::clamp<std::size_t>(text.size() - begin, 1, 200))),
        std::move(what), std::move(hint));
  }

  void table(Table& t) {
    netfilter::Table out;
    out.name = fmt::format("{} {} ", t.family, t.name);
    out.other_layer = t.family == "bridge" || t.family == "arp";
    out.dormant = t.dormant;
    out.reads_fragments = true;
    if (t.family == "ip") out.family = Family::ipv4;
    if (t.family == "ip6") out.family = Family::ipv6;
    if (t.dormant) warn(t.line, fmt::format("table {} is dormant: its chains are not called", t.name));
    RuleReader reader({t, model_.interfaces, own_.empty() ? nullptr : &own_});
    for (Chain& c : t.chains) {
      netfilter::Chain chain;
      chain.name = c.name;
      chain.line = c.line, chain.note = c.note;
      chain.base = base(c);
      for (Rule& rule : c.rules) {
        chain.rules.push_back(reader.read(rule, [&](std::string what, std::string hint) {
          notes_.say(rule.note, Understanding::not_understood, what);
          warn(rule.line, std::move(what), std::move(hint));
        }));
        compact(chain.rules.back());
        if (!out.other_layer && !out.dormant && tracks(rule)) {
          if (out.family != Family::ipv6) model_.tracks4 = true;
          if (out.family != Family::ipv4) model_.tracks6 = true;
        }
        rule = {};  // its expressions are not needed any more
      }
      out.chains.push_back(std::move(chain));
    }
    for (const Set& s : t.sets) {
      NamedObject object;
      object.name = s.name;
      object.kind = s.map ? "map" : "set";
      object.line = s.line;
      object.uses = s.uses;
      device_.objects.push_back(std::move(object));
    }
    model_.tables.push_back(std::move(out));
  }

  std::optional<Base> base(const Chain& c) {
    if (c.hook.empty()) return std::nullopt;
    Base b;
    const auto hook = std::find(std::begin(kHooks), std::end(kHooks), c.hook);
    if (hook == std::end(kHooks)) {
      notes_.say(c.note, Understanding::not_understood, fmt::format("'{}' is no hook", c.hook));
      warn(c.line, fmt::format("'{}' is no hook", c.hook),
           suggest(c.hook, std::span<const std::string_view>(kHooks)));
      return std::nullopt;
    }
    b.hook = static_cast<Hook>(hook - std::begin(kHooks));
    if (const std::optional<std::int32_t> p = priority_of(c.priority)) {
      b.priority = *p;
    } else {
      notes_.say(c.note, Understanding::not_understood, fmt::format("'{}' is no priority", c.priority));
      warn(c.line, fmt::format("'{}' is no priority", c.priority), "the chain is taken to have priority 0");
    }
    b.policy = c.policy == "drop" ? Fallthrough::deny : Fallthrough::permit;
    b.policy_line = c.policy_line;
    b.nat = c.type == "nat";
    b.devices = c.devices;
    for (const std::string& device : b.devices) model_.interfaces.id(device);
    return b;
  }

  Ruleset& ruleset_;
  const Source& source_;
  Device& device_;
  netfilter::LineNotes& notes_;
  std::vector<Address> own_;
  netfilter::Model model_;
};

}  // namespace

void interpret(Ruleset& ruleset, const Source& source, Device& device, netfilter::LineNotes& notes) {
  Interpreter(ruleset, source, device, notes).run();
}

}  // namespace nft

namespace {

bool is_json(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

/// The text without the lines of `ip addr`, which nft's grammar does not know: blanks stand in their place.
std::string without_addresses(const Source& source, Device& device, netfilter::LineNotes& notes) {
  std::string text;
  for (std::uint32_t line = 1; line <= source.line_count(); ++line) {
    const std::string_view words = source.line(line);
    const bool address = netfilter::read_address_line(words, line, device.interfaces);
    if (address || netfilter::is_link_line(words)) {
      notes.say(line, address ? Understanding::understood : Understanding::not_filtering);
      text.append(words.size(), ' ');
    } else {
      text += words;
    }
    text += '\n';
  }
  return text;
}

}  // namespace

unsigned looks_like_nftables(std::string_view text) {
  text = text.substr(0, 1U << 20);
  if (is_json(text)) return text.find("\"nftables\"") != std::string_view::npos ? 60 : 0;
  unsigned points = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    Cursor in("", text.substr(at, end - at));
    at = end + 1;
    std::string_view word = in.word();
    if (word == "add" || word == "create") word = in.word();
    if (word == "table") {
      const std::string_view family = in.peek();
      constexpr std::string_view kFamilies[] = {"ip", "ip6", "inet", "arp", "bridge", "netdev"};
      if (is_one_of(family, kFamilies))
        points += 30;
      else if (in.rest().ends_with('{'))
        points += 10;
    } else if (word == "type" && (in.peek() == "filter" || in.peek() == "nat" || in.peek() == "route")) {
      in.word();
      if (in.peek() == "hook") points += 30;
    } else if (word == "chain" && in.rest().ends_with('{')) {
      points += 5;
    } else if (word == "flush" && in.peek() == "ruleset") {
      points += 10;
    }
    if (points > 200) break;
  }
  return points;
}

Result<Device> read_nftables(const Source& source) {
  Device device;
  device.file = device.name = source.name();
  device.dialect = Dialect::nftables;
  LineLedger ledger(source, device);
  if (is_json(source.text())) {
    DEMARC_TRY(nft::read_json(source, device, ledger));
    return device;
  }
  netfilter::LineNotes notes(source.line_count());
  const Source text(source.name(), without_addresses(source, device, notes));
  nft::Ruleset ruleset = nft::read_text(text, device.diagnostics, notes);
  if (ruleset.tables.empty() && source.text().find_first_not_of(" \t\r\n") != std::string_view::npos &&
      looks_like_nftables(source.text()) == 0)
    return file_failure(source.name(), "this is no nftables rule set", "'nft list ruleset' prints one");
  nft::interpret(ruleset, text, device, notes);
  notes.write(source, ledger);
  return device;
}

}  // namespace demarc
