// Where a program is to be found: the endpoint mapper's towers and the port mapper's answers.
#include <algorithm>
#include <charconv>
#include <string>

#include "probes/app/announced.h"

namespace demarc {

namespace {

constexpr std::size_t kTowersMax = 64, kTowerMax = 512, kFloorsMax = 8;
constexpr std::uint32_t kPortmap = 100000;

/// NDR's numbers with their alignment, counted from the start of the stub (C706 §14.2.2, MS-RPCE §2.2.5).
class NdrReader {
 public:
  NdrReader(Bytes stub, bool little, bool wide) : in_(stub), whole_(stub.size()), little_(little), wide_(wide) {}
  std::uint32_t u32() {
    align(4);
    return little_ ? in_.u32_le() : in_.u32();
  }
  /// Counts and pointers: 32 bits in NDR, 64 in NDR64.
  std::uint64_t wide() {
    if (!wide_) return u32();
    align(8);
    return little_ ? in_.u64_le() : in_.u64();
  }
  Bytes bytes(std::size_t count) { return in_.bytes(count); }
  void skip(std::size_t count) { in_.skip(count); }
  bool ok() const { return in_.ok(); }
  std::size_t left() const { return in_.left(); }

 private:
  void align(std::size_t to) {
    while ((whole_ - in_.left()) % to != 0 && in_.ok()) in_.skip(1);
  }
  ByteReader in_;
  std::size_t whole_;
  bool little_, wide_;
};

/// A protocol tower (C706 appendix L). Its floors are little-endian whatever the PDU is, and ports and addresses in
/// network order: 0x07 TCP, 0x08 UDP, 0x09 IP (appendix I).
std::optional<Announced> read_tower(Bytes octets) {
  ByteReader in(octets);
  const std::uint16_t floors = in.u16_le();
  std::optional<Announced> announced;
  std::optional<Address> address;
  for (unsigned i = 0; i < floors && i < kFloorsMax; ++i) {
    const Bytes left = in.bytes(in.u16_le());
    const Bytes right = in.bytes(in.u16_le());
    if (!in.ok()) return std::nullopt;
    if (left.size() != 1) continue;
    if ((left[0] == 0x07 || left[0] == 0x08) && right.size() == 2 && !announced)
      announced = {left[0] == 0x07 ? Protocol::tcp : Protocol::udp, std::nullopt, Port{be16(right.data())}};
    if (left[0] == 0x09 && right.size() == 4 && be32(right.data()) != 0)
      address = Address::from_ipv4_bytes(right.data());
  }
  if (announced) announced->address = address;
  return announced;
}

/// [out] handle, num_towers, an array of pointers to towers, status (C706 appendix O). All of it must fit.
bool read_towers(Bytes stub, bool little, bool wide, std::vector<Announced>& found) {
  NdrReader in(stub, little, wide);
  in.skip(20);  // entry_handle
  const std::uint32_t count = in.u32();
  const std::uint64_t maximum = in.wide(), offset = in.wide(), actual = in.wide();
  if (!in.ok() || actual != count || offset != 0 || maximum < actual || actual > kTowersMax) return false;
  std::size_t pointers = 0;
  for (std::uint64_t i = 0; i < actual; ++i)
    if (in.wide() != 0) ++pointers;
  for (std::size_t i = 0; i < pointers; ++i) {
    const std::uint64_t size = in.wide();
    if (in.u32() != size || size < 2 || size > kTowerMax) return false;
    const Bytes octets = in.bytes(static_cast<std::size_t>(size));
    if (!in.ok()) return false;
    const std::optional<Announced> announced = read_tower(octets);
    if (announced && std::find(found.begin(), found.end(), *announced) == found.end()) found.push_back(*announced);
  }
  in.u32();  // status
  // Up to 15 bytes of padding stand before an authentication trailer.
  return in.ok() && in.left() < 16;
}

/// The accepted reply up to its results (RFC 5531 §9).
bool take_accepted(ByteReader& in) {
  in.skip(4);
  if (in.u32() != 1 || in.u32() != 0) return false;
  in.skip(4);
  const std::uint32_t verifier = in.u32();
  if (verifier > 400) return false;
  in.skip((verifier + 3) & ~3U);
  return in.u32() == 0 && in.ok();
}

/// "192.0.2.1.8.1", "2001:db8::1.8.1": the port's two bytes behind the address (RFC 5665 §5.2.3.3 and §5.2.3.4).
std::optional<Announced> read_universal(std::string_view text, Protocol protocol) {
  std::uint32_t halves[2] = {};
  for (int i = 1; i >= 0; --i) {
    const std::size_t dot = text.rfind('.');
    if (dot == text.npos) return std::nullopt;
    const std::string_view digits = text.substr(dot + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), halves[i]);
    if (error != std::errc() || end != digits.data() + digits.size() || halves[i] > 255) return std::nullopt;
    text = text.substr(0, dot);
  }
  const std::optional<Address> address = parse_address(text);
  const std::uint32_t port = halves[0] << 8 | halves[1];
  if (!address || port == 0) return std::nullopt;
  Announced announced{protocol, std::nullopt, Port{static_cast<std::uint16_t>(port)}};
  // A server that waits on all its addresses says so.
  if (classify(*address) != AddressClass::unspecified) announced.address = *address;
  return announced;
}

std::string_view take_string(ByteReader& in) {
  const std::uint32_t size = in.u32();
  if (size > 256) {
    in.skip(in.left() + 1);  // not ok from here on
    return {};
  }
  const Bytes text = in.bytes(size);
  in.skip((4 - size % 4) % 4);
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

}  // namespace

std::optional<MsrpcPdu> read_msrpc_pdu(Bytes bytes) {
  // C706 §12.6.3.1: version 5.0 or 5.1, kinds 0 to 19, then the data representation: integers in one of two orders.
  if (bytes.size() < kMsrpcHeader || bytes[0] != 5 || bytes[1] > 1 || bytes[2] > 21) return std::nullopt;
  if ((bytes[4] & 0xEF) != 0 || bytes[5] > 3) return std::nullopt;
  MsrpcPdu pdu;
  pdu.type = bytes[2];
  pdu.first = (bytes[3] & 1) != 0;
  pdu.last = (bytes[3] & 2) != 0;
  pdu.little_endian = (bytes[4] & 0x10) != 0;
  const auto u16 = [&](std::size_t at) { return pdu.little_endian ? le16(&bytes[at]) : be16(&bytes[at]); };
  pdu.length = u16(8);
  const std::size_t trailer = u16(10);
  pdu.call = pdu.little_endian ? le32(&bytes[12]) : be32(&bytes[12]);
  if (pdu.length < kMsrpcHeader || pdu.length > kMsrpcFragmentMax) return std::nullopt;
  if ((pdu.type != 0 && pdu.type != 2) || bytes.size() < pdu.length) return pdu;
  const bool has_object = pdu.type == 0 && (bytes[3] & 0x80) != 0;
  const std::size_t head = has_object ? 40 : 24;
  // Behind the stub: padding, eight bytes that describe the trailer, the trailer (§13.2.6.1).
  const std::size_t behind = trailer == 0 ? 0 : trailer + 8;
  if (pdu.length < head + behind) return std::nullopt;
  if (pdu.type == 0) pdu.opnum = u16(22);
  std::size_t end = pdu.length - behind;
  if (trailer != 0) end -= std::min<std::size_t>(bytes[end + 2], end - head);
  pdu.stub = bytes.subspan(head, end - head);
  return pdu;
}

std::vector<Announced> read_ept_map(Bytes stub, bool little_endian) {
  for (const bool wide : {false, true}) {
    std::vector<Announced> found;
    if (read_towers(stub, little_endian, wide, found)) return found;
  }
  return {};
}

std::optional<PortQuestion> read_port_question(Bytes message) {
  ByteReader in(message);
  PortQuestion question;
  question.xid = in.u32();
  const std::uint32_t type = in.u32(), rpc = in.u32(), program = in.u32();
  question.version = in.u32();
  const std::uint32_t procedure = in.u32();
  if (!in.ok() || type != 0 || rpc != 2 || program != kPortmap) return std::nullopt;
  for (int i = 0; i < 2; ++i) {  // credentials and verifier
    in.skip(4);
    const std::uint32_t size = in.u32();
    if (size > 400) return std::nullopt;
    in.skip((size + 3) & ~3U);
  }
  in.skip(8);                                     // the program asked for, and its version
  if (question.version == 2 && procedure == 3) {  // PMAPPROC_GETPORT
    const std::uint32_t protocol = in.u32();
    if (!in.ok() || (protocol != 6 && protocol != 17)) return std::nullopt;
    question.protocol = protocol == 6 ? Protocol::tcp : Protocol::udp;
    return question;
  }
  // RPCBPROC_GETADDR, and GETVERSADDR of version 4, which has its form
  if ((question.version == 3 && procedure == 3) || (question.version == 4 && (procedure == 3 || procedure == 9))) {
    const std::string_view network = take_string(in);
    if (!in.ok()) return std::nullopt;
    if (network == "tcp" || network == "tcp6")
      question.protocol = Protocol::tcp;
    else if (network == "udp" || network == "udp6")
      question.protocol = Protocol::udp;
    else
      return std::nullopt;
    return question;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> read_rpc_reply_id(Bytes message) {
  ByteReader in(message);
  const std::uint32_t xid = in.u32(), type = in.u32();
  if (!in.ok() || type != 1) return std::nullopt;
  return xid;
}

std::optional<Announced> read_port_answer(Bytes message, const PortQuestion& question) {
  if (read_rpc_reply_id(message) != question.xid) return std::nullopt;
  ByteReader in(message);
  if (!take_accepted(in)) return std::nullopt;
  if (question.version == 2) {
    const std::uint32_t port = in.u32();
    if (!in.ok() || port == 0 || port > 65535) return std::nullopt;
    return Announced{question.protocol, std::nullopt, Port{static_cast<std::uint16_t>(port)}};
  }
  const std::string_view address = take_string(in);
  if (!in.ok()) return std::nullopt;
  return read_universal(address, question.protocol);
}

}  // namespace demarc
