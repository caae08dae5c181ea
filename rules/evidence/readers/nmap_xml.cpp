#include "rules/evidence/readers/nmap_xml.h"

#include <expat.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "rules/evidence/journal.h"
#include "rules/text/escape.h"

namespace demarc {

namespace {

using Attributes = const XML_Char**;

std::string_view attribute(Attributes attributes, std::string_view name) {
  for (; *attributes != nullptr; attributes += 2)
    if (name == attributes[0]) return attributes[1];
  return {};
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

struct Reason {
  std::string_view name;
  Answer answer;
};
// nmap's reasons (its documentation of --reason and of the XML output's `reason` attribute).
constexpr Reason kReasons[] = {
    {"syn-ack", Answer::syn_ack},
    {"reset", Answer::rst},
    {"resets", Answer::rst},
    {"conn-refused", Answer::rst},
    {"no-response", Answer::silence},
    {"no-responses", Answer::silence},
    {"udp-response", Answer::reply},
    {"udp-responses", Answer::reply},
    {"net-unreach", Answer::icmp_network_unreachable},
    {"net-unreaches", Answer::icmp_network_unreachable},
    {"host-unreach", Answer::icmp_host_unreachable},
    {"host-unreaches", Answer::icmp_host_unreachable},
    {"proto-unreach", Answer::icmp_protocol_unreachable},
    {"proto-unreaches", Answer::icmp_protocol_unreachable},
    {"port-unreach", Answer::icmp_port_unreachable},
    {"port-unreaches", Answer::icmp_port_unreachable},
    {"net-prohibited", Answer::icmp_network_prohibited},
    {"net-prohibiteds", Answer::icmp_network_prohibited},
    {"host-prohibited", Answer::icmp_host_prohibited},
    {"host-prohibiteds", Answer::icmp_host_prohibited},
    {"admin-prohibited", Answer::icmp_admin_prohibited},
    {"admin-prohibiteds", Answer::icmp_admin_prohibited},
    {"time-exceeded", Answer::icmp_time_exceeded},
    {"time-exceededs", Answer::icmp_time_exceeded},
};

Answer answer_of(std::string_view reason, PortState state) {
  for (const Reason& row : kReasons)
    if (row.name == reason) return row.answer;
  if (reason.find("unreach") != std::string_view::npos || reason.find("prohibited") != std::string_view::npos)
    return Answer::icmp_other;
  // Old nmap gave no reason: the state alone tells.
  if (state == PortState::open) return Answer::syn_ack;
  if (state == PortState::closed) return Answer::rst;
  return Answer::silence;
}

Passage passage_of(PortState state, Answer answer) {
  if (state == PortState::open) return Passage::passed;
  switch (answer) {
    case Answer::icmp_port_unreachable:
    case Answer::icmp_network_prohibited:
    case Answer::icmp_host_prohibited:
    case Answer::icmp_admin_prohibited:
      return state == PortState::closed ? Passage::undetermined : Passage::blocked;
    default: return Passage::undetermined;  // a reset may be forged, silence may be loss
  }
}

/// nmap's protocol names in scaninfo and port elements.
std::optional<Protocol> protocol_of(std::string_view text) {
  if (text == "tcp") return Protocol::tcp;
  if (text == "udp") return Protocol::udp;
  if (text == "sctp") return Protocol::sctp;
  return std::nullopt;
}

/// nmap's service names where ours differ.
std::string service_name(std::string_view nmap_name) {
  struct Row {
    std::string_view theirs, ours;
  };
  constexpr Row kRows[] = {{"microsoft-ds", "smb"},  {"netbios-ssn", "netbios-session"},
                           {"domain", "dns"},        {"ms-sql-s", "mssql"},
                           {"ms-wbt-server", "rdp"}, {"http-proxy", "http"},
                           {"imap", "imap"},         {"oracle-tns", "oracle"}};
  for (const Row& row : kRows)
    if (row.theirs == nmap_name) return std::string(row.ours);
  return std::string(nmap_name.substr(0, 64));
}

constexpr std::size_t kDepthMax = 32;
constexpr std::size_t kAttributesMax = 1U << 20;  // one element's attributes, in bytes
constexpr std::size_t kNotesMax = 1000;

}  // namespace

struct NmapXmlReader::State {
  explicit State(std::string name) : parser(XML_ParserCreate(nullptr)) {
    run.file = std::move(name);
    run.header.method = "nmap";
    XML_SetUserData(parser, this);
    XML_SetElementHandler(
        parser, [](void* self, const XML_Char* n, Attributes a) { static_cast<State*>(self)->begin(n, a); },
        [](void* self, const XML_Char* n) { static_cast<State*>(self)->end(n); });
    XML_SetStartDoctypeDeclHandler(
        parser, [](void* self, const XML_Char*, const XML_Char* system_id, const XML_Char*, int has_subset) {
          if (has_subset != 0 || system_id != nullptr)
            static_cast<State*>(self)->refuse("a document type with a subset or a reference is refused");
        });
    XML_SetEntityDeclHandler(parser, [](void* self, const XML_Char*, int, const XML_Char*, int, const XML_Char*,
                                        const XML_Char*, const XML_Char*, const XML_Char*) {
      static_cast<State*>(self)->refuse("entity declarations are refused");
    });
    XML_SetParamEntityParsing(parser, XML_PARAM_ENTITY_PARSING_NEVER);
  }
  ~State() { XML_ParserFree(parser); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void refuse(std::string what, std::string hint = {}) {
    if (problem) return;
    problem = Error{Location{.file = run.file,
                             .line = static_cast<std::uint32_t>(XML_GetCurrentLineNumber(parser)),
                             .column = static_cast<std::uint32_t>(XML_GetCurrentColumnNumber(parser) + 1)},
                    std::move(what), std::move(hint)};
    XML_StopParser(parser, XML_FALSE);
  }

  void note(std::string text) {
    if (run.notes.size() < kNotesMax) run.notes.push_back(std::move(text));
  }

  // --- Elements ---

  void begin(std::string_view element, Attributes a) {
    if (problem) return;
    if (++depth > kDepthMax) return refuse("elements nest too deeply for nmap's output");
    std::size_t size = 0;
    for (Attributes each = a; *each != nullptr; ++each) size += std::string_view(*each).size();
    if (size > kAttributesMax) return refuse("an element's attributes are too long");
    if (!seen_root) {
      if (element != "nmaprun")
        return refuse(fmt::format("the document is a '{}', not nmap's output", element.substr(0, 40)),
                      "expected <nmaprun>, as nmap -oX writes it");
      seen_root = true;
      if (auto started = number(attribute(a, "start")); started && *started < 9'000'000'000)
        run.header.started = Timestamp::from_seconds(static_cast<std::int64_t>(*started));
      else
        return refuse("nmaprun has no start time", "evidence without its time cannot be judged");
      run.header.run = fmt::format("nmap-{}", run.header.started.seconds());
      return;
    }
    if (element == "scaninfo") return scan_info(a);
    if (element == "host") {
      host = {};
      in_host = true;
      if (auto t = number(attribute(a, "starttime")); t && *t < 9'000'000'000)
        host.started = Timestamp::from_seconds(static_cast<std::int64_t>(*t));
      return;
    }
    if (element == "finished") {
      ScanSummary s;
      if (auto t = number(attribute(a, "time")); t && *t < 9'000'000'000)
        s.finished = Timestamp::from_seconds(static_cast<std::int64_t>(*t));
      else
        s.finished = run.header.started;
      std::string_view exit = attribute(a, "exit");
      s.end = exit.empty() || exit == "success" ? ScanEnd::complete : ScanEnd::interrupted;
      run.summary = s;
      return;
    }
    if (!in_host) return;
    if (element == "status")
      host.up = attribute(a, "state") != "down";
    else if (element == "address")
      address(a);
    else if (element == "extraports")
      extra_ports(a);
    else if (element == "extrareasons")
      extra_reasons(a);
    else if (element == "port")
      port(a);
    else if (element == "state" && host.current)
      state(a);
    else if (element == "service" && host.current)
      service(a);
  }

  void end(std::string_view element) {
    if (problem) return;
    --depth;
    if (element == "port" && host.current) {
      finish_port();
    } else if (element == "host" && in_host) {
      finish_host();
      in_host = false;
    }
  }

  void scan_info(Attributes a) {
    std::optional<Protocol> protocol = protocol_of(attribute(a, "protocol"));
    if (!protocol)
      return note(fmt::format("scaninfo of protocol '{}' is not counted", attribute(a, "protocol").substr(0, 40)));
    Result<PortSet> ports = parse_port_set(attribute(a, "services"));
    if (!ports) return refuse("scaninfo's services: " + ports.error().what);
    asked[*protocol] = asked[*protocol].unite(*ports);
    type[*protocol] = attribute(a, "type");
  }

  void address(Attributes a) {
    if (attribute(a, "addrtype") == "mac") return;
    std::optional<Address> parsed = parse_address(attribute(a, "addr"));
    if (!parsed) return refuse(fmt::format("'{}' is no address", attribute(a, "addr").substr(0, 60)));
    if (!host.address) host.address = parsed;
  }

  void extra_ports(Attributes a) {
    std::optional<PortState> state = parse_port_state(attribute(a, "state"));
    if (!state) return refuse(fmt::format("'{}' is no port state", attribute(a, "state").substr(0, 40)));
    host.extras.push_back({*state, number(attribute(a, "count")).value_or(0), {}});
  }

  void extra_reasons(Attributes a) {
    if (host.extras.empty()) return;
    Extra::Part part;
    part.answer = answer_of(attribute(a, "reason"), host.extras.back().state);
    part.protocol = protocol_of(attribute(a, "proto"));
    if (std::string_view text = attribute(a, "ports"); !text.empty()) {
      Result<PortSet> ports = parse_port_set(text);
      if (!ports) return refuse("extrareasons' ports: " + ports.error().what);
      part.ports = *ports;
    }
    host.extras.back().parts.push_back(std::move(part));
  }

  void port(Attributes a) {
    std::optional<Protocol> protocol = protocol_of(attribute(a, "protocol"));
    std::optional<std::uint64_t> id = number(attribute(a, "portid"));
    if (!id || *id > 65535) return refuse(fmt::format("'{}' is no port", attribute(a, "portid").substr(0, 40)));
    host.current.reset();
    if (!protocol) return;  // -sO: a protocol scan
    Outcome o;
    o.protocol = *protocol;
    o.ports = PortRange::single(Port(static_cast<std::uint16_t>(*id)));
    o.record = static_cast<std::uint32_t>(XML_GetCurrentLineNumber(parser));
    host.current = o;
    host.current_known = false;
  }

  void state(Attributes a) {
    std::string_view text = attribute(a, "state");
    std::optional<PortState> state = text == "closed|filtered" ? PortState::filtered : parse_port_state(text);
    if (!state) return refuse(fmt::format("'{}' is no port state", text.substr(0, 40)));
    Outcome& o = *host.current;
    o.state = *state;
    o.answer = answer_of(attribute(a, "reason"), *state);
    if (o.protocol != Protocol::tcp && o.state == PortState::open) o.answer = Answer::reply;
    o.passage = passage_of(o.state, o.answer);
    if (auto ttl = number(attribute(a, "reason_ttl")); ttl && *ttl > 0 && *ttl <= 255)
      o.ttl = static_cast<std::int16_t>(*ttl);
    if (std::string_view ip = attribute(a, "reason_ip"); !ip.empty()) o.answered_by = parse_address(ip);
    host.current_known = true;
  }

  void service(Attributes a) {
    std::string_view method = attribute(a, "method");
    if (method == "table" || host.current->state != PortState::open)
      return;  // a guess from the number is no evidence
    ServiceSeen s;
    bool tls = attribute(a, "tunnel") == "ssl";
    s.name = tls ? "tls" : service_name(attribute(a, "name"));
    if (tls) s.tls_inside = service_name(attribute(a, "name"));
    s.product = std::string(attribute(a, "product").substr(0, 200));
    s.version = std::string(attribute(a, "version").substr(0, 100));
    s.evidence = fmt::format("nmap -sV, confidence {}", bytes_escaped(attribute(a, "conf").substr(0, 4)));
    run.services.push_back(std::move(s));
    host.current->service = static_cast<std::uint32_t>(run.services.size() - 1);
  }

  void finish_port() {
    if (host.current_known) {
      host.listed[host.current->protocol] = host.listed[host.current->protocol].unite(PortSet{host.current->ports});
      host.outcomes.push_back(*host.current);
    }
    host.current.reset();
  }

  void finish_host() {
    if (!host.address) return note("a host without an address is not counted");
    if (!host.up)
      return note(
          fmt::format("{} was down when nmap looked: nothing is known about its ports", to_string(*host.address)));
    resolve_extras();
    for (Outcome& o : host.outcomes) {
      o.target = *host.address;
      o.at = host.started;
      run.outcomes.push_back(o);
    }
  }

  /// Which ports the "not shown" ones are: those asked and not listed.
  void resolve_extras() {
    std::map<Protocol, PortSet> rest;
    for (const auto& [protocol, ports] : asked) rest[protocol] = ports.minus(host.listed[protocol]);
    auto add = [&](Protocol protocol, const PortSet& ports, PortState state, Answer answer) {
      for (const PortRange& range : ports.ranges()) {
        Outcome o;
        o.protocol = protocol;
        o.ports = range;
        o.state = state;
        o.answer = answer;
        o.passage = passage_of(state, answer);
        o.record = static_cast<std::uint32_t>(XML_GetCurrentLineNumber(parser));
        host.outcomes.push_back(o);
      }
      rest[protocol] = rest[protocol].minus(ports);
    };
    // First what nmap spells out port by port (7.92 and later), then what only one state can mean.
    std::vector<const Extra*> vague;
    for (const Extra& extra : host.extras) {
      bool spelled_out =
          !extra.parts.empty() && std::all_of(extra.parts.begin(), extra.parts.end(),
                                              [](const Extra::Part& p) { return p.protocol && !p.ports.empty(); });
      if (!spelled_out) {
        vague.push_back(&extra);
        continue;
      }
      for (const Extra::Part& part : extra.parts)
        add(*part.protocol, part.ports.intersect(rest[*part.protocol]), extra.state, part.answer);
    }
    std::uint64_t left = 0;
    for (const auto& [protocol, ports] : rest) left += ports.size();
    if (vague.size() == 1 && vague.front()->count == left) {
      const Extra& extra = *vague.front();
      // Several reasons for one state: the state is known of each port, the answer only if there is one reason.
      Answer answer = extra.parts.size() == 1 ? extra.parts.front().answer : answer_of({}, extra.state);
      std::map<Protocol, PortSet> each = rest;
      for (const auto& [protocol, ports] : each) add(protocol, ports, extra.state, answer);
      left = 0;
    }
    if (left != 0) {
      note(fmt::format(
          "{}: nmap does not say which of {} ports it did not show had which state: they are not counted",
          to_string(*host.address), left));
    }
  }

  struct Extra {
    PortState state;
    std::uint64_t count;
    struct Part {
      Answer answer = Answer::silence;
      std::optional<Protocol> protocol;
      PortSet ports;
    };
    std::vector<Part> parts;
  };
  struct Host {
    std::optional<Address> address;
    bool up = true;
    std::optional<Timestamp> started;
    std::vector<Extra> extras;
    std::map<Protocol, PortSet> listed;
    std::vector<Outcome> outcomes;
    std::optional<Outcome> current;
    bool current_known = false;
  };

  XML_Parser parser;
  ScanRun run;
  std::map<Protocol, PortSet> asked;
  std::map<Protocol, std::string> type;
  Host host;
  std::optional<Error> problem;
  std::size_t depth = 0;
  bool seen_root = false, in_host = false;

  Result<void> parse(std::string_view bytes, bool last) {
    constexpr std::size_t kPieceMax = 1U << 20;
    do {
      std::string_view piece = bytes.substr(0, kPieceMax);
      bytes.remove_prefix(piece.size());
      bool final_piece = last && bytes.empty();
      if (XML_Parse(parser, piece.data(), static_cast<int>(piece.size()), final_piece ? 1 : 0) != XML_STATUS_OK) {
        if (problem) return std::unexpected(*problem);
        XML_Error code = XML_GetErrorCode(parser);
        bool cut =
            final_piece && seen_root &&
            (code == XML_ERROR_NO_ELEMENTS || code == XML_ERROR_UNCLOSED_TOKEN || code == XML_ERROR_PARTIAL_CHAR ||
             code == XML_ERROR_UNCLOSED_CDATA_SECTION || code == XML_ERROR_TAG_MISMATCH);
        if (cut && code != XML_ERROR_TAG_MISMATCH) {
          note("the file ends in the middle: nmap was interrupted; what is whole counts");
          run.summary.reset();
          return {};
        }
        refuse(std::string("malformed XML: ") + XML_ErrorString(code));
        return std::unexpected(*problem);
      }
    } while (!bytes.empty());
    return {};
  }
};

NmapXmlReader::NmapXmlReader(std::string file) : state_(std::make_unique<State>(std::move(file))) {}
NmapXmlReader::~NmapXmlReader() = default;
NmapXmlReader::NmapXmlReader(NmapXmlReader&&) noexcept = default;
NmapXmlReader& NmapXmlReader::operator=(NmapXmlReader&&) noexcept = default;

Result<void> NmapXmlReader::feed(std::string_view bytes) {
  return bytes.empty() ? Result<void>{} : state_->parse(bytes, false);
}

Result<ScanRun> NmapXmlReader::finish() {
  if (state_->problem) return std::unexpected(*state_->problem);
  DEMARC_TRY(state_->parse({}, true));
  if (!state_->seen_root) return file_failure(state_->run.file, "no nmap XML");
  std::string methods;
  for (const auto& [protocol, type] : state_->type) methods += (methods.empty() ? "nmap " : "+") + type;
  if (!methods.empty()) state_->run.header.method = methods.substr(0, 100);
  compact(state_->run.outcomes);
  return std::move(state_->run);
}

Result<ScanRun> read_nmap_xml(std::string file, std::string_view text) {
  NmapXmlReader reader(std::move(file));
  DEMARC_TRY(reader.feed(text));
  return reader.finish();
}

}  // namespace demarc
