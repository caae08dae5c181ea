#include "rules/acl/readers/iptables_listing.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/iptables_names.h"
#include "rules/acl/readers/netfilter_names.h"
#include "rules/text/cursor.h"

namespace demarc {

namespace {

bool is_place(std::string_view word) {
  if (word.starts_with('!')) word.remove_prefix(1);
  const std::string_view base = word.substr(0, word.find('/'));
  return word == "anywhere" || parse_address(base).has_value();
}

/// What stands behind the addresses.
class Extras {
 public:
  Extras(std::vector<IptablesWord> words, ListedRule& out) : words_(std::move(words)), out_(out) {}

  void read(bool ends_with_target) {
    while (at_ < words_.size()) {
      if (take()) continue;
      // What a target says about itself decides nothing.
      if (!ends_with_target && out_.unread.empty()) out_.unread = words_[at_].text;
      if (ends_with_target) return;
      ++at_;
    }
  }

 private:
  std::string_view word(std::size_t ahead = 0) const {
    return at_ + ahead < words_.size() ? std::string_view(words_[at_ + ahead].text) : std::string_view();
  }
  void add(std::string_view option, std::string value, bool negated = false) {
    if (negated) out_.words.push_back({.text = "!"});
    out_.words.push_back({.text = std::string(option)});
    if (!value.empty()) out_.words.push_back({.text = std::move(value)});
  }
  /// "dpt:80", "dpts:!80:90": the value behind the colon.
  bool colon(std::string_view key, std::string_view option) {
    std::string_view text = word();
    if (!text.starts_with(key)) return false;
    text.remove_prefix(key.size());
    const bool negated = text.starts_with('!');
    add(option, std::string(text.substr(negated ? 1 : 0)), negated);
    ++at_;
    return true;
  }
  static std::string flag_names(std::uint64_t bits) {
    constexpr std::pair<std::uint8_t, std::string_view> kFlags[] = {{1, "FIN"}, {2, "SYN"},  {4, "RST"},
                                                                    {8, "PSH"}, {16, "ACK"}, {32, "URG"}};
    std::string names;
    for (const auto& [bit, name] : kFlags)
      if ((bits & bit) != 0) names += (names.empty() ? "" : ",") + std::string(name);
    return names.empty() ? "NONE" : names;
  }

  bool take() {
    if (colon("dpts:", "--dport") || colon("dpt:", "--dport") || colon("spts:", "--sport") ||
        colon("spt:", "--sport"))
      return true;
    if (word() == "tcp" || word() == "udp" || word() == "udplite" || word() == "sctp" || word() == "dccp" ||
        word() == "[goto]") {
      ++at_;
      return true;
    }
    if (word().starts_with("flags:")) {
      std::string_view text = word().substr(6);
      const bool negated = text.starts_with('!');
      if (negated) text.remove_prefix(1);
      const std::size_t slash = text.find('/');
      const std::optional<std::uint64_t> mask = netfilter::whole_number(text.substr(0, slash), 63);
      const std::optional<std::uint64_t> set =
          slash == std::string_view::npos ? std::nullopt : netfilter::whole_number(text.substr(slash + 1), 63);
      if (!mask || !set) return false;
      add("--tcp-flags", flag_names(*mask), negated);
      out_.words.push_back({.text = flag_names(*set)});
      ++at_;
      return true;
    }
    const bool negated = word() == "!";
    const std::size_t first = negated ? 1 : 0;
    if (word(first) == "icmptype" || word(first) == "ipv6-icmptype") {
      std::string type(word(first + 1));
      std::size_t used = first + 2;
      if (word(used) == "code") type += "/" + std::string(word(used + 1)), used += 2;
      add(word(first) == "icmptype" ? "--icmp-type" : "--icmpv6-type", std::move(type), negated);
      at_ += used;
      return true;
    }
    if (word(first) == "ctstate" || word(first) == "state") {
      add(word(first) == "ctstate" ? "--ctstate" : "--state", std::string(word(first + 1)), negated);
      at_ += first + 2;
      return true;
    }
    if (word() == "multiport" && (word(1) == "dports" || word(1) == "sports" || word(1) == "ports")) {
      std::string_view ports = word(2);
      const bool not_these = ports.starts_with('!');
      add(fmt::format("--{}", word(1)), std::string(ports.substr(not_these ? 1 : 0)), not_these);
      at_ += 3;
      return true;
    }
    if (word(first) == "match-set") {
      add("--match-set", std::string(word(first + 1)), negated);
      out_.words.push_back({.text = std::string(word(first + 2))});
      at_ += first + 3;
      return true;
    }
    if (word() == "reject-with") {
      add("--reject-with", std::string(word(1)));
      at_ += 2;
      return true;
    }
    if ((word() == "source" || word() == "destination") && word(1) == "IP" && word(2) == "range") {
      const bool not_these = word(3) == "!";
      add(word() == "source" ? "--src-range" : "--dst-range", std::string(word(not_these ? 4 : 3)), not_these);
      at_ += not_these ? 5 : 4;
      return true;
    }
    if (word() == "/*") {
      std::string comment;
      for (++at_; at_ < words_.size() && word() != "*/"; ++at_)
        comment += (comment.empty() ? "" : " ") + words_[at_].text;
      ++at_;
      add("--comment", comment.empty() ? " " : std::move(comment));
      return true;
    }
    return false;
  }

