// What each command was asked to do, as plain values: command_line.cpp fills them, the commands run them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rules/plan/work.h"

namespace demarc {

/// design.md section 4, for every command.
enum ExitCode : int { kConforms = 0, kFindings = 1, kCouldNotRun = 2, kInconclusive = 3, kKilled = 130 };

struct RuleBundle;  // remote_request.h

struct CommonOptions {
  std::string rules_file;            // --rules; empty: demarc.yaml here, if it exists
  std::string as_of;                 // --as-of; empty: now
  std::string format;                // --format for standard output; empty: the command's default
  std::vector<std::string> outputs;  // -o [NAME=]FILE
  std::string color = "auto";
  std::string progress = "auto";
  std::string log_format = "text";
  bool quiet = false;
  int verbose = 0;
  std::shared_ptr<const RuleBundle> rule_bundle;  // a rule set that came over a pipe, instead of rules_file
};

struct CheckCommand {
  CommonOptions common;
  std::vector<std::string> fail_on;
};

struct InitCommand {
  CommonOptions common;
  std::string name = "my-dmz";
  std::vector<std::string> evidence;
};

struct LearnCommand {
  CommonOptions common;
  std::string name = "learned";
  std::vector<std::string> evidence;
  std::string sensor, vantage;
};

/// What `plan` shows and `scan` asks.
struct Selection {
  std::string vantage;
  std::vector<std::string> scope;    // --scope, without a rule set
  std::vector<std::string> targets;  // only these of the scope
  std::string targets_file;          // -iL
  std::vector<std::string> exclude;
  std::string ports;  // -p
  std::string shard;  // i/n, or auto/n
  std::uint32_t rate = 0;
  std::uint32_t tries = 0;       // 0: the default
  std::uint32_t concurrent = 1;  // vantage points that scan at the same time and share the rate
  std::string scope_limit;       // a file: this machine asks nobody outside of what it lists
  bool corners = false;          // one port of each piece that the documents treat alike
  Asks asks;                     // what the engine can ask; set by the command, not by a word of it
};

/// An option as it was given. No values: a flag. The name "" is for arguments without an option.
struct GivenOption {
  std::string name;
  std::vector<std::string> values;
};

struct PlanCommand {
  CommonOptions common;
  Selection selection;
  std::string method = "auto";  // or connect, raw
};

/// How probes are made. What is empty, 0 or negative is as usual.
struct RawWords {
  std::string method = "auto";         // or connect, raw
  std::string interface_name, source;  // -e, --source
  std::string source_port;             // --source-port: 53, 40000-40063
  std::string witness_key;             // --witness: the file with the key
  std::uint32_t ttl = 0, fragment = 0;
  bool locate = false;
  int rechecks = -1;
};

struct ScanCommand {
  CommonOptions common;
  Selection selection;
  RawWords raw;
  std::string resume;
  std::string runtime_max;
  bool all = false;                   // every vantage point, here and over ssh
  bool remote = false;                // asked by another machine's --all, over a pipe
  std::vector<std::string> vantages;  // --vantage: with --all any number
  std::vector<GivenOption> given;     // the whole command line, for those that are to do the same
  bool journal_to_stdout = false;     // also where --resume names a file
  std::uint64_t seed = 0;
  bool seed_given = false;
  bool services = true;
};

struct TrafficCommand {
  CommonOptions common;
  std::vector<std::string> words;     // captures; with -i the words of a BPF expression
  std::vector<std::string> captures;  // -r
  std::string interface_name, write_file, sensor, filter, duration, idle, every, prometheus;
  std::uint64_t count = 0;
  std::uint32_t sampling = 0;    // of flow records: one packet in N
  std::uint64_t memory_mib = 0;  // for following conversations; 0: what the machine allows
  std::uint32_t snaplen = 262144, buffer_mib = 64, keep = 0;
  bool promiscuous = false, conversations = false, tunnels = false, follow = false;
  std::vector<std::string> fail_on;
};

struct WitnessCommand {
  CommonOptions common;
  std::string key_file, new_key_file;  // one of them
  std::string interface_name, name, vantage, runtime_max;
  std::uint32_t buffer_mib = 64;
  bool span = false;
};

struct VerifyCommand {
  CommonOptions common;
  std::vector<std::string> evidence;
  std::string sensor, vantage, baseline, require, by = "none";
  std::string dialect;           // of configurations that content does not tell
  std::uint32_t sampling = 0;    // of flow records: one packet in N
  std::uint64_t memory_mib = 0;  // for following conversations; 0: what the machine allows
  std::vector<std::string> fail_on;
  bool new_only = false, tunnels = false;
};

struct ExplainCommand {
  CommonOptions common;
  std::string source, destination, service;
  std::vector<std::string> evidence;
  std::string sensor, vantage, dialect;
};

struct ReportCommand {
  CommonOptions common;
  std::string verdict, by = "none";
  std::vector<std::string> fail_on;
};

/// `acl check`, `test`, `search`, `diff`.
struct AclCommand {
  CommonOptions common;
  std::vector<std::string> configs;
  std::string dialect;  // --dialect; empty: by content
  std::vector<std::string> fail_on;
  // One packet, or a set of packets: what is empty is not constrained.
  std::string list, hook, in, out, source, destination, service, source_port, tcp_flags, state;
  std::string expect;  // test: permit, deny
  std::string action;  // search: permit (default), deny, undetermined
  std::size_t most = 50;
};

/// How packets are led through a device; what is empty follows from the rule set or from its interfaces.
struct AclRoutes {
  std::string device;         // which of the rule set's devices the configuration is
  std::string in, out, list;  // --in, --out: of openings; --list
};

struct AclReplayCommand {
  CommonOptions common;
  std::vector<std::string> words;  // the candidate, then flows
  std::string against;             // the present configuration
  std::string dialect, sensor;
  AclRoutes routes;
  std::uint32_t sampling = 0;
  std::uint64_t memory_mib = 0;
  bool attempts = false, tunnels = false;
  std::size_t most = 50;
};

struct AclSuggestCommand {
  CommonOptions common;
  std::vector<std::string> words;  // a configuration, then flows; none: lists are generated
  std::string dialect, sensor;
  AclRoutes routes;
  std::vector<std::string> between;  // FROM:TO, without a configuration
  std::uint32_t sampling = 0;
  std::uint64_t memory_mib = 0;
  bool full = false, tunnels = false;
  std::size_t most = 50;
};

int run_check(const CheckCommand& command);
int run_acl_check(const AclCommand& command);
int run_acl_test(const AclCommand& command);
int run_acl_search(const AclCommand& command);
int run_acl_diff(const AclCommand& command);
int run_acl_suggest(const AclSuggestCommand& command);
int run_acl_replay(const AclReplayCommand& command);
int run_init(const InitCommand& command);
int run_learn(const LearnCommand& command);
int run_plan(const PlanCommand& command);
int run_scan(const ScanCommand& command);
int run_scan_all(const ScanCommand& command);
int run_scan_remote(const ScanCommand& command);
int run_traffic(const TrafficCommand& command);
int run_witness_command(const WitnessCommand& command);
int run_verify(const VerifyCommand& command);
int run_explain(const ExplainCommand& command);
int run_report(const ReportCommand& command);
int run_schema(const std::string& what);
int run_doctor(const CommonOptions& common);

/// Reads the command line and runs what it asks for.
int run_command_line(int argc, char** argv);

}  // namespace demarc
