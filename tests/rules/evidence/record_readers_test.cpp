// Readers of other sensors' flow records: what each makes of a conversation, what it calls certain, and what it
// says about lines that it cannot read. The small files under golden/ (made for these tests, documentation
// addresses) are the fuzz seeds.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "rules/evidence/flow_records.h"
#include "rules/evidence/readers/record_reader.h"
#include "rules/evidence/readers/record_text.h"
#include "rules/text/diagnostics.h"

using namespace demarc;

namespace {

struct Read {
  FlowEvidence flows;
  std::string note, error;
};

Read read(RecordFormat format, const std::vector<std::string>& files, RecordFlowOptions options = {},
          std::size_t piece = 1 << 20) {
  options.server_ports_tcp = PortSet::of({PortRange::single(Port(443)), PortRange::single(Port(22))});
  options.server_ports_udp = PortSet::single(Port(53));
  RecordFlows flows(options);
  Read out;
  int n = 0;
  for (const std::string& text : files) {
    std::unique_ptr<RecordReader> reader = record_reader(format, flows, "f" + std::to_string(++n), "tap");
    Result<void> fed;
    for (std::size_t at = 0; at < text.size() && fed; at += piece)
      fed = reader->feed(std::string_view(text).substr(at, piece));
    if (!fed) return out.error = render(fed.error()), out;
    Result<std::string> note = reader->finish();
    if (!note) return out.error = render(note.error()), out;
    out.note = *note;
  }
  out.flows = flows.finish();
  return out;
}
Read read(RecordFormat format, const std::string& text) { return read(format, std::vector<std::string>{text}); }

/// "198.51.100.7>192.0.2.20 tcp/443! 1/1 SF 5:205 3:170": who asked whom ('!' certain), established of
/// conversations, states, packets and bytes each way.
std::string line(const FlowEvidence& e, const ObservedFlow& f) {
  std::string states;
  for (std::size_t i = 0; i < kConnStates; ++i)
    if (f.states[static_cast<ConnState>(i)] != 0) states += std::string(name(static_cast<ConnState>(i)));
  std::string service =
      to_string(f.protocol) + "/" + (f.protocol.is_icmp() ? to_string(f.icmp) : std::to_string(f.port.number()));
  std::string out = to_string(f.initiator) + ">" + to_string(f.responder) + " " + service +
                    (f.initiator_certain ? "! " : "? ") + std::to_string(f.established) + "/" +
                    std::to_string(f.conversations) + " " + states + " " + std::to_string(f.packets_out) + ":" +
                    std::to_string(f.bytes_out) + " " + std::to_string(f.packets_in) + ":" +
                    std::to_string(f.bytes_in);
  if (f.service != kNone32) out += " " + e.services[f.service].name;
  if (f.real != kNone32)
    out += " really " + to_string(e.real_ends[f.real].initiator) + ">" + to_string(e.real_ends[f.real].responder);
  return out;
}
std::vector<std::string> lines(const Read& r) {
  std::vector<std::string> out;
  for (const ObservedFlow& f : r.flows.flows) out.push_back(line(r.flows, f));
  std::sort(out.begin(), out.end());
  return out;
}
using Lines = std::vector<std::string>;

constexpr const char* kZeekHead =
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\tts\tuid\t"
    "id.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\t"
    "missed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\n";

std::string zeek(const std::string& state, const std::string& history, const std::string& out,
                 const std::string& in, const std::string& service = "-", const std::string& missed = "0") {
  return "1795000000.5\tC1\t198.51.100.7\t40000\t192.0.2.20\t443\ttcp\t" + service + "\t0.25\t5\t50\t" + state +
         "\t" + missed + "\t" + history + "\t" + out + "\t40\t" + in + "\t40\n";
}
const std::string kClose = "#close\t2026-11-18-12-00-00\n";

std::string file_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

// ---------------------------------------------------------------- Zeek

TEST_CASE("Zeek: what is used and what is certain, the history says") {
  struct Row {
    const char *state, *history, *out, *in, *expected;
  };
  for (const Row& row : {
           Row{"SF", "ShADadFf", "5", "3", "! 1/1 SF"},
           Row{"S0", "S", "1", "0", "! 0/1 S0"},
           Row{"REJ", "Sr", "1", "1", "! 0/1 REJ"},
           Row{"RSTO", "ShR", "2", "1", "! 0/1 RSTO"},
           Row{"RSTO", "ShADadR", "4", "2", "! 1/1 RSTO"},
           Row{"SF", "^hADafF", "5", "3", "? 1/1 SF"},
           Row{"OTH", "DadA", "5", "3", "? 1/1 OTH"},
           Row{"OTH", "^dDa", "5", "3", "? 1/1 OTH"},
           Row{"SF", "-", "5", "3", "? 1/1 SF"},
           Row{"OTH", "-", "5", "3", "? 0/1 OTH"},
           Row{"SH", "SAF", "3", "0", "! 1/1 SH"},
           Row{"SHR", "^hf", "0", "2", "? 0/1 SHR"},
           Row{"S1", "SsAa", "2", "2", "? 1/1 S1"},
       }) {
    CAPTURE(row.state);
    CAPTURE(row.history);
    const Read r = read(RecordFormat::zeek_tsv, kZeekHead + zeek(row.state, row.history, row.out, row.in) + kClose);
    REQUIRE(r.error == "");
    REQUIRE(r.flows.flows.size() == 1);
    CHECK(lines(r)[0] == "198.51.100.7>192.0.2.20 tcp/443" + std::string(row.expected) + " " + row.out +
                             (row.out == std::string("0") ? ":0 " : ":40 ") + row.in +
                             (row.in == std::string("0") ? ":0" : ":40"));
    CHECK(to_string(r.flows.flows[0].first) == "2026-11-18T11:06:40.500Z");
    CHECK(to_string(r.flows.flows[0].last) == "2026-11-18T11:06:40.750Z");
    CHECK(r.flows.complete);
  }
}

TEST_CASE("Zeek: services by our names, missed bytes and a missing #close are flaws") {
  const Read r = read(RecordFormat::zeek_tsv, kZeekHead + zeek("SF", "ShAaFf", "5", "3", "ssl", "7") +
                                                  zeek("SF", "ShAaFf", "5", "3", "smtp,ssl") +
                                                  zeek("SF", "ShAaFf", "5", "3", "teredo"));
  CHECK(lines(r) == Lines{"198.51.100.7>192.0.2.20 tcp/443! 1/1 SF 5:40 3:40",
                          "198.51.100.7>192.0.2.20 tcp/443! 1/1 SF 5:40 3:40 smtp",
                          "198.51.100.7>192.0.2.20 tcp/443! 1/1 SF 5:40 3:40 tls"});
  CHECK_FALSE(r.flows.complete);
  CHECK(r.flows.sources.at(0).problem ==
        "Zeek missed 7 bytes of payload in 1 connection; no #close at its end: the log was cut, or is still being "
        "written");
  CHECK(r.note == "Zeek conn.log, 3 records");
}

TEST_CASE("Zeek: single bad lines are counted and named, other logs and halves of rubbish refused") {
  const std::string good = zeek("SF", "ShAaFf", "5", "3");
  std::string bad = good;
  bad.replace(bad.find("192.0.2.20"), 10, "192.0.2.2x");
  const Read r = read(RecordFormat::zeek_tsv, kZeekHead + good + bad + good + kClose);
  CHECK(r.note == "Zeek conn.log, 2 records, 1 unreadable");
  CHECK(r.flows.sources.at(0).undecoded == 1);
  CHECK(r.flows.sources.at(0).problem ==
        "1 unreadable record, the first in line 8, column 36: '192.0.2.2x' is no address");
  CHECK(read(RecordFormat::zeek_tsv, kZeekHead + good + bad + bad + kClose)
            .error.starts_with("f1:8:36: error: '192.0.2.2x' is no address\n"));
  CHECK(read(RecordFormat::zeek_tsv, "#path\tdns\n#fields\tts\n").error ==
        "f1:1:7: error: this is Zeek's dns.log, which holds no connections\n  give conn.log\n");
  CHECK(read(RecordFormat::zeek_tsv, "#fields\tts\tproto\n")
            .error.starts_with("f1:1:1: error: the log has no field 'id.orig_h'"));
}

TEST_CASE("Zeek's JSON: dotted or nested ids, times as numbers or ISO, other logs skipped") {
  const Read r = read(
      RecordFormat::zeek_json,
      R"({"ts":1795000000.5,"id.orig_h":"198.51.100.7","id.orig_p":40000,"id.resp_h":"192.0.2.20","id.resp_p":443,"proto":"tcp","service":"ssl","duration":0.25,"conn_state":"SF","history":"ShADadFf","orig_pkts":5,"orig_ip_bytes":205,"resp_pkts":3,"resp_ip_bytes":170})"
      "\n"
      R"({"ts":"2026-11-18T11:06:40.5Z","id":{"orig_h":"2001:db8::7","orig_p":128,"resp_h":"2001:db8::20","resp_p":0},"proto":"icmp","conn_state":"OTH","orig_pkts":1,"orig_ip_bytes":48,"resp_pkts":1,"resp_ip_bytes":48})"
      "\n{\"ts\":1.5,\"uid\":\"x\",\"host\":\"example\"}\n");
  CHECK(r.error == "");
  CHECK(lines(r) == Lines{"198.51.100.7>192.0.2.20 tcp/443! 1/1 SF 5:205 3:170 tls",
                          "2001:db8::7>2001:db8::20 icmpv6/128/0! 1/1 SF 1:48 1:48"});
  CHECK(r.note == "Zeek conn.log (JSON), 2 records, 1 skipped");
  CHECK(to_string(r.flows.flows[0].first) == "2026-11-18T11:06:40.500Z");
}

// ---------------------------------------------------------------- Suricata

namespace {
std::string eve(const std::string& ts, const std::string& tc, int out, int in) {
  return R"({"timestamp":"2026-11-18T12:06:41.0+0100","event_type":"flow","src_ip":"198.51.100.7","src_port":40000,"dest_ip":"192.0.2.20","dest_port":443,"proto":"TCP","app_proto":"tls","flow":{"pkts_toserver":)" +
         std::to_string(out) + R"(,"pkts_toclient":)" + std::to_string(in) +
         R"(,"bytes_toserver":500,"bytes_toclient":300,"start":"2026-11-18T12:06:40.010000+0100","end":"2026-11-18T12:06:40.080000+0100"},"tcp":{"tcp_flags_ts":")" +
         ts + R"(","tcp_flags_tc":")" + tc + "\"}}\n";
}
}  // namespace

