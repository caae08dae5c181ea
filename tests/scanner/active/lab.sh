#!/bin/bash
# lab.sh CONNECT_PROBE CASE: the connect engine against real filters, in network namespaces that this script makes for
# itself and that vanish with it. Exits 77 where namespaces or nftables are not to be had.
set -u
probe=$1 case=$2
if [ "${DEMARC_LAB:-}" != inside ]; then
  flags="-n"; [ "$(id -u)" = 0 ] || flags="-rn"
  unshare $flags true 2>/dev/null || { echo "no network namespaces here"; exit 77; }
  command -v nft >/dev/null && command -v ip >/dev/null || { echo "no nft or ip here"; exit 77; }
  DEMARC_LAB=inside exec unshare $flags "$0" "$@"
fi

pids=()
cleanup() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done; }
trap cleanup EXIT
space() {  # space NAME: another namespace; its process id in $NAME
  unshare -n sleep 300 &
  pids+=($!); printf -v "$1" %s $!
  for _ in $(seq 100); do
    [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break
    sleep 0.02
  done
}
in_space() { local pid=$1; shift; nsenter -t "$pid" -n "$@"; }
fail() { echo "FAILED: $*"; echo "--- output:"; cat "$out"; exit 1; }
expect() { grep -qxF -- "$1" "$out" || fail "expected: $1"; }
out=$(mktemp); trap 'cleanup; rm -f "$out"' EXIT
ip link set lo up || exit 77

# scanner 192.0.2.1 -- router 192.0.2.254, 198.51.100.254 -- target 198.51.100.10; the same with 2001:db8:{1,2}::
network() {
  space router; space target
  ip link add out0 type veth peer name r0 || exit 77
  ip link set r0 netns "$router"
  in_space "$router" ip link add r1 type veth peer name t0
  in_space "$router" ip link set t0 netns "$target"
  ip addr add 192.0.2.1/24 dev out0; ip -6 addr add 2001:db8:1::1/64 dev out0 nodad; ip link set out0 up
  in_space "$router" sh -c 'ip link set lo up
    ip addr add 192.0.2.254/24 dev r0; ip -6 addr add 2001:db8:1::fe/64 dev r0 nodad; ip link set r0 up
    ip addr add 198.51.100.254/24 dev r1; ip -6 addr add 2001:db8:2::fe/64 dev r1 nodad; ip link set r1 up
    echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding' || exit 77
  in_space "$target" sh -c 'ip link set lo up
    ip addr add 198.51.100.10/24 dev t0; ip -6 addr add 2001:db8:2::10/64 dev t0 nodad; ip link set t0 up
    ip route add default via 198.51.100.254; ip -6 route add default via 2001:db8:2::fe'
  ip route add default via 192.0.2.254; ip -6 route add default via 2001:db8:1::fe
  in_space "$router" nft -f - <<'NFT' || exit 77
table inet edge {
  chain forward {
    type filter hook forward priority 0;
    tcp dport 1000-1019 reject with icmpx type admin-prohibited
    tcp dport 2000-2009 drop
    tcp dport 3000-3009 reject with tcp reset
    tcp dport 4000-4004 reject with icmpx type port-unreachable
    tcp dport 4100-4104 reject with icmpx type host-unreachable
  }
}
NFT
}
no_icmp_limit() { in_space "$router" sh -c 'echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit
  [ -e /proc/sys/net/ipv4/icmp_msgs_per_sec ] && echo 100000 > /proc/sys/net/ipv4/icmp_msgs_per_sec; true'; }
listen_at() { local pid=$1; shift; in_space "$pid" "$probe" listen "$@" > "$out.listen" 2>&1 & pids+=($!)
  for _ in $(seq 100); do grep -q listening "$out.listen" 2>/dev/null && break; sleep 0.02; done; rm -f "$out.listen"; }

case $case in
  filters)  # every kind of filter, by IPv4 and IPv6: who answered, and what it proves
    network; no_icmp_limit
    listen_at "$target" "22:SSH-2.0-OpenSSH_9.2p1" "25:220 mail ESMTP Postfix"
    ports=20-30,1000-1019,2000-2009,3000-3009,4000-4004,4100-4104
    "$probe" scan 198.51.100.10 $ports >"$out" || fail "exit $?"
    expect "198.51.100.10 22 open passed syn-ack service ssh OpenSSH 9.2p1"
    expect "198.51.100.10 25 open passed syn-ack service smtp Postfix "
    expect "198.51.100.10 20-21,23-24,26-30,3000-3009 closed undetermined rst"
    expect "198.51.100.10 1000-1019 filtered blocked icmp-admin-prohibited by 192.0.2.254"
    expect "198.51.100.10 2000-2009 filtered undetermined silence doubt no-canary"
    expect "198.51.100.10 4000-4004 filtered blocked icmp-port-unreachable by 192.0.2.254"
    expect "198.51.100.10 4100-4104 filtered undetermined icmp-host-unreachable by 192.0.2.254"
    expect "end complete outcomes 61 doubled 0 left 0"
    "$probe" scan 2001:db8:2::10 $ports >"$out" || fail "exit $?"
    expect "2001:db8:2::10 22 open passed syn-ack service ssh OpenSSH 9.2p1"
    expect "2001:db8:2::10 20-21,23-24,26-30,3000-3009 closed undetermined rst"
    expect "2001:db8:2::10 1000-1019 filtered blocked icmp-admin-prohibited by 2001:db8:1::fe"
    expect "2001:db8:2::10 2000-2009 filtered undetermined silence doubt no-canary"
    expect "2001:db8:2::10 4000-4004 filtered blocked icmp-port-unreachable by 2001:db8:1::fe"
    expect "end complete outcomes 61 doubled 0 left 0" ;;
  rate_limit)  # the router sends few ICMP errors: the silent rest of the rejected range is doubtful, the dropped range is not
    network
    "$probe" scan 198.51.100.10 1000-1019,2000-2009 >"$out" || fail "exit $?"
    grep -q "^198.51.100.10 .* filtered blocked icmp-admin-prohibited by 192.0.2.254" "$out" || fail "no refusal at all"
    grep -q "^198.51.100.10 10.* filtered undetermined silence doubt icmp-rate-limited" "$out" || fail "the limit was not seen"
    expect "198.51.100.10 2000-2009 filtered undetermined silence doubt no-canary"
    expect "end complete outcomes 30 doubled 0 left 0" ;;
  descriptors)  # 64 descriptors: slower, never different
    network; no_icmp_limit
    listen_at "$target" "22:SSH-2.0-OpenSSH_9.2p1"
    (ulimit -n 64; "$probe" scan 198.51.100.10 20-30,1000-1019,2000-2009,5000-6999 >"$out") || fail "exit $?"
    expect "198.51.100.10 22 open passed syn-ack service ssh OpenSSH 9.2p1"
    expect "198.51.100.10 20-21,23-30,5000-6999 closed undetermined rst"
    expect "198.51.100.10 1000-1019 filtered blocked icmp-admin-prohibited by 192.0.2.254"
    expect "end complete outcomes 2041 doubled 0 left 0" ;;
  own_addresses)  # every port of this machine itself, with nobody listening: nothing opens, not even to itself
    network
    "$probe" scan 127.0.0.1,192.0.2.1,::1,2001:db8:1::1 1-65535 services=0 >"$out" || fail "exit $?"
    expect "127.0.0.1 1-65535 closed undetermined rst"
    expect "192.0.2.1 1-65535 closed undetermined rst"
    expect "::1 1-65535 closed undetermined rst"
    expect "2001:db8:1::1 1-65535 closed undetermined rst"
    nft -f - <<'NFT'
