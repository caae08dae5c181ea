#include "rules/evidence/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "rules/evidence/json_lines.h"
#include "rules/evidence/service_json.h"
#include "rules/text/json_writer.h"

namespace demarc {

namespace {

constexpr std::size_t kRangesPerRecord = 2048;  // keeps a line below 24 KiB
constexpr Nanoseconds kOneMoment = std::chrono::seconds(1);

/// The known fields of a journal's lines, in the order of kPaths.
enum Field : std::size_t {
  kDemarc,
  kVersion,
  kRun,
  kVantage,
  kZone,
  kSourceAddress,
  kInterface,
  kStarted,
  kMethod,
  kSeed,
  kShard,
  kTriesMax,
  kRules,
  kScope,
  kPlan,
  kWitnessKey,
  kMoreSources,
  kTarget,
  kProtocol,
  kPorts,
  kTypes,
  kState,
  kPassage,
  kAnswer,
  kDoubt,
  kAnsweredBy,
  kTtl,
  kTries,
  kRtt,
  kLastHop,
  kStopsAtHop,
  kAt,
  kAtLatest,
  kServiceName,
  kServiceProduct,
  kServiceVersion,
  kServiceEvidence,
  kServiceInside,
  kServiceCertificateNames,
  kServiceCertificateExpires,
  kCanary,
  kPort,
  kAnswered,
  kUnroutable,
  kWhy,
  kNote,
  kResumed,
  kAsked,
  kPass,
  kEnd,
  kSent,
  kReceived,
  kLoss,
  kMiss,
  kFinished,
};
constexpr std::string_view kPaths[] = {
    "demarc",
    "version",
    "run",
    "vantage",
    "zone",
    "source_address",
    "interface",
    "started",
    "method",
    "seed",
    "shard",
    "tries_max",
    "rules_sha256",
    "scope_sha256",
    "plan_sha256",
    "witness_key",
    "more_source_addresses",
    "target",
    "protocol",
    "ports",
    "types",
    "state",
    "passage",
    "answer",
    "doubt",
    "answered_by",
    "ttl",
    "tries",
    "rtt_us",
    "last_hop",
    "stops_at_hop",
    "at",
    "at_latest",
    "service.name",
    "service.product",
    "service.version",
    "service.evidence",
    "service.tls_inside",
    "service.certificate_names",
    "service.certificate_expires",
    "canary",
    "port",
    "answered",
    "unroutable",
    "why",
    "note",
    "resumed",
    "asked",
    "pass",
    "end",
    "sent",
    "received",
    "loss_estimate",
    "miss_probability",
    "finished",
};
static_assert(std::size(kPaths) == kFinished + 1);

/// What outcomes must share to stand in one record.
auto shared_part(const Outcome& o) {
  return std::tie(o.target, o.protocol, o.state, o.passage, o.answer, o.doubt, o.tries, o.ttl, o.answered_by,
                  o.last_hop, o.stops_at_hop, o.service, o.witness);
}

/// An outcome without a time is older than any other.
std::optional<Timestamp> newest(const Outcome& o) { return o.at_latest ? o.at_latest : o.at; }

std::string record(const Outcome& o, std::string_view ports_or_types, std::span<const ServiceSeen> services,
                   Timestamp at) {
  JsonWriter json;
  json.begin_object();
  json.field("target", to_string(o.target)).field("protocol", to_string(o.protocol));
  json.field(o.protocol.is_icmp() ? "types" : "ports", ports_or_types);
  json.field("state", name(o.state)).field("passage", name(o.passage)).field("answer", name(o.answer));
  json.field_unless_empty("doubt", name(o.doubt));
  if (o.answered_by) json.field("answered_by", to_string(*o.answered_by));
  if (o.ttl >= 0) json.field("ttl", o.ttl);
  json.field("tries", o.tries);
  if (o.rtt_us != 0 && o.state == PortState::open) json.field("rtt_us", o.rtt_us);
  if (o.last_hop) json.field("last_hop", to_string(*o.last_hop));
  if (o.stops_at_hop != 0) json.field("stops_at_hop", o.stops_at_hop);
  json.field("at", to_string(o.at.value_or(at)));
  if (o.at_latest) json.field("at_latest", to_string(*o.at_latest));
  if (o.service != kNoService && o.service < services.size()) write_service(json, services[o.service]);
  json.end_object();
  return json.take() + '\n';
}

}  // namespace

std::string journal_header(const ScanHeader& h) {
  JsonWriter json;
  json.begin_object().field("demarc", "scan").field("version", 1).field("run", h.run);
  json.field_unless_empty("vantage", h.vantage).field_unless_empty("zone", h.zone);
  if (h.source_address) json.field("source_address", to_string(*h.source_address));
  if (!h.more_source_addresses.empty()) {
    json.key("more_source_addresses").begin_array();
    for (const Address& address : h.more_source_addresses) json.value(to_string(address));
    json.end_array();
  }
  json.field_unless_empty("interface", h.interface_name);
  json.field("started", to_string(h.started)).field("method", h.method).field("seed", h.seed);
  json.field("shard", fmt::format("{}/{}", h.shard, h.shards)).field("tries_max", h.tries_max);
  json.field_unless_empty("rules_sha256", h.rules_sha256)
      .field_unless_empty("scope_sha256", h.scope_sha256)
      .field_unless_empty("plan_sha256", h.plan_sha256)
      .field_unless_empty("witness_key", h.witness_key);
  json.end_object();
  return json.take() + '\n';
}

std::string journal_records(std::span<const Outcome> outcomes, std::span<const ServiceSeen> services,
                            Timestamp at) {
  std::vector<const Outcome*> order;
  order.reserve(outcomes.size());
  for (const Outcome& o : outcomes) order.push_back(&o);
  std::stable_sort(order.begin(), order.end(), [](const Outcome* a, const Outcome* b) {
    return std::tuple_cat(shared_part(*a), std::tie(a->ports, a->icmp, a->at)) <
           std::tuple_cat(shared_part(*b), std::tie(b->ports, b->icmp, b->at));
  });
  std::string out;
  for (std::size_t i = 0; i < order.size();) {
    Outcome first = *order[i];
    Timestamp latest;
    if (first.protocol.is_icmp()) {
      out += record(first, to_string(first.icmp), services, at);
      ++i;
      continue;
    }
    std::vector<PortRange> ranges;
    std::size_t j = i;
    bool alone = first.state == PortState::open;  // its own time and service
    while (j < order.size() && shared_part(*order[j]) == shared_part(first) && (!alone || j == i) &&
           ranges.size() < kRangesPerRecord) {
      // A record is as old as its oldest part.
      latest = std::max(latest, newest(*order[j]).value_or(at));
      first.at = std::min(first.at.value_or(at), order[j]->at.value_or(at));
      ranges.push_back(order[j++]->ports);
    }
    // Parts of one moment, as good as always, need no second time.
    if (latest - *first.at >= kOneMoment) first.at_latest = latest;
    out += record(first, to_string(PortSet::of(std::move(ranges))), services, at);
    i = j;
  }
  return out;
}

std::string journal_canary(const CanaryLook& look) {
  JsonWriter json;
  json.begin_object()
      .field("canary", to_string(look.target))
      .field("port", look.port.number())
      .field("answered", look.answered);
  json.field("at", to_string(look.at)).end_object();
  return json.take() + '\n';
}

std::string journal_unroutable(const Unasked& unasked) {
  JsonWriter json;
  json.begin_object().field("unroutable", to_string(unasked.target)).field("why", unasked.why).end_object();
  return json.take() + '\n';
}

std::string journal_note(std::string_view note) {
  JsonWriter json;
  json.begin_object().field("note", note).end_object();
  return json.take() + '\n';
}

std::string journal_resumed(Timestamp at) {
  JsonWriter json;
  json.begin_object().field("resumed", to_string(at)).end_object();
  return json.take() + '\n';
}

std::string journal_asked(const AskedSoFar& asked, Timestamp at) {
  JsonWriter json;
  json.begin_object().field("asked", asked.index).field("pass", asked.pass).field("at", to_string(at)).end_object();
  return json.take() + '\n';
}

std::string journal_end(const ScanSummary& s) {
  JsonWriter json;
  json.begin_object().field("end", name(s.end)).field("sent", s.sent).field("received", s.received);
  auto share = [&](std::string_view key, double value) {
    json.key(key);
    if (value < 0)
      json.null();
    else
      json.value(value);
  };
  share("loss_estimate", s.loss_estimate);
  share("miss_probability", s.miss_probability);
  json.field("finished", to_string(s.finished)).end_object();
  return json.take() + '\n';
}

struct JournalReader::State {
  explicit State(std::string name)
      : lines(name, kPaths, [this](const JsonFields& f, std::uint32_t line) { return take(f, line); }) {
    run.file = std::move(name);
  }

