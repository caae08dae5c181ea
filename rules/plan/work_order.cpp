// The numbers of a plan's probes, both ways. This is asked for every packet that is sent and every answer that
// comes, so a number finds its target by a table of hints and its port by a short list of runs.
#include <algorithm>
#include <bit>
#include <map>

#include "rules/plan/work.h"

namespace demarc {

/// Fills `shape` with what is asked of one target; how many probes that is.
std::uint32_t WorkOrder::shape_of(const PlanTarget& target, Asks asks, Shape& shape) {
  std::uint32_t start = 0;
  shape.clear();
  auto add = [&](Protocol protocol, std::uint16_t first, std::uint32_t size) {
    shape.push_back({start, first, protocol});
    start += size;
  };
  if (asks.tcp)
    for (const PortRange& r : target.tcp.ranges()) add(Protocol::tcp, r.first.number(), r.size());
  if (asks.udp)
    for (const PortRange& r : target.udp.ranges()) add(Protocol::udp, r.first.number(), r.size());
  if (asks.icmp) {
    Protocol protocol = target.target.address().is_ipv4() ? Protocol::icmp : Protocol::icmpv6;
    for (const IcmpType& t : target.icmp) add(protocol, t.type, 1);
  }
  return start;
}

std::uint64_t WorkOrder::lay_out(Asks asks) {
  const std::size_t count = plan_->targets.size();
  target_starts_.reserve(count + 1);
  target_shapes_.reserve(count);
  target_starts_.push_back(0);
  // A scope has many hosts and few kinds of them.
  auto less = [](const Shape& a, const Shape& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](const Run& x, const Run& y) {
      return std::tuple(x.start, x.first, x.protocol) < std::tuple(y.start, y.first, y.protocol);
    });
  };
  // Equal runs are not yet equal shapes: the last one's end is the size.
  std::map<std::uint32_t, std::map<Shape, std::uint32_t, decltype(less)>> known;
  Shape shape;
  for (const PlanTarget& target : plan_->targets) {
    std::uint32_t size = shape_of(target, asks, shape);
    auto [at, fresh] =
        known.try_emplace(size, less).first->second.try_emplace(shape, static_cast<std::uint32_t>(shapes_.size()));
    if (fresh) shapes_.push_back(shape);
    target_shapes_.push_back(at->second);
    target_starts_.push_back(target_starts_.back() + size);
  }
  // About one hint for each target: between two of them lie one or two targets, however uneven their sizes are in
  // the mean.
  const std::uint64_t total = target_starts_.back();
  while ((total >> hint_shift_) > count) ++hint_shift_;
  hints_.resize((total >> hint_shift_) + 2, static_cast<std::uint32_t>(count));
  std::uint32_t target = 0;
  for (std::uint64_t i = 0; i + 1 < hints_.size(); ++i) {
    while (target < count && target_starts_[target + 1] <= i << hint_shift_) ++target;
    hints_[i] = target;
  }
  return total;
}

WorkOrder::WorkOrder(const ScanPlan& plan, std::uint64_t seed, std::uint32_t shard, std::uint32_t shards, Asks asks)
    : plan_(&plan),
      shard_(std::max<std::uint32_t>(1, shard)),
      shards_(std::max<std::uint32_t>(1, shards)),
      order_(lay_out(asks), seed) {
  std::uint64_t total = order_.size(), skipped = shard_ - 1;
  size_ = total > skipped ? (total - skipped - 1) / shards_ + 1 : 0;
  by_address_.reserve(plan.targets.size());
  for (std::uint32_t t = 0; t < plan.targets.size(); ++t) by_address_.emplace(plan.targets[t].target.address(), t);
}

std::optional<std::uint64_t> WorkOrder::number(std::uint32_t target, int rank, std::uint16_t value) const {
  if (target >= target_shapes_.size()) return std::nullopt;
  const Shape& shape = shapes_[target_shapes_[target]];
  auto after = std::upper_bound(shape.begin(), shape.end(), std::pair(rank, value),
                                [](const auto& wanted, const Run& run) { return wanted < run.key(); });
  if (after == shape.begin()) return std::nullopt;
  const Run& run = *(after - 1);
  std::uint64_t number = target_starts_[target] + run.start + (value - run.first);
  std::uint64_t end = after == shape.end() ? target_starts_[target + 1] : target_starts_[target] + after->start;
  if (protocol_rank(run.protocol) != rank || number >= end) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> WorkOrder::number(std::uint32_t target, Protocol protocol, Port port) const {
  if (protocol != Protocol::tcp && protocol != Protocol::udp) return std::nullopt;
  return number(target, protocol_rank(protocol), port.number());
}

std::optional<std::uint64_t> WorkOrder::number(std::uint32_t target, IcmpType icmp) const {
  if (icmp.code.value_or(0) != 0) return std::nullopt;
  return number(target, protocol_rank(Protocol::icmp), icmp.type);
}

WorkItem WorkOrder::item(std::uint64_t number) const {
  // The targets that may have it lie between two hints; both ends included.
  auto first = target_starts_.begin() + hints_[number >> hint_shift_];
  auto last =
      target_starts_.begin() + std::min<std::ptrdiff_t>(hints_[(number >> hint_shift_) + 1] + std::ptrdiff_t{1},
                                                        static_cast<std::ptrdiff_t>(target_starts_.size()));
  auto target = static_cast<std::uint32_t>(std::upper_bound(first, last, number) - target_starts_.begin() - 1);
  auto rest = static_cast<std::uint32_t>(number - target_starts_[target]);
  const Shape& shape = shapes_[target_shapes_[target]];
  auto run = std::upper_bound(shape.begin(), shape.end(), rest,
                              [](std::uint32_t wanted, const Run& r) { return wanted < r.start; }) -
             1;
  auto value = static_cast<std::uint16_t>(run->first + (rest - run->start));
  if (run->protocol.is_icmp())
    return {target, run->protocol, Port{}, IcmpType{static_cast<std::uint8_t>(value), std::uint8_t{0}}};
  return {target, run->protocol, Port{value}, IcmpType{}};
}

std::optional<std::uint64_t> WorkOrder::position_of(std::uint64_t number) const {
  std::uint64_t position = order_.position_of(number);
  if (position % shards_ != shard_ - 1) return std::nullopt;
  return position / shards_;
}

std::optional<std::uint32_t> WorkOrder::find(const Address& probed) const {
  auto at = by_address_.find(probed);
  if (at == by_address_.end()) return std::nullopt;
  return at->second;
}

}  // namespace demarc