  std::vector<IptablesWord> words_;
  ListedRule& out_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<ListedChain> listed_chain(std::string_view line) {
  Cursor in("", line);
  if (in.word() != "Chain") return std::nullopt;
  ListedChain chain;
  chain.name = in.word();
  const std::string_view what = in.word();
  if (what == "(policy") {
    chain.policy = in.word();
    chain.policy = chain.policy.substr(0, chain.policy.find(')'));
  } else if (!what.starts_with('(')) {
    return std::nullopt;
  }
  return chain;
}

bool is_listing_header(std::string_view line) {
  Cursor in("", line);
  std::string_view word = in.word();
  if (word == "num") word = in.word();
  if (word == "pkts" && in.word() == "bytes") word = in.word();
  return word == "target" && in.word() == "prot" && in.word() == "opt";
}

std::optional<ListedRule> listed_rule(std::string_view line) {
  std::vector<IptablesWord> columns = iptables_words(line);
  std::size_t source = 0;
  while (source < columns.size() && !is_place(columns[source].text)) ++source;
  if (source < 2 || source + 1 >= columns.size() || !is_place(columns[source + 1].text)) return std::nullopt;
  ListedRule rule;
  // Counters stand in front with -v: two numbers, perhaps short ones ("12K").
  const auto is_counter = [](std::string_view text) {
    return !text.empty() && text[0] >= '0' && text[0] <= '9' &&
           text.find_first_not_of("0123456789KMGT") == std::string_view::npos;
  };
  const bool verbose = source >= 5 && is_counter(columns[0].text) && is_counter(columns[1].text);
  std::size_t first = 0, last = source;  // of target, prot and opt
  if (verbose) {
    rule.packets = netfilter::whole_number(columns[0].text, UINT64_MAX);
    first = 2, last = source - 2;
  }
  rule.hides_interfaces = !verbose;
  const std::string* opt = nullptr;
  if (last > first &&
      (columns[last - 1].text == "--" || columns[last - 1].text == "-f" || columns[last - 1].text == "!f"))
    opt = &columns[--last].text;
  if (last <= first || last - first > 2) return std::nullopt;
  const auto add = [&rule](std::string_view option, std::string value) {
    const bool negated = value.starts_with('!');
    if (negated) rule.words.push_back({.text = "!"}), value.erase(0, 1);
    rule.words.push_back({.text = std::string(option)});
    rule.words.push_back({.text = std::move(value)});
  };
  const std::string protocol = columns[last - 1].text;
  if (protocol != "all" && protocol != "0") add("-p", protocol);
  if (opt != nullptr && *opt != "--") {
    if (*opt == "!f") rule.words.push_back({.text = "!"});
    rule.words.push_back({.text = "-f"});
  }
  if (verbose) {
    const std::string &in = columns[source - 2].text, &out = columns[source - 1].text;
    if (in != "*" && in != "any") add("-i", in);
    if (out != "*" && out != "any") add("-o", out);
  }
  for (const auto& [option, place] : {std::pair{"-s", source}, std::pair{"-d", source + 1}})
    if (columns[place].text != "anywhere") add(option, columns[place].text);
  const bool target = last - first == 2;
  const std::string name = target ? columns[first].text : "";
  std::vector<IptablesWord> rest(columns.begin() + static_cast<std::ptrdiff_t>(source + 2), columns.end());
  const bool goes = std::any_of(rest.begin(), rest.end(), [](const IptablesWord& w) { return w.text == "[goto]"; });
  const IptablesTarget* known = find_iptables_target(name);
  // ACCEPT, DROP and RETURN have nothing to say about themselves.
  const bool talks = known != nullptr && name != "ACCEPT" && name != "DROP" && name != "RETURN";
  Extras(std::move(rest), rule).read(talks);
  if (target) {
    rule.words.push_back({.text = goes ? "-g" : "-j"});
    rule.words.push_back({.text = name});
  }
  return rule;
}

}  // namespace demarc
