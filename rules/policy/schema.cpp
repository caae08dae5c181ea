// The schema as a text: it is read by people and by editors, so it is written here as it comes out.
#include "rules/policy/schema.h"

namespace demarc {

namespace {

// Forms that many keys share. A "name" is what the reader lets a zone, host or service be called.
constexpr const char* kDefinitions = R"json(
    "name": { "type": "string", "pattern": "^[^\\s,:/\\-.][^\\s,:/]*$", "maxLength": 128 },
    "text": { "type": ["string", "number", "boolean"] },
    "id": { "type": ["string", "integer"], "pattern": "^[^\\s,]+$", "maxLength": 128, "description": "Used once and never again, over rules, exceptions, forbidden and retired entries." },
    "date": { "type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$", "description": "ISO 8601 day in the rule set's time zone, included: 2026-11-23" },
    "moment": { "type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ]([01][0-9]|2[0-4]):[0-5][0-9](:00)?)?$", "description": "A day, or a day and a local time: 2026-11-25T00:30" },
    "period": { "type": "string", "pattern": "^[0-9]{1,5} (hour|day|week|month|year)s?$", "description": "12 months, 45 days, 36 hours" },
    "rate": { "oneOf": [ { "type": "string", "pattern": "^[1-9][0-9]{0,7}( packets/s| packets/second|/s)?$" }, { "type": "integer", "minimum": 1, "maximum": 10000000 } ], "description": "Packets a second: 5000 packets/s" },
    "address": { "type": "string", "pattern": "^([0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$", "description": "IPv4, or IPv6 in quotes" },
    "prefix": { "type": "string", "pattern": "^([0-9]{1,3}(\\.[0-9]{1,3}){3}(/([0-9]|[12][0-9]|3[0-2]))?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(/([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))?)$", "description": "192.0.2.0/24 or \"2001:db8::/32\", without host bits" },
    "port": { "oneOf": [ { "type": "integer", "minimum": 1, "maximum": 65535 }, { "type": "string", "pattern": "^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$" } ], "description": "443 or \"1024-5000\"" },
    "ports": { "oneOf": [ { "$ref": "#/definitions/port" }, { "type": "array", "items": { "$ref": "#/definitions/port" }, "minItems": 1 } ] },
    "names": { "oneOf": [ { "type": "string", "minLength": 1 }, { "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1 } ] },
    "endpoints": { "$ref": "#/definitions/names", "description": "Zones, hosts, host.card, groups, addresses and prefixes" },
    "addresses": { "oneOf": [ { "$ref": "#/definitions/address" }, { "type": "array", "items": { "$ref": "#/definitions/address" }, "minItems": 1 } ] },
    "texts": { "oneOf": [ { "$ref": "#/definitions/text" }, { "type": "array", "items": { "$ref": "#/definitions/text" }, "minItems": 1 } ] },
    "zone_pair": { "type": "array", "items": { "type": "string" }, "minItems": 2, "maxItems": 2, "description": "[initiator's zone, responder's zone]" },
    "icmp_type": { "oneOf": [ { "type": "string", "minLength": 1 }, { "type": "integer", "minimum": 0, "maximum": 255 },
      { "type": "object", "properties": { "type": { "type": "integer", "minimum": 0, "maximum": 255 }, "code": { "type": "integer", "minimum": 0, "maximum": 255 } }, "required": ["type"], "additionalProperties": false } ] },
    "icmp_types": { "oneOf": [ { "$ref": "#/definitions/icmp_type" }, { "type": "array", "items": { "$ref": "#/definitions/icmp_type" }, "minItems": 1 } ] },
    "severity": { "enum": ["critical", "high", "medium", "low", "info"] },
    "window": { "oneOf": [ { "type": "string", "pattern": "^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [0-2][0-9]:[0-5][0-9] *- *((Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?[0-2][0-9]:[0-5][0-9]$", "description": "Every week: Sat 22:00-Sun 04:00" },
      { "type": "object", "properties": { "from": { "$ref": "#/definitions/moment" }, "to": { "$ref": "#/definitions/moment" }, "ticket": { "$ref": "#/definitions/text" }, "reason": { "$ref": "#/definitions/text" } }, "required": ["from", "to"], "additionalProperties": false } ] },
    "windows": { "oneOf": [ { "$ref": "#/definitions/window" }, { "type": "array", "items": { "$ref": "#/definitions/window" }, "minItems": 1 } ] },
    "approvals": { "type": ["object", "null"], "description": "By committee (review.approval_roles)", "additionalProperties": { "type": "object",
      "properties": { "by": { "type": "string", "description": "A person of `people`" }, "date": { "$ref": "#/definitions/date" } }, "required": ["by", "date"], "additionalProperties": false } },
    "coverage_word": { "type": "string", "pattern": "^(all|none|approved|forbidden|catalogue)(\\+(all|none|approved|forbidden|catalogue))*$" },
    "port_coverage": { "description": "all, none, approved+forbidden+catalogue, ports, or a list of these", "anyOf": [ { "$ref": "#/definitions/coverage_word" }, { "$ref": "#/definitions/port" },
      { "type": "array", "items": { "anyOf": [ { "$ref": "#/definitions/coverage_word" }, { "$ref": "#/definitions/port" } ] }, "minItems": 1 } ] },
    "expectations": { "type": "object", "description": "By vantage point", "additionalProperties": { "enum": ["open", "blocked"] } },
    "filter": { "type": "object", "properties": { "name": { "$ref": "#/definitions/text" }, "interface": { "$ref": "#/definitions/text" }, "direction": { "enum": ["in", "out"] } }, "required": ["name"], "additionalProperties": false },
    "zone": { "type": "object", "properties": {
      "cidrs": { "oneOf": [ { "$ref": "#/definitions/prefix" }, { "type": "array", "items": { "$ref": "#/definitions/prefix" }, "minItems": 1 } ] },
      "any": { "type": "boolean", "description": "Every global unicast address that no other zone names" },
      "description": { "$ref": "#/definitions/text" },
      "intra": { "enum": ["judged", "allowed"], "description": "Whether traffic inside it is judged; default judged" } }, "additionalProperties": false, "anyOf": [ { "required": ["cidrs"] }, { "required": ["any"] } ] },
    "host": { "type": "object", "properties": {
      "addresses": { "$ref": "#/definitions/addresses" },
      "nics": { "type": "object", "additionalProperties": { "$ref": "#/definitions/addresses" }, "description": "Network cards, named host.card in rules" },
      "role": { "$ref": "#/definitions/text" },
      "fqdn": { "$ref": "#/definitions/text", "description": "Never resolved while scanning or judging" },
      "care": { "enum": ["normal", "gentle", "discovery-only", "never"], "description": "How carefully it is asked; default normal" } }, "additionalProperties": false, "anyOf": [ { "required": ["addresses"] }, { "required": ["nics"] }, { "required": ["fqdn"] } ] },
    "service": { "type": "object", "minProperties": 1, "properties": {
      "tcp": { "$ref": "#/definitions/ports" }, "udp": { "$ref": "#/definitions/ports" }, "sctp": { "$ref": "#/definitions/ports" },
      "icmp": { "$ref": "#/definitions/icmp_types" }, "icmpv6": { "$ref": "#/definitions/icmp_types" },
      "ip": { "oneOf": [ { "type": ["string", "integer"] }, { "type": "array", "items": { "type": ["string", "integer"] }, "minItems": 1 } ], "description": "Other IP protocols by name or number: esp, gre" },
      "all": { "type": "boolean", "description": "Every protocol and port" },
      "speaks": { "type": "string", "description": "What a probe must find there: tls, ssh, smtp, ..." },
      "replies": { "enum": ["none", "expected"], "description": "none: datagrams alone are use (syslog, traps)" },
      "source_ports": { "$ref": "#/definitions/ports", "description": "Only where a protocol fixes them" },
      "related": { "type": "object", "minProperties": 1, "properties": { "tcp": { "$ref": "#/definitions/ports" }, "udp": { "$ref": "#/definitions/ports" } }, "additionalProperties": false, "description": "Data ports that belong to a control session" } }, "additionalProperties": false, "anyOf": [ { "required": ["tcp"] }, { "required": ["udp"] }, { "required": ["sctp"] }, { "required": ["icmp"] }, { "required": ["icmpv6"] }, { "required": ["ip"] }, { "required": ["all"] } ] },
    "vantage": { "type": "object", "properties": {
      "zone": { "type": "string" }, "address": { "$ref": "#/definitions/address" },
      "behind_nat": { "type": "boolean", "description": "The address is not on the machine itself" },
      "canaries": { "$ref": "#/definitions/names", "description": "Known to answer: \"proxy1.front:443\"" },
      "ssh": { "type": "object", "properties": { "host": { "type": "string", "pattern": "^[^-\\s]\\S*$" }, "port": { "type": "integer", "minimum": 1, "maximum": 65535 }, "identity": { "type": "string", "pattern": "^[^-]" }, "jump": { "type": "string", "pattern": "^[^-\\s]\\S*$" }, "known_hosts": { "type": "string", "pattern": "^[^-\\s]\\S*$" } }, "required": ["host"], "additionalProperties": false } }, "required": ["address"], "additionalProperties": false },
    "sensor": { "type": "object", "properties": {
      "sees": { "type": "array", "items": { "$ref": "#/definitions/zone_pair" }, "minItems": 1 },
      "both_directions": { "type": "boolean" }, "sampling": { "type": "integer", "minimum": 1, "maximum": 1000000, "description": "One packet in so many" },
      "beyond_filter": { "type": "boolean", "description": "Stands outside the filter: what it sees has passed" } }, "required": ["sees"], "additionalProperties": false },
    "rule": { "type": "object", "properties": { @COMMON@,
      "use": { "enum": ["required", "optional", "rare"], "description": "required: silence in the window is a finding; rare: a window of 400 days" },
      "use_window": { "$ref": "#/definitions/period" },
      "reviewed": { "type": "array", "items": { "type": "object", "properties": { "by": { "type": "string" }, "date": { "$ref": "#/definitions/date" }, "decision": { "enum": ["keep", "narrow", "retire"] } }, "required": ["by", "date", "decision"], "additionalProperties": false } },
      "verify_by": { "enum": ["any", "probe", "witness", "configuration", "flows"], "description": "Which views may satisfy the rule" },
      "temporary": { "type": "boolean" }, "until": { "$ref": "#/definitions/date", "description": "The end of a temporary rule" } },
      "required": ["id", "from", "to"], "additionalProperties": false, "oneOf": [ { "required": ["service"] }, { "required": ["services"] } ] },
    "exception": { "type": "object", "properties": { @COMMON@, "of": { "type": ["string", "integer"], "description": "The forbidden entry that it narrows" } },
      "required": ["id", "of", "from", "to", "expires"], "additionalProperties": false, "oneOf": [ { "required": ["service"] }, { "required": ["services"] } ] },
    "forbidden": { "type": "object", "properties": {
      "id": { "$ref": "#/definitions/id" }, "service": { "$ref": "#/definitions/names" }, "services": { "$ref": "#/definitions/names" },
      "from": { "$ref": "#/definitions/endpoints" }, "to": { "$ref": "#/definitions/endpoints" }, "severity": { "$ref": "#/definitions/severity" },
      "except_rules": { "$ref": "#/definitions/texts", "description": "Rules that it does not touch" }, "remedy": { "$ref": "#/definitions/text" }, "reason": { "$ref": "#/definitions/text" } },
      "required": ["id", "from", "to"], "additionalProperties": false, "oneOf": [ { "required": ["service"] }, { "required": ["services"] } ] },
    "path": { "type": "object", "properties": { "between": { "$ref": "#/definitions/zone_pair" },
      "via": { "description": "Devices in order; a list within is alternatives; none: isolated by design", "oneOf": [ { "type": "string" }, { "type": "array", "minItems": 1, "items": { "oneOf": [ { "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 } ] } } ] } },
      "required": ["between", "via"], "additionalProperties": false })json";

// What rules and exceptions have in common.
constexpr const char* kRuleCommon =
    R"json("id": { "$ref": "#/definitions/id" }, "service": { "$ref": "#/definitions/names" }, "services": { "$ref": "#/definitions/names" },
      "from": { "$ref": "#/definitions/endpoints" }, "to": { "$ref": "#/definitions/endpoints" },
      "application": { "$ref": "#/definitions/text", "description": "The business service; reports group by it" },
      "owner": { "$ref": "#/definitions/text", "description": "The team that answers for it" }, "reason": { "$ref": "#/definitions/text" }, "ticket": { "$ref": "#/definitions/text" },
      "references": { "$ref": "#/definitions/texts" }, "tags": { "$ref": "#/definitions/texts" },
      "status": { "enum": ["proposed", "active"], "description": "proposed: not in force" },
      "approved": { "$ref": "#/definitions/approvals" }, "review_by": { "$ref": "#/definitions/date" }, "expires": { "$ref": "#/definitions/date" }, "expect": { "$ref": "#/definitions/expectations" })json";

constexpr const char* kTop = R"json(
    "demarc": { "const": 1, "description": "Version of the rule set's form" },
    "name": { "$ref": "#/definitions/text" },
    "timezone": { "type": "string", "description": "IANA name; default UTC" },
    "review": { "type": ["object", "null"], "properties": { "interval": { "$ref": "#/definitions/period" }, "warn_before": { "$ref": "#/definitions/period" },
      "approval_roles": { "$ref": "#/definitions/texts", "description": "A rule needs one approval of each" }, "approver_is_not_owner": { "type": "boolean" } }, "additionalProperties": false },
    "include": { "$ref": "#/definitions/names", "description": "Relative to this file; ${NAME} is an environment variable" },
    "zones": { "type": ["object", "null"], "propertyNames": { "$ref": "#/definitions/name" }, "additionalProperties": { "$ref": "#/definitions/zone" } },
    "hosts": { "type": ["object", "null"], "propertyNames": { "$ref": "#/definitions/name" }, "additionalProperties": { "$ref": "#/definitions/host" } },
    "translations": { "type": ["array", "null"], "items": { "type": "object", "properties": { "real": { "type": "string" }, "seen_as": { "$ref": "#/definitions/address" }, "from": { "$ref": "#/definitions/endpoints" },
      "ports": { "type": "object", "description": "Port as seen: real port" } }, "required": ["real", "seen_as", "from"], "additionalProperties": false } },
    "source_translations": { "type": ["array", "null"], "items": { "type": "object", "properties": { "real": { "$ref": "#/definitions/endpoints" }, "seen_as": { "$ref": "#/definitions/address" }, "to": { "$ref": "#/definitions/endpoints" } }, "required": ["real", "seen_as", "to"], "additionalProperties": false } },
    "vips": { "type": ["array", "null"], "items": { "type": "object", "properties": { "address": { "$ref": "#/definitions/address" }, "members": { "$ref": "#/definitions/endpoints" }, "services": { "$ref": "#/definitions/names" } }, "required": ["address", "members"], "additionalProperties": false } },
    "groups": { "type": ["object", "null"], "propertyNames": { "$ref": "#/definitions/name" }, "additionalProperties": { "$ref": "#/definitions/endpoints" } },
    "services": { "type": ["object", "null"], "propertyNames": { "$ref": "#/definitions/name" }, "additionalProperties": { "$ref": "#/definitions/service" } },
    "scope": { "type": ["object", "null"], "description": "The only addresses that are ever sent to", "properties": {
      "targets": { "oneOf": [ { "type": "string" }, { "type": "array", "items": { "type": "string" } } ], "description": "Endpoints, and vantage:NAME" },
      "exclude": { "$ref": "#/definitions/endpoints", "description": "Wins over targets" },
      "max_rate": { "$ref": "#/definitions/rate" }, "max_rate_per_target": { "$ref": "#/definitions/rate" }, "max_states_per_path": { "type": "integer", "minimum": 1, "maximum": 10000000 },
      "windows": { "$ref": "#/definitions/windows" }, "blackouts": { "$ref": "#/definitions/windows", "description": "Win over windows" },
      "authorised_by": { "oneOf": [ { "type": "string" }, { "type": "object", "properties": { "by": { "type": "string" }, "date": { "$ref": "#/definitions/date" }, "ticket": { "$ref": "#/definitions/text" }, "valid_until": { "$ref": "#/definitions/date" } }, "required": ["by"], "additionalProperties": false } ] } }, "required": ["targets"], "additionalProperties": false },
    "vantages": { "type": ["object", "null"], "propertyNames": { "$ref": "#/definitions/name" }, "additionalProperties": { "$ref": "#/definitions/vantage" } },
    "sensors": { "type": ["object", "null"], "propertyNames": { "$ref": "#/definitions/name" }, "additionalProperties": { "$ref": "#/definitions/sensor" } },
    "coverage": { "type": ["object", "null"], "properties": { "tcp": { "$ref": "#/definitions/port_coverage" }, "udp": { "$ref": "#/definitions/port_coverage" },
      "icmp": { "anyOf": [ { "$ref": "#/definitions/coverage_word" }, { "type": "array", "items": { "$ref": "#/definitions/coverage_word" }, "minItems": 1 } ] },
      "vantages": { "$ref": "#/definitions/names" }, "max_age": { "$ref": "#/definitions/period" } }, "additionalProperties": false },
    "enforcement": { "type": ["object", "null"], "properties": {
      "devices": { "type": ["object", "null"], "propertyNames": { "$ref": "#/definitions/name" }, "additionalProperties": { "type": "object", "properties": { "dialect": { "type": "string" }, "config": { "type": "string" }, "filters": { "type": "array", "items": { "$ref": "#/definitions/filter" } },
        "interfaces": { "type": "object", "description": "The zones behind each interface, where addresses do not tell", "additionalProperties": { "oneOf": [ { "type": "string" }, { "type": "array", "items": { "type": "string" } } ] } }, "stateful": { "type": "boolean" } }, "required": ["dialect"], "additionalProperties": false } },
      "paths": { "type": ["array", "null"], "items": { "$ref": "#/definitions/path" } } }, "additionalProperties": false },
    "people": { "type": ["object", "null"], "propertyNames": { "$ref": "#/definitions/name" }, "additionalProperties": { "type": "object", "properties": { "roles": { "$ref": "#/definitions/texts" }, "teams": { "$ref": "#/definitions/texts" } }, "required": ["roles"], "additionalProperties": false } },
    "rules": { "type": ["array", "null"], "items": { "$ref": "#/definitions/rule" } },
    "forbidden": { "type": ["array", "null"], "items": { "$ref": "#/definitions/forbidden" } },
    "exceptions": { "type": ["array", "null"], "items": { "$ref": "#/definitions/exception" } },
    "retired": { "type": ["array", "null"], "items": { "type": "object", "properties": { "id": { "$ref": "#/definitions/id" }, "removed": { "$ref": "#/definitions/date" }, "reason": { "$ref": "#/definitions/text" }, "ticket": { "$ref": "#/definitions/text" } }, "required": ["id", "removed"], "additionalProperties": false } },
    "accepted": { "type": ["array", "null"], "items": { "type": "object", "properties": { "finding": { "type": "string", "pattern": "^[0-9a-f]{12}$" }, "kind": { "type": "string" }, "rule": { "type": ["string", "integer"] }, "target": { "type": "string" },
      "reason": { "$ref": "#/definitions/text" }, "compensating": { "$ref": "#/definitions/text" }, "approved": { "$ref": "#/definitions/approvals" }, "expires": { "$ref": "#/definitions/date" } },
      "required": ["reason", "expires"], "anyOf": [ { "required": ["finding"] }, { "required": ["kind"] } ], "additionalProperties": false } })json";

}  // namespace

std::string rules_json_schema() {
  std::string definitions = kDefinitions;
  const std::string marker = "@COMMON@";
  for (std::size_t at = definitions.find(marker); at != std::string::npos; at = definitions.find(marker))
    definitions.replace(at, marker.size(), kRuleCommon);
  return std::string(R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "$id": "https://demarc.example/schema/rules-1.json",
  "title": "demarc rule set, version 1",
  "description": "What is approved, forbidden and measured at the boundary of a DMZ. Included files have the same form; only the first must give `demarc`.",
  "type": "object",
  "additionalProperties": false,
  "required": ["demarc"],
  "properties": {)json") +
         kTop + "\n  },\n  \"definitions\": {" + definitions + "\n  }\n}\n";
}

}  // namespace demarc
