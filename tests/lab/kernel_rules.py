"""Random rule sets of nftables and iptables for kernel_decisions: texts that a kernel takes, of everything that our readers decide, and
now and then of what no reader can decide. Each class writes a rule set, loads it, prints what the kernel holds, and removes it."""
import subprocess
import time

A4 = ["198.51.100.5", "198.51.100.8", "198.51.100.166", "192.0.2.7", "192.0.2.9", "192.0.2.167", "203.0.113.6"]
N4 = ["198.51.100.0/29", "198.51.100.160/27", "192.0.2.0/26", "192.0.2.8/29", "203.0.113.0/24", "0.0.0.0/1", "128.0.0.0/1", "192.0.2.160/28"]
R4 = ["198.51.100.6-198.51.100.9", "192.0.2.6-192.0.2.11", "192.0.2.9-203.0.113.8"]
A6 = ["2001:db8:a:1::5", "2001:db8:b:1::8", "2001:db8:c:1::7", "2001:db8:c:1::a", "2001:db8:d:1::6"]
N6 = ["2001:db8:a:1::/64", "2001:db8:b::/32", "2001:db8:c:1::8/125", "2001:db8:d::/48", "2001:db8:8000::/33", "2001:db8:c::/47"]
R6 = ["2001:db8:a:1::6-2001:db8:a:1::9", "2001:db8:c:1::6-2001:db8:d:1::9"]
PORTS = [22, 25, 53, 80, 81, 443, 445, 1000, 1001, 1024, 8080, 40000, 65535]
IN = ["eth0", "wan1"]
OUT = ["dmz0", "dmz1"]


def sh(words, text=None):
    return subprocess.run(words, input=text, capture_output=True, text=True)


def set_types():
    """Those that this kernel has."""
    known = []
    for kind in ("hash:ip", "hash:net", "hash:ip,port", "hash:net,port", "hash:net,net", "hash:net,iface", "hash:ip,port,ip", "bitmap:port", "bitmap:ip",
                 "list:set"):
        options = {"bitmap:port": ["range", "0-9"], "bitmap:ip": ["range", "192.0.2.0-192.0.2.9"]}.get(kind, [])
        if sh(["ipset", "create", "try", kind] + options).returncode == 0:
            known.append(kind)
            sh(["ipset", "destroy", "try"])
    return known


SET_TYPES = []


class Rules:
    PORTS = PORTS

    def __init__(self, dice):
        self.dice = dice
        self.tracks = dice.random() < 0.6
        self.notracks = self.tracks and dice.random() < 0.2
        self.may_be_undecidable = dice.random() < 0.2
        self.asks_state = True
        self.undecidable = False
        self.faces = []  # addresses and ports that are translated: what packets go to

    def one(self, *choices):
        return self.dice.choice(choices)

    def some(self, items, least=1, most=4):
        return self.dice.sample(items, self.dice.randint(least, min(most, len(items))))

    def port_range(self):
        low = self.dice.choice(PORTS)
        low = min(low, 60000)
        return low, min(low + self.dice.choice((1, 30, 1000, 50000)), 65535)


