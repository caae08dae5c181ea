// A recognised service in JSON: the same object in scan journals and in flow records.
#pragma once

#include <array>
#include <string_view>

#include "rules/evidence/json_lines.h"
#include "rules/evidence/outcome.h"
#include "rules/text/json_writer.h"

namespace demarc {

/// Writes the field "service".
void write_service(JsonWriter& json, const ServiceSeen& service);

/// The object's fields, in the order in which read_service() expects them one after the other in a reader's table.
inline constexpr std::array<std::string_view, 7> kServicePaths{"service.name",
                                                               "service.product",
                                                               "service.version",
                                                               "service.evidence",
                                                               "service.tls_inside",
                                                               "service.certificate_names",
                                                               "service.certificate_expires"};

/// The service of a line whose table has kServicePaths from row `first` on. The error has no place.
Result<ServiceSeen> read_service(const JsonFields& fields, std::size_t first);

}  // namespace demarc