  std::unexpected<Error> wrong(std::uint32_t line, std::string what, std::string hint = {}) {
    return std::unexpected(lines.error(line, std::move(what), std::move(hint)));
  }

  Result<void> take(const JsonFields& f, std::uint32_t line) {
    if (!has_header) return header(f, line);
    if (f.has(kTarget)) return outcome(f, line);
    if (f.has(kCanary)) return canary(f, line);
    if (f.has(kEnd)) return end(f, line);
    if (f.has(kUnroutable)) {
      std::optional<Address> target = parse_address(f.text(kUnroutable));
      if (!target) return wrong(line, fmt::format("'{}' is no address", f.text(kUnroutable)));
      run.unroutable.push_back({*target, std::string(f.text(kWhy))});
      return {};
    }
    if (f.has(kNote)) {
      if (run.notes.size() < 10'000) run.notes.emplace_back(f.text(kNote));
      return {};
    }
    if (f.has(kResumed)) {
      run.summary.reset();  // it goes on: the end before it was none
      return {};
    }
    if (f.has(kAsked)) {
      const std::optional<std::uint64_t> below = f.unsigned_integer(kAsked), pass = f.unsigned_integer(kPass);
      if (!below || !pass || *pass == 0 || *pass > 255)
        return wrong(line, "an 'asked' record needs two numbers: how far, and in which pass");
      run.asked = {static_cast<std::uint32_t>(*pass), *below};
      run.asked_at.reset();
      if (f.has(kAt)) {
        Result<Timestamp> at = parse_timestamp(f.text(kAt));
        if (!at) return wrong(line, at.error().what);
        run.asked_at = *at;
      }
      return {};
    }
    if (f.has(kDemarc))
      return wrong(line, "a second header", "one journal holds one run; give the files one by one");
    return {};  // a later version's record: unknown, ignored
  }

  Result<void> header(const JsonFields& f, std::uint32_t line) {
    if (f.text(kDemarc) != "scan")
      return wrong(line, "no scan journal: the first record is no header",
                   "a journal begins with {\"demarc\":\"scan\",\"version\":1,...}");
    if (f.unsigned_integer(kVersion) != 1U)
      return wrong(line, fmt::format("journal version {} is unknown", f.at(kVersion).integer),
                   "this demarc reads version 1");
    ScanHeader& h = run.header;
    h.run = f.text(kRun);
    h.vantage = f.text(kVantage);
    h.zone = f.text(kZone);
    h.interface_name = f.text(kInterface);
    h.method = f.text(kMethod);
    h.rules_sha256 = f.text(kRules);
    h.scope_sha256 = f.text(kScope);
    h.plan_sha256 = f.text(kPlan);
    h.witness_key = f.text(kWitnessKey);
    for (const std::string& text : f.texts(kMoreSources)) {
      std::optional<Address> address = parse_address(text);
      if (!address) return wrong(line, fmt::format("'{}' is no address", text));
      h.more_source_addresses.push_back(*address);
    }
    h.seed = f.unsigned_integer(kSeed).value_or(0);
    h.tries_max =
        static_cast<std::uint32_t>(std::clamp<std::uint64_t>(f.unsigned_integer(kTriesMax).value_or(1), 1, 255));
    if (f.has(kSourceAddress)) {
      h.source_address = parse_address(f.text(kSourceAddress));
      if (!h.source_address) return wrong(line, fmt::format("'{}' is no address", f.text(kSourceAddress)));
    }
    Result<Timestamp> started = parse_timestamp(f.text(kStarted));
    if (!started) return wrong(line, "the header's 'started' is no time: " + started.error().what);
    h.started = *started;
    if (f.has(kShard)) {
      unsigned i = 0, n = 0;
      std::string_view text = f.text(kShard);
      std::size_t slash = text.find('/');
      auto number = [](std::string_view digits) {
        unsigned value = 0;
        for (char c : digits)
          value =
              c >= '0' && c <= '9' && value < 1'000'000 ? value * 10 + static_cast<unsigned>(c - '0') : 10'000'000;
        return digits.empty() ? 0 : value;
      };
      if (slash != std::string_view::npos) i = number(text.substr(0, slash)), n = number(text.substr(slash + 1));
      if (i == 0 || i > n || n > 1'000'000) return wrong(line, fmt::format("'{}' is no shard", text), "write 1/4");
      h.shard = i;
      h.shards = n;
    }
    has_header = true;
    return {};
  }

  Result<void> outcome(const JsonFields& f, std::uint32_t line) {
    Outcome o;
    std::optional<Address> target = parse_address(f.text(kTarget));
    if (!target) return wrong(line, fmt::format("'{}' is no address", f.text(kTarget)));
    o.target = *target;
    std::optional<Protocol> protocol = parse_protocol(f.text(kProtocol));
    if (!protocol) return wrong(line, fmt::format("'{}' is no protocol", f.text(kProtocol)));
    o.protocol = *protocol;
    std::optional<PortState> state = parse_port_state(f.text(kState));
    std::optional<Passage> passage = parse_passage(f.text(kPassage, "undetermined"));
    std::optional<Answer> answer = parse_answer(f.text(kAnswer, "silence"));
    if (!state)
      return wrong(line, fmt::format("'{}' is no port state", f.text(kState)),
                   "open, closed, filtered, open|filtered or unfiltered");
    if (!passage)
      return wrong(line, fmt::format("'{}' is no passage", f.text(kPassage)), "passed, blocked or undetermined");
    if (!answer) return wrong(line, fmt::format("'{}' is no answer", f.text(kAnswer)));
    o.state = *state;
    o.passage = *passage;
    o.answer = *answer;
    if (f.has(kDoubt)) {
      std::optional<Doubt> doubt = parse_doubt(f.text(kDoubt));
      // A doubt that a later version names is still a doubt.
      o.doubt = doubt.value_or(Doubt::answers_disagree);
    }
    if (f.has(kAnsweredBy)) {
      o.answered_by = parse_address(f.text(kAnsweredBy));
      if (!o.answered_by) return wrong(line, fmt::format("'{}' is no address", f.text(kAnsweredBy)));
    }
    if (std::optional<std::uint64_t> ttl = f.unsigned_integer(kTtl); ttl && *ttl <= 255)
      o.ttl = static_cast<std::int16_t>(*ttl);
    o.tries = static_cast<std::uint8_t>(std::clamp<std::uint64_t>(f.unsigned_integer(kTries).value_or(1), 1, 255));
    o.rtt_us =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(f.unsigned_integer(kRtt).value_or(0), 0xFFFFFFFF));
    if (f.has(kLastHop)) {
      o.last_hop = parse_address(f.text(kLastHop));
      if (!o.last_hop) return wrong(line, fmt::format("'{}' is no address", f.text(kLastHop)));
    }
    o.stops_at_hop =
        static_cast<std::uint8_t>(std::min<std::uint64_t>(f.unsigned_integer(kStopsAtHop).value_or(0), 255));
    o.record = line;
    if (f.has(kAt)) {
      Result<Timestamp> at = parse_timestamp(f.text(kAt));
      if (!at) return wrong(line, at.error().what);
      o.at = *at;
    }
    if (f.has(kAtLatest)) {
      Result<Timestamp> latest = parse_timestamp(f.text(kAtLatest));
      if (!latest) return wrong(line, latest.error().what);
      if (o.at && *latest > *o.at) o.at_latest = *latest;
    }
    if (f.has(kServiceName)) {
      Result<std::uint32_t> index = service(f, line);
      if (!index) return std::unexpected(std::move(index).error());
      o.service = *index;
    }
    if (o.protocol.is_icmp()) {
      Result<IcmpType> icmp = parse_icmp_type(f.text(kTypes));
      if (!icmp) return wrong(line, icmp.error().what, icmp.error().hint);
      o.icmp = *icmp;
      run.outcomes.push_back(o);
      return {};
    }
    Result<PortSet> ports = parse_port_set(f.text(kPorts));
    if (!ports) return wrong(line, ports.error().what, ports.error().hint);
    for (const PortRange& range : ports->ranges()) {
      o.ports = range;
      run.outcomes.push_back(o);
    }
    return {};
  }

