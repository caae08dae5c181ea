// Configurations: the first byte names the dialect ('a' and on, in the order of Dialect), any other leaves it to
// the content; the rest is the text. Whatever that says, every line of it is accounted for, nothing in the device
// points beside it, packets are decided, and small devices are searched for lines that never decide.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "rules/acl/decide.h"
#include "rules/acl/readers/reader.h"
#include "rules/verdict/anomalies.h"
#include "tests/fuzz/share.h"

namespace {

using namespace demarc;

void must(bool holds) {
  if (!holds) std::abort();
}

/// Readers of JSON count rules and objects, of which a line may hold many.
bool counts_lines(const Device& device, std::string_view text) {
  if (device.dialect == Dialect::aws || device.dialect == Dialect::azure || device.dialect == Dialect::gcp)
    return false;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return device.dialect != Dialect::nftables || first == std::string_view::npos || text[first] != '{';
}

std::uint64_t lines_with_text(const Source& source) {
  std::uint64_t count = 0;
  for (std::uint32_t line = 1; line <= source.line_count(); ++line)
    if (source.line(line).find_first_not_of(" \t\r") != std::string_view::npos) ++count;
  return count;
}

void must_be_sound(const Device& device, const Source& source) {
  const auto is_line = [&](std::uint32_t line) { return line <= source.line_count(); };
  const auto is_list = [&](ListIndex list) { return list < device.lists.size(); };
  const LineCoverage& c = device.coverage;
  if (counts_lines(device, source.text()))
    must(c.understood + c.in_part + c.not_filtering + c.not_understood == lines_with_text(source));
  for (const LineReport& report : device.lines) must(is_line(report.line));
  for (const List& list : device.lists) {
    must(is_line(list.line) && is_line(list.at_end_line));
    for (const Entry& entry : list.entries) {
      must(is_line(entry.line) && is_line(entry.line_last));
      must((entry.action != Action::jump && entry.action != Action::go_to) || is_list(entry.target));
      must(entry.maybe.empty() || !entry.undecided.empty());
    }
  }
  const auto are_interfaces = [&](const std::vector<InterfaceId>& ids) {
    return std::all_of(ids.begin(), ids.end(), [&](InterfaceId id) { return id < device.interfaces.size(); });
  };
  for (const Stage& stage : device.stages) {
    must(is_line(stage.line) && !stage.lists.empty());
    must(std::all_of(stage.lists.begin(), stage.lists.end(), is_list));
    must(are_interfaces(stage.ingress) && are_interfaces(stage.egress));
  }
}

ConcretePacket packet(Address source, Address destination, Port port) {
  ConcretePacket one;
  one.packet = {.source = source,
                .destination = destination,
                .protocol = Protocol::tcp,
                .source_port = Port(40000),
                .port = port};
  return one;
}

bool is_small(const Device& device) {
  std::size_t entries = 0, matches = 0;
  for (const List& list : device.lists) {
    entries += list.entries.size();
    for (const Entry& entry : list.entries) matches += entry.match.size() + entry.maybe.size();
  }
  return entries <= 24 && matches <= 96 && device.lists.size() <= 16;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::optional<Dialect> dialect;
  for (const DialectReader& reader : dialect_readers())
    if (data[0] == 'a' + static_cast<unsigned>(reader.dialect)) dialect = reader.dialect;
  const Source source("fuzz", std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  const Result<Device> device = read_configuration(source, dialect);
  if (!device) return 0;
  must_be_sound(*device, source);
  Decider decider(*device);
  for (const Way way : {Way::through, Way::to_device}) {
    decider.decide(
        PacketQuestion::of(packet(Address::ipv4(0xC6336407), Address::ipv4(0xC000020A), Port(443)), way));
    decider.decide(PacketQuestion::of(
        packet(Address::ipv6(0x20010DB800000000, 7), Address::ipv6(0x20010DB800000001, 10), Port(25)), way));
  }
  if (is_small(*device) && one_in(8, data, size)) {
    const DeviceReport report = find_anomalies(*device);
    must(report.lists.size() == device->lists.size());
    for (std::size_t i = 0; i < report.lists.size(); ++i)
      must(!report.lists[i].decided || report.lists[i].entries.size() == device->lists[i].entries.size());
  }
  return 0;
}
