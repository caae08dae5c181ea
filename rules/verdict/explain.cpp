#include "rules/verdict/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "rules/policy/approval.h"
#include "rules/policy/translation.h"
#include "rules/text/escape.h"
#include "rules/text/json_writer.h"
#include "rules/verdict/configured_path.h"
#include "rules/verdict/judging.h"

namespace demarc {

std::string_view name(RuleOpinion::Kind kind) {
  switch (kind) {
    case RuleOpinion::Kind::approves: return "approves";
    case RuleOpinion::Kind::exception_approves: return "exception-approves";
    case RuleOpinion::Kind::forbids: return "forbids";
    case RuleOpinion::Kind::lifted: return "lifted";
    case RuleOpinion::Kind::near_miss: return "near-miss";
  }
  return "near-miss";
}

namespace {

std::uint16_t number_of(const Packet& p) {
  return p.protocol.is_icmp() ? static_cast<std::uint16_t>((p.icmp.type << 8) | p.icmp.code.value_or(0))
                              : p.port.number();
}

std::string service_names(const RuleSet& rules, const std::vector<std::uint32_t>& services) {
  std::string text;
  for (const std::uint32_t s : services) text += (text.empty() ? "" : ", ") + rules.services[s].name;
  return text;
}

/// Of source, destination and service, what a rule does not match; one thing off is a near miss.
std::vector<std::string> differences(const RuleSet& rules, const Rule& rule, const Packet& p) {
  std::vector<std::string> out;
  if (!rule.from.addresses.contains(p.source))
    out.push_back(fmt::format("the source lies outside `from` ({})", list_some(rule.from.names)));
  if (!rule.to.addresses.contains(p.destination))
    out.push_back(fmt::format("the destination lies outside `to` ({})", list_some(rule.to.names)));
  const bool service = std::any_of(rule.services.begin(), rule.services.end(), [&](std::uint32_t s) {
    return service_has(rules.services[s], p.protocol, number_of(p));
  });
  if (!service) out.push_back(fmt::format("it approves {}", service_names(rules, rule.services)));
  return out;
}

void opinions(const RuleSet& rules, const Documented& doc, Explanation& e, std::size_t shown) {
  const Judgement verdict = doc.judge(e.packet);
  e.approved = verdict.approved;
  e.forbidden = !verdict.forbidden_by.empty();
  for (const std::uint32_t r : verdict.approved_by)
    e.rules.push_back({RuleOpinion::Kind::approves, rules.rules[r].id,
                       service_names(rules, rules.rules[r].services), doc.state(r).words, rules.rules[r].where});
  for (const std::uint32_t x : verdict.approved_by_exception) {
    const Exception& exception = rules.exceptions[x];
    e.rules.push_back(
        {RuleOpinion::Kind::exception_approves, exception.rule.id, service_names(rules, exception.rule.services),
         fmt::format("{}; lifts {}", doc.exception_state(x).words, exception.of), exception.rule.where});
  }
  for (const std::uint32_t f : verdict.forbidden_by)
    e.rules.push_back({RuleOpinion::Kind::forbids, rules.forbidden[f].id,
                       service_names(rules, rules.forbidden[f].services),
                       rules.forbidden[f].reason.empty() ? rules.forbidden[f].remedy : rules.forbidden[f].reason,
                       rules.forbidden[f].where});
  for (const std::uint32_t f : verdict.forbidden_lifted) {
    std::string why = "does not touch the rule that approves it";
    for (const std::uint32_t x : verdict.approved_by_exception)
      if (rules.exceptions[x].of == rules.forbidden[f].id)
        why = fmt::format("{} lifts it", rules.exceptions[x].rule.id);
    e.rules.push_back({RuleOpinion::Kind::lifted, rules.forbidden[f].id,
                       service_names(rules, rules.forbidden[f].services), why, rules.forbidden[f].where});
  }
  for (const std::uint32_t r : verdict.overruled)
    e.rules.push_back({RuleOpinion::Kind::near_miss, rules.rules[r].id,
                       service_names(rules, rules.rules[r].services), "matches, and a forbidden entry overrules it",
                       rules.rules[r].where});
  for (const std::uint32_t r : verdict.not_in_force)
    e.rules.push_back({RuleOpinion::Kind::near_miss, rules.rules[r].id,
                       service_names(rules, rules.rules[r].services),
                       fmt::format("matches, but: {}", doc.state(r).words), rules.rules[r].where});
  for (const std::uint32_t x : verdict.exceptions_not_in_force)
    e.rules.push_back({RuleOpinion::Kind::near_miss, rules.exceptions[x].rule.id,
                       service_names(rules, rules.exceptions[x].rule.services),
                       fmt::format("matches, but: {}", doc.exception_state(x).words),
                       rules.exceptions[x].rule.where});
  // Rules that are one thing off; those in force first, in the rule set's order.
  if (verdict.approved) return;
  std::size_t near = 0;
  for (std::uint32_t r = 0; r < rules.rules.size() && near < shown; ++r) {
    const std::vector<std::string> off = differences(rules, rules.rules[r], e.packet);
    if (off.size() != 1) continue;
    std::string why = off.front();
    if (!doc.state(r).in_force()) why += fmt::format("; and it is not in force: {}", doc.state(r).words);
    e.rules.push_back({RuleOpinion::Kind::near_miss, rules.rules[r].id,
                       service_names(rules, rules.rules[r].services), std::move(why), rules.rules[r].where});
    ++near;
  }
}

void probes(const RuleSet& rules, const Snapshot& snapshot, const Translator& translator, Explanation& e,
            Timestamp as_of, std::size_t shown) {
  std::optional<Timestamp> stale_before;
  if (rules.coverage.given && rules.coverage.age_max) stale_before = as_of - nominal(*rules.coverage.age_max);
  const PortRange asked = PortRange::single(Port{number_of(e.packet)});
  const auto name_of = [&rules](const Address& a) {
    const std::string known = rules.name_of(a);
    return known.empty() ? to_string(a) : known;
  };
  for (const ScanRun& run : snapshot.scans) {
    UsualTtls ttls;  // of this run's answers from the packet's destination, under whatever address it was asked
    std::set<Address> learnt;
    const auto learn_ttls = [&](const Address& target) {
      if (!learnt.insert(target).second) return;
      for (const Outcome& o : run.outcomes)
        if (o.target == target) ttls.learn(0, o);
    };
    const Vantage* vantage = run.header.vantage.empty() ? nullptr : rules.vantage(run.header.vantage);
    const std::optional<Address> source =
        vantage != nullptr ? std::optional(vantage->address) : run.header.source_address;
    const Zone* zone = vantage != nullptr ? rules.zone(vantage->zone)
                       : source           ? rules.zone_of(*source)
                                          : rules.zone(run.header.zone);
    for (const Outcome& o : run.outcomes) {
      if (o.protocol != e.packet.protocol) continue;
      const PortRange numbers = outcome_numbers(o);
      bool matches = o.target == e.packet.destination && numbers.contains(asked.first);
      if (source && translator.is_face(o.target, *source)) {
        matches = false;
        // Another port may stand in front of the one that is asked about.
        for (const Translation& t : rules.translations) {
          if (t.seen_as != o.target ||
              std::find(t.real.begin(), t.real.end(), e.packet.destination) == t.real.end())
            continue;
          if (t.ports.empty() || !e.packet.protocol.has_ports()) {
            matches = matches || numbers.contains(asked.first);
            continue;
          }
          for (const auto& [seen, behind] : t.ports)
            matches = matches || (behind == asked.first && numbers.contains(seen));
        }
      }
      if (!matches) continue;
      ProbeOpinion p;
      p.vantage = vantage != nullptr                     ? vantage->name
                  : run.header.vantage.empty() && source ? to_string(*source)
                                                         : run.header.vantage;
      p.zone = zone == nullptr ? run.header.zone : zone->name;
      p.file = run.file;
      p.state = name(o.state);
      p.passage = name(o.passage);
      p.answer = name(o.answer);
      if (o.answered_by) p.answered_by = to_string(*o.answered_by);
      learn_ttls(o.target);
      p.who = who_says_so(o, ttls.of(0, o.target, o.protocol), name_of, witness_place(snapshot, o));
      p.stops = where_it_stops(o, name_of);
      if (o.ttl >= 0) p.ttl = static_cast<std::uint8_t>(o.ttl);
      p.tries = o.tries;
      p.doubt = name(o.doubt);
      if (o.service != kNoService && o.service < run.services.size()) {
        const ServiceSeen& s = run.services[o.service];
        p.service =
            s.name + (s.product.empty() ? "" : " " + s.product) + (s.version.empty() ? "" : " " + s.version);
      }
      if (o.target != e.packet.destination) p.asked_as = to_string(o.target);
      p.record = o.record;
      p.at = measured_at(run, o);
      p.same_zone = zone != nullptr && zone->name == e.source_zone;
      p.stale = stale_before && *p.at < *stale_before;
      e.probes.push_back(std::move(p));
    }
  }
  std::sort(e.probes.begin(), e.probes.end(), [](const ProbeOpinion& a, const ProbeOpinion& b) {
    if (a.same_zone != b.same_zone) return a.same_zone;
    return std::tie(b.at, a.vantage, a.file, a.record) < std::tie(a.at, b.vantage, b.file, b.record);
  });
  e.probes.erase(std::unique(e.probes.begin(), e.probes.end(),
                             [](const ProbeOpinion& a, const ProbeOpinion& b) {
                               return std::tie(a.vantage, a.zone, a.state, a.answer, a.at, a.record) ==
                                      std::tie(b.vantage, b.zone, b.state, b.answer, b.at, b.record);
                             }),
                 e.probes.end());
  if (e.probes.size() > shown) e.probes.resize(shown);
}

void flows(const RuleSet& rules, const Snapshot& snapshot, Explanation& e, std::size_t shown) {
  const Zone* zone = rules.zone_of(e.packet.source);
  for (const FlowEvidence& evidence : snapshot.flows) {
    for (const ObservedFlow& f : evidence.flows) {
      if (f.protocol != e.packet.protocol || f.responder != e.packet.destination) continue;
      if (f.protocol.has_ports() && f.port != e.packet.port) continue;
      if (f.protocol.is_icmp() && f.icmp.type != e.packet.icmp.type) continue;
      if (f.initiator != e.packet.source && rules.zone_of(f.initiator) != zone) continue;
      FlowOpinion o;
      o.initiator = to_string(f.initiator);
      o.responder = to_string(f.responder);
      o.file = f.source < evidence.sources.size() ? evidence.sources[f.source].file : evidence.file;
      o.sensor = f.source < evidence.sources.size() ? evidence.sources[f.source].sensor : std::string();
      for (std::size_t s = 0; s < kConnStates; ++s)
        if (f.states[static_cast<ConnState>(s)] != 0)
          o.states += fmt::format("{}{} {}", o.states.empty() ? "" : ", ", f.states[static_cast<ConnState>(s)],
                                  name(static_cast<ConnState>(s)));
      o.record = f.record;
      o.conversations = f.conversations;
      o.established = f.established;
      o.first = f.first;
      o.last = f.last;
      o.same_source = f.initiator == e.packet.source;
      e.flows.push_back(std::move(o));
    }
  }
  std::sort(e.flows.begin(), e.flows.end(), [](const FlowOpinion& a, const FlowOpinion& b) {
    if (a.same_source != b.same_source) return a.same_source;
    return std::tie(b.last, a.initiator, a.file, a.record) < std::tie(a.last, b.initiator, b.file, b.record);
  });
  if (e.flows.size() > shown) e.flows.resize(shown);
}

/// The lines that decide at one device. Where the path leaves open which interface is used they may be several.
void at_device(PathSets& sets, std::uint32_t hop, std::uint32_t alternative, const PacketSet& packets,
               HopOpinion opinion, Explanation& e) {
  const BoundDevice& device = sets.device(hop, alternative);
  if (device.device == nullptr) {
    opinion.fate = "not measured";
    opinion.why = device.not_usable;
    e.hops.push_back(std::move(opinion));
    return;
  }
  const std::vector<LineShare> shares = sets.lines(hop, alternative, packets);
  for (const LineShare& share : shares) {
    HopOpinion o = opinion;
    const LineText text = text_of(*device.device, share.line);
    o.fate = name(share.open ? Fate::undetermined : share.fate);
    o.list = text.list;
    o.text = text.text;
    o.file = text.file;
    o.line = text.line;
    if (o.fate == name(Fate::undetermined))
      o.why = share.line.entry ? device.device->lists[share.line.list].entries[*share.line.entry].undecided : "";
    if (shares.size() > 1 && o.why.empty() && !share.open)
      o.why = "for some of the interfaces that it may use, or where the lines before leave it";
    e.hops.push_back(std::move(o));
  }
}

void configured(const RuleSet& rules, std::span<const GivenConfiguration> configurations, Explanation& e) {
  const Zone *from = rules.zone_of(e.packet.source), *to = rules.zone_of(e.packet.destination);
  if (from == nullptr || to == nullptr) {
    e.configured = fmt::format("not measured: no zone claims {}",
                               to_string(from == nullptr ? e.packet.source : e.packet.destination));
    return;
  }
  const Binding binding = bind_devices(rules, configurations);
  const ZonePath path = path_between(binding, static_cast<std::uint32_t>(from - rules.zones.data()),
                                     static_cast<std::uint32_t>(to - rules.zones.data()));
  const std::vector<PacketCrossing> crossings = crossings_of(path, e.packet.source, e.packet.destination);
  if (crossings.empty()) {
    e.configured = path.state == ZonePath::State::isolated ? "isolated by design: the rule set declares no path"
                   : path.state == ZonePath::State::inside ? "not filtered: both ends lie in one zone"
                                                           : "not measured: no path is declared between the zones";
    return;
  }
  try {
    PacketSpace space;
    std::vector<std::unique_ptr<DeviceSets>> devices;
    PathSets sets(binding, path, space, devices);
    ConcretePacket first;
    first.packet = e.packet;
    Box box = PacketQuestion::of(first).packets;
    box.ingress = box.egress = ByteSet::all();
    const PacketSet packets = space.of(box);
    for (const PacketCrossing& c : crossings) {
      HopOpinion opinion;
      opinion.hop = c.hop;
      opinion.device = binding.devices[c.device].name;
      opinion.way = name(c.way);
      for (std::uint32_t a = 0; a < path.hops[c.hop].alternatives.size(); ++a)
        if (path.hops[c.hop].alternatives[a].device == c.device) at_device(sets, c.hop, a, packets, opinion, e);
    }
    const Bounds permitted = sets.permitted();
    const PacketSet asked = packets & sets.scope();
    if (asked.is_empty())
      e.configured = "not measured: the address is a face of another host";
    else if (permitted.certain.contains(asked))
      e.configured = "permitted";
    else if (!permitted.possible.overlaps(asked))
      e.configured = "denied";
    else
      e.configured = asked.overlaps(sets.unmeasured()) ? "not measured: a configuration on the path is missing"
                                                       : "undetermined";
  } catch (const SpaceExhausted&) {
    e.configured = "not measured: the lists are too complicated to compare";
  }
}

std::string conclusion(const Explanation& e) {
  std::string text = e.forbidden ? "Forbidden" : e.approved ? "Approved" : "Not approved by any rule in force";
  if (!e.hops.empty()) text += fmt::format("; configured: {}", e.configured);
  const auto from_here =
      std::find_if(e.probes.begin(), e.probes.end(), [](const ProbeOpinion& p) { return p.same_zone && !p.stale; });
  if (from_here == e.probes.end())
    text += fmt::format("; not measured from zone {}", e.source_zone.empty() ? "unclaimed" : e.source_zone);
  else
    text += fmt::format("; {} from {}{}", from_here->state, from_here->vantage,
                        from_here->who.empty() ? "" : ", " + from_here->who);
  std::uint64_t established = 0, conversations = 0;
  for (const FlowOpinion& f : e.flows) {
    established += f.established;
    conversations += f.conversations;
  }
  if (established != 0)
    text += fmt::format("; used ({} conversations established)", established);
  else if (conversations != 0)
    text += "; tried and never established";
  else
    text += "; no conversation seen";
  return text + ".";
}

}  // namespace

Explanation explain(const RuleSet& rules, const Snapshot& snapshot, const Packet& packet, Timestamp as_of,
                    std::size_t shown, std::span<const GivenConfiguration> configurations) {
  Explanation e;
  e.packet = packet;
  const auto zone_name = [&](const Address& a) {
    const Zone* zone = rules.zone_of(a);
    return zone == nullptr ? std::string() : zone->name;
  };
  e.source_name = rules.name_of(packet.source);
  e.source_zone = zone_name(packet.source);
  e.destination_name = rules.name_of(packet.destination);
  e.destination_zone = zone_name(packet.destination);
  const Translator translator(rules);
  const std::vector<SeenAs> faces = translator.as_seen(packet.destination, packet.source);
  if (!faces.empty() && faces.front().address != packet.destination) e.seen_as = to_string(faces.front().address);
  PacketSpace space;
  const Documented documented(rules, space, as_of);
  opinions(rules, documented, e, shown);
  probes(rules, snapshot, translator, e, as_of, shown);
  flows(rules, snapshot, e, shown);
  if (!configurations.empty()) configured(rules, configurations, e);
  e.conclusion = conclusion(e);
  return e;
}

std::string explanation_text(const Explanation& e) {
  std::string out;
  const auto line = [&out](std::string_view indent, const std::string& text) {
    out += indent;
    out += terminal_safe(text);
    out += '\n';
  };
  const auto end = [](const std::string& name, const std::string& zone) {
    return fmt::format("{}zone {}", name.empty() ? "" : name + ", ", zone.empty() ? "unclaimed" : zone);
  };
  line("", to_string(e.packet));
  line("  ", "source: " + end(e.source_name, e.source_zone));
  line("  ", "destination: " + end(e.destination_name, e.destination_zone) +
                 (e.seen_as.empty() ? "" : fmt::format(", seen from there as {}", e.seen_as)));
  line("", "documented: " + std::string(e.forbidden ? "forbidden" : e.approved ? "approved" : "not approved"));
  for (const RuleOpinion& r : e.rules) {
    const std::string where =
        r.where.line == 0 ? std::string() : fmt::format(" ({}:{})", r.where.file, r.where.line);
    line("  ",
         fmt::format("{} {} [{}]{}{}", name(r.kind), r.id, r.service, r.why.empty() ? "" : ": " + r.why, where));
  }
  line("", "configured: " + e.configured);
  for (const HopOpinion& h : e.hops) {
    std::string text = fmt::format("{} ({}): {}", h.device, h.way, h.fate);
    if (!h.file.empty() && !h.list.empty())
      text += fmt::format(", {} [{}:{}]", h.text, h.file, h.line);
    else if (!h.text.empty())
      text += fmt::format(", {} [{}]", h.text, h.file);
    if (!h.why.empty()) text += ": " + h.why;
    line("  ", text);
  }
  line("", std::string("reachable:") + (e.probes.empty() ? " not measured" : ""));
  for (const ProbeOpinion& p : e.probes) {
    std::string text = fmt::format("{} from {} (zone {}): {}", p.state, p.vantage, p.zone, p.answer);
    if (p.answer == name(Answer::silence)) text += fmt::format(" to {} tr{}", p.tries, p.tries == 1 ? "y" : "ies");
    if (!p.answered_by.empty()) text += ", answered by " + p.answered_by;
    if (p.ttl) text += fmt::format(", TTL {}", *p.ttl);
    text += ", passage " + p.passage;
    if (!p.who.empty()) text += ", " + p.who;
    if (!p.stops.empty()) text += ", " + p.stops;
    if (!p.asked_as.empty()) text += ", asked as " + p.asked_as;
    if (!p.service.empty()) text += ", " + p.service;
    if (!p.doubt.empty()) text += ", in doubt: " + p.doubt;
    if (p.at) text += ", " + to_string(*p.at);
    if (p.stale) text += ", too old to count";
    line("  ", fmt::format("{} [{} record {}]", text, p.file, p.record));
  }
  line("", std::string("observed:") + (e.flows.empty() ? " no conversation" : ""));
  for (const FlowOpinion& f : e.flows)
    line("  ", fmt::format("{} > {}: {} conversations, {} established ({}), last {} [{} {}{}]", f.initiator,
                           f.responder, f.conversations, f.established, f.states, to_string(f.last), f.file,
                           f.record, f.sensor.empty() ? "" : ", sensor " + f.sensor));
  line("", e.conclusion);
  return out;
}

std::string explanation_json(const Explanation& e) {
  JsonWriter w(JsonWriter::Style::indented);
  w.begin_object().field("demarc", "explanation").field("version", 1);
  w.key("packet")
      .begin_object()
      .field("source", to_string(e.packet.source))
      .field("destination", to_string(e.packet.destination))
      .field("protocol", to_string(e.packet.protocol));
  if (e.packet.protocol.has_ports()) w.field("port", e.packet.port.number());
  if (e.packet.protocol.is_icmp()) w.field("icmp", to_string(e.packet.icmp));
  w.end_object();
  w.field_unless_empty("source_name", e.source_name).field_unless_empty("source_zone", e.source_zone);
  w.field_unless_empty("destination_name", e.destination_name)
      .field_unless_empty("destination_zone", e.destination_zone)
      .field_unless_empty("seen_as", e.seen_as);
  w.field("approved", e.approved).field("forbidden", e.forbidden);
  w.key("rules").begin_array();
  for (const RuleOpinion& r : e.rules) {
    w.begin_object()
        .field("opinion", name(r.kind))
        .field("id", r.id)
        .field("service", r.service)
        .field_unless_empty("why", r.why);
    if (r.where.line != 0) w.field("file", r.where.file).field("line", r.where.line);
    w.end_object();
  }
  w.end_array();
  w.field("configured", e.configured);
  w.key("hops").begin_array();
  for (const HopOpinion& h : e.hops) {
    w.begin_object().field("hop", h.hop).field("device", h.device).field("way", h.way).field("fate", h.fate);
    w.field_unless_empty("list", h.list)
        .field_unless_empty("text", h.text)
        .field_unless_empty("file", h.file)
        .field_unless_empty("why", h.why);
    if (h.line != 0) w.field("line", h.line);
    w.end_object();
  }
  w.end_array();
  w.key("probes").begin_array();
  for (const ProbeOpinion& p : e.probes) {
    w.begin_object()
        .field("vantage", p.vantage)
        .field("zone", p.zone)
        .field("state", p.state)
        .field("passage", p.passage)
        .field("answer", p.answer);
    w.field_unless_empty("answered_by", p.answered_by)
        .field_unless_empty("who", p.who)
        .field_unless_empty("stops", p.stops)
        .field_unless_empty("doubt", p.doubt)
        .field_unless_empty("service", p.service)
        .field_unless_empty("asked_as", p.asked_as);
    if (p.ttl) w.field("ttl", *p.ttl);
    w.field("tries", p.tries);
    if (p.at) w.field("at", to_string(*p.at));
    w.field("same_zone", p.same_zone)
        .field("stale", p.stale)
        .field("file", p.file)
        .field("record", p.record)
        .end_object();
  }
  w.end_array();
  w.key("flows").begin_array();
  for (const FlowOpinion& f : e.flows) {
    w.begin_object()
        .field("initiator", f.initiator)
        .field("responder", f.responder)
        .field("conversations", f.conversations)
        .field("established", f.established);
    w.field("states", f.states)
        .field("first", to_string(f.first))
        .field("last", to_string(f.last))
        .field("same_source", f.same_source);
    w.field_unless_empty("sensor", f.sensor).field("file", f.file).field("record", f.record).end_object();
  }
  w.end_array();
  w.field("conclusion", e.conclusion).end_object();
  return w.take() + "\n";
}

}  // namespace demarc
