#!/usr/bin/env bash
# Measures respsniff on captures of a real server, beside tcpdump on the same files, and prints the tables of
# docs/performance.md. Processor time, not elapsed time: other work on the machine hardly changes it. Each figure is the
# median of RUNS runs, taken in turns with those it is compared with.
#
# usage: scripts/bench.sh [DIR]     DIR keeps the captures between runs; without it they are made anew
# needs: go, redis-server, redis-benchmark, tcpdump, gzip, zstd, /usr/bin/time; the right to capture on lo
set -euo pipefail
cd "$(dirname "$0")/.."

RUNS=${RUNS:-5}
PORT=${PORT:-16379}
made=$(mktemp -d)
dir=${1:-$made}
mkdir -p "$dir"
server='' sniffer=''

stop() { # PID: ends a process that this script started
	[ -z "$1" ] || { kill "$1" 2>/dev/null && wait "$1"; } || true
}
trap 'stop "$sniffer"; stop "$server"; rm -rf "$made"' EXIT

record() { # NAME COMMAND...: captures what COMMAND does with the server into $dir/NAME.pcap, again if packets were dropped
	local file=$dir/$1.pcap try
	shift
	[ -s "$file" ] && return
	for try in 1 2 3; do
		record_once "$file" "$@"
		if grep -q '^0 packets dropped by kernel' "$made/tcpdump.log"; then return; fi
	done
}

record_once() { # FILE COMMAND...
	local file=$1
	shift
	tcpdump -i lo -s 0 -B 524288 -w "$file" "tcp port $PORT" 2>"$made/tcpdump.log" &
	sniffer=$!
	until grep -qs 'listening on' "$made/tcpdump.log"; do
		kill -0 "$sniffer" || { cat "$made/tcpdump.log" >&2; exit 1; }
		sleep 0.1
	done
	"$@" >/dev/null 2>&1
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

time_of() { cut -d' ' -f1 "$made/$1" | median; }     # SAMPLES: seconds
memory_of() { cut -d' ' -f2 "$made/$1" | median; }   # SAMPLES: KiB
ratio() { awk -v a="$(time_of "$1")" -v b="$(time_of "$2")" 'BEGIN { printf "%.2f", a / b }'; }

go build -o "$made/respsniff" ./cmd/respsniff
go test -c -o "$made/bench" ./internal/bench
go build -o "$made/tracking" ./scripts/tracking
go -C testdata/goredis build -o "$made/mixed" ./mixed

redis-server --port "$PORT" --bind 127.0.0.1 --save '' --appendonly no --daemonize no >/dev/null &
server=$!
sleep 1
load=(redis-benchmark -p "$PORT" -q)
record small "${load[@]}" -c 50 -n 500000 -r 100000 -d 16 -t get,set
record pipeline "${load[@]}" -c 50 -n 4000000 -P 32 -r 100000 -d 16 -t get,set
record large "${load[@]}" -c 1 -n 20000 -d 16384 -t get,set
record churn "${load[@]}" -c 20 -k 0 -n 60000 -r 100000 -t get
record mixed "$made/mixed" "127.0.0.1:$PORT" 600000
record tracking "$made/tracking" "127.0.0.1:$PORT" 400000
stop "$server"
server=''
[ -s "$dir/open.pcap" ] || go run ./scripts/churn -conns 200000 -hosts 5 -vanish 0 -seconds 128 >"$dir/open.pcap"

count() { sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p" "$made/$1.json" | head -n 1; }

echo '| capture | packets | commands | time against `tcpdump -r F -w /dev/null` | … against a pcapgo walk | peak memory, MiB | allocations a packet |'
echo '|---|--:|--:|--:|--:|--:|--:|'
for name in small pipeline large churn open mixed tracking; do
	file=$dir/$name.pcap
	for ((i = 0; i < RUNS; i++)); do
		cost tcpdump -r "$file" -w /dev/null >>"$made/$name.tcpdump"
		cost "$made/respsniff" analyze -q "$file" >>"$made/$name.analyze"
	done
	RESPSNIFF_BENCH=$file "$made/bench" -test.run '^$' -test.bench 'File/(pcapgo256K|findings)$' -test.benchtime 3x >>"$made/$name.bench"
	"$made/respsniff" analyze -q -o json "$file" >"$made/$name.json" || true
	unit() { awk -v stage="$1" -v unit="$2" '$1 ~ stage { for (i = 2; i <= NF; i++) if ($i == unit) print $(i - 1) }' "$made/$name.bench" | median; }
	awk -v walk="$(unit pcapgo256K cpu-ns/packet)" -v whole="$(unit findings cpu-ns/packet)" -v allocs="$(unit findings allocs/op)" \
		-v name="$name" -v ratio="$(ratio "$name.analyze" "$name.tcpdump")" -v memory="$(memory_of "$name.analyze")" \
		-v packets="$(count "$name" packets)" -v commands="$(count "$name" commands)" 'BEGIN {
		printf "| %s | %d | %d | %s | %.1f | %.0f | %.4f |\n", name, packets, commands, ratio, whole / walk, memory / 1024, allocs / packets
	}'
done

# The other ways in and out, on small commands.
file=$dir/small.pcap
[ -s "$dir/small.pcap.gz" ] || gzip -1 -k "$file"
[ -s "$dir/small.pcap.zst" ] || zstd -q "$file"
mkdir -p "$dir/pieces"
[ -n "$(ls "$dir/pieces")" ] || tcpdump -r "$file" -C $(($(stat -c %s "$file") / 1000000 / 99)) -Z root -w "$dir/pieces/small" 2>/dev/null
for ((i = 0; i < RUNS; i++)); do
	cost "$made/respsniff" analyze -q "$file" >>"$made/analyze"
	cost "$made/respsniff" stats "$file" >>"$made/stats"
	cost "$made/respsniff" pairs -o ndjson "$file" >>"$made/pairs"
	cost "$made/respsniff" analyze -q "$dir/small.pcap.gz" >>"$made/gz"
	cost gzip -dc "$dir/small.pcap.gz" >>"$made/gunzip"
	cost "$made/respsniff" analyze -q "$dir/small.pcap.zst" >>"$made/zst"
	cost "$made/respsniff" analyze -q "$dir"/pieces/* >>"$made/pieces"
done
echo
echo '| on *small* | time against `analyze` of the plain file |'
echo '|---|--:|'
echo "| \`stats\` | $(ratio stats analyze) |"
awk -v a="$(time_of pairs)" -v n="$(count small commands)" -v r="$(ratio pairs analyze)" 'BEGIN { printf "| `pairs -o ndjson`: %.2f us a command | %s |\n", a / n * 1e6, r }'
echo "| gzip (\`gzip -dc\` alone: $(ratio gunzip analyze)) | $(ratio gz analyze) |"
echo "| zstd | $(ratio zst analyze) |"
echo "| $(ls "$dir/pieces" | wc -l) files | $(ratio pieces analyze) |"

# The start.
head -c 1500 "$file" >"$made/ten.pcap"
for ((i = 0; i < 5 * RUNS; i++)); do
	cost "$made/respsniff" version >>"$made/version"
	cost "$made/respsniff" analyze -q "$made/ten.pcap" >>"$made/ten"
done
echo
echo "Start: \`version\` $(time_of version) s of processor time and $(($(memory_of version) / 1024)) MiB, \`analyze\` on ten packets $(time_of ten) s and $(($(memory_of ten) / 1024)) MiB."
