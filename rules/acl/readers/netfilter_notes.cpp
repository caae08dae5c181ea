#include "rules/acl/readers/netfilter_notes.h"

namespace demarc::netfilter {

void LineNotes::say(std::uint32_t line, Understanding understanding, std::string why) {
  constexpr std::uint8_t kWeight[] = {2, 3, 1, 4};  // understood, in part, not about filtering, not understood
  if (line == 0 || line >= states_.size()) return;
  const std::uint8_t weight = kWeight[static_cast<std::size_t>(understanding)];
  if (weight <= states_[line]) return;
  states_[line] = weight;
  if (!why.empty() && whys_.size() < kWhysMax) whys_[line] = std::move(why);
}

void LineNotes::write(const Source& source, LineLedger& ledger) const {
  for (std::uint32_t line = 1; line < states_.size(); ++line)
    if (source.line(line).find_first_not_of(" \t\r") != std::string_view::npos) write_one(line, line, ledger);
}

void LineNotes::write(const std::vector<std::uint32_t>& lines, LineLedger& ledger) const {
  for (std::uint32_t i = 0; i < lines.size(); ++i) write_one(i + 1, lines[i], ledger);
}

void LineNotes::write_one(std::uint32_t number, std::uint32_t line, LineLedger& ledger) const {
  constexpr Understanding kStates[] = {Understanding::not_understood, Understanding::not_filtering,
                                       Understanding::understood, Understanding::in_part,
                                       Understanding::not_understood};
  const auto why = whys_.find(number);
  ledger.mark(line, kStates[states_[number]],
              why != whys_.end()     ? why->second
              : states_[number] == 0 ? "it belongs to nothing that was read"
                                     : "");
}

}  // namespace demarc::netfilter
