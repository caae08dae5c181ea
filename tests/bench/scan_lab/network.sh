# The scanning laboratory, as functions over examples/lab.sh. table.py holds what the firewall does and who listens.
#
#   scanner 203.0.113.77 ---(wan) gate ---+--- switch dmz: front1..front4 192.0.2.11-14, many .20, proxied .30, named .41
#           2001:db8:e::77                |                2001:db8:d::11-14, ::20
#                                         +--- inner 198.51.100.10
#   scanner 198.51.100.129 --- sink 198.51.100.130: answers for 198.51.100.192-195, no firewall between (throughput)
#
# What the scanner sends is counted where its only cable to the firewall ends, at the device, before anything else looks
# at it: whatever way the packets were made (raw sockets and AF_PACKET pass the sender's own firewall rules by).
SCAN_LAB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$SCAN_LAB/../../../examples/dmz/network.sh"
SCAN_HOSTS="front1 front2 front3 front4 many proxied named"

# scan_network [--small] [--witness-seed N]: nodes, cables, addresses, routes, the firewall, the counters.
scan_network() {
  local name n
  "$LAB_PYTHON" "$SCAN_LAB/table.py" "$LAB_DIR" "$@"
  cp "$SCAN_LAB/open_ports.py" "$SCAN_LAB/../../../examples/dmz/listeners.py" "$LAB_DIR/servers/"
  for name in scanner gate inner $SCAN_HOSTS; do node $name; done
  switch dmz
  for name in dmz inner proxied named; do ipv4_only $name; done
  cable gate wan scanner eth0
  inside scanner ip address add 203.0.113.77/24 dev eth0
  inside scanner ip address add 2001:db8:e::77/64 dev eth0
  inside gate ip address add 203.0.113.1/24 dev wan
  inside gate ip address add 2001:db8:e::1/64 dev wan
  plug gate dmz dmz 192.0.2.1/26 2001:db8:d::1/64
  n=10
  for name in front1 front2 front3 front4; do n=$((n + 1)); plug $name eth0 dmz 192.0.2.$n/26 2001:db8:d::$n/64; done
  plug many eth0 dmz 192.0.2.20/26 2001:db8:d::20/64
  plug proxied eth0 dmz 192.0.2.30/26
  plug named eth0 dmz 192.0.2.41/26
  cable gate inner inner eth0
  inside gate ip address add 198.51.100.1/28 dev inner
  inside inner ip address add 198.51.100.10/28 dev eth0
  for name in $SCAN_HOSTS; do inside $name ip route add default via 192.0.2.1; done
  for name in front1 front2 front3 front4 many; do inside $name ip -6 route add default via 2001:db8:d::1; done
  inside inner ip route add default via 198.51.100.1
  inside scanner ip route add default via 203.0.113.1
  inside scanner ip -6 route add default via 2001:db8:e::1
  forwards gate
  # A SYN proxy needs cookies and time stamps, and nothing picked up in mid-stream.
  inside gate sh -c 'cd /proc/sys/net; echo 0 > netfilter/nf_conntrack_tcp_loose; echo 1 > ipv4/tcp_syncookies; echo 1 > ipv4/tcp_timestamps'
  inside gate nft -f "$LAB_DIR/filter.nft"
  scan_counters
}

# What came in from the scanner, by kind; `outside` is everything that was not for the scope.
scan_counters() {
  inside gate nft -f - <<'END_COUNTERS'
table netdev watch {
  set scope4 { type ipv4_addr; flags interval; elements = { 192.0.2.11-192.0.2.14, 192.0.2.20, 192.0.2.30, 192.0.2.41 } }
  set scope6 { type ipv6_addr; flags interval; elements = { 2001:db8:d::11-2001:db8:d::14, 2001:db8:d::20 } }
  counter tcp_syn {}
  counter tcp_other {}
  counter udp_all {}
  counter icmp_all {}
  counter other {}
  counter link {}
  counter outside {}
  chain scoped {
    tcp flags & (syn | ack) == syn counter name tcp_syn accept
    meta l4proto tcp counter name tcp_other accept
    meta l4proto udp counter name udp_all accept
    meta l4proto { icmp, ipv6-icmp } counter name icmp_all accept
    counter name other accept
  }
  chain from_scanner {
    type filter hook ingress device wan priority -500; policy accept;
    ip daddr @scope4 jump scoped
    ip6 daddr @scope6 jump scoped
    arp daddr ip 203.0.113.1 counter name link accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report } counter name link accept
    counter name outside
  }
}
END_COUNTERS
}

