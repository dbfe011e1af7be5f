package realtest

import (
	"net/netip"
	"testing"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/testenv"
	"github.com/respsniff/respsniff/internal/trial"
)

// TestEveryCommandAgainstServer records callers that say all they can to a real server. For each command of each
// connection the analysis must name the very reply that its caller read: kind, text and place in the stream.
func TestEveryCommandAgainstServer(t *testing.T) {
	testenv.Needs(t, "redis-server", "tcpdump")
	trial.Run(t, func(r *trial.Trial) { sayAll(t, r) })
}

func sayAll(t *testing.T, r *trial.Trial) {
	plain, cluster := startServer(t), startCluster(t)
	sentinel := startSentinel(t, plain)
	tape := record(t, plain, cluster, sentinel)
	var callers []*caller
	var faulty netip.AddrPort
	meet := func(s *server, what string) *caller {
		c := dial(t, s, what)
		callers = append(callers, c)
		return c
	}
	list := invocations(t)
	for _, m := range manners {
		m.say(meet(plain, m.name), list)
	}
	for _, talk := range talks {
		talk.say(func(who string) *caller {
			s := map[place]*server{onPlain: plain, onCluster: cluster, onSentinel: sentinel}[talk.at]
			c := meet(s, talk.name+": "+who)
			if talk.name == nested {
				faulty = c.local
			}
			return c
		})
	}
	path, whole := tape.stop(t, r)
	if !whole {
		return
	}
	v := judge(t, path, true)
	for _, c := range callers {
		v.holdAgainst(c)
	}
	for _, w := range v.wrong {
		t.Errorf("contradiction: %s", w)
	}
	for _, f := range v.accusations(incident.Medium) {
		if f.Rule == "RS111" && f.Count == 1 && f.Examples[0].Client == faulty {
			faulty = netip.AddrPort{}
			continue
		}
		t.Errorf("%s %s: %s %+v", f.Rule, f.Severity, f.Title, f.Examples)
	}
	if faulty.IsValid() {
		t.Errorf("%s: not found", nested)
	}
	v.coversTable(t)
	t.Logf("%d commands of %d connections", v.summary.Commands, v.summary.RESP)
}
