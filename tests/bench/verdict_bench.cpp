// One verdict over a large network, from evidence in memory: 10,000 rules, a million port outcomes, a million
// conversations. Prints the time of the judgement and the peak of resident memory.
//   verdict_bench [rules] [outcomes] [conversations]
// And what a conversation costs under ten rules and under ten thousand: the same 10,000 servers, the same million
// flow records, and rule sets that approve the same of them, one by groups and one server by server. The step that
// judges conversations alone, and the whole verdict; each is run five times, and the fastest run of each is shown.
//   verdict_bench flows [conversations]
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <random>

#include "rules/verdict/flow_list.h"
#include "rules/verdict/judging.h"
#include "rules/verdict/reconcile.h"
#include "rules/verdict/verdict_json.h"

namespace demarc {
namespace {

RuleSet make_rules(std::uint32_t count) {
  RuleSet r;
  r.name = "bench";
  const auto zone = [&](const char* name, const char* prefix) {
    Zone z;
    z.name = name;
    if (prefix == nullptr) {
      z.any = true;
    } else {
      z.cidrs = {*parse_prefix(prefix)};
      z.addresses = AddressSet::of(z.cidrs);
    }
    r.zones.push_back(std::move(z));
  };
  zone("dmz", "198.18.0.0/16");
  zone("inside", "10.0.0.0/8");
  zone("internet", nullptr);
  r.zones[2].addresses = AddressSet::all().minus(r.zones[0].addresses).minus(r.zones[1].addresses);
  for (std::uint32_t s = 0; s < 500; ++s) {
    Service service;
    service.name = fmt::format("svc-{}", s);
    service.tcp = PortSet::single(Port{static_cast<std::uint16_t>(1000 + s)});
    r.services.push_back(std::move(service));
  }
  const Timestamp day = *parse_timestamp("2026-11-23T00:00:00Z");
  (void)day;
  for (std::uint32_t i = 0; i < count; ++i) {
    Host h;
    h.name = fmt::format("h{}", i);
    h.addresses = {Address::ipv4(0xC6120000U + 256 + i)};
    r.hosts.push_back(std::move(h));
    Rule rule;
    rule.id = fmt::format("R-{}", i);
    rule.services = {i % 500};
    rule.from.names = {i % 2 == 0 ? "internet" : "inside"};
    rule.from.addresses = r.zones[i % 2 == 0 ? 2 : 1].addresses;
    rule.to.names = {r.hosts.back().name};
    rule.to.addresses = AddressSet::single(Address::ipv4(0xC6120000U + 256 + i));
    rule.owner = "bench";
    // Approvals on forty different days: the set of what is in force changes as often.
    rule.approved.push_back({"network",
                             "a.ito",
                             std::chrono::year{2026} / std::chrono::month{1 + i % 2} / std::chrono::day{1 + i % 20},
                             {}});
    rule.review_by = std::chrono::year{2027} / std::chrono::month{1} / std::chrono::day{1};
    r.rules.push_back(std::move(rule));
  }
  r.review.approval_roles = {"network"};
  for (const auto& [name, zone_name, address] :
       {std::tuple{"external", "internet", "203.0.113.77"}, std::tuple{"office", "inside", "10.1.1.9"}}) {
    Vantage v;
    v.name = name;
    v.zone = zone_name;
    v.address = *parse_address(address);
    r.vantages.push_back(std::move(v));
  }
  r.coverage.given = true;
  r.coverage.tcp.approved = true;
  r.coverage.udp.none = r.coverage.icmp.none = true;
  r.coverage.vantages = {"external", "office"};
  return r;
}

Snapshot make_evidence(std::uint32_t hosts, std::uint32_t outcomes, std::uint32_t conversations) {
  std::mt19937 engine(7);
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  Snapshot s;
  for (const char* vantage : {"external", "office"}) {
    ScanRun run;
    run.file = fmt::format("{}.jsonl", vantage);
    run.header.run = vantage;
    run.header.vantage = vantage;
    run.header.started = *parse_timestamp("2026-11-22T10:00:00Z");
    run.header.tries_max = 3;
    run.summary = ScanSummary{};
    run.summary->finished = *parse_timestamp("2026-11-22T12:00:00Z");
    const std::uint32_t per_host = std::max(1U, outcomes / 2 / hosts);
    for (std::uint32_t h = 0; h < hosts; ++h) {
      for (std::uint32_t k = 0; k < per_host; ++k) {
        Outcome o;
        o.target = Address::ipv4(0xC6120000U + 256 + h);
        o.protocol = Protocol::tcp;
        o.ports = PortRange::single(Port{static_cast<std::uint16_t>(1000 + k * 37 % 600 + k)});
        const std::uint32_t dice = random() % 100;
        o.state = dice < 3 ? PortState::open : dice < 40 ? PortState::closed : PortState::filtered;
        o.answer = dice < 3 ? Answer::syn_ack : dice < 40 ? Answer::rst : Answer::silence;
        o.tries = 3;
        o.record = h * per_host + k;
        run.outcomes.push_back(o);
      }
    }
    s.scans.push_back(std::move(run));
  }
  FlowEvidence flows;
  flows.file = "dmz.pcapng";
  FlowSource source;
  source.file = flows.file;
  source.sensor = "tap";
  source.first = *parse_timestamp("2026-11-22T00:00:00Z");
  source.last = *parse_timestamp("2026-11-23T00:00:00Z");
  flows.sources.push_back(source);
  for (std::uint32_t i = 0; i < conversations; ++i) {
    ObservedFlow f;
    const std::uint32_t h = random() % hosts;
    f.initiator = random() % 20 == 0 ? Address::ipv4(0xC6120000U + 256 + random() % hosts)
                                     : Address::ipv4(0xCB007100U ^ (random() & 0x0FFFFFFFU));
    f.responder = Address::ipv4(0xC6120000U + 256 + h);
    f.protocol = Protocol::tcp;
    f.initiator_certain = true;
    f.port = Port{static_cast<std::uint16_t>(1000 + (random() % 4 != 0 ? h % 500 : random() % 600))};
    f.conversations = 1;
    f.established = random() % 2;
    f.states.add(f.established != 0 ? ConnState::SF : ConnState::S0);
    f.record = i + 1;
    f.first = *source.first + std::chrono::seconds(i % 80000);
    f.last = f.first + std::chrono::seconds(5);
    flows.flows.push_back(f);
  }
  s.flows.push_back(std::move(flows));
  return s;
}

constexpr std::uint32_t kServers = 10000;

/// What approves service h % 500 of server h, to the internet or to the inside: `count` rules, each for those
/// servers and services whose numbers leave the same remainder. Up to 500 of them, or one for each server.
RuleSet make_site(std::uint32_t count) {
  RuleSet r = make_rules(kServers);
  if (count >= kServers) return r;
  const std::vector<Rule> each = std::move(r.rules);
  r.rules.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    Rule rule = each[i];
    rule.services.clear();
    for (std::uint32_t s = i; s < 500; s += count) rule.services.push_back(s);
    std::vector<AddressRange> servers;
    for (std::uint32_t h = i; h < kServers; h += count)
      servers.insert(servers.end(), each[h].to.addresses.ranges().begin(), each[h].to.addresses.ranges().end());
    rule.to.addresses = AddressSet::of_ranges(std::move(servers));
    r.rules.push_back(std::move(rule));
  }
  return r;
}

/// A busy site: most of it approved, noise from the internet, some servers that open what they should not.
Snapshot make_traffic(std::uint32_t conversations) {
  std::mt19937 engine(11);
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  Snapshot s;
  FlowEvidence e;
  e.file = "dmz.pcapng";
  FlowSource source;
  source.file = e.file;
  source.first = *parse_timestamp("2026-11-22T00:00:00Z");
  source.last = *parse_timestamp("2026-11-23T00:00:00Z");
  e.sources.push_back(source);
  e.flows.reserve(conversations);
  const auto server = [](std::uint32_t h) { return Address::ipv4(0xC6120000U + 256 + h); };
  for (std::uint32_t i = 0; i < conversations; ++i) {
    ObservedFlow f;
    const std::uint32_t h = random() % kServers, dice = random() % 100;
    const Address outside = Address::ipv4(0x14000000U + (random() & 0x3FFFFFFU));
    f.protocol = Protocol::tcp;
    f.initiator_certain = true;
    f.initiator = h % 2 == 0 ? outside : Address::ipv4(0x0A000000U + (random() & 0xFFFFFU));
    f.responder = server(h);
    f.port = Port{static_cast<std::uint16_t>(1000 + h % 500)};
    f.conversations = 1;
    f.established = 1;
    if (dice < 8) {  // noise
      f.initiator = outside;
      f.port = Port{static_cast<std::uint16_t>(1 + random() % 900)};
      f.established = 0;
    } else if (dice < 9) {  // a tenth of the servers open something
      f.initiator = server(h - h % 10);
      f.responder = outside;
      f.port = Port{6667};
    }
    f.states.add(f.established != 0 ? ConnState::SF : ConnState::S0);
    f.record = i + 1;
    f.first = *source.first + std::chrono::seconds(i % 80000);
    f.last = f.first + std::chrono::seconds(5);
    e.flows.push_back(std::move(f));
  }
  s.flows.push_back(std::move(e));
  return s;
}

void compare_rule_sets(std::uint32_t conversations) {
  const Snapshot traffic = make_traffic(conversations);
  JudgeOptions options;
  options.as_of = *parse_timestamp("2026-11-23T12:00:00Z");
  options.judge_rule_set = options.judge_reachable = false;
  // Processor time: a busy machine is no part of the cost.
  const auto now = [] { return std::clock(); };
  const auto seconds = [](std::clock_t d) { return static_cast<double>(d) / CLOCKS_PER_SEC; };
  const RuleSet site[] = {make_site(10), make_site(kServers)};
  double step[2] = {1e9, 1e9}, list[2] = {1e9, 1e9}, whole[2] = {1e9, 1e9};
  std::size_t findings[2] = {};
  for (int round = 0; round < 5; ++round) {
    for (std::size_t i = 0; i < 2; ++i) {  // in turns, so that a busy machine is fair to both
      Judging j(site[i], traffic, options);
      j.flow_order = distinct_flows(traffic);
      j.flow_file_rank = {0};
      const auto begin = now();
      judge_flows(j);
      const auto judged = now();
      (void)judge_flow_list(site[i], traffic.flows.front());
      const auto listed = now();
      findings[i] = judge(site[i], traffic, options).findings.size();
      step[i] = std::min(step[i], seconds(judged - begin));
      list[i] = std::min(list[i], seconds(listed - judged));
      whole[i] = std::min(whole[i], seconds(now() - listed));
    }
  }
  const auto line = [&](const char* what, const double(&t)[2]) {
    fmt::print("{:<42} {:>8.3f} s {:>8.3f} s   {:.2f}\n", what, t[0], t[1], t[1] / t[0]);
  };
  fmt::print("{} conversations                         10 rules  10,000 rules   ratio\n", conversations);
  line("conversations judged, findings grouped", step);
  line("a verdict for each conversation", list);
  line("the whole verdict of a capture", whole);
  fmt::print("findings: {} and {}\n", findings[0], findings[1]);
}

}  // namespace
}  // namespace demarc

