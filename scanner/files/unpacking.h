// gzip and zstd, streamed: packed bytes in, plain bytes out, in whatever pieces come. No threads and no files, so
// that tests and fuzzing see all of it. open_source.h is what readers call.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "scanner/files/byte_source.h"
#include "scanner/files/open_source.h"

namespace demarc {

/// The state of one packed stream, several members or frames after one another.
class Unpacker {
 public:
  virtual ~Unpacker() = default;
  /// Takes from the front of `in`, fills from the front of `out`, and moves both on. False: the data is damaged,
  /// and problem() says how. What comes out before that, and where the damage is, does not depend on the pieces
  /// that either is given in.
  virtual bool step(Bytes& in, std::span<std::uint8_t>& out) = 0;
  /// True between members: here the file may end.
  virtual bool at_boundary() const = 0;
  /// How many of the bytes taken belong to a part that is not whole yet, or turned out to be damaged.
  virtual std::size_t undigested() const = 0;
  virtual std::string problem() const = 0;
};
std::unique_ptr<Unpacker> make_gzip_unpacker();
std::unique_ptr<Unpacker> make_zstd_unpacker();

/// Reads packed bytes from a source and gives plain ones.
class UnpackingSource : public ByteSource {
 public:
  UnpackingSource(std::unique_ptr<ByteSource> packed, std::unique_ptr<Unpacker> unpacker,
                  const UnpackLimits& limits);
  std::size_t read(std::span<std::uint8_t> into) override;
  std::string problem() const override { return problem_; }
  std::optional<std::uint64_t> bytes_of_file() const override { return taken_; }

 private:
  std::size_t unpack_some(std::span<std::uint8_t> into);
  std::unique_ptr<ByteSource> packed_;
  std::unique_ptr<Unpacker> unpacker_;
  UnpackLimits limits_;
  std::vector<std::uint8_t> piece_;
  std::size_t last_read_ = 0;
  Bytes waiting_;                        // of piece_, not yet unpacked
  std::uint64_t taken_ = 0, given_ = 0;  // packed bytes unpacked, plain bytes given
  bool first_ = true, input_ended_ = false, done_ = false;
  std::string problem_, found_;  // found_: to be told with the next read, which gives 0
};

}  // namespace demarc
