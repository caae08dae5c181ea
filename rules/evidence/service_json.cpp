#include "rules/evidence/service_json.h"

namespace demarc {

void write_service(JsonWriter& json, const ServiceSeen& service) {
  json.key("service").begin_object().field("name", service.name);
  json.field_unless_empty("product", service.product).field_unless_empty("version", service.version);
  json.field_unless_empty("evidence", service.evidence).field_unless_empty("tls_inside", service.tls_inside);
  if (!service.certificate_names.empty()) {
    json.key("certificate_names").begin_array();
    for (const std::string& name : service.certificate_names) json.value(name);
    json.end_array();
  }
  if (service.certificate_expires) json.field("certificate_expires", to_string(*service.certificate_expires));
  json.end_object();
}

Result<ServiceSeen> read_service(const JsonFields& fields, std::size_t first) {
  ServiceSeen s;
  s.name = fields.text(first);
  s.product = fields.text(first + 1);
  s.version = fields.text(first + 2);
  s.evidence = fields.text(first + 3);
  s.tls_inside = fields.text(first + 4);
  for (const std::string& name : fields.texts(first + 5)) s.certificate_names.push_back(name);
  if (fields.has(first + 6)) s.certificate_expires = DEMARC_TRY(parse_timestamp(fields.text(first + 6)));
  return s;
}

}  // namespace demarc