TEST_CASE("Suricata's flows: states and certainty from both directions' flags") {
  struct Row {
    const char *ts, *tc;
    int out, in;
    const char* expected;
  };
  for (const Row& row :
       {Row{"1b", "1b", 5, 3, "! 1/1 SF"}, Row{"02", "00", 3, 0, "! 0/1 S0"}, Row{"02", "14", 1, 1, "! 0/1 REJ"},
        Row{"06", "12", 2, 1, "! 0/1 RSTO"}, Row{"1a", "1a", 5, 3, "! 1/1 S1"}, Row{"18", "18", 5, 3, "? 1/1 OTH"},
        Row{"1a", "1e", 5, 4, "! 1/1 RSTR"}, Row{"12", "00", 2, 0, "? 1/1 S0"}}) {
    CAPTURE(row.ts);
    CAPTURE(row.tc);
    const Read r = read(RecordFormat::suricata_eve, eve(row.ts, row.tc, row.out, row.in));
    REQUIRE(r.flows.flows.size() == 1);
    CHECK(lines(r)[0] == "198.51.100.7>192.0.2.20 tcp/443" + std::string(row.expected) + " " +
                             std::to_string(row.out) + ":500 " + std::to_string(row.in) +
                             (row.in == 0 ? ":0 tls" : ":300 tls"));
    CHECK(to_string(r.flows.flows[0].first) == "2026-11-18T11:06:40.010Z");
  }
}

