#include "scanner/app/traffic_watch.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace demarc {

namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path;
  Folder() {
    static int number = 0;
    path = fs::temp_directory_path() / fmt::format("demarc-watch-{}-{}", ::getpid(), ++number);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const fs::directory_entry& entry : fs::directory_iterator(path)) out.push_back(entry.path().filename());
    std::sort(out.begin(), out.end());
    return out;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(path / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void touch(const std::string& name) const { std::ofstream(path / name) << "x"; }
};

const Timestamp kFrom = *parse_timestamp("2026-11-28T03:15:00Z");
constexpr std::string_view kFormats[] = {"text", "jsonl", "csv", "json"};
std::string_view by_ending(std::string_view file) {
  return file.ends_with(".jsonl") ? "jsonl" : file.ends_with(".csv") ? "csv" : "";
}

LiveInterval interval_at(Timestamp from, std::uint64_t dropped = 0) {
  LiveInterval interval;
  interval.from = from;
  interval.until = from + std::chrono::seconds(300);
  FlowSource source;
  source.packets = 10;
  source.dropped = dropped;
  interval.evidence.sources.push_back(source);
  return interval;
}

TrafficWatchOptions options_for(std::vector<IntervalOutput> outputs) {
  TrafficWatchOptions options;
  options.outputs = std::move(outputs);
  options.format = "text";
  options.write = [](std::string_view format, const FlowEvidence& evidence, const Verdict* verdict, bool,
                     const TakePiece& take) {
    if (take(fmt::format("{} {}", format, evidence.sources[0].packets)))
      take(fmt::format(" {}", verdict != nullptr));
  };
  options.weakness = [](const FlowEvidence& evidence) {
    return evidence.sources[0].dropped != 0 ? std::string("packets were dropped") : std::string();
  };
  return options;
}

}  // namespace

TEST_CASE("an output is a directory, a name with a time in it, or a name") {
  const Folder folder;
  const std::string dir = folder.path.string();
  auto parsed = parse_interval_outputs(std::vector<std::string>{dir, "csv=" + dir, dir + "/%H.jsonl", "last.csv"},
                                       kFormats, by_ending);
  REQUIRE(parsed.has_value());
  REQUIRE(parsed->size() == 4);
  const auto file_of = [&](const char* format) {
    for (const IntervalOutput& output : *parsed)
      if (output.format == format && !output.directory.empty()) return interval_file(output, kFrom);
    return std::string();
  };
  CHECK(file_of("jsonl") == dir + "/traffic-20261128T031500Z.jsonl");
  CHECK(file_of("csv") == dir + "/traffic-20261128T031500Z.csv");
  CHECK(interval_file((*parsed)[2], kFrom) == dir + "/03.jsonl");
  CHECK(interval_file((*parsed)[3], kFrom) == "last.csv");
  // What is there is never written over.
  folder.touch("traffic-20261128T031500Z.jsonl");
  folder.touch("traffic-20261128T031500Z-2.jsonl");
  CHECK(file_of("jsonl") == dir + "/traffic-20261128T031500Z-3.jsonl");

  CHECK(parse_interval_outputs(std::vector<std::string>{"no/such/folder/"}, kFormats, by_ending).error().what ==
        "cannot be made: No such file or directory");
  CHECK(parse_interval_outputs(std::vector<std::string>{dir + "/new/"}, kFormats, by_ending).has_value());
  CHECK(std::filesystem::is_directory(dir + "/new"));
  CHECK_FALSE(parse_interval_outputs(std::vector<std::string>{"nonsense=" + dir}, kFormats, by_ending).has_value());
  CHECK_FALSE(parse_interval_outputs(std::vector<std::string>{"file.xyz"}, kFormats, by_ending).has_value());
}

