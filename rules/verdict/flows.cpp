// What is used, and by whom. Every conversation is judged by the rules in force when it happened; what nothing
// approves is grouped by cause, so that a port sweep is one line and not a thousand.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>

#include "rules/net/app_protocol.h"
#include "rules/verdict/flow_noise.h"
#include "rules/verdict/noise_naming.h"

namespace demarc {

namespace {

class Flows {
 public:
  explicit Flows(Judging& j) : j_(j), judge_(j.rules, j.trust, j.translator, j.documented), noise_(j, judge_) {}

  void run() {
    judge_.before_forgetting = [this] { add_up(); };
    collect();
    name_what_is_noise();
    judge_all();
    add_up();
    // What is left is approved by nothing. What speaks there gives it a name, whichever record knows it.
    for (const std::uint32_t i : left_) learn_spoken(items_[i]);
    for (const std::uint32_t i : left_) unapproved(i);
    noise_.take_records();
    say_what_is_unknown();
  }

 private:
  struct Item {
    std::uint32_t evidence = 0, flow = 0;
    std::uint32_t epoch_first = 0, epoch_last = 0;
  };
  struct SensorOf {
    const Sensor* sensor = nullptr;
    bool inside = false;  // of the filter
  };

  const FlowEvidence& evidence_of(const Item& i) const { return j_.snapshot.flows[i.evidence]; }
  const ObservedFlow& flow_of(const Item& i) const { return evidence_of(i).flows[i.flow]; }
  SensorOf sensor_of(const Item& i) const {
    const std::vector<SensorOf>& list = sensors_[i.evidence];
    const std::uint32_t s = flow_of(i).source;
    return s < list.size() ? list[s] : SensorOf{};
  }

  void collect() {
    std::size_t total = 0;
    for (const FlowEvidence& e : j_.snapshot.flows) total += e.flows.size();
    items_.reserve(total);
    sensors_.resize(j_.snapshot.flows.size());
    service_kinds_.resize(j_.snapshot.flows.size());
    for (const std::uint32_t e : j_.flow_order) {
      const FlowEvidence& evidence = j_.snapshot.flows[e];
      for (const FlowSource& s : evidence.sources) {
        const Sensor* sensor = s.sensor.empty() ? nullptr : j_.rules.sensor(s.sensor);
        sensors_[e].push_back({sensor, sensor != nullptr && !sensor->beyond_filter});
      }
      for (const ServiceSeen& s : evidence.services) {
        const auto kinds = static_cast<std::uint32_t>(kind_numbers_.size());
        service_kinds_[e].push_back(kind_numbers_.try_emplace({s.name, s.tls_inside}, kinds).first->second);
      }
      for (std::uint32_t f = 0; f < evidence.flows.size(); ++f) {
        const ObservedFlow& flow = evidence.flows[f];
        hash_.add(flow);
        items_.push_back({e, f, judge_.epoch_of(flow.first), judge_.epoch_of(flow.last)});
      }
    }
    noise_.set_hash(hash_);
    spoken_ = decltype(spoken_)(0, WhereHash{hash_});
    // Few states of the rule set stay in memory at a time, so conversations come in the order of those states.
    const auto before = [](const Item& a, const Item& b) {
      return std::tie(a.epoch_first, a.epoch_last) < std::tie(b.epoch_first, b.epoch_last);
    };
    if (!std::is_sorted(items_.begin(), items_.end(), before))
      std::stable_sort(items_.begin(), items_.end(), before);
  }

  void name_what_is_noise() {
    std::vector<const ObservedFlow*> records;
    for (std::uint32_t i = 0; i < items_.size(); ++i) {
      const ObservedFlow& f = flow_of(items_[i]);
      if (f.established != 0) continue;
      unanswered_.push_back(i);
      records.push_back(&f);
    }
    names_ = name_noise(records, [this](const std::function<void(const ObservedFlow&)>& each) {
      for (const Item& item : items_) each(flow_of(item));
    });
  }

