// libpcap's handle as a CaptureReader. Never immediate mode: with it libpcap falls back from TPACKET_V3 to V2 and
// drops under load. Instead the ring is handed over block by block, at the latest after the timeout.
#include "scanner/capture/live.h"

#include <fmt/format.h>
#include <pcap/pcap.h>
#include <poll.h>

#include <algorithm>
#include <cstring>

namespace demarc {

namespace {

struct HandleCloser {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};
using Handle = std::unique_ptr<pcap_t, HandleCloser>;

LinkType link_type(int dlt) { return dlt == DLT_RAW ? LinkType::raw : static_cast<LinkType>(dlt); }

std::string open_hint(int status) {
  switch (status) {
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
      return "capturing needs CAP_NET_RAW: run it as root, or setcap cap_net_raw=ep on the program";
    case PCAP_ERROR_NO_SUCH_DEVICE: return "ip link shows the interfaces there are";
    case PCAP_ERROR_IFACE_NOT_UP: return "bring it up first: ip link set INTERFACE up";
    default: return "";
  }
}

class PcapLive : public LiveCapture {
 public:
  PcapLive(Handle handle, const LiveOptions& options)
      : handle_(std::move(handle)),
        interface_(options.interface),
        link_(link_type(pcap_datalink(handle_.get()))),
        timeout_ms_(std::max(1, options.timeout_ms)),
        nanoseconds_(pcap_get_tstamp_precision(handle_.get()) == PCAP_TSTAMP_PRECISION_NANO) {}

  // A batch, copied: with TPACKET_V3 libpcap hands a block of the ring back as soon as its last packet has been
  // shown.
  std::size_t read(std::span<CapturePacket> out) override {
    if (out.empty() || finished_) return 0;
    out_ = out;
    filled_ = used_ = 0;
    int status = dispatch();
    if (filled_ == 0 && status >= 0) {
      // With TPACKET_V3 libpcap's own wait has no end while nothing comes, and nobody could stop the run.
      pollfd wanted{pcap_get_selectable_fd(handle_.get()), POLLIN, 0};
      ::poll(&wanted, 1, timeout_ms_);
      status = dispatch();
    }
    if (status < 0 && status != PCAP_ERROR_BREAK) {
      finished_ = true;
      statistics_.problem = fmt::format("the capture on {} ended: {}", interface_, pcap_geterr(handle_.get()));
    }
    return filled_;
  }

  const CaptureStatistics& statistics() override {
    pcap_stat counted{};
    // ps_drop: no room in the ring; ps_ifdrop: the driver. Both count from the start and wrap at 32 bits.
    if (pcap_stats(handle_.get(), &counted) == 0) {
      drops_ += static_cast<std::uint32_t>(counted.ps_drop - last_drop_);
      drops_ += static_cast<std::uint32_t>(counted.ps_ifdrop - last_ifdrop_);
      last_drop_ = counted.ps_drop;
      last_ifdrop_ = counted.ps_ifdrop;
    }
    statistics_.dropped = drops_;
    return statistics_;
  }

  LinkType link() const override { return link_; }
  bool finished() const override { return finished_; }

 private:
  // Enough for a batch of ordinary packets, and always for one more of the longest kind.
  static constexpr std::size_t kArena = (std::size_t{1} << 20) + kPacketBytesMax;

