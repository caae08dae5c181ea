#include <fmt/format.h>

#include <fstream>

#include "tests/probes/app/replies.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (const demarc::test::NamedReply& reply : demarc::test::named_replies()) {
    std::ofstream out(std::string(argv[1]) + "/" + reply.name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(reply.bytes.data()), static_cast<std::streamsize>(reply.bytes.size()));
    if (!out) return 1;
  }
  fmt::print("{} seeds\n", demarc::test::named_replies().size());
  return 0;
}