  /// Of an item; none: it stands for itself.
  std::optional<NoiseKind> named(std::uint32_t index) const {
    const auto at = std::lower_bound(unanswered_.begin(), unanswered_.end(), index);
    if (at == unanswered_.end() || *at != index) return std::nullopt;
    return names_[static_cast<std::size_t>(at - unanswered_.begin())];
  }

  /// A few ahead, so that what is remembered about one is in the cache when its turn comes.
  void judge_all() {
    constexpr std::size_t kAhead = 16;
    std::array<FlowJudge::Key, kAhead> keys;
    std::array<bool, kAhead> simple{};
    for (std::size_t begin = 0; begin < items_.size(); begin += kAhead) {
      const std::size_t end = std::min(begin + kAhead, items_.size());
      for (std::size_t i = begin; i < end; ++i) {
        simple[i - begin] = is_simple(items_[i]);
        if (simple[i - begin]) keys[i - begin] = judge_.key_of(flow_of(items_[i]), sensor_of(items_[i]).inside);
      }
      // Judging one of them may move on to another state of the rule set.
      for (std::size_t i = begin; i < end; ++i)
        if (!simple[i - begin] || !judge_.at_epochs(items_[i].epoch_first, items_[i].epoch_last) ||
            !plainly_approved(items_[i], keys[i - begin]))
          judge(static_cast<std::uint32_t>(i));
    }
  }

  bool is_simple(const Item& item) const {
    const ObservedFlow& f = flow_of(item);
    return f.established != 0 && f.parent == kNone32 && f.real == kNone32 && !f.protocol.is_icmp() &&
           judge_.at_epochs(item.epoch_first, item.epoch_last);
  }

  bool plainly_approved(const Item& item, const FlowJudge::Key& key) {
    FlowJudge::Slot* slot = judge_.plainly_approved(key);
    if (slot == nullptr) return false;
    const ObservedFlow& f = flow_of(item);
    if (f.service != kNone32) {
      const std::vector<std::uint32_t>& kinds = service_kinds_[item.evidence];
      if (f.service >= kinds.size()) return false;
      if (const std::uint32_t kind = kinds[f.service]; kind != slot->fit_kind) {
        const auto& fits = judge_.decision(*slot).fits;
        if (std::find(fits.begin(), fits.end(), std::pair(kind, true)) == fits.end()) return false;
        slot->fit_kind = kind;
      }
    }
    slot->established += f.established;
    slot->last = slot->established == f.established ? f.last : std::max(slot->last, f.last);
    return true;
  }

  /// What the short way has counted becomes what rules know of their use.
  void add_up() {
    judge_.drain([this](FlowJudge::Slot& slot) {
      count_use(judge_.decision(slot), kNoZone, slot.established, slot.established, slot.last, nullptr);
      slot.established = 0;
    });
  }

  void judge(std::uint32_t index) {
    const Item& item = items_[index];
    const ObservedFlow& f = flow_of(item);
    judge_.judge(evidence_of(item), f, sensor_of(item).inside, judged_);
    switch (judged_.state) {
      case FlowState::no_conversation:
      case FlowState::same_subnet: return;
      case FlowState::link_control: return link_control(item, f);
      case FlowState::approved: return approved(index, item, f);
      case FlowState::undocumented:
      case FlowState::forbidden: left_.push_back(index);
    }
  }

  // --- Approved
  // -------------------------------------------------------------------------------------------------------

  void approved(std::uint32_t index, const Item& item, const ObservedFlow& f) {
    const bool carried = judged_.carried == Carried::by_parent;
    use(f, carried ? *judged_.parent : *judged_.decision, carried, named(index).has_value());
    if (judged_.turned) turned_ += f.conversations;
    if (!carried && f.service != kNone32 && f.established != 0) speaks(item, f, *judged_.decision);
    // A flood of an approved port uses nothing, and is noise all the same.
    if (named(index) == NoiseKind::syn_flood && j_.trust.is_any(judged_.from)) noise_line(index, item, f);
  }

