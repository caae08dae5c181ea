// The privileged program, as demarc would start it and as nobody should.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstring>

#include "probes/wire/craft.h"
#include "scanner/active/raw/capabilities.h"
#include "scanner/active/raw/privilege.h"
#include "scanner/active/raw/sender_client.h"
#include "tests/scanner/active/raw/two_networks.h"

using namespace demarc;
using namespace demarc::test;

namespace {

const std::string kSender = DEMARC_SENDER;

ChannelOptions options_for(const std::string& name, std::vector<Address> addresses) {
  ChannelOptions options;
  options.interface = TwoNetworks::interface(name);
  options.filter = {std::move(addresses), {Port{40000}, Port{40063}}, {Port{50000}, Port{50015}}};
  options.ring_bytes = std::size_t{1} << 20;
  return options;
}

/// Sends a SYN to a closed port and waits for the reset.
bool asks_and_hears(Channel& channel, const Address& from, const Address& at, const LinkAddress& to) {
  TcpCraft syn;
  syn.source_port = 40000;
  syn.port = 9;
  syn.flags = 0x02;
  Frame packet = craft_tcp(from, at, syn);
  std::copy(packet.begin(), packet.end(), channel.room().begin());
  channel.commit(packet.size(), to);
  if (channel.flush().sent != 1) return false;
  for (int i = 0; i < 100; ++i) {
    bool reset = false;
    pollfd wait{channel.poll_fd(), POLLIN, 0};
    poll(&wait, 1, 10);
    channel.receive([&](const Received& r) { reset |= !r.arp && r.packet[0] == 0x45 && (r.packet[33] & 4) != 0; });
    if (reset) return true;
  }
  return false;
}

/// What it answers to these arguments, started by hand.
std::string answer_to(const std::vector<std::string>& words) {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 0);
    std::vector<char*> arguments = {const_cast<char*>(kSender.c_str())};
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    execv(kSender.c_str(), arguments.data());
    _exit(99);
  }
  close(ends[1]);
  char text[1024];
  ssize_t size = recv(ends[0], text, sizeof text, 0);
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return std::string(text, size > 0 ? static_cast<std::size_t>(size) : 0);
}

}  // namespace

TEST_CASE("the sender opens a channel, and its user needs no privilege") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  CHECK(check_sender(kSender).has_value());
  LinkAddress to;
  lab.at_far([&] { to = TwoNetworks::interface("far").address; });
  RawAbility ability{RawPrivilege::sender, "", kSender};
  Channel channel = open_channel(options_for("near", {kNear}), ability).value();
  // From here on without any: the ring is set up and used by whoever adopts it.
  CHECK(asks_and_hears(channel, kNear, kFar, to));
  Address own = *parse_address("127.0.0.1");
  Channel loopback = open_channel(options_for("lo", {own}), ability).value();
  CHECK(asks_and_hears(loopback, own, own, {}));
  // No address: ours, and not everybody's.
  Channel all = open_channel(options_for("near", {}), ability).value();
  CHECK(asks_and_hears(all, kNear, kFar, to));
}

TEST_CASE("a file capability is all it takes") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  // A copy with the capability, started by a process without any.
  char directory[] = "/tmp/demarc-test-XXXXXX";
  REQUIRE(mkdtemp(directory) != nullptr);
  std::string copy = std::string(directory) + "/demarc-sender";
  REQUIRE(run(fmt::format("cp {} {} && chmod 755 {} {}", kSender, copy, copy, directory)));
  bool able = run("setcap cap_net_raw+ep " + copy);
  ChannelOptions options = options_for("near", {kNear});
  LinkAddress to;
  lab.at_far([&] { to = TwoNetworks::interface("far").address; });
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Somebody with no privilege: not root, so that starting a program gives nothing back.
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(50);
    if (capabilities_left() != 0) _exit(51);
    if (Channel::open(options)) _exit(52);
    if (check_sender(kSender)) _exit(53);  // the one without the capability cannot
    Result<Channel> channel = open_channel(options, {RawPrivilege::sender, "", copy});
    if (!channel) _exit(54);
    _exit(asks_and_hears(*channel, kNear, kFar, to) ? 0 : 55);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  run(fmt::format("rm -r {}", directory));
  if (!able)
    MESSAGE("SKIPPED: files cannot be given capabilities here");
  else
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("the sender refuses what is not exactly a request") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  std::string index = fmt::format("{}", TwoNetworks::interface("near").index);
  struct Row {
    std::vector<std::string> words;
    const char* answer;
  };
  for (const Row& row : {
           Row{{}, "nothing was asked for"},
           Row{{"sh"}, "unknown command"},
           Row{{"check", "more"}, "unknown command"},
           Row{{"open"}, "wrong number of arguments"},
           Row{{"open", index, "1-2", "3-4"}, "wrong number of arguments"},
           Row{{"open", "near", "1-2", "3-4", "bypass"}, "the interface is not a number"},
           Row{{"open", "-1", "1-2", "3-4", "bypass"}, "the interface is not a number"},
           Row{{"open", "99999999999999999999", "1-2", "3-4", "bypass"}, "the interface is not a number"},
           Row{{"open", "99999", "1-2", "3-4", "bypass"}, "there is no interface number 99999"},
           Row{{"open", index, "1-2", "3-4", "faster"}, "neither 'bypass' nor 'queue'"},
           Row{{"open", index, "1-2", "3-4", "queue", "near"}, "an argument is not an address"},
           Row{{"open", index, "1-2", "3-4", "queue", "192.0.2.1", "192.0.2.2"},
               "an address is not one of this machine"},
       }) {
    CHECK(answer_to(row.words) == row.answer);
  }
  CHECK(answer_to({"open", index, "1-99999", "3-4", "queue"}).find("99999") != std::string::npos);
  CHECK(answer_to({"check"}) == "ok");
  CHECK(answer_to({"open", index, "1-2", "3-4", "queue", "192.0.2.1"}) == "ok");
  // Without the socket that demarc gives it, it only says what it is.
  CHECK(WEXITSTATUS(std::system((kSender + " check </dev/null 2>/dev/null").c_str())) == 2);
}

TEST_CASE("a program that is no sender is told from one") {
  CHECK(check_sender("/no/such/program").error().what ==
        "cannot start /no/such/program: No such file or directory");
  CHECK(check_sender("/bin/true").error().what == "/bin/true: it ended without an answer");
}
