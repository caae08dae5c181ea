#include "scanner/app/remote_words.h"

#include <doctest/doctest.h>

using namespace demarc;
using Words = std::vector<std::string>;

TEST_CASE("each vantage point gets what was asked of all, and nothing about this machine") {
  std::vector<GivenOption> given = {{"--all", {"true"}},         {"--rules", {"my rules.yaml"}},
                                    {"--output", {"out dir/"}},  {"--rate", {"500"}},
                                    {"--no-services", {"true"}}, {"--exclude", {"192.0.2.1", "192.0.2.2"}},
                                    {"", {"web1", "web2.back"}}, {"--ports", {"22,U:53"}}};
  Result<Words> words = forwarded_words(given);
  REQUIRE(words);
  CHECK(*words == Words{"--rate", "500", "--no-services", "--exclude", "192.0.2.1", "--exclude", "192.0.2.2",
                        "--ports", "22,U:53", "web1", "web2.back"});
  given = {{"--interface", {"eth0"}}};
  CHECK(forwarded_words(given).error().what == "--interface cannot be given to all vantage points at once");
  given = {{"", {"$(id)"}}};
  CHECK_FALSE(forwarded_words(given));
}

TEST_CASE("behind a forced command only a remote scan is possible") {
  const Words own = {"scan", "--remote", "--scope-limit", "/etc/demarc/scope", "--vantage", "outside"};
  const std::string good = "demarc scan --remote --rules - --vantage outside --concurrent 2";
  Result<Words> words = forced_words(own, good + " --rate 100 --no-services web1");
  REQUIRE(words);
  CHECK(*words == Words{"scan", "--remote", "--scope-limit", "/etc/demarc/scope", "--vantage", "outside", "--rules",
                        "-", "--concurrent", "2", "--rate", "100", "--no-services", "web1"});
  for (const char* bad : {"",
                          "id",
                          "demarc",
                          "demarc scan",
                          "demarc verify --remote",
                          "demarc scan --rules - --remote",
                          "sh -c demarc",
                          "/bin/demarc scan --remote",
                          "demarc scan --remote; id",
                          "demarc scan --remote $(id)",
                          "demarc scan --remote\nid",
                          "demarc scan --remote --rules /etc/shadow",
                          "demarc scan --remote --rules",
                          "demarc scan --remote --output /etc/cron.d/x",
                          "demarc scan --remote -o /etc/cron.d/x",
                          "demarc scan --remote --output=/etc/cron.d/x",
                          "demarc scan --remote --resume /etc/passwd",
                          "demarc scan --remote --target-list /etc/passwd",
                          "demarc scan --remote --scope 10.0.0.0/8",
                          "demarc scan --remote --scope-limit /dev/null",
                          "demarc scan --remote --all",
                          "demarc scan --remote --vantage inside",
                          "demarc scan --remote --vantage --all",
                          "demarc scan --remote --rate --scope-limit",
                          "demarc scan --remote -iL /etc/passwd",
                          "demarc scan --remote -R /etc/passwd"}) {
    CAPTURE(bad);
    Result<Words> refused = forced_words(own, bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what.starts_with("refused: "));
  }
}
