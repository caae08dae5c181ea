// The few facts we want of an X.509 certificate: whose names it holds and when it expires. A bounded reader of DER
// (X.690 §10) that walks the outer structure of RFC 5280 §4.1 and never recurses into what it does not need.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "probes/wire/bytes.h"
#include "rules/net/time.h"

namespace demarc {

struct DerElement {
  std::uint8_t tag = 0;
  Bytes content;
};
/// Takes the next element off the front; nullopt at the end and where the bytes are no DER. (BER with definite
/// lengths is read as well.)
std::optional<DerElement> take_der(Bytes& in);
/// The same, where the tag is the one expected; otherwise nothing is taken.
std::optional<DerElement> take_der(Bytes& in, std::uint8_t tag);

struct CertificateFacts {
  std::string common_name;         // of the subject, by bytes_escaped()
  std::vector<std::string> names;  // dNSName and iPAddress of the subject alternative name
  std::string issuer;              // its common name, or its organisation
  std::optional<Timestamp> not_after;
};

/// nullopt: this is no certificate. What is missing or odd inside one stays empty.
std::optional<CertificateFacts> read_certificate(Bytes der);

/// The alternative names, or the common name where there are none.
std::vector<std::string> names_of(const CertificateFacts& facts);
/// "certificate of shop.example.net, ... until 2027-03-31T23:59:59Z, issued by Example CA"
std::string describe(const CertificateFacts& facts);

}  // namespace demarc