TEST_CASE("Suricata: netflow directions are paired, others skipped, drops kept") {
  const auto netflow = [](const char* from, int sp, const char* to, int dp, const char* flags, const char* at) {
    return std::string(R"({"timestamp":"2026-11-18T11:07:00Z","event_type":"netflow","src_ip":")") + from +
           R"(","src_port":)" + std::to_string(sp) + R"(,"dest_ip":")" + to + R"(","dest_port":)" +
           std::to_string(dp) + R"(,"proto":"TCP","netflow":{"pkts":4,"bytes":400,"start":")" + at +
           R"(","end":")" + at + R"("},"tcp":{"tcp_flags":")" + flags + "\"}}\n";
  };
  const Read r = read(RecordFormat::suricata_eve,
                      netflow("192.0.2.20", 443, "198.51.100.7", 40000, "1a", "2026-11-18T11:06:40.2Z") +
                          netflow("198.51.100.7", 40000, "192.0.2.20", 443, "1a", "2026-11-18T11:06:40.1Z") +
                          "{\"timestamp\":\"x\",\"event_type\":\"dns\",\"dns\":{}}\n"
                          "{\"event_type\":\"stats\",\"stats\":{\"capture\":{\"kernel_drops\":17}}}\n");
  CHECK(lines(r) == Lines{"198.51.100.7>192.0.2.20 tcp/443? 1/1 S1 4:400 4:400"});
  CHECK(r.note == "Suricata EVE log, 2 records, 2 skipped");
  CHECK(r.flows.sources.at(0).dropped == 17);
}