TEST_CASE("the newest are kept, and nobody else's file is touched") {
  const Folder folder;
  for (const char* name :
       {"traffic-20261128T031000Z.jsonl", "traffic-20261128T031500Z.jsonl", "traffic-20261128T031500Z-2.jsonl",
        "traffic-20261128T031500Z-10.jsonl", "traffic-20261127T235500Z.jsonl", "traffic-20261128T031500Z.csv",
        "traffic-mine.jsonl", "traffic-20261128T031500Zx.jsonl", "other.jsonl", "traffic-2026112xT031500Z.jsonl"})
    folder.touch(name);
  REQUIRE(keep_newest({"jsonl", folder.path.string(), ""}, 3).has_value());
  CHECK(folder.names() == std::vector<std::string>{"other.jsonl", "traffic-20261128T031500Z-10.jsonl",
                                                   "traffic-20261128T031500Z-2.jsonl",
                                                   "traffic-20261128T031500Z.csv", "traffic-20261128T031500Z.jsonl",
                                                   "traffic-20261128T031500Zx.jsonl",
                                                   "traffic-2026112xT031500Z.jsonl", "traffic-mine.jsonl"});
  CHECK(keep_newest({"jsonl", "", "a.jsonl"}, 1).has_value());
}

TEST_CASE("each interval becomes a file, and what was missing an exit status") {
  const Folder folder;
  TrafficWatchOptions options = options_for({{"jsonl", folder.path.string(), ""}});
  options.keep = 2;
  options.prometheus_file = (folder.path / "demarc.prom").string();
  TrafficWatch watch(std::move(options));
  REQUIRE(watch.begin("eth0", "tap").has_value());
  CHECK(folder.read("demarc.prom").find("demarc_traffic_packets_total{source=\"eth0\",sensor=\"tap\"} 0\n") !=
        std::string::npos);
  for (int i = 0; i < 3; ++i) {
    LiveInterval interval = interval_at(kFrom + std::chrono::seconds(300 * i));
    CHECK(watch.interval(interval));
  }
  CHECK(watch.exit_code() == kConforms);
  CHECK(folder.names() == std::vector<std::string>{"demarc.prom", "traffic-20261128T032000Z.jsonl",
                                                   "traffic-20261128T032500Z.jsonl"});
  CHECK(folder.read("traffic-20261128T032500Z.jsonl") == "jsonl 10 false");
  CHECK(folder.read("demarc.prom").find("packets_total{source=\"eth0\",sensor=\"tap\"} 30\n") != std::string::npos);

  LiveInterval dropping = interval_at(kFrom, 5);
  CHECK(watch.interval(dropping));
  CHECK(watch.exit_code() == kInconclusive);
  fs::remove_all(folder.path);  // and the disk goes away
  LiveInterval lost = interval_at(kFrom);
  CHECK(watch.interval(lost));
  CHECK(watch.exit_code() == kCouldNotRun);
}

TEST_CASE("findings are judged in every interval and count once") {
  const Folder folder;
  TrafficWatchOptions options = options_for({});
  options.prometheus_file = (folder.path / "demarc.prom").string();
  int asked = 0;
  options.judge = [&](FlowEvidence&) {
    Verdict verdict;
    verdict.complete = true;
    for (const char* id : {"aaaaaaaaaaaa", asked == 0 ? "aaaaaaaaaaaa" : "bbbbbbbbbbbb"}) {
      Finding finding;
      finding.id = id;
      finding.kind = FindingKind::flow_undocumented;
      finding.severity = Severity::high;
      finding.title = "198.51.100.7 uses tcp/8443";
      verdict.findings.push_back(finding);
    }
    ++asked;
    return verdict;
  };
  TrafficWatch watch(std::move(options));
  REQUIRE(watch.begin("eth0", "").has_value());
  for (int i = 0; i < 3; ++i) {
    LiveInterval interval = interval_at(kFrom);
    CHECK(watch.interval(interval));
  }
  CHECK(asked == 3);
  CHECK(watch.exit_code() == kFindings);
  CHECK(folder.read("demarc.prom").find("kind=\"flow-undocumented\",severity=\"high\"} 2\n") != std::string::npos);
}

TEST_CASE("a page that cannot be written is known before the watch begins") {
  TrafficWatchOptions options = options_for({});
  options.prometheus_file = "/nonexistent/demarc.prom";
  CHECK_FALSE(TrafficWatch(std::move(options)).begin("eth0", "").has_value());
}

}  // namespace demarc
