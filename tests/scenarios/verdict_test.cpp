// clang-format off
// Titled text files: a rule set, what probes and captures found, and what the verdict must be. Anyone who knows
// firewalls can write one.
//
//   =TITLE= smb answers from the internet
//   =BASE= base                            (optional) tests/scenarios/verdicts/base.yaml stands before the rules
//   =RULES=
//   ...yaml...
//   =SCAN= external complete started=2026-11-20T10:00:00Z   a journal: vantage point, how it ended (or interrupted)
//   192.0.2.11 tcp 443 open speaks=tls     a line of it; whole JSON records may stand here, too
//   192.0.2.11 udp 53 udp-silent passage=passed    as a witness leaves it
//   192.0.2.11 tcp 22 reset ttl=64 stops=3 after=203.0.113.1
//   192.0.2.11 icmp 8/0 reply ttl=61
//   note: 192.0.2.11: a SYN proxy answers      a note of the run
//   =FLOWS= tap first=TIME last=TIME       flow records of a sensor ("-": none was named)
//   198.51.100.7 > 192.0.2.11 tcp/443 SF 12          twelve conversations that ended in state SF
//   198.51.100.7 > 192.0.2.11 tcp/22 SF 1 speaks=ssh             what was recognised; tls/http: inside TLS
//   198.51.100.7 > 192.0.2.11 tcp/50001 SF 1 announced-by=ftp parent=198.51.100.7>192.0.2.11:tcp/21
//   198.51.100.7 > 192.0.2.11 tcp/22 SF 1 inside=gre:203.0.113.1-203.0.113.2:7      the tunnel around it
//   198.51.100.7 > 203.0.113.80 tcp/80 SF 1 really=198.51.100.7>192.0.2.11:8080     both sides of a translation
//                                            were captured (seen-twice=yes: the other record counts)
//   198.51.0.0 > 192.0.2.11 tcp/443 S0 1 initiators=1100         so many initiators from that address on
//   noise: port-scan 198.51.100.7 > 192.0.2.11 tcp/1-1024 1024   ("many": ends that no record names; initiators=,
//                                            responders= say how many)
//   The marker's words sampling=, dropped=, truncated=, one-sided=, two-sided= say how much the sensor saw.
//   =WITNESS= on-web1 192.0.2.11           what arrived at the far end: its name and address; the scan says marked=yes
//   203.0.113.77 > 192.0.2.11 udp/53 2026-11-23T10:00:05Z
//   =CONFIG= cisco-ios edge-rtr            a configuration: its dialect and the file's name without .cfg; said=NAME:
//                                            the device it is said to be
//   =OPTIONS= require-passage fail-on=high     (optional)
//   =AS-OF= 2026-11-23T12:00:00Z
//   =FINDINGS=
//   exposed-forbidden critical F-SMB internet>dmz web1 tcp/445
//   not-measured: external never ran
//   =LIST= approved W-1 data connection announced by ftp     (optional) a conversation's line in a list of them, one
//                                            for each conversation in the order they were written
//   =SAYS= a sentence that a finding, its evidence, a note or a row of the verdict has to contain (repeated)
//   =EXIT= 1
// clang-format on
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "rules/acl/readers/reader.h"
#include "rules/evidence/flow_records.h"
#include "rules/evidence/journal.h"
#include "rules/evidence/witnessed.h"
#include "rules/policy/yaml_reader.h"
#include "rules/text/sha256.h"
#include "rules/verdict/flow_list.h"
#include "rules/verdict/reconcile.h"
#include "rules/verdict/verdict_json.h"