# scan_sink: a responder without a firewall. 65 percent of its ports are answered by its own TCP, the rest is dropped.
scan_sink() {
  local n
  node sink
  ipv4_only sink
  cable sink eth0 scanner eth1
  ipv4_only scanner eth1
  inside sink ip link set eth0 address 02:00:00:00:00:82   # zmap must be told it, masscan on a second interface too
  inside scanner ip address add 198.51.100.129/30 dev eth1
  inside sink ip address add 198.51.100.130/30 dev eth0
  inside scanner ip route add 198.51.100.192/30 via 198.51.100.130
  inside scanner ip route add 198.18.0.0/15 via 198.51.100.130   # for scanners that ask one port of many hosts (RFC 2544)
  inside sink ip route add local 198.51.100.192/30 dev lo
  inside sink ip route add local 198.18.0.0/15 dev lo
  inside sink nft -f - <<'END_SINK'
table netdev watch {
  counter tcp_syn {}
  counter tcp_other {}
  counter outside {}
  chain from_scanner {
    type filter hook ingress device eth0 priority -500; policy accept;
    ip daddr 198.51.100.192/30 tcp flags & (syn | ack) == syn tcp dport 42599-65535 counter name tcp_syn drop
    ip daddr 198.51.100.192/30 tcp flags & (syn | ack) == syn counter name tcp_syn accept
    ip daddr 198.18.0.0/15 tcp flags & (syn | ack) == syn ip daddr & 0.0.0.255 > 0.0.0.165 counter name tcp_syn drop
    ip daddr 198.18.0.0/15 tcp flags & (syn | ack) == syn counter name tcp_syn accept
    ip daddr { 198.51.100.192/30, 198.18.0.0/15 } counter name tcp_other accept
    arp daddr ip 198.51.100.130 accept
    counter name outside
  }
}
END_SINK
  for n in 192 193 194 195; do start sink sink-$n unprivileged "$LAB_PYTHON" "$LAB_DIR/servers/open_ports.py" 198.51.100.$n 22,443,8080,40000; done
  for n in 192 193 194 195; do wait_for sink 198.51.100.$n 40000; done
}

# scan_loss PERCENT: each way, of everything but ARP and neighbour discovery. netem would do; not every kernel has it.
scan_loss() {
  local parts
  parts=$(awk -v percent="$1" 'BEGIN { printf "%d", percent * 100 }')
  inside gate nft -f - <<END_LOSS
table inet loss {}
flush table inet loss
table inet loss {
  counter lost_to {}
  counter lost_from {}
  chain nd { icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; }
  chain to {
    type filter hook prerouting priority -400; policy accept;
    iifname wan jump nd
    iifname wan numgen random mod 10000 < $parts counter name lost_to drop
  }
  chain from {
    type filter hook postrouting priority 400; policy accept;
    oifname wan jump nd
    oifname wan numgen random mod 10000 < $parts counter name lost_from drop
  }
}
END_LOSS
}
scan_no_loss() { inside gate nft 'table inet loss {}; delete table inet loss'; }

# scan_witness_filter: the random permits of table.py instead of the firewall's rules.
scan_witness_filter() { inside gate nft flush table inet gate; inside gate nft delete table inet gate; inside gate nft -f "$LAB_DIR/witness.nft"; }

# scan_free_icmp: the firewall answers every refused packet, not about one a second.
scan_free_icmp() {
  inside gate sh -c 'cd /proc/sys/net; echo 0 > ipv4/icmp_ratelimit; echo 0 > ipv6/icmp/ratelimit
    for key in icmp_msgs_per_sec icmp_msgs_burst; do if [ -e ipv4/$key ]; then echo 1000000 > ipv4/$key; fi; done'
}

