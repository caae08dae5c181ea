"""The driver of kernel_decisions: builds rule sets and packets from a seed, asks the kernel and demarc, compares.

Runs in the namespace that kernel_decisions made. It moves into the gate's and holds sockets in the others, so a round costs two
loads and no process per packet. A packet's way is told by what arrives: at the far interfaces (forwarded, made by the gate), or
in a raw socket of the gate (to itself: behind INPUT). Each packet carries a token.

What conntrack thinks of a packet is known by construction: every opening has a tuple of its own, replies are sent only for
openings that arrived, follow-ups only for replies that arrived.
"""
import argparse
import ctypes
import ipaddress
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kernel_rules import SET_TYPES, Iptables, Nftables, set_types  # noqa: E402

LIBC = ctypes.CDLL(None, use_errno=True)
QUIET_S = 0.04        # so long nothing more arrives
DOUBT_S = 1.5         # and so long where the answer is not the expected one
LOCAL_PROTOCOLS = [1, 6, 17, 47, 50, 58, 89, 103, 132]
FIELDS = "FSRPAUEC"
SO_RCVBUFFORCE = 33


def enter(lab, name):
    with open(f"{lab}/netns/{name}") as file:
        if LIBC.setns(file.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), f"setns {name}")


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Packet:
    """One packet, with the words that describe it to demarc."""

    def __init__(self, **fields):
        self.source_port = self.port = self.type = self.code = self.flags = None
        self.fragment, self.state, self.hook = "whole", None, "forward"
        self.ingress = self.egress = None
        self.quoted = b""  # of an ICMP error
        self.query = 0x4242  # the identifier of an ICMP query and its answer
        self.seq, self.ack = 1000, 0
        self.__dict__.update(fields)

    @property
    def v6(self):
        return ":" in self.source

    def words(self):
        words = {"source": self.source, "destination": self.destination, "protocol": str(self.protocol),
                 "hook": self.hook, "fragment": self.fragment}
        for key, value in (("in", self.ingress), ("out", self.egress), ("state", self.state), ("source_port", self.source_port),
                           ("port", self.port), ("icmp_type", self.type), ("icmp_code", self.code)):
            if value is not None:
                words[key] = value
        if self.flags is not None:
            words["tcp_flags"] = "".join(c for i, c in enumerate(FIELDS) if self.flags >> i & 1)
        return words

    def transport(self, token):
        ports = struct.pack("!HH", self.source_port or 0, self.port or 0)
        if self.protocol == 6:
            body = ports + struct.pack("!IIBBHHH", self.seq, self.ack, 0x50, self.flags, 8192, 0, 0) + token
            at = 16
        elif self.protocol == 17:
            body = ports + struct.pack("!HH", 8 + len(token), 0) + token
            at = 6
        elif self.protocol in (1, 58):
            rest = struct.pack("!HH", self.query, 1) if not self.quoted else b"\0" * 4
            body = struct.pack("!BBH", self.type, self.code, 0) + rest + self.quoted + token
            at = 2
        elif self.protocol == 132:
            return ports + struct.pack("!II", 1, 0) + token
        elif self.protocol == 33:
            return ports + struct.pack("!BBHBBH", 4, 0, 0, 0, 0, 0) + b"\0" * 4 + token
        elif self.protocol == 136:
            body = ports + struct.pack("!HH", 8 + len(token), 0) + token
            at = 6
        else:
            return b"\0" * 8 + token
        pseudo = b""
        if self.protocol != 1:
            length = struct.pack("!IHBB", len(body), 0, 0, self.protocol) if self.v6 else struct.pack("!BBH", 0, self.protocol, len(body))
            pseudo = self.addresses() + length
        sum_ = checksum(pseudo + body) or 0xFFFF
        return body[:at] + struct.pack("!H", sum_) + body[at + 2:]

    def addresses(self):
        return ipaddress.ip_address(self.source).packed + ipaddress.ip_address(self.destination).packed

    def datagram(self, payload, offset=0, more=False, ident=1):
        if self.v6:
            header = self.protocol
            if offset or more or self.fragment != "whole":
                payload = struct.pack("!BBHI", self.protocol, 0, offset | (1 if more else 0), ident) + payload
                header = 44
            return struct.pack("!IHBB", 6 << 28, len(payload), header, 64) + self.addresses() + payload
        fragment = (offset >> 3) | (0x2000 if more else 0)
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), ident, fragment, 64, self.protocol, 0) + self.addresses()
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload

    def bytes(self, token, ident):
        if self.fragment == "first":
            body = self.transport(token)
            return self.datagram(body + b"\0" * (-len(body) % 8), 0, True, ident)
        if self.fragment == "middle":
            return self.datagram(token + b"\0" * (-len(token) % 8), 64, True, ident)
        if self.fragment == "last":
            return self.datagram(token, 128, False, ident)
        return self.datagram(self.transport(token), 0, False, ident)


