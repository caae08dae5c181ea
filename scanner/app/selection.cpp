#include "scanner/app/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "rules/policy/standing.h"
#include "rules/text/source.h"
#include "rules/text/suggest.h"
#include "scanner/active/local.h"
#include "scanner/app/console.h"
#include "scanner/app/scope_limit.h"
#include "scanner/app/world.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

constexpr std::uint32_t kTriesDefault = 3;
constexpr std::uint32_t kShardsMax = 100'000;

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

/// "2/8", or "auto/8": the scheduler's variable tells which (a Kubernetes Indexed Job counts from 0, a Slurm array
/// from its minimum).
Result<ShardOption> parse_shard(std::string_view text) {
  if (text.empty()) return ShardOption{};
  auto wrong = [&](std::string hint) {
    return failure(fmt::format("--shard: '{}' is no shard", text), std::move(hint));
  };
  std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return wrong("write 1/4: the first of four; or auto/4 under a scheduler");
  std::optional<std::uint32_t> count = number(text.substr(slash + 1)), index = number(text.substr(0, slash));
  if (text.substr(0, slash) == "auto") {
    const char* kubernetes = std::getenv("JOB_COMPLETION_INDEX");
    const char* slurm = std::getenv("SLURM_ARRAY_TASK_ID");
    const char* slurm_first = std::getenv("SLURM_ARRAY_TASK_MIN");
    if (kubernetes != nullptr) {
      index = number(kubernetes);
      if (index) ++*index;
    } else if (slurm != nullptr) {
      index = number(slurm);
      std::optional<std::uint32_t> first =
          slurm_first != nullptr ? number(slurm_first) : std::optional<std::uint32_t>(0);
      if (index && first && *index >= *first)
        index = *index - *first + 1;
      else
        index.reset();
    } else {
      return wrong("neither JOB_COMPLETION_INDEX nor SLURM_ARRAY_TASK_ID is set: write the number yourself");
    }
  }
  if (!index || !count || *index == 0 || *index > *count || *count > kShardsMax)
    return wrong("write 1/4: the first of four; the number lies between 1 and their count");
  return ShardOption{*index, *count};
}

Result<std::vector<Prefix>> parse_prefixes(const std::vector<std::string>& words, std::string_view option,
                                           const RuleSet* rules) {
  std::vector<Prefix> prefixes;
  for (const std::string& word : words) {
    // Names of the rule set stand for their addresses; names are never resolved.
    if (rules != nullptr) {
      std::string host_name = word.substr(0, word.find('.'));
      if (const Host* host = rules->host(word)) {
        for (const Address& address : host->all_addresses()) prefixes.push_back(Prefix::host(address));
        continue;
      }
      if (const Zone* zone = rules->zone(word)) {
        prefixes.insert(prefixes.end(), zone->cidrs.begin(), zone->cidrs.end());
        continue;
      }
      if (const Host* host = rules->host(host_name)) {
        bool found = false;
        for (const Nic& nic : host->nics) {
          if (host_name + "." + nic.name != word) continue;
          for (const Address& address : nic.addresses) prefixes.push_back(Prefix::host(address));
          found = true;
        }
        if (found) continue;
      }
    }
    Result<Prefix> prefix = parse_prefix(word);
    if (!prefix) {
      std::string hint = prefix.error().hint;
      if (rules != nullptr) {
        std::vector<std::string> names;
        for (const Host& host : rules->hosts) names.push_back(host.name);
        for (const Zone& zone : rules->zones) names.push_back(zone.name);
        if (std::string near = suggest(word, names); !near.empty()) hint = near;
      }
      return failure(fmt::format("{}: {}", option, prefix.error().what), std::move(hint));
    }
    prefixes.push_back(*prefix);
  }
  return prefixes;
}

