#include "scanner/active/raw/channel.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstring>

#include "scanner/active/raw/packet_sockets.h"

namespace demarc {

namespace {

constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kPacketMax = 9000;
// A block is given to us when it is full or after kRetireMs with something in it. Small blocks stand a long pause
// of ours even when packets come one by one: 512 of them are a second.
constexpr std::size_t kBlockBytes = std::size_t{64} << 10;
constexpr std::size_t kRingBytesMin = std::size_t{1} << 20;
constexpr unsigned kRetireMs = 2;
// Without a ring: so many packets at once, each cut to a size that any answer fits in.
constexpr std::size_t kPlainBatch = 64;
constexpr std::size_t kPlainBytes = 9216;

Timestamp timestamp(std::int64_t seconds, std::int64_t nanoseconds) {
  return Timestamp(std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanoseconds));
}

LinkAddress link_address(const sockaddr_ll& from) {
  LinkAddress address;
  address.size = std::min<std::uint8_t>(from.sll_halen, sizeof from.sll_addr);
  std::memcpy(address.bytes.data(), from.sll_addr, address.size);
  return address;
}

/// Whether it is worth handing over; the filter has seen to it already, except on kernels that cannot.
bool wanted(const sockaddr_ll& from) {
  std::uint16_t protocol = ntohs(from.sll_protocol);
  return from.sll_pkttype != PACKET_OUTGOING &&
         (protocol == ETH_P_IP || protocol == ETH_P_IPV6 || protocol == ETH_P_ARP);
}

/// What is on its way out: packets behind each other in one buffer, and what sendmmsg wants to know of each.
class Queue {
 public:
  Queue(const NetworkInterface& interface, std::uint32_t batch)
      : header_(interface.header == LinkHeader::ethernet ? kEthernetHeader : 0),
        room_(std::min<std::size_t>(interface.mtu, kPacketMax)),
        bytes_(batch * aligned(header_ + room_)),
        pieces_(batch),
        names_(header_ == 0 || interface.loopback ? batch : 0),
        messages_(batch) {
    for (std::uint32_t i = 0; i < batch; ++i) {
      messages_[i].msg_hdr.msg_iov = &pieces_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  bool full() const { return count_ == messages_.size(); }
  std::size_t size() const { return count_; }
  void clear() { count_ = used_ = 0; }

  std::span<std::uint8_t> room() {
    if (full()) return {};
    return {bytes_.data() + used_ + header_, room_};
  }

  void add(std::size_t length, const LinkAddress& to, bool ip, const NetworkInterface& from) {
    assert(!full() && length > 0 && length <= room_);
    if (full() || length == 0 || length > room_) return;
    std::uint8_t* frame = bytes_.data() + used_;
    msghdr& message = messages_[count_].msg_hdr;
    message.msg_name = nullptr;
    message.msg_namelen = 0;
    pieces_[count_] = {frame, header_ + length};
    std::uint16_t type = !ip ? ETH_P_ARP : (frame[header_] >> 4) == 6 ? ETH_P_IPV6 : ETH_P_IP;
    if (from.loopback && type == ETH_P_IP) {
      if (length < 20) return;
      sockaddr_in& name = names_[count_].ipv4;
      name = {};
      name.sin_family = AF_INET;
      std::memcpy(&name.sin_addr, frame + header_ + 16, 4);
      message.msg_name = &name;
      message.msg_namelen = sizeof name;
      pieces_[count_] = {frame + header_, length};
    } else if (header_ != 0) {
      std::memcpy(frame, to.bytes.data(), 6);
      std::memcpy(frame + 6, from.address.bytes.data(), 6);
      frame[12] = static_cast<std::uint8_t>(type >> 8);
      frame[13] = static_cast<std::uint8_t>(type);
    } else {
      sockaddr_ll& name = names_[count_].link;
      name = {};
      name.sll_family = AF_PACKET;
      name.sll_protocol = htons(type);
      name.sll_ifindex = from.index;
      message.msg_name = &name;
      message.msg_namelen = sizeof name;
    }
    used_ += aligned(header_ + length);
    ++count_;
  }

  /// The messages from `first` on that leave by the same socket.
  struct Run {
    mmsghdr* messages;
    unsigned count;
    bool loopback_ipv4;
  };
  Run run(std::size_t first) {
    Run found{&messages_[first], 1, is_ipv4_name(first)};
    while (first + found.count < count_ && is_ipv4_name(first + found.count) == found.loopback_ipv4) ++found.count;
    return found;
  }

  /// Takes off the first `done`; the others move to the front.
  void drop(std::size_t done) {
    if (done == count_) return clear();
    if (done == 0) return;
    // The room for a link header is there also where a raw IP socket does without.
    auto* first = static_cast<std::uint8_t*>(pieces_[done].iov_base);
    std::size_t moved = static_cast<std::size_t>(first - bytes_.data()) - (is_ipv4_name(done) ? header_ : 0);
    std::memmove(bytes_.data(), bytes_.data() + moved, used_ - moved);
    for (std::size_t i = done; i < count_; ++i) {
      pieces_[i - done] = {static_cast<std::uint8_t*>(pieces_[i].iov_base) - moved, pieces_[i].iov_len};
      msghdr& message = messages_[i - done].msg_hdr;
      message.msg_namelen = messages_[i].msg_hdr.msg_namelen;
      message.msg_name = nullptr;
      if (message.msg_namelen == 0) continue;
      names_[i - done] = names_[i];
      message.msg_name = &names_[i - done];
    }
    used_ -= moved;
    count_ -= done;
  }

  /// The interface came back under another number.
  void rename(int interface_index) {
    for (std::size_t i = 0; i < count_; ++i)
      if (messages_[i].msg_hdr.msg_namelen == sizeof(sockaddr_ll)) names_[i].link.sll_ifindex = interface_index;
  }

 private:
  union Name {
    sockaddr_ll link;
    sockaddr_in ipv4;
  };
  bool is_ipv4_name(std::size_t i) const { return messages_[i].msg_hdr.msg_namelen == sizeof(sockaddr_in); }
  static std::size_t aligned(std::size_t size) { return (size + 7) & ~std::size_t{7}; }
  std::size_t header_, room_;
  std::vector<std::uint8_t> bytes_;
  std::vector<iovec> pieces_;
  std::vector<Name> names_;
  std::vector<mmsghdr> messages_;
  std::size_t count_ = 0, used_ = 0;
};

/// Blocks of packets that the kernel fills and we empty (Documentation/networking/packet_mmap.rst, TPACKET_V3).
class Ring {
 public:
  Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() {
    if (map_ != nullptr) munmap(map_, blocks_ * kBlockBytes);
  }

  /// As large as asked for, or as large as can be had. False: none.
  bool open(int fd, std::size_t bytes) {
    int version = TPACKET_V3;
    if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0) return false;
    for (std::size_t size = std::max(bytes, kRingBytesMin); size >= kRingBytesMin; size /= 2) {
      tpacket_req3 request{};
      request.tp_block_size = kBlockBytes;
      request.tp_block_nr = static_cast<unsigned>(size / kBlockBytes);
      request.tp_frame_size = 2048;  // V3 packs packets as they come; the number must only divide the block
      request.tp_frame_nr = static_cast<unsigned>(kBlockBytes / 2048) * request.tp_block_nr;
      request.tp_retire_blk_tov = kRetireMs;
      if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) != 0) continue;
      std::size_t mapped = request.tp_block_nr * kBlockBytes;
      void* map = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (map != MAP_FAILED) {
        map_ = static_cast<std::uint8_t*>(map);
        blocks_ = request.tp_block_nr;
        return true;
      }
      tpacket_req3 none{};
      setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &none, sizeof none);
    }
    return false;
  }

  bool is_open() const { return map_ != nullptr; }

  std::size_t take(const std::function<void(const Received&)>& take, std::size_t packets_max) {
    std::size_t taken = 0;
    while (taken < packets_max) {
      tpacket_hdr_v1& block = header();
      if (left_ == 0) {
        std::atomic_ref<std::uint32_t> status(block.block_status);
        if ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) return taken;
        left_ = block.num_pkts;
        next_ = block.offset_to_first_pkt;
        if (left_ == 0) {
          give_back();
          continue;
        }
      }
      const std::uint8_t* packet = base() + next_;
      const auto& head = *reinterpret_cast<const tpacket3_hdr*>(packet);
      next_ += head.tp_next_offset;
      --left_;
      bool last = left_ == 0;
      sockaddr_ll from;
      std::memcpy(&from, packet + TPACKET_ALIGN(sizeof(tpacket3_hdr)), sizeof from);
      if (wanted(from)) {
        Received received{{packet + head.tp_net, head.tp_snaplen},
                          ntohs(from.sll_protocol) == ETH_P_ARP,
                          link_address(from),
                          timestamp(head.tp_sec, head.tp_nsec),
                          head.tp_len};
        ++taken;
        take(received);
      }
      if (last) give_back();
    }
    return taken;
  }

 private:
  std::uint8_t* base() const { return map_ + current_ * kBlockBytes; }
  tpacket_hdr_v1& header() const { return reinterpret_cast<tpacket_block_desc*>(base())->hdr.bh1; }
  void give_back() {
    std::atomic_ref<std::uint32_t>(header().block_status).store(TP_STATUS_KERNEL, std::memory_order_release);
    current_ = (current_ + 1) % blocks_;
    left_ = 0;
  }
  std::uint8_t* map_ = nullptr;
  std::size_t blocks_ = 0, current_ = 0;
  std::uint32_t left_ = 0, next_ = 0;  // packets of the current block that are not handed over, and where they are
};