  void use(const ObservedFlow& f, Decision& d, bool carried, bool is_noise) {
    if (judged_.seen_twice) return;  // the other record counts
    // One-way services: datagrams that no unreachable answers are use.
    std::uint64_t datagrams = f.established;
    if (!is_noise && !carried)
      datagrams = f.conversations - std::min<std::uint64_t>(f.conversations, f.states[ConnState::REJ]);
    count_use(d, judged_.to, f.established, datagrams, f.last, carried ? &judged_.announced->by : nullptr);
  }

  /// `by`: how it was announced by a conversation that the decision is about; none: it is that conversation.
  void count_use(Decision& d, ZoneIndex to, std::uint64_t established, std::uint64_t datagrams, Timestamp last,
                 const RelatedBy* by) {
    const UseOf* done = nullptr;
    for (UseOf& use : d.uses) {
      if (done != nullptr && done->rule == use.rule && done->is_exception == use.is_exception) continue;
      const std::uint64_t used = use.one_way ? datagrams : established;
      if (used == 0) continue;
      done = &use;
      if (use.cell == nullptr) use.cell = &j_.cell(d.from, d.to == kNoZone ? to : d.to, use.service);
      use.cell->observed = true;
      if (use.is_exception) continue;
      RuleFacts& facts = j_.facts[use.rule];
      facts.conversations += used;
      facts.last_use = facts.last_use ? std::max(*facts.last_use, last) : last;
      if (by == nullptr) continue;
      facts.announced += used;
      const auto at = std::lower_bound(facts.announced_by.begin(), facts.announced_by.end(), *by);
      if (at == facts.announced_by.end() || *at != *by) facts.announced_by.insert(at, *by);
    }
  }

  /// Is what was recognised what the rule approves? As a probe would find it, so that both are one finding.
  void speaks(const Item& item, const ObservedFlow& f, Decision& d) {
    const FlowEvidence& evidence = evidence_of(item);
    if (f.service >= evidence.services.size()) return;
    const std::uint32_t kind = service_kinds_[item.evidence][f.service];
    for (const auto& [known, fits] : d.fits)
      if (known == kind && fits) return;
    const ServiceSeen& seen = evidence.services[f.service];
    if (seen.name.empty()) return;
    const UseOf* refuses = nullptr;
    bool fits = d.uses.empty();
    for (const UseOf& use : d.uses) {
      const std::string& expected = j_.rules.services[use.service].speaks;
      fits = fits || expected.empty() || satisfies(seen.name, seen.tls_inside, expected);
      if (refuses == nullptr && !expected.empty()) refuses = &use;
    }
    if (fits || refuses == nullptr) {
      constexpr std::size_t kRemembered = 64;
      if (d.fits.size() < kRemembered) d.fits.emplace_back(kind, true);
      return;
    }
    DraftKey k;
    k.kind = FindingKind::service_mismatch;
    k.from = judged_.from;
    k.to = judged_.to;
    k.protocol = f.protocol;
    k.rule = {refuses->is_exception ? RuleRef::Kind::exception : RuleRef::Kind::rule, refuses->rule};
    k.has_target = true;
    k.target = judged_.responder;
    k.service = j_.names.find(f.protocol, number(f));
    Draft& draft = note_draft(k, item, f);
    std::string words = mismatch_words(seen, j_.rules.services[refuses->service].speaks);
    if (draft.detail.empty() || words < draft.detail) draft.detail = std::move(words);
  }

  // --- On the link
  // ----------------------------------------------------------------------------------------------------

  EvidencePlace place(const Item& item) const {
    return {EvidencePlace::View::flow, j_.flow_file_rank[item.evidence], flow_of(item).record, item.evidence,
            item.flow};
  }

  /// The responder's port by its real end; for ICMP type << 8 | code.
  std::uint16_t number(const ObservedFlow& f) const {
    return f.protocol.has_ports() ? judged_.port.number() : flow_number(f);
  }

  /// The packet that opened it, between real ends.
  Packet packet(const ObservedFlow& f) const {
    Packet p = packet_of(f);
    if (judged_.turned) std::swap(p.source_port, p.port);
    p.source = judged_.initiator;
    p.destination = judged_.responder;
    if (f.protocol.has_ports()) p.port = judged_.port;
    return p;
  }

