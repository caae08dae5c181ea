# Networks of namespaces, for the examples and for the laboratory's tests. Sourced by bash scripts.
#
#   . examples/lab.sh
#   lab_enter "$@"             # starts the script again inside namespaces of its own; returns only in there
#   node edge; node web1       # one network namespace each
#   switch front               # an Ethernet switch (a bridge in a namespace of its own)
#   plug web1 eth0 front 192.0.2.11/26
#   inside web1 ip route       # runs a command in a node
#   start web1 nginx nginx ... # runs a server in a node, its output in $LAB_DIR/log/nginx
#
# Everything happens in a mount, network and PID namespace of our own; without root in a user namespace as well.
# So nothing of the host is touched, and when the first process of the PID namespace ends, the kernel ends all others
# and takes the networks away, whatever happened. Without root only uid 0 exists in there: servers that insist on
# dropping their privileges are started by `unprivileged`, in a second user namespace that maps another id.

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH
LAB_NOT_POSSIBLE=77  # what ctest reads as "skipped"
LAB_PYTHON=/usr/bin/python3  # Debian's own: another one may live where an unprivileged user cannot read

lab_say() { printf '%s\n' "$*" >&2; }

# How namespaces can be had here: "root", "user", or nothing and the reasons on standard error.
lab_mode() {
  local wanted=${DEMARC_LAB_MODE:-any}
  if [ "$wanted" != user ] && [ "$(id -u)" -eq 0 ] && unshare -nmp --fork true 2>/dev/null; then echo root; return; fi
  if [ "$wanted" != root ] && unshare -Urnmp --fork true 2>/dev/null; then echo user; return; fi
  lab_say "This needs network namespaces of its own, and this machine does not let me make any:"
  local row key stops gives change=()
  for row in user/max_user_namespaces:0:15000 kernel/unprivileged_userns_clone:0:1 kernel/apparmor_restrict_unprivileged_userns:1:0; do
    IFS=: read -r key stops gives <<< "$row"
    if [ "$(cat "/proc/sys/$key" 2>/dev/null)" = "$stops" ]; then
      lab_say "  ${key//\//.} is $stops"
      change+=("${key//\//.}=$gives")
    fi
  done
  if [ "$(id -u)" -eq 0 ]; then
    lab_say "Root in a container is not enough: start the container with CAP_SYS_ADMIN and CAP_NET_ADMIN (docker run --privileged)."
  elif [ ${#change[@]} -gt 0 ]; then
    lab_say "Run it as root (sudo $0), or let an administrator allow user namespaces until the next start:"
    lab_say "  sysctl ${change[*]}"
  else
    lab_say "Run it as root (sudo $0), or where user namespaces are allowed (a container may forbid them: docker run --privileged)."
  fi
  return 1
}

# Starts this script again inside; returns at once if it already is.
lab_enter() {
  if [ -n "${LAB_DIR:-}" ] && [ "${LAB_INSIDE:-}" = "$LAB_DIR" ]; then lab_prepare; return 0; fi
  local tool
  for tool in ip nft nsenter unshare setpriv "$LAB_PYTHON"; do
    if ! command -v $tool >/dev/null; then
      lab_say "$tool is missing: packaging/install-packages demo"
      exit $LAB_NOT_POSSIBLE
    fi
  done
  local mode
  mode=$(lab_mode) || exit $LAB_NOT_POSSIBLE
  LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/demarc-lab.XXXXXX")
  chmod 755 "$LAB_DIR"
  local flags=(--net --mount --pid --fork --kill-child --mount-proc)
  if [ "$mode" = user ]; then flags+=(--user --map-root-user); fi
  # Not exec: whoever is outside removes the directory when the inside is gone. Ending unshare ends the inside
  # (--kill-child), and with the first process of a PID namespace the kernel ends all others.
  local status=0 child signal=0
  LAB_INSIDE=$LAB_DIR LAB_DIR=$LAB_DIR LAB_MODE=$mode unshare "${flags[@]}" -- "$BASH" "$0" "$@" <&0 &
  child=$!
  trap 'signal=130; kill -KILL $child 2>/dev/null' INT
  trap 'signal=143; kill -KILL $child 2>/dev/null' TERM HUP
  wait $child 2>/dev/null || status=$?
  if [ $signal -ne 0 ]; then
    wait $child 2>/dev/null || true  # the trap ended the first wait, not the child
    status=$signal
    lab_say "interrupted: the laboratory is gone"
  fi
  if [ -n "${DEMARC_LAB_KEEP:-}" ]; then lab_say "kept: $LAB_DIR"; else rm -rf "$LAB_DIR"; fi
  exit $status
}

# Inside: a mount table that nobody shares, our own /run/netns, a loopback that works.
lab_prepare() {
  mount --make-rprivate /
  mkdir -p "$LAB_DIR/netns" "$LAB_DIR/log" "$LAB_DIR/servers"
  if [ "$LAB_MODE" = root ]; then chown 65534:65534 "$LAB_DIR/servers"; fi
  ip link set lo up
  lab_commands
}

# Two commands that are programs and not functions, so that nsenter and a shell in the laboratory can run them too.
lab_commands() {
  mkdir -p "$LAB_DIR/bin"
  # on NODE COMMAND...: the same as the function `inside`; in the background, $! is the command itself.
  printf '#!/bin/sh\nname=$1; shift\nexec nsenter --net="%s/netns/$name" -- "$@"\n' "$LAB_DIR" > "$LAB_DIR/bin/on"
  # unprivileged COMMAND...: as somebody who is not root: a real other id where we are root, else a mapped one.
  if [ "$LAB_MODE" = root ]; then
    echo 'exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all -- "$@"'
  else
    echo 'exec unshare --user --map-user=65534 --map-group=65534 -- "$@"'
  fi | { echo '#!/bin/sh'; cat; } > "$LAB_DIR/bin/unprivileged"
  chmod +x "$LAB_DIR/bin/on" "$LAB_DIR/bin/unprivileged"
  PATH=$LAB_DIR/bin:$PATH
}

# A node: a network namespace kept open by a file. No duplicate address detection: addresses must work at once.
node() {
  local name=$1
  : > "$LAB_DIR/netns/$name"
  unshare --net -- mount --bind /proc/self/ns/net "$LAB_DIR/netns/$name"
  inside "$name" sh -c '
    ip link set lo up
    for key in ipv4/conf/all/rp_filter ipv4/conf/default/rp_filter ipv6/conf/all/accept_dad ipv6/conf/default/accept_dad \
               ipv6/conf/default/accept_ra ipv4/ip_unprivileged_port_start; do
      echo 0 > /proc/sys/net/$key
    done'
}

inside() {
  local name=$1
  shift
  nsenter --net="$LAB_DIR/netns/$name" -- "$@"
}

# A switch is a node with one bridge in it, called like the node: a sensor on it sees every frame that crosses it.
switch() {
  node "$1"
  inside "$1" ip link add "$1" type bridge forward_delay 0 mcast_snooping 0
  inside "$1" ip link set "$1" up
}

# plug NODE INTERFACE SWITCH ADDRESS/LENGTH...: a cable from the node to the switch.
plug() {
  local name=$1 interface=$2 to=$3 address
  shift 3
  ip link add "cable" type veth peer name "cable2"
  ip link set cable netns "$LAB_DIR/netns/$name" name "$interface"
  ip link set cable2 netns "$LAB_DIR/netns/$to" name "$name-$interface"
  inside "$to" ip link set "$name-$interface" master "$to" up
  for address in "$@"; do inside "$name" ip address add "$address" dev "$interface"; done
  inside "$name" ip link set "$interface" up
}

# cable NODE INTERFACE NODE INTERFACE: two nodes without a switch between them.
cable() {
  ip link add cable type veth peer name cable2
  ip link set cable netns "$LAB_DIR/netns/$1" name "$2"
  ip link set cable2 netns "$LAB_DIR/netns/$3" name "$4"
  inside "$1" ip link set "$2" up
  inside "$3" ip link set "$4" up
}

# ipv4_only NODE [INTERFACE]: no IPv6 there, and so no neighbour discovery and no multicast reports on its wire.
ipv4_only() { inside "$1" sh -c "echo 1 > /proc/sys/net/ipv6/conf/${2:-all}/disable_ipv6"; }

forwards() { inside "$1" sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'; }

# start NODE NAME COMMAND...: a server in the background.
start() {
  local name=$1 log=$LAB_DIR/log/$2
  shift 2
  inside "$name" "$@" </dev/null >"$log" 2>&1 &
}

# wait_for NODE ADDRESS PORT [SECONDS]: until a TCP port answers there.
wait_for() {
  inside "$1" $LAB_PYTHON - "$2" "$3" "${4:-20}" <<'END' || { lab_say "nobody listens on $2 port $3"; return 1; }
import socket, sys, time
end = time.monotonic() + float(sys.argv[3])
while True:
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1).close()
        break
    except OSError:
        if time.monotonic() > end:
            sys.exit(1)
        time.sleep(0.05)
END
}
