// How another machine is asked to scan: the system's ssh, started with an argument vector, never through a shell.
// Only the far side has one, and it gets a command of words that mean the same to every shell.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/policy/rule_set.h"
#include "rules/text/result.h"

namespace demarc {

/// A word that no shell changes: letters, digits and . _ : / = , @ % + -; no '=' in front, which zsh would expand.
bool is_plain_word(std::string_view word);

/// The words with a blank between each two; an error names the word that a shell might change.
Result<std::string> remote_command(std::span<const std::string> words);
/// The reverse, for the far side: an error if the command is anything but plain words.
Result<std::vector<std::string>> words_of_command(std::string_view command);

/// ssh's arguments, its own name first. Never a question at a terminal, an unknown host key, a forwarding or a
/// local command, whatever the user's configuration says; a peer that is gone is noticed within half a minute.
std::vector<std::string> ssh_arguments(const Vantage::Ssh& ssh, const std::string& command);

}  // namespace demarc
