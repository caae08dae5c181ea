// Source: iptables(8), iptables-extensions(8); net/netfilter/xt_tcpudp.c and ip_tables.c for what a match does with
// later fragments (`-m tcp` never matches one) and with an interface that the hook does not know.
#include "rules/acl/readers/iptables_rule.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/iptables_names.h"
#include "rules/acl/readers/iptables_rule_reader.h"
#include "rules/acl/readers/netfilter_names.h"
#include "rules/acl/readers/refusal_words.h"
#include "rules/text/suggest.h"

namespace demarc {

using netfilter::Matches;
using netfilter::Term;

namespace {

}  // namespace

IptablesRule IptablesRuleReader::read() {
  while (at_ < words_.size()) {
    negated_ = false;
    if (is("!")) negated_ = true, ++at_;
    if (at_ >= words_.size()) break;
    const std::size_t option = at_++;
    const Result<void> done = take(words_[option].text);
    if (done) continue;
    open_unread(words_[std::min(std::max(option, at_ - 1), words_.size() - 1)], done.error().what,
                done.error().hint);
  }
  finish();
  return std::move(out_);
}

bool IptablesRuleReader::is(std::string_view text) const {
  return at_ < words_.size() && !words_[at_].quoted && words_[at_].text == text;
}

Result<std::string> IptablesRuleReader::value() {
  if (is("!")) negated_ = !negated_, ++at_;
  if (at_ >= words_.size()) return failure(fmt::format("a value is missing behind {}", words_[at_ - 1].text));
  return words_[at_++].text;
}

void IptablesRuleReader::add(Term term) {
  term.negated = term.negated || negated_;
  out_.rule.terms.push_back(std::move(term));
}

void IptablesRuleReader::open_unread(const IptablesWord& word, std::string what, std::string hint) {
  out_.rule.unread = what;
  open(what);
  warn_(word, std::move(what), std::move(hint));
  skip_values();
}

void IptablesRuleReader::skip_values() {
  while (at_ < words_.size() && !is("!") && (words_[at_].quoted || !is_option(words_[at_].text))) ++at_;
}

bool IptablesRuleReader::is_option(std::string_view word) {
  return word.size() > 1 && word[0] == '-' && !(word[1] >= '0' && word[1] <= '9');
}

Result<void> IptablesRuleReader::take(std::string_view option) {
  if (option == "-s" || option == "--source" || option == "--src") return address(true);
  if (option == "-d" || option == "--destination" || option == "--dst") return address(false);
  if (option == "-i" || option == "--in-interface") return interface(true);
  if (option == "-o" || option == "--out-interface") return interface(false);
  if (option == "-p" || option == "--protocol" || option == "--proto") return protocol();
  if (option == "-f" || option == "--fragment" || option == "--fragments") {
    Match m;
    m.box.family = Family::ipv4;
    m.box.fragments = {Fragment::middle, Fragment::last};
    add(Term::of(std::move(m)));
    return {};
  }
  if (option == "-m" || option == "--match") return module();
  if (option == "-j" || option == "--jump" || option == "-g" || option == "--goto") {
    out_.target = DEMARC_TRY(value());
    out_.goes = option == "-g" || option == "--goto";
    out_.tracks = out_.tracks || iptables_tracks(out_.target);
    in_target_ = true;
    return {};
  }
  if (option == "-c" || option == "--set-counters") {
    const std::string packets = DEMARC_TRY(value());
    out_.rule.packets = netfilter::whole_number(packets, UINT64_MAX);
    DEMARC_TRY(value());
    return {};
  }
  if (option == "-4" || option == "--ipv4" || option == "-6" || option == "--ipv6") {
    out_.only = option == "-4" || option == "--ipv4" ? Family::ipv4 : Family::ipv6;
    return {};
  }
  if (option == "-w" || option == "--wait" || option == "-n" || option == "-v") {
    skip_values();
    return {};
  }
  return extension(option);
}

Result<void> IptablesRuleReader::extension(std::string_view option) {
  const auto any_of = [option](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), option) != names.end();
  };
  if (any_of({"--sport", "--source-port"})) return port(false);
  if (any_of({"--dport", "--destination-port"})) return port(true);
  if (any_of({"--sports", "--source-ports"})) return multiport(true, false);
  if (any_of({"--dports", "--destination-ports"})) return multiport(false, true);
  if (any_of({"--ports"})) return multiport(true, true);
  if (any_of({"--syn", "--tcp-flags"})) return tcp_flags(option == "--syn");
  if (any_of({"--icmp-type", "--icmpv6-type"}))
    return icmp(option == "--icmp-type" ? Family::ipv4 : Family::ipv6);
  if (any_of({"--ctstate", "--state"})) return state();
  if (any_of({"--src-range", "--dst-range"})) return range(option == "--src-range");
  if (any_of({"--match-set"})) return set();
  if (any_of({"--src-type", "--dst-type"})) return address_type(option == "--src-type");
  if (any_of({"--comment"})) {
    out_.rule.remark = LineLedger::bounded(DEMARC_TRY(value()));
    return {};
  }
  if (any_of(
          {"--tcp-option",    "--chunk-types",   "--dccp-types",     "--dccp-option",    "--ctproto",
           "--ctorigsrc",     "--ctorigdst",     "--ctreplsrc",      "--ctrepldst",      "--ctorigsrcport",
           "--ctorigdstport", "--ctreplsrcport", "--ctrepldstport",  "--ctstatus",       "--ctexpire",
           "--ctdir",         "--packets-eq",    "--packets-lt",     "--packets-gt",     "--bytes-eq",
           "--bytes-lt",      "--bytes-gt",      "--return-nomatch", "--limit-iface-in", "--limit-iface-out"}) &&
      !in_target_) {
    open(std::string(option));
    skip_values();
    return {};
  }
  if (any_of({"--update-counters", "--update-subcounters"})) return {};
  if (any_of({"--reject-with"})) {
    const std::string with = DEMARC_TRY(value());
    out_.refusal = refusal_by_word(with);
    return {};
  }
  if (in_target_) return target_option(option);
  if (in_undecided_) {
    skip_values();
    return {};
  }
  constexpr std::string_view kOptions[] = {
      "--sport",     "--dport",     "--sports",    "--dports",    "--ports",     "--syn",
      "--state",     "--ctstate",   "--tcp-flags", "--icmp-type", "--match-set", "--comment",
      "--src-range", "--dst-range", "--src-type",  "--dst-type",  "--source",    "--destination",
      "--protocol",  "--jump",      "--goto",      "--match"};
  return failure(fmt::format("'{}' is not understood", option), suggest(option, std::span(kOptions)));
}

