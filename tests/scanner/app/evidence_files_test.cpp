#include "scanner/app/evidence_files.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "rules/policy/yaml_reader.h"

using namespace demarc;

namespace {
struct Folder {
  Folder() {
    char name[] = "/tmp/demarc-evidence-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path + "/" + name, std::ios::binary) << bytes;
    return path + "/" + name;
  }
  std::string path;
};
}  // namespace

TEST_CASE("what a file is, its content tells") {
  Folder folder;
  CHECK(*evidence_kind(folder.write("a.txt", "{\"demarc\":\"scan\",\"version\":1}\n")) ==
        EvidenceKind::scan_journal);
  CHECK(*evidence_kind(folder.write("b.txt", "{\"demarc\": \"flows\",\"version\":1}\n")) ==
        EvidenceKind::flow_records);
  CHECK(*evidence_kind(folder.write("z.txt", "#separator \\x09\n#path\tconn\n")) == EvidenceKind::flow_records);
  CHECK(*evidence_kind(folder.write("s.txt", "{\"timestamp\":\"x\",\"event_type\":\"dns\"}\n")) ==
        EvidenceKind::flow_records);
  CHECK(*evidence_kind(folder.write("w.txt", "{\"demarc\":\"witness\",\"version\":1}\n")) == EvidenceKind::witness);
  CHECK(*evidence_kind(folder.write("c.txt", "\n<?xml version=\"1.0\"?><nmaprun/>")) == EvidenceKind::nmap_xml);
  CHECK(*evidence_kind(folder.write("d.txt", std::string("\xd4\xc3\xb2\xa1", 4) + std::string(20, '\0'))) ==
        EvidenceKind::capture);
  CHECK(*evidence_kind(folder.write("e.txt", std::string("\x0a\x0d\x0d\x0a", 4) + std::string(24, '\0'))) ==
        EvidenceKind::capture);
}

TEST_CASE("what is no evidence is refused with what to do") {
  Folder folder;
  auto what = [](const std::string& file) { return evidence_kind(file).error().what; };
  CHECK(what(folder.write("empty", "")) == "the file is empty");
  CHECK(what(folder.write("n", std::string("\x0c\xa5\x02\x00", 4))) == "this is a binary file of nfcapd");
  CHECK(what(folder.write("yaml", "demarc: 1\n")) == "this is no evidence demarc knows");
  CHECK(what(folder.write("v.json", "{\n\"demarc\": \"verdict\"}")) == "this is a verdict, not evidence");
  CHECK(what(folder.write("x.json", "{\"a\":1}")) ==
        "this is JSON, but neither a scan journal nor flow records nor a witness's record");
  CHECK_FALSE(evidence_kind(folder.path));
  CHECK_FALSE(evidence_kind(folder.path + "/missing"));
}

namespace {

// The far end is 192.0.2.10. From the internet it is 203.0.113.10 for all ports, 203.0.113.11 for 443 (its own
// 8443) and 444; behind 203.0.113.12 stands a pool that it belongs to.
constexpr const char* kTranslated = R"(
demarc: 1
name: translated
timezone: UTC
zones:
  internet: { any: true }
  dmz: { cidrs: [192.0.2.0/24] }
hosts:
  far: { addresses: [192.0.2.10] }
  other: { addresses: [192.0.2.11] }
translations:
  - { real: far, seen_as: 203.0.113.10, from: internet }
  - { real: far, seen_as: 203.0.113.11, from: internet, ports: { 443: 8443, 444: 444 } }
source_translations:
  - { real: 198.51.100.0/24, seen_as: 203.0.113.99, to: dmz }
vips:
  - { address: 203.0.113.12, members: [far, other], services: [portal] }
services:
  portal: { tcp: [443] }
vantages:
  outside: { zone: internet, address: 198.51.100.7 }
)";

constexpr const char* kNear =
    R"({"demarc":"scan","version":1,"run":"n","vantage":"outside","source_address":"198.51.100.7","started":"2026-11-23T10:00:10Z","method":"syn","shard":"1/1","tries_max":1,"witness_key":"be45cb2605bf36be"}
{"target":"203.0.113.10","protocol":"tcp","ports":"440-450","state":"filtered","passage":"undetermined","answer":"silence","tries":1,"at":"2026-11-23T10:00:19Z"}
{"target":"203.0.113.11","protocol":"tcp","ports":"440-450","state":"filtered","passage":"undetermined","answer":"silence","tries":1,"at":"2026-11-23T10:00:19Z"}
{"target":"203.0.113.12","protocol":"tcp","ports":"440-450","state":"filtered","passage":"undetermined","answer":"silence","tries":1,"at":"2026-11-23T10:00:19Z"}
{"end":"complete","sent":33,"received":0,"finished":"2026-11-23T10:00:20Z"}
)";

constexpr const char* kFar =
    R"({"demarc":"witness","version":1,"run":"f","at":"far","interface":"eth0","addresses":["192.0.2.10"],"span":false,"started":"2026-11-23T10:00:00Z","key":"be45cb2605bf36be"}
{"source":"203.0.113.99","target":"192.0.2.10","protocol":"tcp","ports":"444","first":"2026-11-23T10:00:10Z","last":"2026-11-23T10:00:11Z","count":1}
{"source":"203.0.113.99","target":"192.0.2.10","protocol":"tcp","ports":"445","first":"2026-11-23T10:00:19Z","last":"2026-11-23T10:00:19Z","count":1}
)";