  Draft& note_draft(const DraftKey& key, const Item& item, const ObservedFlow& f, bool with_ports = true) {
    Draft& d = j_.drafts.at(key);
    if (with_ports && (f.protocol.has_ports() || f.protocol.is_icmp()))
      d.add_port(PortRange::single(Port{number(f)}));
    d.add_place(place(item));
    Draft::add_address(d.sources, d.sources_more, judged_.initiator);
    Draft::add_address(d.targets, d.targets_more, judged_.responder);
    d.add_sample(packet(f));
    ++d.records;
    if (!judged_.seen_twice) {
      d.conversations += f.conversations;
      d.established += f.established;
    }
    d.uncertain_direction = d.uncertain_direction || !f.initiator_certain;
    const Sensor* sensor = sensor_of(item).sensor;
    d.beyond_filter = d.beyond_filter || (sensor != nullptr && sensor->beyond_filter);
    return d;
  }

  void link_control(const Item& item, const ObservedFlow& f) {
    // Who answers DHCP or announces itself as a router steers everybody else's traffic.
    if (is_dhcp(f)) {
      const bool server_started = f.port.number() == 68 || f.port.number() == 546;
      const Address& server = server_started ? f.initiator : f.responder;
      if ((server_started || f.established != 0) && classify(server) != AddressClass::broadcast &&
          classify(server) != AddressClass::multicast)
        unknown_host(item, f, server, "it answers as a DHCP server");
    }
    if (f.protocol == Protocol::icmpv6 && f.icmp.type == 134)
      unknown_host(item, f, f.initiator, "it sends router advertisements");  // RFC 4861 section 4.2
    DraftKey k;
    k.kind = FindingKind::link_control;
    note_draft(k, item, f, false);  // one line for all of it: link-local addresses belong to no zone
  }

  void unknown_host(const Item& item, const ObservedFlow& f, const Address& host, std::string_view why) {
    if (!j_.rules.name_of(host).empty()) return;
    DraftKey k;
    k.kind = FindingKind::host_undocumented;
    k.to = j_.trust.zone_of(host);
    k.cause = Cause::host_unknown;
    k.has_target = true;
    k.target = host;
    Draft& d = note_draft(k, item, f, false);
    if (d.detail.empty() || why < d.detail) d.detail = std::string(why);
  }

  void unknown_if_silent(const Item& item, const ObservedFlow& f, const Address& host, std::string_view why) {
    if (!judge_.is_face(host)) unknown_host(item, f, host, why);
  }

  // --- Approved by nothing
  // ----------------------------------------------------------------------------------------------

  /// What a key needs to know of a conversation, its own or the one that announced it.
  struct Subject {
    Protocol protocol;
    std::uint16_t number = 0;
    ZoneIndex from = kNoZone, to = kNoZone;
    Address initiator, responder;
    bool established = false;
  };

  DraftKey key_of(const Subject& s, const Judgement& verdict, const std::vector<std::uint32_t>& forbidden_by) {
    DraftKey k;
    k.from = s.from;
    k.to = s.to;
    k.protocol = s.protocol;
    k.service = service_name(s);
    k.cause = Cause::no_rule;
    if (const auto worst = worst_forbidden(j_.rules, forbidden_by)) {
      k.rule = {RuleRef::Kind::forbidden, *worst};
      k.cause = Cause::none;
    } else if (!verdict.not_in_force.empty()) {
      k.rule = {RuleRef::Kind::rule, verdict.not_in_force.front()};
      k.cause = Cause::rule_not_in_force;
    } else if (!verdict.exceptions_not_in_force.empty()) {
      k.rule = {RuleRef::Kind::exception, verdict.exceptions_not_in_force.front()};
      k.cause = Cause::exception_not_in_force;
    }
    const FlowNoise::Place where = noise_.place(s.from, s.to);
    if (s.established && !forbidden_by.empty()) {
      k.kind = FindingKind::flow_forbidden;
      k.has_target = true;
    } else if (where == FlowNoise::Place::outbound) {
      k.kind = FindingKind::outbound_undocumented;
      k.has_initiator = true;
      // Into the internet the destinations are many and nobody's; inside, each one matters.
      k.has_target = !j_.trust.is_any(s.to) && s.to != kNoZone;
    } else if (s.established) {
      k.kind = FindingKind::flow_undocumented;
      k.has_target = true;
    } else {
      k.kind = FindingKind::attempt_undocumented;
      k.has_initiator = true;
      k.service = kNoServiceName;
    }
    if (k.has_initiator) k.initiator = s.initiator;
    if (k.has_target) k.target = s.responder;
    return k;
  }