namespace demarc {
namespace {

struct Part {
  std::string words, body;
};
struct Scenario {
  std::string file, title, base, rules, options, as_of = "2026-11-23T12:00:00Z", findings, exit;
  std::vector<Part> scans, flows, witnesses, configurations;
  std::vector<std::string> says, list;
};

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

const std::filesystem::path kFolder = std::filesystem::path(DEMARC_SOURCE_DIR) / "tests/scenarios/verdicts";

std::vector<Scenario> read_scenarios(const std::filesystem::path& path) {
  std::vector<Scenario> out;
  std::string* into = nullptr;
  std::istringstream lines(slurp(path));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#") && (into == nullptr || into == &out.back().findings)) continue;
    const auto after = [&](std::string_view marker) {
      return line.substr(std::min(marker.size() + 1, line.size()));
    };
    const auto is = [&](std::string_view marker) { return line.starts_with(marker); };
    if (is("=TITLE=")) {
      out.push_back({});
      out.back().file = path.filename().string();
      out.back().title = after("=TITLE=");
      into = nullptr;
    } else if (is("=BASE="))
      out.back().base = after("=BASE=");
    else if (is("=RULES="))
      into = &out.back().rules;
    else if (is("=OPTIONS="))
      out.back().options = after("=OPTIONS=");
    else if (is("=AS-OF="))
      out.back().as_of = after("=AS-OF=");
    else if (is("=EXIT="))
      out.back().exit = after("=EXIT="), into = nullptr;
    else if (is("=SAYS="))
      out.back().says.push_back(after("=SAYS="));
    else if (is("=LIST="))
      out.back().list.push_back(after("=LIST="));
    else if (is("=FINDINGS="))
      into = &out.back().findings;
    else if (is("=SCAN="))
      into = &out.back().scans.emplace_back(Part{after("=SCAN="), {}}).body;
    else if (is("=WITNESS="))
      into = &out.back().witnesses.emplace_back(Part{after("=WITNESS="), {}}).body;
    else if (is("=CONFIG="))
      into = &out.back().configurations.emplace_back(Part{after("=CONFIG="), {}}).body;
    else if (is("=FLOWS="))
      into = &out.back().flows.emplace_back(Part{after("=FLOWS="), {}}).body;
    else if (into != nullptr && (!line.empty() || into == &out.back().rules))
      *into += line + '\n';
    else
      REQUIRE_MESSAGE(line.empty(), path.string() << ": " << line);
  }
  return out;
}

std::vector<Scenario> all_scenarios() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder))
    if (entry.path().extension() == ".txt") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Scenario> out;
  for (const std::filesystem::path& path : paths) {
    std::vector<Scenario> more = read_scenarios(path);
    REQUIRE_MESSAGE(!more.empty(), path.string());
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string w; in >> w;) out.push_back(w);
  return out;
}

std::string option(const std::vector<std::string>& words, std::string_view key, std::string otherwise = {}) {
  for (const std::string& w : words)
    if (w.starts_with(std::string(key) + "=")) return w.substr(key.size() + 1);
  return otherwise;
}

constexpr std::string_view kWitnessKey = "0123456789abcdef";

/// "203.0.113.77 > 192.0.2.11 udp/53 2026-11-23T10:00:05Z" as arrivals of a witness that listened for long enough.
std::string witness_file(const Part& part) {
  const std::vector<std::string> w = words_of(part.words);
  REQUIRE(w.size() == 2);
  std::string out = fmt::format(
      R"({{"demarc":"witness","version":1,"run":"w","at":"{}","interface":"eth0","addresses":["{}"],"span":false,"started":"2026-11-23T09:59:00Z","key":"{}"}})",
      w[0], w[1], kWitnessKey);
  out += "\n";
  std::istringstream lines(part.body);
  for (std::string line; std::getline(lines, line);) {
    const std::vector<std::string> a = words_of(line);
    REQUIRE_MESSAGE(a.size() == 5, line);
    const std::size_t slash = a[3].find('/');
    out += fmt::format(
        R"({{"source":"{}","target":"{}","protocol":"{}","ports":"{}","first":"{}","last":"{}","count":70000}})",
        a[0], a[2], a[3].substr(0, slash), a[3].substr(slash + 1), a[4], a[4]);
    out += "\n";
  }
  return out + R"({"end":"complete","packets":10,"strangers":0,"dropped":0,"finished":"2026-11-23T10:02:00Z"})" +
         "\n";
}

/// What the third word of a line stands for; the options passage=, by=, ttl= and tries= change it.
struct Answered {
  const char *word, *state, *passage, *answer, *by;
  int tries = 1;
};
constexpr Answered kAnswered[] = {
    {"open", "open", "passed", "syn-ack", "TARGET"},
    {"closed", "closed", "undetermined", "rst", ""},
    {"refused", "closed", "passed", "rst", "TARGET"},
    {"reset", "filtered", "blocked", "rst", ""},  // by a filter, and the scanner is sure of it
    {"silent", "filtered", "undetermined", "silence", "", 3},
    {"hasty", "filtered", "undetermined", "silence", ""},
    {"blocked", "filtered", "blocked", "icmp-admin-prohibited", "203.0.113.1"},
    {"absent", "filtered", "undetermined", "no-neighbour", ""},
    {"host-down", "filtered", "undetermined", "icmp-host-unreachable", "203.0.113.1"},
    {"reply", "open", "passed", "reply", "TARGET"},
    {"udp-silent", "open|filtered", "undetermined", "silence", "", 3},
    {"unreachable", "closed", "passed", "icmp-port-unreachable", "TARGET"},
    {"rejected", "filtered", "blocked", "icmp-port-unreachable", "203.0.113.1"},
};

