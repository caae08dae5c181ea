#!/usr/bin/python3
"""The laboratory's one table: what the firewall does with each port of each host, and who listens.

    table.py DIRECTORY [--small] [--witness-seed N]

writes from it
    filter.nft     the firewall's rules
    rules.yaml     a rule set of demarc with the scope, the vantage points and a canary
    truth.json     what a scanner must find: {"filter": …, "tcp": {address: {"open": "22,80", …}}, "udp": …}
    listeners      one line a program: node, address, ports
    witness.nft, witness.json   a firewall of random permits, and which ports it passes

--small: the same shapes within ports 1-600, for tests that must be over soon. The scripts, the firewall and the judge
read these files, so that none of them can be right on its own.
"""
import datetime
import json
import random
import sys

SCANNER = {4: "203.0.113.77", 6: "2001:db8:e::77"}
FILTER = {4: "203.0.113.1", 6: "2001:db8:e::1"}
INNER = "198.51.100.10"
HOSTS = {f"front{n}": {4: f"192.0.2.{10 + n}", 6: f"2001:db8:d::{10 + n}"} for n in (1, 2, 3, 4)}
MANY = {4: "192.0.2.20", 6: "2001:db8:d::20"}      # 8,192 open ports
PROXIED = {4: "192.0.2.30"}                        # behind a SYN proxy
NAMED = {4: "192.0.2.41"}                          # services to identify
MANY_PORTS = (1024, 9215)
PROXIED_PORTS, PROXIED_OPEN = (1, 2000), (443, 1234)
NAMED_PORTS = [25, 135, 139, 445, 1433, 5900]      # the last two accept and stay silent

# host: open, closed by the host, reset by the filter, refused by the filter with ICMP 3/13. The rest is dropped.
FULL = {
    "front1": ("22,80,443,8443", "1001-1049", "7000-7255", "12000-12274"),
    "front2": ("25,443,3389,5900", "20001-20049", "7000-7255", "12000-12274"),
    "front3": ("53,443,8080,50443", "3000-3040,40001-40008", "9000-9256", "30100-30374"),
    "front4": ("21,80,443,60022", "64000-64047", "9000-9256", "30100-30374"),
}
SMALL = {
    "front1": ("22,80,443,444", "101-112", "200-219", "300-309"),
    "front2": ("25,443,465,587", "500-511", "220-239", "310-319"),
    "front3": ("53,443,88,554", "1-8,596-599", "200-219", "320-329"),
    "front4": ("21,80,443,590", "120-131", "240-259", "320-329"),
}
EXPECTED = {"full": (16, 195, 1026, 1100), "small": (16, 48, 80, 40)}
CLASSES = ("open", "closed", "filter-reset", "refused")
FULL_LAST, SMALL_LAST = 65535, 600

# UDP: five services that answer, one that never does, a few ports that are let through to nobody.
UDP_PORTS = "1-199,500,514,1434,1900,4500,5353"    # 205
UDP_ANSWER = {"front1": [53, 69], "front2": [123], "front3": [161], "front4": [137]}
UDP_SERVICE = {53: "dns", 69: "tftp", 123: "ntp", 161: "snmp", 137: "netbios-ns"}
UDP_MUTE = {"front2": [514]}
UDP_CLOSED = {"front1": [7, 19], "front2": [111], "front3": [500], "front4": [1900]}


def ports(text):
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def ranges(numbers):
    """Port numbers as text: 1-3,7."""
    parts, run = [], []
    for number in sorted(numbers):
        if run and number != run[-1] + 1:
            parts.append(run)
            run = []
        run = [run[0], number] if run else [number]
    if run:
        parts.append(run)
    return ",".join(str(part[0]) if part[0] == part[-1] else f"{part[0]}-{part[-1]}" for part in parts)


def nft_set(text):
    return "{ " + ", ".join(text.split(",")) + " }"


