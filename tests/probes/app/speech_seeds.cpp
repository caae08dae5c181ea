// Writes the seeds of two fuzz targets: speech_seeds tests/fuzz/corpus
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "tests/probes/app/overheard_words.h"

int main(int argc, char** argv) {
  using namespace demarc::test;
  if (argc != 2) return 2;
  const auto write = [&](std::string_view folder, std::string_view name, const demarc::ByteString& bytes) {
    const std::filesystem::path path = std::filesystem::path(argv[1]) / folder;
    std::filesystem::create_directories(path);
    std::ofstream out(path / name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return out.good();
  };
  bool good = true;
  for (const NamedSpeech& speech : named_announcements())
    good = write("announced", speech.name, speech.bytes) && good;
  for (const auto& word : client_words()) good = write("speech", "client-" + word.name, word.bytes) && good;
  for (const auto& word : server_words()) good = write("speech", "server-" + word.name, word.bytes) && good;
  fmt::print("{}\n", good ? "written" : "not all were written");
  return good ? 0 : 1;
}
