// How names, addresses and foreign text are written into a rule set, so that the reader takes them for what they
// are: what `init` and `learn` share.
#pragma once

#include <string>
#include <string_view>

#include "rules/net/address.h"
#include "rules/net/prefix.h"

namespace demarc {

/// A name that the reader takes, made of foreign text: letters, digits and '-', at most 60, never a word that YAML
/// or the reader would take for something else. Empty if nothing is left.
std::string yaml_name(std::string_view text);
/// In double quotes; control characters and bytes that are not ASCII become '?'.
std::string yaml_quoted(std::string_view text);
/// Text for a comment: one line of at most 200 characters, nothing that a terminal would obey.
std::string yaml_comment(std::string_view text);
/// IPv6 needs quotes.
std::string yaml_address(const Address& address);
/// With the length, except for a single address.
std::string yaml_prefix(const Prefix& prefix);
/// The network of an address as far as anybody can guess: the usual size of a segment, /24 or /64.
Prefix guessed_network(const Address& address);

}  // namespace demarc