  int dispatch() {
    return pcap_dispatch(handle_.get(), static_cast<int>(std::min<std::size_t>(out_.size() - filled_, 1U << 16)),
                         &PcapLive::on_packet, reinterpret_cast<u_char*>(this));
  }
  static void on_packet(u_char* self, const pcap_pkthdr* header, const u_char* bytes) {
    reinterpret_cast<PcapLive*>(self)->take(*header, bytes);
  }
  void take(const pcap_pkthdr& header, const u_char* bytes) {
    const std::size_t length = std::min<std::size_t>(header.caplen, kPacketBytesMax);
    CapturePacket& packet = out_[filled_++];
    const std::int64_t fraction = header.ts.tv_usec;  // in nanoseconds, where they were granted
    packet.at =
        Timestamp(std::chrono::seconds(header.ts.tv_sec) + Nanoseconds(nanoseconds_ ? fraction : fraction * 1000));
    packet.link = link_;
    packet.wire_length = std::max<std::uint32_t>(header.len, header.caplen);
    packet.interface = 0;
    packet.frame = ++statistics_.packets;
    std::memcpy(arena_.get() + used_, bytes, length);
    packet.bytes = Bytes(arena_.get() + used_, length);
    used_ += length;
    statistics_.bytes_read += length;
    // libpcap loses nothing by it: the next call goes on behind this packet.
    if (used_ + kPacketBytesMax > kArena) pcap_breakloop(handle_.get());
  }

  Handle handle_;
  std::unique_ptr<std::uint8_t[]> arena_ = std::make_unique_for_overwrite<std::uint8_t[]>(kArena);
  std::span<CapturePacket> out_;
  std::size_t filled_ = 0, used_ = 0;
  std::string interface_;
  LinkType link_;
  int timeout_ms_;
  bool nanoseconds_;
  bool finished_ = false;
  std::uint64_t drops_ = 0;
  std::uint32_t last_drop_ = 0, last_ifdrop_ = 0;
  CaptureStatistics statistics_;
};

}  // namespace

Result<std::unique_ptr<LiveCapture>> LiveCapture::open(const LiveOptions& options) {
  if (options.interface.empty()) return failure("no interface was named", "for example -i eth0, or -i any");
  char message[PCAP_ERRBUF_SIZE] = "";
  Handle handle(pcap_create(options.interface.c_str(), message));
  if (!handle) return failure(fmt::format("cannot capture on {}: {}", options.interface, message));
  pcap_t* h = handle.get();
  pcap_set_snaplen(h, static_cast<int>(std::clamp(options.snaplen, 64U, kPacketBytesMax)));
  pcap_set_promisc(h, options.promiscuous ? 1 : 0);
  pcap_set_timeout(h, std::max(1, options.timeout_ms));
  pcap_set_buffer_size(h, static_cast<int>(std::clamp(options.buffer_bytes, 1U << 20, 1U << 30)));
  pcap_set_immediate_mode(h, 0);
  pcap_set_tstamp_precision(h, PCAP_TSTAMP_PRECISION_NANO);  // where refused, microseconds come
  if (const int status = pcap_activate(h); status < 0) {
    const std::string detail = pcap_geterr(h);
    std::string what = fmt::format("cannot capture on {}: {}", options.interface, pcap_statustostr(status));
    if (!detail.empty()) what += " (" + detail + ")";
    return failure(std::move(what), open_hint(status));
  }
  if (!options.filter.empty()) {
    bpf_program code{};
    if (pcap_compile(h, &code, options.filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
      return failure(fmt::format("the filter '{}' cannot be used: {}", options.filter, pcap_geterr(h)),
                     "see pcap-filter(7), for example: host 192.0.2.10 and tcp port 443");
    const int status = pcap_setfilter(h, &code);
    pcap_freecode(&code);
    if (status != 0)
      return failure(fmt::format("the filter cannot be set on {}: {}", options.interface, pcap_geterr(h)));
  }
  if (options.inbound_only && pcap_setdirection(h, PCAP_D_IN) != 0)
    return failure(fmt::format("cannot tell what comes in on {}: {}", options.interface, pcap_geterr(h)));
  // Reading never waits: poll() does, with a timeout, so that a quiet interface can still be told to stop.
  // A packet that goes out and in again on one machine (lo, any) is seen both ways; that is what the interface
  // carries.
  if (pcap_setnonblock(h, 1, message) != 0)
    return failure(fmt::format("cannot capture on {}: {}", options.interface, message));
  return std::unique_ptr<LiveCapture>(std::make_unique<PcapLive>(std::move(handle), options));
}

}  // namespace demarc
