// What flows refer to, in order. Internal to this folder.
#pragma once

#include <tuple>

#include "rules/evidence/observed_flow.h"

namespace demarc {

inline auto key_of(const ServiceSeen& s) {
  return std::tie(s.name, s.product, s.version, s.evidence, s.tls_inside, s.certificate_names,
                  s.certificate_expires);
}
inline bool is_before(const ServiceSeen& a, const ServiceSeen& b) { return key_of(a) < key_of(b); }
inline bool is_before(const ParentFlow& a, const ParentFlow& b) { return a < b; }
inline bool is_before(const Tunnel& a, const Tunnel& b) { return a < b; }
inline bool is_before(const RealEnds& a, const RealEnds& b) { return a < b; }

}  // namespace demarc