def fresh_state(p):
    """What conntrack says of the first packet of a tuple (nf_conntrack_proto_*.c)."""
    if p.protocol == 6:
        flags = p.flags & ~(8 | 64 | 128)
        if flags not in (2, 34, 18, 4, 20, 17, 49, 16, 48):  # SYN, SYN|URG, SYN|ACK, RST, RST|ACK, FIN|ACK(|URG), ACK(|URG)
            return "invalid"
        return "new" if flags in (2, 34, 16, 48) else "invalid"
    if p.protocol == 1:
        return "new" if p.type in (8, 13, 15, 17) else "invalid"
    if p.protocol == 58:
        return "new" if p.type in (128, 139) else "invalid"
    return "new"


class Lab:
    def __init__(self, lab, demarc):
        self.demarc = demarc
        self.ident = 0
        self.used = {}  # tuples, and when
        self.macs = {}
        self.senders, self.far = {}, {}
        for node, names in (("sender", ("s0", "s1")), ("receiver", ("r0", "r1"))):
            enter(lab, node)
            for name in names:
                s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
                s.bind((name, 0))
                s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
                s.setblocking(False)
                self.senders[name] = s
                self.macs[name] = s.getsockname()[4]
        enter(lab, "gate")
        for gate, end in (("eth0", "s0"), ("wan1", "s1"), ("dmz0", "r0"), ("dmz1", "r1")):
            link = json.loads(run(["ip", "-j", "link", "show", gate]).stdout)[0]
            self.macs[gate] = bytes.fromhex(link["address"].replace(":", ""))
            self.far[end] = self.macs[gate]
            mac = ":".join(f"{b:02x}" for b in self.macs[end])
            for hop in NEXT_HOPS[gate]:
                run(["ip", "neigh", "replace", hop, "lladdr", mac, "nud", "permanent", "dev", gate])
        for network, gate in ROUTES:
            hop = NEXT_HOPS[gate][1 if ":" in network else 0]
            run(["ip", "route", "replace", network, "via", hop, "dev", gate])
        for key, value in (("tcp_be_liberal", 1), ("tcp_loose", 1), ("udp_timeout", 5), ("icmp_timeout", 5), ("generic_timeout", 5),
                           ("icmpv6_timeout", 5), ("tcp_timeout_syn_sent", 5), ("tcp_timeout_established", 10)):
            try:
                with open(f"/proc/sys/net/netfilter/nf_conntrack_{key}", "w") as file:
                    file.write(str(value))
            except OSError:
                pass  # an older kernel
        self.local = []
        for family in (socket.AF_INET, socket.AF_INET6):
            for protocol in LOCAL_PROTOCOLS:
                s = socket.socket(family, socket.SOCK_RAW, protocol)
                s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
                s.setblocking(False)
                self.local.append(s)
        self.own4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.own6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.own6.setsockopt(socket.IPPROTO_IPV6, 36, 1)  # IPV6_HDRINCL

    def listen(self, ears, wanted, arrived, quiet):
        """Until nothing came for so long, or nothing more is awaited."""
        end = time.monotonic() + quiet
        while True:
            left = end - time.monotonic()
            ready = select.select(ears, [], [], max(left, 0))[0]
            for ear in ready:
                while True:
                    try:
                        data, where = ear.recvfrom(4096)
                    except BlockingIOError:
                        break
                    if ear.family == socket.AF_PACKET and where[2] == socket.PACKET_OUTGOING:
                        continue
                    at = data.find(b"DMRC")
                    if at >= 0 and len(data) >= at + 8:
                        number = struct.unpack("!I", data[at + 4:at + 8])[0]
                        if number in wanted:
                            arrived.add(number)
                    end = max(end, time.monotonic() + min(quiet, QUIET_S))
            if not ready and left <= 0:
                return

    def send(self, packets, expected):
        """Numbers of those that arrived. Where one that is expected does not, there is more time."""
        ears = list(self.senders.values()) + self.local
        wanted = {}
        for p in packets:
            self.ident += 1
            p.number = self.ident
            wanted[p.number] = p
        for p in packets:
            data = p.bytes(b"DMRC" + struct.pack("!I", p.number), p.number & 0xFFFF)
            try:
                if p.hook == "local-out":
                    if p.v6:
                        self.own6.sendto(data, (p.destination, 0))
                    else:
                        self.own4.sendto(data, (p.destination, 0))
                else:
                    kind = b"\x86\xdd" if p.v6 else b"\x08\x00"
                    self.senders[p.wire].send(self.far[p.wire] + self.macs[p.wire] + kind + data)
            except PermissionError:
                pass  # EPERM: dropped at OUTPUT
        arrived = set()
        self.listen(ears, wanted, arrived, QUIET_S)
        if any(p.number not in arrived and want == "permit" for p, want in zip(packets, expected)):
            self.listen(ears, wanted, arrived, DOUBT_S)
        return arrived


