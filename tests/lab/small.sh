# The smallest network that has a filter: for tests of one behaviour each. Sourced after examples/lab.sh.
#
#   scanner 203.0.113.77 --- gate --- switch dmz --- web1 192.0.2.11, web2 192.0.2.12, probe2 192.0.2.40 (inside)
#
# Everything has a rule set (small_rules) and a program (DEMARC), a verdict has a reader (verdict_has).
SMALL_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
  lab_say "$(basename "$0"): $*"
  exit 1
}

small_network() {
  local name
  for name in scanner gate web1 web2 inner; do node $name; done
  switch dmz
  for name in scanner gate web1 web2 inner dmz; do ipv4_only $name; done
  cable gate wan scanner eth0
  inside scanner ip address add 203.0.113.77/24 dev eth0
  inside gate ip address add 203.0.113.1/24 dev wan
  plug gate dmz dmz 192.0.2.1/26
  plug web1 eth0 dmz 192.0.2.11/26
  plug web2 eth0 dmz 192.0.2.12/26
  plug inner eth0 dmz 192.0.2.40/26
  inside scanner ip route add default via 203.0.113.1
  for name in web1 web2 inner; do inside $name ip route add default via 192.0.2.1; done
  forwards gate
  cp "$SMALL_HERE/../../examples/dmz/listeners.py" "$LAB_DIR/servers/"
}

small_servers() {
  start web1 web1 unprivileged $LAB_PYTHON "$LAB_DIR/servers/listeners.py" banner=192.0.2.11:443 banner=192.0.2.11:8080
  start web2 web2 unprivileged $LAB_PYTHON "$LAB_DIR/servers/listeners.py" banner=192.0.2.12:443
  wait_for web1 192.0.2.11 8080
  wait_for web2 192.0.2.12 443
}

# small_rules FILE [TCP-COVERAGE] [MORE-YAML]: approves 443 of both hosts from the internet.
small_rules() {
  local today year
  today=$(date -u +%F)
  year=$(date -u -d '+1 year' +%F)
  cat > "$1" <<END
demarc: 1
name: small
timezone: UTC
review: { interval: 12 months, warn_before: 1 days, approval_roles: [security] }
zones:
  internet: { any: true }
  dmz: { cidrs: [192.0.2.0/26], intra: allowed }
  office: { cidrs: [198.51.100.0/26] }
hosts:
  web1: { addresses: [192.0.2.11] }
  web2: { addresses: [192.0.2.12] }
  inner: { addresses: [192.0.2.40] }
services:
  portal: { tcp: [443] }
scope:
  targets: [web1, web2]
  max_rate: 20000 packets/s
  max_rate_per_target: 10000 packets/s
  max_states_per_path: 200000
  authorised_by: { by: r.lind, date: $today, ticket: CHG-1, valid_until: $year }
vantages:
  external: { zone: internet, address: 203.0.113.77, canaries: ["web1:443"] }
  inner: { zone: dmz, address: 192.0.2.40 }
  office: { zone: office, address: 198.51.100.10 }
sensors:
  tap: { sees: [[internet, dmz]], both_directions: true, sampling: 1 }
coverage:
  tcp: ${2:-[443, 8080]}
  udp: none
  icmp: none
  vantages: [external]
  max_age: 7 days
people:
  r.lind: { roles: [security], teams: [gis-security] }
rules:
  - id: WEB-1
    service: portal
    from: internet
    to: [web1, web2]
    owner: web-team
    reason: The portal
    ticket: CHG-2
    approved: { security: { by: r.lind, date: $today } }
    review_by: $year
${3:-}
END
}

# listen NODE INTERFACE FILE LOG: demarc captures there, in the background ($! is it), once this returns. A packet socket in
# /proc/net/packet would be too early a sign: it is there before it is bound and promiscuous.
listen() {
  on "$1" "$DEMARC" traffic -i "$2" --promiscuous -w "$3" > "$4" 2>&1 </dev/null &
  local try
  for try in $(seq 100); do
    if grep -q "listening on" "$4" 2>/dev/null; then return 0; fi
    sleep 0.1
  done
  cat "$4" >&2
  fail "demarc does not listen on $2"
}

# Which exit status? run STATUS OUTPUT COMMAND...: exactly this one, all that was said in OUTPUT.
run() {
  local wanted=$1 output=$2 status=0
  shift 2
  "$@" >"$output" 2>&1 </dev/null || status=$?
  if [ $status -ne "$wanted" ]; then
    cat "$output" >&2
    fail "exit $status instead of $wanted from: $*"
  fi
}

says() { grep -qiE -- "$2" "$1" || { cat "$1" >&2; fail "it does not say: $2"; }; }

# Outcomes of a journal, one line a port, in order, without what differs between two equal runs (times, tries, services' randoms).
normalised() { $LAB_PYTHON "$SMALL_HERE/journal_outcomes.py" "$@"; }
