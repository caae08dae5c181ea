// BPF filters as tcpdump spells them, for captures that are already files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "scanner/files/capture_reader.h"

namespace demarc {

/// An expression, compiled for each link type that turns up (a pcapng file may hold several).
class BpfFilter {
 public:
  /// The expression is checked against Ethernet and raw IP; the error quotes libpcap's message.
  static Result<BpfFilter> compile(const std::string& expression);
  BpfFilter(BpfFilter&&) noexcept;
  BpfFilter& operator=(BpfFilter&&) noexcept;
  ~BpfFilter();

  /// False too for a link type that the expression makes no sense for; see unusable().
  bool matches(const CapturePacket& packet);
  /// Packets that no filter could be compiled for.
  std::uint64_t unusable() const { return unusable_; }

 private:
  struct Program;
  explicit BpfFilter(std::string expression);
  Program* program_for(LinkType link);
  std::string expression_;
  std::map<LinkType, std::unique_ptr<Program>> programs_;
  LinkType last_link_{};
  Program* last_ = nullptr;
  bool last_known_ = false;
  std::uint64_t unusable_ = 0;
};

}  // namespace demarc