/// The same without a ring, where memory cannot be locked for one.
class Plain {
 public:
  void open(int fd, std::size_t bytes) {
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    int buffer = static_cast<int>(std::min<std::size_t>(bytes, std::size_t{64} << 20));
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0)
      setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    bytes_.resize(kPlainBatch * kPlainBytes);
    controls_.resize(kPlainBatch);
    names_.resize(kPlainBatch);
    pieces_.resize(kPlainBatch);
    messages_.resize(kPlainBatch);
  }

  std::size_t take(int fd, const std::function<void(const Received&)>& take, std::size_t packets_max) {
    std::size_t taken = 0;
    while (taken < packets_max) {
      std::size_t wish = std::min(kPlainBatch, packets_max - taken);
      for (std::size_t i = 0; i < wish; ++i) {
        pieces_[i] = {bytes_.data() + i * kPlainBytes, kPlainBytes};
        msghdr& header = messages_[i].msg_hdr;
        header = {};
        header.msg_name = &names_[i];
        header.msg_namelen = sizeof names_[i];
        header.msg_iov = &pieces_[i];
        header.msg_iovlen = 1;
        header.msg_control = controls_[i].bytes;
        header.msg_controllen = sizeof controls_[i].bytes;
      }
      int got = recvmmsg(fd, messages_.data(), static_cast<unsigned>(wish), MSG_DONTWAIT | MSG_TRUNC, nullptr);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return taken;
      for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
        if (!wanted(names_[i])) continue;
        std::size_t length = messages_[i].msg_len;
        ++taken;
        take({{bytes_.data() + i * kPlainBytes, std::min(length, kPlainBytes)},
              ntohs(names_[i].sll_protocol) == ETH_P_ARP,
              link_address(names_[i]),
              time_of(messages_[i].msg_hdr),
              static_cast<std::uint32_t>(length)});
      }
      if (static_cast<std::size_t>(got) < wish) return taken;
    }
    return taken;
  }

 private:
  struct Control {
    alignas(cmsghdr) std::uint8_t bytes[CMSG_SPACE(sizeof(timespec))];
  };
  static Timestamp time_of(msghdr& header) {
    timespec at{};
    cmsghdr* control = CMSG_FIRSTHDR(&header);
    if (control != nullptr && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS)
      std::memcpy(&at, CMSG_DATA(control), sizeof at);
    else
      clock_gettime(CLOCK_REALTIME, &at);
    return timestamp(at.tv_sec, at.tv_nsec);
  }
  std::vector<std::uint8_t> bytes_;
  std::vector<Control> controls_;
  std::vector<sockaddr_ll> names_;
  std::vector<iovec> pieces_;
  std::vector<mmsghdr> messages_;
};

}  // namespace

