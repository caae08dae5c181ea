#include "rules/evidence/readers/record_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rules/evidence/readers/aws_vpc.h"
#include "rules/evidence/readers/azure_flows.h"
#include "rules/evidence/readers/nfdump.h"
#include "rules/evidence/readers/suricata_eve.h"
#include "rules/evidence/readers/zeek_conn.h"
#include "rules/net/app_protocol.h"
#include "rules/text/number.h"

namespace demarc {

namespace {
constexpr std::uint64_t kUnreadableBeforeRefusal = 1000;
constexpr std::size_t kFlawsMax = 1000;  // bytes
constexpr std::size_t kQuotedMax = 400;
}  // namespace

RecordReader::RecordReader(RecordFlows& flows, std::string file, std::string sensor, std::string_view kind)
    : flows_(flows), index_(flows.add_source(std::move(file), std::move(sensor))), kind_(kind) {}

std::unexpected<Error> RecordReader::refuse(std::uint64_t line, std::size_t column, std::string what,
                                            std::string hint) const {
  Error e;
  e.where.file = flows_.source(index_).file;
  e.where.line = static_cast<std::uint32_t>(std::min<std::uint64_t>(line, 0xFFFFFFFF));
  e.where.column = static_cast<std::uint32_t>(std::min<std::size_t>(column, 0xFFFFFFFF));
  e.where.length = 1;
  e.what = std::move(what);
  e.hint = std::move(hint);
  return std::unexpected(std::move(e));
}

Result<void> RecordReader::unreadable(std::uint64_t line, std::size_t column, std::string what,
                                      std::string_view text, std::string hint) {
  ++unreadable_;
  if (!first_) {
    first_ = refuse(line, column, std::move(what), std::move(hint)).error();
    if (text.size() <= kQuotedMax) first_->where.line_text = text;
  }
  if (unreadable_ >= kUnreadableBeforeRefusal && unreadable_ > taken_ + skipped_) return std::unexpected(*first_);
  return {};
}

void RecordReader::add(FlowPiece& piece, std::uint64_t line) {
  piece.file = index_;
  piece.record = static_cast<std::uint32_t>(std::min<std::uint64_t>(line, 0xFFFFFFFF));
  if (flows_.add(piece))
    ++taken_;
  else
    ++skipped_;
  if (piece.protocol.is_icmp() && !piece.icmp) ++untyped_;
}

void RecordReader::flaw(std::string what) {
  if (flaws_.size() + what.size() > kFlawsMax) return;
  flaws_ += (flaws_.empty() ? "" : "; ") + what;
}

Result<std::string> RecordReader::finish() {
  DEMARC_TRY(at_end());
  if (unreadable_ > taken_ + skipped_) {
    if (first_->hint.empty()) first_->hint = "more than one record in two cannot be read: the file is refused";
    return std::unexpected(*first_);
  }
  FlowSource& s = source();
  s.undecoded += unreadable_;
  if (unreadable_ != 0) {
    flaw(fmt::format("{} unreadable record{}, the first in line {}, column {}: {}", grouped_number(unreadable_),
                     unreadable_ == 1 ? "" : "s", first_->where.line, first_->where.column, first_->what));
  }
  if (untyped_ != 0)
    flaw(fmt::format("{} record{} of ICMP without its type {} left out", grouped_number(untyped_),
                     untyped_ == 1 ? "" : "s", untyped_ == 1 ? "was" : "were"));
  if (cut_) {
    s.truncated = true;
    flows_.interrupted();
    flaw("the file ends in the middle of a record");
  }
  if (!flaws_.empty()) s.problem += (s.problem.empty() ? "" : "; ") + flaws_;
  std::string note = fmt::format("{}, {} record{}", kind_, grouped_number(taken_), taken_ == 1 ? "" : "s");
  if (skipped_ != 0) note += fmt::format(", {} skipped", grouped_number(skipped_));
  if (unreadable_ != 0) note += fmt::format(", {} unreadable", grouped_number(unreadable_));
  return note;
}

std::optional<RecordReader::BadEnd> RecordReader::take_ends(std::string_view source, std::string_view destination,
                                                            FlowPiece& piece) {
  const std::optional<Address> from = parse_address(source), to = parse_address(destination);
  if (!from) return BadEnd{false, fmt::format("'{}' is no address", source)};
  if (!to) return BadEnd{true, fmt::format("'{}' is no address", destination)};
  if (from->family() != to->family()) return BadEnd{true, "the two ends are of different families"};
  piece.source = *from;
  piece.destination = *to;
  return std::nullopt;
}

std::uint32_t RecordReader::spoken(std::string_view name, std::string_view evidence) {
  if (name != last_spoken_) {
    last_spoken_ = name;
    const std::string_view ours = foreign_service(name);
    last_spoken_index_ = ours.empty() ? kNone32 : flows_.service(ours, evidence);
  }
  return last_spoken_index_;
}

// ---------------------------------------------------------------- a record a line

LineRecordReader::LineRecordReader(RecordFlows& flows, std::string file, std::string sensor, std::string_view kind)
    : RecordReader(flows, std::move(file), std::move(sensor), kind),
      lines_([this](std::string_view line, std::uint64_t number, bool too_long) {
        if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
        return too_long ? on_long_line(line, number) : on_line(line, number);
      }) {}

Result<void> LineRecordReader::at_end() {
  at_last_ = true;
  DEMARC_TRY(lines_.finish());
  return after_lines();
}

Result<void> LineRecordReader::on_long_line(std::string_view, std::uint64_t number) {
  return unreadable(number, 1, fmt::format("a line of more than {} bytes", kRecordLineMax), {});
}

Result<void> LineRecordReader::bad_line(std::string_view line, std::uint64_t number, std::size_t column,
                                        std::string what) {
  if (!at_last_) return unreadable(number, column, std::move(what), line);
  cut();
  return {};
}

Result<void> LineRecordReader::bad_word(std::string_view line, std::uint64_t number, std::string_view word,
                                        std::string what) {
  const std::size_t column = word.empty() ? 1 : static_cast<std::size_t>(word.data() - line.data()) + 1;
  return bad_line(line, number, column, std::move(what));
}

// ---------------------------------------------------------------- which one

namespace {

bool has(std::string_view text, std::string_view what) { return text.find(what) != std::string_view::npos; }

}  // namespace

Result<std::optional<RecordFormat>> record_format(std::string_view head) {
  if (head.size() >= 2) {
    const auto magic = static_cast<unsigned>(static_cast<unsigned char>(head[0])) |
                       static_cast<unsigned>(static_cast<unsigned char>(head[1])) << 8;
    if (magic == 0xA50C || magic == 0x0CA5)
      return failure("this is a binary file of nfcapd", "nfdump -r FILE -o json > FILE.json makes it readable");
    const auto version = static_cast<unsigned>(static_cast<unsigned char>(head[1]));
    if (head[0] == '\0' && (version == 5 || version == 9 || version == 10))
      return failure(fmt::format("this looks like NetFlow or IPFIX packets (version {})", version),
                     "let nfcapd collect them; nfdump -r FILE -o json > FILE.json makes its files readable");
  }
  if (head.starts_with("PAR1"))
    return failure("this is a Parquet file", "have the flow log delivered as text, or export it as text");
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  head.remove_prefix(std::min(head.find_first_not_of(" \t\r\n"), head.size()));
  if (head.empty()) return std::nullopt;
  if (head.starts_with("#separator") || head.starts_with("#fields") || head.starts_with("#set_separator"))
    return RecordFormat::zeek_tsv;
  if (head[0] == '{' || head[0] == '[') {
    if (has(head, "\"flowTuples\"") || has(head, "FlowLogFlowEvent") ||
        has(head, "NetworkSecurityGroupFlowEvent") || (has(head.substr(0, 64), "\"records\"")))
      return RecordFormat::azure;
    if (has(head, "\"event_type\"")) return RecordFormat::suricata_eve;
    if (has(head, "\"id.orig_h\"") || has(head, "\"orig_h\"")) return RecordFormat::zeek_json;
    if (has(head, "\"src4_addr\"") || has(head, "\"src6_addr\"") || has(head, "\"export_sysid\"") ||
        has(head, "\"t_first\""))
      return RecordFormat::nfdump_json;
    if (has(head, "\"jsonPayload\"") && has(head, "vpc_flows"))
      return failure("these are Google Cloud flow logs, which demarc does not read", "");
    return std::nullopt;
  }
  const std::string_view line = head.substr(0, head.find('\n'));
  if (NfdumpCsvReader::is_first_line(line)) return RecordFormat::nfdump_csv;
  if (AwsVpcReader::is_first_line(line)) return RecordFormat::aws_vpc;
  return std::nullopt;
}

std::unique_ptr<RecordReader> record_reader(RecordFormat format, RecordFlows& flows, std::string file,
                                            std::string sensor) {
  switch (format) {
    case RecordFormat::zeek_tsv: return std::make_unique<ZeekTsvReader>(flows, std::move(file), std::move(sensor));
    case RecordFormat::zeek_json:
      return std::make_unique<ZeekJsonReader>(flows, std::move(file), std::move(sensor));
    case RecordFormat::suricata_eve:
      return std::make_unique<SuricataEveReader>(flows, std::move(file), std::move(sensor));
    case RecordFormat::nfdump_csv:
      return std::make_unique<NfdumpCsvReader>(flows, std::move(file), std::move(sensor));
    case RecordFormat::nfdump_json:
      return std::make_unique<NfdumpJsonReader>(flows, std::move(file), std::move(sensor));
    case RecordFormat::aws_vpc: return std::make_unique<AwsVpcReader>(flows, std::move(file), std::move(sensor));
    case RecordFormat::azure: return std::make_unique<AzureFlowReader>(flows, std::move(file), std::move(sensor));
  }
  return nullptr;
}

// ---------------------------------------------------------------- names of protocols

namespace {

struct Alias {
  std::string_view theirs, ours;
};
/// Those that are not spelled as ours.
constexpr Alias kAliases[] = {
    {"ssl", "tls"},
    {"krb", "kerberos"},
    {"krb_tcp", "kerberos"},
    {"krb5", "kerberos"},
    {"dce_rpc", "msrpc"},
    {"dcerpc", "msrpc"},
    {"rfb", "vnc"},
    {"ldap_tcp", "ldap"},
    {"ldap_udp", "ldap"},
    {"http2", "http"},
    {"ikev2", "ike"},
    {"pgsql", "postgresql"},
    {"ftp-data", ""},
    {"ipsec", ""},
    {"openvpn_udp", "openvpn"},
    {"openvpn_tcp", "openvpn"},
    {"portmapper", "rpcbind"},
};

std::string_view one_service(std::string_view name) {
  for (const Alias& alias : kAliases)
    if (alias.theirs == name) return alias.ours;
  const std::span<const std::string_view> names = app_protocol_names();
  const auto found = std::lower_bound(names.begin(), names.end(), name);
  return found != names.end() && *found == name ? *found : std::string_view();
}

}  // namespace

std::string_view foreign_service(std::string_view list) {
  std::string_view best;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view service = one_service(list.substr(0, comma));
    // TLS carries the others; where both were recognised, the other was spoken on the port itself (STARTTLS, a
    // proxy's CONNECT). SMB carries MSRPC.
    if (service == "smb") return service;
    if (!service.empty() && (best.empty() || best == "tls")) best = service;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return best;
}

}  // namespace demarc
