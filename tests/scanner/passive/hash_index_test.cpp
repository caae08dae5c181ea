#include "scanner/passive/hash_index.h"

#include <doctest/doctest.h>

#include <map>
#include <random>

namespace demarc {

TEST_CASE_TEMPLATE("the index agrees with a map under insertions and erasures", Index, HashIndex,
                   BasicHashIndex<VectorSlots>) {
  std::mt19937 random(7);
  Index index;
  std::map<std::uint32_t, std::uint32_t> judge;  // number -> hash
  std::uint32_t next = 0;
  for (int step = 0; step < 60'000; ++step) {
    const bool crowded = judge.size() > 3000;
    if (judge.empty() || (!crowded && random() % 3 != 0)) {
      const std::uint32_t hash = static_cast<std::uint32_t>(random()) % 500;  // collisions on purpose
      index.insert(hash, next);
      judge[next++] = hash;
    } else {
      auto it = judge.lower_bound(static_cast<std::uint32_t>(random()) % next);
      if (it == judge.end()) it = judge.begin();
      index.erase(it->second, it->first);
      judge.erase(it);
    }
  }
  CHECK(index.size() == judge.size());
  for (std::uint32_t number = 0; number < next; ++number) {
    const auto it = judge.find(number);
    const std::uint32_t hash = it == judge.end() ? number % 500 : it->second;
    const std::uint32_t found = index.find(hash, [&](std::uint32_t n) { return n == number; });
    REQUIRE((found == number) == (it != judge.end()));
  }
}

TEST_CASE("another key, another hash") {
  const KeyedHash one(1), two(2);
  int same = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) same += one(i, 2, 3, 4, 5) == two(i, 2, 3, 4, 5) ? 1 : 0;
  CHECK(same < 3);
  CHECK(one(1, 2, 3, 4, 5) == KeyedHash(1)(1, 2, 3, 4, 5));
}

}  // namespace demarc
