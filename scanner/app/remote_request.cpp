#include "scanner/app/remote_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/evidence/json_lines.h"
#include "rules/text/escape.h"
#include "rules/text/json_writer.h"

namespace demarc {

namespace {

constexpr std::size_t kLineMax = 16 * 1024, kPartsMax = 400;
constexpr std::uint64_t kRulesMax = 64ULL << 20, kTargetsMax = 64ULL << 20, kJournalMax = 1ULL << 30;

enum Field : std::size_t { kDemarc, kVersion, kPart, kName, kValue, kBytes };
constexpr std::string_view kPaths[] = {"demarc", "version", "part", "name", "value", "bytes"};

std::unexpected<Error> wrong(std::uint32_t line, std::string what) {
  return std::unexpected(Error{Location{.file = "standard input", .line = line},
                               "no request for a scan: " + std::move(what),
                               "--remote is for 'demarc scan --all' on another machine; docs/file-formats.md"});
}

void add_part(std::string& out, std::string_view part, std::string_view name, const std::string& bytes) {
  JsonWriter json;
  json.begin_object()
      .field("part", part)
      .field_unless_empty("name", name)
      .field("bytes", bytes.size())
      .end_object();
  out += json.take() + '\n';
  out += bytes;
}

}  // namespace

std::string remote_request_text(const RemoteRequest& request) {
  std::string out = "{\"demarc\":\"scan-request\",\"version\":1}\n";
  for (const auto& [name, bytes] : request.rules.files) add_part(out, "rules", name, bytes);
  for (const auto& [name, value] : request.rules.variables) {
    JsonWriter json;
    json.begin_object().field("part", "variable").field("name", name).field("value", value).end_object();
    out += json.take() + '\n';
  }
  if (request.targets) add_part(out, "targets", "", *request.targets);
  if (request.journal) add_part(out, "journal", "", *request.journal);
  return out + "{\"part\":\"go\"}\n";
}

Result<void> RemoteRequestReader::feed(std::string_view bytes) {
  while (!bytes.empty() && !complete_) {
    if (part_left_ != 0) {
      std::size_t take = std::min(part_left_, bytes.size());
      part_->append(bytes.substr(0, take));
      part_left_ -= take;
      bytes.remove_prefix(take);
      continue;
    }
    std::size_t end = bytes.find('\n');
    pending_ += bytes.substr(0, end);
    if (pending_.size() > kLineMax) return wrong(lines_ + 1, "a line without end");
    if (end == std::string_view::npos) return {};
    bytes.remove_prefix(end + 1);
    std::string line = std::move(pending_);
    pending_.clear();
    ++lines_;
    DEMARC_TRY(take_line(line));
  }
  pending_ += bytes.substr(0, kLineMax);  // only "stop" may follow
  return {};
}

Result<void> RemoteRequestReader::take_line(std::string_view line) {
  std::string part, name, value;
  std::optional<std::uint64_t> bytes, version;
  bool scan_request = false;
  JsonLineReader reader("standard input", kPaths, [&](const JsonFields& f, std::uint32_t) -> Result<void> {
    part = f.text(kPart);
    name = f.text(kName);
    value = f.text(kValue);
    bytes = f.unsigned_integer(kBytes);
    version = f.unsigned_integer(kVersion);
    scan_request = f.text(kDemarc) == "scan-request";
    return {};
  });
  Result<void> read = reader.feed(std::string(line) + '\n');
  if (!read) return wrong(lines_, read.error().what);
  if (!greeted_) {
    if (!scan_request) return wrong(lines_, "its first line is another one");
    if (version != 1U) return wrong(lines_, fmt::format("its version is {}, not 1", version.value_or(0)));
    greeted_ = true;
    return {};
  }
  if (lines_ > kPartsMax) return wrong(lines_, "too many parts");
  if (part == "go") {
    if (request_.rules.files.empty()) return wrong(lines_, "it brings no rule set");
    complete_ = true;
    return {};
  }
  if (part == "variable") {
    if (name.empty()) return wrong(lines_, "a variable without name");
    request_.rules.variables.emplace_back(std::move(name), std::move(value));
    return {};
  }
  if (!bytes) return wrong(lines_, fmt::format("the part '{}' is not known, or has no size", bytes_escaped(part)));
  std::uint64_t most = 0;
  if (part == "rules") {
    request_.rules.files.emplace_back(std::move(name), "");
    part_ = &request_.rules.files.back().second;
    most = kRulesMax - rules_bytes_;
    rules_bytes_ += std::min(*bytes, most);
  } else if (part == "targets" && !request_.targets) {
    part_ = &request_.targets.emplace();
    most = kTargetsMax;
  } else if (part == "journal" && !request_.journal) {
    part_ = &request_.journal.emplace();
    most = kJournalMax;
  } else {
    return wrong(lines_, fmt::format("the part '{}' is not known, or comes twice", bytes_escaped(part)));
  }
  if (*bytes > most) return wrong(lines_, fmt::format("the part '{}' is too large", part));
  part_left_ = static_cast<std::size_t>(*bytes);  // memory grows with what arrives, not with what is announced
  return {};
}

}  // namespace demarc
