#include "scanner/app/scan_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "reports/view/view.h"
#include "rules/evidence/journal.h"
#include "rules/text/escape.h"
#include "scanner/app/console.h"
#include "scanner/app/outputs.h"
#include "scanner/app/world.h"

namespace demarc {

// --- Where it goes -----------------------------------------------------------------------------------------------

Result<JournalOutput> JournalOutput::to_file(const std::string& path, AppendFile::Mode mode) {
  JournalOutput out;
  out.file_.emplace(DEMARC_TRY(AppendFile::open(path, mode)));
  return out;
}

JournalOutput JournalOutput::to_stdout() {
  JournalOutput out;
  out.stdout_ = true;
  return out;
}

Result<void> JournalOutput::append(const std::string& lines) {
  if (file_) return file_->append(lines);
  return stdout_ ? write_stdout(lines) : Result<void>{};
}

Result<void> JournalOutput::close() {
  if (!file_) return {};
  DEMARC_TRY(file_->sync());
  return file_->close();
}

// --- What is written ---------------------------------------------------------------------------------------------

Result<void> JournalSink::on_found(std::span<const ScanFound> found) {
  std::vector<Outcome> outcomes;
  std::vector<ServiceSeen> services;
  for (const ScanFound& f : found) {
    Outcome o = f.outcome;
    o.service = kNoService;
    if (f.service) {
      o.service = static_cast<std::uint32_t>(services.size());
      services.push_back(*f.service);
    }
    count(o, f.service);
    outcomes.push_back(std::move(o));
  }
  return journal_.append(journal_records(outcomes, services, now()));
}

Result<void> JournalSink::on_canary(const CanaryLook& look) { return journal_.append(journal_canary(look)); }

Result<void> JournalSink::on_asked(const AskedSoFar& asked) { return journal_.append(journal_asked(asked, now())); }

Result<void> JournalSink::on_note(const std::string& note) {
  progress_.clear();
  say_note(note);
  return journal_.append(journal_note(note));
}

void JournalSink::on_progress(const ScanProgress& p) {
  Progress::State state;
  state.done = p.done;
  state.total = p.total;
  state.rate = p.rate;
  state.loss = p.loss;
  state.left = p.left;
  state.detail = fmt::format("{} open{}", p.open, p.pass > 1 ? fmt::format(", pass {}", p.pass) : "");
  progress_.show(state);
}

// --- What is shown -----------------------------------------------------------------------------------------------

void JournalSink::count(const Outcome& o, const std::optional<ServiceSeen>& service) {
  Tally& tally = tallies_[o.target];
  const std::uint32_t ports = o.protocol.is_icmp() ? 1 : o.ports.size();
  const std::pair key{o.protocol, o.protocol.is_icmp() ? o.icmp.type : std::uint32_t{o.ports.first.number()}};
  if (o.state == PortState::open) {
    const std::string what = o.protocol.is_icmp()
                                 ? describe(o.target.family(), o.icmp)
                                 : fmt::format("{}/{}", o.ports.first.number(), to_string(o.protocol));
    tally.open.insert_or_assign(key, OpenPort{what, service, o.doubt});
    return;
  }
  // A second step may have shown what an "open" really is.
  if (ports == 1) tally.open.erase(key);
  if (o.doubt != Doubt::none && o.doubt != Doubt::no_canary) tally.doubtful += ports;
  if (o.state == PortState::closed)
    tally.closed += ports;
  else if (o.answer == Answer::rst)
    tally.reset_by_filter += ports;
  else if (o.passage == Passage::blocked)
    tally.refused[o.answered_by.value_or(o.target)] += ports;
  else if (o.state == PortState::open_or_filtered)
    tally.perhaps += ports;
  else
    tally.silent += ports;
}

std::string JournalSink::table() const {
  std::string out;
  for (const auto& [address, tally] : tallies_) {
    std::string host_name;
    for (const PlanTarget& t : plan_.targets)
      if (t.target.address() == address) host_name = t.name;
    out += fmt::format("{}{}: {} open, {} closed, {} silent", to_string(address),
                       host_name.empty() ? "" : fmt::format(" ({})", terminal_safe(host_name)), tally.open.size(),
                       tally.closed, tally.silent);
    if (tally.perhaps != 0) out += fmt::format(", {} open or filtered", tally.perhaps);
    if (tally.reset_by_filter != 0) out += fmt::format(", {} reset by a filter", tally.reset_by_filter);
    for (const auto& [router, ports] : tally.refused)
      out += fmt::format(", {} refused by {}", ports, to_string(router));
    if (tally.doubtful != 0) out += fmt::format(", {} in doubt", tally.doubtful);
    out += '\n';
    for (const auto& [key, o] : tally.open) {
      std::string what = o.service ? o.service->name : "";
      if (o.service && !o.service->tls_inside.empty())
        what += fmt::format(" ({} inside TLS)", o.service->tls_inside);
      if (o.service && !o.service->product.empty())
        what += ' ' + o.service->product + (o.service->version.empty() ? "" : ' ' + o.service->version);
      if (o.service && !o.service->certificate_names.empty())
        what += " for " + o.service->certificate_names.front();
      if (o.service && what == o.service->name && !o.service->evidence.empty())
        what += "  " + clipped(o.service->evidence, 60);
      if (o.doubt != Doubt::none && o.doubt != Doubt::no_canary) what += fmt::format("  [{}]", name(o.doubt));
      out += fmt::format("  {:>9}  {}\n", o.what, terminal_safe(what));
    }
  }
  return out;
}

// --- An earlier part of the run ----------------------------------------------------------------------------------

Result<void> cut_half_line(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return std::unexpected(file_error(path, "cannot be resumed", errno));
  struct stat info {};
  off_t size = fstat(fd, &info) == 0 ? info.st_size : 0;
  off_t end = size;
  std::vector<char> piece(64 * 1024);
  bool found = size == 0;
  while (end > 0 && !found) {
    auto want = static_cast<std::size_t>(std::min<off_t>(end, static_cast<off_t>(piece.size())));
    ssize_t n = pread(fd, piece.data(), want, end - static_cast<off_t>(want));
    if (n != static_cast<ssize_t>(want)) break;
    std::string_view text(piece.data(), want);
    std::size_t newline = text.rfind('\n');
    found = newline != std::string_view::npos;
    end = found ? end - static_cast<off_t>(want) + static_cast<off_t>(newline) + 1 : end - static_cast<off_t>(want);
  }
  bool good = found && (end == size || ftruncate(fd, end) == 0);
  int problem = errno;
  ::close(fd);
  if (!good) return std::unexpected(file_error(path, "cannot be cut back to its last whole record", problem));
  return {};
}

Result<Resumed> read_resumed(const std::string& path, const Selected& s) {
  Resumed r;
  std::string text = DEMARC_TRY(read_whole_file(path, 4ULL << 30));
  r.run = DEMARC_TRY(read_journal(path, text));
  const ScanHeader& h = r.run.header;
  if (h.plan_sha256 != s.plan.sha256()) {
    std::string why = h.vantage != s.plan.vantage
                          ? fmt::format("it was made from '{}', not from '{}'", h.vantage, s.plan.vantage)
                      : h.rules_sha256 != s.plan.rules_sha256 ? "the rule set has changed since"
                                                              : "its ports or targets are others";
    return file_failure(path, "this journal belongs to another plan: " + why,
                        "give the same rule set and options as for the first run, or begin a new journal");
  }
  if (h.shard != s.shard || h.shards != s.shards) {
    return file_failure(
        path, fmt::format("this journal is of shard {}/{}, not {}/{}", h.shard, h.shards, s.shard, s.shards),
        fmt::format("add --shard {}/{}", h.shard, h.shards));
  }
  WorkOrder order(s.plan, h.seed, s.shard, s.shards);
  r.answered.resize(order.total());
  for (const Outcome& o : r.run.outcomes) {
    std::optional<std::uint32_t> target = order.find(o.target);
    if (!target) continue;
    // What only its host's other answers can decide, or a second step, is asked again with them.
    const bool undecided = o.answer == Answer::rst && o.passage == Passage::undetermined && h.method != "connect";
    if (undecided || o.doubt == Doubt::answers_everything) continue;
    if (o.protocol.is_icmp()) {
      if (std::optional<std::uint64_t> n = order.number(*target, o.icmp)) r.answered[*n] = true;
      continue;
    }
    for (std::uint32_t port = o.ports.first.number(); port <= o.ports.last.number(); ++port)
      if (std::optional<std::uint64_t> n =
              order.number(*target, o.protocol, Port(static_cast<std::uint16_t>(port))))
        r.answered[*n] = true;
  }
  return r;
}

}  // namespace demarc
