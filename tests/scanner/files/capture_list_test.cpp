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

TEST_CASE("a word becomes files: a name, a directory, a pattern") {
  const Folder folder;
  std::vector<std::uint8_t> capture;
  append_pcap_header({}, capture);
  folder.put("ring1.pcap", capture);
  folder.put("ring0.pcap", capture);
  folder.put("ring2.pcap.gz", gzipped(capture));
  folder.put("notes.txt", bytes_of("nothing"));
  folder.put(".hidden.pcap", capture);
  const std::vector<std::string> ring = {folder / "ring0.pcap", folder / "ring1.pcap", folder / "ring2.pcap.gz"};

  const std::vector<std::string> all = {folder / "notes.txt", ring[0], ring[1], ring[2]};
  CHECK(files_of(folder.path.string()).value() == all);
  CHECK(files_of(folder / "*.pcap*").value() == ring);
  CHECK(files_of(folder / "*.nothing").value().empty());  // a ring that has not begun
  CHECK(files_of("-").value() == std::vector<std::string>{"-"});
  // A name that is no capture, or not there, is named by somebody: opening it says what is wrong with it.
  CHECK(files_of(folder / "not-there.pcap").value().size() == 1);
  folder.put("odd[1].pcap", capture);  // a file whose name looks like a pattern is that file
  CHECK(files_of(folder / "odd[1].pcap").value() == std::vector<std::string>{folder / "odd[1].pcap"});
}

}  // namespace demarc