  void unapproved(std::uint32_t index) {
    const Item& item = items_[index];
    const ObservedFlow& f = flow_of(item);
    if (j_.stale_before && f.last < *j_.stale_before) return;  // said by the coverage of its source
    judge_.judge(evidence_of(item), f, sensor_of(item).inside, judged_);
    const std::optional<NoiseKind> noise = named(index);
    if (judged_.decision->source_unknown) return unknown_source(f);
    // An answer to nothing opens nothing, wherever it goes.
    if (noise == NoiseKind::backscatter) return noise_line(index, item, f);
    const bool established = f.established != 0 || (judged_.routing && f.conversations != 0);
    if (!established && noise_.place(judged_.from, judged_.to) == FlowNoise::Place::noise)
      return noise_line(index, item, f);
    if (judged_.carried == Carried::by_unapproved && judged_.forbidden_by.empty()) return part_of_parent(item, f);

    const Subject subject{f.protocol,        number(f),         judged_.from, judged_.to,
                          judged_.initiator, judged_.responder, established};
    DraftKey k = key_of(subject, judged_.decision->judgement, judged_.forbidden_by);
    if (judged_.forbidden_by.empty()) refer_to_parent(k);
    const bool scan = noise == NoiseKind::port_scan || noise == NoiseKind::host_scan;
    if (scan) {
      k.scan = true;
      k.service = kNoServiceName;
      k.has_target = false;
      k.target = Address();
      if (k.rule.kind != RuleRef::Kind::forbidden) {
        k.rule = {};
        k.cause = Cause::no_rule;
      }
      noise_.count(k, judged_, f, noise);
    }
    Draft& d = note_draft(k, item, f, !scan);
    if (const std::string* spoken = spoken_at(subject)) d.add_spoken(*spoken);
    if (!scan && judged_.forbidden_by.empty()) say_why_not_related(f, k, d);
    if (established && !on_link() && j_.trust.is_dmz(judged_.from))
      unknown_if_silent(item, f, judged_.initiator, "it opens conversations");
    if (established && !on_link() && j_.trust.is_dmz(judged_.to))
      unknown_if_silent(item, f, judged_.responder, "it takes part in conversations");
  }

  bool on_link() const { return is_link_address(judged_.initiator) || is_link_address(judged_.responder); }

  void noise_line(std::uint32_t index, const Item& item, const ObservedFlow& f) {
    const bool answers = named(index) == NoiseKind::backscatter && f.packets_out == 0;
    const DraftKey k =
        answers ? FlowNoise::noise_key(judged_.to, judged_.from) : FlowNoise::noise_key(judged_.from, judged_.to);
    note_draft(k, item, f, false).sample.reset();
    noise_.count(k, judged_, f, named(index));
  }

  // --- Announced by another conversation
  // --------------------------------------------------------------------------------

  static RuleRef approving(const Judgement& j) {
    if (!j.approved_by.empty()) return {RuleRef::Kind::rule, j.approved_by.front()};
    if (!j.approved_by_exception.empty()) return {RuleRef::Kind::exception, j.approved_by_exception.front()};
    return {};
  }

  /// The parent is approved, and yet does not carry it: the finding names the parent's rule.
  void refer_to_parent(DraftKey& k) const {
    if (judged_.carried != Carried::outside_related && judged_.carried != Carried::not_announcing) return;
    k.rule = approving(judged_.parent->judgement);
    k.cause = judged_.carried == Carried::outside_related ? Cause::outside_related : Cause::not_announcing;
    k.service = kNoServiceName;
  }

