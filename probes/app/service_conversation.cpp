#include "probes/app/service_conversation.h"

#include <fmt/format.h>

#include <algorithm>

#include "probes/app/der.h"
#include "rules/text/escape.h"

namespace demarc {

using namespace std::chrono_literals;

namespace {

/// Where Windows puts RPC servers that asked for any port: up to 2003, and since 2008.
constexpr PortRange kDynamicRpc[] = {{Port{1024}, Port{5000}}, {Port{49152}, Port{65535}}};

constexpr std::chrono::milliseconds kFollowUpTime = 2000ms;
constexpr unsigned kStepsMax = 12;  // of one dialogue; no server leads us on for ever
constexpr std::size_t kJoinedMax = 1200;

/// A second question to the same service tells more of it: "SMB 3.1.1, SMB 1".
void add_to(ServiceSeen& seen, ServiceSeen& more) {
  auto join = [](std::string& text, const std::string& other, const char* between) {
    if (!other.empty() && text != other && text.size() + other.size() < kJoinedMax)
      text += (text.empty() ? "" : between) + other;
  };
  if (seen.product.empty()) seen.product = std::move(more.product);
  join(seen.version, more.version, ", ");
  join(seen.evidence, more.evidence, "; ");
  if (seen.certificate_names.empty()) seen.certificate_names = std::move(more.certificate_names);
  if (!seen.certificate_expires) seen.certificate_expires = more.certificate_expires;
}

bool is_known(const std::optional<ServiceSeen>& seen) { return seen && seen->name != kUnknownService; }

}  // namespace

// --- A dialogue
// ---------------------------------------------------------------------------------------------------

Dialogue::Dialogue(std::vector<Turn> turns, Port port, Manner manner, std::chrono::milliseconds listen_time)
    : turns_(turns.rbegin(), turns.rend()), port_(port), manner_(manner), listen_time_(listen_time) {}

Dialogue::Step Dialogue::next() {
  Step step;
  while (!turns_.empty() && turns_.back().same_connection && !connected_) turns_.pop_back();
  if (turns_.empty() || ++steps_ > kStepsMax) {
    step.finished = true;
    return step;
  }
  turn_ = turns_.back();
  turns_.pop_back();
  if (!turn_.same_connection && (!connected_ || spoken_)) {
    step.fresh_connection = true;
    connected_ = true;
    spoken_ = false;
    inside_tls_ = false;
  }
  history_.push_back(turn_.probe);
  reply_.clear();
  step.start_tls = turn_.start_tls;
  step.wait = turn_.wait;
  if (turn_.probe != nullptr && turn_.probe->request != nullptr) {
    step.request = turn_.probe->request(host_);
    spoken_ = true;  // whatever comes now, this connection has heard a question
  }
  return step;
}

Heard Dialogue::read(Bytes reply) const {
  // In the middle of a dialogue only an answer to it counts; "+OK" alone says little.
  if (turn_.same_connection && turn_.probe != nullptr && turn_.probe->only_asked) return turn_.probe->read(reply);
  return recognise(reply, turn_.probe);
}

bool Dialogue::on_bytes(Bytes chunk) {
  std::size_t room = kReplyMax - reply_.size();
  reply_.insert(reply_.end(), chunk.begin(),
                chunk.begin() + static_cast<std::ptrdiff_t>(std::min(room, chunk.size())));
  Heard heard = read(reply_);
  if ((is_known(heard.seen) && heard.complete) || reply_.size() >= kReplyMax) {
    end_step();
    return true;
  }
  return false;
}

void Dialogue::on_closed() {
  end_step();
  connected_ = false;
}

void Dialogue::on_tls(const TlsFacts& facts) {
  inside_tls_ = looked_inside_;  // after STARTTLS it is the same service that goes on
  ServiceSeen tls;
  tls.evidence = fmt::format("{} {}", facts.version, bytes_escaped(facts.cipher));
  if (inside_tls_) tls.version = facts.version;
  if (facts.wants_client_certificate) tls.evidence += ", asks for a client certificate";
  if (std::optional<CertificateFacts> certificate = read_certificate(facts.certificate)) {
    tls.certificate_names = names_of(*certificate);
    tls.certificate_expires = certificate->not_after;
    // The first answer may have brought the same certificate in the clear.
    if (!seen_ || seen_->certificate_names != tls.certificate_names) tls.evidence += "; " + describe(*certificate);
  }
  if (!seen_) {
    seen_.emplace();
    seen_->name = "tls";
  }
  add_to(*seen_, tls);
  spoken_ = false;
}

void Dialogue::look_inside_tls() {
  looked_inside_ = true;
  const AppProbe* usual = usual_inside_tls(port_);
  const AppProbe* http = find_app_probe("http-get");
  if (usual != nullptr) {
    turns_.push_back({usual, listen_time_, false, true});
  } else {
    turns_.push_back({http, listen_time_, true});
    turns_.push_back({nullptr, listen_time_ / 4, false, true});
  }
}

void Dialogue::end_step() {
  if (reply_.empty()) return;
  Heard heard = read(reply_);
  reply_.clear();
  spoken_ = true;
  if (!heard.seen) return;
  const bool known = is_known(heard.seen);
  if (inside_tls_) {
    if (inside_ && inside_->name == heard.seen->name)
      add_to(*inside_, *heard.seen);
    else if (known || !inside_)
      inside_ = std::move(heard.seen);
  } else if (known && seen_ && seen_->name == heard.seen->name) {
    add_to(*seen_, *heard.seen);
  } else if (known || !seen_) {
    seen_ = std::move(heard.seen);  // the first unknown greeting is evidence until something is recognised
  }
  // A server that greets first has said what it is, even if we do not know the language: nothing we could ask is
  // its.
  const bool greeted = turn_.probe == nullptr || turn_.probe->request == nullptr;
  if (!known && !greeted) return;
  settled_ = true;
  if (!turn_.same_connection || greeted) turns_.clear();
  if (manner_ == Manner::gentle) {
    turns_.clear();
    return;
  }
  auto unasked = [this](std::string_view name) -> const AppProbe* {
    const AppProbe* probe = name.empty() ? nullptr : find_app_probe(name);
    return std::find(history_.begin(), history_.end(), probe) == history_.end() ? probe : nullptr;
  };
  const AppProbe* later = unasked(heard.follow_up);
  if (later != nullptr) turns_.insert(turns_.begin(), {later, kFollowUpTime});
  const AppProbe* then = inside_tls_ ? nullptr : unasked(heard.then);  // no STARTTLS inside TLS
  if (then != nullptr || (heard.start_tls && !inside_tls_))
    turns_.push_back({then, then == nullptr ? 0ms : kFollowUpTime, true, heard.start_tls});
  if (known && !inside_tls_ && !looked_inside_ && later == nullptr && seen_->name == "tls") look_inside_tls();
}

std::optional<ServiceSeen> Dialogue::seen() const {
  if (!is_known(inside_)) return seen_;
  ServiceSeen both = *seen_;
  both.tls_inside = inside_->name;
  if (!inside_->product.empty()) {  // a version belongs to its product; that of TLS stays in the evidence
    both.product = inside_->product;
    both.version = inside_->version;
  }
  if (both.evidence.size() + inside_->evidence.size() < kJoinedMax) both.evidence += "; " + inside_->evidence;
  return both;
}

// --- The conversation
// ---------------------------------------------------------------------------------------------

ServiceConversation::ServiceConversation(Port port, Manner manner, std::chrono::milliseconds listen_time) {
  const auto whole = listen_time, half = listen_time / 2, quarter = listen_time / 4;
  const auto connecting = listen_time / 20;  // the later ones need a round trip first, and all end together
  const bool thorough = manner == Manner::thorough;
  auto open = [&](std::chrono::milliseconds after, std::vector<Dialogue::Turn> turns) {
    openings_.push_back({after, Dialogue(std::move(turns), port, manner, listen_time)});
  };
  const AppProbe* http = find_app_probe("http-get");
  const AppProbe* tls = find_app_probe("tls-client-hello");
  const std::vector<const AppProbe*> usual = usual_probes(Protocol::tcp, port);
  if (usual.empty()) {
    // Where no greeting is expected, a moment is enough to notice a server that speaks first.
    if (!thorough) open(0ms, {{nullptr, half}});
    if (!thorough) return;
    open(0ms, {{nullptr, quarter}, {http, whole - quarter - connecting}});
    open(half, {{tls, half - connecting}});
    if (std::any_of(std::begin(kDynamicRpc), std::end(kDynamicRpc),
                    [&](const PortRange& r) { return r.contains(port); }))
      open(half, {{find_app_probe("msrpc-bind"), half - connecting}});
    return;
  }
  // A greeting may take its time where one is expected (a mail server looks up our name first). Where the client
  // speaks first we ask at once: a server of another kind would greet us all the same.
  open(0ms, {{usual.front(), whole - connecting}});
  for (std::size_t i = 1; i < usual.size(); ++i) open(half, {{usual[i], half - connecting}});
  if (!thorough) return;
  for (const AppProbe* generic : {http, tls}) {
    if (openings_.size() >= kConnectionsMax - 2) break;  // what is recognised needs room to go on
    if (std::find(usual.begin(), usual.end(), generic) == usual.end()) open(half, {{generic, half - connecting}});
  }
}

void ServiceConversation::set_host(const std::string& host) {
  for (Opening& opening : openings_) opening.dialogue.set_host(host);
}

std::optional<ServiceSeen> ServiceConversation::seen() const {
  std::optional<ServiceSeen> best;
  for (const Opening& opening : openings_) {
    std::optional<ServiceSeen> seen = opening.dialogue.seen();
    if (!seen || is_known(best)) continue;
    if (!best || is_known(seen)) best = std::move(seen);
  }
  return best;
}

}  // namespace demarc
