#include "probes/app/conversation.h"

#include <algorithm>

namespace demarc {

using namespace std::chrono_literals;

namespace {

constexpr unsigned kConnectionsMax = 4;  // for one port, the first one included

/// Where Windows puts RPC servers that asked for any port: up to 2003, and since 2008.
constexpr PortRange kDynamicRpc[] = {{Port{1024}, Port{5000}}, {Port{49152}, Port{65535}}};

constexpr std::chrono::milliseconds kFollowUpTime = 2000ms;

/// A second question to the same service tells more of it: "SMB 3.1.1, SMB 1".
void add_to(ServiceSeen& seen, ServiceSeen& more) {
  auto join = [](std::string& text, const std::string& other, const char* between) {
    if (!other.empty() && text != other) text += (text.empty() ? "" : between) + other;
  };
  if (seen.product.empty()) seen.product = std::move(more.product);
  join(seen.version, more.version, ", ");
  join(seen.evidence, more.evidence, "; ");
  if (seen.certificate_names.empty()) seen.certificate_names = std::move(more.certificate_names);
  if (!seen.certificate_expires) seen.certificate_expires = more.certificate_expires;
}

}  // namespace

Conversation::Conversation(Port port, Manner manner, std::chrono::milliseconds listen_time) {
  std::vector<const AppProbe*> usual = usual_probes(Protocol::tcp, port);
  std::vector<Turn> turns;
  // A greeting may take its time where one is expected (a mail server looks up our name first); where none is, half
  // the time is enough to notice a server that speaks first. Where the client speaks first we ask at once: a server
  // of another kind would greet us all the same.
  if (usual.empty()) turns.push_back({nullptr, listen_time / 2});
  for (const AppProbe* probe : usual) turns.push_back({probe, listen_time});
  if (manner == Manner::thorough) {
    for (std::string_view generic : {"http-get", "tls-client-hello"}) {
      const AppProbe* probe = find_app_probe(generic);
      if (std::find(usual.begin(), usual.end(), probe) == usual.end()) turns.push_back({probe, listen_time});
    }
    bool rpc = std::any_of(std::begin(kDynamicRpc), std::end(kDynamicRpc),
                           [&](const PortRange& r) { return r.contains(port); });
    if (rpc && usual.empty()) turns.push_back({find_app_probe("msrpc-bind"), listen_time});
  }
  turns_.assign(turns.rbegin(), turns.rend());
}

Conversation::Step Conversation::next() {
  Step step;
  if (turns_.empty() || settled_) {
    step.finished = true;
    return step;
  }
  Turn turn = turns_.back();
  turns_.pop_back();
  if (!usable_) {
    if (connections_ >= kConnectionsMax) {
      step.finished = true;
      return step;
    }
    ++connections_;
    step.fresh_connection = true;
    usable_ = true;
  }
  asked_ = turn.probe;
  history_.push_back(asked_);
  reply_.clear();
  step.wait = turn.wait;
  if (asked_ != nullptr && asked_->request != nullptr) {
    step.request = asked_->request();
    usable_ = false;  // whatever comes now, this connection has heard a question
  }
  return step;
}

bool Conversation::on_bytes(Bytes chunk) {
  std::size_t room = kReplyMax - reply_.size();
  reply_.insert(reply_.end(), chunk.begin(),
                chunk.begin() + static_cast<std::ptrdiff_t>(std::min(room, chunk.size())));
  Heard heard = recognise(reply_, asked_);
  if (heard.seen && heard.seen->name != kUnknownService && heard.complete) {
    end_step();
    return true;
  }
  if (reply_.size() >= kReplyMax) {
    end_step();
    return true;
  }
  return false;
}

void Conversation::on_closed() {
  end_step();
  usable_ = false;
}

void Conversation::end_step() {
  if (reply_.empty()) return;
  Heard heard = recognise(reply_, asked_);
  reply_.clear();
  usable_ = false;  // it has been spoken on
  if (!heard.seen) return;
  bool known = heard.seen->name != kUnknownService;
  if (known && seen_ && seen_->name == heard.seen->name)
    add_to(*seen_, *heard.seen);
  else if (known || !seen_)
    seen_ = std::move(heard.seen);  // the first unknown greeting is evidence until something is recognised
  const AppProbe* follow_up = heard.follow_up.empty() ? nullptr : find_app_probe(heard.follow_up);
  bool asked_before = std::find(history_.begin(), history_.end(), follow_up) != history_.end();
  if (follow_up != nullptr && !asked_before) {
    turns_.assign(1, {follow_up, kFollowUpTime});
    return;
  }
  // A server that greets first has said what it is, even if we do not know the language: nothing we could ask is
  // its.
  if (known || asked_ == nullptr || asked_->request == nullptr) settled_ = true;
}

}  // namespace demarc