  void say_why_not_related(const ObservedFlow& f, const DraftKey& k, Draft& d) const {
    std::string words;
    if (k.cause == Cause::outside_related) {
      PortSet ports;
      for (const UseOf& use : judged_.parent->uses) {
        const Service& s = j_.rules.services[use.service];
        ports = ports.unite(f.protocol == Protocol::tcp ? s.related_tcp : s.related_udp);
      }
      words = fmt::format("{} announced a port outside of what the service declares as `related` ({})",
                          name(judged_.announced->by),
                          ports.empty() ? fmt::format("no {} port", to_string(f.protocol))
                                        : fmt::format("{}/{}", to_string(f.protocol), to_string(ports)));
    } else if (k.cause == Cause::not_announcing) {
      words = fmt::format("{} announced it there, and that is not what the rule's service speaks",
                          name(judged_.announced->by));
    }
    if (!words.empty() && (d.detail.empty() || words < d.detail)) d.detail = std::move(words);
  }

  void part_of_parent(const Item& item, const ObservedFlow& f) {
    const Decision& parent = *judged_.parent;
    const Packet& p = judged_.parent_packet;
    const Subject subject{p.protocol, p.port.number(), parent.from, parent.to, p.source, p.destination, true};
    const DraftKey k = key_of(subject, parent.judgement, parent.judgement.forbidden_by);
    Draft& d = j_.drafts.at(k);
    if (subject.protocol.has_ports()) d.add_port(PortRange::single(Port{subject.number}));
    d.add_place(place(item));
    Draft::add_address(d.sources, d.sources_more, subject.initiator);
    Draft::add_address(d.targets, d.targets_more, subject.responder);
    d.add_sample(p);
    if (const std::string* spoken = spoken_at(subject)) d.add_spoken(*spoken);
    ++d.records;
    if (!judged_.seen_twice) d.announced += f.conversations;
  }

  // --- What speaks there
  // ---------------------------------------------------------------------------------------------------

  struct Where {
    Address responder;
    std::uint32_t what = 0;
    bool operator==(const Where&) const = default;
  };
  struct WhereHash {
    AddressHash keyed;
    std::size_t operator()(const Where& w) const noexcept { return keyed(w.responder, w.what); }
  };
  static Where where(const Subject& s) {
    return {s.responder, (std::uint32_t{s.protocol.number()} << 16) | s.number};
  }

  void learn_spoken(const Item& item) {
    const ObservedFlow& f = flow_of(item);
    const FlowEvidence& evidence = evidence_of(item);
    const bool announces = f.parent < evidence.parents.size();
    if (f.service >= evidence.services.size() && !announces) return;
    judge_.judge(evidence, f, sensor_of(item).inside, judged_);
    const auto learn = [this](const Subject& s, std::string name) {
      if (name.empty()) return;
      std::string& known = spoken_[where(s)];
      if (known.empty() || name < known) known = std::move(name);
    };
    if (f.service < evidence.services.size())
      learn({f.protocol, number(f), {}, {}, {}, judged_.responder, true},
            spoken_name(evidence.services[f.service]));
    // Whoever announces ports has been understood.
    if (judged_.carried == Carried::by_unapproved) {
      const RelatedBy by = judged_.announced->by;
      const Packet& p = judged_.parent_packet;
      learn({p.protocol, p.port.number(), {}, {}, {}, p.destination, true},
            by == RelatedBy::portmapper ? "rpcbind" : std::string(name(by)));
    }
  }

  const std::string* spoken_at(const Subject& s) const {
    if (spoken_.empty()) return nullptr;
    const auto found = spoken_.find(where(s));
    return found == spoken_.end() ? nullptr : &found->second;
  }

  /// A port without a name of its own is called by what speaks there.
  ServiceNameIndex service_name(const Subject& s) {
    const ServiceNameIndex known = j_.names.find(s.protocol, s.number);
    if (known != kNoServiceName) return known;
    const std::string* spoken = spoken_at(s);
    return spoken == nullptr ? kNoServiceName : j_.names.recognised(*spoken);
  }

