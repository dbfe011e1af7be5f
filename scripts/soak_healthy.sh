#!/usr/bin/env bash
# Healthy load of real clients, recorded on loopback and analysed: nothing of RS1xx may be printed, at any severity.
#
#   scripts/soak_healthy.sh [COMMANDS] [CLIENT...]     default: 1,000,000 of each client
#
# Clients: lockstep and pipelines (redis-benchmark, 50 connections), redis-cli, ioredis, node-redis, go-redis, redigo,
# rueidis. Every client checks the values that it reads. Needs root, redis-server, redis-tools and tcpdump; node with npm, and
# Go, for the clients of those, which are fetched into a temporary folder. Prints a Markdown table. Exit code 1 if a
# client was accused, read a wrong value or could not run, or if packets were dropped, with which a run shows nothing.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
commands=${1:-1000000}
shift || true
clients=("$@")
[ ${#clients[@]} -gt 0 ] || clients=(lockstep pipelines redis-cli ioredis node-redis go-redis redigo rueidis)
callers=50
dir=$(mktemp -d)
pids=()
cleanup() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

CGO_ENABLED=0 go build -o "$dir/respsniff" ./cmd/respsniff || exit 1

# A program of node: as many callers as asked for share what the library gives them. Two commands a turn.
node_program() { # LIBRARY VERSION
	local at=$dir/$1
	mkdir -p "$at" && cd "$at" || return 1
	echo '{"private":true,"type":"commonjs"}' >package.json
	npm install --silent --no-audit --no-fund "$1@$2" >npm.log 2>&1 || { cat npm.log; return 1; }
	cat >load.js <<'JS'
const [library, port, commands, callers] = [process.argv[2], +process.argv[3], +process.argv[4], +process.argv[5]];
async function open() {
	if (library === 'ioredis') return new (require('ioredis'))({ port, host: '127.0.0.1' });
	const c = require('redis').createClient({ url: `redis://127.0.0.1:${port}` });
	await c.connect();
	return c;
}
async function main() {
	const c = await open();
	await Promise.all(Array.from({ length: callers }, async (_, n) => {
		for (let i = 0; i < commands / callers / 2; i++) {
			const key = `k${n}`, value = `${n}:${i}`;
			await c.set(key, value);
			const got = await c.get(key);
			if (got !== value) throw new Error(`${key}: ${got}, not ${value}`);
		}
	}));
	await c.quit();
}
main().catch(e => { console.error(e); process.exit(1); });
JS
}

# A Go module with the client's own few lines, and the load that all share.
go_program() { # NAME MODULE VERSION; the client's file on standard input
	local at=$dir/$1
	mkdir -p "$at" && cd "$at" || return 1
	cat >client.go
	cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
)

func main() {
	commands, _ := strconv.Atoi(os.Args[2])
	callers, _ := strconv.Atoi(os.Args[3])
	turn := open("127.0.0.1:"+os.Args[1], callers)
	var all sync.WaitGroup
	for n := range callers {
		all.Go(func() {
			for i := range commands / callers / 2 {
				key, value := fmt.Sprintf("k%d", n), fmt.Sprintf("%d:%d", n, i)
				if got, err := turn(key, value); err != nil || got != value {
					fmt.Fprintf(os.Stderr, "%s: %q, not %q: %v\n", key, got, value, err)
					os.Exit(1)
				}
			}
		})
	}
	all.Wait()
}
GO
	{ go mod init soak && go get "$2@$3" && GOFLAGS=-mod=mod go build -o load .; } >build.log 2>&1 || { cat build.log; return 1; }
}

prepare() { # CLIENT: what must be there before it is recorded
	case $1 in
	lockstep | pipelines | redis-cli) ;;
	ioredis) node_program ioredis 5 ;;
	node-redis) node_program redis 5 ;;
	go-redis)
		go_program go-redis github.com/redis/go-redis/v9 v9.7.3 <<'GO'
package main

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Half of the turns are a pipeline of two.
func open(addr string, callers int) func(key, value string) (string, error) {
	c := redis.NewClient(&redis.Options{Addr: addr, PoolSize: callers})
	ctx := context.Background()
	return func(key, value string) (string, error) {
		if value[len(value)-1]%2 == 0 {
			p := c.Pipeline()
			p.Set(ctx, key, value, 0)
			got := p.Get(ctx, key)
			_, err := p.Exec(ctx)
			return got.Val(), err
		}
		if err := c.Set(ctx, key, value, 0).Err(); err != nil {
			return "", err
		}
		return c.Get(ctx, key).Result()
	}
}
GO
		;;
	redigo)
		go_program redigo github.com/gomodule/redigo v1.9.2 <<'GO'
package main

import "github.com/gomodule/redigo/redis"

func open(addr string, callers int) func(key, value string) (string, error) {
	pool := &redis.Pool{MaxIdle: callers, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", addr) }}
	return func(key, value string) (string, error) {
		c := pool.Get()
		defer c.Close()
		if _, err := c.Do("SET", key, value); err != nil {
			return "", err
		}
		return redis.String(c.Do("GET", key))
	}
}
GO
		;;
	rueidis)
		go_program rueidis github.com/redis/rueidis v1.0.60 <<'GO'
