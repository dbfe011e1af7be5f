#!/usr/bin/env bash
# The pictures of README.md and docs/page.md, of captures in testdata/captures. Needs Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/respsniff" ./cmd/respsniff
go build -o "$work/pictures" ./scripts/pictures
mkdir -p docs/pictures

page() { # CAPTURE NAME
	"$work/respsniff" analyze -q --tz UTC --fail-on none -o "html=$work/$2.html" "testdata/captures/$1.pcap.gz"
}
page 01a_small jedis
page 02a_redispy451_asyncio_cancel redis-py
page 03a_jedispool_leak_4s leak
page 04_multi healthy
"$work/pictures" -o docs/pictures -sizes 1280x900 "$work/jedis.html"
"$work/pictures" -o docs/pictures -sizes 1280x900,390x844 -hash conn-11-3 "$work/jedis.html"
"$work/pictures" -o docs/pictures -sizes 1280x900,390x844 -hash conn-3-36 "$work/redis-py.html"
"$work/pictures" -o docs/pictures -sizes 1280x900,390x844 "$work/leak.html"
"$work/pictures" -o docs/pictures -sizes 1280x900,390x844 -hash conn-1-5 "$work/healthy.html"
