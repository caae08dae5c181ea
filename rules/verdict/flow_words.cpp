#include "rules/verdict/flow_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/evidence/noise_criteria.h"
#include "rules/text/number.h"
#include "rules/verdict/flow_judge.h"

namespace demarc {

namespace {

std::string counted(std::uint64_t n, std::string_view one, std::string_view many = {}) {
  if (n == 1) return fmt::format("1 {}", one);
  return many.empty() ? fmt::format("{} {}s", grouped_number(n), one)
                      : fmt::format("{} {}", grouped_number(n), many);
}

std::string addresses(std::uint64_t n) {
  // Beyond what is counted one by one the number is an estimate, and says so.
  return (n > noise_criteria::kDistinctExact ? "about " : "") + counted(n, "address", "addresses");
}

/// "tcp/445", "39 tcp ports", "tcp/53 and 21 udp ports".
std::string asked_ports(const NoiseTally::Scan& scan) {
  std::vector<std::string> parts;
  for (const auto& [protocol, ranges] : scan.ports) {
    const PortSet ports = PortSet::of(ranges);
    constexpr std::size_t kListed = 4;
    if (ports.ranges().size() <= kListed && ports.size() <= 16)
      parts.push_back(fmt::format("{}/{}", to_string(protocol), to_string(ports)));
    else
      parts.push_back(fmt::format("{}{} {} ports", scan.ports_cut ? "more than " : "", grouped_number(ports.size()),
                                  to_string(protocol)));
  }
  return list_some(parts);
}

/// "web1", "3 addresses"; empty if nothing was said.
std::string asked_hosts(const Judging& j, const NoiseTally::Scan& scan) {
  if (scan.responders.size() == 1 && scan.responders_more == 0) return j.address_name(*scan.responders.begin());
  return addresses(scan.responders.size() + scan.responders_more);
}

const FlowSource* source_of(const FlowEvidence& e, std::uint32_t index) {
  return index < e.sources.size() ? &e.sources[index] : nullptr;
}

/// Where a line or a frame stands: in the flow record file, or in the capture that it was read from.
EvidenceRef placed(const Judging& j, const FlowEvidence& e, const FlowSource* source, std::uint32_t record,
                   std::string text) {
  const bool records = std::any_of(j.snapshot.files.begin(), j.snapshot.files.end(), [&](const EvidenceFile& file) {
    return file.name == e.file && file.kind == EvidenceKind::flow_records;
  });
  if (source != nullptr && !source->sensor.empty()) text += fmt::format(", sensor {}", source->sensor);
  return {records || source == nullptr ? e.file : source->file,
          fmt::format("{} {}", records ? "record" : "frame", record), std::move(text)};
}

std::string asked_of(const ObservedFlow& f, Port port) {
  if (f.protocol.has_ports()) return fmt::format("{}/{}", to_string(f.protocol), to_string(port));
  if (f.protocol.is_icmp())
    return fmt::format("{} {}", to_string(f.protocol), describe(f.initiator.family(), f.icmp));
  return to_string(f.protocol);
}

/// The ends behind a translation, by the captures of both sides or by the rule set.
std::string real_ends_of(const Judging& j, const FlowEvidence& e, const ObservedFlow& f) {
  if (f.real < e.real_ends.size()) {
    const RealEnds& real = e.real_ends[f.real];
    return fmt::format(", really {} > {} {}{}", j.address_name(real.initiator), j.address_name(real.responder),
                       asked_of(f, real.port), real.seen_twice ? " (seen on both sides, counted once)" : "");
  }
  const FlowSource* source = source_of(e, f.source);
  const Sensor* sensor = source == nullptr ? nullptr : j.rules.sensor(source->sensor);
  const bool inside = sensor != nullptr && !sensor->beyond_filter;
  std::string initiator, responder;
  Port port = f.port;
  if (!(inside && j.rules.host_of(f.responder) != nullptr) && j.translator.is_face(f.responder, f.initiator)) {
    if (const auto real = j.translator.real_of(f.responder, f.port, f.initiator)) {
      responder = j.address_name(real->address);
      port = real->port;
    } else {
      return ", and the rule set does not say where that address forwards this port";
    }
  }
  for (const Vip& vip : j.rules.vips)
    if (vip.address == f.responder && responder.empty())
      responder = fmt::format("one of {}", list_some(vip.members.names));
  for (const SourceTranslation& t : j.rules.source_translations)
    if (t.seen_as == f.initiator && !(inside && j.rules.host_of(f.initiator) != nullptr) && initiator.empty())
      initiator = list_some(t.real.names);
  if (initiator.empty() && responder.empty()) return {};
  return fmt::format(", really {} > {} {}", initiator.empty() ? j.address_name(f.initiator) : initiator,
                     responder.empty() ? j.address_name(f.responder) : responder, asked_of(f, port));
}

std::string around(const Tunnel& t) {
  return fmt::format(", inside {}{} between {} and {}", name(t.kind), t.id == 0 ? "" : fmt::format(" {}", t.id),
                     to_string(t.low), to_string(t.high));
}

}  // namespace

std::string scan_words(const Judging& j, const NoiseTally::Scan& scan, std::string_view zone) {
  const std::string in = zone.empty() ? "" : fmt::format(" in {}", zone);
  const std::string ports = asked_ports(scan), hosts = asked_hosts(j, scan);
  if (ports.empty()) return hosts + in;
  if (scan.responders.size() + scan.responders_more <= 1) return fmt::format("{} of {}{}", ports, hosts, in);
  return fmt::format("{}{} for {}", hosts, in, ports);
}

std::string noise_words(const Judging& j, const NoiseTally& tally) {
  std::string out;
  const auto sentence = [&out](const std::string& text) { out += (out.empty() ? "" : " ") + text + "."; };
  if (tally.attempts != 0) {
    const std::uint64_t from = tally.by_initiator.size() + tally.initiators_more;
    sentence(fmt::format("{} from {}, none of them established", counted(tally.attempts, "attempt"),
                         from == 1 ? "one address" : addresses(from)));
  }
  // The worst first.
  std::vector<const std::pair<const Address, NoiseTally::Scan>*> scans;
  for (const auto& scan : tally.scans) scans.push_back(&scan);
  std::stable_sort(scans.begin(), scans.end(),
                   [](const auto* a, const auto* b) { return a->second.attempts > b->second.attempts; });
  if (!scans.empty()) {
    std::vector<std::string> worst;
    for (const auto* scan : scans) {
      constexpr std::size_t kShown = 4;
      if (worst.size() == kShown) break;
      worst.push_back(fmt::format("{} ({})", j.address_name(scan->first), scan_words(j, scan->second, {})));
    }
    const std::size_t more = scans.size() - worst.size();
    sentence(fmt::format(
        "{} scan{}: {}{}", scans.size() == 1 ? "One of them" : fmt::format("{} of them", scans.size()),
        scans.size() == 1 ? "s" : "", list_some(worst), more == 0 ? "" : fmt::format(" and {} more", more)));
  } else if (tally.by_initiator.size() > 1) {
    std::vector<std::pair<std::uint64_t, Address>> most;
    for (const auto& [address, attempts] : tally.by_initiator) most.emplace_back(attempts, address);
    constexpr std::size_t kShown = 3;
    const auto shown = static_cast<std::ptrdiff_t>(std::min(kShown, most.size()));
    std::partial_sort(most.begin(), most.begin() + shown, most.end(), [](const auto& a, const auto& b) {
      return std::tie(b.first, a.second) < std::tie(a.first, b.second);
    });
    std::vector<std::string> names;
    for (auto at = most.begin(); at != most.begin() + shown; ++at)
      names.push_back(fmt::format("{} ({})", j.address_name(at->second), grouped_number(at->first)));
    sentence("Most came from " + list_some(names));
  }
  std::vector<const std::pair<const FiveTuple, NoiseTally::Flood>*> floods;
  for (const auto& flood : tally.floods) floods.push_back(&flood);
  std::stable_sort(floods.begin(), floods.end(),
                   [](const auto* a, const auto* b) { return a->second.attempts > b->second.attempts; });
  for (std::size_t i = 0; i < floods.size() && i < 4; ++i) {
    const auto& [what, flood] = *floods[i];
    const bool known = what.responder.address != Address();
    sentence(fmt::format("A SYN flood asked {} {}/{} {} from {}",
                         known ? j.address_name(what.responder.address) : "for", to_string(what.protocol),
                         to_string(what.responder.port), counted(flood.attempts, "time"),
                         addresses(flood.initiators)));
  }
  if (floods.size() > 4) sentence(fmt::format("{} more floods of that kind", floods.size() - 4));
  if (tally.backscatter != 0)
    sentence(
        fmt::format("{} to what nobody was seen to ask (backscatter): somebody forges addresses, or the question "
                    "took another way",
                    counted(tally.backscatter, "answer")));
  return out;
}

EvidenceRef flow_evidence(const Judging& j, const EvidencePlace& p) {
  const FlowEvidence& e = j.snapshot.flows[p.owner];
  const ObservedFlow& f = e.flows[p.index];
  std::string text = fmt::format("{} > {} {}", to_string(f.initiator), to_string(f.responder),
                                 f.protocol.has_ports() ? asked_of(f, f.port) : asked_of(f, Port{}));
  text += real_ends_of(j, e, f);
  if (f.parent < e.parents.size()) {
    const ParentFlow& parent = e.parents[f.parent];
    text +=
        fmt::format(", announced by {} > {} {}/{} ({})", to_string(parent.initiator), to_string(parent.responder),
                    to_string(parent.protocol), to_string(parent.port), name(parent.by));
  }
  if (f.tunnel < e.tunnels.size()) text += around(e.tunnels[f.tunnel]);
  text += fmt::format(": {}, {} established, {} to {}", counted(f.conversations, "conversation"), f.established,
                      to_string(f.first), to_string(f.last));
  if (f.service < e.services.size()) {
    const ServiceSeen& s = e.services[f.service];
    if (!s.name.empty()) {
      text += fmt::format(", speaks {}", s.name);
      if (!s.tls_inside.empty()) text += " with " + s.tls_inside + " inside";
      if (!s.product.empty()) text += fmt::format(" ({}{}{})", s.product, s.version.empty() ? "" : " ", s.version);
      if (!s.evidence.empty()) text += fmt::format(" [{}]", s.evidence);
    }
  }
  return placed(j, e, source_of(e, f.source), f.record, std::move(text));
}

EvidenceRef noise_evidence(const Judging& j, const EvidencePlace& p) {
  const FlowEvidence& e = j.snapshot.flows[p.owner];
  const TrafficNoise& n = e.noise[p.index];
  const auto end = [](const std::optional<Address>& one, std::uint64_t count) {
    return one ? to_string(*one) : addresses(count);
  };
  std::string text =
      fmt::format("{}: {} > {} {}", n.kind == NoiseKind::attempts ? "unanswered" : name(n.kind),
                  end(n.initiator, n.initiators), end(n.responder, n.responders), to_string(n.protocol));
  if (!n.ports.empty()) {
    constexpr std::size_t kRanges = 6;
    if (n.ports.ranges().size() <= kRanges)
      text += "/" + to_string(n.ports);
    else
      text +=
          fmt::format(", {}{} ports", n.ports.ranges().size() >= noise_criteria::kPortRanges ? "more than " : "",
                      grouped_number(n.ports.size()));
  }
  text += fmt::format(", {} in {}, {} to {}", counted(n.attempts, "attempt"), counted(n.packets, "packet"),
                      to_string(n.first), to_string(n.last));
  return placed(j, e, source_of(e, n.source), n.record, std::move(text));
}

}  // namespace demarc
