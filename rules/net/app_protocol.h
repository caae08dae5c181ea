// The application protocols demarc can tell apart, by the names that rule sets (`speaks`) and journals use.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace demarc {

/// Every name, sorted: "dns", "ftp", "http", "ldap", "mssql", ...
std::span<const std::string_view> app_protocol_names();
bool is_app_protocol(std::string_view name);
/// Does what was seen satisfy what the rule set expects? TLS wraps others, SMB rides on NetBIOS sessions, and so
/// on.
bool satisfies(std::string_view seen, std::string_view inside_tls, std::string_view expected);

}  // namespace demarc
