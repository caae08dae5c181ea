#include "scanner/passive/speech.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "probes/app/overheard.h"
#include "scanner/passive/control_talk.h"
#include "scanner/passive/hash_index.h"
#include "scanner/passive/related.h"

namespace demarc {

namespace {

constexpr std::size_t kBeginnings = 10;  // remembered of a server port and direction
constexpr std::size_t kUnknownMax = 4;   // of them, those that nobody knows
constexpr std::uint8_t kLooksMax = 64;   // at further ones; beyond, only at those that cannot be mistaken
constexpr std::uint64_t kInVainFree = 65'536,
                        kInVainShare = 16;  // looks in vain: so many, and one in so many asked
constexpr std::uint8_t kRestTries = 4;      // conversations that are heard further for the rest of a certificate
constexpr std::size_t kGatheredMax = 64;    // of them at a time
constexpr std::size_t kNamesMax = 16;

struct Beginning {
  std::uint64_t value = 0;  // under the mask of kSteadyBeginnings[steady]
  std::uint32_t service = kNone32;
  std::uint8_t steady = 0;
  std::uint8_t rest_tries = 0;  // how often more will be heard for the rest of what it says
  bool control = false;         // a language in which others are announced
};

/// One direction at one server port, in three cache lines: nearly always the first of them is enough.
struct alignas(64) Mouth {
  std::uint64_t address_high = 0, address_low = 0;
  std::uint16_t port = 0;
  std::uint8_t protocol = 0;
  bool ipv4 = false;
  bool from_responder = false;
  bool greets = false;           // it greeted as SMTP or FTP might
  std::uint8_t answered_by = 0;  // what a client asked, into the list of such rows; 0: nothing of the kind
  std::uint8_t count = 0, unknown = 0, looks = 0;
  std::array<Beginning, kBeginnings> beginnings;

  Address address() const {
    return ipv4 ? Address::ipv4(static_cast<std::uint32_t>(address_low)) : Address::ipv6(address_high, address_low);
  }
};
static_assert(sizeof(Mouth) == 192);

/// The rest of a TLS server's first flight.
struct Gathered {
  FiveTuple conversation;
  std::uint32_t service = kNone32;
  std::uint32_t next = 0;
  Timestamp last;
  std::vector<std::uint8_t> bytes;
};

std::optional<RelatedBy> kind_of_port(Protocol protocol, Port port) {
  if (!Speech::is_control(protocol, port)) return std::nullopt;
  switch (port.number()) {
    case 21: return RelatedBy::ftp;
    case 69: return RelatedBy::tftp;
    case 111: return RelatedBy::portmapper;
    case 135: return RelatedBy::msrpc;
    default: return RelatedBy::sip;
  }
}

std::optional<RelatedBy> kind_of_service(std::string_view name) {
  if (name == "ftp") return RelatedBy::ftp;
  if (name == "sip") return RelatedBy::sip;
  if (name == "tftp") return RelatedBy::tftp;
  if (name == "rpcbind") return RelatedBy::portmapper;
  return std::nullopt;
}

std::string key_of(const ServiceSeen& seen, bool from_responder) {
  std::string key(from_responder ? "<" : ">");
  for (const std::string* part : {&seen.name, &seen.product, &seen.version, &seen.evidence, &seen.tls_inside}) {
    key += *part;
    key += '\0';
  }
  for (const std::string& name : seen.certificate_names) key += name + '\0';
  if (seen.certificate_expires) key += std::to_string(seen.certificate_expires->seconds());
  return key;
}

}  // namespace

class Speech::Body {
 public:
  explicit Body(const SpeechOptions& options)
      : options_(options),
        hash_(options.hash_key ^ 0x737065656368ULL),
        related_(options.announced_max, options.hash_key),
        control_(related_, options.control_max, options.hash_key) {}

  Recognised recognise(const Address& responder, Protocol protocol, Port port, bool from_responder, Bytes payload) {
    if (payload.empty() || (protocol != Protocol::tcp && protocol != Protocol::udp)) return {};
    ++asked_;
    const std::uint32_t hashed = hash_of(responder, protocol, port, from_responder);
    const std::uint32_t number = find(responder, protocol, port, from_responder, hashed);
    if (number != HashIndex::kNone) {
      Mouth& mouth = mouths_[number];
      for (std::size_t i = 0; i < mouth.count; ++i) {
        Beginning& known = mouth.beginnings[i];
        if (steady_bytes(kSteadyBeginnings[known.steady], payload) != known.value) continue;
        const bool rest = known.rest_tries != 0;
        if (rest) --known.rest_tries;
        return {known.service, known.control || rest};
      }
    }
    // Nothing that was seen before. An unknown language is not looked at for ever, at one port nor at all of them
    // together; what cannot be mistaken is.
    const bool tired = number != HashIndex::kNone && mouths_[number].looks == kLooksMax;
    if ((tired || in_vain_ > kInVainFree + asked_ / kInVainShare) && !is_telling(protocol, payload)) {
      ++unlooked_;
      return {};
    }
    return look(responder, protocol, port, from_responder, payload, hashed, number);
  }