package main

import (
	"context"

	"github.com/redis/rueidis"
)

func open(addr string, _ int) func(key, value string) (string, error) {
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	return func(key, value string) (string, error) {
		if err := c.Do(ctx, c.B().Set().Key(key).Value(value).Build()).Error(); err != nil {
			return "", err
		}
		return c.Do(ctx, c.B().Get().Key(key).Build()).ToString()
	}
}
GO
		;;
	*)
		echo "no such client: $1"
		return 1
		;;
	esac
}

load() { # CLIENT PORT
	case $1 in
	lockstep) redis-benchmark -p "$2" -q -c $callers -n $((commands / 2)) -t set,get -r 1000 ;;
	pipelines) redis-benchmark -p "$2" -q -c $callers -P 16 -n $((commands / 2)) -t set,get -r 1000 ;;
	redis-cli) # one caller that waits for each reply
		awk -v n=$((commands / 2)) 'BEGIN { for (i = 0; i < n; i++) printf "SET k %d\nGET k\n", i }' | redis-cli -p "$2" |
			awk 'NR % 2 ? $0 != "OK" : $0 != NR / 2 - 1 { print "line " NR ": " $0; exit 1 }'
		;;
	ioredis) (cd "$dir/ioredis" && node load.js ioredis "$2" "$commands" $callers) ;;
	node-redis) (cd "$dir/redis" && node load.js node-redis "$2" "$commands" $callers) ;;
	*) "$dir/$1/load" "$2" "$commands" $callers ;;
	esac
}

version() { # CLIENT
	case $1 in
	lockstep | pipelines) redis-benchmark --version | awk '{ print $1, $2 }' ;;
	redis-cli) redis-cli --version ;;
	ioredis) echo "ioredis $(node -p "require('$dir/ioredis/node_modules/ioredis/package.json').version")" ;;
	node-redis) echo "node-redis $(node -p "require('$dir/redis/node_modules/redis/package.json').version")" ;;
	*) echo "$1 $(awk -v m="$1" '$2 == "require" || /^require/ { f = 1 } f && index($0, m) { for (i = 1; i < NF; i++) if ($i ~ m) { print $(i + 1); exit } }' "$dir/$1/go.mod")" ;;
	esac
}

failed=0
fail() {
	echo "$@" >&2
	failed=1
}

printf '| load | client | commands | packets | dropped | RS1xx | other findings | load s | analyze s |\n'
printf '|---|---|--:|--:|--:|--:|---|--:|--:|\n'
for client in "${clients[@]}"; do
	why=$(prepare "$client" 2>&1) || { fail "$client: not run: $why"; continue; }
	port=$((20000 + RANDOM % 10000))
	redis-server --port $port --bind 127.0.0.1 --save "" --dir "$dir" --loglevel warning >"$dir/redis.log" &
	server=$!
	tcpdump -i lo -n -B 262144 -w - "tcp port $port" >"$dir/lo.pcap" 2>"$dir/tcpdump.log" &
	dump=$!
	pids=($server $dump)
	for _ in $(seq 100); do
		grep -q 'listening on' "$dir/tcpdump.log" && redis-cli -p $port PING >/dev/null 2>&1 && break
		sleep 0.1
	done
	sleep 1
	began=$SECONDS
	load "$client" $port >"$dir/load.log" 2>&1 || fail "$client: the load failed: $(tail -3 "$dir/load.log")"
	loaded=$((SECONDS - began))
	sleep 3 # the kernel hands packets over once a second
	kill -INT $dump
	wait $dump
	kill $server
	wait $server 2>/dev/null
	packets=$(awk '/packets captured/ { print $1 }' "$dir/tcpdump.log")
	dropped=$(awk '/dropped by kernel/ { print $1 }' "$dir/tcpdump.log")
	began=$SECONDS
	"$dir/respsniff" analyze --port $port --fail-on none --memory-limit 1GiB -o "ndjson=$dir/out.ndjson" --force "$dir/lo.pcap" 2>"$dir/analyze.log" ||
		fail "$client: analyze: exit code $?: $(tail -3 "$dir/analyze.log")"
	analyzed=$((SECONDS - began))
	accused=$(grep -c '"rule":"RS1' "$dir/out.ndjson")
	others=$(grep -o '"rule":"RS[2-9][0-9]*"' "$dir/out.ndjson" | cut -d'"' -f4 | sort -u | paste -sd' ')
	seen=$(grep -o '"commands":[0-9]*' "$dir/out.ndjson" | tail -1 | cut -d: -f2)
	printf '| %s | %s | %s | %s | %s | %s | %s | %d | %d |\n' "$client" "$(version "$client")" "$seen" "$packets" "$dropped" "$accused" "${others:-none}" $loaded $analyzed
	if [ "$accused" -gt 0 ]; then
		fail "$client: healthy traffic was accused:"
		grep '"rule":"RS1' "$dir/out.ndjson" | cut -c1-600 >&2
	fi
	[ "${dropped:-1}" -eq 0 ] || fail "$client: $dropped packets were dropped: this run shows nothing"
	[ "${seen:-0}" -ge "$commands" ] || fail "$client: only $seen of $commands commands were recorded"
done
exit $failed