Result<void> IptablesRuleReader::target_option(std::string_view option) {
  if (option == "--notrack") {
    out_.notrack = true;
  } else if (option == "--to-destination" || option == "--to-source" || option == "--to-ports" ||
             option == "--to") {
    const std::string to = DEMARC_TRY(value());
    if (option == "--to-ports") {
      if (const Result<PortRange> range = parse_port_range(to)) out_.nat.to_ports = *range;
    } else {
      translation(to);
    }
  } else {
    skip_values();
  }
  return {};
}

void IptablesRuleReader::translation(std::string_view text) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = std::min(text.find(']'), text.size());
    port = text.substr(std::min(close + 1, text.size()));
    text = text.substr(1, close - 1);
  } else if (const std::size_t colon = text.find(':');
             colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
    port = text.substr(colon);
    text = text.substr(0, colon);
  }
  out_.nat.to = parse_address(text);
  if (!port.empty())
    if (const Result<PortRange> range = parse_port_range(port.substr(1))) out_.nat.to_ports = *range;
}

Result<void> IptablesRuleReader::protocol() {
  const std::string text = DEMARC_TRY(value());
  if (text == "all" || text == "0" || text == "any") {
    if (negated_) add(Term::of(Match{}));
    return {};
  }
  const std::optional<std::uint8_t> number = netfilter::protocol_number(text);
  if (!number) return failure(fmt::format("'{}' is no protocol", text), suggest(text, netfilter::protocol_words()));
  Match m;
  m.box.protocols = {Protocol(*number)};
  if (!negated_) protocol_ = Protocol(*number);
  add(Term::of(std::move(m)));
  return {};
}

Result<void> IptablesRuleReader::module() {
  const std::string text = DEMARC_TRY(value());
  in_undecided_ = false;
  out_.tracks = out_.tracks || iptables_tracks(text);
  const std::optional<IptablesMatch> kind = find_iptables_match(text);
  if (!kind) {
    in_undecided_ = true;
    return failure(fmt::format("the match '{}' is not known", text), suggest(text, iptables_match_words()));
  }
  if (*kind == IptablesMatch::undecided) {
    in_undecided_ = true;
    open(fmt::format("-m {}", text));
  }
  const bool header = text == "tcp" || text == "udp" || text == "udplite" || text == "sctp" || text == "dccp" ||
                      text == "icmp" || text == "icmp6" || text == "icmpv6";
  if (header) bare_header_ = true;
  return {};
}

std::vector<IptablesWord> iptables_words(std::string_view line) {
  std::vector<IptablesWord> words;
  for (std::size_t i = 0; i < line.size();) {
    if (line[i] == ' ' || line[i] == '\t' || line[i] == '\r') {
      ++i;
      continue;
    }
    IptablesWord word;
    word.column = static_cast<std::uint32_t>(i + 1);
    char quote = 0;
    for (; i < line.size(); ++i) {
      const char c = line[i];
      if (quote == 0 && (c == ' ' || c == '\t' || c == '\r')) break;
      if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
        word.text += line[++i];
      } else if (c == quote) {
        quote = 0;
      } else if (quote == 0 && (c == '"' || c == '\'')) {
        quote = c;
        word.quoted = true;
      } else {
        word.text += c;
      }
    }
    word.length = static_cast<std::uint32_t>(i + 1 - word.column);
    words.push_back(std::move(word));
  }
  return words;
}

IptablesRule read_iptables_rule(std::span<const IptablesWord> words, const IptablesAround& around,
                                const std::function<void(const IptablesWord&, std::string, std::string)>& warn) {
  return IptablesRuleReader(words, around, warn).read();
}

}  // namespace demarc
