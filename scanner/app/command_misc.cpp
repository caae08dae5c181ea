// demarc init, schema, doctor: the small commands.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "rules/evidence/flow_records.h"
#include "rules/evidence/journal.h"
#include "rules/evidence/witness.h"
#include "rules/policy/init.h"
#include "rules/policy/schema.h"
#include "rules/text/escape.h"
#include "rules/text/json_writer.h"
#include "rules/text/suggest.h"
#include "rules/verdict/acl_json.h"
#include "rules/verdict/verdict_json.h"
#include "scanner/active/local.h"
#include "scanner/active/raw/privilege.h"
#include "scanner/app/console.h"
#include "scanner/app/evidence_files.h"
#include "scanner/app/outputs.h"
#include "scanner/app/world.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

/// What answered, whoever saw it.
std::vector<ObservedService> observed_services(const Snapshot& snapshot) {
  std::set<std::tuple<Address, Protocol, Port>> seen;
  std::vector<ObservedService> services;
  auto add = [&](ObservedService service) {
    if (seen.insert({service.host, service.protocol, service.port}).second) services.push_back(std::move(service));
  };
  for (const ScanRun& run : snapshot.scans) {
    for (const Outcome& o : run.outcomes) {
      if (o.state != PortState::open || o.doubt == Doubt::self_connect || o.doubt == Doubt::answers_everything ||
          !o.protocol.has_ports())
        continue;
      std::string service = o.service == kNoService ? "" : run.services[o.service].name;
      for (std::uint32_t p = o.ports.first.number(); p <= o.ports.last.number(); ++p)
        add({o.target, "", o.protocol, Port(static_cast<std::uint16_t>(p)), service, run.header.source_address});
    }
  }
  for (const FlowEvidence& evidence : snapshot.flows)
    for (const ObservedFlow& f : evidence.flows)
      if (f.established != 0 && f.protocol.has_ports()) add({f.responder, "", f.protocol, f.port, "", f.initiator});
  return services;
}

bool has_capability(unsigned bit) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != "CapEff:") continue;
    std::string hex;
    status >> hex;
    return (std::strtoull(hex.c_str(), nullptr, 16) >> bit & 1U) != 0;
  }
  return false;
}

}  // namespace

int run_init(const InitCommand& command) {
  std::string file;
  for (const std::string& value : command.common.outputs) {
    if (!file.empty()) return say(Error{{}, "init writes one file", ""}), kCouldNotRun;
    file = value.starts_with("yaml=") ? value.substr(5) : value;
  }
  if (!file.empty() && file != "-" && access(file.c_str(), F_OK) == 0) {
    return say(Error{Location{.file = file}, "the file exists already",
                     "init never overwrites: give another name, or move it away"}),
           kCouldNotRun;
  }
  InitOptions options;
  options.name = command.name;
  Result<Timestamp> at = as_of(command.common, nullptr);
  if (!at) return say(at.error()), kCouldNotRun;
  options.today = TimeZone().date(*at);
  options.evidence = command.evidence;
  std::vector<ObservedService> services;
  if (!command.evidence.empty()) {
    Result<Snapshot> snapshot = read_evidence({command.evidence, {}, {}, nullptr}, command.common);
    if (!snapshot) return say(snapshot.error()), kCouldNotRun;
    services = observed_services(*snapshot);
    if (services.empty())
      return say(Error{{},
                       "nothing in the evidence answered: there is nothing to draft",
                       "leave the files away for an empty rule set"}),
             kCouldNotRun;
  }
  std::string text = initial_rule_set(services, options);
  Result<void> written = file.empty() || file == "-" ? write_stdout(text) : write_file_atomically(file, text);
  if (!written) return say(written.error()), kCouldNotRun;
  if (!file.empty() && file != "-")
    say_note(fmt::format("{} written; next: edit it, then 'demarc check --rules {}'", file, file));
  return kConforms;
}