  // --- What cannot be told
  // ---------------------------------------------------------------------------------------------------

  void unknown_source(const ObservedFlow& f) {
    Packet p = packet_of(f);
    unknown_sources_.insert(fmt::format("who opens {} in {} from behind {} cannot be told",
                                        f.protocol.has_ports()
                                            ? fmt::format("{}/{}", to_string(f.protocol), to_string(p.port))
                                            : to_string(f.protocol),
                                        j_.trust.name(judged_.to), to_string(f.initiator)));
  }

  void say_what_is_unknown() {
    for (const std::string& title : unknown_sources_)
      j_.add_gap({title,
                  "Several hosts stand behind that address; some of them may do so and others may not.",
                  "Capture on the inside of the translation.",
                  {},
                  {},
                  {},
                  std::nullopt,
                  {},
                  {}});
    if (turned_ != 0)
      j_.note(
          fmt::format("{} whose beginning nobody saw {} taken for approved the other way round: only so does a "
                      "rule approve {}.",
                      turned_ == 1 ? "1 conversation" : fmt::format("{} conversations", turned_),
                      turned_ == 1 ? "is" : "are", turned_ == 1 ? "it" : "them"));
  }

  Judging& j_;
  FlowJudge judge_;
  FlowNoise noise_;
  AddressHash hash_;
  JudgedFlow judged_;  // the one at hand
  std::vector<Item> items_;
  std::vector<std::uint32_t> left_;              // of items: what nothing approves
  std::vector<std::uint32_t> unanswered_;        // of items
  std::vector<std::optional<NoiseKind>> names_;  // by unanswered item
  std::vector<std::vector<SensorOf>> sensors_;   // by evidence and source
  std::vector<std::vector<std::uint32_t>> service_kinds_;
  std::map<std::pair<std::string, std::string>, std::uint32_t> kind_numbers_;
  boost::unordered_flat_map<Where, std::string, WhereHash> spoken_;
  std::set<std::string> unknown_sources_;
  std::uint64_t turned_ = 0;
};

auto flow_fields(const ObservedFlow& f) {
  return std::tie(f.initiator, f.responder, f.protocol, f.initiator_port, f.port, f.icmp, f.conversations,
                  f.established, f.packets_out, f.packets_in, f.bytes_out, f.bytes_in, f.first, f.last);
}

/// The same capture or flow file under another name, or given twice.
bool same_evidence(const FlowEvidence& a, const FlowEvidence& b) {
  if (a.flows.size() != b.flows.size() || a.complete != b.complete) return false;
  const auto source_fields = [](const FlowSource& s) {
    return std::tie(s.sensor, s.sampling, s.packets, s.dropped, s.first, s.last);
  };
  if (!std::ranges::equal(a.sources, b.sources, [&](const FlowSource& x, const FlowSource& y) {
        return source_fields(x) == source_fields(y);
      }))
    return false;
  const auto sorted = [](const FlowEvidence& e) {
    std::vector<const ObservedFlow*> list;
    list.reserve(e.flows.size());
    for (const ObservedFlow& f : e.flows) list.push_back(&f);
    std::sort(list.begin(), list.end(),
              [](const ObservedFlow* x, const ObservedFlow* y) { return flow_fields(*x) < flow_fields(*y); });
    return list;
  };
  return std::ranges::equal(sorted(a), sorted(b), [](const ObservedFlow* x, const ObservedFlow* y) {
    return flow_fields(*x) == flow_fields(*y);
  });
}

}  // namespace

std::vector<std::uint32_t> distinct_flows(const Snapshot& snapshot) {
  std::vector<std::uint32_t> order(snapshot.flows.size()), kept;
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return snapshot.flows[a].file < snapshot.flows[b].file; });
  for (const std::uint32_t e : order)
    if (std::none_of(kept.begin(), kept.end(),
                     [&](std::uint32_t k) { return same_evidence(snapshot.flows[k], snapshot.flows[e]); }))
      kept.push_back(e);
  return kept;
}

void judge_flows(Judging& j) { Flows(j).run(); }

}  // namespace demarc
