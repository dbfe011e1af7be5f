#!/usr/bin/env bash
# A live run beside steady load: resident memory must not drift and goroutines must not gather.
#
#   scripts/soak.sh [SECONDS] [PACKETS_PER_SECOND]     default: an hour at 20,000
#
# Needs root, redis-server, redis-benchmark and curl. Prints a line each ten seconds; exit code 1 if the memory of the
# last quarter is more than 3 % above that of the second one, goroutines grew, packets were dropped, or healthy traffic was
# accused.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-3600} rate=${2:-20000}
port=$((20000 + RANDOM % 10000)) metrics=$((30000 + RANDOM % 10000))
dir=$(mktemp -d)
pids=()
cleanup() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT

CGO_ENABLED=0 go build -o "$dir/respsniff" ./cmd/respsniff
redis-server --port $port --bind 127.0.0.1 --save "" --dir "$dir" --loglevel warning >"$dir/redis.log" &
pids+=($!)
"$dir/respsniff" live -i lo --port $port --interval 0 -o "ndjson=$dir/out.ndjson" --evidence "$dir" --metrics 127.0.0.1:$metrics 2>"$dir/log" &
live=$!
pids+=($live)
sleep 2

figure() { # NAME: its value now
	curl -sf "http://127.0.0.1:$metrics/metrics" | awk -v name="$1" '$1 == name { print int($2) }'
}

printf '%8s %12s %10s %12s %10s %10s %8s\n' second packets dropped resident_KiB heap_KiB goroutines open
start=$SECONDS
second=0
while [ $second -lt "$seconds" ]; do
	began=$EPOCHREALTIME
	# A request and its reply are two packets; 20 connections come and go each second.
	redis-benchmark -p $port -q -c 20 -n $((rate / 2)) -t set,get -d 100 >/dev/null
	spent=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { d = 2 - (b - a); print (d > 0 ? d : 0) }') # two tests a turn
	sleep "$spent"
	now=$((SECONDS - start))
	if ! kill -0 $live 2>/dev/null; then
		echo "the live run ended by itself:"
		tail -n 20 "$dir/log"
		exit 1
	fi
	if [ $((now / 10)) -gt $((second / 10)) ]; then
		resident=$(awk '/^VmRSS/ { print $2 }' "/proc/$live/status")
		goroutines=$(figure go_goroutines)
		printf '%8d %12d %10d %12d %10d %10d %8d\n' $now "$(figure respsniff_packets_total)" "$(figure respsniff_kernel_dropped_packets_total)" \
			"$resident" $(($(figure go_memstats_heap_inuse_bytes) / 1024)) "$goroutines" "$(figure respsniff_connections_open)"
		echo "$now $resident $goroutines" >>"$dir/samples"
	fi
	second=$now
done
dropped=$(figure respsniff_kernel_dropped_packets_total)
kill -INT $live
code=0
wait $live || code=$?
awk -v all="$seconds" -v dropped="$dropped" -v code="$code" '
	$1 >= all / 4 && $1 < all / 2 { early += $2; n++; if ($3 > g) g = $3 }
	$1 >= all * 3 / 4 { late += $2; m++; if ($3 > h) h = $3 }
	END {
		if (!n || !m) { print "too short to judge"; exit 1 }
		drift = (late / m) / (early / n) - 1
		printf "resident memory drift %.1f %%, goroutines %d then %d, %d packets dropped, exit code %d\n", drift * 100, g, h, dropped, code
		exit drift > 0.03 || h > g + 2 || dropped > 0 || code != 0
	}' "$dir/samples"