def run(words, **options):
    return subprocess.run(words, check=True, capture_output=True, text=True, **options)


NEXT_HOPS = {"eth0": ("198.51.100.2", "2001:db8:a::2"), "wan1": ("198.51.100.130", "2001:db8:b::2"),
             "dmz0": ("192.0.2.2", "2001:db8:c::2"), "dmz1": ("192.0.2.130", "2001:db8:d::2")}
# Everything has a next hop that is written down, so nobody asks for neighbours.
ROUTES = [("198.51.100.0/26", "eth0"), ("198.51.100.160/27", "wan1"), ("192.0.2.0/26", "dmz0"), ("192.0.2.160/27", "dmz1"),
          ("203.0.113.0/25", "dmz0"), ("203.0.113.128/25", "dmz1"), ("2001:db8:a:1::/64", "eth0"), ("2001:db8:b:1::/64", "wan1"),
          ("2001:db8:c:1::/64", "dmz0"), ("2001:db8:d:1::/64", "dmz1")]
INSIDE = {4: [("198.51.100.{}", 5, 14, "s0", "eth0"), ("198.51.100.{}", 165, 174, "s1", "wan1")],
          6: [("2001:db8:a:1::{:x}", 5, 14, "s0", "eth0"), ("2001:db8:b:1::{:x}", 5, 14, "s1", "wan1")]}
OUTSIDE = {4: [("192.0.2.{}", 5, 14, "r0", "dmz0"), ("192.0.2.{}", 165, 174, "r1", "dmz1"), ("203.0.113.{}", 5, 14, "r0", "dmz0")],
           6: [("2001:db8:c:1::{:x}", 5, 14, "r0", "dmz0"), ("2001:db8:d:1::{:x}", 5, 14, "r1", "dmz1")]}
OWN = {4: ["198.51.100.1", "198.51.100.129", "192.0.2.1"], 6: ["2001:db8:a::1", "2001:db8:b::1", "2001:db8:c::1"]}


