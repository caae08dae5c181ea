# What is done in the laboratory, step by step, as functions: the demo shows them, the end-to-end test checks them.
# DEMARC is the program, TOUR_OUT the folder for evidence and reports, TOUR_RULES the rule set of the day.

TOUR_VANTAGES="external:internet office:office management:management on-web1:web1 on-web1-front:web1"
TOUR_SENSORS="tap-front:front tap-back:back"

tour_say() { printf '\n== %s\n' "$*"; }

# An exit status we did not expect ends the tour, with what was said. tour_expect "0 1" LOG COMMAND...
tour_expect() {
  local allowed=$1 log=$2 status=0
  shift 2
  "$@" >"$log" 2>&1 || status=$?
  case " $allowed " in *" $status "*) return 0 ;; esac
  lab_say "exit $status (expected: $allowed) from: $*"
  cat "$log" >&2
  return 1
}

tour_rules() {
  TOUR_RULES=$TOUR_OUT/demarc.yaml
  $LAB_PYTHON "$DMZ_HERE/shift_dates.py" "$DMZ_HERE/demarc.yaml" "$TOUR_RULES"
}

# What the firewalls really filter by, and their addresses: the rule set's enforcement names these files.
tour_configurations() {
  local name
  for name in edge-fw:edge fw-inner:inner; do
    { inside "${name#*:}" ip -o addr show && inside "${name#*:}" nft list ruleset; } >"$TOUR_OUT/${name%%:*}.nft"
    printf '   %-10s %s lines\n' "${name%%:*}" "$(wc -l <"$TOUR_OUT/${name%%:*}.nft")"
  done
}

# The sensors listen on both switches while the laboratory's clients do their ordinary work.
tour_observe() {
  local pair sensor status
  local listening=()
  for pair in $TOUR_SENSORS; do
    sensor=${pair%%:*}
    rm -f "$TOUR_OUT/$sensor.pcap" "$TOUR_OUT/$sensor.log"
    on "${pair#*:}" "$DEMARC" traffic -i "${pair#*:}" --promiscuous -w "$TOUR_OUT/$sensor.pcap" >"$TOUR_OUT/$sensor.log" 2>&1 &
    listening+=($!)
  done
  for pair in $TOUR_SENSORS; do tour_wait_for_capture "${pair%%:*}" || return 1; done
  dmz_traffic || return 1
  sleep 1  # the last conversations' farewells
  kill -TERM "${listening[@]}" 2>/dev/null || true
  for pair in "${listening[@]}"; do
    status=0
    wait "$pair" || status=$?
    # 3: ended in order by a signal, which is how a capture without -c ends.
    if [ $status -ne 0 ] && [ $status -ne 3 ]; then
      lab_say "a sensor ended with exit $status"
      cat "$TOUR_OUT"/tap-*.log >&2
      return 1
    fi
  done
}

# A capture says when it keeps packets; its socket exists a little earlier.
tour_wait_for_capture() {
  local try
  for try in $(seq 100); do
    if grep -q 'listening on' "$TOUR_OUT/$1.log" 2>/dev/null; then return 0; fi
    sleep 0.1
  done
  lab_say "sensor $1 did not start"
  cat "$TOUR_OUT/$1.log" >&2
  return 1
}

# All vantage points at once: the rate of the scope is theirs together.
tour_scan() {
  local pair vantage status=0
  local -A asking=()
  for pair in $TOUR_VANTAGES; do
    vantage=${pair%%:*}
    rm -f "$TOUR_OUT/$vantage.jsonl"
    on "${pair#*:}" "$DEMARC" scan --rules "$TOUR_RULES" --vantage "$vantage" --rate 20000 --concurrent 5 -o "$TOUR_OUT/$vantage.jsonl" \
      >"$TOUR_OUT/scan-$vantage.log" 2>&1 &
    asking[$vantage]=$!
  done
  for vantage in "${!asking[@]}"; do
    if wait "${asking[$vantage]}"; then
      printf '   %-14s done: %s outcomes on record\n' "$vantage" "$(grep -c '"target"' "$TOUR_OUT/$vantage.jsonl")"
    else
      lab_say "the scan from $vantage ended with exit $?:"
      cat "$TOUR_OUT/scan-$vantage.log" >&2
      status=1
    fi
  done
  return $status
}

tour_evidence() {
  local pair name
  for pair in $TOUR_SENSORS; do name=${pair%%:*}; echo "$name=$TOUR_OUT/$name.pcap"; done
  for pair in $TOUR_VANTAGES; do echo "$TOUR_OUT/${pair%%:*}.jsonl"; done
}

# The verdict: exit 1, because the laboratory is full of mistakes.
tour_verify() {
  local status=0 evidence
  mapfile -t evidence < <(tour_evidence)
  "$DEMARC" verify --rules "$TOUR_RULES" -o "json=$TOUR_OUT/verdict.json" -o "html=$TOUR_OUT/report.html" \
    -o "markdown=$TOUR_OUT/report.md" -o "csv=$TOUR_OUT/report.csv" "$@" "${evidence[@]}" || status=$?
  TOUR_VERDICT_EXIT=$status
}

# What was found against what the laboratory's construction implies.
tour_compare() { $LAB_PYTHON "$DMZ_HERE/compare_findings.py" "$TOUR_OUT/verdict.json" "$DMZ_HERE/expected-findings.txt" "$@"; }