TEST_CASE("protocols by every name that sensors write") {
  for (const auto& [word, number] : {std::pair<const char*, int>{"TCP", 6}, {"6", 6}, {"006", 6}, {"ICMP6", 58},
                                     {"IPv6-ICMP", 58}, {"icmpv6", 58}, {"Frag6", 44}, {"IPv6-Frag", 44},
                                     {"NoHe6", 59}, {"IPIP", 4}, {"IPv4", 4}, {"OSPFIGP", 89}, {"ospf", 89},
                                     {"HOPOPT", 0}, {"0", 0}, {"AX.25", 93}, {"NSH", 144}, {"255", 255}}) {
    CAPTURE(word);
    const std::optional<Protocol> protocol = parse_sensor_protocol(word);
    REQUIRE(protocol.has_value());
    CHECK(int{protocol->number()} == number);
  }
  for (const char* word : {"", "-", "tpc", "256", "unknown_transport"}) {
    CAPTURE(word);
    CHECK_FALSE(parse_sensor_protocol(word).has_value());
  }
}

// ---------------------------------------------------------------- nfdump

TEST_CASE("nfdump's CSV: both generations, ICMP in the port, the summary is none") {
  const std::string old_header = "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt\n";
  const std::string there =
      "2026-11-18 11:06:40,2026-11-18 "
      "11:06:40,0.070,198.51.100.7,192.0.2.20,40000,443,TCP,...AP.SF,0,0,5,205,0,0\n";
  const std::string back =
      "2026-11-18 11:06:40,2026-11-18 "
      "11:06:40,0.050,192.0.2.20,198.51.100.7,443,40000,TCP,...AP.SF,0,0,3,170,0,0\n";
  const std::string summary = "Summary\nflows,bytes,packets,avg_bps,avg_pps,avg_bpp\n2,375,8,1,1,1\n";
  const Lines expected{"198.51.100.7>192.0.2.20 tcp/443? 1/1 SF 5:205 3:170"};
  CHECK(lines(read(RecordFormat::nfdump_csv, old_header + there + back + summary)) == expected);
  CHECK(lines(read(RecordFormat::nfdump_csv, old_header + back + there + summary)) == expected);
  CHECK(
      lines(read(RecordFormat::nfdump_csv,
                 old_header + "2026-11-18 11:06:40,2026-11-18 11:06:40,0.070,198.51.100.7,192.0.2.20,40000,443,TCP,"
                              "...AP.SF,0,0,5,205,3,170\n")) == expected);
  CHECK(lines(read(RecordFormat::nfdump_csv,
                   "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,bps,bpp,flows\n"
                   "1795000000.009,00:00:00.070,TCP,198.51.100.7,40000,192.0.2.20,22,5,205,1,41,1\n"
                   "2026-11-18 11:06:40.119,0.000,ICMP,198.51.100.7,0,192.0.2.20,8.0,1,48,1,48,1\n"
                   "2026-11-18 11:06:40.129,0.000,ICMP,192.0.2.20,0,198.51.100.7,0.0,1,48,1,48,1\n")) ==
        Lines{"198.51.100.7>192.0.2.20 icmp/8/0! 1/1 SF 1:48 1:48",
              "198.51.100.7>192.0.2.20 tcp/22? 0/1 S0 5:205 0:0"});
  const Read people =
      read(RecordFormat::nfdump_csv, old_header + there + back +
                                         "2026-11-18 11:06:40,2026-11-18 11:06:40,0.1,192.0.2.1,192.0.2.2,1,"
                                         "2,UDP,........,0,0,1.2 M,1,0,0\n");
  CHECK(people.flows.sources.at(0).problem ==
        "1 unreadable record, the first in line 4, column 86: '1.2 M' is no number");
}