namespace {

Result<std::vector<Prefix>> read_target_list(const std::string& file, const RuleSet* rules) {
  Source source(file, DEMARC_TRY(read_whole_file(file, 64U << 20)));
  std::vector<Prefix> prefixes;
  for (std::uint32_t n = 1; n <= source.line_count(); ++n) {
    std::string_view line = source.line(n);
    line = line.substr(0, line.find('#'));
    for (std::size_t at = 0; at < line.size();) {
      std::size_t begin = line.find_first_not_of(" \t,", at);
      if (begin == std::string_view::npos) break;
      std::size_t end = std::min(line.find_first_of(" \t,", begin), line.size());
      Result<std::vector<Prefix>> word =
          parse_prefixes({std::string(line.substr(begin, end - begin))}, "target", rules);
      if (!word) {
        Error e = word.error();
        e.where = source.at_line(n, static_cast<std::uint32_t>(begin + 1), static_cast<std::uint32_t>(end - begin));
        return std::unexpected(std::move(e));
      }
      prefixes.insert(prefixes.end(), word->begin(), word->end());
      at = end;
    }
  }
  if (prefixes.empty()) return file_failure(file, "the list of targets is empty", "one address or prefix a line");
  return prefixes;
}

Result<Selected> try_select(const Selection& selection, std::optional<RuleSet> rule_set) {
  Selected s;
  s.rules = std::move(rule_set);
  const RuleSet* rules = s.rules ? &*s.rules : nullptr;
  ShardOption shard = DEMARC_TRY(parse_shard(selection.shard));
  s.shard = shard.index;
  s.shards = shard.count;
  s.tries = selection.tries != 0 ? selection.tries : kTriesDefault;
  if (s.tries > 20) return failure("--tries: at most 20");

  PlanOptions options;
  options.rate = selection.rate;
  options.processes = shard.count * std::max<std::uint32_t>(1, selection.concurrent);
  options.tries = s.tries;
  options.corners = selection.corners;
  options.asks = selection.asks;
  if (!selection.ports.empty()) {
    PortsOption ports = DEMARC_TRY(parse_ports_option(selection.ports));
    options.tcp = ports.tcp ? *ports.tcp : PortSet();
    options.udp = ports.udp ? *ports.udp : PortSet();
    options.icmp = std::move(ports.icmp);
  }
  options.targets = DEMARC_TRY(parse_prefixes(selection.targets, "target", rules));
  if (!selection.targets_file.empty()) {
    std::vector<Prefix> listed = DEMARC_TRY(read_target_list(selection.targets_file, rules));
    options.targets.insert(options.targets.end(), listed.begin(), listed.end());
  }
  options.exclude = DEMARC_TRY(parse_prefixes(selection.exclude, "--exclude", rules));
  std::optional<ScopeLimit> limit;
  if (!selection.scope_limit.empty()) limit = DEMARC_TRY(ScopeLimit::read(selection.scope_limit));
  auto limited = [&](const Scope& wanted) -> Result<void> {
    if (!limit) return {};
    s.limit_note = DEMARC_TRY(limit->left_out(wanted, options.targets));
    // As an exclusion it is part of the scope itself: nothing outside can become a Target.
    std::vector<Prefix> outside = limit->outside();
    options.exclude.insert(options.exclude.end(), outside.begin(), outside.end());
    return {};
  };

  if (rules == nullptr) {
    std::vector<Prefix> prefixes = DEMARC_TRY(parse_prefixes(selection.scope, "--scope", nullptr));
    s.scope = DEMARC_TRY(Scope::from_prefixes(prefixes, options.exclude));
    DEMARC_TRY(limited(*s.scope));
    if (limit) s.scope = DEMARC_TRY(Scope::from_prefixes(prefixes, options.exclude));
    s.plan = DEMARC_TRY(plan_scan(*s.scope, options));
    return s;
  }
  s.scope = DEMARC_TRY(Scope::from_rules(*rules, options.exclude));
  DEMARC_TRY(limited(*s.scope));
  if (limit) s.scope = DEMARC_TRY(Scope::from_rules(*rules, options.exclude));
  if (selection.vantage.empty()) {
    std::string names;
    for (const Vantage& v : rules->vantages) names += (names.empty() ? "" : ", ") + v.name;
    return failure("from which vantage point? --vantage is missing",
                   names.empty() ? "the rule set declares none under `vantages`" : "one of " + names);
  }
  s.vantage = rules->vantage(selection.vantage);
  if (s.vantage == nullptr) {
    std::vector<std::string> names;
    for (const Vantage& v : rules->vantages) names.push_back(v.name);
    std::string hint = suggest(selection.vantage, names);
    if (hint.empty())
      hint = names.empty() ? "it declares none under `vantages`" : fmt::format("it has {}", fmt::join(names, ", "));
    return failure(fmt::format("the rule set has no vantage point '{}'", selection.vantage), std::move(hint));
  }
  s.plan = DEMARC_TRY(plan_scan(*rules, *s.scope, *s.vantage, options));
  return s;
}

}  // namespace

