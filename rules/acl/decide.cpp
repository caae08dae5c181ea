#include "rules/acl/decide.h"

#include <fmt/format.h>

#include <span>
#include <vector>

#include "rules/acl/list_walk.h"
#include "rules/acl/translated_view.h"

namespace demarc {

namespace {

/// Packets that all fare alike on a course: every stage sees all of them or none.
class AlikeOnCourse {
 public:
  AlikeOnCourse(const Device& device, ListIndices& indices, const Box& packets, const Course& course)
      : device_(device), indices_(indices), packets_(packets), course_(course) {}

  bool is_gone() const { return !there_; }
  bool is_mixed() const { return mixed_; }
  /// What may become of those that the stage sees; none if it sees none of them.
  std::optional<PossibleLines> pass(const Stage& stage) {
    const Box seen = course_.is_plain() ? packets_ : course_.seen(stage, packets_);
    AlikePackets asked(indices_, seen);
    std::optional<PossibleLines> lines;
    if (asked.meet(seen_by(stage))) {
      Possible<bool> here = ListWalk(device_, asked).through(stage.lists, true);
      there_ = here.passed || here.on;
      lines = std::move(here.lines);
    }
    mixed_ = mixed_ || asked.mixed();
    return lines;
  }

 private:
  const Device& device_;
  ListIndices& indices_;
  const Box& packets_;
  const Course& course_;
  bool there_ = true, mixed_ = false;
};

/// Packets of any kind: what passes a stage, and what it does not see, comes to the next one.
class SetOnCourse {
 public:
  SetOnCourse(const Device& device, PacketSets& sets, CourseOfSet packets)
      : device_(device), sets_(sets), packets_(std::move(packets.packets)), course_(std::move(packets.course)) {}

  bool is_gone() const { return packets_.is_empty(); }
  static bool is_mixed() { return false; }
  std::optional<PossibleLines> pass(const Stage& stage) {
    const PacketSet there = course_.seen(stage, packets_), sees = sets_.space().of(seen_by(stage));
    const PacketSet on = there & sees;
    if (on.is_empty()) return std::nullopt;
    Possible<PacketSet> here = ListWalk(device_, sets_).through(stage.lists, on);
    packets_ &= course_.origin(stage, here.passed | here.on | (there - sees));
    return std::move(here.lines);
  }