TEST_CASE("nfdump: a SYN without ACK asked, and a direction of resets refused") {
  const std::string header = "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt\n";
  CHECK(lines(read(RecordFormat::nfdump_csv,
                   header + "2026-11-18 11:06:40,2026-11-18 "
                            "11:06:40,0.0,192.0.2.20,198.51.100.7,23,40002,TCP,...A.R..,0,0,1,40,0,0\n"
                            "2026-11-18 11:06:40,2026-11-18 "
                            "11:06:40,0.0,198.51.100.7,192.0.2.20,40002,23,TCP,......S.,0,0,1,40,0,0\n")) ==
        Lines{"198.51.100.7>192.0.2.20 tcp/23! 0/1 REJ 1:40 1:40"});
}

TEST_CASE("nfdump's JSON: an array or lines, sampling said and not told") {
  const std::string one =
      R"({"type":"FLOW","sampled":1,"t_first":"2026-11-18T11:06:40.1","t_last":"2026-11-18T11:06:40.2","in_packets":2,"in_bytes":96,"proto":17,"src_port":5353,"dst_port":53,"src6_addr":"2001:db8::7","dst6_addr":"2001:db8::20"})";
  const Lines expected{"2001:db8::7>2001:db8::20 udp/53! 0/1 S0 2:96 0:0"};
  Read r = read(RecordFormat::nfdump_json, "[\n" + one + "\n]\n");
  CHECK(lines(r) == expected);
  CHECK(r.flows.sources.at(0).problem ==
        "nfdump says that packets were sampled, and not how many: give --sampling N");
  RecordFlowOptions sampled;
  sampled.sampling = 100;
  r = read(RecordFormat::nfdump_json, {one + "\n"}, sampled);
  CHECK(lines(r) == expected);
  CHECK(r.flows.sources.at(0).sampling == 100);
  CHECK(r.flows.sources.at(0).problem == "");
  r = read(RecordFormat::nfdump_json, "[\n" + one + ",\n{\"type\":\"FL");
  CHECK(r.flows.sources.at(0).truncated);
  CHECK_FALSE(r.flows.complete);
}

// ---------------------------------------------------------------- AWS

namespace {
constexpr const char* kAwsHead =
    "version interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action tcp-flags "
    "pkt-srcaddr pkt-dstaddr log-status\n";
std::string aws(const std::string& ends, const char* counts, const char* action, const char* flags,
                const char* real = "- -", const char* eni = "eni-1") {
  return "5 " + std::string(eni) + " " + ends + " 6 " + counts + " 1795000000 1795000060 " + action + " " + flags +
         " " + real + " OK\n";
}
}  // namespace

