// Remedies as configuration lines: what would take a finding about a line away, in the device's own syntax.
//
// `demarc acl suggest` works out a whole list. Here only lines with a finding are looked at, each by itself and
// with a bound on how many: a line that no approved conversation needs goes; of others, what is not approved is
// denied before it, or narrower lines take its place, whichever is shorter. What is longer than people read, and
// what the dialect cannot say, is left to the words.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "rules/verdict/configured.h"
#include "rules/verdict/judging.h"
#include "rules/verdict/suggest.h"
#include "rules/verdict/suggest_lines.h"
#include "rules/verdict/suggest_short.h"

namespace demarc {

namespace {

constexpr std::size_t kLinesMax = 24;      // that come in one remedy
constexpr std::size_t kComparedMax = 300;  // lines for which packets are compared
class Remedies {
 public:
  Remedies(Judging& j, ConfiguredView& view) : j_(j), view_(view) {}

  void run() {
    for (const WantedChange& change : view_.changes) {
      Finding& f = j_.verdict.findings[change.finding];
      try {
        switch (change.kind) {
          case WantedChange::Kind::remove: tell(f, commands(change.lines.front(), {.goes = true})); break;
          case WantedChange::Kind::narrow: narrow(f, change); break;
          case WantedChange::Kind::permit: permit(f, change); break;
        }
      } catch (const SpaceExhausted&) {
        compared_ = kComparedMax;
      }
    }
  }

 private:
  /// A list as the rule set sees it, in one space.
  struct ListFacts {
    bool decides_alone = false;  // stages ask it and no other list
    bool faces_known = true;     // how packets look to it, where they are translated
    PacketSet seen, must, may;
  };
  struct Narrowed {
    ChangeCommands commands;
    bool needed = false;                   // something approved uses it
    std::vector<std::uint32_t> then = {};  // lines that would let through what it no longer does
  };

  const BoundDevice& bound(std::uint32_t device) const { return view_.binding.devices[device]; }
  ChangeWriter& writer(std::uint32_t device) {
    std::unique_ptr<ChangeWriter>& w = writers_[device];
    if (w == nullptr) w = std::make_unique<ChangeWriter>(*bound(device).device, own_);
    return *w;
  }
  ChangeCommands commands(const LineKey& key, LineChange change) {
    const List& list = bound(key.device).device->lists[key.list];
    change.list = key.list;
    change.entry = key.entry == LineKey::kEnd ? static_cast<std::uint32_t>(list.entries.size()) : key.entry;
    return writer(key.device).write(change);
  }
  static void tell(Finding& f, ChangeCommands c) {
    if (c.lines.empty()) return;
    f.remedy_configuration = std::move(c.lines);
    if (c.counts_places) f.remedy += " The lines count places in the configuration as it was given.";
  }

  bool may_compare() { return compared_++ < kComparedMax; }

  /// Adds how the packets may look where this list sees them: where addresses are translated, lists are not
  /// compared with one of both. False: nobody knows how they look.
  bool add_faces(std::uint32_t device, ListIndex list, PacketSet& packets) const {
    for (const auto& pair : view_.pairs) {
      const std::vector<Face> faces = faces_on(view_.binding, pair->path);
      if (faces.empty()) continue;
      for (const Stage& stage : bound(device).device->stages) {
        if (std::find(stage.lists.begin(), stage.lists.end(), list) == stage.lists.end()) continue;
        for (std::uint32_t h = 0; h < pair->path.hops.size(); ++h) {
          const std::vector<Alternative>& here = pair->path.hops[h].alternatives;
          if (std::none_of(here.begin(), here.end(), [&](const Alternative& a) { return a.device == device; }))
            continue;
          const std::optional<PacketSet> either = FaceMap(faces, h, stage, *packets.space()).either(packets);
          if (!either) return false;
          packets |= *either;
        }
      }
    }
    return true;
  }

  const ListFacts& facts(const LineKey& key, ConfiguredSpace& in) {
    const auto [at, fresh] = facts_.try_emplace({&in, key.device, key.list});
    ListFacts& out = at->second;
    if (!fresh) return out;
    const Device& device = *bound(key.device).device;
    bool asked = false, alone = true;
    for (const Stage& stage : device.stages) {
      if (std::find(stage.lists.begin(), stage.lists.end(), key.list) == stage.lists.end()) continue;
      asked = true;
      alone = alone && stage.lists.size() == 1;
    }
    out.decides_alone = asked && alone;
    PacketSpace& s = in.space;
    const PacketSet whole = s.of(Box{.fragments = {Fragment::whole}});
    out.seen = s.of(domain_of(view_.binding, key.device, key.list).seen) & whole;
    const PacketSet clients = from_client_ports(s);
    const PacketSet approved = in.documented.approved() | approved_openings(j_.rules, in);
    const PacketSet from_clients = approved & clients;
    const PacketSet& replies = in.documented.replies();
    const PacketSet answers = replies & to_client_ports(s);
    const ReplyHandling handling = reply_handling(device, key.list);
    const PacketSet known = s.of(Box{.states = {ConnectionState::established, ConnectionState::related}});
    out.must = from_clients;
    if (handling == ReplyHandling::stateless) out.must |= answers;
    if (handling == ReplyHandling::by_state)
      out.must = (from_clients & s.of(Box{.states = {ConnectionState::fresh, ConnectionState::established}})) |
                 (answers & s.of(Box{.states = {ConnectionState::established}}));
    if (handling == ReplyHandling::implied && !(device.icmp_replies_implied && device.icmp_errors_implied))
      out.must |= replies & s.of(Box{.protocols = ProtocolSet::icmp()});
    out.must &= out.seen;
    out.may = approved | replies;
    for (PacketSet* set : {&out.seen, &out.must, &out.may})
      out.faces_known = out.faces_known && add_faces(key.device, key.list, *set);
    if (handling != ReplyHandling::stateless) out.may |= known;
    return out;
  }

