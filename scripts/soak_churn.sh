#!/usr/bin/env bash
# An hour of a busy host on which clients come and go, as fast as it can be read: resident memory must not drift, and the
# run must end complete and clean.
#
#   scripts/soak_churn.sh [SECONDS] [PACKETS_PER_SECOND] [VANISH]     default: an hour at 20,000, all connections end
#
# With VANISH one connection in so many ends without a sign: it stays open for the analysis, and memory grows until the limit
# of open connections.
#
# Needs curl. Prints a line for each tenth; exit code 1 if the memory of the last quarter is more than 3 % above that of the
# second one.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-3600} rate=${2:-20000} vanish=${3:-0}
metrics=$((30000 + RANDOM % 10000))
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
CGO_ENABLED=0 go build -o "$dir/respsniff" ./cmd/respsniff
go build -o "$dir/churn" ./scripts/churn
{ "$dir/churn" -seconds "$seconds" -rate "$rate" -vanish "$vanish" -commands 200 || true; } |
	"$dir/respsniff" live -i - --interval 0 -o "json=$dir/report.json" -o text=/dev/null --force --metrics 127.0.0.1:$metrics --evidence "$dir" 2>"$dir/log" &
live=$!
sleep 2
pid=$(pgrep -f "metrics 127.0.0.1:$metrics")

figures() { # NAME...: their values now, on one line
	curl -sf "http://127.0.0.1:$metrics/metrics" | awk -v names="$*" '
		BEGIN { n = split(names, name, " ") }
		{ value[$1] = $2 }
		END { for (i = 1; i <= n; i++) printf "%.0f ", value[name[i]]; print "" }'
}

all=$((seconds * rate))
printf '%12s %12s %12s %8s %14s\n' packets connections resident_KiB open incomplete
next=$((all / 100))
while kill -0 "$pid" 2>/dev/null; do
	read -r packets connections open hits < <(figures respsniff_packets_total respsniff_connections_total respsniff_connections_open respsniff_limit_hits_total) || break
	resident=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status" 2>/dev/null) || break
	echo "$packets $resident" >>"$dir/samples"
	if [ "$packets" -ge "$next" ]; then
		printf '%12d %12d %12d %8d %14d\n' "$packets" "$connections" "$resident" "$open" "$hits"
		next=$((next + all / 10))
	fi
	sleep 0.5
done
code=0
wait $live || code=$?
awk -v all="$all" -v code="$code" '
	$1 > all / 4 && $1 <= all / 2 { early += $2; n++ }
	$1 > all * 3 / 4 { late += $2; m++ }
	END {
		if (!n || !m) { print "too few samples"; exit 1 }
		drift = (late / m) / (early / n) - 1
		printf "resident memory: %.0f KiB in the second quarter, %.0f KiB in the last: %+.1f %%; exit code %d\n", early / n, late / m, 100 * drift, code
		exit drift > 0.03 || code != 0
	}' "$dir/samples"
