#include "scanner/active/witness_key.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

using namespace demarc;

namespace {

class Directory {
 public:
  Directory() {
    char name[] = "/tmp/demarc-key-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void write(const std::string& path, const std::string& text, mode_t mode) {
  std::ofstream(path) << text;
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

mode_t mode_of(const std::string& path) {
  struct stat about{};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  return about.st_mode & 07777U;
}

constexpr const char* kText = "000102030405060708090a0b0c0d0e0f\n";

}  // namespace

TEST_CASE("a new key is its owner's alone, whatever the umask, and no two are alike") {
  Directory directory;
  for (const mode_t mask : {mode_t{0}, mode_t{0777}}) {
    const std::string path = directory.file(mask == 0 ? "open" : "tight");
    const mode_t before = ::umask(mask);
    Result<WitnessKey> made = create_witness_key_file(path);
    ::umask(before);
    REQUIRE(made);
    CHECK(mode_of(path) == 0600);
    CHECK(read_witness_key_file(path).value().bytes == made->bytes);
  }
  CHECK(read_witness_key_file(directory.file("open"))->bytes !=
        read_witness_key_file(directory.file("tight"))->bytes);
}

TEST_CASE("a key is never overwritten, nor written through a link") {
  Directory directory;
  write(directory.file("key"), kText, 0600);
  Result<WitnessKey> made = create_witness_key_file(directory.file("key"));
  REQUIRE_FALSE(made);
  CHECK(made.error().what == "the file exists already");
  CHECK(read_witness_key_file(directory.file("key")).has_value());
  REQUIRE(::symlink("elsewhere", directory.file("link").c_str()) == 0);
  CHECK_FALSE(create_witness_key_file(directory.file("link")));
  CHECK_FALSE(std::filesystem::exists(directory.file("elsewhere")));
  CHECK_FALSE(create_witness_key_file(directory.file("no/such/place")));
}

TEST_CASE("a key that others may read or change is refused") {
  Directory directory;
  const std::string path = directory.file("key");
  write(path, kText, 0600);
  CHECK(read_witness_key_file(path).has_value());
  REQUIRE(::chmod(path.c_str(), 0400) == 0);
  CHECK(read_witness_key_file(path).has_value());
  for (const mode_t mode :
       {mode_t{0640}, mode_t{0604}, mode_t{0620}, mode_t{0602}, mode_t{0610}, mode_t{0601}, mode_t{0666}}) {
    CAPTURE(mode);
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    Result<WitnessKey> key = read_witness_key_file(path);
    REQUIRE_FALSE(key);
    CHECK(key.error().what.starts_with("others may read or change this key"));
    CHECK(key.error().where.file == path);
  }
}

TEST_CASE("what is no key is refused without repeating it") {
  Directory directory;
  const auto complaint = [&](const std::string& text) {
    write(directory.file("key"), text, 0600);
    Result<WitnessKey> key = read_witness_key_file(directory.file("key"));
    REQUIRE_FALSE(key);
    CHECK(key.error().what.find("secret-words") == std::string::npos);
    return key.error().what;
  };
  CHECK(complaint("") == "this is no witness key");
  CHECK(complaint("secret-words") == "this is no witness key");
  CHECK(complaint(std::string(1U << 20, '0')) == "this is no witness key");
  CHECK_FALSE(read_witness_key_file(directory.file("absent")));
  REQUIRE(::mkfifo(directory.file("fifo").c_str(), 0600) == 0);
  CHECK(read_witness_key_file(directory.file("fifo")).error().what == "a witness key is kept in a regular file");
  CHECK_FALSE(read_witness_key_file(directory.file("")));
}
