#include "rules/verdict/noise_naming.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <tuple>

#include "rules/evidence/noise_criteria.h"
#include "rules/verdict/address_hash.h"

namespace demarc {

namespace {

using namespace noise_criteria;

/// Header and options of a packet without data; the average of those that carry something is above it.
constexpr std::uint64_t kEmptyPacketMax = 80;

std::uint16_t number(const ObservedFlow& f) {
  return f.protocol.is_icmp() ? static_cast<std::uint16_t>((f.icmp.type << 8) | f.icmp.code.value_or(0))
                              : f.port.number();
}

/// One end of what was asked: an initiator with its protocol, or a responder with its port.
struct End {
  Address address;
  std::uint32_t what = 0;
  bool operator==(const End&) const = default;
};
struct EndHash {
  AddressHash keyed;
  std::size_t operator()(const End& e) const noexcept { return keyed(e.address, e.what); }
};
End asker(const ObservedFlow& f) { return {f.initiator, f.protocol.number()}; }
End asked(const ObservedFlow& f) { return {f.responder, (std::uint32_t{f.protocol.number()} << 16) | number(f)}; }

using Tally = boost::unordered_flat_map<End, std::uint64_t, EndHash>;

class Naming {
 public:
  Naming(std::span<const ObservedFlow* const> records, const EachRecord& each)
      : records_(records), each_(each), names_(records.size()) {}

  std::vector<std::optional<NoiseKind>> run() {
    for (std::uint32_t i = 0; i < records_.size(); ++i) {
      const ObservedFlow& f = *records_[i];
      if (f.established != 0 || f.conversations == 0) continue;
      if (f.protocol.is_icmp() && is_icmp_error(f.initiator.family(), f.icmp.type)) continue;
      if (is_backscatter(f))
        names_[i] = NoiseKind::backscatter;
      else
        unanswered_.push_back(i);
      hash_.keyed.add(f);
    }
    // A scan needs as many records as it has ports or hosts, a flood as many as it has initiators: most records
    // belong to neither, and are counted and not sorted.
    name_floods();
    name_scans();
    return std::move(names_);
  }

 private:
  const ObservedFlow& at(std::uint32_t i) const { return *records_[i]; }

  void name_floods() {
    if (unanswered_.size() <= kFloodInitiators) return;
    Tally records(0, hash_);
    for (const std::uint32_t i : unanswered_) ++records[asked(at(i))];
    erase_if(records, [](const auto& r) { return r.second <= kFloodInitiators; });
    if (records.empty()) return;
    struct Target {
      std::vector<std::uint32_t> members;
      std::uint64_t unanswered = 0, established = 0;
    };
    boost::unordered_flat_map<End, Target, EndHash> targets(0, hash_);
    for (const std::uint32_t i : unanswered_) {
      if (at(i).protocol != Protocol::tcp || !records.contains(asked(at(i)))) continue;
      Target& t = targets[asked(at(i))];
      t.members.push_back(i);
      t.unanswered += at(i).conversations;
    }
    each_([&](const ObservedFlow& f) {
      if (f.established == 0) return;
      if (const auto found = targets.find(asked(f)); found != targets.end())
        found->second.established += f.established;
    });
    for (auto& [end, t] : targets) {
      if (t.unanswered / kFloodRatio < t.established) continue;
      std::vector<Address> initiators;
      initiators.reserve(t.members.size());
      for (const std::uint32_t i : t.members) initiators.push_back(at(i).initiator);
      std::sort(initiators.begin(), initiators.end());
      const auto distinct = std::unique(initiators.begin(), initiators.end()) - initiators.begin();
      if (static_cast<std::uint64_t>(distinct) <= kFloodInitiators) continue;
      for (const std::uint32_t i : t.members) names_[i] = NoiseKind::syn_flood;
    }
    std::erase_if(unanswered_, [this](std::uint32_t i) { return names_[i].has_value(); });
  }

