#!/usr/bin/env bash
# What live capture costs: processor time a packet and packets dropped, beside redis-benchmark at full speed.
#
#   scripts/soak-cost.sh [REQUESTS]     default: 500,000
#
# Each program captures the same load in a run of its own: tcpdump -w /dev/null, this one with its AF_PACKET ring and with
# libpcap, and both of these without the analysis. Needs root, redis-server, redis-benchmark, tcpdump and libpcap-dev. Prints a Markdown table.
set -euo pipefail
cd "$(dirname "$0")/.."
requests=${1:-500000}
port=$((20000 + RANDOM % 10000))
dir=$(mktemp -d)
pids=()
cleanup() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT
CGO_ENABLED=0 go build -o "$dir/ring" ./cmd/respsniff
CGO_ENABLED=1 go build -tags libpcap -o "$dir/libpcap" ./cmd/respsniff
CGO_ENABLED=0 go build -o "$dir/walk" ./scripts/soakwalk
CGO_ENABLED=1 go build -tags libpcap -o "$dir/walk-libpcap" ./scripts/soakwalk
redis-server --port $port --bind 127.0.0.1 --save "" --dir "$dir" --loglevel warning >/dev/null &
pids+=($!)
sleep 1
hertz=$(getconf CLK_TCK)

measure() { # NAME PIPELINE COMMAND...: a row of the table
	local name=$1 pipeline=$2 pid before after rps packets dropped
	shift 2
	"$@" >"$dir/out" 2>"$dir/log" &
	pid=$!
	pids+=($pid)
	sleep 2
	before=$(awk '{ print $14 + $15 }' /proc/$pid/stat)
	rps=$(redis-benchmark -p $port -q -n "$requests" -t get -P "$pipeline" --csv | awk -F'"' '/GET/ { print int($4) }')
	sleep 0.5
	after=$(awk '{ print $14 + $15 }' /proc/$pid/stat)
	resident=$(awk '/^VmHWM/ { print int($2 / 1024) }' /proc/$pid/status)
	kill -INT $pid
	wait $pid || true
	if [ "$name" = "tcpdump -w /dev/null" ]; then
		packets=$(awk '/packets captured/ { print $1 }' "$dir/log")
		dropped=$(awk '/dropped by kernel/ { print $1 }' "$dir/log")
	else
		packets=$(grep -o '"packets":[0-9]*' "$dir/out" | tail -1 | cut -d: -f2)
		dropped=$(grep -o '"kernel_drops":[0-9]*' "$dir/out" | tail -1 | cut -d: -f2)
	fi
	awk -v n="$name" -v p="$packets" -v d="$dropped" -v t=$((after - before)) -v hz="$hertz" -v rps="$rps" -v mib="$resident" -v pl="$pipeline" 'BEGIN {
		printf "| %s | %d | %d | %d | %d | %.0f | %d |\n", n, pl, rps, p, d, t / hz * 1e9 / p, mib }'
}

echo '| program | pipeline | requests/s beside it | packets | dropped | CPU, ns a packet | peak memory, MiB |'
echo '|---|---|---|---|---|---|---|'
for pipeline in 1 16; do
	measure "tcpdump -w /dev/null" $pipeline tcpdump -i lo -s 262144 -B 65536 -w /dev/null "port $port"
	measure "AF_PACKET ring, packets counted only" $pipeline "$dir/walk" lo $port
	measure "libpcap, packets counted only" $pipeline "$dir/walk-libpcap" lo $port
	measure "respsniff live, AF_PACKET ring" $pipeline "$dir/ring" live -i lo --port $port -o ndjson --interval 0
	measure "respsniff live, ring, --evidence --metrics -w" $pipeline "$dir/ring" live -i lo --port $port -o ndjson --interval 0 --evidence "$dir" --metrics 127.0.0.1:0 -w "$dir/$pipeline.pcapng"
	measure "respsniff live, libpcap" $pipeline "$dir/libpcap" live -i lo --port $port -o ndjson --interval 0
done