TEST_CASE("AWS: 2 asked, 18 answered; filters refuse; translations are seen through") {
  const std::string there = "198.51.100.7 192.0.2.20 40000 443", back = "192.0.2.20 198.51.100.7 443 40000";
  struct Row {
    std::string text;
    const char* expected;
  };
  for (const Row& row : {
           Row{aws(back, "3 370", "ACCEPT", "19") + aws(there, "5 405", "ACCEPT", "3"),
               "198.51.100.7>192.0.2.20 tcp/443! 1/1 SF 5:405 3:370"},
           Row{aws(there, "3 120", "REJECT", "2"), "198.51.100.7>192.0.2.20 tcp/443! 0/1 REJ 3:120 0:0"},
           Row{aws(there, "1 40", "ACCEPT", "2") + aws(back, "1 40", "ACCEPT", "4"),
               "198.51.100.7>192.0.2.20 tcp/443! 0/1 REJ 1:40 1:40"},
           Row{aws(there, "2 80", "ACCEPT", "6") + aws(back, "1 44", "ACCEPT", "18"),
               "198.51.100.7>192.0.2.20 tcp/443! 0/1 RSTO 2:80 1:44"},
           Row{aws(back, "9 900", "ACCEPT", "0") + aws(there, "9 900", "ACCEPT", "0"),
               "198.51.100.7>192.0.2.20 tcp/443? 1/1 OTH 9:900 9:900"},
           Row{aws(back, "3 370", "ACCEPT", "19", "192.0.2.20 203.0.113.9") +
                   aws(there, "5 405", "ACCEPT", "3", "203.0.113.9 192.0.2.20"),
               "198.51.100.7>192.0.2.20 tcp/443! 1/1 SF 5:405 3:370 really 203.0.113.9>192.0.2.20"},
           Row{aws(there, "5 405", "ACCEPT", "3") + aws(there, "5 405", "ACCEPT", "3", "- -", "eni-2") +
                   aws(back, "3 370", "ACCEPT", "19"),
               "198.51.100.7>192.0.2.20 tcp/443! 1/1 SF 5:405 3:370"},  // a second interface saw the same packets
       }) {
    CAPTURE(row.text);
    CHECK(lines(read(RecordFormat::aws_vpc, kAwsHead + row.text)) == Lines{row.expected});
  }
}

TEST_CASE("AWS's default format has no flags: answers of bare headers are refusals") {
  const std::string a = "2 123456789012 eni-1 ", at = " 1795000000 1795000060 ACCEPT OK\n";
  CHECK(lines(read(RecordFormat::aws_vpc, a + "198.51.100.7 192.0.2.20 40000 443 6 5 405" + at + a +
                                              "192.0.2.20 198.51.100.7 443 40000 6 3 370" + at)) ==
        Lines{"198.51.100.7>192.0.2.20 tcp/443? 1/1 OTH 5:405 3:370"});
  CHECK(lines(read(RecordFormat::aws_vpc, a + "198.51.100.7 192.0.2.20 40000 443 6 3 180" + at + a +
                                              "192.0.2.20 198.51.100.7 443 40000 6 3 120" + at)) ==
        Lines{"198.51.100.7>192.0.2.20 tcp/443? 0/1 REJ 3:180 3:120"});
  const Read gap = read(RecordFormat::aws_vpc, a + "- - - - - - - 1795000000 1795000060 - SKIPDATA\n" + a +
                                                   "- - - - - - - 1795000000 1795000060 - NODATA\n");
  CHECK(gap.note == "AWS VPC flow log, 0 records, 2 skipped");
  CHECK(gap.flows.sources.at(0).problem == "1 record says SKIPDATA: flows are missing from the log");
}

