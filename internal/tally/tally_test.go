package tally

import (
	"encoding/hex"
	"iter"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// TestPacketsWithoutTCP: packets that carry no TCP are counted over all analyses of a run.
func TestPacketsWithoutTCP(t *testing.T) {
	icmp := capture.Packet{Link: capture.LinkRaw, Data: packet(t, "4500001c 00010000 40010000 0a000001 0a000002 0800f7ff 00000000")}
	arp := capture.Packet{Link: capture.LinkEthernet, Data: packet(t, "ffffffffffff 020000000001 0806 0001080006040001 020000000001 0a000001 000000000000 0a000002")}
	var x Tally
	for range 2 {
		a := reassembly.New(reassembly.Options{})
		x.Watch(analysis.NewRun(&analysis.Options{}), a)
		for range a.Segments(of(icmp, arp)) {
			t.Fatal("a segment of a packet without TCP")
		}
	}
	if q := x.Quality(capture.Drops{}); q.NotTCP != 4 {
		t.Errorf("%d packets without TCP, want 4", q.NotTCP)
	}
}

func of(packets ...capture.Packet) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		for _, p := range packets {
			if !yield(p, nil) {
				return
			}
		}
	}
}

func packet(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