std::string ports_of(const ScanRun& run, const char* target, Passage passage) {
  std::vector<PortRange> ranges;
  for (const Outcome& o : run.outcomes)
    if (o.target == *parse_address(target) && o.passage == passage) ranges.push_back(o.ports);
  return to_string(PortSet::of(ranges));
}

}  // namespace

TEST_CASE("both halves of a witnessed scan meet, translations and all") {
  Folder folder;
  ReadRuleSet read = read_rule_set_text("translated.yaml", kTranslated);
  REQUIRE(read.rules);
  const std::string near = folder.write("near.jsonl", kNear);
  EvidenceRequest request;
  request.rules = &*read.rules;
  SUBCASE("with the end record") {
    const std::string far = folder.write(
        "far.jsonl",
        std::string(kFar) +
            R"({"end":"complete","packets":2,"strangers":0,"dropped":0,"finished":"2026-11-23T10:00:30Z"})"
            "\n");
    request.files = {far, near};
    Result<Snapshot> snapshot = read_evidence(request, {});
    REQUIRE(snapshot);
    REQUIRE(snapshot->scans.size() == 1);
    const ScanRun& run = snapshot->scans[0];
    CHECK(ports_of(run, "203.0.113.10", Passage::passed) == "444-445");
    CHECK(ports_of(run, "203.0.113.10", Passage::blocked) == "440-443,446-450");
    // 443 becomes 8443 on the way and loses its mark, the others lead nowhere that is known.
    CHECK(ports_of(run, "203.0.113.11", Passage::passed) == "444");
    CHECK(ports_of(run, "203.0.113.11", Passage::blocked) == "");
    // One of the pool saw them, and what it did not see another may have.
    CHECK(ports_of(run, "203.0.113.12", Passage::passed) == "444-445");
    CHECK(ports_of(run, "203.0.113.12", Passage::blocked) == "");
    CHECK(snapshot->files[0].kind == EvidenceKind::witness);
    CHECK(snapshot->files[0].note == "");
    CHECK(snapshot->files[0].sha256.size() == 64);
  }
  SUBCASE("interrupted, with a loss") {
    const std::string far = folder.write(
        "far.jsonl", std::string(kFar) +
                         R"({"listening":"2026-11-23T10:00:30Z","packets":2,"strangers":0,"dropped":3})"
                         "\n");
    request.files = {near, far};
    Result<Snapshot> snapshot = read_evidence(request, {});
    REQUIRE(snapshot);
    const ScanRun& run = snapshot->scans[0];
    CHECK(ports_of(run, "203.0.113.10", Passage::passed) == "444-445");
    CHECK(ports_of(run, "203.0.113.10", Passage::blocked) == "");
    CHECK(snapshot->files[1].note ==
          "interrupted: it has no end record; it listened until 2026-11-23T10:00:30Z; 3 packets "
          "were dropped");
  }
  SUBCASE("named as from elsewhere") {
    const std::string far = folder.write("far.jsonl", kFar);
    request.files = {"outside=" + far};
    Result<Snapshot> snapshot = read_evidence(request, {});
    REQUIRE_FALSE(snapshot);
    CHECK(snapshot.error().what.ends_with("the witness says it stood at 'far', not at 'outside'"));
  }
}

TEST_CASE("a copy of a file, or a link to it, is read once; another place's is its own") {
  Folder folder;
  const std::string pcap = std::string("\xd4\xc3\xb2\xa1", 4) + std::string(100'000, '\0');
  std::string later = pcap;
  later.back() = '\1';
  std::string earlier = pcap;
  earlier[30] = '\1';
  const std::string a = folder.write("a.pcap", pcap), copy = folder.write("copy.pcap", pcap),
                    tail = folder.write("tail.pcap", later), head = folder.write("head.pcap", earlier),
                    link = folder.path + "/link.pcap";
  std::filesystem::create_symlink(a, link);
  const auto files_of_list = [](const std::vector<std::string>& words, const RuleSet* rules) {
    std::vector<std::string> files;
    const Result<EvidenceList> list = list_evidence(words, rules);
    REQUIRE(list);
    for (const NamedFile& named : list->files) files.push_back(named.file);
    return files;
  };
  using Files = std::vector<std::string>;
  CHECK(files_of_list({a, copy, tail, head, link, a}, nullptr) == Files{a, tail, head});
  CHECK(files_of_list({folder.path + "/*.pcap", copy}, nullptr) == Files{a, head, tail});
  ReadRuleSet read = read_rule_set_text("rules.yaml", R"(
demarc: 1
name: copies
zones: { internet: { any: true }, dmz: { cidrs: [192.0.2.0/24] } }
sensors:
  front: { sees: [[internet, dmz]], both_directions: true, sampling: 1 }
  back: { sees: [[internet, dmz]], both_directions: true, sampling: 1 }
)");
  REQUIRE(read.rules);
  CHECK(files_of_list({"front=" + a, "back=" + copy, "back=" + a}, &*read.rules) == Files{a, copy});
}