 private:
  const Device& device_;
  PacketSets& sets_;
  PacketSet packets_;  // as they come in
  Course course_;
};

/// How often a list is asked before it is indexed.
constexpr unsigned kAskedBefore = 8;

/// The way through the stages, one after the other. Of what may be permitted the line is the last stage's that has
/// one: it says more than the end of a list behind it, which permits whatever comes.
template <typename OnCourse>
PossibleLines through(std::span<const Stage* const> stages, OnCourse&& packets) {
  PossibleLines all;
  std::optional<DecidingLine> last_permit;
  for (const Stage* stage : stages) {
    const std::optional<PossibleLines> here = packets.pass(*stage);
    if (!here) continue;
    if (here->permit && (here->permit->entry || !last_permit || !last_permit->entry)) last_permit = here->permit;
    PossibleLines::note(all.deny, here->deny);
    if (here->open) all.note_open(*here->open, here->open_why);
    if (packets.is_gone() || packets.is_mixed()) break;
  }
  if (!packets.is_gone()) all.permit = last_permit.value_or(DecidingLine{});
  return all;
}

std::string describe(const Device& device, const DecidingLine& by) {
  if (by.list == kNoList) return "no filter stands on the way";
  const List& list = device.lists[by.list];
  if (by.entry) {
    const Entry& e = list.entries[*by.entry];
    return e.line == 0 ? fmt::format("{}: {} (implied)", list.name, e.text)
                       : fmt::format("{}, line {}: {}", list.name, e.line, e.text);
  }
  if (!list.defined) return fmt::format("{} is not defined", list.name);
  return fmt::format("no entry of {} matches; at its end stands {}", list.name,
                     list.at_end == Fallthrough::permit ? "permit" : "deny");
}

/// `translated`: what the device's statements do to the packets.
FilterDecision conclude(const Device& device, const PossibleLines& p, const std::string& translated) {
  FilterDecision d;
  if (p.permit && !p.deny) {
    d.fate = Fate::permit, d.by = *p.permit, d.why = describe(device, *p.permit);
  } else if (p.deny && !p.permit) {
    d.fate = Fate::deny, d.by = *p.deny, d.why = describe(device, *p.deny);
  } else if (p.permit) {
    d.by = p.open.value_or(*p.permit);
    d.why = p.open ? fmt::format("{} may match or not: {}", describe(device, *p.open), p.open_why)
                   : fmt::format("some of these packets are permitted ({}) and some are denied ({})",
                                 describe(device, *p.permit), describe(device, *p.deny));
  } else {
    d.why = "there is no such packet";
  }
  if (!translated.empty()) d.why += "; " + translated;
  return d;
}

}  // namespace

PacketQuestion PacketQuestion::of(const ConcretePacket& concrete, Way way) {
  const Packet& p = concrete.packet;
  const PacketContext& c = concrete.context;
  PacketQuestion q;
  q.way = way;
  q.packets.family = p.source.family();
  q.packets.sources = AddressSet::single(p.source);
  q.packets.destinations = AddressSet::single(p.destination);
  q.packets.protocols = {p.protocol};
  if (p.protocol.has_ports()) {
    q.packets.ports = PortSet::single(p.port);
    q.packets.source_ports = PortSet::single(p.source_port);
  }
  if (p.protocol.is_icmp()) q.packets.icmp = {IcmpType{p.icmp.type, p.icmp.code.value_or(0)}};
  if (p.protocol == Protocol::tcp) q.packets.flags = ByteSet{c.flags};
  q.packets.states = {c.state};
  q.packets.fragments = {c.fragment};
  q.packets.ingress = ByteSet{c.ingress};
  q.packets.egress = ByteSet{c.egress};
  return q;
}

std::string_view name(Fate fate) {
  switch (fate) {
    case Fate::permit: return "permit";
    case Fate::deny: return "deny";
    case Fate::undetermined: return "undetermined";
  }
  return "";
}

Decider::Decider(const Device& device)
    : device_(device),
      indices_(std::make_unique<ListIndices>(device, kAskedBefore)),
      translations_(std::make_unique<Translations>(device)) {}
Decider::Decider(Decider&&) noexcept = default;
Decider::~Decider() = default;

FilterDecision Decider::decide(const PacketQuestion& asked) {
  Stage alone;
  std::vector<const Stage*> stages;
  if (asked.list != kNoList) {
    alone.lists = {asked.list};
    stages.push_back(&alone);
  } else {
    for (const Stage& stage : device_.stages)
      if (stage.ways.contains(asked.way)) stages.push_back(&stage);
  }
  std::optional<PacketSpace> space;  // outlives the courses of sets
  Translations::OfBox translated{{Course{}}, false};
  if (asked.list == kNoList) translated = translations_->courses(asked.opening.value_or(asked.packets), asked.way);
  if (asked.opening && asked.is_reply)
    for (Course& course : translated.courses) course = course.of_replies(*asked.opening);
  // Plainly, where all of the packets fare alike; where a line or a statement matches some of them, by sets.
  bool by_sets = !Question(asked.packets).is_plain() || (translated.mixed && !asked.opening);
  PossibleLines lines;
  for (const Course& course : translated.courses) {
    if (by_sets) break;
    AlikeOnCourse packets(device_, *indices_, asked.packets, course);
    lines.note(through(stages, packets));
    by_sets = packets.is_mixed();
  }
  if (by_sets) {
    lines = {};
    space.emplace();
    PacketSets sets(device_, *space);
    const PacketSet all = space->of(asked.packets);
    std::vector<CourseOfSet> courses;
    if (asked.opening || asked.list != kNoList)
      for (Course& course : translated.courses) courses.push_back({std::move(course), all});
    else
      courses = translations_->courses(all, asked.packets.states, asked.way);
    translated.courses.clear();
    for (const CourseOfSet& course : courses) {
      lines.note(through(stages, SetOnCourse(device_, sets, course)));
      translated.courses.push_back(course.course);
    }
  }
  return conclude(device_, lines, words_of(translated.courses));
}

}  // namespace demarc
