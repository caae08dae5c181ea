#include "rules/evidence/readers/nmap_xml.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "rules/text/diagnostics.h"

using namespace demarc;

namespace {

/// A document in the shape of `nmap -oX`, written from nmap's published DTD.
std::string document(
    const std::string& hosts,
    const std::string& finished = "<runstats><finished time=\"1795428060\" exit=\"success\"/></runstats>") {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE nmaprun>\n<?xml-stylesheet "
         "href=\"file:///usr/bin/nmap.xsl\" type=\"text/xsl\"?>\n"
         "<nmaprun scanner=\"nmap\" args=\"nmap -sS -p 20-90,443\" start=\"1795428000\" version=\"7.93\">\n"
         "<scaninfo type=\"syn\" protocol=\"tcp\" numservices=\"72\" services=\"20-90,443\"/>\n" +
         hosts + finished + "</nmaprun>\n";
}

const std::string kHost =
    "<host starttime=\"1795428001\" endtime=\"1795428050\"><status state=\"up\" reason=\"reset\"/><address "
    "addr=\"192.0.2.10\" addrtype=\"ipv4\"/>"
    "<address addr=\"02:00:00:00:00:01\" addrtype=\"mac\"/><ports>"
    "<extraports state=\"filtered\" count=\"69\"><extrareasons reason=\"no-response\" count=\"69\"/></extraports>"
    "<port protocol=\"tcp\" portid=\"22\"><state state=\"closed\" reason=\"reset\" reason_ttl=\"63\"/></port>"
    "<port protocol=\"tcp\" portid=\"25\"><state state=\"filtered\" reason=\"admin-prohibited\" reason_ttl=\"64\" "
    "reason_ip=\"203.0.113.1\"/></port>"
    "<port protocol=\"tcp\" portid=\"443\"><state state=\"open\" reason=\"syn-ack\" reason_ttl=\"62\"/>"
    "<service name=\"http\" product=\"nginx\" version=\"1.22.1\" tunnel=\"ssl\" method=\"probed\" "
    "conf=\"10\"/></port>"
    "</ports></host>\n";

const Outcome& at(const ScanRun& run, unsigned port) {
  for (const Outcome& o : run.outcomes)
    if (o.ports.contains(Port(static_cast<std::uint16_t>(port)))) return o;
  FAIL("no outcome for the port");
  return run.outcomes.front();
}

}  // namespace

TEST_CASE("nmap's ports, and those it did not show") {
  Result<ScanRun> read = read_nmap_xml("n.xml", document(kHost));
  REQUIRE(read);
  const ScanRun& run = *read;
  CHECK(run.header.method == "nmap syn");
  CHECK(run.header.started.seconds() == 1795428000);
  CHECK(run.summary->end == ScanEnd::complete);
  CHECK(at(run, 443).state == PortState::open);
  CHECK(at(run, 443).ttl == 62);
  CHECK(run.services.at(at(run, 443).service).name == "tls");
  CHECK(run.services.at(at(run, 443).service).tls_inside == "http");
  CHECK(at(run, 22).state == PortState::closed);
  CHECK(at(run, 22).passage == Passage::undetermined);  // a filter may forge a reset
  CHECK(at(run, 25).passage == Passage::blocked);
  CHECK(at(run, 25).answered_by == parse_address("203.0.113.1"));
  CHECK(at(run, 80).state == PortState::filtered);
  CHECK(at(run, 80).answer == Answer::silence);
  std::uint32_t ports = 0;
  for (const Outcome& o : run.outcomes) ports += o.ports.size();
  CHECK(ports == 72);
  CHECK(run.notes.empty());
}

TEST_CASE("two unlisted states: resolved where nmap spells the ports out, otherwise said") {
  auto host = [](const std::string& extras) {
    return "<host><status state=\"up\"/><address addr=\"192.0.2.11\" addrtype=\"ipv4\"/><ports>" + extras +
           "</ports></host>";
  };
  std::string spelled = host(
      "<extraports state=\"closed\" count=\"2\"><extrareasons reason=\"reset\" count=\"2\" proto=\"tcp\" "
      "ports=\"20-21\"/></extraports>"
      "<extraports state=\"filtered\" count=\"70\"><extrareasons reason=\"no-response\" count=\"70\" proto=\"tcp\" "
      "ports=\"22-90,443\"/></extraports>");
  ScanRun run = read_nmap_xml("n", document(spelled)).value();
  CHECK(at(run, 21).state == PortState::closed);
  CHECK(at(run, 22).state == PortState::filtered);
  CHECK(run.notes.empty());
  std::string vague =
      host("<extraports state=\"closed\" count=\"2\"/><extraports state=\"filtered\" count=\"70\"/>");
  ScanRun unclear = read_nmap_xml("n", document(vague)).value();
  CHECK(unclear.outcomes.empty());
  REQUIRE(unclear.notes.size() == 1);
  CHECK(unclear.notes[0] ==
        "192.0.2.11: nmap does not say which of 72 ports it did not show had which state: they are not counted");
}

TEST_CASE("a host that was down proves nothing about its ports") {
  ScanRun run =
      read_nmap_xml(
          "n", document("<host><status state=\"down\"/><address addr=\"192.0.2.12\" addrtype=\"ipv4\"/></host>"))
          .value();
  CHECK(run.outcomes.empty());
  CHECK(run.notes.at(0) == "192.0.2.12 was down when nmap looked: nothing is known about its ports");
}

TEST_CASE("an interrupted nmap counts as far as it is whole") {
  std::string whole = document(kHost);
  std::size_t host_end = whole.find("</host>") + 7;
  ScanRun run = read_nmap_xml("n", whole.substr(0, host_end + 5)).value();
  CHECK_FALSE(run.summary);
  CHECK(at(run, 443).state == PortState::open);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    Result<ScanRun> cut = read_nmap_xml("n", whole.substr(0, n));  // an error or a value, never a crash
    if (cut && n < host_end) CHECK(cut->outcomes.empty());
  }
}

TEST_CASE("documents that are none of nmap's, or that try tricks, are refused") {
  struct Row {
    std::string text, message;
  };
  for (const Row& row :
       {Row{"<html/>",
            "n:1:1: error: the document is a 'html', not nmap's output\n  expected <nmaprun>, as nmap -oX writes "
            "it\n"},
        Row{"<!DOCTYPE nmaprun [<!ENTITY a \"aaaa\">]><nmaprun start=\"1\"/>",
            "n:1:19: error: a document type with a subset or a reference is refused\n"},
        Row{"<!DOCTYPE nmaprun SYSTEM \"http://192.0.2.1/x\"><nmaprun start=\"1\"/>",
            "n:1:46: error: a document type with a subset or a reference is refused\n"},
        Row{"<nmaprun></nmaprun>",
            "n:1:1: error: nmaprun has no start time\n  evidence without its time cannot be judged\n"}}) {
    Result<ScanRun> read = read_nmap_xml("n", row.text);
    REQUIRE_FALSE(read);
    CHECK(render(read.error()) == row.message);
  }
  CHECK_FALSE(read_nmap_xml("n", document("<host><status></host>")));  // tags cross
  CHECK_FALSE(read_nmap_xml("n", ""));
  CHECK_FALSE(read_nmap_xml("n", document("<host><address addr=\"999.1.1.1\" addrtype=\"ipv4\"/></host>")));
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "<a>";
  CHECK_FALSE(read_nmap_xml("n", document(deep)));
}
