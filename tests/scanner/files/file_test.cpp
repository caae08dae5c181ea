#include "scanner/files/file.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace demarc {

namespace {

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "demarc-file-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const char* name) const { return (path_ / name).string(); }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// No file may grow beyond this while it lives: a disk that fills up, without a disk.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit now = before_;
    now.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &now);
    old_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, old_);
  }

 private:
  rlimit before_{};
  void (*old_)(int);
};

}  // namespace

TEST_CASE("a whole file, or a located error") {
  const Folder folder;
  std::ofstream(folder / "rules.yaml") << "version: 1\n";
  CHECK(read_whole_file(folder / "rules.yaml", 11).value() == "version: 1\n");
  const auto large = read_whole_file(folder / "rules.yaml", 10);
  REQUIRE_FALSE(large.has_value());
  CHECK(large.error().what == "is larger than 10 bytes");
  CHECK(large.error().where.file == folder / "rules.yaml");
  CHECK(read_whole_file(folder / "missing", 10).error().what == "cannot be opened: No such file or directory");
  CHECK(read_whole_file(folder / ".", 10).error().what == "cannot be read: Is a directory");
  CHECK(read_whole_file("/dev/zero", 1 << 20).error().what == "is larger than 1048576 bytes");
}

TEST_CASE("the digest of a file is that of its bytes") {
  const Folder folder;
  std::ofstream(folder / "abc") << "abc";
  const auto digest = sha256_of_file(folder / "abc");
  REQUIRE(digest.has_value());
  CHECK(digest->sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(digest->size == 3);
}

TEST_CASE("a file is replaced whole, keeps its mode, and leaves nothing beside it") {
  const Folder folder;
  CHECK(write_file_atomically(folder / "report.html", "first").has_value());
  CHECK(contents(folder / "report.html") == "first");
  REQUIRE(::chmod((folder / "report.html").c_str(), 0600) == 0);
  CHECK(write_file_atomically(folder / "report.html", "second").has_value());
  CHECK(contents(folder / "report.html") == "second");
  struct stat status{};
  REQUIRE(::stat((folder / "report.html").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(folder.entries() == 1);
}

TEST_CASE("a symbolic link stays one") {
  const Folder folder;
  std::ofstream(folder / "real") << "old";
  std::filesystem::create_symlink(folder / "real", folder / "link");
  CHECK(write_file_atomically(folder / "link", "new").has_value());
  CHECK(contents(folder / "real") == "new");
  CHECK(std::filesystem::is_symlink(folder / "link"));
}

TEST_CASE("where there is no room the old file stays, and the error says so") {
  const Folder folder;
  CHECK(write_file_atomically(folder / "verdict.json", "old").has_value());
  {
    const SmallDisk disk(4096);
    const auto written = write_file_atomically(folder / "verdict.json", std::string(10'000, 'x'));
    REQUIRE_FALSE(written.has_value());
    CHECK(written.error().what == "cannot be written: File too large");
    CHECK(written.error().where.file == folder / "verdict.json");
    CHECK_FALSE(written.error().hint.empty());
  }
  CHECK(contents(folder / "verdict.json") == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("what is written in pieces is there as a whole or not at all") {
  const Folder folder;
  const std::string piece(3000, 'x');
  int asked = 0;
  const auto write = [&](const TakePiece& take) {
    for (asked = 0; asked < 4 && take(piece); ++asked) CHECK(contents(folder / "flows.jsonl") == "old");
  };
  CHECK(write_file_atomically(folder / "flows.jsonl", "old").has_value());
  {
    const SmallDisk disk(7000);
    CHECK_FALSE(write_file_atomically(folder / "flows.jsonl", write).has_value());
    CHECK(asked == 2);  // the third found no room, and the fourth was not made
  }
  CHECK(contents(folder / "flows.jsonl") == "old");
  CHECK(folder.entries() == 1);
  CHECK(write_file_atomically(folder / "flows.jsonl", write).has_value());
  CHECK(contents(folder / "flows.jsonl") == piece + piece + piece + piece);
  CHECK(folder.entries() == 1);
}

TEST_CASE("devices are written to, directories and missing places refused") {
  CHECK(write_file_atomically("/dev/null", "x").has_value());
  CHECK(write_file_atomically("/tmp", "x").error().what == "cannot be written: Is a directory");
  CHECK(write_file_atomically("/nonexistent/x", "x").error().what ==
        "cannot be written: No such file or directory");
  if (::access("/dev/full", W_OK) == 0) {
    const auto full = write_file_atomically("/dev/full", "x");
    REQUIRE_FALSE(full.has_value());
    CHECK(full.error().what == "cannot be written: No space left on device");
    CHECK(full.error().hint == "the disk is full; free some space or write somewhere else");
  }
}

TEST_CASE("records are appended whole or not at all") {
  const Folder folder;
  auto file = AppendFile::open(folder / "scan.jsonl", AppendFile::Mode::create_new);
  REQUIRE(file.has_value());
  CHECK(file->append("one\n").has_value());
  {
    const SmallDisk disk(100);
    CHECK_FALSE(file->append(std::string(200, 'x') + "\n").has_value());
  }
  CHECK(contents(folder / "scan.jsonl") == "one\n");
  CHECK(file->append("two\n").has_value());
  CHECK(file->sync().has_value());
  CHECK(file->size() == 8);
  CHECK(file->close().has_value());
  CHECK(contents(folder / "scan.jsonl") == "one\ntwo\n");

  const auto again = AppendFile::open(folder / "scan.jsonl", AppendFile::Mode::create_new);
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().hint == "it exists already; name another file or remove it");
  auto more = AppendFile::open(folder / "scan.jsonl", AppendFile::Mode::append_or_create);
  REQUIRE(more.has_value());
  CHECK(more->append("three\n").has_value());
  CHECK(contents(folder / "scan.jsonl") == "one\ntwo\nthree\n");
}

}  // namespace demarc