  std::uint32_t expect(const Address& responder, Protocol protocol, Port port, bool from_responder) const {
    const std::uint32_t ticket = hash_of(responder, protocol, port, from_responder);
    index_.prefetch(ticket);
    return ticket;
  }
  void expect(std::uint32_t ticket) const {
    const std::uint32_t number = index_.likely(ticket);
    if (number == HashIndex::kNone) return;
    __builtin_prefetch(&mouths_[number]);
  }

  bool listen(FiveTuple conversation, bool from_responder, Timestamp at, std::uint32_t sequence, Bytes payload) {
    std::optional<RelatedBy> kind = kind_of_port(conversation.protocol, conversation.responder.port);
    if (!kind) {
      // Seen from the middle, the two ends may stand the wrong way round.
      kind = kind_of_port(conversation.protocol, conversation.initiator.port);
      if (kind && conversation.initiator.port < conversation.responder.port) {
        std::swap(conversation.initiator, conversation.responder);
        from_responder = !from_responder;
      } else {
        kind = learned_kind(conversation);
      }
    }
    if (kind) return control_.listen(*kind, conversation, from_responder, at, sequence, payload);
    return gather(conversation, from_responder, at, sequence, payload);
  }

  std::uint32_t parent_of(Protocol protocol, const Endpoint& initiator, const Endpoint& responder, Timestamp at) {
    return related_.parent_of(protocol, initiator, responder, at);
  }

  std::uint32_t better(std::uint32_t known, std::uint32_t now) const {
    if (known == kNone32 || now == kNone32) return known == kNone32 ? now : known;
    return !by_server_[known] && by_server_[now] ? now : known;
  }
  std::uint32_t language_of(std::uint32_t service) const {
    return service == kNone32 ? kNone32 : languages_[service];
  }

  std::vector<ServiceSeen>& services() { return services_; }
  const std::vector<ParentFlow>& parents() const { return control_.parents(); }
  SpeechLosses losses() const {
    return {unlooked_,
            unnamed_,
            related_.dropped(),
            control_.losses().refused,
            control_.losses().unread,
            control_.losses().encrypted};
  }

 private:
  // ---- what begins how ----

  std::uint32_t hash_of(const Address& address, Protocol protocol, Port port, bool from_responder) const {
    return hash_(address.high(), address.low(), port.number(), protocol.number(),
                 std::uint64_t{from_responder} << 1 | std::uint64_t{address.is_ipv4()});
  }
  std::uint32_t find(const Address& address, Protocol protocol, Port port, bool from_responder,
                     std::uint32_t hashed) const {
    return index_.find(hashed, [&](std::uint32_t n) {
      const Mouth& m = mouths_[n];
      return m.address_low == address.low() && m.address_high == address.high() && m.ipv4 == address.is_ipv4() &&
             m.port == port.number() && m.protocol == protocol.number() && m.from_responder == from_responder;
    });
  }

  Recognised look(const Address& responder, Protocol protocol, Port port, bool from_responder, Bytes payload,
                  std::uint32_t hashed, std::uint32_t number) {
    // What the other direction said may help: which question this answers, how the server greeted.
    OverheardBefore before;
    const std::uint32_t other =
        find(responder, protocol, port, !from_responder, hash_of(responder, protocol, port, !from_responder));
    if (other != HashIndex::kNone) {
      if (mouths_[other].answered_by != 0) before.answered_by = questions_[mouths_[other].answered_by - 1U];
      before.greets = mouths_[other].greets;
    }
    Overheard heard = overhear(protocol, from_responder, payload, before);

    if (number == HashIndex::kNone) {
      number = place();
      Mouth fresh;
      fresh.address_high = responder.high(), fresh.address_low = responder.low();
      fresh.ipv4 = responder.is_ipv4();
      fresh.port = port.number();
      fresh.protocol = protocol.number();
      fresh.from_responder = from_responder;
      mouths_[number] = fresh;
      index_.insert(hashed, number);
    }
    Mouth& mouth = mouths_[number];
    if (heard.greets) mouth.greets = true;
    if (!heard.seen) ++in_vain_;
    if (!heard.answered_by.empty()) mouth.answered_by = question_number(heard.answered_by);
    Beginning beginning;
    if (heard.seen) {
      beginning.steady = steady_beginning_of(heard.seen->name, protocol, payload);
      beginning.control = kind_of_service(heard.seen->name).has_value();
      // The rest is worth hearing where a certificate is still to come.
      const bool rest = !heard.complete && heard.seen->name == "tls" && protocol == Protocol::tcp && from_responder;
      beginning.rest_tries = rest ? kRestTries : std::uint8_t{0};
      beginning.service = number_of(std::move(*heard.seen), from_responder, rest);
    }
    beginning.value = steady_bytes(kSteadyBeginnings[beginning.steady], payload);
    const bool has_room = mouth.count < kBeginnings && (heard.seen || mouth.unknown < kUnknownMax);
    if (has_room) {
      mouth.beginnings[mouth.count++] = beginning;
      if (!heard.seen) ++mouth.unknown;
    } else if (mouth.looks < kLooksMax) {
      ++mouth.looks;
    }
    return {beginning.service, beginning.control || beginning.rest_tries != 0};
  }

