#include "scanner/app/evidence_files.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <utility>

#include "reports/view/view.h"
#include "rules/evidence/flow_records.h"
#include "rules/evidence/journal.h"
#include "rules/evidence/readers/nmap_xml.h"
#include "rules/evidence/readers/record_reader.h"
#include "rules/evidence/witness.h"
#include "rules/evidence/witnessed.h"
#include "rules/policy/catalogue.h"
#include "rules/policy/translation.h"
#include "rules/text/number.h"
#include "rules/text/sha256.h"
#include "scanner/app/configuration_files.h"
#include "scanner/app/console.h"
#include "scanner/app/progress.h"
#include "scanner/app/world.h"
#include "scanner/files/byte_source.h"
#include "scanner/files/capture_list.h"
#include "scanner/files/capture_reader.h"
#include "scanner/files/file.h"
#include "scanner/files/open_source.h"
#include "scanner/passive/listener.h"

namespace demarc {

namespace {

/// The file's bytes, which are left where they are: standard input too can be read afterwards.
Result<std::unique_ptr<ByteSource>> look_into(const std::string& file) {
  if (file != "-") return open_source(file);
  return unpack(std::make_unique<StandardInputLook>(), "standard input", false);
}

/// Before it is opened for reading.
Result<bool> is_packed(const std::string& file) {
  std::vector<std::uint8_t> head(kPackingBytes);
  const auto sniffed = [&](ByteSource&& source) {
    return sniff_packing(std::span(head).first(source.read(head))) != Packing::none;
  };
  if (file == "-") return sniffed(StandardInputLook());
  return sniffed(DEMARC_TRY(FileSource::open(file)));
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

/// Feeds a reader with a file piece by piece, unpacked; the digest is of the file as it lies there (of what is unpacked
/// on its way from standard input there is none). Damage further on ends it there and is noted.
template <typename Feed>
Result<void> feed_file(const std::string& file, EvidenceFile& row, Feed&& give) {
  const bool packed = DEMARC_TRY(is_packed(file));
  std::unique_ptr<ByteSource> source = DEMARC_TRY(open_source(file));
  std::vector<std::uint8_t> piece(1U << 20);
  Sha256 hash;
  while (std::size_t n = source->read(piece)) {
    std::string_view bytes(reinterpret_cast<const char*>(piece.data()), n);
    hash.update(bytes);
    row.size += n;
    DEMARC_TRY(give(bytes));
  }
  if (!source->problem().empty()) {
    if (row.size == 0) return file_failure(file, source->problem());
    row.note = source->problem();
  }
  if (packed && file != "-") {
    FileDigest digest = DEMARC_TRY(sha256_of_file(file));
    row.sha256 = digest.sha256;
    row.size = digest.size;
  } else if (!packed) {
    row.sha256 = hash.finish_hex();
  }
  return {};
}

template <typename Reader>
auto feed(Reader reader, const std::string& file, EvidenceFile& row) -> decltype(reader.finish()) {
  DEMARC_TRY(feed_file(file, row, [&](std::string_view bytes) { return reader.feed(bytes); }));
  return reader.finish();
}

void add_note(EvidenceFile& row, std::string_view note) {
  row.note += (row.note.empty() || note.empty() ? "" : "; ") + std::string(note);
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
    add_note(row, "interrupted: it has no end record");
  else if (run.summary->end != ScanEnd::complete)
    add_note(row, name(run.summary->end));
  if (run.header.vantage.empty()) {
    add_note(row, "it does not say from where");
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
    add_note(row,
             fmt::format("interrupted: it has no end record; it listened until {}", to_string(run.listening.at)));
  else if (*run.end != WitnessEnd::complete)
    add_note(row, name(*run.end));
  if (run.listening.dropped != 0) add_note(row, fmt::format("{} packets were dropped", run.listening.dropped));
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
  // Tunnels have no place in a catalogue of services; their source port is a hash of what they carry (RFC 7348
  // section 5, RFC 8926 section 3.3), so only the other one tells who is asked.
  udp = catalogue_ports(Protocol::udp)
            .unite(PortSet{PortRange::single(Port(2152)), PortRange::single(Port(3544)),
                           PortRange::single(Port(4754)), PortRange::single(Port(4789)),
                           PortRange::single(Port(4790)), PortRange::single(Port(6081)),
                           PortRange::single(Port(6635)), PortRange::single(Port(8472))});
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

namespace {

constexpr std::string_view kKinds =
    "evidence is a scan journal, flow records (demarc's, Zeek's, Suricata's, nfdump's, AWS's or Azure's), a "
    "witness's record, a pcap or pcapng capture, or nmap XML";

struct Sniffed {
  EvidenceKind kind = EvidenceKind::flow_records;
  std::optional<RecordFormat> records;  // flow records of another sensor
};

Result<Sniffed> sniff(const std::string& file) {
  const std::string name = file == "-" ? "standard input" : file;
  std::unique_ptr<ByteSource> source = DEMARC_TRY(look_into(file));
  std::vector<std::uint8_t> head(16384);
  std::size_t size = 0;
  const auto is_capture = [&] {
    if (size < kSniffedBytes) return false;
    const CaptureKind kind = sniff_kind(std::span(head).first(kSniffedBytes));
    return kind == CaptureKind::pcap || kind == CaptureKind::pcapng;
  };
  while (size < head.size()) {
    std::size_t n = source->read(std::span(head).subspan(size));
    if (n == 0) break;
    size += n;
    if (is_capture()) return Sniffed{EvidenceKind::capture, {}};
  }
  if (size == 0 && !source->problem().empty()) return file_failure(name, source->problem());
  if (size == 0) return file_failure(name, "the file is empty", std::string(kKinds));
  std::string_view text(reinterpret_cast<const char*>(head.data()), size);
  Result<std::optional<RecordFormat>> records = record_format(text);
  if (!records) return file_failure(name, records.error().what, records.error().hint);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  if (text.starts_with('<')) return Sniffed{EvidenceKind::nmap_xml, {}};
  if (text.starts_with('{')) {
    std::string_view what = kind_of_json(text);
    if (what == "flows") return Sniffed{EvidenceKind::flow_records, {}};
    if (what == "witness") return Sniffed{EvidenceKind::witness, {}};
    if (what == "scan") return Sniffed{EvidenceKind::scan_journal, {}};
    if (what == "verdict")
      return file_failure(name, "this is a verdict, not evidence",
                          "'demarc report' renders it, --baseline compares with it");
  }
  if (*records) return Sniffed{EvidenceKind::flow_records, *records};
  if (text.starts_with('{'))
    return file_failure(name, "this is JSON, but neither a scan journal nor flow records nor a witness's record",
                        "they begin with {\"demarc\":\"scan\",..., {\"demarc\":\"flows\",... or "
                        "{\"demarc\":\"witness\",...; flow records of other sensors are told by their fields");
  return file_failure(name, "this is no evidence demarc knows", std::string(kKinds));
}

/// One sensor's records.
struct SensorRecords {
  explicit SensorRecords(const RecordFlowOptions& options) : flows(options) {}
  RecordFlows flows;
  std::vector<EvidenceFile*> rows;
};

}  // namespace

namespace {

/// A digest of a file's first bytes.
Result<std::string> head_digest(const std::string& file) {
  FileSource source = DEMARC_TRY(FileSource::open(file));
  std::vector<std::uint8_t> head(std::size_t{64} << 10);
  head.resize(source.read(head));
  Sha256 hash;
  hash.update({reinterpret_cast<const char*>(head.data()), head.size()});
  return hash.finish_hex();
}

Result<std::string> whole_digest(const std::string& file) {
  const FileDigest digest = DEMARC_TRY(sha256_of_file(file));
  return digest.sha256;
}

/// A copy of a file, or a link to it, is no second piece of evidence from the same place: it would count every
/// conversation twice. Told by the size, then by the beginning, and then by all of it: only of those that are alike
/// so far is more read, so a ring of a thousand captures of one size costs their beginnings.
Result<void> leave_out_copies(std::vector<NamedFile>& files) {
  std::vector<std::string> looks(files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    struct stat status{};
    if (files[i].file != "-" && ::stat(files[i].file.c_str(), &status) == 0 && S_ISREG(status.st_mode))
      looks[i] = fmt::format("{} {}", files[i].place, status.st_size);
  }
  for (const auto& look_closer : {head_digest, whole_digest}) {
    std::map<std::string, std::size_t> alike;
    for (const std::string& look : looks) ++alike[look];
    for (std::size_t i = 0; i < files.size(); ++i)
      if (!looks[i].empty() && alike[looks[i]] > 1) {
        const std::string closer = DEMARC_TRY(look_closer(files[i].file));
        looks[i] += ' ' + closer;
      }
  }
  std::map<std::string, std::string> originals;
  std::vector<NamedFile> kept;
  std::string first;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!looks[i].empty()) {
      const auto [original, is_first] = originals.emplace(looks[i], files[i].file);
      if (!is_first) {
        if (first.empty()) first = fmt::format("{} holds the same as {}", files[i].file, original->second);
        continue;
      }
    }
    kept.push_back(std::move(files[i]));
  }
  if (const std::size_t copies = files.size() - kept.size(); copies == 1)
    say_note(first + ": read once");
  else if (copies != 0)
    say_note(fmt::format("{} files are copies of others, and are read once; {}", copies, first));
  files = std::move(kept);
  return {};
}

}  // namespace

NamedFile take_apart(const std::string& value, const RuleSet* rules) {
  std::size_t equals = value.find('=');
  if (equals == std::string::npos || rules == nullptr) return {value, {}};
  std::string name = value.substr(0, equals);
  const bool device = std::any_of(rules->devices.begin(), rules->devices.end(),
                                  [&](const DeclaredDevice& d) { return d.name == name; });
  bool known = rules->vantage(name) != nullptr || rules->sensor(name) != nullptr || device;
  return known ? NamedFile{value.substr(equals + 1), name} : NamedFile{value, {}};
}

Result<EvidenceList> list_evidence(std::span<const std::string> words, const RuleSet* rules, bool configurations) {
  EvidenceList list;
  std::size_t left_out = 0;
  std::string first_left_out;
  std::set<std::string> seen;  // a file that a pattern and a name both mean is one
  for (const std::string& word : words) {
    const NamedFile named = take_apart(word, rules);
    std::vector<std::string> files{named.file};
    if (named.file != "-") files = DEMARC_TRY(files_of(named.file));
    if (files.size() == 1 && files.front() == named.file) {
      if (seen.insert(named.file).second) list.files.push_back(named);
      continue;
    }
    if (files.empty() && is_pattern(named.file))
      return failure(fmt::format("no file matches '{}'", named.file),
                     "quote it, so that the shell leaves it alone; see ls");
    std::size_t found = 0;
    for (std::string& file : files) {
      if (!evidence_kind(file) && !(configurations && is_configuration(file))) {
        if (left_out++ == 0) first_left_out = file;
        continue;
      }
      ++found;
      if (seen.insert(file).second) list.files.push_back({std::move(file), named.place});
    }
    if (found == 0) return file_failure(named.file, "there is no evidence here", std::string(kKinds));
  }
  if (left_out != 0)
    say_note(fmt::format("{} file{} no evidence and {} left out, {} the first", left_out,
                         left_out == 1 ? " is" : "s are", left_out == 1 ? "was" : "were", first_left_out));
  DEMARC_TRY(leave_out_copies(list.files));
  return list;
}

FlowOptions flow_options(const RuleSet* rules, std::uint64_t memory_mib) {
  FlowOptions options;
  server_ports(rules, options.server_ports_tcp, options.server_ports_udp);
  options.memory_max = memory_mib != 0 ? memory_mib << 20 : memory_for_flows();
  return options;
}

Result<EvidenceKind> evidence_kind(const std::string& file) {
  const Sniffed sniffed = DEMARC_TRY(sniff(file));
  return sniffed.kind;
}

Result<void> read_flow_files(std::span<const FlowFile> files, const RecordFlowOptions& given,
                             std::vector<FlowEvidence>& flows) {
  RecordFlowOptions options = given;
  if (options.hash_key == 0) {
    std::random_device random;
    options.hash_key = (std::uint64_t{random()} << 32) | random() | 1;
  }
  std::map<std::string, SensorRecords> sensors;
  for (const auto& [named, row] : files) {
    const Sniffed sniffed = DEMARC_TRY(sniff(named.file));
    if (!sniffed.records) {
      FlowEvidence own = DEMARC_TRY(feed(FlowRecordReader(named.file), named.file, *row));
      for (FlowSource& source : own.sources) {
        if (source.sensor.empty()) source.sensor = named.place;
        source.sampling = std::max(source.sampling, options.sampling);
      }
      if (!own.complete) add_note(*row, "interrupted: it has no end record");
      flows.push_back(std::move(own));
      continue;
    }
    SensorRecords& sensor = sensors.try_emplace(named.place, options).first->second;
    std::unique_ptr<RecordReader> reader = record_reader(*sniffed.records, sensor.flows, named.file, named.place);
    const std::uint32_t index = static_cast<std::uint32_t>(sensor.rows.size());
    sensor.rows.push_back(row);
    DEMARC_TRY(feed_file(named.file, *row, [&](std::string_view bytes) { return reader->feed(bytes); }));
    FlowSource& source = sensor.flows.source(index);
    if (!row->note.empty()) {
      source.truncated = true;
      source.problem = std::exchange(row->note, {});
      sensor.flows.interrupted();
    }
    row->note = DEMARC_TRY(reader->finish());
    if (!source.problem.empty()) add_note(*row, source.problem);
  }
  for (auto& [place, sensor] : sensors) flows.push_back(sensor.flows.finish());
  return {};
}

std::string tunnels_note(const FlowSource& source) {
  return fmt::format("{}: {} packets of tunnels were not opened; --tunnels does", source.file,
                     grouped_number(source.tunneled));
}

CaptureDigests::~CaptureDigests() { hand_over_ = true; }

void CaptureDigests::add(const std::string& file, std::size_t row) {
  if (file != "-") wanted_.emplace_back(file, row);
}

void CaptureDigests::begin() {
  if (wanted_.empty()) return;
  thread_ = std::async(std::launch::async, [this] {
    const sched_param none{};
    ::sched_setscheduler(0, SCHED_IDLE, &none);  // of this thread; only a wish
    return work(hand_over_);
  });
}

Result<void> CaptureDigests::work(const std::atomic<bool>& stop) {
  while (digests_.size() < wanted_.size()) {
    if (stop.load(std::memory_order_relaxed)) return {};
    if (!hashing_) hashing_ = DEMARC_TRY(FileHashing::open(wanted_[digests_.size()].first));
    const bool more = DEMARC_TRY(hashing_->step());
    if (more) continue;
    digests_.push_back(std::move(hashing_->digest));
    hashing_.reset();
  }
  return {};
}

Result<void> CaptureDigests::fill(std::vector<EvidenceFile>& rows) {
  hand_over_ = true;
  if (thread_.valid()) DEMARC_TRY(thread_.get());
  DEMARC_TRY(work(false));
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    rows[wanted_[i].second].sha256 = digests_[i].sha256;
    rows[wanted_[i].second].size = digests_[i].size;
  }
  return {};
}

namespace {

bool is_device(const std::string& name, const RuleSet* rules) {
  return rules != nullptr && !name.empty() &&
         std::any_of(rules->devices.begin(), rules->devices.end(),
                     [&](const DeclaredDevice& d) { return d.name == name; });
}

/// What is no other evidence and is said to be a device's, has its dialect said, or looks like a configuration.
bool is_given_configuration(const NamedFile& named, const RuleSet* rules, std::optional<Dialect> dialect) {
  if (named.file == "-" || evidence_kind(named.file)) return false;
  return dialect || is_device(named.place, rules) || is_configuration(named.file);
}

}  // namespace

Result<Snapshot> read_evidence(const EvidenceRequest& request, const CommonOptions& options) {
  Snapshot snapshot;
  ObserveRequest observe_request;
  std::vector<std::size_t> capture_rows;
  CaptureDigests own_digests;
  CaptureDigests& digests = request.digests != nullptr ? *request.digests : own_digests;
  std::vector<std::pair<NamedFile, std::size_t>> flow_files;  // and their rows
  const bool configurations = request.configurations != nullptr;
  const std::optional<Dialect> dialect = DEMARC_TRY(parse_dialect_option(request.dialect));
  EvidenceList list = DEMARC_TRY(list_evidence(request.files, request.rules, configurations));
  for (NamedFile& named : list.files) {
    EvidenceFile row;
    row.name = named.file;
    if (configurations && is_given_configuration(named, request.rules, dialect)) {
      GivenConfiguration given = DEMARC_TRY(read_configuration_file(
          named.file, is_device(named.place, request.rules) ? named.place : std::string(), dialect));
      request.configurations->push_back(std::move(given));
      continue;
    }
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
        if (named.place.empty()) named.place = request.sensor;
        flow_files.emplace_back(named, snapshot.files.size());
        break;
      }
      case EvidenceKind::witness: {
        WitnessRun run = DEMARC_TRY(feed(WitnessReader(named.file), named.file, row));
        DEMARC_TRY(read_witness_run(std::move(run), named, row, snapshot));
        break;
      }
      case EvidenceKind::capture: {
        observe_request.captures.push_back({named.file, !named.place.empty() ? named.place : request.sensor});
        digests.add(named.file, snapshot.files.size());
        capture_rows.push_back(snapshot.files.size());
        break;
      }
    }
    snapshot.files.push_back(std::move(row));
  }
  if (!flow_files.empty()) {
    RecordFlowOptions record_options;
    server_ports(request.rules, record_options.server_ports_tcp, record_options.server_ports_udp);
    record_options.sampling = request.sampling;
    std::vector<FlowFile> files;
    for (const auto& [named, row] : flow_files) files.push_back({named, &snapshot.files[row]});
    const std::size_t before = snapshot.flows.size();
    DEMARC_TRY(read_flow_files(files, record_options, snapshot.flows));
    for (std::size_t i = before; i < snapshot.flows.size(); ++i)
      for (const FlowSource& source : snapshot.flows[i].sources)
        if (!source.problem.empty()) say_warning(fmt::format("{}: {}", source.file, source.problem));
  }
  if (!observe_request.captures.empty()) {
    observe_request.flow = flow_options(request.rules, request.memory_mib);
    observe_request.open_tunnels = request.open_tunnels;
    Progress progress(options, "reading captures", "packets/s");
    auto started = std::chrono::steady_clock::now();
    digests.begin();
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
    if (request.digests == nullptr) DEMARC_TRY(digests.fill(snapshot.files));
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
