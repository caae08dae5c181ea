#include "rules/acl/readers/reader.h"

#include <fmt/format.h>

namespace demarc {

namespace {

constexpr DialectReader kReaders[] = {
    {Dialect::cisco_ios, looks_like_cisco_ios, read_cisco_ios},
    {Dialect::cisco_asa, looks_like_cisco_asa, read_cisco_asa},
    {Dialect::iptables, looks_like_iptables, read_iptables},
    {Dialect::nftables, looks_like_nftables, read_nftables},
    {Dialect::junos, looks_like_junos, read_junos},
    {Dialect::aws, looks_like_aws, read_aws},
    {Dialect::azure, looks_like_azure, read_azure},
    {Dialect::gcp, looks_like_gcp, read_gcp},
    {Dialect::cisco_nxos, looks_like_cisco_nxos, read_cisco_nxos},
    {Dialect::cisco_xr, looks_like_cisco_xr, read_cisco_xr},
    {Dialect::arista_eos, looks_like_arista_eos, read_arista_eos},
};

}  // namespace

std::span<const DialectReader> dialect_readers() { return kReaders; }

std::vector<Dialect> likely_dialects(std::string_view text) {
  std::vector<Dialect> best;
  unsigned most = 0;
  for (const DialectReader& reader : kReaders) {
    const unsigned likeness = reader.likeness(text);
    if (likeness == 0 || likeness < most) continue;
    if (likeness > most) best.clear();
    most = likeness;
    best.push_back(reader.dialect);
  }
  return best;
}

std::optional<Dialect> recognise_dialect(std::string_view text) {
  const std::vector<Dialect> likely = likely_dialects(text);
  return likely.size() == 1 ? std::optional(likely.front()) : std::nullopt;
}

Result<Device> read_configuration(const Source& source, std::optional<Dialect> dialect) {
  if (!dialect) {
    std::vector<Dialect> likely = likely_dialects(source.text());
    if (likely.size() == 1) dialect = likely.front();
    const bool alike = likely.size() > 1;
    if (likely.empty())
      for (const DialectReader& reader : kReaders) likely.push_back(reader.dialect);
    std::string names;
    for (const Dialect each : likely) names += fmt::format("{}{}", names.empty() ? "" : ", ", name(each));
    if (!dialect)
      return file_failure(
          source.name(),
          alike ? fmt::format("this may be of several dialects alike: {}", names)
                : "this looks like no configuration that is read",
          alike ? "say which one with --dialect" : fmt::format("say what it is with --dialect: {}", names));
  }
  for (const DialectReader& reader : kReaders)
    if (reader.dialect == *dialect) return reader.read(source);
  return file_failure(source.name(), fmt::format("configurations of {} are not read", name(*dialect)), "");
}

}  // namespace demarc
