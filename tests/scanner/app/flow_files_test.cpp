// A site that has a capture and a site that has Zeek's log of the same packets must get the same verdict. The log
// is written here from the capture's own conversations, as Zeek would; nfdump's is made by nfpcapd and nfdump.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "probes/wire/craft.h"
#include "probes/wire/decode.h"
#include "rules/policy/yaml_reader.h"
#include "rules/verdict/reconcile.h"
#include "scanner/app/evidence_files.h"
#include "scanner/files/pcap_writer.h"
#include "scanner/passive/listener.h"

using namespace demarc;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/demarc-flows-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, std::string_view bytes) const {
    std::ofstream(path + "/" + name, std::ios::binary) << bytes;
    return path + "/" + name;
  }
  std::string path;
};

constexpr const char* kRules = R"(
demarc: 1
name: flows
timezone: UTC
zones:
  internet: { any: true }
  dmz: { cidrs: [192.0.2.0/24] }
hosts:
  web: { addresses: [192.0.2.10] }
services:
  https: { tcp: [443] }
  dns: { udp: [53] }
sensors:
  tap: { sees: [[internet, dmz], [dmz, internet]], both_directions: true, sampling: 1 }
people:
  a.ito: { roles: [network] }
rules:
  - { id: W-1, service: https, from: internet, to: web, owner: w, reason: test, ticket: C-1, approved: { network: { by: a.ito, date: 2026-01-12 } }, review_by: 2027-01-12 }
  - { id: D-1, service: dns, from: internet, to: web, owner: w, reason: test, ticket: C-2, approved: { network: { by: a.ito, date: 2026-01-12 } }, review_by: 2027-01-12 }
)";

const Timestamp kStart = Timestamp::from_seconds(1'795'000'000);

/// Steps as in Zeek's history: S H A D F R, small letters from the server.
void tcp(std::vector<Frame>& out, const char* client, std::uint16_t client_port, const char* server,
         std::uint16_t port, std::string_view steps) {
  std::uint32_t next[2] = {1000, 9000};
  for (const char step : steps) {
    const bool back = step >= 'a';
    TcpCraft t{.source_port = back ? port : client_port, .port = back ? client_port : port};
    t.seq = next[back];
    t.ack = step == 'S' ? 0 : next[!back];
    t.flags = tcp_flag::ack;
    switch (back ? step - 'a' + 'A' : step) {
      case 'S': t.flags = tcp_flag::syn, ++next[back]; break;
      case 'H': t.flags = tcp_flag::syn | tcp_flag::ack, ++next[back]; break;
      case 'D': t.flags |= tcp_flag::psh, t.payload = "0123456789", next[back] += 10; break;
      case 'F': t.flags |= tcp_flag::fin, ++next[back]; break;
      case 'R': t.flags = tcp_flag::rst | tcp_flag::ack; break;
      default: break;
    }
    const Address c = *parse_address(client), s = *parse_address(server);
    out.push_back(craft_tcp(back ? s : c, back ? c : s, t));
  }
}

std::vector<Frame> packets() {
  std::vector<Frame> out;
  const Address client = *parse_address("198.51.100.7"), web = *parse_address("192.0.2.10");
  tcp(out, "198.51.100.7", 40000, "192.0.2.10", 443, "ShADadFfA");  // approved, used
  tcp(out, "198.51.100.7", 40001, "192.0.2.10", 22, "ShADad");      // undocumented, used
  tcp(out, "198.51.100.7", 40002, "192.0.2.10", 23, "S");           // tried
  tcp(out, "198.51.100.7", 40003, "192.0.2.10", 25, "Sr");          // refused
  tcp(out, "192.0.2.10", 40004, "203.0.113.9", 8080, "ShADadFfA");  // the DMZ opens outward
  out.push_back(craft_udp(client, web, 5353, 53, "query"));
  out.push_back(craft_udp(web, client, 53, 5353, "reply!"));
  out.push_back(craft_icmp(client, web, 8, 0, 1));
  out.push_back(craft_icmp(web, client, 0, 0, 1));
  return out;
}

std::string capture_of(const std::vector<Frame>& frames) {
  PcapShape shape;
  shape.link = LinkType::ethernet;
  std::vector<std::uint8_t> file;
  append_pcap_header(shape, file);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Frame frame = craft_frame(LinkType::ethernet, frames[i]);
    append_pcap_packet(shape, kStart + std::chrono::milliseconds(10 * i), frame,
                       static_cast<std::uint32_t>(frame.size()), file);
  }
  return std::string(reinterpret_cast<const char*>(file.data()), file.size());
}