class Nftables(Rules):
    name = "nftables"

    def __init__(self, dice):
        super().__init__(dice)
        self.family = None
        self.translates = self.tracks and not self.notracks and dice.random() < 0.35
        self.tables = []
        for i in range(dice.choice((1, 1, 2, 3))):
            self.tables.append(self.table(i, dice.choice(("inet", "inet", "inet", "ip", "ip6"))))
        if self.translates:
            self.tables.insert(dice.randint(0, len(self.tables)), self.nat())
        self.text = "\n".join(self.tables) + "\n"

    def nat(self):
        """Destinations and sources that are translated, and some that are left as they are. The new destination lies behind the
        same interface as the old one, so that the packet's way is known."""
        d = self.dice
        text = "table ip nat {\n  chain nowhere { }\n  chain pre {\n    type nat hook prerouting priority dstnat; policy accept;\n"
        for _ in range(d.randint(1, 5)):
            face, port = f"203.0.113.{d.randint(50, 53)}", d.choice(PORTS)
            self.faces.append((face, port))
            match = [f"ip daddr {face}"]
            if d.random() < 0.3:
                match.insert(0, self.one('iifname "eth0"', 'iifname "wan1"', "ip saddr 198.51.100.0/29"))
            if d.random() < 0.4:
                some = self.one("ip saddr 198.51.100.4/30", "ip saddr 198.51.100.160/28", 'iifname "wan1"', "udp dport 53", "meta l4proto icmp")
                text += f"    {some} ip daddr {face} {self.one('return', 'accept', 'goto nowhere')}\n"
            if d.random() < 0.7:
                new = self.one("", f":{d.choice(PORTS)}")
                text += f"    {' '.join(match)} {self.one('tcp', 'udp')} dport {port} dnat to 192.0.2.{d.randint(5, 14)}{new}\n"
            else:
                text += f"    {' '.join(match)} dnat to 192.0.2.{d.randint(5, 14)}\n"
        text += "  }\n  chain post {\n    type nat hook postrouting priority srcnat; policy accept;\n"
        for _ in range(d.randint(0, 3)):
            match = self.one("ip saddr 198.51.100.0/29", "ip saddr 198.51.100.160/27", "tcp dport 443", 'oifname "dmz0"', "ip daddr 192.0.2.8/29")
            text += f"    {match} {self.one('return', 'snat to 192.0.2.100', 'snat to 198.51.100.100')}\n"
        return text + "  }\n}\n"

    def table(self, number, family):
        d = self.dice
        self.table_family = family
        self.sets, self.maps = [], []
        self.asks_state = True
        body = []
        self.chains = [f"c{number}{i}" for i in range(d.randint(1, 4))]
        for i in range(d.randint(0, 4)):
            body.append(self.set_(f"s{i}"))
        hooks = ["forward"] + d.sample(["forward", "forward", "prerouting", "input", "output", "postrouting", "input"], d.randint(1, 4))
        # Whether the input interface is known at postrouting depends on the kernel's age: chains called from there do not ask.
        self.asks_input = "postrouting" not in hooks
        chains = []
        # A user chain calls only those before it, as the kernel wants it.
        for i, chain in enumerate(self.chains):
            self.callable = self.chains[:i]
            rules = "".join(f"    {self.rule('user')}\n" for _ in range(d.randint(1, 5)))
            chains.append(f"  chain {chain} {{\n{rules}  }}\n")
        self.callable = self.chains
        for i, hook in enumerate(hooks):
            priority = d.choice(("filter", "0", "-10", "10", "filter + 5", "-150", "100"))
            if hook == "prerouting":
                priority = d.choice(("raw", "mangle", "-300", "-50", "filter"))
            if hook == "output":
                priority = d.choice(("filter", "mangle", "0"))
            if hook == "postrouting" and self.translates:  # which of two at one priority comes first is nobody's promise
                priority = d.choice(("filter", "-10", "150", "300"))
            raw = priority in ("raw", "-300") and hook == "prerouting"
            policy = "drop" if d.random() < 0.35 and hook in ("forward", "input") else "accept"
            # Whether a test of the state comes before notrack or behind it is not worked out.
            self.asks_state = not (raw and self.notracks)
            self.callable = self.chains if self.asks_state else []
            rules = "".join(f"    {self.rule(hook, policy)}\n" for _ in range(d.randint(2, 9)))
            if raw and self.notracks and d.random() < 0.8:
                rules = f"    {self.conditions('raw')} notrack\n" + rules
            chains.append(f"  chain b{i} {{\n    type filter hook {hook} priority {priority}; policy {policy};\n{rules}  }}\n")
        return f"table {family} t{number} {{\n{''.join(body)}{''.join(chains)}}}\n"

    # --- Values ---

    def addresses(self, v6, kind=None):
        a, n, r = (A6, N6, R6) if v6 else (A4, N4, R4)
        kind = kind or self.one("one", "net", "range", "set", "mixed")
        if kind == "one":
            return self.dice.choice(a)
        if kind == "net":
            return self.dice.choice(n)
        if kind == "range":
            return self.dice.choice(r)
        if kind == "set":
            return "{ " + ", ".join(self.some(a)) + " }"
        nets = [n[1], n[2], a[0]] if v6 else [n[0], n[3], r[2].split("-")[1], a[2]]
        return "{ " + ", ".join(self.dice.sample(nets, 2)) + " }"

    def ports(self):
        kind = self.one("one", "one", "range", "set", "ranges", "less", "more")
        if kind == "one":
            return str(self.dice.choice(PORTS))
        if kind == "range":
            return "{}-{}".format(*self.port_range())
        if kind == "set":
            return "{ " + ", ".join(map(str, self.some(PORTS))) + " }"
        if kind == "ranges":
            return "{ 20-25, 80, 1000-1024 }"
        return ("< {}" if kind == "less" else ">= {}").format(self.dice.choice(PORTS))

    def maybe_not(self, value):
        if value.startswith(("<", ">")) or self.dice.random() > 0.2:
            return value
        return "!= " + value

    def set_(self, name):
        kinds = [("ipv4_addr", lambda: self.dice.choice(A4), False), ("ipv4_addr", None, True), ("inet_service", lambda: str(self.dice.choice(PORTS)), False),
                 ("ipv6_addr", lambda: self.dice.choice(A6), False),
                 ("ipv4_addr . inet_service", lambda: f"{self.dice.choice(A4)} . {self.dice.choice(PORTS)}", False),
                 ("ipv4_addr . inet_service", lambda: f"{self.dice.choice(N4[:5])} . {self.dice.choice(PORTS)}", True),
                 ("ipv4_addr . ipv4_addr", lambda: f"{self.dice.choice(A4)} . {self.dice.choice(A4)}", False),
                 ("ifname . inet_service", lambda: f"\"{self.dice.choice(IN)}\" . {self.dice.choice(PORTS)}", False)]
        if self.table_family == "ip6":
            kinds = kinds[2:4]
        kind, element, interval = self.dice.choice(kinds)
        elements = ["192.0.2.8/29", "198.51.100.5-198.51.100.9", "203.0.113.6"] if element is None else list({element() for _ in range(self.dice.randint(1, 6))})
        if interval and element is not None:  # overlapping networks of one port are refused
            elements = list({e.split(" . ")[1]: e for e in elements}.values())
        if self.dice.random() < 0.3 and kind in ("ipv4_addr", "inet_service", "ipv4_addr . inet_service") and not interval:
            self.maps.append((name, kind))
            verdict = lambda: self.one("accept", "drop", "continue", "jump " + self.chains[0], "return", "goto " + self.chains[0])  # noqa: E731
            # Maps name chains that stand behind them: nft takes that.
            body = ", ".join(f"{e} : {verdict()}" for e in elements)
            return f"  map {name} {{ type {kind} : verdict; elements = {{ {body} }} }}\n"
        self.sets.append((name, kind))
        flags = "flags interval; " if interval else ""
        return f"  set {name} {{ type {kind}; {flags}elements = {{ {', '.join(elements)} }} }}\n"

    def named(self, kind):
        names = [n for n, k in self.sets if k == kind]
        return "@" + self.dice.choice(names) if names else None

    # --- Rules ---

    def conditions(self, hook):
        d = self.dice
        tests = []
        family = {"ip": 4, "ip6": 6}.get(self.table_family) or d.choice((4, 4, 6, None, None))
        l4 = d.choice(("tcp", "tcp", "udp", "icmp", "th", "proto", None))
        if l4 == "icmp":
            family = family or d.choice((4, 6))
        if family and d.random() < 0.6:
            ip = "ip" if family == 4 else "ip6"
            for end in self.some(["saddr", "daddr"], 1, 2):
                named = self.named("ipv4_addr" if family == 4 else "ipv6_addr")
                value = named if named and d.random() < 0.4 else self.addresses(family == 6)
                tests.append(f"{ip} {end} {self.maybe_not(value)}")
        elif family == 4 and d.random() < 0.3:
            tests.append(self.one("ip saddr & 0.0.0.3 == 0.0.0.1", "ip daddr & 255.0.255.1 != 192.0.2.1", "ip daddr & 255.255.255.8 == 192.0.2.8"))
        elif family == 6 and d.random() < 0.3:
            tests.append("ip6 daddr & ::3 == ::2")
        elif family is None and d.random() < 0.3:
            tests.append(self.one("meta nfproto ipv4", "meta nfproto ipv6", "meta protocol ip", "meta nfproto != ipv4"))
        if l4 in ("tcp", "udp"):
            concat = [(n, k) for n, k in self.sets if " . inet_service" in k]
            if concat and family != 6 and d.random() < 0.4:
                name, kind = d.choice(concat)
                key = "iifname" if kind.startswith("ifname") else self.one("ip saddr", "ip daddr")
                if not (key == "iifname" and (hook in ("output", "postrouting") or hook == "user" and not self.asks_input)):
                    tests.append(f"{key} . {l4} dport {self.one('', '', '!= ')}@{name}")
            elif d.random() < 0.8:
                named = self.named("inet_service")
                value = named if named and d.random() < 0.4 else self.ports()
                tests.append(f"{l4} {self.one('dport', 'dport', 'dport', 'sport')} {self.maybe_not(value)}")
            if l4 == "tcp" and d.random() < 0.35:
                tests.append("tcp flags " + self.one(
                    "syn", "syn,ack", "== syn", "!= syn", "& (fin | syn | rst | ack) == syn", "& (syn | ack) == syn | ack", "{ syn, ack, syn | ack }",
                    "& (fin | rst) != 0", "& (syn | rst) == 0", "! ack", "& (fin | syn | rst | ack) != syn", "!= { ack, ack | psh }"))
        elif l4 == "icmp":
            if family == 4:
                tests.append(self.one("icmp type echo-request", "icmp type { echo-request, destination-unreachable }", "icmp type != echo-request",
                                      "icmp type destination-unreachable icmp code host-unreachable", "icmp code 1", "icmp type . icmp code { 3 . 1, 8 . 0 }",
                                      "ip protocol icmp", "icmp type 3-11", "icmp type time-exceeded"))
            else:
                tests.append(self.one("icmpv6 type echo-request", "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }", "icmpv6 type != echo-reply",
                                      "icmpv6 type destination-unreachable icmpv6 code admin-prohibited", "ip6 nexthdr icmpv6", "icmpv6 type 1-4"))
        elif l4 == "th":
            tests.append(self.one("meta l4proto { tcp, udp }", "meta l4proto { tcp, udp, sctp }", "meta l4proto != { icmp, ipv6-icmp, 50, 47, 89, 103 }"))
            tests.append(f"th {self.one('dport', 'sport')} {self.maybe_not(self.ports())}")
        elif l4 == "proto":
            tests.append(self.one("meta l4proto tcp", "meta l4proto != tcp", "meta l4proto { 47, 50, udp }", "meta l4proto > 20", "meta l4proto sctp")
                         if family != 4 or d.random() < 0.5 else self.one("ip protocol { icmp, 50 }", "ip protocol != tcp", "ip protocol udp"))
        if d.random() < 0.25 and hook not in ("output", "postrouting") and (hook != "user" or self.asks_input):
            tests.append(self.one('iifname "eth0"', 'iifname "eth*"', 'iifname != "wan1"', 'iifname { "eth0", "wan*" }', 'iif "eth0"', 'iifname { "lo", "wan1" }'))
        if d.random() < 0.25 and hook not in ("prerouting", "raw"):
            tests.append(self.one('oifname "dmz0"', 'oifname "dmz*"', 'oifname != "dmz1"', 'oifname { "dmz1", "eth9" }', 'oif "dmz0"', 'oifname != { "dmz0", "eth*" }'))
        if self.tracks and self.asks_state and d.random() < 0.35:
            tests.append("ct state " + self.one("new", "established,related", "{ new, established }", "invalid", "!= new", "established", "!= { established, related }",
                                                "untracked", "new,untracked", "related", "! invalid"))
        if not self.tracks and d.random() < 0.12:
            tests.append(self.one("ip frag-off & 0x1fff != 0", "ip frag-off & 0x2000 != 0", "ip frag-off & 0x3fff == 0") if family == 4
                         else "exthdr frag exists" if family == 6 else "meta l4proto tcp")
        if d.random() < 0.04 and family == 4:
            tests.append(self.one("fib daddr type local", "fib daddr type multicast", "fib daddr type != local") if hook != "user" else "ip daddr 224.0.0.0/4")
        if self.may_be_undecidable and d.random() < 0.2:
            self.undecidable = True
            tests.append(self.one("limit rate 1000000/second", "meta mark 0", "ip ttl 64" if family == 4 else "ip6 hoplimit 64" if family == 6 else "meta mark 0", "meta length < 5000", "meta pkttype host"))
        d.shuffle(tests)
        # `meta l4proto` of a rule stands before what needs it.
        tests.sort(key=lambda t: not t.startswith("meta l4proto"))
        return " ".join(tests)

    def verdict(self, policy):
        kinds = ["accept", "accept", "drop", "drop", "return", "none", "log", "reject"]
        if policy == "drop":
            kinds += ["accept"] * 4
        if self.callable:
            kinds += ["jump", "jump", "goto"]
        kind = self.dice.choice(kinds)
        if kind in ("jump", "goto"):
            return f"{kind} {self.dice.choice(self.callable)}"
        return {"none": "counter", "log": "counter continue"}.get(kind, kind if kind != "reject" else "drop")

    def rule(self, hook, policy="accept"):
        d = self.dice
        before = self.conditions(hook) if d.random() < 0.85 else ""
        counter = " counter" if d.random() < 0.3 else ""
        comment = ' comment "a # in it"' if d.random() < 0.05 else ""
        if d.random() < 0.2:
            chain = self.dice.choice(self.callable) if self.callable else None
            verdicts = ["accept", "drop", "continue", "return"] + ([f"jump {chain}", f"goto {chain}"] if chain else [])
            pick = lambda: d.choice(verdicts)  # noqa: E731
            kind = self.one("port", "state", "address", "concat", "iif", "named", "flags")
            rest = f", * : {pick()}" if d.random() < 0.3 else ""
            if kind == "named" and self.maps and hook != "user" and self.asks_state:
                name, key = d.choice(self.maps)
                left = {"ipv4_addr": "ip daddr", "inet_service": "tcp dport", "ipv4_addr . inet_service": "ip saddr . tcp dport"}[key]
                return f"{left} vmap @{name}{comment}"
            if kind == "state" and self.tracks and self.asks_state:
                return f"ct state vmap {{ established : {pick()}, related : {pick()}, invalid : {pick()} }}{comment}"
            if kind == "address" and self.table_family != "ip6":
                return f"ip {self.one('saddr', 'daddr')} vmap {{ {A4[0]} : {pick()}, {N4[3]} : {pick()}, 203.0.113.0/24 : {pick()}{rest} }}{comment}"
            if kind == "concat" and self.table_family != "ip6":
                return f"ip saddr . tcp dport vmap {{ {A4[0]} . 22 : {pick()}, {A4[1]} . 80 : {pick()}{rest} }}"
            if kind == "iif" and hook in ("forward", "input", "prerouting"):
                return f'iifname vmap {{ "eth0" : {pick()}, "wan1" : {pick()} }}'
            if kind == "flags":
                return f"tcp flags & (syn | ack | rst) vmap {{ syn : {pick()}, ack : {pick()}, syn | ack : {pick()} }}"
            return f"{self.one('tcp', 'udp')} {self.one('dport', 'sport')} vmap {{ 22 : {pick()}, 80-443 : {pick()}, 1000-1024 : {pick()}{rest} }}{comment}"
        verdict = self.verdict(policy)
        return f"{before}{counter} {verdict}{comment}".strip()

    def load(self):
        done = sh(["nft", "-f", "-"], self.text)
        return done.stderr if done.returncode else ""

    def listings(self):
        yield ".nft", sh(["nft", "list", "ruleset"]).stdout + sh(["ip", "-o", "addr"]).stdout
        yield ".json", sh(["nft", "-j", "list", "ruleset"]).stdout + "\n" + sh(["ip", "-j", "addr"]).stdout

    def clear(self):
        sh(["nft", "flush", "ruleset"])


