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
};

}  // namespace

std::span<const DialectReader> dialect_readers() { return kReaders; }

std::optional<Dialect> recognise_dialect(std::string_view text) {
  std::optional<Dialect> best;
  unsigned most = 0;
  bool tie = false;
  for (const DialectReader& reader : kReaders) {
    const unsigned likeness = reader.likeness(text);
    if (likeness == 0 || likeness < most) continue;
    tie = likeness == most;
    most = likeness;
    best = reader.dialect;
  }
  return tie ? std::nullopt : best;
}

Result<Device> read_configuration(const Source& source, std::optional<Dialect> dialect) {
  if (!dialect) dialect = recognise_dialect(source.text());
  if (!dialect) {
    std::string known;
    for (const DialectReader& reader : kReaders)
      known += fmt::format("{}{}", known.empty() ? "" : ", ", name(reader.dialect));
    return file_failure(source.name(), "this looks like no configuration that is read",
                        fmt::format("say what it is with --dialect: {}", known));
  }
  for (const DialectReader& reader : kReaders)
    if (reader.dialect == *dialect) return reader.read(source);
  return file_failure(source.name(), fmt::format("configurations of {} are not read", name(*dialect)), "");
}

}  // namespace demarc