int run_schema(const std::string& what) {
  struct Row {
    std::string_view name;
    std::string (*schema)();
  };
  constexpr Row kSchemas[] = {{"rules", rules_json_schema},
                              {"scan", scan_json_schema},
                              {"flows", flows_json_schema},
                              {"witness", witness_json_schema},
                              {"acl", [] { return std::string(acl_json_schema()); }},
                              {"verdict", [] { return std::string(verdict_json_schema()); }}};
  std::vector<std::string_view> names;
  for (const Row& row : kSchemas) {
    names.push_back(row.name);
    if (row.name != what) continue;
    if (Result<void> written = write_stdout(row.schema()); !written) return say(written.error()), kCouldNotRun;
    return kConforms;
  }
  std::string hint = suggest(what, names);
  return say(Error{{},
                   fmt::format("there is no schema '{}'", what),
                   hint.empty() ? fmt::format("one of {}", fmt::join(names, ", ")) : hint}),
         kCouldNotRun;
}

int run_doctor(const CommonOptions& common) {
  struct Check {
    std::string name, value, advice;
    bool good = true;
  };
  std::vector<Check> checks;
  utsname kernel{};
  uname(&kernel);
  checks.push_back({"kernel", fmt::format("{} {}", kernel.sysname, kernel.release), "", true});
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  checks.push_back({"descriptors", fmt::format("{} (hard limit {})", files.rlim_cur, files.rlim_max),
                    files.rlim_cur < 1024 ? "few probes at a time: raise 'ulimit -n'" : "", files.rlim_cur >= 256});
  bool raw = has_capability(13), admin = has_capability(12);  // CAP_NET_RAW, CAP_NET_ADMIN
  checks.push_back({"capture", raw ? "allowed (CAP_NET_RAW)" : "not allowed",
                    raw ? "" : "'traffic -i' needs root, or: setcap cap_net_raw+ep on the program", raw});
  checks.push_back({"scan", "by connect, which needs no privilege", "", true});
  RawAbility ability = raw_ability();
  checks.push_back({"raw probes",
                    ability.how == RawPrivilege::own      ? "allowed (CAP_NET_RAW)"
                    : ability.how == RawPrivilege::sender ? "by " + ability.sender
                                                          : "not allowed",
                    ability.why, ability.how != RawPrivilege::none});
  // What a raw scan gives up before it reads the first foreign byte.
  Confinement confinement = confinement_possible();
  checks.push_back({"confinement", confinement.text(), fmt::format("{}", fmt::join(confinement.missing, "; ")),
                    confinement.missing.empty()});
  checks.push_back({"promiscuous", admin ? "allowed" : "may be refused (CAP_NET_ADMIN)", "", true});
  Timestamp at = now();
  bool clock = at.seconds() > 1'700'000'000;
  checks.push_back(
      {"clock", to_string(at), clock ? "" : "the clock is wrong: evidence would carry wrong dates", clock});
  bool zones = access("/usr/share/zoneinfo/Europe/Berlin", R_OK) == 0;
  checks.push_back({"time zones", zones ? "installed" : "missing",
                    zones ? "" : "install tzdata: a rule set's timezone cannot be read without it", zones});
  if (Result<std::vector<LocalAddress>> local = local_addresses()) {
    std::string text;
    for (const LocalAddress& l : *local)
      text += fmt::format("{}{} on {}", text.empty() ? "" : ", ", to_string(l.address), l.interface_name);
    checks.push_back(
        {"addresses", text, "a vantage point's `address` must be one of these, unless behind_nat", true});
  }
  std::string out;
  if (common.format == "json") {
    JsonWriter json(JsonWriter::Style::indented);
    json.begin_object()
        .field("demarc", "doctor")
        .field("version", 1)
        .field("tool_version", DEMARC_VERSION)
        .key("checks")
        .begin_array();
    for (const Check& c : checks)
      json.begin_object()
          .field("name", c.name)
          .field("good", c.good)
          .field("value", c.value)
          .field_unless_empty("advice", c.advice)
          .end_object();
    json.end_array().end_object();
    out = json.take() + '\n';
  } else {
    out = fmt::format("demarc {}\n", DEMARC_VERSION);
    for (const Check& c : checks)
      out += fmt::format("{} {:<12} {}\n{}", c.good ? "ok " : "-- ", c.name, terminal_safe(c.value),
                         c.good || c.advice.empty() ? "" : fmt::format("                 {}\n", c.advice));
  }
  if (Result<void> written = write_stdout(out); !written) return say(written.error()), kCouldNotRun;
  return kConforms;
}

}  // namespace demarc
