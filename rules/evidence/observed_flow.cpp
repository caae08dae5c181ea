#include "rules/evidence/observed_flow.h"

#include <algorithm>
#include <span>

#include "rules/evidence/snapshot.h"

namespace demarc {

namespace {
constexpr std::array<std::string_view, kConnStates> kNames{"S0",   "S1",     "SF",    "REJ", "S2",  "S3", "RSTO",
                                                           "RSTR", "RSTOS0", "RSTRH", "SH",  "SHR", "OTH"};
constexpr std::array<std::string_view, 5> kRelatedNames{"ftp", "msrpc", "tftp", "sip", "portmapper"};
constexpr std::array<std::string_view, 8> kTunnelNames{"gre",    "ipip",   "6in4", "vxlan",
                                                       "geneve", "erspan", "gtpu", "other"};
constexpr std::array<std::string_view, 5> kNoiseNames{"port-scan", "host-scan", "syn-flood", "backscatter",
                                                      "attempts"};

template <typename Kind>
std::optional<Kind> find_name(std::span<const std::string_view> names, std::string_view text) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return std::nullopt;
  return static_cast<Kind>(found - names.begin());
}

std::uint32_t sum(std::uint32_t a, std::uint64_t b) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(a + std::min<std::uint64_t>(b, 0xFFFFFFFF), 0xFFFFFFFF));
}
}  // namespace

std::string_view name(ConnState state) { return kNames[static_cast<std::size_t>(state)]; }

std::optional<ConnState> parse_conn_state(std::string_view text) { return find_name<ConnState>(kNames, text); }
std::string_view name(RelatedBy by) { return kRelatedNames[static_cast<std::size_t>(by)]; }
std::optional<RelatedBy> parse_related_by(std::string_view text) {
  return find_name<RelatedBy>(kRelatedNames, text);
}
std::string_view name(TunnelKind kind) { return kTunnelNames[static_cast<std::size_t>(kind)]; }
std::optional<TunnelKind> parse_tunnel_kind(std::string_view text) {
  return find_name<TunnelKind>(kTunnelNames, text);
}
std::string_view name(NoiseKind kind) { return kNoiseNames[static_cast<std::size_t>(kind)]; }
std::optional<NoiseKind> parse_noise_kind(std::string_view text) { return find_name<NoiseKind>(kNoiseNames, text); }

StateCounts& StateCounts::operator=(const StateCounts& other) {
  if (this == &other) return *this;
  all_ = other.all_ ? std::make_unique<All>(*other.all_) : nullptr;
  few_ = other.few_;
  first_ = other.first_;
  second_ = other.second_;
  return *this;
}

std::uint32_t StateCounts::operator[](ConnState state) const {
  if (all_) return (*all_)[static_cast<std::size_t>(state)];
  if (few_.first != 0 && first_ == state) return few_.first;
  return few_.second != 0 && second_ == state ? few_.second : 0;
}

void StateCounts::add(ConnState state, std::uint64_t count) {
  if (count == 0) return;
  if (!all_) {
    if (few_.first == 0 || first_ == state) {
      first_ = state;
      few_.first = sum(few_.first, count);
      return;
    }
    if (few_.second == 0 || second_ == state) {
      second_ = state;
      few_.second = sum(few_.second, count);
      return;
    }
    all_ = std::make_unique<All>();
    (*all_)[static_cast<std::size_t>(first_)] = few_.first;
    (*all_)[static_cast<std::size_t>(second_)] = few_.second;
  }
  std::uint32_t& total = (*all_)[static_cast<std::size_t>(state)];
  total = sum(total, count);
}

void StateCounts::add(const StateCounts& other) {
  for (std::size_t i = 0; i < kConnStates; ++i) add(static_cast<ConnState>(i), other[static_cast<ConnState>(i)]);
}

bool StateCounts::operator==(const StateCounts& other) const {
  for (std::size_t i = 0; i < kConnStates; ++i)
    if ((*this)[static_cast<ConnState>(i)] != other[static_cast<ConnState>(i)]) return false;
  return true;
}

std::string_view name(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::scan_journal: return "scan journal";
    case EvidenceKind::nmap_xml: return "nmap XML";
    case EvidenceKind::capture: return "capture";
    case EvidenceKind::flow_records: return "flow records";
    case EvidenceKind::witness: return "witness";
  }
  return "";
}

}  // namespace demarc
