// The shape of a verdict for other tools: every field with its meaning.
#include "rules/verdict/acl_json.h"
#include "rules/verdict/verdict_json.h"

namespace demarc {

std::string_view verdict_json_schema() {
  return R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "$id": "https://demarc.example/schema/verdict-1.json",
  "title": "demarc verdict",
  "description": "How the documented, configured, reachable and observed views of a boundary compare. Unknown fields may be added; the major version changes when the meaning of one does.",
  "type": "object",
  "required": ["demarc", "version", "conclusion", "complete", "as_of", "counts", "coverage", "findings", "matrix"],
  "properties": {
    "demarc": { "const": "verdict" },
    "version": { "const": 1 },
    "conclusion": { "enum": ["conforms", "violates", "inconclusive"], "description": "violates: a finding at or above the threshold; inconclusive: none, and the evidence is incomplete" },
    "complete": { "type": "boolean", "description": "the evidence covers all that the rule set wants" },
    "as_of": { "$ref": "#/definitions/time", "description": "the time at which the rule set was judged" },
    "tool_version": { "type": "string" },
    "rules_file": {
      "type": "object",
      "description": "the rule set that judged",
      "properties": {
        "name": { "type": "string" },
        "file": { "type": "string" },
        "sha256": { "type": "string", "description": "of all its files, in reading order" },
        "scope_sha256": { "type": "string", "description": "of the authorised scope" },
        "authorised_by": { "type": "string" },
        "authorised_ticket": { "type": "string" }
      }
    },
    "counts": { "type": "object", "description": "findings by severity without the accepted ones, and 'accepted' and 'not-measured'", "additionalProperties": { "type": "integer", "minimum": 0 } },
    "coverage": {
      "type": "array",
      "description": "what had to be asked, and what was: one row for each vantage point and protocol, and for each sensor",
      "items": {
        "type": "object",
        "required": ["what", "asked", "answered", "required", "met"],
        "properties": {
          "what": { "type": "string", "description": "'external tcp', 'sensor tap-front'" },
          "asked": { "type": "integer", "minimum": 0, "description": "ports times targets of the required ones; for sensors: packets seen" },
          "answered": { "type": "integer", "minimum": 0, "description": "of those asked; for sensors: packets dropped" },
          "required": { "type": "integer", "minimum": 0, "description": "ports times targets; for sensors 0" },
          "met": { "type": "boolean" },
          "gap": { "type": "string", "description": "what is missing, in words" }
        }
      }
    },
    "findings": { "type": "array", "description": "severity falling, then kind, zones, target, protocol, ports", "items": { "$ref": "#/definitions/finding" } },
    "matrix": {
      "type": "array",
      "description": "zone by zone by service",
      "items": {
        "type": "object",
        "required": ["from_zone", "to_zone", "service", "state"],
        "properties": {
          "from_zone": { "type": "string" },
          "to_zone": { "type": "string" },
          "service": { "type": "string", "description": "a name of the rule set or the catalogue, or 'tcp/8443'" },
          "state": { "enum": ["approved-seen", "approved-not-seen", "approved-not-measured", "undocumented", "forbidden", "unanswered", "not-measured"] },
          "approved": { "type": "boolean", "description": "a rule in force approves it" },
          "forbidden": { "type": "boolean", "description": "a forbidden entry names it" },
          "reachable": { "type": "boolean", "description": "a probe found it open" },
          "observed": { "type": "boolean", "description": "a capture shows it in use" },
          "configured": { "enum": ["permits", "denies", "partly", "undetermined", "not measured"], "description": "what the filters on the path do with it; absent where no configuration was given" },
          "rules": { "$ref": "#/definitions/texts" },
          "findings": { "$ref": "#/definitions/texts", "description": "ids" }
        }
      }
    },
    "rules": {
      "type": "array",
      "description": "every rule in the rule set's order, with what each view says about it",
      "items": {
        "type": "object",
        "required": ["id", "in_force", "state"],
        "properties": {
          "id": { "type": "string" },
          "service": { "type": "string" },
          "from": { "type": "string" },
          "to": { "type": "string" },
          "owner": { "type": "string" },
          "application": { "type": "string" },
          "ticket": { "type": "string" },
          "reason": { "type": "string" },
          "tags": { "$ref": "#/definitions/texts" },
          "in_force": { "type": "boolean", "description": "at as_of" },
          "state": { "type": "string", "description": "'in force', 'expired 2026-03-31', ..." },
          "review_by": { "type": "string", "description": "ISO 8601 date" },
          "reachable": { "type": "string", "description": "'open from external', 'not measured', ..." },
          "observed": { "type": "string" },
          "configured": { "type": "string", "description": "'permitted by edge.cfg:12', 'blocked in part by edge.cfg:30', 'not measured'" },
          "lines": { "$ref": "#/definitions/texts", "description": "of configurations, that let it through or stop it: 'edge.cfg:12'" },
          "findings": { "$ref": "#/definitions/texts", "description": "ids" },
          "file": { "type": "string" },
          "line": { "type": "integer", "minimum": 0 }
        }
      }
    },
    "lines": {
      "type": "array",
      "description": "lines of configurations that decide about approved or observed packets, by device, file and line; absent where no configuration was given",
      "items": {
        "type": "object",
        "required": ["device", "file", "line", "action", "text"],
        "properties": {
          "device": { "type": "string" },
          "file": { "type": "string" },
          "line": { "type": "integer", "minimum": 0, "description": "0: implied by the dialect, written nowhere" },
          "list": { "type": "string" },
          "action": { "type": "string", "description": "permit, deny, ..." },
          "text": { "type": "string", "description": "as written: foreign text" },
          "status": { "enum": ["live", "shadowed", "redundant", "unread", "partial"] },
          "pairs": { "$ref": "#/definitions/texts", "description": "zone pairs whose packets it decides: 'internet > dmz'" },
          "rules": { "$ref": "#/definitions/texts", "description": "ids of the approvals that need it" },
          "packets": { "type": "integer", "minimum": 0, "description": "its counter, where the configuration shows one" },
          "conversations": { "type": "integer", "minimum": 0, "description": "established ones, observed, that it let through; absent without captures" },
          "last": { "type": "string", "description": "of these, the last; RFC 3339" },
          "use": { "type": "string", "description": "what can be said about its use" },
          "findings": { "$ref": "#/definitions/texts", "description": "ids" }
        }
      }
    },
    "vantages": {
      "type": "array",
      "description": "one row for each run, and for each vantage point that never ran",
      "items": {
        "type": "object",
        "required": ["name", "zone", "end"],
        "properties": {
          "name": { "type": "string" },
          "zone": { "type": "string" },
          "source_address": { "type": "string" },
          "method": { "type": "string" },
          "started": { "type": "string" },
          "finished": { "type": "string" },
          "end": { "type": "string", "description": "complete, interrupted, window-closed, runtime-reached, canary-lost, vantage-lost, never ran" },
          "sent": { "type": "integer", "minimum": 0, "description": "packets" },
          "loss_estimate": { "type": "number", "minimum": 0, "maximum": 1, "description": "share of lost probes; absent where no canary told" }
        }
      }
    },
    "evidence": {
      "type": "array",
      "description": "the files that were judged",
      "items": {
        "type": "object",
        "required": ["file", "kind"],
        "properties": {
          "file": { "type": "string" },
          "kind": { "type": "string", "description": "by its content" },
          "sha256": { "type": "string" },
          "size": { "type": "integer", "minimum": 0, "description": "bytes" },
          "note": { "type": "string" }
        }
      }
    },
    "notes": { "$ref": "#/definitions/texts", "description": "assumptions the reader must know" }
  },
  "definitions": {
    "texts": { "type": "array", "items": { "type": "string" } },
    "time": { "type": "string", "description": "RFC 3339, UTC", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?Z$" },
    "finding": {
      "type": "object",
      "required": ["id", "kind", "severity", "title"],
      "properties": {
        "id": { "type": "string", "pattern": "^[0-9a-f]{12}$", "description": "the same cause has the same id in the next verdict" },
        "kind": { "enum": ["exposed-forbidden", "exposed-undocumented", "passed-undocumented", "outbound-undocumented", "host-undocumented", "approved-unreachable", "approved-not-listening", "service-mismatch", "flow-forbidden", "flow-undocumented", "attempt-undocumented", "approved-unused", "acl-permits-undocumented", "acl-blocks-approved", "ace-reply-open", "ace-shadowed", "ace-redundant", "ace-unread", "ace-broad", "views-disagree", "rule-expired", "review-overdue", "approval-missing", "approval-invalid", "rule-overlap", "rule-broad", "rule-temporary", "answers-everything", "link-control", "scan-noise", "not-measured"] },
        "severity": { "enum": ["critical", "high", "medium", "low", "info", "none"] },
        "rule": { "type": "string", "description": "the rule, exception or forbidden entry it is about" },
        "from_zone": { "type": "string" },
        "to_zone": { "type": "string" },
        "source": { "type": "string", "description": "who asked or opened, for people" },
        "target": { "type": "string", "description": "host or host.nic, otherwise the address" },
        "target_address": { "type": "string" },
        "protocol": { "type": "string", "description": "name, or number where it has none" },
        "ports": { "type": "string", "description": "'22,80-90'", "pattern": "^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$" },
        "icmp_types": { "type": "array", "items": { "type": "string", "description": "'8/0', or '8' for every code" } },
        "service": { "type": "string" },
        "title": { "type": "string", "description": "one line: what is wrong" },
        "cause": { "type": "string" },
        "remedy": { "type": "string" },
        "remedy_configuration": { "$ref": "#/definitions/texts", "description": "lines of the device's own syntax" },
        "sample": {
          "type": "object",
          "description": "a packet that proves it",
          "required": ["source", "destination", "protocol"],
          "properties": {
            "source": { "type": "string" },
            "destination": { "type": "string" },
            "protocol": { "type": "string" },
            "source_port": { "type": "integer", "minimum": 0, "maximum": 65535 },
            "port": { "type": "integer", "minimum": 0, "maximum": 65535 },
            "icmp": { "type": "string" }
          }
        },
        "evidence": {
          "type": "array",
          "items": {
            "type": "object",
            "required": ["file", "place"],
            "properties": {
              "file": { "type": "string" },
              "place": { "type": "string", "description": "'line 214', 'record 12', 'frame 1880'" },
              "text": { "type": "string", "description": "what it says: foreign text" }
            }
          }
        },
        "vantages": { "$ref": "#/definitions/texts", "description": "from where it was seen" },
        "device": { "type": "string", "description": "of a finding about a configuration" },
        "list": { "type": "string" },
        "entry": { "type": "string", "description": "the line as written, by which it is known again: foreign text" },
        "application": { "type": "string" },
        "owner": { "type": "string" },
        "tags": { "$ref": "#/definitions/texts" },
        "accepted": { "type": "boolean", "description": "listed, and does not fail" },
        "accepted_reason": { "type": "string" },
        "baseline": { "enum": ["new", "unchanged", "gone"] }
      }
    }
  }
}
)json";
}

