// Packets of a conversation as the checks of a device that translates addresses see them: before the translation of
// the destination or behind it, before that of the source or behind it, as each stage says (Stage::real_source,
// real_destination). The first statement that matches translates.
#pragma once

#include <array>
#include <string>

#include "rules/acl/device.h"

namespace demarc {

class TranslatedView {
 public:
  /// `opening`: the packets that begin the conversations, as they come in.
  TranslatedView(const Device& device, const Box& opening, Way way);

  /// Nothing is translated: every stage sees what comes in.
  bool is_plain() const { return said_.empty(); }
  /// The opening as the stage sees it. Where some of the packets are translated and others not, or what they are
  /// translated to is not known, this holds more than there may be.
  const Box& at(const Stage& stage) const { return seen_[index(stage.real_source, stage.real_destination)]; }
  /// `reply`, whose ends are those of `at(stage)` in the other order.
  Box reply_at(const Stage& stage, const Box& reply) const;
  /// "line 4 translates the destination to 192.0.2.10 port 8443"; empty where nothing is translated.
  const std::string& said() const { return said_; }

 private:
  static std::size_t index(bool real_source, bool real_destination) {
    return (real_source ? 0U : 1U) + (real_destination ? 0U : 2U);
  }
  std::array<Box, 4> seen_;
  std::string said_;
};

}  // namespace demarc