/// conn.log of what the flow table saw, as far as the states used here go.
std::string conn_log(const FlowEvidence& evidence) {
  std::string out =
      "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\tts\tuid\t"
      "id.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\tconn_state\thistory\torig_pkts\torig_ip_bytes\t"
      "resp_pkts\tresp_ip_bytes\n";
  int n = 0;
  for (const ObservedFlow& f : evidence.flows) {
    ConnState state = ConnState::OTH;
    for (std::size_t i = 0; i < kConnStates; ++i)
      if (f.states[static_cast<ConnState>(i)] != 0) state = static_cast<ConnState>(i);
    const char* history = "-";
    if (f.protocol == Protocol::tcp)
      history = state == ConnState::SF   ? "ShADadFf"
                : state == ConnState::S1 ? "ShADad"
                : state == ConnState::S0 ? "S"
                                         : "Sr";
    const auto seconds = [](Nanoseconds ns) {
      return fmt::format("{}.{:09}", ns.count() / 1'000'000'000, ns.count() % 1'000'000'000);
    };
    const bool icmp = f.protocol.is_icmp();
    out += fmt::format("{}\tC{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", seconds(f.first.since_epoch()),
                       ++n, to_string(f.initiator), icmp ? f.icmp.type : f.initiator_port.number(),
                       to_string(f.responder), icmp ? f.icmp.code.value_or(0) : f.port.number(),
                       to_string(f.protocol), seconds(f.last - f.first), icmp ? "OTH" : name(state), history,
                       f.packets_out, f.bytes_out, f.packets_in, f.bytes_in);
  }
  return out + "#close\t2026-11-18-12-00-00\n";
}

std::set<std::string> conversations(const FlowEvidence& evidence) {
  std::set<std::string> out;
  for (const ObservedFlow& f : evidence.flows)
    out.insert(fmt::format("{}>{} {}/{} {}/{} {}:{} {}:{}", to_string(f.initiator), to_string(f.responder),
                           to_string(f.protocol), f.protocol.is_icmp() ? f.icmp.type : f.port.number(),
                           f.established, f.conversations, f.packets_out, f.bytes_out, f.packets_in, f.bytes_in));
  return out;
}

Snapshot evidence_of(const RuleSet& rules, std::vector<std::string> files) {
  EvidenceRequest request;
  request.rules = &rules;
  request.files = std::move(files);
  Result<Snapshot> snapshot = read_evidence(request, {});
  REQUIRE_MESSAGE(snapshot.has_value(), (snapshot ? "" : snapshot.error().what));
  return std::move(*snapshot);
}

std::set<std::string> findings(const RuleSet& rules, const Snapshot& snapshot) {
  JudgeOptions options;
  options.as_of = kStart + std::chrono::hours(1);
  options.judge_rule_set = false;
  const Verdict verdict = judge(rules, snapshot, options);
  std::set<std::string> out;
  for (const Finding& f : verdict.findings) out.insert(f.id + " " + f.title);
  return out;
}

}  // namespace