struct Channel::State {
  State(const ChannelOptions& options, const PacketSockets& sockets)
      : interface(options.interface),
        send_fd(sockets.send_fd),
        receive_fd(sockets.receive_fd),
        loopback_ipv4_fd(sockets.loopback_ipv4_fd),
        queue(options.interface, options.batch) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    close(send_fd);
    close(receive_fd);
    if (loopback_ipv4_fd >= 0) close(loopback_ipv4_fd);
  }

  NetworkInterface interface;
  int send_fd, receive_fd, loopback_ipv4_fd;
  Queue queue;
  Ring ring;
  Plain plain;
  std::uint64_t dropped = 0;

  /// An interface that went away and came back has another number, and perhaps another link address; the sockets
  /// are bound to it anew. Binding needs no privilege.
  bool find_again() {
    unsigned index = if_nametoindex(interface.name.c_str());
    if (index == 0) return false;
    sockaddr_ll own{};
    own.sll_family = AF_PACKET;
    own.sll_ifindex = static_cast<int>(index);
    if (bind(send_fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return false;
    own.sll_protocol = htons(ETH_P_ALL);
    if (bind(receive_fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return false;
    socklen_t size = sizeof own;
    if (interface.header == LinkHeader::ethernet &&
        getsockname(send_fd, reinterpret_cast<sockaddr*>(&own), &size) == 0)
      interface.address = link_address(own);
    interface.index = static_cast<int>(index);
    queue.rename(interface.index);
    return true;
  }
};

Channel::Channel(std::unique_ptr<State> state) : state_(std::move(state)) {}
Channel::~Channel() = default;
Channel::Channel(Channel&&) noexcept = default;
Channel& Channel::operator=(Channel&&) noexcept = default;

Result<Channel> Channel::open(const ChannelOptions& options) {
  PacketSockets sockets = DEMARC_TRY(open_packet_sockets(options));
  return adopt(options, sockets.send_fd, sockets.receive_fd, sockets.loopback_ipv4_fd);
}

Result<Channel> Channel::adopt(const ChannelOptions& options, int send_fd, int receive_fd, int loopback_ipv4_fd) {
  ChannelOptions checked = options;
  checked.batch = std::clamp(options.batch, 1U, 1024U);  // sendmmsg takes no more (UIO_MAXIOV)
  auto state = std::make_unique<State>(checked, PacketSockets{send_fd, receive_fd, loopback_ipv4_fd});
  constexpr std::size_t kRingBytesMax = std::size_t{1} << 30;
  if (options.ring_bytes == 0 || !state->ring.open(receive_fd, std::min(options.ring_bytes, kRingBytesMax)))
    state->plain.open(receive_fd, std::max(options.ring_bytes, kRingBytesMin));
  return Channel(std::move(state));
}

const NetworkInterface& Channel::interface() const { return state_->interface; }
std::span<std::uint8_t> Channel::room() { return state_->queue.room(); }
void Channel::commit(std::size_t length, const LinkAddress& to, bool ip) {
  state_->queue.add(length, to, ip, state_->interface);
}
bool Channel::full() const { return state_->queue.full(); }
std::size_t Channel::queued() const { return state_->queue.size(); }
void Channel::discard() { state_->queue.clear(); }
int Channel::poll_fd() const { return state_->receive_fd; }

Channel::Flushed Channel::flush() {
  Flushed flushed;
  Queue& queue = state_->queue;
  std::size_t done = 0;
  bool looked_again = false;
  while (done < queue.size()) {
    Queue::Run run = queue.run(done);
    int sent = sendmmsg(run.loopback_ipv4 ? state_->loopback_ipv4_fd : state_->send_fd, run.messages, run.count,
                        MSG_DONTWAIT);
    if (sent > 0) {
      done += static_cast<std::size_t>(sent);
      flushed.sent += static_cast<std::uint32_t>(sent);
      continue;
    }
    int error = errno;
    if (error == EINTR) continue;
    flushed.error = error;
    if (error == ENOBUFS || error == EAGAIN || error == ENOMEM) {
      flushed.try_again = true;
      break;
    }
    if (error == ENETDOWN || error == ENXIO || error == ENODEV) {
      // Gone, not merely down: perhaps it is there again by now.
      if (error != ENETDOWN && !looked_again && state_->find_again()) {
        looked_again = true;
        continue;
      }
      flushed.down = true;
      break;
    }
    ++flushed.lost;
    ++done;
  }
  queue.drop(done);
  return flushed;
}

std::size_t Channel::receive(const std::function<void(const Received&)>& take, std::size_t packets_max) {
  std::size_t taken = state_->ring.is_open() ? state_->ring.take(take, packets_max)
                                             : state_->plain.take(state_->receive_fd, take, packets_max);
  if (taken == 0) {
    // An interface that goes down leaves an error, and poll() would return at once until somebody reads it.
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(state_->receive_fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  return taken;
}

std::uint64_t Channel::dropped() {
  tpacket_stats_v3 now{};  // begins as the older one does; reading sets the kernel's count to zero
  socklen_t size = sizeof now;
  if (getsockopt(state_->receive_fd, SOL_PACKET, PACKET_STATISTICS, &now, &size) == 0)
    state_->dropped += now.tp_drops;
  return state_->dropped;
}

}  // namespace demarc
