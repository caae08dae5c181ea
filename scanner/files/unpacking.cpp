// Both libraries take pieces and give pieces. What is decided here is what they leave open: what may stand between
// and behind members, how much memory a frame may ask for, and how much may come out.
#include "scanner/files/unpacking.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <limits>
#include <new>

namespace demarc {

namespace {

constexpr std::size_t kPackedPiece = std::size_t{256} << 10;
// A first look costs no more than this, whatever room it offers.
constexpr std::size_t kFirstPiece = std::size_t{64} << 10;

class GzipUnpacker : public Unpacker {
 public:
  GzipUnpacker() {
    // 15 bits of window (32 KiB, all there is), + 16: a gzip header and its checksum, not zlib's (RFC 1952).
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw std::bad_alloc();
  }
  GzipUnpacker(const GzipUnpacker&) = delete;
  GzipUnpacker& operator=(const GzipUnpacker&) = delete;
  ~GzipUnpacker() override { inflateEnd(&stream_); }

  bool step(Bytes& in, std::span<std::uint8_t>& out) override {
    if (boundary_ && !begin_member(in)) return problem_.empty();
    stream_.next_in = const_cast<Bytef*>(in.data());  // zlib's interface, it only reads
    stream_.avail_in = static_cast<uInt>(std::min<std::size_t>(in.size(), std::numeric_limits<uInt>::max()));
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(out.size(), std::numeric_limits<uInt>::max()));
    const std::size_t in_before = stream_.avail_in, out_before = stream_.avail_out;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    in = in.subspan(in_before - stream_.avail_in);
    out = out.subspan(out_before - stream_.avail_out);
    if (status == Z_STREAM_END) {
      boundary_ = true;
      members_ = true;
      return true;
    }
    if (status == Z_OK || status == Z_BUF_ERROR) return true;  // the second: it wants more of either
    problem_ = stream_.msg != nullptr ? stream_.msg : "it is no gzip data";
    return false;
  }
  bool at_boundary() const override { return boundary_; }
  std::size_t undigested() const override { return 0; }
  std::string problem() const override { return problem_; }

 private:
  // Behind a member comes another one, or zeros to the end (tapes and block devices pad with them, and gzip(1)
  // takes no notice). False: nothing to inflate in these bytes.
  bool begin_member(Bytes& in) {
    if (members_) {
      while (!in.empty() && in[0] == 0) {
        padded_ = true;
        in = in.subspan(1);
      }
      if (in.empty()) return false;
      if (padded_ || in[0] != 0x1F) {
        problem_ = "what follows the last member is not gzip data";
        return false;
      }
      inflateReset(&stream_);
    }
    if (in.empty()) return false;
    boundary_ = false;
    return true;
  }
  z_stream stream_{};
  bool boundary_ = true, members_ = false, padded_ = false;
  std::string problem_;
};

class ZstdUnpacker : public Unpacker {
 public:
  ZstdUnpacker() : stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kWindowLogMax);
  }
  ZstdUnpacker(const ZstdUnpacker&) = delete;
  ZstdUnpacker& operator=(const ZstdUnpacker&) = delete;
  ~ZstdUnpacker() override { ZSTD_freeDStream(stream_); }

  bool step(Bytes& in, std::span<std::uint8_t>& out) override {
    // As much as the library asks for: a block at a time. Of a call that fails it gives nothing, so what was whole
    // before a damaged block must have come out of an earlier one. That takes several calls where the room was too
    // small for the block, and nothing more goes in before the last of them. And what it asks for goes in whole: so
    // none of a block comes out before the library has seen that it is sound, and what it says of a header does not
    // depend on the pieces in which that came.
    Bytes part = in.first(filled_ ? 0 : std::min(in.size(), wanted_));
    const bool held = !filled_ && wanted_ <= kHeldMax && (part.size() < wanted_ || !held_.empty());
    if (held) {
      const std::size_t count = std::min(in.size(), wanted_ - held_.size());
      held_.insert(held_.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(count));
      in = in.subspan(count);
      if (held_.size() < wanted_) return true;
      part = held_;
    }
    ZSTD_inBuffer from{part.data(), part.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    const std::size_t left = ZSTD_decompressStream(stream_, &to, &from);
    if (ZSTD_isError(left) == 0) {
      if (held)
        held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(from.pos));
      else
        in = in.subspan(from.pos);
      out = out.subspan(to.pos);
      filled_ = to.pos == to.size;
      count_undigested(from.pos, left);
      // 0: a frame is decoded and flushed; the next call begins another one, which is how frames follow one
      // another. A call that moved nothing says nothing new.
      if (left == 0 || from.pos != 0 || to.pos != 0) boundary_ = left == 0;
      // What it asks for a block holds the next one's header as well: without that, a damaged header takes no sound
      // block with it, in whatever pieces the bytes come.
      wanted_ = left == 0 ? kFrameStart : left > kBlockHeader ? left - kBlockHeader : left;
      return true;
    }
    switch (ZSTD_getErrorCode(left)) {
      case ZSTD_error_frameParameter_windowTooLarge:
        problem_ = "it was packed with a window of more than 128 MiB; zstd -d --long=31 unpacks it";
        break;
      case ZSTD_error_prefix_unknown: problem_ = "what follows the last frame is not zstd data"; break;
      case ZSTD_error_dictionary_wrong: problem_ = "it was packed with a dictionary; zstd -d -D unpacks it"; break;
      default: problem_ = in_header_ ? "the header of a frame is damaged" : ZSTD_getErrorName(left);
    }
    return false;
  }
  bool at_boundary() const override { return boundary_ && held_.empty(); }
  std::size_t undigested() const override { return undigested_ + held_.size(); }
  std::string problem() const override { return problem_; }

 private:
  // A frame's header, a block's header and a block are digested whole or not at all. Behind a frame's header the
  // library asks for no more than a block's; before its end, for the rest and a block's as well.
  void count_undigested(std::size_t taken, std::size_t left) {
    undigested_ += taken;
    const bool whole = left == 0 || (in_header_ ? left <= kBlockHeader : taken == wanted_);
    if (whole) undigested_ = 0;
    in_header_ = left == 0 || (in_header_ && !whole);
  }
  // 128 MiB, what zstd itself takes without being told otherwise: a frame asks for its window's memory.
  static constexpr int kWindowLogMax = 27;
  // Less than the magic number. By all of it the library would know its formats of before 2016 as well, but only
  // where the four bytes come in one piece.
  static constexpr std::size_t kFrameStart = 3;
  static constexpr std::size_t kBlockHeader = 3;  // RFC 8878 section 3.1.1.2
  // What is longer is to be skipped (RFC 8878 section 3.1.2), and brings nothing in whatever pieces.
  static constexpr std::size_t kHeldMax = ZSTD_BLOCKSIZE_MAX + kBlockHeader;
  ZSTD_DStream* stream_;
  std::size_t wanted_ = kFrameStart;
  std::size_t undigested_ = 0;
  std::vector<std::uint8_t> held_;  // of a header or block, until it is whole
  bool boundary_ = true, in_header_ = true, filled_ = false;
  std::string problem_;
};

}  // namespace

