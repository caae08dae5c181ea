// ONC RPC over TCP (RFC 5531, record marking in its §11): what the port mapper knows, and which NFS versions there
// are.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "probes/app/codecs.h"

namespace demarc::app {

namespace {

constexpr std::uint32_t kXid = 0x64656D61;
constexpr std::size_t kMappingsMax = 256;

ByteString call(std::uint32_t program, std::uint32_t version, std::uint32_t procedure) {
  ByteString out;
  ByteWriter w(out);
  w.u32(0x80000000U | 40).u32(kXid).u32(0).u32(2).u32(program).u32(version).u32(procedure).zeros(16);
  return out;
}

struct Accepted {
  bool is_reply = false, complete = false, denied = false;
  std::uint32_t status = 0;
  ByteString result;  // of an accepted call
};

Accepted read_reply(Bytes reply) {
  Accepted accepted;
  ByteString message;
  for (bool last = false; !last;) {
    if (reply.size() < 4) break;
    const std::uint32_t mark = be32(reply.data());
    const std::size_t length = mark & 0x7FFFFFFF;
    last = (mark & 0x80000000U) != 0;
    if (length > 1024 * 1024 || (length == 0 && !last)) return accepted;
    Bytes fragment = reply.subspan(4, std::min(length, reply.size() - 4));
    message.insert(message.end(), fragment.begin(), fragment.end());
    if (fragment.size() < length) break;
    accepted.complete = last;
    reply = reply.subspan(4 + length);
  }
  ByteReader in(message);
  if (in.u32() != kXid || in.u32() != 1) return accepted;
  const std::uint32_t state = in.u32();
  if (!in.ok() || state > 1) return accepted;
  accepted.is_reply = true;
  accepted.denied = state == 1;
  in.skip(4);
  in.skip((std::min<std::size_t>(in.u32(), 400) + 3) & ~std::size_t{3});  // verifier
  accepted.status = in.u32();
  if (in.ok()) accepted.result.assign(in.rest().begin(), in.rest().end());
  return accepted;
}

std::string program_name(std::uint32_t program) {
  switch (program) {
    case 100000: return "rpcbind";
    case 100003: return "nfs";
    case 100004: return "ypserv";
    case 100005: return "mountd";
    case 100007: return "ypbind";
    case 100011: return "rquotad";
    case 100021: return "nlockmgr";
    case 100024: return "status";
    case 100227: return "nfs_acl";
    case 391002: return "sgi_fam";
    default: return fmt::format("program {}", program);
  }
}

}  // namespace

ByteString rpcbind_dump(std::string_view) { return call(100000, 2, 4); }  // RFC 1833 §3.2, PMAPPROC_DUMP

Heard read_rpcbind(Bytes reply) {
  const Accepted accepted = read_reply(reply);
  if (!accepted.is_reply) return {};
  ServiceSeen seen;
  seen.name = "rpcbind";
  if (accepted.denied || accepted.status != 0) {
    seen.evidence = accepted.denied ? "call denied" : fmt::format("call not served ({})", accepted.status);
    return {seen, accepted.complete};
  }
  std::map<std::string, std::set<std::uint32_t>> ports;  // "nfs tcp"
  ByteReader in(accepted.result);
  std::size_t count = 0;
  while (count < kMappingsMax && in.u32() == 1) {
    const std::uint32_t program = in.u32();
    in.skip(4);
    const std::uint32_t protocol = in.u32(), port = in.u32();
    if (!in.ok()) break;
    ++count;
    if (protocol == 6 || protocol == 17)
      ports[program_name(program) + (protocol == 6 ? " tcp" : " udp")].insert(port);
  }
  seen.evidence = fmt::format("{} mappings", count);
  std::string_view between = ": ";
  for (const auto& [what, numbers] : ports) {
    if (seen.evidence.size() > 600) break;
    seen.evidence += fmt::format("{}{} {}", between, what, *numbers.begin());
    between = ", ";
  }
  return {seen, accepted.complete};
}

// Version 0 is none: the refusal names the lowest and the highest there are (PROG_MISMATCH, RFC 5531 §9).
ByteString nfs_null(std::string_view) { return call(100003, 0, 0); }

Heard read_nfs(Bytes reply) {
  const Accepted accepted = read_reply(reply);
  if (!accepted.is_reply) return {};
  ServiceSeen seen;
  seen.name = "nfs";
  ByteReader in(accepted.result);
  const std::uint32_t low = in.u32(), high = in.u32();
  if (accepted.denied)
    seen.evidence = "call denied";
  else if (accepted.status == 1)
    return {};  // another program's server
  else if (accepted.status == 2 && in.ok()) {
    seen.version = low == high ? fmt::format("NFS {}", high) : fmt::format("NFS {} to {}", low, high);
    seen.evidence = "versions " + seen.version.substr(4);
  } else
    seen.evidence = "answers calls";
  return {seen, accepted.complete};
}

}  // namespace demarc::app
