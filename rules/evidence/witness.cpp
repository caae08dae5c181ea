#include "rules/evidence/witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "rules/evidence/json_lines.h"
#include "rules/text/json_writer.h"

namespace demarc {

namespace {

constexpr std::size_t kNotesMax = 10'000;
constexpr std::size_t kAddressesMax = 65'536;

/// The known fields, in the order of kPaths.
enum Field : std::size_t {
  kDemarc,
  kVersion,
  kRun,
  kAt,
  kZone,
  kAddresses,
  kInterface,
  kSpan,
  kStarted,
  kKey,
  kRules,
  kSource,
  kTarget,
  kProtocol,
  kPorts,
  kFirst,
  kLast,
  kCount,
  kListening,
  kPackets,
  kStrangers,
  kDropped,
  kNote,
  kEnd,
  kFinished,
};
constexpr std::string_view kPaths[] = {
    "demarc",    "version",      "run",       "at",      "zone",     "addresses", "interface", "span", "started",
    "key",       "rules_sha256", "source",    "target",  "protocol", "ports",     "first",     "last", "count",
    "listening", "packets",      "strangers", "dropped", "note",     "end",       "finished"};
static_assert(std::size(kPaths) == kFinished + 1);

constexpr std::array<std::string_view, 3> kEnds{"complete", "runtime-reached", "interface-lost"};
static_assert(kEnds.size() == static_cast<std::size_t>(WitnessEnd::interface_lost) + 1);

constexpr std::string_view kBegins = "a witness's file begins with {\"demarc\":\"witness\",\"version\":1,...}";

JsonWriter& counters(JsonWriter& json, const Listening& listening) {
  return json.field("packets", listening.packets)
      .field("strangers", listening.strangers)
      .field("dropped", listening.dropped);
}

}  // namespace

std::string_view name(WitnessEnd end) { return kEnds[static_cast<std::size_t>(end)]; }
std::optional<WitnessEnd> parse_witness_end(std::string_view text) {
  const auto found = std::find(kEnds.begin(), kEnds.end(), text);
  if (found == kEnds.end()) return std::nullopt;
  return static_cast<WitnessEnd>(found - kEnds.begin());
}

std::string witness_header(const WitnessHeader& h) {
  JsonWriter json;
  json.begin_object().field("demarc", "witness").field("version", 1).field("run", h.run).field("at", h.at);
  json.field_unless_empty("zone", h.zone).field("interface", h.interface_name).key("addresses").begin_array();
  for (const Address& address : h.addresses) json.value(to_string(address));
  json.end_array().field("span", h.span).field("started", to_string(h.started)).field("key", h.key);
  json.field_unless_empty("rules_sha256", h.rules_sha256).end_object();
  return json.take() + '\n';
}

std::string witness_arrival(const Arrival& a) {
  JsonWriter json;
  json.begin_object().field("source", to_string(a.source)).field("target", to_string(a.target));
  json.field("protocol", to_string(a.protocol)).field("ports", to_string(a.ports));
  json.field("first", to_string(a.first)).field("last", to_string(a.last)).field("count", a.count).end_object();
  return json.take() + '\n';
}

std::string witness_listening(const Listening& listening) {
  JsonWriter json;
  json.begin_object().field("listening", to_string(listening.at));
  counters(json, listening).end_object();
  return json.take() + '\n';
}

std::string witness_note(std::string_view note) {
  JsonWriter json;
  json.begin_object().field("note", note).end_object();
  return json.take() + '\n';
}

std::string witness_end(WitnessEnd end, const Listening& listening) {
  JsonWriter json;
  json.begin_object().field("end", name(end));
  counters(json, listening).field("finished", to_string(listening.at)).end_object();
  return json.take() + '\n';
}

struct WitnessReader::State {
  explicit State(std::string name)
      : lines(name, kPaths, [this](const JsonFields& f, std::uint32_t line) { return take(f, line); }) {
    run.file = std::move(name);
  }

  std::unexpected<Error> wrong(std::uint32_t line, std::string what, std::string hint = {}) {
    return std::unexpected(lines.error(line, std::move(what), std::move(hint)));
  }

  Result<void> take(const JsonFields& f, std::uint32_t line) {
    if (!has_header) return header(f, line);
    if (f.has(kDemarc)) return wrong(line, "a second header", "one file holds one run; give the files one by one");
    // What comes after an end was not written by a witness, and could only be somebody's addition.
    if (run.end) return wrong(line, "a record after the end record");
    if (f.has(kSource)) return arrival(f, line);
    if (f.has(kListening)) return sign_of_life(f, line, kListening);
    if (f.has(kEnd)) {
      run.end = parse_witness_end(f.text(kEnd));
      if (!run.end) return wrong(line, fmt::format("'{}' is no end of a witness's run", f.text(kEnd)));
      return sign_of_life(f, line, kFinished);
    }
    if (f.has(kNote) && run.notes.size() < kNotesMax) run.notes.emplace_back(f.text(kNote));
    return {};  // a later version's record: unknown, ignored
  }

