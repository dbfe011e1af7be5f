#!/bin/sh
# Runs a command, and records the Redis traffic on loopback meanwhile. The exit code is the command's.
#
#   REDIS_PORT=6379 sh record.sh OUT.pcap COMMAND [ARGUMENT...]
#
# Needs the right to capture: root, or tcpdump with the capability cap_net_raw.
set -eu

out=$1
shift
: >"$out.log"
# -Z keeps root from becoming the user tcpdump, who may not write here.
tcpdump -i lo -s 0 -B 65536 -Z "$(id -un)" -w "$out" "tcp port ${REDIS_PORT:-6379}" 2>"$out.log" &
dump=$!
trap 'kill "$dump" 2>/dev/null || true' EXIT
until grep -q 'listening on' "$out.log"; do
	kill -0 "$dump" || { cat "$out.log" >&2; exit 2; }
	sleep 0.05
done

code=0
"$@" || code=$?

sleep 1 # for packets that the kernel still holds
trap - EXIT
kill "$dump"
wait "$dump" || true
cat "$out.log" >&2 # packets dropped by the kernel are told here
rm -f "$out.log"
exit "$code"