def filter_rules(table):
    """Each host has a chain; what falls out of it is dropped by the policy."""
    out = ["table inet gate {"]
    for host, (opened, closed, reset, refused) in table.items():
        udp = UDP_ANSWER.get(host, []) + UDP_MUTE.get(host, []) + UDP_CLOSED.get(host, [])
        out += [f"  chain {host} {{",
                f"    tcp dport {nft_set(opened + ',' + closed)} accept",
                f"    tcp dport {nft_set(reset)} reject with tcp reset",
                f"    tcp dport {nft_set(refused)} reject with icmpx type admin-prohibited",
                f"    udp dport {nft_set(ranges(udp))} accept",
                "  }"]
    for family, key in ((4, "ip"), (6, "ip6")):
        verdicts = ", ".join(f"{addresses[family]} : jump {host}" for host, addresses in HOSTS.items())
        out += [f"  map of{family} {{ type ipv{family}_addr : verdict; elements = {{ {verdicts} }} }}"]
    out += ["  chain forward {",
            "    type filter hook forward priority filter; policy drop;",
            # What answers the proxy's own connections is known to conntrack; what it answers itself is not.
            f"    ip daddr {PROXIED[4]} ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm",
            "    ct state established,related accept",
            "    meta l4proto ipv6-icmp icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
            "    iifname wan ip daddr vmap @of4",
            "    iifname wan ip6 daddr vmap @of6",
            f"    iifname wan ip daddr {MANY[4]} tcp dport {MANY_PORTS[0]}-{MANY_PORTS[1]} accept",
            f"    iifname wan ip6 daddr {MANY[6]} tcp dport {MANY_PORTS[0]}-{MANY_PORTS[1]} accept",
            "    ct state invalid drop",
            # TFTP answers from a port of its own (RFC 1350 section 4), which conntrack does not connect with the question.
            f"    iifname dmz ip saddr {HOSTS['front1'][4]} udp sport 1024-65535 udp dport 1024-65535 accept",
            f"    iifname wan ip daddr {PROXIED[4]} tcp dport {PROXIED_PORTS[0]}-{PROXIED_PORTS[1]} accept",
            f"    iifname wan ip daddr {NAMED[4]} tcp dport {nft_set(ranges(NAMED_PORTS))} accept",
            f"    iifname wan ip daddr {NAMED[4]} udp dport 137 accept",
            "  }",
            "  chain raw {",
            "    type filter hook prerouting priority raw; policy accept;",
            f"    iifname wan ip daddr {PROXIED[4]} tcp flags syn / fin,syn,rst,ack tcp dport {PROXIED_PORTS[0]}-{PROXIED_PORTS[1]} notrack",
            "  }",
            "}"]
    return "\n".join(out) + "\n"


def listeners(table):
    out = []
    for host, (opened, *_) in table.items():
        for family in (4, 6):
            out.append(f"{host} {HOSTS[host][family]} {opened}")
    for family in (4, 6):
        out.append(f"many {MANY[family]} {MANY_PORTS[0]}-{MANY_PORTS[1]}")
    out.append(f"proxied {PROXIED[4]} {ranges(PROXIED_OPEN)}")
    return "\n".join(out) + "\n"


def truth(table, last):
    tcp = {}
    for host, row in table.items():
        for family in (4, 6):
            tcp[HOSTS[host][family]] = dict(zip(CLASSES, row))
    for family in (4, 6):
        tcp[MANY[family]] = {"open": f"{MANY_PORTS[0]}-{MANY_PORTS[1]}"}
    proxied = set(range(PROXIED_PORTS[0], PROXIED_PORTS[1] + 1))
    tcp[PROXIED[4]] = {"open": ranges(PROXIED_OPEN), "closed": ranges(proxied - set(PROXIED_OPEN))}
    udp = {}
    for host, addresses in HOSTS.items():
        udp[addresses[4]] = {"open": {str(port): UDP_SERVICE[port] for port in UDP_ANSWER.get(host, [])},
                             "mute": ranges(UDP_MUTE.get(host, [])), "closed": ranges(UDP_CLOSED.get(host, []))}
    return {"ports": f"1-{last}", "udp_ports": UDP_PORTS, "scanner": list(SCANNER.values()),
            "filter": list(FILTER.values()),
            "hosts": {str(family): [addresses[family] for addresses in HOSTS.values()] for family in (4, 6)},
            "many": [MANY[4], MANY[6]], "many_ports": f"{MANY_PORTS[0]}-{MANY_PORTS[1]}",
            "proxied": PROXIED[4], "proxied_ports": f"{PROXIED_PORTS[0]}-{PROXIED_PORTS[1]}",
            "named": NAMED[4], "named_ports": ranges(NAMED_PORTS),
            "named_services": {"25": "smtp", "135": "msrpc", "139": "netbios", "445": "smb"},
            "tcp": tcp, "udp": udp}


