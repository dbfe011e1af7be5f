package capture_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/respsniff/respsniff/capture"
)

// ping is an IPv4 header and TCP header with the payload "+PONG\r\n"; its IP checksum is right.
const ping = "4500002f0001400040063cc67f0000017f000001" + "18eb8000000000010000000250180100000000002b504f4e470d0a"

// dump prints bytes as tcpdump does.
func dump(b []byte) string {
	var out strings.Builder
	for at := 0; at < len(b); at += 16 {
		fmt.Fprintf(&out, "\t0x%04x: ", at)
		row := b[at:min(at+16, len(b))]
		for i := 0; i < len(row); i += 2 {
			fmt.Fprintf(&out, " %s", hex.EncodeToString(row[i:min(i+2, len(row))]))
		}
		out.WriteString("  ")
		for _, c := range row {
			if c < ' ' || c > '~' {
				c = '.'
			}
			out.WriteByte(c)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const line = " IP 127.0.0.1.6379 > 127.0.0.1.32768: Flags [P.], length 7\n"

func TestTextTimes(t *testing.T) {
	hexes := dump(unhex(t, ping))
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	at := func(s string) capture.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return capture.TimeOf(v)
	}
	for _, tt := range []struct {
		name  string
		times []string
		o     capture.Options
		want  []capture.Time
		note  string
	}{
		{"date", []string{"2019-05-26 09:16:24.508718", "2019-05-26 09:16:24.508718123"}, capture.Options{Location: shanghai},
			[]capture.Time{at("2019-05-26T01:16:24.508718Z"), at("2019-05-26T01:16:24.508718123Z")}, ""},
		{"date without zone", []string{"2019-05-26 09:16:24"}, capture.Options{},
			[]capture.Time{at("2019-05-26T09:16:24Z")}, "taken as UTC"},
		{"summer time begins", []string{"2026-03-29 01:59:59.5", "2026-03-29 03:00:00.5"}, capture.Options{Location: berlin},
			[]capture.Time{at("2026-03-29T00:59:59.5Z"), at("2026-03-29T01:00:00.5Z")}, ""},
		{"time of day past midnight", []string{"23:59:59.9", "00:00:00.1", "23:59:59.95", "00:00:02"},
			capture.Options{Date: time.Date(2019, 12, 31, 15, 0, 0, 0, time.UTC)},
			[]capture.Time{at("2019-12-31T23:59:59.9Z"), at("2020-01-01T00:00:00.1Z"), at("2019-12-31T23:59:59.95Z"), at("2020-01-01T00:00:02Z")},
			"2019-12-31"},
		{"time of day without date", []string{"00:00:01", "00:00:02"}, capture.Options{},
			[]capture.Time{1e9, 2e9}, "1970-01-01 UTC is assumed"},
		{"epoch", []string{"1558833384.508718", "1558833384.508718123"}, capture.Options{},
			[]capture.Time{1558833384508718000, 1558833384508718123}, ""},
		{"differences", []string{"00:00:00.000000", "00:00:01.5", "-00:00:00.5", "00:00:00.25"}, capture.Options{},
			[]capture.Time{0, 1.5e9, 1e9, 1.25e9}, "relative"},
		{"since the first", []string{"00:00:00.000000", "00:00:01", "00:00:02", "00:00:03", "00:00:04"}, capture.Options{},
			[]capture.Time{0, 1e9, 2e9, 3e9, 4e9}, "relative"},
		{"no time", []string{"", ""}, capture.Options{}, []capture.Time{0, 0}, "same moment"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var text strings.Builder
			for _, s := range tt.times {
				text.WriteString(strings.TrimLeft(s+line, " ") + hexes)
			}
			tt.o.Stdin = strings.NewReader(text.String())
			packets, files, errs := collect(t, tt.o, "-")
			var got []capture.Time
			for _, p := range packets {
				got = append(got, p.Time)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || len(errs) > 0 {
				t.Errorf("errors %v, times (-want +got):\n%s", errs, diff)
			}
			if notes := strings.Join(files[0].Notes, "; "); !strings.Contains(notes, tt.note) || tt.note == "" && notes != "" {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
		})
	}
}

// TestTextShapes reads what people paste.
func TestTextShapes(t *testing.T) {
	data := unhex(t, ping)
	hexes := dump(data)
	rows := strings.SplitAfter(hexes, "\n")
	one := "1558833384.5" + line
	good := capture.Packet{Time: 1558833384.5e9, Frame: 1, Link: capture.LinkRaw, Length: len(data), Data: data}
	second := good
	second.Frame = 2
	third := good
	third.Frame = 3
	gap := good
	gap.Data = data[:16]
	for _, tt := range []struct {
		name string
		text string
		want []capture.Packet
		note string
	}{
		{"twice", one + hexes + one + hexes, []capture.Packet{good, second}, ""},
		{"carriage returns", strings.ReplaceAll(one+hexes, "\n", "\r\n"), []capture.Packet{good}, ""},
		{"no last newline", strings.TrimSuffix(one+hexes, "\n"), []capture.Packet{good}, ""},
		{"indented and commented", "## what\n\n    " + one + strings.ReplaceAll(hexes, "\t", "            ") + "\n\n## next\n", []capture.Packet{good}, ""},
		{"blanks folded", strings.NewReplacer("\t", " ", "  ", " ").Replace(one + hexes), []capture.Packet{good}, ""},
		{"upper case", one + strings.ReplaceAll(strings.ToUpper(hexes), "0X", "0x"), []capture.Packet{good}, ""},
		{"numbered", "    1  " + one + hexes, []capture.Packet{good}, ""},
		{"a packet without hex between", one + hexes + one + one + hexes, []capture.Packet{good, third}, "1 packet lines have no bytes"},
		{"log lines between", one + hexes + "2019-05-26 09:16:26.801 ERROR [redis] Read timed out\n" + one + hexes, []capture.Packet{good, second}, ""},
		{"only hex follows", one + hexes + hexes, []capture.Packet{good, second}, "hex without a packet line"},
		{"a row is missing", one + rows[0] + strings.Join(rows[2:], ""), []capture.Packet{gap}, "hex lines are missing"},
		{"the first row is missing", one + rows[1] + one + hexes, []capture.Packet{second}, "hex lines are missing"},
		{"long line", strings.Repeat("x", 200_000) + "\n" + one + hexes, []capture.Packet{good}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, info, errs := read(t, []byte(tt.text))
			if diff := cmp.Diff(tt.want, got); diff != "" || len(errs) > 0 {
				t.Errorf("errors %v, packets (-want +got):\n%s", errs, diff)
			}
			if notes := strings.Join(info.Notes, "; "); !strings.Contains(notes, tt.note) || tt.note == "" && notes != "" {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
		})
	}
}

func TestTextCut(t *testing.T) {
	one := "1558833384.5" + line + dump(unhex(t, ping))
	short := "1558833384.5" + line + dump(unhex(t, ping)[:42])
	for _, tt := range []struct {
		name    string
		text    string
		packets int
		cut     bool
	}{
		{"inside a row", one + one[:len(one)-20], 2, true},
		{"behind a row", one + one[:strings.Index(one, "\t0x0020")], 2, true},
		{"snaplen", one + short + short, 3, false},
		{"snaplen, only the last", one + short, 2, false},
		{"nothing", one + one, 2, false},
	} {
		got, info, errs := read(t, []byte(tt.text))
		if cut := len(errs) == 1 && errors.Is(errs[0], capture.ErrCut); len(got) != tt.packets || cut != tt.cut || len(errs) > 1 {
			t.Errorf("%s: %d packets, errors %v", tt.name, len(got), errs)
		}
		if last := got[len(got)-1]; last.Length != 47 {
			t.Errorf("%s: length %d of the last packet, which the IP header says is 47", tt.name, last.Length)
		}
		if tt.cut && !errors.Is(info.Err, capture.ErrCut) {
			t.Errorf("%s: info has error %v", tt.name, info.Err)
		}
	}
}

func TestTextLinks(t *testing.T) {
	const (
		dst, src = "450000000001", "020000000002" // a MAC address that begins like an IP header
		six      = "60000000001b0640" + "00000000000000000000000000000001" + "00000000000000000000000000000001" +
			"18eb8000000000010000000250180100000000002b504f4e470d0a"
	)
	for _, tt := range []struct {
		name   string
		hex    string
		cut    int
		link   capture.LinkType
		length int
	}{
		{"IPv4", ping, 0, capture.LinkRaw, 47},
		{"IPv4, wrong checksum", strings.Replace(ping, "3cc6", "0000", 1), 0, capture.LinkRaw, 47},
		{"IPv4, length 0 of segmentation offload", strings.Replace(ping, "002f", "0000", 1), 0, capture.LinkRaw, 47},
		{"IPv6", six, 0, capture.LinkRaw, 67},
		{"IPv6, cut", six, 10, capture.LinkRaw, 67},
		{"Ethernet", dst + src + "0800" + ping, 0, capture.LinkEthernet, 61},
		{"Ethernet, cut", dst + src + "0800" + ping, 7, capture.LinkEthernet, 61},
		{"Ethernet, padded", dst + src + "0800" + ping + "000000000000", 0, capture.LinkEthernet, 67},
		{"Ethernet IPv6", dst + src + "86dd" + six, 5, capture.LinkEthernet, 81},
		{"VLAN", dst + src + "81000064" + "0800" + ping, 7, capture.LinkEthernet, 65},
		{"QinQ", dst + src + "88a80064" + "81000064" + "0800" + ping, 7, capture.LinkEthernet, 69},
		{"SLL", "00000001" + "0006" + "0200000000020000" + "0800" + ping, 7, capture.LinkSLL, 63},
		{"SLL2", "0800" + "0000" + "00000005" + "0001" + "00" + "06" + "0200000000020000" + ping, 7, capture.LinkSLL2, 67},
		{"NULL", "02000000" + ping, 7, capture.LinkNull, 51},
		{"NULL IPv6", "1e000000" + six, 7, capture.LinkNull, 71},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.hex)
			b = b[:len(b)-tt.cut]
			got, info, errs := read(t, []byte("1558833384.5"+line+dump(b)))
			if len(errs) > 0 || len(got) != 1 {
				t.Fatalf("%d packets, errors %v", len(got), errs)
			}
			if p := got[0]; p.Link != tt.link || p.Length != tt.length || !bytes.Equal(p.Data, b) {
				t.Errorf("link %d, length %d, want %d, %d; data % x", p.Link, p.Length, tt.link, tt.length, p.Data)
			}
			if (tt.cut > 0) != (info.Truncated == 1) {
				t.Errorf("%d truncated packets", info.Truncated)
			}
		})
	}
}

