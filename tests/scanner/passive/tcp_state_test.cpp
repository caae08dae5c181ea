#include "scanner/passive/tcp_state.h"

#include <doctest/doctest.h>

#include <string>

#include "probes/wire/decode.h"

namespace demarc {

namespace {
// S SYN, H SYN-ACK, A ACK, D data, F FIN, R RST; capitals from the initiator.
TcpState after(std::string_view history) {
  TcpState state;
  for (const char step : history) {
    const int from = step >= 'a' ? 1 : 0;
    const char what = from == 1 ? static_cast<char>(step - 'a' + 'A') : step;
    std::uint8_t flags = tcp_flag::ack;
    if (what == 'S') flags = tcp_flag::syn;
    if (what == 'H') flags = tcp_flag::syn | tcp_flag::ack;
    if (what == 'F') flags = tcp_flag::fin | tcp_flag::ack;
    if (what == 'R') flags = tcp_flag::rst;
    state.on_segment(from, flags, what == 'D');
  }
  return state;
}
}  // namespace

TEST_CASE("Zeek's connection states, one scenario and more for each") {
  struct Row {
    const char* history;
    ConnState state;
    const char* meaning;
  };
  for (const Row& row : {
           Row{"S", ConnState::S0, "attempt, no reply"},
           Row{"SSS", ConnState::S0, "retransmitted attempts"},
           Row{"Sa", ConnState::S0, "an early ACK is not yet a reply"},
           Row{"SA", ConnState::S0, "one-sided capture: the initiator alone"},
           Row{"Sh", ConnState::S1, "answered"},
           Row{"ShADd", ConnState::S1, "established, not finished"},
           Row{"Ss", ConnState::S1, "simultaneous open"},
           Row{"ShADdFf", ConnState::SF, "normal end"},
           Row{"ShADdfF", ConnState::SF, "normal end, responder first"},
           Row{"ShADdFfR", ConnState::SF, "a reset behind both FINs changes nothing"},
           Row{"Sr", ConnState::REJ, "refused"},
           Row{"SrSr", ConnState::REJ, "refused twice"},
           Row{"ShADF", ConnState::S2, "only the initiator closed"},
           Row{"ShADFd", ConnState::S2, "half closed, data goes on"},
           Row{"ShADf", ConnState::S3, "only the responder closed"},
           Row{"ShADR", ConnState::RSTO, "the initiator aborted"},
           Row{"ShR", ConnState::RSTO, "a half-open scan of an open port"},
           Row{"ShADFR", ConnState::RSTO, "FIN, then RST, before the other's FIN"},
           Row{"ShADr", ConnState::RSTR, "the responder aborted"},
           Row{"ShADFr", ConnState::RSTR, "FIN answered by RST"},
           Row{"SR", ConnState::RSTOS0, "SYN, then RST, no SYN-ACK"},
           Row{"hr", ConnState::RSTRH, "SYN-ACK, then RST, never a SYN"},
           Row{"SF", ConnState::SH, "SYN, then FIN, no SYN-ACK"},
           Row{"SADF", ConnState::SH, "one-sided capture: a whole conversation of the initiator"},
           Row{"hf", ConnState::SHR, "SYN-ACK, then FIN, never a SYN"},
           Row{"hadf", ConnState::SHR, "one-sided capture: a whole conversation of the responder"},
           Row{"h", ConnState::OTH, "a SYN-ACK alone"},
           Row{"hA", ConnState::S1, "only the SYN was missed"},
           Row{"Dd", ConnState::OTH, "mid-stream"},
           Row{"D", ConnState::OTH, "mid-stream, one side"},
           Row{"DdFf", ConnState::SF, "mid-stream, then closed by both"},
           Row{"DdF", ConnState::SH, "mid-stream, then closed by one"},
           Row{"Ddf", ConnState::SHR, "mid-stream, then closed by the other"},
           Row{"Ddr", ConnState::RSTRH, "mid-stream, then reset by the responder"},
           Row{"DdR", ConnState::OTH, "mid-stream, then reset by the initiator"},
           Row{"R", ConnState::OTH, "a lone reset"},
           Row{"SAR", ConnState::OTH, "the initiator acknowledged what we did not see"},
           Row{"hR", ConnState::RSTO, "a SYN-ACK that its receiver never asked for"},
       }) {
    CAPTURE(row.history);
    CAPTURE(row.meaning);
    CHECK(name(conn_state(after(row.history))) == name(row.state));
  }
}

TEST_CASE("over is what closed on both sides or was reset") {
  for (const char* history : {"Sr", "SR", "ShADdFf", "ShADr"}) CHECK(after(history).over());
  for (const char* history : {"S", "Sh", "ShADd", "ShADF"}) CHECK_FALSE(after(history).over());
}

TEST_CASE("taking part is more than answering") {
  for (const char* history : {"ShA", "ShADd", "Dd", "hA", "Aa"}) CHECK(after(history).shook_hands_or_both_talked());
  for (const char* history : {"S", "Sh", "ShR", "Sr", "D", "SA", "h"})
    CHECK_FALSE(after(history).shook_hands_or_both_talked());
}

TEST_CASE("swapping the ends swaps what they did") {
  TcpState state = after("Ddf");
  state.swap_ends();
  CHECK(conn_state(state) == ConnState::SH);
}

}  // namespace demarc