  std::uint32_t place() {
    if (mouths_.size() < std::max<std::uint32_t>(options_.servers_max, 2)) {
      mouths_.emplace_back();
      return static_cast<std::uint32_t>(mouths_.size() - 1);
    }
    hand_ = hand_ + 1 < mouths_.size() ? hand_ + 1 : 0;
    const Mouth& old = mouths_[hand_];
    index_.erase(hash_of(old.address(), Protocol(old.protocol), Port{old.port}, old.from_responder), hand_);
    return hand_;
  }

  std::uint8_t question_number(std::string_view name) {
    const auto found = std::find(questions_.begin(), questions_.end(), name);
    if (found == questions_.end() && questions_.size() == kNamesMax) return 0;
    const auto number = static_cast<std::uint8_t>(found - questions_.begin() + 1);
    if (found == questions_.end()) questions_.push_back(name);
    return number;
  }

  /// `still_open`: more will be known of it, and it is no other server's.
  std::uint32_t number_of(ServiceSeen seen, bool from_responder, bool still_open) {
    std::string key = still_open ? std::string() : key_of(seen, from_responder);
    if (!still_open)
      if (const auto found = numbers_.find(key); found != numbers_.end()) return found->second;
    if (services_.size() >= options_.services_max) {  // its name alone; there are not many
      ++unnamed_;
      ServiceSeen bare;
      bare.name = seen.name;
      seen = std::move(bare);
      key = key_of(seen, from_responder);
      still_open = false;
      if (const auto found = numbers_.find(key); found != numbers_.end()) return found->second;
    }
    const auto number = static_cast<std::uint32_t>(services_.size());
    languages_.push_back(language_numbers_.try_emplace(seen.name, number).first->second);
    services_.push_back(std::move(seen));
    by_server_.push_back(from_responder);
    open_.push_back(still_open);
    if (!still_open) numbers_.emplace(std::move(key), number);
    return number;
  }

  // ---- what comes behind the beginning ----

  std::optional<RelatedBy> learned_kind(const FiveTuple& c) const {
    for (const bool from_responder : {true, false}) {
      const std::uint32_t number = find(c.responder.address, c.protocol, c.responder.port, from_responder,
                                        hash_of(c.responder.address, c.protocol, c.responder.port, from_responder));
      if (number == HashIndex::kNone) continue;
      const Mouth& mouth = mouths_[number];
      for (std::size_t i = 0; i < mouth.count; ++i)
        if (mouth.beginnings[i].control) return kind_of_service(services_[mouth.beginnings[i].service].name);
    }
    return std::nullopt;
  }

  bool gather(const FiveTuple& conversation, bool from_responder, Timestamp at, std::uint32_t sequence,
              Bytes payload) {
    if (conversation.protocol != Protocol::tcp) return false;
    if (!from_responder) return true;  // the server's word is waited for
    auto found = std::find_if(gathered_.begin(), gathered_.end(),
                              [&](const Gathered& g) { return g.conversation == conversation; });
    if (found == gathered_.end()) {
      const std::uint32_t service = open_service(conversation.responder, payload);
      if (service == kNone32) return false;
      if (gathered_.size() < kGatheredMax) {
        found = gathered_.emplace(gathered_.end());
      } else {
        found = std::min_element(gathered_.begin(), gathered_.end(),
                                 [](const Gathered& a, const Gathered& b) { return a.last < b.last; });
      }
      *found = {conversation, service, sequence, at, {}};
    }
    found->last = at;
    const auto ahead = static_cast<std::int32_t>(sequence - found->next);
    if (ahead < 0) return true;  // sent again
    const bool gap = ahead > 0;
    if (!gap) {
      found->bytes.insert(found->bytes.end(), payload.begin(), payload.end());
      found->next += static_cast<std::uint32_t>(payload.size());
      Overheard heard = overhear(Protocol::tcp, true, found->bytes);
      const bool more =
          heard.seen && heard.seen->name == "tls" && !heard.complete && found->bytes.size() < kReplyMax;
      if (more) return true;
      if (heard.seen && heard.seen->name == "tls" && heard.complete) {
        services_[found->service] = std::move(*heard.seen);
        close_service(conversation.responder, found->service);
      }
    }
    std::swap(*found, gathered_.back());
    gathered_.pop_back();
    return false;
  }

