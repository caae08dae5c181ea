#!/usr/bin/python3
"""The outcomes of journals as sorted text, one line a port: what two equal runs agree on.

    journal_outcomes.py [--unique] JOURNAL...

Without --unique a port that was recorded twice stands twice; a half-written last line (a killed run) is left out.
"""
import json
import sys


def outcomes(name):
    with open(name, "rb") as file:
        lines = file.read().split(b"\n")
    if lines[-1]:
        lines = lines[:-1]  # without its end it was never finished
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            record = json.loads(line)
        except ValueError:
            sys.exit(f"{name}:{number}: not JSON: {line[:80]!r}")
        if "target" not in record or "protocol" not in record or "state" not in record:
            continue
        for part in record["ports"].split(","):
            first, _, last = part.partition("-")
            for port in range(int(first), int(last or first) + 1):
                yield (record["target"], record["protocol"], port, record["state"], record["passage"], record["answer"],
                       record.get("answered_by", "-"), record.get("doubt", "-"), record.get("service", {}).get("name", "-"))


words = sys.argv[1:]
unique = "--unique" in words
found = [outcome for word in words if word != "--unique" for outcome in outcomes(word)]
for outcome in sorted(set(found) if unique else found):
    print(*outcome)