namespace {

/// "8", "8/0", "echo-request", or "echo", which is 8 and 128: the queries that are meant.
Result<std::vector<IcmpType>> parse_icmp_query(std::string_view text) {
  constexpr std::string_view kHint = "echo, timestamp, address-mask, or a number: 8, 13, 17; 128 for ICMPv6";
  std::vector<IcmpType> types;
  for (Family family : {Family::ipv4, Family::ipv6}) {
    for (std::string_view ending : {"", "-request"})
      if (std::optional<IcmpType> named = icmp_type_by_name(family, std::string(text) + std::string(ending)))
        if (can_be_asked(family, *named)) types.push_back(*named);
  }
  if (!types.empty()) return types;
  if (Result<IcmpType> type = parse_icmp_type(text)) {
    for (Family family : {Family::ipv4, Family::ipv6})
      if (can_be_asked(family, *type)) return std::vector<IcmpType>{*type};
    return failure(fmt::format("-p: ICMP type {} is no query, so nobody can ask for it", text), std::string(kHint));
  }
  return failure(fmt::format("-p: '{}' is no ICMP query", text), std::string(kHint));
}

}  // namespace

Result<PortsOption> parse_ports_option(std::string_view text) {
  PortsOption out;
  std::vector<PortRange> tcp, udp;
  std::vector<IcmpType> icmp;
  char current = 'T';
  for (std::size_t begin = 0; begin <= text.size();) {
    std::size_t comma = std::min(text.find(',', begin), text.size());
    std::string_view part = text.substr(begin, comma - begin);
    if (part.size() > 1 && part[1] == ':') {
      if (std::string_view("TUI").find(part[0]) == std::string_view::npos) {
        return failure(fmt::format("-p: '{}' is no protocol", part.substr(0, 2)),
                       "T: for TCP, U: for UDP, I: for ICMP");
      }
      current = part[0];
      part.remove_prefix(2);
    }
    begin = comma + 1;
    if (current == 'I') {
      std::vector<IcmpType> types = DEMARC_TRY(parse_icmp_query(part));
      icmp.insert(icmp.end(), types.begin(), types.end());
      continue;
    }
    std::vector<PortRange>& ports = current == 'T' ? tcp : udp;
    if (part == "-") {
      ports.push_back({Port(1), Port(65535)});
      continue;
    }
    Result<PortRange> range = parse_port_range(part);
    if (!range) return failure("-p: " + range.error().what, range.error().hint);
    if (range->first.number() == 0)
      return failure("-p: port 0 is never probed (RFC 6335 section 6)", "begin with 1");
    ports.push_back(*range);
  }
  if (!tcp.empty()) out.tcp = PortSet::of(std::move(tcp));
  if (!udp.empty()) out.udp = PortSet::of(std::move(udp));
  if (!icmp.empty()) out.icmp = std::move(icmp);
  return out;
}

void leave_out_foreign_sources(Selected& s) {
  if (s.vantage == nullptr || s.vantage->behind_nat) return;
  Result<std::vector<LocalAddress>> local = local_addresses();
  if (!local || !OwnAddresses(*local).contains(s.vantage->address)) return;
  Standing standing(*s.rules, *s.vantage);
  std::vector<PlanTarget> kept;
  for (PlanTarget& t : s.plan.targets) {
    const Address& target = t.target.address();
    Result<Address> source = source_address_for(target);
    // Without a route the probe itself will say so.
    if (!source || *source == standing.source_for(target.family())) {
      kept.push_back(std::move(t));
      continue;
    }
    s.plan.unroutable.push_back(
        {t.real, t.name,
         fmt::format("packets to it leave from {}, which is not this vantage point", to_string(*source))});
  }
  s.plan.targets = std::move(kept);
  s.plan.estimate();
  std::sort(s.plan.unroutable.begin(), s.plan.unroutable.end(),
            [](const Unroutable& a, const Unroutable& b) { return a.real < b.real; });
}

std::optional<Selected> select(const Selection& selection, const CommonOptions& options) {
  std::optional<RuleSet> rules;
  if (selection.scope.empty()) {
    LoadedRules loaded = load_rules(options, false);
    if (loaded.absent) {
      say(Error{{},
                "no rule set and no scope: nothing says what may be asked",
                "give --rules FILE, or --scope PREFIX with -p PORTS"});
      return std::nullopt;
    }
    if (!loaded.rules) return std::nullopt;
    rules = std::move(loaded.rules);
  } else if (!options.rules_file.empty()) {
    say(Error{{},
              "--scope and --rules exclude each other: the rule set has a scope of its own",
              "name single targets of it as arguments"});
    return std::nullopt;
  }
  Result<Selected> selected = try_select(selection, std::move(rules));
  if (!selected) {
    say(selected.error());
    return std::nullopt;
  }
  std::optional<Selected> out(std::move(*selected));
  if (!out->limit_note.empty()) {
    say_warning(out->limit_note);
    out->plan.notes.push_back(out->limit_note);
  }
  // The vantage point lives in the rule set, which has moved.
  if (out->rules && out->vantage != nullptr) out->vantage = out->rules->vantage(selection.vantage);
  return out;
}

}  // namespace demarc