  Mouth* server(const Endpoint& responder) {
    const std::uint32_t number = find(responder.address, Protocol::tcp, responder.port, true,
                                      hash_of(responder.address, Protocol::tcp, responder.port, true));
    return number == HashIndex::kNone ? nullptr : &mouths_[number];
  }
  /// The service of a beginning of which the rest is worth hearing.
  std::uint32_t open_service(const Endpoint& responder, Bytes payload) {
    const Mouth* mouth = server(responder);
    if (mouth == nullptr) return kNone32;
    for (std::size_t i = 0; i < mouth->count; ++i) {
      const Beginning& b = mouth->beginnings[i];
      if (b.service == kNone32 || steady_bytes(kSteadyBeginnings[b.steady], payload) != b.value) continue;
      return open_[b.service] ? b.service : kNone32;
    }
    return kNone32;
  }
  void close_service(const Endpoint& responder, std::uint32_t service) {
    open_[service] = false;
    Mouth* mouth = server(responder);
    if (mouth == nullptr) return;
    for (std::size_t i = 0; i < mouth->count; ++i)
      if (mouth->beginnings[i].service == service) mouth->beginnings[i].rest_tries = 0;
  }

  SpeechOptions options_;
  KeyedHash hash_;
  HashIndex index_;
  std::vector<Mouth> mouths_;
  std::uint32_t hand_ = 0;
  std::vector<std::string_view> questions_;
  std::vector<ServiceSeen> services_;
  std::vector<bool> by_server_;           // who said so
  std::vector<bool> open_;                // more will be known of it
  std::vector<std::uint32_t> languages_;  // the first service of the same name
  std::unordered_map<std::string, std::uint32_t> language_numbers_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<Gathered> gathered_;
  std::uint64_t asked_ = 0, in_vain_ = 0, unlooked_ = 0, unnamed_ = 0;
  Related related_;
  ControlTalks control_;
};

std::vector<std::string> notes_of(const SpeechLosses& losses) {
  std::vector<std::string> notes;
  const auto note = [&](std::uint64_t count, std::string_view what) {
    if (count != 0) notes.push_back(fmt::format("{} {}", count, what));
  };
  note(losses.beginnings_unlooked, "conversations began in an unknown language and were not looked at any more");
  note(losses.services_unnamed, "services are told by their name only: there were too many different ones");
  note(losses.announced_dropped, "announced connections were forgotten early: there were too many at a time");
  note(losses.announced_refused, "announcements named ports below 1024, which nobody may announce");
  note(losses.control_unread,
       "times a part of a control conversation could not be read: what it announced is not known");
  note(losses.control_encrypted, "control conversations went on inside TLS: what they announced is not known");
  return notes;
}

Speech::Speech(const SpeechOptions& options) : body_(std::make_unique<Body>(options)) {}
Speech::~Speech() = default;
Speech::Speech(Speech&&) noexcept = default;
Speech& Speech::operator=(Speech&&) noexcept = default;

Speech::Recognised Speech::recognise(const Address& responder, Protocol protocol, Port port, bool from_responder,
                                     Bytes payload) {
  return body_->recognise(responder, protocol, port, from_responder, payload);
}
std::uint32_t Speech::expect(const Address& responder, Protocol protocol, Port port, bool from_responder) const {
  return body_->expect(responder, protocol, port, from_responder);
}
void Speech::expect(std::uint32_t ticket) const { body_->expect(ticket); }
std::uint32_t Speech::better(std::uint32_t known, std::uint32_t now) const { return body_->better(known, now); }
std::uint32_t Speech::language_of(std::uint32_t service) const { return body_->language_of(service); }
bool Speech::listen(const FiveTuple& conversation, bool from_responder, Timestamp at, std::uint32_t sequence,
                    Bytes payload) {
  return body_->listen(conversation, from_responder, at, sequence, payload);
}
std::uint32_t Speech::parent_of(Protocol protocol, const Endpoint& initiator, const Endpoint& responder,
                                Timestamp at) {
  return body_->parent_of(protocol, initiator, responder, at);
}
const std::vector<ServiceSeen>& Speech::services() const { return body_->services(); }
const std::vector<ParentFlow>& Speech::parents() const { return body_->parents(); }
std::vector<ServiceSeen> Speech::take_services() { return std::move(body_->services()); }
std::vector<ParentFlow> Speech::take_parents() { return body_->parents(); }
SpeechLosses Speech::losses() const { return body_->losses(); }

}  // namespace demarc