# scan_servers [NODE...]: the listeners of the table; all, or those of some nodes.
scan_servers() {
  local name address ports last wanted=" $* "
  while read -r name address ports; do
    if [ $# -gt 0 ] && [[ $wanted != *" $name "* ]]; then continue; fi
    start "$name" "tcp-$address" unprivileged "$LAB_PYTHON" "$LAB_DIR/servers/open_ports.py" "$address" "$ports" banner
  done < "$LAB_DIR/listeners"
  while read -r name address ports; do
    if [ $# -gt 0 ] && [[ $wanted != *" $name "* ]]; then continue; fi
    last=${ports##*[,-]}
    wait_for "$name" "$address" "$last"
  done < "$LAB_DIR/listeners"
}

# The UDP services: real ones where Debian has them. They answer on the addresses of the table.
scan_udp_servers() {
  local directory=$LAB_DIR/servers/udp
  mkdir -p "$directory/tftp" "$directory/nmbd"
  start front1 dns unprivileged dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file= \
    --bind-interfaces --listen-address=192.0.2.11 --except-interface=lo --address=/example.net/192.0.2.11 --port=53 \
    --enable-tftp --tftp-root="$directory/tftp" --log-facility=-
  printf 'local stratum 8\nallow all\nbindaddress 192.0.2.12\ncmdport 0\nbindcmdaddress /\npidfile %s\n' "$directory/chrony.pid" > "$directory/chrony.conf"
  start front2 ntp chronyd -x -d -u root -f "$directory/chrony.conf"
  start front2 syslog unprivileged "$LAB_PYTHON" "$LAB_DIR/servers/listeners.py" sink=192.0.2.12:514
  printf 'rocommunity public\nagentAddress udp:192.0.2.13:161\nsysName front3\n' > "$directory/snmpd.conf"
  start front3 snmp env SNMP_PERSISTENT_DIR="$directory" snmpd -f -Lo -C -c "$directory/snmpd.conf" -p "$directory/snmpd.pid"
  cat > "$directory/nmbd/conf" <<END_NMBD
[global]
  netbios name = FRONT4
  workgroup = SHOP
  interfaces = 192.0.2.14/26
  bind interfaces only = no
  local master = no
  lock directory = $directory/nmbd
  state directory = $directory/nmbd
  cache directory = $directory/nmbd
  private dir = $directory/nmbd
  pid directory = $directory/nmbd
  ncalrpc dir = $directory/nmbd/ncalrpc
END_NMBD
  start front4 nmbd nmbd -F --no-process-group -l "$directory/nmbd" -s "$directory/nmbd/conf"
  local try name port
  for try in $(seq 100); do
    for name in front1:53 front1:69 front2:123 front2:514 front3:161 front4:137; do
      port=${name#*:}
      inside "${name%:*}" grep -q "$(printf ':%04X ' "$port")" /proc/net/udp || { sleep 0.1; continue 2; }
    done
    return 0
  done
  tail -n 5 "$LAB_DIR"/log/{dns,ntp,syslog,snmp,nmbd} >&2; lab_say "the UDP services do not start"; return 1
}

# Services to identify: real SMB, NetBIOS sessions and SMTP, MSRPC spoken by listeners.py, two ports that never speak.
scan_named_servers() {
  dmz_samba named 192.0.2.41/26
  dmz_smtp named 192.0.2.41
  start named msrpc unprivileged "$LAB_PYTHON" "$LAB_DIR/servers/listeners.py" msrpc=192.0.2.41:135
  start named mute unprivileged "$LAB_PYTHON" "$LAB_DIR/servers/open_ports.py" 192.0.2.41 1433,5900
  local port
  for port in 25 135 139 445 1433 5900; do wait_for named 192.0.2.41 $port 40; done
}

# scan_packets NODE COUNTER: what a counter of the kernel says.
scan_packets() { inside "$1" nft -j list counter netdev watch "$2" | "$LAB_PYTHON" -c 'import json,sys; print([item["counter"]["packets"] for item in json.load(sys.stdin)["nftables"] if "counter" in item][0])'; }
scan_reset_counters() { inside "${1:-gate}" nft reset counters >/dev/null; }
