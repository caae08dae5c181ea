// MSRPC: whether an RPC server answers, and what the endpoint mapper says is to be had on which dynamic port. The
// mapper answers anybody (C706 §6.2.3, ept_lookup); one request asks for a bounded number of entries.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "probes/app/codecs.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

constexpr unsigned kEntriesAsked = 64;
constexpr std::size_t kEntriesMax = 256, kPortsShown = 24;

struct Interface {
  std::uint32_t first;  // of the UUID, as it is written
  std::string_view name;
};
// What one meets on Windows servers, by the first eight digits of the UUID. Where two interfaces share them, both
// are named. (MS-DRSR, MS-SAMR, MS-LSAD, MS-NRPC, MS-RPRN, MS-SCMR, MS-TSCH, MS-EVEN, MS-EVEN6, MS-RSP, MS-FASP,
// MS-SRVS, MS-WKST, MS-DHCPM, MS-RAIW, MS-ICPR, MS-DCOM, MS-CMRP, MS-RRP, MS-DNSP, MS-FRS1, MS-FRS2, MS-NSPI,
// MS-PAR)
constexpr Interface kInterfaces[] = {
    {0x12345778, "lsarpc or samr"},
    {0x12345678, "netlogon or spoolss"},
    {0xE3514235, "directory replication"},
    {0xF5CC5A18, "address book"},
    {0x50ABC2A4, "DNS server"},
    {0x367ABB81, "service control"},
    {0x86D35949, "task scheduler"},
    {0x378E52B0, "task scheduler"},
    {0x1FF70682, "task scheduler"},
    {0x82273FDC, "event log"},
    {0xF6BEAFF7, "event log"},
    {0xD95AFE70, "shutdown"},
    {0x6B5BDD1E, "firewall"},
    {0x76F03F96, "print spooler"},
    {0x0B6EDBFA, "print spooler"},
    {0xAE33069B, "print spooler"},
    {0x4A452661, "print spooler"},
    {0x4B324FC8, "srvsvc"},
    {0x6BFFD098, "wkssvc or DHCP server"},
    {0x5B821720, "DHCP server"},
    {0xB25A52BF, "key isolation"},
    {0x897E2E5F, "file replication"},
    {0xF5CC59B4, "file replication"},
    {0xD049B186, "file replication"},
    {0x45F52C28, "WINS"},
    {0x91AE6020, "certificate services"},
    {0x99FCFEC4, "DCOM"},
    {0x000001A0, "DCOM activation"},
    {0x4D9F4AB8, "DCOM activation"},
    {0xB97DB8B2, "cluster"},
    {0x338CD001, "winreg"},
};

std::string interface_name(std::uint32_t first, std::string_view annotation) {
  if (!annotation.empty()) return word_of(annotation.substr(0, 40));
  for (const Interface& known : kInterfaces)
    if (known.first == first) return std::string(known.name);
  return fmt::format("{:08x}-...", first);
}

/// The bodies of all whole response fragments, one behind the other; whether the last one was among them.
bool join_fragments(Bytes reply, ByteString& stub) {
  while (reply.size() >= 24) {
    const std::size_t length = le16(&reply[8]);
    if (reply[0] != 5 || reply[2] != 2 || (reply[4] & 0x10) == 0 || length < 24) return true;
    if (reply.size() < length) return false;
    stub.insert(stub.end(), reply.begin() + 24, reply.begin() + static_cast<std::ptrdiff_t>(length));
    if ((reply[3] & 2) != 0) return true;
    reply = reply.subspan(length);
  }
  return false;
}

struct Tower {
  std::uint32_t interface_first = 0;
  std::uint16_t tcp_port = 0;
};

/// A protocol tower (C706 appendix L): floors of a protocol with its data on either side.
Tower read_tower(Bytes octets) {
  Tower tower;
  ByteReader in(octets);
  const std::uint16_t floors = in.u16_le();
  for (unsigned i = 0; i < floors && i < 8; ++i) {
    Bytes left = in.bytes(in.u16_le());
    Bytes right = in.bytes(in.u16_le());
    if (!in.ok()) break;
    if (i == 0 && left.size() >= 17 && left[0] == 0x0D) tower.interface_first = le32(&left[1]);
    if (left.size() == 1 && left[0] == 0x07 && right.size() == 2) tower.tcp_port = be16(right.data());
  }
  return tower;
}

/// Padding of NDR (C706 §14.2.2): `at` is counted from the start of the stub.
void align4(ByteReader& in, std::size_t whole) {
  while ((whole - in.left()) % 4 != 0 && in.ok()) in.skip(1);
}

}  // namespace

ByteString msrpc_bind(std::string_view) {  // C706 §12.6.4.3, MS-RPCE §2.2.2: to the endpoint mapper, which every
                                           // RPC server can refuse politely
  constexpr std::uint8_t kEndpointMapper[] = {0x08, 0x83, 0xAF, 0xE1, 0x1F, 0x5D, 0xC9, 0x11,
                                              0x91, 0xA4, 0x08, 0x00, 0x2B, 0x14, 0xA0, 0xFA};
  constexpr std::uint8_t kNdr[] = {0x04, 0x5D, 0x88, 0x8A, 0xEB, 0x1C, 0xC9, 0x11,
                                   0x9F, 0xE8, 0x08, 0x00, 0x2B, 0x10, 0x48, 0x60};
  ByteString out;
  ByteWriter w(out, true);
  w.u8(5).u8(0).u8(11).u8(3).u32(0x10).u16(72).u16(0).u32(1);  // bind, first and last fragment, little-endian
  w.u16(4280).u16(4280).u32(0).u8(1).zeros(3);
  w.u16(0).u8(1).u8(0).bytes(kEndpointMapper).u32(3).bytes(kNdr).u32(2);
  return out;
}