/// "192.0.2.11 tcp 443 open speaks=tls" as a journal record; "note: words" is a note of the run.
std::string probe_record(const std::string& line) {
  if (line.starts_with("{")) return line;
  if (line.starts_with("note: ")) return fmt::format(R"({{"note":"{}"}})", line.substr(6));
  const std::vector<std::string> w = words_of(line);
  REQUIRE_MESSAGE(w.size() >= 4, line);
  const auto* const known =
      std::find_if(std::begin(kAnswered), std::end(kAnswered), [&](const Answered& a) { return w[3] == a.word; });
  REQUIRE_MESSAGE(known != std::end(kAnswered), line);
  std::string out = fmt::format(
      R"({{"target":"{}","protocol":"{}","{}":"{}","state":"{}","passage":"{}","answer":"{}","tries":{})", w[0],
      w[1], w[1].starts_with("icmp") ? "types" : "ports", w[2], known->state, option(w, "passage", known->passage),
      known->answer, option(w, "tries", std::to_string(known->tries)));
  const std::string by = option(w, "by", known->by);
  if (!by.empty() && by != "nobody") out += fmt::format(R"(,"answered_by":"{}")", by == "TARGET" ? w[0] : by);
  if (const std::string ttl = option(w, "ttl"); !ttl.empty()) out += fmt::format(R"(,"ttl":{})", ttl);
  if (const std::string hop = option(w, "stops"); !hop.empty()) out += fmt::format(R"(,"stops_at_hop":{})", hop);
  if (const std::string hop = option(w, "after"); !hop.empty()) out += fmt::format(R"(,"last_hop":"{}")", hop);
  if (const std::string doubt = option(w, "doubt"); !doubt.empty()) out += fmt::format(R"(,"doubt":"{}")", doubt);
  if (const std::string at = option(w, "at"); !at.empty()) out += fmt::format(R"(,"at":"{}")", at);
  if (const std::string speaks = option(w, "speaks"); !speaks.empty())
    out += fmt::format(R"(,"service":{{"name":"{}","evidence":"x"}})", speaks);
  return out + "}";
}

std::string journal(const Part& part, std::size_t index) {
  const std::vector<std::string> w = words_of(part.words);
  REQUIRE(w.size() >= 2);
  std::string out = fmt::format(
      R"({{"demarc":"scan","version":1,"run":"{}","started":"{}","method":"{}","tries_max":3,"shard":"{}")",
      option(w, "run", fmt::format("run-{}", index)), option(w, "started", "2026-11-23T10:00:00Z"),
      option(w, "method", "connect"), option(w, "shard", "1/1"));
  if (w[0] != "-") out += fmt::format(R"(,"vantage":"{}")", w[0]);
  if (const std::string source = option(w, "source"); !source.empty())
    out += fmt::format(R"(,"source_address":"{}")", source);
  if (const std::string zone = option(w, "zone"); !zone.empty()) out += fmt::format(R"(,"zone":"{}")", zone);
  if (option(w, "marked") == "yes") out += fmt::format(R"(,"witness_key":"{}")", kWitnessKey);
  out += "}\n";
  std::istringstream lines(part.body);
  for (std::string line; std::getline(lines, line);) out += probe_record(line) + "\n";
  if (w[1] != "killed")
    out += fmt::format(R"({{"end":"{}","sent":10,"received":10,"finished":"{}"}})", w[1],
                       option(w, "finished", option(w, "started", "2026-11-23T10:00:00Z"))) +
           "\n";
  return out;
}

