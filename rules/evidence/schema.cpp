// JSON Schemas (draft-07) of the evidence files' lines: `demarc schema scan|flows|witness`.
#include "rules/evidence/flow_records.h"
#include "rules/evidence/journal.h"
#include "rules/evidence/witness.h"

namespace demarc {

std::string scan_json_schema() {
  return R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "demarc scan journal, one line",
  "description": "A journal is JSON Lines: a header, then records in any order, then an end record. Without an end record the run was interrupted and can be resumed.",
  "type": "object",
  "definitions": {
    "time": { "type": "string", "format": "date-time", "description": "RFC 3339, UTC" },
    "address": { "type": "string", "description": "IPv4 or IPv6 address" },
    "port": { "type": "integer", "minimum": 0, "maximum": 65535 },
    "ports": { "type": "string", "pattern": "^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$", "description": "ports and ranges, both ends included" }
  },
  "anyOf": [
    {
      "title": "header", "required": ["demarc", "version", "run", "started", "method"],
      "properties": {
        "demarc": { "const": "scan" },
        "version": { "const": 1 },
        "run": { "type": "string", "description": "id shared by the shards and resumptions of one run" },
        "vantage": { "type": "string" },
        "zone": { "type": "string" },
        "source_address": { "$ref": "#/definitions/address" },
        "more_source_addresses": { "type": "array", "items": { "$ref": "#/definitions/address" }, "description": "sent from as well: of the other family" },
        "interface": { "type": "string" },
        "started": { "$ref": "#/definitions/time" },
        "method": { "type": "string", "description": "connect, syn, udp, icmp or nmap" },
        "seed": { "type": "integer", "minimum": 0 },
        "shard": { "type": "string", "pattern": "^[0-9]+/[0-9]+$" },
        "tries_max": { "type": "integer", "minimum": 1, "description": "probes sent at most for one port" },
        "rules_sha256": { "type": "string" }, "scope_sha256": { "type": "string" }, "plan_sha256": { "type": "string" },
        "witness_key": { "type": "string", "pattern": "^[0-9a-f]{16}$", "description": "fingerprint of the key that the probes were marked with" }
      }
    },
    {
      "title": "outcome", "required": ["target", "protocol", "state"],
      "properties": {
        "target": { "$ref": "#/definitions/address" },
        "protocol": { "type": "string" },
        "ports": { "$ref": "#/definitions/ports" },
        "types": { "type": "string", "pattern": "^[0-9]+(/[0-9]+)?$", "description": "ICMP: type, or type/code" },
        "state": { "enum": ["open", "closed", "filtered", "open|filtered", "unfiltered"] },
        "passage": { "enum": ["passed", "blocked", "undetermined"], "description": "whether the filter let the probe by" },
        "answer": { "type": "string", "description": "what came back: syn-ack, rst, silence, icmp-admin-prohibited, ..." },
        "doubt": { "type": "string", "description": "why the outcome is weaker than it looks" },
        "answered_by": { "$ref": "#/definitions/address" },
        "ttl": { "type": "integer", "minimum": 0, "maximum": 255, "description": "of the answer, in hops" },
        "tries": { "type": "integer", "minimum": 1 },
        "rtt_us": { "type": "integer", "minimum": 0, "description": "microseconds" },
        "last_hop": { "$ref": "#/definitions/address" },
        "stops_at_hop": { "type": "integer", "minimum": 1, "maximum": 255, "description": "hops from the vantage point to where the probe is not answered any more; last_hop is the last router that let it by" },
        "at": { "$ref": "#/definitions/time" },
        "at_latest": { "$ref": "#/definitions/time", "description": "of the newest port, where they were not confirmed at one moment" },
        "service": {
          "type": "object", "required": ["name"],
          "properties": {
            "name": { "type": "string" }, "product": { "type": "string" }, "version": { "type": "string" },
            "evidence": { "type": "string", "description": "what the recogniser saw; bytes that do not print are \\xNN" },
            "tls_inside": { "type": "string" },
            "certificate_names": { "type": "array", "items": { "type": "string" } },
            "certificate_expires": { "$ref": "#/definitions/time" }
          }
        }
      }
    },
    {
      "title": "canary", "required": ["canary", "port", "answered", "at"],
      "properties": {
        "canary": { "$ref": "#/definitions/address" }, "port": { "$ref": "#/definitions/port" },
        "answered": { "type": "boolean" }, "at": { "$ref": "#/definitions/time" }
      }
    },
    {
      "title": "unroutable", "required": ["unroutable", "why"],
      "properties": { "unroutable": { "$ref": "#/definitions/address" }, "why": { "type": "string", "description": "why this vantage point cannot ask it" } }
    },
    { "title": "note", "required": ["note"], "properties": { "note": { "type": "string" } } },
    {
      "title": "asked", "required": ["asked", "pass"],
      "properties": {
        "asked": { "type": "integer", "minimum": 0, "description": "how many probes of the plan's order were asked in this pass; what no record names by then was silent" },
        "pass": { "type": "integer", "minimum": 1 }, "at": { "$ref": "#/definitions/time" }
      }
    },
    { "title": "resumed", "required": ["resumed"], "properties": { "resumed": { "$ref": "#/definitions/time" } } },
    {
      "title": "end", "required": ["end", "finished"],
      "properties": {
        "end": { "enum": ["complete", "interrupted", "window-closed", "runtime-reached", "canary-lost", "vantage-lost"] },
        "sent": { "type": "integer", "minimum": 0, "description": "probes" },
        "received": { "type": "integer", "minimum": 0, "description": "answers" },
        "loss_estimate": { "type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "share of probes unanswered by ports that do answer; null: not known" },
        "miss_probability": { "type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "that a port which answers was taken for silent; null: not known" },
        "finished": { "$ref": "#/definitions/time" }
      }
    }
  ]
}
)json";
}

std::string flows_json_schema() {
  return R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "demarc flow records, one line",
  "description": "JSON Lines: a header with the sources, one record for all conversations of an initiator with a responder's port, an end record.",
  "type": "object",
  "definitions": {
    "time": { "type": "string", "format": "date-time", "description": "RFC 3339, UTC" },
    "count": { "type": "integer", "minimum": 0 }
  },
  "anyOf": [
    {
      "title": "header", "required": ["demarc", "version", "sources"],
      "properties": {
        "demarc": { "const": "flows" }, "version": { "const": 1 },
        "sources": {
          "type": "array",
          "items": {
            "type": "object", "required": ["file", "packets", "dropped", "truncated"],
            "properties": {
              "file": { "type": "string" }, "sensor": { "type": "string" },
              "sampling": { "type": "integer", "minimum": 1, "description": "one packet in N" },
              "packets": { "$ref": "#/definitions/count" },
              "dropped": { "$ref": "#/definitions/count", "description": "packets the capture lost, as it says itself" },
              "undecoded": { "$ref": "#/definitions/count", "description": "packets that could not be read" },
              "snapped": { "$ref": "#/definitions/count", "description": "packets cut before their ports" },
              "aggregated": { "$ref": "#/definitions/count", "description": "conversations whose detail was given up to bound memory" },
              "one_sided": { "$ref": "#/definitions/count", "description": "TCP conversations of which only one direction was seen, though both took part" },
              "two_sided": { "$ref": "#/definitions/count", "description": "and those of which both were seen" },
              "tunneled": { "$ref": "#/definitions/count", "description": "packets of tunnels that nobody asked to open" },
              "truncated": { "type": "boolean" }, "problem": { "type": "string" },
              "first": { "$ref": "#/definitions/time" }, "last": { "$ref": "#/definitions/time" }
            }
          }
        },
        "notes": { "type": "array", "items": { "type": "string" }, "description": "what could not be told, for people" }
      }
    },
    {
      "title": "flow", "required": ["initiator", "responder", "protocol", "conversations", "states", "first", "last"],
      "properties": {
        "initiator": { "type": "string" }, "responder": { "type": "string" }, "protocol": { "type": "string" },
        "port": { "type": "integer", "minimum": 0, "maximum": 65535, "description": "the responder's" },
        "initiator_port": { "type": "integer", "minimum": 0, "maximum": 65535 },
        "type": { "type": "string", "pattern": "^[0-9]+(/[0-9]+)?$", "description": "ICMP query: type/code" },
        "initiator_certain": { "type": "boolean" },
        "conversations": { "$ref": "#/definitions/count" },
        "established": { "$ref": "#/definitions/count", "description": "conversations in which both sides took part" },
        "states": {
          "type": "object", "description": "conversations by Zeek's connection state", "additionalProperties": { "$ref": "#/definitions/count" },
          "propertyNames": { "enum": ["S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"] }
        },
        "packets_out": { "$ref": "#/definitions/count", "description": "whole IP packets from the initiator" },
        "packets_in": { "$ref": "#/definitions/count" },
        "bytes_out": { "$ref": "#/definitions/count", "description": "bytes of whole IP packets" },
        "bytes_in": { "$ref": "#/definitions/count" },
        "first": { "$ref": "#/definitions/time" }, "last": { "$ref": "#/definitions/time" },
        "source": { "type": "integer", "minimum": 0, "description": "index into the header's sources; absent: 0" },
        "frame": { "type": "integer", "minimum": 1, "description": "of the first packet in the capture" },
        "service": {
          "type": "object", "required": ["name"], "description": "what speaks there, recognised in the first bytes",
          "properties": {
            "name": { "type": "string" }, "product": { "type": "string" }, "version": { "type": "string" },
            "evidence": { "type": "string", "description": "bytes seen, escaped" }, "tls_inside": { "type": "string" },
            "certificate_names": { "type": "array", "items": { "type": "string" } },
            "certificate_expires": { "$ref": "#/definitions/time" }
          }
        },
        "parent": {
          "type": "object", "required": ["initiator", "responder", "protocol", "port", "by"],
          "description": "the conversation that announced this port: its approval covers this one",
          "properties": {
            "initiator": { "type": "string" }, "responder": { "type": "string" }, "protocol": { "type": "string" },
            "port": { "type": "integer", "minimum": 0, "maximum": 65535 },
            "by": { "enum": ["ftp", "msrpc", "tftp", "sip", "portmapper"] }
          }
        },
        "tunnel": {
          "type": "object", "required": ["kind", "ends"], "description": "the outer packets",
          "properties": {
            "kind": { "enum": ["gre", "ipip", "6in4", "vxlan", "geneve", "erspan", "gtpu", "other"] },
            "ends": { "type": "array", "items": { "type": "string" }, "minItems": 2, "maxItems": 2 },
            "id": { "type": "integer", "minimum": 0, "maximum": 4294967295, "description": "VNI, GRE key, TEID, session" }
          }
        },
        "real": {
          "type": "object", "required": ["initiator", "responder", "port"],
          "description": "who really talks, where an address translation stood between and was seen through",
          "properties": {
            "initiator": { "type": "string" }, "responder": { "type": "string" },
            "port": { "type": "integer", "minimum": 0, "maximum": 65535 }
          }
        },
        "seen_twice": { "type": "boolean", "description": "another record tells the same conversations: one of them counts" },
        "verdict": {
          "enum": ["approved", "undocumented", "forbidden", "link-control", "same-subnet", "no-conversation"],
          "description": "by the rule set it was judged with; never read again"
        },
        "rule": { "type": "string", "description": "the rule, exception or forbidden entry that decides" },
        "note": { "type": "string", "description": "what else decided: who announced it, who really talks, what speaks there" }
      }
    },
    {
      "title": "noise", "required": ["noise", "protocol", "attempts", "first", "last"],
      "description": "many unanswered packets, in one record; never use",
      "properties": {
        "noise": { "enum": ["port-scan", "host-scan", "syn-flood", "backscatter", "attempts"] },
        "initiator": { "type": "string", "description": "absent: many" },
        "responder": { "type": "string", "description": "absent: many" },
        "protocol": { "type": "string" },
        "ports": { "type": "string", "description": "of responders, as ranges: \"22,80-90\"" },
        "attempts": { "$ref": "#/definitions/count" },
        "initiators": { "$ref": "#/definitions/count", "description": "distinct; an estimate above 1,024" },
        "responders": { "$ref": "#/definitions/count" },
        "packets": { "$ref": "#/definitions/count" }, "bytes": { "$ref": "#/definitions/count" },
        "first": { "$ref": "#/definitions/time" }, "last": { "$ref": "#/definitions/time" },
        "source": { "type": "integer", "minimum": 0 }, "frame": { "type": "integer", "minimum": 1 }
      }
    },
    { "title": "end", "required": ["end"], "properties": { "end": { "enum": ["complete", "interrupted"] }, "records": { "$ref": "#/definitions/count" } } }
  ]
}
)json";
}

