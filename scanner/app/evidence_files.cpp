#include "scanner/app/evidence_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/view/view.h"
#include "rules/evidence/flow_records.h"
#include "rules/evidence/journal.h"
#include "rules/evidence/readers/nmap_xml.h"
#include "rules/evidence/witness.h"
#include "rules/evidence/witnessed.h"
#include "rules/policy/catalogue.h"
#include "rules/policy/translation.h"
#include "rules/text/number.h"
#include "rules/text/sha256.h"
#include "scanner/app/console.h"
#include "scanner/app/progress.h"
#include "scanner/app/world.h"
#include "scanner/files/byte_source.h"
#include "scanner/files/capture_reader.h"
#include "scanner/files/file.h"
#include "scanner/passive/listener.h"

namespace demarc {

namespace {

struct NamedFile {
  std::string file, place;  // place: the vantage point or sensor that the command line names; may be empty
};

/// "NAME=FILE" where NAME is known; anything else is a file, even with '=' in its name.
NamedFile take_apart(const std::string& value, const RuleSet* rules) {
  std::size_t equals = value.find('=');
  if (equals == std::string::npos || rules == nullptr) return {value, {}};
  std::string name = value.substr(0, equals);
  bool known = rules->vantage(name) != nullptr || rules->sensor(name) != nullptr;
  return known ? NamedFile{value.substr(equals + 1), name} : NamedFile{value, {}};
}

/// The value of "demarc" near the beginning of a JSON text; empty if there is none.
std::string_view kind_of_json(std::string_view text) {
  constexpr std::string_view kKey = "\"demarc\"";
  std::size_t key = text.find(kKey);
  if (key == std::string_view::npos) return {};
  std::size_t open = text.find_first_not_of(" \t\r\n:", key + kKey.size());
  if (open == std::string_view::npos || text[open] != '"') return {};
  return text.substr(open + 1, text.find('"', open + 1) - open - 1);
}

/// Feeds a reader with a file piece by piece, and hashes it on the way.
template <typename Reader>
auto feed(Reader reader, const std::string& file, EvidenceFile& row) -> decltype(reader.finish()) {
  FileSource source = DEMARC_TRY(FileSource::open(file));
  std::vector<std::uint8_t> piece(1U << 20);
  Sha256 hash;
  while (std::size_t n = source.read(piece)) {
    std::string_view bytes(reinterpret_cast<const char*>(piece.data()), n);
    hash.update(bytes);
    row.size += n;
    DEMARC_TRY(reader.feed(bytes));
  }
  if (!source.problem().empty()) return file_failure(file, source.problem());
  row.sha256 = hash.finish_hex();
  return reader.finish();
}

Result<void> read_scan(ScanRun run, const NamedFile& named, const EvidenceRequest& request, EvidenceFile& row,
                       Snapshot& snapshot) {
  std::string place = !named.place.empty() ? named.place : request.vantage;
  if (!place.empty()) {
    const Vantage* vantage = request.rules == nullptr ? nullptr : request.rules->vantage(place);
    if (vantage == nullptr && named.place.empty())
      return failure(fmt::format("--vantage: the rule set has no vantage point '{}'", place));
    if (vantage == nullptr)
      return failure(fmt::format("{}: '{}' is a sensor, but this file is a scan", row.name, place),
                     "name a vantage point");
    if (!run.header.vantage.empty() && run.header.vantage != place && !named.place.empty()) {
      return failure(fmt::format("{}: the journal says it was made from '{}', not from '{}'", row.name,
                                 run.header.vantage, place));
    }
    if (run.header.vantage.empty()) {
      run.header.vantage = vantage->name;
      run.header.zone = vantage->zone;
      run.header.source_address = vantage->address;
    }
  }
  if (!run.summary)
    row.note = "interrupted: it has no end record";
  else if (run.summary->end != ScanEnd::complete)
    row.note = std::string(name(run.summary->end));
  if (run.header.vantage.empty()) {
    row.note += (row.note.empty() ? "" : "; ") + std::string("it does not say from where");
    say_warning(fmt::format("{} does not say from which vantage point it was made: write NAME={} to have it judged",
                            row.name, row.name));
  }
  snapshot.scans.push_back(std::move(run));
  return {};
}

Result<void> read_witness_run(WitnessRun run, const NamedFile& named, EvidenceFile& row, Snapshot& snapshot) {
  if (!named.place.empty() && named.place != run.header.at)
    return failure(
        fmt::format("{}: the witness says it stood at '{}', not at '{}'", row.name, run.header.at, named.place));
  if (!run.end)
    row.note = fmt::format("interrupted: it has no end record; it listened until {}", to_string(run.listening.at));
  else if (*run.end != WitnessEnd::complete)
    row.note = std::string(name(*run.end));
  if (run.listening.dropped != 0)
    row.note += fmt::format("{}{} packets were dropped", row.note.empty() ? "" : "; ", run.listening.dropped);
  snapshot.witnesses.push_back(std::move(run));
  return {};
}

/// What the rule set knows of translations on the way between the two ends.
WitnessMapping witness_mapping(const RuleSet& rules, const Translator& translator) {
  WitnessMapping mapping;
  mapping.behind = [&translator](const ScanRun& scan, const Address& asked, PortRange ports) {
    std::vector<BehindPorts> parts;
    if (std::vector<Address> members = translator.vip_members(asked); !members.empty()) {
      members.push_back(asked);
      // A balancer opens connections of its own; where it only forwards, the member's port is its own affair.
      parts.push_back({PortSet{ports}, std::move(members), false});
      return parts;
    }
    const std::optional<Address>& source = scan.header.source_address;
    if (!source || !translator.is_face(asked, *source)) return parts;
    for (std::uint32_t n = ports.first.number(); n <= ports.last.number(); ++n) {
      const Port port(static_cast<std::uint16_t>(n));
      const std::optional<Endpoint> real = translator.real_of(asked, port, *source);
      const Address& address = real ? real->address : asked;
      const bool kept = real && real->port == port;
      // Consecutive ports mostly share their fate.
      if (!parts.empty() && parts.back().ports_kept == kept && parts.back().real.front() == address)
        parts.back().ports = parts.back().ports.unite(PortSet::single(port));
      else
        parts.push_back({PortSet::single(port), {address}, kept});
    }
    return parts;
  };
  mapping.sources = [&rules](const ScanRun& scan) {
    std::vector<Address> sources;
    const Vantage* vantage = rules.vantage(scan.header.vantage);
    if (vantage != nullptr && vantage->behind_nat) sources.push_back(vantage->address);
    if (scan.header.source_address)
      for (const SourceTranslation& translation : rules.source_translations)
        if (translation.real.addresses.contains(*scan.header.source_address))
          sources.push_back(translation.seen_as);
    return sources;
  };
  return mapping;
}

}  // namespace

void server_ports(const RuleSet* rules, PortSet& tcp, PortSet& udp) {
  tcp = catalogue_ports(Protocol::tcp);
  udp = catalogue_ports(Protocol::udp);
  if (rules == nullptr) return;
  for (const Rule& rule : rules->rules) {
    for (std::uint32_t index : rule.services) {
      const Service& service = rules->services[index];
      if (service.all) continue;  // says nothing about who serves
      tcp = tcp.unite(service.tcp);
      udp = udp.unite(service.udp);
    }
  }
}

Result<EvidenceKind> evidence_kind(const std::string& file) {
  FileSource source = DEMARC_TRY(FileSource::open(file));
  std::vector<std::uint8_t> head(4096);
  std::size_t size = 0;
  while (size < head.size()) {
    std::size_t n = source.read(std::span(head).subspan(size));
    if (n == 0) break;
    size += n;
  }
  if (!source.problem().empty()) return file_failure(file, source.problem());
  if (size == 0)
    return file_failure(file, "the file is empty",
                        "evidence is a scan journal, flow records, a witness's record, a capture or nmap XML");
  switch (sniff_kind(std::span(head).first(std::min(size, kSniffedBytes)))) {
    case CaptureKind::pcap:
    case CaptureKind::pcapng: return EvidenceKind::capture;
    case CaptureKind::gzip:
    case CaptureKind::zstd: return file_failure(file, "the file is compressed", "decompress it first");
    case CaptureKind::other: break;
  }
  std::string_view text(reinterpret_cast<const char*>(head.data()), size);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  if (text.starts_with('<')) return EvidenceKind::nmap_xml;
  if (text.starts_with('{')) {
    std::string_view what = kind_of_json(text);
    if (what == "flows") return EvidenceKind::flow_records;
    if (what == "witness") return EvidenceKind::witness;
    if (what == "verdict")
      return file_failure(file, "this is a verdict, not evidence",
                          "'demarc report' renders it, --baseline compares with it");
    if (what != "scan")
      return file_failure(file, "this is JSON, but neither a scan journal nor flow records nor a witness's record",
                          "they begin with {\"demarc\":\"scan\",..., {\"demarc\":\"flows\",... or "
                          "{\"demarc\":\"witness\",...");
    return EvidenceKind::scan_journal;
  }
  return file_failure(
      file, "this is no evidence demarc knows",
      "evidence is a scan journal, flow records, a witness's record, a pcap or pcapng capture, or nmap XML");
}

std::string tunnels_note(const FlowSource& source) {
  return fmt::format("{}: {} packets of tunnels were not opened; --tunnels does", source.file,
                     grouped_number(source.tunneled));
}

Result<Snapshot> read_evidence(const EvidenceRequest& request, const CommonOptions& options) {
  Snapshot snapshot;
  ObserveRequest observe_request;
  std::vector<std::size_t> capture_rows;
  for (const std::string& value : request.files) {
    NamedFile named = take_apart(value, request.rules);
    EvidenceFile row;
    row.name = named.file;
    row.kind = DEMARC_TRY(evidence_kind(named.file));
    switch (row.kind) {
      case EvidenceKind::scan_journal: {
        ScanRun run = DEMARC_TRY(feed(JournalReader(named.file), named.file, row));
        DEMARC_TRY(read_scan(std::move(run), named, request, row, snapshot));
        break;
      }
      case EvidenceKind::nmap_xml: {
        ScanRun run = DEMARC_TRY(feed(NmapXmlReader(named.file), named.file, row));
        DEMARC_TRY(read_scan(std::move(run), named, request, row, snapshot));
        break;
      }
      case EvidenceKind::flow_records: {
        FlowEvidence flows = DEMARC_TRY(feed(FlowRecordReader(named.file), named.file, row));
        std::string sensor = !named.place.empty() ? named.place : request.sensor;
        for (FlowSource& source : flows.sources)
          if (source.sensor.empty()) source.sensor = sensor;
        if (!flows.complete) row.note = "interrupted: it has no end record";
        snapshot.flows.push_back(std::move(flows));
        break;
      }
      case EvidenceKind::witness: {
        WitnessRun run = DEMARC_TRY(feed(WitnessReader(named.file), named.file, row));
        DEMARC_TRY(read_witness_run(std::move(run), named, row, snapshot));
        break;
      }
      case EvidenceKind::capture: {
        observe_request.captures.push_back({named.file, !named.place.empty() ? named.place : request.sensor});
        FileDigest digest = DEMARC_TRY(sha256_of_file(named.file));
        row.sha256 = digest.sha256;
        row.size = digest.size;
        capture_rows.push_back(snapshot.files.size());
        break;
      }
    }
    snapshot.files.push_back(std::move(row));
  }
  if (!observe_request.captures.empty()) {
    server_ports(request.rules, observe_request.flow.server_ports_tcp, observe_request.flow.server_ports_udp);
    observe_request.open_tunnels = request.open_tunnels;
    Progress progress(options, "reading captures", "packets/s");
    auto started = std::chrono::steady_clock::now();
    FlowEvidence flows = DEMARC_TRY(observe(
        observe_request,
        [&](const ObserveProgress& p) {
          double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
          Progress::State state;
          state.done = p.bytes;
          state.total = p.bytes_total;
          state.rate = static_cast<double>(p.packets) / std::max(seconds, 0.001);
          progress.show(state);
        },
        &stop_on_signals()));
    for (const FlowSource& source : flows.sources) {
      if (source.tunneled != 0) say_note(tunnels_note(source));
      if (source.problem.empty()) continue;
      say_warning(fmt::format("{}: {}", source.file, source.problem));
      for (std::size_t i : capture_rows)
        if (snapshot.files[i].name == source.file) snapshot.files[i].note = source.problem;
    }
    snapshot.flows.push_back(std::move(flows));
  }
  if (!snapshot.witnesses.empty()) {
    if (request.rules == nullptr) {
      apply_witnesses(snapshot);
    } else {
      const Translator translator(*request.rules);
      apply_witnesses(snapshot, witness_mapping(*request.rules, translator));
    }
  }
  return snapshot;
}

}  // namespace demarc
