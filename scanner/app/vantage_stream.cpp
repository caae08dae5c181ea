#include "scanner/app/vantage_stream.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/evidence/journal.h"

namespace demarc {

namespace {
constexpr std::size_t kLineMax = 1U << 20;  // our own stay below 24 KiB
constexpr std::size_t kPieceLines = 512;
}  // namespace

std::unexpected<Error> VantageStream::refuse(std::uint32_t line, std::string what, std::string hint) const {
  return std::unexpected(Error{Location{.file = expected_.file, .line = line}, std::move(what), std::move(hint)});
}

Result<void> VantageStream::check_header(const ScanHeader& h) const {
  if (h.vantage != expected_.vantage)
    return refuse(1, fmt::format("the journal is from '{}', not from '{}'", h.vantage, expected_.vantage));
  if (h.rules_sha256 != expected_.rules_sha256)
    return refuse(1, "the journal was made by another rule set",
                  "give the rule set it was made by, or begin a new journal");
  if (h.shard != expected_.shard || h.shards != expected_.shards)
    return refuse(1, fmt::format("the journal is of shard {}/{}, not {}/{}", h.shard, h.shards, expected_.shard,
                                 expected_.shards));
  return {};
}

/// `lines`: whole lines. Each piece is read as a journal of its own behind the header, so that nothing adds up in
/// memory, however long the stream.
Result<void> VantageStream::check(std::string_view lines) {
  std::uint32_t before = lines_;  // lines that came earlier
  bool first = header_line_.empty();
  JournalReader reader(expected_.file);
  Result<void> read = first ? Result<void>() : reader.feed(header_line_);
  if (read) read = reader.feed(lines);
  Result<ScanRun> run = read ? reader.finish() : std::unexpected(read.error());
  std::uint32_t shift = first ? 0 : before - 1;
  if (!run) {
    Error error = run.error();
    if (error.where.line != 0) error.where.line += shift;
    return std::unexpected(std::move(error));
  }
  if (first) {
    DEMARC_TRY(check_header(run->header));
  } else if (summary_ && !lines.starts_with("{\"resumed\"")) {
    return refuse(before + 1, "the journal goes on after its end record");
  }
  std::uint64_t open = 0;
  for (const Outcome& o : run->outcomes) {
    if (!expected_.scope->admits(o.target))
      return refuse(o.record + shift,
                    fmt::format("an outcome of {}, which is outside of our scope", to_string(o.target)),
                    "that machine sent what nobody here authorised, or did not write this itself: look at it");
    if (o.state == PortState::open) open += o.protocol.has_ports() ? o.ports.size() : 1;
  }
  for (const CanaryLook& look : run->canaries)
    if (!expected_.scope->admits(look.target))
      return refuse(before + 1, fmt::format("a look at {}, which is outside of our scope", to_string(look.target)));
  if (first) {
    header_ = run->header;
    header_line_ = lines.substr(0, lines.find('\n') + 1);
  }
  open_ += open;
  summary_ = run->summary;
  lines_ += static_cast<std::uint32_t>(std::count(lines.begin(), lines.end(), '\n'));
  return {};
}

Result<void> VantageStream::resume(std::string_view journal) {
  for (std::size_t begin = 0; begin < journal.size();) {
    std::size_t end = begin;
    for (std::size_t n = 0; n < kPieceLines && end < journal.size(); ++n)
      end = std::min(journal.find('\n', end), journal.size() - 1) + 1;
    std::string_view piece = journal.substr(begin, end - begin);
    summary_.reset();  // what a file holds after its end record was judged when it came
    DEMARC_TRY(check(piece));
    begin = end;
  }
  bytes_ = journal.size();
  return {};
}

Result<void> VantageStream::feed(std::string_view bytes) {
  bytes_ += bytes.size();
  if (bytes_ > kBytesMax) return refuse(lines_, "the journal is larger than any scan makes it");
  pending_ += bytes;
  std::size_t last = pending_.rfind('\n');
  if (last == std::string::npos) {
    if (pending_.size() > kLineMax) return refuse(lines_ + 1, "a line without end");
    return {};
  }
  std::string lines = pending_.substr(0, last + 1);
  pending_.erase(0, last + 1);
  // The header stands alone, so that nothing behind it is read before it was accepted.
  std::string_view rest = lines;
  while (!rest.empty()) {
    std::size_t size = begun() ? rest.size() : rest.find('\n') + 1;
    std::string_view piece = rest.substr(0, size);
    Result<void> good = check(piece);
    if (!good && std::count(piece.begin(), piece.end(), '\n') > 1) {
      // Line by line: what came before the bad one is evidence.
      size = piece.find('\n') + 1;
      piece = piece.substr(0, size);
      good = check(piece);
    }
    if (!good) return good;
    DEMARC_TRY(keep_(piece));
    rest.remove_prefix(size);
  }
  return {};
}

}  // namespace demarc