func TestParseDrops(t *testing.T) {
	for _, tt := range []struct {
		text string
		want capture.Drops
	}{
		{"4492851 packets captured\n4675218 packets received by filter\n182367 packets dropped by kernel\n",
			capture.Drops{Known: true, Captured: 4492851, Received: 4675218, Kernel: 182367}},
		{"> 10 packets captured / 12 packets received by filter / 2 packets dropped by kernel, 1 packet dropped by interface",
			capture.Drops{Known: true, Captured: 10, Received: 12, Kernel: 2, Interface: 1}},
		{"1 packet captured\r\n1 packet received by filter\r\n0 packets dropped by kernel\r\n",
			capture.Drops{Known: true, Captured: 1, Received: 1}},
		{"Packets received/dropped on interface 'eth0': 1234/56 (pcap:50/dumpcap:6/flushed:0/ps_ifdrop:7) (95.7%)",
			capture.Drops{Known: true, Received: 1234, Kernel: 56, Interface: 7}},
		{"5 packets dropped by kernel\n6 packets dropped by kernel\n", capture.Drops{Known: true, Kernel: 11}},
		{"the kernel dropped packets", capture.Drops{}},
		{"12345678901234567890 packets captured", capture.Drops{}},
		{"", capture.Drops{}},
	} {
		if got, ok := capture.ParseDrops(tt.text); got != tt.want || ok != tt.want.Known {
			t.Errorf("%.60q: %+v, %v", tt.text, got, ok)
		}
	}
	_, info, errs := read(t, []byte("1558833384.5"+line+dump(unhex(t, ping))+"\n1 packet captured\n3 packets received by filter\n2 packets dropped by kernel\n"))
	if want := (capture.Drops{Known: true, Captured: 1, Received: 3, Kernel: 2}); info.Drops != want || len(errs) > 0 {
		t.Errorf("drops of a text: %+v, errors %v", info.Drops, errs)
	}
}
