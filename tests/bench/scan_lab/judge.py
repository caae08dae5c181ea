#!/usr/bin/python3
"""Compares what a scanner wrote with the laboratory's truth, port by port.

    judge.py TRUTH TOOL:FILE[,FILE...] [--hosts 4|6|many|many6|proxied] [--ports RANGES] [--check EXPRESSION]

TOOL is demarc (a journal), nmap (XML), masscan (-oL) or zmap (CSV of saddr,sport,classification). Of every port that was to be
asked it says: right, doubtful (the scanner itself says that it is not sure), wrong, or unrecorded. --check is a Python
expression over right, doubt, wrong, unrecorded, total (by class: open closed filter-reset refused silent), missed and
false (opens), senders_wrong, ranges_proven and ranges (of refused ports); the exit status is 1 where it does not hold.

The classes that nobody can mistake for another: open; closed, a reset by the host itself; filter-reset, by the firewall in
its name; refused, by ICMP from the firewall; silent.
"""
import collections
import csv
import json
import sys
import xml.etree.ElementTree

CLASSES = ("open", "closed", "filter-reset", "refused", "silent")
# Doubts that leave the class of an outcome undecided; "no-canary" only says that loss is unknown.
WEAK = {"icmp-rate-limited", "answers-everything", "answers-disagree", "canary-lost", "self-connect"}

Seen = collections.namedtuple("Seen", "kind sender doubt")


def ports(text):
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def plain(address):
    import ipaddress
    return str(ipaddress.ip_address(address))


