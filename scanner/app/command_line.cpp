// The command line: every option of every command, with the words its --help says. The only file that knows CLI11.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

#include "reports/formats/format.h"
#include "rules/acl/readers/reader.h"
#include "rules/text/suggest.h"
#include "scanner/app/commands.h"
#include "scanner/app/console.h"
#include "scanner/app/remote_words.h"

namespace demarc {

namespace {

void add_common(CLI::App& app, CommonOptions& o, const std::string& formats) {
  app.add_option("-R,--rules", o.rules_file, "The rule set (default: demarc.yaml here, if it exists)")
      ->type_name("FILE");
  app.add_option("--as-of", o.as_of, "Judge the rule set as of this time or day (default: now)")->type_name("TIME");
  app.add_option("--format", o.format, "Standard output's format: " + formats)->type_name("NAME");
  app.add_option("-o,--output", o.outputs, "Write a file as well; repeatable")
      ->type_name("[NAME=]FILE")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--color", o.color, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->type_name("WHEN");
  app.add_option("--progress", o.progress, "auto, json or none")
      ->check(CLI::IsMember({"auto", "json", "none"}))
      ->type_name("HOW");
  app.add_option("--log-format", o.log_format, "text or json, on standard error")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("HOW");
  app.add_flag("-q,--quiet", o.quiet, "Only warnings and errors on standard error");
  app.add_flag("-v,--verbose", o.verbose, "More on standard error");
}

void add_method(CLI::App& app, std::string& method) {
  app.add_option("--method", method,
                 "auto (raw where this machine allows it), connect (TCP, without privilege), raw (TCP, UDP, ICMP)")
      ->check(CLI::IsMember({"auto", "connect", "raw"}))
      ->type_name("METHOD");
}

/// What raw probes can be told.
void add_raw(CLI::App& app, RawWords& raw) {
  add_method(app, raw.method);
  app.add_option("-e,--interface", raw.interface_name, "Send from this interface")->type_name("IFACE");
  app.add_option("--source", raw.source, "Send from this address of ours")->type_name("ADDRESS");
  app.add_option("--source-port", raw.source_port,
                 "Send from this port or range: 20, 53, 88 find filters that trust it")
      ->type_name("PORT[-PORT]");
  app.add_option("--ttl", raw.ttl, "Time to live of probes (default 64)")
      ->type_name("N")
      ->check(CLI::Range(1, 255));
  app.add_option("--fragment", raw.fragment, "Cut probes into fragments of so many bytes, a multiple of 8")
      ->type_name("BYTES")
      ->check(CLI::Range(8, 1024));
  app.add_flag("--locate", raw.locate, "For ports that do not answer: which router still had the probe");
  app.add_option("--witness", raw.witness_key, "Mark probes with this key, for a demarc witness at the far end")
      ->type_name("KEYFILE");
  app.add_option("--rechecks", raw.rechecks,
                 "Look so often for ICMP limits behind silence, about one a second (default 120; 0: never)")
      ->type_name("N")
      ->check(CLI::Range(0, 100000));
}

/// `vantages`: more than one may be given.
void add_selection(CLI::App& app, Selection& s, std::vector<std::string>* vantages = nullptr) {
  app.add_option("targets", s.targets,
                 "Only these of the scope: addresses, prefixes, hosts or zones of the rule set")
      ->type_name("TARGET");
  constexpr const char* kVantage = "Where this machine stands: a vantage point of the rule set";
  if (vantages == nullptr) {
    app.add_option("--vantage", s.vantage, kVantage)->type_name("NAME");
  } else {
    app.add_option("--vantage", *vantages, std::string(kVantage) + "; with --all only these")
        ->type_name("NAME")
        ->take_all()
        ->allow_extra_args(false)
        ->delimiter(',');
  }
  app.add_option("--scope", s.scope, "Without a rule set: the addresses you are authorised to scan")
      ->type_name("PREFIX")
      ->take_all()
      ->allow_extra_args(false)
      ->delimiter(',');
  app.add_option("-p,--ports", s.ports, "Ports instead of the rule set's coverage: 22,80-90,U:53,I:echo; - is all")
      ->type_name("PORTS");
  app.add_option("--target-list", s.targets_file, "Targets from a file, one a line (also: -iL FILE)")
      ->type_name("FILE");
  app.add_option("--exclude", s.exclude, "Never these")
      ->type_name("TARGET")
      ->take_all()
      ->allow_extra_args(false)
      ->delimiter(',');
  app.add_flag("--corners", s.corners,
               "One port for each range that the documents treat alike, instead of every port");
  app.add_option("--rate", s.rate, "Probes a second, at most scope.max_rate")->type_name("N");
  app.add_option("--tries", s.tries, "Tries where nothing answers (default 3)")->type_name("N");
  app.add_option("--shard", s.shard, "This part of the work: 1/4; auto/4 takes the number from the scheduler")
      ->type_name("I/N");
  app.add_option("--concurrent", s.concurrent,
                 "How many vantage points scan at the same time: they share scope.max_rate")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  app.add_flag_callback(
      "-n", [] {}, "Names are never resolved; accepted for habit's sake");
}

void add_memory(CLI::App& app, std::uint64_t& memory_mib) {
  app.add_option("--memory", memory_mib,
                 "For following conversations (default: a quarter of the machine's, half of a limit, at most 2048)")
      ->type_name("MIB")
      ->check(CLI::Range(32, 1048576));
}

void add_acl(CLI::App& app, AclCommand& acl, const std::string& what) {
  add_common(app, acl.common, "text, json");
  app.add_option("configs", acl.configs, what + "; - is standard input")->type_name("CONFIG");
  std::vector<std::string> dialects;
  for (const DialectReader& reader : dialect_readers()) dialects.emplace_back(name(reader.dialect));
  app.add_option("--dialect", acl.dialect,
                 fmt::format("What is not said is seen by content: {}", fmt::join(dialects, ", ")))
      ->type_name("NAME");
}

/// A packet, or a set of packets: what is left out is not constrained.
void add_packet(CLI::App& app, AclCommand& acl) {
  app.add_option("--list", acl.list, "This list alone; diff: NAME, or BEFORE=AFTER")->type_name("NAME");
  app.add_option("--hook", acl.hook, "forward (default), local-in or local-out")->type_name("WAY");
  app.add_option("--in", acl.in, "The interface it enters by")->type_name("IFACE");
  app.add_option("--out", acl.out, "The interface it leaves by")->type_name("IFACE");
  app.add_option("--source", acl.source, "An address or a prefix")->type_name("PREFIX");
  app.add_option("--destination", acl.destination, "The same")->type_name("PREFIX");
  app.add_option("--service", acl.service, "tcp/443, udp/53, icmp/echo-request, esp")->type_name("PROTO/PORT");
  app.add_option("--source-port", acl.source_port, "")->type_name("PORT");
  app.add_option("--tcp-flags", acl.tcp_flags, "Letters of FSRPAUEC: S, SA")->type_name("FLAGS");
  app.add_option("--state", acl.state, "new, established, related or invalid")->type_name("STATE");
}

/// Which device it is, and how packets are led through it.
void add_routes(CLI::App& app, AclRoutes& routes, std::string& dialect, std::string& sensor) {
  app.add_option("--device", routes.device, "Which of the rule set's devices the configuration is")->type_name("NAME");
  app.add_option("--list", routes.list, "This list alone")->type_name("NAME");
  app.add_option("--dialect", dialect, "Of configurations; what is not said is seen by content")->type_name("NAME");
  app.add_option("--sensor", sensor, "Where captures were made")->type_name("NAME");
}

std::string report_formats_text() { return fmt::format("{}", fmt::join(report_format_names(), ", ")); }

/// nmap's spellings that a POSIX option parser cannot know.
std::vector<std::string> normalised(int argc, char** argv) {
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "-iL") word = "--target-list";
    if (word == "-p-") {
      words.push_back("-p");
      word = "1-65535";
    }
    words.push_back(std::move(word));
  }
  return words;
}