  Result<std::uint32_t> service(const JsonFields& f, std::uint32_t line) {
    Result<ServiceSeen> s = read_service(f, kServiceName);
    if (!s) return wrong(line, s.error().what);
    run.services.push_back(std::move(*s));
    return static_cast<std::uint32_t>(run.services.size() - 1);
  }

  Result<void> canary(const JsonFields& f, std::uint32_t line) {
    std::optional<Address> target = parse_address(f.text(kCanary));
    std::optional<std::uint64_t> port = f.unsigned_integer(kPort);
    Result<Timestamp> at = parse_timestamp(f.text(kAt));
    if (!target || !port || *port > 65535 || !at)
      return wrong(line, "a canary record needs an address, a port and a time");
    bool answered = f.at(kAnswered).kind == JsonFields::Value::Kind::boolean && f.at(kAnswered).boolean;
    run.canaries.push_back({*target, Port(static_cast<std::uint16_t>(*port)), *at, answered});
    return {};
  }

  Result<void> end(const JsonFields& f, std::uint32_t line) {
    ScanSummary s;
    std::optional<ScanEnd> how = parse_scan_end(f.text(kEnd));
    if (!how) return wrong(line, fmt::format("'{}' is no end of a scan", f.text(kEnd)));
    s.end = *how;
    s.sent = f.unsigned_integer(kSent).value_or(0);
    s.received = f.unsigned_integer(kReceived).value_or(0);
    auto share = [&](Field field) {
      const JsonFields::Value& value = f.at(field);
      bool measured = value.kind == JsonFields::Value::Kind::integer || value.kind == JsonFields::Value::Kind::real;
      return measured ? value.real : -1;
    };
    for (Field field : {kLoss, kMiss})
      if (const double value = share(field); value > 1 || (value < 0 && value != -1))
        return wrong(line, "a share of packets lies between 0 and 1");
    s.loss_estimate = share(kLoss);
    s.miss_probability = share(kMiss);
    Result<Timestamp> finished = parse_timestamp(f.text(kFinished));
    if (!finished) return wrong(line, "the end record's 'finished' is no time: " + finished.error().what);
    s.finished = *finished;
    run.summary = s;
    return {};
  }

