package cluster_test

import (
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/reassembly"
)

// TestSameMapIsReadOnce: a map that says what the last one of its node said shares what was read of that, and is as new as
// its own reply. One that differs does not.
func TestSameMapIsReadOnce(t *testing.T) {
	const (
		one   = `[ [ :0 :16383 [ $10.0.0.2 :7000 $ida ] ] ]`
		other = `[ [ :0 :16383 [ $10.0.0.2 :7000 $idb ] ] ]`
	)
	for _, tc := range []struct {
		name, ask, reply string
		same             bool
	}{
		{"the same", "CLUSTER SLOTS", one, true},
		{"another id", "CLUSTER SLOTS", other, false},
		{"the same bytes to another question", "CLUSTER SHARDS", one, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := scenario.Parse("maps", []byte("host app 10.0.0.1\nhost a 10.0.0.2\nconn c app:40000 -> a:7000\nconn d app:40001 -> a:7000\n"+
				"c > CLUSTER SLOTS => "+one+"\n+1ms d > "+tc.ask+" => "+tc.reply+"\n+1ms d > GET x => $y\n"))
			if err != nil {
				t.Fatal(err)
			}
			run := analysis.NewRun(nil)
			var maps []*cluster.ClusterMap
			for _, err := range run.Events(reassembly.New(reassembly.Options{}).Segments(s.Packets())) {
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range run.Topology().ClusterMaps() {
					if len(maps) == 0 || maps[len(maps)-1] != m {
						maps = append(maps, m)
					}
				}
			}
			switch {
			case tc.ask == "CLUSTER SHARDS":
				if len(maps) != 1 {
					t.Errorf("%d maps, want the first only", len(maps))
				}
			case len(maps) != 2:
				t.Errorf("%d maps, want 2", len(maps))
			default:
				a, b := maps[0], maps[1]
				if shared := &a.Nodes[0] == &b.Nodes[0]; shared != tc.same {
					t.Errorf("the second map shares what the first says: %v, want %v", shared, tc.same)
				}
				if b.Frame <= a.Frame || b.Time <= a.Time || b.Conn == a.Conn || b.Owner(5) != a.Owner(5) {
					t.Errorf("the second map is from frame %d of connection %d, the first from %d of %d", b.Frame, b.Conn, a.Frame, a.Conn)
				}
			}
		})
	}
}
