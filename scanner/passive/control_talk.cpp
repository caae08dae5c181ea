#include "scanner/passive/control_talk.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "scanner/passive/hash_index.h"

namespace demarc {

namespace {

using std::chrono::seconds;

constexpr std::size_t kLineMax = 1024;             // of FTP; RFC 959 has no limit, paths do
constexpr std::size_t kMessageMax = 16 * 1024;     // of SIP over TCP
constexpr std::size_t kStubMax = 16 * 1024;        // of an endpoint mapper's answer
constexpr std::size_t kRecordMax = 4 * 1024;       // of ONC RPC over TCP
constexpr std::size_t kHeldMax = 8 * 1024 * 1024;  // of all conversations together
constexpr std::size_t kQuestions = 4096, kDialogs = 4096, kParentsMax = 65536;
constexpr unsigned kStrangeMax = 64;  // times that it was not what it should be: this is something else
constexpr seconds kAfresh{300};       // of silence: the same ends again are another conversation
constexpr std::int32_t kFarBack = 1 << 20;

constexpr seconds kFtpLife{300}, kTftpLife{120}, kLife{7200};

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// One direction of a conversation.
struct Side {
  bool begun = false;
  bool lost = false;  // something is missing: what comes is not read before the next line begins
  std::uint32_t next = 0;
  std::vector<std::uint8_t> held;
};

struct Talk {
  FiveTuple conversation;
  RelatedBy kind = RelatedBy::ftp;
  bool used = false;
  Timestamp last;
  Side sides[2];  // the initiator's, the responder's
  unsigned strange = 0;
  // MSRPC: the latest calls and what they ask for; the answer of one of them so far.
  std::array<std::pair<std::uint32_t, std::uint16_t>, 8> calls{};
  unsigned call_next = 0;
  bool calls_seen = false;
  std::vector<std::uint8_t> stub;
  std::uint32_t stub_call = 0;
  bool stub_wanted = false;

  std::size_t held() const { return sides[0].held.capacity() + sides[1].held.capacity() + stub.capacity(); }
};

struct Question {
  std::uint64_t key = 0;
  PortQuestion asked;
};

/// What the two sides of a call announced.
struct Dialog {
  std::uint64_t key = 0;
  std::vector<MediaLine> media[2];
};

}  // namespace

class ControlTalks::Body {
 public:
  Body(Related& related, std::uint32_t talks_max, std::uint64_t hash_key)
      : related_(related),
        talks_max_(std::max<std::uint32_t>(talks_max, 1)),
        hash_(hash_key ^ 0x636F6E74726F6CULL),
        other_hash_(hash_key ^ 0x74616C6BULL) {}

  bool listen(RelatedBy kind, const FiveTuple& conversation, bool from_responder, Timestamp at,
              std::uint32_t sequence, Bytes payload) {
    if (payload.empty()) return true;
    if (conversation.protocol == Protocol::udp) {
      switch (kind) {
        case RelatedBy::tftp: on_tftp(conversation, from_responder, at, payload); break;
        case RelatedBy::portmapper: on_rpc(conversation, from_responder, at, payload); break;
        case RelatedBy::sip: on_sip_datagram(conversation, from_responder, at, payload); break;
        case RelatedBy::ftp:
        case RelatedBy::msrpc: return false;
      }
      return true;
    }
    if (conversation.protocol != Protocol::tcp || kind == RelatedBy::tftp) return false;
    const std::uint32_t number = talk_of(kind, conversation, at);
    Talk& talk = talks_[number];
    talk.last = at;
    const std::size_t before = talk.held();
    const bool goes_on = feed(talk, from_responder, at, sequence, payload);
    held_ += talk.held() - before;
    if (!goes_on) {
      erase(number);
      return false;
    }
    for (int i = 0; i < 16 && held_ > kHeldMax; ++i) give_up_one(number);
    return true;
  }

  const std::vector<ParentFlow>& parents() const { return parents_; }
  const ControlLosses& losses() const { return losses_; }

 private:
  // ---- the conversations that are read ----

  std::uint32_t hash_of(const FiveTuple& c) const {
    return hash_(c.initiator.address.low() ^ c.initiator.address.high() * 3, c.responder.address.low(),
                 c.responder.address.high(),
                 std::uint64_t{c.initiator.port.number()} << 16 | c.responder.port.number(), c.protocol.number());
  }

