package tcpdump

import (
	"fmt"
	"testing"
	"time"
)

func TestHexLine(t *testing.T) {
	for line, want := range map[string]string{
		"\t0x0010:  c612 000b ba78 374f  .....x7O":                             "16 c612000bba78374f",
		"        0x0000:  4500 0034 1c46 4000 4006 20b0 7f00 0001  E..4.F@.@.": "0 450000341c4640004006" + "20b07f000001",
		"0x0030: 41 A":                 "48 41",
		"\t0x0040:  4142 43":           "64 414243",
		"\t0x001g:  4142":              "",
		"0x0000  4142":                 "",
		"12:00:00.000000 IP 10.0.0.1.": "",
	} {
		var row [HexLineBytes]byte
		got := ""
		if offset, n, ok := HexLine([]byte(line), &row); ok {
			got = fmt.Sprintf("%d %x", offset, row[:n])
		}
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// Each text begins with its first packet; moments are in UTC, and what was assumed is reported once.
func TestTimes(t *testing.T) {
	for _, c := range []struct {
		lines   []string
		want    string // of the last line; empty: no header
		assumed int
	}{
		{[]string{"2019-05-26 09:16:24.508718 IP a > b"}, "2019-05-26T09:16:24.508718Z", 1},
		{[]string{"1558862184.508718 IP a > b"}, "2019-05-26T09:16:24.508718Z", 0},
		{[]string{"23:59:59.5 IP a > b", "00:00:00.5 IP a > b"}, "2020-01-02T00:00:00.5Z", 1},
		{[]string{"00:00:00.000000 IP a > b", "00:00:01.000000 IP a > b"}, "2020-01-01T00:00:01Z", 1},
		{[]string{"IP a > b"}, "2020-01-01T00:00:00Z", 1},
		{[]string{"no packet"}, "", 0},
	} {
		assumed := 0
		times := NewTimes(nil, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), func(string) { assumed++ })
		got := ""
		for i, line := range c.lines {
			if h, ok := times.Header([]byte(line)); ok {
				ahead := ""
				for _, l := range c.lines[i:] {
					ahead += l + "\n"
				}
				got = times.Resolve(h, []byte(ahead)).UTC().Format(time.RFC3339Nano)
			}
		}
		if got != c.want || assumed != c.assumed {
			t.Errorf("%q: %s with %d assumptions, want %s with %d", c.lines, got, assumed, c.want, c.assumed)
		}
	}
}
