#include "scanner/capture/bpf.h"

#include <pcap/pcap.h>

#include <algorithm>

namespace demarc {

struct BpfFilter::Program {
  bpf_program code{};
  bool usable = false;
  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (usable) pcap_freecode(&code);
  }
};

namespace {

// libpcap compiles against a handle, which may be one without a device. Returns libpcap's message, empty: compiled.
std::string compile_for(LinkType link, const std::string& expression, bpf_program& code) {
  // Files number link types by LINKTYPE_, libpcap by DLT_; they differ for raw IP only where both exist.
  const int dlt = link == LinkType::raw ? DLT_RAW : static_cast<int>(link);
  pcap_t* dead = pcap_open_dead(dlt, static_cast<int>(kPacketBytesMax));
  if (dead == nullptr) return "libpcap has no memory";
  std::string problem;
  if (pcap_compile(dead, &code, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) problem = pcap_geterr(dead);
  pcap_close(dead);
  return problem;
}

}  // namespace

BpfFilter::BpfFilter(std::string expression) : expression_(std::move(expression)) {}
BpfFilter::BpfFilter(BpfFilter&&) noexcept = default;
BpfFilter& BpfFilter::operator=(BpfFilter&&) noexcept = default;
BpfFilter::~BpfFilter() = default;

Result<BpfFilter> BpfFilter::compile(const std::string& expression) {
  // "ether host ..." makes no sense on raw IP and "ifindex" none on Ethernet: one link type that can is enough.
  std::string first_problem;
  for (LinkType link : {LinkType::ethernet, LinkType::raw, LinkType::linux_cooked2}) {
    bpf_program code{};
    const std::string problem = compile_for(link, expression, code);
    if (problem.empty()) {
      pcap_freecode(&code);
      return BpfFilter(expression);
    }
    if (first_problem.empty()) first_problem = problem;
  }
  return failure("the filter '" + expression + "' cannot be used: " + first_problem,
                 "see pcap-filter(7), for example: host 192.0.2.10 and tcp port 443");
}

BpfFilter::Program* BpfFilter::program_for(LinkType link) {
  if (last_known_ && link == last_link_) return last_;
  std::unique_ptr<Program>& slot = programs_[link];
  if (!slot) {
    slot = std::make_unique<Program>();
    slot->usable = compile_for(link, expression_, slot->code).empty();
  }
  last_known_ = true;
  last_link_ = link;
  return last_ = slot.get();
}

bool BpfFilter::matches(const CapturePacket& packet) {
  Program* program = program_for(packet.link);
  if (!program->usable) {
    ++unusable_;
    return false;
  }
  pcap_pkthdr header{};
  header.caplen = static_cast<bpf_u_int32>(packet.bytes.size());
  header.len = packet.wire_length;
  return pcap_offline_filter(&program->code, &header, packet.bytes.data()) != 0;
}

}  // namespace demarc