  std::uint32_t talk_of(RelatedBy kind, const FiveTuple& conversation, Timestamp at) {
    const std::uint32_t hashed = hash_of(conversation);
    std::uint32_t number =
        index_.find(hashed, [&](std::uint32_t n) { return talks_[n].conversation == conversation; });
    if (number != HashIndex::kNone) {
      if (at.since_epoch() / 2 - talks_[number].last.since_epoch() / 2 > kAfresh / 2) renew(talks_[number]);
      return number;
    }
    if (free_.empty() && talks_.size() >= talks_max_) give_up_one(HashIndex::kNone);
    if (free_.empty()) {
      number = static_cast<std::uint32_t>(talks_.size());
      talks_.emplace_back();
    } else {
      number = free_.back();
      free_.pop_back();
    }
    talks_[number] = Talk{};
    talks_[number].conversation = conversation;
    talks_[number].kind = kind;
    talks_[number].used = true;
    index_.insert(hashed, number);
    return number;
  }

  void renew(Talk& talk) {
    held_ -= talk.held();
    Talk fresh;
    fresh.conversation = talk.conversation;
    fresh.kind = talk.kind;
    fresh.used = true;
    talk = std::move(fresh);
  }

  void erase(std::uint32_t number) {
    held_ -= talks_[number].held();
    index_.erase(hash_of(talks_[number].conversation), number);
    talks_[number] = Talk{};
    free_.push_back(number);
  }

  /// The longest silent one of a few.
  void give_up_one(std::uint32_t but) {
    std::uint32_t silent = HashIndex::kNone;
    for (std::size_t i = 0; i < std::min<std::size_t>(talks_.size(), 16); ++i) {
      sweep_ = sweep_ + 1 < talks_.size() ? sweep_ + 1 : 0;
      if (!talks_[sweep_].used || sweep_ == but) continue;
      if (silent == HashIndex::kNone || talks_[sweep_].last < talks_[silent].last) silent = sweep_;
    }
    if (silent == HashIndex::kNone) return;
    // One that waits for nothing and holds nothing loses nothing that is known of.
    if (!talks_[silent].sides[0].held.empty() || !talks_[silent].sides[1].held.empty()) ++losses_.unread;
    erase(silent);
  }

  // ---- TCP ----

  /// What is new of a segment, and in order. A gap loses what was held.
  Bytes in_order(Side& side, std::uint32_t sequence, Bytes payload) {
    if (!side.begun) side.next = sequence;
    side.begun = true;
    const auto ahead = static_cast<std::int32_t>(sequence - side.next);
    if (ahead < 0 && ahead > -kFarBack) {  // sent again, as a whole or in part
      const auto known = static_cast<std::size_t>(-ahead);
      if (known >= payload.size()) return {};
      payload = payload.subspan(known);
    } else if (ahead != 0) {
      ++losses_.unread;
      side.held.clear();
      side.lost = true;
      side.next = sequence;
    }
    side.next += static_cast<std::uint32_t>(payload.size());
    return payload;
  }

  bool feed(Talk& talk, bool from_responder, Timestamp at, std::uint32_t sequence, Bytes payload) {
    Side& side = talk.sides[from_responder];
    payload = in_order(side, sequence, payload);
    if (payload.empty()) return true;
    side.held.insert(side.held.end(), payload.begin(), payload.end());
    switch (talk.kind) {
      case RelatedBy::ftp: return on_ftp(talk, from_responder, at);
      case RelatedBy::msrpc: return on_msrpc(talk, from_responder, at);
      case RelatedBy::sip: return on_sip_stream(talk, from_responder, at);
      case RelatedBy::portmapper: return on_rpc_stream(talk, from_responder, at);
      case RelatedBy::tftp: break;
    }
    return false;
  }

  /// What cannot be read is dropped up to where something can be; false: too often.
  bool lose(Talk& talk, Side& side) {
    side.held = {};
    if (!side.lost) ++losses_.unread;
    side.lost = true;
    return ++talk.strange < kStrangeMax;
  }

  static void drop_front(std::vector<std::uint8_t>& held, std::size_t count) {
    held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(std::min(count, held.size())));
    if (held.empty() && held.capacity() > 512) held = {};
  }