int main(int argc, char** argv) {
  using namespace demarc;
  if (argc > 1 && std::string_view(argv[1]) == "flows") {
    compare_rule_sets(argc > 2 ? static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)) : 1000000);
    return 0;
  }
  const auto argument = [&](int i, std::uint32_t otherwise) {
    return argc > i ? static_cast<std::uint32_t>(std::strtoul(argv[i], nullptr, 10)) : otherwise;
  };
  const std::uint32_t rules_count = argument(1, 10000), outcomes = argument(2, 1000000),
                      conversations = argument(3, 1000000);
  const RuleSet rules = make_rules(rules_count);
  const Snapshot evidence = make_evidence(rules_count, outcomes, conversations);
  const auto peak = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
  };
  const long before = peak();
  JudgeOptions options;
  options.as_of = *parse_timestamp("2026-11-23T12:00:00Z");
  const auto begin = std::chrono::steady_clock::now();
  const Verdict verdict = judge(rules, evidence, options);
  const auto judged = std::chrono::steady_clock::now();
  const std::string json = verdict_json(verdict);
  const auto written = std::chrono::steady_clock::now();
  std::size_t port_outcomes = 0;
  for (const ScanRun& run : evidence.scans) port_outcomes += run.outcomes.size();
  const auto seconds = [](auto d) { return std::chrono::duration<double>(d).count(); };
  fmt::print(
      "{} rules, {} outcomes, {} conversations: judged in {:.2f} s, {} findings; JSON of {} KiB in {:.2f} s; peak "
      "{} MiB ({} MiB before judging)\n",
      rules.rules.size(), port_outcomes, conversations, seconds(judged - begin), verdict.findings.size(),
      json.size() / 1024, seconds(written - judged), peak(), before);
}