  JsonLineReader lines;
  ScanRun run;
  bool has_header = false;
};

JournalReader::JournalReader(std::string file) : state_(std::make_unique<State>(std::move(file))) {}
JournalReader::~JournalReader() = default;
JournalReader::JournalReader(JournalReader&&) noexcept = default;
JournalReader& JournalReader::operator=(JournalReader&&) noexcept = default;

Result<void> JournalReader::feed(std::string_view bytes) { return state_->lines.feed(bytes); }

Result<ScanRun> JournalReader::finish() {
  bool cut = DEMARC_TRY(state_->lines.finish());
  if (!state_->has_header)
    return file_failure(state_->run.file, "the file holds no whole record",
                        "a journal begins with {\"demarc\":\"scan\",\"version\":1,...}");
  if (cut) {
    state_->run.notes.push_back(
        fmt::format("the last record (line {}) was cut and is not counted", state_->lines.line()));
    state_->run.summary.reset();
  }
  compact(state_->run.outcomes);
  return std::move(state_->run);
}

Result<ScanRun> read_journal(std::string file, std::string_view text) {
  JournalReader reader(std::move(file));
  DEMARC_TRY(reader.feed(text));
  return reader.finish();
}

void compact(std::vector<Outcome>& outcomes) {
  std::sort(outcomes.begin(), outcomes.end(), [](const Outcome& a, const Outcome& b) {
    auto key = [](const Outcome& o) {
      return std::tie(o.target, o.protocol, o.ports.first, o.ports.last, o.icmp, o.at, o.record, o.state, o.answer);
    };
    return key(a) < key(b);
  });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (kept > 0) {
      Outcome& last = outcomes[kept - 1];
      const Outcome& next = outcomes[i];
      bool adjacent = last.protocol.has_ports() && last.ports.last.number() + 1U == next.ports.first.number();
      if (adjacent && last.state != PortState::open && shared_part(last) == shared_part(next)) {
        last.ports.last = next.ports.last;
        last.record = std::min(last.record, next.record);
        // The older of the two times: an outcome is as old as its oldest part.
        const std::optional<Timestamp> latest = std::max(newest(last), newest(next));
        if (next.at && (!last.at || *next.at < *last.at)) last.at = next.at;
        if (latest != last.at) last.at_latest = latest;
        continue;
      }
    }
    outcomes[kept++] = outcomes[i];
  }
  outcomes.resize(kept);
}

}  // namespace demarc