def random_packet(dice, rules, lab):
    """A packet near what the rules are about, with a tuple that nobody had before."""
    for _ in range(50):
        family = rules.family or dice.choice((4, 4, 6))
        pattern, low, high, wire, ingress = dice.choice(INSIDE[family])
        source = pattern.format(dice.randint(low, high))
        hook = dice.choices(("forward", "local-in", "local-out"), (8, 2, 1))[0]
        pattern, low, high, _, egress = dice.choice(OUTSIDE[family])
        destination = dice.choice(OWN[family]) if hook == "local-in" else pattern.format(dice.randint(low, high))
        icmp = 1 if family == 4 else 58
        # Without ports or an identifier two conversations may become one behind a translation, which the kernel stops.
        protocols = [6] * 6 + [17] * 4 + [icmp] * 3 + ([] if rules.faces else [50, 47, 89, 103])
        if not rules.tracks:
            protocols += [132, 33, 136]
        p = Packet(source=source, destination=destination, protocol=dice.choice(protocols), hook=hook, wire=wire)
        p.ingress = None if hook == "local-out" else ingress
        p.egress = None if hook == "local-in" else egress
        if p.protocol in (6, 17, 132, 33, 136):
            p.port = dice.choice(rules.PORTS)
            p.source_port = dice.choice(rules.PORTS) if dice.random() < 0.3 else dice.randint(1024, 65535)
        if rules.faces and p.hook == "forward" and not p.v6 and dice.random() < 0.6:
            p.destination, port = dice.choice(rules.faces)
            p.egress = "dmz0"
            if p.port is not None and dice.random() < 0.8:
                p.port = port
        if p.protocol == 6:
            p.flags = 2 if dice.random() < 0.6 else dice.choice((16, 18, 4, 20, 1, 17, 24, 3, 41, 6, 34, 194, 255, 8))
            p.ack = 1 if p.flags & 16 else 0
        if p.protocol == icmp:
            p.type = dice.choice((8, 8, 8, 0, 3, 11, 13, 5, 17, 12) if family == 4 else (128, 128, 128, 129, 1, 2, 3, 4, 135, 136, 133, 143, 137))
            p.code = dice.choice((0, 0, 1, 3, 4)) if p.type in (3, 1, 4, 5, 11, 12) else 0
            p.query = dice.randint(1, 65535)
            # Neighbour discovery is never tracked, for which a question has no word.
            if rules.tracks and p.v6 and p.type in (133, 134, 135, 136, 137, 143):
                continue
        if hook == "local-in" and (p.protocol not in LOCAL_PROTOCOLS or p.protocol == 58 and p.type in (133, 134, 135, 136, 137, 143, 130, 131, 132)
                                   or p.protocol == 1 and p.type == 5 or p.protocol == 58 and p.type == 1):
            continue
        # A raw socket sees what the gate itself is not asked to be strict about; what it throws away before is no filter's doing.
        if not rules.tracks and hook == "forward" and p.protocol in (6, 17, 47, 89, icmp) and dice.random() < 0.2:
            p.fragment = dice.choice(("first", "middle", "last"))
        tuple_ = (p.source, p.destination, p.protocol, p.source_port, p.port, p.type, p.query)
        # The kernel forgets a conversation of other protocols after five seconds, and they have few tuples.
        if tuple_ in lab.used and (p.protocol in (6, 17, icmp) or time.monotonic() - lab.used[tuple_] < 20):
            continue
        lab.used[tuple_] = time.monotonic()
        p.state = fresh_state(p)
        return p
    return None


def reply_to(dice, p):
    """What comes back of an opening: an answer, or an error that quotes it."""
    back = {"eth0": "s0", "wan1": "s1", "dmz0": "r0", "dmz1": "r1"}
    common = dict(source=p.destination, destination=p.source, ingress=p.egress, egress=p.ingress, wire=back[p.egress])
    if dice.random() < 0.25:
        quoted = p.datagram(p.transport(b"QUOTED.."), 0, False, 7)
        kind = (58, 1, 4) if p.v6 else (1, 3, dice.choice((1, 3)))
        return Packet(protocol=kind[0], type=kind[1], code=kind[2], quoted=quoted, state="related", **common)
    if p.protocol == 6 and p.flags == 2:
        return Packet(protocol=6, source_port=p.port, port=p.source_port, flags=18, seq=5000, ack=p.seq + 1 + 8, state="established", **common)
    if p.protocol == 17:
        return Packet(protocol=17, source_port=p.port, port=p.source_port, state="established", **common)
    if p.protocol == 1 and p.type == 8:
        return Packet(protocol=1, type=0, code=0, query=p.query, state="established", **common)
    if p.protocol == 58 and p.type == 128:
        return Packet(protocol=58, type=129, code=0, query=p.query, state="established", **common)
    return None


