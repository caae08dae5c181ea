// Random lists as nftables and iptables, for the programs that load them: write_rules DIRECTORY COUNT.
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "tests/rules/acl/writers/random_list.h"

int main(int argc, char** argv) {
  using namespace demarc;
  if (argc != 3) return 2;
  const std::string directory = argv[1];
  const long count = std::strtol(argv[2], nullptr, 10);
  for (long n = 1; n <= count; ++n) {
    for (const Dialect dialect : {Dialect::nftables, Dialect::iptables}) {
      naive::Dice dice(static_cast<std::uint64_t>(n));
      round_trip::Traits traits{.dialect = dialect, .only_whole = true, .states = true};
      const IntendedList list = round_trip::random_list(dice, traits);
      for (const WrittenText& text : find_writer(dialect)->write(list).texts) {
        const std::string_view kind = dialect == Dialect::nftables  ? "nft"
                                      : text.family == Family::ipv4 ? "iptables"
                                                                    : "ip6tables";
        std::ofstream(fmt::format("{}/{}.{}", directory, n, kind)) << text.text;
      }
    }
  }
}
