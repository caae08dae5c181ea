#include "rules/verdict/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace demarc {

namespace {

/// The target's own answer, proven so: its TTL is the host's.
bool is_own_answer(const Outcome& o) {
  if (o.answer == Answer::syn_ack || o.answer == Answer::reply) return is_proven_open(o);
  return o.passage == Passage::passed && o.answered_by && *o.answered_by == o.target;
}

bool may_belong_to_address(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// The address stands there as a whole, not as a part of a longer one.
bool mentions(std::string_view text, std::string_view address) {
  for (std::size_t at = text.find(address); at != std::string_view::npos; at = text.find(address, at + 1)) {
    const std::string_view before = text.substr(0, at), after = text.substr(at + address.size());
    const bool begins =
        before.empty() || (!may_belong_to_address(before.back()) && before.back() != '.' && before.back() != ':');
    const bool goes_on =
        !after.empty() &&
        (may_belong_to_address(after.front()) ||
         ((after.front() == '.' || after.front() == ':') && after.size() > 1 && may_belong_to_address(after[1])));
    if (begins && !goes_on) return true;
  }
  return false;
}

}  // namespace

bool is_proven_open(const Outcome& o) {
  // Blocked and open at once: a witness says that the probe never arrived, so somebody else answered it.
  return o.state == PortState::open && o.passage != Passage::blocked &&
         (o.doubt == Doubt::none || o.doubt == Doubt::no_canary);
}

bool is_witnessed(const Outcome& o) {
  if (o.passage == Passage::undetermined) return false;
  if (o.witness != kNoWitness) return true;
  switch (o.answer) {
    case Answer::syn_ack:
    case Answer::reply: return o.passage == Passage::blocked;
    // A reset that passed has its sender's name; one that a filter sent makes the port filtered.
    case Answer::rst: return o.passage == Passage::passed ? !o.answered_by : o.state == PortState::closed;
    case Answer::icmp_protocol_unreachable:
    case Answer::icmp_port_unreachable:
      return o.passage == Passage::passed ? !(o.answered_by && *o.answered_by == o.target)
                                          : o.state == PortState::closed;
    case Answer::icmp_network_prohibited:
    case Answer::icmp_host_prohibited:
    case Answer::icmp_admin_prohibited: return o.passage == Passage::passed;
    default: return true;  // silence, and routers' troubles: neither says whether a filter let it by
  }
}

bool is_mute(const Outcome& o) {
  return o.protocol == Protocol::udp && o.answer == Answer::silence && o.passage == Passage::undetermined;
}

void UsualTtls::learn(std::uint32_t place, const Outcome& o) {
  if (o.ttl < 0 || !is_own_answer(o)) return;
  std::vector<Count>& counts = counts_[{place, o.target}];
  const auto ttl = static_cast<std::uint8_t>(o.ttl);
  const auto known = std::find_if(counts.begin(), counts.end(),
                                  [&](const Count& c) { return c.protocol == o.protocol && c.ttl == ttl; });
  if (known != counts.end())
    ++known->times;
  else
    counts.push_back({o.protocol, ttl, 1});
}

std::optional<std::uint8_t> UsualTtls::most(const Key& key, const std::function<bool(Protocol)>& wanted) const {
  const auto found = counts_.find(key);
  if (found == counts_.end()) return std::nullopt;
  std::map<std::uint8_t, std::uint32_t> times;
  for (const Count& c : found->second)
    if (wanted(c.protocol)) times[c.ttl] += c.times;
  const auto best = std::max_element(times.begin(), times.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return best == times.end() ? std::nullopt : std::optional(best->first);
}

std::optional<std::uint8_t> UsualTtls::of(std::uint32_t place, const Address& target, Protocol protocol) const {
  if (const auto same = most({place, target}, [&](Protocol p) { return p == protocol; })) return same;
  return beside(place, target, protocol);
}

std::optional<std::uint8_t> UsualTtls::beside(std::uint32_t place, const Address& target, Protocol protocol) const {
  return most({place, target}, [&](Protocol p) { return p != protocol; });
}

std::string who_says_so(const Outcome& o, std::optional<std::uint8_t> usual_ttl, const AddressNamer& name_of,
                        std::string_view witness_at) {
  if (is_witnessed(o) && !is_proven_open(o)) {
    const std::string at = witness_at.empty() ? "" : fmt::format(" at {}", witness_at);
    if (o.passage == Passage::passed)
      return fmt::format("{} witness{} saw the probe arrive", at.empty() ? "a" : "the", at);
    const std::string missed = fmt::format("the probe did not reach the witness{}", at);
    return o.answer == Answer::silence ? missed : missed + ", somebody else answered it";
  }
  if (o.answer == Answer::rst) {
    if (o.passage == Passage::undetermined) return "a reset whose sender cannot be told from a filter's";
    if (o.passage != Passage::blocked) return {};
    std::string text =
        o.answered_by ? fmt::format("reset by {}", name_of(*o.answered_by)) : "reset by a filter in between";
    if (o.ttl >= 0 && usual_ttl && o.ttl != *usual_ttl)
      text += fmt::format(": its TTL is {}, the host's answers come with {}", o.ttl, *usual_ttl);
    else if (o.ttl >= 0)
      text += fmt::format(": its TTL is {}", o.ttl);
    return text;
  }
  if (o.passage == Passage::blocked)
    return fmt::format("refused by {}", o.answered_by ? name_of(*o.answered_by) : "an ICMP error");
  return {};
}

const WitnessRun* witness_of(const Snapshot& snapshot, const Outcome& o) {
  return o.witness < snapshot.witnesses.size() ? &snapshot.witnesses[o.witness] : nullptr;
}

std::string_view witness_place(const Snapshot& snapshot, const Outcome& o) {
  const WitnessRun* witness = witness_of(snapshot, o);
  return witness == nullptr ? std::string_view() : std::string_view(witness->header.at);
}

std::string where_it_stops(const Outcome& o, const AddressNamer& name_of) {
  if (o.stops_at_hop == 0) return {};
  return fmt::format("stops at hop {}{}", o.stops_at_hop, o.last_hop ? ", after " + name_of(*o.last_hop) : "");
}

std::string note_about_proxy(const ScanRun& run, const Address& target) {
  const std::string address = to_string(target);
  std::string smallest;
  for (const std::string& note : run.notes) {
    if (note.find("proxy") == std::string::npos && note.find("tarpit") == std::string::npos) continue;
    if (mentions(note, address) && (smallest.empty() || note < smallest)) smallest = note;
  }
  return smallest;
}

}  // namespace demarc