TEST_CASE("Zeek's log gives the findings of the capture it was made from, in one file or two") {
  Folder folder;
  ReadRuleSet read = read_rule_set_text("rules.yaml", kRules);
  REQUIRE(read.rules);
  const std::string capture = folder.write("a.pcap", capture_of(packets()));
  ObserveRequest observe_request;
  observe_request.captures.push_back({capture, ""});
  observe_request.flow.per_conversation = true;
  server_ports(&*read.rules, observe_request.flow.server_ports_tcp, observe_request.flow.server_ports_udp);
  Result<FlowEvidence> seen = observe(observe_request);
  REQUIRE(seen);
  REQUIRE(seen->flows.size() == 7);
  const std::string log = folder.write("conn.log", conn_log(*seen));

  const Snapshot by_capture = evidence_of(*read.rules, {"tap=" + capture});
  const Snapshot by_log = evidence_of(*read.rules, {"tap=" + log});
  CHECK(by_log.files.at(0).note == "Zeek conn.log, 7 records");
  CHECK(conversations(by_log.flows.at(0)) == conversations(by_capture.flows.at(0)));
  const std::set<std::string> expected = findings(*read.rules, by_capture);
  CHECK(expected.size() >= 2);
  CHECK(findings(*read.rules, by_log) == expected);

  // Cut in two at a line: one sensor's files are one source of evidence.
  FlowEvidence half = *seen, rest = *seen;
  half.flows.resize(3);
  rest.flows.erase(rest.flows.begin(), rest.flows.begin() + 3);
  const Snapshot by_two = evidence_of(*read.rules, {"tap=" + folder.write("1.log", conn_log(half)),
                                                    "tap=" + folder.write("2.log", conn_log(rest))});
  CHECK(by_two.flows.size() == 1);
  CHECK(by_two.flows.at(0).sources.size() == 2);
  CHECK(findings(*read.rules, by_two) == expected);
}

TEST_CASE("a damaged file counts up to there, and says so; what is no records at all is refused") {
  Folder folder;
  ReadRuleSet read = read_rule_set_text("rules.yaml", kRules);
  REQUIRE(read.rules);
  const std::string head = "2 123456789012 eni-1 ";
  const std::string log = head + "198.51.100.7 192.0.2.10 40000 443 6 5 405 1795000000 1795000060 ACCEPT OK\n";
  const Snapshot cut = evidence_of(*read.rules, {folder.write("aws.log", log + head + "198.51")});
  CHECK(cut.files.at(0).note == "AWS VPC flow log, 1 record; the file ends in the middle of a record");
  CHECK(cut.flows.at(0).sources.at(0).truncated);
  CHECK_FALSE(cut.flows.at(0).complete);
  EvidenceRequest request;
  request.files = {folder.write("bad.log", log + "x\ny\n")};
  CHECK_FALSE(read_evidence(request, {}));
}

TEST_CASE("nfpcapd and nfdump tell the capture's conversations") {
  if (std::system("command -v nfpcapd >/dev/null && command -v nfdump >/dev/null") != 0) {
    MESSAGE("SKIPPED: nfpcapd or nfdump is not installed (packaging/install-packages test)");
    return;
  }
  Folder folder;
  ReadRuleSet read = read_rule_set_text("rules.yaml", kRules);
  REQUIRE(read.rules);
  const std::string capture = folder.write("a.pcap", capture_of(packets()));
  std::filesystem::create_directory(folder.path + "/nf");
  const std::string make = "export TZ=UTC; cd " + folder.path + " && nfpcapd -r a.pcap -l nf >/dev/null 2>&1; " +
                           "nfdump -R nf -o csv >n.csv 2>/dev/null && nfdump -R nf -o json >n.json 2>/dev/null";
  REQUIRE(std::system(make.c_str()) == 0);
  const Snapshot by_capture = evidence_of(*read.rules, {"tap=" + capture});
  for (const char* file : {"n.csv", "n.json"}) {
    CAPTURE(file);
    const Snapshot by_records = evidence_of(*read.rules, {"tap=" + folder.path + "/" + file});
    CHECK(conversations(by_records.flows.at(0)).size() == conversations(by_capture.flows.at(0)).size());
    // nfpcapd counts ICMP and UDP packets' bytes in its own way; TCP's are whole IP packets.
    const std::set<std::string> theirs = conversations(by_records.flows.at(0));
    for (const std::string& ours : conversations(by_capture.flows.at(0)))
      if (ours.find(" tcp/") != std::string::npos) CHECK_MESSAGE(theirs.contains(ours), ours);
    CHECK(findings(*read.rules, by_records) == findings(*read.rules, by_capture));
  }
}