  /// Ports that clients ask from: those from 1024 on, and what services fix.
  PortSet client_ports() const {
    std::vector<PortRange> ports{{Port{1024}, Port{65535}}};
    for (const Service& service : j_.rules.services)
      if (service.source_ports)
        ports.insert(ports.end(), service.source_ports->ranges().begin(), service.source_ports->ranges().end());
    return PortSet::of(std::move(ports));
  }
  PacketSet from_client_ports(PacketSpace& s) const {
    const PacketSet with_ports = s.of(Box{.protocols = ProtocolSet::with_ports()});
    return (with_ports & s.of(Box{.source_ports = client_ports()})) | ~with_ports;
  }
  PacketSet to_client_ports(PacketSpace& s) const {
    const PacketSet with_ports = s.of(Box{.protocols = ProtocolSet::with_ports()});
    return s.of(Box{.protocols = ProtocolSet::with_ports(), .ports = client_ports()}) | ~with_ports;
  }

  /// Of packets that arrive at the line, what later lines would let through if it were gone; and these lines.
  PacketSet permitted_behind(const LineKey& key, ConfiguredSpace& in, const PacketSet& packets,
                             std::vector<std::uint32_t>* lines_that = nullptr) {
    std::vector<Taken> taken;
    ListLines& lines = in.devices[key.device]->lines;
    const PacketSet on = lines.behind(key.list, key.entry, packets, taken);
    lines.end(key.list, on, taken);
    PacketSet permitted = in.space.empty(), otherwise = in.space.empty();
    const std::vector<List>& lists = bound(key.device).device->lists;
    for (const Taken& t : taken) {
      (t.fate == Fate::permit && !t.open ? permitted : otherwise) |= t.packets;
      if (lines_that == nullptr || t.fate != Fate::permit || t.packets.is_empty() || !t.line.entry) continue;
      if (const std::uint32_t line = lists[t.line.list].entries[*t.line.entry].line; line != 0)
        lines_that->push_back(line);
    }
    return permitted - otherwise;
  }

  /// What of `packets` the line decides.
  PacketSet taken_by(const LineKey& key, ConfiguredSpace& in, const PacketSet& packets) {
    std::vector<Taken> taken;
    const PacketSet on = in.devices[key.device]->lines.distribute(key.list, packets, taken);
    if (key.entry == LineKey::kEnd) return on;
    PacketSet out = in.space.empty();
    for (const Taken& t : taken)
      if (t.line.list == key.list && t.line.entry == key.entry) out |= t.packets;
    return out;
  }

  // --- A line that permits too much ---

  void narrow(Finding& f, const WantedChange& change) {
    const LineKey& key = change.lines.front();
    auto at = narrowed_.find(key);
    if (at == narrowed_.end()) {
      if (!may_compare()) return ask_suggest(f, key);
      at = narrowed_.emplace(key, work_out(key, *change.pair)).first;
    }
    const Narrowed& n = at->second;
    if (n.needed && f.remedy.starts_with("Remove the line")) {
      std::vector<std::string> ids;
      if (const auto line = view_.lines.find(key); line != view_.lines.end())
        for (const std::uint32_t r : line->second.rules)
          ids.push_back(r < j_.rules.rules.size() ? j_.rules.rules[r].id
                                                  : j_.rules.exceptions[r - j_.rules.rules.size()].rule.id);
      std::sort(ids.begin(), ids.end());
      f.remedy = fmt::format("Narrow it: {}. Or have the rest approved.",
                             ids.empty()       ? "it carries answers of approved conversations"
                             : ids.size() == 1 ? fmt::format("{} needs part of it", ids[0])
                                               : fmt::format("{} need parts of it", list_some(ids, 4)));
    }
    if (!n.then.empty()) {
      std::vector<std::string> numbers;
      for (const std::uint32_t line : n.then) numbers.push_back(fmt::format("{}", line));
      f.remedy += fmt::format(" After that {} {} would let through some of it.",
                              n.then.size() == 1 ? "line" : "lines", list_some(numbers, 4));
    }
    tell(f, n.commands);
    if (n.commands.lines.empty()) ask_suggest(f, key);
  }