def ask(lab, file, packets):
    lines = "".join(json.dumps(p.words()) + "\n" for p in packets)
    done = subprocess.run([lab.demarc, "acl", "test", file], input=lines, capture_output=True, text=True)
    if done.returncode not in (0, 3):
        raise SystemExit(f"demarc acl test {file}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("lab")
    parser.add_argument("demarc")
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--seed", type=int, default=20261128)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--packets", type=int, default=80)
    parser.add_argument("--only", type=int, default=-1, help="this rule set alone")
    parser.add_argument("--keep", default="", help="a directory for the rule sets that are decided wrong, or refused")
    options = parser.parse_args()
    lab = Lab(options.lab, options.demarc)
    SET_TYPES.extend(set_types())
    kinds = [Nftables, Nftables, lambda d: Iptables(d, "nft"), lambda d: Iptables(d, "legacy")]
    legacy = subprocess.run(["iptables-legacy", "-S"], capture_output=True).returncode == 0
    if not legacy:
        kinds.pop()
        print("kernel_decisions: no iptables-legacy in this kernel; its rounds are not made", file=sys.stderr)
    pairs = permits = undetermined = refused = rounds = wrong = 0
    by_kind = {}
    began = time.monotonic()
    for number in range(options.rounds):
        if time.monotonic() - began > options.seconds:
            print(f"kernel_decisions: out of time after {rounds} rule sets", file=sys.stderr)
            break
        if options.only not in (-1, number):
            continue
        dice = random.Random(f"{options.seed}-{number}")
        rules = kinds[number % len(kinds)](dice)
        file = f"{options.lab}/rules-{number}"
        refusal = rules.load()
        if refusal:
            refused += 1
            if options.keep:
                with open(f"{options.keep}/refused-{number}", "w") as out:
                    out.write(rules.text + "\n" + refusal)
            rules.clear()
            continue
        rounds += 1
        files = []
        for suffix, text in rules.listings():
            with open(file + suffix, "w") as out:
                out.write(text)
            files.append(file + suffix)

        def judge(packets):
            nonlocal pairs, permits, undetermined, wrong
            answers = [ask(lab, f, packets) for f in files]
            expected = [a["action"] for a in answers[0]]
            arrived = lab.send(packets, expected)
            for i, p in enumerate(packets):
                truth = "permit" if p.number in arrived else "deny"
                pairs += 1
                by_kind[rules.name] = by_kind.get(rules.name, 0) + 1
                permits += truth == "permit"
                said = {a[i]["action"] for a in answers}
                # A later fragment's ports are not there; whether a kernel's nftables reads its data for them, nobody can say.
                doubtful = p.fragment in ("middle", "last") and rules.name != "iptables-legacy"
                if said == {"undetermined"} and (rules.undecidable or doubtful):
                    undetermined += 1
                elif said != {truth}:
                    wrong += 1
                    if wrong <= 20:
                        print(f"WRONG (seed {options.seed}, rule set {number}, {rules.name}): the kernel: {truth}; demarc: "
                              f"{[a[i] for a in answers]}\n  {json.dumps(p.words())}", file=sys.stderr)
                    keep = options.keep or "/tmp"
                    for f in files if options.keep else []:
                        with open(f) as source, open(f"{keep}/{os.path.basename(f)}", "w") as out:
                            out.write(source.read())
            return arrived

        packets = [p for p in (random_packet(dice, rules, lab) for _ in range(options.packets)) if p is not None]
        arrived = judge(packets)
        # What becomes of a reply depends on how its opening was translated, which a question about one packet does not say.
        if rules.tracks and not rules.notracks and not rules.faces:
            openings = [p for p in packets if p.hook == "forward" and p.number in arrived and p.state == "new" and p.protocol in (1, 6, 17, 58)]
            pairs_ = [(p, reply_to(dice, p)) for p in openings]
            pairs_ = [(p, r) for p, r in pairs_ if r is not None]
            if pairs_:
                answered = judge([r for _, r in pairs_])
                follow = []
                for p, r in pairs_:
                    if r.number in answered and r.state == "established" and p.protocol in (6, 17):
                        more = Packet(**{k: v for k, v in p.__dict__.items() if k != "number"})
                        more.state = "established"
                        if p.protocol == 6:
                            more.flags, more.seq, more.ack = 16, p.seq + 9, 5001 + 8
                        follow.append(more)
                if follow:
                    judge(follow)
        rules.clear()
        for f in files:
            os.unlink(f)
    spent = time.monotonic() - began
    print(f"kernel_decisions: seed {options.seed}: {pairs} pairs of {rounds} rule sets and packets in {spent:.0f} s; {permits} arrived, "
          f"{undetermined} undetermined where a match is undecidable, {wrong} wrong; {refused} rule sets refused by the kernel; {by_kind}", file=sys.stderr)
    if wrong or refused > options.rounds // 4 or not permits:
        sys.exit(1)


main()