TEST_CASE("a conversation that goes on in the next file is one") {
  const std::string there = "198.51.100.7 192.0.2.20 40000 443";
  std::string later = aws(there, "2 80", "ACCEPT", "1");
  later.replace(later.find("1795000000 1795000060"), 21, "1795000060 1795000120");
  const Read r = read(RecordFormat::aws_vpc, {kAwsHead + aws(there, "5 405", "ACCEPT", "2"), kAwsHead + later});
  CHECK(lines(r) == Lines{"198.51.100.7>192.0.2.20 tcp/443! 0/1 SH 7:485 0:0"});
  CHECK(r.flows.sources.size() == 2);
}

// ---------------------------------------------------------------- Azure

TEST_CASE("Azure: B, C and E are one conversation, D is refused, version 1 counts nothing") {
  const auto log = [](const std::string& tuples) {
    return R"({"records":[{"macAddress":"0A1","category":"FlowLogFlowEvent","flowRecords":{"flows":[{"flowGroups":[{"rule":"r","flowTuples":[)" +
           tuples + "]}]}]}}]}";
  };
  const std::string vnet = ",198.51.100.7,192.0.2.20,40000,443,6,I,";
  CHECK(lines(read(RecordFormat::azure, log("\"1795000000010" + vnet + "B,NX,0,0,0,0\",\"1795000300010" + vnet +
                                            "C,NX,5,405,3,370\",\"1795000600010" + vnet + "E,NX,1,40,1,44\""))) ==
        Lines{"198.51.100.7>192.0.2.20 tcp/443? 1/1 OTH 6:445 4:414"});
  CHECK(lines(read(RecordFormat::azure, log("\"1795000000010" + vnet + "B,NX,0,0,0,0\""))) ==
        Lines{"198.51.100.7>192.0.2.20 tcp/443? 0/1 S0 0:0 0:0"});
  CHECK(lines(read(RecordFormat::azure, log("\"1795000000010" + vnet + "D,NX,0,0,0,0\""))) ==
        Lines{"198.51.100.7>192.0.2.20 tcp/443? 0/1 REJ 1:0 0:0"});
  CHECK(lines(read(RecordFormat::azure, log("\"1795000000,198.51.100.7,192.0.2.20,5000,53,U,I,A,B,,,,\","
                                            "\"1795000300,198.51.100.7,192.0.2.20,5000,53,U,I,A,E,1,60,1,80\""))) ==
        Lines{"198.51.100.7>192.0.2.20 udp/53! 1/1 SF 1:60 1:80"});
  const Read v1 = read(RecordFormat::azure, log("\"1795000000,198.51.100.7,192.0.2.20,40000,443,T,I,A\""));
  CHECK(lines(v1) == Lines{"198.51.100.7>192.0.2.20 tcp/443? 0/1 S0 1:0 0:0"});
  CHECK(v1.flows.sources.at(0).problem ==
        "flow tuples of version 1 count no packets: which conversations were answered is not known");
  CHECK(read(RecordFormat::azure, "{\"records\":[{\n \"flowTuples\":[x]}]}").error ==
        "f1:2:16: error: no JSON: syntax error\n  the log is broken from here on\n");
  const std::string denied = log("\"1795000000010" + vnet + "D,NX,0,0,0,0\"");
  const Read cut = read(RecordFormat::azure, denied.substr(0, denied.size() - 5));
  CHECK(cut.error == "");
  CHECK(cut.flows.sources.at(0).truncated);
}

// ---------------------------------------------------------------- all of them

namespace {
struct Seed {
  const char* file;
  RecordFormat format;
};
constexpr Seed kSeeds[] = {
    {"zeek_conn/log.tsv", RecordFormat::zeek_tsv},         {"zeek_conn/log.json", RecordFormat::zeek_json},
    {"suricata_eve/eve.json", RecordFormat::suricata_eve}, {"nfdump/old.csv", RecordFormat::nfdump_csv},
    {"nfdump/new.csv", RecordFormat::nfdump_csv},          {"nfdump/array.json", RecordFormat::nfdump_json},
    {"nfdump/lines.json", RecordFormat::nfdump_json},      {"aws_vpc/default.txt", RecordFormat::aws_vpc},
    {"aws_vpc/custom.txt", RecordFormat::aws_vpc},         {"azure_flows/vnet.json", RecordFormat::azure},
    {"azure_flows/nsg.json", RecordFormat::azure},
};
std::string seed_text(const char* file) {
  return file_text(std::filesystem::path(DEMARC_TESTS_DIR) / "fuzz" / "corpus" / file);
}
}  // namespace

