// ONC RPC (RFC 5531): the null procedure, which every program has, and the port mapper's answer to "where is
// mountd?".
#include <fmt/format.h>

#include "probes/app/udp_codecs.h"

namespace demarc::app {

namespace {

constexpr std::uint32_t kPortmap = 100000, kNfs = 100003, kMount = 100005;

ByteString call(const Token& token, std::uint32_t program, std::uint32_t version, std::uint32_t procedure) {
  ByteString out;
  ByteWriter w(out);
  w.u32(token.u32()).u32(0).u32(2).u32(program).u32(version).u32(procedure);
  w.u32(0).u32(0).u32(0).u32(0);  // AUTH_NONE twice
  return out;
}

/// Reads a reply up to the results (§9). `speaks` is what a program at that place is called.
UdpHeard reply_of(ByteReader& in, const Token& token, std::string_view speaks, bool* done = nullptr) {
  UdpHeard heard;
  std::uint32_t xid = in.u32(), type = in.u32(), state = in.u32();
  if (!in.ok() || type != 1 || state > 1) return {};
  if (!must_return(token, xid == token.u32(), 32, heard)) return {};
  if (state == 1) {  // denied: the wrong RPC version, or authentication wanted
    std::uint32_t why = in.u32(), first = in.u32();
    if (!in.ok() || why > 1) return {};
    return is_answer(
        heard, "onc-rpc",
        why == 0 ? std::string("denied: RPC version") : fmt::format("denied: authentication {}", first));
  }
  std::uint32_t flavour = in.u32(), size = in.u32();
  if (!in.ok() || flavour > 6 || size > 400) return {};
  in.skip((size + 3) & ~3U);
  std::uint32_t status = in.u32();
  if (!in.ok() || status > 5) return {};
  constexpr std::string_view kStatus[] = {"success",           "no such program",   "another version",
                                          "no such procedure", "garbled arguments", "system error"};
  std::string said = fmt::format("RPC reply: {}", kStatus[status]);
  if (status == 2) {
    std::uint32_t low = in.u32(), high = in.u32();
    if (in.ok()) said += fmt::format(", {} to {}", low, high);
  }
  // Who asked for a program and got no such program is not told which one there is.
  bool ours = was_asked(token) && status != 1;
  is_answer(heard, ours ? speaks : std::string_view("onc-rpc"), std::move(said));
  if (done != nullptr) *done = status == 0;
  return heard;
}

UdpHeard read_null(Bytes reply, const Token& token, std::string_view speaks) {
  ByteReader in(reply);
  return reply_of(in, token, speaks);
}

}  // namespace

ByteString udp_rpcbind_null(const Token& token) { return call(token, kPortmap, 2, 0); }
UdpHeard read_udp_rpcbind_null(Bytes reply, const Token& token) { return read_null(reply, token, "rpcbind"); }

ByteString udp_rpcbind_mountd(const Token& token) {  // RFC 1833 §3.2, PMAPPROC_GETPORT
  ByteString out = call(token, kPortmap, 2, 3);
  ByteWriter(out).u32(kMount).u32(3).u32(17).u32(0);
  return out;
}
UdpHeard read_udp_rpcbind_mountd(Bytes reply, const Token& token) {
  ByteReader in(reply);
  bool done = false;
  UdpHeard heard = reply_of(in, token, "rpcbind", &done);
  if (!heard.is_answer || !was_asked(token) || !done) return heard;
  std::uint32_t port = in.u32();
  if (!in.ok() || port > 65535) return heard;
  heard.seen->evidence += port == 0 ? std::string(", no mountd") : fmt::format(", mountd on UDP {}", port);
  return heard;
}

ByteString udp_nfs_null(const Token& token) { return call(token, kNfs, 3, 0); }
UdpHeard read_udp_nfs_null(Bytes reply, const Token& token) { return read_null(reply, token, "nfs"); }

ByteString udp_mountd_null(const Token& token) { return call(token, kMount, 3, 0); }
UdpHeard read_udp_mountd_null(Bytes reply, const Token& token) { return read_null(reply, token, "mountd"); }

}  // namespace demarc::app
