package report

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

func TestRecorderIsBounded(t *testing.T) {
	r := NewRecorder()
	var conns []*analysis.ConnSummary
	server := netip.MustParseAddrPort("10.0.0.2:6379")
	for i := range 3000 {
		client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 4000)
		at := sampleStart.Add(time.Duration(i) * time.Millisecond)
		for n := range 2 {
			e := &pairing.Exchange{Index: n + 1, Served: true, Owed: n}
			e.Time, e.EndTime = at, at
			e.Serves.FirstTime = at.Add(time.Millisecond)
			r.Exchange(e, int64(i+1), client, server)
		}
		conns = append(conns, &analysis.ConnSummary{ID: int64(i + 1), Client: client, Server: server, First: at, Last: at.Add(time.Second), ReadTimeout: time.Second})
	}
	fs := []incident.Finding{{Examples: []incident.Example{{Conn: 1}, {Conn: 2}, {Conn: 2999}}}}
	s := r.Series(fs, conns)
	if len(s.Owed) != 2 || len(s.Open) != MaxFigureLines || len(s.Latency) != MaxFigureLines || len(r.owed) != maxOwedConns || len(r.latency) != maxLatency {
		t.Errorf("%d debts, %d lines, %d histograms; kept %d and %d", len(s.Owed), len(s.Open), len(s.Latency), len(r.owed), len(r.latency))
	}
	if l := s.Latency[0]; l.Counts[7] != 2 || fmt.Sprint(l.ReadTimeoutMS) != "[1000]" {
		t.Errorf("%+v", l)
	}
	for _, o := range s.Open {
		most := 0
		for _, p := range o.Points {
			most = max(most, p.Open)
		}
		if most != 1 || o.Points[len(o.Points)-1].Open != 0 {
			t.Errorf("%s: %+v", o.Client, o.Points)
		}
	}
}
