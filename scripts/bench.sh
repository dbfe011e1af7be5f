#!/usr/bin/env bash
# Measures respsniff on captures of redis-benchmark, beside tcpdump on the same files, and prints the table of
# docs/performance.md. Processor time, not elapsed time: other work on the machine hardly changes it. Each figure is the
# median of RUNS runs, taken in turns with those it is compared with.
#
# usage: scripts/bench.sh [DIR]     DIR keeps the captures between runs; without it they are made anew
# needs: go, redis-server, redis-benchmark, tcpdump, /usr/bin/time; the right to capture on lo
set -euo pipefail
cd "$(dirname "$0")/.."

RUNS=${RUNS:-7}
PORT=${PORT:-16379}
made=$(mktemp -d)
dir=${1:-$made}
mkdir -p "$dir"
server='' sniffer=''

stop() { # PID: ends a process that this script started
	[ -z "$1" ] || { kill "$1" 2>/dev/null && wait "$1"; } || true
}
trap 'stop "$sniffer"; stop "$server"; rm -rf "$made"' EXIT

record() { # NAME ARGUMENTS...: captures redis-benchmark with ARGUMENTS into $dir/NAME.pcap, again if packets were dropped
	local file=$dir/$1.pcap try
	shift
	[ -s "$file" ] && return
	for try in 1 2 3; do
		record_once "$file" "$@"
		if grep -q '^0 packets dropped by kernel' "$made/tcpdump.log"; then return; fi
	done
}

record_once() { # FILE ARGUMENTS...
	local file=$1
	shift
	tcpdump -i lo -s 0 -B 524288 -w "$file" "tcp port $PORT" 2>"$made/tcpdump.log" &
	sniffer=$!
	until grep -qs 'listening on' "$made/tcpdump.log"; do
		kill -0 "$sniffer" || { cat "$made/tcpdump.log" >&2; exit 1; }
		sleep 0.1
	done
	redis-benchmark -p "$PORT" -q "$@" >/dev/null 2>&1
	sleep 1
	stop "$sniffer"
	sniffer=''
	echo "$(basename "$file"): $(grep -E '^[0-9]+ packets (captured|dropped by kernel)' "$made/tcpdump.log" | paste -sd, -)" >&2
}

cost() { # COMMAND...: prints processor seconds and peak memory in KiB
	/usr/bin/time -o "$made/time" -f '%U %S %M' "$@" >/dev/null 2>&1 || true # findings have an exit code
	tail -n 1 "$made/time" | awk '{ printf "%.3f %d\n", $1 + $2, $3 }'
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

go build -o "$made/respsniff" ./cmd/respsniff
go test -c -o "$made/bench" ./internal/bench

redis-server --port "$PORT" --bind 127.0.0.1 --save '' --appendonly no --daemonize no >/dev/null &
server=$!
sleep 1
record small -c 50 -n 500000 -r 100000 -d 16 -t get,set
record pipeline -c 50 -n 4000000 -P 32 -r 100000 -d 16 -t get,set
record large -c 1 -n 20000 -d 16384 -t get,set
record churn -c 20 -k 0 -n 60000 -r 100000 -t get
stop "$server"
server=''

echo '| capture | packets | commands | time against `tcpdump -r F -w /dev/null` | time against a pcapgo walk | … that reads 256 KiB at once | peak memory, MiB | allocations a packet |'
echo '|---|---|---|---|---|---|---|---|'
for name in small pipeline large churn; do
	file=$dir/$name.pcap
	for ((i = 0; i < RUNS; i++)); do
		cost tcpdump -r "$file" -w /dev/null >>"$made/$name.tcpdump"
		cost "$made/respsniff" analyze -q "$file" >>"$made/$name.analyze"
		RESPSNIFF_BENCH=$file "$made/bench" -test.run '^$' -test.bench 'File/(pcapgo|pcapgo256K|findings)$' -test.benchtime 3x >>"$made/$name.bench"
	done
	"$made/respsniff" analyze -q -o json "$file" >"$made/$name.json" || true
	walk=$(awk '$1 ~ /pcapgo(-[0-9]+)?$/ { for (i = 2; i <= NF; i++) if ($i == "cpu-ns/packet") print $(i - 1) }' "$made/$name.bench" | median)
	buffered=$(awk '/pcapgo256K/ { for (i = 2; i <= NF; i++) if ($i == "cpu-ns/packet") print $(i - 1) }' "$made/$name.bench" | median)
	whole=$(awk '/findings/ { for (i = 2; i <= NF; i++) if ($i == "cpu-ns/packet") print $(i - 1) }' "$made/$name.bench" | median)
	allocs=$(awk '/findings/ { for (i = 2; i <= NF; i++) if ($i == "allocs/op") print $(i - 1) }' "$made/$name.bench" | median)
	awk -v name="$name" -v walk="$walk" -v buffered="$buffered" -v whole="$whole" -v allocs="$allocs" \
		-v base="$(cut -d' ' -f1 "$made/$name.tcpdump" | median)" -v ours="$(cut -d' ' -f1 "$made/$name.analyze" | median)" \
		-v memory="$(cut -d' ' -f2 "$made/$name.analyze" | median)" \
		-v packets="$(sed -n 's/.*"packets": *\([0-9]*\).*/\1/p' "$made/$name.json" | head -n 1)" \
		-v commands="$(sed -n 's/.*"commands": *\([0-9]*\).*/\1/p' "$made/$name.json" | head -n 1)" 'BEGIN {
		printf "| %s | %d | %d | %.2f | %.1f | %.1f | %.0f | %.4f |\n", name, packets, commands, ours / base, whole / walk, whole / buffered, memory / 1024, allocs / packets
	}'
done
