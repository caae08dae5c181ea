#include "scanner/files/capture_list.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/scanner/files/captures.h"
#include "tests/scanner/files/packed.h"

namespace demarc {

namespace {
namespace fs = std::filesystem;
struct Folder {
  fs::path path = fs::temp_directory_path() / fmt::format("demarc-list-{}", ::getpid());
  Folder() { fs::create_directories(path / "inner"); }
  ~Folder() { fs::remove_all(path); }
  void put(const std::string& name, Bytes bytes) const {
    std::ofstream(path / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
};
}  // namespace

TEST_CASE("words become files: names, directories and patterns, each once") {
  const Folder folder;
  std::vector<std::uint8_t> capture;
  append_pcap_header({}, capture);
  folder.put("ring1.pcap", capture);
  folder.put("ring0.pcap", capture);
  folder.put("ring2.pcap.gz", gzipped(capture));
  folder.put("notes.txt", bytes_of("nothing"));
  folder.put(".hidden.pcap", capture);
  const std::vector<std::string> ring = {folder / "ring0.pcap", folder / "ring1.pcap", folder / "ring2.pcap.gz"};

  const auto whole = list_captures({folder.path.string()});
  REQUIRE(whole.has_value());
  CHECK(whole->files == ring);
  CHECK(whole->ignored == std::vector<std::string>{folder / "notes.txt"});

  const auto pattern = list_captures({folder / "*.pcap*", folder / "ring0.pcap", "-"});
  REQUIRE(pattern.has_value());
  CHECK(pattern->files == std::vector<std::string>{ring[0], ring[1], ring[2], "-"});
  CHECK(pattern->ignored.empty());

  // A name that is no capture is named by somebody: opening it says what is wrong with it.
  CHECK(list_captures({folder / "notes.txt"})->files.size() == 1);
  CHECK(list_captures({folder / "not-there.pcap"})->files.size() == 1);
  folder.put("odd[1].pcap", capture);  // a file whose name looks like a pattern is that file
  CHECK(list_captures({folder / "odd[1].pcap"})->files == std::vector<std::string>{folder / "odd[1].pcap"});
}

TEST_CASE("a pattern without files and a directory without captures are errors that name them") {
  const Folder folder;
  folder.put("notes.txt", bytes_of("nothing"));
  const auto none = list_captures({folder / "*.pcap"});
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().what == fmt::format("no file matches '{}'", folder / "*.pcap"));
  const auto barren = list_captures({folder.path.string()});
  REQUIRE_FALSE(barren.has_value());
  CHECK(barren.error().where.file == folder.path.string());
  CHECK(barren.error().what == "none of the 1 files in this directory is a capture");
}

}  // namespace demarc
