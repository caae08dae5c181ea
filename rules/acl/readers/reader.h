// The readers of configurations, one for each dialect: a row in a table each. IOS and ASA look alike, and a mask
// means the opposite in each; so no reader guesses what another one would.
//
// A reader's promises:
//  - every line has a state of understanding; nothing is skipped in silence;
//  - a line inside a list that cannot be read becomes an entry that may match anything and may do anything;
//  - it fails only where the text is no configuration of its dialect at all; everything else is in the Device;
//  - memory is bounded by the text (and by Device's own bounds), whatever the text claims.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"
#include "rules/text/source.h"

namespace demarc {

struct DialectReader {
  Dialect dialect;
  /// How much the text looks like it: 0 not at all; the highest of all readers wins.
  unsigned (*likeness)(std::string_view text);
  Result<Device> (*read)(const Source& source);
};

std::span<const DialectReader> dialect_readers();

/// Those that it looks like most; more than one only if they are alike.
std::vector<Dialect> likely_dialects(std::string_view text);
/// By content; none if it looks like no dialect, or like two of them alike.
std::optional<Dialect> recognise_dialect(std::string_view text);

/// Reads with the reader of the dialect that is said, or that the content shows.
Result<Device> read_configuration(const Source& source, std::optional<Dialect> dialect = std::nullopt);

// The rows.
unsigned looks_like_cisco_ios(std::string_view text);
Result<Device> read_cisco_ios(const Source& source);
unsigned looks_like_cisco_asa(std::string_view text);
Result<Device> read_cisco_asa(const Source& source);
unsigned looks_like_iptables(std::string_view text);
Result<Device> read_iptables(const Source& source);
unsigned looks_like_nftables(std::string_view text);
Result<Device> read_nftables(const Source& source);
unsigned looks_like_junos(std::string_view text);
Result<Device> read_junos(const Source& source);
unsigned looks_like_aws(std::string_view text);
Result<Device> read_aws(const Source& source);
unsigned looks_like_azure(std::string_view text);
Result<Device> read_azure(const Source& source);
unsigned looks_like_gcp(std::string_view text);
Result<Device> read_gcp(const Source& source);
unsigned looks_like_cisco_nxos(std::string_view text);
Result<Device> read_cisco_nxos(const Source& source);
unsigned looks_like_cisco_xr(std::string_view text);
Result<Device> read_cisco_xr(const Source& source);
unsigned looks_like_arista_eos(std::string_view text);
Result<Device> read_arista_eos(const Source& source);

}  // namespace demarc
