# What the tests in the scanning laboratory (../bench/scan_lab) share. Sourced after examples/lab.sh.
#
# METHOD is raw unless DEMARC_SCAN_METHOD says connect; a program without raw probes skips these tests.
. "$(dirname "${BASH_SOURCE[0]}")/small.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../bench/scan_lab/network.sh"
METHOD=${DEMARC_SCAN_METHOD:-raw}
FRONT4="192.0.2.11 192.0.2.12 192.0.2.13 192.0.2.14"
FRONT6="2001:db8:d::11 2001:db8:d::12 2001:db8:d::13 2001:db8:d::14"

# scan_words JOURNAL VANTAGE OPTION...: into the array `words`.
scan_words() {
  words=("$DEMARC" scan --rules "$LAB_DIR/rules.yaml" --vantage "$2" --method "$METHOD" --progress none -o "$1" "${@:3}")
}

# judged JOURNAL EXPRESSION [OPTION...]: what was found, against the truth.
judged() {
  local journal=$1 expression=$2
  shift 2
  "$SCAN_LAB/judge.py" "$LAB_DIR/truth.json" "demarc:$journal" --check "$expression" "$@" > "$LAB_DIR/judged" ||
    { cat "$LAB_DIR/judged" >&2; fail "$(basename "$journal"): not $expression"; }
}

# nothing_outside NODE: the kernel saw no packet of the scanner to anybody else.
nothing_outside() {
  local count
  count=$(scan_packets "${1:-gate}" outside)
  [ "$count" -eq 0 ] || fail "$count packets left for addresses outside of the scope"
}
# The counter itself must be able to count.
outside_counts() {
  inside scanner "$LAB_PYTHON" -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("192.0.2.60", 9))'
  [ "$(scan_packets gate outside)" -gt 0 ] || fail "the counter does not count"
  scan_reset_counters gate
}

# end_field JOURNAL NAME: of its end record.
end_field() { tail -n 1 "$1" | "$LAB_PYTHON" -c 'import json,sys; record = json.load(sys.stdin); assert "end" in record; print(record.get(sys.argv[1]))' "$2"; }