/// "noise: port-scan 198.51.100.7 > 192.0.2.11 tcp/1-1024 1024" as a noise record.
std::string noise_line(const std::string& line, const std::string& first, const std::string& last) {
  const std::vector<std::string> w = words_of(line);
  REQUIRE_MESSAGE(w.size() >= 7, line);
  std::string out = fmt::format(R"({{"noise":"{}")", w[1]);
  if (w[2] != "many") out += fmt::format(R"(,"initiator":"{}")", w[2]);
  if (w[4] != "many") out += fmt::format(R"(,"responder":"{}")", w[4]);
  const std::size_t slash = w[5].find('/');
  out += fmt::format(R"(,"protocol":"{}")", w[5].substr(0, slash));
  if (slash != std::string::npos) out += fmt::format(R"(,"ports":"{}")", w[5].substr(slash + 1));
  return out +
         fmt::format(
             R"(,"attempts":{},"initiators":{},"responders":{},"packets":{},"bytes":{},"first":"{}","last":"{}"}})",
             w[6], option(w, "initiators", "1"), option(w, "responders", "1"), w[6], w[6],
             option(w, "first", first), option(w, "last", last));
}

/// "10.0.0.1>192.0.2.11:tcp/21" as its three parts.
std::array<std::string, 3> ends_of(const std::string& text) {
  const std::size_t arrow = text.find('>'), colon = text.find(':', arrow);
  REQUIRE_MESSAGE((arrow != std::string::npos && colon != std::string::npos), text);
  return {text.substr(0, arrow), text.substr(arrow + 1, colon - arrow - 1), text.substr(colon + 1)};
}

/// What a flow refers to: service, parent, tunnel, the ends behind a translation.
std::string flow_references(const std::vector<std::string>& w) {
  std::string out;
  if (const std::string speaks = option(w, "speaks"); !speaks.empty()) {
    const std::size_t slash = speaks.find('/');
    out += fmt::format(R"(,"service":{{"name":"{}","evidence":"x")", speaks.substr(0, slash));
    if (slash != std::string::npos) out += fmt::format(R"(,"tls_inside":"{}")", speaks.substr(slash + 1));
    out += "}";
  }
  if (const std::string by = option(w, "announced-by"); !by.empty()) {
    const auto [initiator, responder, port] = ends_of(option(w, "parent"));
    const std::size_t slash = port.find('/');
    out += fmt::format(R"(,"parent":{{"initiator":"{}","responder":"{}","protocol":"{}","port":{},"by":"{}"}})",
                       initiator, responder, port.substr(0, slash), port.substr(slash + 1), by);
  }
  if (const std::string tunnel = option(w, "inside"); !tunnel.empty()) {
    const std::size_t colon = tunnel.find(':'), dash = tunnel.find('-', colon), id = tunnel.find(':', dash);
    out += fmt::format(R"(,"tunnel":{{"kind":"{}","ends":["{}","{}"])", tunnel.substr(0, colon),
                       tunnel.substr(colon + 1, dash - colon - 1), tunnel.substr(dash + 1, id - dash - 1));
    if (id != std::string::npos) out += fmt::format(R"(,"id":{})", tunnel.substr(id + 1));
    out += "}";
  }
  if (const std::string really = option(w, "really"); !really.empty()) {
    const auto [initiator, responder, port] = ends_of(really);
    out += fmt::format(R"(,"real":{{"initiator":"{}","responder":"{}","port":{}}})", initiator, responder, port);
    if (option(w, "seen-twice") == "yes") out += R"(,"seen_twice":true)";
  }
  return out;
}

/// "198.51.100.7 > 192.0.2.11 tcp/443 SF 12" as a flow record.
std::string flow_line(const std::string& line, const std::string& first, const std::string& last) {
  if (line.starts_with("{")) return line;
  if (line.starts_with("noise: ")) return noise_line(line, first, last);
  const std::vector<std::string> w = words_of(line);
  REQUIRE_MESSAGE(w.size() >= 6, line);
  const std::size_t slash = w[3].find('/');
  const std::string protocol = w[3].substr(0, slash),
                    rest = slash == std::string::npos ? "" : w[3].substr(slash + 1);
  std::string out = fmt::format(
      R"({{"initiator":"{}","responder":"{}","protocol":"{}","initiator_certain":{},"conversations":{},"states":{{"{}":{}}},"packets_out":{},"packets_in":{},"bytes_out":{},"bytes_in":{},"first":"{}","last":"{}")",
      w[0], w[2], protocol, option(w, "certain", "true"), w[5], w[4], w[5],
      option(w, "out", w[4] == "SHR" || w[4] == "RSTRH" ? "0" : "10"), option(w, "in", w[4] == "S0" ? "0" : "10"),
      option(w, "bytes", "500"), option(w, "bytes", "500"), option(w, "first", first), option(w, "last", last));
  if (protocol.starts_with("icmp"))
    out += fmt::format(R"(,"type":"{}")", rest);
  else if (!rest.empty())
    out += fmt::format(R"(,"port":{})", rest);
  if (const std::string port = option(w, "from-port"); !port.empty())
    out += fmt::format(R"(,"initiator_port":{})", port);
  return out + flow_references(w) + "}";
}

