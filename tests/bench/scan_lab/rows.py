#!/usr/bin/python3
"""The rows of scan_bench, run inside the laboratory: each asks the same question of demarc and of its peers in turn, N rounds,
and prints what each took, sent, found and got wrong. See ../scan_bench for the options.

Packets are the kernel's count where the scanner's cable ends; CPU is user and system time of the process and its children.
The kernel's work for a packet that is sent, up to the firewall's answer on a virtual cable, is charged to the sender
as well: that is so for all scanners here. Missed, false and classes are judged against truth.json.
"""
import argparse
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import judge  # noqa: E402

LAB = os.environ["LAB_DIR"]
NOWHERE = subprocess.DEVNULL
SINK_LINK = "02:00:00:00:00:82"


def shell(text, **more):
    return subprocess.run(["bash", "-c", text], check=True, **more)


def lab(function):
    """A function of network.sh."""
    here = os.path.dirname(os.path.abspath(__file__))
    shell(f'. "{here}/../../../examples/lab.sh"; . "{here}/network.sh"; {function}')


def nft(node, text):
    subprocess.run(["on", node, "nft", "-f", "-"], input=text, text=True, check=True)


def counters(node):
    out = subprocess.run(["on", node, "nft", "-j", "list", "counters", "table", "netdev", "watch"], check=True,
                         capture_output=True, text=True).stdout
    return {item["counter"]["name"]: item["counter"]["packets"] for item in json.loads(out)["nftables"] if "counter" in item}


def kernel_drops(interface):
    """Packets that the kernel had no room for: on the way in (all CPUs), and at the scanner's interface."""
    with open("/proc/net/softnet_stat") as file:
        soft = sum(int(line.split()[1], 16) for line in file)
    dev = subprocess.run(["on", "scanner", "cat", "/proc/net/dev"], capture_output=True, text=True).stdout
    row = next(line for line in dev.splitlines() if line.strip().startswith(interface + ":")).split(":")[1].split()
    return soft + int(row[3]) + int(row[11])


class Run:
    """One run of one program in the scanner's place."""

    def __init__(self, words, node="gate", interface="eth0", limit=600, kill_after=None, signal_sent=signal.SIGKILL):
        subprocess.run(["on", node, "nft", "reset", "counters"], stdout=NOWHERE, check=True)
        drops = kernel_drops(interface)
        begin = time.monotonic()
        self.log = f"{LAB}/bench.log"
        with open(self.log, "wb") as log:
            child = subprocess.Popen(["on", "scanner", "timeout", "-k", "5", str(limit)] + words, stdin=NOWHERE, stdout=log,
                                     stderr=log, cwd=LAB, start_new_session=True)
            if kill_after is not None:
                time.sleep(kill_after)
                os.killpg(child.pid, signal_sent)
            _, status, usage = os.wait4(child.pid, 0)
        self.wall = time.monotonic() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        self.status = child.returncode
        self.user, self.system = usage.ru_utime, usage.ru_stime
        time.sleep(0.3)
        now = counters(node)
        sent = now
        self.probes = sent["tcp_syn"] + sent.get("udp_all", 0)
        self.outside = sent["outside"]
        self.packets = sum(count for name, count in sent.items() if name not in ("outside", "link"))
        self.drops = kernel_drops(interface) - drops
        with open(self.log, errors="replace") as log:
            self.said = log.read()