std::string_view acl_json_schema() {
  return R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "$id": "https://demarc.example/schema/acl-1.json",
  "title": "demarc acl check --format json",
  "type": "object",
  "required": ["demarc", "version", "devices"],
  "properties": {
    "demarc": { "const": "acl" },
    "version": { "const": 1 },
    "devices": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["name", "file", "dialect", "lines", "unread", "lists", "unused"],
        "properties": {
          "name": { "type": "string" }, "file": { "type": "string" },
          "dialect": { "enum": ["cisco-ios", "cisco-xr", "cisco-nxos", "cisco-asa", "arista-eos", "junos", "iptables", "nftables", "aws", "azure", "gcp"] },
          "lines": {
            "type": "object", "description": "how many lines were understood",
            "required": ["understood", "in_part", "not_filtering", "not_understood"],
            "additionalProperties": { "type": "integer", "minimum": 0 }
          },
          "unread": {
            "type": "array",
            "items": {
              "type": "object", "required": ["line", "state", "text", "why"],
              "properties": {
                "line": { "type": "integer", "minimum": 1 }, "state": { "enum": ["in-part", "not-understood"] },
                "text": { "type": "string" }, "why": { "type": "string" }
              }
            }
          },
          "lists": {
            "type": "array",
            "items": {
              "type": "object", "required": ["name", "line", "defined", "bound", "decided", "entries", "conflicts"],
              "properties": {
                "name": { "type": "string" }, "line": { "type": "integer", "minimum": 0 },
                "defined": { "type": "boolean" }, "bound": { "type": "boolean" },
                "decided": { "type": "boolean", "description": "false: too complicated, nothing is said of its entries" },
                "entries": {
                  "type": "array",
                  "items": {
                    "type": "object", "required": ["line", "text", "status"],
                    "properties": {
                      "line": { "type": "integer", "minimum": 0, "description": "0: implied by the dialect" },
                      "text": { "type": "string" },
                      "status": { "enum": ["live", "shadowed", "redundant", "unread", "partial"] },
                      "by": { "type": "array", "items": { "type": "integer", "minimum": 0 }, "description": "lines" },
                      "by_list": { "type": "string" }, "by_more": { "type": "boolean" },
                      "otherwise": { "type": "boolean", "description": "one of them decides the other way" },
                      "duplicate": { "type": "boolean" }, "matches_nothing": { "type": "boolean" },
                      "answer_only": { "type": "boolean", "description": "live: without it the packets are denied all the same, and answered otherwise" },
                      "but_later_fragments": { "type": "boolean" }, "undecided": { "type": "string" },
                      "packets": { "type": "integer", "minimum": 0, "description": "its counter" },
                      "sample": { "type": "string" }
                    }
                  }
                },
                "conflicts": {
                  "type": "array",
                  "items": {
                    "type": "object", "required": ["first", "second"],
                    "properties": {
                      "first": { "type": "integer", "minimum": 0 }, "second": { "type": "integer", "minimum": 0 },
                      "sample": { "type": "string" }
                    }
                  }
                },
                "conflicts_left_out": { "type": "integer", "minimum": 1 }
              }
            }
          },
          "unused": {
            "type": "array",
            "items": {
              "type": "object", "required": ["name", "kind", "line"],
              "properties": {
                "name": { "type": "string" }, "kind": { "type": "string" }, "line": { "type": "integer", "minimum": 0 }
              }
            }
          }
        }
      }
    }
  }
}
)json";
}

}  // namespace demarc
