#include "rules/evidence/outcome.h"

#include <array>

namespace demarc {

namespace {

// The rows stand in the order of the enumerations.
constexpr std::array<std::string_view, 5> kStates{"open", "closed", "filtered", "open|filtered", "unfiltered"};
constexpr std::array<std::string_view, 3> kPassages{"passed", "blocked", "undetermined"};
constexpr std::array<std::string_view, 17> kAnswers{"syn-ack",
                                                    "rst",
                                                    "reply",
                                                    "silence",
                                                    "icmp-network-unreachable",
                                                    "icmp-host-unreachable",
                                                    "icmp-protocol-unreachable",
                                                    "icmp-port-unreachable",
                                                    "icmp-network-prohibited",
                                                    "icmp-host-prohibited",
                                                    "icmp-admin-prohibited",
                                                    "icmp-time-exceeded",
                                                    "icmp-parameter-problem",
                                                    "icmp-packet-too-big",
                                                    "icmp-other",
                                                    "no-neighbour",
                                                    "local-refusal"};
static_assert(kAnswers.size() == static_cast<std::size_t>(Answer::local_refusal) + 1);
constexpr std::array<std::string_view, 7> kDoubts{
    "", "icmp-rate-limited", "self-connect", "answers-disagree", "answers-everything", "canary-lost", "no-canary"};
static_assert(kDoubts.size() == static_cast<std::size_t>(Doubt::no_canary) + 1);
constexpr std::array<std::string_view, 6> kEnds{"complete",        "interrupted", "window-closed",
                                                "runtime-reached", "canary-lost", "vantage-lost"};
static_assert(kEnds.size() == static_cast<std::size_t>(ScanEnd::vantage_lost) + 1);

template <typename Enum, std::size_t N>
std::optional<Enum> find(const std::array<std::string_view, N>& names, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == text) return static_cast<Enum>(i);
  return std::nullopt;
}

}  // namespace

std::string_view name(PortState state) { return kStates[static_cast<std::size_t>(state)]; }
std::string_view name(Passage passage) { return kPassages[static_cast<std::size_t>(passage)]; }
std::string_view name(Answer answer) { return kAnswers[static_cast<std::size_t>(answer)]; }
std::string_view name(Doubt doubt) { return kDoubts[static_cast<std::size_t>(doubt)]; }
std::string_view name(ScanEnd end) { return kEnds[static_cast<std::size_t>(end)]; }
std::optional<PortState> parse_port_state(std::string_view text) { return find<PortState>(kStates, text); }
std::optional<Passage> parse_passage(std::string_view text) { return find<Passage>(kPassages, text); }
std::optional<Answer> parse_answer(std::string_view text) { return find<Answer>(kAnswers, text); }
std::optional<Doubt> parse_doubt(std::string_view text) { return find<Doubt>(kDoubts, text); }
std::optional<ScanEnd> parse_scan_end(std::string_view text) { return find<ScanEnd>(kEnds, text); }

Answer icmp_answer(Family family, std::uint8_t type, std::uint8_t code) {
  if (family == Family::ipv6) {  // RFC 4443 §3
    switch (type) {
      case 1:
        switch (code) {
          case 0: return Answer::icmp_network_unreachable;
          case 1:
          case 5:
          case 6: return Answer::icmp_admin_prohibited;
          case 4: return Answer::icmp_port_unreachable;
          default: return Answer::icmp_host_unreachable;
        }
      case 2: return Answer::icmp_packet_too_big;
      case 3: return Answer::icmp_time_exceeded;
      case 4:
        return code == 1 ? Answer::icmp_protocol_unreachable
                         : Answer::icmp_parameter_problem;  // unrecognized next header
      default: return Answer::icmp_other;
    }
  }
  switch (type) {  // RFC 792, RFC 1812 §5.2.7.1
    case 3:
      switch (code) {
        case 0:
        case 6:
        case 11: return Answer::icmp_network_unreachable;
        case 1:
        case 5:
        case 7:
        case 8:
        case 12: return Answer::icmp_host_unreachable;
        case 2: return Answer::icmp_protocol_unreachable;
        case 3: return Answer::icmp_port_unreachable;
        case 4: return Answer::icmp_packet_too_big;
        case 9: return Answer::icmp_network_prohibited;
        case 10: return Answer::icmp_host_prohibited;
        case 13:
        case 14:
        case 15: return Answer::icmp_admin_prohibited;
        default: return Answer::icmp_other;
      }
    case 11: return Answer::icmp_time_exceeded;
    case 12: return Answer::icmp_parameter_problem;
    default: return Answer::icmp_other;
  }
}

}  // namespace demarc
