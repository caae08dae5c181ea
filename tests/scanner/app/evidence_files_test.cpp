#include "scanner/app/evidence_files.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace demarc;

namespace {
struct Folder {
  Folder() {
    char name[] = "/tmp/demarc-evidence-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path + "/" + name, std::ios::binary) << bytes;
    return path + "/" + name;
  }
  std::string path;
};
}  // namespace

TEST_CASE("what a file is, its content tells") {
  Folder folder;
  CHECK(*evidence_kind(folder.write("a.txt", "{\"demarc\":\"scan\",\"version\":1}\n")) ==
        EvidenceKind::scan_journal);
  CHECK(*evidence_kind(folder.write("b.txt", "{\"demarc\": \"flows\",\"version\":1}\n")) ==
        EvidenceKind::flow_records);
  CHECK(*evidence_kind(folder.write("c.txt", "\n<?xml version=\"1.0\"?><nmaprun/>")) == EvidenceKind::nmap_xml);
  CHECK(*evidence_kind(folder.write("d.txt", std::string("\xd4\xc3\xb2\xa1", 4) + std::string(20, '\0'))) ==
        EvidenceKind::capture);
  CHECK(*evidence_kind(folder.write("e.txt", std::string("\x0a\x0d\x0d\x0a", 4) + std::string(24, '\0'))) ==
        EvidenceKind::capture);
}

TEST_CASE("what is no evidence is refused with what to do") {
  Folder folder;
  auto what = [](const std::string& file) { return evidence_kind(file).error().what; };
  CHECK(what(folder.write("empty", "")) == "the file is empty");
  CHECK(what(folder.write("z.gz", "\x1f\x8b\x08\x00")) == "the file is compressed");
  CHECK(what(folder.write("yaml", "demarc: 1\n")) == "this is no evidence demarc knows");
  CHECK(what(folder.write("v.json", "{\n\"demarc\": \"verdict\"}")) == "this is a verdict, not evidence");
  CHECK(what(folder.write("x.json", "{\"a\":1}")) == "this is JSON, but neither a scan journal nor flow records");
  CHECK_FALSE(evidence_kind(folder.path));
  CHECK_FALSE(evidence_kind(folder.path + "/missing"));
}