std::string flow_file(const Part& part, std::size_t index) {
  const std::vector<std::string> w = words_of(part.words);
  REQUIRE(!w.empty());
  const std::string first = option(w, "first", "2026-11-23T09:00:00Z"),
                    last = option(w, "last", "2026-11-23T10:00:00Z");
  std::string out =
      fmt::format(
          R"({{"demarc":"flows","version":1,"sources":[{{"file":"cap-{}.pcap","sensor":"{}","sampling":{},"packets":1000,"dropped":{},"one_sided":{},"two_sided":{},"truncated":{},"first":"{}","last":"{}"}}]}})",
          index, w[0] == "-" ? "" : w[0], option(w, "sampling", "1"), option(w, "dropped", "0"),
          option(w, "one-sided", "0"), option(w, "two-sided", "0"), option(w, "truncated", "false"), first, last) +
      "\n";
  std::istringstream lines(part.body);
  std::size_t n = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::vector<std::string> parts = words_of(line);
    const bool noise = line.starts_with("noise: ");
    const std::size_t initiators = noise ? 1 : std::stoul(option(parts, "initiators", "1"));
    for (std::size_t i = 0; i < initiators; ++i, ++n) {
      std::string one = line;
      if (i != 0) {  // the next address asks the same
        const std::optional<Address> address = parse_address(parts[0]);
        REQUIRE_MESSAGE(address.has_value(), line);
        one = to_string(Address::of(address->family(), address->number() + i)) + line.substr(parts[0].size());
      }
      out += flow_line(one, first, last) + "\n";
    }
  }
  if (option(w, "end", "yes") == "yes") out += flow_end(n);
  return out;
}

RuleSet rules_of(const Scenario& s) {
  const std::string text = (s.base.empty() ? std::string() : slurp(kFolder / (s.base + ".yaml"))) + s.rules;
  ReadRuleSet read = read_rule_set_text("rules.yaml", text);
  REQUIRE_MESSAGE(read.rules.has_value(), render(read.diagnostics));
  return *read.rules;
}

Snapshot evidence_of(const Scenario& s) {
  Snapshot snapshot;
  for (std::size_t i = 0; i < s.scans.size(); ++i) {
    const std::string name = fmt::format("scan-{}.jsonl", i);
    Result<ScanRun> run = read_journal(name, journal(s.scans[i], i));
    REQUIRE_MESSAGE(run.has_value(), (run ? "" : render(run.error())));
    snapshot.scans.push_back(*run);
    snapshot.files.push_back({name, EvidenceKind::scan_journal, fmt::format("{:064}", i), 1, {}});
  }
  for (std::size_t i = 0; i < s.flows.size(); ++i) {
    const std::string name = fmt::format("flows-{}.jsonl", i);
    Result<FlowEvidence> flows = read_flow_records(name, flow_file(s.flows[i], i));
    REQUIRE_MESSAGE(flows.has_value(), (flows ? "" : render(flows.error())));
    snapshot.flows.push_back(*flows);
    snapshot.files.push_back({name, EvidenceKind::flow_records, fmt::format("{:064}", 1000 + i), 1, {}});
  }
  for (std::size_t i = 0; i < s.witnesses.size(); ++i) {
    const std::string name = fmt::format("witness-{}.jsonl", i);
    Result<WitnessRun> run = read_witness(name, witness_file(s.witnesses[i]));
    REQUIRE_MESSAGE(run.has_value(), (run ? "" : render(run.error())));
    snapshot.witnesses.push_back(*run);
    snapshot.files.push_back({name, EvidenceKind::witness, fmt::format("{:064}", 2000 + i), 1, {}});
  }
  apply_witnesses(snapshot);
  return snapshot;
}