  bool on_ftp(Talk& talk, bool from_responder, Timestamp at) {
    Side& side = talk.sides[from_responder];
    std::string_view rest = text_of(side.held);
    for (std::size_t end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
      std::string_view line = rest.substr(0, end);
      rest.remove_prefix(end + 1);
      if (side.lost) {  // the end of a line whose beginning is missing
        side.lost = false;
        continue;
      }
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      const FtpLine said = from_responder ? read_ftp_reply(line) : read_ftp_command(line);
      if (said.says == FtpSays::secured) {
        ++losses_.encrypted;
        return false;
      }
      if (said.says == FtpSays::waits) {
        // Only its own address: one that stands there and is another is a server behind a translation that says
        // what it has inside, or one that wants others to be talked to.
        const Endpoint& speaker = from_responder ? talk.conversation.responder : talk.conversation.initiator;
        const Endpoint& other = from_responder ? talk.conversation.initiator : talk.conversation.responder;
        expect({.protocol = Protocol::tcp,
                .at = {speaker.address, said.announced.port},
                .peer = other.address,
                .once = true,
                .parent = parent_of(talk.conversation, RelatedBy::ftp),
                .life = kFtpLife},
               at);
      }
    }
    drop_front(side.held, side.held.size() - rest.size());
    if (side.held.size() <= kLineMax) return true;
    return lose(talk, side);
  }

  bool on_msrpc(Talk& talk, bool from_responder, Timestamp at) {
    Side& side = talk.sides[from_responder];
    std::size_t done = 0;
    while (side.held.size() - done >= kMsrpcHeader) {
      const Bytes rest = Bytes(side.held).subspan(done);
      const std::optional<MsrpcPdu> pdu = read_msrpc_pdu(rest);
      if (!pdu) return lose(talk, side);  // the next segment that begins with a PDU is waited for
      side.lost = false;
      if (rest.size() < pdu->length) break;
      done += pdu->length;
      if (!from_responder && pdu->type == 0 && pdu->first) {
        talk.calls_seen = true;
        talk.calls[talk.call_next++ % talk.calls.size()] = {pdu->call, pdu->opnum};
      }
      if (from_responder && pdu->type == 2) on_response(talk, *pdu, at);
    }
    drop_front(side.held, done);
    return true;
  }

  void on_response(Talk& talk, const MsrpcPdu& pdu, Timestamp at) {
    if (pdu.first) {
      talk.stub = {};
      talk.stub_call = pdu.call;
      // Where the questions are not seen, the form of the answer has to tell.
      const auto call = std::find_if(talk.calls.begin(), talk.calls.end(),
                                     [&](const auto& c) { return c == std::pair(pdu.call, kEptMap); });
      talk.stub_wanted = !talk.calls_seen || call != talk.calls.end();
    }
    if (!talk.stub_wanted || pdu.call != talk.stub_call) return;
    if (talk.stub.size() + pdu.stub.size() > kStubMax) {
      talk.stub = {};
      talk.stub_wanted = false;
      ++losses_.unread;
      return;
    }
    talk.stub.insert(talk.stub.end(), pdu.stub.begin(), pdu.stub.end());
    if (!pdu.last) return;
    for (const Announced& announced : read_ept_map(talk.stub, pdu.little_endian))
      of_server(talk.conversation, announced, RelatedBy::msrpc, at);
    talk.stub = {};
    talk.stub_wanted = false;
  }

  bool on_rpc_stream(Talk& talk, bool from_responder, Timestamp at) {
    Side& side = talk.sides[from_responder];
    std::size_t done = 0;
    while (side.held.size() - done >= 4) {
      const Bytes rest = Bytes(side.held).subspan(done);
      const std::uint32_t mark = be32(rest.data());  // RFC 5531 §11
      const std::size_t length = mark & 0x7FFFFFFF;
      const bool whole_record = (mark & 0x80000000U) != 0;
      if (length > kRecordMax || length == 0) {
        // A dump of all programs may be long, and is not what is looked for.
        return lose(talk, side);
      }
      if (rest.size() < 4 + length) break;
      side.lost = false;
      // Questions and answers about one port fit a fragment; those that come in pieces are not put together.
      if (whole_record)
        on_rpc(talk.conversation, from_responder, at, rest.subspan(4, length));
      else
        ++losses_.unread;
      done += 4 + length;
    }
    drop_front(side.held, done);
    return true;
  }

