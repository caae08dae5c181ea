#include "rules/evidence/outcome.h"

#include <doctest/doctest.h>

using namespace demarc;

TEST_CASE("every name reads back as itself") {
  for (int i = 0; i <= static_cast<int>(Answer::local_refusal); ++i)
    CHECK(parse_answer(name(static_cast<Answer>(i))) == static_cast<Answer>(i));
  for (int i = 0; i <= static_cast<int>(Doubt::no_canary); ++i)
    CHECK(parse_doubt(name(static_cast<Doubt>(i))) == static_cast<Doubt>(i));
  for (int i = 0; i <= static_cast<int>(ScanEnd::vantage_lost); ++i)
    CHECK(parse_scan_end(name(static_cast<ScanEnd>(i))) == static_cast<ScanEnd>(i));
  for (int i = 0; i <= static_cast<int>(PortState::unfiltered); ++i)
    CHECK(parse_port_state(name(static_cast<PortState>(i))) == static_cast<PortState>(i));
  CHECK_FALSE(parse_answer("syn"));
}

TEST_CASE("ICMP errors by what they say, in both families") {
  struct Row {
    Family family;
    std::uint8_t type, code;
    Answer answer;
  };
  for (const Row& row :
       {Row{Family::ipv4, 3, 3, Answer::icmp_port_unreachable},
        Row{Family::ipv6, 1, 4, Answer::icmp_port_unreachable},
        Row{Family::ipv4, 3, 13, Answer::icmp_admin_prohibited},
        Row{Family::ipv6, 1, 1, Answer::icmp_admin_prohibited},
        Row{Family::ipv6, 1, 5, Answer::icmp_admin_prohibited},
        Row{Family::ipv4, 3, 10, Answer::icmp_host_prohibited},
        Row{Family::ipv4, 3, 1, Answer::icmp_host_unreachable},
        Row{Family::ipv6, 1, 3, Answer::icmp_host_unreachable},
        Row{Family::ipv4, 3, 4, Answer::icmp_packet_too_big}, Row{Family::ipv6, 2, 0, Answer::icmp_packet_too_big},
        Row{Family::ipv4, 11, 0, Answer::icmp_time_exceeded}, Row{Family::ipv4, 3, 99, Answer::icmp_other}}) {
    CHECK(icmp_answer(row.family, row.type, row.code) == row.answer);
  }
}
