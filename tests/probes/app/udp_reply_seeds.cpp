#include <fmt/format.h>

#include <fstream>

#include "tests/probes/app/udp_replies.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::vector<demarc::test::UdpReply> replies = demarc::test::udp_replies();
  for (const demarc::test::UdpReply& reply : replies) {
    std::ofstream out(std::string(argv[1]) + "/" + reply.name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(reply.bytes.data()), static_cast<std::streamsize>(reply.bytes.size()));
    if (!out) return 1;
  }
  fmt::print("{} seeds\n", replies.size());
  return 0;
}
