#!/usr/bin/python3
"""Holds a verdict against what it must be, line by line.

    compare_findings.py VERDICT.json EXPECTED.txt [--summary]

EXPECTED has one line for each finding, below the mistake it follows from ("# mistake: ..."): kind, severity, rule or
forbidden entry (or -), zone pair, target (or -), protocol/port. A line that ends in "/1000+" stands for a finding over at
least so many ports. --summary prints the mistakes and what became of each.
Exit status 1 if anything is missing or invented.
"""
import collections
import json
import sys


def ports_of(finding):
    protocol = finding.get("protocol") or "-"
    if finding.get("icmp_types"):
        return [f"{protocol}/{item}" for item in text_list(finding["icmp_types"])]
    out = []
    for item in text_list(finding.get("ports") or ""):
        first, _, last = item.partition("-")
        for port in range(int(first), int(last or first) + 1):
            out.append(f"{protocol}/{port}")
    return out or [protocol]


def text_list(value):
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [str(part) for part in value]


def lines_of(finding):
    target = finding.get("target") or "-"
    address = finding.get("target_address") or ""
    if ":" in address and target != address:
        target += "(v6)"
    zones = f'{finding.get("from_zone") or "-"}>{finding.get("to_zone") or "-"}'
    if finding["kind"] == "not-measured":
        return [f'not-measured {zones} {target} {finding.get("title", "")}']
    for port in ports_of(finding):
        yield " ".join([finding["kind"], finding["severity"], finding.get("rule") or "-", zones, target, port])


def main(verdict_file, expected_file, summary=False):
    with open(verdict_file, encoding="utf-8") as file:
        verdict = json.load(file)
    found = collections.Counter(line for finding in verdict["findings"] for line in lines_of(finding))
    expected = collections.Counter()
    causes, cause = collections.OrderedDict(), ""
    with open(expected_file, encoding="utf-8") as file:
        for text in file:
            text = text.strip()
            if text.startswith("# mistake:") or text.startswith("# no mistake:"):
                cause = text[2:]
                causes[cause] = []
            elif text and not text.startswith("#"):
                line = " ".join(text.split())
                expected[line] += 1
                causes.setdefault(cause, []).append(line)
    for line in [line for line in expected if line.endswith("+")]:
        # A filter that lets everything through: which ports, is the machine's business that runs this.
        start, _, least = line[:-1].rpartition("/")
        ports = [one for one in found if one.startswith(start + "/")]
        if len(ports) >= int(least):
            for one in ports:
                del found[one]
            found[line] = expected[line]
    missing, invented = expected - found, found - expected
    if summary:
        for cause, lines in causes.items():
            lost = [line for line in lines if line in missing]
            print(f"   {'MISSED' if lost else 'found ' if lines else 'quiet '}  {cause.partition(': ')[2]}")
            for line in lines:
                print(f"             {'- not found: ' if line in missing else ''}{line}")
        print(f"   {sum(expected.values()) - sum(missing.values())} of {sum(expected.values())} expected findings, {sum(invented.values())} invented")
    for line in sorted(missing.elements()):
        print(f"missing:  {line}")
    for line in sorted(invented.elements()):
        print(f"invented: {line}")
    return 1 if missing or invented else 0


if __name__ == "__main__":
    arguments = [word for word in sys.argv[1:] if word != "--summary"]
    sys.exit(main(*arguments, summary="--summary" in sys.argv))
