#!/usr/bin/python3
"""Copies a rule set and moves every date in it by the days since its day of judgement.

    shift_dates.py FROM TO [DAY]      DAY: today if not given

The laboratory's rule set is written for one day. Moved to today, its approvals are as old and its reviews as far away as
they were then, so the laboratory has the same findings in any year.
"""
import datetime
import re
import sys

WRITTEN_FOR = datetime.date(2026, 11, 23)


def main(source, target, day=None):
    today = datetime.date.fromisoformat(day) if day else datetime.datetime.now(datetime.timezone.utc).date()
    days = today - WRITTEN_FOR

    def moved(match):
        return (datetime.date.fromisoformat(match[0]) + days).isoformat()

    with open(source, encoding="utf-8") as file:
        text = file.read()
    with open(target, "w", encoding="utf-8") as file:
        file.write(re.sub(r"\b20\d\d-[01]\d-[0-3]\d\b", moved, text))


if __name__ == "__main__":
    main(*sys.argv[1:])
