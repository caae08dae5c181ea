// Who opened it? demarc and its peers on one generated capture, against what was made, kind by kind:
//   opener_bench [--count N] [--seed N] [--snaplen N] [--alone] [--dir DIR] [--all-kinds]
// Each kind has N conversations (default 2000). Prints Markdown. Exit code 1 where demarc misses its aims: 99.95
// percent of every kind, and nothing wrong that is called certain.
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>

#include "scanner/app/evidence_files.h"
#include "scanner/passive/listener.h"
#include "tests/bench/opener_peers.h"
#include "tests/support/traffic/kinds.h"
#include "tests/support/traffic/score.h"

namespace {

using namespace demarc;
using namespace demarc::traffic;

struct Options {
  std::uint32_t count = 2000, snaplen = 262144;
  std::uint64_t seed = 1;
  bool alone = false, all_kinds = false;
  std::string folder;
};

std::optional<Options> read_options(int argc, char** argv) {
  Options o;
  const auto number = [&](int i, auto& out) {
    if (i >= argc) return false;
    const char* end = argv[i] + std::strlen(argv[i]);
    const auto [stop, error] = std::from_chars(argv[i], end, out);
    return error == std::errc{} && stop == end && out != 0;
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--alone")
      o.alone = true;
    else if (word == "--all-kinds")
      o.all_kinds = true;
    else if (word == "--dir" && i + 1 < argc)
      o.folder = argv[++i];
    else if (!(word == "--count" && number(++i, o.count)) && !(word == "--seed" && number(++i, o.seed)) &&
             !(word == "--snaplen" && number(++i, o.snaplen)))
      return std::nullopt;
  }
  return o;
}

std::vector<SaidFlow> by_demarc(const std::string& capture) {
  ObserveRequest request;
  request.captures = {{capture, ""}};
  request.flow.per_conversation = true;
  server_ports(nullptr, request.flow.server_ports_tcp, request.flow.server_ports_udp);
  const Result<FlowEvidence> evidence = observe(request);
  if (!evidence) {
    fmt::print(stderr, "{}\n", evidence.error().what);
    std::exit(2);
  }
  std::vector<SaidFlow> out;
  for (const ObservedFlow& flow : evidence->flows) out.push_back(said(flow, *evidence));
  for (const TrafficNoise& n : evidence->noise)
    fmt::print("demarc: noise {} of {} attempts, {} initiators, {} responders\n", name(n.kind), n.attempts,
               n.initiators, n.responders);
  return out;
}

std::string percent(const KindScore* k, bool missing_counts) {
  if (k == nullptr || k->flows == k->missing) return "";
  // A peer is not asked about what it does not report at all (tshark's tables hold TCP and UDP).
  return fmt::format("{:.2f}", 100.0 * static_cast<double>(k->right) /
                                   static_cast<double>(k->flows - (missing_counts ? 0 : k->missing)));
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Options> options = read_options(argc, argv);
  if (!options) {
    fmt::print(stderr, "usage: {} [--count N] [--seed N] [--snaplen N] [--alone] [--all-kinds] [--dir DIR]\n",
               argv[0]);
    return 2;
  }
  std::string folder = options->folder;
  if (folder.empty()) {
    std::string pattern = (std::filesystem::temp_directory_path() / "opener_bench.XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) return 2;
    folder = pattern;
  }
  const std::string capture = folder + "/kinds.pcap";
  const MadeCapture made = make_kinds(options->seed, options->count);
  if (!made.write(capture, LinkType::ethernet, options->snaplen) ||
      !write_truth(folder + "/kinds.truth.jsonl", made.flows())) {
    fmt::print(stderr, "{} cannot be written\n", folder);
    return 2;
  }
  fmt::print("{} packets, {} conversations\n\n", made.packets().size(), made.flows().size());

  const Score demarc = score(made.flows(), by_demarc(capture), true);
  std::vector<std::pair<std::string, Score>> peers;
  if (!options->alone)
    for (const Peer& peer : opener_peers())
      if (const auto said = peer.ask(capture, folder))
        peers.emplace_back(peer.name, score(made.flows(), *said, false));
  std::string head = "| percent right | conversations | demarc |", line = "| --- | --- | --- |";
  for (const auto& [name, s] : peers) head += " " + name + " |", line += " --- |";
  fmt::print("{}\n{}\n", head, line);
  const auto row = [&](const std::string& kind, const KindScore& k) {
    std::string text = fmt::format("| {} | {} | {} |", kind, k.flows, percent(&k, true));
    for (const auto& [name, s] : peers) {
      const auto found = s.kinds.find(kind);
      text += " " +
              (kind == "**all**" ? percent(&s.all, false)
                                 : percent(found == s.kinds.end() ? nullptr : &found->second, false)) +
              " |";
    }
    fmt::print("{}\n", text);
  };
  int bad = 0;
  for (const auto& [kind, k] : demarc.kinds)
    if (options->all_kinds || kind.find(": ") == std::string::npos || !peers.empty() || k.right_percent() < 99.95)
      row(kind, k);
  row("**all**", demarc.all);

  fmt::print("\ndemarc in detail, where something is not as made:\n");
  for (const auto& [kind, k] : demarc.kinds) {
    // Noise may be folded; then it is no conversation of its own.
    const bool missed = (is_noise(kind) ? k.wrong != 0 : k.right_percent() < 99.95) || k.wrong_certain != 0;
    bad += missed ? 1 : 0;
    if (missed || !k.example.empty())
      fmt::print(
          "{}: {} of {} right, {} called certain, {} of them wrongly; not as made: {} missing, {} states, {} uses, "
          "{} packets, {} bytes, "
          "{} parents; e.g. {}\n",
          kind, k.right, k.flows, k.certain, k.wrong_certain, k.missing, k.state_wrong, k.use_wrong,
          k.packets_wrong, k.bytes_wrong, k.parent_wrong, k.example);
  }
  fmt::print("services: {} missing, {} wrong; parents: {} missing, {} wrong\n", demarc.all.service_missing,
             demarc.all.service_wrong, demarc.all.parent_missing, demarc.all.parent_wrong);
  fmt::print("invented: {} {}\n", demarc.invented, demarc.invented_example);
  if (options->folder.empty()) std::filesystem::remove_all(folder);
  return bad == 0 ? 0 : 1;
}
