// Runs a fuzz target without a fuzzer: every seed of a folder, every cut of it, and seeded mutations. So the
// compilers and sanitizers of the ordinary test run see the same code on the same hostile bytes.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kCutsMax = 1500;  // of one seed; longer seeds are cut at evenly spread places
constexpr std::size_t kMutationsPerSeed = 300;

void run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

std::string mutated(std::string bytes, const std::string& other, std::mt19937& random) {
  auto below = [&](std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(random()) % n; };
  std::size_t changes = 1 + below(4);
  for (std::size_t i = 0; i < changes; ++i) {
    switch (below(5)) {
      case 0:
        if (!bytes.empty()) bytes[below(bytes.size())] = static_cast<char>(random());
        break;
      case 1:
        if (!bytes.empty()) bytes[below(bytes.size())] ^= static_cast<char>(1U << below(8));
        break;
      case 2: bytes.insert(below(bytes.size() + 1), 1 + below(8), static_cast<char>(random())); break;
      case 3:
        if (!bytes.empty()) bytes.erase(below(bytes.size()), 1 + below(16));
        break;
      default:
        if (!other.empty()) {
          std::size_t from = below(other.size());
          bytes.insert(below(bytes.size() + 1), other.substr(from, 1 + below(64)));
        }
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: {} FOLDER-OF-SEEDS\n", argv[0]);
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> seeds;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  if (seeds.empty()) {
    fmt::print(stderr, "{} holds no seeds: nothing was tested\n", argv[1]);
    return 1;
  }
  std::mt19937 random(2004);
  std::size_t executions = 0;
  run({});
  for (const std::string& seed : seeds) {
    run(seed);
    std::size_t step = std::max<std::size_t>(1, seed.size() / kCutsMax);
    for (std::size_t n = 0; n < seed.size(); n += step, ++executions) run(seed.substr(0, n));
    for (std::size_t i = 0; i < kMutationsPerSeed; ++i, ++executions)
      run(mutated(seed, seeds[i % seeds.size()], random));
  }
  fmt::print("{} seeds, {} executions\n", seeds.size(), executions);
  return 0;
}
