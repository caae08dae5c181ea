// How fast flow records are read, with a bare walk over the same lines beside it in the same run:
//   flow_records_bench [RECORDS]      default 1,000,000
// Each format's text is made in memory (documentation addresses, 4,096 clients, 16 servers and ports).
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "rules/evidence/flow_records.h"
#include "rules/evidence/readers/record_reader.h"

namespace {

using namespace demarc;

struct Text {
  const char* name;
  std::optional<RecordFormat> format;  // none: demarc's own
  std::string text;
};

std::string client(int i) { return fmt::format("198.51.{}.{}", 100 + ((i >> 8) & 15), i & 255); }
std::string server(int i) { return fmt::format("192.0.2.{}", i & 15); }

std::vector<Text> texts(int records) {
  Text own{"demarc", {}, flow_header(std::vector<FlowSource>(1))};
  Text tsv{
      "Zeek TSV", RecordFormat::zeek_tsv,
      "#separator "
      "\\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\t"
      "duration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\t"
      "orig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\n"};
  Text json{"Zeek JSON", RecordFormat::zeek_json, {}};
  Text eve{"Suricata EVE", RecordFormat::suricata_eve, {}};
  Text csv{"nfdump CSV", RecordFormat::nfdump_csv, "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt\n"};
  Text aws{"AWS", RecordFormat::aws_vpc, {}};
  ObservedFlow flow;
  flow.protocol = Protocol::tcp;
  flow.conversations = flow.established = 1;
  flow.states.add(ConnState::SF);
  FlowEvidence none;
  for (int i = 0; i < records; ++i) {
    const std::string c = client(i), s = server(i >> 3);
    const int from = 1024 + i % 60000, to = 440 + (i & 15);
    const auto at = fmt::format("{}.{:06}", 1795000000 + i / 1000, i % 1000000);
    flow.initiator = *parse_address(c);
    flow.responder = *parse_address(s);
    flow.port = Port(static_cast<std::uint16_t>(to));
    flow.first = flow.last = Timestamp::from_seconds(1795000000 + i / 1000);
    own.text += flow_record(flow, none);
    tsv.text += fmt::format(
        "{}\tCx{}\t{}\t{}\t{}\t{}\ttcp\tssl\t0.25\t120\t3000\tSF\tF\tT\t0\tShADadFf\t9\t600\t8\t3400\t-\n", at, i,
        c, from, s, to);
    json.text += fmt::format(
        R"({{"ts":{},"uid":"Cx{}","id.orig_h":"{}","id.orig_p":{},"id.resp_h":"{}","id.resp_p":{},"proto":"tcp","service":"ssl","duration":0.25,"orig_bytes":120,"resp_bytes":3000,"conn_state":"SF","missed_bytes":0,"history":"ShADadFf","orig_pkts":9,"orig_ip_bytes":600,"resp_pkts":8,"resp_ip_bytes":3400}})"
        "\n",
        at, i, c, from, s, to);
    eve.text += fmt::format(
        R"({{"timestamp":"2026-11-18T11:06:41.000000+0000","flow_id":{},"event_type":"flow","src_ip":"{}","src_port":{},"dest_ip":"{}","dest_port":{},"proto":"TCP","app_proto":"tls","flow":{{"pkts_toserver":9,"pkts_toclient":8,"bytes_toserver":700,"bytes_toclient":3500,"start":"2026-11-18T11:06:40.000000+0000","end":"2026-11-18T11:06:41.000000+0000","age":1,"state":"closed","reason":"timeout","alerted":false}},"tcp":{{"tcp_flags":"1b","tcp_flags_ts":"1b","tcp_flags_tc":"1b","syn":true,"fin":true,"psh":true,"ack":true,"state":"closed"}}}})"
        "\n",
        i, c, from, s, to);
    const bool back = (i & 1) != 0;
    const std::string one = client(i >> 1), two = server(i >> 4);
    const int p = 1024 + (i >> 1) % 60000, q = 440 + ((i >> 1) & 15);
    csv.text +=
        fmt::format("2026-11-18 11:06:40,2026-11-18 11:06:41,1.000,{},{},{},{},TCP,...AP.SF,0,0,9,600,0,0\n",
                    back ? two : one, back ? one : two, back ? q : p, back ? p : q);
    aws.text += fmt::format("2 123456789012 eni-1 {} {} {} {} 6 9 600 1795000000 1795000060 ACCEPT OK\n",
                            back ? two : one, back ? one : two, back ? q : p, back ? p : q);
  }
  tsv.text += "#close\t2026-11-18-12-00-00\n";
  own.text += flow_end(static_cast<std::uint64_t>(records));
  std::vector<Text> all;
  for (Text* t : {&own, &tsv, &json, &eve, &csv, &aws}) all.push_back(std::move(*t));
  return all;
}

/// Of this process's own processor time: the machine may be busy with others.
template <typename Work>
double seconds(Work&& work) {
  const std::clock_t begin = std::clock();
  work();
  return std::max(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, 1e-6);
}

}  // namespace

int main(int argc, char** argv) {
  const int records = argc > 1 ? std::atoi(argv[1]) : 1'000'000;
  fmt::print("{:<14} {:>9} {:>12} {:>9} {:>12} {:>10}\n", "format", "MB", "records/s", "us each", "bare walk",
             "ratio");
  for (const Text& t : texts(records)) {
    std::size_t lines = 0;
    const double bare = seconds([&] {
      for (const char *at = t.text.data(), *end = at + t.text.size(); at < end; ++lines) {
        const void* stop = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
        at = stop == nullptr ? end : static_cast<const char*>(stop) + 1;
      }
    });
    std::size_t flows = 0;
    const double read = seconds([&] {
      if (!t.format) {
        const auto evidence = read_flow_records("bench", t.text);
        if (!evidence) std::exit(1);
        flows = evidence->flows.size();
        return;
      }
      RecordFlowOptions options;
      options.hash_key = 42;
      RecordFlows collected(options);
      auto reader = record_reader(*t.format, collected, "bench", "");
      for (std::size_t at = 0; at < t.text.size(); at += 1U << 20)
        if (!reader->feed(std::string_view(t.text).substr(at, 1U << 20))) std::exit(1);
      if (!reader->finish()) std::exit(1);
      flows = collected.finish().flows.size();
    });
    if (lines < static_cast<std::size_t>(records) || flows == 0) return 1;
    fmt::print("{:<14} {:>9.1f} {:>12.0f} {:>9.3f} {:>10.0f} M {:>9.0f}x\n", t.name,
               static_cast<double>(t.text.size()) / 1e6, records / read, read / records * 1e6,
               static_cast<double>(lines) / bare / 1e6, read / bare);
  }
  return 0;
}