  void ask_suggest(Finding& f, const LineKey& key) const {
    const Device& device = *bound(key.device).device;
    if (edit_writer(device.dialect) == nullptr) return;
    for (const Stage& stage : device.stages)
      if (std::find(stage.lists.begin(), stage.lists.end(), key.list) != stage.lists.end()) {
        f.remedy += fmt::format(" `demarc acl suggest {}` works out the lines.", device.file);
        return;
      }
  }

  Narrowed work_out(const LineKey& key, const PairView& pair) {
    Narrowed out;
    const Device& device = *bound(key.device).device;
    if (key.entry == LineKey::kEnd) return out;
    const Entry& e = device.lists[key.list].entries[key.entry];
    if (e.action != Action::permit) return out;
    ConfiguredSpace& in = *pair.in;
    const Bounds match = in.devices[key.device]->meaning.match(e);
    const ListFacts& list = facts(key, in);
    if (!list.faces_known) return out;
    if (!list.decides_alone) {
      // What comes by is not known here; what nothing in the rule set approves need not.
      out.needed = match.possible.overlaps(list.may & in.space.of(Box{.states = {ConnectionState::fresh}}));
      if (!out.needed) out.commands = commands(key, {.goes = true});
      return out;
    }
    const PacketSet reach = taken_by(key, in, match.possible & list.seen);
    PacketSet useful = reach & list.must;
    const PacketSet extra = reach - list.may;
    useful -= permitted_behind(key, in, useful);
    permitted_behind(key, in, extra, &out.then);
    out.needed = !useful.is_empty();
    if (!out.needed) {
      out.commands = commands(key, {.goes = true});
      return out;
    }
    if (!match.is_exact() || extra.is_empty()) return out;
    LineChange denies, permits{.goes = true};
    const ShortTerms terms{reach, list.may, list.must, e.match};
    denies.come = ShortLines(in.space, terms).deny(extra);
    permits.come = ShortLines(in.space, terms).permit(useful);
    const auto count = [&](const LineChange& c) {
      return c.come.empty() ? std::nullopt : writer(key.device).count(key.list, c.come);
    };
    const std::optional<std::size_t> deny_lines = count(denies), permit_lines = count(permits);
    // One more line is no price for a list that permits and denies nothing in between.
    const bool only_permits = std::all_of(permits.come.begin(), permits.come.end(),
                                          [](const IntendedEntry& i) { return i.action == Action::permit; });
    const bool replace = permit_lines && (!deny_lines || *permit_lines < *deny_lines + (only_permits ? 2 : 0));
    const std::optional<std::size_t> lines = replace ? permit_lines : deny_lines;
    if (lines && *lines != 0 && *lines <= kLinesMax)
      out.commands = commands(key, replace ? std::move(permits) : std::move(denies));
    return out;
  }

  // --- A line that stops what is approved ---

  void permit(Finding& f, const WantedChange& change) {
    ConfiguredSpace& in = *change.pair->in;
    std::vector<std::string> lines;
    bool counts = false;
    std::optional<std::uint32_t> device;
    for (const LineKey& key : change.lines) {
      const Device& d = *bound(key.device).device;
      const List& list = d.lists[key.list];
      if (!may_compare()) return ask_suggest(f, key);
      const ListFacts& known = facts(key, in);
      PacketSet packets = change.packets;
      if (!known.decides_alone || !add_faces(key.device, key.list, packets) || packets != change.packets)
        return ask_suggest(f, key);
      const PacketSet stopped = taken_by(key, in, change.packets & known.seen);
      if (stopped.is_empty()) continue;
      LineChange c;
      // A deny that stops nothing else goes; a line that permits may be behind it already.
      c.goes = key.entry != LineKey::kEnd && list.entries[key.entry].action == Action::deny &&
               known.may.contains(taken_by(key, in, known.seen));
      if (!c.goes || !permitted_behind(key, in, stopped).contains(stopped)) {
        c.come = ShortLines(in.space, {known.seen, known.may, known.must, {}}).permit(stopped);
        const std::optional<std::size_t> count =
            c.come.empty() ? std::nullopt : writer(key.device).count(key.list, c.come);
        if (!count || *count == 0 || *count > kLinesMax) return ask_suggest(f, key);
      }
      ChangeCommands commands = this->commands(key, std::move(c));
      if (commands.lines.empty()) return ask_suggest(f, key);
      if (device && *device != key.device) lines.push_back(fmt::format("! {}", bound(key.device).name));
      device = key.device;
      counts = counts || commands.counts_places;
      for (std::string& line : commands.lines) lines.push_back(std::move(line));
    }
    tell(f, {std::move(lines), counts, {}});
  }

  Judging& j_;
  ConfiguredView& view_;
  PacketSpace own_;  // new lines are read back in it
  std::map<std::uint32_t, std::unique_ptr<ChangeWriter>> writers_;
  std::map<std::tuple<const ConfiguredSpace*, std::uint32_t, ListIndex>, ListFacts> facts_;
  std::map<LineKey, Narrowed> narrowed_;
  std::size_t compared_ = 0;
};

}  // namespace

void write_remedies(Judging& j, ConfiguredView& view) { Remedies(j, view).run(); }

}  // namespace demarc