def rules(table, witness):
    today = datetime.date.today()
    year = today + datetime.timedelta(days=300)
    hosts = [f"  {host}: {{ addresses: [{addresses[4]}, \"{addresses[6]}\"] }}" for host, addresses in HOSTS.items()]
    hosts += [f"  many: {{ addresses: [{MANY[4]}, \"{MANY[6]}\"] }}", f"  proxied: {{ addresses: [{PROXIED[4]}] }}",
              f"  named: {{ addresses: [{NAMED[4]}] }}", f"  inner: {{ addresses: [{INNER}] }}"]
    return f"""demarc: 1
name: laboratory
timezone: UTC
review: {{ interval: 12 months, warn_before: 1 days, approval_roles: [security] }}
zones:
  internet: {{ any: true }}
  dmz: {{ cidrs: [192.0.2.0/26, "2001:db8:d::/64"], intra: allowed }}
  inside: {{ cidrs: [198.51.100.0/28] }}
hosts:
{chr(10).join(hosts)}
services:
  portal: {{ tcp: [443] }}
scope:
  targets: [front1, front2, front3, front4, many, proxied, named{', "vantage:external"' if witness else ''}]
  max_rate: 2000000 packets/s
  max_rate_per_target: 2000000 packets/s
  max_states_per_path: 2000000
  authorised_by: {{ by: r.lind, date: {today}, ticket: CHG-1, valid_until: {year} }}
vantages:
  external: {{ zone: internet, address: {SCANNER[4]}, canaries: ["front1:443"] }}
  external6: {{ zone: internet, address: "{SCANNER[6]}" }}
  inner: {{ zone: inside, address: {INNER} }}
  on-front1: {{ zone: dmz, address: {HOSTS['front1'][4]} }}
coverage:
  tcp: all
  udp: none
  icmp: none
  vantages: [external]
  max_age: 7 days
people:
  r.lind: {{ roles: [security], teams: [gis-security] }}
rules:
  - id: WEB-1
    service: portal
    from: internet
    to: [front1, front2, front3, front4]
    owner: web-team
    reason: The portal
    ticket: CHG-2
    approved: {{ security: {{ by: r.lind, date: {today} }} }}
    review_by: {year}
"""


def witness(seed, last):
    """Runs of permitted and dropped ports, of either protocol in either direction: no pattern to guess."""
    dice = random.Random(seed)
    passed = {}
    for way in ("inward", "outward"):
        for protocol in ("tcp", "udp"):
            numbers, port, permit = [], 1, dice.random() < 0.5
            while port <= last:
                run = 1 + int(dice.expovariate(1 / 24))
                if permit:
                    numbers += range(port, min(port + run, last + 1))
                port += run
                permit = not permit
            passed[f"{way} {protocol}"] = ranges(numbers)
    inward = f"iifname wan ip daddr {HOSTS['front1'][4]}"
    outward = f"iifname dmz ip daddr {SCANNER[4]}"
    out = ["table inet gate {", "  chain forward {", "    type filter hook forward priority filter; policy drop;"]
    for way, match in (("inward", inward), ("outward", outward)):
        for protocol in ("tcp", "udp"):
            # No connection tracking: each direction is decided by its own lines, as on a router with ACLs.
            out.append(f"    {match} {protocol} dport {nft_set(passed[f'{way} {protocol}'])} accept")
    return "\n".join(out + ["  }", "}"]) + "\n", {"seed": seed, "ports": f"1-{last}", "passed": passed}


def main(words):
    small = "--small" in words
    seed = int(words[words.index("--witness-seed") + 1]) if "--witness-seed" in words else 7
    directory = words[0]
    table, last = (SMALL, SMALL_LAST) if small else (FULL, FULL_LAST)
    counts = tuple(sum(len(list(ports(row[column]))) for row in table.values()) for column in range(4))
    assert counts == EXPECTED["small" if small else "full"], counts
    permits, passed = witness(seed, last)
    for name, text in (("filter.nft", filter_rules(table)), ("listeners", listeners(table)),
                       ("rules.yaml", rules(table, False)), ("witness-rules.yaml", rules(table, True)),
                       ("truth.json", json.dumps(truth(table, last), indent=1)),
                       ("witness.nft", permits), ("witness.json", json.dumps(passed, indent=1))):
        with open(f"{directory}/{name}", "w") as file:
            file.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