class Iptables(Rules):
    def __init__(self, dice, variant):
        super().__init__(dice)
        self.variant = variant
        self.name = f"iptables-{variant}"
        self.family = dice.choice((4, 4, 6))
        self.sets = []
        self.set_text = "".join(self.set_(f"set{i}") for i in range(dice.randint(0, 4)))
        if len(self.sets) > 1 and dice.random() < 0.4 and "list:set" in SET_TYPES:
            members = dice.sample(self.sets, 2)
            if members[0][1] == members[1][1]:
                self.set_text += f"create all list:set size 8\nadd all {members[0][0]}\nadd all {members[1][0]}\n"
                self.sets.append(("all", members[0][1]))
        self.text = self.filter_()
        if dice.random() < 0.5:
            self.text = self.small("mangle", ("PREROUTING", "FORWARD", "POSTROUTING", "INPUT")) + self.text
        if dice.random() < 0.4 or self.notracks:
            self.text = self.small("raw", ("PREROUTING", "OUTPUT")) + self.text
        if dice.random() < 0.2 and variant == "legacy":
            self.text += self.small("security", ("FORWARD", "INPUT"))

    def set_(self, name):
        d = self.dice
        a, n = (A4, N4[:5] + N4[7:]) if self.family == 4 else (A6, N6[:1] + N6[2:4])
        family = "inet" if self.family == 4 else "inet6"
        proto = lambda: self.one("tcp:", "udp:", "")  # noqa: E731
        icmp = "icmp:echo-request" if self.family == 4 else "icmpv6:echo-request"
        kinds = [("hash:ip", 1, lambda: d.choice(a)), ("hash:net", 1, lambda: d.choice(n)),
                 ("hash:ip,port", 2, lambda: f"{d.choice(a)},{proto()}{d.choice(PORTS)}" if d.random() < 0.85 else f"{d.choice(a)},{icmp}"),
                 ("hash:net,port", 2, lambda: f"{d.choice(n)},{proto()}{d.choice(PORTS)}"),
                 ("hash:net,net", 2, lambda: f"{d.choice(n)},{d.choice(n)}"), ("hash:net,iface", 2, lambda: f"{d.choice(n)},{d.choice(IN)}"),
                 ("hash:ip,port,ip", 3, lambda: f"{d.choice(a)},{proto()}{d.choice(PORTS)},{d.choice(a)}"),
                 ("bitmap:port", 1, lambda: str(d.choice([p for p in PORTS if p < 2000]))), ("bitmap:ip", 1, lambda: "192.0.2.7")]
        kinds = [k for k in kinds if k[0] in SET_TYPES and (self.family == 4 or k[0] != "bitmap:ip")]
        kind, dimensions, element = d.choice(kinds)
        options = {"bitmap:port": " range 0-2000", "bitmap:ip": " range 192.0.2.0-192.0.2.255"}.get(kind, f" family {family}")
        text = f"create {name} {kind}{options}\n"
        for e in sorted({element() for _ in range(d.randint(1, 6))}):
            nomatch = " nomatch" if "net" in kind and kind != "hash:net,net" and d.random() < 0.2 else ""
            text += f"add {name} {e}{nomatch}\n"
        self.sets.append((name, dimensions if kind != "hash:net,iface" else "iface"))
        return text

    def address(self):
        a, n = (A4, N4) if self.family == 4 else (A6, N6)
        if self.dice.random() < 0.15:
            return "0.0.0.1/0.0.0.3" if self.family == 4 else "::2/::3"
        return self.dice.choice(a + n)

    def conditions(self, chain):
        d = self.dice
        out = []
        no = lambda p=0.15: "! " if d.random() < p else ""  # noqa: E731
        if d.random() < 0.35:
            out.append(f"{no()}-s {self.address()}")
        if d.random() < 0.35:
            out.append(f"{no()}-d {self.address()}")
        if d.random() < 0.25 and chain in ("INPUT", "FORWARD", "PREROUTING", "user"):
            out.append(f"{no()}-i {self.one('eth0', 'wan1', 'eth+', 'wan+')}")
        if d.random() < 0.25 and chain in ("OUTPUT", "FORWARD", "POSTROUTING", "user"):
            out.append(f"{no()}-o {self.one('dmz0', 'dmz1', 'dmz+')}")
        l4 = self.one("tcp", "tcp", "udp", "icmp", "proto", "notproto", "", "")
        if self.family == 4 and not self.tracks and d.random() < 0.1:
            out.append(f"{no(0.4)}-f")
            l4 = self.one("proto", "")
        if l4 in ("tcp", "udp"):
            out.append(f"-p {l4}")
            kind = self.one("port", "port", "multi", "multi", "flags", "")
            low, high = self.port_range()
            if kind == "port":
                out.append(f"-m {l4} {no()}--{self.one('dport', 'dport', 'sport')} {self.one(str(low), f'{low}:{high}', f':{low}', f'{low}:')}")
            elif kind == "multi":
                ports = ",".join(map(str, self.some(PORTS, 1, 5))) + self.one("", f",{low}:{high}")
                out.append(f"-m multiport {no()}--{self.one('dports', 'sports', 'ports')} {ports}")
            elif kind == "flags" and l4 == "tcp":
                out.append("-m tcp " + no() + self.one("--syn", "--tcp-flags SYN,ACK SYN,ACK", "--tcp-flags ALL ACK", "--tcp-flags FIN,RST NONE", "--tcp-flags ALL NONE",
                                                        "--tcp-flags ACK,FIN FIN"))
        elif l4 == "icmp" and self.family == 4:
            out.append(f"-p icmp -m icmp {no()}--icmp-type {self.one('echo-request', '3', '3/1', '0', 'time-exceeded', 'host-unreachable')}")
        elif l4 == "icmp":
            out.append(f"-p icmpv6 -m icmp6 {no()}--icmpv6-type {self.one('echo-request', '1', '1/4', 'neighbour-solicitation', 'packet-too-big', '129')}")
        elif l4 == "proto":
            out.append(f"-p {self.one('tcp', '50', 'gre', '89', 'udp', 'sctp')}")
        elif l4 == "notproto":
            out.append(f"! -p {self.one('tcp', 'udp', '50')}")
        if self.tracks and self.asks_state and d.random() < 0.35:
            states = ",".join(self.some(["NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"], 1, 3))
            out.append(f"-m conntrack {no(0.2)}--ctstate {states}" if d.random() < 0.8 else f"-m state --state {self.one('NEW', 'ESTABLISHED,RELATED', 'INVALID')}")
        if d.random() < 0.1:
            low, high = ("192.0.2.6", "198.51.100.8") if self.family == 4 else ("2001:db8:a:1::6", "2001:db8:c:1::8")
            out.append(f"-m iprange {no()}--{self.one('src', 'dst')}-range {low}-{high}")
        if self.sets and d.random() < 0.35:
            name, dimensions = d.choice(self.sets)
            directions = f"{self.one('src', 'dst')},src" if dimensions == "iface" else ",".join(self.one("src", "dst") for _ in range(dimensions))
            if not (dimensions == "iface" and chain in ("OUTPUT", "POSTROUTING")):
                out.append(f"-m set {no()}--match-set {name} {directions}")
        if d.random() < 0.03:
            out.append(f"-m addrtype {no()}--dst-type {self.one('LOCAL', 'MULTICAST')}")
        if d.random() < 0.1:
            out.append('-m comment --comment "it is \\"quoted\\" -j DROP"')
        if self.may_be_undecidable and d.random() < 0.2:
            self.undecidable = True
            out.append(self.one("-m limit --limit 10000/sec --limit-burst 10000", "-m mark --mark 0x0", "-m length --length 0:9000",
                                "-m statistic --mode random --probability 0.5"))
        return " ".join(out)

    def target(self, policy="ACCEPT"):
        kinds = ["-j ACCEPT", "-j ACCEPT", "-j DROP", "-j DROP", "-j RETURN", "", "-j MARK --set-mark 5"] + (["-j ACCEPT"] * 3 if policy == "DROP" else [])
        kinds = [k for k in kinds if k]
        if self.callable:
            kinds += [f"-j {self.dice.choice(self.callable)}"] * 2 + [f"-g {self.dice.choice(self.callable)}"]
        return self.dice.choice(kinds) if self.dice.random() > 0.05 else ""

    def filter_(self):
        d = self.dice
        chains = [f"u{i}" for i in range(d.randint(1, 4))]
        policies = {c: d.choice(("ACCEPT", "DROP")) for c in ("INPUT", "FORWARD")}
        policies["OUTPUT"] = "ACCEPT"
        text = "*filter\n" + "".join(f":{c} {p} [0:0]\n" for c, p in policies.items()) + "".join(f":{c} - [0:0]\n" for c in chains)
        for i, chain in enumerate(chains):
            self.callable = chains[:i]
            for _ in range(d.randint(1, 5)):
                text += f"-A {chain} {self.conditions('user')} {self.target()}\n".replace("-j MARK --set-mark 5", "-j RETURN")
        self.callable = chains
        for chain, policy in policies.items():
            for _ in range(d.randint(1, 8)):
                text += f"-A {chain} {self.conditions(chain)} {self.target(policy)}\n".replace("-j MARK --set-mark 5", "")
        return text + "COMMIT\n"

    def small(self, table, chains):
        self.callable = []
        self.asks_state = not (table == "raw" and self.notracks)
        text = f"*{table}\n"
        if table == "raw" and self.notracks:
            text += f"-A PREROUTING {self.conditions('PREROUTING')} -j {self.one('CT --notrack', 'CT --notrack', 'NOTRACK') if self.variant == 'legacy' else 'CT --notrack'}\n"
        for chain in chains:
            for _ in range(self.dice.randint(0, 3)):
                target = self.target()
                if table != "mangle":
                    target = target.replace("-j MARK --set-mark 5", "-j ACCEPT")
                text += f"-A {chain} {self.conditions(chain)} {target}\n"
        return text + "COMMIT\n"

    def program(self, name):
        return f"ip{'6' if self.family == 6 else ''}tables-{self.variant}-{name}"

    def load(self):
        if self.set_text:
            done = sh(["ipset", "restore"], self.set_text)
            if done.returncode:
                return done.stderr
        done = sh([self.program("restore")], self.text)
        return done.stderr if done.returncode else ""

    def listings(self):
        counters = ["-c"] if self.dice.random() < 0.5 else []
        parts = [sh([self.program("save")] + counters).stdout, sh(["ipset", "save"]).stdout, sh(["ip", "-o", "addr"]).stdout]
        self.dice.shuffle(parts)
        yield ".rules", "".join(parts)

    def clear(self):
        if self.variant == "nft":
            sh(["nft", "flush", "ruleset"])
        else:
            empty = "".join(f"*{t}\n" + "".join(f":{c} ACCEPT [0:0]\n" for c in chains) + "COMMIT\n" for t, chains in (
                ("raw", ("PREROUTING", "OUTPUT")), ("mangle", ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")),
                ("filter", ("INPUT", "FORWARD", "OUTPUT")), ("security", ("INPUT", "FORWARD", "OUTPUT"))))
            done = sh([self.program("restore")], empty)
            if done.returncode:
                raise SystemExit(f"the rules stay: {done.stderr}")
        sh(["ipset", "flush"])  # a list of sets holds its members
        for _ in range(200):  # rules let go of their sets some time after they are gone
            if sh(["ipset", "destroy"]).returncode == 0:
                return
            time.sleep(0.01)
        raise SystemExit("the sets stay")
