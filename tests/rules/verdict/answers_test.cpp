#include "rules/verdict/answers.h"

#include <doctest/doctest.h>

namespace demarc {
namespace {

const Address kHost = *parse_address("192.0.2.11"), kRouter = *parse_address("203.0.113.1");

Outcome outcome(PortState state, Passage passage, Answer answer, std::optional<Address> by = {},
                std::int16_t ttl = -1, Protocol protocol = Protocol::tcp) {
  Outcome o;
  o.target = kHost;
  o.protocol = protocol;
  o.state = state;
  o.passage = passage;
  o.answer = answer;
  o.answered_by = by;
  o.ttl = ttl;
  return o;
}

std::string plain(const Address& a) { return to_string(a); }

TEST_CASE("what only a witness can have said") {
  using enum Passage;
  struct Row {
    const char* what;
    Outcome o;
    bool witnessed;
  };
  for (const Row& row : {
           Row{"silence", outcome(PortState::filtered, undetermined, Answer::silence), false},
           Row{"silence that arrived", outcome(PortState::filtered, passed, Answer::silence), true},
           Row{"silence that did not", outcome(PortState::open_or_filtered, blocked, Answer::silence), true},
           Row{"the host's own reset", outcome(PortState::closed, passed, Answer::rst, kHost), false},
           Row{"a filter's reset", outcome(PortState::filtered, blocked, Answer::rst), false},
           Row{"a nameless reset that arrived", outcome(PortState::closed, passed, Answer::rst), true},
           Row{"a reset for a probe that did not", outcome(PortState::closed, blocked, Answer::rst), true},
           Row{"the host's port unreachable",
               outcome(PortState::closed, passed, Answer::icmp_port_unreachable, kHost, -1, Protocol::udp), false},
           Row{"a router's port unreachable",
               outcome(PortState::filtered, blocked, Answer::icmp_port_unreachable, kRouter, -1, Protocol::udp),
               false},
           Row{"prohibited", outcome(PortState::filtered, blocked, Answer::icmp_admin_prohibited, kRouter), false},
           Row{"no such host, and it arrived",
               outcome(PortState::filtered, passed, Answer::icmp_host_unreachable, kRouter), true},
           Row{"open", outcome(PortState::open, passed, Answer::syn_ack, kHost), false},
           Row{"open, and it never arrived", outcome(PortState::open, blocked, Answer::syn_ack), true},
       }) {
    CAPTURE(row.what);
    CHECK(is_witnessed(row.o) == row.witnessed);
  }
}

TEST_CASE("the usual TTL is that of the host's own answers, of the same protocol first") {
  UsualTtls ttls;
  const auto open = [](std::int16_t ttl) {
    return outcome(PortState::open, Passage::passed, Answer::syn_ack, kHost, ttl);
  };
  CHECK(!ttls.of(0, kHost, Protocol::tcp));
  ttls.learn(0, open(63));
  ttls.learn(0, open(63));
  ttls.learn(0, open(127));
  ttls.learn(0, outcome(PortState::filtered, Passage::blocked, Answer::rst, {}, 64));
  ttls.learn(0, outcome(PortState::closed, Passage::undetermined, Answer::rst, {}, 64));
  ttls.learn(0, outcome(PortState::filtered, Passage::blocked, Answer::icmp_admin_prohibited, kRouter, 255));
  ttls.learn(0, open(-1));
  Outcome doubtful = open(200);
  doubtful.doubt = Doubt::answers_everything;
  for (int i = 0; i < 9; ++i) ttls.learn(0, doubtful);
  CHECK(ttls.of(0, kHost, Protocol::tcp) == 63);
  CHECK(ttls.of(0, kHost, Protocol::icmp) == 63);
  CHECK(!ttls.beside(0, kHost, Protocol::tcp));
  CHECK(!ttls.of(1, kHost, Protocol::tcp));
  ttls.learn(0, outcome(PortState::open, Passage::passed, Answer::reply, kHost, 253, Protocol::icmp));
  CHECK(ttls.of(0, kHost, Protocol::icmp) == 253);
  CHECK(ttls.of(0, kHost, Protocol::tcp) == 63);
  CHECK(ttls.beside(0, kHost, Protocol::tcp) == 253);
}

TEST_CASE("who refused, in words") {
  using enum Passage;
  CHECK(who_says_so(outcome(PortState::filtered, blocked, Answer::rst, {}, 64), 63, plain) ==
        "reset by a filter in between: its TTL is 64, the host's answers come with 63");
  CHECK(who_says_so(outcome(PortState::filtered, blocked, Answer::rst, kRouter), {}, plain) ==
        "reset by 203.0.113.1");
  CHECK(who_says_so(outcome(PortState::filtered, blocked, Answer::rst, {}, 63), 63, plain) ==
        "reset by a filter in between: its TTL is 63");
  CHECK(who_says_so(outcome(PortState::closed, passed, Answer::rst, kHost, 63), 63, plain).empty());
  CHECK(who_says_so(outcome(PortState::closed, undetermined, Answer::rst), {}, plain) ==
        "a reset whose sender cannot be told from a filter's");
  CHECK(who_says_so(outcome(PortState::filtered, undetermined, Answer::silence), {}, plain).empty());
  CHECK(who_says_so(outcome(PortState::filtered, blocked, Answer::icmp_admin_prohibited, kRouter), {}, plain) ==
        "refused by 203.0.113.1");
}

TEST_CASE("a note counts for the address it names, and for none that begins like it") {
  ScanRun run;
  run.notes = {"192.0.2.110: a SYN proxy answers in its place", "1192.0.2.11: a proxy", "192.0.2.11.5 a proxy",
               "192.0.2.11: not asked, its care is never"};
  CHECK(note_about_proxy(run, kHost).empty());
  run.notes.push_back("a tarpit answers at 192.0.2.11.");
  CHECK(note_about_proxy(run, kHost) == "a tarpit answers at 192.0.2.11.");
  run.notes = {"2001:db8::12: a SYN proxy"};
  CHECK(note_about_proxy(run, *parse_address("2001:db8::1")).empty());
  CHECK(!note_about_proxy(run, *parse_address("2001:db8::12")).empty());
}

}  // namespace
}  // namespace demarc