  Result<void> header(const JsonFields& f, std::uint32_t line) {
    if (f.text(kDemarc) != "witness")
      return wrong(line, "no witness's file: the first record is no header", std::string(kBegins));
    if (f.unsigned_integer(kVersion) != 1U)
      return wrong(line, fmt::format("witness version {} is unknown", f.at(kVersion).integer),
                   "this demarc reads version 1");
    WitnessHeader& h = run.header;
    h.run = f.text(kRun);
    h.at = f.text(kAt);
    h.zone = f.text(kZone);
    h.interface_name = f.text(kInterface);
    h.rules_sha256 = f.text(kRules);
    h.key = f.text(kKey);
    h.span = f.at(kSpan).kind == JsonFields::Value::Kind::boolean && f.at(kSpan).boolean;
    if (h.key.size() != 16 || h.key.find_first_not_of("0123456789abcdef") != std::string::npos)
      return wrong(line, "the header's 'key' is no fingerprint of 16 hexadecimal digits");
    const std::span<const std::string> texts = f.texts(kAddresses);
    if (texts.size() > kAddressesMax) return wrong(line, "more addresses than an interface has");
    for (const std::string& text : texts) {
      const std::optional<Address> address = parse_address(text);
      if (!address) return wrong(line, fmt::format("'{}' is no address", text));
      h.addresses.push_back(*address);
    }
    std::sort(h.addresses.begin(), h.addresses.end());
    h.addresses.erase(std::unique(h.addresses.begin(), h.addresses.end()), h.addresses.end());
    Result<Timestamp> started = parse_timestamp(f.text(kStarted));
    if (!started) return wrong(line, "the header's 'started' is no time: " + started.error().what);
    h.started = *started;
    run.listening.at = h.started;
    has_header = true;
    return {};
  }

  Result<void> arrival(const JsonFields& f, std::uint32_t line) {
    const std::optional<Address> source = parse_address(f.text(kSource)), target = parse_address(f.text(kTarget));
    const std::optional<Protocol> protocol = parse_protocol(f.text(kProtocol));
    if (!source) return wrong(line, fmt::format("'{}' is no address", f.text(kSource)));
    if (!target) return wrong(line, fmt::format("'{}' is no address", f.text(kTarget)));
    if (source->family() != target->family()) return wrong(line, "source and target are of different families");
    if (!protocol) return wrong(line, fmt::format("'{}' is no protocol", f.text(kProtocol)));
    if (*protocol != Protocol::tcp && *protocol != Protocol::udp)
      return wrong(line, fmt::format("'{}' carries no marks", f.text(kProtocol)), "tcp or udp");
    Arrival a;
    a.source = *source;
    a.target = *target;
    a.protocol = *protocol;
    a.ports = DEMARC_TRY(located(parse_port_set(f.text(kPorts)), line));
    if (a.ports.empty()) return wrong(line, "an arrival without a port");
    a.first = DEMARC_TRY(located(parse_timestamp(f.text(kFirst)), line));
    a.last = DEMARC_TRY(located(parse_timestamp(f.text(kLast)), line));
    if (a.last < a.first) return wrong(line, "the last packet came before the first");
    a.count = f.unsigned_integer(kCount).value_or(a.ports.size());
    if (a.count < a.ports.size()) return wrong(line, "fewer packets than ports");
    a.record = line;
    run.arrivals.push_back(std::move(a));
    return {};
  }

  /// The last sign counts. Counters only grow, so a smaller number is no witness's.
  Result<void> sign_of_life(const JsonFields& f, std::uint32_t line, Field time) {
    Listening next;
    next.at = DEMARC_TRY(located(parse_timestamp(f.text(time)), line));
    next.packets = f.unsigned_integer(kPackets).value_or(0);
    next.strangers = f.unsigned_integer(kStrangers).value_or(0);
    next.dropped = f.unsigned_integer(kDropped).value_or(0);
    const Listening& last = run.listening;
    if (next.packets < last.packets || next.strangers < last.strangers || next.dropped < last.dropped)
      return wrong(line, "a counter runs backwards");
    // A clock that was set back in the middle: what was listened to is known up to the earlier moment only.
    if (next.at < last.at) run.notes.push_back(fmt::format("line {}: the witness's clock was set back", line));
    run.listening = next;
    return {};
  }

  template <typename T>
  Result<T> located(Result<T> value, std::uint32_t line) {
    if (!value) return wrong(line, std::move(value.error().what), std::move(value.error().hint));
    return value;
  }

  JsonLineReader lines;
  WitnessRun run;
  bool has_header = false;
};

WitnessReader::WitnessReader(std::string file) : state_(std::make_unique<State>(std::move(file))) {}
WitnessReader::~WitnessReader() = default;
WitnessReader::WitnessReader(WitnessReader&&) noexcept = default;
WitnessReader& WitnessReader::operator=(WitnessReader&&) noexcept = default;

Result<void> WitnessReader::feed(std::string_view bytes) { return state_->lines.feed(bytes); }

Result<WitnessRun> WitnessReader::finish() {
  WitnessRun& run = state_->run;
  const bool cut = DEMARC_TRY(state_->lines.finish());
  if (!state_->has_header) return file_failure(run.file, "the file holds no whole record", std::string(kBegins));
  if (cut)
    run.notes.push_back(fmt::format("the last record (line {}) was cut and is not counted", state_->lines.line()));
  std::sort(run.arrivals.begin(), run.arrivals.end(), [](const Arrival& a, const Arrival& b) {
    return std::tie(a.source, a.target, a.protocol, a.first, a.last, a.record) <
           std::tie(b.source, b.target, b.protocol, b.first, b.last, b.record);
  });
  return std::move(run);
}

Result<WitnessRun> read_witness(std::string file, std::string_view text) {
  WitnessReader reader(std::move(file));
  DEMARC_TRY(reader.feed(text));
  return reader.finish();
}

}  // namespace demarc
