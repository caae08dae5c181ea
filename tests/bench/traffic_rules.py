#!/usr/bin/python3
"""A rule set for the captures of generate_traffic (shapes a, b and c):  traffic_rules.py RULES > demarc.yaml

Approves everything that they hold but one port, so that a verdict has something to find. Ten rules speak of zones; more
of them name one host, one service and one of two client networks each, as a large site's do.
"""
import sys

rules = int(sys.argv[1])
services = {"https": 443, "http": 80, "smtp": 25, "ssh": 22, "smb-x": 445, "sql": 1433, "rdp-x": 3389, "alt": 8443}
hosts = [f"192.0.2.{i}" for i in range(200)] + [f"203.0.113.{i}" for i in range(200)]
print("demarc: 1\nname: traffic\nreview: { interval: 12 months, approval_roles: [network] }")
print("zones:\n  west: { cidrs: [198.18.0.0/16] }\n  east: { cidrs: [198.19.0.0/16] }\n  dmz: { cidrs: [192.0.2.0/24, 203.0.113.0/24] }\n  other: { cidrs: [10.0.0.0/8] }")
print("hosts:")
for i, address in enumerate(hosts):
    print(f"  h{i}: {{ addresses: [{address}] }}")
spare = max(0, rules - len(hosts) * len(services) * 2 - 1)
for i in range((spare + 7) // 8):
    print(f"  s{i}: {{ addresses: [10.{1 + i // 62500}.{i // 250 % 250}.{1 + i % 250}] }}")
print("services:\n  dns: { udp: [53] }")
for name, port in services.items():
    print(f"  {name}: {{ tcp: [{port}] }}")
print("sensors:\n  tap: { sees: [[west, dmz], [east, dmz]], both_directions: true, sampling: 1 }")
print("people:\n  a.ito: { roles: [network] }\nrules:")
number = 0


def rule(service, source, target):
    global number
    if number == rules:
        return
    number += 1
    print(f"  - {{ id: R-{number}, service: {service}, from: {source}, to: {target}, owner: team, reason: generated, ticket: C-{number}, "
          f"approved: {{ network: {{ by: a.ito, date: 2026-02-05 }} }}, review_by: 2027-02-01 }}")


rule("dns", "[west, east]", "dmz")
if rules <= 16:
    for name in services:
        rule(name, "[west, east]", "dmz")
    for port in range(rules - number):
        rule("https", "other", f"h{port}")
else:
    for i in range(len(hosts)):
        for name in services:
            for zone in ("west", "east"):
                rule(name, zone, f"h{i}")
    for i in range(spare):
        rule(list(services)[i % 8], "west", f"s{i // 8}")
