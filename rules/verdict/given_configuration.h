// A configuration among the evidence, for those who only pass it on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace demarc {

struct Device;

/// A configuration that somebody gave.
struct GivenConfiguration {
  std::shared_ptr<const Device> device = {};
  std::string said = {};    // the device it is said to be ("NAME=FILE"); empty: to be found out
  std::string sha256 = {};  // of its text: the same one given twice is one
  std::uint64_t size = 0;   // of its text, in bytes
};

}  // namespace demarc