  void name_scans() {
    constexpr std::uint64_t kFewest = std::min(kPortScanPorts, kHostScanResponders);
    if (unanswered_.size() < kFewest) return;
    Tally records(0, hash_);
    for (const std::uint32_t i : unanswered_) ++records[asker(at(i))];
    std::vector<std::uint32_t> many;
    for (const std::uint32_t i : unanswered_)
      if (records[asker(at(i))] >= kFewest) many.push_back(i);
    // Ports of one responder stand together, then responders of one port.
    const auto by_responder = [this](std::uint32_t i) {
      return std::tuple(at(i).initiator, at(i).protocol, at(i).responder, number(at(i)));
    };
    std::sort(many.begin(), many.end(),
              [&](std::uint32_t a, std::uint32_t b) { return by_responder(a) < by_responder(b); });
    name_runs(many, NoiseKind::port_scan, kPortScanPorts, [&](std::uint32_t a, std::uint32_t b) {
      return std::pair(at(a).initiator == at(b).initiator && at(a).protocol == at(b).protocol &&
                           at(a).responder == at(b).responder,
                       number(at(a)) != number(at(b)));
    });
    const auto by_port = [this](std::uint32_t i) {
      return std::tuple(at(i).initiator, at(i).protocol, number(at(i)), at(i).responder);
    };
    std::sort(many.begin(), many.end(), [&](std::uint32_t a, std::uint32_t b) { return by_port(a) < by_port(b); });
    name_runs(many, NoiseKind::host_scan, kHostScanResponders, [&](std::uint32_t a, std::uint32_t b) {
      return std::pair(
          at(a).initiator == at(b).initiator && at(a).protocol == at(b).protocol && number(at(a)) == number(at(b)),
          at(a).responder != at(b).responder);
    });
  }

  /// `step(previous, next)`: do they belong to one run, and does the next one count as another.
  template <typename Step>
  void name_runs(const std::vector<std::uint32_t>& sorted, NoiseKind kind, std::uint32_t least, Step step) {
    for (std::size_t begin = 0; begin < sorted.size();) {
      std::size_t end = begin + 1;
      std::uint32_t distinct = 1;
      for (; end < sorted.size(); ++end) {
        const auto [together, another] = step(sorted[end - 1], sorted[end]);
        if (!together) break;
        distinct += another ? 1 : 0;
      }
      if (distinct >= least)
        for (std::size_t k = begin; k < end; ++k)
          if (!names_[sorted[k]]) names_[sorted[k]] = kind;
      begin = end;
    }
  }

  std::span<const ObservedFlow* const> records_;
  const EachRecord& each_;
  std::vector<std::optional<NoiseKind>> names_;
  std::vector<std::uint32_t> unanswered_;
  EndHash hash_;
};

}  // namespace

bool is_backscatter(const ObservedFlow& f) {
  if (f.established != 0 || f.conversations == 0) return false;
  if (f.packets_out != 0 && f.packets_in != 0) return false;
  const std::uint64_t answers = std::uint64_t{f.states[ConnState::SHR]} + f.states[ConnState::RSTRH];
  if (answers == f.conversations && f.packets_out == 0) return true;
  // A reset alone tells no state, and whoever sent it was the first to speak.
  return f.protocol == Protocol::tcp && !f.initiator_certain &&
         answers + f.states[ConnState::OTH] == f.conversations &&
         f.bytes_out + f.bytes_in <= kEmptyPacketMax * (f.packets_out + f.packets_in);
}

const Address& backscatter_sender(const ObservedFlow& f) { return f.packets_out != 0 ? f.initiator : f.responder; }

std::vector<std::optional<NoiseKind>> name_noise(std::span<const ObservedFlow* const> records) {
  return name_noise(records, [&](const std::function<void(const ObservedFlow&)>& f) {
    for (const ObservedFlow* record : records) f(*record);
  });
}

std::vector<std::optional<NoiseKind>> name_noise(std::span<const ObservedFlow* const> records,
                                                 const EachRecord& each) {
  return Naming(records, each).run();
}

}  // namespace demarc