std::vector<GivenConfiguration> configurations_of(const Scenario& s) {
  std::vector<GivenConfiguration> out;
  for (const Part& part : s.configurations) {
    const std::vector<std::string> w = words_of(part.words);
    REQUIRE(w.size() >= 2);
    const std::optional<Dialect> dialect = parse_dialect(w[0]);
    REQUIRE_MESSAGE(dialect.has_value(), w[0]);
    Result<Device> device = read_configuration(Source(w[1] + ".cfg", part.body), dialect);
    REQUIRE_MESSAGE(device.has_value(), (device ? "" : render(device.error())));
    GivenConfiguration given;
    given.device = std::make_shared<const Device>(std::move(*device));
    given.said = option(w, "said", "");
    given.sha256 = sha256_hex(part.body);
    given.size = part.body.size();
    out.push_back(std::move(given));
  }
  return out;
}

JudgeOptions options_of(const Scenario& s, FailOn& fail_on) {
  JudgeOptions options;
  const Result<Timestamp> as_of = parse_timestamp(s.as_of);
  REQUIRE(as_of.has_value());
  options.as_of = *as_of;
  for (const std::string& w : words_of(s.options)) {
    if (w == "require-passage")
      options.require_passage = true;
    else if (w == "traffic")
      options.judge_reachable = options.judge_rule_set = false;
    else if (w.starts_with("fail-on="))
      REQUIRE(add_fail_on(fail_on, w.substr(8)).has_value());
    else
      FAIL(w);
  }
  return options;
}

/// The number of the line that a finding about a configuration is about.
std::string place_of(const Finding& f) {
  if (f.evidence.empty()) return "-";
  const std::string& place = f.evidence.front().place;
  return place.starts_with("line ") ? place.substr(5) : "-";
}

std::string line_of(const Finding& f) {
  if (f.kind == FindingKind::not_measured) return fmt::format("not-measured: {}\n", f.title);
  const auto dash = [](const std::string& t) { return t.empty() ? std::string("-") : t; };
  std::string what = "-";
  if (f.protocol) {
    what = to_string(*f.protocol);
    if (!f.ports.empty()) what += "/" + to_string(f.ports);
    for (const IcmpType& t : f.icmp) what += "/" + to_string(t);
  }
  std::string target = dash(!f.device.empty() ? f.device + ":" + place_of(f) : f.target);
  if (f.kind == FindingKind::outbound_undocumented || f.kind == FindingKind::attempt_undocumented)
    target = f.source + "->" + target;
  return fmt::format("{} {} {} {}>{} {} {}{}\n", name(f.kind), name(f.severity), dash(f.rule), f.from_zone,
                     f.to_zone, target, what, f.accepted ? " accepted" : "");
}

std::string lines_of(const Verdict& v) {
  std::string out;
  for (const Finding& f : v.findings) out += line_of(f);
  return out;
}

/// Everything that a verdict says in words.
std::string all_words(const Verdict& v) {
  std::string out;
  for (const Finding& f : v.findings) {
    out += f.title + "\n" + f.cause + "\n" + f.remedy + "\n";
    for (const EvidenceRef& e : f.evidence) out += fmt::format("{} {}: {}\n", e.file, e.place, e.text);
  }
  for (const CoverageRow& row : v.coverage)
    out += fmt::format("coverage {}: {} of {}{}\n", row.what, row.asked, row.required,
                       row.gap.empty() ? "" : ", " + row.gap);
  for (const RuleRow& row : v.rules)
    out += fmt::format("rule {}: {}\nused {}: {}\nconfigured {}: {}\n", row.id, row.reachable, row.id, row.observed,
                       row.id, row.configured);
  for (const LineRow& row : v.lines)
    out += fmt::format("line {}:{} {}: for {}; {}\n", row.device, row.line, row.action, fmt::join(row.rules, ","),
                       row.use);
  for (const MatrixCell& c : v.matrix)
    out += fmt::format("cell {}>{} {}: {}{}{}\n", c.from_zone, c.to_zone, c.service, name(c.state),
                       c.configured.empty() ? "" : ", ", c.configured);
  for (const std::string& n : v.notes) out += n + "\n";
  return out;
}