TEST_CASE("what a file is, its content tells; what must be converted first is named") {
  for (const Seed& seed : kSeeds) {
    CAPTURE(seed.file);
    const std::string text = seed_text(seed.file);
    REQUIRE(text.size() > 100);
    const Result<std::optional<RecordFormat>> format = record_format(std::string_view(text).substr(0, 4096));
    REQUIRE(format);
    CHECK(*format == seed.format);
  }
  CHECK(record_format(std::string("\x0c\xa5\x02\x00", 4)).error().what == "this is a binary file of nfcapd");
  CHECK(record_format(std::string("\x00\x05\x00\x01", 4)).error().what ==
        "this looks like NetFlow or IPFIX packets (version 5)");
  for (const char* other : {"", "demarc: 1\n", "{\"a\":1}", "a,b,c\n", "2 3 4\n"})
    CHECK_FALSE(*record_format(other));
}

TEST_CASE("in any pieces the same, and cut anywhere never worse than cut") {
  for (const Seed& seed : kSeeds) {
    CAPTURE(seed.file);
    const std::string text = seed_text(seed.file);
    const Read whole = read(seed.format, text);
    REQUIRE(whole.error == "");
    REQUIRE(!whole.flows.flows.empty());
    for (const std::size_t piece : std::initializer_list<std::size_t>{1, 7, 64}) {
      const Read pieces = read(seed.format, {text}, {}, piece);
      CHECK(flow_records(pieces.flows) == flow_records(whole.flows));
    }
    for (std::size_t n = 0; n < text.size(); ++n) {
      const Read part = read(seed.format, text.substr(0, n));
      CHECK(part.flows.flows.size() <= whole.flows.flows.size());
      if (part.error.empty() && n != 0 && !part.flows.sources.empty())
        CHECK(part.flows.sources[0].undecoded <= whole.flows.sources[0].undecoded);
    }
  }
}

TEST_CASE("a gigabyte without a line end costs a line's memory, and one record") {
  const std::string piece(1 << 20, 'x');
  for (const Seed& seed : kSeeds) {
    if (seed.format == RecordFormat::azure) continue;  // no JSON: an error at once
    CAPTURE(seed.file);
    RecordFlows flows({});
    std::unique_ptr<RecordReader> reader = record_reader(seed.format, flows, "f", "");
    REQUIRE(reader->feed(seed_text(seed.file)));
    if (seed.format == RecordFormat::nfdump_json) REQUIRE(reader->feed("{\"a\":\""));
    for (int i = 0; i < 16; ++i) REQUIRE(reader->feed(piece));
    const Result<std::string> note = reader->finish();
    REQUIRE(note);
  }
}

TEST_CASE("more conversations than fit: what is given up is counted") {
  RecordFlowOptions options;
  options.conversations_max = 10;
  options.records_max = 40;
  std::string text = kAwsHead;
  for (int i = 0; i < 1000; ++i)
    text += aws("198.51.100.7 192.0.2.20 " + std::to_string(1000 + i) + " " + std::to_string(2000 + i), "1 40",
                "ACCEPT", "2");
  const Read r = read(RecordFormat::aws_vpc, {text}, options);
  CHECK(r.flows.flows.size() == 30);  // a quarter stays free for what is used
  std::uint64_t conversations = 0;
  for (const ObservedFlow& f : r.flows.flows) conversations += f.conversations;
  CHECK(conversations == 30);
  CHECK(r.flows.sources.at(0).aggregated >= 970);
}