class Bench:
    def __init__(self, options):
        self.options = options
        with open(f"{LAB}/truth.json") as file:
            self.truth = json.load(file)
        self.raw = options.demarc and "--method" in subprocess.run([options.demarc, "scan", "--help"], capture_output=True,
                                                                   text=True).stdout
        self.results = []
        self.number = 0

    def file(self, ending):
        self.number += 1
        name = f"{LAB}/out{self.number}.{ending}"
        return name

    # --- the command lines ---------------------------------------------------------------------------------------------
    def demarc(self, targets, ports, *more, vantage="external", rules=True, services=False, rate=None):
        out = self.file("jsonl")
        words = [self.options.demarc, "scan", "--progress", "none", "-p", ports, "-o", out]
        words += ["--rules", f"{LAB}/rules.yaml", "--vantage", vantage] + list(targets) if rules else \
            [word for target in targets for word in ("--scope", target)]
        words += ["--rate", str(rate or self.options.rate)]
        if self.raw:
            words += ["--method", "raw"]
        if not services:
            words.append("--no-services")
        return "demarc", out, words + list(more) + self.options.demarc_option

    def nmap(self, targets, ports, *more, six=False):
        out = self.file("xml")
        return "nmap", out, ["nmap", "-n", "-Pn"] + (["-6"] if six else []) + ["-p", ports, "-oX", out] + list(more) + list(targets)

    def masscan(self, targets, ports, *more, interface="eth0", rate=300000):
        out = self.file("txt")
        return "masscan", out, ["masscan", "-e", interface, "--rate", str(rate), "--wait", "2", "-p", ports, "-oL", out] + \
            ([] if ports.startswith("U:") else ["--show", "open,closed"]) + list(more) + [",".join(targets)]

    def zmap(self, targets, port, *more, interface="eth1", rate=400000):
        out = self.file("csv")
        return "zmap", out, ["zmap", "-i", interface, "-r", str(rate), "-c", "2", "-p", str(port), "-b", "/dev/null", "--disable-syslog", "-q", "-O", "csv",
                             "-f", "saddr,sport,classification,success,repeat", "--output-filter", "repeat = 0",
                             "-G", SINK_LINK, "-S", "198.51.100.129", "-o", out] + list(more) + list(targets)

    # --- rows ----------------------------------------------------------------------------------------------------------
    def contest(self, row, title, entries, node="gate", interface="eth0", judged="4", limit=None):
        """entries: (label, function that makes a command line). Rounds alternate, so that a busy machine disturbs all alike."""
        entries = [entry for entry in entries if self.wanted(entry[0])]
        if not entries:
            return {}
        print(f"\n### {row}. {title}\n", flush=True)
        rows = {label: [] for label, _ in entries}
        for _ in range(self.options.rounds):
            for label, make in entries:
                tool, out, words = make()
                if tool == "masscan":
                    with open(out, "w"):
                        pass
                run = Run(words, node, interface, limit or self.options.limit)
                if self.options.verbose:
                    print(" ".join(words), run.said[-1500:], sep="\n", file=sys.stderr)
                try:
                    verdict = judged(tool, out, run) if callable(judged) else self.judged(tool, out, judged)
                except (OSError, ValueError, KeyError, SyntaxError) as error:  # it wrote nothing, or not what it usually writes
                    verdict = {"error": f"{type(error).__name__}: {error}"}
                rows[label].append((run, verdict, words))
        self.table(row, rows)
        return rows

    def wanted(self, label):
        if label.startswith("demarc"):
            return bool(self.options.demarc) and not self.options.peers
        return not self.options.alone

    def judged(self, tool, out, hosts):
        result = judge.judge(self.truth, tool, [out], hosts)
        return {"missed": result.missed, "false": result.false, "classes": result.classes(),
                "wrong": sum(result.wrong.values()), "doubtful": sum(result.doubt.values()),
                "unrecorded": sum(result.unrecorded.values()), "ranges": f"{result.ranges_proven}/{result.ranges}",
                "senders wrong": result.senders_wrong}

    def table(self, row, rows):
        extra = []
        for runs in rows.values():
            for _, verdict, _ in runs:
                extra += [key for key in verdict if key not in extra]
        print("| | wall s | packets | SYN or UDP | CPU us/probe | user+sys s | " + " | ".join(extra) + " | outside scope | kernel drops |")
        print("| --- " * (8 + len(extra)) + "|")
        median = {}
        for label, runs in rows.items():
            def values(get, form="{:.0f}"):
                numbers = sorted(get(run) for run, _, _ in runs)
                text = form.format(statistics.median_low(numbers))
                spread = f" ({form.format(numbers[0])}-{form.format(numbers[-1])})"
                return text + (spread if numbers[0] != numbers[-1] and len(numbers) > 1 else "")
            median[label] = statistics.median_low(run.wall for run, _, _ in runs)
            cells = [values(lambda run: run.wall, "{:.2f}"), values(lambda run: run.packets), values(lambda run: run.probes),
                     values(lambda run: 1e6 * (run.user + run.system) / max(run.probes, 1), "{:.2f}"),
                     values(lambda run: run.user + run.system, "{:.2f}")]
            cells += [" ".join(dict.fromkeys(str(verdict.get(key, "")) for _, verdict, _ in runs)) for key in extra]
            cells += [str(sum(run.outside for run, _, _ in runs)), str(sum(run.drops for run, _, _ in runs))]
            bad = [run.status for run, _, _ in runs if run.status not in (0,)]
            print(f"| {label}{f' (exit {bad[0]})' if bad else ''} | " + " | ".join(cells) + " |", flush=True)
            for run, verdict, words in runs:
                self.results.append({"row": row, "what": label, "command": " ".join(words).replace(LAB, "LAB"), "wall_s": round(run.wall, 3),
                                     "packets": run.packets, "probes": run.probes, "user_s": run.user, "system_s": run.system,
                                     "outside": run.outside, "kernel_drops": run.drops, "exit": run.status, **verdict})
        ours = [label for label in median if label.startswith("demarc")]
        peers = [label for label in median if not label.startswith("demarc")]
        if ours and peers:
            best = min(peers, key=median.get)
            for label in ours:
                print(f"\n{label} / {best}: {median[label] / median[best]:.2f} of its time")

    def sweep_entries(self, tries, six=False):
        family = "6" if six else "4"
        hosts, asked = self.truth["hosts"][family], self.truth["ports"]
        vantage = "external6" if six else "external"
        once = tries == 1
        entries = [(f"demarc --tries {tries}", lambda: self.demarc(hosts, asked, "--tries", str(tries), vantage=vantage)),
                   (f"nmap -T5 --min-rate 200000 --max-retries {tries - 1}",
                    lambda: self.nmap(hosts, asked, "-sS", "-T5", "--min-rate", "200000", "--max-retries", str(tries - 1), six=six)),
                   (f"masscan --rate 300000 --retries {tries - 1}",
                    lambda: self.masscan(hosts, asked, "--retries", str(tries - 1), *(["--source-ip", self.truth["scanner"][1]] if six else [])))]
        if self.options.slow and not once:
            entries.append(("nmap -T4", lambda: self.nmap(hosts, asked, "-sS", "-T4", six=six)))
        return entries

    def row1(self):
        self.contest(1, "every port of four hosts classed, silence asked twice", self.sweep_entries(2))

    def row2(self):
        self.contest(2, "the same with one probe each", self.sweep_entries(1))

    def row3(self):
        targets = [f"198.51.100.{n}" for n in range(192, 196)]
        last = 65535 if self.truth["ports"] == "1-65535" else 2000
        opens = {(target, port) for target in targets for port in (22, 443, 8080, 40000) if port <= last}
        answered = {(target, port) for target in targets for port in range(1, min(last, 42598) + 1)}

        def found(tool, out, run):
            seen = {key for key, one in judge.READERS[tool](out).items() if one.kind not in ("silent",)}
            if tool == "zmap":
                total = sum(1 for a in range(2) for b in range(256) for c in range(256) if c <= 165)
                return {"answers found": f"{100 * len(seen) / total:.2f} %", "opens missed": "", "probes/s": f"{run.probes / run.wall:.0f}"}
            return {"answers found": f"{100 * len(seen & answered) / len(answered):.2f} %",
                    "opens missed": sum(1 for key in opens if judge.READERS[tool](out).get(key, judge.Seen("", "", "")).kind != "open"),
                    "probes/s": f"{run.probes / run.wall:.0f}"}

        entries = [("demarc --tries 1 --rate 400000", lambda: self.demarc(targets, f"1-{last}", "--tries", "1", rules=False,
                                                                          rate=400000)),
                   ("zmap -r 400000 (one port of 131,072 hosts)", lambda: self.zmap(["198.18.0.0/15"], 8080)),
                   ("zmap -r 200000 (one port of 131,072 hosts)", lambda: self.zmap(["198.18.0.0/15"], 8080, rate=200000)),
                   ("masscan --rate 400000", lambda: self.masscan(targets, f"1-{last}", "--retries", "0", "--router-mac", SINK_LINK, interface="eth1",
                                                                   rate=400000)),
                   ("masscan --rate 100000", lambda: self.masscan(targets, f"1-{last}", "--retries", "0", "--router-mac", SINK_LINK, interface="eth1",
                                                                   rate=100000))]
        self.contest(3, "65 percent answered, no firewall between", entries, node="sink", interface="eth1", judged=found)

    def row4(self):
        print("\n### 4. five classes: in the tables of rows 1 and 10, as right/total of open, closed, filter-reset, refused, silent; "
              "`ranges` are the refused ranges proven")

    def row5(self):
        asked = self.truth["proxied_ports"]
        target = [self.truth["proxied"]]

        def named(tool, out, run):
            verdict = self.judged(tool, out, "proxied")
            verdict["proxy named"] = "yes" if tool == "demarc" and "a SYN proxy completes handshakes" in open(out).read() else "no"
            return verdict

        self.contest(5, "a SYN proxy before 2,000 ports of which two are open",
                     [("demarc", lambda: self.demarc(target, asked)),
                      ("nmap -T4", lambda: self.nmap(target, asked, "-sS", "-T4")),
                      ("masscan", lambda: self.masscan(target, asked, "--retries", "1", rate=20000))], judged=named)

    def row6(self):
        target, asked = [self.truth["many"][0]], self.truth["many_ports"]
        for loss in self.options.loss:
            lab(f"scan_loss {loss}" if loss else "scan_no_loss")
            entries = [("demarc", lambda: self.demarc(target, asked)),
                       ("nmap -T4", lambda: self.nmap(target, asked, "-sS", "-T4")),
                       ("masscan --retries 0", lambda: self.masscan(target, asked, "--retries", "0", rate=20000)),
                       ("masscan --retries 1", lambda: self.masscan(target, asked, "--retries", "1", rate=20000))]
            self.contest(6, f"8,192 open ports, {loss} percent lost each way", entries, judged="many")
        lab("scan_no_loss")

    def row7(self):
        hosts, asked = self.truth["hosts"]["4"], self.truth["udp_ports"]
        truth = self.truth["udp"]
        services = {(address, int(port)): name for address, row in truth.items() for port, name in row["open"].items()}

        def udp(tool, out, run):
            seen = judge.READERS[tool](out, "udp")
            opened = {key for key, one in seen.items() if one.kind == "open" and not one.doubt}
            mute = [(address, port) for address, row in truth.items() for port in judge.ports(row["mute"])]
            named = ""
            if tool == "demarc":
                named = sum(1 for record in judge.records(out) if record.get("protocol") == "udp" and record.get("service", {}).get("name"))
            elif tool == "nmap":
                import xml.etree.ElementTree as tree
                try:
                    named = sum(1 for port in tree.parse(out).iter("port") if port.find("state").get("state") == "open"
                                and port.find("service") is not None and port.find("service").get("method") == "probed")
                except tree.ParseError:
                    named = "killed"
            return {"found": f"{len(opened & set(services))}/{len(services)}", "missed": " ".join(services[key] for key in sorted(set(services) - opened)),
                    "named": named, "false": len(opened - set(services)), "mute called open": sum(1 for key in mute if key in opened)}

        entries = [("demarc", lambda: self.demarc(hosts, "U:" + asked, services=True)),
                   ("nmap -sU", lambda: self.nmap(hosts, "U:" + asked, "-sU")),
                   ("masscan", lambda: self.masscan(hosts, "U:" + asked, "--retries", "1", rate=5000))]
        if self.options.slow:
            entries.append(("nmap -sU -sV", lambda: self.nmap(hosts, "U:" + asked, "-sU", "-sV")))
        self.contest(7, "UDP: five services among 205 ports of four hosts, and one that never answers", entries, judged=udp)

    def row8(self):
        target, asked = [self.truth["named"]], self.truth["named_ports"]
        wanted = {int(port): name for port, name in self.truth["named_services"].items()}
        known_as = {"smb": ("smb", "microsoft-ds", "netbios-ssn"), "netbios": ("netbios", "netbios-ssn", "smb"),
                    "msrpc": ("msrpc",), "smtp": ("smtp",)}

        def services(tool, out, run):
            names = {}
            if tool == "demarc":
                for record in judge.records(out):
                    if record.get("state") == "open":
                        for port in judge.ports(record["ports"]):
                            names[port] = (record.get("service", {}).get("name", ""), record.get("service", {}).get("product", ""))
            else:
                import xml.etree.ElementTree as tree
                for port in tree.parse(out).iter("port"):
                    service = port.find("service")
                    if service is not None and service.get("method") == "probed":
                        names[int(port.get("portid"))] = (service.get("name"), f'{service.get("product", "")} {service.get("version", "")}'.strip())
            right = sum(1 for port, name in wanted.items() if any(names.get(port, ("",))[0].startswith(one) for one in known_as[name]))
            return {"named": f"{right}/{len(wanted)}", "as": "; ".join(f"{port} {name} {product}".strip() for port, (name, product) in sorted(names.items()) if name)}

        self.contest(8, "SMB, MSRPC, NetBIOS and SMTP named, two silent ports given up",
                     [("demarc", lambda: self.demarc(target, asked, services=True)),
                      ("nmap -sS -sV", lambda: self.nmap(target, asked, "-sS", "-sV"))], judged=services)

    def row9(self):
        print("\n### 9. CPU a probe: the column of the rows above; row 3 has the answers")

    def row10(self):
        self.contest(10, "IPv6: every port of four hosts classed, silence asked twice", self.sweep_entries(2, six=True), judged="6")

    def row11(self):
        """Killed in the middle (-9) and gone on."""
        print("\n### 11. killed at a random moment, and resumed\n")
        hosts, asked = self.truth["hosts"]["4"], self.truth["ports"]
        dice = random.Random(11)
        print("| | killed after s | on file then | after resuming: missed, false, classes |\n| --- | --- | --- | --- |")
        for _ in range(self.options.rounds):
            if self.wanted("demarc"):
                tool, out, words = self.demarc(hosts, asked, "--tries", "2", "--seed", "7")
                after = 0.3 + dice.random() * 2
                Run(words, kill_after=after)
                kept = len(judge.read_demarc(out)) if os.path.exists(out) else 0
                Run([word if word != "-o" else "--resume" for word in words])
                verdict = self.judged("demarc", out, "4") if os.path.exists(out) else {}
                print(f"| demarc | {after:.2f} | {kept} | {verdict.get('missed')}, {verdict.get('false')}, {verdict.get('classes')} |", flush=True)
            if self.options.alone:
                continue
            tool, out, words = self.nmap(hosts, asked, "-sS", "-T5", "--min-rate", "200000", "--max-retries", "1")
            after = 1 + dice.random() * 4
            Run(words, kill_after=after)
            print(f"| nmap | {after:.2f} | {len(judge.read_nmap(out)) if os.path.exists(out) else 0} | |", flush=True)
            tool, out, words = self.masscan(hosts, asked, "--retries", "1")
            after = 1 + dice.random() * 2
            Run(words, kill_after=after)
            print(f"| masscan | {after:.2f} | {len(judge.read_masscan(out)) if os.path.exists(out) else 0} | |", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="scan_bench")
    parser.add_argument("--demarc")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--only", action="append", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=200000)
    parser.add_argument("--loss", type=lambda text: [float(word) for word in text.split(",")], default=[0, 1, 5])
    parser.add_argument("--limit", type=int, default=400)
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--demarc-option", action="append", default=[])
    bench = Bench(parser.parse_args())
    if bench.options.demarc and not bench.options.peers and not bench.raw:
        print("this demarc has no --method: it scans by connect, with its own limits", file=sys.stderr)
    for row in bench.options.only or range(1, 12):
        getattr(bench, f"row{row}")()
    if bench.options.json:
        with open(bench.options.json, "w") as file:
            for result in bench.results:
                file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