table inet own {
  chain output {
    type filter hook output priority 0;
    tcp dport 700 reject with icmpx type admin-prohibited
    tcp dport 701 drop
  }
}
NFT
    "$probe" scan 198.51.100.10 700-702 >"$out" || fail "exit $?"
    grep -q "^198.51.100.10 700.* filtered undetermined local-refusal$" "$out" || fail "our own filter was taken for another's" ;;
  canary)  # the path is cut in mid-run: what was measured since the last good look is not told
    network; no_icmp_limit
    listen_at "$target" 443
    "$probe" scan 198.51.100.10 5000-24999 rate=4000 canary=198.51.100.10:443 patience_s=3 >"$out" 2>&1 & scan=$!
    sleep 2.5
    in_space "$router" nft insert rule inet edge forward drop
    wait $scan || fail "exit $?"
    grep -q "^end canary-lost " "$out" || fail "the run did not end by the canary"
    grep -q "may be blocked" "$out" || fail "it was not said"
    grep -q silence "$out" && fail "silence behind a cut path was told"
    # And a cut that heals: everything is asked again, nothing is missing, nothing is wrong.
    in_space "$router" nft delete rule inet edge forward handle "$(in_space "$router" nft -a list chain inet edge forward | sed -n 's/^[[:space:]]*drop # handle //p' | head -1)"
    "$probe" scan 198.51.100.10 5000-14999 rate=3000 canary=198.51.100.10:443 patience_s=20 >"$out" 2>&1 & scan=$!
    sleep 1.5
    in_space "$router" nft insert rule inet edge forward drop
    sleep 5
    in_space "$router" nft delete rule inet edge forward handle "$(in_space "$router" nft -a list chain inet edge forward | sed -n 's/^[[:space:]]*drop # handle //p' | head -1)"
    wait $scan || fail "exit $?"
    grep -q "withdrawn" "$out" || fail "nothing was withdrawn"
    expect "198.51.100.10 5000-14999 closed undetermined rst"
    expect "end complete outcomes 10000 doubled 0 left 0" ;;
  no_neighbour)  # nobody home on our own link; a host that answers everything
    network
    "$probe" scan 192.0.2.77 80-81 tries=3 >"$out" || fail "exit $?"
    expect "192.0.2.77 80-81 filtered undetermined no-neighbour"
    in_space "$router" nft -f - <<'NFT' || exit 77
table ip everything {
  chain prerouting {
    type nat hook prerouting priority -100;
    ip daddr 198.51.100.10 tcp dport 1-65535 redirect to :9
  }
}
NFT
    listen_at "$router" 9
    "$probe" scan 198.51.100.10 80,443 services=0 >"$out" || fail "exit $?"
    expect "198.51.100.10 80,443 open passed syn-ack doubt answers-everything" ;;
  *) echo "no such case"; exit 2 ;;
esac
echo "$case: as expected"
