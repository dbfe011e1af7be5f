package incident

import (
	"net/netip"
	"testing"

	"github.com/respsniff/respsniff/capture"
)

func TestNoCauseComesAfterItsEffect(t *testing.T) {
	cases := []struct {
		name          string
		share         Share
		cause, effect []Occurrence
		want          bool
	}{
		{"ends, before", SameEnds, []Occurrence{at(1, 1, redisA)}, []Occurrence{at(2, 2, redisA)}, true},
		{"ends, at once", SameEnds, []Occurrence{at(1, 2, redisA)}, []Occurrence{at(2, 2, redisA)}, true},
		{"ends, after", SameEnds, []Occurrence{at(1, 3, redisA)}, []Occurrence{at(2, 2, redisA)}, false},
		{"ends, another server", SameEnds, []Occurrence{at(1, 1, redisB)}, []Occurrence{at(2, 2, redisA)}, false},
		{"server, after", SameServer, []Occurrence{at(1, 3, redisA)}, []Occurrence{at(2, 2, redisA)}, false},
		{"client, after", SameClient, []Occurrence{at(1, 3, redisB)}, []Occurrence{at(2, 2, redisA)}, false},
		{"client, before", SameClient, []Occurrence{at(1, 1, redisB)}, []Occurrence{at(2, 2, redisA)}, true},
		{"time, soon after", SameTime, []Occurrence{at(1, 1, redisB)}, []Occurrence{at(2, 6, redisA)}, true},
		{"time, long after", SameTime, []Occurrence{at(1, 1, redisB)}, []Occurrence{at(2, 7, redisA)}, false},
		{"connection, before", SameConnection, []Occurrence{at(1, 1, redisA)}, []Occurrence{at(1, 2, redisA)}, true},
		{"connection, after", SameConnection, []Occurrence{at(1, 3, redisA)}, []Occurrence{at(1, 2, redisA)}, false},
		{"connection, another one", SameConnection, []Occurrence{at(3, 1, redisA)}, []Occurrence{at(1, 2, redisA)}, false},
		{"connection, after it began", SameConnection, []Occurrence{at(1, 3, redisA)}, []Occurrence{at(1, 2, redisA), at(1, 6, redisA)}, false},
		// The cause began later than the effect did elsewhere, but it came first where the two meet.
		{"connection, first elsewhere", SameConnection, []Occurrence{at(2, 5, redisA)}, []Occurrence{at(1, 2, redisA), at(2, 6, redisA)}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			reg := newTestRegister(RegisterOptions{})
			causes := reg.Begin(ruleNamed("RS201"))
			effects := reg.Begin(ruleNamed("RS202", Cause{Rules: []string{"RS201"}, Share: c.share}))
			for _, o := range c.effect {
				effects.Add(o)
			}
			for _, o := range c.cause {
				causes.Add(o)
			}
			all := reg.Findings()
			if got := len(all[1].Causes) > 0; got != c.want {
				t.Errorf("cause and effect: %v, want %v", got, c.want)
			}
			if n := len(reg.Incidents(all)); (n == 1) != c.want {
				t.Errorf("%d incidents", n)
			}
		})
	}
}

// TestOtherwise: a farther cause counts where there is no nearer one.
func TestOtherwise(t *testing.T) {
	causes := []Cause{{Rules: []string{"RS001"}, Share: SameEnds}, {Rules: []string{"RS002"}, Share: SameEnds, Otherwise: true}}
	for name, near := range map[string]bool{"with a nearer one": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			reg := newTestRegister(RegisterOptions{})
			nearer, farther, effects := reg.Begin(ruleNamed("RS001")), reg.Begin(ruleNamed("RS002")), reg.Begin(ruleNamed("RS003", causes...))
			if near {
				nearer.Add(at(1, 1, redisA))
			}
			farther.Add(at(1, 1, redisA))
			effects.Add(at(1, 2, redisA))
			all := reg.Findings()
			effect := all[len(all)-1]
			if len(effect.Causes) != 1 || effect.Causes[0] != all[0].Fingerprint {
				t.Errorf("causes %v of %v", effect.Causes, all)
			}
		})
	}
}

func TestStalledWaitIsCause(t *testing.T) {
	stall := StallSpan{Start: 1e9, End: 4e9, StartFrame: 10, EndFrame: 20}
	reg := newTestRegister(RegisterOptions{StallBehind: func(server netip.AddrPort, from, to capture.Time) (StallSpan, bool) {
		return stall, server == redisA && from < stall.End && to > stall.Start
	}})
	o := at(0, 1, redisA)
	o.AnyClient = true
	reg.Begin(ruleNamed("RS401")).Add(o)
	reads := reg.Begin(ruleNamed("RS210", Cause{Rules: []string{"RS401"}, Share: StalledWait}))
	reads.Add(at(5, 3, redisA))
	reads.Add(at(6, 3, redisB))
	reg.WaitEnded(Wait{Conn: 5, Client: app.Addr(), Server: redisA, From: 2e9, To: 3e9, Frame: 12, Command: "GET"})
	reg.WaitEnded(Wait{Conn: 6, Client: app.Addr(), Server: redisB, From: 2e9, To: 3e9, Frame: 13, Command: "GET"})
	all := reg.Findings()
	for _, f := range all {
		if caused := len(f.Causes) > 0; caused != (f.Rule == "RS210" && f.Server == redisA) {
			t.Errorf("%s of %s: causes %v", f.Rule, f.Server, f.Causes)
		}
	}
	incidents := reg.Incidents(all)
	if len(incidents) != 2 {
		t.Fatalf("%d incidents, want that of the stall and that of the other server", len(incidents))
	}
	in := &incidents[0]
	if in.Steps[0].Rule != "RS401" || in.Steps[0].Role != RoleCause || in.Steps[1].Role != RoleEffect || in.Class != ServerFault || in.Cause.What != "test" {
		t.Errorf("%+v", in)
	}
}
