// What each command was asked to do, as plain values: command_line.cpp fills them, the commands run them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace demarc {

/// design.md section 4, for every command.
enum ExitCode : int { kConforms = 0, kFindings = 1, kCouldNotRun = 2, kInconclusive = 3, kKilled = 130 };

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
};

struct PlanCommand {
  CommonOptions common;
  Selection selection;
};

struct ScanCommand {
  CommonOptions common;
  Selection selection;
  std::string resume;
  std::string runtime_max;
  std::uint64_t seed = 0;
  bool seed_given = false;
  bool services = true;
};

struct TrafficCommand {
  CommonOptions common;
  std::vector<std::string> words;     // captures; with -i the words of a BPF expression
  std::vector<std::string> captures;  // -r
  std::string interface_name, write_file, sensor, filter, duration;
  std::uint64_t count = 0;
  std::uint32_t snaplen = 262144, buffer_mib = 64;
  bool promiscuous = false, conversations = false;
  std::vector<std::string> fail_on;
};

struct VerifyCommand {
  CommonOptions common;
  std::vector<std::string> evidence;
  std::string sensor, vantage, baseline, require, by = "none";
  std::vector<std::string> fail_on;
  bool new_only = false;
};

struct ExplainCommand {
  CommonOptions common;
  std::string source, destination, service;
  std::vector<std::string> evidence;
  std::string sensor, vantage;
};

struct ReportCommand {
  CommonOptions common;
  std::string verdict, by = "none";
  std::vector<std::string> fail_on;
};

struct WitnessCommand {
  CommonOptions common;
  std::string key_file, new_key_file;  // one of them
  std::string interface_name, name, vantage, runtime_max;
  std::uint32_t buffer_mib = 64;
  bool span = false;
};

int run_check(const CheckCommand& command);
int run_init(const InitCommand& command);
int run_plan(const PlanCommand& command);
int run_scan(const ScanCommand& command);
int run_traffic(const TrafficCommand& command);
int run_verify(const VerifyCommand& command);
int run_explain(const ExplainCommand& command);
int run_report(const ReportCommand& command);
int run_schema(const std::string& what);
int run_doctor(const CommonOptions& common);

/// Reads the command line and runs what it asks for.
int run_command_line(int argc, char** argv);

}  // namespace demarc
int run_witness_command(const WitnessCommand& command);