def records(name):
    """A journal's records; a line without its end was never finished."""
    with open(name, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


def read_demarc(name, protocol="tcp"):
    seen = {}
    for record in records(name):
        if record.get("protocol") != protocol or "state" not in record:
            continue
        answer, state, passage = record["answer"], record["state"], record["passage"]
        if state == "open":
            kind = "open"
        elif answer == "rst" or (protocol == "udp" and state == "closed"):
            kind = {"passed": "closed", "blocked": "filter-reset"}.get(passage, "some-reset")
        elif answer.startswith("icmp-"):
            kind = "refused"
        else:
            kind = "silent"
        doubt = record.get("doubt", "")
        if doubt not in WEAK:
            doubt = ""
        if kind == "some-reset":
            doubt = doubt or "reset by somebody"
        one = Seen(kind, record.get("answered_by", ""), doubt)
        for port in ports(record["ports"]):
            seen[record["target"], port] = one
    return seen


def read_nmap(name, protocol="tcp"):
    seen = {}

    def one(state, reason, sender):
        if state == "open":
            return Seen("open", "", "")
        if "open|filtered" in state:
            return Seen("silent", "", "")
        if state == "closed":
            return Seen("closed", "", "")
        return Seen("silent", "", "") if reason.startswith("no-response") else Seen("refused", sender, "")

    try:
        for _, host in xml.etree.ElementTree.iterparse(name):
            if host.tag != "host":
                continue
            address = plain(next(a.get("addr") for a in host.iter("address") if a.get("addrtype") != "mac"))
            for port in host.iter("port"):
                if port.get("protocol") == protocol:
                    state = port.find("state")
                    seen[address, int(port.get("portid"))] = one(state.get("state"), state.get("reason"),
                                                                 state.get("reason_ip", ""))
            for extra in host.iter("extraports"):
                for why in extra.iter("extrareasons"):
                    if why.get("proto", protocol) == protocol and why.get("ports"):
                        it = one(extra.get("state"), why.get("reason"), "")
                        for port in ports(why.get("ports")):
                            seen.setdefault((address, port), it)
            host.clear()
    except xml.etree.ElementTree.ParseError:
        pass  # it was killed
    return seen


def read_masscan(name, protocol="tcp"):
    seen = {}
    with open(name) as file:
        for line in file:
            words = line.split()
            if len(words) >= 4 and words[0] in ("open", "closed") and words[1] == protocol:
                key = plain(words[3]), int(words[2])
                if key not in seen or words[0] == "open":
                    seen[key] = Seen(words[0], "", "")
    return seen


def read_zmap(name, protocol="tcp"):
    seen = {}
    with open(name) as file:
        for row in csv.reader(file):
            if len(row) >= 3 and row[1].isdigit():
                seen[row[0], int(row[1])] = Seen({"synack": "open", "rst": "closed"}.get(row[2], "refused"), "", "")
    return seen


READERS = {"demarc": read_demarc, "nmap": read_nmap, "masscan": read_masscan, "zmap": read_zmap}


def targets(truth, hosts):
    """Addresses and the ports that were to be asked of each."""
    if hosts in ("4", "6"):
        return truth["hosts"][hosts], truth["ports"]
    if hosts in ("many", "many6"):
        return [truth["many"][hosts == "many6"]], truth["many_ports"]
    return [truth["proxied"]], truth["proxied_ports"]


class Judgement:
    def __init__(self, truth, seen, addresses, asked):
        zero = lambda: dict.fromkeys(CLASSES, 0)
        self.right, self.doubt, self.wrong, self.unrecorded, self.total = zero(), zero(), zero(), zero(), zero()
        self.missed, self.false, self.senders_wrong, self.examples = 0, 0, 0, []
        self.ranges, self.ranges_proven = 0, 0
        known = set(truth["filter"])
        asked = list(ports(asked))
        for address in addresses:
            true = dict.fromkeys(asked, "silent")
            for kind, text in truth["tcp"].get(address, {}).items():
                for port in ports(text):
                    if port in true:
                        true[port] = kind
                if kind == "refused":
                    for part in text.split(","):
                        self.ranges += 1
                        self.ranges_proven += any(seen.get((address, port), Seen("", "", "")).kind == "refused"
                                                  for port in ports(part))
            for port in asked:
                kind = true[port]
                self.total[kind] += 1
                one = seen.get((address, port))
                if one is None:
                    self.unrecorded[kind] += 1
                elif one.doubt:
                    self.doubt[kind] += 1
                elif one.kind == kind:
                    self.right[kind] += 1
                    if kind == "refused" and one.sender and one.sender not in known:
                        self.senders_wrong += 1
                    if kind in ("open", "closed") and one.sender and one.sender != address:
                        self.senders_wrong += 1
                else:
                    self.wrong[kind] += 1
                    if len(self.examples) < 12:
                        self.examples.append(f"{address} {port}: {kind}, seen as {one.kind}")
                open_here = one is not None and one.kind == "open" and not one.doubt
                self.missed += kind == "open" and not open_here
                self.false += kind != "open" and open_here

    def classes(self):
        """"16/16 195/195 0/1026 18/1100 …": right of each class."""
        return " ".join(f"{self.right[kind]}/{self.total[kind]}" for kind in CLASSES if self.total[kind])

    def text(self):
        out = [f"missed {self.missed}, false {self.false}, senders wrong {self.senders_wrong}, "
               f"refused ranges proven {self.ranges_proven}/{self.ranges}"]
        for kind in CLASSES:
            if self.total[kind]:
                out.append(f"  {kind:12} {self.total[kind]:7}: right {self.right[kind]}, doubtful {self.doubt[kind]}, "
                           f"wrong {self.wrong[kind]}, unrecorded {self.unrecorded[kind]}")
        return "\n".join(out + ["  " + example for example in self.examples])


def judge(truth, tool, files, hosts, asked=None):
    seen = {}
    for file in files:
        seen.update(READERS[tool](file))
    addresses, usual = targets(truth, hosts)
    return Judgement(truth, seen, addresses, asked or usual)


def main(words):
    options = {"--hosts": "4", "--ports": None, "--check": None}
    plain_words = []
    while words:
        word = words.pop(0)
        if word in options:
            options[word] = words.pop(0)
        else:
            plain_words.append(word)
    with open(plain_words[0]) as file:
        truth = json.load(file)
    tool, _, files = plain_words[1].partition(":")
    result = judge(truth, tool, files.split(","), options["--hosts"], options["--ports"])
    print(result.text())
    if options["--check"] and not eval(options["--check"], {}, vars(result)):
        print(f"does not hold: {options['--check']}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
