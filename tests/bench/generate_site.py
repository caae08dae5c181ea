#!/usr/bin/python3
"""A large site as files, seeded: a rule set, scan journals and flow records, for tests/bench/verify_bench.

    generate_site.py FOLDER [RULES] [OUTCOMES] [CONVERSATIONS]

Most of what the evidence shows is approved; a few hundred things are not, as in a site that is looked after.
"""
import random
import sys

folder = sys.argv[1]
rules, outcomes, conversations = (int(word) for word in (sys.argv[2:] + ["10000", "1000000", "1000000"][len(sys.argv) - 2:]))
rng = random.Random(2004)

hosts = rules // 5
services = 200


def host_address(i):
    return f"198.18.{16 + i // 250}.{1 + i % 250}"


with open(f"{folder}/demarc.yaml", "w") as out:
    out.write("demarc: 1\nname: site\nreview: { interval: 12 months, approval_roles: [network, systems, security] }\n")
    out.write("zones:\n  internet: { any: true }\n  dmz: { cidrs: [198.18.0.0/16] }\n  office: { cidrs: [10.50.0.0/16] }\n  database: { cidrs: [10.30.0.0/16] }\nhosts:\n")
    for i in range(hosts):
        out.write(f"  h{i}: {{ addresses: [{host_address(i)}] }}\n")
    out.write("services:\n")
    for s in range(services):
        out.write(f"  s{s}: {{ tcp: [{2000 + s}] }}\n")
    out.write("  smb: { tcp: [139, 445] }\nscope: { targets: [dmz], authorised_by: { by: r.lind, date: 2026-02-05, ticket: C-1, valid_until: 2027-02-05 } }\n")
    out.write("vantages:\n  external: { zone: internet, address: 203.0.113.77 }\n  office: { zone: office, address: 10.50.1.9 }\n")
    out.write("sensors:\n  tap: { sees: [[internet, dmz], [office, dmz]], both_directions: true, sampling: 1 }\n")
    out.write("coverage: { tcp: approved+forbidden, udp: none, icmp: none, vantages: [external, office], max_age: 7 days }\n")
    out.write("people:\n  a.ito: { roles: [network] }\n  m.okafor: { roles: [systems] }\n  r.lind: { roles: [security] }\nrules:\n")
    for i in range(rules):
        zone = "internet" if i % 2 == 0 else "office"
        day = 1 + i % 20
        out.write(f"  - id: R-{i}\n    service: s{(i // 5 + 17 * (i % 5)) % services}\n    from: {zone}\n    to: h{i // 5}\n    owner: team-{i % 40}\n    reason: generated\n    ticket: C-{i}\n"
                  f"    approved: {{ network: {{ by: a.ito, date: 2026-02-{day:02} }}, systems: {{ by: m.okafor, date: 2026-02-{day:02} }}, security: {{ by: r.lind, date: 2026-02-{day:02} }} }}\n"
                  f"    review_by: 2027-02-01\n")
    out.write("forbidden:\n  - { id: F-SMB, services: [smb], from: [internet, office], to: dmz, severity: critical, remedy: Deny it }\n")


def approved_ports(host, zone):
    return [2000 + (host + 17 * k) % services for k in range(5) if (5 * host + k) % 2 == (0 if zone == "internet" else 1)]


def journal(name, vantage, zone, address, count):
    """`count` port outcomes: each open or closed port in a record of its own or in lists, as a random order gives them."""
    with open(f"{folder}/{name}", "w") as out:
        out.write(f'{{"demarc":"scan","version":1,"run":"{name}","vantage":"{vantage}","zone":"{zone}","source_address":"{address}","started":"2026-11-23T08:00:00Z","method":"connect","seed":1,"shard":"1/1","tries_max":3}}\n')
        written = 0
        per_host = max(1, count // hosts)
        for i in range(hosts):
            target = host_address(i)
            opened = [p for p in approved_ports(i, zone) if rng.random() < 0.98]
            if rng.random() < 0.05:
                opened.append(445)
            others = set(range(2000, 2000 + services)) | {139, 445}
            while len(others) < per_host:
                others.add(rng.randint(1024, 60000))
            closed = sorted(others - set(opened))
            for port in opened:
                out.write(f'{{"target":"{target}","protocol":"tcp","ports":"{port}","state":"open","passage":"passed","answer":"syn-ack","tries":1,"rtt_us":410,"at":"2026-11-23T08:00:05Z"}}\n')
            rng.shuffle(closed)
            for k in range(0, len(closed), 40):
                silent = k % 80 == 0
                ports = ",".join(str(p) for p in sorted(closed[k:k + 40]))
                out.write(f'{{"target":"{target}","protocol":"tcp","ports":"{ports}","state":"{"filtered" if silent else "closed"}","passage":"undetermined","answer":"{"silence" if silent else "rst"}","tries":{3 if silent else 1},"at":"2026-11-23T08:00:05Z"}}\n')
            written += len(opened) + len(closed)
        out.write(f'{{"canary":"{host_address(0)}","port":2000,"answered":true,"at":"2026-11-23T08:00:01Z"}}\n')
        out.write(f'{{"end":"complete","sent":{written},"received":{written},"loss_estimate":0,"finished":"2026-11-23T08:20:00Z"}}\n')
        return written


total = journal("external.jsonl", "external", "internet", "203.0.113.77", outcomes // 2)
total += journal("office.jsonl", "office", "office", "10.50.1.9", outcomes // 2)

with open(f"{folder}/flows.jsonl", "w") as out:
    out.write('{"demarc":"flows","version":1,"sources":[{"file":"tap.pcap","sensor":"tap","sampling":1,"packets":30000000,"dropped":0,"truncated":false,"first":"2026-11-20T00:00:00Z","last":"2026-11-23T08:00:00Z"}]}\n')
    for i in range(conversations):
        host = rng.randrange(hosts)
        zone = "internet" if rng.random() < 0.7 else "office"
        ports = approved_ports(host, zone)
        client = f"{rng.randint(11, 99)}.{rng.randint(1, 250)}.{rng.randint(1, 250)}.{rng.randint(1, 250)}" if zone == "internet" else f"10.50.{rng.randint(0, 255)}.{rng.randint(1, 254)}"
        port = rng.choice(ports) if rng.random() < 0.9999 else 8888
        out.write(f'{{"initiator":"{client}","responder":"{host_address(host)}","protocol":"tcp","port":{port},"initiator_certain":true,"conversations":1,"states":{{"SF":1}},"packets_out":10,"packets_in":8,"bytes_out":1200,"bytes_in":9000,"first":"2026-11-22T10:00:00Z","last":"2026-11-22T10:00:09Z"}}\n')
    out.write(f'{{"end":"complete","records":{conversations}}}\n')
print(f"{rules} rules, {total} port outcomes, {conversations} conversations in {folder}")