/// The command line as it was given, for those that are to do the same.
std::vector<GivenOption> given_options(const CLI::App& app) {
  std::vector<GivenOption> given;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0 || (option->get_lnames().empty() && !option->get_positional())) continue;
    given.push_back({option->get_lnames().empty() ? "" : "--" + option->get_lnames().front(), option->results()});
  }
  return given;
}

/// A completion script: commands, and their long options.
std::string completion(const CLI::App& app) {
  std::string commands, cases;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands += (commands.empty() ? "" : " ") + sub->get_name();
    std::string options;
    for (const CLI::Option* option : sub->get_options())
      for (const std::string& long_name : option->get_lnames())
        options += (options.empty() ? "" : " ") + ("--" + long_name);
    cases += fmt::format("    {}) words=\"{}\" ;;\n", sub->get_name(), options);
  }
  return fmt::format(
      "# bash completion for demarc: source this file, or put it into "
      "/usr/share/bash-completion/completions/demarc\n"
      "_demarc() {{\n  local current=\"${{COMP_WORDS[COMP_CWORD]}}\" words=\"{}\"\n"
      "  if [ \"$COMP_CWORD\" -gt 1 ]; then\n    case \"${{COMP_WORDS[1]}}\" in\n{}    *) words=\"\" ;;\n    "
      "esac\n  fi\n"
      "  COMPREPLY=()\n  case \"$current\" in\n    -*) COMPREPLY=( $(compgen -W \"$words\" -- \"$current\") ) ;;\n"
      "    *) [ \"$COMP_CWORD\" -gt 1 ] || COMPREPLY=( $(compgen -W \"$words\" -- \"$current\") ) ;;\n  "
      "esac\n}}\ncomplete -o default -F _demarc demarc\n",
      commands, cases);
}

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App app(
      "demarc verifies the boundary of a DMZ: what is documented, what is reachable and what is used, in one "
      "verdict.\n"
      "Exit codes: 0 conforms and complete, 1 findings, 2 could not run, 3 inconclusive.",
      "demarc");
  app.set_version_flag("--version", std::string("demarc ") + DEMARC_VERSION);
  app.require_subcommand(1);
  std::string reports = report_formats_text();

  CheckCommand check;
  CLI::App* check_app = app.add_subcommand("check", "Read and lint the rule set");
  add_common(*check_app, check.common, "text, json");
  check_app->add_option("rules", check.common.rules_file, "The rule set")->type_name("RULES");
  check_app
      ->add_option("--fail-on", check.fail_on,
                   "Exit 1 at this severity or above (default low); KIND=SEVERITY for one kind")
      ->type_name("SEVERITY")
      ->take_all()
      ->allow_extra_args(false);

  InitCommand init;
  CLI::App* init_app =
      app.add_subcommand("init", "Write a commented rule set, from nothing or as a draft from evidence");
  add_common(*init_app, init.common, "yaml");
  init_app->add_option("--name", init.name, "The rule set's name")->type_name("NAME");
  init_app
      ->add_option("evidence", init.evidence,
                   "nmap XML, scan journals, captures: what answered becomes proposed rules")
      ->type_name("EVIDENCE");

  PlanCommand plan;
  CLI::App* plan_app = app.add_subcommand("plan", "Show what scan would send from a vantage point; send nothing");
  add_common(*plan_app, plan.common, "text, json");
  add_selection(*plan_app, plan.selection);
  add_method(*plan_app, plan.method);

  ScanCommand scan;
  CLI::App* scan_app = app.add_subcommand(
      "scan", "Measure reachability from a vantage point: TCP by connect, or TCP, UDP and ICMP by raw probes");
  add_common(*scan_app, scan.common, "text, jsonl (the journal)");
  add_selection(*scan_app, scan.selection, &scan.vantages);
  CLI::Option* all = scan_app->add_flag(
      "--all", scan.all,
      "From every vantage point of the coverage at once, here and over ssh; -o and --resume name a "
      "directory");
  scan_app
      ->add_flag("--remote", scan.remote, "Asked by --all on another machine: the rule set comes on standard input")
      ->excludes(all);
  scan_app
      ->add_option("--scope-limit", scan.selection.scope_limit,
                   "Ask nobody outside of this file's addresses, whatever the rule set says")
      ->type_name("FILE")
      ->excludes(all);
  scan_app->add_option("--resume", scan.resume, "Go on with this journal")->type_name("JOURNAL");
  scan_app->add_option("--max-runtime", scan.runtime_max, "Stop in order after this time: 90s, 15m, 2h")
      ->type_name("TIME");
  CLI::Option* seed = scan_app->add_option("--seed", scan.seed, "Of the random order")->type_name("N");
  bool no_services = false;
  scan_app->add_flag("--no-services", no_services, "Do not ask open ports what speaks there");
  add_raw(*scan_app, scan.raw);

  TrafficCommand traffic;
  CLI::App* traffic_app = app.add_subcommand(
      "traffic", "Conversations of captures, flow records or an interface, judged by the rules if there are any");
  add_common(*traffic_app, traffic.common, "text, jsonl (flow records), csv; with a rule set also " + reports);
  traffic_app
      ->add_option(
          "captures", traffic.words,
          "Captures and flow records (also .gz and .zst), SENSOR=FILE where one was made, directories, quoted "
          "patterns, - for a capture on standard input; with -i a BPF expression")
      ->type_name("CAPTURE");
  traffic_app->add_option("-r", traffic.captures, "A capture file; - is standard input")
      ->type_name("FILE")
      ->take_all()
      ->allow_extra_args(false);
  traffic_app->add_option("-i,--interface", traffic.interface_name, "Listen on this interface")->type_name("IFACE");
  traffic_app->add_option("-w", traffic.write_file, "Keep the packets in this pcap file")->type_name("FILE");
  traffic_app->add_option("--sensor", traffic.sensor, "Where this was captured: a sensor of the rule set")
      ->type_name("NAME");
  traffic_app->add_flag("-f,--follow", traffic.follow,
                        "The captures are still being written: wait for more, and for the next file of a ring");
  traffic_app->add_option("--filter", traffic.filter, "BPF expression: only these packets")->type_name("EXPR");
  traffic_app->add_option("-c,--count", traffic.count, "Stop after this many packets")->type_name("N");
  add_memory(*traffic_app, traffic.memory_mib);
  traffic_app->add_option("--sampling", traffic.sampling, "Flow records: their sensor saw one packet in N")
      ->type_name("N");
  traffic_app->add_option("--duration", traffic.duration, "Stop listening after this time: 90s, 15m, 2h")
      ->type_name("TIME");
  traffic_app->add_option("--idle", traffic.idle, "Stop when no packet came for this time")->type_name("TIME");
  traffic_app
      ->add_option(
          "--every", traffic.every,
          "Tell and write what was seen in intervals of this length: -o DIR, or -o NAME with % as in strftime")
      ->type_name("TIME");
  traffic_app->add_option("--keep", traffic.keep, "Only so many of the files that --every writes to a directory")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000));
  traffic_app
      ->add_option("--prometheus", traffic.prometheus, "Write counters for Prometheus here with every interval")
      ->type_name("FILE");
  traffic_app->add_option("-s,--snaplen", traffic.snaplen, "Bytes kept of each packet (default all)")
      ->type_name("BYTES")
      ->check(CLI::Range(64, 262144));
  traffic_app->add_option("-B,--buffer", traffic.buffer_mib, "The kernel's ring in MiB (default 64)")
      ->type_name("MIB")
      ->check(CLI::Range(1, 2047));
  traffic_app->add_flag("--promiscuous", traffic.promiscuous, "Also packets for other machines");
  traffic_app->add_flag("--conversations", traffic.conversations,
                        "One record for each conversation, with the initiator's port");
  const char* const tunnels = "Also what tunnels carry (GRE, IP in IP, VXLAN, GENEVE, ERSPAN, GTP-U, ...)";
  traffic_app->add_flag("--tunnels", traffic.tunnels, tunnels);
  traffic_app->add_option("--fail-on", traffic.fail_on, "Exit 1 at this severity or above (default low)")
      ->type_name("SEVERITY")
      ->take_all()
      ->allow_extra_args(false);

  WitnessCommand witness;
  CLI::App* witness_app =
      app.add_subcommand("witness", "The far end: record which marked probes of a scan arrive here; sends nothing");
  add_common(*witness_app, witness.common, "text, jsonl (the record)");
  CLI::Option* witness_key =
      witness_app->add_option("--key", witness.key_file, "The key that the scan marks its probes with")
          ->type_name("FILE");
  witness_app
      ->add_option("--new-key", witness.new_key_file,
                   "Make a key in a new file, readable by you alone, and end; bring it to the other side safely")
      ->type_name("FILE")
      ->excludes(witness_key);
  witness_app->add_option("-i,--interface", witness.interface_name, "Listen on this interface (default: all)")
      ->type_name("IFACE");
  CLI::Option* witness_name =
      witness_app->add_option("--name", witness.name, "Where this is, in the report (default: the host's name)")
          ->type_name("NAME");
  witness_app->add_option("--vantage", witness.vantage, "Where this is: a vantage point of the rule set")
      ->type_name("NAME")
      ->excludes(witness_name);
  witness_app->add_flag("--span", witness.span, "A mirror port: packets for other machines arrive here as well");
  witness_app->add_option("--max-runtime", witness.runtime_max, "Stop in order after this time: 90s, 15m, 2h")
      ->type_name("TIME");
  witness_app->add_option("-B,--buffer", witness.buffer_mib, "The kernel's ring in MiB (default 64)")
      ->type_name("MIB")
      ->check(CLI::Range(1, 1024));

  VerifyCommand verify;
  CLI::App* verify_app =
      app.add_subcommand("verify", "Reconcile evidence with the rule set: findings, report, exit code");
  add_common(*verify_app, verify.common, reports);
  verify_app
      ->add_option(
          "evidence", verify.evidence,
          "Scan journals, nmap XML, captures, flow records, witnesses' records, configurations, in any mix; "
          "VANTAGE=FILE or SENSOR=FILE says where one was made, DEVICE=FILE whose configuration it is")
      ->type_name("EVIDENCE");
  verify_app->add_option("--vantage", verify.vantage, "Where scans were made that do not say so themselves")
      ->type_name("NAME");
  verify_app->add_option("--sensor", verify.sensor, "Where captures and flow records were made")->type_name("NAME");
  add_memory(*verify_app, verify.memory_mib);
  verify_app->add_option("--sampling", verify.sampling, "Flow records: their sensor saw one packet in N")
      ->type_name("N");
  verify_app
      ->add_option("--fail-on", verify.fail_on,
                   "Exit 1 at this severity or above (default low); KIND=SEVERITY for one kind")
      ->type_name("SEVERITY")
      ->take_all()
      ->allow_extra_args(false);
  verify_app
      ->add_option("--baseline", verify.baseline, "A saved verdict: findings are marked new, unchanged or gone")
      ->type_name("VERDICT");
  verify_app->add_flag("--new-only", verify.new_only, "Only new findings fail");
  verify_app->add_flag("--tunnels", verify.tunnels, tunnels);
  verify_app->add_option("--dialect", verify.dialect, "Of configurations whose dialect their content does not tell")
      ->type_name("NAME");
  verify_app->add_option("--require", verify.require, "passage: an undetermined passage is a gap")
      ->type_name("WHAT");
  verify_app->add_option("--by", verify.by, "Group the findings by application, zone, owner or tag")
      ->type_name("WHAT");

  ExplainCommand explain_command;
  CLI::App* explain_app = app.add_subcommand("explain", "One packet through all views");
  add_common(*explain_app, explain_command.common, "text, json");
  explain_app
      ->add_option("source", explain_command.source, "An address, or a host, zone or vantage point of the rule set")
      ->required()
      ->type_name("SRC");
  explain_app->add_option("destination", explain_command.destination, "The same")->required()->type_name("DST");
  explain_app->add_option("service", explain_command.service, "tcp/443, udp/53, icmp/echo-request, esp")
      ->required()
      ->type_name("PROTO/PORT");
  explain_app
      ->add_option("evidence", explain_command.evidence, "What scans, captures and configurations say about it")
      ->type_name("EVIDENCE");
  explain_app
      ->add_option("--vantage", explain_command.vantage, "Where scans were made that do not say so themselves")
      ->type_name("NAME");
  explain_app
      ->add_option("--dialect", explain_command.dialect,
                   "Of configurations whose dialect their content does not tell")
      ->type_name("NAME");
  explain_app->add_option("--sensor", explain_command.sensor, "Where captures were made")->type_name("NAME");

  LearnCommand learn;
  CLI::App* learn_app =
      app.add_subcommand("learn", "The smallest rule set that explains what was used, as a draft for review");
  add_common(*learn_app, learn.common, "yaml");
  learn_app
      ->add_option("evidence", learn.evidence,
                   "Captures and flow records; scan journals say what speaks. With a rule set only what it lacks")
      ->required()
      ->type_name("EVIDENCE");
  learn_app->add_option("--name", learn.name, "The rule set's name, without --rules")->type_name("NAME");
  learn_app->add_option("--vantage", learn.vantage, "Where scans were made that do not say so themselves")
      ->type_name("NAME");
  learn_app->add_option("--sensor", learn.sensor, "Where captures were made")->type_name("NAME");

  AclCommand acl;
  CLI::App* acl_app =
      app.add_subcommand("acl", "Router ACLs and firewall configurations: check, test, search, diff, suggest, replay");
  acl_app->require_subcommand(1);
  CLI::App* acl_check =
      acl_app->add_subcommand("check", "Lines that never decide, change nothing, contradict others");
  add_acl(*acl_check, acl, "The configurations");
  acl_check->add_option("--fail-on", acl.fail_on, "Exit 1 at this severity or above (default low)")
      ->type_name("SEVERITY")
      ->take_all()
      ->allow_extra_args(false);
  CLI::App* acl_test = acl_app->add_subcommand(
      "test", "One packet and the line that decides it; without a packet, JSON Lines from standard input");
  add_acl(*acl_test, acl, "The configuration");
  add_packet(*acl_test, acl);
  acl_test->add_option("--expect", acl.expect, "permit or deny: exit 1 if it is decided otherwise")
      ->type_name("ACTION");
  CLI::App* acl_search =
      acl_app->add_subcommand("search", "All of a set of packets that is permitted or denied, by line");
  add_acl(*acl_search, acl, "The configuration");
  add_packet(*acl_search, acl);
  acl_search->add_option("--action", acl.action, "permit (default), deny or undetermined")->type_name("ACTION");
  CLI::App* acl_diff =
      acl_app->add_subcommand("diff", "Exactly the packets that two configurations treat differently");
  add_acl(*acl_diff, acl, "Before, and after");
  add_packet(*acl_diff, acl);
  for (CLI::App* sub : {acl_search, acl_diff})
    sub->add_option("--most", acl.most, "Show so many lines, or pairs of lines (default 50)")
        ->type_name("N")
        ->check(CLI::Range(1, 100000));

  AclSuggestCommand acl_suggest;
  CLI::App* acl_suggest_app = acl_app->add_subcommand(
      "suggest", "The lines that make a device equal to the rule set; without a configuration, whole lists");
  add_common(*acl_suggest_app, acl_suggest.common, "text, json");
  acl_suggest_app
      ->add_option("words", acl_suggest.words, "The configuration, then captures or flow records that show its use")
      ->type_name("CONFIG [FLOWS]");
  add_routes(*acl_suggest_app, acl_suggest.routes, acl_suggest.dialect, acl_suggest.sensor);
  acl_suggest_app->add_flag("--full", acl_suggest.full, "Whole lists too, beside the changes of those there are");
  acl_suggest_app
      ->add_option("--between", acl_suggest.between, "Without a configuration: the list for these zones, FROM:TO")
      ->type_name("ZONES")
      ->take_all()
      ->allow_extra_args(false);
  AclReplayCommand acl_replay;
  CLI::App* acl_replay_app = acl_app->add_subcommand(
      "replay", "Which observed conversations a candidate configuration would break, and by which line");
  add_common(*acl_replay_app, acl_replay.common, "text, json, csv");
  acl_replay_app->add_option("words", acl_replay.words, "The candidate configuration, then captures or flow records")
      ->required()
      ->type_name("CANDIDATE FLOWS");
  add_routes(*acl_replay_app, acl_replay.routes, acl_replay.dialect, acl_replay.sensor);
  acl_replay_app->add_option("--in", acl_replay.routes.in, "Openings enter by this interface")->type_name("IFACE");
  acl_replay_app->add_option("--out", acl_replay.routes.out, "Openings leave by this interface")->type_name("IFACE");
  acl_replay_app
      ->add_option("--against", acl_replay.against, "The present configuration: only what changes is told")
      ->type_name("CONFIG");
  acl_replay_app->add_flag("--attempts", acl_replay.attempts, "Tell unanswered attempts that would be stopped too");
  acl_replay_app->add_option("--most", acl_replay.most, "Show so many kinds of conversations (default 50)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000));
  for (auto [sub, sampling, memory, open] :
       {std::tuple(acl_suggest_app, &acl_suggest.sampling, &acl_suggest.memory_mib, &acl_suggest.tunnels),
        std::tuple(acl_replay_app, &acl_replay.sampling, &acl_replay.memory_mib, &acl_replay.tunnels)}) {
    sub->add_option("--sampling", *sampling, "Flow records saw one packet in N")->type_name("N");
    add_memory(*sub, *memory);
    sub->add_flag("--tunnels", *open, "Open tunnels in captures");
  }

  ReportCommand report;
  CLI::App* report_app = app.add_subcommand("report", "Render a saved verdict again in other formats");
  add_common(*report_app, report.common, reports);
  report_app->add_option("verdict", report.verdict, "What verify wrote with -o json=FILE")
      ->required()
      ->type_name("VERDICT");
  report_app->add_option("--by", report.by, "Group the findings by application, zone, owner or tag")
      ->type_name("WHAT");

  std::string schema;
  CLI::App* schema_app = app.add_subcommand("schema", "The JSON Schema (draft-07) of the rule set or of an output");
  schema_app->add_option("what", schema, "rules, scan, flows, witness, acl or verdict")->required()->type_name("WHAT");
  CommonOptions doctor;
  CLI::App* doctor_app =
      app.add_subcommand("doctor", "What this machine allows: privileges, descriptors, clock, addresses");
  doctor_app->add_option("--format", doctor.format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("NAME");
  CLI::App* completion_app = app.add_subcommand("completion", "A bash completion script");

  std::vector<std::string> words = normalised(argc, argv);
  // Behind a forced command of authorized_keys, what the client asked for comes in a variable.
  const char* original = std::getenv("SSH_ORIGINAL_COMMAND");
  if (original != nullptr && !words.empty() && words[0] == "scan" &&
      std::find(words.begin(), words.end(), "--remote") != words.end()) {
    Result<std::vector<std::string>> forced = forced_words(std::move(words), original);
    if (!forced) return say(forced.error()), kCouldNotRun;
    words = std::move(*forced);
  }
  if (!words.empty() && !words[0].starts_with('-')) {
    std::vector<std::string> names;
    for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(sub->get_name());
    if (std::find(names.begin(), names.end(), words[0]) == names.end()) {
      std::string hint = suggest(words[0], names);
      say(Error{{},
                fmt::format("'{}' is no command of demarc", words[0]),
                hint.empty() ? "'demarc --help' lists them" : hint});
      return kCouldNotRun;
    }
  }
  try {
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    app.parse(words);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    say(Error{{}, e.what(), "'demarc COMMAND --help' lists what there is"});
    return kCouldNotRun;
  }
  scan.seed_given = seed->count() != 0;
  scan.services = !no_services;
  scan.given = given_options(*scan_app);
  if (scan.remote) scan.common.progress = scan.common.log_format = "json";
  if (scan.vantages.size() > 1 && !scan.all) {
    say(Error{{}, "one vantage point at a time: this machine stands at one", "--all takes several"});
    return kCouldNotRun;
  }
  if (!scan.vantages.empty()) scan.selection.vantage = scan.vantages.front();

  const std::pair<CLI::App*, const CommonOptions*> consoles[] = {
      {check_app, &check.common},     {init_app, &init.common},
      {plan_app, &plan.common},       {scan_app, &scan.common},
      {traffic_app, &traffic.common}, {verify_app, &verify.common},
      {witness_app, &witness.common}, {explain_app, &explain_command.common},
      {learn_app, &learn.common},     {report_app, &report.common},   {acl_app, &acl.common},
      {acl_suggest_app, &acl_suggest.common}, {acl_replay_app, &acl_replay.common}};
  for (const auto& [sub, common] : consoles)
    if (sub->parsed()) configure_console(*common);

  if (check_app->parsed()) return run_check(check);
  if (init_app->parsed()) return run_init(init);
  if (plan_app->parsed()) return run_plan(plan);
  if (scan_app->parsed())
    return scan.all ? run_scan_all(scan) : scan.remote ? run_scan_remote(scan) : run_scan(scan);
  if (traffic_app->parsed()) return run_traffic(traffic);
  if (witness_app->parsed()) return run_witness_command(witness);
  if (verify_app->parsed()) return run_verify(verify);
  if (explain_app->parsed()) return run_explain(explain_command);
  if (learn_app->parsed()) return run_learn(learn);
  if (acl_check->parsed()) return run_acl_check(acl);
  if (acl_test->parsed()) return run_acl_test(acl);
  if (acl_search->parsed()) return run_acl_search(acl);
  if (acl_diff->parsed()) return run_acl_diff(acl);
  if (acl_suggest_app->parsed()) return run_acl_suggest(acl_suggest);
  if (acl_replay_app->parsed()) return run_acl_replay(acl_replay);
  if (report_app->parsed()) return run_report(report);
  if (schema_app->parsed()) return run_schema(schema);
  if (doctor_app->parsed()) return run_doctor(doctor);
  if (completion_app->parsed()) {
    Result<void> written = write_stdout(completion(app));
    return written ? kConforms : (say(written.error()), kCouldNotRun);
  }
  return kCouldNotRun;
}

}  // namespace demarc
