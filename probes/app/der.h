// The few facts we want of an X.509 certificate: whose names it holds and when it expires. A bounded reader of DER
// (X.690 §10) that walks the outer structure of RFC 5280 §4.1 and never recurses into what it does not need.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "probes/wire/bytes.h"
#include "rules/net/time.h"

namespace demarc {

struct CertificateFacts {
  std::string common_name;         // of the subject, by bytes_escaped()
  std::vector<std::string> names;  // dNSName and iPAddress of the subject alternative name
  std::optional<Timestamp> not_after;
};

/// nullopt: this is no certificate. What is missing or odd inside one stays empty.
std::optional<CertificateFacts> read_certificate(Bytes der);

}  // namespace demarc