TEST_CASE("every verdict scenario finds exactly what it is expected to find") {
  const std::vector<Scenario> scenarios = all_scenarios();
  CHECK(scenarios.size() >= 50);
  for (const Scenario& s : scenarios) {
    INFO(s.file << ": " << s.title);
    const RuleSet rules = rules_of(s);
    FailOn fail_on;
    const JudgeOptions options = options_of(s, fail_on);
    const Verdict verdict = judge(rules, evidence_of(s), options, configurations_of(s));
    CHECK(lines_of(verdict) == s.findings);
    const ExitDecision decision = exit_code(verdict, fail_on);
    CHECK_MESSAGE(std::to_string(decision.code) == s.exit, decision.why);
    CHECK(!verdict.rules.empty());
    std::vector<std::string> list;
    for (const FlowEvidence& flows : evidence_of(s).flows)
      for (const FlowOpinionRow& row : judge_flow_list(rules, flows))
        list.push_back(fmt::format("{}{}{}{}{}", name(row.state), row.rule.empty() ? "" : " ", row.rule,
                                   row.note.empty() ? "" : " ", row.note));
    if (!s.list.empty()) CHECK(list == s.list);
    const std::string said = all_words(verdict);
    for (const std::string& sentence : s.says)
      CHECK_MESSAGE(said.find(sentence) != std::string::npos, sentence << "\nis not said in:\n" << said);
    for (const Finding& f : verdict.findings) {
      INFO(f.title);
      CHECK(f.id.size() == 12);
      CHECK(!f.title.empty());
      CHECK(!f.remedy.empty());
      CHECK(!f.cause.empty());
    }
  }
}

TEST_CASE("ids are unique within a verdict") {
  for (const Scenario& s : all_scenarios()) {
    INFO(s.file << ": " << s.title);
    FailOn fail_on;
    const Verdict verdict = judge(rules_of(s), evidence_of(s), options_of(s, fail_on), configurations_of(s));
    std::map<std::string, std::string> seen;
    for (const Finding& f : verdict.findings)
      CHECK_MESSAGE(seen.emplace(f.id, f.title).second, f.title << " and " << seen[f.id]);
  }
}

TEST_CASE("the order of evidence and repetitions change no byte") {
  std::mt19937 random(7);
  for (const Scenario& s : all_scenarios()) {
    INFO(s.file << ": " << s.title);
    const RuleSet rules = rules_of(s);
    FailOn fail_on;
    const JudgeOptions options = options_of(s, fail_on);
    Snapshot evidence = evidence_of(s);
    std::vector<GivenConfiguration> configurations = configurations_of(s);
    const std::string expected = verdict_json(judge(rules, evidence, options, configurations));
    for (int round = 0; round < 3; ++round) {
      Snapshot other = evidence;
      if (round != 0) {  // every file twice, the second time under a name of its own
        for (const ScanRun& run : evidence.scans) {
          other.scans.push_back(run);
          other.scans.back().file += ".copy";
        }
        for (const FlowEvidence& flows : evidence.flows) {
          other.flows.push_back(flows);
          other.flows.back().file += ".copy";
          for (FlowSource& source : other.flows.back().sources) source.file += ".copy";
        }
        for (const EvidenceFile& file : evidence.files) {
          other.files.push_back(file);
          other.files.back().name += ".copy";
        }
      }
      std::shuffle(other.scans.begin(), other.scans.end(), random);
      std::shuffle(other.flows.begin(), other.flows.end(), random);
      std::shuffle(other.files.begin(), other.files.end(), random);
      for (FlowEvidence& flows : other.flows) {
        std::shuffle(flows.flows.begin(), flows.flows.end(), random);
        std::shuffle(flows.noise.begin(), flows.noise.end(), random);
      }
      for (ScanRun& run : other.scans) std::shuffle(run.outcomes.begin(), run.outcomes.end(), random);
      std::vector<GivenConfiguration> others = configurations;
      if (round != 0) others.insert(others.end(), configurations.begin(), configurations.end());
      std::shuffle(others.begin(), others.end(), random);
      CHECK(verdict_json(judge(rules, other, options, others)) == expected);
    }
  }
}

TEST_CASE("a verdict that is written and read again is the same verdict") {
  for (const Scenario& s : all_scenarios()) {
    INFO(s.file << ": " << s.title);
    FailOn fail_on;
    const std::string text =
        verdict_json(judge(rules_of(s), evidence_of(s), options_of(s, fail_on), configurations_of(s)));
    const Result<Verdict> again = read_verdict(text, "verdict.json");
    REQUIRE_MESSAGE(again.has_value(), (again ? "" : render(again.error())));
    CHECK(verdict_json(*again) == text);
  }
}

}  // namespace
}  // namespace demarc
