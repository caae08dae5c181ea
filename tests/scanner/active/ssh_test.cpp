#include "scanner/active/ssh.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>

using namespace demarc;

TEST_CASE("a command for another machine is made of words that no shell changes") {
  for (const char* good : {"demarc", "--vantage", "1-1024,U:53", "192.0.2.0/26", "2001:db8::1", "web1.front", "a@b",
                           "50%", "x=y", "a+b", "-"})
    CHECK(is_plain_word(good));
  for (const char* bad : {"",    " ",     "a b",  "$HOME", "`id`", "a;b",     "a|b", "a&b",        "a>b",
                          "a<b", "(a)",   "*",    "?",     "[a]",  "{a}",     "~",   "!x",         "#x",
                          "'a'", "\"a\"", "a\\b", "a\nb",  "a\tb", "\x1b[2J", "=ls", "caf\xc3\xa9"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_plain_word(bad));
    std::vector<std::string> words = {"demarc", bad};
    CHECK_FALSE(remote_command(words));
  }
  CHECK_FALSE(is_plain_word(std::string("a\0b", 3)));
  CHECK_FALSE(is_plain_word(std::string(5000, 'a')));
}

TEST_CASE("what the far side splits is what was joined") {
  rc::check([] {
    auto word =
        rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::elementOf(std::string("abcXYZ019._:/,@%+-"))));
    auto words = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(word));
    Result<std::string> command = remote_command(words);
    RC_ASSERT(command.has_value());
    Result<std::vector<std::string>> again = words_of_command(*command);
    RC_ASSERT(again.has_value());
    RC_ASSERT(*again == words);
  });
  for (const char* bad : {"", "a  b", " a", "a ", "a;b", "a\nb", "demarc scan --remote $(id)"}) {
    CAPTURE(bad);
    CHECK_FALSE(words_of_command(bad));
  }
}

TEST_CASE("ssh gets an argument vector in which nothing of the rule set can be an option") {
  Vantage::Ssh ssh;
  ssh.host = "scan@probe.example";
  std::vector<std::string> words = ssh_arguments(ssh, "demarc scan --remote");
  auto has = [&](std::string_view option) {
    auto at = std::find(words.begin(), words.end(), option);
    return at != words.begin() && at != words.end() && *(at - 1) == "-o";
  };
  for (const char* option :
       {"BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10", "ServerAliveInterval=5",
        "ServerAliveCountMax=3", "ForwardAgent=no", "PermitLocalCommand=no", "ClearAllForwardings=yes"}) {
    CAPTURE(option);
    CHECK(has(option));
  }
  REQUIRE(words.size() > 5);
  CHECK(words.front() == "ssh");
  CHECK(std::vector<std::string>(words.end() - 5, words.end()) ==
        std::vector<std::string>{"-p", "22", "--", "scan@probe.example", "demarc scan --remote"});
  CHECK_FALSE(has("IdentitiesOnly=yes"));
  CHECK(std::find(words.begin(), words.end(), "-J") == words.end());

  ssh.identity = "/etc/demarc/key";
  ssh.jump = "me@bastion";
  ssh.known_hosts = "/etc/demarc/known";
  ssh.port = 2222;
  words = ssh_arguments(ssh, "x");
  CHECK(has("IdentitiesOnly=yes"));
  CHECK(has("UserKnownHostsFile=/etc/demarc/known"));
  auto after = [&](std::string_view option) {
    auto at = std::find(words.begin(), words.end(), option);
    return at == words.end() || at + 1 == words.end() ? std::string() : *(at + 1);
  };
  CHECK(after("-i") == "/etc/demarc/key");
  CHECK(after("-J") == "me@bastion");
  CHECK(after("-p") == "2222");
}