  bool on_sip_stream(Talk& talk, bool from_responder, Timestamp at) {
    Side& side = talk.sides[from_responder];
    std::string_view rest = text_of(side.held);
    while (true) {
      rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of("\r\n")));  // keep-alives (RFC 5626 §3.5.1)
      if (rest.empty()) break;
      bool more = false;
      const std::optional<SipMessage> message = read_sip_message(rest, false, more);
      if (!message && !more) return lose(talk, side);
      if (!message || message->length > rest.size()) break;
      side.lost = false;
      on_sip(talk.conversation, from_responder, at, *message);
      rest.remove_prefix(message->length);
    }
    drop_front(side.held, side.held.size() - rest.size());
    if (side.held.size() <= kMessageMax) return true;
    return lose(talk, side);
  }

  // ---- messages ----

  void on_tftp(const FiveTuple& conversation, bool from_responder, Timestamp at, Bytes payload) {
    if (from_responder || !is_tftp_request(payload)) return;
    expect({.protocol = Protocol::udp,
            .at = conversation.initiator,
            .peer = conversation.responder.address,
            .either_opens = true,  // a capture that shows the client only begins with its acknowledgement
            .once = true,
            .parent = parent_of(conversation, RelatedBy::tftp),
            .life = kTftpLife},
           at);
  }

  void on_rpc(const FiveTuple& conversation, bool from_responder, Timestamp at, Bytes message) {
    if (!from_responder) {
      const std::optional<PortQuestion> question = read_port_question(message);
      if (!question) return;
      if (questions_.empty()) questions_.resize(kQuestions);
      const std::uint64_t key = question_key(conversation, question->xid);
      questions_[(key >> 8) % kQuestions] = {key, *question};
      return;
    }
    const std::optional<std::uint32_t> xid = read_rpc_reply_id(message);
    if (!xid || questions_.empty()) return;
    const std::uint64_t key = question_key(conversation, *xid);
    Question& question = questions_[(key >> 8) % kQuestions];
    if (question.key != key) return;
    question.key = 0;
    if (const std::optional<Announced> announced = read_port_answer(message, question.asked))
      of_server(conversation, *announced, RelatedBy::portmapper, at);
  }

  void on_sip_datagram(const FiveTuple& conversation, bool from_responder, Timestamp at, Bytes payload) {
    bool more = false;
    const std::optional<SipMessage> message = read_sip_message(text_of(payload), true, more);
    if (message) on_sip(conversation, from_responder, at, *message);
  }

  void on_sip(const FiveTuple& conversation, bool from_responder, Timestamp at, const SipMessage& message) {
    if (message.media.empty()) return;
    const Endpoint& sender = from_responder ? conversation.responder : conversation.initiator;
    const Endpoint& receiver = from_responder ? conversation.initiator : conversation.responder;
    if (dialogs_.empty()) dialogs_.resize(kDialogs);
    const std::uint64_t key = dialog_key(sender.address, receiver.address, message.call_id);
    Dialog& dialog = dialogs_[(key >> 8) % kDialogs];
    if (dialog.key != key) dialog = Dialog{key, {}};
    const bool side = sender.address == receiver.address ? sender < receiver : sender.address < receiver.address;
    dialog.media[side] = message.media;
    const std::uint32_t parent = parent_of(conversation, RelatedBy::sip);
    const std::vector<MediaLine>& others = dialog.media[!side];
    for (std::size_t i = 0; i < message.media.size(); ++i) {
      const MediaLine& mine = message.media[i];
      const MediaLine other = i < others.size() ? others[i] : MediaLine{};
      if (mine.port == 0) continue;
      // RFC 3264 §5.1: media comes to the announced address from the other side of the call, or from what that
      // side announced; and nobody sends what the other refused. As long as only one side has spoken, it may open
      // from what it announced.
      const bool alone = others.empty();
      media_between(mine, sender.address, receiver.address, alone, parent, at);
      if (other.port == 0 || other.protocol != mine.protocol) continue;
      const Address here = mine.address.value_or(sender.address), there = other.address.value_or(receiver.address);
      if (there != receiver.address) media_between(mine, sender.address, there, false, parent, at);
      media_between(other, receiver.address, sender.address, false, parent, at);
      if (here != sender.address) media_between(other, receiver.address, here, false, parent, at);
    }
  }

  void media_between(const MediaLine& media, const Address& its_side, const Address& peer, bool either_opens,
                     std::uint32_t parent, Timestamp at) {
    for (const std::uint16_t port : {media.port, media.control_port})
      if (port != 0)
        expect({.protocol = media.protocol,
                .at = {media.address.value_or(its_side), Port{port}},
                .peer = peer,
                .either_opens = either_opens,
                .parent = parent,
                .life = kLife},
               at);
  }

  /// What a server says of itself to a client that asked.
  void of_server(const FiveTuple& conversation, const Announced& announced, RelatedBy by, Timestamp at) {
    expect({.protocol = announced.protocol,
            .at = {conversation.responder.address, announced.port},
            .peer = conversation.initiator.address,
            .low_source = by == RelatedBy::portmapper,  // NFS clients ask from reserved ports
            .parent = parent_of(conversation, by),
            .life = kLife},
           at);
  }

  void expect(const ExpectedConversation& expected, Timestamp at) {
    if (expected.parent == kNone32) return;
    if (related_.expect(expected, at) == Related::Taken::refused) ++losses_.refused;
  }

  std::uint32_t parent_of(const FiveTuple& c, RelatedBy by) {
    const ParentFlow parent{c.initiator.address, c.responder.address, c.protocol, c.responder.port, by};
    const auto found = parent_numbers_.find(parent);
    if (found != parent_numbers_.end()) return found->second;
    if (parents_.size() == kParentsMax) {
      ++losses_.unread;
      return kNone32;
    }
    const auto number = static_cast<std::uint32_t>(parents_.size());
    parents_.push_back(parent);
    parent_numbers_.emplace(parent, number);
    return number;
  }

  std::uint64_t question_key(const FiveTuple& c, std::uint32_t xid) const {
    const std::uint64_t rest = std::uint64_t{xid} << 8 | c.protocol.number();
    const std::uint64_t ports = std::uint64_t{c.initiator.port.number()} << 16 | c.responder.port.number();
    return join(c.initiator.address.low() ^ c.initiator.address.high() * 3,
                c.responder.address.low() ^ c.responder.address.high() * 3, ports, rest);
  }
  std::uint64_t dialog_key(const Address& a, const Address& b, std::string_view call_id) const {
    std::uint64_t h = join(std::min(a, b).low(), std::max(a, b).low(), a.high() ^ b.high(), call_id.size());
    for (std::size_t i = 0; i < std::min<std::size_t>(call_id.size(), 256); i += 8) {
      std::uint64_t word = 0;
      for (const char c : call_id.substr(i, 8)) word = word << 8 | static_cast<unsigned char>(c);
      h = join(h, word, i, 1);
    }
    return h;
  }
  /// 64 bits, and never 0: that is a place nobody took.
  std::uint64_t join(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) const {
    return (std::uint64_t{hash_(a, b, c, d, 7)} << 32 | other_hash_(a, b, c, d, 9)) | 1;
  }

  Related& related_;
  std::uint32_t talks_max_;
  KeyedHash hash_, other_hash_;
  HashIndex index_;
  std::vector<Talk> talks_;
  std::vector<std::uint32_t> free_;
  std::size_t held_ = 0;
  std::uint32_t sweep_ = 0;
  std::vector<Question> questions_;
  std::vector<Dialog> dialogs_;
  std::vector<ParentFlow> parents_;
  std::map<ParentFlow, std::uint32_t> parent_numbers_;
  ControlLosses losses_;
};

ControlTalks::ControlTalks(Related& related, std::uint32_t talks_max, std::uint64_t hash_key)
    : body_(std::make_unique<Body>(related, talks_max, hash_key)) {}
ControlTalks::~ControlTalks() = default;
ControlTalks::ControlTalks(ControlTalks&&) noexcept = default;

bool ControlTalks::listen(RelatedBy kind, const FiveTuple& conversation, bool from_responder, Timestamp at,
                          std::uint32_t sequence, Bytes payload) {
  return body_->listen(kind, conversation, from_responder, at, sequence, payload);
}
const std::vector<ParentFlow>& ControlTalks::parents() const { return body_->parents(); }
const ControlLosses& ControlTalks::losses() const { return body_->losses(); }

}  // namespace demarc