std::string witness_json_schema() {
  return R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "demarc witness's record, one line",
  "description": "JSON Lines: a header, what arrived about once a second, signs of life, an end record. A file without an end record was interrupted, and is valid up to its last sign of life.",
  "type": "object",
  "definitions": {
    "time": { "type": "string", "format": "date-time", "description": "RFC 3339, UTC" },
    "count": { "type": "integer", "minimum": 0 },
    "address": { "type": "string", "description": "IPv4 or IPv6 (RFC 5952)" }
  },
  "anyOf": [
    {
      "title": "header", "required": ["demarc", "version", "run", "at", "addresses", "span", "started", "key"],
      "properties": {
        "demarc": { "const": "witness" }, "version": { "const": 1 }, "run": { "type": "string" },
        "at": { "type": "string", "description": "where it stood: a vantage point of the rule set, or any name" },
        "zone": { "type": "string" },
        "interface": { "type": "string", "description": "\"any\": all of them" },
        "addresses": { "type": "array", "items": { "$ref": "#/definitions/address" }, "description": "of the interface: packets to them end here" },
        "span": { "type": "boolean", "description": "a mirror port: it saw packets for other machines as well" },
        "started": { "$ref": "#/definitions/time" },
        "key": { "type": "string", "pattern": "^[0-9a-f]{16}$", "description": "fingerprint of the key; a scan's `witness_key` is the same" },
        "rules_sha256": { "type": "string" }
      }
    },
    {
      "title": "arrival", "required": ["source", "target", "protocol", "ports", "first", "last", "count"],
      "properties": {
        "source": { "$ref": "#/definitions/address" }, "target": { "$ref": "#/definitions/address" },
        "protocol": { "enum": ["tcp", "udp"] },
        "ports": { "type": "string", "pattern": "^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$", "description": "destination ports" },
        "first": { "$ref": "#/definitions/time" }, "last": { "$ref": "#/definitions/time" },
        "count": { "type": "integer", "minimum": 1, "description": "packets, repeats included" }
      }
    },
    {
      "title": "sign of life", "required": ["listening", "packets", "strangers", "dropped"],
      "properties": {
        "listening": { "$ref": "#/definitions/time", "description": "all that arrived until then is on record" },
        "packets": { "$ref": "#/definitions/count", "description": "received so far that look like a probe" },
        "strangers": { "$ref": "#/definitions/count", "description": "of them without a valid mark: counted, not kept" },
        "dropped": { "$ref": "#/definitions/count", "description": "lost so far by the kernel or the interface" }
      }
    },
    { "title": "note", "required": ["note"], "properties": { "note": { "type": "string" } } },
    {
      "title": "end", "required": ["end", "finished"],
      "properties": {
        "end": { "enum": ["complete", "runtime-reached", "interface-lost"] },
        "packets": { "$ref": "#/definitions/count" }, "strangers": { "$ref": "#/definitions/count" },
        "dropped": { "$ref": "#/definitions/count" },
        "finished": { "$ref": "#/definitions/time" }
      }
    }
  ]
}
)json";
}

}  // namespace demarc