Heard read_msrpc(Bytes reply) {
  std::string_view text = text_of(reply);
  ServiceSeen seen;
  seen.name = "msrpc";
  if (text.starts_with("ncacn_http/1.")) {  // MS-RPCH: RPC over HTTP greets
    seen.version = word_of(text.substr(0, std::min<std::size_t>(14, text.size())));
    seen.evidence = evidence_of(reply);
    return {seen, true, {}};
  }
  if (reply.size() < 16 || reply[0] != 5 || reply[1] > 1) return {};
  std::uint8_t type = reply[2];
  bool little = (reply[4] & 0x10) != 0;
  std::uint16_t length = little ? le16(&reply[8]) : be16(&reply[8]);
  if ((reply[4] & 0xEF) != 0 || length < 16 || length > 5840) return {};
  if (type == 12)
    seen.evidence = "bind_ack";
  else if (type == 13)
    seen.evidence = "bind_nak";
  else if (type == 3)
    seen.evidence = "fault";
  else
    return {};
  if (reply.size() < length) return {seen, false, {}};
  if (type == 12 && reply.size() >= 28) {
    std::size_t size = little ? le16(&reply[24]) : be16(&reply[24]);
    if (size > 1 && reply.size() >= 26 + size)
      seen.evidence += ", secondary address " + word_of(text.substr(26, size - 1));
    // The results follow, aligned to four bytes: the first one is 0 where the endpoint mapper is really there.
    std::size_t results = (26 + size + 3) & ~std::size_t{3};
    if (reply.size() >= results + 6 && reply[results] > 0 && reply[results + 4] == 0 && reply[results + 5] == 0)
      return {seen, true, {}, "msrpc-endpoints"};
  }
  return {seen, true, {}};
}

ByteString msrpc_endpoints(std::string_view) {  // ept_lookup: everything, the first entries of it
  ByteString out;
  ByteWriter w(out, true);
  w.u8(5).u8(0).u8(0).u8(3).u32(0x10).u16(24 + 40).u16(0).u32(2);
  w.u32(40).u16(0).u16(2);
  w.u32(0).u32(0).u32(0).u32(1).zeros(20).u32(kEntriesAsked);
  return out;
}

Heard read_msrpc_endpoints(Bytes reply) {
  if (reply.size() < 16 || reply[0] != 5) return {};
  ServiceSeen seen;
  seen.name = "msrpc";
  if (reply[2] == 3) {
    seen.evidence = "the endpoint mapper does not tell";
    return {seen, true};
  }
  if (reply[2] != 2) return {};
  ByteString stub;
  const bool whole = join_fragments(reply, stub);
  ByteReader in(stub);
  in.skip(20);  // entry_handle
  const std::uint32_t count = in.u32_le();
  in.skip(8);  // maximum, offset
  const std::uint32_t actual = in.u32_le();
  if (!in.ok() || actual > count || actual > kEntriesMax) return {seen, whole};
  std::vector<std::string> annotations(actual);
  std::vector<bool> has_tower(actual);
  for (std::uint32_t i = 0; i < actual; ++i) {
    in.skip(16);  // object
    has_tower[i] = in.u32_le() != 0;
    in.skip(4);
    Bytes annotation = in.bytes(std::min<std::size_t>(in.u32_le(), 65535));
    align4(in, stub.size());
    std::string_view text = text_of(annotation);
    annotations[i] = std::string(text.substr(0, text.find('\0')));
  }
  std::map<std::uint16_t, std::set<std::string>> ports;
  std::set<std::string> local;
  for (std::uint32_t i = 0; i < actual && in.ok(); ++i) {
    if (!has_tower[i]) continue;
    in.skip(4);
    Bytes octets = in.bytes(std::min<std::size_t>(in.u32_le(), 65535));
    align4(in, stub.size());
    if (!in.ok()) break;
    const Tower tower = read_tower(octets);
    if (tower.interface_first == 0) continue;
    const std::string what = interface_name(tower.interface_first, annotations[i]);
    if (tower.tcp_port != 0)
      ports[tower.tcp_port].insert(what);
    else
      local.insert(what);
  }
  seen.evidence = fmt::format("{} endpoints", actual);
  std::size_t shown = 0;
  for (const auto& [port, names] : ports) {
    if (++shown > kPortsShown || seen.evidence.size() > 800) break;
    seen.evidence += fmt::format("{} {}", shown == 1 ? ": tcp" : ",", port);
    std::string_view between = " (";
    for (const std::string& name : names) {
      seen.evidence += fmt::format("{}{}", between, name);
      between = ", ";
      if (seen.evidence.size() > 900) break;
    }
    seen.evidence += ")";
  }
  if (ports.empty() && !local.empty()) seen.evidence += ", none of them over TCP";
  return {seen, whole};
}

}  // namespace demarc::app