std::unique_ptr<Unpacker> make_gzip_unpacker() { return std::make_unique<GzipUnpacker>(); }
std::unique_ptr<Unpacker> make_zstd_unpacker() { return std::make_unique<ZstdUnpacker>(); }

UnpackingSource::UnpackingSource(std::unique_ptr<ByteSource> packed, std::unique_ptr<Unpacker> unpacker,
                                 const UnpackLimits& limits)
    : packed_(std::move(packed)), unpacker_(std::move(unpacker)), limits_(limits) {}

std::size_t UnpackingSource::read(std::span<std::uint8_t> into) {
  if (into.empty()) return 0;
  if (first_) into = into.first(std::min(into.size(), kFirstPiece));
  std::size_t count = 0;
  if (!done_) count = unpack_some(into);
  if (count == 0) {
    done_ = true;
    problem_ = found_;
  }
  return count;
}

std::size_t UnpackingSource::unpack_some(std::span<std::uint8_t> into) {
  std::span<std::uint8_t> room = into;
  while (!room.empty() && !done_) {
    if (waiting_.empty() && !input_ended_) {
      if (room.size() != into.size()) break;  // somebody waits for what there is, and a pipe may be slow
      if (piece_.empty())
        piece_.resize(kFirstPiece);
      else if (last_read_ == piece_.size())  // there is more than a first piece
        piece_.resize(kPackedPiece);
      const std::size_t count = last_read_ = packed_->read(piece_);
      waiting_ = Bytes(piece_).first(count);
      first_ = false;
      input_ended_ = count == 0;
    }
    const std::size_t in_before = waiting_.size(), out_before = room.size();
    const bool sound = unpacker_->step(waiting_, room);
    taken_ += in_before - waiting_.size();
    given_ += out_before - room.size();
    if (!sound) {
      done_ = true;
      found_ = fmt::format("the compressed file is damaged at byte {}: {}", taken_ - unpacker_->undigested(),
                           unpacker_->problem());
    } else if (given_ > limits_.free_bytes && given_ / limits_.ratio_max > taken_) {
      done_ = true;
      found_ = fmt::format(
          "the compressed file was given up at byte {}: {} bytes came out of them, more than {} for each; if that "
          "is no "
          "trap, unpack it first and give the result",
          taken_, given_, limits_.ratio_max);
    } else if (input_ended_ && in_before == waiting_.size() && out_before == room.size()) {
      done_ = true;
      if (!packed_->problem().empty())
        found_ = packed_->problem();
      else if (!unpacker_->at_boundary())
        found_ = fmt::format("the compressed file is cut: it ends in the middle, at byte {}", taken_);
    }
  }
  return into.size() - room.size();
}

}  // namespace demarc
